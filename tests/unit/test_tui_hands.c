/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_tui_hands.c - what a user's hands can do: the prompt, every command and its
 * completion, help and hints at every size, the mouse on every part of the screen, and
 * where the terminal's cursor stands meanwhile.
 */
#include <locale.h>

#include "ev.h"

#include "tui/commands.h"
#include "tui/draw.h"
#include "tui/keys.h"
#include "tui/mouse.h"
#include "tui/pointer.h"
#include "user/model/pageset.h"

#define SEC    1000000000ULL
#define START  (7 * SEC)
#define POINTS 3000
#define MAPS   60

struct hands {
	struct mp_model m;
	struct mp_proc p;
	struct mp_proc *procs[1];
	struct mp_point pts[POINTS];
	struct mp_mapping maps[MAPS];
	char *strs[3];
	struct tui_view view;
	struct tui_theme theme;
	struct tui_frame f;
	struct tui_grid g;
};

static struct hands *hands(bool live)
{
	struct hands *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->strs[1] = "/opt/odd one.so";
	s->strs[2] = "/opt/even.so";
	s->m.strs = s->strs;
	s->m.n_strs = 3;
	s->procs[0] = &s->p;
	s->m.procs = s->procs;
	s->m.n_procs = 1;
	s->m.start = START;
	for (size_t i = 0; i < POINTS; i++) {
		s->pts[i].ts = START + i * MP_TL_WIDTH0;
		s->pts[i].rss = s->pts[i].rss_min = s->pts[i].rss_max = 1 << 20;
		s->pts[i].committed = s->pts[i].used = s->pts[i].owed = MP_UNKNOWN;
	}
	s->p.tl = (struct mp_timeline){ START, MP_TL_WIDTH0, POINTS, s->pts, POINTS };
	s->m.now = START + POINTS * MP_TL_WIDTH0 - 1;
	for (int i = 0; i < MAPS; i++) {
		s->maps[i].start = 0x1000000ULL * (uint64_t)(i + 1);
		s->maps[i].end = s->maps[i].start + 0x100000;
		s->maps[i].bits = MP_MAP_R | MP_MAP_FILE;
		s->maps[i].name = i % 2 ? 1 : 2;
		s->maps[i].next = i < MAPS - 1 ? &s->maps[i + 1] : NULL;
	}
	s->p.maps = s->maps;
	s->p.n_maps = MAPS;
	s->p.pages = mp_pageset_new();
	assert_non_null(s->p.pages);
	tui_view_init(&s->view, live);
	tui_theme_init(&s->theme, true, 256);
	s->f.now = s->f.state = &s->m;
	s->f.view = &s->view;
	s->f.theme = &s->theme;
	s->f.live = live;
	return s;
}

static void drop(struct hands *s)
{
	tui_frame_free(&s->f);
	tui_grid_free(&s->g);
	mp_pageset_free(s->p.pages);
	free(s);
}

static void render(struct hands *s, int w, int h)
{
	assert_int_equal(tui_frame_begin(&s->f, w, h), 0);
	assert_int_equal(tui_grid_resize(&s->g, w, h), 0);
	tui_draw(&s->g, &s->f);
	assert_true(s->g.cursor_x >= 0 && s->g.cursor_x < w);
	assert_true(s->g.cursor_y >= 0 && s->g.cursor_y < h);
}

static void expect(struct hands *s, const char *what)
{
	char *text = tui_grid_dump(&s->g);

	if (!strstr(text, what))
		fail_msg("no \"%s\" in\n%s", what, text);
	free(text);
}

static void type(struct hands *s, const char *text)
{
	for (; *text; text++)
		tui_key(&s->f, *text);
}

static void press(struct hands *s, int key)
{
	assert_true(tui_key(&s->f, key));
	render(s, 80, 24);
}

static void command(struct hands *s, const char *line)
{
	*s->view.wish.say = '\0';
	press(s, ':');
	type(s, line);
	press(s, '\r');
	assert_int_equal(s->view.prompt.ask, TUI_ASK_NONE);
}

/* --- the line ------------------------------------------------------------------------- */

static void line_is(struct tui_prompt *p, const char *text, size_t at)
{
	assert_string_equal(p->text, text);
	assert_int_equal(p->at, at);
}

static void line_is_edited(void **state)
{
	static struct tui_prompt p;
	static const int word[] = { 'a', 0xe9, ' ', 0x65e5, 'b' };

	(void)state;
	memset(&p, 0, sizeof(p));
	tui_prompt_open(&p, TUI_ASK_COMMAND, "");
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(tui_prompt_key(&p, word[i]), TUI_EDIT_CHANGED);
	line_is(&p,
		"a\xc3\xa9 \xe6\x97\xa5"
		"b",
		8);
	tui_prompt_key(&p, TUI_KEY_LEFT);
	tui_prompt_key(&p, TUI_KEY_LEFT);
	line_is(&p,
		"a\xc3\xa9 \xe6\x97\xa5"
		"b",
		4);
	tui_prompt_key(&p, TUI_KEY_DELETE);
	line_is(&p, "a\xc3\xa9 b", 4);
	tui_prompt_key(&p, TUI_CTRL('w'));
	line_is(&p, "b", 0);
	tui_prompt_key(&p, TUI_KEY_END);
	tui_prompt_key(&p, 0xfc);
	tui_prompt_key(&p, 127);
	line_is(&p, "b", 1);
	tui_prompt_key(&p, TUI_CTRL('a'));
	tui_prompt_key(&p, 'x');
	line_is(&p, "xb", 1);
	tui_prompt_key(&p, TUI_CTRL('k'));
	line_is(&p, "x", 1);
	tui_prompt_key(&p, TUI_CTRL('u'));
	line_is(&p, "", 0);
	/* no control character, half of a pair or mouse gets in */
	for (int k = 0; k < 4; k++)
		assert_int_equal(
			tui_prompt_key(&p, (int[]){ 1 + 27, 0x9b, 0xd800, TUI_KEY_MOUSE }[k]),
			TUI_EDIT_NONE);
	assert_int_equal(tui_prompt_key(&p, 127), TUI_EDIT_LEFT);
}

static void line_is_remembered(void **state)
{
	static struct tui_prompt p;

	(void)state;
	memset(&p, 0, sizeof(p));
	for (int i = 0; i < TUI_PAST_MAX + 5; i++) {
		char text[8];

		snprintf(text, sizeof(text), "c%d", i);
		tui_prompt_open(&p, TUI_ASK_COMMAND, text);
		tui_prompt_close(&p, true);
		tui_prompt_open(&p, TUI_ASK_COMMAND, text); /* once is enough */
		tui_prompt_close(&p, true);
	}
	tui_prompt_open(&p, TUI_ASK_FILTER, "f");
	tui_prompt_close(&p, true);
	tui_prompt_open(&p, TUI_ASK_COMMAND, "mine");
	for (int i = 0; i < TUI_PAST_MAX + 3; i++)
		tui_prompt_key(&p, TUI_KEY_UP);
	line_is(&p, "c5", 2);
	tui_prompt_key(&p, TUI_KEY_DOWN);
	line_is(&p, "c6", 2);
	for (int i = 0; i < TUI_PAST_MAX + 3; i++)
		tui_prompt_key(&p, TUI_KEY_DOWN);
	line_is(&p, "mine", 4);
}

static void random_keys_keep_the_line_whole(void **state)
{
	static const int keys[] = { TUI_KEY_LEFT,   TUI_KEY_RIGHT,     TUI_KEY_HOME,
				    TUI_KEY_END,    TUI_KEY_UP,	       TUI_KEY_DOWN,
				    TUI_KEY_DELETE, TUI_KEY_BACKSPACE, 127,
				    TUI_CTRL('w'),  TUI_CTRL('u'),     TUI_CTRL('k'),
				    TUI_CTRL('d'),  TUI_KEY_PAGE_UP,   TUI_KEY_MOUSE,
				    TUI_KEY_NONE };
	struct rnd r = rnd_seed("random keys in the prompt", 11);
	static struct tui_prompt p;

	(void)state;
	memset(&p, 0, sizeof(p));
	tui_prompt_open(&p, TUI_ASK_FILTER, "");
	for (int i = 0; i < 200000; i++) {
		unsigned what = (unsigned)rnd_below(&r, 100);
		int key = what < 20   ? keys[rnd_below(&r, 16)]
			  : what < 70 ? (int)(' ' + rnd_below(&r, 95))
				      : (int)rnd_below(&r, 0x10020);
		enum tui_edit e = tui_prompt_key(&p, key);
		size_t len = strlen(p.text), at = 0;

		assert_true(len < sizeof(p.text) && p.at <= len);
		while (at < p.at) {
			assert_true(tui_text_typed(p.text + at));
			at += tui_text_step(p.text + at);
		}
		assert_int_equal(at, p.at);
		if (e == TUI_EDIT_DONE || e == TUI_EDIT_LEFT || rnd_below(&r, 400) == 0) {
			tui_prompt_close(&p, e != TUI_EDIT_LEFT);
			tui_prompt_open(&p, (enum tui_ask)(1 + rnd_below(&r, 2)),
					rnd_below(&r, 2) ? "\xff\xc3 bro\x1bken" : "");
		}
	}
}

/* --- commands ---------------------------------------------------------------------------- */

static void commands_are_a_sound_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < tui_commands_n; i++) {
		const struct tui_command *c = &tui_commands[i];
		size_t args = c->args ? 1 + strlen(c->args) : 0;

		assert_true(c->name && c->help && !c->key != !c->run);
		if (c->key) {
			assert_non_null(tui_key_find(c->key));
			assert_null(c->args);
		}
		assert_true(!c->word || c->args);
		/* two columns of help fit into 80 */
		assert_true(strlen(c->name) + args <= 15 && strlen(c->help) <= 20);
	}
}

/* As far as it is told apart from the others, Tab does the rest. */
static void every_command_completes(void **state)
{
	struct hands *s = hands(false);

	(void)state;
	render(s, 80, 24);
	for (size_t i = 0; i < tui_commands_n; i++) {
		const char *name = tui_commands[i].name;
		size_t same = 0, len = strlen(name);
		char want[32];

		for (size_t j = 0; j < tui_commands_n; j++)
			for (size_t n = 0; j != i && n < len; n++)
				if (strncmp(name, tui_commands[j].name, n + 1) == 0 && n + 1 > same)
					same = n + 1;
		for (size_t n = same + 1; n <= len; n++) {
			snprintf(want, sizeof(want), "%.*s", (int)n, name);
			tui_ask(&s->f, TUI_ASK_COMMAND, want);
			press(s, '\t');
			snprintf(want, sizeof(want), "%s%s", name, tui_commands[i].args ? " " : "");
			assert_string_equal(s->view.prompt.text, want);
			expect(s, name);
			expect(s, tui_commands[i].help);
		}
		for (size_t k = 0; tui_commands[i].word && tui_commands[i].word(&s->f, k); k++) {
			snprintf(want, sizeof(want), "%s %s", name, tui_commands[i].word(&s->f, k));
			tui_ask(&s->f, TUI_ASK_COMMAND, want);
			press(s, '\t');
			assert_string_equal(s->view.prompt.text, want);
		}
		press(s, 27);
	}
	/* what several have in common, and what they are */
	tui_ask(&s->f, TUI_ASK_COMMAND, "p");
	press(s, '\t');
	assert_memory_equal(s->view.prompt.text, "p", 1);
	expect(s, "pane");
	expect(s, "pause");
	drop(s);
}

static void every_command_answers(void **state)
{
	static const char *const args[] = { "",	  " ",	     " ?",	 " zzz",
					    " 1", " -1e300", " fit fit", " \xc3\xa9" };
	struct hands *s = hands(true);
	char line[64];

	(void)state;
	render(s, 80, 24);
	for (size_t i = 0; i < tui_commands_n; i++) {
		const struct tui_command *c = &tui_commands[i];

		for (size_t k = 0; k < sizeof(args) / sizeof(args[0]); k++) {
			snprintf(line, sizeof(line), "%s%s", c->name, args[k]);
			command(s, line);
			/* words that are none are never taken silently */
			if (strcmp(args[k], " zzz") == 0 && (c->word || !c->args))
				assert_true(*s->view.wish.say);
			s->view.help = s->view.page = false;
		}
		for (size_t k = 0; c->word && c->word(&s->f, k); k++) {
			snprintf(line, sizeof(line), "%s %s", c->name, c->word(&s->f, k));
			command(s, line);
			s->view.help = s->view.page = false;
		}
	}
	drop(s);
}

static void commands_do_what_keys_do(void **state)
{
	struct hands *s = hands(true);
	struct tui_wish *wish = &s->view.wish;

	(void)state;
	render(s, 80, 24);
	command(s, "pause");
	assert_false(s->view.follow);
	command(s, "fol");
	assert_true(s->view.follow);
	command(s, "pane THR");
	assert_int_equal(s->view.pane, TUI_P_THREADS);
	assert_true(s->view.in_table);
	command(s, "pane foo");
	assert_non_null(strstr(wish->say, "try: mappings"));
	assert_non_null(strstr(wish->say, "no such pane: foo"));
	command(s, "pane m");
	command(s, "sort size");
	assert_string_equal(tui_pane(&s->f)->cols[tui_pane_sorted(&s->f)].head, "size");
	command(s, "sort");
	assert_non_null(strstr(wish->say, "size"));
	command(s, "filter even");
	assert_int_equal(s->f.rows.n, MAPS / 2);
	command(s, "filter");
	assert_int_equal(s->f.rows.n, MAPS);
	command(s, "zoom 5s");
	assert_true(s->f.win.colw * (uint64_t)s->f.win.cols >= 5 * SEC &&
		    s->f.win.colw * (uint64_t)s->f.win.cols < 6 * SEC);
	command(s, "zoom 2 weeks");
	assert_true(*wish->say);
	command(s, "zoom fit");
	assert_true(s->view.fit);
	command(s, "save a file.mprof ");
	assert_true(wish->save);
	assert_string_equal(wish->path, "a file.mprof");
	command(s, "snapshot");
	assert_true(wish->snapshot);
	assert_string_equal(wish->path, "");
	command(s, "s x");
	assert_non_null(strstr(wish->say, "s could be several of"));
	command(s, "quit now");
	assert_false(wish->quit);
	command(s, "q");
	assert_true(wish->quit);
	drop(s);
}

/* --- the filter ---------------------------------------------------------------------------- */

static void filter_counts_while_it_is_typed(void **state)
{
	struct hands *s = hands(false);
	const struct tui_row *first;

	(void)state;
	render(s, 80, 24);
	press(s, '/');
	press(s, 'E');
	press(s, 'V');
	assert_int_equal(s->f.rows.n, MAPS / 2);
	expect(s, "/EV");
	assert_int_equal(s->g.cursor_y, 23);
	assert_int_equal(s->g.cursor_x, 3);
	press(s, '\r');
	assert_int_equal(s->f.rows.n, MAPS / 2);
	expect(s, "  /EV\n");
	/* n goes round */
	press(s, 'n');
	assert_true(s->view.in_table);
	first = tui_pane_selected(&s->f);
	assert_ptr_equal(first, &s->f.rows.v[1]);
	press(s, 'N');
	press(s, 'N');
	assert_ptr_equal(tui_pane_selected(&s->f), &s->f.rows.v[MAPS / 2 - 1]);
	press(s, 'n');
	assert_ptr_equal(tui_pane_selected(&s->f), &s->f.rows.v[0]);
	/* it is each pane's own */
	press(s, 't');
	assert_string_equal(s->view.ps[s->view.pane].filter, "");
	press(s, 'T');
	press(s, 27);
	assert_int_equal(s->f.rows.n, MAPS);
	press(s, '/');
	type(s, "zz");
	render(s, 80, 24);
	assert_int_equal(s->f.rows.n, 0);
	press(s, 'n'); /* text now */
	press(s, 27);
	assert_int_equal(s->f.rows.n, MAPS);
	press(s, 'n');
	assert_non_null(strstr(s->view.wish.say, "no filter"));
	drop(s);
}

/* --- help and hints -------------------------------------------------------------------------- */

/* All pages, one after the other, without the box. */
static char *help_text(struct hands *s, int w, int h)
{
	char *all = calloc(1, 1 << 20), *was = NULL, *page;

	s->view.help = true;
	s->view.help_top = 0;
	for (int i = 0; i < 200; i++) {
		render(s, w, h);
		page = tui_grid_dump(&s->g);
		if (was && strcmp(was, page) == 0) {
			free(page);
			break;
		}
		strcat(all, page);
		free(was);
		was = page;
		if (!s->view.turns)
			break;
		assert_true(tui_key(&s->f, TUI_KEY_DOWN));
	}
	free(was);
	assert_true(s->view.help);
	return all;
}

static void help_has_all_of_it(void **state)
{
	static const int sizes[][2] = { { 40, 10 },  { 43, 11 },  { 60, 15 },
					{ 79, 24 },  { 80, 24 },  { 100, 30 },
					{ 120, 40 }, { 132, 43 }, { 300, 100 } };
	struct hands *s = hands(false);

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *text = help_text(s, sizes[i][0], sizes[i][1]);

		for (size_t k = 0; k < tui_keys_n; k++) {
			char row[80];

			if (tui_keys[k].act)
				snprintf(row, sizeof(row), "%-8s %s", tui_keys[k].name,
					 tui_keys[k].help);
			else
				snprintf(row, sizeof(row), "%s", tui_keys[k].help);
			if (!strstr(text, row))
				fail_msg("%dx%d: no \"%s\" in\n%s", sizes[i][0], sizes[i][1], row,
					 text);
		}
		for (size_t k = 0; k < tui_commands_n; k++) {
			char row[80];

			char name[40];

			snprintf(name, sizeof(name), "%s%s%s", tui_commands[k].name,
				 tui_commands[k].args ? " " : "",
				 tui_commands[k].args ? tui_commands[k].args : "");
			snprintf(row, sizeof(row), "%-16s %s", name, tui_commands[k].help);
			if (!strstr(text, row))
				fail_msg("%dx%d: no \"%s\" in\n%s", sizes[i][0], sizes[i][1], row,
					 text);
		}
		assert_non_null(strstr(text, "releases and notes."));
		assert_non_null(strstr(text, "wheel"));
		free(text);
	}
	drop(s);
}

static void help_is_turned_and_left(void **state)
{
	struct hands *s = hands(false);

	(void)state;
	render(s, 80, 24);
	press(s, '?');
	expect(s, "help, 1 of");
	press(s, TUI_KEY_UP);
	expect(s, "help, 1 of");
	press(s, TUI_KEY_PAGE_DOWN);
	expect(s, "help, 2 of");
	press(s, 27);
	assert_false(s->view.help);
	press(s, '?');
	expect(s, "help, 1 of");
	drop(s);
}

/* Every hint stands there as a whole, and a click finds it. */
static void hints_are_whole(struct hands *s, int w, int h)
{
	const struct tui_key *was = NULL;
	int from = 0, n = 0;

	render(s, w, h);
	for (int x = 0; x <= w; x++) {
		const struct tui_key *k = x < w ? tui_hint_at(&s->f, x) : NULL;

		if (was && k != was) {
			assert_int_equal(x - from, tui_text_width(was->hint));
			for (int i = from; i < x; i++)
				assert_int_equal(tui_grid_at(&s->g, i, h - 1)->ch,
						 was->hint[i - from]);
			n++;
		}
		if (k != was)
			from = x;
		was = k;
	}
	assert_true(n >= (w < 60 ? 2 : 4));
	assert_ptr_equal(tui_hint_at(&s->f, 1), tui_key_find('q'));
}

static void hints_fit_every_width(void **state)
{
	struct hands *s = hands(true);

	(void)state;
	for (int w = 40; w < 200; w++) {
		for (int i = 0; i < 4; i++) {
			s->view.follow = i & 1;
			s->view.in_table = i & 2;
			hints_are_whole(s, w, 10 + w % 20);
		}
	}
	s->view.in_table = true;
	render(s, 80, 24);
	expect(s, "s sort");
	s->view.in_table = s->view.follow = false;
	render(s, 80, 24);
	expect(s, "End now");
	s->f.answer = "saved to x\x1b[2J";
	render(s, 80, 24);
	expect(s, "saved to x?[2J");
	assert_null(tui_hint_at(&s->f, 1));
	drop(s);
}

/* --- the mouse ---------------------------------------------------------------------------------
 */

static int feed(struct tui_mouse_in *in, const char *bytes, size_t n, struct tui_mouse *m)
{
	int rc = -2;

	for (size_t i = 0; i < n; i++)
		rc = tui_mouse_feed(in, (unsigned char)bytes[i], m);
	return rc;
}

static void report(const char *bytes, enum tui_mouse_what what, int x, int y, bool shift)
{
	struct tui_mouse_in in = { 0 };
	struct tui_mouse m = { 0 };

	tui_mouse_begin(&in, true);
	assert_int_equal(feed(&in, bytes, strlen(bytes), &m), 1);
	assert_int_equal(m.what, what);
	assert_int_equal(m.x, x);
	assert_int_equal(m.y, y);
	assert_int_equal(m.shift, shift);
	assert_int_equal(in.form, TUI_MOUSE_IDLE);
}

static void reports_are_read(void **state)
{
	static const char *const broken[] = { "M",	  "0;M", "0;1;M",   "0;0;1M",
					      "0;1;1;1M", "x",	 "-1;1;1M", "99999999999;1;1M" };
	struct tui_mouse_in in;
	struct tui_mouse m;

	(void)state;
	report("0;1;1M", TUI_MOUSE_PRESS, 0, 0, false);
	report("0;300;100m", TUI_MOUSE_RELEASE, 299, 99, false);
	report("32;7;8M", TUI_MOUSE_DRAG, 6, 7, false);
	report("64;7;8M", TUI_MOUSE_WHEEL_UP, 6, 7, false);
	report("69;7;8M", TUI_MOUSE_WHEEL_DOWN, 6, 7, true);
	report("66;7;8M", TUI_MOUSE_WHEEL_LEFT, 6, 7, false);
	report("67;7;8M", TUI_MOUSE_WHEEL_RIGHT, 6, 7, false);
	report("2;7;8M", TUI_MOUSE_NOTHING, 6, 7, false);
	report("128;7;8M", TUI_MOUSE_NOTHING, 6, 7, false);
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		const char *b = broken[i];
		int rc = 0;

		tui_mouse_begin(&in, true);
		for (; *b && in.form; b++)
			rc = tui_mouse_feed(&in, *b, &m);
		assert_int_equal(rc, -1);
	}
	tui_mouse_begin(&in, false);
	assert_int_equal(feed(&in, " !!", 3, &m), 1);
	assert_true(m.what == TUI_MOUSE_PRESS && m.x == 0 && m.y == 0);
	tui_mouse_begin(&in, false);
	assert_int_equal(feed(&in, "#\x7f!", 3, &m), 1);
	assert_true(m.what == TUI_MOUSE_RELEASE && m.x == 94 && m.y == 0);
	tui_mouse_begin(&in, false);
	assert_int_equal(feed(&in, "a!!", 3, &m), 1);
	assert_int_equal(m.what, TUI_MOUSE_WHEEL_DOWN);
	/* nothing is being read */
	assert_int_equal(tui_mouse_feed(&in, 'M', &m), -1);
}

static void random_reports_do_no_harm(void **state)
{
	static const char some[] = "0123456789;;;MMm<\033[ x";
	struct rnd r = rnd_seed("random bytes of a mouse", 3);
	struct tui_mouse_in in = { 0 };
	struct tui_mouse m;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		int ch = rnd_below(&r, 3) ? some[rnd_below(&r, sizeof(some) - 1)]
					  : (int)rnd_below(&r, 0x10000);

		if (in.form == TUI_MOUSE_IDLE)
			tui_mouse_begin(&in, rnd_below(&r, 2));
		if (tui_mouse_feed(&in, ch, &m) == 1)
			assert_true(m.x >= 0 && m.y >= 0);
		assert_true(in.n >= 0 && in.n <= 2);
	}
}

static bool mouse(struct hands *s, enum tui_mouse_what what, int x, int y)
{
	struct tui_mouse m = { what, x, y, false };

	return tui_pointer(&s->f, &m);
}

static void click(struct hands *s, int x, int y)
{
	mouse(s, TUI_MOUSE_PRESS, x, y);
	mouse(s, TUI_MOUSE_RELEASE, x, y);
	render(s, s->f.lay.w, s->f.lay.h);
}

/* Wherever the plot is clicked, there the cursor is: on the lanes and the axis too. */
static void click_sets_the_cursor(void **state)
{
	static const int sizes[][2] = { { 60, 10 }, { 80, 24 }, { 120, 40 }, { 300, 100 } };

	(void)state;
	for (int live = 0; live < 2; live++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			struct hands *s = hands(live);
			const struct tui_rect *r = &s->f.lay.plot;

			render(s, sizes[i][0], sizes[i][1]);
			for (int x = 0; x < r->w; x += 7) {
				if (!s->f.cols[x].any)
					continue;
				click(s, r->x + x, r->y + r->h / 2);
				assert_false(s->view.follow);
				assert_int_equal(s->f.win.cursor, x);
				assert_int_equal(s->g.cursor_x, r->x + x);
			}
			click(s, r->x + 3, s->f.lay.axis.y);
			assert_int_equal(s->f.win.cursor, 3);
			drop(s);
		}
	}
}

static void drag_takes_the_cursor_along(void **state)
{
	struct hands *s = hands(false);
	const struct tui_rect *r = &s->f.lay.plot;
	uint64_t cursor;

	(void)state;
	render(s, 80, 24);
	mouse(s, TUI_MOUSE_PRESS, r->x + 20, r->y);
	assert_false(mouse(s, TUI_MOUSE_NOTHING, 0, 0));
	for (int x = 20; x < 40; x++) {
		assert_true(mouse(s, TUI_MOUSE_DRAG, r->x + x, x % 24));
		render(s, 80, 24);
		assert_int_equal(s->f.win.cursor, x);
	}
	mouse(s, TUI_MOUSE_RELEASE, r->x + 39, 0);
	cursor = s->view.cursor;
	/* what was pressed elsewhere drags nothing */
	mouse(s, TUI_MOUSE_PRESS, 3, s->f.lay.table.y + 2);
	mouse(s, TUI_MOUSE_DRAG, r->x + 5, r->y);
	assert_int_equal(s->view.cursor, cursor);
	drop(s);
}

static void wheel_zooms_at_the_pointer(void **state)
{
	struct hands *s = hands(false);
	const struct tui_rect *r = &s->f.lay.plot;
	uint64_t colw, at;

	(void)state;
	render(s, 80, 24);
	click(s, r->x + 40, r->y);
	colw = s->f.win.colw;
	for (int i = 0; i < 3; i++) {
		at = (uint64_t)(s->f.win.col0 + 30) * s->f.win.colw;
		assert_true(mouse(s, TUI_MOUSE_WHEEL_UP, r->x + 30, r->y));
		render(s, 80, 24);
		assert_true(s->f.win.colw <= colw / 2 + 1);
		colw = s->f.win.colw;
		/* the moment under the pointer is still there */
		assert_true((uint64_t)(s->f.win.col0 + 30) * colw + 2 * colw >= at);
		assert_true((uint64_t)(s->f.win.col0 + 30) * colw <= at + 2 * colw);
		assert_true(s->f.win.cursor >= 0 && s->f.win.cursor < s->f.win.cols);
	}
	for (int i = 0; i < 9; i++) {
		mouse(s, TUI_MOUSE_WHEEL_DOWN, r->x + 30, r->y);
		render(s, 80, 24);
	}
	assert_int_equal(s->f.win.col0, 0);
	at = s->view.cursor;
	mouse(s, TUI_MOUSE_WHEEL_LEFT, r->x, r->y);
	assert_true(s->view.cursor < at);
	mouse(s, TUI_MOUSE_WHEEL_RIGHT, r->x, r->y);
	mouse(s, TUI_MOUSE_WHEEL_RIGHT, r->x, r->y);
	assert_true(s->view.cursor > at);
	drop(s);
}

static void table_is_clicked(void **state)
{
	struct hands *s = hands(false);
	const struct tui_rect *r = &s->f.lay.table;
	const struct tui_row *third;
	int col;

	(void)state;
	render(s, 100, 24);
	third = &s->f.rows.v[2];
	click(s, 30, r->y + 3);
	assert_true(s->view.in_table);
	assert_ptr_equal(tui_pane_selected(&s->f), third);
	assert_int_equal(s->g.cursor_y, r->y + 3);
	assert_false(s->view.page);
	mouse(s, TUI_MOUSE_PRESS, 30, r->y + 3);
	assert_true(s->view.page);
	assert_true(mouse(s, TUI_MOUSE_WHEEL_DOWN, 30, r->y + 3));
	assert_int_equal(s->view.page_top, 1);
	assert_true(mouse(s, TUI_MOUSE_PRESS, 0, 0));
	assert_false(s->view.page);
	render(s, 100, 24);
	/* heads */
	for (int x = 0; x < 100; x++) {
		col = tui_pane_col_at(&s->f, x);
		if (col < 0 || !tui_pane(&s->f)->cols[col].sorts || tui_pane_name_at(&s->f, x))
			continue;
		if (tui_pane_sorted(&s->f) != col) {
			click(s, x, r->y);
			assert_int_equal(tui_pane_sorted(&s->f), col);
			assert_false(s->view.ps[s->view.pane].reverse);
			click(s, x, r->y);
			assert_int_equal(tui_pane_sorted(&s->f), col);
			assert_true(s->view.ps[s->view.pane].reverse);
		}
	}
	/* the wheel scrolls, and the selection is where it can be seen */
	for (int i = 0; i < 40; i++) {
		mouse(s, TUI_MOUSE_WHEEL_DOWN, 30, r->y + 1);
		render(s, 100, 24);
	}
	assert_int_equal(s->view.ps[s->view.pane].top, MAPS - s->f.shown);
	for (int i = 0; i < 40; i++) {
		mouse(s, TUI_MOUSE_WHEEL_UP, 30, r->y + 1);
		render(s, 100, 24);
	}
	assert_int_equal(s->view.ps[s->view.pane].top, 0);
	/* the name turns panes */
	s->view.pane = TUI_P_THREADS;
	render(s, 100, 24);
	assert_true(tui_pane_name_at(&s->f, 99));
	click(s, 99, r->y);
	assert_true(s->view.pane != TUI_P_THREADS);
	drop(s);
}

/* "any key" is any: those that end the program and those that would turn it, too. */
static void any_key_leaves(void **state)
{
	static const int boxes[] = { '?', 'i', '\r', 'H' };
	static const int keys[] = { 'q',	 'Q', 'z',	    27,
				    ' ',	 'j', TUI_KEY_DOWN, TUI_KEY_PAGE_UP,
				    TUI_KEY_NONE };
	static const struct tui_mouse wheel = { TUI_MOUSE_WHEEL_DOWN, 40, 12, false };
	struct hands *s = hands(true);
	const struct tui_view *v = &s->view;

	(void)state;
	render(s, 300, 100);
	for (size_t b = 0; b < sizeof(boxes) / sizeof(boxes[0]); b++) {
		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
			assert_true(tui_key(&s->f, boxes[b]));
			render(s, 300, 100);
			expect(s, "any key leaves");
			assert_false(tui_pointer(&s->f, &wheel));
			assert_true(tui_key(&s->f, keys[k]));
			assert_false(v->help || v->legend || v->page);
			assert_false(v->wish.quit || v->wish.keep_last);
		}
	}
	press(s, 'q');
	assert_true(v->wish.quit);
	drop(s);
}

/* How to leave a box stands there in full, however narrow it is. */
static void boxes_say_how_to_leave(void **state)
{
	static const int boxes[] = { '?', 'i', '\r', 'H' };
	struct hands *s = hands(true);

	(void)state;
	for (int i = 0; i < MAPS; i++) /* each has a moment that Enter goes to */
		s->maps[i].last_ts = START + 1;
	for (size_t b = 0; b < sizeof(boxes) / sizeof(boxes[0]); b++) {
		for (int w = 40; w < 130; w++) {
			for (int h = 10; h <= 40; h += 30) {
				char *text;

				render(s, w, h);
				assert_true(tui_key(&s->f, boxes[b]));
				render(s, w, h);
				text = tui_grid_dump(&s->g);
				if (!strstr(text, " leave ") && !strstr(text, " leaves "))
					fail_msg("%dx%d:\n%s", w, h, text);
				free(text);
				assert_true(tui_key(&s->f, 27));
			}
		}
	}
	drop(s);
}

static void hints_are_clicked(void **state)
{
	struct hands *s = hands(true);

	(void)state;
	render(s, 80, 24);
	for (int x = 0; x < 80; x++) {
		const struct tui_key *k = tui_hint_at(&s->f, x);

		if (!k || k->key[0] != '?')
			continue;
		click(s, x, 23);
		assert_true(s->view.help);
		click(s, 40, 12);
		assert_false(s->view.help);
	}
	click(s, 1, 23);
	assert_true(s->view.wish.quit);
	drop(s);
}

/* Any report, any key, any size: nothing outside, and the cursor on the screen. */
static void random_hands(void **state)
{
	struct rnd r = rnd_seed("random hands", 21);
	struct hands *s = hands(true);

	(void)state;
	for (int i = 0; i < 6000; i++) {
		int w = 20 + (int)rnd_below(&r, 140), h = 5 + (int)rnd_below(&r, 50);

		render(s, w, h);
		for (int k = 0; k < 5; k++) {
			struct tui_mouse m = { (enum tui_mouse_what)rnd_below(&r, 8),
					       (int)rnd_below(&r, 310), (int)rnd_below(&r, 110),
					       rnd_below(&r, 2) };

			if (rnd_below(&r, 2))
				tui_pointer(&s->f, &m);
			else if (rnd_below(&r, 2))
				tui_key(&s->f,
					tui_keys[rnd_below(&r, tui_keys_n)].key[rnd_below(&r, 3)]);
			else
				tui_key(&s->f, (int)rnd_below(&r, 0x10020));
		}
	}
	drop(s);
}

/* Where a screen reader looks: the prompt, the selected row, the plot's cursor. */
static void cursor_is_on_the_active_cell(void **state)
{
	struct hands *s = hands(false);

	(void)state;
	render(s, 80, 24);
	tui_key(&s->f, TUI_KEY_LEFT);
	render(s, 80, 24);
	assert_int_equal(s->g.cursor_x, s->f.lay.plot.x + s->f.win.cursor);
	assert_true(s->g.cursor_y >= s->f.lay.plot.y &&
		    s->g.cursor_y <= s->f.lay.axis.y + s->f.lay.axis.h);
	press(s, '\t');
	press(s, 'j');
	assert_int_equal(s->g.cursor_y, s->f.lay.table.y + 2);
	assert_int_equal(s->g.cursor_x, s->f.lay.table.x);
	press(s, ':');
	type(s, "so");
	tui_key(&s->f, 0xe9);
	render(s, 80, 24);
	assert_int_equal(s->g.cursor_y, 23);
	assert_int_equal(s->g.cursor_x, 4);
	/* a line longer than the screen: its end is seen */
	for (int i = 0; i < 300; i++)
		tui_key(&s->f, 'x');
	render(s, 80, 24);
	assert_int_equal(s->g.cursor_x, 79);
	press(s, TUI_KEY_HOME);
	assert_int_equal(s->g.cursor_x, 1);
	drop(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_is_edited),
		cmocka_unit_test(line_is_remembered),
		cmocka_unit_test(random_keys_keep_the_line_whole),
		cmocka_unit_test(commands_are_a_sound_table),
		cmocka_unit_test(every_command_completes),
		cmocka_unit_test(every_command_answers),
		cmocka_unit_test(commands_do_what_keys_do),
		cmocka_unit_test(filter_counts_while_it_is_typed),
		cmocka_unit_test(help_has_all_of_it),
		cmocka_unit_test(help_is_turned_and_left),
		cmocka_unit_test(any_key_leaves),
		cmocka_unit_test(boxes_say_how_to_leave),
		cmocka_unit_test(hints_fit_every_width),
		cmocka_unit_test(reports_are_read),
		cmocka_unit_test(random_reports_do_no_harm),
		cmocka_unit_test(click_sets_the_cursor),
		cmocka_unit_test(drag_takes_the_cursor_along),
		cmocka_unit_test(wheel_zooms_at_the_pointer),
		cmocka_unit_test(table_is_clicked),
		cmocka_unit_test(hints_are_clicked),
		cmocka_unit_test(random_hands),
		cmocka_unit_test(cursor_is_on_the_active_cell),
	};

	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests_name("tui_hands", tests, NULL, NULL);
}
