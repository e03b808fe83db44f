/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * zeal.c - modes that make rare things common, so that a missed root, a missed
 * gc_write() or a bug of the collector shows where it happens and not hours later.
 *
 * Owns the names of the modes, when a mode of steps collects, what is done to memory
 * that was freed, and the report of a touch of it. Must not decide what lives.
 *
 * Freed memory is filled with 0xab (poison) where that touches no page that was not
 * touched before: the page table stays as it is. A pointer read from there,
 * 0xabababababababab, is no address of x86-64 or arm64.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "gc/internal.h"

#define STEPS	    (GC_ZEAL_MINOR | GC_ZEAL_MAJOR | GC_ZEAL_SLICES)
#define ALL	    (2 * (unsigned)GC_ZEAL_NURSERY - 1)
#define NURSERY	    KIB(64)
#define POISON	    0xab
#define HEAPS_SHOWN 16 /* heaps whose from-space the report of a fault knows */

static const char *const names[] = { "minor",	"major",  "slices",  "evacuate", "promote",
				     "protect", "poison", "release", "nursery" };
#define NNAMES (sizeof(names) / sizeof(names[0]))

/* --- settings ---------------------------------------------------------------------- */

static bool is_word(const char *s, size_t len, const char *word)
{
	return strlen(word) == len && !memcmp(s, word, len);
}

static _Noreturn void bad_setting(const char *text)
{
	char known[160] = "";
	size_t i;

	for (i = 0; i < NNAMES; i++) {
		strcat(known, names[i]);
		strcat(known, ", ");
	}
	gc_fatal("MPGC_ZEAL=%s: names of modes with commas between, then :N for every N "
		 "allocations; the modes are %sverify",
		 text, known);
}

/* One name of MPGC_ZEAL. False: there is no such mode. */
static bool add_mode(struct gc_heap *h, const char *s, size_t len)
{
	size_t i;

	if (is_word(s, len, "verify")) {
		h->verify = true;
		return true;
	}
	for (i = 0; i < NNAMES && !is_word(s, len, names[i]);)
		i++;
	if (i < NNAMES)
		h->zeal |= 1u << i;
	return i < NNAMES;
}

/* MPGC_ZEAL=name,name:N adds to the options. Who sets it wants it: errors are fatal. */
static void from_environment(struct gc_heap *h)
{
	const char *text = secure_getenv("MPGC_ZEAL"), *s = text;
	unsigned long every;
	char *end;

	if (!text || !*text)
		return;
	for (;; s++) {
		size_t len = strcspn(s, ",:");

		if (!add_mode(h, s, len))
			bad_setting(text);
		s += len;
		if (*s != ',')
			break;
	}
	if (!*s)
		return;
	every = strtoul(s + 1, &end, 10);
	if (*end || !every || every > UINT32_MAX)
		bad_setting(text);
	h->zeal_every = (unsigned)every;
}

static void watch_faults(struct gc_heap *h);

/* Before the young space is reserved. -EINVAL: no such mode. */
int zeal_init(struct gc_heap *h, const struct gc_options *o)
{
	if (o->zeal & ~ALL)
		return -EINVAL;
	h->zeal = o->zeal;
	h->zeal_every = o->zeal_every;
	from_environment(h);
	if (!(h->zeal & STEPS))
		h->zeal_every = 0;
	else if (!h->zeal_every)
		h->zeal_every = 1;
	h->debug = h->verify || h->zeal;
	h->alternate = h->zeal & GC_ZEAL_PROTECT;
	h->tenure_all = h->zeal & GC_ZEAL_PROMOTE;
	if (h->zeal & GC_ZEAL_NURSERY)
		h->young_max = h->young_limit = h->semi = NURSERY;
	if (h->zeal & (GC_ZEAL_PROTECT | GC_ZEAL_POISON))
		watch_faults(h);
	return 0;
}

/* --- steps ------------------------------------------------------------------------- */

/*
 * COLLECTS, at every zeal_every-th allocation. The allocation that asks has not been
 * made yet: in these modes no buffer is ever open, so that each one comes here.
 */
void zeal_step(struct mutator *m)
{
	struct gc_heap *h = m->h;

	if (__atomic_add_fetch(&h->zeal_count, 1, __ATOMIC_RELAXED) % h->zeal_every)
		return;
	world_stop(h, m);
	if (h->zeal & GC_ZEAL_MAJOR)
		collect_locked(h, GC_MAJOR, GC_REASON_TESTING);
	else if (h->zeal & GC_ZEAL_MINOR)
		collect_locked(h, GC_MINOR, GC_REASON_TESTING);
	if (h->zeal & GC_ZEAL_SLICES)
		collect_step(h);
	world_start(h);
}

/* --- freed memory ------------------------------------------------------------------ */

/* Fills [addr, end), which is free now, where it was touched before. */
void zeal_poison(uintptr_t addr, uintptr_t end)
{
	uintptr_t page = page_down(addr), stop;
	unsigned char in[512];
	size_t n, i;

	if (page_up(end) - page == PAGE_SIZE) {
		memset((void *)addr, POISON, end - addr); /* the page with the header */
		return;
	}
	while (page < end) {
		n = (page_up(end) - page) >> PAGE_SHIFT;
		n = n < sizeof(in) ? n : sizeof(in);
		if (mincore((void *)page, n << PAGE_SHIFT, in))
			return;
		for (i = 0; i < n; i++) {
			page += PAGE_SIZE;
			stop = page < end ? page : end;
			if (in[i] & 1)
				memset((void *)addr, POISON, stop - addr);
			addr = stop;
		}
	}
}

/*
 * The dead objects of an old or pinned block: `was` are its objects before the
 * marking, `live` those after it, one bit a word from `addr` on.
 */
void zeal_poison_dead(uintptr_t addr, size_t len, const uint64_t *was, const uint64_t *live)
{
	uintptr_t p;
	uint64_t bits;
	size_t i;

	for (i = 0; i < len / 512; i++)
		for (bits = was[i] & ~live[i]; bits; bits &= bits - 1) {
			p = addr + i * 512 + (size_t)__builtin_ctzll(bits) * 8 - 8;
			zeal_poison(p, p + hdr_cell(*(uint64_t *)p));
		}
}

static void area_protect(struct gc_heap *h, unsigned area, int prot)
{
	if (h->young_mapped[area] &&
	    mprotect((void *)area_addr(h, area), h->young_mapped[area], prot))
		gc_fatal("mprotect of the young space, for zeal: out of memory maps");
}

/* Before a minor collection: what it empties is noted, where it copies to opened. */
void zeal_minor_begin(struct gc_heap *h)
{
	h->zeal_from[0] = (struct range){ area_addr(h, h->eden), h->young_top };
	h->zeal_from[1] = (struct range){ area_addr(h, h->surv), h->surv_top };
	if (h->zeal & GC_ZEAL_PROTECT)
		area_protect(h, h->surv == SURV_A ? SURV_B : SURV_A, PROT_READ | PROT_WRITE);
}

/* After it. Closed memory keeps its contents: the report of a fault reads them. */
void zeal_minor_end(struct gc_heap *h)
{
	unsigned i;

	if (h->zeal & GC_ZEAL_PROTECT) {
		area_protect(h, h->eden, PROT_READ | PROT_WRITE);
		area_protect(h, h->eden == EDEN_A ? EDEN_B : EDEN_A, PROT_NONE);
		area_protect(h, h->surv == SURV_A ? SURV_B : SURV_A, PROT_NONE);
	} else if (h->zeal & GC_ZEAL_POISON) {
		for (i = 0; i < 2; i++)
			if (h->zeal_from[i].end > h->zeal_from[i].start)
				zeal_poison(h->zeal_from[i].start, h->zeal_from[i].end);
	}
}

/* At the end of a collection, before it is verified. */
void zeal_release(struct gc_heap *h)
{
	uintptr_t cursor = h->commit_top;

	tell_release(h, release_due(h, now_ns(), true, SIZE_MAX, &cursor), LOG_RELEASE_FORCED);
}

/* --- the report of a touch ----------------------------------------------------------- */

static struct gc_heap *shown[HEAPS_SHOWN];
static struct sigaction before; /* what SIGSEGV did without us */

static void say(const char *text)
{
	ssize_t n = write(STDERR_FILENO, text, strlen(text));

	(void)n;
}

/* The object of a closed range that addr lies in. Its header may be its new address. */
static void say_object(struct gc_heap *h, const struct range *r, uintptr_t addr)
{
	uintptr_t p = r->start, next;
	char line[256];
	uint64_t hdr;
	void *to;

	for (;; p = next) {
		hdr = *(uint64_t *)p;
		to = hdr & HDR_FORWARDED ? (void *)(uintptr_t)(hdr & ~HDR_FORWARDED) : NULL;
		if (to)
			hdr = *hdr_of(to);
		next = p + hdr_cell(hdr);
		if (next == p || next > r->end || hdr_type(hdr) >= h->ntypes)
			return;
		if (addr < next)
			break;
	}
	if (to)
		snprintf(line, sizeof(line),
			 "libmpgc: it is at byte %zd of a %s that was at %#zx and is at %p now\n",
			 (ssize_t)(addr - p) - 8, h->types[hdr_type(hdr)].name, (size_t)p + 8, to);
	else
		snprintf(line, sizeof(line),
			 "libmpgc: it is at byte %zd of a %s that was at %#zx and is dead: nothing "
			 "the collector knows of referred to it\n",
			 (ssize_t)(addr - p) - 8, h->types[hdr_type(hdr)].name, (size_t)p + 8);
	say(line);
}

static bool say_fault(struct gc_heap *h, uintptr_t addr)
{
	const struct range *r;
	char line[256];
	unsigned i;

	for (i = 0; i < 2; i++) {
		r = &h->zeal_from[i];
		if (addr < r->start || addr >= r->end)
			continue;
		snprintf(
			line, sizeof(line),
			"libmpgc: a stale reference: %#zx was touched, which minor collection %llu "
			"of heap %u emptied\n",
			(size_t)addr, (unsigned long long)h->minor_count, h->id);
		say(line);
		if (!mprotect((void *)page_down(r->start), page_up(r->end) - page_down(r->start),
			      PROT_READ)) {
			say_object(h, r, addr);
			mprotect((void *)page_down(r->start), page_up(r->end) - page_down(r->start),
				 PROT_NONE);
		}
		say("libmpgc: the variable it came from is no root, or was read before the call "
		    "that "
		    "collected (libmpgc(3), DEBUGGING)\n");
		return true;
	}
	return false;
}

static bool poisoned(uint64_t word)
{
	return word >> 16 == 0xabababababab;
}

/* Whether the thread that faulted has an address in hand that was read from poison. */
static bool poison_used(const siginfo_t *si, const ucontext_t *uc)
{
#ifdef __x86_64__
	int i;

	/* Such an address is no address: the kernel does not say which it was. */
	for (i = 0; i < NGREG && !si->si_addr; i++)
		if (poisoned((uint64_t)uc->uc_mcontext.gregs[i]))
			return true;
#endif
	(void)uc;
	return poisoned((uintptr_t)si->si_addr);
}

/* Says what it knows; then the instruction faults again, and what was there gets it. */
static void on_fault(int sig, siginfo_t *si, void *uc)
{
	bool told = false;
	unsigned i;

	for (i = 0; i < HEAPS_SHOWN && !told; i++)
		if (shown[i])
			told = say_fault(shown[i], (uintptr_t)si->si_addr);
	if (!told && poison_used(si, uc))
		say("libmpgc: a pointer was used that was read from a freed object (0xab...): the "
		    "object's last reference was in no root (libmpgc(3), DEBUGGING)\n");
	sigaction(sig, &before, NULL);
}

/* Once, and again when the program put in a handler of its own meanwhile. */
static void install(void)
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	struct sigaction now;

	sigaction(SIGSEGV, NULL, &now);
	if (now.sa_sigaction == on_fault)
		return;
	before = now;
	sigaction(SIGSEGV, &sa, NULL);
}

static void watch_faults(struct gc_heap *h)
{
	struct gc_heap *none;
	unsigned i;

	install();
	for (i = 0; i < HEAPS_SHOWN; i++) {
		none = NULL;
		if (__atomic_compare_exchange_n(&shown[i], &none, h, false, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			return;
	}
}

void zeal_end(struct gc_heap *h)
{
	unsigned i;

	for (i = 0; i < HEAPS_SHOWN; i++)
		if (shown[i] == h)
			__atomic_store_n(&shown[i], NULL, __ATOMIC_RELAXED);
}
