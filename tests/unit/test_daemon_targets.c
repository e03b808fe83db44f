/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_daemon_targets.c - who is a target: container ids in real paths of control groups, rules
 * against facts, the keys that the kernel side is given, owners, the table.
 */
#include "tests/unit/ev.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/daemon/server_int.h"
#include "user/daemon/targets_int.h"
#include "user/live/rules.h"

#define ID "4a6f8d2b9c0e13579bdf02468ace13579bdf02468ace13579bdf02468ace1357"
#define IN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define T  "d0b5c9d5a4b94f1e8a7c6b5a49382716"

/* --- containers ---------------------------------------------------------------------------------
 */

static void test_containers(void **state)
{
	static const struct {
		const char *cgroup, *id;
	} t[] = {
		/* docker: version 1 with cgroupfs, with systemd, version 2, and one in another */
		{ "/docker/" ID, ID },
		{ "/system.slice/docker-" ID ".scope", ID },
		{ "/docker/" ID "/system.slice/ssh.service", ID },
		{ "/docker/" ID "/docker/" IN, IN },
		{ "/docker/buildkit/x7k2v9", "" },
		/* kubernetes: containerd and docker with cgroupfs */
		{ "/kubepods/burstable/pod5f0c3d1e-8a55-4a33-9f6e-0f6a3f7e5c11/" ID, ID },
		{ "/kubepods/podd2f6a9a0-1b2c-4d3e-8f90-a1b2c3d4e5f6/" ID, ID },
		/* ... with systemd: containerd, cri-o, docker */
		{ "/kubepods.slice/kubepods-burstable.slice/"
		  "kubepods-burstable-pod5f0c3d1e_8a55_4a33_9f6e_0f6a3f7e5c11.slice/"
		  "cri-containerd-" ID ".scope",
		  ID },
		{ "/kubepods.slice/kubepods-pod5f0c3d1e_8a55_4a33_9f6e_0f6a3f7e5c11.slice/crio-" ID
		  ".scope",
		  ID },
		{ "/kubepods.slice/kubepods-besteffort.slice/"
		  "kubepods-besteffort-pod5f0c3d1e_8a55_4a33_9f6e_0f6a3f7e5c11.slice/docker-" ID
		  ".scope",
		  ID },
		/* ... containerd of version 1 with systemd's names and without systemd */
		{ "/system.slice/containerd.service/"
		  "kubepods-burstable-pod5f0c3d1e_8a55_4a33_9f6e_0f6a3f7e5c11.slice:cri-"
		  "containerd:" ID,
		  ID },
		/* cri-o's monitor beside it; a process of the container below */
		{ "/kubepods.slice/kubepods-pod1.slice/crio-conmon-" ID ".scope", "" },
		{ "/kubepods.slice/kubepods-pod1.slice/crio-" ID ".scope/container", ID },
		/* podman: root, version 2; its monitor; rootless; cgroupfs */
		{ "/machine.slice/libpod-" ID ".scope", ID },
		{ "/machine.slice/libpod-" ID ".scope/container", ID },
		{ "/machine.slice/libpod-conmon-" ID ".scope", "" },
		{ "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID
		  ".scope/container",
		  ID },
		{ "/libpod_parent/libpod-" ID, ID },
		{ "/libpod_parent/libpod-" ID "/ctr", ID },
		/* lxc and lxd have names; systemd's own have none */
		{ "/lxc/web1", "" },
		{ "/lxc.payload.web1/system.slice/nginx.service", "" },
		{ "/lxc.payload.web1/docker/" ID, ID },
		{ "/machine.slice/systemd-nspawn@web.service/payload", "" },
		{ "/system.slice/nginx.service", "" },
		{ "/user.slice/user-1000.slice/session-2.scope", "" },
		{ "/user.slice/user-1000.slice/user@1000.service/app.slice/"
		  "app-gnome-firefox-12345.scope",
		  "" },
		{ "/init.scope", "" },
		{ "/", "" },
		{ "", "" },
		/* ECS: a task, then its container; Fargate: a task and a number */
		{ "/ecs/" T "/" ID, ID },
		{ "/ecs/" T "/" T "-2574823563", T },
		/* from inside a namespace of control groups */
		{ "/../../docker/" ID, ID },
		{ "/../docker-" ID ".scope", ID },
		/* what only looks like one: too short, too long, not hex, upper case, more behind
		 */
		{ "/docker/" ID "0", "" },
		{ "/docker/4a6f8d2b9c0e", "" },
		{ "/docker/z" ID, "" },
		{ "/docker-" ID ".service", "" },
		{ "/docker-" ID ".scopes", "" },
		{ "/x/" T "x", "" },
		{ "/x/" T "-a", "" },
		{ "/x/prefix-" T, "" },
	};
	char buf[80];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		print_message("%s\n", t[i].cgroup);
		assert_string_equal(dm_container(t[i].cgroup, buf, sizeof(buf)), t[i].id);
	}
	assert_string_equal(dm_container("/docker/" ID, buf, 10), "");
}

/* --- rules
 * ----------------------------------------------------------------------------------------- */

struct conf {
	struct dm_config c;
	struct dm_group g[4];
};

static struct dm_rule *rule(struct conf *f, size_t group)
{
	struct dm_group *g = &f->g[group];

	f->c.groups = f->g;
	if (f->c.n_groups <= group)
		f->c.n_groups = group + 1;
	return &g->rules[g->n_rules++];
}

static struct dm_facts facts(pid_t pid, uid_t uid, const char *exe, const char *cgroup)
{
	struct dm_facts f = { .pid = pid, .uid = uid };

	snprintf(f.exe, sizeof(f.exe), "%s", exe);
	snprintf(f.cgroup, sizeof(f.cgroup), "%s", cgroup);
	return f;
}

static bool takes(struct dm_rule r, struct dm_facts f)
{
	struct conf c = { 0 };

	*rule(&c, 0) = r;
	return dm_match(&c.c, &f) == 0;
}

#define RULE(...) ((struct dm_rule){ __VA_ARGS__ })

static void test_programs(void **state)
{
	static const struct {
		const char *rule, *exe;
		bool takes;
	} t[] = {
		{ "java", "/usr/lib/jvm/java-17/bin/java", true },
		{ "java", "/usr/bin/javac", false },
		{ "java*", "/usr/bin/javac", true },
		{ "java", "", false },
		{ "*", "/a/b", true },
		{ "python3.?", "/usr/bin/python3.1", true },
		{ "python3.?", "/usr/bin/python3.11", false },
		{ "/usr/bin/java", "/usr/bin/java", true },
		{ "/usr/bin/java", "/opt/usr/bin/java", false },
		{ "/usr/*/java", "/usr/bin/java", true },
		{ "/usr/*/java", "/usr/local/bin/java", false }, /* not across '/' */
		{ "a\\*", "/x/a*", false },
		{ "a\\*", "/x/a\\b", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct dm_rule r = { 0 };

		print_message("%s of %s\n", t[i].rule, t[i].exe);
		snprintf(r.exe, sizeof(r.exe), "%s", t[i].rule);
		assert_int_equal(takes(r, facts(1, 0, t[i].exe, "")), t[i].takes);
	}
}

static void test_groups(void **state)
{
	static const struct {
		const char *rule, *cgroup;
		bool takes;
	} t[] = {
		{ "/system.slice/nginx.service", "/system.slice/nginx.service", true },
		{ "/system.slice/nginx.service", "/system.slice/nginx.service/worker", true },
		{ "/system.slice/nginx.service", "/system.slice/nginx.service2", false },
		{ "/system.slice/nginx.service", "/system.slice", false },
		{ "/system.slice", "/system.slice/a/b", true },
		{ "/system.slice/", "/system.slice/a/b", true },
		{ "/system.slice/php*.service", "/system.slice/php8.2-fpm.service", true },
		{ "/*/php*.service", "/system.slice/php8.2-fpm.service", true },
		{ "/*.service", "/system.slice/php8.2-fpm.service", false }, /* name by name */
		{ "/", "/", true },
		{ "/", "/any", true },
		{ "/", "", false }, /* not known is in none */
		{ "/a", "/", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct dm_rule r = { 0 };

		print_message("%s of %s\n", t[i].rule, t[i].cgroup);
		snprintf(r.cgroup, sizeof(r.cgroup), "%s", t[i].rule);
		assert_int_equal(takes(r, facts(1, 0, "/x", t[i].cgroup)), t[i].takes);
	}
}

static void test_every_field_must_match(void **state)
{
	struct dm_rule r = RULE(.pid = 7, .exe = "java", .has_uid = true, .uid = 1000,
				.cgroup = "/docker", .container = "4a6f8d2b9c0e");
	struct dm_facts yes = facts(7, 1000, "/bin/java", "/docker/" ID), f;

	(void)state;
	assert_true(takes(r, yes));
	f = yes;
	f.pid = 8;
	assert_false(takes(r, f));
	f = yes;
	f.uid = 0;
	assert_false(takes(r, f));
	f = yes;
	strcpy(f.exe, "/bin/jav");
	assert_false(takes(r, f));
	f = yes;
	strcpy(f.cgroup, "/dockers/" ID);
	assert_false(takes(r, f));
	f = yes;
	strcpy(f.cgroup, "/docker/" IN);
	assert_false(takes(r, f));
	assert_true(takes(RULE(.has_uid = true, .uid = 0), facts(7, 0, "", "")));
	assert_false(takes(RULE(.container = "4a6f8d2b9c0e"), facts(7, 0, "", "/x")));
	assert_true(takes(RULE(.container = ID), facts(7, 0, "", "/docker/" ID)));
}

static void test_the_first_group_takes_it(void **state)
{
	struct conf c = { 0 };
	struct dm_facts f = facts(1, 5, "/bin/a", "/x");

	(void)state;
	assert_int_equal(dm_match(&c.c, &f), -1);
	strcpy(rule(&c, 0)->exe, "b");
	strcpy(rule(&c, 1)->exe, "c");
	strcpy(rule(&c, 1)->exe, "a");
	strcpy(rule(&c, 2)->exe, "a");
	assert_int_equal(dm_match(&c.c, &f), 1);
	strcpy(f.exe, "/bin/d");
	assert_int_equal(dm_match(&c.c, &f), -1);
}

/* --- the keys of the kernel side -----------------------------------------------------------------
 */

/* The longest key that the name begins with, as a map of the kind LPM_TRIE finds it. */
static uint64_t look_up(const void *keys, size_t size, const uint64_t *masks, size_t n,
			const char *name, uint64_t none)
{
	char text[sizeof(struct mp_rule_group)] = "";
	uint32_t bits, best = 0;
	uint64_t mask = none;

	/* bpf_probe_read_kernel_str(): at most the room there is, always a NUL */
	memcpy(text, name, strnlen(name, size - sizeof(bits) - 1));
	for (size_t i = 0; i < n; i++) {
		const char *key = (const char *)keys + i * size;

		memcpy(&bits, key, sizeof(bits));
		if (bits >= best && !memcmp(key + sizeof(bits), text, bits / 8)) {
			best = bits;
			mask = masks[i];
		}
	}
	return mask;
}

/* What rules_take() of bpf/rules.bpf.h would say. */
static bool kernel_takes(const struct rule_keys *k, const struct dm_facts *f)
{
	const char *base = strrchr(f->exe, '/');
	uint64_t uid = k->any[0], groups = k->any[2];
	char path[4096], *rest = path, *name;

	for (size_t i = 0; i < k->n_uids; i++)
		if (k->uids[i] == f->uid)
			uid = k->uid_masks[i];
	snprintf(path, sizeof(path), "%s", f->cgroup);
	while ((name = strsep(&rest, "/")))
		groups |= look_up(k->groups, sizeof(*k->groups), k->group_masks, k->n_groups, name,
				  0);
	return k->all & uid & groups &
	       look_up(k->exes, sizeof(*k->exes), k->exe_masks, k->n_exes, base ? base + 1 : f->exe,
		       k->any[1]);
}

static void keys_of(const struct conf *c, struct rule_keys *k)
{
	struct mp_exec_rule r[4 * DM_RULES_MAX];
	struct dm_exec_of of[4 * DM_RULES_MAX];

	assert_int_equal(rules_keys(r, dm_exec_rules(&c->c, r, of, 4 * DM_RULES_MAX), k), 0);
}

static void test_what_the_kernel_takes(void **state)
{
	static const struct {
		struct dm_rule r;
		uid_t uid;
		const char *exe, *cgroup;
		bool takes;
	} t[] = {
		{ { .exe = "java" }, 0, "/bin/java", "/", true },
		{ { .exe = "java" }, 0, "/bin/javac", "/", false },
		{ { .exe = "jav*" }, 0, "/bin/javac", "/", true },
		{ { .exe = "j*c" }, 0, "/bin/java", "/", true }, /* asked again later */
		{ { .exe = "j*c" }, 0, "/bin/python", "/", false },
		{ { .exe = "/usr/bin/java" }, 0, "/opt/java", "/", true },
		{ { .exe = "*x" }, 0, "/bin/anything", "/", true },
		{ { .has_uid = true, .uid = 7 }, 7, "/bin/java", "/", true },
		{ { .has_uid = true, .uid = 7 }, 8, "/bin/java", "/", false },
		{ { .has_uid = true, .uid = 7, .exe = "a" }, 7, "/bin/java", "/", false },
		{ { .container = "4a6f8d2b9c0e" }, 0, "/a", "/docker/" ID, true },
		{ { .container = "4a6f8d2b9c0e" },
		  0,
		  "/a",
		  "/x/crio-" ID ".scope/container",
		  true },
		{ { .container = "4a6f8d2b9c0e" },
		  0,
		  "/a",
		  "/x/cri-containerd-" ID ".scope",
		  true },
		{ { .container = "4a6f8d2b9c0e" }, 0, "/a", "/docker/" IN, false },
		{ { .cgroup = "/a/b*/c" }, 0, "/a", "/a/bc/c/d", true },
		{ { .cgroup = "/a/b*/c" }, 0, "/a", "/a/bc/d", false },
		{ { .cgroup = "/a/b/*" }, 0, "/a", "/a/b/x", true },
		{ { .cgroup = "/a/b/*" }, 0, "/a", "/a/c/x", false },
		{ { .cgroup = "/*" }, 0, "/a", "/x", true },
		{ { .pid = 7 }, 0, "/a", "/x", false }, /* found by looking */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct dm_facts f = facts(7, t[i].uid, t[i].exe, t[i].cgroup);
		struct conf c = { 0 };
		struct rule_keys k;

		print_message("%zu: %s %s %s\n", i, t[i].r.exe, t[i].exe, t[i].cgroup);
		*rule(&c, 0) = t[i].r;
		keys_of(&c, &k);
		assert_int_equal(kernel_takes(&k, &f), t[i].takes);
		rules_keys_free(&k);
	}
}

static void test_no_rules_take_nobody(void **state)
{
	struct dm_facts f = facts(1, 0, "/a", "/b");
	struct rule_keys k;

	(void)state;
	assert_int_equal(rules_keys(NULL, 0, &k), 0);
	assert_int_equal(k.all, 0);
	assert_false(kernel_takes(&k, &f));
	rules_keys_free(&k);
}

static const char *const letters[] = { "a", "b", "ab", "aba", "abc", "b.c" };
#define LETTERS (sizeof(letters) / sizeof(letters[0]))

static void random_name(struct rnd *r, char *out, bool wild)
{
	strcat(out, letters[rnd_below(r, LETTERS)]);
	if (wild && !rnd_below(r, 3))
		strcat(out, rnd_below(r, 2) ? "*" : "?");
	if (wild && !rnd_below(r, 4))
		strcat(out, letters[rnd_below(r, LETTERS)]);
}

static void random_path(struct rnd *r, char *out, bool wild)
{
	for (size_t n = 1 + rnd_below(r, 3); n; n--) {
		strcat(out, "/");
		if (wild && !rnd_below(r, 5))
			strcat(out, "*");
		else if (!rnd_below(r, 8))
			strcat(out, ID);
		else
			random_name(r, out, wild);
	}
}

static struct dm_rule random_rule(struct rnd *r)
{
	struct dm_rule m = { 0 };

	if (rnd_below(r, 2)) {
		if (rnd_below(r, 2))
			random_path(r, m.exe, true);
		else
			random_name(r, m.exe, true);
	}
	if (!rnd_below(r, 3)) {
		m.has_uid = true;
		m.uid = (uid_t)rnd_below(r, 3);
	}
	if (!rnd_below(r, 2))
		random_path(r, m.cgroup, true);
	if (!rnd_below(r, 6))
		snprintf(m.container, sizeof(m.container), "%.*s", (int)(12 + rnd_below(r, 52)),
			 ID);
	return m;
}

/* Too much may be taken in the kernel, never too little: however many rules share a bit. */
static void test_the_kernel_misses_nobody(void **state)
{
	struct rnd r = rnd_seed("the_kernel_misses_nobody", 20261122);
	unsigned took = 0, both = 0;

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct rule_keys k;
		struct conf c = { 0 };

		for (size_t n = 1 + rnd_below(&r, round % 3 ? 5 : 60); n; n--) {
			size_t g = rnd_below(&r, 4);

			if (c.g[g].n_rules < DM_RULES_MAX)
				*rule(&c, g) = random_rule(&r);
		}
		keys_of(&c, &k);
		for (int i = 0; i < 100; i++) {
			struct dm_facts f = facts(1, (uid_t)rnd_below(&r, 4), "", "");
			bool kernel;

			random_path(&r, f.exe, false);
			random_path(&r, f.cgroup, false);
			kernel = kernel_takes(&k, &f);
			took += kernel;
			if (dm_match(&c.c, &f) < 0)
				continue;
			both++;
			if (!kernel)
				fail_msg("round %d: uid %u exe %s cgroup %s", round, f.uid, f.exe,
					 f.cgroup);
		}
		rules_keys_free(&k);
	}
	/* and it is worth the trouble: most of what it takes is wanted, and it leaves out a lot */
	assert_in_range(took, both, 29000);
	assert_true(both > took / 4);
}

/* Where the kernel's word is enough, and whose rule it is. */
static void test_rules_the_kernel_knows_all_of(void **state)
{
	static const struct {
		struct dm_rule r;
		bool exact;
	} t[] = {
		{ { .exe = "java" }, true },
		{ { .exe = "java*" }, true },
		{ { .exe = "*" }, true },
		{ { .exe = "j*a" }, false },
		{ { .exe = "java?" }, false },
		{ { .exe = "java**" }, false },
		{ { .exe = "/bin/java" }, false },
		{ { .exe = "a-program-of-a-name-longer-than-is-compared" }, false },
		{ { .has_uid = true }, true },
		{ { .has_uid = true, .exe = "java" }, true },
		{ { .container = "4a6f8d2b9c0e" }, true },
		{ { .cgroup = "/a" }, false },
		{ { .cgroup = "/a", .exe = "java" }, false },
	};
	struct mp_exec_rule r[DM_RULES_MAX];
	struct dm_exec_of of[DM_RULES_MAX];
	struct conf c = { 0 };

	(void)state;
	rule(&c, 0)->pid = 7; /* not among them */
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		*rule(&c, 1) = t[i].r;
	assert_int_equal(dm_exec_rules(&c.c, r, of, DM_RULES_MAX), sizeof(t) / sizeof(t[0]));
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		print_message("%zu\n", i);
		assert_int_equal(of[i].group, 1);
		assert_int_equal(of[i].exact, t[i].exact);
	}
	assert_int_equal(dm_exec_rules(&c.c, r, of, 3), 3);
}

static void test_names_that_are_too_long(void **state)
{
	struct conf c = { 0 };
	struct rule_keys k;
	struct dm_facts f = facts(1, 0, "/bin/a-program-of-a-name-longer-than-is-compared-1", "/");

	(void)state;
	strcpy(rule(&c, 0)->exe, "a-program-of-a-name-longer-than-is-compared-1");
	keys_of(&c, &k);
	assert_true(kernel_takes(&k, &f));
	strcpy(f.exe, "/bin/a-program-of-a-name-longer-than-is-compared-2");
	assert_true(kernel_takes(&k, &f));
	strcpy(f.exe, "/bin/a-program");
	assert_false(kernel_takes(&k, &f));
	rules_keys_free(&k);
}

/* --- owners
 * ------------------------------------------------------------------------------------------- */

static void test_owners(void **state)
{
	static const struct {
		const char *status;
		bool ok, plain, caps;
	} t[] = {
		{ "Name:\tx\nUid:\t5\t5\t5\t5\nGid:\t6\t6\t6\t6\nCapPrm:\t0000000000000000\n", true,
		  true, false },
		{ "Name:\tx\nUid:\t5\t5\t5\t9\nGid:\t6\t6\t6\t9\nCapPrm:\t0000000000000000\n", true,
		  true, false }, /* of files: not asked by the kernel either */
		{ "Name:\tx\nUid:\t4\t5\t5\t5\nGid:\t6\t6\t6\t6\nCapPrm:\t0\n", true, false,
		  false },
		{ "Name:\tx\nUid:\t5\t5\t4\t5\nGid:\t6\t6\t6\t6\nCapPrm:\t0\n", true, false,
		  false },
		{ "Name:\tx\nUid:\t5\t5\t5\t5\nGid:\t4\t6\t6\t6\nCapPrm:\t0\n", true, false,
		  false },
		{ "Name:\tx\nUid:\t5\t5\t5\t5\nGid:\t6\t6\t4\t6\nCapPrm:\t0\n", true, false,
		  false },
		{ "Name:\tx\nUid:\t5\t5\t5\t5\nGid:\t6\t6\t6\t6\nCapPrm:\t0000000000002000\n", true,
		  true, true },
		{ "Name:\tx\nUid:\t5\t5\t5\t5\nGid:\t6\t6\t6\t6\n", true, true, true },
		{ "Name:\tx\nUid:\t5\t5\n", false, false, true },
		{ "", false, false, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct dm_owner o;
		bool caps;

		print_message("%s\n", t[i].status);
		assert_int_equal(dm_owner_parse(t[i].status, &o, &caps), t[i].ok);
		assert_int_equal(o.plain, t[i].plain);
		assert_int_equal(caps, t[i].caps);
		assert_int_equal(o.uid, t[i].ok ? 5 : 0);
		assert_int_equal(o.gid, t[i].ok ? 6 : 0);
	}
}

/* --- /proc
 * --------------------------------------------------------------------------------------------- */

static void test_facts_of_this_process(void **state)
{
	char exe[4096];
	struct dm_identity id;
	struct dm_facts f;
	struct dm_owner o = { 0 };
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	(void)state;
	assert_true(n > 0);
	exe[n] = 0;
	assert_int_equal(dm_facts_read(getpid(), &f), 0);
	assert_int_equal(f.pid, getpid());
	assert_int_equal(f.uid, geteuid());
	assert_string_equal(f.exe, exe);
	assert_int_equal(f.cgroup[0], '/');
	assert_int_equal(dm_parent_of(getpid()), getppid());
	assert_int_equal(dm_identity_read(getpid(), &id), 0);
	assert_int_equal(id.pids[0], getpid());
	assert_true(id.n && id.ns_ino && id.start != MP_UNKNOWN);
	assert_int_equal(dm_owner_read(getpid(), id.start, &o), 0);
	assert_int_equal(o.uid, geteuid());
	assert_int_equal(o.gid, getegid());
}

static void test_who_has_ended_has_no_facts(void **state)
{
	struct dm_facts f;
	struct dm_owner none = { 0 }, o = { 7, 8, true };
	struct dm_identity id;
	pid_t pid = fork();

	(void)state;
	if (!pid)
		_exit(0);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(dm_facts_read(pid, &f), -ESRCH);
	assert_int_equal(dm_identity_read(pid, &id), -ESRCH);
	assert_true(id.start == MP_UNKNOWN && !id.n);
	assert_int_equal(dm_owner_read(pid, 1, &none), -ESRCH);
	assert_false(none.plain);
	assert_int_equal(dm_owner_read(pid, 1, &o), -ESRCH);
	assert_true(o.plain && o.uid == 7 && o.gid == 8); /* the last one */
	assert_int_equal(dm_parent_of(pid), 0);
}

static void as_user(void)
{
	if (setresgid(7, 7, 7) || setresuid(7, 7, 7) || prctl(PR_SET_DUMPABLE, 1) ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL))
		_exit(1);
}

/* A process that is 7's, once it has said so; it ends when `end` is closed. */
static pid_t of_seven(int *end, void (*then)(void))
{
	int up[2], down[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(up) | pipe(down), 0);
	pid = fork();
	if (!pid) {
		close(down[1]);
		as_user();
		if (write(up[1], "x", 1) != 1 || read(down[0], &c, 1))
			_exit(1);
		if (then)
			then();
		_exit(0);
	}
	close(up[1]);
	close(down[0]);
	assert_int_equal(read(up[0], &c, 1), 1);
	close(up[0]);
	*end = down[1];
	return pid;
}

static void test_the_last_owner_of_a_zombie(void **state)
{
	struct dm_owner o = { 0 }, other = { 7, 9, true }, none = { 0 };
	struct dm_identity id;
	siginfo_t si;
	int end;
	pid_t pid;

	(void)state;
	if (geteuid())
		skip();
	pid = of_seven(&end, NULL);
	assert_int_equal(dm_identity_read(pid, &id), 0);
	assert_int_equal(dm_owner_read(pid, id.start, &o), 0);
	assert_true(o.plain && o.uid == 7 && o.gid == 7);
	close(end);
	assert_int_equal(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
	assert_int_equal(dm_owner_read(pid, id.start, &o), 0);
	assert_true(o.plain && o.uid == 7 && o.gid == 7);
	/* other ids than it had, and one of which nothing was known */
	assert_int_equal(dm_owner_read(pid, id.start, &other), 0);
	assert_false(other.plain);
	assert_int_equal(dm_owner_read(pid, id.start, &none), 0);
	assert_false(none.plain);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(dm_owner_read(pid, id.start, &o), -ESRCH);
	assert_true(o.plain);
}

static void *lives_on(void *main_thread)
{
	/* its end can be seen by that: what follows is said when it has come */
	if (pthread_join(*(pthread_t *)main_thread, NULL))
		_exit(1);
	pause();
	return NULL;
}

static void end_first_thread(void)
{
	static pthread_t self, other;

	self = pthread_self();
	if (pthread_create(&other, NULL, lives_on, &self))
		_exit(1);
	pthread_exit(NULL);
}

static bool first_thread_has_ended(pid_t pid)
{
	char path[64], line[256];
	bool zombie = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		zombie |= !strncmp(line, "State:\tZ", 8);
	if (f)
		fclose(f);
	return zombie;
}

static void test_the_first_thread_has_ended(void **state)
{
	struct dm_owner o = { 0 };
	struct dm_identity id;
	int end;
	pid_t pid;

	(void)state;
	if (geteuid())
		skip();
	pid = of_seven(&end, end_first_thread);
	assert_int_equal(dm_identity_read(pid, &id), 0);
	close(end);
	while (!first_thread_has_ended(pid) && !kill(pid, 0))
		sched_yield();
	/* a thread that lives on says it, nothing has to be known */
	assert_int_equal(dm_owner_read(pid, id.start, &o), 0);
	assert_true(o.plain && o.uid == 7 && o.gid == 7);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* --- the table
 * --------------------------------------------------------------------------------------- */

static struct entry *add(struct dm_targets *t, uint32_t mm, pid_t pid)
{
	struct dm_target n = { .mm = mm, .pid = pid };

	return dm_table_add(t, &n);
}

static void test_the_table(void **state)
{
	struct dm_targets *t = calloc(1, sizeof(*t));

	(void)state;
	/* the same place in both hashes; a pid that comes back */
	for (uint32_t i = 0; i < 3; i++)
		assert_non_null(add(t, 5 + i * TARGET_SLOTS, (pid_t)(9 + i * TARGET_SLOTS)));
	assert_int_equal(dm_targets_n(t), 3);
	assert_ptr_equal(dm_targets_at(t, 1), dm_targets_of_mm(t, 5 + TARGET_SLOTS));
	assert_null(dm_targets_at(t, 3));
	assert_null(dm_targets_of_mm(t, 6));
	dm_table_gone(t, dm_table_of_mm(t, 5 + TARGET_SLOTS), 100);
	dm_table_gone(t, dm_table_of_mm(t, 5 + TARGET_SLOTS), 200); /* only once */
	assert_int_equal(t->live, 2);
	assert_null(dm_table_of_pid(t, 9 + TARGET_SLOTS));
	assert_non_null(dm_table_of_pid(t, 9));
	assert_int_equal(dm_targets_of_mm(t, 5 + TARGET_SLOTS)->gone, 100);
	add(t, 7, 9 + TARGET_SLOTS);
	assert_int_equal(dm_table_of_pid(t, 9 + TARGET_SLOTS)->t.mm, 7);
	dm_table_forget(t, 100, 10); /* not long enough */
	assert_int_equal(dm_targets_n(t), 4);
	dm_table_forget(t, 101, 10);
	assert_int_equal(dm_targets_n(t), 3);
	assert_null(dm_targets_of_mm(t, 5 + TARGET_SLOTS));
	assert_int_equal(dm_targets_at(t, 0)->mm, 5);
	assert_int_equal(dm_targets_at(t, 2)->mm, 7);
	dm_table_free(t);
	free(t);
}

static void test_a_number_that_is_anothers(void **state)
{
	struct dm_targets *t = calloc(1, sizeof(*t));
	struct entry *e = add(t, 5, getpid());

	(void)state;
	assert_int_equal(dm_identity_read(getpid(), &e->t.who), 0);
	assert_true(dm_table_look(t, e, 100));
	assert_int_equal(e->t.gone, 0);
	e->t.owner = (struct dm_owner){ 7, 7, true };
	e->t.who.start--;
	assert_false(dm_table_look(t, e, 100));
	assert_int_equal(e->t.gone, 100);
	assert_false(e->t.owner.plain);
	assert_int_equal(e->t.owner.uid, 7); /* not the other's */
	assert_null(dm_table_of_pid(t, getpid()));
	assert_int_equal(t->live, 0);
	dm_table_free(t);
	free(t);
}

/* Out of what was noted: of one that has ended, too, whoever has its number now. */
static void test_numbers_in_namespaces(void **state)
{
	struct dm_target t = { .pid = 1,
			       .gone = 5,
			       .who = { .ns_dev = 4, .ns_ino = 9, .n = 3, .pids = { 1, 70, 7 } } };
	struct dm_identity viewer = { .ns_dev = 4, .ns_ino = 9, .n = 3 };

	(void)state;
	assert_int_equal(dm_pid_for(&viewer, &t), 7);
	viewer.ns_ino = 8;
	assert_int_equal(dm_pid_for(&viewer, &t), 0);
	viewer.ns_ino = t.who.ns_ino = 0; /* not known is not the same */
	assert_int_equal(dm_pid_for(&viewer, &t), 0);
	viewer.n = 1;
	assert_int_equal(dm_pid_for(&viewer, &t), 1);
	viewer = (struct dm_identity){ .ns_dev = 4, .ns_ino = 9, .n = 4 };
	assert_int_equal(dm_pid_for(&viewer, &t), 0);
}

static void test_so_many_ended_ones_are_kept(void **state)
{
	struct dm_targets *t = calloc(1, sizeof(*t));

	(void)state;
	for (uint32_t i = 1; i <= 100; i++)
		dm_table_gone(t, add(t, i, (pid_t)i), i);
	add(t, 200, 200);
	dm_table_forget(t, 0, 30);
	assert_int_equal(dm_targets_n(t), 31);
	assert_int_equal(dm_targets_at(t, 0)->mm, 71); /* the oldest went */
	assert_int_equal(dm_targets_at(t, 30)->mm, 200);
	assert_int_equal(t->live, 1);
	dm_table_free(t);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_containers),
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_every_field_must_match),
		cmocka_unit_test(test_the_first_group_takes_it),
		cmocka_unit_test(test_what_the_kernel_takes),
		cmocka_unit_test(test_no_rules_take_nobody),
		cmocka_unit_test(test_the_kernel_misses_nobody),
		cmocka_unit_test(test_rules_the_kernel_knows_all_of),
		cmocka_unit_test(test_names_that_are_too_long),
		cmocka_unit_test(test_owners),
		cmocka_unit_test(test_facts_of_this_process),
		cmocka_unit_test(test_who_has_ended_has_no_facts),
		cmocka_unit_test(test_the_last_owner_of_a_zombie),
		cmocka_unit_test(test_the_first_thread_has_ended),
		cmocka_unit_test(test_the_table),
		cmocka_unit_test(test_a_number_that_is_anothers),
		cmocka_unit_test(test_numbers_in_namespaces),
		cmocka_unit_test(test_so_many_ended_ones_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
