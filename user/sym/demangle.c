/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * demangle.c - linkers' names in the words of the source: libiberty's demanglers of C++
 * (Itanium ABI) and Rust (legacy, v0), kept within bounds.
 */
#if !__has_include(<libiberty/demangle.h>)
#error "libiberty is missing: install libiberty-dev (binutils-devel), or run make deps-build"
#endif
#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "user/sym/sym.h"

/*
 * Names refer back to parts of themselves, so a short one may stand for gigabytes. What
 * does not fit ends the work: the demangler is left from its own callback. It works on
 * the stack, with a limit on recursion, and holds no memory then.
 */
struct sink {
	char *buf;
	size_t size, len;
	jmp_buf full;
};

static void put(const char *s, size_t n, void *ctx)
{
	struct sink *k = ctx;
	size_t room = k->size - 1 - k->len, fits = n < room ? n : room;

	if (fits) /* nothing may be at NULL */
		memcpy(k->buf + k->len, s, fits);
	k->len += fits;
	if (fits < n)
		longjmp(k->full, 1);
}

static int demangle(const char *name, struct sink *k)
{
	if (name[0] == '_' && name[1] == 'R')
		return rust_demangle_callback(name, DMGL_NO_OPTS, put, k);
	if (name[0] != '_' || name[1] != 'Z')
		return 0;
	/* a legacy Rust name is a C++ one that ends in a hash */
	if (rust_demangle_callback(name, DMGL_NO_OPTS, put, k))
		return 1;
	k->len = 0;
	return cplus_demangle_v3_callback(name, DMGL_NO_OPTS, put, k);
}

char *mp_demangle(const char *name, char *buf, size_t size)
{
	struct sink k = { .buf = buf, .size = size };
	volatile int ok = 1;

	if (!setjmp(k.full))
		ok = demangle(name, &k);
	buf[k.len] = 0;
	if (!ok || !k.len)
		snprintf(buf, size, "%s", name);
	return buf;
}
