/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * segfile.c - the memory of a counters segment, and stores into it that a reader may
 * watch. Used by the collector (segment.c) and by writers for other runtimes.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "gc/segfile.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

static int memfd(void)
{
	int fd = memfd_create(GC_SEG_MEMFD, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	if (fd < 0) /* kernels before 6.3 do not know the last flag */
		fd = memfd_create(GC_SEG_MEMFD, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd < 0 ? -errno : fd;
}

int segfile_map(size_t len, void **map)
{
	int fd = memfd(), rc;

	if (fd < 0)
		return fd;
	if (ftruncate(fd, (off_t)len))
		goto fail;
	*map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*map == MAP_FAILED)
		goto fail;
	/* A reader must not get SIGBUS; others must not write. The second is newer. */
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
	fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
	madvise(*map, len, MADV_DONTFORK);
	return fd;
fail:
	rc = -errno;
	close(fd);
	return rc;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void segfile_publish(struct gc_seg_header *seg, const struct gc_seg_header *l)
{
	memcpy(seg, l, sizeof(*l));
	seg->pid = (uint32_t)getpid();
	seg->start_ns = clock_ns(CLOCK_MONOTONIC);
	seg->start_boot_ns = clock_ns(CLOCK_BOOTTIME);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	memcpy(seg->magic, GC_SEG_MAGIC, 8);
}

void segfile_counters(struct gc_seg_counters *to, const struct gc_seg_counters *c)
{
	const uint64_t *from = (const uint64_t *)c;
	uint64_t *words = (uint64_t *)to;
	uint32_t seq = to->seq;
	size_t i;

	__atomic_store_n(&to->seq, seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&to->nspaces, c->nspaces, __ATOMIC_RELAXED);
	for (i = 1; i < sizeof(*c) / 8; i++)
		__atomic_store_n(&words[i], from[i], __ATOMIC_RELAXED);
	__atomic_store_n(&to->seq, seq + 2, __ATOMIC_RELEASE);
}

int segfile_name(struct gc_seg_names *names, uint32_t cap, unsigned kind, unsigned id,
		 const char *name)
{
	uint32_t n = names->count;
	struct gc_seg_name *e;

	if (n >= cap)
		return -ENOSPC;
	e = &names->name[n];
	e->id = (uint16_t)id;
	memcpy(e->name, name, strnlen(name, sizeof(e->name) - 1));
	e->kind = (uint16_t)kind;
	__atomic_store_n(&names->count, n + 1, __ATOMIC_RELEASE);
	return 0;
}
