/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * connect.c - see connect.h.
 */
#include "user/cmd/connect.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "user/cmd/connect_list.h"
#include "user/model/model.h"
#include "user/util/util.h"

#define LINE_MAX_BYTES 4096 /* of a request and of an answer */
#define ANSWER_NS      30000000000ULL
#define AGAIN_NS       1000000000ULL  /* between two looks whether a daemon is there again */
#define LIST_NS	       60000000000ULL /* for the whole of it */
#define LIST_MAX       (64u << 20)

static const char *socket_of(const struct mp_args *a)
{
	return *a->connect ? a->connect : MP_CONNECT_SOCKET;
}

/* --- connecting -------------------------------------------------------------------------- */

static int no_daemon(const char *path, int err)
{
	char what[256];
	struct stat st;

	snprintf(what, sizeof(what), "there is no memprof daemon at %.200s", path);
	/* connect(2) refuses what is no socket as one without a listener */
	if (!stat(path, &st) && !S_ISSOCK(st.st_mode))
		return mp_fail(MP_EXIT_FAILURE, what,
			       S_ISDIR(st.st_mode) ? "it is a folder, no socket"
						   : "it is no socket",
			       "give the daemon's socket: --connect SOCKET");
	if (err == ENOENT || err == ECONNREFUSED)
		return mp_fail(MP_EXIT_FAILURE, what,
			       err == ENOENT ? "nothing has that name"
					     : "nobody listens there any more",
			       "is it running?  systemctl status memprof   or: memprof daemon");
	if (err == EACCES)
		return mp_fail(MP_EXIT_NOT_PERMITTED, what, "you may not reach it",
			       "give another socket: --connect SOCKET");
	return mp_fail(MP_EXIT_FAILURE, what, strerror(err), "");
}

/* A descriptor, or -errno: flags are more of socket(2)'s type. What listens accepts what it has
 * room for; the daemon's end is answered by its own deadline. */
static int reach(const char *path, int flags)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	memcpy(to.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static int dial(const char *path, int *out)
{
	*out = reach(path, 0);
	if (*out >= 0)
		return 0;
	if (*out == -ENAMETOOLONG)
		return mp_fail(MP_EXIT_USAGE, "the socket's path is too long", path,
			       "a path of at most 107 bytes");
	return no_daemon(path, -*out);
}

/* "memprof 1 stream 12 13 past 600\n" */
static size_t request(char line[LINE_MAX_BYTES], const struct mp_args *a, const char *want,
		      uint64_t past_ns)
{
	size_t n = (size_t)snprintf(line, LINE_MAX_BYTES, "memprof 1 %s", want);

	for (size_t i = 0; strcmp(want, "list") && i < a->n_pids && n < LINE_MAX_BYTES - 64; i++)
		n += (size_t)snprintf(line + n, LINE_MAX_BYTES - n, " %d", (int)a->pids[i]);
	if (past_ns)
		n += (size_t)snprintf(line + n, LINE_MAX_BYTES - n, " past %llu",
				      (unsigned long long)((past_ns + 999999999) / 1000000000));
	n += (size_t)snprintf(line + n, LINE_MAX_BYTES - n, "\n");
	return n;
}

/* One line, a byte at a time: what follows it is a recording. Its length, or -errno. */
static int answer(int fd, char line[LINE_MAX_BYTES])
{
	uint64_t end = mp_monotonic_ns() + ANSWER_NS;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n = 0;

	while (n < LINE_MAX_BYTES - 1) {
		ssize_t k;

		if (mp_signals_count())
			return -EINTR;
		if (poll(&p, 1, 100) <= 0) {
			if (mp_monotonic_ns() >= end)
				return -ETIMEDOUT;
			continue;
		}
		k = recv(fd, line + n, 1, 0);
		if (k <= 0)
			return k < 0 ? -errno : -ECONNRESET;
		if (line[n] == '\n') {
			line[n] = '\0';
			return n;
		}
		n++;
	}
	return -EPROTO;
}

/* The same whether it is not watched, not there, or somebody else's: nothing is told. */
static int not_seen(const struct mp_args *a)
{
	return mp_fail(MP_EXIT_NO_TARGET,
		       a->n_pids > 1 ? "one of these processes is not to be seen here"
				     : "this process is not to be seen here",
		       "the daemon does not watch it, or it is not yours",
		       "memprof top --connect --list   names those that are");
}

static int refused(const struct mp_args *a, const char *line)
{
	const char *why = line + 2;
	char text[256];

	why += strspn(why, " ");
	if (a->n_pids && !strncmp(why, "target", 6))
		return not_seen(a);
	if (!strncmp(why, "version", 7))
		return mp_fail(MP_EXIT_FAILURE, "the daemon speaks another protocol", why,
			       "use the memprof that the daemon is of");
	snprintf(text, sizeof(text), "%.200s", *why ? why : "it gave no reason");
	return mp_fail(MP_EXIT_FAILURE, "the daemon refused", text, "");
}

static bool is_yes(const char *line, int n)
{
	return n >= 2 && !strncmp(line, "ok", 2) && (!line[2] || line[2] == ' ');
}

/* The answer is "ok" with more words or none, "no REASON", or not of this protocol. */
static int judge(const struct mp_args *a, const char *line, int n)
{
	if (is_yes(line, n))
		return 0;
	if (n >= 2 && !strncmp(line, "no", 2) && (!line[2] || line[2] == ' '))
		return refused(a, line);
	if (n == -EINTR)
		return MP_EXIT_FAILURE;
	if (n == -ETIMEDOUT)
		return mp_fail(MP_EXIT_FAILURE, "the daemon does not answer", NULL,
			       "systemctl status memprof");
	if (n < 0 && n != -EPROTO)
		return mp_fail(MP_EXIT_FAILURE, "the daemon went away before it answered",
			       strerror(-n), "systemctl status memprof");
	return mp_fail(MP_EXIT_FAILURE, "what answers there is no memprof daemon", socket_of(a),
		       "give the daemon's socket: --connect SOCKET");
}

/* 0 and a descriptor from which what was asked for comes, or an exit code after a message. */
static int ask(const struct mp_args *a, const char *want, uint64_t past_ns, int *out)
{
	char line[LINE_MAX_BYTES];
	size_t len = request(line, a, want, past_ns);
	int fd = -1, code = dial(socket_of(a), &fd), n;

	if (code)
		return code;
	n = send(fd, line, len, MSG_NOSIGNAL) == (ssize_t)len ? answer(fd, line) : -errno;
	code = judge(a, line, n);
	if (code)
		close(fd);
	else
		*out = fd;
	return code;
}

/* --- streams ------------------------------------------------------------------------------ */

int mp_connect_stream(const struct mp_args *a, uint64_t past_ns, bool history,
		      const struct mp_tap_tee *tee, struct mp_feed **out)
{
	int fd = -1, code = ask(a, "stream", past_ns, &fd), err;

	if (code)
		return code;
	err = mp_feed_new(fd, "the daemon", history, out);
	if (err)
		return mp_fail(MP_EXIT_FAILURE, "out of memory", NULL, NULL);
	if (tee)
		mp_feed_tee(*out, tee);
	return 0;
}

int mp_connect_look(const struct mp_args *a, mp_observe_fn fn, void *ctx, struct mp_feed **out)
{
	uint64_t past = a->duration_ns ? a->duration_ns : MP_CONNECT_PAST_NS;
	uint64_t now = mp_monotonic_ns();
	struct mp_feed *f;
	int code = mp_connect_stream(a, past, false, NULL, &f), err;

	*out = NULL;
	if (code)
		return code;
	mp_feed_observe(f, fn, ctx);
	err = mp_feed_until(f, now);
	mp_feed_observe(f, NULL, NULL);
	code = err > 0 ? 0 : mp_connect_ended(a, f, err);
	if (err >= 0 && mp_feed_model(f)->n_procs) {
		*out = f;
		return code;
	}
	mp_feed_free(f);
	return code ? code
		    : mp_fail(MP_EXIT_NO_TARGET, "there is no process to be seen here",
			      "the daemon watches none, or none that is yours",
			      "memprof top --connect --list   names those that are");
}

int mp_connect_ended(const struct mp_args *a, struct mp_feed *f, int err)
{
	struct mp_rec_info info;

	mp_feed_info(f, &info);
	if (err < 0)
		return mp_fail(MP_EXIT_FAILURE, "what the daemon sends cannot be read",
			       mp_reader_strerror(err), "");
	if (!info.ended)
		return mp_fail(MP_EXIT_PARTIAL, "the connection to the daemon broke off",
			       "it was killed, or cut this viewer off", "");
	if (!a->quiet)
		fprintf(stderr, "memprof: the daemon has ended\n");
	return 0;
}

/* --- again -------------------------------------------------------------------------------- */

struct mp_again {
	const struct mp_args *a;
	uint64_t past_ns;
	uint64_t next; /* no look before, ns */
	bool there;    /* somebody listens */
	int fd;	       /* that was asked; -1: none */
	uint64_t until;
	char line[LINE_MAX_BYTES]; /* of its answer: n bytes so far */
	int n;
	bool granted;
};

struct mp_again *mp_again_new(const struct mp_args *a, uint64_t past_ns)
{
	struct mp_again *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->a = a;
	g->past_ns = past_ns;
	g->fd = -1;
	return g;
}

/* Nothing came of it, or it is not wanted any more. */
static bool drop(struct mp_again *g)
{
	if (g->fd >= 0)
		close(g->fd);
	g->fd = -1;
	g->granted = false;
	return false;
}

void mp_again_free(struct mp_again *g)
{
	if (!g)
		return;
	drop(g);
	free(g);
}

/* What has come of the answer. */
static bool hear(struct mp_again *g, uint64_t now)
{
	while (!g->granted && g->n < LINE_MAX_BYTES) {
		ssize_t k = recv(g->fd, g->line + g->n, 1, MSG_DONTWAIT);

		if (k < 0 && (errno == EAGAIN || errno == EINTR))
			return now < g->until ? false : drop(g);
		if (k <= 0)
			return drop(g);
		if (g->line[g->n] != '\n') {
			g->n++;
			continue;
		}
		g->line[g->n] = '\0';
		if (!is_yes(g->line, g->n))
			return drop(g);
		g->granted = true;
	}
	return g->granted || drop(g);
}

static void ask_again(struct mp_again *g, int fd, uint64_t now)
{
	char line[LINE_MAX_BYTES];
	size_t len = request(line, g->a, "stream", g->past_ns);

	g->fd = fd;
	g->n = 0;
	g->until = now + ANSWER_NS;
	if (send(fd, line, len, MSG_NOSIGNAL) != (ssize_t)len)
		drop(g);
}

bool mp_again_look(struct mp_again *g, bool wanted)
{
	uint64_t now = mp_monotonic_ns();
	int fd;

	if (!wanted)
		drop(g);
	if (g->fd >= 0)
		return hear(g, now);
	if (now < g->next || (g->there && !wanted))
		return false;
	g->next = now + AGAIN_NS;
	fd = reach(socket_of(g->a), SOCK_NONBLOCK);
	g->there = fd >= 0;
	if (fd >= 0 && wanted)
		ask_again(g, fd, now);
	else if (fd >= 0)
		close(fd);
	return false;
}

bool mp_again_there(const struct mp_again *g)
{
	return g->there;
}

int mp_again_take(struct mp_again *g)
{
	int fd = g->fd;

	g->fd = -1;
	g->granted = g->there = false;
	g->next = mp_monotonic_ns() + AGAIN_NS;
	return fd;
}

/* --- the list ----------------------------------------------------------------------------- */

/* All of it, as text to be freed; NULL after a message. */
static char *read_all(int fd)
{
	size_t n = 0, cap = 0;
	char *text = NULL;
	uint64_t end = mp_monotonic_ns() + LIST_NS;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t k = 1;

	while (k > 0 && n < LIST_MAX && !mp_signals_count() && mp_monotonic_ns() < end) {
		if (poll(&p, 1, 100) <= 0)
			continue;
		if (mp_grow(&text, &cap, n + 4097, 1))
			break;
		k = recv(fd, text + n, 4096, 0);
		n += k > 0 ? (size_t)k : 0;
	}
	if (k || !text) {
		mp_fail(MP_EXIT_FAILURE, "the daemon's list did not come to its end", NULL, "");
		free(text);
		return NULL;
	}
	text[n] = '\0';
	return text;
}

static void cell(char *buf, size_t size, uint64_t bytes)
{
	if (bytes == MP_UNKNOWN)
		snprintf(buf, size, "-");
	else
		mp_bytes(buf, size, (int64_t)bytes);
}

static void print_row(const struct mp_listed *t)
{
	char pid[24], rss[16], used[16], group[40], exe[256];

	snprintf(pid, sizeof(pid), "%lld", (long long)t->pid);
	cell(rss, sizeof(rss), t->rss);
	cell(used, sizeof(used), t->heap_used);
	mp_clean(group, sizeof(group), *t->group ? t->group : "-", 0);
	mp_clean(exe, sizeof(exe), *t->exe ? t->exe : t->comm, 0);
	printf("%8s %8s %8s  %-8s %-16s %s\n", t->pid == MP_UNKNOWN ? "-" : pid, rss, used,
	       t->gone ? "ended" : "runs", group, exe);
}

/* -p names it, or nothing is named. */
static bool chosen(const struct mp_args *a, const struct mp_listed *t)
{
	bool is = !a->n_pids;

	for (size_t i = 0; i < a->n_pids; i++)
		is |= t->pid == (uint64_t)a->pids[i];
	return is;
}

/* How many rows are chosen, or -EBADMSG: the list cannot be read to its end. */
static int count_rows(const struct mp_args *a, const char *text)
{
	struct mp_list_reader r;
	struct mp_listed t;
	int n = 0, err;

	mp_list_begin(&r, text);
	while ((err = mp_list_next(&r, &t)) > 0)
		n += chosen(a, &t);
	return err < 0 ? err : n;
}

static void print_rows(const struct mp_args *a, const char *text)
{
	struct mp_list_reader r;
	struct mp_listed t;

	printf("%8s %8s %8s  %-8s %-16s %s\n", "pid", "rss", "used", "state", "group", "program");
	mp_list_begin(&r, text);
	while (mp_list_next(&r, &t) > 0)
		if (chosen(a, &t))
			print_row(&t);
}

/* The daemon's document without the rows that are not chosen. There is one that is. */
static void print_json(const struct mp_args *a, const char *text)
{
	const char *before = text;
	struct mp_list_reader r;
	struct mp_listed t;
	bool more = false;

	mp_list_begin(&r, text);
	while (mp_list_next(&r, &t) > 0) {
		if (before)
			fwrite(before, 1, (size_t)(t.row - before), stdout);
		before = NULL;
		if (!chosen(a, &t))
			continue;
		fputs(more ? ",\n    " : "", stdout);
		fwrite(t.row, 1, t.len, stdout);
		more = true;
	}
	fputs(r.p - 1, stdout); /* from the list's bracket on */
}

static int show_list(const struct mp_args *a, const char *text)
{
	int n = count_rows(a, text);

	if (a->json && !a->n_pids) {
		fputs(text, stdout);
		return mp_finish_stdout(0, 0);
	}
	if (n < 0)
		return mp_fail(MP_EXIT_FAILURE, "the daemon's list cannot be read", NULL,
			       "memprof top --connect --list --json   shows it as it is");
	if (!n && a->n_pids)
		return not_seen(a);
	if (n && a->json)
		print_json(a, text);
	else if (n)
		print_rows(a, text);
	else if (!a->quiet)
		fprintf(stderr, "memprof: the daemon watches nothing that you may see\n");
	return mp_finish_stdout(0, 0);
}

int mp_connect_list(const struct mp_args *a)
{
	int fd = -1, code;
	char *text;

	mp_signals_init();
	code = ask(a, "list", 0, &fd);
	if (code)
		return code;
	text = read_all(fd);
	close(fd);
	code = text ? show_list(a, text) : MP_EXIT_FAILURE;
	free(text);
	return code;
}
