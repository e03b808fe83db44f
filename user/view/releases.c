/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * releases.c - see releases.h.
 *
 * Owns: the order of the rows and their wording. Must not: work out what a release did
 * (user/model/sites.c).
 */
#include "user/view/releases.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/pageset.h"
#include "user/util/util.h"
#include "user/view/stack.h"

#define TOP_RELEASES 12 /* of the text */
#define FRAMES_TEXT  3	/* frames of a place in the text */

/* What a row is sorted by: bytes that left, or were left to the kernel. */
static uint64_t weight(const struct mp_release *r)
{
	return (r->released > 0 ? (uint64_t)r->released : 0) + r->lazy;
}

static int by_weight(const void *a, const void *b)
{
	const struct mp_release *x = *(const struct mp_release *const *)a;
	const struct mp_release *y = *(const struct mp_release *const *)b;

	if (weight(x) != weight(y))
		return weight(x) < weight(y) ? 1 : -1;
	if (x->asked != y->asked)
		return x->asked < y->asked ? 1 : -1;
	return x < y ? -1 : x > y; /* as they came */
}

/* The rows, sorted; to be freed by the caller. NULL when memory is out. */
static const struct mp_release **sorted(const struct mp_proc *p)
{
	const struct mp_release **v = malloc((p->n_releases + 1) * sizeof(*v));

	for (size_t i = 0; v && i < p->n_releases; i++)
		v[i] = &p->releases[i];
	if (v)
		qsort(v, p->n_releases, sizeof(*v), by_weight);
	return v;
}

static bool calls_seen(const struct mp_figures *fg)
{
	return fg->p && !fg->p->stripped && mp_fig_seen(fg->m, MP_FEAT_CALLS);
}

/* "madvise", and "dontneed" or NULL. */
static const char *advice_of(const struct mp_release *r)
{
	if (r->call != MP_CALL_MADVISE && r->call != MP_CALL_PROCESS_MADVISE)
		return NULL;
	return mp_advice_name((unsigned)r->advice);
}

/* --- JSON ------------------------------------------------------------------------------ */

static const char *const window_keys[MP_BACK_MAX] = { "within_1s", "within_10s", "within_60s",
						      "later" };

/* v[0..3] in units of `unit` bytes, by age. */
static void put_windows(struct mp_json *j, const char *key, const uint64_t *v, uint64_t unit)
{
	mp_json_obj(j, key);
	for (int w = 0; w < MP_BACK_MAX; w++)
		mp_json_u64(j, window_keys[w], v[w] * unit);
	mp_json_end(j);
}

static void put_touchers(struct mp_json *j, const struct mp_figures *fg, const struct mp_release *r)
{
	mp_json_rows(j, "refaulted_by", false);
	for (unsigned i = 0; i < MP_RELEASE_BY; i++) {
		if (!r->by[i].pages)
			continue;
		mp_json_obj(j, NULL);
		mp_json_u64(j, "pages", r->by[i].pages);
		mp_stack_json(j, fg, r->by[i].stack);
		mp_json_end(j);
	}
	mp_json_end(j);
}

static void put_row(struct mp_json *j, const struct mp_figures *fg, const struct mp_release *r)
{
	mp_json_obj(j, NULL);
	mp_json_str(j, "call", mp_call_name((unsigned)r->call));
	mp_json_str(j, "advice", advice_of(r));
	mp_json_u64(j, "calls", r->calls);
	mp_json_u64(j, "failed", r->failed);
	mp_json_u64(j, "asked", r->asked);
	mp_json_i64(j, "released", r->released);
	mp_json_i64(j, "anon", r->anon);
	mp_json_i64(j, "file", r->file);
	mp_json_i64(j, "shmem", r->shmem);
	mp_json_u64(j, "absent", r->absent);
	mp_json_u64(j, "kept", r->kept);
	mp_json_u64(j, "lazy", r->lazy);
	mp_json_u64(j, "taken", r->taken);
	if (fg->faults[0].known)
		put_windows(j, "refaulted", r->back, 1);
	else
		mp_json_null(j, "refaulted");
	mp_json_ns(j, "seconds", r->dur);
	mp_json_ns(j, "first_t", mp_fig_since(fg->m, r->first_ts));
	mp_json_ns(j, "last_t", r->calls ? mp_fig_since(fg->m, r->last_ts) : MP_UNKNOWN);
	mp_stack_json(j, fg, r->stack);
	put_touchers(j, fg, r);
	mp_json_end(j);
}

static void put_lazyfree(struct mp_json *j, const struct mp_figures *fg)
{
	const struct mp_proc *p = fg->p;
	uint64_t pages[MP_BACK_MAX], oldest;

	if (!calls_seen(fg) || !mp_fig_whole(fg, MP_LOW_PAGES | MP_LOW_CALLS)) {
		mp_json_null(j, "lazyfree");
		return;
	}
	mp_proc_lazy_ages(p, fg->m->now, pages, &oldest);
	mp_json_obj(j, "lazyfree");
	mp_json_u64(j, "bytes", mp_proc_lazy(p) * MP_PAGE_SIZE);
	mp_json_u64(j, "kernel",
		    p->rss.lazyfree == MP_UNKNOWN ? MP_UNKNOWN : p->rss.lazyfree * MP_PAGE_SIZE);
	put_windows(j, "age", pages, MP_PAGE_SIZE);
	mp_json_ns(j, "oldest_s", oldest ? oldest : MP_UNKNOWN);
	mp_json_u64(j, "taken", p->lazy_taken);
	mp_json_ns(j, "taken_t",
		   p->lazy_taken ? mp_fig_since(fg->m, p->lazy_taken_ts) : MP_UNKNOWN);
	mp_json_end(j);
}

int mp_releases_json(struct mp_json *j, const struct mp_figures *fg)
{
	const struct mp_release **v;

	if (!calls_seen(fg)) {
		mp_json_null(j, "releases");
	} else {
		v = sorted(fg->p);
		if (!v)
			return -ENOMEM;
		mp_json_rows(j, "releases", false);
		for (size_t i = 0; i < fg->p->n_releases; i++)
			put_row(j, fg, v[i]);
		mp_json_end(j);
		free(v);
	}
	put_lazyfree(j, fg);
	return 0;
}

/* --- text ------------------------------------------------------------------------------- */

struct txt {
	char s[32];
};

static const char *bytes(struct txt *t, uint64_t v)
{
	return mp_text_bytes(t->s, sizeof(t->s), v);
}

static void head(FILE *f, const struct mp_term *term, const struct mp_figures *fg,
		 const char *title)
{
	char buf[128];

	snprintf(buf, sizeof(buf), "%s%s", title,
		 fg->low & MP_LOW_CALLS ? "   (! not exact: events were lost)" : "");
	mp_text_head(f, term, buf);
}

/* Where it was made, innermost first: "libc.so.6+0x11a0 < main+0x40". */
static void put_place(FILE *f, const struct mp_term *term, const struct mp_figures *fg,
		      const struct mp_release *r)
{
	const char *advice = advice_of(r);
	char text[FRAMES_TEXT * MP_FRAME_MAX], kind[48];

	snprintf(kind, sizeof(kind), "%s%s%s", mp_call_name((unsigned)r->call), advice ? " " : "",
		 advice ? advice : "");
	fprintf(f, "    %s  ", kind);
	mp_text_cut(f, term, mp_stack_text(fg, r->stack, text, sizeof(text)),
		    mp_text_left(term, (unsigned)strlen(kind) + 6), false);
	fputc('\n', f);
}

static void put_line(FILE *f, const struct mp_figures *fg, const struct mp_release *r)
{
	bool back = fg->faults[0].known;
	struct txt t[10];
	char n[32], dur[32];

	fprintf(f, "%c %9s %6s %8s %6s %6s", fg->low & MP_LOW_CALLS ? '!' : ' ',
		mp_text_count(n, sizeof(n), r->calls), bytes(&t[0], r->asked),
		mp_bytes(t[1].s, sizeof(t[1].s), r->released), bytes(&t[2], r->lazy),
		bytes(&t[3], r->kept));
	for (int w = 0; w < MP_BACK_MAX; w++)
		fprintf(f, " %6s", bytes(&t[4 + w], back ? r->back[w] : MP_UNKNOWN));
	fprintf(f, " %7s\n", mp_duration(dur, sizeof(dur), r->dur));
}

static void put_ages(FILE *f, const struct mp_figures *fg)
{
	const struct mp_proc *p = fg->p;
	uint64_t pages[MP_BACK_MAX], oldest, sum = 0;
	struct txt a, b, c, d, e;
	char age[32];

	mp_proc_lazy_ages(p, fg->m->now, pages, &oldest);
	for (int w = 0; w < MP_BACK_MAX; w++)
		sum += pages[w];
	if (sum)
		fprintf(f,
			"  %s left at most; given up for %s at most: %s within 1 s, %s 10 s, %s 60 "
			"s,\n"
			"  %s longer\n",
			bytes(&a, mp_proc_lazy(p) * MP_PAGE_SIZE),
			mp_duration(age, sizeof(age), oldest), bytes(&b, pages[0] * MP_PAGE_SIZE),
			bytes(&c, pages[1] * MP_PAGE_SIZE), bytes(&d, pages[2] * MP_PAGE_SIZE),
			bytes(&e, pages[3] * MP_PAGE_SIZE));
	if (p->rss.lazyfree != MP_UNKNOWN)
		fprintf(f, "  %s by the kernel's own figure, the last time it was read\n",
			bytes(&a, p->rss.lazyfree * MP_PAGE_SIZE));
	if (p->lazy_taken)
		fprintf(f, "  %s taken by the kernel, last seen at %.3f s\n",
			bytes(&a, p->lazy_taken),
			(double)mp_fig_since(fg->m, p->lazy_taken_ts) / 1e9);
}

int mp_releases_text(FILE *f, const struct mp_term *term, const struct mp_figures *fg)
{
	const struct mp_proc *p = fg->p;
	const struct mp_release **v;
	size_t shown = 0;
	struct txt t;

	if (!p || !p->n_releases)
		return 0;
	v = sorted(p);
	if (!v)
		return -ENOMEM;
	head(f, term, fg, "Releases by place, and what came back");
	fprintf(f, "  %9s %6s %8s %6s %6s %6s %6s %6s %6s %7s\n", "calls", "asked", "released",
		"lazy", "kept", "1 s", "10 s", "60 s", "later", "time");
	for (size_t i = 0; i < p->n_releases; i++) {
		/* addresses that had no pages: nobody asked for any back */
		if (!advice_of(v[i]) && !weight(v[i]) && !v[i]->kept)
			continue;
		if (shown++ >= TOP_RELEASES)
			continue;
		put_line(f, fg, v[i]);
		put_place(f, term, fg, v[i]);
	}
	if (shown > TOP_RELEASES)
		fprintf(f, "  ... %zu more places\n", shown - TOP_RELEASES);
	free(v);
	if (p->forgotten)
		fprintf(f, "  %s were released so long ago that their next touch is not told\n",
			bytes(&t, p->forgotten * MP_PAGE_SIZE));
	if (mp_pageset_total_lazy(p->pages) || p->lazy_taken) {
		head(f, term, fg, "Left to the kernel (MADV_FREE)");
		put_ages(f, fg);
	}
	return 0;
}
