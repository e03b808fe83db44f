/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scenarios.h - the built-in scenarios of `memprof demo`: small programs on the
 * collector in gc/, run in a process of their own.
 */
#ifndef MEMPROF_SCENARIOS_H
#define MEMPROF_SCENARIOS_H

enum mp_scenario_bits {
	MP_SC_FORKS = 1 << 0,  /* its children are part of it */
	MP_SC_KILLED = 1 << 1, /* ends by SIGTERM: what grows and then ends by itself is no leak */
};

struct mp_scenario {
	const char *name;
	const char *doc;
	/* Runs it; pace_ms is how long a stage is held for somebody watching. */
	int (*run)(unsigned pace_ms);
	unsigned bits; /* enum mp_scenario_bits */
};

extern const struct mp_scenario mp_scenarios[];

#endif /* MEMPROF_SCENARIOS_H */
