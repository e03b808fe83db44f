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

#include "user/model/internal.h"
#include "user/util/util.h"

#define STACKS_MAX 32768u

/*
 * Invariant: slot[] is a table of open addressing over v[] (index + 1, 0 = free),
 * a power of two and at least twice n; stacks never leave it one by one.
 */
struct mp_stacks {
	struct mp_stack **v; /* in the order they came: so a state dump tells them */
	size_t n, cap;
	uint32_t *slot;
	size_t n_slots;
};

/* The slot that holds the id, or the free one where it would go. */
static size_t slot_of(const struct mp_stacks *t, uint64_t id)
{
	size_t i = (size_t)(id * 0x9e3779b97f4a7c15ULL >> 32) & (t->n_slots - 1);

	while (t->slot[i] && t->v[t->slot[i] - 1]->id != id)
		i = (i + 1) & (t->n_slots - 1);
	return i;
}

static int slots_grow(struct mp_stacks *t)
{
	size_t n = t->n_slots ? t->n_slots * 2 : 64;
	uint32_t *s;

	if (t->n * 2 + 2 <= t->n_slots)
		return 0;
	s = calloc(n, sizeof(*s));
	if (!s)
		return -ENOMEM;
	free(t->slot);
	t->slot = s;
	t->n_slots = n;
	for (size_t i = 0; i < t->n; i++)
		t->slot[slot_of(t, t->v[i]->id)] = (uint32_t)i + 1;
	return 0;
}

static struct mp_stack *find(const struct mp_stacks *t, uint64_t id)
{
	size_t i;

	if (!t || !t->n)
		return NULL;
	i = slot_of(t, id);
	return t->slot[i] ? t->v[t->slot[i] - 1] : NULL;
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
	free(t->slot);
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
	if (mp_grow(&t->v, &t->cap, t->n + 1, sizeof(*t->v)) || slots_grow(t))
		return -ENOMEM;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->id = id;
	t->v[t->n++] = s;
	t->slot[slot_of(t, id)] = (uint32_t)t->n;
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

int stacks_dump(const struct mp_model *m, int (*emit)(void *ctx, const struct mp_event *e),
		void *ctx)
{
	const struct mp_stacks *t = m->stacks;
	int err = 0;

	for (size_t i = 0; t && i < t->n; i++) {
		const struct mp_stack *s = t->v[i];

		for (uint32_t pos = 0; pos < s->n && !err; pos += MP_STACK_CHUNK) {
			struct mp_event e = {
				.ts = m->now, .type = MP_EV_STACK, .mm = s->mm, .x = s->total
			};

			e.stack.id = s->id;
			e.stack.pos = pos;
			for (uint32_t k = 0; k < MP_STACK_CHUNK && pos + k < s->n; k++)
				e.stack.ip[k] = s->ip[pos + k];
			err = emit(ctx, &e);
		}
	}
	return err;
}

char *mp_frame_text(const struct mp_model *m, uint32_t mm, uint64_t ip, char *buf, size_t size)
{
	const struct mp_proc *p = mp_model_proc(m, mm);
	const struct mp_mapping *v = p ? mp_proc_find(p, ip) : NULL;
	const char *name = v ? mp_str(m, v->name) : "", *base = strrchr(name, '/');

	if (*name && strcmp(name, "?"))
		snprintf(buf, size, "%s+0x%" PRIx64, base ? base + 1 : name,
			 ip - v->start + v->off);
	else
		snprintf(buf, size, "0x%" PRIx64, ip);
	return buf;
}
