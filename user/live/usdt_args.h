/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * usdt_args.h - the arguments of a USDT, from the words of its note to what a probe reads.
 */
#ifndef MEMPROF_USDT_ARGS_H
#define MEMPROF_USDT_ARGS_H

#include "bpf/shared.h"

/*
 * "8@%rax -4@-12(%rbp) 1@$5": size in bytes, negative of signed ones, then constant, register
 * or memory in the assembler's words (SystemTap's wiki, UserSpaceProbeImplementation). What is
 * written in another way (an index register, a symbol, a floating-point number) becomes
 * MP_USDT_NONE and does not spoil the others. Pure.
 */
void usdt_args_parse(const char *text, struct mp_usdt_spec *out);

#endif /* MEMPROF_USDT_ARGS_H */
