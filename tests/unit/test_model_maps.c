/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_model_maps.c - the mapping table as snapshots and calls make it, and the
 * residency that goes with it. The invariants are checked after every event.
 */
#include "tests/unit/ev.h"

#define A 0x7f0000000000ULL

enum { S_HEAP = 1, S_STACK, S_LIB, S_VDSO };

static void strings(struct fx *f)
{
	fx_str(f, S_HEAP, "[heap]");
	fx_str(f, S_STACK, "[stack]");
	fx_str(f, S_LIB, "/usr/lib/libc.so.6");
	fx_str(f, S_VDSO, "[vdso]");
}

static void test_snapshot_replaces(void **state)
{
	struct fx f = fx_new();

	(void)state;
	strings(&f);
	do_mmap(&f, A, 16 * PG, PROT_READ | PROT_WRITE, PRIV);
	do_touch(&f, A, 16);
	fx_snap_begin(&f);
	fx_line(&f, A + 4 * PG, 4 * PG, BITS_RW, 0);
	fx_line(&f, A + 16 * PG, 4 * PG, BITS_LIB, S_LIB);
	assert_int_equal(P(&f)->n_maps, 1); /* not before END */
	fx_snap_end(&f);
	assert_int_equal(P(&f)->n_maps, 2);
	assert_true(P(&f)->maps_known);
	assert_int_equal(P(&f)->maps_ts, f.ts);
	assert_null(mp_proc_find(P(&f), A));
	assert_mapping(&f, A + 4 * PG, A + 4 * PG, 4 * PG);
	assert_mapping(&f, A + 19 * PG, A + 16 * PG, 4 * PG);
	assert_int_equal(mp_proc_find(P(&f), A + 4 * PG)->resident, 4);
	assert_int_equal(mp_proc_find(P(&f), A + 16 * PG)->name, S_LIB);
	fx_free(&f);
}

static void test_snapshot_lost_begin_or_end(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 4 * PG, RW, PRIV);
	fx_line(&f, A + 8 * PG, PG, BITS_RW, 0); /* no BEGIN: not a snapshot */
	fx_snap_end(&f);
	assert_int_equal(P(&f)->n_maps, 1);
	fx_snap_begin(&f); /* its END never comes */
	fx_line(&f, A + 32 * PG, PG, BITS_RW, 0);
	fx_snap_begin(&f);
	fx_line(&f, A + 64 * PG, PG, BITS_RW, 0);
	fx_snap_end(&f);
	assert_int_equal(P(&f)->n_maps, 1);
	assert_mapping(&f, A + 64 * PG, A + 64 * PG, PG);
	fx_free(&f);
}

static void test_snapshot_bad_lines(void **state)
{
	struct fx f = fx_new();
	struct mp_event e;

	(void)state;
	fx_snap_begin(&f);
	fx_line(&f, A, 4 * PG, BITS_RW, 0);
	e = ev_line(MM, f.ts, A + 3 * PG, A + 8 * PG, BITS_RW, 0); /* overlaps */
	assert_int_equal(mp_model_fold(f.m, &e), -EINVAL);
	e = ev_line(MM, f.ts, A + 8 * PG, A + 8 * PG, BITS_RW, 0); /* empty */
	assert_int_equal(mp_model_fold(f.m, &e), -EINVAL);
	e = ev_line(MM, f.ts, A - 8 * PG, A - 4 * PG, BITS_RW, 0); /* backwards */
	assert_int_equal(mp_model_fold(f.m, &e), -EINVAL);
	fx_snap_end(&f);
	assert_int_equal(P(&f)->n_maps, 1);
	fx_free(&f);
}

/* What a mapping remembers is about the mapping, not about the snapshot. */
static void test_snapshot_keeps_counters(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 8 * PG, RW, PRIV);
	do_touch(&f, A, 8);
	do_madvise(&f, A, 4 * PG, MADV_DONTNEED);
	do_touch(&f, A, 2);
	fx_snap_begin(&f);
	fx_line(&f, A, 8 * PG, BITS_RW, 0);
	fx_snap_end(&f);
	assert_int_equal(mp_map_at(P(&f), 0)->faults, 10);
	assert_int_equal(mp_map_at(P(&f), 0)->released, 4);
	assert_int_equal(mp_map_at(P(&f), 0)->refaulted, 2);
	assert_int_equal(mp_map_at(P(&f), 0)->resident, 6);
	fx_free(&f);
}

static void test_mmap_inserts(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 3 * PG - 100, RW, PRIV); /* lengths are rounded up to pages */
	assert_mapping(&f, A + 2 * PG, A, 3 * PG);
	assert_int_equal(mp_map_at(P(&f), 0)->bits, MP_MAP_R | MP_MAP_W);
	assert_int_equal(mp_map_at(P(&f), 0)->resident, 0);
	do_mmap(&f, A + 16 * PG, PG, PROT_READ | PROT_EXEC, MAP_PRIVATE);
	assert_int_equal(mp_proc_find(P(&f), A + 16 * PG)->bits, MP_MAP_R | MP_MAP_X | MP_MAP_FILE);
	assert_int_equal(mp_proc_find(P(&f), A + 16 * PG)->cls, MP_CLS_FILE);
	do_mmap(&f, A + 32 * PG, PG, RW, MAP_SHARED | MAP_ANONYMOUS);
	assert_true(mp_proc_find(P(&f), A + 32 * PG)->bits & MP_MAP_SHARED);
	assert_int_equal(mp_proc_find(P(&f), A + 32 * PG)->cls, MP_CLS_SHMEM);
	assert_int_equal(P(&f)->vma_calls, 3);
	fx_free(&f);
}

static void test_mmap_fixed_over(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 16 * PG, RW, PRIV);
	do_touch(&f, A, 16);
	do_mmap(&f, A + 4 * PG, 4 * PG, PROT_NONE, PRIV | MAP_FIXED);
	assert_int_equal(P(&f)->n_maps, 3);
	assert_mapping(&f, A, A, 4 * PG);
	assert_mapping(&f, A + 4 * PG, A + 4 * PG, 4 * PG);
	assert_mapping(&f, A + 8 * PG, A + 8 * PG, 8 * PG);
	assert_int_equal(res(&f, A, 16), 12);
	assert_int_equal(res(&f, A + 4 * PG, 4), 0);
	assert_int_equal(P(&f)->calls[MP_CALL_MMAP].dropped, 4);
	/* over the border of two */
	do_mmap(&f, A + 6 * PG, 4 * PG, PROT_READ, PRIV | MAP_FIXED);
	assert_mapping(&f, A + 4 * PG, A + 4 * PG, 2 * PG);
	assert_mapping(&f, A + 6 * PG, A + 6 * PG, 4 * PG);
	assert_mapping(&f, A + 10 * PG, A + 10 * PG, 6 * PG);
	assert_int_equal(res(&f, A, 16), 10);
	fx_free(&f);
}

static void test_munmap_middle(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 16 * PG, RW, PRIV);
	do_touch(&f, A, 16);
	do_munmap(&f, A + 5 * PG, 3 * PG);
	assert_int_equal(P(&f)->n_maps, 2);
	assert_mapping(&f, A + 4 * PG, A, 5 * PG);
	assert_null(mp_proc_find(P(&f), A + 5 * PG));
	assert_null(mp_proc_find(P(&f), A + 7 * PG));
	assert_mapping(&f, A + 8 * PG, A + 8 * PG, 8 * PG);
	assert_int_equal(mp_map_at(P(&f), 0)->resident, 5);
	assert_int_equal(mp_map_at(P(&f), 1)->resident, 8);
	assert_int_equal(P(&f)->calls[MP_CALL_MUNMAP].dropped, 3);
	assert_int_equal(P(&f)->orphan_pages, 0);
	/* over a hole and both neighbours */
	do_munmap(&f, A + 4 * PG, 6 * PG);
	assert_int_equal(res(&f, A, 16), 4 + 6);
	do_munmap(&f, A, 16 * PG);
	assert_int_equal(P(&f)->n_maps, 0);
	assert_int_equal(mp_pageset_total(P(&f)->pages), 0);
	/* mapped again: nothing of the past is in it */
	do_mmap(&f, A, 16 * PG, RW, PRIV);
	do_touch(&f, A, 16);
	assert_int_equal(mp_map_at(P(&f), 0)->refaulted, 0);
	assert_int_equal(mp_map_at(P(&f), 0)->faults, 16);
	fx_free(&f);
}

static void test_neighbours_merge(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 2 * PG, RW, PRIV);
	do_touch(&f, A, 2);
	do_mmap(&f, A + 4 * PG, 2 * PG, RW, PRIV);
	do_touch(&f, A + 4 * PG, 1);
	for (int i = 0; i < 2; i++) { /* both have a past */
		do_madvise(&f, A + 4 * (uint64_t)i * PG, PG, MADV_DONTNEED);
		do_touch(&f, A + 4 * (uint64_t)i * PG, 1);
	}
	assert_int_equal(P(&f)->n_maps, 2);
	do_mmap(&f, A + 2 * PG, 2 * PG, RW, PRIV); /* fills the gap: one */
	assert_int_equal(P(&f)->n_maps, 1);
	assert_mapping(&f, A, A, 6 * PG);
	assert_int_equal(mp_map_at(P(&f), 0)->resident, 3);
	assert_int_equal(mp_map_at(P(&f), 0)->faults, 5);
	assert_int_equal(mp_map_at(P(&f), 0)->released, 2);
	assert_int_equal(mp_map_at(P(&f), 0)->refaulted, 2);
	/* other permissions, shared, files: not */
	do_mmap(&f, A + 6 * PG, PG, PROT_READ, PRIV);
	do_mmap(&f, A + 7 * PG, PG, RW, MAP_SHARED | MAP_ANONYMOUS);
	do_mmap(&f, A + 8 * PG, PG, RW, MAP_SHARED | MAP_ANONYMOUS);
	do_mmap(&f, A + 9 * PG, PG, PROT_READ, MAP_PRIVATE);
	do_mmap(&f, A + 10 * PG, PG, PROT_READ, MAP_PRIVATE);
	assert_int_equal(P(&f)->n_maps, 6);
	fx_free(&f);
}

static void test_mprotect_splits_and_rejoins(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 16 * PG, RW, PRIV);
	do_touch(&f, A, 16);
	do_mprotect(&f, A + 4 * PG, 4 * PG, PROT_NONE);
	assert_int_equal(P(&f)->n_maps, 3);
	assert_int_equal(mp_proc_find(P(&f), A + 4 * PG)->bits, 0);
	assert_int_equal(res(&f, A, 16), 16); /* RSS unchanged */
	assert_int_equal(mp_map_at(P(&f), 1)->resident, 4);
	assert_int_equal(P(&f)->calls[MP_CALL_MPROTECT].dropped, 0);
	do_mprotect(&f, A + 6 * PG, 4 * PG, PROT_READ);
	assert_int_equal(P(&f)->n_maps, 4);
	assert_mapping(&f, A + 6 * PG, A + 6 * PG, 4 * PG);
	do_mprotect(&f, A, 16 * PG, RW);
	assert_int_equal(P(&f)->n_maps, 1);
	assert_mapping(&f, A, A, 16 * PG);
	assert_int_equal(mp_map_at(P(&f), 0)->resident, 16);
	fx_free(&f);
}

static void test_mremap_shrink(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 16 * PG, RW, PRIV);
	do_touch(&f, A, 16);
	do_mremap(&f, A, 16 * PG, 6 * PG, A, 0);
	assert_int_equal(P(&f)->n_maps, 1);
	assert_mapping(&f, A, A, 6 * PG);
	assert_int_equal(mp_map_at(P(&f), 0)->resident, 6);
	assert_int_equal(P(&f)->calls[MP_CALL_MREMAP].dropped, 10);
	fx_free(&f);
}

static void test_mremap_grow_in_place(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 4 * PG, RW, PRIV);
	do_touch(&f, A, 4);
	do_mremap(&f, A, 4 * PG, 16 * PG, A, MREMAP_MAYMOVE);
	assert_int_equal(P(&f)->n_maps, 1);
	assert_mapping(&f, A, A, 16 * PG);
	assert_int_equal(mp_map_at(P(&f), 0)->resident, 4);
	fx_free(&f);
}

/* A mapping of a file that grows stays one mapping (vma_merge_extend). */
static void test_mremap_grow_file(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 4 * PG, PROT_READ, MAP_PRIVATE);
	do_mremap(&f, A, 4 * PG, 16 * PG, A, MREMAP_MAYMOVE);
	assert_int_equal(P(&f)->n_maps, 1);
	assert_mapping(&f, A, A, 16 * PG);
	fx_free(&f);
}

static void test_mremap_move(void **state)
{
	struct fx f = fx_new();
	uint64_t to = A + GIB;

	(void)state;
	do_mmap(&f, A, 8 * PG, RW, PRIV);
	do_touch(&f, A, 8);
	do_madvise(&f, A + PG, PG, MADV_DONTNEED);
	do_mremap(&f, A, 8 * PG, 16 * PG, to, MREMAP_MAYMOVE);
	assert_int_equal(P(&f)->n_maps, 1);
	assert_mapping(&f, to, to, 16 * PG);
	assert_int_equal(res(&f, A, 8), 0);
	assert_int_equal(res(&f, to, 16), 7);
	assert_int_equal(res(&f, to + PG, 1), 0);
	assert_int_equal(mp_map_at(P(&f), 0)->bits, MP_MAP_R | MP_MAP_W);
	assert_int_equal(P(&f)->calls[MP_CALL_MREMAP].dropped, 0); /* RSS unchanged */
	fx_free(&f);
}

static void test_mremap_move_over(void **state)
{
	struct fx f = fx_new();
	uint64_t to = A + 64 * PG;

	(void)state;
	do_mmap(&f, A, 8 * PG, RW, PRIV);
	do_touch(&f, A, 2);
	do_mmap(&f, to, 8 * PG, PROT_READ, PRIV);
	fold(&f, ev_pages(MM, tick(&f), MP_PAGES_RESIDENT, to, 8 * PG));
	do_mremap(&f, A, 8 * PG, 4 * PG, to, MREMAP_MAYMOVE | MREMAP_FIXED);
	assert_int_equal(P(&f)->n_maps, 2);
	assert_mapping(&f, to, to, 4 * PG);
	assert_mapping(&f, to + 4 * PG, to + 4 * PG, 4 * PG);
	assert_int_equal(res(&f, to, 4), 2);
	assert_int_equal(res(&f, to + 4 * PG, 4), 4);
	fx_free(&f);
}

/* A part of a mapping moves; the rest stays where it is. */
static void test_mremap_part(void **state)
{
	struct fx f = fx_new();
	uint64_t to = A + GIB;

	(void)state;
	do_mmap(&f, A, 12 * PG, RW, PRIV);
	do_touch(&f, A, 12);
	do_mremap(&f, A + 4 * PG, 4 * PG, 4 * PG, to, MREMAP_MAYMOVE);
	assert_int_equal(P(&f)->n_maps, 3);
	assert_mapping(&f, A, A, 4 * PG);
	assert_mapping(&f, A + 8 * PG, A + 8 * PG, 4 * PG);
	assert_mapping(&f, to, to, 4 * PG);
	assert_int_equal(mp_pageset_total(P(&f)->pages), 12);
	fx_free(&f);
}

static void test_mremap_dontunmap(void **state)
{
	struct fx f = fx_new();
	uint64_t to = A + GIB;

	(void)state;
	do_mmap(&f, A, 8 * PG, RW, PRIV);
	do_touch(&f, A, 8);
	do_mremap(&f, A, 8 * PG, 8 * PG, to, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
	assert_int_equal(P(&f)->n_maps, 2);
	assert_mapping(&f, A, A, 8 * PG);
	assert_int_equal(res(&f, A, 8), 0);
	assert_int_equal(res(&f, to, 8), 8);
	fx_free(&f);
}

/* No permissions are permissions too. */
static void test_mremap_move_prot_none(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 8 * PG, PROT_NONE, PRIV);
	do_mremap(&f, A, 8 * PG, 8 * PG, A + GIB, MREMAP_MAYMOVE);
	assert_int_equal(mp_proc_find(P(&f), A + GIB)->bits, 0);
	fx_free(&f);
}

/* What a file mapping is known by goes along when it moves. */
static void test_mremap_move_keeps_name(void **state)
{
	struct fx f = fx_new();
	struct mp_event e;
	const struct mp_mapping *v;

	(void)state;
	strings(&f);
	fx_snap_begin(&f);
	e = ev_line(MM, f.ts, A, A + 8 * PG, MP_MAP_R | MP_MAP_FILE, S_LIB);
	e.map.ino = 77;
	e.map.dev = 8 << 20 | 1;
	e.map.off = 3 * PG;
	fold(&f, e);
	fx_snap_end(&f);
	do_mremap(&f, A, 8 * PG, 8 * PG, A + GIB, MREMAP_MAYMOVE);
	v = mp_proc_find(P(&f), A + GIB);
	assert_non_null(v);
	assert_int_equal(v->name, S_LIB);
	assert_int_equal(v->cls, MP_CLS_FILE);
	assert_int_equal(v->ino, 77);
	assert_int_equal(v->dev, 8 << 20 | 1);
	assert_int_equal(v->off, 3 * PG);
	fx_free(&f);
}

/* A piece cut from a file mapping begins further on in the file. */
static void test_split_moves_offset(void **state)
{
	struct fx f = fx_new();
	struct mp_event e;

	(void)state;
	fx_snap_begin(&f);
	e = ev_line(MM, f.ts, A, A + 8 * PG, MP_MAP_R | MP_MAP_FILE, 0);
	e.map.off = 3 * PG;
	fold(&f, e);
	fx_snap_end(&f);
	do_munmap(&f, A + 2 * PG, PG);
	assert_int_equal(mp_proc_find(P(&f), A)->off, 3 * PG);
	assert_int_equal(mp_proc_find(P(&f), A + 3 * PG)->off, 6 * PG);
	fx_free(&f);
}

static void test_brk(void **state)
{
	struct fx f = fx_new();
	uint64_t h = 0x555555600000ULL;

	(void)state;
	strings(&f);
	fx_snap_begin(&f);
	fx_line(&f, h, 0x21000, BITS_RW, S_HEAP);
	fx_snap_end(&f);
	do_touch(&f, h, 0x21);
	assert_int_equal(P(&f)->cls_pages[MP_CLS_BRK], 0x21);
	do_brk(&f, h + 0x21000, h + 0x42000);
	assert_int_equal(P(&f)->n_maps, 1);
	assert_mapping(&f, h, h, 0x42000);
	do_touch(&f, h + 0x21000, 0x21);
	assert_int_equal(P(&f)->cls_pages[MP_CLS_BRK], 0x42);
	do_brk(&f, h + 0x42000, h + 0x10000);
	assert_mapping(&f, h, h, 0x10000);
	assert_int_equal(P(&f)->cls_pages[MP_CLS_BRK], 0x10);
	assert_int_equal(P(&f)->calls[MP_CALL_BRK].dropped, 0x32);
	/* asking for the break changes nothing */
	fold(&f, ev_brk(MM, tick(&f), 0, h + 0x10000, h + 0x10000));
	assert_mapping(&f, h, h, 0x10000);
	fx_free(&f);
}

/* The break grows from nothing, step by step, not on page borders. */
static void test_brk_first(void **state)
{
	struct fx f = fx_new();
	uint64_t h = 0x555555600000ULL;

	(void)state;
	do_brk(&f, h, h + 0x1234);
	assert_int_equal(P(&f)->n_maps, 1);
	assert_mapping(&f, h, h, 0x2000);
	assert_int_equal(mp_map_at(P(&f), 0)->cls, MP_CLS_BRK);
	do_brk(&f, h + 0x1234, h + 0x5678);
	do_brk(&f, h + 0x5678, h + 0x9abc);
	assert_int_equal(P(&f)->n_maps, 1);
	assert_mapping(&f, h, h, 0xa000);
	do_touch(&f, h, 10);
	assert_int_equal(P(&f)->cls_pages[MP_CLS_BRK], 10);
	do_brk(&f, h + 0x9abc, h + 0x1001); /* page 1 is still in use */
	assert_mapping(&f, h, h, 0x2000);
	assert_int_equal(P(&f)->cls_pages[MP_CLS_BRK], 2);
	fx_free(&f);
}

static void test_stack_grows(void **state)
{
	struct fx f = fx_new();
	uint64_t top = 0x7fff00000000ULL;

	(void)state;
	strings(&f);
	fx_snap_begin(&f);
	fx_line(&f, top - 33 * PG, 33 * PG, BITS_RW, S_STACK);
	fx_snap_end(&f);
	do_touch(&f, top - 33 * PG, 33);
	do_touch(&f, top - 40 * PG, 1);
	assert_int_equal(P(&f)->n_maps, 1);
	assert_mapping(&f, top - 40 * PG, top - 40 * PG, 40 * PG);
	assert_int_equal(P(&f)->cls_pages[MP_CLS_STACK], 34);
	assert_int_equal(P(&f)->orphan_pages, 0);
	/* a run that begins below and ends inside */
	do_touch(&f, top - 45 * PG, 10);
	assert_mapping(&f, top - 45 * PG, top - 45 * PG, 45 * PG);
	assert_int_equal(P(&f)->cls_pages[MP_CLS_STACK], 33 + 10);
	fx_free(&f);
}

/* Only the stack grows by faults: below another mapping a fault is an orphan. */
static void test_others_do_not_grow(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 4 * PG, RW, PRIV);
	do_touch(&f, A - 2 * PG, 2);
	assert_mapping(&f, A, A, 4 * PG);
	assert_int_equal(P(&f)->orphan_pages, 2);
	fx_free(&f);
}

/* Events before the first snapshot are not lost: the mapping takes the pages in. */
static void test_orphans_adopted(void **state)
{
	struct fx f = fx_empty();

	(void)state;
	fold(&f, ev_task(MM, tick(&f), MP_TASK_TARGET, 100, 0));
	do_touch(&f, A, 4);
	assert_false(P(&f)->maps_known);
	assert_int_equal(P(&f)->orphan_pages, 4);
	fx_snap_begin(&f);
	fx_line(&f, A, 8 * PG, BITS_RW, 0);
	fx_snap_end(&f);
	assert_int_equal(P(&f)->orphan_pages, 0);
	assert_int_equal(mp_map_at(P(&f), 0)->resident, 4);
	fx_free(&f);
}

static void test_many_mappings(void **state)
{
	struct fx f = fx_new();

	(void)state;
	for (int i = 0; i < 300; i++) /* a hole between each two */
		do_mmap(&f, A + (uint64_t)(i * 7 % 300) * 4 * PG, 2 * PG, RW, PRIV);
	assert_int_equal(P(&f)->n_maps, 300);
	for (int i = 0; i < 300; i++)
		do_munmap(&f, A + (uint64_t)(i * 11 % 300) * 4 * PG, PG);
	assert_int_equal(P(&f)->n_maps, 300);
	do_munmap(&f, A, 300 * 4 * PG);
	assert_int_equal(P(&f)->n_maps, 0);
	do_mmap(&f, A, PG, RW, PRIV);
	assert_int_equal(P(&f)->n_maps, 1);
	fx_free(&f);
}

/*
 * As many as the kernel allows (vm.max_map_count), made and taken away in random order:
 * leaves are split, emptied, joined; the table is looked at as a whole now and then.
 */
static void test_as_many_as_there_can_be(void **state)
{
	enum { ALL = 65530, STEPS = 200000 };
	static bool there[ALL];
	struct fx f = fx_new();
	uint64_t seed = 20261121;
	size_t n = 0;

	(void)state;
	memset(there, 0, sizeof(there));
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int step = 0; step < STEPS; step++) {
		struct mp_event e;
		size_t i;

		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		i = (seed >> 33) % ALL;
		/* first it grows, in the end it is emptied */
		if (there[i] && step < STEPS / 2 && seed >> 63)
			continue;
		if (there[i])
			e = ev_call(MM, tick(&f), MP_CALL_MUNMAP, A + i * 2 * PG, PG, 0);
		else if (step < STEPS / 4 * 3)
			e = ev_mmap(MM, tick(&f), A + i * 2 * PG, PG, RW, PRIV);
		else
			continue;
		assert_int_equal(mp_model_fold(f.m, &e), 0);
		there[i] = !there[i];
		n = there[i] ? n + 1 : n - 1;
		assert_int_equal(P(&f)->n_maps, n);
		if (step % 20000 == 0)
			check_model(f.m);
	}
	check_model(f.m);
	for (size_t i = 0; i < ALL; i++)
		assert_int_equal(mp_proc_find(P(&f), A + i * 2 * PG) != NULL, there[i]);
	do_munmap(&f, A, ALL * 2 * PG);
	assert_int_equal(P(&f)->n_maps, 0);
	fx_free(&f);
}

/* --- against an array of pages ------------------------------------------------------------ */

enum { N = 96 };
struct naive {
	struct {
		bool mapped, resident, dropped;
		int prot; /* -1: a file */
	} p[N];
	uint64_t added, refaults, dropped;
};

static void naive_compare(struct fx *f, const struct naive *n)
{
	static const uint32_t rwx = MP_MAP_R | MP_MAP_W | MP_MAP_X;
	uint64_t resident = 0;

	for (int i = 0; i < N; i++) {
		const struct mp_mapping *v = mp_proc_find(P(f), A + (uint64_t)i * PG);

		assert_int_equal(v != NULL, n->p[i].mapped);
		assert_int_equal(mp_pageset_test(P(f)->pages, A + (uint64_t)i * PG) != 0,
				 n->p[i].resident);
		resident += n->p[i].resident;
		if (v)
			assert_int_equal(v->bits & rwx,
					 (n->p[i].prot & PROT_READ ? MP_MAP_R : 0) |
						 (n->p[i].prot & PROT_WRITE ? MP_MAP_W : 0));
		/* equal neighbours are one mapping, others are not */
		if (i && v && n->p[i - 1].mapped)
			assert_int_equal(v->start < A + (uint64_t)i * PG,
					 n->p[i].prot == n->p[i - 1].prot);
	}
	assert_int_equal(mp_pageset_total(P(f)->pages), resident);
	assert_int_equal(P(f)->pages_added, n->added);
	assert_int_equal(P(f)->orphan_pages, 0);
}

static bool all_mapped(const struct naive *n, uint64_t at, uint64_t len)
{
	for (uint64_t i = at; i < at + len; i++)
		if (!n->p[i].mapped)
			return false;
	return true;
}

static bool one_mapping(const struct naive *n, uint64_t at, uint64_t len)
{
	for (uint64_t i = at; i < at + len; i++)
		if (!n->p[i].mapped || n->p[i].prot != n->p[at].prot)
			return false;
	return true;
}

static void naive_unmap(struct naive *n, uint64_t at, uint64_t len)
{
	memset(&n->p[at], 0, len * sizeof(n->p[0]));
}

static void naive_touch(struct fx *f, struct naive *n, uint64_t at, uint64_t len)
{
	while (len && !n->p[at].mapped) /* a fault needs a mapping */
		at++, len--;
	for (uint64_t i = at; i < at + len; i++) {
		if (!n->p[i].mapped) {
			len = i - at;
			break;
		}
		if (!(n->p[i].prot & PROT_WRITE)) /* ends in a signal */
			continue;
		n->added += !n->p[i].resident;
		n->p[i].resident = true;
		n->p[i].dropped = false;
	}
	if (len)
		do_touch(f, A + at * PG, len);
}

static void naive_mremap(struct fx *f, struct naive *n, struct rnd *r, uint64_t at, uint64_t len)
{
	uint64_t want = 1 + rnd_below(r, len + 4), to = rnd_below(r, N), keep;
	bool dontunmap = want == len && !rnd_below(r, 4);
	struct naive tmp = *n;

	if (want <= len && !dontunmap && rnd_below(r, 2)) { /* shrinks where it is */
		naive_unmap(n, at + want, len - want);
		do_mremap(f, A + at * PG, len * PG, want * PG, A + at * PG, 0);
		return;
	}
	if (to + want > N || (to < at + len && at < to + want))
		return;
	keep = want < len ? want : len;
	naive_unmap(n, to, want);
	for (uint64_t i = 0; i < want; i++) {
		n->p[to + i].mapped = true;
		n->p[to + i].prot = tmp.p[at].prot;
		n->p[to + i].resident = i < keep && tmp.p[at + i].resident;
	}
	for (uint64_t i = 0; i < len; i++) {
		n->p[at + i].resident = false;
		n->p[at + i].mapped = dontunmap;
	}
	do_mremap(f, A + at * PG, len * PG, want * PG, A + to * PG,
		  MREMAP_MAYMOVE | MREMAP_FIXED | (dontunmap ? MREMAP_DONTUNMAP : 0));
}

static void test_random_calls(void **state)
{
	static const int prots[] = { RW, RW, PROT_READ, PROT_NONE };
	struct rnd r = rnd_seed("test_random_calls", 77);

	(void)state;
	for (int round = 0; round < 30; round++) {
		struct fx f = fx_new();
		struct naive n;

		memset(&n, 0, sizeof(n));
		for (int op = 0; op < 200; op++) {
			uint64_t at = rnd_below(&r, N), len = 1 + rnd_below(&r, 16);
			int prot = prots[rnd_below(&r, 4)];

			if (at + len > N)
				len = N - at;
			switch (rnd_below(&r, 7)) {
			case 0:
			case 1:
				naive_unmap(&n, at, len);
				for (uint64_t i = at; i < at + len; i++) {
					n.p[i].mapped = true;
					n.p[i].prot = prot;
				}
				do_mmap(&f, A + at * PG, len * PG, prot, PRIV | MAP_FIXED);
				break;
			case 2:
				naive_unmap(&n, at, len);
				do_munmap(&f, A + at * PG, len * PG);
				break;
			case 3:
				if (!all_mapped(&n, at, len))
					break;
				for (uint64_t i = at; i < at + len; i++)
					n.p[i].prot = prot;
				do_mprotect(&f, A + at * PG, len * PG, prot);
				break;
			case 4:
				if (!all_mapped(&n, at, len))
					break;
				for (uint64_t i = at; i < at + len; i++)
					n.p[i].resident = false;
				do_madvise(&f, A + at * PG, len * PG, MADV_DONTNEED);
				break;
			case 5:
				if (one_mapping(&n, at, len))
					naive_mremap(&f, &n, &r, at, len);
				break;
			default:
				naive_touch(&f, &n, at, len);
			}
			naive_compare(&f, &n);
		}
		fx_free(&f);
	}
}

/* A border inside a page would have it counted on either side: such events are refused. */
static void test_borders_inside_pages(void **state)
{
	struct fx f = fx_new();
	struct mp_event e[] = {
		ev_range(MM, tick(&f), MP_HEAP_RESERVE, 0x7f0000000000, 10 * PG + 100),
		ev_fault(MM, tick(&f), 0x7f0000000300, 1, MP_FAULT_WRITE),
		ev_pages(MM, tick(&f), MP_PAGES_RESIDENT, 0x7f0000000000, PG + 1),
		ev_madvise(MM, tick(&f), 0x7f0000000100, PG, 4),
		ev_mmap(MM, tick(&f), 0x7f0000000100, PG, 3, 0x22),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(e) / sizeof(e[0]); i++)
		assert_int_equal(mp_model_fold(f.m, &e[i]), -EINVAL);
	fx_snap_begin(&f);
	e[0] = ev_line(MM, f.ts, 0x11100, 0x11200, 3, 0);
	assert_int_equal(mp_model_fold(f.m, &e[0]), -EINVAL);
	fx_snap_end(&f);
	fx_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_snapshot_replaces),
		cmocka_unit_test(test_snapshot_lost_begin_or_end),
		cmocka_unit_test(test_snapshot_bad_lines),
		cmocka_unit_test(test_snapshot_keeps_counters),
		cmocka_unit_test(test_mmap_inserts),
		cmocka_unit_test(test_mmap_fixed_over),
		cmocka_unit_test(test_munmap_middle),
		cmocka_unit_test(test_neighbours_merge),
		cmocka_unit_test(test_mprotect_splits_and_rejoins),
		cmocka_unit_test(test_mremap_shrink),
		cmocka_unit_test(test_mremap_grow_in_place),
		cmocka_unit_test(test_mremap_grow_file),
		cmocka_unit_test(test_mremap_move),
		cmocka_unit_test(test_mremap_move_over),
		cmocka_unit_test(test_mremap_part),
		cmocka_unit_test(test_mremap_dontunmap),
		cmocka_unit_test(test_mremap_move_prot_none),
		cmocka_unit_test(test_mremap_move_keeps_name),
		cmocka_unit_test(test_split_moves_offset),
		cmocka_unit_test(test_brk),
		cmocka_unit_test(test_brk_first),
		cmocka_unit_test(test_stack_grows),
		cmocka_unit_test(test_others_do_not_grow),
		cmocka_unit_test(test_orphans_adopted),
		cmocka_unit_test(test_many_mappings),
		cmocka_unit_test(test_as_many_as_there_can_be),
		cmocka_unit_test(test_borders_inside_pages),
		cmocka_unit_test(test_random_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
