/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * out.h - the way to the terminal: bytes wait here when it does not take them,
 * and nobody waits for it. A link that is slow, a terminal stopped with Ctrl-S or
 * one that nobody reads costs frames, never events.
 */
#ifndef MEMPROF_TUI_OUT_H
#define MEMPROF_TUI_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * A stream to give to curses for the terminal behind descriptor fd, or NULL. It
 * belongs to this file until tui_out_close().
 */
FILE *tui_out_open(int fd);
void tui_out_close(void);

/* What is written to the stream between the two is put into the queue. */
void tui_out_begin(void);
void tui_out_end(void);

/* Puts bytes of our own there. */
void tui_out_put(const char *bytes, size_t n);

/* Sends what the terminal takes at once. True: the queue is empty. */
bool tui_out_send(void);
/* The same, but waits up to ms for the terminal. */
bool tui_out_drain(unsigned ms);
/* Everything sent has left this machine too, as far as the driver tells. */
bool tui_out_idle(void);
/* Throws away what is in the queue and what the terminal has not read, and
 * lets it go on when it was stopped. */
void tui_out_drop(void);
/* To wait on for room; -1 when nothing is waiting for it. */
int tui_out_pending_fd(void);
/* Bytes put into the queue so far. */
uint64_t tui_out_bytes(void);
/* A few bytes at any cost, the queue past; safe in a signal handler. */
void tui_out_now(const char *bytes, size_t n);

#endif /* MEMPROF_TUI_OUT_H */
