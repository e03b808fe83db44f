/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gopclntab.c - the table by which Go's runtime names functions. Every Go program has
 * it, stripped or not.
 *
 * Layouts (src/runtime/symtab.go, src/debug/gosym/pclntab.go): a header of
 *   magic (4 bytes), 0, 0, instruction size, pointer size, and then words:
 *   1.16: functions, files,             names, cus, files, pcs, functab (offsets)
 *   1.18: functions, files, text start, names, cus, files, pcs, functab
 *   1.20: the same with another magic; from 1.26 on text start is 0: it is told by
 *         runtime.moduledata only, which has a section of its own (.go.module).
 * functab is sorted: entry and offset of the function's record, words in 1.16, 32 bits
 * relative to the text start later; one more entry ends the last function. A record
 * begins with the entry again (word, or 32 bits) and the offset of its name (32 bits).
 */
#include "user/sym/elf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC_116 0xfffffffau
#define MAGIC_118 0xfffffff0u
#define MAGIC_120 0xfffffff1u
#define FUNCS_MAX (16u << 20)
#define TEXT_WORD 22 /* of runtime.moduledata: text */

struct pclntab {
	const struct mp_elf *e;
	uint64_t off, end; /* in the file */
	uint64_t n, text, names, functab;
	unsigned word, entry; /* bytes of a word, of a field of functab */
};

static bool section(const struct mp_elf *e, GElf_Shdr *sh)
{
	return elf_section(e, ".gopclntab", sh) || elf_section(e, ".data.rel.ro.gopclntab", sh);
}

static uint64_t number(const struct pclntab *t, const unsigned char *b, unsigned size)
{
	return size == 4 ? elf_u32(t->e, b) : elf_word(t->e, b);
}

static int text_start(struct pclntab *t, uint64_t header_word)
{
	GElf_Shdr mod;

	if (!elf_pointer(t->e, header_word, &t->text) && t->text)
		return 0;
	if (!elf_section(t->e, ".go.module", &mod))
		return -ENOENT;
	return elf_pointer(t->e, mod.sh_addr + TEXT_WORD * t->word, &t->text) || !t->text ? -ENOENT
											  : 0;
}

static int read_header(const struct mp_elf *e, const GElf_Shdr *sh, struct pclntab *t)
{
	unsigned char h[8 + 8 * 8];
	unsigned w = e->eh.e_ident[EI_CLASS] == ELFCLASS64 ? 8 : 4;
	bool old;
	uint32_t magic;

	*t = (struct pclntab){ .e = e, .off = sh->sh_offset, .word = w };
	if (sh->sh_offset > e->size || sh->sh_size > e->size - sh->sh_offset ||
	    sh->sh_size < 8 + 8 * w || elf_read(e, t->off, h, 8 + 8 * w))
		return -ENOENT;
	t->end = t->off + sh->sh_size;
	magic = elf_u32(e, h);
	old = magic == MAGIC_116;
	if ((!old && magic != MAGIC_118 && magic != MAGIC_120) || h[7] != w)
		return -ENOENT;
	t->entry = old ? w : 4;
	t->n = elf_word(e, h + 8);
	t->names = elf_word(e, h + 8 + (old ? 2 : 3) * w);
	t->functab = elf_word(e, h + 8 + (old ? 6 : 7) * w);
	if (!t->n || t->n > FUNCS_MAX || t->names >= sh->sh_size || t->functab >= sh->sh_size ||
	    (t->n * 2 + 1) * t->entry > sh->sh_size - t->functab)
		return -ENOENT;
	return old ? 0 : text_start(t, sh->sh_addr + 8 + 2 * w);
}

/* Entry i of functab; i == n: where the last function ends. */
static int entry_at(const struct pclntab *t, uint64_t i, uint64_t *addr, uint64_t *record)
{
	unsigned char b[16] = { 0 };
	int err = elf_read(t->e, t->off + t->functab + i * 2 * t->entry, b,
			   i < t->n ? 2 * t->entry : t->entry);

	*addr = t->text + number(t, b, t->entry);
	*record = number(t, b + t->entry, t->entry);
	return err;
}

static int set_name(const struct pclntab *t, uint64_t record, uint64_t start, struct mp_sym *y)
{
	char text[MP_SYM_NAME_MAX];
	unsigned char b[4];
	uint64_t at = t->functab + record + t->entry, size = t->end - t->off, name;

	if (record > size || at > size - 4 || elf_read(t->e, t->off + at, b, 4))
		return 0;
	name = t->names + elf_u32(t->e, b);
	if (name >= size || !*elf_string(t->e, t->off + name, t->end, text, sizeof(text)))
		return 0;
	y->name = strdup(text);
	y->start = start;
	y->source = MP_PLACE_GO;
	return y->name ? 0 : -ENOMEM;
}

static int find(const struct pclntab *t, struct mp_sym *y)
{
	uint64_t lo = 0, hi = t->n, start, next, record;

	/* invariant: entry lo is not above the address, entry hi is */
	if (entry_at(t, lo, &start, &record) || y->addr < start ||
	    entry_at(t, hi, &next, &record) || y->addr >= next)
		return 0;
	while (hi - lo > 1) {
		uint64_t mid = lo + (hi - lo) / 2, at;

		if (entry_at(t, mid, &at, &record))
			return 0;
		if (at <= y->addr)
			lo = mid;
		else
			hi = mid;
	}
	if (entry_at(t, lo, &start, &record) || y->addr < start)
		return 0;
	return set_name(t, record, start, y);
}

int gopclntab_names(const struct mp_elf *e, struct mp_sym *v, size_t n)
{
	struct pclntab t;
	GElf_Shdr sh;
	int err = 0;

	if (!section(e, &sh) || read_header(e, &sh, &t))
		return 0;
	for (size_t i = 0; i < n && !err; i++)
		if (!v[i].name)
			err = find(&t, &v[i]);
	return err;
}

/* --- by name ------------------------------------------------------------------------------- */

#define PIECE (1u << 16)

/* Bytes of names looked through, and read of the file in all: a file can say that it is as
 * large as its holes. Real programs have some MB of names. */
#define NAMES_MAX (256ULL << 20)
#define READ_MAX  (1ULL << 30)

/* What was read of the file last: tables are walked upwards, in small steps. */
struct window {
	uint64_t off;
	size_t n;
	uint64_t *budget; /* bytes that may still be read */
	unsigned char b[PIECE];
};

static const unsigned char *window_at(const struct mp_elf *e, struct window *w, uint64_t off,
				      size_t len)
{
	if (off < w->off || off + len > w->off + w->n) {
		w->off = off;
		w->n = off < e->size && e->size - off < PIECE ? (size_t)(e->size - off) : PIECE;
		if (w->n < len || *w->budget < w->n || elf_read(e, off, w->b, w->n))
			w->n = 0;
		*w->budget -= w->n;
	}
	return w->n ? w->b + (off - w->off) : NULL;
}

#define GO_FUNCS_MAX 16u

/* Offsets of the names wanted, in the table of names; 0: not in it. Each name stands
 * there once, between NULs: when all are found there is no more to read. */
static int find_names(const struct pclntab *t, const struct mp_go_func *v, size_t n,
		      uint32_t at[GO_FUNCS_MAX])
{
	const uint64_t from = t->off + t->names;
	unsigned char *buf = malloc(PIECE);
	uint64_t off = from, step = PIECE - MP_SYM_NAME_MAX;
	uint64_t end = t->end - from < NAMES_MAX ? t->end : from + NAMES_MAX;
	size_t left = n;

	if (!buf)
		return -ENOMEM;
	for (; off < end && left; off += step) {
		size_t k = t->end - off < PIECE ? (size_t)(t->end - off) : PIECE;

		if (elf_read(t->e, off, buf, k))
			break;
		for (size_t i = 0; i < n; i++) {
			size_t len = strlen(v[i].name) + 1;
			unsigned char *p = buf;

			while (!at[i] && (p = memmem(p, k - (size_t)(p - buf), v[i].name, len))) {
				if (p > buf && !p[-1]) {
					at[i] = (uint32_t)(off - from + (uint64_t)(p - buf));
					left--;
				}
				p++;
			}
		}
	}
	free(buf);
	return 0;
}

static int match_names(const struct pclntab *t, struct mp_go_func *v, size_t n,
		       const uint32_t at[GO_FUNCS_MAX])
{
	struct window *w = malloc(2 * sizeof(*w));
	uint64_t budget = READ_MAX;
	size_t left = 0;

	if (!w)
		return -ENOMEM;
	w[0].n = w[1].n = 0;
	w[0].budget = w[1].budget = &budget;
	for (size_t k = 0; k < n; k++)
		left += at[k] != 0;
	for (uint64_t i = 0; i < t->n && left; i++) {
		const unsigned char *b = window_at(
			t->e, &w[0], t->off + t->functab + i * 2 * t->entry, 3 * t->entry);
		const unsigned char *name;
		uint64_t record;

		if (!b)
			break;
		record = number(t, b + t->entry, t->entry);
		if (record > t->end - t->off)
			continue;
		name = window_at(t->e, &w[1], t->off + t->functab + record + t->entry, 4);
		for (size_t k = 0; name && k < n; k++) {
			if (!at[k] || v[k].start || elf_u32(t->e, name) != at[k])
				continue;
			v[k].start = t->text + number(t, b, t->entry);
			v[k].end = t->text + number(t, b + 2 * t->entry, t->entry);
			left--;
		}
	}
	free(w);
	return 0;
}

int mp_elf_go_functions(struct mp_elf *e, struct mp_go_func *v, size_t n)
{
	uint32_t at[GO_FUNCS_MAX] = { 0 };
	struct pclntab t;
	GElf_Shdr sh;
	int err;

	for (size_t i = 0; i < n; i++)
		v[i].start = v[i].end = 0;
	if (n > GO_FUNCS_MAX || !section(e, &sh) || read_header(e, &sh, &t))
		return -ENOENT;
	err = find_names(&t, v, n, at);
	return err ? err : match_names(&t, v, n, at);
}
