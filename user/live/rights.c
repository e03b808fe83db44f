/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rights.c - see rights.h.
 */
#include "user/live/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* capget(2) and capset(2) as they are: libcap is not among our libraries. */
int mp_caps_get(struct mp_caps *c)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[_LINUX_CAPABILITY_U32S_3];

	memset(d, 0, sizeof(d));
	if (syscall(SYS_capget, &h, d))
		return -errno;
	*c = (struct mp_caps){
		.effective = (uint64_t)d[1].effective << 32 | d[0].effective,
		.permitted = (uint64_t)d[1].permitted << 32 | d[0].permitted,
		.inheritable = (uint64_t)d[1].inheritable << 32 | d[0].inheritable,
	};
	return 0;
}

int mp_caps_set(const struct mp_caps *c)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[_LINUX_CAPABILITY_U32S_3];

	for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		d[i].effective = (__u32)(c->effective >> 32 * i);
		d[i].permitted = (__u32)(c->permitted >> 32 * i);
		d[i].inheritable = (__u32)(c->inheritable >> 32 * i);
	}
	return syscall(SYS_capset, &h, d) ? -errno : 0;
}

bool mp_caps_has(enum mp_cap cap)
{
	struct mp_caps c;

	return !mp_caps_get(&c) && c.effective & MP_CAP_BIT(cap);
}

void mp_caps_give_up(void)
{
	const struct mp_caps none = { 0 };

	if (getuid() != 0 && geteuid() != 0)
		mp_caps_set(&none);
}

const char *mp_caps_missing(void)
{
	static char out[64];

	out[0] = 0;
	if (mp_caps_has(MP_CAP_SYS_ADMIN)) /* includes both */
		return out;
	if (!mp_caps_has(MP_CAP_BPF))
		strcat(out, "CAP_BPF");
	if (!mp_caps_has(MP_CAP_PERFMON))
		strcat(out, *out ? " CAP_PERFMON" : "CAP_PERFMON");
	return out;
}

const char *mp_refused_fix(void)
{
	if (mp_caps_has(MP_CAP_SYS_PTRACE))
		return "dmesg  # a security module forbids it, or it is outside this user "
		       "namespace: lsns -t user";
	if (!geteuid())
		return "give this root CAP_SYS_PTRACE: docker run --cap-add=SYS_PTRACE ...";
	return "sudo memprof ..., or run it as the user of that process";
}

const char *mp_btf_path(void)
{
	const char *path = getenv("MEMPROF_BTF");

	return path && *path ? path : "/sys/kernel/btf/vmlinux";
}

bool mp_have_btf(void)
{
	int fd = open(mp_btf_path(), O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* stat(2) and not access(2): that asks for the user alone, without its capabilities. */
static int look(const char *path)
{
	struct stat st;

	return stat(path, &st) ? -errno : 0;
}

static int look_at_tracefs(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/events", mp_tracefs());
	return look(path);
}

bool mp_have_tracefs(void)
{
	return !look_at_tracefs();
}

bool mp_tracefs_closed(void)
{
	return look_at_tracefs() == -EACCES;
}

const char *mp_tracefs(void)
{
	/* libbpf looks in the same two places, in this order of age */
	if (!look("/sys/kernel/debug/tracing/events") && look("/sys/kernel/tracing/events"))
		return "/sys/kernel/debug/tracing";
	return "/sys/kernel/tracing";
}

int mp_perf_paranoid(void)
{
	char buf[16];

	return atoi(mp_first_line("/proc/sys/kernel/perf_event_paranoid", buf, sizeof(buf)));
}

const char *mp_first_line(const char *path, char *buf, unsigned size)
{
	FILE *f = fopen(path, "re");

	buf[0] = 0;
	if (!f)
		return buf;
	if (!fgets(buf, (int)size, f))
		buf[0] = 0;
	fclose(f);
	buf[strcspn(buf, "\n")] = 0;
	return buf;
}
