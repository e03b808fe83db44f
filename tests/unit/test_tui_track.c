/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_tui_track.c - pages that read the stream: a bounded piece a frame, each event once,
 * and what they show is what there was.
 */
#include "tests/unit/tui_fake.h"

#define SLACK 64 /* events of one moment */

static size_t handed; /* by the last frame */

/* As fake_frame(), which must not read more than a frame's share. */
static void frame(struct fake *k)
{
	k->most = k->reads = 0;
	fake_frame(k);
	handed = k->most;
	assert_true(k->reads <= 1);
	assert_true(k->most <= TUI_TRACK_EVENTS + SLACK);
}

static size_t settle(struct fake *k)
{
	size_t all = 0;

	do {
		frame(k);
		all += handed;
	} while (k->f.again);
	return all;
}

static size_t lines_with(const struct fake *k, const char *text)
{
	size_t n = 0;

	for (size_t i = 0; i < k->f.lines.n; i++)
		n += strstr(k->f.lines.v[i].text, text) != NULL;
	return n;
}

/* A concurrent collection that took the whole session, with so many parts. */
static struct fake *long_collection(const char *test, uint64_t seed, unsigned parts)
{
	struct fake *k = fake_new(test, seed, 50000);
	struct mp_event e;

	for (unsigned i = 0; i < parts; i++) {
		e = ev(MP_EV_PHASE, 1, MM, k->m->now + 10);
		e.phase.source = MP_SRC_V8;
		e.phase.dur = 5 * MS;
		fake_put(k, e, 0);
		e.phase.source = MP_SRC_V8 + 1; /* somebody else's */
		fake_put(k, e, 0);
	}
	e = ev(MP_EV_GC, MP_GC_MAJOR, MM, k->m->now + 1000);
	e.gc.before = 3 * MIB;
	e.gc.after = MIB;
	e.gc.cbefore = e.gc.cafter = MP_UNKNOWN;
	e.gc.source = MP_SRC_V8;
	e.gc.start = T0 + 1;
	fake_put(k, e, TUI_K_GC);
	mp_model_fold(k->m, &e);
	k->view.pane = TUI_P_COLLECTIONS;
	fake_frame(k);
	k->view.page = true;
	return k;
}

static void a_long_collection(void **state)
{
	struct fake *k = long_collection(__func__, 31, 7);

	(void)state;
	frame(k);
	assert_int_equal(lines_with(k, "being read"), 1);
	assert_true(k->f.again);
	settle(k);
	assert_int_equal(k->f.track->parts.n, 7);
	assert_int_equal(lines_with(k, "5.0"), 7);
	assert_int_equal(lines_with(k, "..."), 0);
	for (int i = 0; i < 3; i++) {
		frame(k);
		assert_int_equal(k->reads, 0);
		assert_int_equal(k->f.track->parts.n, 7);
	}
	fake_free(k);
}

static void parts_beyond_number(void **state)
{
	struct fake *k = long_collection(__func__, 32, TUI_TRACK_PARTS + 1);

	(void)state;
	settle(k);
	assert_int_equal(k->f.track->parts.n, TUI_TRACK_PARTS);
	assert_int_equal(lines_with(k, "... and more"), 1);
	fake_free(k);
}

/* Pages faulted in the mapping, and the calls that gave most of it back, by all events. */
static uint64_t faulted(const struct fake *k, const struct tui_track *h)
{
	uint64_t from = h->zero + h->first * h->width, n = 0;

	for (size_t i = 0; i < k->n; i++) {
		const struct mp_event *e = &k->ev[i];

		for (uint32_t j = 0; e->type == MP_EV_FAULT && e->ts >= from && j < e->x; j++)
			n += e->fault.addr + j * PG >= h->start && e->fault.addr + j * PG < h->end;
	}
	return n;
}

static uint64_t shown(const struct tui_track *h)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < h->n; i++)
		n += tui_track_slice(h, i)->in;
	return n;
}

static struct fake *mapping(const char *test, uint64_t seed)
{
	struct fake *k = fake_new(test, seed, 50000);
	struct mp_event map = fake_call(T0, MP_CALL_MMAP, 5000 * PG, 0);

	/* the addresses that are touched become a mapping before all else */
	map.call.ret = 64LL << 30;
	memmove(&k->ev[2], &k->ev[1], (k->n - 1) * sizeof(k->ev[0]));
	k->ev[1] = map;
	k->n++;
	for (size_t i = 0; i < k->n; i++) /* not where calls of munmap() leave no mapping */
		if (k->ev[i].type == MP_EV_CALL && k->ev[i].sub == MP_CALL_MADVISE)
			k->ev[i].call.addr = 64 * GIB + 100 * PG;
	mp_model_free(k->m);
	k->f.now = k->f.state = k->m = fake_fold(k, MP_UNKNOWN);
	k->view.pane = TUI_P_MAPS;
	fake_frame(k);
	assert_true(k->f.rows.n > 0);
	k->view.page = true;
	return k;
}

static void later(struct fake *k, uint64_t by)
{
	struct mp_event e = ev(MP_EV_TICK, 0, 0, k->m->now + by);

	mp_model_fold(k->m, &e);
	fake_put(k, e, 0);
}

/* A plot that follows the session's length: what was read stays. */
static void a_growing_scale(void **state)
{
	struct fake *k = mapping(__func__, 33);
	uint64_t width, colw, scales = 0;
	size_t again = 0;

	(void)state;
	k->f.live = true;
	k->view.fit = true;
	settle(k);
	width = k->f.track->width;
	for (int i = 0; i < 40; i++) {
		colw = k->f.win.colw;
		later(k, 20 * SEC);
		again += settle(k);
		scales += k->f.win.colw != colw;
	}
	assert_true(scales > 0);
	assert_true(k->f.track->width == width || k->f.track->width == 2 * width);
	assert_true(again < 2 * k->n);
	assert_true(shown(k->f.track) > 0);
	fake_free(k);
}

/* Whatever the scale and where the plot stands: no event is missed where a frame stopped. */
static void all_is_counted(void **state)
{
	struct fake *k = mapping(__func__, 34);

	(void)state;
	k->view.fit = true;
	k->f.live = false;
	assert_true(settle(k) > TUI_TRACK_EVENTS);
	assert_true(shown(k->f.track) > 0);
	/* those that come late by less than a ms may be read with what is behind them */
	assert_in_range(shown(k->f.track), faulted(k, k->f.track) - SLACK, faulted(k, k->f.track));
	fake_free(k);
}

/* The calls told are of the time shown. */
static void calls_scroll_away(void **state)
{
	struct fake *k = mapping(__func__, 35);
	const struct tui_track *h;
	uint64_t most = 0;

	(void)state;
	k->f.live = true;
	k->view.fit = true;
	settle(k);
	k->view.fit = false;
	settle(k);
	for (int i = 0; i < 200; i++) {
		later(k, SEC);
		settle(k);
		h = k->f.track;
		for (int j = 0; j < TUI_TRACK_CALLS && h->top[j].ts; j++) {
			assert_true(h->top[j].ts >= h->zero + h->first * h->width);
			most = h->top[j].out > most ? h->top[j].out : most;
		}
	}
	assert_true(most > 0);
	fake_free(k);
}

/* Times at the end of the clock: every pane, with every key that goes through time. */
static void the_end_of_the_clock(void **state)
{
	static const uint64_t when[] = { 1ULL << 62, (1ULL << 63) - 5, 1ULL << 63,
					 UINT64_MAX - 5 * SEC, UINT64_MAX - 2 };
	static const char keys[] = " hhhlllkjkj,.cCrRfF}{m'[]+++---0jk\rjj\r";
	struct tui_grid g = { 0 };

	(void)state;
	for (int w = 0; w < 5; w++) {
		for (int pane = 0; pane < TUI_PANES; pane++) {
			struct fake *k = fake_new(__func__, 36, 60);

			later(k, when[w] - k->m->now);
			k->view.pane = (enum tui_pane_id)pane;
			k->view.list = pane == TUI_P_PROCS;
			k->view.in_table = true;
			fake_frame(k);
			for (const char *c = keys; *c; c++) {
				int rounds = 0;

				tui_key(&k->f, *c);
				while (tui_past_work(&k->f))
					assert_true(++rounds < 3000);
				fake_frame(k);
				assert_int_equal(tui_grid_resize(&g, 80, 24), 0);
				tui_draw(&g, &k->f);
			}
			fake_free(k);
		}
	}
	tui_grid_free(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_long_collection), cmocka_unit_test(parts_beyond_number),
		cmocka_unit_test(a_growing_scale),   cmocka_unit_test(all_is_counted),
		cmocka_unit_test(calls_scroll_away), cmocka_unit_test(the_end_of_the_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
