/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * usdt_args.c - see usdt_args.h.
 */
#include "user/live/usdt_args.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* --- registers: where a name is in struct pt_regs, or -1 ------------------------------- */

#if defined(__aarch64__)
#define IS_REG(c) isalpha((unsigned char)(c))

/* x0 to x30, w0 to w30, sp; the kernel's struct begins with them in this order */
static int reg_of(const char *name, size_t len)
{
	char *end;
	long n;

	if (len == 2 && !memcmp(name, "sp", 2))
		return 31 * 8;
	if ((*name != 'x' && *name != 'w') || len < 2)
		return -1;
	n = strtol(name + 1, &end, 10);
	return end == name + len && n >= 0 && n <= 30 ? (int)n * 8 : -1;
}
#else
#define IS_REG(c) ((c) == '%')

/* arch/x86/include/asm/ptrace.h */
static const struct {
	const char *name[4];
	int slot;
} regs[] = {
	{ { "r15", "r15d", "r15w", "r15b" }, 0 }, { { "r14", "r14d", "r14w", "r14b" }, 1 },
	{ { "r13", "r13d", "r13w", "r13b" }, 2 }, { { "r12", "r12d", "r12w", "r12b" }, 3 },
	{ { "rbp", "ebp", "bp", "bpl" }, 4 },	  { { "rbx", "ebx", "bx", "bl" }, 5 },
	{ { "r11", "r11d", "r11w", "r11b" }, 6 }, { { "r10", "r10d", "r10w", "r10b" }, 7 },
	{ { "r9", "r9d", "r9w", "r9b" }, 8 },	  { { "r8", "r8d", "r8w", "r8b" }, 9 },
	{ { "rax", "eax", "ax", "al" }, 10 },	  { { "rcx", "ecx", "cx", "cl" }, 11 },
	{ { "rdx", "edx", "dx", "dl" }, 12 },	  { { "rsi", "esi", "si", "sil" }, 13 },
	{ { "rdi", "edi", "di", "dil" }, 14 },	  { { "rip", "eip", "ip", "ip" }, 16 },
	{ { "rsp", "esp", "sp", "spl" }, 19 },
};

static int reg_of(const char *name, size_t len)
{
	if (!len || *name != '%')
		return -1;
	name++;
	len--;
	for (size_t i = 0; i < sizeof(regs) / sizeof(regs[0]); i++)
		for (int w = 0; w < 4; w++)
			if (strlen(regs[i].name[w]) == len && !memcmp(regs[i].name[w], name, len))
				return regs[i].slot * 8;
	return -1;
}
#endif

/* --- words ------------------------------------------------------------------------------- */

/* A number that ends at `end`, in C's notation. */
static bool number(const char *s, const char *end, __s64 *v)
{
	char *e;

	if (s == end || isspace((unsigned char)*s))
		return false;
	errno = 0;
	*v = strtoll(s, &e, 0);
	return e == end && !errno;
}

static bool in_register(const char *name, const char *end, struct mp_usdt_arg *a)
{
	int reg = reg_of(name, (size_t)(end - name));

	if (reg < 0)
		return false;
	a->reg = (__u16)reg;
	return true;
}

#if defined(__aarch64__)
/* [x1], [sp, 60] */
static bool in_memory(const char *s, const char *end, struct mp_usdt_arg *a)
{
	const char *comma = memchr(s, ',', (size_t)(end - s));
	const char *off = comma ? comma + 1 : end;

	if (*s != '[' || end[-1] != ']')
		return false;
	while (off < end && *off == ' ')
		off++;
	if (comma && !number(off, end - 1, &a->val))
		return false;
	return in_register(s + 1, comma ? comma : end - 1, a);
}

/* 5, -5 */
static bool is_constant(const char *s, const char *end, struct mp_usdt_arg *a)
{
	return number(s, end, &a->val);
}
#else
/* (%rbp), -12(%rbp) */
static bool in_memory(const char *s, const char *end, struct mp_usdt_arg *a)
{
	const char *open = memchr(s, '(', (size_t)(end - s));

	if (!open || end[-1] != ')' || (open != s && !number(s, open, &a->val)))
		return false;
	return in_register(open + 1, end - 1, a);
}

/* $5, $-5 */
static bool is_constant(const char *s, const char *end, struct mp_usdt_arg *a)
{
	return *s == '$' && number(s + 1, end, &a->val);
}
#endif

/* SIZE@WHERE */
static void parse_one(const char *s, const char *end, struct mp_usdt_arg *a)
{
	const char *at = memchr(s, '@', (size_t)(end - s));
	struct mp_usdt_arg r = { 0 };
	__s64 size;

	if (!at || at + 1 == end || !number(s, at, &size))
		return;
	r.is_signed = size < 0;
	size = size < 0 ? -size : size;
	if (size != 1 && size != 2 && size != 4 && size != 8)
		return;
	r.shift = (__u8)(64 - 8 * size);
	if (is_constant(at + 1, end, &r))
		r.kind = MP_USDT_CONST;
	else if (in_memory(at + 1, end, &r))
		r.kind = MP_USDT_MEM;
	else if (IS_REG(at[1]) && in_register(at + 1, end, &r))
		r.kind = MP_USDT_REG;
	else
		return;
	*a = r;
}

/* The blank that ends it; those inside of brackets belong to it. */
static const char *word_end(const char *s)
{
	bool inside = false;

	for (; *s && (inside || *s != ' '); s++)
		inside = *s == '[' || (inside && *s != ']');
	return s;
}

void usdt_args_parse(const char *text, struct mp_usdt_spec *out)
{
	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < MP_USDT_ARGS; i++) {
		const char *end;

		while (*text == ' ')
			text++;
		end = word_end(text);
		if (end == text)
			return;
		parse_one(text, end, &out->arg[i]);
		text = end;
	}
}
