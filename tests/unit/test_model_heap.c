/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_model_heap.c - classes of mappings, the account, and which collection a
 * release is credited to.
 */
#include "tests/unit/ev.h"

#define H 0x200000000000ULL /* the heap of the tests */
#define A 0x7f0000000000ULL

enum { S_HEAP = 1, S_STACK, S_LIB, S_VDSO, S_MEMFD, S_ANON };

static enum mp_class cls(struct fx *f, uint64_t addr)
{
	const struct mp_mapping *v = mp_proc_find(P(f), addr);

	assert_non_null(v);
	return v->cls;
}

/* --- classes ------------------------------------------------------------------------------- */

static void test_named_classes(void **state)
{
	struct fx f = fx_new();
	uint64_t h = 0x555555600000ULL, top = 0x7fff00000000ULL;

	(void)state;
	fx_str(&f, S_HEAP, "[heap]");
	fx_str(&f, S_STACK, "[stack]");
	fx_str(&f, S_LIB, "/usr/lib/libc.so.6");
	fx_str(&f, S_VDSO, "[vdso]");
	fx_str(&f, S_MEMFD, "/memfd:buffers (deleted)");
	fx_str(&f, S_ANON, "[anon:v8]");
	fx_snap_begin(&f);
	fx_line(&f, h, 33 * PG, BITS_RW, S_HEAP);
	fx_line(&f, A, 8 * PG, BITS_RW, 0);
	fx_line(&f, A + MIB, 8 * PG, BITS_LIB, S_LIB);
	fx_line(&f, A + 2 * MIB, 8 * PG, BITS_RW | MP_MAP_SHARED | MP_MAP_FILE | MP_MAP_SHMEM,
		S_MEMFD);
	fx_line(&f, A + 3 * MIB, 8 * PG, BITS_RW, S_ANON);
	fx_line(&f, top, 33 * PG, BITS_RW, S_STACK);
	fx_line(&f, top + MIB, 2 * PG, MP_MAP_R | MP_MAP_X, S_VDSO);
	fx_snap_end(&f);
	assert_int_equal(cls(&f, h), MP_CLS_BRK);
	assert_int_equal(cls(&f, A), MP_CLS_ANON);
	assert_int_equal(cls(&f, A + MIB), MP_CLS_FILE);
	assert_int_equal(cls(&f, A + 2 * MIB), MP_CLS_SHMEM);
	assert_int_equal(cls(&f, A + 3 * MIB), MP_CLS_ANON);
	assert_int_equal(cls(&f, top), MP_CLS_STACK);
	assert_int_equal(cls(&f, top + MIB), MP_CLS_SPECIAL);
	/* pieces keep what they are */
	do_munmap(&f, top + 8 * PG, PG);
	do_mprotect(&f, h + 8 * PG, PG, PROT_READ);
	assert_int_equal(cls(&f, top), MP_CLS_STACK);
	assert_int_equal(cls(&f, top + 9 * PG), MP_CLS_STACK);
	assert_int_equal(cls(&f, h + 8 * PG), MP_CLS_BRK);
	assert_int_equal(cls(&f, h + 9 * PG), MP_CLS_BRK);
	fx_free(&f);
}

/* As glibc makes one: 128 MiB without access, cut to 64 aligned, the head opened. */
static void test_arena(void **state)
{
	struct fx f = fx_new();
	uint64_t a = 0x7f0008000000ULL;

	(void)state;
	do_mmap(&f, a - 40 * MIB, 128 * MIB, PROT_NONE, PRIV | MAP_NORESERVE);
	do_munmap(&f, a - 40 * MIB, 40 * MIB);
	do_munmap(&f, a + 64 * MIB, 24 * MIB);
	do_mprotect(&f, a, 0x21000, RW);
	do_touch(&f, a, 0x21);
	assert_int_equal(cls(&f, a), MP_CLS_ARENA);
	assert_int_equal(cls(&f, a + 0x21000), MP_CLS_ARENA); /* its tail */
	assert_int_equal(P(&f)->cls_pages[MP_CLS_ARENA], 0x21);
	do_mprotect(&f, a + 0x21000, 0x80000, RW); /* grows */
	do_touch(&f, a + 0x21000, 0x80);
	assert_mapping(&f, a, a, 0xa1000);
	assert_int_equal(P(&f)->cls_pages[MP_CLS_ARENA], 0xa1);
	do_mprotect(&f, a + 0xa1000, 64 * MIB - 0xa1000, RW); /* to the whole */
	assert_int_equal(cls(&f, a), MP_CLS_ARENA);
	fx_free(&f);
}

static void test_not_an_arena(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, 0x7f0008000000ULL, 16 * PG, RW, PRIV); /* aligned, no tail */
	do_mmap(&f, 0x7f0010001000ULL, 16 * PG, RW, PRIV); /* not aligned */
	do_mmap(&f, 0x7f0010011000ULL, 64 * MIB - 17 * PG, PROT_NONE, PRIV);
	assert_int_equal(cls(&f, 0x7f0008000000ULL), MP_CLS_ANON);
	assert_int_equal(cls(&f, 0x7f0010001000ULL), MP_CLS_ANON);
	fx_free(&f);
}

/* As glibc makes one: the whole without access, all above the guard opened. */
static void test_thread_stack(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 8 * MIB + PG, PROT_NONE, PRIV | MAP_STACK);
	do_mprotect(&f, A + PG, 8 * MIB, RW);
	do_touch(&f, A + 8 * MIB, 1);
	assert_int_equal(cls(&f, A + PG), MP_CLS_STACK);
	assert_int_equal(P(&f)->cls_pages[MP_CLS_STACK], 1);
	do_munmap(&f, A, PG); /* its guard goes: its shape tells no more */
	do_munmap(&f, A + PG, 8 * MIB);
	assert_int_equal(P(&f)->cls_pages[MP_CLS_STACK], 0);
	fx_free(&f);
}

static void test_v8_pages(void **state)
{
	struct fx f = fx_new();
	uint64_t page = 0x3f2c40000000ULL;

	(void)state;
	do_mmap(&f, page, 256 * KIB, RW, PRIV);
	do_mmap(&f, page + 1024 * KIB + PG, 256 * KIB, RW, PRIV);
	do_touch(&f, page, 10);
	assert_int_equal(cls(&f, page), MP_CLS_ANON); /* no V8 is known */
	fold(&f, ev_heap(MM, tick(&f), MP_SRC_V8, 5 * PG, 64 * PG));
	assert_int_equal(cls(&f, page), MP_CLS_HEAP);
	assert_int_equal(cls(&f, page + 1024 * KIB + PG), MP_CLS_ANON);
	assert_int_equal(P(&f)->cls_pages[MP_CLS_HEAP], 10);
	do_mmap(&f, page + 512 * KIB, 256 * KIB, RW, PRIV); /* and what comes later */
	assert_int_equal(cls(&f, page + 512 * KIB), MP_CLS_HEAP);
	fx_free(&f);
}

/* What the collector says is its own wins over what the shape looks like. */
static void test_heap_range_wins(void **state)
{
	struct fx f = fx_new();
	uint64_t a = 0x7f0008000000ULL;

	(void)state;
	do_mmap(&f, a, 64 * MIB, PROT_NONE, PRIV);
	do_mprotect(&f, a, MIB, RW);
	do_touch(&f, a, 16);
	assert_int_equal(cls(&f, a), MP_CLS_ARENA);
	fold(&f, ev_range(MM, tick(&f), MP_HEAP_RESERVE, a, 64 * MIB));
	assert_int_equal(cls(&f, a), MP_CLS_HEAP);
	assert_int_equal(P(&f)->cls_pages[MP_CLS_HEAP], 16);
	do_mprotect(&f, a + MIB, MIB, RW); /* commits more */
	do_touch(&f, a + MIB, 4);
	assert_int_equal(P(&f)->cls_pages[MP_CLS_HEAP], 20);
	/* commit and release are the collector's word and change no pages */
	fold(&f, ev_range(MM, tick(&f), MP_HEAP_COMMIT, a, 4 * MIB));
	fold(&f, ev_range(MM, tick(&f), MP_HEAP_RELEASE, a, 4 * MIB));
	assert_int_equal(P(&f)->cls_pages[MP_CLS_HEAP], 20);
	fold(&f, ev_range(MM, tick(&f), MP_HEAP_UNRESERVE, a, 64 * MIB));
	assert_int_not_equal(cls(&f, a), MP_CLS_HEAP);
	assert_int_equal(P(&f)->cls_pages[MP_CLS_HEAP], 0);
	fx_free(&f);
}

static void test_heap_range_before_mapping(void **state)
{
	struct fx f = fx_new();

	(void)state;
	fold(&f, ev_range(MM, tick(&f), MP_HEAP_RESERVE, H, GIB));
	do_mmap(&f, H, GIB, PROT_NONE, PRIV);
	do_mprotect(&f, H, MIB, RW);
	do_mmap(&f, H + GIB, MIB, RW, PRIV); /* beside it */
	do_touch(&f, H, 3);
	do_touch(&f, H + GIB, 5);
	assert_int_equal(P(&f)->cls_pages[MP_CLS_HEAP], 3);
	assert_int_equal(P(&f)->cls_pages[MP_CLS_ANON], 5);
	fx_free(&f);
}

/* The heap's memory was joined with its neighbour's (equal anonymous mappings
 * are one): the range is the heap's all the same, and only the range. */
static void test_heap_range_inside_mapping(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, H, MIB, RW, PRIV);
	do_mmap(&f, H + MIB, MIB, RW, PRIV);
	do_touch(&f, H, 10);
	do_touch(&f, H + MIB, 20);
	assert_int_equal(P(&f)->n_maps, 1);
	fold(&f, ev_range(MM, tick(&f), MP_HEAP_RESERVE, H + MIB, MIB));
	assert_int_equal(P(&f)->cls_pages[MP_CLS_HEAP], 20);
	assert_int_equal(P(&f)->cls_pages[MP_CLS_ANON], 10);
	fx_free(&f);
}

/* The same the other way round: what lies above the range is not the heap's. */
static void test_heap_range_below_mapping_end(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, H, 2 * MIB, RW, PRIV);
	do_touch(&f, H, 10);
	do_touch(&f, H + MIB, 20);
	fold(&f, ev_range(MM, tick(&f), MP_HEAP_RESERVE, H, MIB));
	assert_int_equal(P(&f)->cls_pages[MP_CLS_HEAP], 10);
	assert_int_equal(P(&f)->cls_pages[MP_CLS_ANON], 20);
	fx_free(&f);
}

/* --- the account ------------------------------------------------------------------------------ */

/* A heap of `pages` mapped pages, all touched, in a process with that RSS. */
static struct fx fx_heap(uint64_t pages)
{
	struct fx f = fx_new();

	fold(&f, ev_range(MM, tick(&f), MP_HEAP_RESERVE, H, 4 * GIB));
	do_mmap(&f, H, pages * PG, RW, PRIV);
	do_touch(&f, H, pages);
	do_rss(&f, pages, 0, 0);
	fold(&f, ev_heap(MM, tick(&f), MP_SRC_GC, pages * PG, pages * PG));
	return f;
}

static void heap_used(struct fx *f, uint64_t pages, uint64_t committed)
{
	fold(f, ev_heap(MM, tick(f), MP_SRC_GC, pages * PG, committed * PG));
}

static void test_account_without_heap(void **state)
{
	struct fx f = fx_new();
	struct mp_account a;

	(void)state;
	mp_account(P(&f), &a);
	assert_true(mp_account_check(&a));
	assert_int_equal(a.rss, 0);
	do_mmap(&f, A, 16 * PG, RW, PRIV);
	do_touch(&f, A, 10);
	do_rss(&f, 30, 7, 3);
	mp_account(P(&f), &a);
	assert_false(a.heap_known);
	assert_int_equal(a.rss, 40 * PG);
	assert_int_equal(a.live_heap, 0);
	assert_int_equal(a.free_heap_resident, 0);
	assert_int_equal(a.lazy_heap, 0);
	assert_int_equal(a.other_anon, 10 * PG);
	assert_int_equal(a.file, 7 * PG);
	assert_int_equal(a.shmem, 3 * PG);
	assert_int_equal(a.unknown, 20 * PG);
	fx_free(&f);
}

/* "heap_known: a heap source exists; else live and free are 0" */
static void test_account_range_without_source(void **state)
{
	struct fx f = fx_new();
	struct mp_account a;

	(void)state;
	fold(&f, ev_range(MM, tick(&f), MP_HEAP_RESERVE, H, MIB));
	do_mmap(&f, H, 16 * PG, RW, PRIV);
	do_touch(&f, H, 10);
	do_rss(&f, 10, 0, 0);
	mp_account(P(&f), &a);
	assert_false(a.heap_known);
	assert_int_equal(a.live_heap, 0);
	assert_int_equal(a.free_heap_resident, 0);
	assert_int_equal(a.unsplit_heap, 10 * PG);
	assert_int_equal(a.other_anon, 0);
	fx_free(&f);
}

static void test_account_heap(void **state)
{
	struct fx f = fx_heap(100);
	struct mp_account a;

	(void)state;
	heap_used(&f, 60, 150);
	mp_account(P(&f), &a);
	assert_true(a.heap_known);
	assert_int_equal(a.live_heap, 60 * PG);
	assert_int_equal(a.free_heap_resident, 40 * PG);
	assert_int_equal(a.lazy_heap, 50 * PG);
	assert_int_equal(a.unknown, 0);
	/* bytes, not pages */
	fold(&f, ev_heap(MM, tick(&f), MP_SRC_GC, 99 * PG + 100, 150 * PG));
	mp_account(P(&f), &a);
	assert_int_equal(a.live_heap, 99 * PG + 100);
	assert_int_equal(a.free_heap_resident, PG - 100);
	/* objects on pages that are not resident: live is what is resident */
	heap_used(&f, 130, 150);
	mp_account(P(&f), &a);
	assert_int_equal(a.live_heap, 100 * PG);
	assert_int_equal(a.free_heap_resident, 0);
	/* committed below resident (released, not yet seen): never below zero */
	heap_used(&f, 50, 80);
	mp_account(P(&f), &a);
	assert_int_equal(a.lazy_heap, 0);
	fx_free(&f);
}

/* V8 unmaps its heap before the process ends: what it said last is about no memory then. */
static void test_account_unmapped_heap(void **state)
{
	struct fx f = fx_heap(100);
	struct mp_account a;

	(void)state;
	heap_used(&f, 40, 150);
	assert_int_equal(mp_proc_committed(P(&f)), 150 * PG);
	do_munmap(&f, H, 100 * PG);
	fold(&f, ev_range(MM, tick(&f), MP_HEAP_UNRESERVE, H, 4 * GIB));
	do_rss(&f, 0, 0, 0);
	mp_account(P(&f), &a);
	assert_int_equal(a.lazy_heap, 0);
	assert_int_equal(mp_proc_committed(P(&f)), MP_UNKNOWN);
	assert_int_equal(P(&f)->tl.p[P(&f)->tl.n - 1].committed, MP_UNKNOWN);
	assert_int_equal(P(&f)->heaps[MP_SRC_GC].committed, 150 * PG);
	fx_free(&f);
}

/* The pages of two heaps are one class, so their figures are summed. */
static void test_account_two_heaps(void **state)
{
	struct fx f = fx_heap(100);
	enum mp_heap_source src;
	const struct mp_heap *h;
	struct mp_account a;
	struct mp_event e;

	(void)state;
	heap_used(&f, 30, 100);
	assert_ptr_equal(mp_proc_heap(P(&f), &src), &P(&f)->heaps[MP_SRC_GC]);
	assert_int_equal(src, MP_SRC_GC);
	e = ev_heap(MM, tick(&f), MP_SRC_V8, 20 * PG, 300 * PG);
	e.heap.external = 5 * PG;
	e.heap.limit = GIB;
	fold(&f, e);
	h = mp_proc_heap(P(&f), &src);
	assert_int_equal(src, MP_SRC_V8); /* the one with more committed */
	assert_int_equal(h->used, 50 * PG);
	assert_int_equal(h->committed, 400 * PG);
	assert_int_equal(h->external, 5 * PG);
	assert_true(h->limit == MP_UNKNOWN); /* the other has none: there is no sum */
	assert_int_equal(h->r_used.max, 100 * PG);
	mp_account(P(&f), &a);
	assert_int_equal(a.live_heap, 50 * PG);
	assert_int_equal(a.free_heap_resident, 50 * PG);
	/* a source that tells no sizes is no part of it, and not the main one */
	fold(&f, ev_heap(MM, tick(&f), MP_SRC_PYTHON, MP_UNKNOWN, MP_UNKNOWN));
	assert_int_equal(mp_proc_heap(P(&f), &src)->used, 50 * PG);
	assert_int_equal(src, MP_SRC_V8);
	fx_free(&f);
}

/* Python's collections have no sizes: they are counted, and nothing is said of bytes. */
static void test_collections_without_sizes(void **state)
{
	struct fx f = fx_new();
	enum mp_heap_source src;
	struct mp_account a;
	struct mp_event e;

	(void)state;
	do_mmap(&f, A, 100 * PG, RW, PRIV);
	do_touch(&f, A, 100);
	do_rss(&f, 100, 0, 0);
	e = ev_gc(MM, tick(&f), MP_GC_MAJOR, MP_UNKNOWN, MP_UNKNOWN);
	e.gc.source = MP_SRC_PYTHON;
	fold(&f, e);
	do_rss(&f, 100, 0, 0);
	assert_true(mp_proc_heap(P(&f), &src)->used == MP_UNKNOWN);
	assert_int_equal(src, MP_SRC_PYTHON);
	assert_int_equal(P(&f)->n_gcs, 1);
	assert_int_equal(P(&f)->owed_max, 0);
	mp_account(P(&f), &a);
	assert_false(a.heap_known);
	assert_int_equal(a.other_anon, 100 * PG);
	fx_free(&f);
}

/*
 * ZGC maps one file three times: its pages are the heap once, and shared memory where RSS
 * counts them again. What leaves all views has gone back.
 */
static void test_heap_mapped_thrice(void **state)
{
	const uint32_t bits = BITS_RW | MP_MAP_SHARED | MP_MAP_FILE | MP_MAP_SHMEM;
	const uint64_t view[3] = { 1ULL << 42, 1ULL << 43, 1ULL << 44 };
	struct fx f = fx_new();
	struct mp_account a;
	struct mp_event e;

	(void)state;
	fx_str(&f, S_MEMFD, "/memfd:java_heap (deleted)");
	fx_snap_begin(&f);
	for (int i = 0; i < 3; i++) {
		e = ev_line(MM, f.ts, view[i], view[i] + 400 * PG, bits, S_MEMFD);
		e.map.ino = 77;
		fold(&f, e);
	}
	fx_snap_end(&f);
	do_touch(&f, view[0], 300);
	do_touch(&f, view[1], 100);
	do_touch(&f, view[2] + 250 * PG, 100); /* 50 of them in the first view, too */
	do_rss(&f, 0, 0, 500);
	mp_account(P(&f), &a);
	assert_int_equal(a.unsplit_heap, 350 * PG); /* no figures yet */
	assert_int_equal(a.shmem, 150 * PG);
	fold(&f, ev_heap(MM, tick(&f), MP_SRC_JVM, 200 * PG, 400 * PG));
	mp_account(P(&f), &a);
	assert_true(a.heap_known);
	assert_int_equal(a.live_heap, 200 * PG);
	assert_int_equal(a.free_heap_resident, 150 * PG);
	assert_int_equal(a.lazy_heap, 50 * PG);
	assert_int_equal(a.shmem, 150 * PG);
	assert_int_equal(a.unknown, 0);
	assert_int_equal(mp_proc_multi_mapped(P(&f)), 150 * PG);
	e = ev_gc(MM, tick(&f), MP_GC_MAJOR, 200 * PG, 50 * PG);
	e.gc.source = MP_SRC_JVM;
	fold(&f, e);
	assert_int_equal(P(&f)->owed, 150 * PG);
	do_munmap(&f, view[1], 100 * PG); /* still in the first view */
	do_rss(&f, 0, 0, 400);
	assert_int_equal(P(&f)->owed, 150 * PG);
	do_munmap(&f, view[0], 100 * PG);
	do_rss(&f, 0, 0, 300);
	assert_int_equal(P(&f)->owed, 50 * PG);
	assert_int_equal(P(&f)->gcs[0].returned, 100 * PG);
	assert_int_equal(P(&f)->gcs[0].returned_ts, f.ts);
	mp_account(P(&f), &a);
	assert_int_equal(a.live_heap + a.free_heap_resident, 250 * PG);
	fx_free(&f);
}

/* Figures of a heap whose mappings nobody recognised: no page is told live or free. */
static void test_heap_not_recognised(void **state)
{
	struct fx f = fx_new();
	struct mp_account a;
	struct mp_event e;

	(void)state;
	fx_snap_begin(&f);
	fx_line(&f, A, 400 * PG, BITS_RW, 0);
	fx_snap_end(&f);
	do_touch(&f, A, 400);
	do_rss(&f, 400, 0, 0);
	fold(&f, ev_heap(MM, tick(&f), MP_SRC_JVM, 300 * PG, 400 * PG));
	mp_account(P(&f), &a);
	assert_false(a.heap_known);
	assert_int_equal(a.other_anon, 400 * PG);
	e = ev_gc(MM, tick(&f), MP_GC_MAJOR, 300 * PG, 100 * PG);
	e.gc.source = MP_SRC_JVM;
	fold(&f, e);
	do_rss(&f, 400, 0, 0);
	assert_int_equal(P(&f)->owed, 200 * PG);
	/* what is committed and not used bounds it */
	fold(&f, ev_heap(MM, tick(&f), MP_SRC_JVM, 250 * PG, 400 * PG));
	assert_int_equal(P(&f)->owed, 150 * PG);
	fold(&f, ev_heap(MM, tick(&f), MP_SRC_JVM, 100 * PG, 120 * PG)); /* uncommitted */
	assert_int_equal(P(&f)->owed, 20 * PG);
	fx_free(&f);
}

static void test_account_unknown_is_signed(void **state)
{
	struct fx f = fx_heap(100);
	struct mp_account a;

	(void)state;
	do_rss(&f, 70, 0, 0); /* the kernel counts less than the model believes */
	mp_account(P(&f), &a);
	assert_int_equal(a.unknown, -30 * (int64_t)PG);
	do_rss(&f, 120, 0, 0);
	mp_account(P(&f), &a);
	assert_int_equal(a.unknown, 20 * PG);
	fx_free(&f);
}

static void test_account_swap_beside(void **state)
{
	struct fx f = fx_heap(10);
	struct mp_event e = ev_rss(MM, tick(&f), 10, 0, 0);
	struct mp_account a;

	(void)state;
	e.rss.swap = 99;
	e.rss.lazyfree = 4;
	fold(&f, e);
	mp_account(P(&f), &a);
	assert_int_equal(a.rss, 10 * PG);
	assert_int_equal(a.swap, 99 * PG);
	assert_int_equal(P(&f)->rss.lazyfree, 4);
	fx_free(&f);
}

static void test_account_check_sees(void **state)
{
	struct mp_account a = { .rss = 100, .live_heap = 60, .file = 30, .unknown = 10 };

	(void)state;
	assert_true(mp_account_check(&a));
	a.unknown = 11;
	assert_false(mp_account_check(&a));
	a.unknown = -10;
	a.brk = 20;
	assert_true(mp_account_check(&a));
}

static void test_heap_ranges_of_figures(void **state)
{
	struct fx f = fx_heap(100);
	const struct mp_heap *h = &P(&f)->heaps[MP_SRC_GC];

	(void)state;
	heap_used(&f, 150, 200);
	heap_used(&f, 50, 120);
	assert_int_equal(h->r_used.start, 100 * PG);
	assert_int_equal(h->r_used.max, 150 * PG);
	assert_int_equal(h->r_used.end, 50 * PG);
	assert_int_equal(h->r_committed.max, 200 * PG);
	assert_true(h->r_external.start == MP_UNKNOWN);
	assert_true(h->limit == MP_UNKNOWN);
	/* what the source does not know any more has no end */
	fold(&f, ev_heap(MM, tick(&f), MP_SRC_GC, MP_UNKNOWN, MP_UNKNOWN));
	assert_true(h->used == MP_UNKNOWN);
	assert_true(h->r_used.end == MP_UNKNOWN);
	fx_free(&f);
}

static void test_spaces(void **state)
{
	struct fx f = fx_heap(10);
	struct mp_heap *h = &P(&f)->heaps[MP_SRC_GC];

	(void)state;
	for (uint32_t i = 0; i < 40; i++) {
		struct mp_event e = ev(MP_EV_SPACE, MP_SRC_GC, MM, tick(&f));

		e.space.name = 1 + i % 20;
		e.space.used = i;
		e.space.committed = 2 * i;
		e.space.resident = MP_UNKNOWN;
		fold(&f, e);
		assert_true(h->n_spaces <= MP_SPACES_MAX);
	}
	assert_int_equal(h->n_spaces, MP_SPACES_MAX);
	assert_int_equal(h->spaces[3].name, 4);
	assert_int_equal(h->spaces[3].used, 23);
	assert_true(h->spaces[3].resident == MP_UNKNOWN);
	fx_free(&f);
}

/* --- who pays back --------------------------------------------------------------------------- */

static void gc(struct fx *f, uint64_t before, uint64_t after)
{
	fold(f, ev_gc(MM, f->ts += 2 * MS, MP_GC_MAJOR, before * PG, after * PG));
}

static void release(struct fx *f, uint64_t at, uint64_t pages)
{
	struct mp_event e = ev_madvise(MM, tick(f), H + at * PG, pages * PG, MADV_DONTNEED);

	e.call.d_anon = -(int32_t)pages;
	fold(f, e);
}

/* One heap of several: its own before and after, of the process only what HEAP says. */
static void test_part_of_the_heap(void **state)
{
	struct fx f = fx_new();
	struct mp_event e = ev_gc(MM, tick(&f), MP_GC_MAJOR, 50 * PG, 30 * PG);

	(void)state;
	fold(&f, ev_heap(MM, f.ts, MP_SRC_GC, 130 * PG, 400 * PG));
	e.flags = MP_GC_PART;
	fold(&f, e);
	assert_int_equal(P(&f)->heaps[MP_SRC_GC].used, 130 * PG);
	assert_int_equal(P(&f)->heaps[MP_SRC_GC].committed, 400 * PG);
	assert_true(P(&f)->heaps[MP_SRC_GC].live == MP_UNKNOWN);
	assert_int_equal(P(&f)->gcs[0].freed, 20 * PG);
	assert_int_equal(P(&f)->gc_marked, 0);
	fx_free(&f);
}

static void test_freed_is_owed(void **state)
{
	struct fx f = fx_heap(1000);
	const struct mp_gc *g;

	(void)state;
	gc(&f, 1000, 400);
	g = &P(&f)->gcs[0];
	assert_int_equal(P(&f)->n_gcs, 1);
	assert_int_equal(P(&f)->gc_major, 1);
	assert_int_equal(P(&f)->gc_pause, 1 * MS);
	assert_int_equal(g->freed, 600 * PG);
	assert_int_equal(g->ts, f.ts);
	assert_int_equal(g->start, f.ts - 1 * MS);
	assert_int_equal(g->returned_ts, 0);
	assert_int_equal(P(&f)->owed, 600 * PG);
	assert_int_equal(P(&f)->owed_max, 600 * PG);
	assert_int_equal(P(&f)->heaps[MP_SRC_GC].used, 400 * PG);
	assert_int_equal(P(&f)->heaps[MP_SRC_GC].live, 400 * PG);
	fx_free(&f);
}

static void test_release_pays(void **state)
{
	struct fx f = fx_heap(1000);
	const struct mp_gc *g;
	uint64_t ts;

	(void)state;
	gc(&f, 1000, 400);
	release(&f, 0, 200);
	ts = f.ts;
	g = &P(&f)->gcs[0];
	assert_int_equal(g->returned, 200 * PG);
	assert_int_equal(g->rss_fell, 200 * PG);
	assert_int_equal(g->returned_ts, ts);
	assert_true(g->returned_ts > g->ts);
	assert_int_equal(P(&f)->owed, 400 * PG);
	assert_int_equal(P(&f)->owed_max, 600 * PG);
	do_munmap(&f, H + 200 * PG, 100 * PG); /* any call that takes pages away */
	assert_int_equal(P(&f)->gcs[0].returned, 300 * PG);
	assert_int_equal(P(&f)->owed, 300 * PG);
	fx_free(&f);
}

/* Pages elsewhere pay no debt of the heap; nor do pages that were not resident. */
static void test_release_elsewhere(void **state)
{
	struct fx f = fx_heap(1000);

	(void)state;
	do_mmap(&f, A, 100 * PG, RW, PRIV);
	do_touch(&f, A, 100);
	gc(&f, 1000, 400);
	do_madvise(&f, A, 100 * PG, MADV_DONTNEED);
	assert_int_equal(P(&f)->owed, 600 * PG);
	release(&f, 0, 100);
	do_madvise(&f, H, 100 * PG, MADV_DONTNEED); /* nothing left to give back */
	assert_int_equal(P(&f)->owed, 500 * PG);
	do_madvise(&f, H + 100 * PG, 100 * PG, MADV_FREE); /* stays in RSS */
	assert_int_equal(P(&f)->owed, 500 * PG);
	fx_free(&f);
}

static void test_oldest_first(void **state)
{
	struct fx f = fx_heap(1000);
	struct mp_gc *g;

	(void)state;
	gc(&f, 1000, 800);
	gc(&f, 800, 700);
	gc(&f, 700, 400);
	assert_int_equal(P(&f)->owed, 600 * PG);
	release(&f, 0, 150);
	g = P(&f)->gcs;
	assert_int_equal(g[0].returned, 150 * PG);
	assert_int_equal(g[1].returned, 0);
	release(&f, 150, 250); /* over the rest of two and into the third */
	g = P(&f)->gcs;
	assert_int_equal(g[0].returned, 200 * PG);
	assert_int_equal(g[1].returned, 100 * PG);
	assert_int_equal(g[2].returned, 100 * PG);
	assert_int_equal(g[0].rss_fell + g[1].rss_fell + g[2].rss_fell, 400 * PG);
	assert_int_equal(P(&f)->owed, 200 * PG);
	fx_free(&f);
}

/* What the heap uses again is owed no more: the oldest first, too. */
static void test_reuse(void **state)
{
	struct fx f = fx_heap(1000);

	(void)state;
	gc(&f, 1000, 800);
	gc(&f, 800, 500);
	assert_int_equal(P(&f)->owed, 500 * PG);
	heap_used(&f, 750, 1000);
	assert_int_equal(P(&f)->owed, 250 * PG);
	assert_int_equal(P(&f)->gcs[0].reused, 200 * PG);
	assert_int_equal(P(&f)->gcs[1].reused, 50 * PG);
	assert_int_equal(P(&f)->owed_max, 500 * PG);
	heap_used(&f, 600, 1000); /* less used without a collection: nothing new is owed */
	assert_int_equal(P(&f)->owed, 250 * PG);
	fx_free(&f);
}

/* The collection returned memory before it reported its end. */
static void test_release_during_collection(void **state)
{
	struct fx f = fx_heap(1000);
	const struct mp_gc *g;
	struct mp_event e;

	(void)state;
	release(&f, 0, 100);
	e = ev_gc(MM, f.ts + 5 * MS, MP_GC_MAJOR, 1000 * PG, 400 * PG);
	e.gc.start = f.ts - 1 * MS;
	fold(&f, e);
	g = &P(&f)->gcs[0];
	assert_int_equal(g->freed, 600 * PG);
	assert_int_equal(g->returned, 100 * PG);
	assert_true(g->returned_ts && g->returned_ts <= g->ts);
	assert_int_equal(P(&f)->owed, 500 * PG);
	fx_free(&f);
}

/* More of them than are remembered one by one: their sum is. Of what was given back before
 * it began, nothing is the collection's. */
static void test_many_releases_during_collection(void **state)
{
	struct fx f = fx_heap(1000);
	uint64_t start;
	struct mp_event e;

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		release(&f, i, 1);
	start = f.ts + 1;
	for (unsigned i = 10; i < 110; i++)
		release(&f, i, 1);
	e = ev_gc(MM, f.ts + 5 * MS, MP_GC_MAJOR, 1000 * PG, 400 * PG);
	e.gc.start = start;
	fold(&f, e);
	assert_in_range(P(&f)->gcs[0].returned, 85 * PG, 100 * PG);
	/* claimed once: the next collection has none of it */
	e = ev_gc(MM, f.ts + 6 * MS, MP_GC_MAJOR, 1000 * PG, 400 * PG);
	e.gc.start = start;
	fold(&f, e);
	assert_int_equal(P(&f)->gcs[1].returned, 0);
	fx_free(&f);
}

/* start <= ts <= end, both ends included; before the start it is another's. */
static void test_release_borders(void **state)
{
	static const struct {
		int64_t after_start;
		bool credited;
	} t[] = { { -1, false }, { 0, true }, { 5 * (int64_t)MS, true } };

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct fx f = fx_heap(1000);
		struct mp_event e;

		release(&f, 0, 100);
		e = ev_gc(MM, f.ts - (uint64_t)t[i].after_start + 5 * MS, MP_GC_MAJOR, 1000 * PG,
			  400 * PG);
		e.gc.start = f.ts - (uint64_t)t[i].after_start;
		fold(&f, e);
		assert_int_equal(P(&f)->gcs[0].returned, t[i].credited ? 100 * PG : 0);
		fx_free(&f);
	}
}

/* No release pays twice. */
static void test_release_claimed_once(void **state)
{
	struct fx f = fx_heap(1000);
	struct mp_event e;
	uint64_t ts;

	(void)state;
	release(&f, 0, 100);
	ts = f.ts;
	for (int i = 0; i < 2; i++) {
		e = ev_gc(MM, ts + 5 * MS, MP_GC_MAJOR, (1000 - 100 * (uint64_t)i) * PG,
			  (900 - 100 * (uint64_t)i) * PG);
		e.gc.start = ts - 1 * MS;
		fold(&f, e);
	}
	assert_int_equal(P(&f)->gcs[0].returned + P(&f)->gcs[1].returned, 100 * PG);
	fx_free(&f);
}

static void test_refault_after_release(void **state)
{
	struct fx f = fx_heap(1000);

	(void)state;
	gc(&f, 1000, 400);
	release(&f, 0, 200);
	do_touch(&f, H, 50);
	assert_int_equal(P(&f)->gcs[0].refaulted, 50 * PG);
	do_touch(&f, H, 50);
	assert_int_equal(P(&f)->gcs[0].refaulted, 50 * PG);
	fx_free(&f);
}

/* Nothing was freed, or no source told: nothing is owed. */
static void test_nothing_freed(void **state)
{
	struct fx f = fx_heap(1000);

	(void)state;
	gc(&f, 500, 500);
	gc(&f, 400, 500);
	fold(&f, ev_gc(MM, tick(&f), MP_GC_MINOR, MP_UNKNOWN, MP_UNKNOWN));
	fold(&f, ev_gc(MM, tick(&f), MP_GC_MINOR, MP_UNKNOWN, 100 * PG));
	fold(&f, ev_gc(MM, tick(&f), MP_GC_MINOR, 100 * PG, MP_UNKNOWN));
	fold(&f, ev_gc(MM, tick(&f), MP_GC_OTHER, MP_UNKNOWN, MP_UNKNOWN));
	assert_int_equal(P(&f)->owed, 0);
	assert_int_equal(P(&f)->n_gcs, 6);
	assert_int_equal(P(&f)->gc_minor, 3);
	assert_int_equal(P(&f)->gc_major, 2);
	assert_int_equal(P(&f)->gc_other, 1);
	assert_int_equal(mp_proc_gcs(P(&f)), 6);
	fx_free(&f);
}

/* Young collections within a concurrent cycle: what they freed is owed once. */
static void test_collections_within(void **state)
{
	struct fx f = fx_heap(1000);
	struct mp_event e;
	uint64_t t = f.ts;

	(void)state;
	f.ts += 10 * MS;
	gc(&f, 1000, 800); /* before the cycle */
	e = ev_gc(MM, t + 50 * MS, MP_GC_MINOR, 900 * PG, 700 * PG);
	fold(&f, e);
	e = ev_gc(MM, t + 60 * MS, MP_GC_MINOR, 700 * PG, 700 * PG); /* a pause that frees none */
	fold(&f, e);
	e = ev_gc(MM, t + 90 * MS, MP_GC_MAJOR, 800 * PG, 500 * PG);
	e.gc.start = t + 20 * MS;
	fold(&f, e);
	assert_int_equal(P(&f)->gcs[1].freed, 200 * PG);
	assert_int_equal(P(&f)->gcs[3].freed, 100 * PG);
	assert_int_equal(P(&f)->gcs[3].before - P(&f)->gcs[3].after, 300 * PG);
	/* and what a cycle hides altogether is nothing, not below it */
	e = ev_gc(MM, t + 120 * MS, MP_GC_MINOR, 900 * PG, 600 * PG);
	fold(&f, e);
	e = ev_gc(MM, t + 130 * MS, MP_GC_MAJOR, 700 * PG, 500 * PG);
	e.gc.start = t + 100 * MS;
	fold(&f, e);
	assert_int_equal(P(&f)->gcs[5].freed, 0);
	/* another source's collections are of other bytes */
	e = ev_gc(MM, t + 135 * MS, MP_GC_MAJOR, 70 * PG, 50 * PG);
	e.gc.source = MP_SRC_V8;
	e.gc.start = t + 100 * MS;
	fold(&f, e);
	assert_int_equal(P(&f)->gcs[6].freed, 20 * PG);
	fx_free(&f);
}

/* Figures every 100 ms: what the program takes settles what is owed, to the byte, and
 * what it frees without a collection makes no debt. */
static void test_polled_figures_settle(void **state)
{
	struct fx f = fx_heap(1000);
	struct mp_gc *g;

	(void)state;
	gc(&f, 1000, 200);
	for (uint64_t used = 200; used <= 900; used += 50) {
		f.ts += 100 * MS;
		heap_used(&f, used, 1000);
		assert_int_equal(P(&f)->owed, (1000 - used) * PG);
	}
	g = &P(&f)->gcs[0];
	assert_int_equal(g->freed, g->returned + g->reused + P(&f)->owed);
	heap_used(&f, 100, 1000);
	assert_int_equal(P(&f)->owed, 100 * PG);
	release(&f, 0, 60);
	assert_int_equal(P(&f)->owed, 40 * PG);
	release(&f, 60, 200); /* more than is owed */
	assert_int_equal(P(&f)->owed, 0);
	assert_int_equal(P(&f)->gcs[0].returned, 100 * PG);
	fx_free(&f);
}

/* Without a figure of RSS nothing says that freed memory was used again. */
static void test_owed_without_rss(void **state)
{
	struct fx f = fx_new();

	(void)state;
	fold(&f, ev_range(MM, tick(&f), MP_HEAP_RESERVE, H, GIB));
	do_mmap(&f, H, 1000 * PG, RW, PRIV);
	do_touch(&f, H, 1000);
	fold(&f, ev_heap(MM, tick(&f), MP_SRC_GC, 1000 * PG, 1000 * PG));
	gc(&f, 1000, 400);
	assert_int_equal(P(&f)->gcs[0].reused, 0);
	assert_int_equal(P(&f)->owed, 600 * PG);
	fx_free(&f);
}

static void test_many_collections(void **state)
{
	struct fx f = fx_heap(1000);

	(void)state;
	for (uint64_t i = 0; i < MP_GC_MAX + 10; i++) {
		struct mp_event e =
			ev_gc(MM, f.ts += US, MP_GC_MINOR, 1000 * PG, 1000 * PG - i % 2);

		assert_int_equal(mp_model_fold(f.m, &e), 0);
		assert_true(P(&f)->n_gcs <= MP_GC_MAX);
	}
	assert_int_equal(P(&f)->gc_minor, MP_GC_MAX + 10);
	assert_int_equal(P(&f)->n_gcs + P(&f)->gc_dropped, MP_GC_MAX + 10);
	assert_int_equal(P(&f)->gcs[P(&f)->n_gcs - 1].ts, f.ts); /* the newest stay */
	check_model(f.m);
	fx_free(&f);
}

/* The oldest kept is the oldest that can be paid. */
static void test_many_debts(void **state)
{
	struct fx f = fx_heap(1000);

	(void)state;
	heap_used(&f, 400, 1000);
	for (uint64_t i = 0; i < MP_GC_MAX + 10; i++) {
		struct mp_event e = ev_gc(MM, f.ts += US, MP_GC_MINOR, 400 * PG + 8, 400 * PG);

		assert_int_equal(mp_model_fold(f.m, &e), 0);
		if (i == MP_GC_MAX / 4) {
			release(&f, 0, 10);
			assert_int_equal(P(&f)->gcs[10 * PG / 8 - 1].returned, 8);
			assert_int_equal(P(&f)->gcs[10 * PG / 8].returned, 0);
		}
	}
	assert_true(P(&f)->gc_dropped > 0);
	release(&f, 10, 1);
	assert_int_equal(P(&f)->gcs[0].returned, 8);
	assert_int_equal(P(&f)->gcs[PG / 8 - 1].returned, 8);
	assert_int_equal(P(&f)->gcs[PG / 8].returned, 0);
	fx_free(&f);
}

/* The equations hold whatever comes in whatever order. */
static void test_random_pairing(void **state)
{
	struct rnd r = rnd_seed("test_random_pairing", 4242);

	(void)state;
	for (int round = 0; round < 40; round++) {
		struct fx f = fx_heap(1000);
		uint64_t used = 1000, before, max = 0;

		for (int i = 0; i < 250; i++) {
			uint64_t at = rnd_below(&r, 900), n = 1 + rnd_below(&r, 100);
			struct mp_event e;

			switch (rnd_below(&r, 6)) {
			case 0:
				before = used;
				used -= rnd_below(&r, used / 2 + 1);
				e = ev_gc(MM, f.ts += MS / 2, 1 + (unsigned)rnd_below(&r, 3),
					  before * PG, used * PG);
				e.gc.start = f.ts - rnd_below(&r, 2 * MS);
				fold(&f, e);
				break;
			case 1:
				used = used + n > 1000 ? 1000 : used + n;
				heap_used(&f, used, 1000);
				break;
			case 2:
				release(&f, at, n);
				break;
			case 3:
				do_touch(&f, H + at * PG, n);
				break;
			case 4:
				do_rss(&f, res(&f, H, 1000) + rnd_below(&r, 50), 5, 1);
				break;
			default:
				f.ts += rnd_below(&r, 30 * MS);
				fold(&f, ev(MP_EV_TICK, 0, 0, f.ts));
			}
			if (P(&f)->owed > max)
				max = P(&f)->owed;
			assert_true(P(&f)->owed_max >= max);
		}
		fx_free(&f);
	}
}

/* Not known how much is committed: not known what of it is not resident. */
static void test_lazy_needs_committed(void **state)
{
	struct fx f = fx_heap(10);
	struct mp_account a;

	(void)state;
	mp_account(P(&f), &a);
	assert_true(a.heap_known && a.lazy_known);
	fold(&f, ev_heap(MM, tick(&f), MP_SRC_GC, 5 * PG, MP_UNKNOWN));
	mp_account(P(&f), &a);
	assert_true(a.heap_known);
	assert_false(a.lazy_known);
	fx_free(&f);
}

/* A source that does not know a figure any more says so, and it is gone; a log that tells
 * one figure leaves the others. */
static void test_figure_unknown_again(void **state)
{
	struct fx f = fx_new();
	struct mp_event e = ev_heap(MM, tick(&f), MP_SRC_GO, 100 * PG, 200 * PG);
	const struct mp_heap *h;

	(void)state;
	e.heap.limit = 300 * PG;
	e.heap.goal = 150 * PG;
	fold(&f, e);
	h = &P(&f)->heaps[MP_SRC_GO];
	assert_int_equal(h->limit, 300 * PG);
	e.heap.limit = MP_UNKNOWN;
	e.heap.committed = 1ULL << 60; /* damage */
	fold(&f, e);
	assert_true(h->limit == MP_UNKNOWN);
	assert_int_equal(h->committed, 200 * PG);
	e.heap.used = e.heap.committed = MP_UNKNOWN;
	e.heap.goal = 160 * PG;
	e.flags = MP_HEAP_SOME;
	fold(&f, e);
	assert_int_equal(h->used, 100 * PG);
	assert_int_equal(h->goal, 160 * PG);
	e.flags = 0;
	fold(&f, e);
	assert_true(h->used == MP_UNKNOWN);
	assert_true(h->r_used.end == MP_UNKNOWN);
	assert_int_equal(h->r_used.max, 100 * PG);
	assert_false(mp_proc_sized(P(&f)));
	fx_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_named_classes),
		cmocka_unit_test(test_arena),
		cmocka_unit_test(test_not_an_arena),
		cmocka_unit_test(test_thread_stack),
		cmocka_unit_test(test_v8_pages),
		cmocka_unit_test(test_heap_range_wins),
		cmocka_unit_test(test_heap_range_before_mapping),
		cmocka_unit_test(test_heap_range_inside_mapping),
		cmocka_unit_test(test_heap_range_below_mapping_end),
		cmocka_unit_test(test_account_without_heap),
		cmocka_unit_test(test_account_range_without_source),
		cmocka_unit_test(test_account_heap),
		cmocka_unit_test(test_account_unmapped_heap),
		cmocka_unit_test(test_account_two_heaps),
		cmocka_unit_test(test_collections_without_sizes),
		cmocka_unit_test(test_heap_mapped_thrice),
		cmocka_unit_test(test_heap_not_recognised),
		cmocka_unit_test(test_collections_within),
		cmocka_unit_test(test_polled_figures_settle),
		cmocka_unit_test(test_account_unknown_is_signed),
		cmocka_unit_test(test_account_swap_beside),
		cmocka_unit_test(test_account_check_sees),
		cmocka_unit_test(test_heap_ranges_of_figures),
		cmocka_unit_test(test_spaces),
		cmocka_unit_test(test_part_of_the_heap),
		cmocka_unit_test(test_freed_is_owed),
		cmocka_unit_test(test_release_pays),
		cmocka_unit_test(test_release_elsewhere),
		cmocka_unit_test(test_oldest_first),
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_release_during_collection),
		cmocka_unit_test(test_many_releases_during_collection),
		cmocka_unit_test(test_release_borders),
		cmocka_unit_test(test_release_claimed_once),
		cmocka_unit_test(test_refault_after_release),
		cmocka_unit_test(test_nothing_freed),
		cmocka_unit_test(test_owed_without_rss),
		cmocka_unit_test(test_many_collections),
		cmocka_unit_test(test_many_debts),
		cmocka_unit_test(test_random_pairing),
		cmocka_unit_test(test_figure_unknown_again),
		cmocka_unit_test(test_lazy_needs_committed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
