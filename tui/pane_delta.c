/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pane_delta.c - what changed between the marks: RSS, its classes, mappings, who
 * touched and who gave back, collections. Each part ends with its sum.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/draw.h"
#include "tui/pane.h"
#include "user/util/util.h"

enum col { C_PART, C_CHANGE, C_A, C_B, C_NAME, C_N };

static const struct tui_pcol cols[C_N] = {
	[C_PART] = { .head = "from A to B",
		     .w = 11,
		     .sorts = true,
		     .ascending = true,
		     .by = "part" },
	[C_CHANGE] = { .head = "change", .w = 8, .right = true, .sorts = true },
	[C_A] = { .head = "at A", .w = 8, .right = true, .sorts = true },
	[C_B] = { .head = "at B", .w = 8, .right = true, .sorts = true },
	[C_NAME] = { .head = "of", .share = 1 },
};

static const char *const parts[] = { "RSS",	"class",      "beside RSS", "mapping",
				     "touched", "given back", "collections" };

static bool there(const struct tui_frame *f)
{
	return f->view->mark[0] && f->view->mark[1];
}

static int collect(const struct tui_frame *f, struct tui_rows *rows)
{
	int err = 0;

	if (!there(f) || tui_delta_wanted(f))
		return 0;
	for (size_t i = 0; i < f->delta.n && !err; i++)
		err = tui_rows_add(rows, i + 1, &f->delta.row[i]);
	return err;
}

static uint64_t size_of(int64_t v)
{
	return v < 0 ? -(uint64_t)v : (uint64_t)v;
}

static uint64_t value(const struct tui_frame *f, const struct tui_row *row, int col)
{
	const struct tui_delta_row *r = row->p;

	switch ((enum col)col) {
	case C_CHANGE:
		return r->a_known && r->b_known ? size_of(r->b - r->a) : 0;
	case C_A:
		return r->a_known ? size_of(r->a) : 0;
	case C_B:
		return r->b_known ? size_of(r->b) : 0;
	default:
		return (uint64_t)(r - f->delta.row);
	}
}

static void figure(const struct tui_delta_row *r, int64_t v, bool sign, char *buf, size_t size)
{
	switch (r->unit) {
	case MP_DIFF_BYTES:
		if (sign)
			mp_bytes_signed(buf, size, v);
		else
			mp_bytes(buf, size, v);
		break;
	case MP_DIFF_COUNT:
		snprintf(buf, size, sign && v > 0 ? "+%lld" : "%lld", (long long)v);
		break;
	case MP_DIFF_NS:
		snprintf(buf, size, "%s", v < 0 ? "-" : sign && v ? "+" : "");
		mp_duration(buf + strlen(buf), size - strlen(buf), size_of(v));
		break;
	}
}

static void name_text(const struct tui_delta_row *r, unsigned frames, char *buf, size_t size)
{
	if (r->group)
		mp_diff_name(r->group, frames, buf, size);
	else if (r->others)
		snprintf(buf, size, "... %zu more", r->others);
	else
		snprintf(buf, size, "%s%s", r->name ? r->name : "",
			 r->wrong			    ? ": DOES NOT ADD UP"
			 : r->sum && r->part == TUI_D_CLASS ? " = RSS"
							    : "");
}

static void text(const struct tui_frame *f, const struct tui_row *row, int col, char *buf,
		 size_t size)
{
	const struct tui_delta_row *r = row->p;

	(void)f;
	snprintf(buf, size, "?");
	switch ((enum col)col) {
	case C_PART:
		snprintf(buf, size, "%s", parts[r->part]);
		break;
	case C_CHANGE:
		if (r->a_known && r->b_known)
			figure(r, r->b - r->a, true, buf, size);
		break;
	case C_A:
		if (r->a_known)
			figure(r, r->a, false, buf, size);
		break;
	case C_B:
		if (r->b_known)
			figure(r, r->b, false, buf, size);
		break;
	case C_NAME:
		name_text(r, 4, buf, size);
		break;
	case C_N:
		break;
	}
}

static int role(const struct tui_frame *f, const struct tui_row *row)
{
	const struct tui_delta_row *r = row->p;

	(void)f;
	if (r->wrong)
		return TUI_R_ALARM;
	return r->sum ? TUI_R_BOLD : r->others ? TUI_R_DIM : TUI_R_TEXT;
}

/* --- all of it ------------------------------------------------------------------------- */

/* Where a line of at most `room` bytes ends: at a newline or a blank. */
static const char *line_end(const char *s, size_t room)
{
	const char *end = strchrnul(s, '\n'), *blank = NULL;

	if ((size_t)(end - s) <= room)
		return end;
	for (const char *c = s; c < s + room; c++)
		blank = *c == ' ' ? c : blank;
	return blank ? blank : s + room;
}

static void words(const struct tui_frame *f, struct tui_lines *out)
{
	int w = f->lay.w > 100 ? 100 : f->lay.w;
	size_t room = w > 24 ? (size_t)w - 4 : 20;
	const char *at, *end;
	char *all;

	if (mp_diff_words(f->delta.diff, !f->theme->utf8, &all)) {
		out->full = true;
		return;
	}
	for (char *c = all; *c; c++)
		*c = *c == MP_TEXT_GLUE ? ' ' : *c;
	for (at = all; *at; at = *end ? end + 1 : end) {
		end = line_end(at, room);
		tui_lines_add(out, TUI_R_TEXT, "%.*s", (int)(end - at), at);
	}
	free(all);
}

static void group(const struct mp_diff *d, const struct mp_diff_group *g, struct tui_lines *out)
{
	const char *unit = g->kind == MP_DIFF_MAPPING ? "mappings"
			   : g->kind == MP_DIFF_STACK ? "samples"
						      : "calls";
	const char *at, *end;
	char err[16];

	tui_lines_add(out, TUI_R_TEXT, "%s: %llu at A, %llu at B", unit, (unsigned long long)g->n_a,
		      (unsigned long long)g->n_b);
	if (g->kind == MP_DIFF_STACK)
		tui_lines_add(out, TUI_R_TEXT, "estimated, +- %s%s",
			      mp_bytes(err, sizeof(err), (int64_t)mp_diff_error(d, g)),
			      mp_diff_outside_noise(d, g) ? "" : ": no more than chance would do");
	if (!g->name)
		return;
	tui_lines_add(out, TUI_R_DIM, " ");
	for (at = g->name; *at; at = *end ? end + 1 : end) {
		end = strchrnul(at, '\n');
		tui_lines_add(out, TUI_R_TEXT, "  %.*s", (int)(end - at), at);
	}
}

static void detail(const struct tui_frame *f, const struct tui_row *row, struct tui_lines *out)
{
	static const char *const heads[] = { "change", "at A", "at B" };
	const struct tui_delta_row *r = row->p;
	char cell[TUI_CELL_MAX];

	name_text(r, 2, cell, sizeof(cell));
	tui_lines_add(out, TUI_R_BOLD, "%s: %s", parts[r->part], cell);
	for (int c = 0; c < 3; c++) {
		text(f, row, C_CHANGE + c, cell, sizeof(cell));
		tui_lines_add(out, TUI_R_TEXT, "%-10s %s", heads[c], cell);
	}
	if (r->group)
		group(f->delta.diff, r->group, out);
	if (r->part != TUI_D_RSS)
		return;
	tui_lines_add(out, TUI_R_DIM, " ");
	words(f, out);
}

static const char *none(const struct tui_frame *f)
{
	if (!there(f))
		return "two marks are compared: m sets one, m elsewhere the other";
	if (!f->src || !f->src->hold)
		return "no past is kept here";
	if (f->delta.err == -ENODATA)
		return f->delta.lost == 'A' ? "the moment of mark A is no longer kept"
					    : "the moment of mark B is no longer kept";
	if (f->delta.lost)
		return f->delta.lost == 'A' ? "there is no memory for the state at mark A"
					    : "there is no memory for the state at mark B";
	return f->delta.err ? "there is no memory to compare them" : "reading ...";
}

const struct tui_pane tui_pane_delta = {
	.name = "delta",
	.title = "what changed from mark A to B",
	.cols = cols,
	.n_cols = C_N,
	.sort = C_PART,
	.there = there,
	.stateless = true,
	.collect = collect,
	.value = value,
	.text = text,
	.role = role,
	.detail = detail,
	.none = none,
};
