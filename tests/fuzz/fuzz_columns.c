/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_columns.c - any bytes as the payload of a block, past checksum and compression:
 * u16 count, then the columns. What decodes is folded, encoded and decoded again, and
 * must come back the same.
 */
#include "tests/fuzz/fuzz.h"
#include "user/model/model.h"
#include "user/rec/codec.h"

static void fold(const struct mp_event *ev, size_t n)
{
	struct mp_model *m = mp_model_new();

	FUZZ_CHECK(m);
	mp_model_limit(m, 1);
	for (size_t i = 0; i < n; i++)
		mp_model_fold(m, &ev[i]);
	mp_model_digest(m);
	mp_model_free(m);
}

/* Bytes that no field names are zero in what the decoder gives. */
static void round_trip(struct mp_codec *c, const struct mp_event *ev, size_t n)
{
	struct mp_codec *d = mp_codec_new();
	const struct mp_event *again;
	const uint8_t *raw;
	size_t len, k;

	FUZZ_CHECK(d);
	FUZZ_CHECK(!mp_codec_encode(d, ev, n, &raw, &len));
	FUZZ_CHECK(!mp_codec_decode(d, raw, len, (uint32_t)n, &again, &k));
	FUZZ_CHECK(k == n && !memcmp(again, ev, n * sizeof(*ev)));
	mp_codec_free(d);
	(void)c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct mp_event *ev;
	struct mp_codec *c;
	size_t n;

	if (size < 2)
		return 0;
	c = mp_codec_new();
	FUZZ_CHECK(c);
	if (!mp_codec_decode(c, data + 2, size - 2, data[0] | (uint32_t)data[1] << 8, &ev, &n) &&
	    n) {
		round_trip(c, ev, n);
		fold(ev, n);
	}
	mp_codec_free(c);
	return 0;
}
