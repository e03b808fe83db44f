/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_report.c - memprof report and memprof dump: a recording as text or JSON.
 */
#include <errno.h>
#include <string.h>

#include "user/cmd/cmd.h"
#include "user/model/model.h"
#include "user/view/dump.h"

static int one_file(const struct mp_args *a, const char *cmd)
{
	char fix[96];

	if (a->n_files == 1)
		return 0;
	snprintf(fix, sizeof(fix), "memprof %s FILE   (see memprof %s --help)", cmd, cmd);
	return mp_fail(MP_EXIT_USAGE, a->n_files ? "one recording at a time" : "no recording given",
		       NULL, fix);
}

static int not_recorded(pid_t pid)
{
	char what[64];

	snprintf(what, sizeof(what), "process %d is not in the recording", (int)pid);
	return mp_fail(MP_EXIT_NO_TARGET, what, NULL,
		       "memprof dump FILE | grep task.target   lists those that are");
}

int cmd_report(struct mp_args *a)
{
	struct mp_report_info info;
	struct mp_loaded l;
	struct mp_term term;
	int code = one_file(a, "report"), err;

	if (code)
		return code;
	code = mp_load(a->files[0], &l, NULL, NULL);
	if (!l.model)
		return code;
	mp_loaded_info(&l, a->files[0], &info);
	if (a->n_pids && !mp_model_pid(l.model, (uint32_t)a->pids[0])) {
		mp_unload(&l);
		return not_recorded(a->pids[0]);
	}
	info.pid = a->n_pids ? (uint32_t)a->pids[0] : 0;
	mp_term_init(&term, stdout, a->color);
	err = a->json ? mp_report_json(stdout, l.model, &info)
		      : mp_report_text(stdout, l.model, &info, &term);
	mp_unload(&l);
	return mp_finish_stdout(err, code);
}

static int dump_one(void *ctx, const struct mp_model *m, const struct mp_event *e)
{
	(void)ctx;
	errno = 0;
	if (!mp_dump_event(stdout, e, m->start ? m->start : e->ts, m))
		return 0;
	return errno ? -errno : -EIO;
}

int cmd_dump(struct mp_args *a)
{
	struct mp_loaded l;
	int code = one_file(a, "dump"), err;

	if (code)
		return code;
	code = mp_load(a->files[0], &l, dump_one, NULL);
	err = l.fn_err;
	mp_unload(&l);
	return mp_finish_stdout(err, code);
}
