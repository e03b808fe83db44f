/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_sym.c - functions by address: which symbol of many, stripped files, tables of
 * Go, perf maps, demangled names, and files that lie about themselves.
 */
#include "tests/unit/ev.h"
#include "tests/unit/elfimg.h"
#include "user/sym/elf.h"

#include <unistd.h>

#define TEXT 0x1000ULL /* address of .text, 0x1000 bytes of it at offset 0x800 */
#define OFF  0x800ULL

#define CODE (SHF_ALLOC | SHF_EXECINSTR)
#define N(a) (sizeof(a) / sizeof((a)[0]))

static const uint8_t id_note[] = { 4, 0, 0,   0,   4,	0, 0,	 0,    3,    0,
				   0, 0, 'G', 'N', 'U', 0, 0xde, 0xad, 0xbe, 0xef };

/* Section 1 is code, 2 is data. */
static void begin(struct img *f)
{
	img_begin(f);
	img_section(f, ".text", SHT_NOBITS, CODE, TEXT, NULL, 0x1000);
	img_section(f, ".data", SHT_NOBITS, SHF_ALLOC | SHF_WRITE, 0x4000, NULL, 0x1000);
	img_section(f, ".note.gnu.build-id", SHT_NOTE, SHF_ALLOC, 0, id_note, sizeof(id_note));
	img_segment(f, PF_R, 0, 0, OFF);
	img_segment(f, PF_R | PF_X, OFF, TEXT, 0x1000);
}

static struct mp_elf *open_img(const struct img *f)
{
	struct mp_elf *e;

	assert_int_equal(mp_elf_open_mem(f->b, f->len, &e), 0);
	return e;
}

/* The name and source of one address, as "name+off". */
static void assert_at(struct mp_elf *e, struct mp_elf *debug, uint64_t addr, const char *want,
		      unsigned source)
{
	struct mp_sym y = { .addr = addr };
	char text[256] = "";

	assert_int_equal(mp_elf_names(e, debug, &y, 1), 0);
	if (y.name)
		snprintf(text, sizeof(text), "%s+%llu", y.name,
			 (unsigned long long)(addr - y.start));
	assert_string_equal(text, want);
	assert_int_equal(y.source, source);
	mp_sym_clear(&y, 1);
}

static void fill_symbols(struct img_syms *s)
{
	img_sym(s, "outer", STB_GLOBAL, STT_FUNC, 1, TEXT + 0x100, 0x100);
	img_sym(s, "inner", STB_LOCAL, STT_FUNC, 1, TEXT + 0x140, 0x10);
	img_sym(s, "label", STB_GLOBAL, STT_NOTYPE, 1, TEXT + 0x180, 0x10);
	img_sym(s, "__same", STB_GLOBAL, STT_FUNC, 1, TEXT + 0x300, 0x40);
	img_sym(s, "same", STB_WEAK, STT_FUNC, 1, TEXT + 0x300, 0x40);
	img_sym(s, "a_local", STB_LOCAL, STT_FUNC, 1, TEXT + 0x300, 0x40);
	img_sym(s, "bare", STB_GLOBAL, STT_FUNC, 1, TEXT + 0x400, 0);
	img_sym(s, "next", STB_GLOBAL, STT_FUNC, 1, TEXT + 0x500, 0x20);
	img_sym(s, "last", STB_GLOBAL, STT_NOTYPE, 1, TEXT + 0x800, 0);
	img_sym(s, "imported", STB_GLOBAL, STT_FUNC, SHN_UNDEF, TEXT + 0x600, 0x100);
	img_sym(s, "data", STB_GLOBAL, STT_OBJECT, 1, TEXT + 0x600, 0x100);
	img_sym(s, "end_of_data", STB_GLOBAL, STT_NOTYPE, 2, TEXT + 0x700, 0x100);
	img_sym(s, "absolute", STB_GLOBAL, STT_FUNC, SHN_ABS, TEXT + 0x600, 0x100);
}

static void test_which_symbol(void **state)
{
	struct img_syms s = { .n = 0 };
	struct mp_elf *e;
	struct img f;

	(void)state;
	fill_symbols(&s);
	begin(&f);
	img_symbols(&f, &s, SHT_SYMTAB);
	img_end(&f);
	e = open_img(&f);
	assert_at(e, NULL, TEXT + 0xff, "", MP_PLACE_NONE);
	assert_at(e, NULL, TEXT + 0x100, "outer+0", MP_PLACE_SYMTAB);
	assert_at(e, NULL, TEXT + 0x145, "inner+5", MP_PLACE_SYMTAB);
	assert_at(e, NULL, TEXT + 0x150, "outer+80", MP_PLACE_SYMTAB);
	assert_at(e, NULL, TEXT + 0x185, "outer+133", MP_PLACE_SYMTAB); /* before the label */
	assert_at(e, NULL, TEXT + 0x1ff, "outer+255", MP_PLACE_SYMTAB);
	assert_at(e, NULL, TEXT + 0x200, "", MP_PLACE_NONE); /* its size is known */
	assert_at(e, NULL, TEXT + 0x310, "same+16", MP_PLACE_SYMTAB);
	assert_at(e, NULL, TEXT + 0x4ff, "bare+255", MP_PLACE_SYMTAB); /* to the next one */
	assert_at(e, NULL, TEXT + 0x520, "", MP_PLACE_NONE);
	assert_at(e, NULL, TEXT + 0x610, "", MP_PLACE_NONE); /* no function of this file */
	assert_at(e, NULL, TEXT + 0xfff, "last+2047", MP_PLACE_SYMTAB);
	assert_at(e, NULL, TEXT + 0x1000, "", MP_PLACE_NONE); /* not beyond its section */
	mp_elf_close(e);
}

static void test_many_at_once(void **state)
{
	struct img_syms s = { .n = 0 };
	struct mp_sym v[] = { { .addr = TEXT + 0x505 },
			      { .addr = 0 },
			      { .addr = TEXT + 0x101 },
			      { .addr = ~0ULL },
			      { .addr = TEXT + 0x101 } };
	struct mp_elf *e;
	struct img f;

	(void)state;
	fill_symbols(&s);
	begin(&f);
	img_symbols(&f, &s, SHT_SYMTAB);
	img_end(&f);
	e = open_img(&f);
	mp_sym_sort(v, N(v));
	assert_int_equal(mp_elf_names(e, NULL, v, N(v)), 0);
	assert_null(v[0].name);
	assert_string_equal(v[1].name, "outer");
	assert_string_equal(v[2].name, "outer");
	assert_string_equal(v[3].name, "next");
	assert_null(v[4].name);
	mp_sym_clear(v, N(v));
	mp_elf_close(e);
}

/* A stripped file: what is exported, and beside it a file of all symbols. */
static void test_stripped(void **state)
{
	struct img_syms dyn = { .n = 0 }, all = { .n = 0 };
	struct img stripped, split;
	struct mp_elf *e, *debug;

	(void)state;
	img_sym(&dyn, "shown", STB_GLOBAL, STT_FUNC, 1, TEXT + 0x100, 0x20);
	img_sym(&dyn, "bare", STB_GLOBAL, STT_FUNC, 1, TEXT + 0x200, 0);
	begin(&stripped);
	img_symbols(&stripped, &dyn, SHT_DYNSYM);
	img_end(&stripped);
	img_sym(&all, "shown", STB_GLOBAL, STT_FUNC, 1, TEXT + 0x100, 0x20);
	img_sym(&all, "hidden", STB_LOCAL, STT_FUNC, 1, TEXT + 0x240, 0x20);
	begin(&split);
	img_symbols(&split, &all, SHT_SYMTAB);
	img_end(&split);
	e = open_img(&stripped);
	debug = open_img(&split);
	assert_at(e, NULL, TEXT + 0x101, "shown+1", MP_PLACE_DYNSYM);
	/* who knows what lies behind a function of unknown size */
	assert_at(e, NULL, TEXT + 0x241, "", MP_PLACE_NONE);
	assert_at(e, debug, TEXT + 0x241, "hidden+1", MP_PLACE_DEBUGFILE);
	assert_at(NULL, debug, TEXT + 0x241, "hidden+1", MP_PLACE_DEBUGFILE);
	mp_elf_close(e);
	mp_elf_close(debug);
}

static void test_file(void **state)
{
	struct img_syms s = { .n = 0 };
	uint8_t id[MP_BUILD_ID_MAX];
	FILE *t = tmpfile();
	struct mp_elf *e;
	uint64_t v;
	struct img f;

	(void)state;
	fill_symbols(&s);
	begin(&f);
	img_symbols(&f, &s, SHT_SYMTAB);
	img_end(&f);
	assert_non_null(t);
	assert_int_equal(fwrite(f.b, 1, f.len, t), f.len);
	assert_int_equal(fflush(t), 0);
	assert_int_equal(mp_elf_open(fileno(t), &e), 0);
	assert_at(e, NULL, TEXT + 0x145, "inner+5", MP_PLACE_SYMTAB);
	assert_int_equal(mp_elf_build_id(e, id), 4);
	assert_memory_equal(id, "\xde\xad\xbe\xef", 4);
	assert_int_equal(mp_elf_address(e, OFF + 0x123, &v), 0);
	assert_int_equal(v, TEXT + 0x123);
	assert_int_equal(mp_elf_address(e, 0x10, &v), -ENOENT); /* not code */
	assert_int_equal(mp_elf_function(e, "same", &v), 0);
	assert_int_equal(v, OFF + 0x300);
	assert_int_equal(mp_elf_function(e, "ame", &v), -ENOENT);
	assert_int_equal(mp_elf_function(e, "imported", &v), -ENOENT);
	/* cut off while it is open: no more than no name */
	assert_int_equal(ftruncate(fileno(t), 512), 0);
	assert_at(e, NULL, TEXT + 0x145, "", MP_PLACE_NONE);
	mp_elf_close(e);
	assert_int_equal(ftruncate(fileno(t), 60), 0);
	assert_int_equal(mp_elf_open(fileno(t), &e), -ENOEXEC);
	fclose(t);
}

/* A table of strings as large as a sparse file likes: no more than 256 MiB are looked at. */
static void test_giant_strings(void **state)
{
	const uint64_t at = 1 << 20, near = 200 << 20, far = 280 << 20;
	struct img_syms s = { .n = 0 };
	FILE *t = tmpfile();
	struct mp_elf *e;
	uint64_t v;
	struct img f;

	(void)state;
	img_sym(&s, "", STB_GLOBAL, STT_FUNC, 1, TEXT + 0x100, 0x100);
	img_sym(&s, "", STB_GLOBAL, STT_FUNC, 1, TEXT + 0x200, 0x100);
	s.v[1].st_name = (uint32_t)near;
	s.v[2].st_name = (uint32_t)far;
	begin(&f);
	img_symbols(&f, &s, SHT_SYMTAB);
	f.sh[f.n_sh - 1].sh_offset = at;
	f.sh[f.n_sh - 1].sh_size = 1ULL << 40;
	img_end(&f);
	assert_non_null(t);
	assert_int_equal(pwrite(fileno(t), f.b, f.len, 0), f.len);
	assert_int_equal(pwrite(fileno(t), "near", 5, (off_t)(at + near)), 5);
	assert_int_equal(pwrite(fileno(t), "far", 4, (off_t)(at + far)), 4);
	assert_int_equal(ftruncate(fileno(t), (off_t)(at + (1ULL << 40))), 0);
	assert_int_equal(mp_elf_open(fileno(t), &e), 0);
	assert_int_equal(mp_elf_function(e, "near", &v), 0);
	assert_int_equal(v, OFF + 0x100);
	assert_int_equal(mp_elf_function(e, "far", &v), -ENOENT);
	mp_elf_close(e);
	fclose(t);
}

/* A section of relocations as large: no more than 64 MiB of all are looked at. */
static void test_giant_relocations(void **state)
{
	const uint64_t at = 1 << 20, word = TEXT + 0x800;
	const Elf64_Rela r = { .r_offset = word,
			       .r_info = R_X86_64_RELATIVE,
			       .r_addend = (int64_t)TEXT + 0x100 };
	const uint64_t near = at + sizeof(r) * (2 << 20), far = at + sizeof(r) * (3 << 20);
	FILE *t = tmpfile();
	struct mp_elf *e;
	uint64_t v = 1;
	struct img f;

	(void)state;
	begin(&f);
	for (int i = 0; i < 2; i++) {
		unsigned n = img_section(&f, ".rela", SHT_RELA, SHF_ALLOC, 0, NULL, 0);

		f.sh[n].sh_offset = at;
		f.sh[n].sh_size = 1ULL << 40;
	}
	img_end(&f);
	assert_non_null(t);
	assert_int_equal(pwrite(fileno(t), f.b, f.len, 0), f.len);
	assert_int_equal(pwrite(fileno(t), &r, sizeof(r), (off_t)far), sizeof(r));
	assert_int_equal(ftruncate(fileno(t), (off_t)(at + (1ULL << 40))), 0);
	assert_int_equal(mp_elf_open(fileno(t), &e), 0);
	assert_int_equal(elf_pointer(e, word, &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(pwrite(fileno(t), &r, sizeof(r), (off_t)near), sizeof(r));
	assert_int_equal(elf_pointer(e, word, &v), 0);
	assert_int_equal(v, TEXT + 0x100);
	mp_elf_close(e);
	fclose(t);
}

static void ask_everything(const unsigned char *b, size_t len)
{
	struct mp_sym v[] = {
		{ .addr = 0 }, { .addr = TEXT + 0x145 }, { .addr = TEXT + 0x4ff }, { .addr = ~0ULL }
	};
	uint8_t id[MP_BUILD_ID_MAX];
	struct mp_elf *e;
	uint64_t x;

	if (mp_elf_open_mem(b, len, &e))
		return;
	mp_elf_build_id(e, id);
	mp_elf_address(e, OFF + 1, &x);
	mp_elf_function(e, "inner", &x);
	assert_int_equal(mp_elf_names(e, NULL, v, N(v)), 0);
	mp_sym_clear(v, N(v));
	mp_elf_close(e);
}

/* Under AddressSanitizer (make asan) a byte read beyond the file ends the test: so each
 * piece has a block of its own. */
static void hostile(const struct img *f)
{
	for (size_t n = 0; n < f->len; n++) {
		unsigned char *b = malloc(n + 1);

		memcpy(b, f->b, n);
		ask_everything(b, n);
		free(b);
	}
	for (size_t i = 0; i < f->len; i++) {
		static const unsigned char bits[] = { 0x01, 0x80, 0xff };

		for (size_t k = 0; k < N(bits); k++) {
			unsigned char *b = malloc(f->len);

			memcpy(b, f->b, f->len);
			b[i] ^= bits[k];
			ask_everything(b, f->len);
			free(b);
		}
	}
}

static void test_hostile_elf(void **state)
{
	struct img_syms s = { .n = 0 };
	struct img f;

	(void)state;
	fill_symbols(&s);
	begin(&f);
	img_symbols(&f, &s, SHT_SYMTAB);
	img_symbols(&f, &s, SHT_DYNSYM);
	img_end(&f);
	hostile(&f);
}

/* --- Go ---------------------------------------------------------------------------------- */

struct go_layout {
	uint32_t magic;
	unsigned entry; /* bytes of a field of functab        */
	bool text_word; /* the header has the word text start */
	bool text_told; /* ... and it is set                  */
};

/* Functions main.a at 0, main.b at 0x40, end at 0x60 of the text. */
static size_t make_pclntab(unsigned char *b, const struct go_layout *g)
{
	uint64_t at[] = { 0, 0x40, 0x60 }, w[10] = { 2, 0 }, functab, names;
	unsigned words = g->text_word ? 8 : 7, n = 0;
	size_t record;

	names = 8 + words * 8;
	functab = names + 32;
	record = (2 * 3) * g->entry; /* of the first one, from functab */
	memset(b, 0, 512);
	memcpy(b, &g->magic, 4);
	b[6] = 1;
	b[7] = 8;
	w[n++] = 2;
	w[n++] = 0;
	if (g->text_word)
		w[n++] = g->text_told ? TEXT : 0;
	w[n++] = names;
	w[n++] = 0;
	w[n++] = 0;
	w[n++] = 0;
	w[n++] = functab;
	memcpy(b + 8, w, n * 8);
	memcpy(b + names, "\0main.a\0main.b\0", 15);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t pc = at[i] + (g->entry == 8 ? TEXT : 0);
		uint64_t rec = record + i * 16;
		uint32_t name = i ? 8 : 1;

		memcpy(b + functab + i * 2 * g->entry, &pc, g->entry);
		if (i == 2)
			break;
		memcpy(b + functab + (i * 2 + 1) * g->entry, &rec, g->entry);
		memcpy(b + functab + rec, &pc, g->entry);
		memcpy(b + functab + rec + g->entry, &name, 4);
	}
	return functab + record + 64;
}

enum { MOD = 0x6000, RELA = 0x7000 };

static void make_go(struct img *f, const struct go_layout *g, bool moduledata, bool pie)
{
	unsigned char tab[512];
	uint64_t mod[30] = { [22] = pie ? 0 : TEXT };
	Elf64_Rela rela[2] = {
		{ .r_offset = MOD, .r_info = R_X86_64_RELATIVE, .r_addend = 1 },
		{ .r_offset = MOD + 22 * 8, .r_info = R_X86_64_RELATIVE, .r_addend = (int64_t)TEXT }
	};
	size_t n = make_pclntab(tab, g);
	unsigned i;

	begin(f);
	i = img_section(f, ".gopclntab", SHT_PROGBITS, SHF_ALLOC, 0x5000, tab, n);
	img_segment(f, PF_R, f->sh[i].sh_offset, 0x5000, n);
	if (moduledata) {
		i = img_section(f, ".go.module", SHT_PROGBITS, SHF_ALLOC, MOD, mod, sizeof(mod));
		img_segment(f, PF_R | PF_W, f->sh[i].sh_offset, MOD, sizeof(mod));
	}
	if (pie)
		img_section(f, ".rela", SHT_RELA, SHF_ALLOC, RELA, rela, sizeof(rela));
	img_end(f);
}

static void assert_go(const struct go_layout *g, bool moduledata, bool pie, bool named)
{
	unsigned source = named ? MP_PLACE_GO : MP_PLACE_NONE;
	struct mp_elf *e;
	struct img f;

	make_go(&f, g, moduledata, pie);
	e = open_img(&f);
	assert_at(e, NULL, TEXT - 1, "", MP_PLACE_NONE);
	assert_at(e, NULL, TEXT, named ? "main.a+0" : "", source);
	assert_at(e, NULL, TEXT + 0x3f, named ? "main.a+63" : "", source);
	assert_at(e, NULL, TEXT + 0x40, named ? "main.b+0" : "", source);
	assert_at(e, NULL, TEXT + 0x60, "", MP_PLACE_NONE);
	mp_elf_close(e);
	hostile(&f);
}

static void test_go(void **state)
{
	static const struct go_layout go116 = { 0xfffffffa, 8, false, false },
				      go118 = { 0xfffffff0, 4, true, true },
				      go120 = { 0xfffffff1, 4, true, true },
				      go126 = { 0xfffffff1, 4, true, false },
				      go12 = { 0xfffffffb, 8, false, false };

	(void)state;
	assert_go(&go116, false, false, true);
	assert_go(&go118, false, false, true);
	assert_go(&go120, false, false, true);
	assert_go(&go126, true, false, true);
	assert_go(&go126, true, true, true);
	assert_go(&go126, false, false, false); /* better no name than a wrong one */
	assert_go(&go12, false, false, false);
}

/* --- perf maps ---------------------------------------------------------------------------- */

static void test_perfmap(void **state)
{
	static const char text[] = "1000 20 first\n"
				   "0x2000 0x10 LazyCompile:*f x.js:1:2\r\n"
				   "1010 8 again\n"
				   "\n"
				   "zz 10 bad\n"
				   "3000 bad\n"
				   "3000 10\n"
				   "11112222333344445 1 too long\n"
				   "fffffffffffffff0 20 wraps\n"
				   "4000 10 _ZN1a1bIiEEvT_\n"
				   "5000 10 not finish";
	struct mp_sym v[] = { { .addr = 0x1000 }, { .addr = 0x1010 }, { .addr = 0x1018 },
			      { .addr = 0x1020 }, { .addr = 0x2001 }, { .addr = 0x3000 },
			      { .addr = 0x4000 }, { .addr = 0x5000 }, { .addr = ~0ULL } };
	static const char *const want[] = {
		"first", "again",     "first", NULL, "LazyCompile:*f x.js:1:2",
		NULL,	 "a::b<int>", NULL,    NULL
	};
	FILE *t = tmpfile();

	(void)state;
	assert_int_equal(mp_perfmap_names_mem(text, sizeof(text) - 1, v, N(v)), 0);
	for (size_t i = 0; i < N(v); i++) {
		assert_int_equal(v[i].name != NULL, want[i] != NULL);
		if (want[i])
			assert_string_equal(v[i].name, want[i]);
		assert_int_equal(v[i].source, want[i] ? MP_PLACE_PERFMAP : MP_PLACE_NONE);
	}
	assert_int_equal(v[1].start, 0x1010);
	mp_sym_clear(v, N(v));
	assert_non_null(t);
	assert_int_equal(fwrite(text, 1, sizeof(text) - 1, t), sizeof(text) - 1);
	rewind(t);
	assert_int_equal(mp_perfmap_names(fileno(t), v, N(v)), 0);
	assert_string_equal(v[6].name, "a::b<int>");
	mp_sym_clear(v, N(v));
	fclose(t);
}

/* Lines around the borders of what is read at once, and one that is longer. */
static void test_perfmap_pieces(void **state)
{
	struct mp_sym y = { .addr = 0x77 };
	FILE *t = tmpfile();

	(void)state;
	assert_non_null(t);
	for (int i = 0; i < 20000; i++)
		assert_true(fprintf(t, "%x 10 f%d\n", 0x10000 + i * 16, i) > 0);
	for (int i = 0; i < 600000; i++)
		putc('x', t);
	assert_true(fprintf(t, "\n70 10 here\n") > 0);
	rewind(t);
	assert_int_equal(mp_perfmap_names(fileno(t), &y, 1), 0);
	assert_string_equal(y.name, "here");
	mp_sym_clear(&y, 1);
	fclose(t);
}

/* --- words ----------------------------------------------------------------------------------- */

static void test_demangle(void **state)
{
	static const char *const cases[][2] = {
		{ "main", "main" },
		{ "_start", "_start" },
		{ "foo.isra.0", "foo.isra.0" },
		{ "_ZNSt6vectorIiSaIiEE9push_backERKi",
		  "std::vector<int, std::allocator<int> >::push_back" },
		{ "_ZN12_GLOBAL__N_14workEv", "(anonymous namespace)::work" },
		{ "_Z3fooILi3EEvv", "foo<3>" },
		{ "_ZN4core3fmt9Formatter3pad17h8b1ad3c9f2e04756E", "core::fmt::Formatter::pad" },
		{ "_ZN66_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..ops..drop..Drop$GT$4drop"
		  "17h0123456789abcdefE",
		  "<alloc::vec::Vec<T> as core::ops::drop::Drop>::drop" },
		{ "_RNvCs1234_7mycrate3foo", "mycrate::foo" },
		{ "_RINvNtC3std3mem8align_ofdE", "std::mem::align_of::<f64>" },
		{ "_RNCNvC4demo4main0", "demo::main::{closure#0}" },
		{ "_ZN", "_ZN" },
		{ "_Z", "_Z" },
		{ "_R", "_R" },
		{ "main.(*T).Method", "main.(*T).Method" },
		{ "", "" },
	};
	char buf[MP_SYM_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < N(cases); i++)
		assert_string_equal(mp_demangle(cases[i][0], buf, sizeof(buf)), cases[i][1]);
	assert_string_equal(mp_demangle("_ZNSt6vectorIiSaIiEE9push_backERKi", buf, 8), "std::ve");
	assert_string_equal(mp_demangle("plain_name", buf, 6), "plain");
}

/* Each S0_ doubles what it stands for: 2^60 bytes, if somebody wrote them out. */
static void test_demangle_bomb(void **state)
{
	char name[1200] = "_Z1fI1aI1bS_E", buf[MP_SYM_NAME_MAX];
	size_t n;

	(void)state;
	strcpy(name, "_Z1fI");
	strcat(name, "1aIiiE");
	for (int i = 0; i < 60; i++) {
		n = strlen(name);
		snprintf(name + n, sizeof(name) - n, "1aIS%c_S%c_E",
			 i % 36 < 10 ? '0' + i % 36 : 'A' + i % 36 - 10,
			 i % 36 < 10 ? '0' + i % 36 : 'A' + i % 36 - 10);
	}
	strcat(name, "Evv");
	assert_true(strlen(mp_demangle(name, buf, sizeof(buf))) < sizeof(buf));
	memset(name, 'P', sizeof(name) - 1);
	memcpy(name, "_Z1f", 4);
	name[sizeof(name) - 1] = 0;
	assert_true(strlen(mp_demangle(name, buf, sizeof(buf))) < sizeof(buf));
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(test_which_symbol),  cmocka_unit_test(test_many_at_once),
		cmocka_unit_test(test_stripped),      cmocka_unit_test(test_file),
		cmocka_unit_test(test_hostile_elf),   cmocka_unit_test(test_go),
		cmocka_unit_test(test_perfmap),	      cmocka_unit_test(test_perfmap_pieces),
		cmocka_unit_test(test_demangle),      cmocka_unit_test(test_demangle_bomb),
		cmocka_unit_test(test_giant_strings), cmocka_unit_test(test_giant_relocations),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
