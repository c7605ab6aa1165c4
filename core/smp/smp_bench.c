// SPDX-License-Identifier: MIT
/*
 * What it costs to have something done on other CPUs, and a lock that several CPUs may want. Under
 * -icount all CPUs share one count of instructions and take turns, so a figure that waits for
 * others counts theirs as well, and their idling in turn.
 */
#include <hx/core/bench.h>
#include <hx/core/grace.h>
#include <hx/core/rwlock.h>
#include <hx/core/seqlock.h>

#include "smp_priv.h"

static struct hx_spinlock bench_lock = HX_SPINLOCK_INIT("bench", HX_RANK_LEAF);
static struct hx_rwlock bench_rw = HX_RWLOCK_INIT("bench rw", HX_RANK_LEAF);
static struct hx_seqlock bench_seq = HX_SEQLOCK_INIT("bench seq", HX_RANK_LEAF);

HX_BENCH(spin_irq_pair, "spin.irq_pair", "hx_spin_lock_irqsave() and unlock, nobody else wants it")
{
	hx_irqflags_t flags;

	while (hx_bench_more(b)) {
		hx_bench_begin(b);
		flags = hx_spin_lock_irqsave(&bench_lock);
		hx_spin_unlock_irqrestore(&bench_lock, flags);
		hx_bench_end(b);
	}
	return 0;
}

HX_BENCH(rw_read_pair, "rwlock.read_pair", "hx_rw_read_lock() and unlock, no writer")
{
	while (hx_bench_more(b)) {
		hx_bench_begin(b);
		hx_rw_read_lock(&bench_rw);
		hx_rw_read_unlock(&bench_rw);
		hx_bench_end(b);
	}
	return 0;
}

HX_BENCH(seq_read, "seqlock.read", "hx_seq_read_begin() and again, no writer")
{
	uint32_t n;

	while (hx_bench_more(b)) {
		hx_bench_begin(b);
		do {
			n = hx_seq_read_begin(&bench_seq);
		} while (hx_seq_read_again(&bench_seq, n));
		hx_bench_end(b);
	}
	return 0;
}

HX_BENCH(grace_read, "grace.read", "hx_read_begin() and hx_read_end()")
{
	while (hx_bench_more(b)) {
		hx_bench_begin(b);
		hx_read_begin();
		hx_read_end();
		hx_bench_end(b);
	}
	return 0;
}

static void nothing(void *arg)
{
}

HX_BENCH(ipi_round_trip, "ipi.round_trip", "hx_cpu_call() of nothing on CPU 1, which idles")
{
	while (hx_bench_more(b)) {
		hx_bench_begin(b);
		if (hx_cpu_call(1, nothing, NULL) != 0)
			return -HX_ENOTSUP;
		hx_bench_end(b);
	}
	return 0;
}

/* One page, on exactly n CPUs, this one and the lowest others. */
static int shootdown(struct hx_bench_run *b, unsigned n)
{
	struct hx_cpumask cpus = { (n == 64 ? 0 : 1ull << n) - 1 };
	uintptr_t va = hx_mmu_area(HX_AREA_MODULES).start;

	if (hx_cpu_count() < n)
		return -HX_ENOTSUP;
	while (hx_bench_more(b)) {
		hx_bench_begin(b);
		hx_tlb_shootdown(&cpus, va, 1);
		hx_bench_end(b);
	}
	return 0;
}

HX_BENCH(shootdown_1, "tlb.shootdown.1", "hx_tlb_shootdown() of a page on this CPU")
{
	return shootdown(b, 1);
}

HX_BENCH(shootdown_2, "tlb.shootdown.2", "the same on 2 CPUs, the others idle")
{
	return shootdown(b, 2);
}

HX_BENCH(shootdown_4, "tlb.shootdown.4", "the same on 4 CPUs")
{
	return shootdown(b, 4);
}

HX_BENCH(shootdown_8, "tlb.shootdown.8", "the same on 8 CPUs")
{
	return shootdown(b, 8);
}
