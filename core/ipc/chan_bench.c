// SPDX-License-Identifier: MIT
/* What messages cost that go one way. The partner has the priority of the thread that measures. */
#include <hx/core/bench.h>
#include <hx/core/smp.h>

#include "bench_priv.h"
#include "chan_priv.h"

static struct hx_chan *ping, *pong;

static int make_both(uint32_t capacity)
{
	const struct hx_chan_params p = { .name = "bench", .capacity = capacity };
	int err = hx_chan_create(&p, &ping);

	if (err != 0)
		return err;
	err = hx_chan_create(&p, &pong);
	if (err != 0)
		hx_chan_close(ping, HX_CHAN_SEND | HX_CHAN_RECV);
	return err;
}

static void close_both(void)
{
	hx_chan_close(ping, HX_CHAN_SEND | HX_CHAN_RECV);
	hx_chan_close(pong, HX_CHAN_SEND | HX_CHAN_RECV);
}

static int echo(void *arg)
{
	struct hx_msg m;
	int err;

	do {
		err = hx_chan_recv(ping, &m, HX_FOREVER);
		if (err == 0)
			err = hx_chan_send(pong, &m, HX_FOREVER);
	} while (err == 0 && m.tag != BENCH_STOP);
	return err;
}

HX_BENCH(chan_ping_pong, "chan.ping_pong",
	 "64 bytes to another thread and back over two channels: 2 sends, 2 receives, 2 switches")
{
	struct hx_msg m = { .n_bytes = HX_MSG_BYTES };
	int err = make_both(1);

	if (err != 0)
		return err;
	err = bench_partner(echo);
	while (err == 0 && hx_bench_more(b)) {
		hx_bench_begin(b);
		err = hx_chan_send(ping, &m, HX_FOREVER);
		err |= hx_chan_recv(pong, &m, HX_FOREVER);
		hx_bench_end(b);
	}
	m.tag = BENCH_STOP;
	if (err == 0)
		err = hx_chan_send(ping, &m, HX_FOREVER);
	if (err == 0)
		err = bench_partner_end();
	close_both();
	return err;
}

HX_BENCH(chan_pair, "chan.pair", "send of 64 bytes into a queue, and receive, by one thread")
{
	struct hx_msg m = { .n_bytes = HX_MSG_BYTES };
	int err = make_both(4);

	if (err != 0)
		return err;
	while (err == 0 && hx_bench_more(b)) {
		hx_bench_begin(b);
		err = hx_chan_send(ping, &m, 0);
		err |= hx_chan_recv(ping, &m, 0);
		hx_bench_end(b);
	}
	close_both();
	return err;
}
