/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_misuse.c - what a program does wrong ends with a sentence that says what it was,
 * and a missed root or barrier is found by zeal. (Threads' misuse: test_threads.c.)
 */
#define GC_DEBUG /* ends of frames are checked in this file */
#include "common.h"
#include "death.h"

static void minor(struct fix *f)
{
	assert_int_equal(gc_collect(f->m, GC_MINOR, GC_REASON_TESTING), 0);
}

static void full(struct fix *f)
{
	assert_int_equal(gc_collect(f->m, GC_FULL, GC_REASON_TESTING), 0);
}

/* --- types ----------------------------------------------------------------------------- */

static void wrong_descriptors(void **state)
{
	static const struct gc_field outside = { "x", 24 }, nameless = { NULL, 0 };
	const struct gc_type_desc bad[] = {
		GC_TYPE_INIT(.name = NULL, .kind = GC_DATA, .size = 8),
		GC_TYPE_INIT(.name = "t", .kind = (enum gc_kind)9, .size = 8),
		/* the third word is not, or not wholly, in the object */
		GC_TYPE_INIT(.name = "t", .kind = GC_BITMAP64, .size = 16, .bitmap = 4),
		GC_TYPE_INIT(.name = "t", .kind = GC_BITMAP64, .size = 20, .bitmap = 4),
		GC_TYPE_INIT(.name = "t", .kind = GC_BITMAP64, .elem = 8, .bitmap = 1),
		GC_TYPE_INIT(.name = "t", .kind = GC_DATA, .size = 8, .bitmap = 1),
		GC_TYPE_INIT(.name = "t", .kind = GC_DATA, .size = 8, .elem = 8),
		GC_TYPE_INIT(.name = "t", .kind = GC_CUSTOM, .size = 8),
		GC_TYPE_INIT(.name = "t", .kind = GC_REF_ARRAY, .elem = 4),
		GC_TYPE_INIT(.name = "t", .kind = GC_DATA, .size = 24, .fields = &outside,
			     .nfields = 1),
		GC_TYPE_INIT(.name = "t", .kind = GC_DATA, .size = 24, .fields = &nameless,
			     .nfields = 1),
		{ .struct_size = 3, .name = "t", .size = 8 },
	};
	const struct gc_type *t;
	struct fix f;
	size_t i;

	(void)state;
	fix_open(&f, NULL);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(gc_type_register(f.heap, &bad[i], &t), -EINVAL);
	fix_close(&f);
}

static ptrdiff_t visited_at; /* bytes from the object's start */

static void trace_elsewhere(void *obj, size_t size, struct gc_visitor *v)
{
	(void)size;
	gc_visit(v, (char *)obj + visited_at);
}

static void trace_outside(void **state)
{
	struct gc_type_desc d = GC_TYPE_INIT(.name = "astray", .kind = GC_CUSTOM, .size = 32,
					     .trace = trace_elsewhere);
	const struct gc_type *t;
	void *obj = NULL;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	assert_int_equal(gc_type_register(f.heap, &d, &t), 0);
	{
		GC_FRAME(f.m, obj);
		obj = gc_alloc(f.m, t);
		visited_at = 24;
		minor(&f);
		visited_at = 32;
		assert_fatal("the trace function of type astray visited", minor(&f));
		visited_at = -8;
		assert_fatal("which is not in its object", full(&f));
		visited_at = 4;
		assert_fatal("not at a multiple of 8 bytes", minor(&f));
		visited_at = 0;
		full(&f);
		visited_at = 4;
		assert_fatal("not at a multiple of 8 bytes",
			     gc_collect(f.m, GC_MAJOR, GC_REASON_TESTING));
		visited_at = 0;
	}
	fix_close(&f);
}

/* A field that the type calls a reference holds a number. */
static void field_of_no_object(void **state)
{
	static const struct gc_field fields[] = { { "left", 0 }, { "right", 8 } };
	struct gc_type_desc d = GC_TYPE_INIT(.name = "node", .kind = GC_BITMAP64, .size = 16,
					     .bitmap = 3, .fields = fields, .nfields = 2);
	const struct gc_type *t;
	uintptr_t *node = NULL;
	char why[256];
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	assert_int_equal(gc_type_register(f.heap, &d, &t), 0);
	{
		GC_FRAME(f.m, node);
		node = gc_alloc(f.m, t);
		node[1] = 0x1235;
		assert_int_equal(gc_verify(f.m, why, sizeof(why)), -EFAULT);
		assert_non_null(strstr(why, "field right of the node at"));
		assert_non_null(strstr(why, "refers to 0x1235, which is no object: it is outside"));
		assert_fatal("field right of the node at", minor(&f));
		node[1] = (uintptr_t)node + 8;
		assert_int_equal(gc_verify(f.m, why, sizeof(why)), -EFAULT);
		node[1] = 0;
	}
	node = (uintptr_t *)0x77; /* and a root */
	{
		GC_FRAME(f.m, node);
		assert_int_equal(gc_verify(f.m, why, sizeof(why)), -EFAULT);
		assert_non_null(strstr(why, "a root (a frame, at 0x"));
	}
	fix_close(&f);
}

/* --- frames ---------------------------------------------------------------------------- */

static jmp_buf back;

static void __attribute__((noinline)) jumps_out(struct fix *f)
{
	void *p = NULL;
	GC_FRAME(f->m, p);

	longjmp(back, 1);
}

static void jump_over_a_frame(struct fix *f)
{
	if (!setjmp(back))
		jumps_out(f);
}

static void ends_out_of_order(struct fix *f)
{
	void *p = NULL;
	GC_FRAME(f->m, p);

	jump_over_a_frame(f);
}

static void collects_after_it(struct fix *f)
{
	jump_over_a_frame(f);
	full(f);
}

static void allocates_after_it(struct fix *f)
{
	int i;

	jump_over_a_frame(f);
	for (i = 0; i < 100000; i++)
		gc_alloc(f->m, f->pair);
}

static void restores(struct fix *f)
{
	struct gc_frame *saved = gc_frames_save(f->m);

	jump_over_a_frame(f);
	gc_frames_restore(f->m, saved);
	full(f);
}

static void frames_left_open(void **state)
{
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	assert_fatal("a longjmp() over frames without gc_frames_restore()", ends_out_of_order(&f));
	/* Also in a program that was compiled without GC_DEBUG. A sanitizer may keep
	 * frames in memory of its own, which are not judged. */
	if (RSS_IS_OURS) {
		assert_fatal("is open and its function has returned", collects_after_it(&f));
		assert_fatal("is open and its function has returned", allocates_after_it(&f));
	}
	restores(&f);
	{
		void *p = NULL;
		GC_FRAME(f.m, p);

		assert_fatal("gc_mutator_detach with an open GC_FRAME", gc_mutator_detach(f.m));
	}
	fix_close(&f);
}

/* --- handles --------------------------------------------------------------------------- */

static gc_handle stale(struct fix *f)
{
	struct gc_scope scope;
	gc_handle h;

	gc_scope_open(f->m, &scope);
	h = gc_handle_new(f->m, pair_new(f, 1));
	gc_scope_close(f->m, &scope);
	return h;
}

static void handle_after_its_scope(void **state)
{
	struct gc_scope outer, inner;
	struct pair *p = NULL;
	gc_handle h, other;
	struct fix f;
	int i;

	(void)state;
	fix_open(&f, NULL);
	h = stale(&f);
	/* What it reads is no address, also when there are new handles. */
	for (i = 0; i < 500; i++) {
		other = stale(&f);
		assert_ptr_not_equal(other, h);
		assert_true(*h == (void *)0xababababababababULL);
	}
	full(&f);
	{
		GC_FRAME(f.m, p);
		p = pair_new(&f, 2);
		full(&f);
		gc_write(f.m, p, &p->a, *h);
		assert_fatal("byte 0 of the pair at", minor(&f));
		assert_fatal("or of a closed handle scope", minor(&f));
		gc_write(f.m, p, &p->a, NULL);
	}
	assert_fatal("a handle was written after gc_scope_close() of its scope",
		     (*h = NULL, minor(&f)));
	/* Slots are used again in the end. */
	for (i = 0; i < 100000; i++)
		stale(&f);
	gc_scope_open(f.m, &outer);
	gc_handle_new(f.m, NULL);
	gc_scope_open(f.m, &inner);
	gc_handle_new(f.m, NULL);
	assert_fatal("gc_scope_close: this scope is not the innermost open one",
		     gc_scope_close(f.m, &outer));
	gc_scope_close(f.m, &inner);
	gc_scope_close(f.m, &outer);
	assert_fatal("gc_scope_close", gc_scope_close(f.m, &inner));
	fix_close(&f);
}

/* --- callbacks ------------------------------------------------------------------------- */

static struct fix *in_callback;
static void (*callback)(struct fix *f);

static void provider(struct gc_visitor *v, void *arg)
{
	(void)v;
	(void)arg;
	if (callback)
		callback(in_callback);
}

static size_t near_limit(struct gc_heap *h, size_t current, size_t initial, size_t wanted,
			 void *arg)
{
	(void)h;
	(void)initial;
	(void)wanted;
	gc_alloc_array(((struct fix *)arg)->m, ((struct fix *)arg)->bytes, MIB(2));
	return current;
}

static void allocates(struct fix *f)
{
	gc_alloc(f->m, f->pair);
}

static void allocates_large(struct fix *f)
{
	gc_alloc_array(f->m, f->bytes, MIB(1));
}

static void notified(struct gc_heap *h, size_t pending, void *arg)
{
	(void)h;
	(void)pending;
	full(arg);
}

/* A finalizer's notification runs in the collection; a finalizer itself does not. */
static void collections_in_finalizers(struct fix *f)
{
	struct pair *p = NULL;
	int i, *tag = &i;
	GC_FRAME(f->m, p);

	for (i = 0; i < 2; i++)
		assert_int_equal(gc_finalizer_add(f->m, pair_new(f, 7), tag), 0);
	gc_set_finalizer_notify(f->heap, notified, f);
	assert_fatal("a collection was asked for inside a callback of the collector", full(f));
	gc_set_finalizer_notify(f->heap, NULL, NULL);
	full(f);
	for (i = 0; (p = gc_finalizer_next(f->m, NULL)); i++) {
		full(f);
		assert_int_equal(p->value, 7);
	}
	assert_int_equal(i, 2);
}

static void callbacks_use_the_heap(void **state)
{
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	in_callback = &f;
	assert_true(gc_add_root_provider(f.heap, provider, NULL) >= 0);
	callback = full;
	assert_fatal("a collection was asked for inside a callback of the collector", minor(&f));
	callback = allocates;
	assert_fatal("a callback of the collector", minor(&f));
	callback = allocates_large;
	assert_fatal("a callback of the collector", minor(&f));
	callback = NULL;
	gc_set_old_limit(f.heap, MIB(1));
	gc_set_near_limit(f.heap, near_limit, &f);
	assert_fatal("the near-limit callback or the out-of-memory handler of a heap allocated",
		     gc_alloc_array(f.m, f.bytes, MIB(2)));
	gc_set_old_limit(f.heap, GC_NO_LIMIT);
	collections_in_finalizers(&f);
	fix_close(&f);
}

/* --- stores ---------------------------------------------------------------------------- */

static void store_through_no_object(void **state)
{
	uint64_t words[4] = { ~0ULL, 0, 0, 0 }; /* what lies before it has the bit of old objects */
	struct pair *p = NULL, *q = NULL;
	struct fix f;

	(void)state;
	fix_open(&f, NULL);
	{
		GC_FRAME(f.m, p, q);
		p = pair_new(&f, 1);
		q = pair_new(&f, 2);
		full(&f);
		assert_fatal("is no object of this heap", gc_write(f.m, words + 1, words + 2, p));
		p->value = ~0ULL; /* as if it were a header */
		assert_fatal("gc_write: there is no object at",
			     gc_write(f.m, &p->value + 1, &p->a, q));
		assert_fatal("is not in the pair at", gc_write(f.m, p, &q->a, p));
	}
	fix_close(&f);
}

/* --- what zeal finds ------------------------------------------------------------------- */

/* The heap of a program that knows nothing of zeal. */
static void plain(struct fix *f)
{
	signal(SIGSEGV, SIG_DFL); /* cmocka has a handler */
	fix_open(f, &(struct gc_options)GC_OPTIONS_INIT);
}

/* p is in no frame while the second object is made. */
static void misses_a_root(void)
{
	struct pair *p, *q;
	struct fix f;

	plain(&f);
	p = gc_alloc(f.m, f.pair);
	p->value = 42;
	q = gc_alloc(f.m, f.pair);
	q->value = p->value;
	_exit(q->value == 42 ? 0 : 3);
}

/* The same of an object that is old: what it referred to is freed, and used. */
static void misses_a_root_of_old(void)
{
	struct pair *p = NULL, *q, *lost;
	struct fix f;

	plain(&f);
	{
		GC_FRAME(f.m, p);
		p = gc_alloc(f.m, f.pair);
		q = gc_alloc(f.m, f.pair);
		gc_write(f.m, p, &p->a, q);
		full(&f);
	}
	lost = p;
	full(&f);
	_exit((int)lost->a->value); /* it was freed: a is poison */
}

static void misses_a_barrier(void)
{
	struct pair *p = NULL;
	struct fix f;
	int i;

	plain(&f);
	{
		GC_FRAME(f.m, p);
		p = gc_alloc(f.m, f.pair);
		full(&f);
		p->a = gc_alloc(f.m, f.pair); /* not gc_write() */
		for (i = 0; i < 100; i++)
			gc_alloc(f.m, f.pair);
	}
	_exit(0);
}

/* Without zeal such programs seem to work. */
static void mistakes_are_found(void **state)
{
	char text[8192];

	(void)state;
	assert_int_equal(DEATH(text, misses_a_root()), 0);
	assert_int_equal(DEATH(text, misses_a_root_of_old()), 0);
	assert_int_equal(DEATH(text, misses_a_barrier()), 0);

	setenv("MPGC_ZEAL", "minor,protect,poison,verify", 1);
	assert_int_equal(DEATH(text, misses_a_root()), SIGSEGV);
	assert_non_null(strstr(text, "libmpgc: a stale reference: 0x"));
	assert_non_null(strstr(text, "byte 16 of a pair that was at 0x"));
	assert_non_null(strstr(text, "nothing the collector knows of referred to it"));
	if (RSS_IS_OURS) { /* sanitizers stop at such a pointer themselves */
		assert_int_equal(DEATH(text, misses_a_root_of_old()), SIGSEGV);
		assert_non_null(
			strstr(text, "a pointer was used that was read from a freed object"));
	}
	assert_int_equal(DEATH(text, misses_a_barrier()), SIGABRT);
	assert_non_null(strstr(text, "of which neither a root nor a store by gc_write() told"));
	unsetenv("MPGC_ZEAL");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_descriptors),	   cmocka_unit_test(trace_outside),
		cmocka_unit_test(field_of_no_object),	   cmocka_unit_test(frames_left_open),
		cmocka_unit_test(handle_after_its_scope),  cmocka_unit_test(callbacks_use_the_heap),
		cmocka_unit_test(store_through_no_object), cmocka_unit_test(mistakes_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
