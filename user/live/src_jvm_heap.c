/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * src_jvm_heap.c - where a HotSpot JVM has its heap: addresses that no shape of mappings tells
 * for sure (a heap without compressed references looks like any memory).
 *
 * Read once from the table that libjvm keeps for debuggers. Figures and collections are
 * src_jvm.c's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/live/peek.h"
#include "user/live/runtime.h"
#include "user/live/symwork.h"
#include "user/rt/vmstructs.h"
#include "user/sym/sym.h"
#include "user/util/util.h"

/* A JVM reserves its heap within its first second; what has none by then keeps it where
 * it is not looked for (ZGC). */
#define WAIT_NS 20000000000ULL
/* The table is walked so often at most, each time after twice as long: some 25 s in all. */
#define TRIES	 8
#define AGAIN_NS 100000000ULL

struct jvm_heap {
	uint64_t symbol; /* address in the process, 0: not known yet */
	uint64_t since;	 /* ns */
	struct vmstructs v;
	unsigned tries;
	uint64_t next; /* ns: the table is looked at again */
	bool found, done;
};

static bool may_hold(const char *path)
{
	const char *base = strrchr(path, '/');

	return !strncmp(base ? base + 1 : path, "libjvm.so", 9);
}

static int read_memory(void *ctx, uint64_t addr, void *buf, size_t len)
{
	const struct target *t = ctx;

	return peek(t->pid, addr, buf, len);
}

/* The variable's address in the process: by where the mapping lies that begins at an
 * offset whose address before relocation the file tells. */
static uint64_t find_symbol(const struct target *t, const struct proc_map *v, const char *path)
{
	struct sym_file f = { .dev = (uint64_t)v->dev_major << 20 | v->dev_minor,
			      .ino = v->ino,
			      .pid = t->pid,
			      .start = v->start,
			      .end = v->end };
	uint64_t symbol = 0, base;
	struct mp_elf *e;
	int fd = sym_open_mapped(&f, path);

	if (fd < 0)
		return 0;
	if (!mp_elf_open(fd, &e)) {
		if (mp_elf_variable(e, VMSTRUCTS_SYMBOL, &symbol) ||
		    mp_elf_address(e, v->off, &base))
			symbol = 0;
		else
			symbol += v->start - base;
		mp_elf_close(e);
	}
	close(fd);
	return symbol;
}

static void attach(struct mp_session *s, struct target *t, const struct proc_maps *m)
{
	const uint32_t code = MP_MAP_FILE | MP_MAP_X;
	struct jvm_heap *j = t->rt[RT_JVM_HEAP];

	(void)s;
	for (size_t i = 0; i < m->n && !j; i++) {
		const char *name = m->names + m->v[i].name;

		if ((m->v[i].bits & code) != code || !may_hold(name))
			continue;
		j = calloc(1, sizeof(*j));
		if (!j)
			return;
		j->since = mp_monotonic_ns();
		j->symbol = find_symbol(t, &m->v[i], name);
		j->done = !j->symbol;
		t->rt[RT_JVM_HEAP] = j;
	}
}

static int find_table(struct target *t, struct jvm_heap *j, uint64_t now)
{
	int err = vmstructs_find(read_memory, t, j->symbol, VMSTRUCTS_HEAP, &j->v);

	j->found = !err;
	j->next = now + (AGAIN_NS << j->tries);
	j->tries += err != 0;
	return err;
}

static void poll(struct mp_session *s, struct target *t, uint64_t now)
{
	struct mp_event e = { .type = MP_EV_HEAP_RANGE, .sub = MP_HEAP_RESERVE, .mm = t->mm };
	struct jvm_heap *j = t->rt[RT_JVM_HEAP];
	uint64_t start, end;
	int err;

	if (!j || j->done || (!j->found && now < j->next))
		return;
	err = j->found ? 0 : find_table(t, j, now);
	if (!err)
		err = vmstructs_heap(read_memory, t, &j->v, &start, &end);
	/* while libjvm is being loaded nothing in it is relocated */
	j->done = !err || now > j->since + WAIT_NS || j->tries >= TRIES;
	if (err)
		return;
	e.ts = mp_monotonic_ns();
	e.range.addr = start;
	e.range.len = end - start;
	e.range.source = MP_SRC_JVM;
	stream_push(&s->stream, &e);
}

static void detach(struct target *t)
{
	free(t->rt[RT_JVM_HEAP]);
	t->rt[RT_JVM_HEAP] = NULL;
}

const struct runtime runtime_jvm_heap = { .name = "HotSpot heap",
					  .may_hold = may_hold,
					  .attach = attach,
					  .poll = poll,
					  .detach = detach };
