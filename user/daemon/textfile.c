/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * textfile.c - the page of metrics as a file: dm_textfile_tick() of metrics.h.
 *
 * Owns: the file and the other name that it has until it is whole. The collector takes files
 * called *.prom only, and a name that begins with a dot is no such to people either.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/daemon/log.h"
#include "user/daemon/metrics_int.h"

void dm_textfile_remove(struct dm_textfile *x)
{
	if (x->path)
		unlink(x->path);
	free(x->path);
	x->path = NULL;
}

/* In the same folder, so that rename(2) is one step: ".NAME.new". */
static char *other_name(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char *out;

	return asprintf(&out, "%.*s.%s.new", (int)(name - path), path, name) < 0 ? NULL : out;
}

static int write_page(struct dm_metrics *m, const struct dm_look *look, const char *path)
{
	int fd, err;
	FILE *f;

	/* what a daemon that was killed left; a link that somebody put there is not followed */
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	f = fchmod(fd, 0644) ? NULL : fdopen(fd, "w"); /* whatever the umask is */
	if (!f) {
		err = -errno;
		close(fd);
		return err;
	}
	dm_metrics_write(m, look->fn(look->ctx), DM_PROMETHEUS, f);
	err = fflush(f) || ferror(f) ? -errno : 0;
	return fclose(f) && !err ? -errno : err;
}

static int replace(struct dm_metrics *m, const struct dm_look *look, const char *path)
{
	char *tmp = other_name(path);
	int err = tmp ? write_page(m, look, tmp) : -ENOMEM;

	if (!err && rename(tmp, path))
		err = -errno;
	if (err && tmp)
		unlink(tmp);
	free(tmp);
	return err;
}

static void tell(struct dm_textfile *x, const char *path, int err)
{
	if (err && err != x->err)
		dm_log("cannot write %s: %s%s", path, strerror(-err),
		       err == -ENOENT ? ": its folder is missing (mkdir -p it, or set textfile)"
				      : "");
	else if (!err && x->err)
		dm_log("%s is written again", path);
	x->err = err;
}

int dm_textfile_tick(struct dm_metrics *m, const struct dm_look *look, uint64_t now)
{
	const struct dm_config *c = dm_metrics_config(m);
	struct dm_textfile *x = dm_metrics_file(m);
	int err;

	/* the config may name another one, or none, since it was read again */
	if (x->path && (!c->textfile || strcmp(x->path, c->textfile))) {
		dm_textfile_remove(x);
		x->due = 0;
	}
	if (!c->textfile || now < x->due)
		return 0;
	x->due = now + c->textfile_ns;
	err = replace(m, look, c->textfile);
	if (!err && !x->path)
		x->path = strdup(c->textfile);
	tell(x, c->textfile, err);
	return err;
}
