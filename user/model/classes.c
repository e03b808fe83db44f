/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * classes.c - what a mapping is used for, told from its shape, its name, its
 * neighbours and what the process has mapped besides (model.h names the classes).
 *
 * Owns: the fingerprints. Must not: keep the table or count pages (maps.c does).
 * A class follows from what is passed in and from p->prints, so that it can be
 * found again after every change; p->prints is learned anew from every snapshot.
 */
#include <string.h>

#include "user/model/internal.h"

#define KIB 1024ULL
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)
#define RWX (MP_MAP_R | MP_MAP_W | MP_MAP_X)

static bool anon_private(const struct mp_mapping *v)
{
	return !(v->bits & (MP_MAP_FILE | MP_MAP_SHMEM | MP_MAP_SHARED));
}

static uint64_t size_of(const struct mp_mapping *v)
{
	return v->end - v->start;
}

static bool aligned(const struct mp_mapping *v, uint64_t to)
{
	return v->start % to == 0 && v->end % to == 0;
}

/* Does most of it lie in [start, end)? The kernel joins what is alike beyond borders
 * that a runtime keeps. */
static bool mostly_in(const struct mp_mapping *v, uint64_t start, uint64_t end)
{
	uint64_t from = v->start > start ? v->start : start, to = v->end < end ? v->end : end;

	return from < to && to - from > size_of(v) / 2;
}

/* The inaccessible rest of a reservation of which `v` is the opened head. */
static const struct mp_mapping *tail_of(const struct mp_mapping *v, const struct mp_mapping *next)
{
	bool is = next && next->start == v->end && anon_private(next) && !(next->bits & RWX);

	return is ? next : NULL;
}

static bool seen(const struct mp_proc *p, uint64_t prints)
{
	return p->prints.seen & prints;
}

/* Where that source has told its ranges they alone are its heap. */
static bool has_ranges(const struct mp_proc *p, enum mp_heap_source src)
{
	for (size_t i = 0; i < p->n_ranges; i++)
		if (p->ranges[i].source == src)
			return true;
	return false;
}

bool class_in_heap_range(const struct mp_proc *p, const struct mp_mapping *v)
{
	for (size_t i = 0; i < p->n_ranges; i++)
		if (v->start >= p->ranges[i].start && v->start < p->ranges[i].end)
			return true;
	return false;
}

/* --- stacks ------------------------------------------------------------------------- */

/* A thread stack: writable, above an inaccessible guard of at most 64 KiB
 * (allocate_stack in nptl/allocatestack.c; Java guards its own). */
static bool is_thread_stack(const struct mp_mapping *g, const struct mp_mapping *v)
{
	uint64_t size = size_of(v);

	return g && g->end == v->start && anon_private(g) && !(g->bits & RWX) &&
	       size_of(g) <= 64 * KIB && (v->bits & (MP_MAP_R | MP_MAP_W)) && size >= 64 * KIB &&
	       size <= 1024 * MIB;
}

/* --- malloc libraries ------------------------------------------------------------- */

/* A head that is open and its tail, together one heap of an arena of that size. */
static bool is_heap_of(const struct mp_mapping *v, const struct mp_mapping *next, uint64_t size)
{
	const struct mp_mapping *t = tail_of(v, next);

	return (v->bits & MP_MAP_W) && v->start % size == 0 && t && t->end - v->start == size;
}

/*
 * glibc reserves a heap of an arena aligned to its size and opens it from the
 * bottom: 64 MiB, or four huge pages where a tunable asks for those (HEAP_MAX_SIZE
 * and heap_max_size in malloc/arena.c). Full ones join with the next heap above;
 * the kernel may also join the tail with a guard that lies behind it. A full one of
 * 8 MiB is like any mapping: others that are not full have to show that such are.
 */
static bool is_arena_head(const struct mp_proc *p, const struct mp_mapping *prev,
			  const struct mp_mapping *v, const struct mp_mapping *next)
{
	const struct mp_mapping *t = tail_of(v, next);
	uint64_t border = (v->end + 64 * MIB - 1) / (64 * MIB) * (64 * MIB);

	if (!(v->bits & MP_MAP_W) || v->start % (8 * MIB))
		return false;
	if (v->start % (64 * MIB) == 0 &&
	    (size_of(v) == 64 * MIB || (t && t->end >= border && t->end < border + 64 * MIB)))
		return true;
	return is_heap_of(v, next, 8 * MIB) || (seen(p, MP_PRINT_SMALL_ARENAS) &&
						size_of(v) == 8 * MIB && !is_thread_stack(prev, v));
}

static bool is_arena(const struct mp_proc *p, const struct mp_mapping *prev,
		     const struct mp_mapping *v, const struct mp_mapping *next)
{
	if (v->bits & RWX)
		return is_arena_head(p, prev, v, next);
	return prev && prev->end == v->start && prev->cls == MP_CLS_ARENA; /* the tail */
}

/*
 * mimalloc maps its segments of 32 MiB at hinted addresses that begin somewhere from
 * 2 to 6 TiB and go up (mi_os_get_aligned_hint in src/os.c). There nothing else asks
 * to be but V8, so the shape alone tells; elsewhere the library's name has to help.
 */
static bool is_hinted(const struct mp_mapping *v)
{
	return v->start >= 2 * TIB && v->start < 8 * TIB;
}

static bool is_mimalloc(const struct mp_proc *p, const struct mp_mapping *prev,
			const struct mp_mapping *v)
{
	bool hinted = is_hinted(v) && !seen(p, MP_PRINT_V8);

	if (!hinted && !seen(p, MP_PRINT_MIMALLOC))
		return false;
	if (v->start % (32 * MIB) == 0)
		return true;
	return prev && prev->end == v->start && prev->cls == MP_CLS_MIMALLOC;
}

/* jemalloc grows by eighths of powers of two from 2 MiB on, joins what lies together
 * and keeps it: sizes are steps of 512 KiB, addresses what the kernel gave. */
static bool is_jemalloc(const struct mp_proc *p, const struct mp_mapping *v)
{
	return seen(p, MP_PRINT_JEMALLOC) && (v->bits & MP_MAP_W) && size_of(v) % (512 * KIB) == 0;
}

/* gperftools takes the break first ([heap] stays brk), then maps by 1 MiB and more;
 * its metadata comes in pieces of 128 KiB, joined (kMetadataAllocChunkSize). */
static bool is_tcmalloc(const struct mp_proc *p, const struct mp_mapping *v)
{
	return seen(p, MP_PRINT_TCMALLOC) && (v->bits & MP_MAP_W) && size_of(v) >= 128 * KIB;
}

/* --- runtimes ------------------------------------------------------------------------ */

/* V8 maps its pages on multiples of 256 KiB (kPageSizeBits 18) at random addresses
 * of 46 bits (GetRandomMmapAddr), where the kernel by itself puts nothing; code may
 * also lie near the program, but nobody else in it has writable code. */
static bool is_v8(const struct mp_proc *p, const struct mp_mapping *v)
{
	if (!p->heaps[MP_SRC_V8].present && !seen(p, MP_PRINT_V8))
		return false;
	return (v->start % (256 * KIB) == 0 && v->start < 64 * TIB) || (v->bits & MP_MAP_X);
}

/* Go asks for its arenas at 0xc000000000 and goes up (mallocinit in malloc.go). */
#define GO_HEAP_START (0xc0ULL << 32)
#define GO_HEAP_END   (0x1c0ULL << 32)

static bool is_go_heap(const struct mp_proc *p, const struct mp_mapping *v)
{
	return (p->heaps[MP_SRC_GO].present || seen(p, MP_PRINT_GO)) && v->start >= GO_HEAP_START &&
	       v->start < GO_HEAP_END;
}

/* In a Go program without a C library nobody but the runtime maps; what continues a
 * file is the program's zeroed data. */
static bool is_go_runtime(const struct mp_proc *p, const struct mp_mapping *prev,
			  const struct mp_mapping *v)
{
	bool bss = prev && prev->end == v->start && (prev->bits & MP_MAP_FILE);

	return seen(p, MP_PRINT_GO) && !seen(p, MP_PRINT_LIBC) && !bss;
}

/* Compressed references reach so far (arguments.cpp: max_heap_for_compressed_oops). */
#define JVM_LOW (32 * GIB)
/* Below this is no heap (os::vm_min_address(), JDK 21 on, 16 MiB), but a part of the
 * table of Shenandoah's collection set (shenandoahCollectionSet.cpp, from 64 KiB on). */
#define JVM_LOWEST (16 * MIB)

/*
 * Metaspace is opened by 64 KiB in nodes of 64 MiB, from borders of 4 MiB on
 * (memory/metaspace/metaspaceSettings.hpp, JDK 16 and later). A node that lies on
 * 64 MiB and has only its first piece open is taken for an arena of glibc.
 */
static bool is_metaspace(const struct mp_mapping *v, const struct mp_mapping *next)
{
	const struct mp_mapping *t = tail_of(v, next);

	return (v->bits & MP_MAP_W) && aligned(v, 64 * KIB) && t && t->end % (4 * MIB) == 0 &&
	       t->end - v->start <= 64 * MIB;
}

/* By its shape, where the JVM's own tables did not tell its range. */
static bool is_jvm_heap(const struct mp_prints *f, const struct mp_mapping *v)
{
	if (v->start < JVM_LOW)
		return v->start >= JVM_LOWEST;
	return mostly_in(v, f->jheap_start, f->jheap_end);
}

static enum mp_class jvm_of(const struct mp_proc *p, const struct mp_mapping *prev,
			    const struct mp_mapping *v, const struct mp_mapping *next)
{
	const struct mp_prints *f = &p->prints;

	if (v->bits & MP_MAP_X)
		return MP_CLS_JVM_CODE;
	if (mostly_in(v, f->class_start, f->class_end))
		return MP_CLS_JVM_META;
	if (!has_ranges(p, MP_SRC_JVM) && is_jvm_heap(f, v))
		return p->heaps[MP_SRC_JVM].present ? MP_CLS_HEAP : MP_CLS_JVM_HEAP;
	return is_arena_head(p, prev, v, next) || !is_metaspace(v, next) ? MP_CLS_MAX
									 : MP_CLS_JVM_META;
}

static enum mp_class runtime_of(const struct mp_proc *p, const struct mp_mapping *prev,
				const struct mp_mapping *v, const struct mp_mapping *next)
{
	if (seen(p, MP_PRINT_JVM))
		return jvm_of(p, prev, v, next);
	if (is_v8(p, v))
		return p->heaps[MP_SRC_V8].present ? MP_CLS_HEAP : MP_CLS_V8_HEAP;
	if (is_go_heap(p, v))
		return p->heaps[MP_SRC_GO].present ? MP_CLS_HEAP : MP_CLS_GO_HEAP;
	return MP_CLS_MAX;
}

/* --- what the table proves ------------------------------------------------------------ */

static bool starts(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

#define ZGC_HEAP "/memfd:java_heap" /* ZFILENAME_HEAP in os/linux/gc/z */

/* What a mapped file proves; the last part of its path decides. */
static uint64_t print_of_file(const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;

	if (starts(base, "libc.so") || starts(base, "libc-2") || starts(base, "ld-musl"))
		return MP_PRINT_LIBC;
	if (starts(base, "libjemalloc"))
		return MP_PRINT_JEMALLOC;
	if (starts(base, "libmimalloc"))
		return MP_PRINT_MIMALLOC;
	if (starts(base, "libtcmalloc"))
		return MP_PRINT_TCMALLOC;
	if (!strcmp(base, "node") || !strcmp(base, "nodejs") || starts(base, "libnode.so"))
		return MP_PRINT_V8;
	if (starts(path, ZGC_HEAP))
		return MP_PRINT_JVM | MP_PRINT_ZGC;
	return starts(base, "libjvm.so") || strstr(path, "/hsperfdata_") ? MP_PRINT_JVM : 0;
}

static bool is_class_archive(const char *path)
{
	size_t n = strlen(path);

	return n > 4 && !strcmp(path + n - 4, ".jsa");
}

/* What is reserved behind a mapping without a gap, its end; at most 1 GiB and what
 * aligns it: then other reservations may follow. */
static uint64_t reserved_behind(const struct mp_mapping *v)
{
	uint64_t end = v->end, max = (end / (16 * MIB) + 1) * (16 * MIB) + GIB;

	for (v = v->next; v && v->start == end && anon_private(v) && v->end <= max; v = v->next)
		end = v->end;
	return end;
}

/* The class space lies behind the archive; parts of the archive in the heap have no
 * such reservation behind them. */
static void learn_class_space(struct mp_prints *f, const struct mp_mapping *v)
{
	uint64_t end = reserved_behind(v);

	if (end - v->end < 512 * MIB)
		return;
	f->class_start = v->end;
	f->class_end = end;
}

/*
 * A heap that compressed references do not reach: one reservation of more than 32 GiB, of
 * which each generation has its head open, so what lies together without a gap counts.
 * Where several are, the largest; nothing else is as large. Tables of the collector that
 * lie right below it are taken for a part of it. Returns where to look on.
 */
static const struct mp_mapping *learn_large_heap(struct mp_prints *f, const struct mp_mapping *v)
{
	uint64_t start = v->start, end = v->end;

	for (v = v->next; v && v->start == end && anon_private(v) && !(v->bits & MP_MAP_X);
	     v = v->next)
		end = v->end;
	if (end - start >= JVM_LOW && end - start > f->jheap_end - f->jheap_start) {
		f->jheap_start = start;
		f->jheap_end = end;
	}
	return v;
}

static void learn_large_heaps(struct mp_prints *f, const struct mp_mapping *v)
{
	while (v) {
		if (anon_private(v) && (v->bits & MP_MAP_W) && !(v->bits & MP_MAP_X))
			v = learn_large_heap(f, v);
		else
			v = v->next;
	}
}

static void learn_jvm(struct mp_proc *p, const struct mp_model *m)
{
	p->prints.zheap_dev = p->prints.zheap_ino = 0;
	if (!seen(p, MP_PRINT_ZGC)) /* its mark bits are as large */
		learn_large_heaps(&p->prints, p->maps);
	for (const struct mp_mapping *v = p->maps; v; v = v->next) {
		if (starts(mp_str(m, v->name), ZGC_HEAP)) {
			p->prints.zheap_dev = v->dev;
			p->prints.zheap_ino = v->ino;
		}
		if ((v->bits & MP_MAP_FILE) && is_class_archive(mp_str(m, v->name)))
			learn_class_space(&p->prints, v);
	}
}

void classes_learn(struct mp_proc *p, const struct mp_model *m)
{
	uint64_t *s = &p->prints.seen;
	uint32_t last = 0;

	*s = 0;
	for (const struct mp_mapping *v = p->maps; v; v = v->next) {
		if (anon_private(v)) {
			*s |= v->start == GO_HEAP_START ? MP_PRINT_GO : 0;
			*s |= is_heap_of(v, v->next, 8 * MIB) ? MP_PRINT_SMALL_ARENAS : 0;
		} else if ((v->bits & MP_MAP_FILE) && v->name && v->name != last) {
			*s |= print_of_file(mp_str(m, v->name));
			last = v->name;
		}
	}
	if (*s & (MP_PRINT_V8 | MP_PRINT_JVM))
		*s &= ~(uint64_t)MP_PRINT_GO;
	if (*s & MP_PRINT_JVM)
		learn_jvm(p, m);
}

/* --- the class ------------------------------------------------------------------------- */

/* Names that programs give to anonymous memory (PR_SET_VMA_ANON_NAME); any other
 * says nothing of the use. */
static enum mp_class class_by_anon_name(const char *name)
{
	static const struct {
		const char *start;
		enum mp_class cls;
	} known[] = {
		{ "[anon: Go: heap", MP_CLS_GO_HEAP },
		{ "[anon: Go:", MP_CLS_GO_RUNTIME },
		{ "[anon: glibc: malloc arena", MP_CLS_ARENA },
		{ "[anon: glibc: pthread", MP_CLS_STACK },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (starts(name, known[i].start))
			return known[i].cls;
	return MP_CLS_MAX;
}

enum mp_class class_named(const struct mp_proc *p, const struct mp_model *m,
			  const struct mp_mapping *v)
{
	const char *name = mp_str(m, v->name);
	enum mp_class c;

	if (!v->name || (v->bits & (MP_MAP_FILE | MP_MAP_SHMEM)) || class_in_heap_range(p, v))
		return MP_CLS_MAX;
	if (!strcmp(name, "[heap]"))
		return MP_CLS_BRK;
	if (starts(name, "[stack"))
		return MP_CLS_STACK;
	if (name[0] == '[' && !starts(name, "[anon"))
		return MP_CLS_SPECIAL;
	c = class_by_anon_name(name);
	return c == MP_CLS_GO_HEAP && p->heaps[MP_SRC_GO].present ? MP_CLS_HEAP : c;
}

/* Named by the kernel or the program: the snapshot said so, calls keep it. */
static bool keeps_class(const struct mp_mapping *v)
{
	switch (v->cls) {
	case MP_CLS_BRK:
	case MP_CLS_SPECIAL:
		return true;
	case MP_CLS_STACK:
	case MP_CLS_ARENA:
	case MP_CLS_GO_HEAP:
	case MP_CLS_GO_RUNTIME:
		return v->name;
	default:
		return false;
	}
}

enum mp_class class_of(const struct mp_proc *p, const struct mp_mapping *prev,
		       const struct mp_mapping *v, const struct mp_mapping *next)
{
	enum mp_class c;

	if (v->bits & MP_MAP_SHMEM)
		return MP_CLS_SHMEM;
	if (v->bits & MP_MAP_FILE) /* also a class archive's objects that G1 maps in its heap */
		return MP_CLS_FILE;
	if (class_in_heap_range(p, v))
		return MP_CLS_HEAP;
	if (keeps_class(v))
		return v->cls;
	/* A runtime's shapes are many; where both are mapped the library's is the rarer. */
	if (seen(p, MP_PRINT_MIMALLOC) && is_hinted(v) && is_mimalloc(p, prev, v))
		return MP_CLS_MIMALLOC;
	c = runtime_of(p, prev, v, next);
	if (c != MP_CLS_MAX)
		return c;
	if (is_mimalloc(p, prev, v)) /* its segments begin as arenas do */
		return MP_CLS_MIMALLOC;
	if (is_arena(p, prev, v, next))
		return MP_CLS_ARENA;
	if (is_thread_stack(prev, v))
		return MP_CLS_STACK;
	if (is_jemalloc(p, v))
		return MP_CLS_JEMALLOC;
	if (is_tcmalloc(p, v))
		return MP_CLS_TCMALLOC;
	return is_go_runtime(p, prev, v) ? MP_CLS_GO_RUNTIME : MP_CLS_ANON;
}
