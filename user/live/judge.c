/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * judge.c - does the model count what the kernel counts? And the hunt for what no
 * event told, where it does not: what events touched lately, then the kinds that are
 * counted wrong, then everything.
 *
 * Owns when a hunt begins, its stages, and what difference is accepted. Must not read
 * /proc: audit.c looks, within its budgets, at what is asked for here.
 */
#include <string.h>
#include <sys/mman.h>

#include "bpf/shared.h"
#include "user/live/session_int.h"
#include "user/model/maptab.h"
#include "user/util/util.h"

#define MAPS_NAME_NS 1000000000ULL /* between snapshots for names, or when calls are not seen */
#define MAPS_IDLE    2000 /* ... because calls changed anything: this many times the cost */

/* --- does the model count what the kernel counts? ------------------------------------- */

/*
 * Judged at the counters that the poll of /proc read, when all is known that happened
 * around that instant. `ahead`: pages of runs that ended up to a jiffy before; their
 * last time may be early. `behind`: pages of runs that were open. A call that was
 * under way makes it no judgement at all, nor do figures that threads hold back.
 */
static void judge_open(struct target *t, const struct mp_proc *p, const struct mp_event *e)
{
	struct judge *j = &t->judge;
	uint64_t since = e->ts;

	for (size_t i = 0; i < JUDGE_POLLS; i++)
		if (j->poll[i].ts - j->poll[i].ts % MP_SESSION_TIME_NS == e->ts)
			since = j->poll[i].t0;
	if (t->sus.now.n || t->audit.active || j->call_ts >= since || !p->maps_known)
		return;
	j->open = true;
	j->ts = e->ts;
	judge_diff(p, j->diff);
	j->behind = j->ahead = 0;
	for (size_t i = 0; i < 2; i++)
		if (e->ts - j->burst[i].ts <= 2 * MP_JIFFY_NS)
			j->ahead += (int64_t)j->burst[i].pages;
}

static void judge_fault(struct judge *j, const struct mp_event *e)
{
	if (e->ts - j->burst[0].ts > MP_JIFFY_NS) {
		j->burst[1] = j->burst[0];
		j->burst[0].ts = e->ts;
		j->burst[0].pages = 0;
	}
	j->burst[0].pages += e->x;
	if (j->open && e->ts - e->fault.span <= j->ts)
		j->behind += e->x;
}

/* Memory that others may read, as a heap's counters segment and a JVM's counters are: whose
 * it is the mappings say, and the process may not live until they are read for another reason. */
static bool maps_for_others(const struct mp_event *e)
{
	return e->sub == MP_CALL_MMAP && !(e->flags & MP_CALL_FAILED) &&
	       (MP_MMAP_FLAGS(e->x) & (MAP_SHARED | MAP_ANONYMOUS)) == MAP_SHARED &&
	       (MP_MMAP_PROT(e->x) & PROT_WRITE);
}

/* Called for each event after it was folded; `grew` is what the set grew by. */
void audit_note(struct mp_session *s, struct target *t, const struct mp_event *e, int64_t grew)
{
	const struct mp_proc *p = mp_model_proc(s->model, t->mm);
	struct judge *j = &t->judge;

	if (!p)
		return;
	suspicion_note(&t->sus, p, e, grew);
	if (e->type == MP_EV_FAULT) {
		judge_fault(j, e);
	} else if (e->type == MP_EV_CALL) {
		j->call_ts = e->ts;
		t->want_maps |= maps_for_others(e);
		if (e->ts - e->call.dur <= j->ts)
			j->open = false;
	} else if (e->type == MP_EV_RSS && e->sub == MP_RSS_PROC && !e->rss.slack) {
		judge_open(t, p, e);
	}
}

void audit_polled(struct target *t, uint64_t t0, uint64_t ts)
{
	struct judge *j = &t->judge;

	j->poll[j->n_polls].t0 = t0;
	j->poll[j->n_polls].ts = ts;
	j->n_polls = (j->n_polls + 1) % JUDGE_POLLS;
}

/* --- the hunt -------------------------------------------------------------------------- */

static int hunt_list(struct target *t, const struct suspects *a)
{
	int err = 0;

	for (size_t i = 0; i < a->n && !err; i++)
		err = proc_ranges_add(&t->hunt.todo, a->v[i].start, a->v[i].end);
	return err;
}

/* The mappings of the kinds in `kinds` (bits of 1 << enum mp_kind). */
static int hunt_kinds(struct target *t, const struct mp_proc *p, unsigned kinds)
{
	int err = 0;

	for (const struct mp_mapping *v = p->maps; v && !err; v = v->next)
		if (1u << mp_map_kind(v) & kinds)
			err = proc_ranges_add(&t->hunt.todo, v->start, v->end);
	return err;
}

/* What can have moved without an event, cheapest first: the page cache is taken back
 * all the time, anonymous memory without swap hardly ever. */
static unsigned kinds_of(const struct judge *j)
{
	unsigned file = 1u << MP_KIND_FILE | 1u << MP_KIND_FILE_PRIVATE | 1u << MP_KIND_UNTOLD;
	unsigned shmem = 1u << MP_KIND_SHMEM | 1u << MP_KIND_SHMEM_PRIVATE;

	if (j->diff[JUDGE_FILE] == j->accepted[JUDGE_FILE] &&
	    j->diff[JUDGE_SHMEM] != j->accepted[JUDGE_SHMEM])
		return shmem;
	return file | shmem;
}

/* The next stage. Where it finds nothing to look at, the one after it. */
static void hunt_next(struct target *t, const struct mp_proc *p)
{
	struct hunt *h = &t->hunt;
	int err = 0;

	h->todo.n = 0;
	/* What costs little is done at once. */
	if (h->stage == HUNT_NONE && (int64_t)t->whole_ns * 4 < h->credit)
		h->stage = HUNT_KINDS;
	while (!h->todo.n && h->stage < HUNT_DONE && !err) {
		h->stage++;
		if (h->stage == HUNT_RECENT) {
			for (size_t i = 0; i < t->sus.huge.n; i++)
				suspects_add(&t->sus.recent, t->sus.huge.v[i].start,
					     t->sus.huge.v[i].end);
			err = hunt_list(t, &t->sus.recent);
		} else if (h->stage == HUNT_KINDS) {
			err = hunt_kinds(t, p, kinds_of(&t->judge));
		} else if (h->stage == HUNT_ALL) {
			h->raced = h->moved = false;
			t->want_maps = true;
			err = proc_ranges_add(&h->todo, 0, SUSPECTS_END);
		}
	}
	if (h->stage < HUNT_DONE)
		return;
	/* What a look at everything leaves different that found nothing to tell, looking
	 * again will not mend. Where it did find something, more may be under way. */
	if (!h->raced && !h->moved)
		memcpy(t->judge.accepted, t->judge.diff, sizeof(t->judge.accepted));
	h->stage = HUNT_NONE;
}

static void verdict(struct target *t, const struct mp_proc *p)
{
	struct judge *j = &t->judge;
	bool bad = false;

	j->open = false;
	for (int i = 0; i < JUDGE_N; i++) {
		int64_t d = j->diff[i] - j->accepted[i];

		bad |= d > j->ahead || d < -j->behind;
	}
	if (!bad) {
		j->bad = 0;
		t->hunt.stage = HUNT_NONE;
		t->hunt.todo.n = 0;
		t->sus.recent.n = 0; /* what was touched up to now is right */
	} else if (++j->bad >= 2 || t->hunt.stage != HUNT_NONE) {
		j->bad = 0;
		hunt_next(t, p);
	}
}

/* After a tick: is a look at anything wanted? */
void audit_judge(struct mp_session *s, struct target *t)
{
	const struct mp_proc *p = mp_model_proc(s->model, t->mm);
	bool named, changed;
	uint64_t idle;

	if (!p || t->gone)
		return;
	idle = s->flushed > t->maps_ts ? s->flushed - t->maps_ts : 0;
	named = idle >= MAPS_NAME_NS && (t->sus.maps_nameless || !session_sees(s, MP_FEAT_CALLS));
	/* The fold joins and splits as the kernel does, but not in every case. */
	changed = idle >= MAPS_NAME_NS && idle >= t->audit.maps_ns * MAPS_IDLE &&
		  p->vma_calls != t->vma_calls;
	if (!p->maps_known || t->sus.maps_wrong || p->orphan_pages || named || changed)
		t->want_maps = true;
	/* The flush after the poll closed the run that was open: it is folded by now. */
	if (t->judge.open && !t->sus.now.n && !t->hunt.todo.n && !t->audit.active)
		verdict(t, p);
}
