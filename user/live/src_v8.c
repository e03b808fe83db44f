/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * src_v8.c - the heap of a Node.js process nobody prepared: one uprobe on the
 * function that receives the --trace-gc line of every collection, printed or
 * not (Node 8 to 26).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "user/live/elfsym.h"
#include "user/live/session_int.h"
#include "user/rt/v8.h"
#include "user/util/util.h"

/* v8::internal::Heap::AddToRingBuffer(char const*) */
#define V8_SYMBOL "_ZN2v88internal4Heap15AddToRingBufferEPKc"

static uint64_t inode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : (uint64_t)st.st_ino ^ (uint64_t)st.st_dev << 40;
}

static void tell(struct mp_session *s, unsigned rung, int err, const char *why)
{
	struct mp_event e = {
		.ts = mp_monotonic_ns(), .type = MP_EV_PROBE, .sub = MP_FEAT_HEAP_V8, .x = rung
	};

	e.v[0] = (uint64_t)(int64_t)err;
	e.v[1] = stream_str(&s->stream, why, e.ts);
	stream_push(&s->stream, &e);
}

static int attach(struct mp_session *s, const char *path)
{
	uint64_t off;
	int err = elf_function_offset(path, V8_SYMBOL, &off);

	if (err)
		return err;
	err = mp_probes_add_v8(s->probes, path, off);
	if (err)
		tell(s, MP_RUNG_ABSENT, err, strerror(-err));
	else
		tell(s, MP_RUNG_UPROBE, 0, NULL);
	return err;
}

/* Looking through a symbol table of 100,000 names takes a while: only files that
 * can be a V8 are opened, and each inode once. */
static bool may_hold_v8(const char *path)
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	return !strncmp(base, "node", 4) || !strncmp(base, "libnode", 7) ||
	       strstr(base, "electron") || !strncmp(base, "libv8", 5) ||
	       !strncmp(base, "deno", 4) || !strcmp(base, "d8");
}

/* Once each, whatever came of it: a second probe would double every collection, and
 * a file without the symbol has none the next time either. */
static bool first_time(struct mp_session *s, uint64_t inode)
{
	unsigned n = sizeof(s->v8_tried) / sizeof(s->v8_tried[0]);

	for (unsigned i = 0; i < s->n_v8_tried && i < n; i++)
		if (s->v8_tried[i] == inode)
			return false;
	s->v8_tried[s->n_v8_tried++ % n] = inode;
	return true;
}

void v8_attach_file(struct mp_session *s, const char *path)
{
	uint64_t inode = inode_of(path);

	if (s->probes && inode && may_hold_v8(path) && first_time(s, inode))
		attach(s, path);
}

void v8_attach(struct mp_session *s, struct target *t, const struct proc_maps *m)
{
	uint64_t last = 0;

	if (!s->probes)
		return;
	for (size_t i = 0; i < m->n; i++) {
		const char *name = m->names + m->v[i].name;
		char path[4096 + 32];

		if (!(m->v[i].bits & MP_MAP_FILE) || m->v[i].ino == last || !may_hold_v8(name))
			continue;
		last = m->v[i].ino;
		/* through the target's own root: it may live in a container */
		snprintf(path, sizeof(path), "/proc/%d/root%s", (int)t->pid, name);
		v8_attach_file(s, path);
	}
}

void v8_text(struct mp_session *s, const struct mp_raw_text *r)
{
	struct mp_event e = { .ts = r->ts, .type = MP_EV_GC, .mm = r->mm, .tid = r->tid };
	char line[MP_RAW_TEXT_MAX + 1];
	struct v8_gc g;
	size_t len = r->len < MP_RAW_TEXT_MAX ? r->len : MP_RAW_TEXT_MAX;

	memcpy(line, r->text, len);
	line[len] = 0;
	if (v8_gc_parse(line, &g))
		return;
	e.sub = g.kind;
	e.gc.before = g.before;
	e.gc.after = g.after;
	e.gc.cbefore = g.cbefore;
	e.gc.cafter = g.cafter;
	e.gc.pause = g.pause_ns;
	e.gc.start = g.pause_ns < r->ts ? r->ts - g.pause_ns : 0;
	e.gc.reason = stream_str(&s->stream, g.reason, r->ts);
	e.gc.source = MP_SRC_V8;
	stream_push(&s->stream, &e);
}
