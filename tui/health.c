/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * health.c - how well the target is watched: what was lost and why, which hooks are not
 * there or tell less than others would. As marks for the status line, in as many cells as
 * there are, and as a page.
 */
#include <stdio.h>
#include <string.h>

#include "tui/draw.h"

static const char *const cause_words[MP_LOSS_MAX] = {
	[MP_LOSS_RING_FULL] = "ring full",
	[MP_LOSS_INFLIGHT] = "too many calls at once",
	[MP_LOSS_MISSED_EXIT] = "calls without an end",
	[MP_LOSS_COMPAT] = "32-bit calls",
	[MP_LOSS_GC_RING] = "collector's ring",
	[MP_LOSS_DISK] = "not written",
	[MP_LOSS_TARGETS] = "too many processes",
	[MP_LOSS_BUSY] = "probe interrupted",
	[MP_LOSS_DAMAGED] = "damaged file",
	[MP_LOSS_STACK] = "stacks: table full",
	[MP_LOSS_LIMIT] = "file asks too much",
};

static const char *const cause_why[MP_LOSS_MAX] = {
	[MP_LOSS_RING_FULL] = "the kernel had no room: events came faster than they were read",
	[MP_LOSS_INFLIGHT] = "calls of too many threads at once to remember their entries",
	[MP_LOSS_MISSED_EXIT] = "the entry of a call was seen and its end was not",
	[MP_LOSS_COMPAT] = "system calls of 32-bit programs, which are not decoded",
	[MP_LOSS_GC_RING] = "the collector overwrote what was not read yet",
	[MP_LOSS_DISK] = "the recording could not be written; the picture has them",
	[MP_LOSS_TARGETS] = "no room for one more process",
	[MP_LOSS_BUSY] = "a probe was interrupted by another one",
	[MP_LOSS_DAMAGED] = "blocks of the recording cannot be read",
	[MP_LOSS_STACK] = "stacks that found no room; their memory is counted",
	[MP_LOSS_LIMIT] = "events that ask for more than a recording of this size can need",
};

static const char *const feature_words[MP_FEAT_MAX] = {
	[MP_FEAT_FAULTS] = "page faults",
	[MP_FEAT_CALLS] = "mmap, munmap, madvise, brk",
	[MP_FEAT_TASKS] = "fork, exec, exit",
	[MP_FEAT_RSS] = "the kernel's counters of memory",
	[MP_FEAT_HEAP_V8] = "collections of V8",
	[MP_FEAT_HEAP_GC] = "heaps of libmpgc",
	[MP_FEAT_MAJORS] = "faults that waited for a disk",
	[MP_FEAT_STACKS] = "where in the program it was done",
	[MP_FEAT_HEAP_GO] = "collections of Go",
	[MP_FEAT_HEAP_JVM] = "heap of a JVM",
	[MP_FEAT_HEAP_PYTHON] = "collections of CPython",
	[MP_FEAT_HEAP_RUBY] = "collections of CRuby",
	[MP_FEAT_HEAP_LOG] = "a GC log",
	[MP_FEAT_OOM] = "whom the kernel kills when memory runs out",
};

/* --- hooks -------------------------------------------------------------------------- */

static bool hooked(unsigned feat)
{
	return feat == MP_FEAT_FAULTS || feat == MP_FEAT_CALLS || feat == MP_FEAT_TASKS;
}

/* These rungs see less: no faults of the kernel, no children. */
static bool lower(unsigned feat, const struct mp_probe *p)
{
	return hooked(feat) && (p->rung == MP_RUNG_TRACEPOINT || p->rung == MP_RUNG_PERF);
}

bool tui_polling_only(const struct mp_model *m)
{
	for (unsigned i = 1; i < MP_FEAT_MAX; i++)
		if (hooked(i) && (!m->probes[i].known || m->probes[i].rung != MP_RUNG_ABSENT))
			return false;
	return true;
}

/* "calls absent, faults by perf"; false: all there is, is attached. */
static bool degraded(const struct mp_model *m, char *buf, size_t size)
{
	size_t len = 0;

	*buf = '\0';
	for (unsigned i = 1; i < MP_FEAT_MAX && len < size; i++) {
		const struct mp_probe *p = &m->probes[i];

		if (!p->known || (p->rung != MP_RUNG_ABSENT && !lower(i, p)))
			continue;
		len += (size_t)snprintf(buf + len, size - len, "%s%s%s %s", len ? ", " : "",
					mp_feature_name(i), p->rung ? " by" : "",
					mp_rung_name(p->rung));
	}
	return len;
}

int tui_health_marks(const struct tui_frame *f, struct tui_mark_text marks[2])
{
	const struct mp_model *m = f->now;
	uint64_t all = mp_model_lost_total(m);
	uint64_t here = f->state ? mp_model_lost_total(f->state) : all;
	char hooks[96], count[48];
	unsigned worst = 1;
	int n = 0;

	for (unsigned c = 1; c < MP_LOSS_MAX; c++)
		worst = mp_model_lost(m, c) > mp_model_lost(m, worst) ? c : worst;
	if (all) {
		/* up to the moment looked at, where that is not all */
		if (here < all)
			snprintf(count, sizeof(count), "%llu of %llu", (unsigned long long)here,
				 (unsigned long long)all);
		else
			snprintf(count, sizeof(count), "%llu", (unsigned long long)all);
		marks[n].role = TUI_R_ALARM;
		snprintf(marks[n].text[0], sizeof(marks[n].text[0]), " LOST %s: %s ", count,
			 cause_words[worst] ? cause_words[worst] : "unknown cause");
		snprintf(marks[n].text[1], sizeof(marks[n].text[1]), " LOST %s ", count);
		snprintf(marks[n].text[2], sizeof(marks[n].text[2]), " LOST ");
		snprintf(marks[n++].text[3], sizeof(marks[0].text[3]), "!");
	}
	if (tui_polling_only(m))
		snprintf(hooks, sizeof(hooks), "polling only");
	else if (!degraded(m, hooks, sizeof(hooks)))
		return n;
	marks[n].role = TUI_R_PAUSED;
	snprintf(marks[n].text[0], sizeof(marks[n].text[0]), " %s%s ",
		 tui_polling_only(m) ? "" : "hooks: ", hooks);
	snprintf(marks[n].text[1], sizeof(marks[n].text[1]), " %s ", hooks);
	snprintf(marks[n].text[2], sizeof(marks[n].text[2]), " hooks! ");
	snprintf(marks[n++].text[3], sizeof(marks[0].text[3]), "h");
	return n;
}

/* --- the page ----------------------------------------------------------------------- */

static void hook_lines(const struct tui_frame *f, struct tui_lines *out)
{
	const struct mp_model *m = f->now;

	tui_lines_add(out, TUI_R_BOLD, "How it is watched");
	if (tui_polling_only(m))
		tui_lines_add(
			out, TUI_R_TEXT,
			"No hook is attached: figures are read from /proc ten times a second; "
			"faults, calls and the memory they move are not seen.");
	for (unsigned i = 1; i < MP_FEAT_MAX; i++) {
		const struct mp_probe *p = &m->probes[i];
		bool less = p->rung == MP_RUNG_ABSENT || lower(i, p);

		if (!p->known)
			continue;
		tui_lines_add(out, less ? TUI_R_BOLD : TUI_R_TEXT, "  %-11s %-10s  %s",
			      mp_feature_name(i), mp_rung_name(p->rung), feature_words[i]);
		if (p->why)
			tui_lines_add(out, TUI_R_DIM, "              %s", mp_str(m, p->why));
		else if (p->rung == MP_RUNG_ABSENT && p->err)
			tui_lines_add(out, TUI_R_DIM, "              %s", strerror(-p->err));
	}
}

static void loss_lines(const struct tui_frame *f, struct tui_lines *out)
{
	const struct mp_model *m = f->now;

	tui_lines_add(out, TUI_R_TEXT, "%s", "");
	if (!mp_model_lost_total(m)) {
		tui_lines_add(out, TUI_R_BOLD, "Nothing was lost");
		return;
	}
	tui_lines_add(out, TUI_R_BOLD, "Lost: figures are too low by what these would have told");
	for (unsigned c = 1; c < MP_LOSS_MAX; c++) {
		if (!mp_model_lost(m, c))
			continue;
		tui_lines_add(out, TUI_R_TEXT, "  %10llu  %s",
			      (unsigned long long)mp_model_lost(m, c),
			      cause_why[c] ? cause_why[c] : mp_loss_name(c));
		if (f->state && f->state != m && mp_model_lost(f->state, c) < mp_model_lost(m, c))
			tui_lines_add(out, TUI_R_DIM, "  %10llu  of them up to here",
				      (unsigned long long)mp_model_lost(f->state, c));
	}
}

void tui_health_lines(const struct tui_frame *f, struct tui_lines *out)
{
	hook_lines(f, out);
	loss_lines(f, out);
	tui_lines_add(out, TUI_R_TEXT, "%s", "");
	tui_lines_add(out, TUI_R_DIM, "memprof doctor tells what this machine allows, and why.");
}
