/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * weak.c - what a heap knows of objects beside the objects.
 *
 * Owns the life of struct weak and the order of its parts in a collection. Must not
 * decide what lives: it asks visitor_alive().
 */
#include <stdlib.h>

#include "gc/internal.h"
#include "gc/weak.h"

bool weak_create(struct gc_heap *h)
{
	struct weak *w = calloc(1, sizeof(*w));

	if (!w)
		return false;
	pthread_mutex_init(&w->lock, NULL);
	ids_init(w);
	h->weak = w;
	return true;
}

void weak_destroy(struct gc_heap *h)
{
	struct weak *w = h->weak;

	if (!w)
		return;
	genmap_free(&w->ids);
	pthread_mutex_destroy(&w->lock);
	free(w);
	h->weak = NULL;
}

/* fork(): the child's copy must be whole, and its lock free. */
void weak_lock(struct gc_heap *h)
{
	pthread_mutex_lock(&h->weak->lock);
}

void weak_unlock(struct gc_heap *h)
{
	pthread_mutex_unlock(&h->weak->lock);
}

void weak_fork_child(struct gc_heap *h)
{
	pthread_mutex_init(&h->weak->lock, NULL);
}

/*
 * The last step of a collection's closure, before memory is given back or written:
 * forwarding words and marks must still be readable. When old objects move, again
 * with the visitor that knows where they went.
 */
void weak_end(struct gc_heap *h, struct gc_visitor *v)
{
	ids_update(h, v);
}

/* For the verifier, with the world stopped. */
const char *weak_check(struct gc_heap *h)
{
	return ids_check(h);
}

const char *weak_check_object(struct gc_heap *h, void *obj)
{
	return ids_check_object(h, obj);
}
