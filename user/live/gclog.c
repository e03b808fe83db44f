/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gclog.c - see gclog.h.
 *
 * Three places that lines come from: a tap in front of the command's stderr (Go), a file
 * without a name that the command inherits (a JVM), a file with a name. What is read is
 * bounded in each tick; what came is stamped by its own CLOCK_MONOTONIC, else by its wall
 * clock, else by its time since the start, for which the earliest arrival counts: lines that
 * were read together are stamped together (user/rt/arrival.h).
 */
#include "user/live/gclog.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/live/gclog_auto.h"
#include "user/live/gclog_tap.h"
#include "user/live/runtime.h"
#include "user/rt/arrival.h"
#include "user/rt/gclog.h"
#include "user/rt/gclog_event.h"
#include "user/util/util.h"

#define TICK_BYTES  (1 << 20) /* read in a tick at most */
#define READ_BYTES  65536
#define PUNCH_BYTES (1 << 20) /* of our own file are given back when so many are read */
#define REASONS_MAX 4096      /* different texts kept */
#define HELD_MAX    32768     /* collections that are stamped together */
#define DRAIN_MS    1000

struct gclog {
	enum { FROM_NONE, FROM_TAP, FROM_OWN, FROM_FILE } from;
	struct gclog_auto plan;
	struct gclog_tap tap;
	const char *path;
	int fd; /* FROM_OWN, FROM_FILE; -1: not there yet */
	dev_t dev;
	ino_t ino;
	off_t at, punched;
	bool cut; /* the first line was not read from its beginning */
	struct mp_gclog *parser;
	struct mp_gclog_heaps heaps;
	struct mp_arrival zeros;
	struct mp_gclog_gc *held; /* read, not yet stamped */
	uint64_t *stamps;
	size_t n_held, held_cap, stamps_cap;
	struct mp_session *s;
	uint32_t mm;	  /* whose it is, 0: not known yet */
	uint64_t arrival; /* of what is fed */
	unsigned reasons;
	uint64_t left_out;
	bool said_left_out, told_of[MP_SRC_MAX];
	bool told_pauses; /* what no probe tells, see probes_tell() */
};

/* --- stamps ----------------------------------------------------------------------------- */

/* by_arrival: what mp_arrival_stamp() says of it. */
static uint64_t stamp_of(struct gclog *g, const struct mp_gclog_gc *gc, uint64_t by_arrival)
{
	uint64_t len = gc->span != MP_UNKNOWN ? gc->span : gc->pause != MP_UNKNOWN ? gc->pause : 0;
	struct clock_reading c;

	if (gc->mono != MP_UNKNOWN)
		return gc->mono;
	if (gc->wall != MP_UNKNOWN) {
		clock_now(&c);
		return gc->wall + c.mono > c.wall ? gc->wall + c.mono - c.wall : 0;
	}
	if (gc->t != MP_UNKNOWN && g->from != FROM_TAP)
		return by_arrival;
	/* the tap stamps the end of a line, which is printed at the end of its collection */
	return gc->at_start && g->arrival > len ? g->arrival - len : g->arrival;
}

/* --- collections ----------------------------------------------------------------------------- */

static bool has_probes(const struct mp_session *s, unsigned source, uint64_t ts)
{
	static const uint8_t feature[MP_SRC_MAX] = { [MP_SRC_GC] = MP_FEAT_HEAP_GC,
						     [MP_SRC_V8] = MP_FEAT_HEAP_V8,
						     [MP_SRC_GO] = MP_FEAT_HEAP_GO,
						     [MP_SRC_JVM] = MP_FEAT_HEAP_JVM };
	unsigned f = source < MP_SRC_MAX ? feature[source] : 0;

	return f && s->rt_rung[f] != MP_RUNG_ABSENT && s->rt_rung[f] != MP_RUNG_COUNTERS &&
	       ts >= s->rt_since[f];
}

/* HotSpot's probes are at collections of pools. Pauses that collect none (G1's Remark and
 * Cleanup, which free regions all the same) are in the log alone. */
static bool probes_tell(const struct mp_event *gc)
{
	return gc->gc.source != MP_SRC_JVM || gc->sub != MP_GC_OTHER;
}

static uint32_t reason_id(struct gclog *g, const struct mp_gclog_gc *gc, uint64_t ts)
{
	size_t before = g->s->stream.n_strs;
	char text[MP_GCLOG_REASON];
	uint32_t id;

	if (g->reasons >= REASONS_MAX)
		return 0;
	id = stream_str(&g->s->stream, mp_gclog_reason(gc, text), ts);
	g->reasons += g->s->stream.n_strs > before;
	return id;
}

bool gclog_tells(const struct mp_session *s, uint32_t mm, unsigned source)
{
	const struct gclog *g = s->gclog;

	return g && g->mm == mm && source < MP_SRC_MAX &&
	       (g->told_of[source] || (g->plan.rt == GCLOG_RT_JVM && source == MP_SRC_JVM));
}

bool gclog_tells_pauses(const struct mp_session *s, uint32_t mm)
{
	return gclog_tells(s, mm, MP_SRC_JVM) ||
	       (s->gclog && s->gclog->mm == mm && s->gclog->told_pauses);
}

static void tell(struct gclog *g, const struct mp_gclog_gc *gc, uint64_t stamp)
{
	struct mp_session *s = g->s;
	uint64_t now = mp_monotonic_ns();
	struct mp_event ev[2];
	int n = mp_gclog_events(&g->heaps, gc, stamp, ev);
	bool probes = has_probes(s, ev[0].gc.source, ev[0].ts);

	if (ev[0].ts < s->start)
		return;
	if (probes && probes_tell(&ev[0])) {
		g->left_out++;
		return;
	}
	for (int i = 0; i < n; i++) {
		uint64_t ts = ev[i].ts;

		/* The times are the target's word: see sane_ts() in src_gc.c. */
		ev[i].ts = ts > now ? now : ts < s->horizon ? s->horizon : ts;
		ev[i].mm = g->mm;
		if (ev[i].type == MP_EV_GC)
			ev[i].gc.reason = reason_id(g, gc, ev[i].ts);
		stream_push(&s->stream, &ev[i]);
	}
	if (probes)
		g->told_pauses = true;
	else
		g->told_of[ev[0].gc.source % MP_SRC_MAX] = true;
}

/* What was read together is complete: all of it is stamped by the arrival. */
static void settle(struct gclog *g)
{
	size_t n = g->n_held;

	g->n_held = 0;
	if (!n)
		return;
	mp_arrival_stamp(&g->zeros, g->held, n, g->arrival, g->stamps);
	for (size_t i = 0; i < n; i++)
		tell(g, &g->held[i], stamp_of(g, &g->held[i], g->stamps[i]));
}

static int on_gc(void *ctx, const struct mp_gclog_gc *gc)
{
	struct gclog *g = ctx;

	if (g->n_held == HELD_MAX)
		settle(g);
	if (mp_grow(&g->held, &g->held_cap, g->n_held + 1, sizeof(*g->held)) ||
	    mp_grow(&g->stamps, &g->stamps_cap, g->n_held + 1, sizeof(*g->stamps))) {
		struct mp_event lost = {
			.ts = g->arrival, .type = MP_EV_LOSS, .sub = MP_LOSS_LIMIT, .x = 1
		};

		stream_push(&g->s->stream, &lost);
		return 0;
	}
	g->held[g->n_held++] = *gc;
	return 0;
}

static void feed(struct gclog *g, const char *bytes, size_t n)
{
	if (g->cut) {
		const char *nl = memchr(bytes, '\n', n);

		if (!nl)
			return;
		g->cut = false;
		n -= (size_t)(nl + 1 - bytes);
		bytes = nl + 1;
	}
	mp_gclog_feed(g->parser, bytes, n);
	mp_gclog_idle(g->parser); /* stamped by this arrival, not by the next */
}

/* --- where the lines come from -----------------------------------------------------------------
 */

/* False: the tap has ended. */
static bool read_tap(struct gclog *g)
{
	struct gclog_tap_rec r;
	char line[MP_GCLOG_REASON * 4];

	for (unsigned i = 0; i < TICK_BYTES / sizeof(r); i++) {
		ssize_t n = read(g->tap.log_fd, &r, sizeof(r));

		if (n != sizeof(r))
			return n < 0;
		if (r.len > sizeof(line) || read(g->tap.log_fd, line, r.len) != (ssize_t)r.len)
			return false; /* not ours: nothing else writes there */
		g->arrival = r.ts;
		feed(g, line, r.len);
		settle(g);
		if (r.lost) {
			struct mp_event e = { .ts = g->arrival,
					      .type = MP_EV_LOSS,
					      .sub = MP_LOSS_GC_RING,
					      .x = r.lost };

			stream_push(&g->s->stream, &e);
		}
	}
	return true;
}

/* At its end, so that only what comes from now on is read. */
static void open_file(struct gclog *g, bool from_start)
{
	struct stat st;
	char last;

	g->fd = open(g->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (g->fd < 0)
		return;
	if (fstat(g->fd, &st) || S_ISDIR(st.st_mode)) {
		close(g->fd);
		g->fd = -1;
		errno = EISDIR;
		return;
	}
	g->dev = st.st_dev;
	g->ino = st.st_ino;
	g->at = from_start || !S_ISREG(st.st_mode) ? 0 : st.st_size;
	g->cut = g->at && pread(g->fd, &last, 1, g->at - 1) == 1 && last != '\n';
}

/* Bytes from where we stand; a pipe has no places. */
static ssize_t more(struct gclog *g, char *buf, size_t size)
{
	ssize_t n = pread(g->fd, buf, size, g->at);

	if (n < 0 && errno == ESPIPE)
		n = read(g->fd, buf, size);
	if (n > 0)
		g->at += n;
	return n;
}

static void read_file(struct gclog *g)
{
	static char buf[READ_BYTES];
	ssize_t n = 1;

	g->arrival = mp_monotonic_ns();
	for (size_t all = 0; all < TICK_BYTES && n > 0; all += (size_t)n) {
		n = more(g, buf, sizeof(buf));
		if (n <= 0)
			break;
		feed(g, buf, (size_t)n);
	}
	if (n <= 0) /* else more has come already, and later */
		settle(g);
}

/* Nothing more comes of what was read up to now. */
static void end_text(struct gclog *g)
{
	mp_gclog_end(g->parser);
	settle(g);
}

/* Its name may belong to another file by now (rotated), or it was emptied and begins anew.
 * What was in the old one has been read. */
static void follow(struct gclog *g)
{
	struct stat here, there;

	if (g->fd >= 0)
		read_file(g);
	if (stat(g->path, &there))
		return;
	if (g->fd >= 0 && there.st_dev == g->dev && there.st_ino == g->ino) {
		if (!fstat(g->fd, &here) && S_ISREG(here.st_mode) && here.st_size < g->at) {
			end_text(g);
			g->at = 0;
		}
		return;
	}
	if (g->fd >= 0) {
		read_file(g); /* what came between the reading and the rename */
		end_text(g);
		close(g->fd);
	}
	open_file(g, true);
	if (g->fd >= 0)
		read_file(g);
}

/* Nobody else reads it: the memory of what has been read is given back. */
static void punch(struct gclog *g)
{
	off_t to = g->at & ~(off_t)4095;

	if (to - g->punched < PUNCH_BYTES)
		return;
	fallocate(g->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, g->punched, to - g->punched);
	g->punched = to;
}

/* Whose collections they are: the command's, or the first process's. */
static void find_owner(struct gclog *g)
{
	struct mp_session *s = g->s;
	pid_t pid = s->o.cmd ? s->child.pid : s->n_pids ? s->pids[0] : 0;
	struct target *t = pid ? session_target_of_pid(s, pid) : NULL;

	if (t && t->mm)
		g->mm = t->mm;
}

static void say_left_out(struct gclog *g)
{
	if (!g->left_out || g->said_left_out)
		return;
	g->said_left_out = true;
	runtime_tell(g->s, MP_FEAT_HEAP_LOG, MP_RUNG_LOG, 0,
		     "collections come from the probes; of the log only those before them");
}

void gclog_poll(struct mp_session *s)
{
	struct gclog *g = s->gclog;

	if (!g || g->from == FROM_NONE)
		return;
	find_owner(g);
	if (!g->mm)
		return;
	if (g->from == FROM_TAP) {
		read_tap(g);
	} else if (g->from == FROM_OWN) {
		read_file(g);
		punch(g);
	} else {
		follow(g);
	}
	say_left_out(g);
}

void gclog_drain(struct mp_session *s)
{
	struct gclog *g = s->gclog;
	uint64_t deadline = mp_monotonic_ns() + DRAIN_MS * 1000000ULL;

	if (!g || g->from == FROM_NONE || !g->mm)
		return;
	if (g->from != FROM_TAP)
		gclog_poll(s);
	/* It ends with the last who has the other end open, which a child may outlive. */
	while (g->from == FROM_TAP && mp_monotonic_ns() < deadline && read_tap(g)) {
		struct pollfd pfd = { .fd = g->tap.log_fd, .events = POLLIN };

		poll(&pfd, 1, DRAIN_MS / 10);
	}
	end_text(g);
}

/* --- opening ------------------------------------------------------------------------------- */

static int open_auto(struct mp_session *s, struct gclog *g, struct mp_diag *diag)
{
	int out = s->o.cmd_out_fd >= 0 ? s->o.cmd_out_fd : STDERR_FILENO, err = 0;

	g->fd = memfd_create("memprof-gc-log", MFD_CLOEXEC);
	if (g->fd < 0)
		err = -errno;
	else
		gclog_auto_plan(&g->plan, s->o.cmd[0], g->fd);
	if (!err && g->plan.tap) {
		err = gclog_tap_start(&g->tap, out, g->plan.hide);
		g->from = FROM_TAP;
	} else if (!err && g->plan.file) {
		g->from = FROM_OWN;
	}
	if (!err)
		return 0;
	mp_diag_fmt(diag->cause, "%s", strerror(-err));
	return mp_diag_set(diag, err, MP_EXIT_FAILURE, "cannot lead the GC log here", NULL,
			   "leave out --gc-log");
}

static int open_named(struct mp_session *s, struct gclog *g, struct mp_diag *diag)
{
	g->path = s->o.gc_log;
	g->from = FROM_FILE;
	open_file(g, false);
	snprintf(g->plan.say, sizeof(g->plan.say), "%s",
		 g->fd >= 0 ? "a log that is followed from here on"
			    : "a log that is waited for: there is no such file yet");
	if (g->fd >= 0 || errno == ENOENT)
		return 0;
	mp_diag_fmt(diag->what, "cannot read %.120s", g->path);
	mp_diag_fmt(diag->cause, "%s", strerror(errno));
	return mp_diag_set(diag, -errno, MP_EXIT_NO_TARGET, NULL, NULL, "give the log's path");
}

int gclog_open(struct mp_session *s, struct mp_diag *diag)
{
	struct gclog *g;
	int err;

	if (!s->o.gc_log)
		return 0;
	g = s->gclog = calloc(1, sizeof(*g));
	if (!g)
		return mp_diag_set(diag, -ENOMEM, MP_EXIT_FAILURE, "out of memory", "", "");
	g->s = s;
	g->fd = -1;
	g->parser = mp_gclog_new(on_gc, g);
	if (!g->parser)
		return mp_diag_set(diag, -ENOMEM, MP_EXIT_FAILURE, "out of memory", "", "");
	err = strcmp(s->o.gc_log, "auto") ? open_named(s, g, diag) : open_auto(s, g, diag);
	return err;
}

void gclog_with(const struct mp_session *s, struct launch_with *with)
{
	const struct gclog *g = s->gclog;

	*with = (struct launch_with){ .err_fd = -1, .keep_fd = -1 };
	if (!g)
		return;
	if (g->plan.env[0])
		with->env = g->plan.env;
	if (g->from == FROM_TAP)
		with->err_fd = g->tap.cmd_fd;
	if (g->from == FROM_OWN)
		with->keep_fd = g->fd;
}

void gclog_started(struct mp_session *s)
{
	struct gclog *g = s->gclog;
	bool reads = g && g->from != FROM_NONE;

	if (!g)
		return;
	gclog_tap_given(&g->tap);
	if (g->plan.rt == GCLOG_RT_NODE)
		return; /* it needs no log */
	runtime_tell(s, MP_FEAT_HEAP_LOG, reads ? MP_RUNG_LOG : MP_RUNG_ABSENT, 0, g->plan.say);
}

const char *gclog_words(const struct mp_session *s)
{
	return s->gclog ? s->gclog->plan.say : NULL;
}

void gclog_close(struct mp_session *s)
{
	struct gclog *g = s->gclog;

	if (!g)
		return;
	gclog_tap_close(&g->tap);
	mp_gclog_free(g->parser);
	free(g->held);
	free(g->stamps);
	if (g->fd >= 0)
		close(g->fd);
	free(g);
	s->gclog = NULL;
}
