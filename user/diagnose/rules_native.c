/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rules_native.c - classes whose bytes lie in memory beside a managed heap: malloc's,
 * mappings of the program's own, thread stacks.
 *
 * A class may have several rows, the surest first; each is silent behind one that was
 * found. What the kernel alone cannot tell from memory in use has the level "info".
 */
#include "user/diagnose/rules.h"

#include <stdio.h>
#include <string.h>

#define SHOWN  3  /* mappings, stacks            */
#define FRAMES 4  /* of a stack                  */
#define MINOR  20 /* a stack of a 20th of the first says nothing */

/* --- rows of evidence --------------------------------------------------------------------- */

static bool of_malloc(enum mp_class cls)
{
	return cls == MP_CLS_BRK || cls == MP_CLS_ARENA || cls == MP_CLS_JEMALLOC ||
	       cls == MP_CLS_MIMALLOC || cls == MP_CLS_TCMALLOC;
}

static bool of_native(enum mp_class cls)
{
	return of_malloc(cls) || cls == MP_CLS_ANON;
}

static bool of_stacks(enum mp_class cls)
{
	return cls == MP_CLS_STACK;
}

/* Mappings of such a class that hold most: what each is, and what of it is resident. */
static void mapping_rows(const struct dx_ctx *c, struct mp_finding *f, bool (*of)(enum mp_class))
{
	const struct mp_mapping *top[SHOWN];
	size_t n = dx_top_maps(c->p, of, top, SHOWN);
	char what[128];

	for (size_t i = 0; i < n; i++) {
		snprintf(what, sizeof(what), "of it in %s %llx-%llx", mp_class_name(top[i]->cls),
			 (unsigned long long)top[i]->start, (unsigned long long)top[i]->end);
		dx_row(f, what, MP_DX_BYTES, (double)(top[i]->resident * MP_PAGE_SIZE),
		       top[i]->last_ts ? top[i]->last_ts : MP_UNKNOWN);
	}
}

static void frames(const struct dx_ctx *c, const struct mp_stack *s, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = 0;
	for (uint32_t i = 0; i < s->n && i < FRAMES && n < size; i++) {
		char one[128];

		mp_frame_text(c->m, s->mm, s->ip[i], one, sizeof(one));
		n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? " < " : "", one);
	}
}

/* The stacks under which most pages came in, of all of the process. */
static void site_rows(const struct dx_ctx *c, struct mp_finding *f)
{
	const struct mp_fsite *top[SHOWN] = { NULL };
	char what[128], text[MP_DX_TEXT];

	for (size_t k = 0; k < c->p->n_fsites; k++) {
		const struct mp_fsite *v = &c->p->fsites[k];

		for (unsigned i = 0; v && v->stack && i < SHOWN; i++)
			if (!top[i] || v->pages > top[i]->pages) {
				const struct mp_fsite *was = top[i];

				top[i] = v;
				v = was;
			}
	}
	for (unsigned i = 0; i < SHOWN && top[i] && top[i]->pages > top[0]->pages / MINOR; i++) {
		const struct mp_stack *s = mp_model_stack(c->m, top[i]->stack);
		char bytes[32];

		if (!s)
			continue;
		mp_dx_value(bytes, sizeof(bytes), MP_DX_BYTES,
			    (double)top[i]->pages * MP_PAGE_SIZE);
		snprintf(what, sizeof(what), "%s touched by", bytes);
		frames(c, s, text, sizeof(text));
		dx_row_text(f, what, text, MP_UNKNOWN);
	}
}

static void malloc_rows(struct dx_ctx *c, struct mp_finding *f)
{
	double cpus = dx_fact(c, F_CPUS)->v;

	if (cpus > 0)
		dx_row(f, dx_fact_what(F_CPUS), MP_DX_COUNT, cpus, MP_UNKNOWN);
	mapping_rows(c, f, of_malloc);
	site_rows(c, f);
}

/* What a heap's garbage says of malloc's memory is said of no byte of it: a hint, no more. */
static void retained_rows(struct dx_ctx *c, struct mp_finding *f)
{
	if (isnan(dx_external(c, c->end - 1)))
		f->level = MP_DX_INFO;
	malloc_rows(c, f);
}

static void native_rows(struct dx_ctx *c, struct mp_finding *f)
{
	mapping_rows(c, f, of_native);
	site_rows(c, f);
}

/* What grows for a short time only may be a start: that wakes nobody. */
static void mmap_rows(struct dx_ctx *c, struct mp_finding *f)
{
	double seen = fmax(dx_fact(c, F_NATIVE_RISING)->v, dx_t(c, f->to) - dx_t(c, f->from));

	if (f->level == MP_DX_WARN &&
	    (dx_fact(c, F_STARTING)->v >= 1 || !(seen >= c->thr->v[T_NATIVE_SURE])))
		f->level = MP_DX_INFO;
	native_rows(c, f);
}

static void stack_rows(struct dx_ctx *c, struct mp_finding *f)
{
	bool there = false;

	for (unsigned i = 0; i < f->n_evidence; i++)
		there |= !strcmp(f->evidence[i].what, dx_fact_what(F_STACKS));
	if (!there)
		dx_row(f, dx_fact_what(F_STACKS), MP_DX_BYTES, dx_fact(c, F_STACKS)->v, MP_UNKNOWN);
	mapping_rows(c, f, of_stacks);
}

/* --- the table ------------------------------------------------------------------------------ */

/* clang-format off */
#define RETENTION_ADVICE                                                                                    \
	{ A_GLIBC, "MALLOC_ARENA_MAX=2 in the environment: fewer arenas, so less is kept in each" },        \
	{ A_GLIBC, "MALLOC_TRIM_THRESHOLD_=131072 MALLOC_MMAP_THRESHOLD_=131072: large blocks go back when" \
		   " they are freed (without them the thresholds grow up to 32M)" },                        \
	{ A_JVM, "-XX:+UnlockExperimentalVMOptions -XX:TrimNativeHeapInterval=10000 (JDK 21; 17.0.9)" },    \
	{ A_V8 | A_RUBY | A_PYTHON | A_NATIVE, "LD_PRELOAD=libjemalloc.so.2 with"                           \
		   " MALLOC_CONF=background_thread:true,dirty_decay_ms:1000" },                             \
	{ 0, "it is no leak: the next burst takes it again. Make the bursts smaller, or leave it room" }
#define RETENTION_CONFIRM                                                                              \
	"malloc_trim(0) once, on one instance (JVM: jcmd PID System.trim_native_heap; else gdb -p PID" \
	" -batch -ex 'call (int)malloc_trim(0)'): retention if RssAnon falls by a third, a leak or"     \
	" use if by less than a tenth"
#define LEAK_ADVICE                                                                                    \
	{ A_GO, "cgo: every C.CString and C.malloc wants its C.free" },                                 \
	{ A_JVM, "-XX:NativeMemoryTracking=summary, then jcmd PID VM.native_memory baseline and"        \
		 " summary.diff; what it does not know of is JNI's or a library's" },                   \
	{ A_V8, "native addons and their versions; process.memoryUsage().external tells Buffers apart" }, \
	{ A_PYTHON, "tracemalloc tells objects of Python from memory of C extensions" },                \
	{ 0, "jemalloc with MALLOC_CONF=prof:true,prof_leak:true, heaptrack -p PID, or bcc's"           \
	     " memleak -p PID" }
#define DECAY_ADVICE                                                                                   \
	{ A_JEMALLOC, "MALLOC_CONF=background_thread:true,dirty_decay_ms:1000: a thread of its own"     \
		      " purges, also while the program sleeps" },                                       \
	{ A_MIMALLOC, "MIMALLOC_PURGE_DELAY=0, or mi_collect(true) at the end of a burst" },            \
	{ A_TCMALLOC, "MallocExtension::ReleaseFreeMemory() at the end of a burst,"                     \
		      " TCMALLOC_RELEASE_RATE=10" }
#define DECAY_CONFIRM                                                                                  \
	"jemalloc: mallctl(\"arena.4096.purge\"), mimalloc: mi_collect(true), tcmalloc:"                \
	" ReleaseFreeMemory(): RSS falls at once"

static const struct dx_rule list[] = {
	{
		.cls = "thread-stacks",
		.title = "stacks of threads that ended are never given back",
		.level = MP_DX_WARN,
		.confidence = 0.8,
		.conds = {
			{ F_STACKS_LEFT_GROWTH, DX_GE, T_STACKS_LEFT, F_ONE, DX_GATE },
			{ F_STACKS_LEFT, DX_GE, T_STACKS_LEFT, F_ONE, DX_GATE },
			{ F_STACKS_LEFT_SIZE, DX_GT, T_STACKS_CACHE, F_ONE, DX_MUST },
			{ F_STACKS_LEFT_ORDER, DX_GE, T_NATIVE_TAU, F_ONE, DX_MUST },
			{ F_THREADS_STARTED, DX_GE, T_HALF, F_STACKS_LEFT_GROWTH, DX_MUST },
		},
		.n_conds = 5,
		.nots = {
			{ "mmap-leak", { F_STACKS_LEFT, DX_GE, T_STACKS_LEFT, F_ONE, DX_MUST },
			  "the mappings that become more are stacks: {stacks-left} without a thread" },
		},
		.n_nots = 1,
		.bytes = F_STACKS_GROWTH,
		.where = W_STACKS,
		.from = F_STACKS_LEFT_GROWTH,
		.trend = true,
		.summary = "{stacks-left} stacks belong to threads that have ended ({threads} live): threads that are"
			   " neither joined nor detached. They hold {stacks-left-size} of address space, little of it"
			   " resident",
		.more = stack_rows,
		.advice = {
			{ 0, "pthread_join() every thread, or pthread_detach() it (PTHREAD_CREATE_DETACHED)" },
			{ A_JVM, "threads that native code made and attached: DetachCurrentThread, then join" },
		},
		.confirm = "grep -c 'rw-p.* 00:00 0' /proc/PID/maps beside ls /proc/PID/task | wc -l, some"
			   " minutes apart",
	},
	{
		.cls = "thread-stacks",
		.title = "threads become more and more",
		.level = MP_DX_WARN,
		.confidence = 0.8,
		.conds = {
			{ F_THREADS_GROWTH, DX_GE, T_THREADS_MORE, F_ONE, DX_GATE },
			{ F_THREADS_ORDER, DX_GE, T_NATIVE_TAU, F_ONE, DX_MUST },
			{ F_THREADS_LATE, DX_GE, T_NATIVE_LATE, F_ONE, DX_MUST },
		},
		.n_conds = 3,
		.after = { "thread-stacks" },
		.bytes = F_STACKS_GROWTH,
		.where = W_STACKS,
		.from = F_THREADS_GROWTH,
		.trend = true,
		.summary = "{threads-growth} threads more live than at the begin, {threads} in all, and none of them"
			   " ends: they wait for something. Their stacks hold {stacks}",
		.more = stack_rows,
		.advice = {
			{ A_JVM, "jstack PID: what do they wait for? A bounded pool; -Xss512k makes each cheaper" },
			{ 0, "find what they wait for (gdb -p PID -batch -ex 'thread apply all bt 5'), bound"
				   " the pool" },
		},
		.confirm = "ls /proc/PID/task | wc -l, some minutes apart",
	},
	{
		.cls = "thread-stacks",
		.title = "deep stacks stay resident",
		.level = MP_DX_WARN,
		.confidence = 0.7,
		.conds = {
			{ F_STACKS, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_STACK_DEEPEST, DX_GE, T_STACK_DEEP, F_ONE, DX_MUST },
			{ F_STACKS_STILL, DX_GE, T_STILL, F_ONE, DX_MUST },
		},
		.n_conds = 3,
		.after = { "thread-stacks" },
		.bytes = F_STACKS,
		.where = W_STACKS,
		.from = F_STACKS_STILL,
		.summary = "{stacks} of stacks are resident, {stack-deepest} of the deepest: pages that a deep"
			   " call once"
			   " touched stay until the thread ends",
		.more = stack_rows,
		.advice = { { 0, "keep large buffers off the stack; run deep recursion in a thread that ends"
			   " afterwards" } },
		.confirm = "grep -A3 'stack' /proc/PID/smaps: Rss of the stack's mapping, with the thread idle",
	},
	{
		.cls = "thread-stacks",
		.title = "a deep stack stays resident",
		.level = MP_DX_INFO,
		.confidence = 0.7,
		.conds = {
			{ F_STACK_DEEPEST, DX_GE, T_STACK_DEEP, F_ONE, DX_GATE },
			{ F_STACKS_STILL, DX_GE, T_STILL, F_ONE, DX_MUST },
		},
		.n_conds = 2,
		.after = { "thread-stacks" },
		.bytes = F_STACK_DEEPEST,
		.where = W_STACKS,
		.from = F_STACKS_STILL,
		.summary = "{stack-deepest} of one stack are resident: pages that a deep call once touched"
			   " stay until the"
			   " thread ends",
		.more = stack_rows,
		.advice = { { 0, "keep large buffers off the stack; run deep recursion in a thread that ends"
			   " afterwards" } },
		.confirm = "grep -A3 'stack' /proc/PID/smaps: Rss of the stack's mapping, with the thread idle",
	},
	{
		.cls = "mmap-leak",
		.title = "mmap without munmap",
		.level = MP_DX_WARN,
		.confidence = 0.7,
		.conds = {
			{ F_OTHER_GROWTH, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_MMAPS_LEFT, DX_GE, T_MAPS_LEFT, F_ONE, DX_GATE },
			{ F_MMAPS_ORDER, DX_GE, T_MAPS_TAU, F_ONE, DX_MUST },
			{ F_MMAPS_LATE, DX_GE, T_NATIVE_LATE, F_ONE, DX_MUST },
			{ F_HEAP_GREW, DX_LT, T_ONE, F_OTHER_GROWTH, DX_MUST },
			{ F_NATIVE_RISING, DX_GE, T_NATIVE_LEAST, F_ONE, DX_NEED },
		},
		.n_conds = 6,
		.bad = { F_NATIVE_RISING, DX_GE, T_WINDOW, F_ONE, DX_MUST },
		.n_bad = 1,
		.nots = {
			{ "native-leak", { F_MMAPS_LEFT, DX_GE, T_MAPS_LEFT, F_ONE, DX_MUST },
			  "it grows in mappings: {mmaps-left} calls of mmap without a munmap" },
			{ "off-heap", { F_OFFHEAP_GROWTH, DX_LE, T_HALF, F_OTHER_GROWTH, DX_MUST },
			  "of it objects of a heap hold {offheap-growth}" },
		},
		.n_nots = 2,
		.bytes = F_OTHER_GROWTH,
		.where = W_ANON,
		.from = F_OTHER_GROWTH,
		.trend = true,
		.counts = true,
		.summary = "{mmaps-left} more calls of mmap than of munmap, and it goes on: {other-growth} of"
			   " what they"
			   " mapped is resident",
		.more = mmap_rows,
		.advice = {
			{ 0, "look for the munmap that is missing at the place named above" },
			{ A_GLIBC, "if that is malloc: blocks over the mmap threshold (128K to 32M) that are"
				   " never freed" },
		},
		.confirm = "wc -l /proc/PID/maps and VmSize in /proc/PID/status, some minutes apart",
	},
	{
		.cls = "mmap-leak",
		.title = "mappings become more and more",
		.level = MP_DX_WARN,
		.confidence = 0.7,
		.conds = {
			{ F_MAPS_GROWTH, DX_GE, T_MAPS_LEFT, F_ONE, DX_GATE },
			{ F_MAPS_ORDER, DX_GE, T_MAPS_TAU, F_ONE, DX_MUST },
			{ F_MAPS_LATE, DX_GE, T_NATIVE_LATE, F_ONE, DX_MUST },
		},
		.n_conds = 3,
		.bad = { F_MAPS, DX_GE, T_MAPS_NEAR, F_MAPS_MOST, DX_MUST },
		.n_bad = 1,
		.nots = {
			{ "off-heap", { F_OFFHEAP_GROWTH, DX_LE, T_HALF, F_OTHER_GROWTH, DX_MUST },
			  "of it objects of a heap hold {offheap-growth}" },
		},
		.n_nots = 1,
		.after = { "mmap-leak", "thread-stacks" },
		.bytes = F_OTHER_GROWTH,
		.where = W_ANON,
		.from = F_MAPS_GROWTH,
		.trend = true,
		.summary = "{maps-growth} mappings more than at the begin, {maps} in all, and it goes on: at"
			   " {maps-most}"
			   " mmap, munmap and malloc fail, however little is resident",
		.more = mmap_rows,
		.advice = {
			{ 0, "look for the munmap that is missing; mprotect and madvise on parts split mappings too" },
			{ A_JEMALLOC, "MALLOC_CONF=retain:true keeps address space in one piece" },
		},
		.confirm = "wc -l /proc/PID/maps beside /proc/sys/vm/max_map_count, some minutes apart",
	},
	{
		.cls = "mmap-leak",
		.title = "nearly as many mappings as the kernel allows",
		.level = MP_DX_WARN,
		.confidence = 0.6,
		.conds = { { F_MAPS, DX_GE, T_MAPS_NEAR, F_MAPS_MOST, DX_GATE } },
		.n_conds = 1,
		.after = { "mmap-leak", "thread-stacks" },
		.bytes = F_OTHER_GROWTH,
		.where = W_NOWHERE,
		.from = F_ONE,
		.summary = "{maps} mappings of {maps-most}: at that many mmap, munmap and malloc fail",
		.more = native_rows,
		.advice = {
			{ 0, "sysctl vm.max_map_count=262144 gives time; find who maps so many small pieces" },
		},
		.confirm = "wc -l /proc/PID/maps beside /proc/sys/vm/max_map_count",
	},
	{
		.cls = "native-leak",
		.title = "native memory grows with every unit of work",
		.level = MP_DX_WARN,
		.confidence = 0.6,
		.conds = {
			{ F_NATIVE_GROWTH, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_NATIVE_RISING, DX_GE, T_NATIVE_SURE, F_ONE, DX_GATE },
			{ F_STARTING, DX_LT, T_ONE, F_ONE, DX_GATE },
			{ F_NATIVE_ORDER, DX_GE, T_NATIVE_TAU, F_ONE, DX_MUST },
			{ F_NATIVE_LATE, DX_GE, T_NATIVE_LATE, F_ONE, DX_MUST },
			{ F_HEAP_GREW, DX_LT, T_ONE, F_NATIVE_GROWTH, DX_MUST },
		},
		.n_conds = 6,
		.bad = { F_NATIVE_RISING, DX_GE, T_WINDOW, F_ONE, DX_MUST },
		.n_bad = 1,
		.nots = {
			{ "native-retention", { F_NATIVE_LATE, DX_GE, T_NATIVE_LATE, F_ONE, DX_MUST },
			  "there is no level that it stays at: at the end it grows at {native-late} of its"
				   " mean pace" },
			{ "off-heap", { F_EXTERNAL_GREW, DX_LT, T_NATIVE_LATE, F_NATIVE_GROWTH, DX_MUST },
			  "the runtime accounts for {external-grew} of it" },
		},
		.n_nots = 2,
		.after = { "mmap-leak" },
		.bytes = F_NATIVE_GROWTH,
		.where = W_MALLOC | W_ANON,
		.from = F_NATIVE_GROWTH,
		.trend = true,
		.summary = "Native memory grew by {native-growth} in {native-rising} and goes on at"
			   " {native-rate}: looks"
			   " like a leak, or a cache that fills; a heap profile cannot show it",
		.more = native_rows,
		.advice = { LEAK_ADVICE },
		.confirm = "malloc_trim(0) recovers less than a tenth of it, and at the same load it grows on",
	},
	{
		.cls = "native-leak",
		.title = "native memory grows, for a short time so far",
		.level = MP_DX_INFO,
		.confidence = 0.5,
		.conds = {
			{ F_NATIVE_GROWTH, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_NATIVE_RISING, DX_GE, T_NATIVE_LEAST, F_ONE, DX_NEED },
			{ F_NATIVE_ORDER, DX_GE, T_NATIVE_TAU, F_ONE, DX_MUST },
			{ F_NATIVE_LATE, DX_GE, T_NATIVE_LATE, F_ONE, DX_MUST },
			{ F_HEAP_GREW, DX_LT, T_ONE, F_NATIVE_GROWTH, DX_MUST },
		},
		.n_conds = 5,
		.nots = {
			{ "native-retention", { F_NATIVE_LATE, DX_GE, T_NATIVE_LATE, F_ONE, DX_MUST },
			  "there is no level that it stays at: at the end it grows at {native-late} of its"
				   " mean pace" },
			{ "off-heap", { F_EXTERNAL_GREW, DX_LT, T_NATIVE_LATE, F_NATIVE_GROWTH, DX_MUST },
			  "the runtime accounts for {external-grew} of it" },
		},
		.n_nots = 2,
		.after = { "mmap-leak", "native-leak" },
		.bytes = F_NATIVE_GROWTH,
		.where = W_MALLOC | W_ANON,
		.from = F_NATIVE_GROWTH,
		.trend = true,
		.summary = "Native memory grew by {native-growth} in the {native-rising} that were seen, and goes on:"
			   " looks like a leak, a cache that fills, or a start. Look for longer",
		.more = native_rows,
		.advice = { LEAK_ADVICE },
		.confirm = "malloc_trim(0) recovers less than a tenth of it, and at the same load it grows on",
	},
	{
		.cls = "native-retention",
		.title = "malloc keeps what was freed",
		.level = MP_DX_WARN,
		.confidence = 0.6,
		.conds = {
			{ F_MALLOC_KEPT, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_HEAP_TOLD, DX_GE, T_ONE, F_ONE, DX_GATE },
			{ F_MALLOC_KEPT, DX_GE, T_NATIVE_SHARE, F_ANON, DX_MUST },
			{ F_MALLOC_STILL, DX_GE, T_STILL, F_ONE, DX_MUST },
			{ F_MALLOC_BURST, DX_LE, T_RATCHET_TIME, F_ONE, DX_MUST },
			{ F_MALLOC_BACK, DX_LE, T_RETAIN_BACK, F_ONE, DX_MUST },
			{ F_MALLOC_FREED, DX_GE, T_RETAIN_FREED, F_ONE, DX_MUST },
		},
		.n_conds = 7,
		.strong = { { F_ARENAS, DX_GT, T_ARENAS_CPU, F_CPUS, DX_MUST } },
		.n_strong = 1,
		.nots = {
			{ "native-leak", { F_MALLOC_STILL, DX_GE, T_STILL, F_ONE, DX_MUST },
			  "nothing came for {malloc-still}: a leak grows with every unit of work" },
			{ "off-heap", { F_MALLOC_FREED, DX_GE, T_RETAIN_FREED, F_ONE, DX_MUST },
			  "what it was taken for is gone from the heap: {malloc-freed} of it" },
		},
		.n_nots = 2,
		.bytes = F_MALLOC_KEPT,
		.where = W_MALLOC,
		.from = F_MALLOC_HIGH,
		.trend = true,
		.summary = "{malloc-came} of malloc's memory came in a burst ({malloc-burst} of the time) and"
			   " stayed when the"
			   " heap had freed what used it: malloc keeps {malloc-kept}, pinned by what little is"
				   " still in use",
		.more = retained_rows,
		.advice = { RETENTION_ADVICE },
		.confirm = RETENTION_CONFIRM,
	},
	{
		.cls = "native-retention",
		.title = "malloc's memory came in a burst and stays",
		.level = MP_DX_INFO,
		.confidence = 0.4,
		.conds = {
			{ F_MALLOC_KEPT, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_HEAP_TOLD, DX_LT, T_ONE, F_ONE, DX_GATE },
			{ F_MALLOC_KEPT, DX_GE, T_NATIVE_SHARE, F_ANON, DX_MUST },
			{ F_MALLOC_STILL, DX_GE, T_STILL, F_ONE, DX_MUST },
			{ F_MALLOC_BURST, DX_LE, T_RATCHET_TIME, F_ONE, DX_MUST },
			{ F_MALLOC_BACK, DX_LE, T_RETAIN_BACK, F_ONE, DX_MUST },
		},
		.n_conds = 6,
		.strong = { { F_ARENAS, DX_GT, T_ARENAS_CPU, F_CPUS, DX_MUST } },
		.n_strong = 1,
		.nots = {
			{ "native-leak", { F_MALLOC_STILL, DX_GE, T_STILL, F_ONE, DX_MUST },
			  "nothing came for {malloc-still}: a leak grows with every unit of work" },
		},
		.n_nots = 1,
		.after = { "native-retention" },
		.bytes = F_MALLOC_KEPT,
		.where = W_MALLOC,
		.from = F_MALLOC_HIGH,
		.trend = true,
		.summary = "{malloc-came} of malloc's memory came in a burst ({malloc-burst} of the time) and"
			   " stays. If the"
			   " program has freed it malloc keeps it; if it is a cache it is in use: the kernel"
				   " sees no free()",
		.more = malloc_rows,
		.advice = { RETENTION_ADVICE },
		.confirm = RETENTION_CONFIRM,
	},
	{
		.cls = "allocator-decay",
		.title = "a malloc library keeps pages while none come or go",
		.level = MP_DX_INFO,
		.confidence = 0.6,
		.conds = {
			{ F_LIB_KEPT, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_LIB_PURGED, DX_GE, T_DECAY_PURGED, F_LIB_KEPT, DX_GATE },
			{ F_LIB_STILL, DX_GE, T_STILL, F_ONE, DX_MUST },
			{ F_LIB_BACK, DX_LE, T_DECAY_BACK, F_ONE, DX_MUST },
			{ F_LIB_HELPERS, DX_LT, T_ONE, F_ONE, DX_MUST },
		},
		.n_conds = 5,
		.nots = {
			{ "native-retention", { F_LIB_KEPT, DX_GT, T_ONE, F_MALLOC, DX_MUST },
			  "glibc's malloc has {malloc} of it" },
		},
		.n_nots = 1,
		.bytes = F_LIB_KEPT,
		.where = W_MALLOC,
		.from = F_LIB_STILL,
		.trend = true,
		.summary = "{allocator-kept} stay in a malloc library that gave back {allocator-purged} while"
			   " pages came and"
			   " went, and nothing in the {allocator-still} since: it purges only when it is called. A"
			   " cache that only reads looks the same",
		.more = malloc_rows,
		.advice = { DECAY_ADVICE },
		.confirm = DECAY_CONFIRM,
	},
	{
		.cls = "allocator-decay",
		.title = "a malloc library has pages and none come or go",
		.level = MP_DX_INFO,
		.confidence = 0.4,
		.conds = {
			{ F_LIB_KEPT, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_LIB_STILL, DX_GE, T_STILL, F_ONE, DX_MUST },
			{ F_LIB_BACK, DX_LE, T_DECAY_BACK, F_ONE, DX_MUST },
			{ F_LIB_HELPERS, DX_LT, T_ONE, F_ONE, DX_MUST },
		},
		.n_conds = 4,
		.after = { "allocator-decay" },
		.bytes = F_LIB_KEPT,
		.where = W_MALLOC,
		.from = F_LIB_STILL,
		.trend = true,
		.summary = "{allocator-kept} stay in a malloc library and hardly a page came or went for"
			   " {allocator-still}. If the program"
			   " has freed them the library waits to be called; if it is a cache it is in use: not"
				   " told apart",
		.more = malloc_rows,
		.advice = { DECAY_ADVICE },
		.confirm = DECAY_CONFIRM,
	},
};
/* clang-format on */

const struct dx_rules dx_rules_native = { list, sizeof(list) / sizeof(list[0]) };
