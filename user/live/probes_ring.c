/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * probes_ring.c - what comes through the ring of the kernel side: see probes.h.
 *
 * Owns: records of the ring as events, numbers of stacks, what was lost and what it all takes.
 * Must not: load or attach, know who is a target, keep an event.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/live/probes_int.h"

/* --- records as events ------------------------------------------------------------------- */

static int give(struct mp_probes *p, struct mp_event *e)
{
	return p->fn(p->ctx, e, sizeof(*e));
}

static int on_runs(struct mp_probes *p, const struct mp_raw_runs *b)
{
	int err = 0;

	for (uint32_t i = 0; i < b->n && i < MP_RUNS_BATCH && !err; i++) {
		const struct mp_run_rec *r = &b->r[i];
		struct mp_event e = { .ts = r->ts,
				      .type = MP_EV_FAULT,
				      .sub = (uint8_t)r->kind,
				      .mm = r->mm,
				      .tid = r->tid,
				      .x = r->n };

		e.fault.addr = r->addr;
		e.fault.ip = r->ip;
		e.fault.span = r->span;
		err = give(p, &e);
	}
	return err;
}

/* A stack seen for the first time gets a number, and is told in pieces. */
static int on_stack(struct mp_probes *p, const struct mp_raw_stack *r)
{
	struct mp_event e = { .ts = r->ts, .type = MP_EV_STACK, .mm = r->mm };
	unsigned frames = r->n < MP_RAW_STACK_MAX ? r->n : MP_RAW_STACK_MAX;
	int err = 0;

	if (r->id >= p->cap_stacks) {
		size_t cap = ((size_t)r->id + 1) * 2;
		uint32_t *t = realloc(p->stack_id, cap * sizeof(*t));

		if (!t)
			return -ENOMEM;
		memset(t + p->cap_stacks, 0, (cap - p->cap_stacks) * sizeof(*t));
		p->stack_id = t;
		p->cap_stacks = cap;
	}
	p->stack_id[r->id] = ++p->n_stacks;
	e.stack.id = p->n_stacks;
	/* The outermost frame of a thread ends in a return address of 0. */
	while (frames > 1 && !r->ip[frames - 1])
		frames--;
	e.x = frames;
	for (unsigned at = 0; at < frames && !err; at += MP_STACK_CHUNK) {
		unsigned n = frames - at < MP_STACK_CHUNK ? frames - at : MP_STACK_CHUNK;

		memset(e.stack.ip, 0, sizeof(e.stack.ip));
		memcpy(e.stack.ip, r->ip + at, n * sizeof(r->ip[0]));
		e.stack.pos = at;
		err = give(p, &e);
	}
	return err;
}

static int on_site(struct mp_probes *p, const struct mp_event *e)
{
	struct mp_event copy = *e;

	copy.site.stack = e->site.stack < p->cap_stacks ? p->stack_id[e->site.stack] : 0;
	return give(p, &copy);
}

static int on_record(void *ctx, void *data, size_t size)
{
	const struct mp_event *e = data;
	struct mp_probes *p = ctx;

	if (size < offsetof(struct mp_event, sub))
		return 0;
	switch (e->type) {
	case MP_RAW_RUNS:
		return size >= offsetof(struct mp_raw_runs, r) ? on_runs(p, data) : 0;
	case MP_RAW_STACK:
		return size >= sizeof(struct mp_raw_stack) ? on_stack(p, data) : 0;
	case MP_EV_SITE:
		return on_site(p, e);
	default:
		return p->fn(p->ctx, data, size);
	}
}

int probes_ring_open(struct mp_probes *p)
{
	p->rb = ring_buffer__new(bpf_map__fd(p->skel->maps.ring), on_record, p, NULL);
	return p->rb ? 0 : -errno;
}

/* --- flushing and draining --------------------------------------------------------------- */

static bool run_open(const struct mp_probes *p, int cpu)
{
	const struct mp_run *r = &p->shared->runs[cpu & (MP_CPUS_MAX - 1)];

	return __atomic_load_n(&r->n, __ATOMIC_RELAXED) ||
	       __atomic_load_n(&r->busy, __ATOMIC_RELAXED) ||
	       __atomic_load_n(&p->shared->batch[cpu & (MP_CPUS_MAX - 1)].n, __ATOMIC_RELAXED);
}

#define FLUSH_TRIES 1000

void mp_probes_flush(struct mp_probes *p)
{
	for (int cpu = 0; cpu < p->ncpu; cpu++) {
		/* A probe half way there makes the program return 1: it is done in
		 * a microsecond. */
		for (int i = 0; i < FLUSH_TRIES && run_open(p, cpu); i++)
			if (probes_run_on_cpu(p->skel->progs.flush_runs, cpu) != 1)
				break; /* done, or the CPU went offline and its run with it */
	}
}

int mp_probes_drain(struct mp_probes *p, int (*fn)(void *ctx, void *data, size_t size), void *ctx)
{
	int n;

	p->fn = fn;
	p->ctx = ctx;
	n = ring_buffer__consume(p->rb);
	return n < 0 ? n : 0;
}

int mp_probes_fd(const struct mp_probes *p)
{
	return ring_buffer__epoll_fd(p->rb);
}

/* --- what was lost, and what it takes ------------------------------------------------------ */

/*
 * A program that is preempted stands in the way of its next run on that CPU: the kernel
 * skips that one, and a call of some process was not seen, or not its end. Told since
 * 5.12; earlier kernels do not skip.
 */
static uint64_t skipped_runs(const struct mp_probes *p)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < p->n_fentry; i++) {
		struct bpf_prog_info info = { 0 };
		__u32 len = sizeof(info);

		if (!bpf_obj_get_info_by_fd(p->fentry[i], &info, &len))
			n += info.recursion_misses;
	}
	return n;
}

unsigned mp_probes_fill(const struct mp_probes *p)
{
	uint64_t percent = p->room_stacks ? (uint64_t)p->n_stacks * 100 / p->room_stacks : 0;

	return percent < 100 ? (unsigned)percent : 100;
}

void mp_probes_lost(const struct mp_probes *p, uint64_t events[MP_LOSS_MAX],
		    uint64_t faults[MP_LOSS_MAX])
{
	for (unsigned i = 0; i < MP_LOSS_MAX; i++) {
		events[i] = __atomic_load_n(&p->shared->lost[i], __ATOMIC_RELAXED);
		faults[i] = __atomic_load_n(&p->shared->lost_faults[i], __ATOMIC_RELAXED);
	}
	events[MP_LOSS_MISSED_EXIT] += skipped_runs(p);
}

/* memlock: of the file descriptor of a map or a program. */
static uint64_t memlock_of(int fd)
{
	unsigned long long v = 0;
	char path[64], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "memlock: %llu", &v) == 1)
			break;
	if (f)
		fclose(f);
	return v;
}

void mp_probes_memory(const struct mp_probes *p, uint64_t *maps, uint64_t *progs)
{
	struct bpf_map *m;
	struct bpf_program *prog;

	*maps = *progs = 0;
	bpf_object__for_each_map(m, p->skel->obj) if (bpf_map__fd(m) >= 0) *maps +=
		memlock_of(bpf_map__fd(m));
	bpf_object__for_each_program(prog, p->skel->obj) if (bpf_program__fd(prog) >= 0) *progs +=
		memlock_of(bpf_program__fd(prog));
}
