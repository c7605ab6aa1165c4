/* SPDX-License-Identifier: MIT */
/*
 * Locks under fire from threads that really run at once: spinlock, reader-writer lock, sequence
 * lock. What they guard is plain memory, so that ThreadSanitizer sees a missing barrier as a race.
 */
#include <hx/core/rwlock.h>
#include <hx/core/seqlock.h>

#include "cpus.h"

#define CPUS	4u
#define ROUNDS	(4000u * cpus_scale)

static struct hx_spinlock spin = HX_SPINLOCK_INIT("spin", HX_RANK_NONE);
static struct hx_spinlock other = HX_SPINLOCK_INIT("other", HX_RANK_NONE);
static struct hx_rwlock rw = HX_RWLOCK_INIT("rw", HX_RANK_NONE);
static struct hx_seqlock seq = HX_SEQLOCK_INIT("seq", HX_RANK_NONE);
static uint64_t counter;			/* spin */
static uint64_t left_half, right_half;		/* rw */
static uint64_t seq_left, seq_right;		/* atomic: that is what a sequence lock is for */
static uint32_t n_wrong, n_reads, n_readers, n_together, n_posted;

static int begin(void **state)
{
	counter = left_half = right_half = seq_left = seq_right = 0;
	n_wrong = n_reads = n_readers = n_together = n_posted = 0;
	cpus_begin(CPUS);
	return 0;
}

static int end(void **state)
{
	cpus_end();
	return 0;
}

static void add(uint32_t *n)
{
	__atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
}

static void count_up(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		hx_spin_lock(&spin);
		counter++;
		hx_spin_unlock(&spin);
	}
}

static void counter_under_a_spinlock_is_exact(void **state)
{
	cpus_all(count_up, NULL);
	assert_int_equal(counter, CPUS * ROUNDS);
	assert_int_equal(spin.locked, 0);
}

static void count_in_interrupt(void *arg)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&spin);

	counter++;
	hx_spin_unlock_irqrestore(&spin, flags);
	add(&n_posted);
}

/* Interrupts come on top of threads that hold another lock, and that have this one queued for. */
static void count_and_interrupt(void *arg)
{
	struct hx_cpu_work w = { .fn = count_in_interrupt };
	hx_irqflags_t flags;

	for (unsigned i = 0; i < ROUNDS / 8; i++) {
		if (hx_cpu_post((hx_percpu()->cpu + 1) % CPUS, &w) != 0)
			add(&n_wrong);
		while (!hx_spin_trylock_irqsave(&other, &flags))
			hx_cpu_relax();
		count_in_interrupt(NULL);
		hx_spin_unlock_irqrestore(&other, flags);
		while (!hx_cpu_work_is_done(&w))
			hx_cpu_relax();
	}
}

static void interrupts_take_the_same_lock(void **state)
{
	cpus_all(count_and_interrupt, NULL);
	assert_int_equal(n_wrong, 0);
	assert_int_equal(counter, 2 * CPUS * (ROUNDS / 8));
	assert_int_equal(counter, n_posted);
	assert_int_equal(spin.locked | other.locked, 0);
}

static void read_or_write(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (i % 8 == hx_percpu()->cpu) {
			hx_rw_write_lock(&rw);
			left_half++;
			if (i % 32 == hx_percpu()->cpu)
				hx_cpu_relax();		/* others look meanwhile */
			right_half++;
			hx_rw_write_unlock(&rw);
			continue;
		}
		hx_rw_read_lock(&rw);
		if (__atomic_add_fetch(&n_readers, 1, __ATOMIC_RELAXED) > 1)
			add(&n_together);
		if (left_half != right_half)
			add(&n_wrong);
		if (i % 64 == 0)
			hx_cpu_relax();		/* others come meanwhile */
		__atomic_fetch_sub(&n_readers, 1, __ATOMIC_RELAXED);
		hx_rw_read_unlock(&rw);
	}
}

static void readers_are_together_and_see_no_writer(void **state)
{
	cpus_all(read_or_write, NULL);
	assert_int_equal(n_wrong, 0);
	assert_int_equal(left_half, CPUS * (ROUNDS / 8));
	assert_int_not_equal(n_together, 0);
	assert_int_equal(rw.word, 0);
}

/* Readers that overlap all the time do not keep a writer out. */
static void write_once_or_read_on(void *arg)
{
	if (hx_percpu()->cpu == 0) {
		while (__atomic_load_n(&n_reads, __ATOMIC_RELAXED) < 10 * CPUS)
			hx_cpu_relax();
		hx_rw_write_lock(&rw);
		left_half = 1;
		hx_rw_write_unlock(&rw);
		return;
	}
	for (bool written = false; !written; add(&n_reads)) {
		hx_rw_read_lock(&rw);
		for (unsigned i = 0; i < 5; i++)
			hx_cpu_relax();
		written = left_half != 0;
		hx_rw_read_unlock(&rw);
	}
}

static void a_writer_gets_in_between_readers(void **state)
{
	cpus_all(write_once_or_read_on, NULL);
	assert_int_equal(left_half, 1);
}

static void seq_read_or_write(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t l, r;
		uint32_t n;

		if (hx_percpu()->cpu < 2 && i % 4 == 0) {
			hx_irqflags_t flags = hx_seq_write_lock(&seq);

			__atomic_store_n(&seq_left, seq_left + 1, __ATOMIC_RELAXED);
			__atomic_store_n(&seq_right, seq_right + 1, __ATOMIC_RELAXED);
			hx_seq_write_unlock(&seq, flags);
			continue;
		}
		do {
			n = hx_seq_read_begin(&seq);
			l = __atomic_load_n(&seq_left, __ATOMIC_RELAXED);
			r = __atomic_load_n(&seq_right, __ATOMIC_RELAXED);
		} while (hx_seq_read_again(&seq, n));
		if (l != r)
			add(&n_wrong);
	}
}

static void seqlock_readers_see_whole_states(void **state)
{
	cpus_all(seq_read_or_write, NULL);
	assert_int_equal(n_wrong, 0);
	assert_int_equal(seq_left, 2 * (ROUNDS / 4));
	assert_int_equal(seq.number, 2 * seq_left);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(counter_under_a_spinlock_is_exact, begin, end),
		cmocka_unit_test_setup_teardown(interrupts_take_the_same_lock, begin, end),
		cmocka_unit_test_setup_teardown(readers_are_together_and_see_no_writer, begin, end),
		cmocka_unit_test_setup_teardown(a_writer_gets_in_between_readers, begin, end),
		cmocka_unit_test_setup_teardown(seqlock_readers_see_whole_states, begin, end),
	};

	return cmocka_run_group_tests_name("locks on several CPUs", tests, NULL, NULL);
}
