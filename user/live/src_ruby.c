/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * src_ruby.c - the collections of a CRuby nobody prepared, by the probes it was built with
 * (--enable-dtrace, as Debian's is): when it marked and for how long. They tell neither the
 * size of the heap nor minor from major.
 *
 * gc.c (2.1 to 3.3): each collection begins with one gc__mark__begin ... __end, whatever is
 * left to be marked step by step comes without probes; gc__sweep__begin ... __end are there
 * where all is swept at once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/live/runtime.h"
#include "user/sym/sym.h"
#include "user/util/util.h"

/* One collection at a time: the objects of all threads are one heap. */
struct ruby {
	uint64_t mark, sweep; /* begun, ns; 0: not going on */
};

/* The program (ruby3.1), or the library that holds all of it. */
static bool may_hold(const char *path)
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	return !strncmp(base, "ruby", 4) || !strncmp(base, "libruby", 7);
}

static int by_probes(struct mp_session *s, int fd)
{
	static const struct {
		enum mp_uprobe u;
		const char *name;
	} probes[] = { { MP_UP_RUBY_MARK_END, "gc__mark__end" },
		       { MP_UP_RUBY_MARK_BEGIN, "gc__mark__begin" },
		       { MP_UP_RUBY_SWEEP_END, "gc__sweep__end" },
		       { MP_UP_RUBY_SWEEP_BEGIN, "gc__sweep__begin" } };
	int err = 0;

	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]) && !err; i++)
		err = mp_probes_add_usdt(s->probes, probes[i].u, fd, "ruby", probes[i].name);
	return err;
}

static void ruby_file(struct mp_session *s, int fd, const char *path)
{
	struct mp_elf *e;
	uint64_t off;
	int err;

	(void)path;
	if (mp_elf_open(fd, &e))
		return;
	err = mp_elf_function(e, "ruby_init", &off); /* else the library will come */
	mp_elf_close(e);
	if (err)
		return;
	err = by_probes(s, fd);
	if (!err)
		runtime_tell(s, MP_FEAT_HEAP_RUBY, MP_RUNG_USDT, 0, NULL);
	else if (err == -ENOENT)
		runtime_tell(s, MP_FEAT_HEAP_RUBY, MP_RUNG_ABSENT, err,
			     "built without probes (--enable-dtrace)");
	else
		runtime_tell(s, MP_FEAT_HEAP_RUBY, MP_RUNG_ABSENT, err, runtime_why(err));
}

/* --- records ---------------------------------------------------------------------------- */

static void marked(struct mp_session *s, const struct mp_raw_words *r, uint64_t start)
{
	struct mp_event e = { .ts = r->ts, .type = MP_EV_GC, .mm = r->mm, .tid = r->tid };

	e.sub = MP_GC_OTHER;
	e.gc.before = e.gc.after = e.gc.cbefore = e.gc.cafter = MP_UNKNOWN;
	e.gc.start = start;
	e.gc.pause = r->ts - start;
	e.gc.reason = stream_str(&s->stream, "marking", r->ts);
	e.gc.source = MP_SRC_RUBY;
	stream_push(&s->stream, &e);
}

static void swept(struct mp_session *s, const struct mp_raw_words *r, uint64_t start)
{
	struct mp_event e = {
		.ts = r->ts, .type = MP_EV_PHASE, .sub = MP_PHASE_SWEEP, .mm = r->mm, .tid = r->tid
	};

	e.phase.dur = r->ts - start;
	e.phase.work = MP_UNKNOWN;
	e.phase.n = 1;
	e.phase.source = MP_SRC_RUBY;
	stream_push(&s->stream, &e);
}

static void ruby_words(struct mp_session *s, struct target *t, const struct mp_raw_words *r)
{
	struct ruby *h;

	if (!t || !r->n)
		return;
	if (!t->rt[RT_RUBY])
		t->rt[RT_RUBY] = calloc(1, sizeof(*h));
	h = t->rt[RT_RUBY];
	if (!h)
		return;
	if (r->v[0] == MP_RUBY_MARK_BEGIN) {
		h->mark = r->ts;
	} else if (r->v[0] == MP_RUBY_SWEEP_BEGIN) {
		h->sweep = r->ts;
	} else if (r->v[0] == MP_RUBY_MARK_END) {
		if (h->mark && h->mark <= r->ts)
			marked(s, r, h->mark);
		h->mark = 0;
	} else if (r->v[0] == MP_RUBY_SWEEP_END) {
		if (h->sweep && h->sweep <= r->ts)
			swept(s, r, h->sweep);
		h->sweep = 0;
	}
}

static void ruby_detach(struct target *t)
{
	free(t->rt[RT_RUBY]);
	t->rt[RT_RUBY] = NULL;
}

const struct runtime runtime_ruby = { .name = "CRuby",
				      .may_hold = may_hold,
				      .file = ruby_file,
				      .words = ruby_words,
				      .detach = ruby_detach };
