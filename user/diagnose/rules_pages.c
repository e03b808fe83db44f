/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rules_pages.c - classes of pages and mappings: given back lazily, of files, shared, huge,
 * copied, locked, brought in by others.
 */
#include <stdio.h>

#include "user/diagnose/rules.h"
#include "user/model/pageset.h"
#include "user/util/util.h"

/* Two rules of the same class: one for what is proven or harmful, one for the rest. */
static const char thp_bloat[] = "thp-bloat", thp_bloat_at_most[] = "thp-bloat";
static const char file_dirty[] = "file-mmap", file_clean[] = "file-mmap";
static const char shmem_made[] = "shmem-growth", shmem_touched[] = "shmem-growth";
static const char locked[] = "locked-memory", filled[] = "locked-memory";

/* --- rows ---------------------------------------------------------------------------------- */

/* A row whose label names something; text from outside is cleaned by the views. */
static void named(const struct dx_ctx *c, struct mp_finding *f, uint32_t name, const char *none,
		  const char *what, double bytes)
{
	char label[128];

	snprintf(label, sizeof(label), "%.*s%s", (int)(sizeof(label) - 32),
		 name ? mp_str(c->m, name) : none, what);
	dx_row(f, label, MP_DX_BYTES, bytes, MP_UNKNOWN);
}

static void list_files(const struct dx_ctx *c, struct mp_finding *f, const struct dx_file *top,
		       size_t n)
{
	char what[32];

	for (size_t i = 0; i < n && i < 3; i++) {
		what[0] = 0;
		if (top[i].maps > 1)
			snprintf(what, sizeof(what), " (mapped %u times)", top[i].maps);
		named(c, f, top[i].name, "shared memory without a name", what, top[i].bytes);
	}
}

static void more_files(struct dx_ctx *c, struct mp_finding *f)
{
	struct dx_file top[DX_FILES] = { 0 };

	list_files(c, f, top, dx_files(c->p, top));
}

static void more_shmem(struct dx_ctx *c, struct mp_finding *f)
{
	struct dx_file top[DX_FILES] = { 0 };

	list_files(c, f, top, dx_shmems(c->p, top));
}

/* Both kinds: what is mapped several times may be either. */
static void more_shared(struct dx_ctx *c, struct mp_finding *f)
{
	more_shmem(c, f);
	if (dx_last(c, C_RSSFILE) > dx_last(c, C_RSSSHMEM))
		more_files(c, f);
}

/* The processes of the group with the most RSS. */
static void more_group(struct dx_ctx *c, struct mp_finding *f)
{
	const struct mp_proc *seen[3] = { 0 };
	char what[64];

	for (unsigned k = 0; k < 3; k++) {
		const struct mp_proc *best = NULL;

		for (size_t i = 0; i < c->m->n_procs; i++) {
			const struct mp_proc *p = c->m->procs[i];

			if (p->rollup.ts && !p->exited && p != seen[0] && p != seen[1] &&
			    (!best || mp_proc_rss(p) > mp_proc_rss(best)))
				best = p;
		}
		if (!best)
			return;
		seen[k] = best;
		snprintf(what, sizeof(what), "RSS of pid %u", best->tgid);
		dx_row(f, what, MP_DX_BYTES, (double)mp_proc_rss(best), MP_UNKNOWN);
	}
	more_shmem(c, f);
}

/* RSS and what is charged since the copies began, and who has the pages, too. */
static void more_family(struct dx_ctx *c, struct mp_finding *f)
{
	const double *copied = c->s->col[C_COW_SHARED], *charged = c->s->col[C_CHARGED];
	double most = NAN;
	size_t i = 0;

	while (i + 1 < c->end && !(copied[i] > copied[0]))
		i++;
	dx_row(f, "growth of RssAnon since then", MP_DX_BYTES,
	       dx_last(c, C_ANON) - c->s->col[C_ANON][i], MP_UNKNOWN);
	for (size_t k = i; k < c->end; k++)
		most = fmax(most, charged[k] - charged[i]);
	if (!isnan(most))
		dx_row(f, "growth of the control group's charge, at its highest", MP_DX_BYTES, most,
		       MP_UNKNOWN);
	if (c->p->forks)
		dx_row(f, "forks", MP_DX_COUNT, (double)c->p->forks, c->p->fork_ts);
	dx_row(f, "relatives that still have the pages at the end", MP_DX_COUNT,
	       (double)c->p->sharers, MP_UNKNOWN);
}

/* The anonymous mapping with the most pages that faults do not explain. */
static void more_unfaulted(struct dx_ctx *c, struct mp_finding *f)
{
	const struct mp_mapping *best = NULL;
	char what[96];

	for (const struct mp_mapping *v = c->p->maps; v; v = v->next)
		if (!(v->bits & (MP_MAP_FILE | MP_MAP_SHMEM)) && v->resident > v->faults &&
		    (!best || v->resident - v->faults > best->resident - best->faults))
			best = v;
	if (!best)
		return;
	snprintf(what, sizeof(what), "resident at 0x%llx, where %llu faults were",
		 (unsigned long long)best->start, (unsigned long long)best->faults);
	dx_row(f, what, MP_DX_BYTES, (double)(best->resident * MP_PAGE_SIZE), MP_UNKNOWN);
}

/* Which calls did it. */
static void more_filled(struct dx_ctx *c, struct mp_finding *f)
{
	static const enum mp_call calls[] = { MP_CALL_MLOCKALL, MP_CALL_MLOCK, MP_CALL_MMAP };
	char what[64];

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		const struct mp_callstat *s = &c->p->calls[calls[i]];

		if (!s->calls || s->rss_delta <= 0)
			continue;
		snprintf(what, sizeof(what), "RSS rose in %s", mp_call_name(calls[i]));
		dx_row(f, what, MP_DX_BYTES, (double)s->rss_delta, MP_UNKNOWN);
	}
}

/* --- the rules ------------------------------------------------------------------------------- */

static const struct dx_rule list[] = {
	{
		.cls = "lazyfree",
		.title = "given back, and still counted",
		.level = MP_DX_WARN,
		.confidence = 0.9,
		.conds = {
			{ F_LAZYFREE, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_LAZYFREE, DX_GE, T_LAZY_SHARE, F_ANON, DX_MUST },
		},
		.n_conds = 2,
		.nots = {
			{ "heap-retained", { F_LAZYFREE, DX_GE, T_LAZY_SHARE, F_ANON, DX_MUST },
			  "{lazyfree} have been given back: the kernel has not come to take them" },
		},
		.n_nots = 1,
		.bytes = F_LAZYFREE,
		.where = W_LAZYFREE,
		.from = F_LAZY_SINCE,
		.summary = "{lazyfree} of RSS were given to the kernel with MADV_FREE: it takes them"
			" when memory is short, and RSS counts them until then",
		.advice = {
			{ A_GO, "GODEBUG=madvdontneed=1 (the default since Go 1.16)" },
			{ A_MIMALLOC, "MIMALLOC_PURGE_DECOMMITS=1 (the default): a purge then drops"
				" the pages" },
			{ A_JEMALLOC, "MALLOC_CONF=muzzy_decay_ms:0: dirty pages are then dropped, not"
				" marked" },
			{ 0, "alert on RSS less LazyFree (smaps_rollup), or leave it" },
		},
		.confirm = "grep LazyFree /proc/PID/smaps_rollup",
	},
	{
		.cls = file_dirty,
		.title = "mapped files, much of them not written yet",
		.level = MP_DX_WARN,
		.confidence = 0.8,
		.conds = {
			{ F_FILE, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_FILE, DX_GE, T_FILE_SHARE, F_RSS, DX_GATE },
			{ F_FILE_TOP, DX_GE, T_FILE_TOP, F_FILE, DX_GATE },
			{ F_FILE_DIRTY, DX_GE, T_FILE_DIRTY, F_FILE, DX_GATE },
			{ F_FILE_DIRTY, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
		},
		.n_conds = 5,
		.nots = {
			{ "shmem-growth", { F_FILE, DX_GE, T_FILE_SHARE, F_RSS, DX_MUST },
			  "the pages are of files on a disk, not of shared memory" },
		},
		.n_nots = 1,
		.bytes = F_FILE,
		.where = W_FILE,
		.from = F_ONE,
		.summary = "{file} of RSS are pages of mapped files, up to {file-dirty} of them not"
			" written to disk: they cannot be taken back before that",
		.more = more_files,
		.advice = {
			{ 0, "msync() or sync_file_range() in smaller steps, or write() instead of a"
				" shared mapping" },
			{ 0, "under a limit the writer waits for the disk: watch file_dirty and"
				" file_writeback of memory.stat" },
		},
		.confirm = "grep -A20 FILE /proc/PID/smaps: Shared_Dirty and Private_Dirty of the mapping",
	},
	{
		.cls = file_clean,
		.title = "mapped files counted in RSS",
		.level = MP_DX_INFO,
		.confidence = 0.9,
		.conds = {
			{ F_FILE, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_FILE, DX_GE, T_FILE_SHARE, F_RSS, DX_GATE },
			{ F_FILE_TOP, DX_GE, T_FILE_TOP, F_FILE, DX_GATE },
		},
		.n_conds = 3,
		.nots = {
			{ "shmem-growth", { F_FILE, DX_GE, T_FILE_SHARE, F_RSS, DX_MUST },
			  "the pages are of files on a disk, not of shared memory" },
			{ "heap-leak", { F_FILE, DX_GE, T_FILE_SHARE, F_RSS, DX_MUST },
			  "no heap holds them: the kernel may take them at any time" },
		},
		.n_nots = 2,
		.after = { "file-mmap" },
		.bytes = F_FILE,
		.where = W_FILE,
		.from = F_ONE,
		.summary = "{file} of RSS are pages of mapped files, as good as page cache: the kernel"
			" takes them when memory is short, and they will not cause an OOM by themselves",
		.more = more_files,
		.advice = {
			{ 0, "alert on RssAnon (or PSS) instead of RSS" },
			{ 0, "madvise(MADV_COLD or MADV_DONTNEED) on parts that are done with, if RSS"
				" has to be small" },
		},
		.confirm = "grep -E 'Rss|Dirty' in /proc/PID/smaps of these mappings: the dirty share is"
			" small",
	},
	{
		.cls = "multi-map",
		.title = "one object mapped several times",
		.level = MP_DX_INFO,
		.confidence = 0.95,
		.conds = {
			{ F_MULTI, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_MULTI, DX_GE, T_MULTI_SHARE, F_SHARED, DX_MUST },
		},
		.n_conds = 2,
		.nots = {
			{ "shmem-growth", { F_MULTI, DX_GE, T_MULTI_SHARE, F_SHARED, DX_MUST },
			  "{counted-again} are the same pages at another address" },
		},
		.n_nots = 1,
		.bytes = F_MULTI,
		.where = W_SHMEM | W_FILE,
		.from = F_ONE,
		.summary = "RSS has {counted-again} of shared pages more than once, because this process"
			" maps them at several addresses: memory is used for them once",
		.more = more_shared,
		.advice = {
			{ A_JVM, "ZGC maps its heap three times up to JDK 20: go by PSS or the control"
				" group, not by RSS" },
			{ A_JVM, "generational ZGC (JDK 21: -XX:+ZGenerational, the default from 23)"
				" maps it once" },
			{ 0, "go by PSS (smaps_rollup) or by what the control group is charged" },
		},
		.confirm = "grep -E 'Rss|Pss_Shmem' /proc/PID/smaps_rollup: Pss has each page once",
	},
	{
		.cls = "shared-double-count",
		.title = "memory of several processes, counted in each",
		.level = MP_DX_INFO,
		.confidence = 0.95,
		.conds = {
			{ F_GROUP_TWICE, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_GROUP_RSS, DX_GE, T_DOUBLE, F_GROUP_PSS, DX_MUST },
			{ F_GROUP_SHARED, DX_GE, T_DOUBLE_SHARE, F_GROUP_RSS, DX_MUST },
			{ F_GROUP, DX_GE, T_ONE, F_ONE, DX_MUST },
		},
		.n_conds = 4,
		.nots = {
			{ "fork-cow", { F_GROUP_SHARED, DX_GE, T_DOUBLE_SHARE, F_GROUP_RSS, DX_MUST },
			  "shared memory and files are written in place: nothing is copied" },
			{ "multi-map", { F_GROUP_TWICE, DX_GE, T_ONE, F_SIGNIFICANT, DX_MUST },
			  "other processes map the pages: what one maps several times is not in it" },
		},
		.n_nots = 2,
		.bytes = F_GROUP_TWICE,
		.where = W_SHMEM | W_FILE,
		.from = F_ONE,
		.summary = "The RSS of {processes} processes sums up to {group-rss}, their PSS to"
			" {group-pss}: {group-twice} are shared and counted in each",
		.more = more_group,
		.advice = {
			{ 0, "add up PSS (smaps_rollup), or RssAnon and the shared segment once; never"
				" RSS" },
			{ 0, "a process's RSS grows as it touches a segment that is there already: no"
				" leak while PSS is flat" },
		},
		.confirm = "awk '/^Pss:/{s+=$2} END{print s}' /proc/{PID,PID,...}/smaps_rollup",
	},
	{
		.cls = shmem_made,
		.title = "shared memory grows",
		.level = MP_DX_WARN,
		.confidence = 0.7,
		.conds = {
			{ F_SHMEM_GROWTH, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_SHMEM_OWN, DX_GE, T_SHMEM_OWN, F_ONE, DX_GATE },
			{ F_SHMEM_NEW, DX_GE, T_HALF, F_ONE, DX_GATE },
			{ F_WINDOW, DX_GE, T_NATIVE_SURE, F_ONE, DX_GATE },
			{ F_SHMEM_P, DX_LT, T_TREND_P, F_ONE, DX_MUST },
			{ F_SHMEM_BEND, DX_GE, T_SHMEM_BEND, F_ONE, DX_MUST },
		},
		.n_conds = 6,
		.nots = {
			{ "shared-double-count", { F_SHMEM_OWN, DX_GE, T_SHMEM_OWN, F_ONE, DX_MUST },
			  "most of it is mapped by this process alone" },
			{ "multi-map", { F_SHMEM_GROWTH, DX_GE, T_ONE, F_SIGNIFICANT, DX_MUST },
			  "each page is counted once in this" },
			{ "heap-leak", { F_SHMEM_GROWTH, DX_GE, T_ONE, F_SIGNIFICANT, DX_MUST },
			  "it is neither a heap's nor anonymous memory" },
		},
		.n_nots = 3,
		.bytes = F_SHMEM_GROWTH,
		.where = W_SHMEM,
		.from = F_SHMEM_GROWTH,
		.trend = true,
		.summary = "Shared memory (memfd, /dev/shm, shared anonymous) grew by {shmem-growth} and"
			" still grows: it stays until the file is truncated or its last holder lets go",
		.more = more_shmem,
		.advice = {
			{ 0, "madvise(MADV_DONTNEED) lowers RSS and frees nothing: ftruncate, punch a"
				" hole, or MADV_REMOVE" },
			{ 0, "look for who holds it: ls -l /proc/*/fd | grep -e memfd: -e /dev/shm;"
				" ipcs -m -p" },
		},
		.confirm = "df /dev/shm, ipcs -m and the memfds in /proc/PID/fd: the same object is"
			" larger each time",
	},
	{
		.cls = shmem_touched,
		.title = "shared memory comes in",
		.level = MP_DX_INFO,
		.confidence = 0.5,
		.conds = {
			{ F_SHMEM_GROWTH, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_SHMEM_P, DX_LT, T_TREND_P, F_ONE, DX_MUST },
			{ F_SHMEM_BEND, DX_GE, T_SHMEM_BEND, F_ONE, DX_MUST },
		},
		.n_conds = 3,
		.nots = {
			{ "shared-double-count", { F_SHMEM_OWN, DX_GE, T_SHMEM_OWN, F_ONE, DX_MUST },
			  "most of it is mapped by this process alone" },
			{ "multi-map", { F_SHMEM_GROWTH, DX_GE, T_ONE, F_SIGNIFICANT, DX_MUST },
			  "each page is counted once in this" },
			{ "heap-leak", { F_SHMEM_GROWTH, DX_GE, T_ONE, F_SIGNIFICANT, DX_MUST },
			  "it is neither a heap's nor anonymous memory" },
		},
		.n_nots = 3,
		.after = { "shmem-growth" },
		.bytes = F_SHMEM_GROWTH,
		.where = W_SHMEM,
		.from = F_SHMEM_GROWTH,
		.trend = true,
		.summary = "Shared memory (memfd, /dev/shm, shared anonymous) in RSS grew by"
			" {shmem-growth}: either more is made all the time, or what is there already is"
			" touched for the first time and will end",
		.more = more_shmem,
		.advice = {
			{ 0, "shared buffers that were mapped at the start fill up once: no leak; look"
				" again later" },
			{ 0, "look for who holds it: ls -l /proc/*/fd | grep -e memfd: -e /dev/shm;"
				" ipcs -m -p" },
		},
		.confirm = "df /dev/shm, ipcs -m and the memfds in /proc/PID/fd: the same object is"
			" larger each time",
	},
	{
		.cls = locked,
		.title = "locked: the kernel may not take it",
		.level = MP_DX_WARN,
		.confidence = 0.9,
		.conds = {
			{ F_LOCKED, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_LOCKED, DX_GE, T_LOCKED_SHARE, F_RSS, DX_MUST },
		},
		.n_conds = 2,
		.nots = {
			{ "remote-fill", { F_LOCKED, DX_GE, T_LOCKED_SHARE, F_RSS, DX_MUST },
			  "calls of the process itself brought it in" },
		},
		.n_nots = 1,
		.bytes = F_LOCKED,
		.where = W_ALL & ~W_LAZYFREE,
		.from = F_LOCKED,
		.summary = "{locked} of {rss} are locked in memory: all of it is resident whether it is"
			" used or not, and none can be reclaimed",
		.more = more_filled,
		.advice = {
			{ A_JVM, "bootstrap.memory_lock and the like: leave it if it is meant, and"
				" size the heap for it" },
			{ 0, "mlockall(MCL_ONFAULT) or mlock2(MLOCK_ONFAULT): only what is touched"
				" gets resident" },
			{ 0, "smaller thread stacks (ulimit -s): MCL_FUTURE makes each wholly resident" },
		},
		.confirm = "grep VmLck /proc/PID/status; grep Locked /proc/PID/smaps_rollup",
	},
	{
		.cls = filled,
		.title = "made resident before it is used",
		.level = MP_DX_INFO,
		.confidence = 0.8,
		.conds = {
			{ F_FILLED, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_FILLED, DX_GE, T_LOCKED_SHARE, F_RSS, DX_MUST },
		},
		.n_conds = 2,
		.nots = {
			{ "remote-fill", { F_FILLED, DX_GE, T_ONE, F_SIGNIFICANT, DX_MUST },
			  "calls of the process itself brought it in" },
			{ "heap-leak", { F_FILLED, DX_GE, T_ONE, F_SIGNIFICANT, DX_MUST },
			  "it came at once, by a call that asks for it, and not by use" },
		},
		.n_nots = 2,
		.after = { "locked-memory" },
		.bytes = F_FILLED,
		.where = W_ALL & ~W_LAZYFREE,
		.from = F_ONE,
		.counts = true,
		.summary = "{filled} became resident in calls that ask for it (MAP_POPULATE,"
			" MADV_POPULATE, mlock): RSS has it from then on, used or not",
		.more = more_filled,
		.advice = {
			{ 0, "leave MAP_POPULATE out where a fault at first use does no harm" },
		},
		.confirm = "perf trace -e mmap,madvise,mlock* -p PID: the flags of the large ones",
	},
	{
		.cls = "hugetlb",
		.title = "huge pages of the pool, in no RSS",
		.level = MP_DX_INFO,
		.confidence = 0.95,
		.conds = { { F_HUGETLB, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE } },
		.n_conds = 1,
		.nots = {
			{ "thp-bloat", { F_HUGETLB, DX_GE, T_ONE, F_SIGNIFICANT, DX_MUST },
			  "these are asked for by name (MAP_HUGETLB, hugetlbfs) and outside RSS" },
		},
		.n_nots = 1,
		.bytes = F_HUGETLB,
		.where = W_NOWHERE,
		.from = F_HUGETLB,
		.summary = "{hugetlb} are huge pages of the reserved pool: they are in neither RSS nor"
			" PSS, and the machine has lost them whether they are used or not",
		.advice = {
			{ 0, "add HugetlbPages (/proc/PID/status) to what is counted for this process" },
			{ 0, "vm.nr_hugepages reserves them for good: size the pool by HugePages_Free"
				" in /proc/meminfo" },
		},
		.confirm = "grep HugetlbPages /proc/PID/status; grep -i hugepages /proc/meminfo",
	},
	{
		.cls = thp_bloat,
		.title = "huge pages where little was touched",
		.level = MP_DX_WARN,
		.confidence = 0.8,
		.conds = {
			{ F_COLLAPSED, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_HUGE, DX_GE, T_HUGE_SHARE, F_ANON, DX_GATE },
		},
		.n_conds = 2,
		.nots = {
			{ "remote-fill", { F_COLLAPSED, DX_GE, T_ONE, F_SIGNIFICANT, DX_MUST },
			  "the pages without a fault are in huge pages" },
			{ "heap-leak", { F_COLLAPSED, DX_GE, T_ONE, F_SIGNIFICANT, DX_MUST },
			  "the program touched none of what this counts" },
		},
		.n_nots = 2,
		.bytes = F_COLLAPSED,
		.where = W_ANON | W_FREE | W_MALLOC | W_STACKS | W_RUNTIME | W_UNSPLIT,
		.from = F_ONE,
		.counts = true,
		.summary = "RSS grew by {collapsed} without a fault: pages were made into huge ones"
			" ({huge} are) and what was never touched in them became resident",
		.more = more_unfaulted,
		.advice = {
			{ A_GO, "Go 1.21: update to its last patch release; see huge pages in Go's GC"
				" guide" },
			{ A_JVM, "-XX:-UseTransparentHugePages; where thread stacks get huge"
				" (JDK-8303215) update the JDK" },
			{ A_TCMALLOC, "echo 0 >"
				" /sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_none" },
			{ 0, "echo 0 > /sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_none:"
				" collapse what is full" },
			{ 0, "transparent_hugepage/enabled = madvise, or prctl(PR_SET_THP_DISABLE) for"
				" this process" },
		},
		.confirm = "AnonHugePages in /proc/PID/smaps_rollup, before and after max_ptes_none = 0"
			" and a restart",
	},
	{
		.cls = thp_bloat_at_most,
		.title = "huge pages, each for one touch",
		.level = MP_DX_INFO,
		.confidence = 0.4,
		.conds = {
			{ F_HUGE_UNASKED, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_HUGE, DX_GE, T_HUGE_SHARE, F_ANON, DX_GATE },
		},
		.n_conds = 2,
		.after = { "thp-bloat" },
		.bytes = F_HUGE_UNASKED,
		.where = W_NOWHERE,
		.from = F_ONE,
		.counts = true,
		.summary = "{huge-unasked} came in with huge pages beside the pages that were touched;"
			" how much of it was used since nobody can tell: looks like bloat if the heap is"
			" far smaller than RSS",
		.advice = {
			{ 0, "compare RSS with prctl(PR_SET_THP_DISABLE) or"
				" transparent_hugepage/enabled = madvise" },
		},
		.confirm = "the same load with huge pages off: what RSS falls by was bloat",
	},
	{
		.cls = "thp-partial",
		.title = "given back in parts of huge pages, and still charged",
		.level = MP_DX_WARN,
		.confidence = 0.8,
		.conds = {
			{ F_PART_FALL, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE },
			{ F_PART_CHARGE, DX_LT, T_CHARGE_KEPT, F_PART_FALL, DX_GATE },
			{ F_PART_HIDDEN, DX_GE, T_HIDDEN, F_PART_FALL, DX_GATE },
		},
		.n_conds = 3,
		.nots = {
			{ "oom-outside", { F_PART_HIDDEN, DX_GE, T_HIDDEN, F_PART_FALL, DX_MUST },
			  "no file, shared memory or other process of the group has it" },
		},
		.n_nots = 1,
		.bytes = F_PART_HIDDEN,
		.where = W_NOWHERE,
		.from = F_PART_FALL,
		.summary = "RssAnon fell by {anon-fell}, the control group's charge by {charge-fell}:"
			" {charge-hidden} are in no figure. Looks like parts of huge pages: the kernel"
			" frees them when memory is short",
		.advice = {
			{ 0, "purge in pieces of 2 MiB, aligned: a huge page of which all is dropped"
				" is freed at once" },
			{ 0, "it is freed under pressure (memory.reclaim, or the limit): no leak, but"
				" the charge is real till then" },
		},
		.confirm = "echo 256M > memory.reclaim of its group: the charge falls, RSS does not",
	},
	{
		.cls = "fork-cow",
		.title = "copies made by writes after a fork",
		.level = MP_DX_WARN,
		.confidence = 0.9,
		.conds = { { F_COW_SHARED, DX_GE, T_ONE, F_SIGNIFICANT, DX_MUST } },
		.n_conds = 1,
		.nots = {
			{ "heap-leak", { F_COW_SHARED, DX_GE, T_ONE, F_SIGNIFICANT, DX_MUST },
			  "a copy of a resident page changes no figure of RSS" },
		},
		.n_nots = 1,
		.bytes = F_COW_SHARED,
		.where = W_NOWHERE,
		.from = F_COW_SHARED,
		.counts = true,
		.summary = "{copied} were copied, because the process wrote to pages that it had in"
			" common with a relative since a fork: memory of the machine and of the control"
			" group, in no RSS",
		.more = more_family,
		.advice = {
			{ A_PYTHON, "gc.collect(), gc.disable() and gc.freeze() before the fork: the"
				" collector writes to every object" },
			{ A_RUBY, "nakayoshi_fork, or Process.warmup (3.3) before the fork" },
			{ 0, "leave (write rate x time that the child lives) of memory free; fork less"
				" often, or posix_spawn()" },
			{ 0, "huge pages off for what is forked: one byte written copies more" },
		},
		.confirm = "Private_Dirty of parent and child in smaps_rollup grow together while both"
			" live",
	},
	{
		.cls = "remote-fill",
		.title = "filled by somebody else",
		.level = MP_DX_INFO,
		.confidence = 0.8,
		.conds = { { F_REMOTE, DX_GE, T_ONE, F_SIGNIFICANT, DX_GATE } },
		.n_conds = 1,
		.nots = {
			{ "thp-bloat", { F_REMOTE, DX_GE, T_ONE, F_SIGNIFICANT, DX_MUST },
			  "what huge pages brought is not in it" },
			{ "locked-memory", { F_REMOTE, DX_GE, T_ONE, F_SIGNIFICANT, DX_MUST },
			  "nor is what mlock or populate brought in" },
		},
		.n_nots = 2,
		.bytes = F_REMOTE,
		.where = W_ANON | W_NATIVE | W_UNSPLIT | W_FREE,
		.from = F_ONE,
		.counts = true,
		.summary = "{unfaulted} of anonymous memory became resident without a fault or a call of"
			" this process: another process, a debugger, a guest or the kernel's I/O wrote"
			" to it",
		.more = more_unfaulted,
		.advice = {
			{ 0, "look for who writes: userfaultfd or process_vm_writev handlers, ptrace,"
				" a guest in KVM, direct I/O" },
			{ 0, "a handler that fills ahead (prefault) decides the RSS here: its policy"
				" is what to change" },
		},
		.confirm = "perf trace -e process_vm_writev,ptrace,ioctl -a; /proc/PID/fd for"
			" userfaultfd, kvm-vcpu, io_uring",
	},
};

const struct dx_rules dx_rules_pages = { list, sizeof(list) / sizeof(list[0]) };
