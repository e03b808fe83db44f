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

#include <errno.h>

#include "bpf/events.h"
#include "user/rt/scan.h"

#define MIB (1ULL << 20)

/* MB with any number of decimals, as bytes. */
static bool megabytes(struct scan *s, uint64_t *bytes)
{
	uint64_t milli;

	if (!scan_dec(s, 3, &milli) || milli >> 43)
		return false;
	*bytes = milli * MIB / 1000;
	return true;
}

/* a (b) */
static bool used_and_committed(struct scan *s, uint64_t *used, uint64_t *committed)
{
	return megabytes(s, used) && scan_lit(s, "(") && megabytes(s, committed) &&
	       scan_lit(s, ")");
}

static bool name_of(struct scan *s, char *name, size_t size)
{
	const char *from, *p;

	scan_blanks(s);
	for (from = p = s->p; p < s->end && !scan_digit(*p); p++)
		;
	if (p == s->end || p == from)
		return false;
	scan_copy(name, size, from, p);
	s->p = p;
	return true;
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
 * mutator utilisation, both in parentheses, one of which a line can end in; old
 * versions put the reason in brackets. */
static void reason_of(struct scan s, char *reason, size_t size)
{
	const char *p, *end;

	/* "(+ 22 ms in 1 steps ...) (average mu = ...) reason" */
	for (p = s.p; p < s.end; p++)
		if (*p == ')')
			s.p = p + 1;
	if (scan_is(&s, " ms"))
		s.p += 3;
	while (scan_peek(&s) == ' ' || scan_peek(&s) == '[')
		s.p++;
	/* "(average mu = 0.9": V8 had no room for more */
	for (end = s.p; end < s.end && *end != '\n' && *s.p != '('; end++)
		;
	while (end > s.p && strchr(" ;].\r", end[-1]))
		end--;
	scan_copy(reason, size, s.p, end);
}

bool v8_gc_head(struct scan *s, uint64_t *isolate, uint64_t *ns)
{
	struct scan at = *s;
	uint64_t pid;

	if (!scan_lit(&at, "[") || !scan_u64(&at, &pid))
		return false;
	*isolate = 0;
	if (scan_peek(&at) == ':') {
		at.p++;
		scan_hex(&at, isolate);
		/* Node 24 has a number behind it with --trace-gc-nvp */
		if (scan_peek(&at) == ':' && (at.p++, !scan_u64(&at, &pid)))
			return false;
	}
	if (!scan_lit(&at, "]") || !scan_dec(&at, 6, ns) || !scan_lit(&at, "ms:"))
		return false;
	*s = at;
	return true;
}

bool v8_gc_body(struct scan s, struct v8_gc *g)
{
	uint64_t skip;

	if (!name_of(&s, g->name, sizeof(g->name)) ||
	    !used_and_committed(&s, &g->before, &g->cbefore) || !scan_lit(&s, "->") ||
	    !used_and_committed(&s, &g->after, &g->cafter) || !scan_lit(&s, "MB,"))
		return false;
	g->pooled = MP_UNKNOWN;
	if (scan_lit(&s, "pooled:") && (!megabytes(&s, &g->pooled) || !scan_lit(&s, "MB,")))
		return false;
	if (!scan_dec(&s, 6, &g->pause_ns))
		return false;
	g->kind = kind_of(g->name);
	if (scan_lit(&s, "/"))
		scan_dec(&s, 3, &skip); /* time in external callbacks: inside the pause */
	reason_of(s, g->reason, sizeof(g->reason));
	return true;
}

int v8_gc_parse(const char *line, struct v8_gc *g)
{
	struct scan s = { strchr(line, '['), line + strlen(line) };
	struct v8_gc r;
	uint64_t ns;

	if (!s.p || !v8_gc_head(&s, &r.isolate, &ns) || !v8_gc_body(s, &r))
		return -EINVAL;
	r.ms = (double)ns / 1e6;
	*g = r;
	return 0;
}

/* --- the limit ----------------------------------------------------------------------- */

/* V8 takes _ for - in the names of its flags. Behind the name, or NULL. */
static const char *flag_is(const char *arg, const char *name)
{
	for (; *name; arg++, name++)
		if (*arg != *name && !(*arg == '_' && *name == '-'))
			return NULL;
	return arg;
}

/* One option; what it does not concern leaves `limit` as it is. */
static uint64_t limit_of(const char *arg, uint64_t limit)
{
	const char *value = flag_is(arg, "--max-old-space-size=");
	uint64_t mb = 0;

	if (!value) /* --max-old-space-size-percentage, --max-heap-size */
		return flag_is(arg, "--max-old-space") || flag_is(arg, "--max-heap-size")
			       ? MP_UNKNOWN
			       : limit;
	if (limit == MP_UNKNOWN || !*value)
		return MP_UNKNOWN;
	for (; *value; value++) {
		if (!scan_digit(*value) || mb > 1 << 24)
			return MP_UNKNOWN;
		mb = mb * 10 + (uint64_t)(*value - '0');
	}
	return mb * MIB;
}

/*
 * Options end at the first argument that is none: the script, but also the value of an
 * option that stands apart from it. So what looks like the flag behind it may be Node's or
 * the script's. A process that gave itself a title wrote over its arguments, which are
 * empty then.
 */
uint64_t v8_limit_in_args(const char *args, size_t len)
{
	const char *end = args + len, *p = memchr(args, 0, len);
	uint64_t limit = 0;
	bool options = true;

	if (!len || end[-1])
		return MP_UNKNOWN; /* cut off, or a title */
	for (p = p ? p + 1 : end; p < end; p += strlen(p) + 1) {
		if (!*p)
			return MP_UNKNOWN;
		options = options && *p == '-' && strcmp(p, "--") != 0;
		if (options)
			limit = limit_of(p, limit);
		else if (limit_of(p, 0))
			return MP_UNKNOWN;
	}
	return limit;
}

/* Options in one text, a blank between them; one in quotes is not looked into. */
static uint64_t limit_in_text(const char *s)
{
	uint64_t limit = 0;
	char word[64];

	while (*s) {
		size_t n = strcspn(s, " ");

		if (n < sizeof(word)) {
			memcpy(word, s, n);
			word[n] = 0;
			limit = strpbrk(word, "\"\\") ? MP_UNKNOWN : limit_of(word, limit);
		}
		s += n + (s[n] == ' ');
	}
	return limit;
}

uint64_t v8_limit_in_environ(const char *env, size_t len)
{
	static const char name[] = "NODE_OPTIONS=";

	if (!len || env[len - 1])
		return MP_UNKNOWN;
	for (size_t i = 0; i < len; i += strlen(env + i) + 1)
		if (!strncmp(env + i, name, sizeof(name) - 1))
			return limit_in_text(env + i + sizeof(name) - 1);
	return 0;
}
