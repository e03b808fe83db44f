/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * faults.c - see faults.h.
 *
 * Owns: the order of the rows, their wording, and which kinds count as told. Must
 * not: work out what a fault was (user/model/faults.c).
 */
#include "user/view/faults.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/util/util.h"
#include "user/view/stack.h"

#define TOP_THREADS  8
#define TOP_SITES    10
#define FRAMES_TEXT  4 /* frames of a stack in the text */
#define NAME_MAX_OUT 64

static bool faults_seen(const struct mp_figures *fg)
{
	return fg->p && mp_fig_seen(fg->m, MP_FEAT_FAULTS);
}

/* A software event does not carry the error code: then only what it could have is told.
 * Majors have a probe of their own. */
static bool kind_known(const struct mp_figures *fg, enum mp_fkind k)
{
	if (!faults_seen(fg))
		return false;
	if (k == MP_FK_UNKNOWN || mp_faults_of(fg->p, k))
		return true;
	if (k == MP_FK_MAJOR || k == MP_FK_SWAPIN)
		return mp_fig_majors_known(fg->m, fg->p);
	return fg->m->probes[MP_FEAT_FAULTS].rung != MP_RUNG_PERF;
}

static bool sites_known(const struct mp_figures *fg)
{
	const struct mp_probe *pr = &fg->m->probes[MP_FEAT_STACKS];

	return fg->p && !fg->p->stripped &&
	       (fg->p->n_fsites || (pr->known && pr->rung != MP_RUNG_ABSENT));
}

/* --- order -------------------------------------------------------------------------------- */

static int by_faults(const void *a, const void *b)
{
	const struct mp_thread *x = *(const struct mp_thread *const *)a;
	const struct mp_thread *y = *(const struct mp_thread *const *)b;

	if (x->faults != y->faults)
		return x->faults < y->faults ? 1 : -1;
	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

/* Threads that faulted, the rest counted as one among them; to be freed. */
static const struct mp_thread **threads(const struct mp_proc *p, size_t *n)
{
	const struct mp_thread **v = malloc((p->n_threads + 1) * sizeof(*v));

	*n = 0;
	for (size_t i = 0; v && i < p->n_threads; i++)
		if (p->threads[i].faults)
			v[(*n)++] = &p->threads[i];
	if (v && p->rest.faults)
		v[(*n)++] = &p->rest;
	if (v)
		qsort(v, *n, sizeof(*v), by_faults);
	return v;
}

static int by_pages(const void *a, const void *b)
{
	const struct mp_fsite *x = *(const struct mp_fsite *const *)a;
	const struct mp_fsite *y = *(const struct mp_fsite *const *)b;

	if (x->pages != y->pages)
		return x->pages < y->pages ? 1 : -1;
	return x->stack < y->stack ? -1 : x->stack > y->stack;
}

/* All sites, and the pages of all; to be freed. */
static const struct mp_fsite **sites(const struct mp_proc *p, uint64_t *pages)
{
	const struct mp_fsite **v = malloc((p->n_fsites + 1) * sizeof(*v));

	*pages = 0;
	for (size_t i = 0; v && i < p->n_fsites; i++) {
		v[i] = &p->fsites[i];
		*pages += p->fsites[i].pages;
	}
	if (v)
		qsort(v, p->n_fsites, sizeof(*v), by_pages);
	return v;
}

/* --- JSON ---------------------------------------------------------------------------------- */

/* Only where somebody tells when collections begin and end, and one did. */
static bool during_gc_known(const struct mp_figures *fg)
{
	return faults_seen(fg) && fg->p->gc_marked && mp_fig_whole(fg, MP_LOW_FAULTS);
}

void mp_faults_json_kinds(struct mp_json *j, const struct mp_figures *fg)
{
	for (int kernel = 0; kernel < 2; kernel++) {
		mp_json_obj(j, kernel ? "kinds_kernel" : "kinds");
		for (enum mp_fkind k = 0; k < MP_FK_MAX; k++) {
			uint64_t v = MP_UNKNOWN;

			if (kind_known(fg, k) && mp_fig_whole(fg, MP_LOW_FAULTS))
				v = kernel ? fg->p->fk[1][k] : mp_faults_of(fg->p, k);
			mp_json_u64(j, mp_fkind_name(k), v);
		}
		mp_json_end(j);
	}
	mp_json_u64(j, "file_to_anon",
		    faults_seen(fg) && mp_fig_whole(fg, MP_LOW_PAGES)
			    ? fg->p->file_anon_pages * MP_PAGE_SIZE
			    : MP_UNKNOWN);
	mp_json_u64(j, "during_gc", during_gc_known(fg) ? fg->p->faults_gc : MP_UNKNOWN);
}

void mp_faults_json_mapping(struct mp_json *j, const struct mp_figures *fg,
			    const struct mp_mapping *v)
{
	if (!faults_seen(fg) || !mp_fig_whole(fg, MP_LOW_FAULTS)) {
		mp_json_null(j, "fault_kinds");
		return;
	}
	mp_json_obj(j, "fault_kinds");
	for (enum mp_fkind k = 0; k < MP_FK_MAX; k++)
		if (v->fk[k])
			mp_json_u64(j, mp_fkind_name(k), v->fk[k]);
	mp_json_end(j);
}

/* The first thread has the name of the process, told or not. */
static uint32_t name_of(const struct mp_proc *p, const struct mp_thread *t)
{
	return t->name || t->tid != p->tgid ? t->name : p->comm;
}

static int json_threads(struct mp_json *j, const struct mp_figures *fg)
{
	bool whole = mp_fig_whole(fg, MP_LOW_FAULTS);
	const struct mp_thread **v;
	size_t n;

	if (!faults_seen(fg)) {
		mp_json_null(j, "threads");
		return 0;
	}
	v = threads(fg->p, &n);
	if (!v)
		return -ENOMEM;
	mp_json_rows(j, "threads", false);
	for (size_t i = 0; i < n; i++) {
		uint32_t name;

		mp_json_obj(j, NULL);
		mp_json_u64(j, "tid", v[i]->tid ? v[i]->tid : MP_UNKNOWN);
		name = name_of(fg->p, v[i]);
		mp_json_str(j, "name", name ? mp_str(fg->m, name) : NULL);
		mp_json_u64(j, "faults", whole ? v[i]->faults : MP_UNKNOWN);
		mp_json_u64(j, "kernel", whole ? v[i]->kernel : MP_UNKNOWN);
		mp_json_u64(j, "major",
			    whole && mp_fig_majors_known(fg->m, fg->p) ? v[i]->majors : MP_UNKNOWN);
		mp_json_u64(j, "bytes_added",
			    whole ? v[i]->pages_added * MP_PAGE_SIZE : MP_UNKNOWN);
		mp_json_end(j);
	}
	mp_json_end(j);
	free(v);
	return 0;
}

static int json_sites(struct mp_json *j, const struct mp_figures *fg)
{
	const struct mp_fsite **v;
	uint64_t all;

	if (!sites_known(fg)) {
		mp_json_null(j, "sites");
		return 0;
	}
	v = sites(fg->p, &all);
	if (!v)
		return -ENOMEM;
	mp_json_rows(j, "sites", false);
	for (size_t i = 0; i < fg->p->n_fsites; i++) {
		double share = all ? (double)v[i]->pages / (double)all : 0;

		mp_json_obj(j, NULL);
		mp_json_u64(j, "pages", v[i]->pages);
		mp_json_u64(j, "bytes", v[i]->pages * MP_PAGE_SIZE);
		mp_json_dec(j, "share", (int64_t)(share * 10000 + 0.5), 4);
		mp_json_u64(j, "samples", v[i]->samples);
		mp_json_u64(j, "error_bytes", mp_fsite_error(v[i]) * MP_PAGE_SIZE);
		mp_stack_json(j, fg, v[i]->stack);
		mp_json_end(j);
	}
	mp_json_end(j);
	free(v);
	return 0;
}

int mp_faults_json(struct mp_json *j, const struct mp_figures *fg)
{
	int err = json_sites(j, fg);

	return err ? err : json_threads(j, fg);
}

/* --- text ------------------------------------------------------------------------------------ */

/* Where the figures rest: no word of it where they are exact. */
static char mark(const struct mp_figures *fg)
{
	return fg->low & MP_LOW_FAULTS ? '!' : ' ';
}

static void head(FILE *f, const struct mp_term *term, const struct mp_figures *fg,
		 const char *title)
{
	char buf[128];

	snprintf(buf, sizeof(buf), "%s%s", title,
		 fg->low & MP_LOW_FAULTS ? "   (! not exact: events were lost)" : "");
	mp_text_head(f, term, buf);
}

static void percent(char *buf, size_t size, uint64_t part, uint64_t whole)
{
	double share = whole ? (double)part * 100 / (double)whole : 0;

	snprintf(buf, size, "%.1f%%", share);
}

static void text_kinds(FILE *f, const struct mp_figures *fg)
{
	static const char *const label[MP_FK_MAX] = {
		[MP_FK_FIRST] = "first touch",
		[MP_FK_ZERO] = "zero page read",
		[MP_FK_UPGRADE] = "zero page written",
		[MP_FK_COW] = "copy on write",
		[MP_FK_FILE] = "file page",
		[MP_FK_SHMEM] = "shared memory",
		[MP_FK_PROTECT] = "nothing brought in",
		[MP_FK_REFAULT] = "released before",
		[MP_FK_MAJOR] = "waited for a file",
		[MP_FK_SWAPIN] = "waited for swap",
		[MP_FK_HUGE] = "huge page",
		[MP_FK_UNKNOWN] = "not told",
	};
	const struct mp_proc *p = fg->p;
	char a[32], b[32], c[16];

	fprintf(f, "  %-19s %14s  %14s  %6s\n", "", "in user mode", "in the kernel", "share");
	for (enum mp_fkind k = 0; k < MP_FK_MAX; k++) {
		if (!mp_faults_of(p, k))
			continue;
		percent(c, sizeof(c), mp_faults_of(p, k), p->faults);
		fprintf(f, "  %-19s %14s%c %14s%c %6s\n", label[k],
			mp_text_count(a, sizeof(a), p->fk[0][k]), mark(fg),
			mp_text_count(b, sizeof(b), p->fk[1][k]), mark(fg), c);
	}
	if (p->file_anon_pages)
		fprintf(f, "  %s of written file pages are anonymous memory now\n",
			mp_text_bytes(a, sizeof(a), p->file_anon_pages * MP_PAGE_SIZE));
	if (during_gc_known(fg)) {
		percent(c, sizeof(c), p->faults_gc, p->faults);
		fprintf(f, "  %s of all (%s) while a collection ran, on any thread\n",
			mp_text_count(a, sizeof(a), p->faults_gc), c);
	}
}

static void thread_name(char *buf, size_t size, const struct mp_term *term,
			const struct mp_figures *fg, const struct mp_thread *t)
{
	uint32_t name = name_of(fg->p, t);

	if (!t->tid)
		snprintf(buf, size, "(all others)");
	else
		mp_text_clean(buf, size, term, name ? mp_str(fg->m, name) : "-");
}

static int text_threads(FILE *f, const struct mp_term *term, const struct mp_figures *fg)
{
	bool majors = mp_fig_majors_known(fg->m, fg->p);
	const struct mp_thread **v;
	size_t n;

	v = threads(fg->p, &n);
	if (!v)
		return -ENOMEM;
	if (n > 1) {
		head(f, term, fg, "Threads by faults");
		fprintf(f, "  %9s %-16s %14s %14s %10s %8s\n", "tid", "name", "faults",
			"in the kernel", "waited", "new");
	}
	for (size_t i = 0; n > 1 && i < n && i < TOP_THREADS; i++) {
		char name[NAME_MAX_OUT], a[32], b[32], c[32], d[32];

		thread_name(name, sizeof(name), term, fg, v[i]);
		fprintf(f, "%c %9u ", mark(fg), v[i]->tid);
		mp_text_fit(f, term, name, 16);
		fprintf(f, " %14s %14s %10s %8s\n", mp_text_count(a, sizeof(a), v[i]->faults),
			mp_text_count(b, sizeof(b), v[i]->kernel),
			majors ? mp_text_count(c, sizeof(c), v[i]->majors) : "-",
			mp_text_bytes(d, sizeof(d), v[i]->pages_added * MP_PAGE_SIZE));
	}
	if (n > TOP_THREADS)
		fprintf(f, "  ... %zu more threads\n", n - TOP_THREADS);
	free(v);
	return 0;
}

static void put_stack(FILE *f, const struct mp_term *term, const struct mp_figures *fg, uint64_t id)
{
	char text[FRAMES_TEXT * MP_FRAME_MAX];

	fputs("    ", f);
	mp_text_cut(f, term, mp_stack_text(fg, id, text, sizeof(text)), mp_text_left(term, 4),
		    false);
	fputc('\n', f);
}

static int text_sites(FILE *f, const struct mp_term *term, const struct mp_figures *fg)
{
	const struct mp_fsite **v;
	uint64_t all;

	if (!fg->p->n_fsites)
		return 0;
	v = sites(fg->p, &all);
	if (!v)
		return -ENOMEM;
	head(f, term, fg, "Faults by stack (sampled: bytes, share, standard error)");
	for (size_t i = 0; i < fg->p->n_fsites && i < TOP_SITES; i++) {
		char a[32], b[32], c[16];

		percent(c, sizeof(c), v[i]->pages, all);
		fprintf(f, "%c %8s %6s  +- %s\n", mark(fg),
			mp_text_bytes(a, sizeof(a), v[i]->pages * MP_PAGE_SIZE), c,
			mp_text_bytes(b, sizeof(b), mp_fsite_error(v[i]) * MP_PAGE_SIZE));
		put_stack(f, term, fg, v[i]->stack);
	}
	if (fg->p->n_fsites > TOP_SITES)
		fprintf(f, "  ... %zu more stacks\n", fg->p->n_fsites - TOP_SITES);
	free(v);
	return 0;
}

int mp_faults_text(FILE *f, const struct mp_term *term, const struct mp_figures *fg)
{
	int err = 0;

	if (faults_seen(fg) && fg->p->faults) {
		text_kinds(f, fg);
		err = text_threads(f, term, fg);
	}
	return err || !fg->p ? err : text_sites(f, term, fg);
}
