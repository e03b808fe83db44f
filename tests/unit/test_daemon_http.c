/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_daemon_http.c - what requests ask for, and the server of the page with peers that are
 * slow, many, or talk something else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/daemon/http_request.h"
#include "user/util/diag.h"
#include "user/util/util.h"

#define SEC	 1000000000ULL
#define BIG_PAGE (8u << 20) /* more than the socket's buffers hold */

/* --- a page ---------------------------------------------------------------------------------- */

static size_t page_bytes;
static unsigned pages_made, looks;

void dm_metrics_write(struct dm_metrics *m, const struct dm_self *self, enum dm_format f, FILE *out)
{
	(void)m, (void)self;
	pages_made++;
	fputs(f == DM_OPENMETRICS ? "open\n" : "text\n", out);
	for (size_t i = 5; i < page_bytes; i++)
		fputc('x', out);
}

/* --- requests -------------------------------------------------------------------------------- */

/* The status, or 0: more must be read. Any beginning of it must not be answered otherwise. */
static int parse(const char *text, struct dm_http_request *r)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++)
		if (dm_http_parse(text, i, r) && r->status == 200)
			fail_msg("answered after %zu of %zu bytes", i, n);
	return dm_http_parse(text, n, r) ? r->status : 0;
}

static void requests(void **state)
{
	static const struct {
		const char *text;
		int status;
	} cases[] = {
		{ "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 200 },
		{ "GET /metrics HTTP/1.0\r\n\r\n", 200 },
		{ "GET /metrics HTTP/1.1\nHost: a\n\n", 200 },
		{ "HEAD /metrics?x=y HTTP/1.1\r\nhost:\r\n\r\n", 200 },
		{ "GET http://localhost:9/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 200 },
		{ "GET http://localhost HTTP/1.1\r\nHost: localhost\r\n\r\n", 200 },
		{ "GET / HTTP/1.0\r\n\r\n", 200 },
		{ "GET /metrics HTTP/1.1\r\nHost: a\r\n", 0 },
		{ "GET /metr", 0 },
		{ "", 0 },
		{ "GET /metrics/ HTTP/1.0\r\n\r\n", 404 },
		{ "GET /../etc/passwd HTTP/1.0\r\n\r\n", 404 },
		{ "POST /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 405 },
		{ "get /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 400 }, /* methods have a case */
		{ "DELETE / HTTP/1.0\r\n\r\n", 405 },
		{ "GET /metrics HTTP/2.0\r\n\r\n", 505 },
		{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505 },
		{ "GET /metrics\r\n\r\n", 400 },
		{ "GET  /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
		{ "GET /metrics HTTP/1.1 \r\nHost: a\r\n\r\n", 400 },
		{ "GET /metrics HTTP/1.1\r\n\r\n", 400 }, /* no Host */
		{ "GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400 },
		{ "GET /metrics HTTP/1.1\r\nHost : a\r\n\r\n", 400 },
		{ "GET /metrics HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400 },
		{ "GET /metrics HTTP/1.1\r\nHost: a\r\nnocolon\r\n\r\n", 400 },
		{ "GET /\x01 HTTP/1.0\r\n\r\n", 400 },
		{ "GET /metrics HTTP/1.1\r\nHost: a\x7f\r\n\r\n", 400 },
		{ "\x16\x03\x01\x02", 400 }, /* TLS */
		{ "\r\n", 400 },
	};
	struct dm_http_request r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (parse(cases[i].text, &r) != cases[i].status)
			fail_msg("%s: %d", cases[i].text, r.status);
	assert_int_equal(parse("HEAD /metrics HTTP/1.0\r\n\r\n", &r), 200);
	assert_true(r.head && r.page == DM_HTTP_METRICS);
	assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n", &r), 200);
	assert_true(!r.head && r.page == DM_HTTP_ABOUT);
}

static void too_much(void **state)
{
	static char buf[DM_HTTP_REQUEST + 1];
	struct dm_http_request r;
	int n;

	(void)state;
	memset(buf, 'A', sizeof(buf));
	assert_false(dm_http_parse(buf, DM_HTTP_LINE, &r));
	assert_true(dm_http_parse(buf, DM_HTTP_LINE + 1, &r));
	assert_int_equal(r.status, 414);
	n = sprintf(buf, "GET / HTTP/1.0\r\nX: ");
	buf[n] = 'A';
	assert_false(dm_http_parse(buf, DM_HTTP_REQUEST - 1, &r));
	assert_true(dm_http_parse(buf, DM_HTTP_REQUEST, &r));
	assert_int_equal(r.status, 431);
	memcpy(buf + DM_HTTP_REQUEST - 4, "\r\n\r\n", 4);
	assert_true(dm_http_parse(buf, DM_HTTP_REQUEST, &r));
	assert_int_equal(r.status, 200);
}

static enum dm_format format(const char *accept)
{
	struct dm_http_request r;
	char buf[1024];

	snprintf(buf, sizeof(buf), "GET /metrics HTTP/1.0\r\nAccept: %s\r\n\r\n", accept);
	assert_int_equal(parse(buf, &r), 200);
	return r.format;
}

static void negotiation(void **state)
{
	struct dm_http_request r;

	(void)state;
	/* Prometheus 2.42, and 3.0 */
	assert_int_equal(
		format("application/openmetrics-text;version=1.0.0,application/"
		       "openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,"
		       "*/*;q=0.1"),
		DM_OPENMETRICS);
	assert_int_equal(
		format("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
		       "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version="
		       "1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,/;q=0.1"),
		DM_OPENMETRICS);
	assert_int_equal(format("application/openmetrics-text; version=\"1.0.0\" ; q=1"),
			 DM_OPENMETRICS);
	assert_int_equal(format("application/openmetrics-text"), DM_OPENMETRICS);
	assert_int_equal(format("application/openmetrics-text;version=0.0.1"), DM_PROMETHEUS);
	assert_int_equal(format("application/openmetrics-text;q=0"), DM_PROMETHEUS);
	assert_int_equal(format("application/openmetrics-text;q=0.5,text/plain"), DM_PROMETHEUS);
	assert_int_equal(format("text/plain;q=0.3,application/openmetrics-text;q=0.31"),
			 DM_OPENMETRICS);
	assert_int_equal(format("text/plain,application/openmetrics-text"), DM_OPENMETRICS);
	assert_int_equal(format("*/*"), DM_PROMETHEUS);
	assert_int_equal(format("text/html,application/xml;q=0.9,*/*;q=0.8"), DM_PROMETHEUS);
	assert_int_equal(format(",,;;=;q=,q=;,"), DM_PROMETHEUS);
	assert_int_equal(parse("GET /metrics HTTP/1.0\r\n\r\n", &r), 200);
	assert_int_equal(r.format, DM_PROMETHEUS);
}

/* --- the server ------------------------------------------------------------------------------ */

struct server {
	char dir[64], where[128];
	struct dm_config c;
	struct dm_http *h;
	struct dm_self self;
};

static const struct dm_self *look(void *ctx)
{
	looks++;
	return &((struct server *)ctx)->self;
}

static void open_server(struct server *s)
{
	struct mp_diag diag = { 0 };

	memset(s, 0, sizeof(*s));
	strcpy(s->dir, "/tmp/memprof-http-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->where, sizeof(s->where), "unix:%s/m.sock", s->dir);
	s->c.metrics = s->where;
	page_bytes = 100;
	pages_made = looks = 0;
	if (dm_http_open(&s->c, NULL, &s->h, &diag))
		fail_msg("%s: %s", diag.what, diag.cause);
}

static void close_server(struct server *s)
{
	dm_http_close(s->h);
	assert_int_equal(rmdir(s->dir), 0); /* its socket is gone, too */
}

static int dial(const struct server *s)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(a.sun_path, s->where + 5);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void work(struct server *s)
{
	for (int i = 0; i < 8; i++)
		dm_http_work(s->h, &(struct dm_look){ look, s });
}

/* Everything until the server has closed its side, in a buffer of that size. */
static size_t hear(struct server *s, int fd, char *buf, size_t size)
{
	size_t n = 0;
	ssize_t got = 1;

	while (got) {
		work(s);
		got = recv(fd, buf + n, size - 1 - n, MSG_DONTWAIT);
		if (got < 0) {
			assert_int_equal(errno, EAGAIN);
			struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
					       { .fd = dm_http_fd(s->h), .events = POLLIN } };

			assert_true(poll(p, 2, 60000) > 0);
			continue;
		}
		n += (size_t)got;
	}
	buf[n] = 0;
	return n;
}

static void ask(struct server *s, const char *request, const char *status, const char *end)
{
	static char buf[4096];
	int fd = dial(s);
	size_t n;

	say(fd, request);
	n = hear(s, fd, buf, sizeof(buf));
	if (strncmp(buf, status, strlen(status)) || n < strlen(end) ||
	    strcmp(buf + n - strlen(end), end))
		fail_msg("%s\ngot %s", request, buf);
	assert_non_null(strstr(buf, "\r\nConnection: close\r\n"));
	close(fd);
	work(s);
}

static void answers(void **state)
{
	struct server s;

	(void)state;
	open_server(&s);
	page_bytes = 0;
	ask(&s, "GET /metrics HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n", "\r\n\r\ntext\n");
	ask(&s, "GET /metrics HTTP/1.0\r\nAccept: application/openmetrics-text\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0; "
	    "charset=utf-8\r\nContent-Length: 5\r\n",
	    "\r\n\r\nopen\n");
	ask(&s, "HEAD /metrics HTTP/1.0\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
	    "Content-Length: 5\r\n",
	    "\r\n\r\n");
	ask(&s, "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n", "for Prometheus\n");
	ask(&s, "GET /x HTTP/1.0\r\n\r\n", "HTTP/1.1 404 Not Found\r\n", "Not Found");
	ask(&s, "PUT / HTTP/1.0\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\n", "Not Allowed");
	ask(&s, "\x80\x80\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", "Bad Request");
	assert_int_equal(looks, pages_made);
	/* many that ask cost no more pages than one of each format each tenth of a second */
	assert_true(pages_made >= 2);
	close_server(&s);
}

/* What is refused for its length is told so, though the rest of it was never read. */
static void long_requests_hear_why(void **state)
{
	static char buf[100000];
	struct server s;
	int fd;

	(void)state;
	open_server(&s);
	memset(buf, 'A', sizeof(buf) - 1);
	buf[sizeof(buf) - 1] = 0;
	fd = dial(&s);
	say(fd, buf);
	hear(&s, fd, buf, sizeof(buf));
	assert_memory_equal(buf, "HTTP/1.1 414 ", 13);
	close(fd);
	memset(buf, 'A', sizeof(buf) - 1);
	memcpy(buf, "GET / HTTP/1.0\r\nX:", 18);
	fd = dial(&s);
	say(fd, buf);
	hear(&s, fd, buf, sizeof(buf));
	assert_memory_equal(buf, "HTTP/1.1 431 ", 13);
	close(fd);
	close_server(&s);
}

/* True: the server has closed it, at once or behind an answer that nobody read. */
static bool is_cut(int fd)
{
	char c;
	ssize_t n = recv(fd, &c, 1, MSG_DONTWAIT | MSG_PEEK);

	return n >= 0 || errno != EAGAIN;
}

/* Who does not ask, or asks a byte at a time, holds a place for 5 s; 1 s when all are taken. */
static void slow_peers_are_cut_off(void **state)
{
	int fds[20];
	uint64_t begun;
	struct server s;

	(void)state;
	open_server(&s);
	begun = mp_monotonic_ns();
	fds[0] = dial(&s);
	say(fds[0], "GET /metrics HTT");
	work(&s);
	dm_http_tick(s.h, begun + 2 * SEC);
	assert_false(is_cut(fds[0]));
	say(fds[0], "P");
	work(&s);
	dm_http_tick(s.h, mp_monotonic_ns() + 6 * SEC);
	assert_true(is_cut(fds[0]));
	close(fds[0]);

	for (int i = 0; i < 20; i++)
		fds[i] = dial(&s);
	work(&s);
	/* what is full is not told to have work */
	assert_int_equal(poll(&(struct pollfd){ .fd = dm_http_fd(s.h), .events = POLLIN }, 1, 0),
			 0);
	say(fds[19], "GET /metrics HTTP/1.0\r\n\r\n");
	for (int round = 1; round <= 2; round++) {
		dm_http_tick(s.h, mp_monotonic_ns() + 2 * SEC);
		for (int i = 0; i < 20; i++)
			assert_int_equal(is_cut(fds[i]), i < round * DM_HTTP_MAX);
		work(&s);
	}
	work(&s);
	assert_true(is_cut(fds[19])); /* it has its answer */
	for (int i = 0; i < 20; i++)
		close(fds[i]);
	work(&s);
	close_server(&s);
}

/* What the daemon takes is looked up for a page, not for each byte of who asks for one. */
static void a_byte_at_a_time(void **state)
{
	static const char request[] = "GET /metrics HTTP/1.0\r\nX: y\r\n\r\n";
	static char buf[4096];
	struct server s;
	int fd;

	(void)state;
	open_server(&s);
	fd = dial(&s);
	work(&s);
	for (size_t i = 0; i + 1 < sizeof(request); i++) {
		assert_int_equal(looks, 0);
		say(fd, (char[]){ request[i], 0 });
		work(&s);
	}
	hear(&s, fd, buf, sizeof(buf));
	assert_memory_equal(buf, "HTTP/1.1 200 ", 13);
	assert_int_equal(looks, 1);
	close(fd);
	ask(&s, "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n", "for Prometheus\n");
	ask(&s, "garbage\r\n\r\n", "HTTP/1.1 400 ", "Bad Request");
	assert_int_equal(looks, 1);
	close_server(&s);
}

/* A reader that does not read: the rest of the answer waits, others are served, then it is cut. */
static void slow_readers_hold_nobody(void **state)
{
	static char buf[BIG_PAGE + 4096];
	struct server s;
	int slow;

	(void)state;
	open_server(&s);
	page_bytes = BIG_PAGE;
	slow = dial(&s);
	say(slow, "GET /metrics HTTP/1.0\r\n\r\n");
	work(&s);
	ask(&s, "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n", "for Prometheus\n");
	/* one that reads has all of it */
	int fd = dial(&s);
	say(fd, "GET /metrics HTTP/1.0\r\n\r\n");
	assert_true(hear(&s, fd, buf, sizeof(buf)) > BIG_PAGE);
	close(fd);
	dm_http_tick(s.h, mp_monotonic_ns() + 6 * SEC);
	work(&s);
	size_t n = 0;
	for (ssize_t got; (got = recv(slow, buf, sizeof(buf), 0)) > 0;)
		n += (size_t)got;
	assert_true(n < BIG_PAGE);
	close(slow);
	close_server(&s);
}

/* More at once than there are places: all have their answer. */
/* As between the fork and the exec of a command of the daemon. */
static void forgotten_although_a_child_has_it(void **state)
{
	struct pollfd p = { .events = POLLIN };
	struct server s;
	pid_t child;
	int fd, end[2];
	char c;

	(void)state;
	open_server(&s);
	fd = dial(&s);
	work(&s);
	assert_int_equal(pipe(end), 0);
	child = fork();
	if (!child) {
		close(end[1]);
		_exit(read(end[0], &c, 1) != 0);
	}
	assert_true(child > 0);
	close(end[0]);
	shutdown(fd, SHUT_RDWR); /* the child has this side, too */
	close(fd);
	work(&s);
	p.fd = dm_http_fd(s.h);
	assert_int_equal(poll(&p, 1, 0), 0);
	close(end[1]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close_server(&s);
}

static void sixty_at_once(void **state)
{
	static char buf[4096];
	struct server s;
	int fds[60];

	(void)state;
	open_server(&s);
	for (int i = 0; i < 60; i++) { /* fewer than the queue of the socket */
		fds[i] = dial(&s);
		say(fds[i], i % 3 ? "GET /metrics HTTP/1.0\r\n\r\n" : "garbage\r\n\r\n");
	}
	for (int i = 0; i < 60; i++) {
		hear(&s, fds[i], buf, sizeof(buf));
		assert_memory_equal(buf, i % 3 ? "HTTP/1.1 200" : "HTTP/1.1 400", 12);
		close(fds[i]);
	}
	work(&s);
	close_server(&s);
}

static void addresses(void **state)
{
	static const char *const wrong[] = {
		"0.0.0.0:9",   "127.0.0.1",  "127.0.0.1:",   "127.0.0.1:65536",
		"[::]:9",      "10.0.0.1:9", "127.0.0.1:9x", "unix:",
		"localhost:9", ":9",	     "127.0.0.1:-1", ""
	};
	struct mp_diag diag = { 0 };
	struct server s, two;
	struct dm_http *h;
	struct stat st;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct dm_config c = { .metrics = (char *)wrong[i] };

		assert_int_equal(dm_http_open(&c, NULL, &h, &diag), -EINVAL);
		assert_null(h);
		assert_int_equal(diag.exit_code, MP_EXIT_USAGE);
	}
	assert_int_equal(dm_http_open(&(struct dm_config){ 0 }, NULL, &h, &diag), 0);
	assert_null(h);
	assert_int_equal(dm_http_fd(h), -1);
	dm_http_work(h, NULL);
	dm_http_tick(h, 1);
	dm_http_close(h);
	assert_int_equal(
		dm_http_open(&(struct dm_config){ .metrics = "127.0.0.1:0" }, NULL, &h, &diag), 0);
	dm_http_close(h);

	/* a path is taken from nobody who answers, and from one who was killed */
	open_server(&s);
	assert_int_equal(stat(s.where + 5, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	two = s;
	assert_int_equal(dm_http_open(&two.c, NULL, &two.h, &diag), -EADDRINUSE);
	assert_int_equal(unlink(s.where + 5), 0);
	dm_http_close(s.h);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	strcpy(a.sun_path, s.where + 5);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	close(fd);
	assert_int_equal(dm_http_open(&s.c, NULL, &s.h, &diag), 0);
	close_server(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(too_much),
		cmocka_unit_test(negotiation),
		cmocka_unit_test(answers),
		cmocka_unit_test(long_requests_hear_why),
		cmocka_unit_test(slow_peers_are_cut_off),
		cmocka_unit_test(a_byte_at_a_time),
		cmocka_unit_test(slow_readers_hold_nobody),
		cmocka_unit_test(forgotten_although_a_child_has_it),
		cmocka_unit_test(sixty_at_once),
		cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
