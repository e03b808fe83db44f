/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * report_text.c - the report for people: the answer in words, then the tables
 * it rests on.
 *
 * Owns: wording and layout. Must not: work out figures (figures.c does), show
 * an unknown as 0, or show a figure that lost events without its mark.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "user/util/util.h"
#include "user/view/facts.h"
#include "user/view/faults.h"
#include "user/view/figures.h"
#include "user/view/releases.h"
#include "user/view/report.h"
#include "user/view/text.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define TOP_MAPPINGS  15
#define LAST_GCS      10
#define LAST_NOTES    20
#define NAME_MAX_OUT  256
/* what a collection freed is paired with calls and faults */
#define GC_GROUPS (MP_LOW_GC | MP_LOW_CALLS | MP_LOW_FAULTS)
#define WIDE	  100 /* columns from which tables show more */

struct out {
	FILE *f;
	const struct mp_term *term;
	const struct mp_figures *fg;
	const struct mp_report_info *info;
};

/* Short-lived texts of figures: good for one printf. */
struct txt {
	char s[32];
};

static const char *bytes(struct txt *t, uint64_t v)
{
	return mp_text_bytes(t->s, sizeof(t->s), v);
}

static const char *signed_bytes(struct txt *t, int64_t v)
{
	return mp_bytes(t->s, sizeof(t->s), v);
}

static const char *count(struct txt *t, uint64_t v)
{
	return v == MP_UNKNOWN ? "-" : mp_text_count(t->s, sizeof(t->s), v);
}

static const char *duration(struct txt *t, uint64_t ns)
{
	return ns == MP_UNKNOWN ? "-" : mp_duration(t->s, sizeof(t->s), ns);
}

static const char *seconds(struct txt *t, uint64_t ns)
{
	snprintf(t->s, sizeof(t->s), "%" PRIu64 ".%03" PRIu64, ns / 1000000000,
		 ns / 1000000 % 1000);
	return t->s;
}

static const char *fig_bytes(struct txt *t, const struct mp_fig *fig)
{
	return fig->known ? signed_bytes(t, fig->v) : "-";
}

static const char *fig_count(struct txt *t, const struct mp_fig *fig)
{
	return fig->known ? count(t, (uint64_t)fig->v) : "-";
}

/* The mark of figures of these groups: never silent about a loss. In a column... */
static char mark(const struct out *o, unsigned groups)
{
	return o->fg->low & groups ? '!' : ' ';
}

/* ... and in a sentence or at the end of a line. */
static const char *bang(const struct out *o, unsigned groups)
{
	return o->fg->low & groups ? "!" : "";
}

static void head(const struct out *o, const char *title, unsigned groups)
{
	char buf[128];

	snprintf(buf, sizeof(buf), "%s%s", title,
		 o->fg->low & groups ? "   (! not exact: events were lost)" : "");
	mp_text_head(o->f, o->term, buf);
}

/* --- the answer in words ------------------------------------------------------- */

/* A number and its unit stay on one line. */
static const char *glue(const char *s, struct txt *t)
{
	char *sp = s == t->s ? strchr(t->s, ' ') : NULL;

	if (sp)
		*sp = MP_TEXT_GLUE;
	return s;
}

static const char *say_bytes(struct txt *t, uint64_t v)
{
	return glue(bytes(t, v), t);
}

static const char *say_fig(struct txt *t, const struct mp_fig *fig)
{
	return glue(fig_bytes(t, fig), t);
}

static const char *when(const struct out *o)
{
	return mp_report_at(o->info) ? "at that instant" : "at the end";
}

/* Who else is in the recording. */
static void say_others(const struct out *o, FILE *f)
{
	const struct mp_model *m = o->fg->m;
	const struct mp_proc *top = NULL;
	char name[NAME_MAX_OUT];
	struct mp_ended all;
	uint64_t ended;
	struct txt a, b;

	mp_model_sums(m, &all, &ended);
	for (size_t i = 0; i < m->n_procs; i++)
		if (m->procs[i]->r_rss.max != MP_UNKNOWN &&
		    (!top || m->procs[i]->r_rss.max > top->r_rss.max))
			top = m->procs[i];
	if (all.procs < 2 || !top)
		return;
	fprintf(f, "One of %s processes that were seen", count(&a, all.procs));
	if (top != o->fg->p)
		fprintf(f, "; %s (%u) had the highest RSS, %s",
			mp_text_clean(name, sizeof(name), o->term,
				      top->comm ? mp_str(m, top->comm) : "?"),
			top->tgid, say_bytes(&b, top->r_rss.max));
	fputs(".\n", f);
}

/* What the recording cannot tell: before anything that it does. */
static void say_missing(const struct out *o, FILE *f)
{
	const struct mp_report_info *info = o->info;
	struct txt t;

	if (info->state && strcmp(info->state, "damaged") == 0)
		fputs("The recording is damaged: parts are missing.\n", f);
	if (info->bad_blocks)
		fprintf(f, "%s of its blocks could not be read%s.\n", count(&t, info->bad_blocks),
			o->fg->gone ? ": nobody can say by how much figures marked ! are wrong"
				    : "; a state that was stored behind them made the figures "
				      "right again, but for the curves");
	if (info->open_end && !info->blocks)
		fputs("The recording was cut off: nothing of it could be read.\n", f);
	else if (info->open_end || (info->state && strcmp(info->state, "truncated") == 0))
		fprintf(f,
			"The recording was cut off: \"end\" is the last that could be read, "
			"after %s; how it went on is not known.\n",
			glue(duration(&t, o->fg->duration), &t));
	if (o->fg->m->lost[MP_LOSS_LIMIT])
		fputs("It asks for more work or memory than a recording of its size can need: what "
		      "goes beyond was left out.\n",
		      f);
}

/* What a ring, a rotated file or a daemon's last minutes show began before them. */
static void say_before(const struct out *o, FILE *f)
{
	uint64_t before = mp_fig_before(o->fg), all = mp_fig_since(o->fg->m, o->fg->m->now);
	struct txt a, b;

	if (before)
		fprintf(f, "Counts are since the session's start, %s: %s before %s.\n",
			glue(duration(&a, all), &a), glue(duration(&b, before), &b),
			o->info->path ? "this file" : "what is shown here");
}

static void say_target(const struct out *o, FILE *f)
{
	const struct mp_proc *p = o->fg->p;
	char name[NAME_MAX_OUT];
	struct txt t, at;

	mp_text_clean(name, sizeof(name), o->term, p && p->comm ? mp_str(o->fg->m, p->comm) : "?");
	if (p && p->tgid)
		fprintf(f, "%s (%u)", name, p->tgid);
	else
		fputs(p ? name : "No process was seen", f);
	if (mp_report_at(o->info))
		fprintf(f, ", at %s s of", seconds(&at, mp_fig_at(o->fg, o->info)));
	else
		fputc(',', f);
	fprintf(f, " %s %s, %s%s", glue(duration(&t, o->fg->duration), &t),
		o->info->path ? "recorded" : "seen",
		o->info->state ? o->info->state : "state unknown",
		o->info->overview ? " (blocks not checked: --full reads them all)" : "");
	if (p && p->exit_known && WIFEXITED(p->wait_status))
		fprintf(f, "; exited with %d", WEXITSTATUS(p->wait_status));
	else if (p && p->exit_known && WIFSIGNALED(p->wait_status))
		fprintf(f, "; killed by signal %d%s", WTERMSIG(p->wait_status),
			p->oom.ts ? " for lack of memory" : "");
	else if (p && p->exited)
		fputs("; exited", f);
	fputs(".\n", f);
	say_before(o, f);
	say_missing(o, f);
	say_others(o, f);
}

static void say_rss(const struct out *o, FILE *f)
{
	const struct mp_fig *rss = o->fg->rss, *acc = o->fg->account;
	const struct mp_fig *max = &rss[MP_FRSS_MAX], *start = &rss[MP_FRSS_START];
	struct txt a, b, c;
	const char *sep = " ";

	if (!acc[MP_ACC_RSS].known) {
		fputs("RSS is not known: no source told.\n", f);
		return;
	}
	fprintf(f, "RSS %s %s", say_fig(&a, &acc[MP_ACC_RSS]), when(o));
	if (rss[MP_FRSS_SLACK].v) /* up to 6.1, threads at work */
		fprintf(f, " give or take %s", say_fig(&b, &rss[MP_FRSS_SLACK]));
	if (max->known && start->known)
		fprintf(f, " (max %s%s, start %s)", say_fig(&b, max), bang(o, max->group),
			say_fig(&c, start));
	fputc(':', f);
	for (size_t i = 0; i < MP_ACC_RSS; i++) {
		/* small change is in the table below; what is not explained is said */
		if (!acc[i].known || (i != MP_ACC_UNKNOWN && acc[i].v < acc[MP_ACC_RSS].v / 200) ||
		    (i == MP_ACC_UNKNOWN && !acc[i].v))
			continue;
		fprintf(f, "%s%s %s", sep, acc[i].label, say_fig(&a, &acc[i]));
		fputs(bang(o, acc[i].group), f);
		sep = ", ";
	}
	fputs(".\n", f);
}

static void say_heap(const struct out *o, FILE *f)
{
	const struct mp_fig *acc = o->fg->account;
	const struct mp_proc *p = o->fg->p;
	enum mp_heap_source src;
	struct txt a, b;
	uint64_t age;

	if (!mp_proc_sized(p)) {
		fputs("The collector told no sizes: what it holds is in the other rows.\n", f);
		return;
	}
	if (!acc[MP_ACC_LIVE].known) {
		fputs(acc[MP_ACC_UNSPLIT].v > 0 ? "No heap source spoke: the heap is known by its "
						  "mappings, its use is not.\n"
						: "No heap source spoke: what a collector holds is "
						  "in the other rows.\n",
		      f);
		return;
	}
	if (!p->exited && acc[MP_ACC_LAZY].known && acc[MP_ACC_LAZY].v > acc[MP_ACC_RSS].v / 200)
		fprintf(f, "%s%s more of the heap is committed but not resident.\n",
			say_fig(&a, &acc[MP_ACC_LAZY]), bang(o, acc[MP_ACC_LAZY].group));
	if (mp_proc_heap(p, &src) && (age = mp_fig_heap_age(o->fg->m, p, src)))
		fprintf(f, "What the heap holds is as of its last collection, %s before the end.\n",
			glue(duration(&a, age), &a));
	if (p->owed)
		fprintf(f, "%s%s owed: freed by collections and not returned (max %s).\n",
			say_bytes(&a, p->owed), bang(o, MP_LOW_GC | MP_LOW_CALLS),
			say_bytes(&b, p->owed_max));
	else if (p->owed_max)
		fprintf(f,
			"Nothing owed %s: what collections freed was returned or reused "
			"(max owed %s).\n",
			when(o), say_bytes(&b, p->owed_max));
}

static void say_losses(const struct out *o, FILE *f)
{
	struct txt t;

	if (o->fg->m->lost_total)
		fprintf(f,
			"%s events were lost: figures marked ! are not exact, counts among them "
			"at least what is shown.\n",
			count(&t, o->fg->m->lost_total));
	if (o->info->overview)
		fputs("It was opened by its summaries and its last state.\n", f);
	if (mp_report_at(o->info))
		fprintf(f, "All figures are as of %s s.\n", seconds(&t, mp_fig_at(o->fg, o->info)));
}

static int put_summary(const struct out *o)
{
	char *text = NULL;
	size_t size = 0;
	FILE *mem = open_memstream(&text, &size);
	bool bold = o->term && o->term->color;

	if (!mem)
		return -ENOMEM;
	say_target(o, mem);
	if (o->fg->p) {
		say_rss(o, mem);
		say_heap(o, mem);
	}
	say_losses(o, mem);
	if (fclose(mem)) {
		free(text);
		return -ENOMEM;
	}
	fputs(bold ? "\033[1m" : "", o->f);
	mp_text_para(o->f, o->term, text);
	fputs(bold ? "\033[0m" : "", o->f);
	free(text);
	return 0;
}

/* --- tables ---------------------------------------------------------------------- */

/* Tenths of a percent such that a column of them sums to 100.0. */
static int64_t share(int64_t *sum, int64_t v, int64_t whole)
{
	double before = (double)*sum * 1000 / (double)whole, after;

	*sum += v;
	after = (double)*sum * 1000 / (double)whole;
	return (int64_t)(after + (after < 0 ? -0.5 : 0.5)) -
	       (int64_t)(before + (before < 0 ? -0.5 : 0.5));
}

/* A reading that is older than this is told with its age. */
#define READ_BEFORE_NS 100000000ULL

static void put_account(const struct out *o)
{
	const struct mp_fig *acc = o->fg->account;
	int64_t whole = acc[MP_ACC_RSS].known ? acc[MP_ACC_RSS].v : 0, sum = 0;
	unsigned cols = mp_text_left(o->term, 47);
	const struct mp_fig *beside[] = { &acc[MP_ACC_LAZY],
					  &o->fg->rss[MP_FRSS_SWAP],
					  &o->fg->rss[MP_FRSS_HUGETLB],
					  &o->fg->rss[MP_FRSS_MULTI],
					  &o->fg->rss[MP_FRSS_FORKED],
					  &o->fg->rss[MP_FRSS_HUGE],
					  &o->fg->rss[MP_FRSS_UNASKED] };
	static const char *const why[] = { "beside RSS",
					   "beside RSS",
					   "in no counter of RSS",
					   "in RSS again",
					   "in RSS, shared since a fork",
					   "in RSS, touched or not",
					   "no fault asked for it" };
	char title[32];
	struct txt t;

	snprintf(title, sizeof(title), "Account %s", when(o));
	head(o, title, MP_LOW_PAGES | MP_LOW_GC);
	for (size_t i = 0; i <= MP_ACC_RSS; i++) {
		int64_t tenths = 0;

		if (i == MP_ACC_RSS)
			sum = 0;
		if (i && !strcmp(acc[i].key, acc[i - 1].key) && !acc[i].v)
			continue; /* what most programs have not */
		if (whole > 0 && acc[i].known)
			tenths = share(&sum, acc[i].v, whole);
		fprintf(o->f, "  %-24s %8s%s", acc[i].label, fig_bytes(&t, &acc[i]),
			acc[i].known ? bang(o, acc[i].group) : "");
		if (whole > 0 && acc[i].known) {
			snprintf(t.s, sizeof(t.s), "%s%" PRId64 ".%" PRId64 "%%",
				 tenths < 0 ? "-" : "", (tenths < 0 ? -tenths : tenths) / 10,
				 (tenths < 0 ? -tenths : tenths) % 10);
			fprintf(o->f, "%*s", o->fg->low & acc[i].group ? 8 : 9, t.s);
			if (i < MP_ACC_RSS && acc[i].v > 0)
				fputs("  ", o->f);
			if (i < MP_ACC_RSS)
				mp_text_bar(o->f, o->term, acc[i].v, whole, cols);
		}
		fputc('\n', o->f);
	}
	for (size_t i = 0; i < ARRAY_SIZE(beside); i++) {
		if (i >= 2 && (!beside[i]->known || !beside[i]->v)) /* few programs have any */
			continue;
		fprintf(o->f, "  %-24s %8s%c  (%s", beside[i]->label, fig_bytes(&t, beside[i]),
			beside[i]->known ? mark(o, beside[i]->group) : ' ', why[i]);
		if (o->fg->shares_age >= READ_BEFORE_NS &&
		    (beside[i] == &o->fg->rss[MP_FRSS_FORKED] ||
		     beside[i] == &o->fg->rss[MP_FRSS_HUGE]))
			fprintf(o->f, "; read %s before", duration(&t, o->fg->shares_age));
		fputs(")\n", o->f);
	}
}

static void put_cgroup(const struct out *o)
{
	const struct mp_cgroup *g = &o->fg->p->cgroup;
	const struct {
		const char *name;
		uint64_t v;
	} parts[] = { { "anonymous", g->anon },
		      { "files and cache", g->file },
		      { "shared memory", g->shmem },
		      { "the kernel's own", g->kernel },
		      { "swap, beside", g->swap } };
	struct txt a, b, c, d;

	if (!g->version)
		return;
	mp_text_head(o->f, o->term, "Control group");
	fputs("  ", o->f);
	mp_text_cut(o->f, o->term, g->name ? mp_str(o->fg->m, g->name) : "-", 60, true);
	fprintf(o->f, "  (version %u)\n", g->version);
	fprintf(o->f, "  %-24s %8s  (start %s, highest %s, limit %s)\n", "charged",
		bytes(&a, g->charged), bytes(&b, o->fg->p->r_charged.start),
		bytes(&c, o->fg->p->r_charged.max),
		g->limit == MP_UNKNOWN ? "none" : bytes(&d, g->limit));
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		fprintf(o->f, "  %-24s %8s\n", parts[i].name, bytes(&a, parts[i].v));
	fprintf(o->f, "  %-24s %8s\n", "beyond this RSS", bytes(&a, mp_fig_beyond(o->fg)));
	if (g->more_ts)
		fprintf(o->f, "  %-24s %8s  (active, beside it: %s)\n", "inactive page cache",
			bytes(&a, g->inactive_file), bytes(&b, g->active_file));
	if (g->more_ts && g->oom_kills && g->oom_kills != MP_UNKNOWN)
		fprintf(o->f, "  %-24s %8" PRIu64 "  (processes, since the group was made)\n",
			"killed for lack of memory", g->oom_kills);
}

static void put_space(const struct out *o, const struct mp_space *s)
{
	const struct {
		const char *name;
		uint64_t v;
	} part[] = { { "used", s->used },
		     { "committed", s->committed },
		     { "resident", s->resident } };
	const char *sep = "";
	struct txt t;

	fputs("         space ", o->f);
	mp_text_fit(o->f, o->term, mp_str(o->fg->m, s->name), 23);
	for (size_t i = 0; i < ARRAY_SIZE(part); i++) {
		if (part[i].v == MP_UNKNOWN)
			continue;
		fprintf(o->f, "%s %s %s", sep, part[i].name, bytes(&t, part[i].v));
		sep = ",";
	}
	fputc('\n', o->f);
}

static void put_age(const struct out *o, enum mp_heap_source src)
{
	uint64_t age = mp_fig_heap_age(o->fg->m, o->fg->p, src);
	struct txt t;

	if (age)
		fprintf(o->f,
			"         as of the last collection, %s before the end; nothing since\n",
			duration(&t, age));
}

static void put_heaps(const struct out *o)
{
	static const char *const cols = "start    max    end";
	const struct mp_proc *p = o->fg->p;
	bool any = false;
	struct txt a, b, c;

	for (unsigned s = 1; s < MP_SRC_MAX; s++) {
		const struct mp_heap *h = &p->heaps[s];
		const struct {
			const char *name;
			const struct mp_range *r;
		} rows[] = { { "used", &h->r_used },
			     { "committed", &h->r_committed },
			     { "external", &h->r_external } };

		if (!h->present || (h->used == MP_UNKNOWN && h->r_used.max == MP_UNKNOWN &&
				    !h->n_spaces && h->limit == MP_UNKNOWN))
			continue; /* its collector tells no sizes */
		if (!any)
			head(o, "Heap", MP_LOW_GC);
		any = true;
		fprintf(o->f, "  %-6s %-12s   %s   limit %s\n", mp_source_name(s), "", cols,
			bytes(&a, h->limit));
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
			fprintf(o->f, "         %-12s %7s%7s%7s%s\n", rows[i].name,
				bytes(&a, rows[i].r->start), bytes(&b, rows[i].r->max),
				bytes(&c, rows[i].r->end),
				rows[i].r->end != MP_UNKNOWN ? bang(o, MP_LOW_GC) : "");
		if (h->arrays != MP_UNKNOWN)
			fprintf(o->f, "         %-12s %21s\n", "  arrays", bytes(&a, h->arrays));
		for (unsigned i = 0; i < h->n_spaces && i < MP_SPACES_MAX; i++)
			put_space(o, &h->spaces[i]);
		put_age(o, s);
	}
}

/* --- timeline ----------------------------------------------------------------------- */

/* The column's stretch of the timeline. */
static bool column(const struct mp_timeline *tl, unsigned i, unsigned cols, struct mp_point *pt)
{
	return mp_tl_merge(tl, tl->start + tl->n * i / cols * tl->width,
			   tl->start + tl->n * (i + 1) / cols * tl->width, pt);
}

/* The highest of a level in a column: what its points say, not the last of them. */
static uint64_t highest(const struct mp_figures *fg, size_t series, unsigned i, unsigned cols)
{
	const struct mp_timeline *tl = &fg->p->tl;
	uint64_t max = MP_UNKNOWN;

	for (size_t k = tl->n * i / cols; k < tl->n * (i + 1) / cols; k++) {
		uint64_t v = mp_series[series].get(fg, &tl->p[k]);

		if (v != MP_UNKNOWN && (max == MP_UNKNOWN || v > max))
			max = v;
	}
	return max;
}

/* Fills v with a series, levels with their peaks. Returns the highest. */
static uint64_t sample(const struct mp_figures *fg, size_t series, uint64_t *v, unsigned cols)
{
	uint64_t max = 0;

	for (unsigned i = 0; i < cols; i++) {
		struct mp_point pt;

		v[i] = MP_UNKNOWN;
		if (!column(&fg->p->tl, i, cols, &pt))
			continue;
		v[i] = mp_series[series].get(fg, &pt);
		if (series == 0 && v[i] != MP_UNKNOWN)
			v[i] = (uint64_t)pt.rss_max;
		else if (series && series < MP_SERIES_JSON)
			v[i] = highest(fg, series, i, cols);
		if (v[i] != MP_UNKNOWN && v[i] > max)
			max = v[i];
	}
	return max;
}

static void put_gc_lane(const struct out *o, unsigned cols)
{
	bool others = false;

	fprintf(o->f, "  %-12s", "collections");
	for (unsigned i = 0; i < cols; i++) {
		struct mp_point pt;
		bool some = column(&o->fg->p->tl, i, cols, &pt);

		fputc(some && pt.gc_major   ? 'M'
		      : some && pt.gc_minor ? 'm'
		      : some && pt.gc_other ? 'o'
					    : ' ',
		      o->f);
		others |= some && pt.gc_other && !pt.gc_major && !pt.gc_minor;
	}
	fprintf(o->f, "  m minor, M major%s\n", others ? ", o other" : "");
}

static void put_notes(const struct out *o)
{
	const struct mp_timeline *tl = &o->fg->p->tl;
	size_t left = LAST_NOTES;
	struct txt t;

	for (size_t i = 0; i < tl->n; i++) {
		if (!tl->p[i].note)
			continue;
		if (!left--) {
			fputs("  ... more notes\n", o->f);
			return;
		}
		fprintf(o->f, "  %10s s  ", seconds(&t, mp_fig_since(o->fg->m, tl->p[i].ts)));
		mp_text_cut(o->f, o->term, mp_str(o->fg->m, tl->p[i].note),
			    mp_text_left(o->term, 16), false);
		fputc('\n', o->f);
	}
}

static int put_timeline(const struct out *o)
{
	const struct mp_timeline *tl = &o->fg->p->tl;
	unsigned cols = mp_text_left(o->term, 32);
	uint64_t(*v)[400], max[MP_SERIES_N], top = 0;
	struct txt a, b;

	if (!tl->n)
		return 0;
	if (cols > tl->n)
		cols = (unsigned)tl->n;
	v = calloc(MP_SERIES_N, sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (size_t s = 0; s < MP_SERIES_N; s++) {
		max[s] = sample(o->fg, s, v[s], cols);
		if (s < MP_SERIES_JSON && max[s] > top)
			top = max[s];
	}
	head(o, "Timeline", o->fg->low);
	for (size_t s = 0; s < MP_SERIES_N; s++) {
		if (!max[s])
			continue;
		fprintf(o->f, "  %-12s", mp_series[s].label);
		/* bands share a scale, so that their heights compare */
		mp_text_spark(o->f, o->term, v[s], cols, s < MP_SERIES_JSON ? top : max[s]);
		fprintf(o->f, "  max %s%s\n", bytes(&a, max[s]), s < MP_SERIES_JSON ? "" : "/col");
	}
	if (mp_proc_gcs(o->fg->p))
		put_gc_lane(o, cols);
	fprintf(o->f, "  %-12s%-8s%*s\n", "seconds", seconds(&b, mp_fig_since(o->fg->m, tl->start)),
		(int)(cols > 16 ? cols - 8 : 8),
		seconds(&a, mp_fig_since(o->fg->m, tl->start + tl->n * tl->width)));
	free(v);
	put_notes(o);
	return 0;
}

/* --- what happened -------------------------------------------------------------------- */

static void put_faults(const struct out *o)
{
	const struct mp_fig *fig = o->fg->faults;
	unsigned n = 0;
	struct txt t;

	head(o, "Page faults", MP_LOW_FAULTS);
	for (size_t i = 0; i < MP_FFAULT_N; i++) {
		if (!fig[i].known)
			continue;
		fprintf(o->f, "%s  %-18s %14s%s",
			n % 2 ? mark(o, fig[i].group) == '!' ? " " : "  " : "", fig[i].label,
			fig_count(&t, &fig[i]), bang(o, fig[i].group));
		fputs(n++ % 2 ? "\n" : "", o->f);
	}
	if (!n)
		fputs("  not seen: no probe on faults", o->f);
	fputs(n % 2 || !n ? "\n" : "", o->f);
}

static void put_call(const struct out *o, const struct mp_fig_call *fc, const char *indent)
{
	char m = mark(o, MP_LOW_CALLS);
	struct txt a, b, c, d, e;

	if (!fc->st.calls)
		return;
	fprintf(o->f, "  %s%-*s %10s%c %8s%c %8s%c %9s%c %8s%s\n", indent, 18 - (int)strlen(indent),
		fc->name, count(&a, fc->st.calls), m, count(&b, fc->st.failed), m,
		bytes(&c, fc->st.bytes), m,
		mp_fig_delta_known(&fc->st) ? mp_bytes_signed(d.s, sizeof(d.s), fc->st.rss_delta)
					    : "-",
		m, duration(&e, fc->st.dur), bang(o, MP_LOW_CALLS));
}

static void put_calls(const struct out *o)
{
	const struct mp_figures *fg = o->fg;
	bool any = false;

	head(o, "Memory calls", MP_LOW_CALLS);
	for (unsigned i = 0; i < fg->n_calls; i++)
		any |= fg->calls[i].st.calls != 0;
	if (!any) {
		fputs(fg->calls[0].known ? "  none\n" : "  not seen: no probe on calls\n", o->f);
		return;
	}
	fprintf(o->f, "  %-18s %10s  %8s  %8s  %9s  %8s\n", "", "calls", "failed", "asked",
		"RSS moved", "time");
	for (unsigned i = 0; i < fg->n_calls; i++) {
		put_call(o, &fg->calls[i], "");
		if (strcmp(fg->calls[i].name, mp_call_name(MP_CALL_MADVISE)) != 0)
			continue;
		for (unsigned a = 0; a < fg->n_advice; a++)
			put_call(o, &fg->advice[a], "  ");
	}
}

static void put_collection(const struct out *o, const struct mp_gc *g)
{
	bool wide = mp_text_width(o->term) >= WIDE;
	struct txt a, b, c, d, e, f, h, i, k;

	fprintf(o->f, "%c %8s %-7s %6s -> %6s %7s", mark(o, GC_GROUPS),
		seconds(&a, mp_fig_since(o->fg->m, g->ts)), mp_gc_kind_name(g->kind),
		bytes(&b, g->before), bytes(&c, g->after), duration(&d, g->pause));
	if (wide)
		fprintf(o->f, " %6s %6s", bytes(&e, mp_gc_told(g, g->freed)),
			bytes(&k, mp_gc_told(g, g->reused)));
	fprintf(o->f, " %8s %7s %7s ", bytes(&f, mp_gc_told(g, g->returned)),
		duration(&h, mp_fig_lag(g)), bytes(&i, mp_gc_told(g, g->refaulted)));
	mp_text_cut(o->f, o->term, mp_str(o->fg->m, g->reason),
		    mp_text_left(o->term, wide ? 84 : 70), false);
	fputc('\n', o->f);
}

static void put_gcs(const struct out *o)
{
	const struct mp_proc *p = o->fg->p;
	size_t first = p->n_gcs > LAST_GCS ? p->n_gcs - LAST_GCS : 0;
	struct txt a, b, c, d, e;

	head(o, "Collections", GC_GROUPS);
	if (!o->fg->gc_known) {
		fputs("  not seen: no heap source\n", o->f);
		return;
	}
	fprintf(o->f, "%c %s minor, %s major", mark(o, GC_GROUPS), count(&a, p->gc_minor),
		count(&b, p->gc_major));
	if (p->gc_other && p->gc_other != MP_UNKNOWN)
		fprintf(o->f, ", %s other", count(&a, p->gc_other));
	fprintf(o->f, "; pauses: p50 %s, max %s, total %s\n", duration(&c, o->fg->pause_p50),
		duration(&d, o->fg->pause_max), duration(&e, p->gc_pause));
	if (!p->n_gcs)
		return;
	if (first)
		fprintf(o->f, "  the last %d:\n", LAST_GCS);
	if (mp_proc_gcs(p) > p->n_gcs)
		fprintf(o->f, "  %s older ones are in the counts only\n",
			count(&a, mp_proc_gcs(p) - p->n_gcs));
	fprintf(o->f, "  %8s %-7s %6s    %6s %7s%s %8s %7s %7s %s\n", "t", "kind", "before",
		"after", "pause", mp_text_width(o->term) >= WIDE ? "  freed reused" : "",
		"returned", "lag", "refault", "reason");
	for (size_t i = first; i < p->n_gcs; i++)
		put_collection(o, &p->gcs[i]);
}

static int by_resident(const void *a, const void *b)
{
	const struct mp_mapping *x = *(const struct mp_mapping *const *)a;
	const struct mp_mapping *y = *(const struct mp_mapping *const *)b;

	if (x->resident != y->resident)
		return x->resident < y->resident ? 1 : -1;
	return x->start < y->start ? -1 : x->start > y->start;
}

static void put_mapping(const struct out *o, const struct mp_mapping *mp)
{
	bool faults = o->fg->faults[0].known, calls = o->fg->calls[0].known;
	const uint64_t cell[] = {
		mp->resident * MP_PAGE_SIZE,
		mp->end - mp->start,
		faults ? mp->faults * MP_PAGE_SIZE : MP_UNKNOWN,
		calls ? mp->released * MP_PAGE_SIZE : MP_UNKNOWN,
		faults && calls ? mp->refaulted * MP_PAGE_SIZE : MP_UNKNOWN,
	};
	char perms[5];
	struct txt t;

	mp_fig_perms(perms, mp->bits);
	fputc(mark(o, MP_LOW_PAGES), o->f);
	for (size_t i = 0; i < ARRAY_SIZE(cell); i++)
		fprintf(o->f, " %6s", bytes(&t, cell[i]));
	fprintf(o->f, " %-8s %s %12" PRIx64 "%s", mp_class_name(mp->cls), perms, mp->start,
		mp->name ? " " : "");
	mp_text_cut(o->f, o->term, mp_str(o->fg->m, mp->name), mp_text_left(o->term, 64), true);
	fputc('\n', o->f);
}

static int put_mappings(const struct out *o)
{
	const struct mp_proc *p = o->fg->p;
	const struct mp_mapping **top;
	size_t n = 0;

	head(o, "Mappings (faulted in, released, refaulted)", MP_LOW_PAGES);
	if (!o->fg->maps_known || !p->n_maps) {
		fputs(o->fg->maps_known ? "  none\n" : "  not known: no snapshot of the mappings\n",
		      o->f);
		return 0;
	}
	top = malloc(p->n_maps * sizeof(*top));
	if (!top)
		return -ENOMEM;
	for (const struct mp_mapping *v = p->maps; v; v = v->next)
		top[n++] = v;
	qsort(top, n, sizeof(*top), by_resident);
	fprintf(o->f, "  %6s %6s %6s %6s %6s %-8s %-4s %12s %s\n", "resid.", "size", "in", "out",
		"again", "class", "perm", "start", "name");
	for (size_t i = 0; i < n && i < TOP_MAPPINGS && top[i]->resident; i++)
		put_mapping(o, top[i]);
	free(top);
	return 0;
}

static void put_losses(const struct out *o)
{
	const struct mp_model *m = o->fg->m;
	struct txt t;

	mp_text_head(o->f, o->term, "Lost events");
	for (unsigned c = 1; c < MP_LOSS_MAX; c++)
		if (mp_model_lost(m, c))
			fprintf(o->f, "  %12s  %s\n", count(&t, mp_model_lost(m, c)),
				mp_loss_name(c));
	if (!mp_model_lost_total(m))
		fputs("  none\n", o->f);
}

static void put_probes(const struct out *o)
{
	const struct mp_model *m = o->fg->m;
	char why[NAME_MAX_OUT];
	bool any = false;

	mp_text_head(o->f, o->term, "Probes");
	for (unsigned i = 1; i < MP_FEAT_MAX; i++) {
		const struct mp_probe *pr = &m->probes[i];

		if (!pr->known)
			continue;
		any = true;
		fprintf(o->f, "  %-10s %s", mp_feature_name(i), mp_rung_name(pr->rung));
		if (pr->err)
			fprintf(o->f, ": %s", strerror(-pr->err));
		if (pr->why)
			fprintf(o->f, " (%s)",
				mp_text_clean(why, sizeof(why), o->term, mp_str(m, pr->why)));
		fputc('\n', o->f);
	}
	if (!any)
		fputs("  not told\n", o->f);
}

void mp_report_summary(FILE *f, const struct mp_model *m, const struct mp_report_info *info,
		       const struct mp_term *term)
{
	struct mp_figures fg;
	const struct out o = { f, term, &fg, info };

	if (mp_figures(&fg, m, info) == 0)
		put_summary(&o);
}

int mp_report_text(FILE *f, const struct mp_model *m, const struct mp_report_info *info,
		   const struct mp_term *term)
{
	struct mp_figures fg;
	const struct out o = { f, term, &fg, info };
	int err = mp_figures(&fg, m, info);

	if (!err)
		err = put_summary(&o);
	if (!err && fg.p) {
		put_account(&o);
		put_cgroup(&o);
		put_heaps(&o);
		err = put_timeline(&o);
		put_faults(&o);
		if (!err)
			err = mp_faults_text(f, term, &fg);
		put_calls(&o);
		if (!err)
			err = mp_releases_text(f, term, &fg);
		put_gcs(&o);
		if (info->gc_log)
			mp_joined_text(f, term, info->gc_log);
		if (!err)
			err = put_mappings(&o);
	}
	if (!err)
		err = mp_facts_text(f, term, &fg);
	put_losses(&o);
	put_probes(&o);
	return err ? err : mp_view_flush(f);
}
