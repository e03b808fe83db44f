/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * probes.c - see probes.h. Phases as in libbpf: open, choose, configure, load,
 * attach. Teardown runs backwards and may be called on a half-built object.
 */
#include "user/live/probes.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "bpf/shared.h"
#include "bpf/memprof.skel.h" /* made in the build folder */
#include "user/live/rights.h"
#include "user/model/model.h"
#include "user/util/util.h"

#define LINKS_MAX    (64 + 2 * MP_CPUS_MAX)
#define RUNGS_MAX    32
#define SAMPLE_PAGES 128 /* one fault in so many has its stack taken */

struct mp_probes {
	struct memprof_bpf *skel;
	struct ring_buffer *rb;
	struct bpf_link *links[LINKS_MAX];
	unsigned n_links;
	struct mp_rung_result rung[MP_FEAT_MAX];
	struct mp_shared *shared; /* the mapped .bss */
	int fentry[32];		  /* programs that the kernel may skip */
	unsigned n_fentry;
	struct mp_target *sums; /* of mp_probes_sum_rss() */
	size_t n_sums, cap_sums;
	int ncpu;
	uint32_t *stack_id; /* by the kernel side's id: ours, from 1 without gaps */
	size_t cap_stacks;
	uint32_t n_stacks;
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

/* --- --hooks ------------------------------------------------------------------------ */

static unsigned rung_by_name(const char *s)
{
	for (unsigned r = 1; r < MP_RUNG_MAX; r++)
		if (!strcmp(s, mp_rung_name(r)))
			return r;
	return 0;
}

static unsigned feature_by_name(const char *s)
{
	for (unsigned f = 1; f < MP_FEAT_MAX; f++)
		if (!strcmp(s, mp_feature_name(f)))
			return f;
	return 0;
}

/* One word of the list. The first FEATURE=RUNG of a feature drops its default;
 * a bare RUNG drops the default of all. */
static int parse_word(char *word, struct mp_hooks *h, bool set[MP_FEAT_MAX], bool *all)
{
	char *eq = strchr(word, '=');
	unsigned f, r;

	if (!eq) {
		r = rung_by_name(word);
		if (!r)
			return -EINVAL;
		if (!*all)
			for (f = 1; f < MP_FEAT_MAX; f++)
				if (!set[f])
					h->allow[f] = 0;
		*all = true;
		for (f = 1; f < MP_FEAT_MAX; f++)
			if (!set[f])
				h->allow[f] |= 1u << r;
		return 0;
	}
	*eq = 0;
	f = feature_by_name(word);
	r = rung_by_name(eq + 1);
	if (!f || (!r && strcmp(eq + 1, "off"))) {
		*eq = '=';
		return -EINVAL;
	}
	if (!set[f])
		h->allow[f] = 0;
	set[f] = true;
	if (r)
		h->allow[f] |= 1u << r;
	return 0;
}

int mp_hooks_parse(const char *s, struct mp_hooks *h, struct mp_diag *diag)
{
	char buf[256], *save = NULL;
	bool set[MP_FEAT_MAX] = { 0 }, all = false;

	for (unsigned f = 0; f < MP_FEAT_MAX; f++)
		h->allow[f] = ~0u;
	h->none = s && !strcmp(s, "none");
	if (!s || !*s || !strcmp(s, "auto") || h->none)
		return 0;
	if (strlen(s) >= sizeof(buf))
		return mp_diag_set(diag, -EINVAL, MP_EXIT_USAGE, "--hooks: too long", "", "");
	strcpy(buf, s);
	for (char *w = strtok_r(buf, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		if (!parse_word(w, h, set, &all))
			continue;
		mp_diag_fmt(diag->what, "--hooks: '%.60s' is not understood", w);
		return mp_diag_set(
			diag, -EINVAL, MP_EXIT_USAGE, NULL,
			"it takes auto, none, or a list of RUNG, FEATURE=RUNG, FEATURE=off",
			"memprof doctor  # lists features and rungs");
	}
	return 0;
}

/* --- choosing ------------------------------------------------------------------------- */

static void choose(struct mp_probes *p, const struct mp_hooks *h)
{
	struct mp_rung_result all[RUNGS_MAX];
	size_t n = mp_ladder_try(all, RUNGS_MAX);

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
	const char *category, *event; /* classic tracepoints */
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
	{ MP_FEAT_HEAP_V8, MP_RUNG_UPROBE, "v8_gc_line", NULL, NULL },
};
#define N_PROGS (sizeof(progs) / sizeof(progs[0]))

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
	btf__free(btf);
	return err;
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
	if (p->rung[MP_FEAT_STACKS].rung)
		configure_sample(p);
	if (o->rss_every_ns)
		p->skel->rodata->cfg_rss_every = o->rss_every_ns;
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
		return keep(p, bpf_program__attach_tracepoint(prog, r->category, r->event));
	case MP_RUNG_PERF:
		return attach_perf_faults(p, prog,
					  r->feature == MP_FEAT_MAJORS
						  ? PERF_COUNT_SW_PAGE_FAULTS_MAJ
						  : PERF_COUNT_SW_PAGE_FAULTS);
	default: /* uprobes are attached when a runtime is found */
		return 0;
	}
}

/* What a session can do without: a system call that this kernel has not, and majors,
 * which take a file descriptor on each CPU. */
static int attach_optional(struct mp_probes *p, const struct prog_row *r)
{
	struct mp_rung_result *majors = &p->rung[MP_FEAT_MAJORS];
	struct bpf_program *prog = bpf_object__find_program_by_name(p->skel->obj, r->name);
	unsigned links = p->n_links;
	int err;

	if (!bpf_program__autoload(prog))
		return 0;
	err = attach_one(p, r);
	if (err == -ENOENT && r->feature == MP_FEAT_CALLS && r->rung == MP_RUNG_TRACEPOINT)
		return 0;
	if (!err || r->feature != MP_FEAT_MAJORS)
		return err;
	while (p->n_links > links)
		bpf_link__destroy(p->links[--p->n_links]);
	*majors = (struct mp_rung_result){ .feature = MP_FEAT_MAJORS, .err = err };
	snprintf(majors->why, sizeof(majors->why), "%s", strerror(-err));
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
	struct mp_event e = { .ts = r->ts, .type = MP_EV_STACK };
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
		mp_diag_fmt(diag->cause, "loading: %s", strerror(-err));
		mp_diag_set(diag, err, MP_EXIT_NOT_PERMITTED, "the kernel refuses the probes", NULL,
			    "memprof doctor   (MEMPROF_DEBUG_LIBBPF=1 shows the verifier's words)");
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

int mp_probes_add_v8(struct mp_probes *p, const char *path, uint64_t offset)
{
	if (p->rung[MP_FEAT_HEAP_V8].rung != MP_RUNG_UPROBE)
		return p->rung[MP_FEAT_HEAP_V8].err ? p->rung[MP_FEAT_HEAP_V8].err : -EOPNOTSUPP;
	errno = 0;
	return keep(p,
		    bpf_program__attach_uprobe(p->skel->progs.v8_gc_line, false, -1, path, offset));
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
