/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_gclog.c - any bytes as a GC log. The first says in pieces of how many bytes it comes;
 * what comes out must not depend on that.
 */
#include "tests/fuzz/fuzz.h"
#include "user/rt/gclog.h"

/* Of all collections together. */
static int take(void *ctx, const struct mp_gclog_gc *gc)
{
	uint64_t *sum = ctx;

	FUZZ_CHECK(gc->kind >= MP_GC_MINOR && gc->kind <= MP_GC_OTHER);
	FUZZ_CHECK(memchr(gc->name, 0, sizeof(gc->name)) &&
		   memchr(gc->reason, 0, sizeof(gc->reason)));
	*sum = *sum * 31 + gc->before + gc->after + gc->pause + gc->t + gc->released;
	return 0;
}

static uint64_t read_in(const char *bytes, size_t size, size_t piece)
{
	uint64_t sum = 0;
	struct mp_gclog *l = mp_gclog_new(take, &sum);

	FUZZ_CHECK(l);
	for (size_t at = 0; at < size; at += piece)
		mp_gclog_feed(l, bytes + at, size - at < piece ? size - at : piece);
	mp_gclog_end(l);
	FUZZ_CHECK(mp_gclog_stats(l)->bytes == size);
	sum += mp_gclog_stats(l)->bad;
	mp_gclog_free(l);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	FUZZ_CHECK(read_in((const char *)data + 1, size - 1, *data + 1U) ==
		   read_in((const char *)data + 1, size - 1, size));
	return 0;
}
