/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * probes.h - the USDT probes of provider memprof_gc. Included by tell.c only, which
 * also holds their semaphores; docs/counters-segment.md has their arguments.
 *
 * A probe is a nop behind a test of its semaphore, which the kernel raises while
 * somebody listens: unwatched it costs a load and a branch not taken. Without
 * <sys/sdt.h> (Debian: systemtap-sdt-dev) there are none.
 */
#ifndef MPGC_PROBES_H
#define MPGC_PROBES_H

#ifdef __has_include
#if __has_include(<sys/sdt.h>)
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>
#define PROBES_HERE 1
#endif
#endif

#ifdef PROBES_HERE

#define PROBE_DEFINE(name)                           \
	unsigned short memprof_gc_##name##_semaphore \
		__attribute__((used, section(".probes"), visibility("hidden")))
#define PROBE_ON(name) \
	__builtin_expect(*(volatile unsigned short *)&memprof_gc_##name##_semaphore, 0)

#define PROBE(n, name, ...)                                             \
	do {                                                            \
		if (PROBE_ON(name))                                     \
			STAP_PROBE##n(memprof_gc, name, ##__VA_ARGS__); \
	} while (0)

#else

#define PROBE_DEFINE(name)  struct probe_none
#define PROBE(n, name, ...) probe_unused(__VA_ARGS__)
static inline void probe_unused(unsigned first, ...)
{
	(void)first;
}

#endif

#endif /* MPGC_PROBES_H */
