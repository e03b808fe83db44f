/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * procs.h - all processes instead of one: their rows, their tree, the sum of their
 * timelines, and the way from the list to one of them and back.
 */
#ifndef MEMPROF_TUI_PROCS_H
#define MEMPROF_TUI_PROCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tui/view.h"
#include "user/model/model.h"

struct tui_frame;

/* A process as the list shows it. */
struct tui_proc {
	const struct mp_proc *p;   /* at the moment looked at                   */
	const struct mp_proc *now; /* as it is now: it has the timeline         */
	bool ended;		   /* at that moment                            */
	unsigned depth;		   /* in the tree, 0: nobody's child            */
	uint32_t rank;		   /* its place in the tree, parents first      */
	/* what it has now; not known of one that has ended */
	bool rss_known, grown_known, rate_known;
	int64_t rss;   /* bytes it holds                            */
	int64_t grown; /* bytes, since the left edge of the plot    */
	double rate;   /* faults a second, in the last second or so */
};

struct tui_procs {
	struct tui_proc *v; /* in the order they were seen */
	size_t n, cap;
	bool tree; /* some are children of others */
	size_t ended;
};

/*
 * The timelines of all processes added up, at most TUI_SUM_MAX points: RSS and its parts
 * of those that live at a point's end, and counts of what happened. What was added up
 * stays when the model drops a process.
 */
#define TUI_SUM_MAX 1024
struct tui_sum {
	struct mp_timeline tl;
	uint64_t upto;	/* ns: of the model when it was last brought up to date */
	size_t changed; /* the first point that was added up anew then         */
	struct tui_sum_width {
		uint32_t pid;
		uint64_t start, ns;
	} * width; /* of the points of each process, as last seen */
	size_t cap_width;
};

/* Brings it up to m. 0 or -ENOMEM. */
int tui_sum_update(struct tui_sum *s, const struct mp_model *m);
/* The highest RSS of all together, bytes; MP_UNKNOWN: none was ever told. */
uint64_t tui_sum_max(const struct tui_sum *s);
void tui_sum_free(struct tui_sum *s);

/* Collects f->procs of the moment looked at. 0 or -ENOMEM. */
int tui_procs_collect(struct tui_frame *f);
/* The stretch of time that their curves show, [*t0, *t1). */
void tui_procs_span(const struct tui_frame *f, uint64_t *t0, uint64_t *t1);
/* What a row of the list is known by; stays over an exec. Its pid is in the low bits. */
#define TUI_PROC_PID 0x3fffffu /* pids have 22 bits */
uint64_t tui_proc_id(const struct mp_proc *p);
/* Processes that were ever seen. */
uint64_t tui_procs_seen(const struct mp_model *m);

/* To the list of all processes; the one looked at is selected. */
void tui_list_show(struct tui_frame *f);
/* To one of them, with its plot. */
void tui_list_choose(struct tui_frame *f, const struct mp_proc *p);
/* To the next (1) or previous (-1) one; in the list: the next row. */
void tui_list_step(struct tui_frame *f, int by);
/* To the process of that number; false: there is none. */
bool tui_list_pid(struct tui_frame *f, uint32_t pid);

/* "exited 0", "killed by signal 9", "ended"; "" while it runs. Returns buf. */
char *tui_end_text(const struct mp_proc *p, char *buf, size_t size);

/* The same in 10 cells: "exited 0", "signal 9". */
char *tui_end_brief(const struct mp_proc *p, char *buf, size_t size);

#endif /* MEMPROF_TUI_PROCS_H */
