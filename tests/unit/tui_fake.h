/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tui_fake.h - a session made up at random and a source over it, for tests of moving
 * through time: what steps should visit is known from how it was made.
 */
#ifndef TESTS_TUI_FAKE_H
#define TESTS_TUI_FAKE_H

#include "tests/unit/ev.h"
#include "tui/draw.h"
#include "tui/keys.h"

#define FAKE_MAX 60000

struct fake {
	struct mp_event ev[FAKE_MAX];
	unsigned kinds[FAKE_MAX]; /* as the generator meant it; 0: nobody steps to it */
	size_t n;
	struct mp_model *m, *past;
	struct tui_source src;
	struct tui_view view;
	struct tui_theme theme;
	struct tui_frame f;
	struct mp_model *held[2];
	uint64_t held_ts[2];
	size_t reads, most; /* calls of events(), and the most that one handed over */
	uint64_t gone;	    /* what was before is not kept */
	struct rnd r;
};

static inline int fake_events(void *ctx, uint64_t t0, uint64_t t1,
			      int (*fn)(void *arg, const struct mp_event *e), void *arg)
{
	struct fake *k = ctx;
	size_t handed = 0;
	int r = 0;

	k->reads++;
	if (t1 <= k->gone)
		return -ENODATA;
	for (size_t i = 0; i < k->n && !r; i++) {
		if (k->ev[i].ts < t0 || k->ev[i].ts >= t1)
			continue;
		r = fn(arg, &k->ev[i]);
		handed++;
	}
	k->most = handed > k->most ? handed : k->most;
	return r;
}

/* All events up to ts, and none later. */
static inline struct mp_model *fake_fold(const struct fake *k, uint64_t ts)
{
	struct mp_model *m = mp_model_new();

	assert_non_null(m);
	for (size_t i = 0; i < k->n; i++)
		if (k->ev[i].ts <= ts)
			mp_model_fold(m, &k->ev[i]);
	return m;
}

static inline const struct mp_model *fake_hold(void *ctx, unsigned slot, uint64_t ts)
{
	struct fake *k = ctx;

	if (k->held[slot] && k->held_ts[slot] == ts)
		return k->held[slot];
	mp_model_free(k->held[slot]);
	k->held[slot] = fake_fold(k, ts);
	k->held_ts[slot] = ts;
	return k->held[slot];
}

static inline struct mp_event *fake_put(struct fake *k, struct mp_event e, unsigned kinds)
{
	assert_true(k->n < FAKE_MAX);
	k->ev[k->n] = e;
	k->kinds[k->n] = kinds;
	return &k->ev[k->n++];
}

static inline struct mp_event fake_call(uint64_t ts, unsigned sub, uint64_t len, int pages)
{
	struct mp_event e = ev(MP_EV_CALL, sub, MM, ts);

	e.tid = 100;
	e.call.addr = 64 * GIB;
	e.call.len = len;
	e.call.d_anon = pages;
	return e;
}

/* One thing happens. */
static inline void fake_more(struct fake *k, uint64_t ts)
{
	struct mp_event e = ev(MP_EV_FAULT, MP_FAULT_WRITE, MM, ts);
	uint64_t what = rnd_below(&k->r, 100);

	e.tid = 100 + (uint32_t)rnd_below(&k->r, 3);
	e.x = 1 + (uint32_t)rnd_below(&k->r, 4);
	e.fault.addr = 64 * GIB + rnd_below(&k->r, 5000) * PG;
	if (what < 70) {
		fake_put(k, e, TUI_K_FAULT);
	} else if (what < 75) {
		fake_put(k, ev(MP_EV_TICK, 0, 0, ts), 0);
	} else if (what < 80) { /* a call that asks for what was never there */
		fake_put(k, fake_call(ts, MP_CALL_MUNMAP, PG, 0), TUI_K_OTHER);
	} else if (what < 86) {
		e = fake_call(ts, MP_CALL_MADVISE, 8 * PG, -3);
		e.x = 4;
		fake_put(k, e, TUI_K_RELEASE);
	} else if (what < 88) {
		fake_put(k, fake_call(ts, MP_CALL_MUNMAP, 8 * PG, -2), TUI_K_RELEASE);
	} else if (what < 90) {
		e = fake_call(ts, MP_CALL_MMAP, what == 88 ? 8 * PG : 2 * MIB, 0);
		e.call.ret = 80LL << 30;
		fake_put(k, e, what == 88 ? TUI_K_OTHER : TUI_K_MAP);
	} else if (what < 95) {
		e = ev(MP_EV_GC, what & 1 ? MP_GC_MINOR : MP_GC_MAJOR, MM, ts);
		e.gc.before = 3 * MIB;
		e.gc.after = MIB;
		e.gc.cbefore = e.gc.cafter = MP_UNKNOWN;
		e.gc.source = MP_SRC_V8;
		fake_put(k, e, TUI_K_GC);
	} else if (what < 97) {
		e = ev(MP_EV_NOTE, MP_NOTE_PROGRAM, MM, ts);
		e.v[0] = 1;
		fake_put(k, e, TUI_K_NOTE);
	} else if (what < 98) {
		e = ev(MP_EV_TASK, MP_TASK_FORK, MM, ts);
		e.task.a = 5000;
		fake_put(k, e, TUI_K_FORK);
	} else { /* of another process: nothing of it is ever visited */
		e = ev(MP_EV_GC, MP_GC_MAJOR, 77, ts);
		fake_put(k, e, 0);
	}
}

/* `n` things, many at one instant, some after long pauses; some come late by a little. */
static inline struct fake *fake_new(const char *test, uint64_t seed, size_t n)
{
	static const uint64_t pause[] = { 0, 0, 0, 1, 900, 40 * US, MS, 7 * MS, 40 * MS, 9 * SEC };
	struct fake *k = calloc(1, sizeof(*k));
	struct mp_event e = ev(MP_EV_TASK, MP_TASK_TARGET, MM, T0);
	uint64_t ts = T0;

	assert_non_null(k);
	k->r = rnd_seed(test, seed);
	e.task.a = 100;
	fake_put(k, e, 0);
	e = ev(MP_EV_STR, 0, 0, T0);
	e.str.id = 1;
	e.x = 4;
	memcpy(e.str.text, "note", 4);
	fake_put(k, e, 0);
	for (size_t i = 0; i < n; i++) {
		uint64_t p = rnd_below(&k->r, 10);
		bool late = rnd_below(&k->r, 40) == 0;

		ts += pause[p == 9 && rnd_below(&k->r, 20) ? 2 : p];
		fake_more(k, late && ts > T0 + MS ? ts - rnd_below(&k->r, MS) : ts);
	}
	fake_put(k, ev(MP_EV_TICK, 0, 0, ts + MS), 0);
	k->m = fake_fold(k, MP_UNKNOWN);
	k->src = (struct tui_source){ .ctx = k, .events = fake_events, .hold = fake_hold };
	tui_view_init(&k->view, false);
	tui_theme_init(&k->theme, true, 256);
	k->f.now = k->f.state = k->m;
	k->f.view = &k->view;
	k->f.theme = &k->theme;
	k->f.src = &k->src;
	return k;
}

static inline void fake_free(struct fake *k)
{
	tui_frame_free(&k->f);
	mp_model_free(k->m);
	mp_model_free(k->past);
	mp_model_free(k->held[0]);
	mp_model_free(k->held[1]);
	free(k);
}

static inline void fake_frame(struct fake *k)
{
	assert_int_equal(tui_frame_begin(&k->f, 80, 24), 0);
}

/* A key, and all that it asks to be done in slices. */
static inline void fake_press(struct fake *k, int key)
{
	assert_true(tui_key(&k->f, key));
	while (tui_past_work(&k->f))
		;
	fake_frame(k);
}

struct fake_place {
	uint64_t ts;
	uint32_t nth;
	size_t i; /* number of the event */
};

/* The places of all events of these kinds, in order. Returns how many. */
static inline size_t fake_places(const struct fake *k, unsigned kinds, struct fake_place *to)
{
	size_t n = 0;

	for (size_t i = 0; i < k->n; i++) {
		struct fake_place p = { k->ev[i].ts, 0, i };
		size_t at = n;

		if (!(k->kinds[i] & kinds))
			continue;
		for (size_t j = 0; j < k->n; j++)
			if (j < i && k->ev[j].ts == p.ts && k->kinds[j])
				p.nth++;
		while (at && (to[at - 1].ts > p.ts))
			at--;
		memmove(&to[at + 1], &to[at], (n - at) * sizeof(p));
		to[at] = p;
		n++;
	}
	return n;
}

#endif /* TESTS_TUI_FAKE_H */
