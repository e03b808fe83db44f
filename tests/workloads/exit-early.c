/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * exit-early [CODE] - ends at once with CODE, or by signal -CODE when it is below
 * zero.
 */
#include <signal.h>

#include "step.h"

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	int code = (int)step_num(argc, argv, arg, 0);

	step("start pid=%d", (int)getpid());
	if (code < 0)
		kill(getpid(), -code);
	return code;
}
