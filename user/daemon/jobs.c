/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * jobs.c - see jobs.h.
 *
 * What a job is about stands in FOLDER/job, so that one that a kill interrupted is gone on with:
 * lines "group", "why", "pid", "wall", "ring", "mm", and "try" for each daemon that took it up.
 */
#include "user/daemon/jobs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/daemon/log.h"
#include "user/daemon/runner.h"
#include "user/util/util.h"
#include "user/view/json.h"

#define STEP_NS	    600000000000ULL /* of a step; all are niced, so it may take its time */
#define STEP_CPU    300		    /* seconds of CPU time */
#define TRIES	    3		    /* a job that ends daemons is given up */
#define JOB_PATH    (DM_STORE_PATH + DM_STORE_NAME)
#define ARGS_MAX    10
#define IDLE_CLASS  (3 << 13) /* linux/ioprio.h: IOPRIO_CLASS_IDLE */
#define OF_PROCESS  1	      /* ... IOPRIO_WHO_PROCESS */
#define NOT_STARTED 127

enum step { FREE, RAW, CUT, JSON, TEXT, PPROF, PUBLISH, COMMAND };
#define STEPS (COMMAND + 1)

struct job {
	enum step step;
	char name[DM_STORE_NAME]; /* of the folder when it is whole */
	char dir[JOB_PATH];
	char group[DM_NAME_MAX + 1], why[256], ring[16];
	char *command;
	uint32_t pid;
	time_t wall;
	bool left;	   /* an earlier daemon's ring */
	int result[STEPS]; /* exit codes; -1: it was not tried */
	pid_t child;	   /* 0: none */
	uint64_t until;	   /* of the child */
	bool too_long;
	bool asked; /* its command */
};

struct dm_jobs {
	const struct dm_config *c;
	char *self;
	struct dm_runner *runner; /* NULL: gone */
	dm_job_fn *over;
	void *ctx;
	struct job v[DM_JOBS_MAX];
	unsigned next; /* number of the next incident */
	unsigned children;
};

/* --- what a job is about ------------------------------------------------------------------- */

static void path_in(const struct job *b, const char *name, char path[JOB_PATH])
{
	snprintf(path, JOB_PATH, "%.*s/%s", JOB_PATH - 32, b->dir, name);
}

static int finish(FILE *f)
{
	int err = ferror(f) || fflush(f) ? -EIO : 0;

	if (err && errno)
		err = -errno;
	return fclose(f) && !err ? -errno : err;
}

static FILE *create(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f && fd >= 0)
		close(fd);
	return f;
}

static int write_job(const struct job *b, const struct dm_job_spec *spec)
{
	char path[JOB_PATH];
	FILE *f;

	path_in(b, "job", path);
	f = create(path);
	if (!f)
		return -errno;
	fprintf(f, "group %s\nwhy %s\npid %u\nwall %lld\nring %s\n", b->group, b->why, b->pid,
		(long long)b->wall, b->ring);
	for (size_t i = 0; i < spec->n_mms; i++)
		fprintf(f, "mm %u\n", spec->mms[i]);
	return finish(f);
}

/* Returns how many daemons have tried it. */
static unsigned read_job(struct job *b)
{
	char path[JOB_PATH], line[512];
	unsigned tries = 0;
	FILE *f;

	path_in(b, "job", path);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "group ", 6))
			snprintf(b->group, sizeof(b->group), "%.*s", DM_NAME_MAX, line + 6);
		else if (!strncmp(line, "why ", 4))
			snprintf(b->why, sizeof(b->why), "%.255s", line + 4);
		else if (!strncmp(line, "ring ", 5))
			snprintf(b->ring, sizeof(b->ring), "%.15s", line + 5);
		else if (!strncmp(line, "pid ", 4))
			b->pid = (uint32_t)strtoul(line + 4, NULL, 10);
		else if (!strncmp(line, "wall ", 5))
			b->wall = strtoll(line + 5, NULL, 10);
		tries += !strcmp(line, "try");
	}
	if (f)
		fclose(f);
	return tries;
}

static void note_try(const struct job *b)
{
	char path[JOB_PATH];
	FILE *f;

	path_in(b, "job", path);
	f = fopen(path, "ae");
	if (!f)
		return;
	fputs("try\n", f);
	finish(f);
}

static const struct dm_group *group_of(const struct dm_jobs *j, const char *name)
{
	for (size_t i = 0; i < j->c->n_groups; i++)
		if (!strcmp(j->c->groups[i].name, name))
			return &j->c->groups[i];
	return NULL;
}

static void remember_command(const struct dm_jobs *j, struct job *b)
{
	const struct dm_group *g = group_of(j, b->group);

	b->command = g && g->command ? strdup(g->command) : NULL;
}

static struct job *new_job(struct dm_jobs *j)
{
	for (size_t i = 0; i < DM_JOBS_MAX; i++)
		if (j->v[i].step == FREE) {
			j->v[i] = (struct job){ .step = RAW };
			for (int s = 0; s < STEPS; s++)
				j->v[i].result[s] = -1;
			return &j->v[i];
		}
	return NULL;
}

static void free_job(struct job *b)
{
	free(b->command);
	*b = (struct job){ .step = FREE };
}

int dm_jobs_new(const struct dm_config *c, const char *self, struct dm_runner *runner,
		dm_job_fn *over, void *ctx, struct dm_jobs **out)
{
	struct dm_jobs *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->self = strdup(self);
	if (!j->self) {
		free(j);
		return -ENOMEM;
	}
	j->c = c;
	j->runner = runner;
	j->over = over;
	j->ctx = ctx;
	j->next = dm_store_last(c->state) + 1;
	*out = j;
	return 0;
}

void dm_jobs_free(struct dm_jobs *j)
{
	if (!j)
		return;
	for (size_t i = 0; i < DM_JOBS_MAX; i++) {
		if (j->v[i].child) {
			kill(-j->v[i].child, SIGKILL);
			kill(j->v[i].child, SIGKILL); /* before it had a group of its own */
			waitpid(j->v[i].child, NULL, 0);
		}
		free(j->v[i].command);
	}
	dm_runner_free(j->runner);
	free(j->self);
	free(j);
}

void dm_jobs_config(struct dm_jobs *j, const struct dm_config *c)
{
	j->c = c;
}

unsigned dm_jobs_running(const struct dm_jobs *j)
{
	unsigned n = 0;

	for (size_t i = 0; i < DM_JOBS_MAX; i++)
		n += j->v[i].step != FREE;
	return n;
}

/* --- the end of a job ---------------------------------------------------------------------- */

static void fail(struct dm_jobs *j, struct job *b, const char *why)
{
	dm_store_remove(b->dir);
	j->over(j->ctx, b->group, NULL, why);
	free_job(b);
}

int dm_jobs_begin(struct dm_jobs *j, const struct dm_job_spec *spec, char *raw)
{
	struct job *b = new_job(j);
	int err = 0;

	if (!b)
		return -EAGAIN;
	b->wall = time(NULL);
	b->pid = spec->pid;
	snprintf(b->group, sizeof(b->group), "%s", spec->group);
	mp_clean(b->why, sizeof(b->why), spec->why, 0);
	snprintf(b->ring, sizeof(b->ring), "%s", spec->ring);
	dm_store_name(b->name, sizeof(b->name), b->wall, b->group, j->next++);
	snprintf(b->dir, sizeof(b->dir), "%s/incidents/.%s", j->c->state, b->name);
	if (mkdir(b->dir, 0750))
		err = -errno;
	else
		err = write_job(b, spec);
	if (err) {
		dm_store_remove(b->dir);
		free_job(b);
		return err;
	}
	remember_command(j, b);
	path_in(b, "raw.mprof", raw);
	return (int)(b - j->v);
}

void dm_jobs_have(struct dm_jobs *j, int id, int err)
{
	struct job *b = &j->v[id];
	char why[128];

	if (b->step != RAW)
		return;
	b->step = CUT;
	if (!err)
		return;
	snprintf(why, sizeof(why), "the ring could not be copied: %s", strerror(-err));
	fail(j, b, why);
}

/* --- what an earlier daemon left ----------------------------------------------------------- */

static bool there(const struct job *b, const char *name)
{
	char path[JOB_PATH];
	struct stat st;

	path_in(b, name, path);
	return !stat(path, &st);
}

/* A ring of before, of which its name is all that is known. */
static void left_by(struct job *b)
{
	static const struct {
		const char *kind, *why;
	} t[] = { { DM_LEFT_STOP, "the daemon before this one was stopped" },
		  { DM_LEFT_ANEW, "a new session was begun" },
		  { DM_LEFT_CRASH, "the daemon before this one was killed" } };
	size_t i = 0;

	while (i + 1 < sizeof(t) / sizeof(t[0]) && !strstr(b->name, t[i].kind))
		i++;
	snprintf(b->group, sizeof(b->group), "%s", t[i].kind);
	snprintf(b->why, sizeof(b->why), "%s", t[i].why);
	snprintf(b->ring, sizeof(b->ring), "disk");
}

/* A folder in the making. True: it goes on. */
static bool take_up(struct dm_jobs *j, const char *name)
{
	struct job *b = new_job(j);
	char path[JOB_PATH];
	bool goes;

	if (!b)
		return false; /* the next daemon will */
	snprintf(b->name, sizeof(b->name), "%.*s", DM_STORE_NAME - 1, name + 1);
	snprintf(b->dir, sizeof(b->dir), "%s/incidents/%s", j->c->state, name);
	dm_store_number(b->name, &b->left);
	b->wall = time(NULL);
	goes = read_job(b) < TRIES;
	if (b->left && !*b->group)
		left_by(b);
	goes &= there(b, "raw.mprof") || there(b, "ring");
	if (!goes) {
		dm_store_remove(b->dir);
		free_job(b);
		return false;
	}
	note_try(b);
	path_in(b, "recording.mprof", path); /* half of one: made anew */
	unlink(path);
	remember_command(j, b);
	b->step = CUT;
	return true;
}

bool dm_jobs_take(struct dm_jobs *j, const char *name)
{
	bool left;
	unsigned n = dm_store_number(name + 1, &left);

	if (n >= j->next) /* it has the number that the next incident would have had */
		j->next = n + 1;
	return take_up(j, name);
}

unsigned dm_jobs_resume(struct dm_jobs *j)
{
	char path[DM_STORE_PATH];
	struct dirent *d;
	unsigned n = 0;
	bool left;
	DIR *dp;

	snprintf(path, sizeof(path), "%s/incidents", j->c->state);
	dp = opendir(path);
	while (dp && (d = readdir(dp)))
		if (d->d_name[0] == '.' && dm_store_number(d->d_name + 1, &left))
			n += take_up(j, d->d_name);
	if (dp)
		closedir(dp);
	return n;
}

/* --- children ------------------------------------------------------------------------------ */

/* Made before the fork: a child of a program with threads must not allocate. */
struct start {
	const char *prog, *dir, *out; /* out: a file to be made; NULL: the daemon's log */
	char *argv[ARGS_MAX + 1], *env[8];
	bool quiet;	   /* its messages are of no use */
	uint64_t file_max; /* bytes */
};

static void limit(int what, uint64_t n)
{
	struct rlimit r = { .rlim_cur = n, .rlim_max = n };

	setrlimit(what, &r);
}

static void put_word(const char *path, const char *word)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t wrote;

	if (fd < 0)
		return;
	wrote = write(fd, word, strlen(word));
	(void)wrote; /* a hint */
	close(fd);
}

/* It runs when nobody else wants to, and is the first to go when memory runs out. */
static void be_modest(const struct start *s)
{
	setpriority(PRIO_PROCESS, 0, 19);
	syscall(SYS_ioprio_set, OF_PROCESS, 0, IDLE_CLASS);
	put_word("/proc/self/oom_score_adj", "1000");
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_CPU, STEP_CPU);
	limit(RLIMIT_FSIZE, s->file_max);
}

static int open_streams(const struct start *s)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), out = STDERR_FILENO;

	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		return -1;
	if (s->out)
		out = open(s->out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (out < 0 || dup2(out, STDOUT_FILENO) < 0)
		return -1;
	return s->quiet ? dup2(null, STDERR_FILENO) : 0;
}

static void run_child(const struct start *s, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(NOT_STARTED);
	setpgid(0, 0);
	dm_plain_signals();
	be_modest(s);
	if (chdir(s->dir) || open_streams(s) < 0)
		_exit(NOT_STARTED);
	close_range(3, ~0U, 0);
	execve(s->prog, s->argv, s->env);
	_exit(NOT_STARTED);
}

static void start(struct dm_jobs *j, struct job *b, struct start *s, uint64_t now)
{
	pid_t parent = getpid(), pid = fork();

	if (!pid)
		run_child(s, parent);
	b->too_long = false;
	if (pid < 0) {
		b->result[b->step] = NOT_STARTED;
		return;
	}
	b->child = pid;
	b->until = now + STEP_NS;
	j->children++;
}

/* A step that one of our own commands makes. */
static void run_step(struct dm_jobs *j, struct job *b, uint64_t now)
{
	char pid[16], out[JOB_PATH];
	struct start s = { .prog = j->self, .dir = b->dir, .quiet = b->step != CUT };
	char **a = s.argv;

	s.file_max = 4 * j->c->keep_bytes + (256ULL << 20);
	s.env[0] = (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	s.env[1] = (char *)"LC_ALL=C.UTF-8";
	*a++ = (char *)"memprof";
	if (b->step == CUT) {
		*a++ = (char *)"incident";
		*a++ = (char *)".";
	} else if (b->step == PPROF) {
		*a++ = (char *)"export";
		*a++ = (char *)"--format=pprof";
		*a++ = (char *)"--symbols=off";
		*a++ = (char *)"--output=profile.pb.gz";
		*a++ = (char *)"recording.mprof";
		snprintf(pid, sizeof(pid), "-p%u", b->pid);
		if (b->pid)
			*a++ = pid;
	} else {
		path_in(b, b->step == JSON ? "findings.json" : "findings.txt", out);
		s.out = out;
		*a++ = (char *)"diagnose";
		*a++ = (char *)"--symbols=off";
		*a++ = (char *)(b->step == JSON ? "--json" : "--color=never");
		*a++ = (char *)"recording.mprof";
	}
	start(j, b, &s, now);
}

/* --- the command --------------------------------------------------------------------------- */

static void ask_command(struct dm_jobs *j, struct job *b)
{
	const struct dm_command k = { .command = b->command,
				      .incident = b->dir,
				      .group = b->group,
				      .trigger = b->why,
				      .pid = b->pid };
	int err = j->runner ? dm_runner_ask(j->runner, (uint32_t)(b - j->v), &k) : -EPIPE;

	if (err == -EAGAIN) /* the next time */
		return;
	b->asked = true;
	if (err)
		b->result[COMMAND] = DM_NOT_STARTED;
}

static void after_command(struct job *b);

/* Commands that are over; all of them, when the process that runs them is gone. */
static void take_answers(struct dm_jobs *j)
{
	uint32_t id;
	int code, r;

	while (j->runner && (r = dm_runner_over(j->runner, &id, &code))) {
		if (r < 0) {
			dm_log("the process for commands has gone: none is run until a new start");
			dm_runner_free(j->runner);
			j->runner = NULL;
		}
		for (size_t i = 0; i < DM_JOBS_MAX; i++)
			if (j->v[i].asked && (r < 0 || i == id)) {
				j->v[i].result[COMMAND] = r < 0 ? DM_NOT_STARTED : code;
				after_command(&j->v[i]);
			}
	}
}

/* --- incident.json and the place ----------------------------------------------------------- */

/* A step's outcome: null where it was not tried, true, or what its program ended with. */
static void json_step(struct mp_json *js, const struct job *b, const char *key, enum step s)
{
	if (b->result[s] < 0)
		mp_json_null(js, key);
	else
		mp_json_bool(js, key, !b->result[s] || b->result[s] == MP_EXIT_PARTIAL);
}

static int write_json(const struct job *b)
{
	char path[JOB_PATH], when[32] = "";
	struct mp_json js;
	struct tm tm;
	FILE *f;
	int err;

	path_in(b, "incident.json", path);
	unlink(path);
	f = create(path);
	if (!f)
		return -errno;
	if (gmtime_r(&b->wall, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	mp_json_init(&js, f);
	mp_json_obj(&js, NULL);
	mp_json_u64(&js, "version", 1);
	mp_json_str(&js, "incident", b->name);
	mp_json_str(&js, "target", b->left ? NULL : b->group);
	mp_json_str(&js, "time", when);
	mp_json_str(&js, "why", b->why);
	if (b->pid)
		mp_json_u64(&js, "pid", b->pid);
	else
		mp_json_null(&js, "pid");
	mp_json_str(&js, "ring", b->ring);
	json_step(&js, b, "recording", CUT);
	json_step(&js, b, "findings", JSON);
	json_step(&js, b, "findings_text", TEXT);
	json_step(&js, b, "profile", PPROF);
	err = mp_json_finish(&js);
	return fclose(f) && !err ? -errno : err;
}

static void remove_raw(const struct job *b)
{
	char path[JOB_PATH];

	path_in(b, "raw.mprof", path);
	unlink(path);
	path_in(b, "job", path);
	unlink(path);
	path_in(b, "ring", path);
	if (!b->result[CUT])
		dm_store_remove(path);
}

static void publish(struct dm_jobs *j, struct job *b)
{
	char to[JOB_PATH], why[160];
	int err = write_json(b);

	remove_raw(b);
	snprintf(to, sizeof(to), "%s/incidents/%s", j->c->state, b->name);
	if (!err && rename(b->dir, to))
		err = -errno;
	if (err) {
		snprintf(why, sizeof(why), "it could not be put into its place: %s",
			 strerror(-err));
		fail(j, b, why);
		return;
	}
	snprintf(b->dir, sizeof(b->dir), "%s", to);
	b->step = COMMAND;
	j->over(j->ctx, b->group, b->name, NULL);
}

/* --- step by step -------------------------------------------------------------------------- */

/* Without a recording there is no incident; files of a ring are worth having as they are. */
static void after_cut(struct dm_jobs *j, struct job *b)
{
	char why[96];

	if (!b->result[CUT])
		b->step = JSON;
	else if (b->result[CUT] == MP_EXIT_NO_TARGET)
		fail(j, b, b->left ? "" : "the ring has nothing of its processes");
	else if (b->left && there(b, "ring"))
		b->step = PUBLISH;
	else {
		snprintf(why, sizeof(why), "the recording could not be made (%s%d)",
			 b->too_long ? "too slow, " : "exit ", b->result[CUT]);
		fail(j, b, why);
	}
}

static void after_command(struct job *b)
{
	int code = b->result[COMMAND];

	if (code == DM_TOO_LONG)
		dm_log("incident %s: its command took more than a minute and was ended", b->name);
	else if (code)
		dm_log("incident %s: its command ended with %d%s", b->name, code,
		       code == DM_NOT_STARTED ? " (not found, or not started)" : "");
	free_job(b);
}

static void advance(struct dm_jobs *j, struct job *b)
{
	if (b->step == CUT)
		after_cut(j, b);
	else
		b->step++;
}

static void reap(struct dm_jobs *j, struct job *b, uint64_t now)
{
	int status;
	pid_t r = waitpid(b->child, &status, WNOHANG);

	if (!r && now >= b->until) {
		b->too_long = true;
		kill(-b->child, SIGKILL);
		kill(b->child, SIGKILL);
	}
	if (!r)
		return;
	b->child = 0;
	j->children--;
	b->result[b->step] = r < 0		 ? NOT_STARTED
			     : WIFEXITED(status) ? WEXITSTATUS(status)
						 : 128 + WTERMSIG(status);
	advance(j, b);
}

static void go_on(struct dm_jobs *j, struct job *b, uint64_t now)
{
	if (b->step == PUBLISH) {
		publish(j, b);
		return;
	}
	if (b->step == COMMAND) {
		if (!b->command)
			free_job(b);
		else if (!b->asked)
			ask_command(j, b);
		if (b->asked && b->result[COMMAND] >= 0)
			after_command(b);
		return;
	}
	if (j->children >= DM_JOB_CHILDREN)
		return;
	run_step(j, b, now);
	if (!b->child)
		advance(j, b);
}

void dm_jobs_tick(struct dm_jobs *j, uint64_t now)
{
	take_answers(j);
	for (size_t i = 0; i < DM_JOBS_MAX; i++) {
		struct job *b = &j->v[i];

		if (b->child)
			reap(j, b, now);
		if (!b->child && b->step > RAW)
			go_on(j, b, now);
	}
}
