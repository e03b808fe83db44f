/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* queue.c - gc/examples/queue.c for malloc and for bdwgc. */
#include "mem.h"

#define LENGTH 50000

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

static uint32_t seed = 49734321;

static uint32_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

static struct message *make(uint64_t id)
{
	size_t i, len = 4 + rnd() % 8;
	struct numbers *body = mem_new_data(sizeof(*body) + len * sizeof(body->v[0]));
	struct message *msg;

	body->len = len;
	for (i = 0; i < len; i++)
		body->v[i] = id + i;
	msg = mem_new(sizeof(*msg));
	msg->body = body;
	msg->id = id;
	return msg;
}

static void drop(struct message *msg)
{
	mem_free(msg->body);
	mem_free(msg);
}

static struct cell *cons(uint64_t value, struct cell *next)
{
	struct cell *c = mem_new(sizeof(*c));

	c->next = next;
	c->value = value;
	return c;
}

/* The cell behind c, which is done with. */
static struct cell *tail(struct cell *c)
{
	struct cell *next = c->next;

	mem_free(c);
	return next;
}

static uint32_t handle(struct message *msg)
{
	struct cell *list = NULL, *back = NULL;
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < msg->body->len; i++)
		list = cons(msg->body->v[i], list);
	for (; list; list = tail(list))
		back = cons(list->value, back);
	for (; back; back = tail(back))
		sum = sum * 3 + (uint32_t)back->value;
	return sum;
}

int main(int argc, char **argv)
{
	uint64_t messages = (uint64_t)mem_args(argc, argv, 1500000), i;
	struct message **queue = mem_new(LENGTH * sizeof(*queue)), *msg;
	uint32_t sum = 0;

	memset(queue, 0, LENGTH * sizeof(*queue));
	for (i = 0; i < messages; i++) {
		msg = queue[i % LENGTH];
		if (msg) {
			sum += handle(msg);
			drop(msg);
		}
		queue[i % LENGTH] = make(i);
	}
	printf("%llu messages, sum %08x\n", (unsigned long long)messages, sum);
	return 0;
}
