/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * elf.h - what the readers of an ELF file's tables share: bytes of it, sections.
 * For user/sym only.
 */
#ifndef MEMPROF_SYM_ELF_H
#define MEMPROF_SYM_ELF_H

#include <gelf.h>
#include <stdbool.h>

#include "user/sym/sym.h"

struct mp_elf {
	int fd; /* or -1: */
	const unsigned char *mem;
	uint64_t size; /* bytes of the file */
	Elf *elf;      /* headers only; contents are read by elf_read() */
	GElf_Ehdr eh;
	size_t n_sections;
	uint8_t *code; /* by section: 1 = it holds instructions */
};

/* Exactly len bytes at off; -ENODATA where the file has not so many. */
int elf_read(const struct mp_elf *e, uint64_t off, void *buf, size_t len);
/* A string at off, read up to `end` of its table and cut to size; "" when there is none. */
char *elf_string(const struct mp_elf *e, uint64_t off, uint64_t end, char *buf, size_t size);
/* The header of the section with that name and contents in the file. */
bool elf_section(const struct mp_elf *e, const char *name, GElf_Shdr *sh);
/* A word of the file's own size (4 or 8 bytes) and order in buf. */
uint64_t elf_word(const struct mp_elf *e, const unsigned char *buf);
uint32_t elf_u32(const struct mp_elf *e, const unsigned char *buf);
/* The word that a program finds at that address: with RELATIVE relocations applied. */
int elf_pointer(const struct mp_elf *e, uint64_t addr, uint64_t *value);
/* Offset in the file of an address; -ENOENT. */
int elf_offset(const struct mp_elf *e, uint64_t addr, uint64_t *off);

/* A symbol, of either class. */
struct elf_sym {
	uint64_t value, size;
	uint32_t name; /* offset in the table of strings */
	uint16_t shndx;
	uint8_t info;
};
/* Calls fn for each symbol of a table until it returns non-zero, and returns that; -ENOMEM. */
int elf_symbols(const struct mp_elf *e, const GElf_Shdr *sh,
		int (*fn)(void *ctx, const struct elf_sym *y), void *ctx);
/* Where the strings of a table of symbols lie in the file. */
bool elf_strings(const struct mp_elf *e, const GElf_Shdr *sh, uint64_t *start, uint64_t *end);

/* match.c: the best function for each address. */
struct match;
int match_new(struct mp_sym *v, size_t n, struct match **out);
/*
 * Takes in one table of functions of e, which stays open until match_end(). `whole`:
 * all functions of the file are in it, so that one without a size reaches to the next.
 */
int match_feed(struct match *m, const struct mp_elf *e, const GElf_Shdr *sh, uint8_t source,
	       bool whole);
/* Sets the names. 0 or -ENOMEM. */
int match_end(struct match *m);
void match_free(struct match *m);

/* debugdata.c: the file inside .gnu_debugdata; free *mem after the elf is closed. */
int debugdata_open(const struct mp_elf *e, struct mp_elf **out, void **mem);

/* gopclntab.c */
int gopclntab_names(const struct mp_elf *e, struct mp_sym *v, size_t n);

#endif /* MEMPROF_SYM_ELF_H */
