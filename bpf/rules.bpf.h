/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rules.bpf.h - which processes become targets by themselves, at their exec.
 *
 * A process is to be watched before it runs its first instruction, so that none of its faults
 * is missed: user space, told of the exec, would come too late. What is compared here takes
 * too much at times (the beginning of a name instead of a pattern, a name instead of a path)
 * and never too little; user space asks again with all it knows and forgets what should not
 * have been taken. Three look-ups and one for each control group on the way up, whatever the
 * number of rules.
 */
#ifndef MEMPROF_RULES_BPF_H
#define MEMPROF_RULES_BPF_H

#include "bpf/core.bpf.h"

/* Set for sessions that have rules: without it nothing of this is in the program. */
const volatile __u8 cfg_rules = 0;
/* Control groups are those of version 2, not those of memory of version 1. */
const volatile __u8 cfg_groups_v2 = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1); /* resized where there are rules, as the next two */
	__type(key, u32);
	__type(value, u64);
} rule_uids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct mp_rule_exe);
	__type(value, u64);
} rule_exes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct mp_rule_group);
	__type(value, u64);
} rule_groups SEC(".maps");

static __always_inline u64 rules_of_uid(struct task_struct *task)
{
	u32 uid = BPF_CORE_READ(task, cred, euid.val);
	u64 *mask = bpf_map_lookup_elem(&rule_uids, &uid);

	return mask ? *mask : shared.rules_any[0];
}

/* By the file's own name, which is what /proc/PID/exe ends in. */
static __always_inline u64 rules_of_exe(struct task_struct *task)
{
	struct mp_rule_exe key = { .bits = sizeof(key.name) * 8 };
	const unsigned char *name = BPF_CORE_READ(task, mm, exe_file, f_path.dentry, d_name.name);
	u64 *mask;

	bpf_probe_read_kernel_str(key.name, sizeof(key.name), name);
	mask = bpf_map_lookup_elem(&rule_exes, &key);
	return mask ? *mask : shared.rules_any[1];
}

/* The group of memory, or the one of version 2, as the state of a controller in it. */
static __always_inline struct cgroup_subsys_state *group_of(struct task_struct *task)
{
	u64 set = (u64)BPF_CORE_READ(task, cgroups);
	struct cgroup_subsys_state *css = NULL;

	if (cfg_groups_v2)
		return (void *)((u64)BPF_CORE_READ((struct css_set *)set, dfl_cgrp) +
				bpf_core_field_offset(struct cgroup, self));
	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
		return NULL;
	bpf_probe_read_kernel(
		&css, sizeof(css),
		(void *)(set + bpf_core_field_offset(struct css_set, subsys) +
			 bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id) * sizeof(css)));
	return css;
}

static __always_inline u64 rules_of_groups(struct task_struct *task)
{
	struct cgroup_subsys_state *css = group_of(task);
	u64 *mask, all = shared.rules_any[2];
	struct mp_rule_group key = {};

	for (int i = 0; i < MP_RULE_DEPTH && css; i++) {
		const char *name = BPF_CORE_READ(css, cgroup, kn, name);

		key.bits = sizeof(key.name) * 8;
		if (bpf_probe_read_kernel_str(key.name, sizeof(key.name), name) > 0) {
			mask = bpf_map_lookup_elem(&rule_groups, &key);
			all |= mask ? *mask : 0;
		}
		css = BPF_CORE_READ(css, parent);
	}
	return all;
}

/* The rules that may want the process that has just called exec: a mask, 0 = none. While they
 * are being changed nobody knows: all. */
static __always_inline u64 rules_take(struct task_struct *task)
{
	u64 left = cfg_rules ? shared.rules : 0;

	if (cfg_rules && shared.rules_change)
		return ~0ULL;
	if (left)
		left &= rules_of_uid(task);
	if (left)
		left &= rules_of_exe(task);
	if (left && left & ~shared.rules_any[2])
		left &= rules_of_groups(task);
	return left;
}

#endif /* MEMPROF_RULES_BPF_H */
