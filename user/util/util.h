/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * util.h - small pure helpers that every folder may use: units, cleaning of
 * outside strings, growing arrays. No I/O, no state.
 */
#ifndef MEMPROF_UTIL_H
#define MEMPROF_UTIL_H

#include <stddef.h>
#include <stdint.h>

/*
 * Bytes for people, at most 7 characters: "0", "512 B", "4.00 K", "598 M",
 * "1.46 G". Powers of 1024, three significant digits. Returns buf.
 */
char *mp_bytes(char *buf, size_t size, int64_t bytes);
/* The same with a sign always: "+4.00 K", "-598 M", "0". */
char *mp_bytes_signed(char *buf, size_t size, int64_t bytes);
/* "4096", "64K", "1.5G", "2GiB" in powers of 1024 to bytes: 0, or -EINVAL. */
int mp_parse_bytes(const char *s, uint64_t *bytes);
/* "1", "0.5", "500ms", "2s", "3m", "1h" (a number alone: seconds), above 0, to ns: 0, or -EINVAL. */
int mp_parse_time(const char *s, uint64_t *ns);
/* A duration for people: "850 ns", "1.2 us", "34 ms", "2.5 s", "3m12s", "2h05m". */
char *mp_duration(char *buf, size_t size, uint64_t ns);

/*
 * Copies src so that it can go to a terminal: control characters (C0, DEL, C1
 * in UTF-8 or raw) and broken UTF-8 become '?'; cut to fit, never inside a
 * character. ascii != 0: everything beyond 0x7e becomes '?' too. Returns buf.
 */
char *mp_clean(char *buf, size_t size, const char *src, int ascii);

/*
 * Makes room in a growing array for `need` elements of `elem` bytes: *cap is
 * doubled as often as it takes. 0 or -ENOMEM; *ptr is untouched on failure.
 */
int mp_grow(void *ptr, size_t *cap, size_t need, size_t elem);

uint64_t mp_monotonic_ns(void);
/* What this thread has used of a CPU so far. What may cost a share of the time is held to
 * this: the clock on the wall counts the time that others ran, too. */
uint64_t mp_thread_cpu_ns(void);

#endif /* MEMPROF_UTIL_H */
