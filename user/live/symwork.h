/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * symwork.h - the thread that reads files for names, so that draining never waits
 * for a disk or a symbol table.
 *
 * Owns: the thread, its queue, the files it holds open. Must not: touch the
 * session or the stream. What is in a job or a module belongs to the thread from
 * symwork_put() until symwork_take() gives it back.
 */
#ifndef MEMPROF_SYMWORK_H
#define MEMPROF_SYMWORK_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "user/sym/sym.h"

/* A mapped file. */
struct sym_file {
	uint64_t dev, ino;   /* as /proc/PID/maps tells them */
	char *path;	     /* as the process sees it       */
	pid_t pid;	     /* who has it mapped ...        */
	uint64_t start, end; /* ... where                    */
	void *mem;	     /* a copy of it instead: the vdso */
	size_t mem_size;
	/* the thread's own */
	int fd, debug_fd;
	struct mp_elf *elf, *debug;
	bool tried, failed;
	unsigned n_build;
	uint8_t build[MP_BUILD_ID_MAX];
};

/* Where a process keeps what its compiler wrote. */
struct sym_jit {
	pid_t pid, ns_pid; /* ... and in its own PID namespace */
	uid_t uid;
	int64_t started;  /* CLOCK_REALTIME, s: an older map is another process's */
	int root_fd;	  /* of its root directory, or -1    */
	struct stat last; /* the map as it was read          */
};

struct sym_item {
	uint32_t id;	/* the caller's                             */
	bool inner;	/* the instruction itself, else a return address */
	uint64_t at;	/* in: offset in the file, or JIT: address  */
	uint64_t maddr; /* out: address in the file                 */
	uint64_t off;	/* out: from the function's start           */
	char *name;	/* out: or NULL                             */
	uint8_t source; /* out: enum mp_place_source                */
};

struct sym_job {
	struct sym_job *next;
	struct sym_file *file; /* or: */
	struct sym_jit *jit;
	void *owner;	    /* the caller's                             */
	struct sym_item *v; /* n == 0: the file is opened only          */
	size_t n;
	bool again;	 /* jit: nothing new is asked: only if the map changed */
	uint64_t cpu_ns; /* out: what it cost                        */
};

struct symwork;

/* The thread starts with the first job. NULL: memory is out. */
struct symwork *symwork_new(void);
/* Ends the thread once its job is done; frees jobs and what waits. */
void symwork_free(struct symwork *w);
/* Hands a job over (malloc'd, with v). Opening comes before naming. */
void symwork_put(struct symwork *w, struct sym_job *j);
/* A job that is done, or NULL; with a time (CLOCK_MONOTONIC ns) waits so long for one,
 * unless none is under way. */
struct sym_job *symwork_take(struct symwork *w, uint64_t until);
void sym_job_free(struct sym_job *j);
/*
 * Opens the file that process f->pid has mapped at [f->start, f->end), or by its name as
 * that process sees it; only if dev and ino are those of f. A descriptor or -ENOENT.
 */
int sym_open_mapped(const struct sym_file *f, const char *name);
/* Closes what the thread opened; when no job has the file. */
void sym_file_close(struct sym_file *f);

#endif /* MEMPROF_SYMWORK_H */
