/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * elf.c - see sym.h: headers, build-id, addresses, which tables to ask.
 *
 * libelf reads the headers, converts byte orders and knows both classes; contents are
 * read here, in pieces, so that a file cannot make it allocate what its headers claim.
 * A file may change or be cut while it is read: so nothing is mapped.
 */
#include "user/sym/elf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes of notes looked through for the build-id: of one section, and all together. */
#define NOTES_MAX 65536u
#define NOTES_ALL (1u << 20)
/* Bytes of relocations looked through for a pointer, all together: those of the largest programs.
 * What a file claims to have is as long as its author likes. */
#define RELOCATIONS_MAX (64u << 20)
#define CHUNK		1024u /* symbols or relocations read at once            */

int elf_read(const struct mp_elf *e, uint64_t off, void *buf, size_t len)
{
	size_t got = 0;

	if (off > e->size || len > e->size - off)
		return -ENODATA;
	if (e->fd < 0) {
		memcpy(buf, e->mem + off, len);
		return 0;
	}
	while (got < len) {
		ssize_t n = pread(e->fd, (char *)buf + got, len - got, (off_t)(off + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENODATA;
		got += (size_t)n;
	}
	return 0;
}

char *elf_string(const struct mp_elf *e, uint64_t off, uint64_t end, char *buf, size_t size)
{
	size_t len = size - 1;

	buf[0] = 0;
	if (end > e->size)
		end = e->size;
	if (off >= end)
		return buf;
	if (len > end - off)
		len = (size_t)(end - off);
	if (elf_read(e, off, buf, len))
		len = 0;
	buf[len] = 0;
	return buf;
}

static bool is_big(const struct mp_elf *e)
{
	return e->eh.e_ident[EI_DATA] == ELFDATA2MSB;
}

uint32_t elf_u32(const struct mp_elf *e, const unsigned char *b)
{
	if (is_big(e))
		return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
	return (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
}

uint64_t elf_word(const struct mp_elf *e, const unsigned char *b)
{
	uint64_t a = elf_u32(e, b), c;

	if (e->eh.e_ident[EI_CLASS] != ELFCLASS64)
		return a;
	c = elf_u32(e, b + 4);
	return is_big(e) ? a << 32 | c : c << 32 | a;
}

/* --- opening ------------------------------------------------------------------------------ */

/*
 * Counts of headers beyond 65,279 are told elsewhere in the file ("extended numbering",
 * System V ABI, chapter 4): libelf would make room for as many as that place claims.
 * Linkers make such objects, not programs.
 */
static int check_header(const struct mp_elf *e)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf64_Ehdr h64;
		Elf32_Ehdr h32;
	} u;
	uint64_t shoff;
	unsigned shnum, phnum;

	memset(&u, 0, sizeof(u));
	if (elf_read(e, 0, &u, sizeof(u.h32)) || memcmp(u.ident, ELFMAG, SELFMAG))
		return -ENOEXEC;
	if (u.ident[EI_CLASS] == ELFCLASS64) {
		if (elf_read(e, 0, &u, sizeof(u.h64)))
			return -ENOEXEC;
		shoff = u.h64.e_shoff;
		shnum = u.h64.e_shnum;
		phnum = u.h64.e_phnum;
	} else {
		shoff = u.h32.e_shoff;
		shnum = u.h32.e_shnum;
		phnum = u.h32.e_phnum;
	}
	return (shoff && !shnum) || phnum == PN_XNUM ? -ENOEXEC : 0;
}

static int read_sections(struct mp_elf *e)
{
	Elf_Scn *scn = NULL;

	if (elf_getshdrnum(e->elf, &e->n_sections))
		return -ENOEXEC;
	e->code = calloc(1, e->n_sections + 1);
	if (!e->code)
		return -ENOMEM;
	while ((scn = elf_nextscn(e->elf, scn))) {
		size_t i = elf_ndxscn(scn);
		GElf_Shdr sh;

		if (i < e->n_sections && gelf_getshdr(scn, &sh))
			e->code[i] = (sh.sh_flags & SHF_EXECINSTR) != 0;
	}
	return 0;
}

static int open_it(struct mp_elf *e, struct mp_elf **out)
{
	int err = check_header(e);

	elf_version(EV_CURRENT);
	if (!err) {
		e->elf = e->fd >= 0 ? elf_begin(e->fd, ELF_C_READ, NULL)
				    : elf_memory((char *)e->mem, (size_t)e->size);
		if (!e->elf || elf_kind(e->elf) != ELF_K_ELF || !gelf_getehdr(e->elf, &e->eh))
			err = -ENOEXEC;
	}
	if (!err)
		err = read_sections(e);
	if (err) {
		mp_elf_close(e);
		return err;
	}
	*out = e;
	return 0;
}

int mp_elf_open(int fd, struct mp_elf **out)
{
	struct mp_elf *e;
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOEXEC;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->fd = fd;
	e->size = (uint64_t)st.st_size;
	return open_it(e, out);
}

int mp_elf_open_mem(const void *mem, size_t size, struct mp_elf **out)
{
	struct mp_elf *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->fd = -1;
	e->mem = mem;
	e->size = size;
	return open_it(e, out);
}

void mp_elf_close(struct mp_elf *e)
{
	if (!e)
		return;
	elf_end(e->elf);
	free(e->code);
	free(e);
}

/* --- sections and segments ------------------------------------------------------------------ */

bool elf_section(const struct mp_elf *e, const char *name, GElf_Shdr *sh)
{
	GElf_Shdr names;
	Elf_Scn *scn = NULL;
	size_t strndx;
	char buf[64];

	if (elf_getshdrstrndx(e->elf, &strndx) || !(scn = elf_getscn(e->elf, strndx)) ||
	    !gelf_getshdr(scn, &names) || names.sh_type != SHT_STRTAB)
		return false;
	scn = NULL;
	while ((scn = elf_nextscn(e->elf, scn))) {
		if (!gelf_getshdr(scn, sh) || sh->sh_type == SHT_NOBITS ||
		    sh->sh_flags & SHF_COMPRESSED || sh->sh_name >= names.sh_size)
			continue;
		elf_string(e, names.sh_offset + sh->sh_name, names.sh_offset + names.sh_size, buf,
			   sizeof(buf));
		if (!strcmp(buf, name))
			return true;
	}
	return false;
}

int elf_offset(const struct mp_elf *e, uint64_t addr, uint64_t *off)
{
	size_t n;

	if (elf_getphdrnum(e->elf, &n))
		return -ENOENT;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(e->elf, (int)i, &ph) || ph.p_type != PT_LOAD ||
		    addr < ph.p_vaddr || addr - ph.p_vaddr >= ph.p_filesz)
			continue;
		*off = addr - ph.p_vaddr + ph.p_offset;
		return 0;
	}
	return -ENOENT;
}

int mp_elf_address(struct mp_elf *e, uint64_t offset, uint64_t *addr)
{
	size_t n;

	if (elf_getphdrnum(e->elf, &n))
		return -ENOENT;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(e->elf, (int)i, &ph) || ph.p_type != PT_LOAD ||
		    !(ph.p_flags & PF_X) || offset < ph.p_offset ||
		    offset - ph.p_offset >= ph.p_filesz)
			continue;
		*addr = offset - ph.p_offset + ph.p_vaddr;
		return 0;
	}
	return -ENOENT;
}

/* --- build-id -------------------------------------------------------------------------------- */

/* Notes of an ELF file: name size, contents size, type, both padded to 4 bytes. */
static unsigned note_build_id(const struct mp_elf *e, uint64_t off, uint64_t size, uint64_t *left,
			      uint8_t *id)
{
	uint64_t end;

	if (size > NOTES_MAX)
		size = NOTES_MAX;
	if (size > *left)
		size = *left;
	*left -= size;
	end = off + size;
	while (end >= off && end - off >= 12) {
		unsigned char h[16];
		uint64_t n_name, n_desc;

		if (elf_read(e, off, h, end - off < 16 ? 12 : 16))
			return 0;
		n_name = elf_u32(e, h);
		n_desc = elf_u32(e, h + 4);
		if (elf_u32(e, h + 8) == NT_GNU_BUILD_ID && n_name == 4 && end - off >= 16 &&
		    !memcmp(h + 12, "GNU", 4))
			return n_desc && n_desc <= MP_BUILD_ID_MAX &&
					       !elf_read(e, off + 16, id, (size_t)n_desc)
				       ? (unsigned)n_desc
				       : 0;
		off += 12 + ((n_name + 3) & ~3ULL) + ((n_desc + 3) & ~3ULL);
	}
	return 0;
}

/* By sections first: in a file of debug information segments point nowhere. */
unsigned mp_elf_build_id(struct mp_elf *e, uint8_t id[MP_BUILD_ID_MAX])
{
	Elf_Scn *scn = NULL;
	uint64_t left = NOTES_ALL;
	unsigned got = 0;
	size_t n;

	while (!got && (scn = elf_nextscn(e->elf, scn))) {
		GElf_Shdr sh;

		if (gelf_getshdr(scn, &sh) && sh.sh_type == SHT_NOTE)
			got = note_build_id(e, sh.sh_offset, sh.sh_size, &left, id);
	}
	if (got || elf_getphdrnum(e->elf, &n))
		return got;
	left = NOTES_ALL;
	for (size_t i = 0; !got && i < n; i++) {
		GElf_Phdr ph;

		if (gelf_getphdr(e->elf, (int)i, &ph) && ph.p_type == PT_NOTE)
			got = note_build_id(e, ph.p_offset, ph.p_filesz, &left, id);
	}
	return got;
}

/* --- relocations ------------------------------------------------------------------------------ */

static bool is_relative(const struct mp_elf *e, uint64_t info)
{
	uint32_t type = (uint32_t)info;

	switch (e->eh.e_machine) {
	case EM_X86_64:
		return type == R_X86_64_RELATIVE;
	case EM_AARCH64:
		return type == R_AARCH64_RELATIVE;
	default:
		return false;
	}
}

static int find_relative(const struct mp_elf *e, const GElf_Shdr *sh, uint64_t addr, uint64_t *left,
			 uint64_t *value)
{
	uint64_t n = (sh->sh_size < *left ? sh->sh_size : *left) / sizeof(Elf64_Rela);

	*left -= n * sizeof(Elf64_Rela);
	for (uint64_t i = 0; i < n; i += CHUNK) {
		size_t k = n - i < CHUNK ? (size_t)(n - i) : CHUNK;
		unsigned char buf[CHUNK * sizeof(Elf64_Rela)];

		if (elf_read(e, sh->sh_offset + i * sizeof(Elf64_Rela), buf,
			     k * sizeof(Elf64_Rela)))
			return -ENOENT;
		for (size_t j = 0; j < k; j++) {
			const unsigned char *r = buf + j * sizeof(Elf64_Rela);

			if (elf_word(e, r) != addr || !is_relative(e, elf_word(e, r + 8)))
				continue;
			*value = elf_word(e, r + 16);
			return 0;
		}
	}
	return -ENOENT;
}

int elf_pointer(const struct mp_elf *e, uint64_t addr, uint64_t *value)
{
	unsigned char b[8] = { 0 };
	uint64_t off, left = RELOCATIONS_MAX;
	Elf_Scn *scn = NULL;
	int err = elf_offset(e, addr, &off);

	if (!err)
		err = elf_read(e, off, b, e->eh.e_ident[EI_CLASS] == ELFCLASS64 ? 8 : 4);
	if (err)
		return err;
	*value = elf_word(e, b);
	if (*value || e->eh.e_ident[EI_CLASS] != ELFCLASS64)
		return 0;
	while ((scn = elf_nextscn(e->elf, scn))) {
		GElf_Shdr sh;

		if (gelf_getshdr(scn, &sh) && sh.sh_type == SHT_RELA && sh.sh_size <= e->size &&
		    !find_relative(e, &sh, addr, &left, value))
			break;
	}
	return 0;
}

/* --- functions -----------------------------------------------------------------------------------
 */

static bool table(const struct mp_elf *e, uint32_t type, GElf_Shdr *sh)
{
	Elf_Scn *scn = NULL;

	while ((scn = elf_nextscn(e->elf, scn)))
		if (gelf_getshdr(scn, sh) && sh->sh_type == type)
			return true;
	return false;
}

static int feed(struct match *m, const struct mp_elf *e, uint32_t type, uint8_t source)
{
	GElf_Shdr sh;

	return table(e, type, &sh) ? match_feed(m, e, &sh, source,
						type == SHT_SYMTAB && source != MP_PLACE_DEBUGDATA)
				   : 0;
}

/* Of a stripped file: what was split off, and what is left. */
static int feed_parts(struct match *m, struct mp_elf *e, struct mp_elf *debug, struct mp_elf *inner)
{
	int err = debug ? feed(m, debug, SHT_SYMTAB, MP_PLACE_DEBUGFILE) : 0;

	if (!err && inner)
		err = feed(m, inner, SHT_SYMTAB, MP_PLACE_DEBUGDATA);
	if (!err && e)
		err = feed(m, e, SHT_DYNSYM, MP_PLACE_DYNSYM);
	return err;
}

int mp_elf_names(struct mp_elf *e, struct mp_elf *debug, struct mp_sym *v, size_t n)
{
	struct mp_elf *inner = NULL;
	struct match *m;
	void *mem = NULL;
	GElf_Shdr sh;
	int err = match_new(v, n, &m);

	if (err)
		return err;
	if (e && table(e, SHT_SYMTAB, &sh)) {
		err = match_feed(m, e, &sh, MP_PLACE_SYMTAB, true);
	} else {
		if (!e || debugdata_open(e, &inner, &mem))
			inner = NULL;
		err = feed_parts(m, e, debug, inner);
	}
	if (!err)
		err = match_end(m);
	match_free(m);
	mp_elf_close(inner);
	free(mem);
	return err || !e ? err : gopclntab_names(e, v, n);
}

/* --- symbols -------------------------------------------------------------------------------------
 */

#define SYMBOLS_MAX (8u << 20) /* of a table; Chromium has less than two million */

static struct elf_sym decode64(const Elf64_Sym *y)
{
	return (struct elf_sym){ .value = y->st_value,
				 .size = y->st_size,
				 .name = y->st_name,
				 .shndx = y->st_shndx,
				 .info = y->st_info };
}

static struct elf_sym decode32(const Elf32_Sym *y)
{
	return (struct elf_sym){ .value = y->st_value,
				 .size = y->st_size,
				 .name = y->st_name,
				 .shndx = y->st_shndx,
				 .info = y->st_info };
}

/* Turns n symbols as the file has them into this machine's order, in place. */
static int to_native(const struct mp_elf *e, void *buf, size_t bytes)
{
	Elf_Data d = {
		.d_buf = buf, .d_size = bytes, .d_type = ELF_T_SYM, .d_version = EV_CURRENT
	};

	return gelf_xlatetom(e->elf, &d, &d, e->eh.e_ident[EI_DATA]) ? 0 : -ENOEXEC;
}

int elf_symbols(const struct mp_elf *e, const GElf_Shdr *sh,
		int (*fn)(void *ctx, const struct elf_sym *y), void *ctx)
{
	bool is64 = e->eh.e_ident[EI_CLASS] == ELFCLASS64;
	size_t size = is64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	uint64_t n = sh->sh_size / size;
	union {
		Elf64_Sym v64[CHUNK];
		Elf32_Sym v32[CHUNK];
	} * u;
	int err = 0;

	if (sh->sh_entsize != size || n > SYMBOLS_MAX)
		return 0;
	u = malloc(sizeof(*u));
	if (!u)
		return -ENOMEM;
	for (uint64_t i = 0; i < n && !err; i += CHUNK) {
		size_t k = n - i < CHUNK ? (size_t)(n - i) : CHUNK;

		if (elf_read(e, sh->sh_offset + i * size, u, k * size) || to_native(e, u, k * size))
			break; /* cut short: what came before counts */
		for (size_t j = 0; j < k && !err; j++) {
			struct elf_sym y = is64 ? decode64(&u->v64[j]) : decode32(&u->v32[j]);

			err = fn(ctx, &y);
		}
	}
	free(u);
	return err;
}

bool elf_strings(const struct mp_elf *e, const GElf_Shdr *sh, uint64_t *start, uint64_t *end)
{
	GElf_Shdr strs;
	Elf_Scn *scn = elf_getscn(e->elf, sh->sh_link);

	if (!scn || !gelf_getshdr(scn, &strs) || strs.sh_type != SHT_STRTAB ||
	    strs.sh_offset > e->size || strs.sh_size > e->size - strs.sh_offset)
		return false;
	*start = strs.sh_offset;
	*end = strs.sh_offset + strs.sh_size;
	return true;
}

/* --- by name -------------------------------------------------------------------------------------
 */

#define SPOTS_MAX 16
/* Bytes; Chromium's are fewer. A sparse file may tell any size. */
#define STRINGS_MAX (256u << 20)

/* Where a name stands in a table of strings; strings share their ends. */
struct spots {
	uint64_t v[SPOTS_MAX];
	size_t n;
	uint8_t type;	/* STT_FUNC or STT_OBJECT */
	uint64_t value; /* of the symbol, 0 = not found yet */
};

/* Pieces overlap by the name's length, so that none is cut. */
static int find_spots(const struct mp_elf *e, uint64_t start, uint64_t end, const char *name,
		      struct spots *s)
{
	size_t len = strlen(name) + 1, piece = 1 << 18;
	char *buf = malloc(piece);

	if (!buf)
		return -ENOMEM;
	if (end - start > STRINGS_MAX)
		end = start + STRINGS_MAX;
	for (uint64_t at = start; s->n < SPOTS_MAX && at < end && end - at >= len;
	     at += piece - len + 1) {
		size_t k = end - at < piece ? (size_t)(end - at) : piece;
		const char *p = buf, *hit;

		if (elf_read(e, at, buf, k))
			break;
		while (s->n < SPOTS_MAX && (hit = memmem(p, k - (size_t)(p - buf), name, len))) {
			s->v[s->n++] = at + (uint64_t)(hit - buf) - start;
			p = hit + 1;
		}
		if (k < piece)
			break;
	}
	free(buf);
	return 0;
}

static int is_spot(void *ctx, const struct elf_sym *y)
{
	struct spots *s = ctx;

	if (ELF64_ST_TYPE(y->info) != s->type || !y->value || y->shndx == SHN_UNDEF)
		return 0;
	for (size_t i = 0; i < s->n; i++) {
		if (s->v[i] != y->name)
			continue;
		s->value = y->value;
		return 1;
	}
	return 0;
}

bool mp_elf_has_section(struct mp_elf *e, const char *name)
{
	GElf_Shdr sh;

	return elf_section(e, name, &sh);
}

static int find_symbol(struct mp_elf *e, const char *name, uint8_t type, uint64_t *addr)
{
	static const uint32_t types[] = { SHT_SYMTAB, SHT_DYNSYM };

	for (size_t i = 0; i < 2; i++) {
		struct spots s = { .n = 0, .type = type };
		uint64_t start, end;
		GElf_Shdr sh;
		int err;

		if (!table(e, types[i], &sh) || !elf_strings(e, &sh, &start, &end))
			continue;
		err = find_spots(e, start, end, name, &s);
		if (!err && s.n)
			err = elf_symbols(e, &sh, is_spot, &s);
		if (err < 0)
			return err;
		*addr = s.value;
		if (s.value)
			return 0;
	}
	return -ENOENT;
}

int mp_elf_function(struct mp_elf *e, const char *name, uint64_t *offset)
{
	uint64_t addr;
	int err = find_symbol(e, name, STT_FUNC, &addr);

	return err ? err : elf_offset(e, addr, offset);
}

int mp_elf_variable(struct mp_elf *e, const char *name, uint64_t *addr)
{
	return find_symbol(e, name, STT_OBJECT, addr);
}

int mp_elf_code(struct mp_elf *e, uint64_t addr, void *buf, size_t len, uint64_t *offset)
{
	int err = elf_offset(e, addr, offset);

	return err || !len ? err : elf_read(e, *offset, buf, len);
}
