/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * codec.c - events to sets of columns and back.
 *
 * A payload is
 *     uvarint tick, uvarint n_sets, n_sets of
 *         { u16 type, u32 byte_len, columns of byte_len bytes }
 * Set 0 comes first and has a value for every event; the set of a type has one
 * for every event of that type, in their order. Columns are
 *     u8 n_cols, n_cols of { u16 id, u8 enc, uvarint byte_len }, their bytes
 * and a column whose field is 0 in all events is not there.
 */
#include "user/rec/codec.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "user/rec/codec_int.h"
#include "user/rec/fields.h"

#define WORDS (sizeof(struct mp_event) / 8)
#define SWEEP 256 /* events that are written field by field while they are in the cache */

/* Where the events of each type are: pos[first[t]] .. pos[first[t] + n[t] - 1]. */
struct places {
	uint32_t n[MP_TYPES_MAX], first[MP_TYPES_MAX];
	uint32_t unknown;
};

/* The events that a column is about: all, or those at n places. */
struct rows {
	const uint32_t *pos; /* NULL: 0, 1, ... n - 1 */
	size_t n;
};

static int grow_scratch(struct mp_codec *c, size_t n)
{
	uint64_t *val;
	uint32_t *pos;

	if (n <= c->cap)
		return 0;
	val = realloc(c->val, MP_FIELDS_MAX * n * sizeof(*val));
	if (val)
		c->val = val;
	pos = realloc(c->pos, n * sizeof(*pos));
	if (pos)
		c->pos = pos;
	if (!val || !pos)
		return -ENOMEM;
	c->cap = n;
	return 0;
}

/* Sorts the events' places by type; `type` has the types of the n events, or is
 * one that all have. */
static void find_places(struct mp_codec *c, const uint64_t *type, bool same, size_t n,
			struct places *pl)
{
	uint32_t at[MP_TYPES_MAX], sum = 0;
	size_t i;

	memset(pl, 0, sizeof(*pl));
	if (same && type[0] < MP_TYPES_MAX)
		pl->n[type[0]] = (uint32_t)n;
	for (i = 0; i < n && !same; i++)
		if (type[i] < MP_TYPES_MAX)
			pl->n[type[i]]++;
	for (i = 0; i < MP_TYPES_MAX; i++) {
		pl->n[i] = mp_layout_of((unsigned)i) ? pl->n[i] : 0;
		at[i] = pl->first[i] = sum;
		sum += pl->n[i];
	}
	pl->unknown = (uint32_t)n - sum;
	for (i = 0; i < n && !same; i++)
		if (type[i] < MP_TYPES_MAX && pl->n[type[i]])
			c->pos[at[type[i]]++] = (uint32_t)i;
}

static struct rows rows_of(const struct mp_codec *c, const struct places *pl, unsigned type,
			   size_t n)
{
	struct rows r = { .pos = pl->n[type] == n ? NULL : c->pos + pl->first[type],
			  .n = pl->n[type] };

	return r;
}

/* --- fields to numbers and back ------------------------------------------ */

#define EACH_ROW(r, i, at) for (i = 0; i < (r)->n && (at = (r)->pos ? (r)->pos[i] : i, 1); i++)

#define LOAD(type_)                                                      \
	EACH_ROW(r, i, at)                                               \
	{                                                                \
		type_ x;                                                 \
		memcpy(&x, (const uint8_t *)(ev + at) + off, sizeof(x)); \
		v[i] = (uint64_t)x;                                      \
	}

#define STORE(type_)                                               \
	EACH_ROW(r, i, at)                                         \
	{                                                          \
		type_ x = (type_)v[i & mask];                      \
		memcpy((uint8_t *)(ev + at) + off, &x, sizeof(x)); \
	}

static void load_unsigned(const struct mp_event *ev, const struct rows *r, unsigned off,
			  unsigned width, uint64_t *v)
{
	size_t i, at;

	switch (width) {
	case 1:
		LOAD(uint8_t);
		break;
	case 2:
		LOAD(uint16_t);
		break;
	case 4:
		LOAD(uint32_t);
		break;
	default:
		LOAD(uint64_t);
	}
}

static void load_signed(const struct mp_event *ev, const struct rows *r, unsigned off,
			unsigned width, uint64_t *v)
{
	size_t i, at;

	if (width == 4)
		LOAD(int32_t)
	else
		LOAD(int64_t)
}

/* With mask 0 all rows get v[0], with ~0 each its own. */
static void store(struct mp_event *ev, const struct rows *r, unsigned off, unsigned width,
		  const uint64_t *v, size_t mask)
{
	size_t i, at;

	switch (width) {
	case 1:
		STORE(uint8_t);
		break;
	case 2:
		STORE(uint16_t);
		break;
	case 4:
		STORE(uint32_t);
		break;
	default:
		STORE(uint64_t);
	}
}

/* Field values to the numbers that are encoded. True: they count pages. */
static bool to_numbers(const struct mp_field *f, uint64_t tick, uint64_t *v, size_t n)
{
	uint64_t low = 0;
	unsigned shift;
	size_t i;

	switch (f->kind) {
	case MP_FLD_WORD:
		for (i = 0; i < n; i++)
			low |= v[i] + 1 ? v[i] : 0;
		shift = low & (MP_PAGE_SIZE - 1) ? 0 : MP_PAGE_SHIFT;
		for (i = 0; i < n; i++)
			v[i] = v[i] + 1 ? (v[i] >> shift) + 1 : 0;
		return shift;
	case MP_FLD_TIME:
		for (i = 0; i < n; i++)
			v[i] = tick == 1 ? v[i] + 1 : v[i] + 1 ? v[i] / 1000 + 1 : 0;
		return false;
	case MP_FLD_SIGNED:
		for (i = 0; i < n; i++)
			v[i] = mp_zigzag(v[i]);
		return false;
	default:
		return false;
	}
}

/* ... and back. -EBADMSG: a number that does not fit its field. */
static int from_numbers(const struct mp_field *f, uint64_t tick, bool pages, uint64_t *v, size_t n)
{
	unsigned shift = pages ? MP_PAGE_SHIFT : 0;
	uint64_t high = 0;
	size_t i;

	switch (f->kind) {
	case MP_FLD_WORD:
		for (i = 0; i < n; i++)
			v[i] = v[i] ? (v[i] - 1) << shift : MP_UNKNOWN;
		return 0;
	case MP_FLD_TIME:
		for (i = 0; i < n; i++)
			v[i] = v[i] ? (v[i] - 1) * tick : MP_UNKNOWN;
		return 0;
	case MP_FLD_SIGNED:
		for (i = 0; i < n; i++) {
			high |= v[i];
			v[i] = mp_unzigzag(v[i]);
		}
		break;
	default:
		for (i = 0; i < n; i++)
			high |= v[i];
	}
	return f->width < 8 && high >> 8 * f->width ? -EBADMSG : 0;
}

static void add_base(struct mp_event *ev, const struct rows *r, const struct mp_field *f)
{
	size_t i, at;

	EACH_ROW(r, i, at)
	{
		uint64_t v, base;

		memcpy(&v, (uint8_t *)(ev + at) + f->off, 8);
		memcpy(&base, (uint8_t *)(ev + at) + f->base, 8);
		v += base;
		memcpy((uint8_t *)(ev + at) + f->off, &v, 8);
	}
}

/* --- encoding ------------------------------------------------------------ */

/* 1000 when every time of the block is a whole number of microseconds. */
static uint64_t find_tick(const struct mp_codec *c, const struct mp_event *ev, size_t n,
			  const struct places *pl)
{
	const struct mp_layout *l;
	unsigned t, k;
	size_t i, at;
	uint64_t v;

	for (i = 0; i < n; i++)
		if (ev[i].ts % 1000 && ev[i].ts != MP_UNKNOWN)
			return 1;
	for (t = 0; t < MP_TYPES_MAX; t++) {
		struct rows r = rows_of(c, pl, t, n);

		l = r.n ? mp_layout_of(t) : NULL;
		for (k = 0; l && k < l->n; k++) {
			if (l->f[k].kind != MP_FLD_TIME)
				continue;
			EACH_ROW(&r, i, at)
			{
				memcpy(&v, (const uint8_t *)(ev + at) + l->f[k].off, 8);
				if (v % 1000 && v != MP_UNKNOWN)
					return 1;
			}
		}
	}
	return 1000;
}

/* Bytes of a field as they are, without the zeros at their end. */
static void put_text(struct mp_buf *b, const struct mp_event *ev, const struct rows *r,
		     const struct mp_field *f)
{
	size_t i, at, len;

	EACH_ROW(r, i, at)
	{
		const uint8_t *p = (const uint8_t *)(ev + at) + f->off;

		for (len = f->width; len && !p[len - 1];)
			len--;
		mp_put_uvarint(b, len);
		memcpy(b->p + b->n, p, len);
		b->n += len;
	}
}

/* Marks where the kind of bytes changes: at the column that ends here, and
 * between its planes. */
static void cut_column(struct mp_codec *c, size_t start, unsigned enc, size_t n)
{
	size_t planes = (enc & ~MP_ENC_PAGES) == MP_ENC_PLANES ? (c->column.n - start) / n : 0;

	for (; planes && c->n_cuts < MP_CUTS_MAX; planes--)
		c->cut[c->n_cuts++] = c->column.n - planes * n;
	if (c->n_cuts < MP_CUTS_MAX)
		c->cut[c->n_cuts++] = c->column.n;
}

/* Appends one column to c->column; returns its encoding byte. */
static uint8_t make_column(struct mp_codec *c, const struct mp_event *ev, const struct rows *r,
			   const struct mp_field *f, uint64_t tick)
{
	enum mp_enc enc;
	bool pages;
	size_t i, at;

	if (f->kind == MP_FLD_TEXT) {
		put_text(&c->column, ev, r, f);
		return MP_ENC_BYTES;
	}
	if (f->kind == MP_FLD_SIGNED)
		load_signed(ev, r, f->off, f->width, c->val);
	else
		load_unsigned(ev, r, f->off, f->width, c->val);
	if (f->base)
		EACH_ROW(r, i, at)
		{
			uint64_t base;

			memcpy(&base, (const uint8_t *)(ev + at) + f->base, 8);
			c->val[i] -= base;
		}
	pages = to_numbers(f, tick, c->val, r->n);
	enc = mp_column_choose(c->val, r->n);
	if (mp_column_put(&c->column, enc, c->val, r->n) < 0) {
		enc = MP_ENC_DELTA;
		mp_column_put(&c->column, enc, c->val, r->n);
	}
	return (uint8_t)(enc | (pages ? MP_ENC_PAGES : 0));
}

static void put_le(struct mp_buf *b, uint64_t v, unsigned bytes)
{
	for (; bytes; bytes--, v >>= 8)
		b->p[b->n++] = (uint8_t)v;
}

static bool any_set(const uint64_t seen[WORDS], const struct mp_field *f)
{
	const uint8_t *p = (const uint8_t *)seen + f->off;
	unsigned i;

	for (i = 0; i < f->width; i++)
		if (p[i])
			return true;
	return false;
}

static void or_words(const struct mp_event *ev, const struct rows *r, uint64_t seen[WORDS])
{
	uint64_t word[WORDS];
	size_t i, at;
	unsigned k;

	memset(seen, 0, WORDS * sizeof(seen[0]));
	EACH_ROW(r, i, at)
	{
		memcpy(word, ev + at, sizeof(word));
		for (k = 0; k < WORDS; k++)
			seen[k] |= word[k];
	}
}

/* Appends one set: its head, and a column for each field that is ever not 0. */
static int put_set(struct mp_codec *c, const struct mp_event *ev, const struct rows *r,
		   unsigned type, const struct mp_layout *l, uint64_t tick)
{
	unsigned k, n_cols = 0, cut = c->n_cuts;
	size_t head = c->raw.n, end;
	uint64_t seen[WORDS];

	or_words(ev, r, seen);
	c->column.n = 0;
	if (mp_buf_room(&c->raw, 16 + l->n * 16) < 0)
		return -ENOMEM;
	put_le(&c->raw, type, 2);
	put_le(&c->raw, 0, 5);
	for (k = 0; k < l->n; k++) {
		size_t start = c->column.n;
		uint8_t enc;

		if (!any_set(seen, &l->f[k]))
			continue;
		if (mp_buf_room(&c->column, MP_COLUMN_ROOM(r->n) + l->f[k].width * r->n) < 0)
			return -ENOMEM;
		enc = make_column(c, ev, r, &l->f[k], tick);
		cut_column(c, start, enc, r->n);
		put_le(&c->raw, l->f[k].id, 2);
		put_le(&c->raw, enc, 1);
		mp_put_uvarint(&c->raw, c->column.n - start);
		n_cols++;
	}
	if (mp_buf_room(&c->raw, c->column.n) < 0)
		return -ENOMEM;
	for (; cut < c->n_cuts; cut++)
		c->cut[cut] += c->raw.n;
	memcpy(c->raw.p + c->raw.n, c->column.p, c->column.n);
	end = c->raw.n + c->column.n;
	c->raw.n = head + 2;
	put_le(&c->raw, end - head - 6, 4);
	put_le(&c->raw, n_cols, 1);
	c->raw.n = end;
	return 0;
}

int mp_codec_encode(struct mp_codec *c, const struct mp_event *ev, size_t n, const uint8_t **raw,
		    size_t *len)
{
	struct rows all = { .n = n };
	struct places pl;
	unsigned t, n_sets = 1;
	uint64_t tick;
	int err;

	if (!n || n > MP_BLOCK_COUNT)
		return -EINVAL;
	err = grow_scratch(c, n);
	if (err)
		return err;
	load_unsigned(ev, &all, offsetof(struct mp_event, type), sizeof(ev->type), c->val);
	find_places(c, c->val, false, n, &pl);
	if (pl.unknown)
		return -EINVAL;
	tick = find_tick(c, ev, n, &pl);
	c->raw.n = 0;
	c->n_cuts = 0;
	if (mp_buf_room(&c->raw, 32) < 0)
		return -ENOMEM;
	for (t = 0; t < MP_TYPES_MAX; t++)
		n_sets += pl.n[t] != 0;
	mp_put_uvarint(&c->raw, tick);
	mp_put_uvarint(&c->raw, n_sets);
	err = put_set(c, ev, &all, 0, &mp_layout_common, tick);
	for (t = 0; t < MP_TYPES_MAX && !err; t++) {
		struct rows r = rows_of(c, &pl, t, n);

		if (r.n)
			err = put_set(c, ev, &r, t, mp_layout_of(t), tick);
	}
	if (err)
		return err;
	*raw = c->raw.p;
	*len = c->raw.n;
	return 0;
}

/* --- decoding ------------------------------------------------------------ */

static uint64_t get_le(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

static int get_text(const uint8_t *p, const uint8_t *end, struct mp_event *ev, const struct rows *r,
		    const struct mp_field *f)
{
	size_t i, at;
	uint64_t len;

	EACH_ROW(r, i, at)
	{
		p = mp_get_uvarint(p, end, &len);
		if (!p || len > f->width || len > (uint64_t)(end - p))
			return -EBADMSG;
		memcpy((uint8_t *)(ev + at) + f->off, p, len);
		p += len;
	}
	return p == end ? 0 : -EBADMSG;
}

/* One column into the numbers of the set's k-th field; text goes where it belongs. */
static int get_column(struct mp_codec *c, const uint8_t *p, size_t len, unsigned enc,
		      const struct rows *r, const struct mp_layout *l, unsigned k, uint64_t tick)
{
	const struct mp_field *f = &l->f[k];
	uint64_t *v = c->val + k * c->cap;
	size_t n = r->n;
	int err = 0;

	if (f->kind == MP_FLD_TEXT)
		return enc == MP_ENC_BYTES ? get_text(p, p + len, c->ev, r, f) : -EBADMSG;
	if ((enc & ~MP_ENC_PAGES) == MP_ENC_RUNS && mp_column_same(p, len, n, v))
		n = 1;
	else
		err = mp_column_get(enc & ~MP_ENC_PAGES, p, len, v, n);
	c->n_val[k] = n == 1 ? 1 : 2;
	return err ? err : from_numbers(f, tick, enc & MP_ENC_PAGES, v, n);
}

/* Writes the set's numbers into the events, a stretch at a time. */
static void sweep(struct mp_codec *c, const struct rows *r, const struct mp_layout *l, bool clear)
{
	size_t at;
	unsigned k;

	for (at = 0; at < r->n; at += SWEEP) {
		struct rows part = { .n = r->n - at < SWEEP ? r->n - at : SWEEP };
		struct mp_event *ev = r->pos ? c->ev : c->ev + at;

		part.pos = r->pos ? r->pos + at : NULL;
		if (clear)
			memset(ev, 0, part.n * sizeof(*ev));
		for (k = 0; k < l->n; k++)
			if (c->n_val[k])
				store(ev, &part, l->f[k].off, l->f[k].width,
				      c->val + k * c->cap + (c->n_val[k] == 2 ? at : 0),
				      c->n_val[k] == 2 ? ~(size_t)0 : 0);
	}
}

/* Which field of the layout the column is; l->n: none that is known. */
static unsigned find_field(const struct mp_layout *l, unsigned id)
{
	unsigned k;

	for (k = 0; k < l->n && l->f[k].id != id;)
		k++;
	return k;
}

/* One entry of a set's directory; returns what follows it, or NULL. */
static const uint8_t *get_entry(const uint8_t *p, const uint8_t *end, unsigned *id, unsigned *enc,
				uint64_t *len)
{
	if (end - p < 4)
		return NULL;
	*id = (unsigned)get_le(p, 2);
	*enc = p[2];
	return mp_get_uvarint(p + 3, end, len);
}

/* The columns of one set into the rows. Unknown columns are passed over. */
static int get_set(struct mp_codec *c, const uint8_t *p, const uint8_t *end, const struct rows *r,
		   const struct mp_layout *l, uint64_t tick)
{
	const uint8_t *entry, *data;
	unsigned n_cols, id, enc, i, k, rel = l->n;
	uint64_t len;
	int err = 0;

	if (p == end)
		return -EBADMSG;
	memset(c->n_val, 0, sizeof(c->n_val));
	n_cols = *p++;
	for (i = 0, data = p; i < n_cols; i++) {
		data = get_entry(data, end, &id, &enc, &len);
		if (!data)
			return -EBADMSG;
	}
	for (i = 0, entry = p; i < n_cols && !err; i++, data += len) {
		entry = get_entry(entry, end, &id, &enc, &len);
		if (len > (uint64_t)(end - data))
			return -EBADMSG;
		k = find_field(l, id);
		if (k < l->n)
			err = get_column(c, data, len, enc, r, l, k, tick);
		if (k < l->n && l->f[k].base)
			rel = k;
	}
	if (err)
		return err;
	sweep(c, r, l, l == &mp_layout_common);
	if (rel < l->n)
		add_base(c->ev, r, &l->f[rel]);
	return data == end ? 0 : -EBADMSG;
}

/* Leaves out events of types that this version does not know. */
static size_t drop_unknown(struct mp_event *ev, size_t n)
{
	size_t i, kept = 0;

	for (i = 0; i < n; i++)
		if (mp_layout_of(ev[i].type))
			ev[kept++] = ev[i];
	return kept;
}

static int grow_events(struct mp_codec *c, size_t n)
{
	if (n > c->ev_cap) {
		free(c->ev);
		c->ev_cap = 0;
		c->ev = malloc(n * sizeof(*c->ev));
		if (!c->ev)
			return -ENOMEM;
		c->ev_cap = n;
	}
	return grow_scratch(c, n);
}

/* All sets; the first is the common one, which tells the types of the others. */
static int get_sets(struct mp_codec *c, const uint8_t *p, const uint8_t *end, size_t n,
		    struct places *pl)
{
	uint64_t tick, n_sets, i;

	p = mp_get_uvarint(p, end, &tick);
	if (p)
		p = mp_get_uvarint(p, end, &n_sets);
	if (!p || !tick)
		return -EBADMSG;
	for (i = 0; i < n_sets; i++) {
		const struct mp_layout *l = &mp_layout_common;
		struct rows r = { .n = n };
		unsigned type, len;
		int err = 0;

		if (end - p < 6)
			return -EBADMSG;
		type = (unsigned)get_le(p, 2);
		len = (unsigned)get_le(p + 2, 4);
		p += 6;
		if (len > (uint64_t)(end - p) || (type == 0) != (i == 0))
			return -EBADMSG;
		if (type) {
			l = mp_layout_of(type);
			if (l)
				r = rows_of(c, pl, type, n);
		}
		if (l && r.n)
			err = get_set(c, p, p + len, &r, l, tick);
		if (err)
			return err;
		if (!type && !c->n_val[0])
			return -EBADMSG; /* events without types */
		if (!type)
			find_places(c, c->val, c->n_val[0] == 1, n, pl);
		else if (l)
			pl->n[type] = 0; /* a second set of it would find no rows */
		p += len;
	}
	return p == end && n_sets ? 0 : -EBADMSG;
}

int mp_codec_decode(struct mp_codec *c, const uint8_t *raw, size_t len, uint32_t count,
		    const struct mp_event **ev, size_t *n)
{
	struct places pl;
	int err;

	if (!count || count > MP_BLOCK_COUNT)
		return -EBADMSG;
	err = grow_events(c, count);
	if (!err)
		err = get_sets(c, raw, raw + len, count, &pl);
	if (err)
		return err;
	*n = pl.unknown ? drop_unknown(c->ev, count) : count;
	*ev = c->ev;
	return 0;
}
