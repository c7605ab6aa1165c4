// SPDX-License-Identifier: MIT
/*
 * Promises of CPU time: which CPU makes one, against a model, and that what first fit refuses was
 * more than the bound that it is chosen for.
 */
#include "hx_test.h"
#include <hx/core/promise.h>
#include <hx/core/sched_class.h>

#define CPUS	8u
#define MAX	HX_PROMISE_MAX_PPM

static uint32_t sums[HX_CPUS_MAX];

static void clear(void)
{
	memset(sums, 0, sizeof(sums));
}

static void first_cpu_with_room_promises(void **state)
{
	clear();
	sums[0] = MAX - 99999;
	sums[1] = MAX - 100000;
	assert_int_equal(hx_promise_cpu(sums, 0xff, HX_CPUS_MAX, 0, 100000), 1);
	assert_int_equal(hx_promise_cpu(sums, 0xff, HX_CPUS_MAX, 0, 99999), 0);
	assert_int_equal(hx_promise_cpu(sums, 0xff, HX_CPUS_MAX, 0, MAX), 2);
	assert_int_equal(hx_promise_cpu(sums, 0xff, HX_CPUS_MAX, 0, MAX + 1), -HX_ENOSPC);
	assert_int_equal(hx_promise_cpu(sums, 1ull << 63, HX_CPUS_MAX, 0, 1), 63);
	assert_int_equal(hx_promise_cpu(sums, 0, HX_CPUS_MAX, 0, 1), -HX_ENOSPC);
}

static void who_changes_stays_if_that_fits(void **state)
{
	clear();
	sums[3] = 800000;
	assert_int_equal(hx_promise_cpu(sums, 0xff, 3, 300000, 450000), 3);
	assert_int_equal(hx_promise_cpu(sums, 0xff, 3, 300000, 450001), 0);
	assert_int_equal(hx_promise_cpu(sums, 1 << 3, 3, 300000, 450001), -HX_ENOSPC);
	assert_int_equal(hx_promise_cpu(sums, 0xf0, 3, 300000, 1), 4);	/* may not stay */
	assert_int_equal(hx_promise_cpu(sums, 0xff, 3, 0, 1), 3);
}

/* Promises made, changed and given back at random: sums are what they are sums of. */
static void random_promises_match_the_model(void **state)
{
	static struct { uint32_t ppm; int cpu; } who[64];
	uint64_t rnd = hx_test_seed();
	unsigned n_made = 0, n_refused = 0;

	clear();
	memset(who, 0, sizeof(who));
	for (unsigned step = 0; step < 200000; step++) {
		unsigned i = (unsigned)hx_test_random_below(&rnd, 64), cpu;
		uint32_t want = (uint32_t)hx_test_random_below(&rnd, 400000) + 1;
		uint64_t may = 1 + hx_test_random_below(&rnd, (1u << CPUS) - 1);
		uint32_t left[CPUS];
		int got;

		for (cpu = 0; cpu < CPUS; cpu++)
			left[cpu] = MAX;
		for (unsigned k = 0; k < 64; k++)
			if (who[k].ppm != 0 && k != i)
				left[who[k].cpu] -= who[k].ppm;
		if (hx_test_random_below(&rnd, 4) == 0 && who[i].ppm != 0) {
			sums[who[i].cpu] -= who[i].ppm;
			who[i].ppm = 0;
			continue;
		}
		cpu = who[i].ppm != 0 ? (unsigned)who[i].cpu : HX_CPUS_MAX;
		got = hx_promise_cpu(sums, may, cpu, who[i].ppm, want);
		if (got == -HX_ENOSPC) {
			n_refused++;
			for (cpu = 0; cpu < CPUS; cpu++)
				assert_true((may >> cpu & 1) == 0 || left[cpu] < want);
			continue;
		}
		n_made++;
		assert_true((may >> got & 1) != 0 && left[got] >= want);
		if (who[i].ppm != 0) {
			sums[who[i].cpu] -= who[i].ppm;
		} else {	/* the first */
			for (cpu = 0; (int)cpu < got; cpu++)
				assert_true((may >> cpu & 1) == 0 || left[cpu] < want);
		}
		who[i].ppm = want;
		who[i].cpu = got;
		sums[got] += want;
	}
	assert_true(n_made > 10000 && n_refused > 10000);
}

/* Of promises of at most 1/b of a CPU's sum each, what is refused goes beyond that of
 * (b m + 1) / (b + 1) CPUs. */
static void what_is_refused_is_beyond_the_bound(void **state)
{
	uint64_t rnd = hx_test_seed();

	for (unsigned round = 0; round < 2000; round++) {
		unsigned b = 1 + (unsigned)hx_test_random_below(&rnd, 5), m = 1 + round % CPUS;
		uint64_t bound = (uint64_t)MAX * (b * m + 1) / (b + 1), sum = 0;
		uint32_t most = MAX / b, want;

		clear();
		for (;;) {
			int cpu;

			want = most - (uint32_t)hx_test_random_below(&rnd, most);
			cpu = hx_promise_cpu(sums, (1u << m) - 1, HX_CPUS_MAX, 0, want);
			if (cpu < 0)
				break;
			sums[cpu] += want;
			sum += want;
		}
		assert_true(sum + want + CPUS >= bound);
	}
}

static void density_is_exact_for_any_size(void **state)
{
	struct hx_intent i = hx_intent_default;

	assert_int_equal(hx_promise_density(&i), 0);
	i.runtime_ns = 1000000;
	i.deadline_ns = 20000000;
	i.period_ns = HX_NS_PER_S;
	assert_int_equal(hx_promise_density(&i), 50000);
	i.runtime_ns = UINT64_MAX / 4;
	i.deadline_ns = UINT64_MAX / 2;
	assert_in_range(hx_promise_density(&i), 499999, 500000);
	i.runtime_ns = 10000;
	assert_int_equal(hx_promise_density(&i), 1);	/* nobody is free */
	i.runtime_ns = i.deadline_ns = UINT64_MAX;
	assert_int_equal(hx_promise_density(&i), 1000000);
}

/* What an admit of a scheduler does, on this machine's one CPU. */
static void promises_are_changed_and_given_back(void **state)
{
	static struct hx_thread a, b;
	struct hx_intent want = hx_intent_default;

	hx_test_machine(16 * HX_MIB);
	hx_test_start("heap");
	assert_int_equal(hx_sched_promise(&a, &want, 600000), 0);
	assert_int_equal(a.home, 0);
	assert_int_equal(hx_sched_promise(&b, &want, 400000), -HX_ENOSPC);
	assert_int_equal(b.promised_ppm, 0);
	assert_int_equal(hx_sched_promise(&a, &want, 950001), -HX_ENOSPC);
	assert_int_equal(a.promised_ppm, 600000);
	assert_int_equal(hx_sched_promise(&a, &want, 550000), 0);
	assert_int_equal(hx_sched_promise(&b, &want, 400000), 0);
	assert_int_equal(hx_sched_promised_ppm(0), 950000);
	assert_int_equal(hx_sched_promise(&a, &want, 0), 0);
	assert_int_equal(hx_sched_promise(&b, NULL, 0), 0);
	assert_int_equal(hx_sched_promise(&b, NULL, 0), 0);
	assert_int_equal(hx_sched_promised_ppm(0), 0);
	want.affinity = 2;		/* a CPU that does not run */
	assert_int_equal(hx_sched_promise(&a, &want, 1), -HX_ENOSPC);
	hx_test_machine_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_cpu_with_room_promises),
		cmocka_unit_test(who_changes_stays_if_that_fits),
		cmocka_unit_test(random_promises_match_the_model),
		cmocka_unit_test(what_is_refused_is_beyond_the_bound),
		cmocka_unit_test(density_is_exact_for_any_size),
		cmocka_unit_test(promises_are_changed_and_given_back),
	};

	return cmocka_run_group_tests_name("promises", tests, NULL, NULL);
}
