/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * codec_int.h - the codec's scratch memory, shared by codec.c (columns) and
 * block.c (blocks) and seen by nobody else.
 */
#ifndef MEMPROF_CODEC_INT_H
#define MEMPROF_CODEC_INT_H

#include <zlib.h>

#include "user/rec/codec.h"
#include "user/rec/column.h"
#include "user/rec/fields.h"

#define MP_CUTS_MAX 256

struct mp_codec {
	struct mp_buf raw;    /* columns being written                        */
	struct mp_buf column; /* one of them                                  */
	struct mp_buf out;    /* header and stored payload                    */
	struct mp_buf plain;  /* inflated payload                             */

	uint64_t *val;		      /* the columns of a set as numbers, cap of each */
	uint32_t *pos;		      /* places of the events, sorted by type         */
	size_t cap;		      /* of pos, and of val for each field            */
	uint8_t n_val[MP_FIELDS_MAX]; /* decoding: 0 no such column, 1 the same
				       * for all events, 2 one for each       */
	struct mp_event *ev;	      /* decoded                                      */
	size_t ev_cap;

	/* Offsets in raw where the kind of bytes changes: deflate starts a new
	 * block there, with a code of its own. */
	size_t cut[MP_CUTS_MAX];
	unsigned n_cuts;

	z_stream deflate, inflate;
	bool deflate_ok, inflate_ok; /* initialised */
};

#endif /* MEMPROF_CODEC_INT_H */
