/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * plain_procs.c - plain lines of several processes. See plain_procs.h.
 */
#include "user/view/plain_procs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "user/util/util.h"
#include "user/view/figures.h"

#define NAME_MAX_ 64

bool mp_plain_several(const struct mp_model *m)
{
	return m->n_procs + m->ended.procs > 1;
}

void mp_plain_procs_free(struct mp_plain_procs *ps)
{
	free(ps->v);
	memset(ps, 0, sizeof(*ps));
}

static struct mp_plain_proc seen(const struct mp_proc *p)
{
	struct mp_plain_proc s = { .pid = p->tgid,
				   .start = p->start_ts,
				   .faults = p->faults,
				   .minor = p->gc_minor,
				   .major = p->gc_major,
				   .other = p->gc_other == MP_UNKNOWN ? 0 : p->gc_other,
				   .ended = p->exited };

	for (unsigned i = 1; i < MP_CALL_MAX; i++)
		s.dropped += p->calls[i].dropped;
	return s;
}

int mp_plain_procs_begin(struct mp_plain_procs *ps, const struct mp_model *m)
{
	if (mp_grow(&ps->v, &ps->cap, m->n_procs, sizeof(*ps->v)))
		return -ENOMEM;
	for (size_t i = 0; i < m->n_procs; i++)
		ps->v[i] = seen(m->procs[i]);
	ps->n = m->n_procs;
	ps->forgotten = m->ended.procs;
	return 0;
}

/* "   1.000 s name (pid): " */
static void put_name(FILE *f, const struct mp_term *term, const struct mp_model *m,
		     const struct mp_proc *p, uint64_t ts)
{
	uint64_t ns = mp_fig_since(m, ts);
	char name[NAME_MAX_];

	mp_text_clean(name, sizeof(name), term, p->comm ? mp_str(m, p->comm) : "?");
	fprintf(f, "%" PRIu64 ".%03" PRIu64 " s %s (%u): ", ns / 1000000000, ns / 1000000 % 1000,
		name, p->tgid);
}

static void put_end(FILE *f, const struct mp_proc *p)
{
	if (!p->exit_known)
		fputs("ended", f);
	else if (WIFSIGNALED(p->wait_status))
		fprintf(f, "killed by signal %d", WTERMSIG(p->wait_status));
	else
		fprintf(f, "exited %d", WEXITSTATUS(p->wait_status));
}

static void put_bytes(FILE *f, const char *name, uint64_t v)
{
	char buf[32];

	if (v != MP_UNKNOWN)
		fprintf(f, ", %s %s", name, mp_text_bytes(buf, sizeof(buf), v));
}

static void put_process(FILE *f, const struct mp_term *term, const struct mp_model *m,
			const struct mp_proc *p, const struct mp_plain_proc *before, uint64_t ts,
			uint64_t dt)
{
	struct mp_plain_proc now = seen(p), zero = { 0 };
	const struct mp_heap *heap = mp_proc_heap(p, NULL);
	struct mp_account a;
	char buf[32];

	before = before ? before : &zero;
	mp_account(p, &a);
	put_name(f, term, m, p, ts);
	fprintf(f, "RSS %s",
		p->rss_known ? mp_text_bytes(buf, sizeof(buf), (uint64_t)a.rss) : "not known");
	if (heap) {
		put_bytes(f, "used", heap->used);
		put_bytes(f, "committed", heap->committed);
		put_bytes(f, "lazy", a.lazy_known ? (uint64_t)a.lazy_heap : MP_UNKNOWN);
		put_bytes(f, "free", a.heap_known ? (uint64_t)a.free_heap_resident : MP_UNKNOWN);
		put_bytes(f, "owed", p->owed);
	}
	if (dt && mp_fig_seen(m, MP_FEAT_FAULTS))
		fprintf(f, ", faults %.0f a second",
			(double)(now.faults - before->faults) * 1e9 / (double)dt);
	if (now.minor + now.major + now.other > before->minor + before->major + before->other)
		fprintf(f, ", collections %" PRIu64 " minor %" PRIu64 " major",
			now.minor - before->minor, now.major - before->major);
	if (now.other > before->other)
		fprintf(f, " %" PRIu64 " other", now.other - before->other);
	if (now.dropped > before->dropped)
		put_bytes(f, "released", (now.dropped - before->dropped) * MP_PAGE_SIZE);
	fputc('\n', f);
}

/* --- which ------------------------------------------------------------------------- */

struct pick {
	const struct mp_proc *p;
	const struct mp_plain_proc *before; /* NULL: new */
};

static int by_size(const void *a, const void *b)
{
	const struct mp_proc *x = ((const struct pick *)a)->p, *y = ((const struct pick *)b)->p;
	uint64_t r = mp_proc_rss(x), s = mp_proc_rss(y);

	if (r != s)
		return r > s ? -1 : 1;
	return x->start_ts < y->start_ts ? -1 : x->start_ts > y->start_ts;
}

/* The model keeps the order of its processes, and so do we. */
static const struct mp_plain_proc *find(const struct mp_plain_procs *ps, size_t *at,
					const struct mp_proc *p)
{
	for (size_t i = *at; i < ps->n; i++) {
		if (ps->v[i].pid != p->tgid || ps->v[i].start != p->start_ts)
			continue;
		*at = i + 1;
		return &ps->v[i];
	}
	return NULL;
}

struct event {
	uint64_t ts;
	const struct mp_proc *p;
	bool end;
};

static int by_time(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->ts != y->ts)
		return x->ts < y->ts ? -1 : 1;
	return x->end - y->end;
}

static void put_event(FILE *f, const struct mp_term *term, const struct mp_model *m,
		      const struct event *e)
{
	put_name(f, term, m, e->p, e->ts);
	if (e->end)
		put_end(f, e->p);
	else if (e->p->parent)
		fprintf(f, "is watched, child of %u", e->p->parent);
	else
		fputs("is watched", f);
	fputc('\n', f);
}

/* What came and went since the last lines, the earliest first; those that run to v, their
 * number to *n. */
static int news(const struct mp_plain_procs *ps, FILE *f, const struct mp_term *term,
		const struct mp_model *m, struct pick *v, size_t *n)
{
	struct event *e = malloc((2 * m->n_procs + 1) * sizeof(*e));
	size_t k = 0, at = 0;

	if (!e)
		return -ENOMEM;
	*n = 0;
	for (size_t i = 0; i < m->n_procs; i++) {
		const struct mp_proc *p = m->procs[i];
		const struct mp_plain_proc *before = find(ps, &at, p);

		if (!p->exited)
			v[(*n)++] = (struct pick){ p, before };
		if (!before)
			e[k++] = (struct event){ p->start_ts, p, false };
		if (p->exited && (!before || !before->ended))
			e[k++] = (struct event){ p->exit_ts, p, true };
	}
	qsort(e, k, sizeof(*e), by_time);
	for (size_t i = 0; i < k && i < 2 * MP_PLAIN_PROCS; i++)
		put_event(f, term, m, &e[i]);
	if (k > 2 * MP_PLAIN_PROCS)
		fprintf(f, "and %zu more that came or went\n", k - 2 * MP_PLAIN_PROCS);
	free(e);
	return 0;
}

int mp_plain_procs_lines(struct mp_plain_procs *ps, FILE *f, const struct mp_term *term,
			 const struct mp_model *m, uint64_t ts, uint64_t dt)
{
	struct pick *v = malloc((m->n_procs + 1) * sizeof(*v));
	uint64_t all = 0, ended, ns = mp_fig_since(m, ts);
	struct mp_ended sums;
	char buf[32];
	size_t n;

	if (!v || news(ps, f, term, m, v, &n)) {
		free(v);
		return -ENOMEM;
	}
	qsort(v, n, sizeof(*v), by_size);
	for (size_t i = 0; i < n; i++) {
		all += mp_proc_rss(v[i].p);
		if (i < MP_PLAIN_PROCS)
			put_process(f, term, m, v[i].p, v[i].before, ts, dt);
	}
	free(v);
	mp_model_sums(m, &sums, &ended);
	fprintf(f, "%" PRIu64 ".%03" PRIu64 " s all: %zu process%s, RSS %s, %" PRIu64 " ended\n",
		ns / 1000000000, ns / 1000000 % 1000, n, n == 1 ? "" : "es",
		mp_text_bytes(buf, sizeof(buf), all), ended);
	return mp_plain_procs_begin(ps, m);
}

/* --- the end ------------------------------------------------------------------------ */

static int by_highest(const void *a, const void *b)
{
	const struct mp_proc *x = *(const struct mp_proc *const *)a;
	const struct mp_proc *y = *(const struct mp_proc *const *)b;
	uint64_t r = x->r_rss.max == MP_UNKNOWN ? 0 : x->r_rss.max;
	uint64_t s = y->r_rss.max == MP_UNKNOWN ? 0 : y->r_rss.max;

	if (r != s)
		return r > s ? -1 : 1;
	return x->start_ts < y->start_ts ? -1 : x->start_ts > y->start_ts;
}

static void put_whole(FILE *f, const struct mp_term *term, const struct mp_model *m,
		      const struct mp_proc *p)
{
	char name[NAME_MAX_], buf[32];
	uint64_t ns = mp_fig_since(m, p->exit_ts);

	mp_text_clean(name, sizeof(name), term, p->comm ? mp_str(m, p->comm) : "?");
	fprintf(f, "  %s (%u): highest RSS %s", name, p->tgid,
		mp_text_bytes(buf, sizeof(buf), p->r_rss.max));
	put_bytes(f, "owed at most",
		  mp_proc_heap(p, NULL) || p->owed_max ? p->owed_max : MP_UNKNOWN);
	if (mp_fig_seen(m, MP_FEAT_FAULTS))
		fprintf(f, ", faults %" PRIu64, p->faults);
	fputs(", ", f);
	if (p->exited) {
		put_end(f, p);
		fprintf(f, " at %" PRIu64 ".%03" PRIu64 " s\n", ns / 1000000000,
			ns / 1000000 % 1000);
	} else {
		fputs("runs\n", f);
	}
}

int mp_plain_procs_end(FILE *f, const struct mp_term *term, const struct mp_model *m)
{
	const struct mp_proc **v = malloc((m->n_procs + 1) * sizeof(*v));
	struct mp_ended all;
	uint64_t ended;

	if (!v)
		return -ENOMEM;
	memcpy(v, m->procs, m->n_procs * sizeof(*v));
	qsort(v, m->n_procs, sizeof(*v), by_highest);
	mp_model_sums(m, &all, &ended);
	fprintf(f, "\nAll %" PRIu64 " processes, the largest first:\n", all.procs);
	for (size_t i = 0; i < m->n_procs && i < MP_PLAIN_PROCS; i++)
		put_whole(f, term, m, v[i]);
	if (all.procs > MP_PLAIN_PROCS)
		fprintf(f, "  and %" PRIu64 " more\n", all.procs - MP_PLAIN_PROCS);
	free(v);
	return 0;
}
