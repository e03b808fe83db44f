/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * facts.c - the arguments and the environment of the first target, which hold passwords
 * and names often enough: only told when they were asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/live/peek.h"
#include "user/live/session_int.h"

/*
 * A file of strings that end in NUL (proc_pid_cmdline(5), proc_pid_environ(5)) as one
 * text, each NUL between them being `sep`; at most MP_STR_MAX bytes of it. False: empty.
 */
static bool read_strings(pid_t pid, const char *name, char sep, char buf[MP_STR_MAX + 1])
{
	char path[64];
	size_t n = 0;
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = peek_strings_ready(pid, name) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return false;
	while (n < MP_STR_MAX && (got = read(fd, buf + n, MP_STR_MAX - n)) > 0)
		n += (size_t)got;
	close(fd);
	while (n && !buf[n - 1])
		n--;
	for (size_t i = 0; i < n; i++)
		buf[i] = buf[i] ? buf[i] : sep;
	buf[n] = 0;
	return n > 0;
}

/* What was started, when it has ended before it could be asked. */
static void join_words(char *const cmd[], char buf[MP_STR_MAX + 1])
{
	size_t n = 0;

	for (size_t i = 0; cmd[i] && n < MP_STR_MAX; i++)
		n += (size_t)snprintf(buf + n, MP_STR_MAX + 1 - n, "%s%s", i ? " " : "", cmd[i]);
}

static void tell(struct mp_session *s, uint8_t key, const char *text, uint64_t ts)
{
	struct mp_event e = { .ts = ts, .type = MP_EV_META, .sub = key };

	e.meta.num = stream_str(&s->stream, text, ts);
	e.meta.isstr = 1;
	stream_push(&s->stream, &e);
}

void facts_tell(struct mp_session *s, struct target *t, uint64_t ts)
{
	char buf[MP_STR_MAX + 1];

	if (s->o.out.cmdline) {
		if (!read_strings(t->pid, "cmdline", ' ', buf))
			buf[0] = 0;
		if (!buf[0] && t->launched && s->o.cmd)
			join_words(s->o.cmd, buf);
		if (buf[0])
			tell(s, MP_META_CMDLINE, buf, ts);
	}
	if (s->o.out.environ && read_strings(t->pid, "environ", '\n', buf))
		tell(s, MP_META_ENVIRON, buf, ts);
}
