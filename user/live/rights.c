/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rights.c - see rights.h.
 */
#include "user/live/rights.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* include/uapi/linux/capability.h; libcap is not among our libraries */
enum { CAP_SYS_PTRACE_ = 19, CAP_SYS_ADMIN_ = 21, CAP_PERFMON_ = 38, CAP_BPF_ = 39 };

static uint64_t effective(void)
{
	unsigned long long caps = 0;
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	fclose(f);
	return caps;
}

const char *mp_caps_missing(void)
{
	static char out[64];
	uint64_t caps = effective();

	out[0] = 0;
	if (caps >> CAP_SYS_ADMIN_ & 1) /* includes both */
		return out;
	if (!(caps >> CAP_BPF_ & 1))
		strcat(out, "CAP_BPF");
	if (!(caps >> CAP_PERFMON_ & 1))
		strcat(out, *out ? " CAP_PERFMON" : "CAP_PERFMON");
	return out;
}

const char *mp_btf_path(void)
{
	const char *path = getenv("MEMPROF_BTF");

	return path && *path ? path : "/sys/kernel/btf/vmlinux";
}

bool mp_have_btf(void)
{
	return access(mp_btf_path(), R_OK) == 0;
}

bool mp_have_tracefs(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/events", mp_tracefs());
	return access(path, F_OK) == 0;
}

const char *mp_tracefs(void)
{
	/* libbpf looks in the same two places, in this order of age */
	if (access("/sys/kernel/debug/tracing/events", F_OK) == 0 &&
	    access("/sys/kernel/tracing/events", F_OK) != 0)
		return "/sys/kernel/debug/tracing";
	return "/sys/kernel/tracing";
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
