/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rules_gc.c - classes of what a collector keeps, fills or cannot free: the heap is larger
 * than what lives in it, or the program does little else than collect; memory beside the
 * heap that its objects hold.
 */
#include "user/diagnose/rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/util/util.h"

/* --- rows --------------------------------------------------------------------------------- */

#define MAJORS_SHOWN 3
#define MAPS_SHOWN   2

static char *size_text(char buf[16], uint64_t v)
{
	return v == MP_UNKNOWN ? strcpy(buf, "?") : mp_bytes(buf, 16, (int64_t)v);
}

/* The last major collections: what they left, in how much. */
static void majors_rows(const struct dx_ctx *c, struct mp_finding *f)
{
	unsigned n = 0;

	for (size_t i = c->n_gcs; i-- && n < MAJORS_SHOWN;) {
		const struct mp_gc *g = &c->gcs[i];
		char what[48], text[MP_DX_TEXT], before[16], after[16], committed[16];

		if ((g->kind != MP_GC_MAJOR && g->kind != MP_GC_COMPACT) || g->after == MP_UNKNOWN)
			continue;
		snprintf(what, sizeof(what), "major (%.20s)", mp_str(c->m, g->reason));
		snprintf(text, sizeof(text), "%s to %s of %s", size_text(before, g->before),
			 size_text(after, g->after), size_text(committed, g->cafter));
		dx_row_text(f, what, text, g->ts);
		n++;
	}
}

static bool of_heap(enum mp_class cls)
{
	return cls == MP_CLS_HEAP;
}

/* Where malloc puts what objects hold: large blocks in mappings, small ones in arenas. */
static bool beside_heap(enum mp_class cls)
{
	return cls == MP_CLS_ANON || cls == MP_CLS_ARENA || cls == MP_CLS_BRK;
}

static void maps_rows(const struct dx_ctx *c, struct mp_finding *f, bool (*of)(enum mp_class))
{
	const struct mp_mapping *top[MAPS_SHOWN];
	size_t n = dx_top_maps(c->p, of, top, MAPS_SHOWN);

	for (size_t i = 0; i < n; i++) {
		char text[MP_DX_TEXT], size[16];

		snprintf(text, sizeof(text), "%" PRIx64 "-%" PRIx64 ", %s resident", top[i]->start,
			 top[i]->end,
			 mp_bytes(size, sizeof(size), (int64_t)(top[i]->resident * MP_PAGE_SIZE)));
		dx_row_text(f, "mapping", text, MP_UNKNOWN);
	}
}

static void advise(struct mp_finding *f, const char *text)
{
	if (f->n_advice < MP_DX_ADVICE)
		f->advice[f->n_advice++] = text;
}

/* --- which of HotSpot's collectors --------------------------------------------------------- */

enum jvm { JVM_UNKNOWN, JVM_G1, JVM_SERIAL, JVM_PARALLEL, JVM_SHENANDOAH, JVM_ZGC, JVM_N };

/* What begins with it is a collector's own: causes, classes of libjvm. */
static const struct {
	const char *begin;
	enum jvm jvm;
} jvm_words[] = {
	{ "G1", JVM_G1 },
	{ "Shenandoah", JVM_SHENANDOAH },
	{ "PSPromotionManager", JVM_PARALLEL },
	{ "PSParallelCompact", JVM_PARALLEL },
	{ "Ergonomics", JVM_PARALLEL },
	{ "DefNewGeneration", JVM_SERIAL },
	{ "GenMarkSweep", JVM_SERIAL },
	{ "SerialHeap", JVM_SERIAL },
	{ "ZRelocate", JVM_ZGC },
	{ "ZPageAllocator", JVM_ZGC },
};

static enum jvm jvm_by(const char *word)
{
	for (unsigned i = 0; i < sizeof(jvm_words) / sizeof(jvm_words[0]); i++)
		if (!strncmp(word, jvm_words[i].begin, strlen(jvm_words[i].begin)))
			return jvm_words[i].jvm;
	return JVM_UNKNOWN;
}

static enum jvm jvm_by_stacks(const struct dx_ctx *c)
{
	for (size_t i = 0; i < c->p->n_fsites; i++) {
		const struct mp_stack *s = mp_model_stack(c->m, c->p->fsites[i].stack);

		for (uint32_t k = 0; s && k < s->n; k++) {
			const struct mp_place *at = mp_model_place(c->m, s->mm, s->ip[k]);
			enum jvm j = at ? jvm_by(mp_str(c->m, at->name)) : JVM_UNKNOWN;

			if (j)
				return j;
		}
	}
	return JVM_UNKNOWN;
}

/* By the cause of a collection, the functions that faults lie under, its pools. */
static enum jvm jvm_of(const struct dx_ctx *c)
{
	enum jvm by;

	if (c->p->prints.seen & MP_PRINT_ZGC)
		return JVM_ZGC;
	for (size_t i = c->n_gcs, n = 0; i-- && n < 256; n++) {
		enum jvm j = jvm_by(mp_str(c->m, c->gcs[i].reason));

		if (j)
			return j;
	}
	by = jvm_by_stacks(c);
	return by ? by : dx_g1_pools(c) ? JVM_G1 : JVM_UNKNOWN;
}

/* --- heap-retained ------------------------------------------------------------------------- */

#define GIVE_BACK "give memory back when idle: "

static const char *const jvm_returns[JVM_N] = {
	[JVM_UNKNOWN] = GIVE_BACK
	"-XX:G1PeriodicGCInterval=60000 (G1, JDK 12), -XX:ZUncommitDelay=60"
	" (ZGC), -XX:-ShrinkHeapInSteps -XX:MaxHeapFreeRatio=20 (Serial)",
	[JVM_G1] = GIVE_BACK
	"-XX:G1PeriodicGCInterval=60000 (ms, JDK 12 and later): G1 returns memory at"
	" concurrent and full collections, which an idle program does not begin",
	[JVM_SERIAL] = GIVE_BACK
	"-XX:-ShrinkHeapInSteps -XX:MaxHeapFreeRatio=20 and a small -Xms, below"
	" which Serial never shrinks; it does so at full collections: jcmd PID GC.run",
	[JVM_PARALLEL] = GIVE_BACK
	"-XX:+UseG1GC, or -XX:+UseSerialGC with -XX:-ShrinkHeapInSteps: Parallel"
	" keeps what it has committed, whatever -XX:MaxHeapFreeRatio says",
	[JVM_SHENANDOAH] = GIVE_BACK "-XX:ShenandoahUncommitDelay=10000 (ms; not below -Xms) and"
				     " -XX:ShenandoahGuaranteedGCInterval=60000",
	[JVM_ZGC] = GIVE_BACK "-XX:ZUncommitDelay=60 (seconds; 300 unless set; not below -Xms),"
			      " -XX:SoftMaxHeapSize for what it should stay under",
};

/*
 * Two ways: no collection happened, so that nobody knows what of the heap in use is
 * garbage; or the collector has the pages free, and keeps them. The first is no verdict on
 * the program: a cache looks the same.
 */
static void more_retained(struct dx_ctx *c, struct mp_finding *f)
{
	if (dx_fact(c, F_UNCOLLECTED)->v > dx_fact(c, F_HEAP_KEPT)->v) {
		f->level = MP_DX_INFO;
		f->confidence /= 2;
		dx_row_text(f, "verdict", "no collection happened", dx_fact(c, F_UNCOLLECTED)->ts);
		dx_words(c,
			 "{heap-uncollected} in use were looked at by no major collection for"
			 " {since-major}, and the heap has been idle for {heap-idle}: no collection"
			 " happened, so garbage may be among it",
			 f->summary, sizeof(f->summary));
	} else {
		dx_row_text(f, "verdict", "the collector keeps it", dx_fact(c, F_HEAP_KEPT)->ts);
	}
	if (!(dx_fact(c, F_HEAP_KEPT)->v >= dx_fact(c, F_SIGNIFICANT)->v))
		f->level = MP_DX_INFO; /* with what nobody collected it is much: no verdict */
	dx_row(f, dx_fact_what(F_COMMITTED), MP_DX_BYTES, dx_fact(c, F_COMMITTED)->v, MP_UNKNOWN);
	majors_rows(c, f);
	maps_rows(c, f, of_heap);
	if (c->p->heaps[MP_SRC_JVM].present)
		advise(f, jvm_returns[jvm_of(c)]);
}

/* --- the others ------------------------------------------------------------------------------ */

static void more_majors(struct dx_ctx *c, struct mp_finding *f)
{
	majors_rows(c, f);
	maps_rows(c, f, of_heap);
}

static void more_thrash(struct dx_ctx *c, struct mp_finding *f)
{
	dx_row(f, "the heap's limit", MP_DX_BYTES, dx_last(c, C_HEAP_LIMIT), MP_UNKNOWN);
	majors_rows(c, f);
}

/* What stands still is nobody's incident; what no collection could free may be. */
static void more_offheap(struct dx_ctx *c, struct mp_finding *f)
{
	const struct dx_val *since = dx_fact(c, F_SINCE_MAJOR);

	if (!(dx_fact(c, F_OFFHEAP_GROWTH)->v >= dx_fact(c, F_SIGNIFICANT)->v))
		f->level = MP_DX_INFO;
	dx_row(f, "of its growth in this time", MP_DX_BYTES, dx_fact(c, F_OFFHEAP_GROWTH)->v,
	       MP_UNKNOWN);
	if (since->v >= c->thr->v[T_NO_COLLECTION])
		dx_row_text(
			f, "verdict",
			"uncollected wrappers: it is freed only when the objects that hold it are"
			" collected, and no major collection happened",
			since->ts);
	if (isnan(dx_last(c, C_EXTERNAL)) && isnan(dx_last(c, C_ARRAYS))) {
		f->confidence *= 0.7;
		dx_row_text(f, "estimate", "by faults and mappings", MP_UNKNOWN);
	}
	maps_rows(c, f, beside_heap);
}

/* --- the table ---------------------------------------------------------------------------------
 */

static const struct dx_rule list[] = {
	{
		.cls = "heap-fragmented",
		.title = "few survivors pin many heap pages",
		.level = MP_DX_WARN,
		.confidence = 0.75,
		.conds = {
			{ F_PINNED, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_SPARSE_MAJORS, DX_GE, T_SPARSE_MAJORS, F_ONE, DX_NEED },
			{ F_SPARSE_FOR, DX_GE, T_SPARSE_FOR, F_ONE, DX_MUST },
			{ F_HEAP_RESIDENT, DX_GE, T_SPARSE_RESIDENT, F_COMMITTED, DX_MUST },
			{ F_RETURNED_EACH, DX_LE, T_SPARSE_RETURNED, F_PINNED, DX_MUST },
		},
		.n_conds = 5,
		.nots = {
			{ "heap-leak", { F_FLOOR, DX_LT, T_ONE, F_PINNED, DX_MUST },
			  "only {floor} live: the pages stay, not the objects" },
			{ "heap-retained", { F_SPARSE_MAJORS, DX_GE, T_SPARSE_MAJORS, F_ONE, DX_MUST },
			  "{sparse-majors} major collections in a row could not empty these pages" },
		},
		.n_nots = 2,
		.bytes = F_PINNED,
		.where = W_FREE,
		.from = F_SPARSE_MAJORS,
		.counts = true,
		.summary = "{heap-pinned} of heap pages stay although collections leave only {floor} in use: few"
			   " objects are spread over many pages",
		.more = more_majors,
		.advice = {
			{ A_V8, "make long-lived objects apart from short-lived ones (before or"
				  " after the burst, or in a"
				" worker that ends with it); copy the few survivors into fresh objects" },
			{ A_GO, "keep copies instead of small parts of large batches; allocate"
				  " long-lived objects apart;"
				" sync.Pool for the short-lived ones" },
			{ A_GC, "gc_collect(GC_FULL) evacuates what can move: pin fewer objects, or"
				  " for a shorter time" },
			{ 0, "restart or recycle the worker where a burst ends: nothing else empties these pages" },
		},
		.confirm = "the same after a forced full collection or a heap snapshot: if committed does not fall,"
			   " survivors pin it",
	},
	{
		.cls = "heap-retained",
		.title = "committed heap is not given back",
		.level = MP_DX_WARN,
		.confidence = 0.8,
		.conds = {
			{ F_RETAINED, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_HEAP_IDLE, DX_GE, T_BEATS, F_HEAP_BEAT, DX_GATE },
			{ F_HEAP_KNOWN, DX_GE, T_ONE, F_ONE, DX_NEED },
			{ F_HEAP_IDLE, DX_GE, T_ONE, F_SETTLE, DX_NEED },
			{ F_RETAINED, DX_GE, T_RETAINED_SHARE, F_HEAP_RESIDENT, DX_MUST },
			{ F_RETURNED, DX_LE, T_RETURNED_SHARE, F_RETAINED, DX_MUST },
		},
		.n_conds = 6,
		.nots = {
			{ "lazyfree", { F_LAZYFREE, DX_LT, T_HALF, F_RETAINED, DX_MUST },
			  "{lazyfree} in RSS were left by MADV_FREE: these pages are kept" },
			{ "heap-fragmented", { F_PINNED_SURE, DX_LT, T_HALF, F_RETAINED, DX_MUST },
			  "no row of major collections left few objects in as many pages" },
			{ "pretouch", { F_PRESIZED, DX_LT, T_PRESIZED, F_ONE, DX_MUST },
			  "the size was not chosen: the heap came to it by use" },
		},
		.n_nots = 3,
		.after = { "heap-fragmented" },
		.bytes = F_RETAINED,
		.where = W_FREE,
		.from = F_HEAP_IDLE,
		.counts = true,
		.summary = "{heap-kept} of heap pages hold no object, and in {heap-idle} without use"
			  " {returned} were"
			   " given back: the collector keeps it. Headroom, not a leak: the next peak uses it again",
		.more = more_retained,
		.advice = {
			{ A_GO, "debug.FreeOSMemory() when a batch ends; or GOMEMLIMIT below what"
				  " the process may take:"
				" near it Go returns memory at once, else slowly and only what is above its goal" },
			{ A_V8, "V8 returns memory at major collections, and an idle program makes"
				  " none: gc() when a batch"
				" ends (node --expose-gc), or --max-old-space-size for a lower peak" },
			{ A_GC, "gc_release_all() when a batch ends; the option no_release_thread"
				  " off, release_delay_ms"
				" smaller" },
		},
		.confirm = "force a full collection and look at RSS: jcmd PID GC.run (JVM); gc() in the inspector"
			   " (Node, kill -USR1 PID); debug.FreeOSMemory() (Go)",
	},
	{
		.cls = "gc-thrash",
		.title = "the live set is at the limit",
		.level = MP_DX_BAD,
		.confidence = 0.85,
		.conds = {
			{ F_FLOOR_LIMIT, DX_GE, T_THRASH_FULL, F_ONE, DX_GATE },
			{ F_THRASH, DX_GE, T_THRASH_FOR, F_ONE, DX_MUST },
			{ F_THRASH_RATE, DX_GT, T_ONE, F_ZERO, DX_MUST },
			{ F_THRASH_PAUSE, DX_GE, T_ONE, F_ZERO, DX_MUST },
			{ F_THRASH_FREED, DX_GE, T_ONE, F_ZERO, DX_MUST },
		},
		.n_conds = 5,
		.bytes = F_FLOOR,
		.where = W_LIVE,
		.from = F_THRASH,
		.summary = "{floor} live, {floor-of-limit} of the heap's limit: for {thrash-time}"
			  " the program collected"
			   " {thrash-rate} times, each freed {thrash-freed}",
		.more = more_thrash,
		.advice = {
			{ A_GO, "raise GOMEMLIMIT, or hold less: at the limit Go collects without"
				  " end instead of failing;"
				" with GOGC=off nothing else ends a cycle" },
			{ A_V8, "raise --max-old-space-size, or hold less: the next step is"
				  " \"Ineffective mark-compacts near"
				" heap limit\" and the end" },
			{ A_JVM, "raise -Xmx, or hold less; -XX:+ExitOnOutOfMemoryError so that it"
				  " ends instead of creeping;"
				 " -XX:GCTimeLimit says when it is an OutOfMemoryError" },
			{ A_GC, "raise old_limit, or hold less" },
			{ 0, "shed load until then" },
		},
		.confirm = "raise the limit by half and look whether the collections end",
	},
	{
		.cls = "off-heap",
		.title = "memory beside the heap that its objects hold",
		.level = MP_DX_WARN,
		.confidence = 0.8,
		.conds = {
			{ F_OFFHEAP, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_OFFHEAP_SHARE, DX_GE, T_OFFHEAP_SHARE, F_ONE, DX_MUST },
			{ F_OFFHEAP, DX_GE, T_HALF, F_OUTSIDE, DX_MUST },
		},
		.n_conds = 3,
		.nots = {
			{ "native-retention", { F_OFFHEAP, DX_GE, T_HALF, F_OUTSIDE, DX_MUST },
			  "{offheap} of the {outside} beside the heap are held by its objects" },
			{ "heap-leak", { F_OFFHEAP_SHARE, DX_GE, T_OFFHEAP_SHARE, F_ONE, DX_MUST },
			  "the heap itself uses {heap-used}" },
		},
		.n_nots = 2,
		.bytes = F_OFFHEAP,
		.where = W_MALLOC | W_ANON,
		.from = F_ONE,
		.summary = "{offheap} lie beside the heap and are held by its objects (Buffers,"
			  " ArrayBuffers, direct"
			   " ByteBuffers); the heap itself uses {heap-used}, so no limit of the heap stops it",
		.more = more_offheap,
		.advice = {
			{ A_V8, "find who keeps Buffers: process.memoryUsage().arrayBuffers over"
				  " time, a heap snapshot by"
				" ArrayBuffer; end streams, pool Buffers, copy small slices of large ones" },
			{ A_JVM, "-XX:MaxDirectMemorySize=SIZE makes it fail early and collect first; with Netty"
				 " -Dio.netty.leakDetection.level=paranoid; release() what is reference-counted" },
			{ A_GC, "gc_external_attach() tells the collector what objects hold outside:"
				  " it collects sooner then" },
		},
		.confirm = "memprof report shows `external` with the preload (Node); jcmd PID VM.native_memory,"
			   " the MXBean java.nio:type=BufferPool,name=direct (JVM)",
	},
	{
		.cls = "pretouch",
		.title = "the heap was touched before its use",
		.level = MP_DX_INFO,
		.confidence = 0.8,
		.conds = {
			{ F_PRETOUCHED, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_PRETOUCHED, DX_GE, T_SPARSE_RESIDENT, F_COMMITTED, DX_MUST },
		},
		.n_conds = 2,
		.after = { "heap-retained", "heap-fragmented", "gc-thrash" },
		.bytes = F_PRETOUCHED,
		.where = W_FREE,
		.from = F_PRETOUCHED,
		.summary = "{pretouched} of heap pages were in RSS before any object was in them: as"
			  " wanted (a JVM's"
			   " AlwaysPreTouch), nothing grows",
		.more = more_majors,
		.advice = {
			{ A_JVM, "size -Xmx and the container's limit to what you can afford; page nobody" },
		},
		.confirm = "jcmd PID VM.flags: AlwaysPreTouch, -Xms equal to -Xmx",
	},
	{
		.cls = "heap-fills",
		.title = "first touch of committed heap",
		.level = MP_DX_INFO,
		.confidence = 0.7,
		.conds = {
			{ F_HEAP_FILLED, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_AFTER_SPREAD, DX_LT, T_HALF, F_SIGNIFICANT, DX_MUST },
			{ F_AFTER_SPREAD, DX_LT, T_HALF, F_HEAP_FILLED, DX_MUST },
			{ F_REFAULTED, DX_LT, T_FILLS_REFAULT, F_HEAP_FILLED, DX_MUST },
		},
		.n_conds = 4,
		.nots = {
			{ "heap-leak", { F_AFTER_SPREAD, DX_LT, T_HALF, F_SIGNIFICANT, DX_MUST },
			  "what collections leave in use is flat, within {after-spread}" },
		},
		.n_nots = 1,
		.after = { "heap-retained", "heap-fragmented", "gc-thrash" },
		.bytes = F_HEAP_FILLED,
		.where = W_FREE,
		.from = F_HEAP_FILLED,
		.summary = "RSS rose by {heap-filled} as the heap used its committed"
			  " {heap-committed} for the first time;"
			   " what lives in it is flat. It ends at the heap's limit",
		.more = more_majors,
		.advice = {
			{ 0, "set the heap's limit to what you can afford; page nobody" },
		},
		.confirm = "RSS stays where it is once it has come to what is committed",
	},
};

const struct dx_rules dx_rules_gc = { list, sizeof(list) / sizeof(list[0]) };
