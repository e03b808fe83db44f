/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_config.c - memprof.conf: what parses to what, every mistake with its line, the default
 * file, and that the manual has each key.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/daemon/config.h"

#define SEC    1000000000ULL
#define TARGET "[target a]\nexe = x\n"
#define X10    "xxxxxxxxxx"
#define X100   X10 X10 X10 X10 X10 X10 X10 X10 X10 X10

static struct dm_complaint *said;
static size_t n_said;

static void show(void)
{
	for (size_t i = 0; i < n_said; i++)
		print_message("%u%s: %s (%s)\n", said[i].line, said[i].note ? " note" : "",
			      said[i].what, said[i].fix);
}

static struct dm_config *good_len(const char *text, size_t len)
{
	struct dm_config *c = NULL;
	int err = dm_config_parse(text, len, &c, &said, &n_said);

	if (err) {
		show();
		fail_msg("refused: %s", text);
	}
	return c;
}

static struct dm_config *good(const char *text)
{
	return good_len(text, strlen(text));
}

static void done(struct dm_config *c)
{
	dm_config_free(c);
	free(said);
	said = NULL;
	n_said = 0;
}

/* --- mistakes ------------------------------------------------------------------------------ */

static const struct bad {
	const char *text;
	unsigned line;
	const char *what, *fix; /* parts of them */
} bads[] = {
	{ "socket = /x\n", 1, "before the first section", "put [daemon] above" },
	{ "exe = x\n", 1, "before the first section", "put [target NAME] above" },
	{ "wat = x\n", 1, "before the first section", "begin with" },
	{ "[deamon]\nx = 1\n", 1, "no section [deamon]", "did you mean [daemon]" },
	{ "[targets a]\nexe = x\n", 1, "no section [targets]", "did you mean [target NAME]" },
	{ "[target]\nexe = x\n", 1, "no section [target]", "[target NAME]:" },
	{ "[logging]\nx = 1\n", 1, "no section [logging]", "there are [daemon]" },
	{ "[daemon\n", 1, "no ']'", "[daemon] or" },
	{ "[daemon] x\n", 1, "text behind", "[daemon] or" },
	{ "[daemon]\n[daemon]\n", 2, "[daemon] stands in line 1", "put its lines there" },
	{ "[daemon]\nsoket = /x\n", 2, "no key 'soket'", "did you mean 'socket'" },
	{ "[daemon]\nkeeptime = 1m\n", 2, "no key", "did you mean 'keep-time'" },
	{ "[daemon]\nquux-quux = 1\n", 2, "no key", "--defaults" },
	{ "[daemon]\nexe = x\n", 2, "does not belong in a [daemon]", "[target NAME]" },
	{ "[target a]\nexe = x\nsocket = /x\n", 3, "does not belong in a [target]", "[daemon]" },
	{ "[target a]\nexe = x\ntriger = oom\n", 3, "no key", "did you mean 'trigger'" },
	{ "[target a]\nexe = x\nwhatever = 1\n", 3, "no key", "there are exe, user" },
	{ "[daemon]\nring\n", 2, "'ring' has no '='", "KEY = VALUE" },
	{ "[daemon]\nring: disk\n", 2, "no '='", "KEY = VALUE" },
	{ "[daemon]\n= disk\n", 2, "no key before", "KEY = VALUE" },
	{ "[daemon]\nring =\n", 2, "'ring' has no value", "ring = disk" },
	{ "[daemon]\nring = # nothing\n", 2, "'ring' has no value", "ring = disk" },
	{ "[daemon]\nring = disk\nring = disk\n", 3, "stands in line 2", "leave one" },
	{ "[daemon]\nring = tape\n", 2, "ring: 'tape'", "disk or memory" },
	{ "[daemon]\nring = \"disk\"\n", 2, "quotes", "leave them away" },
	{ "[daemon]\nstate = memprof\n", 2, "not an absolute path", "from / on" },
	{ "[daemon]\nsocket = run/x.sock\n", 2, "not an absolute path", "from / on" },
	{ "[daemon]\nsocket = /run/x/\n", 2, "names a folder", "name at its end" },
	{ "[daemon]\nsocket = /" X100 X10 "\n", 2, "111 bytes", "at most 107" },
	{ "[daemon]\nmetrics = unix:/" X100 X10 "\n", 2, "111 bytes", "at most 107" },
	{ "[daemon]\nmetrics = unix:x\n", 2, "not an absolute path", "from / on" },
	{ "[daemon]\nmetrics = 0.0.0.0:9464\n", 2, "not loopback", "127.0.0.1:PORT" },
	{ "[daemon]\nmetrics = :9464\n", 2, "not loopback", "127.0.0.1:PORT" },
	{ "[daemon]\nmetrics = [::]:9464\n", 2, "not loopback", "127.0.0.1:PORT" },
	{ "[daemon]\nmetrics = 10.0.0.7:9464\n", 2, "not loopback", "unix:PATH" },
	{ "[daemon]\nmetrics = example.org:9464\n", 2, "not loopback", "unix:PATH" },
	{ "[daemon]\nmetrics = localhost:9464\n", 2, "two addresses", "127.0.0.1:PORT" },
	{ "[daemon]\nmetrics = 127.0.0.1\n", 2, "no port", ":9464" },
	{ "[daemon]\nmetrics = 127.0.0.1:0\n", 2, "no port", ":9464" },
	{ "[daemon]\nmetrics = 127.0.0.1:65536\n", 2, "no port", ":9464" },
	{ "[daemon]\nmetrics = 127.0.0.1:http\n", 2, "no port", ":9464" },
	{ "[daemon]\ntextfile = /x/memprof.txt\n", 2, ".prom", ".prom" },
	{ "[daemon]\ntextfile = memprof.prom\n", 2, "not an absolute path", "from /" },
	{ "[daemon]\nkeep-time = soon\n", 2, "'soon' is not a time", "30s" },
	{ "[daemon]\nkeep-time = 1s\n", 2, "too short", "from 10" },
	{ "[daemon]\nkeep-time = 9999h\n", 2, "too long", "to 168h" },
	{ "[daemon]\nkeep-size = lots\n", 2, "not a size", "256M" },
	{ "[daemon]\nkeep-size = 10\n", 2, "too small", "from 1.00 M" },
	{ "[daemon]\nkeep-size = -1M\n", 2, "not a size", "256M" },
	{ "[daemon]\nincidents-size = 900000T\n", 2, "too large", "to " },
	{ "[daemon]\nmax-targets = 0\n", 2, "not such a number", "from 1 to" },
	{ "[daemon]\nmax-targets = 1e3\n", 2, "not such a number", "from 1 to" },
	{ "[daemon]\nmax-targets = 99999999999999999999\n", 2, "not such a number", "from 1 to" },
	{ "[daemon]\nmax-viewers = -3\n", 2, "not such a number", "from 1 to" },
	{ "[daemon]\nstacks = maybe\n", 2, "neither yes nor no", "yes or no" },
	{ "[daemon]\nhooks = kprobes\n", 2, "'kprobes' is not understood", "memprof doctor" },
	{ "[daemon]\nuser = no-such-user-here\n", 2, "no user", "useradd" },
	{ "[daemon]\ngroup = no-such-group-here\n", 2, "no group", "groupadd" },
	{ "[daemon]\ncommand-user = no-such-user-here\n", 2, "no user", "useradd" },
	{ "[target a]\n", 1, "[target a] takes no process", "one of exe" },
	{ "[target a]\ntrigger = oom\n", 1, "[target a] takes no process", "one of exe" },
	{ "[target A]\nexe = x\n", 1, "'A' cannot be the name", "a-z 0-9" },
	{ "[target a b]\nexe = x\n", 1, "'a b' cannot be the name", "a-z 0-9" },
	{ "[target ../x]\nexe = x\n", 1, "cannot be the name", "a-z 0-9" },
	{ "[target ..]\nexe = x\n", 1, "cannot be the name", "not a dot first" },
	{ "[target " X10 X10 X10 "xxx]\nexe = x\n", 1, "cannot be the name", "1 to 32" },
	{ "[target a]\nexee = y\n", 2, "no key", "did you mean 'exe'" },
	{ "[target a]\nexe\n", 2, "no '='", "KEY = VALUE" },
	{ "[target a]\nwhatever = y\n", 2, "no key", "there are exe" },
	{ TARGET "[target a]\nexe = y\n", 3, "[target a] stands in line 1", "another name" },
	{ TARGET "trigger = oom\ncommand = a\ncommand = b\n", 5, "stands in line 4", "leave one" },
	{ TARGET "trigger = rss>\n", 3, "from byte 5 ('')", "here belongs a number" },
	{ TARGET "trigger = rsss>1G\n", 3, "from byte 1 ('rsss>1G')", "not a figure" },
	{ TARGET "rest = never\n", 3, "not a time", "30s" },
	{ TARGET "follow-forks = 2\n", 3, "neither yes nor no", "yes or no" },
	{ "[target a]\nexe = bin/x\n", 2, "not an absolute path", "a name alone" },
	{ "[target a]\nexe = /usr/bin/\n", 2, "names a folder", "* for all in it" },
	{ "[target a]\nexe = /usr//bin/x\n", 2, "no path that the kernel", "/proc/PID/exe" },
	{ "[target a]\nexe = node[12\n", 2, "'[' without ']'", "close it" },
	{ "[target a]\nexe = node\\\n", 2, "ends in a backslash", "leave it away" },
	{ "[target a]\nexe = " X100 X100 X10 X10 X10 X10 X10 X10 "\n", 2, "260 bytes", "shorter" },
	{ "[target a]\nuser = no-such-user-here\n", 2, "no user", "getent" },
	{ "[target a]\nuser = -1\n", 2, "no user", "getent" },
	{ "[target a]\nuser = 4294967295\n", 2, "no user", "getent" },
	{ "[target a]\npid = 0\n", 2, "not a pid", "ps -e" },
	{ "[target a]\npid = 12x\n", 2, "not a pid", "ps -e" },
	{ "[target a]\npid = 4194305\n", 2, "not a pid", "ps -e" },
	{ "[target a]\ncgroup = system.slice\n", 2, "not a path in the", "hierarchy's own /" },
	{ "[target a]\ncgroup = /sys/fs/cgroup/x\n", 2, "not a path in the", "/proc/PID/cgroup" },
	{ "[target a]\ncontainer = 4f1c\n", 2, "4 digits", "12 to 64" },
	{ "[target a]\ncontainer = my-container\n", 2, "not a container's id", "docker ps" },
	{ "[target a]\ncontainer = 4F1C2AB09D77\n", 2, "not a container's id", "0-9 a-f" },
	{ "[target a]\ncontainer = docker://4f1c2ab09d77\n", 2, "not an id", "behind ://" },
	{ "[daemon]\nring = di\tsk\n", 2, "ring: 'di?sk'", "disk or memory" },
	{ "[daemon]\nring = di\033sk\n", 2, "byte 10 is 0x1b", "remove it" },
	{ "[daemon]\rring = disk\r\n", 1, "byte 9 is 0x0d", "remove it" },
};

static void test_each_mistake_has_its_line_and_a_fix(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		const struct bad *b = &bads[i];
		struct dm_config *c = NULL;

		assert_int_equal(dm_config_parse(b->text, strlen(b->text), &c, &said, &n_said),
				 -EINVAL);
		assert_null(c);
		if (n_said != 1 || said->line != b->line || !strstr(said->what, b->what) ||
		    !strstr(said->fix, b->fix) || said->note) {
			show();
			fail_msg("line %u '%s' (%s) expected of:\n%s", b->line, b->what, b->fix,
				 b->text);
		}
		assert_true(said->fix[0]);
		done(NULL);
	}
}

static void test_all_mistakes_in_one_go(void **state)
{
	static const char text[] = "ring = disk\n" /* 1: outside */
				   "[daemon]\n"
				   "ring = tape\n" /* 3 */
				   "\n"
				   "stacks = perhaps\r\n" /* 5 */
				   "[target a]\n"	  /* 6: nothing taken */
				   "[target b]\n"
				   "exe = x/y\n"	 /* 8 */
				   "trigger = oom oom\n" /* 9 */
				   "[target b]\n"	 /* 10: twice */
				   "rest = x\n"		 /* 11: checked all the same */
				   "exe = x";
	static const unsigned lines[] = { 1, 3, 5, 6, 8, 9, 10, 11 };
	struct dm_config *c;

	(void)state;
	assert_int_equal(dm_config_parse(text, strlen(text), &c, &said, &n_said), -EINVAL);
	show();
	assert_int_equal(n_said, sizeof(lines) / sizeof(lines[0]));
	for (size_t i = 0; i < n_said; i++)
		assert_int_equal(said[i].line, lines[i]);
	done(NULL);
}

/* A refused line that cannot be what says which processes does not hide that none does. */
static void test_a_mistake_hides_no_other(void **state)
{
	static const char *const lines[] = {
		"trigger = rss>>2G", "triger = oom",	  "rest = x",	    "rest =", "command = ",
		"follow-forks = 2",  "trigger = \"oom\"", "keep-time = 1m", "trigger"
	};
	struct dm_config *c;
	char text[100];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(text, sizeof(text), "[target a]\n%s\n", lines[i]);
		assert_int_equal(dm_config_parse(text, strlen(text), &c, &said, &n_said), -EINVAL);
		if (n_said != 2 || said[1].line != 2 || !strstr(said[0].what, "takes no process")) {
			show();
			fail_msg("two mistakes expected of:\n%s", text);
		}
		done(NULL);
	}
}

static void test_mistakes_are_bounded(void **state)
{
	struct dm_config *c;
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	for (int i = 0; i < 5000; i++)
		fputs("x\n", f);
	fclose(f);
	assert_int_equal(dm_config_parse(text, len, &c, &said, &n_said), -EINVAL);
	assert_int_equal(n_said, 201);
	assert_non_null(strstr(said[200].what, "more mistakes than 200"));
	done(NULL);
	free(text);
}

static void test_what_is_told_can_go_to_a_terminal(void **state)
{
	static const char text[] = "[daemon]\nr\xc2\x9b"
				   "31m = \xff\xfe\n";
	struct dm_config *c;

	(void)state;
	assert_int_equal(dm_config_parse(text, strlen(text), &c, &said, &n_said), -EINVAL);
	assert_null(strstr(said->what, "\xc2\x9b"));
	done(NULL);
}

static void test_nul_long_line_utf16(void **state)
{
	struct dm_config *c;
	char *text;

	(void)state;
	assert_int_equal(dm_config_parse("[daemon]\nring = di\0sk\n", 21, &c, &said, &n_said),
			 -EINVAL);
	assert_int_equal(said->line, 2);
	assert_non_null(strstr(said->fix, "UTF-8"));
	done(NULL);
	text = malloc(5010);
	assert_non_null(text);
	memset(text, 'x', 5010);
	memcpy(text, "[daemon]\n", 9);
	assert_int_equal(dm_config_parse(text, 5010, &c, &said, &n_said), -EINVAL);
	assert_int_equal(n_said, 1);
	assert_non_null(strstr(said->what, "5001 bytes"));
	done(NULL);
	free(text);
}

/* --- what is not one ----------------------------------------------------------------------- */

static void test_daemon_keys(void **state)
{
	struct dm_config *c = good("\xef\xbb\xbf# all of it\r\n"
				   "  [daemon]  # here\r\n"
				   "socket=/tmp/s#1\n" /* no comment: no blank before */
				   "user = root\n"
				   "command-user = 0\n"
				   "group = 12345\n"
				   "state = /srv/m p\t# a blank within\n"
				   "ring = memory\n"
				   "keep-time = 2m\n"
				   "keep-size = 64M\n"
				   "incidents-size = 1.5G\n"
				   "metrics = 127.0.0.53:9464\n"
				   "textfile = /x/m.prom\n"
				   "textfile-every = 1m\n"
				   "scan-every = 500ms\n"
				   "keep-ended = 1h\n"
				   "max-targets = 7\n"
				   "max-viewers = 3\n"
				   "hooks = none\n"
				   "stacks = off\n"
				   "symbols = No\n" TARGET);

	(void)state;
	assert_int_equal(n_said, 0);
	assert_string_equal(c->socket, "/tmp/s#1");
	assert_string_equal(c->user, "root");
	assert_string_equal(c->command_user, "root");
	assert_true(c->has_gid && c->gid == 12345);
	assert_string_equal(c->state, "/srv/m p");
	assert_true(c->memory_ring);
	assert_int_equal(c->keep_ns, 120 * SEC);
	assert_int_equal(c->keep_bytes, 64 << 20);
	assert_int_equal(c->incidents_bytes, 3ULL << 29);
	assert_string_equal(c->metrics, "127.0.0.53:9464");
	assert_string_equal(c->textfile, "/x/m.prom");
	assert_int_equal(c->textfile_ns, 60 * SEC);
	assert_int_equal(c->scan_ns, SEC / 2);
	assert_int_equal(c->gone_ns, 3600 * SEC);
	assert_int_equal(c->max_targets, 7);
	assert_int_equal(c->max_viewers, 3);
	assert_true(c->hooks.none && !c->stacks && !c->symbols);
	assert_int_equal(c->n_groups, 1);
	done(c);
}

static void test_addresses_of_metrics(void **state)
{
	static const char *const ok[] = { "[::1]:1", "127.0.0.1:65535", "unix:/run/m.sock" };
	char text[100];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct dm_config *c;

		snprintf(text, sizeof(text), "[daemon]\nmetrics = %s\n" TARGET, ok[i]);
		c = good(text);
		assert_string_equal(c->metrics, ok[i]);
		done(c);
	}
}

static void test_rules_are_combinations(void **state)
{
	struct dm_config *c = good("[target web.1_x-y]\n"
				   "exe = node\nexe = /usr/bin/py*\n"
				   "user = 7\nuser = 8\nuser = root\n"
				   "cgroup = /a/b/\n"
				   "follow-forks = no\n"
				   "trigger = rss>2G\ntrigger = oom\n"
				   "command = echo \"$X\" '#1' # told\n"
				   "rest = 30s\n"
				   "[target one]\n"
				   "pid = 12\nrest = 20s\n"
				   "container = 4f1c2ab09d77\n");
	const struct dm_group *g = c->groups;
	unsigned seen = 0;

	(void)state;
	assert_int_equal(c->n_groups, 2);
	assert_string_equal(g->name, "web.1_x-y");
	assert_int_equal(g->line, 1);
	assert_int_equal(g->n_rules, 6);
	for (size_t i = 0; i < g->n_rules; i++) {
		const struct dm_rule *r = &g->rules[i];
		unsigned u = r->uid == 7 ? 0 : r->uid == 8 ? 1 : 2;

		assert_true(r->has_uid && !r->pid && !r->container[0]);
		assert_string_equal(r->cgroup, "/a/b");
		seen |= 1u << (u * 2 + !strcmp(r->exe, "node"));
	}
	assert_int_equal(seen, 0x3f);
	assert_false(g->children);
	assert_int_equal(g->n_triggers, 2);
	assert_string_equal(g->triggers[1], "oom");
	assert_string_equal(g->command, "echo \"$X\" '#1'");
	assert_int_equal(g->rest_ns, 30 * SEC);
	assert_int_equal(g[1].n_rules, 1);
	assert_int_equal(g[1].rules[0].pid, 12);
	assert_string_equal(g[1].rules[0].container, "4f1c2ab09d77");
	assert_false(g[1].rules[0].has_uid);
	assert_true(g[1].children);
	assert_int_equal(g[1].rest_ns, 20 * SEC);
	done(c);
}

static void put_lines(FILE *f, const char *fmt, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		fprintf(f, fmt, i + 1);
}

/* As many as there may be, and one more, of what is bounded. */
static void bounded(const char *head, const char *fmt, unsigned max, unsigned line,
		    const char *what)
{
	struct dm_config *c;

	for (unsigned n = max; n <= max + 1; n++) {
		char *text;
		size_t len;
		FILE *f = open_memstream(&text, &len);

		fputs(head, f);
		put_lines(f, fmt, n);
		fclose(f);
		assert_int_equal(dm_config_parse(text, len, &c, &said, &n_said),
				 n > max ? -EINVAL : 0);
		if (n > max) {
			assert_int_equal(n_said, 1);
			assert_int_equal(said->line, line);
			assert_non_null(strstr(said->what, what));
			c = NULL;
		}
		done(c);
		free(text);
	}
}

static void test_bounds(void **state)
{
	(void)state;
	bounded("", "[target g%u]\nexe = x\n", DM_GROUPS_MAX, 2 * DM_GROUPS_MAX + 1,
		"more than 50 targets");
	bounded("[target a]\n", "exe = x%u\n", DM_RULES_MAX, DM_RULES_MAX + 2, "too many");
	bounded("[target a]\n", "pid = %u\n", DM_RULES_MAX, DM_RULES_MAX + 2, "too many");
	bounded(TARGET, "trigger = rss>%uG\n", DM_TRIGGERS_MAX, DM_TRIGGERS_MAX + 3, "too many");
	/* 4 times 4 is as many, 4 times 5 too many */
	bounded("[target a]\nexe = a\nexe = b\nexe = c\nexe = d\n", "user = %u\n", 4, 1,
		"makes 20 rules");
}

static void test_notes(void **state)
{
	static const struct {
		const char *text, *what;
		unsigned line;
	} notes[] = {
		{ "", "no [target]", 0 },
		{ "[daemon]", "no [target]", 0 },
		{ "[target a]\nexe = *\n", "[target a] takes every process", 1 },
		{ "\n[target a]\ncgroup = /\n", "[target a] takes every process", 2 },
		{ "\n[target a]\ncgroup = /\nexe = y\nexe = **", "takes every process", 2 },
		{ TARGET "command = true\n", "no trigger", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
		struct dm_config *c = good(notes[i].text);

		assert_int_equal(n_said, 1);
		assert_true(said->note && said->fix[0]);
		assert_int_equal(said->line, notes[i].line);
		assert_non_null(strstr(said->what, notes[i].what));
		done(c);
	}
	done(good("[target a]\nexe = *\nuser = 5\n"));
}

/* --- the default file and the manual ------------------------------------------------------- */

static char *default_text(size_t *len)
{
	char *text;
	FILE *f = open_memstream(&text, len);

	dm_config_defaults(f);
	fclose(f);
	return text;
}

static void same(const struct dm_config *a, const struct dm_config *b)
{
	assert_string_equal(a->socket, b->socket);
	assert_string_equal(a->state, b->state);
	assert_string_equal(a->command_user, b->command_user);
	assert_true(!a->user && !b->user && !a->metrics && !b->metrics && !a->textfile);
	assert_true(!b->textfile && a->has_gid == b->has_gid);
	assert_int_equal(a->memory_ring, b->memory_ring);
	assert_int_equal(a->keep_ns, b->keep_ns);
	assert_int_equal(a->keep_bytes, b->keep_bytes);
	assert_int_equal(a->incidents_bytes, b->incidents_bytes);
	assert_int_equal(a->textfile_ns, b->textfile_ns);
	assert_int_equal(a->scan_ns, b->scan_ns);
	assert_int_equal(a->gone_ns, b->gone_ns);
	assert_int_equal(a->max_targets, b->max_targets);
	assert_int_equal(a->max_viewers, b->max_viewers);
	assert_memory_equal(&a->hooks, &b->hooks, sizeof(a->hooks));
	assert_true(a->stacks && b->stacks && a->symbols && b->symbols);
}

static void test_the_default_file_is_the_defaults(void **state)
{
	struct dm_config *none = good(""), *as_is, *bare;
	size_t len, at = 0;
	char *text, *open;

	(void)state;
	free(said);
	text = default_text(&len);
	as_is = good_len(text, len);
	free(said);
	open = malloc(len);
	assert_non_null(open);
	for (size_t i = 0; i < len; i++) /* '#key' and '#[target', not '# words' */
		if (!(text[i] == '#' && text[i + 1] != ' ' && (!i || text[i - 1] == '\n')))
			open[at++] = text[i];
	/* users of the examples are not there everywhere */
	text[len - 1] = 0;
	*strstr(strstr(open, "[target"), "www-data") = '7';
	memset(strstr(open, "7ww-data") + 1, ' ', 7);
	bare = good_len(open, at);
	assert_int_equal(n_said, 0);
	assert_int_equal(bare->n_groups, 1);
	same(none, as_is);
	same(none, bare);
	assert_string_equal(none->socket, "/run/memprof/memprof.sock");
	assert_string_equal(none->state, "/var/lib/memprof");
	assert_int_equal(none->keep_ns, 600 * SEC);
	assert_int_equal(none->keep_bytes, 256 << 20);
	assert_int_equal(none->incidents_bytes, 1 << 30);
	assert_int_equal(none->textfile_ns, 15 * SEC);
	assert_int_equal(none->scan_ns, 2 * SEC);
	assert_int_equal(none->gone_ns, 600 * SEC);
	assert_int_equal(none->max_targets, 1024);
	assert_int_equal(none->max_viewers, 16);
	assert_false(none->memory_ring);
	dm_config_free(none);
	dm_config_free(as_is);
	free(text);
	free(open);
	done(bare);
}

/* "\\-" of the manual is a minus. */
static void plain_minus(char *line)
{
	for (char *at = strstr(line, "\\-"); at; at = strstr(at, "\\-"))
		memmove(at, at + 1, strlen(at));
}

static void test_the_manual_has_each_key(void **state)
{
	static const char *const sections[] = { ".SH THE DAEMON", ".SH TARGETS" };
	FILE *f = fopen("docs/memprof.conf.5", "re");
	char line[512], want[200];
	const struct dm_key *k;
	int at = -1;
	size_t i = 0;

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (at < 1 && !strncmp(line, sections[at + 1], strlen(sections[at + 1])))
			at++;
		if (strncmp(line, ".BI ", 4) || at < 0)
			continue;
		plain_minus(line);
		k = dm_config_key(i++);
		assert_non_null(k);
		assert_int_equal(k->target, at);
		snprintf(want, sizeof(want), ".BI %s \" = \" ", k->name);
		if (strncmp(line, want, strlen(want)))
			fail_msg("the manual has %s where the table has %s", line, k->name);
		if (!k->example) { /* "Default: x." follows */
			assert_non_null(fgets(line, sizeof(line), f));
			snprintf(want, sizeof(want), "Default: \\fB%s\\fR.\n", k->value);
			assert_string_equal(line, want);
		}
	}
	assert_null(dm_config_key(i));
	fclose(f);
}

/* --- files --------------------------------------------------------------------------------- */

static struct dm_config *parsed(const char *text)
{
	struct dm_complaint *list = NULL;
	struct dm_config *c;
	size_t n;

	assert_int_equal(dm_config_parse(text, strlen(text), &c, &list, &n), 0);
	free(list);
	return c;
}

static void test_what_waits_for_a_start(void **state)
{
	static const char *const was = "[daemon]\nkeep-size = 1G\nstacks = no\nhooks = none\n"
				       "[target a]\nexe = x\n";
	static const struct {
		const char *text;
		int n;
		unsigned line; /* of the last */
		const char *what;
	} t[] = {
		{ "[daemon]\nhooks = none\n\nkeep-size = 1G\nstacks = no\n", 0, 0, NULL },
		{ "[daemon]\nkeep-size = 1G\nstacks = no\nhooks = none\nscan-every = 2s\n"
		  "[target b]\nexe = y\nrest = 3m\n",
		  0, 0, NULL },
		{ "[daemon]\nkeep-size = 1G\nstacks = no\n", 1, 0,
		  "hooks: none stays in force, auto is for the next start" },
		{ "\n[daemon]\nstacks = no\nkeep-size = 2G\n", 2, 4,
		  "keep-size: 1G stays in force, 2G is for the next start" },
	};
	struct dm_config *old = parsed(was);

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct dm_config *c = parsed(t[i].text);
		struct dm_complaint *list;
		int n = dm_config_differ(old, c, &list);

		assert_int_equal(n, t[i].n);
		for (int k = 0; k < n; k++)
			assert_true(list[k].note && list[k].fix[0]);
		if (n) {
			assert_int_equal(list[n - 1].line, t[i].line);
			assert_string_equal(list[n - 1].what, t[i].what);
		}
		free(list);
		dm_config_free(c);
	}
	dm_config_free(old);
}

static void test_files(void **state)
{
	char dir[] = "/tmp/memprof-config-XXXXXX", path[100];
	struct dm_config *c;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/c", dir);
	assert_int_equal(dm_config_read(path, &c, &said, &n_said), -ENOENT);
	assert_true(n_said == 1 && !said->line && strstr(said->fix, "--defaults"));
	assert_null(strstr(said->what, path)); /* it is told behind the path */
	done(NULL);
	assert_int_equal(dm_config_read(dir, &c, &said, &n_said), -EINVAL);
	assert_non_null(strstr(said->what, "not a regular file"));
	assert_null(strstr(said->what, dir));
	done(NULL);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(dm_config_read(path, &c, &said, &n_said), -EINVAL);
	assert_non_null(strstr(said->what, "not a regular file"));
	done(NULL);
	assert_int_equal(unlink(path), 0);
	f = fopen(path, "we");
	fputs(TARGET, f);
	fclose(f);
	assert_int_equal(dm_config_read(path, &c, &said, &n_said), 0);
	assert_string_equal(c->path, path);
	done(c);
	assert_int_equal(truncate(path, (1 << 20) + 1), 0);
	assert_int_equal(dm_config_read(path, &c, &said, &n_said), -EINVAL);
	assert_non_null(strstr(said->what, "more than 1 MiB"));
	done(NULL);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_mistake_has_its_line_and_a_fix),
		cmocka_unit_test(test_all_mistakes_in_one_go),
		cmocka_unit_test(test_a_mistake_hides_no_other),
		cmocka_unit_test(test_mistakes_are_bounded),
		cmocka_unit_test(test_what_is_told_can_go_to_a_terminal),
		cmocka_unit_test(test_nul_long_line_utf16),
		cmocka_unit_test(test_daemon_keys),
		cmocka_unit_test(test_addresses_of_metrics),
		cmocka_unit_test(test_rules_are_combinations),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_the_default_file_is_the_defaults),
		cmocka_unit_test(test_the_manual_has_each_key),
		cmocka_unit_test(test_what_waits_for_a_start),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
