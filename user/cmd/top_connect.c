/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * top_connect.c - memprof top --connect: a view of what a daemon tells, and of the next daemon
 * when that one has gone.
 *
 * The next one's processes, names and addresses have numbers of their own, so it is another
 * stream with another model and a past of its own: nothing of before goes on in it. What there is
 * stays on the screen until somebody is there again, and for as long as the user looks back in it.
 */
#include <errno.h>
#include <stdlib.h>

#include "user/cmd/cmd.h"
#include "user/cmd/connect.h"
#include "user/cmd/feed.h"
#include "user/cmd/live.h"
#include "user/cmd/view.h"
#include "user/util/util.h"

struct connected {
	struct mp_feed *feed;
	struct mp_again *next; /* NULL: it ends with its daemon */
	bool back;	       /* it is there, and the user looks at what was before */
};

static int pump(void *of)
{
	return mp_feed_pump(((struct connected *)of)->feed);
}

static void observe(void *of, mp_observe_fn fn, void *ctx)
{
	mp_feed_observe(((struct connected *)of)->feed, fn, ctx);
}

static const char *trouble(void *of)
{
	const struct connected *c = of;

	if (c->back)
		return "the daemon is back: End shows it, and leaves this";
	return mp_feed_notice(c->feed);
}

static bool again(void *of, bool wanted)
{
	struct connected *c = of;
	bool granted = mp_again_look(c->next, wanted);

	c->back = !wanted && mp_again_there(c->next);
	return granted;
}

static void live_of(struct mp_live *l, struct connected *c)
{
	mp_live_feed(l, c->feed);
	l->of = c;
	l->pump = pump;
	l->observe = observe;
	l->trouble = l->notice = trouble;
	l->again = c->next ? again : NULL;
}

/* Until the user ends it; -ERESTART: the next daemon is there. */
static int view(struct connected *c, const struct mp_args *a, const char *hello)
{
	struct mp_live live;
	int err = c->next ? mp_feed_start(c->feed) : 1;

	live_of(&live, c);
	live.hello = hello;
	return err < 0 ? err : mp_view_live(&live, a, false);
}

/* 0 or -ENOMEM. */
static int go_on(struct connected *c, struct mp_args *a, uint64_t end)
{
	uint64_t now = mp_monotonic_ns();
	int fd = mp_again_take(c->next);

	mp_feed_free(c->feed);
	c->feed = NULL;
	c->back = false;
	if (end)
		a->duration_ns = end > now ? end - now : 1;
	return mp_feed_new(fd, "the daemon", true, &c->feed);
}

int mp_view_connected(const struct mp_args *args)
{
	bool full = mp_view_full(args);
	uint64_t past = full ? MP_CONNECT_PAST_NS : 0;
	struct mp_args a = *args;
	uint64_t end = a.duration_ns ? mp_monotonic_ns() + a.duration_ns : 0;
	struct connected c = { .feed = NULL };
	const char *hello = NULL;
	int code, err;

	mp_signals_init();
	code = mp_connect_stream(&a, past, true, NULL, &c.feed);
	if (code)
		return code;
	c.next = full ? mp_again_new(&a, past) : NULL;
	while ((err = view(&c, &a, hello)) == -ERESTART && !(err = go_on(&c, &a, end)))
		hello = "another daemon, or its next session: what was before is not in it";
	if (!c.feed)
		code = mp_fail(MP_EXIT_FAILURE, "out of memory", NULL, NULL);
	else
		code = err < 0 && err != -EPIPE ? mp_connect_ended(&a, c.feed, err)
						: mp_finish_stdout(err, 0);
	mp_feed_free(c.feed);
	mp_again_free(c.next);
	return code;
}
