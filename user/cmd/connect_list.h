/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * connect_list.h - the daemon's list of targets, read: docs/daemon-protocol.md has its keys.
 *
 * Owns: as much of JSON as that takes. Must not: connect, print. Text may be anything.
 */
#ifndef MEMPROF_CMD_CONNECT_LIST_H
#define MEMPROF_CMD_CONNECT_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a target; numbers that are null or missing are MP_UNKNOWN, texts "". */
struct mp_listed {
	uint64_t pid, rss, heap_used; /* bytes */
	bool gone;
	char group[64], comm[64], exe[512]; /* cut to fit, not cleaned */
	const char *row;		    /* all of it, as it stands in the text: */
	size_t len;
};

struct mp_list_reader {
	const char *p; /* behind what was read */
	bool begun;
};

/* The text stays the caller's. */
void mp_list_begin(struct mp_list_reader *r, const char *text);
/* The next target: 1; 0 at the end; -EBADMSG: it is not such a document. */
int mp_list_next(struct mp_list_reader *r, struct mp_listed *t);

#endif /* MEMPROF_CMD_CONNECT_LIST_H */
