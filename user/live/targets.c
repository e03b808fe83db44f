/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * targets.c - the table of a session's targets: found by mm at every event and by pid,
 * looked at within a budget, left out once they have ended. t[0] is the first target and
 * stays, but in a standing session; the others keep their order.
 *
 * Looks at /proc cost some 20 us a target, an audit of a new one some 100: with hundreds
 * of targets they are spread over ticks, and never take more than a tenth of a tick beside
 * the first target's own.
 */
#include <stdlib.h>
#include <time.h>

#include "user/live/session_int.h"
#include "user/util/util.h"

#define LOOK_BUDGET_NS (MP_SESSION_TICK_NS / 10)
#define POLL_TICKS     (MP_SESSION_POLL_NS / MP_SESSION_TICK_NS)
/* Who is always there takes less: 2% of a CPU, and each target is polled twice a second. */
#define LOOK_STANDING_NS (MP_SESSION_TICK_NS / 50)
#define STANDING_TICKS	 10
#define GONE_TICKS     4 /* what was in the ring at its end has been folded by then */

static struct target **mm_slot(struct mp_session *s, uint32_t mm)
{
	return &s->by_mm[mm % SESSION_SLOTS];
}

static struct target **pid_slot(struct mp_session *s, pid_t pid)
{
	return &s->by_pid[(uint32_t)pid % SESSION_SLOTS];
}

struct target *session_target_of_mm(struct mp_session *s, uint32_t mm)
{
	struct target *t = *mm_slot(s, mm);

	while (t && t->mm != mm)
		t = t->next_mm;
	return t;
}

struct target *session_target_of_pid(struct mp_session *s, pid_t pid)
{
	struct target *t = *pid_slot(s, pid);

	while (t && (t->pid != pid || t->gone))
		t = t->next_pid;
	return t;
}

static void unlink_mm(struct mp_session *s, struct target *t)
{
	struct target **at = mm_slot(s, t->mm);

	while (*at != t)
		at = &(*at)->next_mm;
	*at = t->next_mm;
}

static void link_mm(struct mp_session *s, struct target *t)
{
	t->next_mm = *mm_slot(s, t->mm);
	*mm_slot(s, t->mm) = t;
}

void session_set_mm(struct mp_session *s, struct target *t, uint32_t mm)
{
	unlink_mm(s, t);
	t->mm = mm;
	link_mm(s, t);
}

struct target *session_add_target(struct mp_session *s, pid_t pid, uint32_t mm)
{
	struct target *t;

	if (mp_grow(&s->t, &s->cap_t, s->n_t + 1, sizeof(*s->t)))
		return NULL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->pid = pid;
	t->mm = mm;
	link_mm(s, t);
	t->next_pid = *pid_slot(s, pid);
	*pid_slot(s, pid) = t;
	audit_reset(s, t);
	t->want_maps = t->want_all = mm != 0;
	s->t[s->n_t++] = t;
	return t;
}

static void drop(struct mp_session *s, struct target *t)
{
	struct target **at = pid_slot(s, t->pid);

	while (*at != t)
		at = &(*at)->next_pid;
	*at = t->next_pid;
	unlink_mm(s, t);
	target_free(t);
}

/* Gone for some ticks, and the model knows its end. */
static bool is_done(const struct mp_session *s, struct target *t)
{
	const struct mp_proc *p = mp_model_proc(s->model, t->mm);

	if (!t->gone || t->launched || t->audit.active || (p && !p->exited))
		return false;
	return ++t->waited > GONE_TICKS;
}

void session_prune(struct mp_session *s)
{
	size_t n = s->n_t && !s->o.standing ? 1 : 0;

	for (size_t i = n; i < s->n_t; i++) {
		if (is_done(s, s->t[i]))
			drop(s, s->t[i]);
		else
			s->t[n++] = s->t[i];
	}
	s->n_t = n;
}

/* --- looks ----------------------------------------------------------------------- */

/* What costs no look: its segment outlives a target in our mapping. False: no look. */
static bool look_wanted(struct mp_session *s, struct target *t)
{
	/* A command that ended and was never seen to exec: after some ticks nothing
	 * will come any more. */
	if (!t->mm && t->launched && s->child.done && ++t->waited > 3)
		t->gone = true;
	if (!t->mm)
		return false;
	gc_poll(s, t);
	return !t->gone;
}

static void look_at(struct mp_session *s, struct target *t, uint64_t now)
{
	if (t->poll_due) {
		target_poll(s, t);
		runtimes_poll(s, t, now);
	}
	t->poll_due = false;
	if (!t->gone)
		threads_name(s, t, now);
	if (t->gone || t->audit.active || !audit_wanted(s, t, now))
		return;
	audit_begin(s, t);
	if (t->audit.active && t->audit.have_maps) {
		gc_attach(s, t, &t->audit.maps);
		runtimes_attach(s, t, &t->audit.maps);
	}
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/* The counters of all targets at once, where /proc does not add them up. */
static void sum_rss(struct mp_session *s)
{
	s->sum_t0 = mp_monotonic_ns();
	s->summed = s->probes && mp_probes_sum_rss(s->probes);
	s->sum_ts = mp_monotonic_ns();
}

void session_look(struct mp_session *s, uint64_t now)
{
	size_t n = s->n_t, from = s->look_from;
	bool all = s->settling || s->opening, due = false;
	unsigned every = s->o.standing ? STANDING_TICKS : POLL_TICKS;
	uint64_t end;

	bool first = !s->o.standing; /* t[0] is looked at whatever the others cost */

	if (!n)
		return;
	s->look_from = 0;
	s->ticks++;
	for (size_t i = 0; i < n; i++) { /* not all in one tick */
		s->t[i]->poll_due |= all || (s->ticks + i) % every == 0;
		due |= s->t[i]->poll_due;
	}
	if (due)
		sum_rss(s);
	if (first && look_wanted(s, s->t[0]))
		look_at(s, s->t[0], now);
	end = cpu_ns() + (first ? LOOK_BUDGET_NS : LOOK_STANDING_NS);
	for (size_t k = 0; k < n; k++) {
		size_t i = (from + k) % n;

		if ((first && !i) || !look_wanted(s, s->t[i]))
			continue;
		if (all || cpu_ns() < end)
			look_at(s, s->t[i], now);
		else if (!s->look_from) /* goes on from here in the next tick */
			s->look_from = i;
	}
}
