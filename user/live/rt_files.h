/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rt_files.h - which files have been searched for a runtime, so that each is once.
 *
 * Owns: the memory of them. Must not: open a file or hang a probe. Pure.
 */
#ifndef MEMPROF_LIVE_RT_FILES_H
#define MEMPROF_LIVE_RT_FILES_H

#include <stdbool.h>
#include <stdint.h>

struct rt_file {
	uint64_t dev, ino;
	uint64_t size;	/* bytes                */
	uint64_t mtime; /* ns since the epoch   */
};

#define RT_PROBED 256u
#define RT_EMPTY  256u

/*
 * Those with probes are kept for good: a second probe would double every collection. They are
 * known by device and inode alone, since a probe holds its inode: no other file gets that
 * number. Of the others the last ones are kept; there a number may come back with another
 * file, so size and time have to agree too. With more
 * probed files than fit the rest may be searched again, which hangs nothing (probes.h).
 */
struct rt_files {
	struct rt_file probed[RT_PROBED];
	struct rt_file empty[RT_EMPTY];
	unsigned n_probed, n_empty; /* n_empty counts on: a ring */
};

bool rt_files_probed(const struct rt_files *f, uint64_t dev, uint64_t ino);
/* It has probes, or was searched in vain as it is now. */
bool rt_files_tried(const struct rt_files *f, const struct rt_file *file);
void rt_files_remember(struct rt_files *f, const struct rt_file *file, bool probed);

#endif /* MEMPROF_LIVE_RT_FILES_H */
