/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * live.c - see live.h.
 */
#include "user/cmd/live.h"

static int session_pump(void *of)
{
	return mp_session_pump(of);
}

static int session_settle(void *of)
{
	return mp_session_settle(of);
}

static void session_observe(void *of, mp_observe_fn fn, void *ctx)
{
	mp_session_observe(of, fn, ctx);
}

static const char *session_trouble(void *of)
{
	return mp_session_trouble(of);
}

static const char *session_notice(void *of)
{
	return mp_session_notice(of);
}

static void session_usage(void *of, struct mp_usage *u)
{
	mp_session_usage(of, u);
}

void mp_live_session(struct mp_live *l, struct mp_session *s)
{
	*l = (struct mp_live){ .of = s,
			       .fd = mp_session_fd(s),
			       .model = mp_session_model(s),
			       .history = mp_session_history(s),
			       .pump = session_pump,
			       .settle = session_settle,
			       .observe = session_observe,
			       .trouble = session_trouble,
			       .notice = session_notice,
			       .usage = session_usage };
}

static int feed_pump(void *of)
{
	return mp_feed_pump(of);
}

static void feed_observe(void *of, mp_observe_fn fn, void *ctx)
{
	mp_feed_observe(of, fn, ctx);
}

static const char *feed_notice(void *of)
{
	return mp_feed_notice(of);
}

void mp_live_feed(struct mp_live *l, struct mp_feed *f)
{
	*l = (struct mp_live){ .of = f,
			       .fd = mp_feed_fd(f),
			       .model = mp_feed_model(f),
			       .history = mp_feed_history(f),
			       .pump = feed_pump,
			       .observe = feed_observe,
			       .trouble = feed_notice,
			       .notice = feed_notice };
}
