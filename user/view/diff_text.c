/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diff_text.c - `diff` for people: what each side is, the answer in words, tables.
 *
 * Owns: layout. Every table sums: what is not shown is in a row of its own. Must not:
 * work out figures, or show an unknown as 0.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "user/util/util.h"
#include "user/view/diff.h"

#define TOP	    10
#define FRAMES_TEXT 3
#define NAME_TEXT   512
#define LABEL	    24

struct out {
	FILE *f;
	const struct mp_term *term;
	const struct mp_diff *d;
};

struct txt {
	char s[32];
};

static const char *bytes(struct txt *t, int64_t v)
{
	return mp_bytes(t->s, sizeof(t->s), v);
}

static const char *change(struct txt *t, int64_t v)
{
	return mp_bytes_signed(t->s, sizeof(t->s), v);
}

static bool inexact(const struct out *o, unsigned group)
{
	return (o->d->fg[0].low | o->d->fg[1].low) & group;
}

static void head(const struct out *o, const char *title, unsigned group)
{
	char buf[128];

	snprintf(buf, sizeof(buf), "%s%s", title,
		 inexact(o, group) ? "   (! not exact: events were lost)" : "");
	mp_text_head(o->f, o->term, buf);
}

static void columns(const struct out *o, const char *what, const char *extra)
{
	fprintf(o->f, "  %-*s %9s %9s %9s%s%s\n", LABEL, what, "A", "B", "change",
		*extra ? "  " : "", extra);
}

/* --- what they are ------------------------------------------------------------------------ */

static void put_string(const struct out *o, const struct mp_figures *fg, uint64_t id)
{
	char name[NAME_TEXT];

	mp_text_clean(name, sizeof(name), o->term,
		      id && id <= UINT32_MAX ? mp_str(fg->m, (uint32_t)id) : "?");
	fputs(name, o->f);
}

static void put_side(const struct out *o, int side)
{
	const struct mp_diff_side *s = &o->d->side[side];
	const struct mp_figures *fg = &o->d->fg[side];
	struct txt at, whole;

	fprintf(o->f, "%c  ", "AB"[side]);
	mp_text_cut(o->f, o->term, s->info.path ? s->info.path : "-", mp_text_left(o->term, 40),
		    true);
	mp_duration(whole.s, sizeof(whole.s), fg->duration);
	if (s->at == MP_UNKNOWN)
		fprintf(o->f, ", at its end (%s)", whole.s);
	else
		fprintf(o->f, ", at %s of %s", mp_duration(at.s, sizeof(at.s), s->at), whole.s);
	fputs("\n   ", o->f);
	if (fg->p) {
		put_string(o, fg, fg->p->comm ? fg->p->comm : fg->m->meta[MP_META_COMM]);
		fprintf(o->f, " (%u)", fg->p->tgid);
	} else {
		fputs("no process was seen", o->f);
	}
	fprintf(o->f, ", %s", s->info.state ? s->info.state : "state unknown");
	if (fg->m->lost_total)
		fprintf(o->f, ", %" PRIu64 " events lost", fg->m->lost_total);
	if (fg->m->meta[MP_META_KERNEL] != MP_UNKNOWN) {
		fputs("; Linux ", o->f);
		put_string(o, fg, fg->m->meta[MP_META_KERNEL]);
	}
	fputc('\n', o->f);
}

static void put_facts(const struct out *o)
{
	for (size_t i = 0; i < o->d->n_facts; i++) {
		const struct mp_diff_fact *f = &o->d->facts[i];
		unsigned room = mp_text_left(o->term, 23 + (unsigned)strlen(f->what)) / 2;

		fprintf(o->f, "%s%s: ", i ? "            " : "Not alike:  ", f->what);
		mp_text_cut(o->f, o->term, f->b, room, true);
		fputs(" against ", o->f);
		mp_text_cut(o->f, o->term, f->a, room, true);
		fputc('\n', o->f);
	}
}

static int put_words(const struct out *o)
{
	bool bold = o->term && o->term->color;
	char *text;

	if (mp_diff_words(o->d, !o->term || !o->term->utf8, &text))
		return -ENOMEM;
	fputs(bold ? "\n\033[1m" : "\n", o->f);
	mp_text_para(o->f, o->term, text);
	fputs(bold ? "\033[0m" : "", o->f);
	free(text);
	return 0;
}

/* --- figures --------------------------------------------------------------------------------- */

static const char *cell(struct txt *t, const struct mp_diff_row *r, bool known, int64_t v)
{
	if (!known)
		return "-";
	if (r->unit == MP_DIFF_COUNT)
		return mp_text_count(t->s, sizeof(t->s), (uint64_t)v);
	if (r->unit == MP_DIFF_NS)
		return mp_duration(t->s, sizeof(t->s), (uint64_t)v);
	return bytes(t, v);
}

static const char *cell_change(struct txt *t, const struct mp_diff_row *r)
{
	int64_t v = r->b - r->a;

	if (!mp_diff_row_known(r))
		return "-";
	if (r->unit == MP_DIFF_BYTES)
		return change(t, v);
	t->s[0] = v < 0 ? '-' : '+';
	if (r->unit == MP_DIFF_COUNT)
		mp_text_count(t->s + (v != 0), sizeof(t->s) - 1, (uint64_t)(v < 0 ? -v : v));
	else
		mp_duration(t->s + (v != 0), sizeof(t->s) - 1, (uint64_t)(v < 0 ? -v : v));
	return t->s;
}

static void put_row(const struct out *o, const struct mp_diff_row *r)
{
	struct txt a, b, c;

	fprintf(o->f, "%c %-*s %9s %9s %9s\n", inexact(o, r->group) ? '!' : ' ', LABEL, r->label,
		cell(&a, r, r->a_known, r->a), cell(&b, r, r->b_known, r->b), cell_change(&c, r));
}

static void put_account(const struct out *o)
{
	const struct mp_diff *d = o->d;
	struct txt a, b, c;

	head(o, "Account, by size of the change", MP_LOW_PAGES | MP_LOW_GC);
	if (!d->rss_known) {
		fputs("  no figure of RSS on one side\n", o->f);
		return;
	}
	columns(o, "", "");
	for (size_t i = 0; i < d->n_account; i++)
		put_row(o, &d->account[i]);
	fprintf(o->f, "  %-*s %9s %9s %9s\n", LABEL, "RSS", bytes(&a, d->rss[0]),
		bytes(&b, d->rss[1]), change(&c, d->rss[1] - d->rss[0]));
}

static void put_beside(const struct out *o)
{
	bool any = false;

	for (size_t i = 0; i < o->d->n_beside; i++) {
		const struct mp_diff_row *r = &o->d->beside[i];

		if (!r->a && !r->b) /* not known, or nothing on either side */
			continue;
		if (!any) {
			head(o, "Beside RSS", 0);
			columns(o, "", "");
		}
		any = true;
		put_row(o, r);
	}
}

static void put_gc(const struct out *o)
{
	const struct mp_diff *d = o->d;
	bool any = false, known = false;

	head(o, "Collections", MP_LOW_GC | MP_LOW_CALLS | MP_LOW_FAULTS);
	for (size_t i = 0; i < d->n_gc; i++)
		known |= d->gc[i].a_known || d->gc[i].b_known;
	for (size_t i = 0; i < d->n_gc; i++)
		any |= d->gc[i].a || d->gc[i].b;
	if (!any) {
		fputs(known ? "  none\n" : "  not seen: no heap source on either side\n", o->f);
		return;
	}
	columns(o, "", "");
	for (size_t i = 0; i < d->n_gc; i++)
		put_row(o, &d->gc[i]);
	if (d->same)
		fputs("  medians and longest pause in B: of the collections after A\n", o->f);
}

/* --- what was matched ----------------------------------------------------------------------------
 */

static void put_sum(const struct out *o, const char *label, int64_t a, int64_t b)
{
	struct txt t[3];

	fprintf(o->f, "  %-*s %9s %9s %9s\n", LABEL, label, bytes(&t[0], a), bytes(&t[1], b),
		change(&t[2], b - a));
}

/* A sum of rows that are not shown. */
struct rest {
	size_t n;
	int64_t a, b;
	uint64_t sq_a, sq_b;
};

static void add_rest(struct rest *r, const struct mp_diff_group *g)
{
	r->n++;
	r->a += g->a;
	r->b += g->b;
	r->sq_a += g->sq_a;
	r->sq_b += g->sq_b;
}

static void put_rest(const struct out *o, const struct rest *r, const char *what)
{
	char label[64];

	if (!r->n)
		return;
	snprintf(label, sizeof(label), "... %zu %s%s", r->n, what, r->n == 1 ? "" : "s");
	put_sum(o, label, r->a, r->b);
}

static void put_table(const struct out *o, const struct mp_diff_table *t, const char *title,
		      unsigned group, bool short_names)
{
	struct rest rest = { 0 };
	char name[NAME_TEXT];

	head(o, title, group);
	if (!t->known) {
		fprintf(o->f, "  cannot be compared: %s\n", t->why);
		return;
	}
	columns(o, "", short_names ? "" : "mappings  class");
	for (size_t i = 0; i < t->n; i++) {
		const struct mp_diff_group *g = &t->v[i];
		struct txt a, b, c;
		unsigned used;

		if (i >= TOP || !mp_diff_change(g)) {
			add_rest(&rest, g);
			continue;
		}
		fprintf(o->f, "%c ", inexact(o, group) ? '!' : ' ');
		used = mp_text_cut(o->f, o->term, mp_diff_name(g, FRAMES_TEXT, name, sizeof(name)),
				   LABEL, true);
		fprintf(o->f, "%*s %9s %9s %9s", (int)(LABEL - used), "", bytes(&a, g->a),
			bytes(&b, g->b), change(&c, mp_diff_change(g)));
		if (!short_names && g->n_a + g->n_b)
			fprintf(o->f, "  %3" PRIu64 " -> %-3" PRIu64 " %s", g->n_a, g->n_b,
				g->what);
		fputc('\n', o->f);
	}
	put_rest(o, &rest, "other");
	put_sum(o, "RSS", t->a, t->b);
}

/* A line of figures, and below it the place. */
static void put_place(const struct out *o, const struct mp_diff_group *g, unsigned group)
{
	char name[NAME_TEXT];
	struct txt a, b, c, e;

	fprintf(o->f, "%c %9s %9s %9s", inexact(o, group) ? '!' : ' ', bytes(&a, g->a),
		bytes(&b, g->b), change(&c, mp_diff_change(g)));
	if (g->kind == MP_DIFF_STACK)
		fprintf(o->f, "  +- %s\n", bytes(&e, (int64_t)mp_diff_error(o->d, g)));
	else
		fprintf(o->f, "  %" PRIu64 " -> %" PRIu64 " calls\n", g->n_a, g->n_b);
	fputs("    ", o->f);
	mp_text_cut(o->f, o->term, mp_diff_name(g, FRAMES_TEXT, name, sizeof(name)),
		    mp_text_left(o->term, 4), false);
	fputc('\n', o->f);
}

static void put_place_sum(const struct out *o, int64_t a, int64_t b, const char *what)
{
	struct txt t[3];

	fprintf(o->f, "  %9s %9s %9s  %s\n", bytes(&t[0], a), bytes(&t[1], b), change(&t[2], b - a),
		what);
}

static void put_place_rest(const struct out *o, const struct rest *r, const char *what)
{
	const struct mp_diff_group g = { .sq_a = r->sq_a, .sq_b = r->sq_b };
	char text[96];
	struct txt e;

	if (!r->n)
		return;
	snprintf(text, sizeof(text), "%zu %s", r->n, what);
	if (r->sq_a + r->sq_b)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), ", +- %s",
			 bytes(&e, (int64_t)mp_diff_error(o->d, &g)));
	put_place_sum(o, r->a, r->b, text);
}

static void put_touched(const struct out *o)
{
	const struct mp_diff_table *t = &o->d->touched;
	struct rest rest = { 0 }, noise = { 0 };
	size_t shown = 0;

	head(o, "Touched, by stack (sampled; +- standard error, three of them are noise)",
	     MP_LOW_FAULTS);
	if (!t->known) {
		fprintf(o->f, "  cannot be compared: %s\n", t->why);
		return;
	}
	fprintf(o->f, "  %9s %9s %9s\n", "A", "B", "change");
	for (size_t i = 0; i < t->n; i++) {
		if (!mp_diff_outside_noise(o->d, &t->v[i]))
			add_rest(&noise, &t->v[i]);
		else if (shown++ < TOP)
			put_place(o, &t->v[i], MP_LOW_FAULTS);
		else
			add_rest(&rest, &t->v[i]);
	}
	put_place_rest(o, &rest, "more");
	put_place_rest(o, &noise, "within the noise");
	put_place_sum(o, t->a, t->b, "estimated in all");
	put_place_sum(o, (int64_t)o->d->faulted[0], (int64_t)o->d->faulted[1],
		      "counted: every page fault");
}

static void put_released(const struct out *o)
{
	const struct mp_diff_table *t = &o->d->released;
	struct rest rest = { 0 };

	head(o, "Given back, by place (with what is left to the kernel)", MP_LOW_CALLS);
	if (!t->known) {
		fprintf(o->f, "  cannot be compared: %s\n", t->why);
		return;
	}
	if (!t->n) {
		fputs("  nothing on either side\n", o->f);
		return;
	}
	fprintf(o->f, "  %9s %9s %9s\n", "A", "B", "change");
	for (size_t i = 0; i < t->n; i++)
		if (i < TOP && mp_diff_change(&t->v[i]))
			put_place(o, &t->v[i], MP_LOW_CALLS);
		else
			add_rest(&rest, &t->v[i]);
	put_place_rest(o, &rest, "more");
	put_place_sum(o, t->a, t->b, "in all");
}

int mp_diff_text(FILE *f, const struct mp_diff *d, const struct mp_term *term)
{
	const struct out o = { f, term, d };
	int err;

	put_side(&o, 0);
	put_side(&o, 1);
	put_facts(&o);
	err = put_words(&o);
	if (err)
		return err;
	put_account(&o);
	put_table(&o, &d->classes, "Resident pages, by class of mapping", MP_LOW_PAGES, true);
	put_table(&o, &d->mappings, "Resident pages, by mapping", MP_LOW_PAGES, false);
	put_touched(&o);
	put_released(&o);
	put_gc(&o);
	put_beside(&o);
	return mp_view_flush(f);
}
