/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_model_mem.c - what faults, calls, counters and scans say about pages.
 */
#include "tests/unit/ev.h"

#define A 0x7f0000000000ULL

/* --- faults ------------------------------------------------------------------------------ */

static void test_write_makes_resident(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 16 * PG, RW, PRIV);
	do_touch(&f, A + 2 * PG, 5);
	assert_int_equal(res(&f, A, 16), 5);
	assert_int_equal(P(&f)->faults, 5);
	assert_int_equal(P(&f)->faults_user, 5);
	assert_int_equal(P(&f)->faults_kernel, 0);
	assert_int_equal(P(&f)->faults_write, 5);
	assert_int_equal(P(&f)->faults_present, 0);
	assert_int_equal(P(&f)->pages_added, 5);
	assert_int_equal(mp_map_at(P(&f), 0)->faults, 5);
	assert_int_equal(mp_map_at(P(&f), 0)->last_ts, f.ts);
	fx_free(&f);
}

/* A read maps the zero page: a fault, but not in RSS. */
static void test_read_of_anonymous(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 16 * PG, RW, PRIV);
	do_read(&f, A, 8);
	assert_int_equal(res(&f, A, 16), 0);
	assert_int_equal(P(&f)->faults, 8);
	assert_int_equal(P(&f)->faults_write, 0);
	assert_int_equal(P(&f)->pages_added, 0);
	assert_int_equal(mp_map_at(P(&f), 0)->faults, 8);
	/* the later write finds the zero page present, and adds */
	fold(&f, ev_fault(MM, tick(&f), A, 8, MP_FAULT_WRITE | MP_FAULT_PRESENT));
	assert_int_equal(res(&f, A, 16), 8);
	assert_int_equal(P(&f)->pages_added, 8);
	assert_int_equal(P(&f)->faults_present, 8);
	fx_free(&f);
}

static void test_read_of_file_and_shmem(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 16 * PG, PROT_READ, MAP_PRIVATE);
	do_mmap(&f, A + MIB, 16 * PG, RW, MAP_SHARED | MAP_ANONYMOUS);
	do_mmap(&f, A + 2 * MIB, 16 * PG, PROT_READ, MAP_SHARED);
	do_read(&f, A, 3);
	do_read(&f, A + MIB, 4);
	do_read(&f, A + 2 * MIB, 5);
	fold(&f, ev_fault(MM, tick(&f), A + 8 * PG, 2, MP_FAULT_INSTR));
	assert_int_equal(P(&f)->cls_pages[MP_CLS_FILE], 10);
	assert_int_equal(P(&f)->cls_pages[MP_CLS_SHMEM], 4);
	assert_int_equal(P(&f)->pages_added, 14);
	fx_free(&f);
}

/* Copy on write: the page was there and stays there. */
static void test_copy_on_write(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 4 * PG, RW, PRIV);
	do_touch(&f, A, 4);
	fold(&f, ev_fault(MM, tick(&f), A, 4, MP_FAULT_WRITE | MP_FAULT_PRESENT));
	assert_int_equal(res(&f, A, 4), 4);
	assert_int_equal(P(&f)->faults, 8);
	assert_int_equal(P(&f)->pages_added, 4);
	fx_free(&f);
}

static void test_kernel_faults(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 16 * PG, RW, PRIV);
	fold(&f, ev_fault(MM, tick(&f), A, 6, MP_FAULT_WRITE | MP_FAULT_KERNEL));
	assert_int_equal(res(&f, A, 16), 6);
	assert_int_equal(P(&f)->faults, 6);
	assert_int_equal(P(&f)->faults_kernel, 6);
	assert_int_equal(P(&f)->faults_user, 0);
	assert_int_equal(P(&f)->faults_write, 6);
	fx_free(&f);
}

/* The rung does not tell read from write: taken for resident, a scan corrects. */
static void test_nokind(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 16 * PG, RW, PRIV);
	fold(&f, ev_fault(MM, tick(&f), A, 6, MP_FAULT_NOKIND));
	assert_int_equal(res(&f, A, 16), 6);
	assert_int_equal(P(&f)->faults_write, 0);
	fx_free(&f);
}

/* A fault is told before it is handled: one that may not be ends in a signal. */
static void test_forbidden_faults(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 4 * PG, PROT_READ, PRIV);
	do_mmap(&f, A + 4 * PG, 4 * PG, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS);
	do_mmap(&f, A + 8 * PG, 4 * PG, PROT_READ, MAP_SHARED | MAP_ANONYMOUS);
	do_touch(&f, A, 12);
	assert_int_equal(P(&f)->faults, 12);
	assert_int_equal(P(&f)->pages_added, 0);
	assert_int_equal(mp_pageset_total(P(&f)->pages), 0);
	do_read(&f, A, 12); /* the last four may be read, and are no zero pages */
	assert_int_equal(mp_pageset_total(P(&f)->pages), 4);
	assert_int_equal(res(&f, A + 8 * PG, 4), 4);
	fold(&f, ev_fault(MM, tick(&f), A + 4 * PG, 1, MP_FAULT_NOKIND));
	assert_int_equal(mp_pageset_total(P(&f)->pages), 4);
	fx_free(&f);
}

static void test_run_over_mappings(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 4 * PG, RW, PRIV);
	do_mmap(&f, A + 4 * PG, 4 * PG, RW | PROT_EXEC, PRIV);
	do_mmap(&f, A + 10 * PG, 4 * PG, RW, MAP_SHARED | MAP_ANONYMOUS);
	do_touch(&f, A + 2 * PG, 10);
	assert_int_equal(mp_map_at(P(&f), 0)->faults, 2);
	assert_int_equal(mp_map_at(P(&f), 1)->faults, 4);
	assert_int_equal(mp_map_at(P(&f), 2)->faults, 2);
	assert_int_equal(mp_map_at(P(&f), 0)->resident, 2);
	assert_int_equal(mp_map_at(P(&f), 1)->resident, 4);
	assert_int_equal(mp_map_at(P(&f), 2)->resident, 2);
	assert_int_equal(P(&f)->orphan_pages, 2);
	assert_int_equal(P(&f)->faults, 10);
	/* read: only the shared one brings pages in */
	do_madvise(&f, A, 14 * PG, MADV_DONTNEED);
	do_read(&f, A, 14);
	assert_int_equal(mp_map_at(P(&f), 0)->resident, 0);
	assert_int_equal(mp_map_at(P(&f), 1)->resident, 0);
	assert_int_equal(mp_map_at(P(&f), 2)->resident, 4);
	fx_free(&f);
}

static void test_pages_added_counts_new(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 16 * PG, RW, PRIV);
	do_touch(&f, A, 8);
	do_touch(&f, A + 4 * PG, 8);
	assert_int_equal(P(&f)->faults, 16);
	assert_int_equal(P(&f)->pages_added, 12);
	fx_free(&f);
}

static void test_refault(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 16 * PG, RW, PRIV);
	do_touch(&f, A, 16);
	do_madvise(&f, A, 8 * PG, MADV_DONTNEED);
	assert_int_equal(mp_map_at(P(&f), 0)->released, 8);
	do_touch(&f, A + 6 * PG, 4);
	assert_int_equal(mp_map_at(P(&f), 0)->refaulted, 2);
	do_touch(&f, A + 6 * PG, 2); /* again: no refault, it is back */
	assert_int_equal(mp_map_at(P(&f), 0)->refaulted, 2);
	do_touch(&f, A, 6);
	assert_int_equal(mp_map_at(P(&f), 0)->refaulted, 8);
	assert_int_equal(mp_map_at(P(&f), 0)->resident, 16);
	fx_free(&f);
}

static void test_fault_rejected(void **state)
{
	struct fx f = fx_new();
	struct mp_event e = ev_fault(MM, tick(&f), ~0ULL << 12, 3, MP_FAULT_WRITE);

	(void)state;
	assert_int_equal(mp_model_fold(f.m, &e), -EINVAL);
	check_model(f.m);
	assert_int_equal(P(&f)->faults, 0);
	assert_int_equal(mp_pageset_total(P(&f)->pages), 0);
	fx_free(&f);
}

/* --- calls ------------------------------------------------------------------------------- */

static void test_dontneed(void **state)
{
	struct fx f = fx_new();
	struct mp_event e;

	(void)state;
	do_mmap(&f, A, 16 * PG, RW, PRIV);
	do_touch(&f, A, 10);
	e = ev_madvise(MM, tick(&f), A + 4 * PG, 12 * PG, MADV_DONTNEED);
	e.call.d_anon = -6;
	fold(&f, e);
	assert_int_equal(res(&f, A, 16), 4);
	assert_int_equal(P(&f)->n_maps, 1);
	assert_int_equal(P(&f)->calls[MP_CALL_MADVISE].calls, 1);
	assert_int_equal(P(&f)->calls[MP_CALL_MADVISE].dropped, 6);
	assert_int_equal(P(&f)->calls[MP_CALL_MADVISE].bytes, 12 * PG);
	assert_int_equal(P(&f)->calls[MP_CALL_MADVISE].rss_delta, -6 * (int64_t)PG);
	assert_int_equal(P(&f)->calls[MP_CALL_MADVISE].dur, 1000);
	assert_int_equal(P(&f)->advice[MADV_DONTNEED].calls, 1);
	assert_int_equal(P(&f)->advice[MADV_DONTNEED].dropped, 6);
	fx_free(&f);
}

/* The length is rounded up to pages by the kernel. */
static void test_dontneed_partial_page(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 4 * PG, RW, PRIV);
	do_touch(&f, A, 4);
	do_madvise(&f, A, PG + 1, MADV_DONTNEED);
	assert_int_equal(res(&f, A, 4), 2);
	do_madvise(&f, A + 2 * PG, 0, MADV_DONTNEED);
	assert_int_equal(res(&f, A, 4), 2);
	fx_free(&f);
}

/* kernel-facts.md, "Calls that change residency, by effect" */
static void test_advice_effects(void **state)
{
	static const struct {
		unsigned advice;
		bool drops;
	} t[] = {
		{ 0, false },  { 1, false },  { 2, false },  { 3, false },  { MADV_DONTNEED, true },
		{ 8, false },  { 9, true },   { 10, false }, { 12, false }, { 14, false },
		{ 15, false }, { 20, false }, { 21, false }, { 24, true },  { 102, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct fx f = fx_new();
		unsigned slot = t[i].advice == 102 ? 29 : t[i].advice;

		do_mmap(&f, A, 4 * PG, RW, PRIV);
		do_touch(&f, A, 4);
		do_madvise(&f, A, 4 * PG, t[i].advice);
		assert_int_equal(res(&f, A, 4), t[i].drops ? 0 : 4);
		assert_int_equal(P(&f)->advice[slot].calls, 1);
		assert_int_equal(P(&f)->advice[slot].bytes, 4 * PG);
		assert_int_equal(P(&f)->advice[slot].dropped, t[i].drops ? 4 : 0);
		fx_free(&f);
	}
}

static void test_populate_write(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 4 * PG, RW, PRIV);
	do_madvise(&f, A, 4 * PG, 23);
	assert_int_equal(res(&f, A, 4), 4);
	assert_int_equal(P(&f)->faults, 0);
	assert_int_equal(P(&f)->pages_added, 0); /* "by faults" */
	fx_free(&f);
}

static void test_failed_calls(void **state)
{
	struct fx f = fx_new();
	struct mp_event e;

	(void)state;
	do_mmap(&f, A, 16 * PG, RW, PRIV);
	do_touch(&f, A, 16);
	e = ev_call(MM, tick(&f), MP_CALL_MUNMAP, A, 16 * PG, -EINVAL);
	fold(&f, e);
	e = ev_call(MM, tick(&f), MP_CALL_MADVISE, A, 16 * PG, -EINVAL);
	e.x = MADV_DONTNEED;
	fold(&f, e);
	e = ev_mmap(MM, tick(&f), A, 16 * PG, RW, PRIV | MAP_FIXED);
	e.call.ret = -ENOMEM;
	e.flags = MP_CALL_FAILED;
	fold(&f, e);
	e = ev_call(MM, tick(&f), MP_CALL_MREMAP, A, 16 * PG, -EFAULT);
	e.call.len2 = PG;
	fold(&f, e);
	e = ev_call(MM, tick(&f), MP_CALL_MPROTECT, A, 16 * PG, -EACCES);
	fold(&f, e);
	fold(&f, ev_brk(MM, tick(&f), A + GIB, A + 16 * PG, A + 16 * PG));
	assert_int_equal(P(&f)->n_maps, 1);
	assert_mapping(&f, A, A, 16 * PG);
	assert_int_equal(mp_map_at(P(&f), 0)->bits, MP_MAP_R | MP_MAP_W);
	assert_int_equal(res(&f, A, 16), 16);
	assert_int_equal(P(&f)->vma_calls, 1);
	for (int c = MP_CALL_MUNMAP; c < MP_CALL_PROCESS_MADVISE; c++) {
		assert_int_equal(P(&f)->calls[c].calls, 1);
		assert_int_equal(P(&f)->calls[c].failed, 1);
		assert_int_equal(P(&f)->calls[c].bytes, 0);
		assert_int_equal(P(&f)->calls[c].dropped, 0);
	}
	assert_int_equal(P(&f)->calls[MP_CALL_MMAP].failed, 1);
	assert_int_equal(P(&f)->calls[MP_CALL_MMAP].bytes, 16 * PG);
	fx_free(&f);
}

/* madvise over a hole drops what is mapped and returns -ENOMEM (man 2 madvise). */
static void test_dontneed_over_hole(void **state)
{
	struct fx f = fx_new();
	struct mp_event e;

	(void)state;
	do_mmap(&f, A, 4 * PG, RW, PRIV);
	do_mmap(&f, A + 8 * PG, 4 * PG, RW, PRIV);
	do_touch(&f, A, 4);
	do_touch(&f, A + 8 * PG, 4);
	e = ev_call(MM, tick(&f), MP_CALL_MADVISE, A, 12 * PG, -ENOMEM);
	e.x = MADV_DONTNEED;
	e.call.d_anon = -8;
	fold(&f, e);
	assert_int_equal(mp_pageset_total(P(&f)->pages), 0);
	assert_int_equal(P(&f)->calls[MP_CALL_MADVISE].failed, 1);
	assert_int_equal(P(&f)->calls[MP_CALL_MADVISE].dropped, 8);
	assert_int_equal(P(&f)->calls[MP_CALL_MADVISE].rss_delta, -8 * (int64_t)PG);
	/* -ENOMEM of others is a failure */
	e = ev_call(MM, tick(&f), MP_CALL_MUNMAP, A, 12 * PG, -ENOMEM);
	fold(&f, e);
	assert_int_equal(P(&f)->n_maps, 2);
	fx_free(&f);
}

static void test_rss_delta(void **state)
{
	struct fx f = fx_new();
	struct mp_event e;

	(void)state;
	do_mmap(&f, A, 64 * PG, RW, PRIV);
	do_touch(&f, A, 64);
	/* its own: the counters' word, more pages than the model knew of */
	e = ev_madvise(MM, tick(&f), A, 8 * PG, MADV_DONTNEED);
	e.call.d_anon = -20;
	e.call.d_file = -2;
	e.call.d_shmem = -1;
	e.call.d_swap = -100; /* not RSS */
	fold(&f, e);
	assert_int_equal(P(&f)->calls[MP_CALL_MADVISE].rss_delta, -23 * (int64_t)PG);
	assert_int_equal(P(&f)->calls[MP_CALL_MADVISE].no_delta, 0);
	/* what others did is in the delta: the model's word */
	e = ev_madvise(MM, tick(&f), A + 8 * PG, 8 * PG, MADV_DONTNEED);
	e.flags = MP_CALL_SHARED;
	e.call.d_anon = 1000;
	fold(&f, e);
	assert_int_equal(P(&f)->calls[MP_CALL_MADVISE].rss_delta, -31 * (int64_t)PG);
	assert_int_equal(P(&f)->calls[MP_CALL_MADVISE].no_delta, 0);
	/* none could be read: the model's word, and counted */
	e = ev_madvise(MM, tick(&f), A + 16 * PG, 4 * PG, MADV_DONTNEED);
	e.flags = MP_CALL_NO_DELTA;
	fold(&f, e);
	assert_int_equal(P(&f)->calls[MP_CALL_MADVISE].rss_delta, -35 * (int64_t)PG);
	assert_int_equal(P(&f)->calls[MP_CALL_MADVISE].no_delta, 1);
	assert_int_equal(P(&f)->advice[MADV_DONTNEED].no_delta, 1);
	fx_free(&f);
}

/* Beside other threads' faults, which only raise the counters, a fall is the least
 * that the call released; a rise says nothing of the call. */
static void test_rss_delta_beside_faults(void **state)
{
	struct fx f = fx_new();
	struct mp_event e;

	(void)state;
	do_mmap(&f, A, 64 * PG, RW, PRIV);
	do_touch(&f, A, 64);
	e = ev_madvise(MM, tick(&f), A, 8 * PG, MADV_DONTNEED); /* a huge page went */
	e.flags = MP_CALL_FAULTED;
	e.call.d_anon = -500;
	fold(&f, e);
	assert_int_equal(P(&f)->calls[MP_CALL_MADVISE].rss_delta, -500 * (int64_t)PG);
	assert_int_equal(mp_proc_find(P(&f), A)->released, 500);
	e = ev_madvise(MM, tick(&f), A + 8 * PG, 8 * PG, MADV_DONTNEED);
	e.flags = MP_CALL_FAULTED;
	e.call.d_anon = -3; /* others brought 5 in */
	fold(&f, e);
	assert_int_equal(P(&f)->calls[MP_CALL_MADVISE].rss_delta, -508 * (int64_t)PG);
	e = ev_madvise(MM, tick(&f), A + 16 * PG, 8 * PG, MADV_DONTNEED);
	e.flags = MP_CALL_FAULTED;
	e.call.d_anon = 1000;
	fold(&f, e);
	assert_int_equal(P(&f)->calls[MP_CALL_MADVISE].rss_delta, -516 * (int64_t)PG);
	fx_free(&f);
}

static void test_bytes_asked(void **state)
{
	struct fx f = fx_new();
	uint64_t h = 0x555555600000ULL;

	(void)state;
	do_mmap(&f, A, 16 * PG, RW, PRIV);
	do_munmap(&f, A + 8 * PG, 8 * PG);
	do_brk(&f, h, h + 5 * PG);
	do_brk(&f, h + 5 * PG, h + 2 * PG);
	assert_int_equal(P(&f)->calls[MP_CALL_MMAP].bytes, 16 * PG);
	assert_int_equal(P(&f)->calls[MP_CALL_MUNMAP].bytes, 8 * PG);
	assert_int_equal(P(&f)->calls[MP_CALL_BRK].calls, 2);
	assert_int_equal(P(&f)->calls[MP_CALL_BRK].bytes, 8 * PG);
	fx_free(&f);
}

/* Breaks and deltas from damage: no overflow (UBSan), nothing mapped is lost. */
static void test_odd_numbers(void **state)
{
	static const uint64_t odd[] = { 0, 1, ~0ULL, 1ULL << 63, (1ULL << 63) - 1, ~0ULL << 12 };
	struct fx f = fx_new();
	struct mp_event e;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		for (size_t k = 0; k < 6; k++) {
			e = ev_brk(MM, tick(&f), 1, odd[i], odd[k]);
			mp_model_fold(f.m, &e);
			e.flags = 0;
			mp_model_fold(f.m, &e);
			e = ev_call(MM, tick(&f), MP_CALL_MREMAP, odd[i], odd[k], (int64_t)odd[k]);
			e.flags = 0;
			e.call.len2 = odd[i];
			mp_model_fold(f.m, &e);
			e = ev_madvise(MM, tick(&f), odd[i], odd[k], MADV_DONTNEED);
			e.call.d_anon = e.call.d_file = e.call.d_shmem = INT32_MIN;
			e.call.dur = odd[i];
			mp_model_fold(f.m, &e);
			check_model(f.m);
		}
	}
	fx_free(&f);
}

/* By the mm it worked on, not by who called. */
static void test_process_madvise(void **state)
{
	struct fx f = fx_new();
	struct mp_event e;

	(void)state;
	do_mmap(&f, A, 16 * PG, RW, PRIV);
	do_touch(&f, A, 16);
	e = ev_call(MM, tick(&f), MP_CALL_PROCESS_MADVISE, A, 16 * PG, 16 * PG);
	e.flags = MP_CALL_REMOTE;
	e.tid = 999;
	e.x = 20; /* COLD */
	fold(&f, e);
	assert_int_equal(res(&f, A, 16), 16);
	assert_int_equal(P(&f)->calls[MP_CALL_PROCESS_MADVISE].calls, 1);
	assert_int_equal(P(&f)->advice[20].calls, 1);
	fx_free(&f);
}

static void test_unknown_call(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 16 * PG, RW, PRIV);
	fold(&f, ev_call(MM, tick(&f), (enum mp_call)200, A, 16 * PG, 0));
	fold(&f, ev_call(MM, tick(&f), MP_CALL_MAX, A, 16 * PG, 0));
	fold(&f, ev(250, 1, MM, tick(&f)));
	assert_int_equal(P(&f)->n_maps, 1);
	fx_free(&f);
}

/* --- scans ------------------------------------------------------------------------------- */

static void test_scan(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 16 * PG, RW, PRIV);
	do_touch(&f, A, 16);
	fold(&f, ev_pages(MM, tick(&f), MP_PAGES_ABSENT, A, 16 * PG));
	assert_int_equal(mp_map_at(P(&f), 0)->resident, 0);
	fold(&f, ev_pages(MM, f.ts, MP_PAGES_RESIDENT, A + 2 * PG, 3 * PG));
	fold(&f, ev_pages(MM, f.ts, MP_PAGES_RESIDENT, A + 8 * PG, 8 * PG));
	assert_int_equal(mp_map_at(P(&f), 0)->resident, 11);
	/* a scan is no call and no fault */
	assert_int_equal(mp_map_at(P(&f), 0)->released, 0);
	assert_int_equal(mp_map_at(P(&f), 0)->faults, 16);
	assert_int_equal(P(&f)->pages_added, 16);
	do_touch(&f, A, 2);
	assert_int_equal(mp_map_at(P(&f), 0)->refaulted, 0);
	fx_free(&f);
}

/* A scan says what is mapped as huge pages; what leaves takes the mark away. */
static void test_scan_huge(void **state)
{
	const struct mp_pageset *s;
	struct mp_event e;
	struct fx f = fx_new();

	(void)state;
	s = P(&f)->pages;
	do_mmap(&f, A, 8 * MIB, RW, PRIV);
	e = ev_pages(MM, tick(&f), MP_PAGES_RESIDENT, A, 6 * MIB + 64 * PG);
	e.flags = MP_PAGES_HUGE;
	fold(&f, e);
	assert_int_equal(mp_map_at(P(&f), 0)->resident, 3 * 512 + 64);
	assert_int_equal(mp_pageset_huge_total(s), 3 * 512); /* the rest fills no chunk */
	do_madvise(&f, A + 2 * MIB + PG, PG, MADV_DONTNEED);
	assert_int_equal(mp_pageset_huge_total(s), 2 * 512);
	do_touch(&f, A + 2 * MIB + PG, 1); /* full again, but of small pages */
	assert_int_equal(mp_pageset_huge_total(s), 2 * 512);
	/* a scan that found them split */
	fold(&f, ev_pages(MM, tick(&f), MP_PAGES_RESIDENT, A, 2 * MIB));
	assert_int_equal(mp_pageset_huge_total(s), 512);
	fold(&f, ev_mremap(MM, tick(&f), A + 4 * MIB, 2 * MIB, 2 * MIB, A + GIB, MREMAP_MAYMOVE));
	assert_int_equal(mp_pageset_huge_total(s), 512);
	fold(&f,
	     ev_mremap(MM, tick(&f), A + GIB, 2 * MIB, 2 * MIB, A + 2 * GIB + PG, MREMAP_MAYMOVE));
	assert_int_equal(mp_pageset_huge_total(s), 0);
	fx_free(&f);
}

/* hugetlb pages are in no counter of RSS: not in the set, whoever speaks of them. */
static void test_hugetlb_is_apart(void **state)
{
	struct mp_event e;
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 8 * MIB, RW, PRIV | MAP_HUGETLB);
	do_touch(&f, A, 4);
	fold(&f, ev_pages(MM, tick(&f), MP_PAGES_RESIDENT, A, 2 * MIB));
	assert_int_equal(mp_map_at(P(&f), 0)->faults, 4);
	assert_int_equal(mp_pageset_total(P(&f)->pages), 0);
	/* a file whose nature only the snapshot tells */
	do_mmap(&f, A + GIB, 8 * MIB, RW, MAP_SHARED);
	do_touch(&f, A + GIB, 4);
	assert_int_equal(P(&f)->kind_pages[MP_KIND_UNTOLD], 4);
	fx_snap_begin(&f);
	fx_line(&f, A + GIB, 8 * MIB, BITS_RW | MP_MAP_SHARED | MP_MAP_FILE | MP_MAP_HUGETLB, 0);
	fx_snap_end(&f);
	assert_int_equal(mp_pageset_total(P(&f)->pages), 0);
	/* and the figure beside RSS, which only /proc has, outlives the kernel's events */
	e = ev_rss(MM, tick(&f), 10, 0, 0);
	e.rss.hugetlb = 4 * MIB;
	fold(&f, e);
	fold(&f, ev_rss(MM, tick(&f), 11, 0, 0));
	assert_int_equal(P(&f)->rss.hugetlb, 4 * MIB);
	fx_free(&f);
}

/* By which counters the kernel counts the pages of a mapping. */
static void test_kinds(void **state)
{
	static const uint32_t bits[] = {
		BITS_RW,
		BITS_LIB,
		BITS_LIB | MP_MAP_SHARED,
		BITS_RW | MP_MAP_FILE | MP_MAP_SHMEM,
		BITS_RW | MP_MAP_FILE | MP_MAP_SHMEM | MP_MAP_SHARED,
	};
	static const enum mp_kind kind[] = { MP_KIND_ANON, MP_KIND_FILE_PRIVATE, MP_KIND_FILE,
					     MP_KIND_SHMEM_PRIVATE, MP_KIND_SHMEM };
	struct mp_mapping v = { .cls = MP_CLS_ANON };

	(void)state;
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		v.bits = bits[i];
		v.ino = bits[i] & MP_MAP_FILE ? 7 : 0;
		assert_int_equal(mp_map_kind(&v), kind[i]);
	}
	v = (struct mp_mapping){ .bits = BITS_LIB, .cls = MP_CLS_FILE };
	assert_int_equal(mp_map_kind(&v), MP_KIND_UNTOLD); /* an mmap of a descriptor */
	v = (struct mp_mapping){ .bits = MP_MAP_R, .cls = MP_CLS_SPECIAL };
	assert_int_equal(mp_map_kind(&v), MP_KIND_UNTOLD); /* [vdso] */
}

/* In a state dump: dropped by a call, not touched since. A touch is a refault. */
static void test_scan_dropped(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 8 * PG, RW, PRIV);
	do_touch(&f, A, 8);
	fold(&f, ev_pages(MM, tick(&f), MP_PAGES_DROPPED, A, 4 * PG));
	assert_int_equal(res(&f, A, 8), 4);
	do_touch(&f, A, 4);
	assert_int_equal(mp_map_at(P(&f), 0)->refaulted, 4);
	fx_free(&f);
}

/* --- counters ------------------------------------------------------------------------------ */

static void test_rss_range(void **state)
{
	struct fx f = fx_new();

	(void)state;
	assert_false(P(&f)->rss_known);
	assert_true(P(&f)->r_rss.start == MP_UNKNOWN && P(&f)->r_rss.max == MP_UNKNOWN &&
		    P(&f)->r_rss.end == MP_UNKNOWN);
	do_rss(&f, 10, 20, 5);
	assert_true(P(&f)->rss_known);
	assert_int_equal(mp_proc_rss(P(&f)), 35 * PG);
	do_rss(&f, 100, 20, 5);
	do_rss(&f, 50, 20, 5);
	assert_int_equal(P(&f)->r_rss.start, 35 * PG);
	assert_int_equal(P(&f)->r_rss.max, 125 * PG);
	assert_int_equal(P(&f)->r_rss.end, 75 * PG);
	assert_int_equal(P(&f)->rss.ts, f.ts);
	fx_free(&f);
}

static void test_mm_exit_freezes(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_rss(&f, 100, 20, 5);
	fold(&f, ev_task(MM, tick(&f), MP_TASK_MM_EXIT, 0, 0));
	assert_true(P(&f)->mm_gone);
	do_rss(&f, 0, 0, 0);
	assert_int_equal(mp_proc_rss(P(&f)), 125 * PG);
	assert_int_equal(P(&f)->r_rss.end, 125 * PG);
	assert_int_equal(P(&f)->r_rss.start, 125 * PG);
	fx_free(&f);
}

static void test_rss_impossible(void **state)
{
	static const uint64_t bad[] = { MP_UNKNOWN, 1ULL << 63, 1ULL << 52, 1ULL << 44 };
	struct fx f = fx_new();

	(void)state;
	do_rss(&f, 10, 20, 5);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		for (int k = 0; k < 4; k++) {
			struct mp_event e = ev_rss(MM, tick(&f), 1, 1, 1);

			e.v[k] = bad[i];
			assert_int_equal(mp_model_fold(f.m, &e), -EINVAL);
			check_model(f.m);
			assert_int_equal(mp_proc_rss(P(&f)), 35 * PG);
			assert_int_equal(P(&f)->r_rss.max, 35 * PG);
		}
	}
	fx_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_makes_resident),
		cmocka_unit_test(test_read_of_anonymous),
		cmocka_unit_test(test_read_of_file_and_shmem),
		cmocka_unit_test(test_copy_on_write),
		cmocka_unit_test(test_kernel_faults),
		cmocka_unit_test(test_nokind),
		cmocka_unit_test(test_forbidden_faults),
		cmocka_unit_test(test_run_over_mappings),
		cmocka_unit_test(test_pages_added_counts_new),
		cmocka_unit_test(test_refault),
		cmocka_unit_test(test_fault_rejected),
		cmocka_unit_test(test_dontneed),
		cmocka_unit_test(test_dontneed_partial_page),
		cmocka_unit_test(test_advice_effects),
		cmocka_unit_test(test_populate_write),
		cmocka_unit_test(test_failed_calls),
		cmocka_unit_test(test_dontneed_over_hole),
		cmocka_unit_test(test_rss_delta),
		cmocka_unit_test(test_rss_delta_beside_faults),
		cmocka_unit_test(test_bytes_asked),
		cmocka_unit_test(test_odd_numbers),
		cmocka_unit_test(test_process_madvise),
		cmocka_unit_test(test_unknown_call),
		cmocka_unit_test(test_scan),
		cmocka_unit_test(test_scan_huge),
		cmocka_unit_test(test_hugetlb_is_apart),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_scan_dropped),
		cmocka_unit_test(test_rss_range),
		cmocka_unit_test(test_mm_exit_freezes),
		cmocka_unit_test(test_rss_impossible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
