/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * session.c - see session.h.
 *
 * A tick, in this order, and why:
 *   1. T = now; close the runs open in the kernel: what happened before T is in
 *      the ring.
 *   2. Look at /proc and at collectors' segments; drain the ring.
 *   3. Sort. Fold what is not newer than the T of the tick before: a record that
 *      was still being written when the ring was drained is in it by now.
 *   4. Hand the folded events to the history (and through it to the recording).
 */
#include "user/live/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "user/live/gclog.h"
#include "user/live/rights.h"
#include "user/live/session_int.h"
#include "user/model/pageset.h"
#include "user/rec/history.h"
#include "user/util/util.h"

#define SETTLE_NS 2000000000ULL /* for the last looks, however big or busy the targets are */
#define LOOKS_NS  1000000000ULL /* between tellings of how often was looked */

/* --- the fold -------------------------------------------------------------------------- */

int session_apply(struct mp_session *s, struct mp_event *e)
{
	const struct mp_proc *p = e->type == MP_EV_CALL ? mp_model_proc(s->model, e->mm) : NULL;
	uint64_t had = p ? mp_pageset_total(p->pages) : 0;
	struct target *t;
	int err;

	stream_round(e, MP_SESSION_TIME_NS);
	if (s->observe)
		s->observe(s->observe_ctx, s->model, e);
	err = mp_model_fold(s->model, e);
	if (err && err != -EINVAL) /* an impossible event is kept, for whoever debugs it */
		return err;
	if (e->type == MP_EV_FAULT || e->type == MP_EV_CALL || e->type == MP_EV_RSS) {
		t = session_target_of_mm(s, e->mm);
		if (t && !err)
			audit_note(s, t, e, p ? (int64_t)(mp_pageset_total(p->pages) - had) : 0);
	}
	err = mp_grow(&s->batch, &s->cap_batch, s->n_batch + 1, sizeof(*s->batch));
	if (err)
		return err;
	s->batch[s->n_batch++] = *e;
	return 0;
}

int session_emit(void *s, const struct mp_event *e)
{
	struct mp_event copy = *e; /* its times are rounded */

	return session_apply(s, &copy);
}

static int fold_until(struct mp_session *s, uint64_t until)
{
	struct mp_event *e;
	int err = 0;

	while (!err && (e = stream_next(&s->stream, until))) {
		struct mp_event copy = *e; /* applying may push strings and move the stream */

		err = session_apply(s, &copy);
	}
	return err;
}

static int by_end(const void *a, const void *b)
{
	const struct target *x = *(struct target *const *)a, *y = *(struct target *const *)b;

	return x->audit.t1 < y->audit.t1 ? -1 : x->audit.t1 > y->audit.t1;
}

/* Folds in audits that are due, each at its own instant, and the rest. */
static int fold_all(struct mp_session *s, uint64_t until)
{
	size_t n = 0;
	int err = mp_grow(&s->due, &s->cap_due, s->n_t, sizeof(*s->due));

	if (err)
		return err;
	stream_sort(&s->stream);
	audit_check_races(s);
	for (size_t i = 0; i < s->n_t; i++)
		if (s->t[i]->audit.active && s->t[i]->audit.t1 <= until)
			s->due[n++] = s->t[i];
	if (n)
		qsort(s->due, n, sizeof(*s->due), by_end);
	for (size_t i = 0; i < n && !err; i++) {
		err = fold_until(s, s->due[i]->audit.t1);
		if (!err && s->due[i]->audit.active)
			err = audit_apply(s, s->due[i]);
	}
	return err ? err : fold_until(s, until);
}

/* --- what comes in ------------------------------------------------------------------------ */

/* The name that came with the event, as text, becomes a string id. */
static void exec_name(struct mp_session *s, struct mp_event *e, char comm[MP_TASK_COMM_LEN + 1])
{
	memcpy(comm, e->task.rsvd, MP_TASK_COMM_LEN);
	comm[MP_TASK_COMM_LEN] = 0;
	memset(e->task.rsvd, 0, sizeof(e->task.rsvd));
	e->x = 0; /* the parent and the rules: for who was asked */
	e->task.c = 0;
	e->task.comm = stream_str(&s->stream, comm, e->ts);
}

/* After the EXEC event: who announces first would make a second process of it. */
static void on_exec(struct mp_session *s, const struct mp_event *e, const char *comm)
{
	struct target *t = session_target_of_pid(s, (pid_t)e->task.b);

	if (!t) /* a child that borrowed its parent's memory until now */
		t = session_add_target(s, (pid_t)e->task.b, e->mm);
	if (!t)
		return;
	if (t->mm && t->mm != e->mm)
		standing_went(s, t->mm);
	session_set_mm(s, t, e->mm);
	audit_reset(s, t);
	gc_detach(t);
	runtimes_detach(t);
	target_announce(s, t, e->ts, comm, NULL);
}

/* Of a child that is gone before /proc is looked at nobody else tells whose it was, or
 * that it had the name and the program of its parent. */
static void on_fork(struct mp_session *s, const struct mp_event *e)
{
	const struct target *parent = session_target_of_mm(s, e->mm);
	const struct mp_proc *p = mp_model_proc(s->model, e->mm);
	struct target *t;

	if (!e->task.b || session_target_of_mm(s, (uint32_t)e->task.b))
		return; /* it has no memory of its own yet, or is not to be watched */
	t = session_add_target(s, (pid_t)e->task.a, (uint32_t)e->task.b);
	if (!t)
		return;
	t->parent = parent ? (uint32_t)parent->pid : 0;
	target_announce(s, t, e->ts, p ? mp_str(s->model, p->comm) : NULL,
			p ? mp_str(s->model, p->exe) : NULL);
}

/*
 * Killed for lack of memory: one of ours, maybe known by a thread, or a process in the same
 * group, told by b; false: it is none of our business.
 */
static bool on_oom(struct mp_session *s, struct mp_event *e)
{
	uint64_t group = e->task.b;
	struct proc_status st;
	struct target *t;

	e->task.b = 0;
	if (e->mm)
		return true;
	if (proc_status_read((pid_t)e->task.a, &st))
		memset(&st, 0, sizeof(st)); /* gone: no name */
	if (st.tgid)
		e->task.a = st.tgid;
	t = session_target_of_pid(s, (pid_t)e->task.a);
	e->mm = t ? t->mm : 0;
	if (!t && !cgroup_shared(s, group))
		return false;
	e->task.comm = stream_str(&s->stream, st.comm, e->ts);
	return true;
}

/* What a runtime's probe has to say, for its source to read. */
static void on_raw(struct mp_session *s, const void *data, size_t size)
{
	const struct mp_raw_text *r = data;

	if (r->type == MP_RAW_TEXT && r->sub == MP_SRC_V8)
		v8_text(s, r);
	else if (r->type == MP_RAW_WORDS && size >= sizeof(struct mp_raw_words))
		runtimes_words(s, data);
}

/* A process began another program, ended or forked: it is in the stream already. */
static void on_task(struct mp_session *s, const struct mp_event *e, const char *comm)
{
	struct target *t;

	if (e->sub == MP_TASK_EXEC) {
		symbols_exec(s, (uint32_t)e->task.a, e->ts);
		on_exec(s, e, comm);
	} else if (e->sub == MP_TASK_EXIT) {
		t = session_target_of_mm(s, e->mm);
		if (t) {
			runtimes_ended(s, t, e->ts);
			t->gone = true;
			standing_went(s, t->mm);
		}
	} else if (e->sub == MP_TASK_FORK) {
		on_fork(s, e);
	}
}

static int on_record(void *ctx, void *data, size_t size)
{
	struct mp_session *s = ctx;
	struct mp_event copy, *e = &copy;
	char comm[MP_TASK_COMM_LEN + 1];
	int err;

	if (size >= sizeof(struct mp_raw_text)) {
		on_raw(s, data, size);
		return 0;
	}
	if (size != sizeof(*e))
		return 0;
	memcpy(e, data, sizeof(*e));
	if (s->o.standing && !standing_takes(s, e))
		return 0;
	if (e->type == MP_EV_TASK && e->sub == MP_TASK_EXEC)
		exec_name(s, e, comm);
	if (e->type == MP_EV_TASK && e->sub == MP_TASK_OOM && !on_oom(s, e))
		return 0;
	err = stream_push(&s->stream, e);
	if (e->type == MP_EV_STACK)
		symbols_note(s, e);
	if (!err && e->type == MP_EV_TASK)
		on_task(s, e, comm);
	return err;
}

int session_drain(struct mp_session *s)
{
	return s->probes ? mp_probes_drain(s->probes, on_record, s) : 0;
}

static void tell_losses(struct mp_session *s)
{
	uint64_t ev[MP_LOSS_MAX], faults[MP_LOSS_MAX];

	if (!s->probes)
		return;
	mp_probes_lost(s->probes, ev, faults);
	for (unsigned i = 1; i < MP_LOSS_MAX; i++) {
		struct mp_event e = { .ts = s->flushed, .type = MP_EV_LOSS, .sub = (uint8_t)i };

		if (ev[i] <= s->lost[i])
			continue;
		e.x = (uint32_t)(ev[i] - s->lost[i]);
		e.v[0] = faults[i] - s->lost_faults[i];
		s->lost[i] = ev[i];
		s->lost_faults[i] = faults[i];
		stream_push(&s->stream, &e);
	}
}

static void push_tick(struct mp_session *s, uint64_t ts)
{
	struct mp_event e = { .ts = ts, .type = MP_EV_TICK };

	stream_push(&s->stream, &e);
}

static void tell_clocks(struct mp_session *s)
{
	struct clock_reading r;
	struct mp_event e;

	clock_now(&r);
	if (!clock_tell(&s->clocks, &r, &e))
		return;
	stream_push(&s->stream, &e);
	if (e.sub != MP_CLOCK_TOLD)
		output_say_clock(s, &e);
}

/* How often /proc was looked at, when that has changed, once a second. */
static int tell_looks(struct mp_session *s)
{
	const struct {
		uint8_t key;
		uint64_t now, *told;
	} v[] = { { MP_META_LOOKS_ALL, s->looks.whole, &s->looks_told.whole },
		  { MP_META_LOOKS_SUSPECT, s->looks.suspects, &s->looks_told.suspects },
		  { MP_META_LOOKS_HUNT, s->looks.hunts, &s->looks_told.hunts },
		  { MP_META_SNAPSHOTS, s->looks.snapshots, &s->looks_told.snapshots },
		  { MP_META_LOOKS_NS, s->looks.ns, &s->looks_told.ns } };
	int err = 0;

	if (s->horizon < s->next_looks)
		return 0;
	s->next_looks = s->horizon + LOOKS_NS;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]) && !err; i++) {
		struct mp_event e = { .ts = s->horizon, .type = MP_EV_META, .sub = v[i].key };

		e.meta.num = v[i].now;
		if (*v[i].told != v[i].now)
			err = session_apply(s, &e);
		*v[i].told = v[i].now;
	}
	return err;
}

static int tick(struct mp_session *s)
{
	uint64_t until = s->flushed, now = mp_monotonic_ns();
	int err = 0;

	if (s->probes)
		mp_probes_flush(s->probes);
	s->flushed = now;
	launch_reap(&s->child);
	session_look(s, now);
	err = session_drain(s);
	runtimes_drained(s);
	gclog_poll(s);
	symbols_tick(s);
	tell_losses(s);
	tell_clocks(s);
	push_tick(s, now);
	if (!err)
		err = fold_all(s, until);
	s->horizon = until;
	if (!err)
		err = tell_looks(s);
	for (size_t i = 0; i < s->n_t && !err; i++)
		if (!s->t[i]->audit.active)
			audit_judge(s, s->t[i]);
	session_prune(s);
	return err ? err : output_hand_over(s);
}

/* Every target is gone, its events folded, its child reaped. */
static bool all_ended(const struct mp_session *s)
{
	for (size_t i = 0; i < s->n_t; i++) {
		const struct mp_proc *p = mp_model_proc(s->model, s->t[i]->mm);

		if (!s->t[i]->gone || (p && !p->exited && s->probes))
			return false;
	}
	return s->n_t && !s->o.standing && (!s->child.pid || s->child.done);
}

static void note_end(struct mp_session *s)
{
	const struct mp_proc *p = mp_model_main(s->model);
	struct mp_ended all;
	uint64_t ended;
	char comm[64];

	if (!p || !p->exited || s->end[0])
		return;
	mp_model_sums(s->model, &all, &ended);
	if (all.procs > 1) {
		snprintf(s->end, sizeof(s->end), "all %llu processes have ended",
			 (unsigned long long)all.procs);
		return;
	}
	mp_clean(comm, sizeof(comm), mp_str(s->model, p->comm), 0);
	if (!p->exit_known)
		snprintf(s->end, sizeof(s->end), "%s ended", comm);
	else if (p->wait_status & 0x7f)
		snprintf(s->end, sizeof(s->end), "%s was ended by signal %d", comm,
			 p->wait_status & 0x7f);
	else
		snprintf(s->end, sizeof(s->end), "%s exited %d", comm, p->wait_status >> 8 & 0xff);
}

int mp_session_pump(struct mp_session *s)
{
	uint64_t expirations, now = mp_monotonic_ns();
	int err;

	if (s->ended)
		return 0;
	if (read(s->timer_fd, &expirations, sizeof(expirations)) < 0 && errno != EAGAIN)
		return -errno;
	if (now < s->flushed + MP_SESSION_TICK_NS / 2) { /* woken by a filling ring, or a stack */
		err = session_drain(s);
		symbols_look(s);
		return err ? err : 1;
	}
	err = tick(s);
	if (err)
		return err;
	if (!all_ended(s))
		return 1;
	gclog_drain(s);
	symbols_finish(s);
	/* What was seen in this tick is folded two ticks later. */
	for (int i = 0; i < 3 && !err; i++)
		err = tick(s);
	s->ended = true;
	note_end(s);
	return err;
}

/* A tick that looks at everything wanted, and as many as it takes to fold that. */
static int settle_round(struct mp_session *s)
{
	int err;

	s->settling = true;
	err = tick(s);
	s->settling = false;
	for (int i = 0; i < 3 && !err; i++) { /* audits fold two ticks later */
		struct pollfd none = { .fd = -1 };

		poll(&none, 1, 1); /* a later instant for the next tick */
		err = tick(s);
	}
	return err;
}

static size_t unsettled(const struct mp_session *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_t; i++)
		n += s->t[i]->mm && !s->t[i]->gone && !s->t[i]->blind && !s->t[i]->settled;
	return n;
}

int mp_session_settle(struct mp_session *s)
{
	size_t left;
	int err = 0;

	if (s->ended)
		return 0;
	s->deadline = mp_monotonic_ns() + SETTLE_NS;
	err = settle_round(s); /* what is waiting is folded before the last looks */
	for (size_t i = 0; i < s->n_t; i++) {
		s->t[i]->want_all = s->t[i]->want_maps = true;
		s->t[i]->settled = false;
	}
	do {
		if (!err)
			err = settle_round(s);
		left = unsettled(s);
	} while (!err && left && mp_monotonic_ns() < s->deadline);
	symbols_finish(s);
	if (!err) /* a heap that those looks found is read, and names are folded */
		err = settle_round(s);
	if (!err && left && !s->notice[0])
		snprintf(s->notice, sizeof(s->notice),
			 "the last look at the pages of %zu process%s was cut short", left,
			 left == 1 ? "" : "es");
	s->next_looks = 0;
	if (!err)
		err = tell_looks(s);
	return err ? err : output_hand_over(s);
}

/* --- opening -------------------------------------------------------------------------------- */

static void meta(struct mp_session *s, uint8_t key, uint64_t num, const char *str)
{
	struct mp_event e = { .ts = s->start, .type = MP_EV_META, .sub = key };

	e.meta.num = str ? stream_str(&s->stream, str, s->start) : num;
	e.meta.isstr = str != NULL;
	stream_push(&s->stream, &e);
}

static void tell_probes(struct mp_session *s)
{
	for (unsigned f = 1; f < MP_FEAT_MAX; f++) {
		struct mp_event e = { .ts = s->start, .type = MP_EV_PROBE, .sub = (uint8_t)f };
		const char *why = NULL;

		if (f == MP_FEAT_RSS) {
			e.x = MP_RUNG_PROC;
		} else if (f == MP_FEAT_HEAP_GC) {
			e.x = MP_RUNG_SEGMENT;
		} else if (f == MP_FEAT_HEAP_V8 ||
			   (f >= MP_FEAT_HEAP_GO && f <= MP_FEAT_HEAP_LOG)) {
			continue; /* told when such a runtime is found */
		} else if (s->probes) {
			e.x = mp_probes_rung(s->probes, (enum mp_feature)f)->rung;
			e.v[0] = (uint64_t)(int64_t)mp_probes_rung(s->probes, (enum mp_feature)f)
					 ->err;
			why = mp_probes_rung(s->probes, (enum mp_feature)f)->why;
		} else {
			why = "--hooks none: only /proc is polled";
		}
		e.v[1] = stream_str(&s->stream, why, s->start);
		stream_push(&s->stream, &e);
	}
}

static void tell_start(struct mp_session *s)
{
	struct clock_reading r;
	struct utsname u;

	clock_now(&r);
	meta(s, MP_META_VERSION, 0, MEMPROF_VERSION);
	if (!uname(&u))
		meta(s, MP_META_KERNEL, 0, u.release);
	meta(s, MP_META_PAGE_SIZE, (uint64_t)sysconf(_SC_PAGESIZE), NULL);
	meta(s, MP_META_NCPU, (uint64_t)sysconf(_SC_NPROCESSORS_ONLN), NULL);
	meta(s, MP_META_START_TS, s->start, NULL);
	meta(s, MP_META_WALL_NS, r.wall - (r.mono - s->start), NULL);
	meta(s, MP_META_BOOT_NS, r.boot - (r.mono - s->start), NULL);
	meta(s, MP_META_TICK_NS, MP_SESSION_TIME_NS, NULL);
	if (s->o.out.rotate_ns || s->o.out.rotate_bytes)
		meta(s, MP_META_SHARD, s->out.shard, NULL);
	tell_probes(s);
}

static int open_fds(struct mp_session *s)
{
	struct itimerspec it = { .it_interval.tv_nsec = (long)MP_SESSION_TICK_NS,
				 .it_value.tv_nsec = (long)MP_SESSION_TICK_NS };
	struct epoll_event ev = { .events = EPOLLIN };

	s->ep_fd = epoll_create1(EPOLL_CLOEXEC);
	s->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (s->ep_fd < 0 || s->timer_fd < 0)
		return -errno;
	if (timerfd_settime(s->timer_fd, 0, &it, NULL) ||
	    epoll_ctl(s->ep_fd, EPOLL_CTL_ADD, s->timer_fd, &ev))
		return -errno;
	if (s->probes && epoll_ctl(s->ep_fd, EPOLL_CTL_ADD, mp_probes_fd(s->probes), &ev))
		return -errno;
	return 0;
}

static const char *why_none(int err)
{
	if (err == -ESRCH)
		return "it does not exist, has ended, or is a kernel thread";
	if (err == -EBUSY)
		return "until it calls exec its memory is that of another one that is watched";
	return strerror(-err);
}

static int no_target(struct mp_diag *diag, pid_t pid, int err)
{
	if (err == -EACCES || err == -EPERM) {
		mp_diag_fmt(diag->what, "pid %d may not be watched by this user", (int)pid);
		mp_diag_fmt(diag->cause, "its mappings are not readable: %s",
			    mp_caps_has(MP_CAP_SYS_PTRACE)
				    ? "denied, though this process has CAP_SYS_PTRACE"
				    : "this process lacks CAP_SYS_PTRACE");
		return mp_diag_set(diag, err, MP_EXIT_NOT_PERMITTED, NULL, NULL, mp_refused_fix());
	}
	mp_diag_fmt(diag->what, "no process with pid %d to watch", (int)pid);
	mp_diag_fmt(diag->cause, "%s", why_none(err));
	return mp_diag_set(diag, err, MP_EXIT_NO_TARGET, NULL, NULL, "ps -e  # lists pids");
}

int session_attach(struct mp_session *s, pid_t pid, uint32_t *mm)
{
	struct proc_status st;
	struct target *t;
	struct proc_maps m = { 0 };
	int err = proc_status_read(pid, &st);

	*mm = s->next_mm + 1;
	if (!err && st.zombie)
		err = -ESRCH;
	if (!err)
		err = proc_maps_read(pid, &m);
	proc_maps_free(&m);
	if (!err && s->probes)
		err = mp_probes_add(s->probes, (uint32_t)pid, mm);
	if (err)
		return err;
	s->next_mm = *mm;
	t = session_add_target(s, pid, *mm);
	if (!t)
		return -ENOMEM;
	target_announce(s, t, mp_monotonic_ns(), NULL, NULL);
	return 0;
}

static int attach_pid(struct mp_session *s, pid_t pid, struct mp_diag *diag)
{
	uint32_t mm;
	int err = session_attach(s, pid, &mm);

	if (err == -ENOMEM)
		return mp_diag_set(diag, err, MP_EXIT_FAILURE, "out of memory", "", "");
	return err ? no_target(diag, pid, err) : 0;
}

/*
 * The processes asked for, each once: a number may be that of a thread, as tools show
 * them. The cheapest question first: nothing is created for a pid that is not there.
 */
static int which_pids(struct mp_session *s, struct mp_diag *diag)
{
	for (size_t i = 0; i < s->o.n_pids; i++) {
		struct proc_status st;
		bool twice = false;
		int err = proc_status_read(s->o.pids[i], &st);
		pid_t pid = !err && st.tgid ? (pid_t)st.tgid : s->o.pids[i];

		if (!err && pid != s->o.pids[i])
			err = proc_status_read(pid, &st);
		if (err || st.zombie)
			return no_target(diag, s->o.pids[i], err ? err : -ESRCH);
		for (size_t k = 0; k < s->n_pids; k++)
			twice |= s->pids[k] == pid;
		if (!twice)
			s->pids[s->n_pids++] = pid;
	}
	return 0;
}

/* Waits until each target's mappings and pages are in the model. */
static int first_picture(struct mp_session *s, struct mp_diag *diag)
{
	uint64_t deadline = mp_monotonic_ns() + 5000000000ULL;
	bool ready = false;
	size_t unseen = 0;
	int r = 1;

	s->opening = true;
	while (!ready && r > 0 && mp_monotonic_ns() < deadline) {
		struct pollfd pfd = { .fd = s->ep_fd, .events = POLLIN };

		poll(&pfd, 1, 100);
		r = mp_session_pump(s);
		ready = true;
		for (size_t i = 0; i < s->n_t; i++) {
			const struct mp_proc *p = mp_model_proc(s->model, s->t[i]->mm);

			ready = ready && p && (p->maps_known || s->t[i]->gone);
		}
	}
	s->opening = false;
	for (size_t i = 0; i < s->n_t; i++) {
		const struct mp_proc *p = mp_model_proc(s->model, s->t[i]->mm);

		unseen += p && !p->maps_known && s->t[i]->gone;
	}
	if (unseen && unseen == s->n_t) /* one of several that goes at once is one less */
		return no_target(diag, s->t[0]->pid, -ESRCH);
	return r < 0 ? mp_diag_set(diag, r, MP_EXIT_FAILURE, "cannot start the session", "", "")
		     : 0;
}

static int start_command(struct mp_session *s, struct mp_diag *diag)
{
	char path[4096];
	struct launch_with with;
	struct target *t;
	int err;

	gclog_with(s, &with);
	err = launch_prepare(&s->child, s->o.cmd, s->o.cmd_out_fd, &with, diag);
	if (err)
		return err;
	gclog_started(s);
	t = session_add_target(s, s->child.pid, 0);
	if (!t)
		return mp_diag_set(diag, -ENOMEM, MP_EXIT_FAILURE, "out of memory", "", "");
	t->launched = true;
	if (s->probes) {
		err = mp_probes_add_at_exec(s->probes, (uint32_t)s->child.pid);
		if (err)
			return mp_diag_set(diag, err, MP_EXIT_FAILURE, "cannot watch the command",
					   "", "");
		if (!launch_which(s->o.cmd[0], path, sizeof(path)))
			runtimes_command(s, path);
	}
	err = launch_go(&s->child, s->o.cmd, diag);
	if (err)
		return err;
	if (!s->probes) { /* nobody tells of the exec: it has just happened */
		session_set_mm(s, t, ++s->next_mm);
		t->want_maps = t->want_all = true;
		target_announce(s, t, mp_monotonic_ns(), NULL, NULL);
	}
	return 0;
}

/* The probes see numbers of the initial PID namespace, whose inode is fixed
 * (PROC_PID_INIT_INO, include/linux/proc_ns.h). */
static int check_pid_namespace(bool standing, struct mp_diag *diag)
{
	char ns[64] = "";

	if (proc_link(getpid(), "ns/pid", ns, sizeof(ns)) || !strcmp(ns, "pid:[4026531836]"))
		return 0;
	return mp_diag_set(diag, -EOPNOTSUPP, MP_EXIT_NOT_PERMITTED,
			   "cannot watch from inside a PID namespace",
			   "the kernel's events carry pids of the initial namespace",
			   standing ? "run it on the host, or poll /proc only: hooks = none in its file"
				    : "run memprof on the host, or poll /proc only: memprof --hooks none ...");
}

/* What it is to be watched with: logs, probes, names, a place for the recording. */
static int open_parts(struct mp_session *s, struct mp_diag *diag)
{
	const struct mp_session_opts *o = &s->o;
	struct mp_probes_opts po = { .hooks = o->hooks,
				     .follow_forks = o->follow_forks,
				     .ring_bytes = o->ring_bytes,
				     .stacks = o->stacks,
				     .rules = o->standing,
				     .max_targets = o->max_targets };
	int err = which_pids(s, diag);

	if (!err) /* before there is a probe or a thread */
		err = gclog_open(s, diag);
	if (!err && !o->hooks.none)
		err = check_pid_namespace(o->standing, diag);
	if (!err && !o->hooks.none)
		err = mp_probes_open(&po, &s->probes, diag);
	if (!err && o->attached)
		err = o->attached(o->attached_ctx, diag);
	if (!err)
		err = output_open(s, diag);
	if (!err && s->probes && !o->no_symbols && symbols_new(s))
		err = mp_diag_set(diag, -ENOMEM, MP_EXIT_FAILURE, "out of memory", "", "");
	if (!err && open_fds(s))
		err = mp_diag_set(diag, -EMFILE, MP_EXIT_FAILURE, "cannot create timers", "", "");
	return err;
}

/* Whom it watches from the first moment on. */
static int begin(struct mp_session *s, struct mp_diag *diag)
{
	int err = 0;

	s->start = s->flushed = mp_monotonic_ns();
	proc_huge_policy(&s->policy.huge_always, &s->policy.large_always);
	tell_start(s);
	for (size_t i = 0; i < s->n_pids && !err; i++)
		err = attach_pid(s, s->pids[i], diag);
	if (!err && s->o.cmd)
		err = start_command(s, diag);
	else if (!err && s->gclog)
		gclog_started(s);
	if (!err && !s->o.cmd && !s->o.standing)
		err = first_picture(s, diag);
	return err;
}

int mp_session_open(const struct mp_session_opts *o, struct mp_session **out, struct mp_diag *diag)
{
	struct mp_session *s = calloc(1, sizeof(*s));
	int err = 0;

	if (!s)
		return mp_diag_set(diag, -ENOMEM, MP_EXIT_FAILURE, "out of memory", "", "");
	launch_raise_files();
	s->o = *o;
	s->ep_fd = s->timer_fd = -1;
	s->child.go_fd = s->child.err_fd = -1;
	s->model = mp_model_new();
	s->pids = calloc(o->n_pids + 1, sizeof(*s->pids));
	if (!s->model || !s->pids)
		err = mp_diag_set(diag, -ENOMEM, MP_EXIT_FAILURE, "out of memory", "", "");
	if (!err)
		err = open_parts(s, diag);
	if (!err)
		err = begin(s, diag);
	if (err) {
		output_discard(s);
		mp_session_close(s);
		return err;
	}
	*out = s;
	return 0;
}

/* --- the rest ------------------------------------------------------------------------------ */

void mp_session_observe(struct mp_session *s, mp_observe_fn fn, void *ctx)
{
	s->observe = fn;
	s->observe_ctx = ctx;
}

int mp_session_fd(const struct mp_session *s)
{
	return s->ep_fd;
}

const struct mp_model *mp_session_model(const struct mp_session *s)
{
	return s->model;
}

struct mp_history *mp_session_history(struct mp_session *s)
{
	return s->history;
}

const char *mp_session_notice(const struct mp_session *s)
{
	return s->notice[0] ? s->notice : s->end[0] ? s->end : NULL;
}

const char *mp_session_trouble(const struct mp_session *s)
{
	return s->notice[0] ? s->notice : NULL;
}

const struct mp_diag *mp_session_diag(const struct mp_session *s)
{
	return s->rec_err ? &s->diag : NULL;
}

const char *mp_session_gc_log(const struct mp_session *s)
{
	return gclog_words(s);
}

void mp_session_end_command(struct mp_session *s)
{
	launch_end(&s->child);
}

int mp_session_exit_code(struct mp_session *s)
{
	launch_reap(&s->child);
	return s->child.pid && s->child.done ? launch_exit_code(&s->child) : -1;
}

void mp_session_usage(const struct mp_session *s, struct mp_usage *u)
{
	uint64_t maps = 0, progs = 0;
	struct proc_status st;

	memset(&st, 0, sizeof(st));
	proc_status_read(getpid(), &st);
	if (s->probes)
		mp_probes_memory(s->probes, &maps, &progs);
	u->rss = (st.anon + st.file + st.shmem) * MP_PAGE_SIZE;
	u->bpf = maps + progs;
}

unsigned mp_session_fill(const struct mp_session *s, const char **what)
{
	unsigned most = mp_model_fill(s->model, what), n;

	n = symbols_fill(s);
	if (n > most) {
		most = n;
		*what = "functions";
	}
	n = s->probes ? mp_probes_fill(s->probes) : 0;
	if (n > most) {
		most = n;
		*what = "stacks";
	}
	return most;
}

int mp_session_close(struct mp_session *s)
{
	int err;

	if (!s)
		return 0;
	launch_abort(&s->child);
	err = mp_session_finish(s);
	mp_history_free(s->history);
	mp_probes_close(s->probes);
	symbols_free(s);
	go_free(s);
	gclog_close(s);
	for (size_t i = 0; i < s->n_t; i++)
		target_free(s->t[i]);
	free(s->t);
	free(s->pids);
	free(s->due);
	stream_free(&s->stream);
	free(s->batch);
	mp_model_free(s->model);
	if (s->ep_fd >= 0)
		close(s->ep_fd);
	if (s->timer_fd >= 0)
		close(s->timer_fd);
	free(s);
	return err;
}
