/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * run.c - the loop: waits for keys, for events and for the next frame. Holds
 * the pace and nothing else; what is drawn is draw.c's matter, what a key does
 * is keys.c's.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tui/draw.h"
#include "tui/guard.h"
#include "tui/keys.h"
#include "tui/screen.h"
#include "tui/tui.h"
#include "user/util/util.h"

#define MS	     1000000ULL
#define FRAME_MS     100
#define PAUSED_MS    500  /* a paused picture only grows older          */
#define HEARTBEAT_MS 1000 /* notices change without an event            */
#define MESSAGE_MS   6000 /* how long the answer to a key stays         */

struct loop {
	const struct tui_source *src;
	struct tui_theme theme;
	struct tui_view view;
	struct tui_frame f;
	struct tui_grid grid;
	uint64_t frame;	 /* ns between frames                  */
	uint64_t drawn;	 /* when the last one was shown        */
	uint64_t events; /* the model's count in it            */
	bool dirty;	 /* the view has changed since         */
	bool ended;	 /* the source has nothing more        */
	bool idle;	 /* its fd was readable for nothing    */
	char msg[200];
	uint64_t msg_until;
};

static void say(struct loop *l, const char *text)
{
	snprintf(l->msg, sizeof(l->msg), "%s", text);
	l->msg_until = mp_monotonic_ns() + MESSAGE_MS * MS;
	l->dirty = true;
}

static void pump(struct loop *l)
{
	uint64_t before = l->src->now(l->src->ctx)->events;
	int rc;

	if (l->ended)
		return;
	rc = l->src->pump(l->src->ctx);
	if (rc == -EINTR) { /* asked to end: as if the user had quit */
		l->view.quit = true;
		return;
	}
	if (rc <= 0) {
		l->ended = true;
		l->dirty = true;
	}
	if (rc < 0) {
		char text[80];

		snprintf(text, sizeof(text), "no more events: %s", strerror(-rc));
		say(l, text);
	}
	l->idle = l->src->now(l->src->ctx)->events == before;
}

static int draw(struct loop *l, uint64_t now)
{
	const struct tui_source *src = l->src;
	struct tui_frame *f = &l->f;
	int w, h, err;

	tui_screen_size(&w, &h);
	f->now = src->now(src->ctx);
	f->state = f->now;
	if (!l->view.follow && src->at)
		f->state = src->at(src->ctx, tui_view_moment(&l->view, f->now));
	f->notice = now < l->msg_until ? l->msg : src->notice ? src->notice(src->ctx) : NULL;
	f->about = l->view.help && src->about ? src->about(src->ctx) : NULL;
	err = tui_frame_begin(f, w, h);
	if (!err)
		err = tui_grid_resize(&l->grid, w, h);
	if (err)
		return err;
	tui_draw(&l->grid, f);
	tui_screen_show(&l->grid);
	l->drawn = now;
	l->events = f->now->events;
	l->dirty = false;
	return 0;
}

/* What keys wished for and only the loop can do. */
static void grant(struct loop *l)
{
	char msg[160] = "";
	int err;

	if (l->view.redraw)
		tui_screen_forget();
	l->view.redraw = false;
	if (!l->view.save)
		return;
	l->view.save = false;
	if (!l->src->save) {
		say(l, "nothing to save: this is a recording already");
		return;
	}
	err = l->src->save(l->src->ctx, msg, sizeof(msg));
	if (err && !*msg)
		snprintf(msg, sizeof(msg), "not saved: %s", strerror(-err));
	say(l, *msg ? msg : "saved");
}

static void take_keys(struct loop *l)
{
	bool resized = false;
	int key;

	while ((key = tui_screen_key(&resized)) != 0 && !l->view.quit) {
		/* keys act on what is on the screen, as the model is by now */
		l->f.now = l->src->now(l->src->ctx);
		if (tui_key(&l->f, key))
			l->dirty = true;
		grant(l);
	}
	if (resized) {
		tui_screen_forget();
		l->dirty = true;
	}
}

/* When the next frame may come, given what has changed. */
static uint64_t next_frame(const struct loop *l)
{
	uint64_t wait = HEARTBEAT_MS * MS;

	if (l->dirty)
		wait = l->frame;
	else if (l->src->now(l->src->ctx)->events != l->events)
		wait = l->view.follow ? l->frame : PAUSED_MS * MS;
	return l->drawn + (wait > l->frame ? wait : l->frame);
}

/* Until something happens, at most until ns. False when the terminal is gone. */
static bool wait_until(struct loop *l, uint64_t ns)
{
	struct pollfd fds[2] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = l->ended || l->idle ? -1 : l->src->fd, .events = POLLIN },
	};
	uint64_t now = mp_monotonic_ns();
	int ms = ns > now ? (int)((ns - now + MS - 1) / MS) : 0;
	int rc;

	/* a source whose fd tells nothing is asked once a frame */
	if (!l->ended && ms > (int)(l->frame / MS))
		ms = (int)(l->frame / MS);
	rc = poll(fds, 2, ms);
	if (rc > 0 && (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL)))
		return false;
	if (rc == 0)
		l->idle = false;
	return true;
}

static int loop(struct loop *l)
{
	int err = 0;

	pump(l);
	l->dirty = true;
	while (!l->view.quit && !err && !tui_guard_signal()) {
		uint64_t now = mp_monotonic_ns();

		if (now >= next_frame(l) || !l->drawn) {
			err = draw(l, now);
			continue;
		}
		if (!wait_until(l, next_frame(l)))
			break;
		take_keys(l);
		if (!l->idle)
			pump(l);
	}
	return err;
}

int tui_run(const struct tui_source *src, struct tui_opts *opts)
{
	struct loop l = { .src = src };
	int err, sig;

	err = tui_screen_open(&l.theme, opts->color);
	if (err)
		return err;
	tui_view_init(&l.view, src->live);
	l.f.view = &l.view;
	l.f.theme = &l.theme;
	l.f.live = src->live;
	l.frame = (opts->frame_ms ? opts->frame_ms : FRAME_MS) * MS;
	err = loop(&l);
	opts->keep_last = l.view.keep_last;
	sig = tui_guard_signal();
	tui_screen_close(l.view.keep_last);
	tui_frame_free(&l.f);
	tui_grid_free(&l.grid);
	/* now it may do what it does to a program without a picture */
	if (sig)
		raise(sig);
	return err;
}
