/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * launch.c - see launch.h.
 *
 * The command keeps the terminal, standard input and signals of memprof, unless a
 * view takes the terminal. Under
 * sudo it runs as the user who called sudo: profiling a program must not make
 * it a root program. Nor has it what memprof alone was given (ambient capabilities).
 */
#include "user/live/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct rlimit files_before; /* rlim_max 0: not raised */

void launch_raise_files(void)
{
	struct rlimit now, more;

	if (files_before.rlim_max || getrlimit(RLIMIT_NOFILE, &now))
		return;
	more = now;
	more.rlim_cur = more.rlim_max;
	if (!setrlimit(RLIMIT_NOFILE, &more))
		files_before = now;
}

static bool is_id(const char *s)
{
	return *s && strspn(s, "0123456789") == strlen(s) && strlen(s) < 10;
}

/* Back to the user behind sudo. Failing to drop rights must not go on with them. */
static int drop_rights(void)
{
	const char *uid_s = getenv("SUDO_UID"), *gid_s = getenv("SUDO_GID");
	struct passwd *pw;
	uid_t uid;
	gid_t gid;

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
		return -errno;
	if (geteuid() != 0 || !uid_s || !gid_s)
		return 0;
	if (!is_id(uid_s) || !is_id(gid_s)) /* never root by a mistake in the environment */
		return -EINVAL;
	uid = (uid_t)strtoul(uid_s, NULL, 10);
	gid = (gid_t)strtoul(gid_s, NULL, 10);
	pw = getpwuid(uid);
	if (pw ? initgroups(pw->pw_name, gid) : setgroups(1, &gid))
		return -errno;
	if (setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return -errno;
	if (pw) {
		setenv("HOME", pw->pw_dir, 1);
		setenv("USER", pw->pw_name, 1);
		setenv("LOGNAME", pw->pw_name, 1);
	}
	return 0;
}

static int redirect(int out_fd)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	/* A group of its own, so that all of it can be ended with the view. */
	if (setpgid(0, 0))
		return -errno;
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out_fd, STDOUT_FILENO) < 0 ||
	    dup2(out_fd, STDERR_FILENO) < 0)
		return -errno;
	return 0;
}

static int give(const struct launch_with *with)
{
	char name[64];
	const char *eq = with->env ? strchr(with->env, '=') : NULL;

	if (eq) {
		snprintf(name, sizeof(name), "%.*s", (int)(eq - with->env), with->env);
		if (setenv(name, eq + 1, 1))
			return -errno;
	}
	if (with->err_fd >= 0 && dup2(with->err_fd, STDERR_FILENO) < 0)
		return -errno;
	if (with->keep_fd >= 0 && fcntl(with->keep_fd, F_SETFD, 0))
		return -errno;
	return 0;
}

static void child(const struct launch *l, int go_r, int err_w, int out_fd,
		  const struct launch_with *with, char *const argv[])
{
	char c;
	int err;

	close(l->go_fd);
	close(l->err_fd);
	/* End of file: memprof went away before it said go. */
	if (read(go_r, &c, 1) != 1)
		_exit(125);
	signal(SIGPIPE, SIG_DFL); /* memprof ignores them; caught signals reset themselves */
	signal(SIGXFSZ, SIG_DFL);
	if (files_before.rlim_max)
		setrlimit(RLIMIT_NOFILE, &files_before);
	err = drop_rights();
	if (!err && out_fd >= 0)
		err = redirect(out_fd);
	if (!err)
		err = give(with);
	if (!err) {
		execvp(argv[0], argv);
		err = -errno;
	}
	err = -err;
	if (write(err_w, &err, sizeof(err)) != sizeof(err))
		_exit(125);
	_exit(127);
}

int launch_prepare(struct launch *l, char *const argv[], int out_fd, const struct launch_with *with,
		   struct mp_diag *diag)
{
	int go[2] = { -1, -1 }, er[2] = { -1, -1 };
	int err;

	memset(l, 0, sizeof(*l));
	if (pipe2(go, O_CLOEXEC) || pipe2(er, O_CLOEXEC)) {
		err = -errno;
		goto fail;
	}
	l->go_fd = go[1];
	l->err_fd = er[0];
	fflush(NULL);
	l->pid = fork();
	if (l->pid < 0) {
		err = -errno;
		l->pid = 0;
		goto fail;
	}
	if (l->pid == 0)
		child(l, go[0], er[1], out_fd, with, argv);
	close(go[0]);
	close(er[1]);
	return 0;
fail:
	for (int i = 0; i < 2; i++) {
		if (go[i] >= 0)
			close(go[i]);
		if (er[i] >= 0)
			close(er[i]);
	}
	mp_diag_fmt(diag->cause, "%s", strerror(-err));
	return mp_diag_set(diag, err, MP_EXIT_FAILURE, "cannot start the command", NULL, "");
}

int launch_go(struct launch *l, char *const argv[], struct mp_diag *diag)
{
	int err = 0;
	ssize_t n;

	if (write(l->go_fd, "g", 1) != 1)
		err = EPIPE;
	close(l->go_fd);
	l->go_fd = -1;
	do {
		n = read(l->err_fd, &err, sizeof(err));
	} while (n < 0 && errno == EINTR);
	close(l->err_fd);
	l->err_fd = -1;
	if (!err)
		return 0;
	waitpid(l->pid, &l->status, 0);
	l->done = true;
	mp_diag_fmt(diag->what, "cannot run '%.100s'", argv[0]);
	mp_diag_fmt(diag->cause, "%s", strerror(err));
	return mp_diag_set(diag, -err, err == ENOENT ? 127 : 126, NULL, NULL,
			   "give the program's path after --");
}

void launch_reap(struct launch *l)
{
	if (l->pid && !l->done && waitpid(l->pid, &l->status, WNOHANG) == l->pid)
		l->done = true;
}

int launch_exit_code(const struct launch *l)
{
	if (WIFEXITED(l->status))
		return WEXITSTATUS(l->status);
	return 128 + WTERMSIG(l->status);
}

void launch_end(struct launch *l)
{
	struct timespec deadline, now;

	launch_reap(l);
	if (!l->pid || l->done || l->go_fd >= 0)
		return;
	if (kill(-l->pid, SIGTERM)) /* its group, if it has one of its own */
		kill(l->pid, SIGTERM);
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	do {
		struct timespec pause = { .tv_nsec = 5000000 };

		nanosleep(&pause, NULL);
		launch_reap(l);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (!l->done && now.tv_sec <= deadline.tv_sec + 1);
}

void launch_abort(struct launch *l)
{
	if (!l->pid || l->done || l->go_fd < 0)
		return;
	close(l->go_fd); /* the child reads end of file and leaves */
	l->go_fd = -1;
	waitpid(l->pid, &l->status, 0);
	l->done = true;
}

int launch_which(const char *name, char *buf, unsigned size)
{
	const char *path = getenv("PATH");
	char dirs[4096], *save = NULL;

	if (strchr(name, '/')) {
		snprintf(buf, size, "%s", name);
		return access(buf, X_OK) ? -ENOENT : 0;
	}
	snprintf(dirs, sizeof(dirs), "%s", path ? path : "/usr/local/bin:/usr/bin:/bin");
	for (char *d = strtok_r(dirs, ":", &save); d; d = strtok_r(NULL, ":", &save)) {
		struct stat st;

		snprintf(buf, size, "%s/%s", d, name);
		if (!stat(buf, &st) && S_ISREG(st.st_mode) && !access(buf, X_OK))
			return 0;
	}
	return -ENOENT;
}
