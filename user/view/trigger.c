/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * trigger.c - see trigger.h.
 *
 * Figures of an instant come from the model. What needs a past (growth, time to the limit)
 * has a ring of samples of its own for each process, SLOTS of them over its window, so that
 * an answer costs the same after a week as after a minute.
 */
#include "user/view/trigger.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/model.h"
#include "user/util/util.h"

#define LOOK_NS	  100000000ULL
#define BLIND_NS  5000000000ULL
#define LIMIT_NS  60000000000ULL /* the window of time-to-limit */
#define SLOTS	  32
#define OOM_SHARE 0.95 /* of the limit, in pages that cannot be dropped */
#define BACK	  0.1  /* of the threshold: an episode ends that far on the other side */
#define SIG_KILL  9
#define FOREVER	  1e300
#define BY_KERNEL 2e300 /* beyond every figure: the kernel said that it kills it */

enum unit { BYTES, RATE, TIME_NS };

enum what {
	RSS,
	ANON,
	FILES,
	SHMEM,
	SWAP,
	LAZYFREE,
	USED,
	COMMITTED,
	EXTERNAL,
	OWED,
	CHARGED,
	LIMIT,
	GROWTH,
	TIME_LEFT,
};

static const struct figure {
	const char *name;
	enum what what;
	enum unit unit;
} figures[] = {
	{ "rss", RSS, BYTES },		 { "anon", ANON, BYTES },
	{ "file", FILES, BYTES },	 { "shmem", SHMEM, BYTES },
	{ "swap", SWAP, BYTES },	 { "lazyfree", LAZYFREE, BYTES },
	{ "heap", USED, BYTES },	 { "committed", COMMITTED, BYTES },
	{ "external", EXTERNAL, BYTES }, { "owed", OWED, BYTES },
	{ "cgroup", CHARGED, BYTES },	 { "limit", LIMIT, BYTES },
	{ "growth", GROWTH, RATE },	 { "time-to-limit", TIME_LEFT, TIME_NS },
};
#define N_FIGURES (sizeof(figures) / sizeof(figures[0]))

/* One sample: the first and the lowest value of a stretch. */
struct slot {
	uint64_t stretch; /* its number, from 1; 0 = empty */
	uint64_t ts;	  /* of the first */
	double first, low;
};

/* What is remembered of a process, by its pid and its beginning: pids come again. */
struct past {
	uint32_t tgid;
	uint64_t start;
	uint64_t since;	   /* the condition holds since then, 0 = it does not */
	bool fired;	   /* and has not been over since */
	bool killed;	   /* its end was seen */
	bool pending;	   /* a hit that was not told yet, with ... */
	double hit;	   /* ... this value */
	bool near;	   /* oom: its control group is near its limit, ... */
	uint32_t group;	   /* ... which is this one, a string id, 0 = not told, ... */
	double limit;	   /* ... with this limit, ... */
	uint32_t who;	   /* ... and this is its largest process then */
	bool seen;	   /* the model still has it */
	struct slot *ring; /* of the figure that needs it; heap's behind it */
};

struct mp_trigger {
	char *text;
	const struct figure *a, *b; /* b NULL: not a ratio */
	bool below, equal, oom;
	double limit;
	uint64_t for_ns, window; /* of growth */
	struct past *past;	 /* in the order of the model's processes */
	size_t n_past, cap_past;
	uint64_t looked, fired_ts, killed_ts, start;
	bool known, told_blind;
	bool (*of)(void *ctx, const struct mp_proc *p); /* NULL: all */
	void *of_ctx;
	uint32_t pid;	  /* of the hit told last */
	bool killed_last; /* ... which was a kill */
};

/* --- figures ------------------------------------------------------------------------------ */

/* The kernel's counters of an instant, bytes, or MP_UNKNOWN. */
static uint64_t counter_of(const struct mp_proc *p, enum what what)
{
	uint64_t pages = 0;

	if (!p->rss_known)
		return MP_UNKNOWN;
	switch (what) {
	case ANON:
		pages = p->rss.anon;
		break;
	case FILES:
		pages = p->rss.file;
		break;
	case SHMEM:
		pages = p->rss.shmem;
		break;
	case SWAP:
		pages = p->rss.swap;
		break;
	case LAZYFREE:
		pages = mp_proc_lazy(p);
		break;
	default:
		return mp_proc_rss(p);
	}
	return pages * MP_PAGE_SIZE;
}

/* What a heap or a control group told last, bytes, or MP_UNKNOWN. */
static uint64_t told_of(const struct mp_proc *p, enum what what)
{
	const struct mp_heap *heap = mp_proc_heap(p, NULL);

	switch (what) {
	case USED:
		return heap ? heap->used : MP_UNKNOWN;
	case COMMITTED:
		return heap ? heap->committed : MP_UNKNOWN;
	case EXTERNAL:
		return heap ? heap->external : MP_UNKNOWN;
	case OWED: /* without a heap nothing can be owed, nor be known not to */
		return heap || p->n_gcs ? p->owed : MP_UNKNOWN;
	case CHARGED:
		return p->cgroup.version ? p->cgroup.charged : MP_UNKNOWN;
	default:
		return p->cgroup.version ? p->cgroup.limit : MP_UNKNOWN;
	}
}

static bool bytes_of(const struct mp_proc *p, enum what what, double *v)
{
	uint64_t n = what <= LAZYFREE ? counter_of(p, what) : told_of(p, what);

	*v = (double)n;
	return n != MP_UNKNOWN;
}

/* --- figures with a past ------------------------------------------------------------------- */

static uint64_t stretch_of(const struct mp_trigger *t, uint64_t ts)
{
	return ts / (t->window / SLOTS) + 1;
}

/* The sample of a stretch `back` before that of ts, or the first one later that there is. */
static const struct slot *sample(const struct mp_trigger *t, const struct slot *ring, uint64_t ts,
				 uint64_t back)
{
	uint64_t now = stretch_of(t, ts);

	for (uint64_t k = now > back ? now - back : 1; k <= now; k++)
		if (ring[k % (SLOTS + 1)].stretch == k)
			return &ring[k % (SLOTS + 1)];
	return NULL;
}

static void remember(const struct mp_trigger *t, struct slot *ring, uint64_t ts, double v)
{
	uint64_t k = stretch_of(t, ts);
	struct slot *s = &ring[k % (SLOTS + 1)];

	if (s->stretch != k)
		*s = (struct slot){ .stretch = k, .ts = ts, .first = v, .low = v };
	s->low = v < s->low ? v : s->low;
}

/* By how much RSS has grown in the last second, minute or hour, never more than it has
 * grown since it is watched: nothing is extrapolated. */
static bool growth(const struct mp_trigger *t, struct past *h, uint64_t now,
		   const struct mp_proc *p, double *v)
{
	const struct slot *s;
	double rss;

	if (!bytes_of(p, RSS, &rss))
		return false;
	remember(t, h->ring, now, rss);
	s = sample(t, h->ring, now, SLOTS);
	*v = s ? rss - s->first : 0;
	if (s && now - s->ts > t->window) /* the stretch began a little earlier */
		*v *= (double)t->window / (double)(now - s->ts);
	return true;
}

/* Bytes a ns: from the floor of the first half of the last `span` samples to that of the
 * second, so that the teeth of a collected heap are not taken for growth. 0: it does not
 * grow, or is not known for long enough. */
static double floor_growth(const struct mp_trigger *t, const struct slot *ring, uint64_t ts,
			   unsigned span)
{
	uint64_t now = stretch_of(t, ts), n[2] = { 0 };
	double low[2] = { 0 }, at[2] = { 0 };

	for (size_t i = 0; i <= SLOTS; i++) {
		const struct slot *s = &ring[i];
		size_t half = s->stretch + span / 2 > now;

		if (!s->stretch || s->stretch + span < now)
			continue;
		if (!n[half] || s->low < low[half]) {
			low[half] = s->low;
			at[half] = (double)s->stretch;
		}
		n[half]++;
	}
	if (n[0] < span / 8 || !n[1] || low[1] <= low[0] || at[1] <= at[0])
		return 0;
	return (low[1] - low[0]) / ((at[1] - at[0]) * (double)(t->window / SLOTS));
}

/* ns until `used` meets `limit` at that growth. */
static double time_left(double used, double limit, double growth)
{
	if (used >= limit)
		return 0;
	return growth > 0 ? (limit - used) / growth : FOREVER;
}

/* The growth of RSS: that of the last quarter of the window where it is the faster, since a
 * limit may be met within less than the whole. */
static double rss_growth(const struct mp_trigger *t, const struct slot *ring, uint64_t now)
{
	double slow = floor_growth(t, ring, now, SLOTS),
	       fast = floor_growth(t, ring, now, SLOTS / 4);

	return slow > fast ? slow : fast;
}

/* The nearer of the limit of the control group, less what it can drop, by the growth of
 * RSS, and of the heap's own, by the growth of what it uses. */
static bool time_to_limit(const struct mp_trigger *t, struct past *h, uint64_t now,
			  const struct mp_proc *p, double *v)
{
	const struct mp_heap *heap = mp_proc_heap(p, NULL);
	struct slot *ring = h->ring + SLOTS + 1;
	double rss, charged, limit, used, at;
	bool known = false;

	*v = FOREVER;
	if (bytes_of(p, LIMIT, &limit) && bytes_of(p, CHARGED, &charged) &&
	    bytes_of(p, RSS, &rss)) {
		remember(t, h->ring, now, rss);
		charged -= p->cgroup.file == MP_UNKNOWN ? 0 : (double)p->cgroup.file;
		*v = time_left(charged, limit, rss_growth(t, h->ring, now));
		known = true;
	}
	if (heap && heap->limit && heap->limit != MP_UNKNOWN && bytes_of(p, USED, &used)) {
		remember(t, ring, now, used);
		at = time_left(used, (double)heap->limit, floor_growth(t, ring, now, SLOTS));
		*v = at < *v ? at : *v;
		known = true;
	}
	return known;
}

static bool value_of(const struct mp_trigger *t, struct past *h, uint64_t now,
		     const struct mp_proc *p, double *v)
{
	double d;

	if (t->a->what == GROWTH)
		return growth(t, h, now, p, v);
	if (t->a->what == TIME_LEFT)
		return time_to_limit(t, h, now, p, v);
	if (!bytes_of(p, t->a->what, v))
		return false;
	if (!t->b)
		return true;
	if (!bytes_of(p, t->b->what, &d) || d <= 0)
		return false;
	*v /= d;
	return true;
}

/* --- the grammar --------------------------------------------------------------------------- */

struct scan {
	const char *text, *p;
	struct mp_trigger_error *err;
};

static int refuse(struct scan *s, const char *at, const char *why)
{
	s->err->pos = (size_t)(at - s->text);
	snprintf(s->err->why, sizeof(s->err->why), "%s", why);
	return -EINVAL;
}

static void blanks(struct scan *s)
{
	while (isspace((unsigned char)*s->p))
		s->p++;
}

/* Letters, and minus between letters. */
static size_t word(const char *p)
{
	size_t n = 0;

	while (isalpha((unsigned char)p[n]) ||
	       (n && p[n] == '-' && isalpha((unsigned char)p[n + 1])))
		n++;
	return n;
}

static int no_figure(struct scan *s)
{
	char why[160];
	size_t n = (size_t)snprintf(why, sizeof(why), "not a figure; there are oom");

	for (size_t i = 0; i < N_FIGURES; i++)
		n += (size_t)snprintf(why + n, sizeof(why) - n, ", %s", figures[i].name);
	return refuse(s, s->p, why);
}

static int scan_figure(struct scan *s, const struct figure **out)
{
	size_t n;

	blanks(s);
	n = word(s->p);
	for (size_t i = 0; i < N_FIGURES && n; i++)
		if (strlen(figures[i].name) == n && !strncmp(figures[i].name, s->p, n)) {
			*out = &figures[i];
			s->p += n;
			return 0;
		}
	return no_figure(s);
}

static int scan_op(struct scan *s, struct mp_trigger *t)
{
	blanks(s);
	if (*s->p != '>' && *s->p != '<')
		return refuse(s, s->p, "here belongs one of > >= < <=");
	t->below = *s->p++ == '<';
	t->equal = *s->p == '=';
	s->p += t->equal;
	return 0;
}

/* A number; *unit: what follows it up to a blank or a slash. */
static int scan_number(struct scan *s, double *v, char unit[8])
{
	const char *from;
	char *end;
	size_t n = 0;

	blanks(s);
	from = s->p;
	if (!isdigit((unsigned char)*from) && *from != '.')
		return refuse(s, from, "here belongs a number: 2G, 500M, 3, 60s");
	*v = strtod(from, &end);
	while (n < 7 && isalpha((unsigned char)end[n]))
		n++;
	memcpy(unit, end, n);
	unit[n] = 0;
	s->p = end + n;
	return *v < 1e18 ? 0 : refuse(s, from, "too high a number");
}

static int scan_time(struct scan *s, uint64_t *ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {
		{ "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 }, { "min", 60e9 }, { "h", 3600e9 }
	};
	const char *from;
	char unit[8];
	double v;
	int err;

	blanks(s);
	from = s->p;
	err = scan_number(s, &v, unit);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]) && !err; i++)
		if (!strcmp(unit, units[i].unit) && v * units[i].ns < 1e16) {
			*ns = (uint64_t)(v * units[i].ns);
			return 0;
		}
	return err ? err : refuse(s, from, "here belongs a time: 500ms, 30s, 5m, 1h");
}

static int scan_bytes(struct scan *s, double *bytes)
{
	const char *from;
	char unit[8], text[48];
	uint64_t v;
	int err;

	blanks(s);
	from = s->p;
	err = scan_number(s, bytes, unit);
	if (err)
		return err;
	snprintf(text, sizeof(text), "%.*s", (int)(s->p - from), from);
	if (s->p - from >= (int)sizeof(text) || mp_parse_bytes(text, &v))
		return refuse(s, from, "here belongs a size: 64K, 500M, 2G");
	*bytes = (double)v;
	return 0;
}

static int scan_rate(struct scan *s, struct mp_trigger *t)
{
	static const struct {
		const char *unit;
		uint64_t ns;
	} per[] = { { "s", 1000000000ULL },
		    { "min", 60000000000ULL },
		    { "m", 60000000000ULL },
		    { "h", 3600000000000ULL } };
	int err = scan_bytes(s, &t->limit);
	size_t n;

	if (err)
		return err;
	if (*s->p++ != '/')
		return refuse(s, s->p - 1, "growth is by time: 100M/min, 1M/s, 2G/h");
	n = word(s->p);
	for (size_t i = 0; i < sizeof(per) / sizeof(per[0]); i++)
		if (strlen(per[i].unit) == n && !strncmp(per[i].unit, s->p, n)) {
			t->window = per[i].ns;
			s->p += n;
			return 0;
		}
	return refuse(s, s->p, "growth is by /s, /min or /h");
}

static int scan_value(struct scan *s, struct mp_trigger *t)
{
	char unit[8];
	const char *from;
	uint64_t ns;
	int err;

	if (t->b) { /* of bytes to bytes */
		blanks(s);
		from = s->p;
		err = scan_number(s, &t->limit, unit);
		return err || !*unit ? err : refuse(s, from, "a ratio is a plain number: 3, 0.5");
	}
	if (t->a->unit == RATE)
		return scan_rate(s, t);
	if (t->a->unit == BYTES)
		return scan_bytes(s, &t->limit);
	err = scan_time(s, &ns);
	t->limit = (double)ns;
	t->window = LIMIT_NS;
	return err;
}

static int scan_for(struct scan *s, struct mp_trigger *t)
{
	blanks(s);
	if (!*s->p)
		return 0;
	if (word(s->p) != 3 || strncmp(s->p, "for", 3))
		return refuse(s, s->p, "only 'for TIME' can follow");
	s->p += 3;
	return scan_time(s, &t->for_ns);
}

static int scan_expr(struct scan *s, struct mp_trigger *t)
{
	int err;

	blanks(s);
	if (word(s->p) == 3 && !strncmp(s->p, "oom", 3)) {
		t->oom = true;
		s->p += 3;
	} else {
		err = scan_figure(s, &t->a);
		blanks(s);
		if (!err && *s->p == '/') {
			s->p++;
			blanks(s);
			if (t->a->unit != BYTES)
				return refuse(s, s->text, "a ratio is of two figures in bytes");
			err = scan_figure(s, &t->b);
			if (!err && t->b->unit != BYTES)
				return refuse(s, s->p - strlen(t->b->name),
					      "a ratio is of two figures in bytes");
		}
		if (!err)
			err = scan_op(s, t);
		if (!err)
			err = scan_value(s, t);
		if (!err)
			err = scan_for(s, t);
		if (err)
			return err;
	}
	blanks(s);
	return *s->p ? refuse(s, s->p, "nothing can follow here") : 0;
}

int mp_trigger_parse(const char *expr, struct mp_trigger **out, struct mp_trigger_error *err)
{
	struct mp_trigger *t = calloc(1, sizeof(*t));
	struct scan s = { .text = expr, .p = expr, .err = err };
	int res;

	if (!t)
		return -ENOMEM;
	res = scan_expr(&s, t);
	t->text = strdup(expr);
	if (!res && !t->text)
		res = -ENOMEM;
	if (res)
		mp_trigger_free(t);
	else
		*out = t;
	return res;
}

void mp_trigger_free(struct mp_trigger *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_past; i++)
		free(t->past[i].ring);
	free(t->past);
	free(t->text);
	free(t);
}

/* --- looking ------------------------------------------------------------------------------- */

static bool is_of(const struct past *h, const struct mp_proc *p)
{
	return h->tgid == p->tgid && h->start == p->start_ts;
}

/* What is remembered of a process. The model keeps its processes in their order, so that
 * it is the next one from *at on but for those that the model has dropped. */
static struct past *past_of(struct mp_trigger *t, size_t *at, const struct mp_proc *p)
{
	struct past *h;

	for (size_t k = 0; k < t->n_past; k++) {
		size_t i = (*at + k) % t->n_past;

		if (!is_of(&t->past[i], p))
			continue;
		*at = i + 1;
		return &t->past[i];
	}
	if (mp_grow(&t->past, &t->cap_past, t->n_past + 1, sizeof(*h)))
		return NULL;
	h = &t->past[t->n_past];
	*h = (struct past){ .tgid = p->tgid, .start = p->start_ts };
	if (t->a && t->a->unit != BYTES) {
		h->ring = calloc(2 * (SLOTS + 1), sizeof(*h->ring));
		if (!h->ring)
			return NULL;
	}
	*at = ++t->n_past;
	return h;
}

/* Of processes that the model has dropped only a hit is kept that is still to be told. */
static void forget(struct mp_trigger *t)
{
	size_t to = 0;

	for (size_t i = 0; i < t->n_past; i++) {
		struct past *h = &t->past[i];

		h->near &= h->seen;
		if (h->seen || h->pending)
			t->past[to++] = *h;
		else
			free(h->ring);
	}
	t->n_past = to;
}

/* A control group that holds hardly anything that could be dropped and is at its limit, or
 * a target that was killed: memory ran out, or somebody acted as if it had. */
static bool oom(struct past *h, const struct mp_proc *p, double *v)
{
	uint64_t file = p->cgroup.file == MP_UNKNOWN ? 0 : p->cgroup.file;
	double charged, limit;

	h->near = false;
	h->group = p->cgroup.version ? p->cgroup.name : 0;
	if (!h->killed &&
	    (p->oom.ts || (p->exited && p->exit_known && (p->wait_status & 0x7f) == SIG_KILL))) {
		h->killed = true;
		*v = p->oom.ts ? BY_KERNEL : FOREVER;
		return true;
	}
	if (p->exited || !bytes_of(p, CHARGED, &charged) || !bytes_of(p, LIMIT, &limit))
		return false;
	*v = charged - (double)file;
	h->near = *v >= OOM_SHARE * limit;
	h->limit = h->near ? limit : h->limit;
	return h->near;
}

/* 1: the condition holds; 0: it does not; -1: it cannot be known. */
static int holds(struct mp_trigger *t, struct past *h, uint64_t now, const struct mp_proc *p,
		 double *v)
{
	if (p->exited || !value_of(t, h, now, p, v))
		return -1;
	t->known = true;
	if (t->below)
		return t->equal ? *v <= t->limit : *v < t->limit;
	return t->equal ? *v >= t->limit : *v > t->limit;
}

/* Whether an episode is over: the figure is well back on the other side. */
static bool over(const struct mp_trigger *t, double v)
{
	return t->below ? v > t->limit * (1 + BACK) : v < t->limit * (1 - BACK);
}

/* Another process has told of the same control group: one episode is all of theirs. */
static bool told_by_another(const struct mp_trigger *t, const struct past *h)
{
	for (size_t i = 0; i < t->n_past && h->group; i++)
		if (&t->past[i] != h && t->past[i].near && t->past[i].group == h->group)
			return true;
	return false;
}

/* Of the processes that share the control group the one that has most, not the first there is. */
static uint32_t largest(const struct mp_trigger *t, const struct mp_model *m,
			const struct mp_proc *p)
{
	uint32_t group = p->cgroup.name;

	for (size_t i = 0; i < m->n_procs && group; i++) {
		const struct mp_proc *o = m->procs[i];

		if (o->cgroup.version && o->cgroup.name == group && !o->exited && o->rss_known &&
		    (!t->of || t->of(t->of_ctx, o)) &&
		    (!p->rss_known || mp_proc_rss(o) > mp_proc_rss(p)))
			p = o;
	}
	return p->tgid;
}

static bool oom_fires(const struct mp_trigger *t, struct past *h, const struct mp_model *m,
		      const struct mp_proc *p, double *v)
{
	bool was = h->fired, killed = h->killed, now = oom(h, p, v);

	h->fired = now || (was && p->exited);
	if (!now || h->killed != killed)
		return now;
	if (was || told_by_another(t, h))
		return false;
	h->who = largest(t, m, p);
	return true;
}

static bool fires(struct mp_trigger *t, struct past *h, uint64_t now, const struct mp_proc *p,
		  double *v)
{
	int held = holds(t, h, now, p, v);

	if (held <= 0) {
		h->since = 0;
		h->fired = h->fired && (held < 0 || !over(t, *v));
		return false;
	}
	h->since = h->since ? h->since : now;
	if (h->fired || now - h->since < t->for_ns)
		return false;
	h->fired = true;
	return true;
}

/* A kill is the process's, what warns of it its control group's. */
static void oom_text(const struct past *h, char buf[96])
{
	char charged[32], limit[32];

	if (h->hit >= FOREVER)
		snprintf(buf, 96, ": %s",
			 h->hit >= BY_KERNEL ? "the kernel killed it for lack of memory"
					     : "it was killed");
	else
		snprintf(buf, 96, "'s control group: %s of %s",
			 mp_bytes(charged, sizeof(charged), (int64_t)h->hit),
			 mp_bytes(limit, sizeof(limit), (int64_t)h->limit));
}

/* What is said of the process that was hit, after its number. */
static const char *hit_text(const struct mp_trigger *t, const struct past *h, char buf[96])
{
	char v[32];

	if (t->oom)
		oom_text(h, buf);
	else if (t->b)
		snprintf(buf, 96, ": %.2f", h->hit);
	else
		snprintf(buf, 96, ": %s",
			 t->a->unit == TIME_NS ? mp_duration(v, sizeof(v), (uint64_t)h->hit)
					       : mp_bytes(v, sizeof(v), (int64_t)h->hit));
	return buf;
}

/* All processes as they are now: new hits are marked. */
static void look(struct mp_trigger *t, const struct mp_model *m)
{
	size_t at = 0;
	double v;

	for (size_t i = 0; i < t->n_past; i++)
		t->past[i].seen = false;
	for (size_t i = 0; i < m->n_procs; i++) {
		const struct mp_proc *p = m->procs[i];
		struct past *h = !t->of || t->of(t->of_ctx, p) ? past_of(t, &at, p) : NULL;

		if (!h)
			continue;
		h->seen = true;
		if (!(t->oom ? oom_fires(t, h, m, p, &v) : fires(t, h, m->now, p, &v)))
			continue;
		h->pending = true;
		h->hit = v;
	}
	forget(t);
}

static bool rests(uint64_t since, uint64_t now)
{
	return since && now - since < MP_TRIGGER_REST_NS;
}

/* The hit to be told first, if one may be told now, and how many there are. A kill waits
 * for another kill only: the warning before it must not hide it. */
static const struct past *due(const struct mp_trigger *t, uint64_t now, size_t *n)
{
	const struct past *first = NULL;

	*n = 0;
	for (size_t i = 0; i < t->n_past; i++) {
		const struct past *h = &t->past[i];

		*n += h->pending;
		if (h->pending && (!first || (h->killed && !first->killed)))
			first = h;
	}
	return first && rests(first->killed ? t->killed_ts : t->fired_ts, now) ? NULL : first;
}

bool mp_trigger_eval(struct mp_trigger *t, const struct mp_model *m, bool last, char *buf,
		     size_t size)
{
	const struct past *hit;
	char what[96], more[48] = "";
	size_t n;

	t->start = t->start ? t->start : m->now;
	if (t->looked && m->now - t->looked < LOOK_NS && !last)
		return false;
	t->looked = m->now;
	look(t, m);
	hit = due(t, m->now, &n);
	if (!hit)
		return false;
	t->fired_ts = m->now;
	t->pid = hit->who && !hit->killed ? hit->who : hit->tgid;
	t->killed_last = hit->killed;
	if (hit->killed)
		t->killed_ts = m->now;
	if (n > 1)
		snprintf(more, sizeof(more), ", and %zu more", n - 1);
	snprintf(buf, size, "trigger '%s' (pid %u%s%s)", t->text, (unsigned)t->pid,
		 hit_text(t, hit, what), more);
	for (size_t i = 0; i < t->n_past; i++) /* one saving has them all */
		t->past[i].pending = false;
	return true;
}

void mp_trigger_only(struct mp_trigger *t, bool (*of)(void *ctx, const struct mp_proc *p),
		     void *ctx)
{
	t->of = of;
	t->of_ctx = ctx;
}

uint32_t mp_trigger_pid(const struct mp_trigger *t)
{
	return t->pid;
}

bool mp_trigger_killed(const struct mp_trigger *t)
{
	return t->killed_last;
}

const char *mp_trigger_text(const struct mp_trigger *t)
{
	return t->text;
}

bool mp_trigger_blind(struct mp_trigger *t, const struct mp_model *m, char *buf, size_t size)
{
	if (t->oom || t->known || t->told_blind || !t->start || m->now - t->start < BLIND_NS)
		return false;
	t->told_blind = true;
	snprintf(buf, size, "the trigger '%s' waits: so far nothing tells %s%s%s of this process",
		 t->text, t->a->name, t->b ? " and " : "", t->b ? t->b->name : "");
	return true;
}
