/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scenarios_demo_heap.c - incidents of a managed heap, on the collector in gc/.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "gc/gc.h"
#include "gc/gc_segment.h"
#include "user/cmd/scenarios_demo.h"
#include "user/util/util.h"

#define STEPS 40

/* A request leaves entries of this size behind, or not. */
struct entry {
	struct entry *next;
	char text[1016];
};

struct demo {
	struct gc_heap *heap;
	struct gc_mutator *m;
	const struct gc_type *entry;
	unsigned step_ms;
};

static int begin(struct demo *d, struct gc_options *o, const char *name, unsigned pace)
{
	struct gc_type_desc desc = GC_TYPE_INIT(.name = "entry", .kind = GC_BITMAP64,
						.size = sizeof(struct entry), .bitmap = 1);
	int err;

	o->name = name;
	err = gc_heap_create(o, &d->heap);
	if (!err)
		err = gc_mutator_attach(d->heap, &d->m);
	if (!err)
		err = gc_type_register(d->heap, &desc, &d->entry);
	d->step_ms = pace / 3;
	return err;
}

/* Pushes so many bytes of entries on *list. */
static void push(struct demo *d, struct entry **list, size_t bytes)
{
	struct entry *top = *list, *e;

	{
		GC_FRAME(d->m, top);
		for (size_t n = 0; n < bytes; n += sizeof(*e)) {
			e = gc_alloc(d->m, d->entry);
			gc_write(d->m, e, &e->next, top);
			top = e;
		}
	}
	*list = top;
}

/* Work that leaves nothing: what a request needs while it runs. */
static void garbage(struct demo *d, size_t bytes)
{
	for (size_t n = 0; n < bytes; n += sizeof(struct entry))
		gc_alloc(d->m, d->entry);
}

static void collect(struct demo *d)
{
	gc_collect(d->m, GC_FULL, GC_REASON_FORCED);
}

/* Entries that nothing ever takes out: a map that requests are put into. */
int demo_heap_leak(unsigned pace)
{
	struct gc_options o = GC_OPTIONS_INIT;
	struct entry *map = NULL;
	struct demo d;
	int err = begin(&d, &o, "heap-leak", pace);

	if (err)
		return err;
	{
		GC_FRAME(d.m, map);
		for (unsigned i = 0; i < STEPS; i++) {
			push(&d, &map, 5 * MIB);
			garbage(&d, 10 * MIB);
			if (i % 3 == 2)
				collect(&d);
			demo_hold(d.m, d.step_ms);
		}
	}
	return 0;
}

/* A cache that is asked for the same keys more and more often: what is new gets less. */
int demo_cache_growth(unsigned pace)
{
	struct gc_options o = GC_OPTIONS_INIT;
	struct entry *cache = NULL;
	size_t room = 240 * MIB;
	struct demo d;
	int err = begin(&d, &o, "cache-growth", pace);

	if (err)
		return err;
	{
		GC_FRAME(d.m, cache);
		for (unsigned i = 0; i < STEPS; i++) {
			push(&d, &cache, room / 8);
			room -= room / 8;
			garbage(&d, 10 * MIB);
			if (i % 3 == 2)
				collect(&d);
			demo_hold(d.m, d.step_ms);
		}
	}
	return 0;
}

/* Drops the older part of a list. */
static void drain(struct demo *d, struct entry **queue, size_t bytes)
{
	struct entry *e = *queue;

	for (size_t n = 0; e && n < bytes; n += sizeof(*e))
		e = e->next;
	*queue = e;
	(void)d;
}

/* Produced faster than consumed, until the producer rests. */
int demo_queue_backlog(unsigned pace)
{
	struct gc_options o = GC_OPTIONS_INIT;
	struct entry *queue = NULL;
	struct demo d;
	int err = begin(&d, &o, "queue-backlog", pace);

	if (err)
		return err;
	{
		GC_FRAME(d.m, queue);
		for (unsigned i = 0; i < STEPS; i++) {
			if (i < STEPS / 2)
				push(&d, &queue, 16 * MIB);
			drain(&d, &queue, 8 * MIB);
			garbage(&d, MIB);
			if (i % 2)
				collect(&d);
			demo_hold(d.m, d.step_ms);
		}
	}
	return 0;
}

/* A burst is over, and the collector keeps its room for the next. */
int demo_heap_retained(unsigned pace)
{
	struct gc_options o = GC_OPTIONS_INIT;
	struct entry *burst = NULL;
	struct demo d;
	int err;

	o.release_delay_ms = 3600 * 1000;
	err = begin(&d, &o, "heap-retained", pace);
	if (err)
		return err;
	{
		GC_FRAME(d.m, burst);
		push(&d, &burst, 300 * MIB);
		demo_hold(d.m, pace);
		burst = NULL;
		collect(&d);
		demo_hold(d.m, 24 * pace);
	}
	return 0;
}

/* Objects that cannot move, of which few stay: each keeps its block. */
int demo_heap_fragmented(unsigned pace)
{
	struct gc_options o = GC_OPTIONS_INIT;
	struct entry *dropped = NULL, *kept = NULL, *e;
	struct demo d;
	int err;

	o.no_release_thread = 1;
	o.release_delay_ms = 3600 * 1000;
	err = begin(&d, &o, "heap-fragmented", pace);
	if (err)
		return err;
	{
		GC_FRAME(d.m, dropped, kept);
		for (size_t i = 0; i < 300 * MIB / sizeof(*e); i++) {
			e = gc_alloc_pinned(d.m, d.entry);
			if (!e)
				return -ENOMEM;
			gc_write(d.m, e, &e->next, i % 500 ? dropped : kept);
			if (i % 500)
				dropped = e;
			else
				kept = e;
		}
		demo_hold(d.m, 2 * pace);
		dropped = NULL;
		for (unsigned i = 0; i < 5; i++) {
			collect(&d);
			demo_hold(d.m, 2 * pace);
		}
	}
	return 0;
}

struct view {
	struct view *next;
	void *whole;
	size_t from, to;
};

/* Small things that are views of large ones. */
int demo_pinned_slice(unsigned pace)
{
	struct gc_type_desc desc = GC_TYPE_INIT(.name = "view", .kind = GC_BITMAP64,
						.size = sizeof(struct view), .bitmap = 3);
	struct gc_options o = GC_OPTIONS_INIT;
	const struct gc_type *type;
	struct view *views = NULL, *v;
	struct gc_bytes *whole = NULL;
	struct demo d;
	int err = begin(&d, &o, "pinned-slice", pace);

	err = err ? err : gc_type_register(d.heap, &desc, &type);
	if (err)
		return err;
	{
		GC_FRAME(d.m, views, whole);
		for (unsigned i = 0; i < 3 * STEPS; i++) {
			whole = gc_alloc_array(d.m, gc_type_bytes(d.heap), 2 * MIB);
			memset(whole->data, 1, 2 * MIB);
			v = gc_alloc(d.m, type);
			gc_write(d.m, v, &v->next, views);
			gc_write(d.m, v, &v->whole, whole);
			views = v;
			if (i % 9 == 8)
				collect(&d);
			demo_hold(d.m, d.step_ms / 3);
		}
	}
	return 0;
}

/* The live set is nearly the limit: it does little else than collect. */
int demo_gc_thrash(unsigned pace)
{
	struct gc_options o = GC_OPTIONS_INIT;
	struct entry *live = NULL;
	struct demo d;
	int err;

	o.old_limit = 72 * MIB;
	err = begin(&d, &o, "gc-thrash", pace);
	if (err)
		return err;
	{
		GC_FRAME(d.m, live);
		push(&d, &live, 66 * MIB);
		for (uint64_t end = mp_monotonic_ns() + 26 * pace * 1000000ULL;
		     mp_monotonic_ns() < end;) {
			garbage(&d, 2 * MIB);
			collect(&d);
		}
	}
	return 0;
}

/* Garbage up to a goal that is far away: the heap fills, the live set does not grow. */
int demo_heap_fills(unsigned pace)
{
	struct gc_options o = GC_OPTIONS_INIT;
	struct entry *live = NULL;
	void *large = NULL;
	struct demo d;
	int err;

	o.gogc = 900;
	err = begin(&d, &o, "heap-fills", pace);
	if (err)
		return err;
	{
		GC_FRAME(d.m, live, large);
		push(&d, &live, 16 * MIB);
		for (unsigned i = 0; i < 10 * STEPS; i++) {
			large = gc_alloc_array(d.m, gc_type_bytes(d.heap), 2 * MIB);
			memset(((struct gc_bytes *)large)->data, 1, 2 * MIB);
			large = NULL;
			demo_hold(d.m, d.step_ms / 10);
		}
	}
	return 0;
}

/* Buffers outside of the heap, each held by a small object in it. */
int demo_off_heap(unsigned pace)
{
	struct gc_options o = GC_OPTIONS_INIT;
	struct entry *owners = NULL;
	struct demo d;
	int cls, err = begin(&d, &o, "off-heap", pace);

	if (err)
		return err;
	cls = gc_external_class(d.heap, "buffers");
	{
		GC_FRAME(d.m, owners);
		for (unsigned i = 0; i < STEPS && !err; i++) {
			char *buffer = mmap(NULL, 6 * MIB, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			if (buffer == MAP_FAILED)
				return -errno;
			memset(buffer, 1, 6 * MIB);
			push(&d, &owners, sizeof(struct entry));
			err = gc_external_attach(d.m, owners, cls, 6 * MIB);
			if (i % 4 == 3)
				collect(&d);
			demo_hold(d.m, d.step_ms);
		}
	}
	return err;
}
