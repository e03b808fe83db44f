/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * join.h - GC logs joined to a recording: which of a log's collections happened in it, when,
 * to which process, and which the recording had seen itself.
 *
 * Owns: what was learned of both, and the events that come of it. Must not: read files, fold
 * events. Use: all events of the recording through mp_join_look(), then each log through
 * mp_join_file() and mp_join_take(), mp_join_place(), then the recording again through
 * mp_join_event(), which puts the log's events in between.
 */
#ifndef MEMPROF_RT_JOIN_H
#define MEMPROF_RT_JOIN_H

#include "bpf/events.h"
#include "user/rt/align.h"
#include "user/rt/gclog.h"

struct mp_join_opts {
	uint32_t pid;	 /* the logs are of this process; 0: found out         */
	bool has_offset; /* the time is given:                                 */
	int64_t offset;	 /* ns from the recording's start to the log's zero, or,
			  * where stamps are no times since a start, to be added */
};

struct mp_join;
/* NULL: no memory. */
struct mp_join *mp_join_new(const struct mp_join_opts *o);
void mp_join_free(struct mp_join *j);

/* 0 or -ENOMEM. */
int mp_join_look(struct mp_join *j, const struct mp_event *e);
/* The next collections are of another file. 0 or -ENOMEM. */
int mp_join_file(struct mp_join *j);
/* As mp_gclog_new() wants it: ctx is the join. */
int mp_join_take(void *ctx, const struct mp_gclog_gc *gc);
/* All logs were read. 0 or -ENOMEM. */
int mp_join_place(struct mp_join *j);

/* What became of a file's collections; the sum is all that were taken from it. */
struct mp_join_file {
	uint64_t joined;	/* put into the recording                              */
	uint64_t same;		/* the recording had seen them itself                  */
	uint64_t before, after; /* not in its time                                */
	uint64_t other;		/* of another process, or another run of the program   */
	uint64_t unplaced;	/* nothing tells when they were                        */
	uint64_t dropped;	/* more than a join keeps                              */
};

/* How the times of one heap in one run of a program were found. */
struct mp_join_clock {
	unsigned file;
	enum mp_gclog_lang lang;
	uint32_t pid;  /* as the recording has it                             */
	uint64_t heap; /* V8's isolate; 0: not told                           */
	enum mp_align_how how;
	bool has_zero;
	int64_t zero;  /* ns from the recording's start to the log's time 0   */
	int64_t shift; /* ns that were added to what the stamps said          */
	uint64_t err;  /* ns                                                  */
	unsigned agree, of;
	uint64_t n;   /* collections in the recording's time                 */
	bool doubled; /* not joined: the recording has its own, and which are
		       * which cannot be told                                */
	bool twice;   /* joined, but most of its collections have no like among those that the
		       * recording has itself: they may be in it twice                    */
	bool local;   /* its stamps are of a zone that was not told          */
};

size_t mp_join_n_files(const struct mp_join *j);
const struct mp_join_file *mp_join_file_at(const struct mp_join *j, size_t i);
/* Those of the recorded processes, of runs that were taken. */
size_t mp_join_n_clocks(const struct mp_join *j);
const struct mp_join_clock *mp_join_clock_at(const struct mp_join *j, size_t i);
/* The process that most of what is not the recording's was of; 0: no other was named. */
uint32_t mp_join_other_pid(const struct mp_join *j);
/* The recorded one, for messages: its number, 0 if there is none. */
uint32_t mp_join_pid(const struct mp_join *j);

/* A log was taken for no process, since all run another runtime than its, *log: the first one,
 * of that pid, runs *own. False: there was no such. */
bool mp_join_misfit(const struct mp_join *j, uint32_t *pid, const char **log, const char **own);

/* What is folded in e's place, in order. emit's first non-zero result ends it. */
int mp_join_event(struct mp_join *j, const struct mp_event *e,
		  int (*emit)(void *to, const struct mp_event *e), void *to);
/* From the first event again. */
void mp_join_rewind(struct mp_join *j);

#endif /* MEMPROF_RT_JOIN_H */
