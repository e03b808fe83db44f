/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_segment.c - any bytes as a counters segment (gc/gc_segment.h), as a program that is
 * watched may write them: checked once, then every ring and every text is read from it.
 */
#include "gc/gc_segment.h"
#include "tests/fuzz/fuzz.h"

#define SLOTS 64
#define LOOKS 20000 /* of one ring; a reader takes no more at once either */

static void read_ring(const struct gc_seg *seg, uint32_t ring, int from_start)
{
	struct gc_record rec[SLOTS];
	struct gc_ring_reader r;
	struct gc_event ev;
	uint64_t lost = 0;
	int n;

	gc_ring_reader_init(seg, ring, from_start, &r);
	for (int look = 0; look < LOOKS && (n = gc_ring_read(seg, ring, &r, rec, SLOTS, &lost)) > 0;
	     look++) {
		FUZZ_CHECK(n <= SLOTS);
		for (unsigned i = 0; i < (unsigned)n;) {
			unsigned took = gc_event_take(rec + i, (unsigned)n - i, &ev);

			FUZZ_CHECK(took && ev.nv <= GC_SEG_EVENT_VALUES &&
				   ev.len <= GC_SEG_TEXT_MAX);
			i += took;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gc_seg_counters c;
	struct gc_seg seg;
	char name[32];
	void *map;

	if (!size || posix_memalign(&map, 4096, size))
		return 0;
	memcpy(map, data, size);
	if (!gc_seg_attach_check(&seg, map, size)) {
		gc_seg_counters_read(&seg, &c);
		for (unsigned i = 0; i < 40; i++) {
			gc_seg_name_of(&seg, GC_NAME_SPACE, i, name, sizeof(name));
			gc_seg_name_of(&seg, GC_NAME_REASON, i, name, sizeof(name));
			gc_seg_space_of(&seg, (uint64_t)i << 40);
		}
		for (uint32_t i = 0; i < seg.hdr.nrings; i++) {
			read_ring(&seg, i, 1);
			read_ring(&seg, i, 0);
		}
	}
	free(map);
	return 0;
}
