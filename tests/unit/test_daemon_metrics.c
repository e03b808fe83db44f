/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_daemon_metrics.c - the page of metrics of hand-written models: sums of what lives,
 * counters that never fall, both formats, how many series there can be; and the file of it.
 */
#include <dirent.h>
#include <malloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/ev.h"
#include "user/daemon/metrics.h"

/* --- what the other parts of the daemon would tell ----------------------------------------- */

#define HEAP_AT 0x10000000000ULL
#define MMS	65536
static struct dm_target targets[MMS]; /* by mm; group -1: none */
static uint64_t refused;
static struct dm_incident_figures figures[DM_GROUPS_MAX];

const struct dm_target *dm_targets_of_mm(const struct dm_targets *t, uint32_t mm)
{
	(void)t;
	return mm < MMS && targets[mm].group >= 0 ? &targets[mm] : NULL;
}

uint64_t dm_targets_refused(const struct dm_targets *t)
{
	(void)t;
	return refused;
}

/* --- a daemon with some groups ------------------------------------------------------------- */

struct dx {
	struct fx f;
	struct dm_group groups[DM_GROUPS_MAX];
	struct dm_config c;
	struct dm_metrics *m;
	struct dm_self self;
	char *page;
};

static void setup(struct dx *x, size_t n_groups)
{
	memset(x, 0, sizeof(*x));
	for (size_t i = 0; i < MMS; i++)
		targets[i] = (struct dm_target){ .mm = (uint32_t)i, .group = -1 };
	memset(figures, 0, sizeof(figures));
	refused = 0;
	for (size_t i = 0; i < n_groups; i++)
		snprintf(x->groups[i].name, sizeof(x->groups[i].name), "g%zu", i);
	x->c.groups = x->groups;
	x->c.n_groups = n_groups;
	x->f = fx_empty();
	x->self.model = x->f.m;
	assert_int_equal(dm_metrics_new(&x->c, NULL, &x->m), 0);
}

static void teardown(struct dx *x)
{
	dm_metrics_free(x->m);
	fx_free(&x->f);
	free(x->page);
}

/* As the session does: told before it is folded. */
static void feed(struct dx *x, struct mp_event e)
{
	dm_metrics_event(x->m, x->f.m, &e);
	assert_int_equal(mp_model_fold(x->f.m, &e), 0);
}

static void start(struct dx *x, uint32_t mm, int group)
{
	targets[mm].group = group;
	feed(x, ev_task(mm, tick(&x->f), MP_TASK_TARGET, 1000 + mm, 0));
}

static const char *page(struct dx *x, enum dm_format f)
{
	size_t n;
	FILE *out;

	free(x->page);
	out = open_memstream(&x->page, &n);
	assert_non_null(out);
	dm_metrics_write(x->m, &x->self, f, out);
	assert_int_equal(fclose(out), 0);
	return x->page;
}

/* The value of a line that begins with `series`, or -1: there is none. */
static double value(struct dx *x, const char *series)
{
	size_t n = strlen(series);

	for (const char *s = page(x, DM_PROMETHEUS); s; s = strchr(s, '\n')) {
		s += *s == '\n';
		if (!strncmp(s, series, n) && s[n] == ' ')
			return strtod(s + n, NULL);
	}
	return -1;
}

#define assert_value(x, series, v)                                                      \
	do {                                                                            \
		double got_ = value(x, series);                                         \
		if (got_ != (double)(v))                                                \
			fail_msg("%s is %.9g, not %.9g\n%s", series, got_, (double)(v), \
				 (x)->page);                                            \
	} while (0)
#define assert_absent(x, series) assert_value(x, series, -1)

/* --- levels -------------------------------------------------------------------------------- */

static void levels_are_sums_of_what_lives(void **state)
{
	struct dx x;

	(void)state;
	setup(&x, 2);
	start(&x, 1, 0);
	start(&x, 2, 0);
	start(&x, 3, 1);
	targets[4].group = -1; /* somebody else's */
	feed(&x, ev_task(4, tick(&x.f), MP_TASK_TARGET, 1004, 0));
	for (uint32_t mm = 1; mm <= 4; mm++)
		feed(&x, ev_rss(mm, tick(&x.f), 10 * mm, mm, 0));
	assert_value(&x, "memprof_resident_bytes{group=\"g0\",kind=\"anon\"}", 30 * PG);
	assert_value(&x, "memprof_resident_bytes{group=\"g0\",kind=\"file\"}", 3 * PG);
	assert_value(&x, "memprof_resident_bytes{group=\"g1\",kind=\"anon\"}", 30 * PG);
	assert_value(&x, "memprof_processes{group=\"g0\"}", 2);
	assert_value(&x, "memprof_target_up{group=\"g0\"}", 1);
	/* nobody told: left out, not 0 */
	assert_absent(&x, "memprof_lazyfree_bytes{group=\"g0\"}");
	assert_absent(&x, "memprof_gc_heap_bytes{group=\"g0\",state=\"live\"}");
	assert_absent(&x, "memprof_gc_pause_seconds_count{group=\"g0\"}");

	feed(&x, ev_task(2, tick(&x.f), MP_TASK_EXIT, 0, 0));
	assert_value(&x, "memprof_resident_bytes{group=\"g0\",kind=\"anon\"}", 10 * PG);
	assert_value(&x, "memprof_processes{group=\"g0\"}", 1);
	feed(&x, ev_task(1, tick(&x.f), MP_TASK_EXIT, 0, 0));
	assert_absent(&x, "memprof_resident_bytes{group=\"g0\",kind=\"anon\"}");
	/* that is known */
	assert_value(&x, "memprof_processes{group=\"g0\"}", 0);
	assert_value(&x, "memprof_target_up{group=\"g0\"}", 0);
	teardown(&x);
}

static void heaps_and_their_gap(void **state)
{
	struct dx x;

	(void)state;
	setup(&x, 1);
	for (uint32_t mm = 1; mm <= 2; mm++) {
		start(&x, mm, 0);
		feed(&x, ev_rss(mm, tick(&x.f), 1000, 0, 0));
		feed(&x, ev_heap(mm, tick(&x.f), MP_SRC_GC, 100 * PG, 300 * PG));
	}
	assert_value(&x, "memprof_gc_heap_bytes{group=\"g0\",state=\"live\"}", 200 * PG);
	assert_value(&x, "memprof_gc_heap_bytes{group=\"g0\",state=\"free\"}", 400 * PG);
	assert_value(&x, "memprof_gc_heap_bytes{group=\"g0\",state=\"committed\"}", 600 * PG);
	assert_value(&x, "memprof_rss_heap_gap_bytes{group=\"g0\"}", 1800 * PG);
	teardown(&x);
}

static struct mp_event charge(struct dx *x, uint32_t mm, uint32_t name, uint64_t charged,
			      uint64_t limit)
{
	struct mp_event e = ev(MP_EV_CGROUP, 2, mm, tick(&x->f));

	e.x = name;
	e.cgroup.charged = charged;
	e.cgroup.limit = limit;
	e.cgroup.anon = charged / 2;
	e.cgroup.file = charged / 4;
	e.cgroup.shmem = e.cgroup.kernel = MP_UNKNOWN;
	return e;
}

/* Of five processes in two control groups each group is counted once; without a limit it has none.
 */
static void control_groups_count_once(void **state)
{
	struct dx x;

	(void)state;
	setup(&x, 2);
	for (uint32_t mm = 1; mm <= 5; mm++) {
		start(&x, mm, mm == 5);
		feed(&x, charge(&x, mm, mm % 2 ? 7 : 8, mm % 2 ? 100 * MIB : 40 * MIB,
				mm % 2 ? 200 * MIB : 50 * MIB));
	}
	assert_value(&x, "memprof_cgroup_charged_bytes{group=\"g0\"}", 140 * MIB);
	assert_value(&x, "memprof_cgroup_limit_bytes{group=\"g0\"}", 250 * MIB);
	assert_value(&x, "memprof_cgroup_limit_used_ratio{group=\"g0\"}", 0.8);
	assert_value(&x, "memprof_cgroup_limit_used_ratio{group=\"g1\"}", 0.5);
	assert_value(&x, "memprof_cgroup_memory_bytes{group=\"g0\",kind=\"file\"}", 35 * MIB);
	assert_absent(&x, "memprof_cgroup_memory_bytes{group=\"g0\",kind=\"kernel\"}");
	assert_absent(&x, "memprof_cgroup_cache_bytes{group=\"g0\",kind=\"dirty\"}");
	/* what the kernel takes back by itself is no shortage */
	struct mp_event more = ev(MP_EV_CGROUP_MORE, 2, 5, tick(&x.f));

	more.cgroup_more.inactive_file = 50 * MIB;
	feed(&x, more);
	assert_value(&x, "memprof_cgroup_limit_used_ratio{group=\"g1\"}", 0.25);
	assert_value(&x, "memprof_cgroup_cache_bytes{group=\"g1\",kind=\"inactive_file\"}",
		     50 * MIB);
	for (uint32_t mm = 1; mm <= 5; mm++)
		feed(&x, charge(&x, mm, 7, 100 * MIB, MP_UNKNOWN));
	assert_value(&x, "memprof_cgroup_charged_bytes{group=\"g0\"}", 100 * MIB);
	assert_absent(&x, "memprof_cgroup_limit_bytes{group=\"g0\"}");
	assert_absent(&x, "memprof_cgroup_limit_used_ratio{group=\"g0\"}");
	teardown(&x);
}

/* --- counters ------------------------------------------------------------------------------ */

/* Of all lines that begin so. */
static double sum(struct dx *x, const char *prefix)
{
	double total = 0;

	for (const char *s = page(x, DM_PROMETHEUS); s; s = strchr(s, '\n')) {
		s += *s == '\n';
		if (!strncmp(s, prefix, strlen(prefix)))
			total += strtod(strchr(s, ' '), NULL);
	}
	return total;
}

static double faults_of(struct dx *x, int group)
{
	char prefix[64];

	snprintf(prefix, sizeof(prefix), "memprof_page_faults_total{group=\"g%d\"", group);
	return sum(x, prefix);
}

static void fault(struct dx *x, uint32_t mm, uint32_t pages)
{
	feed(x, ev_fault(mm, tick(&x->f), HEAP_AT, pages, MP_FAULT_WRITE));
}

static void counters_outlive_processes(void **state)
{
	struct dx x;
	uint64_t want = 10;

	(void)state;
	setup(&x, 1);
	feed(&x, ev_task(1, tick(&x.f), MP_TASK_TARGET, 1001,
			 0)); /* the first one is never forgotten */
	start(&x, 2, 0);
	fault(&x, 2, 10);
	assert_int_equal(faults_of(&x, 0), 10);
	assert_int_equal(faults_of(&x, 0), 10);
	/* more come and go between two pages than the model keeps */
	for (uint32_t mm = 3; mm < 3000; mm++) {
		start(&x, mm, 0);
		fault(&x, mm, mm % 7 + 1);
		want += mm % 7 + 1;
		feed(&x, ev_task(mm, tick(&x.f), MP_TASK_MM_EXIT, 0, 0));
		feed(&x, ev_task(mm, tick(&x.f), MP_TASK_EXIT, 0, 0));
		feed(&x, ev(MP_EV_TICK, 0, 0, tick(&x.f)));
		if (mm % 700 == 0)
			assert_int_equal(faults_of(&x, 0), want);
	}
	assert_true(x.f.m->n_procs < 1000);
	assert_int_equal(faults_of(&x, 0), want);
	/* nor when the targets' table forgets, too */
	for (uint32_t mm = 2; mm < 3000; mm++)
		targets[mm].group = -1;
	assert_int_equal(faults_of(&x, 0), want);
	teardown(&x);
}

/* exec gives a process another address space: what it counted is counted once. */
static void counters_through_exec(void **state)
{
	struct mp_event e;
	struct dx x;

	(void)state;
	setup(&x, 2);
	start(&x, 1, 0);
	fault(&x, 1, 5);
	assert_int_equal(faults_of(&x, 0), 5);
	fault(&x, 1, 2);
	targets[9].group = 1; /* what it runs now is another group's */
	e = ev_task(9, tick(&x.f), MP_TASK_EXEC, 1, 1001);
	feed(&x, e);
	targets[1].group = -1;
	assert_int_equal(faults_of(&x, 0), 7);
	fault(&x, 9, 4);
	assert_int_equal(faults_of(&x, 0), 7);
	assert_int_equal(faults_of(&x, 1), 4);
	teardown(&x);
}

/* What madvise gave back is a sum with a sign; the counter only rises. */
static void random_lives(void **state)
{
	struct rnd r = rnd_seed("random_lives", 7);
	double last[2] = { 0 }, gave = 0;
	struct dx x;

	(void)state;
	setup(&x, 2);
	for (int i = 0; i < 3000; i++) {
		uint32_t mm = (uint32_t)rnd_below(&r, 40) + 1 + (uint32_t)i / 100 * 40;
		double now;

		if (targets[mm].group < 0)
			start(&x, mm, mm % 2);
		fault(&x, mm, (uint32_t)rnd_below(&r, 5) + 1);
		if (rnd_below(&r, 3) == 0) {
			struct mp_event e =
				ev_madvise(mm, tick(&x.f), HEAP_AT, 8 * PG, MADV_DONTNEED);

			e.call.d_anon = (int32_t)rnd_below(&r, 9) - 5;
			feed(&x, e);
		}
		if (rnd_below(&r, 10) == 0)
			feed(&x, ev_task(mm, tick(&x.f), MP_TASK_EXIT, 0, 0));
		if (rnd_below(&r, 20))
			continue;
		for (int g = 0; g < 2; g++) {
			now = faults_of(&x, g);
			assert_true(now >= last[g]);
			last[g] = now;
		}
		now = sum(&x, "memprof_discarded_bytes_total");
		assert_true(now >= gave);
		gave = now;
	}
	teardown(&x);
}

/* --- pauses -------------------------------------------------------------------------------- */

static void pauses_are_a_histogram(void **state)
{
	static const uint64_t ns[] = { 5 * US, 10 * US, 2 * MS, 100 * SEC, MP_UNKNOWN };
	struct dx x;

	(void)state;
	setup(&x, 2);
	start(&x, 1, 0);
	start(&x, 2, 1);
	for (size_t i = 0; i < sizeof(ns) / sizeof(ns[0]); i++) {
		struct mp_event e = ev_gc(1, tick(&x.f), MP_GC_MAJOR, 10 * MIB, 5 * MIB);

		e.gc.pause = ns[i];
		e.gc.start = e.ts;
		feed(&x, e);
	}
	feed(&x, ev_task(1, tick(&x.f), MP_TASK_EXIT, 0, 0));
	assert_value(&x, "memprof_gc_pause_seconds_bucket{group=\"g0\",le=\"1e-05\"}", 2);
	assert_value(&x, "memprof_gc_pause_seconds_bucket{group=\"g0\",le=\"0.001\"}", 2);
	assert_value(&x, "memprof_gc_pause_seconds_bucket{group=\"g0\",le=\"0.003\"}", 3);
	assert_value(&x, "memprof_gc_pause_seconds_bucket{group=\"g0\",le=\"30.0\"}", 3);
	assert_value(&x, "memprof_gc_pause_seconds_bucket{group=\"g0\",le=\"+Inf\"}", 4);
	assert_value(&x, "memprof_gc_pause_seconds_count{group=\"g0\"}", 4);
	assert_value(&x, "memprof_gc_pause_seconds_sum{group=\"g0\"}", 100.002015);
	assert_absent(&x, "memprof_gc_pause_seconds_count{group=\"g1\"}");
	assert_value(&x, "memprof_gc_cycles_total{group=\"g0\",kind=\"major\"}", 5);
	teardown(&x);
}

/* --- what the daemon knows of itself ------------------------------------------------------- */

static void own_figures(void **state)
{
	struct dx x;

	(void)state;
	setup(&x, 2);
	assert_absent(&x, "memprof_triggers_fired_total{group=\"g0\"}");
	assert_absent(&x, "memprof_daemon_memory_bytes{kind=\"bpf\"}");
	assert_absent(&x, "memprof_daemon_cpu_seconds_total");
	refused = 3;
	figures[1] = (struct dm_incident_figures){ 9, 4, 3, 2, 1700000000 * SEC + 5 * MS };
	x.self.incidents = figures;
	x.self.rss = 4 * MIB;
	x.self.bpf = 8 * MIB;
	x.self.cpu_ns = 12345678901ULL;
	x.self.lost[1] = 77;
	x.self.fill = 43;
	x.self.server = (struct dm_server_figures){ 2, 10, 5, 1, 6, 1234 };
	assert_value(&x, "memprof_targets_refused_total", 3);
	assert_value(&x, "memprof_triggers_fired_total{group=\"g1\"}", 9);
	assert_value(&x, "memprof_incidents_total{group=\"g1\",outcome=\"rested\"}", 4);
	assert_value(&x, "memprof_incidents_total{group=\"g1\",outcome=\"saved\"}", 3);
	assert_value(&x, "memprof_incidents_total{group=\"g1\",outcome=\"failed\"}", 2);
	assert_value(&x, "memprof_incident_last_timestamp_seconds{group=\"g1\"}", 1700000000.005);
	assert_absent(&x, "memprof_incident_last_timestamp_seconds{group=\"g0\"}");
	assert_value(&x, "memprof_tables_used_ratio", 0.43);
	assert_value(&x, "memprof_viewers", 2);
	assert_value(&x, "memprof_viewer_connections_total{outcome=\"accepted\"}", 10);
	assert_value(&x, "memprof_viewer_connections_total{outcome=\"refused\"}", 5);
	assert_value(&x, "memprof_viewer_connections_total{outcome=\"cut_off\"}", 1);
	assert_value(&x, "memprof_viewer_dropped_blocks_total", 6);
	assert_value(&x, "memprof_viewer_sent_bytes_total", 1234);
	assert_value(&x, "memprof_daemon_memory_bytes{kind=\"resident\"}", 4 * MIB);
	assert_value(&x, "memprof_daemon_memory_bytes{kind=\"bpf\"}", 8 * MIB);
	assert_value(&x, "memprof_daemon_cpu_seconds_total", 12.345678901);
	assert_value(&x, "memprof_build_info{version=\"" MEMPROF_VERSION "\"}", 1);
	assert_int_equal(sum(&x, "memprof_events_lost_total"), 77);
	assert_true(value(&x, "memprof_scrape_duration_seconds") > 0);
	teardown(&x);
}

/* --- form ---------------------------------------------------------------------------------- */

static void the_two_formats(void **state)
{
	struct dx x;
	const char *s;

	(void)state;
	setup(&x, 1);
	snprintf(x.groups[0].name, sizeof(x.groups[0].name), "a\"b\\c\nd");
	assert_int_equal(dm_metrics_reload(x.m, &x.c, NULL), 0);
	start(&x, 1, 0);
	fault(&x, 1, 1);
	feed(&x, ev_rss(1, tick(&x.f), 1, 0, 0));
	s = page(&x, DM_PROMETHEUS);
	assert_non_null(strstr(s, "\nmemprof_processes{group=\"a\\\"b\\\\c?d\"} 1\n"));
	assert_non_null(strstr(s, "# TYPE memprof_page_faults_total counter\n"));
	assert_non_null(strstr(s, "# HELP memprof_page_faults_total Page faults"));
	assert_non_null(strstr(s, "# TYPE memprof_build_info gauge\n"));
	assert_null(strstr(s, "# UNIT"));
	assert_null(strstr(s, "# EOF"));
	assert_int_equal(s[strlen(s) - 1], '\n');
	s = page(&x, DM_OPENMETRICS);
	assert_non_null(strstr(s, "# TYPE memprof_page_faults counter\n# HELP"));
	assert_non_null(strstr(s, "\nmemprof_page_faults_total{group="));
	assert_non_null(strstr(s, "# TYPE memprof_build info\n"));
	assert_non_null(strstr(s, "# UNIT memprof_resident_bytes bytes\n"));
	assert_non_null(strstr(s, "# UNIT memprof_scrape_duration_seconds seconds\n"));
	assert_string_equal(s + strlen(s) - 6, "# EOF\n");
	teardown(&x);
}

static size_t samples(const char *s)
{
	size_t n = 0;

	for (; *s; s = strchr(s, '\n') + 1)
		n += *s != '#';
	return n;
}

/* The number of series follows from the config: with every figure known of thousands of processes
 * it is below the bound, and no more with more processes. */
static void series_are_bounded(void **state)
{
	struct rnd r = rnd_seed("series_are_bounded", 3);
	size_t before = 0, max = dm_metrics_series_max(DM_GROUPS_MAX);
	struct dx x;

	(void)state;
	setup(&x, DM_GROUPS_MAX);
	x.self.incidents = figures;
	for (uint32_t mm = 1; mm <= 4000; mm++) {
		start(&x, mm, (int)(mm % DM_GROUPS_MAX));
		feed(&x, ev_rss(mm, tick(&x.f), mm, 1, 1));
		feed(&x, ev_heap(mm, tick(&x.f), MP_SRC_GC, mm * PG, 2 * mm * PG));
		feed(&x, ev_gc(mm, tick(&x.f), MP_GC_MINOR, 10 * MIB, 5 * MIB));
		feed(&x, charge(&x, mm, mm, 100 * MIB, 200 * MIB));
		fault(&x, mm, 1);
		feed(&x, ev_madvise(mm, tick(&x.f), HEAP_AT, PG, (unsigned)rnd_below(&r, 40)));
		if (rnd_below(&r, 2))
			feed(&x, ev_task(mm, tick(&x.f), MP_TASK_EXIT, 0, 0));
		if (mm == 2000)
			before = samples(page(&x, DM_OPENMETRICS));
	}
	assert_true(before > DM_GROUPS_MAX * 40);
	assert_true(samples(page(&x, DM_OPENMETRICS)) <= max);
	/* advice is drawn: a group may see one more kind late */
	assert_true(samples(x.page) < before + before / 5);
	printf("%zu series of %zu, page of %zu bytes\n", samples(x.page), max, strlen(x.page));
	/* as docs/fleet.md says */
	assert_int_equal(dm_metrics_series_max(0), 25);
	assert_int_equal(dm_metrics_series_max(1) - dm_metrics_series_max(0), 118);
	teardown(&x);
}

/* --- another config ------------------------------------------------------------------------ */

static void counters_outlive_a_config(void **state)
{
	struct dm_group other[2] = { { .name = "new" }, { .name = "g0" } };
	struct dm_config c = { .groups = other, .n_groups = 2 };
	struct dx x;

	(void)state;
	setup(&x, 2);
	start(&x, 1, 0);
	start(&x, 2, 1);
	fault(&x, 1, 5);
	fault(&x, 2, 3);
	feed(&x, ev_gc(1, tick(&x.f), MP_GC_MAJOR, 2 * MIB, MIB));
	assert_int_equal(faults_of(&x, 0), 5);
	assert_int_equal(dm_metrics_reload(x.m, &c, NULL), 0);
	targets[1].group = 1;
	targets[2].group = 0;
	fault(&x, 1, 1);
	assert_int_equal(faults_of(&x, 0), 6);
	assert_value(&x, "memprof_gc_pause_seconds_count{group=\"g0\"}", 1);
	assert_absent(&x, "memprof_processes{group=\"g1\"}");
	assert_value(&x, "memprof_processes{group=\"new\"}", 1);
	teardown(&x);
}

/* The same numbers name other processes in a new session. */
static void counters_outlive_a_session(void **state)
{
	struct dx x;

	(void)state;
	setup(&x, 1);
	start(&x, 1, 0);
	fault(&x, 1, 5);
	assert_int_equal(faults_of(&x, 0), 5);
	fault(&x, 1, 4);
	dm_metrics_renew(x.m, x.f.m);
	fx_free(&x.f);
	x.f = fx_empty();
	x.self.model = x.f.m;
	assert_int_equal(faults_of(&x, 0), 9);
	start(&x, 1, 0);
	fault(&x, 1, 2);
	assert_int_equal(faults_of(&x, 0), 11);
	teardown(&x);
}

/* --- the file ------------------------------------------------------------------------------ */

static size_t files_in(const char *dir)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.' || strlen(e->d_name) > 2;
	closedir(d);
	return n;
}

static void losses_as_a_log_tells_them(void **state)
{
	uint64_t lost[MP_LOSS_MAX] = { 0 };
	char buf[160], tiny[8];

	(void)state;
	assert_int_equal(dm_metrics_lost(lost, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "");
	lost[MP_LOSS_BUSY] = 5;
	assert_int_equal(dm_metrics_lost(lost, buf, sizeof(buf)), 5);
	assert_string_equal(buf, "busy 5");
	lost[MP_LOSS_RING_FULL] = 1178000;
	lost[MP_LOSS_DISK] = 6;
	assert_int_equal(dm_metrics_lost(lost, buf, sizeof(buf)), 1178011);
	assert_string_equal(buf, "ring_full 1178000, disk 6, busy 5");
	lost[MP_LOSS_STACK] = 3;
	lost[MP_LOSS_LIMIT] = 4;
	assert_int_equal(dm_metrics_lost(lost, buf, sizeof(buf)), 1178018);
	assert_string_equal(buf, "ring_full 1178000, disk 6, busy 5, others 7");
	dm_metrics_lost(lost, tiny, sizeof(tiny));
	assert_string_equal(tiny, "ring_fu");
}

static const struct dm_self *look_up(void *ctx)
{
	return &((struct dx *)ctx)->self;
}

static void textfile_is_replaced_whole(void **state)
{
	char dir[] = "/tmp/memprof-textfile-XXXXXX", path[64], sub[64];
	mode_t mask = umask(077);
	struct stat was, is;
	struct dx x;
	struct dm_look look = { look_up, &x };

	(void)state;
	setup(&x, 1);
	assert_non_null(mkdtemp(dir));
	snprintf(sub, sizeof(sub), "%s/sub", dir);
	snprintf(path, sizeof(path), "%s/sub/memprof.prom", dir);
	x.c.textfile = path;
	x.c.textfile_ns = 10 * SEC;
	assert_int_equal(dm_textfile_tick(x.m, &look, 1 * SEC), -ENOENT);
	assert_int_equal(dm_textfile_tick(x.m, &look, 2 * SEC), 0); /* not due */
	assert_int_equal(mkdir(sub, 0700), 0);
	assert_int_equal(dm_textfile_tick(x.m, &look, 11 * SEC), 0);
	assert_int_equal(stat(path, &was), 0);
	assert_int_equal(was.st_mode & 07777, 0644);
	assert_int_equal(files_in(sub), 1);
	assert_int_equal(dm_textfile_tick(x.m, &look, 20 * SEC), 0);
	assert_int_equal(stat(path, &is), 0);
	assert_int_equal(is.st_ino, was.st_ino);
	/* a reader that has it open has the old one to the end */
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(dm_textfile_tick(x.m, &look, 21 * SEC), 0);
	assert_int_equal(fstat(fileno(f), &is), 0);
	assert_int_equal(is.st_size, was.st_size);
	assert_int_equal(is.st_nlink, 0);
	fclose(f);
	teardown(&x); /* removes it */
	assert_int_equal(files_in(sub), 0);
	assert_int_equal(rmdir(sub), 0);
	assert_int_equal(rmdir(dir), 0);
	umask(mask);
}

static void live_and_end(struct dx *x, uint32_t from, uint32_t to)
{
	for (uint32_t mm = from; mm < to; mm++) {
		start(x, mm, 0);
		feed(x, ev_task(mm, tick(&x->f), MP_TASK_EXIT, 1000 + mm, 0));
		feed(x, ev_task(mm, tick(&x->f), MP_TASK_MM_EXIT, 1000 + mm, 0));
		if (!(mm % 100))
			feed(x, ev(MP_EV_TICK, 0, 0, tick(&x->f)));
	}
}

/* Processes come and go while nobody asks for a page: what is kept is of those the model knows. */
static void nobody_asks(void **state)
{
	enum { LIVES = 20000 };
	size_t before;
	struct dx x;

	(void)state;
	setup(&x, 1);
	live_and_end(&x, 1, 1 + LIVES);
	before = mallinfo2().uordblks;
	live_and_end(&x, 1 + LIVES, 1 + 2 * LIVES);
	assert_in_range(mallinfo2().uordblks, 0, before + (size_t)LIVES * 100);
	teardown(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels_are_sums_of_what_lives),
		cmocka_unit_test(heaps_and_their_gap),
		cmocka_unit_test(control_groups_count_once),
		cmocka_unit_test(counters_outlive_processes),
		cmocka_unit_test(counters_through_exec),
		cmocka_unit_test(random_lives),
		cmocka_unit_test(pauses_are_a_histogram),
		cmocka_unit_test(own_figures),
		cmocka_unit_test(the_two_formats),
		cmocka_unit_test(series_are_bounded),
		cmocka_unit_test(counters_outlive_a_config),
		cmocka_unit_test(counters_outlive_a_session),
		cmocka_unit_test(nobody_asks),
		cmocka_unit_test(losses_as_a_log_tells_them),
		cmocka_unit_test(textfile_is_replaced_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
