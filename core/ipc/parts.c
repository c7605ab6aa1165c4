// SPDX-License-Identifier: MIT
/*
 * What moves with a message, and pages as the first kind of it. To move means that the message's
 * words are copied and the sender forgets what they stand for; nothing is copied but them.
 */
#include <hx/core/assert.h>
#include <hx/core/frames.h>

#include "chan_priv.h"

static void frames_drop(uint64_t a, uint64_t b)
{
	/* Who sent pages that were not its own is told by the allocator, which refuses. */
	(void)!hx_frames_free(a, (unsigned)b);
}

const struct hx_part_kind hx_part_frames = { .name = "frames", .drop = frames_drop };

void msg_drop_parts(struct hx_msg *m)
{
	for (unsigned i = 0; i < m->n_parts; i++) {
		const struct hx_part *p = &m->parts[i];

		if (p->kind != NULL && p->kind->drop != NULL)
			p->kind->drop(p->a, p->b);
	}
	m->n_parts = 0;
}
