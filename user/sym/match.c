/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * match.c - the best function for each of many addresses, in one walk over each table.
 *
 * The addresses are sorted and few (thousands), the symbols many (node has 110,000): so
 * each symbol is looked up among the addresses, nothing of the table is kept, and names
 * are read for what is chosen only. Symbols of a hostile file may all cover everything:
 * the work is bounded (STEPS_MAX); what was found by then stands.
 */
#include "user/sym/elf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX (1u << 26)
#define RAW_MAX	  2048 /* bytes of a mangled name that are read */

struct cand {
	uint64_t start, end;	  /* a symbol without a size: end of its section */
	uint64_t name, names_end; /* in the file  */
	const struct mp_elf *e;	  /* NULL: none   */
	uint8_t source;
	uint8_t rank; /* kind and binding; 0 = none */
	bool sized;
};

/*
 * Two candidates for each address: the best one whose size covers it, and `below`, of
 * those that start above the address before and not above this one the highest. Who has
 * no cover gets the next lower start, if that symbol has no size and so reaches here.
 */
struct match {
	struct mp_sym *v;
	size_t n;
	struct cand *cover, *below;
	unsigned steps;
	/* of the table being fed */
	const struct mp_elf *e;
	uint64_t names, names_end;
	uint8_t source;
	bool whole, mapping_symbols;
};

int match_new(struct mp_sym *v, size_t n, struct match **out)
{
	struct match *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->v = v;
	m->n = n;
	m->cover = calloc(n + 1, sizeof(*m->cover));
	m->below = calloc(n + 1, sizeof(*m->below));
	if (!m->cover || !m->below) {
		match_free(m);
		return -ENOMEM;
	}
	*out = m;
	return 0;
}

void match_free(struct match *m)
{
	if (!m)
		return;
	free(m->cover);
	free(m->below);
	free(m);
}

/* The first address that is not below addr. */
static size_t lower(const struct match *m, uint64_t addr)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->v[mid].addr < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static size_t underscores(const char *s)
{
	return strspn(s, "_");
}

/* Two names of one function: the one that people write. */
static bool nicer(const struct cand *a, const struct cand *b)
{
	char x[256], y[256];

	elf_string(a->e, a->name, a->names_end, x, sizeof(x));
	elf_string(b->e, b->name, b->names_end, y, sizeof(y));
	if (!*x || !*y)
		return *x;
	if (underscores(x) != underscores(y))
		return underscores(x) < underscores(y);
	if (a->rank != b->rank)
		return a->rank > b->rank;
	if (strlen(x) != strlen(y))
		return strlen(x) < strlen(y);
	return strcmp(x, y) < 0;
}

enum { RANK_LOCAL = 1, RANK_WEAK = 2, RANK_GLOBAL = 3, RANK_FUNC = 4 };

static bool better(const struct cand *a, const struct cand *b)
{
	if (!b->rank)
		return true;
	if ((a->rank ^ b->rank) & RANK_FUNC)
		return a->rank & RANK_FUNC;
	if (a->start != b->start)
		return a->start > b->start; /* the inner one */
	if (((a->rank & 3) == RANK_LOCAL) != ((b->rank & 3) == RANK_LOCAL))
		return (a->rank & 3) != RANK_LOCAL;
	return nicer(a, b);
}

static bool above(const struct cand *a, const struct cand *b)
{
	if (!b->rank || a->start != b->start)
		return !b->rank || a->start > b->start;
	if (a->sized != b->sized) /* its end is known: it does not reach further */
		return a->sized;
	return better(a, b);
}

static uint8_t rank_of(uint8_t info)
{
	uint8_t type = ELF64_ST_TYPE(info), bind = ELF64_ST_BIND(info);
	uint8_t rank = bind == STB_LOCAL ? RANK_LOCAL : bind == STB_WEAK ? RANK_WEAK : RANK_GLOBAL;

	if (type == STT_FUNC || type == STT_GNU_IFUNC)
		return rank | RANK_FUNC;
	return type == STT_NOTYPE ? rank : 0;
}

static uint64_t section_end(const struct mp_elf *e, size_t i)
{
	GElf_Shdr sh;
	Elf_Scn *scn = elf_getscn(e->elf, i);

	return scn && gelf_getshdr(scn, &sh) && sh.sh_size <= ~0ULL - sh.sh_addr
		       ? sh.sh_addr + sh.sh_size
		       : 0;
}

/* "$x", "$d.12": marks of code and data, not functions (ELF for the Arm architecture). */
static bool is_mark(const struct match *m, const struct cand *c)
{
	char name[4];

	if (!m->mapping_symbols || c->rank & RANK_FUNC)
		return false;
	return elf_string(c->e, c->name, c->names_end, name, sizeof(name))[0] == '$';
}

static int one_symbol(void *ctx, const struct elf_sym *y)
{
	struct match *m = ctx;
	struct cand c = { .start = y->value,
			  .source = m->source,
			  .e = m->e,
			  .rank = rank_of(y->info),
			  .sized = y->size != 0 };
	size_t i;

	if (!c.rank || y->shndx == SHN_UNDEF || y->shndx >= m->e->n_sections ||
	    !m->e->code[y->shndx] || y->name >= m->names_end - m->names)
		return 0;
	if (m->e->eh.e_machine == EM_ARM)
		c.start &= ~1ULL; /* says Thumb */
	i = lower(m, c.start);
	if (i == m->n || ++m->steps > STEPS_MAX)
		return m->steps > STEPS_MAX;
	c.name = m->names + y->name;
	c.names_end = m->names_end;
	c.end = c.sized ? c.start + y->size : m->whole ? section_end(m->e, y->shndx) : 0;
	if (is_mark(m, &c))
		return 0;
	if (above(&c, &m->below[i]))
		m->below[i] = c;
	for (; c.sized && i < m->n && m->v[i].addr < c.end; i++) {
		if (++m->steps > STEPS_MAX)
			return 1;
		if (better(&c, &m->cover[i]))
			m->cover[i] = c;
	}
	return 0;
}

int match_feed(struct match *m, const struct mp_elf *e, const GElf_Shdr *sh, uint8_t source,
	       bool whole)
{
	int err;

	if (!elf_strings(e, sh, &m->names, &m->names_end))
		return 0;
	m->e = e;
	m->source = source;
	m->whole = whole;
	m->mapping_symbols = e->eh.e_machine == EM_ARM || e->eh.e_machine == EM_AARCH64 ||
			     e->eh.e_machine == EM_RISCV;
	err = elf_symbols(e, sh, one_symbol, m);
	return err < 0 ? err : 0;
}

static int set_name(struct mp_sym *y, const struct cand *c)
{
	char raw[RAW_MAX], text[MP_SYM_NAME_MAX];

	if (!*elf_string(c->e, c->name, c->names_end, raw, sizeof(raw)))
		return 0;
	y->name = strdup(mp_demangle(raw, text, sizeof(text)));
	y->start = c->start;
	y->source = c->source;
	return y->name ? 0 : -ENOMEM;
}

int match_end(struct match *m)
{
	const struct cand none = { .rank = 0 }, *below = &none;
	int err = 0;

	for (size_t i = 0; i < m->n && !err; i++) {
		const struct cand *c = &m->cover[i];

		if (m->below[i].rank)
			below = &m->below[i];
		if (!c->rank && below->rank && !below->sized && m->v[i].addr < below->end)
			c = below;
		if (c->rank && !m->v[i].name)
			err = set_name(&m->v[i], c);
	}
	return err;
}
