/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * standing.c - targets of a session that goes on whoever comes and goes.
 *
 * The kernel side takes by rules that ask too little, and children of all targets. So each
 * new process is asked for here before its first event is pushed: of one that is not wanted
 * the stream knows nothing. It stays in the table for some ticks, marked, until what was on
 * its way is through.
 */
#include <errno.h>

#include "user/live/session_int.h"
#include "user/util/util.h"

void mp_session_targets(struct mp_session *s, const struct mp_target_fns *fns)
{
	s->fns = *fns;
}

void standing_went(struct mp_session *s, uint32_t mm)
{
	if (s->fns.went)
		s->fns.went(s->fns.ctx, mm);
}

static bool asked(struct mp_session *s, pid_t pid, uint32_t mm, uint32_t from, uint64_t rules)
{
	return s->fns.came ? s->fns.came(s->fns.ctx, pid, mm, from, rules) : true;
}

/* Never told of: what comes of it from now on is passed over. */
static void refuse(struct mp_session *s, pid_t pid, uint32_t mm)
{
	struct target *t;

	mp_probes_forget(s->probes, (uint32_t)pid, mm);
	t = session_add_target(s, pid, mm);
	if (t)
		t->left = t->gone = true;
}

static void leave(struct mp_session *s, struct target *t)
{
	struct mp_event e = {
		.ts = mp_monotonic_ns(), .type = MP_EV_TASK, .sub = MP_TASK_EXIT, .mm = t->mm
	};

	if (s->probes)
		mp_probes_forget(s->probes, (uint32_t)t->pid, t->mm);
	runtimes_ended(s, t, e.ts);
	e.task.a = MP_UNKNOWN;
	stream_push(&s->stream, &e);
	t->left = t->gone = true;
	standing_went(s, t->mm);
}

/* An exec: the process it was before is over if what it is now is not wanted. */
static bool takes_exec(struct mp_session *s, const struct mp_event *e)
{
	struct target *was = session_target_of_pid(s, (pid_t)e->task.b);
	uint32_t from = was && was->mm != e->mm ? was->mm : e->x;

	if (asked(s, (pid_t)e->task.b, e->mm, from, e->task.c))
		return true;
	if (was)
		leave(s, was);
	refuse(s, (pid_t)e->task.b, e->mm);
	return false;
}

bool standing_takes(struct mp_session *s, const struct mp_event *e)
{
	const struct target *t = e->mm ? session_target_of_mm(s, e->mm) : NULL;

	if (t && t->left) {
		/* Forked before it was let go: the kernel side watches the child by itself. */
		if (e->type == MP_EV_TASK && e->sub == MP_TASK_FORK && e->task.b)
			refuse(s, (pid_t)e->task.a, (uint32_t)e->task.b);
		/* A stack may be another's too, of the same image: it is told once. */
		return e->type == MP_EV_STACK;
	}
	if (e->type != MP_EV_TASK)
		return true;
	if (e->sub == MP_TASK_EXEC)
		return takes_exec(s, e);
	if (e->sub == MP_TASK_FORK && e->task.b &&
	    !asked(s, (pid_t)e->task.a, (uint32_t)e->task.b, e->mm, 0))
		refuse(s, (pid_t)e->task.a, (uint32_t)e->task.b);
	return true;
}

int mp_session_watch(struct mp_session *s, pid_t pid, uint32_t *mm)
{
	int err = session_drain(s); /* a rule may have taken it */
	const struct target *t;

	if (err)
		return err;
	t = session_target_of_pid(s, pid);
	if (!t)
		return session_attach(s, pid, mm);
	*mm = t->mm;
	return -EEXIST;
}

void mp_session_unwatch(struct mp_session *s, uint32_t mm)
{
	struct target *t = session_target_of_mm(s, mm);

	if (t && !t->gone)
		leave(s, t);
}

int mp_session_set_rules(struct mp_session *s, const struct mp_exec_rule *r, size_t n)
{
	return s->probes ? mp_probes_set_rules(s->probes, r, n) : -EOPNOTSUPP;
}
