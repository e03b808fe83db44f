/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * event.h - what an event says, as named fields with units: one table that every
 * rendering of single events walks (the dump, JSON lines and their schema).
 *
 * Owns: the names of types and fields, and where a field lies. Must not: print,
 * fold, or leave a field out.
 */
#ifndef MEMPROF_VIEW_EVENT_H
#define MEMPROF_VIEW_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/model/model.h"

/* What the number of a field means. MP_UNKNOWN is no value of any 64-bit one. */
enum mp_unit {
	MP_U_END = 0, /* behind the last field of a table                     */
	MP_U_NUM,     /* a count, or a plain number                           */
	MP_U_ID,      /* a number that identifies something, 0 = none         */
	MP_U_INT,     /* signed: an error, a result                           */
	MP_U_HEX,     /* an address or offset                                 */
	MP_U_IP,      /* an address of code, 0 = not known                    */
	MP_U_MASK,    /* bits without words */
	MP_U_BYTES,
	MP_U_PAGES,  /* of MP_PAGE_SIZE bytes                                */
	MP_U_DPAGES, /* signed                                               */
	MP_U_NS,     /* a duration                                           */
	MP_U_DNS,    /* a signed one                                         */
	MP_U_TIME,   /* an instant, CLOCK_MONOTONIC ns                       */
	MP_U_STR,    /* string id, 0 = none                                  */
	MP_U_DEV,    /* major << 20 | minor                                  */
	MP_U_WORD,   /* one of the field's words                             */
	MP_U_BITS,   /* any of the field's words, from bit 0 on              */
	MP_U_ADVICE, /* of madvise                                           */
	MP_U_PROT,   /* PROT_READ, _WRITE, _EXEC                             */
	MP_U_PERMS,  /* enum mp_map_bits: "rw-p"                             */
	MP_U_TEXT,   /* a piece of a string: mp_event_piece()                */
	MP_U_BUILD,  /* a build-id: as many bytes as mp_event.flags says     */
};

/* Words for numbers: a function, or a list from 0 on with NULL for holes. */
struct mp_words {
	const char *(*fn)(unsigned v);
	const char *const *list;
	unsigned n;
};

/* The bits of enum mp_fault_kind. */
extern const struct mp_words mp_fault_words;

struct mp_field_row {
	const char *key;
	enum mp_unit unit;
	uint8_t width; /* bytes */
	uint8_t shift; /* bits to the right, then */
	uint32_t mask; /* ... 0 = all of it       */
	size_t off;    /* in the struct           */
	const struct mp_words *words;
	bool (*when)(const struct mp_event *e);	 /* it applies; NULL: always     */
	bool (*known)(const struct mp_event *e); /* it was measured; NULL: always */
};

#define MP_FIELD_ROWS_MAX 20 /* of a type, MP_U_END included */

struct mp_event_type {
	const char *name;
	const char *sub; /* what mp_event.sub says; NULL: nothing          */
	struct mp_words subs;
	bool raw; /* no fields: the words depend on more than the type */
	struct mp_field_row fields[MP_FIELD_ROWS_MAX];
};

/* NULL for a type that has no name. */
const struct mp_event_type *mp_event_type(unsigned type);
/* The word for e->sub; NULL when there is none. */
const char *mp_event_sub(const struct mp_event_type *t, unsigned sub);
const char *mp_word(const struct mp_words *w, uint64_t v);

/* The number of a field, signed ones extended to 64 bits. base: the struct. */
uint64_t mp_field_load(const void *base, const struct mp_field_row *f);
/* Is that number of e not known? e may be NULL for rows without known(). */
bool mp_field_unknown(const struct mp_field_row *f, const struct mp_event *e, uint64_t v);
/* The text of a STR event's piece; *len at most MP_STR_CHUNK. */
const char *mp_event_piece(const struct mp_event *e, size_t *len);
/* "r-x"; "rw-p" with a fourth for MP_U_PERMS. */
void mp_field_access(char out[5], enum mp_unit unit, uint64_t v);

#endif /* MEMPROF_VIEW_EVENT_H */
