/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pane_touched.c - user stacks by the memory first touched there, estimated from
 * samples.
 */
#include <stdio.h>

#include "tui/draw.h"
#include "tui/pane.h"
#include "user/util/util.h"

enum col { C_BYTES, C_ERROR, C_SAMPLES, C_STACK, C_N };

static const struct tui_pcol cols[C_N] = {
	[C_BYTES] = { .head = "faulted", .w = 8, .right = true, .sorts = true },
	[C_ERROR] = { .head = "+-", .w = 8, .right = true },
	[C_SAMPLES] = { .head = "samples", .w = 8, .right = true, .sorts = true },
	[C_STACK] = { .head = "user stack, innermost first", .share = 1 },
};

static int collect(const struct tui_frame *f, struct tui_rows *rows)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->state);
	int err = 0;

	for (size_t i = 0; p && i < p->n_fsites && !err; i++)
		if (p->fsites[i].pages)
			err = tui_rows_add(rows, p->fsites[i].stack, &p->fsites[i]);
	return err;
}

static uint64_t value(const struct tui_frame *f, const struct tui_row *r, int col)
{
	const struct mp_fsite *s = r->p;

	(void)f;
	return col == C_SAMPLES ? s->samples : s->pages;
}

static void text(const struct tui_frame *f, const struct tui_row *r, int col, char *buf,
		 size_t size)
{
	const struct mp_fsite *s = r->p;

	switch ((enum col)col) {
	case C_BYTES:
		mp_bytes(buf, size, (int64_t)(s->pages * MP_PAGE_SIZE));
		break;
	case C_ERROR:
		mp_bytes(buf, size, (int64_t)(mp_fsite_error(s) * MP_PAGE_SIZE));
		break;
	case C_SAMPLES:
		snprintf(buf, size, "%llu", (unsigned long long)s->samples);
		break;
	case C_STACK:
		tui_stack_text(f, s->stack, buf, size);
		break;
	case C_N:
		break;
	}
}

static void detail(const struct tui_frame *f, const struct tui_row *r, struct tui_lines *l)
{
	const struct mp_fsite *s = r->p;
	char num[16], more[64];

	snprintf(more, sizeof(more), "+- %s, by %llu samples",
		 mp_bytes(num, sizeof(num), (int64_t)(mp_fsite_error(s) * MP_PAGE_SIZE)),
		 (unsigned long long)s->samples);
	tui_lines_add(l, TUI_R_BOLD, "memory first touched, or touched again, by one user stack");
	tui_lines_bytes(l, "faulted in, estimated", s->pages * MP_PAGE_SIZE, more);
	tui_lines_add(l, TUI_R_DIM, "  Samples are taken at random among all pages that fault.");
	tui_lines_head(l, "where, innermost first");
	tui_lines_stack(l, f, s->stack);
}

static const char *none(const struct tui_frame *f)
{
	(void)f;
	return "no stack sampled yet";
}

const struct tui_pane tui_pane_touched = {
	.name = "touched",
	.title = "where memory was first touched",
	.cols = cols,
	.n_cols = C_N,
	.sort = C_BYTES,
	.collect = collect,
	.value = value,
	.text = text,
	.detail = detail,
	.none = none,
};
