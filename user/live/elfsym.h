/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * elfsym.h - where in a file a function starts, for probes on it.
 */
#ifndef MEMPROF_ELFSYM_H
#define MEMPROF_ELFSYM_H

#include <stdint.h>

/*
 * File offset of the function named exactly `name` in .symtab or .dynsym.
 * -ENOENT: the file has no such symbol; -ENOEXEC: it is no ELF file.
 */
int elf_function_offset(const char *path, const char *name, uint64_t *offset);

#endif /* MEMPROF_ELFSYM_H */
