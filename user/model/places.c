/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * places.c - which function an address of a stack lies in, and which files code
 * came from: what PLACE and MODULE events tell.
 *
 * A place belongs to one address space: exec gives a process a new mm, so what is
 * said of an address stays true for the stacks that were taken then. Both tables
 * are bounded; who finds no room goes unnamed. Must not: read files (user/sym does).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/index.h"
#include "user/model/internal.h"
#include "user/model/tell.h"
#include "user/util/util.h"

#define PLACES_MAX  (1u << 18)
#define MODULES_MAX (1u << 14)

/* In the order they came, so that a state dump tells them in that order. */
struct mp_places {
	struct mp_place *v;
	size_t n, cap;
	struct mp_index *index; /* key_of() to number */
	struct mp_module *mod;
	size_t n_mod, cap_mod;
};

/* Two places may have one key: then the later one stays unnamed. */
static uint64_t key_of(uint32_t mm, uint64_t ip)
{
	return ip ^ (uint64_t)mm << 40;
}

static struct mp_places *places(struct mp_model *m)
{
	if (!m->places)
		m->places = calloc(1, sizeof(*m->places));
	return m->places;
}

void places_free(struct mp_model *m)
{
	struct mp_places *t = m->places;

	if (!t)
		return;
	mp_index_free(t->index);
	free(t->v);
	free(t->mod);
	free(t);
	m->places = NULL;
}

const struct mp_place *mp_model_place(const struct mp_model *m, uint32_t mm, uint64_t ip)
{
	const struct mp_places *t = m->places;
	size_t i = t ? mp_index_find(t->index, key_of(mm, ip)) : MP_INDEX_NONE;

	if (i == MP_INDEX_NONE || t->v[i].mm != mm || t->v[i].ip != ip)
		return NULL;
	return &t->v[i];
}

const struct mp_module *mp_model_module(const struct mp_model *m, uint32_t id)
{
	const struct mp_places *t = m->places;

	for (size_t i = 0; t && i < t->n_mod; i++)
		if (t->mod[i].id == id)
			return &t->mod[i];
	return NULL;
}

size_t mp_model_n_modules(const struct mp_model *m)
{
	return m->places ? m->places->n_mod : 0;
}

const struct mp_module *mp_model_module_at(const struct mp_model *m, size_t i)
{
	return i < mp_model_n_modules(m) ? &m->places->mod[i] : NULL;
}

int fold_place(struct mp_model *m, const struct mp_event *e)
{
	struct mp_place p = { .ip = e->place.ip,
			      .off = e->place.off,
			      .maddr = e->place.maddr,
			      .mm = e->mm,
			      .name = (uint32_t)e->place.name,
			      .module = e->x,
			      .source = e->sub };
	struct mp_places *t = places(m);
	uint64_t key = key_of(p.mm, p.ip);
	size_t i;
	int err;

	if (!t)
		return -ENOMEM;
	i = mp_index_find(t->index, key);
	if (i != MP_INDEX_NONE) {
		if (t->v[i].mm == p.mm && t->v[i].ip == p.ip)
			t->v[i] = p;
		return 0;
	}
	if (t->n == PLACES_MAX)
		return 0;
	err = mp_grow(&t->v, &t->cap, t->n + 1, sizeof(*t->v));
	if (!err)
		err = mp_index_add(&t->index, key, t->n);
	if (!err)
		t->v[t->n++] = p;
	return err;
}

int fold_module(struct mp_model *m, const struct mp_event *e)
{
	struct mp_module mod = { .id = e->x,
				 .name = (uint32_t)e->module.name,
				 .dev = e->module.dev,
				 .ino = e->module.ino,
				 .n_build = e->flags };
	struct mp_places *t = places(m);

	if (!t)
		return -ENOMEM;
	if (!mod.id || mod.n_build > sizeof(mod.build))
		return -EINVAL;
	memcpy(mod.build, e->module.build, sizeof(mod.build));
	for (size_t i = 0; i < t->n_mod; i++) {
		if (t->mod[i].id == mod.id) {
			t->mod[i] = mod;
			return 0;
		}
	}
	if (t->n_mod == MODULES_MAX)
		return 0;
	if (mp_grow(&t->mod, &t->cap_mod, t->n_mod + 1, sizeof(*t->mod)))
		return -ENOMEM;
	t->mod[t->n_mod++] = mod;
	return 0;
}

unsigned places_fill(const struct mp_model *m)
{
	const struct mp_places *t = m->places;
	size_t n = t ? t->n * 100 / PLACES_MAX : 0, mod = t ? t->n_mod * 100 / MODULES_MAX : 0;

	return (unsigned)(n > mod ? n : mod);
}

int places_dump(const struct mp_model *m, mp_emit_fn *emit, void *ctx)
{
	const struct mp_places *t = m->places;
	int err = 0;

	for (size_t i = 0; t && i < t->n_mod && !err; i++)
		err = mp_tell_module(&t->mod[i], m->now, emit, ctx);
	for (size_t i = 0; t && i < t->n && !err; i++)
		err = mp_tell_place(&t->v[i], t->v[i].mm, m->now, emit, ctx);
	return err;
}
