/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tiers_int.h - the fields of a point on the wire, shared by tiers.c (which fills
 * stretches), points.c (events) and overview.c (back to timelines). Their places
 * in the table are wire numbers: append-only, documented in memprof-recording(5).
 */
#ifndef MEMPROF_TIERS_INT_H
#define MEMPROF_TIERS_INT_H

#include <stddef.h>
#include <string.h>

#include "user/model/model.h"

enum tier_kind {
	TIER_NONE = 0,
	TIER_BAND,  /* bytes, signed: as it was at the end        */
	TIER_LEVEL, /* the same, MP_UNKNOWN where there is none   */
	TIER_TOLD,  /* the same, on the wire 1 more: 0 = MP_UNKNOWN */
	TIER_MIN,   /* of the stretch, bytes                      */
	TIER_MAX,
	TIER_SUM32, /* of the stretch, 0 where it is not told     */
	TIER_SUM64,
	TIER_PEAK, /* highest of the stretch, 0 where it is not told */
	TIER_NOTE, /* the last one's string                      */
};

struct tier_field {
	uint16_t off; /* in struct mp_point */
	uint8_t kind;
};

#define TIER_EACH   7 /* words of an event: a group of fields */
#define TIER_FIELDS 49

/* mp_event.flags of a POINT. */
enum tier_flags {
	TIER_OPEN = 1 << 0,  /* its stretch is not over                     */
	TIER_FULL = 1 << 1,  /* tells the fields from 35 on (minor version 4) */
	TIER_GAP = 1 << 2,   /* MP_PT_GAP                                    */
	TIER_OTHER = 1 << 3, /* tells field 42 (minor version 6)            */
};
extern const struct tier_field tier_fields[TIER_FIELDS];

/* A field as it is held, sign extended. */
static inline uint64_t tier_get(const struct mp_point *p, size_t i)
{
	const char *at = (const char *)p + tier_fields[i].off;
	uint64_t v;
	uint32_t w;

	if (tier_fields[i].kind == TIER_SUM32 || tier_fields[i].kind == TIER_NOTE) {
		memcpy(&w, at, sizeof(w));
		return w;
	}
	memcpy(&v, at, sizeof(v));
	return v;
}

static inline void tier_put(struct mp_point *p, size_t i, uint64_t v)
{
	char *at = (char *)p + tier_fields[i].off;
	uint32_t w = (uint32_t)v;

	if (tier_fields[i].kind == TIER_SUM32 || tier_fields[i].kind == TIER_NOTE)
		memcpy(at, &w, sizeof(w));
	else
		memcpy(at, &v, sizeof(v));
}

#endif /* MEMPROF_TIERS_INT_H */
