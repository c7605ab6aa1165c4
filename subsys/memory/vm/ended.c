/* SPDX-License-Identifier: MIT */
/*
 * Threads whose user mode cannot go on: a record, a line in the log, the end of the thread.
 *
 * It runs in the thread itself, on its kernel stack, which the exception has just begun anew; so it
 * may take the space's mutex, and hx_thread_exit() leaves the space as the end of any thread does.
 */
#include <hx/core/lock.h>
#include <hx/core/log.h>
#include <hx/core/string.h>
#include <hx/hal/timer.h>
#include <hx/hal/trap.h>

#include "vm_priv.h"

static struct hx_spinlock ends_lock = HX_SPINLOCK_INIT("vm ends", HX_RANK_LEAF);
static struct hx_vm_end ends[HX_VM_ENDS];	/* ends_lock; number n at n % HX_VM_ENDS */
static uint64_t n_ends;				/* ends_lock */

/* A guard right below a stack: the range it may not grow into, or its last page. */
static bool is_below_stack(const struct vm_region *r)
{
	const struct vm_region *above = vm_region_next(r);

	return (r->flags & HX_VM_GUARD) != 0 && above != NULL && above->start == r->end &&
	       (above->flags & HX_VM_STACK) != 0;
}

static void describe_region(struct hx_vm_space *s, struct hx_vm_end *e)
{
	const struct vm_region *r;

	if (s == NULL || e->va == 0 || !hx_vm_region(s, e->va, &e->region))
		return;
	if (e->va < e->region.start) {
		e->region = (struct hx_vm_region_info){ .start = 0 };
		return;
	}
	hx_mutex_lock(&s->lock);
	r = vm_region_at(s, e->va);
	e->is_overflow = r != NULL && e->va >= r->start && is_below_stack(r);
	hx_mutex_unlock(&s->lock);
}

static void keep(struct hx_vm_end *e)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&ends_lock);

	e->number = ++n_ends;
	ends[e->number % HX_VM_ENDS] = *e;
	hx_spin_unlock_irqrestore(&ends_lock, irq);
}

void vm_end_thread(struct hx_trap_frame *f, int err)
{
	const struct hx_thread *self = hx_thread_self();
	struct hx_vm_space *s = hx_vm_self();
	struct hx_vm_end e = {
		.at_ns = hx_now_ns(), .thread = self->id, .err = err, .vector = hx_trap_vector(f),
		.pc = hx_trap_pc(f), .sp = hx_trap_sp(f), .va = hx_trap_fault_address(f),
	};

	if (hx_thread_user_ends(self))
		hx_thread_exit(-HX_ECANCELED);
	hx_strlcpy(e.name, self->name, sizeof(e.name));
	hx_trap_describe(f, e.cause, sizeof(e.cause));
	describe_region(s, &e);
	keep(&e);
	hx_warn("vm", "thread %u %s ended at %#jx: %s%s: %s", e.thread, e.name, (uintmax_t)e.pc,
		e.is_overflow ? "stack overflow: " : "", hx_trap_name(f), e.cause);
	hx_thread_exit(err);
}

bool hx_vm_last_end(uint32_t thread, unsigned nth, struct hx_vm_end *out)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&ends_lock);
	uint64_t last = n_ends > HX_VM_ENDS ? n_ends - HX_VM_ENDS : 0;
	bool found = false;

	for (uint64_t n = n_ends; n > last && !found; n--) {
		const struct hx_vm_end *e = &ends[n % HX_VM_ENDS];

		if (thread != 0 && e->thread != thread)
			continue;
		found = nth-- == 0;
		if (found)
			*out = *e;
	}
	hx_spin_unlock_irqrestore(&ends_lock, irq);
	return found;
}
