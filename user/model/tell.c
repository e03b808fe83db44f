/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tell.c - see tell.h.
 */
#include "user/model/tell.h"

#include <string.h>

/* An empty one has a piece, too: it says that it is there. */
static int tell_str(uint32_t id, const char *s, uint32_t total, uint64_t ts, mp_emit_fn *emit,
		    void *ctx)
{
	size_t len = strlen(s), pos = 0;
	int err;

	do {
		struct mp_event e = { .ts = ts, .type = MP_EV_STR, .x = total };
		size_t n = len - pos < MP_STR_CHUNK ? len - pos : MP_STR_CHUNK;

		e.str.id = id;
		e.str.pos = (uint32_t)pos;
		memcpy(e.str.text, s + pos, n);
		err = emit(ctx, &e);
		pos += n;
	} while (!err && pos < len);
	return err;
}

int mp_tell_str(uint32_t id, const char *s, uint64_t ts, mp_emit_fn *emit, void *ctx)
{
	return tell_str(id, s, (uint32_t)strlen(s), ts, emit, ctx);
}

int mp_tell_known(const struct mp_model *m, uint32_t id, uint64_t ts, mp_emit_fn *emit, void *ctx)
{
	return tell_str(id, m->strs[id], m->str_total[id], ts, emit, ctx);
}

int mp_tell_stack(const struct mp_stack *s, uint32_t mm, uint64_t ts, mp_emit_fn *emit, void *ctx)
{
	int err = 0;

	for (uint32_t pos = 0; pos < s->n && !err; pos += MP_STACK_CHUNK) {
		struct mp_event e = { .ts = ts, .type = MP_EV_STACK, .mm = mm, .x = s->total };

		e.stack.id = s->id;
		e.stack.pos = pos;
		for (uint32_t k = 0; k < MP_STACK_CHUNK && pos + k < s->n; k++)
			e.stack.ip[k] = s->ip[pos + k];
		err = emit(ctx, &e);
	}
	return err;
}

int mp_tell_place(const struct mp_place *p, uint32_t mm, uint64_t ts, mp_emit_fn *emit, void *ctx)
{
	struct mp_event e = {
		.ts = ts, .type = MP_EV_PLACE, .sub = p->source, .mm = mm, .x = p->module
	};

	e.place.ip = p->ip;
	e.place.off = p->off;
	e.place.maddr = p->maddr;
	e.place.name = p->name;
	return emit(ctx, &e);
}

int mp_tell_module(const struct mp_module *mod, uint64_t ts, mp_emit_fn *emit, void *ctx)
{
	struct mp_event e = { .ts = ts, .type = MP_EV_MODULE, .flags = mod->n_build, .x = mod->id };

	e.module.name = mod->name;
	e.module.dev = mod->dev;
	e.module.ino = mod->ino;
	memcpy(e.module.build, mod->build, sizeof(mod->build));
	return emit(ctx, &e);
}
