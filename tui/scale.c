/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scale.c - the arithmetic between a model and a picture: how a point is
 * stacked, which numbers label an axis, how a moment is written.
 */
#include <stdio.h>

#include "tui/draw.h"
#include "user/view/figures.h"

static int64_t above_zero(int64_t v)
{
	return v > 0 ? v : 0;
}

/* Takes `owed` bytes out of a band, as far as it has them. */
static int64_t take(int64_t *band, int64_t owed)
{
	int64_t n = owed < *band ? owed : *band;

	*band -= n;
	return owed - n;
}

void tui_stack(struct tui_stack *s, const struct mp_point *p)
{
	int64_t *b = s->band;
	int64_t sum, over, of_heap;

	s->rss = above_zero(p->rss);
	b[TUI_BAND_FILE] = above_zero(p->file);
	b[TUI_BAND_SHMEM] = above_zero(p->shmem);
	b[TUI_BAND_LIVE] = above_zero(p->live);
	b[TUI_BAND_FREE] = above_zero(p->free_res);
	b[TUI_BAND_NATIVE] = above_zero(p->arenas) + above_zero(p->brk) + above_zero(p->stacks);
	b[TUI_BAND_OTHER] = above_zero(p->other);
	b[TUI_BAND_LAZYFREE] = above_zero(p->lazyfree);
	/* The kernel's figure is the truth the picture keeps to. What the model
	 * cannot place is drawn as other memory. Where it is ahead of the counters
	 * pages are being touched, and mostly the heap's: the excess is taken off
	 * the heap, so that what lies below does not jump. */
	sum = 0;
	for (int i = 0; i < TUI_BAND_RSS; i++)
		sum += b[i];
	if (sum < s->rss)
		b[TUI_BAND_OTHER] += s->rss - sum;
	over = above_zero(sum - s->rss);
	over = take(&b[TUI_BAND_LIVE], over);
	over = take(&b[TUI_BAND_FREE], over);
	over = take(&b[TUI_BAND_OTHER], over);
	over = take(&b[TUI_BAND_LAZYFREE], over);
	over = take(&b[TUI_BAND_NATIVE], over);
	over = take(&b[TUI_BAND_SHMEM], over);
	take(&b[TUI_BAND_FILE], over);

	/* what the heap gave up it has committed still: it lies above the base */
	of_heap = above_zero(p->lazyfree_heap);
	of_heap = of_heap < b[TUI_BAND_LAZYFREE] ? of_heap : b[TUI_BAND_LAZYFREE];
	s->heap = b[TUI_BAND_LIVE] + b[TUI_BAND_FREE] + of_heap;
	s->base = s->rss - s->heap;
	/* What is resident of a heap it has committed: a figure below that is older than the
	 * point, as V8's are between collections. */
	s->committed = p->committed == MP_UNKNOWN ? -1 : (int64_t)p->committed;
	if (s->committed >= 0 && s->committed < s->heap)
		s->committed = s->heap;
	s->lazy = above_zero(s->committed - s->heap);
}

bool tui_heap_is_old(const struct tui_frame *f)
{
	const struct mp_proc *proc = tui_view_proc(f->view, f->state ? f->state : f->now);
	enum mp_heap_source src;

	return !f->view->list && proc && mp_proc_heap(proc, &src) && src == MP_SRC_V8;
}

bool tui_heap_unsplit(const struct tui_frame *f)
{
	const struct mp_proc *proc = tui_view_proc(f->view, f->state ? f->state : f->now);
	struct mp_account a;

	if (!proc || f->view->list)
		return false;
	mp_account(proc, &a);
	return a.unsplit_heap * 2 > a.rss - a.file - a.shmem && a.unsplit_heap > 0;
}

void tui_scale(struct tui_scale *sc, int64_t max, int rows)
{
	/* quarters of a unit: a quarter, a half, 1, 2, 2.5, 5, 10 ... */
	static const int quarters[] = {
		1, 2, 4, 8, 10, 20, 40, 80, 100, 200, 400, 800, 1000, 2000
	};
	int64_t unit = 1024;
	int most = rows >= 9 ? rows / 3 : rows > 4 ? rows / 2 : 2;

	max = max < 4096 ? 4096 : max;
	while (unit <= max / 1024)
		unit *= 1024;
	*sc = (struct tui_scale){ max, max, rows };
	/* Labels stand a whole number of rows apart, so that they are exact. Of
	 * all such scales: the one that leaves the least room at the top. */
	for (int every = 2; every <= most; every++) {
		for (size_t i = 0; i < sizeof(quarters) / sizeof(quarters[0]); i++) {
			int64_t step = unit / 4 * quarters[i];
			int64_t top = step / every * rows + step % every * rows / every;

			if (top < max)
				continue;
			if (sc->every == rows || top < sc->top)
				*sc = (struct tui_scale){ top, step, every };
			break;
		}
	}
}

char *tui_clock(char *buf, size_t size, uint64_t ns)
{
	unsigned long long s = ns / 1000000000ULL;

	if (s >= 3600)
		snprintf(buf, size, "%llu:%02llu:%02llu", s / 3600, s / 60 % 60, s % 60);
	else
		snprintf(buf, size, "%02llu:%02llu", s / 60, s % 60);
	return buf;
}

uint64_t tui_since(const struct mp_model *m, uint64_t ts)
{
	return mp_fig_since(m, ts);
}
