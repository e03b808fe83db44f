/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_incidents.c - the daemon's incidents without a daemon: names and bounds of the state
 * folder, what is refused as one, and the steps of a job, made by a script in the place of memprof.
 */
#include "tests/unit/daemon_config.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/daemon/jobs.h"
#include "user/daemon/place.h"
#include "user/daemon/runner.h"
#include "user/daemon/store.h"

static char top[64], state[96];

static int setup(void **unused)
{
	struct mp_diag d;

	(void)unused;
	snprintf(top, sizeof(top), "/tmp/memprof-incidents-XXXXXX");
	if (!mkdtemp(top))
		return -1;
	snprintf(state, sizeof(state), "%s/state", top);
	return dm_store_make(state, (uid_t)-1, (gid_t)-1, &d);
}

static int teardown(void **unused)
{
	(void)unused;
	return dm_store_remove(top);
}

__attribute__((format(printf, 1, 2))) static const char *in_state(const char *fmt, ...)
{
	static char path[512];
	size_t n = (size_t)snprintf(path, sizeof(path), "%s/", state);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path + n, sizeof(path) - n, fmt, ap);
	va_end(ap);
	return path;
}

static const char *in_top(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	return path;
}

static void put_file(const char *path, const char *text, size_t bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char *fill = calloc(1, bytes + 1);

	assert_true(fd >= 0 && fill);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(write(fd, fill, bytes), bytes);
	free(fill);
	close(fd);
}

static bool is_there(const char *path)
{
	struct stat st;

	return !lstat(path, &st);
}

static unsigned entries(const char *path)
{
	struct dirent *d;
	unsigned n = 0;
	DIR *dp = opendir(path);

	assert_non_null(dp);
	while ((d = readdir(dp)))
		n += strcmp(d->d_name, ".") && strcmp(d->d_name, "..");
	closedir(dp);
	return n;
}

/* --- the folder ---------------------------------------------------------------------------- */

static void test_names(void **unused)
{
	static const struct {
		const char *name;
		unsigned n;
		bool left;
	} t[] = {
		{ "20260131T120000Z-web-17", 17, false },
		{ "20260131T120000Z-a-b-2", 2, false },
		{ "20260131T120000Z-CRASH-3", 3, true },
		{ "20260131T120000Z-STOP-4", 4, true },
		{ "20260131T120000Z-crash-3", 3, false },
		{ "x-web-0", 0, false },
		{ "x-web-007", 0, false },
		{ "x-web-", 0, false },
		{ "x-web-1x", 0, false },
		{ "x-1", 0, false },
		{ "lost+found", 0, false },
		{ "x-web-99999999999999999999", 0, false },
	};
	char buf[DM_STORE_NAME];
	bool left;

	(void)unused;
	assert_string_equal(dm_store_name(buf, sizeof(buf), 1769860800, "web", 17), t[0].name);
	assert_string_equal(dm_store_name(buf, sizeof(buf), (time_t)1 << 60, "web", 1),
			    "00000000T000000Z-web-1");
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(dm_store_number(t[i].name, &left), t[i].n);
		assert_int_equal(left, t[i].left);
	}
}

static void put_incident(time_t wall, const char *what, unsigned n, size_t kib)
{
	char name[DM_STORE_NAME], path[512];

	dm_store_name(name, sizeof(name), wall, what, n);
	assert_int_equal(mkdir(in_state("incidents/%s", name), 0700), 0);
	snprintf(path, sizeof(path), "%s", in_state("incidents/%s/recording.mprof", name));
	put_file(path, "", kib << 10);
}

static void test_the_oldest_go_by_number_not_by_the_clock(void **unused)
{
	struct dm_bound b;

	(void)unused;
	put_incident(5000, "web", 1, 64);
	put_incident(9000, "web", 2, 64);
	put_incident(1000, "web", 3, 64); /* the clock was set back */
	put_incident(1001, "web", 4, 8);
	assert_int_equal(dm_store_last(state), 4);
	assert_int_equal(dm_store_bound(state, 1 << 20, &b), 0);
	assert_int_equal(b.removed, 0);
	assert_int_equal(b.n, 4);
	assert_in_range(b.bytes, 200 << 10, 220 << 10);
	assert_int_equal(dm_store_bound(state, 100 << 10, &b), 0);
	assert_int_equal(b.removed, 2);
	assert_int_equal(b.n, 2);
	assert_true(is_there(in_state("incidents/19700101T001640Z-web-3")));
	assert_true(is_there(in_state("incidents/19700101T001641Z-web-4")));
	/* what is older than one that does not fit goes, the newest stays however large */
	put_incident(1002, "web", 5, 200);
	assert_int_equal(dm_store_bound(state, 100 << 10, &b), 0);
	assert_int_equal(b.removed, 2);
	assert_int_equal(b.n, 1);
	assert_true(is_there(in_state("incidents/19700101T001642Z-web-5")));
	assert_int_equal(dm_store_last(state), 5);
}

static void test_rings_that_were_left_do_not_fill_the_folder(void **unused)
{
	struct dm_bound b;

	(void)unused;
	put_incident(1, "web", 1, 4);
	for (unsigned n = 2; n < 12; n++)
		put_incident(n, n % 2 ? DM_LEFT_STOP : DM_LEFT_CRASH, n, 4);
	assert_int_equal(dm_store_bound(state, 1 << 30, &b), 0);
	assert_int_equal(b.removed, 10 - DM_LEFT_MAX);
	assert_true(is_there(in_state("incidents/19700101T000001Z-web-1")));
	assert_true(is_there(in_state("incidents/19700101T000011Z-STOP-11")));
	assert_false(is_there(in_state("incidents/19700101T000002Z-CRASH-2")));
}

static void test_foreign_things_are_let_alone(void **unused)
{
	struct dm_bound b;

	(void)unused;
	assert_int_equal(mkdir(in_state("incidents/lost+found"), 0700), 0);
	assert_int_equal(mkdir(in_state("incidents/.19700101T000001Z-web-9"), 0700), 0);
	put_file(in_state("incidents/notes"), "x", 0);
	put_incident(1, "web", 1, 4);
	assert_int_equal(dm_store_bound(state, 0, &b), 0);
	assert_int_equal(b.n, 1);
	assert_int_equal(entries(in_state("incidents")), 4);
	assert_int_equal(dm_store_last(state), 9); /* no number twice */
}

static void test_removing_follows_no_link(void **unused)
{
	char out[512], link[512];
	struct dm_bound b;

	(void)unused;
	snprintf(out, sizeof(out), "%s/outside", top);
	assert_int_equal(mkdir(out, 0700), 0);
	put_incident(1, "web", 1, 4);
	snprintf(link, sizeof(link), "%s", in_state("incidents/19700101T000001Z-web-1/ring"));
	assert_int_equal(symlink(out, link), 0);
	snprintf(out, sizeof(out), "%s/outside/precious", top);
	put_file(out, "x", 1 << 20);
	assert_int_equal(dm_store_bound(state, 100 << 10, &b), 0);
	assert_in_range(b.bytes, 1, 100 << 10); /* nor does counting */
	assert_int_equal(dm_store_remove(in_state("incidents/19700101T000001Z-web-1")), 0);
	assert_true(is_there(out));
	assert_int_equal(dm_store_remove(in_state("incidents/none")), -ENOENT);
}

static int make_at(const char *path, struct mp_diag *d)
{
	return dm_store_make(path, (uid_t)-1, (gid_t)-1, d);
}

static void test_state_folders(void **unused)
{
	struct mp_diag d = { 0 };
	struct stat st;
	char path[256];

	(void)unused;
	assert_int_equal(stat(state, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0750);
	assert_true(dm_store_there(state));
	assert_int_equal(rmdir(in_state("ring")), 0);
	assert_false(dm_store_there(state));
	assert_int_equal(make_at(state, &d), 0);
	assert_true(dm_store_there(state));
	assert_int_equal(chmod(state, 0770), 0);
	assert_int_equal(make_at(state, &d), -EPERM);
	assert_non_null(strstr(d.cause, "others can write"));
	assert_int_equal(chmod(state, 0755), 0);
	assert_int_equal(make_at(state, &d), 0);
	snprintf(path, sizeof(path), "%s/link", top);
	assert_int_equal(symlink(state, path), 0);
	assert_true(make_at(path, &d) < 0);
	snprintf(path, sizeof(path), "%s/a/b", top);
	assert_int_equal(make_at(path, &d), -ENOENT);
	assert_true(d.fix[0]);
	snprintf(path, sizeof(path), "%s/file", top);
	put_file(path, "", 0);
	assert_int_equal(make_at(path, &d), -ENOTDIR);
	if (geteuid())
		return;
	assert_int_equal(chown(state, 12345, 12345), 0);
	assert_int_equal(make_at(state, &d), -EPERM);
	assert_int_equal(dm_store_make(state, 12345, 12345, &d), -EPERM); /* what is in it is not */
	assert_non_null(strstr(d.what, "/incidents"));
	assert_int_equal(stat(in_state("incidents"), &st), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(rmdir(in_state("incidents")), 0);
	assert_int_equal(rmdir(in_state("ring")), 0);
	assert_int_equal(dm_store_make(state, 12345, 12345, &d), 0);
	assert_int_equal(stat(in_state("ring"), &st), 0);
	assert_int_equal(st.st_uid, 12345);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(chown(state, 0, 0), 0);
	assert_int_equal(chown(in_state("ring"), 0, 0), 0);
	assert_int_equal(chown(in_state("incidents"), 0, 0), 0);
}

static int place(const char *path, bool above, uid_t uid)
{
	struct dm_made m = { .mode = 0751, .uid = uid, .gid = uid };
	int fd = dm_place_open(path, above, &m);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : m.is;
}

static uid_t owner_at(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_uid;
}

/* Root makes folders where others can write, and gives them nothing else. */
static void test_places(void **unused)
{
	char path[256];

	(void)unused;
	assert_int_equal(place(in_top("p/q/r"), false, (uid_t)-1), -ENOENT);
	assert_int_equal(place(in_top("p/q/r"), true, (uid_t)-1), 1);
	assert_int_equal(place(in_top("p/q/r/"), true, (uid_t)-1), 0);
	assert_int_equal(place("/", true, (uid_t)-1), 0);
	assert_int_equal(symlink("p/q", in_top("way")), 0);
	assert_int_equal(place(in_top("way/r"), false, (uid_t)-1), 0); /* one's own */
	assert_true(place(in_top("way"), false, (uid_t)-1) < 0);
	if (geteuid())
		return;
	assert_int_equal(place(in_top("p/q/r"), true, 12345), 0);
	assert_int_equal(owner_at(in_top("p/q/r")), 0);
	assert_int_equal(place(in_top("p/x/y"), true, 12345), 1);
	assert_int_equal(owner_at(in_top("p/x")), 0);
	assert_int_equal(owner_at(in_top("p/x/y")), 12345);
	/* what that user puts there leads nowhere */
	snprintf(path, sizeof(path), "%s/p/x/y/out", top);
	assert_int_equal(symlink(top, path), 0);
	assert_true(place(path, true, 12345) < 0);
	snprintf(path, sizeof(path), "%s/p/x/y/out/given", top);
	assert_true(place(path, true, 12345) < 0);
	assert_false(is_there(in_top("given")));
	assert_int_equal(owner_at(top), 0);
}

static void test_a_ring_that_was_left_is_put_aside(void **unused)
{
	char name[DM_STORE_NAME];

	(void)unused;
	assert_int_equal(dm_store_leave(state, NULL, 1000, 7, name), 0);
	put_file(in_state("ring/ring.0003.mprof"), "x", 0);
	assert_int_equal(dm_store_leave(state, NULL, 1000, 7, name), 1);
	assert_string_equal(name, ".19700101T001640Z-CRASH-7");
	assert_true(is_there(in_state("incidents/%s/ring/ring.0003.mprof", name)));
	assert_int_equal(entries(in_state("ring")), 0);
	put_file(in_state("ring/ring.mprof"), "x", 0);
	assert_int_equal(dm_store_leave(state, NULL, 1000, 8, name), 1);
	assert_string_equal(name, ".19700101T001640Z-STOP-8");
}

/* --- jobs ---------------------------------------------------------------------------------- */

struct told {
	int saved, failed;
	char name[DM_STORE_NAME], why[200];
};

static void over(void *ctx, const char *group, const char *name, const char *why)
{
	struct told *t = ctx;

	(void)group;
	t->saved += !!name;
	t->failed += !name;
	snprintf(name ? t->name : t->why, sizeof(t->name), "%s", name ? name : why);
}

/* memprof, as a script: $1 is the command; what it is to do wrong stands in $STATE/../how. */
static const char *fake(void)
{
	static char path[128];
	char text[1024];

	snprintf(path, sizeof(path), "%s/memprof", top);
	snprintf(text, sizeof(text),
		 "#!/bin/sh\nhow=\"$(cat %s/how 2>/dev/null)\"\necho \"$@\" >> %s/calls\n"
		 "case \"$1$how\" in\n"
		 "incidentbad) exit 1;;\n"
		 "incidentnobody) exit 3;;\n"
		 "incidenthang) exec tail -f /dev/null;;\n"
		 "incident*) cat job > recording.mprof;;\n"
		 "diagnosefails) exit 1;;\n"
		 "diagnose*) echo found;;\n"
		 "export*) echo pprof > profile.pb.gz;;\n"
		 "esac\n",
		 top, top);
	put_file(path, text, 0);
	chmod(path, 0755);
	return path;
}

static void how(const char *word)
{
	put_file(in_top("how"), word, 0);
}

/* Until no job is left: children are waited for, a while each time. */
static void run_all(struct dm_jobs *j)
{
	for (int i = 0; i < 60000 && dm_jobs_running(j); i++) {
		dm_jobs_tick(j, 1);
		poll(NULL, 0, 1);
	}
	assert_int_equal(dm_jobs_running(j), 0);
}

static int begin(struct dm_jobs *j, const char *group)
{
	static const uint32_t mms[] = { 7, 9 };
	struct dm_job_spec spec = { .group = group,
				    .why = "trigger 'x'\n(pid 42)",
				    .pid = 42,
				    .mms = mms,
				    .n_mms = 2,
				    .ring = "disk" };
	char raw[DM_STORE_PATH + DM_STORE_NAME];
	int id = dm_jobs_begin(j, &spec, raw);

	if (id >= 0)
		put_file(raw, "raw", 0);
	return id;
}

static void has(const char *path, const char *part)
{
	char text[4096];
	FILE *f = fopen(path, "re");
	size_t n;

	if (!f)
		fail_msg("%s: %s", path, strerror(errno));
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = 0;
	if (!strstr(text, part))
		fail_msg("%s has no '%s' but: %s", path, part, text);
}

#define ONE_GROUP "[daemon]\ncommand-user = root\n[target web]\nexe = a\ntrigger = oom\n"

static void test_a_job_becomes_an_incident(void **unused)
{
	char text[512];
	struct dm_config *c;
	struct told t = { 0 };
	struct dm_runner *r;
	struct dm_jobs *j;
	struct mp_diag d;

	(void)unused;
	snprintf(text, sizeof(text), ONE_GROUP "command = env > %s/env; pwd >> %s/env\n", top, top);
	c = config_of(text, state);
	assert_int_equal(dm_runner_start(c, &r, &d), 0);
	assert_int_equal(dm_jobs_new(c, fake(), r, over, &t, &j), 0);
	dm_jobs_have(j, begin(j, "web"), 0);
	assert_int_equal(dm_jobs_running(j), 1);
	run_all(j);
	assert_int_equal(t.saved, 1);
	assert_int_equal(t.failed, 0);
	assert_int_equal(entries(in_state("incidents")), 1);
	assert_int_equal(entries(in_state("incidents/%s", t.name)), 5); /* and no more */
	has(in_state("incidents/%s/recording.mprof", t.name), "mm 7\nmm 9\n");
	has(in_state("incidents/%s/findings.json", t.name), "found");
	has(in_state("incidents/%s/findings.txt", t.name), "found");
	has(in_state("incidents/%s/profile.pb.gz", t.name), "pprof");
	has(in_state("incidents/%s/incident.json", t.name), "\"why\": \"trigger 'x'?(pid 42)\"");
	has(in_state("incidents/%s/incident.json", t.name), "\"target\": \"web\"");
	has(in_state("incidents/%s/incident.json", t.name), "\"findings\": true");
	snprintf(text, sizeof(text), "MEMPROF_INCIDENT=%s", in_state("incidents/%s\n", t.name));
	has(in_top("env"), text);
	has(in_top("env"), "MEMPROF_GROUP=web\n");
	has(in_top("env"), "MEMPROF_TRIGGER=trigger 'x'?(pid 42)\n");
	has(in_top("env"), "MEMPROF_PID=42\n");
	has(in_top("calls"), "recording.mprof -p42\n");
	dm_jobs_free(j);
	dm_config_free(c);
}

static void test_jobs_that_fail_leave_nothing(void **unused)
{
	static const char *const ways[][2] = { { "bad", "exit 1" },
					       { "nobody", "nothing of its processes" } };
	struct dm_config *c = config_of(ONE_GROUP, state);
	struct told t = { 0 };
	struct dm_jobs *j;

	(void)unused;
	assert_int_equal(dm_jobs_new(c, fake(), NULL, over, &t, &j), 0);
	for (int i = 0; i < 2; i++) {
		how(ways[i][0]);
		dm_jobs_have(j, begin(j, "web"), 0);
		run_all(j);
		assert_int_equal(t.failed, i + 1);
		assert_non_null(strstr(t.why, ways[i][1]));
	}
	dm_jobs_have(j, begin(j, "web"), -ENOSPC);
	assert_int_equal(t.failed, 3);
	assert_non_null(strstr(t.why, strerror(ENOSPC)));
	assert_int_equal(t.saved, 0);
	assert_int_equal(entries(in_state("incidents")), 0);
	dm_jobs_free(j);
	dm_config_free(c);
}

static void test_findings_that_fail_are_told_in_the_incident(void **unused)
{
	struct dm_config *c = config_of(ONE_GROUP, state);
	struct told t = { 0 };
	struct dm_jobs *j;

	(void)unused;
	assert_int_equal(dm_jobs_new(c, fake(), NULL, over, &t, &j), 0);
	how("fails");
	dm_jobs_have(j, begin(j, "web"), 0);
	run_all(j);
	assert_int_equal(t.saved, 1);
	has(in_state("incidents/%s/incident.json", t.name), "\"recording\": true");
	has(in_state("incidents/%s/incident.json", t.name), "\"findings\": false");
	dm_jobs_free(j);
	dm_config_free(c);
}

static void test_jobs_are_bounded(void **unused)
{
	struct dm_config *c = config_of(ONE_GROUP, state);
	struct told t = { 0 };
	struct dm_jobs *j;

	(void)unused;
	assert_int_equal(dm_jobs_new(c, fake(), NULL, over, &t, &j), 0);
	for (int i = 0; i < DM_JOBS_MAX; i++)
		assert_int_equal(begin(j, "web"), i);
	assert_int_equal(begin(j, "web"), -EAGAIN);
	for (int i = 0; i < DM_JOBS_MAX; i++)
		dm_jobs_have(j, i, 0);
	run_all(j);
	assert_int_equal(t.saved, DM_JOBS_MAX);
	assert_int_equal(entries(in_state("incidents")), DM_JOBS_MAX);
	dm_jobs_free(j);
	dm_config_free(c);
}

static void test_a_step_that_hangs_is_ended(void **unused)
{
	struct dm_config *c = config_of(ONE_GROUP, state);
	struct told t = { 0 };
	struct dm_jobs *j;

	(void)unused;
	assert_int_equal(dm_jobs_new(c, fake(), NULL, over, &t, &j), 0);
	how("hang");
	dm_jobs_have(j, begin(j, "web"), 0);
	dm_jobs_tick(j, 1);
	dm_jobs_tick(j, 500 * SEC);
	assert_int_equal(dm_jobs_running(j), 1);
	for (int i = 0; i < 60000 && dm_jobs_running(j); i++) {
		dm_jobs_tick(j, 700 * SEC);
		poll(NULL, 0, 1);
	}
	assert_int_equal(t.failed, 1);
	assert_non_null(strstr(t.why, "too slow"));
	dm_jobs_free(j);
	dm_config_free(c);
}

static void test_what_a_kill_interrupted_is_gone_on_with(void **unused)
{
	struct dm_config *c = config_of(ONE_GROUP, state);
	struct told t = { 0 };
	struct dm_jobs *j;
	char name[DM_STORE_NAME];

	(void)unused;
	assert_int_equal(dm_jobs_new(c, fake(), NULL, over, &t, &j), 0);
	how("hang");
	dm_jobs_have(j, begin(j, "web"), 0);
	begin(j, "web"); /* its copy was never made, as far as can be told: it is there */
	dm_jobs_tick(j, 1);
	dm_jobs_free(j); /* as good as a kill: what was in the making stays */
	how("");
	put_file(in_state("ring/ring.0001.mprof"), "x", 0);
	assert_int_equal(dm_store_leave(state, NULL, 1000, dm_store_last(state) + 1, name), 1);
	assert_int_equal(mkdir(in_state("incidents/.19700101T001640Z-web-77"), 0700), 0);

	assert_int_equal(dm_jobs_new(c, fake(), NULL, over, &t, &j), 0);
	put_file(in_state("incidents/%s/job", name), "", 0); /* for the script */
	assert_int_equal(dm_jobs_resume(j), 3);
	run_all(j);
	assert_int_equal(t.saved, 3);
	assert_int_equal(entries(in_state("incidents")), 3);
	has(in_state("incidents/%s/incident.json", name + 1), "daemon before this one was killed");
	has(in_state("incidents/%s/incident.json", name + 1), "\"target\": null");
	assert_false(is_there(in_state("incidents/%s/ring", name + 1)));
	dm_jobs_free(j);

	/* one that ends every daemon is given up */
	how("hang");
	for (int i = 0; i < 4; i++) {
		assert_int_equal(dm_jobs_new(c, fake(), NULL, over, &t, &j), 0);
		if (!i)
			dm_jobs_have(j, begin(j, "web"), 0);
		else
			assert_int_equal(dm_jobs_resume(j), 1);
		dm_jobs_tick(j, 1);
		dm_jobs_free(j);
	}
	assert_int_equal(dm_jobs_new(c, fake(), NULL, over, &t, &j), 0);
	assert_int_equal(dm_jobs_resume(j), 0);
	assert_int_equal(entries(in_state("incidents")), 3);
	dm_jobs_free(j);
	dm_config_free(c);
}

static bool put_aside(struct dm_jobs *j, unsigned n)
{
	char name[DM_STORE_NAME];

	put_file(in_state("ring/ring.0001.mprof"), "x", 0);
	assert_int_equal(dm_store_leave(state, DM_LEFT_ANEW, 1000, n, name), 1);
	put_file(in_state("incidents/%s/job", name), "", 0); /* for the script */
	return dm_jobs_take(j, name);
}

/* The next incident is newer than a ring that was put aside while the daemon runs, whether there
 * was room for the job of that or not. */
static void test_a_ring_put_aside_has_its_own_number(void **unused)
{
	struct dm_config *c = config_of(ONE_GROUP, state);
	struct told t = { 0 };
	struct dm_jobs *j;

	(void)unused;
	assert_int_equal(dm_jobs_new(c, fake(), NULL, over, &t, &j), 0);
	assert_true(put_aside(j, 1));
	for (unsigned n = 2; n <= DM_JOBS_MAX; n++) {
		dm_jobs_have(j, begin(j, "web"), 0);
		assert_int_equal(dm_store_last(state), n);
	}
	assert_false(put_aside(j, DM_JOBS_MAX + 1));
	run_all(j);
	assert_int_equal(t.saved, DM_JOBS_MAX);
	begin(j, "web");
	assert_int_equal(dm_store_last(state), DM_JOBS_MAX + 2);
	dm_jobs_free(j);
	dm_config_free(c);
}

/* --- commands ------------------------------------------------------------------------------ */

static int run_one(struct dm_runner *r, const char *command)
{
	const struct dm_command k = {
		.command = command, .incident = top, .group = "web", .trigger = "why", .pid = 7
	};
	uint32_t id = 0;
	int code = -1, got = 0;

	assert_int_equal(dm_runner_ask(r, 33, &k), 0);
	for (int i = 0; i < 60000 && !got; i++) {
		got = dm_runner_over(r, &id, &code);
		poll(NULL, 0, 1);
	}
	assert_int_equal(got, 1);
	assert_int_equal(id, 33);
	return code;
}

static void test_commands(void **unused)
{
	struct dm_config *c = config_of(ONE_GROUP, state);
	char text[DM_COMMAND_MAX + 1];
	const struct dm_command long_one = {
		.command = text, .incident = "", .group = "", .trigger = ""
	};
	const gid_t other = 54321;
	struct dm_runner *r;
	struct mp_diag d;
	uint32_t id;
	int code;

	(void)unused;
	assert_int_equal(dm_runner_start(c, &r, &d), 0);
	assert_int_equal(dm_runner_over(r, &id, &code), 0);
	assert_int_equal(run_one(r, "exit 3"), 3);
	assert_int_equal(run_one(r, "kill -9 $$"), 137);
	assert_int_equal(run_one(r, "no-such-program-here 2>/dev/null"), 127);
	/* what is left in the background is ended, and nothing of the daemon's is open */
	assert_int_equal(run_one(r, "tail -f /dev/null & test \"$(ls /proc/self/fd | wc -l)\" = 4"),
			 0);
	assert_int_equal(
		run_one(r, "test -z \"$HOME\" && grep -q 'NoNewPrivs:.1' /proc/self/status"), 0);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	assert_int_equal(dm_runner_ask(r, 1, &long_one), -E2BIG);
	dm_runner_free(r);
	if (!geteuid()) { /* as nobody, with nothing of root's left */
		free(c->command_user);
		c->command_user = strdup("nobody");
		assert_int_equal(setgroups(1, &other), 0);
		assert_int_equal(dm_runner_start(c, &r, &d), 0);
		assert_int_equal(setgroups(0, NULL), 0);
		assert_int_equal(run_one(r, "test $(id -u) = $(id -u nobody) && "
					    "! grep -Eq '^Cap(Eff|Prm|Inh|Amb):.*[1-9a-f]' "
					    "/proc/self/status && test \"$(id -G)\" = "
					    "\"$(id -G nobody)\""),
				 0);
		dm_runner_free(r);
		free(c->command_user);
		c->command_user = strdup("no-such-user-here");
		assert_int_equal(dm_runner_start(c, &r, &d), -ENOENT);
	}
	dm_config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_oldest_go_by_number_not_by_the_clock,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_rings_that_were_left_do_not_fill_the_folder,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign_things_are_let_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_removing_follows_no_link, setup, teardown),
		cmocka_unit_test_setup_teardown(test_state_folders, setup, teardown),
		cmocka_unit_test_setup_teardown(test_places, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_ring_that_was_left_is_put_aside, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_job_becomes_an_incident, setup, teardown),
		cmocka_unit_test_setup_teardown(test_jobs_that_fail_leave_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_findings_that_fail_are_told_in_the_incident,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_jobs_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_step_that_hangs_is_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_a_kill_interrupted_is_gone_on_with, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_ring_put_aside_has_its_own_number, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_commands, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
