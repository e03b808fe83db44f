/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scan.h - reading words and numbers out of one line of a log: the line is bounded, not
 * terminated, and comes from anybody. Whatever does not fit leaves the place unchanged.
 *
 * Decimals are read without the locale and without strtod(): logs come in gigabytes.
 */
#ifndef MEMPROF_RT_SCAN_H
#define MEMPROF_RT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct scan {
	const char *p, *end;
};

static inline bool scan_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool scan_end(const struct scan *s)
{
	return s->p >= s->end;
}

/* The next character, 0 at the end. */
static inline char scan_peek(const struct scan *s)
{
	return s->p < s->end ? *s->p : 0;
}

static inline void scan_blanks(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t'))
		s->p++;
}

/* The text comes next. */
static inline bool scan_is(const struct scan *s, const char *what)
{
	size_t n = strlen(what);

	return s->p < s->end && (size_t)(s->end - s->p) >= n && !memcmp(s->p, what, n);
}

/* Blanks, then the text. */
static inline bool scan_lit(struct scan *s, const char *what)
{
	struct scan t = *s;

	scan_blanks(&t);
	if (!scan_is(&t, what))
		return false;
	s->p = t.p + strlen(what);
	return true;
}

/* Where the text begins, or NULL. */
static inline const char *scan_find(const struct scan *s, const char *what)
{
	return memmem(s->p, (size_t)(s->end - s->p), what, strlen(what));
}

/* Blanks, then digits; more than 64 bits can hold are no number. */
static inline bool scan_u64(struct scan *s, uint64_t *v)
{
	struct scan t = *s;
	uint64_t n = 0;

	scan_blanks(&t);
	if (!scan_digit(scan_peek(&t)))
		return false;
	for (; scan_digit(scan_peek(&t)); t.p++) {
		if (n > (UINT64_MAX - 9) / 10)
			return false;
		n = n * 10 + (uint64_t)(*t.p - '0');
	}
	*v = n;
	*s = t;
	return true;
}

/* Hexadecimal digits, "0x" in front or not. */
static inline bool scan_hex(struct scan *s, uint64_t *v)
{
	const char *from;
	uint64_t n = 0;

	if (scan_is(s, "0x"))
		s->p += 2;
	for (from = s->p; s->p < s->end; s->p++) {
		char c = *s->p | 0x20;
		int d = scan_digit(*s->p) ? *s->p - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

		if (d < 0)
			break;
		n = n << 4 | (uint64_t)d;
	}
	*v = n;
	return s->p > from;
}

/*
 * Blanks, then "12", "12.5" or "12,5" as so many ten-to-the-minus-`digits`: 12.5 with 3 is
 * 12500. Decimals beyond that are cut off. A comma only counts between digits.
 */
static inline bool scan_dec(struct scan *s, unsigned digits, uint64_t *v)
{
	struct scan t = *s;
	uint64_t n;

	if (!scan_u64(&t, &n))
		return false;
	if (t.end - t.p > 1 && (*t.p == '.' || *t.p == ',') && scan_digit(t.p[1])) {
		t.p++;
		for (; scan_digit(scan_peek(&t)); t.p++) {
			if (!digits)
				continue;
			if (n > (UINT64_MAX - 9) / 10)
				return false;
			n = n * 10 + (uint64_t)(*t.p - '0');
			digits--;
		}
	}
	for (; digits; digits--) {
		if (n > UINT64_MAX / 10)
			return false;
		n *= 10;
	}
	*v = n;
	*s = t;
	return true;
}

/* A piece of the line as a string, blanks at both ends cut off. */
static inline void scan_copy(char *buf, size_t size, const char *from, const char *to)
{
	size_t n;

	while (from < to && *from == ' ')
		from++;
	while (to > from && (to[-1] == ' ' || to[-1] == '\r'))
		to--;
	n = (size_t)(to - from) < size - 1 ? (size_t)(to - from) : size - 1;
	memcpy(buf, from, n);
	buf[n] = '\0';
}

#endif /* MEMPROF_RT_SCAN_H */
