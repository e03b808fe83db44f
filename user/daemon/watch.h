/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * watch.h - the triggers of all groups, and how often they may fire.
 *
 * Owns: one trigger an expression of the config, each for the processes of its group, the rest
 * after an incident. Must not: save anything, read a clock. Time of figures is the model's, that
 * of the rest the caller's. A kill (the oom trigger's) is held up by the rest after another kill
 * alone: what warned of it must not hide it.
 */
#ifndef MEMPROF_DAEMON_WATCH_H
#define MEMPROF_DAEMON_WATCH_H

#include "user/daemon/config.h"

struct mp_model;
struct dm_watch;

/* The group that a process belongs to by its address space, or -1. */
typedef int dm_group_fn(void *ctx, uint32_t mm);
/* A trigger of that group fired; pid 0: of none that is known. rests: so soon after the last that
 * it is to be counted and told alone. */
typedef void dm_fire_fn(void *ctx, int group, const char *why, uint32_t pid, bool rests);

/* Of the config nothing is kept. 0 or -ENOMEM. */
int dm_watch_new(const struct dm_config *c, dm_group_fn *of, void *ctx, struct dm_watch **out);
void dm_watch_free(struct dm_watch *w);
/*
 * Another config, or the same one with other groups, in two steps. expect: all that can fail; 0,
 * or -ENOMEM, and nothing has changed yet. take: what was expected last is in force, from when the
 * groups' numbers are those of it. A group of the same name goes on resting and counting, and a
 * trigger of it with the same text goes on as it is; anew: none does, the model is another one.
 */
int dm_watch_expect(struct dm_watch *w, const struct dm_config *c);
void dm_watch_take(struct dm_watch *w, bool anew);

void dm_watch_tick(struct dm_watch *w, const struct mp_model *m, uint64_t now, dm_fire_fn *fire,
		   void *ctx);
void dm_watch_figures(const struct dm_watch *w, int group, uint64_t *fired, uint64_t *rested);

#endif /* MEMPROF_DAEMON_WATCH_H */
