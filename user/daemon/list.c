/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * list.c - the targets that a viewer may see, as JSON; and numbers of processes as a viewer in
 * another PID namespace counts them.
 *
 * Owns: the keys of the document (docs/daemon-protocol.md repeats them). Must not: decide who
 * sees what.
 */
#include "user/daemon/server_int.h"
#include "user/model/model.h"
#include "user/view/json.h"

/*
 * A target's numbers were noted while it lived: afterwards the number is another's, and asking
 * for each of thousands would hold up the loop.
 */
pid_t dm_pid_for(const struct dm_identity *viewer, const struct dm_target *t)
{
	size_t level = viewer->n;

	if (level <= 1) /* in the daemon's own, or gone: then nobody reads the answer */
		return t->pid;
	if (t->who.n < level || !viewer->ns_ino || t->who.ns_dev != viewer->ns_dev ||
	    t->who.ns_ino != viewer->ns_ino)
		return 0;
	return t->who.pids[level - 1];
}

/* --- the document ------------------------------------------------------------------------ */

static uint64_t wall(const struct mp_model *m, uint64_t ts)
{
	return ts ? mp_wall_ns(m, ts) : MP_UNKNOWN;
}

static void figures(struct mp_json *j, const struct mp_proc *p)
{
	enum mp_heap_source src;
	const struct mp_heap *h = p ? mp_proc_heap(p, &src) : NULL;

	mp_json_u64(j, "rss", p && p->rss_known ? mp_proc_rss(p) : MP_UNKNOWN);
	mp_json_u64(j, "heap_used", h ? h->used : MP_UNKNOWN);
	mp_json_u64(j, "heap_committed", h ? h->committed : MP_UNKNOWN);
}

static void row(struct mp_json *j, const struct dm_server *s, const struct dm_identity *viewer,
		const struct dm_target *t)
{
	const struct mp_proc *p = mp_model_proc(s->m, t->mm);
	pid_t here = dm_pid_for(viewer, t);
	bool known = t->group >= 0 && (size_t)t->group < s->c->n_groups;

	mp_json_obj(j, NULL);
	mp_json_u64(j, "pid", here ? (uint64_t)here : MP_UNKNOWN);
	mp_json_u64(j, "host_pid", (uint64_t)t->pid);
	mp_json_arr(j, "ns_pids");
	for (size_t i = 0; i < t->who.n; i++)
		mp_json_u64(j, NULL, (uint64_t)t->who.pids[i]);
	mp_json_end(j);
	mp_json_str(j, "comm", p && p->comm ? mp_str(s->m, p->comm) : NULL);
	mp_json_str(j, "exe", p && p->exe ? mp_str(s->m, p->exe) : NULL);
	mp_json_str(j, "group", known ? s->c->groups[t->group].name : NULL);
	mp_json_u64(j, "uid", t->owner.uid);
	mp_json_u64(j, "since_ns", wall(s->m, t->since));
	mp_json_u64(j, "gone_ns", wall(s->m, t->gone));
	figures(j, p);
	mp_json_end(j);
}

void dm_list_write(const struct dm_server *s, const struct dm_viewer *v, FILE *f)
{
	struct dm_identity viewer;
	struct mp_json j;

	dm_identity_read(v->peer.pid, &viewer);
	mp_json_init(&j, f);
	mp_json_obj(&j, NULL);
	mp_json_u64(&j, "memprof", 1);
	mp_json_bool(&j, "all", v->peer.all);
	mp_json_rows(&j, "targets", false);
	for (size_t i = 0; i < dm_targets_n(s->t); i++) {
		const struct dm_target *t = dm_targets_at(s->t, i);

		if (dm_may_see(&v->peer, &t->owner))
			row(&j, s, &viewer, t);
	}
	mp_json_end(&j);
	mp_json_finish(&j);
}
