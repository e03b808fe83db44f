/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * debugdata.c - .gnu_debugdata: an ELF file with the symbols that .dynsym has not,
 * compressed with xz, inside a stripped one ("MiniDebugInfo", Fedora).
 *
 * liblzma is looked for when such a section is met, since nothing else here needs it:
 * its ABI (liblzma.so.5, since 2012) is declared below as far as it is used.
 */
#include "user/sym/elf.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define PACKED_MAX   (16u << 20)
#define UNPACKED_MAX (64u << 20)
#define DECODER_MAX  (96ULL << 20) /* bytes the decoder may take: -9 asks for 65 MiB */

/* lzma_stream_buffer_decode(), lzma/container.h; 0 is LZMA_OK */
typedef int (*decode_fn)(uint64_t *memlimit, uint32_t flags, const void *allocator,
			 const uint8_t *in, size_t *in_pos, size_t in_size, uint8_t *out,
			 size_t *out_pos, size_t out_size);

static decode_fn decode;

static void load(void)
{
	void *lib = dlopen("liblzma.so.5", RTLD_NOW | RTLD_LOCAL);

	if (lib)
		*(void **)&decode = dlsym(lib, "lzma_stream_buffer_decode");
}

bool mp_sym_have_lzma(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, load);
	return decode != NULL;
}

/* Room for the most there may be is asked for; what is not written costs nothing. */
static int unpack(const uint8_t *in, size_t size, void **out, size_t *out_size)
{
	uint64_t limit = DECODER_MAX;
	size_t in_pos = 0, out_pos = 0;
	uint8_t *buf = malloc(UNPACKED_MAX);

	if (!buf)
		return -ENOMEM;
	if (decode(&limit, 0, NULL, in, &in_pos, size, buf, &out_pos, UNPACKED_MAX) || !out_pos) {
		free(buf);
		return -ENODATA;
	}
	*out = buf;
	*out_size = out_pos;
	return 0;
}

int debugdata_open(const struct mp_elf *e, struct mp_elf **out, void **mem)
{
	GElf_Shdr sh;
	uint8_t *in;
	size_t n = 0;
	int err;

	*mem = NULL;
	if (!elf_section(e, ".gnu_debugdata", &sh) || sh.sh_size > PACKED_MAX)
		return -ENOENT;
	if (!mp_sym_have_lzma())
		return -ENOSYS;
	in = malloc((size_t)sh.sh_size + 1);
	err = in ? elf_read(e, sh.sh_offset, in, (size_t)sh.sh_size) : -ENOMEM;
	if (!err)
		err = unpack(in, (size_t)sh.sh_size, mem, &n);
	free(in);
	if (!err)
		err = mp_elf_open_mem(*mem, n, out);
	if (err) {
		free(*mem);
		*mem = NULL;
	}
	return err;
}
