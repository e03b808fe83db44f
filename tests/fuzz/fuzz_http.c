/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_http.c - any bytes as a request for the page of metrics. However they arrive in pieces,
 * what is answered is the same, and it is answered within the bound of a request.
 */
#include "tests/fuzz/fuzz.h"
#include "user/daemon/http_request.h"

static bool is_known(int status)
{
	static const int known[] = { 200, 400, 404, 405, 414, 431, 505 };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (status == known[i])
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n = size < DM_HTTP_REQUEST ? size : DM_HTTP_REQUEST;
	char *buf = calloc(1, n ? n : 1); /* its end is watched by the sanitizer */
	struct dm_http_request whole, part;
	bool done;

	FUZZ_CHECK(buf);
	if (n)
		memcpy(buf, data, n);
	done = dm_http_parse(buf, n, &whole);
	FUZZ_CHECK(done || n < DM_HTTP_REQUEST);
	FUZZ_CHECK(is_known(whole.status));
	FUZZ_CHECK(whole.page <= DM_HTTP_METRICS && whole.format <= DM_OPENMETRICS);
	/* what could be answered earlier is no other answer, and no page */
	for (size_t i = 0; i < n; i += n / 64 + 1) {
		if (!dm_http_parse(buf, i, &part))
			continue;
		FUZZ_CHECK(done && (part.status == whole.status || part.status == 414));
		FUZZ_CHECK(part.status != 200 || part.format == whole.format);
	}
	free(buf);
	return 0;
}
