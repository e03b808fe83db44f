/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * usdt.c - probes that a program was built with: the notes of type 3 and name "stapsdt" in
 * .note.stapsdt, as SystemTap describes them (its wiki, UserSpaceProbeImplementation):
 *
 *	address of the probe, address of .stapsdt.base when it was linked, address of the
 *	semaphore or 0, then three strings: provider, name, where the arguments are
 */
#include "user/sym/elf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STAPSDT	  3
#define NOTES_MAX (4u << 20) /* bytes; a JVM's 700 probes take 100 kB */

struct notes {
	const struct mp_elf *e;
	int64_t moved; /* of what was prelinked: by how much */
	const char *provider, *name;
	struct mp_usdt_site *out;
	size_t n, max;
};

/* The string at *p, which moves on behind it; NULL: it does not end in here. */
static const char *next_string(const char **p, const char *end)
{
	const char *s = *p, *nul = memchr(s, 0, (size_t)(end - s));

	*p = nul ? nul + 1 : end;
	return nul ? s : NULL;
}

/* -ENOSPC: there are more places than asked for. */
static int take(struct notes *t, const unsigned char *desc, size_t len)
{
	size_t word = t->e->eh.e_ident[EI_CLASS] == ELFCLASS64 ? 8 : 4;
	const char *p = (const char *)desc + 3 * word, *end = (const char *)desc + len;
	const char *provider, *name, *args;
	uint64_t at, sema;
	struct mp_usdt_site *s;

	if (len < 3 * word)
		return 0;
	provider = next_string(&p, end);
	name = next_string(&p, end);
	args = next_string(&p, end);
	if (!args || strcmp(provider, t->provider) || strcmp(name, t->name))
		return 0;
	if (t->n == t->max)
		return -ENOSPC;
	s = &t->out[t->n];
	*s = (struct mp_usdt_site){ 0 };
	at = elf_word(t->e, desc) + (uint64_t)t->moved;
	sema = elf_word(t->e, desc + 2 * word);
	if (strlen(args) >= sizeof(s->args) || elf_offset(t->e, at, &s->offset) ||
	    (sema && elf_offset(t->e, sema + (uint64_t)t->moved, &s->semaphore)))
		return -ENOEXEC;
	strcpy(s->args, args);
	t->n++;
	return 0;
}

static uint64_t padded(uint32_t n)
{
	return ((uint64_t)n + 3) & ~3ULL;
}

static int walk(struct notes *t, const unsigned char *b, uint64_t len)
{
	int err = 0;

	for (uint64_t at = 0; !err && len - at >= 12;) {
		uint32_t namesz = elf_u32(t->e, b + at), descsz = elf_u32(t->e, b + at + 4);
		uint32_t type = elf_u32(t->e, b + at + 8);
		uint64_t name = at + 12, desc = name + padded(namesz), end = desc + padded(descsz);

		if (desc + descsz > len)
			break;
		if (type == STAPSDT && namesz == 8 && !memcmp(b + name, "stapsdt", 8))
			err = take(t, b + desc, descsz);
		if (end > len)
			break;
		at = end;
	}
	return err;
}

/* The first note tells where the base was; all of a file tell the same. */
static int64_t moved_by(const struct mp_elf *e, const unsigned char *b, uint64_t len)
{
	size_t word = e->eh.e_ident[EI_CLASS] == ELFCLASS64 ? 8 : 4;
	GElf_Shdr base;

	if (len < 12 + 8 + 2 * word || !elf_section(e, ".stapsdt.base", &base))
		return 0;
	return (int64_t)(base.sh_addr - elf_word(e, b + 12 + 8 + word));
}

int mp_elf_usdt(struct mp_elf *e, const char *provider, const char *name, struct mp_usdt_site *out,
		size_t max)
{
	struct notes t = { .e = e, .provider = provider, .name = name, .out = out, .max = max };
	unsigned char *b;
	GElf_Shdr sh;
	int err;

	if (!elf_section(e, ".note.stapsdt", &sh))
		return -ENOENT;
	if (sh.sh_size > NOTES_MAX || sh.sh_size > e->size)
		return -ENOEXEC;
	b = malloc(sh.sh_size + 1);
	if (!b)
		return -ENOMEM;
	err = elf_read(e, sh.sh_offset, b, sh.sh_size);
	t.moved = err ? 0 : moved_by(e, b, sh.sh_size);
	if (!err)
		err = walk(&t, b, sh.sh_size);
	free(b);
	return err ? err : t.n ? (int)t.n : -ENOENT;
}
