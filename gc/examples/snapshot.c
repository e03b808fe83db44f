/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * snapshot.c - finding a leak with two heap snapshots.
 *
 * A small server: sessions with their users, a cache, a pool of workers, and an audit
 * log that nobody empties. One snapshot before some requests and one after them; in
 * the Memory panel of Chrome's DevTools the comparison of the two shows what stayed.
 * What is printed is what a reader of the files must find in them.
 *
 * usage: snapshot [-c] [DIR]    writes DIR/before.heapsnapshot and DIR/after.heapsnapshot
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "gc/gc.h"

#define SESSIONS 400
#define ENTRIES	 300
#define BUCKETS	 64
#define REQUESTS 250
#define SLOTS	 6
#define RECENT	 8
#define NOTES	 20
#define IMAGE	 4096u
#define CODE	 (256u << 10)
#define BUFFERS	 (3u << 20)

struct config {
	struct gc_bytes *name;
	uint64_t port;
};
struct user {
	struct gc_bytes *name;
	uint64_t id;
};
struct session {
	struct user *user;
	struct config *config;
	struct gc_bytes *buffer;
	struct session *next;
};
struct entry {
	struct gc_bytes *key, *value;
	struct entry *next;
};
struct cache {
	struct gc_refs *buckets, *recent;
	uint64_t entries;
};
struct note { /* of a session: a weak map has them */
	uint64_t mood;
};
struct request {
	struct gc_bytes *url;
	struct session *session;
	struct request *next;
	uint64_t status;
};
struct audit {
	struct request *last;
	uint64_t count;
};
struct pool { /* the slots beyond busy are not references */
	uint32_t busy;
	void *leader, *slot[SLOTS];
};
struct server {
	struct config *config;
	struct session *sessions;
	struct cache *cache;
	struct audit *audit;
	struct pool *pool;
	struct gc_refs *recent; /* the cache has the same array */
};

struct app {
	struct gc_heap *heap;
	struct gc_mutator *m;
	struct gc_global *server;
	struct gc_weakmap *notes;
	int images; /* class of memory outside */
	const struct gc_type *note, *config, *user, *session, *entry, *cache, *request, *audit,
		*pool, *server_type, *bytes, *refs;
};

static void *must(void *p)
{
	if (!p)
		exit(1);
	return p;
}

static struct gc_bytes *text(struct app *a, const char *what, unsigned n)
{
	char buf[64];
	size_t len = (size_t)snprintf(buf, sizeof(buf), "%s %u", what, n);
	struct gc_bytes *b = must(gc_alloc_array(a->m, a->bytes, len));

	memcpy(b->data, buf, len);
	return b;
}

static struct server *server(struct app *a)
{
	return gc_global_get(a->server);
}

/* --- what the server is made of: every store after an allocation is a gc_write() ------ */

static void add_session(struct app *a, unsigned n)
{
	struct session *s = NULL;
	GC_FRAME(a->m, s);

	s = must(gc_alloc(a->m, a->session));
	gc_write(a->m, s, &s->user, must(gc_alloc(a->m, a->user)));
	s->user->id = n;
	gc_write(a->m, s->user, &s->user->name, text(a, "user", n));
	gc_write(a->m, s, &s->buffer, must(gc_alloc_array(a->m, a->bytes, 100)));
	memset(s->buffer->data, 0xee, 100);
	gc_write(a->m, s, &s->config, server(a)->config);
	gc_write(a->m, s, &s->next, server(a)->sessions);
	gc_write(a->m, server(a), &server(a)->sessions, s);
}

static void add_entry(struct app *a, unsigned n)
{
	struct entry *e = NULL;
	struct gc_refs *buckets;
	GC_FRAME(a->m, e);

	e = must(gc_alloc(a->m, a->entry));
	gc_write(a->m, e, &e->key, text(a, "key", n));
	gc_write(a->m, e, &e->value, text(a, "the value of entry", n));
	buckets = server(a)->cache->buckets;
	gc_write(a->m, e, &e->next, buckets->ref[n % BUCKETS]);
	gc_write(a->m, buckets, &buckets->ref[n % BUCKETS], e);
	server(a)->cache->entries++;
}

/* The leak: the audit log keeps every request. */
static void handle_request(struct app *a, unsigned n)
{
	struct request *r = NULL;
	struct audit *audit;
	GC_FRAME(a->m, r);

	r = must(gc_alloc(a->m, a->request));
	gc_write(a->m, r, &r->url, text(a, "/page", n));
	gc_write(a->m, r, &r->session, server(a)->sessions);
	r->status = 200;
	audit = server(a)->audit;
	gc_write(a->m, r, &r->next, audit->last);
	gc_write(a->m, audit, &audit->last, r);
	audit->count++;
	for (unsigned i = 0; i < 100; i++)
		text(a, "a word of the answer", i); /* dead at once */
}

/* The last sessions have notes, and pictures outside the heap. */
static void add_notes(struct app *a)
{
	struct session *s = server(a)->sessions;
	struct note *n;
	GC_FRAME(a->m, s);
	int i;

	a->notes = must(gc_weakmap_new(a->m, server(a)));
	must(gc_weak_new(a->m, s));
	for (i = 0; i < NOTES; i++, s = s->next) {
		n = must(gc_alloc(a->m, a->note));
		if (gc_weakmap_set(a->m, a->notes, s, n) ||
		    gc_external_attach(a->m, s, a->images, IMAGE))
			exit(1);
	}
}

static void build(struct app *a)
{
	struct server *s = NULL;
	GC_FRAME(a->m, s);
	unsigned i;

	s = must(gc_alloc(a->m, a->server_type));
	gc_global_set(a->m, a->server, s);
	gc_write(a->m, s, &s->config, must(gc_alloc(a->m, a->config)));
	gc_write(a->m, s->config, &s->config->name, text(a, "production \"caf\xc3\xa9\"", 1));
	gc_write(a->m, s, &s->audit, must(gc_alloc(a->m, a->audit)));
	gc_write(a->m, s, &s->cache, must(gc_alloc(a->m, a->cache)));
	gc_write(a->m, s->cache, &s->cache->buckets, must(gc_alloc_array(a->m, a->refs, BUCKETS)));
	gc_write(a->m, s, &s->pool, must(gc_alloc(a->m, a->pool)));
	for (i = 0; i < SESSIONS; i++)
		add_session(a, i);
	for (i = 0; i < ENTRIES; i++)
		add_entry(a, i);
	gc_write(a->m, s->pool, &s->pool->leader, s->sessions);
	gc_write(a->m, s, &s->recent, must(gc_alloc_array(a->m, a->refs, RECENT)));
	gc_write(a->m, s->cache, &s->cache->recent, s->recent);
	for (i = 0; i < RECENT; i++)
		gc_write(a->m, s->recent, &s->recent->ref[i], s->sessions);
	for (s->pool->busy = 0; s->pool->busy < 3; s->pool->busy++)
		gc_write(a->m, s->pool, &s->pool->slot[s->pool->busy], s->sessions->next);
	add_notes(a);
}

/* --- types ----------------------------------------------------------------------------- */

static void trace_pool(void *obj, size_t size, struct gc_visitor *v)
{
	struct pool *p = obj;
	uint32_t i;

	(void)size;
	gc_visit(v, &p->leader);
	for (i = 0; i < p->busy; i++)
		gc_visit(v, &p->slot[i]);
}

#define FIELD(type, name)                          \
	{                                          \
#name, offsetof(struct type, name) \
	}
#define TYPE(what, refs, ...)                                                                     \
	do {                                                                                      \
		const struct gc_field f[] = { __VA_ARGS__ };                                      \
		struct gc_type_desc d = GC_TYPE_INIT(.name = #what, .kind = GC_BITMAP64,          \
						     .size = sizeof(struct what), .bitmap = refs, \
						     .fields = f,                                 \
						     .nfields = sizeof(f) / sizeof(f[0]));        \
		bad |= gc_type_register(a->heap, &d, &type);                                      \
		a->what##_TYPE = type;                                                            \
	} while (0)
#define note_TYPE    note
#define config_TYPE  config
#define user_TYPE    user
#define session_TYPE session
#define entry_TYPE   entry
#define cache_TYPE   cache
#define request_TYPE request
#define audit_TYPE   audit
#define server_TYPE  server_type

static int types(struct app *a)
{
	const struct gc_field pool[] = { FIELD(pool, leader),
					 { "first", offsetof(struct pool, slot) } };
	struct gc_type_desc d = GC_TYPE_INIT(.name = "pool", .kind = GC_CUSTOM,
					     .size = sizeof(struct pool), .trace = trace_pool,
					     .fields = pool, .nfields = 2);
	const struct gc_type *type;
	int bad = gc_type_register(a->heap, &d, &a->pool);

	TYPE(note, 0, FIELD(note, mood));
	TYPE(config, 1, FIELD(config, name));
	TYPE(user, 1, FIELD(user, name));
	TYPE(session, 15, FIELD(session, user), FIELD(session, config), FIELD(session, buffer),
	     FIELD(session, next));
	TYPE(entry, 7, FIELD(entry, key), FIELD(entry, value), FIELD(entry, next));
	TYPE(cache, 3, FIELD(cache, buckets), FIELD(cache, recent));
	TYPE(request, 7, FIELD(request, url), FIELD(request, session), FIELD(request, next));
	TYPE(audit, 1, FIELD(audit, last));
	TYPE(server, 63, FIELD(server, config), FIELD(server, sessions), FIELD(server, cache),
	     FIELD(server, audit), FIELD(server, pool), FIELD(server, recent));
	a->bytes = gc_type_bytes(a->heap);
	a->refs = gc_type_refs(a->heap);
	return bad;
}

/* --- what must be in the files --------------------------------------------------------- */

static size_t cell(const void *obj)
{
	return gc_object_size(obj) + 8;
}

/* Bytes that would be free without the cache: nothing else refers to its parts. */
static size_t cache_bytes(const struct cache *c)
{
	size_t n = cell(c) + cell(c->buckets), i;
	const struct entry *e;

	for (i = 0; i < BUCKETS; i++)
		for (e = c->buckets->ref[i]; e; e = e->next)
			n += cell(e) + cell(e->key) + cell(e->value);
	return n;
}

/* The requests are retained by the log; the sessions they refer to are not. */
static size_t audit_bytes(const struct audit *a)
{
	const struct request *r;
	size_t n = cell(a);

	for (r = a->last; r; r = r->next)
		n += cell(r) + cell(r->url);
	return n;
}

static int save(struct app *a, const char *dir, const char *which)
{
	char path[4096];
	struct gc_stats st;
	int rc;

	snprintf(path, sizeof(path), "%s/%s.heapsnapshot", dir, which);
	rc = gc_snapshot_save(a->m, path);
	if (rc) {
		fprintf(stderr, "%s: %s\n", path, strerror(-rc));
		return rc;
	}
	gc_stats(a->heap, &st);
	printf("%s.heap_used %zu\n", which, st.heap_used);
	printf("%s.cache %zu\n", which, cache_bytes(server(a)->cache));
	printf("%s.audit %zu\n", which, audit_bytes(server(a)->audit));
	printf("%s.requests %llu\n", which, (unsigned long long)server(a)->audit->count);
	return 0;
}

static int run(struct app *a, const char *dir)
{
	unsigned i;
	int rc;

	build(a);
	rc = save(a, dir, "before");
	for (i = 0; i < REQUESTS; i++)
		handle_request(a, i);
	return rc ? rc : save(a, dir, "after");
}

static int setup(struct app *a, int verify)
{
	struct gc_options opts = GC_OPTIONS_INIT;
	void *code = mmap(NULL, CODE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	opts.name = "snapshot";
	opts.verify = verify;
	opts.young_min = 256 << 10; /* small, so that objects move between the two */
	if (gc_heap_create(&opts, &a->heap) || gc_mutator_attach(a->heap, &a->m) || types(a))
		return -1;
	a->server = gc_global_new(a->m, NULL);
	if (!a->server || code == MAP_FAILED)
		return -1;
	gc_external_adjust(a->heap, GC_CLASS_ARRAY_BUFFERS, BUFFERS);
	a->images = gc_external_class(a->heap, "images");
	printf("sessions %d\nentries %d\nbuffers %u\ncode %u\n", SESSIONS, ENTRIES, BUFFERS, CODE);
	printf("notes %d\nimages %u\n", NOTES, NOTES * IMAGE);
	return gc_region_register(a->heap, "code cache", code, CODE) < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct app a = { 0 };
	int verify = argc > 1 && !strcmp(argv[1], "-c");
	const char *dir = argc > 1 + verify ? argv[1 + verify] : ".";

	if (setup(&a, verify))
		return 1;
	if (run(&a, dir))
		return 1;
	gc_mutator_detach(a.m);
	return gc_heap_destroy(a.heap) != 0;
}
