/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * probes_rungs.c - the programs behind each rung of the kernel side: see probes.h.
 *
 * Owns: which programs a rung has, where they are attached, the links. Must not: choose rungs,
 * load.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "user/live/probes_int.h"

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

bool probes_regs_hidden(struct mp_probes *p, const struct btf *btf)
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

/* A system call that the kernel was built without (SysV's, without CONFIG_SYSVIPC)
 * cannot be made either: its programs are left out. */
int probes_rungs_configure(struct mp_probes *p)
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

/* --- attaching ------------------------------------------------------------------------- */

int probes_keep(struct mp_probes *p, struct bpf_link *l)
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
		err = probes_keep(p, bpf_program__attach_perf_event(prog, fd));
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
		return probes_keep(p, bpf_program__attach_trace(prog));
	case MP_RUNG_TP_BTF:
		return probes_keep(p, bpf_program__attach_trace(prog));
	case MP_RUNG_TRACEPOINT:
		if (!r->category)
			return probes_keep(p, bpf_program__attach_raw_tracepoint(prog, r->event));
		return probes_keep(p, bpf_program__attach_tracepoint(prog, r->category, r->event));
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

int probes_rungs_attach(struct mp_probes *p, struct mp_diag *diag)
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
		err = probes_keep(p, bpf_program__attach_trace(p->skel->progs.exit_mmap_btf));
	if (err)
		mp_diag_set(diag, err, MP_EXIT_NOT_PERMITTED, "cannot attach the probes", NULL,
			    "memprof doctor  # says what this kernel allows");
	return err;
}
