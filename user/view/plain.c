/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * plain.c - the live view as lines, and the story by stages. See plain.h.
 *
 * Owns: columns and what counts as a stage. Must not: read a clock; keep more of
 * the model than the counters of the last interval and a few figures a note.
 */
#include "user/view/plain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "user/util/util.h"
#include "user/view/figures.h"
#include "user/view/plain_procs.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define HEADER_EVERY  24  /* lines, on a terminal */
#define NOTE_MAX      512 /* bytes of a note's text shown */

/* What a stage of the story reached; bytes, MP_UNKNOWN where no source told. */
enum { R_RSS, R_USED, R_COMMITTED, R_RESIDENT, R_OWED, R_N };

struct stage {
	uint64_t ts;
	uint32_t note; /* string id */
	bool closed;   /* reached[] is what it ended with */
	uint64_t reached[R_N];
};

/* Counters that only grow, as of the end of the last interval. */
struct counters {
	uint64_t faults, minor, major, other, dropped, lost;
};

struct mp_plain {
	FILE *f;
	struct mp_term term;
	unsigned lines; /* since the header */
	bool started;
	uint64_t last_ts;
	struct counters last;
	struct mp_plain_procs procs; /* of lines that name them */
	bool several;
	uint64_t noted_ts;   /* the timeline's notes before it are printed */
	uint32_t noted;	     /* the last of them */
	size_t n, cap, told; /* stages kept by mp_plain_event; printed */
	struct stage *stages;
};

struct mp_plain *mp_plain_new(FILE *f, const struct mp_term *term)
{
	struct mp_plain *pl = calloc(1, sizeof(*pl));

	if (!pl)
		return NULL;
	pl->f = f;
	if (term)
		pl->term = *term;
	return pl;
}

void mp_plain_free(struct mp_plain *pl)
{
	if (!pl)
		return;
	free(pl->stages);
	mp_plain_procs_free(&pl->procs);
	free(pl);
}

/* --- the lines ----------------------------------------------------------------- */

struct now {
	const struct mp_model *m;
	const struct mp_proc *p;
	const struct mp_heap *heap;
	struct mp_account acc;
	struct counters d; /* in this interval */
	uint64_t dt;	   /* ns */
	bool gap;	   /* what happened is not known: blocks were unreadable */
};

static uint64_t known(bool source, int64_t v)
{
	return source ? (uint64_t)v : MP_UNKNOWN;
}

static uint64_t cell_rss(const struct now *n)
{
	return known(n->p->rss_known && mp_fig_told(n->m, n->p->rss.ts), n->acc.rss);
}

static uint64_t cell_used(const struct now *n)
{
	return n->heap && mp_fig_told(n->m, n->heap->ts) ? n->heap->used : MP_UNKNOWN;
}

static uint64_t cell_committed(const struct now *n)
{
	return n->heap && mp_fig_told(n->m, n->heap->ts) ? n->heap->committed : MP_UNKNOWN;
}

static uint64_t cell_lazy(const struct now *n)
{
	return known(n->acc.lazy_known && !n->m->gap_ts, n->acc.lazy_heap);
}

static uint64_t cell_free(const struct now *n)
{
	return known(n->acc.heap_known && !n->m->gap_ts, n->acc.free_heap_resident);
}

static uint64_t cell_owed(const struct now *n)
{
	return known(mp_fig_gc_known(n->m, n->p) && mp_proc_sized(n->p) && !n->m->gap_ts,
		     (int64_t)n->p->owed);
}

static const struct {
	const char *name;
	uint64_t (*get)(const struct now *n);
} cells[] = {
	{ "rss", cell_rss },   { "used", cell_used }, { "commit", cell_committed },
	{ "lazy", cell_lazy }, { "free", cell_free }, { "owed", cell_owed },
};

static void put_header(struct mp_plain *pl)
{
	fprintf(pl->f, "%9s", "time");
	for (size_t i = 0; i < ARRAY_SIZE(cells); i++)
		fprintf(pl->f, " %6s", cells[i].name);
	fprintf(pl->f, " %8s %7s %8s\n", "faults/s", "gc m/M", "released");
	pl->lines = 0;
}

static void put_seconds(FILE *f, int width, uint64_t ns)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "%" PRIu64 ".%03" PRIu64, ns / 1000000000, ns / 1000000 % 1000);
	fprintf(f, "%*s", width, buf);
}

static void put_note(struct mp_plain *pl, const struct mp_model *m, uint32_t note, uint64_t ts)
{
	char text[NOTE_MAX];

	mp_text_clean(text, sizeof(text), &pl->term, mp_str(m, note));
	fprintf(pl->f, "-- %s (at ", text);
	put_seconds(pl->f, 0, mp_fig_since(m, ts));
	fputs(" s)\n", pl->f);
	pl->lines++;
}

/* Notes of the timeline up to ts that were not printed yet. */
static void put_tl_notes(struct mp_plain *pl, const struct mp_model *m, const struct mp_proc *p,
			 uint64_t ts)
{
	const struct mp_timeline *tl = &p->tl;

	for (size_t i = 0; i < tl->n && tl->p[i].ts <= ts; i++) {
		const struct mp_point *pt = &tl->p[i];
		/* a stretch that began before the last look may hold a note seen then */
		bool old = pt->ts + tl->width <= pl->noted_ts ||
			   (pt->ts < pl->noted_ts && pt->note == pl->noted);

		if (!pt->note || old)
			continue;
		put_note(pl, m, pt->note, pt->ts);
		pl->noted = pt->note;
	}
	pl->noted_ts = ts + 1;
}

static void put_notes(struct mp_plain *pl, const struct mp_model *m, const struct mp_proc *p,
		      uint64_t ts)
{
	if (!pl->n) {
		put_tl_notes(pl, m, p, ts);
		return;
	}
	for (; pl->told < pl->n && pl->stages[pl->told].ts <= ts; pl->told++)
		put_note(pl, m, pl->stages[pl->told].note, pl->stages[pl->told].ts);
}

static struct counters count(const struct mp_model *m, const struct mp_proc *p)
{
	struct counters c = { .lost = m->lost_total };

	if (!p)
		return c;
	c.faults = p->faults;
	c.minor = p->gc_minor;
	c.major = p->gc_major;
	c.other = p->gc_other == MP_UNKNOWN ? 0 : p->gc_other;
	for (unsigned i = 1; i < MP_CALL_MAX; i++)
		c.dropped += p->calls[i].dropped;
	return c;
}

void mp_plain_begin(struct mp_plain *pl, const struct mp_model *m)
{
	pl->last = count(m, mp_model_main(m));
	pl->last_ts = m->now;
	pl->noted_ts = m->now;
	mp_plain_procs_begin(&pl->procs, m); /* without memory all is news */
}

static uint64_t grown(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static void put_figures(struct mp_plain *pl, const struct now *n)
{
	char buf[32], gc[64] = "-";

	for (size_t i = 0; i < ARRAY_SIZE(cells); i++)
		fprintf(pl->f, " %6s",
			mp_text_bytes(buf, sizeof(buf), n->p ? cells[i].get(n) : MP_UNKNOWN));
	snprintf(buf, sizeof(buf), "-");
	if (n->p && n->dt && !n->gap && mp_fig_seen(n->m, MP_FEAT_FAULTS))
		snprintf(buf, sizeof(buf), "%.0f", (double)n->d.faults * 1e9 / (double)n->dt);
	fprintf(pl->f, " %8s", buf);
	if (!n->gap && mp_fig_gc_known(n->m, n->p))
		snprintf(gc, sizeof(gc), "%" PRIu64 "/%" PRIu64, n->d.minor, n->d.major);
	if (*gc != '-' && n->d.other)
		snprintf(gc + strlen(gc), sizeof(gc) - strlen(gc), "+%" PRIu64, n->d.other);
	fprintf(pl->f, " %7s", gc);
	mp_text_bytes(buf, sizeof(buf),
		      n->p && !n->gap && mp_fig_seen(n->m, MP_FEAT_CALLS)
			      ? n->d.dropped * MP_PAGE_SIZE
			      : MP_UNKNOWN);
	fprintf(pl->f, " %8s%s\n", buf, n->d.lost ? "!" : "");
}

static void look(struct mp_plain *pl, const struct mp_model *m, uint64_t ts, struct now *n)
{
	enum mp_heap_source src;
	struct counters c;

	*n = (struct now){ .m = m, .p = mp_model_main(m) };
	if (n->p) {
		mp_account(n->p, &n->acc);
		n->heap = mp_proc_heap(n->p, &src);
	}
	c = count(m, n->p);
	if (!pl->last_ts)
		pl->last_ts = m->start;
	n->dt = grown(ts, pl->last_ts);
	n->d = (struct counters){
		grown(c.faults, pl->last.faults),   grown(c.minor, pl->last.minor),
		grown(c.major, pl->last.major),	    grown(c.other, pl->last.other),
		grown(c.dropped, pl->last.dropped), grown(c.lost, pl->last.lost)
	};
	n->gap = m->gap_ts != 0;
	if (n->gap) { /* what is known again later is about all of that time */
		pl->last.lost = c.lost;
		return;
	}
	pl->last = c;
	pl->last_ts = ts;
}

/* A line for each process, once there have been several. */
static int put_several(struct mp_plain *pl, const struct mp_model *m, const struct now *n,
		       uint64_t ts)
{
	int err;

	if (!pl->several && pl->started)
		fputs("-- from here on a line for each process\n", pl->f);
	pl->several = pl->started = true;
	if (n->p)
		put_notes(pl, m, n->p, ts);
	if (n->d.lost)
		fprintf(pl->f, "-- %" PRIu64 " events lost: figures of this interval are too low\n",
			n->d.lost);
	err = mp_plain_procs_lines(&pl->procs, pl->f, &pl->term, m, ts, n->dt);
	return err ? err : mp_view_flush(pl->f);
}

int mp_plain_interval(struct mp_plain *pl, const struct mp_model *m, uint64_t ts)
{
	struct now n;

	look(pl, m, ts, &n);
	if (pl->several || mp_plain_several(m))
		return put_several(pl, m, &n, ts);
	if (!pl->started || (pl->term.tty && pl->lines >= HEADER_EVERY))
		put_header(pl);
	pl->started = true;
	if (n.p)
		put_notes(pl, m, n.p, ts);
	if (n.d.lost) {
		fprintf(pl->f, "-- %" PRIu64 " events lost: figures marked ! are too low\n",
			n.d.lost);
		pl->lines++;
	}
	put_seconds(pl->f, 9, mp_fig_since(m, ts));
	put_figures(pl, &n);
	pl->lines++;
	return mp_view_flush(pl->f);
}

int mp_plain_end(struct mp_plain *pl, const struct mp_model *m, const struct mp_report_info *info)
{
	const struct mp_proc *p = mp_model_main(m);

	if (p)
		put_notes(pl, m, p, UINT64_MAX - 1);
	fputc('\n', pl->f);
	mp_report_summary(pl->f, m, info, &pl->term);
	if (mp_plain_several(m) && mp_plain_procs_end(pl->f, &pl->term, m))
		return -ENOMEM;
	return mp_view_flush(pl->f);
}

/* --- the story by stages ------------------------------------------------------------ */

/* Resident bytes of the largest heap mapping that can be used (a reservation
 * cannot); MP_UNKNOWN without one. */
static uint64_t largest_heap_mapping(const struct mp_proc *p)
{
	const struct mp_mapping *best = NULL;

	for (const struct mp_mapping *mp = p->maps; mp; mp = mp->next) {
		/* as large as it is mapped: the one the reader looks for, touched or not */
		if (mp->cls == MP_CLS_HEAP && (mp->bits & (MP_MAP_R | MP_MAP_W)) &&
		    (!best || mp->end - mp->start > best->end - best->start))
			best = mp;
	}
	return best ? best->resident * MP_PAGE_SIZE : MP_UNKNOWN;
}

static void close_stage(struct mp_plain *pl, const struct mp_model *m)
{
	struct stage *st = pl->n ? &pl->stages[pl->n - 1] : NULL;
	struct now n = { .m = m, .p = mp_model_main(m) };
	enum mp_heap_source src;

	if (!st || st->closed || !n.p)
		return;
	mp_account(n.p, &n.acc);
	n.heap = mp_proc_heap(n.p, &src);
	st->reached[R_RSS] = cell_rss(&n);
	st->reached[R_USED] = cell_used(&n);
	st->reached[R_COMMITTED] = cell_committed(&n);
	st->reached[R_RESIDENT] = largest_heap_mapping(n.p);
	st->reached[R_OWED] = cell_owed(&n);
	st->closed = true;
}

int mp_plain_event(struct mp_plain *pl, const struct mp_model *m, const struct mp_event *e)
{
	const struct mp_proc *p = mp_model_main(m);
	int err;

	if (e->type != MP_EV_NOTE && e->type != MP_EV_TASK)
		return 0;
	if (!p || (e->mm && e->mm != p->mm))
		return 0;
	if (e->type == MP_EV_TASK) {
		/* what was reached, before the end of the process takes it all away */
		if (e->sub == MP_TASK_EXIT || e->sub == MP_TASK_MM_EXIT)
			close_stage(pl, m);
		return 0;
	}
	close_stage(pl, m);
	err = mp_grow(&pl->stages, &pl->cap, pl->n + 1, sizeof(*pl->stages));
	if (err)
		return err;
	pl->stages[pl->n++] = (struct stage){ .ts = e->ts, .note = (uint32_t)e->v[0] };
	return 0;
}

static void story_header(FILE *f, const struct mp_term *term, const char *resident)
{
	mp_text_head(f, term, "Stage by stage: what each had reached when the next began");
	fprintf(f, "%8s  %-*s%8s%8s%8s%8s%8s\n", "time", (int)mp_text_left(term, 50), "stage",
		"RSS", "used", "commit", resident, "owed");
}

static void story_line(FILE *f, const struct mp_term *term, const struct mp_model *m,
		       const struct stage *st)
{
	char buf[32];

	put_seconds(f, 8, mp_fig_since(m, st->ts));
	fputs("  ", f);
	mp_text_fit(f, term, mp_str(m, st->note), mp_text_left(term, 50));
	for (size_t i = 0; i < R_N; i++)
		fprintf(f, "%8s", mp_text_bytes(buf, sizeof(buf), st->reached[i]));
	fputc('\n', f);
}

/* The last point of the stage that begins at point i; *next is where it ends. */
static const struct mp_point *stage_end(const struct mp_timeline *tl, size_t i, size_t *next)
{
	size_t j = i + 1, last;

	while (j < tl->n && !tl->p[j].note)
		j++;
	*next = j;
	/* the end of the process took its pages: show what was there before */
	for (last = j - 1; last > i && tl->p[last].rss == 0;)
		last--;
	return &tl->p[last];
}

int mp_plain_story(FILE *f, const struct mp_model *m, const struct mp_term *term)
{
	const struct mp_proc *p = mp_model_main(m);
	bool gc = mp_fig_gc_known(m, p), any = false;

	for (size_t i = 0, next; p && i < p->tl.n; i = next) {
		const struct mp_point *pt;
		struct stage st;

		next = i + 1;
		if (!p->tl.p[i].note)
			continue;
		pt = stage_end(&p->tl, i, &next);
		st = (struct stage){ .ts = p->tl.p[i].ts, .note = p->tl.p[i].note };
		st.reached[R_RSS] = mp_fig_point_rss(pt);
		st.reached[R_USED] = pt->used;
		st.reached[R_COMMITTED] = pt->committed;
		st.reached[R_RESIDENT] = known(pt->used != MP_UNKNOWN, pt->live + pt->free_res);
		st.reached[R_OWED] = known(gc, (int64_t)pt->owed);
		if (!any)
			story_header(f, term, "in heap");
		any = true;
		story_line(f, term, m, &st);
	}
	return mp_view_flush(f);
}

int mp_plain_stages(struct mp_plain *pl, const struct mp_model *m)
{
	if (!pl->n)
		return mp_plain_story(pl->f, m, &pl->term);
	close_stage(pl, m);
	story_header(pl->f, &pl->term, "largest");
	for (size_t i = 0; i < pl->n; i++)
		story_line(pl->f, &pl->term, m, &pl->stages[i]);
	return mp_view_flush(pl->f);
}
