/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * lists.c - what the lower table shows besides mappings: threads by faults, user
 * stacks by the memory first touched there. The rows that fit, the largest first.
 */
#include <stdio.h>
#include <string.h>

#include "tui/draw.h"
#include "user/util/util.h"

#define FRAMES 4 /* of a stack; more do not fit a line */

/* A row: what it is sorted by, and its place in the table it comes from. */
struct key {
	uint64_t v;
	size_t i;
};

static bool before(struct key a, struct key b)
{
	return a.v > b.v || (a.v == b.v && a.i < b.i);
}

/* The first row after `last` in order; false when there is none. Rows on a screen are
 * few, so going through all for each costs less than sorting them. */
static bool next_row(const uint64_t *first, size_t stride, size_t n, struct key last,
		     struct key *ret)
{
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		struct key k = { *(const uint64_t *)((const char *)first + i * stride), i };

		if (k.v && before(last, k) && (!any || before(k, *ret))) {
			*ret = k;
			any = true;
		}
	}
	return any;
}

static struct tui_style text_style(const struct tui_frame *f)
{
	return tui_role(f->theme, TUI_R_TEXT);
}

static void head(struct tui_grid *g, const struct tui_frame *f, const char *text)
{
	const struct tui_rect *r = &f->lay.table;
	struct tui_rect line = { r->x, r->y, r->w, 1 };

	tui_grid_fill(g, line, L' ', tui_role(f->theme, TUI_R_BAR));
	tui_grid_text(g, 2, r->y, r->w - 2, tui_role(f->theme, TUI_R_BAR_DIM), text);
}

static void thread_row(struct tui_grid *g, const struct tui_frame *f, const struct mp_proc *p,
		       const struct mp_thread *t, int y)
{
	uint32_t name = t->name || t->tid != p->tgid ? t->name : p->comm;
	char text[96], num[16];
	int x;

	snprintf(text, sizeof(text), "%9u %12llu %12llu %8llu %8s  ", t->tid,
		 (unsigned long long)t->faults, (unsigned long long)t->kernel,
		 (unsigned long long)t->majors,
		 mp_bytes(num, sizeof(num), (int64_t)(t->pages_added * MP_PAGE_SIZE)));
	x = tui_grid_text(g, 2, y, f->lay.table.w - 2, text_style(f), text);
	tui_outside_text(g, f, x, y, f->lay.table.w - x, text_style(f), mp_str(f->state, name));
}

static void site_row(struct tui_grid *g, const struct tui_frame *f, const struct mp_proc *p,
		     const struct mp_fsite *s, int y)
{
	const struct mp_stack *st = s->stack ? mp_model_stack(f->state, s->stack) : NULL;
	char text[48], a[16], b[16], frame[128], stack[FRAMES * (sizeof(frame) + 3)] = "";
	size_t len = 0;
	int x;

	for (uint32_t i = 0; st && i < st->n && i < FRAMES; i++)
		len += (size_t)snprintf(
			stack + len, sizeof(stack) - len, "%s%s", i ? " < " : "",
			mp_frame_text(f->state, p->mm, st->ip[i], frame, sizeof(frame)));
	snprintf(text, sizeof(text), "%8s +- %7s %8llu  ",
		 mp_bytes(a, sizeof(a), (int64_t)(s->pages * MP_PAGE_SIZE)),
		 mp_bytes(b, sizeof(b), (int64_t)(mp_fsite_error(s) * MP_PAGE_SIZE)),
		 (unsigned long long)s->samples);
	x = tui_grid_text(g, 2, y, f->lay.table.w - 2, text_style(f), text);
	tui_outside_text(g, f, x, y, f->lay.table.w - x, text_style(f), st ? stack : "(no stack)");
}

static int rows(struct tui_grid *g, const struct tui_frame *f, const struct mp_proc *p)
{
	bool sites = f->view->tab == TUI_TAB_SITES;
	size_t stride = sites ? sizeof(*p->fsites) : sizeof(*p->threads);
	size_t n = sites ? p->n_fsites : p->n_threads, drawn = 0;
	const uint64_t *first = !n ? NULL : sites ? &p->fsites->pages : &p->threads->faults;
	struct key k = { UINT64_MAX, 0 };

	while (drawn < f->shown && next_row(first, stride, n, k, &k)) {
		int y = f->lay.table.y + 1 + (int)drawn++;

		if (sites)
			site_row(g, f, p, &p->fsites[k.i], y);
		else
			thread_row(g, f, p, &p->threads[k.i], y);
	}
	return (int)drawn;
}

void tui_draw_lists(struct tui_grid *g, const struct tui_frame *f)
{
	const struct tui_rect *r = &f->lay.table;
	const struct mp_proc *p = f->state ? mp_model_main(f->state) : NULL;
	bool sites = f->view->tab == TUI_TAB_SITES;
	const char *none = sites ? "no stack sampled yet" : "no thread has faulted yet";

	if (r->h < 2)
		return;
	head(g, f,
	     sites ? " faulted   error  samples  user stack, innermost first"
		   : "      tid       faults    in kernel   waited      new  thread");
	if (!f->state)
		none = "that moment is no longer kept";
	if (!p || !rows(g, f, p))
		tui_grid_text(g, 2, r->y + 1, r->w - 2, tui_role(f->theme, TUI_R_DIM), none);
}
