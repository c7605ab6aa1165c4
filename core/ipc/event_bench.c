// SPDX-License-Identifier: MIT
/* What it costs to tell something to who listens. */
#include <hx/core/assert.h>
#include <hx/core/bench.h>

#include "bench_priv.h"
#include "event_priv.h"

static struct hx_event_sub *sub;

static int sample_publish(struct hx_bench_run *b, unsigned n_subs)
{
	struct hx_event e = { .prio = HX_EVENT_NORMAL, .n_bytes = HX_EVENT_BYTES };
	struct hx_topic *topic;
	int err = hx_topic_open("bench", &topic);

	if (err != 0)
		return err;
	if (n_subs != 0)
		err = hx_event_subscribe(topic, NULL, &sub);
	while (err == 0 && hx_bench_more(b)) {
		hx_bench_begin(b);
		err = hx_event_publish(topic, &e);
		hx_bench_end(b);
	}
	if (err == 0 && n_subs != 0)
		hx_event_unsubscribe(sub);
	hx_topic_close(topic);
	return err;
}

HX_BENCH(publish, "event.publish",
	 "hx_event_publish() of 40 bytes with one subscriber, not waiting")
{
	return sample_publish(b, 1);
}

HX_BENCH(publish_nobody, "event.publish.nobody",
	 "hx_event_publish() of 40 bytes, nobody subscribed")
{
	return sample_publish(b, 0);
}

static int listen(void *arg)
{
	struct hx_event e;
	int err;

	do
		err = hx_event_next(sub, &e, HX_FOREVER);
	while (err == 0 && e.tag != BENCH_STOP);
	return err;
}

/* Preemption is off while it is measured, so that the subscriber runs between the samples. */
HX_BENCH(publish_wake, "event.publish.wake",
	 "hx_event_publish() of 40 bytes with one subscriber that waits and is made ready")
{
	struct hx_event e = { .prio = HX_EVENT_NORMAL, .n_bytes = HX_EVENT_BYTES };
	struct hx_topic *topic;
	int err = hx_topic_open("bench", &topic);

	if (err != 0)
		return err;
	err = hx_event_subscribe(topic, NULL, &sub);
	if (err == 0)
		err = bench_partner(listen);
	while (err == 0 && hx_bench_more(b)) {
		while (!__atomic_load_n(&sub->waiting, __ATOMIC_RELAXED))
			hx_yield();
		hx_preempt_disable();
		hx_bench_begin(b);
		err = hx_event_publish(topic, &e);
		hx_bench_end(b);
		hx_preempt_enable();
	}
	e.tag = BENCH_STOP;
	if (err == 0)
		err = hx_event_publish(topic, &e);
	if (err == 0)
		err = bench_partner_end();
	hx_event_unsubscribe(sub);
	hx_topic_close(topic);
	return err;
}
