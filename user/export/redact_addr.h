/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * redact_addr.h - addresses to others that give away no more than their use needs.
 *
 * Owns: the map. For redact.c only, and its test.
 */
#ifndef MEMPROF_EXPORT_REDACT_ADDR_H
#define MEMPROF_EXPORT_REDACT_ADDR_H

#include <stddef.h>
#include <stdint.h>

/* Addresses nearer than this keep their distance. */
#define MP_ADDR_GAP (256ULL << 20)
/* The low bits of every address stay: allocators are told by how memory is aligned. */
#define MP_ADDR_ALIGN (64ULL << 20)

struct mp_addr_run {
	uint64_t start, end; /* first and last address known, both included */
	uint64_t to;	     /* where start goes                             */
};

/* All zero: empty. */
struct mp_addrs {
	struct mp_addr_run *v;
	size_t n, cap, sorted; /* the first `sorted` are in order and apart */
};

/* There are addresses from start to end. 0 or -ENOMEM. */
int mp_addrs_add(struct mp_addrs *a, uint64_t start, uint64_t end);
/* After all: chooses where they go. The order stays, and in which zone they lie. */
void mp_addrs_place(struct mp_addrs *a);
/* Where an address goes; 0 stays 0, what was never added becomes 0. */
uint64_t mp_addrs_map(const struct mp_addrs *a, uint64_t addr);
void mp_addrs_free(struct mp_addrs *a);

#endif /* MEMPROF_EXPORT_REDACT_ADDR_H */
