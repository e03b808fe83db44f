/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * internal.h - what the parts of the fold share. Not for views.
 */
#ifndef MEMPROF_MODEL_INTERNAL_H
#define MEMPROF_MODEL_INTERNAL_H

#include "user/model/model.h"
#include "user/model/pageset.h"

/* A snapshot of mappings that has begun and not ended. */
struct mp_snapshot {
	uint32_t mm;
	size_t n, cap;
	struct mp_mapping **v;
};

/* maps.c: the mapping table. All keep it sorted, classes and counts right. */
/* `like` gives bits, name, file and class; its range and counters do not count. */
int maps_insert(struct mp_proc *p, uint64_t start, uint64_t end, const struct mp_mapping *like);
/* The mapping that ends at `end` now goes on to new_end. */
int maps_extend(struct mp_proc *p, uint64_t end, uint64_t new_end);
/* Makes both ends of a heap's range borders between mappings, and classifies. */
int maps_cut(struct mp_proc *p, uint64_t start, uint64_t end);
void maps_remove(struct mp_proc *p, uint64_t start, uint64_t end);
/* After pages of [start, end) moved in the set by themselves. */
void maps_recount(struct mp_proc *p, uint64_t start, uint64_t end);
int maps_protect(struct mp_proc *p, uint64_t start, uint64_t end, uint32_t rwx);
int maps_replace(struct mp_proc *p, struct mp_snapshot *s, const struct mp_model *m);
void maps_classify_all(struct mp_proc *p, const struct mp_model *m);
void maps_clear(struct mp_proc *p);
/* The stack mapping that grew down to addr, extended to it, or NULL. */
struct mp_mapping *maps_grow_stack(struct mp_proc *p, uint64_t addr, const struct mp_model *m);

/* classes.c: what a mapping is used for. */
/* By its shape and its neighbours in the table (NULL = none). */
enum mp_class class_of(const struct mp_proc *p, const struct mp_mapping *prev,
		       const struct mp_mapping *v, const struct mp_mapping *next);
/* By the name that the kernel gives it, or MP_CLS_MAX. */
enum mp_class class_named(const struct mp_proc *p, const struct mp_model *m,
			  const struct mp_mapping *v);
/* What the table as it is now proves, into p->prints. */
void classes_learn(struct mp_proc *p, const struct mp_model *m);
bool class_in_heap_range(const struct mp_proc *p, const struct mp_mapping *v);

/* model.c: true of a META key that is about the file, not about what it tells of: no state
 * dump restates it, and none forgets it. */
bool mp_meta_of_file(unsigned key);

/* clock.c: relations between the clocks. */
int fold_clock(struct mp_model *m, const struct mp_event *e);
int clocks_dump(const struct mp_model *m, mp_emit_fn *emit, void *ctx);
void clocks_free(struct mp_model *m);

/* Residency by ranges; class and mapping counts follow. */
struct range_effect {
	uint64_t pages;      /* that changed state      */
	uint64_t refaulted;  /* set: had been dropped, in the same mapping */
	uint64_t heap;       /* of `pages`, in class HEAP */
	uint64_t heap_refaulted;
	uint64_t kind[3];    /* clear: of `pages`: anon, file, shmem, as far as the mapping tells */
	uint64_t heap_taken; /* pages of class HEAP that the kernel was seen to have taken */
	const struct mp_event *e; /* in: what does it; NULL = none that tells a time */
	uint64_t tag;        /* in, for drops: sites.c */
};
/* Are resident: touched, or found so by a scan (eff->e is a PAGES event). */
int pages_set(struct mp_proc *p, uint64_t addr, uint64_t len, struct range_effect *eff);
/* The same of [addr, end) inside v, or (v = NULL) in no mapping. */
int pages_set_in(struct mp_proc *p, struct mp_mapping *v, uint64_t addr, uint64_t end,
		 struct range_effect *eff);
/* n pages of v became resident in the set: its counters follow. */
void pages_came(struct mp_proc *p, struct mp_mapping *v, uint64_t n);
/* How pages leave: a scan does not find them; a call dropped them; the mapping goes. */
enum pages_leave { PAGES_ABSENT = 0, PAGES_DROPPED = 1, PAGES_UNMAPPED = 2 };
void pages_clear(struct mp_proc *p, uint64_t addr, uint64_t len, enum pages_leave how,
		 struct range_effect *eff);
/* MADV_FREE: what is resident and private anonymous is lazy now; pages that are. */
uint64_t pages_lazy(struct mp_proc *p, uint64_t addr, uint64_t len, uint64_t tag);
/* No page is lazy. */
void pages_unlazy(struct mp_proc *p);

/* family.c */
/* A process that is seen for the first time joins that of its parent, if it has one. */
void family_join(struct mp_model *m, struct mp_proc *p, uint64_t parent, uint64_t ts);
/* Its pages are its own, or gone. */
void family_leave(struct mp_model *m, struct mp_proc *p);

/* faults.c */
int fold_fault(struct mp_model *m, struct mp_proc *p, const struct mp_event *e);
int fold_major(struct mp_proc *p, const struct mp_event *e);
int fold_fault_site(struct mp_proc *p, const struct mp_event *e);
/* A scan found the pages of e resident: what it says of earlier faults. */
void faults_scanned(struct mp_proc *p, const struct mp_event *e);
/* These pages of private file mappings were written: resident or not, anonymous. */
int faults_anon(struct mp_proc *p, uint64_t addr, uint64_t len);
/* How many of [addr, end), inside v, are so and resident; v may be NULL (none). Whoever
 * changes the resident set asks before and after, and tells anon_moved(). */
uint64_t anon_resident(const struct mp_proc *p, const struct mp_mapping *v, uint64_t addr,
		       uint64_t end);
/* False: there are none, whatever the range. */
static inline bool may_be_copies(const struct mp_proc *p, const struct mp_mapping *v)
{
	return v && v->bits & (MP_MAP_FILE | MP_MAP_SHMEM) && mp_pageset_total(p->file_anon);
}
void anon_moved(struct mp_proc *p, struct mp_mapping *v, uint64_t was, uint64_t now);
/* The record of a thread or a stack, made if need be; NULL when memory is out. */
struct mp_thread *faults_thread(struct mp_proc *p, uint32_t tid);
struct mp_fsite *faults_site(struct mp_proc *p, uint64_t stack);
/* The table behind mp_proc.lone, for dumps: fills v from slot `from` on. The slot to
 * go on from, 0 when there is none. */
size_t faults_lone(const struct mp_proc *p, size_t from, uint64_t v[7]);
int faults_put_lone(struct mp_proc *p, const struct mp_event *e);
void faults_loaded(struct mp_proc *p); /* a state dump has ended */
void faults_reset_mm(struct mp_proc *p);
void faults_free(struct mp_proc *p);
/* Of a process that ended only sums are kept. */
void faults_strip(struct mp_proc *p);

/* mem.c */
int fold_call(struct mp_model *m, struct mp_proc *p, const struct mp_event *e);
int fold_rss(struct mp_proc *p, const struct mp_event *e);
int fold_pages(struct mp_proc *p, const struct mp_event *e);

/* sites.c */
#define MP_RELEASE_SLOTS 2048 /* a power of two, twice the rows */
struct release_ask {
	size_t row;        /* of the table, MP_RELEASE_NONE */
	uint64_t asked;    /* bytes */
	uint64_t resident; /* pages that were there before the call */
};
struct release_got {
	uint64_t dropped, lazy;            /* pages */
	int64_t released;                  /* bytes; the sum of: */
	int64_t anon, file, shmem;
};
/* Before the call is applied: what it asks to give back; asked 0: nothing. */
void release_asked(const struct mp_proc *p, const struct mp_event *e, struct release_ask *a);
/* The row of the call's place. 0 or -ENOMEM. */
int release_row(struct mp_proc *p, const struct mp_event *e, size_t *row);
void release_done(struct mp_proc *p, const struct mp_event *e, const struct release_ask *a,
		  const struct release_got *got);
/* Keeps memory that only remembers drops within its bound. */
void release_trim(struct mp_proc *p, uint64_t ts);
/* A row out of a state dump. 0, -ENOSPC or -ENOMEM. */
int release_add(struct mp_proc *p, const struct mp_release *r);
/* A SITE event, as far as it is about releases. */
void release_site(struct mp_proc *p, const struct mp_event *e);
/* A scan begins, or goes on when it has the same time. */
void release_scan(struct mp_proc *p, uint64_t ts);
/* What the page set calls back when given up pages are touched, or found gone. */
struct pages_ctx {
	struct mp_proc *p;
	const struct mp_event *e;
	uint64_t refaulted, taken, untaken; /* pages */
};
uint64_t release_again(void *ctx, enum mp_pages_kind kind, uint64_t tag, uint64_t addr,
		       uint64_t pages);
uint64_t release_taken(void *ctx, enum mp_pages_kind kind, uint64_t tag, uint64_t addr,
		       uint64_t pages);
uint64_t release_tag(uint64_t ts, size_t row);
uint64_t release_tag_since(uint64_t tag); /* ns, to 1.05 ms */
size_t release_tag_row(uint64_t tag);
unsigned release_tag_taken(uint64_t tag);
uint64_t release_tag_dumped(const struct mp_event *e);

/* mem.c */
/* The advice that takes pages away at once. */
bool advice_drops(unsigned advice);
#define MADV_PAGEOUT_ 21 /* 5.4 */

/* heap.c */
int fold_heap(struct mp_model *m, struct mp_proc *p, const struct mp_event *e);
int fold_space(struct mp_proc *p, const struct mp_event *e);
int fold_gc(struct mp_model *m, struct mp_proc *p, const struct mp_event *e);
int fold_range(struct mp_model *m, struct mp_proc *p, const struct mp_event *e);

/* pairing.c: who pays back what collections freed */
void pair_release(struct mp_proc *p, uint64_t ts, uint64_t bytes, uint64_t rss_fell);
void pair_collection(struct mp_proc *p, struct mp_gc *g);
void pair_refault(struct mp_proc *p, uint64_t bytes);
void pair_settle(struct mp_proc *p, const struct mp_account *a);

/* stacks.c */
int fold_stack(struct mp_model *m, const struct mp_event *e);
/* places.c */
void places_free(struct mp_model *m);
int fold_place(struct mp_model *m, const struct mp_event *e);
int fold_module(struct mp_model *m, const struct mp_event *e);
int places_dump(const struct mp_model *m, mp_emit_fn *emit, void *ctx);

void stacks_free(struct mp_model *m);
/* Percent of the room that is taken. */
unsigned stacks_fill(const struct mp_model *m);
unsigned places_fill(const struct mp_model *m);
int stacks_dump(const struct mp_model *m, mp_emit_fn *emit, void *ctx);

/* account.c: figures beside RSS */
void fold_cgroup(struct mp_proc *p, const struct mp_event *e);
void fold_cgroup_more(struct mp_proc *p, const struct mp_event *e);
void fold_rollup(struct mp_proc *p, const struct mp_event *e);
void fold_status(struct mp_proc *p, const struct mp_event *e);

/* dump.c */
/* The first collection that a dump carries: all that still owe, and the last ones. */
size_t dump_gcs_first(const struct mp_proc *p);
int fold_total(struct mp_model *m, const struct mp_event *e);

/* timeline.c */
void tl_shrink(struct mp_proc *p, size_t max);    /* at most max points from now on */
int tl_advance(struct mp_proc *p, uint64_t ts);   /* opens the point of ts */
/* The open point, or NULL. */
static inline struct mp_point *tl_now(struct mp_proc *p)
{
	return p->tl.n && !p->loading ? &p->tl.p[p->tl.n - 1] : NULL;
}
void tl_refresh(struct mp_proc *p);               /* bands of the open point */
/* Events that may be about p could not be read. What p->gap says is not told since: */
enum { GAP_STATE = 1, GAP_RSS = 2, GAP_HEAP = 4, GAP_CGROUP = 8, GAP_ALL = 15 };
void tl_damage(struct mp_proc *p);
void tl_nothing(struct mp_point *pt);             /* no level has been told */
void tl_join(struct mp_point *a, const struct mp_point *b); /* b follows a: both as one */
void tl_follow(struct mp_point *pt, const struct mp_point *last, uint64_t ts);
/* Counts ZGC's heap again if shared memory moved; returns the pages that went: shared.c. */
uint64_t zheap_count(struct mp_proc *p);
void proc_settle(struct mp_proc *p);              /* debts, then tl_refresh  */

/* tiers.c: stretches of fixed width beside the timeline */
int tiers_advance(struct mp_model *m, struct mp_proc *p, uint64_t ts); /* at p->tier_end */
void tiers_take(struct mp_proc *p); /* before the timeline's open point is another */
void tiers_mark(struct mp_proc *p); /* after it */
void tiers_rss(struct mp_proc *p, int64_t rss);
void tiers_pause(struct mp_proc *p, uint64_t ns);
int tiers_end(struct mp_model *m, struct mp_proc *p); /* nothing more will happen to p */
void tiers_drop(struct mp_proc *p);
void tiers_free(struct mp_model *m);

/* Beyond any page table (5 levels: 57 bits): an address that is damage. */
#define ADDR_MAX (1ULL << 57)
/* More pages at once than any machine has: damage, and memory for bitmaps. */
#define PAGES_MAX (1ULL << 28)
static inline bool range_ok(uint64_t addr, uint64_t len)
{
	return addr < ADDR_MAX && len <= ADDR_MAX - addr;
}

/* Whole pages: a border inside a page would have that page counted on either side. */
static inline bool on_pages(uint64_t addr, uint64_t len)
{
	return !((addr | len) & (MP_PAGE_SIZE - 1));
}

/* ended.c: what is kept of processes that have ended, by the clock of the events; with
 * `room` at once, and at least one goes if any can. */
void ended_retire(struct mp_model *m, bool room);

/* limits.c: may this event be folded? If not it has been counted. */
bool limits_allow(struct mp_model *m, const struct mp_proc *p, const struct mp_event *e);

/* model.c */
void proc_free(struct mp_proc *p);
void range_note(struct mp_range *r, uint64_t v);
struct mp_proc *proc_get(struct mp_model *m, uint32_t mm, bool make);
void proc_reset_mm(struct mp_proc *p);

#endif /* MEMPROF_MODEL_INTERNAL_H */
