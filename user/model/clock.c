/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * clock.c - what CLOCK_REALTIME and CLOCK_BOOTTIME were at instants of the stream, so
 * that its times (CLOCK_MONOTONIC) can be told as wall time.
 *
 * One relation for a whole recording would be wrong after somebody set the clock, after
 * the machine slept, and by what NTP slews (up to 500 ppm: 1.8 s an hour). Kept is a
 * relation that differs from the one before by more than KEEP_NS, so wall times are
 * right to that.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/internal.h"
#include "user/util/util.h"

#define KEEP_NS	   1000000ULL /* below it a relation says nothing new */
#define CLOCKS_MAX 1024

static uint64_t apart(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) < 0 ? b - a : a - b;
}

/* By how much the second of two relations moves wall or boot time. */
static uint64_t differs(const struct mp_clock_at *a, const struct mp_clock_at *b)
{
	uint64_t wall = apart(b->wall - b->ts, a->wall - a->ts);
	uint64_t boot = apart(b->boot - b->ts, a->boot - a->ts);

	return wall > boot ? wall : boot;
}

/* Makes room for one: the relation that says least is left out, never the first. */
static void thin(struct mp_model *m)
{
	size_t least = 1;

	for (size_t i = 2; i < m->n_clocks; i++)
		if (differs(&m->clocks[i - 1], &m->clocks[i]) <
		    differs(&m->clocks[least - 1], &m->clocks[least]))
			least = i;
	memmove(m->clocks + least, m->clocks + least + 1,
		(m->n_clocks - least - 1) * sizeof(*m->clocks));
	m->n_clocks--;
}

int fold_clock(struct mp_model *m, const struct mp_event *e)
{
	struct mp_clock_at at = {
		.ts = e->ts, .wall = e->clock.wall, .boot = e->clock.boot, .why = e->sub
	};
	struct mp_clock_at *last = m->n_clocks ? &m->clocks[m->n_clocks - 1] : NULL;
	int err;

	if (at.wall == MP_UNKNOWN || at.boot == MP_UNKNOWN || (last && e->ts < last->ts))
		return -EINVAL;
	/* What a state dump restates was worth keeping. */
	if (last && e->sub == MP_CLOCK_TOLD && differs(last, &at) <= KEEP_NS && !m->in_key)
		return 0;
	if (m->n_clocks == CLOCKS_MAX)
		thin(m);
	err = mp_grow(&m->clocks, &m->cap_clocks, m->n_clocks + 1, sizeof(*m->clocks));
	if (err)
		return err;
	at.jump = e->clock.jump;
	at.asleep = e->clock.asleep;
	m->clocks[m->n_clocks++] = at;
	return 0;
}

int clocks_dump(const struct mp_model *m, mp_emit_fn *emit, void *ctx)
{
	int err = 0;

	for (size_t i = 0; i < m->n_clocks && !err; i++) {
		const struct mp_clock_at *c = &m->clocks[i];
		struct mp_event e = { .ts = c->ts, .type = MP_EV_CLOCK, .sub = c->why };

		e.clock.wall = c->wall;
		e.clock.boot = c->boot;
		e.clock.jump = c->jump;
		e.clock.asleep = c->asleep;
		err = emit(ctx, &e);
	}
	return err;
}

void clocks_free(struct mp_model *m)
{
	free(m->clocks);
	m->clocks = NULL;
	m->n_clocks = m->cap_clocks = 0;
}

uint64_t mp_wall_ns(const struct mp_model *m, uint64_t ts)
{
	size_t lo = 0, hi = m->n_clocks, mid;

	while (lo < hi) { /* relations before lo are of ts or earlier, from hi on later */
		mid = lo + (hi - lo) / 2;
		if (m->clocks[mid].ts <= ts)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (m->n_clocks)
		return m->clocks[lo ? lo - 1 : 0].wall + (ts - m->clocks[lo ? lo - 1 : 0].ts);
	if (m->meta[MP_META_WALL_NS] == MP_UNKNOWN || m->meta[MP_META_START_TS] == MP_UNKNOWN)
		return MP_UNKNOWN;
	return m->meta[MP_META_WALL_NS] + (ts - m->meta[MP_META_START_TS]);
}
