/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * plot_limits.c - lines that memory must not cross. One that lies near what is drawn is
 * a line with a name; one far above is told by its figure, so that it does not press the
 * picture flat.
 */
#include <stdio.h>

#include "tui/plot.h"
#include "user/util/util.h"

/* A limit's height in a column; below 0: it does not apply there. */
static int64_t height(const struct plot_limit *l, const struct plot_col *c)
{
	if (!l->bytes || !c->any || (l->heap && c->s.committed < 0))
		return -1;
	return l->bytes + (l->heap ? c->s.base : 0);
}

static void find(struct plot *p)
{
	const struct tui_frame *f = p->f;
	const struct mp_proc *proc = tui_view_proc(f->view, f->state ? f->state : f->now);
	enum mp_heap_source src;
	const struct mp_heap *heap = proc ? mp_proc_heap(proc, &src) : NULL;

	p->limits[0] = (struct plot_limit){ .name = "heap limit", .heap = true };
	p->limits[1] = (struct plot_limit){ .name = "cgroup limit" };
	if (heap && heap->limit != MP_UNKNOWN)
		p->limits[0].bytes = (int64_t)heap->limit;
	if (proc && proc->cgroup.version && proc->cgroup.limit != MP_UNKNOWN)
		p->limits[1].bytes = (int64_t)proc->cgroup.limit;
}

int64_t plot_limits(struct plot *p, int64_t max)
{
	int64_t top = max;

	find(p);
	for (int i = 0; i < PLOT_LIMITS; i++) {
		int64_t high = 0;

		for (int x = 0; x < p->r.w; x++) {
			int64_t v = height(&p->limits[i], &p->cols[x]);

			high = v > high ? v : high;
		}
		p->limits[i].shown = high > 0 && high <= max + max / 2;
		if (p->limits[i].shown && high > top)
			top = high;
	}
	return top;
}

/* The row of a limit in a column, PLOT_NONE: none. */
static int row_of(const struct plot *p, const struct plot_limit *l, int x)
{
	int64_t v = height(l, &p->cols[x]);

	if (!l->shown || v <= 0 || v > p->scale.top)
		return PLOT_NONE;
	return (plot_eighths(p, v) - 1) / 8;
}

void plot_limit_lines(const struct plot *p)
{
	struct tui_style st = tui_role(p->t, TUI_R_LIMIT);

	for (int i = 0; i < PLOT_LIMITS; i++) {
		for (int x = 0; x < p->r.w; x++) {
			int row = row_of(p, &p->limits[i], x);
			int8_t *kind = row < 0 ? NULL : &p->kind[row * p->r.w + x];
			struct tui_cell *c = row < 0 ? NULL : plot_cell(p, x, row);
			bool bare = c && (c->ch == L' ' || c->ch == p->t->g->dots);

			if (!c || (*kind == PLOT_NONE && !bare))
				continue;
			c->st = st;
			if (*kind != PLOT_NONE && *kind != TUI_BAND_LAZY)
				c->st = tui_band_text(p->t, (enum tui_band) * kind);
			c->ch = p->t->g->limit;
			*kind = PLOT_NONE;
		}
	}
}

static void name_of(char *buf, size_t size, const struct plot_limit *l)
{
	char num[16];

	snprintf(buf, size, " %s %s ", l->name, mp_bytes(num, sizeof(num), l->bytes));
}

/* On its line, as far right as the line reaches without a break. */
static void name_line(const struct plot *p, const struct plot_limit *l)
{
	char text[48];
	int w, row, n = 0;

	name_of(text, sizeof(text), l);
	w = tui_text_width(text);
	for (int x = p->r.w - 1; x >= 0; x--) {
		row = row_of(p, l, x);
		n = row >= 0 && plot_cell(p, x, row)->ch == p->t->g->limit &&
				    (!n || row == row_of(p, l, x + 1))
			    ? n + 1
			    : 0;
		if (n < w + 1)
			continue;
		tui_grid_text(p->g, p->r.x + x, p->r.y + p->r.h - 1 - row, w,
			      tui_role(p->t, TUI_R_LIMIT), text);
		return;
	}
}

/* The far ones in one line, in the highest place that is empty. */
static void name_far(const struct plot *p, const char *text)
{
	struct tui_rect r = { 0, 0, tui_text_width(text), 1 };

	for (r.y = p->r.y; r.y < p->r.y + p->r.h / 2; r.y++) {
		for (r.x = p->r.x + p->r.w - r.w; r.x >= p->r.x; r.x--) {
			if (!plot_blank(p, r))
				continue;
			tui_grid_text(p->g, r.x, r.y, r.w, tui_role(p->t, TUI_R_DIM), text);
			return;
		}
	}
}

void plot_limit_names(const struct plot *p)
{
	char far[128], text[48];
	size_t n = 0;

	for (int i = 0; i < PLOT_LIMITS; i++) {
		const struct plot_limit *l = &p->limits[i];

		if (l->shown)
			name_line(p, l);
		if (!l->bytes || l->shown)
			continue;
		name_of(text, sizeof(text), l);
		n += (size_t)snprintf(far + n, sizeof(far) - n, "%s%s", n ? "," : "", text);
	}
	if (n) {
		snprintf(far + n, sizeof(far) - n, "%s ", p->t->utf8 ? "\xe2\x86\x91" : "^");
		name_far(p, far);
	}
}
