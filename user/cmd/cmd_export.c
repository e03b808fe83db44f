/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_export.c - memprof export: a recording in the format of another program.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/cmd/cmd.h"
#include "user/cmd/logjoin.h"
#include "user/cmd/part.h"
#include "user/export/export.h"
#include "user/export/redact.h"
#include "user/model/model.h"
#include "user/rec/writer.h"
#include "user/util/util.h"

/* The exporter sees an event after its fold when the next one is about to be. */
struct feed {
	const struct mp_exporter *fmt;
	struct mp_export x;
	struct mp_event last;
	bool have_last;
	const char *path; /* of the file made for it; NULL: stdout */
};

static int feed_last(struct feed *fd, const struct mp_model *m)
{
	bool have = fd->have_last;

	fd->have_last = false;
	return have && fd->fmt->after ? fd->fmt->after(&fd->x, m, &fd->last) : 0;
}

static int feed_one(void *ctx, const struct mp_model *m, const struct mp_event *e)
{
	struct feed *fd = ctx;
	int err = feed_last(fd, m);

	if (!err && fd->fmt->before)
		err = fd->fmt->before(&fd->x, m, e);
	fd->last = *e;
	fd->have_last = true;
	if (!err && ferror(fd->x.f))
		err = errno ? -errno : -EIO;
	return err || !mp_signals_count() ? err : -EINTR;
}

static int list_formats(void)
{
	for (size_t i = 0; mp_exporters[i]; i++)
		printf("%-12s %s\n", mp_exporters[i]->name, mp_exporters[i]->doc);
	return mp_finish_stdout(0, MP_EXIT_OK);
}

static const struct mp_exporter *format_of(const struct mp_args *a)
{
	const struct mp_exporter *fmt = a->format ? mp_exporter_find(a->format) : NULL;
	char what[96];

	if (fmt)
		return fmt;
	snprintf(what, sizeof(what), a->format ? "no format '%.60s'" : "which format?", a->format);
	mp_fail(MP_EXIT_USAGE, what, NULL, "memprof export --list   shows the formats");
	return NULL;
}

/* --table: one of the format's. */
static int table_of(const struct mp_args *a, const struct mp_exporter *fmt)
{
	char what[96], fix[256] = "there are: ";

	if (!a->table)
		return 0;
	for (size_t i = 0; fmt->tables && fmt->tables[i]; i++) {
		size_t n = strlen(fix);

		if (!strcmp(fmt->tables[i], a->table))
			return 0;
		snprintf(fix + n, sizeof(fix) - n, "%s%s", i ? ", " : "", fmt->tables[i]);
	}
	snprintf(what, sizeof(what), "%s has no table '%.40s'", fmt->name, a->table);
	return mp_fail(MP_EXIT_USAGE, what, NULL,
		       fmt->tables ? fix : "memprof export FILE --format csv --table sites");
}

/* -o FILE, or stdout: a new file, as recordings are. An exit code after a message. */
static int open_output(const struct mp_args *a, struct feed *fd)
{
	char what[4096 + 64];
	struct stat st;
	int n;

	fd->x.f = stdout;
	if (!a->output || !strcmp(a->output, "-")) {
		if (fd->fmt->binary && isatty(STDOUT_FILENO))
			return mp_fail(MP_EXIT_USAGE, "this format is not for terminals", NULL,
				       "give -o FILE, or send the output somewhere");
		return 0;
	}
	n = mp_create_file(a->output);
	fd->x.f = n < 0 ? NULL : fdopen(n, "w");
	if (fd->x.f) {
		fd->path = a->output;
		return 0;
	}
	snprintf(what, sizeof(what), "cannot create %s", a->output);
	mp_fail(MP_EXIT_FAILURE, what, strerror(n < 0 ? -n : errno),
		n != -EEXIST ? ""
		: lstat(a->output, &st) || S_ISREG(st.st_mode)
			? "give another name, or remove the file"
			: "give the name of a new file, or "
			  "send the output there: > NAME");
	if (n >= 0) {
		close(n);
		unlink(a->output);
	}
	return MP_EXIT_FAILURE;
}

/*
 * Ends the output. What is not whole is not left behind: half a trace looks like a
 * whole one. Of a damaged recording all that could be read is whole.
 */
static int close_output(struct feed *fd, int err, int code)
{
	bool whole;

	if (!err && (fflush(fd->x.f) || ferror(fd->x.f)))
		err = errno ? -errno : -EIO;
	if (fd->path && fclose(fd->x.f) && !err)
		err = -errno;
	whole = !err && (code == MP_EXIT_OK || code == MP_EXIT_PARTIAL);
	if (fd->path && !whole)
		unlink(fd->path);
	if (err == -EINTR)
		return 128 + mp_signals_first();
	if (err == -EPIPE) /* the reader has what it wanted */
		return MP_EXIT_FAILURE;
	if (err)
		return mp_fail(MP_EXIT_FAILURE, "writing the output failed", strerror(-err), "");
	return code;
}

static int not_recorded(uint32_t pid)
{
	char what[64];

	snprintf(what, sizeof(what), "process %u is not in the recording", pid);
	return mp_fail(MP_EXIT_NO_TARGET, what, NULL,
		       "memprof dump FILE | grep task.target   lists those that are");
}

static void say_left_out(const struct mp_args *a, const struct mp_exporter *fmt)
{
	char what[96], size[16];

	if (a->quiet)
		return;
	snprintf(what, sizeof(what), "what matters least was left out, to stay below %s",
		 mp_bytes(size, sizeof(size), (int64_t)a->max_bytes));
	mp_fail(MP_EXIT_OK, what, "viewers in a browser take no more",
		strcmp(fmt->name, "perfetto")
			? "--max-size 0 keeps all"
			: "--max-size 0 keeps all; trace_processor server http FILE  shows what is "
			  "larger");
}

/* A first reading, until `look` returns something: that is *ret, else 0. False where the file
 * cannot be opened: the second reading says why. */
static bool read_ahead(const char *path, int (*look)(void *ctx, const struct mp_event *e),
		       void *ctx, int *ret)
{
	const struct mp_event *ev;
	struct mp_reader *rd;
	bool keyframe;
	size_t n;

	*ret = 0;
	if (mp_reader_open(path, &rd))
		return false;
	while (!*ret && mp_reader_next(rd, &ev, &n, &keyframe) > 0)
		for (size_t i = 0; i < n && !*ret; i++)
			*ret = look(ctx, &ev[i]);
	mp_reader_close(rd);
	return true;
}

/* --redact: what there is. */
static int learn_one(void *ctx, const struct mp_event *e)
{
	return mp_redact_look(ctx, e);
}

static int learn(const char *path, struct mp_redact *r)
{
	int err;

	if (!read_ahead(path, learn_one, r, &err))
		return 0;
	return err ? err : mp_redact_ready(r);
}

/* -p: is it one of the recorded? Asked before anything is written. */
static int is_pid(void *ctx, const struct mp_event *e)
{
	uint64_t pid = *(const uint32_t *)ctx;

	return e->type == MP_EV_TASK && ((e->sub == MP_TASK_TARGET && e->task.a == pid) ||
					 (e->sub == MP_TASK_EXEC && e->task.b == pid));
}

static int redact_one(void *ctx, const struct mp_event *e,
		      int (*emit)(void *to, const struct mp_event *e), void *to)
{
	return mp_redact_event(ctx, e, emit, to);
}

static int load(const struct mp_args *a, struct mp_loaded *l, struct feed *fd)
{
	struct mp_event_filter by = { redact_one, NULL };
	int code;

	if (!a->redact)
		return mp_load(a->files[0], l, feed_one, fd);
	memset(l, 0, sizeof(*l));
	by.ctx = mp_redact_new();
	code = by.ctx ? learn(a->files[0], by.ctx) : -ENOMEM;
	if (code)
		code = mp_fail(MP_EXIT_FAILURE, "reading failed", strerror(-code), "");
	else
		code = mp_load_through(a->files[0], l, &by, feed_one, fd);
	mp_redact_free(by.ctx);
	return code;
}

static int convert(const struct mp_args *a, struct feed *fd)
{
	struct mp_report_info info = { .state = "truncated" };
	struct mp_loaded l;
	int code, err, end;

	fd->x.info = &info;
	fd->x.max_bytes = a->max_bytes;
	fd->x.interval = a->interval_ns;
	fd->x.table = a->table;
	err = fd->fmt->begin ? fd->fmt->begin(&fd->x) : 0;
	if (err)
		return close_output(fd, err, MP_EXIT_FAILURE);
	code = load(a, &l, fd);
	err = l.fn_err;
	if (l.model) {
		mp_loaded_info(&l, a->files[0], &info);
		err = err ? err : feed_last(fd, l.model);
		if (!a->redact) /* a compiler's map has paths in it */
			mp_fill_symbols(a, l.model);
	}
	end = fd->fmt->end(&fd->x, l.model, l.model ? err : -EIO);
	if (l.model)
		err = err ? err : end;
	mp_unload(&l);
	code = close_output(fd, err, code);
	if (fd->x.overflow && (code == MP_EXIT_OK || code == MP_EXIT_PARTIAL))
		say_left_out(a, fd->fmt);
	return code;
}

int cmd_export(struct mp_args *a)
{
	struct feed fd = { 0 };
	int code, found;

	if (a->list)
		return list_formats();
	fd.fmt = format_of(a);
	if (!fd.fmt)
		return MP_EXIT_USAGE;
	code = table_of(a, fd.fmt);
	if (code)
		return code;
	if (a->schema) {
		if (!fd.fmt->schema)
			return mp_fail(MP_EXIT_USAGE, "this format is not described by a schema",
				       NULL, "memprof export --schema --format jsonl   or csv");
		return mp_finish_stdout(fd.fmt->schema(stdout, a->table), MP_EXIT_OK);
	}
	if (a->n_files != 1)
		return mp_fail(MP_EXIT_USAGE,
			       a->n_files ? "one recording at a time" : "no recording given", NULL,
			       "memprof export FILE --format FORMAT [-o OUT]");
	if (a->n_gc_logs)
		return mp_logjoin_run(a, cmd_export);
	if (!strcmp(fd.fmt->name, "mprof") && mp_part_asked(a))
		return mp_part_run(a);
	if (a->from || a->to)
		return mp_fail(MP_EXIT_USAGE, "only a recording is cut to a stretch of time", NULL,
			       "memprof export FILE --format mprof --from TIME --to TIME -o PART, "
			       "then export PART");
	fd.x.pid = a->n_pids ? (uint32_t)a->pids[0] : 0;
	if (fd.x.pid && read_ahead(a->files[0], is_pid, &fd.x.pid, &found) && !found)
		return not_recorded(fd.x.pid);
	code = open_output(a, &fd);
	if (code)
		return code;
	__fsetlocking(fd.x.f, FSETLOCKING_BYCALLER); /* one thread writes, by single characters */
	mp_signals_init();
	return convert(a, &fd);
}
