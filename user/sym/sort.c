/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sort.c - arrays of addresses to be named: see sym.h.
 */
#include <stdlib.h>

#include "user/sym/sym.h"

static int by_addr(const void *a, const void *b)
{
	const struct mp_sym *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

void mp_sym_sort(struct mp_sym *v, size_t n)
{
	if (n)
		qsort(v, n, sizeof(*v), by_addr);
}

void mp_sym_clear(struct mp_sym *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].name);
		v[i].name = NULL;
		v[i].source = MP_PLACE_NONE;
	}
}
