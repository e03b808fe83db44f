/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_request.c - any bytes as the line that a viewer sends to the daemon: what is granted is
 * within its bounds, what is refused has a reason that fits its answer.
 */
#include "tests/fuzz/fuzz.h"
#include "user/daemon/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* of just that size, so that a byte too far is seen */
	char *line = malloc(size ? size : 1);
	struct dm_request r;
	const char *why;

	FUZZ_CHECK(line);
	if (size)
		memcpy(line, data, size);
	why = dm_request_parse(line, size, &r);
	free(line);
	if (why) {
		FUZZ_CHECK(*why && strlen(why) < 120 && !strchr(why, '\n'));
		return 0;
	}
	FUZZ_CHECK(r.want == DM_WANT_STREAM || r.want == DM_WANT_LIST);
	FUZZ_CHECK(r.n_pids <= DM_REQUEST_PIDS);
	for (size_t i = 0; i < r.n_pids; i++)
		FUZZ_CHECK(r.pids[i] && r.pids[i] <= INT32_MAX);
	FUZZ_CHECK(r.past_ns % 1000000000 == 0 && r.past_ns <= DM_REQUEST_PAST * 1000000000ULL);
	FUZZ_CHECK(r.want == DM_WANT_STREAM || (!r.n_pids && !r.past_ns));
	return 0;
}
