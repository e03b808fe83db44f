/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * perfetto_out.c - writes what perfetto.c collected as a Perfetto trace.
 *
 * Owns: messages and field numbers, those of protos/perfetto/trace/ in Perfetto's
 * sources: trace_packet.proto, track_event/track_event.proto and its neighbours,
 * clock_snapshot.proto, ps/process_stats.proto. Nothing is interned and no state is
 * carried from packet to packet, so the trace can be cut and concatenated.
 *
 * Times are CLOCK_MONOTONIC, told in every packet; clock snapshots join them to
 * CLOCK_BOOTTIME, the clock of other traces.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "user/export/frame.h"
#include "user/export/perfetto_out.h"
#include "user/util/util.h"

enum clock_id { CLK_REALTIME = 1, CLK_MONOTONIC = 3, CLK_BOOTTIME = 6 };
enum unit { UNIT_COUNT = 2, UNIT_BYTES = 3 };

#define SEQUENCE     1
#define ORDER_RANKED 3
#define FLUSH_BYTES  (4u << 20)

/* --- packets ---------------------------------------------------------------------- */

void pf_packet(struct pf_out *o, uint64_t ts)
{
	mp_pb_open(&o->pb, 1);
	if (ts)
		mp_pb_u64(&o->pb, 8, ts);
	if (ts)
		mp_pb_u64(&o->pb, 58, CLK_MONOTONIC);
	mp_pb_u64(&o->pb, 10, SEQUENCE);
	if (o->first)
		mp_pb_u64(&o->pb, 13, 1);
	o->first = false;
}

void pf_packet_end(struct pf_out *o)
{
	mp_pb_close(&o->pb);
	if (!o->stream || o->pb.n < FLUSH_BYTES || o->pb.oom)
		return;
	fwrite(o->pb.p, 1, o->pb.n, o->x->f);
	mp_pb_reset(&o->pb);
}

void pf_event(struct pf_out *o, uint64_t ts, enum event_type type, uint64_t track)
{
	pf_packet(o, ts);
	mp_pb_open(&o->pb, 11);
	mp_pb_u64(&o->pb, 9, type);
	mp_pb_u64(&o->pb, 11, track);
}

void pf_event_end(struct pf_out *o)
{
	mp_pb_close(&o->pb);
	pf_packet_end(o);
}

void pf_named(struct pf_out *o, const char *category, const char *name)
{
	mp_pb_str(&o->pb, 22, category);
	mp_pb_str(&o->pb, 23, name);
}

/* Debug annotations: what the details pane shows of an event. */
void pf_note_str(struct pf_out *o, const char *key, const char *v)
{
	mp_pb_open(&o->pb, 4);
	mp_pb_str(&o->pb, 10, key);
	mp_pb_str(&o->pb, 6, v);
	mp_pb_close(&o->pb);
}

void pf_note_int(struct pf_out *o, const char *key, int64_t v)
{
	mp_pb_open(&o->pb, 4);
	mp_pb_str(&o->pb, 10, key);
	mp_pb_i64(&o->pb, 4, v);
	mp_pb_close(&o->pb);
}

/* What no source told is left out, never 0. */
void pf_note_u64(struct pf_out *o, const char *key, uint64_t v)
{
	if (v != MP_UNKNOWN)
		pf_note_int(o, key, (int64_t)v);
}

void pf_note_addr(struct pf_out *o, const char *key, uint64_t v)
{
	mp_pb_open(&o->pb, 4);
	mp_pb_str(&o->pb, 10, key);
	mp_pb_u64(&o->pb, 7, v);
	mp_pb_close(&o->pb);
}

void pf_stack(struct pf_out *o, uint32_t proc, uint64_t id)
{
	const struct mp_stack *s = id ? mp_model_stack(o->m, id) : NULL;
	uint32_t n = s ? s->n : 0, mm = s && s->mm ? s->mm : o->pf->procs[proc]->mm;
	char text[512];

	if (!n)
		return;
	mp_pb_open(&o->pb, 55);
	for (uint32_t i = n < PF_FRAMES_MAX ? n : PF_FRAMES_MAX; i > 0; i--) {
		mp_pb_open(&o->pb, 1);
		mp_pb_str(&o->pb, 1, mp_frame_name(o->m, mm, s->ip[i - 1], text, sizeof(text)));
		mp_pb_close(&o->pb);
	}
	mp_pb_close(&o->pb);
}

/* --- tracks -------------------------------------------------------------------------- */

uint64_t pf_mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static uint64_t uuid_of(const struct pf_out *o, enum track_kind kind, uint64_t proc_key,
			uint64_t sub)
{
	return pf_mix(pf_mix(o->base + proc_key) + ((uint64_t)kind << 56 | sub)) | 1;
}

uint64_t pf_track_of(const struct pf_out *o, enum track_kind kind, uint32_t proc, uint64_t sub)
{
	return uuid_of(o, kind, proc == PF_NONE ? 0 : o->pf->procs[proc]->key, sub);
}

/* Left open for what kind of track it is; rank orders those of one parent. */
static void track_open(struct pf_out *o, uint64_t ts, uint64_t uuid, const char *name,
		       uint64_t parent, int rank)
{
	pf_packet(o, ts);
	mp_pb_open(&o->pb, 60);
	mp_pb_u64(&o->pb, 1, uuid);
	if (name)
		mp_pb_str(&o->pb, 2, name);
	if (parent)
		mp_pb_u64(&o->pb, 5, parent);
	if (rank >= 0)
		mp_pb_i64(&o->pb, 12, rank);
}

static void track_close(struct pf_out *o)
{
	mp_pb_close(&o->pb);
	pf_packet_end(o);
}

static void put_process(struct pf_out *o, uint32_t i)
{
	const struct pf_proc *pp = o->pf->procs[i];

	track_open(o, pp->start_ts ? pp->start_ts : o->m->start, pf_track_of(o, T_PROC, i, 0), NULL,
		   0, -1);
	mp_pb_open(&o->pb, 3);
	mp_pb_u64(&o->pb, 1, pp->tgid);
	if (pp->exe)
		mp_pb_str(&o->pb, 2, mp_str(o->m, pp->exe));
	mp_pb_str(&o->pb, 6, mp_str(o->m, pp->comm));
	mp_pb_close(&o->pb);
	mp_pb_u64(&o->pb, 11, ORDER_RANKED);
	track_close(o);
}

static const struct {
	const char *name, *share;
} groups[PF_G_MAX] = {
	[PF_G_MEMORY] = { "RSS and heap", "memprof.rss" },
	[PF_G_ACCOUNT] = { "RSS by what it is for", "memprof.account" },
	[PF_G_SPACES] = { "heap spaces", "memprof.spaces" },
	[PF_G_CGROUP] = { "control group", "memprof.cgroup" },
	[PF_G_FAULTS] = { "page faults", NULL },
};

static const struct {
	const char *name;
	enum pf_group group;
} counters[PF_HEAP] = {
	[PF_RSS] = { "RSS", PF_G_MEMORY },
	[PF_ANON] = { "RSS anonymous", PF_G_MEMORY },
	[PF_FILE] = { "RSS files", PF_G_MEMORY },
	[PF_SHMEM] = { "RSS shared memory", PF_G_MEMORY },
	[PF_SWAP] = { "swap", PF_G_MEMORY },
	[PF_LAZYFREE] = { "RSS left to the kernel (lazyfree)", PF_G_MEMORY },
	[PF_OWED] = { "freed, not returned (owed)", PF_G_MEMORY },
	[PF_LIVE] = { "live heap", PF_G_ACCOUNT },
	[PF_FREE] = { "free heap, resident", PF_G_ACCOUNT },
	[PF_UNSPLIT] = { "heap, no figures of it", PF_G_ACCOUNT },
	[PF_ARENAS] = { "malloc arenas", PF_G_ACCOUNT },
	[PF_NATIVE] = { "other malloc libraries", PF_G_ACCOUNT },
	[PF_BRK] = { "brk", PF_G_ACCOUNT },
	[PF_STACKS] = { "stacks", PF_G_ACCOUNT },
	[PF_RUNTIME] = { "runtime beside its heap", PF_G_ACCOUNT },
	[PF_OTHER] = { "other anonymous", PF_G_ACCOUNT },
	[PF_AFILE] = { "files", PF_G_ACCOUNT },
	[PF_ASHMEM] = { "shared memory", PF_G_ACCOUNT },
	[PF_ALAZY] = { "left to the kernel", PF_G_ACCOUNT },
	[PF_UNKNOWN] = { "unknown", PF_G_ACCOUNT },
	[PF_LAZY_HEAP] = { "heap promised, not resident (not in RSS)", PF_G_ACCOUNT },
	[PF_CHARGED] = { "charged", PF_G_CGROUP },
	[PF_LIMIT] = { "limit", PF_G_CGROUP },
	[PF_FAULTS] = { "page faults", PF_G_FAULTS },
	[PF_MAJORS] = { "major faults", PF_G_FAULTS },
};

static enum pf_group group_of(const struct pf_track *t)
{
	return t->what < PF_HEAP    ? counters[t->what].group
	       : t->what < PF_SPACE ? PF_G_MEMORY
				    : PF_G_SPACES;
}

static void counter_name(const struct pf_out *o, const struct pf_track *t, char *buf, size_t size)
{
	static const char *const of_heap[] = { "heap used", "heap committed", "external" };
	static const char *const of_space[] = { "used", "committed", "resident" };
	unsigned k;

	if (group_of(t) == PF_G_FAULTS) {
		snprintf(buf, size, "%s per %" PRIu64 " ms", counters[t->what].name,
			 o->pf->width / 1000000);
	} else if (t->what < PF_HEAP) {
		snprintf(buf, size, "%s", counters[t->what].name);
	} else if (t->what < PF_SPACE) {
		k = t->what - PF_HEAP;
		snprintf(buf, size, "%s (%s)", of_heap[k % 3], mp_source_name(k / 3));
	} else {
		k = t->what - PF_SPACE;
		snprintf(buf, size, "%s %s (%s)", mp_str(o->m, t->space), of_space[k % 3],
			 mp_source_name(k / 3 / MP_SPACES_MAX));
	}
}

static void put_counter_track(struct pf_out *o, uint32_t i)
{
	const struct pf_track *t = &o->pf->tracks[i];
	enum pf_group g = group_of(t);
	char name[256];

	counter_name(o, t, name, sizeof(name));
	track_open(o, 0, pf_track_of(o, T_COUNTER, t->proc, t->what), name,
		   pf_track_of(o, T_GROUP, t->proc, g), t->what);
	mp_pb_open(&o->pb, 8);
	mp_pb_u64(&o->pb, 3, g == PF_G_FAULTS ? UNIT_COUNT : UNIT_BYTES);
	if (groups[g].share)
		mp_pb_str(&o->pb, 7, groups[g].share);
	mp_pb_close(&o->pb);
	track_close(o);
}

static void put_groups(struct pf_out *o)
{
	const struct pf *pf = o->pf;
	bool *used = calloc(pf->n_procs * PF_G_MAX + 1, sizeof(*used));

	if (!used) {
		o->pb.oom = true;
		return;
	}
	for (size_t i = 0; i < pf->n_tracks; i++)
		used[pf->tracks[i].proc * PF_G_MAX + group_of(&pf->tracks[i])] = true;
	for (uint32_t i = 0; i < pf->n_procs * PF_G_MAX; i++) {
		if (!used[i])
			continue;
		track_open(o, 0, pf_track_of(o, T_GROUP, i / PF_G_MAX, i % PF_G_MAX),
			   groups[i % PF_G_MAX].name, pf_track_of(o, T_PROC, i / PF_G_MAX, 0),
			   i % PF_G_MAX);
		mp_pb_u64(&o->pb, 11, ORDER_RANKED);
		track_close(o);
	}
	free(used);
}

int pf_by_thread(const void *a, const void *b)
{
	const struct pf_name *x = a, *y = b;

	if (x->proc != y->proc)
		return x->proc < y->proc ? -1 : 1;
	return x->tid != y->tid ? (x->tid < y->tid ? -1 : 1) : 0;
}

/* The name of a thread, 0 when none was told. */
static uint32_t thread_name(const struct pf_out *o, uint32_t proc, uint32_t tid)
{
	const struct pf_name key = { .proc = proc, .tid = tid };
	const struct pf_name *n =
		o->n_names ? bsearch(&key, o->names, o->n_names, sizeof(key), pf_by_thread) : NULL;

	return n ? n->name : 0;
}

void pf_thread(struct pf_out *o, uint32_t proc, uint32_t tid)
{
	const struct pf_proc *pp = o->pf->procs[proc];
	uint32_t name = thread_name(o, proc, tid);

	if (!name && tid == pp->tgid)
		name = pp->comm;
	track_open(o, 0, pf_track_of(o, T_CALLS, proc, tid), NULL, 0, -1);
	mp_pb_open(&o->pb, 4);
	mp_pb_u64(&o->pb, 1, pp->tgid);
	mp_pb_u64(&o->pb, 2, tid);
	if (name)
		mp_pb_str(&o->pb, 5, mp_str(o->m, name));
	mp_pb_close(&o->pb);
	track_close(o);
}

void pf_plain_track(struct pf_out *o, enum track_kind kind, uint32_t proc, uint64_t sub,
		    const char *name, int rank)
{
	track_open(o, 0, pf_track_of(o, kind, proc, sub), name,
		   proc == PF_NONE ? 0 : pf_track_of(o, T_PROC, proc, 0), rank);
	track_close(o);
}

/* --- clocks and counters ---------------------------------------------------------------- */

static void put_one_clock(struct pf_out *o, enum clock_id id, uint64_t ts)
{
	if (ts == MP_UNKNOWN)
		return;
	mp_pb_open(&o->pb, 1);
	mp_pb_u64(&o->pb, 1, id);
	mp_pb_u64(&o->pb, 2, ts);
	mp_pb_close(&o->pb);
}

static void put_clocks(struct pf_out *o)
{
	for (size_t i = 0; i < o->pf->n_clocks; i++) {
		const struct pf_clock *c = &o->pf->clocks[i];
		bool boot = o->pf->clocks[0].boot != MP_UNKNOWN;

		pf_packet(o, 0);
		mp_pb_open(&o->pb, 6);
		put_one_clock(o, CLK_MONOTONIC, c->mono);
		put_one_clock(o, CLK_BOOTTIME, c->boot);
		put_one_clock(o, CLK_REALTIME, c->wall);
		mp_pb_u64(&o->pb, 2, boot ? CLK_BOOTTIME : CLK_MONOTONIC);
		mp_pb_close(&o->pb);
		pf_packet_end(o);
	}
}

static void put_value(struct pf_out *o, uint64_t ts, const struct pf_track *t, int64_t v)
{
	pf_event(o, ts, EV_COUNTER, pf_track_of(o, T_COUNTER, t->proc, t->what));
	mp_pb_i64(&o->pb, 30, v);
	pf_event_end(o);
}

/* The figures that Perfetto's own tables of processes are made of, kB. */
static void put_stats(struct pf_out *o, uint64_t ts, uint32_t proc, const int64_t *v)
{
	const struct pf_proc *pp = o->pf->procs[proc];

	pf_packet(o, ts);
	mp_pb_open(&o->pb, 9);
	mp_pb_open(&o->pb, 1);
	mp_pb_u64(&o->pb, 1, pp->tgid);
	mp_pb_i64(&o->pb, 3, (v[PF_ANON] + v[PF_FILE] + v[PF_SHMEM]) / 1024);
	mp_pb_i64(&o->pb, 4, v[PF_ANON] / 1024);
	mp_pb_i64(&o->pb, 5, v[PF_FILE] / 1024);
	mp_pb_i64(&o->pb, 6, v[PF_SHMEM] / 1024);
	mp_pb_i64(&o->pb, 7, v[PF_SWAP] / 1024);
	mp_pb_close(&o->pb);
	mp_pb_close(&o->pb);
	pf_packet_end(o);
}

/* The last values of the RSS counters of each process, and when they changed. */
struct stats {
	int64_t v[PF_SWAP + 1];
	uint64_t ts;
	bool changed;
};

static void flush_stats(struct pf_out *o, struct stats *st, uint32_t proc)
{
	if (st[proc].changed && o->pf->procs[proc]->tgid)
		put_stats(o, st[proc].ts, proc, st[proc].v);
	st[proc].changed = false;
}

/* What happened in a slot ends with it: back to 0, unless the next has some too. */
static void put_zero(struct pf_out *o, const struct pf_track *t, uint64_t *last, uint64_t next)
{
	uint64_t after = *last + o->pf->width;

	if (*last && (after < next || !next))
		put_value(o, after, t, 0);
	*last = next;
}

static void put_sample(struct pf_out *o, const struct pf_sample *s, struct stats *st,
		       uint64_t *slots)
{
	const struct pf_track *t = &o->pf->tracks[s->track];

	if (t->what == PF_FAULTS || t->what == PF_MAJORS)
		put_zero(o, t, &slots[s->track], s->ts);
	put_value(o, s->ts, t, s->value);
	if (t->what < PF_ANON || t->what > PF_SWAP)
		return;
	if (st[t->proc].ts != s->ts)
		flush_stats(o, st, t->proc);
	st[t->proc].v[t->what] = s->value;
	st[t->proc].ts = s->ts;
	st[t->proc].changed = true;
}

static void put_samples(struct pf_out *o)
{
	const struct pf *pf = o->pf;
	struct stats *st = calloc(pf->n_procs + 1, sizeof(*st));
	uint64_t *slots = calloc(pf->n_tracks + 1, sizeof(*slots));

	if (!st || !slots)
		o->pb.oom = true;
	for (size_t i = 0; i < pf->n_samples && !o->pb.oom; i++)
		put_sample(o, &pf->samples[i], st, slots);
	for (uint32_t i = 0; i < pf->n_tracks && slots; i++)
		put_zero(o, &pf->tracks[i], &slots[i], 0);
	for (uint32_t i = 0; i < pf->n_procs && st; i++)
		flush_stats(o, st, i);
	free(slots);
	free(st);
}

/* --- all of it --------------------------------------------------------------------------- */

static void put_all(struct pf_out *o)
{
	const struct pf *pf = o->pf;

	o->first = true;
	put_clocks(o);
	for (uint32_t i = 0; i < pf->n_procs; i++)
		put_process(o, i);
	put_groups(o);
	for (uint32_t i = 0; i < pf->n_tracks; i++)
		put_counter_track(o, i);
	put_samples(o);
	pf_put_slices(o);
	pf_put_marks(o);
	pf_put_faults(o);
}

static int newest_first(const void *a, const void *b)
{
	const struct pf_name *x = a, *y = b;
	int d = pf_by_thread(a, b);

	return d ? d : x->order > y->order ? -1 : 1;
}

/* Names in the order of threads; of two of one thread the later one. */
static int sort_names(struct pf_out *o, struct pf *pf)
{
	size_t n = pf->n_names;

	o->names = malloc((n + 1) * sizeof(*o->names));
	if (!o->names)
		return -ENOMEM;
	if (n)
		memcpy(o->names, pf->names, n * sizeof(*o->names));
	qsort(o->names, n, sizeof(*o->names), newest_first);
	o->n_names = 0;
	for (size_t i = 0; i < n; i++)
		if (!i || pf_by_thread(&o->names[i], &o->names[o->n_names - 1]))
			o->names[o->n_names++] = o->names[i];
	return 0;
}

/* Thins in proportion to what was written: false when nothing is left to leave out. */
static bool thin_from(struct pf *pf, uint64_t written, uint64_t max)
{
	double goal = (double)pf_estimate(pf) * (double)max / (double)written;

	do {
		if (!pf_thin(pf, max))
			return false;
	} while ((double)pf_estimate(pf) > goal);
	return true;
}

int pf_write(struct mp_export *x, struct pf *pf, const struct mp_model *m)
{
	struct pf_out o = { .m = m, .pf = pf, .x = x, .stream = !x->max_bytes };
	int err = sort_names(&o, pf);

	o.base = pf_mix(m->meta[MP_META_WALL_NS] ^ m->meta[MP_META_START_TS] << 1);
	while (!err) {
		put_all(&o);
		if (o.pb.oom || !x->max_bytes || o.pb.n <= x->max_bytes ||
		    !thin_from(pf, o.pb.n, x->max_bytes))
			break;
		x->overflow = true;
		mp_pb_reset(&o.pb);
	}
	if (!err && o.pb.oom)
		err = -ENOMEM;
	if (!err && o.pb.n)
		fwrite(o.pb.p, 1, o.pb.n, x->f);
	mp_pb_free(&o.pb);
	free(o.names);
	return err;
}
