/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * notable.h - what is worth a second look, said from the state alone: one table of
 * rules, each with its threshold by name.
 *
 * Owns: the rules and their wording. Must not: diagnose. A row says how things look
 * at one moment and what figures that rests on; what caused it, and what it may be
 * confused with, needs the events.
 */
#ifndef MEMPROF_VIEW_NOTABLE_H
#define MEMPROF_VIEW_NOTABLE_H

#include <stddef.h>
#include <stdint.h>

#include "user/model/model.h"

enum mp_level { MP_LEVEL_INFO = 0, MP_LEVEL_WARN = 1, MP_LEVEL_BAD = 2 };

#define MP_NOTABLE_MAX	  48
#define MP_NOTABLE_FACTS  4
#define MP_NOTABLE_LENGTH 160

struct mp_notable {
	const char *name; /* of the rule; several rows may have one, by `sub`   */
	unsigned sub;
	enum mp_level level;
	uint64_t bytes;		      /* that it is about, or MP_UNKNOWN                    */
	uint64_t ts;		      /* the moment of its evidence, or MP_UNKNOWN          */
	const char *rule;	      /* what must be so, in words                          */
	const char *hint;	      /* what else it may be, or how to see more            */
	char text[MP_NOTABLE_LENGTH]; /* one sentence; names in it are raw bytes */
	unsigned n_facts;
	struct {
		const char *what;
		uint64_t v; /* bytes, or MP_UNKNOWN */
	} fact[MP_NOTABLE_FACTS];
};

/*
 * Fills out[] with what is notable of p in the state m, the worst first and of the
 * same level the most bytes first; returns how many, at most MP_NOTABLE_MAX. tl is
 * the timeline that tells since when (a state of the past has none of its own); it may
 * be NULL, and what comes after m->now in it is not looked at.
 */
size_t mp_notables(const struct mp_model *m, const struct mp_proc *p, const struct mp_timeline *tl,
		   struct mp_notable out[MP_NOTABLE_MAX]);

/* "info", "warn", "bad". */
const char *mp_level_name(enum mp_level level);

#endif /* MEMPROF_VIEW_NOTABLE_H */
