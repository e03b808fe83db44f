/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_record.c - memprof record: a session to a file, progress on stderr.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/cmd/cmd.h"
#include "user/cmd/connect.h"
#include "user/live/procfs.h"
#include "user/model/model.h"
#include "user/rec/shards.h"
#include "user/rec/writer.h"
#include "user/util/util.h"
#include "user/view/trigger.h"

#define KEEP_NS 600000000000ULL /* of a trigger without --keep */

struct armed {
	struct mp_trigger *t[MP_TRIGGERS_MAX];
	size_t n;
};

/* In the working directory. */
static void default_name(const struct mp_args *a, char *buf, size_t size)
{
	struct proc_status st = { .comm = "process" };
	const char *comm = st.comm;

	if (a->connect)
		snprintf(st.comm, sizeof(st.comm), "daemon");
	if (a->cmd) {
		comm = strrchr(a->cmd[0], '/');
		comm = comm ? comm + 1 : a->cmd[0];
	} else if (a->n_pids) {
		proc_status_read(a->pids[0], &st);
	}
	mp_own_name(buf, size, comm, a->n_pids ? (int)a->pids[0] : (int)getpid(), "mprof");
}

static void say_start(const struct mp_args *a, const char *path)
{
	char clean[512];

	if (a->quiet)
		return;
	mp_clean(clean, sizeof(clean), path, 0);
	if (a->cmd)
		fprintf(stderr, "memprof: recording to %s\n", clean);
	else if (a->n_pids)
		fprintf(stderr, "memprof: recording pid %d to %s, end with Ctrl-C\n",
			(int)a->pids[0], clean);
	else
		fprintf(stderr, "memprof: recording what you may see to %s, end with Ctrl-C\n",
			clean);
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

static bool rotates(const struct mp_args *a)
{
	return a->rotate_ns || a->rotate_bytes;
}

static bool keeps(const struct mp_args *a)
{
	return a->keep_ns || a->keep_bytes;
}

static void say_end(const struct mp_args *a, const struct mp_model *m, const char *notice,
		    const struct mp_written *w)
{
	char size[16], dur[16], path[MP_SHARD_PATH], clean[512];
	bool row = rotates(a) && !keeps(a);

	if (a->quiet)
		return;
	snprintf(path, sizeof(path), "%s", a->output);
	if (row)
		mp_shards_name(a->output, 1, path);
	mp_clean(clean, sizeof(clean), path, 0);
	fprintf(stderr, "memprof: %s, %llu events in %s to %s",
		mp_duration(dur, sizeof(dur), keeps(a) ? w->span : m->now - m->first),
		(unsigned long long)w->events, mp_bytes(size, sizeof(size), (int64_t)w->bytes),
		clean);
	if (row && w->files > 1)
		fprintf(stderr, " and %u more", w->files - 1);
	if (m->lost_total + w->lost)
		fprintf(stderr, "; LOST %llu events",
			(unsigned long long)(m->lost_total + w->lost));
	if (notice)
		fprintf(stderr, "; %s", notice);
	fprintf(stderr, "\nmemprof: see it with: memprof report %s   or: memprof replay %s\n",
		clean, clean);
}

static void say_messages(struct mp_session *s)
{
	char text[640], clean[640];

	while (mp_session_message(s, text, sizeof(text)))
		fprintf(stderr, "memprof: %s\n", mp_clean(clean, sizeof(clean), text, 0));
}

/* --- triggers --------------------------------------------------------------------- */

static int arm(const struct mp_args *a, struct armed *arms)
{
	struct mp_trigger_error e;
	char what[160], cause[240];
	int err;

	for (arms->n = 0; arms->n < a->n_triggers; arms->n++) {
		const char *expr = a->triggers[arms->n];

		err = mp_trigger_parse(expr, &arms->t[arms->n], &e);
		if (!err)
			continue;
		if (err != -EINVAL)
			return mp_fail(MP_EXIT_FAILURE, "out of memory", NULL, NULL);
		snprintf(what, sizeof(what), "--trigger '%.100s' is no condition", expr);
		if (expr[e.pos])
			snprintf(cause, sizeof(cause), "at '%.40s': %s", expr + e.pos, e.why);
		else
			snprintf(cause, sizeof(cause), "at its end: %s", e.why);
		return mp_fail(MP_EXIT_USAGE, what, cause, "--trigger 'rss>2G'   (see memprof(1))");
	}
	return 0;
}

static void disarm(struct armed *arms)
{
	for (size_t i = 0; i < arms->n; i++)
		mp_trigger_free(arms->t[i]);
}

/* What asks for the ring to be saved; `ended`: it is about to become the output. */
static int watch(struct mp_session *s, const struct mp_args *a, struct armed *arms, bool ended)
{
	const struct mp_model *m = mp_session_model(s);
	char text[256], clean[256];
	int err = 0;

	for (size_t i = 0; i < arms->n && !err; i++) {
		if (mp_trigger_eval(arms->t[i], m, ended, text, sizeof(text)))
			err = mp_session_capture(s, 0, text, ended);
		if (mp_trigger_blind(arms->t[i], m, text, sizeof(text)) && !a->quiet)
			fprintf(stderr, "memprof: %s\n", mp_clean(clean, sizeof(clean), text, 0));
	}
	if (!err && mp_signals_saves())
		err = mp_session_capture(s, 0, "SIGUSR1", ended);
	say_messages(s);
	return err;
}

#define CTRL_C_GRACE_NS 5000000000ULL

/* 0: the targets ended; 1: asked to end; -errno. */
static int run(struct mp_session *s, const struct mp_args *a, struct armed *arms)
{
	uint64_t start = mp_monotonic_ns(), asked = 0;
	int r = 1, err;

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
		err = watch(s, a, arms, r == 0);
		if (err)
			return err;
	}
	return r;
}

/* What the options ask for together. 0, or an exit code after a message. */
static int check_output(struct mp_args *a, char *name, size_t size)
{
	bool pipe = a->output && !strcmp(a->output, "-");

	if (a->cmd && pipe)
		return mp_fail(MP_EXIT_USAGE, "the command's output and -o - are the same", NULL,
			       "memprof record -o FILE -- CMD   (see memprof record --help)");
	if (pipe && (keeps(a) || rotates(a) || a->n_triggers))
		return mp_fail(MP_EXIT_USAGE, "-o - is one stream: nothing of it can be kept back",
			       "--keep, --trigger, --rotate-size and --rotate-time need files",
			       "give a file with -o");
	if (keeps(a) && rotates(a))
		return mp_fail(MP_EXIT_USAGE, "a ring keeps the end and a row of files all of it",
			       "--keep contradicts --rotate-size and --rotate-time",
			       "give one of them   (see memprof record --help)");
	if (a->n_triggers && !keeps(a) && !rotates(a))
		a->keep_ns = KEEP_NS;
	if (!a->output) {
		default_name(a, name, size);
		a->output = name;
	}
	return 0;
}

/* The recording is ended: what it came to. */
static int finish(struct mp_session *s, struct mp_args *a, struct mp_diag *diag)
{
	struct mp_written w;
	int err;

	mp_session_written(s, &w);
	say_messages(s); /* of what was saved last */
	err = mp_session_finish(s);
	say_messages(s);
	mp_session_written(s, &w);
	if (mp_session_diag(s))
		*diag = *mp_session_diag(s);
	if (err)
		return err;
	say_end(a, mp_session_model(s), mp_session_notice(s), &w);
	say_usage(a, s);
	return 0;
}

/* --- what a daemon tells --------------------------------------------------------------- */

static int copy_block(void *ctx, struct mp_block *b)
{
	return mp_writer_block(*(struct mp_writer **)ctx, b);
}

static void copy_skip(void *ctx, uint32_t blocks, uint64_t events)
{
	mp_writer_skip(*(struct mp_writer **)ctx, blocks, events);
}

/* 0: the daemon has ended; 1: asked to end; -errno. */
static int follow(struct mp_feed *f, const struct mp_args *a)
{
	uint64_t start = mp_monotonic_ns();
	int r = 1;

	while (r > 0 && !mp_signals_count() &&
	       (!a->duration_ns || mp_monotonic_ns() - start < a->duration_ns)) {
		struct pollfd pfd = { .fd = mp_feed_fd(f), .events = POLLIN };

		poll(&pfd, 1, 100);
		r = mp_feed_pump(f);
	}
	/* what happened until now is under way for a second */
	return r > 0 ? mp_feed_settle(f) : r;
}

static int not_written(const char *path, int err)
{
	char what[512];

	snprintf(what, sizeof(what), "writing %.400s failed", path);
	return mp_fail(MP_EXIT_FAILURE, what, strerror(-err),
		       err == -EEXIST ? "give another name with -o" : "");
}

/* The file is closed well whatever came before. */
static int end_copy(const struct mp_args *a, struct mp_feed *f, struct mp_writer *w, int r)
{
	struct mp_written done = { .files = 1 };
	struct mp_writer_info info;
	int err, code;

	mp_writer_info(w, &info);
	done.lost = info.lost;
	done.events = info.events;
	done.bytes = info.bytes;
	err = mp_writer_close(w);
	if (info.err || err)
		return not_written(a->output, info.err ? info.err : err);
	code = r > 0 ? 0 : mp_connect_ended(a, f, r);
	say_end(a, mp_feed_model(f), r > 0 ? mp_feed_notice(f) : NULL, &done);
	return code;
}

static int record_connected(struct mp_args *a)
{
	struct mp_writer *w = NULL;
	struct mp_tap_tee tee = { copy_block, copy_skip, &w };
	struct mp_feed *f;
	int code = mp_connect_stream(a, 0, false, &tee, &f), err;

	if (code)
		return code;
	/* only now: a daemon that refuses leaves no file behind */
	err = !strcmp(a->output, "-") ? mp_writer_open_fd(STDOUT_FILENO, &w)
				      : mp_writer_open(a->output, &w);
	if (err) {
		mp_feed_free(f);
		return not_written(a->output, err);
	}
	say_start(a, a->output);
	code = end_copy(a, f, w, follow(f, a));
	mp_feed_free(f);
	return code;
}

int cmd_record(struct mp_args *a)
{
	struct mp_session_opts o;
	struct mp_diag diag = { 0 };
	struct armed arms = { 0 };
	struct mp_session *s;
	char name[128];
	int r, code, err;

	err = check_output(a, name, sizeof(name));
	if (!err)
		err = arm(a, &arms);
	if (err) {
		disarm(&arms);
		return err;
	}
	mp_signals_init();
	if (a->connect)
		return record_connected(a);
	mp_signals_usr1();
	mp_session_opts_from(a, &o);
	if (!strcmp(a->output, "-")) {
		o.out.path = NULL;
		o.out.fd = STDOUT_FILENO;
	}
	if (mp_session_open(&o, &s, &diag)) {
		disarm(&arms);
		return mp_complain(&diag);
	}
	say_start(a, a->output);
	mp_say_gc_log(a, s);
	r = run(s, a, &arms);
	if (r > 0)
		mp_session_settle(s);
	code = mp_session_exit_code(s);
	err = finish(s, a, &diag);
	r = r < 0 ? r : err;
	mp_session_close(s);
	disarm(&arms);
	if (r < 0)
		return diag.what[0]
			       ? mp_complain(&diag)
			       : mp_fail(MP_EXIT_FAILURE, "the session failed", strerror(-r), "");
	return code >= 0 ? code : MP_EXIT_OK;
}
