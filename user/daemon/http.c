/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * http.c - the server of the page of metrics; see metrics.h.
 *
 * Owns: its socket, its connections and what they may take. Must not: wait, parse (that is
 * http_request.c), know metrics.
 *
 * A connection reads until the request is there, writes the answer, then reads and forgets what
 * still comes until the peer closes: closing with bytes unread would reset the connection, and
 * the peer might never see the answer. Each of the three ends by itself after a time. While all
 * places are taken nobody is accepted, and who has not asked within CROWDED_NS gives way.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "user/daemon/http_request.h"
#include "user/daemon/place.h"
#include "user/util/diag.h"
#include "user/util/util.h"

#define STEP_NS	   5000000000ULL /* for the request, and for the answer */
#define CROWDED_NS 1000000000ULL
#define LINGER_NS  1000000000ULL
#define FRESH_NS   100000000ULL /* a page that young is sent again: many who ask cost no more */
#define BACKLOG	   64

/* A page that connections share. */
struct page {
	char *text; /* NULL: none */
	size_t n;
	uint64_t made;
	unsigned users;
};

enum step { READING, WRITING, LINGERING };

struct conn {
	int fd; /* -1: free */
	enum step step;
	uint64_t since; /* of this step */
	char in[DM_HTTP_REQUEST];
	size_t n_in;
	char head[512];
	size_t n_head, sent; /* sent: of the head and the body */
	const char *body;    /* of `page`, or a constant */
	size_t n_body;
	struct page *page;
};

struct dm_http {
	struct dm_metrics *m;
	int ep, fd;
	bool accepts; /* the listening socket is in ep */
	int dir;      /* of a Unix socket: its folder, and what to remove there */
	char *name;
	dev_t dev;
	ino_t ino;
	struct page *pages[2]; /* the newest of each format */
	struct conn conns[DM_HTTP_MAX];
};

static const char about[] =
	"memprof daemon\n\n/metrics  figures of the target groups, for Prometheus\n";

/* --- the socket ---------------------------------------------------------------------------- */

union addr {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

/* "127.0.0.1:PORT", "[::1]:PORT", "unix:PATH". Its length, or 0: none of these. */
static socklen_t address(const char *s, union addr *a)
{
	const char *colon = strrchr(s, ':');
	char *end, host[16];
	unsigned long port;

	memset(a, 0, sizeof(*a));
	if (!strncmp(s, "unix:", 5)) {
		a->un.sun_family = AF_UNIX;
		if (!s[5] || strlen(s + 5) >= sizeof(a->un.sun_path))
			return 0;
		memcpy(a->un.sun_path, s + 5, strlen(s + 5));
		return sizeof(a->un);
	}
	if (!colon || colon[1] < '0' || colon[1] > '9' || (size_t)(colon - s) >= sizeof(host))
		return 0;
	port = strtoul(colon + 1, &end, 10);
	if (*end || port > 65535)
		return 0;
	memcpy(host, s, (size_t)(colon - s));
	host[colon - s] = 0;
	if (!strcmp(host, "[::1]")) {
		a->in6.sin6_family = AF_INET6;
		a->in6.sin6_port = htons((uint16_t)port);
		a->in6.sin6_addr = in6addr_loopback;
		return sizeof(a->in6);
	}
	a->in.sin_family = AF_INET;
	a->in.sin_port = htons((uint16_t)port);
	if (inet_pton(AF_INET, host, &a->in.sin_addr) != 1 ||
	    ntohl(a->in.sin_addr.s_addr) >> 24 != 127)
		return 0;
	return sizeof(a->in);
}

/*
 * 0 or -errno. Through the folder's descriptor: this may be root yet, in a folder of another
 * user's. The mode comes from the umask (no thread has begun), since chmod() would follow a link
 * put into the socket's place. Sums of groups: who may read them is a matter of the folder, as
 * with loopback's port.
 */
static int bind_unix(struct dm_http *h, const char *path)
{
	const char *name;
	struct sockaddr_un a;
	struct stat st;
	socklen_t len;
	mode_t mask;
	int err;

	h->dir = dm_place_parent(path, &name);
	if (h->dir < 0)
		return h->dir;
	len = dm_place_socket(h->dir, name, &a);
	err = len ? dm_place_free(h->dir, name) : -ENAMETOOLONG;
	if (err)
		return err;
	mask = umask(0111);
	err = bind(h->fd, (struct sockaddr *)&a, len) ? -errno : 0;
	umask(mask);
	if (!err && fstatat(h->dir, name, &st, AT_SYMLINK_NOFOLLOW))
		err = -errno;
	h->name = err ? NULL : strdup(name);
	h->dev = err ? 0 : st.st_dev;
	h->ino = err ? 0 : st.st_ino;
	return err || h->name ? err : -ENOMEM;
}

static int listen_at(struct dm_http *h, const union addr *a, socklen_t len)
{
	int on = 1, err;

	h->fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (h->fd < 0)
		return -errno;
	if (a->sa.sa_family == AF_UNIX) {
		err = bind_unix(h, a->un.sun_path);
	} else {
		setsockopt(h->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		err = bind(h->fd, &a->sa, len) ? -errno : 0;
	}
	return !err && listen(h->fd, BACKLOG) ? -errno : err;
}

static int refuse(struct mp_diag *diag, const char *where, int err)
{
	mp_diag_fmt(diag->what, "cannot serve metrics at %s", where);
	return mp_diag_set(diag, err, err == -EINVAL ? MP_EXIT_USAGE : MP_EXIT_FAILURE, NULL,
			   err == -EINVAL ? "not an address of loopback" : strerror(-err),
			   err == -EADDRINUSE ? "ss -lntxp  # shows who has it"
					      : "set `metrics` to 127.0.0.1:9464 or unix:PATH");
}

static void accept_more(struct dm_http *h, bool yes)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };

	if (yes != h->accepts && !epoll_ctl(h->ep, yes ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, h->fd, &ev))
		h->accepts = yes;
}

int dm_http_open(const struct dm_config *c, struct dm_metrics *m, struct dm_http **out,
		 struct mp_diag *diag)
{
	union addr a;
	socklen_t len = c->metrics ? address(c->metrics, &a) : 0;
	struct dm_http *h;
	int err;

	*out = NULL;
	if (!c->metrics)
		return 0;
	if (!len)
		return refuse(diag, c->metrics, -EINVAL);
	h = calloc(1, sizeof(*h));
	if (!h)
		return refuse(diag, c->metrics, -ENOMEM);
	h->m = m;
	h->ep = h->fd = h->dir = -1;
	for (size_t i = 0; i < DM_HTTP_MAX; i++)
		h->conns[i].fd = -1;
	err = listen_at(h, &a, len);
	if (!err)
		h->ep = epoll_create1(EPOLL_CLOEXEC);
	if (h->ep >= 0)
		accept_more(h, true);
	if (!h->accepts) {
		dm_http_close(h);
		return refuse(diag, c->metrics, err ? err : -ENOMEM);
	}
	*out = h;
	return 0;
}

/* --- pages --------------------------------------------------------------------------------- */

static void page_put(struct page *p)
{
	if (!p || --p->users)
		return;
	free(p->text);
	free(p);
}

/* One that is fresh, for the caller to put back; NULL: no memory. */
static struct page *page_get(struct dm_http *h, const struct dm_look *look, enum dm_format f)
{
	struct page *p = h->pages[f];
	uint64_t now = mp_monotonic_ns();
	FILE *out;

	if (p && now - p->made < FRESH_NS) {
		p->users++;
		return p;
	}
	p = calloc(1, sizeof(*p));
	out = p ? open_memstream(&p->text, &p->n) : NULL;
	if (!out) {
		free(p);
		return NULL;
	}
	dm_metrics_write(h->m, look->fn(look->ctx), f, out);
	if (fclose(out)) {
		free(p->text);
		free(p);
		return NULL;
	}
	p->made = now;
	p->users = 2;
	page_put(h->pages[f]);
	h->pages[f] = p;
	return p;
}

/* --- connections --------------------------------------------------------------------------- */

static void drop(struct dm_http *h, struct conn *c)
{
	/* A child that was forked just now has it open until it runs its program: closing alone
	 * would leave it in ep, which would go on telling of it. */
	epoll_ctl(h->ep, EPOLL_CTL_DEL, c->fd, NULL);
	close(c->fd);
	page_put(c->page);
	c->fd = -1;
	c->page = NULL;
	accept_more(h, true);
}

static const char *reason(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 414:
		return "URI Too Long";
	case 431:
		return "Request Header Fields Too Large";
	case 503:
		return "Service Unavailable";
	case 505:
		return "HTTP Version Not Supported";
	}
	return "Bad Request";
}

static const char *type_of(const struct conn *c, const struct dm_http_request *r)
{
	if (!c->page)
		return "text/plain; charset=utf-8";
	return r->format == DM_OPENMETRICS
		       ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		       : "text/plain; version=0.0.4; charset=utf-8";
}

static void answer(struct dm_http *h, struct conn *c, struct dm_http_request *r,
		   const struct dm_look *look)
{
	if (r->status == 200 && r->page == DM_HTTP_METRICS) {
		c->page = page_get(h, look, r->format);
		if (!c->page)
			r->status = 503;
	}
	c->body = c->page ? c->page->text : r->status == 200 ? about : reason(r->status);
	c->n_body = c->page ? c->page->n : strlen(c->body);
	c->n_head = (size_t)snprintf(
		c->head, sizeof(c->head),
		"HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s%s"
		"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: "
		"close\r\n\r\n",
		r->status, reason(r->status), type_of(c, r), c->n_body,
		r->status == 405 ? "Allow: GET, HEAD\r\n" : "", c->page ? "Vary: Accept\r\n" : "");
	if (r->head)
		c->n_body = 0;
	c->sent = 0;
}

static void step_to(struct dm_http *h, struct conn *c, enum step step)
{
	struct epoll_event ev = { .events = step == WRITING ? EPOLLOUT : EPOLLIN, .data.ptr = c };

	c->step = step;
	c->since = mp_monotonic_ns();
	if (epoll_ctl(h->ep, EPOLL_CTL_MOD, c->fd, &ev))
		drop(h, c);
}

/* All that the peer takes now. */
static void send_some(struct dm_http *h, struct conn *c)
{
	while (c->sent < c->n_head + c->n_body) {
		bool head = c->sent < c->n_head;
		size_t at = head ? c->sent : c->sent - c->n_head;
		ssize_t n = send(c->fd, (head ? c->head : c->body) + at,
				 (head ? c->n_head : c->n_body) - at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			drop(h, c);
		if (n < 0)
			return;
		c->sent += (size_t)n;
	}
	shutdown(c->fd, SHUT_WR);
	step_to(h, c, LINGERING);
}

/* One read: who sends without end has the loop no longer than that. */
static void read_some(struct dm_http *h, struct conn *c, const struct dm_look *look)
{
	struct dm_http_request r;
	ssize_t n = recv(c->fd, c->in + c->n_in, sizeof(c->in) - c->n_in, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(h, c);
		return;
	}
	if (c->step == LINGERING)
		return;
	c->n_in += (size_t)n;
	if (!dm_http_parse(c->in, c->n_in, &r))
		return;
	answer(h, c, &r, look);
	c->n_in = 0; /* what comes now is thrown away */
	step_to(h, c, WRITING);
	if (c->fd >= 0)
		send_some(h, c);
}

static struct conn *free_place(struct dm_http *h)
{
	for (size_t i = 0; i < DM_HTTP_MAX; i++)
		if (h->conns[i].fd < 0)
			return &h->conns[i];
	return NULL;
}

/* As many as there is room for. */
static void accept_all(struct dm_http *h)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct conn *c;

	while ((c = free_place(h))) {
		int fd = accept4(h->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0 && errno != EAGAIN) /* no descriptors: not again before the next tick */
			accept_more(h, false);
		if (fd < 0)
			return;
		memset(c, 0, sizeof(*c));
		c->fd = fd;
		c->since = mp_monotonic_ns();
		ev.data.ptr = c;
		if (epoll_ctl(h->ep, EPOLL_CTL_ADD, fd, &ev)) {
			close(fd);
			c->fd = -1;
		}
	}
	accept_more(h, false);
}

void dm_http_work(struct dm_http *h, const struct dm_look *look)
{
	struct epoll_event ev[DM_HTTP_MAX + 1];
	int n = h ? epoll_wait(h->ep, ev, DM_HTTP_MAX + 1, 0) : 0;

	for (int i = 0; i < n; i++) {
		struct conn *c = ev[i].data.ptr;

		if (!c)
			accept_all(h);
		else if (c->fd >= 0 && c->step == WRITING)
			send_some(h, c);
		else if (c->fd >= 0)
			read_some(h, c, look);
	}
}

void dm_http_tick(struct dm_http *h, uint64_t now)
{
	bool crowded = h && !free_place(h);

	for (size_t i = 0; h && i < DM_HTTP_MAX; i++) {
		struct conn *c = &h->conns[i];
		uint64_t most = c->step == LINGERING		? LINGER_NS
				: c->step == READING && crowded ? CROWDED_NS
								: STEP_NS;

		if (c->fd >= 0 && now > c->since && now - c->since > most)
			drop(h, c);
	}
	if (h && free_place(h))
		accept_more(h, true);
}

int dm_http_fd(const struct dm_http *h)
{
	return h ? h->ep : -1;
}

/* If it is still the one that was made. */
static void remove_socket(struct dm_http *h)
{
	struct stat st;

	if (h->name && !fstatat(h->dir, h->name, &st, AT_SYMLINK_NOFOLLOW) && st.st_dev == h->dev &&
	    st.st_ino == h->ino)
		unlinkat(h->dir, h->name, 0);
	free(h->name);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void dm_http_close(struct dm_http *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < DM_HTTP_MAX; i++)
		if (h->conns[i].fd >= 0)
			drop(h, &h->conns[i]);
	page_put(h->pages[DM_PROMETHEUS]);
	page_put(h->pages[DM_OPENMETRICS]);
	remove_socket(h);
	close_fd(h->fd);
	close_fd(h->dir);
	close_fd(h->ep);
	free(h);
}
