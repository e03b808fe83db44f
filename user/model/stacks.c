/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stacks.c - user stacks by id: what STACK events tell, and words for a frame.
 *
 * A stack comes in pieces of MP_STACK_CHUNK frames, in order. The table is
 * bounded (STACKS_MAX stacks of MP_STACK_MAX frames): a stack that finds no room
 * is counted as lost and its sites stand without one. Must not: read files; a
 * frame is named by the mapping it lies in.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/index.h"
#include "user/model/internal.h"
#include "user/model/tell.h"
#include "user/util/util.h"

#define STACKS_MAX (1u << 17)

struct mp_stacks {
	struct mp_stack **v; /* in the order they came: so a state dump tells them */
	size_t n, cap;
	struct mp_index *index; /* id to place in v */
};

static struct mp_stack *find(const struct mp_stacks *t, uint64_t id)
{
	size_t i = t ? mp_index_find(t->index, id) : MP_INDEX_NONE;

	return i == MP_INDEX_NONE ? NULL : t->v[i];
}

const struct mp_stack *mp_model_stack(const struct mp_model *m, uint64_t id)
{
	return find(m->stacks, id);
}

void stacks_free(struct mp_model *m)
{
	struct mp_stacks *t = m->stacks;

	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++) {
		free(t->v[i]->ip);
		free(t->v[i]);
	}
	free(t->v);
	mp_index_free(t->index);
	free(t);
	m->stacks = NULL;
}

static int add(struct mp_model *m, uint64_t id, struct mp_stack **ret)
{
	struct mp_stacks *t = m->stacks;
	struct mp_stack *s;

	if (!t) {
		t = m->stacks = calloc(1, sizeof(*t));
		if (!t)
			return -ENOMEM;
	}
	if (t->n == STACKS_MAX) {
		m->lost[MP_LOSS_STACK]++;
		m->lost_total++;
		return 0;
	}
	if (mp_grow(&t->v, &t->cap, t->n + 1, sizeof(*t->v)))
		return -ENOMEM;
	s = calloc(1, sizeof(*s));
	if (!s || mp_index_add(&t->index, id, t->n)) {
		free(s);
		return -ENOMEM;
	}
	s->id = id;
	t->v[t->n++] = s;
	*ret = s;
	return 0;
}

int fold_stack(struct mp_model *m, const struct mp_event *e)
{
	uint64_t pos = e->stack.pos, total = e->x;
	struct mp_stack *s = find(m->stacks, e->stack.id);
	int err = 0;

	if (!e->stack.id || !total || total > MP_STACK_MAX || pos >= total)
		return -EINVAL;
	if (!s && pos == 0)
		err = add(m, e->stack.id, &s);
	if (err || !s)
		return err;
	if (pos == 0 && s->n < s->total)
		s->n = 0; /* begun once and not finished */
	if (pos == 0 && (!s->n || s->total != total)) {
		uint64_t *ip = realloc(s->ip, total * sizeof(*ip));

		if (!ip)
			return -ENOMEM;
		s->ip = ip;
		s->n = 0;
		s->total = (uint32_t)total;
		s->mm = e->mm;
	}
	/* A piece without those before it, or told again, is left out. */
	for (size_t i = 0; s->total == total && s->n == pos + i && s->n < total; i++) {
		if (i == MP_STACK_CHUNK)
			break;
		s->ip[s->n++] = e->stack.ip[i];
	}
	return 0;
}

unsigned stacks_fill(const struct mp_model *m)
{
	return m->stacks ? (unsigned)(m->stacks->n * 100 / STACKS_MAX) : 0;
}

int stacks_dump(const struct mp_model *m, mp_emit_fn *emit, void *ctx)
{
	const struct mp_stacks *t = m->stacks;
	int err = 0;

	for (size_t i = 0; t && i < t->n && !err; i++)
		err = mp_tell_stack(t->v[i], t->v[i]->mm, m->now, emit, ctx);
	return err;
}

/* What comes after the name is kept: a template's may be longer than the room. */
static void named_text(const char *name, uint64_t off, const char *module, char *buf, size_t size)
{
	char tail[160];
	int n = snprintf(tail, sizeof(tail), *module ? "+0x%" PRIx64 " (%.100s)" : "+0x%" PRIx64,
			 off, module);
	size_t room = size > (size_t)n ? size - (size_t)n : 1;

	if (strlen(name) < room)
		snprintf(buf, size, "%s%s", name, tail);
	else
		snprintf(buf, size, "%.*s...%s", room > 4 ? (int)room - 4 : 0, name, tail);
}

char *mp_offset_text(const char *path, uint64_t off, char *buf, size_t size)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;

	snprintf(buf, size, *path == '/' ? "%s offset 0x%" PRIx64 : "%s+0x%" PRIx64, base, off);
	return buf;
}

char *mp_frame_text(const struct mp_model *m, uint32_t mm, uint64_t ip, char *buf, size_t size)
{
	const struct mp_place *at = mp_model_place(m, mm, ip);
	const struct mp_module *mod = at ? mp_model_module(m, at->module) : NULL;
	const struct mp_proc *p = mp_model_proc(m, mm);
	const struct mp_mapping *v = p ? mp_proc_find(p, ip) : NULL;
	const char *name = v ? mp_str(m, v->name) : "", *base;

	if (at && at->name) /* code of a compiler at run time has no module */
		name = mod ? mp_str(m, mod->name) : "";
	else if (mod)
		name = mp_str(m, mod->name);
	base = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
	if (at && at->name)
		named_text(mp_str(m, at->name), at->off, base, buf, size);
	else if (mod)
		snprintf(buf, size, "%s+0x%" PRIx64, base, at->maddr);
	else if (*name && strcmp(name, "?"))
		mp_offset_text(name, ip - v->start + v->off, buf, size);
	else
		snprintf(buf, size, "0x%" PRIx64, ip);
	return buf;
}
