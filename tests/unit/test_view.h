/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_view.h - what the tests of the views share: a model folded from events
 * written by hand, and a reader of JSON that accepts nothing but JSON.
 */
#ifndef TEST_VIEW_H
#define TEST_VIEW_H

/* cmocka wants these before itself */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/model/model.h"

#define MIB	(1ULL << 20)
#define SEC	1000000000ULL
#define T0	(1000 * SEC)
#define EVIL	"\x1b[31mevil\"\\\n\xff"
#define HEAP_AT 0xc000000000ULL

enum { S_COMM = 1, S_EXE, S_MAP, S_SPACE, S_REASON, S_NOTE1, S_NOTE2, S_WHY };

__attribute__((unused)) static void assert_has(const char *s, const char *want)
{
	if (!strstr(s, want))
		fail_msg("no \"%s\" in:\n%s", want, s);
}

/* In characters of UTF-8. */
__attribute__((unused)) static void assert_columns(const char *s, unsigned max)
{
	unsigned n = 0;

	for (; *s; s++) {
		n = *s == '\n' ? 0 : n + (((unsigned char)*s & 0xc0) != 0x80);
		if (n > max)
			fail_msg("more than %u columns before: %.60s", max, s);
	}
}

__attribute__((unused)) static void fold(struct mp_model *m, struct mp_event e)
{
	assert_int_equal(mp_model_fold(m, &e), 0);
}

__attribute__((unused)) static void fold_str(struct mp_model *m, uint32_t id, const char *s)
{
	size_t len = strlen(s);

	for (size_t pos = 0; pos < len; pos += MP_STR_CHUNK) {
		struct mp_event e = { .ts = T0, .type = MP_EV_STR, .x = (uint32_t)len };
		size_t n = len - pos < MP_STR_CHUNK ? len - pos : MP_STR_CHUNK;

		e.str.id = id;
		e.str.pos = (uint32_t)pos;
		memcpy(e.str.text, s + pos, n);
		fold(m, e);
	}
}

__attribute__((unused)) static void fold_map(struct mp_model *m, uint64_t start, uint64_t len,
					     uint32_t bits, uint32_t name)
{
	struct mp_event e = { .ts = T0, .type = MP_EV_MAP, .sub = MP_MAP_LINE, .mm = 1, .x = bits };

	e.map.start = start;
	e.map.end = start + len;
	e.map.name = name;
	fold(m, e);
}

__attribute__((unused)) static void fold_rss(struct mp_model *m, uint64_t ts, uint64_t anon,
					     uint64_t file)
{
	struct mp_event e = { .ts = ts, .type = MP_EV_RSS, .sub = MP_RSS_KERNEL, .mm = 1 };

	e.rss.anon = anon / MP_PAGE_SIZE;
	e.rss.file = file / MP_PAGE_SIZE;
	e.rss.lazyfree = MP_UNKNOWN;
	e.rss.hugetlb = MP_UNKNOWN;
	fold(m, e);
}

__attribute__((unused)) static void fold_heap(struct mp_model *m, uint64_t ts, uint64_t used,
					      uint64_t committed)
{
	struct mp_event e = { .ts = ts, .type = MP_EV_HEAP, .sub = MP_SRC_GO, .mm = 1 };

	e.heap.used = used;
	e.heap.committed = committed;
	e.heap.external = e.heap.arrays = MP_UNKNOWN;
	e.heap.limit = e.heap.goal = e.heap.live = MP_UNKNOWN;
	fold(m, e);
}

__attribute__((unused)) static void fold_faults(struct mp_model *m, uint64_t ts, uint64_t addr,
						uint64_t len)
{
	struct mp_event e = { .ts = ts,
			      .type = MP_EV_FAULT,
			      .sub = MP_FAULT_WRITE,
			      .mm = 1,
			      .tid = 7,
			      .x = (uint32_t)(len / MP_PAGE_SIZE) };

	e.fault.addr = addr;
	fold(m, e);
}

__attribute__((unused)) static void fold_note(struct mp_model *m, uint64_t ts, uint32_t str)
{
	struct mp_event e = { .ts = ts, .type = MP_EV_NOTE, .sub = MP_NOTE_PROGRAM, .mm = 1 };

	e.v[0] = str;
	fold(m, e);
}

__attribute__((unused)) static void fold_gc(struct mp_model *m, uint64_t ts, uint8_t kind,
					    uint64_t before, uint64_t after)
{
	struct mp_event e = { .ts = ts, .type = MP_EV_GC, .sub = kind, .mm = 1 };

	e.gc.before = before;
	e.gc.after = after;
	e.gc.cbefore = e.gc.cafter = MP_UNKNOWN;
	e.gc.pause = 2500000;
	e.gc.start = ts - 2500000;
	e.gc.reason = S_REASON;
	e.gc.source = MP_SRC_GO;
	fold(m, e);
}

__attribute__((unused)) static void fold_release(struct mp_model *m, uint64_t ts, uint64_t addr,
						 uint64_t len)
{
	struct mp_event e = { .ts = ts,
			      .type = MP_EV_CALL,
			      .sub = MP_CALL_MADVISE,
			      .mm = 1,
			      .tid = 7,
			      .x = 4 /* MADV_DONTNEED */ };

	e.call.addr = addr;
	e.call.len = len;
	e.call.d_anon = -(int32_t)(len / MP_PAGE_SIZE);
	e.call.dur = 40000000;
	fold(m, e);
}

/* A target with strings, mappings and RSS, nothing of a heap. */
__attribute__((unused)) static struct mp_model *model_native(void)
{
	struct mp_model *m = mp_model_new();
	struct mp_event e = { .ts = T0, .type = MP_EV_TASK, .sub = MP_TASK_TARGET, .mm = 1 };
	struct mp_event snap = { .ts = T0, .type = MP_EV_MAP, .sub = MP_MAP_BEGIN, .mm = 1 };

	assert_non_null(m);
	fold_str(m, S_COMM, "node" EVIL);
	fold_str(m, S_EXE, "/usr/bin/node");
	fold_str(m, S_MAP, "/tmp/" EVIL);
	fold_str(m, S_SPACE, "old");
	fold_str(m, S_REASON, "forced " EVIL);
	fold_str(m, S_NOTE1, "stage 1: made, not touched");
	fold_str(m, S_NOTE2, "stage 2: every byte touched " EVIL);
	e.task.a = 1234;
	e.task.comm = S_COMM;
	fold(m, e);
	fold(m, snap);
	fold_map(m, 0x400000, MIB, MP_MAP_R | MP_MAP_X | MP_MAP_FILE, S_MAP);
	fold_map(m, HEAP_AT, 640 * MIB, MP_MAP_R | MP_MAP_W, 0);
	fold_map(m, 0x7f0000000000, 16 * MIB, MP_MAP_R | MP_MAP_W, 0);
	snap.sub = MP_MAP_END;
	fold(m, snap);
	fold_rss(m, T0 + 1, 4 * MIB, MIB);
	return m;
}

/* The staged experiment: reserve, touch, collect, give back. */
__attribute__((unused)) static struct mp_model *model_staged(void)
{
	struct mp_model *m = model_native();
	struct mp_event r = {
		.ts = T0 + 2, .type = MP_EV_HEAP_RANGE, .sub = MP_HEAP_RESERVE, .mm = 1
	};
	struct mp_event s = { .ts = T0 + 3, .type = MP_EV_SPACE, .sub = MP_SRC_GO, .mm = 1 };

	r.range.addr = HEAP_AT;
	r.range.len = 640 * MIB;
	r.range.source = MP_SRC_GO;
	fold(m, r);
	s.space.name = S_SPACE;
	s.space.used = s.space.committed = MIB;
	s.space.resident = MP_UNKNOWN;
	fold(m, s);
	fold_heap(m, T0 + SEC, 600 * MIB, 640 * MIB);
	fold_note(m, T0 + SEC + 1, S_NOTE1);
	fold_faults(m, T0 + 2 * SEC, 0x7f0000000000, 4 * MIB);
	fold_note(m, T0 + 3 * SEC, S_NOTE2);
	fold_faults(m, T0 + 4 * SEC, HEAP_AT, 600 * MIB);
	fold_rss(m, T0 + 4 * SEC, 604 * MIB, MIB);
	fold_gc(m, T0 + 5 * SEC, MP_GC_MAJOR, 600 * MIB, MIB);
	fold_heap(m, T0 + 5 * SEC + 1, MIB, 640 * MIB);
	fold_release(m, T0 + 6 * SEC, HEAP_AT + 100 * MIB, 500 * MIB);
	fold_rss(m, T0 + 6 * SEC, 104 * MIB, MIB);
	return m;
}

/* --- JSON: a checker and a lookup by path ------------------------------------------ */

__attribute__((unused)) static const char *js_space(const char *s)
{
	return s + strspn(s, " \t\r\n");
}

/* Past the value at s, or NULL when it is not JSON. */
__attribute__((unused)) static const char *js_skip(const char *s);

static const char *js_string(const char *s)
{
	if (*s++ != '"')
		return NULL;
	for (; *s != '"'; s++) {
		if ((unsigned char)*s < 0x20 || (unsigned char)*s == 0x7f)
			return NULL;
		if (*s != '\\')
			continue;
		s++;
		if (*s == 'u' && strspn(s + 1, "0123456789abcdefABCDEF") >= 4)
			s += 4;
		else if (!*s || !strchr("\"\\/bfnrt", *s))
			return NULL;
	}
	return s + 1;
}

static const char *js_number(const char *s)
{
	static const char digits[] = "0123456789";
	size_t n;

	s += *s == '-';
	n = strspn(s, digits);
	if (!n || (n > 1 && *s == '0'))
		return NULL;
	s += n;
	if (*s == '.') {
		n = strspn(s + 1, digits);
		if (!n)
			return NULL;
		s += 1 + n;
	}
	return s;
}

static const char *js_members(const char *s, char close)
{
	s = js_space(s + 1);
	if (*s == close)
		return s + 1;
	for (;;) {
		if (close == '}') {
			s = js_string(s);
			if (!s)
				return NULL;
			s = js_space(s);
			if (*s++ != ':')
				return NULL;
		}
		s = js_skip(js_space(s));
		if (!s)
			return NULL;
		s = js_space(s);
		if (*s == close)
			return s + 1;
		if (*s++ != ',')
			return NULL;
		s = js_space(s);
	}
}

static const char *js_skip(const char *s)
{
	static const char *const words[] = { "true", "false", "null" };

	if (*s == '{')
		return js_members(s, '}');
	if (*s == '[')
		return js_members(s, ']');
	if (*s == '"')
		return js_string(s);
	for (size_t i = 0; i < 3; i++)
		if (strncmp(s, words[i], strlen(words[i])) == 0)
			return s + strlen(words[i]);
	return js_number(s);
}

__attribute__((unused)) static void assert_json(const char *s)
{
	const char *end = js_skip(js_space(s));

	if (!end || *js_space(end))
		fail_msg("not JSON: %s", s);
}

/* The value at a path of keys and indexes, "a.b.0"; NULL when it is not there. */
__attribute__((unused)) static const char *js_find(const char *s, const char *path)
{
	s = js_space(s);
	while (*path) {
		size_t len = strcspn(path, ".");
		bool obj = *s == '{', hit = false;
		size_t i = 0;

		if (*s != '{' && *s != '[')
			return NULL;
		s = js_space(s + 1);
		while (*s != '}' && *s != ']' && !hit) {
			if (obj) {
				const char *end = js_string(s);

				hit = (size_t)(end - s) == len + 2 && !strncmp(s + 1, path, len);
				s = js_space(js_space(end) + 1);
			} else {
				hit = i++ == strtoul(path, NULL, 10);
			}
			if (hit)
				break;
			s = js_space(js_skip(s));
			if (*s == ',')
				s = js_space(s + 1);
		}
		if (!hit)
			return NULL;
		path += len + (path[len] == '.');
	}
	return s;
}

__attribute__((unused)) static void assert_value(const char *json, const char *path,
						 const char *want)
{
	const char *at = js_find(json, path), *end;

	if (!at)
		fail_msg("no %s", path);
	end = js_skip(at);
	if ((size_t)(end - at) != strlen(want) || strncmp(at, want, strlen(want)) != 0)
		fail_msg("%s is %.*s, not %s", path, (int)(end - at), at, want);
}

__attribute__((unused)) static long long js_int(const char *json, const char *path)
{
	const char *at = js_find(json, path);

	if (!at)
		fail_msg("no %s", path);
	return strncmp(at, "null", 4) == 0 ? 0 : atoll(at);
}

/* No byte of the text may drive a terminal. */
__attribute__((unused)) static void assert_harmless(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 && *s != '\n')
			fail_msg("control character %#x before: %.40s", *s, s + 1);
		else if ((unsigned char)*s == 0x7f || (unsigned char)*s == 0xff)
			fail_msg("byte %#x before: %.40s", (unsigned char)*s, s + 1);
}

#endif /* TEST_VIEW_H */
