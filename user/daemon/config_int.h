/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * config_int.h - between config.c (lines, sections, complaints) and config_keys.c (the table
 * of keys and what a value may be).
 */
#ifndef MEMPROF_DAEMON_CONFIG_INT_H
#define MEMPROF_DAEMON_CONFIG_INT_H

#include "user/daemon/config.h"

/* The lines of a [target] before they become rules: each kind's values. */
struct dm_lines {
	pid_t pid[DM_RULES_MAX];
	char exe[DM_RULES_MAX][256];
	uid_t uid[DM_RULES_MAX];
	char cgroup[DM_RULES_MAX][512];
	char container[DM_RULES_MAX][80];
	size_t n_pid, n_exe, n_uid, n_cgroup, n_container;
};

/* Where a value goes, and what is to be said of it. */
struct dm_value {
	struct dm_config *c;
	struct dm_group *g; /* of a [target] */
	struct dm_lines *l;
	const char *text;
	char what[160], fix[160];
};

struct dm_setting {
	struct dm_key key;
	/* 0; -EINVAL with what and fix of the value; -ENOMEM. */
	int (*set)(struct dm_value *v);
};

extern const struct dm_setting dm_settings[];
extern const size_t dm_n_settings;

/* Fills what and fix; returns -EINVAL. */
__attribute__((format(printf, 3, 4))) int dm_wrong(struct dm_value *v, const char *fix,
						   const char *what, ...);

#endif /* MEMPROF_DAEMON_CONFIG_INT_H */
