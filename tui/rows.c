/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rows.c - the rows of a table: which of them match the filter, and in what order
 * they come. Knows no screen.
 *
 * A process can have 65,000 mappings and a frame comes ten times a second, so no row
 * is put in its place that nobody looks at: what is ordered is the part that is shown,
 * by selection, and what a filter said of a row is remembered as long as the row's
 * words stay the same.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/draw.h"
#include "tui/pane.h"
#include "user/util/util.h"

/* --- what there is ----------------------------------------------------------------- */

int tui_rows_add(struct tui_rows *rows, uint64_t id, const void *p)
{
	if (mp_grow(&rows->v, &rows->cap, rows->n + 1, sizeof(rows->v[0])))
		return -ENOMEM;
	rows->v[rows->n++] = (struct tui_row){ .id = id, .p = p };
	return 0;
}

void *tui_rows_store(struct tui_rows *rows, size_t bytes)
{
	return mp_grow(&rows->store, &rows->store_cap, bytes, 1) ? NULL : rows->store;
}

void tui_rows_free(struct tui_rows *rows)
{
	free(rows->v);
	free(rows->store);
	free(rows->memo);
	memset(rows, 0, sizeof(*rows));
}

/* --- the filter -------------------------------------------------------------------- */

#define WAYS 4u

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ULL;
	return h ^ h >> 29;
}

/* Any cell of words holds it, whatever the case; those of hidden columns too. */
static bool matches(const struct tui_frame *f, const struct tui_row *r, const char *filter)
{
	const struct tui_pane *pane = tui_pane(f);
	char text[TUI_CELL_MAX];

	for (int c = 0; c < pane->n_cols; c++) {
		if (pane->cols[c].right)
			continue;
		*text = '\0';
		pane->text(f, r, c, text, sizeof(text));
		if (strcasestr(text, filter))
			return true;
	}
	return false;
}

/* What a row's words and the answer depend on: strings are only ever added. */
static uint64_t print_of(const struct tui_frame *f, const char *filter)
{
	uint64_t h = mix(f->view->pane, f->state ? f->state->n_strs : f->now->n_strs);

	for (; *filter; filter++)
		h = mix(h, (unsigned char)*filter);
	return h;
}

/* Room for twice the rows, so that few of them find no place; without it all is asked. */
static void make_memo(struct tui_rows *rows)
{
	size_t want = 1024;

	while (want < rows->n * 2)
		want *= 2;
	if (want <= rows->memo_n)
		return;
	free(rows->memo);
	rows->memo = calloc(want, sizeof(*rows->memo));
	rows->memo_n = rows->memo ? want : 0;
}

/* The place of a row's answer: one of WAYS in succession. */
static struct tui_memo *place_of(struct tui_rows *rows, uint64_t id)
{
	struct tui_memo *at = &rows->memo[mix(0, id) & (rows->memo_n - WAYS)];

	for (size_t i = 0; i < WAYS; i++)
		if (at[i].id == id || !at[i].print)
			return &at[i];
	return &at[mix(1, id) % WAYS];
}

static bool recall(const struct tui_frame *f, struct tui_rows *rows, const struct tui_row *r,
		   const char *filter, uint64_t print)
{
	const struct tui_pane *pane = tui_pane(f);
	struct tui_memo *at;
	uint32_t now;

	if (!pane->words || !rows->memo_n)
		return matches(f, r, filter);
	now = (uint32_t)(mix(print, pane->words(f, r)) >> 32) | 1;
	at = place_of(rows, r->id);
	if (at->id != r->id || at->print != now)
		*at = (struct tui_memo){ r->id, now, matches(f, r, filter) };
	return at->yes;
}

void tui_rows_filter(const struct tui_frame *f, struct tui_rows *rows, const char *filter)
{
	uint64_t print;
	size_t n = 0;

	rows->all = rows->n;
	if (!*filter || !rows->n)
		return;
	if (tui_pane(f)->words)
		make_memo(rows);
	print = print_of(f, filter);
	for (size_t i = 0; i < rows->n; i++)
		if (recall(f, rows, &rows->v[i], filter, print))
			rows->v[n++] = rows->v[i];
	rows->n = n;
}

/* --- the order --------------------------------------------------------------------- */

struct order {
	const struct tui_frame *f;
	int col;
	bool least; /* ... comes first */
	bool words;
};

static int by_words(const struct order *o, const struct tui_row *x, const struct tui_row *y)
{
	char s[TUI_CELL_MAX] = "", t[TUI_CELL_MAX] = "";

	tui_pane(o->f)->text(o->f, x, o->col, s, sizeof(s));
	tui_pane(o->f)->text(o->f, y, o->col, t, sizeof(t));
	return strcasecmp(s, t);
}

/* x stands before y. Equal ones stand by id, so that they stay where they are. */
static bool before(const struct order *o, const struct tui_row *x, const struct tui_row *y)
{
	if (o->words) {
		int r = by_words(o, x, y);

		if (r)
			return o->least ? r < 0 : r > 0;
	} else if (x->key != y->key) {
		return o->least ? x->key < y->key : x->key > y->key;
	}
	return x->id < y->id;
}

static void swap(struct tui_row *v, size_t a, size_t b)
{
	struct tui_row t = v[a];

	v[a] = v[b];
	v[b] = t;
}

/*
 * Parts [lo, hi) around one of its rows and returns where that came to stand: those to
 * the left stand before it. It is taken from the middle of three of nine, so that rows
 * that are in order already, or all but a few, are no bad case.
 */
static size_t split(const struct order *o, struct tui_row *v, size_t lo, size_t hi)
{
	size_t step = (hi - lo) / 8, mid[3], at = lo;

	for (size_t k = 0; k < 3; k++) {
		size_t a = lo + k * 3 * step, b = a + step, c = b + step < hi ? b + step : hi - 1;

		if (before(o, &v[b], &v[a]))
			swap(v, a, b);
		if (before(o, &v[c], &v[b]))
			swap(v, b, c);
		if (before(o, &v[b], &v[a]))
			swap(v, a, b);
		mid[k] = b;
	}
	if (before(o, &v[mid[1]], &v[mid[0]]))
		swap(v, mid[0], mid[1]);
	if (before(o, &v[mid[2]], &v[mid[1]]))
		swap(v, mid[1], mid[2]);
	if (before(o, &v[mid[1]], &v[mid[0]]))
		swap(v, mid[0], mid[1]);
	swap(v, mid[1], hi - 1);
	for (size_t i = lo; i + 1 < hi; i++)
		if (before(o, &v[i], &v[hi - 1]))
			swap(v, i, at++);
	swap(v, at, hi - 1);
	return at;
}

static void insertion(const struct order *o, struct tui_row *v, size_t lo, size_t hi)
{
	for (size_t i = lo + 1; i < hi; i++) {
		struct tui_row r = v[i];
		size_t k = i;

		for (; k > lo && before(o, &r, &v[k - 1]); k--)
			v[k] = v[k - 1];
		v[k] = r;
	}
}

/* Rows [from, to) of [lo, hi) come to stand where a full sort would put them. */
static void order(const struct order *o, struct tui_row *v, size_t lo, size_t hi, size_t from,
		  size_t to)
{
	while (lo < hi && from < hi && to > lo) {
		size_t at;

		if (hi - lo <= 24) {
			insertion(o, v, lo, hi);
			return;
		}
		at = split(o, v, lo, hi);
		/* the smaller side by a call of its own: they nest no deeper than the
		 * rows can be halved */
		if (at - lo < hi - at) {
			order(o, v, lo, at, from, to);
			lo = at + 1;
		} else {
			order(o, v, at + 1, hi, from, to);
			hi = at;
		}
	}
}

static struct order order_of(const struct tui_frame *f, const struct tui_rows *rows)
{
	return (struct order){ f, tui_pane_sorted(f), rows->least, rows->words };
}

void tui_rows_keys(const struct tui_frame *f, struct tui_rows *rows)
{
	const struct tui_pane *pane = tui_pane(f);
	int col = tui_pane_sorted(f);

	rows->least = tui_pane_least_first(f);
	rows->words = !pane->value || pane->cols[col].words;
	rows->lo = rows->hi = 0;
	for (size_t i = 0; !rows->words && i < rows->n; i++)
		rows->v[i].key = pane->value(f, &rows->v[i], col);
}

void tui_rows_order(const struct tui_frame *f, struct tui_rows *rows, size_t from, size_t to)
{
	struct order o = order_of(f, rows);

	to = to < rows->n ? to : rows->n;
	if (from >= to || (from >= rows->lo && to <= rows->hi))
		return;
	if (rows->words) { /* once and for all: later the words may be gone */
		from = 0;
		to = rows->n;
	}
	/* what is in its place parts the others already */
	order(&o, rows->v, 0, rows->lo, from, to);
	order(&o, rows->v, rows->hi, rows->n, from, to);
	if (rows->lo == rows->hi || (from <= rows->lo && to >= rows->hi)) {
		rows->lo = from;
		rows->hi = to;
	}
}

size_t tui_rows_rank(const struct tui_frame *f, const struct tui_rows *rows, uint64_t id)
{
	struct order o = order_of(f, rows);
	const struct tui_row *r = NULL;
	size_t n = 0;

	for (size_t i = 0; i < rows->n && !r; i++)
		if (rows->v[i].id == id)
			r = &rows->v[i];
	if (!r)
		return rows->n;
	for (size_t i = 0; i < rows->n; i++)
		n += before(&o, &rows->v[i], r);
	return n;
}
