/* SPDX-License-Identifier: MIT */
/* Capabilities in messages: they arrive together with at most the sender's rights, or the sender
 * has them as before; nothing stays behind. */
#include "under_each.h"
#include <hx/core/heap.h>
#include <hx/hal/timer.h>

#include "caps_torture_priv.h"

#define BOTH	(HX_CHAN_SEND | HX_CHAN_RECV)
#define RW	(HX_CAP_READ | HX_CAP_WRITE)
#define RWG	(RW | HX_CAP_DELEGATE)

static struct hx_cap_object object;
static struct hx_cap_table mine, theirs;
static struct hx_chan *ch;
static hx_cap_t cap, got[HX_MSG_PARTS];
static unsigned n_got;

static void begin(uint32_t capacity, uint32_t flags)
{
	const struct hx_chan_params p = {
		.name = "c", .capacity = capacity, .flags = flags | HX_CHAN_CAPS,
	};

	hx_cap_object_init(&object, HX_CAP_CUSTOM, NULL);
	hx_cap_table_init(&mine, NULL, 8, 0);
	hx_cap_table_init(&theirs, NULL, 2, 0);
	assert_int_equal(hx_chan_create(&p, &ch), 0);
	assert_int_equal(hx_cap_create(&mine, &object, RWG, HX_FOREVER, &cap), 0);
}

static void end(void)
{
	if (ch != NULL)
		hx_chan_close(ch, BOTH);
	hx_cap_table_fini(&mine);
	hx_cap_table_fini(&theirs);
	assert_int_equal(object.n_refs, 1);
	assert_null(object.roots);
}

static uint32_t in_flight(void)
{
	struct hx_chan_info info;

	hx_chan_info(ch, &info);
	return info.n_caps;
}

static uint32_t rights_of(const struct hx_cap_table *t, hx_cap_t c)
{
	struct hx_cap_info info;

	return hx_cap_info(t, c, &info) == 0 ? info.rights : 0;
}

static struct hx_cap_gift derived(uint32_t rights)
{
	return (struct hx_cap_gift){ .cap = cap, .rights = rights, .expires_ns = HX_FOREVER };
}

static struct hx_cap_gift moved(void)
{
	return (struct hx_cap_gift){ .cap = cap, .is_moved = true };
}

static int send(const struct hx_cap_gift *g, unsigned n)
{
	const struct hx_msg m = { .tag = 5, .n_bytes = 8, .words = { 42 } };

	return hx_chan_send_caps(ch, &m, &mine, g, n, 0);
}

static int take(void)
{
	struct hx_msg m;

	n_got = 99;
	assert_int_equal(hx_chan_recv(ch, &m, 0), 0);
	assert_int_equal(m.words[0], 42);
	return hx_chan_take_caps(ch, &m, &theirs, got, &n_got);
}

static void one_is_derived_and_one_moves(void **state)
{
	struct hx_cap_gift g[2];

	begin(1, 0);
	g[0] = derived(HX_CAP_READ);
	g[1] = moved();
	assert_int_equal(send(g, 2), 0);
	assert_int_equal(rights_of(&mine, cap), 0);
	assert_int_equal(mine.n_used, 0);
	assert_int_equal(in_flight(), 2);
	assert_int_equal(take(), 0);
	assert_int_equal(n_got, 2);
	assert_int_equal(in_flight(), 0);
	assert_int_equal(rights_of(&theirs, got[0]), HX_CAP_READ);
	assert_int_equal(rights_of(&theirs, got[1]), RWG);
	/* What was derived is below what was moved still. */
	assert_int_equal(hx_cap_recall(&theirs, got[1]), 0);
	assert_int_equal(rights_of(&theirs, got[0]), 0);
	end();
}

static void nothing_is_given_that_is_not_held(void **state)
{
	struct hx_cap_gift g[2];

	begin(1, 0);
	g[0] = derived(RW | HX_CAP_ADMIN);
	assert_int_equal(send(g, 1), -HX_EACCES);
	g[0] = derived(0);
	assert_int_equal(send(g, 1), -HX_EINVAL);
	g[0] = moved();
	g[0].rights = HX_CAP_READ;
	assert_int_equal(send(g, 1), -HX_EINVAL);
	g[0] = moved();
	assert_int_equal(send(g, 0), -HX_EINVAL);
	/* All or nothing: the first comes back, under its handle. */
	g[1] = derived(HX_CAP_READ);
	assert_int_equal(send(g, 2), -HX_EBADF);
	assert_int_equal(rights_of(&mine, cap), RWG);
	g[0].cap = cap + 1;
	g[1] = g[0];
	g[0] = moved();
	assert_int_equal(send(g, 2), -HX_EBADF);
	assert_int_equal(rights_of(&mine, cap), RWG);
	assert_int_equal(hx_cap_derive(&mine, cap, &mine, RW, HX_FOREVER, &g[0].cap), 0);
	assert_int_equal(send(g, 1), -HX_EACCES);	/* may not be passed on */
	assert_int_equal(in_flight(), 0);
	assert_int_equal(mine.n_used, 2);
	end();
}

static void what_is_not_delivered_is_the_senders(void **state)
{
	struct hx_cap_gift g[2];

	begin(1, 0);
	g[0] = derived(HX_CAP_READ);
	assert_int_equal(send(g, 1), 0);
	g[1] = moved();
	assert_int_equal(send(g, 2), -HX_EAGAIN);
	assert_int_equal(rights_of(&mine, cap), RWG);
	assert_int_equal(mine.n_used, 1);
	assert_int_equal(in_flight(), 1);
	hx_chan_close(ch, HX_CHAN_RECV);	/* drops what is queued */
	assert_int_equal(in_flight(), 0);
	assert_int_equal(send(g, 2), -HX_EPIPE);
	assert_int_equal(rights_of(&mine, cap), RWG);
	assert_int_equal(in_flight(), 0);
	hx_chan_close(ch, HX_CHAN_SEND);
	ch = NULL;
	end();
}

static void a_full_table_takes_none_and_may_try_again(void **state)
{
	struct hx_cap_gift g[2];
	struct hx_msg m;
	hx_cap_t other;

	begin(1, 0);
	g[0] = derived(HX_CAP_READ);
	g[1] = derived(HX_CAP_WRITE);
	assert_int_equal(hx_cap_create(&theirs, &object, RW, HX_FOREVER, &other), 0);
	assert_int_equal(send(g, 2), 0);
	assert_int_equal(hx_chan_recv(ch, &m, 0), 0);
	assert_int_equal(hx_chan_take_caps(ch, &m, &theirs, got, &n_got), -HX_ENFILE);
	assert_int_equal(theirs.n_used, 1);
	assert_int_equal(m.n_parts, 2);
	assert_int_equal(hx_cap_drop(&theirs, other), 0);
	assert_int_equal(hx_chan_take_caps(ch, &m, &theirs, got, &n_got), 0);
	assert_int_equal(m.n_parts, 0);
	assert_int_equal(rights_of(&theirs, got[1]), HX_CAP_WRITE);
	assert_int_equal(hx_chan_take_caps(ch, &m, &theirs, got, &n_got), 0);
	assert_int_equal(n_got, 0);
	end();
}

static void revoked_or_expired_on_the_way_none_arrives(void **state)
{
	struct hx_cap_gift g[2];
	hx_cap_t parent;

	begin(1, 0);
	parent = cap;
	assert_int_equal(hx_cap_derive(&mine, parent, &mine, RWG, HX_FOREVER, &cap), 0);
	g[0] = derived(HX_CAP_READ);
	g[0].cap = parent;
	g[1] = moved();
	assert_int_equal(send(g, 2), 0);
	assert_int_equal(hx_cap_recall(&mine, parent), 0);
	assert_int_equal(take(), -HX_EBADF);
	assert_int_equal(in_flight(), 0);
	g[0].expires_ns = hx_now_ns() + 1000;
	assert_int_equal(send(g, 1), 0);
	hx_host_advance_ns(1000);
	assert_int_equal(take(), -HX_ETIMEDOUT);
	assert_int_equal(in_flight(), 0);
	assert_int_equal(theirs.n_used, 0);
	assert_int_equal(mine.n_used, 1);
	end();
}

static void what_nobody_takes_goes_with_the_channel(void **state)
{
	struct hx_cap_gift g;
	struct hx_msg m;

	begin(2, 0);
	g = derived(HX_CAP_READ);
	assert_int_equal(send(&g, 1), 0);
	assert_int_equal(send(&g, 1), 0);
	assert_int_equal(hx_chan_recv(ch, &m, 0), 0);
	hx_chan_discard(ch, &m);
	assert_int_equal(m.n_parts, 0);
	assert_int_equal(in_flight(), 1);
	assert_int_equal(hx_chan_recv(ch, &m, 0), 0);	/* and is forgotten */
	assert_int_equal(in_flight(), 1);
	end();
}

static void a_channel_not_made_for_it_carries_none(void **state)
{
	const struct hx_chan_params p = { .capacity = 1 };
	struct hx_chan *plain;
	struct hx_cap_gift g;
	struct hx_msg m = { .n_parts = 1 };

	begin(1, 0);
	g = derived(HX_CAP_READ);
	assert_int_equal(hx_chan_create(&p, &plain), 0);
	assert_int_equal(hx_chan_send_caps(plain, &m, &mine, &g, 1, 0), -HX_ENOTSUP);
	m.n_parts = HX_MSG_PARTS;
	assert_int_equal(hx_chan_send_caps(ch, &m, &mine, &g, 1, 0), -HX_EINVAL);
	assert_int_equal(send(&g, 1), 0);
	assert_int_equal(hx_chan_recv(ch, &m, 0), 0);
	assert_int_equal(hx_chan_take_caps(plain, &m, &theirs, got, &n_got), -HX_EINVAL);
	assert_int_equal(hx_chan_take_caps(ch, &m, &theirs, got, &n_got), 0);
	hx_chan_close(plain, BOTH);
	end();
}

/* ---- calls */

static int serve_one(void *arg)
{
	struct hx_chan_call c;
	struct hx_cap_gift g = { .is_moved = true };
	struct hx_msg answer = { .n_bytes = 0 };
	int err = hx_chan_accept(ch, &c, HX_FOREVER);

	if (err != 0)
		return err;
	err = hx_chan_take_caps(ch, &c.msg, &theirs, got, &n_got);
	if (err != 0 || arg != NULL)
		hx_thread_exit(err);		/* the call unanswered */
	g.cap = got[0];
	return hx_chan_reply_caps(&c, &answer, &theirs, &g, 1);
}

static void a_call_takes_them_there_and_its_answer_back(void **state)
{
	struct hx_msg m = { .n_bytes = 8 };
	struct hx_cap_gift g;
	struct hx_thread *t;
	hx_cap_t back[HX_MSG_PARTS];

	begin(0, HX_CHAN_CALLS);
	g = moved();
	t = start(serve_one, NULL);
	assert_int_equal(hx_chan_call_caps(ch, &m, &mine, &g, 1, &m, HX_FOREVER), 0);
	assert_int_equal(mine.n_used, 0);
	assert_int_equal(hx_chan_take_caps(ch, &m, &mine, back, &n_got), 0);
	assert_int_equal(n_got, 1);
	assert_int_equal(rights_of(&mine, back[0]), RWG);
	assert_int_equal(rights_of(&mine, cap), 0);	/* its old handle means nothing */
	assert_int_equal(end_of(t), 0);
	assert_int_equal(in_flight(), 0);
	end();
}

static void a_server_that_dies_has_what_it_took(void **state)
{
	struct hx_msg m = { .n_bytes = 8 }, answer;
	struct hx_cap_gift g;
	struct hx_thread *t;

	begin(0, HX_CHAN_CALLS);
	g = moved();
	t = start(serve_one, &m);
	assert_int_equal(hx_chan_call_caps(ch, &m, &mine, &g, 1, &answer, HX_FOREVER), -HX_EPIPE);
	assert_int_equal(end_of(t), 0);
	assert_int_equal(rights_of(&mine, cap), 0);
	assert_int_equal(rights_of(&theirs, got[0]), RWG);
	/* One that is not there, and one that nobody takes. */
	cap = got[0];
	g.cap = cap + 1;
	assert_int_equal(hx_chan_call_caps(ch, &m, &theirs, &g, 1, &answer, TICK_NS), -HX_EBADF);
	g.cap = cap;
	assert_int_equal(hx_chan_call_caps(ch, &m, &theirs, &g, 1, &answer, TICK_NS),
			 -HX_ETIMEDOUT);
	assert_int_equal(rights_of(&theirs, cap), RWG);
	assert_int_equal(in_flight(), 0);
	end();
}

static int answer_late(void *arg)
{
	struct hx_chan_call c;
	struct hx_msg answer = { .n_bytes = 0 };
	struct hx_cap_gift g = derived(HX_CAP_READ);
	int err = hx_chan_accept(ch, &c, HX_FOREVER);

	if (err != 0)
		return err;
	hx_sleep_ns(20 * TICK_NS);
	return hx_chan_reply_caps(&c, &answer, &mine, &g, 1);
}

static void an_answer_to_nobody_stays(void **state)
{
	struct hx_msg m = { .n_bytes = 8 }, answer;
	struct hx_thread *t;

	begin(0, HX_CHAN_CALLS);
	t = start(answer_late, NULL);
	let_block(t);
	assert_int_equal(hx_chan_call(ch, &m, &answer, TICK_NS), -HX_ECANCELED);
	assert_int_equal(end_of(t), -HX_EPIPE);
	assert_int_equal(in_flight(), 0);
	assert_int_equal(mine.n_used, 1);
	end();
}

/* ---- a sender that waits, and the end of the channel */

static int send_waiting(void *arg)
{
	struct hx_msg m = { .n_bytes = 8 };
	struct hx_cap_gift g = moved();

	return hx_chan_send_caps(ch, &m, &mine, &g, 1, HX_FOREVER);
}

static void a_sender_that_waits_gets_it_back_at_the_close(void **state)
{
	struct hx_thread *t;

	begin(0, 0);
	t = start(send_waiting, NULL);
	let_block(t);
	assert_int_equal(in_flight(), 1);
	assert_int_equal(rights_of(&mine, cap), 0);
	assert_int_equal(mine.n_used, 1);	/* its place is kept */
	hx_chan_close(ch, HX_CHAN_RECV);
	assert_int_equal(end_of(t), -HX_EPIPE);
	assert_int_equal(rights_of(&mine, cap), RWG);
	hx_chan_close(ch, HX_CHAN_SEND);
	ch = NULL;
	end();
}

static void revoked_while_its_sender_waits(void **state)
{
	struct hx_thread *t;

	begin(0, 0);
	t = start(send_waiting, NULL);
	let_block(t);
	hx_cap_object_revoke(&object);
	assert_int_equal(in_flight(), 0);
	hx_chan_close(ch, HX_CHAN_RECV);
	assert_int_equal(end_of(t), -HX_EPIPE);
	assert_int_equal(mine.n_used, 0);
	hx_chan_close(ch, HX_CHAN_SEND);
	ch = NULL;
	end();
}

static void random_traffic_conserves(void **state)
{
	static const uint32_t capacities[] = { 0, 3, 12 };

	for (unsigned i = 0; i < 2 * HX_ARRAY_LEN(capacities); i++) {
		assert_int_equal(ct_run(capacities[i / 2], i % 2 != 0, 4000), 0);
		assert_int_equal(ct.n_wrong, 0);
		/* Revoked again and again, few are left to send. */
		if (ct.revokes)
			assert_true(ct.n_sent > 5);
		else
			assert_true(ct.n_sent > 50 && ct.n_unsent > 50 && ct.n_taken > 50);
	}
}

static void each_allocation_may_fail(void **state)
{
	uint64_t left = 0;
	int err = 0;

	for (uint64_t k = 1; left == 0; k++) {
		struct hx_cap_gift g[2];
		bool is_back;

		begin(1, 0);
		g[0] = derived(HX_CAP_READ);
		g[1] = moved();
		hx_heap_fail_at(k);
		err = send(g, 2);
		if (err == 0) {
			err = take();
			is_back = false;
		} else {
			is_back = true;
		}
		left = hx_heap_fail_at(0);
		assert_true(err == 0 || err == -HX_ENOMEM);
		assert_int_equal(rights_of(&mine, cap), is_back ? RWG : 0);
		assert_int_equal(theirs.n_used, err == 0 ? 2 : 0);
		end();
		assert_true(k < 100);
	}
	assert_int_equal(err, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_is_derived_and_one_moves),
		TEST(nothing_is_given_that_is_not_held),
		TEST(what_is_not_delivered_is_the_senders),
		TEST(a_full_table_takes_none_and_may_try_again),
		TEST(revoked_or_expired_on_the_way_none_arrives),
		TEST(what_nobody_takes_goes_with_the_channel),
		TEST(a_channel_not_made_for_it_carries_none),
		TEST(a_call_takes_them_there_and_its_answer_back),
		TEST(a_server_that_dies_has_what_it_took),
		TEST(an_answer_to_nobody_stays),
		TEST(a_sender_that_waits_gets_it_back_at_the_close),
		TEST(revoked_while_its_sender_waits),
		TEST(random_traffic_conserves),
		TEST(each_allocation_may_fail),
	};

	return RUN_UNDER_EACH_SCHEDULER(tests);
}
