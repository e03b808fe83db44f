/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * http_request.h - what a request asks for: a pure function of its bytes.
 *
 * Owns: as much of RFC 9112 (HTTP/1.1) and of RFC 9110's Accept as a server of one page needs.
 * Must not: know sockets or pages.
 */
#ifndef MEMPROF_DAEMON_HTTP_REQUEST_H
#define MEMPROF_DAEMON_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "user/daemon/metrics.h"

#define DM_HTTP_LINE	2048 /* of the first line; more is 414 */
#define DM_HTTP_REQUEST 8192 /* of all of it; more is 431 */

struct dm_http_request {
	int status; /* 200, or why not: 400, 404, 405, 414, 431, 505 */
	bool head;  /* without a body */
	enum { DM_HTTP_ABOUT, DM_HTTP_METRICS } page;
	enum dm_format format;
};

/*
 * True: enough is there to be answered, be it with an error. False: more must be read, which
 * is less than DM_HTTP_REQUEST bytes in all.
 */
bool dm_http_parse(const char *buf, size_t n, struct dm_http_request *r);

#endif /* MEMPROF_DAEMON_HTTP_REQUEST_H */
