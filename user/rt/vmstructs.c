/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * vmstructs.c - the walk of HotSpot's table of structures.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "user/rt/vmstructs.h"

/* VMStructEntry of runtime/vmStructs.hpp, of a JVM of 64 bits; a type without a name ends
 * the table. */
struct entry {
	uint64_t type, field, type_string; /* addresses of text */
	int32_t is_static, pad;
	uint64_t offset, address;
};

#define ENTRIES_MAX 4096u /* JDK 8 to 25 have 585 to 3,500 */
#define BLOCK	    64u	  /* read at once */
#define NAME_LONG   24u
#define PAGE	    4096u
#define ADDR_MAX    (1ULL << 57)

static const struct {
	const char *type, *field;
	bool is_static;
	size_t to; /* in struct vmstructs */
} wanted[] = {
	/* in the order of the bits of enum vmstructs_what */
	{ "Universe", "_collectedHeap", true, offsetof(struct vmstructs, heap) },
	{ "CollectedHeap", "_reserved", false, offsetof(struct vmstructs, reserved) },
	{ "MemRegion", "_start", false, offsetof(struct vmstructs, start) },
	{ "MemRegion", "_word_size", false, offsetof(struct vmstructs, words) },
	{ "PerfMemory", "_start", true, offsetof(struct vmstructs, perf_start) },
	{ "PerfMemory", "_capacity", true, offsetof(struct vmstructs, perf_capacity) },
};

#define WANTED (sizeof(wanted) / sizeof(wanted[0]))

struct walk {
	vmstructs_read read;
	void *ctx;
	uint64_t type; /* address of the last name of a type looked at: entries come by type */
	unsigned of;   /* bit i: it is wanted[i].type */
	unsigned want;
	struct entry block[BLOCK];
	unsigned got; /* ... of which were read */
	struct vmstructs *out;
};

/* The beginning of a name: longer ones are none of ours. What follows it on the next page
 * need not be there. */
static void read_name(struct walk *w, uint64_t addr, char text[NAME_LONG])
{
	size_t room = PAGE - addr % PAGE;

	memset(text, 0, NAME_LONG);
	if (w->read(w->ctx, addr, text, NAME_LONG) &&
	    (room >= NAME_LONG || w->read(w->ctx, addr, text, room)))
		memset(text, 0, NAME_LONG);
	text[NAME_LONG - 1] = 0;
}

static void look(struct walk *w, const struct entry *e)
{
	char name[NAME_LONG];

	if (e->type != w->type) {
		read_name(w, e->type, name);
		w->of = 0;
		for (unsigned i = 0; i < WANTED; i++)
			w->of |= strcmp(name, wanted[i].type) ? 0 : w->want & 1u << i;
	}
	w->type = e->type;
	if (w->of)
		read_name(w, e->field, name);
	for (unsigned i = 0; w->of && i < WANTED; i++) {
		if (!(w->of >> i & 1) || (e->is_static != 0) != wanted[i].is_static ||
		    strcmp(name, wanted[i].field))
			continue;
		memcpy((char *)w->out + wanted[i].to,
		       wanted[i].is_static ? &e->address : &e->offset, sizeof(uint64_t));
		w->out->found |= 1u << i;
	}
}

/* The next entries, or as many of them as there are before memory that cannot be read. */
static void read_block(struct walk *w, uint64_t at)
{
	w->got = 0;
	if (!w->read(w->ctx, at, w->block, sizeof(w->block))) {
		w->got = BLOCK;
		return;
	}
	while (w->got < BLOCK && !w->read(w->ctx, at + w->got * sizeof(w->block[0]),
					  &w->block[w->got], sizeof(w->block[0])))
		w->got++;
}

int vmstructs_find(vmstructs_read read, void *ctx, uint64_t symbol, unsigned want,
		   struct vmstructs *out)
{
	struct walk w = { .read = read, .ctx = ctx, .want = want, .out = out };
	uint64_t table;
	int err = read(ctx, symbol, &table, sizeof(table));

	if (err)
		return err;
	if (!table || table % sizeof(uint64_t))
		return -EINVAL;
	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < ENTRIES_MAX; i++) {
		struct entry *e = &w.block[i % BLOCK];

		if (i % BLOCK == 0)
			read_block(&w, table + i * sizeof(*e));
		if (i % BLOCK >= w.got)
			return -EFAULT;
		if (!e->type)
			return -ENOENT;
		look(&w, e);
		if (out->found == want)
			return 0;
	}
	return -EINVAL;
}

int vmstructs_heap(vmstructs_read read, void *ctx, const struct vmstructs *v, uint64_t *start,
		   uint64_t *end)
{
	uint64_t heap, region, from, words;
	int err = read(ctx, v->heap, &heap, sizeof(heap));

	if (!err && !heap)
		return -EAGAIN;
	region = err ? 0 : heap + v->reserved;
	if (!err)
		err = read(ctx, region + v->start, &from, sizeof(from));
	if (!err)
		err = read(ctx, region + v->words, &words, sizeof(words));
	if (err)
		return err;
	if (!from || !words)
		return -EAGAIN;
	if (from % 4096 || words % 512 || from >= ADDR_MAX || words >= ADDR_MAX / 8 ||
	    from + words * 8 > ADDR_MAX)
		return -EINVAL;
	*start = from;
	*end = from + words * 8;
	return 0;
}

int vmstructs_perf(vmstructs_read read, void *ctx, const struct vmstructs *v, uint64_t *addr,
		   uint64_t *len)
{
	uint64_t a, n;

	if ((v->found & VMSTRUCTS_PERF) != VMSTRUCTS_PERF ||
	    read(ctx, v->perf_start, &a, sizeof(a)) || read(ctx, v->perf_capacity, &n, sizeof(n)) ||
	    !a || !n || a >= ADDR_MAX)
		return -EAGAIN;
	*addr = a;
	*len = n;
	return 0;
}
