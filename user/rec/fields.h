/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fields.h - which field of an event is which column of a recording.
 *
 * Owns: the one table that encoder and decoder both walk. Column ids are wire
 * numbers: append-only, a retired one leaves a hole. Together the fields of a
 * type cover all bytes of struct mp_event, reserved ones too.
 */
#ifndef MEMPROF_FIELDS_H
#define MEMPROF_FIELDS_H

#include <stdint.h>

#include "bpf/events.h"

/* How the bytes of a field become the number that is encoded, and back. */
enum mp_field_kind {
	MP_FLD_NUM = 1,	   /* as it is; up to 4 bytes wide                    */
	MP_FLD_WORD = 2,   /* 8 bytes: value + 1, so that MP_UNKNOWN is 0     */
	MP_FLD_TIME = 3,   /* 8 bytes: value / tick + 1, MP_UNKNOWN is 0      */
	MP_FLD_SIGNED = 4, /* zigzag                                          */
	MP_FLD_TEXT = 5,   /* bytes, zeros at the end left out                */
};

struct mp_field {
	uint16_t id;   /* column id, unique in its set                         */
	uint8_t off;   /* in struct mp_event                                   */
	uint8_t width; /* bytes                                                */
	uint8_t kind;  /* enum mp_field_kind                                   */
	uint8_t base;  /* a WORD may be stored as the difference to the field  */
		       /* at this offset of the same event; 0 = it is not      */
};

struct mp_layout {
	const struct mp_field *f;
	unsigned n;
};

/* The set of all events: type, ts, mm, tid. Type is the first of them. */
extern const struct mp_layout mp_layout_common;
/* The rest of an event of this type; NULL for an unknown type. */
const struct mp_layout *mp_layout_of(unsigned type);

#define MP_TYPES_MAX  64 /* no event type is that high yet   */
#define MP_FIELDS_MAX 16 /* no set has that many columns yet */

#endif /* MEMPROF_FIELDS_H */
