/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_tell.c - what is said of collections, page by page and phase by phase, against
 * what the statistics of the heap say.
 */
#include <sys/wait.h>

#include "common.h"
#include "tap.h"
#include "gc/internal.h"

static void open_heap(struct fix *f)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = KIB(256),
				.young_max = KIB(256),
				.no_release_thread = 1 };

	fix_open(f, &o);
}

struct sums {
	unsigned begun[4], ended[4];
	uint64_t pause[4], phases, promoted, kept, survived, young_before;
	uint64_t phase_n[TELL_PHASES];
	uint64_t gc_ts, reused, last_live;
	bool in_gc;
};

static void sum_phase(struct sums *s, const struct gc_event *ev)
{
	assert_true(ev->flags > 0 && ev->flags <= GC_PHASE_RELEASE);
	s->phase_n[ev->flags]++;
	if (ev->flags == GC_PHASE_RELEASE)
		return;
	assert_true(s->in_gc);
	s->phases += ev->a;
	assert_true(ev->ts - ev->a >= s->gc_ts);
}

static void sum(const struct gc_event *ev, void *arg)
{
	struct sums *s = arg;

	if (ev->type == GC_EV_GC_BEGIN) {
		assert_false(s->in_gc);
		s->in_gc = true;
		s->gc_ts = ev->ts;
		s->phases = 0;
		s->begun[ev->flags]++;
	} else if (ev->type == GC_EV_GC_END) {
		assert_true(s->in_gc);
		s->in_gc = false;
		s->ended[ev->flags]++;
		s->pause[ev->flags] += ev->v[0];
		assert_true(s->phases <= ev->v[0]); /* parts of the pause */
		assert_true(s->phases > 0);
	} else if (ev->type == GC_EV_PHASE) {
		sum_phase(s, ev);
	} else if (ev->type == GC_EV_PROMOTED) {
		s->promoted += ev->a;
		s->kept += ev->b;
	} else if (ev->type == GC_EV_SURVIVED && ev->space == GC_SPACE_YOUNG) {
		s->survived += ev->a;
		s->young_before += ev->b;
		assert_true(ev->a <= ev->b);
	} else if (ev->type == GC_EV_SURVIVED && ev->space == GC_SPACE_OLD) {
		s->last_live = ev->a;
	} else if (ev->type == GC_EV_PAGE_REUSE) {
		assert_true(ev->a % PAGE == 0 && ev->a > 0);
		s->reused += ev->a;
	}
}

/* A list that lives, garbage beside it. */
static void churn(struct fix *f, unsigned n)
{
	struct pair *list = NULL, *p = NULL;
	unsigned i;

	GC_FRAME(f->m, list, p);
	for (i = 0; i < n; i++) {
		p = pair_new(f, i);
		if (i % 8)
			continue;
		gc_write(f->m, p, &p->a, list);
		list = p;
	}
}

static void sums_of_collections(void **state)
{
	struct sums s = { .phases = 0 };
	struct gc_stats st;
	struct tap t;
	struct fix f;

	(void)state;
	open_heap(&f);
	tap_open(&t, &f);
	churn(&f, 100000);
	tap_read(&t, sum, &s);
	gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
	tap_read(&t, sum, &s);
	st = stats(&f);
	assert_true(st.minor_count > 5);
	assert_int_equal(s.begun[GC_SEG_MINOR], st.minor_count);
	assert_int_equal(s.ended[GC_SEG_MINOR], st.minor_count);
	assert_int_equal(s.ended[GC_SEG_MAJOR], st.major_count);
	assert_int_equal(s.pause[GC_SEG_MINOR], st.minor_pause_ns);
	assert_int_equal(s.pause[GC_SEG_MAJOR], st.major_pause_ns);
	assert_int_equal(s.promoted, st.promoted_total);
	assert_int_equal(s.survived, s.promoted + s.kept);
	assert_true(s.young_before > s.survived);
	assert_int_equal(s.phase_n[GC_PHASE_COPY], st.minor_count);
	assert_int_equal(s.phase_n[GC_PHASE_ROOTS], st.minor_count + st.major_count);
	assert_true(s.phase_n[GC_PHASE_SWEEP] >= 1 && s.phase_n[GC_PHASE_MARK] >= 1);
	tap_close(&t);
	fix_close(&f);
}

/* A large object on the pages of one that died: told once, with as many bytes. */
static void reuse_is_added_up(void **state)
{
	struct sums s = { .phases = 0 };
	struct gc_bytes *b = NULL;
	struct tap t;
	struct fix f;

	(void)state;
	open_heap(&f);
	tap_open(&t, &f);
	{
		GC_FRAME(f.m, b);
		b = gc_alloc_array(f.m, f.bytes, MIB(1));
		memset(b->data, 1, b->len);
		b = NULL;
		gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
		tap_read(&t, sum, &s);
		s.reused = 0;
		b = gc_alloc_array(f.m, f.bytes, MIB(1));
		gc_tick(f.m);
		tap_read(&t, sum, &s);
		assert_true(s.reused >= MIB(1) && s.reused <= MIB(1) + 2 * PAGE);
	}
	tap_close(&t);
	fix_close(&f);
}

/* Slices under 20 us are one event when they add up to that, or when a collection begins. */
static void slice_event(const struct gc_event *ev, void *arg)
{
	uint64_t *v = arg;

	if (ev->type != GC_EV_PHASE || ev->flags != GC_PHASE_MARK)
		return;
	v[0]++;
	v[1] += ev->a;
	v[2] += ev->b;
	v[3] += ev->v[0];
	assert_int_equal(ev->nv, 1);
}

static void short_slices_are_added_up(void **state)
{
	uint64_t got[4] = { 0 };
	struct tap t;
	struct fix f;
	int i;

	(void)state;
	open_heap(&f);
	tap_open(&t, &f);
	tell_mark_start(f.heap, GC_REASON_GOAL);
	for (i = 0; i < 100; i++)
		phase_told(f.heap, GC_PHASE_MARK, 1000, 7);
	tap_read(&t, slice_event, got);
	assert_int_equal(got[0], 5);
	assert_int_equal(got[1], 100000);
	assert_int_equal(got[2], 700);
	assert_int_equal(got[3], 100);
	phase_told(f.heap, GC_PHASE_MARK, 25000, 1);
	tap_read(&t, slice_event, got);
	assert_int_equal(got[0], 6);
	phase_told(f.heap, GC_PHASE_MARK, 300, 1);
	tap_read(&t, slice_event, got);
	assert_int_equal(got[0], 6);
	gc_collect(f.m, GC_MINOR, GC_REASON_TESTING);
	tap_read(&t, slice_event, got);
	assert_int_equal(got[0], 7);
	assert_int_equal(got[3], 102);
	tap_close(&t);
	fix_close(&f);
}

struct seen {
	unsigned types, audits, forks, marks, by_me;
	uint64_t parent, pages, bad, last_type;
	char name[64];
};

static void see(const struct gc_event *ev, void *arg)
{
	struct seen *s = arg;

	switch (ev->type) {
	case GC_EV_TYPE:
		s->types++;
		assert_int_equal(ev->a, ev->len);
		if (ev->b < s->last_type)
			break;
		s->last_type = ev->b;
		snprintf(s->name, sizeof(s->name), "%.60s", ev->text);
		break;
	case GC_EV_AUDIT:
		s->audits++;
		s->pages = ev->a;
		s->bad += ev->b;
		break;
	case GC_EV_FORK:
		s->forks++;
		s->parent = ev->a;
		break;
	case GC_EV_PAGE_RELEASE:
		assert_int_equal(ev->nv, 4);
		s->by_me += ev->v[3] == (uint64_t)gettid();
		break;
	default:
		break;
	}
}

static void types_audits_releases(void **state)
{
	struct gc_type_desc d =
		GC_TYPE_INIT(.name = "a type whose name is longer than a name entry",
			     .kind = GC_DATA, .size = 8);
	struct seen s = { .types = 0 };
	const struct gc_type *type;
	char name[28], why[256];
	struct tap t;
	struct fix f;

	(void)state;
	open_heap(&f);
	tap_open(&t, &f);
	tap_read(&t, see, &s);
	assert_int_equal(s.types, 3);
	assert_string_equal(s.name, "pair");
	assert_true(gc_seg_name_of(&t.seg, GC_NAME_TYPE, 3, name, sizeof(name)) > 0);
	assert_string_equal(name, "pair");
	assert_int_equal(gc_type_register(f.heap, &d, &type), 0);
	assert_int_equal(gc_verify(f.m, why, sizeof(why)), 0);
	memset(((struct gc_bytes *)gc_alloc_array(f.m, f.bytes, MIB(1)))->data, 1, MIB(1));
	gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
	gc_release_all(f.heap);
	tap_read(&t, see, &s);
	assert_string_equal(s.name, "a type whose name is longer than a name entry");
	assert_int_equal(s.audits, 1);
	assert_int_equal(s.bad, 0);
	assert_true(s.pages >= KIB(512) / PAGE);
	assert_true(s.by_me >= 1);
	tap_close(&t);
	fix_close(&f);
}

static int child_tells(struct fix *f)
{
	struct seen s = { .types = 0 };
	struct tap t;

	tap_open(&t, f);
	tap_read(&t, see, &s);
	return s.forks == 1 && s.parent == (uint64_t)getppid() && s.types == 3 ? 0 : 1;
}

static void fork_is_told(void **state)
{
	struct fix f;
	int status;
	pid_t pid;

	(void)state;
	open_heap(&f);
	pid = fork();
	if (!pid)
		_exit(child_tells(&f));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	fix_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_of_collections),
		cmocka_unit_test(reuse_is_added_up),
		cmocka_unit_test(short_slices_are_added_up),
		cmocka_unit_test(types_audits_releases),
		cmocka_unit_test(fork_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
