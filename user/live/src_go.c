/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * src_go.c - the heap of a Go program nobody prepared: probes on entry of two functions of
 * its pacer tell of every collection, and between them the runtime's own variables are read
 * from outside. Stripped programs too: functions are found by .gopclntab, variables by
 * .symtab, else by the code that uses them, else by what a probe gets as its argument.
 *
 * The main program of a process only. Names and layouts: user/rt/go.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "user/live/peek.h"
#include "user/live/runtime.h"
#include "user/rt/go.h"
#include "user/sym/sym.h"
#include "user/util/util.h"

#define CODE_MAX   (64u << 10) /* bytes of one function looked through */
#define BUILDS_MAX 1024u
#define ARENAS_MAX 64u

/* A program file, once looked at; kept until the session ends, since processes come and go. */
struct go_build {
	struct go_build *next;
	struct stat st; /* which file */
	bool guess;	/* no table for this version: another one is tried      */
	bool system;	/* what memstats has beside pauses is where it is sought */
	char version[48];
	const struct go_layout *layout; /* NULL: none for this version */
	uint64_t start_off, live_off;	/* of the functions in the file, 0: not found */
	uint64_t ctl, memstats;		/* addresses before relocation, 0: not found */
};

/* A process. */
struct go_proc {
	const struct go_build *b; /* NULL: looked at, its program is not Go */
	bool placed;		  /* ctl and memstats are addresses in the process */
	bool told;		  /* that its memory is read                       */
	bool given_up;		  /* nothing is read any more                  */
	bool distrusted;	  /* since that is no memory laid out as known */
	uint64_t mapped;	  /* bytes of memory that is no file's              */
	unsigned wrong;		  /* readings in a row that cannot be right        */
	uint64_t ctl, memstats;	  /* 0: not known (yet)                            */
	uint64_t reason;	  /* string id: of the cycle that has begun        */
	struct {
		uint64_t start, end;
	} arena[ARENAS_MAX]; /* told as the heap's */
	unsigned n_arenas;
	struct go_figures last;
	struct go_system last_sys;
};

/* --- the program file ----------------------------------------------------------------- */

enum { F_START, F_LIVE, F_CALLS_START, F_CALLS_LIVE, F_COUNTS, F_N };

static uint64_t file_offset(struct mp_elf *e, uint64_t addr)
{
	uint64_t off;

	return addr && !mp_elf_code(e, addr, NULL, 0, &off) ? off : 0;
}

/* Bytes of the function's code in buf; 0: not to be had. */
static size_t code_of(struct mp_elf *e, const struct mp_go_func *f, uint8_t *buf)
{
	uint64_t off, n = f->end - f->start;

	if (!f->start || f->end <= f->start)
		return 0;
	if (n > CODE_MAX)
		n = CODE_MAX;
	return mp_elf_code(e, f->start, buf, (size_t)n, &off) ? 0 : (size_t)n;
}

/*
 * With the address of memstats.numgc. Where both the variable and its counter are known the
 * distance says which table is right, of a version that has none as well. Where only the
 * counter is, the ring of pauses lies before it in all versions, but not the rest.
 */
static void settle(struct go_build *b, uint64_t counter)
{
	const struct go_layout *l;

	b->system = b->memstats || !b->guess;
	if (!counter)
		return;
	if (!b->memstats) {
		b->memstats = counter - b->layout->ms_numgc;
		return;
	}
	l = go_layout_by_counter(b->layout, counter - b->memstats);
	if (l)
		b->layout = l;
	else
		b->memstats = 0;
}

/* What is not in a table of symbols is in the code that uses it. */
static void find_by_code(struct mp_elf *e, struct go_build *b, const struct mp_go_func *f)
{
	uint8_t *buf = malloc(CODE_MAX);
	size_t n;

	if (!buf)
		return;
	n = b->ctl ? 0 : code_of(e, &f[F_CALLS_LIVE], buf);
	if (n)
		b->ctl = go_code_argument(buf, n, f[F_CALLS_LIVE].start, f[F_LIVE].start);
	n = b->ctl ? 0 : code_of(e, &f[F_CALLS_START], buf);
	if (n)
		b->ctl = go_code_argument(buf, n, f[F_CALLS_START].start, f[F_START].start);
	n = b->layout ? code_of(e, &f[F_COUNTS], buf) : 0;
	if (n)
		settle(b, go_code_counters(buf, n, f[F_COUNTS].start));
	free(buf);
}

/* False: no program of Go. */
static bool look_into(struct mp_elf *e, struct go_build *b)
{
	struct mp_go_func f[F_N] = {
		[F_START] = { .name = "runtime.(*gcControllerState).startCycle" },
		[F_LIVE] = { .name = "runtime.(*gcControllerState).resetLive" },
		[F_CALLS_START] = { .name = "runtime.gcStart" },
		[F_CALLS_LIVE] = { .name = "runtime.gcMark" },
		[F_COUNTS] = { .name = "runtime.gcMarkTermination" },
	};

	if (mp_elf_go_version(e, b->version, sizeof(b->version)))
		return false;
	b->layout = go_layout_of(go_minor(b->version), &b->guess);
	if (mp_elf_go_functions(e, f, F_N))
		return true;
	b->start_off = file_offset(e, f[F_START].start);
	b->live_off = file_offset(e, f[F_LIVE].start);
	if (mp_elf_variable(e, "runtime.gcController", &b->ctl))
		b->ctl = 0;
	if (mp_elf_variable(e, "runtime.memstats", &b->memstats))
		b->memstats = 0;
	find_by_code(e, b, f);
	return true;
}

static void tell(struct mp_session *s, const struct go_build *b, enum mp_rung rung, int err,
		 const char *why)
{
	char text[160];

	snprintf(text, sizeof(text), "%.40s: %.110s", b->version, why);
	runtime_tell(s, MP_FEAT_HEAP_GO, rung, err, text);
}

static void absent(struct mp_session *s, const struct go_build *b, int err, const char *why)
{
	tell(s, b, MP_RUNG_ABSENT, err, why);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* What is known of an open file. NULL: no program of Go, or memory is out. */
static const struct go_build *build_of(struct mp_session *s, int fd)
{
	struct go_build *b;
	struct mp_elf *e;
	struct stat st;
	unsigned n = 0;
	bool is_go;

	if (fstat(fd, &st))
		return NULL;
	for (b = s->go_builds; b; b = b->next, n++)
		if (same_file(&b->st, &st))
			return b;
	b = calloc(1, sizeof(*b));
	if (!b || mp_elf_open(fd, &e)) {
		free(b);
		return NULL;
	}
	b->st = st;
	is_go = look_into(e, b);
	mp_elf_close(e);
	if (!is_go || n >= BUILDS_MAX) {
		if (is_go)
			absent(s, b, -ENOSPC,
			       "more programs of Go than are looked at in a session");
		free(b);
		return NULL;
	}
	b->next = s->go_builds;
	s->go_builds = b;
	return b;
}

void go_free(struct mp_session *s)
{
	struct go_build *next;

	for (struct go_build *b = s->go_builds; b; b = next) {
		next = b->next;
		free(b);
	}
	s->go_builds = NULL;
}

/* --- probes ----------------------------------------------------------------------------- */

/* Any program may be made by Go, no library that is loaded by one. */
static bool may_hold(const char *path)
{
	const char *base = strrchr(path, '/');

	return !strstr(base ? base : path, ".so");
}

/* Nothing is read between collections; these are seen all the same. */
static void probes_only(struct mp_session *s, const struct go_build *b, int err, const char *why)
{
	tell(s, b, s->probes && b->live_off ? MP_RUNG_UPROBE : MP_RUNG_ABSENT, err, why);
}

static void go_file(struct mp_session *s, int fd, const char *path)
{
	const struct go_build *b = build_of(s, fd);
	int err;

	(void)path;
	if (!b)
		return;
	if (!b->live_off) {
		absent(s, b, -ENOENT,
		       "no function to watch; GODEBUG=gctrace=1 and --gc-log tell of collections");
		return;
	}
	err = mp_probes_add_uprobe(s->probes, MP_UP_GO_LIVE, fd, b->live_off);
	if (!err && b->start_off)
		err = mp_probes_add_uprobe(s->probes, MP_UP_GO_START, fd, b->start_off);
	if (err)
		absent(s, b, err, runtime_why(err));
	else
		runtime_tell(s, MP_FEAT_HEAP_GO, MP_RUNG_UPROBE, 0, NULL);
}

/* --- the process -------------------------------------------------------------------------- */

static struct go_proc *proc_new(struct target *t, const struct go_build *b)
{
	struct go_proc *p = t->rt[RT_GO];

	if (!p)
		p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->b = b;
	t->rt[RT_GO] = p;
	return p;
}

/* By the running program itself, whatever lies at its path. */
static const struct go_build *build_of_target(struct mp_session *s, const struct target *t)
{
	const struct go_build *b;
	char path[40];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)t->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	b = build_of(s, fd);
	close(fd);
	return b;
}

static void place(struct go_proc *p, uint64_t bias)
{
	p->placed = true;
	p->ctl = p->b->ctl ? p->b->ctl + bias : 0;
	p->memstats = p->b->memstats ? p->b->memstats + bias : 0;
}

/* A program's code is one mapping. Each is looked for in all headers, and there may be 65,536 of
 * both. */
#define PLACE_TRIES 64

/* Where the program was loaded: by the mapping of its code. */
static void place_by_maps(struct go_proc *p, const struct target *t, const struct proc_maps *m)
{
	unsigned tries = PLACE_TRIES;
	const uint32_t code = MP_MAP_FILE | MP_MAP_X;
	struct mp_elf *e = NULL;
	char path[40], name[4096];
	uint64_t addr;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)t->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (proc_link(t->pid, "exe", name, sizeof(name)) || mp_elf_open(fd, &e))
		e = NULL;
	p->mapped = 0;
	for (size_t i = 0; e && i < m->n; i++) {
		const struct proc_map *v = &m->v[i];

		if (!(v->bits & MP_MAP_FILE))
			p->mapped += v->end - v->start;
		if (!p->placed && (v->bits & code) == code && !strcmp(m->names + v->name, name) &&
		    tries && tries-- && !mp_elf_address(e, v->off, &addr))
			place(p, v->start - addr);
	}
	mp_elf_close(e);
	close(fd);
}

/*
 * Since 1.26 the heap begins at a random address, and only some kernels keep the name that
 * the runtime gives it. It asks for whole arenas of 64 MiB and joins them, far below where
 * the kernel puts what asks for no address: there is nothing else of that shape.
 */
#define ARENA		(64ULL << 20) /* heapArenaBytes, src/runtime/malloc.go */
#define FREE_TOP	0x7e0000000000ULL
#define ARENAS_ANYWHERE 26u /* minor version */

static void tell_arena(struct mp_session *s, const struct target *t, struct go_proc *p,
		       uint64_t start, uint64_t end)
{
	struct mp_event e = { .ts = mp_monotonic_ns(), .type = MP_EV_HEAP_RANGE, .mm = t->mm };
	unsigned at = p->n_arenas;

	for (unsigned i = 0; i < p->n_arenas; i++)
		if (p->arena[i].start <= start && p->arena[i].end >= start) {
			start = p->arena[i].end; /* told: only what has grown since */
			at = i;
		}
	if (start >= end || at == ARENAS_MAX)
		return;
	if (at == p->n_arenas)
		p->arena[p->n_arenas++].start = start;
	p->arena[at].end = end;
	e.sub = MP_HEAP_RESERVE;
	e.range.addr = start;
	e.range.len = end - start;
	e.range.source = MP_SRC_GO;
	stream_push(&s->stream, &e);
}

static void find_arenas(struct mp_session *s, const struct target *t, struct go_proc *p,
			const struct proc_maps *m)
{
	const uint32_t other = MP_MAP_FILE | MP_MAP_SHARED | MP_MAP_X;
	uint64_t start, end;

	for (size_t i = 0, k; i < m->n; i = k) {
		start = m->v[i].start;
		end = start;
		for (k = i; k < m->n && m->v[k].start == end && !(m->v[k].bits & other); k++)
			end = m->v[k].end;
		if (k == i)
			k++;
		else if (end <= FREE_TOP && start % ARENA == 0 && end % ARENA == 0)
			tell_arena(s, t, p, start, end);
	}
}

/* --- reading --------------------------------------------------------------------------------- */

/* All of it or nothing, in one go: as near to one instant as can be had. */
static int read_target(pid_t pid, const struct iovec *to, struct iovec *from, size_t n)
{
	return peek_read(pid, to, from, n);
}

static struct iovec there(uint64_t addr)
{
	return (struct iovec){ .iov_base = (void *)(uintptr_t)addr };
}

struct reading {
	uint64_t ctl[GO_CTL_WORDS];
	uint64_t sys[GO_SYS_WORDS];
	int64_t in_heap[3][3];
};

static int read_words(const struct target *t, const struct go_proc *p, struct reading *r)
{
	const struct go_layout *l = p->b->layout;
	struct iovec to[5] = { { r->ctl, sizeof(r->ctl) }, { r->sys, sizeof(r->sys) } };
	struct iovec from[5] = { there(p->ctl), there(p->memstats + l->ms_sys) };

	for (unsigned i = 0; i < 3; i++) {
		to[2 + i] = (struct iovec){ r->in_heap[i], l->hs_words * sizeof(int64_t) };
		from[2 + i] = there(p->memstats + i * l->hs_size + l->hs_stacks);
	}
	return read_target(t->pid, to, from, p->memstats && p->b->system ? 5 : 1);
}

static void tell_space(struct mp_session *s, const struct target *t, uint64_t ts, const char *name,
		       uint64_t used, uint64_t committed)
{
	struct mp_event e = { .ts = ts, .type = MP_EV_SPACE, .sub = MP_SRC_GO, .mm = t->mm };

	e.space.name = stream_str(&s->stream, name, ts);
	e.space.used = used;
	e.space.committed = committed;
	e.space.resident = MP_UNKNOWN;
	stream_push(&s->stream, &e);
}

/* committed: what objects and the next ones may lie in without asking the kernel. */
static void tell_heap(struct mp_session *s, uint32_t mm, uint64_t ts, const struct go_figures *f)
{
	struct mp_event e = { .ts = ts, .type = MP_EV_HEAP, .sub = MP_SRC_GO, .mm = mm };

	e.heap.used = go_used(f);
	e.heap.committed = f->inuse + f->idle;
	e.heap.external = MP_UNKNOWN;
	e.heap.arrays = MP_UNKNOWN;
	e.heap.limit = f->limit;
	e.heap.goal = f->goal;
	e.heap.live = f->marked;
	stream_push(&s->stream, &e);
}

static void tell_figures(struct mp_session *s, const struct target *t, struct go_proc *p,
			 uint64_t ts, const struct go_figures *f)
{
	struct go_figures *o = &p->last;

	if (!memcmp(o, f, sizeof(*f)))
		return;
	tell_heap(s, t->mm, ts, f);
	if (o->inuse != f->inuse || go_used(o) != go_used(f))
		tell_space(s, t, ts, "in use", go_used(f), f->inuse);
	if (o->idle != f->idle || !o->inuse)
		tell_space(s, t, ts, "idle", 0, f->idle);
	if (o->released != f->released || !o->inuse)
		tell_space(s, t, ts, "released", 0, f->released);
	*o = *f;
}

static void tell_system(struct mp_session *s, const struct target *t, struct go_proc *p,
			uint64_t ts, const struct go_system *g)
{
	const struct go_system *o = &p->last_sys;

	if (o->stacks != g->stacks)
		tell_space(s, t, ts, "stacks", MP_UNKNOWN, g->stacks);
	if (o->gc != g->gc)
		tell_space(s, t, ts, "gc", MP_UNKNOWN, g->gc);
	if (o->other != g->other)
		tell_space(s, t, ts, "other", MP_UNKNOWN, g->other);
	p->last_sys = *g;
}

#define TRIES 3	  /* at one look: a cut through an update is over in a microsecond */
#define WRONG 20u /* looks in a row, whatever went wrong: two seconds */

static void go_poll(struct mp_session *s, struct target *t, uint64_t now)
{
	struct go_proc *p = t->rt[RT_GO];
	struct go_figures f;
	struct go_system g;
	struct reading r = { 0 };
	int err = -EINVAL;

	(void)now;
	if (!p || !p->b || p->given_up || !p->ctl || !p->b->layout)
		return;
	for (int i = 0; i < TRIES && err == -EINVAL; i++) {
		err = read_words(t, p, &r);
		if (!err)
			err = go_figures(p->b->layout, r.ctl, GO_CTL_WORDS, &f);
		if (!err && p->b->guess && !p->told && f.inuse + f.idle + f.released > p->mapped)
			err = -EINVAL; /* more than there is: another layout */
	}
	if (err == -ESRCH || err == -EAGAIN)
		return; /* it is ending, or a page is not there */
	if (err && ++p->wrong > WRONG) {
		p->given_up = true;
		p->distrusted = err == -EINVAL;
		probes_only(s, p->b, err,
			    p->distrusted ? "its variables are not where they are sought"
					  : "its memory cannot be read");
		return;
	}
	if (err)
		return;
	p->wrong = 0;
	now = mp_monotonic_ns();
	if (!p->told && !s->probes)
		runtime_tell(s, MP_FEAT_HEAP_GO, MP_RUNG_MEMORY, 0, NULL);
	p->told = true;
	tell_figures(s, t, p, now, &f);
	if (p->memstats && p->b->system && !go_system(r.sys, (const int64_t(*)[3])r.in_heap, &g))
		tell_system(s, t, p, now, &g);
}

static void go_attach(struct mp_session *s, struct target *t, const struct proc_maps *m)
{
	struct go_proc *p = t->rt[RT_GO];

	if (!p)
		p = proc_new(t, build_of_target(s, t));
	if (!p || !p->b)
		return;
	if (go_minor(p->b->version) >= ARENAS_ANYWHERE)
		find_arenas(s, t, p, m);
	if (p->placed)
		return;
	place_by_maps(p, t, m);
	if (p->placed && !p->b->layout && p->b->live_off)
		probes_only(s, p->b, -EOPNOTSUPP,
			    "no table of its variables: bytes found live only");
	go_poll(s, t, 0);
}

static void go_detach(struct target *t)
{
	free(t->rt[RT_GO]);
	t->rt[RT_GO] = NULL;
}

/* --- collections ------------------------------------------------------------------------------ */

/* The only Go program with probes: what they tell can come from no other. */
static const struct go_build *only_build(const struct mp_session *s)
{
	const struct go_build *only = NULL;

	for (const struct go_build *b = s->go_builds; b; b = b->next) {
		if (only)
			return NULL;
		only = b;
	}
	return only;
}

/* Of a process whose mappings have not been looked at yet, or that is gone already. */
static struct go_proc *proc_of(struct mp_session *s, struct target *t)
{
	struct go_proc *p = t->rt[RT_GO];
	const struct go_build *b;

	if (p && p->b)
		return p;
	b = build_of_target(s, t);
	if (!b)
		b = only_build(s);
	return b ? proc_new(t, b) : NULL;
}

/* By two clocks read side by side, again where this thread was set aside in between.
 * MP_UNKNOWN: it was each time. */
static uint64_t wall_of(uint64_t mono)
{
	for (int i = 0; i < 10; i++) {
		uint64_t before = mp_monotonic_ns(), after;
		struct timespec ts;

		clock_gettime(CLOCK_REALTIME, &ts);
		after = mp_monotonic_ns();
		if (after - before < 5000)
			return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec -
			       (before - mono);
	}
	return MP_UNKNOWN;
}

/* The world starts again some microseconds after the probe: what the runtime has noted of
 * it is there by the time the record is read, nearly always. */
static uint64_t pause_of(const struct target *t, const struct go_proc *p, uint64_t ts)
{
	const struct go_layout *l = p->b->layout;
	struct go_pauses r;
	struct iovec to[3] = { { r.ns, sizeof(r.ns) },
			       { r.end, sizeof(r.end) },
			       { &r.numgc, sizeof(r.numgc) } };
	struct iovec from[3];
	uint64_t wall = wall_of(ts);

	if (!p->memstats || !l || wall == MP_UNKNOWN)
		return MP_UNKNOWN;
	from[0] = there(p->memstats + l->ms_pause_ns);
	from[1] = there(p->memstats + l->ms_pause_end);
	from[2] = there(p->memstats + l->ms_numgc);
	if (read_target(t->pid, to, from, 3))
		return MP_UNKNOWN;
	return go_pause(&r, wall);
}

/* enum of src/runtime/mgc.go (gcTriggerKind) */
static const char *reason_of(uint64_t kind)
{
	static const char *const names[] = { "heap goal", "periodic", "forced" };

	return (uint8_t)kind < 3 ? names[(uint8_t)kind] : NULL;
}

static void tell_gc(struct mp_session *s, const struct target *t, struct go_proc *p,
		    const struct mp_raw_words *r, const struct go_figures *f)
{
	struct mp_event e = { .ts = r->ts, .type = MP_EV_GC, .sub = MP_GC_MAJOR, .mm = r->mm };

	e.tid = r->tid;
	e.gc.after = r->v[1];
	e.gc.before = f ? f->live : MP_UNKNOWN;
	e.gc.cbefore = e.gc.cafter = f ? f->inuse + f->idle : MP_UNKNOWN;
	e.gc.pause = pause_of(t, p, r->ts);
	e.gc.start = f && f->start < r->ts ? f->start : r->ts;
	e.gc.reason = (uint32_t)p->reason;
	e.gc.source = MP_SRC_GO;
	stream_push(&s->stream, &e);
	p->reason = 0;
}

static void go_words(struct mp_session *s, struct target *t, const struct mp_raw_words *r)
{
	struct go_proc *p = t ? proc_of(s, t) : NULL;
	struct go_figures f;
	bool known;

	if (!p || r->n < MP_WORDS_GO_ARGS)
		return;
	known = p->b->layout && !p->distrusted &&
		!go_figures(p->b->layout, (const uint64_t *)r->v + MP_WORDS_GO_ARGS,
			    r->n - MP_WORDS_GO_ARGS, &f);
	if (!p->ctl)
		p->ctl = r->v[0];
	if (!p->memstats && p->b->memstats && p->b->ctl)
		p->memstats = p->b->memstats + (p->ctl - p->b->ctl);
	if (r->sub == MP_WORDS_GO_LIVE) {
		tell_gc(s, t, p, r, known ? &f : NULL);
		return;
	}
	p->reason = stream_str(&s->stream, reason_of(r->v[2]), r->ts);
	if (known)
		tell_heap(s, r->mm, r->ts, &f);
}

const struct runtime runtime_go = { .name = "Go",
				    .may_hold = may_hold,
				    .file = go_file,
				    .attach = go_attach,
				    .poll = go_poll,
				    .words = go_words,
				    .detach = go_detach };
