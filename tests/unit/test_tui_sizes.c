/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_tui_sizes.c - every size from 20x5 to 300x100: regions do not overlap and lie
 * inside, each part keeps to its own, and what lies over all (help, a page, a prompt) fits.
 *
 * Which pane, which keys and which colours a size is drawn with is taken from a hash of
 * the size and a seed, that of the day unless TUI_SEED gives another; it is printed.
 */
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/tui_ops.h"

#define W0 20
#define W1 300
#define H0 5
#define H1 100

static uint64_t seed;

static uint64_t mix(uint64_t a, uint64_t b)
{
	struct stream s = { .state = seed ^ (a << 32 | b) };

	return stream_rnd(&s);
}

/* --- geometry ------------------------------------------------------------------------ */

static bool overlap(const struct tui_rect *a, const struct tui_rect *b)
{
	if (a->w <= 0 || a->h <= 0 || b->w <= 0 || b->h <= 0)
		return false;
	return a->x < b->x + b->w && b->x < a->x + a->w && a->y < b->y + b->h && b->y < a->y + a->h;
}

static void check_layout(const struct tui_layout *l, unsigned flags)
{
	const struct tui_rect *all[] = { &l->status, &l->numbers, &l->gutter, &l->plot,
					 &l->axis,   &l->owed,	  &l->notes,  &l->lanes,
					 &l->counts, &l->detail,  &l->table,  &l->hints };
	size_t n = sizeof(all) / sizeof(all[0]);

	for (size_t i = 0; i < n; i++) {
		const struct tui_rect *r = all[i];

		if (r->w > 0 && r->h > 0 &&
		    (r->x < 0 || r->y < 0 || r->x + r->w > l->w || r->y + r->h > l->h))
			fail_msg("%dx%d flags %u: region %zu is outside", l->w, l->h, flags, i);
		for (size_t j = 0; j < i; j++)
			if (overlap(r, all[j]))
				fail_msg("%dx%d flags %u: regions %zu and %zu", l->w, l->h, flags,
					 j, i);
	}
}

static void regions(void **state)
{
	struct tui_layout l;

	(void)state;
	for (int w = W0; w <= W1; w++) {
		for (int h = H0; h <= H1; h++) {
			for (unsigned flags = 0; flags < 16; flags++) {
				tui_layout(&l, w, h, flags);
				check_layout(&l, flags);
				assert_int_equal(l.tier == TUI_TIER_SMALL, w < 40 || h < 10);
			}
		}
	}
}

/* --- parts ----------------------------------------------------------------------------- */

#define UNTOUCHED ((wchar_t)1) /* no character that a cell can have */

static void wipe(struct tui_grid *g)
{
	for (int i = 0; i < g->w * g->h; i++)
		g->cells[i].ch = UNTOUCHED;
}

static bool inside(const struct tui_rect *const *r, int x, int y)
{
	for (; *r; r++)
		if (x >= (*r)->x && x < (*r)->x + (*r)->w && y >= (*r)->y && y < (*r)->y + (*r)->h)
			return true;
	return false;
}

/* What a part may write on: its regions, NULL after the last. */
struct part {
	const char *name;
	void (*draw)(struct tui_grid *g, const struct tui_frame *f);
	const struct tui_rect *own[4];
};

static void check_part(struct ops *o, const struct part *p)
{
	wipe(&o->g);
	p->draw(&o->g, &o->f);
	for (int y = 0; y < o->g.h; y++)
		for (int x = 0; x < o->g.w; x++)
			if (tui_grid_at(&o->g, x, y)->ch != UNTOUCHED && !inside(p->own, x, y))
				fail_msg("%dx%d seed %llu: %s writes on %d %d", o->g.w, o->g.h,
					 (unsigned long long)seed, p->name, x, y);
}

static void check_parts(struct ops *o)
{
	const struct tui_layout *l = &o->f.lay;
	const struct part parts[] = {
		{ "status", tui_draw_status, { &l->status } },
		{ "numbers", tui_draw_numbers, { &l->numbers } },
		{ "plot", tui_draw_plot, { &l->gutter, &l->plot } },
		{ "axis", tui_draw_axis, { &l->axis } },
		{ "owed", tui_draw_owed, { &l->owed } },
		{ "lanes", tui_draw_lanes, { &l->notes, &l->lanes, &l->counts } },
		{ "detail", tui_draw_detail, { &l->detail } },
		{ "table", tui_draw_table, { &l->table } },
		{ "hints", tui_draw_hints, { &l->hints } },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i].draw != tui_draw_table || l->table.h > 0)
			check_part(o, &parts[i]);
}

/* --- everything -------------------------------------------------------------------------- */

/* Keys that leave a state behind for the frames after them. */
static void press(struct ops *o, uint64_t rnd)
{
	static const char *const some[] = {
		"?",	 "\r", ":pa", ":", "/heap", "e",    "t",  "tt", "tttt", "ttttt\r",
		" hhhh", "+",  "++",  "-", "0",	    "m",    "\t", "sS", "T",	"T\r",
		" m",	 ",",  ",,,", ".", "c",	    "hhhm", "E?", "i",	"p",	"TT\r",
	};
	const char *keys = some[rnd % (sizeof(some) / sizeof(some[0]))];

	for (; *keys; keys++) {
		if (*keys == ':' || *keys == '/') { /* typed into what is open, else */
			ops_key(o, 27);
			ops_key(o, 27);
		}
		ops_key(o, *keys);
	}
	/* back to the beginning now and then: or only the deepest state is seen */
	if (rnd >> 32 & 1) {
		for (int i = 0; i < 3; i++)
			ops_key(o, 27);
	}
}

static struct ops *themed(uint64_t rnd)
{
	static const int depths[] = { 0, 8, 256, 256 };
	struct ops *o = ops_new(seed, rnd & 1, rnd & 6, depths[rnd >> 3 & 3]);

	o->theme.light = rnd & 32;
	ops_grow(o, 200 + (unsigned)(rnd >> 8 & 1023));
	return o;
}

/* Small ones all; of those whose drawing takes long, every ninth. */
static bool drawn(int w, int h)
{
	return w * h < 4000 || mix((uint64_t)w, (uint64_t)h) % 9 == 0;
}

static void every_size(void **state)
{
	struct ops *o = NULL;
	unsigned n = 0;

	(void)state;
	for (int w = W0; w <= W1; w++) {
		if (w % 16 == 4) {
			if (o)
				ops_free(o);
			o = themed(mix((uint64_t)w, 1000));
		}
		for (int h = H0; h <= H1; h++) {
			if (!drawn(w, h))
				continue;
			ops_begin(o, w, h);
			press(o, mix((uint64_t)w, (uint64_t)h + 2000));
			ops_draw(o, w, h);
			if (o->f.lay.tier != TUI_TIER_SMALL)
				check_parts(o);
			n++;
		}
	}
	ops_free(o);
	print_message("%u pictures\n", n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regions),
		cmocka_unit_test(every_size),
	};
	const char *given = getenv("TUI_SEED");

	setlocale(LC_ALL, "C.UTF-8");
	seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) / 86400;
	print_message("seed %llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests_name("tui_sizes", tests, NULL, NULL);
}
