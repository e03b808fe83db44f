/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * privileges.c - see privileges.h. The rules are those of capabilities(7).
 */
#include "user/daemon/privileges.h"

#include <errno.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "user/live/rights.h"

const struct dm_cap dm_caps[] = {
	{ MP_CAP_BPF, "CAP_BPF", true, true,
	  "to load probes and to ask them; without it there is no hook at all" },
	{ MP_CAP_PERFMON, "CAP_PERFMON", true, true,
	  "to see page faults, calls and stacks with them; without it there is no hook at all" },
	{ MP_CAP_SYS_PTRACE, "CAP_SYS_PTRACE", true, true,
	  "mappings, pages, heaps and names of functions in processes of others; "
	  "without it only in those of one's own" },
	{ MP_CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", true, true,
	  "files that are open to their owner only: pagemap, hsperfdata, programs, tracefs; "
	  "without it what others had resident before is not seen" },
	{ MP_CAP_SYS_ADMIN, "CAP_SYS_ADMIN", false, false,
	  "before Linux 6.6 for uprobes: the heaps of V8, CPython, CRuby; "
	  "before Linux 6.7 to tell pages of zeroes, which are in no RSS, from others; "
	  "perf events (major faults) where kernel.perf_event_paranoid is above 2" },
	{ MP_CAP_CHECKPOINT_RESTORE, "CAP_CHECKPOINT_RESTORE", false, false,
	  "names of functions in mapped files that were deleted or replaced since" },
	{ MP_CAP_SYS_RESOURCE, "CAP_SYS_RESOURCE", false, false,
	  "before Linux 5.11, where maps of probes are locked memory: or ulimit -l unlimited" },
};
const size_t dm_n_caps = sizeof(dm_caps) / sizeof(dm_caps[0]);

/* include/uapi/linux/securebits.h: a capability comes from no uid, no uid takes one away, none
 * is handed on; each with the bit that locks it, and the lock of SECBIT_KEEP_CAPS. */
#define SECBIT_NOROOT_BOTH	    0x3UL
#define SECBIT_NO_SETUID_FIXUP_BOTH 0xcUL
#define SECBIT_KEEP_CAPS_LOCKED_    0x20UL
#define SECBIT_NO_AMBIENT_BOTH	    0xc0UL
#define SECUREBITS                                                                     \
	(SECBIT_NOROOT_BOTH | SECBIT_NO_SETUID_FIXUP_BOTH | SECBIT_KEEP_CAPS_LOCKED_ | \
	 SECBIT_NO_AMBIENT_BOTH)

static uint64_t needed(bool start)
{
	uint64_t set = 0;

	for (size_t i = 0; i < dm_n_caps; i++)
		if (start ? dm_caps[i].start : dm_caps[i].run)
			set |= MP_CAP_BIT(dm_caps[i].cap);
	return set;
}

/* CAP_SYS_ADMIN includes what CAP_BPF and CAP_PERFMON allow: older programs give it instead. */
static bool has(uint64_t set, int cap)
{
	bool part = cap == MP_CAP_BPF || cap == MP_CAP_PERFMON;

	return set & MP_CAP_BIT(cap) || (part && set & MP_CAP_BIT(MP_CAP_SYS_ADMIN));
}

bool dm_cap_held(const struct dm_cap *c)
{
	struct mp_caps now;

	return !mp_caps_get(&now) && has(now.effective, c->cap);
}

char *dm_setcap_line(char *buf, size_t size, const char *file)
{
	size_t at = (size_t)snprintf(buf, size, "setcap ");

	for (size_t i = 0; i < dm_n_caps && at < size; i++) {
		if (!dm_caps[i].start)
			continue;
		at += (size_t)snprintf(buf + at, size - at, "%s", i ? "," : "");
		for (const char *c = dm_caps[i].name; *c && at + 1 < size; c++)
			buf[at++] = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
	}
	if (at < size)
		snprintf(buf + at, size - at, "=ep %s", file);
	return buf;
}

/* --- before attaching ------------------------------------------------------------------ */

int dm_privileges_check(struct mp_diag *diag)
{
	char missing[128] = "", line[160];
	const char *why = "";
	struct mp_caps c;
	int err = mp_caps_get(&c);

	for (size_t i = 0; i < dm_n_caps && !err; i++) {
		size_t at = strlen(missing);

		if (!dm_caps[i].start || has(c.effective, dm_caps[i].cap))
			continue;
		snprintf(missing + at, sizeof(missing) - at, "%s%s", at ? ", " : "",
			 dm_caps[i].name);
		why = dm_caps[i].why;
	}
	if (err)
		return mp_diag_set(diag, err, MP_EXIT_FAILURE, "capget(2) fails", strerror(-err),
				   "");
	if (!*missing)
		return 0;
	if (strchr(missing, ','))
		mp_diag_fmt(diag->cause, "this process lacks %s  (memprof doctor: what for)",
			    missing);
	else
		mp_diag_fmt(diag->cause, "this process lacks %s: %s", missing, why);
	dm_setcap_line(line, sizeof(line), "memprof");
	mp_diag_fmt(diag->fix, "sudo memprof daemon   or: sudo %s", line);
	return mp_diag_set(diag, -EPERM, MP_EXIT_NOT_PERMITTED,
			   "not permitted to watch this machine", NULL, NULL);
}

static bool is_user(const struct passwd *pw)
{
	uid_t r, e, s;

	return !getresuid(&r, &e, &s) && r == pw->pw_uid && e == r && s == r;
}

int dm_privileges_user(const char *user, struct mp_diag *diag)
{
	const struct passwd *pw = user ? getpwnam(user) : NULL;

	if (!user)
		return 0;
	mp_diag_fmt(diag->what, "cannot become user %.60s", user);
	if (!pw)
		return mp_diag_set(
			diag, -ENOENT, MP_EXIT_FAILURE, NULL, "there is no such user",
			"useradd --system --no-create-home memprof   # and user = memprof");
	if (is_user(pw) || (mp_caps_has(MP_CAP_SETUID) && mp_caps_has(MP_CAP_SETGID)))
		return 0;
	return mp_diag_set(
		diag, -EPERM, MP_EXIT_NOT_PERMITTED, NULL,
		"this process lacks CAP_SETUID or CAP_SETGID",
		"start it as root, or as that user (systemd: User=), or without `user =`");
}

/* --- dropping ----------------------------------------------------------------------------- */

struct drop {
	const struct passwd *pw; /* NULL: stays who it is */
	bool setpcap;		 /* CAP_SETPCAP is there */
	uint64_t keep;
};

static int said(int r)
{
	return r < 0 ? -errno : 0;
}

/* Capabilities and securebits belong to a thread. Links of the folder: . and .. and each. */
static int be_alone(const struct drop *d)
{
	struct stat st;

	(void)d;
	if (stat("/proc/self/task", &st))
		return -errno;
	return st.st_nlink == 3 ? 0 : -EBUSY;
}

static int no_new_privileges(const struct drop *d)
{
	(void)d;
	return said(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

/* What programs started later could get back. Without CAP_SETPCAP it stays, and gives nothing:
 * no new privileges are to be had. */
static int empty_bounding(const struct drop *d)
{
	int in, err = 0;

	for (int cap = 0; d->setpcap && !err && (in = prctl(PR_CAPBSET_READ, cap)) >= 0; cap++)
		if (in)
			err = said(prctl(PR_CAPBSET_DROP, cap));
	return err;
}

/* Either keeps what is permitted over the change of user; the former is for good. */
static int keep_over_user(const struct drop *d)
{
	if (d->setpcap)
		return said(prctl(PR_SET_SECUREBITS, SECUREBITS));
	return d->pw ? said(prctl(PR_SET_KEEPCAPS, 1)) : 0;
}

int dm_become_user(const struct passwd *pw)
{
	if (initgroups(pw->pw_name, pw->pw_gid) || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid))
		return -errno;
	return 0;
}

static int become_user(const struct drop *d)
{
	return d->pw ? dm_become_user(d->pw) : 0;
}

static int clear_ambient(const struct drop *d)
{
	(void)d;
	return said(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
}

static int give_up(const struct drop *d)
{
	const struct mp_caps c = { .effective = d->keep, .permitted = d->keep };

	return mp_caps_set(&c);
}

/* What was read of others must not end up in a core file, nor be looked at in here. */
static int no_dumps(const struct drop *d)
{
	(void)d;
	return said(prctl(PR_SET_DUMPABLE, 0));
}

/* Looks again: a daemon that has more than it says must not go on. */
static int verify(const struct drop *d)
{
	struct mp_caps c;
	int in, err = mp_caps_get(&c);

	if (err)
		return err;
	if (c.effective != d->keep || c.permitted != d->keep || c.inheritable ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || (d->pw && !is_user(d->pw)))
		return -EPERM;
	for (int cap = 0; (in = prctl(PR_CAPBSET_READ, cap)) >= 0; cap++)
		if ((d->setpcap && in) ||
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) > 0)
			return -EPERM;
	return 0;
}

/* In this order: each needs what a later one takes away. */
static const struct {
	int (*fn)(const struct drop *d);
	const char *what;
} steps[] = {
	{ be_alone, "there are threads, which would keep them" },
	{ no_new_privileges, "no new privileges" },
	{ empty_bounding, "emptying the bounding set" },
	{ keep_over_user, "keeping capabilities over the change of user" },
	{ become_user, "becoming the user" },
	{ clear_ambient, "clearing the ambient set" },
	{ give_up, "giving up capabilities" },
	{ no_dumps, "no core dumps" },
	{ verify, "making sure of it" },
};

/* What of the permitted set stays: CAP_SYS_ADMIN only where it stands for others. */
static uint64_t kept(uint64_t permitted)
{
	uint64_t set = permitted & needed(false);
	uint64_t both = MP_CAP_BIT(MP_CAP_BPF) | MP_CAP_BIT(MP_CAP_PERFMON);

	if ((set & both) != both)
		set |= permitted & MP_CAP_BIT(MP_CAP_SYS_ADMIN);
	return set;
}

int dm_privileges_drop(const char *user, struct mp_diag *diag)
{
	struct drop d = { .pw = user ? getpwnam(user) : NULL };
	int err = dm_privileges_user(user, diag);
	struct mp_caps c;
	size_t i = 0;

	if (err)
		return err;
	err = mp_caps_get(&c);
	if (err)
		return mp_diag_set(diag, err, MP_EXIT_FAILURE, "capget(2) fails", strerror(-err),
				   "");
	d.setpcap = c.effective & MP_CAP_BIT(MP_CAP_SETPCAP);
	d.keep = kept(c.permitted);
	if (d.pw && is_user(d.pw))
		d.pw = NULL;
	while (!err && i < sizeof(steps) / sizeof(steps[0])) {
		err = steps[i].fn(&d);
		i += !err;
	}
	if (!err)
		return 0;
	mp_diag_fmt(diag->cause, "%s: %s", steps[i].what, strerror(-err));
	return mp_diag_set(diag, err, MP_EXIT_NOT_PERMITTED, "cannot give up privileges", NULL,
			   "start memprof daemon as root, or with its four capabilities alone");
}
