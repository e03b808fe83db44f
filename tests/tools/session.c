/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * session.c - writes a made-up recording, for the tests of what reads recordings.
 *
 *     session OUT STEPS WALL_NS [every | saved]
 *
 * The same arguments give the same events: rec_stream.h's, at 50 steps a second from
 * WALL_NS on. With `every` there is besides one event of every type and sub-type,
 * among them names that are no text. With `saved` the first half of the steps is before
 * the file, which begins with the state then, as what is saved of a ring does. Needs no
 * rights.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/rec_stream.h"
#include "user/model/model.h"
#include "user/rec/history.h"
#include "user/rec/writer.h"

#define SUBS 32 /* more than any type has */

struct out {
	struct mp_writer *w;
	struct mp_model *m;
	struct mp_history *h; /* of `saved`; else NULL */
};

static void put(struct out *o, const struct mp_event *ev, size_t n)
{
	for (size_t i = 0; i < n; i++)
		mp_model_fold(o->m, &ev[i]);
	if (o->h ? mp_history_append(o->h, o->m, ev, n)
		 : mp_writer_append(o->w, ev, n) || mp_writer_keyframe(o->w, o->m))
		exit(1);
}

/* The file begins here: what was before is in none of its blocks. */
static void put_start(struct out *o)
{
	if (mp_history_tee(o->h, mp_writer_sink, o->w) || mp_history_key(o->h, o->m))
		exit(1);
}

static void put_meta(struct out *o, struct stream *s, unsigned key, uint64_t num)
{
	struct mp_event e;
	size_t n = 0;

	stream_put(s, &e, &n, MP_EV_META, key)->meta.num = num;
	e.mm = e.tid = 0;
	put(o, &e, n);
}

static uint32_t put_str(struct out *o, struct stream *s, const char *text)
{
	struct mp_event e;
	size_t n = 0;
	uint32_t id = stream_str(s, &e, &n, text);

	put(o, &e, n);
	return id;
}

/* Small numbers, some unknown; a keyframe may not stand in the middle. */
static void put_every(struct out *o, struct stream *s)
{
	uint32_t id = put_str(o, s, "\x1b[31mevil\"\\\n\xff");

	for (unsigned type = MP_EV_FAULT; type < MP_EV_MAX; type++) {
		for (unsigned sub = 0; sub < SUBS; sub++) {
			struct mp_event e;
			size_t n = 0;

			if (type == MP_EV_KEYFRAME || type == MP_EV_STR || type == MP_EV_TOTAL ||
			    (type == MP_EV_MAP && sub != MP_MAP_BEGIN))
				continue;
			stream_put(s, &e, &n, type, sub)->x = id;
			for (size_t i = 0; i < 7; i++)
				e.v[i] = sub == SUBS - 1 && type != MP_EV_STACK ? MP_UNKNOWN : id;
			if (type == MP_EV_STACK)
				e.stack.pos = 0;
			put(o, &e, n);
		}
	}
}

int main(int argc, char **argv)
{
	struct mp_event ev[16];
	struct out o = { 0 };
	struct stream s;
	bool saved;
	size_t n;

	if (argc < 4 || mp_writer_open(argv[1], &o.w) || !(o.m = mp_model_new()))
		return 64;
	saved = argc > 4 && !strcmp(argv[4], "saved");
	if (saved && mp_history_new(0, &o.h))
		return 1;
	n = stream_start(&s, 1, ev); /* the facts come first */
	put_meta(&o, &s, MP_META_WALL_NS, strtoull(argv[3], NULL, 10));
	put(&o, ev, n);
	for (long all = strtol(argv[2], NULL, 10), i = 0; i < all; i++) {
		if (saved && i == all / 2)
			put_start(&o);
		put(&o, ev, stream_more(&s, ev));
	}
	if (argc > 4 && !strcmp(argv[4], "every"))
		put_every(&o, &s);
	put_meta(&o, &s, MP_META_END_TS, s.ts);
	if (saved && (mp_history_finish(o.h, o.m) || mp_history_tee(o.h, NULL, NULL)))
		return 1;
	mp_history_free(o.h);
	mp_model_free(o.m);
	return mp_writer_close(o.w) ? 1 : 0;
}
