/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * size_classes.c - the sizes of cells in the pinned space, and the spans they fill.
 *
 * Owns the table. Must not know the heap.
 *
 * The sizes are those of Go's allocator, made by its rule: they rise in steps of
 * about an eighth, a span is the fewest 8 KiB pages of which at most an eighth is
 * left over behind the last cell, and a size that would give as many cells of an
 * equal span as the next one is that next one. The lowest class, 8 bytes, is there
 * for the table's sake: with its header an object has at least 16.
 */
#include "gc/internal.h"

static struct size_class classes[NSIZE_CLASSES]; /* [0] is no class */
static uint8_t class_of[CELL_MAX / 8 + 1];	 /* by words */
static unsigned nclasses;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Steps grow with the size: an eighth of the power of two below it, within bounds. */
static size_t step_at(size_t size, size_t step)
{
	if (size & (size - 1))
		return step;
	if (size >= 2048)
		return 256;
	if (size >= 128)
		return size / 8;
	return size >= 32 ? 16 : step;
}

static size_t span_bytes(size_t size)
{
	size_t bytes = SPAN_PAGE;

	while (bytes % size > bytes / 8)
		bytes += SPAN_PAGE;
	return bytes;
}

static void add(size_t size)
{
	size_t bytes = span_bytes(size), cells = bytes / size;
	struct size_class *last = &classes[nclasses];

	if (!nclasses || last->pages != bytes / SPAN_PAGE || last->cells != cells)
		last = &classes[++nclasses];
	last->size = (uint16_t)size;
	last->pages = (uint8_t)(bytes / SPAN_PAGE);
	last->cells = (uint16_t)cells;
}

/* The largest multiple of 128 of which the span holds no fewer cells. */
static void widen(struct size_class *c)
{
	size_t size = (c->pages * SPAN_PAGE / c->cells) & ~(size_t)127;

	if (size > c->size)
		c->size = (uint16_t)size;
}

static void fill(void)
{
	size_t size, step = 8, w = 0;
	unsigned c;

	for (size = step; size <= CELL_MAX; size += step) {
		step = step_at(size, step);
		add(size);
	}
	for (c = 1; c <= nclasses; c++) {
		widen(&classes[c]);
		for (; w <= classes[c].size / 8; w++)
			class_of[w] = (uint8_t)c;
	}
}

void size_classes_init(void)
{
	pthread_once(&once, fill);
}

unsigned size_classes_count(void)
{
	return nclasses;
}

const struct size_class *size_class(unsigned cls)
{
	return &classes[cls];
}

/* The class of the smallest cells of at least that many bytes, at most CELL_MAX. */
unsigned size_class_of(size_t bytes)
{
	return class_of[(bytes + 7) / 8];
}
