/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * latency - what single calls of libmpgc cost, in ns: one JSON line a call. Each is the
 * median of 41 batches; its own loop, which does the same without the call, is taken
 * off where there is one.
 */
#include "gc/examples/example.h"

#define BATCHES 41

struct pair {
	struct pair *a, *b;
	uint64_t value; /* 32 bytes with the header */
};

struct bench {
	struct gc_heap *heap, *silent; /* silent: no events */
	struct gc_mutator *m, *ms;
	const struct gc_type *pair, *pair_silent;
	struct gc_refs *old; /* of old pairs; a root */
};

static volatile uint64_t sink;

static double ns_now(void)
{
	return example_seconds() * 1e9;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* fn does a batch and returns its ns per call. */
static double median_of(double (*fn)(struct bench *), struct bench *b)
{
	double v[BATCHES];
	int i;

	for (i = 0; i < BATCHES; i++)
		v[i] = fn(b);
	qsort(v, BATCHES, sizeof(v[0]), by_value);
	return v[BATCHES / 2];
}

#define ALLOCS 400000

/* Minor collections that find everything dead included. */
static double alloc_pair(struct bench *b)
{
	double t = ns_now();
	int i;

	for (i = 0; i < ALLOCS; i++)
		((struct pair *)must(gc_alloc(b->m, b->pair)))->value = (uint64_t)i;
	return (ns_now() - t) / ALLOCS;
}

static double alloc_pair_silent(struct bench *b)
{
	double t = ns_now();
	int i;

	for (i = 0; i < ALLOCS; i++)
		((struct pair *)must(gc_alloc(b->ms, b->pair_silent)))->value = (uint64_t)i;
	return (ns_now() - t) / ALLOCS;
}

static double alloc_array(struct bench *b)
{
	const struct gc_type *bytes = gc_type_bytes(b->heap);
	double t = ns_now();
	int i;

	for (i = 0; i < ALLOCS; i++)
		((struct gc_bytes *)must(gc_alloc_array(b->m, bytes, 16)))->data[0] = 1;
	return (ns_now() - t) / ALLOCS;
}

/* Frames around nothing: the variables must be in memory. */
static double frame(struct bench *b)
{
	double t = ns_now();
	int i;

	for (i = 0; i < ALLOCS; i++) {
		struct pair *x = NULL, *y = NULL;
		GC_FRAME(b->m, x, y);

		__asm__ volatile("" : : "r"(&x), "r"(&y) : "memory");
	}
	return (ns_now() - t) / ALLOCS;
}

#define OLD  32768u
#define STEP 12289u /* odd: visits every object once, far from the last */

static double write_plain(struct bench *b)
{
	unsigned i, at = 0;
	double t = ns_now();

	for (i = 0; i < OLD; i++, at = (at + STEP) % OLD) {
		struct pair *p = b->old->ref[at];

		*(gc_slot *)&p->a = p->b;
		__asm__ volatile("" : : : "memory");
	}
	return (ns_now() - t) / OLD;
}

static double write_barrier(struct bench *b)
{
	unsigned i, at = 0;
	double t = ns_now();

	for (i = 0; i < OLD; i++, at = (at + STEP) % OLD) {
		struct pair *p = b->old->ref[at];

		gc_write(b->m, p, &p->a, p->b);
		__asm__ volatile("" : : : "memory");
	}
	return (ns_now() - t) / OLD;
}

/* The first store into each old object since the last collection: it is logged. */
static double write_first(struct bench *b)
{
	gc_collect(b->m, GC_MINOR, GC_REASON_TESTING);
	return write_barrier(b);
}

/* A store of what was stored before: it is in the log already. */
static double write_again(struct bench *b)
{
	return write_barrier(b);
}

#define CALLS 2000

static double call_note(struct bench *b)
{
	double t = ns_now();
	int i;

	for (i = 0; i < CALLS; i++)
		gc_note(b->heap, "sixteen bytes ..");
	return (ns_now() - t) / CALLS;
}

static double call_clock(struct bench *b)
{
	double t = ns_now();
	int i;

	(void)b;
	for (i = 0; i < CALLS; i++)
		sink += (uint64_t)ns_now();
	return (ns_now() - t) / CALLS;
}

static double call_stats(struct bench *b)
{
	double t = ns_now();
	struct gc_stats st;
	int i;

	for (i = 0; i < CALLS / 20; i++) {
		gc_stats(b->heap, &st);
		sink += st.heap_used;
	}
	return (ns_now() - t) / (CALLS / 20);
}

static double call_handle(struct bench *b)
{
	struct gc_scope scope;
	double t = ns_now();
	int i;

	for (i = 0; i < CALLS; i++) {
		gc_scope_open(b->m, &scope);
		sink += gc_handle_new(b->m, b->old) != NULL;
		gc_scope_close(b->m, &scope);
	}
	return (ns_now() - t) / CALLS;
}

static double call_minor(struct bench *b)
{
	double t = ns_now();
	int i;

	for (i = 0; i < 50; i++)
		gc_collect(b->m, GC_MINOR, GC_REASON_TESTING);
	return (ns_now() - t) / 50;
}

static const struct {
	const char *name;
	double (*fn)(struct bench *);
} calls[] = {
	{ "gc_alloc of 32 B, minor collections included", alloc_pair },
	{ "the same without events", alloc_pair_silent },
	{ "gc_alloc_array of 16 B", alloc_array },
	{ "GC_FRAME of two variables", frame },
	{ "plain store in a random old object", write_plain },
	{ "gc_write in it, logged before", write_again },
	{ "gc_write in it, the first since a collection", write_first },
	{ "an event of one continuation (gc_note)", call_note },
	{ "of which the clock", call_clock },
	{ "gc_stats, 10 MB heap", call_stats },
	{ "scope and handle", call_handle },
	{ "gc_collect(GC_MINOR) of an empty young space", call_minor },
};

static void setup(struct bench *b)
{
	struct gc_type_desc desc = GC_TYPE_INIT(.name = "pair", .kind = GC_BITMAP64,
						.size = sizeof(struct pair), .bitmap = 3);
	struct gc_options opts = GC_OPTIONS_INIT;

	if (gc_heap_create(&opts, &b->heap) || gc_mutator_attach(b->heap, &b->m) ||
	    gc_type_register(b->heap, &desc, &b->pair))
		exit(1);
	opts.no_events = 1;
	if (gc_heap_create(&opts, &b->silent) || gc_mutator_attach(b->silent, &b->ms) ||
	    gc_type_register(b->silent, &desc, &b->pair_silent))
		exit(1);
}

static void run(struct bench *b)
{
	unsigned i;
	GC_FRAME(b->m, b->old);

	b->old = must(gc_alloc_array(b->m, gc_type_refs(b->heap), OLD));
	for (i = 0; i < OLD; i++)
		gc_write(b->m, b->old, &b->old->ref[i], must(gc_alloc(b->m, b->pair)));
	gc_collect(b->m, GC_FULL, GC_REASON_TESTING);
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		printf("{\"name\": \"%s\", \"ns\": %.3f}\n", calls[i].name,
		       median_of(calls[i].fn, b));
}

int main(void)
{
	struct bench b = { 0 };

	setup(&b);
	run(&b);
	gc_mutator_detach(b.m);
	gc_mutator_detach(b.ms);
	return gc_heap_destroy(b.heap) || gc_heap_destroy(b.silent);
}
