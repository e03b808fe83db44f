/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * doctor.h - which runtimes a process holds and how their heaps are reached: for cmd_doctor.c.
 */
#ifndef MEMPROF_CMD_DOCTOR_H
#define MEMPROF_CMD_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/events.h"

struct mp_doctor_runtime {
	enum mp_feature feature; /* its source */
	const char *name;
	char version[32]; /* "" = not known */
	bool told;	  /* its source said something: */
	uint8_t rung;	  /* enum mp_rung; ABSENT: no way to its heap */
	char why[200];	  /* its words, "" = none */
	const char *give; /* what would give more, to be set at its start; NULL: nothing */
};

/*
 * Fills at most max, in the order of features; returns how many. Attaches to the process for
 * a moment as a session does, so that what is told is what a session would find: half a
 * second. Without the rights for that only the names are known. Bytes from outside.
 */
size_t mp_doctor_runtimes(pid_t pid, struct mp_doctor_runtime *out, size_t max);

#endif /* MEMPROF_CMD_DOCTOR_H */
