/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tell.c - what is said of a collection, a phase, a release or a limit: the event, the
 * USDT probe and the log line, from one record, at one place.
 *
 * Must not decide anything: without a segment, a listener and a log the collector
 * does the same.
 *
 * Mutator utilisation is reckoned as V8 does it for its log lines: of the time from
 * the end of one major collection to the end of the next, the part that was not
 * spent marking and in the major pause. The average halves the weight of the past
 * with each major. 1 until there were two.
 */
#include "gc/internal.h"
#include "gc/probes.h"

#define SLICE_NS 20000u /* shorter mark slices are told several at once */

PROBE_DEFINE(gc__begin);
PROBE_DEFINE(gc__end);
PROBE_DEFINE(phase__begin);
PROBE_DEFINE(phase__end);
PROBE_DEFINE(mark__begin);
PROBE_DEFINE(release);
PROBE_DEFINE(limit);

static size_t external_bytes(const struct gc_heap *h)
{
	int64_t e = __atomic_load_n(&h->external_total, __ATOMIC_RELAXED);

	return e > 0 ? (size_t)e : 0;
}

/* --- phases ------------------------------------------------------------------------ */

static void slices_flush(struct gc_heap *h)
{
	struct tell *t = &h->tell;
	uint64_t n = t->small;

	if (!n)
		return;
	event(h, GC_EV_PHASE, GC_SPACE_NONE, GC_PHASE_MARK, t->small_ns, t->small_work, &n, 1);
	t->small_ns = t->small_work = 0;
	t->small = 0;
}

static void count_slice(struct gc_heap *h, uint64_t ns, uint64_t work)
{
	struct tell *t = &h->tell;

	t->small_ns += ns;
	t->small_work += work;
	t->small++;
	if (t->small_ns >= SLICE_NS)
		slices_flush(h);
}

void phase_begin(struct gc_heap *h, unsigned phase)
{
	PROBE(2, phase__begin, h->id, phase);
	h->tell.phase_at[phase] = now_ns();
}

void phase_told(struct gc_heap *h, unsigned phase, uint64_t ns, uint64_t work)
{
	PROBE(4, phase__end, h->id, phase, ns, work);
	h->tell.phase_ns[phase] += ns;
	if (phase == GC_PHASE_MARK)
		count_slice(h, ns, work);
	else
		event(h, GC_EV_PHASE, GC_SPACE_NONE, phase, ns, work, NULL, 0);
}

void phase_end(struct gc_heap *h, unsigned phase, uint64_t work)
{
	phase_told(h, phase, now_ns() - h->tell.phase_at[phase], work);
}

/* SAFEPOINT is the event of it. */
void tell_stop(struct gc_heap *h)
{
	PROBE(4, phase__end, h->id, GC_PHASE_STOP, h->stop_slowest, h->stop_waited);
	h->tell.phase_ns[GC_PHASE_STOP] += h->stop_slowest;
	event(h, GC_EV_SAFEPOINT, GC_SPACE_NONE, 0, h->stop_slowest, h->stop_waited, NULL, 0);
}

void tell_mark_start(struct gc_heap *h, unsigned reason)
{
	PROBE(4, mark__begin, h->id, reason, heap_used(h), h->goal);
	event(h, GC_EV_MARK_BEGIN, GC_SPACE_NONE, 0, reason, heap_used(h), NULL, 0);
}

/* --- collections ------------------------------------------------------------------- */

static void look_at_spaces(const struct gc_heap *h, size_t space[GC_SEG_SPACES])
{
	space[GC_SPACE_YOUNG] = young_used(h);
	space[GC_SPACE_OLD] = h->old_used;
	space[GC_SPACE_LARGE] = h->large_used;
	space[GC_SPACE_PINNED] = h->pinned.used;
}

void tell_begin(struct gc_heap *h, struct gc_record_line *l)
{
	l->number = ++h->tell.collections;
	l->goal = h->goal;
	look_at_spaces(h, l->space);
	slices_flush(h);
	tell_reuse(h);
	PROBE(4, gc__begin, h->id, l->kind, l->reason, l->before);
	event(h, GC_EV_GC_BEGIN, GC_SPACE_NONE, l->kind, l->reason, l->before, NULL, 0);
}

/* Of the objects that were in a space, the bytes that are still alive. */
static void tell_survived(struct gc_heap *h, const struct gc_record_line *l)
{
	size_t now[GC_SEG_SPACES] = { 0 };
	unsigned s;

	look_at_spaces(h, now);
	if (l->kind == GC_SEG_MINOR) {
		event(h, GC_EV_SURVIVED, GC_SPACE_YOUNG, l->kind, h->promoted + now[GC_SPACE_YOUNG],
		      l->space[GC_SPACE_YOUNG], NULL, 0);
		return;
	}
	for (s = GC_SPACE_OLD; s <= GC_SPACE_PINNED; s++)
		if (l->space[s])
			event(h, GC_EV_SURVIVED, s, l->kind, now[s], l->space[s], NULL, 0);
}

static double mean_with(double old, double now)
{
	return old > 0 ? (old + now) / 2 : now;
}

static void utilisation(struct tell *t, const struct gc_record_line *l)
{
	uint64_t end = l->ts + l->pause, busy = l->pause + l->mark_ns;
	double total = (double)(end - t->major_end);

	if (t->major_end && end > t->major_end && total >= (double)busy) {
		t->mutator_ns = mean_with(t->mutator_ns, total - (double)busy);
		t->major_ns = mean_with(t->major_ns, (double)busy);
		t->mu = (total - (double)busy) / total;
		t->mu_avg = t->mutator_ns / (t->mutator_ns + t->major_ns);
	}
	t->major_end = end;
}

/* The marking before the pause that this collection ended. */
static void claim_marking(const struct slices *s, struct gc_record_line *l)
{
	l->slices = s->n;
	if (!s->n)
		return;
	l->mark_start = s->start;
	l->mark_ns = s->ns;
	l->mark_max = s->longest;
}

static void complete(struct gc_heap *h, struct gc_record_line *l)
{
	struct tell *t = &h->tell;
	uint64_t life = l->ts + l->pause - h->start_ns;

	t->gc_ns += l->pause;
	if (!t->mu_avg)
		t->mu = t->mu_avg = 1;
	if (l->kind != GC_SEG_MINOR) {
		claim_marking(&h->slices, l);
		t->gc_ns += l->mark_ns;
		utilisation(t, l);
	}
	l->mu = t->mu;
	l->mu_avg = t->mu_avg;
	l->percent = life ? (unsigned)(100.0 * (double)t->gc_ns / (double)life) : 0;
	l->live = h->live;
	l->external = external_bytes(h);
	l->owed = heap_owed(h);
	memcpy(l->phase_ns, t->phase_ns, sizeof(l->phase_ns));
	memset(t->phase_ns, 0, sizeof(t->phase_ns));
}

/* After the collection and the pacing that follows it. */
void tell_end(struct gc_heap *h, struct gc_record_line *l)
{
	uint64_t v[11];

	slices_flush(h);
	complete(h, l);
	v[0] = l->pause;
	v[1] = l->cbefore;
	v[2] = l->cafter;
	v[3] = l->ts;
	v[4] = l->reason;
	v[5] = h->goal;
	v[6] = l->kind == GC_SEG_MINOR ? GC_SEG_UNKNOWN : h->live;
	v[7] = l->mark_ns;
	v[8] = l->slices;
	v[9] = l->mark_max;
	v[10] = l->mark_start;
	tell_survived(h, l);
	PROBE(5, gc__end, h->id, l->kind, l->before, l->after, l->pause);
	event(h, GC_EV_GC_END, GC_SPACE_NONE, l->kind, l->before, l->after, v,
	      l->kind == GC_SEG_MINOR ? 7 : 11);
	log_collection(h, l);
}

/* --- pages, limits, types ----------------------------------------------------------- */

void tell_page_release(struct gc_heap *h, unsigned space, uintptr_t addr, size_t len, int advice,
		       uint64_t ns, int rc)
{
	uint64_t v[4] = { ns, (uint64_t)(int64_t)rc, heap_owed(h), thread_id() };

	PROBE(6, release, h->id, addr, len, advice, ns, rc);
	event(h, GC_EV_PAGE_RELEASE, space, (unsigned)advice, addr, len, v, 4);
}

void tell_release(struct gc_heap *h, size_t bytes, enum log_release how)
{
	if (bytes)
		log_release(h, bytes, how);
}

void tell_reuse(struct gc_heap *h)
{
	unsigned s;

	for (s = 0; s < GC_SEG_SPACES; s++) {
		if (!h->tell.reused[s])
			continue;
		event(h, GC_EV_PAGE_REUSE, s, 0, h->tell.reused[s] << PAGE_SHIFT, heap_owed(h),
		      NULL, 0);
		h->tell.reused[s] = 0;
	}
}

void tell_limit(struct gc_heap *h, unsigned what, size_t wanted, size_t limit)
{
	PROBE(4, limit, h->id, what, wanted, limit);
	event(h, GC_EV_LIMIT, GC_SPACE_NONE, what, wanted, limit, NULL, 0);
}

void tell_type(struct gc_heap *h, unsigned id, const char *name)
{
	event_text(h, GC_EV_TYPE, id, name);
	segment_name(h, GC_NAME_TYPE, id, name);
}
