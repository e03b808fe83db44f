/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gc-keeps MODE MB N - what a heap of libmpgc and what lies beside it come to, for the
 * diagnosis (docs/diagnosis.md):
 *
 *   idle      MB of small objects, dropped and collected, by a heap that gives nothing back;
 *             then N ms of rest, and no less than twice what that took
 *   sparse    MB of objects that do not move, of which one stays in each page: none is empty,
 *             so none is ever given back; N full collections
 *   external  N pieces of 1 MB outside the heap, each held by an object
 *   thrash    MB that stay from before the first step, in a heap that may have a tenth more;
 *             N full collections, each behind a little garbage
 *
 * All but the rest is by count. At the end of `sparse` and `external` there is as much rest as
 * there was work: on a busy machine as well it came in a burst.
 */
#include "gc/gc.h"
#include "gc/gc_segment.h"
#include "step.h"

#define MIB(n) ((size_t)(n) << 20)

struct node {
	struct node *next;
	char data[496];
};

static const struct gc_type *node_type;
static int external_class;

static void *must(void *p)
{
	if (!p)
		exit(97);
	return p;
}

/* A list of so many bytes. */
static struct node *fill(struct gc_mutator *m, size_t bytes)
{
	struct node *list = NULL, *n;
	GC_FRAME(m, list);

	for (size_t i = 0; i < bytes / sizeof(*n); i++) {
		n = must(gc_alloc(m, node_type));
		n->data[0] = 1;
		gc_write(m, n, &n->next, list);
		list = n;
	}
	return list;
}

#define ONE_OF 7 /* objects; a page holds eight */

/* The same of objects that stay where they are; then all but one of seven are dropped. */
static struct node *fill_pinned(struct gc_mutator *m, size_t bytes)
{
	struct node *list = NULL, *few = NULL, *n;
	GC_FRAME(m, list, few);

	for (size_t i = 0; i < bytes / sizeof(*n); i++) {
		n = must(gc_alloc_pinned(m, node_type));
		n->data[0] = 1;
		gc_write(m, n, &n->next, i % ONE_OF ? list : few);
		if (i % ONE_OF)
			list = n;
		else
			few = n;
	}
	return few;
}

static void full(struct gc_mutator *m, long n)
{
	while (n-- > 0)
		gc_collect(m, GC_FULL, GC_REASON_FORCED);
}

static void outside(struct gc_mutator *m, struct node **list, long n)
{
	for (long i = 0; i < n; i++) {
		struct node *o = must(gc_alloc(m, node_type));
		char *p = mmap(NULL, MIB(1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);

		if (p == MAP_FAILED)
			step_die("mmap");
		step_write(p, 0, MIB(1) / PAGE);
		gc_write(m, o, &o->next, *list);
		*list = o;
		if (gc_external_attach(m, o, external_class, MIB(1)))
			exit(96);
	}
}

static void run(struct gc_mutator *m, const char *mode, size_t mb, long n)
{
	struct node *kept = NULL;
	uint64_t begin, rest;
	GC_FRAME(m, kept);

	if (!strcmp(mode, "thrash"))
		kept = fill(m, MIB(mb));
	step("start");
	begin = step_now();
	if (!strcmp(mode, "idle")) {
		fill(m, MIB(mb));
		full(m, 1);
		rest = 2 * (step_now() - begin) / 1000000;
		step_rest(rest > (uint64_t)n ? rest : (uint64_t)n);
	} else if (!strcmp(mode, "sparse")) {
		kept = fill_pinned(m, MIB(mb));
		full(m, n);
		step_rest_as_long(begin);
	} else if (!strcmp(mode, "external")) {
		outside(m, &kept, n);
		full(m, 1);
		step_rest_as_long(begin);
	} else if (!strcmp(mode, "thrash")) {
		for (long i = 0; i < n; i++) {
			fill(m, MIB(1));
			full(m, 1);
		}
	} else {
		exit(2);
	}
	step("done");
}

int main(int argc, char **argv)
{
	struct gc_type_desc d = GC_TYPE_INIT(.name = "node", .kind = GC_BITMAP64,
					     .size = sizeof(struct node), .bitmap = 1);
	struct gc_options o = GC_OPTIONS_INIT;
	int arg = step_begin(argc, argv);
	const char *mode = arg < argc ? argv[arg] : "idle";
	size_t mb = (size_t)step_num(argc, argv, arg + 1, 200);
	struct gc_mutator *m;
	struct gc_heap *heap;

	o.name = "keeps";
	if (!strcmp(mode, "idle")) {
		o.no_release_thread = 1;
		o.release_delay_ms = 3600 * 1000;
	} else if (!strcmp(mode, "thrash")) {
		o.old_limit = MIB(mb + mb / 10);
	}
	if (gc_heap_create(&o, &heap) || gc_mutator_attach(heap, &m) ||
	    gc_type_register(heap, &d, &node_type))
		return 95;
	external_class = gc_external_class(heap, "pieces");
	run(m, mode, mb, step_num(argc, argv, arg + 2, 0));
	gc_mutator_detach(m);
	return gc_heap_destroy(heap) != 0;
}
