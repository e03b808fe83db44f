/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gc-reader [copy] - a child has a heap of libmpgc; its parent, which has none, maps the
 * counters segment of that heap to read it, as monitors do, or has a copy of its own of
 * what is in it.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "gc/gc.h"
#include "gc/gc_segment.h"
#include "step.h"

static void visit(struct gc_visitor *v, void *arg)
{
	gc_visit(v, arg);
}

/* Says when its heap is there, and keeps it until the parent closes the other pipe. */
static _Noreturn void child(int say, int wait_fd)
{
	struct gc_options o = { .struct_size = sizeof(o), .no_release_thread = 1 };
	static struct gc_bytes *kept;
	struct gc_heap *heap;
	struct gc_mutator *m;
	char c = 0;

	if (gc_heap_create(&o, &heap) || gc_mutator_attach(heap, &m) ||
	    gc_add_root_provider(heap, visit, &kept) < 0)
		_exit(95);
	kept = gc_alloc_array(m, gc_type_bytes(heap), 8 << 20);
	if (!kept || write(say, &c, 1) != 1 || read(wait_fd, &c, 1) < 0)
		_exit(94);
	_exit(0);
}

static int segment_of(pid_t pid)
{
	char path[300], to[300];
	struct dirent *d;
	DIR *dir;
	int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	while (dir && fd < 0 && (d = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), d->d_name, to, sizeof(to) - 1);

		to[n > 0 ? n : 0] = 0;
		if (strstr(to, GC_SEG_MEMFD))
			fd = openat(dirfd(dir), d->d_name, O_RDONLY | O_CLOEXEC);
	}
	if (dir)
		closedir(dir);
	return fd;
}

static void *map(int fd, size_t len, int prot)
{
	void *p = mmap(NULL, len, prot, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		step_die("mmap");
	return p;
}

static void copy(const void *from, size_t len)
{
	int fd = memfd_create(GC_SEG_MEMFD, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, (off_t)len) || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK))
		step_die("memfd");
	memcpy(map(fd, len, PROT_READ | PROT_WRITE), from, len);
}

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv), say[2], end[2], fd;
	bool copies = arg < argc && !strcmp(argv[arg], "copy");
	struct stat st;
	void *seg;
	char c;
	pid_t pid;

	if (pipe(say) || pipe(end))
		return 97;
	step("start");
	pid = fork();
	if (!pid) {
		close(end[1]);
		child(say[1], end[0]);
	}
	if (pid < 0 || read(say[0], &c, 1) != 1)
		step_die("the child");
	fd = segment_of(pid);
	if (fd < 0 || fstat(fd, &st))
		step_die("its segment");
	seg = map(fd, (size_t)st.st_size, PROT_READ);
	if (copies) {
		copy(seg, (size_t)st.st_size);
		munmap(seg, (size_t)st.st_size);
	}
	step("mapped child=%d", (int)pid);
	close(end[1]);
	return wait(NULL) < 0;
}
