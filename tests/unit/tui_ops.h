/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tui_ops.h - the TUI without a terminal, driven by numbers: keys, sizes, a session
 * that grows beside it; and what must hold for every frame. For the sweep over sizes,
 * the soak and the fuzzer. The made-up session is rec_stream.h's.
 */
#ifndef TESTS_TUI_OPS_H
#define TESTS_TUI_OPS_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/rec_stream.h"
#include "tui/draw.h"
#include "tui/keys.h"
#include "user/rec/history.h"
#include "user/rec/reader.h"
#include "user/util/util.h"

#define OPS_RING (4ULL << 20) /* bytes: small, so that the past is dropped too */

#define OPS_CHECK(cond)                                                                    \
	do {                                                                               \
		if (!(cond)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                           \
		}                                                                          \
	} while (0)

struct ops {
	struct stream s;
	struct mp_model *m;
	struct mp_history *h;
	struct mp_reader *reader; /* of h, when that is a recording's */
	struct mp_model *held[2];
	uint64_t held_ts[2];
	struct tui_source src;
	struct tui_view view;
	struct tui_theme theme;
	struct tui_frame f;
	struct tui_grid g;
	int w, h_rows;
	uint64_t frames;
};

static inline const struct mp_model *ops_now(void *ctx)
{
	return ((struct ops *)ctx)->m;
}

static inline const struct mp_model *ops_at(void *ctx, uint64_t ts)
{
	return mp_history_at(((struct ops *)ctx)->h, ts);
}

static inline int ops_fold_into(void *m, const struct mp_event *e)
{
	int err = mp_model_fold(m, e);

	return err == -EINVAL ? 0 : err;
}

static inline const struct mp_model *ops_hold(void *ctx, unsigned slot, uint64_t ts)
{
	struct ops *o = ctx;
	const struct mp_model *m;

	slot &= 1;
	if (o->held[slot] && o->held_ts[slot] == ts)
		return o->held[slot];
	mp_model_free(o->held[slot]);
	o->held[slot] = NULL;
	m = ops_at(o, ts);
	if (!m)
		return NULL;
	o->held[slot] = mp_model_new();
	o->held_ts[slot] = ts;
	OPS_CHECK(o->held[slot] && mp_model_dump(m, ops_fold_into, o->held[slot]) == 0);
	return o->held[slot];
}

static inline const struct mp_timeline *ops_window(void *ctx, uint32_t mm, uint64_t t0, uint64_t t1,
						   uint64_t width)
{
	const struct mp_timeline *tl = NULL;

	mp_history_window(((struct ops *)ctx)->h, mm, t0, t1, width, 8, &tl);
	return tl;
}

static inline int ops_events(void *ctx, uint64_t t0, uint64_t t1,
			     int (*fn)(void *arg, const struct mp_event *e), void *arg)
{
	return mp_history_events(((struct ops *)ctx)->h, t0, t1, fn, arg);
}

static inline void ops_put(struct ops *o, const struct mp_event *ev, size_t n)
{
	for (size_t i = 0; i < n; i++)
		mp_model_fold(o->m, &ev[i]);
	OPS_CHECK(mp_history_append(o->h, o->m, ev, n) == 0);
}

/* The session goes on by so many pieces, 20 ms each. */
static inline void ops_grow(struct ops *o, unsigned pieces)
{
	struct mp_event ev[STREAM_PIECE];

	while (pieces--)
		ops_put(o, ev, stream_more(&o->s, ev));
	o->f.old = true;
}

/*
 * An event of any type with numbers that may mean nothing, and names that are no text:
 * what is drawn has met the fold, but the fold takes much.
 */
static inline void ops_odd(struct ops *o)
{
	static const char *const names[] = {
		"\x1b[31mevil\"\n\xff", "\xe6\x97\xa5\xe6\x9c\xac", "",
		"/a/very/long/path/of/a/library/that/fits/nowhere.so.1.2"
	};
	struct mp_event ev[STREAM_PIECE];
	struct stream *s = &o->s;
	size_t n = 0;
	unsigned type = MP_EV_FAULT + (unsigned)(stream_rnd(s) % (MP_EV_MAX - MP_EV_FAULT));
	struct mp_event *e;
	uint32_t id = stream_str(s, ev, &n, names[stream_rnd(s) % 4]);

	/* these have their order; what stands between them is not any event */
	if (type == MP_EV_KEYFRAME || type == MP_EV_STR || type == MP_EV_MAP ||
	    type == MP_EV_TOTAL || type == MP_EV_STACK)
		type = MP_EV_CALL;
	e = stream_put(s, ev, &n, type, (unsigned)(stream_rnd(s) % 24));
	e->x = stream_rnd(s) % 2 ? id : (uint32_t)(stream_rnd(s) % 5000);
	for (size_t i = 0; i < 7; i++) {
		static const uint64_t odd[] = { 0, 1, 4096, STREAM_HEAP, 1ULL << 40, MP_UNKNOWN };

		e->v[i] = stream_rnd(s) % 3 ? odd[stream_rnd(s) % 6] : stream_rnd(s) % 100000;
	}
	ops_put(o, ev, n);
	o->f.old = true;
}

/* What tui_run() does after each wait: the past goes on, too. */
static inline void ops_work(struct ops *o)
{
	o->f.now = o->m;
	tui_past_work(&o->f);
}

static inline struct ops *ops_new(uint64_t seed, bool live, bool utf8, int depth)
{
	struct ops *o = calloc(1, sizeof(*o));
	struct mp_event ev[STREAM_PIECE];

	OPS_CHECK(o && mp_history_new(OPS_RING, &o->h) == 0 && (o->m = mp_model_new()));
	ops_put(o, ev, stream_start(&o->s, seed, ev));
	o->src = (struct tui_source){ .ctx = o,
				      .live = live,
				      .fd = -1,
				      .now = ops_now,
				      .at = ops_at,
				      .hold = ops_hold,
				      .window = ops_window,
				      .events = ops_events };
	tui_view_init(&o->view, live);
	o->view.fine = true;
	tui_theme_init(&o->theme, utf8, depth);
	o->f.view = &o->view;
	o->f.theme = &o->theme;
	o->f.src = &o->src;
	o->f.live = live;
	return o;
}

static inline void ops_free(struct ops *o)
{
	tui_frame_free(&o->f);
	tui_grid_free(&o->g);
	mp_model_free(o->held[0]);
	mp_model_free(o->held[1]);
	mp_history_free(o->h);
	mp_reader_close(o->reader);
	mp_model_free(o->m);
	free(o);
}

/* What no frame may do: characters or colours that a terminal lacks, half a wide
 * character, a cursor outside. */
static inline void ops_check_grid(const struct ops *o)
{
	int colors = o->theme.depth == 256 ? 256 : o->theme.depth ? 8 : 1;

	OPS_CHECK(o->g.cursor_x >= 0 && o->g.cursor_x < o->g.w);
	OPS_CHECK(o->g.cursor_y >= 0 && o->g.cursor_y < o->g.h);
	for (int y = 0; y < o->g.h; y++) {
		for (int x = 0; x < o->g.w; x++) {
			const struct tui_cell *c = tui_grid_at(&o->g, x, y);

			OPS_CHECK(c->st.fg < colors && c->st.bg < colors);
			OPS_CHECK(c->ch >= 0x20 || (c->ch == 0 && x > 0));
			OPS_CHECK(c->ch < 0x7f || c->ch >= 0xa0);
			OPS_CHECK(o->theme.utf8 || c->ch < 0x7f);
		}
	}
}

/* Geometry and state for a frame of w x h, as tui_run() settles them. */
static inline void ops_begin(struct ops *o, int w, int h)
{
	tui_look(&o->f);
	o->w = w;
	o->h_rows = h;
	OPS_CHECK(tui_frame_begin(&o->f, w, h) == 0);
	OPS_CHECK(tui_grid_resize(&o->g, w, h) == 0);
}

static inline void ops_draw(struct ops *o, int w, int h)
{
	ops_begin(o, w, h);
	tui_draw(&o->g, &o->f);
	ops_check_grid(o);
	o->frames++;
}

/* A key as tui_run() takes it, at whatever time since the last frame; wishes that only a
 * loop can grant are dropped. */
static inline void ops_key(struct ops *o, int key)
{
	OPS_CHECK(tui_take(&o->f, key, NULL) >= 0);
	memset(&o->view.wish, 0, sizeof(o->view.wish));
}

#endif /* TESTS_TUI_OPS_H */
