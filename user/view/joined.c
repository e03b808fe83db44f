/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * joined.c - see joined.h.
 */
#include "user/view/joined.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/model.h"
#include "user/util/util.h"

#define CLOCKS_SHOWN 6

static void file_json(struct mp_json *j, const struct mp_joined_file *f)
{
	mp_json_obj(j, NULL);
	mp_json_str(j, "path", f->path);
	mp_json_str(j, "runtime", f->runtime);
	mp_json_str(j, "variant", f->variant);
	mp_json_u64(j, "lines", f->n_lines);
	mp_json_u64(j, "bytes", f->bytes);
	mp_json_u64(j, "events", f->events);
	mp_json_u64(j, "bad_lines", f->bad);
	mp_json_u64(j, "joined", f->joined);
	mp_json_u64(j, "same", f->same);
	mp_json_u64(j, "before", f->before);
	mp_json_u64(j, "after", f->after);
	mp_json_u64(j, "other", f->other);
	mp_json_u64(j, "not_placed", f->unplaced);
	mp_json_u64(j, "left_out", f->dropped);
	mp_json_end(j);
}

/* ns as ms. */
static void put_ms(struct mp_json *j, const char *key, bool known, int64_t ns)
{
	if (known)
		mp_json_dec(j, key, ns / 1000, 3);
	else
		mp_json_null(j, key);
}

static void clock_json(struct mp_json *j, const struct mp_joined *g,
		       const struct mp_joined_clock *c)
{
	bool placed = strcmp(c->how, "none") != 0;

	mp_json_obj(j, NULL);
	mp_json_str(j, "path", g->files[c->file].path);
	mp_json_u64(j, "pid", c->pid);
	if (c->heap)
		mp_json_hex(j, "heap", c->heap);
	else
		mp_json_null(j, "heap");
	mp_json_str(j, "how", c->how);
	if (c->has_zero)
		mp_json_dec(j, "offset_s", c->zero, 9);
	else
		mp_json_null(j, "offset_s");
	put_ms(j, "shift_ms", placed, c->shift);
	put_ms(j, "error_ms", placed, (int64_t)c->err);
	mp_json_u64(j, "agree", c->of ? c->agree : MP_UNKNOWN);
	mp_json_u64(j, "compared", c->of ? c->of : MP_UNKNOWN);
	mp_json_u64(j, "events", c->n);
	mp_json_str(j, "remark", c->remark);
	mp_json_end(j);
}

void mp_joined_json(struct mp_json *j, const struct mp_joined *g)
{
	mp_json_obj(j, "gc_log");
	mp_json_rows(j, "files", false);
	for (size_t i = 0; i < g->n_files; i++)
		file_json(j, &g->files[i]);
	mp_json_end(j);
	mp_json_rows(j, "clocks", false);
	for (size_t i = 0; i < g->n_clocks; i++)
		clock_json(j, g, &g->clocks[i]);
	mp_json_end(j);
	mp_json_end(j);
}

static void some(FILE *f, uint64_t n, const char *what)
{
	if (n)
		fprintf(f, ", %" PRIu64 " %s", n, what);
}

static void file_text(FILE *f, const struct mp_joined_file *l)
{
	char name[512];

	fprintf(f, "  %s: ", mp_clean(name, sizeof(name), l->path, 0));
	if (!l->events) {
		fprintf(f, "no collections in %" PRIu64 " lines\n", l->n_lines);
		return;
	}
	fprintf(f, "%s %s, %" PRIu64 " collections\n", l->runtime, l->variant, l->events);
	fprintf(f, "    %" PRIu64 " joined", l->joined);
	some(f, l->same, "the recording had itself");
	some(f, l->before, "before it");
	some(f, l->after, "after it");
	some(f, l->other, "of another process or run");
	some(f, l->unplaced, "whose time nothing tells");
	some(f, l->dropped, "left out: too many");
	some(f, l->bad, "lines unreadable");
	fputc('\n', f);
}

static void clock_text(FILE *f, const struct mp_joined_clock *c)
{
	char err[32];

	fprintf(f, "    process %u", c->pid);
	if (c->heap)
		fprintf(f, ", heap 0x%" PRIx64, c->heap);
	if (!strcmp(c->how, "none")) {
		fprintf(f, ": %s\n", c->remark ? c->remark : "times not found");
		return;
	}
	fprintf(f, ": times by %s, within %s", c->how, mp_duration(err, sizeof(err), c->err));
	if (c->has_zero)
		fprintf(f, "; its time began %.3f s %s the recording", (double)llabs(c->zero) / 1e9,
			c->zero < 0 ? "before" : "into");
	if (c->of)
		fprintf(f, "; %u of %u agree", c->agree, c->of);
	if (c->remark)
		fprintf(f, "; %s", c->remark);
	fputc('\n', f);
}

void mp_joined_text(FILE *f, const struct mp_term *term, const struct mp_joined *g)
{
	mp_text_head(f, term, "GC log");
	for (size_t i = 0; i < g->n_files; i++) {
		size_t n = 0;

		file_text(f, &g->files[i]);
		for (size_t k = 0; k < g->n_clocks; k++)
			if (g->clocks[k].file == i && n++ < CLOCKS_SHOWN)
				clock_text(f, &g->clocks[k]);
		if (n > CLOCKS_SHOWN)
			fprintf(f, "    and %zu more heaps\n", n - CLOCKS_SHOWN);
	}
}
