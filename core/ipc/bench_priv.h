/* SPDX-License-Identifier: MIT */
/* The partner of a thread that measures: on its CPU, with its priority. */
#ifndef HX_IPC_BENCH_PRIV_H
#define HX_IPC_BENCH_PRIV_H

#include <hx/config/core_thread.h>
#include <hx/core/assert.h>
#include <hx/core/intent.h>
#include <hx/core/smp.h>
#include <hx/core/thread.h>

#define BENCH_STOP	1u	/* the tag that ends a partner */

static struct hx_thread *bench_thread;

static HX_UNUSED int bench_partner(int (*fn)(void *arg))
{
	static struct hx_intent here;
	struct hx_thread_params p = {
		.name = "bench", .fn = fn, .prio = hx_thread_self()->prio,
	};

	if (HX_ENABLED(INTENTS) && hx_cpu_count() > 1) {
		hx_intent_init(&here);
		hx_preempt_disable();
		here.affinity = 1ull << hx_percpu()->cpu;
		hx_verify(hx_thread_set_intent(hx_thread_self(), &here) == 0);
		hx_preempt_enable();
		p.intent = &here;
	}
	return hx_thread_create(&p, &bench_thread);
}

static HX_UNUSED int bench_partner_end(void)
{
	int value = 0, err = hx_thread_join(bench_thread, HX_FOREVER, &value);

	return err != 0 ? err : value;
}

#endif
