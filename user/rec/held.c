/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * held.c - see held.h. A block's header is made where it is written, as it has the number that the
 * block has in that file: so of a block that is held nothing changes.
 */
#include "user/rec/held.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/rec/writer.h"
#include "user/util/util.h"

struct mp_held {
	struct mp_block_head head;
	unsigned holds;
	size_t len;
	uint8_t bytes[];
};

struct mp_held *mp_held_new(const struct mp_block *b)
{
	struct mp_held *x = malloc(sizeof(*x) + b->len);

	if (!x)
		return NULL;
	x->head = b->head;
	x->holds = 1;
	x->len = b->len;
	memcpy(x->bytes, b->bytes, b->len);
	return x;
}

void mp_held_put(struct mp_held *x)
{
	if (x && !--x->holds)
		free(x);
}

uint8_t *mp_held_bytes(struct mp_held *x)
{
	return x->bytes;
}

int mp_held_add(struct mp_held_list *l, struct mp_held *x)
{
	int err = mp_grow(&l->v, &l->cap, l->n + 1, sizeof(struct mp_held *));

	if (err)
		return err;
	x->holds++;
	l->v[l->n++] = x;
	return 0;
}

void mp_held_list_free(struct mp_held_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		mp_held_put(l->v[i]);
	free(l->v);
	*l = (struct mp_held_list){ .n = 0 };
}

static size_t longest(const struct mp_held_list *l)
{
	size_t most = 0;

	for (size_t i = 0; i < l->n; i++)
		most = l->v[i]->len > most ? l->v[i]->len : most;
	return most;
}

int mp_held_write(const struct mp_held_list *l, const char *path)
{
	uint8_t *room = malloc(longest(l) + 1);
	struct mp_writer *w;
	int err = room ? mp_writer_open(path, &w) : -ENOMEM, end;

	if (err) {
		free(room);
		return err;
	}
	for (size_t i = 0; i < l->n && !err; i++) {
		const struct mp_held *x = l->v[i];
		struct mp_block b = { .head = x->head, .bytes = room, .len = x->len };

		memcpy(room, x->bytes, x->len);
		err = mp_writer_block(w, &b);
	}
	end = mp_writer_close(w);
	free(room);
	return err ? err : end;
}
