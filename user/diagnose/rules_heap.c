/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rules_heap.c - classes whose bytes lie in a managed heap or are held by one.
 */
#include "user/diagnose/rules.h"

#include <stdio.h>
#include <string.h>

#include "user/util/util.h"

/* How soon the limit is reached, where there is one. */
static void when_full(struct dx_ctx *c, struct mp_finding *f)
{
	const struct dx_val *v = dx_fact(c, F_HEAP_LEFT);

	if (!v->why)
		dx_row(f, dx_fact_what(F_HEAP_LEFT), MP_DX_SECONDS, v->v, MP_UNKNOWN);
}

/* First and last of what major collections left, each with its moment. */
static void floors(struct dx_ctx *c, struct mp_finding *f)
{
	const struct dx_floor *l = &c->floor;

	if (!l->n)
		return;
	dx_row(f, "left by the first major collection", MP_DX_BYTES, l->v[0], dx_ts(c, l->t[0]));
	dx_row(f, "left by the last major collection", MP_DX_BYTES, l->v[l->n - 1],
	       dx_ts(c, l->t[l->n - 1]));
}

/* Threads that came with the growth. */
#define THREADS_MANY 50

/*
 * What the growth goes with hints at what holds it; heap events cannot name it, so no more
 * than "looks like" is said.
 */
static const char *holder(struct dx_ctx *c)
{
	double even = c->thr->v[T_EVEN], uneven = c->thr->v[T_UNEVEN];
	double time = dx_fact(c, F_UNEVEN_TIME)->v, work = dx_fact(c, F_UNEVEN_WORK)->v;
	double threads = dx_last(c, C_THREADS_STARTED) - dx_first(c, C_THREADS_STARTED);

	if (threads >= THREADS_MANY)
		return "threads started with it: something held for each";
	if (time < even && work > uneven)
		return "goes with the time, not with the work: a timer, a producer in the "
		       "background";
	if (work < even && time > uneven)
		return "goes with the work, not with the time: a listener, closure or entry a "
		       "request";
	if (dx_fact(c, F_LIVE_STAYED)->v >= c->thr->v[T_STAYED])
		return "much of what is made stays: a collection or cache that is added to";
	return NULL;
}

static void looks_like(struct dx_ctx *c, struct mp_finding *f)
{
	const struct dx_val *stayed = dx_fact(c, F_LIVE_STAYED);
	const char *what = holder(c);

	floors(c, f);
	when_full(c, f);
	if (!stayed->why)
		dx_row(f, dx_fact_what(F_LIVE_STAYED), MP_DX_RATIO, stayed->v, MP_UNKNOWN);
	if (what)
		dx_row_text(f, "looks like", what, MP_UNKNOWN);
}

/*
 * As looks_like(), of growth that the start of a program may be as well: information, but
 * where very many collections saw it (the rule's `bad`) in a time that is no start's, or
 * the live set was large already. Who ended by himself had what his work needed.
 */
static void suspect(struct dx_ctx *c, struct mp_finding *f)
{
	bool few = dx_fact(c, F_MAJORS)->v < c->thr->v[T_FEW_MAJORS];
	bool young = !(dx_fact(c, F_LIVE_TIMES)->v <= c->thr->v[T_YOUNG]);
	bool brief = dx_fact(c, F_WINDOW)->v < c->thr->v[T_NATIVE_SURE];

	if (dx_ended(c->p) || (young && brief))
		f->level = MP_DX_INFO;
	else if (f->level == MP_DX_INFO && !young)
		f->level = few ? MP_DX_WARN : MP_DX_BAD;
	dx_row(f, dx_fact_what(F_LIVE_TIMES), MP_DX_RATIO, dx_fact(c, F_LIVE_TIMES)->v, MP_UNKNOWN);
	looks_like(c, f);
}

/* ... and how large the objects are, where each has a mapping. */
static void large_ones(struct dx_ctx *c, struct mp_finding *f)
{
	const struct dx_val *v = dx_fact(c, F_LARGE_MEAN);

	suspect(c, f);
	if (!v->why)
		dx_row(f, dx_fact_what(F_LARGE_MEAN), MP_DX_BYTES, v->v, MP_UNKNOWN);
}

/* A level that the limit has no room for is more than information: what fills is healthy. */
static void levels_off(struct dx_ctx *c, struct mp_finding *f)
{
	const struct dx_val *v = dx_fact(c, F_CEILING_SHARE);

	floors(c, f);
	if (v->why)
		return;
	dx_row(f, dx_fact_what(F_CEILING_SHARE), MP_DX_RATIO, v->v, MP_UNKNOWN);
	if (v->v >= c->thr->v[T_CACHE_ROOM])
		f->level = MP_DX_WARN;
}

/* What every rule on growth asks for. */
#define GROWS                                                      \
	{                                                          \
		F_FLOOR_RISE, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE \
	}
#define STAYS                                              \
	{                                                  \
		F_DRAINED, DX_LT, T_FALLEN, F_ONE, DX_MUST \
	}
#define ORDER                                                 \
	{                                                     \
		F_LIVE_TAU, DX_GE, T_LEAK_TAU, F_ONE, DX_MUST \
	}
#define CHANCE                                                 \
	{                                                      \
		F_LIVE_P, DX_LT, T_LEAK_CHANCE, F_ONE, DX_MUST \
	}
#define GOES_ON                                                 \
	{                                                       \
		F_LIVE_BEND, DX_GE, T_LEAK_BEND, F_ONE, DX_MUST \
	}
#define NOT_CACHE                                                                            \
	{                                                                                    \
		"cache-growth", GOES_ON,                                                     \
			"the growth does not flatten: at the end it has {live-bend} of its " \
			"steepest slope before"                                              \
	}
#define NOT_QUEUE                                                                               \
	{                                                                                       \
		"queue-backlog", STAYS, "it did not drain: {drained} of the rise is gone again" \
	}

#define LEAK_ADVICE                                                                               \
	{ A_V8, "take two heap snapshots some minutes apart and compare them by retained size" }, \
		{ A_V8, "look at module-level maps and arrays, emitter.listenerCount(), "         \
			"setInterval() never"                                                     \
			" cleared, closures kept in them" },                                      \
		{ A_GO, "compare two heap profiles (pprof -base) and look at the number of "      \
			"goroutines: each that"                                                   \
			" waits for ever keeps its stack and what that refers to" },              \
		{ A_JVM, "compare two `jcmd PID GC.class_histogram`, then take a heap dump: "     \
			 "static maps, listeners,"                                                \
			 " ThreadLocals" },                                                       \
		{ A_PYTHON, "compare two tracemalloc snapshots; module-level dicts, "             \
			    "lru_cache(maxsize=None)" },                                          \
		{ A_RUBY, "compare two ObjectSpace.dump_all; constants and class variables that " \
			  "collect" },                                                            \
	{                                                                                         \
		A_GC, "take two heap snapshots (gc_snapshot()) and compare them: global roots, "  \
		      "handles never freed"                                                       \
	}

static const struct dx_rule list[] = {
	{
		.cls = "queue-backlog",
		.title = "produced faster than consumed, then drained",
		.level = MP_DX_WARN,
		.confidence = 0.6,
		.conds = {
			GROWS,
			{ F_MAJORS, DX_GE, T_FEW_MAJORS, F_ONE, DX_GATE },
			{ F_DRAINED, DX_GE, T_QUEUE_DRAIN, F_ONE, DX_MUST },
			{ F_DRAIN_STEPS, DX_GE, T_QUEUE_STEPS, F_ONE, DX_MUST },
		},
		.n_conds = 4,
		.strong = { { F_INPUT_FALL, DX_GE, T_QUEUE_INPUT, F_ONE, DX_MUST } },
		.n_strong = 1,
		.nots = {
			{ "heap-leak", { F_DRAINED, DX_GE, T_QUEUE_DRAIN, F_ONE, DX_MUST },
			  "{drained} of the rise was gone again, in {drain-steps} collections" },
		},
		.n_nots = 1,
		.bytes = F_FLOOR_RISE,
		.where = W_LIVE | W_FREE,
		.from = F_FLOOR_FROM,
		.trend = true,
		.summary = "The live set rose by {floor-rise} and fell again bit by bit, {drained} of it in"
			   " {drain-steps} collections: looks like a queue that filled and drained",
		.more = floors,
		.advice = {
			{ A_V8, "honour back-pressure: stop when stream.write() returns false, pause the source" },
			{ A_GO, "use a bounded channel, so that the producer waits" },
			{ A_JVM, "use a bounded queue (ArrayBlockingQueue) and say what happens when it is full" },
			{ 0, "bound the queue in bytes, not in items, and export its length" },
		},
		.confirm = "export the queue's length and see it go with the live set",
	},
	{
		.cls = "pinned-slice",
		.title = "few large objects stay, maybe for small parts of them",
		.level = MP_DX_INFO,
		.confidence = 0.6,
		.conds = {
			GROWS,
			{ F_LARGE_SHARE, DX_GE, T_LARGE_SHARE, F_ONE, DX_GATE },
			{ F_LIVE_POINTS, DX_GE, T_LEAK_POINTS, F_ONE, DX_NEED },
			STAYS,
			ORDER,
			GOES_ON,
		},
		.n_conds = 6,
		.strong = { { F_MAJORS, DX_GE, T_MANY_MAJORS, F_ONE, DX_MUST } },
		.n_strong = 1,
		.bad = { F_MAJORS, DX_GE, T_MANY_MAJORS, F_ONE, DX_MUST },
		.n_bad = 1,
		.nots = { NOT_CACHE, NOT_QUEUE },
		.n_nots = 2,
		.bytes = F_LIVE_GROWTH,
		.where = W_LIVE,
		.from = F_FLOOR_FROM,
		.trend = true,
		.summary = "The live set grew by {live-growth}, and {large-share} of the heap is large objects:"
			   " looks like small parts (slices, closures) that hold them",
		.more = large_ones,
		.advice = {
			{ A_V8, "copy the part that is kept: Buffer.from(buf.subarray(a, b)), (' ' + s).slice(1)" },
			{ A_GO, "copy the part that is kept: strings.Clone, bytes.Clone, slices.Clone" },
			{ A_JVM, "copy the part that is kept; slice() of a ByteBuffer holds all of it" },
			{ A_PYTHON, "a memoryview holds its whole object: bytes(view) copies the part" },
			{ 0, "look in a heap snapshot for objects of a small size of their own that retain much" },
		},
		.confirm = "a heap snapshot, sorted by retained size: large strings and arrays with one small holder",
	},
	{
		.cls = "heap-leak",
		.title = "the live set grows",
		.level = MP_DX_INFO,
		.confidence = 0.7,
		.conds = {
			GROWS,
			{ F_MAJORS, DX_GE, T_FEW_MAJORS, F_ONE, DX_GATE },
			STAYS,
			ORDER,
			CHANCE,
			GOES_ON,
		},
		.n_conds = 6,
		.strong = { { F_MAJORS, DX_GE, T_MANY_MAJORS, F_ONE, DX_MUST },
			    { F_RSS_GROWTH, DX_GE, T_LEAK_RSS, F_FLOOR_RISE, DX_MUST } },
		.n_strong = 2,
		.bad = { F_MAJORS, DX_GE, T_MANY_MAJORS, F_ONE, DX_MUST },
		.n_bad = 1,
		.nots = { NOT_CACHE, NOT_QUEUE },
		.n_nots = 2,
		.after = { "pinned-slice", "queue-backlog" },
		.bytes = F_FLOOR_RISE,
		.where = W_LIVE,
		.from = F_FLOOR_FROM,
		.trend = true,
		.summary = "What major collections leave in use grew by {floor-growth} over {majors} of them"
			   " and goes on at {live-rate}: looks like a leak",
		.more = suspect,
		.advice = { LEAK_ADVICE },
		.confirm = "the same after a forced full collection: what still grows is held",
	},
	{
		/* A young heap doubles between major collections: few tell, minor ones say the rest. */
		.cls = "heap-leak",
		.title = "the live set grows",
		.level = MP_DX_INFO,
		.confidence = 0.4,
		.conds = {
			{ F_SEEN_GROWTH, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_MAJORS, DX_GE, T_LEAK_MAJORS, F_ONE, DX_NEED },
			{ F_LIVE_POINTS, DX_GE, T_LEAK_POINTS, F_ONE, DX_NEED },
			{ F_LIVE_GROWTH, DX_GE, T_ONE, F_SIGNIFICANT, DX_MUST },
			{ F_LIVE_KEPT, DX_GE, T_LEAK_KEPT, F_ONE, DX_MUST },
			ORDER,
			CHANCE,
			GOES_ON,
		},
		.n_conds = 8,
		.strong = { { F_RSS_GROWTH, DX_GE, T_LEAK_RSS, F_LIVE_GROWTH, DX_MUST } },
		.n_strong = 1,
		.nots = { NOT_CACHE, NOT_QUEUE },
		.n_nots = 2,
		.after = { "pinned-slice", "queue-backlog", "heap-leak" },
		.bytes = F_LIVE_GROWTH,
		.where = W_LIVE,
		.from = F_FLOOR_FROM,
		.trend = true,
		.summary = "The live set grew by about {live-growth} and goes on at {live-rate}; {majors} major"
			   " collections left {live-kept} of what came: looks like a leak, or a cache that still fills",
		.more = suspect,
		.advice = { { 0, "look again for longer: what fills at the start ends, a leak goes on" },
			    LEAK_ADVICE },
		.confirm = "the same after a forced full collection: what still grows is held",
	},
	{
		.cls = "heap-limit-near",
		.title = "the live set is near the heap's limit",
		.level = MP_DX_WARN,
		.confidence = 0.8,
		.conds = {
			{ F_LIMIT_SHARE, DX_GE, T_LIMIT_NEAR, F_ONE, DX_GATE },
			{ F_FLOOR, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
		},
		.n_conds = 2,
		.after = { "heap-leak", "gc-thrash", "limit-misfit", "pinned-slice" },
		.bytes = F_FLOOR,
		.where = W_LIVE,
		.summary = "The last major collection left {floor}, {limit-share} of the heap's limit: when it is full"
			   " the runtime ends the process, or (Go) does little but collect",
		.more = when_full,
		.advice = {
			{ A_V8, "--max-old-space-size raises the limit; --heapsnapshot-near-heap-limit=2 shows why" },
			{ A_JVM, "-Xmx raises the limit; -XX:+HeapDumpOnOutOfMemoryError says what fills it" },
			{ A_GO, "GOMEMLIMIT is a goal, not a limit: near it the collector takes over the processor" },
			{ A_GC, "gc_options.old_limit raises the limit" },
		},
		.confirm = "the runtime's own limit and figure after a forced full collection",
	},
	{
		.cls = "cache-growth",
		.title = "the live set filled and levels off",
		.level = MP_DX_INFO,
		.confidence = 0.6,
		.conds = {
			GROWS,
			{ F_MAJORS, DX_GE, T_CACHE_MAJORS, F_ONE, DX_GATE },
			STAYS,
			{ F_LIVE_TAU, DX_GE, T_CACHE_TAU, F_ONE, DX_MUST },
			{ F_LIVE_BEND, DX_LE, T_CACHE_BEND, F_ONE, DX_MUST },
		},
		.n_conds = 5,
		.strong = { { F_MAJORS, DX_GE, T_MANY_MAJORS, F_ONE, DX_MUST } },
		.n_strong = 1,
		.nots = {
			{ "heap-leak", { F_LIVE_BEND, DX_LE, T_CACHE_BEND, F_ONE, DX_MUST },
			  "the growth flattens: at the end it has {live-bend} of its steepest slope before" },
		},
		.n_nots = 1,
		.after = { "queue-backlog", "heap-leak", "heap-limit-near", "gc-thrash" },
		.bytes = F_FLOOR_RISE,
		.where = W_LIVE,
		.from = F_FLOOR_FROM,
		.trend = true,
		.summary = "The live set grew by {live-growth} and levels off at about {live-ceiling}: a warm-up, or"
			   " a cache that has filled",
		.more = levels_off,
		.advice = { { 0, "nothing, if that much is meant to be kept; else bound the cache by bytes" } },
		.confirm = "the cache's own count of entries and evictions",
	},
	{
		.cls = "cache-growth",
		.title = "a cache without an effective bound",
		.level = MP_DX_INFO,
		.confidence = 0.5,
		.conds = {
			GROWS,
			{ F_MAJORS, DX_GE, T_CACHE_MAJORS, F_ONE, DX_GATE },
			STAYS,
			ORDER,
			{ F_LIVE_BEND, DX_GT, T_CACHE_BEND, F_ONE, DX_MUST },
			{ F_LIVE_BEND, DX_LT, T_LEAK_BEND, F_ONE, DX_MUST },
		},
		.n_conds = 6,
		.strong = { { F_MAJORS, DX_GE, T_MANY_MAJORS, F_ONE, DX_MUST } },
		.n_strong = 1,
		.nots = {
			{ "heap-leak", { F_LIVE_BEND, DX_LT, T_LEAK_BEND, F_ONE, DX_MUST },
			  "the growth slows down: at the end it has {live-bend} of its steepest slope before" },
		},
		.n_nots = 1,
		.after = { "queue-backlog", "pinned-slice", "heap-leak", "cache-growth",
			   "gc-thrash" },
		.bytes = F_FLOOR_RISE,
		.where = W_LIVE,
		.from = F_FLOOR_FROM,
		.trend = true,
		.summary = "The live set grew by {live-growth} and slows down, but not enough: looks like a cache"
			   " without an effective bound, on its way to {live-ceiling}",
		.more = levels_off,
		.advice = {
			{ A_V8, "bound the cache by bytes (lru-cache: maxSize with sizeCalculation, not max alone)" },
			{ A_JVM, "bound the cache by weight (Caffeine: maximumWeight), not by a count alone" },
			{ A_PYTHON, "lru_cache(maxsize=N), not None" },
			{ 0, "bound the cache by bytes, sweep what is old, and export a count of evictions" },
		},
		.confirm = "the cache's own count of entries and evictions",
	},
	{
		.cls = "gc-frequent",
		.title = "collections take much of the time",
		.level = MP_DX_INFO,
		.confidence = 0.7,
		.conds = {
			{ F_GC_SHARE, DX_GE, T_PAUSE_SHARE, F_ONE, DX_GATE },
			{ F_WINDOW, DX_GE, T_WINDOW_LEAST, F_ONE, DX_GATE },
		},
		.n_conds = 2,
		.after = { "gc-thrash" },
		.bytes = F_ZERO,
		.where = W_NOWHERE,
		.summary = "{pause-share} of the time went into pauses of collections: {minor-rate} minor,"
			   " {major-rate} major",
		.advice = {
			{ 0, "many minor ones: allocate less, or give the young generation more room" },
			{ A_V8, "--max-semi-space-size=64 makes scavenges fewer" },
			{ A_JVM, "-Xmn or -XX:MaxGCPauseMillis: a larger young generation" },
			{ A_GO, "GOGC=200, or a higher GOMEMLIMIT" },
			{ 0, "many major ones: the live set is near the limit; raise it or keep less" },
		},
		.confirm = "the runtime's own log of collections (memprof gclog)",
	},
	{
		.cls = "gc-frequent",
		.title = "major collections are frequent",
		.level = MP_DX_INFO,
		.confidence = 0.7,
		.conds = {
			{ F_MAJOR_RATE, DX_GE, T_MAJOR_RATE, F_ONE, DX_GATE },
			{ F_WINDOW, DX_GE, T_WINDOW_LEAST, F_ONE, DX_GATE },
		},
		.n_conds = 2,
		.after = { "gc-thrash", "gc-frequent" },
		.bytes = F_ZERO,
		.where = W_NOWHERE,
		.summary = "{major-rate} major collections: the heap is small or near its goal, or they are forced",
		.advice = { { 0, "look at their reasons; give the heap room or keep less" } },
		.confirm = "the runtime's own log of collections (memprof gclog)",
	},
	{
		.cls = "gc-frequent",
		.title = "minor collections are frequent",
		.level = MP_DX_INFO,
		.confidence = 0.7,
		.conds = {
			{ F_MINOR_TOLD, DX_GE, T_MINOR_RATE, F_ONE, DX_GATE },
			{ F_WINDOW, DX_GE, T_WINDOW_LEAST, F_ONE, DX_GATE },
		},
		.n_conds = 2,
		.after = { "gc-thrash", "gc-frequent" },
		.bytes = F_ZERO,
		.where = W_NOWHERE,
		.summary = "{minor-rate} minor collections: much is allocated for a short time",
		.advice = { { 0, "nothing, while their pauses are short; else allocate less, or pool" },
			    { A_V8, "--max-semi-space-size=64 makes scavenges fewer" } },
		.confirm = "the runtime's own log of collections (memprof gclog)",
	},
	{
		.cls = "growth-over-baseline",
		.title = "the heap in use is larger than it was",
		.level = MP_DX_INFO,
		.confidence = 0.5,
		.conds = {
			{ F_USED_GROWTH, DX_GE, T_BASELINE, F_ONE, DX_GATE },
		},
		.n_conds = 1,
		.after = { "heap-leak", "cache-growth", "queue-backlog", "pinned-slice", "heap-fills",
			   "heap-limit-near", "heap-retained" },
		.bytes = F_USED_GROWTH,
		.where = W_LIVE,
		.summary = "Heap in use grew by {used-growth}; collections do not say whether that stays",
		.advice = { { 0, "look for longer, or force a full collection: what is left then is live" } },
		.confirm = "the same after a forced full collection",
	},
	{
		.cls = "rising",
		.title = "the heap in use rose look after look",
		.level = MP_DX_INFO,
		.confidence = 0.4,
		.conds = {
			{ F_USED_GROWTH, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_USED_RISING, DX_GE, T_RISING, F_ONE, DX_GATE },
		},
		.n_conds = 2,
		.after = { "heap-leak", "cache-growth", "queue-backlog", "pinned-slice", "heap-fills",
			   "growth-over-baseline" },
		.bytes = F_USED_GROWTH,
		.where = W_LIVE,
		.trend = true,
		.summary = "Heap in use rose in {used-rising} of ten looks in a row, by {used-growth} in all",
		.advice = { { 0, "look for longer: between two major collections every heap rises" } },
		.confirm = "the same after a forced full collection",
	},
};

const struct dx_rules dx_rules_heap = { list, sizeof(list) / sizeof(list[0]) };
