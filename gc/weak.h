/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * weak.h - what a heap knows of objects beside the objects: shared by ids.c, weak.c,
 * weakmap.c, final.c and the verifier.
 *
 * Locking: mutators hold `lock` while they read or write this, and never stop while
 * they hold it; a collection has the world stopped and takes no lock. Order:
 * heap->lock, then this one, then heap->ev_lock.
 */
#ifndef MPGC_WEAK_H
#define MPGC_WEAK_H

#include <pthread.h>

#include "gc/addrmap.h"
#include "gc/internal.h"

struct gc_weak {
	void *obj;    /* NULL: dead, or never set */
	size_t index; /* in its list */
	bool young;   /* which list: that of references to young objects, or the other */
};

struct gc_weakmap {
	struct genmap entries; /* key: value */
	void *owner;	       /* the map dies with it; NULL: it lives until freed */
	size_t index;	       /* in weak->maps */
	size_t index_active;   /* in weak->active, plus 1; 0: not there */
	uint64_t id;	       /* of id_take(), for heap snapshots; 0: none yet */
};

/* A registration; those of one object are a list, the last one first. */
struct finalizer {
	struct finalizer *next;
	void *tag;
	uint64_t seq;
};

struct weak {
	pthread_mutex_t lock;

	/* ids.c */
	struct genmap ids; /* object: its identity */
	uint64_t next_id;

	/* weak.c: struct gc_weak * */
	struct vec refs_young, refs_old;

	/* weakmap.c: struct gc_weakmap * */
	struct vec maps;
	struct vec active;	/* those that a minor collection has to look at */
	bool scanned;		/* every map has been looked at in this closure */
	struct addrmap waiting; /* dead so far: first waiter plus 1 */
	struct vec waiters;	/* of three words: map, pair or 0, next waiter plus 1 */
	struct vec found;	/* had something waiting, perhaps, and were reached */

	/* final.c */
	struct genmap finalizers; /* object: struct finalizer * */
	size_t nfinalizers;
	uint64_t next_seq;
	struct vec queue;	  /* pairs: object, tag; from head on */
	size_t head, queue_young; /* no young object in the queue before queue_young */
	size_t pending;		  /* objects in the queue; read without the lock */
	bool queued;		  /* in this collection */
	gc_notify_fn notify;
	void *notify_arg;
	struct genmap external; /* object: class << EXTERNAL_SHIFT | bytes */

	/* ever; for tests */
	size_t looked;	/* pairs and references that collections looked at */
	size_t crowded; /* searches in tables that were far too long: see struct addrmap */
};

#define EXTERNAL_SHIFT 56
#define EXTERNAL_MAX   ((1ULL << EXTERNAL_SHIFT) - 1)

/* For mutators. Reports a call from inside a collection. */
struct weak *weak_enter(struct gc_mutator *m, const char *what);
void weak_leave(struct weak *w);

void ids_init(struct weak *w);
const char *ids_check(struct gc_heap *h);

void maps_end(struct gc_heap *h, struct gc_visitor *v);
void maps_free(struct weak *w);
size_t maps_count(const struct weak *w);
size_t maps_bytes(const struct weak *w);
const char *maps_check(struct gc_heap *h);
bool maps_any(const struct weak *w, const struct gc_visitor *v);

void final_init(struct weak *w);
size_t final_queue(struct gc_heap *h, struct gc_visitor *v);
void final_end(struct gc_heap *h, struct gc_visitor *v);
void final_free(struct weak *w);
const char *final_check(struct gc_heap *h);

#endif /* MPGC_WEAK_H */
