// SPDX-License-Identifier: MIT
/*
 * CPU time of a holder: the part of a CPU that an intent asks for is charged before the scheduler
 * is asked. So a holder cannot promise itself more than its limit, whatever the machine has left.
 */
#include <hx/core/thread.h>

#include "resources_priv.h"

#define WHOLE_PPM	1000000u

/* run of every period as a part of it, rounded up; run <= period, which was checked. */
static uint64_t part(hx_ns_t run_ns, hx_ns_t period_ns)
{
	for (; run_ns > UINT64_MAX / (2 * WHOLE_PPM); run_ns = run_ns / 2 + 1)
		period_ns /= 2;		/* hours: so that the product fits */
	return (run_ns * WHOLE_PPM + period_ns - 1) / period_ns;
}

/* 0: the intent names no part of a CPU. */
static uint64_t part_of_cpu(const struct hx_intent *want)
{
	uint64_t ppm = 0;

	if (want->deadline_ns != 0)
		ppm = part(want->runtime_ns, want->period_ns);
	if (want->budget_kind == HX_BUDGET_PERCENT)
		ppm = hx_max_u64(ppm, (uint64_t)want->budget * (WHOLE_PPM / 100));
	if (want->budget_kind == HX_BUDGET_QUOTA)
		ppm = hx_max_u64(ppm, part(want->quota_ns, want->budget_period_ns));
	return ppm;
}

static void set_default(struct hx_res_lease *l)
{
	struct hx_res_cpu *c = HX_CONTAINER_OF(l, struct hx_res_cpu, lease);

	/* It asks for nothing, so nothing can be missing but memory, and then it keeps the old
	 * one until the thread ends. */
	(void)!hx_thread_set_intent(c->thread, &hx_intent_default);
}

int hx_res_cpu_promise(struct hx_res_holder *h, struct hx_res_cpu *c, struct hx_thread *t,
		       const struct hx_intent *want)
{
	int err = hx_intent_check(want, NULL);
	uint64_t ppm;

	if (err != 0)
		return err;
	ppm = part_of_cpu(want);
	if (ppm == 0)
		return -HX_EINVAL;
	err = hx_res_lease_begin(h, &c->lease, HX_RES_CPU, ppm, set_default);
	if (err != 0)
		return err;
	c->thread = t;
	err = hx_thread_set_intent(t, want);
	if (err != 0)
		hx_res_lease_end(&c->lease);
	return err;
}

void hx_res_cpu_end(struct hx_res_cpu *c)
{
	set_default(&c->lease);
	hx_res_lease_end(&c->lease);
}
