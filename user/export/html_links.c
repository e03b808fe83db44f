/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * html_links.c - which calls gave back what which collection had freed: the arrows of
 * the HTML report.
 *
 * Owns: the last releases and what each was credited to. Must not: decide that; it
 * reads off the model whose debt an event paid (user/model/pairing.c).
 */
#include <stdlib.h>

#include "user/export/html_int.h"

#define ADVICE_FREE 8 /* MADV_FREE, include/uapi/asm-generic/mman-common.h */

struct html_links *html_links_new(void)
{
	struct html_links *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->rel = calloc(HTML_RELEASES_MAX, sizeof(*l->rel));
	l->link = calloc(HTML_LINKS_MAX, sizeof(*l->link));
	l->returned = calloc(MP_GC_MAX, sizeof(*l->returned));
	if (l->rel && l->link && l->returned)
		return l;
	html_links_free(l);
	return NULL;
}

void html_links_free(struct html_links *l)
{
	if (!l)
		return;
	free(l->rel);
	free(l->link);
	free(l->returned);
	free(l);
}

static struct html_release *add_release(struct html_links *l, uint64_t ts)
{
	struct html_release *r = &l->rel[l->n_rel++ % HTML_RELEASES_MAX];

	*r = (struct html_release){ .ts = ts, .asked = MP_UNKNOWN };
	return r;
}

static void add_link(struct html_links *l, uint64_t release, uint64_t gc, uint64_t bytes)
{
	l->link[l->n_link++ % HTML_LINKS_MAX] = (struct html_link){ release, gc, bytes };
	l->rel[release % HTML_RELEASES_MAX].linked += bytes;
}

/*
 * Goes through the collections that may have been paid since the last look. `release`
 * is the number of the one that paid, or MP_UNKNOWN: then the kernel took it, at the
 * time that the collection remembers. Debts are paid oldest first, so that those below
 * l->paid never change.
 */
static void credit(struct html_links *l, const struct mp_proc *p, uint64_t release)
{
	uint64_t first = p->gc_dropped, n = first + p->n_gcs;

	for (uint64_t k = l->paid > first ? l->paid : first; k < n && k < l->n_gc; k++) {
		const struct mp_gc *g = &p->gcs[k - first];
		uint64_t *seen = &l->returned[k % MP_GC_MAX];
		uint64_t by = release;

		if (g->returned > *seen) {
			if (by == MP_UNKNOWN) {
				by = l->n_rel;
				add_release(l, g->returned_ts)->gone = g->returned - *seen;
			}
			add_link(l, by, k, g->returned - *seen);
			*seen = g->returned;
		}
		if (k - first >= p->gc_unpaid)
			break; /* nothing newer can have been paid */
		l->paid = k + 1;
	}
}

/* Forgets nothing and links nothing: what a state dump restored was paid before. */
static void restart(struct html_links *l, const struct mp_proc *p)
{
	l->mm = p->mm;
	l->n_gc = p->gc_dropped + p->n_gcs;
	l->paid = p->gc_dropped + p->gc_unpaid;
	for (size_t i = 0; i < p->n_gcs; i++)
		l->returned[(p->gc_dropped + i) % MP_GC_MAX] = p->gcs[i].returned;
}

/* Releases that came while the collection ran, which it claimed at its end. */
static void claim(struct html_links *l, const struct mp_gc *g, uint64_t gc)
{
	uint64_t left = g->returned, oldest = l->n_rel > 64 ? l->n_rel - 64 : 0;

	for (uint64_t k = oldest; k < l->n_rel && left; k++) {
		struct html_release *r = &l->rel[k % HTML_RELEASES_MAX];
		uint64_t part = r->gone > r->linked ? r->gone - r->linked : 0;

		if (r->ts < g->start || r->ts > g->ts || !part)
			continue;
		part = part < left ? part : left;
		add_link(l, k, gc, part);
		left -= part;
	}
}

static void after_gc(struct html_links *l, const struct mp_proc *p)
{
	uint64_t n = p->gc_dropped + p->n_gcs;

	while (l->n_gc < n && p->n_gcs) {
		uint64_t k = l->n_gc++;
		const struct mp_gc *g;

		if (k < p->gc_dropped)
			continue;
		g = &p->gcs[k - p->gc_dropped];
		claim(l, g, k);
		l->returned[k % MP_GC_MAX] = g->returned;
	}
}

static bool gives_back(const struct mp_event *e)
{
	switch (e->sub) {
	case MP_CALL_MMAP: /* over what was there */
	case MP_CALL_MUNMAP:
	case MP_CALL_MREMAP:
	case MP_CALL_BRK:
	case MP_CALL_MADVISE:
	case MP_CALL_PROCESS_MADVISE:
		return !(e->flags & MP_CALL_FAILED);
	default:
		return false;
	}
}

void html_links_before(struct html_links *l, const struct mp_proc *p, const struct mp_event *e)
{
	if (e->type == MP_EV_KEYFRAME)
		l->mm = 0; /* what follows is another past */
	if (!p || (e->type != MP_EV_GC && e->type != MP_EV_CALL))
		return;
	if (p->mm != l->mm || p->gc_dropped + p->n_gcs != l->n_gc)
		restart(l, p);
	if (e->type != MP_EV_CALL || !gives_back(e))
		return;
	credit(l, p, MP_UNKNOWN);
	l->dropped = p->calls[e->sub].dropped;
	l->stack = p->call_site.ts == e->ts && p->call_site.tid == e->tid ? p->call_site.stack : 0;
}

static void after_call(struct html_links *l, const struct mp_proc *p, const struct mp_event *e)
{
	uint64_t gone = p->calls[e->sub].dropped - l->dropped;
	bool madvise = e->sub == MP_CALL_MADVISE || e->sub == MP_CALL_PROCESS_MADVISE;
	struct html_release *r;

	if (!gone && !(madvise && e->x == ADVICE_FREE)) /* takes nothing yet */
		return;
	r = add_release(l, e->ts);
	r->asked = e->sub == MP_CALL_BRK || e->sub == MP_CALL_MREMAP ? MP_UNKNOWN : e->call.len;
	r->gone = gone * MP_PAGE_SIZE;
	r->stack = l->stack;
	r->tid = e->tid;
	r->call = e->sub;
	r->advice = madvise ? (uint8_t)mp_advice_slot(e->x) : 0;
	credit(l, p, l->n_rel - 1);
}

void html_links_after(struct html_links *l, const struct mp_proc *p, const struct mp_event *e)
{
	if (!p || p->mm != l->mm)
		return;
	if (e->type == MP_EV_GC)
		after_gc(l, p);
	else if (e->type == MP_EV_CALL && gives_back(e))
		after_call(l, p, e);
}
