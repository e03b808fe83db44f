/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * redact_addr.c - see redact_addr.h.
 *
 * Addresses that lie together (nearer than MP_ADDR_GAP) move together, by a multiple
 * of MP_ADDR_ALIGN: order, distances and alignment within stay, and with them all
 * that user/model/classes.c tells a mapping's use by. Groups are packed upwards from
 * the start of the zone in which they lie, since some runtimes are told by that. What
 * randomisation chose above the low 26 bits is thereby gone.
 */
#include "user/export/redact_addr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/events.h"
#include "user/util/util.h"

#define GIB (1ULL << 30)
#define TIB (1ULL << 40)

/*
 * Borders that classes.c knows: compressed references of a JVM, Go's arenas (which
 * begin at an address that is the same everywhere, so they stay), hints of mimalloc,
 * random addresses of V8. The last is that of the kernel's half.
 */
static const struct {
	uint64_t start;
	int stays;
} zones[] = {
	{ 0, 0 },
	{ 32 * GIB, 0 },
	{ 0xc0ULL << 32, 1 },
	{ 0x1c0ULL << 32, 0 },
	{ 2 * TIB, 0 },
	{ 8 * TIB, 0 },
	{ 64 * TIB, 0 },
	{ 128 * TIB, 0 },
	{ 0x8000ULL << 48, 1 }, /* only [vsyscall], the same everywhere */
};
#define N_ZONES (sizeof(zones) / sizeof(zones[0]))

static size_t zone_of(uint64_t addr)
{
	size_t z = 0;

	while (z + 1 < N_ZONES && addr >= zones[z + 1].start)
		z++;
	return z;
}

static int by_start(const void *a, const void *b)
{
	const struct mp_addr_run *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Sorts, and joins what is near. */
static void tidy(struct mp_addrs *a)
{
	size_t n = 0;

	if (!a->n)
		return;
	qsort(a->v, a->n, sizeof(*a->v), by_start);
	for (size_t i = 1; i < a->n; i++) {
		struct mp_addr_run *last = &a->v[n];

		if (a->v[i].start <= last->end || a->v[i].start - last->end < MP_ADDR_GAP) {
			if (a->v[i].end > last->end)
				last->end = a->v[i].end;
		} else {
			a->v[++n] = a->v[i];
		}
	}
	a->n = a->sorted = n + 1;
}

/* The last run that starts at or before addr among those in order, or NULL. */
static struct mp_addr_run *find(const struct mp_addrs *a, uint64_t addr)
{
	size_t lo = 0, hi = a->sorted;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (a->v[mid].start <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? &a->v[lo - 1] : NULL;
}

int mp_addrs_add(struct mp_addrs *a, uint64_t start, uint64_t end)
{
	const struct mp_addr_run *r = find(a, start);

	if (!start || (r && end <= r->end))
		return 0;
	if (end < start)
		end = start;
	if (a->n >= a->sorted + 1024 && a->n >= 2 * a->sorted)
		tidy(a);
	if (mp_grow(&a->v, &a->cap, a->n + 1, sizeof(*a->v)))
		return -ENOMEM;
	a->v[a->n++] = (struct mp_addr_run){ .start = start, .end = end };
	return 0;
}

/* The lowest address from `from` on with the low bits of addr. */
static uint64_t aligned_as(uint64_t addr, uint64_t from)
{
	uint64_t at = from / MP_ADDR_ALIGN * MP_ADDR_ALIGN + addr % MP_ADDR_ALIGN;

	return at < from ? at + MP_ADDR_ALIGN : at;
}

/*
 * Packing only ever moves down: groups are further apart than what their own new
 * place and the gap behind it may take. What reaches over a border of zones stays.
 */
void mp_addrs_place(struct mp_addrs *a)
{
	uint64_t next = 0;

	tidy(a);
	for (size_t i = 0; i < a->n; i++) {
		struct mp_addr_run *r = &a->v[i];
		size_t z = zone_of(r->start);

		if (next < zones[z].start)
			next = zones[z].start;
		r->to = aligned_as(r->start, next);
		if (zones[z].stays || zone_of(r->end) != z || r->to > r->start)
			r->to = r->start;
		next = r->to + (r->end - r->start) + MP_ADDR_ALIGN;
	}
}

uint64_t mp_addrs_map(const struct mp_addrs *a, uint64_t addr)
{
	const struct mp_addr_run *r = addr ? find(a, addr) : NULL;

	return r && addr <= r->end ? r->to + (addr - r->start) : 0;
}

void mp_addrs_free(struct mp_addrs *a)
{
	free(a->v);
	memset(a, 0, sizeof(*a));
}
