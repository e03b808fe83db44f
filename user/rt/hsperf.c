/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* hsperf.c - see hsperf.h. */
#include "user/rt/hsperf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bpf/events.h"

/*
 * struct PerfDataPrologue: magic 0xcafec0c0 (written big-endian on every machine), byte
 * order (1: little), version 2.0, accessible, then int32 used, overflow, int64 mod_time,
 * int32 entry_offset, num_entries. An entry: int32 length, name offset, vector length (0:
 * a scalar), type and flags as bytes, int32 offset of the value; offsets from its start.
 */
#define AT_ACCESSIBLE 7
#define AT_USED	      8
#define AT_FIRST      24
#define AT_ENTRIES    28
#define PROLOGUE      32
#define ENTRY	      20
#define ENTRIES_MAX   20000
#define PAGE	      4096ULL

/* Counters by number: those of collectors, generations and spaces are computed. */
enum {
	C_FREQUENCY,
	C_TICKS,
	C_META_CAPACITY,
	C_META_USED,
	C_CLASS_CAPACITY,
	C_CLASS_USED,
	C_COLLECTOR = 8,			     /* 4 of each */
	C_GEN = C_COLLECTOR + 4 * HSPERF_COLLECTORS, /* 2 of each */
	C_SPACE = C_GEN + 2 * HSPERF_GENS,	     /* 2 of each */
	C_N = C_SPACE + 2 * HSPERF_GENS * HSPERF_GEN_SPACES,
};
enum {
	T_POLICY,
	T_CAUSE,
	T_LAST_CAUSE,
	T_COLLECTOR,
	T_GEN = T_COLLECTOR + HSPERF_COLLECTORS,
	T_SPACE = T_GEN + HSPERF_GENS,
	T_N = T_SPACE + HSPERF_GENS * HSPERF_GEN_SPACES,
};
_Static_assert(C_N <= 64 && T_N <= 16, "struct hsperf has room for them");

/* --- bytes ---------------------------------------------------------------------------- */

struct bytes {
	const uint8_t *p;
	size_t n;
};

static bool fits(const struct bytes *b, uint64_t at, uint64_t len)
{
	return at <= b->n && len <= b->n - at;
}

static uint32_t u32_at(const struct bytes *b, uint64_t at)
{
	uint32_t v = 0;

	if (fits(b, at, sizeof(v)))
		memcpy(&v, b->p + at, sizeof(v));
	return v;
}

static uint64_t u64_at(const struct bytes *b, uint64_t at)
{
	uint64_t v = 0;

	if (fits(b, at, sizeof(v)))
		memcpy(&v, b->p + at, sizeof(v));
	return v;
}

/* The text at `at`, cut to size and at the end of the bytes. */
static void text_at(const struct bytes *b, uint64_t at, char *buf, size_t size)
{
	size_t n = 0;

	if (at && at < b->n)
		while (n < size - 1 && at + n < b->n && b->p[at + n])
			n++;
	if (n)
		memcpy(buf, b->p + at, n);
	buf[n] = 0;
}

static int check(const struct bytes *b)
{
	static const uint8_t head[6] = { 0xca, 0xfe, 0xc0, 0xc0, 1, 2 };

	if (b->n < PROLOGUE || b->n > HSPERF_MAX || memcmp(b->p, head, sizeof(head)))
		return -EINVAL;
	return b->p[AT_ACCESSIBLE] ? 0 : -EAGAIN;
}

/* --- the entries ------------------------------------------------------------------------ */

/* "12rest" behind the prefix: the number, and what follows; -1 when it is not so. */
static int numbered(const char **name, const char *prefix, int max)
{
	size_t n = strlen(prefix);
	int i;

	if (strncmp(*name, prefix, n))
		return -1;
	i = (*name)[n] - '0';
	if (i < 0 || i >= max || (*name)[n + 1] != '.')
		return -1;
	*name += n + 2;
	return i;
}

static int one_of(const char *name, const char *const *list, int n)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(name, list[i]))
			return i;
	return -1;
}

static const char *const of_collector[] = { "invocations", "time", "lastEntryTime",
					    "lastExitTime" };
static const char *const of_gen[] = { "capacity", "maxCapacity" };
static const char *const of_space[] = { "capacity", "used" };

/* The number of a counter, or -1: not one of ours. */
static int number_of(const char *name)
{
	static const char *const single[] = {
		[C_FREQUENCY] = "sun.os.hrt.frequency",
		[C_TICKS] = "sun.os.hrt.ticks",
		[C_META_CAPACITY] = "sun.gc.metaspace.capacity",
		[C_META_USED] = "sun.gc.metaspace.used",
		[C_CLASS_CAPACITY] = "sun.gc.compressedclassspace.capacity",
		[C_CLASS_USED] = "sun.gc.compressedclassspace.used",
	};
	int i = one_of(name, single, C_CLASS_USED + 1), k, s;

	if (i >= 0)
		return i;
	i = numbered(&name, "sun.gc.collector.", HSPERF_COLLECTORS);
	if (i >= 0) {
		k = one_of(name, of_collector, 4);
		return k < 0 ? -1 : C_COLLECTOR + 4 * i + k;
	}
	i = numbered(&name, "sun.gc.generation.", HSPERF_GENS);
	if (i < 0)
		return -1;
	s = numbered(&name, "space.", HSPERF_GEN_SPACES);
	k = one_of(name, s < 0 ? of_gen : of_space, 2);
	if (k < 0)
		return -1;
	return s < 0 ? C_GEN + 2 * i + k : C_SPACE + 2 * (HSPERF_GEN_SPACES * i + s) + k;
}

static int text_number_of(const char *name)
{
	int i, s;

	if (!strcmp(name, "sun.gc.policy.name"))
		return T_POLICY;
	if (!strcmp(name, "sun.gc.cause"))
		return T_CAUSE;
	if (!strcmp(name, "sun.gc.lastCause"))
		return T_LAST_CAUSE;
	i = numbered(&name, "sun.gc.collector.", HSPERF_COLLECTORS);
	if (i >= 0)
		return strcmp(name, "name") ? -1 : T_COLLECTOR + i;
	i = numbered(&name, "sun.gc.generation.", HSPERF_GENS);
	if (i < 0)
		return -1;
	s = numbered(&name, "space.", HSPERF_GEN_SPACES);
	if (strcmp(name, "name"))
		return -1;
	return s < 0 ? T_GEN + i : T_SPACE + HSPERF_GEN_SPACES * i + s;
}

/* One entry; false: it does not fit where it says. */
static bool take_entry(const struct bytes *b, uint64_t at, uint32_t len, struct hsperf *h)
{
	uint32_t name_at = u32_at(b, at + 4), vector = u32_at(b, at + 8);
	uint32_t value_at = u32_at(b, at + 16), size = vector ? vector : 8;
	uint8_t type = b->p[at + 12];
	char name[96];
	int i;

	if (name_at < ENTRY || name_at >= len || value_at < ENTRY || value_at > len ||
	    size > len - value_at)
		return false;
	text_at(b, at + name_at, name, sizeof(name));
	if (type == 'J' && !vector) {
		i = number_of(name);
		if (i >= 0)
			h->at[i] = (uint32_t)(at + value_at);
	} else if (type == 'B' && vector) {
		i = text_number_of(name);
		if (i >= 0)
			h->text[i] = (uint32_t)(at + value_at);
	}
	return true;
}

int hsperf_index(const void *data, size_t size, struct hsperf *h)
{
	struct bytes b = { data, size };
	struct hsperf found = { 0 };
	int err = check(&b);
	uint64_t at;

	if (err)
		return err;
	at = u32_at(&b, AT_FIRST);
	found.entries = u32_at(&b, AT_ENTRIES);
	found.used = u32_at(&b, AT_USED);
	if (at < PROLOGUE || found.entries > ENTRIES_MAX || found.used > size)
		return -EINVAL;
	for (uint32_t i = 0; i < found.entries; i++) {
		uint32_t len = u32_at(&b, at);

		if (!fits(&b, at, ENTRY) || len < ENTRY || !fits(&b, at, len) ||
		    !take_entry(&b, at, len, &found))
			return -EINVAL;
		at += len;
	}
	*h = found;
	return 0;
}

bool hsperf_changed(const void *data, size_t size, const struct hsperf *h)
{
	struct bytes b = { data, size };

	return check(&b) || u32_at(&b, AT_ENTRIES) != h->entries || u32_at(&b, AT_USED) != h->used;
}

/* --- what they mean ------------------------------------------------------------------------ */

/* A counter; MP_UNKNOWN: there is none, or it holds what no counter can. */
static uint64_t counter(const struct bytes *b, const struct hsperf *h, int i)
{
	uint64_t v = h->at[i] && fits(b, h->at[i], 8) ? u64_at(b, h->at[i]) : MP_UNKNOWN;

	return v >> 63 ? MP_UNKNOWN : v;
}

/* G1 tells sizes of 8 and 24 bytes more, since jstat divided by them (G1MonitoringSupport,
 * pad_capacity); capacities are whole pages everywhere. */
static uint64_t capacity(const struct bytes *b, const struct hsperf *h, int i)
{
	uint64_t v = counter(b, h, i);

	return v == MP_UNKNOWN ? v : v & ~(PAGE - 1);
}

/* Unknown in one is unknown in all: a part must not look like the whole. */
static uint64_t plus(uint64_t a, uint64_t b)
{
	return a == MP_UNKNOWN || b == MP_UNKNOWN || a + b < b ? MP_UNKNOWN : a + b;
}

static enum hsperf_kind kind_of(const struct bytes *b, const struct hsperf *h)
{
	static const struct {
		int text;
		const char *start;
		enum hsperf_kind kind;
	} known[] = {
		{ T_POLICY, "Copy", HSPERF_SERIAL },
		{ T_POLICY, "ParScav", HSPERF_PARALLEL },
		{ T_POLICY, "ParNew", HSPERF_CMS },
		{ T_POLICY, "GarbageFirst", HSPERF_G1 },
		{ T_COLLECTOR + 1, "Shen", HSPERF_SHENANDOAH },
		{ T_COLLECTOR + 2, "Z", HSPERF_Z },
	};
	char text[HSPERF_NAME];

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		text_at(b, h->text[known[i].text], text, sizeof(text));
		if (!strncmp(text, known[i].start, strlen(known[i].start)))
			return known[i].kind;
	}
	return HSPERF_UNKNOWN;
}

const char *hsperf_kind_name(enum hsperf_kind k)
{
	static const char *const names[] = { "",   "Serial", "Parallel",  "CMS",
					     "G1", "ZGC",    "Shenandoah" };

	return names[k];
}

static void read_collector(const struct bytes *b, const struct hsperf *h, int i,
			   struct hsperf_collector *c)
{
	int at = C_COLLECTOR + 4 * i;

	memset(c, 0, sizeof(*c));
	if (!h->at[at] || !h->at[at + 2] || !h->at[at + 3])
		return;
	c->present = true;
	c->count = counter(b, h, at);
	c->time = counter(b, h, at + 1);
	c->entry = counter(b, h, at + 2);
	c->exit = counter(b, h, at + 3);
	/* Counted when it begins (TraceCollectorStats, gc/shared/collectorCounters.hpp). */
	c->running = c->entry > c->exit;
	if (c->running && c->count)
		c->count--;
}

static void add_space(struct hsperf_values *v, const char *name, uint64_t used, uint64_t committed)
{
	struct hsperf_space *s = &v->space[v->n_spaces++];

	snprintf(s->name, sizeof(s->name), "%s", name);
	s->used = used;
	s->committed = committed;
}

static bool has_objects(const struct hsperf_space *s)
{
	return s->used && s->used != MP_UNKNOWN;
}

/*
 * Three spaces are eden and two survivors, of which one is empty: not counted as committed,
 * as the JVM does not. After a promotion that failed both have objects until the next
 * collection; when neither has any, the one that had them last counts.
 */
static uint64_t young_committed(const struct hsperf_space *s, int *from)
{
	if (has_objects(&s[1]) && has_objects(&s[2]))
		return plus(s[0].committed, plus(s[1].committed, s[2].committed));
	if (has_objects(&s[1]) || has_objects(&s[2]))
		*from = has_objects(&s[2]);
	if (*from < 0)
		return plus(s[0].committed, s[s[1].committed < s[2].committed ? 1 : 2].committed);
	return plus(s[0].committed, s[1 + *from].committed);
}

static void read_gen(const struct bytes *b, const struct hsperf *h, int g, int *from,
		     struct hsperf_values *v)
{
	struct hsperf_space *s = &v->space[v->n_spaces];
	uint64_t all = capacity(b, h, C_GEN + 2 * g), committed = 0;
	char name[HSPERF_NAME], gen[HSPERF_NAME];
	unsigned had = v->n_spaces;

	text_at(b, h->text[T_GEN + g], gen, sizeof(gen));
	for (int i = 0; i < HSPERF_GEN_SPACES; i++) {
		int k = HSPERF_GEN_SPACES * g + i, at = C_SPACE + 2 * k;
		uint64_t cap = capacity(b, h, at);

		if (!h->at[at] || !h->at[at + 1])
			break;
		/* Shenandoah gives its one space the limit as capacity. */
		if (all != MP_UNKNOWN && cap != MP_UNKNOWN && cap > all)
			cap = all;
		text_at(b, h->text[T_SPACE + k], name, sizeof(name));
		add_space(v, strcmp(name, "space") ? name : gen, counter(b, h, at + 1), cap);
		v->used = plus(v->used, counter(b, h, at + 1));
		committed = plus(committed, cap);
	}
	if (v->n_spaces - had == 3) {
		committed = young_committed(s, from);
		v->eden_used = s[0].used;
		v->eden_capacity = s[0].committed;
	}
	if (v->n_spaces > had)
		v->committed = plus(v->committed, committed);
}

/* Two generations share the heap (G1, ZGC), or have a part of it each. */
static uint64_t limit_of(const struct bytes *b, const struct hsperf *h, enum hsperf_kind kind)
{
	uint64_t a = capacity(b, h, C_GEN + 1), c = capacity(b, h, C_GEN + 3);

	if (a == MP_UNKNOWN || c == MP_UNKNOWN)
		return a == MP_UNKNOWN ? c : a;
	if (kind == HSPERF_SERIAL || kind == HSPERF_PARALLEL || kind == HSPERF_CMS)
		return plus(a, c);
	return a > c ? a : c;
}

/* A collection's cause stands in the one counter until it is over, then in the other. */
static void read_cause(const struct bytes *b, const struct hsperf *h, struct hsperf_values *v)
{
	text_at(b, h->text[T_CAUSE], v->cause, sizeof(v->cause));
	if (!v->cause[0] || !strcmp(v->cause, HSPERF_NO_CAUSE))
		text_at(b, h->text[T_LAST_CAUSE], v->cause, sizeof(v->cause));
	if (!strcmp(v->cause, HSPERF_NO_CAUSE))
		v->cause[0] = 0;
}

uint32_t hsperf_cause_at(const struct hsperf *h)
{
	return h->text[T_CAUSE];
}

int hsperf_read(const void *data, size_t size, const struct hsperf *h, int *from,
		struct hsperf_values *v)
{
	struct bytes b = { data, size };

	if (hsperf_changed(data, size, h) || size < h->used)
		return -EINVAL;
	memset(v, 0, sizeof(*v));
	v->kind = kind_of(&b, h);
	v->frequency = counter(&b, h, C_FREQUENCY);
	v->ticks = counter(&b, h, C_TICKS);
	v->eden_used = v->eden_capacity = MP_UNKNOWN;
	for (int g = 0; g < HSPERF_GENS; g++)
		read_gen(&b, h, g, from, v);
	if (!v->n_spaces)
		v->used = v->committed = MP_UNKNOWN;
	v->limit = limit_of(&b, h, v->kind);
	if (h->at[C_META_USED] && h->at[C_META_CAPACITY])
		add_space(v, "metaspace", counter(&b, h, C_META_USED),
			  capacity(&b, h, C_META_CAPACITY));
	if (h->at[C_CLASS_USED] && h->at[C_CLASS_CAPACITY])
		add_space(v, "class space", counter(&b, h, C_CLASS_USED),
			  capacity(&b, h, C_CLASS_CAPACITY));
	for (int i = 0; i < HSPERF_COLLECTORS; i++)
		read_collector(&b, h, i, &v->gc[i]);
	read_cause(&b, h, v);
	return 0;
}
