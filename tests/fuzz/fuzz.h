/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz.h - what the fuzz targets share.
 *
 * A target is one file fuzz_NAME.c with the entry point that libFuzzer and AFL++ call.
 * `make fuzz` links it with libFuzzer; for `make check` main.c feeds it the files of
 * corpus/NAME. A target must not leave anything behind, and aborts on what is wrong.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(cond)                                                                   \
	do {                                                                               \
		if (!(cond)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                           \
		}                                                                          \
	} while (0)

/* Where output goes that nobody reads: formatted all the same. */
static inline FILE *fuzz_null(void)
{
	static FILE *f;

	if (!f)
		f = fopen("/dev/null", "we");
	FUZZ_CHECK(f);
	return f;
}

/* The bytes as text that ends in NUL, to be freed. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	char *s = malloc(size + 1);

	FUZZ_CHECK(s);
	if (size)
		memcpy(s, data, size);
	s[size] = 0;
	return s;
}

#endif /* TESTS_FUZZ_H */
