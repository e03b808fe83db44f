/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_gclog.c - memprof gclog: GC logs by themselves. Reads files, plain or gzip, as a
 * stream: what it holds does not grow with them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/cmd/cmd.h"
#include "user/cmd/logfile.h"
#include "user/util/util.h"
#include "user/view/json.h"

#define LONGEST 5   /* pauses named */
#define BUCKETS 400 /* of pauses, 16 a doubling: within 4.4 % */

/* What a log amounts to. */
struct sum {
	uint64_t minor, major, other;
	uint64_t pause, pause_max, pauses;
	uint64_t before_max, after_max, committed_max, after_last; /* bytes, MP_UNKNOWN */
	uint64_t released;
	uint64_t first, last; /* ns, of those that tell the time since the start */
	uint32_t hist[BUCKETS];
	struct mp_gclog_gc longest[LONGEST];
	size_t n_longest;
};

struct out {
	struct mp_json *j; /* NULL: text */
	struct sum s;
};

static void max_known(uint64_t *to, uint64_t v)
{
	if (v != MP_UNKNOWN && (*to == MP_UNKNOWN || v > *to))
		*to = v;
}

/* Sixteen buckets for each doubling. */
static unsigned bucket(uint64_t ns)
{
	unsigned e = ns < 16 ? 0 : 59 - (unsigned)__builtin_clzll(ns);
	unsigned b = (unsigned)(ns < 16 ? ns : e * 16 + (ns >> e));

	return b < BUCKETS ? b : BUCKETS - 1;
}

static uint64_t bucket_value(unsigned b)
{
	return b < 32 ? b : (uint64_t)(b % 16 + 16) << (b / 16 - 1);
}

static uint64_t quantile(const struct sum *s, double q)
{
	uint64_t want = (uint64_t)((double)s->pauses * q), n = 0;

	for (unsigned b = 0; b < BUCKETS; b++) {
		n += s->hist[b];
		if (n > want)
			return bucket_value(b);
	}
	return s->pause_max;
}

static void keep_longest(struct sum *s, const struct mp_gclog_gc *gc)
{
	size_t i = s->n_longest;

	if (i == LONGEST && gc->pause <= s->longest[LONGEST - 1].pause)
		return;
	i = i < LONGEST ? s->n_longest++ : LONGEST - 1;
	for (; i && s->longest[i - 1].pause < gc->pause; i--)
		s->longest[i] = s->longest[i - 1];
	s->longest[i] = *gc;
}

static void add(struct sum *s, const struct mp_gclog_gc *gc)
{
	*(gc->kind == MP_GC_MINOR   ? &s->minor
	  : gc->kind == MP_GC_OTHER ? &s->other
				    : &s->major) += 1;
	max_known(&s->before_max, gc->before);
	max_known(&s->after_max, gc->after);
	max_known(&s->committed_max, gc->cbefore);
	max_known(&s->committed_max, gc->cafter);
	if (gc->after != MP_UNKNOWN)
		s->after_last = gc->after;
	if (gc->released != MP_UNKNOWN)
		s->released = (s->released == MP_UNKNOWN ? 0 : s->released) + gc->released;
	if (gc->t != MP_UNKNOWN) {
		s->first = s->first == MP_UNKNOWN ? gc->t : s->first;
		s->last = gc->t;
	}
	if (gc->pause == MP_UNKNOWN)
		return;
	s->pause += gc->pause;
	s->pauses++;
	s->hist[bucket(gc->pause)]++;
	if (gc->pause > s->pause_max)
		s->pause_max = gc->pause;
	keep_longest(s, gc);
}

static const char *kind_name(const struct mp_gclog_gc *gc)
{
	return gc->kind == MP_GC_OTHER ? "other" : mp_gc_kind_name(gc->kind);
}

static int collection(void *ctx, const struct mp_gclog_gc *gc)
{
	struct out *o = ctx;
	struct mp_json *j = o->j;
	char isolate[24];

	add(&o->s, gc);
	if (!j)
		return 0;
	mp_json_obj(j, NULL);
	mp_json_ns(j, "t_s", gc->t);
	mp_json_str(j, "kind", kind_name(gc));
	mp_json_str(j, "reason", gc->reason);
	mp_json_u64(j, "before", gc->before);
	mp_json_u64(j, "after", gc->after);
	mp_json_u64(j, "committed_before", gc->cbefore);
	mp_json_u64(j, "committed_after", gc->cafter);
	mp_json_ns(j, "pause_s", gc->pause);
	mp_json_u64(j, "released", gc->released);
	mp_json_str(j, "name", gc->name);
	mp_json_str(j, "stamp", gc->at_start ? "start" : "end");
	mp_json_bool(j, "concurrent", gc->concurrent);
	mp_json_ns(j, "span_s", gc->span);
	mp_json_u64(j, "goal", gc->goal);
	mp_json_u64(j, "wall_ns", gc->wall);
	mp_json_u64(j, "monotonic_ns", gc->mono);
	snprintf(isolate, sizeof(isolate), "0x%llx", (unsigned long long)gc->isolate);
	mp_json_str(j, "heap", gc->isolate ? isolate : NULL);
	mp_json_end(j);
	return ferror(j->f) ? -EIO : 0;
}

/* --- text -------------------------------------------------------------------------------- */

static const char *known(char *buf, size_t size, uint64_t bytes)
{
	return bytes == MP_UNKNOWN ? "not told" : mp_bytes(buf, size, (int64_t)bytes);
}

static void print_longest(const struct sum *s)
{
	char a[24], b[24], text[200];

	for (size_t i = 0; i < s->n_longest && s->longest[i].pause; i++) {
		const struct mp_gclog_gc *gc = &s->longest[i];

		printf("    %10s", mp_duration(a, sizeof(a), gc->pause));
		if (gc->t != MP_UNKNOWN)
			printf("  at %.3f s", (double)gc->t / 1e9);
		if (gc->before != MP_UNKNOWN)
			printf("  %s", mp_bytes(a, sizeof(a), (int64_t)gc->before));
		if (gc->after != MP_UNKNOWN)
			printf(" to %s", mp_bytes(b, sizeof(b), (int64_t)gc->after));
		printf("  %s", mp_clean(text, sizeof(text), gc->name, 0));
		if (*gc->reason)
			printf(": %s", mp_clean(text, sizeof(text), gc->reason, 0));
		putchar('\n');
	}
}

static void print_sum(const char *path, const struct mp_gclog_stats *st, const struct sum *s)
{
	enum mp_gclog_lang lang = mp_gclog_lang(st);
	char a[24], b[24], c[24], name[512];

	printf("%s: ", mp_clean(name, sizeof(name), path, 0));
	if (!st->events) {
		printf("no collections in %llu lines", (unsigned long long)st->lines);
	} else {
		printf("%s %s, %llu collections (%llu minor, %llu major", mp_gclog_runtime(lang),
		       mp_gclog_variant(lang), (unsigned long long)st->events,
		       (unsigned long long)s->minor, (unsigned long long)s->major);
		if (s->other)
			printf(", %llu other pauses", (unsigned long long)s->other);
		printf(") in %llu lines", (unsigned long long)st->lines);
	}
	if (st->bad)
		printf(", %llu unreadable", (unsigned long long)st->bad);
	putchar('\n');
	if (!st->events)
		return;
	if (s->first != MP_UNKNOWN)
		printf("  time     %.3f s to %.3f s since the runtime's start\n",
		       (double)s->first / 1e9, (double)s->last / 1e9);
	printf("  heap     highest before %s, highest after %s, last after %s\n",
	       known(a, sizeof(a), s->before_max), known(b, sizeof(b), s->after_max),
	       known(c, sizeof(c), s->after_last));
	printf("  commit   highest %s", known(a, sizeof(a), s->committed_max));
	if (s->released != MP_UNKNOWN)
		printf("; given back %s", mp_bytes(b, sizeof(b), (int64_t)s->released));
	putchar('\n');
	if (!s->pauses) {
		printf("  pauses   not told in this log\n");
		return;
	}
	printf("  pauses   %s in all", mp_duration(a, sizeof(a), s->pause));
	printf(", median %s, 99 %% below %s", mp_duration(a, sizeof(a), quantile(s, 0.5)),
	       mp_duration(b, sizeof(b), quantile(s, 0.99)));
	printf(", longest %s\n", mp_duration(a, sizeof(a), s->pause_max));
	print_longest(s);
}

/* --- json -------------------------------------------------------------------------------- */

static void json_sum(struct mp_json *j, const struct mp_gclog_stats *st, const struct sum *s)
{
	enum mp_gclog_lang lang = mp_gclog_lang(st);

	mp_json_str(j, "runtime", st->events ? mp_gclog_runtime(lang) : NULL);
	mp_json_str(j, "variant", st->events ? mp_gclog_variant(lang) : NULL);
	mp_json_u64(j, "events", st->events);
	mp_json_u64(j, "bad_lines", st->bad);
	mp_json_u64(j, "lines", st->lines);
	mp_json_u64(j, "bytes", st->bytes);
	mp_json_obj(j, "summary");
	mp_json_u64(j, "minor", s->minor);
	mp_json_u64(j, "major", s->major);
	mp_json_u64(j, "other", s->other);
	mp_json_ns(j, "pause_s_total", s->pauses || !st->events ? s->pause : MP_UNKNOWN);
	mp_json_ns(j, "pause_s_max", s->pauses ? s->pause_max : MP_UNKNOWN);
	mp_json_u64(j, "heap_after_max", s->after_max);
	mp_json_u64(j, "heap_before_max", s->before_max);
	mp_json_u64(j, "committed_max", s->committed_max);
	mp_json_u64(j, "released", s->released);
	mp_json_end(j);
}

/* --- one after the other ----------------------------------------------------------------- */

/* An exit code: the rest is still read when one file cannot be. */
static int one(const char *path, struct mp_json *j, int *err)
{
	struct out o = { .j = j };
	struct mp_gclog *l;
	struct mp_logfile *z;
	int code = mp_logfile_open(path, &z);

	if (code)
		return code;
	o.s.before_max = o.s.after_max = o.s.committed_max = o.s.after_last = MP_UNKNOWN;
	o.s.released = o.s.first = o.s.last = MP_UNKNOWN;
	l = mp_gclog_new(collection, &o);
	if (j) {
		mp_json_obj(j, NULL);
		mp_json_str(j, "path", path);
		mp_json_rows(j, "collections", false);
	}
	if (l)
		code = mp_logfile_read(z, l, err);
	else
		*err = -ENOMEM;
	if (j)
		mp_json_end(j);
	if (l && j)
		json_sum(j, mp_gclog_stats(l), &o.s);
	else if (l && code != MP_EXIT_NO_TARGET)
		print_sum(path, mp_gclog_stats(l), &o.s);
	if (j)
		mp_json_end(j);
	mp_gclog_free(l);
	mp_logfile_close(z);
	return code;
}

int cmd_gclog(struct mp_args *a)
{
	struct mp_json j;
	int code = MP_EXIT_OK, err = 0;

	if (!a->n_files)
		return mp_fail(MP_EXIT_USAGE, "no log to read", NULL,
			       "memprof gclog LOG...   (see memprof gclog --help)");
	if (a->json) {
		mp_json_init(&j, stdout);
		mp_json_obj(&j, NULL);
		mp_json_u64(&j, "version", 1);
		mp_json_rows(&j, "files", false);
	}
	for (int i = 0; i < a->n_files && !err; i++) {
		int r = one(a->files[i], a->json ? &j : NULL, &err);

		code = r ? r : code;
	}
	if (a->json) {
		int end = mp_json_finish(&j);

		err = err ? err : end;
	}
	return mp_finish_stdout(err, code);
}
