/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * preload.c - finds the files of user/preload by the place of the running program, so that
 * an installation can be moved, and a build is used where it lies.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/live/preload.h"

#define JS   "memprof-node.js"
#define NODE "memprof-node.node"

/* Both files are in folder: the path of the first, without .. in it. */
static int in_folder(const char *folder, char *buf, size_t size)
{
	char path[PATH_MAX], real[PATH_MAX];

	snprintf(path, sizeof(path), "%s/" NODE, folder);
	if (access(path, R_OK))
		return -ENOENT;
	snprintf(path, sizeof(path), "%s/" JS, folder);
	if (access(path, R_OK) || !realpath(path, real) || strlen(real) >= size)
		return -ENOENT;
	memcpy(buf, real, strlen(real) + 1);
	return 0;
}

int mp_node_preload_path(char *buf, size_t size)
{
	char self[PATH_MAX - 64], folder[PATH_MAX - 32];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = 0;
	slash = strrchr(self, '/');
	if (!slash)
		return -ENOENT;
	*slash = 0;
	if (!in_folder(self, buf, size))
		return 0;
	snprintf(folder, sizeof(folder), "%s/../lib/memprof", self);
	return in_folder(folder, buf, size);
}
