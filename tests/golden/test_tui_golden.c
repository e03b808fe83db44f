/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_tui_golden.c - pictures of a real recording, compared cell by cell with those
 * kept in tests/golden: at several sizes, in each glyph set and depth of colour, and
 * one of every pane.
 *
 * tests/golden/lazy.mprof is `memprof demo lazy`. After a change that is meant, `make
 * golden` writes them anew: look at the difference before it is committed.
 */
#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/tui_ops.h"

#define DIR	 "tests/golden/"
#define LETTERS	 62
#define MAX_TEXT (1 << 20)

/* One picture. */
struct shot {
	const char *name; /* of the file */
	int w, h;
	bool utf8;
	int depth;
	bool light, styles; /* styles: attributes and colours are kept too */
	const char *keys;   /* typed before                                */
	const char *pane;   /* shown, over the whole height; or NULL       */
};

static const struct shot shots[] = {
	{ .name = "numbers", .w = 40, .h = 10, .utf8 = true, .depth = 256 },
	{ .name = "narrow", .w = 40, .h = 24, .utf8 = true, .depth = 256 },
	{ .name = "60x20-ascii", .w = 60, .h = 20, .depth = 8 },
	{ .name = "80x24", .w = 80, .h = 24, .utf8 = true, .depth = 256, .styles = true },
	{ .name = "80x24-light",
	  .w = 80,
	  .h = 24,
	  .utf8 = true,
	  .depth = 256,
	  .light = true,
	  .styles = true },
	{ .name = "80x24-8", .w = 80, .h = 24, .utf8 = true, .depth = 8, .styles = true },
	{ .name = "80x24-mono", .w = 80, .h = 24, .utf8 = true, .styles = true },
	{ .name = "80x24-ascii-mono", .w = 80, .h = 24, .styles = true },
	{ .name = "80x24-cursor",
	  .w = 80,
	  .h = 24,
	  .utf8 = true,
	  .depth = 256,
	  .keys = " hhhhhhhhhhhhhhhhhhhhhhhhhhhhhh" },
	{ .name = "120x40", .w = 120, .h = 40, .utf8 = true, .depth = 256 },
	{ .name = "200x60", .w = 200, .h = 60, .utf8 = true, .depth = 256 },
	{ .name = "help", .w = 80, .h = 24, .utf8 = true, .depth = 256, .keys = "?" },
	{ .name = "details", .w = 80, .h = 24, .utf8 = true, .depth = 256, .keys = "\r" },
};
#define SHOTS_N (sizeof(shots) / sizeof(shots[0]))

/* --- the recording ------------------------------------------------------------------------- */

static struct ops *load(const struct shot *s)
{
	struct mp_reader *r, *past;
	const struct mp_event *ev;
	struct ops *o = ops_new(1, false, s->utf8, s->depth);
	bool key;
	size_t n;

	mp_model_free(o->m);
	mp_history_free(o->h);
	o->m = mp_model_new();
	assert_int_equal(mp_reader_open(DIR "lazy.mprof", &r), 0);
	while (mp_reader_next(r, &ev, &n, &key) > 0)
		for (size_t i = 0; i < n; i++)
			mp_model_fold(o->m, &ev[i]);
	mp_reader_close(r);
	assert_int_equal(mp_reader_open(DIR "lazy.mprof", &past), 0);
	assert_int_equal(mp_history_from_reader(past, &o->h), 0);
	o->src.ctx = o;
	o->reader = past;
	o->theme.light = s->light;
	return o;
}

static void turn_to(struct ops *o, const char *pane)
{
	for (int i = 0; i < TUI_PANES && strcmp(tui_pane(&o->f)->name, pane) != 0; i++) {
		tui_pane_turn(&o->f, 1);
		ops_begin(o, o->w, o->h_rows);
	}
	assert_string_equal(tui_pane(&o->f)->name, pane);
}

/* --- a picture as text ------------------------------------------------------------------ */

struct text {
	char *s;
	size_t n;
};

static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->s + t->n, MAX_TEXT - t->n, fmt, ap);
	va_end(ap);
	assert_true(n >= 0 && t->n + (size_t)n < MAX_TEXT);
	t->n += (size_t)n;
}

/* A letter for each style in the order they come up; ' ' is the terminal's own. */
static char letter_of(struct tui_style st, struct tui_style *known, size_t *n)
{
	static const char letters[LETTERS + 1] = "abcdefghijklmnopqrstuvwxyz"
						 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t i;

	if (!st.fg && !st.bg && !st.attr)
		return ' ';
	for (i = 0; i < *n; i++)
		if (memcmp(&known[i], &st, sizeof(st)) == 0)
			return letters[i];
	assert_true(*n < LETTERS);
	known[(*n)++] = st;
	return letters[i];
}

/* The cells' styles as letters, then what the letters stand for. */
static void add_styles(struct text *t, const struct tui_grid *g)
{
	struct tui_style known[LETTERS];
	size_t n = 0;

	add(t, "---\n");
	for (int y = 0; y < g->h; y++) {
		int last = g->w;

		while (last > 0 && letter_of(tui_grid_at(g, last - 1, y)->st, known, &n) == ' ')
			last--;
		for (int x = 0; x < last; x++)
			add(t, "%c", letter_of(tui_grid_at(g, x, y)->st, known, &n));
		add(t, "\n");
	}
	for (size_t i = 0; i < n; i++)
		add(t, "%c: fg %u bg %u%s%s%s%s\n", letter_of(known[i], known, &n), known[i].fg,
		    known[i].bg, known[i].attr & TUI_BOLD ? " bold" : "",
		    known[i].attr & TUI_DIM ? " dim" : "",
		    known[i].attr & TUI_REVERSE ? " reverse" : "",
		    known[i].attr & TUI_UNDERLINE ? " underline" : "");
}

static struct text picture(const struct shot *s)
{
	struct text t = { .s = calloc(1, MAX_TEXT) };
	struct ops *o = load(s);
	char *dump;

	assert_non_null(t.s);
	ops_draw(o, s->w, s->h);
	for (const char *k = s->keys; k && *k; k++) {
		ops_key(o, *k);
		ops_draw(o, s->w, s->h);
	}
	if (s->pane) {
		turn_to(o, s->pane);
		ops_draw(o, s->w, s->h);
	}
	dump = tui_grid_dump(&o->g);
	assert_non_null(dump);
	add(&t, "%s", dump);
	free(dump);
	if (s->styles)
		add_styles(&t, &o->g);
	add(&t, "cursor %d %d\n", o->g.cursor_x, o->g.cursor_y);
	ops_free(o);
	return t;
}

/* --- and the one kept -------------------------------------------------------------------- */

static char *path_of(const struct shot *s, char *buf, size_t size)
{
	snprintf(buf, size, DIR "%s.txt", s->name);
	return buf;
}

static char *kept(const struct shot *s)
{
	char path[128], *text = calloc(1, MAX_TEXT);
	FILE *f = fopen(path_of(s, path, sizeof(path)), "re");

	if (!f)
		fail_msg("%s is missing: make golden writes it", path);
	assert_true(fread(text, 1, MAX_TEXT - 1, f) > 0);
	fclose(f);
	return text;
}

static const char *line_of(const char **s, int *len)
{
	const char *line = *s, *end = strchrnul(line, '\n');

	*len = (int)(end - line);
	*s = *end ? end + 1 : end;
	return line;
}

/* Both pictures' lines where they differ, the kept one first. */
static void show_difference(const char *want, const char *got)
{
	for (int n = 1; *want || *got; n++) {
		int wn, gn;
		const char *w = line_of(&want, &wn), *g = line_of(&got, &gn);

		if (wn != gn || memcmp(w, g, (size_t)wn) != 0)
			print_error("%3d -%.*s\n    +%.*s\n", n, wn, w, gn, g);
	}
}

static bool compare(const struct shot *s)
{
	struct text t = picture(s);
	char *want = kept(s);
	bool same = strcmp(want, t.s) == 0;

	if (!same) {
		print_error("%s%s.txt:\n", DIR, s->name);
		show_difference(want, t.s);
	}
	free(want);
	free(t.s);
	return same;
}

static void pictures(void **state)
{
	bool same = true;

	(void)state;
	for (size_t i = 0; i < SHOTS_N; i++)
		same &= compare(&shots[i]);
	if (!same)
		fail_msg("pictures have changed: if that is meant, make golden");
}

/* Every pane that has something to show of this recording. */
static size_t pane_shots(struct shot *to)
{
	static char names[TUI_PANES][32];
	struct ops *o = load(&shots[0]);
	size_t n = 0;

	ops_draw(o, 80, 24);
	for (int i = 0; i < TUI_PANES; i++) {
		const struct tui_pane *p = tui_panes[i];

		if (p->there && !p->there(&o->f))
			continue;
		snprintf(names[n], sizeof(names[n]), "pane-%s", p->name);
		to[n] = (struct shot){ .name = names[n],
				       .w = 100,
				       .h = 24,
				       .utf8 = true,
				       .depth = 256,
				       .keys = "e",
				       .pane = p->name };
		n++;
	}
	ops_free(o);
	return n;
}

static void panes(void **state)
{
	struct shot all[TUI_PANES];
	size_t n = pane_shots(all);
	bool same = true;

	(void)state;
	for (size_t i = 0; i < n; i++)
		same &= compare(&all[i]);
	if (!same)
		fail_msg("panes have changed: if that is meant, make golden");
}

static void write_one(const struct shot *s)
{
	struct text t = picture(s);
	char path[128];
	FILE *f = fopen(path_of(s, path, sizeof(path)), "we");

	OPS_CHECK(f && fputs(t.s, f) >= 0 && fclose(f) == 0);
	free(t.s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pictures),
		cmocka_unit_test(panes),
	};
	struct shot all[TUI_PANES];

	setlocale(LC_ALL, "C.UTF-8");
	setenv("TZ", "UTC", 1);
	if (argc > 1 && strcmp(argv[1], "--write") == 0) {
		for (size_t i = 0; i < SHOTS_N; i++)
			write_one(&shots[i]);
		for (size_t i = 0, n = pane_shots(all); i < n; i++)
			write_one(&all[i]);
		return 0;
	}
	return cmocka_run_group_tests_name("tui_golden", tests, NULL, NULL);
}
