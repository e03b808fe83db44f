/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * verify.h - what the files of the verifier share. Included by nothing else.
 */
#ifndef MPGC_VERIFY_H
#define MPGC_VERIFY_H

#include "gc/internal.h"

/* One run of the checks. The first thing found wrong is the one that is told. */
struct check {
	struct gc_heap *h;
	char *why;
	size_t size;
	bool bad;
	uint64_t *seen;	   /* a bit a word of the heap, scratch */
	uintptr_t old_end; /* of the last object of the block that is walked */
	const char *root;  /* what kind of roots is visited */
};

void check_fail(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* verify_pages.c */
void check_blocks(struct check *c);
void check_pages(struct check *c);

#endif /* MPGC_VERIFY_H */
