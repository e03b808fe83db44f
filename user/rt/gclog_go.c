/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gclog_go.c - Go's gctrace and scavtrace lines, 1.5 to 1.26 (Go: src/runtime/mgc.go,
 * mgcscavenge.go, extern.go).
 *
 *   gc 1 @0.205s 0%: 0.012+1.5+0.068 ms clock, 0.025+0.12/0.081/0.045+0.13 ms cpu,
 *   600->600->600 MB, 600 MB goal, 0 MB stacks, 0 MB globals, 2 P (forced)
 *
 * The time is that of the start. Three clock phases, the first and the last with the
 * world stopped; five before 1.6, of which the first, third and fifth. Sizes are the heap
 * at the start, at the end of marking, and what was found live: that is `after`, since what
 * the cycle kept is what counts. MB are whole ones, cut off.
 */
#include "user/rt/gclog_int.h"

#define MB     (1ULL << 20)
#define PHASES 5

/* "0.012+1.5+0.068 ms clock,": ns of each. Returns how many, 0: none. */
static int phases(struct scan *s, uint64_t ns[PHASES])
{
	int n = 0;

	while (n < PHASES && scan_dec(s, 6, &ns[n])) { /* ms with 6 digits are ns */
		n++;
		if (scan_peek(s) != '+')
			break;
		s->p++;
	}
	return scan_lit(s, "ms clock,") ? n : 0;
}

static bool cpu(struct scan *s)
{
	const char *p = scan_find(s, "ms cpu,");

	if (!p)
		return false;
	s->p = p + strlen("ms cpu,");
	return true;
}

static bool sizes(struct scan *s, struct mp_gclog_gc *gc)
{
	uint64_t start, end, live, goal;

	if (!scan_u64(s, &start) || !scan_lit(s, "->") || !scan_u64(s, &end) ||
	    !scan_lit(s, "->") || !scan_u64(s, &live) || !scan_lit(s, "MB,") ||
	    !scan_u64(s, &goal) || !scan_lit(s, "MB goal,"))
		return false;
	if ((start | end | live | goal) >> 43)
		return false;
	gc->before = start * MB;
	gc->marked = end * MB;
	gc->after = live * MB;
	gc->goal = goal * MB;
	return true;
}

/* The line's head: "gc 12 @0.205s 3%". */
static bool head(struct scan *s, struct mp_gclog_gc *gc)
{
	uint64_t percent;

	return scan_lit(s, "gc ") && scan_u64(s, &gc->id) && scan_lit(s, "@") &&
	       scan_dec(s, 9, &gc->t) && scan_lit(s, "s ") && scan_u64(s, &percent) &&
	       scan_lit(s, "%");
}

enum gclog_found gclog_go(struct scan s, struct mp_gclog_gc *gc)
{
	uint64_t ns[PHASES], procs;
	int n;

	gclog_blank(gc, MP_GCLOG_GO);
	if (!head(&s, gc))
		return GCLOG_NO;
	scan_lit(&s, "(checking for goroutine leaks)");
	if (!scan_lit(&s, ":"))
		return GCLOG_BAD;
	n = phases(&s, ns);
	if ((n != 3 && n != 5) || !cpu(&s) || !sizes(&s, gc))
		return GCLOG_BAD;
	gc->pause = ns[0] + ns[n - 1] + (n == 5 ? ns[2] : 0);
	gc->span = 0;
	for (int i = 0; i < n; i++)
		gc->span += ns[i];
	for (uint64_t skip; scan_u64(&s, &skip);) { /* stacks and globals, not in all versions */
		if (scan_lit(&s, "MB stacks,") || scan_lit(&s, "MB globals,"))
			continue;
		procs = skip;
		if (!procs || !scan_lit(&s, "P"))
			return GCLOG_BAD;
		gc->kind = MP_GC_MAJOR;
	}
	if (!gc->kind)
		return GCLOG_BAD;
	gc->at_start = true;
	snprintf(gc->name, sizeof(gc->name), "GC");
	if (scan_lit(&s, "(forced)"))
		snprintf(gc->reason, sizeof(gc->reason), "forced");
	return GCLOG_YES;
}

/*
 * 1.21 and later  scav 1024 KiB work (bg), 0 KiB work (eager), 4096 KiB now, 96% util
 * 1.19            scav 1024 KiB work, 4096 KiB total, 96% util
 * 1.15            scav 3 1024 KiB work, 4096 KiB total, 96% util
 * up to 1.13      scvg12: 4 MB released
 */
bool gclog_go_released(struct scan s, uint64_t *bytes)
{
	uint64_t a, b;
	struct scan t;

	if (scan_is(&s, "scvg")) {
		s.p += 4;
		t = s;
		if (scan_u64(&t, &a))
			s = t;
		if (!scan_lit(&s, ":") || !scan_u64(&s, &a) || !scan_lit(&s, "MB released"))
			return false;
		*bytes = a * MB;
		return !(a >> 43);
	}
	if (!scan_lit(&s, "scav ") || !scan_u64(&s, &a))
		return false;
	if (!scan_lit(&s, "KiB work") && (!scan_u64(&s, &a) || !scan_lit(&s, "KiB work")))
		return false;
	if (scan_lit(&s, "(bg),") && scan_u64(&s, &b))
		a += b;
	*bytes = a << 10;
	return !(a >> 53);
}
