// SPDX-License-Identifier: MIT
/* Channels in the booted kernel: traffic of many threads on all its CPUs, whose books must
 * balance. */
#include <hx/core/ktest.h>

#include "torture_priv.h"

static void run(struct hx_ktest_run *t, uint32_t capacity)
{
	struct torture_result r;

	torture_run(capacity, false, TORTURE_ROUNDS / 2, &r);
	hx_require(t, r.err == 0);
	hx_expect(t, r.n_wrong == 0);
	hx_expect(t, r.n_delivered > TORTURE_ROUNDS);
}

HX_KTEST(chan_torture_without_a_queue)
{
	run(t, 0);
}

HX_KTEST(chan_torture_with_a_queue)
{
	run(t, 5);
}

static struct hx_chan *chan;

static int receive_one(void *arg)
{
	struct hx_msg m;
	int err = hx_chan_recv(chan, &m, HX_FOREVER);

	return err != 0 ? err : (int)m.tag;
}

HX_KTEST(chan_close_wakes_receivers)
{
	const struct hx_chan_params p = { .name = "close", .capacity = 1 };
	struct hx_thread *threads[4];
	int value;

	hx_require(t, hx_chan_create(&p, &chan) == 0);
	for (unsigned i = 0; i < 4; i++) {
		struct hx_thread_params tp = {
			.name = "receive", .fn = receive_one, .prio = hx_thread_self()->prio,
		};

		hx_require(t, hx_thread_create(&tp, &threads[i]) == 0);
	}
	hx_sleep_ns(2 * TORTURE_TICK_NS);
	hx_chan_close(chan, HX_CHAN_SEND);
	for (unsigned i = 0; i < 4; i++) {
		hx_expect(t, hx_thread_join(threads[i], HX_FOREVER, &value) == 0);
		hx_expect(t, value == -HX_EPIPE);
	}
	hx_chan_close(chan, HX_CHAN_RECV);
}
