/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * part.h - memprof export --format mprof -p PID --from TIME --to TIME: a part of a recording.
 */
#ifndef MEMPROF_CMD_PART_H
#define MEMPROF_CMD_PART_H

#include <stdbool.h>

struct mp_args;

/* Do the options ask for a part? */
bool mp_part_asked(const struct mp_args *a);
/* Makes it. An exit code, a message was printed where it is not 0. */
int mp_part_run(const struct mp_args *a);

#endif /* MEMPROF_CMD_PART_H */
