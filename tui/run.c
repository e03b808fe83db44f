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
#include <stdlib.h>
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
	bool list;	 /* begins with all processes          */
	bool saved;	 /* all of it is in a file             */
	bool asked;	 /* whether it should be               */
	bool idle;	 /* its fd was readable for nothing    */
	bool working;	 /* the source has more for this frame */
	char msg[TUI_TEXT_MAX + 80];
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
	l->f.old = true;
	if (rc == -EINTR) { /* asked to end: as if the user had quit */
		l->view.wish.quit = true;
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

/* The session has ended, and with the view all that is known of it goes away. */
static bool unsaved(const struct loop *l)
{
	return l->src->live && l->src->save && !l->src->recorded && l->ended && !l->saved;
}

static int draw(struct loop *l, uint64_t now)
{
	const struct tui_source *src = l->src;
	struct tui_frame *f = &l->f;
	int w, h, err;

	tui_screen_size(&w, &h);
	tui_look(f);
	f->notice = src->notice ? src->notice(src->ctx) : NULL;
	f->answer = now < l->msg_until && *l->msg ? l->msg
		    : l->view.seek.kinds	  ? "searching ..."
						  : NULL;
	f->unsaved = unsaved(l);
	f->about = l->view.help && src->about ? src->about(src->ctx) : NULL;
	err = tui_frame_begin(f, w, h);
	if (!err)
		err = tui_grid_resize(&l->grid, w, h);
	if (err)
		return err;
	l->working |= f->more;
	tui_draw(&l->grid, f);
	tui_screen_show(&l->grid);
	l->drawn = now;
	l->events = f->now->events;
	l->dirty = l->working || f->again;
	if (*l->view.wish.say)
		say(l, l->view.wish.say);
	*l->view.wish.say = '\0';
	return 0;
}

static void save(struct loop *l)
{
	const struct tui_wish *wish = &l->view.wish;
	char msg[TUI_TEXT_MAX + 80] = "";
	int err;

	if (!l->src->save) {
		say(l, "nothing to save: this is a recording already");
		return;
	}
	err = l->src->save(l->src->ctx, *wish->path ? wish->path : NULL, msg, sizeof(msg));
	if (err && !*msg)
		snprintf(msg, sizeof(msg), "not saved: %s", strerror(-err));
	l->saved |= !err && l->ended;
	say(l, *msg ? msg : "saved");
}

/* The screen as it is without the line in which it was asked for. */
static int snapshot(struct loop *l)
{
	const struct tui_wish *wish = &l->view.wish;
	char msg[TUI_TEXT_MAX + 80] = "not saved: out of memory";
	char *text;
	int err;

	if (!l->src->snapshot) {
		say(l, "nothing here writes files");
		return 0;
	}
	*l->msg = '\0';
	err = draw(l, mp_monotonic_ns());
	if (err)
		return err;
	text = tui_grid_dump(&l->grid);
	if (text)
		l->src->snapshot(l->src->ctx, *wish->path ? wish->path : NULL, text, msg,
				 sizeof(msg));
	free(text);
	say(l, msg);
	return 0;
}

static void tell(struct loop *l)
{
	if (*l->view.wish.say)
		say(l, l->view.wish.say);
	*l->view.wish.say = '\0';
}

/* What keys wished for and only the loop can do. */
static int grant(struct loop *l)
{
	struct tui_wish *wish = &l->view.wish;
	int err = 0;

	if (wish->redraw)
		tui_screen_forget();
	if (wish->save)
		save(l);
	if (wish->snapshot)
		err = snapshot(l);
	if (wish->quit && unsaved(l) && !l->asked) {
		l->asked = true;
		wish->quit = false;
		say(l, "nothing was saved: w saves it, q once more leaves");
	}
	if (wish->mouse)
		say(l, !tui_screen_mouse_take(wish->mouse > 0) ? "this terminal has no mouse"
		       : wish->mouse > 0 ? "the mouse is taken; with Shift it selects text"
					 : "the mouse is the terminal's: it selects text");
	wish->mouse = 0;
	tell(l);
	wish->redraw = wish->save = wish->snapshot = false;
	return err;
}

static int take_keys(struct loop *l)
{
	bool resized = false;
	int key, err = 0;

	while (!err && !l->view.wish.quit && (key = tui_screen_key(&resized)) != 0) {
		int changed;

		/* an answer has been read when the next key comes */
		if (key != TUI_KEY_MOUSE)
			l->msg_until = 0;
		changed = tui_take(&l->f, key, tui_screen_mouse());
		l->dirty |= changed > 0;
		err = changed < 0 ? changed : grant(l);
	}
	if (resized) {
		tui_screen_forget();
		l->dirty = true;
	}
	return err;
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

/* A slice of what the last frame asked for and did not get. */
static void work(struct loop *l)
{
	bool more = l->src->work && l->src->work(l->src->ctx);

	l->f.now = l->src->now(l->src->ctx);
	more |= tui_past_work(&l->f);
	tell(l);
	l->dirty |= l->working; /* it got further */
	l->working = more;
}

/* Until something happens, at most until ns. False when the terminal is gone. */
static bool wait_until(struct loop *l, uint64_t ns)
{
	struct pollfd fds[3] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = l->ended || l->idle ? -1 : l->src->fd, .events = POLLIN },
		{ .fd = tui_screen_pending_fd(), .events = POLLOUT },
	};
	uint64_t now = mp_monotonic_ns();
	int ms = ns > now ? (int)((ns - now + MS - 1) / MS) : 0;
	int rc;

	if (l->working)
		ms = 0;
	/* a source whose fd tells nothing is asked once a frame */
	if (!l->ended && ms > (int)(l->frame / MS))
		ms = (int)(l->frame / MS);
	rc = poll(fds, 3, ms);
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
	l->f.now = l->src->now(l->src->ctx);
	if (l->list)
		tui_list_show(&l->f);
	while (!l->view.wish.quit && !err && !tui_guard_signal()) {
		uint64_t now = mp_monotonic_ns();
		bool ready;

		if (tui_screen_jobs()) {
			l->dirty = true;
			l->drawn = 0;
		}
		ready = tui_screen_ready();
		if (ready && (now >= next_frame(l) || !l->drawn)) {
			err = draw(l, now);
			continue;
		}
		/* a terminal that takes nothing costs frames and no events */
		if (!wait_until(l, ready ? next_frame(l) : now + l->frame))
			break;
		err = take_keys(l);
		if (!l->idle)
			pump(l);
		work(l);
		if (!err && l->ended && l->src->again && l->src->again(l->src->ctx, l->view.follow))
			err = -ERESTART;
	}
	return err;
}

int tui_run(const struct tui_source *src, struct tui_opts *opts)
{
	struct loop l = { .src = src };
	int err, sig;

	err = tui_screen_open(&l.theme, opts);
	if (err)
		return err;
	tui_view_init(&l.view, src->live);
	if (opts->seek) {
		l.view.follow = false;
		l.view.exact = true;
		l.view.nth = UINT32_MAX;
		l.view.cursor = opts->seek;
	}
	l.f.view = &l.view;
	l.f.theme = &l.theme;
	l.f.src = src;
	l.f.live = src->live;
	l.view.fine = src->window;
	l.frame = (opts->frame_ms ? opts->frame_ms : FRAME_MS) * MS;
	l.list = opts->list;
	if (opts->hello)
		say(&l, opts->hello);
	err = loop(&l);
	opts->keep_last = l.view.wish.keep_last;
	sig = tui_guard_signal();
	tui_screen_close(l.view.wish.keep_last);
	tui_frame_free(&l.f);
	tui_grid_free(&l.grid);
	/* now it may do what it does to a program without a picture */
	if (sig)
		raise(sig);
	return err;
}
