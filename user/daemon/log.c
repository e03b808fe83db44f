/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * log.c - see log.h.
 *
 * A thread, because nothing else keeps a write() from waiting: O_NONBLOCK would be the terminal's
 * for all who have it, /proc/self/fd/2 cannot be opened anew where it is a socket or another
 * user's, and room that poll() has seen is gone when a child of ours writes there, too.
 */
#include "user/daemon/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "user/util/util.h"

#define LINES_A_SECOND 10
#define PIECE	       4096 /* of one write(): up to so much a pipe keeps together (pipe(7)) */
#define STOP_S	       1

/* --- lines that wait ----------------------------------------------------------------------- */

static struct {
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t come;
	pthread_t thread;
	bool running, ending;
	char text[DM_LOG_WAITING];
	size_t n;
	unsigned lost; /* lines, since the last that found room */
} q = { .lock = PTHREAD_MUTEX_INITIALIZER, .come = PTHREAD_COND_INITIALIZER };

static unsigned lines_in(const char *text)
{
	unsigned n = 0;

	while ((text = strchr(text, '\n'))) {
		text++;
		n++;
	}
	return n;
}

/* The lock being held. False: no room. */
static bool append(const char *text)
{
	size_t len = strlen(text);

	if (len > sizeof(q.text) - q.n)
		return false;
	memcpy(q.text + q.n, text, len);
	q.n += len;
	return true;
}

/* The lock being held: what found no room is told of before anything else is said. */
static bool tell_lost(void)
{
	char text[96];

	if (!q.lost)
		return true;
	snprintf(text, sizeof(text), "memprof: %u line%s left out: nobody read what was said\n",
		 q.lost, q.lost == 1 ? " was" : "s were");
	if (!append(text))
		return false;
	q.lost = 0;
	return true;
}

static void write_all(const char *p, size_t n)
{
	while (n) {
		struct pollfd room = { .fd = STDERR_FILENO, .events = POLLOUT };
		ssize_t k = write(STDERR_FILENO, p, n);

		if (k >= 0) {
			p += k;
			n -= (size_t)k;
		} else if (errno == EAGAIN) { /* somebody else's O_NONBLOCK */
			poll(&room, 1, -1);
		} else if (errno != EINTR) {
			return; /* nobody is there any more */
		}
	}
}

/* The lock being held: whole lines of at most a piece, into out. */
static size_t take(char out[PIECE])
{
	size_t n = q.n < PIECE ? q.n : PIECE;
	const char *nl = memrchr(q.text, '\n', n);

	if (nl)
		n = (size_t)(nl - q.text) + 1;
	memcpy(out, q.text, n);
	memmove(q.text, q.text + n, q.n - n);
	q.n -= n;
	return n;
}

static void *work(void *unused)
{
	char piece[PIECE];
	size_t n;

	(void)unused;
	pthread_setname_np(pthread_self(), "memprof-log");
	pthread_mutex_lock(&q.lock);
	for (;;) {
		while (!q.n && !q.ending)
			pthread_cond_wait(&q.come, &q.lock);
		if (!q.n)
			break;
		n = take(piece);
		pthread_mutex_unlock(&q.lock);
		write_all(piece, n);
		pthread_mutex_lock(&q.lock);
		if (!q.n)
			tell_lost();
	}
	pthread_mutex_unlock(&q.lock);
	return NULL;
}

/* Signals are for the loop: a handler there ends its poll(). */
int dm_log_start(void)
{
	sigset_t all, old;
	int err;

	fflush(stderr);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	q.ending = false;
	err = pthread_create(&q.thread, NULL, work, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	q.running = !err;
	return -err;
}

bool dm_log_stop(void)
{
	struct timespec until;

	if (!q.running)
		return true;
	pthread_mutex_lock(&q.lock);
	q.ending = true;
	pthread_cond_signal(&q.come);
	pthread_mutex_unlock(&q.lock);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += STOP_S;
	if (pthread_clockjoin_np(q.thread, NULL, CLOCK_MONOTONIC, &until))
		return false;
	q.running = false;
	return true;
}

void dm_log_text(const char *lines)
{
	if (!q.running) {
		fputs(lines, stderr);
		return;
	}
	pthread_mutex_lock(&q.lock);
	if (!tell_lost() || !append(lines))
		q.lost += lines_in(lines);
	pthread_cond_signal(&q.come);
	pthread_mutex_unlock(&q.lock);
}

/* --- a line -------------------------------------------------------------------------------- */

void dm_log(const char *fmt, ...)
{
	static uint64_t second;
	static unsigned said, left_out;
	uint64_t now = mp_monotonic_ns() / 1000000000ULL;
	char text[1024], clean[1024], line[sizeof(clean) + 16];
	va_list ap;

	if (now != second) {
		if (left_out) {
			snprintf(line, sizeof(line), "memprof: %u more lines were left out\n",
				 left_out);
			dm_log_text(line);
		}
		second = now;
		said = left_out = 0;
	}
	if (said == LINES_A_SECOND) {
		left_out++;
		return;
	}
	said++;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "memprof: %s\n", mp_clean(clean, sizeof(clean), text, 0));
	dm_log_text(line);
}

/* --- a service manager --------------------------------------------------------------------- */

void dm_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (!len || len >= sizeof(a.sun_path) || (*path != '/' && *path != '@'))
		return;
	memcpy(a.sun_path, path, len);
	if (*path == '@') /* an abstract name */
		a.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&a,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0) {
		/* who asked has gone: nothing to be done about it */
	}
	close(fd);
}

unsigned long long dm_watchdog_ns(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (!usec || (pid && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	return strtoull(usec, NULL, 10) * 1000;
}
