/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * log.c - see log.h.
 */
#include "user/daemon/log.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "user/util/util.h"

#define LINES_A_SECOND 10

void dm_log(const char *fmt, ...)
{
	static uint64_t second;
	static unsigned said, left_out;
	uint64_t now = mp_monotonic_ns() / 1000000000ULL;
	char text[1024], clean[1024];
	va_list ap;

	if (now != second) {
		if (left_out)
			fprintf(stderr, "memprof: %u more lines were left out\n", left_out);
		second = now;
		said = left_out = 0;
	}
	if (said == LINES_A_SECOND) {
		left_out++;
		return;
	}
	said++;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "memprof: %s\n", mp_clean(clean, sizeof(clean), text, 0));
}

void dm_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (!len || len >= sizeof(a.sun_path) || (*path != '/' && *path != '@'))
		return;
	memcpy(a.sun_path, path, len);
	if (*path == '@') /* an abstract name */
		a.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&a,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0) {
		/* who asked has gone: nothing to be done about it */
	}
	close(fd);
}

unsigned long long dm_watchdog_ns(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (!usec || (pid && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	return strtoull(usec, NULL, 10) * 1000;
}
