/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * detail.c - the pane beside the plot on wide screens: the account in full,
 * calls, collections and the selected mapping, at the moment looked at; beside the
 * list of processes of the selected one.
 */
#include <stdio.h>
#include <string.h>

#include "tui/draw.h"
#include "user/util/util.h"
#include "user/view/figures.h"

/* The next free row of the pane; rows beyond its end are not drawn. */
struct pane {
	struct tui_grid *g;
	const struct tui_frame *f;
	struct tui_rect r;
	int y;
};

static bool full(const struct pane *p)
{
	return p->y >= p->r.y + p->r.h;
}

static void head(struct pane *p, const char *text)
{
	struct tui_style st = tui_role(p->f->theme, TUI_R_BAR);
	struct tui_rect line = { p->r.x, p->y, p->r.w, 1 };

	if (full(p))
		return;
	tui_grid_fill(p->g, line, L' ', st);
	tui_outside_text(p->g, p->f, p->r.x + 1, p->y, p->r.w - 1, st, text);
	p->y++;
}

/* What stands beside all processes together and is of one of them says whose it is: the
 * first title names it, those below refer to that. */
static void head_of_rss(struct pane *p, const struct mp_proc *proc)
{
	const char *comm = proc->comm ? mp_str(p->f->state, proc->comm) : "?";
	char text[96];

	if (!p->f->view->list) {
		head(p, "where RSS goes");
		return;
	}
	snprintf(text, sizeof(text), "RSS of %.64s (%u)", comm, proc->tgid);
	head(p, text);
}

static void head_of_part(struct pane *p, const char *what)
{
	char text[32];

	snprintf(text, sizeof(text), "%s%s", p->f->view->list ? "its " : "", what);
	head(p, text);
}

static void row(struct pane *p, const char *name, const char *value)
{
	if (full(p))
		return;
	tui_grid_text(p->g, p->r.x + 1, p->y, p->r.w - 2, tui_role(p->f->theme, TUI_R_DIM), name);
	tui_grid_text_right(p->g, p->r.x, p->y, p->r.w - 1, tui_role(p->f->theme, TUI_R_TEXT),
			    value);
	p->y++;
}

/* A part of RSS: bytes, share, and a bar in its band's colour. */
static void part(struct pane *p, const char *name, int64_t bytes, int64_t whole, int band)
{
	const struct tui_theme *t = p->f->theme;
	struct tui_cell c = tui_band_cell(t, (enum tui_band)band);
	int room = p->r.w - 1 - 13 - 8;
	int bar = whole <= 0 || bytes <= 0 ? 0
		  : bytes >= whole	   ? room
					   : (int)((double)bytes / (double)whole * room + 0.5);
	char num[16];

	if (full(p))
		return;
	tui_grid_text(p->g, p->r.x + 1, p->y, 12, tui_role(t, TUI_R_TEXT), name);
	tui_grid_text_right(p->g, p->r.x + 13, p->y, 7, tui_role(t, TUI_R_BOLD),
			    mp_bytes(num, sizeof(num), bytes));
	for (int i = 0; i < bar && i < room; i++)
		tui_grid_put(p->g, p->r.x + 21 + i, p->y, c.ch, c.st);
	p->y++;
}

static const char *bytes_or_dash(char *buf, size_t size, uint64_t v)
{
	return v == MP_UNKNOWN ? "-" : mp_bytes(buf, size, (int64_t)v);
}

static void account(struct pane *p, const struct mp_proc *proc)
{
	struct mp_account a;

	mp_account(proc, &a);
	head_of_rss(p, proc);
	if (a.heap_known) {
		part(p, "live heap", a.live_heap, a.rss, TUI_BAND_LIVE);
		part(p, "free heap", a.free_heap_resident, a.rss, TUI_BAND_FREE);
	}
	if (a.unsplit_heap)
		part(p, "heap", a.unsplit_heap, a.rss, TUI_BAND_OTHER);
	part(p, "arenas, brk", a.arenas + a.brk, a.rss, TUI_BAND_NATIVE);
	if (a.native)
		part(p, "other malloc", a.native, a.rss, TUI_BAND_NATIVE);
	part(p, "stacks", a.stacks, a.rss, TUI_BAND_NATIVE);
	if (a.runtime)
		part(p, "runtime", a.runtime, a.rss, TUI_BAND_OTHER);
	part(p, "other anon", a.other_anon, a.rss, TUI_BAND_OTHER);
	part(p, "file", a.file, a.rss, TUI_BAND_FILE);
	part(p, "shared", a.shmem, a.rss, TUI_BAND_SHMEM);
	if (a.lazyfree)
		part(p, "lazyfree", a.lazyfree, a.rss, TUI_BAND_LAZYFREE);
	part(p, "unexplained", a.unknown, a.rss, TUI_BAND_OTHER);
	if (proc->cgroup.version) {
		const struct mp_cgroup *cg = &proc->cgroup;
		char num[2][16], text[48];

		snprintf(text, sizeof(text), "%s of %s",
			 bytes_or_dash(num[0], sizeof(num[0]), cg->charged),
			 cg->limit == MP_UNKNOWN
				 ? "no limit"
				 : bytes_or_dash(num[1], sizeof(num[1]), cg->limit));
		row(p, "control group", text);
	}
	if (a.swap) {
		char num[16];

		row(p, "swapped out, beside RSS", mp_bytes(num, sizeof(num), a.swap));
	}
}

static void calls(struct pane *p, const struct mp_proc *proc)
{
	static const unsigned shown[] = { MP_CALL_MMAP, MP_CALL_MUNMAP, MP_CALL_MADVISE,
					  MP_CALL_BRK, MP_CALL_MREMAP };
	char num[16], text[48];

	head_of_part(p, "calls and faults");
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		const struct mp_callstat *c = &proc->calls[shown[i]];

		if (!c->calls)
			continue;
		snprintf(text, sizeof(text), "%llu  RSS %7s", (unsigned long long)c->calls,
			 mp_bytes_signed(num, sizeof(num), c->rss_delta));
		row(p, mp_call_name(shown[i]), text);
	}
	snprintf(text, sizeof(text), "-");
	if (mp_fig_seen(p->f->now, MP_FEAT_FAULTS))
		snprintf(text, sizeof(text), "%llu  new %7s", (unsigned long long)proc->faults,
			 mp_bytes(num, sizeof(num), (int64_t)(proc->pages_added * MP_PAGE_SIZE)));
	row(p, "page faults", text);
}

/* The last collection that freed anything worth a look: what became of it. */
static void collections(struct pane *p, const struct mp_proc *proc)
{
	const struct mp_gc *gc = proc->n_gcs ? &proc->gcs[proc->n_gcs - 1] : NULL;
	char a[16], b[16], text[64];

	if (!gc)
		return;
	head_of_part(p, "collections");
	snprintf(text, sizeof(text), "%llu major, %llu minor", (unsigned long long)proc->gc_major,
		 (unsigned long long)proc->gc_minor);
	if (proc->gc_other && proc->gc_other != MP_UNKNOWN)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), ", %llu other",
			 (unsigned long long)proc->gc_other);
	row(p, "so far", text);
	for (size_t i = proc->n_gcs; i-- > 0;) {
		if (proc->gcs[i].kind != MP_GC_MINOR) {
			gc = &proc->gcs[i];
			break;
		}
	}
	snprintf(text, sizeof(text), "last %s", mp_gc_kind_name(gc->kind));
	snprintf(a, sizeof(a), "%s", tui_clock(b, sizeof(b), tui_since(p->f->now, gc->ts)));
	row(p, text, a);
	snprintf(text, sizeof(text), "%s to %s", bytes_or_dash(a, sizeof(a), gc->before),
		 bytes_or_dash(b, sizeof(b), gc->after));
	row(p, "  heap", text);
	snprintf(text, sizeof(text), "%s of %s", mp_bytes(a, sizeof(a), (int64_t)gc->returned),
		 mp_bytes(b, sizeof(b), (int64_t)gc->freed));
	row(p, "  given back", text);
	if (gc->returned_ts > gc->ts)
		row(p, "  after", mp_duration(a, sizeof(a), gc->returned_ts - gc->ts));
}

static void mapping(struct pane *p, const struct mp_mapping *m)
{
	char num[16], text[64];
	int x;

	if (!m || p->y + 3 > p->r.y + p->r.h)
		return;
	head(p, "selected mapping");
	snprintf(text, sizeof(text), "%llx-%llx", (unsigned long long)m->start,
		 (unsigned long long)m->end);
	x = tui_grid_text(p->g, p->r.x + 1, p->y, p->r.w - 2, tui_role(p->f->theme, TUI_R_TEXT),
			  text);
	snprintf(text, sizeof(text), " %c%c%c%c", m->bits & MP_MAP_R ? 'r' : '-',
		 m->bits & MP_MAP_W ? 'w' : '-', m->bits & MP_MAP_X ? 'x' : '-',
		 m->bits & MP_MAP_SHARED ? 's' : 'p');
	tui_grid_text(p->g, x, p->y, p->r.x + p->r.w - 1 - x, tui_role(p->f->theme, TUI_R_DIM),
		      text);
	p->y++;
	tui_outside_text(p->g, p->f, p->r.x + 1, p->y, p->r.w - 2,
			 tui_role(p->f->theme, TUI_R_TEXT),
			 m->name ? mp_str(p->f->state, m->name) : mp_class_name(m->cls));
	p->y++;
	row(p, "touched again after release",
	    mp_bytes(num, sizeof(num), (int64_t)(m->refaulted * MP_PAGE_SIZE)));
	for (enum mp_fkind k = 0; k < MP_FK_MAX; k++) {
		if (!m->fk[k])
			continue;
		snprintf(text, sizeof(text), "faults: %s", mp_fkind_name(k));
		snprintf(num, sizeof(num), "%llu", (unsigned long long)m->fk[k]);
		row(p, text, num);
	}
}

void tui_draw_detail(struct tui_grid *g, const struct tui_frame *f)
{
	struct pane p = { g, f, f->lay.detail, f->lay.detail.y };
	const struct mp_proc *proc = tui_frame_proc(f);

	if (p.r.w < 1 || !proc)
		return;
	p.r.x += 1;
	p.r.w -= 1;
	account(&p, proc);
	collections(&p, proc);
	calls(&p, proc);
	if (f->view->pane == TUI_P_MAPS && f->rows.n)
		mapping(&p, tui_pane_selected(f)->p);
}
