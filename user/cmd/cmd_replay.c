/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_replay.c - memprof replay: the TUI or plain lines over a recording.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tui/tui.h"
#include "user/cmd/cmd.h"
#include "user/cmd/feed.h"
#include "user/cmd/instant.h"
#include "user/cmd/judge.h"
#include "user/cmd/lines.h"
#include "user/cmd/live.h"
#include "user/cmd/logjoin.h"
#include "user/cmd/past.h"
#include "user/cmd/save.h"
#include "user/cmd/view.h"
#include "user/rec/history.h"
#include "user/util/util.h"

struct replay {
	struct mp_loaded l;
	struct mp_past past;
	struct mp_judge judge;
	const char *path;
	uint64_t seek;	 /* ns, 0 = the end */
	char notice[96]; /* what is not as it should be, or not shown */
};

static int replay_pump(void *ctx)
{
	(void)ctx;
	return mp_signals_count() ? -EINTR : 0;
}

static const struct mp_model *replay_now(void *ctx)
{
	return ((struct replay *)ctx)->l.model;
}

static const struct mp_model *replay_at(void *ctx, uint64_t ts)
{
	return mp_past_at(&((struct replay *)ctx)->past, ts);
}

static const struct mp_model *replay_hold(void *ctx, unsigned slot, uint64_t ts)
{
	return mp_past_hold(&((struct replay *)ctx)->past, slot, ts);
}

static const struct mp_timeline *replay_window(void *ctx, uint32_t pid, uint64_t t0, uint64_t t1,
					       uint64_t width)
{
	return mp_past_window(&((struct replay *)ctx)->past, pid, t0, t1, width);
}

static int replay_events(void *ctx, uint64_t t0, uint64_t t1,
			 int (*fn)(void *arg, const struct mp_event *e), void *arg)
{
	return mp_history_events(((struct replay *)ctx)->past.h, t0, t1, fn, arg);
}

/* The past that is waited for comes first. */
static bool replay_work(void *ctx)
{
	struct replay *r = ctx;
	uint64_t end = mp_monotonic_ns() + MP_SLICE_NS;

	return mp_past_work(&r->past) || mp_judge_work(&r->judge, end);
}

static const struct mp_findings *replay_findings(void *ctx)
{
	struct replay *r = ctx;

	return mp_judge_recording(&r->judge, r->path, r->l.info.bytes);
}

static const char *replay_notice(void *ctx)
{
	const struct replay *r = ctx;

	return *r->notice ? r->notice : NULL;
}

static int replay_snapshot(void *ctx, const char *path, const char *text, char *msg, unsigned size)
{
	return mp_save_text(replay_now(ctx), path, text, msg, size);
}

static void note_state(struct replay *r)
{
	const struct mp_rec_info *info = &r->l.info;
	char *to = r->notice;

	if (info->state == MP_REC_TRUNCATED)
		snprintf(to, sizeof(r->notice), "truncated: it ends without its end mark");
	else if (info->state == MP_REC_DAMAGED)
		snprintf(to, sizeof(r->notice), "damaged: blocks unreadable: %llu",
			 (unsigned long long)info->bad_blocks);
	else if (!r->l.model->n_procs)
		snprintf(to, sizeof(r->notice), "no process in this recording");
}

static int replay_tui(struct replay *r, const struct mp_args *a)
{
	struct tui_source src = { .ctx = r,
				  .live = false,
				  .fd = -1,
				  .pump = replay_pump,
				  .now = replay_now,
				  .at = replay_at,
				  .hold = replay_hold,
				  .events = replay_events,
				  .window = replay_window,
				  .work = replay_work,
				  .findings = replay_findings,
				  .notice = replay_notice,
				  .snapshot = replay_snapshot };
	struct tui_opts o = { .color = (enum tui_color)a->color,
			      .theme = (enum tui_background)a->theme,
			      .seek = r->seek,
			      .list = r->l.model->n_procs > 1,
			      .no_mouse = a->no_mouse };
	int err = mp_history_from_reader(r->l.reader, &r->past.h);

	note_state(r);
	if (!err)
		err = tui_run(&src, &o);
	mp_judge_free(&r->judge);
	mp_past_free(&r->past);
	mp_history_free(r->past.h);
	return err;
}

static int replay_plain(const struct mp_args *a)
{
	struct mp_lines p = { .interval = a->interval_ns ? a->interval_ns : 1000000000ULL };
	struct mp_report_info info;
	struct mp_instant at;
	struct mp_loaded l;
	struct mp_term term;
	int code, err;

	mp_term_init(&term, stdout, a->color);
	p.pl = mp_plain_new(stdout, &term);
	if (!p.pl)
		return mp_fail(MP_EXIT_FAILURE, "out of memory", NULL, NULL);
	p.middle = a->at;
	if (a->at && mp_instant_parse(a->at, &at))
		code = mp_load_at(a->files[0], &l, &at, mp_lines_event, &p);
	else
		code = mp_load(a->files[0], &l, mp_lines_event, &p);
	l.at = 0; /* all that came after it was seen too */
	if (!l.model || l.fn_err) {
		err = l.fn_err;
		mp_plain_free(p.pl);
		mp_unload(&l);
		return mp_finish_stdout(err, code);
	}
	mp_loaded_info(&l, a->files[0], &info);
	err = mp_plain_end(p.pl, l.model, &info);
	if (!err)
		err = mp_plain_stages(p.pl, l.model);
	mp_plain_free(p.pl);
	mp_unload(&l);
	return mp_finish_stdout(err, code);
}

/*
 * A recording that still arrives: it is shown as what goes on is. Keys come from the terminal,
 * also where standard input is the recording. -ENOTTY: there is no terminal.
 */
static int replay_stream(const struct mp_args *a, int *code)
{
	bool in = !strcmp(a->files[0], "-");
	int fd, tty, err;
	struct mp_rec_info info;
	struct mp_live live;
	struct mp_feed *f;

	fd = in ? dup(STDIN_FILENO) : open(a->files[0], O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	tty = in ? open("/dev/tty", O_RDWR | O_CLOEXEC) : -1;
	if (in && (tty < 0 || dup2(tty, STDIN_FILENO) < 0)) {
		close(fd);
		return -ENOTTY;
	}
	if (tty >= 0)
		close(tty);
	err = mp_feed_new(fd, NULL, true, &f);
	if (err)
		return err;
	err = mp_feed_start(f);
	mp_live_feed(&live, f);
	if (err >= 0)
		err = mp_view_tui(&live, a);
	mp_feed_info(f, &info);
	*code = info.bad_blocks ? MP_EXIT_PARTIAL : 0;
	mp_feed_free(f);
	return err;
}

static int replay_pipe(const struct mp_args *a)
{
	int code = 0, err = -ENOTTY;

	if (a->at)
		return mp_fail(MP_EXIT_USAGE, "what arrives begins at its beginning", NULL,
			       "cat > a.mprof   in front of it, and then with a.mprof");
	mp_signals_init();
	if (!a->plain && isatty(STDOUT_FILENO))
		err = replay_stream(a, &code);
	if (err == -ENOTTY || err == -EOPNOTSUPP)
		return replay_plain(a);
	if (err && err != -EINTR)
		return mp_fail(MP_EXIT_FAILURE, "the view failed", mp_reader_strerror(err), "");
	return code;
}

int cmd_replay(struct mp_args *a)
{
	struct replay r = { .path = a->n_files ? a->files[0] : NULL };
	struct mp_instant at;
	int code, err;

	if (a->n_files != 1)
		return mp_fail(MP_EXIT_USAGE, "one recording at a time", NULL,
			       "memprof replay FILE   (see memprof replay --help)");
	if (a->n_gc_logs)
		return mp_logjoin_run(a, cmd_replay);
	if (mp_is_stream(a->files[0]))
		return replay_pipe(a);
	if (!mp_view_full(a))
		return replay_plain(a);
	mp_signals_init();
	code = mp_load(a->files[0], &r.l, NULL, NULL);
	if (!r.l.model)
		return code;
	if (a->at && mp_instant_parse(a->at, &at)) {
		err = mp_instant_find(&at, r.l.model, &r.l.info, a->files[0], &r.seek);
		if (err) {
			mp_unload(&r.l);
			return err;
		}
	}
	err = replay_tui(&r, a);
	mp_unload(&r.l);
	if (err == -EOPNOTSUPP || err == -ENOTTY)
		return replay_plain(a);
	if (err && err != -EINTR)
		return mp_fail(MP_EXIT_FAILURE, "the view failed", strerror(-err), "");
	return code;
}
