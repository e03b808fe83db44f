/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tell.h - the events that tell a string, a stack, a file of code, a place in it: what the model
 * keeps of them, as it came.
 *
 * Owns: which field goes where, and the pieces. Must not: know what was told before, or to whom.
 * All stop at emit's first non-zero result and return it.
 */
#ifndef MEMPROF_MODEL_TELL_H
#define MEMPROF_MODEL_TELL_H

#include "user/model/model.h"

/* A string of MP_STR_MAX bytes at most. */
int mp_tell_str(uint32_t id, const char *s, uint64_t ts, mp_emit_fn *emit, void *ctx);
/* The same of one that m has, all of it or what came so far. */
int mp_tell_known(const struct mp_model *m, uint32_t id, uint64_t ts, mp_emit_fn *emit, void *ctx);
/* mm: in whose address space it is told. */
int mp_tell_stack(const struct mp_stack *s, uint32_t mm, uint64_t ts, mp_emit_fn *emit, void *ctx);
int mp_tell_place(const struct mp_place *p, uint32_t mm, uint64_t ts, mp_emit_fn *emit, void *ctx);
int mp_tell_module(const struct mp_module *mod, uint64_t ts, mp_emit_fn *emit, void *ctx);

#endif /* MEMPROF_MODEL_TELL_H */
