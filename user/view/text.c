/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * text.c - pieces of text for people. See text.h.
 *
 * Owns: glyphs, wrapping, cutting. Must not: know the model or the environment.
 */
#include "user/view/text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "bpf/events.h"
#include "user/util/util.h"

#define FIT_MAX 1024 /* bytes of one fitted field */

static bool utf8(const struct mp_term *term)
{
	return term && term->utf8;
}

unsigned mp_text_width(const struct mp_term *term)
{
	unsigned w = term && term->width ? term->width : 80;

	return w < 40 ? 40 : w > 400 ? 400 : w;
}

unsigned mp_text_left(const struct mp_term *term, unsigned used)
{
	unsigned w = mp_text_width(term);

	return w > used + 8 ? w - used : 8;
}

void mp_text_head(FILE *f, const struct mp_term *term, const char *title)
{
	bool color = term && term->color;

	fprintf(f, "\n%s%s%s\n", color ? "\033[1m" : "", title, color ? "\033[0m" : "");
}

/* True for a byte that starts a character: what counts as one column. */
static bool starts_char(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

static unsigned columns(const char *s, size_t len)
{
	unsigned n = 0;

	for (size_t i = 0; i < len; i++)
		n += starts_char(s[i]);
	return n;
}

void mp_text_para(FILE *f, const struct mp_term *term, const char *text)
{
	unsigned width = mp_text_width(term), col = 0;

	while (*text) {
		size_t len = strcspn(text, " \n");
		unsigned need = columns(text, len);

		if (len && col && col + 1 + need > width) {
			fputc('\n', f);
			col = 0;
		}
		if (len && col) {
			fputc(' ', f);
			col++;
		}
		for (size_t i = 0; i < len; i++)
			fputc(text[i] == MP_TEXT_GLUE ? ' ' : text[i], f);
		col += need;
		text += len;
		if (*text == '\n') {
			fputc('\n', f);
			col = 0;
		}
		if (*text)
			text++;
	}
	if (col)
		fputc('\n', f);
}

void mp_text_bar(FILE *f, const struct mp_term *term, int64_t part, int64_t whole, unsigned cols)
{
	static const char *const eighth[] = { "",
					      "\xe2\x96\x8f",
					      "\xe2\x96\x8e",
					      "\xe2\x96\x8d",
					      "\xe2\x96\x8c",
					      "\xe2\x96\x8b",
					      "\xe2\x96\x8a",
					      "\xe2\x96\x89" };
	unsigned n;

	if (part <= 0 || whole <= 0)
		return;
	if (part > whole)
		part = whole;
	/* double is exact enough for at most 8 * 400 steps */
	n = (unsigned)((double)part / (double)whole * cols * 8 + 0.5);
	if (!utf8(term))
		n = (n + 4) / 8 * 8;
	if (!n) /* something, however little */
		n = utf8(term) ? 1 : 8;
	for (unsigned i = 0; i < n / 8; i++)
		fputs(utf8(term) ? "\xe2\x96\x88" : "#", f);
	fputs(eighth[n % 8], f);
}

void mp_text_spark(FILE *f, const struct mp_term *term, const uint64_t *v, size_t n, uint64_t max)
{
	static const char *const block[] = { "\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83",
					     "\xe2\x96\x84", "\xe2\x96\x85", "\xe2\x96\x86",
					     "\xe2\x96\x87", "\xe2\x96\x88" };
	static const char *const ascii[] = { "_", ".", ":", "-", "=", "+", "*", "#" };
	const char *const *glyph = utf8(term) ? block : ascii;

	for (size_t i = 0; i < n; i++) {
		unsigned step;

		if (v[i] == UINT64_MAX || !max) {
			fputc(' ', f);
			continue;
		}
		step = v[i] >= max ? 7 : (unsigned)((double)v[i] / (double)max * 7 + 0.5);
		fputs(glyph[step], f);
	}
}

char *mp_text_clean(char *buf, size_t size, const struct mp_term *term, const char *s)
{
	return mp_clean(buf, size, s, !utf8(term));
}

/* The last `cols` characters of s. */
static const char *tail_of(const char *s, unsigned cols)
{
	unsigned skip = columns(s, strlen(s));

	for (skip = skip > cols ? skip - cols : 0; skip; skip--)
		for (s++; *s && !starts_char(*s); s++)
			;
	return s;
}

unsigned mp_text_cut(FILE *f, const struct mp_term *term, const char *s, unsigned cols, bool tail)
{
	char buf[FIT_MAX];
	unsigned n, w = 0;

	if (tail && strlen(s) >= sizeof(buf)) /* may cut a character: cleaned below */
		s += strlen(s) - (sizeof(buf) - 1);
	s = mp_text_clean(buf, sizeof(buf), term, s);
	n = columns(s, strlen(s));
	if (n > cols && cols && tail) {
		fputc('~', f);
		fputs(tail_of(s, cols - 1), f);
		return cols;
	}
	for (; *s && (w < cols || !starts_char(*s)); s++) {
		if (starts_char(*s) && ++w == cols && n > cols) {
			fputc('~', f);
			break;
		}
		fputc(*s, f);
	}
	return w;
}

void mp_text_fit(FILE *f, const struct mp_term *term, const char *s, unsigned cols)
{
	fprintf(f, "%*s", (int)(cols - mp_text_cut(f, term, s, cols, false)), "");
}

char *mp_text_bytes(char *buf, size_t size, uint64_t bytes)
{
	if (bytes == MP_UNKNOWN)
		snprintf(buf, size, "-");
	else
		mp_bytes(buf, size, (int64_t)bytes);
	return buf;
}

char *mp_text_count(char *buf, size_t size, uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
	size_t o = 0;

	for (int i = 0; i < len && o + 2 < size; i++) {
		if (i && (len - i) % 3 == 0)
			buf[o++] = ',';
		buf[o++] = digits[i];
	}
	buf[o] = '\0';
	return buf;
}

int mp_view_flush(FILE *f)
{
	errno = 0;
	if (fflush(f))
		return errno ? -errno : -EIO;
	return ferror(f) ? -EIO : 0;
}
