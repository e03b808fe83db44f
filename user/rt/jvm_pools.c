/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* jvm_pools.c - see jvm_pools.h. */
#include "user/rt/jvm_pools.h"

#include <string.h>

#include "user/rt/hsperf.h"

/* --- names ---------------------------------------------------------------------------- */

static bool starts(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

static void name_of(const struct mp_raw_words *r, unsigned word, char name[JVM_NAME])
{
	memcpy(name, &r->v[word], JVM_NAME - 1);
	name[JVM_NAME - 1] = 0;
}

static uint64_t hash_of(const char *s)
{
	uint64_t h = 14695981039346656037ULL; /* FNV-1a */

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 1099511628211ULL;
	return h;
}

/* Everything else is a part of the heap, whatever a later JDK calls it. */
static bool is_heap(const char *pool)
{
	return !starts(pool, "Code") && !starts(pool, "Metaspace") &&
	       !starts(pool, "Compressed ") && !starts(pool, "PS Perm Gen") &&
	       !starts(pool, "Perm Gen");
}

static uint8_t kind_of(const char *manager)
{
	static const struct {
		const char *start;
		uint8_t kind;
	} known[] = {
		{ "Copy", MP_GC_MINOR },	   { "ParNew", MP_GC_MINOR },
		{ "PS Scavenge", MP_GC_MINOR },	   { "G1 Young", MP_GC_MINOR },
		{ "ZGC Minor", MP_GC_MINOR },	   { "MarkSweepCompact", MP_GC_COMPACT },
		{ "PS MarkSweep", MP_GC_COMPACT }, { "G1 Old", MP_GC_COMPACT },
	};

	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (starts(manager, known[i].start))
			return known[i].kind;
	return MP_GC_MAJOR;
}

/* Its program runs while it collects: ZGC, Shenandoah, CMS. */
static bool is_concurrent(const char *manager)
{
	return strstr(manager, "Cycles") || starts(manager, "Concurrent");
}

/* --- a collection ------------------------------------------------------------------------- */

static struct jvm_span *span_of(struct jvm_pools *p, const char *manager)
{
	struct jvm_span *s = p->span, *oldest = p->span;

	for (; s < p->span + JVM_MANAGERS; s++) {
		if (!strcmp(s->manager, manager))
			return s;
		if (s->start < oldest->start)
			oldest = s;
	}
	memset(oldest, 0, sizeof(*oldest));
	memcpy(oldest->manager, manager, JVM_NAME);
	return oldest;
}

/* Shenandoah takes the cause back before it ends: then the one at the beginning stays. */
static void note_cause(struct jvm_span *s, const struct mp_raw_words *r)
{
	char cause[JVM_CAUSE];

	if (r->n < MP_JVM_WORDS)
		return;
	memcpy(cause, &r->v[MP_JVM_CAUSE], JVM_CAUSE);
	cause[JVM_CAUSE - 1] = 0;
	if (cause[0] && strcmp(cause, HSPERF_NO_CAUSE))
		memcpy(s->cause, cause, JVM_CAUSE);
}

static struct jvm_pool *pool_of(struct jvm_span *s, uint64_t name)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->pool[i].name == name)
			return &s->pool[i];
	return NULL;
}

static void on_begin(struct jvm_pools *p, const struct mp_raw_words *r, const char *manager,
		     const char *pool)
{
	struct jvm_span *s = span_of(p, manager);
	uint64_t name = hash_of(pool);

	/* An end that got lost: this is the next one's beginning. */
	if (!s->open || s->ended || pool_of(s, name)) {
		s->open = true;
		s->start = r->ts;
		s->n = s->ended = 0;
		s->pauses = 0;
		s->cause[0] = 0;
	}
	note_cause(s, r);
	if (s->n == JVM_POOLS)
		return;
	s->pool[s->n++] = (struct jvm_pool){
		.name = name, .heap = is_heap(pool), .before = r->v[0], .cbefore = r->v[1]
	};
}

static uint64_t plus(uint64_t a, uint64_t b)
{
	return a == MP_UNKNOWN || a + b < b ? MP_UNKNOWN : a + b;
}

static void tell(struct jvm_pools *p, const struct jvm_span *s, struct jvm_gc *gc)
{
	bool whole = s->n >= p->most;

	*gc = (struct jvm_gc){ .kind = kind_of(s->manager), .start = s->start, .end = s->end };
	memcpy(gc->cause, s->cause, JVM_CAUSE);
	gc->pause = is_concurrent(s->manager) ? s->pauses : s->end - s->start;
	for (unsigned i = 0; i < s->n; i++) {
		if (!s->pool[i].heap)
			continue;
		gc->before = plus(gc->before, s->pool[i].before);
		gc->after = plus(gc->after, s->pool[i].after);
		gc->cbefore = plus(gc->cbefore, s->pool[i].cbefore);
		gc->cafter = plus(gc->cafter, s->pool[i].cafter);
	}
	if (!whole) /* a record was lost: a part must not look like the whole */
		gc->before = gc->after = gc->cbefore = gc->cafter = MP_UNKNOWN;
	p->most = s->n > p->most ? s->n : p->most;
}

static bool on_end(struct jvm_pools *p, const struct mp_raw_words *r, const char *manager,
		   const char *pool, struct jvm_gc *gc)
{
	struct jvm_span *s = span_of(p, manager);
	struct jvm_pool *k = s->open ? pool_of(s, hash_of(pool)) : NULL;

	if (!k || k->ended)
		return false; /* it began before we came, or its beginning got lost */
	k->ended = true;
	k->after = r->v[0];
	k->cafter = r->v[1];
	s->end = r->ts;
	note_cause(s, r);
	if (++s->ended < s->n)
		return false;
	s->open = false;
	if (starts(manager, "G1 Concurrent"))
		return false;
	tell(p, s, gc);
	return true;
}

/* The program stands still from one to the other, for whoever collects. */
static void on_pause(struct jvm_pools *p, uint64_t ts, bool begins)
{
	if (begins) {
		p->pause_at = ts;
		return;
	}
	for (unsigned i = 0; p->pause_at && i < JVM_MANAGERS; i++)
		if (p->span[i].open && p->pause_at >= p->span[i].start && ts >= p->pause_at)
			p->span[i].pauses += ts - p->pause_at;
	p->pause_at = 0;
}

bool jvm_pools_feed(struct jvm_pools *p, const struct mp_raw_words *r, struct jvm_gc *gc)
{
	char manager[JVM_NAME], pool[JVM_NAME];

	if (r->flags == MP_JVM_PAUSE_BEGIN || r->flags == MP_JVM_PAUSE_END) {
		on_pause(p, r->ts, r->flags == MP_JVM_PAUSE_BEGIN);
		return false;
	}
	if (r->n < MP_JVM_CAUSE)
		return false;
	name_of(r, MP_JVM_MANAGER, manager);
	name_of(r, MP_JVM_POOL, pool);
	if (!manager[0] || !pool[0])
		return false;
	if (r->flags == MP_JVM_POOL_END)
		return on_end(p, r, manager, pool, gc);
	on_begin(p, r, manager, pool);
	return false;
}
