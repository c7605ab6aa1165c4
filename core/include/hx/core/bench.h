/* SPDX-License-Identifier: MIT */
/*
 * Benchmarks inside the kernel (CONFIG_BENCH): helix.bench=all|<glob>. Each measures one operation
 * n times with hx_cycles(), which under -icount shift=0 counts guest instructions exactly; the cost
 * of reading the counter is measured first and taken off. One JSON line per figure.
 *
 *	HX_BENCH(yield, "sched.yield", "hx_yield() with no other runnable thread")
 *	{
 *		while (hx_bench_more(b)) {
 *			hx_bench_begin(b);
 *			hx_yield();
 *			hx_bench_end(b);
 *		}
 *		return 0;
 *	}
 */
#ifndef HX_CORE_BENCH_H
#define HX_CORE_BENCH_H

#include <hx/base.h>
#include <hx/hal/cpu.h>

struct hx_bench_run {
	uint32_t *samples;	/* room for n_max */
	uint32_t n_max, n;	/* a benchmark may lower n_max for itself */
	uint64_t overhead;	/* cycles of an empty begin/end pair */
	uint64_t t0;
	const char *unit;	/* NULL: time, in what helix.bench.unit= says: "insn" or "cycles" */
};

struct hx_bench {
	const char *name;	/* "sched.switch", as in docs/benchmarks.md */
	const char *help;	/* what exactly is measured */
	/* Takes samples. 0; -HX_ENOTSUP: cannot be measured here, no figure; else it failed. */
	int (*fn)(struct hx_bench_run *b);
};

HX_SECTION_BOUNDS(hx_benches, struct hx_bench);

#define HX_BENCH(ident, name_, help_) \
	static int bench_##ident(struct hx_bench_run *b); \
	static const struct hx_bench hx_bench_##ident = { name_, help_, bench_##ident }; \
	HX_REGISTER(hx_benches, bench_##ident, struct hx_bench, &hx_bench_##ident); \
	static int bench_##ident(struct hx_bench_run *b)

/**
 * hx_bench_more(), hx_bench_begin(), hx_bench_end() - one sample after the other.
 * @b: the run
 *
 * hx_bench_more() - whether there is room for another sample.
 * hx_bench_begin() - the operation starts now.
 * hx_bench_end() - the operation has ended: one sample more. Only after hx_bench_more() said yes.
 *
 * Returns: more: true while samples are wanted.
 * Context: the benchmark's; begin and end on one CPU.
 * Locks:   none.
 * Owner:   -
 * Cost:    begin to end: one read of the counter, which is taken off.
 * Source:  -
 */
static HX_ALWAYS_INLINE bool hx_bench_more(const struct hx_bench_run *b)
{
	return b->n < b->n_max;
}

static HX_ALWAYS_INLINE void hx_bench_begin(struct hx_bench_run *b)
{
	b->t0 = hx_cycles();
}

static HX_ALWAYS_INLINE void hx_bench_end(struct hx_bench_run *b)
{
	uint64_t d = hx_cycles() - b->t0;

	b->samples[b->n++] = (uint32_t)(d > b->overhead ? d - b->overhead : 0);
}

/**
 * hx_bench_sample(), hx_bench_value() - a sample that was taken in another way.
 * @b:      the run
 * @cycles: between two readings of the counter (ping-pong: one whole round)
 *
 * hx_bench_sample() - cycles between two readings of hx_cycles(); the cost of reading is taken off.
 * hx_bench_value() - anything else (bytes, a time without the counter's cost); kept as it is.
 *
 * Returns: nothing. Past n_max it does nothing; above 2^32 - 1 it is kept as 2^32 - 1.
 * Context: the benchmark's.
 * Locks:   none.
 * Owner:   -
 * Cost:    a store.
 * Source:  -
 */
static inline void hx_bench_value(struct hx_bench_run *b, uint64_t value)
{
	if (b->n < b->n_max)
		b->samples[b->n++] = (uint32_t)hx_min_u64(value, UINT32_MAX);
}

static inline void hx_bench_sample(struct hx_bench_run *b, uint64_t cycles)
{
	hx_bench_value(b, cycles > b->overhead ? cycles - b->overhead : 0);
}

#endif
