/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dump.c - one event as one line. See dump.h.
 *
 * Owns: one table row for every event type, one for every field. Must not:
 * fold, or skip what it does not understand.
 */
#include "user/view/dump.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "user/util/util.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

struct line {
	FILE *f;
	const struct mp_event *e;
	uint64_t t0;
	const struct mp_model *names;
};

/* How a field is stored and what its number means. */
enum unit { END, NUM, INT, HEX, BYTES, PAGES, PAGES32, NS, TIME, STR, STR32, DEV, SRC, SRC16 };

struct field {
	const char *key;
	enum unit unit;
	size_t off;
};

/* clang-format off */
#define FIELDS_MAX   12
#define F(k, u, m)   { k, u, offsetof(struct mp_event, m) }
#define NAME(list)   list, ARRAY_SIZE(list)
#define NO_NAMES     NULL, 0
/* clang-format on */

static void put_time(FILE *f, uint64_t ts, uint64_t t0)
{
	uint64_t d = ts < t0 ? t0 - ts : ts - t0;

	fprintf(f, "%s%" PRIu64 ".%09" PRIu64, ts < t0 ? "-" : "", d / 1000000000, d % 1000000000);
}

/* In quotes, cleaned; quotes and backslashes in it are marked by a backslash. */
static void put_text(FILE *f, const char *s)
{
	char buf[MP_STR_MAX + 1];

	fputc('"', f);
	for (s = mp_clean(buf, sizeof(buf), s, 0); *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', f);
		fputc(*s, f);
	}
	fputc('"', f);
}

static void put_id(const struct line *l, uint64_t id)
{
	if (!id)
		fputs("\"\"", l->f);
	else if (l->names && id <= UINT32_MAX)
		put_text(l->f, mp_str(l->names, (uint32_t)id));
	else
		fprintf(l->f, "#%" PRIu64, id);
}

static uint64_t load(const struct mp_event *e, const struct field *fd)
{
	const char *at = (const char *)e + fd->off;
	uint64_t v64;
	uint32_t v32;
	uint16_t v16;
	int32_t s32;

	switch (fd->unit) {
	case PAGES32:
		memcpy(&s32, at, sizeof(s32));
		return (uint64_t)(int64_t)s32;
	case STR32:
		memcpy(&v32, at, sizeof(v32));
		return v32;
	case SRC16:
		memcpy(&v16, at, sizeof(v16));
		return v16;
	default:
		memcpy(&v64, at, sizeof(v64));
		return v64;
	}
}

static void put_field(const struct line *l, const struct field *fd)
{
	uint64_t v = load(l->e, fd);

	fprintf(l->f, " %s=", fd->key);
	if (v == MP_UNKNOWN && fd->unit != INT && fd->unit != PAGES32) {
		fputc('?', l->f);
		return;
	}
	switch (fd->unit) {
	case END:
	case NUM:
		fprintf(l->f, "%" PRIu64, v);
		break;
	case INT:
		fprintf(l->f, "%" PRId64, (int64_t)v);
		break;
	case HEX:
		fprintf(l->f, "0x%" PRIx64, v);
		break;
	case BYTES:
		fprintf(l->f, "%" PRIu64 "B", v);
		break;
	case PAGES:
		fprintf(l->f, "%" PRIu64 "pg", v);
		break;
	case PAGES32:
		fprintf(l->f, "%+" PRId64 "pg", (int64_t)v);
		break;
	case NS:
		fprintf(l->f, "%" PRIu64 "ns", v);
		break;
	case TIME:
		put_time(l->f, v, l->t0);
		fputc('s', l->f);
		break;
	case STR:
	case STR32:
		put_id(l, v);
		break;
	case DEV:
		fprintf(l->f, "%" PRIu64 ":%" PRIu64, v >> 20, v & 0xfffff);
		break;
	case SRC:
	case SRC16:
		fputs(mp_source_name((unsigned)v), l->f);
		break;
	}
}

/* Names of set bits joined by '+', what has no name in hex; "none" for 0. */
static void put_bits(FILE *f, const char *key, uint32_t bits, const char *const *names, size_t n)
{
	const char *sep = "";

	fprintf(f, " %s=", key);
	if (!bits)
		fputs("none", f);
	for (size_t i = 0; i < n; i++) {
		if (!(bits & 1u << i))
			continue;
		fprintf(f, "%s%s", sep, names[i]);
		bits &= ~(1u << i);
		sep = "+";
	}
	if (bits)
		fprintf(f, "%s0x%x", sep, bits);
}

static void put_prot(FILE *f, unsigned prot)
{
	fprintf(f, " prot=%c%c%c", prot & 1 ? 'r' : '-', prot & 2 ? 'w' : '-',
		prot & 4 ? 'x' : '-');
}

/* --- what a type says outside its words: sub, flags, x ------------------------ */

static void head_fault(const struct line *l)
{
	static const char *const kinds[] = { "write", "present", "kernel", "instr", "nokind" };

	fprintf(l->f, " pages=%u", l->e->x);
	put_bits(l->f, "kind", l->e->sub, kinds, ARRAY_SIZE(kinds));
}

static void head_call(const struct line *l)
{
	static const char *const flags[] = { "failed", "no-delta", "remote" };
	const struct mp_event *e = l->e;

	if (e->sub == MP_CALL_MMAP) {
		put_prot(l->f, MP_MMAP_PROT(e->x));
		fprintf(l->f, " mapflags=0x%x", MP_MMAP_FLAGS(e->x));
	} else if (e->sub == MP_CALL_MPROTECT) {
		put_prot(l->f, e->x);
	} else if (e->sub == MP_CALL_MADVISE || e->sub == MP_CALL_PROCESS_MADVISE) {
		fprintf(l->f, " advice=%s(%u)", mp_advice_name(e->x), e->x);
	} else if (e->x) {
		fprintf(l->f, " x=0x%x", e->x);
	}
	if (e->flags)
		put_bits(l->f, "flags", e->flags, flags, ARRAY_SIZE(flags));
	if (e->sub == MP_CALL_BRK)
		fprintf(l->f, " old=0x%" PRIx64, (uint64_t)e->call.len2);
	else if (e->sub == MP_CALL_MREMAP || e->call.len2)
		fprintf(l->f, " len2=%" PRIu64 "B", (uint64_t)e->call.len2);
	/* an address where the call returns one, else a number or -errno */
	if ((e->sub == MP_CALL_MMAP || e->sub == MP_CALL_MREMAP || e->sub == MP_CALL_BRK) &&
	    !(e->flags & MP_CALL_FAILED))
		fprintf(l->f, " ret=0x%" PRIx64, (uint64_t)e->call.ret);
	else
		fprintf(l->f, " ret=%" PRId64, (int64_t)e->call.ret);
}

static void head_map(const struct line *l)
{
	uint32_t x = l->e->x;

	fprintf(l->f, " perms=%c%c%c%c", x & MP_MAP_R ? 'r' : '-', x & MP_MAP_W ? 'w' : '-',
		x & MP_MAP_X ? 'x' : '-', x & MP_MAP_SHARED ? 's' : 'p');
	if (x & (MP_MAP_FILE | MP_MAP_SHMEM))
		fprintf(l->f, " backing=%s", x & MP_MAP_SHMEM ? "shmem" : "file");
}

static void head_x(const struct line *l)
{
	if (l->e->x)
		fprintf(l->f, " x=0x%x", l->e->x);
}

static void head_range(const struct line *l)
{
	if (l->e->sub == MP_HEAP_RELEASE)
		fprintf(l->f, " advice=%s(%u)", mp_advice_name(l->e->x), l->e->x);
	else
		head_x(l);
}

static void head_str(const struct line *l)
{
	const struct mp_event *e = l->e;
	char text[MP_STR_CHUNK + 1] = "";
	size_t n = e->x > e->str.pos ? e->x - e->str.pos : 0;

	memcpy(text, e->str.text, n < MP_STR_CHUNK ? n : MP_STR_CHUNK);
	fprintf(l->f, " id=%u pos=%uB total=%uB text=", e->str.id, e->str.pos, e->x);
	put_text(l->f, text);
}

static void head_loss(const struct line *l)
{
	fprintf(l->f, " events=%u", l->e->x);
}

static void head_probe(const struct line *l)
{
	fprintf(l->f, " rung=%s", mp_rung_name(l->e->x));
}

static void head_meta(const struct line *l)
{
	static const struct field num = F("value", NUM, meta.num);
	static const struct field str = F("value", STR, meta.num);

	put_field(l, l->e->meta.isstr ? &str : &num);
}

/* --- tables ------------------------------------------------------------------ */

/* clang-format off */
static const char *const rss_subs[] = { NULL, "kernel", "proc" };
static const char *const map_subs[] = { NULL, "begin", "line", "end" };
static const char *const pages_subs[] = { NULL, "absent", "resident", "dropped", "lazy",
					  "anon" };
static const char *const task_subs[] = { NULL,	    "fork",   "exec",  "exit",
					 "mm-exit", "thread", "target", "name" };
static const char *const range_subs[] = { NULL, "reserve", "commit", "release", "unreserve" };
static const char *const meta_subs[] = { NULL,	     "pid",	   "comm",    "exe",
					 "page-size", "start-ts",   "wall-ns", "boot-ns",
					 "kernel",    "version",    "proc-start", "threads",
					 "tick-ns",   "ncpu",	    "end-ts",  "looks-all",
					 "looks-suspect", "looks-hunt", "snapshots", "looks-ns" };
static const char *const note_subs[] = { NULL, "program", "user", "memprof" };
static const char *const phase_subs[] = { NULL,	      "stop",	    "roots", "remembered", "copy",
					  "mark",     "remark",	    "ephemerons", "finalizers",
					  "sweep",    "evacuate",   "fixup", "release" };
static const char *const site_subs[] = { NULL, "fault", "call" };
static const char *const key_subs[] = { NULL, "begin", "end" };

static const struct type {
	const char *name;
	const char *(*sub_fn)(unsigned sub); /* or: */
	const char *const *subs;
	size_t n_subs;
	void (*head)(const struct line *l);
	struct field fields[FIELDS_MAX];
} types[] = {
	[MP_EV_FAULT] = { "fault", NULL, NO_NAMES, head_fault,
			  { F("addr", HEX, fault.addr), F("ip", HEX, fault.ip),
			    F("span", NS, fault.span), F("stack", NUM, fault.stack) } },
	[MP_EV_CALL] = { "call", mp_call_name, NO_NAMES, head_call,
			 { F("addr", HEX, call.addr), F("len", BYTES, call.len),
			   F("anon", PAGES32, call.d_anon), F("file", PAGES32, call.d_file),
			   F("shmem", PAGES32, call.d_shmem), F("swap", PAGES32, call.d_swap),
			   F("dur", NS, call.dur) } },
	[MP_EV_RSS] = { "rss", NULL, NAME(rss_subs), head_x,
			{ F("anon", PAGES, rss.anon), F("file", PAGES, rss.file),
			  F("shmem", PAGES, rss.shmem), F("swap", PAGES, rss.swap),
			  F("lazyfree", PAGES, rss.lazyfree),
			  F("hugetlb", BYTES, rss.hugetlb),
			  F("slack", PAGES, rss.slack) } },
	[MP_EV_MAP] = { "map", NULL, NAME(map_subs), head_map,
			{ F("start", HEX, map.start), F("end", HEX, map.end),
			  F("off", HEX, map.off), F("dev", DEV, map.dev), F("ino", NUM, map.ino),
			  F("name", STR, map.name) } },
	[MP_EV_PAGES] = { "pages", NULL, NAME(pages_subs), head_x,
			  { F("addr", HEX, pages.addr), F("len", BYTES, pages.len),
			    F("since", TIME, pages.since), F("site", NUM, pages.site) } },
	[MP_EV_TASK] = { "task", NULL, NAME(task_subs), head_x,
			 { F("a", NUM, task.a), F("b", NUM, task.b), F("c", NUM, task.c),
			   F("comm", STR, task.comm) } },
	[MP_EV_HEAP] = { "heap", mp_source_name, NO_NAMES, head_x,
			 { F("used", BYTES, heap.used), F("committed", BYTES, heap.committed),
			   F("external", BYTES, heap.external), F("arrays", BYTES, heap.arrays),
			   F("limit", BYTES, heap.limit), F("goal", BYTES, heap.goal),
			   F("live", BYTES, heap.live) } },
	[MP_EV_SPACE] = { "space", mp_source_name, NO_NAMES, head_x,
			  { F("name", STR, space.name), F("used", BYTES, space.used),
			    F("committed", BYTES, space.committed),
			    F("resident", BYTES, space.resident) } },
	[MP_EV_GC] = { "gc", mp_gc_kind_name, NO_NAMES, head_x,
		       { F("source", SRC16, gc.source), F("before", BYTES, gc.before),
			 F("after", BYTES, gc.after), F("cbefore", BYTES, gc.cbefore),
			 F("cafter", BYTES, gc.cafter), F("pause", NS, gc.pause),
			 F("start", TIME, gc.start), F("reason", STR32, gc.reason) } },
	[MP_EV_HEAP_RANGE] = { "heap-range", NULL, NAME(range_subs), head_range,
			       { F("addr", HEX, range.addr), F("len", BYTES, range.len),
				 F("dur", NS, range.dur), F("source", SRC, range.source),
				 F("name", STR, range.name) } },
	[MP_EV_STR] = { "str", NULL, NO_NAMES, head_str, { { 0 } } },
	[MP_EV_LOSS] = { "loss", mp_loss_name, NO_NAMES, head_loss, { F("faults", NUM, v[0]) } },
	[MP_EV_PROBE] = { "probe", mp_feature_name, NO_NAMES, head_probe,
			  { F("err", INT, v[0]), F("why", STR, v[1]) } },
	[MP_EV_META] = { "meta", NULL, NAME(meta_subs), head_meta, { { 0 } } },
	[MP_EV_NOTE] = { "note", NULL, NAME(note_subs), head_x, { F("text", STR, v[0]) } },
	[MP_EV_KEYFRAME] = { "keyframe", NULL, NAME(key_subs), head_x, { { 0 } } },
	[MP_EV_TOTAL] = { "total", NULL, NO_NAMES, NULL, { { 0 } } },
	[MP_EV_TICK] = { "tick", NULL, NO_NAMES, head_x, { { 0 } } },
	[MP_EV_PHASE] = { "phase", NULL, NAME(phase_subs), head_x,
			  { F("dur", NS, phase.dur), F("work", NUM, phase.work),
			    F("n", NUM, phase.n), F("source", SRC, phase.source) } },
	[MP_EV_SAMPLE] = { "sample", mp_source_name, NO_NAMES, head_x,
			   { F("addr", HEX, sample.addr), F("size", BYTES, sample.size),
			     F("mean", BYTES, sample.mean), F("what", STR, sample.what),
			     F("stack", NUM, sample.stack) } },
	[MP_EV_MAJOR] = { "major", NULL, NO_NAMES, head_x,
			  { F("addr", HEX, major.addr), F("ip", HEX, major.ip) } },
	[MP_EV_STACK] = { "stack", NULL, NO_NAMES, head_x,
			  { F("id", NUM, stack.id), F("pos", NUM, stack.pos),
			    F("ip0", HEX, stack.ip[0]), F("ip1", HEX, stack.ip[1]),
			    F("ip2", HEX, stack.ip[2]), F("ip3", HEX, stack.ip[3]),
			    F("ip4", HEX, stack.ip[4]) } },
	[MP_EV_SITE] = { "site", NULL, NAME(site_subs), head_x,
			 { F("stack", NUM, site.stack), F("addr", HEX, site.addr) } },
	[MP_EV_CGROUP] = { "cgroup", NULL, NO_NAMES, head_x,
			   { F("charged", BYTES, cgroup.charged), F("limit", BYTES, cgroup.limit),
			     F("anon", BYTES, cgroup.anon), F("file", BYTES, cgroup.file),
			     F("shmem", BYTES, cgroup.shmem), F("kernel", BYTES, cgroup.kernel),
			     F("swap", BYTES, cgroup.swap) } },
	[MP_EV_ROLLUP] = { "rollup", NULL, NO_NAMES, head_x,
			   { F("pss_anon", BYTES, rollup.pss_anon),
			     F("pss_file", BYTES, rollup.pss_file),
			     F("pss_shmem", BYTES, rollup.pss_shmem),
			     F("private_dirty", BYTES, rollup.private_dirty),
			     F("shared_dirty", BYTES, rollup.shared_dirty),
			     F("anon_huge", BYTES, rollup.anon_huge),
			     F("lazyfree", BYTES, rollup.lazyfree) } },
};
/* clang-format on */

const char *mp_dump_type(unsigned type)
{
	return type < ARRAY_SIZE(types) ? types[type].name : NULL;
}

/* TYPE.SUB, padded; a number where there is no name. */
static void put_type(FILE *f, const struct mp_event *e, const struct type *t)
{
	char buf[64];
	const char *sub = NULL;

	if (t && t->sub_fn)
		sub = t->sub_fn(e->sub);
	else if (t && e->sub < t->n_subs)
		sub = t->subs[e->sub];
	if (!t)
		snprintf(buf, sizeof(buf), "type-%u", e->type);
	else if (sub)
		snprintf(buf, sizeof(buf), "%s.%s", t->name, sub);
	else if (t->n_subs)
		snprintf(buf, sizeof(buf), "%s.%u", t->name, e->sub);
	else
		snprintf(buf, sizeof(buf), "%s", t->name);
	fprintf(f, " %-18s", buf);
}

static void put_raw(FILE *f, const struct mp_event *e)
{
	fprintf(f, " sub=%u flags=0x%x x=%u v=", e->sub, e->flags, e->x);
	for (size_t i = 0; i < ARRAY_SIZE(e->v); i++)
		fprintf(f, "%s0x%" PRIx64, i ? "," : "", (uint64_t)e->v[i]);
}

int mp_dump_event(FILE *f, const struct mp_event *e, uint64_t t0, const struct mp_model *names)
{
	const struct line l = { f, e, t0, names };
	const struct type *t = mp_dump_type(e->type) ? &types[e->type] : NULL;

	put_time(f, e->ts, t0);
	put_type(f, e, t);
	fprintf(f, " mm=%u tid=%u", e->mm, e->tid);
	if (t && t->head && e->flags && e->type != MP_EV_CALL)
		fprintf(f, " flags=0x%x", e->flags);
	if (t && t->head)
		t->head(&l);
	else
		put_raw(f, e);
	for (const struct field *fd = t ? t->fields : NULL; fd && fd->unit != END; fd++)
		put_field(&l, fd);
	fputc('\n', f);
	return ferror(f) ? -EIO : 0;
}
