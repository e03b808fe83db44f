/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_daemon_incidents.c - which copy of the ring becomes whose recording, with a session that
 * saves when the test says so, and this program in the place of memprof for the steps of a job.
 */
#include "tests/unit/daemon_config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "user/daemon/copy.h"
#include "user/daemon/incidents.h"
#include "user/daemon/store.h"
#include "user/live/session.h"
#include "user/rec/held.h"
#include "user/rec/history.h"
#include "user/rec/shards.h"

static char top[64], state[96];

/* --- what incidents.c is given --------------------------------------------------------------- */

static struct {
	struct mp_model *m;
	uint64_t asked;	 /* the last capture */
	bool over;	 /* ... or one before it, with ... */
	uint64_t id;	 /* ... this number */
	unsigned copies; /* of memory */
} session;

const struct mp_model *mp_session_model(const struct mp_session *s)
{
	(void)s;
	return session.m;
}

struct mp_history *mp_session_history(struct mp_session *s)
{
	(void)s;
	return NULL;
}

int mp_session_output(const struct mp_session *s)
{
	(void)s;
	return 0;
}

int mp_session_capture(struct mp_session *s, uint64_t id, const char *why, bool last)
{
	(void)s;
	(void)why;
	assert_false(last);
	session.asked = id;
	return 0;
}

static void put_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static const char *saved_path(uint64_t id)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/saved-%u", top, (unsigned)id);
	return path;
}

/* The capture of that number is over. */
static void save(uint64_t id)
{
	char text[32];

	snprintf(text, sizeof(text), "copy %u", (unsigned)id);
	put_file(saved_path(id), text);
	session.over = true;
	session.id = id;
}

bool mp_session_saved(struct mp_session *s, uint64_t *id, char *path, int *err)
{
	bool was = session.over;

	(void)s;
	session.over = false;
	*id = session.id;
	*err = 0;
	snprintf(path, MP_SHARD_PATH, "%s", saved_path(session.id));
	return was;
}

int mp_history_hold(struct mp_history *h, struct mp_held_list *l)
{
	(void)h;
	*l = (struct mp_held_list){ .n = 0 };
	return 0;
}

int dm_copy_start(struct mp_held_list *l, const char *path, struct dm_copy **out)
{
	static int one;

	(void)l;
	session.copies++;
	put_file(path, "memory");
	*out = (struct dm_copy *)&one;
	return 0;
}

bool dm_copy_over(struct dm_copy *c, int *err)
{
	*err = c ? 0 : -EINVAL;
	return true;
}

void dm_copy_end(struct dm_copy *c)
{
	(void)c;
}

/* Address space 100 is of the group "a", 200 of "b". */
static struct dm_target targets[2];

size_t dm_targets_n(const struct dm_targets *t)
{
	(void)t;
	return 2;
}

const struct dm_target *dm_targets_at(const struct dm_targets *t, size_t i)
{
	(void)t;
	return &targets[i];
}

const struct dm_target *dm_targets_of_mm(const struct dm_targets *t, uint32_t mm)
{
	(void)t;
	return mm == 100 || mm == 200 ? &targets[mm / 100 - 1] : NULL;
}

/* --- a daemon of two groups ------------------------------------------------------------------ */

struct fix {
	struct dm_config *c;
	struct dm_incidents *i;
};

#define A "[target a]\nexe = a\ntrigger = rss>1G\n"
#define B "[target b]\nexe = b\ntrigger = rss>1G\n"

static void begin(struct fix *f)
{
	struct mp_diag d = { .exit_code = 0 };

	snprintf(top, sizeof(top), "/tmp/memprof-copies-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(state, sizeof(state), "%s/state", top);
	assert_int_equal(dm_store_make(state, (uid_t)-1, (gid_t)-1, &d), 0);
	memset(&session, 0, sizeof(session));
	session.m = mp_model_new();
	targets[0] = (struct dm_target){ .mm = 100, .pid = 1100, .group = 0 };
	targets[1] = (struct dm_target){ .mm = 200, .pid = 1200, .group = 1 };
	f->c = config_of(A B, state);
	assert_int_equal(dm_incidents_new(f->c, NULL, NULL, NULL, &f->i, &d), 0);
}

static void finish(struct fix *f)
{
	dm_incidents_free(f->i);
	dm_config_free(f->c);
	mp_model_free(session.m);
	assert_int_equal(dm_store_remove(top), 0);
}

static uint64_t count(const struct fix *f, int group)
{
	struct dm_incident_figures n;

	dm_incidents_figures(f->i, group, &n);
	assert_int_equal(n.failed, 0);
	return n.saved;
}

/* Until each group has its incident: the steps of jobs are processes. */
static void run_all(struct fix *f, uint64_t now)
{
	for (int k = 0; k < 60000 && !(count(f, 0) && count(f, 1)); k++) {
		dm_incidents_tick(f->i, now);
		poll(NULL, 0, 1);
	}
	assert_int_equal(count(f, 0), 1);
	assert_int_equal(count(f, 1), 1);
}

/* What the incident of that group has as its recording. */
static void has(const char *group, const char *want)
{
	char path[1024], part[8], text[32] = "";
	struct dirent *d;
	FILE *f = NULL;
	DIR *dp;

	snprintf(part, sizeof(part), "-%s-", group);
	snprintf(path, sizeof(path), "%s/incidents", state);
	dp = opendir(path);
	assert_non_null(dp);
	while (!f && (d = readdir(dp)))
		if (strstr(d->d_name, part)) {
			snprintf(path, sizeof(path), "%s/incidents/%s/recording.mprof", state,
				 d->d_name);
			f = fopen(path, "re");
		}
	closedir(dp);
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	assert_string_equal(text, want);
}

/* A copy that was given up, and whose incident is of memory, is nobody else's when it is over. */
static void a_late_copy_is_nobodys(void **unused)
{
	struct fix f;

	(void)unused;
	begin(&f);
	dm_incidents_all(f.i, "asked");
	dm_incidents_tick(f.i, SEC);
	assert_int_equal(session.asked, 1);
	assert_true(dm_incidents_busy(f.i));
	dm_incidents_tick(f.i, 60 * SEC);
	assert_int_equal(session.copies, 0);
	dm_incidents_tick(f.i, 62 * SEC);
	assert_int_equal(session.copies, 1);
	assert_true(dm_incidents_busy(f.i)); /* the ring's thread still is */
	dm_incidents_tick(f.i, 63 * SEC);
	assert_int_equal(session.asked, 2);
	save(1);
	dm_incidents_tick(f.i, 64 * SEC);
	assert_int_equal(access(saved_path(1), F_OK), -1);
	assert_true(dm_incidents_busy(f.i));
	save(2);
	dm_incidents_tick(f.i, 65 * SEC);
	assert_false(dm_incidents_busy(f.i));
	run_all(&f, 66 * SEC);
	has("a", "memory");
	has("b", "copy 2");
	assert_int_equal(session.copies, 1);
	finish(&f);
}

/* With nothing else to be copied, too: and until then no new session can begin. */
static void a_late_copy_alone(void **unused)
{
	struct fix f;

	(void)unused;
	begin(&f);
	targets[1].group = -1;
	dm_incidents_all(f.i, "asked");
	dm_incidents_tick(f.i, SEC);
	dm_incidents_tick(f.i, 62 * SEC);
	dm_incidents_tick(f.i, 63 * SEC);
	assert_true(dm_incidents_busy(f.i));
	save(1);
	dm_incidents_tick(f.i, 64 * SEC);
	assert_false(dm_incidents_busy(f.i));
	assert_int_equal(access(saved_path(1), F_OK), -1);
	finish(&f);
}

/* An incident that waits for its copy waits on by its group's name. */
static void a_reload_forgets_no_incident(void **unused)
{
	struct dm_config *next;
	struct fix f;

	(void)unused;
	begin(&f);
	next = config_of(B A, state);
	dm_incidents_all(f.i, "asked");
	dm_incidents_tick(f.i, SEC);
	assert_int_equal(session.asked, 1);
	assert_int_equal(dm_incidents_expect(f.i, next), 0);
	targets[0].group = 1;
	targets[1].group = 0;
	dm_incidents_reload(f.i, next, NULL);
	dm_config_free(f.c);
	f.c = next;
	save(1);
	dm_incidents_tick(f.i, 2 * SEC);
	assert_int_equal(session.asked, 2);
	save(2);
	run_all(&f, 3 * SEC);
	has("a", "copy 1");
	has("b", "copy 2");
	finish(&f);
}

/* As memprof, in the incident's folder. */
static int step(const char *command)
{
	return !strcmp(command, "incident") && link("raw.mprof", "recording.mprof");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_late_copy_is_nobodys),
		cmocka_unit_test(a_late_copy_alone),
		cmocka_unit_test(a_reload_forgets_no_incident),
	};

	return argc > 1 ? step(argv[1]) : cmocka_run_group_tests(tests, NULL, NULL);
}
