/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * column.c - the encodings of a column, and which of them to take.
 *
 * What counts is the size after deflate, so the choice compares the entropy of
 * the bytes each encoding would give, on a sample. Varints win where numbers
 * follow each other; planes where they are random (a varint spends its top bits
 * on lengths, and three kinds of byte share one code); a dictionary where few
 * values take turns.
 */
#include "user/rec/column.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE	  512 /* values looked at, in CHUNK stretches */
#define CHUNK	  128
#define DICT_MAX  256
#define DICT_SLOT 1024

int mp_buf_room(struct mp_buf *b, size_t more)
{
	size_t need = b->n + more;
	uint8_t *p;

	if (need <= b->cap)
		return 0;
	need += need / 2;
	p = realloc(b->p, need);
	if (!p)
		return -ENOMEM;
	b->p = p;
	b->cap = need;
	return 0;
}

/* --- the encodings ------------------------------------------------------- */

/* Different values in order of their first place. */
struct dict {
	unsigned n;
	uint64_t val[DICT_MAX];
	uint16_t slot[DICT_SLOT]; /* index + 1, 0 = free */
};

/* Index of v, added when new; -1 when there is no room for it. */
static int dict_index(struct dict *d, uint64_t v)
{
	unsigned h = (unsigned)(v * 0x9e3779b97f4a7c15ULL >> 54);

	for (; d->slot[h]; h = (h + 1) % DICT_SLOT)
		if (d->val[d->slot[h] - 1] == v)
			return d->slot[h] - 1;
	if (d->n == DICT_MAX)
		return -1;
	d->val[d->n++] = v;
	d->slot[h] = (uint16_t)d->n;
	return (int)d->n - 1;
}

static void dict_init(struct dict *d)
{
	d->n = 0;
	memset(d->slot, 0, sizeof(d->slot));
}

static int put_dict(struct mp_buf *b, const uint64_t *v, size_t n)
{
	struct dict d;
	uint64_t prev = 0;
	size_t i;

	dict_init(&d);
	for (i = 0; i < n; i++)
		if (dict_index(&d, v[i]) < 0)
			return -E2BIG;
	mp_put_uvarint(b, d.n);
	for (i = 0; i < d.n; i++) {
		mp_put_uvarint(b, mp_zigzag(d.val[i] - prev));
		prev = d.val[i];
	}
	for (i = 0; i < n; i++)
		b->p[b->n++] = (uint8_t)dict_index(&d, v[i]);
	return 0;
}

static int get_dict(const uint8_t *p, const uint8_t *end, uint64_t *v, size_t n)
{
	uint64_t k, d, val[DICT_MAX], prev = 0;
	uint8_t top = 0;
	size_t i;

	p = mp_get_uvarint(p, end, &k);
	if (!p || k == 0 || k > DICT_MAX)
		return -EBADMSG;
	for (i = 0; i < k; i++) {
		p = mp_get_uvarint(p, end, &d);
		if (!p)
			return -EBADMSG;
		val[i] = prev += mp_unzigzag(d);
	}
	memset(val + k, 0, (DICT_MAX - k) * sizeof(val[0]));
	if ((size_t)(end - p) != n)
		return -EBADMSG;
	for (i = 0; i < n; i++) {
		top = p[i] > top ? p[i] : top;
		v[i] = val[p[i]];
	}
	return top < k ? 0 : -EBADMSG;
}

/* Bytes needed for the widest of v - min. */
static unsigned plane_count(const uint64_t *v, size_t n, uint64_t *min)
{
	uint64_t lo = v[0], hi = v[0];
	unsigned k = 0;
	size_t i;

	for (i = 1; i < n; i++) {
		lo = v[i] < lo ? v[i] : lo;
		hi = v[i] > hi ? v[i] : hi;
	}
	for (hi -= lo; hi; hi >>= 8)
		k++;
	*min = lo;
	return k;
}

static void put_planes(struct mp_buf *b, const uint64_t *v, size_t n)
{
	uint64_t min;
	unsigned k = plane_count(v, n, &min), j;
	size_t i;

	mp_put_uvarint(b, min);
	b->p[b->n++] = (uint8_t)k;
	for (j = 0; j < k; j++) {
		uint8_t *p = b->p + b->n;

		for (i = 0; i < n; i++)
			p[i] = (uint8_t)((v[i] - min) >> 8 * j);
		b->n += n;
	}
}

static int get_planes(const uint8_t *p, const uint8_t *end, uint64_t *v, size_t n)
{
	uint64_t min;
	unsigned k, j;
	size_t i;

	p = mp_get_uvarint(p, end, &min);
	if (!p || p == end)
		return -EBADMSG;
	k = *p++;
	if (k > 8 || (size_t)(end - p) != k * n)
		return -EBADMSG;
	for (i = 0; i < n; i++)
		v[i] = min;
	for (j = 0; j < k; j++, p += n)
		for (i = 0; i < n; i++)
			v[i] += (uint64_t)p[i] << 8 * j;
	return 0;
}

static void put_runs(struct mp_buf *b, const uint64_t *v, size_t n)
{
	uint64_t prev = 0;
	size_t i, run;

	for (i = 0; i < n; i += run) {
		for (run = 1; i + run < n && v[i + run] == v[i];)
			run++;
		mp_put_uvarint(b, run - 1);
		mp_put_uvarint(b, mp_zigzag(v[i] - prev));
		prev = v[i];
	}
}

static int get_runs(const uint8_t *p, const uint8_t *end, uint64_t *v, size_t n)
{
	uint64_t run, d, val = 0;
	size_t i = 0;

	while (i < n) {
		p = mp_get_uvarint(p, end, &run);
		if (p)
			p = mp_get_uvarint(p, end, &d);
		if (!p || run >= n - i)
			return -EBADMSG;
		val += mp_unzigzag(d);
		for (run++; run; run--)
			v[i++] = val;
	}
	return p == end ? 0 : -EBADMSG;
}

bool mp_column_same(const uint8_t *p, size_t len, size_t n, uint64_t *v)
{
	const uint8_t *end = p + len;
	uint64_t run, d;

	p = mp_get_uvarint(p, end, &run);
	if (!p || run != n - 1)
		return false;
	p = mp_get_uvarint(p, end, &d);
	if (!p || p != end)
		return false;
	*v = mp_unzigzag(d);
	return true;
}

static void put_varints(struct mp_buf *b, enum mp_enc enc, const uint64_t *v, size_t n)
{
	uint64_t prev = 0, step = 0;
	size_t i;

	if (enc == MP_ENC_UVARINT)
		for (i = 0; i < n; i++)
			mp_put_uvarint(b, v[i]);
	else if (enc == MP_ENC_DELTA)
		for (i = 0; i < n; prev = v[i++])
			mp_put_uvarint(b, mp_zigzag(v[i] - prev));
	else
		for (i = 0; i < n; prev = v[i++]) {
			mp_put_uvarint(b, mp_zigzag(v[i] - prev - step));
			step = v[i] - prev;
		}
}

static int get_varints(unsigned enc, const uint8_t *p, const uint8_t *end, uint64_t *v, size_t n)
{
	uint64_t prev = 0, step = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (p < end && *p < 0x80)
			v[i] = *p++;
		else if (!(p = mp_get_uvarint(p, end, &v[i])))
			return -EBADMSG;
	}
	if (p != end)
		return -EBADMSG;
	if (enc == MP_ENC_DELTA)
		for (i = 0; i < n; i++)
			v[i] = prev += mp_unzigzag(v[i]);
	else if (enc == MP_ENC_DELTA2)
		for (i = 0; i < n; i++) {
			step += mp_unzigzag(v[i]);
			v[i] = prev += step;
		}
	return 0;
}

int mp_column_put(struct mp_buf *b, enum mp_enc enc, const uint64_t *v, size_t n)
{
	switch (enc) {
	case MP_ENC_DICT:
		return put_dict(b, v, n);
	case MP_ENC_PLANES:
		put_planes(b, v, n);
		return 0;
	case MP_ENC_RUNS:
		put_runs(b, v, n);
		return 0;
	default:
		put_varints(b, enc, v, n);
		return 0;
	}
}

int mp_column_get(unsigned enc, const uint8_t *p, size_t len, uint64_t *v, size_t n)
{
	switch (enc) {
	case MP_ENC_UVARINT:
	case MP_ENC_DELTA:
	case MP_ENC_DELTA2:
		return get_varints(enc, p, p + len, v, n);
	case MP_ENC_RUNS:
		return get_runs(p, p + len, v, n);
	case MP_ENC_PLANES:
		return get_planes(p, p + len, v, n);
	case MP_ENC_DICT:
		return get_dict(p, p + len, v, n);
	default:
		return -EBADMSG;
	}
}

/* --- the choice ---------------------------------------------------------- */

/* 256 * log2(x), by the highest bit and a straight line below it. */
static uint32_t log2_q8(uint32_t x)
{
	unsigned hi = 31 - (unsigned)__builtin_clz(x);

	return hi << 8 | (uint32_t)(((uint64_t)(x - (1u << hi)) << 8) >> hi);
}

uint64_t mp_entropy(const uint8_t *p, size_t n)
{
	uint32_t hist[256] = { 0 };
	uint64_t sum = 0;
	size_t i;

	if (!n)
		return 0;
	for (i = 0; i < n; i++)
		hist[p[i]]++;
	for (i = 0; i < 256; i++)
		if (hist[i])
			sum += (uint64_t)hist[i] * (log2_q8((uint32_t)n) - log2_q8(hist[i]));
	return sum >> 8;
}

/* Bits of the sample in this encoding; the fixed part counts by its share. */
static uint64_t cost(enum mp_enc enc, const uint64_t *s, size_t m, size_t n)
{
	uint8_t room[MP_COLUMN_ROOM(SAMPLE)];
	struct mp_buf b = { .p = room, .cap = sizeof(room) };
	uint64_t bits = 0;
	size_t i, at;

	if (mp_column_put(&b, enc, s, m) < 0)
		return UINT64_MAX;
	if (enc == MP_ENC_PLANES) {
		for (at = b.n % m, i = at; i < b.n; i += m)
			bits += mp_entropy(room + i, m);
		return bits + at * 8 * m / n;
	}
	if (enc == MP_ENC_DICT)
		return mp_entropy(room + b.n - m, m) + (b.n - m) * 8 * m / n;
	return mp_entropy(room, b.n);
}

/* Stretches from all over the column, so that neighbours stay neighbours. */
static size_t sample(const uint64_t *v, size_t n, uint64_t s[SAMPLE])
{
	size_t i;

	if (n <= SAMPLE) {
		memcpy(s, v, n * sizeof(*v));
		return n;
	}
	for (i = 0; i < SAMPLE / CHUNK; i++)
		memcpy(s + i * CHUNK, v + i * (n - CHUNK) / (SAMPLE / CHUNK - 1),
		       CHUNK * sizeof(*v));
	return SAMPLE;
}

enum mp_enc mp_column_choose(const uint64_t *v, size_t n)
{
	static const enum mp_enc order[] = { MP_ENC_RUNS,   MP_ENC_DELTA, MP_ENC_UVARINT,
					     MP_ENC_DELTA2, MP_ENC_DICT,  MP_ENC_PLANES };
	enum mp_enc best = MP_ENC_RUNS;
	uint64_t s[SAMPLE], least = UINT64_MAX, bits;
	size_t i, m;

	for (i = 1; i < n && v[i] == v[0];)
		i++;
	if (i == n)
		return MP_ENC_RUNS;
	m = sample(v, n, s);
	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		bits = cost(order[i], s, m, n);
		if (bits < least) {
			least = bits;
			best = order[i];
		}
	}
	return best;
}
