/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * out.c - the way to the terminal. Owns the queue of bytes, and what is done so
 * that no write() to a terminal ever waits.
 *
 * curses writes to its descriptor until all is written, so it must not see the
 * terminal while it draws: its descriptor is then a file in memory, and what
 * stands in that file goes to the queue. At all other times the descriptor is the
 * terminal, as curses asks it for sizes and modes. The queue is sent through an open
 * file of our own: O_NONBLOCK on the one that was inherited would be the shell's too.
 */
#include "tui/out.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "user/util/util.h"

static struct {
	FILE *stream; /* what curses writes to: a duplicate of tty */
	int tty;      /* the descriptor inherited                   */
	int own;   /* the same terminal, not waiting; -1: cannot be had, curses writes by itself */
	int mem;   /* where frames are caught */
	char *buf; /* what waits */
	size_t at, n, cap;
	uint64_t total;
} out = { .tty = -1, .own = -1, .mem = -1 };

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

FILE *tui_out_open(int fd)
{
	char path[32];
	int dup_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (dup_fd < 0)
		return NULL;
	out.stream = fdopen(dup_fd, "w");
	if (!out.stream) {
		close(dup_fd);
		return NULL;
	}
	out.tty = fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	out.own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	out.mem = memfd_create("memprof-frame", MFD_CLOEXEC);
	if (out.mem < 0)
		close_fd(&out.own);
	return out.stream;
}

void tui_out_close(void)
{
	if (out.stream)
		fclose(out.stream);
	out.stream = NULL;
	close_fd(&out.own);
	close_fd(&out.mem);
	free(out.buf);
	out.buf = NULL;
	out.at = out.n = out.cap = 0;
	out.tty = -1;
}

void tui_out_begin(void)
{
	if (out.own >= 0)
		dup3(out.mem, fileno(out.stream), O_CLOEXEC);
}

/* Room for so many bytes at the end of the queue, or NULL. */
static char *room(size_t n)
{
	if (out.at == out.n)
		out.at = out.n = 0;
	return mp_grow(&out.buf, &out.cap, out.n + n, 1) ? NULL : out.buf + out.n;
}

void tui_out_put(const char *bytes, size_t n)
{
	char *to = out.own >= 0 ? room(n) : NULL;

	if (out.own < 0)
		tui_out_now(bytes, n);
	if (!to)
		return;
	memcpy(to, bytes, n);
	out.n += n;
	out.total += n;
}

/* Without memory for it the frame is lost; the next one that is wanted whole mends that. */
void tui_out_end(void)
{
	off_t len;
	ssize_t got;
	char *to;

	if (out.own < 0)
		return;
	len = lseek(out.mem, 0, SEEK_CUR);
	to = len > 0 ? room((size_t)len) : NULL;
	got = to ? pread(out.mem, to, (size_t)len, 0) : 0;
	if (got > 0) {
		out.n += (size_t)got;
		out.total += (uint64_t)got;
	}
	if (ftruncate(out.mem, 0) == 0)
		lseek(out.mem, 0, SEEK_SET);
	dup3(out.tty, fileno(out.stream), O_CLOEXEC);
}

bool tui_out_send(void)
{
	while (out.at < out.n) {
		ssize_t n = write(out.own, out.buf + out.at, out.n - out.at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) { /* hung up: poll() of the input tells the loop */
			out.at = out.n;
			break;
		}
		if (n <= 0)
			return false;
		out.at += (size_t)n;
	}
	return true;
}

bool tui_out_drain(unsigned ms)
{
	uint64_t now = mp_monotonic_ns();
	uint64_t end = now + ms * 1000000ULL;

	while (!tui_out_send()) {
		struct pollfd p = { .fd = out.own, .events = POLLOUT };

		now = mp_monotonic_ns();
		if (now >= end)
			return false;
		poll(&p, 1, (int)((end - now) / 1000000ULL) + 1);
	}
	return true;
}

bool tui_out_idle(void)
{
	int queued = 0;

	return tui_out_send() && (out.own < 0 || ioctl(out.own, TIOCOUTQ, &queued) || queued == 0);
}

/* Safe in a signal handler. */
static void unstick(int fd)
{
	/* what Ctrl-S stopped goes on only as what this program stopped */
	tcflow(fd, TCOOFF);
	tcflow(fd, TCOON);
	tcflush(fd, TCOFLUSH);
}

void tui_out_drop(void)
{
	out.at = out.n;
	if (out.own >= 0)
		unstick(out.own);
}

int tui_out_pending_fd(void)
{
	return out.at < out.n ? out.own : -1;
}

uint64_t tui_out_bytes(void)
{
	return out.total;
}

void tui_out_now(const char *bytes, size_t n)
{
	int fd = out.own >= 0 ? out.own : STDOUT_FILENO;
	ssize_t done = write(fd, bytes, n);

	if (done == (ssize_t)n || out.own < 0)
		return;
	unstick(fd);
	done = write(fd, bytes, n);
	(void)done; /* there is nobody left to tell */
}
