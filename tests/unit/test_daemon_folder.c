/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_daemon_folder.c - who has a state folder, and until when. Whose it is, its modes and what
 * links do to it is tests/bpf/test_daemon_places.py.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/daemon/folder.h"

static int setup(void **state)
{
	char *dir = strdup("/tmp/memprof-folder-XXXXXX");

	*state = dir;
	return !dir || !mkdtemp(dir) ? -1 : 0;
}

static int teardown(void **state)
{
	static const char *const made[] = { "state/lock", "state/incidents", "state/ring",
					    "state" };
	char path[256];

	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", (char *)*state, made[i]);
		remove(path);
	}
	rmdir(*state);
	free(*state);
	return 0;
}

static int take(const char *dir, struct mp_diag *diag)
{
	char path[256];
	const struct dm_config c = { .socket = "", .state = path };

	snprintf(path, sizeof(path), "%s/state", dir);
	memset(diag, 0, sizeof(*diag));
	return dm_folder_take(&c, diag);
}

/* Forks one that takes the folder and has a child of its own, which lives until `stop` is closed;
 * returns the first, once it has taken it. It ends when `end` is closed. */
static pid_t holder(const char *dir, int end[2], int stop[2])
{
	int ready[2];
	pid_t pid;
	char c;

	assert_return_code(pipe(end) | pipe(stop) | pipe(ready), errno);
	pid = fork();
	if (!pid) {
		struct mp_diag diag;
		int taken = take(dir, &diag);

		close(end[1]);
		close(stop[1]);
		if (!taken && !fork()) {
			close(ready[1]);
			_exit(read(stop[0], &c, 1) != 0);
		}
		_exit(write(ready[1], taken ? "n" : "y", 1) != 1 || read(end[0], &c, 1) != 0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	close(ready[0]);
	return pid;
}

/* A daemon's children may end later than it does: the folder is free when the daemon is gone. */
static void test_taken_until_its_process_ends(void **state)
{
	struct mp_diag diag;
	int end[2], stop[2], status;
	pid_t pid = holder(*state, end, stop);
	char who[32];

	assert_int_equal(take(*state, &diag), -EBUSY);
	snprintf(who, sizeof(who), "process %d has", pid);
	assert_non_null(strstr(diag.cause, who));
	assert_int_equal(diag.exit_code, MP_EXIT_FAILURE);
	close(end[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(take(*state, &diag), 0);
	close(stop[1]);
	close(end[0]);
	close(stop[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_taken_until_its_process_ends, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
