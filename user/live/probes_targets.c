/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * probes_targets.c - who is a target of the kernel side: see probes.h.
 *
 * Owns: the maps of targets and of rules, the sums of their counters. Must not: read /proc,
 * choose rungs, know what a rule means (rules.h does).
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/live/probes_int.h"
#include "user/live/rules.h"
#include "user/util/util.h"

/* Runs an iterator over all tasks. */
static int run_iter(struct bpf_program *prog)
{
	struct bpf_link *link = bpf_program__attach_iter(prog, NULL);
	char buf[16];
	int fd, err = 0;

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0) {
		err = -errno;
	} else {
		while (read(fd, buf, sizeof(buf)) > 0)
			;
		close(fd);
	}
	bpf_link__destroy(link);
	return err;
}

int mp_probes_add(struct mp_probes *p, uint32_t tgid, uint32_t *mm)
{
	int err;

	p->shared->attach_found = p->shared->attach_borrowed = 0;
	p->shared->attach_tgid = tgid;
	err = run_iter(p->skel->progs.find_mm);
	if (!err && !p->shared->attach_found)
		err = p->shared->attach_borrowed ? -EBUSY : -ESRCH;
	if (!err)
		*mm = p->shared->attach_found;
	return err;
}

static uint64_t counted(const struct mp_target *t, int i)
{
	int64_t n = t->base[i] + t->held[i];

	return n > 0 ? (uint64_t)n : 0;
}

/* The targets whose sum is of this time, out of the map: one walk for all of them. */
static int read_sums(struct mp_probes *p)
{
	int fd = bpf_map__fd(p->skel->maps.targets), err = 0;
	uint64_t key, next, *from = NULL;
	struct mp_target t;

	p->n_sums = 0;
	while (!err && !bpf_map_get_next_key(fd, from, &next)) {
		key = next;
		from = &key;
		if (bpf_map_lookup_elem(fd, &key, &t) || t.sum_gen != p->shared->sum_gen)
			continue;
		err = mp_grow(&p->sums, &p->cap_sums, p->n_sums + 1, sizeof(*p->sums));
		if (!err)
			p->sums[p->n_sums++] = t;
	}
	return err;
}

bool mp_probes_sum_rss(struct mp_probes *p)
{
	LIBBPF_OPTS(bpf_test_run_opts, o);
	int err;

	p->shared->sum_gen++;
	if (bpf_program__autoload(p->skel->progs.sum_rss))
		err = run_iter(p->skel->progs.sum_rss);
	else if (p->shared->cpus_known)
		err = bpf_prog_test_run_opts(bpf_program__fd(p->skel->progs.sum_counters), &o);
	else
		return false;
	return !err && !read_sums(p);
}

bool mp_probes_rss(const struct mp_probes *p, uint32_t mm, struct mp_probes_rss *out)
{
	for (size_t i = 0; i < p->n_sums; i++) {
		const struct mp_target *t = &p->sums[i];

		if (t->id != mm)
			continue;
		*out = (struct mp_probes_rss){ .file = counted(t, 0),
					       .anon = counted(t, 1),
					       .swap = counted(t, 2),
					       .shmem = counted(t, 3),
					       .slack = t->slack };
		return true;
	}
	return false;
}

int mp_probes_add_at_exec(struct mp_probes *p, uint32_t tgid)
{
	struct mp_watch w = { 0 };

	return bpf_map_update_elem(bpf_map__fd(p->skel->maps.watched), &tgid, &w, BPF_ANY) ? -errno
											   : 0;
}

void mp_probes_forget(struct mp_probes *p, uint32_t tgid, uint32_t mm)
{
	LIBBPF_OPTS(bpf_test_run_opts, o);

	p->shared->attach_tgid = tgid;
	p->shared->attach_mm = mm;
	bpf_prog_test_run_opts(bpf_program__fd(p->skel->progs.forget_target), &o);
}

/* Every key of a map is put in, those that are left from before are taken out. */
static int fill_map(struct bpf_map *map, const void *keys, size_t key_size, const uint64_t *masks,
		    size_t n)
{
	int fd = bpf_map__fd(map);
	char key[sizeof(struct mp_rule_group)];

	while (!bpf_map_get_next_key(fd, NULL, key))
		if (bpf_map_delete_elem(fd, key))
			return -errno;
	for (size_t i = 0; i < n; i++)
		if (bpf_map_update_elem(fd, (const char *)keys + i * key_size, &masks[i], BPF_ANY))
			return errno == ENOSPC ? -E2BIG : -errno;
	return 0;
}

int mp_probes_set_rules(struct mp_probes *p, const struct mp_exec_rule *r, size_t n)
{
	struct rule_keys k;
	int err = rules_keys(r, n, &k);

	if (err) {
		rules_keys_free(&k);
		return err;
	}
	/* Who is taken meanwhile and should not have been is asked for again; who is missed
	 * is missed. */
	__atomic_store_n(&p->shared->rules_change, 1, __ATOMIC_SEQ_CST);
	err = fill_map(p->skel->maps.rule_uids, k.uids, sizeof(*k.uids), k.uid_masks, k.n_uids);
	if (!err)
		err = fill_map(p->skel->maps.rule_exes, k.exes, sizeof(*k.exes), k.exe_masks,
			       k.n_exes);
	if (!err)
		err = fill_map(p->skel->maps.rule_groups, k.groups, sizeof(*k.groups),
			       k.group_masks, k.n_groups);
	memcpy(p->shared->rules_any, k.any, sizeof(k.any));
	p->shared->rules = err ? 0 : k.all;
	__atomic_store_n(&p->shared->rules_change, 0, __ATOMIC_SEQ_CST);
	rules_keys_free(&k);
	return err;
}
