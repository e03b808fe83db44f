/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rules_limit.c - classes in which a limit is part of the story: of a control group, of
 * the heap, of the machine.
 */
#include "user/diagnose/rules.h"

/* What the group is charged for, and of that beside this process, by the last look. */
static void group_rows(struct dx_ctx *c, struct mp_finding *f)
{
	static const struct {
		enum dx_col charged, own;
		const char *what;
	} parts[] = {
		{ C_CG_SHMEM, C_RSSSHMEM,
		  "shared memory and tmpfs charged, in no page table of it" },
		{ C_CG_KERNEL, C_N, "charged for the kernel: pipes, sockets, slab, page tables" },
		{ C_CG_ANON, C_ANON, "anonymous memory of other processes" },
		{ C_CG_DIRTY, C_N, "files dirty or being written" },
	};
	uint64_t ts = dx_ts(c, c->s->t[c->end - 1]);

	dx_row(f, "charged, by the last look", MP_DX_BYTES, dx_last(c, C_CHARGED), ts);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		double v = dx_last(c, parts[i].charged);

		v -= parts[i].own == C_N ? 0 : dx_last(c, parts[i].own);
		if (v > 0)
			dx_row(f, parts[i].what, MP_DX_BYTES, v, ts);
	}
}

static void killed_row(struct dx_ctx *c, struct mp_finding *f)
{
	const struct mp_oom *o = &c->p->oom;

	if (!o->ts)
		return;
	dx_row(f, "RssAnon when the kernel killed it", MP_DX_BYTES, (double)o->anon * MP_PAGE_SIZE,
	       o->ts);
	dx_row(f, "RssShmem then", MP_DX_BYTES, (double)o->shmem * MP_PAGE_SIZE, o->ts);
}

static void outside_rows(struct dx_ctx *c, struct mp_finding *f)
{
	killed_row(c, f);
	group_rows(c, f);
}

static void sum_rows(struct dx_ctx *c, struct mp_finding *f)
{
	static const enum dx_fact parts[] = { F_HEAP_MAX, F_BESIDE_HEAP, F_BESIDE_PROCESS,
					      F_MISFIT_FILL };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		dx_row(f, dx_fact_what(parts[i]), dx_fact_unit(parts[i]), dx_fact(c, parts[i])->v,
		       MP_UNKNOWN);
	killed_row(c, f);
}

static void cache_rows(struct dx_ctx *c, struct mp_finding *f)
{
	uint64_t ts = dx_ts(c, c->s->t[c->end - 1]);

	dx_row(f, "of it inactive: no working set to Kubernetes", MP_DX_BYTES,
	       dx_last(c, C_CG_INACTIVE), ts);
	dx_row(f, "of it active: in Kubernetes' working set", MP_DX_BYTES, dx_last(c, C_CG_ACTIVE),
	       ts);
	dx_row(f, "RssAnon", MP_DX_BYTES, dx_last(c, C_ANON), ts);
}

static void thrash_rows(struct dx_ctx *c, struct mp_finding *f)
{
	uint64_t ts = dx_ts(c, c->s->t[c->end - 1]);

	dx_row(f, "charged, by the last look", MP_DX_BYTES, dx_last(c, C_CHARGED), ts);
	dx_row(f, "limit of the control group", MP_DX_BYTES, dx_fact(c, F_GROUP_LIMIT)->v, ts);
	dx_row(f, "RssFile", MP_DX_BYTES, dx_last(c, C_RSSFILE), ts);
	dx_row(f, "RssAnon", MP_DX_BYTES, dx_last(c, C_ANON), ts);
}

static const struct dx_rule list[] = {
	{
		.cls = "limit-misfit",
		.title = "the heap's limit does not fit into the control group's",
		.level = MP_DX_WARN,
		.confidence = 0.8,
		.conds = {
			{ F_GROUP_LIMIT, DX_GT, T_ONE, F_ZERO, DX_GATE },
			{ F_HEAP_USED, DX_GT, T_ONE, F_ZERO, DX_GATE },
			{ F_MISFIT_NEED, DX_GT, T_MISFIT, F_GROUP_LIMIT, DX_MUST },
		},
		.n_conds = 3,
		.strong = { { F_KILLED, DX_GE, T_ONE, F_ONE, DX_MUST } },
		.n_strong = 1,
		.bad = { F_MISFIT_FILL, DX_GE, T_MISFIT_BAD, F_ONE, DX_MUST },
		.n_bad = 1,
		.nots = {
			{ "gc-thrash", { F_HEAP_SHARE, DX_LT, T_HEAP_FAR, F_ONE, DX_MUST },
			  "the heap is at {heap-share} of its own limit: the group's comes first" },
		},
		.n_nots = 1,
		.bytes = F_MISFIT_OVER,
		.where = W_NOWHERE,
		.from = F_ONE,
		.summary = "The heap may grow to {heap-limit}, {beside-heap} lie beside it and {beside-process}"
			   " beside the process, but the control group may have {group-limit}: the kernel"
			   " kills it before the runtime collects",
		.more = sum_rows,
		.advice = {
			{ A_V8, "--max-old-space-size (MiB) of at most the group's limit less what lies beside the"
				" heap, less 10 %; the young generation comes on top: 3 x --max-semi-space-size" },
			{ A_JVM, "-XX:MaxRAMPercentage or -Xmx of at most the group's limit less what lies beside"
				 " the heap (direct buffers, metaspace, stacks), less 10 %" },
			{ A_GO, "GOMEMLIMIT of at most 90 % of the group's limit less what cgo and mappings take" },
			{ A_GC, "the collector's own limit: the group's less what lies beside the heap, less 10 %" },
			{ 0, "or raise the limit of the control group by what is missing" },
		},
		.confirm = "memprof report: the heap's limit and the control group's, and target.oom_killed"
			   " in its JSON after the next kill",
	},
	{
		.cls = "oom-outside",
		.title = "out of memory, and not by this process",
		.level = MP_DX_BAD,
		.confidence = 0.8,
		.conds = {
			{ F_SHORT, DX_GE, T_GROUP_NEAR, F_ONE, DX_GATE },
			{ F_RSS_SHARE, DX_LT, T_OUTSIDE, F_ONE, DX_MUST },
			{ F_ANON_SHARE, DX_LT, T_OUTSIDE, F_ONE, DX_MUST },
			{ F_BESIDE, DX_GE, T_ONE, F_SIGNIFICANT, DX_MUST },
		},
		.n_conds = 4,
		.strong = { { F_KILLED, DX_GE, T_ONE, F_ONE, DX_MUST } },
		.n_strong = 1,
		.nots = {
			{ "limit-misfit", { F_RSS_SHARE, DX_LT, T_OUTSIDE, F_ONE, DX_MUST },
			  "all that it has resident, heap and all, is {rss-share} of the limit" },
		},
		.n_nots = 1,
		.bytes = F_BESIDE,
		.where = W_NOWHERE,
		.from = F_KILLED,
		.summary = "The control group ran full at {group-limit} of which this process had {rss-share}:"
			   " {beside-group} are charged for memory that is in no RSS of it",
		.more = outside_rows,
		.advice = {
			{ 0, "tmpfs: df -t tmpfs in the container (/dev/shm, emptyDir of medium Memory): files"
			     " there are charged to who wrote them until they are removed" },
			{ 0, "memfds: ls -l /proc/*/fd | grep memfd: (written, not mapped, is in no RSS)" },
			{ 0, "the kernel's part: sock, slab, percpu, pagetables in memory.stat (version 2);"
			     " full pipes and sockets" },
			{ 0, "other processes of the group: cat cgroup.procs; memprof record -p PID -p PID" },
		},
		.confirm = "memory.stat of the group beside smaps_rollup of its processes; dmesg | grep -A2 oom-kill",
	},
	{
		.cls = "refault-thrash",
		.title = "the limit squeezes out pages that are needed",
		.level = MP_DX_BAD,
		.confidence = 0.75,
		.conds = {
			{ F_REREAD_TIME, DX_GE, T_REREAD_TIME, F_ONE, DX_GATE },
			{ F_REREAD_RATE, DX_GE, T_REREAD_RATE, F_ONE, DX_MUST },
			{ F_SWAPIN_SHARE, DX_LE, T_SWAPIN_SHARE, F_ONE, DX_MUST },
			{ F_REREAD_SHARE, DX_GE, T_REREAD, F_ONE, DX_MUST },
		},
		.n_conds = 4,
		.strong = { { F_STALLED, DX_GE, T_STALLED, F_ONE, DX_MUST },
			    { F_REREAD, DX_GE, T_ONE, F_SIGNIFICANT, DX_MUST } },
		.n_strong = 2,
		.nots = {
			{ "swap-storm", { F_SWAPIN_SHARE, DX_LE, T_SWAPIN_SHARE, F_ONE, DX_MUST },
			  "of the faults that wait for a disk {swap-in-share} wait for swap: the rest reads files" },
			{ "file-mmap", { F_REREAD_SHARE, DX_GE, T_REREAD, F_ONE, DX_MUST },
			  "it is no first reading: these pages had been dropped shortly before" },
		},
		.n_nots = 2,
		.bytes = F_REREAD,
		.where = W_NOWHERE,
		.from = F_REREAD_TIME,
		.counts = true,
		.summary = "For {reread-time} the group was at its limit and {reread-rate} faults waited for a disk:"
			   " {read-again} of files were read again that had just been dropped",
		.more = thrash_rows,
		.advice = {
			{ 0, "raise the limit, or memory.high, by what the program's files and code need" },
			{ 0, "or make its anonymous memory smaller: that is what pushes the pages of files out" },
			{ 0, "there is no kill, as long as page cache can be dropped: alert on memory.pressure and"
			     " workingset_refault_file" },
		},
		.confirm = "grep workingset_refault_file memory.stat twice, some seconds apart; memory.pressure",
	},
	{
		.cls = "swap-storm",
		.title = "what is used lies in swap",
		.level = MP_DX_BAD,
		.confidence = 0.75,
		.conds = {
			{ F_SWAP, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_SWAPIN_RATE, DX_GE, T_SWAPIN_RATE, F_ONE, DX_MUST },
		},
		.n_conds = 2,
		.strong = { { F_HEAP_IN, DX_LT, T_HEAP_IN, F_ONE, DX_MUST } },
		.n_strong = 1,
		.nots = {
			{ "refault-thrash", { F_SWAPIN_SHARE, DX_GT, T_SWAPIN_SHARE, F_ONE, DX_MUST },
			  "{swap-in-share} of the faults that wait for a disk wait for swap" },
		},
		.n_nots = 1,
		.bytes = F_SWAP,
		.where = W_NOWHERE,
		.from = F_ONE,
		.counts = true,
		.summary = "{swap} lie in swap and are wanted: {swap-in-rate} pages come back, each with a wait."
			   " A collection walks the heap: it pays for all of it",
		.advice = {
			{ A_JVM, "a heap that fits into memory; -XX:+AlwaysPreTouch and no swap for its group" },
			{ A_V8 | A_GO | A_GC, "a smaller limit of the heap, so that it stays in memory" },
			{ A_CGROUP, "memory.swap.max = 0 for the group (version 2)" },
			{ 0, "vm.swappiness, or mlock() what must answer fast" },
		},
		.confirm = "vmstat 1: si; VmSwap in /proc/PID/status",
	},
	{
		.cls = "working-set",
		.title = "the container's figure is page cache",
		.level = MP_DX_INFO,
		.confidence = 0.85,
		.conds = {
			{ F_FILL, DX_GE, T_CACHE_FILL, F_ONE, DX_GATE },
			{ F_BEYOND, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_CACHE, DX_GE, T_CACHE_SHARE, F_BEYOND, DX_MUST },
		},
		.n_conds = 3,
		.nots = {
			{ "oom-outside", { F_SHORT, DX_LT, T_GROUP_NEAR, F_ONE, DX_MUST },
			  "without what can be dropped at once {group-short} of the limit are in use" },
		},
		.n_nots = 1,
		.after = { "refault-thrash" },
		.bytes = F_CACHE,
		.where = W_NOWHERE,
		.from = F_ONE,
		.summary = "{charged} are charged to the control group ({group-fill} of its limit), {group-cache} of it"
			   " for files and slab that the kernel drops when memory is wanted: not this process",
		.more = cache_rows,
		.advice = {
			{ 0, "leave it; alert on anon, or on usage less inactive_file and active_file" },
			{ 0, "who writes much and reads it never: posix_fadvise(POSIX_FADV_DONTNEED), or O_DIRECT" },
			{ 0, "watch workingset_refault_file: when it rises the cache is too small after all" },
		},
		.confirm = "echo 100M > memory.reclaim of the group (version 2, 5.19): usage falls, RSS does not",
	},
};

const struct dx_rules dx_rules_limit = { list, sizeof(list) / sizeof(list[0]) };
