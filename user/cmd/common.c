/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * common.c - messages, signals, terminals, opening recordings: see cmd.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>
#include <curses.h>
#include <term.h>

#include "user/cmd/cmd.h"
#include "user/cmd/instant.h"
#include "user/model/model.h"
#include "user/rec/overview.h"
#include "user/rec/tap.h"
#include "user/sym/sym.h"
#include "user/util/util.h"

int mp_fail(int exit_code, const char *what, const char *cause, const char *fix)
{
	char buf[512];

	/* Names of files and processes come from outside. */
	fprintf(stderr, "memprof: %s\n", mp_clean(buf, sizeof(buf), what, 0));
	if (cause && *cause)
		fprintf(stderr, "  cause: %s\n", mp_clean(buf, sizeof(buf), cause, 0));
	if (fix && *fix)
		fprintf(stderr, "  fix: %s\n", mp_clean(buf, sizeof(buf), fix, 0));
	return exit_code;
}

int mp_complain(const struct mp_diag *d)
{
	return mp_fail(d->exit_code, d->what, d->cause, d->fix);
}

/* A terminal that terminfo knows, with colours. */
static bool knows_colors(int fd)
{
	int status;

	return setupterm(NULL, fd, &status) == OK && tigetnum("colors") >= 8;
}

void mp_term_init(struct mp_term *t, FILE *f, enum mp_color color)
{
	struct winsize ws = { 0 };
	const char *no_color = getenv("NO_COLOR");
	int fd = fileno(f);

	memset(t, 0, sizeof(*t));
	t->tty = isatty(fd);
	t->utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8") && wcwidth(0x2588) == 1;
	if (t->tty && !ioctl(fd, TIOCGWINSZ, &ws))
		t->width = ws.ws_col;
	t->color = color == MP_COLOR_ALWAYS || (color == MP_COLOR_AUTO && t->tty &&
						!(no_color && *no_color) && knows_colors(fd));
}

/* --- signals ------------------------------------------------------------------------- */

static volatile sig_atomic_t n_signals, first_signal;

static void on_signal(int sig)
{
	if (!n_signals)
		first_signal = sig;
	n_signals = n_signals + 1;
	/* The first ends and saves, the second does not wait for that. */
	if (n_signals > 1)
		_exit(128 + sig);
}

void mp_signals_init(void)
{
	static const int sigs[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = on_signal };

	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++) {
		struct sigaction old;

		/* What the caller ignores (nohup) stays ignored, here and in a command. */
		if (!sigaction(sigs[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaction(sigs[i], &sa, NULL);
	}
}

static volatile sig_atomic_t n_saves;

static void on_usr1(int sig)
{
	(void)sig;
	n_saves = n_saves + 1;
}

void mp_signals_usr1(void)
{
	struct sigaction sa = { .sa_handler = on_usr1, .sa_flags = SA_RESTART };

	sigemptyset(&sa.sa_mask);
	sigaction(SIGUSR1, &sa, NULL);
}

int mp_signals_saves(void)
{
	static int seen;
	int now = n_saves, n = now - seen;

	seen = now;
	return n;
}

int mp_signals_count(void)
{
	return n_signals;
}

int mp_signals_first(void)
{
	return first_signal;
}

/* --- recordings ------------------------------------------------------------------------ */

static int open_failed(const char *path, int err)
{
	char what[4096 + 64];

	snprintf(what, sizeof(what), "cannot read %s", path);
	/* An empty file and garbage are no recordings at all; nothing was read. */
	return mp_fail(err == -ENODATA ? MP_EXIT_PARTIAL : MP_EXIT_FAILURE, what,
		       mp_reader_strerror(err),
		       err == -EPROTONOSUPPORT ? "read it with a newer memprof"
		       : err == -EACCES	       ? "ask its owner, or root"
					       : "memprof record -p PID -o FILE  # makes one");
}

struct fold {
	struct mp_loaded *l;
	mp_event_fn fn;
	void *ctx;
};

static int fold_one(void *ctx, const struct mp_event *e)
{
	struct fold *f = ctx;
	int err;

	f->l->fn_err = f->fn ? f->fn(f->ctx, f->l->model, e) : 0;
	if (f->l->fn_err)
		return f->l->fn_err;
	err = mp_model_fold(f->l->model, e);
	return err != -EINVAL ? err : 0;
}

static int fold_batch(struct fold *f, const struct mp_event_filter *by, const struct mp_event *ev,
		      size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		err = by ? by->fn(by->ctx, &ev[i], fold_one, f) : fold_one(f, &ev[i]);
	return err;
}

/* --- from a pipe: nothing of it can be read twice ---------------------------------------- */

bool mp_is_stream(const char *path)
{
	struct stat st;

	return !strcmp(path, "-") || (!stat(path, &st) && S_ISFIFO(st.st_mode));
}

/* What lies there, after waiting for it. 1, 0 at the end, or -errno. */
static int read_more(int fd, struct mp_tap *t)
{
	size_t room;
	uint8_t *to = mp_tap_room(t, &room);
	ssize_t n;

	do
		n = to ? read(fd, to, room) : 0;
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n)
		mp_tap_put(t, (size_t)n);
	else
		mp_tap_end(t);
	return n > 0;
}

static int fold_stream(int fd, struct mp_tap *t, struct fold *f, const struct mp_event_filter *by)
{
	struct mp_rec_info before, now;
	struct mp_batch b;
	int more = 1, err = 0;

	while (more > 0 && !err) {
		mp_tap_info(t, &before);
		more = read_more(fd, t);
		mp_tap_info(t, &now);
		mp_model_limit_more(f->l->model, now.bytes - before.bytes);
		while ((err = mp_tap_next(t, &b)) > 0)
			if ((err = fold_batch(f, by, b.ev, b.n)))
				break;
	}
	return more < 0 ? more : err;
}

static int load_stream(const char *path, struct mp_loaded *l, struct fold *f,
		       const struct mp_event_filter *by)
{
	bool in = !strcmp(path, "-");
	int fd = in ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC), err;
	struct mp_tap *t = mp_tap_new();

	err = fd < 0 ? -errno : 0;
	l->model = mp_model_new();
	if (!err && (!t || !l->model))
		err = -ENOMEM;
	if (!err) {
		mp_model_limit(l->model, 0);
		err = fold_stream(fd, t, f, by);
		mp_tap_info(t, &l->info);
	}
	mp_tap_free(t);
	if (fd >= 0 && !in)
		close(fd);
	return err;
}

static void say_state(const char *path, const struct mp_loaded *l)
{
	char what[4096 + 128], dur[32];
	uint64_t t = l->info.last_ts > l->info.first_ts ? l->info.last_ts - l->info.first_ts : 0;

	mp_duration(dur, sizeof(dur), t);
	if (l->info.state == MP_REC_TRUNCATED && !l->info.blocks)
		snprintf(what, sizeof(what), "%s is truncated: nothing of it could be read", path);
	else if (l->info.state == MP_REC_TRUNCATED)
		snprintf(what, sizeof(what),
			 "%s is truncated: it ends after %s without its end mark", path, dur);
	else
		snprintf(what, sizeof(what), "%s is damaged: %llu of its blocks could not be read",
			 path, (unsigned long long)l->info.bad_blocks);
	mp_fail(MP_EXIT_PARTIAL, what,
		"its writer was ended, the disk was full, or it is a partial copy", "");
}

int mp_load_all(void *ctx, const struct mp_model *m, const struct mp_event *e)
{
	(void)ctx, (void)m, (void)e;
	return 0;
}

static int read_failed(const char *path, struct mp_loaded *l, int err)
{
	char what[4096 + 64];

	snprintf(what, sizeof(what), "reading %s failed", path);
	mp_unload(l);
	return mp_fail(MP_EXIT_FAILURE, what, mp_reader_strerror(err), "");
}

/* Below this size all is read as fast as a glance at its end. */
#define OVERVIEW_BYTES (4ull << 20)

/* A model to begin with: where the file is large, one of a keyframe up to `until`. */
static int first_model(struct mp_loaded *l, uint64_t until, bool overview)
{
	int err = 0;

	mp_reader_info(l->reader, &l->info);
	if (overview && l->info.bytes >= OVERVIEW_BYTES)
		err = mp_overview_load(l->reader, until, &l->model);
	l->overview = err > 0;
	if (!err)
		l->model = mp_model_new();
	if (!err && l->model)
		mp_model_limit(l->model, l->info.bytes);
	return err < 0 ? err : l->model ? 0 : -ENOMEM;
}

int mp_load(const char *path, struct mp_loaded *l, mp_event_fn fn, void *ctx)
{
	return mp_load_through(path, l, NULL, fn, ctx);
}

static int load_file(struct mp_loaded *l, struct fold *f, const struct mp_event_filter *by)
{
	const struct mp_event *ev;
	bool keyframe;
	size_t n;
	int err = first_model(l, MP_UNKNOWN, !f->fn && !by);

	while (!err && (err = mp_reader_next(l->reader, &ev, &n, &keyframe)) > 0)
		err = fold_batch(f, by, ev, n);
	mp_reader_info(l->reader, &l->info);
	return err;
}

int mp_load_through(const char *path, struct mp_loaded *l, const struct mp_event_filter *by,
		    mp_event_fn fn, void *ctx)
{
	struct fold f = { l, fn, ctx };
	int err;

	memset(l, 0, sizeof(*l));
	if (mp_is_stream(path)) {
		err = load_stream(path, l, &f, by);
		path = strcmp(path, "-") ? path : "standard input";
	} else {
		err = mp_reader_open(path, &l->reader);
		if (err)
			return open_failed(path, err);
		err = load_file(l, &f, by);
	}
	if (l->fn_err)
		return MP_EXIT_FAILURE;			/* fn's caller knows what it was */
	if (err < 0 && !l->info.blocks && !l->reader) { /* as of a file that is none */
		mp_unload(l);
		return open_failed(path, err);
	}
	if (err < 0)
		return read_failed(path, l, err);
	if (l->info.state == MP_REC_CLEAN)
		return 0;
	say_state(path, l);
	return MP_EXIT_PARTIAL;
}

int mp_not_a_stream(const char *path)
{
	if (!mp_is_stream(path))
		return 0;
	return mp_fail(MP_EXIT_USAGE, "this reads a recording twice, and a pipe can be read once",
		       NULL, "cat > a.mprof   in front of it, and then with a.mprof");
}

/* Folds the events up to l->at. 1: the next is later; *i is its place. */
static int fold_until(struct mp_loaded *l, const struct mp_event *ev, size_t n, size_t *i)
{
	for (*i = 0; *i < n; ++*i) {
		int err;

		if (ev[*i].ts > l->at)
			return 1;
		err = mp_model_fold(l->model, &ev[*i]);
		if (err && err != -EINVAL)
			return err;
	}
	return 0;
}

static int read_from(struct mp_loaded *l, mp_event_fn fn, void *ctx)
{
	struct fold f = { l, fn, ctx };
	const struct mp_event *ev;
	bool keyframe;
	size_t n, i = 0;
	int there = 0, err = first_model(l, l->at, true);

	while (!err && !there && (err = mp_reader_next(l->reader, &ev, &n, &keyframe)) > 0) {
		there = fold_until(l, ev, n, &i);
		err = there < 0 ? there : 0;
	}
	if (err || !there || !fn)
		return err;
	err = fold_batch(&f, NULL, ev + i, n - i);
	while (!err && (err = mp_reader_next(l->reader, &ev, &n, &keyframe)) > 0)
		err = fold_batch(&f, NULL, ev, n);
	return err;
}

int mp_load_at(const char *path, struct mp_loaded *l, const struct mp_instant *at, mp_event_fn fn,
	       void *ctx)
{
	struct mp_rec_info info;
	struct mp_loaded end;
	uint64_t ts = 0;
	bool quick;
	int code = mp_not_a_stream(path), err;

	memset(l, 0, sizeof(*l));
	if (code)
		return code;
	code = mp_load(path, &end, NULL, NULL);
	if (!end.model)
		return code;
	err = mp_instant_find(at, end.model, &end.info, path, &ts);
	l->info = end.info;
	quick = end.overview;
	mp_unload(&end);
	if (err)
		return err;
	err = mp_reader_open(path, &l->reader);
	if (err)
		return open_failed(path, err);
	l->at = ts;
	info = l->info;
	err = read_from(l, fn, ctx);
	l->info = info;
	l->overview |= quick; /* not all blocks were read for its state, either */
	if (l->fn_err)
		return MP_EXIT_FAILURE;
	return err < 0 ? read_failed(path, l, err) : code;
}

int mp_survey(const char *path, struct mp_rec_info *info)
{
	struct mp_loaded l = { 0 };
	const struct mp_event *ev;
	bool keyframe;
	size_t n;
	int err = mp_not_a_stream(path);

	if (err)
		return err;
	err = mp_reader_open(path, &l.reader);
	if (err)
		return open_failed(path, err);
	while ((err = mp_reader_next(l.reader, &ev, &n, &keyframe)) > 0)
		;
	mp_reader_info(l.reader, &l.info);
	mp_reader_close(l.reader);
	if (err < 0)
		return open_failed(path, err);
	*info = l.info;
	if (info->state == MP_REC_CLEAN)
		return 0;
	say_state(path, &l);
	return MP_EXIT_PARTIAL;
}

void mp_fill_symbols(const struct mp_args *a, struct mp_model *m)
{
	if (!a->no_symbols)
		mp_sym_fill(m, NULL, NULL); /* without memory for it they stay unnamed */
}

void mp_unload(struct mp_loaded *l)
{
	mp_model_free(l->model);
	mp_reader_close(l->reader);
	memset(l, 0, sizeof(*l));
}

void mp_loaded_info(const struct mp_loaded *l, const char *path, struct mp_report_info *info)
{
	*info = (struct mp_report_info){
		.state = mp_rec_state_name(l->info.state),
		.path = path,
		.duration_ns =
			l->info.last_ts > l->info.first_ts ? l->info.last_ts - l->info.first_ts : 0,
		.events = l->info.events,
		.blocks = l->info.blocks,
		.bytes = l->info.bytes,
		.bad_blocks = l->info.bad_blocks,
		.open_end = !l->info.ended,
		.overview = l->overview,
		.at = l->at ? l->at : MP_UNKNOWN,
		.first_ts = l->info.first_ts,
	};
	if (l->at)
		info->events = l->model ? l->model->events : 0;
}

void mp_session_opts_from(const struct mp_args *a, struct mp_session_opts *o)
{
	*o = (struct mp_session_opts){
		.pids = a->pids,
		.n_pids = a->n_pids,
		.cmd = a->cmd,
		.hooks = a->hooks,
		.follow_forks = a->follow_forks,
		.no_symbols = a->no_symbols,
		.gc_log = a->gc_log,
		.out = { .path = a->output,
			 .fd = -1,
			 .rotate_ns = a->rotate_ns,
			 .rotate_bytes = a->rotate_bytes,
			 .keep_ns = a->keep_ns,
			 .keep_bytes = a->keep_bytes,
			 .sync = a->sync,
			 .cmdline = a->cmdline,
			 .environ = a->environ },
		.cmd_out_fd = -1,
	};
}

void mp_say_gc_log(const struct mp_args *a, const struct mp_session *s)
{
	char clean[256];
	const char *said = mp_session_gc_log(s);

	if (said && !a->quiet)
		fprintf(stderr, "memprof: --gc-log %.100s: %s\n",
			mp_clean(clean, sizeof(clean), a->gc_log, 0), said);
}

int mp_finish_stdout(int err, int exit_code)
{
	if (!err && (fflush(stdout) || ferror(stdout)))
		err = errno ? -errno : -EIO;
	if (!err)
		return exit_code;
	if (err == -EPIPE) /* the reader has what it wanted */
		return MP_EXIT_FAILURE;
	return mp_fail(MP_EXIT_FAILURE, "writing the output failed", strerror(-err), "");
}

char *mp_own_name(char *buf, size_t size, const char *comm, int pid, const char *suffix)
{
	time_t now = time(NULL);
	char stamp[32];
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	snprintf(buf, size, "memprof-%.32s-%d-%s.%s", comm, pid, stamp, suffix);
	for (char *p = buf; *p; p++) /* names of processes may hold anything */
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-",
			    *p))
			*p = '_';
	return buf;
}
