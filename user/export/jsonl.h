/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * jsonl.h - what jsonl.c and jsonl_schema.c share, and nothing else.
 */
#ifndef MEMPROF_EXPORT_JSONL_H
#define MEMPROF_EXPORT_JSONL_H

#include <stddef.h>
#include <stdio.h>

#include "user/view/event.h"

/* The key of a field; it says the unit where that is not bytes: "dur_ns". Returns buf. */
const char *mp_jsonl_key(const struct mp_field_row *fd, char *buf, size_t size);
/* 0 or -errno; there is one table only. */
int mp_jsonl_schema(FILE *f, const char *table);

#endif /* MEMPROF_EXPORT_JSONL_H */
