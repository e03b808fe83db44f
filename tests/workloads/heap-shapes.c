/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * heap-shapes MODE [MIB] - live sets of libmpgc over time, for what is said of them:
 *
 *   leak   a list that grows to MIB and, behind `done`, on to four times as much: how soon a
 *          recording ends makes no difference
 *   queue  filled three times as fast as it is emptied, up to MIB, then the other way round
 *   cache  MIB in slots, replaced at random: fills, and stays as it is
 *   waves  three times a list of MIB that is dropped at once
 *   full   grows to nine tenths of a hard limit of MIB, and goes on with garbage
 *
 * There is garbage beside it. The collector is told to look at the old space often, so that
 * seconds show what takes hours elsewhere.
 */
#include "gc/gc.h"
#include "gc/gc_segment.h"
#include "step.h"

#define MIB(n) ((size_t)(n) << 20)
#define NODE   1024

struct node {
	struct node *next;
	char data[NODE - sizeof(void *)];
};

static struct gc_heap *heap;
static struct gc_mutator *m;
static const struct gc_type *node_type;
static uint32_t seed = 49734321;

static uint32_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

/* A node that next hangs from; one more is dropped. */
static struct node *made(struct node *next)
{
	struct node *n;
	GC_FRAME(m, next);

	gc_alloc(m, node_type);
	n = gc_alloc(m, node_type);
	if (!n)
		exit(94);
	n->data[0] = 1;
	gc_write(m, n, &n->next, next);
	return n;
}

static void leak(size_t bytes)
{
	struct node *list = NULL;
	GC_FRAME(m, list);

	for (size_t i = 0; i < 4 * bytes / NODE; i++) {
		if (i == bytes / NODE)
			step_say("done");
		list = made(list);
	}
	step_wait();
}

static void waves(size_t bytes)
{
	struct node *list = NULL;
	GC_FRAME(m, list);

	for (unsigned wave = 0; wave < 3; wave++) {
		for (size_t i = 0; i < bytes / NODE; i++)
			list = made(list);
		list = NULL;
	}
	for (size_t i = 0; i < bytes / NODE / 2; i++)
		list = made(i % 1024 ? list : NULL);
	step("done");
}

/* First in, first out: *last is where the next one hangs. */
static void queue(size_t bytes)
{
	struct node *first = NULL, *last = NULL, *n = NULL;
	size_t len = 1, most = bytes / NODE;
	bool filling = true;
	GC_FRAME(m, first, last, n);

	first = last = made(NULL);
	while (filling || len > most / 50) {
		for (unsigned in = filling ? 3 : 1; in; in--, len++) {
			n = made(NULL);
			gc_write(m, last, &last->next, n);
			last = n;
		}
		for (unsigned out = filling ? 1 : 3; out && len > 1; out--, len--)
			first = first->next;
		filling = filling && len < most;
	}
	gc_release_all(heap);
	step("done");
}

/* Slots are reference arrays of a kind that moves: small ones. */
#define ROW 512

static void cache(size_t bytes, unsigned rounds)
{
	size_t rows = bytes / NODE / ROW;
	struct gc_refs *all = NULL, *row = NULL;
	struct node *n;
	GC_FRAME(m, all, row);

	all = gc_alloc_array(m, gc_type_refs(heap), rows);
	for (size_t i = 0; i < rows; i++) {
		row = gc_alloc_array(m, gc_type_refs(heap), ROW);
		gc_write(m, all, &all->ref[i], row);
	}
	for (size_t i = 0; i < rows * ROW * rounds; i++) {
		n = made(NULL);
		row = all->ref[rnd() % rows];
		gc_write(m, row, &row->ref[rnd() % ROW], n);
	}
	step("done");
}

static void full(size_t bytes)
{
	struct node *list = NULL;
	GC_FRAME(m, list);

	for (size_t i = 0; i < bytes / NODE / 10 * 9; i++)
		list = made(list);
	for (size_t i = 0; i < 4; i++) {
		for (size_t k = 0; k < MIB(32) / NODE; k++)
			made(NULL);
		gc_collect(m, GC_FULL, GC_REASON_FORCED);
	}
	step("done");
}

int main(int argc, char **argv)
{
	struct gc_type_desc d = GC_TYPE_INIT(.name = "node", .kind = GC_BITMAP64,
					     .size = sizeof(struct node), .bitmap = 1);
	struct gc_options o = { .struct_size = sizeof(o), .name = "shape", .gogc = 20 };
	int arg = step_begin(argc, argv);
	const char *mode = arg < argc ? argv[arg] : "leak";
	size_t bytes = MIB(step_num(argc, argv, arg + 1, 150));

	if (!strcmp(mode, "full"))
		o.old_limit = bytes;
	if (gc_heap_create(&o, &heap) || gc_mutator_attach(heap, &m) ||
	    gc_type_register(heap, &d, &node_type))
		return 95;
	step("start");
	if (!strcmp(mode, "leak"))
		leak(bytes);
	else if (!strcmp(mode, "queue"))
		queue(bytes);
	else if (!strcmp(mode, "cache"))
		cache(bytes, 3);
	else if (!strcmp(mode, "waves"))
		waves(bytes);
	else
		full(bytes);
	gc_mutator_detach(m);
	return 0;
}
