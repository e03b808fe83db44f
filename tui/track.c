/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * track.c - see track.h.
 *
 * Slices lie on multiples of their width since the session's start, so a plot that
 * scrolls drops whole slices and reads only new ones. Only slices that are over are
 * read: what is still growing would have to be read in every frame.
 */
#include "tui/track.h"

#include <errno.h>
#include <string.h>

#include "tui/draw.h"

static struct tui_track_slice *slice(struct tui_track *h, uint64_t i)
{
	return &h->s[i % TUI_TRACK_SLICES];
}

const struct tui_track_slice *tui_track_slice(const struct tui_track *h, uint64_t i)
{
	return &h->s[(h->first + i) % TUI_TRACK_SLICES];
}

static uint64_t overlap(const struct tui_track *h, uint64_t start, uint64_t len)
{
	uint64_t a = start > h->start ? start : h->start;
	uint64_t b = start + len < h->end ? start + len : h->end;

	return b > a ? b - a : 0;
}

struct reading {
	struct tui_track *h;
	uint64_t last;	/* ns: of the latest event taken; where it is to stop, the next one's */
	uint64_t left;	/* events                                                             */
	uint64_t first; /* ns: of the slices held                                             */
};

static void note_call(struct tui_track_call *top, const struct tui_track_call *c)
{
	int at = TUI_TRACK_CALLS;

	while (at > 0 && c->out > top[at - 1].out)
		at--;
	if (at == TUI_TRACK_CALLS)
		return;
	memmove(&top[at + 1], &top[at], (size_t)(TUI_TRACK_CALLS - at - 1) * sizeof(top[0]));
	top[at] = *c;
}

/* Of the slices held, so that those of a slice that is dropped go with it. */
static void find_top(struct tui_track *h)
{
	memset(h->top, 0, sizeof(h->top));
	for (int i = 0; i < TUI_TRACK_SLICES; i++)
		for (int j = 0; j < TUI_TRACK_CALLS && h->s[i].top[j].ts; j++)
			note_call(h->top, &h->s[i].top[j]);
}

/* The addresses that a call may have taken pages from; 0 bytes: none. */
static uint64_t dropped_by(const struct mp_event *e, uint64_t *len)
{
	uint64_t now = (uint64_t)e->call.ret;

	*len = e->call.len;
	switch (e->sub) {
	case MP_CALL_MMAP: /* over what was there */
		return now;
	case MP_CALL_BRK:
		*len = e->call.len2 > now ? e->call.len2 - now : 0;
		return now;
	case MP_CALL_MADVISE:
	case MP_CALL_PROCESS_MADVISE:
	case MP_CALL_MUNMAP:
	case MP_CALL_MREMAP:
		return e->call.addr;
	default:
		*len = 0;
		return 0;
	}
}

/* Only a part of what was asked may lie in the range: no more of it left. */
static void take_call(struct tui_track *h, const struct mp_event *e, struct tui_track_slice *s)
{
	int64_t fell = -((int64_t)e->call.d_anon + e->call.d_file + e->call.d_shmem);
	uint64_t len, addr = dropped_by(e, &len), in = overlap(h, addr, len), out;
	struct tui_track_call c = { .ts = e->ts, .call = e->sub, .advice = (uint8_t)e->x };

	if (e->flags & (MP_CALL_FAILED | MP_CALL_NO_DELTA) || fell <= 0 || !in)
		return;
	out = (uint64_t)fell * MP_PAGE_SIZE;
	out = out < in ? out : in;
	s->out += out;
	c.len = len;
	c.out = out;
	if (h->site[e->tid % 16].tid == e->tid && h->site[e->tid % 16].ts == e->ts)
		c.stack = h->site[e->tid % 16].stack;
	note_call(s->top, &c);
}

/*
 * An event more is to be taken: true when it is enough for a frame. It stops between two
 * moments, anywhere in a slice, so what is taken next begins with the first of a moment.
 */
static bool enough(struct reading *r, const struct mp_event *e)
{
	if (e->ts > r->last) {
		r->last = e->ts;
		if (!r->left)
			return true;
	}
	r->left -= r->left > 0;
	return false;
}

static int take(void *arg, const struct mp_event *e)
{
	struct reading *r = arg;
	struct tui_track *h = r->h;
	struct tui_track_slice *s;

	if (enough(r, e))
		return 1;
	if (e->mm != h->mm || e->ts < r->first)
		return 0;
	s = slice(h, (e->ts - h->zero) / h->width);
	if (e->type == MP_EV_FAULT)
		s->in += overlap(h, e->fault.addr, e->x * MP_PAGE_SIZE) / MP_PAGE_SIZE;
	else if (e->type == MP_EV_SITE && e->sub == MP_SITE_CALL)
		h->site[e->tid % 16] = (__typeof__(h->site[0])){ e->tid, e->ts, e->site.stack };
	else if (e->type == MP_EV_CALL)
		take_call(h, e, s);
	return 0;
}

/* The slices [first, first + n) are wanted: keeps what of them is there already. */
static void settle(struct tui_track *h, uint64_t first, uint64_t n)
{
	uint64_t from = h->zero + first * h->width;

	if (first < h->first || first >= h->first + TUI_TRACK_SLICES) {
		memset(h->s, 0, sizeof(h->s));
		h->next = from;
	} else {
		for (uint64_t i = h->first; i < first; i++)
			*slice(h, i) = (struct tui_track_slice){ 0 };
	}
	if (h->next < from)
		h->next = from;
	h->first = first;
	h->n = n;
}

static bool same(const struct tui_track *h, const struct tui_track *want)
{
	return h->mm == want->mm && h->start == want->start && h->end == want->end &&
	       h->zero == want->zero && h->width == want->width;
}

/*
 * The least that holds the span, out of a second halved or doubled some times: with a scale
 * that follows the session's length it stays until there is twice as much of it.
 */
static uint64_t width_for(uint64_t span)
{
	uint64_t w = 1000000000;

	while (w > 1 && span / (w / 2) + 2 <= TUI_TRACK_SLICES)
		w /= 2;
	while (span / w + 2 > TUI_TRACK_SLICES)
		w *= 2;
	return w;
}

bool tui_track_read(const struct tui_frame *f, struct tui_track *h, uint32_t mm, uint64_t start,
		    uint64_t end)
{
	const struct tui_window *win = &f->win;
	uint64_t from, span, first, last, stop;
	struct tui_track want = { .mm = mm, .start = start, .end = end };
	struct reading r = { .h = h, .left = TUI_TRACK_EVENTS };

	h->more = false;
	if (!f->src || !f->src->events || !win->tl || win->cols < 1)
		return false;
	from = (uint64_t)win->col0 * win->colw;
	span = (uint64_t)win->cols * win->colw;
	want.zero = win->tl->start;
	want.width = width_for(span);
	if (!same(h, &want))
		*h = want;
	first = from / h->width;
	last = (from + span - 1) / h->width;
	settle(h, first, last - first + 1);
	/* the slice that now is in counts only when nothing more comes */
	stop = h->zero + (last + 1) * h->width;
	if (f->live && !tui_frame_ended(f) && stop > f->now->now)
		stop = h->zero + (f->now->now - h->zero) / h->width * h->width;
	r.first = h->zero + first * h->width;
	if (h->next < stop) {
		h->more = f->src->events(f->src->ctx, h->next, stop, take, &r) == 1;
		h->next = h->more ? r.last : stop;
	}
	find_top(h);
	return true;
}

/* --- the parts of a collection ------------------------------------------------------- */

struct searching {
	struct reading r;
	uint8_t source;
};

static int take_part(void *arg, const struct mp_event *e)
{
	struct searching *s = arg;
	struct tui_parts *p = &s->r.h->parts;

	if (enough(&s->r, e))
		return 1;
	if (e->type != MP_EV_PHASE || e->mm != p->mm || e->phase.source != s->source)
		return 0;
	if (p->n == TUI_TRACK_PARTS) {
		p->over = true;
		return 2;
	}
	p->v[p->n].sub = e->sub;
	p->v[p->n++].dur = e->phase.dur;
	return 0;
}

void tui_track_parts(const struct tui_frame *f, struct tui_track *h, uint32_t mm, uint64_t id,
		     const struct mp_gc *g)
{
	struct tui_parts *p = &h->parts;
	struct searching s = { .r = { .h = h, .left = TUI_TRACK_EVENTS }, .source = g->source };
	int r;

	if (p->id != id || p->mm != mm)
		*p = (struct tui_parts){ .id = id,
					 .mm = mm,
					 .next = g->start && g->start < g->ts ? g->start : g->ts };
	h->more = false;
	p->done |= !f->src || !f->src->events;
	if (p->done)
		return;
	r = f->src->events(f->src->ctx, p->next, g->ts + 1, take_part, &s);
	h->more = r == 1;
	p->next = s.r.last;
	p->done = r != 1;
	p->gone = r == -ENODATA;
}
