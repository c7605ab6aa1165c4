// SPDX-License-Identifier: MIT
/* What a message with a capability costs. */
#include <hx/core/bench.h>
#include <hx/core/chan_caps.h>

#include "chan_priv.h"

static struct hx_chan *chan;
static struct hx_cap_object object;
static struct hx_cap_table tables[2];

static int enter(hx_cap_t *cap)
{
	const struct hx_chan_params p = { .name = "bench", .capacity = 1, .flags = HX_CHAN_CAPS };
	int err = hx_chan_create(&p, &chan);

	hx_cap_object_init(&object, HX_CAP_CUSTOM, NULL);
	for (unsigned i = 0; i < 2; i++)
		hx_cap_table_init(&tables[i], NULL, 16, 0);
	return err != 0 ? err : hx_cap_create(&tables[0], &object, HX_CAP_RIGHTS_ALL &
					      ~(uint32_t)HX_CAP_EXCLUSIVE, HX_FOREVER, cap);
}

HX_BENCH(chan_caps, "chan.caps",
	 "a capability moved into a message, sent into a queue, received and taken, by one thread")
{
	struct hx_msg m = { .n_bytes = HX_MSG_BYTES };
	struct hx_cap_gift g = { .is_moved = true };
	hx_cap_t got[HX_MSG_PARTS];
	unsigned n, i = 0;
	int err = enter(&g.cap);

	while (err == 0 && hx_bench_more(b)) {
		hx_bench_begin(b);
		err = hx_chan_send_caps(chan, &m, &tables[i], &g, 1, 0);
		err |= hx_chan_recv(chan, &m, 0);
		i ^= 1;
		err |= hx_chan_take_caps(chan, &m, &tables[i], got, &n);
		hx_bench_end(b);
		g.cap = got[0];
	}
	hx_chan_close(chan, HX_CHAN_SEND | HX_CHAN_RECV);
	for (i = 0; i < 2; i++)
		hx_cap_table_fini(&tables[i]);
	hx_cap_object_end(&object);
	return err;
}
