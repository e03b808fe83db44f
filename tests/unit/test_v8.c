/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_v8.c - the parser of --trace-gc lines, on lines as Node 8 to 26 print them.
 */
#include "tests/unit/ev.h"

#include "tests/log_golden.h"
#include "user/rt/v8.h"

#define MU    "(average mu = 1.000, current mu = 1.000) "
#define STEPS "steps since start of marking, biggest step "
#define WALL  " ms, walltime since start of marking "
#define GUARD "finalize incremental marking via stack guard"

struct line {
	const char *text;
	double ms;
	uint64_t isolate;
	unsigned kind;
	double before, cbefore, after, cafter; /* MB */
	double pause;			       /* ms */
	const char *name, *reason;
};

static uint64_t mb(double v)
{
	return (uint64_t)(v * 1048576 + 0.5);
}

/* The log has one decimal of a MB: what is parsed may differ by rounding, no more. */
static void near_bytes(uint64_t got, double want)
{
	int64_t d = (int64_t)(got - mb(want));

	assert_true(d >= -1 && d <= 1);
}

static void check_line(const struct line *l)
{
	struct v8_gc g;

	memset(&g, 0x5a, sizeof(g));
	assert_int_equal(v8_gc_parse(l->text, &g), 0);
	assert_true(g.ms > l->ms - 0.001 && g.ms < l->ms + 0.001);
	assert_int_equal(g.isolate, l->isolate);
	assert_int_equal(g.kind, l->kind);
	near_bytes(g.before, l->before);
	near_bytes(g.cbefore, l->cbefore);
	near_bytes(g.after, l->after);
	near_bytes(g.cafter, l->cafter);
	assert_true(g.pause_ns + 1 >= (uint64_t)(l->pause * 1e6) &&
		    g.pause_ns <= (uint64_t)(l->pause * 1e6) + 1);
	assert_string_equal(g.name, l->name);
	assert_string_equal(g.reason, l->reason);
}

static void test_node8(void **state)
{
	static const struct line l[] = {
		{ "[4210:0x3804a870]       33 ms: Scavenge 3.4 (6.3) -> 3.1 (7.3) MB, 1.4 / 0.0 ms "
		  " "
		  "allocation failure ",
		  33, 0x3804a870, MP_GC_MINOR, 3.4, 6.3, 3.1, 7.3, 1.4, "Scavenge",
		  "allocation failure" },
		{ "[4210:0x3804a870]      342 ms: Mark-sweep 135.9 (167.5) -> 14.7 (56.3) MB, "
		  "3.9 / 0.0 ms  (+ 10.3 ms in 5 " STEPS "5.0" WALL "59 ms) " GUARD
		  " GC in old space requested",
		  342, 0x3804a870, MP_GC_MAJOR, 135.9, 167.5, 14.7, 56.3, 3.9, "Mark-sweep",
		  GUARD " GC in old space requested" },
	};

	(void)state;
	check_line(&l[0]);
	check_line(&l[1]);
}

static void test_node10_12(void **state)
{
	static const struct line l[] = {
		{ "[4234:0x269679e0]       26 ms: Scavenge 2.5 (4.2) -> 2.2 (5.2) MB, 0.9 / 0.0 ms "
		  " " MU "allocation failure ",
		  26, 0x269679e0, MP_GC_MINOR, 2.5, 4.2, 2.2, 5.2, 0.9, "Scavenge",
		  "allocation failure" },
		{ "[23848:0x2e9344c0]      387 ms: Mark-sweep 122.5 (143.3) -> 2.1 (39.0) MB, "
		  "7.2 / 0.0 ms  (+ 0.0 ms in 2 " STEPS "0.0" WALL
		  "17 ms) (average mu = 0.943, current mu = 0.943) " GUARD
		  " GC in old space requested",
		  387, 0x2e9344c0, MP_GC_MAJOR, 122.5, 143.3, 2.1, 39.0, 7.2, "Mark-sweep",
		  GUARD " GC in old space requested" },
	};

	(void)state;
	check_line(&l[0]);
	check_line(&l[1]);
}

static void test_node14_16_reduce(void **state)
{
	static const struct line l[] = {
		{ "[24751:0x396695b0]      610 ms: Mark-sweep (reduce) 66.9 (97.1) -> 66.8 (99.6) "
		  "MB, "
		  "99.2 / 0.0 ms  (+ 0.0 ms in 40 " STEPS "0.0" WALL
		  "107 ms) (average mu = 0.208, current mu = 0.076) allocation failure GC in old "
		  "space "
		  "requested",
		  610, 0x396695b0, MP_GC_MAJOR, 66.9, 97.1, 66.8, 99.6, 99.2, "Mark-sweep (reduce)",
		  "allocation failure GC in old space requested" },
		{ "[25062:0x1f5d1910]       33 ms: Scavenge 5.5 (5.8) -> 5.3 (6.8) MB, 1.2 / 0.0 "
		  "ms  " MU "allocation failure ",
		  33, 0x1f5d1910, MP_GC_MINOR, 5.5, 5.8, 5.3, 6.8, 1.2, "Scavenge",
		  "allocation failure" },
	};

	(void)state;
	check_line(&l[0]);
	check_line(&l[1]);
}

static void test_node18(void **state)
{
	static const struct line l = {
		"[29033:0x31c32d00]      422 ms: Mark-sweep 123.9 (158.7) -> 3.4 (41.1) MB, "
		"16.6 / 0.0 ms  (+ 0.0 ms in 2 " STEPS "0.0" WALL "32 ms) " MU GUARD
		"; GC in old space requested",
		422,
		0x31c32d00,
		MP_GC_MAJOR,
		123.9,
		158.7,
		3.4,
		41.1,
		16.6,
		"Mark-sweep",
		GUARD "; GC in old space requested"
	};
	struct v8_gc g;

	(void)state;
	check_line(&l);
	/* "reason; collector reason" with an empty second half */
	assert_int_equal(
		v8_gc_parse("[29033:0x31c32d00]       41 ms: Scavenge 5.5 (5.6) -> 5.3 (6.6) MB, "
			    "2.5 / 0.0 ms  " MU "allocation failure; ",
			    &g),
		0);
	assert_memory_equal(g.reason, "allocation failure", 18);
	assert_true(strlen(g.reason) <= 19);
}

static void test_node20(void **state)
{
	static const struct line l[] = {
		{ "[22857:0xc10ad00]      305 ms: Mark-Compact 123.3 (157.8) -> 2.7 (41.2) MB, "
		  "9.77 / 0.00 ms  (+ 0.0 ms in 1 " STEPS "0.0" WALL "41 ms) " MU GUARD
		  "; GC in old space requested",
		  305, 0xc10ad00, MP_GC_COMPACT, 123.3, 157.8, 2.7, 41.2, 9.77, "Mark-Compact",
		  GUARD "; GC in old space requested" },
		{ "[23331:0x3767ccb0]      751 ms: Mark-Compact (reduce) 51.2 (84.9) -> 51.2 "
		  "(53.2) MB, "
		  "51.70 / 0.00 ms  (average mu = 0.214, current mu = 0.001) last resort; "
		  "GC in old space requested",
		  751, 0x3767ccb0, MP_GC_COMPACT, 51.2, 84.9, 51.2, 53.2, 51.70,
		  "Mark-Compact (reduce)", "last resort; GC in old space requested" },
	};

	(void)state;
	check_line(&l[0]);
	check_line(&l[1]);
}

static void test_node22_24_pooled(void **state)
{
	struct v8_gc g;
	static const struct line l[] = {
		{ "[29336:0x2b16b000]      343 ms: Mark-Compact 123.8 (158.7) -> 3.6 (41.1) MB, "
		  "pooled: 106 MB, 2.71 / 0.00 ms  (+ 0.0 ms in 0 " STEPS "0.0" WALL
		  "20 ms) (average mu = 0.992, current mu = 0.992) " GUARD
		  "; GC in old space requested",
		  343, 0x2b16b000, MP_GC_COMPACT, 123.8, 158.7, 3.6, 41.1, 2.71, "Mark-Compact",
		  GUARD "; GC in old space requested" },
		{ "[29593:0x321bd000]      244 ms: Mark-Compact 124.2 (224.3) -> 4.0 (138.0) MB, "
		  "pooled: 74 MB, 3.64 / 0.00 ms  (+ 0.0 ms in 1 " STEPS "0.0" WALL
		  "10 ms) (average mu = 0.985, current mu = 0.985) " GUARD
		  "; GC in old space requested",
		  244, 0x321bd000, MP_GC_COMPACT, 124.2, 224.3, 4.0, 138.0, 3.64, "Mark-Compact",
		  GUARD "; GC in old space requested" },
	};

	(void)state;
	check_line(&l[0]);
	check_line(&l[1]);
	assert_int_equal(v8_gc_parse(l[1].text, &g), 0);
	assert_int_equal(g.pooled, mb(74));
	assert_int_equal(
		v8_gc_parse("[4210:0x3804a870]       33 ms: Scavenge 3.4 (6.3) -> 3.1 (7.3) MB, "
			    "1.4 / 0.0 ms  allocation failure",
			    &g),
		0);
	assert_true(g.pooled == MP_UNKNOWN);
}

static void test_node25_26(void **state)
{
	static const struct line l[] = {
		{ "[4262:0x175be000]      257 ms: Mark-Compact 123.9 (157.9) -> 3.7 (69.9) MB, "
		  "pooled: 75.5 MB, 3.28 / 0.00 ms (+ 0.0 ms in 1 " STEPS "0.0" WALL
		  "10 ms) (average mu = 0.987, current mu = 0.987) " GUARD
		  "; GC in old space requested",
		  257, 0x175be000, MP_GC_COMPACT, 123.9, 157.9, 3.7, 69.9, 3.28, "Mark-Compact",
		  GUARD "; GC in old space requested" },
		{ "[4290:0x19393000]      233 ms: Incremental Mark-Compact 124.3 (141.4) -> 4.0 "
		  "(57.4) "
		  "MB, pooled: 72.0 MB, 3.31 / 0.00 ms (+ 0.0 ms in 1 " STEPS "0.0" WALL
		  "12 ms) (average mu = 0.986, current mu = 0.986) " GUARD
		  "; GC in old space requested",
		  233, 0x19393000, MP_GC_COMPACT, 124.3, 141.4, 4.0, 57.4, 3.31,
		  "Incremental Mark-Compact", GUARD "; GC in old space requested" },
	};

	(void)state;
	check_line(&l[0]);
	check_line(&l[1]);
}

static void test_minor_mark_sweep(void **state)
{
	struct v8_gc g;

	(void)state;
	assert_int_equal(
		v8_gc_parse("[4613:0x11125000]       33 ms: Minor Mark-Sweep 5.9 (7.0) -> 5.7 "
			    "(7.0) MB, pooled: 0 MB, 0.89 / 0.00 ms  " MU "allocation failure; ",
			    &g),
		0);
	assert_int_equal(g.kind, MP_GC_MINOR);
	assert_string_equal(g.name, "Minor Mark-Sweep");
	assert_int_equal(g.pause_ns, 890000);
}

/* "Several flags can follow the name" */
static void test_flags(void **state)
{
	static const char *const name[] = { "Mark-Compact (reduce) (interleaved)",
					    "Scavenge (interleaved)",
					    "Scavenge (during sweeping)" };
	char line[256];
	struct v8_gc g;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		snprintf(line, sizeof(line),
			 "[1:0x10]       33 ms: %s 5.9 (7.0) -> 5.7 (8.0) MB, pooled: 0.0 MB, 0.89 "
			 "/ 0.00 ms "
			 "(average mu = 1.000, current mu = 1.000) task; ",
			 name[i]);
		assert_int_equal(v8_gc_parse(line, &g), 0);
		assert_string_equal(g.name, name[i]);
		assert_int_equal(g.kind, i ? MP_GC_MINOR : MP_GC_COMPACT);
		near_bytes(g.cafter, 8.0);
	}
}

/* V8 has 256 bytes for a line: its end, and with it the reason, may be missing. */
static void test_cut_before_the_reason(void **state)
{
	struct v8_gc g;

	(void)state;
	assert_int_equal(
		v8_gc_parse("[1:0x10]   33 ms: Mark-Compact 5.9 (7.0) -> 5.7 (8.0) MB, pooled: 0 "
			    "MB, 0.89 / 0.00 ms  (+ 1.2 ms in 5 steps) (average mu = 0.7, cur",
			    &g),
		0);
	assert_string_equal(g.reason, "");
	assert_int_equal(g.pause_ns, 890000);
}

/* A name of tomorrow: the figures are read, whatever the word. */
static void test_unknown_name(void **state)
{
	struct v8_gc g;

	(void)state;
	assert_int_equal(
		v8_gc_parse("[1:0x10]       33 ms: Quantum Sweep 5.9 (7.0) -> 5.7 (8.0) MB, "
			    "0.89 / 0.00 ms  " MU "task; ",
			    &g),
		0);
	assert_string_equal(g.name, "Quantum Sweep");
	near_bytes(g.before, 5.9);
}

static void test_seven_digit_pid(void **state)
{
	struct v8_gc g;

	(void)state;
	assert_int_equal(
		v8_gc_parse("[4194303:0x7f0012345678] 12345678 ms: Scavenge 2048.5 (4096.0) -> "
			    "1024.0 (4096.0) MB, 1234.56 / 0.00 ms  " MU "task; \n",
			    &g),
		0);
	assert_int_equal(g.isolate, 0x7f0012345678ULL);
	assert_true(g.ms > 12345677.9 && g.ms < 12345678.1);
	assert_int_equal(g.before, 2048 * MIB + MIB / 2);
	assert_int_equal(g.pause_ns, 1234560000ULL);
}

/* A line cut where the ring's text ends (255 characters) keeps its figures. */
static void test_truncated(void **state)
{
	char line[400];
	struct v8_gc g;

	(void)state;
	strcpy(line, "[22899:0x31538d70]      388 ms: Mark-Compact (reduce) 62.5 (65.5) -> 62.4 "
		     "(65.8) MB, "
		     "45.46 / 0.00 ms  (+ 1.7 ms in 1 " STEPS "1.7" WALL
		     "48 ms) (average mu = 0.321, current mu = 0.251) " GUARD
		     "; GC in old space requested");
	assert_true(strlen(line) > 255);
	line[255] = 0;
	assert_int_equal(v8_gc_parse(line, &g), 0);
	near_bytes(g.after, 62.4);
	assert_int_equal(g.pause_ns, 45460000);
	assert_memory_equal(g.reason, "finaliz", 7);
	/* cut anywhere: no crash, no touch of *g when it is no collection any more */
	for (size_t n = strlen(line); n-- > 0;) {
		struct v8_gc was;

		line[n] = 0;
		memset(&g, 0x5a, sizeof(g));
		was = g;
		if (v8_gc_parse(line, &g))
			assert_memory_equal(&g, &was, sizeof(g));
		else
			near_bytes(g.before, 62.5);
	}
}

static void test_not_events(void **state)
{
	static const char *const no[] = {
		"",
		"\n",
		"hello",
		"[4216:0x2a21c8a0] Shrinking page 0x85f5f600000: end 0x85f5f680000 -> "
		"0x85f5f64f000",
		"[4216:0x2a21c8a0] Fast promotion mode: false survival rate: 66%",
		"[24723:0x38d8d660]       29 ms: Scavenge stack scanning: survived_before= 553KB, "
		"survived_after= 562KB delta=1.5%",
		"[4216:0x2a21c8a0] Memory allocator,   used:   7504 KB, available: 1458864 KB",
		"[4216:0x2a21c8a0] New space,          used:    683 KB, available:    323 KB, "
		"committed:   "
		"2048 KB",
		"[24723:0x38d8d660] Unmapper buffering 0 chunks of committed:      0 KB",
		"[29600:0x3a84d000] Pool buffering 0 chunks of committed:      0 KB",
		"[24723:0x38d8d660] External memory reported:      9 KB",
		"[24723:0x38d8d660] Backing store memory:    672 KB",
		"[24723:0x38d8d660] Total time spent in GC  : 1.2 ms",
		"[29600:0x3a84d000] Memory reducer: call rate 0.000, low alloc, foreground",
		"[1:0x10] [HeapController] factor 4.0 based on mu=0.970, speed_ratio=20 (gc=10, "
		"mutator=5)",
		"[1:0x10]      100 ms: Heap growing factor 1.5 based on mu=0.970, speed_ratio=20",
		"[1:0x10] Grow: old size: 12345 KB, new limit: 23456 KB (1.9)",
		"<--- Last few GCs --->",
		"FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
		"# start t=60ms rss=28.2 VmRSS=28.3 heapTotal=6.8 heapUsed=3.8 external=0.0 MB",
		"[1:0x10]",
		"[1:0x10]       33 ms:",
		"[1:0x10]       33 ms: Scavenge",
		"[1:0x10]       33 ms: Scavenge x (y) -> z (w) MB, 1.4 / 0.0 ms  task",
		"[1:0x10]       33 ms: Scavenge 3.4 (6.3) -> 3.1 (7.3) KB, 1.4 / 0.0 ms  task",
		"[1:0x10]       33 ms: Scavenge 3.4 6.3 -> 3.1 7.3 MB, 1.4 / 0.0 ms  task",
	};
	struct v8_gc g, was;

	(void)state;
	memset(&g, 0x5a, sizeof(g));
	was = g;
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		if (v8_gc_parse(no[i], &g) != -EINVAL)
			fail_msg("taken for a collection: %s", no[i]);
		assert_memory_equal(&g, &was, sizeof(g));
	}
}

/* --trace-gc-nvp prints its own form instead: no line of the plain form. */
static void test_nvp(void **state)
{
	static const char *const no[] = {
		"[4248:0x21f5c970]       28 ms: pause=1.2 mutator=26.3 gc=s reduce_memory=0 "
		"heap.prologue=0.00 heap.epilogue=0.00",
		"[29607:0x1f147000:0]       30 ms: pause=1.6 mutator=25.4 gc=s reduce_memory=0 "
		"interleaved=0 time_to_safepoint=0.00",
		"[4304:0x26fb3000:0]       29 ms: GC: "
		"{\"pause\":0.96,\"mutator\":23.492,\"gc\":\"s\","
		"\"reduce_memory\":false}",
	};
	struct v8_gc g;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(v8_gc_parse(no[i], &g), -EINVAL);
}

static void test_long_words(void **state)
{
	char line[1024];
	struct v8_gc g;
	char word[301];

	(void)state;
	memset(word, 'w', 300);
	word[300] = 0;
	snprintf(line, sizeof(line),
		 "[1:0x10]       33 ms: Mark %s 5.9 (7.0) -> 5.7 (8.0) MB, 0.89 / 0.00 ms  " MU
		 "%s; %s",
		 word, word, word);
	if (!v8_gc_parse(line, &g)) {
		assert_true(memchr(g.name, 0, sizeof(g.name)) != NULL);
		assert_true(memchr(g.reason, 0, sizeof(g.reason)) != NULL);
	}
	snprintf(line, sizeof(line),
		 "[1:0x10]       33 ms: Scavenge 5.9 (7.0) -> 5.7 (8.0) MB, 0.89 / 0.00 ms  " MU
		 "%s",
		 word);
	assert_int_equal(v8_gc_parse(line, &g), 0);
	assert_int_equal(strlen(g.reason), sizeof(g.reason) - 1);
}

/* Absurd figures do not overflow into other figures (undefined casts under UBSan). */
static void test_absurd_numbers(void **state)
{
	static const char *const odd[] = {
		"[1:0x10] 1e300 ms: Scavenge 1e300 (1e300) -> 1e300 (1e300) MB, 1e300 / 0.0 ms  "
		"task",
		"[1:0x10]       33 ms: Scavenge 99999999999999999999 (7.0) -> 5.7 (8.0) MB, 1.4 / "
		"0.0 ms  x",
		"[1:0x10]       33 ms: Scavenge -5.9 (-7.0) -> -5.7 (-8.0) MB, -1.4 / 0.0 ms  task",
		"[1:0x10]       33 ms: Scavenge nan (inf) -> nan (inf) MB, nan / 0.0 ms  task",
		"[1:0xffffffffffffffffffff]       33 ms: Scavenge 1.0 (1.0) -> 1.0 (1.0) MB, 1.0 / "
		"0.0 ms  x",
	};
	struct v8_gc g;

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		v8_gc_parse(odd[i], &g);
}

static void test_garbage(void **state)
{
	static const char base[] =
		"[22857:0xc10ad00]      305 ms: Mark-Compact 123.3 (157.8) -> 2.7 (41.2) "
		"MB, 9.77 / 0.00 ms  (+ 0.0 ms in 1 steps) " MU "task; GC";
	struct rnd r = rnd_seed("test_garbage", 5);
	struct v8_gc g;
	char line[256];

	(void)state;
	for (int i = 0; i < 50000; i++) {
		memcpy(line, base, sizeof(base));
		for (uint64_t k = 1 + rnd_below(&r, 6); k--;)
			line[rnd_below(&r, sizeof(base) - 1)] = (char)(1 + rnd_below(&r, 255));
		line[rnd_below(&r, sizeof(base))] = 0;
		if (!v8_gc_parse(line, &g)) {
			assert_non_null(memchr(g.name, 0, sizeof(g.name)));
			assert_non_null(memchr(g.reason, 0, sizeof(g.reason)));
		}
	}
}

/* What libmpgc prints in V8's style (tests/gc/test_log.c demands it of the collector). */
static void test_libmpgc(void **state)
{
	static const struct line l[] = {
		{ GOLDEN_V8_MINOR, 29, 0x2d424c40, MP_GC_MINOR, 4.1, 4.2, 3.9, 5.2, 1.53,
		  "Scavenge", "young space full" },
		{ GOLDEN_V8_MAJOR, 377, 0x2d424c40, MP_GC_MAJOR, 35.5, 39.0, 14.6, 36.2, 1.9,
		  "Mark-Sweep", "heap goal" },
		{ GOLDEN_V8_COMPACT, 60001, 0x2d424c40, MP_GC_COMPACT, 512, 600, 0.1, 2, 123.46,
		  "Mark-Compact", "forced" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(l) / sizeof(l[0]); i++)
		check_line(&l[i]);
}

#define ARGS(text)    v8_limit_in_args(text, sizeof(text)) /* the last NUL is the literal's */
#define ENVIRON(text) v8_limit_in_environ(text, sizeof(text))
#define MAX	      "--max-old-space-size="

static void test_limit_in_arguments(void **state)
{
	(void)state;
	assert_int_equal(ARGS("node\0" MAX "40\0a.js"), mb(40));
	assert_int_equal(ARGS("node\0--max_old_space_size=4096\0--expose-gc\0a.js\0--max"),
			 mb(4096));
	assert_int_equal(ARGS("node\0" MAX "40\0" MAX "50\0a.js"), mb(50)); /* the last one holds */
	assert_int_equal(ARGS("node\0a.js"), 0);
	assert_int_equal(ARGS("node"), 0);
	assert_int_equal(ARGS("node\0" MAX "0\0a.js"), 0); /* V8's own choice */
	/* the script's own argument, or Node's behind the value of another */
	assert_true(ARGS("node\0a.js\0" MAX "40") == MP_UNKNOWN);
	assert_true(ARGS("node\0-r\0x\0" MAX "40\0a.js") == MP_UNKNOWN);
	assert_true(ARGS("node\0--\0" MAX "40") == MP_UNKNOWN);
	/* what is no number, or has another say in it */
	assert_true(ARGS("node\0" MAX "40x\0a.js") == MP_UNKNOWN);
	assert_true(ARGS("node\0" MAX "\0a.js") == MP_UNKNOWN);
	assert_true(ARGS("node\0" MAX "99999999999999999999\0a.js") == MP_UNKNOWN);
	assert_true(ARGS("node\0--max-heap-size=100\0" MAX "40\0a.js") == MP_UNKNOWN);
	assert_true(ARGS("node\0--max-old-space-size-percentage=50\0a.js") == MP_UNKNOWN);
	/* a title written over the arguments, or a piece of them */
	assert_true(ARGS("my server\0\0\0\0") == MP_UNKNOWN);
	assert_true(v8_limit_in_args("node", 4) == MP_UNKNOWN);
	assert_true(v8_limit_in_args("", 0) == MP_UNKNOWN);
}

static void test_limit_in_environment(void **state)
{
	(void)state;
	assert_int_equal(ENVIRON("A=1\0NODE_OPTIONS=--inspect  " MAX "300 -r x\0B=2"), mb(300));
	assert_int_equal(ENVIRON("A=1\0NODE_OPTIONS=\0B=" MAX "3"), 0);
	assert_int_equal(ENVIRON("XNODE_OPTIONS=" MAX "3"), 0);
	assert_true(ENVIRON("NODE_OPTIONS=\"" MAX "300\"") == MP_UNKNOWN);
	assert_true(v8_limit_in_environ("NODE_OPTIONS=" MAX "30", 36) == MP_UNKNOWN); /* cut off */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_libmpgc),
		cmocka_unit_test(test_node8),
		cmocka_unit_test(test_node10_12),
		cmocka_unit_test(test_node14_16_reduce),
		cmocka_unit_test(test_node18),
		cmocka_unit_test(test_node20),
		cmocka_unit_test(test_node22_24_pooled),
		cmocka_unit_test(test_limit_in_arguments),
		cmocka_unit_test(test_limit_in_environment),
		cmocka_unit_test(test_node25_26),
		cmocka_unit_test(test_minor_mark_sweep),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_cut_before_the_reason),
		cmocka_unit_test(test_unknown_name),
		cmocka_unit_test(test_seven_digit_pid),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_not_events),
		cmocka_unit_test(test_nvp),
		cmocka_unit_test(test_long_words),
		cmocka_unit_test(test_absurd_numbers),
		cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
