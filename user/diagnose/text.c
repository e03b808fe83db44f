/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * text.c - findings for people, and figures as both views print them.
 */
#include "user/diagnose/diagnose.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "user/diagnose/rules.h"
#include "user/util/util.h"
#include "user/view/figures.h"
#include "user/view/text.h"

const char *mp_dx_level_name(enum mp_dx_level level)
{
	static const char *const names[] = { "info", "warn", "bad" };

	return names[level];
}

const char *mp_dx_unit_name(enum mp_dx_unit unit)
{
	static const char *const names[MP_DX_UNITS] = {
		[MP_DX_BYTES] = "bytes",    [MP_DX_COUNT] = "count",
		[MP_DX_RATIO] = "ratio",    [MP_DX_SECONDS] = "s",
		[MP_DX_PER_SECOND] = "1/s", [MP_DX_BYTES_PER_HOUR] = "bytes/h",
		[MP_DX_WORDS] = "text",
	};

	return names[unit];
}

#define VALUE_MAX 9e18 /* what a signed 64-bit number holds: more is damage */

/* By the longest of hour, minute and second that has no more than some 10 G in it: a short
 * time that is looked at says nothing of hours. */
static void rate_text(char *buf, size_t size, double per_hour)
{
	static const struct {
		double seconds;
		const char *name;
	} per[] = { { 3600, "h" }, { 60, "min" }, { 1, "s" } };
	const double most = 10.0 * (1 << 30);
	size_t i = 0;
	char b[16];

	while (i < 2 && fabs(per_hour) * per[i].seconds / 3600 > most)
		i++;
	mp_bytes(b, sizeof(b), (int64_t)(per_hour * per[i].seconds / 3600));
	snprintf(buf, size, "%s/%s", b, per[i].name);
}

/* Digits that mean something, without an exponent. */
static void number_text(char *buf, size_t size, int digits, double v)
{
	if (fabs(v) >= pow(10, digits) - 0.5)
		snprintf(buf, size, "%.0f", v);
	else
		snprintf(buf, size, "%.*g", digits, fabs(v) < 0.0001 ? 0 : v);
}

char *mp_dx_value(char *buf, size_t size, enum mp_dx_unit unit, double v)
{
	char d[24];

	if (isnan(v)) {
		snprintf(buf, size, "?");
		return buf;
	}
	v = fmin(fmax(v, -VALUE_MAX), VALUE_MAX);
	switch (unit) {
	case MP_DX_BYTES:
		mp_bytes(buf, size, (int64_t)v);
		break;
	case MP_DX_BYTES_PER_HOUR:
		rate_text(buf, size, v);
		break;
	case MP_DX_SECONDS:
		snprintf(buf, size, "%s",
			 mp_duration(d, sizeof(d),
				     (uint64_t)(fmin(fmax(v, 0), VALUE_MAX / 1e9) * 1e9)));
		break;
	case MP_DX_PER_SECOND:
		number_text(d, sizeof(d), 3, fmin(v, 1e15));
		snprintf(buf, size, "%s/s", d);
		break;
	case MP_DX_COUNT:
		snprintf(buf, size, "%.0f", v);
		break;
	case MP_DX_RATIO:
	case MP_DX_WORDS:
	case MP_DX_UNITS:
		number_text(buf, size, 2, fmin(v, 1e15));
		break;
	}
	return buf;
}

/* A moment as the other views name it: session time. */
static char *moment(char *buf, size_t size, const struct mp_model *m, uint64_t ts)
{
	uint64_t s = mp_fig_since(m, ts) / 1000000000ULL;

	if (s >= 3600)
		snprintf(buf, size, "%" PRIu64 ":%02u:%02u", s / 3600, (unsigned)(s / 60 % 60),
			 (unsigned)(s % 60));
	else
		snprintf(buf, size, "%02u:%02u", (unsigned)(s / 60), (unsigned)(s % 60));
	return buf;
}

/* Words wrapped behind a mark, the lines below it as far in. */
static void put_words(FILE *f, const char *mark, const char *text, const struct mp_term *term)
{
	char clean[3 * MP_DX_TEXT];
	unsigned indent = (unsigned)strlen(mark), left = mp_text_left(term, indent);
	const char *s = mp_text_clean(clean, sizeof(clean), term, text);

	for (bool first = true; *s; first = false) {
		size_t n = strlen(s), cut = n;

		if (n > left) {
			for (cut = left; cut && s[cut] != ' ';)
				cut--;
			/* one word longer than the line is broken, between characters */
			for (cut = cut ? cut : left; cut > 1 && (s[cut] & 0xc0) == 0x80;)
				cut--;
		}
		fprintf(f, "%*s%.*s\n", (int)indent, first ? mark : "", (int)cut, s);
		s += cut;
		while (*s == ' ')
			s++;
	}
}

/* The figure before its words, so that figures stand in a column. */
static void put_row(FILE *f, const struct mp_dx_row *r, const struct mp_model *m,
		    const struct mp_term *term)
{
	char value[32] = "", at[24], mark[48], words[3 * MP_DX_TEXT];
	bool text = r->unit == MP_DX_WORDS;

	if (!text)
		mp_dx_value(value, sizeof(value), r->unit, r->v);
	snprintf(mark, sizeof(mark), "    %9s  ", value);
	snprintf(words, sizeof(words), "%s%s%s%s%s", r->what, text ? ": " : "", text ? r->text : "",
		 r->ts != MP_UNKNOWN ? ", at " : "",
		 r->ts != MP_UNKNOWN ? moment(at, sizeof(at), m, r->ts) : "");
	put_words(f, mark, words, term);
}

static void put_level(FILE *f, enum mp_dx_level level, const struct mp_term *term)
{
	static const char *const sgr[] = { "36", "33;1", "31;1" };

	if (term->color)
		fprintf(f, "\033[%sm%-4s\033[0m", sgr[level], mp_dx_level_name(level));
	else
		fprintf(f, "%-4s", mp_dx_level_name(level));
}

static void put_finding(FILE *f, const struct mp_finding *v, const struct mp_findings *fs,
			const struct mp_model *m, const struct mp_term *term)
{
	char b[16], at[24], words[2 * MP_DX_TEXT];
	bool several = m->n_procs > 1;

	for (size_t i = 0; i < fs->n; i++)
		several |= fs->v[i].pid != v->pid;
	fputc('\n', f);
	put_level(f, v->level, term);
	fprintf(f, " %-18s %7s  since %s, confidence %.2f", v->cls,
		mp_bytes(b, sizeof(b), (int64_t)v->bytes), moment(at, sizeof(at), m, v->from),
		v->confidence);
	if (several)
		fprintf(f, ", pid %" PRIu32 " (%s)", v->pid,
			mp_clean(words, 32, mp_str(m, v->comm), !term->utf8));
	fputc('\n', f);
	put_words(f, "  ", v->summary, term);
	for (unsigned i = 0; i < v->n_evidence; i++)
		put_row(f, &v->evidence[i], m, term);
	for (unsigned i = 0; i < v->n_nots; i++) {
		snprintf(words, sizeof(words), "%s: %s", v->nots[i].cls, v->nots[i].why);
		put_words(f, "  not ", words, term);
	}
	for (unsigned i = 0; i < v->n_advice; i++)
		put_words(f, "  do  ", v->advice[i], term);
	if (v->confirm)
		put_words(f, "  confirm  ", v->confirm, term);
}

static void put_head(FILE *f, const struct mp_findings *fs, const struct mp_model *m,
		     const struct mp_diagnose_opts *o)
{
	char rss[16], live[16], dur[32];
	const struct mp_proc *p = o->pid ? mp_model_pid(m, o->pid) : mp_model_main(m);
	bool several = !o->pid && m->n_procs > 1;

	fprintf(f, "%zu finding%s in %s", fs->n, fs->n == 1 ? "" : "s",
		mp_duration(dur, sizeof(dur), fs->window));
	if (several)
		fprintf(f, ", %zu processes", m->n_procs);
	if (several && fs->n_there < m->n_procs)
		fprintf(f, ", %zu at the end", fs->n_there);
	if (!several && p)
		fprintf(f, ", pid %" PRIu32, p->tgid);
	fprintf(f, ": RSS %s, heap in use %s\n", mp_bytes(rss, sizeof(rss), (int64_t)fs->rss),
		fs->live_known ? mp_bytes(live, sizeof(live), (int64_t)fs->live) : "not told");
}

/* Whom the kernel killed for lack of memory: what follows is of the moment before. */
static void put_killed(FILE *f, const struct mp_model *m, const struct mp_diagnose_opts *o,
		       const struct mp_term *term)
{
	char anon[16], shmem[16], limit[16], at[24], words[2 * MP_DX_TEXT];

	for (size_t i = 0; i < m->n_procs; i++) {
		const struct mp_proc *p = m->procs[i];
		const struct mp_cgroup *g = &p->cgroup;

		if (!p->oom.ts || (o->pid && p->tgid != o->pid))
			continue;
		snprintf(words, sizeof(words),
			 "The kernel killed pid %" PRIu32
			 " for lack of memory at %s: RssAnon %s, RssShmem %s"
			 " then%s%s",
			 p->tgid, moment(at, sizeof(at), m, p->oom.ts),
			 mp_bytes(anon, sizeof(anon), (int64_t)(p->oom.anon * MP_PAGE_SIZE)),
			 mp_bytes(shmem, sizeof(shmem), (int64_t)(p->oom.shmem * MP_PAGE_SIZE)),
			 !g->version		  ? ""
			 : g->limit == MP_UNKNOWN ? "; its control group has no limit"
						  : "; the limit of its control group is ",
			 g->version && g->limit != MP_UNKNOWN
				 ? mp_bytes(limit, sizeof(limit), (int64_t)g->limit)
				 : "");
		put_words(f, "", words, term);
	}
}

int mp_findings_text(FILE *f, const struct mp_findings *fs, const struct mp_model *m,
		     const struct mp_diagnose_opts *o, const struct mp_term *term)
{
	char a[16], b[16], pid[32], words[2 * MP_DX_TEXT];

	put_head(f, fs, m, o);
	put_killed(f, m, o, term);
	for (size_t i = 0; i < fs->n; i++)
		put_finding(f, &fs->v[i], fs, m, term);
	fprintf(f, "\n%s: %s explained by findings, %s not\n",
		fs->live_known ? "Beside the heap in use" : "Of RSS",
		mp_bytes(a, sizeof(a), (int64_t)fs->explained),
		mp_bytes(b, sizeof(b), (int64_t)fs->unexplained));
	if (fs->n_withheld)
		fputs("\nNeither found nor ruled out\n", f);
	for (size_t i = 0; i < fs->n_withheld; i++) {
		snprintf(pid, sizeof(pid), fs->n_procs > 1 ? " (pid %" PRIu32 ")" : "",
			 fs->withheld[i].pid);
		snprintf(words, sizeof(words), "%s%s: %s", fs->withheld[i].cls, pid,
			 fs->withheld[i].why);
		put_words(f, "  ", words, term);
	}
	if (fs->left_out)
		fprintf(f, "\n%" PRIu64 " processes are not judged: too many at a time\n",
			fs->left_out);
	return mp_view_flush(f);
}

static void list_cond(FILE *f, const char *what, const struct dx_cond *q,
		      const struct mp_thresholds *t)
{
	static const char *const ops[] = { ">=", ">", "<=", "<" };
	char v[32];

	fprintf(f, "    %s%s %s ", what, dx_fact_name(q->fact), ops[q->op]);
	if (q->thr != T_ONE)
		fprintf(f, "%s (%s)%s", dx_threshold_name(q->thr),
			mp_dx_value(v, sizeof(v),
				    q->of == F_ONE ? dx_fact_unit(q->fact) : MP_DX_RATIO,
				    t->v[q->thr]),
			q->of == F_ONE ? "" : " x ");
	fprintf(f, "%s%s\n",
		q->of != F_ONE	  ? dx_fact_name(q->of)
		: q->thr == T_ONE ? "1"
				  : "",
		q->role == DX_GATE   ? " [gate]"
		: q->role == DX_NEED ? " [need]"
				     : "");
}

static void list_rule(FILE *f, const struct dx_rule *r, const struct mp_thresholds *t)
{
	char what[48];

	fprintf(f, "%s: %s (%s; explains %s)\n", r->cls, r->title, mp_dx_level_name(r->level),
		dx_fact_name(r->bytes));
	for (unsigned k = 0; k < r->n_conds; k++)
		list_cond(f, "", &r->conds[k], t);
	for (unsigned k = 0; k < r->n_nots; k++) {
		snprintf(what, sizeof(what), "not %s: ", r->nots[k].cls);
		list_cond(f, what, &r->nots[k].is, t);
	}
	for (unsigned k = 0; k < r->n_strong; k++)
		list_cond(f, "surer: ", &r->strong[k], t);
	if (r->n_bad)
		list_cond(f, "bad: ", &r->bad, t);
	for (unsigned k = 0; k < sizeof(r->after) / sizeof(r->after[0]) && r->after[k]; k++)
		fprintf(f, "    unless there is %s\n", r->after[k]);
}

void mp_diagnose_list(FILE *f, const struct mp_thresholds *t)
{
	const struct dx_rule *r;

	for (size_t i = 0; (r = dx_rule(i)); i++)
		list_rule(f, r, t);
}
