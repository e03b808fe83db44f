/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * lanes.c - what happened, column by column under the plot, and the legend of its marks
 * with their counts.
 *
 * A column has room for one mark. Of several kinds it shows the one that is rarest in
 * all that is on screen, so a major collection is seen among thousands of minor ones.
 * Where more happened than marks can stand for, the number stands behind the mark, in
 * the empty columns after it or in place of a row of equal marks, which dots go on for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/draw.h"
#include "user/util/util.h"

/* --- kinds of events ----------------------------------------------------------------- */

#define ALL 0xffffffffu
#define GC  (1u << TUI_M_MINOR | 1u << TUI_M_MAJOR | 1u << TUI_M_OTHER)
#define CALLS                                                                             \
	(1u << TUI_M_RELEASE | 1u << TUI_M_FREE | 1u << TUI_M_ADVICE | 1u << TUI_M_MMAP | \
	 1u << TUI_M_MUNMAP)
#define RARE (1u << TUI_M_LIMIT | 1u << TUI_M_FORK | 1u << TUI_M_GAP)
#define IO   (1u << TUI_M_IO)

/* In the order of the legend; of kinds that are equally rare the first wins a column. */
static const enum tui_mark kinds[] = {
	TUI_M_LIMIT, TUI_M_MAJOR,  TUI_M_FORK,	  TUI_M_IO,   TUI_M_NOTE,
	TUI_M_OTHER, TUI_M_MINOR,  TUI_M_RELEASE, TUI_M_FREE, TUI_M_MUNMAP,
	TUI_M_MMAP,  TUI_M_ADVICE, TUI_M_GAP,
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* So near that the next allocation may meet it: a 64th is left. */
static bool at_limit(uint64_t v, uint64_t limit)
{
	return v != MP_UNKNOWN && limit != MP_UNKNOWN && v >= limit - limit / 64;
}

static bool moved(uint64_t a, uint64_t b)
{
	return a != b && a != MP_UNKNOWN && b != MP_UNKNOWN;
}

/* Limits that were reached, or set anew, between the ends of two columns. */
static uint32_t limits_met(const struct mp_point *last, const struct mp_point *p)
{
	if (!last)
		return 0;
	return (uint32_t)(moved(last->limit, p->limit) + moved(last->cg_limit, p->cg_limit) +
			  (at_limit(p->used, p->limit) && !at_limit(last->used, last->limit)) +
			  (at_limit(p->charged, p->cg_limit) &&
			   !at_limit(last->charged, last->cg_limit)));
}

static uint64_t count_of(const struct mp_point *p, uint32_t limits, enum tui_mark k)
{
	switch (k) {
	case TUI_M_MINOR:
		return p->gc_minor;
	case TUI_M_MAJOR:
		return p->gc_major;
	case TUI_M_OTHER:
		return p->gc_other;
	case TUI_M_RELEASE:
		return mp_point_dontneed(p);
	case TUI_M_FREE:
		return p->madv_free;
	case TUI_M_ADVICE:
		return p->madv_other;
	case TUI_M_MMAP:
		return p->mmap;
	case TUI_M_MUNMAP:
		return p->munmap;
	case TUI_M_IO:
		return p->majors;
	case TUI_M_FORK:
		return p->forks;
	case TUI_M_LIMIT:
		return limits;
	case TUI_M_NOTE:
		return p->note != 0;
	case TUI_M_GAP:
		return p->bits & MP_PT_GAP && !mp_point_known(p);
	default:
		return 0;
	}
}

/* What all columns, or one, amount to. */
struct totals {
	struct mp_point sum;
	uint32_t limits;
	uint64_t n[TUI_M_MAX];
	bool any;
};

static uint32_t column_limits(const struct tui_frame *f, int x)
{
	const struct mp_point *p = tui_frame_col(f, x);

	return p ? limits_met(x ? tui_frame_col(f, x - 1) : NULL, p) : 0;
}

static void add_up(const struct tui_frame *f, int col, struct totals *t)
{
	int from = col < 0 ? 0 : col, to = col < 0 ? f->lay.plot.w : col + 1;

	memset(t, 0, sizeof(*t));
	t->any = tui_frame_sum(f, col, &t->sum);
	for (int x = from; x < to; x++) {
		const struct mp_point *p = tui_frame_col(f, x);
		uint32_t limits = column_limits(f, x);

		t->limits += limits;
		for (int k = 0; p && k < TUI_M_MAX; k++)
			t->n[k] += count_of(p, limits, (enum tui_mark)k);
	}
}

/* --- marks ------------------------------------------------------------------------------ */

struct lane {
	struct tui_grid *g;
	const struct tui_frame *f;
	const struct totals *all;
	int y;
	unsigned set; /* kinds of events in it, a bit each */
};

/* How common a kind is on screen. Advice that changes no memory, and that nothing is known,
 * are shown where nothing else is. */
static uint64_t common(const struct lane *l, enum tui_mark k)
{
	return k == TUI_M_ADVICE || k == TUI_M_GAP ? UINT64_MAX : l->all->n[k];
}

/* The mark of a column and how many it stands for; -1: nothing happened. */
static int column_mark(const struct lane *l, int x, uint64_t *n)
{
	const struct mp_point *p = tui_frame_col(l->f, x);
	uint32_t limits = p ? column_limits(l->f, x) : 0;
	int best = -1;

	for (size_t i = 0; p && i < KINDS; i++) {
		uint64_t have = l->set >> kinds[i] & 1 ? count_of(p, limits, kinds[i]) : 0;

		if (!have || (best >= 0 && common(l, kinds[i]) >= common(l, (enum tui_mark)best)))
			continue;
		best = kinds[i];
		*n = have;
	}
	return best;
}

/* "3", "12k": at most four cells. */
static int number(char *buf, size_t size, uint64_t n)
{
	static const char unit[] = " kMG";
	size_t u = 0;

	while (n >= 1000 && u + 1 < sizeof(unit) - 1) {
		n /= 1000;
		u++;
	}
	return u ? snprintf(buf, size, "%u%c", (unsigned)n, unit[u])
		 : snprintf(buf, size, "%u", (unsigned)n);
}

/* Columns from x on that have the same mark: [x, end). What they stand for is *n, and the
 * first column behind them that has a mark is *next. */
static int run_of(const struct lane *l, int x, int mark, uint64_t *n, int *next)
{
	int end = x, w = l->f->lay.plot.w, other;
	uint64_t have = 0;

	*n = 0;
	while (end < w && column_mark(l, end, &have) == mark) {
		*n += have;
		end++;
	}
	for (other = end; other < w && column_mark(l, other, &have) < 0;)
		other++;
	*next = other;
	return end;
}

static void draw_run(const struct lane *l, int x, int end, int next, int mark, uint64_t n)
{
	const struct tui_theme *t = l->f->theme;
	struct tui_style st = tui_role(t, tui_mark_role((enum tui_mark)mark));
	struct tui_style dim = tui_role(t, TUI_R_DIM);
	int left = l->f->lay.plot.x, len;
	char text[24];

	for (int i = x; i < end; i++)
		tui_grid_put(l->g, left + i, l->y, t->g->mark[mark], st);
	if (n <= (uint64_t)(end - x) || mark == TUI_M_GAP || mark == TUI_M_NOTE)
		return;
	len = number(text, sizeof(text), n);
	/* a run may be written over, all but its first mark */
	if (x + 1 + len > next)
		return;
	tui_grid_text(l->g, left + x + 1, l->y, len, dim, text);
	for (int i = x + 1 + len; i < end; i++)
		tui_grid_put(l->g, left + i, l->y, t->g->more, dim);
}

static void draw_marks(const struct lane *l)
{
	for (int x = 0; x < l->f->lay.plot.w;) {
		uint64_t n;
		int mark = column_mark(l, x, &n), end, next;

		if (mark < 0) {
			x++;
			continue;
		}
		end = run_of(l, x, mark, &n, &next);
		draw_run(l, x, end, next, mark, n);
		x = end;
	}
}

/* --- amounts ---------------------------------------------------------------------------- */

static uint32_t most_faults(const struct tui_frame *f)
{
	uint32_t max = 0;

	for (int x = 0; x < f->lay.plot.w; x++) {
		const struct mp_point *p = tui_frame_col(f, x);

		if (p && p->faults > max)
			max = p->faults;
	}
	return max;
}

/* Faults of each column against the one with most of them. */
static void draw_faults(const struct lane *l, struct tui_style st)
{
	uint32_t max = most_faults(l->f);

	for (int x = 0; max && x < l->f->lay.plot.w; x++) {
		const struct mp_point *p = tui_frame_col(l->f, x);

		if (p && p->faults)
			tui_grid_put(l->g, l->f->lay.plot.x + x, l->y,
				     l->f->theme->g->level[1 + (uint64_t)p->faults * 7 / max], st);
	}
}

/* --- the legend -------------------------------------------------------------------------- */

/* One item: mark, count, name, and what it amounted to. */
struct item {
	wchar_t mark;
	struct tui_style st;
	char text[88]; /* a number, a name and an amount, each at its longest */
};
#define ITEMS (KINDS + 1)

static void bytes_of(char *buf, size_t size, char sign, uint64_t pages)
{
	char num[16];

	*buf = '\0';
	if (pages)
		snprintf(buf, size, " %c%s", sign,
			 mp_bytes(num, sizeof(num), (int64_t)(pages * MP_PAGE_SIZE)));
}

static void pause_of(char *buf, size_t size, uint64_t ns)
{
	char num[24];

	*buf = '\0';
	if (ns)
		snprintf(buf, size, " %s", mp_duration(num, sizeof(num), ns));
}

/* What a kind's events did, " 12 ms", " -600 M"; "" when nothing is known of that. */
static void amount_of(char *buf, size_t size, const struct mp_point *s, enum tui_mark k)
{
	bool old = s->bits & MP_PT_OLD; /* pauses are known in all, not by kind */

	*buf = '\0';
	switch (k) {
	case TUI_M_MAJOR:
		pause_of(buf, size, old || s->gc_other ? 0 : s->gc_pause_major);
		break;
	case TUI_M_OTHER: /* with major ones beside them it is the time of both */
		pause_of(buf, size, old || s->gc_major ? 0 : s->gc_pause_major);
		break;
	case TUI_M_MINOR:
		pause_of(buf, size, old ? s->gc_pause : s->gc_pause - s->gc_pause_major);
		break;
	case TUI_M_RELEASE:
		bytes_of(buf, size, '-', s->madvise_pages);
		break;
	case TUI_M_FREE:
		bytes_of(buf, size, '~', s->lazy_pages);
		break;
	case TUI_M_MUNMAP:
		bytes_of(buf, size, '-', s->munmap_pages);
		break;
	case TUI_M_MMAP:
		bytes_of(buf, size, '+', s->mmap_bytes / MP_PAGE_SIZE);
		break;
	default:
		break;
	}
}

static const char *name_of(enum tui_mark k, const struct mp_point *s)
{
	static const char *const names[TUI_M_MAX] = {
		[TUI_M_MINOR] = "minor",   [TUI_M_MAJOR] = "major",   [TUI_M_RELEASE] = "dontneed",
		[TUI_M_FREE] = "free",	   [TUI_M_ADVICE] = "advice", [TUI_M_MMAP] = "mmap",
		[TUI_M_MUNMAP] = "munmap", [TUI_M_NOTE] = "note",     [TUI_M_IO] = "majflt",
		[TUI_M_FORK] = "fork",	   [TUI_M_LIMIT] = "limit",   [TUI_M_GAP] = "unreadable",
		[TUI_M_OTHER] = "other",
	};

	return k == TUI_M_RELEASE && s->bits & MP_PT_OLD ? "madvise" : names[k];
}

/* How much is said of each item. */
enum detail { D_NAME, D_AMOUNT };

static void set_item(struct item *it, const struct tui_frame *f, const struct totals *t,
		     enum tui_mark k, enum detail d)
{
	char amount[32] = "", n[24];

	it->mark = f->theme->g->mark[k];
	it->st = tui_role(f->theme, tui_mark_role(k));
	if (d == D_AMOUNT)
		amount_of(amount, sizeof(amount), &t->sum, k);
	if (d == D_NAME)
		number(n, sizeof(n), t->n[k]);
	else
		snprintf(n, sizeof(n), "%llu", (unsigned long long)t->n[k]);
	if (k == TUI_M_GAP)
		snprintf(it->text, sizeof(it->text), " %s", name_of(k, &t->sum));
	else
		snprintf(it->text, sizeof(it->text), " %s %s%s", n, name_of(k, &t->sum), amount);
}

/* Faults, with their rate: over one column that of this column, else the highest. */
static void set_faults(struct item *it, const struct tui_frame *f, const struct totals *t,
		       enum detail d)
{
	uint64_t of = f->win.cursor >= 0 ? t->sum.faults : most_faults(f);
	double rate = f->win.colw ? (double)of * 1e9 / (double)f->win.colw : 0;
	char n[16], per[16];

	number(n, sizeof(n), t->sum.faults);
	number(per, sizeof(per), (uint64_t)rate);
	it->mark = f->theme->g->level[4];
	it->st = tui_role(f->theme, TUI_R_DIM);
	snprintf(it->text, sizeof(it->text), " %s faults%s%s%s", n,
		 d == D_AMOUNT ? f->win.cursor >= 0 ? ", " : ", max " : "",
		 d == D_AMOUNT ? per : "", d == D_AMOUNT ? "/s" : "");
}

/* TUI_M_MAX stands for the faults, which have no mark. */
static void set_any(struct item *it, const struct tui_frame *f, const struct totals *t,
		    enum tui_mark k, enum detail d)
{
	if (k == TUI_M_MAX)
		set_faults(it, f, t, d);
	else
		set_item(it, f, t, k, d);
}

static int item_width(const struct item *it)
{
	return 1 + tui_text_width(it->text) + 2;
}

/* The items there are something of, each with what there is room for: the last ones lose
 * the amount first, then they are left out; none is cut. Returns their number. */
static int legend(struct item items[ITEMS], const struct tui_frame *f, const struct totals *t,
		  int room)
{
	enum tui_mark which[ITEMS];
	int n = 0, w = -2;

	for (size_t i = 0; i < KINDS; i++)
		if (t->n[kinds[i]] && (kinds[i] != TUI_M_NOTE || f->lay.notes.h < 1))
			which[n++] = kinds[i];
	if (t->sum.faults)
		which[n++] = TUI_M_MAX;
	for (int i = 0; i < n; i++) {
		set_any(&items[i], f, t, which[i], D_AMOUNT);
		w += item_width(&items[i]);
	}
	for (int i = n - 1; i >= 0 && w > room; i--) {
		w -= item_width(&items[i]);
		set_any(&items[i], f, t, which[i], D_NAME);
		w += item_width(&items[i]);
	}
	while (n > 0 && w > room)
		w -= item_width(&items[--n]);
	return n;
}

/* What there was in the window, or at the cursor. */
static void draw_counts(struct tui_grid *g, const struct tui_frame *f, const struct totals *all)
{
	const struct tui_rect *r = &f->lay.counts;
	struct tui_style dim = tui_role(f->theme, TUI_R_DIM);
	int x = f->lay.plot.x, end = r->x + r->w, n;
	struct item items[ITEMS];
	struct totals one;

	if (r->h < 1)
		return;
	if (f->win.cursor >= 0) {
		add_up(f, f->win.cursor, &one);
		all = &one;
	}
	if (!all->any)
		return;
	tui_grid_text_right(g, r->x, r->y, f->lay.gutter.w - 1, dim,
			    f->win.cursor >= 0 ? "here" : "all");
	n = legend(items, f, all, end - x);
	if (!n && end - x >= 16)
		tui_grid_text(g, x, r->y, end - x, dim, "nothing happened");
	for (int i = 0; i < n && x < end; i++) {
		tui_grid_put(g, x, r->y, items[i].mark, items[i].st);
		x = tui_grid_text(g, x + 1, r->y, end - x - 1, dim, items[i].text) + 2;
	}
}

/* --- rows ---------------------------------------------------------------------------------- */

struct row {
	const char *name;
	unsigned set;
	bool faults;
};

/* Which kinds are in which row, by how many rows there are. */
static const struct row rows[TUI_LANES_MAX][TUI_LANES_MAX] = {
	{ { "events", ALL, true } },
	{ { "gc", GC | 1u << TUI_M_NOTE, false }, { "calls", CALLS | RARE | IO, false } },
	{ { "gc", GC | 1u << TUI_M_NOTE, false },
	  { "calls", CALLS | RARE, false },
	  { "faults", IO, true } },
	{ { "gc", GC | 1u << TUI_M_NOTE, false },
	  { "calls", CALLS, false },
	  { "rare", RARE, false },
	  { "faults", IO, true } },
};

void tui_draw_lanes(struct tui_grid *g, const struct tui_frame *f)
{
	const struct tui_rect *r = &f->lay.lanes;
	struct tui_style dim = tui_role(f->theme, TUI_R_DIM);
	struct totals all;

	tui_draw_notes(g, f);
	add_up(f, -1, &all);
	for (int i = 0; i < r->h && i < TUI_LANES_MAX; i++) {
		const struct row *row = &rows[r->h - 1][i];
		struct lane l = { g, f, &all, r->y + i, row->set };

		if (f->lay.notes.h > 0)
			l.set &= ~(1u << TUI_M_NOTE);
		tui_grid_text_right(g, r->x, l.y, f->lay.gutter.w - 1, dim, row->name);
		/* in one row with marks, levels made of letters would be taken for marks */
		if (row->faults && (r->h > 1 || f->theme->utf8))
			draw_faults(&l, r->h > 1
						? (struct tui_style){ tui_band_color(f->theme,
										     TUI_BAND_LIVE),
								      0, 0 }
						: dim);
		draw_marks(&l);
	}
	draw_counts(g, f, &all);
}
