/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_report.c - memprof report and memprof dump: a recording as text or JSON.
 */
#include <errno.h>
#include <string.h>

#include "user/cmd/cmd.h"
#include "user/cmd/connect.h"
#include "user/cmd/instant.h"
#include "user/cmd/logjoin.h"
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

static int load(const struct mp_args *a, struct mp_logjoin *g, struct mp_loaded *l)
{
	struct mp_event_filter by;
	struct mp_instant at;
	const char *path = a->files[0];
	int code;

	if (a->at && mp_instant_parse(a->at, &at)) {
		code = g ? mp_logjoin_file(g, a->files[0], &path) : 0;
		return code ? code : mp_load_at(path, l, &at, NULL, NULL);
	}
	if (!g)
		return mp_load(path, l, a->full ? mp_load_all : NULL, NULL);
	mp_logjoin_filter(g, &by);
	return mp_load_through(path, l, &by, NULL, NULL);
}

static int report(struct mp_args *a, struct mp_logjoin *g)
{
	struct mp_report_info info;
	struct mp_loaded l = { 0 };
	struct mp_term term;
	int code = load(a, g, &l), err;

	if (!l.model) {
		mp_unload(&l);
		return code;
	}
	mp_loaded_info(&l, a->files[0], &info);
	info.gc_log = mp_logjoin_told(g);
	if (a->n_pids && !mp_model_pid(l.model, (uint32_t)a->pids[0])) {
		mp_unload(&l);
		return not_recorded(a->pids[0]);
	}
	info.pid = a->n_pids ? (uint32_t)a->pids[0] : 0;
	mp_fill_symbols(a, l.model);
	mp_term_init(&term, stdout, a->color);
	err = a->json ? mp_report_json(stdout, l.model, &info)
		      : mp_report_text(stdout, l.model, &info, &term);
	mp_unload(&l);
	return mp_finish_stdout(err, code);
}

/* What a daemon knows of the last minutes, up to now. */
static int report_connected(const struct mp_args *a)
{
	struct mp_report_info info = { .state = "live",
				       .duration_ns = MP_UNKNOWN,
				       .events = MP_UNKNOWN,
				       .blocks = MP_UNKNOWN,
				       .bytes = MP_UNKNOWN,
				       .pid = a->n_pids ? (uint32_t)a->pids[0] : 0 };
	struct mp_rec_info rec;
	struct mp_term term;
	struct mp_feed *f;
	int code, err;

	mp_signals_init();
	code = mp_connect_look(a, NULL, NULL, &f);
	if (!f)
		return code;
	mp_feed_info(f, &rec);
	info.events = rec.events;
	mp_term_init(&term, stdout, a->color);
	err = a->json ? mp_report_json(stdout, mp_feed_model(f), &info)
		      : mp_report_text(stdout, mp_feed_model(f), &info, &term);
	mp_feed_free(f);
	return mp_finish_stdout(err, code);
}

int cmd_report(struct mp_args *a)
{
	struct mp_logjoin *g;
	int code, joined;

	if (a->connect)
		return report_connected(a);
	if (a->duration_ns)
		return mp_fail(MP_EXIT_USAGE, "--duration of report is for --connect", NULL,
			       "memprof report --connect --duration 5m");
	code = one_file(a, "report");
	if (code)
		return code;
	if (a->at && a->full)
		return mp_fail(MP_EXIT_USAGE, "--at and --full exclude each other",
			       "what was at an instant is read from there",
			       "memprof report --full FILE   reads and checks all of it");
	joined = mp_logjoin_open(a, a->files[0], &g);
	if (joined && !g)
		return joined;
	code = report(a, g);
	mp_logjoin_close(g);
	return code ? code : joined;
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
