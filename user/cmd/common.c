/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * common.c - messages, signals, terminals, opening recordings: see cmd.h.
 */
#include <errno.h>
#include <langinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>
#include <curses.h>
#include <term.h>

#include "user/cmd/cmd.h"
#include "user/model/model.h"
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

static int fold_batch(struct mp_loaded *l, const struct mp_event *ev, size_t n, mp_event_fn fn,
		      void *ctx)
{
	for (size_t i = 0; i < n; i++) {
		int err;

		l->fn_err = fn ? fn(ctx, l->model, &ev[i]) : 0;
		if (l->fn_err)
			return l->fn_err;
		err = mp_model_fold(l->model, &ev[i]);
		if (err && err != -EINVAL)
			return err;
	}
	return 0;
}

static void say_state(const char *path, const struct mp_loaded *l)
{
	char what[4096 + 128], dur[32];
	uint64_t t = l->info.last_ts > l->info.first_ts ? l->info.last_ts - l->info.first_ts : 0;

	mp_duration(dur, sizeof(dur), t);
	if (l->info.state == MP_REC_TRUNCATED)
		snprintf(what, sizeof(what),
			 "%s is truncated: it ends after %s without its end mark", path, dur);
	else
		snprintf(what, sizeof(what), "%s is damaged: %llu of its blocks could not be read",
			 path, (unsigned long long)l->info.bad_blocks);
	mp_fail(MP_EXIT_PARTIAL, what,
		"its writer was ended, the disk was full, or it is a partial copy", "");
}

int mp_load(const char *path, struct mp_loaded *l, mp_event_fn fn, void *ctx)
{
	const struct mp_event *ev;
	bool keyframe;
	size_t n;
	int err;

	memset(l, 0, sizeof(*l));
	err = mp_reader_open(path, &l->reader);
	if (err)
		return open_failed(path, err);
	l->model = mp_model_new();
	err = l->model ? 0 : -ENOMEM;
	while (!err && (err = mp_reader_next(l->reader, &ev, &n, &keyframe)) > 0)
		err = fold_batch(l, ev, n, fn, ctx);
	mp_reader_info(l->reader, &l->info);
	if (l->fn_err)
		return MP_EXIT_FAILURE; /* fn's caller knows what it was */
	if (err < 0) {
		char what[4096 + 64];

		snprintf(what, sizeof(what), "reading %s failed", path);
		mp_unload(l);
		return mp_fail(MP_EXIT_FAILURE, what, mp_reader_strerror(err), "");
	}
	if (l->info.state == MP_REC_CLEAN)
		return 0;
	say_state(path, l);
	return MP_EXIT_PARTIAL;
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
	};
}

void mp_session_opts_from(const struct mp_args *a, struct mp_session_opts *o)
{
	*o = (struct mp_session_opts){
		.pids = a->pids,
		.n_pids = a->n_pids,
		.cmd = a->cmd,
		.hooks = a->hooks,
		.follow_forks = a->follow_forks,
		.out_path = a->output,
		.out_fd = -1,
		.cmd_out_fd = -1,
	};
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
