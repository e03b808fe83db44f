/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diff_words.c - the answer of `diff` in words: how much, of what, by whom.
 *
 * Owns: wording. Says nothing that the tables do not show, and no estimate that is not
 * outside its error. Must not: work out figures.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "user/util/util.h"
#include "user/view/diff.h"

#define PARTS_SAID  4	/* of the account */
#define FRAMES_SAID 3	/* of a stack */
#define NAME_SAID   160 /* bytes of a name in a sentence */
#define FRAME_SHOWN 56	/* bytes of one frame: names of templates have no end */

struct words {
	FILE *f;
	const struct mp_diff *d;
	bool ascii;
};

/* A figure whose unit stays on its line; good for one printf. */
struct txt {
	char s[32];
};

static const char *glued(struct txt *t)
{
	for (char *sp = strchr(t->s, ' '); sp; sp = strchr(sp, ' '))
		*sp = MP_TEXT_GLUE;
	return t->s;
}

static int64_t magnitude(int64_t v)
{
	return v < 0 ? -v : v;
}

static const char *size_of(struct txt *t, int64_t v)
{
	mp_bytes(t->s, sizeof(t->s), magnitude(v));
	return glued(t);
}

static const char *time_of(struct txt *t, uint64_t ns)
{
	mp_duration(t->s, sizeof(t->s), ns);
	return glued(t);
}

static const char *way(int64_t change)
{
	return change < 0 ? "less" : "more";
}

/* The length of " (module)" that this frame and the next one share, else 0: told once. */
static size_t shared_module(const char *frame, size_t len)
{
	const char *next = frame + len + 1, *open = NULL;
	size_t next_len, n;

	for (const char *c = frame; c + 2 < frame + len; c++)
		if (c[0] == ' ' && c[1] == '(')
			open = c;
	if (!open || frame[len] != '\n' || frame[len - 1] != ')')
		return 0;
	n = (size_t)(frame + len - open);
	next_len = strcspn(next, "\n");
	return next_len > n && !strncmp(next + next_len - n, open, n) ? n : 0;
}

/* The first frames, joined by " < ". */
static void put_frames(const char *name, unsigned frames, char *buf, size_t size)
{
	size_t n = 0;

	for (unsigned i = 0; name && *name && i < frames && n < size; i++) {
		size_t len = strcspn(name, "\n");
		size_t show = len - (i + 1 < frames ? shared_module(name, len) : 0);
		bool cut = show > FRAME_SHOWN;

		n += (size_t)snprintf(buf + n, size - n, "%s%.*s%s", i ? " < " : "",
				      (int)(cut ? FRAME_SHOWN - 1 : show), name, cut ? "~" : "");
		name += len + (name[len] == '\n');
	}
	if (!n)
		snprintf(buf, size, "(no stack)");
}

char *mp_diff_name(const struct mp_diff_group *g, unsigned frames, char *buf, size_t size)
{
	struct txt a, b;
	size_t n = 0;

	if (g->kind == MP_DIFF_RELEASE)
		n = (size_t)snprintf(buf, size, "%s%s%s at ", g->what, g->detail ? " " : "",
				     g->detail ? g->detail : "");
	if (g->kind != MP_DIFF_MAPPING) {
		if (n < size)
			put_frames(g->name, frames, buf + n, size - n);
	} else if (g->size_max) {
		snprintf(buf, size, g->size_min == g->size_max ? "%s, %s each" : "%s, %s to %s",
			 g->what, mp_bytes(a.s, sizeof(a.s), (int64_t)g->size_min),
			 mp_bytes(b.s, sizeof(b.s), (int64_t)g->size_max));
	} else {
		snprintf(buf, size, "%s", g->name ? g->name : g->what);
	}
	return buf;
}

/* The same in a sentence. */
static void put_name(const struct words *w, const struct mp_diff_group *g)
{
	char raw[NAME_SAID * 2], clean[NAME_SAID];

	mp_diff_name(g, FRAMES_SAID, raw, sizeof(raw));
	fputs(mp_clean(clean, sizeof(clean), raw, w->ascii), w->f);
}

/* --- how much, of what --------------------------------------------------------------------- */

static void say_whole(const struct words *w)
{
	const struct mp_diff *d = w->d;
	int64_t change = d->rss[1] - d->rss[0];
	struct txt a, b, c, ta, tb;

	if (!d->rss_known) {
		fprintf(w->f, "RSS is not known %s: what changed cannot be said.\n",
			d->rss_told[0]	 ? "in B"
			: d->rss_told[1] ? "in A"
					 : "in either");
		return;
	}
	size_of(&a, d->rss[0]);
	size_of(&b, d->rss[1]);
	size_of(&c, change);
	if (d->same)
		fprintf(w->f, "From %s to %s RSS %s%s, from %s to %s", time_of(&ta, d->side[0].at),
			d->side[1].at == MP_UNKNOWN ? "the end" : time_of(&tb, d->side[1].at),
			!change	     ? "stayed the same"
			: change < 0 ? "fell by "
				     : "grew by ",
			change ? c.s : "", a.s, b.s);
	else if (change)
		fprintf(w->f, "B uses %s %s than A, %s against %s", c.s, way(change), b.s, a.s);
	else
		fprintf(w->f, "A and B use the same, %s", a.s);
}

/* "...: 380 M more free heap still resident, 3 M less in the rest." */
static void say_parts(const struct words *w)
{
	const struct mp_diff *d = w->d;
	int64_t rest = d->rss[1] - d->rss[0];
	int64_t all = 0;
	unsigned said = 0;
	struct txt t;

	for (size_t i = 0; i < d->n_account; i++)
		if (mp_diff_row_known(&d->account[i]))
			all += magnitude(d->account[i].b - d->account[i].a);
	for (size_t i = 0; i < d->n_account && said < PARTS_SAID; i++) {
		const struct mp_diff_row *r = &d->account[i];
		int64_t change = r->b - r->a;

		if (!mp_diff_row_known(r) || !change || magnitude(change) < all / 20)
			continue;
		fprintf(w->f, "%s%s %s %s", said++ ? ", " : ": ", size_of(&t, change), way(change),
			r->label);
		rest -= change;
	}
	if (rest && said)
		fprintf(w->f, ", %s %s in the rest", size_of(&t, rest), way(rest));
	fputs(".\n", w->f);
}

/* --- by whom ---------------------------------------------------------------------------------- */

static void say_mapping(const struct words *w)
{
	const struct mp_diff_table *t = &w->d->mappings;
	const struct mp_diff_group *g = t->v;
	struct txt a, b, c;

	if (!t->known || !t->n || !mp_diff_change(g))
		return;
	fputs("Of the mappings ", w->f);
	put_name(w, g);
	fprintf(w->f, " changed most: %s %s, %s against %s.\n", size_of(&a, mp_diff_change(g)),
		way(mp_diff_change(g)), size_of(&b, g->b), size_of(&c, g->a));
}

static void say_touched(const struct words *w)
{
	const struct mp_diff *d = w->d;
	const struct mp_diff_table *t = &d->touched;
	struct txt a, b;

	for (size_t i = 0; i < t->n; i++) {
		const struct mp_diff_group *g = &t->v[i];

		if (!mp_diff_outside_noise(d, g))
			continue;
		put_name(w, g);
		fprintf(w->f, " touched %s %s, give or take %s.\n", size_of(&a, mp_diff_change(g)),
			way(mp_diff_change(g)), size_of(&b, (int64_t)mp_diff_error(d, g)));
		return;
	}
	if (t->n)
		fputs("No place touched so much more or less that sampling cannot explain it.\n",
		      w->f);
}

static void say_released(const struct words *w)
{
	const struct mp_diff_table *t = &w->d->released;
	struct txt a;

	if (!t->n || !mp_diff_change(t->v))
		return;
	put_name(w, t->v);
	fprintf(w->f, " gave back %s %s.\n", size_of(&a, mp_diff_change(t->v)),
		way(mp_diff_change(t->v)));
}

static const struct mp_diff_row *gc_row(const struct mp_diff *d, const char *key)
{
	for (size_t i = 0; i < d->n_gc; i++)
		if (!strcmp(d->gc[i].key, key))
			return &d->gc[i];
	return NULL;
}

static void say_collections(const struct words *w)
{
	const struct mp_diff_row *minor = gc_row(w->d, "minor"), *major = gc_row(w->d, "major");
	const struct mp_diff_row *owed = gc_row(w->d, "owed"), *lag = gc_row(w->d, "lag_p50_s");
	const struct mp_diff_row *other = gc_row(w->d, "other");
	bool others = mp_diff_row_known(other) && (other->a || other->b);
	struct txt a, b;

	if (!mp_diff_row_known(minor) ||
	    (!minor->a && !minor->b && !major->a && !major->b && !others))
		return;
	if (w->d->same)
		fprintf(w->f, "Meanwhile %" PRId64 " minor and %" PRId64 " major collections",
			minor->b - minor->a, major->b - major->a);
	else
		fprintf(w->f,
			"Collections: %" PRId64 " minor and %" PRId64 " major in B, %" PRId64
			" and %" PRId64 " in A",
			minor->b, major->b, minor->a, major->a);
	if (others && w->d->same)
		fprintf(w->f, " and %" PRId64 " of other kinds", other->b - other->a);
	else if (others)
		fprintf(w->f, "; of other kinds %" PRId64 " in B, %" PRId64 " in A", other->b,
			other->a);
	if (owed->b != owed->a)
		fprintf(w->f, "; %s of what they freed is owed, %s %s", size_of(&a, owed->b),
			w->d->same ? "before it was" : "in A", size_of(&b, owed->a));
	if (mp_diff_row_known(lag) && lag->a != lag->b)
		fprintf(w->f, "; it was returned after %s, %s after %s (median)",
			time_of(&a, (uint64_t)lag->b), w->d->same ? "before" : "in A",
			time_of(&b, (uint64_t)lag->a));
	fputs(".\n", w->f);
}

/* Programs that end give back first: then their ends are not what was meant. */
static void say_highest(const struct words *w)
{
	const struct mp_range *ra, *rb;
	int64_t high, end = w->d->rss[1] - w->d->rss[0];
	struct txt a, b, c;

	if (w->d->same || !w->d->rss_known)
		return;
	ra = &w->d->fg[0].p->r_rss;
	rb = &w->d->fg[1].p->r_rss;
	high = (int64_t)(rb->max - ra->max);
	if (magnitude(high) / 2 > magnitude(end) && magnitude(high) > (int64_t)ra->max / 20)
		fprintf(w->f,
			"At its highest B used %s %s, %s against %s: compare A@peak with B@peak.\n",
			size_of(&a, high), way(high), size_of(&b, (int64_t)rb->max),
			size_of(&c, (int64_t)ra->max));
}

/* What keeps the two from being compared like with like. */
static void say_doubts(const struct words *w)
{
	static const char *const name[] = { "A", "B" };
	const struct mp_diff *d = w->d;

	for (int side = 0; side < 2; side++) {
		const char *state = d->side[side].info.state;

		if (d->same && side)
			break;
		if (state && strcmp(state, "truncated") == 0)
			fprintf(w->f, "%s was cut off: it stands at the last that could be read.\n",
				d->same ? "The recording" : name[side]);
		else if (state && strcmp(state, "damaged") == 0)
			fprintf(w->f, "%s is damaged: parts are missing.\n",
				d->same ? "The recording" : name[side]);
		if (d->fg[side].m->lost_total)
			fprintf(w->f, "%s lost events: figures marked ! are not exact.\n",
				d->same ? "The recording" : name[side]);
	}
}

int mp_diff_words(const struct mp_diff *d, bool ascii, char **text)
{
	char *out = NULL;
	size_t size;
	struct words w = { open_memstream(&out, &size), d, ascii };

	if (!w.f)
		return -ENOMEM;
	say_whole(&w);
	if (d->rss_known)
		say_parts(&w);
	say_highest(&w);
	say_mapping(&w);
	say_touched(&w);
	say_released(&w);
	say_collections(&w);
	say_doubts(&w);
	if (fclose(w.f)) {
		free(out);
		return -ENOMEM;
	}
	*text = out;
	return 0;
}
