/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * redact_names.h - strings to others that name no file, no place and no person.
 *
 * Owns: which names everybody has and may stay. For redact.c only, and its test.
 */
#ifndef MEMPROF_EXPORT_REDACT_NAMES_H
#define MEMPROF_EXPORT_REDACT_NAMES_H

#include <stddef.h>
#include <stdint.h>

/* What a string is, by where it is used; the lowest decides if it is several. */
enum mp_name_role {
	MP_NAME_PATH = 1 << 0, /* a mapped file, or what stands in its place  */
	MP_NAME_EXE = 1 << 1,  /* the path of a program                       */
	MP_NAME_COMM = 1 << 2, /* of a process or thread                      */
	MP_NAME_CGROUP = 1 << 3,
	MP_NAME_NOTE = 1 << 4,	  /* what a program or somebody set as a mark    */
	MP_NAME_WORDS = 1 << 5,	  /* of a runtime or of memprof: paths may be in it */
	MP_NAME_CODE = 1 << 6,	  /* a function compiled at run time: the same   */
	MP_NAME_PRIVATE = 1 << 7, /* arguments, environment: goes                */
};

struct mp_name {
	char *text;	/* NULL: no such string */
	uint32_t total; /* bytes it will have when all pieces are in */
	uint32_t roles; /* enum mp_name_role */
	char *instead;	/* after mp_names_ready(); NULL: goes */
};

struct mp_index;

/* All zero: empty. */
struct mp_names {
	struct mp_name *v; /* by id */
	size_t n, cap;
	struct mp_index *numbers; /* by hash of a path or name: its number */
	uint32_t next;
};

/* A piece of a string. 0, -EINVAL (a piece that cannot be), -ENOMEM. */
int mp_names_piece(struct mp_names *ns, uint32_t id, uint32_t total, uint32_t pos, const char *text,
		   size_t len);
void mp_names_use(struct mp_names *ns, uint64_t id, enum mp_name_role role);
/* After all: chooses what stands for each. 0 or -ENOMEM. */
int mp_names_ready(struct mp_names *ns);
/* What stands for a string; NULL: nothing. */
const char *mp_names_instead(const struct mp_names *ns, uint64_t id);
void mp_names_free(struct mp_names *ns);

#endif /* MEMPROF_EXPORT_REDACT_NAMES_H */
