/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * go_code.c - where the variables of Go's runtime are, told from its code: a stripped
 * program has no other word of them before the first collection.
 *
 * Instructions have no marks; what is looked for is long enough (a call with the right
 * target, two counters side by side) not to be met by chance in one function.
 */
#include <string.h>

#include "user/rt/go.h"

#define NEAR 48u /* bytes of code before a call in which its arguments are made */

static int32_t disp(const uint8_t *p)
{
	return (int32_t)((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
			 (uint32_t)p[3] << 24);
}

/* The address that code at p (4 bytes of distance, the instruction ends there) means. */
static uint64_t meant(const uint8_t *code, uint64_t at, const uint8_t *p)
{
	return at + (uint64_t)(p + 4 - code) + (uint64_t)(int64_t)disp(p);
}

uint64_t go_code_argument(const uint8_t *code, size_t n, uint64_t at, uint64_t target)
{
	static const uint8_t lea[] = { 0x48, 0x8d, 0x05 }; /* lea x(%rip),%rax */

	for (size_t i = 7; i + 5 <= n; i++) {
		if (code[i] != 0xe8 || meant(code, at, code + i + 1) != target)
			continue;
		for (size_t k = 7; k <= i && k <= NEAR; k++)
			if (!memcmp(code + i - k, lea, sizeof(lea)))
				return meant(code, at, code + i - k + 3);
	}
	return 0;
}

uint64_t go_code_counters(const uint8_t *code, size_t n, uint64_t at)
{
	uint64_t seen[32];
	size_t k = 0;

	for (size_t i = 0; i + 6 <= n && k < 32; i++)
		if (code[i] == 0xff && code[i + 1] == 0x05) /* incl x(%rip) */
			seen[k++] = meant(code, at, code + i + 2);
	for (size_t i = 0; i < k; i++)
		for (size_t j = 0; j < k; j++)
			if (seen[i] + 4 == seen[j] && seen[i] % 8 == 0)
				return seen[i];
	return 0;
}
