/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_log.c - the lines of text: exact for records written by hand, and as many as
 * there were collections for a heap at work.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "common.h"
#include "gc/internal.h"
#include "tests/log_golden.h"

#define MB_(x) ((size_t)((x)*1048576.0))
#define MS(x)  ((uint64_t)((x)*1e6))

static const struct log_heap who = { .pid = 17998,
				     .heap = (void *)0x2d424c40,
				     .id = 2,
				     .name = "a \"name\"\n",
				     .start_ns = 5000000000,
				     .cpus = 4 };

static struct gc_record_line minor_line(void)
{
	return (struct gc_record_line){
		.ts = 5000000000 + MS(27.47),
		.pause = MS(1.53),
		.before = MB_(4.1),
		.after = MB_(3.9),
		.cbefore = MB_(4.2),
		.cafter = MB_(5.2),
		.kind = GC_SEG_MINOR,
		.reason = GC_REASON_YOUNG_FULL,
		.number = 3,
		.mu = 1,
		.mu_avg = 1,
		.goal = MIB(4),
		.percent = 5,
		.phase_ns = { [GC_PHASE_STOP] = 900, [GC_PHASE_COPY] = MS(1.2) }
	};
}

static struct gc_record_line major_line(void)
{
	return (struct gc_record_line){
		.ts = 5000000000 + MS(375),
		.pause = MS(1.9),
		.before = MB_(35.5),
		.after = MB_(14.6),
		.cbefore = MB_(39),
		.cafter = MB_(36.2),
		.kind = GC_SEG_MAJOR,
		.reason = GC_REASON_GOAL,
		.number = 12,
		.mark_start = 5000000000 + MS(280),
		.mark_ns = MS(22.1),
		.mark_max = MS(0.4),
		.slices = 310,
		.percent = 25,
		.mu = 0.874,
		.mu_avg = 0.912,
		.goal = MIB(30),
		.live = MB_(14.5),
		.external = 7,
		.owed = 4096,
		.phase_ns = { [GC_PHASE_STOP] = 104000, [GC_PHASE_SWEEP] = MS(0.5) }
	};
}

static void line_is(int style, const struct gc_record_line *l, const char *want)
{
	char buf[2048];
	size_t len = log_format(buf, sizeof(buf), style, &who, l);

	assert_string_equal(buf, want);
	assert_int_equal(len, strlen(want));
}

static void as_v8(void **state)
{
	struct gc_record_line minor = minor_line(), major = major_line(), compact = minor;

	(void)state;
	line_is(GC_LOG_V8, &minor, GOLDEN_V8_MINOR);
	line_is(GC_LOG_V8, &major, GOLDEN_V8_MAJOR);
	compact = (struct gc_record_line){ .ts = 5000000000 + MS(59877.5),
					   .pause = MS(123.456),
					   .before = MIB(512),
					   .after = MB_(0.1),
					   .cbefore = MIB(600),
					   .cafter = MIB(2),
					   .kind = GC_SEG_COMPACT,
					   .reason = GC_REASON_FORCED,
					   .mu = 0.5,
					   .mu_avg = 0.912 };
	line_is(GC_LOG_V8, &compact, GOLDEN_V8_COMPACT);
}

static void as_go(void **state)
{
	struct gc_record_line minor = minor_line(), major = major_line();

	(void)state;
	line_is(GC_LOG_GO, &minor,
		"gc 3 @0.027s 5%: 0+0+1.5 ms clock, 0+0/0/0+1.5 ms cpu, 4->3->3 MB, 4 MB goal, "
		"0 MB stacks, 0 MB globals, 4 P\n");
	line_is(GC_LOG_GO, &major,
		"gc 12 @0.280s 25%: 0.10+22+1.9 ms clock, 0.10+22/0/0+1.9 ms cpu, 35->14->14 MB, "
		"30 MB goal, 0 MB stacks, 0 MB globals, 4 P\n");
	minor.reason = GC_REASON_FORCED;
	minor.pause = 9999999;
	line_is(GC_LOG_GO, &minor,
		"gc 3 @0.027s 5%: 0+0+9.9 ms clock, 0+0/0/0+9.9 ms cpu, 4->3->3 MB, 4 MB goal, "
		"0 MB stacks, 0 MB globals, 4 P (forced)\n");
	minor.pause = 12900000;
	minor.phase_ns[GC_PHASE_STOP] = 7000;
	line_is(GC_LOG_GO, &minor,
		"gc 3 @0.027s 5%: 0.007+0+12 ms clock, 0.007+0/0/0+12 ms cpu, 4->3->3 MB, "
		"4 MB goal, 0 MB stacks, 0 MB globals, 4 P (forced)\n");
}

static void as_json(void **state)
{
	struct gc_record_line major = major_line();

	(void)state;
	major.goal = SIZE_MAX;
	line_is(GC_LOG_JSONL, &major,
		"{\"type\":\"gc\",\"pid\":17998,\"heap\":2,\"name\":\"a "
		"\\\"name\\\"\\u000a\",\"n\":12,"
		"\"kind\":\"major\",\"reason\":\"heap goal\",\"start_ns\":5375000000,"
		"\"pause_ns\":1900000,\"before\":37224448,\"after\":15309209,"
		"\"committed_before\":40894464,\"committed_after\":37958451,\"owed\":4096,"
		"\"external\":7,\"goal\":null,\"live\":15204352,\"mark_ns\":22100000,\"slices\":"
		"310,"
		"\"biggest_slice_ns\":400000,\"mu_average\":0.912,\"mu\":0.874,\"gc_percent\":25,"
		"\"phases_ns\":{\"stop\":104000,\"sweep\":500000}}\n");
}

/* Cut to size, always terminated. */
static void too_long(void **state)
{
	struct gc_record_line l = major_line();
	char buf[2048];
	size_t size, len;

	(void)state;
	for (size = 1; size < 600; size++) {
		memset(buf, 'x', sizeof(buf));
		len = log_format(buf, size, size % 3 + 1, &who, &l);
		assert_true(len < size);
		assert_int_equal(strlen(buf), len);
		assert_int_equal(buf[size], 'x');
	}
}

static unsigned count_lines(const char *path, const char *needle)
{
	FILE *f = fopen(path, "re");
	char line[4096];
	unsigned n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, needle) != NULL;
	fclose(f);
	return n;
}

/* A heap with a log works, and releases; the file is left for the caller to look at. */
static struct gc_stats work(const struct gc_options *o)
{
	struct gc_bytes *b;
	struct gc_stats st;
	struct fix f;
	int i;

	fix_open(&f, o);
	for (i = 0; i < 30000; i++)
		pair_new(&f, 1);
	b = gc_alloc_array(f.m, f.bytes, MIB(1));
	memset(b->data, 1, b->len);
	gc_collect(f.m, GC_FULL, GC_REASON_FORCED);
	gc_release_all(f.heap);
	gc_collect(f.m, GC_MAJOR, GC_REASON_IDLE);
	st = stats(&f);
	fix_close(&f);
	return st;
}

static void one_line_each(void **state)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = KIB(128),
				.young_max = KIB(128),
				.no_release_thread = 1 };
	char path[] = "/tmp/mpgc-log-XXXXXX";
	struct gc_stats st;
	int fd = mkostemp(path, O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	o.log = GC_LOG_V8;
	o.log_fd = fd;
	st = work(&o);
	assert_true(st.minor_count > 5);
	assert_int_equal(count_lines(path, "ms: Scavenge "), st.minor_count);
	assert_int_equal(count_lines(path, "ms: Mark-Sweep "), st.major_count);
	assert_true(count_lines(path, ") idle; \n") >= 1);
	assert_int_equal(ftruncate(fd, 0) || lseek(fd, 0, SEEK_SET), 0);
	o.log = GC_LOG_GO;
	st = work(&o);
	assert_int_equal(count_lines(path, "gc "), st.minor_count + st.major_count);
	assert_true(count_lines(path, " P (forced)\n") >= 1);
	assert_int_equal(count_lines(path, "scav 0 KiB work (bg), "), 1);
	assert_int_equal(count_lines(path, "% util (forced)\n"), 1);
	assert_int_equal(ftruncate(fd, 0) || lseek(fd, 0, SEEK_SET), 0);
	o.log = GC_LOG_JSONL;
	o.no_events = 1; /* a log needs no segment */
	st = work(&o);
	assert_int_equal(count_lines(path, "{\"type\":\"gc\""), st.minor_count + st.major_count);
	assert_int_equal(count_lines(path, "\"by\":\"request\""), 1);
	assert_true(fcntl(fd, F_GETFD) >= 0); /* the descriptor is ours */
	close(fd);
	unlink(path);
}

/* The environment goes before the option; what cannot be followed is said. */
static void by_environment(void **state)
{
	struct gc_options o = { .struct_size = sizeof(o),
				.young_min = KIB(128),
				.young_max = KIB(128),
				.no_release_thread = 1 };
	char dir[] = "/tmp/mpgc-log-XXXXXX", path[64], env[128];
	int fd, before;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log", dir);
	snprintf(env, sizeof(env), "go:%s", path);
	assert_int_equal(setenv("MPGC_LOG", env, 1), 0);
	before = dup(0);
	o.log = GC_LOG_V8;
	o.log_fd = before; /* read-only: nothing could be written there */
	assert_true(work(&o).minor_count > 5);
	assert_true(count_lines(path, "gc ") > 5);
	fd = dup(0);
	assert_int_equal(fd, before + 1); /* the heap has closed its file */
	close(fd);
	assert_int_equal(setenv("MPGC_LOG", "none", 1), 0);
	o.log_fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	work(&o);
	assert_int_equal(count_lines(path, ""), 0);
	assert_int_equal(setenv("MPGC_LOG", "v9", 1), 0);
	work(&o); /* said on stderr; the option holds */
	assert_true(count_lines(path, "Scavenge") > 5);
	assert_int_equal(unsetenv("MPGC_LOG"), 0);
	close(o.log_fd);
	close(before);
	unlink(path);
	rmdir(dir);
}

static void bad_options(void **state)
{
	struct gc_options o = { .struct_size = sizeof(o), .log = 4 };
	struct gc_heap *heap;

	(void)state;
	assert_int_equal(gc_heap_create(&o, &heap), -EINVAL);
	o.log = GC_LOG_V8;
	o.log_fd = -1;
	assert_int_equal(gc_heap_create(&o, &heap), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_v8),	 cmocka_unit_test(as_go),
		cmocka_unit_test(as_json),	 cmocka_unit_test(too_long),
		cmocka_unit_test(one_line_each), cmocka_unit_test(by_environment),
		cmocka_unit_test(bad_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
