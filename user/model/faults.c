/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * faults.c - the fold of page faults: which pages they bring in.
 */
#include <errno.h>

#include "user/model/internal.h"
#include "user/model/maptab.h"

/* Does the kernel let such an access through (access_error in arch/x86/mm/fault.c)?
 * A fault is told before it is handled: one that ends in a signal brings nothing. */
static bool fault_allowed(const struct mp_mapping *v, uint8_t kind)
{
	if (kind & MP_FAULT_WRITE)
		return v->bits & MP_MAP_W;
	return v->bits & (MP_MAP_R | MP_MAP_W | MP_MAP_X);
}

/*
 * Does a fault of this kind leave the page resident? A read of private
 * anonymous memory maps the zero page: a fault, but not in RSS
 * (do_anonymous_page). Reads of files and shmem bring the page in.
 */
static bool fault_makes_resident(const struct mp_mapping *v, uint8_t kind)
{
	if (v && !fault_allowed(v, kind))
		return false;
	if (kind & (MP_FAULT_WRITE | MP_FAULT_NOKIND))
		return true;
	if (kind & MP_FAULT_PRESENT) /* a protection fault that was no write */
		return false;
	return v && (v->bits & (MP_MAP_FILE | MP_MAP_SHMEM | MP_MAP_SHARED));
}

static void count_faults(struct mp_proc *p, const struct mp_event *e)
{
	struct mp_point *pt = tl_now(p);

	p->faults += e->x;
	if (e->sub & MP_FAULT_KERNEL)
		p->faults_kernel += e->x;
	else
		p->faults_user += e->x;
	if (e->sub & MP_FAULT_WRITE)
		p->faults_write += e->x;
	if (e->sub & MP_FAULT_PRESENT)
		p->faults_present += e->x;
	if (pt)
		pt->faults += e->x;
}

int fold_fault(struct mp_model *m, struct mp_proc *p, const struct mp_event *e)
{
	uint64_t addr = e->fault.addr, end = addr + (uint64_t)e->x * MP_PAGE_SIZE;
	struct range_effect eff = { .e = e };
	struct mp_mapping *next;

	if (e->x > PAGES_MAX || !range_ok(addr, end - addr))
		return -EINVAL;
	if (p->mm_gone) /* nobody's: the struct of the mm was used again */
		return 0;
	count_faults(p, e);
	next = maptab_above(p, addr);
	while (addr < end) {
		struct mp_mapping *v = next;
		uint64_t stop = end;

		if (v && v->start > addr)
			v = maps_grow_stack(p, addr, m);
		if (v && v->start > addr)
			v = NULL;
		if (v) {
			stop = v->end < end ? v->end : end;
			v->faults += (stop - addr) / MP_PAGE_SIZE;
			v->last_ts = e->ts;
			next = v->next;
		} else if (next && next->start < end) {
			stop = next->start;
		}
		if (fault_makes_resident(v, e->sub)) {
			int err = pages_set(p, addr, stop - addr, &eff);

			if (err)
				return err;
		}
		addr = stop;
	}
	p->pages_added += eff.pages;
	p->heap_taken += eff.heap_taken;
	if (eff.heap_refaulted)
		pair_refault(p, eff.heap_refaulted * MP_PAGE_SIZE);
	return 0;
}
