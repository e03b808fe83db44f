/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * go_layout.c - where Go's runtime keeps its figures, by version.
 *
 * Made from the debug information of real builds (tests/tools/go_layout prints it for any
 * program; tests/runtimes compares). Patch releases have not moved a field so far.
 */
#include "user/rt/go.h"

#include <stdlib.h>
#include <string.h>

static const struct go_layout layouts[] = {
	{
		.from = 19,
		.to = 19,
		.ctl_limit = 8,
		.ctl_goal = 104,
		.ctl_sweep = 112,
		.ctl_triggered = 120,
		.ctl_live = 136,
		.ctl_marked = 184,
		.ctl_start = 256,
		.ctl_inuse = 304,
		.ctl_released = 312,
		.ctl_free = 320,
		.ctl_alloc = 328,
		.ctl_freed = 336,
		.ctl_ready = 344,
		.ms_sys = 3544,
		.ms_pause_ns = 3608,
		.ms_pause_end = 5656,
		.ms_numgc = 7704,
		.hs_size = 1176,
		.hs_stacks = 24,
		.hs_words = 3,
	},
	{
		.from = 21,
		.to = 24,
		.ctl_limit = 8,
		.ctl_goal = 72,
		.ctl_sweep = 80,
		.ctl_triggered = 88,
		.ctl_live = 104,
		.ctl_marked = 152,
		.ctl_start = 224,
		.ctl_inuse = 272,
		.ctl_released = 280,
		.ctl_free = 288,
		.ctl_alloc = 296,
		.ctl_freed = 304,
		.ctl_ready = 312,
		.ms_sys = 3544,
		.ms_pause_ns = 3608,
		.ms_pause_end = 5656,
		.ms_numgc = 7704,
		.hs_size = 1176,
		.hs_stacks = 24,
		.hs_words = 3,
		.headroom = 3,
	},
	{
		/* a word less in each delta: nothing is unrolled into bitmaps any more */
		.from = 26,	     .to = 27,
		.ctl_limit = 8,	     .ctl_goal = 72,
		.ctl_sweep = 80,     .ctl_triggered = 88,
		.ctl_live = 104,     .ctl_marked = 152,
		.ctl_start = 224,    .ctl_inuse = 272,
		.ctl_released = 280, .ctl_free = 288,
		.ctl_alloc = 296,    .ctl_freed = 304,
		.ctl_ready = 312,    .ms_sys = 3520,
		.ms_pause_ns = 3584, .ms_pause_end = 5632,
		.ms_numgc = 7680,    .hs_size = 1168,
		.hs_stacks = 24,     .hs_words = 2,
		.headroom = 3,
	},
};
#define N_LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))
#define SETTLED	  21 /* runtime.gcController has not changed since */

unsigned go_minor(const char *version)
{
	const char *p = strstr(version, "go1.");

	return p ? (unsigned)strtoul(p + 4, NULL, 10) : 0;
}

const struct go_layout *go_layout_of(unsigned minor, bool *guess)
{
	const struct go_layout *l = NULL;

	*guess = false;
	for (size_t i = 0; i < N_LAYOUTS; i++) {
		if (minor >= layouts[i].from && minor <= layouts[i].to)
			return &layouts[i];
		if (minor > layouts[i].to)
			l = &layouts[i];
	}
	/* 1.20 lies between two that differ in everything */
	*guess = l && minor > SETTLED;
	return *guess ? l : NULL;
}

const struct go_layout *go_layout_by_counter(const struct go_layout *l, uint64_t distance)
{
	for (size_t i = 0; i < N_LAYOUTS; i++)
		if (layouts[i].ms_numgc == distance && layouts[i].ctl_live == l->ctl_live)
			return &layouts[i];
	return NULL;
}
