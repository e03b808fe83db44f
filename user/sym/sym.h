/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sym.h - which function of a file an address lies in.
 *
 * Owns: reading ELF files, the tables of functions in them, files beside them
 * and maps of compilers at run time. Everything read is somebody else's: nothing
 * is mapped, every length is checked against what is there, work and memory are
 * bounded. Must not: know processes that run (user/live does), keep tables of
 * names longer than a call.
 */
#ifndef MEMPROF_SYM_H
#define MEMPROF_SYM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/events.h"

#define MP_SYM_NAME_MAX 512 /* bytes of a name, with the final NUL */
#define MP_BUILD_ID_MAX 24  /* bytes; longer ones are not taken    */

/* An address to be named. Callers sort them by addr. */
struct mp_sym {
	uint64_t addr;	/* in                                                */
	uint32_t id;	/* the caller's own                                  */
	uint64_t start; /* out: of the function                              */
	char *name;	/* out: malloc'd, demangled; NULL: no function known */
	uint8_t source; /* out: enum mp_place_source                         */
};

void mp_sym_sort(struct mp_sym *v, size_t n);
/* Frees the names, not v. */
void mp_sym_clear(struct mp_sym *v, size_t n);

/* --- an ELF file: elf.c ---------------------------------------------------------------- */

struct mp_elf;

/*
 * Opens the ELF file in a descriptor, which stays the caller's and open until
 * mp_elf_close(); or in memory, which stays the caller's as long. -ENOEXEC: it is
 * none, or one that no linker makes.
 */
int mp_elf_open(int fd, struct mp_elf **out);
int mp_elf_open_mem(const void *mem, size_t size, struct mp_elf **out);
void mp_elf_close(struct mp_elf *e);

/* The build-id (ELF note NT_GNU_BUILD_ID); returns its bytes, 0 = it has none. */
unsigned mp_elf_build_id(struct mp_elf *e, uint8_t id[MP_BUILD_ID_MAX]);
/* The address that the loader gives the byte at that offset, before relocation. -ENOENT. */
int mp_elf_address(struct mp_elf *e, uint64_t offset, uint64_t *addr);
/* Is there a section of that name, with contents in the file? */
bool mp_elf_has_section(struct mp_elf *e, const char *name);
/* Offset in the file of the function with exactly that name. -ENOENT. */
int mp_elf_function(struct mp_elf *e, const char *name, uint64_t *offset);
/* Address of the variable with exactly that name, before relocation. -ENOENT. */
int mp_elf_variable(struct mp_elf *e, const char *name, uint64_t *addr);
/* Offset in the file of an address (before relocation), and len bytes from there; len may
 * be 0. -ENOENT, -ENODATA. */
int mp_elf_code(struct mp_elf *e, uint64_t addr, void *buf, size_t len, uint64_t *offset);

/*
 * Names what it can of v[0..n), sorted by addr: by .symtab, or where that was
 * stripped by .gnu_debugdata, `debug` (the file with the same build-id that was split
 * off, or NULL), .dynsym and Go's .gopclntab. Entries that have a name are passed
 * over. e may be NULL where `debug` is not. 0, or -ENOMEM.
 */
int mp_elf_names(struct mp_elf *e, struct mp_elf *debug, struct mp_sym *v, size_t n);

/* Is there a library to unpack .gnu_debugdata with? Else names that only it has are not found. */
bool mp_sym_have_lzma(void);

/* --- probes that a program was built with: usdt.c ---------------------------------------- */

struct mp_usdt_site {
	uint64_t offset;    /* in the file                                           */
	uint64_t semaphore; /* in the file; 0: it has none. Above 0 while somebody looks */
	char args[256];	    /* where the arguments are, in the assembler's words     */
};
/* All places of a probe. Their number, -ENOENT: it has no such probe, -ENOSPC: more than max,
 * -ENOEXEC: notes that no compiler makes. */
int mp_elf_usdt(struct mp_elf *e, const char *provider, const char *name, struct mp_usdt_site *out,
		size_t max);

/* --- programs made by Go: gopclntab.c, gobuild.c ------------------------------------------ */

/* The version of Go it was built with, as in "go1.22.1". -ENOENT: not by Go. */
int mp_elf_go_version(struct mp_elf *e, char *buf, size_t size);

/* A function by its name in Go's own table, which stripped programs have too. */
struct mp_go_func {
	const char *name;    /* in                                            */
	uint64_t start, end; /* out: addresses before relocation; 0: not found */
};
/* Looks for all of v[0..n) in one walk. 0, -ENOENT: no such table, or -ENOMEM. */
int mp_elf_go_functions(struct mp_elf *e, struct mp_go_func *v, size_t n);

/* --- text of perf-PID.map: perfmap.c ----------------------------------------------------- */

/* "START SIZE NAME" a line, both in hex; of entries that cover an address the last one
 * counts, since memory of code is used again. Read from where fd stands to its end. */
int mp_perfmap_names(int fd, struct mp_sym *v, size_t n);
int mp_perfmap_names_mem(const char *text, size_t size, struct mp_sym *v, size_t n);

/* --- words: demangle.c --------------------------------------------------------------------- */

/* A linker's name for people: C++ and Rust (both manglings) as in the source, without
 * parameters and hashes; others as they are. Cut to size; returns buf. */
char *mp_demangle(const char *name, char *buf, size_t size);

/* --- files by name: files.c ------------------------------------------------------------------ */

/*
 * Opens a regular file for reading, by a path as seen from the directory root_fd
 * (links too stay inside it); root_fd < 0: from our root. Whatever else lies there is
 * not touched, nor are files of procfs, tracefs and their like: -EINVAL. Returns a
 * descriptor or -errno.
 */
int mp_sym_open(int root_fd, const char *path);
/* The same, but the file itself must be no link: -EINVAL. */
int mp_sym_open_nolink(int root_fd, const char *path);
/* The file with debug information of that build-id, as seen from root_fd, or -ENOENT. */
int mp_sym_open_debug(int root_fd, const uint8_t *build, unsigned n);

/* --- a recording: fill.c --------------------------------------------------------------------- */

struct mp_model;
typedef int (*mp_sym_emit_fn)(void *ctx, const struct mp_event *e);
/*
 * Names the frames of m's stacks that have no name yet, where the file is here: with the
 * same build-id, or the debug file of it; of files without one the same inode, unchanged
 * since before the recording. Folds STR, MODULE and PLACE events into m and gives them to
 * fn too (may be NULL), whose error ends it. 0 or -errno.
 */
int mp_sym_fill(struct mp_model *m, mp_sym_emit_fn fn, void *ctx);

#endif /* MEMPROF_SYM_H */
