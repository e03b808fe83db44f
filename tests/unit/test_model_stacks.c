/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_model_stacks.c - the table of user stacks: pieces in and out of order,
 * limits, what a state dump gives back, words for a frame.
 */
#include "tests/unit/ev.h"

#define A 0x7f0000000000ULL

static struct mp_event piece(uint64_t id, uint32_t total, uint64_t pos, uint64_t ip0)
{
	struct mp_event e = ev(MP_EV_STACK, 0, MM, T0);

	e.x = total;
	e.stack.id = id;
	e.stack.pos = pos;
	for (uint32_t i = 0; i < MP_STACK_CHUNK && pos + i < total; i++)
		e.stack.ip[i] = ip0 + pos + i;
	return e;
}

static void put_stack(struct fx *f, uint64_t id, uint32_t total, uint64_t ip0)
{
	for (uint32_t pos = 0; pos < total; pos += MP_STACK_CHUNK)
		fold(f, piece(id, total, pos, ip0));
}

static void assert_stack(const struct mp_model *m, uint64_t id, uint32_t n, uint64_t ip0)
{
	const struct mp_stack *s = mp_model_stack(m, id);

	assert_non_null(s);
	assert_int_equal(s->id, id);
	assert_int_equal(s->mm, MM);
	assert_int_equal(s->n, n);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(s->ip[i], ip0 + i);
}

static void test_pieces(void **state)
{
	struct fx f = fx_new();

	(void)state;
	assert_null(mp_model_stack(f.m, 1));
	put_stack(&f, 1, 1, 0x1000);
	put_stack(&f, ~0ULL, MP_STACK_MAX, 0x2000);
	put_stack(&f, 7, MP_STACK_CHUNK, 0x3000);
	put_stack(&f, 8, MP_STACK_CHUNK + 1, 0x4000);
	assert_stack(f.m, 1, 1, 0x1000);
	assert_stack(f.m, ~0ULL, MP_STACK_MAX, 0x2000);
	assert_stack(f.m, 7, MP_STACK_CHUNK, 0x3000);
	assert_stack(f.m, 8, MP_STACK_CHUNK + 1, 0x4000);
	assert_null(mp_model_stack(f.m, 2));
	put_stack(&f, 8, MP_STACK_CHUNK + 1, 0x4000); /* told again */
	assert_stack(f.m, 8, MP_STACK_CHUNK + 1, 0x4000);
	put_stack(&f, 8, 2, 0x5000); /* the number stands for another one now */
	assert_stack(f.m, 8, 2, 0x5000);
	fx_free(&f);
}

static void test_lost_pieces(void **state)
{
	struct fx f = fx_new();

	(void)state;
	fold(&f, piece(1, 12, 5, 0x1000)); /* without its beginning */
	assert_null(mp_model_stack(f.m, 1));
	fold(&f, piece(1, 12, 0, 0x1000));
	fold(&f, piece(1, 12, 10, 0x1000)); /* the middle is missing */
	fold(&f, piece(1, 11, 5, 0x1000));  /* of another stack */
	assert_stack(f.m, 1, 5, 0x1000);
	put_stack(&f, 1, 12, 0x9000); /* begins anew */
	assert_stack(f.m, 1, 12, 0x9000);
	fx_free(&f);
}

static void refused(struct mp_event e)
{
	struct fx f = fx_new();

	assert_int_equal(mp_model_fold(f.m, &e), -EINVAL);
	assert_null(mp_model_stack(f.m, e.stack.id));
	fx_free(&f);
}

static void test_hostile(void **state)
{
	(void)state;
	refused(piece(0, 1, 0, 0));
	refused(piece(1, 0, 0, 0));
	refused(piece(1, MP_STACK_MAX + 1, 0, 0));
	refused(piece(1, 0xffffffff, 0, 0));
	refused(piece(1, 5, 5, 0));
	refused(piece(1, 5, ~0ULL, 0));
}

static void test_bounded(void **state)
{
	struct fx f = fx_new();
	uint64_t n = 150000, had = 0; /* the table has room for 1 << 17 */

	(void)state;
	for (uint64_t i = 1; i <= n; i++) {
		struct mp_event e = piece(i << 20, 1, 0, i);

		assert_int_equal(mp_model_fold(f.m, &e), 0);
	}
	for (uint64_t i = 1; i <= n; i++)
		had += mp_model_stack(f.m, i << 20) != NULL;
	assert_in_range(had, 1024, n - 1);
	assert_int_equal(f.m->lost[MP_LOSS_STACK], n - had);
	assert_int_equal(f.m->lost_total, n - had);
	assert_stack(f.m, had << 20, 1, had);
	fx_free(&f);
}

static int sink(void *ctx, const struct mp_event *e)
{
	return mp_model_fold(ctx, e);
}

static void test_dump(void **state)
{
	struct fx f = fx_new();
	struct mp_model *m = mp_model_new();
	uint64_t before = mp_model_digest(f.m);

	(void)state;
	for (uint32_t i = 1; i < 50; i++)
		put_stack(&f, i * 977, i % MP_STACK_MAX, i << 12);
	fold(&f, piece(99999, 12, 0, 0x1000)); /* a piece is still to come */
	assert_int_not_equal(before, mp_model_digest(f.m));
	assert_int_equal(mp_model_dump(f.m, sink, m), 0);
	assert_int_equal(mp_model_digest(m), mp_model_digest(f.m));
	for (uint32_t i = 1; i < 50; i++)
		assert_stack(m, i * 977, i % MP_STACK_MAX, i << 12);
	assert_stack(m, 99999, 5, 0x1000);
	/* over a model that has others: those go */
	put_stack(&f, 123456, 3, 0x7000);
	assert_int_equal(mp_model_dump(m, sink, f.m), 0);
	assert_null(mp_model_stack(f.m, 123456));
	assert_int_equal(mp_model_digest(m), mp_model_digest(f.m));
	mp_model_free(m);
	fx_free(&f);
}

static void test_frame_text(void **state)
{
	struct fx f = fx_new();
	struct mp_event e;
	char buf[64];

	(void)state;
	fx_str(&f, 1, "/usr/lib/libx.so.1");
	fx_str(&f, 2, "[vdso]");
	fx_snap_begin(&f);
	e = ev_line(MM, f.ts, A, A + 16 * PG, BITS_LIB, 1);
	e.map.off = 0x3000;
	fold(&f, e);
	fx_line(&f, A + MIB, 16 * PG, BITS_RW, 0);
	fx_line(&f, A + 2 * MIB, 2 * PG, MP_MAP_R | MP_MAP_X, 2);
	fx_snap_end(&f);
	assert_string_equal(mp_frame_text(f.m, MM, A + 0x1234, buf, sizeof(buf)),
			    "libx.so.1 offset 0x4234");
	assert_string_equal(mp_frame_text(f.m, MM, A + MIB + 1, buf, sizeof(buf)),
			    "0x7f0000100001");
	assert_string_equal(mp_frame_text(f.m, MM, A + 2 * MIB + 8, buf, sizeof(buf)),
			    "[vdso]+0x8");
	assert_string_equal(mp_frame_text(f.m, MM, 16, buf, sizeof(buf)), "0x10");
	assert_string_equal(mp_frame_text(f.m, 77, A, buf, sizeof(buf)), "0x7f0000000000");
	fx_free(&f);
}

static struct mp_event module(uint32_t id, uint32_t name, uint8_t build)
{
	struct mp_event e = ev(MP_EV_MODULE, 0, 0, T0);

	e.x = id;
	e.flags = 20;
	e.module.name = name;
	e.module.dev = 5;
	e.module.ino = 6;
	memset(e.module.build, build, 20);
	return e;
}

static struct mp_event place(uint32_t mm, uint64_t ip, uint32_t name, uint32_t id)
{
	struct mp_event e = ev(MP_EV_PLACE, name ? MP_PLACE_SYMTAB : MP_PLACE_NONE, mm, T0);

	e.x = id;
	e.place.ip = ip;
	e.place.off = ip & 0xff;
	e.place.maddr = ip - A;
	e.place.name = name;
	return e;
}

static void assert_text(const struct fx *f, uint32_t mm, uint64_t ip, const char *want)
{
	char buf[64];

	assert_string_equal(mp_frame_text(f->m, mm, ip, buf, sizeof(buf)), want);
}

static void put_places(struct fx *f)
{
	fx_str(f, 1, "/usr/lib/libx.so.1");
	fx_str(f, 2, "work");
	fx_str(f, 3, "JS:*f x.js:1:2");
	fold(f, module(7, 1, 0xab));
	fold(f, place(MM, A + 0x101, 2, 7));
	fold(f, place(MM + 1, A + 0x101, 0, 7));
	fold(f, place(MM, A + 0x202, 3, 0));
}

static void test_places(void **state)
{
	struct fx f = fx_new();
	char longest[201];

	(void)state;
	put_places(&f);
	assert_text(&f, MM, A + 0x101, "work+0x1 (libx.so.1)");
	assert_text(&f, MM + 1, A + 0x101, "libx.so.1+0x101"); /* looked for in vain */
	assert_text(&f, MM + 2, A + 0x101, "0x7f0000000101");  /* not told of this one */
	assert_text(&f, MM, A + 0x202, "JS:*f x.js:1:2+0x2");
	fold(&f, place(MM + 1, A + 0x101, 2, 7)); /* found later */
	assert_text(&f, MM + 1, A + 0x101, "work+0x1 (libx.so.1)");
	/* a name longer than the room loses its end, not the module */
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	fx_str(&f, 4, longest);
	fold(&f, place(MM, A + 0x303, 4, 7));
	assert_text(&f, MM, A + 0x303,
		    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...+0x3 (libx.so.1)");
	fx_free(&f);
}

static void test_places_dump(void **state)
{
	struct fx f = fx_new();
	struct mp_model *m = mp_model_new();
	struct mp_event bad = module(0, 1, 1);
	uint64_t digest;

	(void)state;
	put_places(&f);
	digest = mp_model_digest(f.m);
	assert_int_equal(mp_model_dump(f.m, sink, m), 0);
	assert_int_equal(mp_model_digest(m), digest);
	assert_int_equal(mp_model_n_modules(m), 1);
	assert_int_equal(mp_model_module(m, 7)->n_build, 20);
	assert_int_equal(mp_model_module(m, 7)->build[19], 0xab);
	assert_int_equal(mp_model_module(m, 7)->ino, 6);
	assert_null(mp_model_module(m, 8));
	assert_int_equal(mp_model_place(m, MM, A + 0x101)->maddr, 0x101);
	fold(&f, module(7, 1, 0xac));
	assert_int_not_equal(mp_model_digest(f.m), digest);
	assert_int_equal(mp_model_fold(f.m, &bad), -EINVAL);
	bad = module(9, 1, 1);
	bad.flags = 25;
	assert_int_equal(mp_model_fold(f.m, &bad), -EINVAL);
	mp_model_free(m);
	fx_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),	cmocka_unit_test(test_lost_pieces),
		cmocka_unit_test(test_hostile), cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_dump),	cmocka_unit_test(test_frame_text),
		cmocka_unit_test(test_places),	cmocka_unit_test(test_places_dump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
