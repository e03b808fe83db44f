/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_examples.c - what gc/examples/ print, with every collection verified (-c).
 * The programs are found beside this one, in ../../examples of the build folder.
 */
#include <libgen.h>

#include "common.h"

static void output_is(const char *name, const char *args, const char *want)
{
	char self[512] = "", cmd[800], got[4096] = "", *dir;
	FILE *p;
	size_t n;

	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	dir = dirname(self);
	snprintf(cmd, sizeof(cmd), "%s/../../examples/%s", dir, name);
	if (access(cmd, X_OK))
		skip(); /* built without its examples */
	snprintf(cmd, sizeof(cmd), "'%s/../../examples/%s' %s", dir, name, args);
	p = popen(cmd, "re");
	assert_non_null(p);
	n = fread(got, 1, sizeof(got) - 1, p);
	got[n] = 0;
	assert_int_equal(pclose(p), 0);
	assert_string_equal(got, want);
}

static void binary_trees(void **state)
{
	(void)state;
	output_is("binary-trees", "-c 10",
		  "stretch tree of depth 11\t check: 4095\n"
		  "1024\t trees of depth 4\t check: 31744\n"
		  "256\t trees of depth 6\t check: 32512\n"
		  "64\t trees of depth 8\t check: 32704\n"
		  "16\t trees of depth 10\t check: 32752\n"
		  "long lived tree of depth 10\t check: 2047\n");
}

static void gcbench(void **state)
{
	(void)state;
	output_is("gcbench", "-c 12",
		  "stretched with 32767 nodes\n"
		  "528 trees of depth 4, twice: 32736 nodes\n"
		  "128 trees of depth 6, twice: 32512 nodes\n"
		  "32 trees of depth 8, twice: 32704 nodes\n"
		  "8 trees of depth 10, twice: 32752 nodes\n"
		  "2 trees of depth 12, twice: 32764 nodes\n"
		  "long lived: 8191 nodes, array[1000] = 0.000999\n");
}

static void splay(void **state)
{
	(void)state;
	output_is("splay", "-c 40",
		  "8000 nodes in order, 248000 parts of payload intact, keys cb541759\n");
}

static void queue(void **state)
{
	(void)state;
	output_is("queue", "-c 100000", "100000 messages, sum 1ec501d7\n");
}

static void quads(void **state)
{
	(void)state;
	output_is("quads", "-c 7", "21845 quads, then 21845, and 81920 in small trees\n");
}

static void weak_cache(void **state)
{
	(void)state;
	output_is("weak-cache", "-c 20000",
		  "20000 requests, sum 66c824c2: files were opened again, pages were made again\n"
		  "left: 0 files, 0 bytes of pages, 0 entries, 0 bytes in the heap\n");
}

/* Whatever the threads' order, the sum is the same. */
static void threads(void **state)
{
	(void)state;
	output_is("threads", "-c 4",
		  "4 threads counted 400000 keys, 20011 different, check 4002094205\n");
}

static void reader(void **state)
{
	(void)state;
	output_is("reader", "-c 300", "300 blocks, 170745 words, sum 3351cad6\n");
}

/* -q and -g change how the heap is run, not what the program computes. */
static void options(void **state)
{
	(void)state;
	output_is("queue", "-q -g 150 -v 100000 2>&1 >/dev/null | grep -c pauses: || true", "0\n");
	output_is("queue", "-v 100000 2>&1 >/dev/null | grep -c '^minor pauses: [1-9]'", "1\n");
	output_is("queue", "-q -g 150 100000", "100000 messages, sum 1ec501d7\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(binary_trees), cmocka_unit_test(gcbench),
		cmocka_unit_test(splay),	cmocka_unit_test(queue),
		cmocka_unit_test(quads),	cmocka_unit_test(weak_cache),
		cmocka_unit_test(options),	cmocka_unit_test(threads),
		cmocka_unit_test(reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
