/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * peek.h - reading the memory of a target without being made to wait by it.
 *
 * Owns: the question whether a page can be read at once. Must not: know what lies there.
 *
 * A read of another process's memory faults like its own would. A page that is registered
 * with userfaultfd, or one of a file that a program serves (FUSE), comes when that program
 * likes, and until then the reader cannot even be killed. So only pages that are there are
 * read, and absent ones of a file on a disk, which the kernel itself brings. A page that
 * goes between the look and the read still can hold us up: that takes a target which means
 * to and wins a race of microseconds.
 */
#ifndef MEMPROF_LIVE_PEEK_H
#define MEMPROF_LIVE_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/*
 * `n` pieces in one call: as near to one instant as can be had. All or nothing: 0, -EAGAIN
 * when a page is not there (swapped out, or its program may have to bring it; -EFAULT when
 * only the read shows it), or another -errno. `from` needs no lengths, those of `to` count.
 */
int peek_read(pid_t pid, const struct iovec *to, const struct iovec *from, size_t n);
/* One piece of it. */
int peek(pid_t pid, uint64_t addr, void *buf, size_t len);

/* Can /proc/PID/cmdline or /proc/PID/environ be read at once? They lie in the target's
 * memory, wherever it says that they do (PR_SET_MM). */
bool peek_strings_ready(pid_t pid, const char *name);

#endif /* MEMPROF_LIVE_PEEK_H */
