// SPDX-License-Identifier: MIT
/* What calls cost. */
#include <hx/core/bench.h>

#include "bench_priv.h"
#include "chan_priv.h"

static struct hx_chan *chan;

static int serve(void *arg)
{
	struct hx_chan_call c;
	int err = hx_chan_accept(chan, &c, HX_FOREVER);

	while (err == 0 && c.msg.tag != BENCH_STOP)
		err = hx_chan_reply_accept(&c, &c.msg, HX_FOREVER);
	return err != 0 ? err : hx_chan_reply(&c, &c.msg);
}

static int sample_calls(struct hx_bench_run *b, hx_ns_t timeout_ns)
{
	const struct hx_chan_params p = { .name = "bench", .flags = HX_CHAN_CALLS };
	struct hx_msg m = { .n_bytes = HX_MSG_BYTES };
	int err = hx_chan_create(&p, &chan);

	if (err != 0)
		return err;
	err = bench_partner(serve);
	hx_sleep_ns(1);
	while (err == 0 && hx_bench_more(b)) {
		hx_bench_begin(b);
		err = hx_chan_call(chan, &m, &m, timeout_ns);
		hx_bench_end(b);
	}
	m.tag = BENCH_STOP;
	if (err == 0)
		err = hx_chan_call(chan, &m, &m, HX_FOREVER);
	if (err == 0)
		err = bench_partner_end();
	hx_chan_close(chan, HX_CHAN_SEND | HX_CHAN_RECV);
	return err;
}

HX_BENCH(chan_round_trip, "chan.round_trip",
	 "a call with 64 bytes to another thread and its answer of 64 bytes: both switches")
{
	return sample_calls(b, HX_FOREVER);
}

HX_BENCH(chan_round_trip_timed, "chan.round_trip.timed",
	 "chan.round_trip with a timeout that does not fire")
{
	return sample_calls(b, HX_NS_PER_S * 1000);
}
