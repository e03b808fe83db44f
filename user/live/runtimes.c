/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * runtimes.c - the table of runtimes that are watched without their help, and the search
 * for them among the files that targets have mapped. Knows none of them by itself.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "user/live/rights.h"
#include "user/live/runtime.h"
#include "user/live/symwork.h"
#include "user/sym/sym.h"
#include "user/util/util.h"

/* By enum rt_id. */
static const struct runtime *const runtimes[RT_N] = {
	[RT_V8] = &runtime_v8, [RT_PYTHON] = &runtime_python,	  [RT_RUBY] = &runtime_ruby,
	[RT_GO] = &runtime_go, [RT_JVM_HEAP] = &runtime_jvm_heap, [RT_JVM] = &runtime_jvm,
};

void runtime_tell(struct mp_session *s, enum mp_feature f, enum mp_rung rung, int err,
		  const char *why)
{
	struct mp_event e = {
		.ts = mp_monotonic_ns(), .type = MP_EV_PROBE, .sub = (uint8_t)f, .x = rung
	};

	if (s->rt_rung[f] == MP_RUNG_ABSENT)
		s->rt_since[f] = e.ts;
	s->rt_rung[f] = (uint8_t)rung;
	e.v[0] = (uint64_t)(int64_t)err;
	e.v[1] = stream_str(&s->stream, why, e.ts);
	stream_push(&s->stream, &e);
}

const char *runtime_why(int err)
{
	if (err == -EACCES && !mp_caps_has(MP_CAP_SYS_ADMIN))
		return "missing right: CAP_SYS_ADMIN, which uprobes need before Linux 6.6";
	return strerror(-err);
}

/* --- files --------------------------------------------------------------------------- */

static uint64_t dev_of(unsigned maj, unsigned min)
{
	return (uint64_t)maj << 20 | min;
}

static struct rt_file file_of(const struct stat *st)
{
	return (struct rt_file){ .dev = dev_of(major(st->st_dev), minor(st->st_dev)),
				 .ino = st->st_ino,
				 .size = (uint64_t)st->st_size,
				 .mtime = (uint64_t)st->st_mtim.tv_sec * 1000000000ULL +
					  (uint64_t)st->st_mtim.tv_nsec };
}

/*
 * A probe is a breakpoint in the file for everybody who runs it: the file that was opened
 * and searched is the one that gets it, whatever its path means by then.
 */
static void try_file(struct mp_session *s, unsigned id, int fd, const char *path)
{
	struct rt_files *f = &s->rt_files[id];
	struct rt_file file;
	unsigned before;
	struct stat st;

	if (fstat(fd, &st))
		return;
	file = file_of(&st);
	if (rt_files_tried(f, &file))
		return;
	before = mp_probes_hung(s->probes);
	runtimes[id]->file(s, fd, path);
	rt_files_remember(f, &file, mp_probes_hung(s->probes) != before);
}

void runtimes_command(struct mp_session *s, const char *path)
{
	for (unsigned id = 0; id < RT_N; id++) {
		const struct runtime *r = runtimes[id];
		int fd;

		if (!r || !r->file || !s->probes || !r->may_hold(path))
			continue;
		fd = mp_sym_open(-1, path);
		if (fd < 0)
			continue;
		try_file(s, id, fd, path);
		close(fd);
	}
}

/* What is mapped itself, not what lies at its path: the target chose that, and may change it. */
static void try_mapped(struct mp_session *s, unsigned id, pid_t pid, const struct proc_map *v,
		       const char *name)
{
	struct sym_file f = { .dev = dev_of(v->dev_major, v->dev_minor),
			      .ino = v->ino,
			      .pid = pid,
			      .start = v->start,
			      .end = v->end };
	int fd;

	/* Others are opened each time: their inode may be another file's by now. */
	if (rt_files_probed(&s->rt_files[id], f.dev, f.ino))
		return;
	fd = sym_open_mapped(&f, name);
	if (fd < 0)
		return;
	try_file(s, id, fd, name);
	close(fd);
}

static void look_through(struct mp_session *s, unsigned id, struct target *t,
			 const struct proc_maps *m)
{
	const uint32_t code = MP_MAP_FILE | MP_MAP_X;

	for (size_t i = 0; i < m->n; i++) {
		const char *name = m->names + m->v[i].name;

		if ((m->v[i].bits & code) == code && runtimes[id]->may_hold(name))
			try_mapped(s, id, t->pid, &m->v[i], name);
	}
}

/* --- targets ------------------------------------------------------------------------- */

void runtimes_attach(struct mp_session *s, struct target *t, const struct proc_maps *m)
{
	for (unsigned id = 0; id < RT_N; id++) {
		const struct runtime *r = runtimes[id];

		if (r && r->file && s->probes)
			look_through(s, id, t, m);
		if (r && r->attach)
			r->attach(s, t, m);
	}
}

void runtimes_poll(struct mp_session *s, struct target *t, uint64_t now)
{
	for (unsigned id = 0; id < RT_N; id++)
		if (runtimes[id] && runtimes[id]->poll)
			runtimes[id]->poll(s, t, now);
}

void runtimes_drained(struct mp_session *s)
{
	for (size_t i = 0; i < s->n_t; i++)
		for (unsigned id = 0; id < RT_N; id++)
			if (s->t[i]->rt[id] && runtimes[id] && runtimes[id]->drained)
				runtimes[id]->drained(s, s->t[i]);
}

void runtimes_ended(struct mp_session *s, struct target *t, uint64_t ts)
{
	for (unsigned id = 0; id < RT_N; id++)
		if (runtimes[id] && runtimes[id]->ended)
			runtimes[id]->ended(s, t, ts);
}

void runtimes_detach(struct target *t)
{
	for (unsigned id = 0; id < RT_N; id++)
		if (runtimes[id] && runtimes[id]->detach)
			runtimes[id]->detach(t);
}

void runtimes_words(struct mp_session *s, const struct mp_raw_words *r)
{
	static const uint8_t of[MP_WORDS_MAX] = {
		[MP_WORDS_V8_BEGIN] = RT_V8,	[MP_WORDS_V8_END] = RT_V8,
		[MP_WORDS_GO_START] = RT_GO,	[MP_WORDS_GO_LIVE] = RT_GO,
		[MP_WORDS_JVM_POOL] = RT_JVM,	[MP_WORDS_PY_START] = RT_PYTHON,
		[MP_WORDS_PY_DONE] = RT_PYTHON, [MP_WORDS_RUBY] = RT_RUBY,
		[MP_WORDS_V8_GONE] = RT_V8,
	};
	const struct runtime *rt = r->sub && r->sub < MP_WORDS_MAX ? runtimes[of[r->sub]] : NULL;

	if (rt && rt->words)
		rt->words(s, session_target_of_mm(s, r->mm), r);
}
