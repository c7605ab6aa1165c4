// SPDX-License-Identifier: MIT
/* Capabilities in messages, in the booted kernel: threads on all its CPUs, and allocations that
 * fail. */
#include <hx/config/core_lib.h>
#include <hx/core/heap.h>
#include <hx/core/ktest.h>

#include "caps_torture_priv.h"

#define ROUNDS	(HX_ENABLED(DEBUG_LOCKS) || HX_ENABLED(DEBUG_ASSERT) ? 600u : 2000u)

static void run(struct hx_ktest_run *t, uint32_t capacity, bool revokes)
{
	hx_require(t, ct_run(capacity, revokes, ROUNDS) == 0);
	hx_expect(t, ct.n_wrong == 0);
	/* Revoked again and again, few are left to send. */
	hx_expect(t, ct.n_sent > 5 && (revokes || (ct.n_unsent > 50 && ct.n_taken > 50)));
}

HX_KTEST(caps_in_messages_are_conserved)
{
	run(t, 6, false);
}

HX_KTEST(caps_in_messages_without_a_queue)
{
	run(t, 0, false);
}

HX_KTEST(caps_in_messages_while_all_are_revoked)
{
	run(t, 6, true);
}

/* One derived and one moved, there and taken; everything is closed again. */
static int everything(struct hx_cap_object *o)
{
	const struct hx_chan_params p = { .name = "caps", .capacity = 1, .flags = HX_CHAN_CAPS };
	struct hx_cap_gift gifts[2] = {
		{ .rights = HX_CAP_READ, .expires_ns = HX_FOREVER }, { .is_moved = true },
	};
	struct hx_cap_table from, to;
	struct hx_msg m = { .n_bytes = 8 };
	struct hx_chan *ch = NULL;
	hx_cap_t got[HX_MSG_PARTS];
	unsigned n;
	int err;

	hx_cap_table_init(&from, NULL, 8, 0);
	hx_cap_table_init(&to, NULL, 8, 0);
	err = hx_cap_create(&from, o, CT_RIGHTS, HX_FOREVER, &gifts[0].cap);
	gifts[1].cap = gifts[0].cap;
	if (err == 0)
		err = hx_chan_create(&p, &ch);
	if (err == 0)
		err = hx_chan_send_caps(ch, &m, &from, gifts, 2, 0);
	if (err == 0)
		err = hx_chan_recv(ch, &m, 0);
	if (err == 0)
		err = hx_chan_take_caps(ch, &m, &to, got, &n);
	if (err == 0 && (n != 2 || from.n_used != 0 || to.n_used != 2))
		err = -HX_EPROTO;
	if (ch != NULL)
		hx_chan_close(ch, HX_CHAN_SEND | HX_CHAN_RECV);
	hx_cap_table_fini(&from);
	hx_cap_table_fini(&to);
	return err;
}

HX_KTEST(caps_in_messages_each_allocation_may_fail)
{
	struct hx_cap_object o;
	uint64_t left = 0;
	int err = 0;

	if (!HX_ENABLED(FAULT_INJECTION)) {
		hx_ktest_skip(t, "no FAULT_INJECTION");
		return;
	}
	hx_cap_object_init(&o, HX_CAP_CUSTOM, NULL);
	for (uint64_t k = 1; left == 0 && k < 100; k++) {
		hx_heap_fail_at(k);
		err = everything(&o);
		left = hx_heap_fail_at(0);
		hx_expect(t, err == 0 || err == -HX_ENOMEM);
		hx_expect(t, o.n_refs == 1 && o.roots == NULL);
	}
	hx_expect(t, err == 0 && left != 0);
}
