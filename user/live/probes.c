/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * probes.c - the kernel side opened and closed: see probes.h. Phases as in libbpf: open,
 * choose, configure, load, attach. Teardown runs backwards and may be called on a half-built
 * object.
 *
 * Owns: the BPF object, which rung each feature gets. Must not: know a rung's programs
 * (probes_rungs.c) or a runtime's (probes_hang.c), read the ring.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "user/live/probes_int.h"
#include "user/live/rights.h"
#include "user/live/rules.h"
#include "user/live/uprobes.h"
#include "user/model/model.h"
#include "user/util/util.h"

#define RUNGS_MAX    32
#define SAMPLE_PAGES 128 /* one fault in so many has its stack taken */

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

/* --- configuring ------------------------------------------------------------------------ */

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
	p->skel->rodata->cfg_regs_hidden = probes_regs_hidden(p, btf);
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
	err = probes_rungs_configure(p);
	if (!err)
		err = probes_hang_configure(p);
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

int probes_run_on_cpu(struct bpf_program *prog, int cpu)
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
		known += probes_run_on_cpu(p->skel->progs.learn_cpu, cpu) == 0;
	p->shared->cpus_known = known > 0 && p->ncpu <= MP_CPUS_MAX;
}

/* --- opening and closing ------------------------------------------------------------------ */

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
	err = probes_rungs_attach(p, diag);
	if (err)
		goto fail;
	err = probes_ring_open(p);
	if (err) {
		mp_diag_set(diag, err, MP_EXIT_FAILURE, "cannot map the ring", "", "");
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
	probes_hang_close(p);
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
