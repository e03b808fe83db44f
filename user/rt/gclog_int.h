/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gclog_int.h - the grammars among themselves. Each says of one line whether it is a
 * collection's record.
 */
#ifndef MEMPROF_RT_GCLOG_INT_H
#define MEMPROF_RT_GCLOG_INT_H

#include "user/rt/gclog.h"
#include "user/rt/scan.h"

/* GCLOG_BAD: begins like a record and cannot be read. */
enum gclog_found { GCLOG_NO = 0, GCLOG_YES, GCLOG_BAD };

/* All unknown. */
void gclog_blank(struct mp_gclog_gc *gc, enum mp_gclog_lang lang);

/* "123", "1.5K", "12M", "12345.2K": bytes. */
bool gclog_size(struct scan *s, uint64_t *bytes);

/* "2026-11-21T04:29:25.866+0000": CLOCK_REALTIME ns. *local: there is no zone, and it was
 * read as if there were UTC. */
bool gclog_date(struct scan *s, uint64_t *wall, bool *local);

enum gclog_found gclog_v8(struct scan s, struct mp_gclog_gc *gc);
enum gclog_found gclog_v8_nvp(struct scan s, struct mp_gclog_gc *gc);
enum gclog_found gclog_go(struct scan s, struct mp_gclog_gc *gc);
/* A line of the scavenger: bytes it gave back. */
bool gclog_go_released(struct scan s, uint64_t *bytes);
enum gclog_found gclog_unified(struct scan s, struct mp_gclog_gc *gc);
enum gclog_found gclog_mpgc(struct scan s, struct mp_gclog_gc *gc);
bool gclog_mpgc_released(struct scan s, uint64_t *bytes);

/* HotSpot 8: a record goes over several lines. */
#define LEGACY_TEXT 16384
struct gclog_legacy {
	struct mp_gclog_gc gc; /* has a kind when a record is open or waits for sizes */
	bool open;	       /* its brackets are not closed yet                     */
	bool waits;	       /* closed; G1's sizes come in the block behind it      */
	bool dropped;	       /* the one before it never closed: to be counted       */
	int depth;	       /* of brackets                                         */
	size_t len;
	uint64_t sizes[4]; /* of the record being read: before, after, capacity */
};
/* YES: *gc is a whole record, of this line or one before it. */
enum gclog_found gclog_legacy(struct gclog_legacy *l, struct scan s, struct mp_gclog_gc *gc);
/* The file ends: what waits. */
enum gclog_found gclog_legacy_end(struct gclog_legacy *l, struct mp_gclog_gc *gc);

#endif /* MEMPROF_RT_GCLOG_INT_H */
