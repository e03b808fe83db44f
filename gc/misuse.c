/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * misuse.c - what a program does wrong, seen where the library looks anyway: with the
 * option verify, or any zeal.
 *
 * Owns what is only looked for then: frames of functions that have returned, handles of
 * closed scopes, slots outside of objects. What costs nothing to see is reported where
 * it is seen, in every heap. Must change nothing but the slots of closed scopes.
 */
#include "gc/internal.h"

#define QUARANTINE 1024 /* slots of closed scopes that are kept from use */

/* --- frames ------------------------------------------------------------------------ */

/* Of the calling thread, which will be m's. */
void misuse_init(struct mutator *m)
{
	pthread_attr_t attr;
	void *low;
	size_t len;

	if (pthread_getattr_np(pthread_self(), &attr))
		return;
	if (!pthread_attr_getstack(&attr, &low, &len))
		m->stack = (struct range){ (uintptr_t)low, (uintptr_t)low + len };
	pthread_attr_destroy(&attr);
}

static bool on_stack(const struct mutator *m, uintptr_t addr)
{
	return addr >= m->stack.start && addr < m->stack.end;
}

/*
 * sp: the frame address of the function of the library that the program called. What
 * is open below it belongs to a function that has returned. Stacks other than the
 * thread's own (coroutines, a sanitizer's) are not judged.
 */
void misuse_frames(const struct mutator *m, const void *sp)
{
	uintptr_t f = (uintptr_t)m->pub.frames;

	if (f && on_stack(m, f) && on_stack(m, (uintptr_t)sp) && f < (uintptr_t)sp)
		gc_fatal("the GC_FRAME at %#zx is open and its function has returned: a longjmp() "
			 "over frames without gc_frames_restore()",
			 (size_t)f);
}

void gc_frame_lost_(const struct gc_mutator *m, const void *frame)
{
	gc_fatal("the GC_FRAME at %p ends and the innermost open one is %p: a longjmp() over "
		 "frames without gc_frames_restore()",
		 frame, (const void *)m->frames);
}

/* --- handles ------------------------------------------------------------------------- */

static bool *is_dead(struct mutator *m, size_t i)
{
	return (bool *)(m->handles.v[i / HANDLES_CHUNK] + HANDLES_CHUNK * sizeof(void *)) +
	       i % HANDLES_CHUNK;
}

/* A slot of a closed scope. Fatal: something was stored there since. */
bool misuse_handle_dead(struct mutator *m, size_t i)
{
	if (!*is_dead(m, i))
		return false;
	if (*handle_slot(m, i) != MISUSE_POISON)
		gc_fatal("a handle was written after gc_scope_close() of its scope: *%p is %p now",
			 (void *)handle_slot(m, i), *handle_slot(m, i));
	return true;
}

void misuse_handle_new(struct mutator *m, size_t i)
{
	misuse_handle_dead(m, i);
	*is_dead(m, i) = false;
}

/* Handles from `first` on end. They are used again when enough others have ended. */
void misuse_handles_end(struct mutator *m, size_t first)
{
	size_t i = m->nhandles;

	while (i > first) {
		i--;
		misuse_handle_dead(m, i);
		*is_dead(m, i) = true;
		*handle_slot(m, i) = MISUSE_POISON;
	}
	while (i > m->scope && misuse_handle_dead(m, i - 1))
		i--;
	if (m->nhandles - i > QUARANTINE)
		m->nhandles = i;
}

/* --- slots ------------------------------------------------------------------------- */

static const char *type_name(const struct gc_heap *h, const void *obj)
{
	return h->types[hdr_type(*hdr_of(obj))].name;
}

/*
 * holder: the object whose references are visited, or NULL: a root. A trace function
 * may visit slots of memory outside the heap, but none of another object.
 */
void misuse_slot(const struct gc_heap *h, const void *holder, const void *slot)
{
	uintptr_t off = (uintptr_t)slot - (uintptr_t)holder;

	if ((uintptr_t)slot & 7)
		gc_fatal("%s at %p is visited, which is not at a multiple of 8 bytes",
			 holder ? "a reference" : "a root", slot);
	if (holder && off >= gc_object_size(holder) &&
	    (uintptr_t)slot - h->base < h->commit_top - h->base)
		gc_fatal("the trace function of type %s visited %p, which is not in its object at "
			 "%p of %zu bytes but in the heap",
			 type_name(h, holder), slot, holder, gc_object_size(holder));
}

/* obj's header has the bit that only objects outside the young space have. */
void misuse_write(const struct gc_heap *h, const void *obj, const void *slot)
{
	uintptr_t off = (uintptr_t)slot - (uintptr_t)obj;

	if ((uintptr_t)obj & 7 || !bit_get(h->alloc_bits, bit_index(h, obj)))
		gc_fatal("gc_write: there is no object at %p", obj);
	if (off >= gc_object_size(obj) && (uintptr_t)slot - h->base < h->commit_top - h->base)
		gc_fatal("gc_write: slot %p is not in the %s at %p", slot, type_name(h, obj), obj);
}
