/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * serve.c - serves a made-up session on the daemon's socket, for tests of what viewers get.
 *
 *     serve SOCKET [OWNERS]
 *
 * Three processes, mm 1 to 3, pids 1001 to 1003, with "SECRET-N" in all their names, owned by
 * the users that OWNERS names ("1000,1001,0"; 0 alone is not plain: root's). Commands on stdin,
 * one a line, each answered by a line:
 *     step N        N more steps of each, 20 ms of the session each
 *     owner MM UID  it is that user's now
 *     start MM UID  a fourth, fifth... process appears
 *     noise N       N events of the first process that no compression makes smaller
 *     patient       at its end it waits a minute for what is queued, not a moment
 *     fork          a child has all that is open, to the end
 *     figures       viewers, accepted, refused, cut off, dropped, sent, longest call in us of CPU
 *                   time, RSS but for the ring's blocks, rounds of the loop, 1 if there is work
 *     end
 * It is what the daemon's loop is without a session; targets.h is answered from here.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/daemon/server_int.h"
#include "user/model/model.h"
#include "user/rec/history.h"
#include "user/util/diag.h"
#include "user/util/util.h"

#define HEAP	0x7f0000000000ULL
#define TICK_MS 10
#define MAX	64

struct dm_targets {
	struct dm_target v[MAX];
	size_t n;
};

static struct dm_targets targets;

size_t dm_targets_n(const struct dm_targets *t)
{
	return t->n;
}

const struct dm_target *dm_targets_at(const struct dm_targets *t, size_t i)
{
	return &t->v[i];
}

const struct dm_target *dm_targets_of_mm(const struct dm_targets *t, uint32_t mm)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].mm == mm)
			return &t->v[i];
	return NULL;
}

/* --- the session ------------------------------------------------------------------------- */

static struct mp_model *m;
static struct mp_history *h;
static struct dm_server *s;
static struct mp_event batch[1 << 14];
static size_t n_batch;
static uint64_t ts = 1000000000000ULL;
static uint32_t strs;
static unsigned steps;

static void hand_over(void)
{
	if (n_batch && mp_history_append(h, m, batch, n_batch))
		exit(1);
	n_batch = 0;
}

static void put(const struct mp_event *e)
{
	dm_server_event(s, m, e);
	mp_model_fold(m, e);
	batch[n_batch++] = *e;
	if (n_batch == sizeof(batch) / sizeof(batch[0]))
		hand_over();
}

static struct mp_event event(unsigned type, unsigned sub, uint32_t mm)
{
	return (struct mp_event){
		.ts = ts, .type = (uint16_t)type, .sub = (uint8_t)sub, .mm = mm, .tid = 1000 + mm
	};
}

static uint32_t name(uint32_t mm, const char *what)
{
	struct mp_event e = event(MP_EV_STR, 0, 0);
	char text[MP_STR_CHUNK];

	snprintf(text, sizeof(text), "SECRET-%u-%s-%u", mm, what, strs + 1);
	e.x = (uint32_t)strlen(text);
	e.str.id = ++strs;
	memcpy(e.str.text, text, strlen(text));
	put(&e);
	return strs;
}

static void start(uint32_t mm, uid_t uid)
{
	uint32_t comm = name(mm, "comm"), exe = name(mm, "exe"), heap = name(mm, "heap");
	struct mp_event e = event(MP_EV_TASK, MP_TASK_TARGET, mm);

	e.task.a = 1000 + mm;
	e.task.b = exe;
	e.task.comm = comm;
	put(&e);
	e = event(MP_EV_MAP, MP_MAP_BEGIN, mm);
	put(&e);
	e = event(MP_EV_MAP, MP_MAP_LINE, mm);
	e.x = MP_MAP_R | MP_MAP_W;
	e.map.start = HEAP;
	e.map.end = HEAP + (1ULL << 30);
	e.map.name = heap;
	put(&e);
	e = event(MP_EV_MAP, MP_MAP_END, mm);
	put(&e);
	if (targets.n < MAX) /* known a moment after its first events, as it is live */
		targets.v[targets.n++] = (struct dm_target){ .mm = mm,
							     .pid = (pid_t)(1000 + mm),
							     .owner = { uid, uid, uid != 0 },
							     .since = ts };
}

static void work(uint32_t mm)
{
	struct mp_event e = event(MP_EV_FAULT, MP_FAULT_WRITE, mm);

	e.x = 7;
	e.fault.addr = HEAP + (steps * 2654435761u % 200000 & ~7u) * MP_PAGE_SIZE;
	put(&e);
	e = event(MP_EV_RSS, MP_RSS_KERNEL, mm);
	e.rss.anon = steps * 7 + mm;
	e.rss.lazyfree = e.rss.hugetlb = MP_UNKNOWN;
	put(&e);
	if (steps % 10 == mm % 10) {
		uint32_t why = name(mm, "reason");

		e = event(MP_EV_GC, MP_GC_MINOR, mm);
		e.gc.before = 2000 + steps;
		e.gc.after = 1000 + steps;
		e.gc.reason = why;
		e.gc.source = MP_SRC_GC;
		put(&e);
	}
}

static void step(void)
{
	struct mp_event e = event(MP_EV_TICK, 0, 0);

	steps++;
	ts += 20000000;
	for (size_t i = 0; i < targets.n; i++)
		work(targets.v[i].mm);
	e.ts = ts;
	put(&e);
	hand_over();
}

static void noise(unsigned n)
{
	static uint64_t state = 1;

	ts += 20000000;
	while (n--) {
		struct mp_event e = event(MP_EV_SAMPLE, MP_SRC_GC, 1);

		for (size_t i = 0; i < 7; i++) {
			state = (state ^ state >> 29) * 0x9e3779b97f4a7c15ULL + 1;
			e.v[i] = i == 3 || i == 4 ? 0 : state; /* no string, no stack */
		}
		put(&e);
	}
	hand_over();
}

/* --- commands ---------------------------------------------------------------------------- */

static uint64_t rounds;
static uint64_t longest; /* ns of a thread's time that one call took */

static uint64_t rss(void)
{
	unsigned long long pages = 0, all;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f && fscanf(f, "%llu %llu", &all, &pages) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return pages * 4096;
}

static void figures(void)
{
	struct pollfd work = { dm_server_fd(s), POLLIN, 0 };
	struct dm_server_figures f;

	dm_server_figures(s, &f);
	printf("%u %llu %llu %llu %llu %llu %llu %llu %llu %d\n", f.viewers,
	       (unsigned long long)f.accepted, (unsigned long long)f.refused,
	       (unsigned long long)f.cut_off, (unsigned long long)f.dropped_blocks,
	       (unsigned long long)f.sent_bytes, (unsigned long long)longest / 1000,
	       (unsigned long long)(rss() - mp_history_bytes(h)), (unsigned long long)rounds,
	       poll(&work, 1, 0));
	longest = 0;
}

/* Like one of the daemon's between fork and exec. */
static void fork_one(void)
{
	int end[2];
	char c;

	if (pipe(end))
		exit(1);
	if (!fork()) {
		close(end[1]);
		_exit(read(end[0], &c, 1) != 0);
	}
	close(end[0]);
}

static bool command(const char *line)
{
	unsigned a = 0, b = 0;

	if (sscanf(line, "step %u", &a) == 1) {
		while (a--)
			step();
	} else if (sscanf(line, "noise %u", &a) == 1) {
		noise(a);
	} else if (sscanf(line, "owner %u %u", &a, &b) == 2) {
		for (size_t i = 0; i < targets.n; i++)
			if (targets.v[i].mm == a)
				targets.v[i].owner = (struct dm_owner){ b, b, b != 0 };
	} else if (sscanf(line, "start %u %u", &a, &b) == 2) {
		start(a, b);
		hand_over();
	} else if (!strncmp(line, "fork", 4)) {
		fork_one();
	} else if (!strncmp(line, "patient", 7)) {
		s->end_ns = 60000000000ULL;
	} else if (!strncmp(line, "figures", 7)) {
		figures();
		return true;
	} else if (!strncmp(line, "end", 3)) {
		return false;
	}
	printf("done %llu\n", (unsigned long long)ts);
	return true;
}

static bool read_commands(void)
{
	static char buf[4096];
	static size_t n;
	ssize_t k = read(0, buf + n, sizeof(buf) - 1 - n);
	char *end;

	if (k <= 0)
		return false;
	n += (size_t)k;
	buf[n] = 0;
	while ((end = strchr(buf, '\n'))) {
		*end = 0;
		if (!command(buf))
			return false;
		n -= (size_t)(end + 1 - buf);
		memmove(buf, end + 1, n + 1);
	}
	return true;
}

static void timed(void (*fn)(struct dm_server *))
{
	uint64_t began = mp_thread_cpu_ns();

	fn(s);
	began = mp_thread_cpu_ns() - began;
	longest = began > longest ? began : longest;
}

static void tick(struct dm_server *server)
{
	dm_server_tick(server, mp_monotonic_ns());
}

static void loop(void)
{
	bool on = true;

	while (on) {
		struct pollfd p[] = { { dm_server_fd(s), POLLIN, 0 }, { 0, POLLIN, 0 } };

		poll(p, 2, TICK_MS);
		rounds++;
		if (p[1].revents)
			on = read_commands();
		timed(dm_server_work);
		timed(tick);
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	struct dm_config c = { .max_viewers = 16 };
	const char *owners = argc > 2 ? argv[2] : "1000,1001,0";
	struct mp_diag d = { 0 };

	c.socket = argc > 1 ? argv[1] : NULL;
	m = mp_model_new();
	if (!c.socket || !m || mp_history_new(0, &h))
		return 1;
	for (uint32_t mm = 1; *owners; mm++) {
		start(mm, (uid_t)strtoul(owners, (char **)&owners, 10));
		owners += *owners == ',';
	}
	step();
	if (dm_server_open(&c, &targets, m, h, &s, &d)) {
		fprintf(stderr, "%s: %s\n%s\n", d.what, d.cause, d.fix);
		return 1;
	}
	puts("ready");
	fflush(stdout);
	loop();
	dm_server_close(s);
	mp_history_free(h);
	mp_model_free(m);
	return 0;
}
