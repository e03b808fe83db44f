/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * node-like - has functions of V8's names that do what a test can count: collections that
 * touch a known number of pages, on a helper thread and nested too, of two heaps, one of
 * which is torn down; with `dies`, the process ends inside a collection.
 */
#include <pthread.h>

#include "step.h"

#define COLLECT                                                           \
	"_ZN2v88internal4Heap14CollectGarbageENS0_15AllocationSpaceENS0_" \
	"23GarbageCollectionReasonENS_15GCCallbackFlagsE"

struct work {
	char *in;	  /* pages touched while it collects ... */
	size_t at;	  /* ... from here on */
	const char *line; /* what is said of it at the end */
	int nested;	  /* collections inside it, each like it but without a line */
	bool die;
};

typedef int collect_fn(void *heap, struct work *w);
int collect(void *heap, struct work *w) __asm__(COLLECT);
int say(void *heap, const char *line) __asm__("_ZN2v88internal4Heap15AddToRingBufferEPKc");
int tear_down(void *heap) __asm__("_ZN2v88internal4Heap8TearDownEv");

/* Calls through here are calls: nothing is inlined or left out. */
static collect_fn *volatile do_collect = collect;
static int (*volatile do_say)(void *, const char *) = say;
static int (*volatile do_tear_down)(void *) = tear_down;

#define OWN    40 /* pages */
#define HELPER 25

static void *help(void *arg)
{
	struct work *w = arg;

	step_write(w->in, w->at, HELPER);
	w->at += HELPER;
	return NULL;
}

int collect(void *heap, struct work *w)
{
	const char *line = w->line;
	pthread_t t;

	w->line = NULL; /* of those inside */
	step_write(w->in, w->at, OWN);
	w->at += OWN;
	if (pthread_create(&t, NULL, help, w) || pthread_join(t, NULL))
		step_die("thread");
	if (w->nested-- > 0)
		do_collect(heap, w);
	step_write(w->in, w->at, OWN);
	w->at += OWN;
	if (w->die)
		abort();
	return line ? do_say(heap, line) : 0;
}

int say(void *heap, const char *line)
{
	return heap != line;
}

int tear_down(void *heap)
{
	return heap != NULL;
}

#define GC(name, before, after)                                                             \
	"[1:0x10]       33 ms: " name " " before " (60.0) -> " after                        \
	" (50.0) MB, pooled: 3 MB, 0.01 / 0.00 ms (average mu = 1.000, current mu = 1.000)" \
	" allocation failure; "

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv), a = 1, b = 2;
	struct work w = { .in = step_map(0, 4096 * PAGE) };
	char *out = step_map(1, 4096 * PAGE);

	step("start in=%#lx out=%#lx", (unsigned long)w.in, (unsigned long)out);
	step_write(out, 0, 100);
	w.nested = 2;
	w.line = GC("Mark-Compact", "40.0", "10.0");
	do_collect(&a, &w);
	step_write(out, 100, 70);
	w.line = GC("Mark-Compact (reduce)", "50.0", "20.0");
	do_collect(&b, &w);
	step_write(out, 170, 30);
	step("two inside=%zu outside=%d", w.at, 200);
	do_tear_down(&b);
	step("one");
	do_tear_down(&a);
	step("none");
	if (arg < argc && !strcmp(argv[arg], "dies")) {
		w.die = true;
		do_collect(&a, &w);
	}
	return 0;
}
