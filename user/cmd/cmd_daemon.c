/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_daemon.c - memprof daemon: one standing session for all targets, and the parts of
 * user/daemon/ around it.
 *
 * Owns: the order in which things are opened and ended, signals, the loop. Each part works in
 * small pieces when it is called; nothing here or there waits, so that a tick comes in time.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "user/cmd/cmd.h"
#include "user/daemon/config.h"
#include "user/daemon/folder.h"
#include "user/daemon/incidents.h"
#include "user/daemon/log.h"
#include "user/daemon/metrics.h"
#include "user/daemon/privileges.h"
#include "user/daemon/server.h"
#include "user/daemon/runner.h"
#include "user/daemon/targets.h"
#include "user/live/rights.h"
#include "user/live/uprobes.h"
#include "user/model/model.h"
#include "user/rec/history.h"
#include "user/rec/shards.h"
#include "user/util/util.h"

#define DEFAULT_CONFIG "/etc/memprof/memprof.conf"
#define SAY_EVERY_NS   60000000000ULL /* what was lost or refused, when there is more of it */
#define STACKS	       (1u << 17)     /* of all targets together */
/* A session begins anew when this much of a table that only grows is taken, and no sooner. */
#define RENEW_PERCENT 90
#define RENEW_NS      3600000000000ULL
#define LOOK_NS	      10000000000ULL /* between two looks at that */

struct daemon {
	struct dm_config *c;
	struct mp_session *s;
	struct dm_targets *targets;
	struct dm_server *server;
	struct dm_incidents *incidents;
	struct dm_metrics *metrics;
	struct dm_http *http;
	struct dm_runner *runner; /* until the incidents have it */
	struct mp_diag diag;
	char ring[MP_SHARD_PATH];	  /* where the session records to */
	uint64_t watchdog, next_watchdog; /* ns */
	uint64_t next_say, said_lost, said_refused, next_tell;
	uint64_t began, next_look;  /* of this session, ns */
	uint64_t lost[MP_LOSS_MAX]; /* in the sessions before it */
	struct dm_server_figures before;
	bool asked;   /* somebody asks for metrics */
	bool dropped; /* rights were given up */
	bool broken;  /* the recording; told */
	struct dm_self self;
	struct dm_incident_figures figures[DM_GROUPS_MAX];
};

/* --- signals ---------------------------------------------------------------------------------- */

static volatile sig_atomic_t end_asked, reload_asked, renew_asked;

static void on_end(int sig)
{
	if (end_asked) /* whoever asks twice does not want to wait */
		_exit(128 + sig);
	end_asked = sig;
}

static void on_reload(int sig)
{
	(void)sig;
	reload_asked = 1;
}

static void on_renew(int sig)
{
	(void)sig;
	renew_asked = 1;
}

static void take_signal(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = { .sa_handler = fn, .sa_flags = flags };

	sigemptyset(&sa.sa_mask);
	sigaction(sig, &sa, NULL);
}

static void take_signals(void)
{
	take_signal(SIGTERM, on_end, 0);
	take_signal(SIGINT, on_end, 0);
	take_signal(SIGHUP, on_reload, SA_RESTART);
	take_signal(SIGUSR2, on_renew, SA_RESTART);
	mp_signals_usr1();
}

/* --- the config --------------------------------------------------------------------------------
 */

static void complain(const char *path, const struct dm_complaint *list, size_t n)
{
	char file[512], what[256], fix[256], line[16], text[1200];

	mp_clean(file, sizeof(file), path, 0);
	for (size_t i = 0; i < n; i++) {
		line[0] = 0;
		if (list[i].line)
			snprintf(line, sizeof(line), ":%u", list[i].line);
		snprintf(text, sizeof(text), "memprof: %s%s: %s%s\n%s%s%s", file, line,
			 list[i].note ? "note: " : "",
			 mp_clean(what, sizeof(what), list[i].what, 0),
			 list[i].fix[0] ? "  fix: " : "",
			 mp_clean(fix, sizeof(fix), list[i].fix, 0), list[i].fix[0] ? "\n" : "");
		dm_log_text(text);
	}
}

/* Without --config the installed one, and without that the defaults: NULL. */
static const char *config_path(const struct mp_args *a)
{
	if (a->config)
		return a->config;
	return access(DEFAULT_CONFIG, F_OK) ? NULL : DEFAULT_CONFIG;
}

/* What would be the same at the next start is no plain failure: a manager of services goes by it.
 */
static int code_of(int err)
{
	switch (-err) {
	case EINVAL:
	case ENOENT:
	case ENOTDIR:
	case ELOOP:
	case ENAMETOOLONG:
		return MP_EXIT_USAGE;
	case EACCES:
	case EPERM:
		return MP_EXIT_NOT_PERMITTED;
	}
	return MP_EXIT_FAILURE;
}

/* 0, or an exit code after what is wrong was said. */
static int read_config(const char *path, struct dm_config **out)
{
	struct dm_complaint *list = NULL;
	size_t n = 0;
	int err = path ? dm_config_read(path, out, &list, &n)
		       : dm_config_parse("", 0, out, &list, &n);

	complain(path ? path : "the defaults", list, n);
	free(list);
	if (!err)
		return 0;
	if (err == -ENOMEM)
		return mp_fail(MP_EXIT_FAILURE, "out of memory", NULL, NULL);
	return code_of(err);
}

/* Which keys of [daemon] wait for a new start: how many. */
static int say_waiting(const struct daemon *d, const struct dm_config *now)
{
	struct dm_complaint *list;
	int n = dm_config_differ(d->c, now, &list);

	if (n > 0)
		complain(d->c->path, list, (size_t)n);
	free(list);
	return n < 0 ? 0 : n;
}

/* The file as it is now, and all made for it that may fail. False, after why was said. */
static bool read_again(struct daemon *d, struct dm_config **c)
{
	const char *why = NULL;

	if (!d->c->path)
		why = "there is no file: it was started with the defaults";
	else if (read_config(d->c->path, c))
		why = "the file has mistakes; what was read before stays in force";
	else if (dm_incidents_expect(d->incidents, *c)) {
		dm_config_free(*c);
		why = "out of memory; what was read before stays in force";
	}
	if (why)
		dm_log("reload: %s", why);
	return !why;
}

/*
 * SIGHUP: groups and their triggers are taken from the file as it is now; whatever holds the
 * config keeps its address. The rest of [daemon] needs a new start, which is said.
 */
static void reload(struct daemon *d)
{
	struct dm_config *c;
	struct dm_group *old = d->c->groups;
	size_t n_old = d->c->n_groups;
	char state[64];
	int err, waiting;

	/* with the time, so that a manager tells this reload from the one before (systemd 253) */
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%llu",
		 (unsigned long long)(mp_monotonic_ns() / 1000));
	dm_notify(state);
	if (!read_again(d, &c)) {
		dm_notify("READY=1");
		return;
	}
	d->c->groups = c->groups;
	d->c->n_groups = c->n_groups;
	c->groups = old;
	c->n_groups = n_old;
	err = dm_targets_reload(d->targets, old);
	if (err)
		dm_log("reload: new processes are found by looking alone: %s", strerror(-err));
	dm_incidents_reload(d->incidents, d->c, d->targets);
	if (dm_metrics_reload(d->metrics, d->c, d->targets))
		dm_log("reload: metrics stay those of the groups before: out of memory");
	waiting = say_waiting(d, c);
	dm_log("reload: %zu group%s; %d key%s of [daemon] wait%s for a start", d->c->n_groups,
	       d->c->n_groups == 1 ? "" : "s", waiting, waiting == 1 ? "" : "s",
	       waiting == 1 ? "s" : "");
	dm_config_free(c);
	dm_notify("READY=1");
}

/* --- opening ------------------------------------------------------------------------------------
 */

/* The probes hang: from here on less is enough. */
static int attached(void *ctx, struct mp_diag *diag)
{
	struct daemon *d = ctx;
	int err;

	if (d->dropped) /* a later session, with what was kept */
		return 0;
	err = dm_privileges_drop(d->c->user, diag);
	d->dropped = !err;
	return err;
}

static int open_session(struct daemon *d, const struct mp_output_opts *out)
{
	struct mp_session_opts o = { .hooks = d->c->hooks,
				     .follow_forks = true,
				     .no_symbols = !d->c->symbols,
				     .standing = true,
				     .stacks = STACKS,
				     .history = d->c->keep_bytes < MP_HISTORY_LIMIT
							? d->c->keep_bytes
							: MP_HISTORY_LIMIT,
				     .max_targets = 2 * d->c->max_targets + 1024,
				     .out = *out,
				     .attached = attached,
				     .attached_ctx = d };
	int err;

	if (!d->c->stacks)
		o.hooks.allow[MP_FEAT_STACKS] = 0;
	err = mp_session_open(&o, &d->s, &d->diag);
	if (!err)
		mp_history_keep(mp_session_history(d->s), d->c->keep_ns);
	return err;
}

/* Before each event is folded: whoever counts or passes on events. */
static void observe(void *ctx, const struct mp_model *m, const struct mp_event *e)
{
	struct daemon *d = ctx;

	dm_metrics_event(d->metrics, m, e);
	dm_server_event(d->server, m, e);
}

/* The incidents of the first session, or of the next one. */
static int open_incidents(struct daemon *d)
{
	struct dm_runner *runner = d->runner;
	int err;

	d->runner = NULL;
	if (!d->incidents)
		return dm_incidents_new(d->c, d->targets, d->s, runner, &d->incidents, &d->diag);
	err = dm_incidents_session(d->incidents, d->targets, d->s);
	return err ? mp_diag_set(&d->diag, err, MP_EXIT_FAILURE, "out of memory", "", "") : 0;
}

/* What belongs to a session: closed by close_watch(), also after an error. */
static int open_watch(struct daemon *d, const struct mp_output_opts *out)
{
	int err = open_session(d, out);

	if (err)
		return err;
	err = dm_targets_new(d->c, d->s, &d->targets);
	if (!err)
		err = dm_metrics_reload(d->metrics, d->c, d->targets);
	if (err)
		return mp_diag_set(&d->diag, err, MP_EXIT_FAILURE, "cannot watch by these rules",
				   strerror(-err), "");
	mp_session_observe(d->s, observe, d);
	d->began = mp_monotonic_ns();
	err = open_incidents(d);
	if (err)
		return err;
	return dm_server_open(d->c, d->targets, mp_session_model(d->s), mp_session_history(d->s),
			      &d->server, &d->diag);
}

static void close_watch(struct daemon *d)
{
	dm_server_close(d->server); /* first: viewers get all that was folded */
	dm_targets_free(d->targets);
	mp_session_close(d->s);
	d->server = NULL;
	d->targets = NULL;
	d->s = NULL;
}

/* In this order: what needs rights comes before they are given up, in mp_session_open(). */
static int open_all(struct daemon *d)
{
	struct mp_output_opts out = { .fd = -1 };
	int err = 0;

	if (!d->c->hooks.none)
		err = dm_privileges_check(&d->diag);
	if (!err)
		err = dm_privileges_user(d->c->user, &d->diag);
	if (!err)
		err = dm_folder_take(d->c, &d->diag);
	if (!err && dm_metrics_new(d->c, NULL, &d->metrics))
		err = mp_diag_set(&d->diag, -ENOMEM, MP_EXIT_FAILURE, "out of memory", "", "");
	if (!err)
		err = dm_http_open(d->c, d->metrics, &d->http, &d->diag);
	if (!err)
		err = dm_incidents_prepare(d->c, &out, d->ring, &d->runner, &d->diag);
	return err ? err : open_watch(d, &out);
}

static void close_all(struct daemon *d)
{
	close_watch(d);
	dm_incidents_free(d->incidents);
	dm_http_close(d->http);
	dm_metrics_free(d->metrics);
	dm_runner_free(d->runner);
	dm_config_free(d->c);
}

/* --- running -------------------------------------------------------------------------------------
 */

static void say_messages(struct daemon *d)
{
	const struct mp_diag *broken = mp_session_diag(d->s);
	char text[640];

	while (mp_session_message(d->s, text, sizeof(text)))
		dm_log("%s", text);
	if (broken && !d->broken)
		dm_log("%s: %s; watching goes on", broken->what, broken->cause);
	d->broken = broken != NULL;
}

/* By cause, in all sessions. */
static void lost_so_far(const struct daemon *d, uint64_t by[MP_LOSS_MAX])
{
	for (unsigned i = 0; i < MP_LOSS_MAX; i++)
		by[i] = d->lost[i] + mp_model_lost(mp_session_model(d->s), i);
}

/* What was lost and who found no room, now and then. */
static void say_losses(struct daemon *d, uint64_t now)
{
	uint64_t refused = dm_targets_refused(d->targets), by[MP_LOSS_MAX], lost;
	char causes[160];

	if (now < d->next_say)
		return;
	d->next_say = now + SAY_EVERY_NS;
	lost_so_far(d, by);
	lost = dm_metrics_lost(by, causes, sizeof(causes));
	if (lost > d->said_lost)
		dm_log("LOST %llu events so far: %s", (unsigned long long)lost, causes);
	if (refused > d->said_refused)
		dm_log("%llu processes found no room so far: max-targets = %u",
		       (unsigned long long)refused, d->c->max_targets);
	d->said_lost = lost;
	d->said_refused = refused;
}

static void sign_of_life(struct daemon *d, uint64_t now)
{
	if (!d->watchdog || now < d->next_watchdog)
		return;
	d->next_watchdog = now + d->watchdog / 3;
	dm_notify("WATCHDOG=1");
}

/* What it takes itself: some hundred small files are read for it. */
static const struct dm_self *look_at_self(void *ctx)
{
	struct daemon *d = ctx;
	struct dm_self *self = &d->self;
	struct mp_usage u;
	struct timespec cpu;
	const char *what;

	for (size_t i = 0; i < d->c->n_groups; i++)
		dm_incidents_figures(d->incidents, (int)i, &d->figures[i]);
	dm_server_figures(d->server, &self->server);
	self->server.accepted += d->before.accepted;
	self->server.refused += d->before.refused;
	self->server.cut_off += d->before.cut_off;
	self->server.dropped_blocks += d->before.dropped_blocks;
	self->server.sent_bytes += d->before.sent_bytes;
	mp_session_usage(d->s, &u);
	self->rss = u.rss;
	self->bpf = u.bpf;
	self->incidents = d->figures;
	self->model = mp_session_model(d->s);
	self->fill = mp_session_fill(d->s, &what);
	lost_so_far(d, self->lost);
	if (!clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu))
		self->cpu_ns = (uint64_t)cpu.tv_sec * 1000000000 + (uint64_t)cpu.tv_nsec;
	return self;
}

/* For Prometheus, which asks, and for node_exporter's file. */
static void tell_metrics(struct daemon *d, uint64_t now)
{
	struct dm_look look = { look_at_self, d };

	if (!d->http && !d->c->textfile)
		return;
	if (!d->asked && now < d->next_tell)
		return;
	d->next_tell = now + 100000000;
	dm_http_work(d->http, &look);
	dm_http_tick(d->http, now);
	dm_textfile_tick(d->metrics, &look, now);
}

/* What the parts that are closed with a session have counted. */
static void carry_over(struct daemon *d)
{
	struct dm_server_figures f, *b = &d->before;

	dm_server_figures(d->server, &f);
	b->accepted += f.accepted;
	b->refused += f.refused;
	b->cut_off += f.cut_off;
	b->dropped_blocks += f.dropped_blocks;
	b->sent_bytes += f.sent_bytes;
	lost_so_far(d, d->lost);
	d->said_refused = 0;
	dm_metrics_renew(d->metrics, mp_session_model(d->s));
}

/*
 * A new session takes the place of this one: tables that only grow (strings, stacks, functions,
 * processes ever seen) begin empty, and so does the ring; some tenths of a second are in neither.
 * One after the other, since two would need twice the memory, and that when one is full. What
 * counts goes on. When no session can begin the daemon ends, and whoever watches over it starts it
 * again.
 */
static int renew(struct daemon *d, const char *why)
{
	struct mp_output_opts out = { .fd = -1 };
	int err;

	mp_session_leave(d->s);
	say_messages(d);
	carry_over(d);
	close_watch(d);
	err = dm_incidents_anew(d->incidents, &out, d->ring);
	if (err)
		err = mp_diag_set(&d->diag, err, MP_EXIT_FAILURE, "the ring cannot be put aside",
				  strerror(-err), "");
	if (!err)
		err = open_watch(d, &out);
	if (err)
		return err;
	dm_log("%s: a new session has begun", why);
	return 0;
}

static int look_for_room(struct daemon *d, uint64_t now)
{
	const char *what;
	char why[96];
	unsigned fill;

	if (dm_incidents_busy(d->incidents))
		return 0;
	if (renew_asked) {
		renew_asked = 0;
		return renew(d, "asked for by a signal");
	}
	if (now < d->next_look)
		return 0;
	d->next_look = now + LOOK_NS;
	fill = mp_session_fill(d->s, &what);
	if (fill < RENEW_PERCENT || now - d->began < RENEW_NS)
		return 0;
	snprintf(why, sizeof(why), "%u %% of the room for %s is taken", fill, what);
	return renew(d, why);
}

static void tick(struct daemon *d)
{
	uint64_t now = mp_monotonic_ns();

	dm_targets_tick(d->targets, now);
	if (mp_signals_saves())
		dm_incidents_all(d->incidents, "asked for by a signal");
	dm_incidents_tick(d->incidents, now);
	dm_server_tick(d->server, now);
	tell_metrics(d, now);
	say_messages(d);
	say_losses(d, now);
	sign_of_life(d, now);
	if (reload_asked) {
		reload_asked = 0;
		reload(d);
	}
}

/* 0: asked to end; -errno. */
static int run(struct daemon *d)
{
	int r;

	while (!end_asked) {
		struct pollfd pfd[] = { { .fd = mp_session_fd(d->s), .events = POLLIN },
					{ .fd = dm_http_fd(d->http), .events = POLLIN },
					{ .fd = dm_server_fd(d->server), .events = POLLIN } };

		if (poll(pfd, sizeof(pfd) / sizeof(pfd[0]), 100) < 0 && errno != EINTR)
			return -errno;
		d->asked = pfd[1].revents;
		r = mp_session_pump(d->s);
		if (r < 0)
			return r;
		dm_server_work(d->server);
		tick(d);
		r = look_for_room(d, mp_monotonic_ns());
		if (r < 0)
			return r;
	}
	return 0;
}

/* What of a heap is not seen for want of a right that is not kept. */
static void say_rights(const struct daemon *d)
{
	if (d->c->hooks.none || !uprobe_multi_try() || mp_caps_has(MP_CAP_SYS_ADMIN))
		return;
	dm_log("before Linux 6.6 uprobes need CAP_SYS_ADMIN, which is not kept: no heaps of V8, "
	       "CPython and CRuby; of Go and JVMs by their own figures; libmpgc and memprof-node "
	       "as "
	       "ever");
}

static void say_ready(const struct daemon *d)
{
	size_t n = dm_targets_n(d->targets);

	dm_log("watching %zu process%s of %zu group%s", n, n == 1 ? "" : "es", d->c->n_groups,
	       d->c->n_groups == 1 ? "" : "s");
	dm_log("ready");
	dm_notify("READY=1");
}

/* The last words, if anybody reads them. */
static int end_with(int code, const char *what, const char *cause, const char *fix)
{
	return dm_log_stop() ? mp_fail(code, what, cause, fix) : code;
}

static int serve(struct daemon *d)
{
	int err;

	d->watchdog = dm_watchdog_ns();
	err = dm_log_start();
	if (err)
		return mp_fail(MP_EXIT_FAILURE, "the log's thread does not start", strerror(-err),
			       NULL);
	say_rights(d);
	say_ready(d);
	err = run(d);
	dm_notify("STOPPING=1");
	if (err && d->diag.what[0]) /* a later session that did not begin */
		return end_with(d->diag.exit_code, d->diag.what, d->diag.cause, d->diag.fix);
	if (!err)
		err = mp_session_settle(d->s);
	say_messages(d);
	if (!err)
		err = mp_session_finish(d->s);
	say_messages(d);
	if (err)
		return end_with(MP_EXIT_FAILURE, "the daemon ends", strerror(-err), NULL);
	dm_log("ended");
	dm_log_stop();
	return MP_EXIT_OK;
}

int cmd_daemon(struct mp_args *a)
{
	struct daemon d = { 0 };
	int code;

	if (a->defaults) {
		dm_config_defaults(stdout);
		return mp_finish_stdout(0, MP_EXIT_OK);
	}
	code = read_config(config_path(a), &d.c);
	if (code || a->check) {
		if (!code && !a->quiet)
			fprintf(stderr, "memprof: %s is in order: %zu group%s\n",
				d.c->path ? d.c->path : "nothing but defaults", d.c->n_groups,
				d.c->n_groups == 1 ? "" : "s");
		dm_config_free(d.c);
		return code;
	}
	umask(027);
	take_signals();
	code = open_all(&d) ? mp_complain(&d.diag) : serve(&d);
	close_all(&d);
	return code;
}
