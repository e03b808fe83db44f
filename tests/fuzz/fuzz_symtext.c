/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_symtext.c - any bytes as the perf-PID.map of a compiler, and each of its lines as
 * a linker's name to be demangled.
 */
#include "tests/fuzz/fuzz.h"
#include "user/sym/sym.h"
#include "user/util/util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *line, *rest = text;
	char name[MP_SYM_NAME_MAX], small[9];
	struct mp_sym v[16] = { 0 };
	size_t n = sizeof(v) / sizeof(v[0]);

	for (size_t i = 0; i < n; i++)
		v[i].addr = i < 8 ? i * 0x10 : 0x7f0000000000 + i * 0x100;
	FUZZ_CHECK(!mp_perfmap_names_mem(text, size, v, n));
	mp_sym_clear(v, n);
	while ((line = strsep(&rest, "\n"))) {
		mp_demangle(line, name, sizeof(name));
		FUZZ_CHECK(strlen(mp_demangle(line, small, sizeof(small))) < sizeof(small));
		mp_clean(name, sizeof(name), line, 0);
	}
	free(text);
	return 0;
}
