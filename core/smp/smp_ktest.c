// SPDX-License-Identifier: MIT
/*
 * Several CPUs in the booted kernel: all are there, each with its own area; they answer calls from
 * everywhere to everywhere, forget translations when told, and kick each other. With one CPU in
 * the machine the tests that need a second one say so.
 */
#include <hx/core/frames.h>
#include <hx/core/ktest.h>
#include <hx/core/lock.h>
#include <hx/core/string.h>
#include <hx/hal/mmu.h>
#include <hx/hal/smp.h>

#include "smp_priv.h"

#define ROUND_TRIPS	10000u
#define ALL_TO_ALL	50u
#define TEST_VA(i)	(hx_mmu_area(HX_AREA_MODULES).end - (16 + (i)) * HX_PAGE_SIZE)

static bool needs_others(struct hx_ktest_run *t)
{
	if (hx_cpu_count() > 1)
		return true;
	hx_ktest_skip(t, "one CPU");
	return false;
}

HX_KTEST(smp_all_cpus_are_up)
{
	unsigned present = hx_cpus_present(), wanted = present < HX_CPUS ? present : HX_CPUS;

	hx_expect(t, hx_cpu_count() == wanted);
	for (unsigned cpu = 0; cpu < wanted; cpu++)
		hx_expect(t, hx_cpu_state(cpu) == HX_CPU_ONLINE);
	hx_expect(t, hx_cpu_state(HX_CPUS_MAX) == HX_CPU_ABSENT);
}

struct seen {
	struct hx_percpu *area;
	uint32_t cpu, irq_depth;
	bool irqs_on;
};

static void look(void *arg)
{
	struct seen *s = arg;

	*s = (struct seen){
		.area = hx_percpu_self(), .cpu = hx_percpu()->cpu,
		.irq_depth = hx_percpu()->irq_depth, .irqs_on = hx_irq_are_enabled(),
	};
}

HX_KTEST(smp_each_cpu_has_its_own_area)
{
	uint64_t left = hx_cpus_online().bits;

	while (left != 0) {
		unsigned cpu = hx_cpumask_take(&left);
		struct seen s = { .area = NULL };

		hx_require(t, hx_cpu_call(cpu, look, &s) == 0);
		hx_expect(t, s.area == hx_percpu_of(cpu) && s.cpu == cpu);
		hx_expect(t, !s.irqs_on);
		hx_expect(t, s.irq_depth == (cpu != hx_percpu()->cpu));
	}
	hx_expect(t, hx_cpu_call(HX_CPUS_MAX, look, NULL) == -HX_ENODEV);
}

static void count(void *arg)
{
	__atomic_fetch_add((uint32_t *)arg, 1, __ATOMIC_RELAXED);
}

HX_KTEST(smp_ten_thousand_round_trips)
{
	uint32_t n = 0;

	if (!needs_others(t))
		return;
	for (unsigned i = 0; i < ROUND_TRIPS; i++)
		hx_require(t, hx_cpu_call(1 + i % (hx_cpu_count() - 1), count, &n) == 0);
	hx_expect(t, n == ROUND_TRIPS);
}

struct all_to_all {
	uint32_t n;
	uint32_t here;		/* CPUs that have come to the start */
	uint32_t n_cpus;
};

/* Each CPU waits for the others, in the interrupt, and then calls all of them. */
static void call_everybody(void *arg)
{
	struct all_to_all *a = arg;

	__atomic_fetch_add(&a->here, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&a->here, __ATOMIC_ACQUIRE) % a->n_cpus != 0)
		hx_cpu_relax();
	hx_cpu_call_others(count, &a->n);
}

HX_KTEST(smp_all_call_all_at_once)
{
	static struct all_to_all a;
	uint32_t n = hx_cpu_count();

	if (!needs_others(t))
		return;
	for (unsigned i = 0; i < ALL_TO_ALL; i++) {
		a = (struct all_to_all){ .here = 1, .n_cpus = n };
		hx_cpu_call_others(call_everybody, &a);
		hx_expect(t, a.n == (n - 1) * (n - 1));
	}
}

/* As if an interrupt had been sent to a CPU and had not arrived: nobody sends another. */
HX_KTEST(smp_a_cpu_whose_interrupt_was_lost_answers_a_tick_later)
{
	static struct hx_cpu_work work;
	static uint32_t n;
	const hx_ns_t until = hx_now_ns() + 30 * HX_NS_PER_S;

	if (!needs_others(t))
		return;
	work = (struct hx_cpu_work){ .fn = count, .arg = &n };
	n = 0;
	__atomic_fetch_or(&hx_percpu_of(1)->ipi_reasons, HX_IPI_RESCHED, __ATOMIC_ACQ_REL);
	hx_require(t, hx_cpu_post(1, &work) == 0);
	while (!hx_cpu_work_is_done(&work) && hx_now_ns() < until)
		hx_cpu_relax();
	hx_require(t, hx_cpu_work_is_done(&work) && n == 1);
	hx_expect(t, hx_cpu_call(1, count, &n) == 0);
	hx_expect(t, n == 2);
}

static void read_word(void *arg)
{
	uint64_t *both = arg;

	both[1] = *(volatile uint64_t *)(uintptr_t)both[0];
}

/* What another CPU reads after the mapping changed under it is the new frame. */
HX_KTEST(smp_unmap_is_seen_by_the_others)
{
	uint64_t what[2] = { TEST_VA(0), 0 };
	hx_paddr_t frames[2];

	if (!needs_others(t))
		return;
	for (unsigned i = 0; i < 2; i++) {
		hx_require(t, hx_frames_alloc(0, HX_FRAMES_ANY, &frames[i]) == 0);
		*(uint64_t *)hx_phys_to_virt(frames[i]) = 1000 + i;
	}
	for (unsigned round = 0; round < 100; round++) {
		uint64_t left = hx_cpus_online().bits;

		hx_require(t, hx_mmu_map(what[0], frames[round % 2], 1, HX_MAP_READ) == 0);
		while (left != 0) {
			hx_require(t, hx_cpu_call(hx_cpumask_take(&left), read_word, what) == 0);
			hx_expect(t, what[1] == 1000 + round % 2);
		}
		hx_mmu_unmap(what[0], 1);
	}
	for (unsigned i = 0; i < 2; i++)
		hx_frames_free(frames[i], 0);
}
