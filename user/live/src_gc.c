/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * src_gc.c - counters segments (gc/gc_segment.h) of a target to heap events.
 *
 * A segment is memory that the target writes: mapped read-only, sealed against
 * shrinking (or a read could fault), and not believed beyond what
 * gc_seg_attach_check() checked. Neither is the target believed to be polite:
 * what one look reads, and what text and ranges it may make us keep, is bounded.
 *
 * Who maps a segment need not be whose heap it tells of: a monitor maps those of
 * others, and a forked child may have inherited one. The owner is the process that
 * can write to it and that the segment names by the number it has in its own PID
 * namespace.
 *
 * A process may have several heaps. All rings of all of them are merged by time.
 * Collections, commits and releases are told as they are; counters and spaces are
 * told as sums, since the model has one set of figures for a process and source.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "gc/gc_segment.h"
#include "user/live/session_int.h"
#include "user/util/util.h"

#define READ_SLOTS 64	      /* of a ring at once                           */
#define LOOKS_MAX  (1u << 21) /* heads of rings compared in one poll         */
#define FD_MAX	   256	      /* descriptors of the target looked at         */
#define LEN_MAX	   (1ULL << 34)
#define STRS_MAX   4096		 /* texts of one target's segments              */
#define RANGES_MAX 1024		 /* ... and address ranges                      */
#define PHASE_MIN  20000	 /* ns: shorter phases are not worth an event   */
#define FRESH_NS   1500000000ULL /* a writer silent for longer is stuck, or blocked */

/* Where we are in one ring, and its next event. */
struct ring {
	struct gc_ring_reader at;
	uint32_t tid;	       /* who writes it, as far as told; 0: several    */
	struct gc_record *rec; /* READ_SLOTS, when something was read          */
	unsigned n, i;	       /* slots in it, taken                           */
	bool has;
	struct gc_event ev;
};

struct gc_source {
	uint64_t ino;
	dev_t dev;
	void *map;
	size_t len;
	struct gc_seg seg;
	struct ring *ring;
	uint8_t src;	/* enum mp_heap_source: whose heap it tells of      */
	bool same_pids; /* its tids mean here what they mean there      */
	bool seen;	/* in the last look at the mappings             */
	uint64_t lost;
	uint64_t updated;	     /* its own word for when the counters changed   */
	uint32_t spaces;	     /* bit of a space: it had bytes once                   */
	struct gc_seg_counters last; /* as last told, without its stamp          */
	struct mp_event fig;	     /* .heap: the newest figures                    */
};

static void source_free(struct gc_source *g)
{
	if (!g)
		return;
	if (g->map)
		munmap(g->map, g->len);
	for (uint32_t i = 0; g->ring && i < g->seg.hdr.nrings; i++)
		free(g->ring[i].rec);
	free(g->ring);
	free(g);
}

void gc_detach(struct target *t)
{
	while (t->n_gc)
		source_free(t->gc[--t->n_gc]);
}

/* --- opening --------------------------------------------------------------------------- */

static dev_t map_dev(const struct proc_map *v)
{
	return makedev(v->dev_major, v->dev_minor);
}

/* Opens path if it is the mapped file and nothing that could hold us up. */
static int open_same(const char *path, const struct proc_map *v)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return -1;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_ino == v->ino &&
	    st.st_dev == map_dev(v))
		return fd;
	close(fd);
	return -1;
}

/* map_files names the file by its mapping; where that is not permitted the
 * descriptor that the collector keeps open is looked for. */
static int segment_open(pid_t pid, const struct proc_map *v)
{
	char path[128];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", (int)pid,
		 (unsigned long long)v->start, (unsigned long long)v->end);
	fd = open_same(path, v);
	for (int i = 3; fd < 0 && i < FD_MAX; i++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, i);
		if (!stat(path, &st) && st.st_ino == v->ino && st.st_dev == map_dev(v))
			fd = open_same(path, v);
	}
	return fd;
}

static bool sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & F_SEAL_SHRINK);
}

static bool source_map(struct gc_source *g, int fd)
{
	struct stat st;

	if (!sealed(fd) || fstat(fd, &st) || st.st_size <= 0 || (uint64_t)st.st_size > LEN_MAX)
		return false;
	g->len = (size_t)st.st_size;
	g->map = mmap(NULL, g->len, PROT_READ, MAP_SHARED, fd, 0);
	if (g->map == MAP_FAILED)
		g->map = NULL;
	return g->map && !gc_seg_attach_check(&g->seg, g->map, g->len);
}

static uint32_t ring_tid(const struct gc_source *g, uint32_t ring)
{
	const struct gc_seg_ring *r = gc_seg_ring_(&g->seg, ring);

	return g->same_pids ? __atomic_load_n(&r->tid, __ATOMIC_RELAXED) : 0;
}

static uint64_t ring_tail(const struct gc_source *g, uint32_t ring)
{
	return __atomic_load_n(&gc_seg_ring_(&g->seg, ring)->tail, __ATOMIC_RELAXED);
}

/* from_start: also what happened before we came. */
static void rings_place(struct gc_source *g, bool from_start)
{
	for (uint32_t i = 0; i < g->seg.hdr.nrings; i++) {
		gc_ring_reader_init(&g->seg, i, from_start, &g->ring[i].at);
		g->ring[i].tid = from_start ? 0 : ring_tid(g, i);
	}
}

/* The number in the segment is what getpid() said to its writer. */
static bool owns(const struct target *t, const struct gc_source *g)
{
	pid_t pid = t->pid;

	return !proc_ns_pid(t->pid, &pid) && g->seg.hdr.pid == (uint32_t)pid;
}

/* The runtime that a segment says it is of; one that is not known is like libmpgc's. */
static uint8_t source_of(const char *runtime)
{
	for (unsigned src = 1; src < MP_SRC_MAX; src++)
		if (!strcmp(runtime, mp_source_name(src)))
			return (uint8_t)src;
	return MP_SRC_GC;
}

static struct gc_source *source_open(const struct target *t, const struct proc_map *v)
{
	struct gc_source *g = calloc(1, sizeof(*g));
	int fd = v->bits & MP_MAP_W ? segment_open(t->pid, v) : -1;
	bool ok = g && fd >= 0 && source_map(g, fd) && owns(t, g);

	if (fd >= 0)
		close(fd);
	if (ok) {
		g->ino = v->ino;
		g->dev = map_dev(v);
		g->src = source_of(g->seg.hdr.source);
		g->same_pids = g->seg.hdr.pid == (uint32_t)t->pid;
		g->ring = calloc(g->seg.hdr.nrings ? g->seg.hdr.nrings : 1, sizeof(*g->ring));
		memset(&g->fig.heap, 0xff, sizeof(g->fig.heap));
	}
	if (ok && g->ring)
		return g;
	source_free(g);
	return NULL;
}

/* --- telling ---------------------------------------------------------------------------- */

static void push(struct mp_session *s, const struct mp_event *e)
{
	/* Out of memory: the session ends with its next event all the same. */
	(void)stream_push(&s->stream, e);
}

/* A string of the target's. Only so many different ones are kept. */
static uint32_t text_id(struct mp_session *s, struct target *t, const char *text, uint64_t ts)
{
	size_t before = s->stream.n_strs;
	uint32_t id;

	if (t->gc_strs >= STRS_MAX)
		return stream_str(&s->stream, "(more texts than are kept)", ts);
	id = stream_str(&s->stream, text, ts);
	t->gc_strs += s->stream.n_strs != before;
	return id;
}

static void tell_range(struct mp_session *s, struct target *t, const struct gc_source *g,
		       unsigned op, uint64_t ts, uint64_t addr, uint64_t len)
{
	struct mp_event e = { .ts = ts, .type = MP_EV_HEAP_RANGE, .sub = (uint8_t)op, .mm = t->mm };

	if (!len || (op == MP_HEAP_RESERVE && t->gc_ranges++ >= RANGES_MAX))
		return;
	e.range.addr = addr;
	e.range.len = len;
	e.range.source = g->src;
	push(s, &e);
}

/* Unknown in one is unknown in all: a part must not look like the whole. */
static uint64_t plus(uint64_t a, uint64_t b)
{
	return a == MP_UNKNOWN || b == MP_UNKNOWN || a + b < b ? MP_UNKNOWN : a + b;
}

static unsigned heaps_of(const struct target *t, unsigned src)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t->n_gc; i++)
		n += t->gc[i]->src == src;
	return n;
}

/* The figures of all heaps of a source together; of none, that nothing is used. */
static void tell_heap(struct mp_session *s, const struct target *t, unsigned src, uint64_t ts)
{
	struct mp_event e = { .ts = ts, .type = MP_EV_HEAP, .sub = (uint8_t)src, .mm = t->mm };

	if (!heaps_of(t, src))
		e.heap.limit = e.heap.goal = e.heap.live = MP_UNKNOWN;
	for (unsigned i = 0; i < t->n_gc; i++)
		for (unsigned k = 0; k < 7 && t->gc[i]->src == src; k++)
			e.v[k] = plus(e.v[k], t->gc[i]->fig.v[k]);
	push(s, &e);
}

static void tell_loss(struct mp_session *s, const struct target *t, uint64_t n)
{
	struct mp_event e = { .ts = mp_monotonic_ns(),
			      .type = MP_EV_LOSS,
			      .sub = MP_LOSS_GC_RING,
			      .x = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX,
			      .mm = t->mm };

	if (n)
		push(s, &e);
}

/* --- spaces ------------------------------------------------------------------------------ */

struct spaces {
	struct mp_event e[GC_SEG_SPACES];
	unsigned n;
};

static void space_name(const struct gc_source *g, unsigned i, char name[32])
{
	static const char *const usual[] = { "none", "young", "old", "large", "region", "pinned" };

	if (gc_seg_name_of(&g->seg, GC_NAME_SPACE, i, name, 32) <= 0)
		snprintf(name, 32, "%s", i < sizeof(usual) / sizeof(usual[0]) ? usual[i] : "other");
}

static void space_add(struct spaces *sp, uint32_t name, const struct gc_seg_space_counters *c)
{
	struct mp_event *e = sp->e;

	while (e < sp->e + sp->n && e->space.name != name)
		e++;
	if (e == sp->e + GC_SEG_SPACES)
		return;
	if (e == sp->e + sp->n) {
		memset(e, 0, sizeof(*e));
		e->space.name = name;
		sp->n++;
	}
	e->space.used = plus(e->space.used, c->used);
	e->space.committed = plus(e->space.committed, c->committed);
	e->space.resident = plus(e->space.resident, c->resident);
}

/* Spaces of the same name are one: a process with two heaps has twice as much young. */
static void tell_spaces(struct mp_session *s, struct target *t, unsigned src, uint64_t ts)
{
	struct spaces sp = { .n = 0 };
	char name[32];

	for (unsigned k = 0; k < t->n_gc; k++) {
		const struct gc_seg_counters *c = &t->gc[k]->last;
		uint32_t *had = &t->gc[k]->spaces;

		if (t->gc[k]->src != src)
			continue;
		for (unsigned i = 1; i < c->nspaces && i < GC_SEG_SPACES; i++) {
			if (c->space[i].used || c->space[i].committed)
				*had |= 1u << i;
			if (!(*had >> i & 1))
				continue; /* one that has become empty is told so */
			space_name(t->gc[k], i, name);
			space_add(&sp, text_id(s, t, name, ts), &c->space[i]);
		}
	}
	for (unsigned i = 0; i < sp.n; i++) {
		sp.e[i].ts = ts;
		sp.e[i].type = MP_EV_SPACE;
		sp.e[i].sub = (uint8_t)src;
		sp.e[i].mm = t->mm;
		push(s, &sp.e[i]);
	}
}

/* --- records to events ---------------------------------------------------------------- */

static uint64_t val(const struct gc_event *ev, unsigned i)
{
	return i < ev->nv ? ev->v[i] : GC_SEG_UNKNOWN;
}

static uint8_t kind_of(uint8_t k)
{
	return k == GC_SEG_MINOR ? MP_GC_MINOR : k == GC_SEG_COMPACT ? MP_GC_COMPACT : MP_GC_MAJOR;
}

/* The times are the target's word. One from the future would wait in the stream
 * for ever, one from long ago would be folded out of place. */
static uint64_t sane_ts(const struct mp_session *s, uint64_t ts)
{
	uint64_t now = mp_monotonic_ns();

	return ts > now ? now : ts < s->horizon ? s->horizon : ts;
}

/* An event of type and sub that r's next event tells of. */
static struct mp_event made(const struct mp_session *s, const struct target *t,
			    const struct ring *r, unsigned type, unsigned sub)
{
	return (struct mp_event){ .ts = sane_ts(s, r->ev.ts),
				  .type = (uint16_t)type,
				  .sub = (uint8_t)sub,
				  .mm = t->mm,
				  .tid = r->tid };
}

static uint32_t reason_str(struct mp_session *s, struct target *t, struct gc_source *g,
			   uint64_t reason, uint64_t ts)
{
	char name[32];

	if (reason >= 32 &&
	    gc_seg_name_of(&g->seg, GC_NAME_REASON, (unsigned)reason, name, sizeof(name)) > 0)
		return text_id(s, t, name, ts);
	return stream_str(&s->stream, gc_seg_reason_name((unsigned)reason), ts);
}

static void on_gc_end(struct mp_session *s, struct target *t, struct gc_source *g, struct ring *r)
{
	struct mp_event e = made(s, t, r, MP_EV_GC, kind_of(r->ev.flags));
	const struct gc_event *ev = &r->ev;

	e.gc.before = ev->a;
	e.gc.after = ev->b;
	e.gc.pause = val(ev, 0);
	e.gc.cbefore = val(ev, 1);
	e.gc.cafter = val(ev, 2);
	e.gc.start = val(ev, 3);
	if (e.gc.start > e.ts)
		e.gc.start = e.ts;
	e.gc.reason = reason_str(s, t, g, val(ev, 4), e.ts);
	e.gc.source = g->src;
	push(s, &e);
	g->fig.heap.used = ev->b;
	g->fig.heap.committed = val(ev, 2);
	g->fig.heap.goal = val(ev, 5);
	if (val(ev, 6) != GC_SEG_UNKNOWN)
		g->fig.heap.live = val(ev, 6);
	/* The fold takes `after` for the process's figure: with one heap it is. */
	if (heaps_of(t, g->src) > 1)
		tell_heap(s, t, g->src, e.ts);
}

static void on_pages(struct mp_session *s, struct target *t, struct gc_source *g, struct ring *r)
{
	const struct gc_event *ev = &r->ev;
	bool release = ev->type == GC_EV_PAGE_RELEASE;
	struct mp_event e =
		made(s, t, r, MP_EV_HEAP_RANGE, release ? MP_HEAP_RELEASE : MP_HEAP_COMMIT);

	e.x = release ? ev->flags : 0;
	e.range.addr = ev->a;
	e.range.len = ev->b;
	e.range.dur = release ? val(ev, 0) : 0;
	e.range.source = g->src;
	if (release && g->same_pids && val(ev, 3) <= INT32_MAX)
		e.tid = (uint32_t)val(ev, 3);
	push(s, &e);
}

static void on_note(struct mp_session *s, struct target *t, struct ring *r)
{
	struct mp_event e = made(s, t, r, MP_EV_NOTE, MP_NOTE_PROGRAM);
	char text[GC_SEG_TEXT_MAX + 8];
	size_t n = r->ev.a < r->ev.len ? r->ev.a : r->ev.len;

	memcpy(text, r->ev.text, n);
	text[n] = 0;
	e.v[0] = text_id(s, t, text, e.ts);
	push(s, &e);
}

static void on_counters(struct mp_session *s, struct target *t, struct gc_source *g, struct ring *r)
{
	g->fig.heap.used = r->ev.a;
	g->fig.heap.committed = r->ev.b;
	g->fig.heap.external = val(&r->ev, 0);
	g->fig.heap.arrays = val(&r->ev, 1);
	g->fig.heap.goal = val(&r->ev, 4);
	g->fig.heap.limit = val(&r->ev, 5);
	tell_heap(s, t, g->src, sane_ts(s, r->ev.ts));
}

static void on_phase(struct mp_session *s, struct target *t, const struct gc_source *g,
		     struct ring *r, unsigned phase)
{
	struct mp_event e = made(s, t, r, MP_EV_PHASE, phase);

	if (r->ev.a < PHASE_MIN)
		return;
	e.phase.dur = r->ev.a;
	e.phase.work = r->ev.b;
	e.phase.n = r->ev.nv ? r->ev.v[0] : 1;
	e.phase.source = g->src;
	push(s, &e);
}

static void on_sample(struct mp_session *s, struct target *t, struct gc_source *g, struct ring *r)
{
	struct mp_event e = made(s, t, r, MP_EV_SAMPLE, g->src);
	char name[32];

	e.sample.addr = r->ev.a;
	e.sample.size = r->ev.b;
	e.sample.mean = val(&r->ev, 1);
	if (val(&r->ev, 0) <= UINT16_MAX &&
	    gc_seg_name_of(&g->seg, GC_NAME_TYPE, (unsigned)r->ev.v[0], name, sizeof(name)) > 0)
		e.sample.what = text_id(s, t, name, e.ts);
	push(s, &e);
}

static void on_event(struct mp_session *s, struct target *t, struct gc_source *g, struct ring *r)
{
	switch (r->ev.type) {
	case GC_EV_GC_END:
		on_gc_end(s, t, g, r);
		break;
	case GC_EV_COUNTERS:
		on_counters(s, t, g, r);
		break;
	case GC_EV_PAGE_COMMIT:
	case GC_EV_PAGE_RELEASE:
		on_pages(s, t, g, r);
		break;
	case GC_EV_RESERVE:
		tell_range(s, t, g, MP_HEAP_RESERVE, sane_ts(s, r->ev.ts), r->ev.a, r->ev.b);
		break;
	case GC_EV_NOTE:
		on_note(s, t, r);
		break;
	case GC_EV_THREAD:
		r->tid = g->same_pids && r->ev.flags && r->ev.a <= INT32_MAX ? (uint32_t)r->ev.a
									     : 0;
		break;
	case GC_EV_PHASE:
		on_phase(s, t, g, r, r->ev.flags);
		break;
	case GC_EV_SAFEPOINT:
		on_phase(s, t, g, r, MP_PHASE_STOP);
		break;
	case GC_EV_ALLOC_SAMPLE:
		on_sample(s, t, g, r);
		break;
	default:
		break;
	}
}

/* --- merging --------------------------------------------------------------------------- */

/* r's next event to r->ev. False: nothing more was written. */
static bool ring_next(struct gc_source *g, uint32_t ring)
{
	struct ring *r = &g->ring[ring];
	unsigned took;
	int n;

	if (r->i == r->n) {
		if (!r->rec && ring_tail(g, ring) == r->at.pos)
			return false; /* most rings are never written */
		if (!r->rec)
			r->rec = malloc(READ_SLOTS * sizeof(*r->rec));
		if (!r->rec)
			return false;
		n = gc_ring_read(&g->seg, ring, &r->at, r->rec, READ_SLOTS, &g->lost);
		r->i = 0;
		r->n = n > 0 ? (unsigned)n : 0;
	}
	took = gc_event_take(r->rec + r->i, r->n - r->i, &r->ev);
	r->i += took;
	return took;
}

/* A ring that has an event waiting. */
struct head {
	struct gc_source *g;
	uint32_t ring;
};

static size_t heads_of(struct target *t, struct head *h, size_t cap)
{
	size_t n = 0;

	for (unsigned k = 0; k < t->n_gc; k++)
		for (uint32_t i = 0; i < t->gc[k]->seg.hdr.nrings && n < cap; i++) {
			struct ring *r = &t->gc[k]->ring[i];

			if (!r->has)
				r->has = ring_next(t->gc[k], i);
			if (r->has)
				h[n++] = (struct head){ t->gc[k], i };
		}
	return n;
}

/*
 * All rings of all heaps, oldest event first. What a writer that never stops adds
 * while we read is left for the next time.
 */
static void read_rings(struct mp_session *s, struct target *t)
{
	static struct head h[sizeof(t->gc) / sizeof(t->gc[0]) * GC_SEG_RINGS_MAX];
	size_t n = heads_of(t, h, sizeof(h) / sizeof(h[0]));

	for (size_t looks = 0; n && looks < LOOKS_MAX; looks += n) {
		size_t first = 0;
		struct ring *r;

		for (size_t i = 1; i < n; i++)
			if (h[i].g->ring[h[i].ring].ev.ts < h[first].g->ring[h[first].ring].ev.ts)
				first = i;
		r = &h[first].g->ring[h[first].ring];
		on_event(s, t, h[first].g, r);
		r->has = ring_next(h[first].g, h[first].ring);
		if (!r->has)
			h[first] = h[--n];
	}
}

/* Reads the counters of g. True: they are new, and not older than what a probe said of a
 * collection after them: a writer that must wait for its program's turn may be late. */
static bool look_at_counters(const struct target *t, struct gc_source *g)
{
	struct gc_seg_counters c;

	if (gc_seg_counters_read(&g->seg, &c))
		return false;
	g->updated = c.updated_ns;
	if (g->updated < t->collected[g->src])
		return false;
	c.updated_ns = 0; /* a new stamp alone is no news */
	c.seq = 0;
	if (!memcmp(&c, &g->last, sizeof(c)))
		return false;
	g->last = c;
	g->fig.heap.used = c.used;
	g->fig.heap.committed = c.committed;
	g->fig.heap.external = c.external;
	g->fig.heap.arrays = c.array_buffers;
	g->fig.heap.limit = c.limit;
	g->fig.heap.goal = c.goal;
	g->fig.heap.live = c.live;
	return true;
}

/*
 * When the figures of a source were true. libmpgc keeps `used` newer than its stamp. Other
 * writers come round now and then: a collection that a probe tells of may have been since.
 */
static uint64_t told_at(const struct mp_session *s, const struct target *t, unsigned src)
{
	uint64_t ts = 0;

	for (unsigned i = 0; i < t->n_gc; i++)
		if (t->gc[i]->src == src && t->gc[i]->updated > ts)
			ts = t->gc[i]->updated;
	return src == MP_SRC_GC || !ts ? mp_monotonic_ns() : sane_ts(s, ts);
}

/* `sources`: a bit for each to be told of. */
static void tell_all(struct mp_session *s, struct target *t, uint32_t sources)
{
	for (unsigned src = 1; src < MP_SRC_MAX; src++)
		if (sources >> src & 1) {
			uint64_t ts = told_at(s, t, src);

			tell_heap(s, t, src, ts);
			tell_spaces(s, t, src, ts);
		}
}

void gc_poll(struct mp_session *s, struct target *t)
{
	uint64_t lost = 0;
	uint32_t news = 0;

	if (!t->n_gc)
		return;
	for (unsigned i = 0; i < t->n_gc; i++)
		lost -= t->gc[i]->lost;
	read_rings(s, t);
	for (unsigned i = 0; i < t->n_gc; i++) {
		lost += t->gc[i]->lost;
		if (look_at_counters(t, t->gc[i]))
			news |= 1u << t->gc[i]->src;
	}
	tell_loss(s, t, lost);
	if (news)
		tell_all(s, t, news);
}

/* Told by its writer lately, by the writer's word. */
static bool fresh(const struct gc_source *g, uint64_t now)
{
	return g->updated <= now && now - g->updated < FRESH_NS;
}

unsigned gc_collected(struct target *t, unsigned src, uint64_t ts)
{
	unsigned heaps = 0;

	t->collected[src] = ts;
	for (unsigned i = 0; i < t->n_gc; i++) {
		if (t->gc[i]->src != src)
			continue;
		if (!fresh(t->gc[i], mp_monotonic_ns()))
			return 0;
		heaps += t->gc[i]->last.heaps > 1 ? 2 : 1;
	}
	return heaps;
}

/* --- heaps that come and go -------------------------------------------------------------- */

static struct gc_source *known(const struct target *t, const struct proc_map *v)
{
	for (unsigned k = 0; k < t->n_gc; k++)
		if (t->gc[k]->ino == v->ino && t->gc[k]->dev == map_dev(v))
			return t->gc[k];
	return NULL;
}

static void found(struct mp_session *s, struct target *t, const struct proc_map *v)
{
	struct gc_source *g = known(t, v);

	if (!g && t->n_gc < sizeof(t->gc) / sizeof(t->gc[0])) {
		g = source_open(t, v);
		if (!g)
			return;
		/* A heap older than the session: its past collections are not ours. */
		rings_place(g, g->seg.hdr.start_ns >= s->start);
		t->gc[t->n_gc++] = g;
		tell_range(s, t, g, MP_HEAP_RESERVE, mp_monotonic_ns(), g->seg.hdr.heap_base,
			   g->seg.hdr.heap_len);
	}
	if (g)
		g->seen = true;
}

/* Heaps that were destroyed: their last events, and their figures go. */
static void drop_unseen(struct mp_session *s, struct target *t)
{
	uint32_t gone = 0;
	unsigned keep = 0;

	for (unsigned k = 0; k < t->n_gc; k++)
		keep += t->gc[k]->seen;
	if (keep == t->n_gc)
		return;
	gc_poll(s, t);
	for (unsigned k = keep = 0; k < t->n_gc; k++) {
		struct gc_source *g = t->gc[k];

		if (g->seen) {
			t->gc[keep++] = g;
			continue;
		}
		gone |= 1u << g->src;
		tell_range(s, t, g, MP_HEAP_UNRESERVE, mp_monotonic_ns(), g->seg.hdr.heap_base,
			   g->seg.hdr.heap_len);
		source_free(g);
	}
	t->n_gc = keep;
	tell_all(s, t, gone);
}

void gc_attach(struct mp_session *s, struct target *t, const struct proc_maps *m)
{
	static const char name[] = "/memfd:" GC_SEG_MEMFD;

	if (!m->n)
		return; /* of a process that is ending: says nothing */
	for (unsigned k = 0; k < t->n_gc; k++)
		t->gc[k]->seen = false;
	for (size_t i = 0; i < m->n; i++)
		if (!strncmp(m->names + m->v[i].name, name, sizeof(name) - 1))
			found(s, t, &m->v[i]);
	drop_unseen(s, t);
}
