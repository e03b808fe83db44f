/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * log_golden.h - the lines that libmpgc prints for the collections of test_log.c, as V8
 * would. tests/gc/test_log.c demands them of the collector, tests/unit/test_v8.c reads
 * them with memprof's parser: neither can change alone.
 */
#ifndef LOG_GOLDEN_H
#define LOG_GOLDEN_H

#define GOLDEN_V8_MINOR                                                                       \
	"[17998:0x2d424c40]       29 ms: Scavenge 4.1 (4.2) -> 3.9 (5.2) MB, 1.53 / 0.00 ms " \
	" (average mu = 1.000, current mu = 1.000) young space full; \n"

#define GOLDEN_V8_MAJOR                                                                          \
	"[17998:0x2d424c40]      377 ms: Mark-Sweep 35.5 (39.0) -> 14.6 (36.2) MB, 1.90 / 0.00 " \
	"ms "                                                                                    \
	" (+ 22.1 ms in 310 steps since start of marking, biggest step 0.4 ms, "                 \
	"walltime since start of marking 97 ms) (average mu = 0.912, current mu = 0.874) "       \
	"heap goal; \n"

#define GOLDEN_V8_COMPACT                                                                       \
	"[17998:0x2d424c40]    60001 ms: Mark-Compact 512.0 (600.0) -> 0.1 (2.0) MB, 123.46 / " \
	"0.00 ms  (average mu = 0.912, current mu = 0.500) forced; \n"

#endif
