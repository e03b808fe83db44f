/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dx.h - what the tests of the diagnosis share: a process whose RSS and heap follow
 * hand-written events, folded and diagnosed as a recording is.
 */
#ifndef TESTS_DX_H
#define TESTS_DX_H

#include "tests/unit/ev.h"
#include "user/diagnose/diagnose.h"
#include "user/diagnose/rules.h"

#define HEAP_AT	 0x10000000000ULL
#define HEAP_LEN (4 * GIB)
#define ANON_AT	 0x20000000000ULL

struct dx {
	struct fx f;
	struct mp_diagnosis *d;
	struct mp_findings fs;
	bool made;
};

/* An event at its own time, looked at and folded. */
static inline void dx_fold(struct dx *x, struct mp_event e)
{
	assert_int_equal(mp_diagnosis_step(x->d, x->f.m, &e), 0);
	assert_int_equal(mp_model_fold(x->f.m, &e), 0);
	x->f.ts = e.ts;
}

/* Seconds since the begin. */
static inline uint64_t dx_s(double s)
{
	return T0 + (uint64_t)(s * 1e9);
}

static inline struct dx dx_new(const struct mp_thresholds *t)
{
	struct dx x = { .f = fx_new(), .d = mp_diagnosis_new(t) };

	assert_non_null(x.d);
	return x;
}

/* The counters of RSS at that second, bytes. */
static inline void dx_rss(struct dx *x, double s, uint64_t anon, uint64_t file, uint64_t shmem)
{
	dx_fold(x, ev_rss(MM, dx_s(s), anon / PG, file / PG, shmem / PG));
}

/* A collection that ended then. */
static inline void dx_gc(struct dx *x, double s, unsigned kind, uint64_t before, uint64_t after)
{
	dx_fold(x, ev_gc(MM, dx_s(s), kind, before, after));
}

static inline const struct mp_findings *dx_make_as(struct dx *x, const char *state)
{
	struct mp_diagnose_opts o = { .state = state };

	if (x->made)
		mp_findings_free(&x->fs);
	assert_int_equal(mp_diagnosis_make(x->d, x->f.m, &o, &x->fs), 0);
	x->made = true;
	return &x->fs;
}

static inline const struct mp_findings *dx_make(struct dx *x)
{
	return dx_make_as(x, "clean");
}

/* The finding of a class, or NULL. */
static inline const struct mp_finding *dx_find(struct dx *x, const char *cls)
{
	const struct mp_findings *fs = dx_make(x);

	for (size_t i = 0; i < fs->n; i++)
		if (!strcmp(fs->v[i].cls, cls))
			return &fs->v[i];
	return NULL;
}

/* Why a class was withheld, or NULL. */
static inline const char *dx_withheld(struct dx *x, const char *cls)
{
	const struct mp_findings *fs = dx_make(x);

	for (size_t i = 0; i < fs->n_withheld; i++)
		if (!strcmp(fs->withheld[i].cls, cls))
			return fs->withheld[i].why;
	return NULL;
}

static inline void dx_free(struct dx *x)
{
	if (x->made)
		mp_findings_free(&x->fs);
	mp_diagnosis_free(x->d);
	fx_free(&x->f);
}

#endif /* TESTS_DX_H */
