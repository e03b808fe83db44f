/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gc-hostile - a process whose counters segments are traps: bad headers, no seal, a
 * length of many terabytes, rings that contradict themselves, an endless flood of
 * notes and ranges from a second thread, all with different texts and addresses.
 */
#include <fcntl.h>
#include <pthread.h>

#include "gc/gc_segment.h"
#include "step.h"

#define SLOTS	1024u
#define RINGS	64u
#define STRIDE	(sizeof(struct gc_seg_ring) + SLOTS * 32)
#define LEN	(8192 + RINGS * STRIDE)
#define PERIODS 8u

static volatile bool ended;

static uint8_t *segment(size_t len, int seals)
{
	int fd = memfd_create(GC_SEG_MEMFD, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	uint8_t *p;

	if (fd < 0 || ftruncate(fd, (off_t)len))
		step_die("memfd");
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (p == MAP_FAILED)
		step_die("mmap");
	fcntl(fd, F_ADD_SEALS, seals);
	return p;
}

static struct gc_seg_ring *ring_of(uint8_t *p, unsigned i)
{
	return (struct gc_seg_ring *)(void *)(p + 8192 + i * STRIDE);
}

static struct gc_seg_header *header(uint8_t *p)
{
	struct gc_seg_header *h = (struct gc_seg_header *)(void *)p;

	h->version = GC_SEG_VERSION;
	h->header_len = sizeof(*h);
	h->total_len = LEN;
	h->pid = (uint32_t)getpid();
	h->start_ns = UINT64_MAX; /* from the future: read from the start */
	h->heap_base = 0x10000;
	h->heap_len = UINT64_MAX - 0x20000;
	h->block_shift = 18;
	h->page_shift = 12;
	h->counters_off = 1024;
	h->counters_len = sizeof(struct gc_seg_counters);
	h->names_off = 4096;
	h->rings_off = 8192;
	h->ring_stride = STRIDE;
	h->nrings = RINGS;
	h->ring_slots = SLOTS;
	memset(h->source, 'x', sizeof(h->source));
	memset(h->name, '\033', sizeof(h->name));
	memcpy(h->magic, GC_SEG_MAGIC, 8);
	return h;
}

static void put(struct gc_seg_ring *r, unsigned type, uint64_t n)
{
	struct gc_record rec[2] = { { .type = (uint16_t)type, .seq = (uint32_t)n, .ts = n },
				    { .type = GC_EV_CONT, .flags = 24, .seq = (uint32_t)n } };
	uint64_t pos = r->tail;

	rec[0].a = type == GC_EV_NOTE ? 24 : n << 12;
	rec[0].b = 4096;
	snprintf((char *)&rec[1].ts, 24, "\033[2Jnote %08x", (unsigned)n);
	r->head = pos + 2;
	memcpy(&r->slot[(pos & (SLOTS - 1)) * 4], &rec[0], 32);
	memcpy(&r->slot[((pos + 1) & (SLOTS - 1)) * 4], &rec[1], 32);
	__atomic_store_n(&r->tail, pos + 2, __ATOMIC_RELEASE);
}

static void *flood(void *arg)
{
	static const unsigned types[PERIODS] = { GC_EV_NOTE,	     GC_EV_RESERVE,
						 GC_EV_GC_END,	     GC_EV_THREAD,
						 GC_EV_COUNTERS,     GC_EV_PHASE,
						 GC_EV_PAGE_RELEASE, GC_EV_ALLOC_SAMPLE };
	uint8_t *p = arg;

	for (uint64_t n = 0; !ended; n++)
		put(ring_of(p, (unsigned)(n / PERIODS % RINGS)), types[n % PERIODS], n);
	return NULL;
}

int main(int argc, char **argv)
{
	uint8_t *p;
	pthread_t t;

	step_begin(argc, argv);
	header(segment(LEN, 0)); /* may be cut while it is read: no seal */
	memset(segment(LEN, F_SEAL_SHRINK), 0xff, LEN);
	segment((size_t)1 << 44, F_SEAL_SHRINK);
	p = segment(LEN, F_SEAL_SHRINK);
	header(p);
	for (unsigned i = 0; i < RINGS; i++) { /* more than can be, or going backwards */
		ring_of(p, i)->tail = UINT64_MAX - i;
		ring_of(p, i)->head = i;
	}
	((struct gc_seg_counters *)(void *)(p + 1024))->seq = 1; /* for ever in a change */
	p = segment(LEN, F_SEAL_SHRINK);
	header(p);
	if (pthread_create(&t, NULL, flood, p))
		return 97;
	step("start");
	for (unsigned i = 0; i < 20; i++)
		header(segment(LEN, F_SEAL_SHRINK)); /* more heaps than are read */
	step("many");
	ended = true;
	pthread_join(t, NULL);
	return 0;
}
