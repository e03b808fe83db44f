/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * event.c - one row for every event type, one for every field. See event.h.
 *
 * Owns: the table. bpf/events.h has the meanings; a new field there is a row here.
 */
#include "user/view/event.h"

#include <string.h>

#include "user/view/figures.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* --- when a field applies -------------------------------------------------------- */

static bool has_flags(const struct mp_event *e)
{
	return e->flags;
}

static bool has_x(const struct mp_event *e)
{
	return e->x;
}

static bool is_mmap(const struct mp_event *e)
{
	return e->sub == MP_CALL_MMAP;
}

static bool is_mprotect(const struct mp_event *e)
{
	return e->sub == MP_CALL_MPROTECT;
}

static bool is_advice(const struct mp_event *e)
{
	return e->sub == MP_CALL_MADVISE || e->sub == MP_CALL_PROCESS_MADVISE;
}

static bool is_other_call(const struct mp_event *e)
{
	return e->x && !is_mmap(e) && !is_mprotect(e) && !is_advice(e);
}

static bool is_brk(const struct mp_event *e)
{
	return e->sub == MP_CALL_BRK;
}

static bool has_len2(const struct mp_event *e)
{
	return e->sub == MP_CALL_MREMAP || (!is_brk(e) && e->call.len2);
}

static bool returns_address(const struct mp_event *e)
{
	return (is_mmap(e) || is_brk(e) || e->sub == MP_CALL_MREMAP) &&
	       !(e->flags & MP_CALL_FAILED);
}

static bool returns_number(const struct mp_event *e)
{
	return !returns_address(e);
}

static bool has_delta(const struct mp_event *e)
{
	return !(e->flags & MP_CALL_NO_DELTA);
}

static bool is_backed(const struct mp_event *e)
{
	return e->x & (MP_MAP_FILE | MP_MAP_SHMEM);
}

static bool is_fork(const struct mp_event *e)
{
	return e->sub == MP_TASK_FORK;
}

static bool is_exec(const struct mp_event *e)
{
	return e->sub == MP_TASK_EXEC;
}

static bool is_exit(const struct mp_event *e)
{
	return e->sub == MP_TASK_EXIT;
}

static bool is_thread(const struct mp_event *e)
{
	return e->sub == MP_TASK_THREAD;
}

static bool is_target(const struct mp_event *e)
{
	return e->sub == MP_TASK_TARGET;
}

static bool is_oom(const struct mp_event *e)
{
	return e->sub == MP_TASK_OOM;
}

static bool has_parent(const struct mp_event *e)
{
	return e->sub == MP_TASK_TARGET && e->task.c;
}

static bool is_release(const struct mp_event *e)
{
	return e->sub == MP_HEAP_RELEASE;
}

static bool is_other_range(const struct mp_event *e)
{
	return e->x && !is_release(e);
}

static bool is_string(const struct mp_event *e)
{
	return e->meta.isstr;
}

static bool is_number(const struct mp_event *e)
{
	return !e->meta.isstr;
}

/* --- words ------------------------------------------------------------------------ */

/* clang-format off */
#define WORDS(name, ...)                                                                    \
	static const char *const name##_list[] = { __VA_ARGS__ };                           \
	static const struct mp_words name = { NULL, name##_list, ARRAY_SIZE(name##_list) }

static const char *const fault_bits[] = { "write", "present", "kernel", "instr", "nokind",
					 "in-gc" };
const struct mp_words mp_fault_words = { NULL, fault_bits, ARRAY_SIZE(fault_bits) };
WORDS(call_flags, "failed", "no-delta", "remote", "shared", "faulted");
WORDS(gc_flags, "part", "marked");
/* by the bits MP_MAP_FILE, _SHMEM and _HUGETLB, of which a mapping may have several */
WORDS(backings, NULL, "file", "shmem", "shmem", "hugetlb", "hugetlb", "shmem", "shmem");

static const struct mp_words sources = { mp_source_name, NULL, 0 };
static const struct mp_words rungs = { mp_rung_name, NULL, 0 };

static const char *const rss_subs[] = { NULL, "kernel", "proc" };
static const char *const map_subs[] = { NULL, "begin", "line", "end" };
static const char *const pages_subs[] = { NULL, "absent", "resident", "dropped", "lazy",
					  "anon" };
static const char *const task_subs[] = { NULL,	    "fork",   "exec",  "exit",
					 "mm-exit", "thread", "target", "name", "oom" };
static const char *const range_subs[] = { NULL, "reserve", "commit", "release", "unreserve" };
static const char *const meta_subs[] = { NULL,	     "pid",	   "comm",    "exe",
					 "page-size", "start-ts",   "wall-ns", "boot-ns",
					 "kernel",    "version",    "proc-start", "threads",
					 "tick-ns",   "ncpu",	    "end-ts",  "looks-all",
					 "looks-suspect", "looks-hunt", "snapshots", "looks-ns",
					 "cmdline",	  "environ",	"shard",     "trigger" };
static const char *const note_subs[] = { NULL, "program", "user", "memprof" };
static const char *const phase_subs[] = { NULL,	      "stop",	    "roots", "remembered", "copy",
					  "mark",     "remark",	    "ephemerons", "finalizers",
					  "sweep",    "evacuate",   "fixup", "release" };
static const char *const site_subs[] = { NULL, "fault", "call" };
static const char *const place_subs[] = { "none",	"symtab",    "dynsym",	"debugdata",
					  "debugfile", "perf-map", "go" };
static const char *const tier_subs[] = { NULL, "1s", "10s", "5min" };
static const char *const clock_subs[] = { NULL, "told", "step", "sleep" };
static const char *const key_subs[] = { NULL, "begin", "end" };

/* --- the table ---------------------------------------------------------------------- */

#define AT(k, u, m)          .key = k, .unit = MP_U_##u, .off = offsetof(struct mp_event, m), \
			     .width = sizeof(((struct mp_event *)0)->m)
#define F(k, u, m)           { AT(k, u, m) }
#define FWORD(k, u, m, w)    { AT(k, u, m), .words = &w }
#define FWHEN(k, u, m, cond) { AT(k, u, m), .when = cond }
#define FKNOWN(k, u, m, fn)  { AT(k, u, m), .known = fn }
#define FLAGS                FWHEN("flags", MASK, flags, has_flags)
#define X                    FWHEN("x", MASK, x, has_x)
#define LIST(list)           { NULL, list, ARRAY_SIZE(list) }
#define FN(fn)               { fn, NULL, 0 }
#define NONE                 NULL, { NULL, NULL, 0 }

static const struct mp_event_type types[] = {
	[MP_EV_FAULT] = { "fault", NONE, false,
			  { FLAGS, F("pages", NUM, x), FWORD("kind", BITS, sub, mp_fault_words),
			    F("addr", HEX, fault.addr), F("ip", IP, fault.ip),
			    F("span", NS, fault.span), F("stack", ID, fault.stack) } },
	[MP_EV_CALL] = { "call", "call", FN(mp_call_name), false,
			 { { AT("prot", PROT, x), .shift = 28, .when = is_mmap },
			   { AT("mapflags", MASK, x), .mask = 0xffffff, .when = is_mmap },
			   FWHEN("prot", PROT, x, is_mprotect),
			   FWHEN("advice", ADVICE, x, is_advice),
			   FWHEN("x", MASK, x, is_other_call),
			   { AT("flags", BITS, flags), .words = &call_flags,
			     .when = has_flags },
			   FWHEN("old", HEX, call.len2, is_brk),
			   FWHEN("len2", BYTES, call.len2, has_len2),
			   FWHEN("ret", HEX, call.ret, returns_address),
			   FWHEN("ret", INT, call.ret, returns_number),
			   F("addr", HEX, call.addr), F("len", BYTES, call.len),
			   FKNOWN("anon", DPAGES, call.d_anon, has_delta),
			   FKNOWN("file", DPAGES, call.d_file, has_delta),
			   FKNOWN("shmem", DPAGES, call.d_shmem, has_delta),
			   FKNOWN("swap", DPAGES, call.d_swap, has_delta),
			   F("dur", NS, call.dur) } },
	[MP_EV_RSS] = { "rss", "source", LIST(rss_subs), false,
			{ FLAGS, X, F("anon", PAGES, rss.anon), F("file", PAGES, rss.file),
			  F("shmem", PAGES, rss.shmem), F("swap", PAGES, rss.swap),
			  F("lazyfree", PAGES, rss.lazyfree), F("hugetlb", BYTES, rss.hugetlb),
			  F("slack", PAGES, rss.slack) } },
	[MP_EV_MAP] = { "map", "op", LIST(map_subs), false,
			{ FLAGS, F("perms", PERMS, x),
			  { AT("backing", WORD, x), .shift = 4, .mask = 7, .words = &backings,
			    .when = is_backed },
			  F("start", HEX, map.start), F("end", HEX, map.end), F("off", HEX, map.off),
			  F("dev", DEV, map.dev), F("ino", NUM, map.ino), F("name", STR, map.name) } },
	[MP_EV_PAGES] = { "pages", "op", LIST(pages_subs), false,
			  { FLAGS, X, F("addr", HEX, pages.addr), F("len", BYTES, pages.len),
			    F("since", TIME, pages.since), F("site", ID, pages.site) } },
	[MP_EV_TASK] = { "task", "op", LIST(task_subs), false,
			 { FLAGS, X, FWHEN("child", NUM, task.a, is_fork),
			   FWHEN("child_mm", NUM, task.b, is_fork),
			   FWHEN("old_mm", NUM, task.a, is_exec),
			   FWHEN("pid", NUM, task.b, is_exec),
			   FWHEN("victim", NUM, task.a, is_oom),
			   FWHEN("status", NUM, task.a, is_exit),
			   FWHEN("thread", NUM, task.a, is_thread),
			   FWHEN("pid", NUM, task.a, is_target),
			   FWHEN("parent", NUM, task.c, has_parent),
			   FWHEN("exe", STR, task.b, is_target), F("comm", STR, task.comm) } },
	[MP_EV_HEAP] = { "heap", "source", FN(mp_source_name), false,
			 { FLAGS, X, F("used", BYTES, heap.used),
			   F("committed", BYTES, heap.committed),
			   F("external", BYTES, heap.external), F("arrays", BYTES, heap.arrays),
			   F("limit", BYTES, heap.limit), F("goal", BYTES, heap.goal),
			   F("live", BYTES, heap.live) } },
	[MP_EV_SPACE] = { "space", "source", FN(mp_source_name), false,
			  { FLAGS, X, F("name", STR, space.name), F("used", BYTES, space.used),
			    F("committed", BYTES, space.committed),
			    F("resident", BYTES, space.resident) } },
	[MP_EV_GC] = { "gc", "kind", FN(mp_gc_kind_name), false,
		       { { AT("flags", BITS, flags), .words = &gc_flags, .when = has_flags }, X,
			 FWORD("source", WORD, gc.source, sources),
			 F("before", BYTES, gc.before), F("after", BYTES, gc.after),
			 F("cbefore", BYTES, gc.cbefore), F("cafter", BYTES, gc.cafter),
			 F("pause", NS, gc.pause), F("start", TIME, gc.start),
			 F("reason", STR, gc.reason) } },
	[MP_EV_HEAP_RANGE] = { "heap-range", "op", LIST(range_subs), false,
			       { FLAGS, FWHEN("advice", ADVICE, x, is_release),
				 FWHEN("x", MASK, x, is_other_range),
				 F("addr", HEX, range.addr), F("len", BYTES, range.len),
				 F("dur", NS, range.dur),
				 FWORD("source", WORD, range.source, sources),
				 F("name", STR, range.name) } },
	[MP_EV_STR] = { "str", NONE, false,
			{ FLAGS, F("id", NUM, str.id), F("pos", BYTES, str.pos),
			  F("total", BYTES, x), F("text", TEXT, str.text) } },
	[MP_EV_LOSS] = { "loss", "cause", FN(mp_loss_name), false,
			 { FLAGS, F("events", NUM, x), F("faults", NUM, v[0]) } },
	[MP_EV_PROBE] = { "probe", "feature", FN(mp_feature_name), false,
			  { FLAGS, FWORD("rung", WORD, x, rungs), F("err", INT, v[0]),
			    F("why", STR, v[1]) } },
	[MP_EV_META] = { "meta", "key", LIST(meta_subs), false,
			 { FLAGS, FWHEN("value", NUM, meta.num, is_number),
			   FWHEN("value", STR, meta.num, is_string) } },
	[MP_EV_NOTE] = { "note", "by", LIST(note_subs), false,
			 { FLAGS, X, F("text", STR, v[0]) } },
	[MP_EV_KEYFRAME] = { "keyframe", "op", LIST(key_subs), false, { FLAGS, X } },
	[MP_EV_TOTAL] = { "total", NONE, true, { { 0 } } },
	[MP_EV_TICK] = { "tick", NONE, false, { FLAGS, X } },
	[MP_EV_PHASE] = { "phase", "phase", LIST(phase_subs), false,
			  { FLAGS, X, F("dur", NS, phase.dur), F("work", NUM, phase.work),
			    F("n", NUM, phase.n), FWORD("source", WORD, phase.source, sources) } },
	[MP_EV_SAMPLE] = { "sample", "source", FN(mp_source_name), false,
			   { FLAGS, X, F("addr", HEX, sample.addr), F("size", BYTES, sample.size),
			     F("mean", BYTES, sample.mean), F("what", STR, sample.what),
			     F("stack", ID, sample.stack) } },
	[MP_EV_MAJOR] = { "major", NONE, false,
			  { FLAGS, X, FWORD("kind", BITS, sub, mp_fault_words),
			    F("addr", HEX, major.addr), F("ip", IP, major.ip) } },
	[MP_EV_STACK] = { "stack", NONE, false,
			  { FLAGS, F("frames", NUM, x), F("id", NUM, stack.id),
			    F("pos", NUM, stack.pos), F("ip0", IP, stack.ip[0]),
			    F("ip1", IP, stack.ip[1]), F("ip2", IP, stack.ip[2]),
			    F("ip3", IP, stack.ip[3]), F("ip4", IP, stack.ip[4]) } },
	[MP_EV_SITE] = { "site", "of", LIST(site_subs), false,
			 { FLAGS, FWHEN("pages", NUM, x, has_x), F("stack", ID, site.stack),
			   F("addr", HEX, site.addr) } },
	[MP_EV_CGROUP] = { "cgroup", NONE, false,
			   { FLAGS, F("version", NUM, sub), F("path", STR, x),
			     F("charged", BYTES, cgroup.charged), F("limit", BYTES, cgroup.limit),
			     F("anon", BYTES, cgroup.anon), F("file", BYTES, cgroup.file),
			     F("shmem", BYTES, cgroup.shmem), F("kernel", BYTES, cgroup.kernel),
			     F("swap", BYTES, cgroup.swap) } },
	[MP_EV_CGROUP_MORE] = { "cgroup-more", NONE, false,
				{ FLAGS, F("version", NUM, sub),
				  F("inactive_file", BYTES, cgroup_more.inactive_file),
				  F("active_file", BYTES, cgroup_more.active_file),
				  F("slab_reclaimable", BYTES, cgroup_more.slab),
				  F("dirty", BYTES, cgroup_more.dirty),
				  F("refaults", NUM, cgroup_more.refaults),
				  F("oom_kills", NUM, cgroup_more.oom_kills),
				  F("high", BYTES, cgroup_more.high),
				  FWHEN("stalled", NUM, x, has_x) } },
	[MP_EV_PROC] = { "proc", NONE, false,
			 { FLAGS, X, F("locked", BYTES, proc.locked), F("pte", BYTES, proc.pte),
			   F("vsize", BYTES, proc.vsize), F("stack", BYTES, proc.stack),
			   F("threads", NUM, proc.threads) } },
	[MP_EV_ROLLUP] = { "rollup", NONE, false,
			   { FLAGS, FWHEN("anon", PAGES, x, has_x),
			     F("pss_anon", BYTES, rollup.pss_anon),
			     F("pss_file", BYTES, rollup.pss_file),
			     F("pss_shmem", BYTES, rollup.pss_shmem),
			     F("private_dirty", BYTES, rollup.private_dirty),
			     F("shared_dirty", BYTES, rollup.shared_dirty),
			     F("anon_huge", BYTES, rollup.anon_huge),
			     F("lazyfree", BYTES, rollup.lazyfree) } },
	[MP_EV_PLACE] = { "place", "source", LIST(place_subs), false,
			  { FLAGS, F("module", ID, x), F("ip", IP, place.ip),
			    F("off", HEX, place.off), F("name", STR, place.name),
			    F("maddr", HEX, place.maddr) } },
	[MP_EV_MODULE] = { "module", NONE, false,
			   { F("id", NUM, x), F("name", STR, module.name), F("dev", DEV, module.dev),
			     F("ino", NUM, module.ino), F("build", BUILD, module.build) } },
	[MP_EV_POINT] = { "point", "tier", LIST(tier_subs), true, { { 0 } } },
	[MP_EV_CLOCK] = { "clock", "why", LIST(clock_subs), false,
			  { FLAGS, X, F("wall", NS, clock.wall), F("boot", NS, clock.boot),
			    F("jump", DNS, clock.jump), F("asleep", NS, clock.asleep) } },
};
/* clang-format on */

const struct mp_event_type *mp_event_type(unsigned type)
{
	return type < ARRAY_SIZE(types) && types[type].name ? &types[type] : NULL;
}

const char *mp_word(const struct mp_words *w, uint64_t v)
{
	if (w->fn)
		return v <= UINT32_MAX ? w->fn((unsigned)v) : NULL;
	return v < w->n ? w->list[v] : NULL;
}

const char *mp_event_sub(const struct mp_event_type *t, unsigned sub)
{
	return t->sub ? mp_word(&t->subs, sub) : NULL;
}

uint64_t mp_field_load(const void *base, const struct mp_field_row *f)
{
	const char *at = (const char *)base + f->off;
	uint8_t v8;
	uint16_t v16;
	uint32_t v32;
	uint64_t v = 0;

	switch (f->width) {
	case 1:
		memcpy(&v8, at, sizeof(v8));
		v = v8;
		break;
	case 2:
		memcpy(&v16, at, sizeof(v16));
		v = v16;
		break;
	case 4:
		memcpy(&v32, at, sizeof(v32));
		v = f->unit == MP_U_DPAGES ? (uint64_t)(int64_t)(int32_t)v32 : v32;
		break;
	case 8:
		memcpy(&v, at, sizeof(v));
		break;
	}
	v >>= f->shift;
	return f->mask ? v & f->mask : v;
}

bool mp_field_unknown(const struct mp_field_row *f, const struct mp_event *e, uint64_t v)
{
	if (f->unit == MP_U_TIME && !v)
		return true; /* not told */
	if (f->known && !f->known(e))
		return true;
	return v == MP_UNKNOWN && f->unit != MP_U_INT && f->unit != MP_U_DPAGES &&
	       f->unit != MP_U_DNS;
}

const char *mp_event_piece(const struct mp_event *e, size_t *len)
{
	size_t n = e->x > e->str.pos ? e->x - e->str.pos : 0;

	*len = strnlen(e->str.text, n < MP_STR_CHUNK ? n : MP_STR_CHUNK);
	return e->str.text;
}

void mp_field_access(char out[5], enum mp_unit unit, uint64_t v)
{
	/* PROT_* and MP_MAP_* have the same first three bits */
	mp_fig_perms(out, (uint32_t)v);
	if (unit == MP_U_PROT)
		out[3] = '\0';
}
