// SPDX-License-Identifier: MIT
/*
 * Calls that do not come back: a scheduler that is a module loops, with interrupts off and a run
 * queue locked. The CPU that watches this one asks, or one that waits for that run queue
 * (core/thread/stall.c), by NMI, since nothing else is heard there.
 *
 * One NMI proves nothing: the CPU may be in that code at any time, and a virtual one may simply not
 * have run. So it takes three that found the same call, each sent two ticks or more after the one
 * before was taken, and no tick of this CPU in between. Then the call ends as if it had faulted. A
 * CPU that is in the kernel just then, called by that code, is left alone until the next NMI.
 *
 * What this cannot do: the loop of a scheduler that is built in, which has no border; and one CPU
 * alone, where nobody looks. A spinlock of the module that it was just about to note as taken stays
 * taken; nobody gets into the module any more who could want it.
 */
#include <hx/config/core_thread.h>
#include <hx/core/sched_class.h>
#include <hx/core/time.h>
#include <hx/hal/smp.h>
#include <hx/hal/timer.h>
#include <hx/hal/trap.h>

#include "border_priv.h"

#define STRIKES		3u
#define APART_NS	(2 * HX_NS_PER_S / CONFIG_TICK_HZ)

enum ask_state { ASK_NONE, ASK_MADE, ASK_SENT };

/* Field keys: p who made state ASK_MADE, until it is sent; o the CPU that is asked, while it is; a
 * atomic. */
static struct HX_ALIGNED(64) ask {
	uint32_t state;			/* a */
	bool is_again;			/* p */
	const void *provider;		/* p */
	hx_ns_t taken_ns;		/* o the last NMI */
	const struct hx_border *seen;	/* o the call at the last NMI */
	uint32_t n_seen;		/* o how often it was that one */
} asks[HX_CPUS];

void border_ask(unsigned cpu, const void *provider, bool is_again)
{
	struct ask *a = &asks[cpu];
	uint32_t state = ASK_NONE;

	/* Else another CPU asks just now, or that one did not even take the NMI. */
	if (!__atomic_compare_exchange_n(&a->state, &state, ASK_MADE, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return;
	if (hx_now_ns() - a->taken_ns < APART_NS) {
		__atomic_store_n(&a->state, ASK_NONE, __ATOMIC_RELEASE);
		return;
	}
	a->provider = provider;
	a->is_again = is_again;
	__atomic_store_n(&a->state, ASK_SENT, __ATOMIC_RELEASE);
	hx_cpu_nmi(cpu);
}

/* Is it the same call as before? */
static bool is_out_of_time(struct ask *a, const struct hx_border *b)
{
	if (b == NULL || !hx_border_owns(border_owner(b), a->provider)) {
		a->seen = NULL;
		return false;
	}
	if (a->seen != b || !a->is_again) {
		a->seen = b;
		a->n_seen = 0;
	}
	return ++a->n_seen == STRIKES;
}

bool border_break(struct hx_trap_frame *f, struct hx_border *b)
{
	struct ask *a = &asks[hx_percpu()->cpu];
	bool ends;

	if (__atomic_load_n(&a->state, __ATOMIC_ACQUIRE) != ASK_SENT)
		return false;
	ends = is_out_of_time(a, b);
	if (ends) {
		a->seen = NULL;
		border_note(b, "does not come back", hx_trap_pc(f), 0);
		border_give_up(b);
		hx_border_unwind(f, b);
	}
	a->taken_ns = hx_now_ns();
	__atomic_store_n(&a->state, ASK_NONE, __ATOMIC_RELEASE);
	return true;
}
