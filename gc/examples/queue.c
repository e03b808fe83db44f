/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * queue.c - a bounded queue of messages, first in, first out: each lives just long
 * enough to become old and then dies, which is the worst case of a generational
 * collector. Handling a message makes short-lived lists.
 *
 * usage: queue [-vcq] [-g PERCENT] [-p MICROSECONDS] [MESSAGES]    1500000 by default
 */
#include "gc/examples/example.h"

#define LENGTH 50000 /* messages in the queue */

struct numbers {
	size_t len;
	uint64_t v[];
};
struct message {
	struct numbers *body;
	uint64_t id;
};
struct cell {
	struct cell *next;
	uint64_t value;
};

static const struct gc_type *numbers_type, *message_type, *cell_type;
static uint32_t seed = 49734321;

static uint32_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

static struct message *make(struct gc_mutator *m, uint64_t id)
{
	size_t i, len = 4 + rnd() % 8;
	struct numbers *body = NULL;
	struct message *msg;
	GC_FRAME(m, body);

	body = must(gc_alloc_array(m, numbers_type, len));
	for (i = 0; i < len; i++)
		body->v[i] = id + i;
	msg = must(gc_alloc(m, message_type));
	msg->body = body;
	msg->id = id;
	return msg;
}

static struct cell *cons(struct gc_mutator *m, uint64_t value, struct cell *next)
{
	struct cell *c;
	GC_FRAME(m, next);

	c = must(gc_alloc(m, cell_type));
	c->next = next;
	c->value = value;
	return c;
}

/* The body as a list, the list backwards, its weighted sum. */
static uint32_t handle(struct gc_mutator *m, struct message *msg)
{
	struct cell *list = NULL, *back = NULL;
	uint32_t sum = 0;
	size_t i;
	GC_FRAME(m, msg, list, back);

	for (i = 0; i < msg->body->len; i++)
		list = cons(m, msg->body->v[i], list);
	for (; list; list = list->next)
		back = cons(m, list->value, back);
	for (; back; back = back->next)
		sum = sum * 3 + (uint32_t)back->value;
	return sum;
}

static void run(struct gc_mutator *m, uint64_t messages)
{
	struct gc_refs *queue = NULL;
	struct message *msg = NULL;
	uint32_t sum = 0;
	uint64_t i;
	GC_FRAME(m, queue, msg);

	queue = must(gc_alloc_array(m, gc_type_refs(gc_mutator_heap(m)), LENGTH));
	for (i = 0; i < messages; i++) {
		msg = queue->ref[i % LENGTH];
		if (msg)
			sum += handle(m, msg);
		msg = make(m, i);
		gc_write(m, queue, &queue->ref[i % LENGTH], msg);
	}
	printf("%llu messages, sum %08x\n", (unsigned long long)messages, sum);
}

int main(int argc, char **argv)
{
	struct example ex = example_start("queue", argc, argv, 1500000);
	struct gc_type_desc numbers =
		GC_TYPE_INIT(.name = "numbers", .kind = GC_DATA, .elem = sizeof(uint64_t));
	struct gc_type_desc message = GC_TYPE_INIT(.name = "message", .kind = GC_BITMAP64,
						   .size = sizeof(struct message), .bitmap = 1);
	struct gc_type_desc cell = GC_TYPE_INIT(.name = "cell", .kind = GC_BITMAP64,
						.size = sizeof(struct cell), .bitmap = 1);
	struct gc_mutator *m;
	struct gc_heap *heap;

	if (gc_heap_create(&ex.opts, &heap) || gc_mutator_attach(heap, &m) ||
	    gc_type_register(heap, &numbers, &numbers_type) ||
	    gc_type_register(heap, &message, &message_type) ||
	    gc_type_register(heap, &cell, &cell_type))
		return 1;
	run(m, (uint64_t)ex.n);
	example_report(&ex, heap);
	gc_mutator_detach(m);
	return gc_heap_destroy(heap) != 0;
}
