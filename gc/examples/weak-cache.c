/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * weak-cache.c - open files and pages made from them, shared as long as somebody has
 * them and given back when nobody does. A file is found by name through a weak
 * reference, its page through a weak map; the descriptor and the memory of the page
 * are outside the heap, and go by finalizers and as external bytes.
 *
 * usage: weak-cache [-vcq] [-g PERCENT] [-p MICROSECONDS] [REQUESTS]    100000 by default
 */
#include <fcntl.h>

#include "gc/examples/example.h"

#define NAMES	  5000
#define USERS	  100	     /* each has a file in hand */
#define OPEN_MOST 300	     /* descriptors, before those of dead files are asked back */
#define PAGE_LEN  (16 << 10) /* bytes */

struct file {
	uint32_t name;
	int fd;
};
struct page {
	unsigned char *pixels; /* by malloc() */
};

struct cache {
	struct gc_mutator *m;
	const struct gc_type *file, *page;
	struct gc_weak *by_name[NAMES];
	struct gc_weakmap *pages; /* file: page */
	int class;		  /* of external memory: pages */
	long open, opened, made;
};

/* The tags of finalizers say what to do. */
static char close_file, free_page;

static uint32_t rnd(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* Gives back what dead objects held. This is the program's own time and place. */
static void finalize(struct cache *c)
{
	void *tag, *obj;

	while ((obj = gc_finalizer_next(c->m, &tag))) {
		if (tag == &free_page) {
			free(((struct page *)obj)->pixels);
			continue;
		}
		close(((struct file *)obj)->fd);
		c->open--;
	}
}

static struct file *open_file(struct cache *c, uint32_t name)
{
	struct file *f = gc_weak_get(c->m, c->by_name[name]);

	if (f)
		return f;
	/* Descriptors are scarcer than memory: the heap does not know when to collect. */
	if (c->open >= OPEN_MOST)
		gc_collect(c->m, GC_FULL, GC_REASON_FORCED);
	finalize(c);
	f = must(gc_alloc(c->m, c->file));
	f->name = name;
	f->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (f->fd < 0 || gc_finalizer_add(c->m, f, &close_file))
		exit(1);
	gc_weak_set(c->m, c->by_name[name], f);
	c->open++;
	c->opened++;
	return f;
}

static struct page *page_of(struct cache *c, struct file *f)
{
	struct page *p = gc_weakmap_get(c->m, c->pages, f, NULL);
	GC_FRAME(c->m, f);

	if (p)
		return p;
	p = must(gc_alloc(c->m, c->page));
	p->pixels = must(malloc(PAGE_LEN));
	memset(p->pixels, (int)(f->name % 251), PAGE_LEN);
	if (gc_finalizer_add(c->m, p, &free_page) ||
	    gc_external_attach(c->m, p, c->class, PAGE_LEN) || gc_weakmap_set(c->m, c->pages, f, p))
		exit(1);
	c->made++;
	return p;
}

/* Users take one file after the other; some look at the one they have again. */
static uint32_t run(struct cache *c, long requests)
{
	struct gc_refs *users = NULL;
	uint32_t seed = 49734321, user, sum = 0;
	struct file *f;
	GC_FRAME(c->m, users);

	users = must(gc_alloc_array(c->m, gc_type_refs(gc_mutator_heap(c->m)), USERS));
	for (long i = 0; i < requests; i++) {
		user = rnd(&seed) % USERS;
		f = users->ref[user];
		if (!f || rnd(&seed) % 2) {
			f = open_file(c, rnd(&seed) % NAMES);
			gc_write(c->m, users, &users->ref[user], f);
		}
		sum = sum * 31 + page_of(c, f)->pixels[PAGE_LEN - 1];
	}
	return sum;
}

/* All that is left is dead: it comes out of the queue in a round or two. */
static void close_cache(struct cache *c)
{
	do {
		finalize(c);
		gc_collect(c->m, GC_FULL, GC_REASON_FORCED);
	} while (gc_finalizer_pending(gc_mutator_heap(c->m)));
	for (int i = 0; i < NAMES; i++)
		gc_weak_free(c->m, c->by_name[i]);
}

int main(int argc, char **argv)
{
	struct example ex = example_start("weak-cache", argc, argv, 100000);
	struct gc_type_desc file =
		GC_TYPE_INIT(.name = "file", .kind = GC_DATA, .size = sizeof(struct file));
	struct gc_type_desc page =
		GC_TYPE_INIT(.name = "page", .kind = GC_DATA, .size = sizeof(struct page));
	struct cache c = { 0 };
	struct gc_stats st;
	struct gc_heap *heap;
	uint32_t sum;

	if (gc_heap_create(&ex.opts, &heap) || gc_mutator_attach(heap, &c.m) ||
	    gc_type_register(heap, &file, &c.file) || gc_type_register(heap, &page, &c.page))
		return 1;
	c.class = gc_external_class(heap, "pages");
	c.pages = must(gc_weakmap_new(c.m, NULL));
	for (int i = 0; i < NAMES; i++)
		c.by_name[i] = must(gc_weak_new(c.m, NULL));
	sum = run(&c, ex.n);
	example_report(&ex, heap);
	close_cache(&c);
	gc_stats(heap, &st);
	printf("%ld requests, sum %08x: %s opened again, %s made again\n", ex.n, sum,
	       c.opened > NAMES ? "files were" : "no file was",
	       c.made > NAMES ? "pages were" : "no page was");
	printf("left: %ld files, %zu bytes of pages, %zu entries, %zu bytes in the heap\n", c.open,
	       st.external, st.ephemerons, st.heap_used);
	gc_mutator_detach(c.m);
	return gc_heap_destroy(heap) != 0;
}
