/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * server_int.h - what the parts of the server share: connections (server.c), what one viewer
 * is told (viewer.c), the list of targets (list.c).
 */
#ifndef MEMPROF_DAEMON_SERVER_INT_H
#define MEMPROF_DAEMON_SERVER_INT_H

#include <stdbool.h>
#include <stdio.h>

#include "user/daemon/request.h"
#include "user/daemon/server.h"
#include "user/rec/codec.h"
#include "user/rec/history.h"

struct mp_encoder;
struct mp_index;
struct mp_subset;

/* Times are ns. */
#define DM_ASK_NS   5000000000ULL   /* for the line */
#define DM_STALL_NS 30000000000ULL  /* a viewer that takes no byte for so long is cut off */
#define DM_PAST_NS  120000000000ULL /* waiting for the past, and being told it */
#define DM_FULL_NS  2000000000ULL   /* its teller waits so long in all for who reads slowly */
#define DM_END_NS   500000000ULL    /* at the end, for all to take what is queued */

enum dm_step {
	DM_ASKING,     /* its line is coming */
	DM_LIST_WAITS, /* it asked for the list: one at a time, and not without a rest */
	DM_ANSWERED,   /* what is queued is all that it gets */
	DM_PAST_WAITS, /* for its turn: one at a time holds a model of the past */
	DM_PAST_STATE, /* the state of then is being made */
	DM_PAST,       /* events since then */
	DM_LIVE,
	DM_GONE, /* to be freed */
};

/* Bytes on the way to a viewer. */
struct dm_piece {
	struct dm_piece *next;
	size_t n;
	uint8_t bytes[];
};

struct dm_viewer {
	struct dm_viewer *next;
	struct dm_server *server;
	int fd;
	uint32_t waits_for; /* epoll's events */
	struct dm_peer peer;
	enum dm_step step;
	uint64_t since; /* accepted */
	uint64_t moved; /* it took a byte, or had nothing to take */
	char line[DM_REQUEST_LINE];
	size_t n_line;

	struct dm_piece *head, **tail;
	size_t sent;   /* of the head */
	size_t queued; /* bytes */

	pid_t pids[DM_REQUEST_PIDS]; /* as the daemon counts; none: all */
	size_t n_pids;
	struct mp_subset *subset;
	struct mp_encoder *enc;
	uint32_t seq;		   /* of the next block */
	struct mp_block_end wrote; /* so far */
	bool whole;		   /* a state is being queued: it is not cut */
	bool gap;		   /* blocks were dropped: a keyframe comes when there is room */
	struct mp_index *told;	   /* address spaces whose state it has */
	uint64_t looked;	   /* when it was last compared to what may be seen */
	uint64_t stated, cost;	   /* when a state was last made, and what it took */
	uint64_t flushed;
	uint64_t wants; /* since when it waits for a state, or 0 */

	uint64_t past_ns, past_ts;
	struct mp_model *past;
	struct mp_history_pos pos;
	uint64_t turn;		/* when its past began to be told */
	uint64_t full_at, full; /* its queue is full since, or 0; was so before, ns in all */
};

struct dm_uid { /* what one user's viewers have asked for of late */
	uid_t uid;
	uint64_t paid; /* keyframes are paid for up to here, ns */
};
#define DM_UIDS 64

struct dm_server {
	const struct dm_config *c;
	const struct dm_targets *t;
	const struct mp_model *m;
	struct mp_history *history;
	int ep, fd, more; /* more: readable while the past is being told */
	int dir;	  /* the socket's folder */
	char name[108];
	unsigned long long dev, ino; /* of the socket's name */
	struct dm_viewer *viewers;
	unsigned n;		   /* of them */
	struct dm_viewer *past_of; /* who holds the model of the past */
	uint64_t list_ns;	   /* no list before this */
	struct dm_uid uids[DM_UIDS];
	uint64_t next_state; /* when one who does not see all may be made a state again */
	uint64_t accept_at;  /* out of descriptors: when it is tried again, or 0 */
	uint64_t end_ns;     /* at the end, for what is queued */
	struct dm_server_figures figures;
};

/* server.c: puts bytes behind those that wait; false: memory is out, it is gone. */
bool dm_viewer_put(struct dm_viewer *v, const void *bytes, size_t n);
/* Sends what the socket takes. */
void dm_viewer_send(struct dm_viewer *v, uint64_t now);
void dm_viewer_cut_off(struct dm_viewer *v);

/* viewer.c: a request that was granted. 0 or -errno; *why is set to words for the answer when
 * there is nothing that it may see. */
int dm_viewer_stream(struct dm_viewer *v, const struct dm_request *r, uint64_t now,
		     const char **why);
void dm_viewer_event(struct dm_viewer *v, const struct mp_model *m, const struct mp_event *e);
void dm_viewer_tick(struct dm_viewer *v, uint64_t now);
/* A slice of the past: true when there is more to do now. */
bool dm_viewer_past(struct dm_viewer *v, uint64_t now);
/* It took its time, and others wait: it goes on live, behind a gap. */
void dm_viewer_past_over(struct dm_viewer *v);
/* The daemon ends: what it still has for the viewer, and an end mark. */
void dm_viewer_finish(struct dm_viewer *v);
void dm_viewer_end(struct dm_viewer *v);
bool dm_viewer_sees(const struct dm_viewer *v, const struct dm_target *t);

/* list.c */
void dm_list_write(const struct dm_server *s, const struct dm_viewer *v, FILE *f);
/* The number by which a viewer knows that process; 0: it cannot see it. */
pid_t dm_pid_for(const struct dm_identity *viewer, const struct dm_target *t);

#endif /* MEMPROF_DAEMON_SERVER_INT_H */
