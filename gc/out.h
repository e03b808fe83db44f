/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * out.h - text to a file descriptor through one buffer of fixed size.
 *
 * The first error stays: from then on nothing is written and everything else is
 * done as if it were, so that callers check once, at the end.
 */
#ifndef MPGC_OUT_H
#define MPGC_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct out {
	int fd;
	int err;	/* 0 or the first -errno */
	size_t n;	/* bytes waiting in buf */
	uint64_t total; /* bytes the descriptor took */
	char buf[65536];
};

void out_bytes(struct out *o, const char *s, size_t n);
void out_text(struct out *o, const char *s);
void out_number(struct out *o, uint64_t x);
void out_line(struct out *o, bool first, const uint64_t *v, unsigned n);
void out_json_part(struct out *o, const char *s, size_t n);
void out_json(struct out *o, const char *s, size_t n);
int out_flush(struct out *o);
size_t utf8_char(const char *s, size_t n, uint32_t *c);

#endif /* MPGC_OUT_H */
