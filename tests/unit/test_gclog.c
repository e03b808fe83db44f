/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_gclog.c - the grammars of GC logs on single lines: what of a line means what, what
 * is no record, and that it does not matter where a log is cut into pieces.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "user/rt/gclog_event.h"

#define KIB  (1ULL << 10)
#define MIB  (1ULL << 20)
#define MS   1000000ULL
#define SEC  1000000000ULL
#define MANY 64

struct got {
	struct mp_gclog_gc v[MANY];
	size_t n;
	struct mp_gclog_stats stats;
};

static int take(void *ctx, const struct mp_gclog_gc *gc)
{
	struct got *g = ctx;

	assert_true(g->n < MANY);
	g->v[g->n++] = *gc;
	return 0;
}

static void read_in(struct got *g, const char *text, size_t len, size_t piece)
{
	struct mp_gclog *l = mp_gclog_new(take, g);

	memset(g, 0, sizeof(*g));
	assert_non_null(l);
	for (size_t at = 0; at < len; at += piece)
		assert_int_equal(mp_gclog_feed(l, text + at, len - at < piece ? len - at : piece),
				 0);
	assert_int_equal(mp_gclog_end(l), 0);
	g->stats = *mp_gclog_stats(l);
	mp_gclog_free(l);
	assert_int_equal(g->stats.events, g->n);
}

static void lines(struct got *g, const char *text)
{
	read_in(g, text, strlen(text), 1 << 20);
}

static const struct mp_gclog_gc *single(struct got *g, const char *text)
{
	lines(g, text);
	assert_int_equal(g->n, 1);
	assert_int_equal(g->stats.bad, 0);
	return &g->v[0];
}

/* Neither a collection nor anything that should be one. */
static void nothing(const char *text)
{
	struct got g;

	lines(&g, text);
	assert_int_equal(g.n, 0);
	assert_int_equal(g.stats.bad, 0);
}

static void unreadable(const char *text)
{
	struct got g;

	lines(&g, text);
	assert_int_equal(g.n, 0);
	assert_int_equal(g.stats.bad, 1);
}

static void v8_lines(void **state)
{
	const struct mp_gclog_gc *gc;
	struct got g;

	(void)state;
	gc = single(&g,
		    "[17:0x2d424c40]       29 ms: Scavenge 4.1 (4.2) -> 3.9 (5.2) MB, 1.53 / 0.00 "
		    "ms  (average mu = 1.000, current mu = 1.000) allocation failure; ");
	assert_int_equal(gc->t, 29 * MS);
	assert_false(gc->at_start);
	assert_int_equal(gc->kind, MP_GC_MINOR);
	assert_int_equal(gc->pause, 1530000);
	assert_int_equal(gc->isolate, 0x2d424c40);
	assert_int_equal(gc->released, MP_UNKNOWN);
	/* behind somebody else's unfinished line */
	gc = single(
		&g,
		"done [ok] [17:0x1] 5 ms: Mark-Compact (reduce) 1.0 (2.0) -> 0.5 (2.0) MB, "
		"pooled: 0.0 MB, 1.00 / 0.00 ms (average mu = 0.1, current mu = 0.1) idle task; x");
	assert_string_equal(gc->name, "Mark-Compact (reduce)");
	assert_string_equal(gc->reason, "idle task; x");
	/* repeated in the report of a full heap, glued and cut */
	lines(&g,
	      "[1:0x1] 5 ms: Scavenge 1.0 (2.0) -> 0.5 (2.0) MB, 1.0 / 0.0 ms  x\n"
	      "\n<--- Last few GCs --->\n\n"
	      "[1:0x1] 5 ms: Scavenge 1.0 (2.0) -> 0.5 (2.0) MB, 1.0 / 0.0 ms  [1:0x1] 6 ms: Sc\n"
	      "\n<--- JS stacktrace --->\n"
	      "[2:0x1] 7 ms: Scavenge 1.0 (2.0) -> 0.5 (2.0) MB, 1.0 / 0.0 ms  x\n");
	assert_int_equal(g.n, 2);
	assert_int_equal(g.stats.repeated, 1);
	assert_int_equal(g.v[1].t, 7 * MS);
	nothing("[17:0x1]  29 ms: Scavenge stack scanning: survived_before= 553KB, delta= 9\n");
	nothing("[17:0x1]  29 ms: [HeapController] factor 1.9 based on mu=0.970\n");
	nothing("[17:0x1]  29 ms: Shrinking page 0x2d424c40: end 0x2d424c48 -> 0x2d424c40\n");
	unreadable("[17:0x1]  29 ms: Scavenge 4.1 (4.2) -> 3.");
}

static void v8_nvp_lines(void **state)
{
	const struct mp_gclog_gc *gc;
	struct got g;

	(void)state;
	gc = single(&g, "[4:0x1f:0]  30 ms: pause=1.6 mutator=25.4 gc=mc reduce_memory=0 "
			"start_object_size=10 "
			"end_object_size=7 start_memory_size=20 end_memory_size=30\n");
	assert_int_equal(gc->isolate, 0x1f);
	assert_int_equal(gc->kind, MP_GC_COMPACT);
	assert_int_equal(gc->before, 10);
	assert_int_equal(gc->after, 7);
	assert_int_equal(gc->cbefore, 20);
	assert_int_equal(gc->cafter, 30);
	assert_int_equal(gc->pause, 1600000);
	gc = single(&g, "[4:0x1f:0]  27 ms: GC: "
			"{\"pause\":1.709,\"gc\":\"s\",\"reason\":\"allocation failure\","
			"\"start_object_size\":10,\"end_object_size\":7}\n");
	assert_int_equal(gc->pause, 1709000);
	assert_int_equal(gc->kind, MP_GC_MINOR);
	assert_string_equal(gc->reason, "allocation failure");
	assert_int_equal(gc->cbefore, MP_UNKNOWN);
	unreadable("[4:0x1f]  30 ms: pause=1.6 mutator=25.4 gc=s reduce_memory=0 tot");
	unreadable("[1:0x1:0] 1 ms: GC: {\"gc\":");
}

static void go_lines(void **state)
{
	const struct mp_gclog_gc *gc;
	struct got g;

	(void)state;
	gc = single(
		&g,
		"gc 3 @0.205s 7%: 0.012+1.5+0.068 ms clock, 0.025+0.12/0.081/0.045+0.13 ms cpu, "
		"600->601->599 MB, 610 MB goal, 0 MB stacks, 0 MB globals, 2 P (forced)\n"
		"scav 8 KiB work (bg), 4 KiB work (eager), 60 KiB now, 99% util\n"
		"scav 2 KiB work, 60 KiB total, 99% util\n");
	assert_int_equal(gc->t, 205 * MS);
	assert_true(gc->at_start);
	assert_int_equal(gc->before, 600 * MIB);
	assert_int_equal(gc->after, 599 * MIB);
	assert_int_equal(gc->goal, 610 * MIB);
	assert_int_equal(gc->pause, 80000);
	assert_int_equal(gc->span, 1580000);
	assert_int_equal(gc->id, 3);
	assert_string_equal(gc->reason, "forced");
	assert_int_equal(gc->released, 14 * KIB);
	/* 1.5: five phases, stopped in the first, third and fifth; 1.12: releases in MB */
	gc = single(
		&g,
		"gc 1 @2.104s 0%: 0.024+0.82+0.02+0.9+0.3 ms clock, 0.1+0.2+0+1/2/3+0.6 ms cpu, "
		"4->4->0 MB, 4 MB goal, 8 P\nscvg0: 3 MB released\nscvg: 2 MB released\n"
		"scvg0: inuse: 2, idle: 60, sys: 63, released: 57, consumed: 5 (MB)\n");
	assert_int_equal(gc->pause, 344000);
	assert_int_equal(gc->released, 5 * MIB);
	/* 1.15 numbers them; what was given back before the first collection is nobody's */
	lines(&g, "scav 0 16 KiB work, 5 KiB total, 96% util\n"
		  "gc 1 @0.1s 7% (checking for goroutine leaks): 1+2+3 ms clock, 1+2/0/0+3 ms cpu, "
		  "1->1->1 MB, 4 MB goal, 2 P\nscav 1 12 KiB work, 5 KiB total, 86% util\n");
	assert_int_equal(g.n, 1);
	assert_int_equal(g.v[0].released, 12 * KIB);
	nothing("gc happens\nscav everything\npacer: assist ratio=+1\n");
	unreadable("gc 1 @0.006s 5%: 0.007+7.0+0.003 ms clock, 0.014+0.90/0.68/0.15+0.007 ms c");
}

static void unified_lines(void **state)
{
	const struct mp_gclog_gc *gc;
	struct got g;

	(void)state;
	gc = single(
		&g,
		"[2026-11-21T04:29:25.866+0100][0,158s][info ][gc          ] GC(7) Pause Young "
		"(Concurrent Start) (G1 Humongous (big) Allocation) 60M->13M(160M) 6.363 ms\r\n");
	assert_int_equal(gc->t, 158 * MS);
	/* 2026-11-21 03:29:25 UTC */
	assert_int_equal(gc->wall, 1795231765ULL * SEC + 866 * MS);
	assert_int_equal(gc->id, 7);
	assert_int_equal(gc->kind, MP_GC_MINOR);
	assert_string_equal(gc->name, "Pause Young (Concurrent Start)");
	assert_string_equal(gc->reason, "G1 Humongous (big) Allocation");
	assert_int_equal(gc->before, 60 * MIB);
	assert_int_equal(gc->after, 13 * MIB);
	assert_int_equal(gc->cafter, 160 * MIB);
	assert_int_equal(gc->pause, 6363000);
	/* both counts of ns: CLOCK_MONOTONIC comes first */
	gc = single(
		&g,
		"[1795235283551ms][39ms][2740619013058ns][39750058ns][vm][27][36][info][gc] GC(0) "
		"Pause Full (System.gc()) 6M->1M(34M) 1.450ms\n");
	assert_int_equal(gc->wall, 1795235283551ULL * MS);
	assert_int_equal(gc->mono, 2740619013058ULL);
	assert_int_equal(gc->t, 39750058);
	assert_string_equal(gc->reason, "System.gc()");
	/* one alone is what the uptime says it is not */
	gc = single(&g, "[5.0s][2740619013058ns] GC(0) Pause Remark 34M->30M(48M) 0.5ms\n");
	assert_int_equal(gc->mono, 2740619013058ULL);
	assert_int_equal(gc->kind, MP_GC_OTHER);
	/* ZGC: whole cycles, with a length since it has generations; its phases are pauses */
	gc = single(&g,
		    "[0.215s][info][gc] GC(1) Garbage Collection (Warmup) 160M(100%)->28M(18%)\n");
	assert_true(gc->concurrent);
	assert_int_equal(gc->pause, MP_UNKNOWN);
	assert_int_equal(gc->cafter, MP_UNKNOWN);
	lines(&g, "[0.09s][info][gc] GC(0) Major Collection (Warmup)\n"
		  "[0.10s][info][gc,phases] GC(0) Y: Pause Mark Start (Major) 0.007ms\n"
		  "[0.11s][info][gc] GC(0) Major Collection (Warmup) 16M(10%)->48M(30%) 0.020s\n"
		  "[0.12s][info][gc] Allocation Stall (main) 9.704ms\n");
	assert_int_equal(g.n, 2);
	assert_int_equal(g.v[0].pause, 7000);
	assert_int_equal(g.v[1].span, 20 * MS);
	gc = single(&g, "[9999-11-21T04:29:25.866+0100][0.1s][gc] GC(7) Pause Full (x) "
			"1.5T->1024K(4T) 1ms");
	assert_int_equal(gc->wall, MP_UNKNOWN);
	assert_int_equal(gc->before, 3ULL << 39);
	assert_int_equal(gc->cafter, 4ULL << 40);
	nothing("GC(0) Pause Young (Normal) (G1 Evacuation Pause)\n");
	nothing("[0.1s][gc,heap] GC(0) Eden regions: 3->0(5)\n[0.1s][gc] GC(0) Concurrent Mark "
		"4.5ms\n");
	unreadable("[0.1s][info][gc] GC(3) Pause Young (Normal) (x) 6M->1M(3");
}

static void legacy_records(void **state)
{
	const struct mp_gclog_gc *gc;
	struct got g;

	(void)state;
	gc = single(&g,
		    "2026-11-21T04:29:25.866+0000: 0.053: [GC (Allocation Failure) 0.053: [ParNew: "
		    "8702K->1056K(9792K), 0.0011446 secs] 8704K->1058K(31680K), 0.0011971 secs] "
		    "[Times: user=0.01 sys=0.00, real=0.00 secs] \n");
	assert_int_equal(gc->t, 53 * MS);
	assert_true(gc->at_start);
	assert_int_equal(gc->before, 8704 * KIB);
	assert_int_equal(gc->after, 1058 * KIB);
	assert_int_equal(gc->cafter, 31680 * KIB);
	assert_int_equal(gc->pause, 1197100);
	assert_string_equal(gc->reason, "Allocation Failure");
	/* a record with a heap table in it, and one whose sizes come behind it */
	lines(&g, "0.047: [GC (System.gc()) \nDesired survivor size 1048576 bytes\n"
		  " space 4K, 0% used [0x00f0, 0x00f1)\n[PSYoungGen: 8K->4K(9K)] 8K->4K(12K), "
		  "0.001 secs]\n"
		  "0.050: [GC pause (G1 Evacuation Pause) (young), 0.0014150 secs]\n"
		  "      [Choose CSet: 0.0 ms]\n"
		  "   [Eden: 10.0K(9.0K)->0.0B(1.0K) Heap: 11144.2K(32768.0K)->1920.2K(32768.0K)]\n"
		  "[Full GC  28099K->28000K(80384K), 0.0073294 secs]\n");
	assert_int_equal(g.n, 3);
	assert_int_equal(g.stats.bad, 0);
	assert_string_equal(g.v[0].reason, "System.gc()");
	assert_int_equal(g.v[1].after, 19202 * KIB / 10);
	assert_int_equal(g.v[1].cbefore, 32768 * KIB);
	assert_int_equal(g.v[2].kind, MP_GC_COMPACT);
	assert_int_equal(g.v[2].t, MP_UNKNOWN);
	/* CMS stops twice without collecting anything */
	gc = single(&g, "0.070: [GC (CMS Initial Mark) [1 CMS-initial-mark: 10983K(21888K)] "
			"12169K(31680K), "
			"0.0002021 secs]\n0.070: [CMS-concurrent-mark-start]\n");
	assert_int_equal(gc->kind, MP_GC_OTHER);
	assert_int_equal(gc->before, MP_UNKNOWN);
	nothing("   [GC Worker Start (ms): Min: 46.4, Avg: 46.4]\n0.1: [GC concurrent-mark-end, "
		"0.002 secs]\n");
	unreadable("0.053: [GC (Allocation Failure) 0.053: [ParNew: 8702K->1056K(97");
	/* one that never ended, and a whole one right behind it */
	lines(&g, "0.1: [GC (x) [PSYoungGen: 8K\n[Full GC (y)  3K->2K(8K), 0.1 secs]\n");
	assert_int_equal(g.n, 1);
	assert_int_equal(g.stats.bad, 1);
}

static void our_lines(void **state)
{
	const struct mp_gclog_gc *gc;
	struct got g;

	(void)state;
	gc = single(
		&g,
		"{\"type\":\"gc\",\"pid\":1,\"heap\":2,\"name\":\"x\",\"n\":4,\"kind\":\"major\","
		"\"reason\":\"heap limit\",\"start_ns\":77,\"pause_ns\":5,\"before\":9,\"after\":8,"
		"\"committed_before\":null,\"committed_after\":10}\n"
		"{\"type\":\"release\",\"pid\":1,\"heap\":2,\"name\":\"x\",\"at_ns\":78,\"bytes\":"
		"4096}\n");
	assert_int_equal(gc->mono, 77);
	assert_int_equal(gc->kind, MP_GC_MAJOR);
	assert_int_equal(gc->cbefore, MP_UNKNOWN);
	assert_int_equal(gc->cafter, 10);
	assert_int_equal(gc->released, 4096);
	unreadable("{\"type\":\"gc\",\"pid\":1,\"heap\":2,\"name\":\"x\",\"n\":4,\"kind\":\"ma");
}

/* All grammars one after the other, cut into pieces of every size and of random ones. */
static void pieces(void **state)
{
	static const char all[] =
		"start\n[1:0x1] 5 ms: Scavenge 1.0 (2.0) -> 0.5 (2.0) MB, 1.0 / 0.0 ms  x\r\n"
		"gc 1 @0.1s 7%: 1+2+3 ms clock, 1+2/0/0+3 ms cpu, 1->1->1 MB, 4 MB goal, 2 P\n"
		"scav 12 KiB work, 5 KiB total, 86% util\n"
		"[0.1s][info][gc] GC(3) Pause Young (Normal) (x) 6M->1M(34M) 1.450ms\n\n"
		"0.1: [GC pause (x) (young)\nDesired survivor size 5 bytes\n, 0.0014150 secs]\n"
		"   [Eden: 1.0K(1.0K)->0.0B(1.0K) Heap: 4.0K(8.0K)->2.0K(8.0K)]\n"
		"0.2: [Full GC (y)  28099K->28000K(80384K), 0.0073294 secs]";
	uint64_t seed = (uint64_t)time(NULL);
	struct got want, g;

	(void)state;
	lines(&want, all);
	assert_int_equal(want.n, 5);
	assert_int_equal(mp_gclog_lang(&want.stats), MP_GCLOG_LEGACY);
	for (size_t piece = 1; piece < sizeof(all); piece++) {
		read_in(&g, all, sizeof(all) - 1, piece);
		assert_int_equal(g.n, want.n);
		for (size_t i = 0; i < g.n; i++) {
			assert_int_equal(g.v[i].pause, want.v[i].pause);
			assert_int_equal(g.v[i].after, want.v[i].after);
			assert_int_equal(g.v[i].released, want.v[i].released);
			assert_string_equal(g.v[i].name, want.v[i].name);
		}
	}
	/* a line longer than any: read to where it is cut, in one piece or in many */
	for (size_t piece = 1000; piece <= 300000; piece *= 300) {
		char *text = malloc(300000);

		assert_non_null(text);
		memset(text, '[', 300000);
		for (size_t i = 0; i + 3 < 300000; i += 3)
			memcpy(text + i, "[1:", 3);
		memcpy(text + MP_GCLOG_LINE,
		       "[1:0x1] 5 ms: Scavenge 1.0 (2.0) -> 0.5 (2.0) MB, 1.0", 54);
		text[299999] = '\n';
		read_in(&g, text, 300000, piece);
		assert_int_equal(g.n, 0);
		free(text);
	}
	/* any byte changed: it still ends, and counts no more than there are */
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < 20000; i++) {
		char text[sizeof(all)];

		memcpy(text, all, sizeof(all));
		for (int k = 0; k < 4; k++) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			text[(seed >> 33) % (sizeof(all) - 1)] = (char)(seed >> 20);
		}
		read_in(&g, text, sizeof(all) - 1, 1 + (seed >> 40) % 97);
		assert_true(g.n <= want.n);
	}
}

static int stop_at_two(void *ctx, const struct mp_gclog_gc *gc)
{
	(void)gc;
	return ++*(int *)ctx == 2 ? -5 : 0;
}

/* What the taker says ends the reading. */
static void the_taker_ends_it(void **state)
{
	static const char line[] =
		"[1:0x1] 5 ms: Scavenge 1.0 (2.0) -> 0.5 (2.0) MB, 1.0 / 0.0 ms  x\n";
	struct mp_gclog *l;
	int n = 0, r = 0;

	(void)state;
	l = mp_gclog_new(stop_at_two, &n);
	assert_non_null(l);
	for (int i = 0; i < 9; i++)
		r = mp_gclog_feed(l, line, sizeof(line) - 1);
	assert_int_equal(r, -5);
	assert_int_equal(mp_gclog_end(l), -5);
	assert_int_equal(n, 2);
	mp_gclog_free(l);
}

/* Whose log it is, and by which clock: pid before tid in HotSpot's decorations. */
static void whose_it_is(void **state)
{
	struct got g;

	(void)state;
	single(&g, "[22871:0x198fbd00]       36 ms: Scavenge 4.1 (4.2) -> 3.9 (5.2) MB, "
		   "1.53 / 0.00 ms  (average mu = 1.000, current mu = 1.000) task; \n");
	assert_int_equal(g.v[0].pid, 22871);
	single(&g, "[2026-11-21T04:29:25.866+0130][host7][812][815][info][gc] GC(3) "
		   "Pause Full (System.gc()) 6M->1M(34M) 1.450ms\n");
	assert_int_equal(g.v[0].pid, 812);
	assert_true(g.v[0].wall == 1795229965866 * MS);
	assert_false(g.v[0].wall_local);
	single(&g, "[2026-11-21T04:29:25.866][info][gc] GC(3) Pause Full (System.gc()) "
		   "6M->1M(34M) 1.450ms\n");
	assert_true(g.v[0].wall_local);
	assert_int_equal(g.v[0].pid, 0);
	single(&g, "2026-11-21T04:29:25.866+0000: 0.070: [GC (Allocation Failure) "
		   "8192K->1000K(31744K), "
		   "0.0012 secs]\n");
	assert_true(g.v[0].wall == 1795235365866 * MS && g.v[0].t == 70 * MS);
	assert_false(g.v[0].wall_local);
}

/* What of a record goes where; sizes are of all heaps of the process. */
static void to_events(void **state)
{
	struct mp_gclog_heaps heaps = { .n = 0 };
	char reason[MP_GCLOG_REASON];
	struct mp_event ev[2];
	struct got g;

	(void)state;
	lines(&g,
	      "[7:0x10] 36 ms: Scavenge 4.0 (6.0) -> 3.0 (6.0) MB, 2.00 / 0.00 ms  task; \n"
	      "[7:0x20] 12 ms: Scavenge 2.0 (4.0) -> 1.0 (4.0) MB, 1.00 / 0.00 ms  task; \n"
	      "gc 3 @1.500s 2%: 0.5+2+0.5 ms clock, 1+0/1/0+1 ms cpu, 4->5->2 MB, 8 MB goal, 2 P "
	      "(forced)\n");
	assert_int_equal(mp_gclog_events(&heaps, &g.v[0], 10 * SEC, ev), 1);
	assert_true(ev[0].ts == 10 * SEC && ev[0].gc.start == 10 * SEC - 2 * MS);
	assert_true(ev[0].gc.after == 3 * MIB && ev[0].gc.source == MP_SRC_V8);
	mp_gclog_events(&heaps, &g.v[1], 10 * SEC, ev);
	assert_true(ev[0].gc.before == 5 * MIB && ev[0].gc.after == 4 * MIB);
	assert_true(ev[0].gc.cbefore == 10 * MIB && ev[0].gc.cafter == 10 * MIB);
	memset(&heaps, 0, sizeof(heaps));
	assert_int_equal(mp_gclog_events(&heaps, &g.v[2], 10 * SEC, ev), 2);
	assert_true(ev[0].gc.start == 10 * SEC && ev[0].ts == 10 * SEC + 3 * MS);
	assert_true(ev[0].gc.pause == MS && ev[1].heap.goal == 8 * MIB);
	assert_true(ev[1].ts == ev[0].ts && ev[1].sub == MP_SRC_GO);
	assert_true(ev[1].heap.limit == MP_UNKNOWN && ev[1].heap.external == MP_UNKNOWN);
	assert_string_equal(mp_gclog_reason(&g.v[2], reason), "forced");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(v8_lines),	  cmocka_unit_test(v8_nvp_lines),
		cmocka_unit_test(go_lines),	  cmocka_unit_test(unified_lines),
		cmocka_unit_test(legacy_records), cmocka_unit_test(our_lines),
		cmocka_unit_test(pieces),	  cmocka_unit_test(the_taker_ends_it),
		cmocka_unit_test(whose_it_is),	  cmocka_unit_test(to_events),
	};

	return cmocka_run_group_tests_name("gclog", tests, NULL, NULL);
}
