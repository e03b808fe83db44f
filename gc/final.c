/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * final.c - objects that the program wants to see once more before they are freed, and
 * memory outside the heap that is counted for an object as long as it lives.
 *
 * Owns the registrations and the queue. Never runs anything of the program's but the
 * notification: the program empties the queue when and where it likes, as with Scheme's
 * guardians. What is in the queue is alive (weak_roots() in weak.c).
 */
#include <errno.h>
#include <stdlib.h>

#include "gc/weak.h"


void final_init(struct weak *w)
{
	w->next_seq = 1;
}

/* --- for the program ---------------------------------------------------------------- */

int gc_finalizer_add(struct gc_mutator *m, void *obj, void *tag)
{
	struct gc_heap *h = ((struct mutator *)m)->h;
	struct finalizer *f = calloc(1, sizeof(*f));
	struct addr_pair *p;
	struct weak *w;
	bool done;

	if (!obj || !f) {
		free(f);
		return obj ? -ENOMEM : -EINVAL;
	}
	w = weak_enter(m, "gc_finalizer_add");
	p = genmap_find(h, &w->finalizers, obj);
	f->next = p ? (struct finalizer *)p->val : NULL;
	f->tag = tag;
	f->seq = w->next_seq++;
	done = genmap_set(h, &w->finalizers, obj, (uint64_t)f);
	if (done) {
		header_set(obj, HDR_WEAK);
		w->nfinalizers++;
	} else {
		free(f);
	}
	weak_leave(w);
	return done ? 0 : -ENOMEM;
}

/* Takes the last registration with the tag off the object's list. */
static struct finalizer *unlink_tag(struct gc_heap *h, struct weak *w, void *obj, void *tag)
{
	struct addr_pair *p = obj ? genmap_find(h, &w->finalizers, obj) : NULL;
	struct finalizer *first, **at, *f;

	if (!p)
		return NULL;
	first = (struct finalizer *)p->val;
	for (at = &first; *at && (*at)->tag != tag; at = &(*at)->next)
		;
	f = *at;
	if (!f)
		return NULL;
	*at = f->next;
	p->val = (uint64_t)first;
	if (!first)
		genmap_remove(h, &w->finalizers, p);
	w->nfinalizers--;
	return f;
}

int gc_finalizer_remove(struct gc_mutator *m, void *obj, void *tag)
{
	struct gc_heap *h = ((struct mutator *)m)->h;
	struct weak *w = weak_enter(m, "gc_finalizer_remove");
	struct finalizer *f = unlink_tag(h, w, obj, tag);

	weak_leave(w);
	if (!f)
		return -ENOENT;
	free(f);
	return 0;
}

/* After a take: the part before head goes when it is most of the queue. */
static void queue_trim(struct weak *w)
{
	if (w->head < w->queue.n && w->head < w->queue.n / 2 + 4096)
		return;
	w->queue.n -= w->head;
	memmove(w->queue.v, w->queue.v + w->head, w->queue.n * sizeof(*w->queue.v));
	w->queue_young -= w->head;
	w->head = 0;
	if (!w->queue.n)
		vec_free(&w->queue);
}

void *gc_finalizer_next(struct gc_mutator *m, void **tag)
{
	struct weak *w = weak_enter(m, "gc_finalizer_next");
	void *obj = NULL;

	if (w->head < w->queue.n) {
		obj = (void *)w->queue.v[w->head];
		if (tag)
			*tag = (void *)w->queue.v[w->head + 1];
		w->head += 2;
		if (w->queue_young < w->head)
			w->queue_young = w->head;
		__atomic_store_n(&w->pending, w->pending - 1, __ATOMIC_RELAXED);
		queue_trim(w);
	}
	weak_leave(w);
	return obj;
}

size_t gc_finalizer_pending(const struct gc_heap *h)
{
	return __atomic_load_n(&h->weak->pending, __ATOMIC_RELAXED);
}

void gc_set_finalizer_notify(struct gc_heap *h, gc_notify_fn fn, void *arg)
{
	heap_lock(h);
	h->weak->notify = fn;
	h->weak->notify_arg = arg;
	heap_unlock(h);
}

int gc_external_attach(struct gc_mutator *m, void *obj, int cls, size_t bytes)
{
	struct gc_heap *h = ((struct mutator *)m)->h;
	uint64_t was = 0, val = (uint64_t)(unsigned)cls << EXTERNAL_SHIFT | bytes;
	struct addr_pair *p;
	struct weak *w;
	bool done = true;

	if (!obj || bytes > EXTERNAL_MAX || gc_external_adjust(h, cls, 0))
		return -EINVAL;
	w = weak_enter(m, "gc_external_attach");
	p = genmap_find(h, &w->external, obj);
	if (p)
		was = p->val;
	if (bytes)
		done = genmap_set(h, &w->external, obj, val);
	else if (p)
		genmap_remove(h, &w->external, p);
	if (done)
		header_set(obj, HDR_WEAK);
	weak_leave(w);
	if (!done)
		return -ENOMEM;
	if (was)
		gc_external_adjust(h, (int)(was >> EXTERNAL_SHIFT), -(int64_t)(was & EXTERNAL_MAX));
	return bytes ? gc_external_adjust(h, cls, (int64_t)bytes) : 0;
}

/* --- in a collection ---------------------------------------------------------------- */

struct doomed { /* laid out in a struct vec */
	void *obj;
	struct finalizer *f;
};

static void find_doomed(struct gc_visitor *v, struct addrmap *m, struct vec *doomed)
{
	struct finalizer *f;
	struct addr_pair *p;

	for (p = m->v; p < m->v + m->cap; p++) {
		if (p->key <= ADDR_GONE)
			continue;
		v->h->weak->looked++;
		if (visitor_alive(v, (void *)p->key))
			continue;
		for (f = (struct finalizer *)p->val; f; f = f->next) {
			vec_push(doomed, p->key);
			vec_push(doomed, (uintptr_t)f);
		}
		addrmap_remove(m, p);
	}
}

static int by_seq(const void *a, const void *b)
{
	uint64_t x = ((const struct doomed *)a)->f->seq, y = ((const struct doomed *)b)->f->seq;

	return x < y ? -1 : x > y;
}

static void enqueue(struct gc_visitor *v, struct weak *w, struct doomed *d, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		vec_push(&w->queue, (uintptr_t)d[i].obj);
		vec_push(&w->queue, (uintptr_t)d[i].f->tag);
		gc_visit(v, &w->queue.v[w->queue.n - 2]);
		free(d[i].f);
	}
	w->nfinalizers -= n;
	w->queued = true;
	__atomic_store_n(&w->pending, w->pending + n, __ATOMIC_RELAXED);
}

/*
 * Dead objects with finalizers go to the queue, in the order of registration, and are
 * visited. All that are dead now go, also those that another of them refers to.
 * Returns how many.
 */
size_t final_queue(struct gc_heap *h, struct gc_visitor *v)
{
	struct weak *w = h->weak;
	struct vec doomed = { 0 };
	size_t n;

	find_doomed(v, &w->finalizers.young, &doomed);
	if (v->op != VISIT_EVACUATE)
		find_doomed(v, &w->finalizers.old, &doomed);
	n = doomed.n / 2;
	if (n) {
		qsort(doomed.v, n, sizeof(struct doomed), by_seq);
		enqueue(v, w, (struct doomed *)doomed.v, n);
	}
	vec_free(&doomed);
	return n;
}

static void external_dead(struct gc_heap *h, void *obj, uint64_t val, void *arg)
{
	int64_t *sum = arg;

	(void)h;
	(void)obj;
	sum[val >> EXTERNAL_SHIFT] -= (int64_t)(val & EXTERNAL_MAX);
}

void final_end(struct gc_heap *h, struct gc_visitor *v)
{
	int64_t sum[GC_SEG_CLASSES] = { 0 };
	struct weak *w = h->weak;
	int i;

	genmap_update(v, &w->finalizers, NULL, NULL);
	genmap_update(v, &w->external, external_dead, sum);
	for (i = 0; i < GC_SEG_CLASSES; i++)
		if (sum[i])
			external_add(h, i, sum[i]);
	while (w->queue_young < w->queue.n && !in_young(h, (void *)w->queue.v[w->queue_young]))
		w->queue_young += 2;
	if (w->queued && w->notify)
		w->notify(h, w->pending, w->notify_arg);
	w->queued = false;
}

/* --- for weak.c --------------------------------------------------------------------- */

static void list_free(struct finalizer *f)
{
	struct finalizer *next;

	for (; f; f = next) {
		next = f->next;
		free(f);
	}
}

void final_free(struct weak *w)
{
	struct addrmap *sides[] = { &w->finalizers.young, &w->finalizers.old };
	size_t s, i;

	for (s = 0; s < 2; s++)
		for (i = 0; i < sides[s]->cap; i++)
			if (sides[s]->v[i].key > ADDR_GONE)
				list_free((struct finalizer *)sides[s]->v[i].val);
	genmap_free(&w->finalizers);
	genmap_free(&w->external);
	vec_free(&w->queue);
}

const char *final_check(struct gc_heap *h)
{
	struct weak *w = h->weak;
	const char *bad = genmap_check(h, &w->finalizers, HDR_WEAK);
	size_t i;

	if (bad)
		return bad;
	for (i = w->head; i < w->queue.n; i += 2) {
		if (!is_object(h, (void *)w->queue.v[i]))
			return "the queue of finalizers has what is no object";
		if (i < w->queue_young && in_young(h, (void *)w->queue.v[i]))
			return "the queue of finalizers has a young object in its old part";
	}
	if (w->queue.n - w->head != 2 * w->pending)
		return "the queue of finalizers is not as long as counted";
	return genmap_check(h, &w->external, HDR_WEAK);
}
