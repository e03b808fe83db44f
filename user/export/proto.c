/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * proto.c - see proto.h.
 */
#include "user/export/proto.h"

#include <stdlib.h>
#include <string.h>

#include "user/util/util.h"

enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LEN = 2 };

#define VARINT_MAX 10 /* bytes */

void mp_pb_free(struct mp_pb *b)
{
	free(b->p);
	memset(b, 0, sizeof(*b));
}

void mp_pb_reset(struct mp_pb *b)
{
	b->n = 0;
	b->depth = 0;
}

/* Room for n more bytes. */
static bool room(struct mp_pb *b, size_t n)
{
	if (!b->oom && mp_grow(&b->p, &b->cap, b->n + n, 1))
		b->oom = true;
	return !b->oom;
}

static size_t varint(uint8_t *to, uint64_t v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		to[n++] = (uint8_t)(v | 0x80);
	to[n++] = (uint8_t)v;
	return n;
}

void mp_pb_raw(struct mp_pb *b, uint64_t v)
{
	if (room(b, VARINT_MAX))
		b->n += varint(b->p + b->n, v);
}

static void tag(struct mp_pb *b, unsigned field, enum wire w)
{
	mp_pb_raw(b, (uint64_t)field << 3 | w);
}

void mp_pb_u64(struct mp_pb *b, unsigned field, uint64_t v)
{
	tag(b, field, WIRE_VARINT);
	mp_pb_raw(b, v);
}

void mp_pb_i64(struct mp_pb *b, unsigned field, int64_t v)
{
	mp_pb_u64(b, field, (uint64_t)v);
}

void mp_pb_fixed64(struct mp_pb *b, unsigned field, uint64_t v)
{
	tag(b, field, WIRE_64);
	if (!room(b, 8))
		return;
	for (int i = 0; i < 8; i++)
		b->p[b->n++] = (uint8_t)(v >> 8 * i);
}

void mp_pb_double(struct mp_pb *b, unsigned field, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	mp_pb_fixed64(b, field, bits);
}

void mp_pb_str(struct mp_pb *b, unsigned field, const char *s)
{
	char clean[MP_PB_TEXT];
	size_t len;

	mp_clean(clean, sizeof(clean), s, 0);
	len = strlen(clean);
	tag(b, field, WIRE_LEN);
	mp_pb_raw(b, len);
	if (!room(b, len))
		return;
	memcpy(b->p + b->n, clean, len);
	b->n += len;
}

void mp_pb_open(struct mp_pb *b, unsigned field)
{
	tag(b, field, WIRE_LEN);
	if (b->depth == MP_PB_DEPTH)
		b->oom = true; /* a mistake of the caller: no output is better than a wrong one */
	else
		b->open[b->depth++] = b->n;
}

/* The length stands before the body and is known only now: the body makes way. */
void mp_pb_close(struct mp_pb *b)
{
	uint8_t head[VARINT_MAX];
	size_t at, len, n;

	if (b->oom || !b->depth)
		return;
	at = b->open[--b->depth];
	len = b->n - at;
	n = varint(head, len);
	if (!room(b, n))
		return;
	memmove(b->p + at + n, b->p + at, len);
	memcpy(b->p + at, head, n);
	b->n += n;
}
