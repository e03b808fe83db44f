/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * weak.c - weak references, and the order of all that is weak in a collection.
 *
 * Owns struct weak and the two lists of weak references: those whose objects are
 * young, which every minor collection goes through, and the others. Must not decide
 * what lives: it asks visitor_alive().
 *
 * The collector's side, always with the world stopped:
 *	weak_roots()	with the other roots: what is in the queue of finalizers;
 *	weak_reached()	of each object with HDR_WEAK that the closure reaches, at once or
 *			later, by the address it had before;
 *	weak_finish()	once the closure from the strong roots is complete, and before
 *			forwarding words or marks are overwritten;
 *	weak_moved()	after old objects moved, with the visitor that knows where to.
 */
#include <stdlib.h>

#include "gc/weak.h"

bool weak_create(struct gc_heap *h)
{
	struct weak *w = calloc(1, sizeof(*w));

	if (!w)
		return false;
	pthread_mutex_init(&w->lock, NULL);
	ids_init(w);
	final_init(w);
	h->weak = w;
	return true;
}

static void refs_free(struct vec *list)
{
	while (list->n)
		free((void *)list->v[--list->n]);
	vec_free(list);
}

void weak_destroy(struct gc_heap *h)
{
	struct weak *w = h->weak;

	if (!w)
		return;
	genmap_free(&w->ids);
	refs_free(&w->refs_young);
	refs_free(&w->refs_old);
	maps_free(w);
	final_free(w);
	pthread_mutex_destroy(&w->lock);
	free(w);
	h->weak = NULL;
}

/* fork(): the child's copy must be whole, and its lock free. */
void weak_lock(struct gc_heap *h)
{
	pthread_mutex_lock(&h->weak->lock);
}

void weak_unlock(struct gc_heap *h)
{
	pthread_mutex_unlock(&h->weak->lock);
}

void weak_fork_child(struct gc_heap *h)
{
	pthread_mutex_init(&h->weak->lock, NULL);
}

struct weak *weak_enter(struct gc_mutator *pub, const char *what)
{
	struct mutator *m = (struct mutator *)pub;

	mutator_check(m);
	not_in_callback(what);
	pthread_mutex_lock(&m->h->weak->lock);
	return m->h->weak;
}

void weak_leave(struct weak *w)
{
	pthread_mutex_unlock(&w->lock);
}

/* --- weak references ---------------------------------------------------------------- */

static struct vec *list_of(struct weak *w, const struct gc_weak *r)
{
	return r->young ? &w->refs_young : &w->refs_old;
}

static void ref_enlist(struct gc_heap *h, struct gc_weak *r)
{
	struct vec *list;

	r->young = in_young(h, r->obj);
	list = list_of(h->weak, r);
	r->index = list->n;
	vec_push(list, (uintptr_t)r);
}

/* The last of the list takes its place. */
static void ref_delist(struct weak *w, struct gc_weak *r)
{
	struct vec *list = list_of(w, r);
	struct gc_weak *last = (struct gc_weak *)list->v[--list->n];

	list->v[r->index] = (uintptr_t)last;
	last->index = r->index;
}

static void ref_set(struct gc_weak *r, void *obj)
{
	if (obj)
		header_set(obj, HDR_WEAK);
	__atomic_store_n(&r->obj, obj, __ATOMIC_RELAXED);
}

struct gc_weak *gc_weak_new(struct gc_mutator *m, void *obj)
{
	struct gc_heap *h = ((struct mutator *)m)->h;
	struct gc_weak *r = calloc(1, sizeof(*r));
	struct weak *w;

	if (!r)
		return NULL;
	w = weak_enter(m, "gc_weak_new");
	ref_set(r, obj);
	ref_enlist(h, r);
	weak_leave(w);
	return r;
}

void *gc_weak_get(struct gc_mutator *m, const struct gc_weak *r)
{
	mutator_check((struct mutator *)m);
	return __atomic_load_n(&r->obj, __ATOMIC_RELAXED);
}

void gc_weak_set(struct gc_mutator *m, struct gc_weak *r, void *obj)
{
	struct gc_heap *h = ((struct mutator *)m)->h;
	struct weak *w = weak_enter(m, "gc_weak_set");

	ref_delist(w, r);
	ref_set(r, obj);
	ref_enlist(h, r);
	weak_leave(w);
}

void gc_weak_free(struct gc_mutator *m, struct gc_weak *r)
{
	struct weak *w;

	if (!r)
		return;
	w = weak_enter(m, "gc_weak_free");
	ref_delist(w, r);
	weak_leave(w);
	free(r);
}

/* --- in a collection ---------------------------------------------------------------- */

/* The queue of finalizers is strong. A minor collection needs its young part. */
void weak_roots(struct gc_heap *h, struct gc_visitor *v)
{
	struct weak *w = h->weak;
	size_t i = v->op == VISIT_EVACUATE ? w->queue_young : w->head;

	for (; i < w->queue.n; i += 2)
		gc_visit(v, &w->queue.v[i]);
}

/* References to the dead become NULL, the others follow moves. */
static void ref_follow(struct gc_visitor *v, struct gc_weak *r)
{
	v->h->weak->looked++;
	if (r->obj)
		ref_set(r, visitor_alive(v, r->obj));
}

static void refs_follow(struct gc_heap *h, struct gc_visitor *v)
{
	struct weak *w = h->weak;
	struct gc_weak *r;
	size_t i;

	for (i = 0; v->op != VISIT_EVACUATE && i < w->refs_old.n; i++)
		ref_follow(v, (struct gc_weak *)w->refs_old.v[i]);
	for (i = 0; i < w->refs_young.n;) {
		r = (struct gc_weak *)w->refs_young.v[i];
		ref_follow(v, r);
		if (in_young(h, r->obj)) {
			i++;
			continue;
		}
		ref_delist(w, r);
		ref_enlist(h, r);
	}
}

static void tables_end(struct gc_heap *h, struct gc_visitor *v)
{
	maps_end(h, v);
	final_end(h, v);
	ids_update(h, v);
}

void weak_moved(struct gc_heap *h, struct gc_visitor *v)
{
	refs_follow(h, v);
	tables_end(h, v);
}

static void ephemerons(struct gc_heap *h, struct gc_visitor *v, void (*drain)(void *arg), void *arg)
{
	size_t before = h->weak->looked;

	if (!maps_any(h->weak, v))
		return;
	phase_begin(h, GC_PHASE_EPHEMERONS);
	while (weak_ephemerons(h, v))
		drain(arg);
	phase_end(h, GC_PHASE_EPHEMERONS, h->weak->looked - before);
}

static bool finalizers(struct gc_heap *h, struct gc_visitor *v)
{
	size_t n;

	if (!genmap_count(&h->weak->finalizers))
		return false;
	phase_begin(h, GC_PHASE_FINALIZERS);
	n = final_queue(h, v);
	phase_end(h, GC_PHASE_FINALIZERS, n);
	return n;
}

/*
 * drain() visits what the visited refer to until nothing is left. The order: values of
 * living keys; then weak references to the dead are cleared, so that an object that a
 * finalizer brings back is not found through them again; then what has a finalizer is
 * queued, and with it lives what it refers to and the values of those. At the end the
 * tables drop the dead and follow the others.
 */
void weak_finish(struct gc_heap *h, struct gc_visitor *v, void (*drain)(void *arg), void *arg)
{
	ephemerons(h, v, drain, arg);
	refs_follow(h, v);
	if (finalizers(h, v)) {
		drain(arg);
		ephemerons(h, v, drain, arg);
	}
	tables_end(h, v);
}

/* --- for others --------------------------------------------------------------------- */

void weak_stats(struct gc_heap *h, struct gc_stats *st)
{
	struct weak *w = h->weak;

	weak_lock(h);
	st->weak_refs = w->refs_young.n + w->refs_old.n;
	st->ephemerons = maps_count(w);
	st->finalizers = w->nfinalizers;
	st->finalizers_pending = w->pending;
	st->tables = genmap_bytes(&w->ids) + maps_bytes(w) + genmap_bytes(&w->finalizers) +
		     genmap_bytes(&w->external) +
		     (w->refs_young.cap + w->refs_old.cap + w->queue.cap) * sizeof(uintptr_t);
	weak_unlock(h);
}

static const char *refs_check(struct gc_heap *h, const struct vec *list)
{
	const struct gc_weak *r;
	size_t i;

	for (i = 0; i < list->n; i++) {
		r = (const struct gc_weak *)list->v[i];
		if (r->index != i || list_of(h->weak, r) != list)
			return "a weak reference is not where it says";
		if (r->young != in_young(h, r->obj))
			return "a weak reference is in the list of the other generation";
		if (r->obj && (!is_object(h, r->obj) || !header_has(r->obj, HDR_WEAK)))
			return "a weak reference is to no object, or to one without WEAK";
	}
	return NULL;
}

/* For the verifier, with the world stopped and all that is reachable marked. */
const char *weak_check(struct gc_heap *h)
{
	const char *bad = ids_check(h);

	if (!bad)
		bad = refs_check(h, &h->weak->refs_young);
	if (!bad)
		bad = refs_check(h, &h->weak->refs_old);
	if (!bad)
		bad = maps_check(h);
	return bad ? bad : final_check(h);
}

/* Of a reachable object. WEAK may outlast what it was set for. */
const char *weak_check_object(struct gc_heap *h, void *obj)
{
	if (header_has(obj, HDR_HAS_ID) && !genmap_find(h, &h->weak->ids, obj))
		return "has HAS_ID and no identity";
	return NULL;
}
