/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * symwork.c - see symwork.h.
 */
#include "user/live/symwork.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "user/util/util.h"

#define HELD_MAX 256 /* files kept open: their paths may go, they stay readable */

struct symwork {
	pthread_t thread;
	bool started, stop;
	pthread_mutex_t lock;
	pthread_cond_t work, ready;
	struct sym_job *todo, *done;
	unsigned busy; /* jobs handed over and not taken back */
	unsigned held; /* the thread's own                    */
};

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/* --- files ---------------------------------------------------------------------------- */

static int open_root(pid_t pid)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/*
 * Is it the file that was mapped? Overlay and btrfs tell stat() another device than maps,
 * one of the two without a major number: there the inode has to do.
 */
static bool same_file(const struct sym_file *f, int fd)
{
	struct stat st;

	if (fstat(fd, &st) || (uint64_t)st.st_ino != f->ino)
		return false;
	return f->dev == ((uint64_t)major(st.st_dev) << 20 | minor(st.st_dev)) || !(f->dev >> 20) ||
	       !major(st.st_dev);
}

/* What is mapped itself, deleted or replaced; else by its name, if that still is it. */
static int open_mapped(const struct sym_file *f, const char *name, int root_fd)
{
	char path[80];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", (int)f->pid,
		 (unsigned long long)f->start, (unsigned long long)f->end);
	fd = mp_sym_open(-1, path);
	if (fd < 0) /* without CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN */
		fd = root_fd >= 0 ? mp_sym_open(root_fd, name) : -ENOENT;
	if (fd >= 0 && same_file(f, fd))
		return fd;
	if (fd >= 0)
		close(fd);
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)f->pid);
	fd = mp_sym_open(-1, path);
	if (fd >= 0 && same_file(f, fd))
		return fd;
	if (fd >= 0)
		close(fd);
	return -ENOENT;
}

int sym_open_mapped(const struct sym_file *f, const char *name)
{
	int root_fd = open_root(f->pid), fd;

	fd = open_mapped(f, name, root_fd);
	if (root_fd >= 0)
		close(root_fd);
	return fd;
}

void sym_file_close(struct sym_file *f)
{
	mp_elf_close(f->elf);
	mp_elf_close(f->debug);
	if (f->fd >= 0)
		close(f->fd);
	if (f->debug_fd >= 0)
		close(f->debug_fd);
	f->elf = f->debug = NULL;
	f->fd = f->debug_fd = -1;
}

static void open_debug(struct sym_file *f, int root_fd)
{
	f->debug_fd = mp_sym_open_debug(root_fd, f->build, f->n_build);
	if (f->debug_fd < 0 && root_fd >= 0)
		f->debug_fd = mp_sym_open_debug(-1, f->build, f->n_build);
	if (f->debug_fd >= 0 && mp_elf_open(f->debug_fd, &f->debug))
		f->debug = NULL;
}

static void open_file(struct symwork *w, struct sym_file *f)
{
	int root_fd, err;

	if (f->elf || f->failed)
		return;
	root_fd = open_root(f->pid);
	if (f->mem) {
		err = mp_elf_open_mem(f->mem, f->mem_size, &f->elf);
	} else {
		f->fd = open_mapped(f, f->path, root_fd);
		err = f->fd < 0 ? f->fd : mp_elf_open(f->fd, &f->elf);
	}
	if (!err) {
		f->n_build = mp_elf_build_id(f->elf, f->build);
		open_debug(f, root_fd);
		w->held++;
	} else {
		sym_file_close(f);
		f->failed = true;
	}
	f->tried = true;
	if (root_fd >= 0)
		close(root_fd);
}

/* --- jobs ----------------------------------------------------------------------------- */

/* The addresses to look for: a call's return address is after it, and may be the next
 * function's first. */
static struct mp_sym *syms_of(struct sym_job *j)
{
	struct mp_sym *v = calloc(j->n + 1, sizeof(*v));

	for (size_t i = 0; v && i < j->n; i++) {
		struct sym_item *it = &j->v[i];

		it->maddr = it->at;
		if (j->file)
			mp_elf_address(j->file->elf, it->at, &it->maddr);
		v[i].addr = it->maddr - !it->inner;
		v[i].id = (uint32_t)i;
	}
	if (v)
		mp_sym_sort(v, j->n);
	return v;
}

static void give_names(struct sym_job *j, struct mp_sym *v)
{
	for (size_t i = 0; i < j->n; i++) {
		struct sym_item *it = &j->v[v[i].id];

		it->name = v[i].name;
		it->source = v[i].name ? v[i].source : MP_PLACE_NONE;
		it->off = v[i].name ? it->maddr - v[i].start : 0;
	}
	free(v);
}

static int open_map(const struct sym_jit *t, struct stat *st)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)t->ns_pid);
	fd = t->root_fd >= 0 ? mp_sym_open_nolink(t->root_fd, path) : -ENOENT;
	if (fd < 0)
		return fd;
	/* Anybody may write to /tmp, or link there what is not his; and what another process
	 * with this number left is not about this one. */
	if (fstat(fd, st) || st->st_uid != t->uid || st->st_nlink != 1 || !st->st_size ||
	    st->st_mtime < t->started) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

static bool unchanged(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void name_jit(struct sym_job *j)
{
	struct stat st;
	int fd = open_map(j->jit, &st);
	struct mp_sym *v;

	if (fd < 0)
		return;
	if (!j->again || !unchanged(&st, &j->jit->last)) {
		j->jit->last = st;
		v = syms_of(j);
		if (v) {
			mp_perfmap_names(fd, v, j->n);
			give_names(j, v);
		}
	}
	close(fd);
}

static void name_file(struct symwork *w, struct sym_job *j)
{
	struct sym_file *f = j->file;
	struct mp_sym *v;

	open_file(w, f);
	if (!f->elf || !j->n)
		return;
	v = syms_of(j);
	if (v) {
		mp_elf_names(f->elf, f->debug, v, j->n);
		give_names(j, v);
	}
	if (w->held > HELD_MAX) {
		sym_file_close(f);
		w->held--;
	}
}

static void work(struct symwork *w, struct sym_job *j)
{
	uint64_t t0 = cpu_ns();

	if (j->file)
		name_file(w, j);
	else
		name_jit(j);
	j->cpu_ns = cpu_ns() - t0;
}

static void *loop(void *arg)
{
	struct symwork *w = arg;
	struct sym_job *j;

	setpriority(PRIO_PROCESS, 0, 10); /* of this thread: names can wait */
	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		j = w->todo;
		if (!j) {
			pthread_cond_wait(&w->work, &w->lock);
			continue;
		}
		w->todo = j->next;
		pthread_mutex_unlock(&w->lock);
		work(w, j);
		pthread_mutex_lock(&w->lock);
		j->next = w->done;
		w->done = j;
		pthread_cond_signal(&w->ready);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* --- the session's side ------------------------------------------------------------------ */

struct symwork *symwork_new(void)
{
	struct symwork *w = calloc(1, sizeof(*w));
	pthread_condattr_t a;

	if (!w)
		return NULL;
	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->work, NULL);
	pthread_cond_init(&w->ready, &a);
	pthread_condattr_destroy(&a);
	return w;
}

void sym_job_free(struct sym_job *j)
{
	if (!j)
		return;
	for (size_t i = 0; i < j->n; i++)
		free(j->v[i].name);
	free(j->v);
	free(j);
}

static void free_list(struct sym_job *j)
{
	while (j) {
		struct sym_job *next = j->next;

		sym_job_free(j);
		j = next;
	}
}

void symwork_free(struct symwork *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->lock);
	if (w->started)
		pthread_join(w->thread, NULL);
	free_list(w->todo);
	free_list(w->done);
	pthread_cond_destroy(&w->work);
	pthread_cond_destroy(&w->ready);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

/* Signals are the session's. */
static bool start(struct symwork *w)
{
	sigset_t all, old;

	if (w->started)
		return true;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	w->started = !pthread_create(&w->thread, NULL, loop, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return w->started;
}

void symwork_put(struct symwork *w, struct sym_job *j)
{
	struct sym_job **at = &w->todo;

	pthread_mutex_lock(&w->lock);
	w->busy++;
	if (!start(w)) { /* unnamed, then */
		j->next = w->done;
		w->done = j;
	} else {
		while (*at && (j->n || !(*at)->n))
			at = &(*at)->next;
		j->next = *at;
		*at = j;
		pthread_cond_signal(&w->work);
	}
	pthread_mutex_unlock(&w->lock);
}

struct sym_job *symwork_take(struct symwork *w, uint64_t until)
{
	struct timespec ts = { .tv_sec = (time_t)(until / 1000000000ULL),
			       .tv_nsec = (long)(until % 1000000000ULL) };
	struct sym_job *j;

	pthread_mutex_lock(&w->lock);
	while (until && !w->done && w->busy &&
	       pthread_cond_timedwait(&w->ready, &w->lock, &ts) != ETIMEDOUT)
		;
	j = w->done;
	if (j) {
		w->done = j->next;
		w->busy--;
	}
	pthread_mutex_unlock(&w->lock);
	return j;
}
