/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_model_faults.c - what kind each fault was, and whose: both sides of each rule.
 * That kinds, mappings and threads add up is checked after every event (ev.h).
 */
#include "tests/unit/ev.h"
#include "user/model/internal.h"

#define A	0x7f0000000000ULL
#define W	MP_FAULT_WRITE
#define P_	MP_FAULT_PRESENT
#define K	MP_FAULT_KERNEL
#define BLOCK	(2 * MIB)
#define FILE_RW (BITS_RW | MP_MAP_FILE)

static void fault(struct fx *f, uint64_t addr, uint32_t pages, unsigned bits)
{
	fold(f, ev_fault(MM, tick(f), addr, pages, bits));
}

static void fault_of(struct fx *f, uint32_t tid, uint64_t addr, uint32_t pages, unsigned bits)
{
	struct mp_event e = ev_fault(MM, tick(f), addr, pages, bits);

	e.tid = tid;
	fold(f, e);
}

static struct mp_event ev_major(struct fx *f, uint32_t tid, uint64_t addr)
{
	struct mp_event e = ev(MP_EV_MAJOR, 0, MM, tick(f));

	e.tid = tid;
	e.major.addr = addr;
	return e;
}

static uint64_t kind(struct fx *f, enum mp_fkind k)
{
	return mp_faults_of(P(f), k);
}

/* Exactly n faults of kind k, and none of another, in all and in the mapping of A. */
static void only(struct fx *f, enum mp_fkind k, uint64_t n)
{
	const struct mp_mapping *v = mp_proc_find(P(f), A);

	for (unsigned i = 0; i < MP_FK_MAX; i++) {
		assert_int_equal(kind(f, i), i == k ? n : 0);
		if (v)
			assert_int_equal(v->fk[i], i == k ? n : 0);
	}
}

/* A process with one mapping of 1,024 pages at A. */
static struct fx one(uint32_t bits)
{
	struct fx f = fx_new();

	fx_snap_begin(&f);
	fx_line(&f, A, 1024 * PG, bits, 0);
	fx_snap_end(&f);
	return f;
}

#define ONLY(bits, faults, k, n)          \
	do {                              \
		struct fx f_ = one(bits); \
		struct fx *f = &f_;       \
                                          \
		faults;                   \
		only(f, k, n);            \
		fx_free(f);               \
	} while (0)

/* --- from the error code and the mapping ------------------------------------------------ */

static void test_anonymous(void **state)
{
	(void)state;
	ONLY(BITS_RW, fault(f, A, 5, W), MP_FK_FIRST, 5);
	ONLY(BITS_RW, fault(f, A, 5, 0), MP_FK_ZERO, 5);
	ONLY(MP_MAP_R, fault(f, A, 5, 0), MP_FK_ZERO, 5);
	/* nothing may be read there: it ends in a signal */
	ONLY(0, fault(f, A, 5, 0), MP_FK_PROTECT, 5);
	/* what is not resident was the zero page, whether its read was seen or not */
	ONLY(BITS_RW, fault(f, A, 5, W | P_), MP_FK_UPGRADE, 5);
	/* a write barrier by mprotect */
	ONLY(MP_MAP_R, fault(f, A, 5, W | P_), MP_FK_PROTECT, 5);
	ONLY(BITS_RW, fault(f, A, 5, P_), MP_FK_PROTECT, 5);
}

static void test_upgrade_or_copy(void **state)
{
	struct fx f = one(BITS_RW);

	(void)state;
	fault(&f, A, 4, W);
	fault(&f, A + 4 * PG, 4, 0);
	fault(&f, A, 8, W | P_); /* four are copied, four were zero */
	assert_int_equal(kind(&f, MP_FK_FIRST), 4);
	assert_int_equal(kind(&f, MP_FK_ZERO), 4);
	assert_int_equal(kind(&f, MP_FK_COW), 4);
	assert_int_equal(kind(&f, MP_FK_UPGRADE), 4);
	assert_int_equal(P(&f)->pages_added, 8);
	assert_int_equal(P(&f)->file_anon_pages, 0);
	fx_free(&f);
}

/*
 * A store to a page of a block in which nothing was given up has a short way through the
 * fold. In a block with one dropped page it takes the long one, to the same end.
 */
static void test_short_way(void **state)
{
	struct rnd r = rnd_seed("test_short_way", 7);
	struct fx f[2] = { one(BITS_RW), one(BITS_RW) };
	uint64_t lone[2][7];

	(void)state;
	for (uint64_t b = 0; b < 2; b++) {
		uint64_t last = A + b * BLOCK + 510 * PG;

		fault(&f[1], last, 1, W);
		fault(&f[1], last + PG, 1, W);
		do_madvise(&f[1], last, 2 * PG, MADV_DONTNEED);
	}
	for (int i = 0; i < 1000; i++) {
		uint64_t page = (i < 4 ? (uint64_t)i / 2 * 512 : 512 * rnd_below(&r, 2)) +
				rnd_below(&r, i < 2 ? 1 : 510);
		uint32_t tid = (uint32_t)(1 + rnd_below(&r, 3));

		for (int k = 0; k < 2; k++)
			fault_of(&f[k], tid, A + page * PG, 1, W);
		for (int k = 0; k < 2; k++) {
			const struct mp_thread *t = faults_thread(P(&f[k]), tid);

			assert_int_equal(t->left[MP_FK_FIRST] + t->left[MP_FK_PROTECT], 1);
			assert_int_equal(t->last_addr, A + page * PG);
		}
		memset(lone, 0, sizeof(lone));
		faults_lone(P(&f[0]), 0, lone[0]);
		faults_lone(P(&f[1]), 0, lone[1]);
		assert_memory_equal(lone[0], lone[1], sizeof(lone[0]));
		/* less the four that were dropped */
		assert_int_equal(kind(&f[0], MP_FK_FIRST) + 4, kind(&f[1], MP_FK_FIRST));
		assert_int_equal(kind(&f[0], MP_FK_PROTECT), kind(&f[1], MP_FK_PROTECT));
		assert_int_equal(P(&f[0])->pages_added + 4, P(&f[1])->pages_added);
		assert_int_equal(mp_proc_find(P(&f[0]), A)->resident,
				 mp_proc_find(P(&f[1]), A)->resident);
	}
	assert_true(kind(&f[0], MP_FK_PROTECT) > 100);
	for (uint32_t tid = 1; tid <= 3; tid++)
		assert_int_equal(faults_thread(P(&f[0]), tid)->pages_added,
				 faults_thread(P(&f[1]), tid)->pages_added);
	fx_free(&f[0]);
	fx_free(&f[1]);
}

/* Two threads fault on one page; the second finds it there. */
static void test_raced(void **state)
{
	struct fx f = one(BITS_RW);

	(void)state;
	fault_of(&f, 1, A, 3, W);
	fault_of(&f, 2, A, 4, W);
	fault_of(&f, 2, A + PG, 1, 0);
	assert_int_equal(kind(&f, MP_FK_FIRST), 4);
	assert_int_equal(kind(&f, MP_FK_PROTECT), 4);
	assert_int_equal(kind(&f, MP_FK_ZERO), 0);
	fx_free(&f);
}

static void test_file(void **state)
{
	(void)state;
	ONLY(BITS_LIB, fault(f, A, 5, 0), MP_FK_FILE, 5);
	ONLY(BITS_LIB, fault(f, A, 5, MP_FAULT_INSTR), MP_FK_FILE, 5);
	ONLY(FILE_RW, fault(f, A, 5, W), MP_FK_COW, 5);
	ONLY(FILE_RW, fault(f, A, 5, W | P_), MP_FK_COW, 5);
	ONLY(MP_MAP_R | MP_MAP_FILE, fault(f, A, 5, W | P_), MP_FK_PROTECT, 5);
	ONLY(FILE_RW | MP_MAP_SHARED, fault(f, A, 5, W), MP_FK_FILE, 5);
	ONLY(FILE_RW | MP_MAP_SHARED, fault(f, A, 5, 0), MP_FK_FILE, 5);
	/* the kernel wants to know of the first write */
	ONLY(FILE_RW | MP_MAP_SHARED, fault(f, A, 5, W | P_), MP_FK_PROTECT, 5);
}

static void test_shmem(void **state)
{
	uint32_t shared = FILE_RW | MP_MAP_SHMEM | MP_MAP_SHARED;
	uint32_t copies = FILE_RW | MP_MAP_SHMEM;

	(void)state;
	ONLY(shared, fault(f, A, 5, W), MP_FK_SHMEM, 5);
	ONLY(shared, fault(f, A, 5, 0), MP_FK_SHMEM, 5);
	ONLY(shared, fault(f, A, 5, W | P_), MP_FK_PROTECT, 5);
	ONLY(copies, fault(f, A, 5, 0), MP_FK_SHMEM, 5);
	ONLY(copies, fault(f, A, 5, W), MP_FK_COW, 5);
}

/* Asked for as huge pages: nothing that came unasked. */
static void test_hugetlb(void **state)
{
	(void)state;
	ONLY(FILE_RW | MP_MAP_HUGETLB, fault(f, A, 1, W), MP_FK_FIRST, 1);
}

/* The software event tells neither read nor write: what the mapping leaves open is unknown. */
static void test_untold(void **state)
{
	unsigned n = MP_FAULT_NOKIND;

	(void)state;
	ONLY(BITS_RW, fault(f, A, 5, n), MP_FK_UNKNOWN, 5);
	ONLY(FILE_RW, fault(f, A, 5, n), MP_FK_UNKNOWN, 5);
	ONLY(BITS_LIB, fault(f, A, 5, n), MP_FK_FILE, 5);
	ONLY(FILE_RW | MP_MAP_SHARED, fault(f, A, 5, n), MP_FK_FILE, 5);
	ONLY(FILE_RW | MP_MAP_SHARED | MP_MAP_SHMEM, fault(f, A, 5, n), MP_FK_SHMEM, 5);
}

static void test_nothing_mapped(void **state)
{
	struct fx f = fx_new();

	(void)state;
	fault(&f, A, 5, W);
	fault(&f, A + MIB, 2, 0);
	only(&f, MP_FK_UNKNOWN, 7);
	fx_free(&f);
}

static void test_modes(void **state)
{
	struct fx f = one(BITS_RW);

	(void)state;
	fault(&f, A, 5, W);
	fault(&f, A + 5 * PG, 3, W | K);
	fault(&f, A + 8 * PG, 2, K);
	assert_int_equal(P(&f)->fk[0][MP_FK_FIRST], 5);
	assert_int_equal(P(&f)->fk[1][MP_FK_FIRST], 3);
	assert_int_equal(P(&f)->fk[1][MP_FK_ZERO], 2);
	fx_free(&f);
}

/* --- what was dropped before --------------------------------------------------------------- */

static void test_refault(void **state)
{
	struct fx f = one(BITS_RW);

	(void)state;
	fault(&f, A, 8, W);
	do_madvise(&f, A, 4 * PG, MADV_DONTNEED);
	fault(&f, A + 2 * PG, 8, W); /* two come back, four are there, two are new */
	assert_int_equal(kind(&f, MP_FK_REFAULT), 2);
	assert_int_equal(kind(&f, MP_FK_PROTECT), 4);
	assert_int_equal(kind(&f, MP_FK_FIRST), 10);
	/* a read brings nothing back; the write after it does */
	fault(&f, A, 2, 0);
	assert_int_equal(kind(&f, MP_FK_ZERO), 2);
	fault(&f, A, 2, W | P_);
	assert_int_equal(kind(&f, MP_FK_REFAULT), 4);
	assert_int_equal(kind(&f, MP_FK_UPGRADE), 0);
	fx_free(&f);
}

static void test_refault_of_file(void **state)
{
	struct fx f = one(FILE_RW);

	(void)state;
	fault(&f, A, 8, 0);
	do_madvise(&f, A, 4 * PG, MADV_DONTNEED);
	fault(&f, A, 6, 0); /* the other two are read again: reclaimed unseen */
	assert_int_equal(kind(&f, MP_FK_REFAULT), 4);
	assert_int_equal(kind(&f, MP_FK_FILE), 10);
	/* unmapped is not dropped: new pages of a new mapping */
	do_munmap(&f, A, 8 * PG);
	do_mmap(&f, A, 8 * PG, RW, PRIV | MAP_FIXED);
	fault(&f, A, 8, W);
	assert_int_equal(kind(&f, MP_FK_REFAULT), 4);
	assert_int_equal(kind(&f, MP_FK_FIRST), 8);
	fx_free(&f);
}

/* --- copies of file pages are anonymous ------------------------------------------------------ */

static uint64_t copies(struct fx *f)
{
	return P(f)->file_anon_pages;
}

static void test_copies(void **state)
{
	struct fx f = one(FILE_RW);

	(void)state;
	fault(&f, A, 16, 0);
	assert_int_equal(copies(&f), 0);
	fault(&f, A, 4, W | P_);
	fault(&f, A + 20 * PG, 2, W);
	assert_int_equal(copies(&f), 6);
	fault(&f, A, 4, W | P_); /* again, after a fork */
	assert_int_equal(copies(&f), 6);
	/* split, joined, moved: the pages keep it */
	do_mprotect(&f, A + 2 * PG, 2 * PG, PROT_READ);
	assert_int_equal(mp_proc_find(P(&f), A + 2 * PG)->anon, 2);
	assert_int_equal(copies(&f), 6);
	do_mprotect(&f, A + 2 * PG, 2 * PG, RW);
	assert_int_equal(mp_proc_find(P(&f), A)->anon, 6);
	do_mremap(&f, A + 20 * PG, 4 * PG, 4 * PG, A + GIB, MREMAP_MAYMOVE);
	assert_int_equal(mp_proc_find(P(&f), A + GIB)->anon, 2);
	assert_int_equal(copies(&f), 6);
	/* dropped: read again it is the file's */
	do_madvise(&f, A, 2 * PG, MADV_DONTNEED);
	assert_int_equal(copies(&f), 4);
	fault(&f, A, 2, 0);
	assert_int_equal(copies(&f), 4);
	/* dropped and written again: copies again */
	do_madvise(&f, A + 2 * PG, 2 * PG, MADV_DONTNEED);
	assert_int_equal(copies(&f), 2);
	fault(&f, A + 2 * PG, 2, W);
	assert_int_equal(copies(&f), 4);
	do_munmap(&f, A, 8 * PG);
	assert_int_equal(copies(&f), 2);
	fx_free(&f);
}

/* A scan tells of pages and not whose they are: what is known of them stays. */
static void test_copies_under_scans(void **state)
{
	struct fx f = one(FILE_RW);

	(void)state;
	fault(&f, A, 4, W);
	fold(&f, ev_pages(MM, tick(&f), MP_PAGES_ABSENT, A, BLOCK));
	assert_int_equal(copies(&f), 0);
	fold(&f, ev_pages(MM, tick(&f), MP_PAGES_RESIDENT, A + PG, 20 * PG));
	assert_int_equal(copies(&f), 3);
	fold(&f, ev_pages(MM, tick(&f), MP_PAGES_ANON, A + 10 * PG, 5 * PG));
	assert_int_equal(copies(&f), 8);
	fx_snap_begin(&f);
	fx_line(&f, A, 12 * PG, FILE_RW, 0);
	fx_snap_end(&f);
	assert_int_equal(copies(&f), 5);
	fx_free(&f);
}

/* --- what shows later ------------------------------------------------------------------------- */

static void test_major(void **state)
{
	struct fx f = one(BITS_LIB);

	(void)state;
	fault_of(&f, 7, A, 4, 0);
	fold(&f, ev_major(&f, 7, A + 3 * PG));
	assert_int_equal(kind(&f, MP_FK_MAJOR), 1);
	assert_int_equal(kind(&f, MP_FK_FILE), 3);
	assert_int_equal(mp_proc_find(P(&f), A)->fk[MP_FK_MAJOR], 1);
	assert_int_equal(P(&f)->majors, 1);
	/* of another thread, or of a page that the run did not hold: not this one's */
	fold(&f, ev_major(&f, 8, A));
	fold(&f, ev_major(&f, 7, A + 4 * PG));
	assert_int_equal(kind(&f, MP_FK_MAJOR), 1);
	assert_int_equal(P(&f)->majors, 3);
	/* more than the run had */
	for (int i = 0; i < 5; i++)
		fold(&f, ev_major(&f, 7, A));
	assert_int_equal(kind(&f, MP_FK_MAJOR), 4);
	assert_int_equal(kind(&f, MP_FK_FILE), 0);
	fx_free(&f);
}

/* A run is told when it ends: its majors may come before it. */
static void test_major_before_its_run(void **state)
{
	struct fx f = one(BITS_LIB);

	(void)state;
	fold(&f, ev_major(&f, 7, A));
	fold(&f, ev_major(&f, 7, A + 16 * PG));
	fold(&f, ev_major(&f, 8, A + PG));
	assert_int_equal(kind(&f, MP_FK_MAJOR), 0);
	fault_of(&f, 7, A, 32, 0);
	assert_int_equal(kind(&f, MP_FK_MAJOR), 2);
	assert_int_equal(kind(&f, MP_FK_FILE), 30);
	fault_of(&f, 7, A, 32, 0); /* used up */
	assert_int_equal(kind(&f, MP_FK_MAJOR), 2);
	/* many whose runs were lost: the latest are kept */
	for (uint64_t i = 0; i < 100; i++)
		fold(&f, ev_major(&f, 9, A + i * PG));
	fault_of(&f, 9, A, 100, 0);
	assert_int_equal(kind(&f, MP_FK_MAJOR), 2 + MP_MAJORS_WAIT - 1 + 1);
	fx_free(&f);
}

/* Majors of anonymous and shared memory come from swap, and are resident even if read. */
static void test_swap_in(void **state)
{
	struct fx f = one(BITS_RW);

	(void)state;
	fault(&f, A, 1, 0);
	fold(&f, ev_major(&f, 100, A));
	only(&f, MP_FK_SWAPIN, 1);
	assert_int_equal(res(&f, A, 1), 1);
	assert_int_equal(P(&f)->pages_added, 1);
	fault(&f, A + PG, 2, W);
	fold(&f, ev_major(&f, 100, A + 2 * PG));
	assert_int_equal(kind(&f, MP_FK_SWAPIN), 2);
	assert_int_equal(kind(&f, MP_FK_FIRST), 1);
	fx_free(&f);
	f = one(FILE_RW | MP_MAP_SHMEM | MP_MAP_SHARED);
	fault(&f, A, 1, 0);
	fold(&f, ev_major(&f, 100, A));
	only(&f, MP_FK_SWAPIN, 1);
	fx_free(&f);
}

/* A page of a private file mapping: from the file, or, once written, from swap. */
static void test_swap_in_of_copy(void **state)
{
	struct fx f = one(FILE_RW);

	(void)state;
	fault(&f, A, 1, W);
	fold(&f, ev_pages(MM, tick(&f), MP_PAGES_ABSENT, A, BLOCK));
	fault(&f, A, 1, 0);
	fold(&f, ev_major(&f, 100, A));
	fault(&f, A + PG, 1, 0);
	fold(&f, ev_major(&f, 100, A + PG));
	assert_int_equal(kind(&f, MP_FK_SWAPIN), 1);
	assert_int_equal(kind(&f, MP_FK_MAJOR), 1);
	assert_int_equal(copies(&f), 1);
	fx_free(&f);
}

static void scan_huge(struct fx *f, uint64_t addr, uint64_t len)
{
	struct mp_event e;

	/* as a scan tells it: what differs, then what is mapped how */
	for (uint64_t at = addr; at < addr + len; at += BLOCK)
		fold(f, ev_pages(MM, tick(f), MP_PAGES_RESIDENT, at + PG, BLOCK - PG));
	e = ev_pages(MM, tick(f), MP_PAGES_RESIDENT, addr, len);
	e.flags = MP_PAGES_HUGE;
	fold(f, e);
}

static void test_huge(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 4 * BLOCK, RW, PRIV);
	fault(&f, A, 1, W);
	fault(&f, A + BLOCK + 5 * PG, 1, W | K);
	fault(&f, A + 2 * BLOCK, 1, W); /* two in one block: it was not huge then */
	fault(&f, A + 2 * BLOCK + PG, 1, W);
	fault(&f, A + 3 * BLOCK, 2, W);
	scan_huge(&f, A, 4 * BLOCK);
	assert_int_equal(kind(&f, MP_FK_HUGE), 2);
	assert_int_equal(P(&f)->fk[1][MP_FK_HUGE], 1);
	assert_int_equal(kind(&f, MP_FK_FIRST), 4);
	assert_int_equal(P(&f)->maps->fk[MP_FK_HUGE], 2);
	scan_huge(&f, A, 4 * BLOCK); /* told once */
	assert_int_equal(kind(&f, MP_FK_HUGE), 2);
	fx_free(&f);
}

static void test_not_huge(void **state)
{
	struct fx f = fx_new();

	(void)state;
	do_mmap(&f, A, 4 * BLOCK, RW, PRIV);
	fault(&f, A, 1, W);
	fault(&f, A + 9 * PG, 1, W);
	scan_huge(&f, A, BLOCK); /* collapsed later */
	assert_int_equal(kind(&f, MP_FK_HUGE), 0);
	fault(&f, A + BLOCK, 1, 0); /* the zero page */
	scan_huge(&f, A + BLOCK, BLOCK);
	assert_int_equal(kind(&f, MP_FK_ZERO), 1);
	/* a major stays one */
	fault(&f, A + 2 * BLOCK, 1, W);
	fold(&f, ev_major(&f, 100, A + 2 * BLOCK));
	scan_huge(&f, A + 2 * BLOCK, BLOCK);
	assert_int_equal(kind(&f, MP_FK_HUGE), 0);
	assert_int_equal(kind(&f, MP_FK_SWAPIN), 1);
	fx_free(&f);
}

/* --- by mapping, thread, stack ------------------------------------------------------------- */

static void test_kinds_follow_mappings(void **state)
{
	struct fx f = fx_new();
	const struct mp_mapping *v;

	(void)state;
	do_mmap(&f, A, 8 * PG, RW, PRIV);
	do_mmap(&f, A + 8 * PG, 8 * PG, PROT_READ, PRIV);
	fault(&f, A + 4 * PG, 4, W);
	fault(&f, A + 8 * PG, 3, 0);
	assert_int_equal(mp_proc_find(P(&f), A)->fk[MP_FK_FIRST], 4);
	assert_int_equal(mp_proc_find(P(&f), A + 8 * PG)->fk[MP_FK_ZERO], 3);
	do_mprotect(&f, A + 8 * PG, 8 * PG, RW); /* joined */
	v = mp_proc_find(P(&f), A);
	assert_int_equal(v->faults, 7);
	assert_int_equal(v->fk[MP_FK_FIRST], 4);
	assert_int_equal(v->fk[MP_FK_ZERO], 3);
	fx_snap_begin(&f); /* a snapshot carries them over */
	fx_line(&f, A, 32 * PG, BITS_RW, 0);
	fx_snap_end(&f);
	assert_int_equal(mp_proc_find(P(&f), A)->fk[MP_FK_ZERO], 3);
	fx_free(&f);
}

static const struct mp_thread *thread(struct fx *f, uint32_t tid)
{
	for (size_t i = 0; i < P(f)->n_threads; i++)
		if (P(f)->threads[i].tid == tid)
			return &P(f)->threads[i];
	return NULL;
}

static void test_threads(void **state)
{
	struct fx f = one(BITS_RW);
	struct mp_event e = ev(MP_EV_TASK, MP_TASK_NAME, MM, tick(&f));

	(void)state;
	fx_str(&f, 3, "worker");
	e.tid = 12;
	e.task.comm = 3;
	fold(&f, e);
	fault_of(&f, 11, A, 5, W);
	fault_of(&f, 12, A + 5 * PG, 7, W | K);
	fault_of(&f, 11, A + 5 * PG, 2, W);
	fold(&f, ev_major(&f, 12, A + 6 * PG));
	assert_int_equal(P(&f)->n_threads, 2);
	assert_int_equal(thread(&f, 11)->faults, 7);
	assert_int_equal(thread(&f, 11)->kernel, 0);
	assert_int_equal(thread(&f, 11)->pages_added, 5);
	assert_int_equal(thread(&f, 12)->faults, 7);
	assert_int_equal(thread(&f, 12)->kernel, 7);
	assert_int_equal(thread(&f, 12)->majors, 1);
	assert_string_equal(mp_str(f.m, thread(&f, 12)->name), "worker");
	assert_int_equal(thread(&f, 11)->name, 0);
	fx_free(&f);
}

static void test_too_many_threads(void **state)
{
	struct fx f = one(BITS_RW);

	(void)state;
	for (uint32_t i = 1; i <= MP_THREADS_MAX + 10; i++) {
		struct mp_event e = ev_fault(MM, tick(&f), A + i % 1024 * PG, 1, W);

		e.tid = i;
		assert_int_equal(mp_model_fold(f.m, &e), 0);
	}
	check_model(f.m);
	assert_int_equal(P(&f)->n_threads, MP_THREADS_MAX);
	assert_int_equal(P(&f)->rest.faults, 10);
	assert_int_equal(P(&f)->rest.tid, 0);
	fx_free(&f);
}

static void site(struct fx *f, uint64_t stack, uint32_t pages)
{
	struct mp_event e = ev(MP_EV_SITE, MP_SITE_FAULT, MM, tick(f));

	e.x = pages;
	e.site.stack = stack;
	e.site.addr = A;
	fold(f, e);
}

static void test_sites(void **state)
{
	struct fx f = one(BITS_RW);
	const struct mp_fsite *s;
	struct mp_event e;

	(void)state;
	for (int i = 0; i < 100; i++)
		site(&f, 5, 128);
	site(&f, 9, 128);
	site(&f, 0, 64);
	e = ev(MP_EV_SITE, MP_SITE_CALL, MM, tick(&f)); /* of a call: not a fault's */
	e.site.stack = 5;
	fold(&f, e);
	assert_int_equal(P(&f)->n_fsites, 3);
	s = &P(&f)->fsites[0];
	assert_int_equal(s->stack, 5);
	assert_int_equal(s->samples, 100);
	assert_int_equal(s->pages, 12800);
	assert_int_equal(mp_fsite_error(s), 1280); /* 128 * sqrt(100) */
	assert_int_equal(P(&f)->fsites[2].pages, 64);
	assert_int_equal(mp_fsite_error(&P(&f)->fsites[2]), 64);
	fx_free(&f);
}

static void test_square_roots(void **state)
{
	struct mp_fsite s = { 0 };

	(void)state;
	for (uint64_t r = 0; r < 70000; r += r < 100 ? 1 : 997) {
		s.squares = r * r;
		assert_int_equal(mp_fsite_error(&s), r);
		s.squares = r * r + 2 * r; /* the last before the next square */
		assert_int_equal(mp_fsite_error(&s), r);
	}
	s.squares = UINT64_MAX;
	assert_int_equal(mp_fsite_error(&s), UINT32_MAX);
}

static void test_too_many_sites(void **state)
{
	struct fx f = one(BITS_RW);
	uint64_t other = 0;

	(void)state;
	for (uint64_t i = 1; i <= MP_FSITES_MAX + 10; i++) {
		struct mp_event e = ev(MP_EV_SITE, MP_SITE_FAULT, MM, tick(&f));

		e.x = 2;
		e.site.stack = i;
		assert_int_equal(mp_model_fold(f.m, &e), 0);
	}
	assert_int_equal(P(&f)->n_fsites, MP_FSITES_MAX + 1);
	for (size_t i = 0; i < P(&f)->n_fsites; i++)
		other += P(&f)->fsites[i].stack ? 0 : P(&f)->fsites[i].pages;
	assert_int_equal(other, 20);
	fx_free(&f);
}

/* --- exec, end, old dumps ------------------------------------------------------------------ */

static void test_exec(void **state)
{
	struct fx f = one(FILE_RW);

	(void)state;
	fault_of(&f, 100, A, 3, W);
	fold(&f, ev_major(&f, 100, A + 100 * PG));
	fold(&f, ev_task(9, tick(&f), MP_TASK_EXEC, MM, 0));
	const struct mp_proc *p = mp_model_proc(f.m, 9);
	struct mp_event e = ev_fault(9, tick(&f), A + 100 * PG, 1, 0);

	assert_int_equal(p->file_anon_pages, 0);
	assert_int_equal(mp_faults_of(p, MP_FK_COW), 3); /* what was counted stays */
	fold(&f, e);
	assert_int_equal(mp_faults_of(p, MP_FK_MAJOR), 0);
	e = ev(MP_EV_MAJOR, 0, 9, tick(&f));
	e.major.addr = A; /* of the old image's run: matches nothing */
	fold(&f, e);
	assert_int_equal(mp_faults_of(p, MP_FK_MAJOR), 0);
	fx_free(&f);
}

static void test_after_the_end(void **state)
{
	struct fx f = one(BITS_RW);

	(void)state;
	fold(&f, ev_task(MM, tick(&f), MP_TASK_MM_EXIT, 0, 0));
	fault(&f, A, 3, W);
	fold(&f, ev_major(&f, 100, A));
	site(&f, 1, 5);
	assert_int_equal(P(&f)->faults, 0);
	assert_int_equal(P(&f)->majors, 0);
	assert_int_equal(P(&f)->n_fsites, 0);
	fx_free(&f);
}

/* A keyframe of a version without kinds: its faults are of unknown kind and thread. */
static void test_old_keyframe(void **state)
{
	struct fx f = fx_new();
	struct mp_event e;

	(void)state;
	fold(&f, ev(MP_EV_KEYFRAME, MP_KEY_BEGIN, 0, tick(&f)));
	fold(&f, ev_task(MM, f.ts, MP_TASK_TARGET, 100, 0));
	for (uint32_t id = 6; id <= 8; id++) { /* faults, of user mode, of kernel mode */
		e = ev(MP_EV_TOTAL, MP_TOTAL_PROC, MM, f.ts);
		e.x = id;
		e.v[0] = id == 6 ? 50 : id == 7 ? 30 : 20;
		fold(&f, e);
	}
	fold(&f, ev(MP_EV_KEYFRAME, MP_KEY_END, 0, f.ts));
	assert_int_equal(P(&f)->fk[0][MP_FK_UNKNOWN], 30);
	assert_int_equal(P(&f)->fk[1][MP_FK_UNKNOWN], 20);
	assert_int_equal(P(&f)->rest.faults, 50);
	assert_true(mp_faults_check(P(&f)));
	fx_free(&f);
}

/* Impossible events are refused and change nothing. */
static void test_refused(void **state)
{
	struct fx f = one(BITS_RW);
	struct mp_event e = ev_major(&f, 1, 1ULL << 60);

	(void)state;
	assert_int_equal(mp_model_fold(f.m, &e), -EINVAL);
	e = ev_major(&f, 1, 0);
	assert_int_equal(mp_model_fold(f.m, &e), -EINVAL);
	e = ev(MP_EV_SITE, MP_SITE_FAULT, MM, tick(&f));
	e.x = 0xffffffff;
	assert_int_equal(mp_model_fold(f.m, &e), -EINVAL);
	assert_int_equal(P(&f)->majors, 0);
	assert_int_equal(P(&f)->n_fsites, 0);
	fx_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_anonymous),
		cmocka_unit_test(test_upgrade_or_copy),
		cmocka_unit_test(test_short_way),
		cmocka_unit_test(test_raced),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_shmem),
		cmocka_unit_test(test_hugetlb),
		cmocka_unit_test(test_untold),
		cmocka_unit_test(test_nothing_mapped),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_refault),
		cmocka_unit_test(test_refault_of_file),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_copies_under_scans),
		cmocka_unit_test(test_major),
		cmocka_unit_test(test_major_before_its_run),
		cmocka_unit_test(test_swap_in),
		cmocka_unit_test(test_swap_in_of_copy),
		cmocka_unit_test(test_huge),
		cmocka_unit_test(test_not_huge),
		cmocka_unit_test(test_kinds_follow_mappings),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_too_many_threads),
		cmocka_unit_test(test_sites),
		cmocka_unit_test(test_square_roots),
		cmocka_unit_test(test_too_many_sites),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_after_the_end),
		cmocka_unit_test(test_old_keyframe),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
