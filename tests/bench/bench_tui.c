/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * bench_tui.c - what a frame costs without a terminal, quiet and in a storm of faults,
 * and what memory a day of a live session takes. Prints one JSON object a line.
 *
 * CPU time, so that the figures do not change when other work holds the processor.
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tui/draw.h"
#include "user/rec/history.h"

#define MS	  1000000ULL
#define SEC	  1000000000ULL
#define HEAP	  0x7f0000000000ULL
#define HEAP_PAGE (1UL << 20) /* 4 GB */
#define FRAMES	  300
#define STORM	  400000 /* faults a second */
#define THREADS	  64
#define MAPPINGS  2000
#define BEFORE_S  1800 /* of the session, before the frames */

static struct session {
	struct mp_model *m;
	struct mp_history *h;
	uint64_t ts, n, anon;
	uint64_t random;
} ses;

static struct tui_view view;
static struct tui_theme theme;
static struct tui_frame frame;
static struct tui_grid grid;

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * SEC + (uint64_t)ts.tv_nsec;
}

static uint64_t rnd(uint64_t n)
{
	ses.random = ses.random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (ses.random >> 33) % n;
}

/* --- a session -------------------------------------------------------------------------- */

static void put(struct mp_event e)
{
	e.ts = ses.ts;
	e.mm = 1;
	if (!e.tid)
		e.tid = 100;
	if (mp_model_fold(ses.m, &e) || (ses.h && mp_history_append(ses.h, ses.m, &e, 1)))
		abort();
	ses.n++;
}

static void put_map(uint64_t start, uint64_t pages)
{
	struct mp_event e = { .type = MP_EV_MAP,
			      .sub = MP_MAP_LINE,
			      .x = MP_MAP_R | MP_MAP_W,
			      .map.start = start,
			      .map.end = start + pages * MP_PAGE_SIZE };

	put(e);
}

static void begin(bool past)
{
	struct mp_event e = { .type = MP_EV_TASK, .sub = MP_TASK_TARGET, .task.a = 100 };

	memset(&ses, 0, sizeof(ses));
	ses.ts = SEC;
	ses.m = mp_model_new();
	if (!ses.m || (past && mp_history_new(0, &ses.h)))
		abort();
	tui_view_init(&view, true);
	tui_theme_init(&theme, true, 256);
	frame.view = &view;
	frame.theme = &theme;
	frame.live = true;
	put(e);
	e = (struct mp_event){ .type = MP_EV_MAP, .sub = MP_MAP_BEGIN };
	put(e);
	put_map(HEAP, HEAP_PAGE);
	for (uint64_t i = 0; i < MAPPINGS; i++)
		put_map(HEAP + HEAP_PAGE * MP_PAGE_SIZE + (i + 1) * (1 << 20), 16);
	e.sub = MP_MAP_END;
	put(e);
}

static void end(void)
{
	mp_history_free(ses.h);
	mp_model_free(ses.m);
	tui_frame_free(&frame);
	memset(&frame, 0, sizeof(frame));
}

static void fault(uint64_t page)
{
	struct mp_event e = { .type = MP_EV_FAULT, .sub = MP_FAULT_WRITE, .x = 1 };

	e.tid = 100 + (uint32_t)rnd(THREADS);
	e.fault.addr = HEAP + page % HEAP_PAGE * MP_PAGE_SIZE;
	e.fault.ip = 0x401000 + rnd(100) * 16;
	put(e);
	ses.anon++;
}

static void rss(void)
{
	struct mp_event e = { .type = MP_EV_RSS, .sub = MP_RSS_KERNEL };

	e.rss.anon = ses.anon;
	e.rss.file = 300;
	e.rss.lazyfree = e.rss.hugetlb = MP_UNKNOWN;
	put(e);
}

/* Once a second: a collection, what the heap has then, and pages given back. */
static void collect(void)
{
	struct mp_event heap = { .type = MP_EV_HEAP, .sub = MP_SRC_GC };
	struct mp_event gc = { .type = MP_EV_GC, .sub = rnd(10) ? MP_GC_MINOR : MP_GC_MAJOR };
	struct mp_event call = { .type = MP_EV_CALL, .sub = MP_CALL_MADVISE, .x = 4 };
	uint64_t back = ses.anon > 20 ? 20 : ses.anon;

	gc.gc.before = 40000 * MP_PAGE_SIZE;
	gc.gc.after = 30000 * MP_PAGE_SIZE;
	gc.gc.cbefore = gc.gc.cafter = 1ULL << 30;
	gc.gc.pause = 3 * MS;
	gc.gc.start = ses.ts - 4 * MS;
	gc.gc.source = MP_SRC_GC;
	put(gc);
	heap.heap.used = ses.anon * MP_PAGE_SIZE / 2;
	heap.heap.committed = 1ULL << 30;
	heap.heap.external = heap.heap.arrays = heap.heap.limit = MP_UNKNOWN;
	heap.heap.goal = heap.heap.live = MP_UNKNOWN;
	put(heap);
	call.call.addr = HEAP + rnd(HEAP_PAGE - 100) * MP_PAGE_SIZE;
	call.call.len = 100 * MP_PAGE_SIZE;
	call.call.d_anon = -(int64_t)back;
	call.call.dur = 5000;
	put(call);
	ses.anon -= back;
}

/* 100 ms of it, with so many faults. */
static void grow(unsigned faults)
{
	uint64_t step = 100 * MS / (faults + 1);

	for (unsigned i = 0; i < faults; i++) {
		ses.ts += step;
		fault(faults > 100 ? ses.n : rnd(HEAP_PAGE));
	}
	ses.ts += 100 * MS - faults * step;
	rss();
	if (ses.ts / (100 * MS) % 10 == 0)
		collect();
}

/* --- frames ------------------------------------------------------------------------------ */

static void draw(int w, int h)
{
	frame.now = frame.state = ses.m;
	if (tui_frame_begin(&frame, w, h) || tui_grid_resize(&grid, w, h))
		abort();
	tui_draw(&grid, &frame);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void print(const char *name, const char *unit, double value, unsigned runs, double spread)
{
	printf("{\"name\":\"%s\",\"unit\":\"%s\",\"ours\":%.3f,\"runs\":%u,\"spread\":%.3f}\n",
	       name, unit, value, runs, spread);
	fflush(stdout);
}

/* The list of so many processes, children of one, as it is after a minute. */
/* Processor time of each frame while the session grows, shortest first. */
static void time_frames(double ms[FRAMES], unsigned faults, int w, int h)
{
	for (int i = 0; i < FRAMES; i++) {
		uint64_t t;

		grow(faults);
		t = cpu_ns();
		draw(w, h);
		ms[i] = (double)(cpu_ns() - t) / MS;
	}
	qsort(ms, FRAMES, sizeof(*ms), by_value);
}

static void list(unsigned n, int w, int h)
{
	static double ms[FRAMES];
	char name[64];

	begin(false);
	for (uint32_t i = 0; i < n; i++) {
		struct mp_event e = { .type = MP_EV_TASK, .sub = MP_TASK_TARGET, .mm = 2 + i };

		e.ts = ses.ts += 15 * MS;
		e.task.a = 1000 + i;
		e.task.c = 100;
		if (mp_model_fold(ses.m, &e))
			abort();
		e = (struct mp_event){ .ts = ses.ts, .type = MP_EV_RSS, .mm = 2 + i };
		e.rss.anon = 1000 + i;
		e.rss.lazyfree = e.rss.hugetlb = MP_UNKNOWN;
		if (mp_model_fold(ses.m, &e))
			abort();
	}
	draw(w, h);
	tui_list_show(&frame);
	draw(w, h);
	time_frames(ms, 2, w, h);
	snprintf(name, sizeof(name), "frame %dx%d, list of %u processes", w, h, n);
	print(name, "ms", ms[FRAMES / 2], FRAMES, ms[FRAMES * 3 / 4] - ms[FRAMES / 4]);
	end();
}

static void measure(const char *what, unsigned faults, int w, int h)
{
	static double ms[FRAMES];
	char name[64];

	time_frames(ms, faults, w, h);
	snprintf(name, sizeof(name), "frame %dx%d, %s", w, h, what);
	print(name, "ms", ms[FRAMES / 2], FRAMES, ms[FRAMES * 3 / 4] - ms[FRAMES / 4]);
	snprintf(name, sizeof(name), "longest frame %dx%d, %s", w, h, what);
	print(name, "ms", ms[FRAMES - 1], FRAMES, 0);
}

static void frames(const char *what, unsigned faults)
{
	static const int sizes[][2] = { { 80, 24 }, { 120, 40 }, { 300, 100 } };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		begin(false);
		for (int s = 0; s < BEFORE_S * 10; s++)
			grow(2);
		measure(what, faults, sizes[i][0], sizes[i][1]);
		end();
	}
}

/* --- a day ------------------------------------------------------------------------------- */

/* Resident bytes of this process that are nobody's file. */
static double resident(void)
{
	long pages = 0, shared = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f || fscanf(f, "%*d %ld %ld", &pages, &shared) != 2)
		abort();
	fclose(f);
	return (double)(pages - shared) * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

/* The live path: folded, put into the ring, drawn once a second. */
static void day(void)
{
	double half = 0, least = resident();
	uint64_t t = cpu_ns();

	begin(true);
	for (int s = 0; s < 24 * 3600; s++) {
		for (int i = 0; i < 10; i++)
			grow(3);
		if (s % 60 == 0)
			draw(80, 24);
		if (s == 12 * 3600)
			half = resident();
	}
	print("memory after a day", "MB", resident() - least, 1, 0);
	print("memory after half a day", "MB", half - least, 1, 0);
	print("events of that day", "M", (double)ses.n / 1e6, 1, 0);
	print("CPU for that day", "s", (double)(cpu_ns() - t) / SEC, 1, 0);
	end();
}

int main(void)
{
	setlocale(LC_ALL, "C.UTF-8");
	day();
	list(4000, 100, 40);
	frames("quiet", 0);
	frames("400,000 faults a second", STORM / 10);
	tui_grid_free(&grid);
	return 0;
}
