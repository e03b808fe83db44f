/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pane_findings.c - what the diagnosis finds in all of the session, and below it what is
 * notable at the moment looked at: how many bytes each is about, and the moment that
 * shows it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tui/draw.h"
#include "tui/pane.h"
#include "user/util/util.h"
#include "user/view/notable.h"
#include "user/view/text.h"

enum col { C_LEVEL, C_BYTES, C_WHEN, C_TEXT, C_RULE, C_N };

static const struct tui_pcol cols[C_N] = {
	[C_LEVEL] = { .head = "level", .w = 5, .sorts = true },
	[C_BYTES] = { .head = "bytes", .w = 6, .right = true, .sorts = true },
	[C_WHEN] = { .head = "shows at", .w = 8, .right = true, .sorts = true },
	[C_TEXT] = { .head = "how it looks", .share = 1 },
	[C_RULE] = { .head = "rule", .w = 18, .from = 110 },
};

/* A row: one of the two. */
struct item {
	const struct mp_finding *f; /* NULL: n */
	struct mp_notable n;
};

static uint64_t hash(uint64_t h, const char *s)
{
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211ULL;
	return h;
}

static const struct mp_findings *findings(const struct tui_frame *f)
{
	return f->src && f->src->findings ? f->src->findings(f->src->ctx) : NULL;
}

bool tui_found_mark(const struct tui_frame *f, struct tui_mark_text *mark)
{
	static const enum tui_role roles[] = { TUI_R_BAR_DIM, TUI_R_PAUSED, TUI_R_ALARM };
	const struct mp_proc *p = tui_view_proc(f->view, f->now);
	const struct mp_findings *fs = findings(f);
	enum mp_dx_level worst = MP_DX_INFO;
	const char *name;
	unsigned n = 0;

	if (!f->src || !f->src->findings)
		return false;
	if (!fs) {
		*mark = (struct tui_mark_text){
			TUI_R_BAR_DIM, { " diagnosing ", " diagnosing ", " ? ", "?" }
		};
		return true;
	}
	for (size_t i = 0; i < fs->n; i++) {
		if (p && fs->v[i].pid != p->tgid)
			continue;
		worst = fs->v[i].level > worst ? fs->v[i].level : worst;
		n++;
	}
	name = mp_dx_level_name(worst);
	mark->role = (int)roles[worst];
	/* what wakes nobody takes little room */
	snprintf(mark->text[0], sizeof(mark->text[0]), " %s%s%u finding%s ",
		 worst > MP_DX_INFO ? name : "", worst > MP_DX_INFO ? ": " : "", n,
		 n == 1 ? "" : "s");
	snprintf(mark->text[1], sizeof(mark->text[1]), " %s: %u ", name, n);
	snprintf(mark->text[2], sizeof(mark->text[2]), " %s ", name);
	snprintf(mark->text[3], sizeof(mark->text[3]), "%c", worst > MP_DX_INFO ? '!' : 'i');
	return n > 0;
}

/* Of the process shown, and of all where all are. */
static int collect_found(const struct tui_frame *f, struct item *v, size_t room,
			 struct tui_rows *rows, size_t *used)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->now);
	const struct mp_findings *fs = findings(f);
	int err = 0;

	*used = 0;
	for (size_t i = 0; fs && i < fs->n && *used < room && !err; i++) {
		if (p && fs->v[i].pid != p->tgid)
			continue;
		v[*used] = (struct item){ .f = &fs->v[i] };
		err = tui_rows_add(rows, hash(0x9e3779b97f4a7c15ULL + fs->v[i].pid, fs->v[i].cls),
				   &v[*used]);
		++*used;
	}
	return err;
}

#define FOUND_MAX 64

/* Worked out anew for every frame, so it lies in the frame. */
static int collect(const struct tui_frame *f, struct tui_rows *rows)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->state);
	const struct mp_proc *now = tui_view_proc(f->view, f->now);
	struct mp_notable n[MP_NOTABLE_MAX];
	struct item *v = tui_rows_store(rows, (FOUND_MAX + MP_NOTABLE_MAX) * sizeof(*v));
	size_t used, k;
	int err;

	if (!v)
		return -ENOMEM;
	err = collect_found(f, v, FOUND_MAX, rows, &used);
	k = mp_notables(f->state, p, now ? &now->tl : NULL, n);
	for (size_t i = 0; i < k && !err; i++) {
		v[used] = (struct item){ .n = n[i] };
		err = tui_rows_add(rows, hash(1469598103934665603ULL + n[i].sub, n[i].name),
				   &v[used++]);
	}
	return err;
}

static unsigned level_of(const struct item *it)
{
	return it->f ? (unsigned)it->f->level : (unsigned)it->n.level;
}

static uint64_t bytes_of(const struct item *it)
{
	return it->f ? it->f->bytes : it->n.bytes;
}

/* The first row of the evidence that has a moment; else since when it is so. */
static uint64_t shown_at(const struct mp_finding *f)
{
	for (unsigned i = 0; i < f->n_evidence; i++)
		if (f->evidence[i].ts != MP_UNKNOWN)
			return f->evidence[i].ts;
	return f->from;
}

static uint64_t when(const struct tui_frame *f, const struct tui_row *r)
{
	const struct item *it = r->p;

	(void)f;
	return it->f ? shown_at(it->f) : it->n.ts;
}

/* Findings before what is notable, the worse and larger first. */
static uint64_t value(const struct tui_frame *f, const struct tui_row *r, int col)
{
	const struct item *it = r->p;
	uint64_t v = bytes_of(it) == MP_UNKNOWN ? 0 : bytes_of(it), at = when(f, r);

	if (col == C_WHEN)
		return at == MP_UNKNOWN ? 0 : at;
	if (col != C_LEVEL)
		return v;
	return (uint64_t)(it->f != NULL) << 60 | (uint64_t)level_of(it) << 56 | v >> 8;
}

static void text(const struct tui_frame *f, const struct tui_row *r, int col, char *buf,
		 size_t size)
{
	const struct item *it = r->p;

	switch ((enum col)col) {
	case C_LEVEL:
		snprintf(buf, size, "%s", mp_level_name((enum mp_level)level_of(it)));
		break;
	case C_BYTES:
		mp_text_bytes(buf, size, bytes_of(it));
		break;
	case C_WHEN:
		tui_moment(buf, size, f, when(f, r));
		break;
	case C_TEXT:
		if (it->f)
			snprintf(buf, size, "%s: %s", it->f->cls, it->f->summary);
		else
			snprintf(buf, size, "%s", it->n.text);
		break;
	case C_RULE:
		snprintf(buf, size, "%s", it->f ? it->f->cls : it->n.name);
		break;
	case C_N:
		break;
	}
}

/* The level as a badge of its own: it has to be seen first. */
static bool paint(struct tui_grid *g, const struct tui_frame *f, const struct tui_row *r, int col,
		  struct tui_rect cell, struct tui_style st)
{
	static const enum tui_role roles[] = { TUI_R_REPLAY, TUI_R_PAUSED, TUI_R_ALARM };
	const struct item *it = r->p;
	char word[8];

	(void)st;
	if (col != C_LEVEL)
		return false;
	snprintf(word, sizeof(word), "%-5.5s", mp_level_name((enum mp_level)level_of(it)));
	tui_grid_text(g, cell.x, cell.y, cell.w, tui_role(f->theme, roles[level_of(it)]), word);
	return true;
}

static void detail_evidence(const struct tui_frame *f, const struct mp_finding *v,
			    struct tui_lines *l)
{
	char value[32], at[24];

	tui_lines_head(l, "what that rests on");
	for (unsigned i = 0; i < v->n_evidence; i++) {
		const struct mp_dx_row *e = &v->evidence[i];

		if (e->unit == MP_DX_WORDS)
			tui_lines_add(l, TUI_R_TEXT, "             %s: %s", e->what, e->text);
		else
			tui_lines_add(l, TUI_R_TEXT, "  %9s  %s%s%s",
				      mp_dx_value(value, sizeof(value), e->unit, e->v), e->what,
				      e->ts == MP_UNKNOWN ? "" : ", at ",
				      e->ts == MP_UNKNOWN ? ""
							  : tui_moment(at, sizeof(at), f, e->ts));
	}
	if (v->n_nots)
		tui_lines_head(l, "what it is not");
	for (unsigned i = 0; i < v->n_nots; i++)
		tui_lines_add(l, TUI_R_TEXT, "  %s: %s", v->nots[i].cls, v->nots[i].why);
}

static void detail_found(const struct tui_frame *f, const struct mp_finding *v, struct tui_lines *l)
{
	char a[24];

	tui_lines_add(l, TUI_R_BOLD, "%s: %s", v->cls, v->title);
	tui_lines_add(l, TUI_R_TEXT, "%s", v->summary);
	tui_lines_row(l, "level", "%7s", mp_level_name((enum mp_level)v->level));
	tui_lines_bytes(l, "explains", v->bytes, "");
	tui_lines_row(l, "confidence", "%7.2f", v->confidence);
	tui_lines_row(l, "since", "%7s", tui_moment(a, sizeof(a), f, v->from));
	detail_evidence(f, v, l);
	if (v->n_advice)
		tui_lines_head(l, "what to do");
	for (unsigned i = 0; i < v->n_advice; i++)
		tui_lines_add(l, TUI_R_TEXT, "  %s", v->advice[i]);
	if (v->confirm) {
		tui_lines_head(l, "what would confirm it");
		tui_lines_add(l, TUI_R_TEXT, "  %s", v->confirm);
	}
}

static void detail_notable(const struct tui_frame *f, const struct mp_notable *n,
			   struct tui_lines *l)
{
	char a[24];

	tui_lines_add(l, TUI_R_BOLD, "%s", n->text);
	tui_lines_row(l, "level", "%7s", mp_level_name(n->level));
	tui_lines_bytes(l, "it is about", n->bytes, "");
	tui_lines_row(l, "shows at", "%7s", tui_moment(a, sizeof(a), f, n->ts));
	if (n->n_facts)
		tui_lines_head(l, "what that rests on");
	for (unsigned i = 0; i < n->n_facts; i++)
		tui_lines_bytes(l, n->fact[i].what, n->fact[i].v, "");
	tui_lines_head(l, "the rule");
	tui_lines_add(l, TUI_R_TEXT, "  %s: %s", n->name, n->rule);
	tui_lines_add(l, TUI_R_TEXT, "  %s", n->hint);
	tui_lines_add(l, TUI_R_DIM,
		      "  It says how things look at this moment, not what caused it.");
}

static void detail(const struct tui_frame *f, const struct tui_row *r, struct tui_lines *l)
{
	const struct item *it = r->p;

	if (it->f)
		detail_found(f, it->f, l);
	else
		detail_notable(f, &it->n, l);
}

static const char *none(const struct tui_frame *f)
{
	return f->src && f->src->findings && !findings(f) ? "looking at all of it"
						: "nothing found, nothing notable at this moment";
}

const struct tui_pane tui_pane_findings = {
	.name = "findings",
	.title = "what the diagnosis finds in all of it, and what is notable at this moment",
	.cols = cols,
	.n_cols = C_N,
	.sort = C_LEVEL,
	.collect = collect,
	.value = value,
	.text = text,
	.paint = paint,
	.when = when,
	.detail = detail,
	.none = none,
};
