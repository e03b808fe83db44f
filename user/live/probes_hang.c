/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * probes_hang.c - programs of the kernel side that hang on files of runtimes: see probes.h.
 *
 * Owns: which program hangs on which file, and how arguments of USDTs are found. Must not: look
 * for runtimes, know what their programs tell.
 */
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/live/probes_int.h"
#include "user/live/uprobes.h"
#include "user/live/usdt_args.h"
#include "user/sym/sym.h"

#define USDT_PLACES 32 /* of one probe in one file: a JVM has two */

/* By enum mp_uprobe: what is attached when a runtime is found. */
static const struct uprobe_row {
	uint8_t feature;
	bool at_return;
	const char *name;
} uprobes[MP_UP_MAX] = {
	[MP_UP_V8_LINE] = { MP_FEAT_HEAP_V8, false, "v8_gc_line" },
	[MP_UP_V8_BEGIN] = { MP_FEAT_HEAP_V8, false, "v8_gc_begin" },
	[MP_UP_V8_END] = { MP_FEAT_HEAP_V8, true, "v8_gc_end" },
	[MP_UP_V8_GONE] = { MP_FEAT_HEAP_V8, false, "v8_heap_gone" },
	[MP_UP_PY_START] = { MP_FEAT_HEAP_PYTHON, false, "py_gc_start" },
	[MP_UP_PY_DONE] = { MP_FEAT_HEAP_PYTHON, false, "py_gc_done" },
	[MP_UP_PY_ENTER] = { MP_FEAT_HEAP_PYTHON, false, "py_collect" },
	[MP_UP_PY_LEAVE] = { MP_FEAT_HEAP_PYTHON, true, "py_collected" },
	[MP_UP_RUBY_MARK_BEGIN] = { MP_FEAT_HEAP_RUBY, false, "ruby_mark_begin" },
	[MP_UP_RUBY_MARK_END] = { MP_FEAT_HEAP_RUBY, false, "ruby_mark_end" },
	[MP_UP_RUBY_SWEEP_BEGIN] = { MP_FEAT_HEAP_RUBY, false, "ruby_sweep_begin" },
	[MP_UP_RUBY_SWEEP_END] = { MP_FEAT_HEAP_RUBY, false, "ruby_sweep_end" },
	[MP_UP_GO_START] = { MP_FEAT_HEAP_GO, false, "go_gc_start" },
	[MP_UP_GO_LIVE] = { MP_FEAT_HEAP_GO, false, "go_gc_live" },
	[MP_UP_JVM_POOL_BEGIN] = { MP_FEAT_HEAP_JVM, false, "jvm_pool_begin" },
	[MP_UP_JVM_POOL_END] = { MP_FEAT_HEAP_JVM, false, "jvm_pool_end" },
	[MP_UP_JVM_PAUSE_BEGIN] = { MP_FEAT_HEAP_JVM, false, "jvm_pause_begin" },
	[MP_UP_JVM_PAUSE_END] = { MP_FEAT_HEAP_JVM, false, "jvm_pause_end" },
};

int probes_hang_configure(struct mp_probes *p)
{
	struct bpf_program *prog;
	int err = 0;

	for (size_t u = 0; u < MP_UP_MAX && !err; u++) {
		prog = bpf_object__find_program_by_name(p->skel->obj, uprobes[u].name);
		if (!prog)
			err = -ENOENT;
		else if (p->rung[uprobes[u].feature].rung)
			bpf_program__set_autoload(prog, true);
		if (prog && p->multi)
			bpf_program__set_expected_attach_type(prog, UPROBE_MULTI_TYPE);
	}
	return err;
}

static struct bpf_program *prog_of(const struct mp_probes *p, enum mp_uprobe u)
{
	return bpf_object__find_program_by_name(p->skel->obj, uprobes[u].name);
}

/* 0 when the feature of the program was chosen and its rung works here. */
static int may_attach(const struct mp_probes *p, enum mp_uprobe u)
{
	const struct mp_rung_result *r = &p->rung[uprobes[u].feature];

	if (p->removed[u])
		return -ECANCELED;
	if (r->rung)
		return 0;
	return r->err ? r->err : -EOPNOTSUPP;
}

/* The kernel takes a path: this one means the open file, wherever that lies by now. */
static void path_of(char path[40], int file)
{
	snprintf(path, 40, "/proc/self/fd/%d", file);
}

/*
 * The kernel hangs a probe on the file below an overlay, so two containers of one image have
 * one file under two devices. What both show of it is the same: inode, size and time of the
 * layer's file.
 */
static int where_of(struct hung *h, enum mp_uprobe u, int file, uint64_t offset)
{
	struct statfs fs;
	struct stat st;

	if (fstat(file, &st) || fstatfs(file, &fs))
		return -errno;
	*h = (struct hung){ .dev = st.st_dev, .ino = st.st_ino, .offset = offset, .u = u };
	if (fs.f_type != OVERLAYFS_SUPER_MAGIC)
		return 0;
	h->dev = 0;
	h->size = (uint64_t)st.st_size;
	h->mtime = (uint64_t)st.st_mtim.tv_sec * 1000000000ULL + (uint64_t)st.st_mtim.tv_nsec;
	return 0;
}

static bool hangs(const struct mp_probes *p, const struct hung *h)
{
	for (unsigned i = 0; i < p->n_hung; i++) {
		const struct hung *o = &p->hung[i];

		if (o->dev == h->dev && o->ino == h->ino && o->size == h->size &&
		    o->mtime == h->mtime && o->offset == h->offset && o->u == h->u)
			return true;
	}
	return false;
}

unsigned mp_probes_hung(const struct mp_probes *p)
{
	return p->n_hung;
}

/* Of what probes_keep() said: it is there from now on. */
static int hang(struct mp_probes *p, const struct hung *h, int err)
{
	if (!err && p->n_hung < LINKS_MAX) {
		p->hung[p->n_hung] = *h;
		p->hung[p->n_hung++].link = p->links[p->n_links - 1];
	}
	return err;
}

/* ... and by one link on all of its places. */
static int hang_multi(struct mp_probes *p, struct hung *h, const char *path,
		      const struct uprobe_place *at, size_t n)
{
	if (p->n_hung == LINKS_MAX)
		return -ENOSPC;
	h->fd = uprobe_multi_link(bpf_program__fd(prog_of(p, h->u)), path, uprobes[h->u].at_return,
				  at, n);
	if (h->fd < 0)
		return h->fd;
	p->hung[p->n_hung++] = *h;
	return 0;
}

int mp_probes_add_uprobe(struct mp_probes *p, enum mp_uprobe u, int file, uint64_t offset)
{
	const struct uprobe_place at = { .offset = offset };
	int err = may_attach(p, u);
	struct hung h;
	char path[40];

	if (!err)
		err = where_of(&h, u, file, offset);
	if (err || hangs(p, &h))
		return err;
	path_of(path, file);
	if (p->multi)
		return hang_multi(p, &h, path, &at, 1);
	errno = 0;
	err = probes_keep(p, bpf_program__attach_uprobe(prog_of(p, u), uprobes[u].at_return, -1,
							path, offset));
	return hang(p, &h, err);
}

/* The number of a way to find arguments in the map: those of equal text share it. */
static int spec_of(struct mp_probes *p, const char *args)
{
	struct mp_usdt_spec spec;
	unsigned i = 0;

	usdt_args_parse(args, &spec);
	while (i < p->n_specs && memcmp(&p->specs[i], &spec, sizeof(spec)))
		i++;
	if (i < p->n_specs)
		return (int)i;
	if (i == MP_USDT_SPECS)
		return -ENOSPC;
	if (bpf_map_update_elem(bpf_map__fd(p->skel->maps.usdt_specs), &i, &spec, BPF_ANY))
		return -errno;
	p->specs[p->n_specs++] = spec;
	return (int)i;
}

/* The places of a probe in a file. Their number or -errno. */
static int usdt_places(struct mp_probes *p, int file, const char *provider, const char *name,
		       struct uprobe_place *at, size_t max)
{
	struct mp_usdt_site *site = calloc(max, sizeof(*site));
	struct mp_elf *e = NULL;
	int n = site ? mp_elf_open(file, &e) : -ENOMEM, id = 0;

	if (!n)
		n = mp_elf_usdt(e, provider, name, site, max);
	for (int i = 0; i < n && id >= 0; i++) {
		id = spec_of(p, site[i].args);
		at[i] = (struct uprobe_place){ .offset = site[i].offset,
					       .semaphore = site[i].semaphore,
					       .cookie = (uint64_t)id };
	}
	mp_elf_close(e);
	free(site);
	return id < 0 ? id : n;
}

int mp_probes_add_usdt(struct mp_probes *p, enum mp_uprobe u, int file, const char *provider,
		       const char *name)
{
	struct uprobe_place at[USDT_PLACES];
	int err = may_attach(p, u), n;
	struct hung h;
	char path[40];

	if (!err)
		err = where_of(&h, u, file, UINT64_MAX);
	if (err || hangs(p, &h))
		return err;
	path_of(path, file);
	if (p->multi) {
		n = usdt_places(p, file, provider, name, at, USDT_PLACES);
		return n < 0 ? n : hang_multi(p, &h, path, at, (size_t)n);
	}
	errno = 0;
	err = probes_keep(p,
			  bpf_program__attach_usdt(prog_of(p, u), -1, path, provider, name, NULL));
	return hang(p, &h, err);
}

static void unlink_probe(struct mp_probes *p, struct bpf_link *link)
{
	for (unsigned i = 0; i < p->n_links; i++) {
		if (p->links[i] != link)
			continue;
		p->links[i] = p->links[--p->n_links];
		bpf_link__destroy(link);
		return;
	}
}

void mp_probes_remove_uprobe(struct mp_probes *p, enum mp_uprobe u)
{
	unsigned n = 0;

	p->removed[u] = true;
	for (unsigned i = 0; i < p->n_hung; i++) {
		if (p->hung[i].u == u && p->hung[i].link)
			unlink_probe(p, p->hung[i].link);
		else if (p->hung[i].u == u)
			close(p->hung[i].fd);
		else
			p->hung[n++] = p->hung[i];
	}
	p->n_hung = n;
}

void probes_hang_close(struct mp_probes *p)
{
	while (p->n_hung--)
		if (!p->hung[p->n_hung].link)
			close(p->hung[p->n_hung].fd);
}

int mp_probes_jvm_cause(struct mp_probes *p, uint32_t tgid, uint64_t addr)
{
	int fd = bpf_map__fd(p->skel->maps.jvm_causes);

	return bpf_map_update_elem(fd, &tgid, &addr, BPF_ANY) ? -errno : 0;
}
