// SPDX-License-Identifier: MIT
/* /ipc/channels: a line for each channel. */
#include <hx/core/console.h>
#include <hx/core/names.h>
#include <hx/core/text.h>

#include "chan_priv.h"

static int channels_show(struct hx_text *out, const struct hx_node_args *args)
{
	struct hx_chan_info i = { .id = 0 };

	while (hx_chan_next(i.id, &i)) {
		if (HX_ENABLED(IPC_CAPS) && (i.flags & HX_CHAN_CAPS) != 0)
			hx_text_printf(out, "caps=%u ", i.n_caps);
		hx_text_printf(out, "id=%u name=%s calls=%d capacity=%u queued=%u senders=%u "
			       "receivers=%u wait_send=%u wait_recv=%u wait_call=%u accepted=%llu "
			       "refused=%llu\n", i.id, i.name, (i.flags & HX_CHAN_CALLS) != 0,
			       i.capacity, i.n_queued, i.n_senders, i.n_receivers, i.n_waiting_send,
			       i.n_waiting_recv, i.n_waiting_call, (unsigned long long)i.n_accepted,
			       (unsigned long long)i.n_refused);
		hx_resched_point();
	}
	return 0;
}

static const struct hx_node channels_node = {
	.path = "/ipc/channels", .help = "channels: who holds them, what is queued, who waits",
	.rights = HX_NODE_READ, .max_bytes = 16384, .show = channels_show,
};
HX_NODE(channels_node);

static const struct hx_verb channels_verb = {
	.name = "channels", .usage = "channels", .node = "/ipc/channels",
};
HX_VERB(channels_verb);
