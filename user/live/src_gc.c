/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * src_gc.c - counters segments (gc/gc_segment.h) of a target to heap events.
 *
 * The segment is memory that the target writes: mapped read-only, sealed
 * against shrinking (or a read could fault), and not believed beyond what
 * gc_seg_attach_check() checked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gc/gc_segment.h"
#include "user/live/session_int.h"
#include "user/util/util.h"

#define READ_SLOTS 256

struct gc_source {
	uint64_t ino;
	void *map;
	size_t len;
	struct gc_seg seg;
	struct gc_ring_reader *ring; /* one a ring */
	uint64_t lost;
	struct gc_seg_counters last; /* as last told */
	bool told;
};

static void source_free(struct gc_source *g)
{
	if (!g)
		return;
	if (g->map)
		munmap(g->map, g->len);
	free(g->ring);
	free(g);
}

void gc_detach(struct target *t)
{
	while (t->n_gc)
		source_free(t->gc[--t->n_gc]);
}

/* map_files names the file by its mapping; where that is not permitted the
 * descriptor that the collector keeps open is looked for by inode. */
static int segment_open(pid_t pid, const struct proc_map *v)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", (int)pid,
		 (unsigned long long)v->start, (unsigned long long)v->end);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	for (int i = 3; fd < 0 && i < 256; i++) {
		struct stat st;

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, i);
		if (!stat(path, &st) && st.st_ino == v->ino)
			fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	return fd;
}

static bool sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & F_SEAL_SHRINK);
}

static struct gc_source *source_open(struct target *t, const struct proc_map *v, bool from_start)
{
	struct gc_source *g = calloc(1, sizeof(*g));
	int fd = segment_open(t->pid, v);
	struct stat st;

	if (!g || fd < 0 || fstat(fd, &st) || !sealed(fd))
		goto fail;
	g->ino = v->ino;
	g->len = (size_t)st.st_size;
	g->map = mmap(NULL, g->len, PROT_READ, MAP_SHARED, fd, 0);
	if (g->map == MAP_FAILED)
		g->map = NULL;
	if (!g->map || gc_seg_attach_check(&g->seg, g->map, g->len))
		goto fail;
	g->ring = calloc(g->seg.hdr.nrings ? g->seg.hdr.nrings : 1, sizeof(*g->ring));
	if (!g->ring)
		goto fail;
	for (uint32_t i = 0; i < g->seg.hdr.nrings; i++)
		gc_ring_reader_init(&g->seg, i, from_start, &g->ring[i]);
	close(fd);
	return g;
fail:
	if (fd >= 0)
		close(fd);
	source_free(g);
	return NULL;
}

static void push(struct mp_session *s, const struct mp_event *e)
{
	/* Out of memory: the session ends with its next event all the same. */
	(void)stream_push(&s->stream, e);
}

static void tell_range(struct mp_session *s, struct target *t, uint64_t ts, uint64_t addr,
		       uint64_t len)
{
	struct mp_event e = {
		.ts = ts, .type = MP_EV_HEAP_RANGE, .sub = MP_HEAP_RESERVE, .mm = t->mm
	};

	e.range.addr = addr;
	e.range.len = len;
	e.range.source = MP_SRC_GC;
	push(s, &e);
}

void gc_attach(struct mp_session *s, struct target *t, const struct proc_maps *m)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct proc_map *v = &m->v[i];
		bool known = false;
		struct gc_source *g;

		if (strncmp(m->names + v->name, "/memfd:" GC_SEG_MEMFD,
			    sizeof("/memfd:" GC_SEG_MEMFD) - 1))
			continue;
		for (unsigned k = 0; k < t->n_gc; k++)
			known |= t->gc[k]->ino == v->ino;
		if (known || t->n_gc == sizeof(t->gc) / sizeof(t->gc[0]))
			continue;
		g = source_open(t, v, true);
		if (!g)
			continue;
		/* A heap older than the session: its past collections are not ours. */
		if (g->seg.hdr.start_ns < s->start)
			for (uint32_t r = 0; r < g->seg.hdr.nrings; r++)
				gc_ring_reader_init(&g->seg, r, 0, &g->ring[r]);
		t->gc[t->n_gc++] = g;
		if (g->seg.hdr.heap_len)
			tell_range(s, t, mp_monotonic_ns(), g->seg.hdr.heap_base,
				   g->seg.hdr.heap_len);
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

static uint32_t reason_str(struct mp_session *s, struct gc_source *g, uint64_t reason, uint64_t ts)
{
	char name[32];

	if (reason >= 32 &&
	    gc_seg_name_of(&g->seg, GC_NAME_REASON, (unsigned)reason, name, sizeof(name)) > 0)
		return stream_str(&s->stream, name, ts);
	return stream_str(&s->stream, gc_seg_reason_name((unsigned)reason), ts);
}

/* The times are the target's word. One from the future would wait in the stream
 * for ever, one from long ago would be folded out of place. */
static uint64_t sane_ts(const struct mp_session *s, uint64_t ts)
{
	uint64_t now = mp_monotonic_ns();

	return ts > now ? now : ts < s->horizon ? s->horizon : ts;
}

static void on_gc_end(struct mp_session *s, struct target *t, struct gc_source *g,
		      const struct gc_event *ev)
{
	struct mp_event e = {
		.ts = sane_ts(s, ev->ts), .type = MP_EV_GC, .sub = kind_of(ev->flags), .mm = t->mm
	};

	e.gc.before = ev->a;
	e.gc.after = ev->b;
	e.gc.pause = val(ev, 0);
	e.gc.cbefore = val(ev, 1);
	e.gc.cafter = val(ev, 2);
	e.gc.start = val(ev, 3);
	if (e.gc.start > e.ts)
		e.gc.start = e.ts;
	e.gc.reason = reason_str(s, g, val(ev, 4), e.ts);
	e.gc.source = MP_SRC_GC;
	push(s, &e);
}

static void on_pages(struct mp_session *s, struct target *t, const struct gc_event *ev)
{
	struct mp_event e = { .ts = sane_ts(s, ev->ts), .type = MP_EV_HEAP_RANGE, .mm = t->mm };

	e.sub = ev->type == GC_EV_PAGE_COMMIT ? MP_HEAP_COMMIT : MP_HEAP_RELEASE;
	e.x = ev->type == GC_EV_PAGE_RELEASE ? ev->flags : 0;
	e.range.addr = ev->a;
	e.range.len = ev->b;
	e.range.dur = ev->type == GC_EV_PAGE_RELEASE ? val(ev, 0) : 0;
	e.range.source = MP_SRC_GC;
	push(s, &e);
}

static void on_note(struct mp_session *s, struct target *t, const struct gc_event *ev)
{
	struct mp_event e = {
		.ts = sane_ts(s, ev->ts), .type = MP_EV_NOTE, .sub = MP_NOTE_PROGRAM, .mm = t->mm
	};
	char text[GC_SEG_TEXT_MAX + 8];
	size_t n = ev->a < ev->len ? ev->a : ev->len;

	memcpy(text, ev->text, n);
	text[n] = 0;
	e.v[0] = stream_str(&s->stream, text, e.ts);
	push(s, &e);
}

static void on_counters(struct mp_session *s, struct target *t, const struct gc_event *ev)
{
	struct mp_event e = {
		.ts = sane_ts(s, ev->ts), .type = MP_EV_HEAP, .sub = MP_SRC_GC, .mm = t->mm
	};

	e.heap.used = ev->a;
	e.heap.committed = ev->b;
	e.heap.external = val(ev, 0);
	e.heap.arrays = val(ev, 1);
	e.heap.goal = val(ev, 4);
	e.heap.limit = val(ev, 5);
	e.heap.live = MP_UNKNOWN;
	push(s, &e);
}

static void on_event(struct mp_session *s, struct target *t, struct gc_source *g,
		     const struct gc_event *ev)
{
	switch (ev->type) {
	case GC_EV_GC_END:
		on_gc_end(s, t, g, ev);
		break;
	case GC_EV_COUNTERS:
		on_counters(s, t, ev);
		break;
	case GC_EV_PAGE_COMMIT:
	case GC_EV_PAGE_RELEASE:
		on_pages(s, t, ev);
		break;
	case GC_EV_RESERVE:
		tell_range(s, t, sane_ts(s, ev->ts), ev->a, ev->b);
		break;
	case GC_EV_NOTE:
		on_note(s, t, ev);
		break;
	default:
		break;
	}
}

static void read_ring(struct mp_session *s, struct target *t, struct gc_source *g, uint32_t ring)
{
	struct gc_record rec[READ_SLOTS];
	struct gc_event ev;
	int n;

	/* A writer that never stops must not keep us here. */
	for (int rounds = 0; rounds < 256; rounds++) {
		n = gc_ring_read(&g->seg, ring, &g->ring[ring], rec, READ_SLOTS, &g->lost);
		if (n <= 0)
			break;
		for (int i = 0; i < n;) {
			unsigned took = gc_event_take(rec + i, (unsigned)(n - i), &ev);

			if (!took)
				break;
			on_event(s, t, g, &ev);
			i += (int)took;
		}
	}
}

static void tell_spaces(struct mp_session *s, struct target *t, struct gc_source *g,
			const struct gc_seg_counters *c, uint64_t ts)
{
	static const char *const usual[] = { "none", "young", "old", "large", "region",
					     "pinned" };

	for (unsigned i = 1; i < c->nspaces && i < GC_SEG_SPACES; i++) {
		struct mp_event e = {
			.ts = ts, .type = MP_EV_SPACE, .sub = MP_SRC_GC, .mm = t->mm
		};
		char name[32];

		if (gc_seg_name_of(&g->seg, GC_NAME_SPACE, i, name, sizeof(name)) <= 0)
			snprintf(name, sizeof(name), "%s",
				 i < sizeof(usual) / sizeof(usual[0]) ? usual[i] : "other");
		e.space.name = stream_str(&s->stream, name, ts);
		e.space.used = c->space[i].used;
		e.space.committed = c->space[i].committed;
		e.space.resident = c->space[i].resident;
		if (e.space.used || e.space.committed)
			push(s, &e);
	}
}

static void tell_counters(struct mp_session *s, struct target *t, struct gc_source *g)
{
	struct gc_seg_counters c;
	struct mp_event e = { .type = MP_EV_HEAP, .sub = MP_SRC_GC, .mm = t->mm };

	if (gc_seg_counters_read(&g->seg, &c))
		return;
	c.updated_ns = 0; /* a new stamp alone is no news */
	c.seq = 0;
	if (g->told && !memcmp(&c, &g->last, sizeof(c)))
		return;
	g->last = c;
	g->told = true;
	e.ts = mp_monotonic_ns();
	e.heap.used = c.used;
	e.heap.committed = c.committed;
	e.heap.external = c.external;
	e.heap.arrays = c.array_buffers;
	e.heap.limit = c.limit;
	e.heap.goal = c.goal;
	e.heap.live = c.live;
	push(s, &e);
	tell_spaces(s, t, g, &c, e.ts);
}

void gc_poll(struct mp_session *s, struct target *t)
{
	for (unsigned i = 0; i < t->n_gc; i++) {
		struct gc_source *g = t->gc[i];
		uint64_t lost = g->lost;

		for (uint32_t r = 0; r < g->seg.hdr.nrings; r++)
			read_ring(s, t, g, r);
		if (g->lost != lost) {
			struct mp_event e = { .ts = mp_monotonic_ns(),
					      .type = MP_EV_LOSS,
					      .sub = MP_LOSS_GC_RING,
					      .mm = t->mm };

			e.x = (uint32_t)(g->lost - lost);
			push(s, &e);
		}
		tell_counters(s, t, g);
	}
}
