// SPDX-License-Identifier: MIT
/* The router on the host: addresses, order, replies with a deadline, and random traffic. */
#include "under_each.h"

#include <hx/core/router.h>
#include <hx/core/time.h>

#include "chan_priv.h"

#define BOXES	((uint32_t)CONFIG_IPC_BOXES_MAX)

static struct hx_box *open_box(const char *name, uint32_t capacity, uint32_t flags)
{
	struct hx_box *box = NULL;

	assert_int_equal(hx_box_open(name, capacity, flags, &box), 0);
	return box;
}

static int send(uint32_t id, uint32_t tag, int prio)
{
	struct hx_msg m = { .tag = tag, .prio = (int8_t)prio };

	return hx_route_send(id, &m, 0);
}

/* The tag, or the error. */
static int recv(struct hx_box *box)
{
	struct hx_msg m;
	int err = hx_chan_recv(hx_box_chan(box), &m, 0);

	return err != 0 ? err : (int)m.tag;
}

static void names_and_numbers_lead_to_a_box(void **state)
{
	static const char *const bad[] = { "", "A", "x y", "123456789012345678901234" };
	struct hx_box *a = open_box("alpha", 2, 0), *b = open_box(NULL, 2, 0), *c = NULL;
	uint32_t id = 0, gone;

	for (size_t i = 0; i < HX_ARRAY_LEN(bad); i++) {
		assert_int_equal(hx_box_open(bad[i], 1, 0, &c), -HX_EINVAL);
		assert_int_equal(hx_route_find(bad[i], &id), -HX_ENOENT);
	}
	assert_int_equal(hx_box_open("alpha", 1, 0, &c), -HX_EEXIST);
	assert_int_equal(hx_box_open("beta", 1, 0x80, &c), -HX_EINVAL);
	assert_null(c);
	assert_int_equal(hx_route_find("alpha", &id), 0);
	assert_int_equal(id, hx_box_id(a));
	assert_int_equal(hx_route_find("beta", &id), -HX_ENOENT);
	assert_int_equal(send(hx_box_id(a), 1, 0), 0);
	assert_int_equal(send(hx_box_id(b), 2, 0), 0);
	assert_int_equal(send(HX_BOX_NONE, 3, 0), -HX_ENOENT);
	assert_int_equal(recv(a), 1);
	assert_int_equal(recv(b), 2);
	gone = hx_box_id(a);
	hx_box_close(a);
	a = open_box("alpha", 2, 0);
	assert_int_not_equal(hx_box_id(a), gone);
	assert_int_equal(send(gone, 4, 0), -HX_ENOENT);
	assert_int_equal(recv(a), -HX_EAGAIN);
	hx_box_close(a);
	hx_box_close(b);
}

static void highest_priority_first_and_full_is_an_error(void **state)
{
	static const int prios[] = { 2, 0, -2, 1, 0, -1 };
	static const int order[] = { 2, 5, 1, 4, 3, 0 };
	struct hx_box *box = open_box("box", 6, 0);

	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(send(hx_box_id(box), i, prios[i]), 0);
	assert_int_equal(send(hx_box_id(box), 6, -2), -HX_EAGAIN);
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(recv(box), order[i]);
	hx_box_close(box);
}

static void table_has_an_end(void **state)
{
	struct hx_box *all[BOXES], *one = NULL;

	for (uint32_t i = 0; i < BOXES; i++)
		all[i] = open_box(NULL, 0, 0);
	assert_int_equal(hx_box_open(NULL, 0, 0, &one), -HX_ENFILE);
	hx_box_close(all[BOXES / 2]);
	all[BOXES / 2] = open_box("last", 0, 0);
	for (uint32_t i = 0; i < BOXES; i++)
		hx_box_close(all[i]);
}

static void broadcast_tells_who_did_not_get_it(void **state)
{
	struct hx_box *a = open_box("a", 1, 0), *b = open_box("b", 1, 0), *c = open_box("c", 1, 0);
	struct hx_msg m = { .tag = 9 };
	struct hx_route_result r;

	assert_int_equal(hx_route_broadcast(&m, hx_box_id(a), &r), 0);
	assert_int_equal(r.n_delivered, 2);
	assert_int_equal(recv(a), -HX_EAGAIN);
	assert_int_equal(recv(b), 9);
	assert_int_equal(hx_route_broadcast(&m, HX_BOX_NONE, &r), -HX_EAGAIN);
	assert_int_equal(r.n_delivered, 2);
	assert_int_equal(r.n_full, 1);
	assert_int_equal(recv(c), 9);
	assert_int_equal(recv(c), -HX_EAGAIN);
	m.n_parts = 1;
	assert_int_equal(hx_route_broadcast(&m, HX_BOX_NONE, &r), -HX_EINVAL);
	hx_box_close(a);
	hx_box_close(b);
	hx_box_close(c);
	m.n_parts = 0;
	assert_int_equal(hx_route_broadcast(&m, HX_BOX_NONE, &r), -HX_ENOENT);
}

static int serve_two(void *arg)
{
	struct hx_box *box = arg;
	struct hx_chan_call c;
	int err = hx_chan_accept(hx_box_chan(box), &c, HX_FOREVER);

	c.msg.tag++;
	if (err == 0)
		err = hx_chan_reply_accept(&c, &c.msg, HX_FOREVER);
	hx_sleep_ns(5 * TICK_NS);	/* too late for the second */
	return err != 0 ? err : hx_chan_reply(&c, &c.msg);
}

static void request_has_a_reply_or_a_deadline(void **state)
{
	struct hx_box *box;
	struct hx_thread *t;
	struct hx_msg m = { .tag = 1 };

	if (!HX_ENABLED(IPC_CALLS))
		skip();
	box = open_box("server", 1, HX_CHAN_CALLS);
	assert_int_equal(hx_route_call(hx_box_id(box), &m, &m, hx_now_ns()), -HX_ETIMEDOUT);
	assert_int_equal(hx_route_call(hx_box_id(box), &m, &m, hx_now_ns() + 2 * TICK_NS),
			 -HX_ETIMEDOUT);
	t = start(serve_two, box);
	assert_int_equal(hx_route_call(hx_box_id(box), &m, &m, HX_FOREVER), 0);
	assert_int_equal(m.tag, 2);
	assert_int_equal(hx_route_call(hx_box_id(box), &m, &m, hx_now_ns() + 2 * TICK_NS),
			 -HX_ECANCELED);
	assert_int_equal(end_of(t), -HX_EPIPE);
	hx_box_close(box);
	assert_int_equal(hx_route_call(HX_BOX_NONE, &m, &m, HX_FOREVER), -HX_ENOENT);
}

static int send_and_wait(void *arg)
{
	struct hx_msg m = { .tag = 1 };

	return hx_route_send((uint32_t)(uintptr_t)arg, &m, HX_FOREVER);
}

static void who_waits_for_room_is_told_when_the_box_goes(void **state)
{
	struct hx_box *box = open_box("box", 0, 0);
	struct hx_thread *t = start(send_and_wait, (void *)(uintptr_t)hx_box_id(box));

	let_block(t);
	hx_box_close(box);
	assert_int_equal(end_of(t), -HX_EPIPE);
}

static int open_and_close(void)
{
	struct hx_box *box;
	int err = hx_box_open("fresh", 2, 0, &box);

	if (err == 0)
		hx_box_close(box);
	return err;
}

static void without_memory_nothing_is_left(void **state)
{
	uint32_t id;

	assert_true(HX_TEST_EACH_ALLOC_FAILS(open_and_close) >= 2);
	assert_int_equal(hx_route_find("fresh", &id), -HX_ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_and_numbers_lead_to_a_box),
		TEST(highest_priority_first_and_full_is_an_error),
		TEST(table_has_an_end),
		TEST(broadcast_tells_who_did_not_get_it),
		TEST(request_has_a_reply_or_a_deadline),
		TEST(who_waits_for_room_is_told_when_the_box_goes),
		TEST(without_memory_nothing_is_left),
	};

	return RUN_UNDER_EACH_SCHEDULER(tests);
}
