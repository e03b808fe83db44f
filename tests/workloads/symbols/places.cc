/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* places.cc - the same in C++: a template's member in two namespaces. */
#include <cstdio>
#include <sys/mman.h>
#include <sys/prctl.h>

namespace outer
{
namespace
{
template <typename T, int N> struct Box {
	__attribute__((noinline)) void touch_all(volatile T *p)
	{
		for (long i = 0; i < (32L << 20); i += N)
			p[i] = 1;
	}
};
}
}

int main()
{
	void *p = mmap(nullptr, 32L << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	outer::Box<char, 4096> box;

	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	std::puts("step start");
	std::fflush(stdout);
	std::getchar();
	box.touch_all(static_cast<char *>(p));
	std::puts("step touched");
	std::fflush(stdout);
	std::getchar();
}
