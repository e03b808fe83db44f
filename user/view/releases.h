/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * releases.h - the part of the reports about memory given back: by place, asked against
 * released, touched again; and what is left to the kernel by MADV_FREE.
 *
 * For the reports only.
 */
#ifndef MEMPROF_VIEW_RELEASES_H
#define MEMPROF_VIEW_RELEASES_H

#include <stdio.h>

#include "user/view/figures.h"
#include "user/view/json.h"
#include "user/view/text.h"

/* Keys "releases" and "lazyfree" of the object that is open. 0 or -ENOMEM. */
int mp_releases_json(struct mp_json *j, const struct mp_figures *fg);
/* A section each where there is something to say. 0 or -ENOMEM. */
int mp_releases_text(FILE *f, const struct mp_term *term, const struct mp_figures *fg);

#endif /* MEMPROF_VIEW_RELEASES_H */
