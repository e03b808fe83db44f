/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ladder.c - which rungs this kernel and these rights allow.
 *
 * Each rung is tried for real with a program of two instructions: loaded and
 * attached, then taken down. A kernel that has the types but refuses the load
 * (fentry under some configurations answers EPERM even to root), or loads but
 * will not attach, shows here and not in the middle of a session.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "user/live/probes.h"
#include "user/live/rights.h"
#include "user/live/uprobes.h"
#include "user/model/model.h"

/* return 0 */
static const struct bpf_insn nothing[] = {
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
	{ .code = BPF_JMP | BPF_EXIT },
};
#define N_INSNS (sizeof(nothing) / sizeof(nothing[0]))

static int try_btf_hook(const struct btf *btf, enum bpf_attach_type type, const char *name)
{
	LIBBPF_OPTS(bpf_prog_load_opts, o, .expected_attach_type = type);
	char typedef_name[96];
	int id, fd, link;

	if (!btf)
		return -ENOENT;
	if (type == BPF_TRACE_RAW_TP) {
		snprintf(typedef_name, sizeof(typedef_name), "btf_trace_%s", name);
		id = btf__find_by_name_kind(btf, typedef_name, BTF_KIND_TYPEDEF);
	} else {
		id = btf__find_by_name_kind(btf, name, BTF_KIND_FUNC);
	}
	if (id < 0)
		return -ENOENT;
	o.attach_btf_id = (__u32)id;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, NULL, "GPL", nothing, N_INSNS, &o);
	if (fd < 0)
		return -errno;
	link = bpf_raw_tracepoint_open(NULL, fd);
	id = link < 0 ? -errno : 0;
	if (link >= 0)
		close(link);
	close(fd);
	return id;
}

static int perf_open(struct perf_event_attr *attr)
{
	int fd = (int)syscall(SYS_perf_event_open, attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int attach_perf(int perf, enum bpf_prog_type type)
{
	int prog, err = 0;

	if (perf < 0)
		return perf;
	prog = bpf_prog_load(type, NULL, "GPL", nothing, N_INSNS, NULL);
	if (prog < 0)
		err = -errno;
	else if (ioctl(perf, PERF_EVENT_IOC_SET_BPF, prog))
		err = -errno;
	if (prog >= 0)
		close(prog);
	close(perf);
	return err;
}

static int try_tracepoint(const char *category, const char *name)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr) };
	char path[160];
	FILE *f;
	int id;

	snprintf(path, sizeof(path), "%s/events/%s/%s/id", mp_tracefs(), category, name);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	if (fscanf(f, "%d", &id) != 1)
		id = -1;
	fclose(f);
	if (id < 0)
		return -EIO;
	attr.config = (__u64)id;
	attr.sample_period = 1;
	return attach_perf(perf_open(&attr), BPF_PROG_TYPE_TRACEPOINT);
}

/* Needs no tracefs. */
static int try_raw_tracepoint(const char *name)
{
	int prog = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, NULL, "GPL", nothing, N_INSNS, NULL);
	int link, err;

	if (prog < 0)
		return -errno;
	link = bpf_raw_tracepoint_open(name, prog);
	err = link < 0 ? -errno : 0;
	if (link >= 0)
		close(link);
	close(prog);
	return err;
}

static int try_perf_faults(__u64 which)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.size = sizeof(attr),
					.config = which,
					.sample_period = 1,
					.sample_type = PERF_SAMPLE_ADDR };

	return attach_perf(perf_open(&attr), BPF_PROG_TYPE_PERF_EVENT);
}

static int try_perf_uprobe(void)
{
	struct perf_event_attr attr = { .size = sizeof(attr) };
	FILE *f = fopen("/sys/bus/event_source/devices/uprobe/type", "re");
	int type;

	if (!f)
		return -errno;
	if (fscanf(f, "%d", &type) != 1)
		type = -1;
	fclose(f);
	if (type < 0)
		return -EIO;
	attr.type = (__u32)type;
	attr.config1 = (__u64)(uintptr_t) "/proc/self/exe"; /* uprobe_path; offset 0 is never run */
	return attach_perf(perf_open(&attr), BPF_PROG_TYPE_KPROBE);
}

/* By a link where the kernel has them: it takes fewer rights. */
static int try_uprobe(void)
{
	return uprobe_multi_try() ? try_perf_uprobe() : 0;
}

/*
 * From Linux 5.15 on a program can ask which of its places it was hit at (BPF cookies). Without
 * that libbpf tells them apart by address, and so hangs a USDT on nothing that may be mapped
 * anywhere: no library, no position-independent program. To be asked where uprobes work.
 */
static bool have_cookies(void)
{
	static const struct bpf_insn ask[] = {
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_attach_cookie },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "GPL", ask, 2, NULL);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int try_usdt_of_library(void)
{
	int err = try_uprobe();

	return err ? err : have_cookies() ? 0 : -ENOTSUP;
}

#if defined(__aarch64__)
#define SYS_MMAP_FN "__arm64_sys_mmap"
#else
#define SYS_MMAP_FN "__x64_sys_mmap"
#endif

struct rung_row {
	uint8_t feature, rung;
};

/* In order of preference. Typed tracepoints first for faults and tasks; for
 * calls fentry, which costs other processes nothing. */
static const struct rung_row rows[] = {
	{ MP_FEAT_FAULTS, MP_RUNG_TP_BTF },	 { MP_FEAT_FAULTS, MP_RUNG_TRACEPOINT },
	{ MP_FEAT_FAULTS, MP_RUNG_PERF },	 { MP_FEAT_CALLS, MP_RUNG_FENTRY },
	{ MP_FEAT_CALLS, MP_RUNG_TP_BTF },	 { MP_FEAT_CALLS, MP_RUNG_TRACEPOINT },
	{ MP_FEAT_TASKS, MP_RUNG_TP_BTF },	 { MP_FEAT_TASKS, MP_RUNG_TRACEPOINT },
	{ MP_FEAT_MAJORS, MP_RUNG_PERF },	 { MP_FEAT_OOM, MP_RUNG_TRACEPOINT },
	{ MP_FEAT_HEAP_V8, MP_RUNG_UPROBE },	 { MP_FEAT_HEAP_GO, MP_RUNG_UPROBE },
	{ MP_FEAT_HEAP_JVM, MP_RUNG_USDT },	 { MP_FEAT_HEAP_PYTHON, MP_RUNG_USDT },
	{ MP_FEAT_HEAP_PYTHON, MP_RUNG_UPROBE }, { MP_FEAT_HEAP_RUBY, MP_RUNG_USDT },
};

static int try_rung(const struct btf *btf, const struct rung_row *r)
{
	switch (r->feature << 8 | r->rung) {
	case MP_FEAT_FAULTS << 8 | MP_RUNG_TP_BTF:
		return try_btf_hook(btf, BPF_TRACE_RAW_TP, "page_fault_user");
	case MP_FEAT_FAULTS << 8 | MP_RUNG_TRACEPOINT:
		return try_tracepoint("exceptions", "page_fault_user");
	case MP_FEAT_FAULTS << 8 | MP_RUNG_PERF:
		return try_perf_faults(PERF_COUNT_SW_PAGE_FAULTS);
	case MP_FEAT_MAJORS << 8 | MP_RUNG_PERF:
		return try_perf_faults(PERF_COUNT_SW_PAGE_FAULTS_MAJ);
	case MP_FEAT_CALLS << 8 | MP_RUNG_FENTRY:
		return try_btf_hook(btf, BPF_TRACE_FENTRY, SYS_MMAP_FN);
	case MP_FEAT_CALLS << 8 | MP_RUNG_TP_BTF:
		return try_btf_hook(btf, BPF_TRACE_RAW_TP, "sys_enter");
	case MP_FEAT_CALLS << 8 | MP_RUNG_TRACEPOINT:
		return try_tracepoint("syscalls", "sys_enter_mmap");
	case MP_FEAT_TASKS << 8 | MP_RUNG_TP_BTF:
		return try_btf_hook(btf, BPF_TRACE_RAW_TP, "sched_process_exec");
	case MP_FEAT_TASKS << 8 | MP_RUNG_TRACEPOINT:
		return try_tracepoint("sched", "sched_process_exec");
	case MP_FEAT_OOM << 8 | MP_RUNG_TRACEPOINT:
		return try_raw_tracepoint("mark_victim");
	case MP_FEAT_HEAP_V8 << 8 | MP_RUNG_UPROBE:
	case MP_FEAT_HEAP_GO << 8 | MP_RUNG_UPROBE:
	case MP_FEAT_HEAP_PYTHON << 8 | MP_RUNG_USDT: /* a uprobe where a note says */
	case MP_FEAT_HEAP_PYTHON << 8 | MP_RUNG_UPROBE:
	case MP_FEAT_HEAP_RUBY << 8 | MP_RUNG_USDT:
		return try_uprobe();
	case MP_FEAT_HEAP_JVM << 8 | MP_RUNG_USDT: /* always in libjvm.so */
		return try_usdt_of_library();
	default:
		return -EOPNOTSUPP;
	}
}

/* libbpf's own guesses (raise the memory lock limit) are wrong where the kernel
 * lacks the feature: say what is missing instead; and of what works, where it does not. */
static void explain(struct mp_rung_result *r)
{
	bool tracefs = r->rung == MP_RUNG_TRACEPOINT && r->feature != MP_FEAT_OOM;
	const char *caps = mp_caps_missing();

	if (!r->err) {
		if (r->rung == MP_RUNG_USDT && !have_cookies())
			snprintf(r->why, sizeof(r->why),
				 "only in programs linked to a fixed address: libraries need Linux "
				 "5.15");
		return;
	}
	if (*caps && (r->err == -EPERM || r->err == -EACCES))
		snprintf(r->why, sizeof(r->why), "missing right: %.70s", caps);
	else if (!mp_have_btf() && (r->rung == MP_RUNG_TP_BTF || r->rung == MP_RUNG_FENTRY))
		snprintf(r->why, sizeof(r->why), "the kernel has no BTF (CONFIG_DEBUG_INFO_BTF)");
	else if (tracefs && mp_tracefs_closed())
		snprintf(
			r->why, sizeof(r->why),
			"missing right: CAP_DAC_READ_SEARCH, as tracefs is open to its owner only");
	else if (tracefs && !mp_have_tracefs())
		snprintf(r->why, sizeof(r->why),
			 "tracefs is not mounted: mount -t tracefs nodev /sys/kernel/tracing");
	else if ((tracefs || r->rung == MP_RUNG_PERF) && r->err == -EACCES &&
		 mp_perf_paranoid() > 2)
		snprintf(r->why, sizeof(r->why),
			 "missing right: CAP_SYS_ADMIN, or sysctl kernel.perf_event_paranoid=2");
	else if ((r->rung == MP_RUNG_UPROBE || r->rung == MP_RUNG_USDT) && r->err == -EACCES)
		snprintf(r->why, sizeof(r->why),
			 "missing right: CAP_SYS_ADMIN, which uprobes need before Linux 6.6");
	else if (r->rung == MP_RUNG_USDT && r->err == -ENOTSUP)
		snprintf(r->why, sizeof(r->why),
			 "probes in libraries need BPF cookies, which came with Linux 5.15");
	else if (r->rung == MP_RUNG_FENTRY && r->err == -EPERM)
		snprintf(r->why, sizeof(r->why),
			 "this kernel refuses fentry programs, even to root");
	else if (r->rung == MP_RUNG_FENTRY)
		snprintf(r->why, sizeof(r->why), "no BPF trampolines on system calls: %s",
			 strerror(-r->err));
	else
		snprintf(r->why, sizeof(r->why), "%s", strerror(-r->err));
}

size_t mp_ladder_try(struct mp_rung_result *out, size_t max)
{
	/* 5 MB that take longer to read than all rungs to try: once for all of them */
	struct btf *vmlinux = mp_have_btf() ? btf__load_vmlinux_btf() : NULL;
	size_t n = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && n < max; i++, n++) {
		bool btf = rows[i].rung == MP_RUNG_TP_BTF || rows[i].rung == MP_RUNG_FENTRY;

		out[n] =
			(struct mp_rung_result){ .feature = rows[i].feature, .rung = rows[i].rung };
		out[n].err = btf && !mp_have_btf() ? -ENOENT : try_rung(vmlinux, &rows[i]);
		explain(&out[n]);
	}
	btf__free(vmlinux);
	return n;
}
