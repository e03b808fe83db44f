/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * audit.c - looks at /proc that keep the model true: the mapping table after calls
 * that the fold cannot follow, pages where events cannot account for residency.
 *
 * What is looked at, and when (what is suspect is decided in suspects.c):
 *   all       at attach and exec, and at the end of a recording;
 *   suspects  chunks that events left open, at the next tick;
 *   hunt      when the kernel counts otherwise and no suspect explains it, a slice a
 *             tick; what is hunted is decided in judge.c.
 * Each has a budget of CPU time, so the cost follows what changes and not the size.
 *
 * A look takes time while the target runs. It is folded in at the instant it
 * ended, and only where no event of that time touched the same pages.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bpf/shared.h"
#include "user/live/rights.h"
#include "user/live/session_int.h"
#include "user/model/maptab.h"
#include "user/model/pageset.h"
#include "user/util/util.h"

#define MS	     1000000ULL
#define MAPS_SOON_NS (100 * MS)	    /* between snapshots that the model needs       */
#define SHARE	     50		    /* snapshots, and suspects: 1/50 of a CPU each  */
#define HUNT_SHARE   400	    /* hunts: a scan reads 16 GB in 100 ms          */
#define CREDIT_MAX   (20 * MS)	    /* CPU time that suspects may use at once       */
#define HUNT_MAX     (100 * MS)	    /* ... and hunts                                */
#define SLICE_NS     (8 * MS)	    /* of a tick of 50 ms                           */
#define SLICE_BYTES  (256ULL << 20) /* between looks at the clock                 */
#define RACES_MAX    20		    /* after so many raced snapshots take one as it is */
#define CHUNK	     SUSPECT_CHUNK
#define HOLLOW	     (1ULL << 30) /* inaccessible mappings from here on are reservations */

void audit_drop(struct audit *a)
{
	proc_maps_free(&a->maps);
	proc_ranges_free(&a->scanned);
	proc_ranges_free(&a->runs);
	proc_ranges_free(&a->raced);
	proc_ranges_free(&a->todo);
	memset(a, 0, sizeof(*a));
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

bool session_sees(const struct mp_session *s, enum mp_feature f)
{
	return s->probes && mp_probes_rung(s->probes, f)->rung != MP_RUNG_ABSENT;
}

/* exec: another address space, nothing known of it. */
void audit_reset(struct mp_session *s, struct target *t)
{
	t->audit.active = false;
	suspicion_reset(&t->sus);
	t->sus.policy = s->policy;
	t->want_maps = t->want_all = true;
	t->next_maps = 0;
	t->blind = false;
	t->hunt.stage = HUNT_NONE;
	t->hunt.todo.n = 0;
	t->judge = (struct judge){ 0 };
}

/* --- where to look ------------------------------------------------------------------ */

/* The mapping table by which a scan leaves out what no counter counts: the fresh
 * one if there is one, else the model's. It is walked from an address on. */
struct space {
	const struct proc_maps *fresh;
	size_t i;
	const struct mp_model *m;
	const struct mp_proc *p;
	const struct mp_mapping *v;
};

struct area {
	uint64_t start, end;
	bool counts; /* its pages are in a counter of RSS             */
	bool hollow; /* address space put aside: walked if that is free */
};

static void space_seek(struct space *sp, uint64_t addr)
{
	size_t lo = 0, hi = sp->fresh ? sp->fresh->n : 0;

	while (lo < hi) { /* invariant: v[i].end <= addr for i < lo, > addr for i >= hi */
		size_t mid = lo + (hi - lo) / 2;

		if (sp->fresh->v[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	sp->i = lo;
	sp->v = sp->p ? maptab_above(sp->p, addr) : NULL;
}

static bool name_counts(const char *name)
{
	return strncmp(name, "[vvar", 5) && strncmp(name, "[vsyscall", 9);
}

static bool space_next(struct space *sp, struct area *r)
{
	const char *name = "";
	uint32_t bits;

	if (sp->fresh) {
		const struct proc_map *v = &sp->fresh->v[sp->i];

		if (sp->i++ >= sp->fresh->n)
			return false;
		*r = (struct area){ .start = v->start, .end = v->end };
		name = sp->fresh->names + v->name;
		bits = v->bits;
	} else {
		const struct mp_mapping *v = sp->v;

		if (!v)
			return false;
		sp->v = v->next;
		*r = (struct area){ .start = v->start, .end = v->end };
		if (v->cls == MP_CLS_SPECIAL)
			name = mp_str(sp->m, v->name);
		bits = v->bits;
	}
	r->counts = !(bits & MP_MAP_HUGETLB) && name_counts(name);
	r->hollow = !(bits & (MP_MAP_R | MP_MAP_W | MP_MAP_X)) && r->end - r->start >= HOLLOW;
	return true;
}

struct scanner {
	struct audit *a;
	struct space sp;
	int fd;
	uint64_t deadline; /* ns */
};

/* 1: time is over, run->start says where to go on; 0: done; -errno. */
static int scan_run(struct scanner *sc, struct area *run)
{
	while (run->start < run->end) {
		/* Terabytes put aside are passed in one step. */
		uint64_t step = run->hollow ? run->end - run->start : SLICE_BYTES;
		uint64_t stop = run->end - run->start > step ? run->start + step : run->end;
		int err = proc_ranges_add(&sc->a->scanned, run->start, stop);

		if (!err)
			err = proc_pages_scan(sc->fd, run->start, stop, &sc->a->runs);
		if (err)
			return err;
		run->start = stop;
		if (mp_monotonic_ns() >= sc->deadline)
			return 1;
	}
	return 0;
}

/*
 * The mappings of [*start, end) that count. Where holes cost nothing neighbours are
 * scanned in one go, with what lies between them: one call instead of hundreds.
 */
static int scan_range(struct scanner *sc, uint64_t *start, uint64_t end)
{
	bool sparse = proc_scan_is_sparse();
	struct area v, run = { 0 };
	bool joins = false;
	int r = 0;

	space_seek(&sc->sp, *start);
	while (!r && space_next(&sc->sp, &v) && v.start < end) {
		if (!v.counts || (v.hollow && !sparse)) {
			joins = false;
			continue;
		}
		v.start = v.start > *start ? v.start : *start;
		v.end = v.end < end ? v.end : end;
		if (joins && !v.hollow && v.start - run.end < HOLLOW &&
		    v.end - run.start <= SLICE_BYTES) {
			run.end = v.end;
			continue;
		}
		r = scan_run(sc, &run);
		if (r > 0)
			*start = run.start;
		else
			run = v;
		joins = sparse && !v.hollow;
	}
	if (!r && (r = scan_run(sc, &run)) > 0)
		*start = run.start;
	if (!r)
		*start = end;
	return r;
}

/* Works off a->todo; what time did not suffice for stays in it. */
static int scan(struct mp_session *s, struct target *t, uint64_t deadline)
{
	struct audit *a = &t->audit;
	struct scanner sc = { .a = a, .deadline = deadline, .fd = proc_pagemap_open(t->pid) };
	size_t i = 0, n = 0;
	int r = 0;

	if (sc.fd < 0)
		return sc.fd;
	sc.sp.m = s->model;
	sc.sp.p = mp_model_proc(s->model, t->mm);
	sc.sp.fresh = a->have_maps ? &a->maps : NULL;
	a->scanned.n = a->runs.n = 0;
	for (i = 0; i < a->todo.n && !r; i++)
		r = scan_range(&sc, &a->todo.v[i].start, a->todo.v[i].end);
	close(sc.fd);
	if (r < 0)
		return r;
	for (i = 0; i < a->todo.n; i++)
		if (a->todo.v[i].start < a->todo.v[i].end)
			a->todo.v[n++] = a->todo.v[i];
	a->todo.n = n;
	return 0;
}

/* --- when to look -------------------------------------------------------------------- */

static void earn(const struct mp_session *s, struct target *t, uint64_t now)
{
	uint64_t dt = now - t->credit_ts,
		 share = session_sees(s, MP_FEAT_FAULTS) ? HUNT_SHARE : SHARE;

	if (!t->credit_ts)
		dt = 1000000000000ULL; /* begins with all it may have */
	t->credit_ts = now;
	t->credit += (int64_t)(dt / SHARE);
	if (t->credit > (int64_t)CREDIT_MAX)
		t->credit = CREDIT_MAX;
	t->hunt.credit += (int64_t)(dt / share);
	if (t->hunt.credit > (int64_t)HUNT_MAX)
		t->hunt.credit = HUNT_MAX;
}

static bool maps_due(const struct mp_session *s, const struct target *t, uint64_t now)
{
	return t->want_maps && (now >= t->next_maps || s->settling);
}

static enum look look_due(const struct mp_session *s, const struct target *t)
{
	const struct mp_proc *p = mp_model_proc(s->model, t->mm);

	if (t->blind)
		return LOOK_NONE;
	if (t->want_all)
		return LOOK_ALL;
	if (!p || !p->maps_known)
		return LOOK_NONE;
	if (t->sus.now.n && (t->credit > 0 || s->settling))
		return LOOK_SUSPECTS;
	if (t->hunt.todo.n && t->hunt.credit > 0 && !s->settling)
		return LOOK_HUNT;
	return LOOK_NONE;
}

bool audit_wanted(struct mp_session *s, struct target *t, uint64_t now)
{
	earn(s, t, now);
	return maps_due(s, t, now) || look_due(s, t) != LOOK_NONE;
}

static int choose_ranges(struct target *t)
{
	struct audit *a = &t->audit;
	int err = 0;

	a->todo.n = 0;
	if (a->look == LOOK_ALL) {
		t->want_all = false;
		t->sus.now.n = 0;
		t->hunt.todo.n = 0;
		return proc_ranges_add(&a->todo, 0, SUSPECTS_END);
	}
	if (a->look == LOOK_SUSPECTS) {
		for (size_t i = 0; i < t->sus.now.n && !err; i++)
			err = proc_ranges_add(&a->todo, t->sus.now.v[i].start, t->sus.now.v[i].end);
		t->sus.now.n = 0;
	} else { /* the list changes hands, and what is left of it comes back */
		struct proc_ranges mine = a->todo;

		a->todo = t->hunt.todo;
		t->hunt.todo = mine;
	}
	return err;
}

/* What was not reached comes to its turn later. */
static void keep_rest(struct target *t)
{
	struct audit *a = &t->audit;

	if (a->look == LOOK_HUNT) {
		struct proc_ranges rest = a->todo;

		a->todo = t->hunt.todo;
		t->hunt.todo = rest;
		a->todo.n = 0;
		return;
	}
	for (size_t i = 0; i < a->todo.n; i++)
		suspects_add(&t->sus.now, a->todo.v[i].start, a->todo.v[i].end);
}

static void look_at_pages(struct mp_session *s, struct target *t)
{
	struct audit *a = &t->audit;
	uint64_t deadline = a->look == LOOK_ALL ? MP_UNKNOWN : a->t0 + SLICE_NS;
	int err;

	if (s->settling)
		deadline = s->deadline;
	err = choose_ranges(t);
	if (!err)
		err = scan(s, t, deadline);
	if (!err) {
		keep_rest(t);
		a->left_open = a->todo.n > 0 && a->look != LOOK_HUNT;
		return;
	}
	a->look = LOOK_NONE;
	if (err == -ESRCH) /* it has ended: an event will say so */
		return;
	t->blind = true;
	if (!s->notice[0])
		snprintf(s->notice, sizeof(s->notice),
			 "pages of %d not readable (%s): what is resident where is not known",
			 (int)t->pid,
			 err != -EACCES || (mp_caps_has(MP_CAP_SYS_PTRACE) &&
					    mp_caps_has(MP_CAP_DAC_READ_SEARCH))
				 ? strerror(-err)
				 : "needs CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH");
}

/* Reads now; applied when the events of this time are known. */
void audit_begin(struct mp_session *s, struct target *t)
{
	struct audit *a = &t->audit;
	uint64_t cpu = cpu_ns(), cpu_maps;

	a->t0 = mp_monotonic_ns();
	a->raced.n = a->scanned.n = a->runs.n = 0;
	a->vma_raced = a->maps_ok = a->left_open = false;
	a->have_maps = t->want_all || maps_due(s, t, a->t0);
	if (a->have_maps && proc_maps_read(t->pid, &a->maps))
		return;
	cpu_maps = cpu_ns();
	if (a->have_maps)
		a->maps_ns = cpu_maps - cpu;
	a->look = look_due(s, t);
	if (a->look != LOOK_NONE)
		look_at_pages(s, t);
	a->scan_ns = cpu_ns() - cpu_maps;
	a->t1 = mp_monotonic_ns();
	a->active = a->have_maps || a->look != LOOK_NONE;
	if (a->have_maps) {
		t->want_maps = t->sus.maps_wrong = t->sus.maps_nameless = false;
		t->maps_ts = a->t1;
		t->next_maps = a->t1 + MAPS_SOON_NS;
	}
}

/* --- what raced with the look ----------------------------------------------------------- */

static bool changes_vmas(const struct mp_event *e)
{
	return e->sub != MP_CALL_MADVISE && e->sub != MP_CALL_PROCESS_MADVISE;
}

static void race(struct audit *a, const struct mp_event *e)
{
	uint64_t from = e->ts, addr, len;

	if (e->type == MP_EV_FAULT) {
		from -= e->fault.span;
		addr = e->fault.addr;
		len = (uint64_t)e->x * MP_PAGE_SIZE;
	} else {
		if ((e->flags & MP_CALL_FAILED) && e->call.ret != -ENOMEM)
			return; /* it touched nothing */
		from -= e->call.dur;
		addr = e->call.addr;
		len = e->call.len > e->call.len2 ? e->call.len : e->call.len2;
	}
	if (e->type == MP_EV_CALL && e->sub == MP_CALL_BRK) {
		/* len2 is an address here: the old break */
		uint64_t old = e->call.len2, now = (uint64_t)e->call.ret;

		addr = old < now ? old : now;
		len = old < now ? now - old : old - now;
		if (!len)
			return;
	}
	/* A run's last time may be up to a jiffy early (bpf/fault.bpf.h). */
	if (e->ts + MP_JIFFY_NS < a->t0 || from > a->t1)
		return;
	proc_ranges_add(&a->raced, addr & ~(CHUNK - 1), (addr + len + CHUNK - 1) & ~(CHUNK - 1));
	if (e->type != MP_EV_CALL || !changes_vmas(e))
		return;
	a->vma_raced = true;
	if (e->sub == MP_CALL_MMAP || e->sub == MP_CALL_MREMAP) { /* the address it chose */
		addr = (uint64_t)e->call.ret;
		proc_ranges_add(&a->raced, addr & ~(CHUNK - 1),
				(addr + len + CHUNK - 1) & ~(CHUNK - 1));
	}
}

static int by_start(const void *x, const void *y)
{
	const struct proc_range *a = x, *b = y;

	return a->start < b->start ? -1 : a->start > b->start;
}

/* In order and disjoint, for is_raced(): a busy target leaves one for each event. */
static void race_order(struct proc_ranges *r)
{
	size_t n = 0;

	if (r->n)
		qsort(r->v, r->n, sizeof(*r->v), by_start);
	for (size_t i = 0; i < r->n; i++) {
		if (n && r->v[i].start <= r->v[n - 1].end) {
			if (r->v[i].end > r->v[n - 1].end)
				r->v[n - 1].end = r->v[i].end;
		} else {
			r->v[n++] = r->v[i];
		}
	}
	r->n = n;
}

static bool ends_mm(const struct mp_event *e)
{
	return e->type == MP_EV_TASK &&
	       (e->sub == MP_TASK_EXEC || e->sub == MP_TASK_EXIT || e->sub == MP_TASK_MM_EXIT);
}

/*
 * All events of the looks' times are waiting in the stream now: what did they touch?
 * One walk for all targets.
 */
void audit_check_races(struct mp_session *s)
{
	for (size_t i = s->stream.head; i < s->stream.n; i++) {
		const struct mp_event *e = &s->stream.v[i];
		struct target *t;

		if (e->type != MP_EV_FAULT && e->type != MP_EV_CALL && e->type != MP_EV_TASK)
			continue;
		t = session_target_of_mm(s, e->mm);
		if (!t || !t->audit.active)
			continue;
		if (e->type != MP_EV_TASK)
			race(&t->audit, e);
		else if (ends_mm(e) && e->ts >= t->audit.t0)
			t->audit.active = false; /* of an address space that is no more */
	}
	for (size_t i = 0; i < s->n_t; i++) {
		struct target *t = s->t[i];
		struct audit *a = &t->audit;

		race_order(&a->raced);
		if (!a->active || !a->have_maps)
			continue;
		a->tries = a->vma_raced ? a->tries + 1 : 0;
		a->maps_ok = !a->vma_raced || a->tries > RACES_MAX;
		if (!a->maps_ok)
			t->want_maps = true;
	}
}

/* --- applying mappings -------------------------------------------------------------------- */

static int emit_maps(struct mp_session *s, struct target *t)
{
	struct audit *a = &t->audit;
	struct mp_event e = { .ts = a->t1, .type = MP_EV_MAP, .sub = MP_MAP_BEGIN, .mm = t->mm };
	int err = session_apply(s, &e);

	for (size_t i = 0; i < a->maps.n && !err; i++) {
		const struct proc_map *v = &a->maps.v[i];

		e.sub = MP_MAP_LINE;
		e.ts = a->t1;
		e.x = v->bits;
		e.map.start = v->start;
		e.map.end = v->end;
		e.map.off = v->off;
		e.map.ino = v->ino;
		e.map.dev = (uint64_t)v->dev_major << 20 | v->dev_minor;
		/* Folded at once: the mapping's class depends on its name. */
		e.map.name =
			stream_str_to(&s->stream, a->maps.names + v->name, a->t1, session_emit, s);
		err = session_apply(s, &e);
	}
	memset(e.v, 0, sizeof(e.v));
	e.x = 0;
	e.ts = a->t1;
	e.sub = MP_MAP_END;
	return err ? err : session_apply(s, &e);
}

static uint64_t dev_of(const struct proc_map *v)
{
	return (uint64_t)v->dev_major << 20 | v->dev_minor;
}

static bool same_range(const struct proc_map *v, const struct mp_mapping *w)
{
	return v->start == w->start && v->end == w->end && v->bits == w->bits;
}

static bool same_file(const struct mp_session *s, const struct proc_maps *m,
		      const struct proc_map *v, const struct mp_mapping *w)
{
	return (!(v->bits & MP_MAP_FILE) || v->off == w->off) && v->ino == w->ino &&
	       dev_of(v) == w->dev && !strcmp(m->names + v->name, mp_str(s->model, w->name));
}

/*
 * Does the snapshot say anything new? Where it has a mapping that the model has not,
 * or as something else, events were folded by wrong rules: suspect.
 */
static bool maps_differ(struct mp_session *s, struct target *t, const struct mp_proc *p)
{
	const struct proc_maps *m = &t->audit.maps;
	bool differ = !p->maps_known || p->n_maps != m->n || p->orphan_pages;
	const struct mp_mapping *w = p->maps;

	for (size_t i = 0; i < m->n; i++) {
		const struct proc_map *v = &m->v[i];

		while (w && w->start < v->start)
			w = w->next;
		if (!w || !same_range(v, w)) {
			differ = true;
			if (p->maps_known && v->end < SUSPECTS_END && t->audit.look != LOOK_ALL)
				suspects_add(&t->sus.now, v->start, v->end);
		} else if (!differ) {
			differ = !same_file(s, m, v, w);
		}
	}
	return differ;
}

static int apply_maps(struct mp_session *s, struct target *t, const struct mp_proc *p)
{
	uint64_t cpu = cpu_ns(), pause;
	int err = 0;

	if (maps_differ(s, t, p)) {
		err = emit_maps(s, t);
		s->looks.snapshots++;
	}
	pause = (t->audit.maps_ns + cpu_ns() - cpu) * SHARE;
	if (t->next_maps < t->audit.t1 + pause)
		t->next_maps = t->audit.t1 + pause;
	t->vma_calls = p->vma_calls;
	return err;
}

/* --- applying pages ------------------------------------------------------------------------- */

/* A 2 MiB chunk as bits, once as scanned and once as the model has it. */
struct bits {
	uint64_t base;
	uint64_t w[CHUNK / MP_PAGE_SIZE / 64];
	bool huge;
};

static int set_bits(void *ctx, uint64_t addr, uint64_t len)
{
	struct bits *b = ctx;
	uint64_t p = (addr - b->base) / MP_PAGE_SIZE, end = p + len / MP_PAGE_SIZE;

	while (p < end) {
		uint64_t stop = (p | 63) + 1 < end ? (p | 63) + 1 : end;
		uint64_t ones = stop - p == 64 ? ~0ULL : (1ULL << (stop - p)) - 1;

		b->w[p / 64] |= ones << p % 64;
		p = stop;
	}
	return 0;
}

static int set_huge(void *ctx, uint64_t addr, uint64_t len)
{
	(void)addr;
	(void)len;
	((struct bits *)ctx)->huge = true;
	return 0;
}

static bool is_raced(const struct audit *a, uint64_t addr, uint64_t end)
{
	size_t lo = 0, hi = a->raced.n;

	while (lo < hi) { /* the first that ends above addr; race_order() made them disjoint */
		size_t mid = lo + (hi - lo) / 2;

		if (a->raced.v[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < a->raced.n && a->raced.v[lo].start < end;
}

static int pages_event(struct mp_session *s, struct target *t, uint8_t op, uint64_t addr,
		       uint64_t end, bool huge)
{
	struct mp_event e = { .ts = t->audit.t1, .type = MP_EV_PAGES, .sub = op, .mm = t->mm };

	e.flags = huge ? MP_PAGES_HUGE : 0;
	e.pages.addr = addr;
	e.pages.len = end - addr;
	return session_apply(s, &e);
}

/* Where huge pages are, or pages that no event told of, more may come. */
static void learn_huge(struct target *t, const struct mp_proc *p, const struct bits *seen,
		       const struct bits *have)
{
	const struct mp_mapping *v = mp_proc_find(p, seen->base);
	bool more = false;

	if (v && mp_map_kind(v) != MP_KIND_ANON)
		return;
	for (size_t i = 0; i < sizeof(seen->w) / sizeof(seen->w[0]); i++)
		more |= (seen->w[i] & ~have->w[i]) != 0;
	if (seen->huge || (more && t->audit.look == LOOK_HUNT))
		suspects_add(&t->sus.huge, seen->base, seen->base + CHUNK);
}

/* Tells each run of ones among the words as an event. */
static int tell_runs(struct mp_session *s, struct target *t, uint8_t op, const uint64_t *w,
		     uint64_t base)
{
	const unsigned n = CHUNK / MP_PAGE_SIZE;
	unsigned i = 0, from;
	int err = 0;

	while (i < n && !err) {
		if (!(w[i / 64] >> i % 64)) {
			i = (i | 63) + 1;
			continue;
		}
		while (!(w[i / 64] >> i % 64 & 1))
			i++;
		from = i;
		while (i < n && w[i / 64] >> i % 64 & 1)
			i++;
		err = pages_event(s, t, op, base + from * MP_PAGE_SIZE, base + i * MP_PAGE_SIZE,
				  false);
	}
	return err;
}

static bool is_full(const struct bits *b)
{
	for (size_t i = 0; i < sizeof(b->w) / sizeof(b->w[0]); i++)
		if (~b->w[i])
			return false;
	return true;
}

/* What the scan found otherwise than the model has it, and nothing else. */
static int tell_piece(struct mp_session *s, struct target *t, const struct bits *seen,
		      const struct bits *have)
{
	struct bits gone = { 0 }, come = { 0 };
	int err;

	/* All of it came at once: one event, or nobody knows which fault brought it. */
	if (seen->huge && is_full(seen))
		return pages_event(s, t, MP_PAGES_RESIDENT, seen->base, seen->base + CHUNK, true);
	for (size_t i = 0; i < sizeof(seen->w) / sizeof(seen->w[0]); i++) {
		gone.w[i] = have->w[i] & ~seen->w[i];
		come.w[i] = seen->w[i] & ~have->w[i];
	}
	err = tell_runs(s, t, MP_PAGES_ABSENT, gone.w, seen->base);
	if (!err)
		err = tell_runs(s, t, MP_PAGES_RESIDENT, come.w, seen->base);
	/* Split with all pages left: the same pages, otherwise mapped. */
	if (!err && have->huge && is_full(seen))
		err = pages_event(s, t, MP_PAGES_RESIDENT, seen->base, seen->base + CHUNK, false);
	return err;
}

/*
 * One piece [addr, end) of a chunk. *k is the first run that ends above addr.
 * Nothing is said where scan and model agree: the recording stays small.
 */
static int apply_piece(struct mp_session *s, struct target *t, const struct mp_proc *p,
		       uint64_t addr, uint64_t end, size_t *k)
{
	struct audit *a = &t->audit;
	struct bits seen = { .base = addr & ~(CHUNK - 1) }, have = { .base = seen.base };
	size_t first = *k;

	while (first < a->runs.n && a->runs.v[first].end <= addr)
		first++;
	*k = first;
	for (size_t i = first; i < a->runs.n && a->runs.v[i].start < end; i++) {
		struct proc_range r = a->runs.v[i];

		r.start = r.start > addr ? r.start : addr;
		r.end = r.end < end ? r.end : end;
		set_bits(&seen, r.start, r.end - r.start);
		seen.huge |= r.huge && r.end - r.start == CHUNK;
	}
	mp_pageset_runs(p->pages, addr, end - addr, MP_PGS_RESIDENT, set_bits, &have);
	mp_pageset_huge_runs(p->pages, addr, end - addr, set_huge, &have);
	if (!memcmp(seen.w, have.w, sizeof(seen.w)) && seen.huge == have.huge)
		return 0;
	if (is_raced(a, addr, end)) {
		suspects_add(&t->sus.now, addr, end);
		a->left_open = true;
		return 0;
	}
	learn_huge(t, p, &seen, &have);
	t->hunt.moved = true;
	return tell_piece(s, t, &seen, &have);
}

/* Empty stretches are long: skip what neither side has pages in. */
static uint64_t skip_empty(const struct audit *a, const struct mp_proc *p, uint64_t addr,
			   uint64_t end, size_t k)
{
	uint64_t next = end;

	while (k < a->runs.n && a->runs.v[k].end <= addr)
		k++;
	if (k < a->runs.n && a->runs.v[k].start < end)
		next = a->runs.v[k].start > addr ? a->runs.v[k].start : addr;
	next &= ~(CHUNK - 1);
	if (next <= addr || mp_pageset_count(p->pages, addr, next - addr))
		return addr;
	return next;
}

static int apply_pages(struct mp_session *s, struct target *t, const struct mp_proc *p)
{
	struct audit *a = &t->audit;
	size_t k = 0;
	int err = 0;

	for (size_t i = 0; i < a->scanned.n && !err; i++) {
		uint64_t addr = a->scanned.v[i].start, end = a->scanned.v[i].end;

		while (addr < end && !err) {
			uint64_t stop;

			addr = skip_empty(a, p, addr, end, k);
			stop = (addr & ~(CHUNK - 1)) + CHUNK;
			if (stop > end)
				stop = end;
			err = apply_piece(s, t, p, addr, stop, &k);
			addr = stop;
		}
	}
	return err;
}

static void pay(struct mp_session *s, struct target *t, uint64_t cpu)
{
	struct audit *a = &t->audit;
	uint64_t cost = a->scan_ns + cpu;

	s->looks.ns += cost;
	if (a->look == LOOK_ALL)
		t->whole_ns = a->scan_ns;
	if (a->look == LOOK_ALL) {
		s->looks.whole++;
	} else if (a->look == LOOK_SUSPECTS) {
		s->looks.suspects++;
		t->credit -= (int64_t)cost;
	} else {
		s->looks.hunts++;
		t->hunt.credit -= (int64_t)cost;
	}
}

int audit_apply(struct mp_session *s, struct target *t)
{
	struct audit *a = &t->audit;
	const struct mp_proc *p = mp_model_proc(s->model, t->mm);
	uint64_t cpu;
	int err = 0;

	a->active = false;
	if (a->have_maps && a->maps_ok && p)
		err = apply_maps(s, t, p);
	p = mp_model_proc(s->model, t->mm);
	if (err || !p || a->look == LOOK_NONE)
		return err;
	cpu = cpu_ns();
	err = apply_pages(s, t, p);
	pay(s, t, cpu_ns() - cpu);
	t->judge.open = false; /* of before */
	t->judge.bad = 0;
	t->settled = !a->left_open && !t->want_maps;
	if (a->look == LOOK_HUNT && !t->hunt.todo.n)
		t->hunt.raced |= a->left_open;
	return err;
}
