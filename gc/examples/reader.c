/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * reader.c - buffers that the kernel writes into while other objects move: blocks are
 * read from a pipe straight into pinned arrays, in blocking regions, and cut into
 * words, which are short-lived objects. A window of buffers stays alive.
 *
 * usage: reader [-vcq] [-g PERCENT] [-p MICROSECONDS] [BLOCKS]    20000 by default
 */
#include <pthread.h>

#include "gc/examples/example.h"

#define BLOCK  4096 /* bytes of a buffer */
#define WINDOW 200  /* buffers alive */

struct source {
	int fd;
	long blocks;
};

/* Not a mutator: it knows nothing of the heap. */
static void *produce(void *arg)
{
	struct source *s = arg;
	uint32_t seed = 2463534242u;
	char text[BLOCK];
	long i;
	int k;

	for (i = 0; i < s->blocks; i++) {
		for (k = 0; k < BLOCK; k++) {
			seed ^= seed << 13;
			seed ^= seed >> 17;
			seed ^= seed << 5;
			text[k] = seed % 6 ? (char)('a' + seed % 26) : ' ';
		}
		if (write(s->fd, text, BLOCK) != BLOCK)
			break;
	}
	close(s->fd);
	return NULL;
}

/* Fills the buffer: other threads may collect all the while. */
static size_t fill(struct gc_mutator *m, int fd, unsigned char *to)
{
	size_t got = 0;
	ssize_t n;

	gc_blocking_begin(m);
	do {
		n = read(fd, to + got, BLOCK - got);
		got += n > 0 ? (size_t)n : 0;
	} while (n > 0 && got < BLOCK);
	gc_blocking_end(m);
	return got;
}

/* The words of a buffer, each an object of its own. Returns their number. */
static size_t cut(struct gc_mutator *m, struct gc_bytes *block, uint32_t *sum)
{
	struct gc_bytes *word;
	size_t i, start, n = 0, k;
	GC_FRAME(m, block);

	for (i = 0; i < block->len; i++) {
		for (start = i; i < block->len && block->data[i] != ' ';)
			i++;
		if (i == start)
			continue;
		word = must(gc_alloc_array(m, gc_type_bytes(gc_mutator_heap(m)), i - start));
		memcpy(word->data, block->data + start, word->len);
		for (k = 0; k < word->len; k++)
			*sum = *sum * 31 + word->data[k];
		n++;
	}
	return n;
}

static void run(struct gc_mutator *m, int fd)
{
	struct gc_heap *heap = gc_mutator_heap(m);
	struct gc_refs *window = NULL;
	struct gc_bytes *block = NULL;
	size_t blocks = 0, words = 0;
	uint32_t sum = 0;
	GC_FRAME(m, window, block);

	window = must(gc_alloc_array(m, gc_type_refs(heap), WINDOW));
	for (;; blocks++) {
		block = must(gc_alloc_pinned_array(m, gc_type_bytes(heap), BLOCK));
		if (fill(m, fd, block->data) != BLOCK)
			break;
		gc_write(m, window, &window->ref[blocks % WINDOW], block);
		words += cut(m, block, &sum);
	}
	printf("%zu blocks, %zu words, sum %08x\n", blocks, words, sum);
}

int main(int argc, char **argv)
{
	struct example ex = example_start("reader", argc, argv, 20000);
	struct gc_mutator *m;
	struct gc_heap *heap;
	struct source s;
	pthread_t thread;
	int fds[2];

	if (gc_heap_create(&ex.opts, &heap) || gc_mutator_attach(heap, &m) || pipe(fds))
		return 1;
	s = (struct source){ fds[1], ex.n };
	if (pthread_create(&thread, NULL, produce, &s))
		return 1;
	run(m, fds[0]);
	pthread_join(thread, NULL);
	example_report(&ex, heap);
	gc_mutator_detach(m);
	return gc_heap_destroy(heap) != 0;
}
