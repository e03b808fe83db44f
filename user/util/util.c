/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * util.c - see util.h. Pure functions and the clock; nothing here keeps state.
 */
#include "user/util/util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

char *mp_bytes(char *buf, size_t size, int64_t bytes)
{
	static const char unit[] = "BKMGTPE";
	double v = bytes < 0 ? -(double)bytes : (double)bytes;
	const char *sign = bytes < 0 ? "-" : "";
	size_t u = 0;

	if (bytes == 0) {
		snprintf(buf, size, "0");
		return buf;
	}
	/* 999.5 would print as 1000: the next unit is shorter. */
	while (v >= 999.5 && u + 2 < sizeof(unit)) {
		v /= 1024;
		u++;
	}
	if (u == 0 || v >= 99.95)
		snprintf(buf, size, "%s%.0f %c", sign, v, unit[u]);
	else if (v >= 9.995)
		snprintf(buf, size, "%s%.1f %c", sign, v, unit[u]);
	else
		snprintf(buf, size, "%s%.2f %c", sign, v, unit[u]);
	return buf;
}

char *mp_bytes_signed(char *buf, size_t size, int64_t bytes)
{
	if (bytes <= 0 || size < 2)
		return mp_bytes(buf, size, bytes);
	buf[0] = '+';
	mp_bytes(buf + 1, size - 1, bytes);
	return buf;
}

int mp_parse_bytes(const char *s, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	const char *unit;
	unsigned shift = 0;
	char *end;
	double v = strtod(s, &end);

	if (end == s || !(v >= 0) || v > 1e15)
		return -EINVAL;
	unit = *end ? strchr(units, *end & ~0x20) : NULL;
	if (unit) {
		shift = 10 * (unsigned)(unit - units + 1);
		end++;
		if (*end == 'i')
			end++;
	}
	if (*end == 'B' || *end == 'b')
		end++;
	v *= (double)(1ULL << shift);
	if (*end || v >= 0x1p63)
		return -EINVAL;
	*bytes = (uint64_t)v;
	return 0;
}

int mp_parse_time(const char *s, uint64_t *ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = { { "", 1e9 }, { "s", 1e9 }, { "ms", 1e6 }, { "m", 60e9 }, { "h", 3600e9 } };
	char *end;
	double v = strtod(s, &end);

	if (end == s || !(v > 0))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(end, units[i].unit) && v * units[i].ns < 0x1p62) {
			*ns = (uint64_t)(v * units[i].ns);
			return *ns ? 0 : -EINVAL;
		}
	return -EINVAL;
}

char *mp_duration(char *buf, size_t size, uint64_t ns)
{
	if (ns < 1000)
		snprintf(buf, size, "%u ns", (unsigned)ns);
	else if (ns < 10000)
		snprintf(buf, size, "%.1f us", ns / 1e3);
	else if (ns < 1000000)
		snprintf(buf, size, "%.0f us", ns / 1e3);
	else if (ns < 10000000)
		snprintf(buf, size, "%.1f ms", ns / 1e6);
	else if (ns < 1000000000)
		snprintf(buf, size, "%.0f ms", ns / 1e6);
	else if (ns < 60000000000ULL)
		snprintf(buf, size, "%.1f s", ns / 1e9);
	else if (ns < 3600000000000ULL)
		snprintf(buf, size, "%um%02us", (unsigned)(ns / 60000000000ULL),
			 (unsigned)(ns / 1000000000ULL % 60));
	else
		snprintf(buf, size, "%uh%02um", (unsigned)(ns / 3600000000000ULL),
			 (unsigned)(ns / 60000000000ULL % 60));
	return buf;
}

/*
 * Length of the UTF-8 character at s and its value; 0 when it is broken,
 * overlong, a surrogate or beyond U+10FFFF (RFC 3629).
 */
static unsigned utf8_next(const unsigned char *s, uint32_t *cp)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned n = s[0] < 0x80	     ? 1
		     : (s[0] & 0xe0) == 0xc0 ? 2
		     : (s[0] & 0xf0) == 0xe0 ? 3
		     : (s[0] & 0xf8) == 0xf0 ? 4
					     : 0;
	uint32_t v;

	if (n <= 1) {
		*cp = s[0];
		return n;
	}
	v = s[0] & (0x7f >> n);
	for (unsigned i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (s[i] & 0x3f);
	}
	if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return 0;
	*cp = v;
	return n;
}

char *mp_clean(char *buf, size_t size, const char *src, int ascii)
{
	const unsigned char *s = (const unsigned char *)src;
	size_t o = 0;

	if (!size)
		return buf;
	while (*s) {
		uint32_t cp = 0;
		unsigned n = utf8_next(s, &cp);
		/* C0, DEL, C1, and the bidirectional controls that reorder a line
		 * (Unicode UAX 9, explicit and implicit ones) */
		int bad = !n || cp == 0x61c || cp == 0x200e || cp == 0x200f || cp < 0x20 ||
			  (cp >= 0x7f && cp < 0xa0) || (cp >= 0x202a && cp <= 0x202e) ||
			  (cp >= 0x2066 && cp <= 0x2069) || (ascii && cp > 0x7e);
		unsigned w = bad ? 1 : n;

		if (o + w >= size)
			break;
		if (bad)
			buf[o] = '?';
		else
			memcpy(buf + o, s, n);
		o += w;
		s += n ? n : 1;
	}
	buf[o] = 0;
	return buf;
}

int mp_grow(void *ptr, size_t *cap, size_t need, size_t elem)
{
	size_t c = *cap ? *cap : 16;
	void *p, *old;

	if (need <= *cap)
		return 0;
	while (c < need) {
		if (c > SIZE_MAX / 2)
			return -ENOMEM;
		c *= 2;
	}
	if (c > SIZE_MAX / elem)
		return -ENOMEM;
	memcpy(&old, ptr, sizeof(old));
	p = realloc(old, c * elem);
	if (!p)
		return -ENOMEM;
	memcpy(ptr, &p, sizeof(p));
	*cap = c;
	return 0;
}

uint64_t mp_monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

uint64_t mp_thread_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}
