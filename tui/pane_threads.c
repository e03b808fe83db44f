/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pane_threads.c - the threads of the process: which of them bring memory in.
 */
#include <stdio.h>

#include "tui/draw.h"
#include "tui/pane.h"
#include "user/util/util.h"
#include "user/view/figures.h"

enum col { C_TID, C_FAULTS, C_KERNEL, C_MAJORS, C_NEW, C_NAME, C_N };

static const struct tui_pcol cols[C_N] = {
	[C_TID] = { .head = "tid", .w = 9, .right = true, .sorts = true, .ascending = true },
	[C_FAULTS] = { .head = "faults", .w = 12, .right = true, .sorts = true },
	[C_KERNEL] = { .head = "in kernel", .w = 12, .right = true, .sorts = true },
	[C_MAJORS] = { .head = "waited", .w = 8, .right = true, .sorts = true },
	[C_NEW] = { .head = "new", .w = 8, .right = true, .sorts = true },
	[C_NAME] = { .head = "thread",
		     .share = 1,
		     .sorts = true,
		     .ascending = true,
		     .words = true },
};

static int collect(const struct tui_frame *f, struct tui_rows *rows)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->state);
	int err = 0;

	for (size_t i = 0; p && i < p->n_threads && !err; i++)
		if (p->threads[i].faults)
			err = tui_rows_add(rows, p->threads[i].tid, &p->threads[i]);
	return err;
}

static uint64_t value(const struct tui_frame *f, const struct tui_row *r, int col)
{
	const struct mp_thread *t = r->p;

	(void)f;
	switch ((enum col)col) {
	case C_TID:
		return t->tid;
	case C_KERNEL:
		return t->kernel;
	case C_MAJORS:
		return t->majors;
	case C_NEW:
		return t->pages_added;
	default:
		return t->faults;
	}
}

static void text(const struct tui_frame *f, const struct tui_row *r, int col, char *buf,
		 size_t size)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->state);
	const struct mp_thread *t = r->p;
	uint32_t name = t->name || t->tid != p->tgid ? t->name : p->comm;

	if (col == C_NAME)
		snprintf(buf, size, "%s", mp_str(f->state, name));
	else if (col == C_NEW)
		mp_bytes(buf, size, (int64_t)(t->pages_added * MP_PAGE_SIZE));
	else if (col == C_MAJORS && !t->majors && !mp_fig_majors_known(f->now, p))
		snprintf(buf, size, "-");
	else
		snprintf(buf, size, "%llu", (unsigned long long)value(f, r, col));
}

static void detail(const struct tui_frame *f, const struct tui_row *r, struct tui_lines *l)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->state);
	const struct mp_thread *t = r->p;
	char name[TUI_CELL_MAX], pct[16];

	text(f, r, C_NAME, name, sizeof(name));
	tui_lines_add(l, TUI_R_BOLD, "thread %u %s", t->tid, name);
	tui_percent(pct, sizeof(pct), t->faults, p->faults);
	snprintf(name, sizeof(name), "%s of all its process had", pct);
	tui_lines_count(l, "pages faulted", t->faults, name);
	tui_lines_count(l, "... in kernel mode", t->kernel,
			"read() and the like into fresh memory");
	tui_lines_bytes(l, "brought in", t->pages_added * MP_PAGE_SIZE, "new in RSS then");
	tui_lines_count(l, "waited for the disk",
			t->majors || mp_fig_majors_known(f->now, p) ? t->majors : MP_UNKNOWN, "");
	if (t->last_addr) {
		const struct mp_mapping *m = mp_proc_find(p, t->last_addr);

		tui_lines_head(l, "its last run of faults");
		tui_lines_row(l, "from address", "%llx, %u pages%s",
			      (unsigned long long)t->last_addr, t->last_pages,
			      t->last_kernel ? ", in kernel mode" : "");
		if (m)
			tui_lines_row(l, "in", "%s %s", mp_class_name(m->cls),
				      mp_str(f->state, m->name));
	}
}

static const char *none(const struct tui_frame *f)
{
	return mp_fig_seen(f->now, MP_FEAT_FAULTS) ? "no thread has faulted yet"
						   : "no hook tells of faults";
}

const struct tui_pane tui_pane_threads = {
	.name = "threads",
	.title = "threads by the pages they faulted",
	.cols = cols,
	.n_cols = C_N,
	.sort = C_FAULTS,
	.collect = collect,
	.value = value,
	.text = text,
	.detail = detail,
	.none = none,
};
