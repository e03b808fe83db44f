/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * notable.c - the rules of notable.h.
 */
#include "user/view/notable.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/util/util.h"

#define MIB (1024ULL * 1024)
#define SEC 1000000000ULL

/* Thresholds. Less than this is nobody's problem, whatever its share. */
#define LEAST	      (16 * MIB)
#define LEAST_LARGE   (64 * MIB)
#define LAZY_SHARE    10 /* % of what the heap has committed        */
#define FREE_SHARE    25 /* % of the heap's resident pages          */
#define OWED_AGE      (10 * SEC)
#define STACK_SHARE   10 /* % of RSS                                */
#define UNKNOWN_SHARE 5	 /* % of RSS, either way                    */
#define AGAIN_SHARE   50 /* % of what was released, within a second */
#define PEAK_SHARE    25 /* % above what it is now                  */
#define NEAR_LIMIT    90 /* % */
#define AT_LIMIT      97 /* % */
#define HEAP_NEAR     90 /* % of the heap's own limit               */

/* Figures of the timeline that rules ask the begin of. */
enum what { W_FREE, W_LAZY_GAP, W_LAZYFREE, W_NATIVE, W_STACKS, W_USED, W_N };

struct look {
	const struct mp_model *m;
	const struct mp_proc *p;
	const struct mp_timeline *tl;
	struct mp_account a;
	const struct mp_heap *heap; /* whose figures the account uses, or NULL */
	/* of the timeline, read once */
	uint64_t since[W_N];	    /* it is that high without a break, MP_UNKNOWN: it is not */
	const struct mp_point *top; /* the highest RSS, or NULL */
	uint64_t lost_ts;	    /* the last loss, MP_UNKNOWN: none */
};

struct rule {
	const char *name;
	enum mp_level level;
	unsigned subs; /* it is looked at so often, 0: once */
	bool (*look)(const struct look *k, struct mp_notable *n);
	const char *rule, *hint;
};

/* --- pieces ------------------------------------------------------------------------ */

static bool share(uint64_t part, uint64_t whole, unsigned pct)
{
	return whole && (double)part * 100 >= (double)whole * pct;
}

static void fact(struct mp_notable *n, const char *what, uint64_t v)
{
	if (n->n_facts < MP_NOTABLE_FACTS) {
		n->fact[n->n_facts].what = what;
		n->fact[n->n_facts++].v = v;
	}
}

__attribute__((format(printf, 2, 3))) static void say(struct mp_notable *n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(n->text, sizeof(n->text), fmt, ap);
	va_end(ap);
}

struct num {
	char s[16];
};

static const char *bytes(struct num *t, uint64_t v)
{
	return mp_bytes(t->s, sizeof(t->s), (int64_t)v);
}

/* Points of the timeline up to the state's moment. */
static size_t points(const struct look *k)
{
	const struct mp_timeline *tl = k->tl;
	uint64_t n;

	if (!tl || !tl->n || !tl->width || k->m->now < tl->start)
		return 0;
	n = (k->m->now - tl->start) / tl->width + 1;
	return n < tl->n ? (size_t)n : tl->n;
}

static uint64_t get_free(const struct mp_point *pt)
{
	return (uint64_t)(pt->free_res > 0 ? pt->free_res : 0);
}

static uint64_t get_lazy_gap(const struct mp_point *pt)
{
	int64_t res = pt->live + pt->free_res + pt->lazyfree_heap;

	if (pt->committed == MP_UNKNOWN || (int64_t)pt->committed < res)
		return 0;
	return pt->committed - (uint64_t)res;
}

static uint64_t get_lazyfree(const struct mp_point *pt)
{
	return (uint64_t)(pt->lazyfree > 0 ? pt->lazyfree : 0);
}

static uint64_t get_native(const struct mp_point *pt)
{
	return (uint64_t)(pt->arenas + pt->brk + pt->other);
}

static uint64_t get_stacks(const struct mp_point *pt)
{
	return (uint64_t)pt->stacks;
}

static uint64_t get_used(const struct mp_point *pt)
{
	return pt->used;
}

static uint64_t (*const get[W_N])(const struct mp_point *pt) = {
	[W_FREE] = get_free,	 [W_LAZY_GAP] = get_lazy_gap, [W_LAZYFREE] = get_lazyfree,
	[W_NATIVE] = get_native, [W_STACKS] = get_stacks,     [W_USED] = get_used,
};

static uint64_t native_bytes(const struct look *k)
{
	return (uint64_t)(k->a.arenas + k->a.native + k->a.brk + k->a.other_anon + k->a.runtime);
}

/* How high a figure is to be to count as what it is now: half of it. */
static void thresholds(const struct look *k, uint64_t v[W_N])
{
	uint64_t limit = k->heap ? k->heap->limit : MP_UNKNOWN;

	v[W_FREE] = (uint64_t)k->a.free_heap_resident / 2;
	v[W_LAZY_GAP] = (uint64_t)k->a.lazy_heap / 2;
	v[W_LAZYFREE] = (uint64_t)k->a.lazyfree / 2;
	v[W_NATIVE] = native_bytes(k) / 2;
	v[W_STACKS] = (uint64_t)k->a.stacks / 2;
	v[W_USED] = limit == MP_UNKNOWN ? MP_UNKNOWN : limit / 100 * HEAP_NEAR;
}

/* All that the rules want of the timeline, in one way back through its points: there are
 * thousands, and this is asked for in every frame that shows the findings. */
static void read_timeline(struct look *k)
{
	unsigned open = (1u << W_N) - 1;
	uint64_t v[W_N];

	thresholds(k, v);
	k->lost_ts = MP_UNKNOWN;
	for (int w = 0; w < W_N; w++)
		k->since[w] = MP_UNKNOWN;
	for (size_t i = points(k); i-- > 0;) {
		const struct mp_point *pt = &k->tl->p[i];

		if (mp_point_known(pt) && (!k->top || pt->rss_max > k->top->rss_max))
			k->top = pt;
		if (pt->lost && k->lost_ts == MP_UNKNOWN)
			k->lost_ts = pt->ts;
		for (int w = 0; open && w < W_N; w++) {
			uint64_t got = open >> w & 1 ? get[w](pt) : MP_UNKNOWN;

			if (got == MP_UNKNOWN || got < v[w])
				open &= ~(1u << w);
			else
				k->since[w] = k->tl->start + i * k->tl->width;
		}
	}
}

/* --- the rules --------------------------------------------------------------------- */

static bool lost(const struct look *k, struct mp_notable *n)
{
	uint64_t all = mp_model_lost_total(k->m);

	if (!all)
		return false;
	say(n, "%llu events were lost: counts are too low", (unsigned long long)all);
	n->ts = k->lost_ts;
	return true;
}

static bool probe_absent(const struct look *k, struct mp_notable *n)
{
	const struct mp_probe *pr;

	if (!n->sub) /* there is no feature of number 0 */
		return false;
	pr = &k->m->probes[n->sub];
	if (!pr->known || pr->rung != MP_RUNG_ABSENT)
		return false;
	/* heaps that this program has not got are no loss */
	if (n->sub == MP_FEAT_HEAP_GC ||
	    (n->sub == MP_FEAT_HEAP_V8 && !(k->p->prints.seen & MP_PRINT_V8)))
		return false;
	say(n, "no probe on %s%s%s: what they would tell is missing", mp_feature_name(n->sub),
	    pr->why ? ", " : "", pr->why ? mp_str(k->m, pr->why) : "");
	return true;
}

static bool near_limit(const struct look *k, struct mp_notable *n)
{
	const struct mp_cgroup *g = &k->p->cgroup;
	struct num a, b;

	if (!g->version || g->charged == MP_UNKNOWN || g->limit == MP_UNKNOWN ||
	    !share(g->charged, g->limit, NEAR_LIMIT))
		return false;
	n->level = share(g->charged, g->limit, AT_LIMIT) ? MP_LEVEL_BAD : MP_LEVEL_WARN;
	n->bytes = g->charged;
	fact(n, "charged", g->charged);
	fact(n, "limit", g->limit);
	fact(n, "RSS", (uint64_t)k->a.rss);
	say(n, "%s of the control group's limit of %s are charged", bytes(&a, g->charged),
	    bytes(&b, g->limit));
	return true;
}

static bool heap_near_limit(const struct look *k, struct mp_notable *n)
{
	const struct mp_heap *h = k->heap;
	struct num a, b;

	if (!h || h->used == MP_UNKNOWN || h->limit == MP_UNKNOWN || !h->limit ||
	    !share(h->used, h->limit, HEAP_NEAR))
		return false;
	n->bytes = h->used;
	n->ts = k->since[W_USED];
	fact(n, "used", h->used);
	fact(n, "limit", h->limit);
	fact(n, "live after the last major", h->live);
	say(n, "the heap uses %s of the %s it may have", bytes(&a, h->used), bytes(&b, h->limit));
	return true;
}

static bool swapped(const struct look *k, struct mp_notable *n)
{
	struct num a;

	if ((uint64_t)k->a.swap < LEAST)
		return false;
	n->bytes = (uint64_t)k->a.swap;
	fact(n, "in swap", n->bytes);
	fact(n, "RSS", (uint64_t)k->a.rss);
	say(n, "%s are in swap, beside RSS", bytes(&a, n->bytes));
	return true;
}

static bool owed_long(const struct look *k, struct mp_notable *n)
{
	const struct mp_proc *p = k->p;
	const struct mp_gc *g = p->gc_unpaid < p->n_gcs ? &p->gcs[p->gc_unpaid] : NULL;
	char age[32];
	struct num a;

	if (p->owed < LEAST || !g || k->m->now < g->ts || k->m->now - g->ts < OWED_AGE)
		return false;
	n->bytes = p->owed;
	n->ts = g->ts;
	fact(n, "owed", p->owed);
	fact(n, "... by the oldest such collection", g->freed - g->returned - g->reused);
	fact(n, "free heap, resident", (uint64_t)k->a.free_heap_resident);
	say(n, "%s freed and not returned, the oldest of it for %s", bytes(&a, p->owed),
	    mp_duration(age, sizeof(age), k->m->now - g->ts));
	return true;
}

static bool free_heap(const struct look *k, struct mp_notable *n)
{
	uint64_t res = (uint64_t)k->a.free_heap_resident;
	uint64_t all = res + (uint64_t)k->a.live_heap;
	struct num a;

	if (!k->a.heap_known || res < LEAST || !share(res, all, FREE_SHARE))
		return false;
	n->bytes = res;
	n->ts = k->since[W_FREE];
	fact(n, "free heap, resident", res);
	fact(n, "live heap", (uint64_t)k->a.live_heap);
	fact(n, "committed", k->heap->committed);
	say(n, "looks like heap kept for later: %s are not in use", bytes(&a, res));
	return true;
}

static bool heap_lazy(const struct look *k, struct mp_notable *n)
{
	uint64_t lazy = (uint64_t)k->a.lazy_heap;
	struct num a;

	if (!k->a.heap_known || lazy < LEAST || !share(lazy, k->heap->committed, LAZY_SHARE) ||
	    k->p->exited)
		return false;
	n->bytes = lazy;
	n->ts = k->since[W_LAZY_GAP];
	fact(n, "committed", k->heap->committed);
	fact(n, "heap resident", (uint64_t)(k->a.live_heap + k->a.free_heap_resident));
	say(n, "%s of the heap are promised and take no memory", bytes(&a, lazy));
	return true;
}

static bool lazyfree(const struct look *k, struct mp_notable *n)
{
	uint64_t lazy = (uint64_t)k->a.lazyfree;
	struct num a;

	if (lazy < LEAST)
		return false;
	n->bytes = lazy;
	n->ts = k->since[W_LAZYFREE];
	if (n->ts == MP_UNKNOWN && k->p->lazy_marked_ts)
		n->ts = k->p->lazy_marked_ts;
	fact(n, "left to the kernel", lazy);
	fact(n, "by its own figure",
	     k->p->rss.lazyfree == MP_UNKNOWN ? MP_UNKNOWN : k->p->rss.lazyfree * MP_PAGE_SIZE);
	fact(n, "taken so far", k->p->lazy_taken);
	say(n, "%s of RSS are left to the kernel (MADV_FREE)", bytes(&a, lazy));
	return true;
}

static bool native_larger(const struct look *k, struct mp_notable *n)
{
	uint64_t native = native_bytes(k);
	uint64_t heap = (uint64_t)(k->a.live_heap + k->a.free_heap_resident);
	struct num a, b;

	if (!k->a.heap_known || native < LEAST_LARGE || native <= heap)
		return false;
	n->bytes = native;
	n->ts = k->since[W_NATIVE];
	fact(n, "malloc arenas and brk", (uint64_t)(k->a.arenas + k->a.native + k->a.brk));
	fact(n, "other anonymous", (uint64_t)k->a.other_anon);
	fact(n, "the heap holds outside", k->heap->external);
	fact(n, "heap resident", heap);
	say(n, "looks like memory outside the heap: %s, heap %s", bytes(&a, native),
	    bytes(&b, heap));
	return true;
}

static bool heap_unsplit(const struct look *k, struct mp_notable *n)
{
	uint64_t v = (uint64_t)k->a.unsplit_heap;
	struct num a;

	if (v < LEAST)
		return false;
	n->bytes = v;
	fact(n, "heap, no figures of it", v);
	say(n, "%s look like a heap that no source gives figures of", bytes(&a, v));
	return true;
}

static bool stacks(const struct look *k, struct mp_notable *n)
{
	uint64_t v = (uint64_t)k->a.stacks;
	struct num a;

	if (v < LEAST || !share(v, (uint64_t)k->a.rss, STACK_SHARE))
		return false;
	n->bytes = v;
	n->ts = k->since[W_STACKS];
	fact(n, "stacks", v);
	fact(n, "RSS", (uint64_t)k->a.rss);
	say(n, "looks like many or deep threads: %s are stacks", bytes(&a, v));
	return true;
}

static bool touched_again(const struct look *k, struct mp_notable *n)
{
	const struct mp_proc *p = k->p;
	uint64_t released = 0, soon = 0, most = 0;
	struct num a;

	for (size_t i = 0; i < p->n_releases; i++) {
		const struct mp_release *r = &p->releases[i];

		released += (r->released > 0 ? (uint64_t)r->released : 0) + r->lazy;
		soon += r->back[MP_BACK_1S];
		if (r->back[MP_BACK_1S] > most) {
			most = r->back[MP_BACK_1S];
			n->ts = r->last_ts;
		}
	}
	if (soon < LEAST_LARGE || !share(soon, released, AGAIN_SHARE))
		return false;
	n->bytes = soon;
	fact(n, "released, all together", released);
	fact(n, "touched again within 1 s", soon);
	fact(n, "... of one place", most);
	say(n, "looks given back too soon: %s came back within 1 s", bytes(&a, soon));
	return true;
}

static bool unexplained(const struct look *k, struct mp_notable *n)
{
	uint64_t v = (uint64_t)llabs((long long)k->a.unknown);
	struct num a;

	if (v < LEAST || !share(v, (uint64_t)k->a.rss, UNKNOWN_SHARE))
		return false;
	n->bytes = v;
	fact(n, k->a.unknown < 0 ? "pages counted too much" : "pages not accounted for", v);
	fact(n, "RSS", (uint64_t)k->a.rss);
	say(n,
	    k->a.unknown < 0 ? "memprof believes in %s more than the kernel counts"
			     : "%s of RSS are not explained",
	    bytes(&a, v));
	return true;
}

static bool peak(const struct look *k, struct mp_notable *n)
{
	const struct mp_point *top = k->top;
	uint64_t over;
	struct num a, b;

	if (!top || top->rss_max <= k->a.rss)
		return false;
	over = (uint64_t)(top->rss_max - k->a.rss);
	if (over < LEAST || !share(over, (uint64_t)k->a.rss, PEAK_SHARE))
		return false;
	n->bytes = over;
	n->ts = top->ts;
	fact(n, "highest RSS so far", (uint64_t)top->rss_max);
	fact(n, "RSS now", (uint64_t)k->a.rss);
	say(n, "RSS was %s higher: %s", bytes(&a, over), bytes(&b, (uint64_t)top->rss_max));
	return true;
}

static bool huge_unasked(const struct look *k, struct mp_notable *n)
{
	uint64_t v = mp_faults_of(k->p, MP_FK_HUGE) * 511 * MP_PAGE_SIZE;
	struct mp_shares s;
	struct num a;

	if (v < LEAST_LARGE)
		return false;
	n->bytes = v;
	mp_proc_shares(k->p, &s);
	fact(n, "came with huge pages", v);
	fact(n, "in huge pages now", s.anon_huge);
	say(n, "%s came with huge pages: no fault asked for them", bytes(&a, v));
	return true;
}

static bool beyond_rss(const struct look *k, struct mp_notable *n)
{
	const struct mp_cgroup *g = &k->p->cgroup;
	uint64_t rss = (uint64_t)k->a.rss, over;
	struct num a;

	if (!g->version || g->charged == MP_UNKNOWN || g->charged < rss)
		return false;
	over = g->charged - rss;
	if (g->limit == MP_UNKNOWN || over < LEAST_LARGE)
		return false;
	n->bytes = over;
	fact(n, "charged", g->charged);
	fact(n, "files and cache", g->file);
	fact(n, "the kernel's own", g->kernel);
	fact(n, "RSS", rss);
	say(n, "the limit counts %s beyond this RSS", bytes(&a, over));
	return true;
}

static const struct rule rules[] = {
	{ "lost-events", MP_LEVEL_WARN, 0, lost, "any event was lost",
	  "the report lists the losses by cause" },
	{ "no-probe", MP_LEVEL_WARN, MP_FEAT_MAX, probe_absent, "a hook could not be attached",
	  "memprof doctor says why, and what would mend it" },
	{ "near-limit", MP_LEVEL_WARN, 0, near_limit,
	  "charged at least 90 % of the limit; bad: 97 %",
	  "cache in it goes when memory is short; see the pane cgroup" },
	{ "heap-near-limit", MP_LEVEL_WARN, 0, heap_near_limit,
	  "used at least 90 % of the heap's limit",
	  "garbage not yet found is in it: what is left after a major collection tells" },
	{ "swapped", MP_LEVEL_WARN, 0, swapped, "at least 16 MiB in swap",
	  "it may have been there for long" },
	{ "owed-long", MP_LEVEL_WARN, 0, owed_long,
	  "at least 16 MiB owed, the oldest of it for 10 s or more",
	  "a collector that expects to need it again keeps it; see the pane collections" },
	{ "touched-again", MP_LEVEL_WARN, 0, touched_again,
	  "at least 64 MiB, half of what was released, touched again within 1 s",
	  "see the pane released for the places" },
	{ "unexplained", MP_LEVEL_WARN, 0, unexplained, "at least 16 MiB and 5 % of RSS",
	  "lost events, or memory that was not looked at yet" },
	{ "native-larger", MP_LEVEL_INFO, 0, native_larger,
	  "at least 64 MiB, and more than the heap's resident pages",
	  "buffers, malloc's free memory or another runtime; see the pane touched" },
	{ "free-heap", MP_LEVEL_INFO, 0, free_heap,
	  "at least 16 MiB and a quarter of the heap's resident pages",
	  "the next objects go there without a fault; it is given back later or never" },
	{ "heap-lazy", MP_LEVEL_INFO, 0, heap_lazy, "at least 16 MiB and 10 % of what is committed",
	  "it costs memory when it is touched" },
	{ "lazyfree", MP_LEVEL_INFO, 0, lazyfree, "at least 16 MiB left to the kernel by MADV_FREE",
	  "RSS shows them as used; a limit makes the kernel take them" },
	{ "heap-unsplit", MP_LEVEL_INFO, 0, heap_unsplit,
	  "at least 16 MiB of a heap without figures",
	  "memprof record --help tells which runtimes can be asked, and how" },
	{ "stacks", MP_LEVEL_INFO, 0, stacks, "at least 16 MiB and 10 % of RSS",
	  "see the pane threads" },
	{ "huge-unasked", MP_LEVEL_INFO, 0, huge_unasked,
	  "at least 64 MiB beside the pages asked for", "they may have been touched since" },
	{ "beyond-rss", MP_LEVEL_INFO, 0, beyond_rss,
	  "there is a limit, and at least 64 MiB are charged beyond RSS",
	  "other processes, files read and written, the kernel; see the pane cgroup" },
	{ "was-higher", MP_LEVEL_INFO, 0, peak, "at least 16 MiB and 25 % higher than now",
	  "the moment named is that of the peak" },
};

/* The worst first, of the same level the most bytes. */
static int by_weight(const void *a, const void *b)
{
	const struct mp_notable *x = a, *y = b;
	uint64_t u = x->bytes == MP_UNKNOWN ? 0 : x->bytes;
	uint64_t v = y->bytes == MP_UNKNOWN ? 0 : y->bytes;

	if (x->level != y->level)
		return x->level > y->level ? -1 : 1;
	if (u != v)
		return u > v ? -1 : 1;
	if (x->rule != y->rule)
		return strcmp(x->name, y->name);
	return x->sub < y->sub ? -1 : x->sub > y->sub;
}

size_t mp_notables(const struct mp_model *m, const struct mp_proc *p, const struct mp_timeline *tl,
		   struct mp_notable out[MP_NOTABLE_MAX])
{
	struct look k = { .m = m, .p = p, .tl = tl };
	size_t n = 0;

	if (!p)
		return 0;
	mp_account(p, &k.a);
	k.heap = mp_proc_heap(p, NULL);
	read_timeline(&k);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct rule *r = &rules[i];

		for (unsigned s = 0; s < (r->subs ? r->subs : 1) && n < MP_NOTABLE_MAX; s++) {
			out[n] = (struct mp_notable){ .name = r->name,
						      .sub = s,
						      .level = r->level,
						      .bytes = MP_UNKNOWN,
						      .ts = MP_UNKNOWN,
						      .rule = r->rule,
						      .hint = r->hint };
			n += r->look(&k, &out[n]);
		}
	}
	qsort(out, n, sizeof(out[0]), by_weight);
	return n;
}

const char *mp_level_name(enum mp_level level)
{
	static const char *const names[] = { "info", "warn", "bad" };

	return names[level];
}
