/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * two-sites [PAGES] - one function touches memory for two callers: three of four
 * pages are touched for many(), one for few(), in turns of no fixed length. Built with
 * frame pointers, so that stacks tell the two apart.
 */
#include "step.h"

#define INLINE_NOT __attribute__((noinline))

static uint64_t seed = 1;

static uint64_t draw(uint64_t n)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return (z ^ z >> 31) % n;
}

static INLINE_NOT void touch(volatile char *p, size_t pages)
{
	/* a function that calls none has a frame only if something asks for it */
	__asm__ volatile("" ::"r"(__builtin_frame_address(0)));
	for (size_t i = 0; i < pages; i++)
		p[i * PAGE] = 1;
}

static INLINE_NOT void many(char *p, size_t pages)
{
	touch(p, pages);
	__asm__ volatile("" ::: "memory"); /* no tail call: the frame must stay */
}

static INLINE_NOT void few(char *p, size_t pages)
{
	touch(p, pages);
	__asm__ volatile("" ::: "memory");
}

int main(int argc, char **argv)
{
	int arg = step_begin(argc, argv);
	size_t pages = (size_t)step_num(argc, argv, arg, 32768) / 4 * 4;
	size_t left[2] = { pages / 4, pages / 4 * 3 };
	char *p;

	step("start");
	p = step_map(0, pages * PAGE);
	for (char *at = p; left[0] || left[1];) {
		int which = left[0] && left[1] ? draw(4) > 0 : left[1] > 0;
		size_t n = 1 + draw(64);

		n = n < left[which] ? n : left[which];
		if (which)
			many(at, n);
		else
			few(at, n);
		left[which] -= n;
		at += n * PAGE;
	}
	step("all map=%p len=%zu touched=%zu many=%p few=%p touch=%p", (void *)p, pages * PAGE,
	     pages, (void *)many, (void *)few, (void *)touch);
	return 0;
}
