/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * instant.c - see instant.h.
 */
#include "user/cmd/instant.h"

#include <errno.h>
#include <stdio.h>

#include "user/cmd/cmd.h"
#include "user/util/util.h"
#include "user/view/figures.h"

static int outside(const char *path, const struct mp_model *m, uint64_t first, uint64_t last)
{
	char what[4096 + 64], cause[128], from[16], to[16];

	snprintf(what, sizeof(what), "%s does not reach that instant", path);
	mp_wall_text(m, first, 0, from, sizeof(from));
	mp_wall_text(m, last, 0, to, sizeof(to));
	snprintf(cause, sizeof(cause), "it has %.3f s to %.3f s of the session, from %s to %s",
		 (double)mp_fig_since(m, first) / 1e9, (double)mp_fig_since(m, last) / 1e9, from,
		 to);
	return mp_fail(MP_EXIT_USAGE, what, cause,
		       "give a time of the session (12.5s), from its start (+3s) or end (-30s), or "
		       "of the day");
}

int mp_instant_find(const struct mp_instant *at, const struct mp_model *m,
		    const struct mp_rec_info *info, const char *path, uint64_t *ts)
{
	uint64_t first = info->first_ts, last = info->last_ts > first ? info->last_ts : first;
	int err = mp_instant_ts(at, m, first, last, first, ts);

	if (err == -ENODATA)
		return mp_fail(MP_EXIT_USAGE, "the recording does not say when it was made", NULL,
			       "give the time of the session: 12.5s");
	return err ? outside(path, m, first, last) : 0;
}
