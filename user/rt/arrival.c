/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * arrival.c - see arrival.h.
 */
#include "user/rt/arrival.h"

#define BACK 1000000000ULL  /* ns; a time that goes back by more is of another run */
#define LATE 60000000000ULL /* ns; so is a line that comes so much later than expected */

static struct mp_arrival_heap *heap_of(struct mp_arrival *a, uint64_t heap)
{
	for (unsigned i = 0; i < a->n; i++)
		if (a->h[i].heap == heap)
			return &a->h[i];
	if (a->n == MP_ARRIVAL_HEAPS)
		return NULL;
	a->h[a->n] = (struct mp_arrival_heap){ .heap = heap };
	return &a->h[a->n++];
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* The time 0 of a line's run if the line came at `at`: what was known before these lines says
 * more, unless that was of another run. */
static uint64_t zero_of(const struct mp_arrival_heap *h, uint64_t end, uint64_t at)
{
	uint64_t zero = less(at, end);

	if (!h->had || end + BACK < h->had_last || less(zero, h->had_zero) > LATE)
		return zero;
	return zero < h->had_zero ? zero : h->had_zero;
}

/* Called for the last line first. */
static uint64_t stamp_one(struct mp_arrival *a, const struct mp_gclog_gc *gc, uint64_t now)
{
	uint64_t len = gc->span != MP_UNKNOWN ? gc->span : gc->pause != MP_UNKNOWN ? gc->pause : 0;
	uint64_t end = gc->t + (gc->at_start ? len : 0);
	struct mp_arrival_heap *h = heap_of(a, gc->isolate);

	if (!h)
		return less(now, end) + gc->t;
	if (h->batch != a->batch) {
		h->had = h->batch;
		h->had_zero = h->zero;
		h->had_last = h->last;
		h->batch = a->batch;
		h->at_zero = h->zero = zero_of(h, end, now);
		h->last = end;
	} else if (end > h->at_end + BACK) { /* of a run that ended before the next began */
		h->at_zero = zero_of(h, end, h->at_zero);
	}
	h->at_end = end;
	return h->at_zero + gc->t;
}

void mp_arrival_stamp(struct mp_arrival *a, const struct mp_gclog_gc *gc, size_t n, uint64_t now,
		      uint64_t *stamp)
{
	a->batch++;
	while (n-- > 0)
		stamp[n] = gc[n].t == MP_UNKNOWN ? now : stamp_one(a, &gc[n], now);
}
