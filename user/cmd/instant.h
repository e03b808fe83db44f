/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * instant.h - an instant of a recording, or what to tell the user instead.
 */
#ifndef MEMPROF_CMD_INSTANT_H
#define MEMPROF_CMD_INSTANT_H

#include <stdint.h>

#include "user/view/instant.h"

struct mp_rec_info;

/* The instant in a recording whose end the model is, as CLOCK_MONOTONIC ns. 0, or an exit
 * code after a message: it lies outside, or nothing tells the time of day. */
int mp_instant_find(const struct mp_instant *at, const struct mp_model *m,
		    const struct mp_rec_info *info, const char *path, uint64_t *ts);

#endif /* MEMPROF_CMD_INSTANT_H */
