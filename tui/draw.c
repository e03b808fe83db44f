/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * draw.c - a frame from its parts. Decides what is drawn at each size; the
 * parts decide how.
 */
#include "tui/draw.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tui/commands.h"
#include "user/util/util.h"

/* Notes never go away, so only points not searched yet are. */
static bool has_notes(struct tui_cache *c, const struct mp_proc *p)
{
	size_t n = p ? p->tl.n : 0;

	if (c->noted > n)
		c->noted = 0;
	if (p && c->pid != p->tgid)
		c->noted = c->notes = false;
	c->pid = p ? p->tgid : 0;
	for (size_t i = c->noted; i < n && !c->notes; i++)
		c->notes = p->tl.p[i].note != 0;
	c->noted = n ? n - 1 : 0; /* the last point is still growing */
	return c->notes;
}

/*
 * Columns that the last frame has merged already move to their new place; they
 * are as they were when all their points had others after them. Returns how many
 * columns from the left are done.
 */
static int reuse_columns(struct tui_frame *f)
{
	const struct tui_window *old = &f->cache.win;
	const struct tui_window *win = &f->win;
	int64_t by = win->col0 - old->col0;
	int n = 0;

	if (!win->tl || win->fine || old->fine || old->tl != win->tl || old->colw != win->colw ||
	    f->cache.width != win->tl->width || f->cache.n > win->tl->n || by < 0 ||
	    by >= old->cols)
		return 0;
	while (n < win->cols && n + by < old->cols && tui_window_point(win, n + 1) < f->cache.n)
		n++;
	memmove(f->cols, f->cols + by, (size_t)n * sizeof(f->cols[0]));
	return n;
}

static int load_columns(struct tui_frame *f)
{
	int n = f->lay.plot.w > 0 ? f->lay.plot.w : 0;

	if (n && mp_grow(&f->cols, &f->cols_cap, (size_t)n, sizeof(f->cols[0])))
		return -ENOMEM;
	for (int i = reuse_columns(f); i < n; i++)
		f->cols[i].any = tui_window_merge(&f->win, i, &f->cols[i].p);
	f->cache.win = f->win;
	f->cache.n = f->win.tl ? f->win.tl->n : 0;
	f->cache.width = f->win.tl ? f->win.tl->width : 0;
	return 0;
}

bool tui_frame_ended(const struct tui_frame *f)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->now);
	bool all = f->now->n_procs;

	for (size_t i = 0; f->view->list && i < f->now->n_procs && all; i++)
		all = f->now->procs[i]->exited;
	return f->view->list ? all : p && p->exited;
}

const struct mp_proc *tui_frame_proc(const struct tui_frame *f)
{
	const struct tui_row *row = f->view->list ? tui_pane_selected(f) : NULL;

	if (row)
		return ((const struct tui_proc *)row->p)->p;
	return f->state ? tui_view_proc(f->view, f->state) : NULL;
}

/* The list: the processes' sum as its timeline; other tables are of one process. */
static int begin_list(struct tui_frame *f)
{
	struct tui_view *v = f->view;

	v->list &= v->pane == TUI_P_PROCS;
	if (v->mm && !tui_view_proc(v, f->now)) { /* among many it is not kept for ever */
		tui_view_say(v, "process %u ended long ago and is no longer kept", v->pid);
		v->mm = v->pid = 0;
	}
	v->all = NULL;
	if (!v->list)
		return 0;
	v->all = &f->sum.tl;
	if (tui_sum_update(&f->sum, f->now))
		return -ENOMEM;
	/* of a sum past points do change: columns that have them are made anew */
	if (f->cache.n > f->sum.changed)
		f->cache.n = f->sum.changed;
	return 0;
}

/* Of what the plot shows, where the timeline's points are wider than a column. */
static const struct mp_timeline *fine_timeline(const struct tui_frame *f)
{
	const struct tui_window *win = &f->win;
	uint64_t t0;

	if (!f->src || !f->src->window || !win->tl || !tui_view_fine(f->view, win->tl))
		return NULL;
	t0 = win->tl->start + (uint64_t)win->col0 * win->colw;
	return f->src->window(f->src->ctx, f->view->pid, t0, t0 + (uint64_t)win->cols * win->colw,
			      win->colw);
}

/* Where a key wished to go: known now, when the rows are those of this state. */
static void go_to_row(struct tui_frame *f)
{
	uint64_t ts;

	if (!f->view->to_row || !f->state)
		return;
	f->view->to_row = false;
	ts = tui_pane_when(f);
	if (ts == MP_UNKNOWN) {
		tui_view_say(f->view, "this row is about no moment");
		return;
	}
	tui_view_go(f->view, f->now, ts, UINT32_MAX);
	f->again = true;
}

/* All there is to say of the selected row, when its page lies over the screen. */
static void load_page(struct tui_frame *f)
{
	const struct tui_row *row = tui_pane_selected(f);

	if (f->view->page && !f->track)
		f->track = calloc(1, sizeof(*f->track));
	if (f->track)
		f->track->more = false;
	tui_lines_free(&f->lines);
	if (f->view->page && f->view->health)
		tui_health_lines(f, &f->lines);
	else if (f->view->page && f->rows.gone)
		tui_lines_add(&f->lines, TUI_R_DIM, "There is no such row at this moment.");
	else if (f->view->page && row && tui_pane(f)->detail)
		tui_pane(f)->detail(f, row, &f->lines);
	else if (f->view->page && !f->state)
		tui_lines_add(&f->lines, TUI_R_DIM, "reading ...");
	f->view->page = f->lines.n > 0;
	f->view->health &= f->view->page;
	f->again |= f->track && f->track->more;
}

/* Rows of the table, and the page over it. */
static int begin_rows(struct tui_frame *f)
{
	f->shown = f->lay.table.h > 1 ? (size_t)f->lay.table.h - 1 : 0;
	if (tui_pane(f)->total && f->shown > 2)
		f->shown--;
	if ((f->view->pane == TUI_P_PROCS && tui_procs_collect(f)) || tui_pane_build(f))
		return -ENOMEM;
	go_to_row(f);
	load_page(f);
	return f->lines.full ? -ENOMEM : 0;
}

/* The account of the moment itself: a point of the timeline is of its end. */
static void exact_point(struct tui_frame *f)
{
	const struct mp_proc *p = f->state ? tui_view_proc(f->view, f->state) : NULL;
	const struct mp_point *around = tui_view_point(f->view, f->now);
	const struct mp_heap *h;
	struct mp_account a;

	f->exact.ts = 0;
	if (f->view->follow || !f->view->exact || !p || !p->rss_known || !around)
		return;
	mp_account(p, &a);
	h = mp_proc_heap(p, NULL);
	f->exact = *around;
	f->exact.ts = f->view->cursor;
	f->exact.rss = f->exact.rss_min = f->exact.rss_max = a.rss;
	f->exact.live = a.live_heap;
	f->exact.free_res = a.free_heap_resident;
	f->exact.arenas = a.arenas + a.native;
	f->exact.brk = a.brk;
	f->exact.stacks = a.stacks;
	f->exact.other = a.other_anon + a.unsplit_heap + a.runtime;
	f->exact.file = a.file;
	f->exact.shmem = a.shmem;
	f->exact.lazyfree = a.lazyfree;
	f->exact.lazyfree_heap = a.lazyfree_heap;
	f->exact.unknown = a.unknown;
	f->exact.used = h ? h->used : MP_UNKNOWN;
	f->exact.committed = h ? h->committed : MP_UNKNOWN;
	f->exact.external = h ? h->external : MP_UNKNOWN;
	f->exact.owed = mp_proc_sized(p) ? p->owed : MP_UNKNOWN;
}

int tui_frame_begin(struct tui_frame *f, int w, int h)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->now);
	unsigned flags = (has_notes(&f->cache, p) ? TUI_LAY_NOTES : 0) |
			 (f->view->expand ? TUI_LAY_EXPAND : 0) |
			 (p && p->n_gcs && mp_proc_sized(p) ? TUI_LAY_OWED : 0);

	f->again = false;
	if (begin_list(f))
		return -ENOMEM;
	flags |= f->view->list ? TUI_LAY_LIST : 0;
	tui_layout(&f->lay, w, h, flags);
	tui_view_window(f->view, f->now, f->live && !tui_frame_ended(f), f->lay.plot.w, &f->win);
	f->win.fine = fine_timeline(f);
	exact_point(f);
	f->more = f->view->seek.kinds || tui_delta_wanted(f) ||
		  (f->view->pane == TUI_P_EVENTS && tui_near_work(f));
	f->old = load_columns(f) || begin_rows(f);
	f->w = w;
	f->h = h;
	return f->old ? -ENOMEM : 0;
}

void tui_frame_free(struct tui_frame *f)
{
	tui_rows_free(&f->rows);
	tui_sum_free(&f->sum);
	free(f->procs.v);
	memset(&f->procs, 0, sizeof(f->procs));
	tui_lines_free(&f->lines);
	free(f->track);
	f->track = NULL;
	tui_batch_free(&f->batch);
	tui_near_free(&f->near);
	tui_delta_free(&f->delta);
	free(f->cols);
	f->cols = NULL;
	f->cols_cap = 0;
}

const struct mp_point *tui_frame_col(const struct tui_frame *f, int col)
{
	if (col < 0 || col >= f->lay.plot.w || !f->cols[col].any)
		return NULL;
	return &f->cols[col].p;
}

const struct mp_point *tui_frame_point(const struct tui_frame *f)
{
	const struct mp_point *fine = NULL;

	if (f->exact.ts)
		return &f->exact;
	fine = f->win.fine ? tui_frame_col(f, f->win.cursor) : NULL;

	return fine ? fine : tui_view_point(f->view, f->now);
}

bool tui_frame_sum(const struct tui_frame *f, int col, struct mp_point *sum)
{
	int from = col < 0 ? 0 : col;
	int to = col < 0 ? f->lay.plot.w : col + 1;
	bool any = false;

	memset(sum, 0, sizeof(*sum));
	for (int i = from; i < to; i++) {
		const struct mp_point *p = tui_frame_col(f, i);

		if (!p)
			continue;
		any = true;
		sum->gc_major += p->gc_major;
		sum->gc_other += p->gc_other;
		sum->gc_minor += p->gc_minor;
		sum->gc_pause += p->gc_pause;
		sum->madvise += p->madvise;
		sum->madvise_pages += p->madvise_pages;
		sum->mmap += p->mmap;
		sum->munmap += p->munmap;
		sum->mmap_bytes += p->mmap_bytes;
		sum->munmap_pages += p->munmap_pages;
		sum->faults += p->faults;
		sum->majors += p->majors;
		sum->forks += p->forks;
		sum->madv_free += p->madv_free;
		sum->madv_other += p->madv_other;
		sum->lazy_pages += p->lazy_pages;
		sum->gc_pause_major += p->gc_pause_major;
		if (p->gc_pause_max > sum->gc_pause_max)
			sum->gc_pause_max = p->gc_pause_max;
		sum->bits |= p->bits;
	}
	return any;
}

int tui_outside_text(struct tui_grid *g, const struct tui_frame *f, int x, int y, int w,
		     struct tui_style st, const char *raw)
{
	char buf[512];
	const char *text = mp_clean(buf, sizeof(buf), raw, !f->theme->utf8);

	if (w < 1)
		return x;
	if (tui_text_width(text) <= w)
		return tui_grid_text(g, x, y, w, st, text);
	if (*text == '/') {
		/* of a path the end tells most */
		while (tui_text_width(text) > w - 1)
			text += tui_text_step(text);
		tui_grid_put(g, x, y, f->theme->g->lost, st);
		return tui_grid_text(g, x + 1, y, w - 1, st, text);
	}
	x = tui_grid_text(g, x, y, w - 1, st, text);
	tui_grid_put(g, x, y, f->theme->g->lost, st);
	return x + 1;
}

static void draw_small(struct tui_grid *g, const struct tui_frame *f)
{
	/* the last words are what is needed most */
	static const char *const texts[] = { "terminal too small (need 40x10)",
					     "too small (need 40x10)", "need 40x10", "40x10" };
	size_t i = 0;
	int w;

	static_assert(TUI_MIN_W == 40 && TUI_MIN_H == 10, "the texts say it");
	while ((w = tui_text_width(texts[i])) > g->w && i + 1 < sizeof(texts) / sizeof(texts[0]))
		i++;
	tui_grid_text(g, w < g->w ? (g->w - w) / 2 : 0, g->h / 2, g->w,
		      tui_role(f->theme, TUI_R_BOLD), texts[i]);
}

void tui_draw(struct tui_grid *g, const struct tui_frame *f)
{
	tui_grid_clear(g);
	if (f->lay.tier == TUI_TIER_SMALL) {
		draw_small(g, f);
		return;
	}
	tui_draw_status(g, f);
	tui_draw_numbers(g, f);
	if (f->lay.plot.h > 0) {
		tui_draw_plot(g, f);
		tui_draw_axis(g, f);
		tui_draw_marks(g, f);
		tui_draw_owed(g, f);
		tui_draw_lanes(g, f);
	}
	if (f->lay.tier != TUI_TIER_NUMBERS)
		tui_draw_detail(g, f);
	if (f->lay.table.h)
		tui_draw_table(g, f);
	tui_draw_hints(g, f);
	if (f->view->help)
		tui_draw_help(g, f);
	else if (f->view->legend)
		tui_draw_legend(g, f);
	else if (f->view->page)
		tui_draw_page(g, f);
	if (f->view->prompt.ask)
		tui_draw_prompt(g, f);
}
