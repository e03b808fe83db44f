/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * metrics.c - see metrics.h. OpenMetrics 1.0:
 * https://github.com/OpenObservability/OpenMetrics/blob/main/specification/OpenMetrics.md
 * and text 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/
 */
#include "user/export/metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/index.h"
#include "user/util/util.h"
#include "user/view/figures.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define UNKNOWN	      MP_METRIC_UNKNOWN

/* --- values ---------------------------------------------------------------------------- */

static int64_t pages(uint64_t n)
{
	return n == MP_UNKNOWN ? UNKNOWN : (int64_t)(n * MP_PAGE_SIZE);
}

static int64_t bytes(uint64_t n)
{
	return n > INT64_MAX ? UNKNOWN : (int64_t)n;
}

/* What is 0 although nothing would have told it is not known. */
static int64_t told(bool source, uint64_t v)
{
	return source || v ? bytes(v) : UNKNOWN;
}

/* Gauges are of what lives: what a process had at its end is gone. */
static bool lives(const struct mp_proc *p)
{
	return !p->exited && !p->mm_gone;
}

/* RSS is known, and was told behind what could not be read. */
static bool has_rss(const struct mp_model *m, const struct mp_proc *p)
{
	return p->rss_known && lives(p) && mp_fig_told(m, p->rss.ts);
}

static int64_t get_resident(const struct mp_model *m, const struct mp_proc *p, unsigned i)
{
	const uint64_t v[] = { p->rss.anon, p->rss.file, p->rss.shmem };

	return has_rss(m, p) ? pages(v[i]) : UNKNOWN;
}

static const char *resident_kind(unsigned i)
{
	static const char *const n[] = { "anon", "file", "shmem" };

	return n[i];
}

static int64_t get_swap(const struct mp_model *m, const struct mp_proc *p, unsigned i)
{
	(void)i;
	return has_rss(m, p) ? pages(p->rss.swap) : UNKNOWN;
}

static int64_t get_lazyfree(const struct mp_model *m, const struct mp_proc *p, unsigned i)
{
	(void)i;
	return has_rss(m, p) ? pages(p->rss.lazyfree) : UNKNOWN;
}

static int64_t get_hugetlb(const struct mp_model *m, const struct mp_proc *p, unsigned i)
{
	(void)i;
	return has_rss(m, p) ? bytes(p->rss.hugetlb) : UNKNOWN;
}

/* The rows of the account, by the names that report --json gives them. */
enum {
	ACC_LIVE,
	ACC_FREE,
	ACC_ARENAS,
	ACC_STACKS,
	ACC_OTHER,
	ACC_FILE,
	ACC_SHMEM,
	ACC_LAZY,
	ACC_UNKNOWN,
	ACC_N
};

static const char *account_part(unsigned i)
{
	static const char *const n[] = { "live_heap", "free_heap_resident", "arenas",
					 "stacks",    "other_anon",	    "file",
					 "shmem",     "lazyfree",	    "unknown" };

	return n[i];
}

static int64_t get_account(const struct mp_model *m, const struct mp_proc *p, unsigned i)
{
	struct mp_account a;

	if (!has_rss(m, p) || m->gap_ts) /* the split is of all events */
		return UNKNOWN;
	mp_account(p, &a);

	const int64_t v[ACC_N] = { a.live_heap,
				   a.free_heap_resident,
				   a.arenas + a.brk + a.native,
				   a.stacks,
				   a.other_anon + a.unsplit_heap + a.runtime,
				   a.file,
				   a.shmem,
				   a.lazyfree,
				   a.unknown };
	if (i <= ACC_FREE && !a.heap_known)
		return UNKNOWN;
	return v[i];
}

static const char *heap_state(unsigned i)
{
	static const char *const n[] = { "live", "free", "committed" };

	return n[i];
}

static int64_t get_heap(const struct mp_model *m, const struct mp_proc *p, unsigned i)
{
	const struct mp_heap *h = mp_proc_heap(p, NULL);

	if (!h || !lives(p) || h->used == MP_UNKNOWN || !mp_fig_told(m, h->ts))
		return UNKNOWN;
	if (i == 0)
		return bytes(h->used);
	if (h->committed == MP_UNKNOWN)
		return UNKNOWN;
	return bytes(i == 2 ? h->committed : h->committed > h->used ? h->committed - h->used : 0);
}

static int64_t get_external(const struct mp_model *m, const struct mp_proc *p, unsigned i)
{
	const struct mp_heap *h = mp_proc_heap(p, NULL);

	(void)i;
	return h && lives(p) && mp_fig_told(m, h->ts) ? bytes(h->external) : UNKNOWN;
}

static int64_t get_limit(const struct mp_model *m, const struct mp_proc *p, unsigned i)
{
	const struct mp_heap *h = mp_proc_heap(p, NULL);

	(void)i;
	return h && lives(p) && mp_fig_told(m, h->ts) ? bytes(h->limit) : UNKNOWN;
}

static int64_t get_gap(const struct mp_model *m, const struct mp_proc *p, unsigned i)
{
	int64_t used = get_heap(m, p, 0);

	(void)i;
	return used == UNKNOWN || !has_rss(m, p) ? UNKNOWN : bytes(mp_proc_rss(p)) - used;
}

static int64_t get_owed(const struct mp_model *m, const struct mp_proc *p, unsigned i)
{
	(void)i;
	return lives(p) && !m->gap_ts ? told(mp_fig_gc_known(m, p) && mp_proc_sized(p), p->owed)
				      : UNKNOWN;
}

static int64_t get_charged(const struct mp_model *m, const struct mp_proc *p, unsigned i)
{
	(void)m, (void)i;
	return lives(p) && p->cgroup.version ? bytes(p->cgroup.charged) : UNKNOWN;
}

static int64_t get_cgroup_limit(const struct mp_model *m, const struct mp_proc *p, unsigned i)
{
	(void)m, (void)i;
	return lives(p) && p->cgroup.version ? bytes(p->cgroup.limit) : UNKNOWN;
}

static int64_t get_cgroup_used(const struct mp_model *m, const struct mp_proc *p, unsigned i)
{
	int64_t limit = get_cgroup_limit(m, p, i), now = get_charged(m, p, i);
	const struct mp_cgroup *c = &p->cgroup;

	/* no limit at all may also be told as a number that no machine has */
	if (limit <= 0 || limit >= INT64_MAX / 2 || now == UNKNOWN)
		return UNKNOWN;
	/* a cache that is full is no shortage: the kernel takes back what nobody uses */
	if (c->more_ts && c->inactive_file <= (uint64_t)now)
		now -= (int64_t)c->inactive_file;
	return (int64_t)((double)now / (double)limit * 1e9);
}

static const char *cgroup_kind(unsigned i)
{
	static const char *const n[] = { "anon", "file", "shmem", "kernel" };

	return n[i];
}

static int64_t get_cgroup_memory(const struct mp_model *m, const struct mp_proc *p, unsigned i)
{
	const struct mp_cgroup *c = &p->cgroup;
	const uint64_t v[] = { c->anon, c->file, c->shmem, c->kernel };

	(void)m;
	return lives(p) && c->version ? bytes(v[i]) : UNKNOWN;
}

static const char *cache_kind(unsigned i)
{
	static const char *const n[] = { "inactive_file", "active_file", "slab_reclaimable",
					 "dirty" };

	return n[i];
}

static int64_t get_cgroup_cache(const struct mp_model *m, const struct mp_proc *p, unsigned i)
{
	const struct mp_cgroup *c = &p->cgroup;
	const uint64_t v[] = { c->inactive_file, c->active_file, c->slab, c->dirty };

	(void)m;
	return lives(p) && c->version && c->more_ts ? bytes(v[i]) : UNKNOWN;
}

static int64_t get_oom(const struct mp_model *m, const struct mp_proc *p, unsigned i)
{
	(void)i;
	return told(mp_fig_seen(m, MP_FEAT_OOM), p->oom.ts != 0);
}

static const char *fault_kind(unsigned i)
{
	return mp_fkind_name((enum mp_fkind)i);
}

static int64_t get_faults(const struct mp_model *m, const struct mp_proc *p, unsigned i)
{
	return told(mp_fig_seen(m, MP_FEAT_FAULTS), mp_faults_of(p, (enum mp_fkind)i));
}

static const char *call_name(unsigned i)
{
	return i ? mp_call_name(i) : NULL;
}

static int64_t get_calls(const struct mp_model *m, const struct mp_proc *p, unsigned i)
{
	return told(mp_fig_seen(m, MP_FEAT_CALLS), p->calls[i].calls);
}

/* Advice that takes pages away; what was never given is left out. */
static const char *advice_name(unsigned i)
{
	const char *n = mp_advice_name(i);

	return *n == '?' ? NULL : n;
}

static int64_t get_discarded(const struct mp_model *m, const struct mp_proc *p, unsigned i)
{
	int64_t v = p->asked_advice[i].released;

	(void)m;
	return p->advice[i].calls ? (v > 0 ? v : 0) : UNKNOWN;
}

static const char *cycle_kind(unsigned i)
{
	static const char *const kinds[] = { "minor", "major", "other" };

	return kinds[i];
}

static int64_t get_cycles(const struct mp_model *m, const struct mp_proc *p, unsigned i)
{
	const uint64_t n[] = { p->gc_minor, p->gc_major, p->gc_other };

	return told(mp_fig_gc_known(m, p) && n[i] != MP_UNKNOWN, n[i]);
}

static const char *loss_cause(unsigned i)
{
	return i ? mp_loss_name(i) : NULL;
}

static int64_t get_lost(const struct mp_model *m, const struct mp_proc *p, unsigned i)
{
	(void)p;
	return bytes(mp_model_lost(m, i));
}

static int64_t get_up(const struct mp_model *m, const struct mp_proc *p, unsigned i)
{
	(void)m, (void)i;
	return lives(p) ? 1 : 0;
}

/* --- the table ---------------------------------------------------------------------------- */

/* clang-format off */
const struct mp_metric mp_metrics[] = {
	{ "memprof_resident_bytes", MP_METRIC_GAUGE, "bytes",
	  "Resident memory by the kernel's counters; together it is the RSS",
	  "kind", 3, MP_METRIC_SUM, resident_kind, get_resident },
	{ "memprof_swap_bytes", MP_METRIC_GAUGE, "bytes", "Memory in swap",
	  NULL, 1, MP_METRIC_SUM, NULL, get_swap },
	{ "memprof_lazyfree_bytes", MP_METRIC_GAUGE, "bytes",
	  "Memory in the RSS that MADV_FREE left to the kernel", NULL, 1, MP_METRIC_SUM, NULL, get_lazyfree },
	{ "memprof_hugetlb_bytes", MP_METRIC_GAUGE, "bytes",
	  "Memory in hugetlb pages, which no RSS counts", NULL, 1, MP_METRIC_SUM, NULL, get_hugetlb },
	{ "memprof_account_bytes", MP_METRIC_GAUGE, "bytes",
	  "The RSS by what it is used for; the parts add up to it, and unknown may be below 0",
	  "part", ACC_N, MP_METRIC_SUM, account_part, get_account },
	{ "memprof_gc_heap_bytes", MP_METRIC_GAUGE, "bytes",
	  "The managed heap: used by objects, committed, and the difference",
	  "state", 3, MP_METRIC_SUM, heap_state, get_heap },
	{ "memprof_gc_external_bytes", MP_METRIC_GAUGE, "bytes",
	  "Memory that the managed heap holds outside of itself", NULL, 1, MP_METRIC_SUM, NULL,
	  get_external },
	{ "memprof_gc_heap_limit_bytes", MP_METRIC_GAUGE, "bytes",
	  "What the managed heap may grow to", NULL, 1, MP_METRIC_SUM, NULL, get_limit },
	{ "memprof_rss_heap_gap_bytes", MP_METRIC_GAUGE, "bytes",
	  "RSS less what objects of the managed heap use", NULL, 1, MP_METRIC_SUM, NULL, get_gap },
	{ "memprof_owed_bytes", MP_METRIC_GAUGE, "bytes",
	  "Memory that collections freed and nobody gave back or used again",
	  NULL, 1, MP_METRIC_SUM, NULL, get_owed },
	{ "memprof_cgroup_charged_bytes", MP_METRIC_GAUGE, "bytes",
	  "Memory that the control groups of the processes are charged", NULL, 1, MP_METRIC_CGROUP, NULL,
	  get_charged },
	{ "memprof_cgroup_limit_bytes", MP_METRIC_GAUGE, "bytes",
	  "What they may be charged, by the lowest limit on each one's way up", NULL, 1,
	  MP_METRIC_CGROUP, NULL, get_cgroup_limit },
	{ "memprof_cgroup_limit_used_ratio", MP_METRIC_GAUGE, "ratio",
	  "How much of its limit the control group nearest to it has, inactive cache aside", NULL, 1,
	  MP_METRIC_HIGHEST, NULL, get_cgroup_used },
	{ "memprof_cgroup_memory_bytes", MP_METRIC_GAUGE, "bytes",
	  "What the control groups are charged for: the limit counts caches and the kernel too",
	  "kind", 4, MP_METRIC_CGROUP, cgroup_kind, get_cgroup_memory },
	{ "memprof_cgroup_cache_bytes", MP_METRIC_GAUGE, "bytes",
	  "Of that, what the kernel can take back, and what it must write first",
	  "kind", 4, MP_METRIC_CGROUP, cache_kind, get_cgroup_cache },
	{ "memprof_page_faults", MP_METRIC_COUNTER, NULL, "Page faults by what they brought in",
	  "kind", MP_FK_MAX, MP_METRIC_SUM, fault_kind, get_faults },
	{ "memprof_memory_calls", MP_METRIC_COUNTER, NULL, "System calls on memory",
	  "call", MP_CALL_MAX, MP_METRIC_SUM, call_name, get_calls },
	{ "memprof_discarded_bytes", MP_METRIC_COUNTER, "bytes",
	  "Resident memory that madvise took away", "advice", MP_ADVICE_MAX, MP_METRIC_SUM, advice_name,
	  get_discarded },
	{ "memprof_oom_kills", MP_METRIC_COUNTER, NULL,
	  "Processes that the kernel killed for lack of memory", NULL, 1, MP_METRIC_SUM, NULL, get_oom },
	{ "memprof_gc_cycles", MP_METRIC_COUNTER, NULL, "Collections", "kind", 3, MP_METRIC_SUM,
	  cycle_kind, get_cycles },
	{ "memprof_gc_pause_seconds", MP_METRIC_HISTOGRAM, "seconds",
	  "How long collections stopped the program", NULL, 1, MP_METRIC_SUM, NULL, NULL },
	{ "memprof_events_lost", MP_METRIC_COUNTER, NULL,
	  "Events that did not arrive: figures are too low by them", "cause", MP_LOSS_MAX, MP_METRIC_SESSION,
	  loss_cause, get_lost },
	{ "memprof_target_up", MP_METRIC_GAUGE, NULL, "Does a process that is watched run",
	  NULL, 1, MP_METRIC_HIGHEST, NULL, get_up },
	{ "memprof_processes", MP_METRIC_GAUGE, NULL, "Processes that are watched and run",
	  NULL, 1, MP_METRIC_SUM, NULL, get_up },
	{ "memprof_build", MP_METRIC_INFO, NULL, "The memprof that these figures are of", NULL, 1,
	  MP_METRIC_SESSION, NULL, NULL },
	{ 0 },
};
/* clang-format on */

unsigned mp_metrics_count(void)
{
	unsigned n = 0;

	for (const struct mp_metric *mt = mp_metrics; mt->name; mt++)
		n += mt->n;
	return n;
}

int64_t *mp_metric_values(void)
{
	unsigned n = mp_metrics_count();
	int64_t *v = malloc(n * sizeof(*v));

	for (unsigned i = 0; v && i < n; i++)
		v[i] = MP_METRIC_UNKNOWN;
	return v;
}

/* --- pauses ----------------------------------------------------------------------------------- */

static const struct {
	uint64_t ns;
	const char *le;
} bounds[MP_PAUSE_BUCKETS] = {
	{ 10000, "1e-05" },	 { 30000, "3e-05" },	  { 100000, "0.0001" },
	{ 300000, "0.0003" },	 { 1000000, "0.001" },	  { 3000000, "0.003" },
	{ 10000000, "0.01" },	 { 30000000, "0.03" },	  { 100000000, "0.1" },
	{ 300000000, "0.3" },	 { 1000000000, "1.0" },	  { 3000000000, "3.0" },
	{ 10000000000, "10.0" }, { 30000000000, "30.0" },
};

void mp_pauses_add(struct mp_pauses *h, uint64_t ns)
{
	if (ns == MP_UNKNOWN)
		return;
	h->count++;
	h->sum += ns;
	for (size_t i = 0; i < MP_PAUSE_BUCKETS; i++) {
		if (ns <= bounds[i].ns) {
			h->bucket[i]++;
			return;
		}
	}
}

/* --- groups of processes ----------------------------------------------------------------- */

int64_t mp_metric_join(const struct mp_metric *mt, int64_t a, int64_t b)
{
	if (a == UNKNOWN || b == UNKNOWN)
		return a == UNKNOWN ? b : a;
	return mt->of != MP_METRIC_HIGHEST ? a + b : a > b ? a : b;
}

void mp_metric_count(int64_t *total, int64_t *last, int64_t now)
{
	if (now == UNKNOWN)
		return;
	if (*total == UNKNOWN)
		*total = 0;
	if (*last == UNKNOWN)
		*last = 0;
	if (now <= *last) /* the sum of what calls gave back can fall by one that gave less */
		return;
	*total += now - *last;
	*last = now;
}

bool mp_metric_first(struct mp_index **seen, size_t group, const struct mp_proc *p)
{
	uint64_t key = (uint64_t)group << 32 | p->cgroup.name;

	if (!lives(p) || !p->cgroup.version || mp_index_find(*seen, key) != MP_INDEX_NONE)
		return false;
	return !mp_index_add(seen, key, 0);
}

/* --- lines -------------------------------------------------------------------------------- */

/* What a sample's name has more than its family's. */
static const char *suffix_of(const struct mp_metric *mt)
{
	return mt->type == MP_METRIC_COUNTER ? "_total" : mt->type == MP_METRIC_INFO ? "_info" : "";
}

void mp_metric_head(const struct mp_metric_to *to, const struct mp_metric *mt)
{
	static const char *const types[] = { "gauge", "counter", "histogram", "info" };
	/* the older format knows no families: the name is the sample's, and an info is a gauge */
	const char *more = to->old ? suffix_of(mt) : "";

	fprintf(to->f, "# TYPE %s%s %s\n", mt->name, more,
		to->old && mt->type == MP_METRIC_INFO ? types[0] : types[mt->type]);
	if (mt->unit && !to->old)
		fprintf(to->f, "# UNIT %s %s\n", mt->name, mt->unit);
	fprintf(to->f, "# HELP %s%s %s\n", mt->name, more, mt->help);
}

/* Backslash, quote and line break are marked; other control characters are none. */
static void put_label(FILE *f, const char *sep, const char *name, const char *value)
{
	char buf[256];

	fprintf(f, "%s%s=\"", sep, name);
	for (const char *s = mp_clean(buf, sizeof(buf), value, 0); *s; s++) {
		if (*s == '\\' || *s == '"')
			fputc('\\', f);
		fputc(*s, f);
	}
	fputc('"', f);
}

/* NAME{exe="...",LABEL="..."} */
static void put_name(const struct mp_metric_to *to, const struct mp_metric *mt, const char *suffix,
		     const char *who, const char *label, const char *value)
{
	fprintf(to->f, "%s%s", mt->name, suffix);
	if (!who && !label)
		return;
	if (who)
		put_label(to->f, "{", to->by, who);
	if (label)
		put_label(to->f, who ? "," : "{", label, value);
	fputc('}', to->f);
}

static void put_end(const struct mp_metric_to *to, uint64_t ms)
{
	if (ms && to->old)
		fprintf(to->f, " %" PRIu64, ms);
	else if (ms)
		fprintf(to->f, " %" PRIu64 ".%03u", ms / 1000, (unsigned)(ms % 1000));
	fputc('\n', to->f);
}

/* In units of 1e-9, which a double cannot hold for long times. */
static void put_nano(FILE *f, uint64_t n)
{
	fprintf(f, " %" PRIu64 ".%09" PRIu64, n / 1000000000, n % 1000000000);
}

void mp_metric_put(const struct mp_metric_to *to, const struct mp_metric *mt, unsigned i,
		   const char *who, int64_t v, uint64_t ms)
{
	const char *value = mt->value ? mt->value(i) : NULL;

	if (v == UNKNOWN || (mt->value && !value))
		return;
	put_name(to, mt, suffix_of(mt), who, value ? mt->label : NULL, value);
	if (mt->unit && strcmp(mt->unit, "bytes") && v >= 0)
		put_nano(to->f, (uint64_t)v);
	else
		fprintf(to->f, " %" PRId64, v);
	put_end(to, ms);
}

static void put_number(const struct mp_metric_to *to, uint64_t v, uint64_t ms)
{
	fprintf(to->f, " %" PRIu64, v);
	put_end(to, ms);
}

void mp_metric_put_pauses(const struct mp_metric_to *to, const struct mp_metric *mt,
			  const char *who, const struct mp_pauses *h, uint64_t ms)
{
	uint64_t n = 0;

	for (size_t i = 0; i < MP_PAUSE_BUCKETS; i++) {
		n += h->bucket[i];
		put_name(to, mt, "_bucket", who, "le", bounds[i].le);
		put_number(to, n, ms);
	}
	put_name(to, mt, "_bucket", who, "le", "+Inf");
	put_number(to, h->count, ms);
	put_name(to, mt, "_count", who, NULL, NULL);
	put_number(to, h->count, ms);
	put_name(to, mt, "_sum", who, NULL, NULL);
	put_nano(to->f, h->sum);
	put_end(to, ms);
}

void mp_metric_put_info(const struct mp_metric_to *to, const struct mp_metric *mt,
			const char *version, uint64_t ms)
{
	put_name(to, mt, suffix_of(mt), NULL, "version", version);
	put_number(to, 1, ms);
}

void mp_metric_eof(const struct mp_metric_to *to)
{
	if (!to->old)
		fputs("# EOF\n", to->f);
}

const char *mp_metric_exe(const struct mp_model *m, const struct mp_proc *p)
{
	const char *path = mp_str(m, p->exe), *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	if (!*name || !strcmp(name, "?"))
		name = mp_str(m, p->comm);
	return *name ? name : "unknown";
}
