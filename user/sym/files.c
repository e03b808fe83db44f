/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * files.c - opening what others named: see mp_sym_open() in sym.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "user/sym/sym.h"

/*
 * Inside root_fd, absolute links mean that root's (openat2, Linux 5.6). Where the call is
 * missing or a sandbox forbids it, a link may lead out: so none is followed at the end
 * of the path, and callers check what they got (build-id, device and inode).
 */
static int open_path(int root_fd, const char *path, uint64_t flags)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC | flags, .resolve = RESOLVE_IN_ROOT };
	int fd;

	if (root_fd < 0)
		return open(path, O_PATH | O_CLOEXEC | (int)flags);
	fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
	if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
		return fd;
	while (*path == '/')
		path++;
	return openat(root_fd, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

/* Files of the kernel's own: reading one may wait for ever or take away what another reads. */
static bool of_kernel(int fd)
{
	static const unsigned long kinds[] = { PROC_SUPER_MAGIC,   SYSFS_MAGIC,
					       TRACEFS_MAGIC,	   DEBUGFS_MAGIC,
					       SECURITYFS_MAGIC,   BPF_FS_MAGIC,
					       CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC };
	struct statfs fs;

	if (fstatfs(fd, &fs))
		return true;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if ((unsigned long)fs.f_type == kinds[i])
			return true;
	return false;
}

/* Opening a device or a pipe may do something, or wait: only what is known to be a file
 * is opened for reading. */
static int open_regular(int at)
{
	char self[40];
	struct stat st;
	int fd;

	if (at < 0)
		return -errno;
	if (fstat(at, &st) || !S_ISREG(st.st_mode) || of_kernel(at)) {
		close(at);
		return -EINVAL;
	}
	snprintf(self, sizeof(self), "/proc/self/fd/%d", at);
	fd = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		fd = -errno;
	close(at);
	return fd;
}

int mp_sym_open(int root_fd, const char *path)
{
	return open_regular(open_path(root_fd, path, 0));
}

int mp_sym_open_nolink(int root_fd, const char *path)
{
	return open_regular(open_path(root_fd, path, O_NOFOLLOW));
}

int mp_sym_open_debug(int root_fd, const uint8_t *build, unsigned n)
{
	char path[40 + 2 * MP_BUILD_ID_MAX];
	uint8_t id[MP_BUILD_ID_MAX];
	struct mp_elf *e;
	size_t len;
	int fd;

	if (n < 2 || n > MP_BUILD_ID_MAX)
		return -ENOENT;
	len = (size_t)snprintf(path, sizeof(path), "/usr/lib/debug/.build-id/%02x/", build[0]);
	for (unsigned i = 1; i < n; i++)
		len += (size_t)snprintf(path + len, sizeof(path) - len, "%02x", build[i]);
	snprintf(path + len, sizeof(path) - len, ".debug");
	fd = mp_sym_open(root_fd, path);
	if (fd < 0)
		return fd;
	if (mp_elf_open(fd, &e)) {
		close(fd);
		return -ENOENT;
	}
	if (mp_elf_build_id(e, id) != n || memcmp(id, build, n)) {
		close(fd);
		fd = -ENOENT;
	}
	mp_elf_close(e);
	return fd;
}
