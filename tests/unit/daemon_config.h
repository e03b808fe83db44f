/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * daemon_config.h - the config of a daemon whose state lies where a test wants it.
 */
#ifndef TESTS_DAEMON_CONFIG_H
#define TESTS_DAEMON_CONFIG_H

#include "tests/unit/ev.h"
#include "user/daemon/config.h"

/* For dm_config_free(). */
static inline struct dm_config *config_of(const char *text, const char *state)
{
	struct dm_complaint *list;
	struct dm_config *c;
	size_t n;

	if (dm_config_parse(text, strlen(text), &c, &list, &n))
		fail_msg("%u: %s", list->line, list->what);
	free(list);
	free(c->state);
	c->state = strdup(state);
	return c;
}

#endif /* TESTS_DAEMON_CONFIG_H */
