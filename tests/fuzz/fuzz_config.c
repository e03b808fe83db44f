/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_config.c - any bytes as memprof.conf: what is refused has its mistakes named, what is
 * taken is within its bounds.
 */
#include "tests/fuzz/fuzz.h"
#include "user/daemon/config.h"

static void check_group(const struct dm_group *g)
{
	FUZZ_CHECK(g->name[0] && strlen(g->name) <= DM_NAME_MAX && !strchr(g->name, '/'));
	FUZZ_CHECK(g->n_rules && g->n_rules <= DM_RULES_MAX && g->n_triggers <= DM_TRIGGERS_MAX);
	for (size_t i = 0; i < g->n_rules; i++) {
		const struct dm_rule *r = &g->rules[i];

		FUZZ_CHECK(r->pid || r->exe[0] || r->has_uid || r->cgroup[0] || r->container[0]);
		FUZZ_CHECK(memchr(r->exe, 0, sizeof(r->exe)));
		FUZZ_CHECK(memchr(r->cgroup, 0, sizeof(r->cgroup)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dm_complaint *list;
	struct dm_config *c = NULL;
	bool wrong = false;
	size_t n;
	int err = dm_config_parse((const char *)data, size, &c, &list, &n);

	for (size_t i = 0; i < n; i++) {
		FUZZ_CHECK(list[i].what[0] && list[i].fix[0]);
		FUZZ_CHECK(!i || list[i].line >= list[i - 1].line);
		wrong |= !list[i].note;
	}
	FUZZ_CHECK(wrong == !!err && !c == !!err);
	if (c) {
		FUZZ_CHECK(c->n_groups <= DM_GROUPS_MAX && c->state[0] == '/');
		FUZZ_CHECK(c->keep_ns && c->keep_bytes && c->max_targets && c->max_viewers);
		for (size_t i = 0; i < c->n_groups; i++)
			check_group(&c->groups[i]);
	}
	free(list);
	dm_config_free(c);
	return 0;
}
