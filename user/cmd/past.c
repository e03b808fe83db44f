/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * past.c - see past.h.
 */
#include "user/cmd/past.h"

#include <errno.h>

#include "user/util/util.h"

#define SLICE_BLOCKS 2 /* some ms at most */

const struct mp_model *mp_past_at(struct mp_past *p, uint64_t ts)
{
	const struct mp_model *m = NULL;
	int r = mp_history_gone(p->h, ts) ? -ENODATA
					  : mp_history_toward(p->h, ts, SLICE_BLOCKS, &m);

	p->ts = ts;
	p->want_state = r == 0;
	return r == 1 ? m : NULL;
}

/*
 * What at() shows goes on to other moments, so a state to hold is one of its own. Both ways
 * there are gone by one cursor, so one after the other: by turns each would restart the other.
 */
const struct mp_model *mp_past_hold(struct mp_past *p, unsigned slot, uint64_t ts)
{
	struct mp_past_held *held = &p->held[slot & 1];
	int r;

	if (held->ts != ts) {
		mp_model_free(held->m);
		*held = (struct mp_past_held){ .ts = ts };
		held->err = mp_history_gone(p->h, ts) ? -ENODATA : 0;
		held->want = !held->err;
	}
	if (held->want && !(held == &p->held[1] && p->held[0].want)) {
		r = mp_history_take(p->h, ts, SLICE_BLOCKS, &held->m);
		held->want = r == 0;
		held->err = r < 0 ? r : 0;
	}
	errno = held->want ? EAGAIN : -held->err;
	return held->m;
}

const struct mp_timeline *mp_past_window(struct mp_past *p, uint32_t pid, uint64_t t0, uint64_t t1,
					 uint64_t width)
{
	const struct mp_timeline *tl;
	int r = mp_history_window(p->h, pid, t0, t1, width, SLICE_BLOCKS, &tl);

	p->pid = pid;
	p->t0 = t0;
	p->t1 = t1;
	p->width = width;
	p->want_window = r == 0;
	return tl;
}

/* One thing after the other: two on the way at once would restart each other. */
bool mp_past_work(struct mp_past *p)
{
	uint64_t end = mp_monotonic_ns() + MP_SLICE_NS;
	bool more = true;

	while (more && mp_monotonic_ns() < end) {
		if (p->want_state)
			mp_past_at(p, p->ts);
		else if (p->want_window)
			mp_past_window(p, p->pid, p->t0, p->t1, p->width);
		else if (p->held[0].want)
			mp_past_hold(p, 0, p->held[0].ts);
		else if (p->held[1].want)
			mp_past_hold(p, 1, p->held[1].ts);
		more = p->want_state || p->want_window || p->held[0].want || p->held[1].want;
	}
	return more;
}

void mp_past_free(struct mp_past *p)
{
	mp_model_free(p->held[0].m);
	mp_model_free(p->held[1].m);
}
