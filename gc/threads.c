/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * threads.c - mutators of a heap and how they are stopped; fork().
 *
 * Owns the list of all heaps, the lists of mutators and who is parked. Must not
 * allocate objects or collect.
 *
 * A mutator is either running or parked. It is parked while its thread waits in
 * here and while it is in a blocking region; then it touches no object and its
 * buffer, frames, handles and logs may be changed by others. The world of a heap
 * is stopped when WANT_STOP is set and no mutator of the heap runs.
 *
 * A thread may have mutators in several heaps. Whenever it waits for one heap's
 * world, all its mutators are parked, else two collections could wait for each
 * other's threads in a ring.
 *
 * Locks: world_lock guards the lists, `parked`, `running` and WANT_STOP of every
 * heap; it is held for moments, never during a collection. heap->lock is taken
 * inside it and never the other way round. WANT_STOP is set with both, so that a
 * thread that holds heap->lock and does not see it may give itself a buffer.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "gc/internal.h"

#define LATE_NS 250000000u /* a stop that takes longer says for whom it waits */

static pthread_mutex_t world_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t world_cond; /* any change at all; CLOCK_MONOTONIC */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct gc_heap *heaps;
static uint32_t heaps_made;
static bool forking; /* a thread is between prepare and parent */

static _Thread_local struct mutator *mine; /* of this thread, in all heaps */
static _Thread_local bool my_stop;	   /* this thread has stopped a world */
static pthread_key_t exit_key;
static bool exit_key_ok;

/* --- locks ------------------------------------------------------------------------- */

static void cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

void locks_init(struct gc_heap *h)
{
	pthread_mutexattr_t mattr;

	/* A callback that comes back into its own heap is told so, not hung. */
	pthread_mutexattr_init(&mattr);
	pthread_mutexattr_settype(&mattr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&h->lock, &mattr);
	pthread_mutexattr_destroy(&mattr);
	pthread_mutex_init(&h->ev_lock, NULL);
	cond_init(&h->cond);
}

/* For what any thread may do. Waits while the world is stopped, parks nobody. */
void heap_lock(struct gc_heap *h)
{
	if (pthread_mutex_lock(&h->lock) == EDEADLK)
		gc_fatal("a callback of the collector used the heap that is being collected");
}

void heap_unlock(struct gc_heap *h)
{
	pthread_mutex_unlock(&h->lock);
}

/* --- parking: with world_lock ------------------------------------------------------- */

static void note_arrival(struct gc_heap *h)
{
	uint64_t ns = now_ns() - h->stop_at;

	h->stop_waited++;
	h->stop_sum += ns;
	if (ns > h->stop_slowest)
		h->stop_slowest = ns;
	if (!h->running)
		pthread_cond_broadcast(&world_cond);
}

static void park(struct mutator *m)
{
	if (m->parked++)
		return;
	m->h->running--;
	if (stop_wanted(m->h))
		note_arrival(m->h);
}

static void park_mine(void)
{
	struct mutator *m;

	for (m = mine; m; m = m->mine_next)
		park(m);
}

static void change_wait(void)
{
	pthread_cond_wait(&world_cond, &world_lock);
}

/*
 * Waits until the stop of h is over. The next one is not asked for before all who
 * waited have come out, so that a thread that collects in a loop starves nobody.
 */
static void stop_wait(struct gc_heap *h)
{
	uint64_t stop = h->stops;

	h->waiting++;
	while (h->stops == stop)
		change_wait();
	if (!--h->leaving)
		pthread_cond_broadcast(&world_cond);
}

/* Parked once: by park_mine() alone, not in a blocking region as well. */
static struct gc_heap *mine_stopped(void)
{
	const struct mutator *m;

	for (m = mine; m; m = m->mine_next)
		if (m->parked == 1 && stop_wanted(m->h))
			return m->h;
	return NULL;
}

/* Waits until no world of this thread is stopped. */
static void unpark_mine(void)
{
	struct gc_heap *h;
	struct mutator *m;

	while ((h = mine_stopped()))
		stop_wait(h);
	for (m = mine; m; m = m->mine_next)
		if (!--m->parked)
			m->h->running++;
}

void not_in_callback(const char *what)
{
	if (my_stop)
		gc_fatal("%s inside a callback of the collector", what);
}

/* --- safepoints -------------------------------------------------------------------- */

/* Slow paths of functions that take a mutator begin with this. */
void mutator_check(const struct mutator *m)
{
	if (!pthread_equal(m->thread, pthread_self()))
		gc_fatal("a thread used the mutator of another: each thread that uses a heap "
			 "calls gc_mutator_attach() itself");
	if (m->blocking)
		gc_fatal("the heap was used between gc_blocking_begin() and gc_blocking_end()");
}

/*
 * COLLECTS. Takes the heap's lock as a running mutator; parks first when a stop is
 * wanted, but only once: the next stop waits for this thread to come again. What is
 * allocated under the lock is safe until the next such call.
 */
void mutator_lock(struct mutator *m)
{
	mutator_check(m);
	heap_lock(m->h);
	if (!stop_wanted(m->h))
		return;
	heap_unlock(m->h);
	pthread_mutex_lock(&world_lock);
	park_mine();
	unpark_mine();
	pthread_mutex_unlock(&world_lock);
	heap_lock(m->h);
}

/* With the heap's lock: the next allocation of every mutator enters the collector. */
void mutators_poke(struct gc_heap *h)
{
	struct mutator *m;

	for (m = h->mutators; m; m = m->next)
		__atomic_store_n(&m->pub.end, 0, __ATOMIC_RELAXED);
}

/* With world_lock, no stop of h wanted. */
static void stop_request(struct gc_heap *h)
{
	heap_lock(h);
	h->stop_at = now_ns();
	h->stop_waited = 0;
	h->stop_slowest = h->stop_sum = 0;
	__atomic_fetch_or(&h->want, WANT_STOP, __ATOMIC_RELAXED);
	mutators_poke(h);
	heap_unlock(h);
}

static void stop_over(struct gc_heap *h)
{
	__atomic_fetch_and(&h->want, ~WANT_STOP, __ATOMIC_RELAXED);
	h->stops++;
	h->leaving += h->waiting;
	h->waiting = 0;
	pthread_cond_broadcast(&world_cond);
}

static void vec_move(struct vec *to, struct vec *from)
{
	size_t i;

	for (i = 0; i < from->n; i++)
		vec_push(to, from->v[i]);
	from->n = 0;
}

static void logs_flush(struct gc_heap *h, struct mutator *m)
{
	vec_move(&h->log, &m->log);
	vec_move(&h->card_log, &m->card_log);
}

static void stop_report(struct gc_heap *h)
{
	if (!h->stop_waited)
		return;
	h->safepoints++;
	h->safepoint_ns += h->stop_sum;
	if (h->stop_slowest > h->safepoint_max)
		h->safepoint_max = h->stop_slowest;
	tell_stop(h);
}

/* A thread that waits for another one outside of a blocking region may have hung the
 * program: whoever looks at the ring finds its number. */
static void say_late(struct gc_heap *h)
{
	const struct mutator *m;
	char text[120];

	for (m = h->mutators; m; m = m->next) {
		if (m->parked)
			continue;
		snprintf(text, sizeof(text),
			 "a stop waits for thread %u: neither at a safepoint nor in a blocking "
			 "region",
			 m->tid);
		event_text(h, GC_EV_NOTE, 0, text);
	}
}

static void arrivals_wait(struct gc_heap *h)
{
	uint64_t late = h->stop_at + LATE_NS;
	struct timespec ts = { .tv_sec = (time_t)(late / 1000000000u),
			       .tv_nsec = (long)(late % 1000000000u) };
	bool said = false;

	while (h->running) {
		if (said) {
			change_wait();
		} else if (pthread_cond_timedwait(&world_cond, &world_lock, &ts) == ETIMEDOUT) {
			say_late(h);
			said = true;
		}
	}
}

/*
 * COLLECTS: another thread may have its collection first. Stops the world and takes
 * the heap's lock; the logs of all mutators are then in the heap's. self: the
 * caller's mutator of this heap, or NULL when it has none.
 */
void world_stop(struct gc_heap *h, struct mutator *self)
{
	struct mutator *m;
	uint64_t turn;

	not_in_callback("a collection was asked for");
	if (self)
		mutator_check(self);
	pthread_mutex_lock(&world_lock);
	park_mine();
	turn = h->turns_given++;
	while (forking || stop_wanted(h) || h->leaving || h->turn != turn)
		change_wait();
	stop_request(h);
	arrivals_wait(h);
	pthread_mutex_unlock(&world_lock);
	heap_lock(h);
	my_stop = true;
	for (m = h->mutators; m; m = m->next)
		logs_flush(h, m);
	stop_report(h);
}

/* COLLECTS: the caller's other heaps may be collected before it goes on. */
void world_start(struct gc_heap *h)
{
	my_stop = false;
	heap_unlock(h);
	pthread_mutex_lock(&world_lock);
	h->turn++;
	stop_over(h);
	unpark_mine();
	pthread_mutex_unlock(&world_lock);
}

void gc_blocking_begin(struct gc_mutator *pub)
{
	struct mutator *m = (struct mutator *)pub;

	mutator_check(m);
	not_in_callback("gc_blocking_begin");
	pthread_mutex_lock(&world_lock);
	/* The buffer looks full: an allocation comes to mutator_check(). */
	__atomic_store_n(&m->pub.end, 0, __ATOMIC_RELAXED);
	m->blocking = true;
	park(m);
	pthread_mutex_unlock(&world_lock);
}

void gc_blocking_end(struct gc_mutator *pub)
{
	struct mutator *m = (struct mutator *)pub;

	if (!m->blocking)
		gc_fatal("gc_blocking_end without gc_blocking_begin");
	m->blocking = false;
	mutator_check(m);
	pthread_mutex_lock(&world_lock);
	park_mine();
	m->parked--; /* what gc_blocking_begin() added */
	unpark_mine();
	pthread_mutex_unlock(&world_lock);
}

/* --- attach and detach -------------------------------------------------------------- */

/* A thread that ends parks no more: every later collection would wait for it. The
 * program's own destructors may detach, so that the report waits for the last round. */
static void thread_exit(void *arg)
{
	uintptr_t round = (uintptr_t)arg;

	if (!mine)
		return;
	if (round >= PTHREAD_DESTRUCTOR_ITERATIONS)
		gc_fatal("a thread ended without gc_mutator_detach()");
	pthread_setspecific(exit_key, (void *)(round + 1));
}

static void mutator_link(struct gc_heap *h, struct mutator *m)
{
	m->next = h->mutators;
	m->prev = &h->mutators;
	if (m->next)
		m->next->prev = &m->next;
	h->mutators = m;
	h->nmutators++;
}

static void mutator_unlink(struct gc_heap *h, struct mutator *m)
{
	tlab_retire(m);
	logs_flush(h, m);
	*m->prev = m->next;
	if (m->next)
		m->next->prev = m->prev;
	h->nmutators--;
}

static void mutator_free(struct mutator *m)
{
	size_t i;

	for (i = 0; i < m->handles.n; i++)
		free((void *)m->handles.v[i]);
	vec_free(&m->handles);
	vec_free(&m->log);
	vec_free(&m->card_log);
	free(m);
}

/* With world_lock, the thread's mutators parked, no stop of h. */
static int attach(struct gc_heap *h, struct mutator *m)
{
	const struct mutator *o;

	for (o = mine; o; o = o->mine_next)
		if (o->h == h)
			return -EEXIST;
	if (h->nmutators == GC_MUTATORS_MAX)
		return -ENOSPC;
	m->h = h;
	m->thread = pthread_self();
	m->tid = thread_id();
	m->parked = 1;
	m->mine_next = mine;
	mine = m;
	heap_lock(h);
	mutator_link(h, m);
	segment_thread_begin(h);
	sample_init(m);
	heap_unlock(h);
	if (exit_key_ok && !pthread_getspecific(exit_key))
		pthread_setspecific(exit_key, (void *)1);
	return 0;
}

int gc_mutator_attach(struct gc_heap *h, struct gc_mutator **out)
{
	struct mutator *m;
	int rc;

	not_in_callback("gc_mutator_attach");
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	if (h->debug)
		misuse_init(m);
	pthread_mutex_lock(&world_lock);
	park_mine();
	while (stop_wanted(h))
		stop_wait(h);
	rc = attach(h, m);
	unpark_mine();
	pthread_mutex_unlock(&world_lock);
	if (rc)
		free(m);
	else
		*out = &m->pub;
	return rc;
}

static void forget_mine(const struct mutator *m)
{
	struct mutator **p = &mine;

	while (*p != m)
		p = &(*p)->mine_next;
	*p = m->mine_next;
}

void gc_mutator_detach(struct gc_mutator *pub)
{
	struct mutator *m = (struct mutator *)pub;
	struct gc_heap *h = m->h;

	not_in_callback("gc_mutator_detach");
	mutator_check(m);
	if (m->pub.frames)
		gc_fatal("gc_mutator_detach with an open GC_FRAME");
	pthread_mutex_lock(&world_lock);
	park_mine();
	while (stop_wanted(h))
		stop_wait(h);
	heap_lock(h);
	mutator_unlink(h, m);
	segment_counters(h);
	segment_thread_end(h);
	heap_unlock(h);
	forget_mine(m);
	unpark_mine();
	pthread_mutex_unlock(&world_lock);
	mutator_free(m);
}

struct gc_heap *gc_mutator_heap(const struct gc_mutator *m)
{
	return ((const struct mutator *)m)->h;
}

/* --- fork: no mutator of any heap runs meanwhile ------------------------------------ */

static bool some_stopping(void)
{
	const struct gc_heap *h;

	for (h = heaps; h; h = h->next)
		if (stop_wanted(h))
			return true;
	return false;
}

/* Collections end first, then every mutator is asked to park. */
static void fork_prepare(void)
{
	struct gc_heap *h;

	not_in_callback("fork()");
	pthread_mutex_lock(&world_lock);
	park_mine();
	while (forking)
		change_wait();
	forking = true;
	while (some_stopping())
		change_wait();
	for (h = heaps; h; h = h->next)
		stop_request(h);
	/* Nobody comes out before all are in, and no mutator is attached. */
	for (h = heaps; h; h = h->next)
		arrivals_wait(h);
	for (h = heaps; h; h = h->next) {
		heap_lock(h);
		stop_report(h);
		weak_lock(h);
		pthread_mutex_lock(&h->ev_lock);
	}
}

static void fork_over(void)
{
	struct gc_heap *h;

	for (h = heaps; h; h = h->next)
		stop_over(h);
	forking = false;
	unpark_mine();
	pthread_mutex_unlock(&world_lock);
}

static void fork_unlock(struct gc_heap *h)
{
	pthread_mutex_unlock(&h->ev_lock);
	weak_unlock(h);
	heap_unlock(h);
}

static void fork_parent(void)
{
	struct gc_heap *h;

	for (h = heaps; h; h = h->next)
		fork_unlock(h);
	fork_over();
}

/* The other threads are not in the child: no mutator of theirs, nobody waits. */
static void drop_others(struct gc_heap *h)
{
	struct mutator *m, *next;

	h->waiting = h->leaving = 0;
	h->turn = h->turns_given;
	for (m = h->mutators; m; m = next) {
		next = m->next;
		if (pthread_equal(m->thread, pthread_self())) {
			m->tid = thread_id();
			continue;
		}
		mutator_unlink(h, m);
		mutator_free(m);
	}
}

static void fork_child(void)
{
	uint32_t was = thread_forget();
	struct gc_heap *h;

	/* world_lock is this thread's; the condition counts waiters that are gone. */
	cond_init(&world_cond);
	for (h = heaps; h; h = h->next) {
		/* Anew: h->lock knows its owner by a number that changed, h->cond
		 * counts the release thread. */
		fork_unlock(h);
		locks_init(h);
		segment_forked(h, was);
		weak_fork_child(h);
		heap_forked(h);
		drop_others(h);
	}
	fork_over();
}

/* --- the list of heaps -------------------------------------------------------------- */

static void init(void)
{
	cond_init(&world_cond);
	exit_key_ok = !pthread_key_create(&exit_key, thread_exit);
	pthread_atfork(fork_prepare, fork_parent, fork_child);
}

static void list_lock(const char *what)
{
	not_in_callback(what);
	pthread_mutex_lock(&world_lock);
	park_mine();
	while (forking)
		change_wait();
}

static void list_unlock(void)
{
	unpark_mine();
	pthread_mutex_unlock(&world_lock);
}

void heap_enlist(struct gc_heap *h)
{
	pthread_once(&once, init);
	list_lock("gc_heap_create");
	h->id = ++heaps_made;
	h->next = heaps;
	heaps = h;
	list_unlock();
}

/* -EBUSY: it has mutators. */
int heap_delist(struct gc_heap *h)
{
	struct gc_heap **p = &heaps;
	int rc = -EBUSY;

	list_lock("gc_heap_destroy");
	if (!h->mutators) {
		while (*p != h)
			p = &(*p)->next;
		*p = h->next;
		rc = 0;
	}
	list_unlock();
	return rc;
}
