/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scenarios.h - the built-in scenarios of `memprof demo`: small programs on the
 * collector in gc/, run in a process of their own.
 */
#ifndef MEMPROF_SCENARIOS_H
#define MEMPROF_SCENARIOS_H

struct mp_scenario {
	const char *name;
	const char *doc;
	/* Runs it; pace_ms is how long a stage is held for somebody watching. */
	int (*run)(unsigned pace_ms);
};

extern const struct mp_scenario mp_scenarios[];

#endif /* MEMPROF_SCENARIOS_H */
