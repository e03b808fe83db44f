/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * copy.c - see copy.h. The thread only reads the list; what it took is freed by who started it, so
 * that a thread that runs when nobody else wants to holds no lock that the loop waits for.
 */
#include "user/daemon/copy.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "user/rec/held.h"

#define END_S 5 /* a copy under way at the daemon's end has so long */

struct dm_copy {
	pthread_t thread;
	struct mp_held_list list;
	char *path, *part;
	int err;
	atomic_bool over; /* the thread has nothing more to say */
};

static void *work(void *arg)
{
	struct dm_copy *c = arg;

	pthread_setname_np(pthread_self(), "memprof-copy");
	setpriority(PRIO_PROCESS, 0, 19); /* of this thread */
	c->err = mp_held_write(&c->list, c->part);
	if (!c->err && rename(c->part, c->path))
		c->err = -errno;
	if (c->err && c->err != -EEXIST)
		unlink(c->part);
	atomic_store(&c->over, true);
	return NULL;
}

static void copy_free(struct dm_copy *c)
{
	mp_held_list_free(&c->list);
	free(c->path);
	free(c->part);
	free(c);
}

/* Signals are for the loop: a handler there ends its poll(). */
static int run(struct dm_copy *c)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&c->thread, NULL, work, c);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -err;
}

int dm_copy_start(struct mp_held_list *l, const char *path, struct dm_copy **out)
{
	struct dm_copy *c = calloc(1, sizeof(*c));
	int err = -ENOMEM;

	if (!c) {
		mp_held_list_free(l);
		return err;
	}
	c->list = *l;
	*l = (struct mp_held_list){ .n = 0 };
	c->path = strdup(path);
	if (c->path && asprintf(&c->part, "%s.part", path) < 0)
		c->part = NULL;
	if (c->part)
		err = run(c);
	if (err) {
		copy_free(c);
		return err;
	}
	*out = c;
	return 0;
}

bool dm_copy_over(struct dm_copy *c, int *err)
{
	if (!atomic_load(&c->over))
		return false;
	pthread_join(c->thread, NULL);
	*err = c->err;
	copy_free(c);
	return true;
}

void dm_copy_end(struct dm_copy *c)
{
	struct timespec until;

	if (!c)
		return;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += END_S;
	if (!pthread_clockjoin_np(c->thread, NULL, CLOCK_MONOTONIC, &until))
		copy_free(c);
}
