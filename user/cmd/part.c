/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * part.c - see part.h: from options to a choice, and what to tell when it cannot be.
 */
#include "user/cmd/part.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "user/cmd/cmd.h"
#include "user/cmd/instant.h"
#include "user/rec/cut.h"

bool mp_part_asked(const struct mp_args *a)
{
	return a->n_pids || a->from || a->to;
}

static int instant(const struct mp_args *a, const char *text, const struct mp_loaded *l,
		   uint64_t *ts)
{
	struct mp_instant at;
	char what[128];

	if (!text)
		return 0;
	if (mp_instant_parse(text, &at))
		return mp_instant_find(&at, l->model, &l->info, a->files[0], ts);
	snprintf(what, sizeof(what), "'%.60s' is not a time", text);
	return mp_fail(MP_EXIT_USAGE, what, NULL,
		       "90, 12.5s, 2m after the start; -30s before the end; 10:05 or 10:05:30 of "
		       "the day; start; end");
}

/* The instants of --from and --to, which only the recording can tell. */
static int stretch(const struct mp_args *a, struct mp_cut_choice *c)
{
	struct mp_loaded l;
	int code;

	if (!a->from && !a->to)
		return 0;
	code = mp_load(a->files[0], &l, NULL, NULL);
	if (!l.model)
		return code;
	code = instant(a, a->from, &l, &c->from);
	if (!code)
		code = instant(a, a->to, &l, &c->to);
	mp_unload(&l);
	if (!code && a->to && c->to < c->from)
		code = mp_fail(MP_EXIT_USAGE, "--to is before --from", NULL, "");
	return code;
}

static int failed(const struct mp_args *a, int err)
{
	char what[4096 + 64];

	switch (err) {
	case -EINTR:
		return 128 + mp_signals_first();
	case -ESRCH:
		return mp_fail(MP_EXIT_NO_TARGET, "none of these processes is in that part", NULL,
			       "memprof dump FILE | grep task.target   lists those that are");
	case -ERANGE:
		return mp_fail(MP_EXIT_USAGE, "the recording has nothing of that time", NULL, "");
	case -EEXIST:
	case -ELOOP:
		snprintf(what, sizeof(what), "cannot create %s", a->output);
		return mp_fail(MP_EXIT_FAILURE, what, strerror(-err),
			       "give another name, or remove the file");
	default:
		snprintf(what, sizeof(what), "cannot take a part of %s", a->files[0]);
		return mp_fail(MP_EXIT_FAILURE, what, mp_reader_strerror(err), "");
	}
}

static bool asked_to_end(void)
{
	return mp_signals_count() > 0;
}

int mp_part_run(const struct mp_args *a)
{
	bool to_stdout = !a->output || !strcmp(a->output, "-");
	uint32_t pids[MP_PIDS_MAX];
	struct mp_cut_choice c = { .pids = pids, .n_pids = a->n_pids };
	struct mp_cut_info info;
	int code, err;

	if (a->redact)
		return mp_fail(MP_EXIT_USAGE, "a part is taken or redacted, not both at once", NULL,
			       "take the part with -o PART, then export PART with --redact");
	if (to_stdout && isatty(STDOUT_FILENO))
		return mp_fail(MP_EXIT_USAGE, "this format is not for terminals", NULL,
			       "give -o FILE, or send the output somewhere");
	for (size_t i = 0; i < a->n_pids; i++)
		pids[i] = (uint32_t)a->pids[i];
	code = stretch(a, &c);
	if (code)
		return code;
	mp_signals_init();
	err = mp_cut(a->files[0], to_stdout ? NULL : a->output, STDOUT_FILENO, &c, asked_to_end,
		     &info);
	if (err)
		return failed(a, err);
	return info.truncated ? mp_fail(MP_EXIT_PARTIAL,
					"what was read is truncated or damaged: its part is what "
					"could be read",
					NULL, "")
			      : MP_EXIT_OK;
}
