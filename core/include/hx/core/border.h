/* SPDX-License-Identifier: MIT */
/*
 * Faults of code that the kernel does not vouch for, caught where it was called (CONFIG_BORDERS).
 *
 * An owner is a range of memory with code in it: a loaded module. The kernel calls into it through
 * gates (hx/hal/border.h) only. If the code faults, the innermost call that is under way returns
 * with an error, the locks that it took are free again, and the owner has failed: all its gates
 * answer at once from then on, without calling anything.
 */
#ifndef HX_CORE_BORDER_H
#define HX_CORE_BORDER_H

#include <hx/base.h>
#include <hx/core/mutex.h>
#include <hx/hal/border.h>

/* Field keys: c constant while its gates may be called, f who made it fail, a atomic. */
struct hx_border_owner {
	struct hx_border_gate gate;	/* first; of hx_border_owner_init() */
	const char *name;		/* c */
	uintptr_t start, end;		/* c its memory */
	uintptr_t text_end;		/* c its code lies from start to here */
	uint32_t n_caught;		/* a calls given up */
	uint32_t is_known;		/* a why it failed is complete below */
	uint32_t is_reported;		/* a it was logged */
	const char *what;		/* f "page fault (#PF)", "deadline": constant text */
	uintptr_t pc;			/* f where; 0: nowhere */
	uintptr_t address;		/* f what it could not reach */
	uintptr_t target;		/* f the function that the kernel had called */
	uint32_t thread, cpu;		/* f */
};

/**
 * hx_border_owner_init() - make an owner.
 * @o: name, start, end and text_end are set
 *
 * Returns: nothing.
 * Context: any.
 * Locks:   none.
 * Owner:   the caller's, as long as a call through one of its gates may be under way.
 * Cost:    some stores.
 * Source:  -
 */
void hx_border_owner_init(struct hx_border_owner *o);

/**
 * hx_border_fail() - nobody gets into an owner's code any more.
 * hx_border_has_failed() - whether that is so.
 * @o:    the owner
 * @what: why, a constant text
 *
 * Calls that are under way go on; one that faults then is given up like any other.
 *
 * Returns: nothing; has_failed: true if so.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    an atomic exchange.
 * Source:  -
 */
void hx_border_fail(struct hx_border_owner *o, const char *what);

static inline bool hx_border_has_failed(const struct hx_border_owner *o)
{
	return __atomic_load_n(&o->gate.is_closed, __ATOMIC_ACQUIRE) != 0;
}

/**
 * hx_border_report() - log why an owner failed, if it did and nobody has yet.
 * @o: the owner
 *
 * Done by itself behind the call that faulted, but not if that was made with interrupts or
 * preemption off: then whoever looks next does it.
 *
 * Returns: nothing.
 * Context: thread.
 * Locks:   those of the log and of its console.
 * Owner:   -
 * Cost:    three lines in the log, once.
 * Source:  -
 */
void hx_border_report(struct hx_border_owner *o);

/* True if p lies in the owner's memory. */
static inline bool hx_border_owns(const struct hx_border_owner *o, const void *p)
{
	return (uintptr_t)p >= o->start && (uintptr_t)p < o->end;
}

/**
 * hx_border_set_failed() - who hears that an owner has failed.
 * @fn: called once for each, after the faulting call was given up and before its caller goes on;
 *      with that caller's locks and interrupts, so it must not wait. NULL: nobody
 *
 * Returns: nothing.
 * Context: boot or thread.
 * Locks:   none.
 * Owner:   @fn borrows the owner.
 * Cost:    a store.
 * Source:  -
 */
void hx_border_set_failed(void (*fn)(const struct hx_border_owner *o));

/**
 * hx_border_tick() - count a tick of the call that was interrupted; fail its owner if it is the
 *                    n-th one.
 * @n_ticks: of CPU time in one call, 1..65534; waiting does not count
 *
 * The call itself goes on until somebody takes the code's right to be executed.
 *
 * Returns: nothing.
 * Context: interrupt of a timer, on each CPU, at a steady rate.
 * Locks:   none.
 * Owner:   -
 * Cost:    some loads; a subtraction in a call.
 * Source:  -
 */
void hx_border_tick(uint32_t n_ticks);

/**
 * hx_border_bug() - the running call cannot go on: it ends as if it had faulted.
 * @what: why, a constant text
 * @pc:   where
 *
 * Returns: only if there is no such call, or it cannot be given up.
 * Context: any.
 * Locks:   as an exception there.
 * Owner:   -
 * Cost:    as a fault.
 * Source:  -
 */
void hx_border_bug(const char *what, uintptr_t pc);

#endif
