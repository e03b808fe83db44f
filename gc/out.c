/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * out.c - a bounded buffer in front of write(2), decimal numbers, JSON strings.
 *
 * Owns short writes, interrupts and descriptors that do not block. Must not know
 * the heap, and allocates nothing.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "gc/out.h"

#define DIGITS 20 /* of the largest number */

/* How many bytes the descriptor took; 0: try again; -errno. */
static ssize_t write_some(int fd, const char *s, size_t n)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	ssize_t rc = write(fd, s, n);

	if (rc >= 0)
		return rc;
	if (errno == EAGAIN)
		return poll(&p, 1, -1) < 0 && errno != EINTR ? -errno : 0;
	return errno == EINTR ? 0 : -errno;
}

/* 0 when every byte has been taken, or the first error. */
int out_flush(struct out *o)
{
	size_t done = 0;
	ssize_t rc;

	while (!o->err && done < o->n) {
		rc = write_some(o->fd, o->buf + done, o->n - done);
		if (rc < 0)
			o->err = (int)rc;
		else
			done += (size_t)rc;
	}
	o->total += done;
	o->n = 0;
	return o->err;
}

void out_bytes(struct out *o, const char *s, size_t n)
{
	size_t part;

	while (n && !o->err) {
		if (o->n == sizeof(o->buf))
			out_flush(o);
		part = n < sizeof(o->buf) - o->n ? n : sizeof(o->buf) - o->n;
		memcpy(o->buf + o->n, s, part);
		o->n += part;
		s += part;
		n -= part;
	}
}

void out_text(struct out *o, const char *s)
{
	out_bytes(o, s, strlen(s));
}

static char *decimal(char *to, uint64_t x)
{
	char digits[DIGITS], *p = digits + DIGITS;
	size_t n;

	do
		*--p = (char)('0' + x % 10);
	while (x /= 10);
	n = (size_t)(digits + DIGITS - p);
	memcpy(to, p, n);
	return to + n;
}

void out_number(struct out *o, uint64_t x)
{
	char s[DIGITS];

	out_bytes(o, s, (size_t)(decimal(s, x) - s));
}

/* A line of a list: n numbers with commas between them, and one before all but the first line. */
void out_line(struct out *o, bool first, const uint64_t *v, unsigned n)
{
	char *p;

	if (sizeof(o->buf) - o->n < 2 + n * (DIGITS + 1))
		out_flush(o);
	p = o->buf + o->n;
	if (!first)
		*p++ = ',';
	*p++ = '\n';
	for (; n; n--) {
		p = decimal(p, *v++);
		*p++ = ',';
	}
	o->n = (size_t)(p - 1 - o->buf);
}

/*
 * Reads the first character of n bytes of UTF-8. Returns its length, or 0 when it
 * is not valid: too long a form, half of a pair, beyond U+10FFFF, cut off.
 */
size_t utf8_char(const char *s, size_t n, uint32_t *c)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *b = (const unsigned char *)s;
	size_t len, i;

	if (!n)
		return 0;
	*c = b[0];
	if (b[0] < 0x80)
		return 1;
	len = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;
	if (b[0] < 0xc2 || b[0] > 0xf4 || len > n)
		return 0;
	*c = b[0] & (0x7fu >> len);
	for (i = 1; i < len; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (b[i] & 0x3f);
	}
	return *c < least[len] || *c > 0x10ffff || (*c & ~0x7ffu) == 0xd800 ? 0 : len;
}

static void out_escaped(struct out *o, uint32_t unit)
{
	static const char hex[] = "0123456789abcdef";
	char esc[6] = {
		'\\',	       'u', hex[unit >> 12 & 15], hex[unit >> 8 & 15], hex[unit >> 4 & 15],
		hex[unit & 15]
	};

	out_bytes(o, esc, sizeof(esc));
}

/*
 * n bytes for the inside of a JSON string, in plain ASCII. A byte that is no UTF-8
 * becomes the replacement character: the file is valid whatever a name holds.
 */
void out_json_part(struct out *o, const char *s, size_t n)
{
	size_t i, len;
	uint32_t c;

	for (i = 0; i < n; i += len) {
		len = utf8_char(s + i, n - i, &c);
		if (!len) {
			len = 1;
			c = 0xfffd;
		}
		if (c == '"' || c == '\\')
			out_bytes(o, "\\", 1);
		if (c >= 0x20 && c < 0x7f) {
			out_bytes(o, s + i, 1);
		} else if (c < 0x10000) {
			out_escaped(o, c);
		} else {
			out_escaped(o, 0xd800 + ((c - 0x10000) >> 10));
			out_escaped(o, 0xdc00 + ((c - 0x10000) & 0x3ff));
		}
	}
}

void out_json(struct out *o, const char *s, size_t n)
{
	out_bytes(o, "\"", 1);
	out_json_part(o, s, n);
	out_bytes(o, "\"", 1);
}
