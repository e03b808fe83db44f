/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rt_files.c - see rt_files.h.
 */
#include "user/live/rt_files.h"

static bool same(const struct rt_file *a, const struct rt_file *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime == b->mtime;
}

bool rt_files_probed(const struct rt_files *f, uint64_t dev, uint64_t ino)
{
	for (unsigned i = 0; i < f->n_probed; i++)
		if (f->probed[i].dev == dev && f->probed[i].ino == ino)
			return true;
	return false;
}

bool rt_files_tried(const struct rt_files *f, const struct rt_file *file)
{
	for (unsigned i = 0; i < f->n_empty && i < RT_EMPTY; i++)
		if (same(&f->empty[i], file))
			return true;
	return rt_files_probed(f, file->dev, file->ino);
}

void rt_files_remember(struct rt_files *f, const struct rt_file *file, bool probed)
{
	if (probed && f->n_probed < RT_PROBED)
		f->probed[f->n_probed++] = *file;
	else
		f->empty[f->n_empty++ % RT_EMPTY] = *file;
}
