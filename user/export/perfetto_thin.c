/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * perfetto_thin.c - what a trace leaves out to stay below --max-size.
 *
 * Owns: the order of importance. Sampled faults go first, every second of them at a
 * time (those that stay stand for twice as many), then calls that moved no RSS, short
 * phases, finer counters (slots of 10 ms become 20 ms and so on), calls that moved
 * little, and last collections that freed little. Notes, losses, processes and the
 * counters themselves always stay. Must not: write.
 */
#include <string.h>

#include "user/export/perfetto.h"

/* Bytes of a record in the trace, about. */
#define COST_FAULT  500
#define COST_QUIET  230
#define COST_CALL   450
#define COST_PHASE  130
#define COST_SAMPLE 48
#define COST_GC	    420

static unsigned log2_of(uint64_t v)
{
	return v ? 63u - (unsigned)__builtin_clzll(v) : 0;
}

/* Half of them have 0, a quarter 1 and so on, whatever else was numbered between. */
unsigned pf_weight_of_seq(uint32_t seq)
{
	uint64_t h = (seq + 1ULL) * 0x9e3779b97f4a7c15ULL;

	return (unsigned)__builtin_ctzll(h >> 32 | 1ULL << 32);
}

/*
 * Each doubling of what a record is about counts as much as being picked out of two by
 * chance: so what is left is a sample in which the large ones are all but complete.
 */
unsigned pf_weight_of_call(const struct pf_call *c)
{
	uint64_t d = c->delta < 0 ? (uint64_t)-c->delta : (uint64_t)c->delta;

	return log2_of((d > c->paid ? d : c->paid) / MP_PAGE_SIZE) + pf_weight_of_seq(c->seq);
}

unsigned pf_weight_of_phase(const struct pf_phase *ph)
{
	return log2_of(ph->dur / 1000) + pf_weight_of_seq((uint32_t)(ph->ts / 1000));
}

unsigned pf_weight_of_gc(const struct mp_gc *g)
{
	uint64_t us = g->pause == MP_UNKNOWN ? 0 : g->pause / 1000;

	return log2_of(g->freed / MP_PAGE_SIZE + us) + pf_weight_of_seq((uint32_t)(g->ts / 1000));
}

/* A call that did nothing to RSS and did not fail. */
static bool quiet(const struct pf_call *c)
{
	return !c->delta && !c->paid && !c->flow && !(c->flags & MP_CALL_FAILED);
}

bool pf_keep_call(const struct pf *pf, const struct pf_call *c)
{
	return quiet(c) ? pf_weight_of_seq(c->seq) >= pf->min_quiet
			: pf_weight_of_call(c) >= pf->min_call;
}

bool pf_keep_fault(const struct pf *pf, const struct pf_fault *f)
{
	return pf_weight_of_seq(f->seq) >= pf->min_fault;
}

/* --- what there is ------------------------------------------------------------------ */

enum part { FAULTS, QUIET, PHASES, SAMPLES, CALLS, GCS, PARTS };

static void sizes(const struct pf *pf, uint64_t size[PARTS])
{
	uint64_t n_quiet = 0, n_gcs = 0;

	for (size_t i = 0; i < pf->n_calls; i++)
		n_quiet += quiet(&pf->calls[i]);
	for (size_t i = 0; i < pf->n_gcs; i++)
		n_gcs += pf_weight_of_gc(&pf->gcs[i].g) >= pf->min_gc;
	size[FAULTS] = pf->n_faults * COST_FAULT;
	size[QUIET] = n_quiet * COST_QUIET;
	size[PHASES] = pf->n_phases * COST_PHASE;
	size[SAMPLES] = pf->n_samples * COST_SAMPLE;
	size[CALLS] = (pf->n_calls - n_quiet) * COST_CALL;
	size[GCS] = n_gcs * COST_GC;
}

uint64_t pf_estimate(const struct pf *pf)
{
	uint64_t size[PARTS], sum = 0;

	sizes(pf, size);
	for (unsigned p = 0; p < PARTS; p++)
		sum += size[p];
	return sum;
}

/* --- leaving out ---------------------------------------------------------------------- */

static void drop_faults(struct pf *pf)
{
	size_t n = 0;

	for (size_t i = 0; i < pf->n_faults; i++)
		if (pf_keep_fault(pf, &pf->faults[i]))
			pf->faults[n++] = pf->faults[i];
	pf->n_faults = n;
}

static void drop_calls(struct pf *pf)
{
	size_t n = 0;

	for (size_t i = 0; i < pf->n_calls; i++)
		if (pf_keep_call(pf, &pf->calls[i]))
			pf->calls[n++] = pf->calls[i];
	pf->n_calls = n;
}

static void drop_phases(struct pf *pf)
{
	size_t n = 0;

	for (size_t i = 0; i < pf->n_phases; i++)
		if (pf_weight_of_phase(&pf->phases[i]) >= pf->min_phase)
			pf->phases[n++] = pf->phases[i];
	pf->n_phases = n;
}

static bool adds_up(const struct pf_track *t)
{
	return t->what == PF_FAULTS || t->what == PF_MAJORS;
}

/*
 * Slots of twice the width: of each track the last value in a slot stays, or where
 * values count what happened in a slot their sum, at its beginning. last_ts of a
 * track serves as a memory of the slot that is being filled.
 */
static void widen(struct pf *pf)
{
	size_t n = pf->n_samples, to = n;

	pf->width *= 2;
	pf->slot /= 2;
	for (size_t i = 0; i < pf->n_tracks; i++)
		pf->tracks[i].last_ts = MP_UNKNOWN;
	/* backwards: the first that is met is the last of its slot */
	for (size_t i = n; i-- > 0;) {
		struct pf_sample s = pf->samples[i];
		struct pf_track *t = &pf->tracks[s.track];
		uint64_t slot = s.ts / pf->width;

		if (t->last_ts == slot) {
			if (adds_up(t))
				pf->samples[t->last].value += s.value;
			continue;
		}
		if (adds_up(t))
			s.ts = slot * pf->width;
		t->last_ts = slot;
		pf->samples[--to] = s;
		if (adds_up(t)) /* whose `last` nobody needs */
			t->last = (int64_t)to;
	}
	memmove(pf->samples, pf->samples + to, (n - to) * sizeof(*pf->samples));
	pf->n_samples = n - to;
	for (size_t i = 0; i < pf->n_tracks; i++)
		pf->tracks[i].last_ts = 0;
	for (size_t i = 0; i < pf->n_samples; i++)
		pf->tracks[pf->samples[i].track].last_ts = pf->samples[i].ts;
}

static bool less(struct pf *pf, enum part p)
{
	switch (p) {
	case FAULTS:
		pf->min_fault++;
		drop_faults(pf);
		return true;
	case QUIET:
		pf->min_quiet++;
		drop_calls(pf);
		return true;
	case CALLS:
		pf->min_call++;
		drop_calls(pf);
		return true;
	case PHASES:
		pf->min_phase++;
		drop_phases(pf);
		return true;
	case SAMPLES:
		if (pf->width >= PF_SLOT_MAX)
			return false;
		widen(pf);
		return true;
	default:
		pf->min_gc++;
		return true;
	}
}

bool pf_thin(struct pf *pf, uint64_t max)
{
	/* what each may have of the aim before those behind it give way */
	static const unsigned share[PARTS] = { 16, 16, 16, 2, 4, 4 };
	uint64_t size[PARTS];

	sizes(pf, size);
	for (unsigned p = 0; p < PARTS; p++)
		if (size[p] > max / share[p] && less(pf, p))
			return true;
	for (unsigned p = 0; p < PARTS; p++)
		if (size[p] && less(pf, p))
			return true;
	return false;
}
