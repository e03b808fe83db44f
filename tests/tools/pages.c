/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pages PID - what the kernel says is resident, page by page.
 *
 * Reads smaps, pagemap and kpageflags and prints mappings and the longest runs
 * of pages that count in RSS: present, and neither the zero page nor the huge
 * zero page. The output is that of tests/tools/resident.c with two words more in
 * `map`: the Rss of smaps, and what hugetlb has there. It shares no code with
 * memprof: it is the other witness.
 *
 *	proc PID exited=0 known=1 anon=PAGES file=PAGES shmem=PAGES total=PAGES orphans=0
 *	map START END rwxp OFFSET INODE RESIDENT SMAPS_PAGES HUGETLB_PAGES NAME
 *	run START END
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE	  4096ULL
#define PRESENT	  (1ULL << 63)
#define PFN	  ((1ULL << 55) - 1)
#define ZERO_PAGE (1ULL << 24) /* KPF_ZERO_PAGE */
#define BATCH	  4096
#define FRAMES	  16 /* whose flags are read at once: frames seldom follow each other */

static int pagemap, kpageflags;
static uint64_t run_start, run_end, total;

struct vma {
	uint64_t start, end, off, ino;
	unsigned long rss, hugetlb; /* pages, by smaps */
	uint64_t resident;	    /* pages, by pagemap */
	char perms[5], name[4096];
	bool counted; /* its pages count in RSS */
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void run_flush(void)
{
	if (run_end > run_start)
		printf("run %lx %lx\n", (unsigned long)run_start, (unsigned long)run_end);
	run_start = run_end = 0;
}

static void run_add(uint64_t addr)
{
	if (addr != run_end) {
		run_flush();
		run_start = addr;
	}
	run_end = addr + PAGE;
	total++;
}

/* Does the frame hold nothing but zeroes for everybody? Asked once for a stretch of frames. */
static bool is_zero_frame(uint64_t pfn)
{
	static uint64_t first = 1, flags[FRAMES];
	static size_t n;

	if (pfn < first || pfn >= first + n) {
		ssize_t got = pread(kpageflags, flags, sizeof(flags), (off_t)(pfn * 8));

		if (got < 8)
			die("kpageflags");
		first = pfn;
		n = (size_t)got / 8;
	}
	return flags[pfn - first] & ZERO_PAGE;
}

static void scan(struct vma *v)
{
	static uint64_t e[BATCH];

	for (uint64_t at = v->start; at < v->end;) {
		size_t want = (v->end - at) / PAGE < BATCH ? (size_t)((v->end - at) / PAGE) : BATCH;
		ssize_t got = pread(pagemap, e, want * 8, (off_t)(at / PAGE * 8));

		if (got < 8) /* [vsyscall] has no entry in pagemap */
			return;
		for (size_t i = 0; i < (size_t)got / 8; i++, at += PAGE) {
			if (!(e[i] & PRESENT) || is_zero_frame(e[i] & PFN))
				continue;
			run_add(at);
			v->resident++;
		}
	}
}

static void vma_end(struct vma *v)
{
	if (!v->end)
		return;
	if (v->counted && !v->hugetlb)
		scan(v);
	run_flush();
	printf("map %lx %lx %s %lx %lu %lu %lu %lu %s\n", (unsigned long)v->start,
	       (unsigned long)v->end, v->perms, (unsigned long)v->off, (unsigned long)v->ino,
	       (unsigned long)v->resident, v->rss, v->hugetlb, v->name);
}

static bool vma_begin(struct vma *v, const char *line)
{
	unsigned long start, end, off, ino;
	unsigned maj, min;
	char perms[5];
	int used = 0;

	if (sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %n", &start, &end, perms, &off, &maj, &min,
		   &ino, &used) < 7)
		return false;
	*v = (struct vma){ .start = start, .end = end, .off = off, .ino = ino };
	memcpy(v->perms, perms, sizeof(perms));
	snprintf(v->name, sizeof(v->name), "%s", line + used);
	v->name[strcspn(v->name, "\n")] = 0;
	/* frames of the kernel's own, which no counter counts */
	v->counted = strncmp(v->name, "[vvar", 5) && strncmp(v->name, "[vsyscall", 9);
	return true;
}

static void status(const char *pid, unsigned long kb[3])
{
	static const char *const key[3] = { "RssAnon:", "RssFile:", "RssShmem:" };
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/status", pid);
	f = fopen(path, "r");
	if (!f)
		die(path);
	while (fgets(line, sizeof(line), f))
		for (int i = 0; i < 3; i++)
			if (!strncmp(line, key[i], strlen(key[i])))
				kb[i] = strtoul(line + strlen(key[i]), NULL, 10);
	fclose(f);
}

static int open_or_die(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die(path);
	return fd;
}

int main(int argc, char **argv)
{
	static char path[64], line[8192];
	static struct vma v;
	unsigned long kb[3] = { 0 }, n;
	FILE *f;

	if (argc != 2)
		return 2;
	snprintf(path, sizeof(path), "/proc/%s/pagemap", argv[1]);
	pagemap = open_or_die(path);
	kpageflags = open_or_die("/proc/kpageflags");
	snprintf(path, sizeof(path), "/proc/%s/smaps", argv[1]);
	f = fopen(path, "r");
	if (!f)
		die(path);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Rss: %lu", &n) == 1) {
			v.rss = n / 4;
		} else if (sscanf(line, "Shared_Hugetlb: %lu", &n) == 1 ||
			   sscanf(line, "Private_Hugetlb: %lu", &n) == 1) {
			v.hugetlb += n / 4;
		} else if (!strncmp(line, "VmFlags:", 8)) {
			if (strstr(line, " ht"))
				v.counted = false;
		} else if (line[0] < 'A' || line[0] > 'Z') {
			vma_end(&v);
			if (!vma_begin(&v, line))
				return 1;
		}
	}
	vma_end(&v);
	status(argv[1], kb);
	printf("proc %s exited=0 known=1 anon=%lu file=%lu shmem=%lu total=%lu orphans=0\n",
	       argv[1], kb[0] / 4, kb[1] / 4, kb[2] / 4, (unsigned long)total);
	return 0;
}
