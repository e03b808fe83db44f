/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * targets_table.c - the table of targets: by address space, by pid, in the order they came.
 */
#include <errno.h>
#include <stdlib.h>

#include "user/daemon/targets_int.h"
#include "user/util/util.h"

struct entry *dm_table_of_mm(const struct dm_targets *t, uint32_t mm)
{
	struct entry *e = t->by_mm[mm % TARGET_SLOTS];

	while (e && e->t.mm != mm)
		e = e->next_mm;
	return e;
}

struct entry *dm_table_of_pid(const struct dm_targets *t, pid_t pid)
{
	struct entry *e = t->by_pid[(uint32_t)pid % TARGET_SLOTS];

	while (e && e->t.pid != pid)
		e = e->next_pid;
	return e;
}

struct entry *dm_table_add(struct dm_targets *t, const struct dm_target *new_one)
{
	struct entry *e = NULL, **mm, **pid;

	if (!mp_grow(&t->v, &t->cap, t->n + 1, sizeof(*t->v)))
		e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->t = *new_one;
	mm = &t->by_mm[e->t.mm % TARGET_SLOTS];
	e->next_mm = *mm;
	*mm = e;
	pid = &t->by_pid[(uint32_t)e->t.pid % TARGET_SLOTS];
	e->next_pid = *pid;
	*pid = e;
	t->v[t->n++] = e;
	t->live++;
	return e;
}

void dm_table_gone(struct dm_targets *t, struct entry *e, uint64_t now)
{
	struct entry **at = &t->by_pid[(uint32_t)e->t.pid % TARGET_SLOTS];

	if (e->t.gone)
		return;
	while (*at && *at != e)
		at = &(*at)->next_pid;
	if (*at)
		*at = e->next_pid;
	e->t.gone = now ? now : 1;
	t->live--;
}

bool dm_table_look(struct dm_targets *t, struct entry *e, uint64_t now)
{
	if (dm_owner_read(e->t.pid, e->t.who.start, &e->t.owner) != -ESTALE)
		return true;
	dm_table_gone(t, e, now);
	return false;
}

static void drop(struct dm_targets *t, struct entry *e)
{
	struct entry **at = &t->by_mm[e->t.mm % TARGET_SLOTS];

	while (*at && *at != e)
		at = &(*at)->next_mm;
	if (*at)
		*at = e->next_mm;
	free(e);
}

void dm_table_forget(struct dm_targets *t, uint64_t before, size_t max_gone)
{
	size_t gone = t->n - t->live, over = gone > max_gone ? gone - max_gone : 0, to = 0;

	for (size_t i = 0; i < t->n; i++) {
		struct entry *e = t->v[i];

		if (e->t.gone && (e->t.gone < before || over)) {
			over -= over > 0;
			drop(t, e);
		} else {
			t->v[to++] = e;
		}
	}
	t->n = to;
}

void dm_table_free(struct dm_targets *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->v[i]);
	free(t->v);
}

const struct dm_target *dm_targets_of_mm(const struct dm_targets *t, uint32_t mm)
{
	const struct entry *e = dm_table_of_mm(t, mm);

	return e ? &e->t : NULL;
}

size_t dm_targets_n(const struct dm_targets *t)
{
	return t->n;
}

const struct dm_target *dm_targets_at(const struct dm_targets *t, size_t i)
{
	return i < t->n ? &t->v[i]->t : NULL;
}

uint64_t dm_targets_refused(const struct dm_targets *t)
{
	return t->refused;
}
