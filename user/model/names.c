/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * names.c - words for wire numbers. The words are part of the JSON contract:
 * add, do not rename.
 */
#include "user/model/model.h"

#define NAME(table, i) ((i) < sizeof(table) / sizeof((table)[0]) && (table)[i] ? (table)[i] : "?")

const char *mp_class_name(enum mp_class c)
{
	static const char *const n[] = {
		[MP_CLS_HEAP] = "heap",		[MP_CLS_BRK] = "brk",
		[MP_CLS_ARENA] = "arena",	[MP_CLS_STACK] = "stack",
		[MP_CLS_ANON] = "anon",		[MP_CLS_FILE] = "file",
		[MP_CLS_SHMEM] = "shmem",	[MP_CLS_SPECIAL] = "special",
		[MP_CLS_JEMALLOC] = "jemalloc", [MP_CLS_MIMALLOC] = "mimalloc",
		[MP_CLS_TCMALLOC] = "tcmalloc", [MP_CLS_GO_HEAP] = "go_heap",
		[MP_CLS_V8_HEAP] = "v8_heap",	[MP_CLS_JVM_HEAP] = "jvm_heap",
		[MP_CLS_GO_RUNTIME] = "go_rt",	[MP_CLS_JVM_META] = "jvm_meta",
		[MP_CLS_JVM_CODE] = "jvm_code",
	};
	return NAME(n, (unsigned)c);
}

const char *mp_fkind_name(enum mp_fkind k)
{
	static const char *const n[] = {
		[MP_FK_FIRST] = "first_touch",
		[MP_FK_ZERO] = "zero_page",
		[MP_FK_UPGRADE] = "zero_upgrade",
		[MP_FK_COW] = "cow",
		[MP_FK_FILE] = "file",
		[MP_FK_SHMEM] = "shmem",
		[MP_FK_PROTECT] = "protect",
		[MP_FK_REFAULT] = "refault",
		[MP_FK_MAJOR] = "major",
		[MP_FK_SWAPIN] = "swap_in",
		[MP_FK_HUGE] = "huge",
		[MP_FK_UNKNOWN] = "unknown",
	};
	return NAME(n, k);
}

const char *mp_call_name(unsigned call)
{
	static const char *const n[] = {
		[MP_CALL_MMAP] = "mmap",	 [MP_CALL_MUNMAP] = "munmap",
		[MP_CALL_MREMAP] = "mremap",	 [MP_CALL_BRK] = "brk",
		[MP_CALL_MADVISE] = "madvise",	 [MP_CALL_PROCESS_MADVISE] = "process_madvise",
		[MP_CALL_MPROTECT] = "mprotect", [MP_CALL_MLOCK] = "mlock",
		[MP_CALL_MLOCKALL] = "mlockall", [MP_CALL_SHMAT] = "shmat",
		[MP_CALL_SHMDT] = "shmdt",	 [MP_CALL_REMAP_FILE] = "remap_file_pages",
	};
	return NAME(n, call);
}

unsigned mp_advice_slot(unsigned advice)
{
	if (advice == 102 || advice == 103)
		return advice - 102 + 29;
	return advice < MP_ADVICE_MAX ? advice : MP_ADVICE_MAX - 1;
}

/* include/uapi/asm-generic/mman-common.h, without MADV_ and in lower case */
const char *mp_advice_name(unsigned advice)
{
	static const char *const n[] = {
		[0] = "normal",		  [1] = "random",	  [2] = "sequential",
		[3] = "willneed",	  [4] = "dontneed",	  [8] = "free",
		[9] = "remove",		  [10] = "dontfork",	  [11] = "dofork",
		[12] = "mergeable",	  [13] = "unmergeable",	  [14] = "hugepage",
		[15] = "nohugepage",	  [16] = "dontdump",	  [17] = "dodump",
		[18] = "wipeonfork",	  [19] = "keeponfork",	  [20] = "cold",
		[21] = "pageout",	  [22] = "populate_read", [23] = "populate_write",
		[24] = "dontneed_locked", [25] = "collapse",	  [29] = "guard_install",
		[30] = "guard_remove",	  [31] = "other",
	};

	return NAME(n, advice == 102 || advice == 103 ? mp_advice_slot(advice) : advice);
}

const char *mp_gc_kind_name(unsigned kind)
{
	static const char *const n[] = {
		[MP_GC_MINOR] = "minor",
		[MP_GC_MAJOR] = "major",
		[MP_GC_COMPACT] = "compact",
		[MP_GC_OTHER] = "other",
	};
	return NAME(n, kind);
}

const char *mp_phase_name(unsigned phase)
{
	static const char *const n[] = {
		[MP_PHASE_STOP] = "stop",
		[MP_PHASE_ROOTS] = "roots",
		[MP_PHASE_REMEMBERED] = "remembered",
		[MP_PHASE_COPY] = "copy",
		[MP_PHASE_MARK] = "mark",
		[MP_PHASE_REMARK] = "remark",
		[MP_PHASE_EPHEMERONS] = "ephemerons",
		[MP_PHASE_FINALIZERS] = "finalizers",
		[MP_PHASE_SWEEP] = "sweep",
		[MP_PHASE_EVACUATE] = "evacuate",
		[MP_PHASE_FIXUP] = "fixup",
		[MP_PHASE_RELEASE] = "release",
	};
	return NAME(n, phase);
}

const char *mp_source_name(unsigned src)
{
	static const char *const n[] = {
		[MP_SRC_GC] = "gc",   [MP_SRC_V8] = "v8",	  [MP_SRC_GO] = "go",
		[MP_SRC_JVM] = "jvm", [MP_SRC_PYTHON] = "python", [MP_SRC_RUBY] = "ruby",
	};
	return NAME(n, src);
}

const char *mp_loss_name(unsigned cause)
{
	static const char *const n[] = {
		[MP_LOSS_RING_FULL] = "ring_full",
		[MP_LOSS_INFLIGHT] = "inflight",
		[MP_LOSS_MISSED_EXIT] = "missed_exit",
		[MP_LOSS_COMPAT] = "compat_32bit",
		[MP_LOSS_GC_RING] = "gc_ring",
		[MP_LOSS_DISK] = "disk",
		[MP_LOSS_TARGETS] = "targets",
		[MP_LOSS_BUSY] = "busy",
		[MP_LOSS_DAMAGED] = "damaged",
		[MP_LOSS_STACK] = "stack_table",
		[MP_LOSS_LIMIT] = "limit",
	};
	return NAME(n, cause);
}

const char *mp_feature_name(unsigned feat)
{
	static const char *const n[] = {
		[MP_FEAT_FAULTS] = "faults",
		[MP_FEAT_CALLS] = "calls",
		[MP_FEAT_TASKS] = "tasks",
		[MP_FEAT_RSS] = "rss",
		[MP_FEAT_HEAP_V8] = "heap_v8",
		[MP_FEAT_HEAP_GC] = "heap_gc",
		[MP_FEAT_MAJORS] = "majors",
		[MP_FEAT_STACKS] = "stacks",
		[MP_FEAT_HEAP_GO] = "heap_go",
		[MP_FEAT_HEAP_JVM] = "heap_jvm",
		[MP_FEAT_HEAP_PYTHON] = "heap_python",
		[MP_FEAT_HEAP_RUBY] = "heap_ruby",
		[MP_FEAT_HEAP_LOG] = "heap_log",
		[MP_FEAT_OOM] = "oom",
	};
	return NAME(n, feat);
}

const char *mp_rung_name(unsigned rung)
{
	static const char *const n[] = {
		[MP_RUNG_ABSENT] = "absent",	 [MP_RUNG_TP_BTF] = "tp_btf",
		[MP_RUNG_FENTRY] = "fentry",	 [MP_RUNG_TRACEPOINT] = "tracepoint",
		[MP_RUNG_PERF] = "perf",	 [MP_RUNG_UPROBE] = "uprobe",
		[MP_RUNG_SEGMENT] = "segment",	 [MP_RUNG_PROC] = "proc",
		[MP_RUNG_USDT] = "usdt",	 [MP_RUNG_MEMORY] = "memory",
		[MP_RUNG_COUNTERS] = "counters", [MP_RUNG_LOG] = "log",
	};
	return NAME(n, rung);
}
