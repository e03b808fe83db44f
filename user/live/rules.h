/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rules.h - rules of which processes become targets, as the keys that the kernel side looks up
 * (bpf/rules.bpf.h).
 *
 * Owns: which bit is which rule, what a longer key takes over from a shorter one. Must not:
 * touch maps. Pure but for rules_groups_v1().
 */
#ifndef MEMPROF_RULES_H
#define MEMPROF_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/shared.h"
#include "user/live/probes.h"

struct rule_keys {
	uint32_t *uids;
	struct mp_rule_exe *exes;
	struct mp_rule_group *groups;
	uint64_t *uid_masks, *exe_masks, *group_masks;
	size_t n_uids, n_exes, n_groups;
	uint64_t any[3]; /* rules that do not ask for uid, program, group */
	uint64_t all;
};

/* 0, -ENOMEM, or -E2BIG. The caller frees *k, after an error too. */
int rules_keys(const struct mp_exec_rule *r, size_t n, struct rule_keys *k);
void rules_keys_free(struct rule_keys *k);

/* Is memory accounted by control groups of version 1 here? */
bool rules_groups_v1(void);

#endif /* MEMPROF_RULES_H */
