/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pane_released.c - who gave memory back, by place and kind of call: what was asked,
 * what RSS fell by, and how soon it was touched again.
 */
#include <stdio.h>

#include "tui/draw.h"
#include "tui/pane.h"
#include "user/util/util.h"
#include "user/view/text.h"

enum col {
	C_CALL,
	C_CALLS,
	C_ASKED,
	C_RELEASED,
	C_LAZY,
	C_ABSENT,
	C_KEPT,
	C_1S,
	C_10S,
	C_60S,
	C_LATER,
	C_LAST,
	C_PLACE,
	C_N
};

static const struct tui_pcol cols[C_N] = {
	[C_CALL] = { .head = "call", .w = 10, .sorts = true, .words = true },
	[C_CALLS] = { .head = "calls", .w = 7, .right = true, .sorts = true },
	[C_ASKED] = { .head = "asked", .w = 7, .right = true, .sorts = true },
	[C_RELEASED] = { .head = "released", .w = 8, .right = true, .sorts = true },
	[C_LAZY] = { .head = "lazy", .w = 6, .from = 110, .right = true, .sorts = true },
	[C_ABSENT] = { .head = "absent", .w = 6, .from = 130, .right = true, .sorts = true },
	[C_KEPT] = { .head = "kept", .w = 6, .from = 120, .right = true, .sorts = true },
	[C_1S] = { .head = "in 1 s", .w = 6, .right = true, .sorts = true },
	[C_10S] = { .head = "10 s", .w = 6, .from = 96, .right = true, .sorts = true },
	[C_60S] = { .head = "60 s", .w = 6, .from = 96, .right = true, .sorts = true },
	[C_LATER] = { .head = "later", .w = 6, .from = 110, .right = true, .sorts = true },
	[C_LAST] = { .head = "last", .w = 8, .from = 140, .right = true, .sorts = true },
	[C_PLACE] = { .head = "place, innermost first", .share = 1 },
};

static uint64_t id_of(const struct mp_release *r)
{
	return r->stack * 0x9e3779b97f4a7c15ULL + r->call * 256 + r->advice;
}

static int collect(const struct tui_frame *f, struct tui_rows *rows)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->state);
	int err = 0;

	for (size_t i = 0; p && i < p->n_releases && !err; i++)
		err = tui_rows_add(rows, id_of(&p->releases[i]), &p->releases[i]);
	return err;
}

/* Of madvise the advice tells. */
static const char *call_name(const struct mp_release *r)
{
	if (r->call == MP_CALL_MADVISE || r->call == MP_CALL_PROCESS_MADVISE)
		return mp_advice_name((unsigned)r->advice);
	return mp_call_name((unsigned)r->call);
}

static uint64_t above_0(int64_t v)
{
	return v > 0 ? (uint64_t)v : 0;
}

static uint64_t figure(const struct mp_release *r, int col)
{
	switch ((enum col)col) {
	case C_CALLS:
		return r->calls;
	case C_ASKED:
		return r->asked;
	case C_LAZY:
		return r->lazy;
	case C_ABSENT:
		return r->absent;
	case C_KEPT:
		return r->kept;
	case C_1S:
	case C_10S:
	case C_60S:
	case C_LATER:
		return r->back[MP_BACK_1S + col - C_1S];
	case C_LAST:
		return r->last_ts;
	default:
		return above_0(r->released);
	}
}

/* What left, or was left to the kernel: nobody looks for one without the other. */
static uint64_t value(const struct tui_frame *f, const struct tui_row *row, int col)
{
	const struct mp_release *r = row->p;

	(void)f;
	if (col == C_CALL)
		return r->call * 256 + r->advice;
	return figure(r, col) + (col == C_RELEASED ? r->lazy : 0);
}

static void text(const struct tui_frame *f, const struct tui_row *row, int col, char *buf,
		 size_t size)
{
	const struct mp_release *r = row->p;

	switch ((enum col)col) {
	case C_CALL:
		snprintf(buf, size, "%s", call_name(r));
		break;
	case C_CALLS:
		snprintf(buf, size, "%llu", (unsigned long long)r->calls);
		break;
	case C_RELEASED:
		mp_bytes(buf, size, r->released);
		break;
	case C_LAST:
		tui_moment(buf, size, f, r->last_ts);
		break;
	case C_PLACE:
		tui_stack_text(f, r->stack, buf, size);
		break;
	default:
		mp_text_bytes(buf, size, figure(r, col));
		break;
	}
}

static int role(const struct tui_frame *f, const struct tui_row *row)
{
	const struct mp_release *r = row->p;

	(void)f;
	return r->released <= 0 && !r->lazy ? TUI_R_DIM : TUI_R_TEXT;
}

static uint64_t when(const struct tui_frame *f, const struct tui_row *row)
{
	const struct mp_release *r = row->p;

	(void)f;
	return r->calls ? r->last_ts : MP_UNKNOWN;
}

static void touched_again(const struct tui_frame *f, const struct mp_release *r,
			  struct tui_lines *l)
{
	static const char *const names[MP_BACK_MAX] = { "within 1 s", "within 10 s", "within 60 s",
							"later" };

	tui_lines_head(l, "touched again since");
	for (int i = 0; i < MP_BACK_MAX; i++)
		tui_lines_bytes(l, names[i], r->back[i], "");
	for (int i = 0; i < MP_RELEASE_BY; i++) {
		char num[16];

		if (!r->by[i].pages)
			continue;
		tui_lines_add(l, TUI_R_DIM, "  by, estimated from samples: %s",
			      mp_bytes(num, sizeof(num), (int64_t)(r->by[i].pages * MP_PAGE_SIZE)));
		tui_lines_stack(l, f, r->by[i].stack);
	}
}

static void detail(const struct tui_frame *f, const struct tui_row *row, struct tui_lines *l)
{
	const struct mp_release *r = row->p;
	char a[32], b[32];

	tui_lines_add(l, TUI_R_BOLD, "memory given back by %s%s%s", mp_call_name((unsigned)r->call),
		      r->call == MP_CALL_MADVISE || r->call == MP_CALL_PROCESS_MADVISE ? " " : "",
		      r->call == MP_CALL_MADVISE || r->call == MP_CALL_PROCESS_MADVISE
			      ? mp_advice_name((unsigned)r->advice)
			      : "");
	snprintf(a, sizeof(a), "%llu failed", (unsigned long long)r->failed);
	tui_lines_count(l, "calls", r->calls, r->failed ? a : "");
	tui_lines_row(l, "first, last", "%s, %s", tui_moment(a, sizeof(a), f, r->first_ts),
		      tui_moment(b, sizeof(b), f, r->last_ts));
	tui_lines_row(l, "time they took", "%7s", mp_duration(a, sizeof(a), r->dur));
	tui_lines_head(l, "asked and got");
	tui_lines_bytes(l, "asked to give back", r->asked, "");
	tui_lines_row(l, "RSS fell by", "%7s  anon %s, file %s",
		      mp_bytes(a, sizeof(a), r->released), mp_bytes(b, sizeof(b), r->anon),
		      mp_bytes((char[16]){ 0 }, 16, r->file + r->shmem));
	tui_lines_bytes(l, "was not there", r->absent, "never touched, or gone already");
	tui_lines_bytes(l, "stayed", r->kept, "locked, or in use by the kernel");
	if (r->lazy) {
		tui_lines_bytes(l, "left to the kernel", r->lazy, "in RSS until memory is short");
		tui_lines_bytes(l, "... which it took", r->taken, "");
	}
	touched_again(f, r, l);
	tui_lines_head(l, "where, innermost first");
	tui_lines_stack(l, f, r->stack);
}

static const char *none(const struct tui_frame *f)
{
	const struct mp_probe *pr = &f->now->probes[MP_FEAT_CALLS];

	return pr->known && pr->rung == MP_RUNG_ABSENT
		       ? "memory calls are not seen: no probe on them"
		       : "no call has given memory back yet";
}

const struct tui_pane tui_pane_released = {
	.name = "released",
	.title = "who gave memory back, and what came of it",
	.cols = cols,
	.n_cols = C_N,
	.sort = C_RELEASED,
	.collect = collect,
	.value = value,
	.text = text,
	.role = role,
	.when = when,
	.detail = detail,
	.none = none,
};
