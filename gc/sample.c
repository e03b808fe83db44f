/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sample.c - which allocations are told: points at random distances, exponentially
 * distributed about the option sample_bytes, on the line of all bytes that a mutator
 * allocates. The object that a point falls into is told with its type.
 *
 * So an object of s bytes is told with probability 1 - exp(-s / mean), whatever was
 * allocated before it, and dividing by that gives an unbiased estimate.
 *
 * Allocation buffers end where the next point is, and the object that no longer fits
 * comes to the slow path anyway: the inline path knows nothing of it. Numbers are the
 * same in every run of a program that does the same.
 *
 * What does not come from the buffer (objects of 8 KiB and more) is on a line of its
 * own: a point drawn anew for such an object could lie inside the open buffer, where
 * nobody would stop.
 *
 * Invariant: sample_left is the distance in bytes from the end of the mutator's buffer
 * (from the last object where it has none) to the point; direct_left that from the
 * last object of the other line.
 */
#include "gc/internal.h"

static uint64_t next_random(uint64_t *state) /* splitmix64 */
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static double uniform(uint64_t *state)
{
	return (double)(next_random(state) >> 11) / 9007199254740992.0; /* 2^53 */
}

/*
 * Exponentially distributed with mean 1, by comparisons only (J. von Neumann, Various
 * techniques used in connection with random digits, 1951): no logarithm, no libm.
 */
static double exponential(uint64_t *state)
{
	double whole = 0, first, last, u;
	unsigned falls;

	for (;; whole += 1) {
		first = last = uniform(state);
		for (falls = 1; (u = uniform(state)) <= last; falls++)
			last = u;
		if (falls & 1)
			return whole + first;
	}
}

/* The distance to the next point: whole words, as objects are. */
static size_t draw(struct mutator *m)
{
	return ((size_t)(exponential(&m->random) * (double)m->h->sample_bytes) + 7) & ~(size_t)7;
}

/* With the heap's lock. */
void sample_init(struct mutator *m)
{
	if (!m->h->sample_bytes)
		return;
	m->random = (uint64_t)m->h->id << 32 | ++m->h->samplers;
	m->sample_left = draw(m);
	m->direct_left = draw(m);
}

/*
 * A buffer is about to get at most `len` more bytes, of which the object being
 * allocated takes `need`. Returns how many it gets; sets m->sampled.
 */
size_t sample_buffer(struct mutator *m, size_t len, size_t need)
{
	if (!m->h->sample_bytes)
		return len;
	m->sampled = m->sample_left < need;
	if (m->sampled)
		m->sample_left = need + draw(m);
	if (len > m->sample_left)
		len = m->sample_left;
	m->sample_left -= len;
	return len;
}

/* `rest` bytes of the buffer were not used. */
void sample_return(struct mutator *m, size_t rest)
{
	m->sample_left += rest;
}

/* An object of cell bytes is not taken from the buffer. Sets m->sampled. */
void sample_direct(struct mutator *m, size_t cell)
{
	if (!m->h->sample_bytes)
		return;
	m->sampled = m->direct_left < cell;
	m->direct_left = m->sampled ? draw(m) : m->direct_left - cell;
}

/* Tells of obj if it was chosen. */
void sample_tell(struct mutator *m, void *obj, uint64_t hdr)
{
	struct gc_heap *h = m->h;
	uint64_t v[2] = { hdr_type(hdr), h->sample_bytes };

	if (!m->sampled || !obj)
		return;
	m->sampled = false;
	event(h, GC_EV_ALLOC_SAMPLE, h->blocks[block_of(h, (uintptr_t)obj)].kind, 0, (uintptr_t)obj,
	      hdr_cell(hdr), v, 2);
}
