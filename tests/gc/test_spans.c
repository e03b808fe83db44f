/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_spans.c - the size classes of the pinned space against what is known of
 * Go's, and the packing of spans: best fit, joining, return of empty blocks, and a
 * random run against a naive model of the same rule.
 */
#include "common.h"

#include "gc/internal.h"

/* --- size classes ------------------------------------------------------------------- */

static const uint16_t sizes_of_go[] = {
	8,     16,    24,    32,    48,	   64,	  80,	 96,	112,   128,   144,   160,
	176,   192,   208,   224,   240,   256,	  288,	 320,	352,   384,   416,   448,
	480,   512,   576,   640,   704,   768,	  896,	 1024,	1152,  1280,  1408,  1536,
	1792,  2048,  2304,  2688,  3072,  3200,  3456,	 4096,	4864,  5376,  6144,  6528,
	6784,  6912,  8192,  9472,  9728,  10240, 10880, 12288, 13568, 14336, 16384, 18432,
	19072, 20480, 21760, 24576, 27264, 28672, 32768,
};

static void table(void **state)
{
	const struct size_class *c;
	size_t i, span;

	(void)state;
	size_classes_init();
	assert_int_equal(sizeof(sizes_of_go) / 2, 67);
	assert_int_equal(size_classes_count(), 67);
	for (i = 1; i <= size_classes_count(); i++) {
		c = size_class((unsigned)i);
		span = c->pages * SPAN_PAGE;
		assert_int_equal(c->size, sizes_of_go[i - 1]);
		assert_int_equal(c->size % (c->size < 32 ? 8 : c->size < 1024 ? 16 : 128), 0);
		assert_int_equal(c->cells, span / c->size);
		assert_true(span % c->size * 8 <= span);
		assert_in_range(c->pages, 1, SPAN_PAGES / 3);
		assert_true(i == 1 || c->size > size_class((unsigned)i - 1)->size);
	}
	assert_int_equal(size_class(67)->size, CELL_MAX);
}

static void class_of_every_size(void **state)
{
	unsigned cls, n;

	(void)state;
	size_classes_init();
	for (n = 1; n <= CELL_MAX; n++) {
		cls = size_class_of(n);
		assert_in_range(cls, 1, 67);
		assert_true(size_class(cls)->size >= n);
		assert_true(cls == 1 || size_class(cls - 1)->size < n);
	}
}

/* --- best fit ----------------------------------------------------------------------- */

static struct gc_heap *heap;
static uint32_t first; /* page of the first pinned block */

static uint32_t take(unsigned n)
{
	uint32_t page = span_take(heap, n);

	assert_int_not_equal(page, SPAN_NONE);
	assert_int_equal(heap->blocks[page / SPAN_PAGES].kind, GC_SPACE_PINNED);
	assert_null(spans_check(heap));
	return page;
}

static void give(uint32_t page, unsigned n)
{
	span_give(heap, page, n);
	assert_null(spans_check(heap));
}

/* A heap with `blocks` pinned blocks, every page taken. */
static void full_blocks(unsigned blocks)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.reserve = MIB(64),
				.no_release_thread = 1,
				.young_min = KIB(128),
				.young_max = KIB(256),
				.no_events = 1 };
	uint32_t i;

	assert_int_equal(gc_heap_create(&o, &heap), 0);
	first = take(1);
	for (i = 1; i < blocks * SPAN_PAGES; i++)
		assert_int_equal(take(1), first + i);
	assert_int_equal(heap->pinned.blocks, blocks);
}

static void close_heap(void)
{
	assert_int_equal(gc_heap_destroy(heap), 0);
}

static void smallest_then_lowest(void **state)
{
	(void)state;
	full_blocks(2);
	give(first + 1, 6);
	give(first + 10, 3);
	give(first + 20, 2);
	give(first + SPAN_PAGES + 4, 3);
	give(first + SPAN_PAGES + 30, 2);
	assert_int_equal(take(3), first + 10);		    /* not of the 6 that are lower */
	assert_int_equal(take(3), first + SPAN_PAGES + 4);  /* the other exact one */
	assert_int_equal(take(2), first + 20);		    /* the lower of two */
	assert_int_equal(take(1), first + SPAN_PAGES + 30); /* 2 is the smallest left */
	assert_int_equal(take(1), first + SPAN_PAGES + 31);
	assert_int_equal(take(4), first + 1); /* cut from the start of 6 */
	assert_int_equal(take(2), first + 5);
	assert_int_equal(heap->pinned.blocks, 2);
	assert_int_equal(take(1), first + 2 * SPAN_PAGES); /* nothing was left */
	assert_int_equal(heap->pinned.blocks, 3);
	close_heap();
}

static void neighbours_join(void **state)
{
	uint32_t order[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
				{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	unsigned i, k;

	(void)state;
	full_blocks(2);
	for (i = 0; i < 6; i++) {
		for (k = 0; k < 3; k++)
			give(first + 5 + 3 * order[i][k], 3);
		assert_int_equal(take(9), first + 5);
	}
	/* The end of a block and the start of the next are no stretch. */
	give(first + SPAN_PAGES - 3, 3);
	give(first + SPAN_PAGES, 3);
	assert_int_equal(take(4), first + 2 * SPAN_PAGES);
	close_heap();
}

static void empty_blocks_go_back(void **state)
{
	size_t b;
	uint32_t i;

	(void)state;
	full_blocks(3);
	b = first / SPAN_PAGES;
	for (i = 0; i < SPAN_PAGES; i += 4)
		give(first + SPAN_PAGES + i, 4);
	assert_int_equal(heap->pinned.blocks, 2);
	assert_int_equal(heap->blocks[b + 1].kind, GC_SPACE_NONE);
	assert_int_equal(block_take_pinned(heap), b + 1); /* the lowest in a chunk of its kind */
	assert_int_equal(block_take_pinned(heap), b + 3);
	/* Old blocks have chunks of their own, as long as there are any. */
	assert_true(block_take_old(heap) / CHUNK_BLOCKS != b / CHUNK_BLOCKS);
	close_heap();
}

/* When chunks run out the kinds share them, to the last block of the reservation. */
static void last_blocks_are_shared(void **state)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.reserve = MIB(20),
				.no_release_thread = 1,
				.young_min = KIB(128),
				.young_max = KIB(256),
				.no_events = 1 };
	size_t n, blocks, given = 0;
	uint32_t b;

	(void)state;
	assert_int_equal(gc_heap_create(&o, &heap), 0);
	blocks = (heap->base + heap->reserved - heap->dyn) >> BLOCK_SHIFT;
	assert_int_not_equal(block_take_old(heap), BLOCK_NONE);
	for (n = 1; n < blocks; n++)
		assert_int_not_equal(block_take_pinned(heap), BLOCK_NONE);
	assert_int_equal(block_take_pinned(heap), BLOCK_NONE);
	assert_int_equal(block_take_old(heap), BLOCK_NONE);
	assert_int_equal(span_take(heap, 1), SPAN_NONE);
	for (b = (uint32_t)block_of(heap, heap->dyn); given < 3; b += 5)
		if (heap->blocks[b].kind == GC_SPACE_PINNED) {
			block_give(heap, b);
			given++;
		}
	for (n = 0; n < given; n++)
		assert_int_not_equal(block_take_old(heap), BLOCK_NONE);
	assert_int_equal(block_take_old(heap), BLOCK_NONE);
	close_heap();
}

/* --- against a naive model ---------------------------------------------------------- */

#define MODEL (16 * SPAN_PAGES)

static unsigned char model[MODEL]; /* pages from `first` on: taken */
static uint64_t seed;

static unsigned rnd(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)((seed >> 11) % n);
}

static bool block_empty(unsigned b)
{
	return !memchr(&model[b * SPAN_PAGES], 1, SPAN_PAGES);
}

/* The rule, by looking at every stretch. Empty blocks are last, the lowest first. */
static unsigned model_take(unsigned n)
{
	unsigned best = MODEL, best_len = UINT32_MAX, i, len;

	for (i = 0; i < MODEL; i += len ? len : 1) {
		for (len = 0; (i % SPAN_PAGES) + len < SPAN_PAGES && !model[i + len]; len++)
			;
		if (len < n || len >= best_len)
			continue;
		best = i;
		best_len = len;
	}
	assert_true(best < MODEL);
	memset(&model[best], 1, n);
	return best;
}

static void random_spans(void **state)
{
	struct {
		uint32_t page;
		unsigned n;
	} held[MODEL];
	const char *given = getenv("GC_SEED");
	unsigned nheld = 0, taken = 0, step, k, n, b, blocks, aim = MODEL / 2;

	(void)state;
	seed = given ? strtoull(given, NULL, 0) : 20240817;
	print_message("GC_SEED=%llu\n", (unsigned long long)seed);
	full_blocks(1);
	for (k = 0; k < SPAN_PAGES; k++)
		give(first + k, 1);
	for (step = 0; step < 20000; step++) {
		n = 1 + rnd(rnd(4) ? 4 : 10);
		if (step % 500 == 0)
			aim = rnd(MODEL * 3 / 4);
		if (taken + n <= aim || !nheld) {
			held[nheld].page = take(n);
			held[nheld++].n = n;
			assert_int_equal(held[nheld - 1].page - first, model_take(n));
			taken += n;
		} else {
			k = rnd(nheld);
			give(held[k].page, held[k].n);
			memset(&model[held[k].page - first], 0, held[k].n);
			taken -= held[k].n;
			held[k] = held[--nheld];
		}
		for (b = blocks = 0; b < MODEL / SPAN_PAGES; b++)
			blocks += !block_empty(b);
		assert_int_equal(heap->pinned.blocks, blocks);
	}
	close_heap();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(class_of_every_size),
		cmocka_unit_test(smallest_then_lowest),
		cmocka_unit_test(neighbours_join),
		cmocka_unit_test(empty_blocks_go_back),
		cmocka_unit_test(last_blocks_are_shared),
		cmocka_unit_test(random_spans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
