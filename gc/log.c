/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * log.c - one line of text for each collection: as V8's --trace-gc or Go's gctrace and
 * scavtrace print theirs, or JSON. Chosen by the option `log` or by MPGC_LOG in the
 * environment. The out-of-memory report uses the same lines.
 *
 * Owns the text. The figures are those of struct gc_record_line; what a format has
 * and the collector has not is 0 (docs/libmpgc.3 says what).
 *
 * A line is one write(2), so that lines of several threads and processes stay whole.
 * A write that fails is not tried again and nobody is told: a log must not stop the
 * program.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gc/internal.h"

#define LINE_MAX_ 2048
#define MB	  1048576.0

/* Appends; stays NUL-terminated and within its size. */
struct text {
	char *buf;
	size_t size, len;
};

static void __attribute__((format(printf, 2, 3))) put(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, t->size - t->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len += (size_t)n < t->size - t->len ? (size_t)n : t->size - t->len - 1;
}

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

/* --- V8 ---------------------------------------------------------------------------- */

static const char *v8_name(unsigned kind)
{
	return kind == GC_SEG_MINOR   ? "Scavenge"
	       : kind == GC_SEG_MAJOR ? "Mark-Sweep"
				      : "Mark-Compact";
}

/* As Node 20 prints it; the time is the end of the collection, since the heap's start. */
static void v8_line(struct text *t, const struct log_heap *who, const struct gc_record_line *l)
{
	uint64_t end = l->ts + l->pause;

	put(t, "[%d:%p] %8.0f ms: %s %.1f (%.1f) -> %.1f (%.1f) MB, %.2f / 0.00 ms ", who->pid,
	    who->heap, ms(end - who->start_ns), v8_name(l->kind), (double)l->before / MB,
	    (double)l->cbefore / MB, (double)l->after / MB, (double)l->cafter / MB, ms(l->pause));
	if (l->slices)
		put(t,
		    " (+ %.1f ms in %u steps since start of marking, biggest step %.1f ms, "
		    "walltime since start of marking %.0f ms)",
		    ms(l->mark_ns), l->slices, ms(l->mark_max), ms(end - l->mark_start));
	put(t, " (average mu = %.3f, current mu = %.3f) %s; \n", l->mu_avg, l->mu,
	    gc_seg_reason_name(l->reason));
}

/* --- Go ---------------------------------------------------------------------------- */

/* Go's rule: whole ms from 10 ms on, else two digits and at most three decimals. */
static void go_ms(struct text *t, const char *before, uint64_t ns)
{
	uint64_t x = ns / 1000;
	int decimals = 3, div = 1000, i;

	if (ns >= 10000000) {
		put(t, "%s%llu", before, (unsigned long long)(ns / 1000000));
		return;
	}
	if (!x) {
		put(t, "%s0", before);
		return;
	}
	for (; x >= 100; x /= 10, decimals--)
		div /= 10;
	put(t, "%s%llu.", before, (unsigned long long)(x / (unsigned)div));
	for (i = decimals, x %= (unsigned)div; i > 0; i--, x = x * 10 % (unsigned)div)
		put(t, "%llu", (unsigned long long)(x * 10 / (unsigned)div));
}

static bool forced(unsigned reason)
{
	return reason == GC_REASON_FORCED || reason == GC_REASON_TESTING;
}

/*
 * Clock: time until the world stood still, marking in slices, the rest of the pause.
 * CPU: the same; slices are paid by allocation, which is what Go calls assist.
 */
static void go_line(struct text *t, const struct log_heap *who, const struct gc_record_line *l)
{
	uint64_t stop = l->phase_ns[GC_PHASE_STOP];

	put(t, "gc %llu @%.3fs %u%%: ", (unsigned long long)l->number,
	    (double)((l->slices ? l->mark_start : l->ts) - who->start_ns) / 1e9, l->percent);
	go_ms(t, "", stop);
	go_ms(t, "+", l->mark_ns);
	go_ms(t, "+", l->pause);
	go_ms(t, " ms clock, ", stop);
	go_ms(t, "+", l->mark_ns);
	go_ms(t, "/0/0+", l->pause);
	put(t, " ms cpu, %zu->%zu->%zu MB, %zu MB goal, 0 MB stacks, 0 MB globals, %u P%s\n",
	    l->before >> 20, l->after >> 20, l->after >> 20, l->goal >> 20, who->cpus,
	    forced(l->reason) ? " (forced)" : "");
}

/* --- JSON -------------------------------------------------------------------------- */

/* As a JSON string; what is not printable ASCII becomes an escape of its byte. */
static void json_text(struct text *t, const char *s)
{
	put(t, "\"");
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			put(t, "\\%c", *s);
		else if (*s < ' ' || *s > '~')
			put(t, "\\u%04x", (unsigned char)*s);
		else
			put(t, "%c", *s);
	}
	put(t, "\"");
}

static void json_head(struct text *t, const char *type, const struct log_heap *who)
{
	put(t, "{\"type\":\"%s\",\"pid\":%d,\"heap\":%u,\"name\":", type, who->pid, who->id);
	json_text(t, who->name);
}

static void json_size(struct text *t, const char *key, size_t v)
{
	if (v == SIZE_MAX)
		put(t, ",\"%s\":null", key);
	else
		put(t, ",\"%s\":%zu", key, v);
}

static void json_phases(struct text *t, const struct gc_record_line *l)
{
	const char *sep = "";
	unsigned p;

	put(t, ",\"phases_ns\":{");
	for (p = 1; p < TELL_PHASES; p++) {
		if (!l->phase_ns[p])
			continue;
		put(t, "%s\"%s\":%llu", sep, gc_seg_phase_name(p),
		    (unsigned long long)l->phase_ns[p]);
		sep = ",";
	}
	put(t, "}");
}

static void json_line(struct text *t, const struct log_heap *who, const struct gc_record_line *l)
{
	static const char *const kinds[] = { "", "minor", "major", "compact" };

	json_head(t, "gc", who);
	put(t, ",\"n\":%llu,\"kind\":\"%s\",\"reason\":", (unsigned long long)l->number,
	    kinds[l->kind & 3]);
	json_text(t, gc_seg_reason_name(l->reason));
	put(t, ",\"start_ns\":%llu,\"pause_ns\":%llu", (unsigned long long)l->ts,
	    (unsigned long long)l->pause);
	json_size(t, "before", l->before);
	json_size(t, "after", l->after);
	json_size(t, "committed_before", l->cbefore);
	json_size(t, "committed_after", l->cafter);
	json_size(t, "owed", l->owed);
	json_size(t, "external", l->external);
	json_size(t, "goal", l->goal);
	json_size(t, "live", l->live);
	put(t, ",\"mark_ns\":%llu,\"slices\":%u,\"biggest_slice_ns\":%llu",
	    (unsigned long long)l->mark_ns, l->slices, (unsigned long long)l->mark_max);
	put(t, ",\"mu_average\":%.3f,\"mu\":%.3f,\"gc_percent\":%u", l->mu_avg, l->mu, l->percent);
	json_phases(t, l);
	put(t, "}\n");
}

/* --- lines out ---------------------------------------------------------------------- */

size_t log_format(char *buf, size_t size, int style, const struct log_heap *who,
		  const struct gc_record_line *l)
{
	struct text t = { buf, size, 0 };

	if (style == GC_LOG_GO)
		go_line(&t, who, l);
	else if (style == GC_LOG_JSONL)
		json_line(&t, who, l);
	else
		v8_line(&t, who, l);
	return t.len;
}

void log_who(const struct gc_heap *h, struct log_heap *who)
{
	*who = (struct log_heap){ .pid = getpid(),
				  .heap = h,
				  .id = h->id,
				  .name = h->name,
				  .start_ns = h->start_ns,
				  .cpus = h->cpus };
}

static void write_line(int fd, const char *line, size_t len)
{
	ssize_t n;

	do
		n = write(fd, line, len);
	while (n < 0 && errno == EINTR);
}

void log_collection(struct gc_heap *h, const struct gc_record_line *l)
{
	struct log_heap who;
	char line[LINE_MAX_];

	if (!h->tell.style)
		return;
	log_who(h, &who);
	write_line(h->tell.fd, line, log_format(line, sizeof(line), h->tell.style, &who, l));
}

/* Percent of the memory held that objects use. */
static unsigned held_percent(const struct gc_heap *h)
{
	size_t used = h->pages_inuse, held = h->pages_inuse + h->pages_dirty;

	return held ? (unsigned)(used * 100 / held) : 100;
}

void log_release(struct gc_heap *h, size_t bytes, enum log_release how)
{
	struct tell *tl = &h->tell;
	struct log_heap who;
	char line[LINE_MAX_];
	struct text t = { line, sizeof(line), 0 };
	size_t held = (h->pages_inuse + h->pages_dirty) << PAGE_SHIFT;

	if (tl->style != GC_LOG_GO && tl->style != GC_LOG_JSONL)
		return;
	*(how == LOG_RELEASE_BG ? &tl->released_bg : &tl->released_eager) += bytes;
	if (tl->style == GC_LOG_GO) {
		put(&t,
		    "scav %llu KiB work (bg), %llu KiB work (eager), %zu KiB now, %u%% util%s\n",
		    (unsigned long long)tl->released_bg >> 10,
		    (unsigned long long)tl->released_eager >> 10,
		    h->mapped > held ? (h->mapped - held) >> 10 : 0, held_percent(h),
		    how == LOG_RELEASE_FORCED ? " (forced)" : "");
	} else {
		log_who(h, &who);
		json_head(&t, "release", &who);
		put(&t, ",\"at_ns\":%llu,\"bytes\":%zu,\"by\":\"%s\",\"owed\":%zu,\"held\":%zu}\n",
		    (unsigned long long)now_ns(), bytes,
		    how == LOG_RELEASE_BG      ? "thread"
		    : how == LOG_RELEASE_EAGER ? "mutator"
					       : "request",
		    h->pages_dirty << PAGE_SHIFT, held);
	}
	tl->released_bg = tl->released_eager = 0;
	write_line(tl->fd, line, t.len);
}

/* --- where to ----------------------------------------------------------------------- */

static int style_of(const char *s, size_t len)
{
	static const char *const names[] = { "none", "v8", "go", "jsonl" };
	unsigned i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == len && !memcmp(s, names[i], len))
			return (int)i;
	return -1;
}

/* MPGC_LOG=v8|go|jsonl|none[:path] goes before the option. A setting that cannot be
 * followed is said once on standard error and otherwise as if it were not there. */
static void from_environment(struct tell *t)
{
	const char *s = secure_getenv("MPGC_LOG"), *colon;
	int style, fd;

	if (!s || !*s)
		return;
	colon = strchr(s, ':');
	style = style_of(s, colon ? (size_t)(colon - s) : strlen(s));
	if (style < 0) {
		fprintf(stderr, "libmpgc: MPGC_LOG=%s: v8, go, jsonl or none, then :PATH\n", s);
		return;
	}
	fd = STDERR_FILENO;
	if (colon && style) {
		fd = open(colon + 1, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);
		if (fd < 0) {
			fprintf(stderr, "libmpgc: MPGC_LOG: %s: %s\n", colon + 1, strerror(errno));
			return;
		}
		t->own_fd = true;
	}
	t->style = style;
	t->fd = fd;
}

int log_init(struct gc_heap *h, const struct gc_options *o)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if ((unsigned)o->log > GC_LOG_JSONL || o->log_fd < 0)
		return -EINVAL;
	h->cpus = cpus > 0 ? (unsigned)cpus : 1;
	h->tell.style = o->log;
	h->tell.fd = o->log_fd ? o->log_fd : STDERR_FILENO;
	from_environment(&h->tell);
	return 0;
}

void log_close(struct gc_heap *h)
{
	if (h->tell.own_fd)
		close(h->tell.fd);
}
