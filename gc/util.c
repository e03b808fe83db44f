/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * util.c - the clock, growing arrays outside the heap, the fatal message.
 *
 * Must not know the heap.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "gc/internal.h"

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void gc_fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("libmpgc: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	abort();
}

/*
 * Room for more: twice as much. A collection cannot be given up half way: no memory
 * for its stacks is fatal.
 */
void vec_reserve(struct vec *v)
{
	size_t cap = v->cap ? v->cap * 2 : 8192;
	void *p;

	if (v->cap)
		p = mremap(v->v, v->cap * sizeof(*v->v), cap * sizeof(*v->v), MREMAP_MAYMOVE);
	else
		p = mmap(NULL, cap * sizeof(*v->v), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		gc_fatal("no memory for %zu bytes of the collector's own tables",
			 cap * sizeof(*v->v));
	v->v = p;
	v->cap = cap;
}

void vec_free(struct vec *v)
{
	if (v->cap)
		munmap(v->v, v->cap * sizeof(*v->v));
	*v = (struct vec){ 0 };
}
