/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * clock.c - see clock.h.
 *
 * CLOCK_BOOTTIME less CLOCK_MONOTONIC is the time that the machine was suspended for
 * (clock_gettime(2)), so a jump of it is sleep. CLOCK_REALTIME goes on during sleep: what
 * it moved by beyond that, somebody set. Slewing by NTP moves it by 500 ppm at most,
 * 25 us a tick, and is told with the minute.
 */
#include "user/live/clock.h"

#include <string.h>
#include <time.h>

#define TRIES 3

static uint64_t read_ns(clockid_t c)
{
	struct timespec ts;

	clock_gettime(c, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

void clock_now(struct clock_reading *r)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < TRIES; i++) { /* the one that was interrupted least */
		uint64_t a = read_ns(CLOCK_MONOTONIC), wall = read_ns(CLOCK_REALTIME);
		uint64_t boot = read_ns(CLOCK_BOOTTIME), b = read_ns(CLOCK_MONOTONIC);

		if (b - a >= best)
			continue;
		best = b - a;
		*r = (struct clock_reading){ .mono = a + best / 2, .wall = wall, .boot = boot };
	}
}

static bool jumped(int64_t by)
{
	return by > CLOCK_JUMP_NS || by < -CLOCK_JUMP_NS;
}

bool clock_tell(struct clock_watch *w, const struct clock_reading *r, struct mp_event *e)
{
	const struct clock_reading *l = &w->last;
	int64_t slept = (int64_t)((r->boot - r->mono) - (l->boot - l->mono));
	int64_t moved = (int64_t)((r->wall - r->boot) - (l->wall - l->boot));

	memset(e, 0, sizeof(*e));
	e->ts = r->mono;
	e->type = MP_EV_CLOCK;
	e->sub = MP_CLOCK_TOLD;
	e->clock.wall = r->wall;
	e->clock.boot = r->boot;
	if (w->told && jumped(moved)) {
		e->sub = MP_CLOCK_STEP;
		e->clock.jump = moved;
	}
	if (w->told && jumped(slept)) {
		e->sub = e->sub == MP_CLOCK_STEP ? MP_CLOCK_STEP : MP_CLOCK_SLEEP;
		e->clock.asleep = (uint64_t)slept;
	}
	w->last = *r;
	if (w->told && e->sub == MP_CLOCK_TOLD && r->mono - w->told < CLOCK_TELL_NS)
		return false;
	w->told = r->mono;
	return true;
}
