/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tui.h - the live view, paused view and replay: one program over one source.
 *
 * The TUI reads the model and nothing else: no libbpf, no /proc, no files. What
 * brings events in is behind struct tui_source, so live and replay are the same
 * code here.
 */
#ifndef MEMPROF_TUI_H
#define MEMPROF_TUI_H

#include <stdbool.h>
#include <stdint.h>

#include "user/diagnose/diagnose.h"
#include "user/model/model.h"

struct tui_source {
	void *ctx;
	bool recorded; /* something writes it to a file already */
	bool live;     /* false: a recording; it has been folded to its end already */
	int fd;	       /* becomes readable when pump() has work; -1: only time tells */
	/*
	 * Takes in what has arrived. 1: go on; 0: the stream has ended (target
	 * gone, all of it folded; what is there stays browsable); -EINTR: the
	 * view is to end as if the user had quit; another -errno is shown.
	 */
	int (*pump)(void *ctx);
	/* The model as of now. Valid until the next pump(). */
	const struct mp_model *(*now)(void *ctx);
	/*
	 * The model as it was at ts (CLOCK_MONOTONIC ns, as in the model), its
	 * timeline excepted; valid until the next call of at(), work() or pump().
	 * NULL when the past does not reach so far back, or not yet: see work().
	 */
	const struct mp_model *(*at)(void *ctx, uint64_t ts);
	/*
	 * at(), kept in one of two places (slot 0 or 1) until that place is asked for
	 * another moment or the view ends: the states at two marks can be compared. NULL:
	 * as with at(); errno is ENOMEM where it was memory that lacked. Asking for both by
	 * turns may get neither: one, then the other. May be NULL.
	 */
	const struct mp_model *(*hold)(void *ctx, unsigned slot, uint64_t ts);
	/*
	 * What of [t0, t1) there is of a timeline of process pid (0: the first) finer than
	 * now()'s, if possible in points of at most `width` ns, or NULL; valid until its
	 * next call. May be NULL.
	 */
	const struct mp_timeline *(*window)(void *ctx, uint32_t pid, uint64_t t0, uint64_t t1,
					    uint64_t width);
	/*
	 * Hands the events of [t0, t1) to fn, in the stream's order, until it says
	 * non-zero. Returns that, 0, or -errno (-ENODATA: that time is not kept). May be
	 * NULL.
	 */
	int (*events)(void *ctx, uint64_t t0, uint64_t t1,
		      int (*fn)(void *arg, const struct mp_event *e), void *arg);
	/*
	 * What at(), hold() and window() were asked for last may take long. This does some ms of
	 * it: true as long as asking again would get more. May be NULL.
	 */
	bool (*work)(void *ctx);
	/*
	 * What the diagnosis finds up to now(); NULL: nothing yet, and work() will get there.
	 * Valid until the next call of any of these. May be NULL.
	 */
	const struct mp_findings *(*findings)(void *ctx);
	/*
	 * After the end, about once a second: another source has come in this one's place. Wanted:
	 * the view is at the present, and ends with -ERESTART when this says true; else it is
	 * looked at something of before, which stays. Does not wait. May be NULL.
	 */
	bool (*again)(void *ctx, bool wanted);
	/* Short notices for the status line ("target exited 0"), or NULL. */
	const char *(*notice)(void *ctx);
	/* What memprof itself takes, for the help, or NULL. May be NULL. */
	const char *(*about)(void *ctx);
	/* Saves the session so far to path, NULL: to a name of its own; fills msg with
	 * where or why not. 0 or -errno. May be NULL: there is nothing to save. */
	int (*save)(void *ctx, const char *path, char *msg, unsigned size);
	/* The same with a text, the screen as it is. May be NULL. */
	int (*snapshot)(void *ctx, const char *path, const char *text, char *msg, unsigned size);
};

enum tui_color { TUI_COLOR_AUTO = 0, TUI_COLOR_ALWAYS = 1, TUI_COLOR_NEVER = 2 };

enum tui_background { TUI_BG_AUTO = 0, TUI_BG_DARK = 1, TUI_BG_LIGHT = 2 };

struct tui_opts {
	enum tui_color color;
	enum tui_background theme; /* the terminal's background; auto: it is asked */
	unsigned frame_ms;	   /* time between frames; 0 = 100 */
	uint64_t seek;		   /* ns: the moment to start at, paused; 0 = the end */
	bool list;		   /* begins with the list of all processes */
	const char *hello;	   /* said at first, or NULL */
	bool no_mouse;		   /* the mouse is the terminal's: it selects text */
	bool keep_last;		   /* out: left with Q, the last screen should stay */
};

/*
 * Runs until the user quits. Returns 0, or -errno when the terminal cannot be
 * used (-ENOTTY, -EOPNOTSUPP for an unknown TERM): nothing has been written then
 * and the caller falls back to plain lines. The terminal is restored on every
 * way out, fatal signals included. -ERESTART: another source has come (tui_source.again).
 */
int tui_run(const struct tui_source *src, struct tui_opts *opts);

#endif /* MEMPROF_TUI_H */
