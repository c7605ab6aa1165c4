/* SPDX-License-Identifier: MIT */
/* What the tests of threads on several CPUs share: a team of threads, each with its CPUs. */
#ifndef HX_SMP_TEAM_H
#define HX_SMP_TEAM_H

#include <hx/core/ktest.h>
#include <hx/core/smp.h>
#include <hx/core/thread.h>

#define N_MAX		16u
#define TICK_NS		(HX_NS_PER_S / CONFIG_TICK_HZ)

extern struct hx_thread *smp_team[N_MAX];

static inline uint64_t smp_cpus(void)
{
	return hx_cpus_online().bits;
}

/* The nth CPU that runs, counted round. */
unsigned smp_nth_cpu(unsigned n);
/* False: there are not, and the test is skipped. */
bool smp_several(struct hx_ktest_run *t);
/* Member i of the team runs fn(i) on these CPUs. */
bool smp_start_on(unsigned i, uint64_t affinity, int (*fn)(void *arg));
/* The sum of what they return; negative if a join failed. */
int smp_join_team(unsigned n);

#endif
