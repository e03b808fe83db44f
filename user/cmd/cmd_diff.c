/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_diff.c - memprof diff: two recordings, or two instants of one, against each other.
 *
 * Owns: which instants are meant. What is compared with what is in user/view/diff.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/cmd/cmd.h"
#include "user/cmd/instant.h"
#include "user/model/model.h"
#include "user/rec/history.h"
#include "user/util/util.h"
#include "user/view/figures.h"
#include "user/view/diff.h"

struct side {
	char path[4096];
	struct mp_instant at;
	bool peak;   /* at the highest RSS instead */
	uint64_t ts; /* the instant, CLOCK_MONOTONIC; MP_UNKNOWN: the end */
	struct mp_rec_info rec;
	struct mp_loaded l;	  /* at the end                        */
	struct mp_reader *reader; /* at an instant before              */
	struct mp_history *history;
	const struct mp_model *m;     /* at the instant                */
	const struct mp_model *names; /* at the end: what frames mean may be told late */
};

/* --- which instant ------------------------------------------------------------------------ */

static bool parse_time(const char *text, struct side *s)
{
	s->peak = !strcmp(text, "peak");
	return s->peak || mp_instant_parse(text, &s->at);
}

static bool at_end(const struct side *s)
{
	return !s->peak && s->at.kind == MP_FROM_END && !s->at.ns;
}

static bool at_start(const struct side *s)
{
	return !s->peak && !s->at.ns && (s->at.kind == MP_FROM_START || s->at.kind == MP_SESSION);
}

static int no_time(const char *s)
{
	char what[128];

	snprintf(what, sizeof(what), "'%.60s' is not a time", s);
	return mp_fail(MP_EXIT_USAGE, what, NULL,
		       "90, 12.5s, 2m after the start; -30s before the end; 10:05 or 10:05:30 of "
		       "the day; start; end; peak");
}

/* FILE or FILE@TIME: a file of the whole name is meant, if there is one. */
static int parse_side(const char *arg, struct side *s)
{
	const char *at = strrchr(arg, '@');
	size_t len = at && access(arg, F_OK) ? (size_t)(at - arg) : strlen(arg);

	snprintf(s->path, sizeof(s->path), "%.*s", (int)len, arg);
	s->at.kind = MP_FROM_END;
	if (arg[len] && !parse_time(arg + len + 1, s))
		return no_time(arg + len + 1);
	return mp_not_a_stream(s->path);
}

static int parse_sides(const struct mp_args *a, struct side s[2])
{
	int code;

	if (a->n_files < 1 || a->n_files > 2 || (a->n_files == 2) == (a->from || a->to))
		return mp_fail(MP_EXIT_USAGE, "two recordings, or one and two instants", NULL,
			       "memprof diff A B   or: memprof diff FILE --from TIME --to TIME");
	code = parse_side(a->files[0], &s[0]);
	if (!code)
		code = parse_side(a->files[a->n_files - 1], &s[1]);
	if (!code && a->from && !parse_time(a->from, &s[0]))
		code = no_time(a->from);
	if (!code && a->n_files == 1 && !a->from)
		parse_time("start", &s[0]);
	if (!code && a->to && !parse_time(a->to, &s[1]))
		code = no_time(a->to);
	return code;
}

/* -p PID is of both sides, -p A's -p B's of one each; 0 = the first process. */
static uint32_t pid_of(const struct mp_args *a, int side)
{
	return a->n_pids ? (uint32_t)a->pids[a->n_pids > 1 ? side : 0] : 0;
}

/* --- opening --------------------------------------------------------------------------------- */

static int open_end(struct side *s)
{
	int code = mp_load(s->path, &s->l, NULL, NULL);

	s->ts = MP_UNKNOWN;
	s->rec = s->l.info;
	s->m = s->names = s->l.model;
	return code;
}

/* Where RSS was first known and where highest, on the way through all events. */
struct peak {
	uint32_t pid;
	uint64_t rss, first, ts;
	bool open; /* what is told now may still be of the peak */
};

/*
 * A run of faults is told when it has ended, so a figure of RSS may come before the pages
 * that it counts: the peak is after the faults that follow it, up to a call or a fall.
 */
static int seek_peak(void *ctx, const struct mp_model *m, const struct mp_event *e)
{
	struct peak *pk = ctx;
	const struct mp_proc *p;
	uint64_t rss;

	if (e->type != MP_EV_RSS && (!pk->open || !e->mm))
		return 0;
	p = pk->pid ? mp_model_pid(m, pk->pid) : mp_model_main(m);
	if (!p || p != mp_model_proc(m, e->mm))
		return 0;
	rss = e->rss.anon + e->rss.file + e->rss.shmem;
	if (e->type == MP_EV_FAULT)
		pk->ts = e->ts;
	else if (e->type == MP_EV_CALL || (e->type == MP_EV_RSS && rss < pk->rss))
		pk->open = false;
	if (e->type != MP_EV_RSS || (rss <= pk->rss && pk->first))
		return 0;
	pk->first = pk->first ? pk->first : e->ts;
	pk->rss = rss;
	pk->ts = e->ts;
	pk->open = true;
	return 0;
}

static int survey_peak(struct side *s, uint32_t pid)
{
	struct peak pk = { .pid = pid };
	int code = mp_load(s->path, &s->l, seek_peak, &pk);

	s->rec = s->l.info;
	if (at_start(s))
		pk.ts = pk.first;
	s->at.kind = MP_FROM_START;
	s->at.ns = pk.ts > s->rec.first_ts ? pk.ts - s->rec.first_ts : 0;
	return code;
}

static int open_failed(const struct side *s, int err)
{
	char what[4096 + 64];

	snprintf(what, sizeof(what), "reading %s failed", s->path);
	return mp_fail(MP_EXIT_FAILURE, what, mp_reader_strerror(err), "");
}

/* The instant's model; s->rec is known. */
static int open_at(struct side *s)
{
	int err = mp_reader_open(s->path, &s->reader);
	const struct mp_model *end;

	if (!err)
		err = mp_history_from_reader(s->reader, &s->history);
	if (err)
		return open_failed(s, err);
	end = mp_history_at(s->history, s->rec.last_ts);
	if (!end)
		return open_failed(s, -ENOMEM);
	err = mp_instant_find(&s->at, end, &s->rec, s->path, &s->ts);
	if (err)
		return err;
	s->m = mp_history_at(s->history, s->ts);
	return s->m ? 0 : open_failed(s, -ENOMEM);
}

static int open_side(struct side *s, const struct side *known, uint32_t pid)
{
	int code = 0, err;

	if (at_end(s))
		return open_end(s);
	if (s->peak || at_start(s))
		code = survey_peak(s, pid);
	else if (known)
		s->rec = known->rec;
	else
		code = mp_load(s->path, &s->l, NULL, NULL);
	if (code && code != MP_EXIT_PARTIAL)
		return code;
	if (s->l.model)
		s->rec = s->l.info;
	s->names = s->l.model ? s->l.model : known ? known->names : NULL;
	err = open_at(s);
	return err ? err : code;
}

static void close_side(struct side *s)
{
	mp_history_free(s->history);
	mp_reader_close(s->reader);
	mp_unload(&s->l);
}

/* Two names may be one file. */
static bool same_file(const struct side *s)
{
	struct stat a, b;

	return !stat(s[0].path, &a) && !stat(s[1].path, &b) && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* --- comparing ----------------------------------------------------------------------------- */

static int check_pids(const struct mp_args *a, const struct side s[2])
{
	for (int i = 0; i < 2 && a->n_pids; i++) {
		uint32_t pid = pid_of(a, i);
		char what[4096 + 64];

		if (mp_model_pid(s[i].m, pid))
			continue;
		snprintf(what, sizeof(what), "process %u is not in %s at that instant", pid,
			 s[i].path);
		return mp_fail(MP_EXIT_NO_TARGET, what, NULL,
			       "-p PID for both, or -p A's -p B's   (memprof report lists them)");
	}
	return 0;
}

static void fill_side(const struct mp_args *a, const struct side *s, int i, struct mp_diff_side *d)
{
	struct mp_loaded l = { .info = s->rec };

	mp_loaded_info(&l, s->path, &d->info);
	d->info.pid = pid_of(a, i);
	d->m = s->m;
	d->names = s->names;
	d->at = s->ts == MP_UNKNOWN ? MP_UNKNOWN : mp_fig_since(s->m, s->ts);
}

static int compare(const struct mp_args *a, const struct side s[2], bool same)
{
	struct mp_diff_side ds[2];
	struct mp_diff *d = calloc(1, sizeof(*d));
	struct mp_term term;
	int err = d ? 0 : -ENOMEM;

	for (int i = 0; i < 2; i++)
		fill_side(a, &s[i], i, &ds[i]);
	if (!err)
		err = mp_diff_make(d, &ds[0], &ds[1], same);
	if (err) {
		free(d);
		return err;
	}
	mp_term_init(&term, stdout, a->color);
	err = a->json ? mp_diff_json(stdout, d) : mp_diff_text(stdout, d, &term);
	mp_diff_free(d);
	free(d);
	return err;
}

int cmd_diff(struct mp_args *a)
{
	struct side *s = calloc(2, sizeof(*s));
	int code = s ? parse_sides(a, s) : MP_EXIT_FAILURE, one = 0, two = 0, first;
	bool same;

	if (code) {
		free(s);
		return code;
	}
	same = same_file(s);
	first = at_end(&s[1]); /* tells the state on its way */
	one = open_side(&s[first], NULL, pid_of(a, first));
	if (s[first].m)
		two = open_side(&s[!first], same ? &s[first] : NULL, pid_of(a, !first));
	if (!s[0].m || !s[1].m)
		code = s[first].m ? two : one;
	else if (same && pid_of(a, 0) == pid_of(a, 1) && s[1].m->now < s[0].m->now)
		code = mp_fail(MP_EXIT_USAGE, "the first instant is later than the second", NULL,
			       "the earlier one comes first");
	else
		code = check_pids(a, s);
	/* Both, whichever the instants: sites are compared by their names. */
	for (int i = 0; i < 2 && !code; i++)
		if (s[i].l.model)
			mp_fill_symbols(a, s[i].l.model);
	if (!code)
		code = mp_finish_stdout(compare(a, s, same), one ? one : two);
	close_side(&s[0]);
	close_side(&s[1]);
	free(s);
	return code;
}
