/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tap.h - reading all events of a heap of this process, from the beginning, losing none.
 */
#ifndef TESTS_GC_TAP_H
#define TESTS_GC_TAP_H

#include <sys/stat.h>

#include "common.h"

#define TAP_RINGS 8 /* of a heap with the default options */

struct tap {
	struct gc_seg seg;
	void *map;
	size_t len;
	struct gc_ring_reader r[TAP_RINGS];
	uint64_t lost;
};

static inline void tap_open(struct tap *t, struct fix *f)
{
	struct stat sb;
	int fd = stats(f).events_fd;
	uint32_t i;

	memset(t, 0, sizeof(*t));
	assert_int_equal(fstat(fd, &sb), 0);
	t->len = (size_t)sb.st_size;
	t->map = mmap(NULL, t->len, PROT_READ, MAP_SHARED, fd, 0);
	assert_int_equal(gc_seg_attach_check(&t->seg, t->map, t->len), 0);
	assert_int_equal(t->seg.hdr.nrings, TAP_RINGS);
	for (i = 0; i < TAP_RINGS; i++)
		gc_ring_reader_init(&t->seg, i, 1, &t->r[i]);
}

static inline void tap_close(struct tap *t)
{
	assert_int_equal(t->lost, 0);
	munmap(t->map, t->len);
}

typedef void (*tap_fn)(const struct gc_event *ev, void *arg);

static inline void tap_read(struct tap *t, tap_fn fn, void *arg)
{
	struct gc_record rec[256];
	struct gc_event ev;
	uint32_t ring;
	int n, i;

	for (ring = 0; ring < TAP_RINGS; ring++)
		while ((n = gc_ring_read(&t->seg, ring, &t->r[ring], rec, 256, &t->lost)) > 0)
			for (i = 0; i < n;) {
				i += (int)gc_event_take(rec + i, (unsigned)(n - i), &ev);
				fn(&ev, arg);
			}
}

#endif /* TESTS_GC_TAP_H */
