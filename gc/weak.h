/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * weak.h - what a heap knows of objects beside the objects: shared by ids.c, weak.c
 * and the verifier.
 *
 * Locking: mutators hold `lock` while they read or write this, and never stop while
 * they hold it; a collection has the world stopped and takes no lock. Order:
 * heap->lock, then this one, then heap->ev_lock.
 */
#ifndef MPGC_WEAK_H
#define MPGC_WEAK_H

#include <pthread.h>

#include "gc/addrmap.h"

struct weak {
	pthread_mutex_t lock;
	struct genmap ids; /* object: its identity */
	uint64_t next_id;
};

#endif /* MPGC_WEAK_H */
