/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * save.c - see save.h.
 */
#include "user/cmd/save.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/cmd/cmd.h"
#include "user/model/model.h"
#include "user/rec/writer.h"
#include "user/util/util.h"

char *mp_save_name(char *buf, size_t size, const struct mp_model *m, const char *suffix)
{
	const struct mp_proc *p = mp_model_main(m);
	const char *comm = p ? mp_str(m, p->comm) : "";

	return mp_own_name(buf, size, *comm ? comm : "process", p ? (int)p->tgid : 0, suffix);
}

int mp_save_told(int err, const char *path, char *msg, unsigned size)
{
	if (err)
		snprintf(msg, size, "not saved: %s: %s", path, strerror(-err));
	else
		snprintf(msg, size, "saved to %s", path);
	return err;
}

int mp_save_text(const struct mp_model *m, const char *path, const char *text, char *msg,
		 unsigned size)
{
	char own[128];
	int fd, err = 0;
	FILE *f = NULL;

	if (!path)
		path = mp_save_name(own, sizeof(own), m, "txt");
	fd = mp_create_file(path);
	if (fd < 0)
		return mp_save_told(fd, path, msg, size);
	f = fdopen(fd, "w");
	if (!f) {
		err = -errno;
		close(fd);
	} else {
		if (fputs(text, f) < 0)
			err = -errno;
		if (fclose(f) && !err)
			err = -errno;
	}
	if (err)
		unlink(path); /* it is ours: nothing was there before */
	return mp_save_told(err, path, msg, size);
}
