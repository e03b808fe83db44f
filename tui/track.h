/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * track.h - what happened to one range of addresses in the time that the plot shows:
 * read from the stream a piece a frame, kept while the range and the scale stay.
 */
#ifndef MEMPROF_TUI_TRACK_H
#define MEMPROF_TUI_TRACK_H

#include <stdbool.h>
#include <stdint.h>

struct mp_gc;
struct tui_frame;

#define TUI_TRACK_SLICES 64
#define TUI_TRACK_CALLS	 5
#define TUI_TRACK_EVENTS 32768 /* read in a frame, some ms        */
#define TUI_TRACK_PARTS	 64    /* of a collection: more are "..." */

struct tui_track {
	uint32_t mm;
	uint64_t start, end; /* bytes, [start, end)                             */
	uint64_t zero;	     /* ns: where slice 0 begins                        */
	uint64_t width;	     /* ns of a slice; 0: nothing has been asked yet    */
	uint64_t first, n;   /* slices held, first is in s[first % SLICES]      */
	uint64_t next;	     /* ns: read up to here                             */
	bool more;	     /* the rest of the time is still to be read        */
	struct tui_track_slice {
		uint64_t in, out; /* pages faulted; bytes RSS fell in calls on it */
		struct tui_track_call {
			uint64_t ts, len, stack; /* ts 0: none                  */
			uint64_t out;		 /* bytes that RSS fell by      */
			uint8_t call;
			uint8_t advice;
		} top[TUI_TRACK_CALLS]; /* those that gave back most, the most first */
	} s[TUI_TRACK_SLICES];
	struct tui_track_call top[TUI_TRACK_CALLS]; /* ... of all slices held     */
	struct {
		uint32_t tid;
		uint64_t ts, stack;
	} site[16]; /* told just before its call                       */
	/* for a page on a collection, of which the model keeps no parts */
	struct tui_parts {
		uint64_t id; /* whose they are; 0: nobody's */
		uint32_t mm;
		uint64_t next; /* ns: read up to here         */
		bool done;     /* no more will be read        */
		bool gone;     /* ... that time is not kept   */
		bool over;     /* ... there are more          */
		unsigned n;
		struct {
			uint8_t sub;
			uint64_t dur;
		} v[TUI_TRACK_PARTS];
	} parts;
};

/*
 * Reads on for [start, end) of process mm. The same range, time and scale as in the last
 * frame go on where it ended. False when the source keeps no events.
 */
bool tui_track_read(const struct tui_frame *f, struct tui_track *h, uint32_t mm, uint64_t start,
		    uint64_t end);
/* Reads on for the parts of collection g of process mm, which the page knows by id. */
void tui_track_parts(const struct tui_frame *f, struct tui_track *h, uint32_t mm, uint64_t id,
		     const struct mp_gc *g);
const struct tui_track_slice *tui_track_slice(const struct tui_track *h, uint64_t i);

#endif /* MEMPROF_TUI_TRACK_H */
