/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * soak_tui.c - random keys, mouse and sizes, on the screen's code.
 *
 *     soak_tui grid|pty|both SECONDS|ROUNDSx [SEED]
 *
 * grid: no terminal; sessions that grow and ended ones, every theme, and what must hold
 * for each frame (tui_ops.h). pty: the whole program on a pseudo terminal that is
 * read now and then; it must draw, answer and end. To be run under AddressSanitizer
 * and UBSan (make soak). Prints the seed; the same seed gives the same run, but for
 * the pty's timing. Rounds are the same work on a slow machine and on a fast one.
 */
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>

#include "tests/unit/tui_ops.h"
#include "tui/mouse.h"

#define SEC    1000000000ULL
#define STEPS  400   /* of one theme and one session                */
#define DRAWN  10000 /* bytes that a round on a terminal is to draw */
#define HANG_S 120   /* without a byte from the program             */

static struct stream rnd; /* of the soak, not of the sessions */

/* How long: until a moment, or so many rounds. */
struct span {
	uint64_t until, rounds;
};

static bool more(const struct span *span, uint64_t done)
{
	return done < span->rounds && mp_monotonic_ns() < span->until;
}

static unsigned pick(unsigned n)
{
	return (unsigned)(stream_rnd(&rnd) % n);
}

/* --- without a terminal ------------------------------------------------------------- */

/* Where characters beyond ASCII cannot be shown, none is typed: see tui_screen_key(). */
static int random_key(const struct ops *o)
{
	const struct tui_key *k;

	switch (pick(8)) {
	case 0: /* any character, and what is none */
		return (int)pick(!o->theme.utf8 ? 0x80 : pick(2) ? 0x180 : 0x2ffff);
	case 1:
		return TUI_KEY_LEFT + (int)pick(TUI_KEY_NONE - TUI_KEY_LEFT);
	case 2: /* what leaves or confirms */
		return "\r\x1b\t\x1b"[pick(4)];
	default:
		k = &tui_keys[pick((unsigned)tui_keys_n)];
		return k->key[pick(3)];
	}
}

static void point(struct ops *o)
{
	struct tui_mouse m = { .what = (enum tui_mouse_what)pick(TUI_MOUSE_WHEEL_RIGHT + 1),
			       .x = (int)pick((unsigned)o->w + 2),
			       .y = (int)pick((unsigned)o->h_rows + 2),
			       .shift = pick(4) == 0 };

	OPS_CHECK(tui_take(&o->f, TUI_KEY_MOUSE, &m) >= 0);
	memset(&o->view.wish, 0, sizeof(o->view.wish));
}

static void type(struct ops *o, const char *text)
{
	for (; *text; text++)
		ops_key(o, *text);
}

/* Commands as somebody types them, with what belongs there and what does not. */
static void command(struct ops *o)
{
	static const char *const args[] = { "",	     "0",   "1:30", "-5", "99999999999999999999",
					    "heap",  "+1s", "/",    "\t", "\t\t",
					    "a b c", "-0",  "%s%n" };

	type(o, ":");
	for (unsigned i = pick(6); i; i--)
		ops_key(o, 'a' + (int)pick(26));
	if (pick(2))
		type(o, "\t");
	type(o, " ");
	type(o, args[pick(sizeof(args) / sizeof(args[0]))]);
	ops_key(o, pick(4) ? '\r' : 27);
}

/* What came to the screen since the last frame, and what its reader did. */
static void step(struct ops *o, int *w, int *h)
{
	if (pick(20) == 0) {
		*w = 1 + (int)pick(pick(3) ? 130 : 320);
		*h = 1 + (int)pick(pick(3) ? 50 : 110);
	}
	if (o->f.live && pick(4) == 0)
		ops_grow(o, 1 + pick(pick(10) ? 20 : 2000));
	if (o->f.live && pick(10) == 0)
		ops_odd(o);
	if (pick(4)) /* keys meet the last frame, with or without this */
		ops_work(o);
	for (unsigned i = pick(4); i; i--) {
		if (pick(10) == 0)
			command(o);
		else if (pick(10) == 0)
			point(o);
		else
			ops_key(o, random_key(o));
	}
}

static uint64_t soak_grid(const struct span *span)
{
	static const int depths[] = { 0, 8, 256 };
	uint64_t frames = 0;

	for (uint64_t done = 0; more(span, done); done++) {
		struct ops *o = ops_new(stream_rnd(&rnd), pick(2), pick(3), depths[pick(3)]);
		int w = 80, h = 24;

		o->theme.light = pick(2);
		ops_grow(o, pick(3000));
		for (unsigned i = pick(2) ? pick(200) : 0; i; i--)
			ops_odd(o);
		ops_draw(o, w, h);
		for (unsigned i = 0; i < STEPS; i++) {
			step(o, &w, &h);
			ops_draw(o, w, h);
		}
		frames += o->frames;
		ops_free(o);
	}
	return frames;
}

/* --- on a terminal ------------------------------------------------------------------- */

static struct ops *prog;

static int prog_pump(void *ctx)
{
	(void)ctx;
	ops_grow(prog, 5);
	return 1;
}

static int prog_save(void *ctx, const char *path, char *msg, unsigned size)
{
	(void)ctx;
	snprintf(msg, size, "saved to %s", path ? path : "a name of its own");
	return 0;
}

static int prog_snapshot(void *ctx, const char *path, const char *text, char *msg, unsigned size)
{
	OPS_CHECK(text);
	return prog_save(ctx, path, msg, size);
}

static void program(uint64_t seed)
{
	struct tui_opts opts = { .frame_ms = 10 };

	setlocale(LC_ALL, "C.UTF-8");
	prog = ops_new(seed, true, true, 256);
	prog->src.pump = prog_pump;
	prog->src.save = prog_save;
	prog->src.snapshot = prog_snapshot;
	OPS_CHECK(tui_run(&prog->src, &opts) == 0);
	ops_free(prog);
}

/* Bytes as a terminal sends them: keys, arrows, the mouse, answers, halves of all these. */
static size_t random_bytes(char *buf, size_t size)
{
	static const char *const seqs[] = {
		"\033[A",  "\033[B",	 "\033[C", "\033[D",	"\033[5~",
		"\033[6~", "\033OH",	 "\033OF", "\033[1;2C", "\033",
		"\033[M",  "\033]11;rg", "\t\t\r", ":\t\t\r",	"\033]11;rgb:ffff/ffff/ffff\033\\",
	};
	size_t n;

	switch (pick(5)) {
	case 0:
		return (size_t)snprintf(buf, size, "\033[<%u;%u;%u%c", pick(100), pick(200),
					pick(80), pick(2) ? 'M' : 'm');
	case 1:
		return (size_t)snprintf(buf, size, "%s",
					seqs[pick(sizeof(seqs) / sizeof(seqs[0]))]);
	default:
		n = 1 + pick(6);
		for (size_t i = 0; i < n; i++)
			buf[i] = (char)(pick(20) ? ' ' + pick(95) : pick(256));
		return n;
	}
}

/* Not what ends or stops it, nor what is the terminal's own. */
static void send_some(int fd)
{
	char buf[64];
	size_t n = random_bytes(buf, sizeof(buf));

	for (size_t i = 0; i < n; i++)
		if (buf[i] && strchr("qQ\003\032\034\021\023\026\017", buf[i]))
			buf[i] = 'h';
	if (write(fd, buf, n) < 0)
		OPS_CHECK(errno == EAGAIN || errno == EIO);
}

struct seen {
	uint64_t bytes, last; /* when the last came, ns */
};

static void read_some(int fd, struct seen *s)
{
	static char buf[65536];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n > 0) {
		s->bytes += (uint64_t)n;
		s->last = mp_monotonic_ns();
	}
}

/* It has ended: a command may have said so. It ends well or not at all. */
static bool ended(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, WNOHANG) == 0)
		return false;
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "the program ended with status %#x\n", (unsigned)status);
		abort();
	}
	return true;
}

/* Escape out of whatever is open, then q. */
static void leave(pid_t pid, int fd, struct seen *s)
{
	uint64_t end = mp_monotonic_ns() + HANG_S * SEC;

	while (!ended(pid)) {
		OPS_CHECK(mp_monotonic_ns() < end);
		OPS_CHECK(write(fd, "\033", 1) == 1 || errno == EAGAIN || errno == EIO);
		poll(NULL, 0, 60);
		OPS_CHECK(write(fd, "q", 1) == 1 || errno == EAGAIN || errno == EIO);
		poll(NULL, 0, 40);
		read_some(fd, s);
	}
}

/* A round: so many steps, and until it has drawn. True when it has ended by itself. */
static bool drive(pid_t pid, int fd, const struct span *span, struct seen *s)
{
	for (unsigned i = 0; (i < STEPS || s->bytes < DRAWN) && more(span, 0); i++) {
		poll(NULL, 0, 1 + (int)pick(10));
		if (pick(3))
			send_some(fd);
		if (pick(40) == 0) {
			struct winsize size = { .ws_col = (unsigned short)(1 + pick(200)),
						.ws_row = (unsigned short)(1 + pick(70)) };

			OPS_CHECK(ioctl(fd, TIOCSWINSZ, &size) == 0);
		}
		if (pick(300) == 0) /* nobody reads for a while */
			poll(NULL, 0, 200);
		read_some(fd, s);
		if (ended(pid))
			return true;
		OPS_CHECK(mp_monotonic_ns() - s->last < HANG_S * SEC);
	}
	return false;
}

static pid_t start(int *fd, int err)
{
	static const char *const terms[] = { "xterm-256color", "linux", "vt100",
					     "screen-256color" };
	struct winsize size = { .ws_col = 80, .ws_row = 24 };
	const char *term = terms[pick(sizeof(terms) / sizeof(terms[0]))];
	uint64_t seed = stream_rnd(&rnd);
	pid_t pid = forkpty(fd, NULL, NULL, &size);

	OPS_CHECK(pid >= 0);
	if (!pid) {
		dup2(err, STDERR_FILENO); /* what a sanitizer says must be seen */
		setenv("TERM", term, 1);
		program(seed);
		_exit(0);
	}
	fcntl(*fd, F_SETFL, O_NONBLOCK);
	return pid;
}

static uint64_t soak_pty(const struct span *span)
{
	int err = dup(STDERR_FILENO);
	uint64_t bytes = 0, done = 0;

	while (more(span, done)) {
		struct seen s = { .last = mp_monotonic_ns() };
		int fd;
		pid_t pid = start(&fd, err);

		if (!drive(pid, fd, span, &s)) {
			leave(pid, fd, &s);
			done++;
		}
		close(fd);
		bytes += s.bytes;
	}
	close(err);
	return bytes;
}

static struct span span_of(const char *arg, unsigned parts)
{
	char *end;
	uint64_t n = strtoull(arg, &end, 10);

	if (*end == 'x')
		return (struct span){ .until = UINT64_MAX, .rounds = n };
	return (struct span){ .until = mp_monotonic_ns() + n * SEC / parts, .rounds = UINT64_MAX };
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : mp_monotonic_ns();
	struct span span;
	bool grid, pty;

	if (argc < 3 || strtoull(argv[2], NULL, 10) == 0)
		return 64;
	pty = strcmp(argv[1], "grid") != 0;
	grid = strcmp(argv[1], "pty") != 0;
	setlocale(LC_ALL, "C.UTF-8");
	printf("seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	rnd.state = seed;
	if (grid) {
		span = span_of(argv[2], pty ? 2 : 1);
		printf("%llu frames\n", (unsigned long long)soak_grid(&span));
	}
	fflush(stdout);
	if (pty) {
		span = span_of(argv[2], grid ? 2 : 1);
		printf("%llu bytes\n", (unsigned long long)soak_pty(&span));
	}
	return 0;
}
