/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * collectors - what a Scavenge, a Mark-Sweep and a Mark-Compact of libmpgc cost, on the
 * public interface: the same live data in a heap that is dense or of which three
 * quarters, spread evenly, have died; nodes of references alone, or each with a
 * thousand bytes of data.
 *
 * One JSON line a measure. Memory is what the kernel says of the process: RSS, and its
 * peak during the collection, in a new heap. Times are those of a heap that has done
 * the same before ("warm"), so that they hold no first touch of a page. Whether objects
 * move is seen by their addresses.
 *
 * usage: collectors [LIVE [TIMES]]    megabytes, 8; each measured 5 times
 */
#include "gc/examples/example.h"

#include <errno.h>
#include <fcntl.h>

struct node {
	struct node *left, *right;
	struct node *extra; /* what dies, a list of three made just after the node */
	struct gc_bytes *data;
};

struct shape {
	const char *name;
	size_t data; /* bytes of each node's data */
};
static const struct shape shapes[] = { { "references", 0 }, { "data", 1000 } };

struct run {
	const struct shape *shape;
	int sparse, warm;
	struct gc_heap *heap;
	struct gc_mutator *m;
	const struct gc_type *type;
	size_t nodes, live; /* live: bytes */
	uintptr_t *where;   /* addresses before the collection */
	size_t at, moved, objects;
};

struct measure {
	double seconds, stopped, extra, held; /* extra, held: bytes */
	int rc;
};

/* --- the heap ------------------------------------------------------------------------ */

static struct node *make(struct run *r)
{
	struct gc_bytes *data = NULL;
	struct node *n;
	GC_FRAME(r->m, data);

	if (r->shape->data)
		data = must(gc_alloc_array(r->m, gc_type_bytes(r->heap), r->shape->data));
	n = must(gc_alloc(r->m, r->type));
	n->data = data;
	return n;
}

static struct node *make_with_extra(struct run *r)
{
	struct node *n = NULL, *e = NULL;
	int i;
	GC_FRAME(r->m, n, e);

	n = make(r);
	for (i = 0; i < 3 && r->sparse; i++) {
		e = make(r);
		gc_write(r->m, e, &e->extra, n->extra);
		gc_write(r->m, n, &n->extra, e);
	}
	return n;
}

/* A balanced tree of count nodes. */
static struct node *build(struct run *r, size_t count)
{
	struct node *n = NULL, *kid;
	GC_FRAME(r->m, n);

	if (!count)
		return NULL;
	n = make_with_extra(r);
	kid = build(r, (count - 1) / 2);
	gc_write(r->m, n, &n->left, kid);
	kid = build(r, count - 1 - (count - 1) / 2);
	gc_write(r->m, n, &n->right, kid);
	return n;
}

static void drop_extra(struct node *n)
{
	if (!n)
		return;
	n->extra = NULL;
	drop_extra(n->left);
	drop_extra(n->right);
}

/* In an order that does not change: first they are written down, then compared. */
static void addresses(struct run *r, struct node *n, int compare)
{
	void *obj[2] = { n, n ? n->data : NULL };
	int i;

	if (!n)
		return;
	for (i = 0; i < 2 && obj[i]; i++) {
		if (!compare)
			r->where[r->at++] = (uintptr_t)obj[i];
		else if (r->where[r->at++] != (uintptr_t)obj[i])
			r->moved++;
	}
	addresses(r, n->left, compare);
	addresses(r, n->right, compare);
}

/* --- what the kernel says ------------------------------------------------------------- */

static double status_bytes(const char *key)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[128];
	long kb = 0;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			kb = atol(line + strlen(key) + 1);
	if (f)
		fclose(f);
	return (double)kb * 1024;
}

static void reset_peak(void)
{
	int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "5", 1) != 1)
		exit(1);
	close(fd);
}

/* --- one measure ----------------------------------------------------------------------- */

static uint64_t stopped_ns(struct run *r, uint64_t *copied)
{
	struct gc_stats st;

	gc_stats(r->heap, &st);
	*copied = st.promoted_total + st.space[GC_YOUNG].used;
	return st.minor_pause_ns + st.major_pause_ns;
}

static struct measure collect(struct run *r, enum gc_collect_kind kind, double base)
{
	double rss = status_bytes("VmRSS"), start;
	uint64_t before, after, stopped;
	struct measure x = { 0 };

	stopped = stopped_ns(r, &before);
	reset_peak();
	start = example_seconds();
	x.rc = gc_collect(r->m, kind, GC_REASON_FORCED);
	x.seconds = example_seconds() - start;
	x.extra = status_bytes("VmHWM") - rss;
	x.stopped = (double)(stopped_ns(r, &after) - stopped) / 1e9;
	gc_release_all(r->heap);
	x.held = status_bytes("VmRSS") - base;
	return x;
}

static void open_heap(struct run *r)
{
	struct gc_type_desc desc = GC_TYPE_INIT(.name = "node", .kind = GC_BITMAP64,
						.size = sizeof(struct node), .bitmap = 15);
	struct gc_options opts = GC_OPTIONS_INIT;

	opts.young_min = opts.young_max = (size_t)64 << 20; /* nothing is collected unasked */
	opts.gogc = -1;
	opts.no_release_thread = 1;
	if (gc_heap_create(&opts, &r->heap) || gc_mutator_attach(r->heap, &r->m) ||
	    gc_type_register(r->heap, &desc, &r->type))
		exit(1);
}

static void close_heap(struct run *r)
{
	gc_mutator_detach(r->m);
	if (gc_heap_destroy(r->heap))
		exit(1);
}

static void say(const struct run *r, const char *name, const struct measure *x)
{
	printf("{\"collector\": \"%s\", \"warm\": %s, \"objects\": \"%s\", \"heap\": \"%s\", "
	       "\"live_mb\": %.3f, "
	       "\"ms\": %.4f, \"stopped_ms\": %.4f, \"extra_mb\": %.3f, \"held_mb\": %.3f, "
	       "\"moved\": %zu, \"of\": %zu}\n",
	       name, r->warm ? "true" : "false", r->shape->name, r->sparse ? "fragmented" : "dense",
	       (double)r->live / 1e6, x->seconds * 1e3, x->stopped * 1e3, x->extra / 1e6,
	       x->held / 1e6, r->moved, r->objects);
}

/* The heap as the collection is to find it; the caller has a frame for *root. */
static void prepare(struct run *r, struct node **root, enum gc_collect_kind kind)
{
	*root = build(r, r->nodes);
	if (kind != GC_MINOR)
		gc_collect(r->m, GC_FULL, GC_REASON_FORCED);
	drop_extra(*root);
}

/* 0, or -ENOTSUP. */
static int measure_in(struct run *r, enum gc_collect_kind kind, const char *name, double base)
{
	struct node *root = NULL;
	struct measure x;
	GC_FRAME(r->m, root);

	prepare(r, &root, kind);
	if (r->warm) {
		gc_collect(r->m, kind, GC_REASON_FORCED);
		root = NULL;
		gc_collect(r->m, GC_FULL, GC_REASON_FORCED);
		prepare(r, &root, kind);
	} else {
		gc_release_all(r->heap);
	}
	r->at = r->moved = 0;
	addresses(r, root, 0);
	r->objects = r->at;
	x = collect(r, kind, base);
	r->at = 0;
	addresses(r, root, 1);
	if (!x.rc)
		say(r, name, &x);
	return x.rc;
}

static int measure(struct run *r, enum gc_collect_kind kind, const char *name)
{
	size_t bytes = 2 * r->nodes * sizeof(*r->where);
	double base;
	int rc;

	r->where = malloc(bytes);
	if (!r->where)
		return -ENOMEM;
	memset(r->where, 1, bytes); /* in memory before the base is taken */
	base = status_bytes("VmRSS");
	open_heap(r);
	rc = measure_in(r, kind, name, base);
	close_heap(r);
	free(r->where);
	return rc;
}

/* Every shape, dense and sparse. */
static int measure_all(enum gc_collect_kind kind, const char *name, size_t live, int warm)
{
	size_t s, each;
	int sparse, rc = 0;

	for (s = 0; s < 2 && !rc; s++)
		for (sparse = 0; sparse < 2 && !rc; sparse++) {
			struct run r = { .shape = &shapes[s], .sparse = sparse, .warm = warm };

			each = sizeof(struct node) + 8;
			if (r.shape->data)
				each += r.shape->data + 16;
			r.nodes = live / each;
			r.live = r.nodes * each;
			rc = measure(&r, kind, name);
		}
	return rc;
}

int main(int argc, char **argv)
{
	static const struct {
		enum gc_collect_kind kind;
		const char *name;
	} collectors[] = { { GC_MINOR, "Scavenge" },
			   { GC_FULL, "Mark-Sweep" },
			   { GC_COMPACT, "Mark-Compact" } };
	size_t live = (argc > 1 ? (size_t)atol(argv[1]) : 8) * 1000000, c;
	int times = argc > 2 ? atoi(argv[2]) : 5, i, rc;

	for (c = 0; c < 3; c++)
		for (i = 0; i < 2 * times; i++) {
			rc = measure_all(collectors[c].kind, collectors[c].name, live, i % 2);
			if (rc == -ENOTSUP) {
				printf("{\"collector\": \"%s\", \"lacks\": true}\n",
				       collectors[c].name);
				break;
			}
			if (rc)
				return 1;
		}
	return 0;
}
