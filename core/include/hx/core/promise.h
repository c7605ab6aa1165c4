/* SPDX-License-Identifier: MIT */
/*
 * Which CPU promises a thread its time before each deadline, for schedulers that keep deadlines.
 *
 * Each CPU keeps the deadlines of its own threads (partitioned scheduling): a promise is made by
 * one CPU, for at most 95 % of it in sum, and the thread stays there while it holds. A thread that
 * is new is put onto the first CPU with room, counted from 0. First fit, because a refusal then
 * says most about the machine: no rule that decides without knowing what comes next does better in
 * the worst case. For promises of at most 1/b of the sum of a CPU each, what is refused goes beyond
 * (b m + 1) / (b + 1) of m CPUs; best fit has the same bound and looks at all of them, worst fit
 * (the emptiest CPU) has only m - (m - 1) / b. It also leaves the last CPUs free for a great one. A
 * thread that is somewhere and changes its terms stays there if they fit, since moving costs.
 *
 * Source: Lopez, Diaz, Garcia: Utilization Bounds for EDF Scheduling on Real-Time Multiprocessor
 * Systems, Real-Time Systems 28(1), 2004 (theorems for first, best and worst fit).
 */
#ifndef HX_CORE_PROMISE_H
#define HX_CORE_PROMISE_H

#include <hx/base.h>
#include <hx/core/intent.h>
#include <hx/hal/cpu.h>

struct hx_thread;

#define HX_PROMISE_MAX_PPM	950000u		/* of one CPU; the rest keeps all others alive */

/* Which CPU of a mask promises want_ppm to a thread that is on CPU own, where it has has_ppm; own
 * HX_CPUS_MAX: on none yet. sums_ppm: what each has promised. -HX_ENOSPC: none. Any context. */
static inline int hx_promise_cpu(const uint32_t *sums_ppm, uint64_t cpus, unsigned own,
				 uint32_t has_ppm, uint32_t want_ppm)
{
	if (own < HX_CPUS_MAX && (cpus >> own & 1) != 0 &&
	    sums_ppm[own] - has_ppm + want_ppm <= HX_PROMISE_MAX_PPM)
		return (int)own;
	for (; cpus != 0; cpus &= cpus - 1) {
		int cpu = __builtin_ctzll(cpus);

		if (sums_ppm[cpu] + want_ppm <= HX_PROMISE_MAX_PPM)
			return cpu;
	}
	return -HX_ENOSPC;
}

/* runtime / deadline in millionths: the part of a CPU that keeps any deadline up to the period.
 * Rounded down, so that 19 times 5 % fit; but nobody is free. 0: no deadline. Any context. */
static inline uint32_t hx_promise_density(const struct hx_intent *want)
{
	uint64_t runtime = want->runtime_ns, deadline = want->deadline_ns;

	if (deadline == 0)
		return 0;
	while (deadline >> 43 != 0) {
		runtime >>= 1;
		deadline >>= 1;
	}
	return (uint32_t)hx_max_u64(runtime * 1000000 / deadline, 1);
}

/**
 * hx_sched_promise() - for admit of a scheduler: promise a part of one CPU to a thread.
 * @t:    admit's
 * @want: admit's; its affinity says which CPUs are asked
 * @ppm:  how much, in millionths, in place of what @t was promised before; 0: give that back
 *
 * While it holds, the thread runs on that CPU only (t->home): core brings it there once admit has
 * returned 0. Gives everything back when @want is NULL.
 *
 * Returns: 0; -HX_ENOSPC none of the CPUs has so much left below HX_PROMISE_MAX_PPM: nothing
 *          changed.
 * Context: thread or boot, from admit.
 * Locks:   takes the lock of promises (HX_RANK_LEAF).
 * Owner:   -
 * Cost:    O(CPUs).
 * Source:  see above.
 */
HX_MUST_CHECK int hx_sched_promise(struct hx_thread *t, const struct hx_intent *want,
				   uint32_t ppm);

/**
 * hx_sched_promised_ppm() - what a CPU has promised.
 * @cpu: its number
 *
 * Returns: the sum, in millionths of the CPU; 0 if there is no such CPU.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a load.
 * Source:  -
 */
uint32_t hx_sched_promised_ppm(unsigned cpu);

#endif
