/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * hooks.c - what --hooks says, see probes.h. Pure: needs no BPF, so that a config is checked
 * and tested without it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "user/live/probes.h"
#include "user/model/model.h"
#include "user/util/diag.h"

static unsigned rung_by_name(const char *s)
{
	for (unsigned r = 1; r < MP_RUNG_MAX; r++)
		if (!strcmp(s, mp_rung_name(r)))
			return r;
	return 0;
}

static unsigned feature_by_name(const char *s)
{
	for (unsigned f = 1; f < MP_FEAT_MAX; f++)
		if (!strcmp(s, mp_feature_name(f)))
			return f;
	return 0;
}

/* One word of the list. The first FEATURE=RUNG of a feature drops its default;
 * a bare RUNG drops the default of all. */
static int parse_word(char *word, struct mp_hooks *h, bool set[MP_FEAT_MAX], bool *all)
{
	char *eq = strchr(word, '=');
	unsigned f, r;

	if (!eq) {
		r = rung_by_name(word);
		if (!r)
			return -EINVAL;
		if (!*all)
			for (f = 1; f < MP_FEAT_MAX; f++)
				if (!set[f])
					h->allow[f] = 0;
		*all = true;
		for (f = 1; f < MP_FEAT_MAX; f++)
			if (!set[f])
				h->allow[f] |= 1u << r;
		return 0;
	}
	*eq = 0;
	f = feature_by_name(word);
	r = rung_by_name(eq + 1);
	if (!f || (!r && strcmp(eq + 1, "off"))) {
		*eq = '=';
		return -EINVAL;
	}
	if (!set[f])
		h->allow[f] = 0;
	set[f] = true;
	if (r)
		h->allow[f] |= 1u << r;
	return 0;
}

int mp_hooks_parse(const char *s, struct mp_hooks *h, struct mp_diag *diag)
{
	char buf[256], *save = NULL;
	bool set[MP_FEAT_MAX] = { 0 }, all = false;

	for (unsigned f = 0; f < MP_FEAT_MAX; f++)
		h->allow[f] = ~0u;
	h->none = s && !strcmp(s, "none");
	if (!s || !*s || !strcmp(s, "auto") || h->none)
		return 0;
	if (strlen(s) >= sizeof(buf))
		return mp_diag_set(diag, -EINVAL, MP_EXIT_USAGE, "--hooks: too long", "", "");
	strcpy(buf, s);
	for (char *w = strtok_r(buf, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		if (!parse_word(w, h, set, &all))
			continue;
		mp_diag_fmt(diag->what, "--hooks: '%.60s' is not understood", w);
		return mp_diag_set(
			diag, -EINVAL, MP_EXIT_USAGE, NULL,
			"it takes auto, none, or a list of RUNG, FEATURE=RUNG, FEATURE=off",
			"memprof doctor  # lists features and rungs");
	}
	return 0;
}
