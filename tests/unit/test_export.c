/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Exporters on events written by hand: the wire format, slices that nest, arrows,
 * what is left out for --max-size, state dumps in the middle, pages that are followed.
 * Their real consumers are in tests/bpf/test_export_*.py.
 */
#include "tests/unit/ev.h"

#include "user/export/formats.h"
#include "user/export/proto.h"
#include "user/export/touch.h"

#define HEAP 0x7f0000000000ULL

/* --- the wire ------------------------------------------------------------------------ */

struct rd {
	const uint8_t *p, *end;
};

struct field {
	unsigned no, wire;
	uint64_t v;	/* varint, fixed64 */
	struct rd body; /* length-delimited */
};

static uint64_t rd_varint(struct rd *r)
{
	uint64_t v = 0;

	for (unsigned s = 0; s < 70; s += 7) {
		uint8_t b;

		assert_true(r->p < r->end);
		b = *r->p++;
		if (s < 64)
			v |= (uint64_t)(b & 0x7f) << s;
		if (!(b & 0x80))
			return v;
	}
	fail_msg("a number without an end");
	return 0;
}

static bool rd_field(struct rd *r, struct field *f)
{
	uint64_t tag;

	if (r->p == r->end)
		return false;
	tag = rd_varint(r);
	memset(f, 0, sizeof(*f));
	f->no = (unsigned)(tag >> 3);
	f->wire = tag & 7;
	switch (f->wire) {
	case 0:
		f->v = rd_varint(r);
		break;
	case 1:
		assert_true(r->end - r->p >= 8);
		memcpy(&f->v, r->p, 8);
		r->p += 8;
		break;
	case 2:
		f->v = rd_varint(r);
		assert_true(f->v <= (uint64_t)(r->end - r->p));
		f->body = (struct rd){ r->p, r->p + f->v };
		r->p += f->v;
		break;
	default:
		fail_msg("wire type %u", f->wire);
	}
	return true;
}

/* The first field of that number: its value, 0 when there is none. */
static uint64_t rd_get(struct rd r, unsigned no)
{
	struct field f;

	while (rd_field(&r, &f))
		if (f.no == no)
			return f.v;
	return 0;
}

static bool rd_sub(struct rd r, unsigned no, struct rd *sub)
{
	struct field f;

	while (rd_field(&r, &f))
		if (f.no == no && f.wire == 2) {
			*sub = f.body;
			return true;
		}
	return false;
}

static bool rd_is(struct rd r, unsigned no, const char *text)
{
	struct rd s;

	return rd_sub(r, no, &s) && (size_t)(s.end - s.p) == strlen(text) &&
	       !memcmp(s.p, text, strlen(text));
}

static void test_numbers_and_texts(void **state)
{
	static const uint8_t want[] = {
		0x08, 0x96, 0x01,				      /* 1: 150 */
		0x12, 0x03, 'a',  '?',	'b',			      /* 2: "a\nb" cleaned */
		0x19, 1,    0,	  0,	0,    0,    0,	  0,	0x80, /* 3: fixed64 */
		0x22, 0x02, 0x28, 0x7f,				      /* 4: { 5: 127 } */
		0x30, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1
	};
	struct mp_pb b = { 0 };

	(void)state;
	mp_pb_u64(&b, 1, 150);
	mp_pb_str(&b, 2, "a\nb");
	mp_pb_fixed64(&b, 3, 0x8000000000000001ULL);
	mp_pb_open(&b, 4);
	mp_pb_u64(&b, 5, 127);
	mp_pb_close(&b);
	mp_pb_i64(&b, 6, -1);
	assert_int_equal(b.n, sizeof(want));
	assert_memory_equal(b.p, want, sizeof(want));
	mp_pb_free(&b);
}

/* Lengths of one, two and three bytes, within each other. */
static void test_nested_lengths(void **state)
{
	struct mp_pb b = { 0 };
	struct rd r, sub;

	(void)state;
	for (unsigned n = 0; n < 40000; n = n * 3 + 1) {
		mp_pb_reset(&b);
		mp_pb_open(&b, 1);
		mp_pb_u64(&b, 9, 7);
		mp_pb_open(&b, 2);
		for (unsigned i = 0; i < n; i++)
			mp_pb_raw(&b, i & 0x7f);
		mp_pb_close(&b);
		mp_pb_close(&b);
		mp_pb_u64(&b, 3, 5);
		r = (struct rd){ b.p, b.p + b.n };
		assert_int_equal(rd_get(r, 3), 5);
		assert_true(rd_sub(r, 1, &sub));
		assert_int_equal(rd_get(sub, 9), 7);
		assert_true(rd_sub(sub, 2, &r));
		assert_int_equal(r.end - r.p, n);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(r.p[i], i & 0x7f);
	}
	mp_pb_free(&b);
}

/* --- a session, exported ---------------------------------------------------------------- */

struct run {
	const struct mp_exporter *fmt;
	struct mp_export x;
	struct mp_report_info info;
	struct mp_model *m;
	char *out;
	size_t size;
};

static void run_begin(struct run *r, const struct mp_exporter *fmt, uint64_t max)
{
	memset(r, 0, sizeof(*r));
	r->fmt = fmt;
	r->info.state = "clean";
	r->x.info = &r->info;
	r->x.max_bytes = max;
	r->x.f = open_memstream(&r->out, &r->size);
	r->m = mp_model_new();
	assert_non_null(r->m);
	assert_int_equal(fmt->begin(&r->x), 0);
}

static void run_event(struct run *r, struct mp_event e)
{
	assert_int_equal(r->fmt->before(&r->x, r->m, &e), 0);
	assert_int_equal(mp_model_fold(r->m, &e), 0);
	assert_int_equal(r->fmt->after(&r->x, r->m, &e), 0);
}

static void run_end(struct run *r)
{
	assert_int_equal(r->fmt->end(&r->x, r->m, 0), 0);
	fclose(r->x.f);
}

static void run_free(struct run *r)
{
	mp_model_free(r->m);
	free(r->out);
}

/* A process with 16 MiB of heap, all resident. */
static void session(struct run *r, uint32_t mm, uint32_t pid)
{
	run_event(r, ev_task(mm, T0, MP_TASK_TARGET, pid, 0));
	run_event(r, ev_mmap(mm, T0 + 1 * MS, HEAP, 16 * MIB, RW, PRIV));
	run_event(r, ev_range(mm, T0 + 2 * MS, MP_HEAP_RESERVE, HEAP, 16 * MIB));
	run_event(r, ev_fault(mm, T0 + 3 * MS, HEAP, 4096, MP_FAULT_WRITE));
	run_event(r, ev_rss(mm, T0 + 4 * MS, 4096, 0, 0));
	run_event(r, ev_heap(mm, T0 + 5 * MS, MP_SRC_GC, 16 * MIB, 16 * MIB));
}

/* --- traces --------------------------------------------------------------------------------- */

enum { BEGIN = 1, END = 2, INSTANT = 3, COUNTER = 4 };

struct tev {
	uint64_t ts, track;
	unsigned type;
	struct rd body;
};

/* Calls fn for every event of a trace, in order; returns how many. */
static size_t each_event(const struct run *r, void (*fn)(void *ctx, const struct tev *e), void *ctx)
{
	struct rd trace = { (uint8_t *)r->out, (uint8_t *)r->out + r->size };
	struct field f;
	size_t n = 0;

	while (rd_field(&trace, &f)) {
		struct tev e;

		assert_int_equal(f.no, 1);
		if (!rd_sub(f.body, 11, &e.body))
			continue;
		e.ts = rd_get(f.body, 8);
		e.type = (unsigned)rd_get(e.body, 9);
		e.track = rd_get(e.body, 11);
		fn(ctx, &e);
		n++;
	}
	return n;
}

/* The track of that name. */
static uint64_t track(const struct run *r, const char *name)
{
	struct rd trace = { (uint8_t *)r->out, (uint8_t *)r->out + r->size }, d;
	struct field f;
	uint64_t found = 0;

	while (rd_field(&trace, &f))
		if (rd_sub(f.body, 60, &d) && rd_is(d, 2, name)) {
			assert_int_equal(found, 0);
			found = rd_get(d, 1);
		}
	assert_true(found);
	return found;
}

#define DEEP 16
struct nest {
	uint64_t track; /* the one looked at */
	uint64_t open[DEEP], last;
	unsigned depth, deepest;
	size_t slices;
};

static void nest_event(void *ctx, const struct tev *e)
{
	struct nest *n = ctx;

	if (e->track != n->track || (e->type != BEGIN && e->type != END))
		return;
	assert_true(e->ts >= n->last);
	n->last = e->ts;
	if (e->type == END) {
		assert_true(n->depth);
		n->depth--;
		return;
	}
	assert_true(n->depth < DEEP);
	n->open[n->depth++] = e->ts;
	n->slices++;
	if (n->depth > n->deepest)
		n->deepest = n->depth;
}

static struct nest nested(const struct run *r, const char *name)
{
	struct nest n = { .track = track(r, name) };

	each_event(r, nest_event, &n);
	assert_int_equal(n.depth, 0);
	return n;
}

static struct mp_event phase(uint64_t ts, uint64_t dur, unsigned what, uint32_t tid)
{
	struct mp_event e = ev(MP_EV_PHASE, what, MM, ts);

	e.tid = tid;
	e.phase.dur = dur;
	e.phase.work = MP_UNKNOWN;
	e.phase.n = 1;
	e.phase.source = MP_SRC_GC;
	return e;
}

static struct mp_event collection(uint64_t start, uint64_t end, unsigned kind, uint64_t before,
				  uint64_t after)
{
	struct mp_event e = ev_gc(MM, end, kind, before, after);

	e.gc.start = start;
	return e;
}

/* Whatever overlaps, at random: each track nests, and nothing goes back in time. */
static void test_slices_nest(void **state)
{
	struct rnd rnd = rnd_seed("test_slices_nest", 5);
	struct run r;
	uint64_t ts = T0 + 10 * MS;
	struct nest n;

	(void)state;
	run_begin(&r, &mp_export_perfetto, 0);
	session(&r, MM, 4711);
	for (int i = 0; i < 2000; i++) {
		uint64_t dur = rnd_below(&rnd, 8 * MS);

		ts += rnd_below(&rnd, 2 * MS);
		switch (rnd_below(&rnd, 3)) {
		case 0:
			run_event(&r, collection(ts - dur, ts, MP_GC_MINOR, 1 * MIB, 1 * MIB));
			break;
		case 1:
			run_event(&r, phase(ts, dur, MP_PHASE_MARK, 100));
			break;
		default: {
			struct mp_event e = ev_madvise(MM, ts, HEAP, PG, MADV_WILLNEED);

			e.call.dur = dur;
			run_event(&r, e);
		}
		}
	}
	run_end(&r);
	n = nested(&r, "GC minor (gc)");
	assert_true(n.slices > 600 && n.deepest == 2);
	n = nested(&r, "GC phases beside (gc)");
	assert_int_equal(n.deepest, 1);
	run_free(&r);
}

/* --- arrows ------------------------------------------------------------------------------------
 */

#define FLOWS 64
struct flows {
	const char *begin; /* slices whose name this is */
	uint64_t id[FLOWS];
	size_t n, ends;
	uint64_t end[FLOWS];
};

static void flow_event(void *ctx, const struct tev *e)
{
	struct flows *fl = ctx;
	struct rd r = e->body;
	struct field f;

	while (rd_field(&r, &f)) {
		if (f.no == 47 && e->type == BEGIN && rd_is(e->body, 23, fl->begin)) {
			assert_int_equal(f.wire, 1);
			assert_true(fl->n < FLOWS);
			fl->id[fl->n++] = f.v;
		}
		if (f.no == 48) {
			assert_int_equal(f.wire, 1);
			assert_int_equal(e->type, INSTANT);
			assert_true(fl->ends < FLOWS);
			fl->end[fl->ends++] = f.v;
		}
	}
}

static struct flows flows_of(const struct run *r, const char *begin)
{
	struct flows fl = { .begin = begin };

	each_event(r, flow_event, &fl);
	return fl;
}

static struct mp_event give_back(uint64_t ts, uint64_t at, uint64_t pages)
{
	struct mp_event e = ev_madvise(MM, ts, at, pages * PG, MADV_DONTNEED);

	e.call.d_anon = -(int32_t)pages;
	return e;
}

static void test_a_collection_points_at_the_calls_that_paid_it(void **state)
{
	struct flows gc, call;
	struct run r;

	(void)state;
	run_begin(&r, &mp_export_perfetto, 0);
	session(&r, MM, 4711);
	run_event(&r, collection(T0 + 20 * MS, T0 + 21 * MS, MP_GC_MAJOR, 16 * MIB, 8 * MIB));
	run_event(&r, give_back(T0 + 30 * MS, HEAP, 1024));
	run_event(&r, give_back(T0 + 40 * MS, HEAP + 4 * MIB, 512));
	run_event(&r, ev_madvise(MM, T0 + 50 * MS, HEAP, PG, MADV_WILLNEED)); /* pays nothing */
	run_end(&r);
	gc = flows_of(&r, "major collection");
	call = flows_of(&r, "madvise dontneed");
	assert_int_equal(gc.n, 2);
	assert_int_equal(call.n, 2);
	assert_int_equal(call.ends, 2);
	assert_int_not_equal(call.id[0], call.id[1]);
	for (int i = 0; i < 2; i++) {
		assert_true(gc.id[i] == call.id[0] || gc.id[i] == call.id[1]);
		assert_true(call.end[i] == call.id[i]);
	}
	assert_int_equal(flows_of(&r, "madvise willneed").n, 0);
	run_free(&r);
}

/* The call comes before the event of the collection that it is a part of. */
static void test_releases_within_a_collection(void **state)
{
	struct flows gc, call;
	struct run r;

	(void)state;
	run_begin(&r, &mp_export_perfetto, 0);
	session(&r, MM, 4711);
	run_event(&r,
		  give_back(T0 + 15 * MS, HEAP + 8 * MIB, 16)); /* before it: of no collection */
	run_event(&r, give_back(T0 + 30 * MS, HEAP, 1024));
	run_event(&r, collection(T0 + 20 * MS, T0 + 40 * MS, MP_GC_MAJOR, 16 * MIB, 8 * MIB));
	run_end(&r);
	gc = flows_of(&r, "major collection");
	call = flows_of(&r, "madvise dontneed");
	assert_int_equal(call.n, 2);
	assert_int_equal(gc.n, 1);
	assert_true(gc.id[0] == call.id[1]);
	run_free(&r);
}

/* --- counters, and what is left out ------------------------------------------------------------
 */

struct counter {
	uint64_t track, last_ts;
	int64_t sum, last;
	size_t n;
};

static void counter_event(void *ctx, const struct tev *e)
{
	struct counter *c = ctx;

	if (e->track != c->track)
		return;
	assert_int_equal(e->type, COUNTER);
	assert_true(e->ts >= c->last_ts);
	c->last_ts = e->ts;
	c->last = (int64_t)rd_get(e->body, 30);
	c->sum += c->last;
	c->n++;
}

static struct counter counter(const struct run *r, const char *name)
{
	struct counter c = { .track = track(r, name) };

	each_event(r, counter_event, &c);
	return c;
}

/* 20 s of a process that is never quiet. */
static void storm(struct run *r)
{
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t ts = T0 + 10 * MS + i * MS;
		struct mp_event e;

		run_event(r, give_back(ts, HEAP + i % 4096 * PG, 1));
		e = ev(MP_EV_SITE, MP_SITE_FAULT, MM, ts);
		e.x = 128;
		e.site.addr = HEAP + i % 4096 * PG;
		run_event(r, e);
		run_event(r, ev_fault(MM, ts, HEAP + i % 4096 * PG, 1, MP_FAULT_WRITE));
		run_event(r, ev_madvise(MM, ts, HEAP, PG, MADV_WILLNEED));
		run_event(r, ev_rss(MM, ts, 4096 + i % 7, 0, 0));
	}
}

static void count_samples(void *ctx, const struct tev *e)
{
	uint64_t bits = rd_get(e->body, 57);
	double weight;

	memcpy(&weight, &bits, sizeof(weight));
	((double *)ctx)[0] += weight;
	((double *)ctx)[1] += weight > 0;
}

static void test_what_matters_least_goes_first(void **state)
{
	static const uint64_t max[] = { 0, 3 * MIB, 512 * KIB, 64 * KIB };
	size_t before = SIZE_MAX;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		char faults[64] = "";
		double w[2] = { 0 };
		struct counter c, rss;
		struct run r;

		run_begin(&r, &mp_export_perfetto, max[i]);
		session(&r, MM, 4711);
		storm(&r);
		run_end(&r);
		assert_int_equal(r.x.overflow, max[i] != 0);
		assert_true(!max[i] || r.size <= max[i]);
		assert_true(r.size < before);
		before = r.size;
		each_event(&r, count_samples, w);
		if (w[1] > 1000) /* those left stand for all of them */
			assert_true(w[0] > 0.8 * 20000 * 128 * PG && w[0] < 1.2 * 20000 * 128 * PG);
		/* whatever the width of the slots is, the sum stays, and so does the last value */
		for (unsigned ms = 10; ms <= 10240; ms *= 2) {
			struct rd d = { (uint8_t *)r.out, (uint8_t *)r.out + r.size }, sub;
			struct field f;

			snprintf(faults, sizeof(faults), "page faults per %u ms", ms);
			while (rd_field(&d, &f) &&
			       !(rd_sub(f.body, 60, &sub) && rd_is(sub, 2, faults)))
				;
			if (d.p != d.end)
				break;
		}
		c = counter(&r, faults);
		assert_int_equal(c.sum, 20000 + 4096);
		assert_int_equal(c.last, 0);
		rss = counter(&r, "RSS");
		assert_int_equal(rss.last, (4096 + 19999 % 7) * PG);
		run_free(&r);
	}
}

/* --- state dumps ------------------------------------------------------------------------------ */

struct events {
	struct mp_event *v;
	size_t n;
};

static int keep(void *ctx, const struct mp_event *e)
{
	struct events *l = ctx;

	l->v = realloc(l->v, (l->n + 1) * sizeof(*l->v));
	l->v[l->n++] = *e;
	return 0;
}

/* After damage a reader gives a state dump: what it repeats is no second collection. */
static void test_a_state_dump_in_the_middle(void **state)
{
	struct events dump = { 0 };
	struct flows gc;
	struct nest n;
	struct run r;

	(void)state;
	run_begin(&r, &mp_export_perfetto, 0);
	session(&r, MM, 4711);
	run_event(&r, collection(T0 + 20 * MS, T0 + 21 * MS, MP_GC_MAJOR, 16 * MIB, 8 * MIB));
	run_event(&r, give_back(T0 + 30 * MS, HEAP, 16));
	assert_int_equal(mp_model_dump(r.m, keep, &dump), 0);
	for (size_t i = 0; i < dump.n; i++)
		run_event(&r, dump.v[i]);
	run_event(&r, give_back(T0 + 40 * MS, HEAP + 4 * MIB, 512));
	run_event(&r, collection(T0 + 50 * MS, T0 + 51 * MS, MP_GC_MAJOR, 8 * MIB, 8 * MIB));
	run_end(&r);
	n = nested(&r, "GC major (gc)");
	assert_int_equal(n.slices, 2);
	gc = flows_of(&r, "major collection");
	assert_int_equal(gc.n, 2);
	assert_int_equal(gc.ends, 2);
	run_free(&r);
	free(dump.v);
}

static void test_one_process_of_two(void **state)
{
	struct run r;

	(void)state;
	run_begin(&r, &mp_export_perfetto, 0);
	r.x.pid = 4712;
	session(&r, 1, 4711);
	session(&r, 2, 4712);
	run_end(&r);
	assert_int_equal(counter(&r, "RSS").last, 16 * MIB); /* one track of that name */
	run_free(&r);
}

/* --- pages that are followed ---------------------------------------------------------------------
 */

static void touch(struct mp_touches *t, struct mp_model *m, struct mp_event e)
{
	assert_int_equal(mp_touches_before(t, m, &e, 0), 0);
	assert_int_equal(mp_model_fold(m, &e), 0);
	assert_int_equal(mp_touches_after(t, m, &e, 0), 0);
}

static struct mp_event site(uint64_t ts, uint64_t addr, uint64_t stack)
{
	struct mp_event e = ev(MP_EV_SITE, MP_SITE_FAULT, MM, ts);

	e.x = 128;
	e.site.addr = addr;
	e.site.stack = stack;
	return e;
}

static uint64_t kept(const struct mp_touches *t, uint64_t stack, uint64_t *pages)
{
	uint64_t n = 0;
	size_t rows;
	const struct mp_touch_row *r = mp_touches_rows(t, &rows);

	*pages = 0;
	for (size_t i = 0; i < rows; i++) {
		n += r[i].stack == stack ? r[i].kept : 0;
		*pages += r[i].stack == stack ? r[i].pages : 0;
	}
	return n;
}

/*
 * Six stacks: 1 stays; 2 is given back; 3 is moved; 4 is given back and touched again by
 * 5; 6 only touches what 1 brought in; 7 is sampled after its run was told.
 */
static void test_pages_are_followed(void **state)
{
	static const uint64_t want[8] = { 0, 128, 0, 128, 0, 128, 0, 128 };
	struct mp_touches *t = mp_touches_new();
	struct mp_model *m = mp_model_new();
	uint64_t ts = T0, n, pages;

	(void)state;
	touch(t, m, ev_task(MM, ts++, MP_TASK_TARGET, 4711, 0));
	touch(t, m, ev_mmap(MM, ts++, HEAP, 64 * MIB, RW, PRIV));
	touch(t, m, ev_mmap(MM, ts++, HEAP + GIB, 16 * MIB, RW, PRIV));
	for (unsigned s = 1; s <= 4; s++) {
		touch(t, m, site(ts++, HEAP + (s == 3 ? GIB : s * MIB), s));
		touch(t, m, ev_fault(MM, ts++, HEAP + (s == 3 ? GIB : s * MIB), 1, MP_FAULT_WRITE));
	}
	touch(t, m, give_back(ts++, HEAP + 2 * MIB, 1));
	touch(t, m,
	      ev_mremap(MM, ts++, HEAP + GIB, 16 * MIB, 16 * MIB, HEAP + 2 * GIB, MREMAP_MAYMOVE));
	touch(t, m, give_back(ts++, HEAP + 4 * MIB, 1));
	touch(t, m, site(ts++, HEAP + 4 * MIB, 5));
	touch(t, m, ev_fault(MM, ts++, HEAP + 4 * MIB, 1, MP_FAULT_WRITE));
	ts += 100 * MS;
	touch(t, m, site(ts++, HEAP + 1 * MIB, 6));
	touch(t, m, ev_fault(MM, ts, HEAP + 7 * MIB, 256, MP_FAULT_WRITE));
	touch(t, m, site(ts + 5 * MS, HEAP + 7 * MIB + 9 * PG, 7));
	assert_int_equal(mp_touches_end(t, m), 0);
	for (unsigned s = 1; s <= 7; s++) {
		n = kept(t, s, &pages);
		assert_int_equal(pages, 128);
		assert_int_equal(n, want[s]);
	}
	mp_model_free(m);
	mp_touches_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_and_texts),
		cmocka_unit_test(test_nested_lengths),
		cmocka_unit_test(test_slices_nest),
		cmocka_unit_test(test_a_collection_points_at_the_calls_that_paid_it),
		cmocka_unit_test(test_releases_within_a_collection),
		cmocka_unit_test(test_what_matters_least_goes_first),
		cmocka_unit_test(test_a_state_dump_in_the_middle),
		cmocka_unit_test(test_one_process_of_two),
		cmocka_unit_test(test_pages_are_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
