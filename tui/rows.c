/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rows.c - the order of the mapping table and the selection in it. The
 * selection is an address, not a row number, so it stays on its mapping while
 * the order changes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tui/view.h"
#include "user/util/util.h"

bool tui_mapping_reserved(const struct mp_mapping *m)
{
	return !(m->bits & (MP_MAP_R | MP_MAP_W | MP_MAP_X)) && m->resident == 0;
}

const char *tui_sort_name(enum tui_sort sort)
{
	static const char *const names[TUI_SORT_MAX] = {
		[TUI_SORT_RESIDENT] = "resident",  [TUI_SORT_SIZE] = "size",
		[TUI_SORT_FAULTS] = "faults",	   [TUI_SORT_RELEASED] = "released",
		[TUI_SORT_RECENT] = "last change", [TUI_SORT_ADDR] = "address",
	};

	return names[sort];
}

static int by_addr(const void *a, const void *b)
{
	const struct mp_mapping *x = *(const struct mp_mapping *const *)a;
	const struct mp_mapping *y = *(const struct mp_mapping *const *)b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Greater first; equal ones by address, so that rows do not jump. Reservations
 * come last: a terabyte set aside is no memory. */
static int by_value(const struct mp_mapping *x, const struct mp_mapping *y, uint64_t a, uint64_t b)
{
	int rx = tui_mapping_reserved(x);
	int ry = tui_mapping_reserved(y);

	if (rx != ry)
		return rx - ry;
	if (a != b)
		return a > b ? -1 : 1;
	return x->start < y->start ? -1 : x->start > y->start;
}

#define ORDER(name, value)                                                         \
	static int name(const void *a, const void *b)                              \
	{                                                                          \
		const struct mp_mapping *x = *(const struct mp_mapping *const *)a; \
		const struct mp_mapping *y = *(const struct mp_mapping *const *)b; \
                                                                                   \
		return by_value(x, y, x->value, y->value);                         \
	}
ORDER(by_resident, resident)
ORDER(by_faults, faults)
ORDER(by_released, released)
ORDER(by_recent, last_ts)

static int by_size(const void *a, const void *b)
{
	const struct mp_mapping *x = *(const struct mp_mapping *const *)a;
	const struct mp_mapping *y = *(const struct mp_mapping *const *)b;

	return by_value(x, y, x->end - x->start, y->end - y->start);
}

int tui_rows_build(struct tui_rows *rows, const struct mp_proc *p, enum tui_sort sort)
{
	static int (*const order[TUI_SORT_MAX])(const void *, const void *) = {
		[TUI_SORT_RESIDENT] = by_resident, [TUI_SORT_SIZE] = by_size,
		[TUI_SORT_FAULTS] = by_faults,	   [TUI_SORT_RELEASED] = by_released,
		[TUI_SORT_RECENT] = by_recent,	   [TUI_SORT_ADDR] = by_addr,
	};

	rows->n = 0;
	if (!p || !p->n_maps)
		return 0;
	if (mp_grow(&rows->m, &rows->cap, p->n_maps, sizeof(rows->m[0])))
		return -ENOMEM;
	for (struct mp_mapping *v = p->maps; v; v = v->next)
		rows->m[rows->n++] = v;
	qsort(rows->m, rows->n, sizeof(rows->m[0]), order[sort]);
	return 0;
}

void tui_rows_free(struct tui_rows *rows)
{
	free(rows->m);
	memset(rows, 0, sizeof(*rows));
}

size_t tui_rows_selected(const struct tui_rows *rows, const struct tui_view *v)
{
	for (size_t i = 0; i < rows->n; i++)
		if (rows->m[i]->start == v->sel)
			return i;
	return 0;
}

void tui_view_select(struct tui_view *v, const struct tui_rows *rows, long by, size_t shown)
{
	long at;

	if (!rows->n) {
		v->top = 0;
		return;
	}
	at = (long)tui_rows_selected(rows, v) + by;
	at = at < 0 ? 0 : at >= (long)rows->n ? (long)rows->n - 1 : at;
	if (by)
		v->sel = rows->m[at]->start;
	if (!shown)
		return;
	if ((size_t)at < v->top)
		v->top = (size_t)at;
	if ((size_t)at >= v->top + shown)
		v->top = (size_t)at - shown + 1;
	if (v->top + shown > rows->n)
		v->top = rows->n > shown ? rows->n - shown : 0;
}
