/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_incident.c - memprof incident FOLDER: the step of the daemon's incidents that makes the
 * recording (user/daemon/jobs.h). Not for people.
 *
 * Makes FOLDER/recording.mprof of FOLDER/raw.mprof, and of FOLDER/job which says whose address
 * spaces to keep; or of the ring's files in FOLDER/ring, all of it.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/cmd/cmd.h"
#include "user/rec/cut.h"
#include "user/rec/shards.h"
#include "user/util/util.h"

#define NAME_BYTES 64
#define JOINED	   "ring/ring.mprof"

static int failed(const char *what, int err)
{
	return mp_fail(err == -ESRCH ? MP_EXIT_NO_TARGET : MP_EXIT_FAILURE, what, strerror(-err),
		       "");
}

/* --- a copy of the ring, of which a group is to be kept ------------------------------------ */

static int read_mms(uint32_t **mms, size_t *n)
{
	FILE *f = fopen("job", "re");
	size_t cap = 0;
	char line[512];
	int err = 0;

	*mms = NULL;
	*n = 0;
	if (!f)
		return -errno;
	while (!err && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "mm ", 3))
			continue;
		err = mp_grow(mms, &cap, *n + 1, sizeof(**mms));
		if (!err)
			(*mms)[(*n)++] = (uint32_t)strtoul(line + 3, NULL, 10);
	}
	fclose(f);
	return err || *n ? err : -ESRCH;
}

static int cut_group(void)
{
	struct mp_cut_choice choice = { .from = 0 };
	uint32_t *mms;
	int err = read_mms(&mms, &choice.n_mms);

	choice.mms = mms;
	if (!err)
		err = mp_cut("raw.mprof", "recording.mprof", -1, &choice, NULL, NULL);
	free(mms);
	return err ? failed("cutting the ring failed", err) : 0;
}

/* --- the files of a ring ------------------------------------------------------------------- */

struct names {
	char (*v)[NAME_BYTES];
	const char **p;
	size_t n, cap;
};

static int by_number(const void *a, const void *b)
{
	return strverscmp(a, b);
}

/* A ring that was joined, to its end. */
static bool is_whole(const char *path)
{
	const struct mp_index_entry *e;
	struct mp_reader *r;
	bool whole;
	size_t n;

	if (mp_reader_open(path, &r))
		return false;
	whole = !mp_reader_index(r, &e, &n) && n && e[n - 1].head.type == MP_BLK_END;
	mp_reader_close(r);
	return whole;
}

/* Of a daemon that was killed while it joined its files: either they or the one are all. */
static void choose(struct names *k)
{
	size_t one = k->n;

	for (size_t i = 0; i < k->n; i++)
		if (!strcmp(k->v[i], JOINED))
			one = i;
	if (one == k->n || k->n == 1)
		return;
	if (is_whole(JOINED)) {
		memcpy(k->v[0], k->v[one], sizeof(*k->v));
		k->n = 1;
	} else {
		memmove(k->v[one], k->v[one + 1], (--k->n - one) * sizeof(*k->v));
	}
}

/* "ring/ring.0001.mprof" and its like, and JOINED; not what was saved of them. */
static int list(struct names *k)
{
	DIR *dp = opendir("ring");
	struct dirent *d;
	int err = dp ? 0 : -errno;

	while (!err && (d = readdir(dp))) {
		if (strncmp(d->d_name, "ring.", 5) || strstr(d->d_name, "saved") ||
		    strlen(d->d_name) > NAME_BYTES - 6)
			continue;
		err = mp_grow(&k->v, &k->cap, k->n + 1, sizeof(*k->v));
		if (!err)
			snprintf(k->v[k->n++], sizeof(*k->v), "ring/%.50s", d->d_name);
	}
	if (dp)
		closedir(dp);
	choose(k);
	if (!err && !k->n)
		err = -ENODATA;
	k->p = err ? NULL : calloc(k->n, sizeof(*k->p));
	if (!err && !k->p)
		err = -ENOMEM;
	return err;
}

static int join_ring(void)
{
	struct mp_cut_choice all = { .from = 0 };
	struct names k = { .n = 0 };
	int err = list(&k);

	if (!err) {
		qsort(k.v, k.n, sizeof(*k.v), by_number);
		for (size_t i = 0; i < k.n; i++)
			k.p[i] = k.v[i];
		unlink("joined.mprof");
		err = mp_shards_join(k.p, k.n, "joined.mprof");
	}
	if (!err)
		err = mp_cut("joined.mprof", "recording.mprof", -1, &all, NULL, NULL);
	unlink("joined.mprof");
	free(k.v);
	free(k.p);
	if (err == -ENODATA || err == -ERANGE) /* it was ended before it had anything */
		err = -ESRCH;
	return err ? failed("joining the ring failed", err) : 0;
}

int cmd_incident(struct mp_args *a)
{
	struct stat st;

	if (a->n_files != 1)
		return mp_fail(MP_EXIT_USAGE, "one folder", "this is a step of memprof daemon", "");
	if (chdir(a->files[0]))
		return failed("the folder cannot be entered", -errno);
	unlink("recording.mprof");
	return stat("raw.mprof", &st) ? join_ring() : cut_group();
}
