/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_record.c - memprof record: a session to a file, progress on stderr.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/cmd/cmd.h"
#include "user/live/procfs.h"
#include "user/model/model.h"
#include "user/util/util.h"

/* memprof-<comm>-<pid>-<time>.mprof in the working directory. */
static void default_name(const struct mp_args *a, char *buf, size_t size)
{
	struct proc_status st = { .comm = "process" };
	const char *comm = st.comm;
	char stamp[32];
	time_t now = time(NULL);
	struct tm tm;

	if (a->cmd) {
		comm = strrchr(a->cmd[0], '/');
		comm = comm ? comm + 1 : a->cmd[0];
	} else if (a->n_pids) {
		proc_status_read(a->pids[0], &st);
	}
	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	snprintf(buf, size, "memprof-%.32s-%d-%s.mprof", comm,
		 a->n_pids ? (int)a->pids[0] : (int)getpid(), stamp);
	for (char *p = buf; *p; p++) /* names of processes may hold anything */
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-",
			    *p))
			*p = '_';
}

static void say_start(const struct mp_args *a, const char *path)
{
	char clean[512];

	if (a->quiet)
		return;
	mp_clean(clean, sizeof(clean), path, 0);
	if (a->cmd)
		fprintf(stderr, "memprof: recording to %s\n", clean);
	else
		fprintf(stderr, "memprof: recording pid %d to %s, end with Ctrl-C\n",
			(int)a->pids[0], clean);
}

static void say_usage(const struct mp_args *a, struct mp_session *s)
{
	struct mp_usage u;
	char rss[16], bpf[16];

	if (!a->verbose)
		return;
	mp_session_usage(s, &u);
	fprintf(stderr, "memprof: took %s resident and %s of BPF maps and programs\n",
		mp_bytes(rss, sizeof(rss), (int64_t)u.rss),
		mp_bytes(bpf, sizeof(bpf), (int64_t)u.bpf));
}

static void say_end(const struct mp_args *a, struct mp_session *s, const char *path)
{
	const struct mp_model *m = mp_session_model(s);
	char size[16], dur[16], clean[512];
	uint64_t bytes, events;

	if (a->quiet)
		return;
	mp_session_written(s, &bytes, &events);
	fprintf(stderr, "memprof: %s, %llu events in %s to %s",
		mp_duration(dur, sizeof(dur), m->now - m->start), (unsigned long long)events,
		mp_bytes(size, sizeof(size), (int64_t)bytes),
		mp_clean(clean, sizeof(clean), path, 0));
	if (m->lost_total)
		fprintf(stderr, "; LOST %llu events", (unsigned long long)m->lost_total);
	if (mp_session_notice(s))
		fprintf(stderr, "; %s", mp_session_notice(s));
	fprintf(stderr, "\nmemprof: see it with: memprof report %s   or: memprof replay %s\n",
		clean, clean);
}

#define CTRL_C_GRACE_NS 5000000000ULL

/* 0: the targets ended; 1: asked to end; -errno. */
static int run(struct mp_session *s, const struct mp_args *a)
{
	uint64_t start = mp_monotonic_ns(), asked = 0;
	int r = 1;

	while (r > 0) {
		struct pollfd pfd = { .fd = mp_session_fd(s), .events = POLLIN };

		/* A Ctrl-C at the terminal went to the command too: its end is worth
		 * recording, if it comes soon. */
		if (mp_signals_count() && !asked)
			asked = mp_monotonic_ns();
		if (asked && (!a->cmd || mp_signals_first() != SIGINT ||
			      mp_monotonic_ns() - asked > CTRL_C_GRACE_NS))
			break;
		if (a->duration_ns && mp_monotonic_ns() - start >= a->duration_ns)
			break;
		if (poll(&pfd, 1, 100) < 0 && errno != EINTR)
			return -errno;
		r = mp_session_pump(s);
		if (mp_session_diag(s)) /* the recording broke: no use in going on */
			return -EIO;
	}
	return r;
}

int cmd_record(struct mp_args *a)
{
	struct mp_session_opts o;
	struct mp_diag diag = { 0 };
	struct mp_session *s;
	char name[128];
	int r, code;

	if (a->cmd && a->output && !strcmp(a->output, "-"))
		return mp_fail(MP_EXIT_USAGE, "the command's output and -o - are the same", NULL,
			       "memprof record -o FILE -- CMD   (see memprof record --help)");
	if (!a->output) {
		default_name(a, name, sizeof(name));
		a->output = name;
	}
	mp_signals_init();
	mp_session_opts_from(a, &o);
	if (!strcmp(a->output, "-")) {
		o.out_path = NULL;
		o.out_fd = STDOUT_FILENO;
	}
	if (mp_session_open(&o, &s, &diag))
		return mp_complain(&diag);
	say_start(a, a->output);
	r = run(s, a);
	if (r > 0)
		mp_session_settle(s);
	code = mp_session_exit_code(s);
	if (mp_session_diag(s)) {
		diag = *mp_session_diag(s);
		r = -EIO;
	}
	if (r >= 0) {
		say_end(a, s, a->output);
		say_usage(a, s);
	}
	if (mp_session_close(s) && r >= 0) {
		r = -EIO;
		mp_diag_set(&diag, r, MP_EXIT_FAILURE, "the recording could not be finished", "",
			    "");
	}
	if (r < 0)
		return diag.what[0]
			       ? mp_complain(&diag)
			       : mp_fail(MP_EXIT_FAILURE, "the session failed", strerror(-r), "");
	return code >= 0 ? code : MP_EXIT_OK;
}
