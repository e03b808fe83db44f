/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * proto.h - writes protobuf messages to memory: tags, varints, nested messages.
 *
 * Owns: the wire format (protobuf.dev/programming-guides/encoding). Must not: know
 * any schema; the callers name fields by their numbers.
 *
 * Calls return nothing: when memory is out the buffer remembers it, and everything
 * that follows does nothing. Ask `oom` once, at the end.
 */
#ifndef MEMPROF_EXPORT_PROTO_H
#define MEMPROF_EXPORT_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MP_PB_DEPTH 8

struct mp_pb {
	uint8_t *p; /* n bytes, owned */
	size_t n, cap;
	size_t open[MP_PB_DEPTH]; /* where the bodies of open messages begin */
	unsigned depth;
	bool oom;
};

/* All zero is an empty buffer. Frees what it holds. */
void mp_pb_free(struct mp_pb *b);
/* Empty again; keeps its memory. */
void mp_pb_reset(struct mp_pb *b);

/* A number without its tag: elements of packed fields. */
void mp_pb_raw(struct mp_pb *b, uint64_t v);
/* uint32, uint64, bool, enum; int64 as its two's complement, as the format wants. */
void mp_pb_u64(struct mp_pb *b, unsigned field, uint64_t v);
void mp_pb_i64(struct mp_pb *b, unsigned field, int64_t v);
void mp_pb_fixed64(struct mp_pb *b, unsigned field, uint64_t v);
void mp_pb_double(struct mp_pb *b, unsigned field, double v);
/* Text from anywhere: broken UTF-8 and control characters become '?' (mp_clean), cut
 * at MP_PB_TEXT bytes. */
#define MP_PB_TEXT 1024
void mp_pb_str(struct mp_pb *b, unsigned field, const char *s);
/* A nested message, or a packed field; to be closed in reverse order. */
void mp_pb_open(struct mp_pb *b, unsigned field);
void mp_pb_close(struct mp_pb *b);

#endif /* MEMPROF_EXPORT_PROTO_H */
