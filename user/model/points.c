/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * points.c - summaries as the events of one block.
 *
 * In a block the stretches of a process and tier are a row, and of each row the
 * same group of fields comes together: then columns hold like beside like. A group
 * of levels that is as in the stretch before, and one of sums that are all 0, is
 * left out; the first of a row has all levels, so that a block stands by itself.
 */
#include <stdlib.h>

#include "user/model/tiers.h"
#include "user/model/tiers_int.h"

#define F(member, kind)                                        \
	{                                                      \
		offsetof(struct mp_point, member), TIER_##kind \
	}

const struct tier_field tier_fields[TIER_FIELDS] = {
	/* 0: what moves most */
	F(rss, BAND),
	F(rss_min, MIN),
	F(rss_max, MAX),
	F(live, BAND),
	F(free_res, BAND),
	F(used, LEVEL),
	F(owed, LEVEL),
	/* 7 */
	F(other, BAND),
	F(arenas, BAND),
	F(unknown, BAND),
	F(file, BAND),
	F(shmem, BAND),
	F(stacks, BAND),
	F(brk, BAND),
	/* 14 */
	F(committed, LEVEL),
	F(external, LEVEL),
	F(lazyfree, BAND),
	F(lazyfree_heap, BAND),
	F(limit, TOLD),
	F(charged, TOLD),
	F(cg_limit, TOLD),
	/* 21 */
	F(faults, SUM32),
	F(madvise, SUM32),
	F(madvise_pages, SUM64),
	F(munmap, SUM32),
	F(munmap_pages, SUM64),
	F(mmap, SUM32),
	F(mmap_bytes, SUM64),
	/* 28 */
	F(gc_minor, SUM32),
	F(gc_major, SUM32),
	F(gc_pause, SUM64),
	F(brk_calls, SUM32),
	F(forks, SUM32),
	F(lost, SUM32),
	F(note, NOTE),
	/* 35 */
	F(majors, SUM32),
	F(madv_free, SUM32),
	F(lazy_pages, SUM64),
	F(madv_other, SUM32),
	F(mremap, SUM32),
	F(gc_pause_major, SUM64),
	F(gc_pause_max, PEAK),
	/* 42: the rest of the group is free */
	F(gc_other, SUM32),
};

static int compare(const void *a, const void *b)
{
	const struct mp_summary *x = a, *y = b;
	uint64_t tx = x->tier ? x->p.ts : x->n, ty = y->tier ? y->p.ts : y->n;

	if (x->tgid != y->tgid)
		return x->tgid < y->tgid ? -1 : 1;
	if (x->tier != y->tier)
		return x->tier < y->tier ? -1 : 1;
	return tx < ty ? -1 : tx > ty;
}

static uint64_t to_wire(const struct mp_point *p, size_t i)
{
	uint64_t v = tier_get(p, i);

	switch (tier_fields[i].kind) {
	case TIER_NONE:
		return 0;
	case TIER_TOLD:
		return v + 1;
	case TIER_MIN:
	case TIER_MAX: /* min > max: there is no figure yet */
		if (p->rss_min > p->rss_max)
			return MP_UNKNOWN;
		/* fall through */
	case TIER_BAND: /* zigzag: few are below 0, and not by much */
		return v << 1 ^ (v >> 63 ? ~0ULL : 0);
	default:
		return v;
	}
}

static struct mp_event start_of(const struct mp_summary *s, unsigned type, unsigned sub)
{
	struct mp_event e = {
		.type = (uint16_t)type, .sub = (uint8_t)sub, .mm = s->mm, .tid = s->tgid
	};

	return e;
}

/* One group of fields of a stretch; `before` is the one before it in the row, or NULL. */
static int pack_group(const struct mp_summary *s, const struct mp_summary *before, size_t at,
		      int (*emit)(void *ctx, const struct mp_event *e), void *ctx)
{
	struct mp_event e = start_of(s, MP_EV_POINT, s->tier);
	bool told = at == 0;

	e.ts = s->p.ts;
	e.flags = (uint8_t)((s->open ? TIER_OPEN : 0) | (s->p.bits & MP_PT_OLD ? 0 : TIER_FULL) |
			    (s->p.bits & MP_PT_GAP ? TIER_GAP : 0) |
			    (s->p.bits & MP_PT_MIXED ? 0 : TIER_OTHER));
	e.x = (uint32_t)at;
	for (size_t i = 0; i < TIER_EACH; i++) {
		bool sum = tier_fields[at + i].kind >= TIER_SUM32;

		e.v[i] = to_wire(&s->p, at + i);
		told |= sum ? e.v[i] != 0 : !before || e.v[i] != to_wire(&before->p, at + i);
	}
	return told ? emit(ctx, &e) : 0;
}

static int pack_gc(const struct mp_summary *s, int (*emit)(void *ctx, const struct mp_event *e),
		   void *ctx)
{
	const size_t words = sizeof(s->gc) / sizeof(uint64_t);
	int err = 0;

	for (size_t at = 0; at < words && !err; at += 7) {
		struct mp_event e = start_of(s, MP_EV_TOTAL, MP_TOTAL_GC);
		size_t n = words - at < 7 ? words - at : 7;

		e.ts = s->gc.ts;
		e.x = (uint32_t)at | s->n << 8;
		memcpy(e.v, (const uint64_t *)&s->gc + at, n * sizeof(uint64_t));
		err = emit(ctx, &e);
	}
	return err;
}

int mp_tiers_pack(struct mp_summary *s, size_t n, int (*emit)(void *ctx, const struct mp_event *e),
		  void *ctx)
{
	int err = 0;

	qsort(s, n, sizeof(*s), compare);
	for (size_t i = 0, end; i < n && !err; i = end) {
		for (end = i + 1; end < n && s[end].tgid == s[i].tgid && s[end].tier == s[i].tier;)
			end++;
		for (size_t k = i; !s[i].tier && k < end && !err; k++)
			err = pack_gc(&s[k], emit, ctx);
		for (size_t at = 0; s[i].tier && at < TIER_FIELDS; at += TIER_EACH)
			for (size_t k = i; k < end && !err; k++)
				err = pack_group(&s[k], k > i ? &s[k - 1] : NULL, at, emit, ctx);
	}
	return err;
}
