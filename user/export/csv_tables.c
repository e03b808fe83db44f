/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * csv_tables.c - what the tables of `export --format csv` have in them.
 *
 * Owns: rows and columns; a name that report --json has too means the same here.
 * Names are fixed once shipped: add columns at the end of a table, do not rename.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "user/export/csv.h"
#include "user/view/figures.h"

unsigned csv_sources(const struct mp_model *m, const struct mp_proc *p)
{
	unsigned has = 0;

	if (!p)
		return 0;
	has |= p->rss_known ? CSV_RSS : 0;
	has |= mp_proc_heap(p, NULL) ? CSV_HEAP : 0;
	has |= mp_fig_gc_known(m, p) ? CSV_GC : 0;
	has |= p->maps_known || p->n_maps ? CSV_MAPS : 0;
	has |= mp_fig_seen(m, MP_FEAT_FAULTS) ? CSV_FAULTS : 0;
	has |= mp_fig_seen(m, MP_FEAT_CALLS) ? CSV_CALLS : 0;
	has |= m->lost[MP_LOSS_DAMAGED] || m->lost[MP_LOSS_LIMIT] ? 0 : CSV_WHOLE;
	return has;
}

/* --- columns that several tables have --------------------------------------------------- */

static uint64_t get_ts(const struct csv_row *r)
{
	return r->ts;
}

static uint64_t get_pid(const struct csv_row *r)
{
	return r->p ? r->p->tgid : 0;
}

/* "2026-11-21T17:22:31.123456789Z" */
static const char *get_time(const struct csv_row *r, char *buf, size_t size)
{
	uint64_t wall = mp_wall_ns(r->m, r->ts);
	time_t s = (time_t)(wall / 1000000000);
	struct tm tm;
	size_t n;

	if (wall == MP_UNKNOWN || !gmtime_r(&s, &tm))
		return NULL;
	n = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + n, size - n, ".%09uZ", (unsigned)(wall % 1000000000));
	return buf;
}

static const char *string_of(const struct mp_model *m, uint32_t id)
{
	return id ? mp_str(m, id) : NULL;
}

/* Frames from the outermost on, joined by ';', as in folded stacks. */
static const char *stack_text(const struct csv_row *r, uint64_t id, char *buf, size_t size)
{
	const struct mp_stack *s = mp_model_stack(r->m, id);
	size_t n = 0;

	if (!s)
		return NULL;
	*buf = '\0';
	for (uint32_t i = s->n; i > 0 && n + 2 < size; i--) {
		char frame[512];

		mp_frame_text(r->m, s->mm ? s->mm : r->p->mm, s->ip[i - 1], frame, sizeof(frame));
		n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? ";" : "", frame);
	}
	return buf;
}

#define AT(k, u, type, m)                \
	.f = { .key = k,                 \
	       .unit = MP_U_##u,         \
	       .off = offsetof(type, m), \
	       .width = sizeof(((type *)0)->m) }
#define NUM(k, u, fn, n)                                                   \
	{                                                                  \
		.f = { .key = k, .unit = MP_U_##u }, .num = fn, .needs = n \
	}
#define TEXT(k, fn)                                              \
	{                                                        \
		.f = { .key = k, .unit = MP_U_TEXT }, .text = fn \
	}
#define WHEN_AND_WHOSE TEXT("time", get_time), NUM("t", TIME, get_ts, 0), NUM("pid", ID, get_pid, 0)
#define LAST                        \
	{                           \
		.f = {.key = NULL } \
	}

static const struct mp_words sources = { mp_source_name, NULL, 0 };
static const struct mp_words gc_kinds = { mp_gc_kind_name, NULL, 0 };
static const struct mp_words call_names = { mp_call_name, NULL, 0 };

/* --- series ------------------------------------------------------------------------------ */

#define P(k, u, m, n)                                    \
	{                                                \
		AT(k, u, struct mp_point, m), .needs = n \
	}

static const char *get_note(const struct csv_row *r, char *buf, size_t size)
{
	(void)buf, (void)size;
	return string_of(r->m, ((const struct mp_point *)r->base)->note);
}

/* clang-format off */
static const struct csv_col series_cols[] = {
	WHEN_AND_WHOSE,
	P("rss", INT, rss, CSV_RSS), P("rss_min", INT, rss_min, CSV_RSS),
	P("rss_max", INT, rss_max, CSV_RSS),
	/* these sum to rss */
	P("live_heap", INT, live, CSV_RSS | CSV_HEAP),
	P("free_heap_resident", INT, free_res, CSV_RSS | CSV_HEAP),
	P("malloc_arenas", INT, arenas, CSV_RSS | CSV_MAPS),
	P("brk", INT, brk, CSV_RSS | CSV_MAPS),
	P("stacks", INT, stacks, CSV_RSS | CSV_MAPS),
	P("other_anon", INT, other, CSV_RSS | CSV_MAPS),
	P("file", INT, file, CSV_RSS | CSV_MAPS), P("shmem", INT, shmem, CSV_RSS | CSV_MAPS),
	P("lazyfree", INT, lazyfree, CSV_RSS | CSV_MAPS),
	P("unknown", INT, unknown, CSV_RSS),
	P("heap_used", BYTES, used, 0), P("heap_committed", BYTES, committed, 0),
	P("external", BYTES, external, 0), P("owed", BYTES, owed, CSV_GC),
	P("faults", NUM, faults, CSV_WHOLE | CSV_FAULTS),
	P("gc_minor", NUM, gc_minor, CSV_WHOLE | CSV_GC),
	P("gc_major", NUM, gc_major, CSV_WHOLE | CSV_GC),
	P("gc_pause_s", NS, gc_pause, CSV_WHOLE | CSV_GC),
	P("mmap_calls", NUM, mmap, CSV_WHOLE | CSV_CALLS),
	P("munmap_calls", NUM, munmap, CSV_WHOLE | CSV_CALLS),
	P("madvise_calls", NUM, madvise, CSV_WHOLE | CSV_CALLS),
	P("brk_calls", NUM, brk_calls, CSV_WHOLE | CSV_CALLS),
	P("mmap_bytes", BYTES, mmap_bytes, CSV_WHOLE | CSV_CALLS),
	P("madvise_dropped", PAGES, madvise_pages, CSV_WHOLE | CSV_CALLS),
	P("munmap_dropped", PAGES, munmap_pages, CSV_WHOLE | CSV_CALLS),
	P("forks", NUM, forks, CSV_WHOLE), P("lost", NUM, lost, 0), TEXT("note", get_note),
	P("majors", NUM, majors, CSV_FULL | CSV_FAULTS),
	P("madvise_free_calls", NUM, madv_free, CSV_FULL | CSV_CALLS),
	P("madvise_freed", PAGES, lazy_pages, CSV_FULL | CSV_CALLS),
	P("madvise_other_calls", NUM, madv_other, CSV_FULL | CSV_CALLS),
	P("mremap_calls", NUM, mremap, CSV_FULL | CSV_CALLS),
	P("gc_pause_major_s", NS, gc_pause_major, CSV_FULL | CSV_GC),
	P("gc_pause_max_s", NS, gc_pause_max, CSV_FULL | CSV_GC),
	P("heap_limit", BYTES, limit, 0), P("cgroup_charged", BYTES, charged, 0),
	P("cgroup_limit", BYTES, cg_limit, 0),
	P("gc_other", NUM, gc_other, CSV_WHOLE | CSV_GC | CSV_KINDS), LAST
};
/* clang-format on */

/* What is known of a point: where blocks were unreadable, no sum and no part of RSS. */
static unsigned point_has(const struct mp_point *pt, unsigned has)
{
	has |= CSV_WHOLE | (pt->bits & MP_PT_OLD ? 0 : CSV_FULL) |
	       (pt->bits & MP_PT_MIXED ? 0 : CSV_KINDS);
	if (!mp_point_known(pt))
		has &= ~(unsigned)CSV_RSS;
	if (pt->used == MP_UNKNOWN)
		has &= ~(unsigned)CSV_HEAP;
	if (pt->bits & MP_PT_GAP)
		has &= ~(unsigned)(CSV_HEAP | CSV_MAPS | CSV_GC | CSV_FAULTS | CSV_CALLS |
				   CSV_FULL | CSV_WHOLE | CSV_KINDS);
	return has;
}

static void series_row(struct csv_row *r, uint64_t t, const struct mp_point *pt, unsigned has)
{
	r->ts = t;
	r->base = pt;
	r->has = point_has(pt, has);
	csv_put(r);
}

static void series_rows(struct csv_row *r)
{
	const struct mp_timeline *tl = &r->p->tl;
	uint64_t end = tl->start + tl->n * tl->width, step = tl->width;
	unsigned has = r->has;

	if (r->x->interval > step)
		step = (r->x->interval + step - 1) / step * step;
	for (uint64_t t = tl->start; tl->n && t < end; t += step) {
		struct mp_point pt;

		if (mp_tl_merge(tl, t, t + step, &pt))
			series_row(r, t, &pt, has);
	}
}

/* --- collections --------------------------------------------------------------------------- */

#define G(k, u, m)                        \
	{                                 \
		AT(k, u, struct mp_gc, m) \
	}

static uint64_t get_lag(const struct csv_row *r)
{
	return mp_fig_lag(r->base);
}

#define TOLD(field)                                          \
	static uint64_t get_##field(const struct csv_row *r) \
	{                                                    \
		const struct mp_gc *g = r->base;             \
                                                             \
		return mp_gc_told(g, g->field);              \
	}
TOLD(freed)
TOLD(returned)
TOLD(rss_fell)
TOLD(refaulted)
TOLD(reused)
#undef TOLD

/* clang-format off */
static const struct csv_col gc_cols[] = {
	WHEN_AND_WHOSE,
	{ AT("source", WORD, struct mp_gc, source), .f.words = &sources },
	{ AT("kind", WORD, struct mp_gc, kind), .f.words = &gc_kinds },
	G("reason", STR, reason), G("before", BYTES, before), G("after", BYTES, after),
	G("committed_before", BYTES, cbefore), G("committed_after", BYTES, cafter),
	G("pause_s", NS, pause), NUM("freed", BYTES, get_freed, 0), NUM("returned", BYTES, get_returned, 0),
	NUM("rss_fell", BYTES, get_rss_fell, 0), NUM("return_lag_s", NS, get_lag, 0),
	NUM("refaulted", BYTES, get_refaulted, 0), NUM("reused", BYTES, get_reused, 0), LAST
};
/* clang-format on */

static void gc_rows(struct csv_row *r)
{
	for (size_t i = 0; i < r->p->n_gcs; i++) {
		r->base = &r->p->gcs[i];
		r->ts = r->p->gcs[i].ts;
		csv_put(r);
	}
}

/* --- events: the fields that SQL can do something with ---------------------------------------- */

static bool is_call(const struct mp_event *e)
{
	return e->type == MP_EV_CALL;
}

static bool is_fault(const struct mp_event *e)
{
	return e->type == MP_EV_FAULT;
}

static bool is_madvise(const struct mp_event *e)
{
	return e->sub == MP_CALL_MADVISE || e->sub == MP_CALL_PROCESS_MADVISE;
}

static bool has_delta(const struct mp_event *e)
{
	return !(e->flags & MP_CALL_NO_DELTA);
}

static uint64_t get_failed(const struct csv_row *r)
{
	return ((const struct mp_event *)r->base)->flags & MP_CALL_FAILED;
}

static uint64_t get_error(const struct csv_row *r)
{
	const struct mp_event *e = r->base;

	return e->flags & MP_CALL_FAILED ? (uint64_t)-e->call.ret : 0;
}

/* Where it was done: a call that maps says so when it returns. */
static uint64_t get_addr(const struct csv_row *r)
{
	const struct mp_event *e = r->base;
	bool maps = e->sub == MP_CALL_MMAP || e->sub == MP_CALL_MREMAP;

	return maps && !(e->flags & MP_CALL_FAILED) ? (uint64_t)e->call.ret : e->call.addr;
}

#define E(k, u, m)                           \
	{                                    \
		AT(k, u, struct mp_event, m) \
	}
#define E_DELTA(k, m)                                                   \
	{                                                               \
		AT(k, DPAGES, struct mp_event, m), .f.known = has_delta \
	}

/* clang-format off */
static const struct csv_col call_cols[] = {
	WHEN_AND_WHOSE, E("tid", ID, tid),
	{ AT("call", WORD, struct mp_event, sub), .f.words = &call_names },
	{ AT("advice", ADVICE, struct mp_event, x), .f.when = is_madvise },
	NUM("addr", HEX, get_addr, 0), E("len", BYTES, call.len), NUM("failed", NUM, get_failed, 0),
	NUM("errno", ID, get_error, 0), E_DELTA("anon", call.d_anon), E_DELTA("file", call.d_file),
	E_DELTA("shmem", call.d_shmem), E_DELTA("swap", call.d_swap), E("seconds", NS, call.dur), LAST
};

static const struct csv_col fault_cols[] = {
	WHEN_AND_WHOSE, E("tid", ID, tid), E("addr", HEX, fault.addr), E("pages", NUM, x),
	{ AT("kind", BITS, struct mp_event, sub), .f.words = &mp_fault_words },
	E("ip", HEX, fault.ip), E("span_s", NS, fault.span), LAST
};
/* clang-format on */

/* --- mappings, releases, sites -------------------------------------------------------------------
 */

#define M(k, u, m, n)                                      \
	{                                                  \
		AT(k, u, struct mp_mapping, m), .needs = n \
	}

static uint64_t get_size(const struct csv_row *r)
{
	const struct mp_mapping *v = r->base;

	return v->end - v->start;
}

static const char *get_perms(const struct csv_row *r, char *buf, size_t size)
{
	(void)size;
	mp_fig_perms(buf, ((const struct mp_mapping *)r->base)->bits);
	return buf;
}

static const char *get_class(const struct csv_row *r, char *buf, size_t size)
{
	(void)buf, (void)size;
	return mp_class_name(((const struct mp_mapping *)r->base)->cls);
}

/* clang-format off */
static const struct csv_col map_cols[] = {
	NUM("pid", ID, get_pid, 0), M("addr", HEX, start, 0), NUM("size", BYTES, get_size, 0),
	TEXT("perms", get_perms), M("name", STR, name, 0), TEXT("class", get_class),
	M("resident", PAGES, resident, 0), M("faults", NUM, faults, CSV_FAULTS),
	M("released", PAGES, released, CSV_CALLS), M("refaulted", PAGES, refaulted, CSV_CALLS),
	M("lazyfree", PAGES, lazy, CSV_CALLS), LAST
};
/* clang-format on */

static void map_rows(struct csv_row *r)
{
	for (const struct mp_mapping *v = r->p->maps; v; v = v->next) {
		r->base = v;
		csv_put(r);
	}
}

#define R(k, u, m)                             \
	{                                      \
		AT(k, u, struct mp_release, m) \
	}

static const char *get_release_stack(const struct csv_row *r, char *buf, size_t size)
{
	return stack_text(r, ((const struct mp_release *)r->base)->stack, buf, size);
}

static uint64_t get_advice(const struct csv_row *r)
{
	const struct mp_release *rel = r->base;

	return rel->call == MP_CALL_MADVISE || rel->call == MP_CALL_PROCESS_MADVISE ? rel->advice
										    : MP_UNKNOWN;
}

/* clang-format off */
static const struct csv_col release_cols[] = {
	NUM("pid", ID, get_pid, 0),
	{ AT("call", WORD, struct mp_release, call), .f.words = &call_names },
	NUM("advice", ADVICE, get_advice, 0), R("calls", NUM, calls), R("failed", NUM, failed),
	R("asked", BYTES, asked), R("released", INT, released), R("anon", INT, anon),
	R("file", INT, file), R("shmem", INT, shmem), R("lazy", BYTES, lazy),
	R("taken", BYTES, taken), R("absent", BYTES, absent), R("kept", BYTES, kept),
	R("seconds", NS, dur), R("back_1s", BYTES, back[MP_BACK_1S]),
	R("back_10s", BYTES, back[MP_BACK_10S]), R("back_60s", BYTES, back[MP_BACK_60S]),
	R("back_later", BYTES, back[MP_BACK_LATER]), R("first_t", TIME, first_ts),
	R("last_t", TIME, last_ts), TEXT("stack", get_release_stack), LAST
};
/* clang-format on */

static void release_rows(struct csv_row *r)
{
	for (size_t i = 0; i < r->p->n_releases; i++) {
		r->base = &r->p->releases[i];
		csv_put(r);
	}
}

#define S(k, u, m)                           \
	{                                    \
		AT(k, u, struct mp_fsite, m) \
	}

static const char *get_site_stack(const struct csv_row *r, char *buf, size_t size)
{
	return stack_text(r, ((const struct mp_fsite *)r->base)->stack, buf, size);
}

static uint64_t get_site_bytes(const struct csv_row *r)
{
	return ((const struct mp_fsite *)r->base)->pages * MP_PAGE_SIZE;
}

static uint64_t get_site_error(const struct csv_row *r)
{
	return mp_fsite_error(r->base) * MP_PAGE_SIZE;
}

/* clang-format off */
static const struct csv_col site_cols[] = {
	NUM("pid", ID, get_pid, 0), S("pages", NUM, pages), NUM("bytes", BYTES, get_site_bytes, 0),
	S("samples", NUM, samples), NUM("bytes_error", BYTES, get_site_error, 0),
	TEXT("stack", get_site_stack), LAST
};
/* clang-format on */

static void site_rows(struct csv_row *r)
{
	for (size_t i = 0; i < r->p->n_fsites; i++) {
		r->base = &r->p->fsites[i];
		csv_put(r);
	}
}

/* --- processes ----------------------------------------------------------------------------------
 */

#define Q(k, u, m, n)                                   \
	{                                               \
		AT(k, u, struct mp_proc, m), .needs = n \
	}

static uint64_t get_exit(const struct csv_row *r)
{
	return r->p->exited && r->p->exit_ts ? r->p->exit_ts : MP_UNKNOWN;
}

static uint64_t get_code(const struct csv_row *r)
{
	bool is = r->p->exited && r->p->exit_known && WIFEXITED(r->p->wait_status);

	return is ? (uint64_t)WEXITSTATUS(r->p->wait_status) : MP_UNKNOWN;
}

static uint64_t get_signal(const struct csv_row *r)
{
	bool is = r->p->exited && r->p->exit_known && WIFSIGNALED(r->p->wait_status);

	return is ? (uint64_t)WTERMSIG(r->p->wait_status) : MP_UNKNOWN;
}

/* clang-format off */
static const struct csv_col proc_cols[] = {
	NUM("pid", ID, get_pid, 0), Q("comm", STR, comm, 0), Q("exe", STR, exe, 0),
	Q("start_t", TIME, start_ts, 0), NUM("exit_t", TIME, get_exit, 0),
	NUM("exit_code", NUM, get_code, 0), NUM("signal", NUM, get_signal, 0),
	Q("rss_start", BYTES, r_rss.start, CSV_RSS | CSV_WHOLE),
	Q("rss_max", BYTES, r_rss.max, CSV_RSS | CSV_WHOLE),
	Q("rss_end", BYTES, r_rss.end, CSV_RSS), Q("anon", PAGES, rss.anon, CSV_RSS),
	Q("file", PAGES, rss.file, CSV_RSS), Q("shmem", PAGES, rss.shmem, CSV_RSS),
	Q("swap", PAGES, rss.swap, CSV_RSS), Q("faults", NUM, faults, CSV_FAULTS | CSV_WHOLE),
	Q("faults_kernel", NUM, faults_kernel, CSV_FAULTS | CSV_WHOLE),
	Q("pages_added", NUM, pages_added, CSV_FAULTS | CSV_WHOLE),
	Q("gc_minor", NUM, gc_minor, CSV_GC | CSV_WHOLE),
	Q("gc_major", NUM, gc_major, CSV_GC | CSV_WHOLE),
	Q("gc_pause_s", NS, gc_pause, CSV_GC | CSV_WHOLE),
	Q("owed_max", BYTES, owed_max, CSV_GC | CSV_WHOLE), Q("owed_end", BYTES, owed, CSV_GC),
	Q("forks", NUM, forks, CSV_WHOLE),
	Q("gc_other", NUM, gc_other, CSV_GC | CSV_WHOLE), LAST
};
/* clang-format on */

static void proc_rows(struct csv_row *r)
{
	r->base = r->p;
	csv_put(r);
}

const struct csv_table csv_tables[] = {
	{ "series", series_cols, NULL, series_rows },
	{ "collections", gc_cols, NULL, gc_rows },
	{ "calls", call_cols, is_call, NULL },
	{ "faults", fault_cols, is_fault, NULL },
	{ "mappings", map_cols, NULL, map_rows },
	{ "releases", release_cols, NULL, release_rows },
	{ "sites", site_cols, NULL, site_rows },
	{ "processes", proc_cols, NULL, proc_rows },
	{ 0 },
};
