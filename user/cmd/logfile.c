/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * logfile.c - see logfile.h. What is held does not grow with the file.
 */
#include "user/cmd/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "user/cmd/cmd.h"

#define CHUNK (256 << 10)

struct mp_logfile {
	gzFile z; /* passes on what is not compressed */
	const char *path;
	char buf[CHUNK];
};

int mp_logfile_open(const char *path, struct mp_logfile **out)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
	struct mp_logfile *f = fd >= 0 ? malloc(sizeof(*f)) : NULL;
	char what[600];
	int err;

	if (f)
		f->z = gzdopen(fd, "rb");
	if (f && f->z) {
		f->path = path;
		gzbuffer(f->z, CHUNK);
		*out = f;
		return 0;
	}
	err = errno;
	free(f);
	if (fd >= 0)
		close(fd);
	snprintf(what, sizeof(what), "cannot read %.500s", path);
	return mp_fail(err == EACCES ? MP_EXIT_NOT_PERMITTED : MP_EXIT_NO_TARGET, what,
		       strerror(err), "");
}

int mp_logfile_read(struct mp_logfile *f, struct mp_gclog *l, int *err)
{
	char what[600];
	bool cut;
	int n, why;

	*err = 0;
	while ((n = gzread(f->z, f->buf, sizeof(f->buf))) > 0 && !*err)
		*err = mp_gclog_feed(l, f->buf, (size_t)n);
	if (!*err)
		*err = mp_gclog_end(l);
	gzerror(f->z, &why);
	cut = why == Z_DATA_ERROR || why == Z_BUF_ERROR;
	if (why == Z_ERRNO)
		*err = errno ? -errno : -EIO;
	if (*err != -EISDIR && !cut)
		return 0;
	*err = 0;
	snprintf(what, sizeof(what), "%.500s %s", f->path,
		 cut ? "is damaged or ends within compressed data" : "is a directory");
	return mp_fail(cut ? MP_EXIT_PARTIAL : MP_EXIT_NO_TARGET, what, NULL,
		       cut ? "what came before that was read" : "");
}

void mp_logfile_close(struct mp_logfile *f)
{
	if (!f)
		return;
	gzclose(f->z);
	free(f);
}
