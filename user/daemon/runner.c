/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * runner.c - see runner.h. A message is one packet: a number, a pid, and four texts that end in
 * NUL; the answer a number and an exit code.
 */
#include "user/daemon/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/daemon/privileges.h"
#include "user/live/rights.h"
#include "user/util/util.h"

#define TEXTS	4
#define LOOK_MS 20 /* between looks whether a command is over */

struct dm_runner {
	int fd;
	pid_t pid;
};

struct ask {
	uint32_t id, pid;
	char text[DM_COMMAND_MAX]; /* command, incident, group, trigger */
};

struct answer {
	uint32_t id;
	int32_t code;
};

/* --- in the process ------------------------------------------------------------------------ */

void dm_plain_signals(void)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	sigemptyset(&none);
	sigemptyset(&dfl.sa_mask);
	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &dfl, NULL);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* For good: no id, no capability and no program gives back what is given up here. What the
 * daemon was started with (ambient ones) goes, too, but of a root that was asked for. */
static int become(const struct passwd *p)
{
	static const struct mp_caps none;
	int err = p ? dm_become_user(p) : 0;

	if (err)
		return err;
	err = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) ? -errno : 0;
	if (!err && geteuid())
		err = mp_caps_set(&none);
	return err || !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? err : -errno;
}

static void run(const struct ask *a, const char *const t[TEXTS])
{
	static const char *const names[] = { "MEMPROF_INCIDENT", "MEMPROF_GROUP",
					     "MEMPROF_TRIGGER" };
	char pid[16];

	setpgid(0, 0);
	clearenv();
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	for (int i = 0; i < 3; i++)
		setenv(names[i], t[i + 1], 1);
	snprintf(pid, sizeof(pid), "%u", a->pid);
	setenv("MEMPROF_PID", pid, 1);
	if (chdir(t[1]) && chdir("/")) /* it may not be for this user */
		_exit(DM_NOT_STARTED);
	close_range(3, ~0U, 0);
	execl("/bin/sh", "sh", "-c", t[0], NULL);
	_exit(DM_NOT_STARTED);
}

/* The daemon has gone: nobody wants to know any more. */
static bool deserted(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = 0 };

	return poll(&pfd, 1, LOOK_MS) > 0 && pfd.revents & (POLLHUP | POLLERR);
}

static int wait_for(pid_t child, int fd)
{
	uint64_t until = mp_monotonic_ns() + DM_COMMAND_NS;
	bool late = false, gone = false;
	int status;
	pid_t r;

	while (!(r = waitpid(child, &status, WNOHANG))) {
		gone = gone || deserted(fd);
		late = late || mp_monotonic_ns() >= until;
		if (late || gone)
			kill(-child, SIGKILL);
	}
	kill(-child, SIGKILL); /* what it left behind */
	if (gone)
		_exit(0);
	if (r < 0)
		return DM_NOT_STARTED;
	return late		   ? DM_TOO_LONG
	       : WIFEXITED(status) ? WEXITSTATUS(status)
				   : 128 + WTERMSIG(status);
}

static int do_one(const struct ask *a, size_t len, int fd)
{
	const char *t[TEXTS], *p = a->text, *end = a->text + len;
	pid_t child;

	for (int i = 0; i < TEXTS; i++) {
		const char *nul = memchr(p, 0, (size_t)(end - p));

		if (!nul)
			return DM_NOT_STARTED;
		t[i] = p;
		p = nul + 1;
	}
	child = fork();
	if (!child)
		run(a, t);
	return child < 0 ? DM_NOT_STARTED : wait_for(child, fd);
}

static void serve(int fd)
{
	struct ask a;
	ssize_t n;

	while ((n = recv(fd, &a, sizeof(a), 0)) > (ssize_t)offsetof(struct ask, text)) {
		struct answer r = { .id = a.id };

		r.code = do_one(&a, (size_t)n - offsetof(struct ask, text), fd);
		if (send(fd, &r, sizeof(r), MSG_NOSIGNAL) != (ssize_t)sizeof(r))
			return;
	}
}

/* Only its own end of the socket, and the daemon's log. */
static int alone(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0 ||
	    dup2(fd, 3) < 0 || fcntl(3, F_SETFD, FD_CLOEXEC))
		return -1;
	return close_range(4, ~0U, 0);
}

static void live(int fd, const struct passwd *p)
{
	int err = become(p);

	setsid(); /* a Ctrl-C is for the daemon, which ends this */
	dm_plain_signals();
	prctl(PR_SET_NAME, "memprof-run");
	setpriority(PRIO_PROCESS, 0, 10);
	if (!err && alone(fd))
		err = -errno;
	if (send(err ? fd : 3, &err, sizeof(err), MSG_NOSIGNAL) == (ssize_t)sizeof(err) && !err)
		serve(3);
	_exit(0);
}

/* --- in the daemon ------------------------------------------------------------------------- */

static int cannot(struct mp_diag *diag, int err, const char *user)
{
	mp_diag_fmt(diag->what, "the process for commands cannot become %.60s", user);
	return mp_diag_set(diag, err, MP_EXIT_FAILURE, NULL, strerror(-err),
			   "command-user = NAME of a user there is");
}

/* Whom it becomes. NULL and 0: it stays. */
static int whom(const struct dm_config *c, const struct passwd **p)
{
	*p = NULL;
	if (geteuid())
		return 0;
	*p = getpwnam(c->user ? c->user : c->command_user);
	return *p ? 0 : -ENOENT;
}

int dm_runner_start(const struct dm_config *c, struct dm_runner **out, struct mp_diag *diag)
{
	const char *name = c->user ? c->user : c->command_user;
	struct dm_runner *r = malloc(sizeof(*r));
	const struct passwd *p;
	int fd[2] = { -1, -1 }, err = whom(c, &p), said;

	if (!r)
		return mp_diag_set(diag, -ENOMEM, MP_EXIT_FAILURE, "out of memory", "", "");
	if (!err && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd))
		err = -errno;
	r->fd = fd[0];
	r->pid = err ? -1 : fork();
	if (!r->pid) {
		close(fd[0]);
		live(fd[1], p);
	}
	if (!err && r->pid < 0)
		err = -errno;
	if (fd[1] >= 0)
		close(fd[1]);
	if (!err) /* it says so at once, or ends */
		err = recv(r->fd, &said, sizeof(said), 0) == (ssize_t)sizeof(said) ? said : -EPIPE;
	if (err) {
		dm_runner_free(r);
		return cannot(diag, err, name);
	}
	*out = r;
	return 0;
}

void dm_runner_free(struct dm_runner *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd); /* it ends what it runs, and itself */
	if (r->pid > 0)
		waitpid(r->pid, NULL, 0);
	free(r);
}

static char *put(char *at, char *end, const char *text)
{
	size_t len = strlen(text) + 1;

	if (!at || len > (size_t)(end - at))
		return NULL;
	memcpy(at, text, len);
	return at + len;
}

int dm_runner_ask(struct dm_runner *r, uint32_t id, const struct dm_command *k)
{
	struct ask a = { .id = id, .pid = k->pid };
	char *at = a.text, *end = a.text + sizeof(a.text);

	at = put(at, end, k->command);
	at = put(at, end, k->incident);
	at = put(at, end, k->group);
	at = put(at, end, k->trigger);
	if (!at)
		return -E2BIG;
	if (send(r->fd, &a, (size_t)(at - (char *)&a), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return -errno;
	return 0;
}

int dm_runner_over(struct dm_runner *r, uint32_t *id, int *code)
{
	struct answer a;
	ssize_t n = recv(r->fd, &a, sizeof(a), MSG_DONTWAIT);

	if (n == (ssize_t)sizeof(a)) {
		*id = a.id;
		*code = a.code;
		return 1;
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -EPIPE;
}
