/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_daemon_access.c - who may see which target: the table of cases, and what the kernel says
 * of a peer.
 */
#include "tests/unit/ev.h"
#include <grp.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/daemon/access.h"

static void test_the_rule(void **state)
{
	static const struct {
		const char *what;
		struct dm_peer p;
		struct dm_owner o;
		bool sees;
	} t[] = {
		{ "its own", { 1, 1000, 1000, false }, { 1000, 1000, true }, true },
		{ "of another user", { 1, 1000, 1000, false }, { 1001, 1000, true }, false },
		{ "of another group", { 1, 1000, 1000, false }, { 1000, 1001, true }, false },
		{ "of root", { 1, 1000, 1000, false }, { 0, 0, true }, false },
		{ "not dumpable", { 1, 1000, 1000, false }, { 1000, 1000, false }, false },
		{ "root", { 1, 0, 0, true }, { 1000, 1000, false }, true },
		{ "the group that sees all", { 1, 1000, 7, true }, { 0, 0, false }, true },
		/* what only a mistake could make: the word of `all` decides, not the uid */
		{ "uid 0 without all", { 1, 0, 0, false }, { 1000, 1000, true }, false },
		{ "uid 0 without all, its own", { 1, 0, 0, false }, { 0, 0, true }, true },
		{ "ids at the border", { 1, 65534, 65534, false }, { 65534, 65534, true }, true },
		{ "ids mixed up", { 1, 1000, 1001, false }, { 1001, 1000, true }, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		print_message("%s\n", t[i].what);
		assert_int_equal(dm_may_see(&t[i].p, &t[i].o), t[i].sees);
	}
}

/* Runs as somebody else and connects; what the kernel says of it comes back. */
static struct dm_peer peer_as(uid_t uid, gid_t gid, const gid_t *groups, size_t n,
			      const struct dm_config *c)
{
	struct dm_peer p = { 0 };
	int fd[2], gate[2], status;
	pid_t child;

	assert_int_equal(pipe(gate), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		char in;

		if (setgroups(n, groups) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
			_exit(1);
		/* a pair has the credentials of who made it; it is handed over below */
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
			_exit(2);
		if (dm_peer_read(fd[0], c, &p))
			_exit(3);
		in = (char)write(gate[1], &p, sizeof(p));
		_exit(in == (char)sizeof(p) ? 0 : 4);
	}
	assert_int_equal(read(gate[0], &p, sizeof(p)), sizeof(p));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(gate[0]);
	close(gate[1]);
	assert_int_equal(p.pid, child);
	return p;
}

static void test_what_the_kernel_says(void **state)
{
	struct dm_config c = { 0 };
	gid_t many[200];
	struct dm_peer p;

	(void)state;
	if (geteuid()) /* only root can become others */
		skip();
	for (unsigned i = 0; i < 200; i++)
		many[i] = 3000 + i;
	p = peer_as(1234, 1235, NULL, 0, &c);
	assert_int_equal(p.uid, 1234);
	assert_int_equal(p.gid, 1235);
	assert_false(p.all);
	assert_true(peer_as(0, 0, NULL, 0, &c).all);
	/* gid 0 is no group that sees all, unless it was said to be */
	assert_false(peer_as(1234, 0, NULL, 0, &c).all);
	c.has_gid = true;
	c.gid = 3150;
	assert_false(peer_as(1234, 1235, NULL, 0, &c).all);
	assert_true(peer_as(1234, 3150, NULL, 0, &c).all);
	assert_true(peer_as(1234, 1235, many, 200, &c).all);
	assert_false(peer_as(1234, 1235, many, 150, &c).all);
}

static void test_no_socket(void **state)
{
	struct dm_config c = { 0 };
	struct dm_peer p;
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(dm_peer_read(fd[0], &c, &p), -ENOTSOCK);
	close(fd[0]);
	close(fd[1]);
	assert_int_equal(dm_peer_read(-1, &c, &p), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_rule),
		cmocka_unit_test(test_what_the_kernel_says),
		cmocka_unit_test(test_no_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
