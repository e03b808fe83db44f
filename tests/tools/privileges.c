/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * privileges.c - does in order what its arguments say, for the tests of what is left of root's
 * powers:
 *
 *     check            dm_privileges_check()
 *     drop USER        dm_privileges_drop(), - for nobody else
 *     probes           loads and attaches everything
 *     watch PID        makes it a target, says so, and tells how many of its faults come until
 *                      it has come by 64
 *     read PATH        opens and reads
 *     peek PID,ADDR    reads a word of its memory (process_vm_readv)
 *     status           what /proc says of itself, and what prctl(2) does
 *     root             tries to be root again
 *     thread           starts one
 *     run CMD          a shell's command, waited for
 *
 * The first that fails ends it with the exit code of its message.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <poll.h>
#include <unistd.h>

#include "bpf/events.h"
#include "user/daemon/privileges.h"
#include "user/live/probes.h"

static struct mp_probes *probes;
static struct mp_diag diag;

static int do_drop(const char *user)
{
	return dm_privileges_drop(strcmp(user, "-") ? user : NULL, &diag);
}

static int do_probes(const char *arg)
{
	struct mp_probes_opts o = { 0 };

	(void)arg;
	mp_hooks_parse(NULL, &o.hooks, &diag);
	return mp_probes_open(&o, &probes, &diag);
}

static int on_event(void *ctx, void *data, size_t size)
{
	const struct mp_event *e = data;

	if (size >= sizeof(*e) && e->type == MP_EV_FAULT)
		*(uint64_t *)ctx += e->x;
	return 0;
}

static int do_watch(const char *pid)
{
	uint64_t pages = 0;
	uint32_t mm;
	int err = mp_probes_add(probes, (uint32_t)atoi(pid), &mm);

	if (err)
		return err;
	printf("watching\n");
	while (!err && pages < 64) {
		mp_probes_flush(probes);
		err = mp_probes_drain(probes, on_event, &pages);
		poll(NULL, 0, 10);
	}
	printf("pages %" PRIu64 "\n", pages);
	return err;
}

static int do_read(const char *path)
{
	char word[8];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = fd < 0 || read(fd, word, sizeof(word)) < 0 ? -errno : 0;

	printf("read %s: %s\n", path, err ? strerror(-err) : "ok");
	if (fd >= 0)
		close(fd);
	return 0;
}

static int do_peek(const char *arg)
{
	unsigned long addr, word = 0;
	struct iovec to = { &word, sizeof(word) }, from = { NULL, sizeof(word) };
	int pid;

	if (sscanf(arg, "%d,%lx", &pid, &addr) != 2)
		return -EINVAL;
	from.iov_base = (void *)addr;
	printf("peek: %s\n",
	       process_vm_readv(pid, &to, 1, &from, 1, 0) < 0 ? strerror(errno) : "ok");
	return 0;
}

static int do_status(const char *arg)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];

	(void)arg;
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "Uid", 3) || !strncmp(line, "Gid", 3) ||
		    !strncmp(line, "Groups", 6) || !strncmp(line, "Cap", 3) ||
		    !strncmp(line, "NoNewPrivs", 10))
			fputs(line, stdout);
	if (f)
		fclose(f);
	printf("Securebits:\t%#x\n", (unsigned)prctl(PR_GET_SECUREBITS));
	printf("Dumpable:\t%d\n", prctl(PR_GET_DUMPABLE));
	return 0;
}

static int do_root(const char *arg)
{
	(void)arg;
	printf("root: %s\n", setresuid(0, 0, 0) ? strerror(errno) : "again");
	return 0;
}

static void *wait_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static int do_thread(const char *arg)
{
	pthread_t t;

	(void)arg;
	return -pthread_create(&t, NULL, wait_for_ever, NULL);
}

static int do_run(const char *cmd)
{
	int status;

	fflush(stdout);
	status = system(cmd);
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -ECHILD;
}

static int do_check(const char *arg)
{
	(void)arg;
	return dm_privileges_check(&diag);
}

static const struct {
	const char *name;
	int (*fn)(const char *arg);
	bool arg;
} verbs[] = {
	{ "check", do_check, false },	{ "drop", do_drop, true },  { "probes", do_probes, false },
	{ "watch", do_watch, true },	{ "read", do_read, true },  { "peek", do_peek, true },
	{ "status", do_status, false }, { "root", do_root, false }, { "thread", do_thread, false },
	{ "run", do_run, true },
};

static int do_verb(const char *name, char **arg)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(name, verbs[i].name) || (verbs[i].arg && !*arg))
			continue;
		return verbs[i].fn(*arg) ?: verbs[i].arg;
	}
	diag.exit_code = MP_EXIT_USAGE;
	return -EINVAL;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc; i++) {
		int err = do_verb(argv[i], &argv[i + 1]);

		if (err < 0) {
			fprintf(stderr, "%s: %s: %s\n  cause: %s\n  fix: %s\n", argv[i], diag.what,
				strerror(-err), diag.cause, diag.fix);
			return diag.exit_code ? diag.exit_code : 1;
		}
		i += err;
	}
	mp_probes_close(probes);
	return 0;
}
