/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * perfmap.c - the text by which compilers at run time name their code: perf-PID.map
 * (tools/perf/Documentation/jit-interface.txt of Linux).
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/sym/sym.h"

#define FILE_MAX  (256u << 20) /* bytes that are read of one */
#define STEPS_MAX (1u << 26)   /* as in match.c              */

struct lines {
	struct mp_sym *v;
	size_t n;
	unsigned steps;
};

static size_t lower(const struct lines *l, uint64_t addr)
{
	size_t lo = 0, hi = l->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->v[mid].addr < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* A number in hex, with or without 0x, and the blanks after it. */
static bool take_hex(const char **p, const char *end, uint64_t *out)
{
	const char *s = *p, *digits;
	uint64_t n = 0;

	if (end - s > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		s += 2;
	digits = s;
	for (; s < end && s - digits <= 16; s++) {
		int d = *s >= '0' && *s <= '9'	 ? *s - '0'
			: *s >= 'a' && *s <= 'f' ? *s - 'a' + 10
			: *s >= 'A' && *s <= 'F' ? *s - 'A' + 10
						 : -1;

		if (d < 0)
			break;
		n = n << 4 | (unsigned)d;
	}
	if (s == digits || s - digits > 16 || s == end || (*s != ' ' && *s != '\t'))
		return false;
	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	*p = s;
	*out = n;
	return true;
}

static int one_line(struct lines *l, const char *p, const char *end)
{
	char raw[MP_SYM_NAME_MAX];
	uint64_t start, size;
	size_t len;

	if (!take_hex(&p, end, &start) || !take_hex(&p, end, &size) || size > ~0ULL - start)
		return 0;
	while (end > p && (end[-1] == '\r' || end[-1] == ' '))
		end--;
	len = (size_t)(end - p) < sizeof(raw) - 1 ? (size_t)(end - p) : sizeof(raw) - 1;
	if (!len || memchr(p, 0, len))
		return 0;
	for (size_t i = lower(l, start); i < l->n && l->v[i].addr < start + size; i++) {
		struct mp_sym *y = &l->v[i];
		char text[MP_SYM_NAME_MAX];

		if (++l->steps > STEPS_MAX)
			return 0;
		if (y->name && y->source != MP_PLACE_PERFMAP)
			continue;
		memcpy(raw, p, len);
		raw[len] = 0;
		free(y->name);
		y->name = strdup(mp_demangle(raw, text, sizeof(text)));
		if (!y->name)
			return -ENOMEM;
		y->start = start;
		y->source = MP_PLACE_PERFMAP;
	}
	return 0;
}

/* The whole lines of text; how much they were goes to *used. */
static int whole_lines(struct lines *l, const char *text, size_t size, size_t *used)
{
	const char *p = text, *nl;
	int err = 0;

	while (!err && (nl = memchr(p, '\n', size - (size_t)(p - text)))) {
		err = one_line(l, p, nl);
		p = nl + 1;
	}
	*used = (size_t)(p - text);
	return err;
}

/* A last line without its end is still being written: it is left out. */
int mp_perfmap_names_mem(const char *text, size_t size, struct mp_sym *v, size_t n)
{
	struct lines l = { .v = v, .n = n };
	size_t used;

	return n ? whole_lines(&l, text, size, &used) : 0;
}

int mp_perfmap_names(int fd, struct mp_sym *v, size_t n)
{
	struct lines l = { .v = v, .n = n };
	size_t have = 0, used, room = 1 << 18, total = 0;
	bool skip = false; /* the rest of a line that is too long */
	char *buf = malloc(room);
	ssize_t got = 0;
	int err = buf ? 0 : -ENOMEM;

	while (!err && n && total < FILE_MAX && (got = read(fd, buf + have, room - have)) > 0) {
		have += (size_t)got;
		total += (size_t)got;
		if (skip) {
			char *nl = memchr(buf, '\n', have);

			skip = !nl;
			have -= nl ? (size_t)(nl + 1 - buf) : have;
			memmove(buf, nl ? nl + 1 : buf, have);
		}
		err = whole_lines(&l, buf, have, &used);
		have -= used;
		memmove(buf, buf + used, have);
		if (have == room) {
			skip = true;
			have = 0;
		}
	}
	if (!err && got < 0)
		err = -errno;
	free(buf);
	return err;
}
