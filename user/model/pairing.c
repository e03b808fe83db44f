/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pairing.c - who pays back what collections freed.
 *
 * A collection frees bytes inside the heap. The kernel gets them back later, by
 * a call (madvise, munmap), or never, because the heap uses them again. Until
 * then they are owed:
 *
 *   owed == sum over collections of (freed - returned - reused)
 *
 * Releases and reuse pay the oldest debt first: neither the kernel nor the
 * heap says which dead object lay on a page, and first freed, first returned is
 * the order in which every collector's release queue works.
 */
#include <string.h>

#include "user/model/internal.h"

static uint64_t outstanding(const struct mp_gc *g)
{
	return g->freed - g->returned - g->reused;
}

static void skip_paid(struct mp_proc *p)
{
	while (p->gc_unpaid < p->n_gcs && !outstanding(&p->gcs[p->gc_unpaid]))
		p->gc_unpaid++;
}

/*
 * Which entry of the full log goes: the oldest, when a collection has ended since, or it is
 * empty. Else two that lie closest together become one at the time of the first: V8 gives
 * back some hundred pages during one collection. What the sum then says too early, a
 * collection that began in between does not claim; nothing is claimed that is not its own.
 */
static unsigned make_room(struct mp_proc *p)
{
	uint64_t *log = p->rel_log, least = UINT64_MAX;
	unsigned at = 0;

	if (!log[1] || (p->n_gcs && log[0] <= p->gcs[p->n_gcs - 1].ts))
		return 0;
	for (unsigned i = 1; i < MP_REL_LOG; i++) {
		uint64_t gap = log[2 * i] - log[2 * i - 2];

		if (!log[2 * i + 1]) /* claimed meanwhile */
			return i;
		if (gap < least) {
			least = gap;
			at = i;
		}
	}
	log[2 * at - 1] += log[2 * at + 1];
	return at;
}

/* A release that no collection claims yet: the collection it belongs to may
 * still be running and report itself when it ends. */
static void log_release(struct mp_proc *p, uint64_t ts, uint64_t bytes)
{
	unsigned gone = make_room(p);
	uint64_t *from = p->rel_log + 2 * gone;

	memmove(from, from + 2, (2 * MP_REL_LOG - 2 * gone - 2) * sizeof(uint64_t));
	p->rel_log[2 * MP_REL_LOG - 2] = ts;
	p->rel_log[2 * MP_REL_LOG - 1] = bytes;
}

void pair_release(struct mp_proc *p, uint64_t ts, uint64_t bytes, uint64_t rss_fell)
{
	while (bytes) {
		struct mp_gc *g;
		uint64_t pay;

		skip_paid(p);
		if (p->gc_unpaid >= p->n_gcs)
			break;
		g = &p->gcs[p->gc_unpaid];
		pay = outstanding(g) < bytes ? outstanding(g) : bytes;
		g->returned += pay;
		g->returned_ts = ts;
		g->rss_fell += rss_fell < pay ? rss_fell : pay;
		rss_fell -= rss_fell < pay ? rss_fell : pay;
		p->gc_paid = p->gc_unpaid + 1;
		p->owed -= pay;
		bytes -= pay;
	}
	if (bytes)
		log_release(p, ts, bytes);
}

void pair_collection(struct mp_proc *p, struct mp_gc *g)
{
	p->owed += g->freed;
	for (unsigned i = 0; i < MP_REL_LOG; i++) {
		uint64_t ts = p->rel_log[2 * i], bytes = p->rel_log[2 * i + 1];
		uint64_t pay = outstanding(g) < bytes ? outstanding(g) : bytes;

		if (!bytes || ts < g->start || ts > g->ts)
			continue;
		g->returned += pay;
		g->rss_fell += pay;
		g->returned_ts = g->ts; /* during the collection: no lag */
		p->owed -= pay;
		p->gc_paid = p->n_gcs;
		p->rel_log[2 * i + 1] = 0;
	}
	if (p->owed > p->owed_max)
		p->owed_max = p->owed;
}

void pair_refault(struct mp_proc *p, uint64_t bytes)
{
	if (p->gc_paid)
		p->gcs[p->gc_paid - 1].refaulted += bytes;
}

/*
 * No more can be owed than lies free and resident in the heap, or may: of a process found
 * running not all pages have been looked at yet. Where its mappings were not
 * recognised, what it has committed and does not use is all that can be.
 */
static uint64_t owed_at_most(const struct mp_proc *p, const struct mp_account *a)
{
	const struct mp_heap *h = mp_proc_heap(p, NULL);
	int64_t free_res = a->free_heap_resident + a->lazyfree_heap;

	if (a->unknown > 0)
		free_res += a->unknown;
	if (a->heap_known || !h || h->used == MP_UNKNOWN)
		return free_res > 0 ? (uint64_t)free_res : 0;
	if (h->committed == MP_UNKNOWN)
		return p->owed;
	return h->committed > h->used ? h->committed - h->used : 0;
}

/* What is owed beyond that has been used again: the heap's figures say so between
 * collections where a source is asked, and at the next collection where none is. */
void pair_settle(struct mp_proc *p, const struct mp_account *a)
{
	uint64_t cap = owed_at_most(p, a);

	while (p->owed > cap) {
		struct mp_gc *g;
		uint64_t over = p->owed - cap;

		skip_paid(p);
		if (p->gc_unpaid >= p->n_gcs) { /* debts of collections no longer kept */
			p->owed = cap;
			break;
		}
		g = &p->gcs[p->gc_unpaid];
		if (over > outstanding(g))
			over = outstanding(g);
		g->reused += over;
		p->owed -= over;
	}
}
