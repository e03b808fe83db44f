/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * html.c - a report as one HTML file that needs nothing else: user/export/html/ with
 * the recording's data inside.
 *
 * Owns: how the page is put together, and that it stays below a size. Must not: let
 * text from outside become markup; all of it goes through html_put_json().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/export/formats.h"
#include "user/export/html_int.h"

#define PAGE_SIZE_MAX (2ULL << 20) /* can be mailed, and opens at once */

/* Written by the Makefile from user/export/html/: tools/embed.sh. */
extern const unsigned char mp_asset_report_html[], mp_asset_report_css[], mp_asset_report_js[];
extern const unsigned char mp_asset_LICENSE[], mp_asset_uPlot_min_css[],
	mp_asset_uPlot_iife_min_js[];

/* What stands for @NAME@ on a line of its own in report.html. */
static const struct {
	const char *name;
	const unsigned char *text; /* NULL: the data */
} parts[] = {
	{ "@uplot-css@", mp_asset_uPlot_min_css }, { "@report-css@", mp_asset_report_css },
	{ "@uplot-licence@", mp_asset_LICENSE },   { "@uplot-js@", mp_asset_uPlot_iife_min_js },
	{ "@report-js@", mp_asset_report_js },	   { "@data@", NULL },
};

#define N_PARTS (sizeof(parts) / sizeof(parts[0]))

/* The process that the page is about. */
static const struct mp_proc *subject(const struct mp_export *x, const struct mp_model *m)
{
	return x->pid ? mp_model_pid(m, x->pid) : mp_model_main(m);
}

static const struct mp_proc *concerned(const struct mp_export *x, const struct mp_model *m,
				       const struct mp_event *e)
{
	const struct mp_proc *p = e->mm ? mp_model_proc(m, e->mm) : NULL;

	return p && p == subject(x, m) ? p : NULL;
}

static int begin(struct mp_export *x)
{
	x->priv = html_links_new();
	return x->priv ? 0 : -ENOMEM;
}

static int before(struct mp_export *x, const struct mp_model *m, const struct mp_event *e)
{
	if (e->type == MP_EV_CALL || e->type == MP_EV_GC || e->type == MP_EV_KEYFRAME)
		html_links_before(x->priv, concerned(x, m, e), e);
	return 0;
}

static int after(struct mp_export *x, const struct mp_model *m, const struct mp_event *e)
{
	if (e->type == MP_EV_CALL || e->type == MP_EV_GC)
		html_links_after(x->priv, concerned(x, m, e), e);
	return 0;
}

static size_t size_of_page(void)
{
	size_t n = strlen((const char *)mp_asset_report_html);

	for (size_t i = 0; i < N_PARTS; i++)
		n += parts[i].text ? strlen((const char *)parts[i].text) : 0;
	return n;
}

/* What is shown, from everything that a page can bear to what fits into little: what
 * people look at first stays longest. */
static const struct html_limits levels[] = {
	{ 65536, 16384, 8192 }, { 65536, 4096, 8192 }, { 16384, 4096, 8192 }, { 8192, 2048, 8192 },
	{ 4096, 2048, 4096 },	{ 2048, 1024, 4096 },  { 1024, 1024, 2048 },  { 512, 512, 1024 },
	{ 256, 256, 512 },	{ 64, 64, 512 },
};

#define N_LEVELS (sizeof(levels) / sizeof(levels[0]))

/* The data within `aim` bytes (0: whatever it takes), if need be by showing less. To be freed. */
static int make_data(struct mp_export *x, struct html_page *pg, uint64_t aim, char **text,
		     size_t *size)
{
	for (size_t i = 0; i < N_LEVELS; i++) {
		FILE *mem = open_memstream(text, size);
		int err;

		pg->max = levels[i];
		err = mem ? html_data(mem, pg) : -ENOMEM;
		if (mem && fclose(mem) && !err)
			err = -ENOMEM;
		if (err)
			return err;
		if (!aim || *size <= aim || i + 1 == N_LEVELS)
			break;
		free(*text);
		*text = NULL;
	}
	/* the page says so itself; who gave a size is told here, too */
	x->overflow = pg->cut && x->max_bytes <= PAGE_SIZE_MAX;
	return 0;
}

static void put_page(FILE *f, const char *data, size_t n_data)
{
	const char *s = (const char *)mp_asset_report_html;

	while (*s) {
		size_t len = strcspn(s, "\n"), i = 0;

		while (i < N_PARTS &&
		       (strlen(parts[i].name) != len || strncmp(s, parts[i].name, len)))
			i++;
		if (i == N_PARTS)
			fwrite(s, 1, len, f);
		else if (parts[i].text)
			fputs((const char *)parts[i].text, f);
		else
			html_put_json(f, data, n_data);
		fputc('\n', f);
		s += len + (s[len] == '\n');
	}
}

static int end(struct mp_export *x, const struct mp_model *m, int err)
{
	uint64_t aim = PAGE_SIZE_MAX, page = size_of_page();
	struct mp_report_info info;
	struct html_page pg;
	char *data = NULL;
	size_t size = 0;

	if (!err) {
		info = *x->info;
		info.pid = x->pid;
		pg = (struct html_page){ .m = m, .info = &info, .links = x->priv, .pid = x->pid };
		if (!x->max_bytes)
			aim = 0;
		else if (x->max_bytes < aim)
			aim = x->max_bytes;
		err = make_data(x, &pg, aim && aim > page ? aim - page : aim, &data, &size);
	}
	if (!err)
		put_page(x->f, data, size);
	free(data);
	html_links_free(x->priv);
	x->priv = NULL;
	return err;
}

const struct mp_exporter mp_export_html = {
	.name = "html",
	.suffix = "html",
	.doc = "a report in one page for browsers: timeline, collections, releases, flame graph",
	.begin = begin,
	.before = before,
	.after = after,
	.end = end,
};
