// SPDX-License-Identifier: MIT
/* The team of threads that the tests on several CPUs start, send around and join. */
#include "smp_team.h"
#include "thread_priv.h"

struct hx_thread *smp_team[N_MAX];
static struct hx_intent smp_team_intent[N_MAX];

unsigned smp_nth_cpu(unsigned n)
{
	uint64_t bits = smp_cpus();

	for (n %= hx_cpu_count(); n > 0; n--)
		hx_cpumask_take(&bits);
	return (unsigned)__builtin_ctzll(bits);
}

bool smp_several(struct hx_ktest_run *t)
{
	if (HX_ENABLED(INTENTS) && hx_cpu_count() > 1)
		return true;
	hx_ktest_skip(t, "one CPU, or no intents");
	return false;
}

bool smp_start_on(unsigned i, uint64_t affinity, int (*fn)(void *arg))
{
	struct hx_thread_params p = {
		.name = "smp", .fn = fn, .arg = (void *)(uintptr_t)i,
		.prio = hx_thread_self()->prio, .intent = &smp_team_intent[i],
	};

	hx_intent_init(&smp_team_intent[i]);
	smp_team_intent[i].affinity = affinity;
	return hx_thread_create(&p, &smp_team[i]) == 0;
}

int smp_join_team(unsigned n)
{
	int sum = 0, value = 0;

	for (unsigned i = 0; i < n; i++) {
		if (hx_thread_join(smp_team[i], HX_FOREVER, &value) != 0)
			return -1;
		sum += value;
	}
	return sum;
}
