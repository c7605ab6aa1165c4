/* SPDX-License-Identifier: MIT */
/*
 * Heap "firstfit": walks over the whole run, for tests and reports.
 */
#include "firstfit_priv.h"

HX_COLD void firstfit_walk(void (*visit)(void *arg, void *p, size_t usable), void *arg)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&firstfit.lock);

	for (uintptr_t a = firstfit.start; a < firstfit.end; a += ((struct block *)a)->bytes) {
		if (((struct block *)a)->mark == a + LIVE)
			visit(arg, (void *)(a + HEAD), ((struct block *)a)->bytes - HEAD);
	}
	hx_spin_unlock_irqrestore(&firstfit.lock, irq);
}

/* All three invariants, in one walk over the run beside one along the list. */
HX_COLD int firstfit_check(void)
{
	const struct block *list = firstfit.free, *b;
	bool was_free = false;

	for (uintptr_t a = firstfit.start; a < firstfit.end; a += b->bytes) {
		bool is_free;

		b = (const struct block *)a;
		is_free = b->mark == a + FREE;
		if (b->bytes < SMALLEST || b->bytes > firstfit.end - a ||
		    (is_free ? list != b || was_free : b->mark != a + LIVE))
			return -HX_EBADMSG;
		if (is_free)
			list = b->next;
		was_free = is_free;
	}
	return list == NULL ? 0 : -HX_EBADMSG;
}
