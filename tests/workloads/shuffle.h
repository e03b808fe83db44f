/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * shuffle.h - what the operations of shuffle.c work on: the ranges that are the
 * program's to play with, random numbers, the log, and touching that survives
 * whatever the range has become.
 *
 * Nothing here allocates, and no operation leaves the ranges in the table: the
 * program's own code, data, stack and libraries are never in it.
 */
#ifndef SHUFFLE_H
#define SHUFFLE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/types.h>

#include "step.h"

#define WINDOW	     0x200000000000UL /* where mappings lie close together */
#define WINDOW_PAGES 16384UL	      /* 64 MiB */
#define AREAS_MAX    96
#define FILE_PAGES   2048UL
#define KIDS_MAX     2

enum kind { ANON, PRIVATE_FILE, SHARED_FILE, SHMEM, SYSV, HUGETLB };

struct area {
	char *start;
	size_t len;
	enum kind kind;
	int fd; /* of what is mapped, -1 = nothing */
};

enum { ARG_SEED = 1, ARG_OPS, ARG_EVERY, ARG_THREADS, ARG_LOG, ARG_DONE, ARG_MAX_ };

struct kid {
	pid_t pid;
	int leash; /* its end of the pipe closes, the child ends */
};

struct shuffle {
	uint64_t rng;
	long done;     /* operations so far */
	int threads;   /* of an operation with several */
	bool is_child; /* leaves forks and turns to its parent */
	int log;       /* descriptor */
	int file, tmpfs, memfd, zero;
	size_t n;
	struct area areas[AREAS_MAX];
	struct kid kids[KIDS_MAX];
	bool locked_future;
	char *brk0, *brk_now; /* what brk operations have added */
	pid_t self;
	char **argv; /* by ARG_* */
};

/* --- numbers ------------------------------------------------------------------- */

static inline uint64_t rnd(struct shuffle *s, uint64_t below)
{
	return step_rand(&s->rng) % below;
}

static inline bool one_in(struct shuffle *s, unsigned n)
{
	return rnd(s, n) == 0;
}

/* Lengths: most are short, some are long enough for huge pages. */
static inline size_t some_pages(struct shuffle *s)
{
	switch (rnd(s, 16)) {
	case 0:
		return 512 + rnd(s, 1536);
	case 1:
	case 2:
	case 3:
		return 32 + rnd(s, 256);
	default:
		return 1 + rnd(s, 32);
	}
}

/* --- the log ------------------------------------------------------------------- */

/* One line an operation: number, process, name, range, result. The judge quotes it. */
static inline void say(struct shuffle *s, const char *what, const void *p, size_t len, long ret)
{
	char line[160];
	int n = snprintf(line, sizeof(line), "%ld %d %s %lx %lx %ld\n", s->done, (int)getpid(),
			 what, (unsigned long)p, (unsigned long)p + len, ret < 0 ? -errno : ret);

	if (s->log >= 0 && write(s->log, line, (size_t)n) != n)
		exit(97);
}

/* --- ranges -------------------------------------------------------------------- */

/* Takes [p, p+len) out of the table; what lies around it stays. */
static inline void area_forget(struct shuffle *s, char *p, size_t len)
{
	for (size_t i = 0; i < s->n; i++) {
		struct area *a = &s->areas[i], rest = *a;
		char *end = a->start + a->len;

		if (end <= p || a->start >= p + len)
			continue;
		if (a->start < p)
			a->len = (size_t)(p - a->start);
		else
			a->len = 0;
		if (end > p + len) {
			rest.start = p + len;
			rest.len = (size_t)(end - rest.start);
			if (!a->len)
				*a = rest;
			else if (s->n < AREAS_MAX) /* else it is mapped, and left alone */
				s->areas[s->n++] = rest;
		}
		if (!a->len)
			s->areas[i--] = s->areas[--s->n];
	}
}

static inline void area_add(struct shuffle *s, char *p, size_t len, enum kind kind, int fd)
{
	area_forget(s, p, len);
	if (s->n == AREAS_MAX) { /* make room: the oldest goes */
		munmap(s->areas[0].start, s->areas[0].len);
		s->areas[0] = s->areas[--s->n];
	}
	s->areas[s->n++] = (struct area){ p, len, kind, fd };
}

struct range {
	char *p;
	size_t len;
	const struct area *in;
};

/* A piece of an area, or the whole of it; false when there is none of that kind. */
static inline bool some_range(struct shuffle *s, int kind, struct range *r)
{
	size_t first, pages, at;

	for (int tries = 0; tries < 16; tries++) {
		const struct area *a;

		if (!s->n)
			return false;
		a = &s->areas[rnd(s, s->n)];
		if (kind >= 0 ? a->kind != (enum kind)kind : a->kind == HUGETLB)
			continue;
		pages = a->len / PAGE;
		first = one_in(s, 4) ? 0 : rnd(s, pages);
		at = one_in(s, 4) ? pages - first : 1 + rnd(s, pages - first);
		*r = (struct range){ a->start + first * PAGE, at * PAGE, a };
		return true;
	}
	return false;
}

/* --- touching ------------------------------------------------------------------ */

static _Thread_local sigjmp_buf shuffle_out;

static void shuffle_fault(int sig)
{
	siglongjmp(shuffle_out, sig);
}

static inline void catch_faults(void)
{
	struct sigaction sa = { .sa_handler = shuffle_fault, .sa_flags = SA_NODEFER };

	if (sigaction(SIGSEGV, &sa, NULL) || sigaction(SIGBUS, &sa, NULL))
		step_die("sigaction");
}

enum touch { WRITE, READ, STRIDE, RANDOM, READ_THEN_WRITE, TOUCHES };

/* Touches a range; stops at the first page that may not be touched. Pages touched. */
static inline long touch(uint64_t *rng, char *p, size_t len, enum touch how)
{
	volatile char *v = p;
	size_t n = len / PAGE, stride = how == STRIDE ? 3 : 1;
	volatile long count = 0;

	if (sigsetjmp(shuffle_out, 0))
		return count;
	for (size_t i = 0; i < n; i += stride, count++) {
		size_t at = how == RANDOM ? step_rand(rng) % n : i;

		if (how == READ || how == READ_THEN_WRITE)
			(void)v[at * PAGE];
		if (how != READ)
			v[at * PAGE] = (char)(at | 1);
	}
	return count;
}

#endif /* SHUFFLE_H */
