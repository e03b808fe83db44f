/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_live_files.c - which files have been searched for a runtime.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "user/live/rt_files.h"

static struct rt_file file(uint64_t ino)
{
	return (struct rt_file){ .dev = 8, .ino = ino, .size = 4096, .mtime = 17 };
}

/* However many programs come without the runtime, what has probes gets no second ones. */
static void probed_are_kept(void **state)
{
	struct rt_files *f = calloc(1, sizeof(*f));
	struct rt_file v = file(1), e;

	(void)state;
	rt_files_remember(f, &v, true);
	for (unsigned i = 0; i < 3 * RT_EMPTY; i++) {
		e = file(100 + i);
		assert_false(rt_files_tried(f, &e));
		rt_files_remember(f, &e, false);
		assert_true(rt_files_tried(f, &e));
	}
	assert_true(rt_files_tried(f, &v));
	assert_true(rt_files_probed(f, 8, 1));
	assert_false(rt_files_probed(f, 9, 1));
	e = file(100);
	assert_false(rt_files_tried(f, &e)); /* the first ones fell out */
	free(f);
}

static void an_inode_comes_back(void **state)
{
	struct rt_files *f = calloc(1, sizeof(*f));
	struct rt_file v = file(1), w = file(2);

	(void)state;
	rt_files_remember(f, &v, false);
	rt_files_remember(f, &w, true);
	v.mtime++;
	assert_false(rt_files_tried(f, &v));
	v = file(1);
	v.size++;
	assert_false(rt_files_tried(f, &v));
	w.mtime++; /* its inode is held: it is the file that was probed */
	assert_true(rt_files_tried(f, &w));
	free(f);
}

static void no_more_than_can_be_kept(void **state)
{
	struct rt_files *f = calloc(1, sizeof(*f));
	struct rt_file v;

	(void)state;
	for (unsigned i = 0; i < RT_PROBED; i++) {
		v = file(i);
		rt_files_remember(f, &v, true);
	}
	v = file(RT_PROBED);
	rt_files_remember(f, &v, true);
	assert_int_equal(f->n_probed, RT_PROBED);
	assert_true(rt_files_tried(f, &v)); /* as one of those that may fall out */
	free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probed_are_kept),
		cmocka_unit_test(an_inode_comes_back),
		cmocka_unit_test(no_more_than_can_be_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
