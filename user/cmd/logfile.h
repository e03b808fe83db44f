/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * logfile.h - a GC log being read: plain or gzip, a file or stdin ("-"), as a stream.
 */
#ifndef MEMPROF_CMD_LOGFILE_H
#define MEMPROF_CMD_LOGFILE_H

#include "user/rt/gclog.h"

struct mp_logfile;

/* 0, or an exit code after a message. */
int mp_logfile_open(const char *path, struct mp_logfile **out);
/* All of it into the grammars. 0, or an exit code after a message: it is no file, or damaged
 * (MP_EXIT_PARTIAL: what came before that was read). *err: -errno, what else failed. */
int mp_logfile_read(struct mp_logfile *f, struct mp_gclog *l, int *err);
void mp_logfile_close(struct mp_logfile *f);

#endif /* MEMPROF_CMD_LOGFILE_H */
