/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * save.h - what a view writes at the user's wish.
 *
 * Owns: names that nobody gave, and the words on what became of it. Must not: ask.
 */
#ifndef MEMPROF_CMD_SAVE_H
#define MEMPROF_CMD_SAVE_H

#include <stddef.h>

struct mp_model;

/* Of the first target, as a recording of it would be called. Returns buf. */
char *mp_save_name(char *buf, size_t size, const struct mp_model *m, const char *suffix);
/* Puts into words what err (0 or -errno) says, and returns it. */
int mp_save_told(int err, const char *path, char *msg, unsigned size);
/* Like a recording: nobody else's to read, over no file and through no link. path NULL: a name
 * of its own. 0 or -errno, in words in msg. */
int mp_save_text(const struct mp_model *m, const char *path, const char *text, char *msg,
		 unsigned size);

#endif /* MEMPROF_CMD_SAVE_H */
