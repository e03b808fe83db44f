/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * procfs.c - see procfs.h. Text of other processes is not trusted: every line
 * is parsed with bounds, names may hold anything but a newline.
 */
#include "user/live/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "bpf/events.h"
#include "user/util/util.h"

static FILE *proc_open(pid_t pid, const char *what)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	return fopen(path, "re");
}

int proc_text_read(const char *path, char *buf, size_t size, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	size_t n = 0;
	ssize_t got;

	if (fd < 0)
		return -errno;
	if (st && fstat(fd, st))
		err = -errno;
	while (n + 1 < size && (got = read(fd, buf + n, size - 1 - n)) > 0)
		n += (size_t)got;
	buf[n] = 0;
	close(fd);
	return err;
}

static int gone(int err)
{
	return err == ENOENT || err == ESRCH ? -ESRCH : -err;
}

static bool thread_has_mm(pid_t tid)
{
	FILE *f = proc_open(tid, "statm");
	unsigned long size = 0;

	if (!f)
		return false;
	if (fscanf(f, "%lu", &size) != 1)
		size = 0;
	fclose(f);
	return size != 0;
}

/*
 * A process whose first thread called pthread_exit() is a zombie by its own entry,
 * which has no memory any more; /proc/TID of a thread that lives on has it. Its id,
 * or `pid` when there is none.
 */
static pid_t mm_thread(pid_t pid)
{
	pid_t found = pid;
	struct dirent *d;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir && found == pid && (d = readdir(dir))) {
		pid_t tid = (pid_t)atoi(d->d_name);

		if (tid > 0 && tid != pid && thread_has_mm(tid))
			found = tid;
	}
	if (dir)
		closedir(dir);
	return found;
}

/* --- maps -------------------------------------------------------------------------- */

static int name_add(struct proc_maps *m, const char *s, size_t *off)
{
	size_t len = strlen(s) + 1;
	int err = mp_grow(&m->names, &m->names_cap, m->names_len + len, 1);

	if (err)
		return err;
	memcpy(m->names + m->names_len, s, len);
	*off = m->names_len;
	m->names_len += len;
	return 0;
}

/*
 * Which device numbers are shared memory and which hugetlbfs. Mounts have them in
 * mountinfo; the kernel's own, behind memfds, SysV segments and shared anonymous
 * memory, are those of a memfd of ours. Numbers are the kernel's, the same for
 * every process, but a process sees only the mounts of its namespace.
 */
enum dev_kind { DEV_OTHER, DEV_SHMEM, DEV_HUGETLB };

struct dev {
	uint32_t maj, min;
	pid_t pid; /* 0: known to be so; else this process has no such mount */
	enum dev_kind kind;
};

#define DEVS_MAX 256
#define DEVS_OWN 4 /* the kernel's own mounts come first and stay */
static struct dev devs[DEVS_MAX];
static size_t n_devs; /* ever; the oldest are overwritten */
static size_t n_own;
static uint64_t devs_since;    /* ns */
#define DEVS_NS 10000000000ULL /* numbers without a device are used again when a mount is gone */

static void dev_learn(uint32_t maj, uint32_t min, pid_t pid, enum dev_kind kind)
{
	size_t i = n_devs++;

	if (i >= DEVS_MAX)
		i = DEVS_OWN + (i - DEVS_OWN) % (DEVS_MAX - DEVS_OWN);
	devs[i] = (struct dev){ maj, min, pid, kind };
}

static const struct dev *dev_find(uint32_t maj, uint32_t min, pid_t pid)
{
	for (size_t i = 0; i < n_devs && i < DEVS_MAX; i++)
		if (devs[i].maj == maj && devs[i].min == min &&
		    (!devs[i].pid || devs[i].pid == pid))
			return &devs[i];
	return NULL;
}

#define MFD_SIZE_2M_ (21u << 26) /* MFD_HUGE_2MB, MFD_HUGE_1GB of linux/memfd.h */
#define MFD_SIZE_1G_ (30u << 26)

static void dev_learn_own(unsigned flags, enum dev_kind kind)
{
	int fd = memfd_create("memprof", MFD_CLOEXEC | flags);
	struct stat st;

	if (fd < 0)
		return;
	if (!fstat(fd, &st) && !dev_find(major(st.st_dev), minor(st.st_dev), 0))
		dev_learn(major(st.st_dev), minor(st.st_dev), 0, kind);
	close(fd);
}

static void dev_learn_mounts(pid_t pid)
{
	FILE *f = proc_open(pid, "mountinfo");
	char *line = NULL;
	size_t cap = 0;

	while (f && getline(&line, &cap, f) > 0) {
		const char *type = strstr(line, " - ");
		unsigned maj, min;

		if (!type || sscanf(line, "%*d %*d %u:%u", &maj, &min) != 2 ||
		    dev_find(maj, min, 0))
			continue;
		dev_learn(maj, min, 0,
			  !strncmp(type + 3, "tmpfs ", 6)	 ? DEV_SHMEM
			  : !strncmp(type + 3, "hugetlbfs ", 10) ? DEV_HUGETLB
								 : DEV_OTHER);
	}
	free(line);
	if (f)
		fclose(f);
}

static enum dev_kind dev_kind(pid_t pid, uint32_t maj, uint32_t min)
{
	const struct dev *d;

	if (maj) /* a disk */
		return DEV_OTHER;
	if (!n_devs) {
		dev_learn_own(0, DEV_SHMEM);
		dev_learn_own(MFD_HUGETLB, DEV_HUGETLB);
		dev_learn_own(MFD_HUGETLB | MFD_SIZE_2M_, DEV_HUGETLB);
		dev_learn_own(MFD_HUGETLB | MFD_SIZE_1G_, DEV_HUGETLB);
		n_own = n_devs;
	}
	if (mp_monotonic_ns() - devs_since > DEVS_NS) {
		n_devs = n_own;
		devs_since = mp_monotonic_ns();
	}
	d = dev_find(maj, min, pid);
	if (!d) {
		dev_learn_mounts(pid);
		d = dev_find(maj, min, pid);
	}
	if (!d) {
		dev_learn(maj, min, pid, DEV_OTHER);
		return DEV_OTHER;
	}
	return d->kind;
}

/* MP_MAP_FILE and what kind of file. */
static uint32_t file_bits(pid_t pid, const struct proc_map *v, const char *name)
{
	enum dev_kind kind;

	if (!v->ino)
		return strncmp(name, "[anon_shmem", 11) ? 0 : MP_MAP_FILE | MP_MAP_SHMEM;
	kind = dev_kind(pid, v->dev_major, v->dev_minor);
	/* A private mapping of the device is anonymous memory with a name. */
	if (kind == DEV_OTHER && !(v->bits & MP_MAP_SHARED) && !strcmp(name, "/dev/zero"))
		return 0;
	if (!strncmp(name, "/anon_hugepage", 14))
		kind = DEV_HUGETLB;
	return MP_MAP_FILE | (kind == DEV_SHMEM ? MP_MAP_SHMEM : 0) |
	       (kind == DEV_HUGETLB ? MP_MAP_HUGETLB : 0);
}

static int parse_line(pid_t pid, struct proc_maps *m, char *line)
{
	unsigned long long start, end, off, ino;
	unsigned maj, min;
	struct proc_map *v;
	char perms[5];
	int used = 0, err;
	char *name;

	if (sscanf(line, "%llx-%llx %4s %llx %x:%x %llu %n", &start, &end, perms, &off, &maj, &min,
		   &ino, &used) < 7)
		return 0;
	name = line + used;
	name[strcspn(name, "\n")] = 0;
	err = mp_grow(&m->v, &m->cap, m->n + 1, sizeof(*m->v));
	if (err)
		return err;
	v = &m->v[m->n];
	*v = (struct proc_map){ .start = start, .end = end, .off = off, .ino = ino };
	v->dev_major = maj;
	v->dev_minor = min;
	v->bits = (perms[0] == 'r' ? MP_MAP_R : 0) | (perms[1] == 'w' ? MP_MAP_W : 0) |
		  (perms[2] == 'x' ? MP_MAP_X : 0) | (perms[3] == 's' ? MP_MAP_SHARED : 0);
	v->bits |= file_bits(pid, v, name);
	err = name_add(m, name, &v->name);
	if (!err)
		m->n++;
	return err;
}

int proc_maps_parse(FILE *f, pid_t pid, struct proc_maps *m)
{
	char *line = NULL;
	size_t cap = 0;
	int err = 0;

	m->n = 0;
	m->names_len = 0;
	errno = 0;
	while (!err && getline(&line, &cap, f) > 0)
		err = parse_line(pid, m, line);
	if (!err && ferror(f))
		err = gone(errno);
	if (!err && !m->n) /* a zombie or a kernel thread has none */
		err = -ESRCH;
	free(line);
	return err;
}

static int maps_read(pid_t pid, struct proc_maps *m)
{
	FILE *f = proc_open(pid, "maps");
	int err;

	if (!f)
		return gone(errno);
	err = proc_maps_parse(f, pid, m);
	fclose(f);
	return err;
}

int proc_maps_read(pid_t pid, struct proc_maps *m)
{
	int err = maps_read(pid, m);
	pid_t tid;

	if (err != -ESRCH)
		return err;
	tid = mm_thread(pid);
	return tid == pid ? err : maps_read(tid, m);
}

void proc_maps_free(struct proc_maps *m)
{
	free(m->v);
	free(m->names);
	memset(m, 0, sizeof(*m));
}

/* --- status, links, start -------------------------------------------------------------- */

struct status_key {
	const char *key;
	size_t off;
};

static const struct status_key status_kb[] = {
	{ "RssAnon:", offsetof(struct proc_status, anon) },
	{ "RssFile:", offsetof(struct proc_status, file) },
	{ "RssShmem:", offsetof(struct proc_status, shmem) },
	{ "VmSwap:", offsetof(struct proc_status, swap) },
};
#define N(a) (sizeof(a) / sizeof((a)[0]))

static const struct status_key status_beside[] = {
	{ "VmLck:", offsetof(struct proc_status, locked) },
	{ "VmPTE:", offsetof(struct proc_status, pte) },
	{ "VmSize:", offsetof(struct proc_status, vsize) },
	{ "VmStk:", offsetof(struct proc_status, stack) },
};

/* The member of *s that a line is about, *kb its figure; NULL: it is in no such table. */
static uint64_t *status_member(const struct status_key *t, size_t n, const char *line,
			       struct proc_status *s, uint64_t *kb)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(t[i].key);

		if (strncmp(line, t[i].key, len))
			continue;
		*kb = strtoull(line + len, NULL, 10);
		return (uint64_t *)((char *)s + t[i].off);
	}
	return NULL;
}

static unsigned status_line(const char *line, struct proc_status *s)
{
	uint64_t kb, *to = status_member(status_kb, N(status_kb), line, s, &kb);

	if (to) {
		*to = kb * 1024 / MP_PAGE_SIZE;
		return 1;
	}
	to = status_member(status_beside, N(status_beside), line, s, &kb);
	if (to)
		*to = kb * 1024;
	if (!strncmp(line, "HugetlbPages:", 13))
		s->hugetlb = strtoull(line + 13, NULL, 10) * 1024;
	else if (!strncmp(line, "Threads:", 8))
		s->threads = strtoull(line + 8, NULL, 10);
	else if (!strncmp(line, "Tgid:", 5))
		s->tgid = (uint32_t)strtoul(line + 5, NULL, 10);
	else if (!strncmp(line, "PPid:", 5))
		s->ppid = (uint32_t)strtoul(line + 5, NULL, 10);
	else if (!strncmp(line, "State:", 6))
		s->zombie = strchr("ZX", line[6 + strspn(line + 6, " \t")]) != NULL;
	return 0;
}

void proc_status_parse(FILE *f, struct proc_status *s)
{
	char line[256];
	unsigned found = 0;

	memset(s, 0, sizeof(*s));
	s->hugetlb = s->locked = s->pte = s->vsize = s->stack = MP_UNKNOWN;
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "Name:\t", 6)) {
			line[strcspn(line, "\n")] = 0;
			snprintf(s->comm, sizeof(s->comm), "%.63s", line + 6);
		}
		found += status_line(line, s);
	}
	if (!found)
		s->zombie = true;
}

static int status_read(pid_t pid, struct proc_status *s)
{
	FILE *f = proc_open(pid, "status");

	if (!f)
		return gone(errno);
	proc_status_parse(f, s);
	fclose(f);
	return 0;
}

int proc_status_read(pid_t pid, struct proc_status *s)
{
	struct proc_status of_thread;
	int err = status_read(pid, s);
	pid_t tid;

	if (err || !s->zombie || s->threads < 2)
		return err;
	tid = mm_thread(pid);
	if (tid != pid && !status_read(tid, &of_thread) && !of_thread.zombie) {
		memcpy(of_thread.comm, s->comm, sizeof(s->comm));
		*s = of_thread;
	}
	return 0;
}

int proc_lazyfree_read(pid_t pid, uint64_t *pages, uint64_t *cost)
{
	uint64_t from = mp_thread_cpu_ns();
	FILE *f = proc_open(pid, "smaps_rollup");
	unsigned long long kib;
	char line[256];
	int err = -ENODATA;

	if (!f)
		return gone(errno);
	while (err && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "LazyFree: %llu kB", &kib) != 1)
			continue;
		*pages = kib * 1024 / MP_PAGE_SIZE;
		err = 0;
	}
	fclose(f);
	*cost = mp_thread_cpu_ns() - from;
	return err;
}

int proc_rollup_parse(FILE *f, struct mp_event *e)
{
	const struct {
		const char *key;
		__u64 *to;
	} keys[] = {
		{ "Pss_Anon:", &e->rollup.pss_anon },
		{ "Pss_File:", &e->rollup.pss_file },
		{ "Pss_Shmem:", &e->rollup.pss_shmem },
		{ "Private_Dirty:", &e->rollup.private_dirty },
		{ "Shared_Dirty:", &e->rollup.shared_dirty },
		{ "AnonHugePages:", &e->rollup.anon_huge },
		{ "LazyFree:", &e->rollup.lazyfree },
	};
	unsigned long long kib;
	char line[256];

	for (size_t i = 0; i < sizeof(e->v) / sizeof(e->v[0]); i++)
		e->v[i] = MP_UNKNOWN; /* older kernels tell less */
	e->x = 0;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Anonymous: %llu kB", &kib) == 1)
			e->x = (__u32)(kib * 1024 / MP_PAGE_SIZE);
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			if (!strncmp(line, keys[i].key, strlen(keys[i].key)))
				*keys[i].to = strtoull(line + strlen(keys[i].key), NULL, 10) * 1024;
	}
	return e->rollup.private_dirty == MP_UNKNOWN ? -ESRCH : 0;
}

int proc_rollup_read(pid_t pid, struct mp_event *e)
{
	FILE *f = proc_open(pid, "smaps_rollup");
	int err;

	if (!f)
		return gone(errno);
	err = proc_rollup_parse(f, e);
	fclose(f);
	return err;
}

int proc_link(pid_t pid, const char *what, char *buf, size_t size)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	n = readlink(path, buf, size - 1);
	if (n < 0)
		return gone(errno);
	buf[n] = 0;
	return 0;
}

int proc_start_ns(pid_t pid, uint64_t *ns)
{
	FILE *f = proc_open(pid, "stat");
	unsigned long long start = 0;
	char buf[1024], *p;
	size_t n;

	if (!f)
		return gone(errno);
	n = fread(buf, 1, sizeof(buf) - 1, f);
	fclose(f);
	buf[n] = 0;
	p = strrchr(buf, ')'); /* comm may hold blanks and parentheses */
	if (!p || sscanf(p + 1,
			 " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
			 "%*d %llu",
			 &start) != 1)
		return -EPROTO;
	*ns = start * (1000000000ULL / (unsigned long)sysconf(_SC_CLK_TCK));
	return 0;
}

int proc_ns_pid(pid_t pid, pid_t *ns_pid)
{
	FILE *f = proc_open(pid, "status");
	char line[256];

	if (!f)
		return gone(errno);
	*ns_pid = pid;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "NSpid:", 6) && strrchr(line, '\t'))
			*ns_pid = (pid_t)strtol(strrchr(line, '\t'), NULL, 10);
	fclose(f);
	return 0;
}

int proc_user_ns_maker(pid_t pid, uid_t *uid)
{
	char ours[64], theirs[64], path[64];
	int fd, err;

	err = proc_link(getpid(), "ns/user", ours, sizeof(ours));
	if (!err)
		err = proc_link(pid, "ns/user", theirs, sizeof(theirs));
	if (err || !strcmp(ours, theirs))
		return err ? err : -ENOENT;
	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = ioctl(fd, NS_GET_OWNER_UID, uid) ? -errno : 0;
	close(fd);
	return err;
}

/* --- pages -------------------------------------------------------------------------------- */

static int add_run(struct proc_ranges *r, uint64_t start, uint64_t end, bool huge)
{
	int err;

	if (r->n && r->v[r->n - 1].end == start && r->v[r->n - 1].huge == huge) {
		r->v[r->n - 1].end = end;
		return 0;
	}
	err = mp_grow(&r->v, &r->cap, r->n + 1, sizeof(*r->v));
	if (err)
		return err;
	r->v[r->n++] = (struct proc_range){ .start = start, .end = end, .huge = huge };
	return 0;
}

int proc_ranges_add(struct proc_ranges *r, uint64_t start, uint64_t end)
{
	return add_run(r, start, end, false);
}

void proc_ranges_free(struct proc_ranges *r)
{
	free(r->v);
	memset(r, 0, sizeof(*r));
}

#define PM_PRESENT (1ULL << 63)
#define PM_PFN	   ((1ULL << 55) - 1)
#define HUGE_BYTES (2ULL << 20)
#define HUGE_PAGES (HUGE_BYTES / MP_PAGE_SIZE)
#define KPF_ZERO   (1ULL << 24) /* include/uapi/linux/kernel-page-flags.h */

/*
 * The huge zero page: what a read of untouched memory maps where huge pages are in
 * use. In no RSS, but PAGEMAP_SCAN does not tell it from others before 6.18, nor do
 * frame numbers. False where /proc/kpageflags is not readable.
 */
static bool is_huge_zero(uint64_t pfn)
{
	static int fd = -2;
	uint64_t flags = 0;

	if (fd == -2)
		fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	return pfn && pfn % HUGE_PAGES == 0 && fd >= 0 &&
	       pread(fd, &flags, sizeof(flags), (off_t)(pfn * 8)) == sizeof(flags) &&
	       flags & KPF_ZERO;
}

/* A run of huge pages, without the huge zero page. */
static int add_huge(int fd, struct proc_ranges *out, uint64_t start, uint64_t end)
{
	int err = 0;

	while (start < end && !err) {
		uint64_t stop = (start | (HUGE_BYTES - 1)) + 1, e = 0;

		stop = stop < end ? stop : end;
		if (pread(fd, &e, sizeof(e), (off_t)(start / MP_PAGE_SIZE * 8)) != sizeof(e) ||
		    !is_huge_zero(e & PM_PFN))
			err = add_run(out, start, stop, true);
		start = stop;
	}
	return err;
}

/* PAGEMAP_SCAN, include/uapi/linux/fs.h of 6.7; Debian 12's headers lack it. */
struct page_region {
	uint64_t start, end, categories;
};
struct pm_scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
#define PAGEMAP_SCAN_	 _IOWR('f', 16, struct pm_scan_arg)
#define PAGE_IS_PRESENT_ (1 << 3)
#define PAGE_IS_PFNZERO_ (1 << 5)
#define PAGE_IS_HUGE_	 (1 << 6)

static int scan_ioctl(int fd, uint64_t start, uint64_t end, struct proc_ranges *out)
{
	struct page_region vec[512];

	while (start < end) {
		struct pm_scan_arg a = { .size = sizeof(a),
					 .start = start,
					 .end = end,
					 .vec = (uint64_t)(uintptr_t)vec,
					 .vec_len = sizeof(vec) / sizeof(vec[0]),
					 .category_inverted = PAGE_IS_PFNZERO_,
					 .category_mask = PAGE_IS_PRESENT_ | PAGE_IS_PFNZERO_,
					 .return_mask = PAGE_IS_PRESENT_ | PAGE_IS_HUGE_ };
		int n = ioctl(fd, PAGEMAP_SCAN_, &a);
		uint64_t next;

		if (n < 0)
			return -errno;
		next = a.walk_end;
		for (int i = 0; i < n; i++) {
			bool huge = vec[i].categories & PAGE_IS_HUGE_;
			int err = huge ? add_huge(fd, out, vec[i].start, vec[i].end)
				       : add_run(out, vec[i].start, vec[i].end, false);

			if (err)
				return err;
			/* walk_end may lie before the end of the last region (seen on
			 * 6.18): going on from there would report it twice */
			if (vec[i].end > next)
				next = vec[i].end;
		}
		if (next <= start)
			break;
		start = next;
	}
	return 0;
}

/* The frame of the zero page, learned from a page of our own that was only read.
 * 0 when frame numbers are hidden (no CAP_SYS_ADMIN): zero pages then count. */
static uint64_t zero_pfn(void)
{
	static uint64_t pfn;
	static bool known;
	volatile char *p;
	uint64_t e = 0;
	int fd;

	if (known)
		return pfn;
	known = true;
	p = mmap(NULL, MP_PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return 0;
	(void)p[0];
	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (pread(fd, &e, sizeof(e), (off_t)((uintptr_t)p / MP_PAGE_SIZE * 8)) == sizeof(e))
			pfn = e & PM_PRESENT ? e & PM_PFN : 0;
		close(fd);
	}
	munmap((void *)p, MP_PAGE_SIZE);
	return pfn;
}

static int scan_pagemap(int fd, uint64_t start, uint64_t end, struct proc_ranges *out)
{
	uint64_t buf[4096], zero = zero_pfn(), huge_zero = 0;

	while (start < end) {
		size_t want = (end - start) / MP_PAGE_SIZE;
		ssize_t n;

		if (want > 4096)
			want = 4096;
		n = pread(fd, buf, want * 8, (off_t)(start / MP_PAGE_SIZE * 8));
		if (n < 0)
			return -errno;
		if (n < 8)
			break;
		for (ssize_t i = 0; i < n / 8; i++) {
			uint64_t a = start + (uint64_t)i * MP_PAGE_SIZE;
			int err;

			if (!(buf[i] & PM_PRESENT) || (zero && (buf[i] & PM_PFN) == zero))
				continue;
			if (a % HUGE_BYTES == 0 && is_huge_zero(buf[i] & PM_PFN))
				huge_zero = a;
			if (huge_zero && a - huge_zero < HUGE_BYTES)
				continue;
			err = proc_ranges_add(out, a, a + MP_PAGE_SIZE);
			if (err)
				return err;
		}
		start += (uint64_t)(n / 8) * MP_PAGE_SIZE;
	}
	return 0;
}

bool proc_scan_is_sparse(void)
{
	static int known = -1;
	struct proc_ranges none = { 0 };
	int fd;

	if (known >= 0)
		return known;
	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	known = fd >= 0 && !scan_ioctl(fd, 0, MP_PAGE_SIZE, &none);
	proc_ranges_free(&none);
	if (fd >= 0)
		close(fd);
	return known;
}

int proc_pages_scan(int fd, uint64_t start, uint64_t end, struct proc_ranges *out)
{
	size_t n = out->n;
	int err = scan_ioctl(fd, start, end, out);

	if (err != -ENOTTY && err != -EINVAL && err != -ENOSYS)
		return err;
	out->n = n;
	return scan_pagemap(fd, start, end, out);
}

int proc_pagemap_open(pid_t pid)
{
	char path[64];
	int fd;

	if (!thread_has_mm(pid))
		pid = mm_thread(pid);
	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? gone(errno) : fd;
}

#define THP_DIR "/sys/kernel/mm/transparent_hugepage"

/* Is `word` the one in brackets in this file of sysfs? */
static bool sysfs_chosen(const char *path, const char *word)
{
	char line[128] = "", want[32];
	FILE *f = fopen(path, "re");

	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f))
		line[0] = 0;
	fclose(f);
	snprintf(want, sizeof(want), "[%s]", word);
	return strstr(line, want) != NULL;
}

void proc_huge_policy(bool *huge, bool *large)
{
	bool always = sysfs_chosen(THP_DIR "/enabled", "always");
	DIR *dir = opendir(THP_DIR);
	char path[512];
	struct dirent *d;

	*huge = always;
	*large = false;
	while (dir && (d = readdir(dir))) { /* a folder a size, from 6.8 on */
		bool is;

		if (strncmp(d->d_name, "hugepages-", 10))
			continue;
		snprintf(path, sizeof(path), THP_DIR "/%s/enabled", d->d_name);
		is = sysfs_chosen(path, "always") || (always && sysfs_chosen(path, "inherit"));
		if (strcmp(d->d_name, "hugepages-2048kB"))
			*large |= is;
		else
			*huge |= is;
	}
	if (dir)
		closedir(dir);
}
