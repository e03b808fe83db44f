/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * v8.c - see v8.h.
 *
 *   [17998:0x2d424c40]       29 ms: Scavenge 4.1 (4.2) -> 3.9 (5.2) MB, 1.53 / 0.00 ms
 *   (average mu = 1.000, current mu = 1.000) allocation failure;
 *   [1:0x1]  77 ms: Mark-Compact (reduce) 3.6 (38.1) -> 3.5 (37.9) MB, pooled: 20 MB, 6.01 / ...
 *
 * The name is whatever stands before the first digit: versions add words.
 */
#include "user/rt/v8.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/events.h"

#define MIB 1048576.0

/* Reads a decimal at *p, which moves behind it. A comma of no locale: V8 prints
 * with the C locale, and so must we read (main keeps LC_NUMERIC at "C"). */
static int number(const char **p, double *v)
{
	char *end;

	while (isspace((unsigned char)**p))
		(*p)++;
	if (!isdigit((unsigned char)**p))
		return -EINVAL;
	*v = strtod(*p, &end);
	if (end == *p || *v < 0 || *v > 1e12)
		return -EINVAL;
	*p = end;
	return 0;
}

static int expect(const char **p, const char *what)
{
	size_t n = strlen(what);

	while (isspace((unsigned char)**p))
		(*p)++;
	if (strncmp(*p, what, n))
		return -EINVAL;
	*p += n;
	return 0;
}

/* a (b) */
static int used_and_committed(const char **p, uint64_t *used, uint64_t *committed)
{
	double a, b;

	if (number(p, &a) || expect(p, "(") || number(p, &b) || expect(p, ")"))
		return -EINVAL;
	*used = (uint64_t)(a * MIB);
	*committed = (uint64_t)(b * MIB);
	return 0;
}

static int name_of(const char **p, char *name, size_t size)
{
	const char *s = *p + strspn(*p, " ");
	size_t n = strcspn(s, "0123456789"), len = n;

	if (!s[n] || !n)
		return -EINVAL;
	while (len && s[len - 1] == ' ')
		len--;
	snprintf(name, size, "%.*s", (int)len, s);
	*p = s + n;
	return 0;
}

static uint8_t kind_of(const char *name)
{
	if (!strncmp(name, "Scavenge", 8) || !strncmp(name, "Minor", 5))
		return MP_GC_MINOR;
	if (strstr(name, "Mark-sweep") || strstr(name, "Mark-Sweep"))
		return MP_GC_MAJOR;
	if (strstr(name, "Mark-Compact") || strstr(name, "Mark-compact"))
		return MP_GC_COMPACT;
	return MP_GC_OTHER;
}

/* What is left of the line after the times: skips the incremental part and the
 * mutator utilisation, both in parentheses; old versions put the reason in
 * brackets. */
static void reason_of(const char *p, char *reason, size_t size)
{
	const char *s;
	size_t n;

	while ((s = strchr(p, ')'))) /* "(+ 22 ms in 1 steps ...) (average mu = ...) reason" */
		p = s + 1;
	if (!strncmp(p, " ms", 3))
		p += 3;
	p += strspn(p, " [");
	n = strcspn(p, "\n");
	while (n && strchr(" ;].", p[n - 1]))
		n--;
	snprintf(reason, size, "%.*s", (int)n, p);
}

int v8_gc_parse(const char *line, struct v8_gc *g)
{
	const char *p = strchr(line, '[');
	struct v8_gc r = { 0 };
	double pooled, pause;
	char *end;

	if (!p || !isdigit((unsigned char)p[1]))
		return -EINVAL;
	p++;
	p += strspn(p, "0123456789");
	if (*p == ':') {
		r.isolate = strtoull(p + 1, &end, 16);
		p = end;
	}
	if (expect(&p, "]") || number(&p, &r.ms) || expect(&p, "ms:"))
		return -EINVAL;
	if (name_of(&p, r.name, sizeof(r.name)) || used_and_committed(&p, &r.before, &r.cbefore) ||
	    expect(&p, "->") || used_and_committed(&p, &r.after, &r.cafter) || expect(&p, "MB,"))
		return -EINVAL;
	if (!expect(&p, "pooled:") && (number(&p, &pooled) || expect(&p, "MB,")))
		return -EINVAL;
	if (number(&p, &pause))
		return -EINVAL;
	r.pause_ns = (uint64_t)(pause * 1e6);
	r.kind = kind_of(r.name);
	if (!expect(&p, "/"))
		number(&p, &pooled); /* time in external callbacks: inside the pause */
	reason_of(p, r.reason, sizeof(r.reason));
	*g = r;
	return 0;
}
