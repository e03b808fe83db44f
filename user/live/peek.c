/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* peek.c - see peek.h. */
#include "user/live/peek.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/live/procfs.h"
#include "user/util/util.h"

#define PRESENT	  (1ULL << 63) /* Documentation/admin-guide/mm/pagemap.rst */
#define SWAPPED	  (1ULL << 62)
#define PARTS_MAX 64
#define TEXT_MAX  8192	/* of a line of mountinfo; of maps the beginning is enough */
#define LINES_MAX 65536 /* of maps: as many as vm.max_map_count allows */
#define LOOKS_MAX 256	/* for what is mapped at absent pages, a second */

/* --- absent pages --------------------------------------------------------------------------- */

/* Each costs a pass over the mappings, which the target chose the number of. */
static bool may_look(void)
{
	static _Thread_local uint64_t second;
	static _Thread_local unsigned looks;
	uint64_t now = mp_monotonic_ns() / 1000000000;

	if (now != second)
		looks = 0;
	second = now;
	return looks++ < LOOKS_MAX;
}

static FILE *open_text(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return fopen(path, "re");
}

/* A file system without a device of its own that yet lies on disks: proc_pid_mountinfo(5). */
static bool on_disks(pid_t pid, unsigned minor)
{
	static const char *const kinds[] = { "overlay", "btrfs", "zfs", "bcachefs" };
	char line[TEXT_MAX], kind[16];
	FILE *f = open_text(pid, "mountinfo");
	bool found = false, yes = false;
	unsigned maj, min;

	for (int i = 0; f && !found && i < LINES_MAX && fgets(line, sizeof(line), f); i++) {
		const char *dash = strstr(line, " - ");

		found = sscanf(line, "%*u %*u %u:%u", &maj, &min) == 2 && !maj && min == minor;
		if (!found || !dash || sscanf(dash, " - %15s", kind) != 1)
			continue;
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
			yes |= !strcmp(kind, kinds[k]);
	}
	if (f)
		fclose(f);
	return yes;
}

enum page {
	PAGE_THERE, /* or brought by the kernel itself */
	PAGE_EMPTY, /* never written: zeros            */
	PAGE_WAITS, /* for a program, or maybe so      */
};

/*
 * An absent page, by what is mapped there. Of files with a device 0:x only what is known to
 * be on disks: memory files can be registered with userfaultfd. An absent page of nobody's
 * file is not read but taken for the zeros it would be: if its program means to serve it,
 * there is nothing in it yet either.
 * So are all absent pages up to *until.
 */
static enum page absent_page(pid_t pid, uint64_t addr, uint64_t *until)
{
	FILE *f = may_look() ? open_text(pid, "maps") : NULL;
	unsigned maj = 0, min = 0;
	uint64_t start, end = 0, ino = 0;
	char line[TEXT_MAX], shared = 's';
	bool inside = false;

	for (int i = 0; f && end <= addr && i < LINES_MAX && fgets(line, sizeof(line), f); i++) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*3c%c %*x %x:%x %" SCNu64, &start, &end,
			   &shared, &maj, &min, &ino) != 6)
			break;
		inside = addr >= start && addr < end;
	}
	if (f)
		fclose(f);
	*until = inside ? end : addr;
	if (!inside)
		return PAGE_WAITS;
	if (!ino)
		return shared == 'p' ? PAGE_EMPTY : PAGE_WAITS;
	return maj || on_disks(pid, min) ? PAGE_THERE : PAGE_WAITS;
}

/* --- reading -------------------------------------------------------------------------------- */

/* What is left to be read once empty pages have been filled in. */
struct plan {
	struct iovec to[PARTS_MAX], from[PARTS_MAX];
	size_t n, size;
	uint64_t known, until; /* addresses: what absent pages are there */
	enum page absent;
};

static enum page page_at(struct plan *p, pid_t pid, int fd, uint64_t addr, uint64_t size)
{
	uint64_t v;

	if (pread(fd, &v, sizeof(v), (off_t)(addr / size * sizeof(v))) != sizeof(v) || v & SWAPPED)
		return PAGE_WAITS;
	if (v & PRESENT)
		return PAGE_THERE;
	if (addr < p->known || addr >= p->until) {
		p->known = addr;
		p->absent = absent_page(pid, addr, &p->until);
	}
	return p->absent;
}

static int append(struct plan *p, char *to, uint64_t from, size_t len)
{
	struct iovec *last = p->n ? &p->from[p->n - 1] : NULL;

	p->size += len;
	if (last && (uintptr_t)last->iov_base + last->iov_len == from &&
	    (char *)p->to[p->n - 1].iov_base + last->iov_len == to) {
		last->iov_len += len;
		p->to[p->n - 1].iov_len += len;
		return 0;
	}
	if (p->n == PARTS_MAX)
		return -E2BIG;
	p->to[p->n] = (struct iovec){ to, len };
	p->from[p->n++] = (struct iovec){ (void *)(uintptr_t)from, len };
	return 0;
}

static int plan_piece(struct plan *p, pid_t pid, int fd, char *to, uint64_t from, size_t len)
{
	const uint64_t size = (uint64_t)sysconf(_SC_PAGESIZE);
	int err = len > INT64_MAX || from > INT64_MAX - len ? -EFAULT : 0;

	while (len && !err) {
		size_t n = size - from % size < len ? size - from % size : len;

		switch (page_at(p, pid, fd, from, size)) {
		case PAGE_THERE:
			err = append(p, to, from, n);
			break;
		case PAGE_EMPTY:
			memset(to, 0, n);
			break;
		default:
			err = -EAGAIN;
		}
		to += n;
		from += n;
		len -= n;
	}
	return err;
}

int peek_read(pid_t pid, const struct iovec *to, const struct iovec *from, size_t n)
{
	int fd = proc_pagemap_open(pid), err = 0;
	struct plan p = { .n = 0 };
	ssize_t got;

	if (fd < 0)
		return fd;
	for (size_t i = 0; i < n && !err; i++)
		err = plan_piece(&p, pid, fd, to[i].iov_base, (uintptr_t)from[i].iov_base,
				 to[i].iov_len);
	close(fd);
	if (err || !p.n)
		return err;
	got = process_vm_readv(pid, p.to, p.n, p.from, p.n, 0);
	return got < 0 ? -errno : (size_t)got == p.size ? 0 : -EFAULT;
}

int peek(pid_t pid, uint64_t addr, void *buf, size_t len)
{
	struct iovec to = { buf, len }, from = { (void *)(uintptr_t)addr, len };

	return peek_read(pid, &to, &from, 1);
}

/* --- arguments and environment -------------------------------------------------------------- */

#define ARG_START 48 /* fields of proc_pid_stat(5): arg_start, arg_end, env_start, env_end */

static bool all_present(pid_t pid, uint64_t start, uint64_t end)
{
	const uint64_t size = (uint64_t)sysconf(_SC_PAGESIZE);
	int fd = start < end && end <= INT64_MAX ? proc_pagemap_open(pid) : -1;
	uint64_t v = PRESENT;

	if (fd < 0)
		return false;
	for (uint64_t at = start / size; v & PRESENT && at * size < end; at++)
		if (pread(fd, &v, sizeof(v), (off_t)(at * sizeof(v))) != sizeof(v))
			v = 0;
	close(fd);
	return v & PRESENT;
}

bool peek_strings_ready(pid_t pid, const char *name)
{
	unsigned field = 2, want = ARG_START + (strcmp(name, "environ") ? 0 : 2);
	FILE *f = open_text(pid, "stat");
	uint64_t start = 0, end = 0;
	char line[4096] = "", *p;

	if (f) {
		line[fread(line, 1, sizeof(line) - 1, f)] = 0;
		fclose(f);
	}
	p = strrchr(line, ')'); /* the name in front may hold anything */
	for (char *w = p ? strtok_r(p + 1, " ", &p) : NULL; w; w = strtok_r(NULL, " ", &p)) {
		field++;
		if (field == want)
			start = strtoull(w, NULL, 10);
		if (field == want + 1)
			end = strtoull(w, NULL, 10);
	}
	return all_present(pid, start, end);
}
