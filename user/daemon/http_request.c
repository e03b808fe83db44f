/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * http_request.c - see http_request.h.
 */
#include "user/daemon/http_request.h"

#include <string.h>
#include <strings.h>

/* Bytes of the request; not ended by NUL. */
struct span {
	const char *p;
	size_t n;
};

static bool is(struct span s, const char *word)
{
	return s.n == strlen(word) && !strncasecmp(s.p, word, s.n);
}

static struct span trim(struct span s)
{
	while (s.n && (*s.p == ' ' || *s.p == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* What stands before the next `c`, which is passed, or all; *rest begins behind it. */
static struct span cut(struct span *rest, char c)
{
	const char *at = rest->n ? memchr(rest->p, c, rest->n) : NULL;
	struct span s = { rest->p, at ? (size_t)(at - rest->p) : rest->n };
	size_t used = at ? s.n + 1 : s.n;

	rest->p += used;
	rest->n -= used;
	return s;
}

/* --- Accept -------------------------------------------------------------------------------- */

/* "0.75" in thousandths (RFC 9110, 12.4.2); what is no weight is 1. */
static int weight(struct span s)
{
	int v, scale = 100;

	if (!s.n || (*s.p != '0' && *s.p != '1'))
		return 1000;
	v = (*s.p - '0') * 1000;
	for (size_t i = 2; i < s.n && i < 5 && s.p[1] == '.' && s.p[i] >= '0' && s.p[i] <= '9';
	     i++) {
		v += (s.p[i] - '0') * scale;
		scale /= 10;
	}
	return v > 1000 ? 1000 : v;
}

/* One of the list: "application/openmetrics-text;version=1.0.0;q=0.5". Version 0.0.1 was a draft.
 */
static void accept_one(struct span s, int *open, int *text)
{
	struct span type = trim(cut(&s, ';'));
	bool version = true;
	int q = 1000, *to = NULL;

	while (s.n) {
		struct span value = trim(cut(&s, ';')), key = trim(cut(&value, '='));

		value = trim(value);
		if (is(key, "q"))
			q = weight(value);
		if (is(key, "version"))
			version = is(value, "1.0.0") || is(value, "\"1.0.0\"");
	}
	if (is(type, "application/openmetrics-text") && version)
		to = open;
	else if (is(type, "text/plain") || is(type, "text/*") || is(type, "*/*"))
		to = text;
	if (to && q > *to)
		*to = q;
}

/* --- lines --------------------------------------------------------------------------------- */

struct head {
	unsigned hosts;
	int open, text; /* weights of the formats; -1: not named */
};

static int error(struct dm_http_request *r, int status)
{
	r->status = status;
	return -1;
}

/* The path of "/metrics?x", or of "http://host/metrics" (RFC 9112, 3.2.2). */
static struct span path_of(struct span target)
{
	if (target.n >= 7 && !strncasecmp(target.p, "http://", 7)) {
		const char *end = target.p + target.n,
			   *slash = memchr(target.p + 7, '/', target.n - 7);

		target = slash ? (struct span){ slash, (size_t)(end - slash) }
			       : (struct span){ "/", 1 };
	}
	return cut(&target, '?');
}

/* METHOD SP TARGET SP HTTP/1.x. 0, or -1 with a status. *host: RFC 9112 asks for one. */
static int request_line(struct span line, struct dm_http_request *r, bool *host)
{
	struct span method = cut(&line, ' '), target = cut(&line, ' '), path;

	if (!method.n || !target.n || line.n != 8 || memcmp(line.p, "HTTP/", 5) ||
	    line.p[5] < '0' || line.p[5] > '9' || line.p[6] != '.' || line.p[7] < '0' ||
	    line.p[7] > '9')
		return error(r, 400);
	if (line.p[5] != '1')
		return error(r, 505);
	*host = line.p[7] != '0';
	r->head = method.n == 4 && !memcmp(method.p, "HEAD", 4);
	if (!r->head && (method.n != 3 || memcmp(method.p, "GET", 3)))
		return error(r, 405);
	path = path_of(target);
	if (!path.n || *path.p != '/')
		return error(r, 400);
	if (path.n == 8 && !memcmp(path.p, "/metrics", 8))
		r->page = DM_HTTP_METRICS;
	else if (path.n != 1)
		r->status = 404;
	return 0;
}

/* NAME: VALUE. Blanks before the name or the colon are how requests are smuggled. */
static int header_line(struct span line, struct dm_http_request *r, struct head *h)
{
	struct span name = cut(&line, ':');

	if (!name.n || name.p + name.n == line.p || memchr(name.p, ' ', name.n) ||
	    memchr(name.p, '\t', name.n))
		return error(r, 400);
	h->hosts += is(name, "host");
	while (is(name, "accept") && line.n)
		accept_one(trim(cut(&line, ',')), &h->open, &h->text);
	return 0;
}

/* Control characters have no place in a request. */
static bool is_clean(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
			return false;
	return true;
}

/* The next line without its end; false: it is not there yet. */
static bool next_line(struct span *rest, struct span *line)
{
	if (!rest->n || !memchr(rest->p, '\n', rest->n))
		return false;
	*line = cut(rest, '\n');
	if (line->n && line->p[line->n - 1] == '\r')
		line->n--;
	return true;
}

bool dm_http_parse(const char *buf, size_t n, struct dm_http_request *r)
{
	struct span rest = { buf, n < DM_HTTP_REQUEST ? n : DM_HTTP_REQUEST }, line;
	struct head h = { 0, -1, -1 };
	bool host = false;

	*r = (struct dm_http_request){ .status = 200 };
	if (n && (*buf < 'A' || *buf > 'Z')) { /* no method: TLS, or no HTTP at all */
		r->status = 400;
		return true;
	}
	if (!next_line(&rest, &line) || line.n > DM_HTTP_LINE) {
		r->status = 414;
		return n > DM_HTTP_LINE;
	}
	if (!is_clean(line))
		r->status = 400;
	if (!is_clean(line) || request_line(line, r, &host))
		return true;
	do {
		if (!next_line(&rest, &line)) {
			r->status = 431;
			return n >= DM_HTTP_REQUEST;
		}
		if (!is_clean(line))
			r->status = 400;
		if (!is_clean(line) || (line.n && header_line(line, r, &h)))
			return true;
	} while (line.n);
	if (h.hosts > 1 || (host && !h.hosts))
		r->status = 400;
	if (h.open > 0 && h.open >= h.text)
		r->format = DM_OPENMETRICS;
	return true;
}
