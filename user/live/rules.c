/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rules.c - see rules.h.
 *
 * Names are looked up by their longest beginning that is in the map, so each key carries the
 * rules of all shorter keys that it begins with, and of the rules that ask for no name. A whole
 * name is compared with the NUL that ends it.
 */
#include "user/live/rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/live/procfs.h"
#include "user/rt/cgroup_text.h"

_Static_assert(MP_RULE_NAME_MAX == MP_RULE_EXE_MAX - 1, "room for the NUL that ends a name");

static uint64_t bit_of(size_t rule)
{
	return 1ULL << (rule < 63 ? rule : 63);
}

static int add_uid(struct rule_keys *k, uint32_t uid, uint64_t bit)
{
	size_t i = 0;

	while (i < k->n_uids && k->uids[i] != uid)
		i++;
	if (i == MP_RULE_KEYS_MAX)
		return -E2BIG;
	k->n_uids += i == k->n_uids;
	k->uids[i] = uid;
	k->uid_masks[i] |= bit;
	return 0;
}

/* A key of both maps: the bits to compare, then text. */
static int add_name(void *keys, size_t size, uint64_t *masks, size_t *n,
		    const struct mp_rule_name *name, uint64_t bit)
{
	char key[sizeof(struct mp_rule_group)] = "";
	size_t room = size - sizeof(uint32_t), len = strlen(name->text), i = 0;
	uint32_t bits;

	/* Of a name that is too long its beginning is compared, as the kernel side reads it. */
	if (len >= room)
		len = room - 1;
	bits = (uint32_t)(len + (name->whole && len == strlen(name->text))) * 8;
	memcpy(key, &bits, sizeof(bits));
	memcpy(key + sizeof(bits), name->text, len);
	while (i < *n && memcmp((char *)keys + i * size, key, size))
		i++;
	if (i == MP_RULE_KEYS_MAX)
		return -E2BIG;
	*n += i == *n;
	memcpy((char *)keys + i * size, key, size);
	masks[i] |= bit;
	return 0;
}

/* Each key takes over what its beginnings ask for. Masks only grow, so that the order in which
 * this is done does not matter. */
static void inherit(void *keys, size_t size, uint64_t *masks, size_t n, uint64_t any)
{
	for (size_t i = 0; i < n; i++) {
		const char *key = (char *)keys + i * size;
		uint32_t bits, shorter;

		memcpy(&bits, key, sizeof(bits));
		masks[i] |= any;
		for (size_t j = 0; j < n; j++) {
			const char *other = (char *)keys + j * size;

			memcpy(&shorter, other, sizeof(shorter));
			if (shorter < bits &&
			    !memcmp(key + sizeof(bits), other + sizeof(bits), shorter / 8))
				masks[i] |= masks[j];
		}
	}
}

static int add_rule(struct rule_keys *k, const struct mp_exec_rule *r, uint64_t bit)
{
	int err = 0;

	k->all |= bit;
	if (r->has_uid)
		err = add_uid(k, r->uid, bit);
	else
		k->any[0] |= bit;
	if (!err && r->exe.text[0])
		err = add_name(k->exes, sizeof(*k->exes), k->exe_masks, &k->n_exes, &r->exe, bit);
	else
		k->any[1] |= bit;
	for (unsigned i = 0; i < r->n_groups && !err; i++)
		err = add_name(k->groups, sizeof(*k->groups), k->group_masks, &k->n_groups,
			       &r->groups[i], bit);
	if (!r->n_groups)
		k->any[2] |= bit;
	return err;
}

int rules_keys(const struct mp_exec_rule *r, size_t n, struct rule_keys *k)
{
	int err = 0;

	*k = (struct rule_keys){ .uids = calloc(MP_RULE_KEYS_MAX, sizeof(*k->uids)),
				 .exes = calloc(MP_RULE_KEYS_MAX, sizeof(*k->exes)),
				 .groups = calloc(MP_RULE_KEYS_MAX, sizeof(*k->groups)),
				 .uid_masks = calloc(MP_RULE_KEYS_MAX, sizeof(uint64_t)),
				 .exe_masks = calloc(MP_RULE_KEYS_MAX, sizeof(uint64_t)),
				 .group_masks = calloc(MP_RULE_KEYS_MAX, sizeof(uint64_t)) };
	if (!k->uids || !k->exes || !k->groups || !k->uid_masks || !k->exe_masks || !k->group_masks)
		err = -ENOMEM;
	for (size_t i = 0; i < n && !err; i++)
		err = add_rule(k, &r[i], bit_of(i));
	for (size_t i = 0; i < k->n_uids; i++)
		k->uid_masks[i] |= k->any[0];
	inherit(k->exes, sizeof(*k->exes), k->exe_masks, k->n_exes, k->any[1]);
	inherit(k->groups, sizeof(*k->groups), k->group_masks, k->n_groups, 0);
	return err;
}

void rules_keys_free(struct rule_keys *k)
{
	free(k->uids);
	free(k->exes);
	free(k->groups);
	free(k->uid_masks);
	free(k->exe_masks);
	free(k->group_masks);
}

bool rules_groups_v1(void)
{
	char groups[CGROUP_TEXT_MAX];
	unsigned version;
	size_t len;

	return !proc_text_read("/proc/self/cgroup", groups, sizeof(groups), NULL) &&
	       cgroup_path(groups, &version, &len) && version == 1;
}
