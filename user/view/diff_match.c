/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diff_match.c - what of one side is what of the other: mappings, stacks of faults,
 * places that gave memory back.
 *
 * Owns: the keys. Two runs of one program have other addresses, numbers and sizes, so a
 * key has none of these: a mapping is its class and name (without one, its class and
 * order of size), a frame is its function, else the offset in its module. Must not: print.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "user/util/util.h"
#include "user/view/diff.h"

#define FRAME_MAX 256
#define KEY_MAX	  (64 + MP_STACK_MAX * FRAME_MAX)

static const struct mp_proc *proc(const struct mp_diff *d, int side)
{
	return d->fg[side].p;
}

/* --- rows ------------------------------------------------------------------------------ */

/* Adds a row of one side: takes a copy of key and name. */
static int add(struct mp_diff_table *t, int side, const char *key, const char *name,
	       const struct mp_diff_group *g)
{
	struct mp_diff_group *to;

	if (mp_grow(&t->v, &t->cap, t->n + 1, sizeof(*t->v)))
		return -ENOMEM;
	to = &t->v[t->n];
	*to = *g;
	to->key = strdup(key);
	to->name = name ? strdup(name) : NULL;
	if (!to->key || (name && !to->name)) {
		free(to->key);
		free(to->name);
		return -ENOMEM;
	}
	to->a = side ? 0 : g->a;
	to->b = side ? g->a : 0;
	to->n_a = side ? 0 : g->n_a;
	to->n_b = side ? g->n_a : 0;
	to->sq_a = side ? 0 : g->sq_a;
	to->sq_b = side ? g->sq_a : 0;
	t->n++;
	return 0;
}

static void join(struct mp_diff_group *to, struct mp_diff_group *from)
{
	to->a += from->a;
	to->b += from->b;
	to->n_a += from->n_a;
	to->n_b += from->n_b;
	to->sq_a += from->sq_a;
	to->sq_b += from->sq_b;
	if (from->size_min < to->size_min)
		to->size_min = from->size_min;
	if (from->size_max > to->size_max)
		to->size_max = from->size_max;
	free(from->key);
	free(from->name);
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct mp_diff_group *)a)->key,
		      ((const struct mp_diff_group *)b)->key);
}

static uint64_t magnitude(int64_t v)
{
	return v < 0 ? -(uint64_t)v : (uint64_t)v;
}

static int by_change(const void *a, const void *b)
{
	const struct mp_diff_group *x = a, *y = b;
	uint64_t mx = magnitude(mp_diff_change(x)), my = magnitude(mp_diff_change(y));

	if (mx != my)
		return mx < my ? 1 : -1;
	if (x->a != y->a)
		return x->a < y->a ? 1 : -1;
	return strcmp(x->key, y->key);
}

/* Rows of one key become one; sums and order. */
static void settle(struct mp_diff_table *t)
{
	size_t n = 0;

	if (t->n)
		qsort(t->v, t->n, sizeof(*t->v), by_key);
	for (size_t i = 0; i < t->n; i++) {
		if (n && !strcmp(t->v[n - 1].key, t->v[i].key))
			join(&t->v[n - 1], &t->v[i]);
		else
			t->v[n++] = t->v[i];
	}
	t->n = n;
	if (n)
		qsort(t->v, n, sizeof(*t->v), by_change);
	for (size_t i = 0; i < n; i++) {
		t->a += t->v[i].a;
		t->b += t->v[i].b;
	}
}

/* --- mappings ---------------------------------------------------------------------------- */

/* Files named after the process: its own number is the same thing in both. */
static void neutral_name(char *out, size_t size, const char *s, uint32_t pid)
{
	char number[16];
	size_t len, n = 0;

	snprintf(number, sizeof(number), "%u", pid);
	len = strlen(number);
	while (*s && n + 4 < size) {
		size_t run = strspn(s, "0123456789");

		if (pid && run == len && !strncmp(s, number, len)) {
			memcpy(out + n, "PID", 3);
			n += 3;
			s += run;
			continue;
		}
		for (run += !run; run && n + 4 < size; run--)
			out[n++] = *s++;
	}
	out[n] = '\0';
}

/* Sizes of these say nothing: the allocator or runtime puts its mappings together as it
 * likes. */
static bool by_size(const struct mp_mapping *v)
{
	return v->cls == MP_CLS_ANON || v->cls == MP_CLS_SHMEM || v->cls == MP_CLS_FILE;
}

static int add_mapping(struct mp_diff *d, int side, const struct mp_mapping *v)
{
	uint64_t size = v->end - v->start;
	struct mp_diff_group g = { .what = mp_class_name(v->cls),
				   .a = (int64_t)(v->resident * MP_PAGE_SIZE),
				   .n_a = 1 };
	char key[FRAME_MAX * 2 + 64], name[FRAME_MAX * 2];

	if (v->name && v->cls != MP_CLS_BRK) { /* which has its name late */
		neutral_name(name, sizeof(name), mp_str(d->fg[side].m, v->name),
			     proc(d, side)->tgid);
		snprintf(key, sizeof(key), "%s\n%s", g.what, name);
	} else if (by_size(v)) {
		g.size_min = g.size_max = size;
		snprintf(key, sizeof(key), "%s\t%d", g.what, 63 - __builtin_clzll(size));
	} else {
		snprintf(key, sizeof(key), "%s", g.what);
	}
	return add(&d->mappings, side, key, v->name && v->cls != MP_CLS_BRK ? name : NULL, &g);
}

/* What RSS has beyond `rows` bytes of rows: so that they always sum to it. */
static int add_rest(const struct mp_diff *d, struct mp_diff_table *t, int side, int64_t rows)
{
	struct mp_diff_group rest = { .what = "counted, pages not known",
				      .beyond = true,
				      .a = d->rss[side] - rows };

	return rest.a ? add(t, side, "~2", NULL, &rest) : 0;
}

/* Pages that are resident in no mapping that is known. */
static int add_orphans(struct mp_diff *d, int side)
{
	struct mp_diff_group lost = { .what = "in no mapping known",
				      .beyond = true,
				      .a = (int64_t)(proc(d, side)->orphan_pages * MP_PAGE_SIZE) };

	return lost.a ? add(&d->mappings, side, "~1", NULL, &lost) : 0;
}

static int fill_mappings(struct mp_diff *d, int side)
{
	int64_t rows = (int64_t)(proc(d, side)->orphan_pages * MP_PAGE_SIZE);
	int err = add_orphans(d, side);

	for (const struct mp_mapping *v = proc(d, side)->maps; v && !err; v = v->next) {
		if (v->resident)
			err = add_mapping(d, side, v);
		rows += (int64_t)(v->resident * MP_PAGE_SIZE);
	}
	return err ? err : add_rest(d, &d->mappings, side, rows);
}

/* What these lack of RSS is the account's `unknown`. */
static int fill_classes(struct mp_diff *d, int side)
{
	const struct mp_proc *p = proc(d, side);
	int64_t rows = 0;
	int err = 0;

	for (enum mp_class c = 0; c < MP_CLS_MAX && !err; c++) {
		struct mp_diff_group g = { .what = mp_class_name(c),
					   .a = (int64_t)mp_proc_class(p, c) };

		if (g.a)
			err = add(&d->classes, side, g.what, NULL, &g);
		rows += g.a;
	}
	return err ? err : add_rest(d, &d->classes, side, rows);
}

static bool pages_told(const struct mp_figures *fg)
{
	return fg->maps_known && mp_fig_fresh(fg, fg->p->maps_ts) && mp_fig_whole(fg, MP_LOW_PAGES);
}

static int fill_resident(struct mp_diff *d)
{
	int err = 0;

	d->mappings.known = d->rss_known && pages_told(&d->fg[0]) && pages_told(&d->fg[1]);
	d->classes.known = d->mappings.known;
	d->mappings.why = d->classes.why = !d->rss_known ? "no figure of RSS on one side"
							 : "the mappings are not known on one side";
	for (int side = 0; side < 2 && d->mappings.known && !err; side++) {
		err = fill_mappings(d, side);
		if (!err)
			err = fill_classes(d, side);
	}
	settle(&d->mappings);
	settle(&d->classes);
	return err;
}

/* --- stacks ------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The function, or module and offset: never an address. What is neither is all one: what
 * was mapped there then may be something else by now. */
static void frame_key(const struct mp_diff *d, int side, uint32_t mm, uint64_t ip, char *buf,
		      size_t size)
{
	const struct mp_model *m = d->fg[d->same || side].m;
	const struct mp_model *names = d->side[side].names ? d->side[side].names : m;
	const struct mp_place *at = mp_model_place(names, mm, ip);
	const struct mp_module *mod = at ? mp_model_module(names, at->module) : NULL;
	const struct mp_proc *p = mp_model_proc(m, mm);
	const struct mp_mapping *v = p ? mp_proc_find(p, ip) : NULL;
	const char *path = mod ? mp_str(names, mod->name) : v ? mp_str(m, v->name) : "";
	const char *file = base_name(path);

	if (at && at->name)
		snprintf(buf, size, *file ? "%s (%s)" : "%s", mp_str(names, at->name), file);
	else if (mod)
		snprintf(buf, size, "%s+0x%" PRIx64, file, at->maddr);
	else if (*file && strcmp(file, "?"))
		mp_offset_text(path, ip - v->start + v->off, buf, size);
	else
		snprintf(buf, size, "[unknown]");
}

/*
 * Frames, innermost first, one a line, into buf; "" without a stack. Code without a name
 * is told once, however many frames it has: what a JIT made is never twice the same.
 */
static void stack_key(const struct mp_diff *d, int side, uint32_t mm, uint64_t id, char *buf,
		      size_t size)
{
	/* later more is told of the same stack */
	const struct mp_model *m = d->fg[d->same || side].m;
	const struct mp_stack *s = id ? mp_model_stack(m, id) : NULL;
	char frame[FRAME_MAX], last[FRAME_MAX] = "";
	size_t len = 0;

	buf[0] = '\0';
	for (uint32_t i = 0; s && i < s->n && len + FRAME_MAX + 1 < size; i++) {
		frame_key(d, side, mm ? mm : s->mm, s->ip[i], frame, sizeof(frame));
		for (char *c = frame; *c; c++)
			*c = *c == '\n' ? '?' : *c;
		if (frame[0] == '[' && !strcmp(frame, last))
			continue;
		memcpy(last, frame, sizeof(last));
		len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? "\n" : "", frame);
	}
}

static bool sites_told(const struct mp_figures *fg)
{
	const struct mp_probe *pr = &fg->m->probes[MP_FEAT_STACKS];

	return fg->p && !fg->p->stripped && fg->faults[0].known &&
	       mp_fig_whole(fg, MP_LOW_FAULTS) &&
	       (fg->p->n_fsites || (pr->known && pr->rung != MP_RUNG_ABSENT));
}

static int fill_touched(struct mp_diff *d)
{
	char key[KEY_MAX];
	int err = 0;

	d->touched.known = sites_told(&d->fg[0]) && sites_told(&d->fg[1]);
	d->touched.why = "stacks of faults are not known on one side";
	for (int side = 0; side < 2; side++) {
		const struct mp_proc *p = proc(d, side);
		bool whole = mp_fig_whole(&d->fg[side], MP_LOW_FAULTS);

		d->faulted[side] = whole && d->fg[side].faults[0].known ? p->faults * MP_PAGE_SIZE
									: MP_UNKNOWN;
		for (size_t i = 0; d->touched.known && i < p->n_fsites && !err; i++) {
			const struct mp_fsite *s = &p->fsites[i];
			struct mp_diff_group g = { .kind = MP_DIFF_STACK,
						   .a = (int64_t)(s->pages * MP_PAGE_SIZE),
						   .n_a = s->samples,
						   .sq_a = s->squares };

			stack_key(d, side, p->mm, s->stack, key, sizeof(key));
			err = add(&d->touched, side, key, key[0] ? key : NULL, &g);
		}
	}
	settle(&d->touched);
	return err;
}

/* --- who gave back -------------------------------------------------------------------------- */

static int add_release(struct mp_diff *d, int side, const struct mp_release *r)
{
	char key[KEY_MAX + 64];
	struct mp_diff_group g = { .kind = MP_DIFF_RELEASE,
				   .what = mp_call_name((unsigned)r->call),
				   .a = r->released + (int64_t)r->lazy,
				   .n_a = r->calls };
	size_t len;

	if (r->call == MP_CALL_MADVISE || r->call == MP_CALL_PROCESS_MADVISE)
		g.detail = mp_advice_name((unsigned)r->advice);
	len = (size_t)snprintf(key, sizeof(key), "%s %s\n", g.what, g.detail ? g.detail : "");
	stack_key(d, side, 0, r->stack, key + len, sizeof(key) - len);
	return add(&d->released, side, key, key[len] ? key + len : NULL, &g);
}

static bool calls_told(const struct mp_figures *fg)
{
	return fg->p && !fg->p->stripped && fg->calls[0].known && mp_fig_whole(fg, MP_LOW_CALLS);
}

static int fill_released(struct mp_diff *d)
{
	int err = 0;

	d->released.known = calls_told(&d->fg[0]) && calls_told(&d->fg[1]);
	d->released.why = "calls are not known on one side";
	for (int side = 0; side < 2 && d->released.known; side++) {
		const struct mp_proc *p = proc(d, side);

		for (size_t i = 0; i < p->n_releases && !err; i++)
			if (p->releases[i].released || p->releases[i].lazy)
				err = add_release(d, side, &p->releases[i]);
	}
	settle(&d->released);
	return err;
}

int mp_diff_match(struct mp_diff *d)
{
	int err = fill_resident(d);

	if (!err)
		err = fill_touched(d);
	return err ? err : fill_released(d);
}
