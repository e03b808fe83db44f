/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_top.c - memprof top and replay: the TUI or plain lines over a session or a
 * recording.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tui/tui.h"
#include "user/cmd/cmd.h"
#include "user/cmd/view.h"
#include "user/rec/history.h"
#include "user/util/util.h"
#include "user/view/plain.h"

/* --- the TUI over a session ----------------------------------------------------------- */

struct live {
	struct mp_session *s;
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
	return mp_session_pump(l->s);
}

static const struct mp_model *live_now(void *ctx)
{
	return mp_session_model(((struct live *)ctx)->s);
}

static const struct mp_model *live_at(void *ctx, uint64_t ts)
{
	return mp_history_at(mp_session_history(((struct live *)ctx)->s), ts);
}

static const char *live_notice(void *ctx)
{
	return mp_session_notice(((struct live *)ctx)->s);
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
	mp_session_usage(l->s, &u);
	snprintf(l->about, sizeof(l->about), " memprof itself: %s resident, %s of BPF maps ",
		 mp_bytes(rss, sizeof(rss), (int64_t)u.rss),
		 mp_bytes(bpf, sizeof(bpf), (int64_t)u.bpf));
	return l->about;
}

static int live_save(void *ctx, char *msg, unsigned size)
{
	char path[128], stamp[32];
	time_t now = time(NULL);
	struct tm tm;
	int err;

	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	snprintf(path, sizeof(path), "memprof-%s.mprof", stamp);
	err = mp_history_save(mp_session_history(((struct live *)ctx)->s), path);
	if (err)
		snprintf(msg, size, "not saved: %s: %s", path, strerror(-err));
	else
		snprintf(msg, size, "saved to %s", path);
	return err;
}

int mp_view_tui(struct mp_session *s, const struct mp_args *a)
{
	struct live l = { .s = s,
			  .deadline = a->duration_ns ? mp_monotonic_ns() + a->duration_ns : 0 };
	struct tui_source src = { .ctx = &l,
				  .live = true,
				  .fd = mp_session_fd(s),
				  .pump = live_pump,
				  .now = live_now,
				  .at = live_at,
				  .notice = live_notice,
				  .about = live_about,
				  .save = live_save };
	struct tui_opts o = { .color = (enum tui_color)a->color,
			      .frame_ms = (unsigned)(a->interval_ns / 1000000) };

	return tui_run(&src, &o);
}

/* --- plain lines over a session --------------------------------------------------------- */

/*
 * A line is printed when the first event comes that is later than its time: before
 * that event is folded, so that the line shows what was and nothing else. The same
 * for a session and for a recording.
 */
struct plain_view {
	struct mp_plain *pl;
	uint64_t interval, next;
	int err;
};

static int plain_event(void *ctx, const struct mp_model *m, const struct mp_event *e)
{
	struct plain_view *p = ctx;

	if (!p->next && m->start)
		p->next = m->start + p->interval;
	while (p->next && e->ts >= p->next && m->now && !p->err) {
		p->err = mp_plain_interval(p->pl, m, p->next);
		p->next += p->interval;
	}
	return p->err ? p->err : mp_plain_event(p->pl, m, e);
}

static void plain_observe(void *ctx, const struct mp_model *m, const struct mp_event *e)
{
	plain_event(ctx, m, e);
}

int mp_view_plain(struct mp_session *s, const struct mp_args *a, bool story)
{
	struct plain_view p = { .interval = a->interval_ns ? a->interval_ns : 1000000000ULL };
	uint64_t start = mp_monotonic_ns();
	const struct mp_model *m = mp_session_model(s);
	struct mp_report_info info = { .state = "live",
				       .duration_ns = MP_UNKNOWN,
				       .events = MP_UNKNOWN,
				       .blocks = MP_UNKNOWN,
				       .bytes = MP_UNKNOWN };
	struct mp_term term;
	int r = 1, err;

	mp_term_init(&term, stdout, a->color);
	p.pl = mp_plain_new(stdout, &term);
	if (!p.pl)
		return -ENOMEM;
	mp_session_observe(s, plain_observe, &p);
	while (r > 0 && !p.err && !mp_signals_count()) {
		struct pollfd pfd = { .fd = mp_session_fd(s), .events = POLLIN };

		if (a->duration_ns && mp_monotonic_ns() - start >= a->duration_ns)
			break;
		poll(&pfd, 1, 100);
		r = mp_session_pump(s);
	}
	if (r > 0)
		mp_session_settle(s);
	err = p.err ? p.err : mp_plain_end(p.pl, m, &info);
	if (!err && story)
		err = mp_plain_stages(p.pl, m);
	mp_session_observe(s, NULL, NULL);
	mp_plain_free(p.pl);
	if (mp_session_notice(s) && !a->quiet)
		fprintf(stderr, "memprof: %s\n", mp_session_notice(s));
	return r < 0 ? r : err;
}

int mp_view_session(struct mp_session *s, const struct mp_args *a, bool story)
{
	bool tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	int err = -ENOTTY;

	if (tty && !a->plain) {
		err = mp_view_tui(s, a);
		if (err == -EOPNOTSUPP)
			mp_fail(0,
				"this terminal cannot show the full screen (TERM is unknown or "
				"dumb)",
				NULL, "plain lines follow; or: TERM=xterm memprof ...");
	}
	if (err == -ENOTTY || err == -EOPNOTSUPP)
		err = mp_view_plain(s, a, story);
	return err == -EINTR ? 0 : err;
}

/* Where the output of a command goes while its terminal shows the view: a file that
 * nobody else sees, copied out afterwards. */
static FILE *hold_output(const struct mp_args *a, struct mp_session_opts *o)
{
	FILE *f = NULL;

	if (a->cmd && !a->plain && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
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
	int err, code, rec;
	FILE *held;

	mp_signals_init();
	mp_session_opts_from(a, &o);
	held = hold_output(a, &o);
	if (mp_session_open(&o, &s, &diag)) {
		release_output(held);
		return mp_complain(&diag);
	}
	err = mp_view_session(s, a, story);
	/* A command whose view was left has nothing to run for: nobody sees it. */
	mp_session_end_command(s);
	code = mp_session_exit_code(s);
	rec = mp_session_diag(s) ? mp_complain(mp_session_diag(s)) : 0;
	mp_session_close(s);
	release_output(held);
	if (err || rec)
		return err ? mp_finish_stdout(err, 0) : rec;
	return code >= 0 ? code : MP_EXIT_OK;
}

int cmd_top(struct mp_args *a)
{
	if (!a->input)
		return mp_view_run(a, false);
	a->files[0] = (char *)a->input;
	a->n_files = 1;
	return cmd_replay(a);
}

/* --- over a recording --------------------------------------------------------------------- */

struct replay {
	struct mp_loaded l;
	struct mp_history *h;
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
	return mp_history_at(((struct replay *)ctx)->h, ts);
}

static int replay_tui(struct replay *r, const struct mp_args *a)
{
	struct tui_source src = { .ctx = r,
				  .live = false,
				  .fd = -1,
				  .pump = replay_pump,
				  .now = replay_now,
				  .at = replay_at };
	struct tui_opts o = { .color = (enum tui_color)a->color };
	int err = mp_history_from_reader(r->l.reader, &r->h);

	if (!err)
		err = tui_run(&src, &o);
	mp_history_free(r->h);
	return err;
}

static int replay_plain(const struct mp_args *a)
{
	struct plain_view p = { .interval = a->interval_ns ? a->interval_ns : 1000000000ULL };
	struct mp_report_info info;
	struct mp_loaded l;
	struct mp_term term;
	int code, err;

	mp_term_init(&term, stdout, a->color);
	p.pl = mp_plain_new(stdout, &term);
	if (!p.pl)
		return mp_fail(MP_EXIT_FAILURE, "out of memory", NULL, NULL);
	code = mp_load(a->files[0], &l, plain_event, &p);
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

int cmd_replay(struct mp_args *a)
{
	struct replay r = { 0 };
	int code, err;

	if (a->n_files != 1)
		return mp_fail(MP_EXIT_USAGE, "one recording at a time", NULL,
			       "memprof replay FILE   (see memprof replay --help)");
	if (a->plain || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return replay_plain(a);
	mp_signals_init();
	code = mp_load(a->files[0], &r.l, NULL, NULL);
	if (!r.l.model)
		return code;
	err = replay_tui(&r, a);
	mp_unload(&r.l);
	if (err == -EOPNOTSUPP || err == -ENOTTY)
		return replay_plain(a);
	if (err && err != -EINTR)
		return mp_fail(MP_EXIT_FAILURE, "the view failed", strerror(-err), "");
	return code;
}
