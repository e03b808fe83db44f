/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * csv.c - one table of a recording as comma-separated values (RFC 4180: a header
 * line, CR LF, quotes doubled), and the statement that creates it in SQL.
 *
 * Owns: syntax. Must not: know what a column means (csv_tables.c does). Numbers are
 * plain: bytes, or seconds as decimals; what is not known is empty.
 */
#include "user/export/csv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "user/export/formats.h"
#include "user/util/util.h"
#include "user/view/figures.h"

static const struct csv_table *table_of(const char *name)
{
	const struct csv_table *t = csv_tables;

	while (name && t->name && strcmp(t->name, name) != 0)
		t++;
	return t;
}

/*
 * In quotes where it must be, and where it is empty: unquoted that is not known. What a
 * spreadsheet would take for a formula gets the apostrophe that makes it text: names are
 * of whoever wrote the program.
 */
static void put_text(FILE *f, const char *s)
{
	char text[CSV_TEXT_MAX + 1] = "'", *buf = text + 1;

	mp_clean(buf, CSV_TEXT_MAX, s, 0);
	buf -= *buf && strchr("=+-@\t\r", *buf) ? 1 : 0;
	if (*buf && !strpbrk(buf, ",\"")) {
		fputs(buf, f);
		return;
	}
	fputc('"', f);
	for (s = buf; *s; s++) {
		if (*s == '"')
			fputc('"', f);
		fputc(*s, f);
	}
	fputc('"', f);
}

static void put_seconds(FILE *f, uint64_t ns)
{
	fprintf(f, "%" PRIu64 ".%09" PRIu64, ns / 1000000000, ns % 1000000000);
}

static void put_words(FILE *f, uint64_t bits, const struct mp_words *w)
{
	char buf[128] = "";

	for (unsigned i = 0; i < w->n; i++)
		if (bits & 1u << i && strlen(buf) + strlen(w->list[i]) + 2 < sizeof(buf))
			sprintf(buf + strlen(buf), "%s%s", *buf ? "+" : "", w->list[i]);
	put_text(f, buf);
}

static void put_word(FILE *f, const struct csv_col *c, uint64_t v)
{
	const char *word = c->f.unit == MP_U_ADVICE ? mp_advice_name((unsigned)v)
						    : mp_word(c->f.words, v);

	if (word && *word != '?')
		put_text(f, word);
	else
		fprintf(f, "%" PRIu64, v);
}

static void put_number(const struct csv_row *r, const struct csv_col *c, uint64_t v)
{
	FILE *f = r->x->f;

	switch (c->f.unit) {
	case MP_U_INT:
		fprintf(f, "%" PRId64, (int64_t)v);
		break;
	case MP_U_DPAGES:
		fprintf(f, "%" PRId64, (int64_t)(v * MP_PAGE_SIZE));
		break;
	case MP_U_PAGES:
		fprintf(f, "%" PRIu64, (uint64_t)(v * MP_PAGE_SIZE));
		break;
	case MP_U_NS:
		put_seconds(f, v);
		break;
	case MP_U_TIME:
		put_seconds(f, mp_fig_since(r->m, v));
		break;
	case MP_U_HEX:
		fprintf(f, "0x%" PRIx64, v);
		break;
	case MP_U_STR:
		if (v && v <= UINT32_MAX)
			put_text(f, mp_str(r->m, (uint32_t)v));
		break;
	case MP_U_WORD:
	case MP_U_ADVICE:
		put_word(f, c, v);
		break;
	case MP_U_BITS:
		put_words(f, v, c->f.words);
		break;
	default:
		fprintf(f, "%" PRIu64, v);
	}
}

static bool is_known(const struct csv_row *r, const struct csv_col *c, uint64_t v)
{
	unsigned lacks = c->needs & ~r->has;

	if (c->f.when && !c->f.when(r->base))
		return false;
	if (c->f.known && !c->f.known(r->base))
		return false;
	return !(lacks & (CSV_RSS | CSV_WHOLE | CSV_FULL | CSV_KINDS)) && (!lacks || v) &&
	       (v != MP_UNKNOWN || c->f.unit == MP_U_INT || c->f.unit == MP_U_DPAGES) &&
	       (v || c->f.unit != MP_U_ID);
}

static void put_cell(const struct csv_row *r, const struct csv_col *c)
{
	char buf[CSV_TEXT_MAX];
	const char *text;
	uint64_t v;

	if (c->text) {
		text = c->text(r, buf, sizeof(buf));
		if (text)
			put_text(r->x->f, text);
		return;
	}
	v = c->num ? c->num(r) : mp_field_load(r->base, &c->f);
	if (is_known(r, c, v))
		put_number(r, c, v);
}

static void put_row(const struct csv_table *t, const struct csv_row *r)
{
	for (const struct csv_col *c = t->cols; c->f.key; c++) {
		if (c > t->cols)
			fputc(',', r->x->f);
		put_cell(r, c);
	}
	fputs("\r\n", r->x->f);
}

void csv_put(const struct csv_row *r)
{
	put_row(table_of(r->x->table), r);
}

static int begin(struct mp_export *x)
{
	const struct csv_table *t = table_of(x->table);

	if (!t->name)
		return -EINVAL;
	for (const struct csv_col *c = t->cols; c->f.key; c++)
		fprintf(x->f, "%s%s", c > t->cols ? "," : "", c->f.key);
	fputs("\r\n", x->f);
	return 0;
}

static int before(struct mp_export *x, const struct mp_model *m, const struct mp_event *e)
{
	const struct csv_table *t = table_of(x->table);
	const struct mp_proc *p = e->mm ? mp_model_proc(m, e->mm) : NULL;
	struct csv_row r = { .x = x, .m = m, .p = p, .base = e, .ts = e->ts };

	if (!t->event || !t->event(e) || (x->pid && (!p || p->tgid != x->pid)))
		return 0;
	r.has = csv_sources(m, p);
	put_row(t, &r);
	return 0;
}

static int end(struct mp_export *x, const struct mp_model *m, int err)
{
	const struct csv_table *t = table_of(x->table);

	for (size_t i = 0; !err && t->rows && i < m->n_procs; i++) {
		struct csv_row r = { .x = x, .m = m, .p = m->procs[i], .ts = m->now };

		r.has = csv_sources(m, r.p);
		if (!x->pid || r.p->tgid == x->pid)
			t->rows(&r);
	}
	return 0;
}

static const char *sql_type(const struct csv_col *c)
{
	if (c->text)
		return "TEXT";
	switch (c->f.unit) {
	case MP_U_NS:
	case MP_U_TIME:
		return "REAL";
	case MP_U_STR:
	case MP_U_WORD:
	case MP_U_BITS:
	case MP_U_ADVICE:
	case MP_U_HEX:
		return "TEXT";
	default:
		return "INTEGER";
	}
}

static int schema(FILE *f, const char *table)
{
	const struct csv_table *t = table_of(table);

	fprintf(f, "CREATE TABLE \"%s\" (\n", t->name);
	for (const struct csv_col *c = t->cols; c->f.key; c++)
		fprintf(f, "\t\"%s\" %s%s\n", c->f.key, sql_type(c), c[1].f.key ? "," : "");
	fputs(");\n", f);
	return 0;
}

static const char *const names[] = { "series",	 "collections", "calls",     "faults", "mappings",
				     "releases", "sites",	"processes", NULL };

const struct mp_exporter mp_export_csv = {
	.name = "csv",
	.suffix = "csv",
	.doc = "a table (--table) for SQL and spreadsheets: the timeline, calls, collections, ...",
	.begin = begin,
	.before = before,
	.end = end,
	.schema = schema,
	.tables = names,
};
