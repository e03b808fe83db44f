/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * python-calls - what a CPython without probes looks like from outside: a file called
 * python..., with the interpreter's entry and the function that collects among its
 * symbols. Between two quiet points it is called 50 times with generation 0, 5 times
 * with 1, twice with 2 and once with the -1 of 3.13, and within the last of generation
 * 2 once more, which comes back at once.
 */
#include "step.h"

int Py_InitializeEx(int sigs);
__attribute__((noipa)) int Py_InitializeEx(int sigs)
{
	return sigs;
}

static bool collecting;

__attribute__((noipa)) static long gc_collect_main(void *tstate, int generation, int again)
{
	static volatile char work[4096];
	long n = 0;

	(void)tstate;
	if (collecting)
		return 0;
	collecting = true;
	for (unsigned i = 0; i < sizeof(work); i++)
		n += ++work[i] > 0;
	if (again)
		n += gc_collect_main(NULL, 0, 0);
	collecting = false;
	return n ? generation + 10 : -1;
}

int main(int argc, char **argv)
{
	step_begin(argc, argv);
	step("start x=%d", Py_InitializeEx(0));
	for (int i = 0; i < 50; i++)
		gc_collect_main(NULL, 0, 0);
	for (int i = 0; i < 5; i++)
		gc_collect_main(NULL, 1, 0);
	gc_collect_main(NULL, 2, 0);
	gc_collect_main(NULL, 2, 1);
	gc_collect_main(NULL, -1, 0);
	step("done");
	return 0;
}
