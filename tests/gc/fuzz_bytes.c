/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_bytes.c - the machine of fuzz.h driven by a string of bytes: the entry point
 * that libFuzzer and AFL++ call. `make fuzz-gc-lib` builds it with libFuzzer.
 *
 * The first three bytes choose the zeal modes and how often they step; the rest are
 * operations.
 */
#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return setenv("CMOCKA_TEST_ABORT", "1", 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.reserve = MIB(512),
				.young_min = KIB(128),
				.young_max = KIB(256),
				.no_release_thread = 1,
				.no_events = 1,
				.verify = 1,
				.release_delay_ms = 1 };
	struct world w = { 0 };
	struct fix f;

	if (size < 4)
		return 0;
	o.zeal = (data[0] | (unsigned)data[1] << 8) & (2 * GC_ZEAL_NURSERY - 1);
	o.zeal_every = data[2] % 64 + 1u;
	w.bytes = data + 3;
	w.end = data + size;
	fix_open(&f, &o);
	world_run(&w, &f, 0);
	gc_collect(f.m, GC_FULL, GC_REASON_TESTING);
	assert_int_equal(stats(&f).heap_used, 0);
	fix_close(&f);
	return 0;
}
