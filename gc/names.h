/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * names.h - distinct strings and their indices.
 *
 * The strings are not copied: they stay where they are as long as the set is used.
 */
#ifndef MPGC_NAMES_H
#define MPGC_NAMES_H

#include <stdint.h>

struct names {
	const char **v;	 /* by index */
	uint32_t *slots; /* twice as many as cap; an index + 1, or 0 */
	uint32_t n, cap;
};

#define NAME_NONE UINT32_MAX

uint32_t names_index(struct names *n, const char *s);
void names_free(struct names *n);

#endif /* MPGC_NAMES_H */
