/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * frame.h - what a frame is called where frames of one function are to be one.
 */
#ifndef MEMPROF_EXPORT_FRAME_H
#define MEMPROF_EXPORT_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "user/model/model.h"

/* The function alone where it is known, else as mp_frame_text(). Raw bytes from
 * outside. Lives as long as buf and the model. */
const char *mp_frame_name(const struct mp_model *m, uint32_t mm, uint64_t ip, char *buf,
			  size_t size);

#endif /* MEMPROF_EXPORT_FRAME_H */
