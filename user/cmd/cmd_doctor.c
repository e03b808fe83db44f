/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_doctor.c - memprof doctor: what this machine and these rights allow, each
 * thing tried, and what to do about what is missing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "user/cmd/cmd.h"
#include "user/cmd/doctor.h"
#include "user/daemon/privileges.h"
#include "user/live/preload.h"
#include "user/live/procfs.h"
#include "user/live/rights.h"
#include "user/model/model.h"
#include "user/sym/sym.h"
#include "user/util/util.h"
#include "user/view/json.h"

#define RUNGS_MAX 32

struct check {
	char name[32];
	bool ok;
	char value[128];
	char fix[160]; /* "" when nothing is to be done */
};

struct findings {
	struct mp_rung_result rung[RUNGS_MAX];
	size_t n_rungs;
	struct check check[24];
	size_t n_checks;
	bool no_target; /* -p names nothing that can be watched */
	int refused;	/* ... what may not be read: -errno     */
	pid_t pid;	/* of -p, 0: none, or not to be watched */
	struct mp_doctor_runtime rt[8];
	size_t n_rt;
};

static struct check *add(struct findings *f, const char *name, bool ok, const char *value,
			 const char *fix)
{
	struct check *c = &f->check[f->n_checks++];

	snprintf(c->name, sizeof(c->name), "%s", name);
	snprintf(c->value, sizeof(c->value), "%.127s", value);
	snprintf(c->fix, sizeof(c->fix), "%s", ok ? "" : fix);
	c->ok = ok;
	return c;
}

static void check_machine(struct findings *f)
{
	struct utsname u = { 0 };
	char buf[96];

	uname(&u);
	snprintf(buf, sizeof(buf), "%.40s %.20s", u.release, u.machine);
	add(f, "kernel", true, buf, "");
	add(f, "BTF", mp_have_btf(), mp_have_btf() ? "yes" : "no",
	    "use a kernel built with CONFIG_DEBUG_INFO_BTF; --hooks none works without");
	add(f, "rights", !*mp_caps_missing(), *mp_caps_missing() ? mp_caps_missing() : "enough",
	    "run with sudo, or give the missing capabilities");
	add(f, "tracefs", mp_have_tracefs(), mp_have_tracefs() ? mp_tracefs() : "not mounted",
	    "only classic tracepoints need it: mount -t tracefs nodev /sys/kernel/tracing");
	mp_first_line("/sys/kernel/security/lockdown", buf, sizeof(buf));
	add(f, "lockdown", !strstr(buf, "[confidentiality]"), *buf ? buf : "none",
	    "lockdown=confidentiality forbids BPF from reading memory");
	mp_first_line("/proc/sys/kernel/unprivileged_bpf_disabled", buf, sizeof(buf));
	add(f, "unprivileged_bpf_disabled", true, buf, "");
	mp_first_line("/proc/sys/kernel/perf_event_paranoid", buf, sizeof(buf));
	add(f, "perf_event_paranoid", true, buf, "");
	add(f, "libbpf", true, libbpf_version_string(), "");
	add(f, "liblzma", mp_sym_have_lzma(), mp_sym_have_lzma() ? "yes" : "not found",
	    "functions named in .gnu_debugdata only stay unnamed: install liblzma5");
	add(f, "page size", sysconf(_SC_PAGESIZE) == 4096,
	    sysconf(_SC_PAGESIZE) == 4096 ? "4096" : "other",
	    "this version counts pages of 4096 bytes only");
}

/* What a Node.js process loads to tell more of itself. */
static void check_preload(struct findings *f)
{
	char path[4096];
	bool there = !mp_node_preload_path(path, sizeof(path));

	add(f, "memprof-node", there,
	    there ? path : "not found beside memprof or in ../lib/memprof",
	    "make install puts it there; only for what NODE_OPTIONS loads");
}

/* The control group that kernel memory of this process is charged to. */
static void own_cgroup(char *buf, size_t size)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[512];

	snprintf(buf, size, "of the caller");
	while (f && fgets(line, sizeof(line), f)) {
		char *kinds = strchr(line, ':'), *path = kinds ? strchr(kinds + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = 0;
		path[strcspn(path, "\n")] = 0;
		/* version 2 names no controllers; in version 1 memory has a tree of its own */
		if (!kinds[1] || strstr(kinds + 1, "memory"))
			snprintf(buf, size, "%s", path);
	}
	if (f)
		fclose(f);
}

/* What recording takes of the kernel's memory. */
static void check_memory(struct findings *f, const struct mp_probes *p)
{
	uint64_t maps, progs;
	char a[16], b[16], group[32], buf[128];

	mp_probes_memory(p, &maps, &progs);
	own_cgroup(group, sizeof(group));
	snprintf(buf, sizeof(buf), "%s of maps, %s of programs; in no RSS, charged to cgroup %s",
		 mp_bytes(a, sizeof(a), (int64_t)maps), mp_bytes(b, sizeof(b), (int64_t)progs),
		 group);
	add(f, "BPF memory", true, maps ? buf : "not told by this kernel", "");
}

/* The rungs are tried with empty programs; whether the verifier of this kernel takes the
 * real ones shows only here: loaded for a moment, with no target. */
static void check_load(struct findings *f)
{
	struct mp_probes_opts o = { 0 };
	struct mp_diag diag = { 0 };
	struct mp_probes *p = NULL;
	int err;

	mp_hooks_parse(NULL, &o.hooks, &diag);
	err = mp_probes_open(&o, &p, &diag);
	add(f, "probes", !err, err ? diag.cause : "load and attach",
	    "MEMPROF_DEBUG_LIBBPF=1 memprof record ... shows the verifier's words; "
	    "--hooks none works without");
	if (err)
		return;
	check_memory(f, p);
	mp_probes_close(p);
}

#define KTHREADD 2 /* the parent of the kernel's threads, and one itself */

/* What a process without memory is; "" of one that has some. */
static const char *without_memory(pid_t pid, const struct proc_status *st)
{
	if (!st->zombie)
		return "";
	return pid == KTHREADD || st->ppid == KTHREADD
		       ? ", a kernel thread: nothing to watch"
		       : ", a zombie: it has ended, and its parent has not asked how";
}

/* What is read of it, and what it takes to do so. */
static int check_files(struct findings *f, pid_t pid)
{
	struct proc_maps m = { 0 };
	int fd = proc_pagemap_open(pid), err = proc_maps_read(pid, &m);
	bool able = mp_caps_has(MP_CAP_SYS_PTRACE) && mp_caps_has(MP_CAP_DAC_READ_SEARCH);

	add(f, "target maps", !err, err ? strerror(-err) : "readable", mp_refused_fix());
	proc_maps_free(&m);
	add(f, "target pagemap", fd >= 0, fd < 0 ? strerror(-fd) : "readable",
	    able ? mp_refused_fix() : "needs CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, or root");
	if (fd >= 0)
		close(fd);
	return err;
}

static void check_target(struct findings *f, pid_t pid)
{
	struct proc_status st;
	const char *without = "";
	char buf[128];
	int err = proc_status_read(pid, &st);

	if (!err)
		without = without_memory(pid, &st);
	snprintf(buf, sizeof(buf), "pid %d: %.40s%s", (int)pid, err ? strerror(-err) : st.comm,
		 without);
	f->no_target = err == -ESRCH || *without;
	add(f, "target", !err && !*without, buf, "ps -e  # lists pids");
	if (err || *without)
		return;
	f->refused = check_files(f, pid);
	f->pid = pid;
	if (!f->refused)
		f->n_rt = mp_doctor_runtimes(pid, f->rt, sizeof(f->rt) / sizeof(f->rt[0]));
}

static const char *chosen(const struct findings *f, unsigned feature)
{
	for (size_t i = 0; i < f->n_rungs; i++)
		if (f->rung[i].feature == feature && !f->rung[i].err)
			return mp_rung_name(f->rung[i].rung);
	return NULL;
}

static void rungs_json(struct mp_json *j, const struct findings *f, unsigned feature)
{
	mp_json_arr(j, "rungs");
	for (size_t i = 0; i < f->n_rungs; i++) {
		if (f->rung[i].feature != feature)
			continue;
		mp_json_obj(j, NULL);
		mp_json_str(j, "rung", mp_rung_name(f->rung[i].rung));
		mp_json_bool(j, "ok", !f->rung[i].err);
		mp_json_str(j, "why", *f->rung[i].why ? f->rung[i].why : NULL);
		mp_json_end(j);
	}
	mp_json_end(j);
}

/* What a user would set to get at a heap that is not reached now. */
static const char *give(const struct mp_doctor_runtime *r)
{
	return r->rung == MP_RUNG_ABSENT ? r->give : NULL;
}

static void runtimes_json(struct mp_json *j, const struct findings *f)
{
	if (f->refused) { /* not none: nobody knows */
		mp_json_str(j, "runtimes", NULL);
		return;
	}
	mp_json_arr(j, "runtimes");
	for (size_t i = 0; i < f->n_rt; i++) {
		const struct mp_doctor_runtime *r = &f->rt[i];

		mp_json_obj(j, NULL);
		mp_json_str(j, "name", r->name);
		mp_json_str(j, "feature", mp_feature_name(r->feature));
		mp_json_str(j, "version", *r->version ? r->version : NULL);
		mp_json_str(j, "route", r->told ? mp_rung_name(r->rung) : NULL);
		mp_json_str(j, "why", *r->why ? r->why : NULL);
		mp_json_str(j, "give", give(r));
		mp_json_end(j);
	}
	mp_json_end(j);
}

/* What would give this program what it needs; told whether or not that is missing. */
static const char *setcap_line(void)
{
	static char line[4352];
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = 0;
	return dm_setcap_line(line, sizeof(line), n > 0 ? self : "memprof");
}

static void capabilities_json(struct mp_json *j)
{
	mp_json_arr(j, "capabilities");
	for (size_t i = 0; i < dm_n_caps; i++) {
		mp_json_obj(j, NULL);
		mp_json_str(j, "name", dm_caps[i].name);
		mp_json_bool(j, "held", dm_cap_held(&dm_caps[i]));
		mp_json_bool(j, "needed", dm_caps[i].start);
		mp_json_str(j, "for", dm_caps[i].why);
		mp_json_end(j);
	}
	mp_json_end(j);
	mp_json_str(j, "setcap", setcap_line());
}

static int print_json(const struct findings *f)
{
	struct mp_json j;

	mp_json_init(&j, stdout);
	mp_json_obj(&j, NULL);
	mp_json_u64(&j, "version", 1);
	mp_json_arr(&j, "features");
	for (unsigned feat = 1; feat < MP_FEAT_MAX; feat++) {
		mp_json_obj(&j, NULL);
		mp_json_str(&j, "name", mp_feature_name(feat));
		rungs_json(&j, f, feat);
		mp_json_str(&j, "chosen", chosen(f, feat));
		mp_json_end(&j);
	}
	mp_json_end(&j);
	mp_json_arr(&j, "checks");
	for (size_t i = 0; i < f->n_checks; i++) {
		mp_json_obj(&j, NULL);
		mp_json_str(&j, "name", f->check[i].name);
		mp_json_bool(&j, "ok", f->check[i].ok);
		mp_json_str(&j, "value", f->check[i].value);
		mp_json_str(&j, "fix", *f->check[i].fix ? f->check[i].fix : NULL);
		mp_json_end(&j);
	}
	mp_json_end(&j);
	capabilities_json(&j);
	if (f->pid)
		runtimes_json(&j, f);
	mp_json_end(&j);
	return mp_json_finish(&j);
}

static void print_runtimes(const struct findings *f, const struct mp_term *t)
{
	char head[64], buf[256];

	snprintf(head, sizeof(head), "Runtimes in pid %d", (int)f->pid);
	mp_text_head(stdout, t, head);
	if (f->refused)
		printf("  could not be read: %s\n", strerror(-f->refused));
	else if (!f->n_rt)
		puts("  none that memprof knows: no Go, HotSpot, V8, CPython or CRuby");
	for (size_t i = 0; i < f->n_rt; i++) {
		const struct mp_doctor_runtime *r = &f->rt[i];

		printf("  %s %s: %s\n", r->name,
		       *r->version ? mp_text_clean(buf, sizeof(buf), t, r->version)
				   : "of a version that is not told",
		       !r->told			   ? "not asked, or its source has no answer"
		       : r->rung == MP_RUNG_ABSENT ? "no way to its heap without its help"
						   : mp_rung_name(r->rung));
		if (*r->why)
			printf("    %s\n", mp_text_clean(buf, sizeof(buf), t, r->why));
		if (give(r))
			printf("    -> at its start: %s\n", give(r));
	}
}

/* A line for each part of the reason: what it is for; what is missing without it. */
static void print_reason(const char *why)
{
	while (*why) {
		size_t n = strcspn(why, ";");

		printf("    %.*s\n", (int)n, why);
		why += n;
		why += strspn(why, "; ");
	}
}

static void print_capabilities(const struct mp_term *t)
{
	bool all = true;
	char buf[4352];

	mp_text_head(stdout, t, "Capabilities");
	for (size_t i = 0; i < dm_n_caps; i++) {
		const struct dm_cap *c = &dm_caps[i];
		bool held = dm_cap_held(c);

		printf("  %-23s %s\n", c->name,
		       held	  ? "held"
		       : c->start ? "missing"
				  : "not held, seldom needed");
		print_reason(c->why);
		all &= held || !c->start;
	}
	if (!all)
		printf("  -> sudo %s\n     (who may run that may watch everybody)\n",
		       mp_text_clean(buf, sizeof(buf), t, setcap_line()));
}

static void print_text(const struct findings *f, const struct mp_term *t)
{
	const char *ok = t->color ? "\033[32mok\033[0m     " : "ok     ";
	const char *no = t->color ? "\033[33mmissing\033[0m" : "missing";
	char buf[256];

	mp_text_head(stdout, t, "This machine");
	for (size_t i = 0; i < f->n_checks; i++) {
		printf("  %-26s %s\n", f->check[i].name,
		       mp_text_clean(buf, sizeof(buf), t, f->check[i].value));
		if (*f->check[i].fix)
			printf("  %-26s -> %s\n", "", f->check[i].fix);
	}
	print_capabilities(t);
	if (f->pid)
		print_runtimes(f, t);
	mp_text_head(stdout, t, "Hooks, in order of preference");
	for (size_t i = 0; i < f->n_rungs; i++) {
		const struct mp_rung_result *r = &f->rung[i];
		const char *c = chosen(f, r->feature);
		bool used = c && !strcmp(c, mp_rung_name(r->rung)) && !r->err;

		printf("  %-11s %-11s %s  %s%s%s\n", mp_feature_name(r->feature),
		       mp_rung_name(r->rung), r->err ? no : ok, used ? "<- used" : "",
		       used && *r->why ? ", " : "", r->why);
	}
	if (chosen(f, MP_FEAT_CALLS) && strcmp(chosen(f, MP_FEAT_CALLS), "fentry")) {
		puts("");
		mp_text_para(stdout, t,
			     "Without fentry the calls are seen through tracepoints that every "
			     "system call of every process passes: each takes some 0.2 to 0.3 us "
			     "longer while memprof runs, the shortest (getppid) twice as long, an "
			     "mmap 1.2 times. --hooks calls=off leaves them out: mappings are then "
			     "read once a second, and what calls gave back, and from where, is not "
			     "seen.");
	}
	if (!chosen(f, MP_FEAT_FAULTS) || !chosen(f, MP_FEAT_TASKS)) {
		puts("");
		mp_text_para(
			stdout, t,
			"No hook for page faults works here: memprof --hooks none -p PID polls "
			"/proc. "
			"It sees levels, but not who touched or released what, nor when exactly. "
			"For "
			"processes of your own it needs no capability.");
	}
}

/* What needs no hook: one rung that is always there. */
static void add_hookless(struct findings *f)
{
	f->rung[f->n_rungs++] =
		(struct mp_rung_result){ .feature = MP_FEAT_RSS, .rung = MP_RUNG_PROC };
	f->rung[f->n_rungs++] =
		(struct mp_rung_result){ .feature = MP_FEAT_HEAP_GC, .rung = MP_RUNG_SEGMENT };
	f->rung[f->n_rungs++] =
		(struct mp_rung_result){ .feature = MP_FEAT_HEAP_LOG, .rung = MP_RUNG_LOG };
	/* taken by the probes of faults, whichever they are */
	for (size_t i = 0; i < f->n_rungs; i++) {
		if (f->rung[i].feature != MP_FEAT_FAULTS || f->rung[i].err)
			continue;
		f->rung[f->n_rungs] = f->rung[i];
		f->rung[f->n_rungs++].feature = MP_FEAT_STACKS;
		break;
	}
}

int cmd_doctor(struct mp_args *a)
{
	static struct findings f;
	struct mp_term t;
	int err = 0;

	libbpf_set_print(NULL);
	f.n_rungs = mp_ladder_try(f.rung, RUNGS_MAX - 3);
	add_hookless(&f);
	check_machine(&f);
	check_preload(&f);
	if (chosen(&f, MP_FEAT_FAULTS) && chosen(&f, MP_FEAT_TASKS))
		check_load(&f);
	if (a->n_pids)
		check_target(&f, a->pids[0]);
	mp_term_init(&t, stdout, a->color);
	if (a->json)
		err = print_json(&f);
	else
		print_text(&f, &t);
	if (f.no_target)
		return mp_finish_stdout(err, MP_EXIT_NO_TARGET);
	return mp_finish_stdout(
		err, chosen(&f, MP_FEAT_FAULTS) && !f.refused ? MP_EXIT_OK : MP_EXIT_NOT_PERMITTED);
}
