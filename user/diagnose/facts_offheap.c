/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * facts_offheap.c - facts of memory beside a managed heap that objects of the heap hold:
 * Buffers, ArrayBuffers, direct ByteBuffers.
 *
 * Some runtimes tell it (gc/, Node with the preload). Of others it is estimated: by faults
 * that lie under a function which fills such memory, and in Node without either by anonymous
 * mappings of their own, where malloc puts large blocks.
 */
#include <string.h>

#include "user/diagnose/facts.h"

#define NOT_TOLD "the runtime does not tell what it holds outside its heap"
#define FRAMES	 8 /* innermost, that are looked at for a name */

static bool told_heap(const struct dx_ctx *c)
{
	return c->end && !isnan(dx_last(c, C_RSS));
}

static double outside_at(const struct dx_ctx *c, size_t i)
{
	static const enum dx_col cols[] = { C_ARENAS, C_NATIVE, C_BRK, C_OTHER };

	return dx_sum(c, i, cols, sizeof(cols) / sizeof(cols[0]));
}

struct dx_val fact_outside(struct dx_ctx *c)
{
	return told_heap(c) ? dx_or(outside_at(c, c->end - 1), NOT_TOLD) : dx_unknown(NOT_TOLD);
}

struct dx_val fact_heap_used(struct dx_ctx *c)
{
	return dx_or(dx_last(c, C_USED), "no runtime told figures of a heap");
}

struct dx_val fact_since_major(struct dx_ctx *c)
{
	const struct dx_floor *f = &c->floor;
	double now = c->end ? c->s->t[c->end - 1] : 0;

	if (!f->n)
		return dx_known(now - (c->end ? c->s->t[0] : 0));
	return dx_at(dx_max2(now - f->t[f->n - 1], 0), dx_ts(c, f->t[f->n - 1]));
}

/* Functions of runtimes that fill memory of such objects. */
static bool fills(const char *name)
{
	static const char *const names[] = {
		"Unsafe_SetMemory",
		"Unsafe_AllocateMemory",
		"Copy::fill_to_memory_atomic",
		"TypedArrayPrototypeFill",
		"NodeArrayBufferAllocator",
		"BackingStore",
		"node::Buffer::",
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strstr(name, names[i]))
			return true;
	return false;
}

static bool filled_under(const struct dx_ctx *c, const struct mp_stack *s)
{
	for (uint32_t i = 0; s && i < s->n && i < FRAMES; i++) {
		const struct mp_place *at = mp_model_place(c->m, s->mm, s->ip[i]);

		if (at && at->name && fills(mp_str(c->m, at->name)))
			return true;
	}
	return false;
}

/* Bytes that faulted in under such a function, by samples. */
static double filled(const struct dx_ctx *c)
{
	double pages = 0;

	for (size_t i = 0; i < c->p->n_fsites; i++)
		if (filled_under(c, mp_model_stack(c->m, c->p->fsites[i].stack)))
			pages += (double)c->p->fsites[i].pages;
	return pages * MP_PAGE_SIZE;
}

/* No managed heap was seen, so there are no objects that could hold anything. */
static bool no_heap(const struct dx_ctx *c)
{
	for (unsigned s = 1; s < MP_SRC_MAX; s++)
		if (c->p->heaps[s].present)
			return false;
	return !(c->p->prints.seen & (MP_PRINT_V8 | MP_PRINT_JVM | MP_PRINT_GO));
}

/*
 * What is resident of it: not more than there is of memory where it can lie. Node without
 * its word: what is in mappings of their own, at least what was seen to be filled.
 */
struct dx_val fact_offheap(struct dx_ctx *c)
{
	bool v8 = c->p->heaps[MP_SRC_V8].present || c->p->prints.seen & MP_PRINT_V8;
	bool jvm = c->p->heaps[MP_SRC_JVM].present;
	double told, v;

	if (!told_heap(c))
		return dx_unknown(NOT_TOLD);
	told = dx_external(c, c->end - 1);
	if (!isnan(told))
		return dx_known(dx_min(told, outside_at(c, c->end - 1)));
	if (!v8 && !jvm)
		return no_heap(c) ? dx_known(0) : dx_unknown(NOT_TOLD);
	v = dx_min(filled(c), outside_at(c, c->end - 1));
	return dx_or(v8 ? dx_max2(v, dx_last(c, C_OTHER)) : v, NOT_TOLD);
}

struct dx_val fact_offheap_share(struct dx_ctx *c)
{
	const struct dx_val *off = dx_fact(c, F_OFFHEAP);
	double used = told_heap(c) ? dx_last(c, C_LIVE) : NAN;

	if (!off->why && isnan(dx_last(c, C_USED)) && dx_last(c, C_UNSPLIT) > 0)
		return dx_unknown("the heap has not told yet what is in use of it");
	if (off->why || isnan(used) || !(off->v + used > 0))
		return dx_unknown(off->why ? off->why : NOT_TOLD);
	return dx_known(off->v / (off->v + used));
}

/* What was filled in the time looked at, less what was there before; of an estimate by
 * faults all of it is growth, as far as RSS beside the heap grew. */
struct dx_val fact_offheap_growth(struct dx_ctx *c)
{
	const struct dx_val *off = dx_fact(c, F_OFFHEAP);
	size_t i = 0;

	if (off->why)
		return *off;
	while (i + 1 < c->end && isnan(outside_at(c, i)))
		i++;
	if (!isnan(dx_external(c, i)))
		return dx_known(off->v - dx_external(c, i));
	return dx_known(dx_min(off->v, outside_at(c, c->end - 1) - outside_at(c, i)));
}
