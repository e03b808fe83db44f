/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gclog_tap.c - see gclog_tap.h.
 */
#include "user/live/gclog_tap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "user/rt/gclog_split.h"
#include "user/util/util.h"

#define IDLE_MS	   100	     /* half a line of the runtime is then the program's ... */
#define SHORT_MS   20	     /* ... and so are two letters that may begin one */
#define LOG_BYTES  (1 << 20) /* lines that wait for memprof */
#define READ_BYTES 65536

/* --- in the process ------------------------------------------------------------------- */

struct tap {
	struct mp_split split;
	int in, out, log;
	bool hide, writes; /* each read is what one write was */
	uint32_t lost;
	size_t n;
	char buf[READ_BYTES + MP_SPLIT_LINE + MP_SPLIT_ASIDE]; /* to be passed on */
};

/* All of it. Where nobody takes it any more the command gets to know: we end, and with us
 * the end that it writes to. */
static void pass_on(struct tap *t)
{
	for (size_t at = 0; at < t->n;) {
		struct pollfd pfd = { .fd = t->out, .events = POLLOUT };
		ssize_t n = write(t->out, t->buf + at, t->n - at);

		if (n > 0)
			at += (size_t)n;
		else if (n < 0 && errno == EAGAIN) /* the terminal is shared, and its flags */
			poll(&pfd, 1, -1);
		else if (n < 0 && errno != EINTR)
			_exit(1);
	}
	t->n = 0;
}

static void on_rest(void *ctx, const char *bytes, size_t n)
{
	struct tap *t = ctx;

	if (t->n + n > sizeof(t->buf))
		pass_on(t);
	memcpy(t->buf + t->n, bytes, n);
	t->n += n;
}

static void on_line(void *ctx, const char *bytes, size_t n)
{
	struct tap *t = ctx;
	char rec[sizeof(struct gclog_tap_rec) + MP_SPLIT_LINE];
	struct gclog_tap_rec r = { .ts = mp_monotonic_ns(), .len = (uint32_t)n, .lost = t->lost };

	if (!t->hide)
		on_rest(t, bytes, n);
	memcpy(rec, &r, sizeof(r));
	memcpy(rec + sizeof(r), bytes, n);
	if (write(t->log, rec, sizeof(r) + n) < 0)
		t->lost++;
	else
		t->lost = 0;
}

/* Only what it works with stays open: an end of a pipe held here would never end. */
static void keep_open(const int *fds, size_t n)
{
	long max = sysconf(_SC_OPEN_MAX);

	for (int fd = 0; fd < (max > 0 && max < 65536 ? max : 65536); fd++) {
		bool keep = false;

		for (size_t i = 0; i < n; i++)
			keep |= fds[i] == fd;
		if (!keep)
			close(fd);
	}
}

static _Noreturn void run(struct tap *t)
{
	static const int ignored[] = {
		SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP, SIGPIPE, SIGTTOU
	};
	static char in[READ_BYTES];
	const int fds[] = { t->in, t->out, t->log };

	/* They mean the command and memprof: what those say of it is still to be passed on. */
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	keep_open(fds, sizeof(fds) / sizeof(fds[0]));
	t->split.rest = on_rest;
	t->split.line = on_line;
	t->split.ctx = t;
	if (mp_split_init(&t->split))
		_exit(1);
	for (;;) {
		struct pollfd pfd = { .fd = t->in, .events = POLLIN };
		ssize_t n = poll(&pfd, 1, !t->split.n ? -1 : t->split.n < 4 ? SHORT_MS : IDLE_MS);

		if (!n)
			mp_split_flush(&t->split);
		else
			n = read(t->in, in, sizeof(in));
		if (n > 0)
			(t->writes ? mp_split_write : mp_split_feed)(&t->split, in, (size_t)n);
		else if (pfd.revents && !(n < 0 && (errno == EINTR || errno == EAGAIN)))
			break; /* end of file; EIO of a terminal that nobody has open */
		pass_on(t);
	}
	mp_split_flush(&t->split);
	pass_on(t);
	_exit(0);
}

/* --- in memprof ---------------------------------------------------------------------------- */

/* A program that asks whether its stderr is a terminal gets the same answer as ever. What
 * it writes is not worked on twice: the real terminal does that. */
static int terminal(int real, int ends[2])
{
	struct termios tio;
	struct winsize ws;
	int m = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), s;

	if (m < 0)
		return -errno;
	s = grantpt(m) || unlockpt(m) ? -1 : open(ptsname(m), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s < 0) {
		close(m);
		return -EIO;
	}
	if (!tcgetattr(real, &tio)) {
		tio.c_oflag &= ~(tcflag_t)OPOST;
		tcsetattr(s, TCSANOW, &tio);
	}
	if (!ioctl(real, TIOCGWINSZ, &ws))
		ioctl(s, TIOCSWINSZ, &ws);
	ends[0] = m;
	ends[1] = s;
	return 0;
}

/* Each write comes by itself (O_DIRECT), and many find room. */
static int packets(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC | O_DIRECT))
		return -errno;
	fcntl(ends[1], F_SETPIPE_SZ, LOG_BYTES);
	return 0;
}

int gclog_tap_start(struct gclog_tap *t, int out_fd, bool hide)
{
	int in[2] = { -1, -1 }, log[2] = { -1, -1 };
	bool tty = isatty(out_fd);
	int err = tty ? terminal(out_fd, in) : packets(in);
	struct tap *tap = calloc(1, sizeof(*tap));

	t->pid = 0;
	if (!err && !tap)
		err = -ENOMEM;
	if (!err && pipe2(log, O_CLOEXEC | O_NONBLOCK))
		err = -errno;
	if (!err) {
		fcntl(log[1], F_SETPIPE_SZ, LOG_BYTES); /* what it has else is enough for most */
		t->pid = fork();
		err = t->pid < 0 ? -errno : 0;
	}
	if (!err && !t->pid) {
		tap->in = in[0];
		tap->out = out_fd;
		tap->log = log[1];
		tap->hide = hide;
		tap->writes = !tty;
		run(tap);
	}
	free(tap);
	close(in[0]);
	close(log[1]);
	if (err) {
		close(in[1]);
		close(log[0]);
		t->pid = 0;
		return err;
	}
	t->cmd_fd = in[1];
	t->log_fd = log[0];
	return 0;
}

void gclog_tap_given(struct gclog_tap *t)
{
	if (t->pid && t->cmd_fd >= 0)
		close(t->cmd_fd);
	t->cmd_fd = -1;
}

void gclog_tap_close(struct gclog_tap *t)
{
	if (!t->pid)
		return;
	gclog_tap_given(t);
	close(t->log_fd);
	waitpid(t->pid, NULL, WNOHANG); /* else it is init's, once we are gone */
	t->pid = 0;
}
