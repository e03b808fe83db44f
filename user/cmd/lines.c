/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * lines.c - see lines.h.
 */
#include "user/cmd/lines.h"

#include <errno.h>
#include <poll.h>

#include "user/util/util.h"

int mp_lines_event(void *ctx, const struct mp_model *m, const struct mp_event *e)
{
	struct mp_lines *p = ctx;

	/* a file of a row begins with the state of the session: nothing of that happens now */
	if (!p->next && (m->in_key || e->type == MP_EV_KEYFRAME)) {
		p->key = true;
		return 0;
	}
	if (!p->next && (e->type == MP_EV_STR || e->type == MP_EV_META || e->type == MP_EV_PROBE))
		return 0;
	if (!p->next && m->start) { /* in the middle of a session: the next full interval */
		bool middle = p->middle || p->key;
		uint64_t past = middle && e->ts > m->start ? e->ts - m->start : 0;

		p->next = m->start + (past / p->interval + 1) * p->interval;
		if (middle)
			mp_plain_begin(p->pl, m);
	}
	while (p->next && e->ts >= p->next && m->now && !p->err) {
		p->err = mp_plain_interval(p->pl, m, p->next);
		p->next += p->interval;
	}
	return p->err ? p->err : mp_plain_event(p->pl, m, e);
}

static void plain_observe(void *ctx, const struct mp_model *m, const struct mp_event *e)
{
	struct mp_lines *p = ctx;

	mp_lines_event(p, m, e);
	if (p->judge)
		mp_judge_observe(p->judge, m, e);
}

/* What a scenario shows, in words. */
static int plain_findings(const struct mp_lines *p, const struct mp_model *m,
			  const struct mp_term *term)
{
	const struct mp_diagnose_opts o = { .state = "clean" };

	mp_judge_make(p->judge, m, o.state);
	if (!p->judge->there || !p->judge->fs.n)
		return 0;
	mp_text_head(stdout, term, "Diagnosis");
	return mp_findings_text(stdout, &p->judge->fs, m, &o, term);
}

int mp_lines_live(const struct mp_live *on, const struct mp_args *a, bool story)
{
	struct mp_lines p = { .interval = a->interval_ns ? a->interval_ns : 1000000000ULL };
	uint64_t start = mp_monotonic_ns();
	const struct mp_model *m = on->model;
	struct mp_report_info info = { .state = "live",
				       .duration_ns = MP_UNKNOWN,
				       .events = MP_UNKNOWN,
				       .blocks = MP_UNKNOWN,
				       .bytes = MP_UNKNOWN };
	struct mp_judge judge = { .d = story ? mp_diagnosis_new(NULL) : NULL };
	struct mp_term term;
	int r = 1, err;

	mp_term_init(&term, stdout, a->color);
	p.judge = story ? &judge : NULL;
	p.pl = mp_plain_new(stdout, &term);
	if (!p.pl)
		return -ENOMEM;
	on->observe(on->of, plain_observe, &p);
	while (r > 0 && !p.err && !mp_signals_count()) {
		struct pollfd pfd = { .fd = on->fd, .events = POLLIN };

		if (a->duration_ns && mp_monotonic_ns() - start >= a->duration_ns)
			break;
		poll(&pfd, 1, 100);
		r = on->pump(on->of);
	}
	if (r > 0 && on->settle)
		on->settle(on->of);
	err = p.err ? p.err : mp_plain_end(p.pl, m, &info);
	if (!err && story)
		err = mp_plain_stages(p.pl, m);
	if (!err && story)
		err = plain_findings(&p, m, &term);
	on->observe(on->of, NULL, NULL);
	mp_judge_free(&judge);
	mp_plain_free(p.pl);
	if (on->notice(on->of) && !a->quiet)
		fprintf(stderr, "memprof: %s\n", on->notice(on->of));
	return r < 0 ? r : err;
}
