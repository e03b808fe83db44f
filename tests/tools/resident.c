/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * resident FILE [SECONDS] - what a recording says was resident, page by page.
 *
 * Reads a recording, also one that is still being written, folds what is there
 * (up to SECONDS after its beginning) and prints for each process its mappings
 * and the longest runs of resident pages, in the words that tests/tools/pages.c
 * has for the kernel's own view. Judges in the tests compare the two.
 *
 *	state clean|truncated|damaged now=NS lost=N
 *	proc PID exited=0|1 known=0|1 anon=PAGES file=PAGES shmem=PAGES total=PAGES orphans=PAGES
 *	map START END rwxp OFFSET INODE RESIDENT NAME
 *	run START END
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/model.h"
#include "user/model/pageset.h"
#include "user/rec/reader.h"

static int print_run(void *ctx, uint64_t addr, uint64_t len)
{
	(void)ctx;
	printf("run %" PRIx64 " %" PRIx64 "\n", addr, addr + len);
	return 0;
}

static void print_proc(const struct mp_model *m, const struct mp_proc *p)
{
	printf("proc %u exited=%d known=%d anon=%" PRIu64 " file=%" PRIu64 " shmem=%" PRIu64
	       " total=%" PRIu64 " orphans=%" PRIu64 "\n",
	       p->tgid, p->exited || p->mm_gone, p->rss_known, p->rss.anon, p->rss.file,
	       p->rss.shmem, mp_pageset_total(p->pages), p->orphan_pages);
	for (const struct mp_mapping *v = p->maps; v; v = v->next)
		printf("map %" PRIx64 " %" PRIx64 " %c%c%c%c %" PRIx64 " %" PRIu64 " %" PRIu64
		       " %s\n",
		       v->start, v->end, v->bits & MP_MAP_R ? 'r' : '-',
		       v->bits & MP_MAP_W ? 'w' : '-', v->bits & MP_MAP_X ? 'x' : '-',
		       v->bits & MP_MAP_SHARED ? 's' : 'p', v->off, v->ino, v->resident,
		       mp_str(m, v->name));
	mp_pageset_runs(p->pages, 0, 1ULL << 57, MP_PGS_RESIDENT, print_run, NULL);
}

/* Folds what the file holds so far. An event that cannot be is left out, as by every reader. */
static int fold(struct mp_reader *r, struct mp_model *m, double until)
{
	const struct mp_event *ev;
	bool keyframe;
	size_t n;
	int err;

	while ((err = mp_reader_next(r, &ev, &n, &keyframe)) > 0) {
		for (size_t i = 0; i < n; i++) {
			if (until >= 0 && m->start && ev[i].ts > m->start + (uint64_t)(until * 1e9))
				return 0;
			if (mp_model_fold(m, &ev[i]) == -ENOMEM)
				return -ENOMEM;
		}
	}
	return err;
}

int main(int argc, char **argv)
{
	double until = argc > 2 ? strtod(argv[2], NULL) : -1;
	struct mp_model *m = mp_model_new();
	struct mp_rec_info info;
	struct mp_reader *r;
	int err = argc < 2 || !m ? -EINVAL : mp_reader_open(argv[1], &r);

	if (err) {
		fprintf(stderr, "resident: %s\n", mp_reader_strerror(err));
		mp_model_free(m);
		return 1;
	}
	err = fold(r, m, until);
	mp_reader_info(r, &info);
	printf("state %s now=%" PRIu64 " lost=%" PRIu64 "\n", mp_rec_state_name(info.state), m->now,
	       m->lost_total);
	for (size_t i = 0; i < m->n_procs; i++)
		print_proc(m, m->procs[i]);
	if (err)
		fprintf(stderr, "resident: %s\n", mp_reader_strerror(err));
	mp_reader_close(r);
	mp_model_free(m);
	return err ? 1 : 0;
}
