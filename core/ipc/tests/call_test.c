// SPDX-License-Identifier: MIT
/*
 * Calls on the host: who inherits what from whom and when it ends, circles, timeouts at each stage,
 * servers that die, ends that close, and random traffic whose books must balance.
 */
#include "under_each.h"

#include "torture_priv.h"

#define BOTH	(HX_CHAN_SEND | HX_CHAN_RECV)

static struct hx_chan *chan, *other;

static struct hx_chan *make(uint32_t capacity)
{
	struct hx_chan_params p = {
		.name = "test", .capacity = capacity, .flags = HX_CHAN_CALLS,
	};
	struct hx_chan *ch = NULL;

	assert_int_equal(hx_chan_create(&p, &ch), 0);
	return ch;
}

static int setup_chan(void **state)
{
	int err = setup(state);

	chan = make(4);
	return err;
}

static int teardown_chan(void **state)
{
	hx_chan_close(chan, BOTH);
	return hx_test_machine_teardown(state);
}

/* The tag of the answer, or the error. */
static int call(struct hx_chan *ch, uint32_t tag, hx_ns_t timeout_ns)
{
	struct hx_msg m = { .tag = tag };
	int err = hx_chan_call(ch, &m, &m, timeout_ns);

	return err != 0 ? err : (int)m.tag;
}

static int call_forever(void *arg)
{
	return call(chan, (uint32_t)(uintptr_t)arg, HX_FOREVER);
}

static int call_briefly(void *arg)
{
	return call(chan, (uint32_t)(uintptr_t)arg, 2 * TICK_NS);
}

/* Answers so many calls with the tag plus 100. */
static int serve(void *arg)
{
	uintptr_t n = (uintptr_t)arg;
	struct hx_chan_call c;
	int err = hx_chan_accept(chan, &c, HX_FOREVER);

	while (err == 0 && --n > 0) {
		c.msg.tag += 100;
		err = hx_chan_reply_accept(&c, &c.msg, HX_FOREVER);
	}
	c.msg.tag += 100;
	return err != 0 ? err : hx_chan_reply(&c, &c.msg);
}

static void call_is_answered_whoever_comes_first(void **state)
{
	struct hx_thread *t = start(serve, (void *)3);

	let_block(t);
	assert_int_equal(call(chan, 1, HX_FOREVER), 101);
	assert_int_equal(call(chan, 2, 100 * TICK_NS), 102);
	assert_int_equal(call(chan, 3, HX_FOREVER), 103);
	assert_int_equal(end_of(t), 0);
	t = start(call_forever, (void *)7);
	let_block(t);
	assert_int_equal(end_of(start(serve, (void *)1)), 0);
	assert_int_equal(end_of(t), 107);
}

static void misuse_is_refused(void **state)
{
	struct hx_chan_params p = { .capacity = 1 };
	struct hx_chan_call c = { .is_call = false };
	struct hx_chan *plain = NULL;
	struct hx_msg m = { .tag = 1 };
	struct hx_thread *t;

	assert_int_equal(hx_chan_create(&p, &plain), 0);
	assert_int_equal(hx_chan_call(plain, &m, &m, HX_FOREVER), -HX_EINVAL);
	assert_int_equal(hx_chan_accept(plain, &c, 0), -HX_EINVAL);
	hx_chan_close(plain, BOTH);
	assert_int_equal(hx_chan_recv(chan, &m, 0), -HX_EINVAL);
	assert_int_equal(hx_chan_call(chan, &m, &m, 0), -HX_EINVAL);
	m.n_bytes = 65;
	assert_int_equal(hx_chan_call(chan, &m, &m, HX_FOREVER), -HX_EINVAL);
	assert_int_equal(hx_chan_reply(&c, &c.msg), -HX_EINVAL);
	t = start(call_forever, (void *)1);
	let_block(t);
	assert_int_equal(hx_chan_accept(chan, &c, 0), 0);
	m = (struct hx_msg){ .prio = 3 };
	assert_int_equal(hx_chan_reply(&c, &m), -HX_EINVAL);
	m.prio = 0;
	assert_int_equal(hx_chan_reply_accept(&c, &m, 0), -HX_EAGAIN);
	assert_int_equal(hx_chan_reply(&c, &m), -HX_EINVAL);	/* only once */
	assert_int_equal(end_of(t), 0);
}

static int reply_for_another(void *arg)
{
	struct hx_chan_call *c = arg;

	return hx_chan_reply(c, &c->msg);
}

static void only_who_took_a_call_answers_it(void **state)
{
	struct hx_thread *t = start(call_forever, (void *)5);
	struct hx_chan_call c;

	let_block(t);
	assert_int_equal(hx_chan_accept(chan, &c, 0), 0);
	assert_int_equal(end_of(start(reply_for_another, &c)), -HX_EINVAL);
	assert_int_equal(hx_chan_reply(&c, &c.msg), 0);
	assert_int_equal(end_of(t), 5);
}

/* ---- inheritance */

static void server_is_as_urgent_as_its_caller(void **state)
{
	struct hx_thread *self = hx_thread_self(), *high = start_with(100, call_forever, (void *)1);
	struct hx_chan_call c;

	let_block(high);
	assert_int_equal(self->prio, HX_PRIO_DEFAULT);	/* nobody has the call, nobody serves */
	assert_int_equal(hx_chan_accept(chan, &c, 0), 0);
	assert_int_equal(self->prio, 100);
	assert_int_equal(hx_thread_set_prio(high, 90), 0);
	assert_int_equal(self->prio, 90);
	assert_int_equal(hx_chan_reply(&c, &c.msg), 0);
	assert_int_equal(self->prio, HX_PRIO_DEFAULT);
	assert_int_equal(end_of(high), 1);
	assert_null(self->owned);
}

static int accept_and_tell(void *arg)
{
	struct hx_chan_call c;
	int err = hx_chan_accept(chan, &c, HX_FOREVER);
	uint32_t prio = hx_thread_self()->prio;

	c.msg.tag = prio;
	return err != 0 ? err : hx_chan_reply(&c, &c.msg);
}

static void urgency_comes_with_the_handover(void **state)
{
	struct hx_thread *server = start_with(125, accept_and_tell, NULL), *high;

	let_block(server);
	high = start_with(105, call_forever, (void *)1);
	assert_int_equal(end_of(high), 105);
	assert_int_equal(end_of(server), 0);
}

/* While this thread serves one, more come: it is who they wait for. */
static void waiting_callers_lend_to_who_serves(void **state)
{
	struct hx_thread *self = hx_thread_self(), *a, *b, *c3;
	struct hx_chan_call c;

	a = start_with(119, call_forever, (void *)1);
	let_block(a);
	assert_int_equal(hx_chan_accept(chan, &c, 0), 0);
	b = start_with(110, call_briefly, (void *)2);
	let_block(b);
	assert_int_equal(self->prio, 110);
	c3 = start_with(100, call_forever, (void *)3);
	let_block(c3);
	assert_int_equal(self->prio, 100);
	assert_int_equal(end_of(b), -HX_ETIMEDOUT);
	assert_int_equal(self->prio, 100);
	/* After the answer it is expected back: the one that waits still lends. */
	assert_int_equal(hx_chan_reply(&c, &c.msg), 0);
	assert_int_equal(self->prio, 100);
	assert_int_equal(hx_chan_accept(chan, &c, 0), 0);
	assert_int_equal(c.msg.tag, 3);
	assert_int_equal(hx_chan_reply(&c, &c.msg), 0);
	assert_int_equal(self->prio, HX_PRIO_DEFAULT);
	assert_int_equal(end_of(a), 1);
	assert_int_equal(end_of(c3), 3);
	assert_null(self->owned);
}

/* Another server comes for the one that waits: who stood for the pool gives back what it lent. */
static void the_next_server_takes_over_what_was_lent(void **state)
{
	struct hx_thread *self = hx_thread_self(), *a, *high, *server;
	struct hx_chan_call c;

	a = start_with(119, call_forever, (void *)1);
	let_block(a);
	assert_int_equal(hx_chan_accept(chan, &c, 0), 0);
	high = start_with(100, call_forever, (void *)2);
	let_block(high);
	assert_int_equal(self->prio, 100);
	server = start_with(99, accept_and_tell, NULL);
	assert_int_equal(end_of(high), 99);
	assert_int_equal(self->prio, 119);
	assert_int_equal(end_of(server), 0);
	assert_int_equal(hx_chan_reply(&c, &c.msg), 0);
	assert_int_equal(self->prio, HX_PRIO_DEFAULT);
	assert_int_equal(end_of(a), 1);
}

static void urgent_callers_are_taken_first(void **state)
{
	static const uint8_t prios[] = { 120, 110, 130, 110, 105 };
	static const int order[] = { 4, 1, 3, 0, 2 };
	struct hx_thread *t[5];
	struct hx_chan_call c;

	for (uintptr_t i = 0; i < 5; i++) {
		t[i] = start_with(prios[i], call_forever, (void *)i);
		let_block(t[i]);
	}
	for (int i = 0; i < 5; i++) {
		assert_int_equal(hx_chan_accept(chan, &c, 0), 0);
		assert_int_equal(c.msg.tag, order[i]);
		assert_int_equal(hx_chan_reply(&c, &c.msg), 0);
	}
	for (int i = 0; i < 5; i++)
		assert_int_equal(end_of(t[i]), i);
}

static struct hx_mutex mutex;

static int serve_with_mutex(void *arg)
{
	struct hx_chan_call c;
	int err = hx_chan_accept(chan, &c, HX_FOREVER);

	hx_mutex_lock(&mutex);
	hx_mutex_unlock(&mutex);
	return err != 0 ? err : hx_chan_reply(&c, &c.msg);
}

/* caller -> call -> server -> mutex -> this thread. */
static void urgency_spreads_through_calls_and_mutexes(void **state)
{
	struct hx_thread *self = hx_thread_self(), *server, *caller;

	hx_mutex_init(&mutex);
	hx_mutex_lock(&mutex);
	server = start_with(125, serve_with_mutex, NULL);
	let_block(server);
	caller = start_with(95, call_forever, (void *)1);
	let_block(caller);
	let_block(server);
	assert_int_equal(server->prio, 95);
	assert_int_equal(self->prio, 95);
	hx_mutex_unlock(&mutex);
	assert_int_equal(self->prio, HX_PRIO_DEFAULT);
	assert_int_equal(end_of(caller), 1);
	assert_int_equal(end_of(server), 0);
}

/* ---- circles */

static int serve_by_calling_other(void *arg)
{
	struct hx_chan_call c;
	int err = hx_chan_accept(chan, &c, HX_FOREVER);

	c.msg.tag = (uint32_t)-call(other, 1, HX_FOREVER);
	return err != 0 ? err : hx_chan_reply(&c, &c.msg);
}

static void who_would_wait_for_itself_is_told(void **state)
{
	struct hx_thread *server, *t;
	struct hx_chan_call c;

	other = make(1);
	/* This thread serves `other` and calls `chan`, whose server calls `other`. */
	t = start(serve_by_calling_other, NULL);
	let_block(t);
	server = start(call_forever, (void *)1);
	let_block(server);	/* chan's server now waits in other's pool, which nobody serves */
	assert_int_equal(hx_chan_accept(other, &c, 0), 0);
	assert_int_equal(call(chan, 2, HX_FOREVER), -HX_EDEADLK);
	assert_int_equal(hx_chan_reply(&c, &c.msg), 0);
	assert_int_equal(end_of(t), 0);
	assert_int_equal(end_of(server), -1);
	hx_chan_close(other, BOTH);
}

static int call_itself(void *arg)
{
	struct hx_chan_call c;
	int err = hx_chan_accept(chan, &c, HX_FOREVER);

	c.msg.tag = (uint32_t)(1000 - call(chan, 9, HX_FOREVER));
	return err != 0 ? err : hx_chan_reply(&c, &c.msg);
}

static void a_server_that_calls_itself_is_told(void **state)
{
	struct hx_thread *t = start(call_itself, NULL);

	let_block(t);
	assert_int_equal(call(chan, 1, HX_FOREVER), 1000 + HX_EDEADLK);
	assert_int_equal(end_of(t), 0);
}

/* ---- timeouts, deaths, ends */

static void a_call_that_nobody_took_times_out_whole(void **state)
{
	struct hx_msg m = { .n_parts = 1, .parts = { { .kind = &torture_part } } }, got;
	struct hx_chan_call c;

	assert_int_equal(hx_chan_call(chan, &m, &got, 2 * TICK_NS), -HX_ETIMEDOUT);
	assert_int_equal(m.n_parts, 1);
	assert_int_equal(hx_chan_accept(chan, &c, 0), -HX_EAGAIN);
}

static void a_call_that_was_taken_and_not_answered_is_told_apart(void **state)
{
	struct hx_thread *self = hx_thread_self(), *t = start_with(100, call_briefly, (void *)1);
	struct hx_chan_call c;

	let_block(t);
	assert_int_equal(hx_chan_accept(chan, &c, 0), 0);
	assert_int_equal(self->prio, 100);
	assert_int_equal(end_of(t), -HX_ECANCELED);
	assert_int_equal(self->prio, HX_PRIO_DEFAULT);
	assert_int_equal(hx_chan_reply(&c, &c.msg), -HX_EPIPE);
	assert_int_equal(hx_chan_reply(&c, &c.msg), -HX_EINVAL);
	/* The same when it was handed over at once. */
	t = start(call_briefly, (void *)2);
	assert_int_equal(hx_chan_accept(chan, &c, HX_FOREVER), 0);
	assert_int_equal(end_of(t), -HX_ECANCELED);
	assert_int_equal(hx_chan_reply_accept(&c, &c.msg, 0), -HX_EPIPE);
	assert_null(self->owned);
}

static int accept_and_die(void *arg)
{
	static struct hx_chan_call c[3];
	uintptr_t n = (uintptr_t)arg;
	int err = 0;

	for (uintptr_t i = 0; i < n && err == 0; i++)
		err = hx_chan_accept(chan, &c[i], HX_FOREVER);
	if (n == 3) {		/* the answer that is not owed any more is no trouble */
		err |= hx_chan_reply(&c[1], &c[1].msg);
		hx_thread_exit(err);
	}
	return err;
}

static void death_of_the_server_wakes_its_callers(void **state)
{
	struct hx_thread *t[5];
	struct hx_chan_call c;

	for (uintptr_t i = 0; i < 4; i++) {
		t[i] = start(call_forever, (void *)i);
		let_block(t[i]);
	}
	assert_int_equal(end_of(start(accept_and_die, (void *)3)), 0);
	assert_int_equal(end_of(t[0]), -HX_EPIPE);
	assert_int_equal(end_of(t[1]), 1);
	assert_int_equal(end_of(t[2]), -HX_EPIPE);
	/* The one that it had not taken waits on, and the next server gets it. */
	t[4] = start(call_forever, (void *)4);
	let_block(t[4]);
	assert_int_equal(hx_chan_accept(chan, &c, 0), 0);
	assert_int_equal(c.msg.tag, 3);
	assert_int_equal(hx_chan_reply_accept(&c, &c.msg, 0), 0);
	assert_int_equal(c.msg.tag, 4);
	assert_int_equal(hx_chan_reply(&c, &c.msg), 0);
	assert_int_equal(end_of(t[3]), 3);
	assert_int_equal(end_of(t[4]), 4);
}

static void close_wakes_callers_that_wait(void **state)
{
	struct hx_thread *t;

	other = make(0);
	assert_int_equal(hx_chan_open(chan, HX_CHAN_SEND), 0);
	t = start(call_forever, (void *)1);
	let_block(t);
	hx_chan_close(chan, HX_CHAN_RECV);
	assert_int_equal(end_of(t), -HX_EPIPE);
	assert_int_equal(call(chan, 1, HX_FOREVER), -HX_EPIPE);
	hx_chan_close(chan, HX_CHAN_SEND);
	hx_chan_close(chan, HX_CHAN_SEND);
	chan = other;
}

static void messages_and_calls_share_a_channel(void **state)
{
	struct hx_thread *t = start(call_forever, (void *)1);
	struct hx_msg normal = { .tag = 2 }, high = { .tag = 3, .prio = HX_MSG_HIGH },
		      low = { .tag = 4, .prio = HX_MSG_LOW };
	static const uint32_t order[] = { 3, 2, 1, 4 };
	struct hx_chan_call c;

	let_block(t);
	assert_int_equal(hx_chan_send(chan, &low, 0), 0);
	assert_int_equal(hx_chan_send(chan, &normal, 0), 0);
	assert_int_equal(hx_chan_send(chan, &high, 0), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(hx_chan_accept(chan, &c, 0), 0);
		assert_int_equal(c.msg.tag, order[i]);
		assert_int_equal(c.is_call, order[i] == 1);
		if (c.is_call)
			assert_int_equal(hx_chan_reply(&c, &c.msg), 0);
	}
	assert_int_equal(end_of(t), 1);
}

static void torture_books_balance(void **state)
{
	static const uint32_t capacities[] = { 0, 1, 7 };
	struct torture_result r;

	for (size_t i = 0; i < HX_ARRAY_LEN(capacities); i++) {
		torture_run(capacities[i], true, 1000, &r);
		assert_int_equal(r.err, 0);
		assert_int_equal(r.n_wrong, 0);
		assert_true(r.n_delivered > 1000);
		assert_true(r.n_failed > 100);
		assert_true(torture.n_killed > 5);
		assert_true(torture.n_given_up > 5);
	}
}

#define CTEST(f) { .name = #f, .test_func = (f), .setup_func = setup_chan, \
		   .teardown_func = teardown_chan }

int main(void)
{
	const struct CMUnitTest tests[] = {
		CTEST(call_is_answered_whoever_comes_first),
		CTEST(misuse_is_refused),
		CTEST(only_who_took_a_call_answers_it),
		CTEST(server_is_as_urgent_as_its_caller),
		CTEST(urgency_comes_with_the_handover),
		CTEST(waiting_callers_lend_to_who_serves),
		CTEST(the_next_server_takes_over_what_was_lent),
		CTEST(urgent_callers_are_taken_first),
		CTEST(urgency_spreads_through_calls_and_mutexes),
		CTEST(who_would_wait_for_itself_is_told),
		CTEST(a_server_that_calls_itself_is_told),
		CTEST(a_call_that_nobody_took_times_out_whole),
		CTEST(a_call_that_was_taken_and_not_answered_is_told_apart),
		CTEST(death_of_the_server_wakes_its_callers),
		CTEST(close_wakes_callers_that_wait),
		CTEST(messages_and_calls_share_a_channel),
		CTEST(torture_books_balance),
	};

	return RUN_UNDER_EACH_SCHEDULER(tests);
}
