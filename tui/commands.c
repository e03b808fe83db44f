/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * commands.c - what can be typed after ":". Finds the command, checks its words and
 * says what is wrong with them; what it does is done where the keys do it.
 */
#include "tui/commands.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tui/keys.h"
#include "user/util/util.h"

static bool begins(const char *word, const char *with)
{
	return strncasecmp(word, with, strlen(with)) == 0;
}

/* A command's argument among its words: its number, -1 after saying what there is. */
static int pick(struct tui_frame *f, const char *what, const char *arg,
		const char *(*word)(const struct tui_frame *f, size_t i))
{
	char all[TUI_TEXT_MAX] = "";
	const char *w;
	int found = -1, n = 0;

	for (int i = 0; (w = word(f, (size_t)i)) != NULL; i++) {
		snprintf(all + strlen(all), sizeof(all) - strlen(all), " %s", w);
		if (strcasecmp(w, arg) == 0)
			return i;
		if (*arg && begins(w, arg)) {
			found = i;
			n++;
		}
	}
	if (n == 1)
		return found;
	if (n > 1)
		tui_view_say(f->view, "%s: %s could be several of:%s", what, arg, all);
	else if (*arg)
		tui_view_say(f->view, "no such %s: %s; try:%s", what, arg, all);
	else
		tui_view_say(f->view, "which %s? try:%s", what, all);
	return -1;
}

/* --- what they do ------------------------------------------------------------------ */

/* "500ms", "10s", "2m", "1h", a bare number is seconds. 0: it is none of them. */
static uint64_t span_ns(const char *s)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = { { "", 1e9 },     { "ms", 1e6 },	{ "s", 1e9 },	 { "m", 6e10 },
		      { "min", 6e10 }, { "h", 3.6e12 }, { "d", 8.64e13 } };
	char *end;
	double v = strtod(s, &end);

	while (*end == ' ')
		end++;
	for (size_t i = 0; end != s && i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(end, units[i].name) == 0 && v > 0 && v * units[i].ns < 1e18)
			return (uint64_t)(v * units[i].ns);
	return 0;
}

static const char *zoom_word(const struct tui_frame *f, size_t i)
{
	static const char *const words[] = { "fit", "1s", "10s", "1m", "10m", "1h", NULL };

	(void)f;
	return words[i];
}

static void run_zoom(struct tui_frame *f, const char *arg)
{
	uint64_t ns = span_ns(arg);

	if (strcasecmp(arg, "fit") == 0)
		tui_view_fit(f->view, &f->win);
	else if (ns)
		tui_view_span(f->view, &f->win, ns);
	else
		tui_view_say(f->view, "zoom to what? a time such as 500ms 10s 2m 1h, or: fit");
}

static const char *pane_word(const struct tui_frame *f, size_t i)
{
	(void)f;
	return i < TUI_PANES ? tui_panes[i]->name : NULL;
}

static void run_pane(struct tui_frame *f, const char *arg)
{
	int id = pick(f, "pane", arg, pane_word);

	if (id < 0)
		return;
	f->view->pane = (enum tui_pane_id)id;
	f->view->in_table = true;
}

/* The i-th column by which the pane can be ordered; its number. */
static int sort_col(const struct tui_frame *f, size_t i)
{
	const struct tui_pane *pane = tui_pane(f);

	for (int c = 0; c < pane->n_cols; c++)
		if (pane->cols[c].sorts && i-- == 0)
			return c;
	return -1;
}

static const char *sort_word(const struct tui_frame *f, size_t i)
{
	int c = sort_col(f, i);
	const struct tui_pcol *col = &tui_pane(f)->cols[c < 0 ? 0 : c];

	return c < 0 ? NULL : col->by ? col->by : col->head;
}

static void run_sort(struct tui_frame *f, const char *arg)
{
	int i = pick(f, "column", arg, sort_word);

	if (i < 0)
		return;
	f->view->ps[f->view->pane].sort = sort_col(f, (size_t)i);
	f->view->ps[f->view->pane].reverse = false;
}

static void set_filter(struct tui_frame *f, const char *text)
{
	struct tui_pane_state *s = &f->view->ps[f->view->pane];

	snprintf(s->filter, sizeof(s->filter), "%s", text);
	s->top = 0;
}

static void wish_path(struct tui_frame *f, const char *arg)
{
	snprintf(f->view->wish.path, sizeof(f->view->wish.path), "%s", arg);
}

static void run_save(struct tui_frame *f, const char *arg)
{
	f->view->wish.save = true;
	wish_path(f, arg);
}

static void run_snapshot(struct tui_frame *f, const char *arg)
{
	f->view->wish.snapshot = true;
	wish_path(f, arg);
}

static const char *mouse_word(const struct tui_frame *f, size_t i)
{
	static const char *const words[] = { "on", "off", NULL };

	(void)f;
	return words[i];
}

static void run_mouse(struct tui_frame *f, const char *arg)
{
	int i = pick(f, "choice", arg, mouse_word);

	if (i >= 0)
		f->view->wish.mouse = i ? -1 : 1;
}

static void run_pause(struct tui_frame *f, const char *arg)
{
	(void)arg;
	tui_view_freeze(f->view, f->now);
}

static void run_process(struct tui_frame *f, const char *arg)
{
	char *end;
	unsigned long long pid = strtoull(arg, &end, 10); /* of too many digits: ULLONG_MAX */

	if (!isdigit((unsigned char)*arg) || *end || pid > UINT32_MAX)
		tui_view_say(f->view, "which process? its pid, as the list shows it");
	else if (!tui_list_pid(f, (uint32_t)pid))
		tui_view_say(f->view, "no process %llu was seen", pid);
}

static void run_goto(struct tui_frame *f, const char *arg)
{
	char why[TUI_TEXT_MAX];

	if (!tui_view_goto(f->view, f->now, arg, why, sizeof(why)))
		tui_view_say(f->view, "%s", why);
}

const struct tui_command tui_commands[] = {
	{ .name = "delta", .help = "what changed, A to B", .key = '\'' },
	{ .name = "expand", .help = "table over all rows", .key = 'e' },
	{ .name = "filter", .args = "[TEXT]", .help = "rows with TEXT only", .run = set_filter },
	{ .name = "follow", .help = "back to now, or end", .key = TUI_KEY_END },
	{ .name = "goto", .args = "TIME", .help = "12.5 1:23 -30s 50% a", .run = run_goto },
	{ .name = "help", .help = "keys and commands", .key = '?' },
	{ .name = "hooks", .help = "hooks and losses", .key = 'H' },
	{ .name = "mark", .help = "mark here: A, then B", .key = 'm' },
	{ .name = "mouse",
	  .args = "on|off",
	  .help = "off: it selects text",
	  .word = mouse_word,
	  .run = run_mouse },
	{ .name = "pane",
	  .args = "NAME",
	  .help = "show that table",
	  .word = pane_word,
	  .run = run_pane },
	{ .name = "pause", .help = "collecting goes on", .run = run_pause },
	{ .name = "process", .args = "PID", .help = "look at that one", .run = run_process },
	{ .name = "processes", .help = "list of processes", .key = 'L' },
	{ .name = "quit", .help = "leave", .key = 'q' },
	{ .name = "redraw", .help = "draw all of it again", .key = TUI_CTRL('l') },
	{ .name = "reverse", .help = "order turned round", .key = 'S' },
	{ .name = "save", .args = "[FILE]", .help = "write a recording", .run = run_save },
	{ .name = "snapshot",
	  .args = "[FILE]",
	  .help = "this screen as text",
	  .run = run_snapshot },
	{ .name = "sort",
	  .args = "COLUMN",
	  .help = "order rows by it",
	  .word = sort_word,
	  .run = run_sort },
	{ .name = "zoom",
	  .args = "TIME|fit",
	  .help = "show so much time",
	  .word = zoom_word,
	  .run = run_zoom },
};
const size_t tui_commands_n = sizeof(tui_commands) / sizeof(tui_commands[0]);

/* --- finding them ------------------------------------------------------------------- */

static const char *command_word(const struct tui_frame *f, size_t i)
{
	(void)f;
	return i < tui_commands_n ? tui_commands[i].name : NULL;
}

/* The command that a line begins with, as far as it is the only one; its argument. */
static const struct tui_command *command_of(const char *line, const char **arg)
{
	const struct tui_command *found = NULL;
	size_t len = strcspn(line, " ");

	*arg = line + len + strspn(line + len, " ");
	for (size_t i = 0; i < tui_commands_n; i++) {
		const struct tui_command *c = &tui_commands[i];

		if (strncasecmp(c->name, line, len) != 0)
			continue;
		if (!c->name[len])
			return c;
		if (found)
			return NULL;
		found = c;
	}
	return found;
}

void tui_command_words(const struct tui_frame *f, const char *text, struct tui_words *w)
{
	const char *(*word)(const struct tui_frame *, size_t) = command_word;
	const struct tui_command *c;
	const char *arg, *s, *start = text;

	text += strspn(text, " ");
	memset(w, 0, sizeof(*w));
	if (strchr(text, ' ')) {
		c = command_of(text, &arg);
		word = c ? c->word : NULL;
		text = arg;
	}
	w->from = (size_t)(text - start);
	for (size_t i = 0; word && (s = word(f, i)) != NULL && w->n < TUI_WORDS_MAX; i++)
		if (begins(s, text))
			w->v[w->n++] = s;
	w->more = word == command_word && w->n == 1 && command_of(w->v[0], &arg)->args;
}

void tui_command(struct tui_frame *f, const char *line)
{
	char text[TUI_TEXT_MAX], name[TUI_TEXT_MAX];
	const struct tui_command *c;
	const char *arg;
	size_t n;

	line += strspn(line, " ");
	snprintf(text, sizeof(text), "%s", line);
	for (n = strlen(text); n && text[n - 1] == ' '; n--)
		text[n - 1] = '\0';
	if (!*text)
		return;
	c = command_of(text, &arg);
	if (!c) {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(text, " "), text);
		pick(f, "command", name, command_word);
	} else if (*arg && !c->args) {
		tui_view_say(f->view, "%s takes no argument", c->name);
	} else if (c->key) {
		tui_key(f, c->key);
	} else {
		c->run(f, arg);
	}
}

/* --- the prompt ---------------------------------------------------------------------- */

void tui_ask(struct tui_frame *f, enum tui_ask ask, const char *text)
{
	tui_prompt_open(&f->view->prompt, ask, text);
}

/* What all words have in common beyond what is typed; a single one as a whole. */
static void complete(struct tui_frame *f)
{
	struct tui_prompt *p = &f->view->prompt;
	char text[TUI_TEXT_MAX], common[TUI_TEXT_MAX];
	struct tui_words w;

	if (p->ask != TUI_ASK_COMMAND)
		return;
	snprintf(text, sizeof(text), "%.*s", (int)p->at, p->text);
	tui_command_words(f, text, &w);
	if (!w.n)
		return;
	snprintf(common, sizeof(common), "%s", w.v[0]);
	for (size_t i = 1; i < w.n; i++)
		for (size_t c = 0; common[c]; c++)
			if (w.v[i][c] != common[c])
				common[c] = '\0';
	if (strlen(common) < strlen(text) - w.from)
		return; /* they differ in case only */
	if (w.more && strlen(common) + 1 < sizeof(common))
		strcat(common, " ");
	tui_prompt_replace(p, w.from, common);
}

/* A filter counts while it is typed; leaving it takes it away. */
static void answer(struct tui_frame *f, enum tui_edit what)
{
	struct tui_prompt *p = &f->view->prompt;
	enum tui_ask ask = p->ask;
	bool done = what == TUI_EDIT_DONE;
	char line[TUI_TEXT_MAX];

	if (done || what == TUI_EDIT_LEFT) {
		memcpy(line, p->text, sizeof(line));
		tui_prompt_close(p, done);
		if (ask == TUI_ASK_FILTER)
			set_filter(f, done ? line : "");
		else if (done)
			tui_command(f, line);
	} else if (ask == TUI_ASK_FILTER && what == TUI_EDIT_CHANGED) {
		set_filter(f, p->text);
	}
}

bool tui_ask_key(struct tui_frame *f, int key)
{
	enum tui_edit what = tui_prompt_key(&f->view->prompt, key);

	if (what == TUI_EDIT_TAB)
		complete(f);
	else
		answer(f, what);
	return what != TUI_EDIT_NONE;
}

/* What may stand here, as far as there is room; the row above the prompt. */
static void draw_words(struct tui_grid *g, const struct tui_frame *f, const struct tui_words *w)
{
	struct tui_rect r = { 0, f->lay.hints.y - 1, f->lay.hints.w, 1 };
	struct tui_style st = tui_role(f->theme, TUI_R_BAR);
	int x = r.x + 1;

	if (!w->n)
		return;
	tui_grid_fill(g, r, L' ', st);
	for (size_t i = 0; i < w->n; i++) {
		if (x + tui_text_width(w->v[i]) + (i + 1 < w->n ? 2 : 0) > r.x + r.w) {
			tui_grid_put(g, x, r.y, f->theme->g->lost, st);
			return;
		}
		x = tui_grid_text(g, x, r.y, r.w, st, w->v[i]) + 2;
	}
}

/* The line, moved so far to the left that its cursor is seen. Returns the column after. */
static int draw_line(struct tui_grid *g, const struct tui_frame *f, int x, int w)
{
	const struct tui_prompt *p = &f->view->prompt;
	char before[TUI_TEXT_MAX];
	const char *from = before;

	snprintf(before, sizeof(before), "%.*s", (int)p->at, p->text);
	while (*from && tui_text_width(from) > w - 1)
		from += tui_text_step(from);
	g->cursor_y = f->lay.hints.y;
	g->cursor_x = x + tui_text_width(from);
	return tui_grid_text(g, x, f->lay.hints.y, w, tui_role(f->theme, TUI_R_TEXT),
			     p->text + (from - before));
}

void tui_draw_prompt(struct tui_grid *g, const struct tui_frame *f)
{
	const struct tui_prompt *p = &f->view->prompt;
	const struct tui_rect *r = &f->lay.hints;
	bool filter = p->ask == TUI_ASK_FILTER;
	const struct tui_command *c;
	char text[TUI_TEXT_MAX] = "";
	struct tui_words w;
	const char *arg;
	int x;

	tui_grid_fill(g, *r, L' ', tui_role(f->theme, TUI_R_TEXT));
	x = tui_grid_text(g, r->x, r->y, r->w, tui_role(f->theme, TUI_R_KEY), filter ? "/" : ":");
	x = draw_line(g, f, x, r->w - x) + 2;
	if (filter) {
		snprintf(text, sizeof(text), "Enter keeps it, Esc shows all rows");
	} else {
		snprintf(text, sizeof(text), "%.*s", (int)p->at, p->text);
		tui_command_words(f, text, &w);
		draw_words(g, f, &w);
		c = *p->text ? command_of(p->text + strspn(p->text, " "), &arg) : NULL;
		if (c)
			snprintf(text, sizeof(text), "%s%s%s: %s", c->name, c->args ? " " : "",
				 c->args ? c->args : "", c->help);
		else
			snprintf(text, sizeof(text), "Tab completes, Esc leaves");
	}
	if (x + tui_text_width(text) < r->x + r->w)
		tui_grid_text_right(g, x, r->y, r->x + r->w - x, tui_role(f->theme, TUI_R_DIM),
				    text);
}
