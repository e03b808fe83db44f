/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_diagnose.c - memprof diagnose: findings of a recording or of what runs.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "user/cmd/cmd.h"
#include "user/cmd/connect.h"
#include "user/cmd/logjoin.h"
#include "user/diagnose/diagnose.h"
#include "user/util/util.h"

#define LIVE_NS 60000000000ULL /* how long what runs is looked at without --duration */

/* What it takes from the fold, a recording's or a session's. */
struct watch {
	struct mp_diagnosis *d;
	int err;
};

static int watch_one(void *ctx, const struct mp_model *m, const struct mp_event *e)
{
	struct watch *w = ctx;

	if (!w->err)
		w->err = mp_diagnosis_step(w->d, m, e);
	return w->err;
}

static void watch_live(void *ctx, const struct mp_model *m, const struct mp_event *e)
{
	watch_one(ctx, m, e);
}

/* --- what --fail-on names ------------------------------------------------------------- */

/* "any", a level (that or worse), or a class. */
static bool is_level(const char *s, size_t n, enum mp_dx_level *level)
{
	for (int l = MP_DX_INFO; l <= MP_DX_BAD; l++) {
		const char *name = mp_dx_level_name((enum mp_dx_level)l);

		if (strlen(name) == n && !strncmp(name, s, n)) {
			*level = (enum mp_dx_level)l;
			return true;
		}
	}
	*level = MP_DX_INFO;
	return n == 3 && !strncmp(s, "any", 3);
}

static bool is_class(const char *s, size_t n)
{
	const char *cls;

	for (size_t i = 0; (cls = mp_diagnose_class(i)); i++)
		if (strlen(cls) == n && !strncmp(cls, s, n))
			return true;
	return false;
}

static bool named(const char *s, size_t n, const struct mp_findings *fs)
{
	enum mp_dx_level level;
	bool by_level = is_level(s, n, &level);

	for (size_t i = 0; i < fs->n; i++)
		if (by_level ? fs->v[i].level >= level
			     : strlen(fs->v[i].cls) == n && !strncmp(fs->v[i].cls, s, n))
			return true;
	return false;
}

/* Looks at each name of the comma-separated lists; fs NULL: only whether they are names. */
static bool fail_on(const struct mp_args *a, const struct mp_findings *fs, char bad[64])
{
	enum mp_dx_level level;

	for (size_t i = 0; i < a->n_fail_on; i++)
		for (const char *s = a->fail_on[i]; *s;) {
			size_t n = strcspn(s, ",");

			if (fs ? named(s, n, fs) : !is_level(s, n, &level) && !is_class(s, n)) {
				snprintf(bad, 64, "%.*s", (int)n, s);
				return true;
			}
			s += n + (s[n] == ',');
		}
	return false;
}

/* --- options -------------------------------------------------------------------------- */

static int bad_thresholds(const char *path, int err, unsigned line, const char *why)
{
	char what[512], cause[256], clean[256];

	mp_clean(clean, sizeof(clean), path, 0);
	snprintf(what, sizeof(what), "thresholds cannot be read from %s", clean);
	if (err == -EINVAL)
		snprintf(cause, sizeof(cause), "line %u: %s", line, why);
	else
		snprintf(cause, sizeof(cause), "%s", strerror(-err));
	return mp_fail(MP_EXIT_USAGE, what, cause,
		       "memprof diagnose --defaults   shows such a file");
}

/* 0, or an exit code after a message. */
static int thresholds(const struct mp_args *a, struct mp_thresholds **out)
{
	unsigned line = 0;
	char why[160] = "";
	FILE *f;
	int err;

	*out = mp_thresholds_new();
	if (!*out)
		return mp_fail(MP_EXIT_FAILURE, "out of memory", NULL, NULL);
	if (!a->thresholds)
		return 0;
	f = fopen(a->thresholds, "re");
	err = f ? mp_thresholds_read(*out, f, &line, why) : -errno;
	if (f)
		fclose(f);
	return err ? bad_thresholds(a->thresholds, err, line, why) : 0;
}

static int check(const struct mp_args *a)
{
	char bad[64], what[128], clean[64];
	bool live = a->n_pids || a->cmd || a->connect;

	if (fail_on(a, NULL, bad)) {
		snprintf(what, sizeof(what), "--fail-on: there is no class or level '%s'",
			 mp_clean(clean, sizeof(clean), bad, 0));
		return mp_fail(
			MP_EXIT_USAGE, what, NULL,
			"memprof diagnose --list   names them; levels are info, warn, bad; any");
	}
	if (a->n_files > 1)
		return mp_fail(MP_EXIT_USAGE, "one recording at a time", NULL,
			       "memprof diagnose FILE");
	if (a->n_files && a->n_pids > 1)
		return mp_fail(MP_EXIT_USAGE, "one process of a recording at a time", NULL,
			       "memprof diagnose FILE   judges all of them");
	if (a->n_files && a->cmd)
		return mp_fail(MP_EXIT_USAGE, "a recording or a command, not both", NULL,
			       "memprof diagnose FILE   or   memprof diagnose -- CMD ARG...");
	if (!a->n_files && !live)
		return mp_fail(
			MP_EXIT_USAGE, "nothing to diagnose", NULL,
			"memprof diagnose FILE   or   memprof diagnose -p PID --duration 60s");
	return 0;
}

/* --- findings ------------------------------------------------------------------------- */

static int show(const struct mp_args *a, struct watch *w, const struct mp_model *m,
		const struct mp_diagnose_opts *o, int code)
{
	struct mp_findings fs;
	struct mp_term term;
	char named_class[64];
	int err = w->err ? w->err : mp_diagnosis_make(w->d, m, o, &fs);

	if (err)
		return mp_fail(MP_EXIT_FAILURE, "diagnosing failed", strerror(-err), "");
	mp_term_init(&term, stdout, a->color);
	err = a->json ? mp_findings_json(stdout, &fs, m, o)
		      : mp_findings_text(stdout, &fs, m, o, &term);
	if (!code && fail_on(a, &fs, named_class))
		code = MP_EXIT_FINDING;
	mp_findings_free(&fs);
	return mp_finish_stdout(err, code);
}

static int of_file(struct mp_args *a, struct watch *w)
{
	struct mp_diagnose_opts o = { .pid = a->n_pids ? (uint32_t)a->pids[0] : 0 };
	struct mp_event_filter by;
	struct mp_loaded l = { 0 };
	struct mp_logjoin *g;
	int joined = mp_logjoin_open(a, a->files[0], &g), code;

	if (joined && !g)
		return joined;
	if (g)
		mp_logjoin_filter(g, &by);
	code = mp_load_through(a->files[0], &l, g ? &by : NULL, watch_one, w);
	if (l.model && o.pid && !mp_model_pid(l.model, o.pid))
		code = mp_fail(MP_EXIT_NO_TARGET, "that process is not in the recording", NULL,
			       "memprof dump FILE | grep task.target   lists those that are");
	else if (l.model && (!l.fn_err || w->err)) {
		mp_fill_symbols(a, l.model);
		o.state = mp_rec_state_name(l.info.state);
		code = show(a, w, l.model, &o, code ? code : joined);
	}
	mp_unload(&l);
	mp_logjoin_close(g);
	return code;
}

static void say_live(const struct mp_args *a, uint64_t ns)
{
	char dur[32];

	if (!a->quiet)
		fprintf(stderr,
			"memprof: looking for %s; Ctrl-C ends it and shows what was found\n",
			mp_duration(dur, sizeof(dur), ns));
}

/* Until the time is over, the targets have ended (true), or somebody wants to know now. */
static bool look(struct mp_session *s, const struct mp_args *a)
{
	uint64_t start = mp_monotonic_ns(), ns = a->duration_ns ? a->duration_ns : LIVE_NS;
	int r = 1;

	say_live(a, ns);
	while (r > 0 && !mp_signals_count() && mp_monotonic_ns() - start < ns) {
		struct pollfd pfd = { .fd = mp_session_fd(s), .events = POLLIN };

		poll(&pfd, 1, 100);
		r = mp_session_pump(s);
	}
	if (r > 0)
		mp_session_settle(s);
	return r == 0;
}

static int of_session(struct mp_args *a, struct watch *w)
{
	struct mp_diagnose_opts o = { .live = true, .state = "live" };
	struct mp_session_opts so;
	struct mp_session *s;
	struct mp_diag diag = { 0 };
	int code, err, ended;
	bool over;

	mp_session_opts_from(a, &so);
	if (a->cmd && a->json)
		so.cmd_out_fd = STDERR_FILENO; /* nothing but the findings on standard output */
	mp_signals_init();
	if (mp_session_open(&so, &s, &diag))
		return mp_complain(&diag);
	mp_session_observe(s, watch_live, w);
	over = look(s, a) && a->cmd;
	mp_session_observe(s, NULL, NULL);
	code = show(a, w, mp_session_model(s), &o, 0);
	mp_session_end_command(s);
	ended = mp_session_exit_code(s);
	err = mp_session_close(s);
	if (err)
		return mp_fail(MP_EXIT_FAILURE, "the recording is not complete", strerror(-err),
			       "");
	return over && !code ? ended : code; /* as with every command that was started */
}

/* Of the last minutes that a daemon knows, up to now. */
static int of_daemon(struct mp_args *a, struct watch *w)
{
	struct mp_diagnose_opts o = { .live = true, .state = "live" };
	struct mp_feed *f;
	int code;

	mp_signals_init();
	code = mp_connect_look(a, watch_live, w, &f);
	if (!f)
		return code;
	o.pid = a->n_pids == 1 ? (uint32_t)a->pids[0] : 0;
	code = show(a, w, mp_feed_model(f), &o, code);
	mp_feed_free(f);
	return code;
}

int cmd_diagnose(struct mp_args *a)
{
	struct mp_thresholds *t = NULL;
	struct watch w = { 0 };
	int code = thresholds(a, &t);

	if (!code && (a->list || a->defaults)) {
		if (a->defaults)
			mp_thresholds_write(t, stdout);
		else
			mp_diagnose_list(stdout, t);
		code = mp_finish_stdout(0, 0);
	} else if (!code) {
		code = check(a);
		w.d = code ? NULL : mp_diagnosis_new(t);
		if (!code && !w.d)
			code = mp_fail(MP_EXIT_FAILURE, "out of memory", NULL, NULL);
		if (!code)
			code = a->connect   ? of_daemon(a, &w)
			       : a->n_files ? of_file(a, &w)
					    : of_session(a, &w);
	}
	mp_diagnosis_free(w.d);
	mp_thresholds_free(t);
	return code;
}
