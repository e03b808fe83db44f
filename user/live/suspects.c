/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * suspects.c - see suspects.h.
 */
#include "user/live/suspects.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* Newer than Debian 12's headers: include/uapi/asm-generic/mman-common.h */
#define ADV_FREE	   8
#define ADV_HUGEPAGE	   14
#define ADV_NOHUGEPAGE	   15
#define ADV_COLD	   20
#define ADV_PAGEOUT	   21
#define ADV_POPULATE_READ  22
#define ADV_POPULATE_WRITE 23
#define ADV_COLLAPSE	   25
#define ADV_GUARD_INSTALL  102

#define RWX (MP_MAP_R | MP_MAP_W | MP_MAP_X)

static uint64_t chunk_down(uint64_t a)
{
	return a & ~(SUSPECT_CHUNK - 1);
}

static uint64_t chunk_up(uint64_t a)
{
	return a >= SUSPECTS_END ? SUSPECTS_END : chunk_down(a + SUSPECT_CHUNK - 1);
}

/* --- the list ------------------------------------------------------------------- */

/* Index of the first range that ends at or above `start` (one it touches counts). */
static size_t lower(const struct suspects *s, uint64_t start)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) { /* invariant: v[i].end < start for i < lo, >= start for i >= hi */
		size_t mid = lo + (hi - lo) / 2;

		if (s->v[mid].end < start)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Makes room for half as many again: gaps are closed, the smallest first. */
static void join_near(struct suspects *s)
{
	for (uint64_t gap = SUSPECT_CHUNK; s->n > SUSPECTS_MAX / 2; gap *= 4) {
		size_t n = 1;

		for (size_t i = 1; i < s->n; i++) {
			if (s->v[i].start - s->v[n - 1].end <= gap)
				s->v[n - 1].end = s->v[i].end;
			else
				s->v[n++] = s->v[i];
		}
		s->n = n;
	}
}

void suspects_add(struct suspects *s, uint64_t start, uint64_t end)
{
	size_t i, k;

	start = chunk_down(start);
	end = chunk_up(end);
	if (start >= end)
		return;
	i = s->last;
	if (i < s->n && s->v[i].start <= start && s->v[i].end >= end)
		return;
	if (s->n == SUSPECTS_MAX)
		join_near(s);
	i = lower(s, start);
	for (k = i; k < s->n && s->v[k].start <= end; k++) {
		if (s->v[k].start < start)
			start = s->v[k].start;
		if (s->v[k].end > end)
			end = s->v[k].end;
	}
	/* ranges [i, k) become one */
	memmove(s->v + i + 1, s->v + k, (s->n - k) * sizeof(s->v[0]));
	s->n = s->n - (k - i) + 1;
	s->v[i].start = start;
	s->v[i].end = end;
	s->last = i;
}

bool suspects_meet(const struct suspects *s, uint64_t start, uint64_t end)
{
	size_t i = lower(s, start + 1);

	return i < s->n && s->v[i].start < end;
}

/* --- faults ----------------------------------------------------------------------- */

/* Can a fault at [start, end) in this private anonymous mapping bring more pages? */
static bool may_be_huge(const struct suspicion *s, const struct mp_mapping *v, uint64_t start,
			uint64_t end)
{
	if (s->policy.large_always)
		return true;
	if (s->policy.huge_always) {
		/* A huge page lies whole in its mapping. */
		uint64_t from = chunk_down(start), to = chunk_up(end);

		if (from < v->start)
			from += SUSPECT_CHUNK;
		if (to > v->end)
			to -= SUSPECT_CHUNK;
		if (from < to)
			return true;
	}
	return s->huge.n && suspects_meet(&s->huge, start, end);
}

/*
 * Does a fault in this mapping leave open which pages are there now? Fault-around
 * and large folios bring what the page cache has; only the write to a page of a
 * private file mapping makes exactly one page (do_cow_fault in mm/memory.c).
 */
static bool fault_is_open(const struct suspicion *s, const struct mp_mapping *v, uint8_t kind,
			  uint64_t start, uint64_t end)
{
	bool write = kind & MP_FAULT_WRITE, nokind = kind & MP_FAULT_NOKIND;

	if (v->bits & MP_MAP_HUGETLB)
		return false;
	/* Refused by the protection, or that has changed unseen (pkey_mprotect). */
	if (!(v->bits & RWX) || (write && !(v->bits & MP_MAP_W)))
		return true;
	switch (mp_map_kind(v)) {
	case MP_KIND_ANON:
		/* What is not known to be a store may have been a load: the zero page. */
		return nokind || may_be_huge(s, v, start, end);
	case MP_KIND_FILE_PRIVATE:
		return !write || (s->huge.n && suspects_meet(&s->huge, start, end));
	default:
		return true;
	}
}

static void note_fault(struct suspicion *s, const struct mp_proc *p, const struct mp_event *e)
{
	uint64_t addr = e->fault.addr, end = addr + (uint64_t)e->x * MP_PAGE_SIZE;

	suspects_add(&s->recent, addr, end);
	while (addr < end) {
		const struct mp_mapping *v = mp_proc_find(p, addr);
		uint64_t stop = v && v->end < end ? v->end : end;

		if (!v) { /* a mapping nobody told of, or none at all */
			suspects_add(&s->now, addr, end);
			s->maps_wrong = true;
			return;
		}
		if (fault_is_open(s, v, e->sub, addr, stop))
			suspects_add(&s->now, addr, stop);
		addr = stop;
	}
}

/* --- calls ---------------------------------------------------------------------------- */

struct reach {
	uint64_t start, end, start2, end2; /* what a call may have touched */
};

static struct reach call_reach(const struct mp_event *e)
{
	uint64_t len = e->call.len, ret = (uint64_t)e->call.ret;
	bool failed = e->flags & MP_CALL_FAILED;
	struct reach r = { e->call.addr, e->call.addr + len, 0, 0 };

	switch (e->sub) {
	case MP_CALL_MMAP:
		if (!failed) {
			r.start = ret;
			r.end = ret + len;
		}
		break;
	case MP_CALL_MREMAP:
		if (!failed) {
			r.start2 = ret;
			r.end2 = ret + e->call.len2;
		}
		break;
	case MP_CALL_BRK:
		r.start = e->call.len2 < ret ? e->call.len2 : ret;
		r.end = e->call.len2 < ret ? ret : e->call.len2;
		break;
	case MP_CALL_MLOCKALL:
		r.start = 0;
		r.end = SUSPECTS_END;
		break;
	default:
		break;
	}
	return r;
}

static bool advice_populates(uint32_t advice)
{
	return advice == ADV_POPULATE_READ || advice == ADV_POPULATE_WRITE ||
	       advice == ADV_COLLAPSE;
}

static bool advice_drops(uint32_t advice)
{
	return advice == MADV_DONTNEED || advice == MADV_REMOVE || advice == ADV_PAGEOUT ||
	       advice == 24 /* DONTNEED_LOCKED */ || advice == 102 /* GUARD_INSTALL */;
}

/* What the call did to pages beyond what the fold knows, when the counters do not
 * say that it was nothing. */
static bool call_is_open(const struct suspicion *s, const struct mp_event *e, const struct reach *r)
{
	bool failed = e->flags & MP_CALL_FAILED;
	uint32_t flags = MP_MMAP_FLAGS(e->x);

	switch (e->sub) {
	case MP_CALL_MMAP:
		if (failed) /* what was there may have been unmapped before it failed */
			return flags & MAP_FIXED;
		return s->lock_future || (flags & (MAP_POPULATE | MAP_LOCKED));
	case MP_CALL_MREMAP:
		return failed ? e->call.ret == -ENOMEM || e->call.ret == -EINTR : s->locked;
	case MP_CALL_BRK:
		return s->locked && !failed;
	case MP_CALL_MADVISE:
	case MP_CALL_PROCESS_MADVISE:
		if (advice_populates(e->x) || e->x == ADV_PAGEOUT || (failed && advice_drops(e->x)))
			return true;
		/* Splitting a huge page can take zero-filled pages out of RSS (6.12). */
		return (advice_drops(e->x) || e->x == ADV_COLD || e->x == ADV_FREE) && s->huge.n &&
		       suspects_meet(&s->huge, r->start, r->end);
	case MP_CALL_MLOCK:
	case MP_CALL_MLOCKALL:
	case MP_CALL_REMAP_FILE:
		return true;
	case MP_CALL_MUNMAP:
		return failed && e->call.ret != -EINVAL;
	default:
		return false;
	}
}

/* Calls that the fold of mappings does not follow, or not to the end. */
static void note_maps(struct suspicion *s, const struct mp_proc *p, const struct mp_event *e)
{
	bool failed = e->flags & MP_CALL_FAILED;
	uint32_t flags = MP_MMAP_FLAGS(e->x);
	const struct mp_mapping *v;

	switch (e->sub) {
	case MP_CALL_MMAP:
		if (failed ? flags & MAP_FIXED : flags & (MAP_HUGETLB | MAP_GROWSDOWN))
			s->maps_wrong = true;
		else if (!failed && (!(flags & MAP_ANONYMOUS) || flags & MAP_SHARED))
			s->maps_nameless = true; /* shared memory has a file without a path */
		break;
	case MP_CALL_MREMAP:
		v = failed ? NULL : mp_proc_find(p, (uint64_t)e->call.ret);
		/* More than one mapping moved at once (6.17), or the fold knew none. */
		if (failed || !v || v->end < (uint64_t)e->call.ret + e->call.len2)
			s->maps_wrong = true;
		break;
	case MP_CALL_BRK:
		v = failed ? NULL : mp_proc_find(p, (uint64_t)e->call.ret - 1);
		if (v && !v->name) /* the first break: [heap], which only /proc says */
			s->maps_nameless = true;
		break;
	case MP_CALL_MPROTECT:
	case MP_CALL_MUNMAP:
		if (failed && e->call.ret != -EINVAL)
			s->maps_wrong = true;
		break;
	case MP_CALL_SHMAT:
	case MP_CALL_SHMDT:
	case MP_CALL_REMAP_FILE:
		s->maps_wrong = true;
		break;
	default:
		break;
	}
}

static void note_modes(struct suspicion *s, const struct mp_event *e, const struct reach *r)
{
	if (e->flags & MP_CALL_FAILED)
		return;
	if (e->sub == MP_CALL_MLOCKALL && (e->x & MCL_FUTURE))
		s->lock_future = true;
	if (e->sub == MP_CALL_MLOCK || e->sub == MP_CALL_MLOCKALL ||
	    (e->sub == MP_CALL_MMAP && (MP_MMAP_FLAGS(e->x) & MAP_LOCKED)))
		s->locked = true;
	if ((e->sub == MP_CALL_MADVISE || e->sub == MP_CALL_PROCESS_MADVISE) &&
	    (e->x == ADV_HUGEPAGE || e->x == ADV_COLLAPSE || e->x == ADV_GUARD_INSTALL))
		suspects_add(&s->huge, r->start, r->end);
}

static void note_call(struct suspicion *s, const struct mp_proc *p, const struct mp_event *e,
		      int64_t grew)
{
	struct reach r = call_reach(e);
	int64_t moved = (int64_t)e->call.d_anon + e->call.d_file + e->call.d_shmem;
	/* The delta of several ranges goes with the first event of process_madvise. */
	bool alone = !(e->flags & (MP_CALL_NO_DELTA | MP_CALL_SHARED | MP_CALL_FAULTED)) &&
		     e->sub != MP_CALL_PROCESS_MADVISE;

	note_modes(s, e, &r);
	note_maps(s, p, e);
	if (e->sub != MP_CALL_MLOCKALL)
		suspects_add(&s->recent, r.start, r.end);
	suspects_add(&s->recent, r.start2, r.end2);
	if ((alone && moved == grew) || !call_is_open(s, e, &r))
		return;
	suspects_add(&s->now, r.start, r.end);
	suspects_add(&s->now, r.start2, r.end2);
}

void suspicion_note(struct suspicion *s, const struct mp_proc *p, const struct mp_event *e,
		    int64_t grew)
{
	if (e->type == MP_EV_FAULT)
		note_fault(s, p, e);
	else if (e->type == MP_EV_CALL && e->sub && e->sub < MP_CALL_MAX)
		note_call(s, p, e, grew);
}

void suspicion_reset(struct suspicion *s)
{
	*s = (struct suspicion){ .policy = s->policy };
}

/* --- the judge -------------------------------------------------------------------------- */

/* By how much `got` lies outside of [lo, hi], seen from the model: above 0 when the
 * model has more than the kernel. */
static int64_t outside(uint64_t lo, uint64_t hi, uint64_t got)
{
	if (got < lo)
		return (int64_t)(lo - got);
	return got > hi ? -(int64_t)(got - hi) : 0;
}

void judge_diff(const struct mp_proc *p, int64_t diff[JUDGE_N])
{
	const uint64_t *k = p->kind_pages;
	uint64_t any = k[MP_KIND_UNTOLD] + p->orphan_pages;
	uint64_t total = any;

	for (int i = 0; i < MP_KIND_MAX; i++)
		total += i == MP_KIND_UNTOLD ? 0 : k[i];
	diff[JUDGE_TOTAL] = (int64_t)total - (int64_t)(p->rss.anon + p->rss.file + p->rss.shmem);
	diff[JUDGE_ANON] =
		outside(k[MP_KIND_ANON],
			k[MP_KIND_ANON] + k[MP_KIND_FILE_PRIVATE] + k[MP_KIND_SHMEM_PRIVATE] + any,
			p->rss.anon);
	diff[JUDGE_FILE] = outside(k[MP_KIND_FILE], k[MP_KIND_FILE] + k[MP_KIND_FILE_PRIVATE] + any,
				   p->rss.file);
	diff[JUDGE_SHMEM] = outside(
		k[MP_KIND_SHMEM], k[MP_KIND_SHMEM] + k[MP_KIND_SHMEM_PRIVATE] + any, p->rss.shmem);
}
