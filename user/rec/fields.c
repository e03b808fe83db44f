/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fields.c - the table of columns. docs/memprof-recording.5 repeats it.
 */
#include "user/rec/fields.h"

#include <stddef.h>

#define F(id_, member, kind_)                                                           \
	{                                                                               \
		.id = (id_), .off = offsetof(struct mp_event, member),                  \
		.width = sizeof(((struct mp_event *)0)->member), .kind = MP_FLD_##kind_ \
	}
#define FREL(id_, member, base_)                                                   \
	{                                                                          \
		.id = (id_), .off = offsetof(struct mp_event, member), .width = 8, \
		.kind = MP_FLD_WORD, .base = offsetof(struct mp_event, base_)      \
	}

/* Columns 16 to 22 are the seven words v[0] to v[6]; a word that a type cuts
 * into smaller fields has columns from 32 instead. */
#define HEAD	 F(5, sub, NUM), F(6, flags, NUM), F(7, x, NUM)
#define WORD(i)	 F(16 + (i), v[i], WORD)
#define WORDS_36 WORD(3), WORD(4), WORD(5), WORD(6)

static const struct mp_field common[] = { F(1, type, NUM), F(2, ts, TIME), F(3, mm, NUM),
					  F(4, tid, NUM) };
static const struct mp_field plain[] = { HEAD, WORD(0), WORD(1), WORD(2), WORDS_36 };
static const struct mp_field fault[] = { HEAD, WORD(0), WORD(1), F(18, fault.span, TIME),
					 WORDS_36 };
static const struct mp_field call[] = {
	HEAD,
	WORD(0),
	WORD(1),
	F(18, call.ret, SIGNED),
	WORD(3),
	F(32, call.d_anon, SIGNED),
	F(33, call.d_file, SIGNED),
	F(34, call.d_shmem, SIGNED),
	F(35, call.d_swap, SIGNED),
	F(22, call.dur, TIME),
};
static const struct mp_field clock[] = { HEAD, WORD(0), WORD(1), F(18, clock.jump, SIGNED),
					 WORDS_36 };
static const struct mp_field map[] = { HEAD, WORD(0), FREL(17, map.end, map.start), WORD(2),
				       WORDS_36 };
static const struct mp_field gc[] = {
	HEAD,
	WORD(0),
	WORD(1),
	WORD(2),
	WORD(3),
	F(20, gc.pause, TIME),
	F(21, gc.start, TIME),
	F(36, gc.reason, NUM),
	F(37, gc.source, NUM),
	F(38, gc.rsvd, NUM),
};
static const struct mp_field range[] = { HEAD, WORD(0), WORD(1), F(18, range.dur, TIME), WORDS_36 };
static const struct mp_field str[] = { HEAD, F(39, str.id, NUM), F(40, str.pos, NUM),
				       F(41, str.text, TEXT) };

#define LAYOUT(array)                                                 \
	{                                                             \
		.f = (array), .n = sizeof(array) / sizeof((array)[0]) \
	}

const struct mp_layout mp_layout_common = LAYOUT(common);

static const struct mp_layout layouts[] = {
	[MP_EV_FAULT] = LAYOUT(fault),	[MP_EV_CALL] = LAYOUT(call),
	[MP_EV_RSS] = LAYOUT(plain),	[MP_EV_MAP] = LAYOUT(map),
	[MP_EV_PAGES] = LAYOUT(plain),	[MP_EV_TASK] = LAYOUT(plain),
	[MP_EV_HEAP] = LAYOUT(plain),	[MP_EV_SPACE] = LAYOUT(plain),
	[MP_EV_GC] = LAYOUT(gc),	[MP_EV_HEAP_RANGE] = LAYOUT(range),
	[MP_EV_STR] = LAYOUT(str),	[MP_EV_LOSS] = LAYOUT(plain),
	[MP_EV_PROBE] = LAYOUT(plain),	[MP_EV_META] = LAYOUT(plain),
	[MP_EV_NOTE] = LAYOUT(plain),	[MP_EV_KEYFRAME] = LAYOUT(plain),
	[MP_EV_TOTAL] = LAYOUT(plain),	[MP_EV_TICK] = LAYOUT(plain),
	[MP_EV_PHASE] = LAYOUT(plain),	[MP_EV_SAMPLE] = LAYOUT(plain),
	[MP_EV_MAJOR] = LAYOUT(plain),	[MP_EV_STACK] = LAYOUT(plain),
	[MP_EV_SITE] = LAYOUT(plain),	[MP_EV_CGROUP] = LAYOUT(plain),
	[MP_EV_ROLLUP] = LAYOUT(plain), [MP_EV_PLACE] = LAYOUT(plain),
	[MP_EV_MODULE] = LAYOUT(plain), [MP_EV_POINT] = LAYOUT(plain),
	[MP_EV_CLOCK] = LAYOUT(clock),	[MP_EV_CGROUP_MORE] = LAYOUT(plain),
	[MP_EV_PROC] = LAYOUT(plain),
};

_Static_assert(sizeof(call) / sizeof(call[0]) <= MP_FIELDS_MAX, "MP_FIELDS_MAX is too low");
_Static_assert(sizeof(gc) / sizeof(gc[0]) <= MP_FIELDS_MAX, "MP_FIELDS_MAX is too low");
_Static_assert(sizeof(layouts) / sizeof(layouts[0]) <= MP_TYPES_MAX, "MP_TYPES_MAX is too low");

const struct mp_layout *mp_layout_of(unsigned type)
{
	if (type >= sizeof(layouts) / sizeof(layouts[0]) || !layouts[type].n)
		return NULL;
	return &layouts[type];
}
