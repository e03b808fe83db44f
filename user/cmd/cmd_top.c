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
#include <unistd.h>

#include "tui/tui.h"
#include "user/cmd/cmd.h"
#include "user/cmd/connect.h"
#include "user/cmd/feed.h"
#include "user/cmd/instant.h"
#include "user/cmd/logjoin.h"
#include "user/cmd/view.h"
#include "user/diagnose/diagnose.h"
#include "user/rec/history.h"
#include "user/rec/writer.h"
#include "user/util/util.h"
#include "user/view/plain.h"

/* --- the past, of a session or a recording --------------------------------------------- */

#define SLICE_BLOCKS 2		/* some ms at most */
#define SLICE_NS     8000000ULL /* of a frame */

/* What the TUI asked for last, and whether it is there. */
struct past {
	struct mp_history *h;
	bool want_state, want_window;
	uint64_t ts, t0, t1, width;
	uint32_t pid;
	struct held {
		uint64_t ts;
		struct mp_model *m; /* NULL: nothing is held, or not yet: */
		bool want;
		int err; /* why there will be none */
	} held[2];
};

static const struct mp_model *past_at(struct past *p, uint64_t ts)
{
	const struct mp_model *m = NULL;
	int r = mp_history_gone(p->h, ts) ? -ENODATA
					  : mp_history_toward(p->h, ts, SLICE_BLOCKS, &m);

	p->ts = ts;
	p->want_state = r == 0;
	return r == 1 ? m : NULL;
}

/*
 * What at() shows goes on to other moments, so a state to hold is one of its own. Both ways
 * there are gone by one cursor, so one after the other: by turns each would restart the other.
 */
static const struct mp_model *past_hold(struct past *p, unsigned slot, uint64_t ts)
{
	struct held *held = &p->held[slot & 1];
	int r;

	if (held->ts != ts) {
		mp_model_free(held->m);
		*held = (struct held){ .ts = ts };
		held->err = mp_history_gone(p->h, ts) ? -ENODATA : 0;
		held->want = !held->err;
	}
	if (held->want && !(held == &p->held[1] && p->held[0].want)) {
		r = mp_history_take(p->h, ts, SLICE_BLOCKS, &held->m);
		held->want = r == 0;
		held->err = r < 0 ? r : 0;
	}
	errno = held->want ? EAGAIN : -held->err;
	return held->m;
}

static const struct mp_timeline *past_window(struct past *p, uint32_t pid, uint64_t t0, uint64_t t1,
					     uint64_t width)
{
	const struct mp_timeline *tl;
	int r = mp_history_window(p->h, pid, t0, t1, width, SLICE_BLOCKS, &tl);

	p->pid = pid;
	p->t0 = t0;
	p->t1 = t1;
	p->width = width;
	p->want_window = r == 0;
	return tl;
}

/* One thing after the other: two on the way at once would restart each other. */
static bool past_work(struct past *p)
{
	uint64_t end = mp_monotonic_ns() + SLICE_NS;
	bool more = true;

	while (more && mp_monotonic_ns() < end) {
		if (p->want_state)
			past_at(p, p->ts);
		else if (p->want_window)
			past_window(p, p->pid, p->t0, p->t1, p->width);
		else if (p->held[0].want)
			past_hold(p, 0, p->held[0].ts);
		else if (p->held[1].want)
			past_hold(p, 1, p->held[1].ts);
		more = p->want_state || p->want_window || p->held[0].want || p->held[1].want;
	}
	return more;
}

static void past_free(struct past *p)
{
	mp_model_free(p->held[0].m);
	mp_model_free(p->held[1].m);
}

/* --- findings ------------------------------------------------------------------------------ */

#define FINDINGS_NS 5000000000ULL /* between two diagnoses of what runs */

struct judge {
	struct mp_diagnosis *d; /* NULL: none, for lack of memory */
	struct mp_findings fs;
	bool there;
	uint64_t next; /* when they are worked out again, ns */
	/* a recording is folded once more for it, some blocks at a time */
	bool asked;
	struct mp_reader *reader;
	struct mp_model *model;
};

/* Of the model as it is; those there were stay when there is no memory for others. */
static void judge_make(struct judge *j, const struct mp_model *m, const char *state)
{
	const struct mp_diagnose_opts o = { .live = !strcmp(state, "live"), .state = state };
	struct mp_findings fs;

	if (!j->d || mp_diagnosis_make(j->d, m, &o, &fs))
		return;
	if (j->there)
		mp_findings_free(&j->fs);
	j->fs = fs;
	j->there = true;
}

static void judge_observe(void *ctx, const struct mp_model *m, const struct mp_event *e)
{
	struct judge *j = ctx;

	if (j->d && mp_diagnosis_step(j->d, m, e)) {
		mp_diagnosis_free(j->d); /* half a series would say what is not so */
		j->d = NULL;
	}
}

static void judge_end_reading(struct judge *j)
{
	mp_reader_close(j->reader);
	mp_model_free(j->model);
	j->reader = NULL;
	j->model = NULL;
}

/* The next batch of events; true: there are more. */
static bool judge_read(struct judge *j)
{
	const struct mp_event *ev;
	struct mp_rec_info info;
	bool keyframe;
	size_t n;
	int err = mp_reader_next(j->reader, &ev, &n, &keyframe);

	for (size_t i = 0; err > 0 && i < n; i++) {
		judge_observe(j, j->model, &ev[i]);
		if (mp_model_fold(j->model, &ev[i]) == -ENOMEM)
			err = -ENOMEM;
	}
	if (err > 0)
		return true;
	mp_reader_info(j->reader, &info);
	/* of what cannot be read on, what there is: with less confidence */
	if (err != -ENOMEM)
		judge_make(j, j->model, mp_rec_state_name(err ? MP_REC_DAMAGED : info.state));
	/* names in findings are ids of the view's own model too: the same stream gave them */
	judge_end_reading(j);
	return false;
}

/* NULL: not yet. What could not be judged has no findings. */
static const struct mp_findings *judge_found(const struct judge *j)
{
	static const struct mp_findings none;

	if (j->there)
		return &j->fs;
	return j->reader ? NULL : &none;
}

static void judge_free(struct judge *j)
{
	judge_end_reading(j);
	if (j->there)
		mp_findings_free(&j->fs);
	mp_diagnosis_free(j->d);
}

/* --- what is written at the user's wish ------------------------------------------------ */

/* Of the first target, as a recording of it would be called. */
static char *own_name(char *buf, size_t size, const struct mp_model *m, const char *suffix)
{
	const struct mp_proc *p = mp_model_main(m);
	const char *comm = p ? mp_str(m, p->comm) : "";

	return mp_own_name(buf, size, *comm ? comm : "process", p ? (int)p->tgid : 0, suffix);
}

static int saved(int err, const char *path, char *msg, unsigned size)
{
	if (err)
		snprintf(msg, size, "not saved: %s: %s", path, strerror(-err));
	else
		snprintf(msg, size, "saved to %s", path);
	return err;
}

/* Like a recording: nobody else's to read, over no file and through no link. */
static int write_snapshot(const struct mp_model *m, const char *path, const char *text, char *msg,
			  unsigned size)
{
	char own[128];
	int fd, err = 0;
	FILE *f = NULL;

	if (!path)
		path = own_name(own, sizeof(own), m, "txt");
	fd = mp_create_file(path);
	if (fd < 0)
		return saved(fd, path, msg, size);
	f = fdopen(fd, "w");
	if (!f) {
		err = -errno;
		close(fd);
	} else {
		if (fputs(text, f) < 0)
			err = -errno;
		if (fclose(f) && !err)
			err = -errno;
	}
	if (err)
		unlink(path); /* it is ours: nothing was there before */
	return saved(err, path, msg, size);
}

/* --- what goes on --------------------------------------------------------------------- */

static int session_pump(void *of)
{
	return mp_session_pump(of);
}

static int session_settle(void *of)
{
	return mp_session_settle(of);
}

static void session_observe(void *of, mp_observe_fn fn, void *ctx)
{
	mp_session_observe(of, fn, ctx);
}

static const char *session_trouble(void *of)
{
	return mp_session_trouble(of);
}

static const char *session_notice(void *of)
{
	return mp_session_notice(of);
}

static void session_usage(void *of, struct mp_usage *u)
{
	mp_session_usage(of, u);
}

void mp_live_session(struct mp_live *l, struct mp_session *s)
{
	*l = (struct mp_live){ .of = s,
			       .fd = mp_session_fd(s),
			       .model = mp_session_model(s),
			       .history = mp_session_history(s),
			       .pump = session_pump,
			       .settle = session_settle,
			       .observe = session_observe,
			       .trouble = session_trouble,
			       .notice = session_notice,
			       .usage = session_usage };
}

static int feed_pump(void *of)
{
	return mp_feed_pump(of);
}

static void feed_observe(void *of, mp_observe_fn fn, void *ctx)
{
	mp_feed_observe(of, fn, ctx);
}

static const char *feed_notice(void *of)
{
	return mp_feed_notice(of);
}

void mp_live_feed(struct mp_live *l, struct mp_feed *f)
{
	*l = (struct mp_live){ .of = f,
			       .fd = mp_feed_fd(f),
			       .model = mp_feed_model(f),
			       .history = mp_feed_history(f),
			       .pump = feed_pump,
			       .observe = feed_observe,
			       .trouble = feed_notice,
			       .notice = feed_notice };
}

/* --- the TUI over it ------------------------------------------------------------------ */

struct live {
	const struct mp_live *on;
	struct past past;
	struct judge judge;
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
	return past_at(&((struct live *)ctx)->past, ts);
}

static const struct mp_model *live_hold(void *ctx, unsigned slot, uint64_t ts)
{
	return past_hold(&((struct live *)ctx)->past, slot, ts);
}

static const struct mp_timeline *live_window(void *ctx, uint32_t pid, uint64_t t0, uint64_t t1,
					     uint64_t width)
{
	return past_window(&((struct live *)ctx)->past, pid, t0, t1, width);
}

static int live_events(void *ctx, uint64_t t0, uint64_t t1,
		       int (*fn)(void *arg, const struct mp_event *e), void *arg)
{
	return mp_history_events(((struct live *)ctx)->past.h, t0, t1, fn, arg);
}

static bool live_work(void *ctx)
{
	return past_work(&((struct live *)ctx)->past);
}

static const struct mp_findings *live_findings(void *ctx)
{
	struct live *l = ctx;
	uint64_t now = mp_monotonic_ns();

	if (now >= l->judge.next) {
		judge_make(&l->judge, live_now(ctx), "live");
		l->judge.next = now + FINDINGS_NS;
	}
	return judge_found(&l->judge);
}

/* That it has ended is seen from the model; what the session has to say besides is not. */
static const char *live_notice(void *ctx)
{
	const struct mp_live *on = ((struct live *)ctx)->on;

	return on->trouble(on->of);
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
		path = own_name(own, sizeof(own), live_now(ctx), "mprof");
	err = mp_history_save(((struct live *)ctx)->on->history, path);
	return saved(err, path, msg, size);
}

static int live_snapshot(void *ctx, const char *path, const char *text, char *msg, unsigned size)
{
	return write_snapshot(live_now(ctx), path, text, msg, size);
}

static int view_tui(const struct mp_live *on, const struct mp_args *a)
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
				  .save = live_save,
				  .snapshot = live_snapshot };
	struct tui_opts o = { .color = (enum tui_color)a->color,
			      .theme = (enum tui_background)a->theme,
			      .list = on->model->n_procs > 1 || a->follow_forks,
			      .frame_ms = (unsigned)(a->interval_ns / 1000000),
			      .no_mouse = a->no_mouse };

	int err;

	if (a->cmd)
		o.hello = "the command reads an empty input; what it writes comes when you leave";
	on->observe(on->of, judge_observe, &l.judge);
	err = tui_run(&src, &o);
	on->observe(on->of, NULL, NULL);
	judge_free(&l.judge);
	past_free(&l.past);
	return err;
}

/* --- plain lines over it --------------------------------------------------------- */

/*
 * A line is printed when the first event comes that is later than its time: before
 * that event is folded, so that the line shows what was and nothing else. The same
 * for a session and for a recording.
 */
struct plain_view {
	struct mp_plain *pl;
	struct judge *judge; /* a diagnosis comes behind the lines; NULL: none */
	uint64_t interval, next;
	bool middle; /* the model knows earlier events */
	bool key;    /* ... from the state that the file begins with */
	int err;
};

static int plain_event(void *ctx, const struct mp_model *m, const struct mp_event *e)
{
	struct plain_view *p = ctx;

	/* a file of a row begins with the state of the session: nothing of that happens now */
	if (!p->next && (m->in_key || e->type == MP_EV_KEYFRAME)) {
		p->key = true;
		return 0;
	}
	if (!p->next && (e->type == MP_EV_STR || e->type == MP_EV_META || e->type == MP_EV_PROBE))
		return 0;
	if (!p->next && m->start) { /* in the middle of a session: the next full interval */
		bool middle = p->middle || p->key;
		uint64_t past = middle && e->ts > m->start ? e->ts - m->start : 0;

		p->next = m->start + (past / p->interval + 1) * p->interval;
		if (middle)
			mp_plain_begin(p->pl, m);
	}
	while (p->next && e->ts >= p->next && m->now && !p->err) {
		p->err = mp_plain_interval(p->pl, m, p->next);
		p->next += p->interval;
	}
	return p->err ? p->err : mp_plain_event(p->pl, m, e);
}

static void plain_observe(void *ctx, const struct mp_model *m, const struct mp_event *e)
{
	struct plain_view *p = ctx;

	plain_event(p, m, e);
	if (p->judge)
		judge_observe(p->judge, m, e);
}

/* What a scenario shows, in words. */
static int plain_findings(const struct plain_view *p, const struct mp_model *m,
			  const struct mp_term *term)
{
	const struct mp_diagnose_opts o = { .state = "clean" };

	judge_make(p->judge, m, o.state);
	if (!p->judge->there || !p->judge->fs.n)
		return 0;
	mp_text_head(stdout, term, "Diagnosis");
	return mp_findings_text(stdout, &p->judge->fs, m, &o, term);
}

static int view_plain(const struct mp_live *on, const struct mp_args *a, bool story)
{
	struct plain_view p = { .interval = a->interval_ns ? a->interval_ns : 1000000000ULL };
	uint64_t start = mp_monotonic_ns();
	const struct mp_model *m = on->model;
	struct mp_report_info info = { .state = "live",
				       .duration_ns = MP_UNKNOWN,
				       .events = MP_UNKNOWN,
				       .blocks = MP_UNKNOWN,
				       .bytes = MP_UNKNOWN };
	struct judge judge = { .d = story ? mp_diagnosis_new(NULL) : NULL };
	struct mp_term term;
	int r = 1, err;

	mp_term_init(&term, stdout, a->color);
	p.judge = story ? &judge : NULL;
	p.pl = mp_plain_new(stdout, &term);
	if (!p.pl)
		return -ENOMEM;
	on->observe(on->of, plain_observe, &p);
	while (r > 0 && !p.err && !mp_signals_count()) {
		struct pollfd pfd = { .fd = on->fd, .events = POLLIN };

		if (a->duration_ns && mp_monotonic_ns() - start >= a->duration_ns)
			break;
		poll(&pfd, 1, 100);
		r = on->pump(on->of);
	}
	if (r > 0 && on->settle)
		on->settle(on->of);
	err = p.err ? p.err : mp_plain_end(p.pl, m, &info);
	if (!err && story)
		err = mp_plain_stages(p.pl, m);
	if (!err && story)
		err = plain_findings(&p, m, &term);
	on->observe(on->of, NULL, NULL);
	judge_free(&judge);
	mp_plain_free(p.pl);
	if (on->notice(on->of) && !a->quiet)
		fprintf(stderr, "memprof: %s\n", on->notice(on->of));
	return r < 0 ? r : err;
}

bool mp_view_full(const struct mp_args *a)
{
	return !a->plain && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

int mp_view_live(const struct mp_live *l, const struct mp_args *a, bool story)
{
	int err = -ENOTTY;

	if (mp_view_full(a)) {
		err = view_tui(l, a);
		if (err == -EOPNOTSUPP)
			mp_fail(0,
				"this terminal cannot show the full screen (TERM is unknown or "
				"dumb)",
				NULL, "plain lines follow; or: TERM=xterm memprof ...");
	}
	if (err == -ENOTTY || err == -EOPNOTSUPP)
		err = view_plain(l, a, story);
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

/* What a daemon tells: with its past where there is a screen to go back on. */
static int view_connected(const struct mp_args *a)
{
	bool full = mp_view_full(a);
	struct mp_live live;
	struct mp_feed *f;
	int code, err;

	mp_signals_init();
	code = mp_connect_stream(a, full ? MP_CONNECT_PAST_NS : 0, true, NULL, &f);
	if (code)
		return code;
	err = full ? mp_feed_start(f) : 1;
	mp_live_feed(&live, f);
	if (err >= 0)
		err = mp_view_live(&live, a, false);
	code = err < 0 && err != -EPIPE ? mp_connect_ended(a, f, err) : mp_finish_stdout(err, 0);
	mp_feed_free(f);
	return code;
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
		return a->list || a->json ? mp_connect_list(a) : view_connected(a);
	if (!a->input)
		return mp_view_run(a, false);
	a->files[0] = (char *)a->input;
	a->n_files = 1;
	return cmd_replay(a);
}

/* --- over a recording --------------------------------------------------------------------- */

struct replay {
	struct mp_loaded l;
	struct past past;
	struct judge judge;
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
	return past_at(&((struct replay *)ctx)->past, ts);
}

static const struct mp_model *replay_hold(void *ctx, unsigned slot, uint64_t ts)
{
	return past_hold(&((struct replay *)ctx)->past, slot, ts);
}

static const struct mp_timeline *replay_window(void *ctx, uint32_t pid, uint64_t t0, uint64_t t1,
					       uint64_t width)
{
	return past_window(&((struct replay *)ctx)->past, pid, t0, t1, width);
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
	uint64_t end = mp_monotonic_ns() + SLICE_NS;

	if (past_work(&r->past))
		return true;
	while (r->judge.reader && mp_monotonic_ns() < end)
		judge_read(&r->judge);
	return r->judge.reader != NULL;
}

/* Asked for the first time all of it is folded once more: what stands at the end is in the
 * model that is there, how it came about is not. */
static const struct mp_findings *replay_findings(void *ctx)
{
	struct replay *r = ctx;
	struct judge *j = &r->judge;

	if (!j->asked) {
		j->asked = true;
		j->d = mp_diagnosis_new(NULL);
		j->model = mp_model_new();
		if (!j->d || !j->model || mp_reader_open(r->path, &j->reader))
			judge_end_reading(j);
		else
			mp_model_limit(j->model, r->l.info.bytes);
	}
	return judge_found(j);
}

static const char *replay_notice(void *ctx)
{
	const struct replay *r = ctx;

	return *r->notice ? r->notice : NULL;
}

static int replay_snapshot(void *ctx, const char *path, const char *text, char *msg, unsigned size)
{
	return write_snapshot(replay_now(ctx), path, text, msg, size);
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
	judge_free(&r->judge);
	past_free(&r->past);
	mp_history_free(r->past.h);
	return err;
}

static int replay_plain(const struct mp_args *a)
{
	struct plain_view p = { .interval = a->interval_ns ? a->interval_ns : 1000000000ULL };
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
		code = mp_load_at(a->files[0], &l, &at, plain_event, &p);
	else
		code = mp_load(a->files[0], &l, plain_event, &p);
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
		err = view_tui(&live, a);
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
