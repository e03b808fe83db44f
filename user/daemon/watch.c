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
	uint64_t rest_ns;
	uint64_t last, last_kill; /* when an incident was begun, ... of a kill; ns, 0 = never */
	uint64_t fired, rested;
};

struct groups {
	struct group *v;
	size_t n;
};

struct dm_watch {
	dm_group_fn *of;
	void *ctx;
	struct groups now, next; /* next: expected */
};

static bool mine(void *ctx, const struct mp_proc *p)
{
	const struct group *g = ctx;

	return g->w->of(g->w->ctx, p->mm) == g->index;
}

static void groups_free(struct groups *g)
{
	for (size_t i = 0; i < g->n; i++)
		for (size_t k = 0; k < g->v[i].n; k++)
			mp_trigger_free(g->v[i].t[k]);
	free(g->v);
	*g = (struct groups){ .n = 0 };
}

static int group_init(struct dm_watch *w, struct group *g, const struct dm_group *of)
{
	struct mp_trigger_error bad;
	int err = 0;

	g->w = w;
	g->rest_ns = of->rest_ns;
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

/* The same expression of the same group: its episodes and its own rest go on. */
static void take_trigger(struct group *g, size_t k, struct group *was)
{
	for (size_t i = 0; i < was->n; i++) {
		if (!was->t[i] || strcmp(mp_trigger_text(was->t[i]), mp_trigger_text(g->t[k])))
			continue;
		mp_trigger_free(g->t[k]);
		g->t[k] = was->t[i];
		was->t[i] = NULL;
		mp_trigger_only(g->t[k], mine, g);
		return;
	}
}

/* What a group of that name had. */
static void take_over(struct group *g, struct group *was, bool anew)
{
	g->last = was->last;
	g->last_kill = was->last_kill;
	g->fired = was->fired;
	g->rested = was->rested;
	for (size_t k = 0; k < g->n && !anew; k++)
		take_trigger(g, k, was);
}

int dm_watch_expect(struct dm_watch *w, const struct dm_config *c)
{
	int err = 0;

	groups_free(&w->next);
	w->next.v = calloc(c->n_groups + 1, sizeof(*w->next.v));
	if (!w->next.v)
		return -ENOMEM;
	w->next.n = c->n_groups;
	for (size_t i = 0; i < c->n_groups && !err; i++) {
		w->next.v[i].index = (int)i;
		err = group_init(w, &w->next.v[i], &c->groups[i]);
	}
	if (err)
		groups_free(&w->next);
	return err;
}

void dm_watch_take(struct dm_watch *w, bool anew)
{
	for (size_t i = 0; i < w->next.n; i++)
		for (size_t k = 0; k < w->now.n; k++)
			if (!strcmp(w->next.v[i].name, w->now.v[k].name))
				take_over(&w->next.v[i], &w->now.v[k], anew);
	groups_free(&w->now);
	w->now = w->next;
	w->next = (struct groups){ .n = 0 };
}

int dm_watch_new(const struct dm_config *c, dm_group_fn *of, void *ctx, struct dm_watch **out)
{
	struct dm_watch *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	w->of = of;
	w->ctx = ctx;
	err = dm_watch_expect(w, c);
	if (err) {
		dm_watch_free(w);
		return err;
	}
	dm_watch_take(w, true);
	*out = w;
	return 0;
}

void dm_watch_free(struct dm_watch *w)
{
	if (!w)
		return;
	groups_free(&w->now);
	groups_free(&w->next);
	free(w);
}

/* Not the first incident, and the rest after the last is not over. A clock that went back ends it:
 * the difference is then beyond every rest. A kill is what the others warn of: it waits for kills.
 */
static bool rests_now(const struct group *g, bool kill, uint64_t now)
{
	uint64_t last = kill ? g->last_kill : g->last;

	return last && now - last < g->rest_ns;
}

static void one_fired(struct group *g, const struct mp_trigger *t, const char *why, uint64_t now,
		      dm_fire_fn *fire, void *ctx)
{
	bool kill = mp_trigger_killed(t), rests = rests_now(g, kill, now);

	g->fired++;
	g->rested += rests;
	if (!rests)
		g->last = now ? now : 1;
	if (!rests && kill)
		g->last_kill = g->last;
	fire(ctx, g->index, why, mp_trigger_pid(t), rests);
}

void dm_watch_tick(struct dm_watch *w, const struct mp_model *m, uint64_t now, dm_fire_fn *fire,
		   void *ctx)
{
	char why[256];

	for (size_t i = 0; i < w->now.n; i++) {
		struct group *g = &w->now.v[i];

		for (size_t k = 0; k < g->n; k++)
			if (mp_trigger_eval(g->t[k], m, false, why, sizeof(why)))
				one_fired(g, g->t[k], why, now, fire, ctx);
	}
}

void dm_watch_figures(const struct dm_watch *w, int group, uint64_t *fired, uint64_t *rested)
{
	*fired = *rested = 0;
	if (group < 0 || (size_t)group >= w->now.n)
		return;
	*fired = w->now.v[group].fired;
	*rested = w->now.v[group].rested;
}
