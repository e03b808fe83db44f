/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diag.c - see diag.h.
 */
#include "user/util/diag.h"

#include <stdio.h>

int mp_diag_set(struct mp_diag *d, int err, int exit_code, const char *what, const char *cause,
		const char *fix)
{
	d->exit_code = exit_code;
	if (what)
		mp_diag_fmt(d->what, "%s", what);
	if (cause)
		mp_diag_fmt(d->cause, "%s", cause);
	if (fix)
		mp_diag_fmt(d->fix, "%s", fix);
	return err;
}
