/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * mprof.c - a recording as a recording: what --redact left of one, or one of an older
 * version or with damage in the form of today.
 *
 * Owns: nothing; the writer makes blocks, keyframes and the index anew.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "user/export/formats.h"
#include "user/rec/writer.h"

#define KEY_EVERY 50000000ULL /* ns: as often as a live session asks for keyframes */

struct again {
	struct mp_writer *w;
	uint64_t asked; /* ts at which a keyframe was asked for */
};

static int begin(struct mp_export *x)
{
	struct again *g = calloc(1, sizeof(*g));
	int err = g ? mp_writer_open_fd(fileno(x->f), &g->w) : -ENOMEM;

	if (err)
		free(g);
	else
		x->priv = g;
	return err;
}

/*
 * All that was appended so far is folded: the moment for a keyframe, if the model is not
 * just being restored from one that was read (after damage). Summaries are made anew.
 */
static int before(struct mp_export *x, const struct mp_model *m, const struct mp_event *e)
{
	struct again *g = x->priv;
	int err = 0;

	if (!m->in_key && e->ts >= g->asked + KEY_EVERY) {
		err = mp_writer_keyframe(g->w, m);
		g->asked = e->ts;
	}
	return err || e->type == MP_EV_POINT ? err : mp_writer_append(g->w, e, 1);
}

static int end(struct mp_export *x, const struct mp_model *m, int err)
{
	struct again *g = x->priv;
	struct mp_writer *w = g->w;

	(void)m;
	free(g);
	if (!err && !x->info->open_end)
		return mp_writer_close(w);
	if (!err) /* cut off as what was read is: how it went on stays unknown */
		err = mp_writer_flush(w);
	mp_writer_free(w);
	return err;
}

const struct mp_exporter mp_export_mprof = {
	.name = "mprof",
	.suffix = "mprof",
	.doc = "a recording again: to hand on with --redact, or written anew",
	.binary = true,
	.begin = begin,
	.before = before,
	.end = end,
};
