/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * logjoin.c - see logjoin.h. Reading and messages; what belongs where is in user/rt/join.h.
 */
#include "user/cmd/logjoin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/cmd/logfile.h"
#include "user/model/model.h"
#include "user/rec/writer.h"
#include "user/rt/join.h"

struct mp_logjoin {
	struct mp_join *j;
	struct mp_joined told;
	char path[32]; /* of the file without a name */
	int fd;
};

static int failed(int err)
{
	return mp_fail(MP_EXIT_FAILURE, "joining the GC log failed", strerror(-err), "");
}

/* --- the recording ---------------------------------------------------------------------- */

/* 1: it cannot be read. 0 or -errno. */
static int look(struct mp_join *j, const char *path)
{
	const struct mp_event *ev;
	struct mp_reader *r;
	bool keyframe;
	size_t n;
	int err = 0;

	if (mp_reader_open(path, &r))
		return 1;
	while (!err && mp_reader_next(r, &ev, &n, &keyframe) > 0)
		for (size_t i = 0; i < n && !err; i++)
			err = mp_join_look(j, &ev[i]);
	mp_reader_close(r);
	return err;
}

/* --- the logs ---------------------------------------------------------------------------- */

/* 0, or an exit code after a message; MP_EXIT_PARTIAL: what could be read was. */
static int read_one(struct mp_join *j, const char *path, struct mp_joined_file *told)
{
	struct mp_logfile *f;
	struct mp_gclog *l;
	const struct mp_gclog_stats *st;
	int code = mp_logfile_open(path, &f), err;

	if (code)
		return code;
	err = mp_join_file(j);
	l = err ? NULL : mp_gclog_new(mp_join_take, j);
	if (l)
		code = mp_logfile_read(f, l, &err);
	if (!l || err)
		code = failed(err ? err : -ENOMEM);
	if (l) {
		st = mp_gclog_stats(l);
		*told = (struct mp_joined_file){ .path = path,
						 .n_lines = st->lines,
						 .bytes = st->bytes,
						 .events = st->events,
						 .bad = st->bad };
		if (st->events) {
			told->runtime = mp_gclog_runtime(mp_gclog_lang(st));
			told->variant = mp_gclog_variant(mp_gclog_lang(st));
		}
	}
	mp_gclog_free(l);
	mp_logfile_close(f);
	return code;
}

static int read_logs(const struct mp_args *a, struct mp_logjoin *g)
{
	int code = 0, r = 0;

	g->told.files = calloc(a->n_gc_logs, sizeof(*g->told.files));
	if (!g->told.files)
		return failed(-ENOMEM);
	for (size_t i = 0; i < a->n_gc_logs && (!r || r == MP_EXIT_PARTIAL); i++) {
		r = read_one(g->j, a->gc_logs[i], &g->told.files[i]);
		code = r ? r : code;
		g->told.n_files++;
	}
	return code;
}

/* --- what is told -------------------------------------------------------------------------- */

static const char *remark_of(const struct mp_join_clock *c)
{
	if (c->doubled)
		return "not joined: the recording has collections of its own, and these agree with "
		       "them no more than chance would";
	if (c->twice && c->how == MP_ALIGN_GIVEN)
		return "at this offset most of them are none of the collections that the recording "
		       "has itself: they are counted beside them; is the offset right?";
	if (c->twice)
		return "most of them are none of the collections that the recording has itself: "
		       "they are counted beside them";
	if (c->how == MP_ALIGN_NONE && c->local)
		return "its stamps are local time without a zone; see --gc-log-offset";
	if (c->how == MP_ALIGN_NONE)
		return "nothing tells when they were; see --gc-log-offset";
	if (c->how == MP_ALIGN_START)
		return "estimated by how long this runtime usually takes to start";
	return NULL;
}

static int tell(struct mp_logjoin *g)
{
	g->told.n_clocks = mp_join_n_clocks(g->j);
	g->told.clocks = calloc(g->told.n_clocks + 1, sizeof(*g->told.clocks));
	if (!g->told.clocks)
		return -ENOMEM;
	for (size_t i = 0; i < g->told.n_files; i++) {
		const struct mp_join_file *f = mp_join_file_at(g->j, i);
		struct mp_joined_file *t = &g->told.files[i];

		t->joined = f->joined;
		t->same = f->same;
		t->before = f->before;
		t->after = f->after;
		t->other = f->other;
		t->unplaced = f->unplaced;
		t->dropped = f->dropped;
	}
	for (size_t i = 0; i < g->told.n_clocks; i++) {
		const struct mp_join_clock *c = mp_join_clock_at(g->j, i);

		g->told.clocks[i] = (struct mp_joined_clock){ .file = c->file,
							      .pid = c->pid,
							      .heap = c->heap,
							      .how = mp_align_name(c->how),
							      .has_zero = c->has_zero,
							      .zero = c->zero,
							      .shift = c->shift,
							      .err = c->err,
							      .agree = c->agree,
							      .of = c->of,
							      .n = c->n,
							      .remark = remark_of(c) };
	}
	return 0;
}

/* --- a log that is not of it ---------------------------------------------------------------- */

static int refuse(const struct mp_logjoin *g, const struct mp_join_file *sum, const char *names)
{
	const struct mp_joined_clock *c = g->told.n_clocks ? &g->told.clocks[0] : NULL;
	const char *fix =
		"--gc-log-offset SECONDS says at which second of the recording its time 0 was";
	char what[600], cause[160];
	const char *log, *own;
	uint32_t pid;

	snprintf(what, sizeof(what), "nothing of %s belongs to the recording", names);
	if (sum->other && mp_join_other_pid(g->j)) {
		snprintf(cause, sizeof(cause), "it is of process %u, and that of process %u",
			 mp_join_other_pid(g->j), mp_join_pid(g->j));
		fix = "-p PID, of the recording, if it is the same one: containers number their "
		      "own";
	} else if (sum->other && mp_join_misfit(g->j, &pid, &log, &own)) {
		snprintf(cause, sizeof(cause), "it is of the runtime %s, and process %u runs %s",
			 log, pid, own);
		fix = "-p PID, of the recording, if that process wrote it";
	} else if (sum->before || sum->after) {
		snprintf(cause, sizeof(cause),
			 "by its stamps %llu of its collections were before it and %llu after it",
			 (unsigned long long)sum->before, (unsigned long long)sum->after);
	} else if (sum->unplaced || sum->other) {
		snprintf(cause, sizeof(cause), "%s",
			 c && c->remark ? c->remark : "no line has a stamp that tells when it was");
		if (!c || !c->remark)
			fix = "make one with stamps: -Xlog:gc:file=LOG:uptime,time";
	} else {
		snprintf(cause, sizeof(cause), "there are no collections in it");
		fix = "memprof gclog LOG";
	}
	return mp_fail(MP_EXIT_NO_TARGET, what, cause, fix);
}

/* Does anything of the logs belong to the recording? */
static int judge(const struct mp_logjoin *g)
{
	struct mp_join_file sum = { 0 };
	char names[400];

	for (size_t i = 0; i < g->told.n_files; i++) {
		const struct mp_join_file *f = mp_join_file_at(g->j, i);

		sum.joined += f->joined + f->same;
		sum.before += f->before;
		sum.after += f->after;
		sum.other += f->other;
		sum.unplaced += f->unplaced;
	}
	if (sum.joined)
		return 0;
	if (g->told.n_files == 1)
		snprintf(names, sizeof(names), "%s", g->told.files[0].path);
	else
		snprintf(names, sizeof(names), "the %zu GC logs", g->told.n_files);
	return refuse(g, &sum, names);
}

int mp_logjoin_open(const struct mp_args *a, const char *recording, struct mp_logjoin **out)
{
	struct mp_join_opts o = { .pid = a->n_pids ? (uint32_t)a->pids[0] : 0,
				  .has_offset = a->has_gc_log_offset,
				  .offset = a->gc_log_offset };
	struct mp_logjoin *g;
	int err, code, bad;

	*out = NULL;
	if (!a->n_gc_logs)
		return 0;
	g = calloc(1, sizeof(*g));
	if (!g)
		return failed(-ENOMEM);
	g->fd = -1;
	g->j = mp_join_new(&o);
	err = g->j ? look(g->j, recording) : -ENOMEM;
	if (err) {
		mp_logjoin_close(g);
		return err < 0 ? failed(err) : 0;
	}
	code = read_logs(a, g);
	if (!code || code == MP_EXIT_PARTIAL) {
		err = mp_join_place(g->j);
		err = err ? err : tell(g);
		bad = err ? failed(err) : judge(g);
		code = bad ? bad : code;
	}
	if (code && code != MP_EXIT_PARTIAL)
		mp_logjoin_close(g);
	else
		*out = g;
	return code;
}

void mp_logjoin_close(struct mp_logjoin *g)
{
	if (!g)
		return;
	mp_join_free(g->j);
	free(g->told.files);
	free(g->told.clocks);
	if (g->fd >= 0)
		close(g->fd);
	free(g);
}

static int through(void *ctx, const struct mp_event *e,
		   int (*emit)(void *to, const struct mp_event *e), void *to)
{
	return mp_join_event(ctx, e, emit, to);
}

void mp_logjoin_filter(struct mp_logjoin *g, struct mp_event_filter *by)
{
	mp_join_rewind(g->j);
	by->fn = through;
	by->ctx = g->j;
}

const struct mp_joined *mp_logjoin_told(const struct mp_logjoin *g)
{
	return g ? &g->told : NULL;
}

/* --- as a file ------------------------------------------------------------------------------ */

static int write_event(void *ctx, const struct mp_model *m, const struct mp_event *e)
{
	struct mp_writer *w = ctx;
	int err = mp_writer_keyframe(w, m);

	return err ? err : mp_writer_append(w, e, 1);
}

static int open_unnamed(void)
{
	const char *dir = getenv("TMPDIR");
	int fd = open(dir && *dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return fd >= 0 ? fd : open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

int mp_logjoin_file(struct mp_logjoin *g, const char *recording, const char **path)
{
	struct mp_event_filter by;
	struct mp_writer *w;
	struct mp_loaded l;
	int code, err, end;

	g->fd = open_unnamed();
	err = g->fd < 0 ? -errno : mp_writer_open_fd(g->fd, &w);
	if (err)
		return mp_fail(MP_EXIT_FAILURE, "cannot make a temporary file", strerror(-err),
			       "TMPDIR=DIR memprof ...   names a directory with room");
	mp_logjoin_filter(g, &by);
	code = mp_load_through(recording, &l, &by, write_event, w);
	err = l.fn_err;
	if (!err && l.model && l.info.ended) {
		err = mp_writer_finish(w, l.model);
		end = mp_writer_close(w);
		err = err ? err : end;
	} else {
		err = err ? err : mp_writer_flush(w);
		mp_writer_free(w);
	}
	mp_unload(&l);
	if (err)
		return mp_fail(MP_EXIT_FAILURE, "writing the temporary file failed", strerror(-err),
			       "TMPDIR=DIR memprof ...   names a directory with room");
	if (code && code != MP_EXIT_PARTIAL)
		return code;
	snprintf(g->path, sizeof(g->path), "/proc/self/fd/%d", g->fd);
	*path = g->path;
	return 0;
}

/* What was made of the logs, on stderr: the command's own output has no place for it. */
int mp_logjoin_run(struct mp_args *a, int (*run)(struct mp_args *a))
{
	char *recording = a->files[0];
	struct mp_logjoin *g;
	struct mp_term term;
	const char *path;
	int joined = mp_logjoin_open(a, recording, &g), code;

	if (joined && !g)
		return joined;
	code = g ? mp_logjoin_file(g, recording, &path) : 0;
	if (!code && g) {
		a->files[0] = (char *)path;
		mp_term_init(&term, stderr, a->color);
		if (!a->quiet)
			mp_joined_text(stderr, &term, &g->told);
	}
	a->n_gc_logs = 0;
	code = code ? code : run(a);
	a->files[0] = recording;
	mp_logjoin_close(g);
	return code ? code : joined;
}
