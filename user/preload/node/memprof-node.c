/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * memprof-node.c - the addon behind memprof-node.js: one counters segment for the process
 * (gc/gc_segment.h), source "v8", whose figures are the sum over the isolates that told
 * theirs: the main thread's and each worker's.
 *
 * It runs inside of somebody's Node: no figure is worth a crash, so that whatever fails is
 * left out. Each isolate calls on its own thread; the list of them and the segment are
 * under one lock.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gc/segfile.h"
#include "user/preload/node/napi.h"

/* Header, counters and names share what is a page on most machines. */
#define SEG_LEN	     4096
#define COUNTERS_OFF 256
#define NAMES_OFF    1024
#define NAMES_CAP    ((SEG_LEN - NAMES_OFF - sizeof(struct gc_seg_names)) / sizeof(struct gc_seg_name))

/* What memprof-node.js puts into its array; used and committed of each space follow. */
enum figure { RSS, HEAP_TOTAL, HEAP_USED, EXTERNAL, ARRAY_BUFFERS, LIMIT, N_SPACES, FIXED };

#define SPACES_MAX 32 /* of V8; 13 in Node 24 */

struct isolate {
	struct isolate *next; /* of those that have opened the segment */
	bool main, open, told;
	uint64_t fig[FIXED];
	uint64_t used[SPACES_MAX], committed[SPACES_MAX];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct isolate *isolates;
static struct gc_seg_header *seg;
static int seg_fd = -1;
static uint64_t rss; /* of the process, by whichever isolate asked last; 0: not known */
static bool forked;
static bool ending;		     /* the process is: its workers leave their figures behind */
static uint8_t space_of[SPACES_MAX]; /* V8's index of a space to the segment's number */
static unsigned n_spaces;	     /* V8's */
static unsigned top_space;	     /* the segment's, highest number + 1 */

static struct gc_seg_counters *counters(void)
{
	return (struct gc_seg_counters *)((char *)seg + COUNTERS_OFF);
}

static struct gc_seg_names *names(void)
{
	return (struct gc_seg_names *)((char *)seg + NAMES_OFF);
}

/* --- fork ------------------------------------------------------------------------------ */

/* The child of a fork that runs on has not got the mapping: it tells nothing. Children that
 * exec Node load this file anew. */
static void fork_prepare(void)
{
	pthread_mutex_lock(&lock);
}

static void fork_parent(void)
{
	pthread_mutex_unlock(&lock);
}

static void fork_child(void)
{
	forked = true;
	seg = NULL;
	if (seg_fd >= 0)
		close(seg_fd);
	seg_fd = -1;
	pthread_mutex_unlock(&lock);
}

static void watch_forks(void)
{
	(void)pthread_atfork(fork_prepare, fork_parent, fork_child);
}

/* --- sums ------------------------------------------------------------------------------ */

/* Unknown in one is unknown in all: a part must not look like the whole. */
static uint64_t plus(uint64_t a, uint64_t b)
{
	return a == GC_SEG_UNKNOWN || b == GC_SEG_UNKNOWN ? GC_SEG_UNKNOWN : a + b;
}

static void add(struct gc_seg_counters *c, const struct isolate *it)
{
	c->heaps++;
	c->used = plus(c->used, it->fig[HEAP_USED]);
	c->committed = plus(c->committed, it->fig[HEAP_TOTAL]);
	c->external = plus(c->external, it->fig[EXTERNAL]);
	c->array_buffers = plus(c->array_buffers, it->fig[ARRAY_BUFFERS]);
	c->limit = plus(c->limit, it->fig[LIMIT]);
	for (unsigned i = 0; i < n_spaces; i++) {
		struct gc_seg_space_counters *s = &c->space[space_of[i]];

		s->used = plus(s->used, it->used[i]);
		s->committed = plus(s->committed, it->committed[i]);
	}
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* What V8 does not tell is unknown: pages owed, pauses, what a collection left. */
static void tell_nothing_of(struct gc_seg_counters *c)
{
	c->resident = c->mapped = c->owed = c->released_total = GC_SEG_UNKNOWN;
	c->soft_limit = c->goal = c->live = GC_SEG_UNKNOWN;
	c->minor_count = c->major_count = c->minor_pause_ns = c->major_pause_ns = GC_SEG_UNKNOWN;
	c->max_pause_ns = c->allocated_total = c->promoted_total = GC_SEG_UNKNOWN;
	for (unsigned i = 1; i < top_space; i++)
		c->space[i].resident = GC_SEG_UNKNOWN;
}

/* Called with the lock. */
static void publish_sums(void)
{
	struct gc_seg_counters c = { .nspaces = top_space };

	if (!seg)
		return;
	for (const struct isolate *it = isolates; it; it = it->next)
		if (it->told)
			add(&c, it);
	tell_nothing_of(&c);
	c.process_rss = rss;
	c.external_class[0] = c.array_buffers;
	c.updated_ns = now_ns();
	segfile_counters(counters(), &c);
}

/* --- the segment ----------------------------------------------------------------------- */

/* The format has names for three kinds of spaces that V8 has too; others get numbers from
 * 6 on, and those beyond 15 share the last. */
static unsigned space_number(const char *name, unsigned *next)
{
	if (!strcmp(name, "new_space"))
		return GC_SPACE_YOUNG;
	if (!strcmp(name, "old_space"))
		return GC_SPACE_OLD;
	if (!strcmp(name, "large_object_space"))
		return GC_SPACE_LARGE;
	return *next < GC_SEG_SPACES ? (*next)++ : GC_SEG_SPACES - 1;
}

/* `list`: the names of V8's spaces in its order, a blank between two. Is cut up. */
static void name_spaces(char *list)
{
	unsigned next = GC_SPACE_PINNED + 1;
	char *rest = list, *name;

	for (n_spaces = 0; n_spaces < SPACES_MAX && (name = strtok_r(rest, " ", &rest));
	     n_spaces++) {
		unsigned number = space_number(name, &next);

		space_of[n_spaces] = (uint8_t)number;
		(void)segfile_name(names(), NAMES_CAP, GC_NAME_SPACE, number, name);
		if (number >= top_space)
			top_space = number + 1;
	}
}

/* Called with the lock. Returns 0 or -errno. */
static int open_segment(char *space_names)
{
	struct gc_seg_header l = { .version = GC_SEG_VERSION, .header_len = sizeof(l) };
	void *map;
	int fd;

	if (seg || forked)
		return seg ? 0 : -ECHILD;
	fd = segfile_map(SEG_LEN, &map);
	if (fd < 0)
		return fd;
	l.total_len = SEG_LEN;
	l.heap_id = 1;
	l.block_shift = l.page_shift = 12; /* no addresses are told: of no meaning */
	l.counters_off = COUNTERS_OFF;
	l.counters_len = sizeof(struct gc_seg_counters);
	l.names_off = NAMES_OFF;
	l.names_cap = NAMES_CAP;
	memcpy(l.source, "v8", 3);
	memcpy(l.name, "memprof-node", 13);
	seg = map;
	seg_fd = fd;
	name_spaces(space_names);
	publish_sums();
	segfile_publish(seg, &l);
	return 0;
}

/* --- an isolate ------------------------------------------------------------------------ */

static void unlink_isolate(struct isolate *it)
{
	struct isolate **at = &isolates;

	while (*at && *at != it)
		at = &(*at)->next;
	if (*at)
		*at = it->next;
}

/* The isolate ends. With the main thread's the process does, and its last figures stay. */
static void isolate_ends(void *arg)
{
	struct isolate *it = arg;

	pthread_mutex_lock(&lock);
	unlink_isolate(it);
	if (it->open && !it->main && !ending)
		publish_sums();
	pthread_mutex_unlock(&lock);
	free(it);
}

static napi_value number(napi_env env, int32_t v)
{
	napi_value r = NULL;

	(void)napi_create_int32(env, v, &r);
	return r;
}

/* open(names of the spaces) returns 0 or -errno. */
static napi_value js_open(napi_env env, napi_callback_info info)
{
	char list[1024] = "";
	size_t n = 1, len;
	napi_value arg;
	struct isolate *it;
	int err;

	if (napi_get_cb_info(env, info, &n, &arg, NULL, (void **)&it) || n < 1 ||
	    napi_get_value_string_utf8(env, arg, list, sizeof(list), &len))
		return number(env, -EINVAL);
	it->main = gettid() == getpid();
	pthread_mutex_lock(&lock);
	err = open_segment(list);
	if (!err && !it->open) {
		it->next = isolates;
		isolates = it;
		it->open = true;
	}
	pthread_mutex_unlock(&lock);
	return number(env, err);
}

/* Bytes from a number of JavaScript; NaN is not known. */
static uint64_t bytes(double v)
{
	return v >= 0 && v <= 9007199254740992.0 ? (uint64_t)v : GC_SEG_UNKNOWN;
}

static void take(struct isolate *it, const double *v, size_t n)
{
	for (unsigned i = 0; i < FIXED; i++)
		it->fig[i] = bytes(v[i]);
	for (unsigned i = 0; i < n_spaces; i++) {
		bool has = i < it->fig[N_SPACES] && FIXED + 2 * i + 1 < n;

		it->used[i] = has ? bytes(v[FIXED + 2 * i]) : GC_SEG_UNKNOWN;
		it->committed[i] = has ? bytes(v[FIXED + 2 * i + 1]) : GC_SEG_UNKNOWN;
	}
	if (it->fig[RSS] != GC_SEG_UNKNOWN)
		rss = it->fig[RSS];
	it->told = true;
}

/* publish(Float64Array of enum figure). */
static napi_value js_publish(napi_env env, napi_callback_info info)
{
	struct isolate *it;
	napi_value arg;
	size_t n = 1, len;
	void *v;
	int type;

	if (napi_get_cb_info(env, info, &n, &arg, NULL, (void **)&it) || n < 1 || !it->open ||
	    napi_get_typedarray_info(env, arg, &type, &len, &v, NULL, NULL) ||
	    type != NAPI_FLOAT64_ARRAY || len < FIXED)
		return NULL;
	pthread_mutex_lock(&lock);
	take(it, v, len);
	publish_sums();
	pthread_mutex_unlock(&lock);
	return NULL;
}

/* exiting(): the main thread will run no more of the program. */
static napi_value js_exiting(napi_env env, napi_callback_info info)
{
	struct isolate *it;

	if (!napi_get_cb_info(env, info, NULL, NULL, NULL, (void **)&it) && it->main) {
		pthread_mutex_lock(&lock);
		ending = true;
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static int export(napi_env env, napi_value exports, const char *name, napi_callback cb,
		  struct isolate *it)
{
	napi_value f;
	int err = napi_create_function(env, name, strlen(name), cb, it, &f);

	return err ? err : napi_set_named_property(env, exports, name, f);
}

/* Node calls it by this name once in each isolate that loads the file. */
__attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env env,
									  napi_value exports)
{
	struct isolate *it = calloc(1, sizeof(*it));

	pthread_once(&once, watch_forks);
	/* Without the hook its functions might outlive it. */
	if (!it || napi_add_env_cleanup_hook(env, isolate_ends, it)) {
		free(it);
		return exports;
	}
	(void)(export(env, exports, "open", js_open, it) ||
	       export(env, exports, "publish", js_publish, it) ||
	       export(env, exports, "exiting", js_exiting, it));
	return exports;
}
