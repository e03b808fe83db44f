/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * perfetto_counters.c - counters of a trace, read off the model.
 *
 * Owns: what is sampled of a process, and that only changes are kept. Must not:
 * decide when (perfetto.c does).
 */
#include <errno.h>

#include "user/export/perfetto.h"
#include "user/util/util.h"

/* A new value of a counter, if it is one. What is always 0 gets no track. */
static int put(struct pf *pf, uint32_t proc, unsigned what, uint64_t ts, int64_t v)
{
	struct pf_proc *pp = pf->procs[proc];
	struct pf_sample *s;
	struct pf_track *t;

	if (!pp->track[what]) {
		if (!v)
			return 0;
		t = PF_PUSH(pf, tracks);
		if (!t)
			return -ENOMEM;
		t->proc = proc;
		t->what = (uint16_t)what;
		pp->track[what] = (uint32_t)pf->n_tracks;
	}
	t = &pf->tracks[pp->track[what] - 1];
	if (t->last_ts && v == t->last && what != PF_FAULTS && what != PF_MAJORS)
		return 0;
	s = PF_PUSH(pf, samples);
	if (!s)
		return -ENOMEM;
	s->ts = ts > t->last_ts ? ts : t->last_ts;
	s->value = v;
	s->track = pp->track[what] - 1;
	t->last_ts = s->ts;
	t->last = v;
	return 0;
}

static int put_pages(struct pf *pf, uint32_t proc, unsigned what, uint64_t ts, uint64_t pages)
{
	return put(pf, proc, what, ts, (int64_t)(pages * MP_PAGE_SIZE));
}

static int put_known(struct pf *pf, uint32_t proc, unsigned what, uint64_t ts, uint64_t bytes)
{
	return bytes == MP_UNKNOWN ? 0 : put(pf, proc, what, ts, (int64_t)bytes);
}

static int sample_rss(struct pf *pf, uint32_t i, const struct mp_proc *p, uint64_t ts)
{
	struct pf_proc *pp = pf->procs[i];
	uint64_t rss = mp_proc_rss(p) / MP_PAGE_SIZE;
	int err = 0;

	if (!p->rss_known)
		return 0;
	if (pp->peak > rss && pp->peak_ts < ts)
		err = put_pages(pf, i, PF_RSS, pp->peak_ts, pp->peak);
	pp->peak = 0;
	err = err ? err : put_pages(pf, i, PF_RSS, ts, rss);
	err = err ? err : put_pages(pf, i, PF_ANON, ts, p->rss.anon);
	err = err ? err : put_pages(pf, i, PF_FILE, ts, p->rss.file);
	err = err ? err : put_pages(pf, i, PF_SHMEM, ts, p->rss.shmem);
	err = err ? err : put_pages(pf, i, PF_SWAP, ts, p->rss.swap);
	return err ? err : put_pages(pf, i, PF_LAZYFREE, ts, mp_proc_lazy(p));
}

static int sample_account(struct pf *pf, uint32_t i, const struct mp_proc *p, uint64_t ts)
{
	struct mp_account a;
	int err = 0;

	if (!p->rss_known)
		return 0;
	mp_account(p, &a);
	const struct {
		unsigned what;
		int64_t v;
	} bands[] = {
		{ PF_LIVE, a.live_heap },	{ PF_FREE, a.free_heap_resident },
		{ PF_UNSPLIT, a.unsplit_heap }, { PF_ARENAS, a.arenas },
		{ PF_NATIVE, a.native },	{ PF_BRK, a.brk },
		{ PF_STACKS, a.stacks },	{ PF_RUNTIME, a.runtime },
		{ PF_OTHER, a.other_anon },	{ PF_AFILE, a.file },
		{ PF_ASHMEM, a.shmem },		{ PF_ALAZY, a.lazyfree },
		{ PF_UNKNOWN, a.unknown },	{ PF_LAZY_HEAP, a.lazy_heap },
	};

	/* the last one where it is known */
	for (size_t k = 0; k + !a.lazy_known < sizeof(bands) / sizeof(bands[0]) && !err; k++)
		err = put(pf, i, bands[k].what, ts, bands[k].v);
	return err;
}

static int sample_spaces(struct pf *pf, uint32_t i, const struct mp_heap *h, unsigned src,
			 uint64_t ts)
{
	int err = 0;

	for (unsigned k = 0; k < h->n_spaces && k < MP_SPACES_MAX && !err; k++) {
		unsigned what = PF_SPACE + 3 * (src * MP_SPACES_MAX + k);
		const struct mp_space *s = &h->spaces[k];

		err = put_known(pf, i, what, ts, s->used);
		err = err ? err : put_known(pf, i, what + 1, ts, s->committed);
		err = err ? err : put_known(pf, i, what + 2, ts, s->resident);
		for (unsigned n = 0; n < 3; n++)
			if (pf->procs[i]->track[what + n])
				pf->tracks[pf->procs[i]->track[what + n] - 1].space = s->name;
	}
	return err;
}

static int sample_heaps(struct pf *pf, uint32_t i, const struct mp_proc *p, uint64_t ts)
{
	int err = 0;

	for (unsigned src = 1; src < MP_SRC_MAX && !err; src++) {
		const struct mp_heap *h = &p->heaps[src];

		if (!h->present)
			continue;
		err = put_known(pf, i, PF_HEAP + 3 * src, ts, h->used);
		err = err ? err : put_known(pf, i, PF_HEAP + 3 * src + 1, ts, h->committed);
		err = err ? err : put_known(pf, i, PF_HEAP + 3 * src + 2, ts, h->external);
		err = err ? err : sample_spaces(pf, i, h, src, ts);
	}
	return err ? err : put(pf, i, PF_OWED, ts, (int64_t)p->owed);
}

static int sample_cgroup(struct pf *pf, uint32_t i, const struct mp_proc *p, uint64_t ts)
{
	int err;

	if (!p->cgroup.version)
		return 0;
	err = put_known(pf, i, PF_CHARGED, ts, p->cgroup.charged);
	return err ? err : put_known(pf, i, PF_LIMIT, ts, p->cgroup.limit);
}

/* What happened in a slot stands at its beginning. */
static int sample_faults(struct pf *pf, uint32_t i)
{
	struct pf_proc *pp = pf->procs[i];
	uint64_t ts = pf->slot * pf->width;
	int err = 0;

	if (pp->faults)
		err = put(pf, i, PF_FAULTS, ts, (int64_t)pp->faults);
	if (!err && pp->majors)
		err = put(pf, i, PF_MAJORS, ts, (int64_t)pp->majors);
	pp->faults = pp->majors = 0;
	return err;
}

int pf_counters(struct pf *pf, uint32_t i, const struct mp_proc *p)
{
	struct pf_proc *pp = pf->procs[i];
	uint64_t ts = pp->dirty_ts;
	int err = sample_faults(pf, i);

	pp->dirty = false;
	err = err ? err : sample_rss(pf, i, p, ts);
	err = err ? err : sample_account(pf, i, p, ts);
	err = err ? err : sample_heaps(pf, i, p, ts);
	return err ? err : sample_cgroup(pf, i, p, ts);
}

int pf_flush(struct pf *pf, const struct mp_model *m)
{
	int err = 0;

	for (size_t i = 0; i < pf->n_procs && !err; i++) {
		struct pf_proc *pp = pf->procs[i];
		const struct mp_proc *p = pp->dirty ? mp_model_proc(m, pp->mm) : NULL;

		if (p)
			err = pf_counters(pf, (uint32_t)i, p);
	}
	return err;
}

/* A process that is gone has no memory, from the instant after its last figures. What
 * its group is charged is another matter. */
int pf_put_gone(struct pf *pf, uint32_t i, uint64_t ts)
{
	int err = 0;

	for (unsigned what = 0; what < PF_COUNTERS && !err; what++)
		if ((what < PF_CHARGED || what > PF_MAJORS) && pf->procs[i]->track[what])
			err = put(pf, i, what, ts, 0);
	return err;
}
