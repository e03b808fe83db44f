/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * common.h - what the collector's tests share: a heap that checks itself after
 * every collection, a pair type, waiting for a condition with a deadline.
 */
#ifndef TESTS_GC_COMMON_H
#define TESTS_GC_COMMON_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "gc/gc.h"
#include "gc/gc_segment.h"

#define KIB(n) ((size_t)(n) << 10)
#define MIB(n) ((size_t)(n) << 20)
#define PAGE   4096u

/* Whether the process's RSS is the program's own: sanitizers add theirs. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RSS_IS_OURS 0
#else
#define RSS_IS_OURS 1
#endif

struct pair {
	struct pair *a, *b;
	uint64_t value;
};

struct fix {
	struct gc_heap *heap;
	struct gc_mutator *m;
	const struct gc_type *pair, *bytes, *refs;
};

/* opts may be NULL: small young space, everything verified, release by hand. */
static inline void fix_open(struct fix *f, const struct gc_options *opts)
{
	struct gc_options def = { .struct_size = sizeof(def), .young_min = KIB(128),
				  .young_max = KIB(256), .no_release_thread = 1, .verify = 1 };
	struct gc_type_desc d = GC_TYPE_INIT(.name = "pair", .kind = GC_BITMAP64,
					     .size = sizeof(struct pair), .bitmap = 3);

	assert_int_equal(gc_heap_create(opts ? opts : &def, &f->heap), 0);
	assert_int_equal(gc_mutator_attach(f->heap, &f->m), 0);
	assert_int_equal(gc_type_register(f->heap, &d, &f->pair), 0);
	f->bytes = gc_type_bytes(f->heap);
	f->refs = gc_type_refs(f->heap);
}

static inline void fix_close(struct fix *f)
{
	char why[256] = "";

	assert_string_equal((gc_verify(f->m, why, sizeof(why)), why), "");
	gc_mutator_detach(f->m);
	assert_int_equal(gc_heap_destroy(f->heap), 0);
}

static inline struct pair *pair_new(struct fix *f, uint64_t value)
{
	struct pair *p = gc_alloc(f->m, f->pair);

	assert_non_null(p);
	assert_null(p->a);
	assert_null(p->b);
	assert_int_equal(p->value, 0);
	p->value = value;
	return p;
}

static inline struct gc_stats stats(struct fix *f)
{
	struct gc_stats st;

	gc_stats(f->heap, &st);
	return st;
}

static inline size_t resident(const void *addr, size_t len)
{
	uintptr_t lo = (uintptr_t)addr & ~(uintptr_t)(PAGE - 1);
	size_t pages = ((uintptr_t)addr + len - lo + PAGE - 1) / PAGE, i, n = 0;
	unsigned char *vec = malloc(pages);

	assert_non_null(vec);
	assert_int_equal(mincore((void *)lo, pages * PAGE, vec), 0);
	for (i = 0; i < pages; i++)
		n += vec[i] & 1;
	free(vec);
	return n;
}

static inline double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Polls cond until it holds or 10 s are over. */
#define WAIT_FOR(cond)                                                                         \
	do {                                                                                   \
		double deadline_ = now_s() + 10;                                               \
		while (!(cond) && now_s() < deadline_)                                         \
			usleep(1000);                                                          \
		assert_true(cond);                                                             \
	} while (0)

#endif /* TESTS_GC_COMMON_H */
