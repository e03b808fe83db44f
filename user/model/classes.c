/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * classes.c - what a mapping is used for, told from its shape, its name and its
 * neighbours (model.h names the classes).
 *
 * Owns: the fingerprints. Must not: keep the table or count pages (maps.c does);
 * a class follows from what is passed in, so that it can be found again after
 * every change.
 */
#include <string.h>

#include "user/model/internal.h"

#define KIB 1024ULL
#define MIB (1024 * KIB)
#define RWX (MP_MAP_R | MP_MAP_W | MP_MAP_X)

static bool anon_private(const struct mp_mapping *v)
{
	return !(v->bits & (MP_MAP_FILE | MP_MAP_SHMEM | MP_MAP_SHARED));
}

bool class_in_heap_range(const struct mp_proc *p, const struct mp_mapping *v)
{
	for (size_t i = 0; i < p->n_ranges; i++)
		if (v->start >= p->ranges[i].start && v->start < p->ranges[i].end)
			return true;
	return false;
}

/* A glibc arena: starts on 64 MiB, readable head, inaccessible tail, together a
 * multiple of 64 MiB; or a head grown to the whole (HEAP_MAX_SIZE in malloc/arena.c). */
static bool is_arena(const struct mp_mapping *prev, const struct mp_mapping *v,
		     const struct mp_mapping *next)
{
	if (v->start % (64 * MIB) == 0 && (v->bits & MP_MAP_W)) {
		if (v->end - v->start == 64 * MIB)
			return true;
		return next && next->start == v->end && anon_private(next) && !(next->bits & RWX) &&
		       (next->end - v->start) % (64 * MIB) == 0;
	}
	if (v->bits & RWX) /* else it may be the tail */
		return false;
	return prev && prev->end == v->start && prev->cls == MP_CLS_ARENA;
}

/* A thread stack: writable, above an inaccessible guard of at most 64 KiB
 * (allocate_stack in nptl/allocatestack.c). */
static bool is_thread_stack(const struct mp_mapping *g, const struct mp_mapping *v)
{
	uint64_t size = v->end - v->start;

	return g && g->end == v->start && anon_private(g) && !(g->bits & RWX) &&
	       g->end - g->start <= 64 * KIB && (v->bits & (MP_MAP_R | MP_MAP_W)) &&
	       size >= 64 * KIB && size <= 1024 * MIB;
}

/* V8 maps its pages on multiples of 256 KiB (kPageSizeBits 18). */
static bool is_v8_page(const struct mp_proc *p, const struct mp_mapping *v)
{
	return p->heaps[MP_SRC_V8].present && v->start % (256 * KIB) == 0;
}

static bool is_go_heap(const struct mp_proc *p, const struct mp_mapping *v)
{
	return p->heaps[MP_SRC_GO].present && v->start >> 32 == 0xc0;
}

enum mp_class class_named(const struct mp_model *m, const struct mp_mapping *v)
{
	const char *name = mp_str(m, v->name);

	if (!v->name || (v->bits & (MP_MAP_FILE | MP_MAP_SHMEM)))
		return MP_CLS_MAX;
	if (!strcmp(name, "[heap]"))
		return MP_CLS_BRK;
	if (!strncmp(name, "[stack", 6))
		return MP_CLS_STACK;
	if (name[0] == '[' && strncmp(name, "[anon", 5))
		return MP_CLS_SPECIAL;
	return MP_CLS_MAX;
}

enum mp_class class_of(const struct mp_proc *p, const struct mp_mapping *prev,
		       const struct mp_mapping *v, const struct mp_mapping *next)
{
	if (class_in_heap_range(p, v))
		return MP_CLS_HEAP;
	if (v->bits & MP_MAP_SHMEM)
		return MP_CLS_SHMEM;
	if (v->bits & MP_MAP_FILE)
		return MP_CLS_FILE;
	/* Named by the kernel: the snapshot said so, calls keep it. */
	if (v->cls == MP_CLS_BRK || v->cls == MP_CLS_SPECIAL || (v->cls == MP_CLS_STACK && v->name))
		return v->cls;
	if (is_arena(prev, v, next))
		return MP_CLS_ARENA;
	if (is_thread_stack(prev, v))
		return MP_CLS_STACK;
	if (is_v8_page(p, v) || is_go_heap(p, v))
		return MP_CLS_HEAP;
	return MP_CLS_ANON;
}
