/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_symwork.c - which files the thread of names reads, and which it does not.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/live/symwork.h"

/* The name that the map gives to 0x1010, asked as for a process of that user. */
static char *named(uid_t uid, const char *dir)
{
	struct symwork *w = symwork_new();
	struct sym_jit jit = { .pid = getpid(), .ns_pid = 7, .uid = uid };
	struct sym_job *j = calloc(1, sizeof(*j));
	char *name;

	jit.root_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(w && j && jit.root_fd >= 0);
	j->jit = &jit;
	j->n = 1;
	j->v = calloc(1, sizeof(*j->v));
	j->v[0] = (struct sym_item){ .at = 0x1010, .inner = true };
	symwork_put(w, j);
	j = symwork_take(w, ~0ULL >> 1);
	assert_non_null(j);
	name = j->v[0].name;
	j->v[0].name = NULL;
	sym_job_free(j);
	symwork_free(w);
	close(jit.root_fd);
	return name;
}

static void write_map(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void check(const char *dir, uid_t uid, const char *want)
{
	char *name = named(uid, dir);

	if (want)
		assert_string_equal(name, want);
	else
		assert_null(name);
	free(name);
}

/* Of the process's own user, a file of its own, not empty, no link. */
static void test_whose_map(void **state)
{
	char dir[] = "/tmp/symwork-XXXXXX", tmp[64], map[128], other[128];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(tmp, sizeof(tmp), "%s/tmp", dir);
	snprintf(map, sizeof(map), "%s/perf-7.map", tmp);
	snprintf(other, sizeof(other), "%s/other", tmp);
	assert_int_equal(mkdir(tmp, 0700), 0);
	write_map(map, "1000 100 compiled\n");
	check(dir, getuid(), "compiled");
	check(dir, getuid() + 1, NULL);
	assert_int_equal(link(map, other), 0);
	check(dir, getuid(), NULL);
	assert_int_equal(unlink(map), 0);
	assert_int_equal(symlink("other", map), 0);
	check(dir, getuid(), NULL);
	assert_int_equal(unlink(map), 0);
	write_map(map, "");
	check(dir, getuid(), NULL);
	unlink(map);
	unlink(other);
	rmdir(tmp);
	rmdir(dir);
}

static void test_files_of_the_kernel(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(mp_sym_open(-1, "/proc/version"), -EINVAL);
	assert_int_equal(mp_sym_open(-1, "/sys/kernel/notes"), -EINVAL);
	assert_int_equal(mp_sym_open_nolink(-1, "/proc/self/exe"), -EINVAL);
	fd = mp_sym_open(-1, "/proc/self/exe"); /* leads to one on a disk */
	assert_true(fd >= 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(test_whose_map),
		cmocka_unit_test(test_files_of_the_kernel),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
