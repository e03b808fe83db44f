/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * src_python.c - the cyclic garbage collector of a CPython nobody prepared: when it ran,
 * for how long, over which generation. Nothing outside the process tells what its heap
 * holds, so its collections have no sizes.
 *
 * Two ways: the probes python:gc__start and gc__done, where the build has them
 * (--with-dtrace, as Debian's and Fedora's have); else the function that collects, by its
 * symbol (3.10 and later: gc_collect_main(tstate, generation, ...), of which 3.14 left
 * _PyGC_Collect with the same two arguments).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/live/runtime.h"
#include "user/sym/sym.h"
#include "user/util/util.h"

/* Interpreters of a process may collect at the same time (3.12), each in a thread. */
#define OPEN_MAX 16

/*
 * A collection of the youngest generation comes with every 700 objects, and some 7.5 us of
 * probes with it (two breakpoints): at 2,000 a second that is 1.5 % of the program's time.
 * Who goes on collecting more often than that is let alone.
 */
#define LOOK_NS	 500000000ULL
#define LOOK_MAX 1000u

struct python {
	struct collection {
		uint32_t tid; /* 0: free */
		uint32_t gen;
		uint64_t start;
		uint64_t sp; /* of the call, 0 with the probes */
	} open[OPEN_MAX];
	unsigned next; /* to be given up when all are taken */
	uint64_t look; /* when this look began, ns */
	unsigned seen; /* collections in it */
};

/* The program (python3.11), or the library that others embed. */
static bool may_hold(const char *path)
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	return !strncmp(base, "python", 6) || !strncmp(base, "libpython", 9);
}

static int by_probes(struct mp_session *s, int fd)
{
	int err = mp_probes_add_usdt(s->probes, MP_UP_PY_DONE, fd, "python", "gc__done");

	return err ? err : mp_probes_add_usdt(s->probes, MP_UP_PY_START, fd, "python", "gc__start");
}

/* -ENOENT: neither the function nor a symbol table that has it. */
static int by_symbol(struct mp_session *s, struct mp_elf *e, int fd)
{
	static const char *const names[] = { "gc_collect_main", "gc_collect_main.lto_priv.0",
					     "_PyGC_Collect" };
	int err = -ENOENT;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && err == -ENOENT; i++) {
		uint64_t off;

		err = mp_elf_function(e, names[i], &off);
		if (!err)
			err = mp_probes_add_uprobe(s->probes, MP_UP_PY_LEAVE, fd, off);
		if (!err)
			err = mp_probes_add_uprobe(s->probes, MP_UP_PY_ENTER, fd, off);
	}
	return err;
}

/* A program that is linked to libpython holds no interpreter: the library will come. */
static bool holds_interpreter(struct mp_elf *e)
{
	uint64_t off;

	return !mp_elf_function(e, "Py_InitializeEx", &off);
}

static void python_file(struct mp_session *s, int fd, const char *path)
{
	enum mp_rung rung = MP_RUNG_USDT;
	struct mp_elf *e;
	int err;

	(void)path;
	if (mp_elf_open(fd, &e))
		return;
	if (!holds_interpreter(e)) {
		mp_elf_close(e);
		return;
	}
	err = by_probes(s, fd);
	/* up to 5.14 libbpf hangs no USDT on what is linked to lie anywhere (-ENOTSUP) */
	if (err == -ENOENT || err == -ENOTSUP) {
		rung = MP_RUNG_UPROBE;
		err = by_symbol(s, e, fd);
	}
	mp_elf_close(e);
	if (err == -ECANCELED) /* taken away: told then */
		return;
	if (!err)
		runtime_tell(s, MP_FEAT_HEAP_PYTHON, rung, 0, NULL);
	else if (err == -ENOENT)
		runtime_tell(s, MP_FEAT_HEAP_PYTHON, MP_RUNG_ABSENT, err,
			     "built without probes (--with-dtrace), and gc_collect_main is not "
			     "among its symbols");
	else
		runtime_tell(s, MP_FEAT_HEAP_PYTHON, MP_RUNG_ABSENT, err, runtime_why(err));
}

/* --- records ---------------------------------------------------------------------------- */

static struct collection *find(struct python *p, uint32_t tid)
{
	for (unsigned i = 0; i < OPEN_MAX; i++)
		if (p->open[i].tid == tid)
			return &p->open[i];
	return NULL;
}

static void begun(struct python *p, const struct mp_raw_words *r)
{
	uint64_t sp = r->n > 1 ? r->v[1] : 0;
	struct collection *c = find(p, r->tid);

	/* From within a collection: the runtime sends it away. What lies higher on the stack
	 * is older, and was left without our seeing it. */
	if (c && sp && sp < c->sp)
		return;
	if (!c)
		c = find(p, 0);
	if (!c)
		c = &p->open[p->next++ % OPEN_MAX];
	*c = (struct collection){
		.tid = r->tid, .gen = (uint32_t)r->v[0], .start = r->ts, .sp = sp
	};
}

/*
 * Each different text is kept as long as the session: above a hundred the count of objects
 * is told by its first two digits, so that there are some two thousand texts at most.
 */
static void reason_of(char *buf, size_t size, uint32_t gen, uint64_t n)
{
	char which[32] = "some generation";
	uint64_t unit = 1;

	while (n / unit >= 100)
		unit *= 10;
	if (gen <= 2) /* from 3.13 on what was not asked for is -1, and chosen inside */
		snprintf(which, sizeof(which), "generation %u", gen);
	if (n > INT64_MAX) /* an error in the collection */
		snprintf(buf, size, "%s", which);
	else
		snprintf(buf, size, "%s, collected %s%llu objects", which, unit > 1 ? "some " : "",
			 (unsigned long long)(n / unit * unit));
}

static void tell(struct mp_session *s, const struct mp_raw_words *r, const struct collection *c)
{
	static const uint8_t kinds[] = { MP_GC_MINOR, MP_GC_OTHER, MP_GC_MAJOR };
	struct mp_event e = { .ts = r->ts, .type = MP_EV_GC, .mm = r->mm, .tid = r->tid };
	char reason[64];

	e.sub = c->gen < sizeof(kinds) ? kinds[c->gen] : MP_GC_OTHER;
	e.gc.before = e.gc.after = e.gc.cbefore = e.gc.cafter = MP_UNKNOWN;
	e.gc.start = c->start;
	e.gc.pause = r->ts > c->start ? r->ts - c->start : 0;
	reason_of(reason, sizeof(reason), c->gen, r->v[0]);
	e.gc.reason = stream_str(&s->stream, reason, r->ts);
	e.gc.source = MP_SRC_PYTHON;
	stream_push(&s->stream, &e);
}

static void take_away(struct mp_session *s, double per_second)
{
	static const enum mp_uprobe all[] = { MP_UP_PY_START, MP_UP_PY_DONE, MP_UP_PY_ENTER,
					      MP_UP_PY_LEAVE };
	char why[96];

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		mp_probes_remove_uprobe(s->probes, all[i]);
	snprintf(why, sizeof(why), "taken away: %.0f collections a second would cost %.2g %%",
		 per_second, per_second * 7.5e-6 * 100);
	runtime_tell(s, MP_FEAT_HEAP_PYTHON, MP_RUNG_ABSENT, -ECANCELED, why);
}

static void count(struct mp_session *s, struct python *p, uint64_t ts)
{
	if (ts - p->look >= LOOK_NS) {
		p->look = ts;
		p->seen = 0;
	}
	if (++p->seen > LOOK_MAX && s->rt_rung[MP_FEAT_HEAP_PYTHON] != MP_RUNG_ABSENT)
		take_away(s, p->seen / ((double)(ts - p->look) / 1e9 + 1e-9));
}

static void python_words(struct mp_session *s, struct target *t, const struct mp_raw_words *r)
{
	uint64_t sp = r->n > 1 ? r->v[1] : 0;
	struct collection *c;

	if (!t || !r->n || !r->tid)
		return;
	if (!t->rt[RT_PYTHON])
		t->rt[RT_PYTHON] = calloc(1, sizeof(struct python));
	if (!t->rt[RT_PYTHON])
		return;
	if (r->sub == MP_WORDS_PY_START) {
		begun(t->rt[RT_PYTHON], r);
		return;
	}
	c = find(t->rt[RT_PYTHON], r->tid);
	if (!c || c->sp != sp) /* it began before we looked, or was one within another */
		return;
	tell(s, r, c);
	c->tid = 0;
	count(s, t->rt[RT_PYTHON], r->ts);
}

static void python_detach(struct target *t)
{
	free(t->rt[RT_PYTHON]);
	t->rt[RT_PYTHON] = NULL;
}

const struct runtime runtime_python = { .name = "CPython",
					.may_hold = may_hold,
					.file = python_file,
					.words = python_words,
					.detach = python_detach };
