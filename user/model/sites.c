/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sites.c - what calls gave back, by the place that made them: asked against
 * released, and what was touched again how soon.
 *
 * A page that a call dropped (or that MADV_FREE left to the kernel) carries a tag in
 * the page set: when, and which row of the table. So a fault on it, however much
 * later, is counted where the release was made. Must not: change residency.
 *
 *   tag: time (40 bits, units of 2^20 ns: 1.05 ms) | row + 1 (16) | taken (8)
 *
 * `taken` is 0 for what a call dropped. Lazy pages that a scan finds gone were taken by
 * the kernel: 1 + the number of that scan modulo 255. A scan says "absent" for a range
 * first and then what is resident in it; the number is how the second can revoke the
 * first.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "user/model/internal.h"
#include "user/model/maptab.h"
#include "user/util/util.h"

#define RELEASES_MAX 1024u /* rows; the last slots go to rows without a stack */
#define ROWS_SPARE   64u
#define HOLLOW_MAX   65536u /* about 16 MiB that only remember drops */
#define TIME_SHIFT   20
#define TIME_MASK    ((1ULL << 40) - 1)

static uint64_t tag_make(uint64_t ts, size_t row, unsigned taken)
{
	return (ts >> TIME_SHIFT & TIME_MASK) << 24 | (uint64_t)(row + 1) << 8 | taken;
}

uint64_t release_tag(uint64_t ts, size_t row)
{
	return tag_make(ts, row, 0);
}

uint64_t release_tag_since(uint64_t tag)
{
	return tag >> 24 << TIME_SHIFT;
}

size_t release_tag_row(uint64_t tag)
{
	return (size_t)(tag >> 8 & 0xffff) - 1;
}

unsigned release_tag_taken(uint64_t tag)
{
	return tag & 0xff;
}

uint64_t release_tag_dumped(const struct mp_event *e)
{
	/* x is the row + 1; it is looked at with care when it is used */
	return (e->pages.since >> TIME_SHIFT & TIME_MASK) << 24 | (uint64_t)(e->x & 0xffff) << 8 |
	       e->flags;
}

/* --- the table ------------------------------------------------------------------------ */

static struct mp_release *row_of(struct mp_proc *p, uint64_t tag)
{
	size_t i = release_tag_row(tag);

	return i < p->n_releases ? &p->releases[i] : NULL;
}

static uint32_t hash(uint64_t stack, unsigned call, unsigned advice)
{
	uint64_t h =
		(stack ^ (uint64_t)call << 56 ^ (uint64_t)advice << 40) * 0x9e3779b97f4a7c15ULL;

	return (uint32_t)(h >> 40) & (MP_RELEASE_SLOTS - 1);
}

/* The slot of the row, or the free one where it would go. */
static uint16_t *slot_of(const struct mp_proc *p, uint64_t stack, unsigned call, unsigned advice)
{
	uint32_t i = hash(stack, call, advice);

	for (;; i = (i + 1) & (MP_RELEASE_SLOTS - 1)) {
		const struct mp_release *r;

		if (!p->release_slot[i])
			return &p->release_slot[i];
		r = &p->releases[p->release_slot[i] - 1];
		if (r->stack == stack && r->call == call && r->advice == advice)
			return &p->release_slot[i];
	}
}

int release_add(struct mp_proc *p, const struct mp_release *r)
{
	_Static_assert(MP_RELEASE_SLOTS >= 2 * RELEASES_MAX, "a slot must be free");
	uint16_t *slot;

	if (p->n_releases == RELEASES_MAX)
		return -ENOSPC;
	if (!p->release_slot)
		p->release_slot = calloc(MP_RELEASE_SLOTS, sizeof(*p->release_slot));
	if (!p->release_slot ||
	    mp_grow(&p->releases, &p->cap_releases, p->n_releases + 1, sizeof(*p->releases)))
		return -ENOMEM;
	slot = slot_of(p, r->stack, (unsigned)r->call, (unsigned)r->advice);
	p->releases[p->n_releases++] = *r;
	if (!*slot) /* a damaged dump may tell one twice */
		*slot = (uint16_t)p->n_releases;
	return 0;
}

int release_row(struct mp_proc *p, const struct mp_event *e, size_t *row)
{
	bool with_advice = e->sub == MP_CALL_MADVISE || e->sub == MP_CALL_PROCESS_MADVISE;
	struct mp_release r = { .call = e->sub, .advice = with_advice ? e->x & 0xffff : 0 };
	uint16_t *slot;
	int err;

	if (p->call_site.ts == e->ts && p->call_site.tid == e->tid)
		r.stack = p->call_site.stack;
	if (r.stack && p->n_releases >= RELEASES_MAX - ROWS_SPARE &&
	    !*slot_of(p, r.stack, (unsigned)r.call, (unsigned)r.advice))
		r.stack = 0; /* too many places: by kind only */
	slot = p->release_slot ? slot_of(p, r.stack, (unsigned)r.call, (unsigned)r.advice) : NULL;
	if (slot && *slot) {
		*row = *slot - 1u;
		return 0;
	}
	r.first_ts = e->ts;
	err = release_add(p, &r);
	*row = err ? MP_RELEASE_NONE : p->n_releases - 1;
	return err == -ENOMEM ? err : 0;
}

/* --- what is asked --------------------------------------------------------------------- */

static uint64_t page_up(uint64_t v)
{
	return (v + MP_PAGE_SIZE - 1) & ~(MP_PAGE_SIZE - 1);
}

static uint64_t mapped_bytes(const struct mp_proc *p, uint64_t start, uint64_t end)
{
	const struct mp_mapping *v = maptab_above(p, start);
	uint64_t n = 0;

	for (; v && v->start < end; v = v->next)
		n += (v->end < end ? v->end : end) - (v->start > start ? v->start : start);
	return n;
}

/* A mapping put over others asks for what these had. */
static void ask_over(const struct mp_proc *p, uint64_t addr, uint64_t len, struct release_ask *a)
{
	a->asked += mapped_bytes(p, addr, addr + len);
	a->resident += mp_pageset_count(p->pages, addr, len);
}

static void ask_range(const struct mp_proc *p, uint64_t addr, uint64_t len, struct release_ask *a)
{
	a->asked += len;
	a->resident += mp_pageset_count(p->pages, addr, len);
}

static bool advice_asks(unsigned advice)
{
	return advice_drops(advice) || advice == MADV_FREE || advice == MADV_PAGEOUT_;
}

void release_asked(const struct mp_proc *p, const struct mp_event *e, struct release_ask *a)
{
	uint64_t addr = e->call.addr, len = page_up(e->call.len), ret = (uint64_t)e->call.ret;
	uint64_t len2 = page_up(e->call.len2);
	bool failed = e->flags & MP_CALL_FAILED;
	const struct mp_mapping *v;

	switch (e->sub) {
	case MP_CALL_MADVISE:
	case MP_CALL_PROCESS_MADVISE:
		if (advice_asks(e->x))
			ask_range(p, addr, len, a);
		break;
	case MP_CALL_MUNMAP:
		ask_range(p, addr, len, a);
		break;
	case MP_CALL_MREMAP:
		if (len2 < len)
			ask_range(p, addr + len2, len - len2, a);
		if (!failed && ret != addr)
			ask_over(p, ret, len2, a);
		break;
	case MP_CALL_BRK:
		if (addr && page_up(ret) < page_up(e->call.len2))
			ask_range(p, page_up(ret), page_up(e->call.len2) - page_up(ret), a);
		break;
	case MP_CALL_MMAP:
		if (!failed && MP_MMAP_FLAGS(e->x) & MAP_FIXED)
			ask_over(p, ret, len, a);
		break;
	case MP_CALL_SHMDT:
		v = mp_proc_find(p, addr);
		if (v && v->start == addr)
			ask_range(p, addr, v->end - addr, a);
		break;
	default:
		break;
	}
}

/* --- what came of it ----------------------------------------------------------------------- */

/* Sums may have come out of a damaged file: they wrap and do not overflow. */
static void add(int64_t *to, int64_t v)
{
	*to = (int64_t)((uint64_t)*to + (uint64_t)v);
}

static void count_total(struct mp_asked *t, const struct release_ask *a, int64_t released)
{
	t->asked += a->asked;
	add(&t->released, released);
}

void release_done(struct mp_proc *p, const struct mp_event *e, const struct release_ask *a,
		  const struct release_got *got)
{
	uint64_t gone = got->lazy ? got->lazy : got->dropped, resident = a->resident;
	struct mp_release *r = a->row < p->n_releases ? &p->releases[a->row] : NULL;

	/* Where the counters moved by more than the model saw leave, they are right. */
	if (!got->lazy && got->released > 0 && (uint64_t)got->released / MP_PAGE_SIZE > gone)
		gone = (uint64_t)got->released / MP_PAGE_SIZE;
	count_total(&p->asked_calls[e->sub], a, got->released);
	if (e->sub == MP_CALL_MADVISE || e->sub == MP_CALL_PROCESS_MADVISE)
		count_total(&p->asked_advice[mp_advice_slot(e->x)], a, got->released);
	if (!r)
		return;
	if (gone > resident) /* pages of which the model learned by the call */
		resident = gone;
	r->calls++;
	r->failed += (e->flags & MP_CALL_FAILED) != 0;
	r->dur += e->call.dur;
	r->last_ts = e->ts;
	r->asked += a->asked;
	add(&r->released, got->released);
	add(&r->anon, got->anon);
	add(&r->file, got->file);
	add(&r->shmem, got->shmem);
	r->lazy += got->lazy * MP_PAGE_SIZE;
	r->kept += (resident - gone) * MP_PAGE_SIZE;
	if (a->asked > resident * MP_PAGE_SIZE)
		r->absent += a->asked - resident * MP_PAGE_SIZE;
}

void release_trim(struct mp_proc *p, uint64_t ts)
{
	const uint64_t minute = 60 * 1000000000ULL;

	if (mp_pageset_hollow(p->pages) <= HOLLOW_MAX)
		return;
	p->forgotten +=
		mp_pageset_forget(p->pages, tag_make(ts > minute ? ts - minute : 0, (size_t)-1, 0));
	if (mp_pageset_hollow(p->pages) > HOLLOW_MAX / 2)
		p->forgotten += mp_pageset_forget(p->pages, ~0ULL);
}

/* --- touched again --------------------------------------------------------------------------- */

/* When the pages at addr were touched: a run goes from its first to its last time. */
static uint64_t touched_at(const struct mp_event *e, uint64_t addr, uint64_t pages)
{
	uint64_t at = (addr - e->fault.addr) / MP_PAGE_SIZE + pages / 2;

	if (e->type != MP_EV_FAULT || e->x < 2 || e->fault.span > e->ts || addr < e->fault.addr)
		return e->ts;
	return e->ts - e->fault.span + (uint64_t)((double)e->fault.span * (double)at / (e->x - 1));
}

static unsigned window(uint64_t since, uint64_t ts)
{
	static const uint64_t within[] = { 1000000000ULL, 10000000000ULL, 60000000000ULL };
	uint64_t age = ts > since ? ts - since : 0;
	unsigned w = 0;

	while (w < MP_BACK_MAX - 1 && age > within[w])
		w++;
	return w;
}

/* The kernel took pages that had been left to it. */
static void count_taken(struct mp_proc *p, uint64_t tag, uint64_t ts, uint64_t pages)
{
	struct mp_release *r = row_of(p, tag);

	p->lazy_taken += pages * MP_PAGE_SIZE;
	p->lazy_taken_ts = ts;
	if (r)
		r->taken += pages * MP_PAGE_SIZE;
}

/* What was unmapped is another's address now: its release is touched again, but no
 * mapping's page has come back. */
static bool same_mapping(const struct mp_release *r)
{
	return !r || r->call == MP_CALL_MADVISE || r->call == MP_CALL_PROCESS_MADVISE;
}

static void touched(struct pages_ctx *c, uint64_t tag, uint64_t addr, uint64_t pages)
{
	struct mp_release *r = row_of(c->p, tag);
	uint64_t ts = c->e ? touched_at(c->e, addr, pages) : c->p->rss.ts;

	if (same_mapping(r))
		c->refaulted += pages;
	if (r)
		r->back[window(release_tag_since(tag), ts)] += pages * MP_PAGE_SIZE;
}

static unsigned scan_number(const struct mp_proc *p)
{
	return 1 + (unsigned)(p->scans % 255);
}

uint64_t release_again(void *ctx, enum mp_pages_kind kind, uint64_t tag, uint64_t addr,
		       uint64_t pages)
{
	struct pages_ctx *c = ctx;
	bool scan = c->e && c->e->type == MP_EV_PAGES;

	if (c->p->loading)
		return 0;
	if (kind == MP_PGS_DROPPED && scan && release_tag_taken(tag) == scan_number(c->p) &&
	    c->p->scan_ts == c->e->ts) { /* absent a moment ago, by the same scan */
		struct mp_release *r = row_of(c->p, tag);
		uint64_t bytes = pages * MP_PAGE_SIZE;

		c->p->lazy_taken -= bytes;
		c->untaken += pages;
		if (r)
			r->taken -= r->taken < bytes ? r->taken : bytes;
		return tag & ~0xffULL;
	}
	if (kind == MP_PGS_DROPPED) {
		touched(c, tag, addr, pages);
		return 0;
	}
	/* A lazy page that is mapped takes no fault: this one had been taken. A fault on a
	 * present page (after fork) or a populate only takes it back. */
	if (c->e && c->e->type == MP_EV_FAULT && !(c->e->sub & MP_FAULT_PRESENT)) {
		count_taken(c->p, tag, c->e->ts, pages);
		c->taken += pages;
		touched(c, tag, addr, pages);
	}
	return 0;
}

uint64_t release_taken(void *ctx, enum mp_pages_kind kind, uint64_t tag, uint64_t addr,
		       uint64_t pages)
{
	struct pages_ctx *c = ctx;

	(void)kind;
	(void)addr;
	if (c->p->loading)
		return 0;
	count_taken(c->p, tag, c->p->short_ts ? c->p->short_ts : c->e->ts, pages);
	c->taken += pages;
	return (tag & ~0xffULL) | scan_number(c->p);
}

void release_scan(struct mp_proc *p, uint64_t ts)
{
	if (ts == p->scan_ts)
		return;
	p->scan_ts = ts;
	p->scans++;
}

struct ages {
	uint64_t now, *pages, oldest;
};

static int add_age(void *ctx, uint64_t addr, uint64_t len, uint64_t tag)
{
	struct ages *a = ctx;
	uint64_t since = release_tag_since(tag), age = a->now > since ? a->now - since : 0;

	(void)addr;
	a->pages[window(since, a->now)] += len / MP_PAGE_SIZE;
	if (age > a->oldest)
		a->oldest = age;
	return 0;
}

void mp_proc_lazy_ages(const struct mp_proc *p, uint64_t now, uint64_t pages[MP_BACK_MAX],
		       uint64_t *oldest)
{
	struct ages a = { .now = now, .pages = pages };

	for (int w = 0; w < MP_BACK_MAX; w++)
		pages[w] = 0;
	if (mp_pageset_total_lazy(p->pages))
		mp_pageset_tags(p->pages, 0, 1ULL << 63, MP_PGS_LAZY, add_age, &a);
	*oldest = a.oldest;
}

/* --- stacks of both sides ------------------------------------------------------------------ */

/* The stacks that touch a release's pages most, by the rule of space saving: the one
 * with the least gives way and leaves its weight. */
static void count_toucher(struct mp_release *r, uint64_t stack, uint64_t pages)
{
	size_t least = 0;

	for (size_t i = 0; i < MP_RELEASE_BY; i++) {
		if (r->by[i].stack == stack) {
			r->by[i].pages += pages;
			return;
		}
		if (r->by[i].pages < r->by[least].pages)
			least = i;
	}
	r->by[least].stack = stack;
	r->by[least].pages += pages;
}

void release_site(struct mp_proc *p, const struct mp_event *e)
{
	struct mp_release *r;
	uint64_t tag;

	if (e->sub == MP_SITE_CALL) {
		p->call_site.ts = e->ts;
		p->call_site.tid = e->tid;
		p->call_site.stack = e->site.stack;
		return;
	}
	if (e->sub != MP_SITE_FAULT || !e->site.stack || !range_ok(e->site.addr, 0) ||
	    !mp_pageset_dropped(p->pages, e->site.addr, &tag))
		return;
	r = row_of(p, tag);
	if (r)
		count_toucher(r, e->site.stack, e->x);
}
