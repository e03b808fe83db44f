/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * target.c - a process being watched: what is said about it at the start, and
 * the looks at its counters in between.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "user/live/session_int.h"
#include "user/model/pageset.h"
#include "user/util/util.h"

void target_free(struct target *t)
{
	if (!t)
		return;
	audit_drop(&t->audit);
	proc_ranges_free(&t->hunt.todo);
	gc_detach(t);
	runtimes_detach(t);
	free(t);
}

static void meta(struct mp_session *s, uint8_t key, uint64_t num, bool isstr, uint64_t ts)
{
	struct mp_event e = { .ts = ts, .type = MP_EV_META, .sub = key };

	e.meta.num = num;
	e.meta.isstr = isstr;
	stream_push(&s->stream, &e);
}

/* Says who it is: at attach, and again after each exec. `comm` and `known` are its name and its
 * program where /proc no longer tells. */
void target_announce(struct mp_session *s, struct target *t, uint64_t ts, const char *comm,
		     const char *known)
{
	struct mp_event e = { .ts = ts, .type = MP_EV_TASK, .sub = MP_TASK_TARGET, .mm = t->mm };
	struct proc_status st = { 0 };
	uint64_t start = MP_UNKNOWN;
	char exe[1024] = "";

	if (known)
		snprintf(exe, sizeof(exe), "%s", known);
	if (proc_status_read(t->pid, &st) && comm)
		snprintf(st.comm, sizeof(st.comm), "%s", comm);
	/* What /proc may no longer tell; of a second exec nobody else tells either. */
	if (t->launched && s->o.cmd && !t->announced)
		launch_which(s->o.cmd[0], exe, sizeof(exe));
	t->announced = true;
	proc_link(t->pid, "exe", exe, sizeof(exe));
	e.tid = (uint32_t)t->pid;
	e.task.a = (uint64_t)t->pid;
	e.task.b = stream_str(&s->stream, exe, ts);
	if (!t->parent) /* once: who loses its parent gets another one */
		t->parent = st.ppid;
	e.task.c = t->parent;
	e.task.comm = stream_str(&s->stream, st.comm, ts);
	e.x = t->launched ? MP_TASK_F_LAUNCHED : 0;
	stream_push(&s->stream, &e);
	if (t != s->t[0] || s->o.standing) /* there nobody is the first */
		return;
	proc_start_ns(t->pid, &start);
	meta(s, MP_META_PID, (uint64_t)t->pid, false, ts);
	meta(s, MP_META_COMM, e.task.comm, true, ts);
	meta(s, MP_META_EXE, e.task.b, true, ts);
	meta(s, MP_META_PROC_START, start, false, ts);
	meta(s, MP_META_THREADS, st.threads ? st.threads : MP_UNKNOWN, false, ts);
	facts_tell(s, t, ts);
}

/* The process went away without an event that said so. */
static void vanished(struct mp_session *s, struct target *t)
{
	struct mp_event e = {
		.ts = mp_monotonic_ns(), .type = MP_EV_TASK, .sub = MP_TASK_EXIT, .mm = t->mm
	};

	e.task.a = t->launched && s->child.done ? (uint64_t)s->child.status : MP_UNKNOWN;
	stream_push(&s->stream, &e);
	t->gone = true;
	standing_went(s, t->mm);
}

#define LAZY_COST     100 /* reading LazyFree may take 1/100 of a CPU */
#define LAZY_EVERY_NS 1000000000ULL

/*
 * The kernel's figure of lazy pages, MP_UNKNOWN when it was not read: it costs a walk of
 * the page table. So only while the model believes that there are some, and not more
 * often than its cost allows; at the end too, for the report.
 */
static uint64_t lazyfree(struct mp_session *s, struct target *t)
{
	const struct mp_proc *p = mp_model_proc(s->model, t->mm);
	uint64_t pages, cost = 0, now = mp_monotonic_ns();

	if (!p || !mp_pageset_total_lazy(p->pages) || (now < t->next_lazy && !s->settling))
		return MP_UNKNOWN;
	if (proc_lazyfree_read(t->pid, &pages, &cost))
		pages = MP_UNKNOWN;
	cost *= LAZY_COST;
	t->next_lazy = now + (cost > LAZY_EVERY_NS ? cost : LAZY_EVERY_NS);
	return pages;
}

/*
 * Pages shared with other processes, dirty ones, huge ones: a walk over all page tables. So
 * not of a process so large that it would be felt, of each now and then and at the end, and
 * of all together 1/ROLLUP_COST of a CPU at most.
 */
#define ROLLUP_MAX	(8ULL << 30)	/* bytes of RSS */
#define ROLLUP_EVERY_NS 2000000000ULL	/* of one process */
#define ROLLUP_FIRST_NS 1000000000ULL	/* after it was first polled */
#define ROLLUP_COST	1000

static void rollup_tell(struct mp_session *s, struct target *t)
{
	const struct mp_proc *p = mp_model_proc(s->model, t->mm);
	struct mp_event e = { .type = MP_EV_ROLLUP, .mm = t->mm };
	uint64_t now = mp_monotonic_ns(), cpu = mp_thread_cpu_ns();

	if (!t->rollup_next)
		t->rollup_next = now + ROLLUP_FIRST_NS;
	if (t->rollup_told || !p || mp_proc_rss(p) > ROLLUP_MAX)
		return;
	if (!s->settling && (now < t->rollup_next || now < s->rollup_next))
		return;
	t->rollup_told = s->settling;
	t->rollup_next = now + ROLLUP_EVERY_NS;
	if (proc_rollup_read(t->pid, &e))
		return;
	e.ts = mp_monotonic_ns();
	s->rollup_next = e.ts + ROLLUP_COST * (mp_thread_cpu_ns() - cpu);
	stream_push(&s->stream, &e);
}

/*
 * Pages by which /proc/PID/status may be off: before 6.2 each thread hands its counts
 * over at its 65th fault, and one fault maps up to 16 pages of a file.
 */
static uint64_t status_slack(const struct proc_status *st)
{
	unsigned major, minor;
	struct utsname u;

	if (uname(&u) || sscanf(u.release, "%u.%u", &major, &minor) != 2)
		return 0;
	return major < 6 || (major == 6 && minor < 2) ? st->threads * 65ULL * 16 : 0;
}

/* The counters as the probes added them up, where /proc does not do it. */
static void rss_summed(const struct mp_session *s, const struct mp_probes_rss *sum,
		       struct mp_event *e, uint64_t *before)
{
	e->ts = s->sum_ts;
	*before = s->sum_t0;
	e->rss.anon = sum->anon;
	e->rss.file = sum->file;
	e->rss.shmem = sum->shmem;
	e->rss.swap = sum->swap;
	e->rss.slack = sum->slack;
}

#define STATUS_EVERY_NS 1000000000ULL

/* What the status says besides the counters, when it has changed. */
static void status_tell(struct mp_session *s, struct target *t, const struct proc_status *st,
			uint64_t now)
{
	struct mp_event e = { .type = MP_EV_PROC, .mm = t->mm };

	if (now < t->next_status && !s->settling)
		return;
	e.proc.locked = st->locked;
	e.proc.pte = st->pte;
	e.proc.vsize = st->vsize;
	e.proc.stack = st->stack;
	e.proc.threads = st->threads;
	if (t->status.type && t->status.mm == e.mm && !memcmp(t->status.v, e.v, sizeof(e.v)))
		return;
	t->status = e;
	t->next_status = now + STATUS_EVERY_NS;
	e.ts = now;
	stream_push(&s->stream, &e);
}

void target_poll(struct mp_session *s, struct target *t)
{
	struct mp_event e = { .type = MP_EV_RSS, .sub = MP_RSS_PROC, .mm = t->mm };
	uint64_t before = mp_monotonic_ns();
	struct mp_probes_rss sum;
	struct proc_status st;
	int err;

	if (t->gone || !t->mm)
		return;
	err = proc_status_read(t->pid, &st);
	/* With probes a zombie's exit is told by its event, with the status. */
	if (err == -ESRCH || (!err && st.zombie && !s->probes)) {
		vanished(s, t);
		return;
	}
	if (err || st.zombie)
		return;
	e.ts = mp_monotonic_ns();
	e.rss.anon = st.anon;
	e.rss.file = st.file;
	e.rss.shmem = st.shmem;
	e.rss.swap = st.swap;
	e.rss.lazyfree = lazyfree(s, t);
	e.rss.hugetlb = st.hugetlb;
	if (s->summed && mp_probes_rss(s->probes, t->mm, &sum))
		rss_summed(s, &sum, &e, &before);
	else
		e.rss.slack = status_slack(&st);
	audit_polled(t, before, e.ts);
	stream_push(&s->stream, &e);
	status_tell(s, t, &st, mp_monotonic_ns());
	cgroup_poll(s, t);
	rollup_tell(s, t);
}
