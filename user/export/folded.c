/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * folded.c - stacks of faults as lines: frames from the outermost on, joined by
 * ';', a space, bytes. flamegraph.pl and speedscope read them.
 *
 * The first frame is the process, the second what the touched memory is used for.
 * Lines are sorted, so that those of one stack stand together and two outputs can be
 * compared.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/export/formats.h"
#include "user/export/frame.h"
#include "user/export/touch.h"
#include "user/util/util.h"

/* ';' and line breaks separate; names come from outside. */
static void put_frame(FILE *f, const char *name)
{
	char clean[512];

	for (const char *s = mp_clean(clean, sizeof(clean), *name ? name : "?", 0); *s; s++)
		fputc(*s == ';' ? ':' : *s, f);
}

static void put_row(FILE *f, const struct mp_model *m, const struct mp_touch_row *r)
{
	const struct mp_stack *s = mp_model_stack(m, r->stack);
	char text[512];

	put_frame(f, mp_str(m, r->comm));
	fprintf(f, ";[%s]",
		r->cls < MP_CLS_MAX ? mp_class_name((enum mp_class)r->cls) : "not known");
	for (uint32_t i = s ? s->n : 0; i > 0; i--) {
		fputc(';', f);
		put_frame(f, mp_frame_name(m, s->mm ? s->mm : r->mm, s->ip[i - 1], text,
					   sizeof(text)));
	}
	if (!s || !s->n)
		fputs(";no stack", f);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The rows as text without their numbers; behind each NUL stands its row's number. */
static int texts(const struct mp_model *m, const struct mp_touch_row *rows, size_t n, char **v)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++) {
		size_t len = 0;
		FILE *f = open_memstream(&v[i], &len);

		if (!f)
			return -ENOMEM;
		put_row(f, m, &rows[i]);
		fputc(0, f);
		fwrite(&i, 1, sizeof(i), f);
		if (fclose(f))
			err = -ENOMEM;
	}
	return err;
}

/* Rows that differ only in what is not shown are one line. */
static void put_lines(FILE *out, const struct mp_touch_row *rows, char **v, size_t n)
{
	uint64_t pages = 0;

	for (size_t i = 0; i < n; i++) {
		size_t at;

		memcpy(&at, v[i] + strlen(v[i]) + 1, sizeof(at));
		pages += rows[at].pages;
		if (i + 1 < n && !strcmp(v[i], v[i + 1]))
			continue;
		fprintf(out, "%s %" PRIu64 "\n", v[i], (uint64_t)(pages * MP_PAGE_SIZE));
		pages = 0;
	}
}

static int put_all(const struct mp_export *x, const struct mp_model *m)
{
	size_t n;
	const struct mp_touch_row *rows = mp_touches_rows(x->priv, &n);
	char **v = calloc(n + 1, sizeof(*v));
	int err = v ? texts(m, rows, n, v) : -ENOMEM;

	if (!err) {
		qsort(v, n, sizeof(*v), by_text);
		put_lines(x->f, rows, v, n);
	}
	for (size_t i = 0; i < n && v; i++)
		free(v[i]);
	free(v);
	return err;
}

static int end(struct mp_export *x, const struct mp_model *m, int err)
{
	err = err ? err : put_all(x, m);
	mp_touches_free(x->priv);
	x->priv = NULL;
	return err;
}

const struct mp_exporter mp_export_folded = {
	.name = "folded",
	.suffix = "folded",
	.doc = "stacks of page faults as lines, for flamegraph.pl and speedscope",
	.begin = mp_touches_begin_export,
	.before = mp_touches_before_export,
	.after = mp_touches_after_export,
	.end = end,
};
