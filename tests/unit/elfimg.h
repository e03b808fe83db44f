/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * elfimg.h - small ELF files made in memory, for tests of what reads them.
 */
#ifndef TESTS_ELFIMG_H
#define TESTS_ELFIMG_H

#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define IMG_SECTIONS 12

/* A 64-bit little-endian file: header, contents of sections, section headers. */
struct img {
	unsigned char b[65536];
	size_t len;
	Elf64_Shdr sh[IMG_SECTIONS];
	unsigned n_sh;
	char names[512];
	size_t names_len;
	Elf64_Phdr ph[4];
	unsigned n_ph;
};

static inline void img_begin(struct img *f)
{
	memset(f, 0, sizeof(*f));
	f->len = sizeof(Elf64_Ehdr) + sizeof(f->ph);
	f->n_sh = 1;
	f->names_len = 1;
}

static inline unsigned img_section(struct img *f, const char *name, uint32_t type, uint64_t flags,
				   uint64_t addr, const void *data, size_t size)
{
	Elf64_Shdr *sh = &f->sh[f->n_sh];

	f->len = (f->len + 15) & ~(size_t)15;
	*sh = (Elf64_Shdr){ .sh_name = (uint32_t)f->names_len,
			    .sh_type = type,
			    .sh_flags = flags,
			    .sh_addr = addr,
			    .sh_offset = f->len,
			    .sh_size = size };
	f->names_len += (size_t)sprintf(f->names + f->names_len, "%s", name) + 1;
	if (data && type != SHT_NOBITS) {
		memcpy(f->b + f->len, data, size);
		f->len += size;
	}
	return f->n_sh++;
}

static inline void img_segment(struct img *f, uint32_t flags, uint64_t off, uint64_t addr,
			       uint64_t size)
{
	f->ph[f->n_ph++] = (Elf64_Phdr){ .p_type = PT_LOAD,
					 .p_flags = flags,
					 .p_offset = off,
					 .p_vaddr = addr,
					 .p_filesz = size,
					 .p_memsz = size };
}

static inline void img_end(struct img *f)
{
	Elf64_Ehdr eh = { .e_type = ET_DYN,
			  .e_machine = EM_X86_64,
			  .e_version = EV_CURRENT,
			  .e_ehsize = sizeof(eh),
			  .e_phentsize = sizeof(Elf64_Phdr),
			  .e_shentsize = sizeof(Elf64_Shdr),
			  .e_phoff = sizeof(eh) };
	unsigned strs = img_section(f, ".shstrtab", SHT_STRTAB, 0, 0, NULL, 0);

	memcpy(eh.e_ident, ELFMAG, SELFMAG);
	eh.e_ident[EI_CLASS] = ELFCLASS64;
	eh.e_ident[EI_DATA] = ELFDATA2LSB;
	eh.e_ident[EI_VERSION] = EV_CURRENT;
	f->sh[strs].sh_size = f->names_len;
	memcpy(f->b + f->len, f->names, f->names_len);
	f->len = (f->len + f->names_len + 15) & ~(size_t)15;
	eh.e_phnum = (uint16_t)f->n_ph;
	eh.e_shoff = f->len;
	eh.e_shnum = (uint16_t)f->n_sh;
	eh.e_shstrndx = (uint16_t)strs;
	memcpy(f->b + f->len, f->sh, f->n_sh * sizeof(f->sh[0]));
	f->len += f->n_sh * sizeof(f->sh[0]);
	memcpy(f->b, &eh, sizeof(eh));
	memcpy(f->b + sizeof(eh), f->ph, sizeof(f->ph));
}

/* Symbols and their strings, to become .symtab or .dynsym. */
struct img_syms {
	Elf64_Sym v[64];
	unsigned n;
	char strs[2048];
	size_t len;
};

static inline void img_sym(struct img_syms *s, const char *name, uint8_t bind, uint8_t type,
			   uint16_t section, uint64_t value, uint64_t size)
{
	if (!s->n)
		s->n = s->len = 1;
	s->v[s->n++] = (Elf64_Sym){ .st_name = (uint32_t)s->len,
				    .st_info = ELF64_ST_INFO(bind, type),
				    .st_shndx = section,
				    .st_value = value,
				    .st_size = size };
	s->len += (size_t)sprintf(s->strs + s->len, "%s", name) + 1;
}

static inline void img_symbols(struct img *f, const struct img_syms *s, uint32_t type)
{
	unsigned i = img_section(f, type == SHT_SYMTAB ? ".symtab" : ".dynsym", type, 0, 0, s->v,
				 s->n * sizeof(s->v[0]));

	f->sh[i].sh_entsize = sizeof(s->v[0]);
	f->sh[i].sh_link = img_section(f, type == SHT_SYMTAB ? ".strtab" : ".dynstr", SHT_STRTAB, 0,
				       0, s->strs, s->len);
}

#endif /* TESTS_ELFIMG_H */
