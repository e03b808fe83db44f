/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * roots.c - where references outside the heap are: frames, handles, global
 * handles, root providers; and the write barrier's slow path.
 *
 * Owns the lists of roots and the log of old objects that were written. Must not
 * move objects: what a visit does is the visitor's business.
 */
#include <errno.h>
#include <stdlib.h>

#include "gc/internal.h"

void gc_visit(struct gc_visitor *v, void *slot)
{
	if (v->h->debug)
		misuse_slot(v->h, v->holder, slot);
	if (v->op == VISIT_EVACUATE)
		minor_visit(v, slot);
	else if (v->op == VISIT_MARK)
		major_visit(v, slot);
	else if (v->op == VISIT_FIX)
		evac_visit(v, slot);
	else if (v->op == VISIT_CALL)
		v->fn(v, slot);
	else
		check_visit(v, slot);
}

static void frames_visit(struct mutator *m, struct gc_visitor *v)
{
	struct gc_frame *f;
	size_t i;

	for (f = m->pub.frames; f; f = f->prev)
		for (i = 0; i < (size_t)f->n; i++)
			gc_visit(v, f->slot[i]);
}

static void handles_visit(struct mutator *m, struct gc_visitor *v)
{
	size_t i;

	for (i = 0; i < m->nhandles; i++)
		if (!m->h->debug || !misuse_handle_dead(m, i))
			gc_visit(v, handle_slot(m, i));
}

/* The global handles: all, or those that were set to a young object. */
void globals_visit(struct gc_heap *h, struct gc_visitor *v, bool young_only)
{
	struct gc_global *g;
	size_t i, keep = 0;

	if (!young_only) {
		for (g = h->globals; g; g = g->next)
			gc_visit(v, &g->obj);
		return;
	}
	for (i = 0; i < h->young_globals.n; i++) {
		g = (struct gc_global *)h->young_globals.v[i];
		gc_visit(v, &g->obj);
		g->young = in_young(h, g->obj);
		if (g->young)
			h->young_globals.v[keep++] = (uintptr_t)g;
	}
	h->young_globals.n = keep;
}

void roots_visit_frames(struct gc_heap *h, struct gc_visitor *v)
{
	struct mutator *m;

	for (m = h->mutators; m; m = m->next)
		frames_visit(m, v);
}

void roots_visit_handles(struct gc_heap *h, struct gc_visitor *v)
{
	struct mutator *m;

	for (m = h->mutators; m; m = m->next)
		handles_visit(m, v);
}

void roots_visit_providers(struct gc_heap *h, struct gc_visitor *v)
{
	int i;

	for (i = 0; i < NPROVIDERS; i++)
		if (h->providers[i].fn)
			h->providers[i].fn(v, h->providers[i].arg);
}

/* Every root but the global handles. */
void roots_visit(struct gc_heap *h, struct gc_visitor *v)
{
	roots_visit_frames(h, v);
	roots_visit_handles(h, v);
	roots_visit_providers(h, v);
	weak_roots(h, v);
}

void gc_scope_open(struct gc_mutator *m, struct gc_scope *scope)
{
	struct mutator *mut = (struct mutator *)m;

	scope->outer = mut->scope;
	scope->mark = mut->scope = mut->nhandles;
}

void gc_scope_close(struct gc_mutator *m, struct gc_scope *scope)
{
	struct mutator *mut = (struct mutator *)m;

	if (scope->mark != mut->scope || scope->mark > mut->nhandles)
		gc_fatal("gc_scope_close: this scope is not the innermost open one");
	mut->scope = scope->outer;
	if (mut->h->debug)
		misuse_handles_end(mut, scope->mark);
	else
		mut->nhandles = scope->mark;
}

gc_handle gc_handle_new(struct gc_mutator *m, void *obj)
{
	struct mutator *mut = (struct mutator *)m;
	void *chunk;
	gc_slot *s;

	if (mut->nhandles == mut->handles.n * HANDLES_CHUNK) {
		mutator_check(mut);
		chunk = calloc(HANDLES_CHUNK, sizeof(void *) + 1);
		if (!chunk)
			return NULL;
		vec_push(&mut->handles, (uintptr_t)chunk);
	}
	if (mut->h->debug)
		misuse_handle_new(mut, mut->nhandles);
	s = handle_slot(mut, mut->nhandles++);
	*s = obj;
	return s;
}

struct gc_global *gc_global_new(struct gc_mutator *m, void *obj)
{
	struct gc_heap *h = ((struct mutator *)m)->h;
	struct gc_global *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	/* Not mutator_lock(): obj must not move. No collection runs while this does. */
	mutator_check((struct mutator *)m);
	heap_lock(h);
	g->next = h->globals;
	g->prev = &h->globals;
	if (g->next)
		g->next->prev = &g->next;
	h->globals = g;
	heap_unlock(h);
	gc_global_set(m, g, obj);
	return g;
}

void gc_global_free(struct gc_mutator *m, struct gc_global *g)
{
	struct gc_heap *h = ((struct mutator *)m)->h;
	size_t i;

	if (!g)
		return;
	mutator_check((struct mutator *)m);
	heap_lock(h);
	for (i = 0; g->young && i < h->young_globals.n; i++) {
		if (h->young_globals.v[i] != (uintptr_t)g)
			continue;
		h->young_globals.v[i] = h->young_globals.v[--h->young_globals.n];
		break;
	}
	*g->prev = g->next;
	if (g->next)
		g->next->prev = g->prev;
	heap_unlock(h);
	free(g);
}

void *gc_global_get(const struct gc_global *g)
{
	return __atomic_load_n(&g->obj, __ATOMIC_ACQUIRE);
}

void gc_global_set(struct gc_mutator *m, struct gc_global *g, void *obj)
{
	struct gc_heap *h = ((struct mutator *)m)->h;

	__atomic_store_n(&g->obj, obj, __ATOMIC_RELEASE);
	if (!in_young(h, obj) || __atomic_load_n(&g->young, __ATOMIC_RELAXED))
		return;
	mutator_check((struct mutator *)m);
	heap_lock(h);
	if (!g->young) {
		__atomic_store_n(&g->young, true, __ATOMIC_RELAXED);
		vec_push(&h->young_globals, (uintptr_t)g);
	}
	heap_unlock(h);
}

int gc_add_root_provider(struct gc_heap *h, gc_roots_fn fn, void *arg)
{
	int i, id = -ENOSPC;

	if (!fn)
		return -EINVAL;
	heap_lock(h);
	for (i = 0; i < NPROVIDERS; i++) {
		if (h->providers[i].fn)
			continue;
		h->providers[i] = (struct provider){ fn, arg };
		id = i;
		break;
	}
	heap_unlock(h);
	return id;
}

int gc_remove_root_provider(struct gc_heap *h, int id)
{
	int rc = -EINVAL;

	if (id < 0 || id >= NPROVIDERS)
		return -EINVAL;
	heap_lock(h);
	if (h->providers[id].fn) {
		h->providers[id] = (struct provider){ 0 };
		rc = 0;
	}
	heap_unlock(h);
	return rc;
}

/*
 * An old object was written for the first time since the last minor collection.
 * Large reference arrays keep the bit and log the card of the slot instead, so
 * that one store does not make the next collection read all of the array. Of several
 * threads that come here with one object, one logs it.
 */
void gc_log(struct gc_mutator *pub, void *obj, void *slot)
{
	struct mutator *m = (struct mutator *)pub;
	struct gc_heap *h = m->h;
	size_t card = ((uintptr_t)slot - h->base) >> 9;
	uint64_t hdr = __atomic_load_n(hdr_of(obj), __ATOMIC_RELAXED);

	mutator_check(m);
	if ((uintptr_t)obj - h->dyn >= h->reserved - (h->dyn - h->base))
		gc_fatal("gc_write: %p is no object of this heap, or one that has moved", obj);
	if (h->debug)
		misuse_write(h, obj, slot);
	if (hdr_cell(hdr) <= CELL_MAX || h->types[hdr_type(hdr)].kind != GC_REF_ARRAY) {
		hdr = __atomic_fetch_and(hdr_of(obj), ~HDR_UNLOGGED, __ATOMIC_RELAXED);
		if (hdr & HDR_UNLOGGED)
			vec_push(&m->log, (uintptr_t)obj);
		return;
	}
	if (__atomic_load_n(&h->cards[card], __ATOMIC_RELAXED) ||
	    __atomic_exchange_n(&h->cards[card], 1, __ATOMIC_RELAXED))
		return;
	vec_push(&m->card_log, (uintptr_t)obj);
	vec_push(&m->card_log, card);
}
