/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_top.c - memprof top: the TUI or plain lines over a session, or over what a daemon tells.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "tui/tui.h"
#include "user/cmd/cmd.h"
#include "user/cmd/connect.h"
#include "user/cmd/judge.h"
#include "user/cmd/lines.h"
#include "user/cmd/live.h"
#include "user/cmd/past.h"
#include "user/cmd/save.h"
#include "user/cmd/view.h"
#include "user/rec/history.h"
#include "user/util/util.h"

/* --- the TUI over it ------------------------------------------------------------------ */

struct live {
	const struct mp_live *on;
	struct mp_past past;
	struct mp_judge judge;
	uint64_t deadline;   /* ns, 0 = none */
	char about[96];	     /* what memprof itself takes */
	uint64_t about_next; /* when that is looked up again, ns */
};

static int live_pump(void *ctx)
{
	const struct live *l = ctx;

	/* Asked to end from outside, or by --duration: as if the user had quit. */
	if (mp_signals_count() || (l->deadline && mp_monotonic_ns() >= l->deadline))
		return -EINTR;
	return l->on->pump(l->on->of);
}

static const struct mp_model *live_now(void *ctx)
{
	return ((struct live *)ctx)->on->model;
}

static const struct mp_model *live_at(void *ctx, uint64_t ts)
{
	return mp_past_at(&((struct live *)ctx)->past, ts);
}

static const struct mp_model *live_hold(void *ctx, unsigned slot, uint64_t ts)
{
	return mp_past_hold(&((struct live *)ctx)->past, slot, ts);
}

static const struct mp_timeline *live_window(void *ctx, uint32_t pid, uint64_t t0, uint64_t t1,
					     uint64_t width)
{
	return mp_past_window(&((struct live *)ctx)->past, pid, t0, t1, width);
}

static int live_events(void *ctx, uint64_t t0, uint64_t t1,
		       int (*fn)(void *arg, const struct mp_event *e), void *arg)
{
	return mp_history_events(((struct live *)ctx)->past.h, t0, t1, fn, arg);
}

static bool live_work(void *ctx)
{
	return mp_past_work(&((struct live *)ctx)->past);
}

static const struct mp_findings *live_findings(void *ctx)
{
	return mp_judge_live(&((struct live *)ctx)->judge, live_now(ctx));
}

/* That it has ended is seen from the model; what the session has to say besides is not. */
static const char *live_notice(void *ctx)
{
	const struct mp_live *on = ((struct live *)ctx)->on;

	return on->trouble(on->of);
}

static bool live_again(void *ctx, bool wanted)
{
	const struct mp_live *on = ((struct live *)ctx)->on;

	return on->again(on->of, wanted);
}

/* Looked up once a second at most: the help may stand for long. */
static const char *live_about(void *ctx)
{
	struct live *l = ctx;
	uint64_t now = mp_monotonic_ns();
	struct mp_usage u;
	char rss[16], bpf[16];

	if (now < l->about_next)
		return l->about;
	l->about_next = now + 1000000000ULL;
	l->on->usage(l->on->of, &u);
	snprintf(l->about, sizeof(l->about), " memprof itself: %s resident, %s of BPF maps ",
		 mp_bytes(rss, sizeof(rss), (int64_t)u.rss),
		 mp_bytes(bpf, sizeof(bpf), (int64_t)u.bpf));
	return l->about;
}

static int live_save(void *ctx, const char *path, char *msg, unsigned size)
{
	char own[128];
	int err;

	if (!path)
		path = mp_save_name(own, sizeof(own), live_now(ctx), "mprof");
	err = mp_history_save(((struct live *)ctx)->on->history, path);
	return mp_save_told(err, path, msg, size);
}

static int live_snapshot(void *ctx, const char *path, const char *text, char *msg, unsigned size)
{
	return mp_save_text(live_now(ctx), path, text, msg, size);
}

int mp_view_tui(const struct mp_live *on, const struct mp_args *a)
{
	struct live l = { .on = on,
			  .past.h = on->history,
			  .judge.d = mp_diagnosis_new(NULL),
			  .deadline = a->duration_ns ? mp_monotonic_ns() + a->duration_ns : 0 };
	struct tui_source src = { .ctx = &l,
				  .live = true,
				  .recorded = a->output,
				  .fd = on->fd,
				  .pump = live_pump,
				  .now = live_now,
				  .at = live_at,
				  .hold = live_hold,
				  .events = live_events,
				  .window = live_window,
				  .work = live_work,
				  .findings = live_findings,
				  .notice = live_notice,
				  .about = on->usage ? live_about : NULL,
				  .again = on->again ? live_again : NULL,
				  .save = live_save,
				  .snapshot = live_snapshot };
	struct tui_opts o = { .color = (enum tui_color)a->color,
			      .theme = (enum tui_background)a->theme,
			      .list = on->model->n_procs > 1 || a->follow_forks,
			      .frame_ms = (unsigned)(a->interval_ns / 1000000),
			      .hello = on->hello,
			      .no_mouse = a->no_mouse };

	int err;

	if (a->cmd)
		o.hello = "the command reads an empty input; what it writes comes when you leave";
	on->observe(on->of, mp_judge_observe, &l.judge);
	err = tui_run(&src, &o);
	on->observe(on->of, NULL, NULL);
	mp_judge_free(&l.judge);
	mp_past_free(&l.past);
	return err;
}

/* --- the whole of a session, or of what a daemon tells ------------------------------------- */

bool mp_view_full(const struct mp_args *a)
{
	return !a->plain && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

int mp_view_live(const struct mp_live *l, const struct mp_args *a, bool story)
{
	int err = -ENOTTY;

	if (mp_view_full(a)) {
		err = mp_view_tui(l, a);
		if (err == -EOPNOTSUPP)
			mp_fail(0,
				"this terminal cannot show the full screen (TERM is unknown or "
				"dumb)",
				NULL, "plain lines follow; or: TERM=xterm memprof ...");
	}
	if (err == -ENOTTY || err == -EOPNOTSUPP)
		err = mp_lines_live(l, a, story);
	return err == -EINTR ? 0 : err;
}

/* Where the output of a command goes while its terminal shows the view: a file that
 * nobody else sees, copied out afterwards. */
static FILE *hold_output(const struct mp_args *a, struct mp_session_opts *o)
{
	FILE *f = NULL;

	if (a->cmd && mp_view_full(a))
		f = tmpfile();
	if (f) {
		fcntl(fileno(f), F_SETFD, FD_CLOEXEC);
		o->cmd_out_fd = fileno(f);
	}
	return f;
}

static void release_output(FILE *f)
{
	char buf[8192];
	size_t n;

	if (!f)
		return;
	rewind(f);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		fwrite(buf, 1, n, stdout);
	fflush(stdout);
	fclose(f);
}

int mp_view_run(const struct mp_args *a, bool story)
{
	struct mp_session_opts o;
	struct mp_diag diag = { 0 };
	struct mp_session *s;
	struct mp_live live;
	int err, code, rec;
	char text[640];
	FILE *held;

	mp_signals_init();
	mp_session_opts_from(a, &o);
	held = hold_output(a, &o);
	if (mp_session_open(&o, &s, &diag)) {
		release_output(held);
		return mp_complain(&diag);
	}
	mp_say_gc_log(a, s);
	mp_live_session(&live, s);
	err = mp_view_live(&live, a, story);
	/* A command whose view was left has nothing to run for: nobody sees it. */
	mp_session_end_command(s);
	code = mp_session_exit_code(s);
	mp_session_finish(s);
	rec = mp_session_diag(s) ? mp_complain(mp_session_diag(s)) : 0;
	while (mp_session_message(s, text, sizeof(text)))
		mp_fail(0, text, NULL, NULL);
	mp_session_close(s);
	release_output(held);
	if (err || rec)
		return err ? mp_finish_stdout(err, 0) : rec;
	return code >= 0 ? code : MP_EXIT_OK;
}

int cmd_top(struct mp_args *a)
{
	if ((a->list || a->json) && !a->connect)
		return mp_fail(MP_EXIT_USAGE, "--list and --json are for --connect", NULL,
			       "memprof top --connect --list");
	if (a->connect && a->output)
		return mp_fail(MP_EXIT_USAGE, "top --connect shows and writes nothing", NULL,
			       "memprof record --connect -o FILE");
	if (a->connect)
		return a->list || a->json ? mp_connect_list(a) : mp_view_connected(a);
	if (!a->input)
		return mp_view_run(a, false);
	a->files[0] = (char *)a->input;
	a->n_files = 1;
	return cmd_replay(a);
}
