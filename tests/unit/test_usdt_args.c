/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_usdt_args.c - probes that a program was built with: their notes, on ELF files made
 * here, and where the arguments are, by the assembler's words.
 */
#include "tests/unit/ev.h"
#include "tests/unit/elfimg.h"
#include "user/live/usdt_args.h"
#include "user/sym/sym.h"

#define TEXT 0x1000ULL /* address of .text, at offset 0x800 */
#define DATA 0x4000ULL /* of .probes, at offset 0x2000 */
#define BASE 0x5000ULL

/* --- notes -------------------------------------------------------------------------------- */

struct notes {
	unsigned char b[2048];
	size_t len;
};

static void put(struct notes *n, const void *data, size_t len)
{
	memcpy(n->b + n->len, data, len);
	n->len += len;
}

static void note(struct notes *n, uint64_t at, uint64_t base, uint64_t sema, const char *text,
		 size_t len)
{
	uint32_t head[3] = { 8, (uint32_t)(24 + len), 3 };
	uint64_t words[3] = { at, base, sema };

	put(n, head, sizeof(head));
	put(n, "stapsdt", 8);
	put(n, words, sizeof(words));
	put(n, text, len);
	n->len = (n->len + 3) & ~(size_t)3;
}
#define NOTE(n, at, base, sema, text) note(n, at, base, sema, text, sizeof(text))

static struct mp_elf *open_notes(struct img *f, const struct notes *n)
{
	struct mp_elf *e;

	img_begin(f);
	img_section(f, ".stapsdt.base", SHT_PROGBITS, SHF_ALLOC, BASE, "", 1);
	img_section(f, ".note.stapsdt", SHT_NOTE, 0, 0, n->b, n->len);
	img_segment(f, PF_R | PF_X, 0x800, TEXT, 0x1000);
	img_segment(f, PF_R | PF_W, 0x2000, DATA, 0x1000);
	img_end(f);
	memset(f->b + f->len, 0, sizeof(f->b) - f->len);
	assert_int_equal(mp_elf_open_mem(f->b, sizeof(f->b), &e), 0);
	return e;
}

static struct img img;

static void test_places_of_a_probe(void **state)
{
	struct mp_usdt_site s[3];
	struct notes n = { .len = 0 };
	struct mp_elf *e;

	(void)state;
	NOTE(&n, TEXT + 0x10, BASE, 0,
	     "vm\0begin\0"
	     "8@%rax -4@8(%rsp)");
	NOTE(&n, TEXT + 0x20, BASE, 0,
	     "other\0begin\0"
	     "8@%rax");
	NOTE(&n, TEXT + 0x30, BASE, DATA + 6, "vm\0begin\0");
	NOTE(&n, TEXT + 0x40, BASE, 0, "vm\0end\0");
	e = open_notes(&img, &n);
	assert_int_equal(mp_elf_usdt(e, "vm", "begin", s, 3), 2);
	assert_int_equal(s[0].offset, 0x810);
	assert_int_equal(s[0].semaphore, 0);
	assert_string_equal(s[0].args, "8@%rax -4@8(%rsp)");
	assert_int_equal(s[1].offset, 0x830);
	assert_int_equal(s[1].semaphore, 0x2006);
	assert_string_equal(s[1].args, "");
	assert_int_equal(mp_elf_usdt(e, "vm", "end", s, 3), 1);
	assert_int_equal(mp_elf_usdt(e, "vm", "begi", s, 3), -ENOENT);
	assert_int_equal(mp_elf_usdt(e, "vm", "begin", s, 1), -ENOSPC);
	mp_elf_close(e);
}

/* prelink(8) moves a library; its notes stay as they were, and the base tells by how much. */
static void test_moved_after_linking(void **state)
{
	struct mp_usdt_site s;
	struct notes n = { .len = 0 };
	struct mp_elf *e;

	(void)state;
	NOTE(&n, TEXT + 0x10 - 0x500, BASE - 0x500, DATA + 2 - 0x500, "vm\0begin\0");
	e = open_notes(&img, &n);
	assert_int_equal(mp_elf_usdt(e, "vm", "begin", &s, 1), 1);
	assert_int_equal(s.offset, 0x810);
	assert_int_equal(s.semaphore, 0x2002);
	mp_elf_close(e);
}

static void test_notes_that_lie(void **state)
{
	static const uint32_t long_name[3] = { 0xfffffff0, 8, 3 },
			      long_desc[3] = { 8, 0xfffffff0, 3 };
	struct mp_usdt_site s;
	struct notes n = { .len = 0 };
	struct mp_elf *e;

	(void)state;
	NOTE(&n, 0x777777, BASE, 0, "vm\0nowhere\0"); /* in no segment */
	NOTE(&n, TEXT, BASE, 0x777777, "vm\0sema\0");
	NOTE(&n, TEXT, BASE, 0, "vm\0cut");
	note(&n, TEXT, BASE, 0, "vm\0bare", 0);
	NOTE(&n, TEXT, BASE, 0,
	     "vm\0good\0"
	     "4@%edi");
	put(&n, long_desc, sizeof(long_desc));
	put(&n, "stapsdt", 8);
	e = open_notes(&img, &n);
	assert_int_equal(mp_elf_usdt(e, "vm", "nowhere", &s, 1), -ENOEXEC);
	assert_int_equal(mp_elf_usdt(e, "vm", "sema", &s, 1), -ENOEXEC);
	assert_int_equal(mp_elf_usdt(e, "vm", "cut", &s, 1), -ENOENT);
	assert_int_equal(mp_elf_usdt(e, "vm", "good", &s, 1), 1);
	mp_elf_close(e);
	n.len = 0;
	put(&n, long_name, sizeof(long_name));
	put(&n, "stapsdt", 8);
	e = open_notes(&img, &n);
	assert_int_equal(mp_elf_usdt(e, "vm", "good", &s, 1), -ENOENT);
	mp_elf_close(e);
}

static void test_without_notes(void **state)
{
	struct mp_usdt_site s;
	struct mp_elf *e;

	(void)state;
	img_begin(&img);
	img_segment(&img, PF_R | PF_X, 0x800, TEXT, 0x1000);
	img_end(&img);
	assert_int_equal(mp_elf_open_mem(img.b, img.len, &e), 0);
	assert_int_equal(mp_elf_usdt(e, "vm", "begin", &s, 1), -ENOENT);
	mp_elf_close(e);
}

/* --- arguments ------------------------------------------------------------------------------ */

static void assert_arg(const struct mp_usdt_arg *a, unsigned kind, unsigned reg, int64_t val,
		       unsigned bytes, bool is_signed)
{
	assert_int_equal(a->kind, kind);
	if (kind == MP_USDT_NONE)
		return;
	assert_int_equal(a->reg, reg);
	assert_int_equal(a->val, val);
	assert_int_equal(a->shift, 64 - 8 * bytes);
	assert_int_equal(a->is_signed, is_signed);
}

#if defined(__x86_64__)
/* Slots of struct pt_regs, r15 first. */
enum { R15 = 0, RBP = 4, RAX = 10, RDI = 14, RSP = 19 };

static void test_arguments(void **state)
{
	struct mp_usdt_spec s;

	(void)state;
	usdt_args_parse("8@%r15 -4@%eax 1@%dil 2@$-7 -8@112(%rsp) 4@(%rax) 8@-0x10(%rbp)", &s);
	assert_arg(&s.arg[0], MP_USDT_REG, R15 * 8, 0, 8, false);
	assert_arg(&s.arg[1], MP_USDT_REG, RAX * 8, 0, 4, true);
	assert_arg(&s.arg[2], MP_USDT_REG, RDI * 8, 0, 1, false);
	assert_arg(&s.arg[3], MP_USDT_CONST, 0, -7, 2, false);
	assert_arg(&s.arg[4], MP_USDT_MEM, RSP * 8, 112, 8, true);
	assert_arg(&s.arg[5], MP_USDT_MEM, RAX * 8, 0, 4, false);
	assert_arg(&s.arg[6], MP_USDT_MEM, RBP * 8, -16, 8, false);
	assert_arg(&s.arg[7], MP_USDT_NONE, 0, 0, 0, false);
}

/* What is not known here is told so, and spoils nobody else. */
static void test_arguments_of_other_kinds(void **state)
{
	static const char *const odd[] = { "8@(%rax,%rbx,8)",
					   "8@symbol(%rip)",
					   "8f@%xmm0",
					   "8@%xmm0",
					   "3@%rax",
					   "8@$",
					   "8@",
					   "@%rax",
					   "8@%",
					   "%rax",
					   "8@$1x",
					   "8@4(%rax",
					   "8@%raxx",
					   "8@99999999999999999999(%rax)" };
	struct mp_usdt_spec s;
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		snprintf(text, sizeof(text), "%s 4@%%edi", odd[i]);
		usdt_args_parse(text, &s);
		assert_arg(&s.arg[0], MP_USDT_NONE, 0, 0, 0, false);
		assert_arg(&s.arg[1], MP_USDT_REG, RDI * 8, 0, 4, false);
	}
}
#elif defined(__aarch64__)
static void test_arguments(void **state)
{
	struct mp_usdt_spec s;

	(void)state;
	usdt_args_parse("8@x0 -4@w30 2@-7 -8@[sp, 112] 4@[x3] 8@sp", &s);
	assert_arg(&s.arg[0], MP_USDT_REG, 0, 0, 8, false);
	assert_arg(&s.arg[1], MP_USDT_REG, 30 * 8, 0, 4, true);
	assert_arg(&s.arg[2], MP_USDT_CONST, 0, -7, 2, false);
	assert_arg(&s.arg[3], MP_USDT_MEM, 31 * 8, 112, 8, true);
	assert_arg(&s.arg[4], MP_USDT_MEM, 3 * 8, 0, 4, false);
	assert_arg(&s.arg[5], MP_USDT_REG, 31 * 8, 0, 8, false);
}

static void test_arguments_of_other_kinds(void **state)
{
	struct mp_usdt_spec s;

	(void)state;
	usdt_args_parse("8@[x0, x1] 8@x31 8@d0 4@w1", &s);
	for (int i = 0; i < 3; i++)
		assert_arg(&s.arg[i], MP_USDT_NONE, 0, 0, 0, false);
	assert_arg(&s.arg[3], MP_USDT_REG, 8, 0, 4, false);
}
#endif

static void test_more_arguments_than_are_read(void **state)
{
	struct mp_usdt_spec s;
	char text[256] = "";

	(void)state;
	for (int i = 0; i < MP_USDT_ARGS + 4; i++)
		strcat(text, i % 2 ? "  1@?" : " 1@?");
	usdt_args_parse(text, &s);
	usdt_args_parse("", &s);
	for (int i = 0; i < MP_USDT_ARGS; i++)
		assert_int_equal(s.arg[i].kind, MP_USDT_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places_of_a_probe),
		cmocka_unit_test(test_moved_after_linking),
		cmocka_unit_test(test_notes_that_lie),
		cmocka_unit_test(test_without_notes),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_arguments_of_other_kinds),
		cmocka_unit_test(test_more_arguments_than_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
