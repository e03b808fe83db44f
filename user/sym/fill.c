/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fill.c - names for what a recording left without: see mp_sym_fill() in sym.h.
 *
 * The recording may come from another machine, or from anybody: a file here names
 * something in it only if it is the same one, by its build-id, or where it has none by
 * path, device, inode and not having changed since the recording began. Files are opened
 * by names that the recording gives: regular ones only, and not more than FILES_MAX.
 */
#include "user/sym/sym.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "user/model/index.h"
#include "user/model/tell.h"
#include "user/util/util.h"

#define FILES_MAX  512u
#define ADDRS_MAX  (1u << 18)
#define CTIME_LATE 20000000ULL /* ns: times of files are those of the last clock tick */

/* A frame without a name. */
struct hole {
	uint64_t ip, at; /* at: address in the file, or offset where `offset` */
	uint32_t mm, file;
	bool inner, offset;
};

struct file {
	struct mp_module mod; /* as recorded, or made up from a mapping */
	bool told;	      /* MODULE is in the recording             */
};

struct fill {
	struct mp_model *m;
	mp_sym_emit_fn emit;
	void *ctx;
	struct hole *v;
	size_t n, cap;
	struct mp_index *seen; /* (mm, ip) to number */
	struct file *f;
	size_t n_f, cap_f;
	uint32_t next_str, next_module;
};

/* --- what is missing ---------------------------------------------------------------------- */

static size_t file_of(struct fill *fl, const struct mp_module *mod, bool told)
{
	struct file *f;

	for (size_t i = 0; i < fl->n_f; i++) {
		f = &fl->f[i];
		if (told ? f->mod.id == mod->id : f->mod.ino == mod->ino && f->mod.dev == mod->dev)
			return i;
	}
	if (fl->n_f == FILES_MAX || mp_grow(&fl->f, &fl->cap_f, fl->n_f + 1, sizeof(*fl->f)))
		return MP_INDEX_NONE;
	f = &fl->f[fl->n_f];
	*f = (struct file){ .mod = *mod, .told = told };
	if (!told)
		f->mod.id = fl->next_module++;
	return fl->n_f++;
}

/* Where it lies, by what was told of it or by the mapping it is in. */
static bool locate(struct fill *fl, struct hole *h)
{
	const struct mp_place *at = mp_model_place(fl->m, h->mm, h->ip);
	const struct mp_module *told = at ? mp_model_module(fl->m, at->module) : NULL;
	const struct mp_proc *p = mp_model_proc(fl->m, h->mm);
	const struct mp_mapping *v = p ? mp_proc_find(p, h->ip) : NULL;
	struct mp_module mod = { 0 };
	size_t i;

	if (at && (at->name || !told))
		return false;
	if (!told) {
		if (!v || !(v->bits & MP_MAP_X) || !(v->bits & MP_MAP_FILE) || !v->ino)
			return false;
		mod = (struct mp_module){ .name = v->name, .dev = v->dev, .ino = v->ino };
	}
	i = file_of(fl, told ? told : &mod, told != NULL);
	h->file = (uint32_t)i;
	h->offset = !told;
	h->at = told ? at->maddr : h->ip - v->start + v->off;
	return i != MP_INDEX_NONE;
}

static int add_hole(struct fill *fl, uint32_t mm, uint64_t ip, bool inner)
{
	uint64_t key = ip ^ (uint64_t)mm << 40;
	struct hole h = { .ip = ip, .mm = mm, .inner = inner };

	if (fl->n == ADDRS_MAX || mp_index_find(fl->seen, key) != MP_INDEX_NONE || !locate(fl, &h))
		return 0;
	if (mp_grow(&fl->v, &fl->cap, fl->n + 1, sizeof(*fl->v)) ||
	    mp_index_add(&fl->seen, key, fl->n))
		return -ENOMEM;
	fl->v[fl->n++] = h;
	return 0;
}

static int add_stack(struct fill *fl, const struct mp_proc *p, uint64_t id)
{
	const struct mp_stack *s = id ? mp_model_stack(fl->m, id) : NULL;
	int err = 0;

	for (uint32_t i = 0; s && i < s->n && !err; i++)
		err = add_hole(fl, s->mm ? s->mm : p->mm, s->ip[i], i == 0);
	return err;
}

static int find_holes(struct fill *fl)
{
	int err = 0;

	for (size_t i = 0; i < fl->m->n_procs && !err; i++) {
		const struct mp_proc *p = fl->m->procs[i];

		for (size_t k = 0; k < p->n_fsites && !err; k++)
			err = add_stack(fl, p, p->fsites[k].stack);
		for (size_t k = 0; k < p->n_releases && !err; k++) {
			err = add_stack(fl, p, p->releases[k].stack);
			for (size_t b = 0; b < MP_RELEASE_BY && !err; b++)
				err = add_stack(fl, p, p->releases[k].by[b].stack);
		}
	}
	return err;
}

/* --- the same file, here --------------------------------------------------------------------- */

/* An inode number is used again, and a file may be written over: one that has changed
 * since the recording began is not what was mapped. */
static bool same_inode(const struct fill *fl, const struct mp_module *mod, int fd)
{
	uint64_t began = fl->m->meta[MP_META_WALL_NS];
	struct stat st;

	if (began == MP_UNKNOWN || fstat(fd, &st) || (uint64_t)st.st_ino != mod->ino ||
	    ((uint64_t)major(st.st_dev) << 20 | minor(st.st_dev)) != mod->dev)
		return false;
	return (uint64_t)st.st_ctim.tv_sec * 1000000000ULL + (uint64_t)st.st_ctim.tv_nsec +
		       CTIME_LATE <
	       began;
}

static struct mp_elf *open_same(const struct fill *fl, struct mp_module *mod, int *fd)
{
	const char *path = mp_str(fl->m, mod->name);
	uint8_t id[MP_BUILD_ID_MAX];
	struct mp_elf *e = NULL;
	unsigned n;

	*fd = path[0] == '/' ? mp_sym_open(-1, path) : -1;
	if (*fd < 0 || mp_elf_open(*fd, &e))
		return NULL;
	n = mp_elf_build_id(e, id);
	if (mod->n_build ? n == mod->n_build && !memcmp(id, mod->build, n)
			 : same_inode(fl, mod, *fd)) {
		mod->n_build = (uint8_t)n;
		memcpy(mod->build, id, n);
		return e;
	}
	mp_elf_close(e);
	return NULL;
}

/* --- names
 * ---------------------------------------------------------------------------------------- */

static int emit(void *fill, const struct mp_event *e)
{
	struct fill *fl = fill;
	int err = mp_model_fold(fl->m, e);

	if (!err && fl->emit)
		err = fl->emit(fl->ctx, e);
	return err == -EINVAL ? 0 : err;
}

static int emit_module(struct fill *fl, struct file *f)
{
	if (f->told)
		return 0;
	f->told = true;
	return mp_tell_module(&f->mod, fl->m->now, emit, fl);
}

/* Neighbours are often in one function: their name is told once. */
static int emit_places(struct fill *fl, struct file *f, const struct mp_sym *v, size_t n)
{
	const char *last = NULL;
	uint32_t name = 0;
	int err = 0;

	for (size_t i = 0; i < n && !err; i++) {
		const struct hole *h = &fl->v[v[i].id];
		struct mp_place p = { .ip = h->ip,
				      .maddr = v[i].addr + !h->inner,
				      .module = f->mod.id,
				      .source = v[i].source };

		if (!v[i].name)
			continue;
		err = emit_module(fl, f);
		if (!err && (!last || strcmp(last, v[i].name))) {
			name = fl->next_str++;
			err = mp_tell_str(name, v[i].name, fl->m->now, emit, fl);
		}
		last = v[i].name;
		p.off = p.maddr - v[i].start;
		p.name = name;
		if (!err)
			err = mp_tell_place(&p, h->mm, fl->m->now, emit, fl);
	}
	return err;
}

static size_t wanted(struct fill *fl, size_t file, struct mp_elf *e, struct mp_sym *v)
{
	size_t n = 0;

	for (size_t i = 0; i < fl->n; i++) {
		struct hole *h = &fl->v[i];

		if (h->file != file || (h->offset && (!e || mp_elf_address(e, h->at, &h->at))))
			continue;
		v[n++] = (struct mp_sym){ .addr = h->at - !h->inner, .id = (uint32_t)i };
	}
	mp_sym_sort(v, n);
	return n;
}

static int fill_file(struct fill *fl, size_t i)
{
	struct file *f = &fl->f[i];
	struct mp_elf *e, *debug = NULL;
	struct mp_sym *v;
	int fd, debug_fd, err = 0;
	size_t n;

	e = open_same(fl, &f->mod, &fd);
	debug_fd = mp_sym_open_debug(-1, f->mod.build, f->mod.n_build);
	if (debug_fd >= 0 && mp_elf_open(debug_fd, &debug))
		debug = NULL;
	v = e || debug ? calloc(fl->n + 1, sizeof(*v)) : NULL;
	if (v) {
		n = wanted(fl, i, e, v);
		err = mp_elf_names(e, debug, v, n);
		if (!err)
			err = emit_places(fl, f, v, n);
		mp_sym_clear(v, n);
	} else if (e || debug) {
		err = -ENOMEM;
	}
	free(v);
	mp_elf_close(e);
	mp_elf_close(debug);
	if (fd >= 0)
		close(fd);
	if (debug_fd >= 0)
		close(debug_fd);
	return err;
}

int mp_sym_fill(struct mp_model *m, mp_sym_emit_fn fn, void *ctx)
{
	struct fill fl = { .m = m, .emit = fn, .ctx = ctx, .next_module = 1, .next_str = 1 };
	int err;

	for (size_t i = 0; i < m->n_strs; i++)
		if (m->strs[i])
			fl.next_str = (uint32_t)i + 1;
	for (size_t i = 0; i < mp_model_n_modules(m); i++)
		if (mp_model_module_at(m, i)->id >= fl.next_module)
			fl.next_module = mp_model_module_at(m, i)->id + 1;
	err = find_holes(&fl);
	for (size_t i = 0; i < fl.n_f && !err; i++)
		err = fill_file(&fl, i);
	mp_index_free(fl.seen);
	free(fl.v);
	free(fl.f);
	return err;
}
