/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * facts.c - see facts.h.
 *
 * Owns: wording and order. Times are UTC: a report reads the same wherever it is made.
 * Must not: ask a clock or the environment.
 */
#include "user/view/facts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "user/util/util.h"

#define SEC	      1000000000ULL
#define TOP_PROCESSES 15
#define LAST_CLOCKS   5
#define NAME_MAX_OUT  64

char *mp_facts_time(const struct mp_model *m, uint64_t ts, char *buf, size_t size)
{
	uint64_t wall = mp_wall_ns(m, ts);
	time_t t = (time_t)(wall / SEC);
	char day[32];
	struct tm tm;

	buf[0] = '\0';
	if (wall == MP_UNKNOWN || !gmtime_r(&t, &tm) ||
	    !strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm))
		return buf;
	snprintf(buf, size, "%s.%03" PRIu64 "Z", day, wall / 1000000 % 1000);
	return buf;
}

/* --- JSON ---------------------------------------------------------------------------------- */

static void put_string(struct mp_json *j, const char *key, const struct mp_model *m, uint64_t id)
{
	mp_json_str(j, key, id && id <= UINT32_MAX ? mp_str(m, (uint32_t)id) : NULL);
}

static void put_time(struct mp_json *j, const char *key, const struct mp_model *m, uint64_t ts)
{
	char buf[48];

	mp_facts_time(m, ts, buf, sizeof(buf));
	mp_json_str(j, key, *buf ? buf : NULL);
}

static bool is_event(const struct mp_clock_at *c)
{
	return c->why == MP_CLOCK_STEP || c->why == MP_CLOCK_SLEEP;
}

static void put_clocks(struct mp_json *j, const struct mp_model *m)
{
	mp_json_rows(j, "clocks", false);
	for (size_t i = 0; i < m->n_clocks; i++) {
		const struct mp_clock_at *c = &m->clocks[i];

		if (!is_event(c))
			continue;
		mp_json_obj(j, NULL);
		mp_json_ns(j, "t", mp_fig_since(m, c->ts));
		mp_json_str(j, "what", c->why == MP_CLOCK_STEP ? "step" : "sleep");
		mp_json_dec(j, "seconds", c->why == MP_CLOCK_STEP ? c->jump : (int64_t)c->asleep,
			    9);
		mp_json_end(j);
	}
	mp_json_end(j);
}

void mp_facts_json(struct mp_json *j, const struct mp_figures *fg)
{
	const struct mp_model *m = fg->m;
	bool any = m->events != 0;

	put_time(j, "started_at", m, any ? fg->first : MP_UNKNOWN);
	put_time(j, "ended_at", m, any ? m->now : MP_UNKNOWN);
	/* counts are since then: a file may begin in the middle of a session */
	put_time(j, "session_started_at", m, any ? m->start : MP_UNKNOWN);
	mp_json_ns(j, "since_s", any ? mp_fig_before(fg) : MP_UNKNOWN);
	put_string(j, "kernel", m, m->meta[MP_META_KERNEL]);
	put_string(j, "memprof", m, m->meta[MP_META_VERSION]);
	mp_json_u64(j, "cpus", m->meta[MP_META_NCPU]);
	mp_json_u64(j, "page_size", m->meta[MP_META_PAGE_SIZE]);
	mp_json_u64(j, "shard", m->meta[MP_META_SHARD]);
	put_string(j, "trigger", m, m->meta[MP_META_TRIGGER]);
	put_clocks(j, m);
}

void mp_facts_json_target(struct mp_json *j, const struct mp_figures *fg)
{
	put_string(j, "cmdline", fg->m, fg->m->meta[MP_META_CMDLINE]);
	put_string(j, "environ", fg->m, fg->m->meta[MP_META_ENVIRON]);
}

static void put_modules(struct mp_json *j, const struct mp_model *m)
{
	mp_json_rows(j, "modules", false);
	for (size_t i = 0; i < mp_model_n_modules(m); i++) {
		const struct mp_module *mod = mp_model_module_at(m, i);
		char hex[2 * sizeof(mod->build) + 1] = "";

		for (unsigned k = 0; k < mod->n_build; k++)
			snprintf(hex + 2 * k, 3, "%02x", mod->build[k]);
		mp_json_obj(j, NULL);
		put_string(j, "name", m, mod->name);
		mp_json_str(j, "build_id", *hex ? hex : NULL);
		mp_json_end(j);
	}
	mp_json_end(j);
}

/* --- processes ------------------------------------------------------------------------------ */

static uint64_t highest(const struct mp_proc *p)
{
	return p->r_rss.max == MP_UNKNOWN ? 0 : p->r_rss.max;
}

static int by_highest(const void *a, const void *b)
{
	const struct mp_proc *x = *(const struct mp_proc *const *)a;
	const struct mp_proc *y = *(const struct mp_proc *const *)b;

	if (highest(x) != highest(y))
		return highest(x) < highest(y) ? 1 : -1;
	if (x->start_ts != y->start_ts)
		return x->start_ts < y->start_ts ? -1 : 1;
	return x->tgid < y->tgid ? -1 : x->tgid > y->tgid;
}

/* All that are still in the table; to be freed. NULL when memory is out. */
static const struct mp_proc **processes(const struct mp_model *m)
{
	const struct mp_proc **v = malloc((m->n_procs + 1) * sizeof(*v));

	for (size_t i = 0; v && i < m->n_procs; i++)
		v[i] = m->procs[i];
	if (v)
		qsort(v, m->n_procs, sizeof(*v), by_highest);
	return v;
}

static void put_process(struct mp_json *j, const struct mp_figures *fg, const struct mp_proc *p)
{
	bool code = p->exit_known && WIFEXITED(p->wait_status);
	bool killed = p->exit_known && WIFSIGNALED(p->wait_status);

	mp_json_obj(j, NULL);
	mp_json_u64(j, "pid", p->tgid);
	put_string(j, "comm", fg->m, p->comm);
	put_string(j, "exe", fg->m, p->exe);
	mp_json_u64(j, "rss_max", mp_fig_whole(fg, MP_LOW_RSS) ? p->r_rss.max : MP_UNKNOWN);
	mp_json_u64(j, "rss_end", mp_fig_fresh(fg, p->rss.ts) ? p->r_rss.end : MP_UNKNOWN);
	mp_json_u64(j, "faults",
		    mp_fig_seen(fg->m, MP_FEAT_FAULTS) && mp_fig_whole(fg, MP_LOW_FAULTS)
			    ? p->faults
			    : MP_UNKNOWN);
	mp_json_ns(j, "started_t", mp_fig_since(fg->m, p->start_ts));
	if (p->exited || !mp_fig_may_have_ended(fg))
		mp_json_bool(j, "exited", p->exited);
	else
		mp_json_null(j, "exited");
	mp_json_ns(j, "exited_t", p->exited ? mp_fig_since(fg->m, p->exit_ts) : MP_UNKNOWN);
	mp_json_u64(j, "exit_code", code ? (unsigned)WEXITSTATUS(p->wait_status) : MP_UNKNOWN);
	mp_json_u64(j, "signal", killed ? (unsigned)WTERMSIG(p->wait_status) : MP_UNKNOWN);
	mp_json_end(j);
}

int mp_facts_json_tables(struct mp_json *j, const struct mp_figures *fg)
{
	const struct mp_proc **v = processes(fg->m);
	bool whole = mp_fig_whole(fg, MP_LOW_ALL);
	struct mp_ended all;
	uint64_t ended;

	if (!v)
		return -ENOMEM;
	put_modules(j, fg->m);
	mp_model_sums(fg->m, &all, &ended);
	mp_json_rows(j, "processes", true);
	mp_json_u64(j, "seen", whole ? all.procs : MP_UNKNOWN);
	mp_json_u64(j, "ended", whole ? ended : MP_UNKNOWN);
	mp_json_u64(j, "forks", whole ? all.forks : MP_UNKNOWN);
	mp_json_u64(j, "faults", whole ? all.faults : MP_UNKNOWN);
	mp_json_u64(j, "pages_added", whole ? all.pages_added : MP_UNKNOWN);
	mp_json_u64(j, "rss_max", whole && all.rss_max ? all.rss_max : MP_UNKNOWN);
	mp_json_rows(j, "list", false);
	for (size_t i = 0; i < fg->m->n_procs; i++)
		put_process(j, fg, v[i]);
	mp_json_end(j);
	mp_json_end(j);
	free(v);
	return 0;
}

/* --- text ------------------------------------------------------------------------------------ */

/* A line "  label      text", cut to the width. */
static void line(FILE *f, const struct mp_term *term, const char *label, const char *text)
{
	fprintf(f, "  %-12s ", label);
	mp_text_cut(f, term, text, mp_text_left(term, 15), false);
	fputc('\n', f);
}

static void string_line(FILE *f, const struct mp_term *term, const struct mp_model *m,
			const char *label, enum mp_meta key)
{
	uint64_t id = m->meta[key];

	if (id && id <= UINT32_MAX)
		line(f, term, label, mp_str(m, (uint32_t)id));
}

static void text_clocks(FILE *f, const struct mp_term *term, const struct mp_model *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_clocks; i++) {
		const struct mp_clock_at *c = &m->clocks[i];
		bool step = c->why == MP_CLOCK_STEP;
		uint64_t by = !step ? c->asleep : (uint64_t)(c->jump < 0 ? -c->jump : c->jump);
		char dur[32], text[96];

		if (!is_event(c))
			continue;
		if (n++ == LAST_CLOCKS) {
			line(f, term, "", "... and more");
			return;
		}
		snprintf(text, sizeof(text), "at %.3f s %s %s",
			 (double)mp_fig_since(m, c->ts) / 1e9,
			 !step	       ? "the machine had slept for"
			 : c->jump < 0 ? "somebody had set it back by"
				       : "somebody had set it on by",
			 mp_duration(dur, sizeof(dur), by));
		line(f, term, n == 1 ? "clock" : "", text);
	}
}

static void text_recording(FILE *f, const struct mp_term *term, const struct mp_figures *fg)
{
	const struct mp_model *m = fg->m;
	char from[48], to[48], text[128];

	mp_text_head(f, term, "Recording");
	mp_facts_time(m, fg->first, from, sizeof(from));
	mp_facts_time(m, m->now, to, sizeof(to));
	if (*from) {
		snprintf(text, sizeof(text), "%s to %s", from, to);
		line(f, term, "time", text);
	}
	text_clocks(f, term, m);
	string_line(f, term, m, "trigger", MP_META_TRIGGER);
	string_line(f, term, m, "command line", MP_META_CMDLINE);
	if (m->meta[MP_META_KERNEL] != MP_UNKNOWN && m->meta[MP_META_NCPU] != MP_UNKNOWN) {
		snprintf(text, sizeof(text), "Linux %.80s, %" PRIu64 " CPUs",
			 mp_str(m, (uint32_t)m->meta[MP_META_KERNEL]), m->meta[MP_META_NCPU]);
		line(f, term, "machine", text);
	}
	string_line(f, term, m, "memprof", MP_META_VERSION);
}

static void text_process(FILE *f, const struct mp_term *term, const struct mp_figures *fg,
			 const struct mp_proc *p)
{
	char max[32], end[32], n[32], at[32] = "", how[32] = "";
	bool faults = mp_fig_seen(fg->m, MP_FEAT_FAULTS);

	if (p->exited)
		snprintf(at, sizeof(at), "%.3f", (double)mp_fig_since(fg->m, p->exit_ts) / 1e9);
	if (p->exit_known && WIFSIGNALED(p->wait_status))
		snprintf(how, sizeof(how), " signal %d", WTERMSIG(p->wait_status));
	else if (p->exit_known && WEXITSTATUS(p->wait_status))
		snprintf(how, sizeof(how), " status %d", WEXITSTATUS(p->wait_status));
	fprintf(f, "%c %8u ", p == fg->p ? '*' : ' ', p->tgid);
	mp_text_fit(f, term, p->comm ? mp_str(fg->m, p->comm) : "?", 15);
	fprintf(f, " %8s %8s %11s %10s%s\n", mp_text_bytes(max, sizeof(max), p->r_rss.max),
		mp_text_bytes(end, sizeof(end), p->r_rss.end),
		faults ? mp_text_count(n, sizeof(n), p->faults) : "-", at, how);
}

static int text_processes(FILE *f, const struct mp_term *term, const struct mp_figures *fg)
{
	const struct mp_proc **v = processes(fg->m);
	struct mp_ended all;
	uint64_t ended;
	char n[32];

	if (!v)
		return -ENOMEM;
	mp_text_head(f, term, "Processes (* this report; the others: report -p PID)");
	fprintf(f, "  %8s %-15s %8s %8s %11s %10s\n", "pid", "name", "highest", "end", "faults",
		"ended at");
	for (size_t i = 0; i < fg->m->n_procs && i < TOP_PROCESSES; i++)
		text_process(f, term, fg, v[i]);
	mp_model_sums(fg->m, &all, &ended);
	if (all.procs > TOP_PROCESSES)
		fprintf(f, "  ... %s more\n",
			mp_text_count(n, sizeof(n), all.procs - TOP_PROCESSES));
	free(v);
	return 0;
}

int mp_facts_text(FILE *f, const struct mp_term *term, const struct mp_figures *fg)
{
	int err = fg->m->n_procs > 1 ? text_processes(f, term, fg) : 0;

	if (!err && fg->m->events)
		text_recording(f, term, fg);
	return err;
}
