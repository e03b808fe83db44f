/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * threads.c - names of the threads that fault.
 *
 * A thread is named when it shows up in events, and looked at again now and then,
 * since most name themselves after they have started. What it costs is bounded: names
 * read in a tick, looks again in a second, names that a program may make us keep.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/live/session_int.h"

#define NAMES_NEW     64	    /* in a tick */
#define NAMES_AGAIN   8		    /* in AGAIN_NS */
#define AGAIN_NS      1000000000ULL /* ns */
#define NAMES_CHANGED 16384	    /* ever, of one target */

/* /proc/PID/task/TID/comm; false when the thread has gone. */
static bool comm_read(pid_t pid, uint32_t tid, char name[MP_TASK_COMM_LEN])
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%u/comm", (int)pid, tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, name, MP_TASK_COMM_LEN);
	close(fd);
	if (n <= 1) /* the end of the line is in it */
		return false;
	name[n - 1] = '\0';
	return true;
}

static void tell_name(struct mp_session *s, struct target *t, const struct mp_thread *th,
		      uint64_t now)
{
	struct mp_event e = {
		.ts = now, .type = MP_EV_TASK, .sub = MP_TASK_NAME, .mm = t->mm, .tid = th->tid
	};
	char name[MP_TASK_COMM_LEN];

	if (t->names.told >= NAMES_CHANGED || !comm_read(t->pid, th->tid, name) ||
	    !strcmp(name, mp_str(s->model, th->name)))
		return;
	t->names.told++;
	e.task.comm = stream_str(&s->stream, name, now);
	stream_push(&s->stream, &e);
}

void threads_name(struct mp_session *s, struct target *t, uint64_t now)
{
	const struct mp_proc *p = mp_model_proc(s->model, t->mm);
	size_t n = p ? p->n_threads : 0;

	if (t->names.seen > n) /* another process has the mm now */
		t->names.seen = 0;
	for (unsigned i = 0; i < NAMES_NEW && t->names.seen < n; i++)
		tell_name(s, t, &p->threads[t->names.seen++], now);
	if (now < t->names.again || !n)
		return;
	t->names.again = now + AGAIN_NS;
	for (unsigned i = 0; i < NAMES_AGAIN && i < n; i++)
		tell_name(s, t, &p->threads[t->names.next++ % n], now);
}
