/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * column.h - an array of 64-bit numbers to bytes and back.
 *
 * Owns: the encodings and the choice between them. Must not: know what the
 * numbers mean, or allocate beyond the buffers it is given.
 */
#ifndef MEMPROF_COLUMN_H
#define MEMPROF_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Wire numbers: append-only. */
enum mp_enc {
	MP_ENC_UVARINT = 1,
	MP_ENC_DELTA = 2,  /* zigzag of the difference to the value before    */
	MP_ENC_DELTA2 = 3, /* ... of the difference of the differences        */
	MP_ENC_BYTES = 4,  /* length and bytes of each value                  */
	MP_ENC_RUNS = 5,   /* length - 1 and zigzag delta of each run         */
	MP_ENC_PLANES = 6, /* the lowest, bytes a value, byte 0 of all, ...   */
	MP_ENC_DICT = 7,   /* at most 256 values, a byte for each place       */
	MP_ENC_MAX = 8,
	MP_ENC_PAGES = 0x80, /* flag: the values count 4096                   */
};

struct mp_buf {
	uint8_t *p;
	size_t n, cap;
};

/* Room for `more` bytes behind the n used ones: 0 or -ENOMEM. */
int mp_buf_room(struct mp_buf *b, size_t more);

/* Appending to a buffer that has room. */
static inline void mp_put_uvarint(struct mp_buf *b, uint64_t v)
{
	uint8_t *p = b->p + b->n;

	while (v >= 0x80) {
		*p++ = (uint8_t)v | 0x80;
		v >>= 7;
	}
	*p++ = (uint8_t)v;
	b->n = (size_t)(p - b->p);
}

/* NULL when the bytes end first, or go on beyond the tenth. */
static inline const uint8_t *mp_get_uvarint(const uint8_t *p, const uint8_t *end, uint64_t *v)
{
	uint64_t r = 0;
	unsigned shift;

	for (shift = 0; p < end && shift < 70; shift += 7) {
		uint8_t c = *p++;

		r |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80)) {
			*v = r;
			return p;
		}
	}
	return NULL;
}

static inline uint64_t mp_zigzag(uint64_t v)
{
	return v << 1 ^ (v >> 63 ? ~0ULL : 0);
}

static inline uint64_t mp_unzigzag(uint64_t v)
{
	return v >> 1 ^ (v & 1 ? ~0ULL : 0);
}

/* The encoding that promises the fewest bytes after compression. */
enum mp_enc mp_column_choose(const uint64_t *v, size_t n);
#define MP_COLUMN_ROOM(n) (12 * (size_t)(n) + 4096)
/* Appends v in that encoding to a buffer with MP_COLUMN_ROOM(n) bytes free.
 * -E2BIG: too many different values for MP_ENC_DICT, nothing was appended. */
int mp_column_put(struct mp_buf *b, enum mp_enc enc, const uint64_t *v, size_t n);
/* Bits of n bytes in an ideal code made for them. */
uint64_t mp_entropy(const uint8_t *p, size_t n);
/* Exactly n values from exactly len bytes: 0 or -EBADMSG. */
int mp_column_get(unsigned enc, const uint8_t *p, size_t len, uint64_t *v, size_t n);
/* True when MP_ENC_RUNS bytes are one run of n; *v is its value then. */
bool mp_column_same(const uint8_t *p, size_t len, size_t n, uint64_t *v);

#endif /* MEMPROF_COLUMN_H */
