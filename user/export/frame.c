/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * frame.c - see frame.h.
 */
#include "user/export/frame.h"

const char *mp_frame_name(const struct mp_model *m, uint32_t mm, uint64_t ip, char *buf,
			  size_t size)
{
	const struct mp_place *at = mp_model_place(m, mm, ip);

	return at && at->name ? mp_str(m, at->name) : mp_frame_text(m, mm, ip, buf, size);
}
