/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * watch.c - see watch.h.
 */
#include "user/daemon/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/model.h"
#include "user/view/trigger.h"

struct group {
	struct dm_watch *w;
	int index;
	char name[DM_NAME_MAX + 1];
	struct mp_trigger *t[DM_TRIGGERS_MAX];
	size_t n;
	uint64_t last; /* when an incident was begun, ns; 0 = never */
	uint64_t fired, rested;
};

struct dm_watch {
	const struct dm_config *c;
	dm_group_fn *of;
	void *ctx;
	struct group *g;
	size_t n;
};

static bool mine(void *ctx, const struct mp_proc *p)
{
	const struct group *g = ctx;

	return g->w->of(g->w->ctx, p->mm) == g->index;
}

static void groups_free(struct group *g, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < g[i].n; k++)
			mp_trigger_free(g[i].t[k]);
	free(g);
}

static int group_init(struct dm_watch *w, struct group *g, const struct dm_group *of)
{
	struct mp_trigger_error bad;
	int err = 0;

	g->w = w;
	snprintf(g->name, sizeof(g->name), "%s", of->name);
	for (size_t k = 0; k < of->n_triggers && !err; k++) {
		err = mp_trigger_parse(of->triggers[k], &g->t[k], &bad);
		if (err)
			break;
		mp_trigger_only(g->t[k], mine, g);
		g->n++;
	}
	return err;
}

/* What a group of that name had. */
static void take_over(const struct dm_watch *w, struct group *g, const char *name)
{
	for (size_t i = 0; i < w->n; i++)
		if (!strcmp(w->g[i].name, name)) {
			g->last = w->g[i].last;
			g->fired = w->g[i].fired;
			g->rested = w->g[i].rested;
		}
}

int dm_watch_config(struct dm_watch *w, const struct dm_config *c)
{
	struct group *g = calloc(c->n_groups + 1, sizeof(*g));
	int err = g ? 0 : -ENOMEM;

	for (size_t i = 0; i < c->n_groups && !err; i++) {
		g[i].index = (int)i;
		err = group_init(w, &g[i], &c->groups[i]);
		take_over(w, &g[i], c->groups[i].name);
	}
	if (err) {
		if (g)
			groups_free(g, c->n_groups);
		return err;
	}
	groups_free(w->g, w->n);
	w->g = g;
	w->n = c->n_groups;
	w->c = c;
	return 0;
}

int dm_watch_new(const struct dm_config *c, dm_group_fn *of, void *ctx, struct dm_watch **out)
{
	struct dm_watch *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	w->of = of;
	w->ctx = ctx;
	err = dm_watch_config(w, c);
	if (err)
		dm_watch_free(w);
	else
		*out = w;
	return err;
}

void dm_watch_free(struct dm_watch *w)
{
	if (!w)
		return;
	groups_free(w->g, w->n);
	free(w);
}

/* The first incident, or the rest after the last is over. A clock that went back ends it: the
 * difference is then beyond every rest. */
static bool rested(const struct group *g, uint64_t rest, uint64_t now)
{
	return !g->last || now - g->last >= rest;
}

void dm_watch_tick(struct dm_watch *w, const struct mp_model *m, uint64_t now, dm_fire_fn *fire,
		   void *ctx)
{
	char why[256];
	bool rests;

	for (size_t i = 0; i < w->n; i++) {
		struct group *g = &w->g[i];

		for (size_t k = 0; k < g->n; k++) {
			if (!mp_trigger_eval(g->t[k], m, false, why, sizeof(why)))
				continue;
			rests = !rested(g, w->c->groups[i].rest_ns, now);
			g->fired++;
			g->rested += rests;
			if (!rests)
				g->last = now ? now : 1;
			fire(ctx, (int)i, why, mp_trigger_pid(g->t[k]), rests);
		}
	}
}

void dm_watch_figures(const struct dm_watch *w, int group, uint64_t *fired, uint64_t *rested)
{
	*fired = *rested = 0;
	if (group < 0 || (size_t)group >= w->n)
		return;
	*fired = w->g[group].fired;
	*rested = w->g[group].rested;
}
