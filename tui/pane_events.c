/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pane_events.c - what happened around the moment looked at, one row an event; faults
 * that follow each other are one row. The selected row is where the cursor stands, so
 * going through the rows is going through time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/draw.h"
#include "tui/pane.h"
#include "user/util/util.h"
#include "user/view/dump.h"
#include "user/view/event.h"
#include "user/view/instant.h"

#define FRAMES 4  /* of a stack in a row         */
#define LISTED 30 /* faults of a run on its page */

enum col { C_TIME, C_TYPE, C_BYTES, C_WHAT, C_TID, C_PLACE, C_N };

static const struct tui_pcol cols[C_N] = {
	[C_TIME] = { .head = "time", .w = 12, .right = true, .sorts = true, .ascending = true },
	[C_TYPE] = { .head = "event", .w = 7, .sorts = true },
	[C_BYTES] = { .head = "bytes", .w = 7, .right = true, .sorts = true },
	[C_WHAT] = { .head = "what", .share = 5 },
	[C_TID] = { .head = "thread", .w = 7, .from = 100, .right = true, .sorts = true },
	[C_PLACE] = { .head = "where", .share = 3 },
};

/* --- what a row is ------------------------------------------------------------------- */

static const struct tui_happened *first_of(const struct tui_frame *f, const struct tui_row *r)
{
	return &f->near.all.v[((const struct tui_near_row *)r->p)->first];
}

static const struct tui_happened *last_of(const struct tui_frame *f, const struct tui_row *r)
{
	const struct tui_near_row *n = r->p;

	return &f->near.all.v[n->first + n->n - 1];
}

static size_t count_of(const struct tui_row *r)
{
	return ((const struct tui_near_row *)r->p)->n;
}

static uint64_t id_of(const struct tui_happened *h)
{
	return h->e.ts << 12 | (h->nth & 0xfff);
}

static bool there(const struct tui_frame *f)
{
	return f->src && f->src->events;
}

static int collect(const struct tui_frame *f, struct tui_rows *rows)
{
	int err = 0;

	for (size_t i = 0; i < f->near.n_rows && !err; i++)
		err = tui_rows_add(rows, id_of(&f->near.all.v[f->near.row[i].first]),
				   &f->near.row[i]);
	return err;
}

/* What it took, gave or asked for. */
static uint64_t bytes_of(const struct tui_frame *f, const struct tui_row *r)
{
	const struct tui_happened *h = first_of(f, r);
	uint64_t pages = 0;

	switch (h->e.type) {
	case MP_EV_FAULT:
		for (size_t i = 0; i < count_of(r); i++)
			pages += h[i].e.x;
		return pages * MP_PAGE_SIZE;
	case MP_EV_CALL:
		if (h->e.sub == MP_CALL_BRK)
			return h->e.call.addr > h->e.call.len2 ? h->e.call.addr - h->e.call.len2
							       : h->e.call.len2 - h->e.call.addr;
		return h->e.call.len;
	case MP_EV_GC:
		if (h->e.gc.before == MP_UNKNOWN || h->e.gc.after == MP_UNKNOWN)
			return MP_UNKNOWN;
		return h->e.gc.before > h->e.gc.after ? h->e.gc.before - h->e.gc.after : 0;
	case MP_EV_HEAP_RANGE:
		return h->e.range.len;
	case MP_EV_SAMPLE:
		return h->e.sample.size;
	default:
		return MP_UNKNOWN;
	}
}

static uint64_t value(const struct tui_frame *f, const struct tui_row *r, int col)
{
	const struct tui_happened *h = first_of(f, r);
	uint64_t bytes;

	switch ((enum col)col) {
	case C_TYPE:
		return h->e.type * 256u + h->e.sub;
	case C_BYTES:
		bytes = bytes_of(f, r);
		return bytes == MP_UNKNOWN ? 0 : bytes;
	case C_TID:
		return h->e.tid;
	default:
		return (uint64_t)(h - f->near.all.v);
	}
}

/* --- in words -------------------------------------------------------------------------- */

static void faults_text(const struct tui_frame *f, const struct tui_row *r, char *buf, size_t size)
{
	const struct tui_happened *h = first_of(f, r);
	uint64_t begin = h->e.ts - h->e.fault.span, pages = 0, bits = 0;
	uint32_t threads = 1;
	char dur[16];

	for (size_t i = 0; i < count_of(r); i++) {
		pages += h[i].e.x;
		bits |= h[i].e.sub;
		threads += i && h[i].e.tid != h[i - 1].e.tid;
		begin = h[i].e.ts - h[i].e.fault.span < begin ? h[i].e.ts - h[i].e.fault.span
							      : begin;
	}
	snprintf(buf, size, "%llu page%s %s", (unsigned long long)pages, pages == 1 ? "" : "s",
		 bits & MP_FAULT_WRITE ? "written" : "touched");
	if (last_of(f, r)->e.ts > begin)
		snprintf(buf + strlen(buf), size - strlen(buf), " in %s",
			 mp_duration(dur, sizeof(dur), last_of(f, r)->e.ts - begin));
	if (threads > 1)
		snprintf(buf + strlen(buf), size - strlen(buf), ", several threads");
}

static void call_text(const struct mp_event *e, char *buf, size_t size)
{
	int64_t pages = (int64_t)e->call.d_anon + e->call.d_file + e->call.d_shmem;
	bool advice = e->sub == MP_CALL_MADVISE || e->sub == MP_CALL_PROCESS_MADVISE;
	char num[16];

	snprintf(buf, size, "%s%s%s", mp_call_name(e->sub), advice ? " " : "",
		 advice ? mp_advice_name(e->x) : "");
	if (e->flags & MP_CALL_FAILED)
		snprintf(buf + strlen(buf), size - strlen(buf), " failed: %s",
			 strerror((int)-e->call.ret));
	else if (!(e->flags & MP_CALL_NO_DELTA) && pages)
		snprintf(buf + strlen(buf), size - strlen(buf), ", RSS %s",
			 mp_bytes_signed(num, sizeof(num), pages * (int64_t)MP_PAGE_SIZE));
}

static void gc_text(const struct mp_event *e, char *buf, size_t size)
{
	char a[16], b[16], c[16];

	snprintf(buf, size, "%s", mp_gc_kind_name(e->sub));
	if (e->gc.before != MP_UNKNOWN && e->gc.after != MP_UNKNOWN)
		snprintf(buf + strlen(buf), size - strlen(buf), ", heap %s to %s",
			 mp_bytes(a, sizeof(a), (int64_t)e->gc.before),
			 mp_bytes(b, sizeof(b), (int64_t)e->gc.after));
	if (e->gc.pause)
		snprintf(buf + strlen(buf), size - strlen(buf), ", pause %s",
			 mp_duration(c, sizeof(c), e->gc.pause));
}

static void task_text(const struct mp_event *e, char *buf, size_t size)
{
	if (e->sub == MP_TASK_FORK)
		snprintf(buf, size, "fork: process %llu", (unsigned long long)e->task.a);
	else if (e->sub == MP_TASK_THREAD)
		snprintf(buf, size, "new thread %llu", (unsigned long long)e->task.a);
	else
		snprintf(buf, size, "%s", mp_event_sub(mp_event_type(e->type), e->sub));
}

static void what_text(const struct tui_frame *f, const struct tui_row *r, char *buf, size_t size)
{
	const struct mp_event *e = &first_of(f, r)->e;
	const struct mp_event_type *t = mp_event_type(e->type);
	const char *sub = t ? mp_event_sub(t, e->sub) : NULL;
	char dur[16];

	switch (e->type) {
	case MP_EV_FAULT:
		faults_text(f, r, buf, size);
		break;
	case MP_EV_CALL:
		call_text(e, buf, size);
		break;
	case MP_EV_GC:
		gc_text(e, buf, size);
		break;
	case MP_EV_TASK:
		task_text(e, buf, size);
		break;
	case MP_EV_NOTE:
		snprintf(buf, size, "%s", mp_str(f->now, (uint32_t)e->v[0]));
		break;
	case MP_EV_LOSS:
		snprintf(buf, size, "%u event%s lost: %s", e->x, e->x == 1 ? "" : "s",
			 mp_loss_name(e->sub));
		break;
	case MP_EV_PHASE:
		snprintf(buf, size, "%s, %s", mp_phase_name(e->sub),
			 mp_duration(dur, sizeof(dur), e->phase.dur));
		break;
	case MP_EV_SAMPLE:
		snprintf(buf, size, "allocated: %s", mp_str(f->now, (uint32_t)e->sample.what));
		break;
	case MP_EV_MAJOR:
		snprintf(buf, size, "waited for a disk");
		break;
	default:
		snprintf(buf, size, "%s", sub ? sub : "");
		break;
	}
}

/* The state knows the stacks of its time, the newest model those of now. */
static const struct mp_model *knows(const struct tui_frame *f, uint64_t stack)
{
	if (f->state && mp_model_stack(f->state, stack))
		return f->state;
	return mp_model_stack(f->now, stack) ? f->now : NULL;
}

static void frame_text(const struct tui_frame *f, const struct mp_model *m, uint64_t ip, char *buf,
		       size_t size)
{
	const struct mp_proc *p = tui_view_proc(f->view, m);

	*buf = '\0';
	if (p && ip)
		mp_frame_text(m, p->mm, ip, buf, size);
}

static void place_text(const struct tui_frame *f, const struct tui_row *r, char *buf, size_t size)
{
	const struct tui_happened *h = first_of(f, r);
	const struct mp_model *m = NULL;
	size_t len = 0;

	for (size_t i = 0; i < count_of(r) && !m; i++)
		if (h[i].stack && (m = knows(f, h[i].stack)))
			h += i;
	if (!m && h->e.type == MP_EV_FAULT)
		frame_text(f, f->state ? f->state : f->now, h->e.fault.ip, buf, size);
	if (!m)
		return;
	for (uint32_t i = 0; i < FRAMES && len < size; i++) {
		const struct mp_stack *st = mp_model_stack(m, h->stack);
		char frame[128];

		if (i >= st->n)
			break;
		frame_text(f, m, st->ip[i], frame, sizeof(frame));
		len += (size_t)snprintf(buf + len, size - len, "%s%s", i ? " < " : "", frame);
	}
}

/* As fine as there is room for: microseconds in the first hour. */
static void time_text(const struct tui_frame *f, uint64_t ts, char *buf, size_t size)
{
	uint64_t ns = tui_since(f->now, ts);
	bool hours = ns >= 3600000000000ULL;
	char clock[24];

	snprintf(buf, size, "%s.%0*u", tui_clock(clock, sizeof(clock), ns), hours ? 4 : 6,
		 (unsigned)(ns % 1000000000 / (hours ? 100000 : 1000)));
}

static const char *type_text(const struct mp_event *e)
{
	switch (e->type) {
	case MP_EV_FAULT:
		return "faults";
	case MP_EV_HEAP_RANGE:
		return "heap";
	case MP_EV_MAJOR:
		return "major";
	default:
		return mp_dump_type(e->type);
	}
}

static void text(const struct tui_frame *f, const struct tui_row *r, int col, char *buf,
		 size_t size)
{
	const struct tui_happened *h = first_of(f, r);
	uint64_t bytes;

	switch ((enum col)col) {
	case C_TIME:
		time_text(f, h->e.ts, buf, size);
		break;
	case C_TYPE:
		snprintf(buf, size, "%s", type_text(&h->e));
		break;
	case C_BYTES:
		bytes = bytes_of(f, r);
		if (bytes != MP_UNKNOWN)
			mp_bytes(buf, size, (int64_t)bytes);
		break;
	case C_WHAT:
		what_text(f, r, buf, size);
		break;
	case C_TID:
		if (h->e.tid)
			snprintf(buf, size, "%u", h->e.tid);
		break;
	case C_PLACE:
		place_text(f, r, buf, size);
		break;
	case C_N:
		break;
	}
}

static int role(const struct tui_frame *f, const struct tui_row *r)
{
	unsigned kinds = first_of(f, r)->kinds;

	if (kinds & TUI_K_GC)
		return TUI_R_GC;
	if (kinds & TUI_K_RELEASE)
		return TUI_R_RELEASE;
	if (kinds & TUI_K_NOTE)
		return TUI_R_NOTE;
	return kinds & TUI_K_MAP ? TUI_R_MAP : TUI_R_TEXT;
}

/* --- the cursor ------------------------------------------------------------------------ */

static bool not_after(const struct tui_happened *h, uint64_t ts, uint32_t nth)
{
	return h->e.ts < ts || (h->e.ts == ts && h->nth <= nth);
}

/* The last one that has happened, of those shown; before all of them the first. */
static const struct tui_row *at(const struct tui_frame *f)
{
	uint64_t ts = tui_view_moment(f->view, f->now);
	uint32_t nth = f->view->exact && !f->view->follow ? f->view->nth : UINT32_MAX;
	const struct tui_row *best = NULL, *first = NULL;

	for (size_t i = 0; i < f->rows.n; i++) {
		const struct tui_row *r = &f->rows.v[i];

		if (!first || first_of(f, r) < first_of(f, first))
			first = r;
		if (not_after(first_of(f, r), ts, nth) &&
		    (!best || first_of(f, r) > first_of(f, best)))
			best = r;
	}
	return best ? best : first;
}

/* Behind all of a run. */
static void moved(struct tui_frame *f, const struct tui_row *r)
{
	const struct tui_happened *h = last_of(f, r);

	tui_view_go(f->view, f->now, h->e.ts, h->nth);
}

/* --- all of it ------------------------------------------------------------------------- */

static void add_field(void *arg, const char *key, const char *value_text)
{
	struct tui_lines *out = arg;

	tui_lines_add(out, TUI_R_TEXT, "%-10s %s", key, value_text);
}

static void add_stack(const struct tui_frame *f, uint64_t id, struct tui_lines *out)
{
	const struct mp_model *m = id ? knows(f, id) : NULL;
	const struct mp_stack *st = m ? mp_model_stack(m, id) : NULL;
	char frame[256];

	tui_lines_add(out, TUI_R_DIM, " ");
	if (!st) {
		tui_lines_add(out, TUI_R_DIM,
			      id ? "its stack is not known at this moment"
				 : "no stack was taken for it");
		return;
	}
	tui_lines_add(out, TUI_R_BOLD, "stack, innermost frame first:");
	for (uint32_t i = 0; i < st->n; i++) {
		frame_text(f, m, st->ip[i], frame, sizeof(frame));
		tui_lines_add(out, TUI_R_TEXT, "  %s", frame);
	}
	if (st->n < st->total)
		tui_lines_add(out, TUI_R_DIM, "  ... and %u more", st->total - st->n);
}

static void detail(const struct tui_frame *f, const struct tui_row *r, struct tui_lines *out)
{
	const struct tui_happened *h = first_of(f, r);
	uint64_t stack = 0, t0 = f->now->start;
	char what[TUI_CELL_MAX] = "", when[40];

	what_text(f, r, what, sizeof(what));
	tui_lines_add(out, TUI_R_BOLD, "%s", what);
	for (size_t i = 0; i < count_of(r) && i < LISTED; i++) {
		tui_lines_add(out, TUI_R_DIM, " ");
		if (mp_dump_fields(&h[i].e, t0, f->now, add_field, out))
			out->full = true;
		stack = stack ? stack : h[i].stack;
	}
	if (count_of(r) > LISTED)
		tui_lines_add(out, TUI_R_DIM, "... and %zu more of this run", count_of(r) - LISTED);
	if (mp_wall_text(f->now, h->e.ts, 3, when, sizeof(when)))
		tui_lines_add(out, TUI_R_TEXT, "%-10s %s", "clock", when);
	add_stack(f, stack, out);
}

static const char *none(const struct tui_frame *f)
{
	if (!f->src || !f->src->events)
		return "single events are not kept here";
	if (f->near.err)
		return "the events cannot be read";
	return f->near.start && f->near.end ? "nothing happened" : "reading ...";
}

const struct tui_pane tui_pane_events = {
	.name = "events",
	.title = "what happened around the cursor",
	.cols = cols,
	.n_cols = C_N,
	.sort = C_TIME,
	.there = there,
	.stateless = true,
	.collect = collect,
	.value = value,
	.text = text,
	.role = role,
	.at = at,
	.moved = moved,
	.detail = detail,
	.none = none,
};
