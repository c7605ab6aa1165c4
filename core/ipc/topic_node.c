// SPDX-License-Identifier: MIT
/* /ipc/topics: a line for each topic. */
#include <hx/core/console.h>
#include <hx/core/names.h>
#include <hx/core/text.h>

#include "event_priv.h"

static int topics_show(struct hx_text *out, const struct hx_node_args *args)
{
	struct hx_topic_info i = { .id = 0 };

	while (hx_topic_next(i.id, &i)) {
		hx_text_printf(out, "id=%u name=%s users=%u subscribers=%u waiting=%u "
			       "published=%llu lost=%llu\n", i.id, i.name, i.n_users, i.n_subs,
			       i.n_waiting, (unsigned long long)i.n_published,
			       (unsigned long long)i.n_lost);
		hx_resched_point();
	}
	return 0;
}

static const struct hx_node topics_node = {
	.path = "/ipc/topics", .help = "topics of the event bus: who listens, what was published",
	.rights = HX_NODE_READ, .max_bytes = 16384, .show = topics_show,
};
HX_NODE(topics_node);

static const struct hx_verb topics_verb = {
	.name = "topics", .usage = "topics", .node = "/ipc/topics",
};
HX_VERB(topics_verb);
