// SPDX-License-Identifier: MIT
/*
 * Channels on the host: each rule by itself, random operations of one thread against a model,
 * random traffic of many threads whose books must balance, and each allocation failing.
 */
#include "under_each.h"

#include <hx/core/frames.h>

#include "torture_priv.h"

#define BOTH	(HX_CHAN_SEND | HX_CHAN_RECV)

static struct hx_chan *make(uint32_t capacity)
{
	struct hx_chan_params p = { .name = "test", .capacity = capacity };
	struct hx_chan *ch = NULL;

	assert_int_equal(hx_chan_create(&p, &ch), 0);
	return ch;
}

static struct hx_msg message(uint32_t tag, int prio)
{
	return (struct hx_msg){ .tag = tag, .prio = (int8_t)prio };
}

static int send(struct hx_chan *ch, uint32_t tag, int prio, hx_ns_t timeout_ns)
{
	struct hx_msg m = message(tag, prio);

	return hx_chan_send(ch, &m, timeout_ns);
}

/* The tag received, or the error. */
static int recv(struct hx_chan *ch, hx_ns_t timeout_ns)
{
	struct hx_msg m;
	int err = hx_chan_recv(ch, &m, timeout_ns);

	return err != 0 ? err : (int)m.tag;
}

/* ---- one thread */

static void bad_arguments_are_refused(void **state)
{
	struct hx_chan_params p = { .capacity = HX_CHAN_CAPACITY_MAX + 1 };
	struct hx_chan *ch = NULL;
	struct hx_msg m = message(1, 0);

	assert_int_equal(hx_chan_create(&p, &ch), -HX_EINVAL);
	p = (struct hx_chan_params){ .flags = 0x80 };
	assert_int_equal(hx_chan_create(&p, &ch), -HX_EINVAL);
	assert_null(ch);
	ch = make(1);
	m.n_bytes = HX_MSG_BYTES + 1;
	assert_int_equal(hx_chan_send(ch, &m, 0), -HX_EINVAL);
	m = message(1, 0);
	m.n_parts = HX_MSG_PARTS + 1;
	assert_int_equal(hx_chan_send(ch, &m, 0), -HX_EINVAL);
	assert_int_equal(send(ch, 1, HX_MSG_BACKGROUND + 1, 0), -HX_EINVAL);
	assert_int_equal(send(ch, 1, HX_MSG_CRITICAL - 1, 0), -HX_EINVAL);
	assert_int_equal(hx_chan_open(ch, 0), -HX_EINVAL);
	assert_int_equal(hx_chan_open(ch, 4), -HX_EINVAL);
	assert_int_equal(recv(ch, 0), -HX_EAGAIN);
	hx_chan_close(ch, BOTH);
}

static void only_what_is_said_to_be_there_is_copied(void **state)
{
	struct hx_chan *ch = make(1);
	struct hx_msg in, out;

	for (unsigned n = 0; n <= HX_MSG_BYTES; n++) {
		memset(&in, 0xaa, sizeof(in));
		in.n_bytes = (uint8_t)n;
		in.n_parts = 0;
		in.prio = 0;
		memset(&out, 0x55, sizeof(out));
		assert_int_equal(hx_chan_send(ch, &in, 0), 0);
		assert_int_equal(hx_chan_recv(ch, &out, 0), 0);
		assert_int_equal(out.seq, n);
		assert_int_equal(out.tag, in.tag);
		assert_int_equal(out.n_bytes, n);
		for (unsigned i = 0; i < HX_MSG_BYTES; i++)
			assert_int_equal(out.bytes[i],
					 i < n ? 0xaa : i < (n + 7) / 8 * 8 ? 0 : 0x55);
		for (unsigned i = 0; i < sizeof(out.parts); i++)
			assert_int_equal(((uint8_t *)out.parts)[i], 0x55);
	}
	hx_chan_close(ch, BOTH);
}

static void urgent_first_then_first_come(void **state)
{
	static const int prios[] = { 0, 2, -1, 0, -2, 1, -1, 2 };
	static const int order[] = { 4, 2, 6, 0, 3, 5, 1, 7 };
	struct hx_chan *ch = make(8);

	for (int i = 0; i < 8; i++)
		assert_int_equal(send(ch, (uint32_t)i, prios[i], 0), 0);
	assert_int_equal(send(ch, 8, -2, 0), -HX_EAGAIN);
	for (int i = 0; i < 8; i++)
		assert_int_equal(recv(ch, 0), order[i]);
	assert_int_equal(recv(ch, 0), -HX_EAGAIN);
	hx_chan_close(ch, BOTH);
}

static void ends_are_counted(void **state)
{
	struct hx_chan *ch = make(2);
	struct hx_chan_info info;

	assert_int_equal(hx_chan_open(ch, HX_CHAN_SEND), 0);
	hx_chan_close(ch, HX_CHAN_SEND);
	assert_int_equal(send(ch, 1, 0, 0), 0);
	hx_chan_close(ch, HX_CHAN_SEND);
	assert_int_equal(hx_chan_open(ch, HX_CHAN_SEND), -HX_EPIPE);
	hx_chan_info(ch, &info);
	assert_int_equal(info.n_senders, 0);
	assert_int_equal(info.n_receivers, 1);
	assert_int_equal(info.n_queued, 1);
	assert_int_equal(recv(ch, HX_FOREVER), 1);
	assert_int_equal(recv(ch, HX_FOREVER), -HX_EPIPE);
	hx_chan_close(ch, HX_CHAN_RECV);
	ch = make(2);
	assert_int_equal(send(ch, 1, 0, 0), 0);
	hx_chan_close(ch, HX_CHAN_RECV);
	assert_int_equal(send(ch, 2, 0, HX_FOREVER), -HX_EPIPE);
	assert_int_equal(hx_chan_open(ch, BOTH), -HX_EPIPE);
	hx_chan_close(ch, HX_CHAN_SEND);
}

static void pages_move_and_come_back_when_nobody_receives(void **state)
{
	uint64_t n_free = hx_frames_n_free();
	struct hx_chan *ch = make(2);
	struct hx_msg m = message(1, 0), got;

	for (unsigned i = 0; i < 2; i++) {
		m.n_parts = 1;
		m.parts[0] = (struct hx_part){ .kind = &hx_part_frames, .b = i };
		assert_int_equal(hx_frames_alloc(i, 0, &m.parts[0].a), 0);
		assert_int_equal(hx_chan_send(ch, &m, 0), 0);
	}
	assert_int_equal(hx_frames_n_free(), n_free - 3);
	assert_int_equal(hx_chan_recv(ch, &got, 0), 0);
	assert_int_equal(got.n_parts, 1);
	assert_ptr_equal(got.parts[0].kind, &hx_part_frames);
	assert_int_equal(hx_frames_free(got.parts[0].a, (unsigned)got.parts[0].b), 0);
	assert_int_equal(hx_frames_n_free(), n_free - 2);
	hx_chan_close(ch, BOTH);	/* the other message was never received */
	assert_int_equal(hx_frames_n_free(), n_free);
}

static int make_and_close(void)
{
	struct hx_chan_params p = { .capacity = 4 };
	struct hx_chan *ch;
	int err = hx_chan_create(&p, &ch);

	if (err == 0)
		hx_chan_close(ch, BOTH);
	return err;
}

static void create_without_memory_leaves_nothing(void **state)
{
	struct hx_chan_info info;

	assert_true(HX_TEST_EACH_ALLOC_FAILS(make_and_close) >= 1);
	assert_false(hx_chan_next(0, &info));
}

/* ---- several threads */

struct job {
	struct hx_chan *ch;
	uint32_t tag;
	int prio;
	hx_ns_t timeout_ns;
};

static int send_job(void *arg)
{
	const struct job *j = arg;

	return send(j->ch, j->tag, j->prio, j->timeout_ns);
}

static int recv_job(void *arg)
{
	const struct job *j = arg;

	return recv(j->ch, j->timeout_ns);
}

static void receivers_are_served_in_order(void **state)
{
	struct job j = { .ch = make(4), .timeout_ns = HX_FOREVER };
	struct hx_thread *t[3];

	for (int i = 0; i < 3; i++) {
		t[i] = start(recv_job, &j);
		let_block(t[i]);
	}
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(send(j.ch, 10 + i, 0, 0), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(end_of(t[i]), 10 + i);
	hx_chan_close(j.ch, BOTH);
}

static void full_senders_wait_by_urgency(void **state)
{
	static const int prios[] = { 0, 1, -1, 0 }, order[] = { 9, 2, 0, 3, 1 };
	struct hx_chan *ch = make(1);
	struct job jobs[4];
	struct hx_thread *t[4];

	assert_int_equal(send(ch, 9, 2, 0), 0);
	for (uint32_t i = 0; i < 4; i++) {
		jobs[i] = (struct job){ ch, i, prios[i], HX_FOREVER };
		t[i] = start(send_job, &jobs[i]);
		let_block(t[i]);
	}
	for (int i = 0; i < 5; i++)
		assert_int_equal(recv(ch, 0), order[i]);
	for (int i = 0; i < 4; i++)
		assert_int_equal(end_of(t[i]), 0);
	hx_chan_close(ch, BOTH);
}

static void without_a_queue_senders_meet_receivers(void **state)
{
	struct job s = { make(0), 7, 0, HX_FOREVER }, brief = { s.ch, 8, 0, 2 * TICK_NS };
	struct hx_thread *t = start(send_job, &s);

	let_block(t);
	assert_int_equal(send(s.ch, 1, 0, 0), -HX_EAGAIN);
	assert_int_equal(recv(s.ch, 0), 7);
	assert_int_equal(end_of(t), 0);
	t = start(send_job, &brief);
	assert_int_equal(end_of(t), -HX_ETIMEDOUT);
	assert_int_equal(recv(s.ch, 0), -HX_EAGAIN);
	t = start(recv_job, &s);
	let_block(t);
	assert_int_equal(send(s.ch, 5, 0, 0), 0);
	assert_int_equal(end_of(t), 5);
	hx_chan_close(s.ch, BOTH);
}

static void close_wakes_the_other_side(void **state)
{
	struct job r = { make(1), 0, 0, HX_FOREVER }, s = { make(0), 0, 0, HX_FOREVER };
	struct hx_thread *t[4];

	for (int i = 0; i < 4; i++) {
		t[i] = start(i % 2 == 0 ? recv_job : send_job, i % 2 == 0 ? &r : &s);
		let_block(t[i]);
	}
	hx_chan_close(r.ch, HX_CHAN_SEND);
	hx_chan_close(s.ch, HX_CHAN_RECV);
	for (int i = 0; i < 4; i++)
		assert_int_equal(end_of(t[i]), -HX_EPIPE);
	hx_chan_close(r.ch, HX_CHAN_RECV);
	hx_chan_close(s.ch, HX_CHAN_SEND);
}

/* The timeout has ended the wait, but the waiter has not run yet: the message is for somebody
 * else. */
static void timeout_and_message_at_once_give_one_of_them(void **state)
{
	struct job r = { make(1), 0, 0, 5 * TICK_NS };
	struct hx_thread *t = start(recv_job, &r);

	let_block(t);
	hx_preempt_disable();
	while (t->state == HX_THREAD_BLOCKED)
		hx_cpu_relax();
	assert_int_equal(send(r.ch, 3, 0, 0), 0);
	hx_preempt_enable();
	assert_int_equal(end_of(t), -HX_ETIMEDOUT);
	assert_int_equal(recv(r.ch, 0), 3);
	hx_chan_close(r.ch, BOTH);
}

static void torture_books_balance(void **state)
{
	static const uint32_t capacities[] = { 0, 1, 7 };
	struct torture_result r;

	for (size_t i = 0; i < HX_ARRAY_LEN(capacities); i++) {
		torture_run(capacities[i], false, 1000, &r);
		assert_int_equal(r.err, 0);
		assert_int_equal(r.n_wrong, 0);
		assert_true(r.n_delivered > 1000);
		assert_true(r.n_failed > 100);
	}
}

/* ---- against a model: queues of unbounded arrays, written without an idea of the real thing */

#define N_CHANS		4u
#define N_OPS		1000000u
#define MODEL_MAX	16u

struct model_chan {
	struct hx_chan *ch;
	uint32_t capacity, n;
	uint32_t n_send, n_recv;
	uint64_t next_seq;
	struct hx_msg queue[MODEL_MAX];		/* in order of arrival */
};

static uint64_t n_dropped;

static void count_drop(uint64_t a, uint64_t b)
{
	n_dropped += a;
}

static const struct hx_part_kind counted = { .name = "counted", .drop = count_drop };

static void model_make(struct model_chan *c, uint64_t *rnd)
{
	memset(c, 0, sizeof(*c));
	c->capacity = (uint32_t)hx_test_random_below(rnd, MODEL_MAX);
	c->ch = make(c->capacity);
	c->n_send = c->n_recv = 1;
}

static void model_send(struct model_chan *c, uint64_t *rnd)
{
	struct hx_msg m;
	int want = c->n_recv == 0 ? -HX_EPIPE : c->n == c->capacity ? -HX_EAGAIN : 0;

	if (c->n_send == 0)
		return;
	memset(&m, 0, sizeof(m));
	m.tag = (uint32_t)hx_test_random(rnd);
	m.prio = (int8_t)(hx_test_random_below(rnd, 7) - 3);
	m.n_bytes = (uint8_t)hx_test_random_below(rnd, HX_MSG_BYTES + 2);
	m.n_parts = (uint8_t)hx_test_random_below(rnd, HX_MSG_PARTS + 2);
	for (unsigned i = 0; i < m.n_bytes && i < HX_MSG_BYTES; i++)
		m.bytes[i] = (uint8_t)hx_test_random(rnd);
	for (unsigned i = 0; i < m.n_parts && i < HX_MSG_PARTS; i++)
		m.parts[i] = (struct hx_part){ &counted, 1, i };
	if (m.prio < -2 || m.prio > 2 || m.n_bytes > HX_MSG_BYTES || m.n_parts > HX_MSG_PARTS)
		want = -HX_EINVAL;
	assert_int_equal(hx_chan_send(c->ch, &m, 0), want);
	if (want == 0) {
		m.seq = c->next_seq++;
		c->queue[c->n++] = m;
	}
}

static void model_recv(struct model_chan *c)
{
	int want = c->n != 0 ? 0 : c->n_send == 0 ? -HX_EPIPE : -HX_EAGAIN;
	struct hx_msg m;
	uint32_t best = 0;

	if (c->n_recv == 0)
		return;
	memset(&m, 0, sizeof(m));
	assert_int_equal(hx_chan_recv(c->ch, &m, 0), want);
	if (want != 0)
		return;
	for (uint32_t i = 1; i < c->n; i++)
		if (c->queue[i].prio < c->queue[best].prio)
			best = i;
	assert_memory_equal(&m, &c->queue[best], sizeof(m));
	memmove(&c->queue[best], &c->queue[best + 1], (c->n - best - 1) * sizeof(m));
	c->n--;
}

static void model_open(struct model_chan *c, unsigned ends)
{
	bool possible = ((ends & HX_CHAN_SEND) == 0 || c->n_send != 0) &&
			((ends & HX_CHAN_RECV) == 0 || c->n_recv != 0);

	assert_int_equal(hx_chan_open(c->ch, ends), possible ? 0 : -HX_EPIPE);
	if (possible) {
		c->n_send += (ends & HX_CHAN_SEND) != 0;
		c->n_recv += (ends & HX_CHAN_RECV) != 0;
	}
}

static void model_close(struct model_chan *c, unsigned ends, uint64_t *rnd)
{
	uint64_t parts = 0, before = n_dropped;

	if (c->n_send == 0)
		ends &= ~(unsigned)HX_CHAN_SEND;
	if (c->n_recv == 0)
		ends &= ~(unsigned)HX_CHAN_RECV;
	if (ends == 0)
		return;
	c->n_send -= (ends & HX_CHAN_SEND) != 0;
	c->n_recv -= (ends & HX_CHAN_RECV) != 0;
	if (c->n_recv == 0) {
		for (uint32_t i = 0; i < c->n; i++)
			parts += c->queue[i].n_parts;
		c->n = 0;
	}
	hx_chan_close(c->ch, ends);
	assert_int_equal(n_dropped, before + parts);
	if (c->n_send == 0 && c->n_recv == 0)
		model_make(c, rnd);
}

static void model_look(struct model_chan *c)
{
	struct hx_chan_info info;

	hx_chan_info(c->ch, &info);
	assert_int_equal(info.n_queued, c->n);
	assert_int_equal(info.n_senders, c->n_send);
	assert_int_equal(info.n_receivers, c->n_recv);
	assert_int_equal(info.n_accepted, c->next_seq);
	assert_int_equal(info.n_waiting_send + info.n_waiting_recv + info.n_waiting_call, 0);
}

static void random_operations_agree_with_the_model(void **state)
{
	static struct model_chan chans[N_CHANS];
	uint64_t rnd = hx_test_seed();

	for (unsigned i = 0; i < N_CHANS; i++)
		model_make(&chans[i], &rnd);
	for (unsigned n = 0; n < N_OPS; n++) {
		struct model_chan *c = &chans[hx_test_random_below(&rnd, N_CHANS)];
		uint64_t op = hx_test_random_below(&rnd, 1000);

		if (op < 480)
			model_send(c, &rnd);
		else if (op < 940)
			model_recv(c);
		else if (op < 943)
			model_open(c, 1 + (unsigned)hx_test_random_below(&rnd, 3));
		else if (op < 947)	/* not too often: not every heap takes back */
			model_close(c, 1 + (unsigned)hx_test_random_below(&rnd, 3), &rnd);
		else
			model_look(c);
	}
	for (unsigned i = 0; i < N_CHANS; i++) {
		while (chans[i].n_send > 1 || chans[i].n_recv > 1)
			model_close(&chans[i], (chans[i].n_send > 1 ? HX_CHAN_SEND : 0) |
				    (chans[i].n_recv > 1 ? HX_CHAN_RECV : 0), &rnd);
		hx_chan_close(chans[i].ch, (chans[i].n_send != 0 ? HX_CHAN_SEND : 0) |
			      (chans[i].n_recv != 0 ? HX_CHAN_RECV : 0));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bad_arguments_are_refused),
		TEST(only_what_is_said_to_be_there_is_copied),
		TEST(urgent_first_then_first_come),
		TEST(ends_are_counted),
		TEST(pages_move_and_come_back_when_nobody_receives),
		TEST(create_without_memory_leaves_nothing),
		TEST(receivers_are_served_in_order),
		TEST(full_senders_wait_by_urgency),
		TEST(without_a_queue_senders_meet_receivers),
		TEST(close_wakes_the_other_side),
		TEST(timeout_and_message_at_once_give_one_of_them),
		TEST(torture_books_balance),
	};
	const struct CMUnitTest once[] = { TEST(random_operations_agree_with_the_model) };
	int failed = RUN_UNDER_EACH_SCHEDULER(tests);

	scheduler = __start_hx_sched_classes[0];
	return failed + cmocka_run_group_tests_name("model", once, NULL, NULL);
}
