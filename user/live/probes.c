/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * probes.c - see probes.h. Phases as in libbpf: open, choose, configure, load,
 * attach. Teardown runs backwards and may be called on a half-built object.
 */
#include "user/live/probes.h"

#include <errno.h>
#include <linux/magic.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "bpf/shared.h"
#include "bpf/memprof.skel.h" /* made in the build folder */
#include "user/live/rights.h"
#include "user/live/rules.h"
#include "user/live/uprobes.h"
#include "user/live/usdt_args.h"
#include "user/model/model.h"
#include "user/sym/sym.h"
#include "user/util/util.h"

#define LINKS_MAX    (64 + 2 * MP_CPUS_MAX)
#define RUNGS_MAX    32
#define USDT_PLACES  32  /* of one probe in one file: a JVM has two */
#define SAMPLE_PAGES 128 /* one fault in so many has its stack taken */

/* A program on a file of a runtime. */
struct hung {
	struct bpf_link *link; /* or NULL: */
	int fd;		       /* of a link of uprobes.h */
	uint64_t dev, ino, size, mtime; /* size, mtime: of an overlay's file only */
	uint64_t offset;		/* USDT: ~0 */
	enum mp_uprobe u;
};

struct mp_probes {
	struct memprof_bpf *skel;
	struct ring_buffer *rb;
	struct bpf_link *links[LINKS_MAX];
	unsigned n_links;
	struct hung hung[LINKS_MAX];
	unsigned n_hung;
	bool removed[MP_UP_MAX]; /* taken away for good */
	bool multi;		 /* they hang by links of uprobes.h */
	struct mp_usdt_spec specs[MP_USDT_SPECS]; /* as in the map usdt_specs */
	unsigned n_specs;
	struct mp_rung_result rung[MP_FEAT_MAX];
	struct mp_shared *shared; /* the mapped .bss */
	int fentry[32];		  /* programs that the kernel may skip */
	unsigned n_fentry;
	struct mp_target *sums; /* of mp_probes_sum_rss() */
	size_t n_sums, cap_sums;
	int ncpu;
	uint32_t *stack_id; /* by the kernel side's id: ours, from 1 without gaps */
	size_t cap_stacks;
	uint32_t n_stacks, room_stacks;
	/* the drain's destination while it runs */
	int (*fn)(void *ctx, void *data, size_t size);
	void *ctx;
};

static bool debug_libbpf;

static int on_libbpf_print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	return debug_libbpf ? vfprintf(stderr, fmt, ap) : 0;
}

/* --- choosing ------------------------------------------------------------------------- */

static void choose(struct mp_probes *p, const struct mp_hooks *h)
{
	struct mp_rung_result all[RUNGS_MAX];
	size_t n = mp_ladder_try(all, RUNGS_MAX);

	p->multi = !uprobe_multi_try();
	for (unsigned f = 0; f < MP_FEAT_MAX; f++) {
		p->rung[f] = (struct mp_rung_result){ .feature = (uint8_t)f, .err = -EOPNOTSUPP };
		snprintf(p->rung[f].why, sizeof(p->rung[f].why),
			 "turned off by --hooks or --no-stacks");
	}
	for (size_t i = 0; i < n; i++) {
		struct mp_rung_result *r = &p->rung[all[i].feature];

		if (!(h->allow[all[i].feature] & 1u << all[i].rung) || r->rung)
			continue;
		if (!all[i].err)
			*r = all[i];
		else { /* remembered until a later rung works */
			r->err = all[i].err;
			memcpy(r->why, all[i].why, sizeof(r->why));
		}
	}
	/* Stacks come with the probes of faults. */
	if (h->allow[MP_FEAT_STACKS] && p->rung[MP_FEAT_FAULTS].rung)
		p->rung[MP_FEAT_STACKS].rung = p->rung[MP_FEAT_FAULTS].rung;
	for (unsigned f = 0; f < MP_FEAT_MAX; f++) {
		if (!p->rung[f].rung)
			continue;
		p->rung[f].why[0] = 0;
		p->rung[f].err = 0;
	}
}

/* Programs by feature and rung; a call's four are named by its system call. */
struct prog_row {
	uint8_t feature, rung;
	const char *name;
	const char *category, *event; /* tracepoints; without category a raw one */
};

#define CALL_ROWS(sc)                                                                          \
	{ MP_FEAT_CALLS, MP_RUNG_FENTRY, #sc "_fentry", NULL, NULL },                          \
		{ MP_FEAT_CALLS, MP_RUNG_FENTRY, #sc "_fexit", NULL, NULL },                   \
		{ MP_FEAT_CALLS, MP_RUNG_TRACEPOINT, #sc "_enter_tp", "syscalls",              \
		  "sys_enter_" #sc },                                                          \
	{                                                                                      \
		MP_FEAT_CALLS, MP_RUNG_TRACEPOINT, #sc "_exit_tp", "syscalls", "sys_exit_" #sc \
	}

static const struct prog_row progs[] = {
	{ MP_FEAT_FAULTS, MP_RUNG_TP_BTF, "pf_user_btf", NULL, NULL },
	{ MP_FEAT_FAULTS, MP_RUNG_TP_BTF, "pf_kernel_btf", NULL, NULL },
	{ MP_FEAT_FAULTS, MP_RUNG_TRACEPOINT, "pf_user_tp", "exceptions", "page_fault_user" },
	{ MP_FEAT_FAULTS, MP_RUNG_TRACEPOINT, "pf_kernel_tp", "exceptions", "page_fault_kernel" },
	{ MP_FEAT_FAULTS, MP_RUNG_PERF, "pf_perf", NULL, NULL },
	{ MP_FEAT_CALLS, MP_RUNG_TP_BTF, "sys_enter_btf", NULL, NULL },
	{ MP_FEAT_CALLS, MP_RUNG_TP_BTF, "sys_exit_btf", NULL, NULL },
	CALL_ROWS(mmap),
	CALL_ROWS(munmap),
	CALL_ROWS(mremap),
	CALL_ROWS(brk),
	CALL_ROWS(madvise),
	CALL_ROWS(process_madvise),
	CALL_ROWS(mprotect),
	CALL_ROWS(mlock),
	CALL_ROWS(mlock2),
	CALL_ROWS(mlockall),
	CALL_ROWS(shmat),
	CALL_ROWS(shmdt),
	CALL_ROWS(remap_file_pages),
	{ MP_FEAT_TASKS, MP_RUNG_TP_BTF, "fork_btf", NULL, NULL },
	{ MP_FEAT_TASKS, MP_RUNG_TP_BTF, "exec_btf", NULL, NULL },
	{ MP_FEAT_TASKS, MP_RUNG_TP_BTF, "exit_btf", NULL, NULL },
	{ MP_FEAT_TASKS, MP_RUNG_TRACEPOINT, "fork_tp", "sched", "sched_process_fork" },
	{ MP_FEAT_TASKS, MP_RUNG_TRACEPOINT, "exec_tp", "sched", "sched_process_exec" },
	{ MP_FEAT_TASKS, MP_RUNG_TRACEPOINT, "exit_tp", "sched", "sched_process_exit" },
	{ MP_FEAT_MAJORS, MP_RUNG_PERF, "pf_major", NULL, NULL },
	{ MP_FEAT_OOM, MP_RUNG_TRACEPOINT, "oom_victim", NULL, "mark_victim" },
};
#define N_PROGS (sizeof(progs) / sizeof(progs[0]))

/* By enum mp_uprobe: what is attached when a runtime is found. */
static const struct uprobe_row {
	uint8_t feature;
	bool at_return;
	const char *name;
} uprobes[MP_UP_MAX] = {
	[MP_UP_V8_LINE] = { MP_FEAT_HEAP_V8, false, "v8_gc_line" },
	[MP_UP_V8_BEGIN] = { MP_FEAT_HEAP_V8, false, "v8_gc_begin" },
	[MP_UP_V8_END] = { MP_FEAT_HEAP_V8, true, "v8_gc_end" },
	[MP_UP_V8_GONE] = { MP_FEAT_HEAP_V8, false, "v8_heap_gone" },
	[MP_UP_PY_START] = { MP_FEAT_HEAP_PYTHON, false, "py_gc_start" },
	[MP_UP_PY_DONE] = { MP_FEAT_HEAP_PYTHON, false, "py_gc_done" },
	[MP_UP_PY_ENTER] = { MP_FEAT_HEAP_PYTHON, false, "py_collect" },
	[MP_UP_PY_LEAVE] = { MP_FEAT_HEAP_PYTHON, true, "py_collected" },
	[MP_UP_RUBY_MARK_BEGIN] = { MP_FEAT_HEAP_RUBY, false, "ruby_mark_begin" },
	[MP_UP_RUBY_MARK_END] = { MP_FEAT_HEAP_RUBY, false, "ruby_mark_end" },
	[MP_UP_RUBY_SWEEP_BEGIN] = { MP_FEAT_HEAP_RUBY, false, "ruby_sweep_begin" },
	[MP_UP_RUBY_SWEEP_END] = { MP_FEAT_HEAP_RUBY, false, "ruby_sweep_end" },
	[MP_UP_GO_START] = { MP_FEAT_HEAP_GO, false, "go_gc_start" },
	[MP_UP_GO_LIVE] = { MP_FEAT_HEAP_GO, false, "go_gc_live" },
	[MP_UP_JVM_POOL_BEGIN] = { MP_FEAT_HEAP_JVM, false, "jvm_pool_begin" },
	[MP_UP_JVM_POOL_END] = { MP_FEAT_HEAP_JVM, false, "jvm_pool_end" },
	[MP_UP_JVM_PAUSE_BEGIN] = { MP_FEAT_HEAP_JVM, false, "jvm_pause_begin" },
	[MP_UP_JVM_PAUSE_END] = { MP_FEAT_HEAP_JVM, false, "jvm_pause_end" },
};

static bool chosen(const struct mp_probes *p, const struct prog_row *r)
{
	return p->rung[r->feature].rung == r->rung;
}

/* The type behind a function's first argument, modifiers skipped. */
static int first_arg_kind(const struct btf *btf, const char *func)
{
	int id = btf__find_by_name_kind(btf, func, BTF_KIND_FUNC);
	const struct btf_type *t;

	if (id < 0)
		return BTF_KIND_UNKN;
	t = btf__type_by_id(btf, btf__type_by_id(btf, (__u32)id)->type);
	if (!btf_vlen(t))
		return BTF_KIND_UNKN;
	t = btf__type_by_id(btf, btf_params(t)->type);
	while (btf_is_mod(t) || btf_is_ptr(t))
		t = btf__type_by_id(btf, t->type);
	return btf_kind(t);
}

/* The function that a typed program of a call hangs on, or NULL. */
static const char *fentry_function(const struct bpf_program *prog)
{
	const char *fn = strchr(bpf_program__section_name(prog), '/');

	return fn ? fn + 1 : NULL;
}

/* Whether a system call function's registers are a type that is only named
 * (call_regs() in bpf/call.bpf.h). */
static bool regs_hidden(struct mp_probes *p, const struct btf *btf)
{
	bool hidden = false;

	if (p->rung[MP_FEAT_CALLS].rung != MP_RUNG_FENTRY)
		return false;
	for (size_t i = 0; i < N_PROGS; i++) {
		struct bpf_program *prog =
			bpf_object__find_program_by_name(p->skel->obj, progs[i].name);

		if (prog && progs[i].rung == MP_RUNG_FENTRY)
			hidden |= first_arg_kind(btf, fentry_function(prog)) == BTF_KIND_FWD;
	}
	return hidden;
}

/* Up to 6.1 (bpf/core.bpf.h). */
static bool rss_is_split(const struct btf *btf)
{
	return btf__find_by_name_kind(btf, "mm_rss_stat", BTF_KIND_STRUCT) > 0;
}

/* exit_mmap is a typed tracepoint since 5.18; without it an mm's end is told by
 * the exit of its process. */
static bool use_exit_mmap(const struct mp_probes *p, const struct btf *btf)
{
	return p->rung[MP_FEAT_TASKS].rung == MP_RUNG_TP_BTF &&
	       btf__find_by_name_kind(btf, "btf_trace_exit_mmap", BTF_KIND_TYPEDEF) > 0;
}

/* What depends on the kernel's types and not on a rung. */
static int configure_kernel(struct mp_probes *p)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool exit_mmap;

	if (!btf)
		return -errno;
	exit_mmap = use_exit_mmap(p, btf);
	p->skel->rodata->cfg_have_exit_mmap = exit_mmap;
	p->skel->rodata->cfg_regs_hidden = regs_hidden(p, btf);
	bpf_program__set_autoload(p->skel->progs.exit_mmap_btf, exit_mmap);
	bpf_program__set_autoload(p->skel->progs.sum_rss, rss_is_split(btf));
	bpf_program__set_autoload(p->skel->progs.sum_counters, !rss_is_split(btf));
	btf__free(btf);
	return 0;
}

/* sample_gap() in bpf/stack.bpf.h has the formula. The gap that each CPU begins with
 * is drawn here, or the first fault of each would always be one of the sample. */
static void configure_sample(struct mp_probes *p)
{
	double theta = -1.0 / log1p(-1.0 / SAMPLE_PAGES);
	unsigned seed = (unsigned)mp_monotonic_ns();

	p->skel->rodata->cfg_sample = SAMPLE_PAGES;
	p->skel->rodata->cfg_gap_scale = (__u32)lround(theta * M_LN2 * 65536);
	for (int cpu = 0; cpu < MP_CPUS_MAX; cpu++) {
		double u = (rand_r(&seed) + 1.0) / (RAND_MAX + 1.0);

		p->skel->bss->shared.runs[cpu].left = 1 + (__u32)(-log(u) * theta);
	}
}

/* A system call that the kernel was built without (SysV's, without CONFIG_SYSVIPC)
 * cannot be made either: its programs are left out. */
static int configure_chosen(struct mp_probes *p)
{
	struct btf *btf = btf__load_vmlinux_btf();
	struct bpf_program *prog;
	int err = btf ? 0 : -errno;

	for (size_t i = 0; i < N_PROGS && !err; i++) {
		if (!chosen(p, &progs[i]))
			continue;
		prog = bpf_object__find_program_by_name(p->skel->obj, progs[i].name);
		if (!prog)
			err = -ENOENT;
		else if (progs[i].rung != MP_RUNG_FENTRY ||
			 btf__find_by_name_kind(btf, fentry_function(prog), BTF_KIND_FUNC) > 0)
			bpf_program__set_autoload(prog, true);
	}
	for (size_t u = 0; u < MP_UP_MAX && !err; u++) {
		prog = bpf_object__find_program_by_name(p->skel->obj, uprobes[u].name);
		if (!prog)
			err = -ENOENT;
		else if (p->rung[uprobes[u].feature].rung)
			bpf_program__set_autoload(prog, true);
		if (prog && p->multi)
			bpf_program__set_expected_attach_type(prog, UPROBE_MULTI_TYPE);
	}
	btf__free(btf);
	return err;
}

/* Room for targets, and for rules where there will be some. */
static int configure_targets(struct mp_probes *p, const struct mp_probes_opts *o)
{
	int err = 0;

	if (o->max_targets) {
		err = bpf_map__set_max_entries(p->skel->maps.targets, o->max_targets);
		if (!err)
			err = bpf_map__set_max_entries(p->skel->maps.watched, o->max_targets);
	}
	if (!o->rules || err)
		return err;
	p->skel->rodata->cfg_rules = 1;
	p->skel->rodata->cfg_groups_v2 = !rules_groups_v1();
	err = bpf_map__set_max_entries(p->skel->maps.rule_uids, MP_RULE_KEYS_MAX);
	if (!err)
		err = bpf_map__set_max_entries(p->skel->maps.rule_exes, MP_RULE_KEYS_MAX);
	return err ? err : bpf_map__set_max_entries(p->skel->maps.rule_groups, MP_RULE_KEYS_MAX);
}

static int configure(struct mp_probes *p, const struct mp_probes_opts *o)
{
	struct bpf_program *prog;
	int err;

	bpf_object__for_each_program(prog, p->skel->obj) bpf_program__set_autoload(prog, false);
	err = configure_chosen(p);
	if (err)
		return err;
	bpf_program__set_autoload(p->skel->progs.flush_runs, true);
	bpf_program__set_autoload(p->skel->progs.find_mm, true);
	bpf_program__set_autoload(p->skel->progs.learn_cpu, true);
	err = configure_kernel(p);
	if (err)
		return err;
	p->ncpu = libbpf_num_possible_cpus();
	if (p->ncpu < 1)
		p->ncpu = 1;
	p->skel->rodata->cfg_ncpu = (__u32)p->ncpu;
	p->skel->rodata->cfg_follow_forks = o->follow_forks;
	p->skel->rodata->cfg_uprobe_multi = p->multi;
	if (p->rung[MP_FEAT_STACKS].rung)
		configure_sample(p);
	bpf_program__set_autoload(p->skel->progs.forget_target, true);
	err = configure_targets(p, o);
	if (err)
		return err;
	if (o->rss_every_ns)
		p->skel->rodata->cfg_rss_every = o->rss_every_ns;
	if (o->stacks && bpf_map__set_max_entries(p->skel->maps.stacks, o->stacks))
		return -EINVAL;
	p->room_stacks = bpf_map__max_entries(p->skel->maps.stacks);
	if (o->ring_bytes) {
		p->skel->rodata->cfg_ring_wake = o->ring_bytes / 16;
		return bpf_map__set_max_entries(p->skel->maps.ring, o->ring_bytes);
	}
	return 0;
}

/* Runs a program on one CPU. -errno, or what the program returned. */
static int run_on_cpu(struct bpf_program *prog, int cpu)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .flags = BPF_F_TEST_RUN_ON_CPU, .cpu = (__u32)cpu);

	if (bpf_prog_test_run_opts(bpf_program__fd(prog), &o))
		return errno ? -errno : -EIO;
	return (int)o.retval;
}

static void learn_cpus(struct mp_probes *p)
{
	int known = 0;

	for (int cpu = 0; cpu < p->ncpu && cpu < MP_CPUS_MAX; cpu++)
		known += run_on_cpu(p->skel->progs.learn_cpu, cpu) == 0;
	p->shared->cpus_known = known > 0 && p->ncpu <= MP_CPUS_MAX;
}

/* --- attaching ------------------------------------------------------------------------- */

static int keep(struct mp_probes *p, struct bpf_link *l)
{
	if (!l)
		return errno ? -errno : -EIO;
	if (p->n_links == LINKS_MAX) {
		bpf_link__destroy(l);
		return -ENOSPC;
	}
	p->links[p->n_links++] = l;
	return 0;
}

/* A software event of page faults on every CPU; a CPU that is offline has none. */
static int attach_perf_faults(struct mp_probes *p, struct bpf_program *prog, __u64 which)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.size = sizeof(attr),
					.config = which,
					.sample_period = 1,
					.sample_type = PERF_SAMPLE_ADDR };
	int got = 0;

	for (int cpu = 0; cpu < p->ncpu; cpu++) {
		int fd =
			(int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
		int err;

		if (fd < 0 && errno == ENODEV)
			continue;
		if (fd < 0)
			return -errno;
		err = keep(p, bpf_program__attach_perf_event(prog, fd));
		if (err) {
			close(fd);
			return err;
		}
		got++;
	}
	return got ? 0 : -ENODEV;
}

static int attach_one(struct mp_probes *p, const struct prog_row *r)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(p->skel->obj, r->name);

	errno = 0;
	switch (r->rung) {
	case MP_RUNG_FENTRY:
		if (p->n_fentry < sizeof(p->fentry) / sizeof(p->fentry[0]))
			p->fentry[p->n_fentry++] = bpf_program__fd(prog);
		return keep(p, bpf_program__attach_trace(prog));
	case MP_RUNG_TP_BTF:
		return keep(p, bpf_program__attach_trace(prog));
	case MP_RUNG_TRACEPOINT:
		if (!r->category)
			return keep(p, bpf_program__attach_raw_tracepoint(prog, r->event));
		return keep(p, bpf_program__attach_tracepoint(prog, r->category, r->event));
	case MP_RUNG_PERF:
		return attach_perf_faults(p, prog,
					  r->feature == MP_FEAT_MAJORS
						  ? PERF_COUNT_SW_PAGE_FAULTS_MAJ
						  : PERF_COUNT_SW_PAGE_FAULTS);
	default:
		return -EOPNOTSUPP;
	}
}

/* What a session can do without: a system call that this kernel has not, majors, which take
 * a file descriptor on each CPU, and whom the kernel kills for memory. */
static int attach_optional(struct mp_probes *p, const struct prog_row *r)
{
	bool spare = r->feature == MP_FEAT_MAJORS || r->feature == MP_FEAT_OOM;
	struct mp_rung_result *rung = &p->rung[r->feature];
	struct bpf_program *prog = bpf_object__find_program_by_name(p->skel->obj, r->name);
	unsigned links = p->n_links;
	int err;

	if (!bpf_program__autoload(prog))
		return 0;
	err = attach_one(p, r);
	if (err == -ENOENT && r->feature == MP_FEAT_CALLS && r->rung == MP_RUNG_TRACEPOINT)
		return 0;
	if (!err || !spare)
		return err;
	while (p->n_links > links)
		bpf_link__destroy(p->links[--p->n_links]);
	*rung = (struct mp_rung_result){ .feature = r->feature, .err = err };
	snprintf(rung->why, sizeof(rung->why), "%s", strerror(-err));
	return 0;
}

static int attach_all(struct mp_probes *p, struct mp_diag *diag)
{
	int err = 0;

	for (size_t i = 0; i < N_PROGS && !err; i++) {
		if (!chosen(p, &progs[i]))
			continue;
		err = attach_optional(p, &progs[i]);
		if (err)
			mp_diag_fmt(diag->cause, "%s: %s", progs[i].name, strerror(-err));
	}
	if (!err && bpf_program__autoload(p->skel->progs.exit_mmap_btf))
		err = keep(p, bpf_program__attach_trace(p->skel->progs.exit_mmap_btf));
	if (err)
		mp_diag_set(diag, err, MP_EXIT_NOT_PERMITTED, "cannot attach the probes", NULL,
			    "memprof doctor  # says what this kernel allows");
	return err;
}

/* --- what comes through the ring ------------------------------------------------------- */

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

/* Nothing that sees faults or tasks: no point in going on without saying so. */
static int check_rungs(const struct mp_probes *p, struct mp_diag *diag)
{
	const char *caps = mp_caps_missing();
	const struct mp_rung_result *r = &p->rung[MP_FEAT_FAULTS];

	if (p->rung[MP_FEAT_FAULTS].rung && p->rung[MP_FEAT_TASKS].rung)
		return 0;
	if (r->rung)
		r = &p->rung[MP_FEAT_TASKS];
	if (*caps) {
		mp_diag_fmt(diag->cause, "this process lacks %s", caps);
		return mp_diag_set(
			diag, -EPERM, MP_EXIT_NOT_PERMITTED,
			"cannot load probes into the kernel: not permitted", NULL,
			"sudo memprof ...   or, polling /proc only: memprof --hooks none ...");
	}
	mp_diag_fmt(diag->cause, "%s: %s", mp_feature_name(r->feature), r->why);
	return mp_diag_set(diag, r->err ? r->err : -EOPNOTSUPP, MP_EXIT_NOT_PERMITTED,
			   "this kernel offers no hook for page faults or tasks as asked", NULL,
			   "memprof doctor   or, polling /proc only: memprof --hooks none ...");
}

static int check_btf(struct mp_diag *diag)
{
	if (mp_have_btf() || *mp_caps_missing())
		return 0;
	return mp_diag_set(diag, -ENOENT, MP_EXIT_NOT_PERMITTED,
			   "cannot load probes into the kernel",
			   "the kernel has no BTF type information (CONFIG_DEBUG_INFO_BTF, "
			   "/sys/kernel/btf/vmlinux)",
			   "use a kernel with BTF, or poll /proc only: memprof --hooks none ...");
}

/* Before Linux 5.11 maps are locked memory, whose limit libbpf raises where it may. */
static void refused(int err, struct mp_diag *diag)
{
	const char *fix = "memprof doctor   (MEMPROF_DEBUG_LIBBPF=1 shows the verifier's words)";
	struct rlimit locked;

	mp_diag_fmt(diag->cause, "loading: %s", strerror(-err));
	if (err == -EPERM && !mp_caps_has(MP_CAP_SYS_RESOURCE) &&
	    !getrlimit(RLIMIT_MEMLOCK, &locked) && locked.rlim_cur < 64u << 20) {
		mp_diag_fmt(diag->cause,
			    "before Linux 5.11 maps of probes are locked memory, of which %llu KiB are "
			    "allowed, and CAP_SYS_RESOURCE is missing",
			    (unsigned long long)locked.rlim_cur >> 10);
		fix = "ulimit -l unlimited   (as root; systemd: LimitMEMLOCK=infinity)";
	}
	mp_diag_set(diag, err, MP_EXIT_NOT_PERMITTED, "the kernel refuses the probes", NULL, fix);
}

int mp_probes_open(const struct mp_probes_opts *o, struct mp_probes **out, struct mp_diag *diag)
{
	LIBBPF_OPTS(bpf_object_open_opts, oo);
	struct mp_probes *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return mp_diag_set(diag, -ENOMEM, MP_EXIT_FAILURE, "out of memory", "", "");
	debug_libbpf = getenv("MEMPROF_DEBUG_LIBBPF") != NULL;
	libbpf_set_print(on_libbpf_print);
	err = check_btf(diag);
	if (err)
		goto fail;
	choose(p, &o->hooks);
	err = check_rungs(p, diag);
	if (err)
		goto fail;
	/* A type that this kernel does not have sends libbpf through the BTF of all
	 * modules, which needs CAP_SYS_ADMIN. Naming vmlinux's keeps it from there. */
	oo.btf_custom_path = mp_btf_path();
	p->skel = memprof_bpf__open_opts(&oo);
	err = p->skel ? configure(p, o) : -errno;
	if (!err)
		err = memprof_bpf__load(p->skel);
	if (err) {
		refused(err, diag);
		goto fail;
	}
	p->shared = &p->skel->bss->shared;
	learn_cpus(p);
	err = attach_all(p, diag);
	if (err)
		goto fail;
	p->rb = ring_buffer__new(bpf_map__fd(p->skel->maps.ring), on_record, p, NULL);
	if (!p->rb) {
		err = mp_diag_set(diag, -errno, MP_EXIT_FAILURE, "cannot map the ring", "", "");
		goto fail;
	}
	*out = p;
	return 0;
fail:
	mp_probes_close(p);
	return err;
}

void mp_probes_close(struct mp_probes *p)
{
	if (!p)
		return;
	/* Links first: a probe must not run into a ring that is going away. */
	while (p->n_links)
		bpf_link__destroy(p->links[--p->n_links]);
	while (p->n_hung--)
		if (!p->hung[p->n_hung].link)
			close(p->hung[p->n_hung].fd);
	ring_buffer__free(p->rb);
	memprof_bpf__destroy(p->skel);
	free(p->stack_id);
	free(p->sums);
	free(p);
}

const struct mp_rung_result *mp_probes_rung(const struct mp_probes *p, enum mp_feature f)
{
	return &p->rung[f];
}

/* --- targets ----------------------------------------------------------------------------- */

/* Runs an iterator over all tasks. */
static int run_iter(struct bpf_program *prog)
{
	struct bpf_link *link = bpf_program__attach_iter(prog, NULL);
	char buf[16];
	int fd, err = 0;

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0) {
		err = -errno;
	} else {
		while (read(fd, buf, sizeof(buf)) > 0)
			;
		close(fd);
	}
	bpf_link__destroy(link);
	return err;
}

int mp_probes_add(struct mp_probes *p, uint32_t tgid, uint32_t *mm)
{
	int err;

	p->shared->attach_found = 0;
	p->shared->attach_tgid = tgid;
	err = run_iter(p->skel->progs.find_mm);
	if (!err && !p->shared->attach_found)
		err = -ESRCH;
	if (!err)
		*mm = p->shared->attach_found;
	return err;
}

static uint64_t counted(const struct mp_target *t, int i)
{
	int64_t n = t->base[i] + t->held[i];

	return n > 0 ? (uint64_t)n : 0;
}

/* The targets whose sum is of this time, out of the map: one walk for all of them. */
static int read_sums(struct mp_probes *p)
{
	int fd = bpf_map__fd(p->skel->maps.targets), err = 0;
	uint64_t key, next, *from = NULL;
	struct mp_target t;

	p->n_sums = 0;
	while (!err && !bpf_map_get_next_key(fd, from, &next)) {
		key = next;
		from = &key;
		if (bpf_map_lookup_elem(fd, &key, &t) || t.sum_gen != p->shared->sum_gen)
			continue;
		err = mp_grow(&p->sums, &p->cap_sums, p->n_sums + 1, sizeof(*p->sums));
		if (!err)
			p->sums[p->n_sums++] = t;
	}
	return err;
}

bool mp_probes_sum_rss(struct mp_probes *p)
{
	LIBBPF_OPTS(bpf_test_run_opts, o);
	int err;

	p->shared->sum_gen++;
	if (bpf_program__autoload(p->skel->progs.sum_rss))
		err = run_iter(p->skel->progs.sum_rss);
	else if (p->shared->cpus_known)
		err = bpf_prog_test_run_opts(bpf_program__fd(p->skel->progs.sum_counters), &o);
	else
		return false;
	return !err && !read_sums(p);
}

bool mp_probes_rss(const struct mp_probes *p, uint32_t mm, struct mp_probes_rss *out)
{
	for (size_t i = 0; i < p->n_sums; i++) {
		const struct mp_target *t = &p->sums[i];

		if (t->id != mm)
			continue;
		*out = (struct mp_probes_rss){ .file = counted(t, 0),
					       .anon = counted(t, 1),
					       .swap = counted(t, 2),
					       .shmem = counted(t, 3),
					       .slack = t->slack };
		return true;
	}
	return false;
}

int mp_probes_add_at_exec(struct mp_probes *p, uint32_t tgid)
{
	struct mp_watch w = { 0 };

	return bpf_map_update_elem(bpf_map__fd(p->skel->maps.watched), &tgid, &w, BPF_ANY) ? -errno
											   : 0;
}

void mp_probes_forget(struct mp_probes *p, uint32_t tgid, uint32_t mm)
{
	LIBBPF_OPTS(bpf_test_run_opts, o);

	p->shared->attach_tgid = tgid;
	p->shared->attach_mm = mm;
	bpf_prog_test_run_opts(bpf_program__fd(p->skel->progs.forget_target), &o);
}

/* Every key of a map is put in, those that are left from before are taken out. */
static int fill_map(struct bpf_map *map, const void *keys, size_t key_size, const uint64_t *masks,
		    size_t n)
{
	int fd = bpf_map__fd(map);
	char key[sizeof(struct mp_rule_group)];

	while (!bpf_map_get_next_key(fd, NULL, key))
		if (bpf_map_delete_elem(fd, key))
			return -errno;
	for (size_t i = 0; i < n; i++)
		if (bpf_map_update_elem(fd, (const char *)keys + i * key_size, &masks[i], BPF_ANY))
			return errno == ENOSPC ? -E2BIG : -errno;
	return 0;
}

int mp_probes_set_rules(struct mp_probes *p, const struct mp_exec_rule *r, size_t n)
{
	struct rule_keys k;
	int err = rules_keys(r, n, &k);

	if (err) {
		rules_keys_free(&k);
		return err;
	}
	/* Who is taken meanwhile and should not have been is asked for again; who is missed
	 * is missed. */
	__atomic_store_n(&p->shared->rules_change, 1, __ATOMIC_SEQ_CST);
	err = fill_map(p->skel->maps.rule_uids, k.uids, sizeof(*k.uids), k.uid_masks, k.n_uids);
	if (!err)
		err = fill_map(p->skel->maps.rule_exes, k.exes, sizeof(*k.exes), k.exe_masks,
			       k.n_exes);
	if (!err)
		err = fill_map(p->skel->maps.rule_groups, k.groups, sizeof(*k.groups),
			       k.group_masks, k.n_groups);
	memcpy(p->shared->rules_any, k.any, sizeof(k.any));
	p->shared->rules = err ? 0 : k.all;
	__atomic_store_n(&p->shared->rules_change, 0, __ATOMIC_SEQ_CST);
	rules_keys_free(&k);
	return err;
}

static struct bpf_program *prog_of(const struct mp_probes *p, enum mp_uprobe u)
{
	return bpf_object__find_program_by_name(p->skel->obj, uprobes[u].name);
}

/* 0 when the feature of the program was chosen and its rung works here. */
static int may_attach(const struct mp_probes *p, enum mp_uprobe u)
{
	const struct mp_rung_result *r = &p->rung[uprobes[u].feature];

	if (p->removed[u])
		return -ECANCELED;
	if (r->rung)
		return 0;
	return r->err ? r->err : -EOPNOTSUPP;
}

/* The kernel takes a path: this one means the open file, wherever that lies by now. */
static void path_of(char path[40], int file)
{
	snprintf(path, 40, "/proc/self/fd/%d", file);
}

/*
 * The kernel hangs a probe on the file below an overlay, so two containers of one image have
 * one file under two devices. What both show of it is the same: inode, size and time of the
 * layer's file.
 */
static int where_of(struct hung *h, enum mp_uprobe u, int file, uint64_t offset)
{
	struct statfs fs;
	struct stat st;

	if (fstat(file, &st) || fstatfs(file, &fs))
		return -errno;
	*h = (struct hung){ .dev = st.st_dev, .ino = st.st_ino, .offset = offset, .u = u };
	if (fs.f_type != OVERLAYFS_SUPER_MAGIC)
		return 0;
	h->dev = 0;
	h->size = (uint64_t)st.st_size;
	h->mtime = (uint64_t)st.st_mtim.tv_sec * 1000000000ULL + (uint64_t)st.st_mtim.tv_nsec;
	return 0;
}

static bool hangs(const struct mp_probes *p, const struct hung *h)
{
	for (unsigned i = 0; i < p->n_hung; i++) {
		const struct hung *o = &p->hung[i];

		if (o->dev == h->dev && o->ino == h->ino && o->size == h->size &&
		    o->mtime == h->mtime && o->offset == h->offset && o->u == h->u)
			return true;
	}
	return false;
}

unsigned mp_probes_hung(const struct mp_probes *p)
{
	return p->n_hung;
}

/* Of what keep() said: it is there from now on. */
static int hang(struct mp_probes *p, const struct hung *h, int err)
{
	if (!err && p->n_hung < LINKS_MAX) {
		p->hung[p->n_hung] = *h;
		p->hung[p->n_hung++].link = p->links[p->n_links - 1];
	}
	return err;
}

/* ... and by one link on all of its places. */
static int hang_multi(struct mp_probes *p, struct hung *h, const char *path,
		      const struct uprobe_place *at, size_t n)
{
	if (p->n_hung == LINKS_MAX)
		return -ENOSPC;
	h->fd = uprobe_multi_link(bpf_program__fd(prog_of(p, h->u)), path, uprobes[h->u].at_return,
				  at, n);
	if (h->fd < 0)
		return h->fd;
	p->hung[p->n_hung++] = *h;
	return 0;
}

int mp_probes_add_uprobe(struct mp_probes *p, enum mp_uprobe u, int file, uint64_t offset)
{
	const struct uprobe_place at = { .offset = offset };
	int err = may_attach(p, u);
	struct hung h;
	char path[40];

	if (!err)
		err = where_of(&h, u, file, offset);
	if (err || hangs(p, &h))
		return err;
	path_of(path, file);
	if (p->multi)
		return hang_multi(p, &h, path, &at, 1);
	errno = 0;
	err = keep(p, bpf_program__attach_uprobe(prog_of(p, u), uprobes[u].at_return, -1, path,
						 offset));
	return hang(p, &h, err);
}

/* The number of a way to find arguments in the map: those of equal text share it. */
static int spec_of(struct mp_probes *p, const char *args)
{
	struct mp_usdt_spec spec;
	unsigned i = 0;

	usdt_args_parse(args, &spec);
	while (i < p->n_specs && memcmp(&p->specs[i], &spec, sizeof(spec)))
		i++;
	if (i < p->n_specs)
		return (int)i;
	if (i == MP_USDT_SPECS)
		return -ENOSPC;
	if (bpf_map_update_elem(bpf_map__fd(p->skel->maps.usdt_specs), &i, &spec, BPF_ANY))
		return -errno;
	p->specs[p->n_specs++] = spec;
	return (int)i;
}

/* The places of a probe in a file. Their number or -errno. */
static int usdt_places(struct mp_probes *p, int file, const char *provider, const char *name,
		       struct uprobe_place *at, size_t max)
{
	struct mp_usdt_site *site = calloc(max, sizeof(*site));
	struct mp_elf *e = NULL;
	int n = site ? mp_elf_open(file, &e) : -ENOMEM, id = 0;

	if (!n)
		n = mp_elf_usdt(e, provider, name, site, max);
	for (int i = 0; i < n && id >= 0; i++) {
		id = spec_of(p, site[i].args);
		at[i] = (struct uprobe_place){ .offset = site[i].offset,
					       .semaphore = site[i].semaphore,
					       .cookie = (uint64_t)id };
	}
	mp_elf_close(e);
	free(site);
	return id < 0 ? id : n;
}

int mp_probes_add_usdt(struct mp_probes *p, enum mp_uprobe u, int file, const char *provider,
		       const char *name)
{
	struct uprobe_place at[USDT_PLACES];
	int err = may_attach(p, u), n;
	struct hung h;
	char path[40];

	if (!err)
		err = where_of(&h, u, file, UINT64_MAX);
	if (err || hangs(p, &h))
		return err;
	path_of(path, file);
	if (p->multi) {
		n = usdt_places(p, file, provider, name, at, USDT_PLACES);
		return n < 0 ? n : hang_multi(p, &h, path, at, (size_t)n);
	}
	errno = 0;
	err = keep(p, bpf_program__attach_usdt(prog_of(p, u), -1, path, provider, name, NULL));
	return hang(p, &h, err);
}

static void unlink_probe(struct mp_probes *p, struct bpf_link *link)
{
	for (unsigned i = 0; i < p->n_links; i++) {
		if (p->links[i] != link)
			continue;
		p->links[i] = p->links[--p->n_links];
		bpf_link__destroy(link);
		return;
	}
}

void mp_probes_remove_uprobe(struct mp_probes *p, enum mp_uprobe u)
{
	unsigned n = 0;

	p->removed[u] = true;
	for (unsigned i = 0; i < p->n_hung; i++) {
		if (p->hung[i].u == u && p->hung[i].link)
			unlink_probe(p, p->hung[i].link);
		else if (p->hung[i].u == u)
			close(p->hung[i].fd);
		else
			p->hung[n++] = p->hung[i];
	}
	p->n_hung = n;
}

int mp_probes_jvm_cause(struct mp_probes *p, uint32_t tgid, uint64_t addr)
{
	int fd = bpf_map__fd(p->skel->maps.jvm_causes);

	return bpf_map_update_elem(fd, &tgid, &addr, BPF_ANY) ? -errno : 0;
}

/* --- the ring ------------------------------------------------------------------------------ */

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
			if (run_on_cpu(p->skel->progs.flush_runs, cpu) != 1)
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
