/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pane_maps.c - the mappings: figures, and for each a strip that shows which parts
 * of its address range are resident. Its page tells the history of one.
 */
#include <stdio.h>
#include <string.h>

#include "tui/draw.h"
#include "tui/pane.h"
#include "user/util/util.h"
#include "user/view/figures.h"

enum col {
	C_START,
	C_SIZE,
	C_RES,
	C_PCT,
	C_FAULTS,
	C_RELEASED,
	C_AGAIN,
	C_CHANGED,
	C_CLASS,
	C_NAME,
	C_STRIP,
	C_N
};

static const struct tui_pcol cols[C_N] = {
	[C_START] = { .head = "start", .w = 12, .sorts = true, .ascending = true },
	[C_SIZE] = { .head = "size", .w = 6, .right = true, .sorts = true },
	[C_RES] = { .head = "resident", .w = 8, .right = true, .sorts = true },
	[C_PCT] = { .head = "%", .w = 4, .from = 90, .right = true },
	[C_FAULTS] = { .head = "faulted", .w = 7, .from = 100, .right = true, .sorts = true },
	[C_RELEASED] = { .head = "released", .w = 9, .from = 76, .right = true, .sorts = true },
	[C_AGAIN] = { .head = "again",
		      .w = 6,
		      .from = 110,
		      .right = true,
		      .sorts = true,
		      .by = "refaulted" },
	[C_CHANGED] = { .head = "changed", .w = 8, .from = 140, .right = true, .sorts = true },
	[C_CLASS] = { .head = "class", .w = 8, .sorts = true, .ascending = true },
	[C_NAME] = { .head = "name", .share = 2, .sorts = true, .ascending = true },
	[C_STRIP] = { .head = "resident parts", .share = 3 },
};

bool tui_mapping_reserved(const struct mp_mapping *m)
{
	return !(m->bits & (MP_MAP_R | MP_MAP_W | MP_MAP_X)) && m->resident == 0;
}

static int collect(const struct tui_frame *f, struct tui_rows *rows)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->state);
	int err = 0;

	for (const struct mp_mapping *v = p ? p->maps : NULL; v && !err; v = v->next)
		err = tui_rows_add(rows, v->start, v);
	return err;
}

/* The first letters of a file's own name as a number; those without a name come last. */
static uint64_t by_name(const char *name)
{
	const char *slash = strrchr(name, '/');
	uint64_t v = 0;

	name = slash && slash[1] ? slash + 1 : name;
	for (int i = 0; i < 8; i++) {
		v = v << 8 | (unsigned char)*name;
		name += *name != '\0';
	}
	return v ? v : UINT64_MAX;
}

/* Reservations come last: a terabyte set aside is no memory. So all others count one more. */
static uint64_t value(const struct tui_frame *f, const struct tui_row *r, int col)
{
	const struct mp_mapping *m = r->p;

	if (col == C_START)
		return m->start;
	if (col == C_CLASS)
		return tui_mapping_reserved(m) ? MP_CLS_MAX : m->cls;
	if (col == C_NAME)
		return by_name(mp_str(f->state, m->name));
	if (tui_mapping_reserved(m))
		return 0;
	switch ((enum col)col) {
	case C_SIZE:
		return 1 + m->end - m->start;
	case C_FAULTS:
		return 1 + m->faults;
	case C_RELEASED:
		return 1 + m->released;
	case C_AGAIN:
		return 1 + m->refaulted;
	case C_CHANGED:
		return 1 + m->last_ts;
	default:
		return 1 + m->resident;
	}
}

static void pages(char *buf, size_t size, uint64_t n)
{
	mp_bytes(buf, size, (int64_t)(n * MP_PAGE_SIZE));
}

/* The same; 0 only where a hook would have told of more. */
static void seen_pages(char *buf, size_t size, const struct tui_frame *f, enum mp_feature by,
		       uint64_t n)
{
	snprintf(buf, size, "-");
	if (n || mp_fig_seen(f->now, by))
		pages(buf, size, n);
}

/* The end of a path that is too long for a cell: there is the file's own name. */
static void keep_end(char *buf, size_t size, const char *name)
{
	size_t len = strlen(name);

	if (len < size) {
		snprintf(buf, size, "%s", name);
		return;
	}
	name += len - (size - 5);
	while ((*name & 0xc0) == 0x80) /* not from within a letter on */
		name++;
	snprintf(buf, size, "/...%s", name); /* still a path: shortened further from there */
}

static void text(const struct tui_frame *f, const struct tui_row *r, int col, char *buf,
		 size_t size)
{
	const struct mp_mapping *m = r->p;
	bool reserved = tui_mapping_reserved(m);

	switch ((enum col)col) {
	case C_START:
		snprintf(buf, size, "%llx", (unsigned long long)m->start);
		break;
	case C_SIZE:
		mp_bytes(buf, size, (int64_t)(m->end - m->start));
		break;
	case C_RES:
		pages(buf, size, m->resident);
		break;
	case C_PCT:
		tui_percent(buf, size, m->resident * MP_PAGE_SIZE, m->end - m->start);
		if (reserved)
			snprintf(buf, size, "-");
		break;
	case C_FAULTS:
		seen_pages(buf, size, f, MP_FEAT_FAULTS, m->faults);
		break;
	case C_RELEASED:
		seen_pages(buf, size, f, MP_FEAT_CALLS, m->released);
		break;
	case C_AGAIN:
		seen_pages(buf, size, f, MP_FEAT_FAULTS, m->refaulted);
		break;
	case C_CHANGED:
		tui_moment(buf, size, f, m->last_ts);
		break;
	case C_CLASS:
		snprintf(buf, size, "%s", reserved ? "reserve" : mp_class_name(m->cls));
		break;
	case C_NAME:
		keep_end(buf, size, mp_str(f->state, m->name));
		break;
	case C_STRIP:
		snprintf(buf, size, "%s", reserved ? "address space set aside" : "");
		break;
	case C_N:
		break;
	}
}

/* The range in w parts: how much of part i is resident, 0..8; any at all is 1. */
static int level(const struct mp_proc *p, const struct mp_mapping *m, uint64_t i, uint64_t w)
{
	uint64_t n_pages = (m->end - m->start) / MP_PAGE_SIZE;
	uint64_t a = n_pages / w * i + n_pages % w * i / w;
	uint64_t b = n_pages / w * (i + 1) + n_pages % w * (i + 1) / w;
	uint64_t n = mp_proc_resident(p, m->start + a * MP_PAGE_SIZE, m->start + b * MP_PAGE_SIZE);
	int l = (int)(n * 8 / (b - a));

	return l > 8 ? 8 : n && !l ? 1 : l;
}

static bool paint(struct tui_grid *g, const struct tui_frame *f, const struct tui_row *row, int col,
		  struct tui_rect r, struct tui_style line)
{
	struct tui_style st = tui_role(f->theme, TUI_R_STRIP);
	const struct mp_proc *p = tui_view_proc(f->view, f->state);
	const struct mp_mapping *m = row->p;
	uint64_t n_pages = (m->end - m->start) / MP_PAGE_SIZE;
	int w = r.w;

	(void)line;
	if (col != C_STRIP || tui_mapping_reserved(m))
		return false;
	/* a mapping of few pages has a cell for each of them */
	if ((uint64_t)w > n_pages)
		w = (int)n_pages;
	for (int i = 0; i < w; i++)
		tui_grid_put(g, r.x + i, r.y,
			     f->theme->g->strip[level(p, m, (uint64_t)i, (uint64_t)w)], st);
	return true;
}

/* The class and all that the name "reserve" hangs on; names are never changed. */
static uint64_t words(const struct tui_frame *f, const struct tui_row *r)
{
	const struct mp_mapping *m = r->p;

	(void)f;
	return (uint64_t)m->name << 16 | (uint64_t)m->cls << 1 | tui_mapping_reserved(m);
}

static int role(const struct tui_frame *f, const struct tui_row *r)
{
	(void)f;
	return tui_mapping_reserved(r->p) ? TUI_R_DIM : TUI_R_TEXT;
}

static uint64_t when(const struct tui_frame *f, const struct tui_row *r)
{
	const struct mp_mapping *m = r->p;

	(void)f;
	return m->last_ts ? m->last_ts : MP_UNKNOWN;
}

/* --- the page on one --------------------------------------------------------------- */

static const char *class_words(enum mp_class c)
{
	static const char *const words[MP_CLS_MAX] = {
		[MP_CLS_HEAP] = "its heap said so",
		[MP_CLS_BRK] = "the program break: malloc's main arena",
		[MP_CLS_ARENA] = "by its shape an arena of glibc's malloc",
		[MP_CLS_STACK] = "the stack of a thread",
		[MP_CLS_ANON] = "private, anonymous, who knows what for",
		[MP_CLS_FILE] = "backed by a file",
		[MP_CLS_SHMEM] = "memfd, tmpfs or shared anonymous",
		[MP_CLS_SPECIAL] = "of the kernel",
		[MP_CLS_JEMALLOC] = "by its shape, and the process has it",
		[MP_CLS_MIMALLOC] = "by its shape, and the process has it",
		[MP_CLS_TCMALLOC] = "by its shape, and the process has it",
		[MP_CLS_GO_HEAP] = "by its shape; nothing gives figures",
		[MP_CLS_V8_HEAP] = "by its shape; nothing gives figures",
		[MP_CLS_JVM_HEAP] = "by its shape; nothing gives figures",
		[MP_CLS_GO_RUNTIME] = "Go's own, beside its heap",
		[MP_CLS_JVM_META] = "the JVM's metaspace or class space",
		[MP_CLS_JVM_CODE] = "code that the JVM compiled",
	};

	return c < MP_CLS_MAX && words[c] ? words[c] : "";
}

/* Text of marks of the glyph set, which are all within the first 64 K of Unicode. */
static void put_mark(char *buf, size_t size, size_t *len, wchar_t ch)
{
	unsigned c = (unsigned)ch;

	if (*len + 4 > size)
		return;
	if (c < 0x80) {
		buf[(*len)++] = (char)c;
	} else if (c < 0x800) {
		buf[(*len)++] = (char)(0xc0 | c >> 6);
		buf[(*len)++] = (char)(0x80 | (c & 0x3f));
	} else {
		buf[(*len)++] = (char)(0xe0 | c >> 12);
		buf[(*len)++] = (char)(0x80 | (c >> 6 & 0x3f));
		buf[(*len)++] = (char)(0x80 | (c & 0x3f));
	}
	buf[*len] = '\0';
}

static void spark(const struct tui_frame *f, struct tui_lines *l, const struct tui_track *h,
		  const char *name, bool out)
{
	uint64_t max = 0, sum = 0;
	char bar[TUI_TRACK_SLICES * 3 + 8] = "", num[16];
	size_t len = 0;

	for (uint64_t i = 0; i < h->n; i++) {
		const struct tui_track_slice *s = tui_track_slice(h, i);
		uint64_t v = out ? s->out : s->in * MP_PAGE_SIZE;

		sum += v;
		max = v > max ? v : max;
	}
	for (uint64_t i = 0; i < h->n; i++) {
		const struct tui_track_slice *s = tui_track_slice(h, i);
		uint64_t v = out ? s->out : s->in * MP_PAGE_SIZE;
		int lv = v ? 1 + (int)((double)v / (double)max * 7) : 0;

		put_mark(bar, sizeof(bar), &len, f->theme->g->strip[lv]);
	}
	tui_lines_add(l, TUI_R_DIM, "  %s%s", name, mp_bytes(num, sizeof(num), (int64_t)sum));
	tui_lines_add(l, TUI_R_TEXT, "  %s", bar);
}

static void calls(const struct tui_frame *f, struct tui_lines *l, const struct tui_track *h)
{
	if (!h->top[0].ts)
		return;
	tui_lines_head(l, "the calls on it in that time that gave back most");
	for (int i = 0; i < TUI_TRACK_CALLS && h->top[i].ts; i++) {
		const struct tui_track_call *c = &h->top[i];
		bool advice = c->call == MP_CALL_MADVISE || c->call == MP_CALL_PROCESS_MADVISE;
		char at[24], a[16], b[16], place[TUI_CELL_MAX];

		tui_lines_add(l, TUI_R_TEXT, "  %s  %s%s%s of %s: RSS fell by %s",
			      tui_moment(at, sizeof(at), f, c->ts), mp_call_name(c->call),
			      advice ? " " : "", advice ? mp_advice_name(c->advice) : "",
			      mp_bytes(a, sizeof(a), (int64_t)c->len),
			      mp_bytes(b, sizeof(b), (int64_t)c->out));
		tui_lines_add(l, TUI_R_DIM, "    %s",
			      tui_stack_text(f, c->stack, place, sizeof(place)));
	}
}

static void history(const struct tui_frame *f, const struct mp_mapping *m, struct tui_lines *l)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->state);
	char from[24], to[24], each[32], title[120];
	struct tui_track *h = f->track;

	if (!h || !tui_track_read(f, h, p->mm, m->start, m->end))
		return;
	snprintf(title, sizeof(title), "in these addresses from %s to %s, a mark for %s%s",
		 tui_moment(from, sizeof(from), f, h->zero + h->first * h->width),
		 tui_moment(to, sizeof(to), f, h->zero + (h->first + h->n) * h->width),
		 mp_duration(each, sizeof(each), h->width), h->more ? " (reading ...)" : "");
	tui_lines_head(l, title);
	spark(f, l, h, "faulted: ", false);
	spark(f, l, h, "RSS fell, in calls on them: ", true);
	calls(f, l, h);
}

static void strip(const struct tui_frame *f, const struct mp_mapping *m, struct tui_lines *l)
{
	const struct mp_proc *p = tui_view_proc(f->view, f->state);
	uint64_t n = (m->end - m->start) / MP_PAGE_SIZE, w = n < 64 ? n : 64;
	char bar[64 * 3 + 8] = "", each[16];
	size_t len = 0;

	for (uint64_t i = 0; i < w; i++)
		put_mark(bar, sizeof(bar), &len, f->theme->g->strip[level(p, m, i, w)]);
	if (!w)
		return;
	tui_lines_add(l, TUI_R_TEXT, "  %s", bar);
	tui_lines_add(l, TUI_R_DIM, "  resident parts, a mark for %s",
		      mp_bytes(each, sizeof(each), (int64_t)(n / w * MP_PAGE_SIZE)));
}

static void detail(const struct tui_frame *f, const struct tui_row *r, struct tui_lines *l)
{
	const struct mp_mapping *m = r->p;
	char perms[5], num[24];

	mp_fig_perms(perms, m->bits);
	tui_lines_add(l, TUI_R_BOLD, "%llx-%llx %s %s", (unsigned long long)m->start,
		      (unsigned long long)m->end, perms, mp_str(f->state, m->name));
	tui_lines_row(l, "class", "%7s  %s", mp_class_name(m->cls), class_words(m->cls));
	tui_lines_bytes(l, "size", m->end - m->start,
			tui_mapping_reserved(m) ? "address space set aside: nobody can touch it"
						: "");
	tui_percent(num, sizeof(num), m->resident * MP_PAGE_SIZE, m->end - m->start);
	tui_lines_bytes(l, "resident", m->resident * MP_PAGE_SIZE, num);
	strip(f, m, l);
	if (m->lazy)
		tui_lines_bytes(l, "... left to the kernel", m->lazy * MP_PAGE_SIZE, "MADV_FREE");
	if (m->anon)
		tui_lines_bytes(l, "... written, so anonymous", m->anon * MP_PAGE_SIZE, "");
	if (m->ino)
		tui_lines_row(l, "file", "offset %llx, inode %llu", (unsigned long long)m->off,
			      (unsigned long long)m->ino);
	tui_lines_row(l, "last change", "%7s", tui_moment(num, sizeof(num), f, m->last_ts));
	tui_lines_head(l, "since it was first seen, what was cut off since included");
	tui_lines_bytes(l, "dropped by calls", m->released * MP_PAGE_SIZE, "");
	tui_lines_bytes(l, "... and touched again", m->refaulted * MP_PAGE_SIZE, "");
	tui_lines_bytes(l, "pages faulted", m->faults * MP_PAGE_SIZE, "");
	for (enum mp_fkind k = 0; k < MP_FK_MAX; k++) {
		if (!m->fk[k])
			continue;
		snprintf(num, sizeof(num), "... %s", mp_fkind_name(k));
		tui_lines_bytes(l, num, m->fk[k] * MP_PAGE_SIZE, "");
	}
	history(f, m, l);
}

static const char *none(const struct tui_frame *f)
{
	(void)f;
	return "no mappings known yet";
}

const struct tui_pane tui_pane_maps = {
	.name = "mappings",
	.title = "mappings: size, resident, faults, releases",
	.cols = cols,
	.n_cols = C_N,
	.sort = C_RES,
	.collect = collect,
	.value = value,
	.text = text,
	.paint = paint,
	.words = words,
	.role = role,
	.when = when,
	.detail = detail,
	.none = none,
};
