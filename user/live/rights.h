/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rights.h - what this machine and this user allow, read from /proc and /sys.
 */
#ifndef MEMPROF_RIGHTS_H
#define MEMPROF_RIGHTS_H

#include <stdbool.h>

/* Names of the capabilities that probing needs and this process lacks, separated
 * by blanks; "" when none is missing. Static storage. */
const char *mp_caps_missing(void);
/* Where the kernel describes its types: /sys/kernel/btf/vmlinux, or $MEMPROF_BTF. */
const char *mp_btf_path(void);
bool mp_have_btf(void);
/* Where tracefs is, or would be. */
const char *mp_tracefs(void);
bool mp_have_tracefs(void);
/* First line of a file without the newline; "" when it cannot be read. */
const char *mp_first_line(const char *path, char *buf, unsigned size);

#endif /* MEMPROF_RIGHTS_H */
