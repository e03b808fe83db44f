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

#include "user/model/model.h"

struct tui_source {
	void *ctx;
	bool live; /* false: a recording; it has been folded to its end already */
	int fd;    /* becomes readable when pump() has work; -1: only time tells */
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
	 * timeline excepted; valid until the next call of at() or pump(). NULL
	 * when the past does not reach so far back.
	 */
	const struct mp_model *(*at)(void *ctx, uint64_t ts);
	/* Short notices for the status line ("target exited 0"), or NULL. */
	const char *(*notice)(void *ctx);
	/* What memprof itself takes, for the help, or NULL. May be NULL. */
	const char *(*about)(void *ctx);
	/* Saves the session so far; fills msg with where or why not. 0 or -errno.
	 * May be NULL: there is nothing to save. */
	int (*save)(void *ctx, char *msg, unsigned size);
};

enum tui_color { TUI_COLOR_AUTO = 0, TUI_COLOR_ALWAYS = 1, TUI_COLOR_NEVER = 2 };

struct tui_opts {
	enum tui_color color;
	unsigned frame_ms;      /* time between frames; 0 = 100 */
	bool keep_last;         /* out: left with Q, the last screen should stay */
};

/*
 * Runs until the user quits. Returns 0, or -errno when the terminal cannot be
 * used (-ENOTTY, -EOPNOTSUPP for an unknown TERM): nothing has been written then
 * and the caller falls back to plain lines. The terminal is restored on every
 * way out, fatal signals included.
 */
int tui_run(const struct tui_source *src, struct tui_opts *opts);

#endif /* MEMPROF_TUI_H */
