/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gclog_event.c - see gclog_event.h.
 */
#include "user/rt/gclog_event.h"

#include <stdio.h>
#include <string.h>

unsigned mp_gclog_source(enum mp_gclog_lang lang)
{
	switch (lang) {
	case MP_GCLOG_V8:
	case MP_GCLOG_V8_NVP:
		return MP_SRC_V8;
	case MP_GCLOG_GO:
		return MP_SRC_GO;
	case MP_GCLOG_UNIFIED:
	case MP_GCLOG_LEGACY:
		return MP_SRC_JVM;
	case MP_GCLOG_MPGC:
		return MP_SRC_GC;
	default:
		return 0;
	}
}

/* The heap's place, new if need be; NULL: no room. */
static struct mp_gclog_heap *heap_of(struct mp_gclog_heaps *h, uint64_t id)
{
	for (unsigned i = 0; i < h->n; i++)
		if (h->v[i].id == id)
			return &h->v[i];
	if (h->n == MP_GCLOG_HEAPS)
		return NULL;
	h->v[h->n] = (struct mp_gclog_heap){ .id = id, .after = MP_UNKNOWN, .cafter = MP_UNKNOWN };
	return &h->v[h->n++];
}

static void add(__u64 *to, uint64_t v)
{
	if (*to != MP_UNKNOWN && v != MP_UNKNOWN)
		*to += v;
}

/* What the other heaps had is added to all four; then this one's own is kept. */
static void sum(struct mp_gclog_heaps *h, const struct mp_gclog_gc *gc, struct mp_event *e)
{
	struct mp_gclog_heap *own = heap_of(h, gc->isolate);

	for (unsigned i = 0; i < h->n; i++) {
		const struct mp_gclog_heap *o = &h->v[i];

		if (o == own)
			continue;
		add(&e->gc.before, o->after);
		add(&e->gc.after, o->after);
		add(&e->gc.cbefore, o->cafter);
		add(&e->gc.cafter, o->cafter);
	}
	if (own && gc->after != MP_UNKNOWN)
		own->after = gc->after;
	if (own && gc->cafter != MP_UNKNOWN)
		own->cafter = gc->cafter;
}

int mp_gclog_events(struct mp_gclog_heaps *h, const struct mp_gclog_gc *gc, uint64_t stamp,
		    struct mp_event ev[2])
{
	uint64_t len = gc->span != MP_UNKNOWN ? gc->span : gc->pause != MP_UNKNOWN ? gc->pause : 0;
	uint64_t start = gc->at_start ? stamp : stamp > len ? stamp - len : 0;
	struct mp_event *e = &ev[0];

	memset(ev, 0, 2 * sizeof(*ev));
	e->ts = gc->at_start ? stamp + len : stamp;
	e->type = MP_EV_GC;
	e->sub = gc->kind;
	e->gc.start = start;
	e->gc.pause = gc->pause;
	e->gc.before = gc->before;
	e->gc.after = gc->after;
	e->gc.cbefore = gc->cbefore;
	e->gc.cafter = gc->cafter;
	e->gc.source = (__u16)mp_gclog_source(gc->lang);
	sum(h, gc, e);
	if (gc->goal == MP_UNKNOWN)
		return 1;
	ev[1].ts = e->ts;
	ev[1].type = MP_EV_HEAP;
	ev[1].sub = (__u8)e->gc.source;
	ev[1].flags = MP_HEAP_SOME;
	memset(ev[1].v, 0xff, sizeof(ev[1].v));
	ev[1].heap.used = e->gc.after;
	ev[1].heap.committed = e->gc.cafter;
	ev[1].heap.goal = gc->goal;
	return 2;
}

char *mp_gclog_reason(const struct mp_gclog_gc *gc, char buf[MP_GCLOG_REASON])
{
	bool pause = gc->kind == MP_GC_OTHER; /* its name says what it was */

	if (*gc->reason && *gc->name && pause)
		snprintf(buf, MP_GCLOG_REASON, "%s: %s", gc->name, gc->reason);
	else
		snprintf(buf, MP_GCLOG_REASON, "%s", *gc->reason ? gc->reason : gc->name);
	return buf;
}
