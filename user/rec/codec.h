/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * codec.h - events to columns and back, columns to blocks and back.
 *
 * Owns: the payload of a block (sets of columns), its compression, the 48-byte
 * header and the 16-byte preamble; docs/memprof-recording.5 describes them for
 * readers in other languages. Must not: open files, know a model, keep state
 * from one block to the next. What is decoded is byte for byte what was encoded.
 */
#ifndef MEMPROF_CODEC_H
#define MEMPROF_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/events.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "memprof needs a little-endian machine: events are copied to and from recordings as they lie in memory"
#endif

#define MP_FILE_HEAD	 16
#define MP_FILE_MAJOR	 1
#define MP_FILE_MINOR	 6
#define MP_BLOCK_HEAD	 48
#define MP_BLOCK_MAX	 (8u << 20) /* bytes of a payload, stored or inflated */
#define MP_BLOCK_COUNT	 65536u	    /* events of a block at most              */
#define MP_BLOCK_END_LEN 48	    /* bytes of an END payload                */

enum mp_block_type {
	MP_BLK_META = 1,   /* only META, PROBE and STR events          */
	MP_BLK_DICT = 2,   /* only STR events                          */
	MP_BLK_EVENTS = 3, /* events of any type, in their exact order */
	MP_BLK_SUMM = 10,  /* only POINT events: summaries; may be left out by readers */
	MP_BLK_INDEX = 14,
	MP_BLK_END = 15,
};

enum mp_block_flag {
	MP_BLKF_CODEC = 0xf,	      /* 0 stored, 1 zlib                            */
	MP_BLKF_REQUIRED = 1 << 4,    /* a reader that knows not the type must stop  */
	MP_BLKF_KEYFRAME = 1 << 5,    /* state that earlier blocks gave already      */
	MP_BLKF_LOSS_BEFORE = 1 << 6, /* holds MP_EV_LOSS events                     */
	MP_BLKF_CONT = 1 << 7,	      /* continues the keyframe of the block before  */
};

/* A block header without its magic and its own checksum. */
struct mp_block_head {
	uint16_t type, flags;
	uint32_t stored_len, raw_len; /* bytes                        */
	uint32_t count;		      /* events                       */
	uint64_t t_first, t_last;     /* ns, lowest and highest ts;   */
				      /* of a keyframe: its instant   */
	uint32_t seq;
	uint32_t crc; /* of the stored payload        */
};

/* A finished block: room for the header, then the payload. */
struct mp_block {
	struct mp_block_head head;
	uint8_t *bytes; /* MP_BLOCK_HEAD bytes, written by mp_block_seal(), then the payload */
	size_t len;	/* of both */
};

/* What END says about the whole file. */
struct mp_block_end {
	uint64_t events, bytes; /* in and of all blocks before END             */
	uint64_t index_off;	/* of the INDEX block, 0 = none                */
	uint64_t lost;		/* events that could not be written            */
	uint64_t t_last;	/* ns                                          */
	uint32_t blocks;	/* before END                                  */
	uint32_t reason;	/* 1 = closed by its writer                    */
};

/* Scratch memory and compressor state, to be used again from block to block. */
struct mp_codec;
struct mp_codec *mp_codec_new(void);
void mp_codec_free(struct mp_codec *c);

/*
 * Events to columns, without compression. *raw belongs to the codec until its
 * next call. -EINVAL: an event of a type this version does not know, or n is 0
 * or beyond MP_BLOCK_COUNT.
 */
int mp_codec_encode(struct mp_codec *c, const struct mp_event *ev, size_t n, const uint8_t **raw,
		    size_t *len);
/*
 * Columns to events. *ev belongs to the codec until its next call. Events of
 * unknown types are left out, so *n may be less than count. -EBADMSG when the
 * bytes are not a payload of `count` events.
 */
int mp_codec_decode(struct mp_codec *c, const uint8_t *raw, size_t len, uint32_t count,
		    const struct mp_event **ev, size_t *n);

/*
 * Events to a finished block. Type, lengths, times and checksum are set here;
 * flags are added to. b->bytes belongs to the codec until its next call.
 */
int mp_block_pack(struct mp_codec *c, const struct mp_event *ev, size_t n, unsigned flags,
		  struct mp_block *b);
/* The same for INDEX and END, whose payload is made elsewhere. */
int mp_block_pack_raw(struct mp_codec *c, unsigned type, unsigned flags, const uint8_t *raw,
		      size_t len, uint32_t count, struct mp_block *b);
/* Gives the block its number and writes its header in front of the payload. */
void mp_block_seal(struct mp_block *b, uint32_t seq);

/* A stored payload to its raw bytes, checked against checksum and lengths. */
int mp_block_inflate(struct mp_codec *c, const struct mp_block_head *h, const uint8_t *stored,
		     const uint8_t **raw);
/* A stored payload to events: the two steps together. */
int mp_block_unpack(struct mp_codec *c, const struct mp_block_head *h, const uint8_t *stored,
		    const struct mp_event **ev, size_t *n);

void mp_file_head_put(uint8_t out[MP_FILE_HEAD]);
/* 0, -EBADMSG (no recording) or -EPROTONOSUPPORT (of a newer major version). */
int mp_file_head_get(const uint8_t in[MP_FILE_HEAD]);
/* The same of what may be less: n bytes from the beginning. -ENODATA: there are none. */
int mp_file_head_check(const uint8_t *p, size_t n);
void mp_block_head_put(uint8_t out[MP_BLOCK_HEAD], const struct mp_block_head *h);
/* 0 or -EBADMSG: magic, checksum or a length beyond its limit. */
int mp_block_head_get(struct mp_block_head *h, const uint8_t in[MP_BLOCK_HEAD]);
void mp_block_end_put(uint8_t out[MP_BLOCK_END_LEN], const struct mp_block_end *e);
int mp_block_end_get(struct mp_block_end *e, const uint8_t *in, size_t len);

#endif /* MEMPROF_CODEC_H */
