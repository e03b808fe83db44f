/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * perfetto_slices.c - what has a beginning and an end in a trace, and instants:
 * collections, their phases, memory calls; notes, losses, sampled faults.
 *
 * Owns: that slices of a track nest. Must not: decide what is kept (perfetto_thin.c).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "user/export/perfetto_out.h"
#include "user/util/util.h"

/* --- slices ---------------------------------------------------------------------------- */

/*
 * Slices of one track must nest. Within a level they follow each other (what begins
 * before the one before it has ended begins at that end), and one of a deeper level
 * lies within the one it began in.
 */
struct slice {
	uint64_t start, end;
	uint64_t sub; /* of the track */
	uint32_t proc, i;
	uint8_t track; /* enum track_kind */
	uint8_t level;
	uint8_t what; /* enum slice_of */
};

enum slice_of { OF_GC, OF_PHASE, OF_CALL };

static int by_track(const void *a, const void *b)
{
	const struct slice *x = a, *y = b;

	if (x->proc != y->proc)
		return x->proc < y->proc ? -1 : 1;
	if (x->track != y->track)
		return x->track < y->track ? -1 : 1;
	if (x->sub != y->sub)
		return x->sub < y->sub ? -1 : 1;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->level != y->level)
		return x->level < y->level ? -1 : 1;
	return x->end != y->end ? (x->end < y->end ? -1 : 1) : x->i < y->i ? -1 : 1;
}

static bool same_track(const struct slice *a, const struct slice *b)
{
	return a->proc == b->proc && a->track == b->track && a->sub == b->sub;
}

static uint64_t gc_start(const struct mp_gc *g)
{
	if (g->start && g->start <= g->ts)
		return g->start;
	return g->pause != MP_UNKNOWN && g->pause < g->ts ? g->ts - g->pause : g->ts;
}

static uint64_t flow_id(const struct pf_out *o, uint32_t flow)
{
	return pf_mix(o->base) + flow;
}

static void gc_body(struct pf_out *o, const struct pf_gc *r)
{
	const struct mp_gc *g = &r->g;
	char name[64];

	snprintf(name, sizeof(name), "%s collection", mp_gc_kind_name(g->kind));
	pf_named(o, "gc", name);
	if (g->reason)
		pf_note_str(o, "reason", mp_str(o->m, g->reason));
	pf_note_u64(o, "before", g->before);
	pf_note_u64(o, "after", g->after);
	pf_note_u64(o, "committed_before", g->cbefore);
	pf_note_u64(o, "committed_after", g->cafter);
	pf_note_u64(o, "pause_ns", g->pause);
	pf_note_u64(o, "freed", g->freed);
	pf_note_u64(o, "returned", g->returned);
	pf_note_u64(o, "rss_fell", g->rss_fell);
	if (g->returned_ts >= g->ts)
		pf_note_u64(o, "return_lag_ns", g->returned_ts - g->ts);
	pf_note_u64(o, "refaulted", g->refaulted);
	pf_note_u64(o, "used_again", g->reused);
	for (uint32_t a = r->arrows; a != PF_NONE; a = o->pf->arrows[a].next)
		mp_pb_fixed64(&o->pb, 47, flow_id(o, o->pf->arrows[a].flow));
}

static void phase_body(struct pf_out *o, const struct pf_phase *ph)
{
	pf_named(o, "gc", mp_phase_name(ph->phase));
	pf_note_u64(o, "work", ph->work);
	if (ph->n > 1)
		pf_note_u64(o, "parts", ph->n);
}

static void call_body(struct pf_out *o, const struct pf_call *c)
{
	bool advice = c->sub == MP_CALL_MADVISE || c->sub == MP_CALL_PROCESS_MADVISE;
	char name[96];

	if (advice)
		snprintf(name, sizeof(name), "%s %s", mp_call_name(c->sub), mp_advice_name(c->x));
	pf_named(o, "call", advice ? name : mp_call_name(c->sub));
	pf_note_addr(o, "addr",
		     c->sub == MP_CALL_MMAP && !(c->flags & MP_CALL_FAILED) ? (uint64_t)c->ret
									    : c->addr);
	pf_note_u64(o, "bytes", c->sub == MP_CALL_MREMAP ? c->len2 : c->len);
	if (c->sub == MP_CALL_MREMAP)
		pf_note_u64(o, "old_bytes", c->len);
	if (c->flags & MP_CALL_FAILED)
		pf_note_int(o, "error", -c->ret);
	pf_note_int(o, "rss_bytes", c->delta);
	if (c->paid)
		pf_note_u64(o, "returned_of_collections", c->paid);
	if (c->cls < MP_CLS_MAX)
		pf_note_str(o, "memory", mp_class_name((enum mp_class)c->cls));
	if (c->flow)
		mp_pb_fixed64(&o->pb, 47, flow_id(o, c->flow));
	if (-c->delta >= PF_CALL_STACKS * (int64_t)MP_PAGE_SIZE)
		pf_stack(o, c->proc, c->stack);
}

static void put_begin(struct pf_out *o, const struct slice *s)
{
	const struct pf *pf = o->pf;

	pf_event(o, s->start, EV_BEGIN, pf_track_of(o, s->track, s->proc, s->sub));
	if (s->what == OF_GC)
		gc_body(o, &pf->gcs[s->i]);
	else if (s->what == OF_PHASE)
		phase_body(o, &pf->phases[s->i]);
	else
		call_body(o, &pf->calls[s->i]);
	pf_event_end(o);
}

static void put_end(struct pf_out *o, const struct slice *s)
{
	pf_event(o, s->end, EV_END, pf_track_of(o, s->track, s->proc, s->sub));
	pf_event_end(o);
}

#define LEVELS 3

/* The slices of one track, sorted. */
static void put_track(struct pf_out *o, struct slice *s, size_t n)
{
	struct slice open[LEVELS];
	unsigned depth = 0;

	for (size_t i = 0; i < n; i++) {
		struct slice *k = &s[i];

		while (depth &&
		       (open[depth - 1].end <= k->start || open[depth - 1].level >= k->level)) {
			depth--;
			if (k->start < open[depth].end)
				k->start = open[depth].end;
			put_end(o, &open[depth]);
		}
		if (depth && k->start < open[depth - 1].start)
			k->start = open[depth - 1].start;
		if (depth && k->end > open[depth - 1].end)
			k->end = open[depth - 1].end;
		if (k->end < k->start)
			k->end = k->start;
		put_begin(o, k);
		open[depth++] = *k; /* each is of a deeper level than the one before */
	}
	while (depth)
		put_end(o, &open[--depth]);
}

static void name_slices(struct pf_out *o, const struct slice *s)
{
	char name[128];
	unsigned src = (unsigned)(s->sub >> 32);

	switch ((enum track_kind)s->track) {
	case T_GC:
		snprintf(name, sizeof(name), "GC %s (%s)", mp_gc_kind_name((unsigned)s->sub & 0xff),
			 mp_source_name(src));
		pf_plain_track(o, T_GC, s->proc, s->sub, name, 20);
		break;
	case T_PHASES:
		snprintf(name, sizeof(name), "GC phases beside (%s)", mp_source_name(src));
		pf_plain_track(o, T_PHASES, s->proc, s->sub, name, 21);
		break;
	case T_REMOTE:
		snprintf(name, sizeof(name), "calls by thread %u of another process",
			 (unsigned)s->sub);
		pf_plain_track(o, T_REMOTE, s->proc, s->sub, name, 30);
		break;
	default:
		pf_thread(o, s->proc, (uint32_t)s->sub);
	}
}

/* The collection that a phase is a part of, among those of its process. */
static const struct pf_gc *gc_of(const struct pf *pf, const struct pf_phase *ph)
{
	const uint64_t rounding = 2000; /* ns: times of a recording are in ticks */
	const struct pf_proc *pp = pf->procs[ph->proc];
	size_t lo = 0, hi = pp->n_gcs;

	while (lo < hi) { /* the first that ends with it or later */
		size_t mid = lo + (hi - lo) / 2;

		if (pf->gcs[pp->gcs[mid]].g.ts + rounding < ph->ts)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < pp->n_gcs && lo < hi + 4; lo++) {
		const struct pf_gc *r = &pf->gcs[pp->gcs[lo]];

		if (r->g.source == ph->source && gc_start(&r->g) <= ph->ts - ph->dur + rounding &&
		    pf_weight_of_gc(&r->g) >= pf->min_gc)
			return r;
	}
	return NULL;
}

static uint64_t gc_sub(const struct mp_gc *g)
{
	return (uint64_t)g->source << 32 | g->kind;
}

static size_t phase_slices(const struct pf *pf, struct slice *v)
{
	for (uint32_t i = 0; i < pf->n_phases; i++) {
		const struct pf_phase *ph = &pf->phases[i];
		const struct pf_gc *r = gc_of(pf, ph);

		v[i] = (struct slice){
			.start = ph->ts - ph->dur,
			.end = ph->ts,
			.proc = ph->proc,
			.i = i,
			.what = OF_PHASE,
			.track = r ? T_GC : T_PHASES,
			.level = 1,
			.sub = r ? gc_sub(&r->g) : (uint64_t)ph->source << 32 | ph->tid,
		};
		if (r && v[i].start < gc_start(&r->g))
			v[i].start = gc_start(&r->g); /* rounding */
	}
	return pf->n_phases;
}

static size_t slices(const struct pf *pf, struct slice *v)
{
	size_t n = phase_slices(pf, v);

	for (uint32_t i = 0; i < pf->n_gcs; i++) {
		const struct pf_gc *r = &pf->gcs[i];

		if (pf_weight_of_gc(&r->g) < pf->min_gc)
			continue;
		v[n++] = (struct slice){ .start = gc_start(&r->g),
					 .end = r->g.ts,
					 .proc = r->proc,
					 .i = i,
					 .what = OF_GC,
					 .track = T_GC,
					 .sub = gc_sub(&r->g) };
	}
	for (uint32_t i = 0; i < pf->n_calls; i++) {
		const struct pf_call *c = &pf->calls[i];

		if (!pf_keep_call(pf, c))
			continue;
		v[n++] = (struct slice){ .start = c->dur < c->ts ? c->ts - c->dur : c->ts,
					 .end = c->ts,
					 .proc = c->proc,
					 .i = i,
					 .what = OF_CALL,
					 .track = c->flags & MP_CALL_REMOTE ? T_REMOTE : T_CALLS,
					 .sub = c->tid };
	}
	return n;
}

void pf_put_slices(struct pf_out *o)
{
	const struct pf *pf = o->pf;
	size_t n = pf->n_gcs + pf->n_phases + pf->n_calls;
	struct slice *v = malloc((n + 1) * sizeof(*v));

	if (!v) {
		o->pb.oom = true;
		return;
	}
	n = slices(pf, v);
	qsort(v, n, sizeof(*v), by_track);
	for (size_t i = 0, k; i < n; i = k) {
		for (k = i + 1; k < n && same_track(&v[k], &v[i]); k++)
			;
		name_slices(o, &v[i]);
		put_track(o, v + i, k - i);
	}
	free(v);
}

/* --- instants -------------------------------------------------------------------------- */

static void exit_name(uint64_t status, char *buf, size_t size)
{
	int st = (int)status;

	if (status == MP_UNKNOWN)
		snprintf(buf, size, "exit");
	else if (WIFSIGNALED(st))
		snprintf(buf, size, "killed by signal %d", WTERMSIG(st));
	else
		snprintf(buf, size, "exit %d", WEXITSTATUS(st));
}

static void mark_body(struct pf_out *o, const struct pf_mark *k)
{
	char name[256], bytes[32];

	switch ((enum pf_mark_kind)k->kind) {
	case PF_M_NOTE:
		pf_named(o, "note", mp_str(o->m, (uint32_t)k->a));
		break;
	case PF_M_TRIGGER:
		snprintf(name, sizeof(name), "trigger: %s", mp_str(o->m, (uint32_t)k->a));
		pf_named(o, "trigger", name);
		break;
	case PF_M_FORK:
		snprintf(name, sizeof(name), "fork: %" PRIu64, k->a);
		pf_named(o, "process", name);
		break;
	case PF_M_EXEC:
		snprintf(name, sizeof(name), "exec: %s", mp_str(o->m, (uint32_t)k->a));
		pf_named(o, "process", name);
		break;
	case PF_M_EXIT:
		exit_name(k->a, name, sizeof(name));
		pf_named(o, "process", name);
		break;
	case PF_M_LOSS:
		snprintf(name, sizeof(name), "%" PRIu64 " events lost: %s", k->a,
			 mp_loss_name(k->sub));
		pf_named(o, "loss", name);
		pf_note_u64(o, "faults", k->b);
		break;
	case PF_M_CLOCK:
		pf_named(o, "clock",
			 k->sub == MP_CLOCK_STEP ? "the wall clock was set" : "suspended");
		pf_note_int(o, "ns", (int64_t)k->a);
		break;
	case PF_M_FELL:
		snprintf(name, sizeof(name), "RSS %s",
			 mp_bytes_signed(bytes, sizeof(bytes), -(int64_t)k->a));
		pf_named(o, "rss", name);
		pf_note_u64(o, "bytes", k->a);
		mp_pb_fixed64(&o->pb, 48, flow_id(o, k->flow));
		break;
	}
}

static uint64_t mark_track(const struct pf_out *o, const struct pf_mark *k)
{
	return k->proc == PF_NONE     ? pf_track_of(o, T_SESSION, PF_NONE, 0)
	       : k->kind == PF_M_FELL ? pf_track_of(o, T_FELL, k->proc, 0)
				      : pf_track_of(o, T_EVENTS, k->proc, 0);
}

/* Describes the mark's track unless it was; seen: bits by process, the last of the session. */
static void mark_track_once(struct pf_out *o, const struct pf_mark *k, unsigned char *seen)
{
	bool fell = k->kind == PF_M_FELL;
	unsigned char *s = &seen[k->proc == PF_NONE ? o->pf->n_procs : k->proc];

	if (*s & 1 << fell)
		return;
	*s |= (unsigned char)(1 << fell);
	if (k->proc == PF_NONE)
		pf_plain_track(o, T_SESSION, PF_NONE, 0, "memprof", -1);
	else if (fell)
		pf_plain_track(o, T_FELL, k->proc, 0, "RSS falls by what collections freed", 22);
	else
		pf_plain_track(o, T_EVENTS, k->proc, 0, "events", 10);
}

static void put_mark(struct pf_out *o, const struct pf_mark *k)
{
	pf_event(o, k->ts, EV_INSTANT, mark_track(o, k));
	mark_body(o, k);
	mp_pb_close(&o->pb);
	if (k->kind == PF_M_LOSS)
		mp_pb_u64(&o->pb, 42, 1);
	pf_packet_end(o);
}

/* The falls of RSS that arrows over calls end at. */
static void put_falls(struct pf_out *o, unsigned char *seen)
{
	const struct pf *pf = o->pf;

	for (size_t i = 0; i < pf->n_calls; i++) {
		const struct pf_call *c = &pf->calls[i];
		const struct pf_mark k = { .ts = c->ts,
					   .a = c->fell,
					   .proc = c->proc,
					   .flow = c->flow,
					   .kind = PF_M_FELL };

		if (!c->fell || !pf_keep_call(pf, c))
			continue;
		mark_track_once(o, &k, seen);
		put_mark(o, &k);
	}
}

void pf_put_marks(struct pf_out *o)
{
	const struct pf *pf = o->pf;
	unsigned char *seen = calloc(pf->n_procs + 1, 1);

	if (!seen) {
		o->pb.oom = true;
		return;
	}
	for (size_t i = 0; i < pf->n_marks; i++) {
		mark_track_once(o, &pf->marks[i], seen);
		put_mark(o, &pf->marks[i]);
	}
	put_falls(o, seen);
	free(seen);
}

static void put_fault(struct pf_out *o, const struct pf_fault *f)
{
	uint64_t bytes = (uint64_t)f->pages * MP_PAGE_SIZE << o->pf->min_fault;

	pf_event(o, f->ts, EV_INSTANT, pf_track_of(o, T_CALLS, f->proc, f->tid));
	pf_named(o, f->pages ? "fault" : "major",
		 f->pages ? "page fault (sampled)" : "major fault");
	pf_note_addr(o, "addr", f->addr);
	if (f->cls < MP_CLS_MAX)
		pf_note_str(o, "memory", mp_class_name((enum mp_class)f->cls));
	if (f->pages)
		pf_note_u64(o, "stands_for_bytes", bytes);
	pf_stack(o, f->proc, f->stack);
	if (f->pages)
		mp_pb_double(&o->pb, 57, (double)bytes);
	pf_event_end(o);
}

void pf_put_faults(struct pf_out *o)
{
	const struct pf *pf = o->pf;
	struct pf_name *seen = malloc((pf->n_faults + 1) * sizeof(*seen));
	size_t n = 0;

	if (!seen) {
		o->pb.oom = true;
		return;
	}
	for (size_t i = 0; i < pf->n_faults; i++)
		seen[n++] =
			(struct pf_name){ .proc = pf->faults[i].proc, .tid = pf->faults[i].tid };
	qsort(seen, n, sizeof(*seen), pf_by_thread);
	for (size_t i = 0; i < n; i++)
		if (!i || pf_by_thread(&seen[i], &seen[i - 1]))
			pf_thread(o, seen[i].proc, seen[i].tid);
	free(seen);
	for (size_t i = 0; i < pf->n_faults; i++)
		put_fault(o, &pf->faults[i]);
}
