/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * symbols.c - names for the addresses of stacks while the processes are there: what
 * was mapped where, which file that is, PLACE and MODULE events.
 *
 * An address space is a `space`: where its code is mapped, by /proc/PID/maps, read
 * when an address comes that lies in nothing known. That happens as soon as a new
 * stack wakes the session, so that a process of some milliseconds is seen too. The
 * files are opened and read by a thread (symwork.c). An address is asked for once;
 * compiled code as long as the compiler's map grows.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>
#include <unistd.h>

#include "user/live/session_int.h"
#include "user/live/symwork.h"
#include "user/model/index.h"
#include "user/model/tell.h"
#include "user/util/util.h"

#define MS	   1000000ULL
#define ADDRS_MAX  (1u << 18) /* as many as the model keeps       */
#define FILES_MAX  4096u
#define SPACES_MAX (1u << 17)
#define MAPS_SHARE 50 /* reading maps: 1/50 of a CPU      */
#define MAPS_MIN   (2 * MS)
#define WORK_SHARE 20 /* reading one file's tables: 1/20  */
#define WORK_MIN   (1000 * MS)
#define EXEC_NS	   (20 * MS) /* exec shows in maps before it is told of */
#define GONE_TICKS 4
#define FINISH_NS  (2000 * MS)
#define VDSO_MAX   (64u << 10)

/* Numbers of addrs. */
struct list {
	uint32_t *v;
	size_t n, cap;
};

struct addr {
	uint64_t ip;
	uint64_t at; /* offset in the file        */
	uint64_t ts; /* when it was given to one  */
	uint32_t mm;
	uint32_t module; /* number + 1, 0 = none      */
	bool inner;	 /* not a return address      */
	bool dead;	 /* whose it is turned out not to be known */
};

/* Code of an address space; file 0: of a compiler at run time. */
struct range {
	uint64_t start, end, off;
	uint32_t module; /* number + 1                */
};

struct space {
	uint32_t mm;
	pid_t pid;
	struct range *r;
	size_t n_r, cap_r;
	struct list all, fresh, jit;
	uint64_t read_ts, next_read;
	unsigned gone; /* ticks since its process had an end */
	bool dirty, jit_busy, jit_asked, jit_new;
	bool jit_last; /* its map was asked for after its end */
	uint64_t jit_next;
	struct sym_jit where;
};

struct module {
	struct sym_file f;
	struct list waiting;
	bool busy, told;
	uint64_t next; /* ns: not read again before */
};

struct symbols {
	struct symwork *work;
	struct mp_index *by_ip; /* (mm, ip) to number in addrs */
	struct addr *a;
	size_t n_a, cap_a;
	struct mp_index *by_mm;
	struct space **s; /* NULL: of one that ended, with nothing left to do */
	size_t n_s, cap_s;
	struct list dirty; /* numbers of spaces with fresh addresses */
	struct module **m;
	size_t n_m, cap_m;
	struct proc_maps maps;
	unsigned under_way; /* jobs */
};

static bool push(struct list *l, uint32_t v)
{
	if (mp_grow(&l->v, &l->cap, l->n + 1, sizeof(*l->v)))
		return false;
	l->v[l->n++] = v;
	return true;
}

/* --- what comes in ---------------------------------------------------------------------- */

int symbols_new(struct mp_session *s)
{
	s->sym = calloc(1, sizeof(*s->sym));
	if (s->sym)
		s->sym->work = symwork_new();
	if (s->sym && s->sym->work)
		return 0;
	symbols_free(s);
	return -ENOMEM;
}

static void space_clear(struct space *sp)
{
	free(sp->r);
	free(sp->all.v);
	free(sp->fresh.v);
	sp->r = NULL;
	sp->n_r = sp->cap_r = 0;
	sp->all = sp->fresh = (struct list){ 0 };
}

static void jit_clear(struct space *sp)
{
	if (sp->where.root_fd >= 0)
		close(sp->where.root_fd);
	sp->where.root_fd = -1;
	free(sp->jit.v);
	sp->jit = (struct list){ 0 };
}

static void space_free(struct space *sp)
{
	if (!sp)
		return;
	space_clear(sp);
	jit_clear(sp);
	free(sp);
}

void symbols_free(struct mp_session *s)
{
	struct symbols *y = s->sym;

	if (!y)
		return;
	symwork_free(y->work);
	for (size_t i = 0; i < y->n_s; i++)
		space_free(y->s[i]);
	for (size_t i = 0; i < y->n_m; i++) {
		sym_file_close(&y->m[i]->f);
		free(y->m[i]->f.path);
		free(y->m[i]->f.mem);
		free(y->m[i]->waiting.v);
		free(y->m[i]);
	}
	mp_index_free(y->by_ip);
	mp_index_free(y->by_mm);
	proc_maps_free(&y->maps);
	free(y->a);
	free(y->s);
	free(y->m);
	free(y->dirty.v);
	free(y);
	s->sym = NULL;
}

unsigned symbols_fill(const struct mp_session *s)
{
	const struct symbols *y = s->sym;
	size_t most;

	if (!y)
		return 0;
	most = y->n_a * 100 / ADDRS_MAX;
	if (y->n_m * 100 / FILES_MAX > most)
		most = y->n_m * 100 / FILES_MAX;
	if (y->n_s * 100 / SPACES_MAX > most)
		most = y->n_s * 100 / SPACES_MAX;
	return (unsigned)most;
}

static size_t space_of(struct mp_session *s, uint32_t mm)
{
	struct target *t = session_target_of_mm(s, mm);
	struct symbols *y = s->sym;
	size_t i = mp_index_find(y->by_mm, mm);
	struct space *sp;

	if (i != MP_INDEX_NONE || !t)
		return i;
	if (y->n_s == SPACES_MAX)
		return MP_INDEX_NONE;
	if (mp_grow(&y->s, &y->cap_s, y->n_s + 1, sizeof(*y->s)))
		return MP_INDEX_NONE;
	sp = calloc(1, sizeof(*sp));
	if (!sp || mp_index_add(&y->by_mm, mm, y->n_s)) {
		free(sp);
		return MP_INDEX_NONE;
	}
	sp->mm = mm;
	sp->pid = t->pid;
	sp->where.root_fd = -1;
	y->s[y->n_s] = sp;
	return y->n_s++;
}

static void note(struct symbols *y, uint32_t space, uint64_t ip, bool inner)
{
	struct space *sp = y->s[space];
	uint64_t key = ip ^ (uint64_t)(sp ? sp->mm : 0) << 40;

	if (!ip || !sp || y->n_a == ADDRS_MAX || mp_index_find(y->by_ip, key) != MP_INDEX_NONE)
		return;
	if (mp_grow(&y->a, &y->cap_a, y->n_a + 1, sizeof(*y->a)) ||
	    mp_index_add(&y->by_ip, key, y->n_a))
		return;
	y->a[y->n_a] = (struct addr){ .ip = ip, .mm = sp->mm, .inner = inner };
	push(&sp->fresh, (uint32_t)y->n_a);
	push(&sp->all, (uint32_t)y->n_a++);
	if (!sp->dirty)
		sp->dirty = push(&y->dirty, space);
}

void symbols_note(struct mp_session *s, const struct mp_event *e)
{
	size_t space = s->sym && e->mm ? space_of(s, e->mm) : MP_INDEX_NONE;

	if (space == MP_INDEX_NONE)
		return;
	for (uint64_t i = 0; i < MP_STACK_CHUNK && e->stack.pos + i < e->x; i++)
		note(s->sym, (uint32_t)space, e->stack.ip[i], e->stack.pos + i == 0);
}

/* maps show a new image some moments before its exec is told: what was read then may
 * be the new one's. Its addresses stay without names. */
void symbols_exec(struct mp_session *s, uint32_t old, uint64_t ts)
{
	struct symbols *y = s->sym;
	size_t i = y ? mp_index_find(y->by_mm, old) : MP_INDEX_NONE;
	struct space *sp;

	if (i == MP_INDEX_NONE || !y->s[i])
		return;
	sp = y->s[i];
	sp->gone = GONE_TICKS;
	if (sp->read_ts + EXEC_NS < ts)
		return;
	sp->n_r = 0;
	for (size_t k = 0; k < sp->all.n; k++)
		if (y->a[sp->all.v[k]].ts + EXEC_NS >= ts)
			y->a[sp->all.v[k]].dead = true;
}

/* --- what is mapped --------------------------------------------------------------------- */

static uint32_t module_new(struct symbols *y, const struct sym_file *like, const char *path)
{
	struct module *m;

	if (y->n_m == FILES_MAX || mp_grow(&y->m, &y->cap_m, y->n_m + 1, sizeof(*y->m)))
		return 0;
	m = calloc(1, sizeof(*m));
	if (!m)
		return 0;
	m->f = *like;
	m->f.fd = m->f.debug_fd = -1;
	m->f.path = strdup(path);
	if (!m->f.path) {
		free(m);
		return 0;
	}
	y->m[y->n_m++] = m;
	return (uint32_t)y->n_m;
}

static void submit(struct symbols *y, struct sym_job *j)
{
	y->under_way++;
	symwork_put(y->work, j);
}

/* Opened at once: it may be deleted, and its process may end. */
static void open_soon(struct symbols *y, uint32_t number)
{
	struct module *m = y->m[number - 1];
	struct sym_job *j = calloc(1, sizeof(*j));

	if (!j)
		return;
	j->file = &m->f;
	j->owner = m;
	m->busy = true;
	submit(y, j);
}

/* A deleted file's name ends so in maps (d_path()). */
static void cut_deleted(char *path)
{
	static const char mark[] = " (deleted)";
	size_t n = strlen(path);

	if (n > sizeof(mark) - 1 && !strcmp(path + n - (sizeof(mark) - 1), mark))
		path[n - (sizeof(mark) - 1)] = 0;
}

static uint32_t module_of(struct symbols *y, pid_t pid, uint64_t dev, uint64_t ino,
			  const char *name, uint64_t start, uint64_t end)
{
	struct sym_file f = { .dev = dev, .ino = ino, .pid = pid, .start = start, .end = end };
	char path[4096];
	uint32_t n;

	for (size_t i = 0; i < y->n_m; i++)
		if (!y->m[i]->f.mem && y->m[i]->f.ino == ino && y->m[i]->f.dev == dev)
			return (uint32_t)i + 1;
	snprintf(path, sizeof(path), "%s", name);
	cut_deleted(path);
	n = module_new(y, &f, path);
	if (n)
		open_soon(y, n);
	return n;
}

/* Not a file: it is copied out of the process. */
static uint32_t vdso_of(struct symbols *y, pid_t pid, uint64_t start, uint64_t end)
{
	struct sym_file f = { .pid = pid, .mem_size = (size_t)(end - start) };
	char path[40];
	uint32_t n;
	int fd;

	if (f.mem_size > VDSO_MAX)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	f.mem = malloc(f.mem_size);
	if (fd < 0 || !f.mem || pread(fd, f.mem, f.mem_size, (off_t)start) != (ssize_t)f.mem_size) {
		free(f.mem);
		f.mem = NULL;
	}
	if (fd >= 0)
		close(fd);
	for (size_t i = 0; f.mem && i < y->n_m; i++) {
		if (y->m[i]->f.mem_size == f.mem_size &&
		    !memcmp(y->m[i]->f.mem, f.mem, f.mem_size)) {
			free(f.mem);
			return (uint32_t)i + 1;
		}
	}
	n = f.mem ? module_new(y, &f, "[vdso]") : 0;
	if (n)
		open_soon(y, n);
	else
		free(f.mem);
	return n;
}

static const struct range *range_at(const struct space *sp, uint64_t ip)
{
	size_t lo = 0, hi = sp->n_r;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (sp->r[mid].end <= ip)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < sp->n_r && sp->r[lo].start <= ip ? &sp->r[lo] : NULL;
}

/* Does a fresh address lie in it? */
static bool wanted(const struct symbols *y, const struct space *sp, const struct proc_map *v)
{
	for (size_t i = 0; i < sp->fresh.n; i++)
		if (y->a[sp->fresh.v[i]].ip >= v->start && y->a[sp->fresh.v[i]].ip < v->end)
			return true;
	return false;
}

/* What a line of maps with code in it is: false when nothing could name that. */
static bool range_of(struct symbols *y, const struct space *sp, const struct proc_map *v,
		     struct range *r)
{
	const char *name = y->maps.names + v->name;

	*r = (struct range){ .start = v->start, .end = v->end, .off = v->off };
	if (!strcmp(name, "[vdso]")) {
		r->off = 0;
		r->module = vdso_of(y, sp->pid, v->start, v->end);
	} else if (v->bits & MP_MAP_FILE && name[0] == '/' && strncmp(name, "/memfd:", 7)) {
		r->module = module_of(y, sp->pid, (uint64_t)v->dev_major << 20 | v->dev_minor,
				      v->ino, name, v->start, v->end);
	} else {
		/* [vsyscall], [stack]: nobody's; no name, [anon:...]: a compiler's */
		return name[0] != '[' || !strncmp(name, "[anon", 5);
	}
	return r->module != 0;
}

/*
 * Ranges come in address order. Of code that no address was in yet nothing is kept, so
 * that no file is opened for nothing; what was known (`old`) stays known.
 */
static void add_range(struct symbols *y, struct space *sp, const struct proc_map *v,
		      const struct space *old)
{
	const struct range *known = range_at(old, v->start);
	struct range r;

	if (!(v->bits & MP_MAP_X))
		return;
	if (known && (known->start != v->start || known->end != v->end || known->off != v->off ||
		      (known->module && y->m[known->module - 1]->f.ino != v->ino)))
		known = NULL;
	if (!known && (!wanted(y, sp, v) || !range_of(y, sp, v, &r)))
		return;
	if (!mp_grow(&sp->r, &sp->cap_r, sp->n_r + 1, sizeof(*sp->r)))
		sp->r[sp->n_r++] = known ? *known : r;
}

/* --- which file an address lies in --------------------------------------------------------- */

static void give(struct symbols *y, struct space *sp, uint32_t number, const struct range *r)
{
	struct addr *a = &y->a[number];

	a->ts = sp->read_ts;
	a->module = r->module;
	if (r->module) {
		a->at = a->ip - r->start + r->off;
		push(&y->m[r->module - 1]->waiting, number);
		return;
	}
	push(&sp->jit, number);
	sp->jit_new = true;
}

/* Those that lie in what is known; how many do not. */
static size_t give_known(struct symbols *y, struct space *sp)
{
	size_t left = 0;

	for (size_t i = 0; i < sp->fresh.n; i++) {
		const struct range *r = range_at(sp, y->a[sp->fresh.v[i]].ip);

		if (r)
			give(y, sp, sp->fresh.v[i], r);
		else
			sp->fresh.v[left++] = sp->fresh.v[i];
	}
	sp->fresh.n = left;
	return left;
}

/* Its process is gone: what the model knows of its mappings, and the file of that name
 * if it is still the same one. */
static void give_by_model(struct mp_session *s, struct space *sp)
{
	const struct mp_proc *p = mp_model_proc(s->model, sp->mm);
	struct symbols *y = s->sym;

	for (size_t i = 0; p && i < sp->fresh.n; i++) {
		const struct mp_mapping *v = mp_proc_find(p, y->a[sp->fresh.v[i]].ip);
		const char *name = v ? mp_str(s->model, v->name) : "";
		struct range r;

		if (!v || name[0] != '/' || !v->ino || !(v->bits & MP_MAP_X))
			continue;
		r = (struct range){ .start = v->start, .end = v->end, .off = v->off };
		r.module = module_of(y, sp->pid, v->dev, v->ino, name, v->start, v->end);
		if (r.module)
			give(y, sp, sp->fresh.v[i], &r);
	}
	sp->fresh.n = 0;
}

static void jit_where(struct space *sp)
{
	struct timespec now, boot;
	uint64_t started;
	char path[40];
	struct stat st;

	if (sp->jit_asked)
		return;
	sp->jit_asked = true;
	sp->where = (struct sym_jit){ .pid = sp->pid, .root_fd = -1 };
	snprintf(path, sizeof(path), "/proc/%d", (int)sp->pid);
	if (stat(path, &st) || proc_start_ns(sp->pid, &started) ||
	    proc_ns_pid(sp->pid, &sp->where.ns_pid))
		return;
	sp->where.uid = st.st_uid;
	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	sp->where.started = now.tv_sec - boot.tv_sec + (int64_t)(started / 1000000000ULL) - 1;
	snprintf(path, sizeof(path), "/proc/%d/root", (int)sp->pid);
	sp->where.root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void read_maps(struct mp_session *s, struct space *sp)
{
	struct symbols *y = s->sym;
	uint64_t t0 = mp_monotonic_ns(), now;

	sp->read_ts = t0;
	if (!proc_maps_read(sp->pid, &y->maps)) {
		const struct space old = *sp;

		sp->r = NULL;
		sp->n_r = sp->cap_r = 0;
		for (size_t i = 0; i < y->maps.n; i++)
			add_range(y, sp, &y->maps.v[i], &old);
		free(old.r);
		give_known(y, sp);
		sp->fresh.n = 0; /* no code is there: a walk that went astray */
	}
	now = mp_monotonic_ns();
	sp->next_read = now + (now - t0) * MAPS_SHARE;
	if (sp->next_read < t0 + MAPS_MIN)
		sp->next_read = t0 + MAPS_MIN;
	if (sp->jit.n)
		jit_where(sp);
}

/* True: nothing of it waits any more. */
static bool look_at(struct mp_session *s, struct space *sp, uint64_t now, bool last)
{
	struct target *t = session_target_of_mm(s, sp->mm);

	if (!give_known(s->sym, sp))
		return true;
	if (t && !t->gone && !sp->gone) {
		if (now >= sp->next_read || last)
			read_maps(s, sp);
	} else if (sp->gone >= GONE_TICKS || last) {
		give_by_model(s, sp);
	}
	return !sp->fresh.n;
}

static void look(struct mp_session *s, bool last)
{
	struct symbols *y = s->sym;
	uint64_t now = mp_monotonic_ns();
	size_t left = 0;

	for (size_t i = 0; i < y->dirty.n; i++) {
		struct space *sp = y->s[y->dirty.v[i]];

		if (look_at(s, sp, now, last))
			sp->dirty = false;
		else
			y->dirty.v[left++] = y->dirty.v[i];
	}
	y->dirty.n = left;
}

void symbols_look(struct mp_session *s)
{
	if (s->sym && s->sym->dirty.n)
		look(s, false);
}

/* --- questions and answers ------------------------------------------------------------------ */

static struct sym_job *job_of(const struct symbols *y, const struct list *l, bool jit)
{
	struct sym_job *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->v = calloc(l->n, sizeof(*j->v));
	if (!j->v) {
		free(j);
		return NULL;
	}
	for (size_t i = 0; i < l->n; i++) {
		const struct addr *a = &y->a[l->v[i]];

		if (!a->dead)
			j->v[j->n++] = (struct sym_item){ .id = l->v[i],
							  .inner = a->inner,
							  .at = jit ? a->ip : a->at };
	}
	return j;
}

static void ask_file(struct symbols *y, struct module *m)
{
	struct sym_job *j = job_of(y, &m->waiting, false);

	if (!j)
		return;
	m->waiting.n = 0;
	m->busy = true;
	j->file = &m->f;
	j->owner = m;
	submit(y, j);
}

static void ask_jit(struct symbols *y, struct space *sp)
{
	struct sym_job *j = job_of(y, &sp->jit, true);

	if (!j)
		return;
	j->again = !sp->jit_new;
	sp->jit.n = 0;
	sp->jit_new = false;
	sp->jit_busy = true;
	sp->jit_last = sp->gone >= GONE_TICKS;
	j->jit = &sp->where;
	j->owner = sp;
	submit(y, j);
}

/* `last`: at once, whatever it costs. */
static void ask(struct symbols *y, uint64_t now, bool last)
{
	for (size_t i = 0; i < y->n_m; i++)
		if (y->m[i]->waiting.n && !y->m[i]->busy && (last || now >= y->m[i]->next))
			ask_file(y, y->m[i]);
	for (size_t i = 0; i < y->n_s; i++)
		if (y->s[i] && y->s[i]->jit.n && !y->s[i]->jit_busy &&
		    y->s[i]->where.root_fd >= 0 && (last || now >= y->s[i]->jit_next))
			ask_jit(y, y->s[i]);
}

static void tell_module(struct mp_session *s, struct module *m, uint32_t number, uint64_t ts)
{
	struct mp_module mod = {
		.id = number, .dev = m->f.dev, .ino = m->f.ino, .n_build = (uint8_t)m->f.n_build
	};

	if (m->told)
		return;
	m->told = true;
	mod.name = stream_str(&s->stream, m->f.path, ts);
	memcpy(mod.build, m->f.build, m->f.n_build);
	mp_tell_module(&mod, ts, stream_emit, &s->stream);
}

static void tell_place(struct mp_session *s, const struct sym_item *it, uint32_t module,
		       uint64_t ts)
{
	const struct addr *a = &s->sym->a[it->id];
	struct mp_place p = { .ip = a->ip,
			      .off = it->off,
			      .maddr = it->maddr,
			      .name = stream_str(&s->stream, it->name, ts),
			      .module = module,
			      .source = it->source };

	mp_tell_place(&p, a->mm, ts, stream_emit, &s->stream);
}

/* What cannot be opened names nothing, now or later. */
static void file_done(struct mp_session *s, struct sym_job *j, uint64_t now)
{
	struct module *m = j->owner;
	uint64_t pause = j->cpu_ns * WORK_SHARE;

	m->busy = false;
	if (!j->n)
		return;
	m->next = now + (pause > WORK_MIN ? pause : WORK_MIN);
	for (size_t i = 0; i < j->n && !m->f.failed; i++) {
		const struct addr *a = &s->sym->a[j->v[i].id];

		if (a->dead)
			continue;
		tell_module(s, m, a->module, now);
		tell_place(s, &j->v[i], a->module, now);
	}
}

static void jit_done(struct mp_session *s, struct sym_job *j, uint64_t now)
{
	struct space *sp = j->owner;
	uint64_t pause = j->cpu_ns * WORK_SHARE;

	sp->jit_busy = false;
	sp->jit_next = now + (pause > WORK_MIN ? pause : WORK_MIN);
	for (size_t i = 0; i < j->n; i++) {
		if (s->sym->a[j->v[i].id].dead)
			continue;
		if (j->v[i].name)
			tell_place(s, &j->v[i], 0, now);
		else
			push(&sp->jit, j->v[i].id);
	}
}

static void answers(struct mp_session *s, uint64_t until)
{
	struct symbols *y = s->sym;
	struct sym_job *j;

	while ((j = symwork_take(y->work, until))) {
		uint64_t now = mp_monotonic_ns();

		y->under_way--;
		if (j->file)
			file_done(s, j, now);
		else
			jit_done(s, j, now);
		sym_job_free(j);
	}
}

/* Whose process has ended, and of whom nothing is fresh or asked for, is needed no more: each may
 * hold a descriptor. Of code that a compiler made a last look at its map is waited for. */
static void count_gone(struct mp_session *s)
{
	struct symbols *y = s->sym;

	for (size_t i = 0; i < y->n_s; i++) {
		struct space *sp = y->s[i];
		struct target *t = sp ? session_target_of_mm(s, sp->mm) : NULL;

		if (!sp || (t && !t->gone))
			continue;
		if (sp->gone < GONE_TICKS) {
			sp->gone++;
		} else if (!sp->dirty && !sp->jit_busy &&
			   (sp->jit_last || !sp->jit.n || sp->where.root_fd < 0)) {
			space_free(sp);
			y->s[i] = NULL;
		}
	}
}

void symbols_tick(struct mp_session *s)
{
	struct symbols *y = s->sym;

	if (!y)
		return;
	answers(s, 0);
	count_gone(s);
	look(s, false);
	ask(y, mp_monotonic_ns(), false);
}

void symbols_finish(struct mp_session *s)
{
	struct symbols *y = s->sym;
	uint64_t deadline = mp_monotonic_ns() + FINISH_NS;

	if (!y)
		return;
	look(s, true);
	for (int round = 0; round < 2; round++) { /* first what is under way now */
		ask(y, 0, true);
		while (y->under_way && mp_monotonic_ns() < deadline)
			answers(s, deadline);
	}
}
