/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pane_text.c - what several panes write: moments, stacks, and the lines of a page.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/draw.h"
#include "tui/pane.h"
#include "user/util/util.h"

#define FRAMES	4     /* of a stack in a row; more do not fit            */
#define PCT_MAX 9999U /* above this a group's figures are no longer a part */

char *tui_moment(char *buf, size_t size, const struct tui_frame *f, uint64_t ts)
{
	char clock[24];
	uint64_t ns;

	if (!ts || ts == MP_UNKNOWN) {
		snprintf(buf, size, "-");
		return buf;
	}
	ns = tui_since(f->now, ts);
	snprintf(buf, size, "%s.%u", tui_clock(clock, sizeof(clock), ns),
		 (unsigned)(ns / 100000000 % 10));
	return buf;
}

void tui_percent(char *buf, size_t size, uint64_t part, uint64_t whole)
{
	double pct = whole ? (double)part * 100 / (double)whole : 0;

	if (part && pct < 1)
		snprintf(buf, size, "<1%%");
	else if (pct > PCT_MAX)
		snprintf(buf, size, ">%u%%", PCT_MAX);
	else
		snprintf(buf, size, "%u%%", (unsigned)pct);
}

/* --- stacks ------------------------------------------------------------------------ */

static const char *frame_text(const struct tui_frame *f, const struct mp_stack *st, uint32_t i,
			      char *buf, size_t size)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->state);

	return mp_frame_text(f->state, st->mm ? st->mm : p ? p->mm : 0, st->ip[i], buf, size);
}

char *tui_stack_text(const struct tui_frame *f, uint64_t id, char *buf, size_t size)
{
	const struct mp_stack *st = id ? mp_model_stack(f->state, id) : NULL;
	char frame[128];
	size_t len = 0;

	snprintf(buf, size, "(no stack)");
	for (uint32_t i = 0; st && i < st->n && i < FRAMES && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s", i ? " < " : "",
					frame_text(f, st, i, frame, sizeof(frame)));
	return buf;
}

void tui_lines_stack(struct tui_lines *l, const struct tui_frame *f, uint64_t id)
{
	const struct mp_stack *st = id ? mp_model_stack(f->state, id) : NULL;
	char frame[640];

	if (!st || !st->n) {
		tui_lines_add(l, TUI_R_DIM, "  (no stack was taken)");
		return;
	}
	for (uint32_t i = 0; i < st->n; i++)
		tui_lines_add(l, TUI_R_TEXT, "  %s", frame_text(f, st, i, frame, sizeof(frame)));
	if (st->n < st->total)
		tui_lines_add(l, TUI_R_DIM, "  ... %u more frames, not told", st->total - st->n);
}

/* --- lines ------------------------------------------------------------------------- */

static void add(struct tui_lines *l, int role, const char *text)
{
	if (mp_grow(&l->v, &l->cap, l->n + 1, sizeof(l->v[0]))) {
		l->full = true;
		return;
	}
	l->v[l->n] = (struct tui_line){ strdup(text), (uint8_t)role };
	if (l->v[l->n].text)
		l->n++;
	else
		l->full = true;
}

void tui_lines_add(struct tui_lines *l, int role, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	add(l, role, text);
}

void tui_lines_head(struct tui_lines *l, const char *title)
{
	if (l->n)
		add(l, TUI_R_TEXT, "");
	add(l, TUI_R_BOLD, title);
}

void tui_lines_row(struct tui_lines *l, const char *name, const char *fmt, ...)
{
	char text[640], line[704];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "  %-26s %s", name, text);
	add(l, TUI_R_TEXT, line);
}

void tui_lines_bytes(struct tui_lines *l, const char *name, uint64_t bytes, const char *more)
{
	char num[16] = "-";

	if (bytes != MP_UNKNOWN)
		mp_bytes(num, sizeof(num), (int64_t)bytes);
	tui_lines_row(l, name, "%7s%s%s", num, *more ? "  " : "", more);
}

void tui_lines_count(struct tui_lines *l, const char *name, uint64_t n, const char *more)
{
	char num[24] = "-";

	if (n != MP_UNKNOWN)
		snprintf(num, sizeof(num), "%llu", (unsigned long long)n);
	tui_lines_row(l, name, "%7s%s%s", num, *more ? "  " : "", more);
}

void tui_lines_free(struct tui_lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].text);
	free(l->v);
	memset(l, 0, sizeof(*l));
}
