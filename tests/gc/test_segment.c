/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_segment.c - the counters segment as another process sees it: found by its
 * name in maps, opened through /proc, mapped read-only, trusted in nothing.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common.h"

struct view {
	struct gc_seg seg;
	void *map;
	size_t len;
};

/* Maps a segment through a descriptor of its process. */
static int view_open(struct view *v, pid_t pid, const char *fd)
{
	char path[64];
	struct stat st;
	int f;

	snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)pid, fd);
	f = open(path, O_RDONLY | O_CLOEXEC);
	if (f < 0 || fstat(f, &st))
		return -1;
	v->len = (size_t)st.st_size;
	v->map = mmap(NULL, v->len, PROT_READ, MAP_SHARED, f, 0);
	close(f);
	return v->map == MAP_FAILED ? -1 : gc_seg_attach_check(&v->seg, v->map, v->len);
}

static void view_of(struct view *v, struct fix *f)
{
	char fd[16];

	snprintf(fd, sizeof(fd), "%d", stats(f).events_fd);
	assert_int_equal(view_open(v, getpid(), fd), 0);
}

static void view_close(struct view *v)
{
	munmap(v->map, v->len);
}

/* The segment where its writer has it: only so does ThreadSanitizer see both sides. */
static void view_inside(struct view *v)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long lo, hi;
	char line[512];

	assert_non_null(f);
	v->map = NULL;
	while (!v->map && fgets(line, sizeof(line), f))
		if (strstr(line, "/memfd:" GC_SEG_MEMFD) && strstr(line, " rw-s ") &&
		    sscanf(line, "%lx-%lx", &lo, &hi) == 2) {
			v->map = (void *)lo;
			v->len = hi - lo;
		}
	fclose(f);
	assert_int_equal(gc_seg_attach_check(&v->seg, v->map, v->len), 0);
}

static void one_heap(struct fix *f)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.name = "tested",
				.no_release_thread = 1,
				.ring_slots = 256 };

	fix_open(f, &o);
}

#define RINGS 8

/* Where a test stands in each ring of a segment. */
struct readers {
	struct gc_ring_reader r[RINGS];
};

static void readers_init(struct view *v, int from_start, struct readers *r)
{
	uint32_t i;

	assert_true(v->seg.hdr.nrings <= RINGS);
	for (i = 0; i < v->seg.hdr.nrings; i++)
		gc_ring_reader_init(&v->seg, i, from_start, &r->r[i]);
}

typedef void (*event_fn)(const struct gc_event *ev, uint32_t ring, void *arg);

/* Reads every event there is, ring by ring. Returns how many. */
static unsigned each_event(struct view *v, struct readers *r, uint64_t *lost, event_fn fn,
			   void *arg)
{
	struct gc_record rec[64];
	struct gc_event ev;
	unsigned total = 0;
	uint32_t ring;
	int n, i;

	for (ring = 0; ring < v->seg.hdr.nrings; ring++) {
		while ((n = gc_ring_read(&v->seg, ring, &r->r[ring], rec, 64, lost)) > 0)
			for (i = 0; i < n; total++) {
				i += (int)gc_event_take(rec + i, (unsigned)(n - i), &ev);
				fn(&ev, ring, arg);
			}
		assert_int_equal(n, 0);
	}
	return total;
}

struct counting {
	unsigned *counts, keep;
	struct gc_event *last;
};

static void count_event(const struct gc_event *ev, uint32_t ring, void *arg)
{
	struct counting *c = arg;

	(void)ring;
	assert_true(ev->type > 0 && ev->type < 64);
	c->counts[ev->type]++;
	if (ev->type == c->keep)
		*c->last = *ev;
}

/* Reads every event there is; counts by type; keeps the last of `keep`. */
static unsigned drain(struct view *v, struct readers *r, unsigned counts[64], uint64_t *lost,
		      unsigned keep, struct gc_event *last)
{
	struct counting c = { counts, keep, last };

	return each_event(v, r, lost, count_event, &c);
}

static void counters_equal_stats(struct view *v, struct fix *f)
{
	struct gc_seg_counters c;
	struct gc_stats st = stats(f);

	assert_int_equal(gc_seg_counters_read(&v->seg, &c), 0);
	assert_int_equal(c.used, st.heap_used);
	assert_int_equal(c.committed, st.heap_total);
	assert_int_equal(c.external, st.external);
	assert_int_equal(c.array_buffers, st.array_buffers);
	assert_int_equal(c.goal, st.goal);
	assert_int_equal(c.live, st.live);
	assert_int_equal(c.owed, st.owed);
	assert_int_equal(c.mapped, st.mapped);
	assert_int_equal(c.minor_count, st.minor_count);
	assert_int_equal(c.major_count, st.major_count);
	assert_int_equal(c.limit, GC_SEG_UNKNOWN);
	assert_int_equal(c.space[GC_SPACE_LARGE].used, st.space[GC_LARGE].used);
	assert_int_equal(c.space[GC_SPACE_OLD].used, st.space[GC_OLD].used);
	assert_int_equal(c.space[GC_SPACE_YOUNG].used, st.space[GC_YOUNG].used);
}

static void layout_and_counters(void **state)
{
	struct pair *p = NULL;
	struct gc_bytes *big = NULL;
	struct view v;
	struct fix f;
	char name[28];

	(void)state;
	one_heap(&f);
	view_of(&v, &f);
	assert_string_equal(v.seg.hdr.source, "mpgc");
	assert_string_equal(v.seg.hdr.name, "tested");
	assert_int_equal(v.seg.hdr.pid, getpid());
	assert_int_equal(gc_seg_name_of(&v.seg, GC_NAME_SPACE, GC_SPACE_OLD, name, 28), 3);
	assert_string_equal(name, "old");
	assert_int_equal(gc_seg_name_of(&v.seg, GC_NAME_CLASS, 0, name, 6), 5);
	assert_string_equal(name, "array");
	assert_int_equal(gc_seg_name_of(&v.seg, GC_NAME_CLASS, 1, name, 28), -ENOENT);
	{
		GC_FRAME(f.m, p, big);
		p = pair_new(&f, 1);
		big = gc_alloc_array(f.m, f.bytes, MIB(2));
		assert_int_equal(gc_seg_space_of(&v.seg, (uintptr_t)p), GC_SPACE_YOUNG);
		assert_int_equal(gc_seg_space_of(&v.seg, (uintptr_t)big), GC_SPACE_LARGE);
		assert_int_equal(gc_seg_space_of(&v.seg, (uintptr_t)&v), GC_SPACE_NONE);
		assert_int_equal(gc_seg_space_of(&v.seg, 0), GC_SPACE_NONE);
		gc_external_adjust(f.heap, GC_CLASS_ARRAY_BUFFERS, MIB(1));
		gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
		gc_collect(f.m, GC_MINOR, GC_REASON_TESTING);
		assert_int_equal(gc_seg_space_of(&v.seg, (uintptr_t)p), GC_SPACE_OLD);
		counters_equal_stats(&v, &f);
	}
	view_close(&v);
	fix_close(&f);
}

/* `used` is seen to grow while nothing is collected. */
static void used_between_collections(void **state)
{
	struct gc_seg_counters before, after;
	struct view v;
	struct fix f;
	int i;

	(void)state;
	one_heap(&f);
	view_of(&v, &f);
	assert_int_equal(gc_seg_counters_read(&v.seg, &before), 0);
	for (i = 0; i < 10000; i++)
		pair_new(&f, 1);
	assert_int_equal(gc_seg_counters_read(&v.seg, &after), 0);
	assert_int_equal(stats(&f).minor_count, 0);
	assert_true(after.used >= before.used + 320000);
	assert_true(after.used <= before.used + 320000 + KIB(32));
	view_close(&v);
	fix_close(&f);
}

static void events_tell_what_happened(void **state)
{
	struct readers r;
	unsigned counts[64] = { 0 };
	struct gc_event end, note;
	uint64_t lost = 0;
	struct gc_bytes *b;
	struct view v;
	struct fix f;

	(void)state;
	one_heap(&f);
	view_of(&v, &f);
	readers_init(&v, 1, &r);
	gc_note(f.heap, "stage 3: every byte touched, and some more text for a third slot");
	b = gc_alloc_array(f.m, f.bytes, MIB(1));
	memset(b->data, 1, b->len);
	gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
	assert_true(gc_release_all(f.heap) >= MIB(1));
	drain(&v, &r, counts, &lost, GC_EV_NOTE, &note);
	assert_int_equal(lost, 0);
	assert_int_equal(counts[GC_EV_HEAP_INIT], 1);
	assert_int_equal(counts[GC_EV_RESERVE], 1);
	assert_true(counts[GC_EV_PAGE_COMMIT] >= 3);
	assert_int_equal(counts[GC_EV_GC_BEGIN], 2);
	assert_int_equal(counts[GC_EV_GC_END], 2);
	assert_int_equal(counts[GC_EV_PROMOTED], 1);
	assert_int_equal(counts[GC_EV_LARGE_ALLOC], 1);
	assert_int_equal(counts[GC_EV_LARGE_FREE], 1);
	assert_true(counts[GC_EV_PAGE_RELEASE] >= 1);
	assert_true(counts[GC_EV_COUNTERS] >= 1);
	assert_int_equal(counts[GC_EV_NOTE], 1);
	assert_int_equal(note.a, strlen(note.text));
	assert_string_equal(note.text,
			    "stage 3: every byte touched, and some more text for a third slot");
	gc_collect(f.m, GC_MAJOR, GC_REASON_TESTING);
	drain(&v, &r, counts, &lost, GC_EV_GC_END, &end);
	assert_int_equal(end.flags, GC_SEG_MAJOR);
	assert_int_equal(end.nv, 11);
	assert_int_equal(end.v[8], 0); /* slices: all in one stop */
	assert_int_equal(end.b, stats(&f).heap_used);
	assert_true(end.v[0] > 0 && end.v[0] <= stats(&f).max_pause_ns);
	assert_true(end.v[3] <= end.ts && end.v[3] + end.v[0] <= end.ts);
	assert_int_equal(end.v[4], GC_REASON_TESTING);
	assert_int_equal(end.v[6], stats(&f).live);
	view_close(&v);
	fix_close(&f);
}

static void add_release(const struct gc_event *ev, uint32_t ring, void *arg)
{
	(void)ring;
	if (ev->type != GC_EV_PAGE_RELEASE)
		return;
	assert_int_equal(ev->v[1], 0);
	assert_int_equal(ev->flags, MADV_DONTNEED);
	*(uint64_t *)arg += ev->b;
}

/* The sum of what the events say was released is what the counters say. */
static void releases_add_up(void **state)
{
	uint64_t lost = 0, sum = 0;
	struct gc_bytes *b;
	struct readers r;
	struct view v;
	struct fix f;
	int i;

	(void)state;
	one_heap(&f);
	view_of(&v, &f);
	readers_init(&v, 1, &r);
	for (i = 0; i < 20; i++) {
		b = gc_alloc_array(f.m, f.bytes, MIB(1) * (size_t)(1 + i % 3));
		memset(b->data, 1, b->len);
		gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
		if (i % 4 == 3)
			gc_release_all(f.heap);
		each_event(&v, &r, &lost, add_release, &sum);
	}
	assert_int_equal(lost, 0);
	assert_true(sum > MIB(5));
	assert_int_equal(sum, stats(&f).released_total);
	view_close(&v);
	fix_close(&f);
}

/* read + lost = written, whatever the reader misses and wherever it lands. */
static void lost_events_are_counted(void **state)
{
	unsigned total = 0, written, counts[64] = { 0 }, i, burst, seed = 1;
	struct readers r, late;
	uint64_t lost = 0, late_lost = 0;
	struct gc_event last = { 0 };
	char text[400];
	struct view v;
	struct fix f;

	(void)state;
	one_heap(&f);
	view_of(&v, &f);
	readers_init(&v, 1, &r);
	total = drain(&v, &r, counts, &lost, GC_EV_NOTE, &last);
	assert_int_equal(lost, 0);
	memset(text, 'x', sizeof(text));
	for (written = total, burst = 1; burst < 700; burst += 7) {
		for (i = 0; i < burst; i++) {
			seed = seed * 1103515245 + 12345;
			text[seed >> 16 & 255] = 0; /* events of 1 to 12 slots */
			gc_note(f.heap, text);
			text[seed >> 16 & 255] = 'x';
			written++;
		}
		total += drain(&v, &r, counts, &lost, GC_EV_NOTE, &last);
		assert_int_equal(total + lost, written);
	}
	assert_true(lost > 1000);
	/* A reader that comes late and asks for everything is told what it missed. */
	readers_init(&v, 1, &late);
	total = drain(&v, &late, counts, &late_lost, GC_EV_NOTE, &last);
	assert_int_equal(total + late_lost, written);
	/* One that asks for news only has lost nothing. */
	readers_init(&v, 0, &late);
	late_lost = 0;
	gc_note(f.heap, "news");
	assert_int_equal(drain(&v, &late, counts, &late_lost, GC_EV_NOTE, &last), 1);
	assert_int_equal(late_lost, 0);
	assert_string_equal(last.text, "news");
	view_close(&v);
	fix_close(&f);
}

/* One writer of each kind: the mutator, whose ring is its own, and a thread without one. */
struct racer {
	struct gc_heap *heap;
	unsigned n, who;
	bool attach;
	uint32_t tid;
};

static void *write_notes(void *arg)
{
	struct racer *r = arg;
	struct gc_mutator *m = NULL;
	char text[400];
	unsigned i;

	r->tid = (uint32_t)gettid();
	if (r->attach && gc_mutator_attach(r->heap, &m))
		return NULL;
	for (i = 0; i < r->n; i++) {
		snprintf(text, sizeof(text), "%u %08u %08u %0*d", r->who, i, i,
			 (int)(i * 7 % 300) + 1, 7);
		gc_note(r->heap, text);
	}
	if (m)
		gc_mutator_detach(m);
	return NULL;
}

struct racing {
	uint64_t notes[2], others;
	unsigned last[2];
	uint64_t ts[RINGS];
	uint32_t ring[2];
};

/* Nothing in the event may come from another one. */
static void check_note(const struct gc_event *ev, uint32_t ring, void *arg)
{
	struct racing *c = arg;
	unsigned who, a, b;
	int pad;

	assert_true(ev->ts >= c->ts[ring]);
	c->ts[ring] = ev->ts;
	if (ev->type != GC_EV_NOTE) {
		c->others++;
		return;
	}
	assert_int_equal(ev->a, ev->len);
	assert_int_equal(sscanf(ev->text, "%u %u %u %n", &who, &a, &b, &pad), 3);
	assert_int_equal(a, b);
	assert_int_equal(ev->len, pad + (int)(a * 7 % 300) + 1);
	assert_int_equal(strspn(ev->text + pad, "0"), a * 7 % 300);
	assert_true(who < 2 && (!c->notes[who] || a > c->last[who]));
	c->last[who] = a;
	c->ring[who] = ring;
	c->notes[who]++;
}

/*
 * Two writers at full speed and a reader that is far too slow for rings of 256
 * slots: no torn event, order kept, and read + lost is what was written, exactly.
 */
static void reading_while_written(void **state)
{
	struct racer race[2] = { { .n = 200000, .who = 0, .attach = true },
				 { .n = 200000, .who = 1 } };
	struct gc_options o = {
		.struct_size = sizeof(o), .no_release_thread = 1, .ring_slots = 256, .rings = 3
	};
	struct racing c = { .others = 0 };
	uint64_t lost = 0, total = 0;
	bool ended[2] = { false };
	struct gc_heap *heap;
	struct readers r;
	pthread_t t[2];
	struct view v;
	unsigned i;

	(void)state;
	assert_int_equal(gc_heap_create(&o, &heap), 0);
	view_inside(&v);
	readers_init(&v, 1, &r);
	total = each_event(&v, &r, &lost, check_note, &c);
	for (i = 0; i < 2; i++) {
		race[i].heap = heap;
		assert_int_equal(pthread_create(&t[i], NULL, write_notes, &race[i]), 0);
	}
	do {
		for (i = 0; i < 2; i++)
			ended[i] = ended[i] || pthread_tryjoin_np(t[i], NULL) == 0;
		total += each_event(&v, &r, &lost, check_note, &c);
		sched_yield();
	} while (!ended[0] || !ended[1]);
	/* Of the others (the heap's first ones, two THREAD) some may be lost too. */
	assert_int_equal(total, c.notes[0] + c.notes[1] + c.others);
	total += lost - c.others;
	assert_true(total >= 400000 && total <= 400002);
	assert_true(lost > 1000);
	assert_true(c.last[0] == 199999 && c.last[1] == 199999);
	assert_int_equal(c.ring[0], 0);
	assert_int_equal(c.ring[1], 2);
	assert_int_equal(gc_heap_destroy(heap), 0);
}

/* A ring has one thread at a time, says which, and is free again after it. */
static void rings_have_owners(void **state)
{
	struct racer first = { .n = 3, .who = 0, .attach = true }, second = first;
	struct gc_options o = { .struct_size = sizeof(o), .no_release_thread = 1, .rings = 2 };
	unsigned counts[64] = { 0 };
	struct gc_event last = { 0 };
	struct gc_seg_counters ctr;
	struct gc_heap *heap;
	struct gc_stats st;
	uint64_t lost = 0;
	struct readers r;
	struct view v;
	pthread_t t;
	char fd[16];

	(void)state;
	assert_int_equal(gc_heap_create(&o, &heap), 0);
	gc_stats(heap, &st);
	snprintf(fd, sizeof(fd), "%d", st.events_fd);
	assert_int_equal(view_open(&v, getpid(), fd), 0);
	assert_int_equal(v.seg.hdr.nrings, 2);
	readers_init(&v, 0, &r);
	first.heap = second.heap = heap;
	assert_int_equal(pthread_create(&t, NULL, write_notes, &first), 0);
	assert_int_equal(pthread_join(t, NULL), 0);
	drain(&v, &r, counts, &lost, GC_EV_THREAD, &last);
	assert_int_equal(counts[GC_EV_THREAD], 2);
	assert_int_equal(last.flags, 0);
	assert_int_equal(last.a, first.tid);
	assert_int_equal(gc_seg_ring_(&v.seg, 0)->tid, first.tid);
	assert_int_equal(pthread_create(&t, NULL, write_notes, &second), 0);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_int_equal(gc_seg_ring_(&v.seg, 0)->tid, second.tid);
	assert_int_equal(gc_seg_ring_(&v.seg, 1)->tid, 0);
	assert_int_equal(r.r[1].pos, gc_seg_ring_(&v.seg, 1)->tail);
	assert_int_equal(gc_seg_counters_read(&v.seg, &ctr), 0);
	assert_int_equal(ctr.rings_shared, 0);
	view_close(&v);
	assert_int_equal(gc_heap_destroy(heap), 0);
}

/* With one ring the mutator shares it, and that is counted. */
static void no_ring_left(void **state)
{
	struct gc_options o = { .struct_size = sizeof(o), .no_release_thread = 1, .rings = 1 };
	unsigned counts[64] = { 0 };
	struct gc_event last = { 0 };
	struct gc_seg_counters ctr;
	uint64_t lost = 0;
	struct readers r;
	struct view v;
	struct fix f;

	(void)state;
	fix_open(&f, &o);
	view_of(&v, &f);
	readers_init(&v, 1, &r);
	gc_note(f.heap, "shared");
	gc_tick(f.m);
	drain(&v, &r, counts, &lost, GC_EV_NOTE, &last);
	assert_int_equal(counts[GC_EV_NOTE], 1);
	assert_int_equal(gc_seg_ring_(&v.seg, 0)->tid, 0);
	assert_int_equal(gc_seg_counters_read(&v.seg, &ctr), 0);
	assert_int_equal(ctr.rings_shared, 1);
	view_close(&v);
	fix_close(&f);
}

/* Rings nobody writes cost no memory; reading a tail brings in one page at most. */
static void unused_rings_cost_nothing(void **state)
{
	struct gc_options o = { .struct_size = sizeof(o), .no_release_thread = 1, .rings = 64 };
	struct stat sb;
	struct fix f;

	(void)state;
	fix_open(&f, &o);
	gc_note(f.heap, "one page of ring 0");
	assert_int_equal(fstat(stats(&f).events_fd, &sb), 0);
	assert_true((size_t)sb.st_size > 64 * 8192 * 32);
	assert_true((size_t)sb.st_blocks * 512 <= KIB(64));
	fix_close(&f);
}

static void bad_segments_are_refused(void **state)
{
	struct gc_seg_header good, *h;
	struct gc_seg seg;
	uint8_t *copy;
	struct view v;
	struct fix f;
	size_t i;

	(void)state;
	one_heap(&f);
	view_of(&v, &f);
	copy = malloc(v.len);
	memcpy(copy, v.map, v.len);
	h = (struct gc_seg_header *)copy;
	good = *h;
	assert_int_equal(gc_seg_attach_check(&seg, copy, v.len), 0);
	assert_int_equal(gc_seg_attach_check(&seg, copy, 100), -ENOEXEC);
	assert_int_equal(gc_seg_attach_check(&seg, NULL, v.len), -ENOEXEC);
	assert_int_equal(gc_seg_attach_check(&seg, copy, v.len - 4096), -EBADMSG);
#define REFUSED(field, value, rc)                                             \
	do {                                                                  \
		h->field = value;                                             \
		assert_int_equal(gc_seg_attach_check(&seg, copy, v.len), rc); \
		*h = good;                                                    \
	} while (0)
	REFUSED(magic[0], 'X', -ENOEXEC);
	REFUSED(version, 2, -EPROTONOSUPPORT);
	REFUSED(counters_off, v.len - 64, -EBADMSG);
	REFUSED(counters_off, UINT64_MAX - 63, -EBADMSG);
	REFUSED(counters_len, 8, -EBADMSG);
	REFUSED(kind_len, UINT64_MAX, -EBADMSG);
	REFUSED(kind_off, 3, -EBADMSG);
	REFUSED(rings_off, v.len, -EBADMSG);
	REFUSED(ring_slots, 255, -EBADMSG);
	REFUSED(ring_slots, 1u << 21, -EBADMSG);
	REFUSED(ring_stride, 64, -EBADMSG);
	REFUSED(nrings, 100000, -EBADMSG);
	REFUSED(nrings, 9, -EBADMSG);
	REFUSED(names_cap, 1u << 30, -EBADMSG);
	REFUSED(block_shift, 70, -EBADMSG);
	REFUSED(heap_base, UINT64_MAX - 5, -EBADMSG);
	memset(h->magic, 0, 8);
	assert_int_equal(gc_seg_attach_check(&seg, copy, v.len), -EAGAIN);
	*h = good;
	/* Any single damaged byte of the header: refused or read within bounds. */
	for (i = 0; i < sizeof(*h); i++) {
		struct gc_seg_counters c;
		struct gc_ring_reader r;
		struct gc_record rec[16];
		uint64_t lost = 0;
		char name[28];

		copy[i] ^= 0x5a;
		if (!gc_seg_attach_check(&seg, copy, v.len)) {
			gc_seg_counters_read(&seg, &c);
			gc_seg_space_of(&seg, good.heap_base);
			gc_seg_name_of(&seg, GC_NAME_SPACE, 1, name, sizeof(name));
			gc_ring_reader_init(&seg, 0, 1, &r);
			gc_ring_read(&seg, 0, &r, rec, 16, &lost);
		}
		copy[i] ^= 0x5a;
	}
	free(copy);
	view_close(&v);
	fix_close(&f);
}

static void sealed_against_others(void **state)
{
	char path[64];
	struct fix f;
	int fd, rw;

	(void)state;
	one_heap(&f);
	fd = stats(&f).events_fd;
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(ftruncate(fd, 0), -1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	rw = open(path, O_RDWR | O_CLOEXEC);
	if (rw >= 0) {
		assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, rw, 0),
				 MAP_FAILED);
		close(rw);
	}
	fix_close(&f);
}

/* The segment of a pid, by its mapping's name, as the profiler finds it. */
static int find_fd(pid_t pid, char *fd, size_t size)
{
	char path[64], link[128];
	ssize_t n;
	int i;

	for (i = 0; i < 64; i++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, i);
		n = readlink(path, link, sizeof(link) - 1);
		if (n <= 0)
			continue;
		link[n] = 0;
		if (strncmp(link, "/memfd:" GC_SEG_MEMFD, strlen("/memfd:" GC_SEG_MEMFD)))
			continue;
		snprintf(fd, size, "%d", i);
		return 0;
	}
	return -1;
}

static int child_reads(pid_t parent)
{
	struct gc_seg_counters c;
	struct view v;
	char fd[16];

	if (find_fd(parent, fd, sizeof(fd)) || view_open(&v, parent, fd))
		return 1;
	if (gc_seg_counters_read(&v.seg, &c) || v.seg.hdr.pid != (uint32_t)parent)
		return 2;
	return c.used >= MIB(5) && c.used < MIB(6) ? 0 : 3;
}

static void another_process_reads(void **state)
{
	struct gc_bytes *keep = NULL;
	struct fix f;
	int status;
	pid_t pid;

	(void)state;
	one_heap(&f);
	{
		GC_FRAME(f.m, keep);
		keep = gc_alloc_array(f.m, f.bytes, MIB(5));
		pid = fork();
		if (!pid)
			_exit(child_reads(getppid()));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	fix_close(&f);
}

/* Segments mapped in this process; the view of the test itself is not counted. */
static int segments_mapped(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	int n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, "/memfd:" GC_SEG_MEMFD) && strstr(line, " rw-s ");
	if (f)
		fclose(f);
	return n;
}

/* A forked child goes on with its heap, in a segment of its own. */
static int child_works(struct fix *f)
{
	struct gc_seg_counters c;
	struct view v;
	char fd[16];
	int i;

	if (segments_mapped() != 1)
		return 5; /* its own, and not its parent's */
	for (i = 0; i < 200000; i++)
		if (!gc_alloc(f->m, f->pair))
			return 1;
	gc_collect(f->m, GC_FULL, GC_REASON_TESTING);
	gc_note(f->heap, "from the child");
	if (find_fd(getpid(), fd, sizeof(fd)) || view_open(&v, getpid(), fd))
		return 2;
	if (v.seg.hdr.pid != (uint32_t)getpid() || gc_seg_counters_read(&v.seg, &c))
		return 3;
	if (gc_seg_ring_(&v.seg, 0)->tid != (uint32_t)gettid())
		return 6; /* its number is another one than its parent's */
	return c.minor_count > 0 && gc_seg_space_of(&v.seg, v.seg.hdr.heap_base) == GC_SPACE_YOUNG
		       ? 0
		       : 4;
}

static void forked_child_has_its_own(void **state)
{
	unsigned counts[64] = { 0 }, before;
	struct readers r;
	struct gc_event last;
	uint64_t lost = 0;
	struct view v;
	struct fix f;
	int status;
	pid_t pid;

	(void)state;
	one_heap(&f);
	view_of(&v, &f);
	readers_init(&v, 1, &r);
	before = drain(&v, &r, counts, &lost, 0, &last);
	pid = fork();
	if (!pid)
		_exit(child_works(&f));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(before > 0);
	assert_int_equal(drain(&v, &r, counts, &lost, 0, &last), 0);
	gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
	counters_equal_stats(&v, &f);
	view_close(&v);
	fix_close(&f);
}

static void no_events_no_segment(void **state)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.no_events = 1,
				.verify = 1,
				.young_min = KIB(128),
				.young_max = KIB(128) };
	struct fix f;
	int i;

	(void)state;
	fix_open(&f, &o);
	assert_int_equal(stats(&f).events_fd, -1);
	assert_int_equal(stats(&f).events_error, -ENODATA);
	gc_note(f.heap, "nobody hears it");
	gc_external_adjust(f.heap, 0, MIB(5));
	for (i = 0; i < 20000; i++)
		pair_new(&f, 1);
	gc_tick(f.m);
	assert_true(stats(&f).minor_count > 2);
	fix_close(&f);
}

static void regions_are_named(void **state)
{
	unsigned counts[64] = { 0 };
	struct readers r;
	struct gc_event ev = { 0 };
	uint64_t lost = 0;
	struct view v;
	struct fix f;
	char name[28];
	int id;

	(void)state;
	one_heap(&f);
	view_of(&v, &f);
	readers_init(&v, 0, &r);
	assert_int_equal(gc_region_register(f.heap, NULL, &f, 1), -EINVAL);
	id = gc_region_register(f.heap, "code cache", &f, 4096);
	assert_true(id >= 0);
	drain(&v, &r, counts, &lost, GC_EV_REGION, &ev);
	assert_int_equal(ev.a, (uintptr_t)&f);
	assert_int_equal(ev.b, 4096);
	assert_true(gc_seg_name_of(&v.seg, GC_NAME_REGION, (unsigned)ev.v[0], name, 28) > 0);
	assert_string_equal(name, "code cache");
	assert_int_equal(gc_region_unregister(f.heap, id), 0);
	assert_int_equal(gc_region_unregister(f.heap, id), -EINVAL);
	drain(&v, &r, counts, &lost, GC_EV_REGION, &ev);
	assert_int_equal(ev.flags, 0);
	view_close(&v);
	fix_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout_and_counters),
		cmocka_unit_test(used_between_collections),
		cmocka_unit_test(events_tell_what_happened),
		cmocka_unit_test(releases_add_up),
		cmocka_unit_test(lost_events_are_counted),
		cmocka_unit_test(reading_while_written),
		cmocka_unit_test(rings_have_owners),
		cmocka_unit_test(no_ring_left),
		cmocka_unit_test(unused_rings_cost_nothing),
		cmocka_unit_test(bad_segments_are_refused),
		cmocka_unit_test(sealed_against_others),
		cmocka_unit_test(another_process_reads),
		cmocka_unit_test(forked_child_has_its_own),
		cmocka_unit_test(no_events_no_segment),
		cmocka_unit_test(regions_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
