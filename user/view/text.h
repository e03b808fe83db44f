/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * text.h - pieces that text for people is made of: headings, wrapped sentences,
 * bars, sparklines, figures that may be unknown.
 *
 * Owns: how those look on a terminal of a given width, with and without UTF-8
 * and colour. Must not: ask the terminal or the environment (the caller fills in
 * struct mp_term) or know the model.
 */
#ifndef MEMPROF_VIEW_TEXT_H
#define MEMPROF_VIEW_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What the output can show. All zero: 80 columns, ASCII, no colour, a file. */
struct mp_term {
	unsigned width; /* columns, 0 = 80                              */
	bool color;	/* SGR sequences may be written                 */
	bool utf8;	/* characters beyond ASCII may be written       */
	bool tty;	/* a terminal: headers are repeated now and then */
};

/* Columns of the terminal, between 40 and 400; 80 when term is NULL. */
unsigned mp_text_width(const struct mp_term *term);
/* Columns that are left of a line when `used` are taken; a few at least. */
unsigned mp_text_left(const struct mp_term *term, unsigned used);
/* A heading on a line of its own, after an empty line. */
void mp_text_head(FILE *f, const struct mp_term *term, const char *title);
/* Text wrapped at spaces to the width, ending with a newline. A space that must
 * not break is written as MP_TEXT_GLUE. */
#define MP_TEXT_GLUE '\v'
void mp_text_para(FILE *f, const struct mp_term *term, const char *text);
/* A bar of part/whole of `cols` columns, without padding; nothing below 0. */
void mp_text_bar(FILE *f, const struct mp_term *term, int64_t part, int64_t whole, unsigned cols);
/* One line of n values on a scale from 0 to max; UINT64_MAX is a gap. */
void mp_text_spark(FILE *f, const struct mp_term *term, const uint64_t *v, size_t n, uint64_t max);
/* s cleaned for the terminal and cut to at most `cols` columns, returned is what it
 * took. A cut shows as "~"; tail: keep the end of s, not its beginning. */
unsigned mp_text_cut(FILE *f, const struct mp_term *term, const char *s, unsigned cols, bool tail);
/* The same, padded with spaces to `cols`. */
void mp_text_fit(FILE *f, const struct mp_term *term, const char *s, unsigned cols);
/* s cleaned for the terminal, into buf. Returns buf. */
char *mp_text_clean(char *buf, size_t size, const struct mp_term *term, const char *s);
/* mp_bytes(), "-" for MP_UNKNOWN. */
char *mp_text_bytes(char *buf, size_t size, uint64_t bytes);
/* 1234567 as "1,234,567". */
char *mp_text_count(char *buf, size_t size, uint64_t n);

/*
 * Ends output to f: 0, -EPIPE when the reader has gone, -EIO or another -errno
 * when anything written since the stream was opened did not arrive.
 */
int mp_view_flush(FILE *f);

#endif /* MEMPROF_VIEW_TEXT_H */
