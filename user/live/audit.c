/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * audit.c - looks at /proc that keep the model true: mappings after calls that
 * change them, pages where events cannot account for residency (huge pages,
 * fault-around, populate, reclaim, what was there before we came).
 *
 * A look takes time while the target runs. It is folded in at the instant it
 * ended, and only where no event of that time touched the same pages. Its cost
 * is bounded: a scan that took d is not repeated before 50 d have passed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/shared.h"
#include "user/live/session_int.h"
#include "user/model/pageset.h"
#include "user/util/util.h"

#define MAPS_EVERY_NS 1000000000ULL
#define SCAN_EVERY_NS 200000000ULL
#define SCAN_COST     50 /* a scan may take 1/50 of the time */
#define RACES_MAX     20 /* after so many raced snapshots take one as it is */
#define CHUNK	      (2ULL << 20)
#define HOLLOW	      (1ULL << 30) /* inaccessible mappings from here on are reservations */

void audit_drop(struct audit *a)
{
	proc_maps_free(&a->maps);
	free(a->scanned.v);
	free(a->runs.v);
	free(a->raced.v);
	memset(a, 0, sizeof(*a));
}

/* Pages that no counter counts: [vvar], [vsyscall]. */
static bool counts_in_rss(const struct proc_maps *m, const struct proc_map *v)
{
	const char *name = m->names + v->name;

	return strncmp(name, "[vvar", 5) && strncmp(name, "[vsyscall", 9) &&
	       strncmp(name, "/anon_hugepage", 14);
}

static int scan(struct target *t, struct audit *a)
{
	int fd = proc_pagemap_open(t->pid), err = 0;
	uint64_t from = mp_monotonic_ns();

	if (fd < 0)
		return fd;
	a->scanned.n = a->runs.n = 0;
	for (size_t i = 0; i < a->maps.n && !err; i++) {
		const struct proc_map *v = &a->maps.v[i];
		bool hollow = !(v->bits & (MP_MAP_R | MP_MAP_W | MP_MAP_X)) &&
			      v->end - v->start >= HOLLOW;

		if (hollow || !counts_in_rss(&a->maps, v))
			continue;
		err = proc_ranges_add(&a->scanned, v->start, v->end);
		if (!err)
			err = proc_pages_scan(fd, v->start, v->end, &a->runs);
	}
	close(fd);
	t->scan_ns = mp_monotonic_ns() - from;
	return err;
}

/* Reads now; applied when the events of this time are known. */
void audit_begin(struct mp_session *s, struct target *t)
{
	struct audit *a = &t->audit;
	bool pages = t->want_pages;
	int err = 0;

	a->t0 = mp_monotonic_ns();
	a->raced.n = 0;
	a->vma_raced = false;
	a->maps_ok = false;
	if (proc_maps_read(t->pid, &a->maps))
		return;
	a->pages = pages && !(err = scan(t, a));
	if (err && !s->notice[0])
		snprintf(s->notice, sizeof(s->notice),
			 "pages of %d not readable (%s): what is resident where is not known",
			 (int)t->pid, strerror(-err));
	a->t1 = mp_monotonic_ns();
	a->active = true;
	t->want_maps = false;
	t->next_maps = a->t1 + MAPS_EVERY_NS;
	if (pages) {
		uint64_t pause = t->scan_ns * SCAN_COST;

		t->want_pages = false;
		t->next_pages = a->t1 + (pause > SCAN_EVERY_NS ? pause : SCAN_EVERY_NS);
	}
}

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

static bool ends_mm(const struct mp_event *e)
{
	return e->type == MP_EV_TASK &&
	       (e->sub == MP_TASK_EXEC || e->sub == MP_TASK_EXIT || e->sub == MP_TASK_MM_EXIT);
}

/* All events of [t0, t1] are waiting in the stream now: what did they touch? */
void audit_check_races(struct mp_session *s, struct target *t)
{
	struct audit *a = &t->audit;

	for (size_t i = s->stream.head; i < s->stream.n; i++) {
		const struct mp_event *e = &s->stream.v[i];

		if (e->mm != t->mm)
			continue;
		if (e->type == MP_EV_FAULT || e->type == MP_EV_CALL)
			race(a, e);
		else if (ends_mm(e) && e->ts >= a->t0)
			a->active = false; /* of an address space that is no more */
	}
	a->tries = a->vma_raced ? a->tries + 1 : 0;
	a->maps_ok = !a->vma_raced || a->tries > RACES_MAX;
	if (!a->maps_ok)
		t->want_maps = true;
}

/* --- applying ---------------------------------------------------------------------- */

static int emit_apply(void *ctx, struct mp_event *e)
{
	return session_apply(ctx, e);
}

static int apply_maps(struct mp_session *s, struct target *t)
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
			stream_str_to(&s->stream, a->maps.names + v->name, a->t1, emit_apply, s);
		err = session_apply(s, &e);
	}
	memset(e.v, 0, sizeof(e.v));
	e.x = 0;
	e.ts = a->t1;
	e.sub = MP_MAP_END;
	return err ? err : session_apply(s, &e);
}

/* A 2 MiB chunk as bits, once as scanned and once as the model has it. */
struct bits {
	uint64_t base;
	uint64_t w[CHUNK / MP_PAGE_SIZE / 64];
};

static int set_bits(void *ctx, uint64_t addr, uint64_t len)
{
	struct bits *b = ctx;

	for (uint64_t p = (addr - b->base) / MP_PAGE_SIZE, n = len / MP_PAGE_SIZE; n; p++, n--)
		b->w[p / 64] |= 1ULL << p % 64;
	return 0;
}

static bool is_raced(const struct audit *a, uint64_t addr, uint64_t end)
{
	for (size_t i = 0; i < a->raced.n; i++)
		if (addr < a->raced.v[i].end && end > a->raced.v[i].start)
			return true;
	return false;
}

static int pages_event(struct mp_session *s, struct target *t, uint8_t op, uint64_t addr,
		       uint64_t len)
{
	struct mp_event e = { .ts = t->audit.t1, .type = MP_EV_PAGES, .sub = op, .mm = t->mm };

	e.pages.addr = addr;
	e.pages.len = len;
	return session_apply(s, &e);
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
	int err;

	while (first < a->runs.n && a->runs.v[first].end <= addr)
		first++;
	*k = first;
	for (size_t i = first; i < a->runs.n && a->runs.v[i].start < end; i++) {
		uint64_t from = a->runs.v[i].start > addr ? a->runs.v[i].start : addr;
		uint64_t to = a->runs.v[i].end < end ? a->runs.v[i].end : end;

		set_bits(&seen, from, to - from);
	}
	mp_pageset_runs(p->pages, addr, end - addr, 0, set_bits, &have);
	if (!memcmp(seen.w, have.w, sizeof(seen.w)) || is_raced(a, addr, end))
		return 0;
	err = pages_event(s, t, MP_PAGES_ABSENT, addr, end - addr);
	for (size_t i = first; i < a->runs.n && a->runs.v[i].start < end && !err; i++) {
		uint64_t from = a->runs.v[i].start > addr ? a->runs.v[i].start : addr;
		uint64_t to = a->runs.v[i].end < end ? a->runs.v[i].end : end;

		err = pages_event(s, t, MP_PAGES_RESIDENT, from, to - from);
	}
	return err;
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

static int apply_pages(struct mp_session *s, struct target *t)
{
	const struct mp_proc *p = mp_model_proc(s->model, t->mm);
	struct audit *a = &t->audit;
	size_t k = 0;
	int err = 0;

	for (size_t i = 0; p && i < a->scanned.n && !err; i++) {
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

int audit_apply(struct mp_session *s, struct target *t)
{
	struct audit *a = &t->audit;
	const struct mp_proc *p;
	int err = 0;

	a->active = false;
	if (a->maps_ok)
		err = apply_maps(s, t);
	if (!err && a->pages)
		err = apply_pages(s, t);
	p = mp_model_proc(s->model, t->mm);
	if (p && a->maps_ok)
		t->vma_calls = p->vma_calls;
	if (p && a->pages && !a->raced.n && p->rss_known) {
		/* What a clean scan leaves different, scanning again will not mend
		 * (per-thread counter caches up to 6.1). */
		t->accepted = (int64_t)mp_pageset_total(p->pages) -
			      (int64_t)(mp_proc_rss(p) / MP_PAGE_SIZE);
	}
	return err;
}

/* Without a hook on calls nothing tells that mappings changed: look, once a second. */
static bool sees_calls(const struct mp_session *s)
{
	return s->probes && mp_probes_rung(s->probes, MP_FEAT_CALLS)->rung != MP_RUNG_ABSENT;
}

/*
 * After a poll: does the model still count what the kernel counts? Twice in a
 * row different means that events cannot account for it.
 */
void audit_judge(struct mp_session *s, struct target *t)
{
	const struct mp_proc *p = mp_model_proc(s->model, t->mm);
	int64_t diff;

	if (!p || !p->rss_known || t->gone)
		return;
	if (p->vma_calls != t->vma_calls || !p->maps_known || !sees_calls(s))
		t->want_maps = true;
	diff = (int64_t)mp_pageset_total(p->pages) - (int64_t)(mp_proc_rss(p) / MP_PAGE_SIZE);
	if (diff == 0 || diff == t->accepted)
		t->mismatch = 0;
	else if (++t->mismatch >= 2)
		t->want_pages = true;
}
