/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * server.c - the socket, connections, what each may ask and how often: see server.h.
 *
 * The socket is 0666: whoever may look at its folder may connect, and the kernel says who that
 * is. The folder belongs to the daemon, or nobody else may write to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "user/daemon/place.h"
#include "user/daemon/server_int.h"
#include "user/model/model.h"
#include "user/util/diag.h"
#include "user/util/util.h"

#define BACKLOG	     64
#define ACCEPT_EACH  32		  /* of one call of work */
#define ASKING_MORE  16		  /* connections beyond the viewers that there may be */
#define OF_ONE_USER  4		  /* viewers, of who does not see all */
#define SEND_EACH    (256u << 10) /* bytes of one viewer in one call */
#define ACCEPT_NS    100000000ULL /* out of descriptors: until the next try */
#define KEY_EVERY_NS 500000000ULL /* keyframes and lists that one user may ask for ... */
#define KEY_BURST    8		  /* ... and so many at once */
#define LIST_COST    20		  /* times what a list took pass before the next, whoever asks */

/* --- the socket in its folder ------------------------------------------------------------ */

static int fail_why(struct mp_diag *d, int err, const char *what, const char *path, const char *why,
		    const char *fix)
{
	mp_diag_fmt(d->what, "%s %.115s", what, path);
	return mp_diag_set(d, err, MP_EXIT_FAILURE, NULL, why, fix);
}

/* Of what the system said. */
static int fail(struct mp_diag *d, int err, const char *what, const char *path, const char *fix)
{
	return fail_why(d, err, what, path, strerror(-err), fix);
}

/* Only root or the daemon writes there, or takes away what another put there. */
static int own_folder(const struct stat *st, const char *dir, struct mp_diag *d)
{
	char why[96];

	if (st->st_uid && st->st_uid != geteuid())
		snprintf(why, sizeof(why),
			 "the folder belongs to user %u, neither root nor the daemon's",
			 (unsigned)st->st_uid);
	else if (st->st_mode & 022 && !(st->st_mode & S_ISVTX))
		snprintf(why, sizeof(why),
			 "the folder's mode is %04o: others than its owner may write to it",
			 (unsigned)st->st_mode & 07777);
	else
		return 0;
	return fail_why(d, -EPERM, "others can put their own socket into", dir, why,
			"give the socket a folder that only the daemon writes to: socket = PATH");
}

/* Why it cannot be one, or NULL. */
static const char *no_name(const struct dm_server *s, const char *path)
{
	const char *base = strrchr(path, '/');

	if (*path != '/')
		return "it does not begin with /";
	if (!base[1])
		return "it ends with /";
	return strlen(base + 1) >= sizeof(s->name) || strlen(path) >= PATH_MAX ? "it is too long"
									       : NULL;
}

/* Opens the folder, made if need be: it must be one that only its owner writes to. */
static int open_folder(struct dm_server *s, const char *path, struct mp_diag *d)
{
	const char *base = strrchr(path, '/'), *why = no_name(s, path);
	char dir[PATH_MAX];
	struct stat st;
	bool made;

	if (why)
		return fail_why(d, -EINVAL, "no name for a socket:", path, why,
				"socket = /run/memprof/memprof.sock");
	snprintf(s->name, sizeof(s->name), "%s", base + 1);
	snprintf(dir, sizeof(dir), "%.*s", base == path ? 1 : (int)(base - path), path);
	made = !mkdir(dir, 0755);
	if (!made && errno != EEXIST)
		return fail(d, -errno, "cannot make the socket's folder", dir,
			    "make it, or choose another with socket = PATH");
	s->dir = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (s->dir < 0 || (made && fchmod(s->dir, 0755)) || fstat(s->dir, &st))
		return fail(d, -errno, "cannot open the socket's folder", dir, "");
	return own_folder(&st, dir, d);
}

/* What a killed daemon left is taken away. */
static int make_room(struct dm_server *s, const char *path, struct mp_diag *d)
{
	int err = dm_place_free(s->dir, s->name);

	if (err == -EADDRINUSE)
		return fail(d, err, "another daemon serves", path,
			    "stop it: systemctl stop memprof");
	if (err == -EEXIST)
		return fail(d, err, "there is something else than a socket:", path,
			    "remove it, or choose another name with socket = PATH");
	return err ? fail(d, err, "cannot replace", path, "") : 0;
}

static int open_socket(struct dm_server *s, const char *path, struct mp_diag *d)
{
	struct sockaddr_un a;
	struct stat st;
	socklen_t len;

	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	len = dm_place_socket(s->dir, s->name, &a);
	if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&a, len) ||
	    fchmodat(s->dir, s->name, 0666, 0) ||
	    fstatat(s->dir, s->name, &st, AT_SYMLINK_NOFOLLOW) || listen(s->fd, BACKLOG))
		return fail(d, -errno, "cannot listen at", path, "choose another: socket = PATH");
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	return 0;
}

static int watch(const struct dm_server *s, int fd, void *what)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = what };

	return epoll_ctl(s->ep, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

static int open_all(struct dm_server *s, struct mp_diag *d)
{
	int err = open_folder(s, s->c->socket, d);

	if (!err)
		err = make_room(s, s->c->socket, d);
	if (!err)
		err = open_socket(s, s->c->socket, d);
	if (err)
		return err;
	s->ep = epoll_create1(EPOLL_CLOEXEC);
	s->more = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = s->ep < 0 || s->more < 0 ? -errno : 0;
	if (!err)
		err = watch(s, s->fd, &s->fd);
	if (!err)
		err = watch(s, s->more, &s->more);
	return err ? fail(d, err, "cannot serve", s->c->socket, "") : 0;
}

int dm_server_open(const struct dm_config *c, const struct dm_targets *t, const struct mp_model *m,
		   struct mp_history *past, struct dm_server **out, struct mp_diag *diag)
{
	struct dm_server *s;
	int err;

	*out = NULL;
	if (!*c->socket)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return mp_diag_set(diag, -ENOMEM, MP_EXIT_FAILURE, "out of memory", "", "");
	s->c = c;
	s->t = t;
	s->m = m;
	s->history = past;
	s->ep = s->fd = s->more = s->dir = -1;
	s->end_ns = DM_END_NS;
	err = open_all(s, diag);
	if (err)
		dm_server_close(s);
	else
		*out = s;
	return err;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* --- bytes to a viewer ------------------------------------------------------------------- */

void dm_viewer_cut_off(struct dm_viewer *v)
{
	if (v->step != DM_GONE)
		v->server->figures.cut_off++;
	v->step = DM_GONE;
}

bool dm_viewer_put(struct dm_viewer *v, const void *bytes, size_t n)
{
	struct dm_piece *p = malloc(sizeof(*p) + n);

	if (!p)
		return false;
	if (!v->head) /* until now there was nothing to take */
		v->moved = mp_monotonic_ns();
	p->next = NULL;
	p->n = n;
	memcpy(p->bytes, bytes, n);
	*v->tail = p;
	v->tail = &p->next;
	v->queued += n;
	return true;
}

static void drop_head(struct dm_viewer *v)
{
	struct dm_piece *p = v->head;

	v->head = p->next;
	if (!v->head)
		v->tail = &v->head;
	v->sent = 0;
	free(p);
}

/* Nothing is read after the line: what still comes stays in the socket's buffer. */
static void wait_for(struct dm_viewer *v)
{
	struct epoll_event e = { .events = (v->head ? EPOLLOUT : 0) |
					   (v->step == DM_ASKING ? EPOLLIN : 0),
				 .data.ptr = v };

	if (e.events == v->waits_for || v->step == DM_GONE)
		return;
	v->waits_for = e.events;
	epoll_ctl(v->server->ep, EPOLL_CTL_MOD, v->fd, &e);
}

void dm_viewer_send(struct dm_viewer *v, uint64_t now)
{
	size_t room = SEND_EACH;
	bool full = false;

	while (v->head && room && !full && v->step != DM_GONE) {
		size_t n = v->head->n - v->sent < room ? v->head->n - v->sent : room;
		ssize_t k = send(v->fd, v->head->bytes + v->sent, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (k < 0 && errno != EAGAIN && errno != EINTR)
			v->step = DM_GONE; /* it went by itself */
		full = k < 0;
		if (k <= 0)
			continue;
		v->moved = now;
		v->sent += (size_t)k;
		v->queued -= (size_t)k;
		room -= (size_t)k;
		v->server->figures.sent_bytes += (uint64_t)k;
		if (v->sent == v->head->n)
			drop_head(v);
	}
	if (v->step == DM_ANSWERED && !v->head)
		v->step = DM_GONE;
	wait_for(v);
}

/* --- connections ------------------------------------------------------------------------- */

static void viewer_free(struct dm_viewer *v)
{
	dm_viewer_end(v);
	while (v->head)
		drop_head(v);
	/* A child that was forked just now has the connection open until it runs its program: epoll
	 * would go on telling of it with a pointer to what is freed here, the peer see no end. */
	epoll_ctl(v->server->ep, EPOLL_CTL_DEL, v->fd, NULL);
	shutdown(v->fd, SHUT_RDWR);
	close(v->fd);
	free(v);
}

static void reap(struct dm_server *s)
{
	struct dm_viewer **at = &s->viewers, *v;

	while ((v = *at)) {
		if (v->step != DM_GONE) {
			at = &v->next;
			continue;
		}
		*at = v->next;
		s->n--;
		viewer_free(v);
	}
}

/* One word too many for who cannot be a viewer; what does not fit at once is not sent. */
static void refuse(struct dm_server *s, int fd, const char *why)
{
	char line[160];
	int n = snprintf(line, sizeof(line), "no %s\n", why);

	s->figures.refused++;
	if (send(fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return; /* then it is told by the end */
}

/* Some room is kept for those who see all: others must not be able to lock them out. */
static unsigned room_for(const struct dm_peer *p, unsigned all)
{
	return p->all ? all : all - all / 8;
}

static const char *too_many(const struct dm_server *s, const struct dm_peer *p)
{
	unsigned own = 0;

	for (const struct dm_viewer *v = s->viewers; v; v = v->next)
		own += v->peer.uid == p->uid;
	if (s->n >= room_for(p, s->c->max_viewers + ASKING_MORE))
		return "busy: too many connections; try again later";
	if (!p->all && own >= OF_ONE_USER + ASKING_MORE / 4)
		return "busy: too many connections of yours; try again later";
	return NULL;
}

static void accepted(struct dm_server *s, int fd, uint64_t now)
{
	struct dm_peer p;
	struct dm_viewer *v;
	const char *why = dm_peer_read(fd, s->c, &p)
				  ? "request: the system does not say whose it is"
				  : too_many(s, &p);

	if (why) {
		refuse(s, fd, why);
		close(fd);
		return;
	}
	v = calloc(1, sizeof(*v));
	if (!v || watch(s, fd, v)) {
		free(v);
		close(fd);
		return;
	}
	s->figures.accepted++;
	v->server = s;
	v->fd = fd;
	v->peer = p;
	v->since = v->moved = now;
	v->waits_for = EPOLLIN;
	v->tail = &v->head;
	v->next = s->viewers;
	s->viewers = v;
	s->n++;
}

/* Who waits stays readable: without a descriptor for it the loop would go round and round. */
static void accept_later(struct dm_server *s, uint64_t now)
{
	if (!epoll_ctl(s->ep, EPOLL_CTL_DEL, s->fd, NULL))
		s->accept_at = now + ACCEPT_NS;
}

static void accept_again(struct dm_server *s, uint64_t now)
{
	if (s->accept_at && now >= s->accept_at && !watch(s, s->fd, &s->fd))
		s->accept_at = 0;
}

static void accept_some(struct dm_server *s, uint64_t now)
{
	for (int i = 0; i < ACCEPT_EACH; i++) {
		int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			    errno == ENOMEM)
				accept_later(s, now);
			return;
		}
		accepted(s, fd, now);
	}
}

/* --- requests ---------------------------------------------------------------------------- */

static void answer(struct dm_viewer *v, const char *why)
{
	char line[160];
	int n = snprintf(line, sizeof(line), "no %s\n", why);

	v->server->figures.refused++;
	v->step = dm_viewer_put(v, line, (size_t)n) ? DM_ANSWERED : DM_GONE;
}

/* What a user asks for costs the daemon a state each time: so many at once, then so often. */
static bool too_often(struct dm_server *s, uid_t uid, uint64_t now)
{
	struct dm_uid *u = &s->uids[0];

	for (size_t i = 0; i < DM_UIDS; i++) {
		if (s->uids[i].uid == uid && s->uids[i].paid) {
			u = &s->uids[i];
			break;
		}
		if (s->uids[i].paid < u->paid) /* free, or who asked least of late */
			u = &s->uids[i];
	}
	if (u->uid != uid || u->paid < now) {
		u->uid = uid;
		u->paid = now;
	}
	if (u->paid + KEY_EVERY_NS > now + KEY_BURST * KEY_EVERY_NS)
		return true;
	u->paid += KEY_EVERY_NS;
	return false;
}

static const char *no_room(const struct dm_server *s, const struct dm_viewer *asks)
{
	unsigned all = 0, own = 0;

	for (const struct dm_viewer *v = s->viewers; v; v = v->next) {
		all += v->enc != NULL;
		own += v->enc && v->peer.uid == asks->peer.uid;
	}
	if (all >= room_for(&asks->peer, s->c->max_viewers))
		return "busy: there are as many viewers as there may be";
	if (!asks->peer.all && own >= OF_ONE_USER)
		return "busy: you have as many viewers as one user may";
	return NULL;
}

static void list(struct dm_viewer *v)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	bool ok = f != NULL;

	if (f) {
		dm_list_write(v->server, v, f);
		ok = !ferror(f);
		ok = !fclose(f) && ok;
	}
	ok = ok && dm_viewer_put(v, "ok list\n", 8) && dm_viewer_put(v, text, n);
	v->step = ok ? DM_ANSWERED : DM_GONE;
	free(text);
}

/* Who waits longest is answered, when the loop has had its rest from the last one. */
static void lists(struct dm_server *s, uint64_t now)
{
	struct dm_viewer *first = NULL;
	uint64_t began;

	for (struct dm_viewer *v = s->viewers; v && now >= s->list_ns; v = v->next)
		if (v->step == DM_LIST_WAITS && (!first || v->since <= first->since))
			first = v;
	if (!first)
		return;
	began = mp_thread_cpu_ns();
	list(first);
	s->list_ns = now + LIST_COST * (mp_thread_cpu_ns() - began);
	if (first->step != DM_GONE)
		dm_viewer_send(first, now);
}

static void asked(struct dm_viewer *v, size_t len, uint64_t now)
{
	struct dm_server *s = v->server;
	struct dm_request r;
	const char *why = dm_request_parse(v->line, len, &r);

	if (!why && !v->peer.all && too_often(s, v->peer.uid, now))
		why = "busy: you ask too often; try again in a second";
	if (!why && r.want == DM_WANT_LIST) {
		v->step = DM_LIST_WAITS;
		return;
	}
	why = why ? why : no_room(s, v);
	if (!why && dm_viewer_stream(v, &r, now, &why))
		v->step = DM_GONE;
	else if (why)
		answer(v, why);
}

static void read_line(struct dm_viewer *v, uint64_t now)
{
	ssize_t k = recv(v->fd, v->line + v->n_line, sizeof(v->line) - v->n_line, MSG_DONTWAIT);
	char *end;

	if (k < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (k <= 0) {
		v->step = DM_GONE;
		return;
	}
	v->n_line += (size_t)k;
	end = memchr(v->line, '\n', v->n_line);
	if (end)
		asked(v, (size_t)(end - v->line), now);
	else if (v->n_line == sizeof(v->line))
		answer(v, "request: that is no line");
	if (v->step != DM_GONE)
		dm_viewer_send(v, now);
}

/* --- work -------------------------------------------------------------------------------- */

/* Who waited longest for the past; who sees all comes first. */
static struct dm_viewer *waits_for_past(const struct dm_server *s)
{
	struct dm_viewer *first = NULL;

	for (struct dm_viewer *v = s->viewers; v; v = v->next)
		if (v->step == DM_PAST_WAITS &&
		    (!first || v->peer.all > first->peer.all ||
		     (v->peer.all == first->peer.all && v->since <= first->since)))
			first = v;
	return first;
}

static struct dm_viewer *turn(const struct dm_server *s)
{
	return s->past_of ? s->past_of : waits_for_past(s);
}

/* One who reads slowly keeps the past from nobody for long. */
static void lend_on(struct dm_server *s, uint64_t now)
{
	struct dm_viewer *v = s->past_of;

	if (v && v->full + (v->full_at ? now - v->full_at : 0) > DM_FULL_NS && waits_for_past(s))
		dm_viewer_past_over(v);
}

/* While there is more of it to do the descriptor says so. */
static void past(struct dm_server *s, uint64_t now)
{
	struct dm_viewer *v;
	uint64_t n = 1;
	bool more;

	lend_on(s, now);
	v = turn(s);
	more = v && dm_viewer_past(v, now);
	if (v && v->queued)
		dm_viewer_send(v, now);
	more |= turn(s) && turn(s) != v;
	if (more ? write(s->more, &n, sizeof(n)) < 0 : read(s->more, &n, sizeof(n)) < 0)
		return; /* it says so already */
}

static void viewer_work(struct dm_viewer *v, uint32_t events, uint64_t now)
{
	if (v->step == DM_GONE)
		return;
	if (v->step == DM_ASKING && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_line(v, now);
	else if (events & (EPOLLHUP | EPOLLERR))
		v->step = DM_GONE;
	else if (events & EPOLLOUT)
		dm_viewer_send(v, now);
}

void dm_server_work(struct dm_server *s)
{
	struct epoll_event ev[64];
	uint64_t now = mp_monotonic_ns();
	int n = s ? epoll_wait(s->ep, ev, 64, 0) : 0;

	if (!s)
		return;
	for (int i = 0; i < n; i++) {
		void *what = ev[i].data.ptr;

		if (what == &s->fd)
			accept_some(s, now);
		else if (what != &s->more)
			viewer_work(what, ev[i].events, now);
	}
	lists(s, now);
	past(s, now);
	reap(s);
}

void dm_server_event(void *ctx, const struct mp_model *m, const struct mp_event *e)
{
	struct dm_server *s = ctx;

	for (struct dm_viewer *v = s ? s->viewers : NULL; v; v = v->next)
		dm_viewer_event(v, m, e);
}

void dm_server_tick(struct dm_server *s, uint64_t now)
{
	for (struct dm_viewer *v = s ? s->viewers : NULL; v; v = v->next) {
		if (v->step == DM_ASKING && now > v->since + DM_ASK_NS)
			dm_viewer_cut_off(v);
		else if (v->head && now > v->moved + DM_STALL_NS)
			dm_viewer_cut_off(v);
		if (v->step == DM_GONE)
			continue;
		dm_viewer_tick(v, now);
		if (v->queued)
			dm_viewer_send(v, now);
	}
	if (s) {
		accept_again(s, now);
		lists(s, now);
		past(s, now);
		reap(s);
	}
}

int dm_server_fd(const struct dm_server *s)
{
	return s ? s->ep : -1;
}

void dm_server_figures(const struct dm_server *s, struct dm_server_figures *f)
{
	memset(f, 0, sizeof(*f));
	if (!s)
		return;
	*f = s->figures;
	for (const struct dm_viewer *v = s->viewers; v; v = v->next)
		f->viewers += v->enc != NULL;
}

static bool all_sent(const struct dm_server *s)
{
	for (const struct dm_viewer *v = s->viewers; v; v = v->next)
		if (v->head)
			return false;
	return true;
}

/* What is queued, to who takes it in time. */
static void send_rest(struct dm_server *s)
{
	uint64_t now = mp_monotonic_ns(), end = now + s->end_ns;
	struct epoll_event ev[64];

	epoll_ctl(s->ep, EPOLL_CTL_DEL, s->fd, NULL);
	epoll_ctl(s->ep, EPOLL_CTL_DEL, s->more, NULL);
	for (struct dm_viewer *v = s->viewers; v; v = v->next) {
		if (v->step == DM_ASKING)
			v->step = DM_GONE;
		if (v->step == DM_LIST_WAITS)
			list(v);
		dm_viewer_finish(v);
		dm_viewer_send(v, now);
	}
	for (reap(s); !all_sent(s) && now < end; now = mp_monotonic_ns()) {
		int n = epoll_wait(s->ep, ev, 64, (int)((end - now) / 1000000) + 1);

		for (int i = 0; i < n; i++)
			viewer_work(ev[i].data.ptr, ev[i].events, now);
		reap(s);
	}
}

void dm_server_close(struct dm_server *s)
{
	struct stat st;

	if (!s)
		return;
	send_rest(s);
	for (struct dm_viewer *v = s->viewers; v; v = v->next)
		v->step = DM_GONE;
	reap(s);
	if (s->ino && !fstatat(s->dir, s->name, &st, AT_SYMLINK_NOFOLLOW) && st.st_dev == s->dev &&
	    st.st_ino == s->ino)
		unlinkat(s->dir, s->name, 0);
	close_fd(s->fd);
	close_fd(s->more);
	close_fd(s->ep);
	close_fd(s->dir);
	free(s);
}
