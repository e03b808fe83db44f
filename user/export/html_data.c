/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * html_data.c - the data of the HTML report, as one JSON object that report.js reads.
 *
 * Owns: its shape (private to the two: no contract), and what is left out when there is
 * too much. Must not: work out figures (user/view/figures.c does), escape for HTML
 * (html_put_json does).
 *
 * Tables are { "cols": [names], "total": rows there are, "rows": [[...]] }; times are
 * seconds from the start, sizes bytes. Stacks are numbers into "stacks", those are
 * numbers into "frames", innermost first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "user/export/html_int.h"
#include "user/model/index.h"
#include "user/util/util.h"
#include "user/view/figures.h"
#include "user/view/json.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define FRAME_MAX     512
#define WALL_LOOKS    4096 /* looks at the wall clock over the recording */
#define WALL_MAX      256

struct out {
	struct mp_json j;
	struct html_page *pg;
	struct mp_figures fg;
	/* stacks in the order they were first named, and their numbers by id */
	struct mp_index *stack_no;
	uint64_t *stacks;
	size_t n_stacks, cap_stacks;
};

/* --- choosing ------------------------------------------------------------------------------ */

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

int html_top(const uint64_t *key, size_t n, size_t max, bool *take)
{
	uint64_t *v, border;
	size_t equal = max;

	memset(take, 1, n);
	if (n <= max)
		return (int)n;
	memset(take, 0, n);
	if (!max)
		return 0;
	v = malloc(n * sizeof(*v));
	if (!v)
		return -ENOMEM;
	memcpy(v, key, n * sizeof(*v));
	qsort(v, n, sizeof(*v), by_value);
	border = v[n - max];
	for (size_t i = n - max; i < n; i++)
		equal -= v[i] > border;
	free(v);
	for (size_t i = 0; i < n; i++)
		if (key[i] > border || (key[i] == border && equal && equal--))
			take[i] = true;
	return (int)max;
}

size_t html_pick(const struct mp_point *pt, size_t n, size_t max, bool *take)
{
	size_t parts = max / 5, marked = 0;

	memset(take, n <= max, n);
	if (n <= max)
		return n;
	for (size_t i = 0; i < parts; i++) {
		size_t from = n * i / parts, to = n * (i + 1) / parts;
		size_t low = from, high = from, owed = from, used = from;

		for (size_t k = from + 1; k < to; k++) {
			if (pt[k].rss_min < pt[low].rss_min)
				low = k;
			if (pt[k].rss_max > pt[high].rss_max)
				high = k;
			if (pt[k].owed > pt[owed].owed)
				owed = k;
			if (pt[used].used == MP_UNKNOWN ||
			    (pt[k].used != MP_UNKNOWN && pt[k].used > pt[used].used))
				used = k;
		}
		take[low] = take[high] = take[owed] = take[used] = take[to - 1] = true;
	}
	for (size_t i = 0; i < n; i++)
		marked += take[i];
	return marked;
}

void html_put_json(FILE *f, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '<' || c == '>' || c == '&') {
			fprintf(f, "\\u%04x", c);
		} else if (c == 0xe2 && i + 2 < n && (unsigned char)s[i + 1] == 0x80 &&
			   ((unsigned char)s[i + 2] & 0xfe) == 0xa8) {
			fprintf(f, "\\u20%02x", 0x28 + ((unsigned char)s[i + 2] & 1));
			i += 2;
		} else {
			fputc(c, f);
		}
	}
}

/* --- stacks --------------------------------------------------------------------------------- */

/* The number of a stack in "stacks"; null when there is none. */
static void put_stack(struct out *o, uint64_t id)
{
	size_t no = id ? mp_index_find(o->stack_no, id) : MP_INDEX_NONE;

	if (no == MP_INDEX_NONE && id && mp_model_stack(o->pg->m, id) &&
	    !mp_grow(&o->stacks, &o->cap_stacks, o->n_stacks + 1, sizeof(*o->stacks)) &&
	    !mp_index_add(&o->stack_no, id, o->n_stacks)) {
		no = o->n_stacks++;
		o->stacks[no] = id;
	}
	mp_json_u64(&o->j, NULL, no == MP_INDEX_NONE ? MP_UNKNOWN : no);
}

/* One address is one frame; addresses are of 47 bits, mm ids of one process few. */
static uint64_t frame_key(uint32_t mm, uint64_t ip)
{
	return ip ^ (uint64_t)mm << 47;
}

static int put_stacks(struct out *o)
{
	const struct mp_model *m = o->pg->m;
	struct mp_index *seen = NULL;
	uint32_t own = o->fg.p ? o->fg.p->mm : 0;
	size_t n_frames = 0;
	char text[FRAME_MAX];
	int err = 0;

	mp_json_rows(&o->j, "frames", false);
	for (size_t i = 0; i < o->n_stacks; i++) {
		const struct mp_stack *s = mp_model_stack(m, o->stacks[i]);
		uint32_t mm = s->mm ? s->mm : own;

		for (uint32_t k = 0; k < s->n && !err; k++) {
			if (mp_index_find(seen, frame_key(mm, s->ip[k])) != MP_INDEX_NONE)
				continue;
			err = mp_index_add(&seen, frame_key(mm, s->ip[k]), n_frames++);
			mp_json_str(&o->j, NULL,
				    mp_frame_text(m, mm, s->ip[k], text, sizeof(text)));
		}
	}
	mp_json_end(&o->j);
	mp_json_rows(&o->j, "stacks", false);
	for (size_t i = 0; i < o->n_stacks && !err; i++) {
		const struct mp_stack *s = mp_model_stack(m, o->stacks[i]);
		uint32_t mm = s->mm ? s->mm : own;

		mp_json_arr(&o->j, NULL);
		for (uint32_t k = 0; k < s->n; k++)
			mp_json_u64(&o->j, NULL, mp_index_find(seen, frame_key(mm, s->ip[k])));
		mp_json_end(&o->j);
	}
	mp_json_end(&o->j);
	mp_index_free(seen);
	return err;
}

/* --- tables ---------------------------------------------------------------------------------- */

/* Key of row i of n that a table has: the higher, the sooner it is shown. */
typedef uint64_t (*key_fn)(const struct out *o, const void *rows, size_t i);
typedef void (*row_fn)(struct out *o, const void *rows, size_t i);

struct table {
	const char *name;
	const char *cols; /* joined by spaces */
	key_fn key;
	row_fn row;  /* the values of one row, in the order of cols */
	bool single; /* bounded by max.events */
};

static void put_cols(struct mp_json *j, const char *cols)
{
	mp_json_arr(j, "cols");
	while (*cols) {
		size_t len = strcspn(cols, " ");

		mp_json_strn(j, NULL, cols, len);
		cols += len + (cols[len] == ' ');
	}
	mp_json_end(j);
}

static int put_table(struct out *o, const struct table *t, const void *rows, size_t n)
{
	uint64_t *key = malloc((n + 1) * sizeof(*key));
	bool *take = malloc(n + 1);
	int kept = -ENOMEM;

	for (size_t i = 0; key && i < n; i++)
		key[i] = t->key(o, rows, i);
	if (key && take)
		kept = html_top(key, n, t->single ? o->pg->max.events : o->pg->max.rows, take);
	if (kept >= 0) {
		o->pg->cut |= (size_t)kept < n;
		mp_json_obj(&o->j, t->name);
		put_cols(&o->j, t->cols);
		mp_json_u64(&o->j, "total", n);
		mp_json_rows(&o->j, "rows", false);
		for (size_t i = 0; i < n; i++) {
			if (!take[i])
				continue;
			mp_json_arr(&o->j, NULL);
			t->row(o, rows, i);
			mp_json_end(&o->j);
		}
		mp_json_end(&o->j);
		mp_json_end(&o->j);
	}
	free(key);
	free(take);
	return kept < 0 ? kept : 0;
}

static void put_string_id(struct out *o, uint32_t id)
{
	mp_json_str(&o->j, NULL, id ? mp_str(o->pg->m, id) : NULL);
}

static void put_time(struct out *o, uint64_t ts)
{
	mp_json_ns(&o->j, NULL, mp_fig_since(o->pg->m, ts));
}

static uint64_t gc_key(const struct out *o, const void *rows, size_t i)
{
	const struct mp_gc *g = (const struct mp_gc *)rows + i;

	(void)o;
	return g->freed + (g->pause == MP_UNKNOWN ? 0 : g->pause);
}

static void gc_row(struct out *o, const void *rows, size_t i)
{
	const struct mp_gc *g = (const struct mp_gc *)rows + i;
	struct mp_json *j = &o->j;

	mp_json_u64(j, NULL, o->fg.p->gc_dropped + i);
	put_time(o, g->start && g->start < g->ts ? g->start : g->ts);
	put_time(o, g->ts);
	mp_json_str(j, NULL, mp_gc_kind_name(g->kind));
	put_string_id(o, g->reason);
	mp_json_ns(j, NULL, g->pause);
	mp_json_u64(j, NULL, g->before);
	mp_json_u64(j, NULL, g->after);
	mp_json_u64(j, NULL, mp_gc_told(g, g->freed));
	mp_json_u64(j, NULL, mp_gc_told(g, g->returned));
	mp_json_u64(j, NULL, mp_gc_told(g, g->reused));
	mp_json_u64(j, NULL, mp_gc_told(g, g->rss_fell));
	mp_json_ns(j, NULL, mp_fig_lag(g));
	mp_json_u64(j, NULL, mp_gc_told(g, g->refaulted));
}

static const struct table collections = {
	"collections",
	"id start t kind reason pause_s before after freed returned reused rss_fell return_lag_s "
	"refaulted",
	gc_key,
	gc_row,
	false,
};

static uint64_t map_key(const struct out *o, const void *rows, size_t i)
{
	const struct mp_mapping *v = ((const struct mp_mapping *const *)rows)[i];

	(void)o;
	return (v->resident << 20) + v->faults;
}

static void map_row(struct out *o, const void *rows, size_t i)
{
	const struct mp_mapping *v = ((const struct mp_mapping *const *)rows)[i];
	bool faults = o->fg.faults[0].known, calls = o->fg.calls[0].known;
	struct mp_json *j = &o->j;
	char perms[5];

	mp_fig_perms(perms, v->bits);
	mp_json_hex(j, NULL, v->start);
	mp_json_u64(j, NULL, v->end - v->start);
	mp_json_str(j, NULL, perms);
	mp_json_str(j, NULL, mp_str(o->pg->m, v->name));
	mp_json_str(j, NULL, mp_class_name(v->cls));
	mp_json_u64(j, NULL, v->resident * MP_PAGE_SIZE);
	mp_json_u64(j, NULL, v->lazy * MP_PAGE_SIZE);
	mp_json_u64(j, NULL, faults ? v->faults : MP_UNKNOWN);
	mp_json_u64(j, NULL, calls ? v->released * MP_PAGE_SIZE : MP_UNKNOWN);
	mp_json_u64(j, NULL, faults && calls ? v->refaulted * MP_PAGE_SIZE : MP_UNKNOWN);
}

static const struct table mappings = {
	"mappings", "start size perms name class resident lazy faults released refaulted",
	map_key,    map_row,
	false,
};

static int put_mappings(struct out *o)
{
	const struct mp_proc *p = o->fg.p;
	const struct mp_mapping **v;
	size_t n = 0;
	int err;

	if (!o->fg.maps_known) {
		mp_json_null(&o->j, "mappings");
		return 0;
	}
	v = malloc((p->n_maps + 1) * sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (const struct mp_mapping *mp = p->maps; mp && n < p->n_maps; mp = mp->next)
		v[n++] = mp;
	err = put_table(o, &mappings, v, n);
	free(v);
	return err;
}

static uint64_t site_key(const struct out *o, const void *rows, size_t i)
{
	(void)o;
	return ((const struct mp_fsite *)rows)[i].pages;
}

static void site_row(struct out *o, const void *rows, size_t i)
{
	const struct mp_fsite *s = (const struct mp_fsite *)rows + i;

	mp_json_u64(&o->j, NULL, s->pages * MP_PAGE_SIZE);
	mp_json_u64(&o->j, NULL, mp_fsite_error(s) * MP_PAGE_SIZE);
	mp_json_u64(&o->j, NULL, s->samples);
	put_stack(o, s->stack);
}

static const struct table sites = { "sites", "bytes error samples stack", site_key, site_row,
				    false };

static uint64_t release_key(const struct out *o, const void *rows, size_t i)
{
	const struct mp_release *r = (const struct mp_release *)rows + i;

	(void)o;
	return (r->released > 0 ? (uint64_t)r->released : 0) + r->lazy;
}

static const char *advice_name(unsigned call, unsigned advice)
{
	if (call != MP_CALL_MADVISE && call != MP_CALL_PROCESS_MADVISE)
		return NULL;
	return mp_advice_name(advice);
}

static void release_row(struct out *o, const void *rows, size_t i)
{
	const struct mp_release *r = (const struct mp_release *)rows + i;
	struct mp_json *j = &o->j;

	mp_json_str(j, NULL, mp_call_name((unsigned)r->call));
	mp_json_str(j, NULL, advice_name((unsigned)r->call, (unsigned)r->advice));
	mp_json_u64(j, NULL, r->calls);
	mp_json_u64(j, NULL, r->failed);
	mp_json_u64(j, NULL, r->asked);
	mp_json_i64(j, NULL, r->released);
	mp_json_u64(j, NULL, r->lazy);
	mp_json_u64(j, NULL, r->taken);
	mp_json_u64(j, NULL, r->absent);
	mp_json_u64(j, NULL, r->kept);
	mp_json_arr(j, NULL);
	for (int w = 0; w < MP_BACK_MAX; w++)
		mp_json_u64(j, NULL, o->fg.faults[0].known ? r->back[w] : MP_UNKNOWN);
	mp_json_end(j);
	mp_json_ns(j, NULL, r->dur);
	mp_json_ns(j, NULL, r->calls ? mp_fig_since(o->pg->m, r->last_ts) : MP_UNKNOWN);
	put_stack(o, r->stack);
	mp_json_arr(j, NULL);
	for (int b = 0; b < MP_RELEASE_BY; b++) {
		if (!r->by[b].pages)
			continue;
		mp_json_u64(j, NULL, r->by[b].pages * MP_PAGE_SIZE);
		put_stack(o, r->by[b].stack);
	}
	mp_json_end(j);
}

static const struct table releases = {
	"releases",
	"call advice calls failed asked released lazy taken absent kept back seconds last_t "
	"stack by",
	release_key,
	release_row,
	false,
};

static uint64_t thread_key(const struct out *o, const void *rows, size_t i)
{
	(void)o;
	return ((const struct mp_thread *const *)rows)[i]->faults;
}

static void thread_row(struct out *o, const void *rows, size_t i)
{
	const struct mp_thread *t = ((const struct mp_thread *const *)rows)[i];
	uint32_t name = t->name || t->tid != o->fg.p->tgid ? t->name : o->fg.p->comm;
	bool majors = mp_fig_majors_known(o->pg->m, o->fg.p);

	mp_json_u64(&o->j, NULL, t->tid ? t->tid : MP_UNKNOWN);
	put_string_id(o, name);
	mp_json_u64(&o->j, NULL, t->faults);
	mp_json_u64(&o->j, NULL, t->kernel);
	mp_json_u64(&o->j, NULL, majors ? t->majors : MP_UNKNOWN);
	mp_json_u64(&o->j, NULL, t->pages_added * MP_PAGE_SIZE);
}

static const struct table threads = {
	"threads", "tid name faults kernel major added", thread_key, thread_row, false,
};

static int put_threads(struct out *o)
{
	const struct mp_proc *p = o->fg.p;
	const struct mp_thread **v = malloc((p->n_threads + 1) * sizeof(*v));
	size_t n = 0;
	int err;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_threads; i++)
		if (p->threads[i].faults)
			v[n++] = &p->threads[i];
	if (p->rest.faults)
		v[n++] = &p->rest;
	err = put_table(o, &threads, v, n);
	free(v);
	return err;
}

/* --- single releases and what they paid for --------------------------------------------------- */

static uint64_t event_key(const struct out *o, const void *rows, size_t i)
{
	const struct html_links *l = o->pg->links;
	const struct html_release *r = &l->rel[(*(const uint64_t *)rows + i) % HTML_RELEASES_MAX];

	return r->gone + r->linked;
}

static void event_row(struct out *o, const void *rows, size_t i)
{
	const struct html_links *l = o->pg->links;
	uint64_t no = *(const uint64_t *)rows + i;
	const struct html_release *r = &l->rel[no % HTML_RELEASES_MAX];
	struct mp_json *j = &o->j;

	mp_json_u64(j, NULL, no);
	put_time(o, r->ts);
	mp_json_str(j, NULL, r->call ? mp_call_name(r->call) : NULL);
	mp_json_str(j, NULL, advice_name(r->call, r->advice));
	mp_json_u64(j, NULL, r->asked);
	mp_json_u64(j, NULL, r->gone);
	put_stack(o, r->stack);
}

static const struct table events = {
	"events", "id t call advice asked gone stack", event_key, event_row, true,
};

static uint64_t link_key(const struct out *o, const void *rows, size_t i)
{
	return o->pg->links->link[(*(const uint64_t *)rows + i) % HTML_LINKS_MAX].bytes;
}

static void link_row(struct out *o, const void *rows, size_t i)
{
	const struct html_link *k =
		&o->pg->links->link[(*(const uint64_t *)rows + i) % HTML_LINKS_MAX];

	mp_json_u64(&o->j, NULL, k->release);
	mp_json_u64(&o->j, NULL, k->gc);
	mp_json_u64(&o->j, NULL, k->bytes);
}

static const struct table links = { "links", "release gc bytes", link_key, link_row, true };

/* The rings' first numbers stand for their rows. */
static int put_links(struct out *o)
{
	const struct html_links *l = o->pg->links;
	uint64_t rel = l->n_rel > HTML_RELEASES_MAX ? l->n_rel - HTML_RELEASES_MAX : 0;
	uint64_t link = l->n_link > HTML_LINKS_MAX ? l->n_link - HTML_LINKS_MAX : 0;
	int err = put_table(o, &events, &rel, (size_t)(l->n_rel - rel));

	return err ? err : put_table(o, &links, &link, (size_t)(l->n_link - link));
}

/* --- timeline ------------------------------------------------------------------------------- */

/* Columns of the timeline. The first are figures at the end of a point's stretch, those
 * from COL_SUMS on are counted in it. Signed, so that a difference always fits. */
enum { COL_RSS_MAX = 1, COL_USED = 11, COL_SUMS = 15, COL_N = 22 };
static const char *const col_names[COL_N] = {
	"rss",	    "rss_max",	"live",	   "free",  "malloc",	 "stacks",   "other", "file",
	"shmem",    "lazyfree", "unknown", "used",  "committed", "external", "owed",  "faults",
	"released", "mapped",	"minor",   "major", "lost",	 "other_gc",
};

struct col_value {
	bool known;
	int64_t v;
};

static struct col_value told(uint64_t v)
{
	return (struct col_value){ v <= INT64_MAX, v <= INT64_MAX ? (int64_t)v : 0 };
}

static void point_values(const struct out *o, const struct mp_point *p, struct col_value v[COL_N])
{
	const int64_t bands[] = {
		p->rss,	  p->rss_max, p->live,	p->free_res, p->arenas + p->brk, p->stacks,
		p->other, p->file,    p->shmem, p->lazyfree, p->unknown,
	};
	const uint64_t heap[] = { p->used, p->committed, p->external,
				  o->fg.gc_known && mp_proc_sized(o->fg.p) ? p->owed : MP_UNKNOWN };
	const uint64_t sums[] = {
		p->faults,
		(p->madvise_pages + p->munmap_pages) * MP_PAGE_SIZE,
		p->mmap_bytes,
		p->gc_minor,
		p->gc_major,
		p->lost,
		p->bits & MP_PT_MIXED ? MP_UNKNOWN : p->gc_other,
	};
	bool rss = p->rss_min <= p->rss_max;

	for (size_t i = 0; i < ARRAY_SIZE(bands); i++)
		v[i] = (struct col_value){ rss, rss ? bands[i] : 0 };
	for (size_t i = 0; i < ARRAY_SIZE(heap); i++)
		v[COL_USED + i] = told(heap[i]);
	for (size_t i = 0; i < ARRAY_SIZE(sums); i++)
		v[COL_SUMS + i] = told(p->bits & MP_PT_GAP ? MP_UNKNOWN : sums[i]);
}

/* One column as differences to the value before it; left out when there is nothing. */
static void put_column(struct out *o, const bool *take, unsigned col)
{
	const struct mp_timeline *tl = &o->fg.p->tl;
	int64_t last = 0, sum = 0;
	bool any = false;

	for (size_t i = 0; i < tl->n && !any; i++) {
		struct col_value v[COL_N];

		point_values(o, &tl->p[i], v);
		any = v[col].known && (v[col].v || col < COL_SUMS);
	}
	if (!any)
		return;
	mp_json_arr(&o->j, col_names[col]);
	for (size_t i = 0; i < tl->n; i++) {
		struct col_value v[COL_N];

		point_values(o, &tl->p[i], v);
		sum = (col >= COL_SUMS ? sum : 0) + v[col].v;
		if (!take[i])
			continue;
		if (v[col].known)
			mp_json_i64(&o->j, NULL, sum - last);
		else
			mp_json_null(&o->j, NULL);
		last = v[col].known ? sum : last;
		sum = 0;
	}
	mp_json_end(&o->j);
}

static void put_notes(struct out *o)
{
	const struct mp_timeline *tl = &o->fg.p->tl;
	size_t left = o->pg->max.rows;

	mp_json_rows(&o->j, "notes", false);
	for (size_t i = 0; i < tl->n && left; i++) {
		if (!tl->p[i].note)
			continue;
		left--;
		mp_json_arr(&o->j, NULL);
		put_time(o, tl->p[i].ts);
		put_string_id(o, tl->p[i].note);
		mp_json_end(&o->j);
	}
	mp_json_end(&o->j);
}

static int put_timeline(struct out *o)
{
	const struct mp_timeline *tl = &o->fg.p->tl;
	bool *take = malloc(tl->n + 1);
	size_t last = 0;

	if (!take)
		return -ENOMEM;
	html_pick(tl->p, tl->n, o->pg->max.points, take);
	mp_json_rows(&o->j, "timeline", true);
	mp_json_ns(&o->j, "start", mp_fig_since(o->pg->m, tl->start));
	mp_json_ns(&o->j, "width", tl->width);
	mp_json_u64(&o->j, "points", tl->n);
	mp_json_arr(&o->j, "end"); /* in widths from the start, as differences */
	for (size_t i = 0; i < tl->n; i++) {
		if (!take[i])
			continue;
		mp_json_u64(&o->j, NULL, i + 1 - last);
		last = i + 1;
	}
	mp_json_end(&o->j);
	for (unsigned c = 0; c < COL_N; c++)
		put_column(o, take, c);
	mp_json_end(&o->j);
	free(take);
	put_notes(o);
	return 0;
}

/* --- figures ------------------------------------------------------------------------------- */

static void put_figs(struct out *o, const char *key, const struct mp_fig *fig, size_t n)
{
	mp_json_rows(&o->j, key, false);
	for (size_t i = 0; i < n; i++) {
		mp_json_arr(&o->j, NULL);
		mp_json_str(&o->j, NULL, fig[i].key);
		mp_json_str(&o->j, NULL, fig[i].label);
		if (fig[i].known)
			mp_json_i64(&o->j, NULL, fig[i].v);
		else
			mp_json_null(&o->j, NULL);
		mp_json_bool(&o->j, NULL, o->fg.low & fig[i].group);
		mp_json_end(&o->j);
	}
	mp_json_end(&o->j);
}

static int put_summary(struct out *o)
{
	const struct mp_term wide = { .width = 400, .utf8 = true };
	char *text = NULL;
	size_t size = 0;
	FILE *mem = open_memstream(&text, &size);

	if (!mem)
		return -ENOMEM;
	mp_report_summary(mem, o->pg->m, o->pg->info, &wide);
	if (fclose(mem)) {
		free(text);
		return -ENOMEM;
	}
	mp_json_str(&o->j, "summary", text);
	free(text);
	return 0;
}

static void put_target(struct out *o)
{
	const struct mp_model *m = o->pg->m;
	const struct mp_proc *p = o->fg.p;
	uint32_t exe = p ? p->exe : 0;

	if (!exe && m->meta[MP_META_EXE] <= UINT32_MAX)
		exe = (uint32_t)m->meta[MP_META_EXE];
	mp_json_obj(&o->j, "target");
	mp_json_u64(&o->j, "pid", p && p->tgid ? p->tgid : m->meta[MP_META_PID]);
	mp_json_str(&o->j, "comm", p && p->comm ? mp_str(m, p->comm) : NULL);
	mp_json_str(&o->j, "exe", exe ? mp_str(m, exe) : NULL);
	mp_json_u64(&o->j, "processes", m->n_procs);
	mp_json_end(&o->j);
}

/*
 * Wall times as [seconds from the start, seconds since 1970]: at the start, and wherever the
 * clocks drifted apart by more than a millisecond since (set, slewed, asleep).
 */
static void put_wall(struct out *o)
{
	const struct mp_model *m = o->pg->m;
	uint64_t len = o->fg.duration, before = 0;
	unsigned told = 0;

	mp_json_arr(&o->j, "wall");
	for (unsigned i = 0; i <= WALL_LOOKS && told < WALL_MAX; i++) {
		uint64_t t = (uint64_t)((double)len / WALL_LOOKS * i), off;
		uint64_t wall = mp_wall_ns(m, m->start + t);

		if (wall == MP_UNKNOWN)
			continue;
		off = wall - t; /* modulo 2^64, as the next difference */
		if (told && off - before + 1000000 <= 2000000)
			continue;
		before = off;
		told++;
		mp_json_arr(&o->j, NULL);
		mp_json_ns(&o->j, NULL, t);
		mp_json_ns(&o->j, NULL, wall);
		mp_json_end(&o->j);
	}
	mp_json_end(&o->j);
}

static void put_string_meta(struct out *o, const char *key, enum mp_meta meta)
{
	uint64_t id = o->pg->m->meta[meta];

	mp_json_str(&o->j, key, id && id <= UINT32_MAX ? mp_str(o->pg->m, (uint32_t)id) : NULL);
}

static void put_recording(struct out *o)
{
	const struct mp_report_info *info = o->pg->info;
	const struct mp_model *m = o->pg->m;

	mp_json_obj(&o->j, "recording");
	mp_json_str(&o->j, "state", info->state);
	mp_json_ns(&o->j, "duration", o->fg.duration);
	put_wall(o);
	mp_json_u64(&o->j, "events", info->events != MP_UNKNOWN ? info->events : m->events);
	mp_json_u64(&o->j, "bytes", info->bytes);
	put_string_meta(o, "kernel", MP_META_KERNEL);
	put_string_meta(o, "version", MP_META_VERSION);
	put_string_meta(o, "trigger", MP_META_TRIGGER);
	mp_json_end(&o->j);
	mp_json_rows(&o->j, "lost", false);
	for (unsigned c = 1; c < MP_LOSS_MAX; c++) {
		if (!mp_model_lost(m, c))
			continue;
		mp_json_arr(&o->j, NULL);
		mp_json_str(&o->j, NULL, mp_loss_name(c));
		mp_json_u64(&o->j, NULL, mp_model_lost(m, c));
		mp_json_end(&o->j);
	}
	mp_json_end(&o->j);
	mp_json_rows(&o->j, "probes", false);
	for (unsigned i = 1; i < MP_FEAT_MAX; i++) {
		const struct mp_probe *pr = &m->probes[i];

		mp_json_arr(&o->j, NULL);
		mp_json_str(&o->j, NULL, mp_feature_name(i));
		mp_json_str(&o->j, NULL, pr->known ? mp_rung_name(pr->rung) : NULL);
		put_string_id(o, pr->why);
		mp_json_end(&o->j);
	}
	mp_json_end(&o->j);
}

static void put_range(struct mp_json *j, const char *key, const struct mp_range *r)
{
	mp_json_arr(j, key);
	mp_json_u64(j, NULL, r->start);
	mp_json_u64(j, NULL, r->max);
	mp_json_u64(j, NULL, r->end);
	mp_json_end(j);
}

static void put_heaps(struct out *o)
{
	struct mp_json *j = &o->j;

	mp_json_rows(j, "heaps", false);
	for (unsigned s = 1; o->fg.p && s < MP_SRC_MAX; s++) {
		const struct mp_heap *h = &o->fg.p->heaps[s];

		if (!h->present)
			continue;
		mp_json_obj(j, NULL);
		mp_json_str(j, "source", mp_source_name(s));
		put_range(j, "used", &h->r_used);
		put_range(j, "committed", &h->r_committed);
		put_range(j, "external", &h->r_external);
		mp_json_u64(j, "limit", h->limit);
		mp_json_rows(j, "spaces", false);
		for (unsigned i = 0; i < h->n_spaces && i < MP_SPACES_MAX; i++) {
			mp_json_arr(j, NULL);
			put_string_id(o, h->spaces[i].name);
			mp_json_u64(j, NULL, h->spaces[i].used);
			mp_json_u64(j, NULL, h->spaces[i].committed);
			mp_json_u64(j, NULL, h->spaces[i].resident);
			mp_json_end(j);
		}
		mp_json_end(j);
		mp_json_end(j);
	}
	mp_json_end(j);
}

/* Totals of collections: null where nothing would have told of them. */
static void put_gc(struct out *o)
{
	const struct mp_proc *p = o->fg.p;
	struct mp_json *j = &o->j;

	if (!p || !o->fg.gc_known) {
		mp_json_null(j, "gc");
		return;
	}
	mp_json_obj(j, "gc");
	mp_json_u64(j, "minor", p->gc_minor);
	mp_json_u64(j, "major", p->gc_major);
	mp_json_u64(j, "other", p->gc_other);
	mp_json_ns(j, "pause_total", p->gc_pause);
	mp_json_ns(j, "pause_p50", o->fg.pause_p50);
	mp_json_ns(j, "pause_max", o->fg.pause_max);
	mp_json_u64(j, "owed_max", p->owed_max);
	mp_json_u64(j, "owed_end", p->owed);
	mp_json_end(j);
}

static void put_cgroup(struct out *o)
{
	const struct mp_cgroup *g = o->fg.p ? &o->fg.p->cgroup : NULL;

	if (!g || !g->version) {
		mp_json_null(&o->j, "cgroup");
		return;
	}
	mp_json_obj(&o->j, "cgroup");
	mp_json_str(&o->j, "path", g->name ? mp_str(o->pg->m, g->name) : NULL);
	mp_json_u64(&o->j, "charged", g->charged);
	mp_json_u64(&o->j, "limit", g->limit);
	mp_json_end(&o->j);
}

static void put_calls(struct out *o)
{
	struct mp_json *j = &o->j;

	mp_json_rows(j, "calls", false);
	for (unsigned i = 0; i < o->fg.n_calls + o->fg.n_advice; i++) {
		bool advice = i >= o->fg.n_calls;
		const struct mp_fig_call *fc = advice ? &o->fg.advice[i - o->fg.n_calls]
						      : &o->fg.calls[i];

		if (!fc->known || !fc->st.calls)
			continue;
		mp_json_arr(j, NULL);
		mp_json_bool(j, NULL, advice);
		mp_json_str(j, NULL, fc->name);
		mp_json_u64(j, NULL, fc->st.calls);
		mp_json_u64(j, NULL, fc->st.failed);
		mp_json_u64(j, NULL, fc->st.bytes);
		if (mp_fig_delta_known(&fc->st))
			mp_json_i64(j, NULL, fc->st.rss_delta);
		else
			mp_json_null(j, NULL);
		mp_json_ns(j, NULL, fc->st.dur);
		mp_json_end(j);
	}
	mp_json_end(j);
}

static int put_process(struct out *o)
{
	const struct mp_proc *p = o->fg.p;
	int err = put_timeline(o);

	err = err ? err : put_table(o, &collections, p->gcs, p->n_gcs);
	err = err ? err : put_links(o);
	err = err ? err : put_table(o, &releases, p->releases, p->n_releases);
	err = err ? err : put_mappings(o);
	err = err ? err : put_threads(o);
	return err ? err : put_table(o, &sites, p->fsites, p->n_fsites);
}

int html_data(FILE *f, struct html_page *pg)
{
	struct out o = { .pg = pg };
	int err = mp_figures(&o.fg, pg->m, pg->info);

	if (err)
		return err;
	pg->cut = false;
	mp_json_init(&o.j, f);
	mp_json_obj(&o.j, NULL);
	err = put_summary(&o);
	put_target(&o);
	put_recording(&o);
	put_figs(&o, "rss", o.fg.rss, MP_FRSS_N);
	put_figs(&o, "account", o.fg.account, MP_ACC_N);
	put_figs(&o, "faults", o.fg.faults, MP_FFAULT_N);
	put_gc(&o);
	put_heaps(&o);
	put_cgroup(&o);
	put_calls(&o);
	if (!err && o.fg.p)
		err = put_process(&o);
	if (!err)
		err = put_stacks(&o);
	mp_json_bool(&o.j, "cut", pg->cut);
	free(o.stacks);
	mp_index_free(o.stack_no);
	return err ? err : mp_json_finish(&o.j);
}
