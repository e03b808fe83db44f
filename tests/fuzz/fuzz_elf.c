/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_elf.c - any bytes as an ELF file: its build-id, functions by address from every
 * table that it has (.gnu_debugdata inside it and Go's too), a function by name, the places and
 * arguments of a probe.
 */
#include "tests/fuzz/fuzz.h"
#include "user/live/usdt_args.h"
#include "user/sym/sym.h"

static void probes(struct mp_elf *e)
{
	struct mp_usdt_site s[4];
	struct mp_usdt_spec spec;
	int n = mp_elf_usdt(e, "vm", "begin", s, 4);

	FUZZ_CHECK(n <= 4);
	for (int i = 0; i < n; i++)
		usdt_args_parse(s[i].args, &spec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mp_sym v[40] = { 0 };
	uint8_t id[MP_BUILD_ID_MAX];
	struct mp_elf *e;
	uint64_t at;
	size_t n = sizeof(v) / sizeof(v[0]);

	if (mp_elf_open_mem(data, size, &e))
		return 0;
	mp_elf_build_id(e, id);
	mp_elf_function(e, "main", &at);
	probes(e);
	for (size_t i = 0; i < n; i++) {
		if (i % 2 || mp_elf_address(e, i * 64, &v[i].addr))
			v[i].addr = 0x400000 + i * i * i * 16;
		v[i].id = (uint32_t)i;
	}
	mp_sym_sort(v, n);
	mp_elf_names(e, NULL, v, n);
	for (size_t i = 0; i < n; i++)
		FUZZ_CHECK(!v[i].name || strlen(v[i].name) < MP_SYM_NAME_MAX);
	mp_sym_clear(v, n);
	mp_elf_close(e);
	return 0;
}
