// SPDX-License-Identifier: MIT
/*
 * Locks under fire: all CPUs at once, in interrupts, on the same words. Plain counters and pairs of
 * values tell whether two were inside at a time.
 */
#include <hx/core/ktest.h>
#include <hx/core/rwlock.h>
#include <hx/core/seqlock.h>

#include "smp_priv.h"

#define ROUNDS		100000u
#define RW_ROUNDS	20000u
#define WRITE_EVERY	8u
#define START_SPINS	100000000u	/* far more than CPUs need to come together */

static struct hx_spinlock spin = HX_SPINLOCK_INIT("test", HX_RANK_NONE);
static struct hx_spinlock other = HX_SPINLOCK_INIT("other", HX_RANK_NONE);
static struct hx_rwlock rw = HX_RWLOCK_INIT("test rw", HX_RANK_NONE);
static struct hx_seqlock seq = HX_SEQLOCK_INIT("test seq", HX_RANK_NONE);
static uint64_t counter;	/* spin */
static volatile uint64_t left_half, right_half;	/* rw, seq: equal outside of a writer */
static uint32_t n_here, n_wrong, n_writes, n_readers, n_most;

static void start_over(void)
{
	counter = left_half = right_half = 0;
	n_here = n_wrong = n_writes = n_readers = n_most = 0;
}

static void add(uint32_t *n)
{
	__atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
}

/* All CPUs begin together. */
static void meet(void)
{
	__atomic_fetch_add(&n_here, 1, __ATOMIC_ACQ_REL);
	for (uint32_t i = 0; i < START_SPINS; i++) {
		if (__atomic_load_n(&n_here, __ATOMIC_ACQUIRE) == hx_cpu_count())
			return;
		hx_cpu_relax();
	}
	add(&n_wrong);
}

static void count_up(void *arg)
{
	meet();
	for (uint32_t i = 0; i < ROUNDS; i++) {
		hx_spin_lock(&spin);
		counter++;
		hx_spin_unlock(&spin);
	}
}

HX_KTEST(lock_spin_counter_is_exact_on_all_cpus)
{
	start_over();
	hx_cpu_call_all(count_up, NULL);
	hx_expect(t, n_wrong == 0);
	hx_expect(t, counter == (uint64_t)ROUNDS * hx_cpu_count());
	hx_expect(t, spin.locked == 0);
}

/* Two locks, and one of them only tried for. */
static void try_and_take(void *arg)
{
	hx_irqflags_t flags, inner;

	meet();
	for (uint32_t i = 0; i < RW_ROUNDS; i++) {
		while (!hx_spin_trylock_irqsave(&other, &flags))
			hx_cpu_relax();
		inner = hx_spin_lock_irqsave(&spin);
		counter++;
		hx_spin_unlock_irqrestore(&spin, inner);
		hx_spin_unlock_irqrestore(&other, flags);
		flags = hx_spin_lock_irqsave(&spin);
		counter++;
		hx_spin_unlock_irqrestore(&spin, flags);
	}
}

HX_KTEST(lock_spin_and_trylock_mix)
{
	start_over();
	hx_cpu_call_all(try_and_take, NULL);
	hx_expect(t, n_wrong == 0 && counter == 2ull * RW_ROUNDS * hx_cpu_count());
	hx_expect(t, spin.locked == 0 && other.locked == 0);
}

static void note_most(uint32_t n)
{
	uint32_t most = __atomic_load_n(&n_most, __ATOMIC_RELAXED);

	while (n > most && !__atomic_compare_exchange_n(&n_most, &most, n, false, __ATOMIC_RELAXED,
							__ATOMIC_RELAXED))
		;
}

static void read_and_write(void *arg)
{
	meet();
	for (uint32_t i = 0; i < RW_ROUNDS; i++) {
		if (i % WRITE_EVERY == hx_percpu()->cpu % WRITE_EVERY) {
			hx_rw_write_lock(&rw);
			left_half++;
			if (__atomic_load_n(&n_readers, __ATOMIC_RELAXED) != 0)
				add(&n_wrong);
			right_half++;
			hx_rw_write_unlock(&rw);
			add(&n_writes);
		} else {
			hx_rw_read_lock(&rw);
			note_most(__atomic_add_fetch(&n_readers, 1, __ATOMIC_RELAXED));
			if (left_half != right_half)
				add(&n_wrong);
			__atomic_fetch_sub(&n_readers, 1, __ATOMIC_RELAXED);
			hx_rw_read_unlock(&rw);
		}
	}
}

HX_KTEST(lock_rw_writers_are_alone)
{
	start_over();
	hx_cpu_call_all(read_and_write, NULL);
	hx_expect(t, n_wrong == 0);
	hx_expect(t, left_half == n_writes && right_half == n_writes);
	hx_expect(t, n_writes == hx_cpu_count() * (RW_ROUNDS / WRITE_EVERY));
	hx_expect(t, rw.word == 0 && rw.queue.locked == 0);
}

static void read_while_reading(void *arg)
{
	hx_rw_read_lock(&rw);
	note_most(__atomic_add_fetch(&n_readers, 1, __ATOMIC_RELAXED));
	meet();
	__atomic_fetch_sub(&n_readers, 1, __ATOMIC_RELAXED);
	hx_rw_read_unlock(&rw);
}

HX_KTEST(lock_rw_readers_share)
{
	start_over();
	hx_cpu_call_all(read_while_reading, NULL);
	hx_expect(t, n_wrong == 0 && n_most == hx_cpu_count());
}

/* CPU 0 writes, the others read; alone it does both in turn. */
static void seq_work(void *arg)
{
	hx_irqflags_t flags;
	uint64_t l, r;
	uint32_t n;

	meet();
	for (uint32_t i = 0; i < RW_ROUNDS; i++) {
		if (hx_percpu()->cpu == 0) {
			flags = hx_seq_write_lock(&seq);
			left_half++;
			right_half++;
			hx_seq_write_unlock(&seq, flags);
		}
		do {
			n = hx_seq_read_begin(&seq);
			l = left_half;
			r = right_half;
		} while (hx_seq_read_again(&seq, n));
		if (l != r)
			add(&n_wrong);
	}
}

HX_KTEST(lock_seq_readers_see_whole_pairs)
{
	start_over();
	hx_cpu_call_all(seq_work, NULL);
	hx_expect(t, n_wrong == 0 && left_half == RW_ROUNDS && right_half == RW_ROUNDS);
}
