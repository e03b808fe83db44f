/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_text.c - any bytes as the text that the kernel, runtimes and users write. The first
 * byte says which: a line of V8's --trace-gc, /proc/PID/cgroup and mountinfo, memory.stat,
 * maps, status, smaps_rollup, a list of hooks, a trigger, a size.
 */
#include "bpf/events.h"
#include "tests/fuzz/fuzz.h"
#include "user/live/probes.h"
#include "user/live/procfs.h"
#include "user/rt/cgroup_text.h"
#include "user/rt/v8.h"
#include "user/util/diag.h"
#include "user/util/util.h"
#include "user/view/trigger.h"

static void cgroup(char *text)
{
	struct cgroup_place at;
	char *mounts = strstr(text, "\n\n");

	if (mounts)
		*mounts++ = 0;
	if (!cgroup_place(text, mounts ? mounts : text, &at))
		FUZZ_CHECK(strlen(at.dir) < sizeof(at.dir) && at.top <= strlen(at.dir));
	cgroup_number(text);
}

static void stat_of(const char *text)
{
	struct mp_event e = { .type = MP_EV_CGROUP };

	cgroup_stat(1, text, &e);
	cgroup_stat(2, text, &e);
	cgroup_stat_more(1, text, &e);
	cgroup_stat_more(2, text, &e);
	cgroup_oom_kills(text);
	FUZZ_CHECK(cgroup_stalled(text) <= 10001);
}

static void maps(FILE *f)
{
	struct proc_maps m = { 0 };

	if (!proc_maps_parse(f, 1, &m))
		for (size_t i = 0; i < m.n; i++)
			FUZZ_CHECK(m.v[i].name < m.names_len &&
				   m.v[i].name + strlen(m.names + m.v[i].name) < m.names_len);
	proc_maps_free(&m);
}

static void status(FILE *f)
{
	struct proc_status s;

	proc_status_parse(f, &s);
	FUZZ_CHECK(memchr(s.comm, 0, sizeof(s.comm)));
}

static void rollup(FILE *f)
{
	struct mp_event e = { .type = MP_EV_ROLLUP };

	proc_rollup_parse(f, &e);
}

/* Files of /proc are read as streams. */
static void as_file(char *text, size_t size, void (*parse)(FILE *f))
{
	FILE *f = size ? fmemopen(text, size, "r") : NULL;

	if (!f)
		return;
	parse(f);
	fclose(f);
}

static void words(const char *text)
{
	struct mp_trigger_error bad;
	struct mp_trigger *t;
	struct mp_hooks h;
	struct mp_diag d;
	uint64_t n;

	mp_hooks_parse(text, &h, &d);
	if (!mp_trigger_parse(text, &t, &bad))
		mp_trigger_free(t);
	mp_parse_bytes(text, &n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct v8_gc g;
	char *text;

	if (!size)
		return 0;
	text = fuzz_text(data + 1, size - 1);
	switch (*data % 7) {
	case 0:
		v8_gc_parse(text, &g);
		break;
	case 1:
		cgroup(text);
		break;
	case 2:
		stat_of(text);
		break;
	case 3:
		as_file(text, size - 1, maps);
		break;
	case 4:
		as_file(text, size - 1, status);
		break;
	case 5:
		as_file(text, size - 1, rollup);
		break;
	default:
		words(text);
	}
	free(text);
	return 0;
}
