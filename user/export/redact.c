/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * redact.c - see redact.h: which field of which event is an address or a string.
 *
 * Owns: the walk over the fields, and numbers of files. Both readings walk the same
 * functions, so that what is replaced was learned.
 */
#include "user/export/redact.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "user/export/redact_addr.h"
#include "user/export/redact_names.h"
#include "user/model/index.h"
#include "user/model/tell.h"
#include "user/view/event.h"

/* Fields of MP_TOTAL_PROC with addresses in them: numbers of user/model/dump.c. */
enum { PROC_PRINTS = 60, PROC_WAITING = 72 };
#define HUGE_SHIFT 21 /* of words of MP_TOTAL_LONE, 8 bits up: user/model/faults.c */

struct mp_redact {
	bool second; /* reading: fields are replaced, not learned */
	int err;
	struct mp_addrs addrs;
	struct mp_names names;
	struct mp_index *files, *devs; /* numbers of inodes and of devices */
	uint64_t n_files, n_devs;
};

struct mp_redact *mp_redact_new(void)
{
	return calloc(1, sizeof(struct mp_redact));
}

void mp_redact_free(struct mp_redact *r)
{
	if (!r)
		return;
	mp_addrs_free(&r->addrs);
	mp_names_free(&r->names);
	mp_index_free(r->files);
	mp_index_free(r->devs);
	free(r);
}

/* --- addresses ------------------------------------------------------------------------------ */

/* An address and what lies from it to addr + len; a length that cannot be is none. */
static uint64_t range(struct mp_redact *r, uint64_t addr, uint64_t len)
{
	if (!addr || addr == MP_UNKNOWN)
		return addr;
	if (len > 1ULL << 47 || addr + len < addr)
		len = 0;
	if (r->second)
		return mp_addrs_map(&r->addrs, addr);
	if (!r->err)
		r->err = mp_addrs_add(&r->addrs, addr, addr + len);
	return addr;
}

static uint64_t point(struct mp_redact *r, uint64_t addr)
{
	return range(r, addr, 0);
}

static void walk_call(struct mp_redact *r, struct mp_event *e)
{
	bool failed = e->flags & MP_CALL_FAILED;
	uint64_t len = failed ? 0 : e->call.len; /* of what was refused anything may be asked */

	e->call.addr = range(r, e->call.addr, len);
	switch (e->sub) {
	case MP_CALL_MMAP:
		if (!failed)
			e->call.ret = (int64_t)range(r, (uint64_t)e->call.ret, len);
		break;
	case MP_CALL_MREMAP:
		if (!failed)
			e->call.ret = (int64_t)range(r, (uint64_t)e->call.ret, e->call.len2);
		break;
	case MP_CALL_SHMAT:
		if (!failed)
			e->call.ret = (int64_t)point(r, (uint64_t)e->call.ret);
		break;
	case MP_CALL_BRK: /* returns the break, also when it could not move it */
		e->call.len2 = point(r, e->call.len2);
		e->call.ret = (int64_t)point(r, (uint64_t)e->call.ret);
		break;
	default:
		break;
	}
}

/* Words of state dumps that hold addresses. */
static void walk_total(struct mp_redact *r, struct mp_event *e)
{
	size_t last = offsetof(struct mp_thread, last_addr) / sizeof(uint64_t);

	switch (e->sub) {
	case MP_TOTAL_MAP:
	case MP_TOTAL_MAP_KINDS:
		e->v[0] = point(r, e->v[0]);
		break;
	case MP_TOTAL_THREAD:
		if (e->x <= last && last < e->x + 7)
			e->v[last - e->x] = point(r, e->v[last - e->x]);
		break;
	case MP_TOTAL_LONE:
		for (size_t i = 0; i < 7; i++)
			e->v[i] = point(r, e->v[i] >> 8 << HUGE_SHIFT) >> HUGE_SHIFT << 8 |
				  (e->v[i] & 0xff);
		break;
	case MP_TOTAL_PROC:
		for (size_t i = 0; i < 7; i++) {
			size_t at = e->flags + i; /* prints: seen, then borders; waiting: pairs */

			if ((e->x == PROC_PRINTS && at > 0 && at < 5) ||
			    (e->x == PROC_WAITING && at % 2 == 0))
				e->v[i] = point(r, e->v[i]);
		}
		break;
	default:
		break;
	}
}

static void walk_addrs(struct mp_redact *r, struct mp_event *e)
{
	switch (e->type) {
	case MP_EV_FAULT:
		e->fault.addr = range(r, e->fault.addr, e->x * MP_PAGE_SIZE);
		e->fault.ip = point(r, e->fault.ip);
		break;
	case MP_EV_CALL:
		walk_call(r, e);
		break;
	case MP_EV_MAP:
		if (e->map.end >= e->map.start) /* before start is replaced */
			range(r, e->map.start, e->map.end - e->map.start);
		e->map.start = point(r, e->map.start);
		e->map.end = point(r, e->map.end);
		break;
	case MP_EV_PAGES:
		e->pages.addr = range(r, e->pages.addr, e->pages.len);
		break;
	case MP_EV_HEAP_RANGE:
		e->range.addr = range(r, e->range.addr, e->range.len);
		break;
	case MP_EV_SAMPLE:
		e->sample.addr = point(r, e->sample.addr);
		break;
	case MP_EV_MAJOR:
		e->major.addr = point(r, e->major.addr);
		e->major.ip = point(r, e->major.ip);
		break;
	case MP_EV_STACK:
		for (size_t i = 0; i < MP_STACK_CHUNK; i++)
			e->stack.ip[i] = point(r, e->stack.ip[i]);
		break;
	case MP_EV_SITE:
		e->site.addr = point(r, e->site.addr);
		break;
	case MP_EV_PLACE:
		e->place.ip = point(r, e->place.ip);
		if (!e->x) /* in no file: it says where in memory */
			e->place.maddr = 0;
		break;
	case MP_EV_TOTAL:
		walk_total(r, e);
		break;
	default:
		break;
	}
}

/* --- files and strings
 * ---------------------------------------------------------------------------- */

static uint64_t numbered(struct mp_redact *r, struct mp_index **ix, uint64_t *n, uint64_t key)
{
	size_t i = mp_index_find(*ix, key);

	if (i != MP_INDEX_NONE)
		return i;
	if (!r->err && mp_index_add(ix, key, ++*n))
		r->err = -ENOMEM;
	return *n;
}

/* Which files are one stays to be seen; 0 is none. */
static uint64_t file_of(struct mp_redact *r, uint64_t dev, uint64_t ino)
{
	uint64_t key = ino * 0x9e3779b97f4a7c15ULL ^ dev;

	return ino ? numbered(r, &r->files, &r->n_files, key) : 0;
}

static uint64_t dev_of(struct mp_redact *r, uint64_t dev)
{
	return dev ? numbered(r, &r->devs, &r->n_devs, dev) : 0;
}

static enum mp_name_role meta_role(unsigned key)
{
	switch (key) {
	case MP_META_COMM:
		return MP_NAME_COMM;
	case MP_META_EXE:
		return MP_NAME_EXE;
	case MP_META_CMDLINE:
	case MP_META_ENVIRON:
		return MP_NAME_PRIVATE;
	default:
		return MP_NAME_WORDS;
	}
}

static enum mp_name_role role_of(const struct mp_event *e)
{
	switch (e->type) {
	case MP_EV_MAP:
	case MP_EV_MODULE:
		return MP_NAME_PATH;
	case MP_EV_CGROUP:
		return MP_NAME_CGROUP;
	case MP_EV_NOTE:
		return MP_NAME_NOTE;
	case MP_EV_META:
		return meta_role(e->sub);
	case MP_EV_PLACE:
		return e->sub == MP_PLACE_PERFMAP ? MP_NAME_CODE : MP_NAME_WORDS;
	default:
		return MP_NAME_WORDS;
	}
}

/* A string id among the words of a record; off: of the id in the record. */
static void use_name_at(struct mp_redact *r, const struct mp_event *e, size_t off,
			enum mp_name_role role)
{
	size_t from = e->x * sizeof(uint64_t);
	uint32_t id;

	if (off < from || off + sizeof(id) > from + sizeof(e->v))
		return;
	memcpy(&id, (const char *)e->v + (off - from), sizeof(id));
	mp_names_use(&r->names, id, role);
}

/* State dumps tell threads and collections in words of their own. */
static void use_names_of_total(struct mp_redact *r, const struct mp_event *e)
{
	if (e->sub == MP_TOTAL_THREAD)
		use_name_at(r, e, offsetof(struct mp_thread, name), MP_NAME_COMM);
	else if (e->sub == MP_TOTAL_GC)
		use_name_at(r, e, offsetof(struct mp_gc, reason), MP_NAME_WORDS);
}

/* Every field that names a string, by the table of fields. */
static void use_names(struct mp_redact *r, const struct mp_event *e)
{
	const struct mp_event_type *t = mp_event_type(e->type);

	for (const struct mp_field_row *f = t ? t->fields : NULL; f && f->key; f++) {
		enum mp_name_role role = role_of(e);

		if (f->unit != MP_U_STR || (f->when && !f->when(e)))
			continue;
		if (e->type == MP_EV_TASK)
			role = strcmp(f->key, "exe") == 0 ? MP_NAME_EXE : MP_NAME_COMM;
		mp_names_use(&r->names, mp_field_load(e, f), role);
	}
	if (e->type == MP_EV_TOTAL)
		use_names_of_total(r, e);
}

static void walk(struct mp_redact *r, struct mp_event *e)
{
	walk_addrs(r, e);
	if (e->type == MP_EV_MAP) {
		e->map.ino = file_of(r, e->map.dev, e->map.ino);
		e->map.dev = dev_of(r, e->map.dev);
	} else if (e->type == MP_EV_MODULE) {
		e->module.ino = file_of(r, e->module.dev, e->module.ino);
		e->module.dev = dev_of(r, e->module.dev);
	} else if (e->type == MP_EV_TASK)
		memset(e->task.rsvd, 0, sizeof(e->task.rsvd));
}

/* --- the two readings
 * ------------------------------------------------------------------------------ */

int mp_redact_look(struct mp_redact *r, const struct mp_event *e)
{
	struct mp_event copy = *e;
	int err;

	if (e->type == MP_EV_STR) {
		size_t len;
		const char *text = mp_event_piece(e, &len);

		err = mp_names_piece(&r->names, e->str.id, e->x, e->str.pos, text, len);
		return err == -EINVAL ? 0 : err; /* what cannot be is left out later */
	}
	use_names(r, e);
	walk(r, &copy);
	return r->err;
}

int mp_redact_ready(struct mp_redact *r)
{
	r->second = true;
	mp_addrs_place(&r->addrs);
	return mp_names_ready(&r->names);
}

static int emit_string(struct mp_redact *r, const struct mp_event *e, mp_emit_fn *emit, void *ctx)
{
	const char *text = mp_names_instead(&r->names, e->str.id);

	if (!text || e->str.pos)
		return 0; /* it goes, or came as a whole with its first piece */
	return mp_tell_str(e->str.id, text, e->ts, emit, ctx);
}

int mp_redact_event(struct mp_redact *r, const struct mp_event *e,
		    int (*emit)(void *ctx, const struct mp_event *e), void *ctx)
{
	struct mp_event copy = *e;

	if (e->type == MP_EV_STR)
		return emit_string(r, e, emit, ctx);
	if (e->type == MP_EV_POINT || !mp_event_type(e->type))
		return 0; /* summaries are made anew; of what is not known nothing is known */
	if (e->type == MP_EV_META && meta_role(e->sub) == MP_NAME_PRIVATE)
		return 0;
	walk(r, &copy);
	return emit(ctx, &copy);
}
