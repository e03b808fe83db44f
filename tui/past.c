/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * past.c - a stretch of the stream as the events of one process, with their places.
 */
#include "tui/past.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tui/draw.h"
#include "user/util/util.h"

/* What a reading has met so far. */
struct reading {
	const struct mp_model *now;
	const struct mp_proc *proc;
	struct tui_batch *b;
	size_t max;
	int err;
	/* told right before what was done there */
	struct mp_event call_site, fault_site;
};

/* Advice that gives memory back or lets the kernel take it. */
static bool gives_back(unsigned advice)
{
	switch (advice) {
	case 4:	 /* MADV_DONTNEED */
	case 8:	 /* MADV_FREE */
	case 9:	 /* MADV_REMOVE */
	case 21: /* MADV_PAGEOUT */
	case 24: /* MADV_DONTNEED_LOCKED */
		return true;
	default:
		return false;
	}
}

/* RSS fell in it, or may have fallen behind what other threads did meanwhile. */
static bool fell(const struct mp_event *e)
{
	if (e->flags & (MP_CALL_NO_DELTA | MP_CALL_SHARED | MP_CALL_FAULTED))
		return true;
	return (int64_t)e->call.d_anon + e->call.d_file + e->call.d_shmem < 0;
}

static unsigned call_kinds(const struct mp_event *e)
{
	if (e->flags & MP_CALL_FAILED)
		return TUI_K_OTHER;
	switch (e->sub) {
	case MP_CALL_MMAP:
		return e->call.len >= TUI_BIG_MAP ? TUI_K_MAP : TUI_K_OTHER;
	case MP_CALL_MUNMAP:
		return fell(e) ? TUI_K_RELEASE : TUI_K_OTHER;
	case MP_CALL_BRK:
		return e->call.addr < e->call.len2 && fell(e) ? TUI_K_RELEASE : TUI_K_OTHER;
	case MP_CALL_MADVISE:
	case MP_CALL_PROCESS_MADVISE:
		return gives_back(e->x) && (fell(e) || e->x == 8) ? TUI_K_RELEASE : TUI_K_OTHER;
	default:
		return TUI_K_OTHER;
	}
}

/* 0: it is no event of the program: a reading, a name, memprof's own books. */
static unsigned kinds_of(const struct mp_event *e)
{
	switch (e->type) {
	case MP_EV_FAULT:
		return TUI_K_FAULT;
	case MP_EV_CALL:
		return call_kinds(e);
	case MP_EV_GC:
		return TUI_K_GC;
	case MP_EV_TASK:
		if (e->sub == MP_TASK_FORK)
			return TUI_K_FORK;
		return e->sub == MP_TASK_TARGET ? 0 : TUI_K_OTHER;
	case MP_EV_NOTE:
		return TUI_K_NOTE;
	case MP_EV_LOSS:
		return TUI_K_LOSS;
	case MP_EV_HEAP_RANGE:
	case MP_EV_PHASE:
	case MP_EV_MAJOR:
	case MP_EV_SAMPLE:
	case MP_EV_CLOCK:
		return TUI_K_OTHER;
	default:
		return 0;
	}
}

/* What concerns no process in particular is told with the first one. */
static bool concerns(const struct reading *r, const struct mp_event *e)
{
	if (!e->mm)
		return r->proc == mp_model_main(r->now);
	return e->mm == r->proc->mm || mp_model_proc((struct mp_model *)r->now, e->mm) == r->proc;
}

static uint64_t stack_of(const struct reading *r, const struct mp_event *e)
{
	const struct mp_event *s = e->type == MP_EV_CALL ? &r->call_site : &r->fault_site;

	if (e->type == MP_EV_SAMPLE)
		return e->sample.stack;
	if (e->type == MP_EV_FAULT && e->fault.stack)
		return e->fault.stack;
	if (!s->ts || s->tid != e->tid)
		return 0;
	if (e->type == MP_EV_CALL)
		return s->ts == e->ts ? s->site.stack : 0;
	if (e->type == MP_EV_FAULT && s->site.addr >= e->fault.addr &&
	    s->site.addr - e->fault.addr < e->x * MP_PAGE_SIZE)
		return s->site.stack;
	return 0;
}

static int take(void *arg, const struct mp_event *e)
{
	struct reading *r = arg;
	struct tui_batch *b = r->b;
	unsigned kinds = kinds_of(e);

	if (++b->seen > r->max)
		return 1;
	if (e->type == MP_EV_SITE)
		*(e->sub == MP_SITE_CALL ? &r->call_site : &r->fault_site) = *e;
	if (!kinds || !concerns(r, e))
		return 0;
	r->err = mp_grow(&b->v, &b->cap, b->n + 1, sizeof(b->v[0]));
	if (r->err)
		return r->err;
	b->v[b->n++] = (struct tui_happened){ .e = *e, .kinds = kinds, .stack = stack_of(r, e) };
	return 0;
}

/* By time, those of one time as they came: nth has their number in the stream. */
static int by_time(const void *a, const void *b)
{
	const struct tui_happened *x = a, *y = b;

	if (x->e.ts != y->e.ts)
		return x->e.ts < y->e.ts ? -1 : 1;
	return x->nth < y->nth ? -1 : 1;
}

/* The stream is in order but for what came late. */
static void in_order(struct tui_batch *b)
{
	bool sorted = true;

	for (size_t i = 0; i < b->n; i++) {
		b->v[i].nth = (uint32_t)i;
		sorted &= !i || b->v[i - 1].e.ts <= b->v[i].e.ts;
	}
	if (!sorted)
		qsort(b->v, b->n, sizeof(b->v[0]), by_time);
	for (size_t i = 0; i < b->n; i++)
		b->v[i].nth = i && b->v[i].e.ts == b->v[i - 1].e.ts ? b->v[i - 1].nth + 1 : 0;
}

int tui_past_read(const struct tui_frame *f, uint64_t t0, uint64_t t1, size_t max,
		  struct tui_batch *b)
{
	struct reading r = {
		.now = f->now, .proc = tui_view_proc(f->view, f->now), .b = b, .max = max
	};
	int err;

	b->n = b->seen = 0;
	if (!f->src || !f->src->events || !r.proc)
		return -EOPNOTSUPP;
	if (t0 >= t1)
		return 0;
	err = f->src->events(f->src->ctx, t0, t1, take, &r);
	if (!err)
		in_order(b);
	return r.err ? r.err : err;
}

void tui_batch_free(struct tui_batch *b)
{
	free(b->v);
	memset(b, 0, sizeof(*b));
}

bool tui_past_work(struct tui_frame *f)
{
	bool more = tui_seek_work(f);

	f->old = true;
	if (f->view->pane == TUI_P_EVENTS)
		more |= tui_near_work(f);
	more |= tui_delta_work(f);
	return more;
}
