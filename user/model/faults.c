/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * faults.c - the fold of page faults: which pages they bring in, what kind each
 * was, and whose it was: of a mapping, a thread, a stack.
 *
 * The error code says read or write and whether a page was there; the mapping says
 * what can be there; the resident set says what was. Kinds that show only later
 * (major, swap-in, huge) move a fault from the kind it had, never count it again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/index.h"
#include "user/model/internal.h"
#include "user/model/maptab.h"
#include "user/util/util.h"

#define HUGE_SHIFT 21 /* 2 MiB: what one entry of the page directory maps */
#define HUGE_BYTES (1ULL << HUGE_SHIFT)

/* Writes go to copies of its pages: private, and of a file or of shared memory. */
static bool private_file(const struct mp_mapping *v)
{
	return v->bits & (MP_MAP_FILE | MP_MAP_SHMEM) &&
	       !(v->bits & (MP_MAP_SHARED | MP_MAP_HUGETLB));
}

static bool anon(const struct mp_mapping *v)
{
	return !(v->bits & (MP_MAP_FILE | MP_MAP_SHMEM | MP_MAP_SHARED));
}

/* --- anonymous pages of private file mappings ----------------------------------------- */

struct both {
	const struct mp_proc *p;
	uint64_t n;
};

static int count_resident(void *ctx, uint64_t addr, uint64_t len)
{
	struct both *b = ctx;

	b->n += mp_pageset_count(b->p->pages, addr, len);
	return 0;
}

uint64_t anon_resident(const struct mp_proc *p, const struct mp_mapping *v, uint64_t addr,
		       uint64_t end)
{
	struct both b = { .p = p };

	if (v && private_file(v) && mp_pageset_total(p->file_anon))
		mp_pageset_runs(p->file_anon, addr, end - addr, MP_PGS_RESIDENT, count_resident,
				&b);
	return b.n;
}

void anon_moved(struct mp_proc *p, struct mp_mapping *v, uint64_t was, uint64_t now)
{
	v->anon += now - was;
	p->file_anon_pages += now - was;
}

/* The pages of [addr, end), inside v or (v = NULL) in no mapping, are copies. */
static int anon_mark(struct mp_proc *p, struct mp_mapping *v, uint64_t addr, uint64_t end)
{
	uint64_t was = anon_resident(p, v, addr, end);

	if (mp_pageset_set(p->file_anon, addr, end - addr, NULL) < 0)
		return -ENOMEM;
	if (v)
		anon_moved(p, v, was, anon_resident(p, v, addr, end));
	return 0;
}

int faults_anon(struct mp_proc *p, uint64_t addr, uint64_t len)
{
	struct mp_mapping *v = maptab_above(p, addr);
	uint64_t end = addr + len;
	int err = 0;

	while (addr < end && !err) {
		bool inside = v && v->start <= addr;
		uint64_t stop = !v ? end : inside ? v->end : v->start;

		stop = stop < end ? stop : end;
		err = anon_mark(p, inside ? v : NULL, addr, stop);
		addr = stop;
		v = inside ? v->next : v;
	}
	return err;
}

/* --- faults that may have brought a huge page ------------------------------------------ */

/*
 * A huge page comes in with one fault; that it was huge shows at the next scan. So
 * the only fault of a block of 2 MiB is remembered with its kind until a second one
 * shows that it was not huge. One slot for each block modulo LONE_SLOTS: a block
 * that is pushed out keeps the kind it had. A block that had one fault and was made
 * huge by khugepaged afterwards is taken for one that came in huge.
 *
 *   slot: block << 8 | kernel << 7 | kind + 1; 0 = free
 */
#define LONE_SLOTS 1024

static uint64_t *lone_slot(struct mp_proc *p, uint64_t addr)
{
	return p->lone ? &p->lone[(addr >> HUGE_SHIFT) % LONE_SLOTS] : NULL;
}

static bool lone_holds(const uint64_t *slot, uint64_t addr)
{
	return slot && *slot >> 8 == addr >> HUGE_SHIFT && *slot & 0xff;
}

static void lone_forget(struct mp_proc *p, uint64_t addr, uint64_t end)
{
	uint64_t at = addr & ~(HUGE_BYTES - 1);

	for (size_t i = 0; p->lone && at < end && i < LONE_SLOTS; i++, at += HUGE_BYTES) {
		uint64_t *slot = lone_slot(p, at);

		if (lone_holds(slot, at))
			*slot = 0;
	}
}

static int lone_note(struct mp_proc *p, uint64_t addr, bool kernel, unsigned kind)
{
	uint64_t *slot = lone_slot(p, addr);

	if (lone_holds(slot, addr)) {
		*slot = 0;
		return 0;
	}
	if (mp_pageset_block(p->pages, addr) != 1)
		return 0;
	if (!p->lone)
		p->lone = calloc(LONE_SLOTS, sizeof(*p->lone));
	if (!p->lone)
		return -ENOMEM;
	*lone_slot(p, addr) = addr >> HUGE_SHIFT << 8 | (uint64_t)kernel << 7 | (kind + 1);
	return 0;
}

/* Moves one fault to another kind; of the mapping too where it is still the same. */
static void move_kind(struct mp_proc *p, struct mp_mapping *v, bool kernel, unsigned from,
		      enum mp_fkind to)
{
	if (!p->fk[kernel][from])
		return;
	p->fk[kernel][from]--;
	p->fk[kernel][to]++;
	if (v && v->fk[from]) {
		v->fk[from]--;
		v->fk[to]++;
	}
}

void faults_scanned(struct mp_proc *p, const struct mp_event *e)
{
	uint64_t at = e->pages.addr, end = at + e->pages.len;

	if (!p->lone || p->loading || !(e->flags & MP_PAGES_HUGE))
		return;
	for (at &= ~(HUGE_BYTES - 1); at < end; at += HUGE_BYTES) {
		uint64_t *slot = lone_slot(p, at);
		unsigned kind = (unsigned)(*slot & 0x7f) - 1;

		if (!lone_holds(slot, at))
			continue;
		if (kind < MP_FK_MAX)
			move_kind(p, mp_proc_find(p, at), *slot >> 7 & 1, kind, MP_FK_HUGE);
		*slot = 0;
	}
}

int faults_put_lone(struct mp_proc *p, const struct mp_event *e)
{
	if (!p->lone)
		p->lone = calloc(LONE_SLOTS, sizeof(*p->lone));
	if (!p->lone)
		return -ENOMEM;
	for (size_t i = 0; i < 7; i++)
		if (e->v[i])
			p->lone[(e->v[i] >> 8) % LONE_SLOTS] = e->v[i];
	return 0;
}

size_t faults_lone(const struct mp_proc *p, size_t from, uint64_t v[7])
{
	size_t n = 0;

	while (p->lone && from < LONE_SLOTS && n < 7) {
		if (p->lone[from])
			v[n++] = p->lone[from];
		from++;
	}
	return n ? from : 0;
}

/* --- kinds ----------------------------------------------------------------------------- */

/* Does the kernel let such an access through (access_error in arch/x86/mm/fault.c)?
 * A fault is told before it is handled: one that ends in a signal brings nothing. */
static bool fault_allowed(const struct mp_mapping *v, uint8_t bits)
{
	if (bits & MP_FAULT_WRITE)
		return v->bits & MP_MAP_W;
	return v->bits & (MP_MAP_R | MP_MAP_W | MP_MAP_X);
}

/*
 * Does a fault of this kind leave the page resident? A read of private
 * anonymous memory maps the zero page: a fault, but not in RSS
 * (do_anonymous_page). Reads of files and shmem bring the page in.
 */
static bool fault_makes_resident(const struct mp_mapping *v, uint8_t bits)
{
	if (v && !fault_allowed(v, bits))
		return false;
	if (bits & (MP_FAULT_WRITE | MP_FAULT_NOKIND))
		return true;
	if (bits & MP_FAULT_PRESENT) /* a protection fault that was no write */
		return false;
	return v && !anon(v);
}

/* Faults of one piece of a run: of n pages `added` were not resident before, of which
 * `again` had been dropped by a call. */
struct piece {
	struct mp_proc *p;
	struct mp_mapping *v;
	struct mp_thread *t;
	bool kernel;
	uint64_t n, added, again;
	enum mp_fkind last; /* the kind that faults were given last */
};

/* n of the faults are of kind k: of the process, the thread and the mapping. */
static void give(struct piece *c, enum mp_fkind k, uint64_t n)
{
	if (!n)
		return;
	c->last = k;
	c->p->fk[c->kernel][k] += n;
	c->t->left[k] += (uint32_t)n;
	if (c->v)
		c->v->fk[k] += n;
}

/* What was dropped came back; the rest is of kind k. */
static void give_rest(struct piece *c, enum mp_fkind k)
{
	give(c, MP_FK_REFAULT, c->again);
	give(c, k, c->n - c->again);
}

/* The page was there: a copy is made, or nothing but a right changes. */
static void kind_present(struct piece *c, const struct mp_mapping *v, uint8_t bits)
{
	if (!(bits & MP_FAULT_WRITE) || v->bits & MP_MAP_SHARED) {
		give(c, MP_FK_PROTECT, c->n);
	} else if (!anon(v)) {
		give(c, MP_FK_COW, c->n);
	} else { /* what the model did not know resident was the zero page */
		give(c, MP_FK_REFAULT, c->again);
		give(c, MP_FK_UPGRADE, c->added - c->again);
		give(c, MP_FK_COW, c->n - c->added);
		c->p->cow_shared += c->p->sharers ? c->n - c->added : 0;
	}
}

static void kind_anon(struct piece *c, uint8_t bits, uint64_t was)
{
	if (bits & MP_FAULT_WRITE) { /* on a resident page: another thread was first */
		give(c, MP_FK_REFAULT, c->again);
		give(c, MP_FK_FIRST, c->added - c->again);
		give(c, MP_FK_PROTECT, c->n - c->added);
	} else {
		give(c, MP_FK_PROTECT, was);
		give(c, MP_FK_ZERO, c->n - was);
	}
}

/* A rung that tells neither read nor write: what follows from the mapping alone. */
static void kind_untold(struct piece *c, const struct mp_mapping *v, enum mp_fkind bring)
{
	bool copies = private_file(v) && v->bits & MP_MAP_W;

	if (anon(v) || copies)
		give(c, MP_FK_UNKNOWN, c->n);
	else
		give_rest(c, bring);
}

/* `was`: pages of the piece that are resident, where the fault brings in none. */
static void classify(struct piece *c, const struct mp_mapping *v, uint8_t bits, uint64_t was)
{
	enum mp_fkind bring = v && v->bits & MP_MAP_SHMEM ? MP_FK_SHMEM : MP_FK_FILE;

	if (!v)
		give(c, MP_FK_UNKNOWN, c->n);
	else if (!fault_allowed(v, bits)) /* a write barrier, a safepoint poll, a guard */
		give(c, MP_FK_PROTECT, c->n);
	else if (v->bits & MP_MAP_HUGETLB) /* asked for: not what MP_FK_HUGE counts */
		give(c, MP_FK_FIRST, c->n);
	else if (bits & MP_FAULT_NOKIND)
		kind_untold(c, v, bring);
	else if (bits & MP_FAULT_PRESENT)
		kind_present(c, v, bits);
	else if (anon(v))
		kind_anon(c, bits, was);
	else if (private_file(v) && bits & MP_FAULT_WRITE)
		give_rest(c, MP_FK_COW);
	else
		give_rest(c, bring);
}

/* --- threads ---------------------------------------------------------------------------- */

/* One that faulted before the last one did, or a new one. */
static struct mp_thread *thread_find(struct mp_proc *p, uint32_t tid)
{
	size_t i = mp_index_find(p->thread_index, tid);

	if (i == MP_INDEX_NONE) {
		i = p->n_threads;
		if (i == MP_THREADS_MAX)
			return &p->rest;
		if (mp_grow(&p->threads, &p->cap_threads, i + 1, sizeof(*p->threads)) ||
		    mp_index_add(&p->thread_index, tid, i))
			return NULL;
		p->threads[i] = (struct mp_thread){ .tid = tid };
		p->n_threads++;
	}
	p->thread_last = i;
	return &p->threads[i];
}

struct mp_thread *faults_thread(struct mp_proc *p, uint32_t tid)
{
	if (!tid)
		return &p->rest;
	if (p->thread_last < p->n_threads && p->threads[p->thread_last].tid == tid)
		return &p->threads[p->thread_last];
	return thread_find(p, tid);
}

/* --- majors ------------------------------------------------------------------------------ */

/* Which kind a major most likely had before: what comes from files first. */
static unsigned claim(struct mp_thread *t)
{
	static const uint8_t order[] = { MP_FK_FILE, MP_FK_SHMEM,  MP_FK_PROTECT, MP_FK_REFAULT,
					 MP_FK_COW,  MP_FK_FIRST,  MP_FK_ZERO,	  MP_FK_UPGRADE,
					 MP_FK_HUGE, MP_FK_UNKNOWN };

	for (size_t i = 0; i < sizeof(order); i++) {
		if (t->left[order[i]]) {
			t->left[order[i]]--;
			return order[i];
		}
	}
	return MP_FK_MAX;
}

/* A page that is only in swap: anonymous, or of shared memory. */
static bool from_swap(const struct mp_proc *p, const struct mp_mapping *v, uint64_t addr)
{
	return v && (anon(v) || v->bits & MP_MAP_SHMEM ||
		     (private_file(v) && mp_pageset_test(p->file_anon, addr)));
}

/* True when the last run of the thread holds the page and has one to give. */
static bool major_settle(struct mp_proc *p, struct mp_thread *t, uint64_t addr)
{
	struct mp_mapping *v = mp_proc_find(p, addr);
	unsigned from;

	if (addr < t->last_addr || addr - t->last_addr >= t->last_pages * MP_PAGE_SIZE)
		return false;
	from = claim(t);
	if (from == MP_FK_MAX)
		return false;
	lone_forget(p, addr, addr + MP_PAGE_SIZE);
	move_kind(p, v, t->last_kernel, from, from_swap(p, v, addr) ? MP_FK_SWAPIN : MP_FK_MAJOR);
	return true;
}

/* The oldest gives way. */
static void major_wait(struct mp_proc *p, uint64_t addr, uint32_t tid)
{
	if (!p->waiting[MP_MAJORS_WAIT - 1].addr)
		p->n_waiting++;
	memmove(p->waiting + 1, p->waiting, (MP_MAJORS_WAIT - 1) * sizeof(p->waiting[0]));
	p->waiting[0] = (struct mp_majors){ addr, tid };
}

int fold_major(struct mp_proc *p, const struct mp_event *e)
{
	uint64_t addr = e->major.addr & ~(MP_PAGE_SIZE - 1);
	struct mp_thread *t = faults_thread(p, e->tid);
	struct range_effect eff = { .e = e };
	int err;

	if (!t)
		return -ENOMEM;
	if (!addr || !range_ok(addr, MP_PAGE_SIZE))
		return -EINVAL;
	if (p->mm_gone)
		return 0;
	p->majors++;
	t->majors++;
	if (tl_now(p))
		tl_now(p)->majors++;
	if (!major_settle(p, t, addr)) /* its run is still open in the kernel */
		major_wait(p, addr, e->tid);
	/* A page read back from swap is resident, though a read brought it. */
	err = pages_set(p, addr, MP_PAGE_SIZE, &eff);
	p->pages_added += eff.pages;
	t->pages_added += eff.pages;
	return err;
}

static void majors_of_run(struct mp_proc *p, struct mp_thread *t, uint32_t tid)
{
	for (size_t i = 0; i < MP_MAJORS_WAIT; i++) {
		struct mp_majors *w = &p->waiting[i];

		if (w->addr && w->tid == tid && major_settle(p, t, w->addr)) {
			*w = (struct mp_majors){ 0 };
			p->n_waiting--;
		}
	}
}

/* --- the fold ---------------------------------------------------------------------------- */

static void count_faults(struct mp_proc *p, const struct mp_event *e)
{
	struct mp_point *pt = tl_now(p);

	p->faults += e->x;
	if (e->sub & MP_FAULT_KERNEL)
		p->faults_kernel += e->x;
	else
		p->faults_user += e->x;
	if (e->sub & MP_FAULT_WRITE)
		p->faults_write += e->x;
	if (e->sub & MP_FAULT_PRESENT)
		p->faults_present += e->x;
	if (e->sub & MP_FAULT_GC)
		p->faults_gc += e->x;
	if (pt)
		pt->faults += e->x;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* [addr, end) lies in v, or in no mapping; eff sums over the pieces of a run. */
static int fold_piece(struct mp_proc *p, struct mp_mapping *v, const struct mp_event *e,
		      uint64_t addr, uint64_t end, struct mp_thread *t, struct range_effect *eff)
{
	struct piece c = { .p = p,
			   .v = v,
			   .t = t,
			   .kernel = e->sub & MP_FAULT_KERNEL,
			   .n = (end >> MP_PAGE_SHIFT) - (addr >> MP_PAGE_SHIFT) };
	uint64_t pages = eff->pages, refaulted = eff->refaulted;
	bool in = fault_makes_resident(v, e->sub);
	int err = in ? pages_set_in(p, v, addr, end, eff) : 0;

	/* Borders inside a page (damage) make less of a piece than it touches. */
	c.added = least(eff->pages - pages, c.n);
	c.again = least(eff->refaulted - refaulted, c.added);
	classify(&c, v, e->sub, in ? 0 : least(mp_proc_resident(p, addr, end), c.n));
	if (v) {
		v->faults += c.n;
		v->last_ts = e->ts;
	}
	/* What was dropped and is written again is a copy again. */
	if (!err && v && private_file(v) && e->sub & MP_FAULT_WRITE &&
	    (c.last == MP_FK_COW || c.last == MP_FK_REFAULT))
		err = anon_mark(p, v, addr, end);
	if (err || !c.added)
		return err;
	if (e->x == 1) /* so n is 1 */
		return lone_note(p, addr, c.kernel, c.last);
	lone_forget(p, addr, end);
	return 0;
}

/*
 * What most faults are: one store to private anonymous memory of which no page in that
 * 2 MiB was given up. False: it is not, nothing was done. What it does is what
 * fold_run() would (test_model_faults compares them).
 */
static bool fold_store(struct mp_proc *p, const struct mp_event *e, struct mp_thread *t, int *err)
{
	struct mp_mapping *v = maptab_hot(p, e->fault.addr);
	enum mp_fkind k;
	int n;

	if (e->x != 1 || e->sub != MP_FAULT_WRITE || !v || v->start > e->fault.addr || !anon(v) ||
	    (v->bits & (MP_MAP_W | MP_MAP_HUGETLB)) != MP_MAP_W || v->cls == MP_CLS_HEAP)
		return false;
	n = mp_pageset_touch_page(p->pages, e->fault.addr);
	if (n < 0)
		return false;
	k = n ? MP_FK_FIRST : MP_FK_PROTECT;
	p->fk[0][k]++;
	t->left[k]++;
	v->fk[k]++;
	v->faults++;
	v->last_ts = e->ts;
	if (n) {
		pages_came(p, v, 1);
		p->pages_added++;
		t->pages_added++;
		*err = lone_note(p, e->fault.addr, false, MP_FK_FIRST);
	}
	return true;
}

/* A run, a mapping (or a gap) at a time. */
static int fold_run(struct mp_model *m, struct mp_proc *p, const struct mp_event *e,
		    struct mp_thread *t)
{
	uint64_t addr = e->fault.addr, end = addr + (uint64_t)e->x * MP_PAGE_SIZE;
	struct mp_mapping *next = maptab_hot(p, addr);
	struct range_effect sum = { .e = e };
	int err = 0;

	while (addr < end && !err) {
		struct mp_mapping *v = next;
		uint64_t stop = end;

		if (v && v->start > addr)
			v = maps_grow_stack(p, addr, m);
		if (v && v->start > addr)
			v = NULL;
		if (v) {
			stop = v->end < end ? v->end : end;
			next = v->next;
		} else if (next && next->start < end) {
			stop = next->start;
		}
		err = fold_piece(p, v, e, addr, stop, t, &sum);
		addr = stop;
	}
	p->pages_added += sum.pages;
	p->heap_taken += sum.heap_taken;
	t->pages_added += sum.pages;
	if (!err && sum.heap_refaulted)
		pair_refault(p, sum.heap_refaulted * MP_PAGE_SIZE);
	return err;
}

int fold_fault(struct mp_model *m, struct mp_proc *p, const struct mp_event *e)
{
	struct mp_thread *t = faults_thread(p, e->tid);
	int err = 0;

	if (e->x > PAGES_MAX || !range_ok(e->fault.addr, (uint64_t)e->x * MP_PAGE_SIZE) ||
	    !on_pages(e->fault.addr, 0))
		return -EINVAL;
	if (!t)
		return -ENOMEM;
	if (p->mm_gone) /* nobody's: the struct of the mm was used again */
		return 0;
	count_faults(p, e);
	t->faults += e->x;
	t->kernel += e->sub & MP_FAULT_KERNEL ? e->x : 0;
	t->last_addr = e->fault.addr;
	t->last_pages = e->x;
	t->last_kernel = !!(e->sub & MP_FAULT_KERNEL);
	memset(t->left, 0, sizeof(t->left));
	if (!fold_store(p, e, t, &err))
		err = fold_run(m, p, e, t);
	if (p->n_waiting)
		majors_of_run(p, t, e->tid);
	return err;
}

/* --- sites ------------------------------------------------------------------------------- */

/* The record of a stack; of stack 0 when there is no room for another. */
struct mp_fsite *faults_site(struct mp_proc *p, uint64_t stack)
{
	size_t i = mp_index_find(p->fsite_index, stack);

	if (i != MP_INDEX_NONE)
		return &p->fsites[i];
	if (p->n_fsites >= MP_FSITES_MAX && stack)
		return faults_site(p, 0);
	if (mp_grow(&p->fsites, &p->cap_fsites, p->n_fsites + 1, sizeof(*p->fsites)) ||
	    mp_index_add(&p->fsite_index, stack, p->n_fsites))
		return NULL;
	p->fsites[p->n_fsites] = (struct mp_fsite){ .stack = stack };
	return &p->fsites[p->n_fsites++];
}

int fold_fault_site(struct mp_proc *p, const struct mp_event *e)
{
	struct mp_fsite *s;

	if (e->x > PAGES_MAX)
		return -EINVAL;
	if (p->mm_gone)
		return 0;
	s = faults_site(p, e->site.stack);
	if (!s)
		return -ENOMEM;
	s->samples++;
	s->pages += e->x;
	s->squares += (uint64_t)e->x * e->x;
	return 0;
}

/* Newton's method from above: integers, the same on every machine. */
uint64_t mp_fsite_error(const struct mp_fsite *s)
{
	uint64_t r = s->squares, next = r / 2 + (r & 1);

	while (next < r) {
		r = next;
		next = (r + s->squares / r) / 2;
	}
	return r;
}

/* --- state -------------------------------------------------------------------------------- */

uint64_t mp_faults_of(const struct mp_proc *p, enum mp_fkind k)
{
	return p->fk[0][k] + p->fk[1][k];
}

static uint64_t sum_kinds(const uint64_t k[MP_FK_MAX])
{
	uint64_t n = 0;

	for (unsigned i = 0; i < MP_FK_MAX; i++)
		n += k[i];
	return n;
}

/* All threads, what found no room included. */
static struct mp_thread sum_threads(const struct mp_proc *p)
{
	struct mp_thread sum = p->rest;

	for (size_t i = 0; i < p->n_threads; i++) {
		sum.faults += p->threads[i].faults;
		sum.kernel += p->threads[i].kernel;
		sum.pages_added += p->threads[i].pages_added;
		sum.majors += p->threads[i].majors;
	}
	return sum;
}

bool mp_faults_check(const struct mp_proc *p)
{
	struct mp_thread sum = sum_threads(p);

	if (p->loading) /* not before the dump has ended */
		return true;
	for (const struct mp_mapping *v = p->maps; v; v = v->next)
		if (sum_kinds(v->fk) != v->faults)
			return false;
	return sum_kinds(p->fk[0]) == p->faults_user && sum_kinds(p->fk[1]) == p->faults_kernel &&
	       p->faults_user + p->faults_kernel == p->faults && sum.faults == p->faults &&
	       sum.kernel == p->faults_kernel && sum.pages_added == p->pages_added &&
	       sum.majors == p->majors;
}

/* What a dump of an older version, or a damaged one, leaves open is unknown. */
static void settle_kinds(uint64_t k[MP_FK_MAX], uint64_t *faults)
{
	uint64_t n = sum_kinds(k);

	if (n <= *faults)
		k[MP_FK_UNKNOWN] += *faults - n;
	else
		*faults = n;
}

void faults_loaded(struct mp_proc *p)
{
	struct mp_thread sum;

	p->n_waiting = 0;
	for (size_t i = 0; i < MP_MAJORS_WAIT; i++)
		p->n_waiting += p->waiting[i].addr != 0;
	settle_kinds(p->fk[0], &p->faults_user);
	settle_kinds(p->fk[1], &p->faults_kernel);
	p->faults = p->faults_user + p->faults_kernel;
	for (struct mp_mapping *v = p->maps; v; v = v->next)
		settle_kinds(v->fk, &v->faults);
	sum = sum_threads(p);
	p->rest.faults += p->faults - sum.faults;
	p->rest.kernel += p->faults_kernel - sum.kernel;
	p->rest.pages_added += p->pages_added - sum.pages_added;
	p->rest.majors += p->majors - sum.majors;
}

/* Another image: what was remembered of addresses is of no use. Counts stay. */
void faults_reset_mm(struct mp_proc *p)
{
	mp_pageset_reset(p->file_anon);
	free(p->lone);
	p->lone = NULL;
	memset(p->waiting, 0, sizeof(p->waiting));
	p->n_waiting = 0;
	p->rest.last_pages = 0;
	for (size_t i = 0; i < p->n_threads; i++)
		p->threads[i].last_pages = 0;
}

/* The counts of single threads become one; sites and what was waited for go. */
void faults_strip(struct mp_proc *p)
{
	struct mp_thread all = sum_threads(p);

	faults_reset_mm(p);
	p->rest.faults = all.faults;
	p->rest.kernel = all.kernel;
	p->rest.pages_added = all.pages_added;
	p->rest.majors = all.majors;
	free(p->threads);
	mp_index_free(p->thread_index);
	free(p->fsites);
	mp_index_free(p->fsite_index);
	p->threads = NULL;
	p->thread_index = NULL;
	p->fsites = NULL;
	p->fsite_index = NULL;
	p->n_threads = p->cap_threads = p->thread_last = 0;
	p->n_fsites = p->cap_fsites = 0;
}

void faults_free(struct mp_proc *p)
{
	mp_pageset_free(p->file_anon);
	free(p->lone);
	free(p->threads);
	mp_index_free(p->thread_index);
	free(p->fsites);
	mp_index_free(p->fsite_index);
}
