/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * src_jvm.c - the heap of a HotSpot JVM nobody prepared, JDK 8 to 25.
 *
 * Figures come from the counters that the JVM keeps in a mapped file (hsperfdata, what
 * jstat shows) or, where it must not or cannot make one, in its memory; they are copied
 * every 100 ms. Collections come from the probes of its memory pools
 * where its libjvm was built with them, each with its sizes before and after; else from
 * counters that count them: then those between two looks are told, but not their sizes.
 *
 * Where the heap lies src_jvm_heap.c tells.
 *
 * The file is copied with pread(): one that shrinks must not end us. Copies are taken twice
 * when something has changed, since the JVM writes while we read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "user/live/gclog.h"
#include "user/live/peek.h"
#include "user/live/runtime.h"
#include "user/live/symwork.h"
#include "user/rt/hsperf.h"
#include "user/rt/jvm_pools.h"
#include "user/rt/vmstructs.h"
#include "user/sym/sym.h"
#include "user/util/util.h"

#define WAIT_NS 1000000000ULL /* for the file of a JVM that starts              */
/* A collection says what is in use as its probe found it, which stands until the next figures.
 * Those may have been read just before it, and not change again: they are told once more, by a look
 * late enough that the JVM has written what it counts. */
#define RETELL	   2
#define STRS_MAX   1024 /* different causes and spaces of one target      */
#define MISSED_MAX 64	/* collections told of one look at most           */
#define LIBS	   (sizeof(((struct mp_session *)0)->jvm_lib) / sizeof(struct jvm_lib))
#define TRIES	   8 /* looks into a JVM that starts                         */
#define BESIDE	   2 /* G1's third collector: remark and cleanup             */
#define COPIES	   4 /* until two are alike                            */

struct jvm {
	int fd;		/* of the counters, -1: not found                                   */
	uint64_t at;	/* ... where in it                                               */
	uint64_t addr;	/* where the JVM has them mapped                              */
	bool probes;	/* its libjvm has the pool probes, and they are on            */
	bool told;	/* how it is watched, or why it cannot be                     */
	bool again;	/* one more look at its mappings was asked for                */
	uint64_t since; /* ns: first seen                                            */
	uint8_t *copy;
	size_t size;
	struct hsperf h; /* entries 0: not indexed yet                               */
	int from;	 /* hsperf_read()                                            */
	bool have;	 /* `last` was read                                          */
	struct hsperf_values last;
	uint64_t looked; /* ns: when                                                 */
	unsigned retell; /* looks until figures are told, whether they changed or not */
	bool waited;	 /* once, for the first line of a log                         */
	/* The JVM's clock began between these on CLOCK_MONOTONIC, ns. */
	uint64_t epoch_min, epoch_max;
	unsigned strs;
	struct jvm_pools *pools;
	struct jvm_gc by_pools; /* the last one that they told                        */
	struct beside {
		struct jvm_gc gc;
		uint64_t n, time; /* ended since the look before; ns of all            */
		uint64_t since;	  /* ns: that look                                     */
		bool alone;	  /* nothing else was collected between the two        */
	} beside;		  /* .n 0: nothing to tell */
	struct vmstructs structs; /* .found 0: not read                            */
	unsigned tries;
	pid_t mem_of; /* 0: fd is a file; else the memory of this process */
};

_Static_assert(sizeof(((struct jvm_gc *)0)->cause) == sizeof(((struct hsperf_values *)0)->cause),
	       "a cause is copied from one to the other");

/* --- files ------------------------------------------------------------------------------- */

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool may_hold(const char *path)
{
	return !strncmp(base_of(path), "libjvm.so", 9);
}

/*
 * Ends before beginnings: an end alone tells nothing, so that where the rest does not follow
 * no collection is told twice. True: those of the pools are on; pauses are wanted beside.
 */
static bool hang_probes(struct mp_session *s, int fd)
{
	static const struct {
		enum mp_uprobe prog;
		const char *name;
	} probes[] = { { MP_UP_JVM_POOL_END, "mem__pool__gc__end" },
		       { MP_UP_JVM_POOL_BEGIN, "mem__pool__gc__begin" },
		       { MP_UP_JVM_PAUSE_END, "gc__end" },
		       { MP_UP_JVM_PAUSE_BEGIN, "gc__begin" } };
	unsigned i = 0;

	while (i < sizeof(probes) / sizeof(probes[0]) &&
	       !mp_probes_add_usdt(s->probes, probes[i].prog, fd, "hotspot", probes[i].name))
		i++;
	return i >= 2;
}

/* One that has probes is never forgotten: its collections would be counted beside them.
 * NULL: no room, and no probes. */
static struct jvm_lib *lib_free(struct mp_session *s)
{
	if (s->n_jvm_lib < LIBS)
		return &s->jvm_lib[s->n_jvm_lib++];
	for (unsigned i = 0; i < LIBS; i++)
		if (!s->jvm_lib[i].probes)
			return &s->jvm_lib[i];
	return NULL;
}

static void jvm_file(struct mp_session *s, int fd, const char *path)
{
	struct jvm_lib *lib = lib_free(s);
	struct mp_elf *e;
	struct stat st;
	uint64_t addr;

	(void)path;
	if (!lib || fstat(fd, &st))
		return;
	*lib = (struct jvm_lib){ .ino = st.st_ino, .probes = hang_probes(s, fd) };
	if (mp_elf_open(fd, &e))
		return;
	if (mp_elf_variable(e, VMSTRUCTS_SYMBOL, &addr) ||
	    mp_elf_code(e, addr, NULL, 0, &lib->table))
		lib->table = 0;
	mp_elf_close(e);
}

/* By inode alone: overlay tells stat() another device than maps. A stranger's libjvm with
 * the same inode would have to be watched in the same session. */
static const struct jvm_lib *lib_of(const struct mp_session *s, uint64_t ino)
{
	for (unsigned i = 0; i < s->n_jvm_lib && i < LIBS; i++)
		if (s->jvm_lib[i].ino == ino)
			return &s->jvm_lib[i];
	return NULL;
}

/* .../hsperfdata_USER/PID with the number that the process has in its own PID namespace:
 * who maps another's file is jstat, or us. */
static bool is_counters(const struct target *t, const struct proc_map *v, const char *name)
{
	const uint32_t shared = MP_MAP_FILE | MP_MAP_W | MP_MAP_SHARED;
	pid_t pid = t->pid;
	char number[16];

	if ((v->bits & shared) != shared || !strstr(name, "/hsperfdata_"))
		return false;
	proc_ns_pid(t->pid, &pid);
	snprintf(number, sizeof(number), "%d", (int)pid);
	return !strncmp(base_of(name), number, strlen(number)) &&
	       strchr(" ", base_of(name)[strlen(number)]); /* NUL, or " (deleted)" */
}

static void counters_open(struct target *t, struct jvm *j, const struct proc_map *v,
			  const char *name)
{
	struct sym_file f = { .dev = (uint64_t)v->dev_major << 20 | v->dev_minor,
			      .ino = v->ino,
			      .pid = t->pid,
			      .start = v->start,
			      .end = v->end };
	struct stat st;

	j->fd = sym_open_mapped(&f, name);
	if (j->fd < 0)
		return;
	if (!fstat(j->fd, &st) && st.st_size > 0 && st.st_size <= HSPERF_MAX)
		j->copy = malloc((size_t)st.st_size);
	if (j->copy) {
		j->size = (size_t)st.st_size;
		j->addr = v->off ? 0 : v->start;
		return;
	}
	close(j->fd);
	j->fd = -1;
}

/* --- in its memory ---------------------------------------------------------------------------- */

static int read_mem(void *ctx, uint64_t addr, void *buf, size_t len)
{
	return peek(*(pid_t *)ctx, addr, buf, len);
}

/* Where the byte of a file is mapped; of a page that two segments share, in the later one,
 * which is the one that was relocated. 0: it is not. */
static uint64_t mapped_at(const struct proc_maps *m, uint64_t ino, uint64_t off)
{
	uint64_t at = 0;

	for (size_t i = 0; i < m->n; i++) {
		const struct proc_map *v = &m->v[i];

		if ((v->bits & MP_MAP_FILE) && v->ino == ino && off >= v->off &&
		    off - v->off < v->end - v->start)
			at = v->start + (off - v->off);
	}
	return at;
}

/* The counters in the JVM's own memory, where they are in no file. True: fd is kept. */
static bool counters_in_memory(struct jvm *j, int fd, pid_t pid)
{
	uint64_t addr, len;

	if (j->fd >= 0 || vmstructs_perf(read_mem, &pid, &j->structs, &addr, &len) ||
	    len > HSPERF_MAX)
		return false;
	j->copy = malloc(len);
	if (!j->copy)
		return false;
	j->fd = fd;
	j->mem_of = pid;
	j->size = len;
	j->at = j->addr = addr;
	return true;
}

/* Where the table of its libjvm says that the counters are. */
static void look_inside(const struct target *t, struct jvm *j, const struct proc_maps *m,
			const struct jvm_lib *lib)
{
	uint64_t table = lib->table ? mapped_at(m, lib->ino, lib->table) : 0;
	char path[32];
	pid_t pid = t->pid;
	int fd;

	if (!table || j->fd >= 0 || j->tries++ >= TRIES)
		return;
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)t->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (j->structs.found != VMSTRUCTS_PERF)
		(void)vmstructs_find(read_mem, &pid, table, VMSTRUCTS_PERF, &j->structs);
	if (!counters_in_memory(j, fd, pid))
		close(fd);
}

/* --- the clock ------------------------------------------------------------------------------ */

/* Ticks of the JVM's clock in ns. */
static uint64_t ns_of(const struct hsperf_values *v, uint64_t ticks)
{
	if (v->frequency == 1000000000ULL)
		return ticks;
	if (!v->frequency || v->frequency == MP_UNKNOWN)
		return MP_UNKNOWN;
	return (uint64_t)((double)ticks * 1e9 / (double)v->frequency);
}

/* The JVM wrote this time between t0 and t1. */
static void clock_learn(struct jvm *j, uint64_t ns, uint64_t t0, uint64_t t1)
{
	if (ns == MP_UNKNOWN || ns > t1)
		return;
	if (t1 - ns < j->epoch_max)
		j->epoch_max = t1 - ns;
	if (t0 > ns && t0 - ns > j->epoch_min)
		j->epoch_min = t0 - ns;
}

/*
 * Its clock began at an instant that no counter tells (os::elapsed_counter()), but now and
 * then it writes what that clock says: not later than we read it, and not earlier than when
 * we read another value. The bounds close with every look; the later one is nearer, since
 * the JVM writes 20 times a second and we look at any time between.
 */
static void clock_note(struct jvm *j, const struct hsperf_values *v, uint64_t t1)
{
	uint64_t t0 = j->have ? j->looked : 0;

	if (!j->have || v->ticks != j->last.ticks)
		clock_learn(j, ns_of(v, v->ticks), t0, t1);
	for (unsigned i = 0; i < HSPERF_COLLECTORS; i++)
		if (j->have && v->gc[i].present && v->gc[i].exit != j->last.gc[i].exit)
			clock_learn(j, ns_of(v, v->gc[i].exit), t0, t1);
}

/* --- telling ---------------------------------------------------------------------------------- */

/* A string of the target's; only so many different ones are kept. */
static uint32_t text_id(struct mp_session *s, struct jvm *j, const char *text, uint64_t ts)
{
	size_t before = s->stream.n_strs;
	uint32_t id;

	if (j->strs >= STRS_MAX)
		return 0;
	id = stream_str(&s->stream, text, ts);
	j->strs += s->stream.n_strs != before;
	return id;
}

static void tell_figures(struct mp_session *s, const struct target *t, struct jvm *j, uint64_t ts)
{
	const struct hsperf_values *v = &j->last;
	struct mp_event e = { .ts = ts, .type = MP_EV_HEAP, .sub = MP_SRC_JVM, .mm = t->mm };

	memset(&e.heap, 0xff, sizeof(e.heap));
	e.heap.used = v->used;
	e.heap.committed = v->committed;
	e.heap.limit = v->limit;
	stream_push(&s->stream, &e);
	for (unsigned i = 0; i < v->n_spaces; i++) {
		struct mp_event sp = {
			.ts = ts, .type = MP_EV_SPACE, .sub = MP_SRC_JVM, .mm = t->mm
		};

		sp.space.name = text_id(s, j, v->space[i].name, ts);
		sp.space.used = v->space[i].used;
		sp.space.committed = v->space[i].committed;
		sp.space.resident = MP_UNKNOWN;
		if (sp.space.name)
			stream_push(&s->stream, &sp);
	}
}

static void tell_gc(struct mp_session *s, const struct target *t, struct jvm *j,
		    const struct jvm_gc *gc)
{
	struct mp_event e = { .ts = gc->end, .type = MP_EV_GC, .sub = gc->kind, .mm = t->mm };

	if (e.ts < s->horizon) /* folded already: told late rather than out of order */
		e.ts = s->horizon;
	e.gc.before = gc->before;
	e.gc.after = gc->after;
	e.gc.cbefore = gc->cbefore;
	e.gc.cafter = gc->cafter;
	e.gc.pause = gc->pause;
	e.gc.start = gc->start < e.ts ? gc->start : e.ts;
	e.gc.reason = gc->cause[0] ? text_id(s, j, gc->cause, e.ts) : 0;
	e.gc.source = MP_SRC_JVM;
	stream_push(&s->stream, &e);
	j->retell = RETELL;
}

/* --- collections by counters --------------------------------------------------------------------
 */

/* Collector i of the counters; false: it does not count collections but pauses. */
static bool counts(const struct hsperf_values *v, unsigned i, uint8_t *kind)
{
	bool stops = v->kind == HSPERF_SERIAL || v->kind == HSPERF_PARALLEL || v->kind == HSPERF_G1;

	*kind = i ? MP_GC_COMPACT : MP_GC_MINOR;
	return v->gc[i].present && (i == 0 ? stops || v->kind == HSPERF_CMS : i == 1 && stops);
}

/*
 * The used bytes before the one collection since the last look: the young space was full,
 * when that was its cause; else as much as the last look saw, and what was allocated since
 * is missing.
 */
static uint64_t used_before(const struct jvm *j, const struct hsperf_values *v, uint8_t kind)
{
	const struct hsperf_values *had = &j->last;
	bool full = !strcmp(v->cause, "Allocation Failure") && had->eden_used != MP_UNKNOWN;

	if (!full || kind != MP_GC_MINOR || v->kind == HSPERF_G1)
		return had->used;
	return had->used + had->eden_capacity - had->eden_used;
}

/* After a young collection eden is empty: what lies in it is newer. */
static uint64_t used_after(const struct hsperf_values *v, uint8_t kind)
{
	return kind == MP_GC_MINOR && v->eden_used <= v->used ? v->used - v->eden_used : v->used;
}

static struct jvm_gc unknown_gc(uint8_t kind)
{
	struct jvm_gc gc = { .kind = kind, .pause = MP_UNKNOWN };

	gc.before = gc.after = gc.cbefore = gc.cafter = MP_UNKNOWN;
	return gc;
}

/* Collections that were counted but are too many to be told one by one. */
static void tell_lost(struct mp_session *s, uint64_t n, uint64_t ts)
{
	struct mp_event e = { .ts = ts < s->horizon ? s->horizon : ts,
			      .type = MP_EV_LOSS,
			      .sub = MP_LOSS_GC_RING,
			      .x = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX };

	stream_push(&s->stream, &e);
}

/* n collections of one collector since the last look and before its last one, all of which took
 * `all` ns: when they were is not known. */
static void tell_missed(struct mp_session *s, const struct target *t, struct jvm *j, uint64_t n,
			const struct jvm_gc *last, uint64_t all)
{
	struct jvm_gc gc = unknown_gc(last->kind);

	gc.start = gc.end = last->start;
	if (n == 1 && last->pause < all)
		gc.pause = all - last->pause;
	if (n > MISSED_MAX) {
		tell_lost(s, n - MISSED_MAX, gc.end);
		n = MISSED_MAX;
	}
	while (n--)
		tell_gc(s, t, j, &gc);
}

/* Collector i: its collections since the last look. `alone`: the other one had none. */
static void counted(struct mp_session *s, const struct target *t, struct jvm *j,
		    const struct hsperf_values *v, unsigned i, bool alone, uint64_t now)
{
	const struct hsperf_collector *c = &v->gc[i], *had = &j->last.gc[i];
	uint64_t n = c->count - had->count, all = ns_of(v, c->time - had->time);
	uint64_t end = j->epoch_max + ns_of(v, c->exit);
	bool latest = c->exit >= v->gc[!i].exit && !c->running && !v->gc[!i].running;
	struct jvm_gc gc;
	uint8_t kind;

	if (!counts(v, i, &kind) || c->count <= had->count)
		return;
	gc = unknown_gc(kind);
	if (!c->running) /* else another one's beginning stands there */
		gc.pause = ns_of(v, c->exit - c->entry);
	else if (n == 1)
		gc.pause = all;
	/* It ended between the two looks, whatever our idea of its clock. */
	gc.end = end < j->looked ? j->looked : end > now ? now : end;
	gc.start = gc.pause < gc.end ? gc.end - gc.pause : gc.end;
	if (n == 1 && alone) {
		gc.before = used_before(j, v, kind);
		gc.cbefore = j->last.committed;
	}
	if (latest) {
		gc.after = used_after(v, kind);
		gc.cafter = v->committed;
	}
	if (latest && gc.before < gc.after) /* too much was allocated since the last look */
		gc.before = gc.cbefore = MP_UNKNOWN;
	if (n > 1)
		tell_missed(s, t, j, n - 1, &gc, all);
	if (latest)
		memcpy(gc.cause, v->cause, sizeof(gc.cause));
	tell_gc(s, t, j, &gc);
}

/* A log that is followed knows more of each. What it has of this one is read first, or the
 * first of all would be told twice. */
static bool told_by_log(struct mp_session *s, const struct target *t)
{
	if (s->gclog && !gclog_tells(s, t->mm, MP_SRC_JVM))
		gclog_poll(s);
	return gclog_tells(s, t->mm, MP_SRC_JVM);
}

/* In the order in which the last ones ended. */
static void count_collections(struct mp_session *s, const struct target *t, struct jvm *j,
			      const struct hsperf_values *v, uint64_t now)
{
	bool young = v->gc[0].count != j->last.gc[0].count;
	bool old = v->gc[1].count != j->last.gc[1].count;
	unsigned first = v->gc[0].exit > v->gc[1].exit;

	if (j->probes || !j->have || v->kind != j->last.kind || !(young || old))
		return;
	if (told_by_log(s, t))
		return;
	counted(s, t, j, v, first, first ? !young : !old, now);
	counted(s, t, j, v, !first, first ? !old : !young, now);
}

/*
 * Remark and cleanup of G1 free whole regions outside of any collection: they are the third
 * collector of its counters. What they freed is what the heap has less than before, at the
 * last look or after a collection since then; the records of that one are in the ring by
 * now, so it is told when that has been drained.
 */
static void note_beside(struct jvm *j, const struct hsperf_values *v, uint64_t now)
{
	const struct hsperf_collector *c = &v->gc[BESIDE], *had = &j->last.gc[BESIDE];
	uint64_t end = j->epoch_max + ns_of(v, c->exit);
	struct beside b = { .gc = unknown_gc(MP_GC_OTHER), .since = j->looked, .alone = true };

	if (!j->have || v->kind != HSPERF_G1 || !c->present || c->count <= had->count)
		return;
	for (unsigned i = 0; i < BESIDE; i++)
		b.alone &= v->gc[i].count == j->last.gc[i].count && !v->gc[i].running &&
			   !j->last.gc[i].running;
	snprintf(b.gc.cause, sizeof(b.gc.cause), "remark or cleanup");
	b.n = c->count - had->count;
	b.time = ns_of(v, c->time - had->time);
	if (!c->running) /* else the next one's beginning stands there */
		b.gc.pause = ns_of(v, c->exit - c->entry);
	else if (b.n == 1)
		b.gc.pause = b.time;
	b.gc.end = end < j->looked ? j->looked : end > now ? now : end;
	b.gc.start = b.gc.pause < b.gc.end ? b.gc.end - b.gc.pause : b.gc.end;
	b.gc.before = j->last.used;
	b.gc.cbefore = j->last.committed;
	b.gc.after = v->used;
	b.gc.cafter = v->committed;
	j->beside = b;
}

static void jvm_drained(struct mp_session *s, struct target *t)
{
	struct jvm *j = t->rt[RT_JVM];
	struct beside b = j->beside;
	bool behind = j->by_pools.end > b.since && j->by_pools.end <= b.gc.end;

	j->beside.n = 0;
	if (!b.n)
		return;
	if (s->gclog && !gclog_tells_pauses(s, t->mm))
		gclog_poll(s); /* as in told_by_log() */
	if (gclog_tells_pauses(s, t->mm))
		return;
	if (!b.alone && behind) {
		b.gc.before = j->by_pools.after;
		b.gc.cbefore = j->by_pools.cafter;
	}
	/* or more was allocated meanwhile than freed */
	if ((!b.alone && !behind) || b.gc.before < b.gc.after)
		b.gc.before = b.gc.cbefore = b.gc.after = b.gc.cafter = MP_UNKNOWN;
	if (b.n > 1)
		tell_missed(s, t, j, b.n - 1, &b.gc, b.time);
	tell_gc(s, t, j, &b.gc);
}

/* --- looking
 * --------------------------------------------------------------------------------------- */

/* Copies the file and finds what is in it. 0 or -errno; -EAGAIN: not filled yet. */
static int read_once(struct jvm *j, struct hsperf_values *v, uint64_t *t1)
{
	int err = j->mem_of ? peek(j->mem_of, j->addr, j->copy, j->size) : 0;
	ssize_t n = j->mem_of ? (ssize_t)j->size : pread(j->fd, j->copy, j->size, (off_t)j->at);

	*t1 = mp_monotonic_ns();
	if (err || n <= 0)
		return err ? err : n < 0 ? -errno : -ENODATA;
	if (!j->h.entries || hsperf_changed(j->copy, (size_t)n, &j->h)) {
		err = hsperf_index(j->copy, (size_t)n, &j->h);
		if (err) {
			j->h.entries = 0;
			return err;
		}
	}
	return hsperf_read(j->copy, (size_t)n, &j->h, &j->from, v);
}

/* All that a collection or a mutator changes; the clock runs on. */
static bool alike(const struct hsperf_values *a, const struct hsperf_values *b)
{
	struct hsperf_values x = *a, y = *b;

	x.ticks = y.ticks = 0;
	/* hsperf_read() zeroes what lies between the members */
	return !memcmp(&x, &y, sizeof(x)); /* NOLINT(bugprone-suspicious-memory-comparison) */
}

/* Figures that belong together: the same twice. 0, -EAGAIN: the JVM is at it, or -errno. */
static int look(struct jvm *j, struct hsperf_values *v)
{
	struct hsperf_values first = { 0 };
	uint64_t t1;
	int err = read_once(j, &first, &t1);

	for (unsigned i = 0; i < COPIES && !err; i++) {
		clock_note(j, &first, t1);
		if (j->have && alike(&first, &j->last)) {
			*v = first;
			return 0;
		}
		err = read_once(j, v, &t1);
		if (!err && alike(&first, v))
			return 0;
		first = *v;
	}
	return err ? err : -EAGAIN;
}

static void tell_route(struct mp_session *s, struct jvm *j, const struct hsperf_values *v)
{
	const char *why = "no pool probes in libjvm (or off): sizes of collections are as of looks "
			  "every 100 ms; -Xlog:gc (Java 8: -XX:+PrintGCDetails) tells them all";
	uint8_t kind;

	if (j->told)
		return;
	j->told = true;
	if (j->probes) {
		runtime_tell(s, MP_FEAT_HEAP_JVM, MP_RUNG_USDT, 0, NULL);
		return;
	}
	if (!counts(v, 0, &kind) || v->kind == HSPERF_CMS)
		why = "no pool probes in libjvm (or off), and this collector does not count its "
		      "cycles: -Xlog:gc (Java 8: -XX:+PrintGCDetails) tells them";
	runtime_tell(s, MP_FEAT_HEAP_JVM, MP_RUNG_COUNTERS, 0, why);
}

/* A collection is counted before its line is written: the first that a log might tell is left to
 * the next look, or it would be told by both. */
static bool log_is_due(struct mp_session *s, const struct target *t, struct jvm *j,
		       const struct hsperf_values *v)
{
	bool counted = false;

	if (!s->gclog || !j->have || j->waited)
		return false;
	for (unsigned i = 0; i < HSPERF_COLLECTORS; i++)
		counted |= v->gc[i].present && v->gc[i].count != j->last.gc[i].count;
	if (!counted || told_by_log(s, t))
		return false;
	j->waited = true;
	return true;
}

static void jvm_look(struct mp_session *s, struct target *t, struct jvm *j, uint64_t now)
{
	struct hsperf_values v = { 0 };
	uint64_t at = mp_monotonic_ns();
	bool news;

	(void)now;
	if (look(j, &v) || log_is_due(s, t, j, &v))
		return;
	news = !j->have || !alike(&v, &j->last);
	if (!j->have) {
		tell_route(s, j, &v);
		if (s->probes && j->addr && hsperf_cause_at(&j->h))
			mp_probes_jvm_cause(s->probes, (uint32_t)t->pid,
					    j->addr + hsperf_cause_at(&j->h));
	}
	count_collections(s, t, j, &v, at);
	note_beside(j, &v, at);
	j->last = v;
	j->have = true;
	j->looked = at;
	if (news || (j->retell && !--j->retell))
		tell_figures(s, t, j, mp_monotonic_ns());
}

/* No counters: why, and what would give them. */
static void tell_absent(struct mp_session *s, struct jvm *j)
{
	const char *why = "it keeps no counters (-XX:-UsePerfData), or they cannot be read; "
			  "JAVA_TOOL_OPTIONS=-XX:+UsePerfData gives them";

	if (j->told)
		return;
	j->told = true;
	if (j->probes)
		runtime_tell(s, MP_FEAT_HEAP_JVM, MP_RUNG_USDT, 0, why);
	else
		runtime_tell(s, MP_FEAT_HEAP_JVM, MP_RUNG_ABSENT, -ENOENT, why);
}

static void jvm_poll(struct mp_session *s, struct target *t, uint64_t now)
{
	struct jvm *j = t->rt[RT_JVM];

	if (!j || t->gone)
		return;
	if (j->fd >= 0) {
		jvm_look(s, t, j, now);
	} else if (!j->again && now - j->since > WAIT_NS) {
		j->again = true; /* what a JVM that was starting has mapped since */
		t->want_maps = true;
	}
}

/* --- targets
 * ------------------------------------------------------------------------------------------ */

static struct jvm *jvm_of(struct target *t)
{
	struct jvm *j = t->rt[RT_JVM];

	if (j)
		return j;
	j = calloc(1, sizeof(*j));
	if (!j)
		return NULL;
	j->fd = -1;
	j->from = -1;
	j->epoch_max = UINT64_MAX;
	j->since = mp_monotonic_ns();
	t->rt[RT_JVM] = j;
	return j;
}

static void jvm_attach(struct mp_session *s, struct target *t, const struct proc_maps *m)
{
	const struct jvm_lib *lib = NULL;
	struct jvm *j = t->rt[RT_JVM];

	if (j && j->fd >= 0)
		return;
	for (size_t i = 0; i < m->n; i++) {
		const char *name = m->names + m->v[i].name;
		bool code = (m->v[i].bits & MP_MAP_X) && may_hold(name);

		if (!code && !is_counters(t, &m->v[i], name))
			continue;
		j = jvm_of(t);
		if (!j)
			return;
		if (code)
			lib = lib_of(s, m->v[i].ino);
		else if (j->fd < 0)
			counters_open(t, j, &m->v[i], name);
	}
	if (j && lib) {
		j->probes |= lib->probes;
		look_inside(t, j, m, lib);
	}
	if (j && j->fd < 0 && (j->again || s->settling))
		tell_absent(s, j);
}

static void jvm_detach(struct target *t)
{
	struct jvm *j = t->rt[RT_JVM];

	if (!j)
		return;
	if (j->fd >= 0)
		close(j->fd);
	free(j->copy);
	free(j->pools);
	free(j);
	t->rt[RT_JVM] = NULL;
}

static void jvm_words(struct mp_session *s, struct target *t, const struct mp_raw_words *r)
{
	struct jvm *j = t ? jvm_of(t) : NULL;
	struct jvm_gc gc;

	if (!j)
		return;
	if (!j->pools)
		j->pools = calloc(1, sizeof(*j->pools));
	if (!j->pools || !jvm_pools_feed(j->pools, r, &gc))
		return;
	j->probes = true;
	j->by_pools = gc;
	tell_gc(s, t, j, &gc);
}

const struct runtime runtime_jvm = { .name = "HotSpot",
				     .may_hold = may_hold,
				     .file = jvm_file,
				     .attach = jvm_attach,
				     .poll = jvm_poll,
				     .words = jvm_words,
				     .drained = jvm_drained,
				     .detach = jvm_detach };
