/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * src_v8.c - the heaps of a Node.js process nobody prepared (Node 8 to 26), by uprobes:
 * the function that receives the --trace-gc line of every collection, printed or not;
 * entry and return of Heap::CollectGarbage; the end of a heap. Owns what was last said of
 * each isolate of a target.
 *
 * Every worker thread has an isolate, and with it a heap, of its own. The figures of the
 * process are the sum over its isolates, each as its last collection left it: between
 * collections V8 tells nothing. A worker's isolate that has not collected since it is
 * watched is not in the sum; while the main thread's has not, there is no sum.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/live/peek.h"
#include "user/live/runtime.h"
#include "user/rt/v8.h"
#include "user/sym/sym.h"
#include "user/util/util.h"

/*
 * v8::internal::Heap::CollectGarbage(AllocationSpace, GarbageCollectionReason,
 * v8::GCCallbackFlags), one argument more from Node 25 and another from 26. Node 8 has a
 * copy for its own calls besides, which is not found: such a collection begins its pause
 * before its line.
 */
#define COLLECT                                                           \
	"_ZN2v88internal4Heap14CollectGarbageENS0_15AllocationSpaceENS0_" \
	"23GarbageCollectionReasonENS_15GCCallbackFlagsE"
#define COLLECT_25 COLLECT "NS0_21PerformHeapLimitCheckE"
#define COLLECT_26 COLLECT "NS0_21PerformHeapLimitCheckENS0_34PerformIneffectiveMarkCompactCheckE"

/* Where the probes go. */
static const struct v8_probe {
	enum mp_uprobe up;
	const char *names[3];
} probes[] = {
	/* The return first: a begin whose end is not told would last for ever. */
	{ MP_UP_V8_END, { COLLECT, COLLECT_25, COLLECT_26 } },
	{ MP_UP_V8_BEGIN, { COLLECT, COLLECT_25, COLLECT_26 } },
	/* v8::internal::Heap::TearDown() */
	{ MP_UP_V8_GONE, { "_ZN2v88internal4Heap8TearDownEv" } },
	/* v8::internal::Heap::AddToRingBuffer(char const*) */
	{ MP_UP_V8_LINE, { "_ZN2v88internal4Heap15AddToRingBufferEPKc" } },
};

/* The target's word for how many there are is not taken beyond this: the one that has not
 * collected for the longest makes room. */
#define ISOLATES_MAX 256
#define OPEN_MAX     64
#define REASONS_MAX  256 /* V8 has some 30, with flags, or cut behind a word */

struct isolate {
	uint64_t heap; /* address of its Heap: by this the probes name it */
	uint64_t ts;   /* of its last collection */
	uint64_t used, committed, live, pooled; /* bytes or MP_UNKNOWN */
	bool main;				/* of the process's first thread */
	bool gone; /* torn down, and the last of that thread: its figures stay */
};

/* A collection that has begun and not ended; of nested ones each has its own. */
struct running {
	uint32_t tid;
	uint64_t ts;
	bool told; /* its line has come: it is about to end */
};

struct v8 {
	uint64_t limit; /* bytes, of each isolate; 0: not known */
	struct isolate *v;
	size_t n, cap;
	struct running open[OPEN_MAX];
	unsigned n_open;
	uint64_t lost;	    /* s->lost of the ring when they were last right */
	unsigned n_reasons; /* different ones */
	unsigned told;	    /* heaps that memprof-node tells the sum of: 0, 1 or several */
};

/* --- files --------------------------------------------------------------------------- */

/* Looking through a symbol table of 100,000 names takes a while: only files that
 * can be a V8 are opened, and each inode once. */
static bool may_hold(const char *path)
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	return !strncmp(base, "node", 4) || !strncmp(base, "libnode", 7) ||
	       strstr(base, "electron") || !strncmp(base, "libv8", 5) ||
	       !strncmp(base, "deno", 4) || !strcmp(base, "d8");
}

/* V8 alone has more code than this; a node whose V8 is in a library has much less. */
#define V8_BYTES (8 << 20)

static void tell_without(struct mp_session *s, int fd, const char *path)
{
	const char *base = strrchr(path, '/');
	char why[256];
	struct stat st;

	if (fstat(fd, &st) || st.st_size < V8_BYTES)
		return;
	snprintf(why, sizeof(why),
		 "%.60s was stripped of the names of V8's functions; its heap shows when it is "
		 "started "
		 "with NODE_OPTIONS='--require .../memprof-node.js', or from a log of node "
		 "--trace-gc",
		 base ? base + 1 : path);
	runtime_tell(s, MP_FEAT_HEAP_V8, MP_RUNG_ABSENT, -ENOENT, why);
}

/* The probe cannot be hung: the ladder may know why in words. */
static void tell_refused(struct mp_session *s, int err)
{
	const char *why = mp_probes_rung(s->probes, MP_FEAT_HEAP_V8)->why;

	runtime_tell(s, MP_FEAT_HEAP_V8, MP_RUNG_ABSENT, err, *why ? why : runtime_why(err));
}

static int hang(struct mp_session *s, struct mp_elf *e, int fd, const struct v8_probe *v)
{
	int err = -ENOENT;
	uint64_t off = 0;

	for (size_t i = 0; i < 3 && err == -ENOENT && v->names[i]; i++)
		err = mp_elf_function(e, v->names[i], &off);
	return err ? err : mp_probes_add_uprobe(s->probes, v->up, fd, off);
}

static void v8_file(struct mp_session *s, int fd, const char *path)
{
	int err = -ENOENT;
	struct mp_elf *e;

	if (mp_elf_open(fd, &e))
		return;
	/* The last one tells the collections; without the others it tells less of them. */
	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++)
		err = hang(s, e, fd, &probes[i]);
	mp_elf_close(e);
	if (err == -ENOENT)
		tell_without(s, fd, path);
	else if (err)
		tell_refused(s, err);
	else
		runtime_tell(s, MP_FEAT_HEAP_V8, MP_RUNG_UPROBE, 0, NULL);
}

/* --- isolates ------------------------------------------------------------------------ */

#define ARGS_MAX (128 << 10) /* bytes of arguments or environment that are looked through */

/* A file of /proc/PID whole, with a NUL behind it; NULL when it is longer, or not for us. */
static char *whole_file(pid_t pid, const char *name, size_t *len)
{
	char path[64], *buf = malloc(ARGS_MAX + 1);
	ssize_t got = 1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = buf && peek_strings_ready(pid, name) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	for (*len = 0; fd >= 0 && *len < ARGS_MAX && got > 0; *len += got > 0 ? (size_t)got : 0)
		got = read(fd, buf + *len, ARGS_MAX - *len);
	if (fd >= 0)
		close(fd);
	if (fd < 0 || got) {
		free(buf);
		return NULL;
	}
	buf[*len] = 0;
	return buf;
}

/* The limit that the process was started with, where that is certain; else 0. */
static uint64_t limit_of(pid_t pid)
{
	uint64_t limit = MP_UNKNOWN;
	size_t n;
	char *s = whole_file(pid, "cmdline", &n);

	if (s)
		limit = v8_limit_in_args(s, n);
	free(s);
	if (limit)
		return limit == MP_UNKNOWN ? 0 : limit;
	s = whole_file(pid, "environ", &n);
	if (s)
		limit = v8_limit_in_environ(s, n);
	free(s);
	return limit == MP_UNKNOWN ? 0 : limit;
}

static struct v8 *state_of(struct target *t)
{
	struct v8 *p = t->rt[RT_V8];

	if (!p) {
		p = t->rt[RT_V8] = calloc(1, sizeof(*p));
		if (p)
			p->limit = limit_of(t->pid);
	}
	return p;
}

static size_t find(const struct v8 *p, uint64_t heap)
{
	size_t i = 0;

	while (i < p->n && p->v[i].heap != heap)
		i++;
	return i;
}

/* A program may end its main isolate and make another. */
static void drop_gone(struct v8 *p, uint64_t but)
{
	for (size_t i = p->n; i-- > 0;)
		if (p->v[i].gone && p->v[i].heap != but)
			p->v[i] = p->v[--p->n];
}

static struct isolate *isolate_of(struct v8 *p, uint64_t heap)
{
	size_t at = find(p, heap);

	if (at == p->n && p->n < ISOLATES_MAX) {
		if (mp_grow(&p->v, &p->cap, p->n + 1, sizeof(*p->v)))
			return NULL;
		p->n++;
	} else if (at == p->n) {
		at = 0;
		for (size_t i = 1; i < p->n; i++)
			if (p->v[i].ts < p->v[at].ts)
				at = i;
	} else {
		return &p->v[at];
	}
	p->v[at] = (struct isolate){ .heap = heap, .live = MP_UNKNOWN, .pooled = MP_UNKNOWN };
	return &p->v[at];
}

/* a + b, where what one does not know the sum does not know either */
static uint64_t plus(uint64_t a, uint64_t b)
{
	return a == MP_UNKNOWN || b == MP_UNKNOWN ? MP_UNKNOWN : a + b;
}

/* The main isolate is most of what a process has: a sum without it is of a part. */
static bool main_told(const struct v8 *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].main)
			return true;
	return false;
}

/* Pages that V8 keeps for the next young generation, from Node 22 on: in RSS, but in none
 * of its counters. */
static void tell_pooled(struct mp_session *s, const struct v8 *p, const struct mp_event *heap)
{
	struct mp_event e = {
		.ts = heap->ts, .type = MP_EV_SPACE, .sub = MP_SRC_V8, .mm = heap->mm
	};
	uint64_t sum = main_told(p) ? 0 : MP_UNKNOWN;

	for (size_t i = 0; i < p->n; i++)
		sum = plus(sum, p->v[i].pooled);
	if (sum == MP_UNKNOWN)
		return;
	e.space.name = stream_str(&s->stream, "pooled", e.ts);
	e.space.used = MP_UNKNOWN;
	e.space.committed = sum;
	e.space.resident = MP_UNKNOWN;
	stream_push(&s->stream, &e);
}

static void tell_sum(struct mp_session *s, const struct v8 *p, uint64_t ts, uint32_t mm)
{
	struct mp_event e = { .ts = ts, .type = MP_EV_HEAP, .sub = MP_SRC_V8, .mm = mm };

	memset(&e.heap, 0xff, sizeof(e.heap)); /* MP_UNKNOWN */
	e.heap.used = e.heap.committed = e.heap.live = main_told(p) ? 0 : MP_UNKNOWN;
	for (size_t i = 0; i < p->n; i++) {
		e.heap.used = plus(e.heap.used, p->v[i].used);
		e.heap.committed = plus(e.heap.committed, p->v[i].committed);
		e.heap.live = plus(e.heap.live, p->v[i].live);
	}
	if (p->told) /* the others stay as memprof-node told them */
		e.flags = MP_HEAP_SOME;
	if (p->told > 1)
		e.heap.used = e.heap.committed = MP_UNKNOWN;
	if (!p->told && p->limit)
		e.heap.limit = p->limit * p->n;
	stream_push(&s->stream, &e);
	tell_pooled(s, p, &e);
}

/*
 * What the collection found, then what it left: the first says how much of what earlier
 * ones freed has been used again.
 */
static void tell_figures(struct mp_session *s, struct v8 *p, struct isolate *v,
			 const struct mp_raw_text *r, const struct v8_gc *g)
{
	v->ts = r->ts;
	v->main = r->flags & MP_RAW_MAIN;
	v->gone = false;
	v->used = g->before;
	v->committed = g->cbefore;
	tell_sum(s, p, r->ts, r->mm);
	v->used = g->after;
	v->committed = g->cafter;
	v->pooled = g->pooled;
	if (g->kind != MP_GC_MINOR)
		v->live = g->after;
	tell_sum(s, p, r->ts, r->mm);
}

/* --- collections --------------------------------------------------------------------- */

/* The thread's innermost collection. */
static struct running *running_of(struct v8 *p, uint32_t tid)
{
	for (unsigned i = p->n_open; i-- > 0;)
		if (p->open[i].tid == tid)
			return &p->open[i];
	return NULL;
}

#define OPEN_NS 10000000000ULL /* no collection of V8 lasts as long: its end was lost */

/* Drops what thread tid's next collection cannot be within: the ends were lost. */
static void drop_ended(struct v8 *p, uint32_t tid, uint64_t ts)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->n_open; i++) {
		const struct running *o = &p->open[i];

		if (o->tid != tid || (!o->told && o->ts <= ts && ts - o->ts < OPEN_NS))
			p->open[n++] = *o;
	}
	p->n_open = n;
}

static void begin(struct v8 *p, uint32_t tid, uint64_t ts)
{
	drop_ended(p, tid, ts);
	if (p->n_open == OPEN_MAX) { /* ends were lost */
		memmove(p->open, p->open + 1, (OPEN_MAX - 1) * sizeof(p->open[0]));
		p->n_open--;
	}
	p->open[p->n_open++] = (struct running){ .tid = tid, .ts = ts };
}

static void end(struct v8 *p, uint32_t tid)
{
	struct running *o = running_of(p, tid);

	if (!o)
		return;
	memmove(o, o + 1, (size_t)(p->open + p->n_open - (o + 1)) * sizeof(*o));
	p->n_open--;
}

/* A heap is torn down. The main thread's goes with the process: its last figures stay. */
/* The first thread may run several isolates: the last of them goes with the process. */
static bool last_of_main(const struct v8 *p, size_t at)
{
	for (size_t i = 0; i < p->n; i++)
		if (i != at && p->v[i].main && !p->v[i].gone)
			return false;
	return p->v[at].main;
}

static void gone(struct mp_session *s, struct v8 *p, const struct mp_raw_words *r)
{
	size_t at = r->n ? find(p, r->v[0]) : p->n;

	if (at >= p->n || !p->v)
		return;
	if (last_of_main(p, at)) {
		p->v[at].gone = true;
		return;
	}
	p->v[at] = p->v[--p->n];
	tell_sum(s, p, r->ts, r->mm);
}

static void v8_words(struct mp_session *s, struct target *t, const struct mp_raw_words *r)
{
	struct v8 *p = t ? state_of(t) : NULL;

	if (!p)
		return;
	if (p->lost != s->lost[MP_LOSS_RING_FULL]) /* ends may be among what was lost */
		p->n_open = 0;
	p->lost = s->lost[MP_LOSS_RING_FULL];
	if (r->sub == MP_WORDS_V8_BEGIN)
		begin(p, r->tid, r->ts);
	else if (r->sub == MP_WORDS_V8_END)
		end(p, r->tid);
	else
		gone(s, p, r);
}

/* A string is kept as long as the session lives: of one target not without end. */
static uint32_t reason_id(struct mp_session *s, struct v8 *p, const char *reason, uint64_t ts)
{
	size_t had = s->stream.n_strs;
	uint32_t id;

	if (!p || p->n_reasons >= REASONS_MAX)
		return 0;
	id = stream_str(&s->stream, reason, ts);
	p->n_reasons += s->stream.n_strs > had;
	return id;
}

/*
 * "task; GC in old space requested (reduce)". The flags of the name are with the reason:
 * "(reduce)" says that V8 collects to make the heap smaller, not because it is full. Of a
 * reason that was cut, whole words: so there are few of them.
 */
static void reason_text(char *buf, size_t size, const struct v8_gc *g, bool cut)
{
	const char *flags = strchr(g->name, '('), *end = strrchr(g->reason, ' ');
	int n = cut ? (int)(end ? end - g->reason : 0) : (int)strlen(g->reason);

	snprintf(buf, size, "%.*s%s%s%s", n, g->reason, n && cut ? "..." : "",
		 n && flags ? " " : "", flags ? flags : "");
}

/* Name and times; figures are the isolate's own. cut: V8 had no room for the whole reason. */
static void collection(struct mp_session *s, struct mp_event *e, const struct v8_gc *g,
		       struct v8 *p, bool cut)
{
	const struct running *o = p ? running_of(p, e->tid) : NULL;
	char reason[160];

	e->sub = g->kind;
	e->gc.before = g->before;
	e->gc.after = g->after;
	e->gc.cbefore = g->cbefore;
	e->gc.cafter = g->cafter;
	e->gc.pause = g->pause_ns;
	e->gc.start = g->pause_ns < e->ts ? e->ts - g->pause_ns : 0;
	if (o && o->ts <= e->ts) {
		e->gc.start = o->ts;
		e->flags |= MP_GC_MARKED;
	}
	reason_text(reason, sizeof(reason), g, cut);
	e->gc.reason = reason_id(s, p, reason, e->ts);
	e->gc.source = MP_SRC_V8;
}

void v8_text(struct mp_session *s, const struct mp_raw_text *r)
{
	struct mp_event e = { .ts = r->ts, .type = MP_EV_GC, .mm = r->mm, .tid = r->tid };
	struct target *t = session_target_of_mm(s, r->mm);
	size_t len = r->len < MP_RAW_TEXT_MAX ? r->len : MP_RAW_TEXT_MAX;
	struct v8 *p = t ? state_of(t) : NULL;
	char line[MP_RAW_TEXT_MAX + 1];
	struct running *o;
	struct isolate *v;
	struct v8_gc g;

	memcpy(line, r->text, len);
	line[len] = 0;
	if (v8_gc_parse(line, &g))
		return;
	if (p && r->flags & MP_RAW_MAIN)
		drop_gone(p, r->self);
	v = p ? isolate_of(p, r->self) : NULL;
	if (v) {
		p->told = gc_collected(t, MP_SRC_V8, r->ts);
		tell_figures(s, p, v, r, &g);
		e.flags = MP_GC_PART;
	}
	collection(s, &e, &g, p, len + 1 >= MP_RAW_TEXT_MAX);
	o = p ? running_of(p, r->tid) : NULL;
	if (o)
		o->told = true;
	stream_push(&s->stream, &e);
}

/* V8 that has reached its limit ends the process inside a collection, before or behind its line. */
static void v8_ended(struct mp_session *s, struct target *t, uint64_t ts)
{
	struct mp_event e = { .ts = ts, .type = MP_EV_NOTE, .sub = MP_NOTE_MEMPROF, .mm = t->mm };
	const struct v8 *p = t->rt[RT_V8];
	char text[96];

	if (!p || !p->n_open)
		return;
	snprintf(text, sizeof(text), "ended inside a collection of V8 that began %.1f ms before",
		 (double)(ts - p->open[p->n_open - 1].ts) / 1e6);
	e.v[0] = stream_str(&s->stream, text, ts);
	stream_push(&s->stream, &e);
}

static void v8_detach(struct target *t)
{
	struct v8 *p = t->rt[RT_V8];

	if (p)
		free(p->v);
	free(p);
	t->rt[RT_V8] = NULL;
}

const struct runtime runtime_v8 = { .name = "V8",
				    .may_hold = may_hold,
				    .file = v8_file,
				    .words = v8_words,
				    .ended = v8_ended,
				    .detach = v8_detach };
