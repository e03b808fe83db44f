/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gobuild.c - the version of Go that a program was built with, out of .go.buildinfo.
 *
 * Layout (src/debug/buildinfo/buildinfo.go): "\xff Go buildinf:", size of a pointer,
 * flags. Flag 2 (1.18 and later): at 32 a length as uvarint and the version's text. Else
 * at 16 the address of a Go string: a pointer to the text and its length.
 */
#include "user/sym/elf.h"

#include <errno.h>
#include <string.h>

#define MAGIC	    "\xff Go buildinf:"
#define MAGIC_LEN   14
#define INLINE	    2u
#define VERSION_MAX 256u

/* `len` bytes of text at `off`, cut to size; only what a version may hold. */
static int take(const struct mp_elf *e, uint64_t off, uint64_t len, char *buf, size_t size)
{
	if (!len || len > VERSION_MAX || off > e->size)
		return -ENOENT;
	elf_string(e, off, off + len, buf, size);
	for (const char *p = buf; *p; p++)
		if (*p < ' ' || *p > '~')
			return -ENOENT;
	return strstr(buf, "go1") ? 0 : -ENOENT;
}

/* A length of one or two bytes of 7 bits each: versions are no longer. */
static int take_inline(const struct mp_elf *e, uint64_t off, char *buf, size_t size)
{
	unsigned char b[2];
	uint64_t len;

	if (elf_read(e, off, b, 2))
		return -ENOENT;
	len = b[0] & 0x7f;
	off++;
	if (b[0] & 0x80) {
		len |= (uint64_t)(b[1] & 0x7f) << 7;
		off++;
	}
	return take(e, off, len, buf, size);
}

static int take_string(const struct mp_elf *e, uint64_t at, char *buf, size_t size)
{
	unsigned word = e->eh.e_ident[EI_CLASS] == ELFCLASS64 ? 8 : 4;
	uint64_t header, text, len, off;

	if (elf_pointer(e, at, &header) || elf_pointer(e, header, &text) ||
	    elf_pointer(e, header + word, &len) || elf_offset(e, text, &off))
		return -ENOENT;
	return take(e, off, len, buf, size);
}

int mp_elf_go_version(struct mp_elf *e, char *buf, size_t size)
{
	unsigned char h[16];
	GElf_Shdr sh;

	if (!elf_section(e, ".go.buildinfo", &sh) || sh.sh_size < 32 ||
	    elf_read(e, sh.sh_offset, h, sizeof(h)) || memcmp(h, MAGIC, MAGIC_LEN))
		return -ENOENT;
	if (h[15] & INLINE)
		return take_inline(e, sh.sh_offset + 32, buf, size);
	return take_string(e, sh.sh_addr + 16, buf, size);
}
