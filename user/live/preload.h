/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * preload.h - where the files are that a runtime is told to load (user/preload).
 */
#ifndef MEMPROF_LIVE_PRELOAD_H
#define MEMPROF_LIVE_PRELOAD_H

#include <stddef.h>

/*
 * The absolute path of memprof-node.js, for NODE_OPTIONS="--require PATH" (Node 8 does not
 * know --require=PATH; a path with blanks goes in double quotes, from Node 12 on): beside the
 * program (in the build's folder), else where it was installed. Returns 0 or -ENOENT: one of
 * its two files is missing; buf is untouched then.
 */
int mp_node_preload_path(char *buf, size_t size);

#endif /* MEMPROF_LIVE_PRELOAD_H */
