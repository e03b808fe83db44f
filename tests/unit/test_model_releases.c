/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_model_releases.c - what calls gave back: asked against released, by place and
 * kind; what was touched again and how soon; lazy pages from MADV_FREE to the kernel's
 * taking them.
 */
#include "tests/unit/ev.h"

#define A 0x7f0000000000ULL

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

static const struct mp_release *rel(struct fx *f, uint64_t stack, unsigned call, unsigned advice)
{
	const struct mp_proc *p = P(f);

	for (size_t i = 0; i < p->n_releases; i++) {
		const struct mp_release *r = &p->releases[i];

		if (r->stack == stack && r->call == call && r->advice == advice)
			return r;
	}
	return NULL;
}

static const struct mp_release *dontneed(struct fx *f, uint64_t stack)
{
	return rel(f, stack, MP_CALL_MADVISE, MADV_DONTNEED);
}

/* The place of the call that comes next, at f->ts + 10 us. */
static void at_site(struct fx *f, uint64_t stack)
{
	struct mp_event e = ev(MP_EV_SITE, MP_SITE_CALL, MM, f->ts + 10 * US);

	e.site.stack = stack;
	fold(f, e);
}

static struct mp_event with_delta(struct mp_event e, int anon, int file, int shmem)
{
	e.call.d_anon = anon;
	e.call.d_file = file;
	e.call.d_shmem = shmem;
	return e;
}

static void advise(struct fx *f, uint64_t addr, uint64_t pages, unsigned advice, int anon)
{
	fold(f, with_delta(ev_madvise(MM, tick(f), addr, pages * PG, advice), anon, 0, 0));
}

static struct fx fx_heap(uint64_t pages)
{
	struct fx f = fx_new();

	do_mmap(&f, A, pages * PG, RW, PRIV);
	do_touch(&f, A, pages);
	return f;
}

static void test_by_place(void **state)
{
	struct fx f = fx_heap(100);
	const struct mp_release *r;

	(void)state;
	at_site(&f, 7);
	advise(&f, A, 10, MADV_DONTNEED, -10);
	at_site(&f, 8);
	advise(&f, A + 10 * PG, 20, MADV_DONTNEED, -20);
	at_site(&f, 7);
	advise(&f, A + 30 * PG, 5, MADV_DONTNEED, -5);
	advise(&f, A + 40 * PG, 1, MADV_DONTNEED, -1); /* no stack came with it */
	at_site(&f, 7);
	do_munmap(&f, A + 50 * PG, 50 * PG);
	r = dontneed(&f, 7);
	assert_non_null(r);
	assert_int_equal(r->calls, 2);
	assert_int_equal(r->asked, 15 * PG);
	assert_int_equal(r->released, 15 * PG);
	assert_int_equal(r->anon, 15 * PG);
	assert_int_equal(r->dur, 2000);
	assert_int_equal(r->last_ts - r->first_ts, 40 * US - 20 * US);
	assert_int_equal(dontneed(&f, 8)->released, 20 * PG);
	assert_int_equal(dontneed(&f, 0)->released, PG);
	assert_int_equal(rel(&f, 7, MP_CALL_MUNMAP, 0)->asked, 50 * PG);
	assert_int_equal(P(&f)->n_releases, 4);
	assert_int_equal(P(&f)->asked_calls[MP_CALL_MADVISE].asked, 36 * PG);
	assert_int_equal(P(&f)->asked_calls[MP_CALL_MADVISE].released, 36 * PG);
	assert_int_equal(P(&f)->asked_advice[MADV_DONTNEED].asked, 36 * PG);
	fx_free(&f);
}

/* A site of another thread, or of another time, is not this call's. */
static void test_whose_site(void **state)
{
	struct fx f = fx_heap(10);
	struct mp_event e = ev(MP_EV_SITE, MP_SITE_CALL, MM, f.ts + 10 * US);

	(void)state;
	e.tid = 101;
	e.site.stack = 5;
	fold(&f, e);
	advise(&f, A, 1, MADV_DONTNEED, -1);
	assert_null(dontneed(&f, 5));
	at_site(&f, 6);
	tick(&f);
	advise(&f, A + PG, 1, MADV_DONTNEED, -1);
	assert_null(dontneed(&f, 6));
	assert_int_equal(dontneed(&f, 0)->calls, 2);
	fx_free(&f);
}

/* Asked for more than was there; for what is locked; for what is gone. */
static void test_asked_and_released(void **state)
{
	struct fx f = fx_heap(100);
	const struct mp_release *r;
	struct mp_event e;

	(void)state;
	do_mmap(&f, A + 100 * PG, 50 * PG, RW, PRIV); /* never touched */
	advise(&f, A + 90 * PG, 60, MADV_DONTNEED, -10);
	r = dontneed(&f, 0);
	assert_int_equal(r->asked, 60 * PG);
	assert_int_equal(r->released, 10 * PG);
	assert_int_equal(r->absent, 50 * PG);
	assert_int_equal(r->kept, 0);
	/* locked: the call fails and everything stays */
	e = ev_call(MM, tick(&f), MP_CALL_MADVISE, A, 20 * PG, -EINVAL);
	e.x = MADV_DONTNEED;
	fold(&f, e);
	r = dontneed(&f, 0);
	assert_int_equal(r->failed, 1);
	assert_int_equal(r->asked, 80 * PG);
	assert_int_equal(r->kept, 20 * PG);
	assert_int_equal(r->released, 10 * PG);
	/* gone already */
	advise(&f, A + 90 * PG, 10, MADV_DONTNEED, 0);
	r = dontneed(&f, 0);
	assert_int_equal(r->asked, r->absent + r->kept + (uint64_t)r->released);
	assert_int_equal(r->absent, 60 * PG);
	fx_free(&f);
}

static void test_every_kind_of_call(void **state)
{
	struct fx f = fx_heap(100);
	const struct mp_release *r;

	(void)state;
	fold(&f, with_delta(ev_mremap(MM, tick(&f), A, 100 * PG, 90 * PG, A, 0), -10, 0, 0));
	r = rel(&f, 0, MP_CALL_MREMAP, 0);
	assert_int_equal(r->asked, 10 * PG);
	assert_int_equal(r->released, 10 * PG);
	/* over a part of it, and over nothing */
	fold(&f,
	     with_delta(ev_mmap(MM, tick(&f), A + 80 * PG, 20 * PG, PROT_NONE, PRIV | MAP_FIXED),
			-10, 0, 0));
	r = rel(&f, 0, MP_CALL_MMAP, 0);
	assert_int_equal(r->asked, 10 * PG);
	assert_int_equal(r->released, 10 * PG);
	do_mmap(&f, A + GIB, 20 * PG, RW, PRIV | MAP_FIXED);
	assert_int_equal(rel(&f, 0, MP_CALL_MMAP, 0)->calls, 1);
	do_brk(&f, 0x10000000, 0x10000000 + 10 * PG);
	do_touch(&f, 0x10000000, 10);
	fold(&f, with_delta(ev_brk(MM, tick(&f), 0x10000000 + 4 * PG, 0x10000000 + 10 * PG,
				   0x10000000 + 4 * PG),
			    -6, 0, 0));
	r = rel(&f, 0, MP_CALL_BRK, 0);
	assert_int_equal(r->calls, 1);
	assert_int_equal(r->asked, 6 * PG);
	assert_int_equal(r->released, 6 * PG);
	advise(&f, A, 5, MADV_PAGEOUT, 0);
	r = rel(&f, 0, MP_CALL_MADVISE, MADV_PAGEOUT);
	assert_int_equal(r->asked, 5 * PG);
	assert_int_equal(r->kept, 5 * PG);
	advise(&f, A, 5, MADV_WILLNEED, 0);
	assert_null(rel(&f, 0, MP_CALL_MADVISE, MADV_WILLNEED));
	fx_free(&f);
}

/* By the counters where the call had them to itself, else by what was mapped there. */
static void test_types(void **state)
{
	struct fx f = fx_new();
	const struct mp_release *r;
	struct mp_event e;

	(void)state;
	do_mmap(&f, A, 10 * PG, RW, PRIV);
	do_mmap(&f, A + 10 * PG, 10 * PG, RW, MAP_SHARED | MAP_ANONYMOUS);
	do_mmap(&f, A + 20 * PG, 10 * PG, RW, MAP_PRIVATE);
	do_touch(&f, A, 30);
	e = with_delta(ev_call(MM, tick(&f), MP_CALL_MUNMAP, A, 30 * PG, 0), -1000, -7, 5);
	e.flags = MP_CALL_SHARED;
	fold(&f, e);
	r = rel(&f, 0, MP_CALL_MUNMAP, 0);
	assert_int_equal(r->released, 30 * PG);
	assert_int_equal(r->anon, 10 * PG);
	assert_int_equal(r->shmem, 10 * PG);
	assert_int_equal(r->file, 10 * PG);
	do_mmap(&f, A, 30 * PG, RW, MAP_PRIVATE);
	do_touch(&f, A, 30);
	fold(&f, with_delta(ev_call(MM, tick(&f), MP_CALL_MUNMAP, A, 30 * PG, 0), -25, -5, 0));
	r = rel(&f, 0, MP_CALL_MUNMAP, 0);
	assert_int_equal(r->released, 60 * PG);
	assert_int_equal(r->anon, 35 * PG);
	assert_int_equal(r->file, 15 * PG);
	fx_free(&f);
}

/* Each window's border, to 10 ms. */
static void back_after(uint64_t ns, unsigned window)
{
	struct fx f = fx_heap(10);
	const struct mp_release *r;

	at_site(&f, 3);
	advise(&f, A, 10, MADV_DONTNEED, -10);
	f.ts += ns;
	fold(&f, ev_fault(MM, f.ts, A + 2 * PG, 4, MP_FAULT_WRITE));
	r = dontneed(&f, 3);
	for (unsigned w = 0; w < MP_BACK_MAX; w++)
		assert_int_equal(r->back[w], w == window ? 4 * PG : 0);
	fold(&f, ev_fault(MM, f.ts, A + 2 * PG, 4, MP_FAULT_WRITE)); /* resident: no refault */
	assert_int_equal(dontneed(&f, 3)->back[window], 4 * PG);
	assert_int_equal(mp_proc_find(P(&f), A)->refaulted, 4);
	fx_free(&f);
}

static void test_windows(void **state)
{
	(void)state;
	back_after(1 * US, MP_BACK_1S);
	back_after(990 * MS, MP_BACK_1S);
	back_after(1010 * MS, MP_BACK_10S);
	back_after(9990 * MS, MP_BACK_10S);
	back_after(10010 * MS, MP_BACK_60S);
	back_after(59990 * MS, MP_BACK_60S);
	back_after(60010 * MS, MP_BACK_LATER);
	back_after(3600 * SEC, MP_BACK_LATER);
}

/* A run is told at its end; its first pages came earlier. */
static void test_window_in_a_run(void **state)
{
	struct fx f = fx_heap(2048);
	struct mp_event e;
	const struct mp_release *r;

	(void)state;
	advise(&f, A, 2048, MADV_DONTNEED, -2048);
	e = ev_fault(MM, f.ts + 1500 * MS, A, 2048, MP_FAULT_WRITE);
	e.fault.span = 1000 * MS; /* from 0.5 s to 1.5 s after the release */
	fold(&f, e);
	r = dontneed(&f, 0);
	assert_int_equal(r->back[MP_BACK_1S] + r->back[MP_BACK_10S], 2048 * PG);
	assert_in_range(r->back[MP_BACK_1S], 900 * PG, 1150 * PG);
	fx_free(&f);
}

/* The release of an address that is mapped anew is touched again; no page of the new
 * mapping has come back. */
static void test_unmapped_and_mapped_again(void **state)
{
	struct fx f = fx_heap(10);

	(void)state;
	do_munmap(&f, A, 10 * PG);
	do_mmap(&f, A, 10 * PG, RW, PRIV);
	do_touch(&f, A, 10);
	assert_int_equal(rel(&f, 0, MP_CALL_MUNMAP, 0)->back[MP_BACK_1S], 10 * PG);
	assert_int_equal(mp_proc_find(P(&f), A)->refaulted, 0);
	fx_free(&f);
}

/* A scan's word on a chunk does not end the memory of what was released there. */
static void test_scan_keeps_drops(void **state)
{
	struct fx f = fx_heap(10);

	(void)state;
	advise(&f, A, 4, MADV_DONTNEED, -4);
	tick(&f);
	fold(&f, ev_pages(MM, f.ts, MP_PAGES_ABSENT, A, 2 * MIB));
	fold(&f, ev_pages(MM, f.ts, MP_PAGES_RESIDENT, A + 4 * PG, 6 * PG));
	do_touch(&f, A, 4);
	assert_int_equal(dontneed(&f, 0)->back[MP_BACK_1S], 4 * PG);
	fx_free(&f);
}

/* Pages moved by mremap take the memory of their release along. */
static void test_moved(void **state)
{
	struct fx f = fx_heap(10);

	(void)state;
	at_site(&f, 4);
	advise(&f, A, 4, MADV_DONTNEED, -4);
	do_mremap(&f, A, 10 * PG, 10 * PG, A + GIB, 1);
	do_touch(&f, A + GIB, 10);
	assert_int_equal(dontneed(&f, 4)->back[MP_BACK_1S], 4 * PG);
	fx_free(&f);
}

static void fault_site(struct fx *f, uint64_t addr, uint64_t stack, uint32_t weight)
{
	struct mp_event e = ev(MP_EV_SITE, MP_SITE_FAULT, MM, tick(f));

	e.x = weight;
	e.site.addr = addr;
	e.site.stack = stack;
	fold(f, e);
}

static void test_who_touches_again(void **state)
{
	struct fx f = fx_heap(100);
	const struct mp_release *r;
	uint64_t sum = 0;

	(void)state;
	at_site(&f, 7);
	advise(&f, A, 50, MADV_DONTNEED, -50);
	for (uint64_t i = 0; i < 30; i++)
		fault_site(&f, A + i * PG, i % 3 ? 90 : 91 + i, 100);
	fault_site(&f, A + 60 * PG, 92, 100); /* was not released */
	r = dontneed(&f, 7);
	assert_int_equal(r->by[0].pages + r->by[1].pages + r->by[2].pages + r->by[3].pages, 3000);
	for (unsigned i = 0; i < MP_RELEASE_BY; i++)
		sum += r->by[i].stack == 90 ? r->by[i].pages : 0;
	assert_in_range(sum, 2000, 2300); /* never too little */
	fx_free(&f);
}

/* --- lazy ------------------------------------------------------------------------------ */

static const struct mp_release *freed(struct fx *f)
{
	return rel(f, 0, MP_CALL_MADVISE, MADV_FREE);
}

static void scan(struct fx *f, uint64_t addr, uint64_t pages)
{
	tick(f);
	fold(f, ev_pages(MM, f->ts, MP_PAGES_ABSENT, addr & ~(2 * MIB - 1), 2 * MIB));
	if (pages)
		fold(f, ev_pages(MM, f->ts, MP_PAGES_RESIDENT, addr, pages * PG));
}

static void test_free_is_lazy(void **state)
{
	struct fx f = fx_heap(100);
	const struct mp_release *r;

	(void)state;
	do_mmap(&f, A + 100 * PG, 50 * PG, RW, PRIV);
	advise(&f, A + 60 * PG, 60, MADV_FREE, 0);
	r = freed(&f);
	assert_int_equal(r->asked, 60 * PG);
	assert_int_equal(r->lazy, 40 * PG);
	assert_int_equal(r->absent, 20 * PG);
	assert_int_equal(r->released, 0);
	assert_int_equal(r->kept, 0);
	assert_int_equal(res(&f, A, 100), 100);
	assert_int_equal(mp_pageset_total_lazy(P(&f)->pages), 40);
	/* dropped by a call after all: that call released them */
	advise(&f, A + 60 * PG, 10, MADV_DONTNEED, -10);
	assert_int_equal(mp_pageset_total_lazy(P(&f)->pages), 30);
	assert_int_equal(dontneed(&f, 0)->released, 10 * PG);
	do_munmap(&f, A, 150 * PG);
	assert_int_equal(mp_pageset_total_lazy(P(&f)->pages), 0);
	fx_free(&f);
}

/* A scan that says the same as the model takes nothing, whatever it says first. */
static void test_scan_takes_nothing(void **state)
{
	struct fx f = fx_heap(100);

	(void)state;
	advise(&f, A, 40, MADV_FREE, 0);
	for (int i = 0; i < 300; i++)
		scan(&f, A, 100);
	assert_int_equal(mp_pageset_total_lazy(P(&f)->pages), 40);
	assert_int_equal(P(&f)->lazy_taken, 0);
	assert_int_equal(freed(&f)->taken, 0);
	assert_int_equal(mp_proc_find(P(&f), A)->refaulted, 0);
	fx_free(&f);
}

static void test_kernel_takes(void **state)
{
	struct fx f = fx_heap(100);
	uint64_t fell;

	(void)state;
	do_rss(&f, 100, 0, 0);
	advise(&f, A, 40, MADV_FREE, 0);
	do_rss(&f, 100, 0, 0);
	do_rss(&f, 70, 0, 0); /* nobody called */
	fell = f.ts;
	do_rss(&f, 70, 0, 0);
	tick(&f);
	fold(&f, ev_pages(MM, f.ts, MP_PAGES_ABSENT, A, 2 * MIB));
	fold(&f, ev_pages(MM, f.ts, MP_PAGES_RESIDENT, A + 30 * PG, 70 * PG));
	assert_int_equal(P(&f)->lazy_taken, 30 * PG);
	assert_int_equal(P(&f)->lazy_taken_ts, fell);
	assert_int_equal(freed(&f)->taken, 30 * PG);
	assert_int_equal(mp_pageset_total_lazy(P(&f)->pages), 10);
	/* touched again, it comes back to whoever gave it up */
	f.ts += 2 * SEC;
	do_touch(&f, A, 20);
	assert_int_equal(freed(&f)->back[MP_BACK_10S], 20 * PG);
	assert_int_equal(mp_proc_find(P(&f), A)->refaulted, 20);
	assert_int_equal(P(&f)->lazy_taken, 30 * PG);
	fx_free(&f);
}

/* A fault on a missing page that the model thought lazy: it had been taken. */
static void test_taken_unseen(void **state)
{
	struct fx f = fx_heap(10);

	(void)state;
	advise(&f, A, 10, MADV_FREE, 0);
	do_touch(&f, A, 4);
	assert_int_equal(freed(&f)->taken, 4 * PG);
	assert_int_equal(freed(&f)->back[MP_BACK_1S], 4 * PG);
	assert_int_equal(res(&f, A, 10), 10);
	/* on a present one, it is only taken back */
	fold(&f, ev_fault(MM, tick(&f), A + 4 * PG, 2, MP_FAULT_WRITE | MP_FAULT_PRESENT));
	assert_int_equal(freed(&f)->taken, 4 * PG);
	assert_int_equal(mp_pageset_total_lazy(P(&f)->pages), 4);
	fx_free(&f);
}

static void kernel_says(struct fx *f, uint64_t pages)
{
	struct mp_event e = ev_rss(MM, tick(f), 100, 0, 0);

	e.rss.lazyfree = pages;
	fold(f, e);
}

static void test_kernels_figure(void **state)
{
	struct fx f = fx_heap(100);

	(void)state;
	advise(&f, A, 40, MADV_FREE, 0);
	do_rss(&f, 100, 0, 0);
	assert_int_equal(P(&f)->rss.lazyfree, MP_UNKNOWN);
	kernel_says(&f, 25);
	do_rss(&f, 100, 0, 0); /* the counters do not tell: the figure stays */
	assert_int_equal(P(&f)->rss.lazyfree, 25);
	assert_int_equal(mp_pageset_total_lazy(P(&f)->pages), 40);
	/* none, read right after the call: it may have begun before */
	kernel_says(&f, 0);
	assert_int_equal(mp_pageset_total_lazy(P(&f)->pages), 40);
	f.ts += 2 * SEC;
	kernel_says(&f, 0); /* all were written again */
	assert_int_equal(mp_pageset_total_lazy(P(&f)->pages), 0);
	fx_free(&f);
}

/* --- state dumps and limits ------------------------------------------------------------ */

static int into(void *ctx, const struct mp_event *e)
{
	return mp_model_fold(ctx, e);
}

static void assert_dump_same(struct fx *f)
{
	struct mp_model *m = mp_model_new();

	assert_non_null(m);
	assert_int_equal(mp_model_dump(f->m, into, m), 0);
	check_model(m);
	assert_int_equal(mp_model_digest(m), mp_model_digest(f->m));
	mp_model_free(m);
}

static void test_dump(void **state)
{
	struct fx f = fx_heap(1000), g = { mp_model_new(), 0 };
	uint64_t before;

	(void)state;
	for (uint64_t i = 0; i < 20; i++) {
		at_site(&f, i % 5);
		advise(&f, A + i * 7 * PG, 5, MADV_DONTNEED, -5);
		f.ts += 100 * MS;
		assert_dump_same(&f);
	}
	advise(&f, A + 500 * PG, 200, MADV_FREE, 0);
	scan(&f, A, 600);
	fault_site(&f, A, 77, 10);
	before = mp_model_digest(f.m);
	at_site(&f, 9); /* a state dump between a place and its call */
	assert_int_not_equal(before, mp_model_digest(f.m));
	assert_int_equal(mp_model_dump(f.m, into, g.m), 0);
	g.ts = f.ts;
	assert_int_equal(mp_model_digest(g.m), mp_model_digest(f.m));
	advise(&f, A + 800 * PG, 5, MADV_DONTNEED, -5);
	advise(&g, A + 800 * PG, 5, MADV_DONTNEED, -5);
	assert_non_null(dontneed(&g, 9));
	do_touch(&f, A, 900);
	do_touch(&g, A, 900);
	assert_int_equal(dontneed(&f, 3)->back[MP_BACK_10S], dontneed(&g, 3)->back[MP_BACK_10S]);
	assert_int_equal(mp_model_digest(g.m), mp_model_digest(f.m));
	fx_free(&f);
	fx_free(&g);
}

/* More places than there is room for: by kind of call, and none is lost. */
static void test_many_places(void **state)
{
	struct fx f = fx_heap(10);
	uint64_t calls = 0, asked = 0;

	(void)state;
	for (uint64_t i = 1; i <= 3000; i++) {
		struct mp_event s = ev(MP_EV_SITE, MP_SITE_CALL, MM, f.ts + 10 * US);
		struct mp_event e =
			ev_madvise(MM, tick(&f), A, 2 * PG, i % 3 ? MADV_DONTNEED : MADV_FREE);

		s.site.stack = i;
		assert_int_equal(mp_model_fold(f.m, &s), 0);
		assert_int_equal(mp_model_fold(f.m, &e), 0);
	}
	for (size_t i = 0; i < P(&f)->n_releases; i++) {
		calls += P(&f)->releases[i].calls;
		asked += P(&f)->releases[i].asked;
	}
	assert_int_equal(calls, 3000);
	assert_int_equal(asked, 6000 * PG);
	assert_true(P(&f)->n_releases < 1100);
	assert_non_null(dontneed(&f, 0));
	assert_non_null(freed(&f));
	assert_dump_same(&f);
	fx_free(&f);
}

/* Address space that is used once and never again does not cost memory for ever. */
static void test_memory_bounded(void **state)
{
	struct fx f = fx_new();

	(void)state;
	for (uint64_t i = 0; i < 20000; i++) {
		uint64_t at = A + i * GIB % (64 * 1024 * GIB);
		struct mp_event e[] = { ev_mmap(MM, tick(&f), at, 4 * PG, RW, PRIV),
					ev_fault(MM, tick(&f), at, 4, MP_FAULT_WRITE),
					ev_call(MM, tick(&f), MP_CALL_MUNMAP, at, 4 * PG, 0) };

		for (int k = 0; k < 3; k++)
			assert_int_equal(mp_model_fold(f.m, &e[k]), 0);
		assert_true(mp_pageset_hollow(P(&f)->pages) <= 70000);
	}
	assert_true(P(&f)->forgotten > 0);
	check_model(f.m);
	fx_free(&f);
}

/* The model keeps pages that were paged out until a scan: the counters know better. */
static void test_paged_out(void **state)
{
	struct fx f = fx_heap(16);
	const struct mp_release *r;

	(void)state;
	advise(&f, A, 16, MADV_PAGEOUT, -10);
	r = rel(&f, 0, MP_CALL_MADVISE, MADV_PAGEOUT);
	assert_int_equal(r->released, 10 * PG);
	assert_int_equal(r->kept, 6 * PG);
	fx_free(&f);
}

/* A munmap was lost: what the mapping grows over had lazy pages. */
static void test_grown_over_lazy_pages(void **state)
{
	struct fx f = fx_heap(16);

	(void)state;
	do_mmap(&f, A + 16 * PG, 16 * PG, RW, MAP_SHARED | MAP_ANONYMOUS);
	do_mmap(&f, A + 16 * PG, 16 * PG, RW, PRIV);
	do_touch(&f, A + 16 * PG, 16);
	advise(&f, A + 16 * PG, 16, MADV_FREE, 0);
	do_mprotect(&f, A + 16 * PG, 16 * PG, PROT_READ);
	do_mremap(&f, A, 16 * PG, 32 * PG, A, 0);
	do_mprotect(&f, A, 32 * PG, RW);
	do_touch(&f, A, 32);
	fx_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_place),
		cmocka_unit_test(test_paged_out),
		cmocka_unit_test(test_grown_over_lazy_pages),
		cmocka_unit_test(test_whose_site),
		cmocka_unit_test(test_asked_and_released),
		cmocka_unit_test(test_every_kind_of_call),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_window_in_a_run),
		cmocka_unit_test(test_unmapped_and_mapped_again),
		cmocka_unit_test(test_scan_keeps_drops),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_who_touches_again),
		cmocka_unit_test(test_free_is_lazy),
		cmocka_unit_test(test_scan_takes_nothing),
		cmocka_unit_test(test_kernel_takes),
		cmocka_unit_test(test_taken_unseen),
		cmocka_unit_test(test_kernels_figure),
		cmocka_unit_test(test_dump),
		cmocka_unit_test(test_many_places),
		cmocka_unit_test(test_memory_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
