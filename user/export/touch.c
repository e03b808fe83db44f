/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * touch.c - see touch.h.
 *
 * A sampled page lives from the fault that brought it in until a call drops it, a
 * later sample finds it touched anew, or the model does not have it any more at the
 * end. A fault on a page that was resident brought nothing in: it counts as touched,
 * and starts no life. A run of faults may be told up to a jiffy before the samples of
 * its faults (events.h), so a page that the same thread's run has just brought in was
 * not resident before.
 */
#include "user/export/touch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "user/util/util.h"

#define ROWS_MAX (1u << 18) /* beyond: the same rows without stack and thread */
#define REGION	 21	    /* log2: pages are looked up by 2 MiB */
#define NONE	 UINT32_MAX
#define RUNS	 64	     /* of faults that are remembered */
#define EARLY	 12000000ULL /* ns: a jiffy, and rounding */

/* A sampled page that is resident. */
struct live {
	uint64_t addr;
	uint32_t mm;
	uint32_t row;
	uint32_t pages; /* that it stands for */
	uint32_t next;	/* in its bucket, or among the free ones */
};

/* A run of faults that brought pages in. */
struct run {
	uint64_t ts, addr, end;
	uint32_t mm, tid;
};

struct mp_touches {
	struct mp_touch_row *rows;
	size_t n_rows, cap_rows;
	uint32_t *slot; /* open addressing over rows: number + 1 */
	size_t n_slots; /* a power of two, at least twice n_rows  */
	struct live *live;
	size_t n_live, cap_live; /* slots, free ones too */
	size_t alive;
	uint32_t free;	       /* first free one, NONE */
	uint32_t *bucket;      /* first live one of a region */
	size_t n_buckets;      /* a power of two */
	struct run runs[RUNS]; /* the last ones, in a ring */
	unsigned n_runs;
};

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

struct mp_touches *mp_touches_new(void)
{
	struct mp_touches *t = calloc(1, sizeof(*t));

	if (t)
		t->free = NONE;
	return t;
}

void mp_touches_free(struct mp_touches *t)
{
	if (!t)
		return;
	free(t->rows);
	free(t->slot);
	free(t->live);
	free(t->bucket);
	free(t);
}

uint32_t mp_touch_pid(const struct mp_proc *p)
{
	return p->tgid ? p->tgid : p->mm;
}

/* --- rows -------------------------------------------------------------------------- */

static bool same(const struct mp_touch_row *a, const struct mp_touch_row *b)
{
	return a->stack == b->stack && a->pid == b->pid && a->thread == b->thread &&
	       a->cls == b->cls && a->comm == b->comm;
}

static size_t slot_of(const struct mp_touches *t, const struct mp_touch_row *r)
{
	uint64_t h = mix(r->stack ^ mix((uint64_t)r->pid << 32 | r->thread) ^
			 (uint64_t)r->cls << 56 ^ (uint64_t)r->comm << 24);
	size_t i = (size_t)h & (t->n_slots - 1);

	while (t->slot[i] && !same(&t->rows[t->slot[i] - 1], r))
		i = (i + 1) & (t->n_slots - 1);
	return i;
}

static int slots_grow(struct mp_touches *t)
{
	size_t n = t->n_slots ? t->n_slots * 2 : 256;
	uint32_t *s;

	if (t->n_rows * 2 + 2 <= t->n_slots)
		return 0;
	s = calloc(n, sizeof(*s));
	if (!s)
		return -ENOMEM;
	free(t->slot);
	t->slot = s;
	t->n_slots = n;
	for (size_t i = 0; i < t->n_rows; i++)
		t->slot[slot_of(t, &t->rows[i])] = (uint32_t)i + 1;
	return 0;
}

/* The number of the row that is as r says, made if there is none; NONE: no memory. */
static uint32_t row(struct mp_touches *t, struct mp_touch_row r)
{
	size_t i;

	if (slots_grow(t))
		return NONE;
	i = slot_of(t, &r);
	if (!t->slot[i] && t->n_rows >= ROWS_MAX && (r.stack || r.thread)) {
		r.stack = r.thread = 0;
		i = slot_of(t, &r);
	}
	if (t->slot[i])
		return t->slot[i] - 1;
	if (mp_grow(&t->rows, &t->cap_rows, t->n_rows + 1, sizeof(*t->rows)))
		return NONE;
	t->rows[t->n_rows++] = r;
	t->slot[i] = (uint32_t)t->n_rows;
	return t->slot[i] - 1;
}

static uint32_t thread_name(const struct mp_proc *p, uint32_t tid)
{
	for (size_t i = 0; i < p->n_threads && tid; i++)
		if (p->threads[i].tid == tid)
			return p->threads[i].name;
	return 0;
}

/* --- pages that live ----------------------------------------------------------------- */

static uint32_t *bucket_of(const struct mp_touches *t, uint32_t mm, uint64_t addr)
{
	return &t->bucket[mix((uint64_t)mm << 43 ^ addr >> REGION) & (t->n_buckets - 1)];
}

static int buckets_grow(struct mp_touches *t)
{
	size_t n = t->n_buckets ? t->n_buckets * 2 : 1024;
	uint32_t *b;

	if (t->n_live < t->n_buckets)
		return 0;
	b = malloc(n * sizeof(*b));
	if (!b)
		return -ENOMEM;
	memset(b, 0xff, n * sizeof(*b));
	free(t->bucket);
	t->bucket = b;
	t->n_buckets = n;
	t->free = NONE;
	for (uint32_t i = 0; i < t->n_live; i++) {
		struct live *l = &t->live[i];
		uint32_t *head = l->pages ? bucket_of(t, l->mm, l->addr) : &t->free;

		l->next = *head;
		*head = i;
	}
	return 0;
}

static void kill(struct mp_touches *t, uint32_t *link)
{
	uint32_t i = *link;

	*link = t->live[i].next;
	t->live[i].pages = 0;
	t->live[i].next = t->free;
	t->free = i;
	t->alive--;
}

static int add_live(struct mp_touches *t, struct live l)
{
	uint32_t i, *head;

	if (buckets_grow(t))
		return -ENOMEM;
	i = t->free;
	if (i != NONE) {
		t->free = t->live[i].next;
	} else {
		if (mp_grow(&t->live, &t->cap_live, t->n_live + 1, sizeof(*t->live)))
			return -ENOMEM;
		i = (uint32_t)t->n_live++;
	}
	head = bucket_of(t, l.mm, l.addr);
	l.next = *head;
	t->live[i] = l;
	*head = i;
	t->alive++;
	return 0;
}

static bool resident(const struct mp_proc *p, uint64_t addr)
{
	return mp_proc_resident(p, addr, addr + MP_PAGE_SIZE) > 0;
}

/* True when the fault that e samples is one of a run that was told already. */
static bool just_brought_in(const struct mp_touches *t, const struct mp_event *e)
{
	for (unsigned i = 0; i < RUNS; i++) {
		const struct run *r = &t->runs[i];

		if (r->mm == e->mm && r->tid == e->tid && e->site.addr >= r->addr &&
		    e->site.addr < r->end && r->ts + EARLY >= e->ts)
			return true;
	}
	return false;
}

static void note_run(struct mp_touches *t, const struct mp_event *e)
{
	if (e->sub & MP_FAULT_PRESENT)
		return;
	t->runs[t->n_runs++ % RUNS] = (struct run){ .ts = e->ts,
						    .addr = e->fault.addr,
						    .end = e->fault.addr + e->x * MP_PAGE_SIZE,
						    .mm = e->mm,
						    .tid = e->tid };
}

/* What becomes of the live pages of a range: those that the model has no more (p), all of
 * them (p NULL), or with `taken` all of them kept there. */
struct prune {
	uint32_t mm;
	const struct mp_proc *p;
	uint64_t start, end;
	struct live *taken;
	size_t n, cap;
	bool take;
	int err;
};

static void prune_bucket(struct mp_touches *t, uint32_t *link, struct prune *pr)
{
	while (*link != NONE) {
		struct live *l = &t->live[*link];

		if (l->mm != pr->mm || l->addr < pr->start || l->addr >= pr->end ||
		    (pr->p && resident(pr->p, l->addr))) {
			link = &l->next;
			continue;
		}
		if (pr->take && mp_grow(&pr->taken, &pr->cap, pr->n + 1, sizeof(*l)))
			pr->err = -ENOMEM;
		else if (pr->take)
			pr->taken[pr->n++] = *l;
		kill(t, link);
	}
}

static void prune(struct mp_touches *t, struct prune *pr)
{
	uint64_t first = pr->start >> REGION, last = (pr->end - 1) >> REGION;

	if (pr->end <= pr->start || !t->alive)
		return;
	if (last - first >= t->n_buckets) {
		for (size_t i = 0; i < t->n_buckets; i++)
			prune_bucket(t, &t->bucket[i], pr);
		return;
	}
	for (uint64_t r = first; r <= last; r++)
		prune_bucket(t, bucket_of(t, pr->mm, r << REGION), pr);
}

static void prune_range(struct mp_touches *t, uint32_t mm, const struct mp_proc *p, uint64_t start,
			uint64_t len)
{
	struct prune pr = { .mm = mm, .p = p, .start = start, .end = start + len };

	prune(t, &pr);
}

/* --- events ------------------------------------------------------------------------------ */

int mp_touches_before(struct mp_touches *t, const struct mp_model *m, const struct mp_event *e,
		      uint32_t pid)
{
	const struct mp_proc *p = e->mm ? mp_model_proc(m, e->mm) : NULL;
	const struct mp_mapping *v;
	struct mp_touch_row r = { 0 };
	uint64_t addr = e->site.addr & ~(MP_PAGE_SIZE - 1);
	uint32_t i;

	if (e->type != MP_EV_SITE || e->sub != MP_SITE_FAULT || m->in_key || !p ||
	    (pid && p->tgid != pid))
		return 0;
	v = mp_proc_find(p, addr);
	r.stack = e->site.stack;
	r.pid = mp_touch_pid(p);
	r.mm = p->mm;
	r.comm = p->comm;
	r.cls = v ? (uint8_t)v->cls : MP_CLS_MAX;
	r.thread = thread_name(p, e->tid);
	i = row(t, r);
	if (i == NONE)
		return -ENOMEM;
	t->rows[i].samples++;
	t->rows[i].pages += e->x;
	if (!e->x || (resident(p, addr) && !just_brought_in(t, e)))
		return 0;
	prune_range(t, p->mm, NULL, addr, MP_PAGE_SIZE); /* left unseen, and touched anew */
	return add_live(t, (struct live){ .addr = addr, .mm = p->mm, .row = i, .pages = e->x });
}

/* What mremap moves keeps its life under another address. */
static int move(struct mp_touches *t, uint32_t mm, uint64_t from, uint64_t to, uint64_t len)
{
	struct prune pr = { .mm = mm, .start = from, .end = from + len, .take = true };
	int err;

	prune(t, &pr);
	err = pr.err;
	for (size_t i = 0; i < pr.n && !err; i++) {
		pr.taken[i].addr = pr.taken[i].addr - from + to;
		err = add_live(t, pr.taken[i]);
	}
	free(pr.taken);
	return err;
}

/* Advice that takes pages away at once. */
static bool drops(unsigned advice)
{
	const unsigned dontneed_locked = 24, guard_install = 102; /* newer than libc's headers */

	return advice == MADV_DONTNEED || advice == MADV_REMOVE || advice == dontneed_locked ||
	       advice == guard_install;
}

/* After its fold: what a call took away is gone, and what it moved is elsewhere. */
static int after_call(struct mp_touches *t, const struct mp_proc *p, const struct mp_event *e)
{
	uint64_t addr = e->call.addr, len = e->call.len, ret = (uint64_t)e->call.ret;

	switch (e->sub) {
	case MP_CALL_MADVISE:
	case MP_CALL_PROCESS_MADVISE:
		if (drops(e->x)) /* also of calls that failed: in part */
			prune_range(t, p->mm, p, addr, len);
		return 0;
	case MP_CALL_MUNMAP:
		prune_range(t, p->mm, p, addr, len);
		return 0;
	case MP_CALL_MMAP:
		if (!(e->flags & MP_CALL_FAILED))
			prune_range(t, p->mm, p, ret, len);
		return 0;
	case MP_CALL_BRK:
		if (ret < e->call.len2)
			prune_range(t, p->mm, p, ret, e->call.len2 - ret);
		return 0;
	case MP_CALL_MREMAP:
		if (e->flags & MP_CALL_FAILED)
			return 0;
		if (ret != addr) {
			prune_range(t, p->mm, NULL, ret, e->call.len2);
			return move(t, p->mm, addr, ret, len < e->call.len2 ? len : e->call.len2);
		}
		prune_range(t, p->mm, p, addr, len);
		return 0;
	default:
		return 0;
	}
}

/* Pages of a stack of a process that the rows have. */
static uint64_t told(const struct mp_touches *t, uint32_t pid, uint64_t stack)
{
	uint64_t n = 0;

	for (size_t i = 0; i < t->n_rows; i++)
		if (t->rows[i].pid == pid && t->rows[i].stack == stack)
			n += t->rows[i].pages;
	return n;
}

/*
 * A state dump has the sums of what came before it, also of what this file does not
 * have: damaged blocks, or the shards before this one. The difference is of memory of
 * no known use, and was touched before anything known about its pages.
 */
static int reloaded(struct mp_touches *t, const struct mp_proc *p)
{
	for (size_t i = 0; i < p->n_fsites; i++) {
		const struct mp_fsite *f = &p->fsites[i];
		struct mp_touch_row r = { .stack = f->stack,
					  .pid = mp_touch_pid(p),
					  .mm = p->mm,
					  .comm = p->comm,
					  .cls = MP_CLS_MAX };
		uint64_t have = told(t, r.pid, f->stack);
		uint32_t k;

		if (f->pages <= have)
			continue;
		k = row(t, r);
		if (k == NONE)
			return -ENOMEM;
		t->rows[k].pages += f->pages - have;
		t->rows[k].samples++;
	}
	return 0;
}

int mp_touches_after(struct mp_touches *t, const struct mp_model *m, const struct mp_event *e,
		     uint32_t pid)
{
	const struct mp_proc *p;
	int err = 0;

	if (e->type == MP_EV_KEYFRAME && e->sub == MP_KEY_END) {
		for (size_t i = 0; i < m->n_procs && !err; i++)
			if (!pid || m->procs[i]->tgid == pid)
				err = reloaded(t, m->procs[i]);
		return err;
	}
	if (!m->in_key && e->type == MP_EV_FAULT)
		note_run(t, e);
	if (m->in_key || e->type != MP_EV_CALL || !e->mm)
		return 0;
	p = mp_model_proc(m, e->mm);
	return p ? after_call(t, p, e) : 0;
}

int mp_touches_end(struct mp_touches *t, const struct mp_model *m)
{
	for (size_t i = 0; i < t->n_live; i++) {
		const struct live *l = &t->live[i];
		const struct mp_proc *p = l->pages ? mp_model_proc(m, l->mm) : NULL;
		const struct mp_mapping *v;
		struct mp_touch_row r;
		uint32_t k;

		if (!p || !resident(p, l->addr))
			continue;
		v = mp_proc_find(p, l->addr);
		r = t->rows[l->row];
		r.cls = v ? (uint8_t)v->cls : MP_CLS_MAX;
		r.samples = r.pages = r.kept = 0;
		k = row(t, r);
		if (k == NONE)
			return -ENOMEM;
		t->rows[k].kept += l->pages;
	}
	return 0;
}

const struct mp_touch_row *mp_touches_rows(const struct mp_touches *t, size_t *n)
{
	*n = t->n_rows;
	return t->rows;
}

/* --- as an exporter ------------------------------------------------------------------------- */

int mp_touches_begin_export(struct mp_export *x)
{
	x->priv = mp_touches_new();
	return x->priv ? 0 : -ENOMEM;
}

int mp_touches_before_export(struct mp_export *x, const struct mp_model *m,
			     const struct mp_event *e)
{
	return mp_touches_before(x->priv, m, e, x->pid);
}

int mp_touches_after_export(struct mp_export *x, const struct mp_model *m, const struct mp_event *e)
{
	return mp_touches_after(x->priv, m, e, x->pid);
}
