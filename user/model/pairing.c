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

/* A release that no collection claims yet: the collection it belongs to may
 * still be running and report itself when it ends. */
static void log_release(struct mp_proc *p, uint64_t ts, uint64_t bytes)
{
	memmove(p->rel_log, p->rel_log + 2, sizeof(p->rel_log) - 2 * sizeof(uint64_t));
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
 * No more can be owed than lies free and resident in the heap. What is owed
 * beyond that has been used again.
 */
void pair_settle(struct mp_proc *p, const struct mp_account *a)
{
	int64_t free_res = a->free_heap_resident + a->lazyfree_heap;
	uint64_t cap = free_res > 0 ? (uint64_t)free_res : 0;

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
