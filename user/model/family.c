/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * family.c - which processes have pages in common since a fork: a family is a process,
 * what it forked and what those forked, each until it runs another program or ends.
 *
 * While there is another member a write to such a page makes a copy that no RSS shows;
 * without one the kernel takes the page as it is (wp_page_reuse), by the same fault.
 */
#include "user/model/internal.h"

static bool gone(const struct mp_proc *p)
{
	return p->exited || p->mm_gone;
}

/*
 * Was p forked from that process and has run nothing else since? A fork that was seen says
 * so; of one from before the session that both run the same program has to do.
 */
static bool forked_from(const struct mp_proc *p, const struct mp_proc *parent, uint64_t ts)
{
	if (!parent || parent == p || gone(parent))
		return false;
	return parent->fork_ts == ts || (p->exe && p->exe == parent->exe);
}

void family_join(struct mp_model *m, struct mp_proc *p, uint64_t parent, uint64_t ts)
{
	struct mp_proc *of = NULL;

	for (size_t i = m->n_procs; i-- && !of && parent;)
		of = m->procs[i]->tgid == parent ? m->procs[i] : NULL;
	if (p->family || !forked_from(p, of, ts))
		return;
	if (!of->family)
		of->family = of->mm;
	p->family = of->family;
	for (size_t i = 0; i < m->n_procs; i++) {
		struct mp_proc *q = m->procs[i];

		if (q == p || q->family != p->family || gone(q))
			continue;
		q->sharers++;
		p->sharers++;
	}
}

void family_leave(struct mp_model *m, struct mp_proc *p)
{
	for (size_t i = 0; p->family && i < m->n_procs; i++) {
		struct mp_proc *q = m->procs[i];

		if (q != p && q->family == p->family && q->sharers)
			q->sharers--;
	}
	p->family = p->sharers = 0;
}
