/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_classes.c - fingerprints of allocators and runtimes on mappings written by
 * hand, as real programs of Debian 12 had them (tests/bpf/test_classes.py runs
 * those programs); and what the account makes of the classes.
 */
#include "tests/unit/ev.h"

#define HOLE 0 /* bits of what is reserved and cannot be accessed */
#define XRW  (BITS_RW | MP_MAP_X)
#define RWF  (BITS_RW | MP_MAP_FILE)

/* A line of a snapshot, and the class that is right for it. */
struct line {
	uint64_t start, end;
	uint32_t bits;
	const char *name;
	enum mp_class cls;
};

static void snap(struct fx *f, const struct line *l, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (l[i].name)
			fx_str(f, (uint32_t)i + 1, l[i].name);
	fx_snap_begin(f);
	for (size_t i = 0; i < n; i++)
		fx_line(f, l[i].start, l[i].end - l[i].start, l[i].bits,
			l[i].name ? (uint32_t)i + 1 : 0);
	fx_snap_end(f);
}

static enum mp_class cls(struct fx *f, uint64_t addr)
{
	const struct mp_mapping *v = mp_proc_find(P(f), addr);

	assert_non_null(v);
	return v->cls;
}

static void assert_classes(struct fx *f, const struct line *l, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (cls(f, l[i].start) != l[i].cls)
			fail_msg("%llx: %s, not %s", (unsigned long long)l[i].start,
				 mp_class_name(cls(f, l[i].start)), mp_class_name(l[i].cls));
}

#define CHECK(f, lines)                                                     \
	do {                                                                \
		snap(f, lines, sizeof(lines) / sizeof(lines[0]));           \
		assert_classes(f, lines, sizeof(lines) / sizeof(lines[0])); \
	} while (0)

static const struct line libc = { 0x7fd90f8f0000, 0x7fd90f8f8000, BITS_LIB,
				  "/usr/lib/x86_64-linux-gnu/libc.so.6", MP_CLS_FILE };

static void test_jemalloc(void **state)
{
	const struct line lines[] = {
		{ 0x7f4505900000, 0x7f4506600000, BITS_RW, NULL, MP_CLS_JEMALLOC },
		{ 0x7f450ca80000, 0x7f450e400000, BITS_RW, NULL, MP_CLS_JEMALLOC },
		{ 0x7f45109ff000, 0x7f4510a00000, HOLE, NULL, MP_CLS_ANON },
		{ 0x7f4510a00000, 0x7f4511200000, BITS_RW, NULL, MP_CLS_STACK },
		{ 0x7f45132fc000, 0x7f45137fc000, BITS_RW, NULL, MP_CLS_JEMALLOC },
		{ 0x7f4513817000, 0x7f451381a000, BITS_RW, NULL, MP_CLS_ANON },
		{ 0x7f4513ace000, 0x7f4513ced000, BITS_RW, NULL, MP_CLS_ANON }, /* its own data */
		{ 0x7f4513d00000, 0x7f4513d10000, BITS_LIB, "/usr/lib/libjemalloc.so.2",
		  MP_CLS_FILE },
		libc,
	};
	struct fx f = fx_new();
	struct line bare[9];

	(void)state;
	CHECK(&f, lines);
	/* what is mapped later, until the next snapshot */
	do_mmap(&f, 0x7f4500000000, 2 * MIB, RW, PRIV);
	assert_int_equal(cls(&f, 0x7f4500000000), MP_CLS_JEMALLOC);
	/* without the library the shape says nothing */
	memcpy(bare, lines, sizeof(bare));
	bare[7].name = "/usr/lib/libz.so.1";
	bare[0].cls = bare[1].cls = bare[4].cls = MP_CLS_ANON;
	fx_free(&f);
	f = fx_new();
	CHECK(&f, bare);
	fx_free(&f);
}

static void test_mimalloc(void **state)
{
	const struct line lines[] = {
		{ 0x2023a000000, 0x2023dd00000, BITS_RW, NULL, MP_CLS_MIMALLOC },
		{ 0x2023dd00000, 0x2023e000000, HOLE, NULL, MP_CLS_MIMALLOC },
		{ 0x2023e000000, 0x2023fd00000, BITS_RW, NULL, MP_CLS_MIMALLOC },
		{ 0x20240500000, 0x20240600000, BITS_RW, NULL, MP_CLS_ANON }, /* begins nothing */
		{ 0x100000000000, 0x100000200000, BITS_RW, NULL, MP_CLS_ANON },
		{ 0x7f7cb4000000, 0x7f7cb4200000, BITS_RW, NULL, MP_CLS_ANON },
		libc,
	};
	struct fx f = fx_new();
	struct line named[7];

	(void)state;
	CHECK(&f, lines); /* no library of the name: linked into the program */
	do_mprotect(&f, 0x2023dd00000, MIB, RW);
	do_touch(&f, 0x2023dd00000, 256);
	assert_int_equal(cls(&f, 0x2023dd00000), MP_CLS_MIMALLOC);
	assert_int_equal(P(&f)->cls_pages[MP_CLS_MIMALLOC], 256);
	fx_free(&f);
	memcpy(named, lines, sizeof(named));
	named[6].name = "/opt/libmimalloc.so.2.0";
	named[4].cls = named[5].cls = MP_CLS_MIMALLOC; /* where the hint was taken */
	f = fx_new();
	CHECK(&f, named);
	fx_free(&f);
}

static void test_tcmalloc(void **state)
{
	const struct line lines[] = {
		{ 0x55675d302000, 0x556766402000, BITS_RW, "[heap]", MP_CLS_BRK },
		{ 0x7fad2a71c000, 0x7fad2a71d000, HOLE, NULL, MP_CLS_ANON },
		{ 0x7fad2a71d000, 0x7fad2af1d000, BITS_RW, NULL, MP_CLS_STACK },
		{ 0x7fad2ca17000, 0x7fad2ca1a000, BITS_RW, NULL, MP_CLS_ANON },
		{ 0x7fad2cc59000, 0x7fad2ce0e000, BITS_RW, NULL, MP_CLS_TCMALLOC },
		{ 0x7fad2ce10000, 0x7fad2ce20000, BITS_LIB,
		  "/usr/lib/libtcmalloc_minimal.so.4.5.10", MP_CLS_FILE },
		libc,
	};
	struct fx f = fx_new();

	(void)state;
	CHECK(&f, lines);
	fx_free(&f);
}

/* Heaps of glibc: 64 MiB, full ones joined with the next, four huge pages. */
static void test_glibc_sizes(void **state)
{
	const struct line lines[] = {
		/* nearly full: its tail is no guard of a stack */
		{ 0x7fd8f4000000, 0x7fd8f7fff000, BITS_RW, NULL, MP_CLS_ARENA },
		{ 0x7fd8f7fff000, 0x7fd8f8000000, HOLE, NULL, MP_CLS_ARENA },
		{ 0x7fd8f8000000, 0x7fd8f98d9000, BITS_RW, NULL, MP_CLS_ARENA },
		{ 0x7fd8f98d9000, 0x7fd8fc000000, HOLE, NULL, MP_CLS_ARENA },
		{ 0x7fd900000000, 0x7fd9058fa000, BITS_RW, NULL, MP_CLS_ARENA }, /* 1 full, 1 not */
		{ 0x7fd9058fa000, 0x7fd908004000, HOLE, NULL, MP_CLS_ARENA },	 /* and a guard */
		{ 0x7fd910800000, 0x7fd910a21000, BITS_RW, NULL, MP_CLS_ARENA },
		{ 0x7fd910a21000, 0x7fd911000000, HOLE, NULL, MP_CLS_ARENA },
		{ 0x7fd911800000, 0x7fd912000000, BITS_RW, NULL, MP_CLS_ARENA }, /* full */
		{ 0x7fd9127ff000, 0x7fd912800000, HOLE, NULL, MP_CLS_ANON },
		{ 0x7fd912800000, 0x7fd913000000, BITS_RW, NULL, MP_CLS_STACK },
		/* a reservation of 8 GiB on the same border is none */
		{ 0x7fda60000000, 0x7fda62000000, BITS_RW, NULL, MP_CLS_ANON },
		{ 0x7fda62000000, 0x7fdc60000000, HOLE, NULL, MP_CLS_ANON },
		{ 0x7fdd60000000, 0x7fdd60021000, BITS_RW, "[anon: glibc: malloc arena]",
		  MP_CLS_ARENA },
		{ 0x7fdd70000000, 0x7fdd70021000, BITS_RW, "[anon: glibc: pthread stack: 77]",
		  MP_CLS_STACK },
	};
	struct fx f = fx_new();

	(void)state;
	CHECK(&f, lines);
	/* with nothing that shows heaps of 8 MiB, a full one is like any mapping */
	do_munmap(&f, 0x7fd910800000, 8 * MIB);
	fold(&f, ev_heap(MM, tick(&f), MP_SRC_GO, 0, 0)); /* all are classed anew */
	assert_int_equal(cls(&f, 0x7fd911800000), MP_CLS_ANON);
	/* what the program named keeps its class in pieces */
	do_munmap(&f, 0x7fdd60001000, PG);
	assert_int_equal(cls(&f, 0x7fdd60000000), MP_CLS_ARENA);
	assert_int_equal(cls(&f, 0x7fdd60002000), MP_CLS_ARENA);
	fx_free(&f);
}

static const struct line go_lines[] = {
	{ 0x400000, 0x483000, BITS_LIB, "/tmp/prog", MP_CLS_FILE },
	{ 0x483000, 0x52c000, RWF, "/tmp/prog", MP_CLS_FILE },
	{ 0x52c000, 0x55f000, BITS_RW, NULL, MP_CLS_ANON }, /* zeroed data */
	{ 0xc000000000, 0xc003c00000, BITS_RW, NULL, MP_CLS_GO_HEAP },
	{ 0xc003c00000, 0xc004000000, HOLE, NULL, MP_CLS_GO_HEAP },
	{ 0xc100000000, 0xc104000000, BITS_RW, NULL, MP_CLS_GO_HEAP }, /* above 4 GiB */
	{ 0x7f26c78af000, 0x7f26c9c00000, BITS_RW, NULL, MP_CLS_GO_RUNTIME },
	{ 0x7f26ca007000, 0x7f26da580000, HOLE, NULL, MP_CLS_GO_RUNTIME },
	{ 0x7f26da580000, 0x7f26da581000, BITS_RW, NULL, MP_CLS_GO_RUNTIME },
	{ 0x7ffff5b50000, 0x7ffff5b71000, BITS_RW, "[stack]", MP_CLS_STACK },
};

static void test_go(void **state)
{
	struct fx f = fx_new();
	struct line with_c[11];

	(void)state;
	CHECK(&f, go_lines);
	fold(&f, ev_heap(MM, tick(&f), MP_SRC_GO, 5 * PG, 64 * PG));
	assert_int_equal(cls(&f, 0xc000000000), MP_CLS_HEAP);
	assert_int_equal(cls(&f, 0xc100000000), MP_CLS_HEAP);
	fx_free(&f);
	/* with a C library others map too */
	memcpy(with_c, go_lines, sizeof(go_lines));
	for (int i = 6; i < 9; i++)
		with_c[i].cls = MP_CLS_ANON;
	with_c[10] = with_c[9];
	with_c[9] = libc;
	f = fx_new();
	CHECK(&f, with_c);
	fx_free(&f);
}

/* Go from 1.25 on names its memory, where the kernel can. */
static void test_go_names(void **state)
{
	const struct line lines[] = {
		{ 0x1234000000, 0x1234400000, BITS_RW, "[anon: Go: heap]", MP_CLS_GO_HEAP },
		{ 0x7f26c78af000, 0x7f26c9c00000, BITS_RW, "[anon: Go: page alloc]",
		  MP_CLS_GO_RUNTIME },
	};
	struct fx f = fx_new();

	(void)state;
	CHECK(&f, lines);
	fold(&f, ev_heap(MM, tick(&f), MP_SRC_GO, 5 * PG, 64 * PG));
	assert_int_equal(cls(&f, 0x1234000000), MP_CLS_HEAP);
	fx_free(&f);
}

static void test_v8(void **state)
{
	const struct line lines[] = {
		{ 0x400000, 0xb6f000, BITS_LIB, "/usr/bin/node", MP_CLS_FILE },
		{ 0x43643000, 0x43906000, BITS_RW, "[heap]", MP_CLS_BRK },
		{ 0xc000000000, 0xc000040000, BITS_RW, NULL, MP_CLS_V8_HEAP }, /* not Go's */
		{ 0x31f2b740000, 0x31f2b891000, BITS_RW, NULL, MP_CLS_V8_HEAP },
		{ 0x16bb6a680000, 0x16bb6a68d000, MP_MAP_R, NULL, MP_CLS_V8_HEAP },
		{ 0x16bb6a701000, 0x16bb6a741000, BITS_RW, NULL, MP_CLS_ANON },
		{ 0x7f2f28000000, 0x7f2f28113000, BITS_RW, NULL, MP_CLS_ARENA },
		{ 0x7f2f28113000, 0x7f2f2c000000, HOLE, NULL, MP_CLS_ARENA },
		{ 0x7f2f30fb0000, 0x7f2f31fc0000, BITS_RW, NULL, MP_CLS_ANON }, /* buffers */
		{ 0x7f2f31fc3000, 0x7f2f31fff000, XRW, NULL, MP_CLS_V8_HEAP },
		{ 0x7f2f40000000, 0x7f2f40140000, BITS_RW, NULL, MP_CLS_ANON },
	};
	struct fx f = fx_new();

	(void)state;
	CHECK(&f, lines);
	fold(&f, ev_heap(MM, tick(&f), MP_SRC_V8, 5 * PG, 64 * PG));
	assert_int_equal(cls(&f, 0x31f2b740000), MP_CLS_HEAP);
	assert_int_equal(cls(&f, 0x7f2f31fc3000), MP_CLS_HEAP);
	fx_free(&f);
}

/* Both hint at addresses of the same stretch. */
static void test_v8_with_mimalloc(void **state)
{
	struct line lines[] = {
		{ 0x400000, 0xb6f000, BITS_LIB, "/usr/bin/node", MP_CLS_FILE },
		{ 0x2023a000000, 0x2023dd00000, BITS_RW, NULL, MP_CLS_MIMALLOC },
		{ 0x2023dd00000, 0x2023e000000, HOLE, NULL, MP_CLS_MIMALLOC },
		{ 0x31f2b740000, 0x31f2b891000, BITS_RW, NULL, MP_CLS_V8_HEAP },
		{ 0x7f7cafe80000, 0x7f7cafe90000, BITS_LIB, "/opt/libmimalloc.so.2", MP_CLS_FILE },
	};
	struct fx f = fx_new();

	(void)state;
	CHECK(&f, lines);
	fx_free(&f);
	lines[4].name = "/opt/libother.so";
	lines[1].cls = lines[2].cls = MP_CLS_V8_HEAP;
	f = fx_new();
	CHECK(&f, lines);
	fx_free(&f);
}

static const struct line jvm_lines[] = {
	{ 0xf0000000, 0xffe00000, BITS_RW, NULL, MP_CLS_JVM_HEAP },
	{ 0xffe00000, 0xffe75000, RWF, "/jvm/lib/server/classes.jsa", MP_CLS_FILE },
	{ 0xffe75000, 0xfff00000, BITS_RW, NULL, MP_CLS_JVM_HEAP },
	{ 0x5633b1dd5000, 0x5633b1e1c000, BITS_RW, "[heap]", MP_CLS_BRK },
	{ 0x7f06a4000000, 0x7f06a4021000, BITS_RW, NULL, MP_CLS_ARENA },
	{ 0x7f06a4021000, 0x7f06a8000000, HOLE, NULL, MP_CLS_ARENA },
	{ 0x7f06a8000000, 0x7f06a8030000, BITS_RW, NULL, MP_CLS_JVM_META },
	{ 0x7f06a8030000, 0x7f06a8400000, HOLE, NULL, MP_CLS_ANON },
	{ 0x7f06a8400000, 0x7f06a8410000, BITS_RW, NULL, MP_CLS_JVM_META },
	{ 0x7f06a8410000, 0x7f06ac000000, HOLE, NULL, MP_CLS_ANON },
	{ 0x7f06ac000000, 0x7f06acbc7000, RWF, "/jvm/lib/server/classes.jsa", MP_CLS_FILE },
	{ 0x7f06acbc7000, 0x7f06ad000000, HOLE, NULL, MP_CLS_JVM_META },
	{ 0x7f06ad000000, 0x7f06ad010000, BITS_RW, NULL, MP_CLS_JVM_META },
	{ 0x7f06ad010000, 0x7f06ad040000, HOLE, NULL, MP_CLS_JVM_META },
	{ 0x7f06ad040000, 0x7f06ad050000, BITS_RW, NULL, MP_CLS_JVM_META },
	{ 0x7f06ad050000, 0x7f06ed000000, HOLE, NULL, MP_CLS_JVM_META },
	{ 0x7f06ed400000, 0x7f06ed670000, XRW, NULL, MP_CLS_JVM_CODE },
	{ 0x7f070898d000, 0x7f070898e000, HOLE, NULL, MP_CLS_ANON },
	{ 0x7f070898e000, 0x7f0708a8e000, BITS_RW, NULL, MP_CLS_STACK },
	{ 0x7f07095b7000, 0x7f070972f000, BITS_RW, NULL, MP_CLS_ANON },
	{ 0x7f070b17e000, 0x7f070b186000, RWF | MP_MAP_SHARED, "/tmp/hsperfdata_root/26581",
	  MP_CLS_FILE },
};

static void test_jvm(void **state)
{
	struct fx f = fx_new();

	(void)state;
	CHECK(&f, jvm_lines);
	fold(&f, ev_heap(MM, tick(&f), MP_SRC_JVM, 5 * PG, 64 * PG));
	assert_int_equal(cls(&f, 0xf0000000), MP_CLS_HEAP);
	fx_free(&f);
}

/* JDK 25 has archive and class space below its heap, which has parts of the archive. */
static void test_jvm_low_class_space(void **state)
{
	const struct line lines[] = {
		{ 0x88001000, 0x88d96000, RWF, "/jvm/lib/server/classes.jsa", MP_CLS_FILE },
		{ 0x88d96000, 0x89000000, HOLE, NULL, MP_CLS_JVM_META },
		{ 0x89000000, 0x89050000, BITS_RW, NULL, MP_CLS_JVM_META },
		{ 0x89050000, 0xc9000000, HOLE, NULL, MP_CLS_JVM_META },
		{ 0xf0000000, 0xffe00000, BITS_RW, NULL, MP_CLS_JVM_HEAP },
		{ 0xffe00000, 0xffe75000, RWF, "/jvm/lib/server/classes.jsa", MP_CLS_FILE },
		{ 0xffe75000, 0xfff00000, BITS_RW, NULL, MP_CLS_JVM_HEAP },
		{ 0x7ff9c7c80000, 0x7ff9c7d6b000, BITS_LIB, "/jvm/lib/server/libjvm.so",
		  MP_CLS_FILE },
	};
	struct fx f = fx_new();

	(void)state;
	CHECK(&f, lines);
	fx_free(&f);
}

/* More than compressed references reach: the large reservation with its open head. */
static void test_jvm_large_heap(void **state)
{
	struct line lines[] = {
		{ 0x7fbd5b020000, 0x7fbd60000000, HOLE, NULL, MP_CLS_ANON },
		{ 0x7fbd60000000, 0x7fbd62000000, BITS_RW, NULL, MP_CLS_JVM_HEAP },
		{ 0x7fbd62000000, 0x7fc760000000, HOLE, NULL, MP_CLS_JVM_HEAP },
		{ 0x7fc77d000000, 0x7fc77d100000, BITS_LIB, "/jvm/lib/server/libjvm.so",
		  MP_CLS_FILE },
		{ 0x7fc77e447000, 0x7fc77e44f000, RWF | MP_MAP_SHARED, "/tmp/x", MP_CLS_FILE },
	};
	struct fx f = fx_new();

	(void)state;
	CHECK(&f, lines);
	do_mprotect(&f, 0x7fbd70000000, MIB, RW); /* opened in the middle */
	assert_int_equal(cls(&f, 0x7fbd70000000), MP_CLS_JVM_HEAP);
	/* what lies before it is opened too, and the kernel makes one mapping of both */
	do_mprotect(&f, 0x7fbd5fff0000, 64 * KIB, RW);
	assert_mapping(&f, 0x7fbd60000000, 0x7fbd5fff0000, 32 * MIB + 64 * KIB);
	assert_int_equal(cls(&f, 0x7fbd60000000), MP_CLS_JVM_HEAP);
	fx_free(&f);
	/* ZGC has its heap in a memfd; what else is large there are mark bits */
	lines[4] = (struct line){ 0x7fc77e447000, 0x7fc77e44f000,
				  RWF | MP_MAP_SHARED | MP_MAP_SHMEM, "/memfd:java_heap (deleted)",
				  MP_CLS_SHMEM };
	lines[1].cls = lines[2].cls = MP_CLS_ANON;
	f = fx_new();
	CHECK(&f, lines);
	fx_free(&f);
}

/* JDK 17, Serial with -Xmx40g: each generation has its head open, and no head with what is
 * reserved behind it has 32 GiB. Of Shenandoah a page far below is no heap. */
static void test_jvm_generations(void **state)
{
	const struct line lines[] = {
		{ 0x10000, 0x11000, BITS_RW, NULL, MP_CLS_ANON },
		{ 0x7f2d24400000, 0x7f2d25ea9000, HOLE, NULL, MP_CLS_ANON },
		{ 0x7f2d29400000, 0x7f2d31210000, BITS_RW, NULL, MP_CLS_JVM_HEAP },
		{ 0x7f2d31210000, 0x7f307e950000, HOLE, NULL, MP_CLS_JVM_HEAP },
		{ 0x7f307e950000, 0x7f308e550000, BITS_RW, NULL, MP_CLS_JVM_HEAP },
		{ 0x7f308e550000, 0x7f3729400000, HOLE, NULL, MP_CLS_JVM_HEAP },
		{ 0x7f3729400000, 0x7f3729670000, XRW, NULL, MP_CLS_JVM_CODE },
		{ 0x7f377d000000, 0x7f377d100000, BITS_LIB, "/jvm/lib/server/libjvm.so",
		  MP_CLS_FILE },
	};
	struct fx f = fx_new();

	(void)state;
	CHECK(&f, lines);
	fx_free(&f);
}

/* Its own table told where its heap is: that, and no shape. */
static void test_jvm_range(void **state)
{
	struct fx f = fx_new();
	struct mp_event e;

	(void)state;
	CHECK(&f, jvm_lines);
	fold(&f, ev_range(MM, tick(&f), MP_HEAP_RESERVE, 0x7f0000000000, 400 * MIB));
	assert_int_equal(cls(&f, 0xf0000000), MP_CLS_JVM_HEAP); /* another source's range */
	e = ev_range(MM, tick(&f), MP_HEAP_RESERVE, 0xffe75000, 0x8b000);
	e.range.source = MP_SRC_JVM;
	fold(&f, e);
	assert_int_equal(cls(&f, 0xffe75000), MP_CLS_HEAP);
	assert_int_not_equal(cls(&f, 0xf0000000), MP_CLS_JVM_HEAP);
	fx_free(&f);
}

/* The next image is another program. */
static void test_exec_forgets(void **state)
{
	struct fx f = fx_new();

	(void)state;
	CHECK(&f, go_lines);
	fold(&f, ev_task(MM + 1, tick(&f), MP_TASK_EXEC, MM, 100));
	fold(&f, ev_mmap(MM + 1, tick(&f), 0xc000000000, 4 * MIB, RW, PRIV));
	assert_int_equal(mp_proc_find(mp_model_proc(f.m, MM + 1), 0xc000000000)->cls, MP_CLS_ANON);
	fx_free(&f);
}

/* --- the account ------------------------------------------------------------------------ */

static void test_account_parts(void **state)
{
	struct fx f = fx_new();
	struct mp_account a;

	(void)state;
	CHECK(&f, jvm_lines);
	do_touch(&f, 0xf0000000, 100);
	do_touch(&f, 0x7f06ad000000, 5);
	do_touch(&f, 0x7f06a8000000, 7);
	do_touch(&f, 0x7f06ed400000, 11);
	do_touch(&f, 0x7f07095b7000, 13);
	do_rss(&f, 140, 0, 0);
	mp_account(P(&f), &a);
	assert_false(a.heap_known);
	assert_int_equal(a.unsplit_heap, 100 * PG);
	assert_int_equal(a.runtime, 23 * PG);
	assert_int_equal(a.other_anon, 13 * PG);
	assert_int_equal(a.unknown, 4 * PG);
	/* figures come: the same pages are live or free, and no longer unsplit */
	fold(&f, ev_heap(MM, tick(&f), MP_SRC_JVM, 60 * PG, 200 * PG));
	mp_account(P(&f), &a);
	assert_int_equal(a.unsplit_heap, 0);
	assert_int_equal(a.live_heap, 60 * PG);
	assert_int_equal(a.free_heap_resident, 40 * PG);
	fx_free(&f);
}

static void test_account_native(void **state)
{
	const struct line lines[] = {
		{ 0x2023a000000, 0x2023dd00000, BITS_RW, NULL, MP_CLS_MIMALLOC },
		{ 0x7f4505900000, 0x7f4506600000, BITS_RW, NULL, MP_CLS_JEMALLOC },
		{ 0x7f4513d00000, 0x7f4513d10000, BITS_LIB, "/usr/lib/libjemalloc.so.2",
		  MP_CLS_FILE },
	};
	struct fx f = fx_new();
	struct mp_account a;

	(void)state;
	CHECK(&f, lines);
	do_touch(&f, 0x2023a000000, 10);
	do_touch(&f, 0x7f4505900000, 20);
	do_rss(&f, 30, 0, 0);
	mp_account(P(&f), &a);
	assert_int_equal(a.native, 30 * PG);
	assert_int_equal(a.arenas, 0);
	assert_int_equal(a.unknown, 0);
	/* the plot has one band for all malloc */
	assert_int_equal(P(&f)->tl.p[P(&f)->tl.n - 1].arenas, 30 * PG);
	fx_free(&f);
}

/* A written page of a private mapping is anonymous, whatever is mapped. */
static void test_account_private_copies(void **state)
{
	const struct line lines[] = {
		{ 0x7f4505900000, 0x7f4506600000, RWF, "/tmp/file", MP_CLS_FILE },
		{ 0x7f4513d00000, 0x7f4513d10000, RWF | MP_MAP_SHMEM, "/memfd:x (deleted)",
		  MP_CLS_SHMEM },
	};
	struct fx f = fx_new();
	struct mp_account a;

	(void)state;
	CHECK(&f, lines);
	do_touch(&f, 0x7f4505900000, 10);
	do_touch(&f, 0x7f4513d00000, 8);
	do_rss(&f, 9, 4, 5);
	mp_account(P(&f), &a);
	assert_int_equal(a.other_anon, 9 * PG);
	assert_int_equal(a.unknown, 0);
	fx_free(&f);
}

/* --- after a keyframe --------------------------------------------------------------------- */

static int into(void *ctx, const struct mp_event *e)
{
	return mp_model_fold(ctx, e);
}

/* What is mapped after a state dump is classed as it would have been without. */
static void test_dump_keeps_prints(void **state)
{
	struct fx f = fx_new(), g = fx_empty();

	(void)state;
	CHECK(&f, go_lines);
	assert_int_equal(mp_model_dump(f.m, into, g.m), 0);
	assert_true(mp_model_digest(f.m) == mp_model_digest(g.m));
	g.ts = f.ts;
	do_mmap(&f, 0x7f2700000000, MIB, RW, PRIV);
	do_mmap(&g, 0x7f2700000000, MIB, RW, PRIV);
	assert_int_equal(cls(&f, 0x7f2700000000), MP_CLS_GO_RUNTIME);
	assert_int_equal(cls(&g, 0x7f2700000000), MP_CLS_GO_RUNTIME);
	assert_true(mp_model_digest(f.m) == mp_model_digest(g.m));
	fx_free(&f);
	fx_free(&g);
}

static void test_names(void **state)
{
	(void)state;
	for (int c = 0; c < MP_CLS_MAX; c++)
		assert_string_not_equal(mp_class_name((enum mp_class)c), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jemalloc),
		cmocka_unit_test(test_mimalloc),
		cmocka_unit_test(test_tcmalloc),
		cmocka_unit_test(test_glibc_sizes),
		cmocka_unit_test(test_go),
		cmocka_unit_test(test_go_names),
		cmocka_unit_test(test_v8),
		cmocka_unit_test(test_v8_with_mimalloc),
		cmocka_unit_test(test_jvm),
		cmocka_unit_test(test_jvm_low_class_space),
		cmocka_unit_test(test_jvm_large_heap),
		cmocka_unit_test(test_jvm_generations),
		cmocka_unit_test(test_jvm_range),
		cmocka_unit_test(test_exec_forgets),
		cmocka_unit_test(test_account_parts),
		cmocka_unit_test(test_account_native),
		cmocka_unit_test(test_account_private_copies),
		cmocka_unit_test(test_dump_keeps_prints),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
