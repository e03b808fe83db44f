/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * heap.c - life of a heap, types, external memory, statistics.
 *
 * Must not allocate objects.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gc/internal.h"

#define TYPES_BYTES (HDR_TYPE_MAX * sizeof(struct type_info))
#define CELL_ARRAY  0x7fffffffu /* does not fit in any buffer: gc_alloc() goes the slow way */
#define OBJECT_MAX  (CELL_ARRAY - 4096)

static void say_hello(struct gc_heap *h);

/* A child of fork() gets a segment of its own; the parent's rings stay the parent's. */
void heap_forked(struct gc_heap *h)
{
	/* The release thread is not in the child: the next page freed starts one. */
	h->thread_on = false;
	h->release_at = 0;
	if (!h->seg)
		return;
	segment_forget(h);
	if (segment_open(h))
		return;
	event(h, GC_EV_FORK, GC_SPACE_NONE, 0, (uint64_t)getppid(), 0, NULL, 0);
	say_hello(h);
}

/* --- creation ---------------------------------------------------------------------- */

static bool power_of_two(size_t n)
{
	return n && !(n & (n - 1));
}

static int options_check(struct gc_options *o, const struct gc_options *given)
{
	memset(o, 0, sizeof(*o));
	if (given) {
		/* Programs built with an older header have fewer fields. */
		if (given->struct_size < offsetof(struct gc_options, rings) ||
		    given->struct_size > sizeof(*o))
			return -EINVAL;
		memcpy(o, given, given->struct_size);
	}
	o->reserve = o->reserve ? o->reserve : (size_t)64 << 30;
	o->young_max = o->young_max ? o->young_max : MIB(16);
	o->young_min = o->young_min ? o->young_min
				    : (o->young_max < MIB(1) ? o->young_max : MIB(1));
	o->old_limit = o->old_limit ? o->old_limit : GC_NO_LIMIT;
	o->soft_limit = o->soft_limit ? o->soft_limit : GC_NO_LIMIT;
	o->gogc = o->gogc ? o->gogc : 100;
	o->release_delay_ms = o->release_delay_ms ? o->release_delay_ms : 1000;
	o->release_advice = o->release_advice ? o->release_advice : GC_ADVICE_DONTNEED;
	o->release_cpu_percent = o->release_cpu_percent ? o->release_cpu_percent : 10;
	o->ring_slots = o->ring_slots ? o->ring_slots : 8192;
	o->rings = o->rings ? o->rings : 8;
	if (!power_of_two(o->young_min) || !power_of_two(o->young_max) || o->young_min < KIB(128) ||
	    o->young_max > YOUNG_LIMIT || o->young_min > o->young_max)
		return -EINVAL;
	if (o->release_advice != GC_ADVICE_DONTNEED && o->release_advice != GC_ADVICE_FREE)
		return -EINVAL;
	if (o->release_cpu_percent > 100)
		return -EINVAL;
	if (!power_of_two(o->ring_slots) || o->ring_slots < 64 || o->ring_slots > GC_SEG_SLOTS_MAX)
		return -EINVAL;
	if (o->rings > GC_SEG_RINGS_MAX || (o->sample_bytes && o->sample_bytes < 4096))
		return -EINVAL;
	return 0;
}

static void options_apply(struct gc_heap *h, const struct gc_options *o)
{
	h->young_max = h->young_limit = o->young_max;
	h->semi = h->young_min = o->young_min;
	h->old_limit = h->initial_limit = o->old_limit;
	h->soft_limit = o->soft_limit;
	h->gogc = o->gogc;
	h->pause_goal = o->pause_us * 1000ULL;
	h->delay_ms = o->release_delay_ms;
	h->advice = o->release_advice;
	h->cpu_percent = o->release_cpu_percent;
	h->thread_wanted = !o->no_release_thread;
	h->ring_slots = o->ring_slots;
	h->nrings = o->rings;
	h->sample_bytes = o->sample_bytes;
	h->verify = o->verify;
	h->nclasses_ext = 1;
	strcpy(h->class_names[GC_CLASS_ARRAY_BUFFERS], "arrayBuffers");
	h->seg_fd = -1;
	h->seg_err = o->no_events ? -ENODATA : 0;
	if (o->name)
		memcpy(h->name, o->name, strnlen(o->name, sizeof(h->name) - 1));
}

static void young_init(struct gc_heap *h)
{
	size_t b;

	for (b = 0; b < block_of(h, h->dyn); b++)
		block_set_kind(h, b, GC_SPACE_YOUNG);
	h->eden = EDEN_A;
	h->surv = SURV_A;
	young_commit(h);
	h->young_top = area_addr(h, EDEN_A);
	h->surv_top = area_addr(h, SURV_A);
}

/* The names and first events of a segment, new or in a forked child. */
static void say_hello(struct gc_heap *h)
{
	uint64_t v[2] = { h->old_limit, h->soft_limit };
	unsigned i;

	segment_name(h, GC_NAME_SPACE, GC_SPACE_YOUNG, "young");
	segment_name(h, GC_NAME_SPACE, GC_SPACE_OLD, "old");
	segment_name(h, GC_NAME_SPACE, GC_SPACE_LARGE, "large");
	segment_name(h, GC_NAME_SPACE, GC_SPACE_PINNED, "pinned");
	for (i = 1; i < h->ntypes; i++)
		tell_type(h, i, h->types[i].name);
	for (i = 0; i < (unsigned)h->nclasses_ext; i++)
		segment_name(h, GC_NAME_CLASS, i, h->class_names[i]);
	event(h, GC_EV_HEAP_INIT, GC_SPACE_NONE, 0, h->base, h->reserved, v, 2);
	event(h, GC_EV_RESERVE, GC_SPACE_NONE, 0, h->base, h->reserved, NULL, 0);
	segment_counters(h);
}

static bool types_init(struct gc_heap *h)
{
	struct gc_type_desc bytes = GC_TYPE_INIT(.name = "bytes", .kind = GC_DATA, .elem = 1);
	struct gc_type_desc refs = GC_TYPE_INIT(.name = "refs", .kind = GC_REF_ARRAY, .elem = 8);
	const struct gc_type *t;
	void *p;

	p = mmap(NULL, TYPES_BYTES, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return false;
	h->types = p;
	h->ntypes = 1; /* TYPE_FILLER */
	return !gc_type_register(h, &bytes, &t) && !gc_type_register(h, &refs, &t);
}

static void types_free(struct gc_heap *h)
{
	uint32_t i, f;

	for (i = 1; i < h->ntypes; i++) {
		for (f = 0; f < h->types[i].nfields; f++)
			free((char *)(uintptr_t)h->types[i].fields[f].name);
		free(h->types[i].fields);
		free(h->types[i].name);
	}
	if (h->types)
		munmap(h->types, TYPES_BYTES);
}

int gc_heap_create(const struct gc_options *opts, struct gc_heap **out)
{
	struct gc_options o;
	struct gc_heap *h;
	int rc;

	rc = options_check(&o, opts);
	if (rc)
		return rc;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	locks_init(h);
	options_apply(h, &o);
	h->start_ns = now_ns();
	effort_init(h);
	h->rings = calloc(h->nrings, sizeof(*h->rings));
	rc = log_init(h, &o);
	if (!rc)
		rc = zeal_init(h, &o);
	if (rc)
		goto fail;
	/* The reservation comes last: it takes what addresses there are. */
	rc = h->rings && types_init(h) && weak_create(h) ? pages_init(h, o.reserve) : -ENOMEM;
	if (rc)
		goto fail;
	old_init(h);
	pinned_init(h);
	heap_enlist(h);
	if (!o.no_events && segment_open(h) == 0)
		say_hello(h);
	young_init(h);
	pace(h);
	segment_counters(h);
	*out = h;
	return 0;
fail:
	zeal_end(h);
	weak_destroy(h);
	log_close(h);
	types_free(h);
	free(h->rings);
	free(h);
	return rc;
}

int gc_heap_destroy(struct gc_heap *h)
{
	if (!h)
		return 0;
	if (heap_delist(h))
		return -EBUSY;
	release_stop(h);
	zeal_end(h);
	segment_close(h);
	log_close(h);
	while (h->globals) {
		struct gc_global *g = h->globals;

		h->globals = g->next;
		free(g);
	}
	vec_free(&h->young_globals);
	vec_free(&h->log);
	vec_free(&h->card_log);
	vec_free(&h->stack);
	vec_free(&h->evac_slots);
	vec_free(&h->gray);
	vec_free(&h->regray);
	vec_free(&h->arrays);
	pinned_free(h);
	free(h->large);
	free(h->rings);
	weak_destroy(h);
	types_free(h);
	pages_free(h);
	pthread_cond_destroy(&h->cond);
	pthread_mutex_destroy(&h->lock);
	pthread_mutex_destroy(&h->ev_lock);
	free(h);
	return 0;
}

/* --- types ------------------------------------------------------------------------- */

static bool desc_ok(const struct gc_type_desc *d)
{
	uint32_t words = d->size / 8, i;

	if (d->struct_size != sizeof(*d) || !d->name)
		return false;
	if (d->elem ? d->size != 0 || d->elem > OBJECT_MAX : d->size > OBJECT_MAX)
		return false;
	for (i = 0; i < d->nfields; i++)
		if (!d->fields[i].name || (!d->elem && d->fields[i].offset >= d->size))
			return false;
	switch (d->kind) {
	case GC_DATA:
		return !d->bitmap && !d->trace;
	case GC_BITMAP64:
		return !d->elem && !d->trace && (words >= 64 || !(d->bitmap >> words));
	case GC_REF_ARRAY:
		return d->elem == sizeof(void *) && !d->bitmap && !d->trace;
	case GC_CUSTOM:
		return d->trace && !d->bitmap;
	}
	return false;
}

static bool copy_fields(struct type_info *t, const struct gc_type_desc *d)
{
	if (!d->nfields)
		return true;
	t->fields = calloc(d->nfields, sizeof(*t->fields));
	if (!t->fields)
		return false;
	for (; t->nfields < d->nfields; t->nfields++) {
		t->fields[t->nfields].offset = d->fields[t->nfields].offset;
		t->fields[t->nfields].name = strdup(d->fields[t->nfields].name);
		if (!t->fields[t->nfields].name)
			return false;
	}
	return true;
}

/* Smallest cell: the header and one word, which the forwarding word needs not but
 * the size classes do. */
static void fill_public(struct type_info *t, const struct gc_type_desc *d)
{
	uint32_t cell = ((d->size + 7) & ~7u) + 8;

	if (cell < 16)
		cell = 16;
	t->pub.header = (uint64_t)t->id << HDR_TYPE_SHIFT;
	if (d->kind == GC_DATA)
		t->pub.header |= HDR_DATA;
	t->pub.elem = d->elem;
	t->pub.cell = d->elem ? CELL_ARRAY : cell;
	if (!d->elem)
		t->pub.header |= (uint64_t)(cell / 8) << 32;
}

static int register_locked(struct gc_heap *h, const struct gc_type_desc *d, struct type_info *t)
{
	*t = (struct type_info){ .kind = d->kind,
				 .id = h->ntypes,
				 .bitmap = d->bitmap,
				 .trace = d->trace,
				 .size = d->size };
	t->name = strdup(d->name);
	if (!t->name || !copy_fields(t, d)) {
		while (t->nfields)
			free((char *)(uintptr_t)t->fields[--t->nfields].name);
		free(t->fields);
		free(t->name);
		return -ENOMEM;
	}
	fill_public(t, d);
	h->ntypes++;
	tell_type(h, t->id, t->name);
	return 0;
}

int gc_type_register(struct gc_heap *h, const struct gc_type_desc *d, const struct gc_type **type)
{
	int rc = -ENOSPC;

	if (!d || !desc_ok(d))
		return -EINVAL;
	heap_lock(h);
	if (h->ntypes < HDR_TYPE_MAX) {
		rc = register_locked(h, d, &h->types[h->ntypes]);
		if (!rc)
			*type = &h->types[h->ntypes - 1].pub;
	}
	heap_unlock(h);
	return rc;
}

const struct gc_type *gc_type_bytes(struct gc_heap *h)
{
	return &h->types[1].pub;
}

const struct gc_type *gc_type_refs(struct gc_heap *h)
{
	return &h->types[2].pub;
}

const char *gc_type_name(const struct gc_heap *h, const struct gc_type *type)
{
	return h->types[hdr_type(type->header)].name;
}

const struct gc_type *gc_type_of(const struct gc_heap *h, const void *obj)
{
	return &h->types[hdr_type(__atomic_load_n(hdr_of(obj), __ATOMIC_RELAXED))].pub;
}

/* --- external memory --------------------------------------------------------------- */

int gc_external_class(struct gc_heap *h, const char *name)
{
	int id = -ENOSPC;

	heap_lock(h);
	if (h->nclasses_ext < GC_SEG_CLASSES) {
		id = h->nclasses_ext++;
		memcpy(h->class_names[id], name, strnlen(name, sizeof(h->class_names[id]) - 1));
		segment_name(h, GC_NAME_CLASS, (unsigned)id, h->class_names[id]);
	}
	heap_unlock(h);
	return id;
}

/* Small changes add up before they are said: 64 KiB. */
static void external_say(struct gc_heap *h, int cls)
{
	int64_t d = h->external[cls] - h->external_said[cls];

	if (d < (int64_t)KIB(64) && d > -(int64_t)KIB(64))
		return;
	h->external_said[cls] = h->external[cls];
	event(h, GC_EV_EXTERNAL, GC_SPACE_NONE, (unsigned)cls, (uint64_t)h->external[cls],
	      (uint64_t)h->external_total, NULL, 0);
	segment_counters(h);
}

/* With the lock. */
void external_add(struct gc_heap *h, int cls, int64_t delta)
{
	h->external[cls] += delta;
	h->external_total += delta;
	external_say(h, cls);
}

int gc_external_adjust(struct gc_heap *h, int cls, int64_t delta)
{
	size_t total;

	heap_lock(h);
	if (cls < 0 || cls >= h->nclasses_ext) {
		heap_unlock(h);
		return -EINVAL;
	}
	external_add(h, cls, delta);
	total = tenured(h) + external(h);
	if (delta > 0 && total >= (h->marking ? h->old_goal : h->mark_at)) {
		__atomic_fetch_or(&h->want, WANT_MAJOR, __ATOMIC_RELAXED);
		mutators_poke(h);
	}
	heap_unlock(h);
	return 0;
}

int gc_region_register(struct gc_heap *h, const char *name, void *addr, size_t len)
{
	uint64_t v;
	int i, id = -ENOSPC;

	if (!name || !len)
		return -EINVAL;
	heap_lock(h);
	for (i = 0; i < NREGIONS && id < 0; i++) {
		if (h->regions[i].len)
			continue;
		id = i;
		h->regions[i] = (struct region){ (uintptr_t)addr, len, h->nregion_names, "" };
		memcpy(h->regions[i].label, name, strnlen(name, sizeof(h->regions[i].label) - 1));
		v = segment_name(h, GC_NAME_REGION, h->nregion_names++, name);
		event(h, GC_EV_REGION, GC_SPACE_REGION, 1, (uintptr_t)addr, len, &v, 1);
	}
	heap_unlock(h);
	return id;
}

int gc_region_unregister(struct gc_heap *h, int id)
{
	struct region *r;
	int rc = -EINVAL;
	uint64_t v;

	if (id < 0 || id >= NREGIONS)
		return -EINVAL;
	heap_lock(h);
	r = &h->regions[id];
	if (r->len) {
		v = r->name;
		event(h, GC_EV_REGION, GC_SPACE_REGION, 0, r->addr, r->len, &v, 1);
		r->len = 0;
		rc = 0;
	}
	heap_unlock(h);
	return rc;
}

/* --- limits and release ------------------------------------------------------------- */

void gc_set_near_limit(struct gc_heap *h, gc_near_limit_fn fn, void *arg)
{
	heap_lock(h);
	h->near_fn = fn;
	h->near_arg = arg;
	heap_unlock(h);
}

void gc_set_oom(struct gc_heap *h, gc_oom_fn fn, void *arg)
{
	heap_lock(h);
	h->oom_fn = fn;
	h->oom_arg = arg;
	heap_unlock(h);
}

void gc_set_old_limit(struct gc_heap *h, size_t bytes)
{
	heap_lock(h);
	h->old_limit = h->initial_limit = bytes;
	effort_init(h);
	segment_counters(h);
	heap_unlock(h);
}

int gc_set_young_limit(struct gc_heap *h, size_t bytes)
{
	int rc = 0;

	heap_lock(h);
	if (bytes < EDEN_MIN || bytes > h->young_max || !power_of_two(bytes))
		rc = -EINVAL;
	else
		h->young_limit = bytes;
	heap_unlock(h);
	return rc;
}

void gc_set_soft_limit(struct gc_heap *h, size_t bytes)
{
	heap_lock(h);
	h->soft_limit = bytes;
	segment_counters(h);
	heap_unlock(h);
}

void gc_set_gogc(struct gc_heap *h, int percent)
{
	heap_lock(h);
	h->gogc = percent;
	pace(h);
	segment_counters(h);
	heap_unlock(h);
}

void gc_tick(struct gc_mutator *m)
{
	struct gc_heap *h = ((struct mutator *)m)->h;
	uint64_t now = now_ns();

	mutator_check((struct mutator *)m);
	heap_lock(h);
	release_poll(h, now);
	resident_look(h, now);
	counters_event(h);
	heap_unlock(h);
}

size_t gc_release_all(struct gc_heap *h)
{
	uintptr_t cursor;
	size_t bytes;

	heap_lock(h);
	old_sweep_all(h);
	cursor = h->commit_top;
	bytes = release_due(h, now_ns(), true, SIZE_MAX, &cursor);
	tell_release(h, bytes, LOG_RELEASE_FORCED);
	counters_event(h);
	heap_unlock(h);
	return bytes;
}

void gc_note(struct gc_heap *h, const char *text)
{
	event_text(h, GC_EV_NOTE, 0, text);
}

/* --- statistics -------------------------------------------------------------------- */

static size_t process_rss(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long size, rss = 0;

	if (f) {
		if (fscanf(f, "%lu %lu", &size, &rss) != 2)
			rss = 0;
		fclose(f);
	}
	return rss * PAGE_SIZE;
}

static size_t space_resident(const struct gc_heap *h, unsigned kind)
{
	size_t b, end, total = 0, last = block_of(h, h->commit_top);

	for (b = 0; b < last; b = end) {
		end = b + 1;
		if (h->blocks[b].kind != kind)
			continue;
		while (end < last && h->blocks[end].kind == kind)
			end++;
		total += pages_resident(block_addr(h, b), block_addr(h, end));
	}
	return total;
}

static void stats_spaces(const struct gc_heap *h, struct gc_stats *st)
{
	unsigned s;

	st->space[GC_YOUNG].used = young_used(h);
	st->space[GC_YOUNG].committed = young_committed(h);
	st->space[GC_OLD].used = h->old_used;
	st->space[GC_OLD].committed = h->old_blocks << BLOCK_SHIFT;
	st->space[GC_LARGE].used = h->large_used;
	st->space[GC_LARGE].committed = h->large_pages << PAGE_SHIFT;
	st->space[GC_PINNED].used = h->pinned.used;
	st->space[GC_PINNED].committed = h->pinned.blocks << BLOCK_SHIFT;
	for (s = GC_YOUNG; s < GC_NSPACES; s++)
		st->space[s].resident = space_resident(h, s);
}

static void stats_counts(struct gc_heap *h, struct gc_stats *st)
{
	st->minor_count = h->minor_count;
	st->major_count = h->major_count;
	st->minor_pause_ns = h->minor_ns;
	st->major_pause_ns = h->major_ns_total;
	st->max_pause_ns = h->max_pause;
	st->promoted_total = h->promoted_total;
	st->allocated_total = h->allocated + (young_used(h) - h->young_after);
	st->objects_large = h->nlarge;
	st->objects_pinned = h->pinned.objects;
	st->pins = h->pinned.npins;
	st->mutators = h->nmutators;
	st->safepoints = h->safepoints;
	st->safepoint_ns = h->safepoint_ns;
	st->max_safepoint_ns = h->safepoint_max;
	weak_stats(h, st);
}

static void stats_fill(struct gc_heap *h, struct gc_stats *st)
{
	stats_spaces(h, st);
	stats_counts(h, st);
	st->heap_total = heap_committed(h);
	st->heap_used = heap_used(h);
	st->external = (size_t)h->external_total;
	st->array_buffers = (size_t)h->external[GC_CLASS_ARRAY_BUFFERS];
	st->reserved = h->reserved;
	st->mapped = h->mapped;
	st->owed = heap_owed(h);
	st->released_total = h->released_total;
	st->goal = h->goal;
	st->live = h->live;
	st->old_limit = h->old_limit;
	st->soft_limit = h->soft_limit;
	st->events_error = h->seg_err;
	st->events_fd = h->seg_fd;
}

void gc_stats_sized(struct gc_heap *h, struct gc_stats *st, size_t size)
{
	struct gc_stats all = { .rss = process_rss() };

	heap_lock(h);
	stats_fill(h, &all);
	heap_unlock(h);
	memset(st, 0, size);
	memcpy(st, &all, size < sizeof(all) ? size : sizeof(all));
}
