/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * perfetto_out.h - how packets, events and tracks are written: between perfetto_out.c
 * and perfetto_slices.c, and for these alone.
 */
#ifndef MEMPROF_EXPORT_PERFETTO_OUT_H
#define MEMPROF_EXPORT_PERFETTO_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/export/perfetto.h"

enum event_type { EV_BEGIN = 1, EV_END = 2, EV_INSTANT = 3, EV_COUNTER = 4 };

struct pf_out {
	struct mp_pb pb;
	const struct mp_model *m;
	const struct pf *pf;
	struct mp_export *x;
	uint64_t base;	       /* makes ids of this recording differ from those of others */
	bool stream;	       /* no limit: what is ready is written at once */
	bool first;	       /* no packet yet */
	struct pf_name *names; /* sorted, one of each thread */
	size_t n_names;
};

/* What a track is for: its id is made of this, its process, and a number. */
enum track_kind {
	T_PROC = 1,
	T_GROUP,
	T_COUNTER,
	T_GC,
	T_PHASES,
	T_CALLS,
	T_REMOTE,
	T_EVENTS,
	T_FELL,
	T_SESSION,
};

/* A packet, at a time of CLOCK_MONOTONIC; 0 = at none. */
void pf_packet(struct pf_out *o, uint64_t ts);
void pf_packet_end(struct pf_out *o);
/* A packet with an event of a track, left open for its fields. */
void pf_event(struct pf_out *o, uint64_t ts, enum event_type type, uint64_t track);
void pf_event_end(struct pf_out *o);
void pf_named(struct pf_out *o, const char *category, const char *name);
/* Debug annotations: what the details pane shows of an event. What no source told
 * (MP_UNKNOWN) is left out, never 0. */
void pf_note_str(struct pf_out *o, const char *key, const char *v);
void pf_note_int(struct pf_out *o, const char *key, int64_t v);
void pf_note_u64(struct pf_out *o, const char *key, uint64_t v);
void pf_note_addr(struct pf_out *o, const char *key, uint64_t v);
/* The frames of a stack of a process, if it is known. */
void pf_stack(struct pf_out *o, uint32_t proc, uint64_t id);

uint64_t pf_mix(uint64_t z);
/* proc PF_NONE: of the session. */
uint64_t pf_track_of(const struct pf_out *o, enum track_kind kind, uint32_t proc, uint64_t sub);
/* Describes a track below its process, or a thread's. */
void pf_plain_track(struct pf_out *o, enum track_kind kind, uint32_t proc, uint64_t sub,
		    const char *name, int rank);
void pf_thread(struct pf_out *o, uint32_t proc, uint32_t tid);
int pf_by_thread(const void *a, const void *b);

/* perfetto_slices.c: each with the tracks that it needs. */
void pf_put_slices(struct pf_out *o);
void pf_put_marks(struct pf_out *o);
void pf_put_faults(struct pf_out *o);

#endif /* MEMPROF_EXPORT_PERFETTO_OUT_H */
