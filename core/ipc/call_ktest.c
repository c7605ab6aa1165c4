// SPDX-License-Identifier: MIT
/*
 * Calls in the booted kernel: traffic with servers that die in the middle, and an inversion that
 * would last for ever if urgency did not come with the call.
 */
#include <hx/core/ktest.h>
#include <hx/core/sched_class.h>

#include "torture_priv.h"

#define SERVER		135u
#define HOG		125u
#define URGENT		110u

static void run(struct hx_ktest_run *t, uint32_t capacity)
{
	struct torture_result r;

	torture_run(capacity, true, TORTURE_ROUNDS / 4, &r);
	hx_require(t, r.err == 0);
	hx_expect(t, r.n_wrong == 0);
	hx_expect(t, r.n_delivered > TORTURE_ROUNDS / 2);
	hx_expect(t, torture.n_killed != 0);
}

HX_KTEST(call_torture_without_a_queue)
{
	run(t, 0);
}

HX_KTEST(call_torture_with_a_queue)
{
	run(t, 5);
}

static struct hx_chan *chan;
static volatile bool stop, spinning, answered;

static int serve_one(void *arg)
{
	struct hx_chan_call c;
	int err = hx_chan_accept(chan, &c, HX_FOREVER);

	for (unsigned n = 0; n < 1000; n++)
		hx_cpu_relax();
	c.msg.tag = hx_thread_self()->prio;
	return err != 0 ? err : hx_chan_reply(&c, &c.msg);
}

static int spin(void *arg)
{
	spinning = true;
	while (!stop)
		hx_cpu_relax();
	return 0;
}

static int call_one(void *arg)
{
	struct hx_msg m = { .tag = 1 };
	int err = hx_chan_call(chan, &m, &m, HX_FOREVER);

	answered = true;
	return err != 0 ? err : (int)m.tag;
}

static struct hx_thread *start(int (*fn)(void *arg), unsigned prio)
{
	static struct hx_intent here;
	struct hx_thread_params p = { .name = "call", .fn = fn, .prio = (uint8_t)prio,
				      .intent = &here };
	struct hx_thread *t = NULL;

	hx_intent_init(&here);
	here.affinity = 1;
	return hx_thread_create(&p, &t) == 0 ? t : NULL;
}

static bool wait_until(volatile bool *what)
{
	for (unsigned n = 0; n < 200 && !*what; n++)
		hx_sleep_ns(TORTURE_TICK_NS);
	return *what;
}

/* The server is ready on the hog's CPU and does not get it, until somebody urgent calls. */
HX_KTEST(call_lends_urgency_to_the_server)
{
	const struct hx_chan_params p = { .name = "urgent", .flags = HX_CHAN_CALLS };
	const struct hx_sched_ops *const *it;
	struct hx_thread *server, *hog, *caller;
	bool ranks = true;
	int value = 0;

	HX_SECTION_FOREACH(it, hx_sched_classes)
		ranks &= (*it)->preempts != NULL && ((*it)->promises & HX_SCHED_STRICT) != 0;
	if (!HX_ENABLED(INTENTS) || !HX_ENABLED(PREEMPT_FULL) || !ranks) {
		hx_ktest_skip(t, "needs a scheduler that goes strictly by priority");
		return;
	}
	hx_require(t, hx_chan_create(&p, &chan) == 0);
	stop = spinning = answered = false;
	server = start(serve_one, SERVER);
	hx_sleep_ns(2 * TORTURE_TICK_NS);
	hog = start(spin, HOG);
	hx_require(t, server != NULL && hog != NULL && wait_until(&spinning));
	caller = start(call_one, URGENT);
	hx_require(t, caller != NULL);
	hx_expect(t, wait_until(&answered));	/* while the hog still spins */
	stop = true;
	hx_expect(t, hx_thread_join(caller, HX_FOREVER, &value) == 0 && value == URGENT);
	hx_expect(t, hx_thread_join(hog, HX_FOREVER, NULL) == 0);
	hx_expect(t, hx_thread_join(server, HX_FOREVER, NULL) == 0);
	hx_chan_close(chan, HX_CHAN_SEND | HX_CHAN_RECV);
}
