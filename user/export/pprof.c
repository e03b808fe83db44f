/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pprof.c - a recording as a profile of `go tool pprof` and all that read its format.
 *
 * Owns: messages and field numbers (profile.proto of github.com/google/pprof), and
 * what the three columns mean:
 *
 *   faults/count    page faults by stack, from samples: sums are those of the report
 *   rss/bytes       of the pages those faults brought in, what is still resident at
 *                   the end: estimated from the sampled pages and fitted to the
 *                   resident pages of each class of memory, so that it sums to them;
 *                   what no sampled fault brought in stands under a frame that says so
 *   reclaimed/bytes what calls gave back, by the stack that made them
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "user/export/formats.h"
#include "user/export/frame.h"
#include "user/export/proto.h"
#include "user/export/touch.h"
#include "user/util/util.h"

#define SAMPLE_PAGES 128 /* one page in so many is sampled: user/live/probes.c */
#define VALUES	     3

/* Numbers of keys of 64 bits, from 1 in the order they come: open addressing. */
struct ids {
	struct {
		uint64_t a, b;
		uint32_t id; /* 0 = free */
	} * v;
	size_t n, cap;
};

struct mapping {
	uint64_t start, end, off;
	uint32_t file, build; /* string numbers */
	bool named;	      /* of a frame in it the function is known */
};

struct location {
	uint64_t addr;
	uint32_t mapping, function;
};

struct prof {
	struct mp_pb pb;
	const struct mp_model *m;
	struct mp_export *x;
	char **strs; /* by number; 0 is "" */
	size_t n_strs, cap_strs;
	struct ids str_ids, loc_ids, map_ids, fn_ids;
	struct mapping *maps;
	size_t n_maps, cap_maps;
	struct location *locs;
	size_t n_locs, cap_locs;
	uint32_t *fns; /* names: string numbers */
	size_t n_fns, cap_fns;
	int err;
};

/* --- tables -------------------------------------------------------------------------- */

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static size_t ids_slot(const struct ids *t, uint64_t a, uint64_t b)
{
	size_t i = (size_t)mix(a ^ mix(b)) & (t->cap - 1);

	while (t->v[i].id && (t->v[i].a != a || t->v[i].b != b))
		i = (i + 1) & (t->cap - 1);
	return i;
}

static int ids_grow(struct ids *t)
{
	struct ids big = { .cap = t->cap ? t->cap * 2 : 256, .n = t->n };

	if (t->n * 2 + 2 <= t->cap)
		return 0;
	big.v = calloc(big.cap, sizeof(*big.v));
	if (!big.v)
		return -ENOMEM;
	for (size_t i = 0; i < t->cap; i++)
		if (t->v[i].id)
			big.v[ids_slot(&big, t->v[i].a, t->v[i].b)] = t->v[i];
	free(t->v);
	*t = big;
	return 0;
}

/* The number of a key; *fresh: it was not there. 0: no memory. */
static uint32_t id_of(struct prof *p, struct ids *t, uint64_t a, uint64_t b, bool *fresh)
{
	size_t i;

	if (ids_grow(t)) {
		p->err = -ENOMEM;
		return 0;
	}
	i = ids_slot(t, a, b);
	*fresh = !t->v[i].id;
	if (*fresh) {
		t->v[i].a = a;
		t->v[i].b = b;
		t->v[i].id = (uint32_t)++t->n;
	}
	return t->v[i].id;
}

/* Two hashes of 64 bits stand for a text: that two texts share both does not happen. */
static uint32_t str(struct prof *p, const char *s)
{
	uint64_t a = 0xcbf29ce484222325ULL, b = 0x9e3779b97f4a7c15ULL;
	bool fresh;
	uint32_t id;

	if (!*s)
		return 0;
	for (const unsigned char *c = (const unsigned char *)s; *c; c++) {
		a = (a ^ *c) * 0x100000001b3ULL;
		b = mix(b ^ *c);
	}
	id = id_of(p, &p->str_ids, a, b, &fresh);
	if (!id || !fresh)
		return id;
	if (mp_grow(&p->strs, &p->cap_strs, p->n_strs + 1, sizeof(*p->strs))) {
		p->err = -ENOMEM;
		return 0;
	}
	p->strs[p->n_strs] = strdup(s);
	if (!p->strs[p->n_strs++])
		p->err = -ENOMEM;
	return id;
}

static uint32_t function(struct prof *p, const char *name)
{
	uint32_t s = str(p, name), id;
	bool fresh;

	id = id_of(p, &p->fn_ids, s, 0, &fresh);
	if (!id || !fresh)
		return id;
	if (mp_grow(&p->fns, &p->cap_fns, p->n_fns + 1, sizeof(*p->fns))) {
		p->err = -ENOMEM;
		return 0;
	}
	p->fns[p->n_fns++] = s;
	return id;
}

/* --- mappings and places --------------------------------------------------------------- */

static uint32_t build_id(struct prof *p, const struct mp_module *mod)
{
	char hex[2 * sizeof(mod->build) + 1] = "";

	for (unsigned i = 0; mod && i < mod->n_build && i < sizeof(mod->build); i++)
		snprintf(hex + 2 * i, 3, "%02x", mod->build[i]);
	return str(p, hex);
}

static const struct mp_module *module_of(const struct mp_model *m, const struct mp_mapping *v,
					 const char *name)
{
	for (size_t i = 0; i < mp_model_n_modules(m); i++) {
		const struct mp_module *mod = mp_model_module_at(m, i);

		if (v && v->ino ? mod->ino == v->ino && mod->dev == v->dev
				: !strcmp(mp_str(m, mod->name), name))
			return mod;
	}
	return NULL;
}

static uint32_t mapping(struct prof *p, const struct mp_mapping *v, const char *name,
			const struct mp_module *mod)
{
	uint32_t file = str(p, name), id;
	struct mapping *mp;
	bool fresh;

	id = id_of(p, &p->map_ids, file, v ? v->start : 0, &fresh);
	if (!id || !fresh)
		return id;
	if (mp_grow(&p->maps, &p->cap_maps, p->n_maps + 1, sizeof(*p->maps))) {
		p->err = -ENOMEM;
		return 0;
	}
	mp = &p->maps[p->n_maps++];
	*mp = (struct mapping){ .file = file };
	mp->build = build_id(p, mod ? mod : module_of(p->m, v, name));
	if (v) {
		mp->start = v->start;
		mp->end = v->end;
		mp->off = v->off;
	}
	return id;
}

/* The first mapping of a profile is taken for the program. */
static void main_mapping(struct prof *p, const struct mp_proc *proc)
{
	const char *exe = proc ? mp_str(p->m, proc->exe) : "";
	const struct mp_mapping *best = NULL;

	for (const struct mp_mapping *v = proc ? proc->maps : NULL; v; v = v->next)
		if (v->name && !strcmp(mp_str(p->m, v->name), exe) &&
		    (!best || (v->bits & MP_MAP_X && !(best->bits & MP_MAP_X))))
			best = v;
	if (*exe)
		mapping(p, best, exe, NULL);
}

/*
 * A frame. Callers stand on the instruction behind their call, the address in it is one
 * byte less. Where the mapping is gone the address is the one of the module's file.
 */
static uint32_t location(struct prof *p, uint32_t mm, uint64_t ip, bool caller)
{
	const struct mp_place *at = mp_model_place(p->m, mm, ip);
	const struct mp_module *mod = at ? mp_model_module(p->m, at->module) : NULL;
	const struct mp_proc *proc = mp_model_proc(p->m, mm);
	const struct mp_mapping *v = proc ? mp_proc_find(proc, ip) : NULL;
	struct location l = { .addr = ip - caller };
	char text[512];
	bool fresh;
	uint32_t id = id_of(p, &p->loc_ids, ip, (uint64_t)mm << 1 | caller, &fresh);

	if (!id || !fresh)
		return id;
	if (v && *mp_str(p->m, v->name) == '/') {
		l.mapping = mapping(p, v, mp_str(p->m, v->name), mod);
	} else if (mod) {
		l.mapping = mapping(p, NULL, mp_str(p->m, mod->name), mod);
		l.addr = at->maddr - caller;
	}
	if (at && at->name && l.mapping)
		p->maps[l.mapping - 1].named = true;
	l.function = function(p, mp_frame_name(p->m, mm, ip, text, sizeof(text)));
	if (mp_grow(&p->locs, &p->cap_locs, p->n_locs + 1, sizeof(*p->locs))) {
		p->err = -ENOMEM;
		return 0;
	}
	p->locs[p->n_locs++] = l;
	return id;
}

/* A frame that is none: words in its place. */
static uint32_t words(struct prof *p, const char *text)
{
	uint32_t fn = function(p, text);
	bool fresh;
	uint32_t id = id_of(p, &p->loc_ids, fn, MP_UNKNOWN, &fresh);

	if (!id || !fresh)
		return id;
	if (mp_grow(&p->locs, &p->cap_locs, p->n_locs + 1, sizeof(*p->locs))) {
		p->err = -ENOMEM;
		return 0;
	}
	p->locs[p->n_locs++] = (struct location){ .function = fn };
	return id;
}

/* --- samples ----------------------------------------------------------------------------- */

static void put_value_type(struct prof *p, unsigned field, const char *type, const char *unit)
{
	mp_pb_open(&p->pb, field);
	mp_pb_u64(&p->pb, 1, str(p, type));
	mp_pb_u64(&p->pb, 2, str(p, unit));
	mp_pb_close(&p->pb);
}

static void put_label(struct prof *p, const char *key, const char *value)
{
	if (!*value)
		return;
	mp_pb_open(&p->pb, 3);
	mp_pb_u64(&p->pb, 1, str(p, key));
	mp_pb_u64(&p->pb, 2, str(p, value));
	mp_pb_close(&p->pb);
}

/* Left open for labels. instead: words for a stack that is not there. */
static void sample_open(struct prof *p, uint64_t stack, uint32_t mm, const char *instead,
			const int64_t v[VALUES])
{
	const struct mp_stack *s = stack ? mp_model_stack(p->m, stack) : NULL;

	mp_pb_open(&p->pb, 2);
	mp_pb_open(&p->pb, 1);
	for (uint32_t i = 0; s && i < s->n; i++)
		mp_pb_raw(&p->pb, location(p, s->mm ? s->mm : mm, s->ip[i], i > 0));
	if (!s || !s->n)
		mp_pb_raw(&p->pb, words(p, instead));
	mp_pb_close(&p->pb);
	mp_pb_open(&p->pb, 2);
	for (int i = 0; i < VALUES; i++)
		mp_pb_raw(&p->pb, (uint64_t)v[i]);
	mp_pb_close(&p->pb);
}

static void put_process_labels(struct prof *p, uint32_t pid, uint32_t comm)
{
	char num[16];

	snprintf(num, sizeof(num), "%u", pid);
	put_label(p, "pid", num);
	put_label(p, "process", mp_str(p->m, comm));
}

static const char *memory(unsigned cls)
{
	return cls < MP_CLS_MAX ? mp_class_name((enum mp_class)cls) : "not known";
}

/* Of a class: what the samples say and what there is. */
struct fit {
	uint64_t estimated, resident; /* pages */
};

static uint64_t fitted(const struct fit *f, uint64_t kept)
{
	return f->estimated <= f->resident
		       ? kept
		       : (uint64_t)((double)kept * (double)f->resident / (double)f->estimated);
}

static void put_touched(struct prof *p, const struct mp_touch_row *r, uint64_t kept)
{
	const int64_t v[VALUES] = { (int64_t)r->pages, (int64_t)(kept * MP_PAGE_SIZE), 0 };

	sample_open(p, r->stack, r->mm, "[no stack was taken]", v);
	put_label(p, "memory", memory(r->cls));
	put_process_labels(p, r->pid, r->comm);
	put_label(p, "thread", mp_str(p->m, r->thread));
	mp_pb_close(&p->pb);
}

static void put_rest(struct prof *p, const struct mp_proc *proc, unsigned cls, uint64_t pages)
{
	const int64_t v[VALUES] = { 0, (int64_t)(pages * MP_PAGE_SIZE), 0 };

	if (!pages)
		return;
	sample_open(p, 0, 0, "[resident, brought in by no sampled fault]", v);
	put_label(p, "memory", memory(cls));
	put_process_labels(p, mp_touch_pid(proc), proc->comm);
	mp_pb_close(&p->pb);
}

static void put_release(struct prof *p, const struct mp_proc *proc, const struct mp_release *r)
{
	const int64_t v[VALUES] = { 0, 0, r->released };

	if (!r->released)
		return;
	sample_open(p, r->stack, proc->mm, "[no stack was taken]", v);
	put_label(p, "call", mp_call_name((unsigned)r->call));
	if (r->call == MP_CALL_MADVISE || r->call == MP_CALL_PROCESS_MADVISE)
		put_label(p, "advice", mp_advice_name((unsigned)r->advice));
	put_process_labels(p, mp_touch_pid(proc), proc->comm);
	mp_pb_close(&p->pb);
}

static int by_pid(const void *a, const void *b)
{
	const struct mp_touch_row *x = *(struct mp_touch_row *const *)a;
	const struct mp_touch_row *y = *(struct mp_touch_row *const *)b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Rows of one process that the model still has, and what they leave unexplained. */
static void put_process(struct prof *p, const struct mp_proc *proc,
			const struct mp_touch_row *const *rows, size_t n)
{
	struct fit fit[MP_CLS_MAX + 1] = { 0 };
	uint64_t sum[MP_CLS_MAX + 1] = { 0 };

	for (unsigned c = 0; c <= MP_CLS_MAX; c++)
		fit[c].resident = c < MP_CLS_MAX ? proc->cls_pages[c] : proc->orphan_pages;
	for (size_t i = 0; i < n; i++)
		fit[rows[i]->cls].estimated += rows[i]->kept;
	for (size_t i = 0; i < n; i++) {
		uint64_t kept = fitted(&fit[rows[i]->cls], rows[i]->kept);

		sum[rows[i]->cls] += kept;
		put_touched(p, rows[i], kept);
	}
	for (unsigned c = 0; c <= MP_CLS_MAX; c++)
		put_rest(p, proc, c, fit[c].resident - sum[c]);
	for (size_t i = 0; i < proc->n_releases; i++)
		put_release(p, proc, &proc->releases[i]);
}

/* The rows of a process, from *at on: sorted by number. */
static size_t rows_of(const struct mp_touch_row *const *v, size_t n, uint32_t pid, size_t *at)
{
	size_t lo = 0, hi = n, end;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (v[mid]->pid < pid)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (end = lo; end < n && v[end]->pid == pid; end++)
		;
	*at = lo;
	return end - lo;
}

/*
 * Each row once: of two processes with one number the later has the rows, since the
 * model found their pages there. Of those in no table any more only faults are known.
 */
static void put_samples(struct prof *p)
{
	size_t n, at, k;
	const struct mp_touch_row *rows = mp_touches_rows(p->x->priv, &n), **v;
	const struct mp_model *m = p->m;
	bool *done = calloc(n + 1, sizeof(*done));

	v = malloc((n + 1) * sizeof(*v));
	if (!v || !done)
		p->err = -ENOMEM;
	for (size_t i = 0; i < n && !p->err; i++)
		v[i] = &rows[i];
	if (!p->err)
		qsort(v, n, sizeof(*v), by_pid);
	for (size_t i = m->n_procs; i-- > 0 && !p->err;) {
		const struct mp_proc *proc = m->procs[i];

		if (p->x->pid && proc->tgid != p->x->pid)
			continue;
		k = rows_of(v, n, mp_touch_pid(proc), &at);
		if (k && done[at])
			k = 0;
		put_process(p, proc, v + at, k);
		memset(done + at, 1, k);
	}
	for (size_t i = 0; i < n && !p->err; i++)
		if (!done[i])
			put_touched(p, v[i], 0);
	free(done);
	free(v);
}

/* --- the profile ----------------------------------------------------------------------------- */

static void put_tables(struct prof *p)
{
	for (size_t i = 0; i < p->n_maps; i++) {
		const struct mapping *mp = &p->maps[i];

		mp_pb_open(&p->pb, 3);
		mp_pb_u64(&p->pb, 1, i + 1);
		mp_pb_u64(&p->pb, 2, mp->start);
		mp_pb_u64(&p->pb, 3, mp->end);
		mp_pb_u64(&p->pb, 4, mp->off);
		mp_pb_u64(&p->pb, 5, mp->file);
		mp_pb_u64(&p->pb, 6, mp->build);
		mp_pb_u64(&p->pb, 7, mp->named);
		mp_pb_close(&p->pb);
	}
	for (size_t i = 0; i < p->n_locs; i++) {
		mp_pb_open(&p->pb, 4);
		mp_pb_u64(&p->pb, 1, i + 1);
		mp_pb_u64(&p->pb, 2, p->locs[i].mapping);
		mp_pb_u64(&p->pb, 3, p->locs[i].addr);
		mp_pb_open(&p->pb, 4);
		mp_pb_u64(&p->pb, 1, p->locs[i].function);
		mp_pb_close(&p->pb);
		mp_pb_close(&p->pb);
	}
	for (size_t i = 0; i < p->n_fns; i++) {
		mp_pb_open(&p->pb, 5);
		mp_pb_u64(&p->pb, 1, i + 1);
		mp_pb_u64(&p->pb, 2, p->fns[i]);
		mp_pb_u64(&p->pb, 3, p->fns[i]);
		mp_pb_close(&p->pb);
	}
}

static void comment(struct prof *p, const char *text)
{
	mp_pb_u64(&p->pb, 13, str(p, text));
}

static void put_comments(struct prof *p)
{
	const struct mp_model *m = p->m;
	char text[160];

	snprintf(text, sizeof(text), "memprof: a %s recording of %zu process%s", p->x->info->state,
		 m->n_procs, m->n_procs == 1 ? "" : "es");
	comment(p, text);
	comment(p, "memprof: faults are sampled; rss is what is left of them, estimated");
	for (unsigned c = 1; c < MP_LOSS_MAX; c++) {
		if (!mp_model_lost(m, c))
			continue;
		snprintf(text, sizeof(text), "lost: %" PRIu64 " events (%s); figures are too low",
			 mp_model_lost(m, c), mp_loss_name(c));
		comment(p, text);
	}
}

static void put_profile(struct prof *p)
{
	const struct mp_model *m = p->m;
	const struct mp_proc *main_proc = p->x->pid ? mp_model_pid(m, p->x->pid) : mp_model_main(m);
	uint64_t wall = mp_wall_ns(m, m->start);

	put_value_type(p, 1, "faults", "count");
	put_value_type(p, 1, "rss", "bytes");
	put_value_type(p, 1, "reclaimed", "bytes");
	main_mapping(p, main_proc);
	put_samples(p);
	put_tables(p);
	if (wall != MP_UNKNOWN)
		mp_pb_i64(&p->pb, 9, (int64_t)wall);
	mp_pb_i64(&p->pb, 10, (int64_t)(m->now - m->start));
	put_value_type(p, 11, "pages", "count");
	mp_pb_i64(&p->pb, 12, SAMPLE_PAGES);
	put_comments(p);
	mp_pb_i64(&p->pb, 14, str(p, "rss"));
	mp_pb_str(&p->pb, 6, "");
	for (size_t i = 0; i < p->n_strs; i++)
		mp_pb_str(&p->pb, 6, p->strs[i]);
}

/* The format is compressed with gzip on disk. */
static int put_gzip(FILE *f, const struct mp_pb *pb)
{
	z_stream z = { .next_in = pb->p, .avail_in = (uInt)pb->n };
	unsigned char buf[65536];
	int ret;

	if (pb->n > UINT32_MAX)
		return -EFBIG;
	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY))
		return -ENOMEM;
	do {
		z.next_out = buf;
		z.avail_out = sizeof(buf);
		ret = deflate(&z, Z_FINISH);
		fwrite(buf, 1, sizeof(buf) - z.avail_out, f);
	} while (ret == Z_OK);
	deflateEnd(&z);
	return ret == Z_STREAM_END ? 0 : -EIO;
}

static void prof_free(struct prof *p)
{
	for (size_t i = 0; i < p->n_strs; i++)
		free(p->strs[i]);
	free(p->strs);
	free(p->str_ids.v);
	free(p->loc_ids.v);
	free(p->map_ids.v);
	free(p->fn_ids.v);
	free(p->maps);
	free(p->locs);
	free(p->fns);
	mp_pb_free(&p->pb);
}

static int write_all(struct mp_export *x, const struct mp_model *m)
{
	struct prof p = { .m = m, .x = x };
	int err = mp_touches_end(x->priv, m);

	if (!err) {
		put_profile(&p);
		err = p.pb.oom ? -ENOMEM : p.err;
	}
	if (!err)
		err = put_gzip(x->f, &p.pb);
	prof_free(&p);
	return err;
}

static int end(struct mp_export *x, const struct mp_model *m, int err)
{
	err = err ? err : write_all(x, m);
	mp_touches_free(x->priv);
	x->priv = NULL;
	return err;
}

const struct mp_exporter mp_export_pprof = {
	.name = "pprof",
	.suffix = "pb.gz",
	.doc = "a profile for go tool pprof: faults, what is left of them, what calls gave back",
	.binary = true,
	.begin = mp_touches_begin_export,
	.before = mp_touches_before_export,
	.after = mp_touches_after_export,
	.end = end,
};
