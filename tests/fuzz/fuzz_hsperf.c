/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_hsperf.c - any bytes as a JVM's file of counters: its counters are found, and read
 * again from other bytes, as when the JVM writes meanwhile. The corpus has real files of
 * JDK 8 to 25, their texts other than sun.gc.* made empty.
 */
#include "bpf/events.h"
#include "tests/fuzz/fuzz.h"
#include "user/rt/hsperf.h"

static void read_some(const uint8_t *data, size_t size, const struct hsperf *h)
{
	struct hsperf_values v;
	int from = -1;

	if (hsperf_read(data, size, h, &from, &v))
		return;
	FUZZ_CHECK(from >= -1 && from <= 1);
	FUZZ_CHECK(v.n_spaces <= sizeof(v.space) / sizeof(v.space[0]));
	FUZZ_CHECK(*hsperf_kind_name(v.kind) || v.kind == HSPERF_UNKNOWN);
	FUZZ_CHECK(strlen(v.cause) < sizeof(v.cause));
	for (unsigned i = 0; i < v.n_spaces; i++)
		FUZZ_CHECK(strlen(v.space[i].name) < sizeof(v.space[i].name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1); /* of exactly that size: what is read beyond is seen */
	struct hsperf h;

	FUZZ_CHECK(copy);
	if (size)
		memcpy(copy, data, size);
	copy = realloc(copy, size ? size : 1);
	if (!hsperf_index(copy, size, &h)) {
		read_some(copy, size, &h);
		read_some(copy, size / 2, &h); /* the file shrank */
		for (size_t i = 32; i < size; i += 7)
			copy[i] ^= 0xff;
		read_some(copy, size, &h);
	}
	free(copy);
	return 0;
}
