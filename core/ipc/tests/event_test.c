// SPDX-License-Identifier: MIT
/*
 * The event bus on the host: each rule by itself, handlers, random operations against a model, and
 * each allocation failing.
 */
#include "under_each.h"

#include <hx/core/irq.h>
#include <hx/hal/irq.h>

#include "event_priv.h"

static struct hx_topic *topic;

static int setup_topic(void **state)
{
	int err = setup(state);

	hx_test_start("events");
	return err != 0 ? err : hx_topic_open("test", &topic);
}

static int teardown_topic(void **state)
{
	hx_topic_close(topic);
	return hx_test_machine_teardown(state);
}

static void publish(uint32_t tag, uint8_t prio)
{
	struct hx_event e = { .tag = tag, .prio = prio, .n_bytes = 8, .words = { tag * 3 } };

	assert_int_equal(hx_event_publish(topic, &e), 0);
}

static struct hx_event_sub *subscribe(uint32_t mask, uint32_t tag, uint8_t less, bool history)
{
	struct hx_event_filter f = { mask, tag, less, history };
	struct hx_event_sub *sub = NULL;

	assert_int_equal(hx_event_subscribe(topic, &f, &sub), 0);
	return sub;
}

static void expect_next(struct hx_event_sub *sub, uint32_t tag, uint64_t n_lost)
{
	struct hx_event e;

	assert_int_equal(hx_event_next(sub, &e, 0), 0);
	assert_int_equal(e.tag, tag);
	assert_int_equal(e.words[0], e.n_bytes != 0 ? tag * 3 : 0);
	assert_int_equal(e.n_lost, n_lost);
}

static void expect_none(struct hx_event_sub *sub)
{
	struct hx_event e;

	assert_int_equal(hx_event_next(sub, &e, 0), -HX_EAGAIN);
}

static void names_lead_to_one_topic(void **state)
{
	static const char *const bad[] = {
		"", "A", "a b", "\xc3\xa4", "a/b", "12345678901234567890123456789012",
	};
	struct hx_topic *other = NULL;
	struct hx_topic_info info;

	for (size_t i = 0; i < HX_ARRAY_LEN(bad); i++)
		assert_int_equal(hx_topic_open(bad[i], &other), -HX_EINVAL);
	assert_null(other);
	assert_int_equal(hx_topic_open("test", &other), 0);
	assert_ptr_equal(other, topic);
	hx_topic_close(other);
	assert_int_equal(hx_topic_open("1234567890123456789012345678901", &other), 0);
	assert_ptr_not_equal(other, topic);
	hx_topic_close(other);
	assert_true(hx_topic_next(0, &info));
	assert_string_equal(info.name, "test");
	assert_int_equal(info.n_users, 1);
	assert_false(hx_topic_next(info.id, &info));
}

static void bad_events_and_filters_are_refused(void **state)
{
	struct hx_event e = { .n_bytes = HX_EVENT_BYTES + 1 };
	struct hx_event_filter f = { .tag_mask = 1, .tag = 2 };
	struct hx_event_sub *sub = subscribe(0, 0, 0, false);

	assert_int_equal(hx_event_publish(topic, &e), -HX_EINVAL);
	e = (struct hx_event){ .prio = HX_EVENT_PRIOS };
	assert_int_equal(hx_event_publish(topic, &e), -HX_EINVAL);
	expect_none(sub);
	hx_event_unsubscribe(sub);
	assert_int_equal(hx_event_subscribe(topic, &f, &sub), -HX_EINVAL);
	f = (struct hx_event_filter){ .less_urgent_than = HX_EVENT_PRIOS + 1 };
	assert_int_equal(hx_event_subscribe(topic, &f, &sub), -HX_EINVAL);
}

static void only_what_is_said_to_be_there_arrives(void **state)
{
	struct hx_event_sub *sub = subscribe(0, 0, 0, false);
	struct hx_event in, out;

	for (unsigned round = 0; round < 3 * HX_EVENT_HISTORY; round++) {
		unsigned n = round % (HX_EVENT_BYTES + 1);

		memset(&in, 0xa0 + (int)round % 16, sizeof(in));
		in.n_bytes = (uint8_t)n;
		in.prio = 0;
		memset(&out, 0x55, sizeof(out));
		assert_int_equal(hx_event_publish(topic, &in), 0);
		assert_int_equal(hx_event_next(sub, &out, 0), 0);
		assert_int_equal(out.seq, round);
		assert_int_equal(out.n_lost, 0);
		assert_int_equal(out.tag, in.tag);
		assert_memory_equal(out.bytes, in.bytes, n);
		for (unsigned i = n; i < HX_EVENT_BYTES; i++)
			assert_int_equal(out.bytes[i], 0);
	}
	hx_event_unsubscribe(sub);
}

static void urgent_first_then_oldest(void **state)
{
	static const uint8_t prios[] = { 2, 4, 1, 2, 0, 3, 1, 4 };
	static const uint32_t order[] = { 4, 2, 6, 0, 3, 5, 1, 7 };
	struct hx_event_sub *sub = subscribe(0, 0, 0, false);

	for (uint32_t i = 0; i < 8; i++)
		publish(i, prios[i]);
	for (uint32_t i = 0; i < 8; i++)
		expect_next(sub, order[i], 0);
	expect_none(sub);
	hx_event_unsubscribe(sub);
}

static void filters_leave_out_and_lose_nothing(void **state)
{
	struct hx_event_sub *odd = subscribe(1, 1, 0, false), *urgent = subscribe(0, 0, 2, false);

	for (uint32_t i = 0; i < 1000; i++) {
		publish(i, (uint8_t)(i % 5));
		if (i % 2 == 1)
			expect_next(odd, i, 0);
		expect_none(odd);
		if (i % 5 < 2)
			expect_next(urgent, i, 0);
		expect_none(urgent);
	}
	hx_event_unsubscribe(odd);
	hx_event_unsubscribe(urgent);
}

static void slow_one_loses_the_oldest_and_is_told(void **state)
{
	struct hx_event_sub *sub = subscribe(0, 0, 0, false), *late;

	for (uint32_t i = 0; i < 100; i++)
		publish(i, 2);
	expect_next(sub, 36, 36);
	expect_next(sub, 37, 0);
	publish(100, 1);
	expect_next(sub, 100, 0);	/* ahead of 38 */
	for (uint32_t i = 101; i < 165; i++)
		publish(i, 2);
	expect_next(sub, 101, 62);	/* 38..99; 100 it had */
	for (uint32_t i = 165; i < 1000; i++)
		publish(i, 2);
	expect_next(sub, 936, 834);
	late = subscribe(0, 0, 0, true);
	expect_next(late, 936, 0);
	for (uint32_t i = 937; i < 1000; i++)
		expect_next(late, i, 0);
	expect_none(late);
	hx_event_unsubscribe(late);
	hx_event_unsubscribe(sub);
}

static int next_job(void *arg)
{
	struct hx_event e;
	int err = hx_event_next(arg, &e, 5 * TICK_NS);

	return err != 0 ? err : (int)e.tag;
}

static void who_waits_is_woken_by_what_passes(void **state)
{
	struct hx_event_sub *sub = subscribe(1, 1, 0, false);
	struct hx_thread *t = start(next_job, sub);

	let_block(t);
	publish(2, 0);
	assert_int_equal(t->state, HX_THREAD_BLOCKED);
	publish(3, 0);
	assert_int_equal(end_of(t), 3);
	assert_int_equal(end_of(start(next_job, sub)), -HX_ETIMEDOUT);
	hx_event_unsubscribe(sub);
}

/* ---- handlers */

static struct hx_event_sub *handled[2];
static uint32_t n_called;
static uint64_t called_sum;
static volatile bool hold;

static void count(const struct hx_event *e, void *arg)
{
	assert_true(hx_can_sleep());
	assert_int_equal(hx_percpu()->locks_held, 0);
	n_called++;
	called_sum += e->tag;
	if (e->tag < 3)
		publish(e->tag + 100, 0);	/* it may publish itself */
	while (hold)
		hx_sleep_ns(1);
	*(uint32_t *)arg += 1;
}

static void handlers_are_called_without_a_lock(void **state)
{
	uint32_t n[2] = { 0 };
	struct hx_event e;

	n_called = 0;
	called_sum = 0;
	hold = false;
	for (unsigned i = 0; i < 2; i++) {
		handled[i] = subscribe(i, i, 0, false);
		assert_int_equal(hx_event_handle(handled[i], NULL, NULL), -HX_EINVAL);
		assert_int_equal(hx_event_handle(handled[i], count, &n[i]), 0);
		assert_int_equal(hx_event_handle(handled[i], count, &n[i]), -HX_EBUSY);
		assert_int_equal(hx_event_next(handled[i], &e, 0), -HX_EBUSY);
	}
	for (uint32_t i = 0; i < 10; i++)
		publish(i, 0);
	hx_sleep_ns(5 * TICK_NS);
	/* The first: 0..9, and 100, 101 (twice), 102; the second: the odd ones of these. */
	assert_int_equal(n[0], 14);
	assert_int_equal(n[1], 7);
	assert_int_equal(n_called, 21);
	hx_event_unsubscribe(handled[0]);
	publish(7, 0);
	hx_sleep_ns(5 * TICK_NS);
	assert_int_equal(n[0], 14);
	assert_int_equal(n[1], 8);
	hx_event_unsubscribe(handled[1]);
}

static int unsubscribe_job(void *arg)
{
	hx_event_unsubscribe(arg);
	return 0;
}

static void who_goes_away_waits_for_its_handler(void **state)
{
	struct hx_event_sub *sub = subscribe(0, 0, 0, false);
	uint32_t n = 0;
	struct hx_thread *t;

	hold = true;
	n_called = 0;
	assert_int_equal(hx_event_handle(sub, count, &n), 0);
	publish(50, 0);
	while (n_called == 0)
		hx_sleep_ns(1);
	t = start(unsubscribe_job, sub);
	let_block(t);
	hx_sleep_ns(3 * TICK_NS);
	assert_int_equal(t->state, HX_THREAD_BLOCKED);
	hold = false;
	assert_int_equal(end_of(t), 0);
	assert_int_equal(n, 1);
}

static void publish_in_interrupt(void *arg)
{
	publish(77, 0);
}

static void interrupts_may_publish(void **state)
{
	struct hx_event_sub *sub = subscribe(0, 0, 0, false);
	struct hx_irq_action a = { .name = "test", .handler = publish_in_interrupt };
	struct hx_thread *t = start(next_job, sub);

	let_block(t);
	assert_int_equal(hx_irq_attach(hx_irq_line_soft(), &a), 0);
	hx_irq_raise_soft();
	assert_int_equal(end_of(t), 77);
	hx_irq_detach(hx_irq_line_soft(), &a);
	hx_event_unsubscribe(sub);
}

static int make_all(void)
{
	struct hx_event_sub *sub;
	struct hx_topic *made;
	int err = hx_topic_open("fresh", &made);

	if (err != 0)
		return err;
	err = hx_event_subscribe(made, NULL, &sub);
	if (err == 0)
		hx_event_unsubscribe(sub);
	hx_topic_close(made);
	return err;
}

static void without_memory_nothing_is_left(void **state)
{
	struct hx_topic_info info;

	assert_true(HX_TEST_EACH_ALLOC_FAILS(make_all) >= 2);
	assert_true(hx_topic_next(0, &info));
	assert_false(hx_topic_next(info.id, &info));
}

/* ---- against a model that keeps all events for ever */

#define N_SUBS		5u
#define N_OPS		1000000u
#define N_KEPT		4096u

static struct { uint32_t tag; uint8_t prio, n_bytes; uint64_t word; } kept[N_KEPT];
static uint64_t n_published;

struct model_sub {
	struct hx_event_sub *sub;
	uint32_t mask, tag;
	uint8_t n_prios;
	uint64_t from;			/* before it all is had or lost */
	uint8_t had[N_KEPT];
	uint64_t n_lost;
};

static void model_publish(uint64_t *rnd)
{
	uint64_t i = n_published++ % N_KEPT;
	struct hx_event e = { .tag = (uint32_t)hx_test_random_below(rnd, 16) };

	e.prio = (uint8_t)hx_test_random_below(rnd, HX_EVENT_PRIOS);
	e.n_bytes = (uint8_t)(8 * hx_test_random_below(rnd, HX_EVENT_BYTES / 8 + 1));
	e.words[0] = hx_test_random(rnd);
	assert_int_equal(hx_event_publish(topic, &e), 0);
	kept[i].tag = e.tag;
	kept[i].prio = e.prio;
	kept[i].n_bytes = e.n_bytes;
	kept[i].word = e.n_bytes != 0 ? e.words[0] : 0;
}

static void model_next(struct model_sub *m)
{
	uint64_t first = n_published > HX_EVENT_HISTORY ? n_published - HX_EVENT_HISTORY : 0;
	uint64_t best = UINT64_MAX;
	struct hx_event e;
	int err = hx_event_next(m->sub, &e, 0);

	for (; m->from < first; m->from++)
		if (n_published - m->from > N_KEPT || !m->had[m->from % N_KEPT])
			m->n_lost++;
	for (uint64_t s = m->from; s < n_published; s++) {
		if (s >= first && (kept[s % N_KEPT].tag & m->mask) != m->tag)
			m->had[s % N_KEPT] = 1;
		if (s >= first && kept[s % N_KEPT].prio >= m->n_prios)
			m->had[s % N_KEPT] = 1;
		if (!m->had[s % N_KEPT] &&
		    (best == UINT64_MAX || kept[s % N_KEPT].prio < kept[best % N_KEPT].prio))
			best = s;
	}
	assert_int_equal(err, best == UINT64_MAX ? -HX_EAGAIN : 0);
	if (err != 0)
		return;
	m->had[best % N_KEPT] = 1;
	assert_int_equal(e.seq, best);
	assert_int_equal(e.tag, kept[best % N_KEPT].tag);
	assert_int_equal(e.prio, kept[best % N_KEPT].prio);
	assert_int_equal(e.n_bytes, kept[best % N_KEPT].n_bytes);
	assert_int_equal(e.words[0], kept[best % N_KEPT].word);
	assert_int_equal(e.n_lost, m->n_lost);
	m->n_lost = 0;
}

static void model_subscribe(struct model_sub *m, uint64_t *rnd)
{
	bool history = hx_test_random_below(rnd, 2) != 0;

	if (m->sub != NULL)
		hx_event_unsubscribe(m->sub);
	memset(m, 0, sizeof(*m));
	m->mask = (uint32_t)hx_test_random_below(rnd, 4);
	m->tag = (uint32_t)hx_test_random(rnd) & m->mask;
	m->n_prios = (uint8_t)(1 + hx_test_random_below(rnd, HX_EVENT_PRIOS));
	m->sub = subscribe(m->mask, m->tag, m->n_prios, history);
	m->from = n_published - (history ? hx_min_u64(n_published, HX_EVENT_HISTORY) : 0);
}

/* What a new event takes the place of in the model's books is not had. */
static void model_forget(struct model_sub *subs)
{
	for (unsigned i = 0; i < N_SUBS; i++)
		subs[i].had[n_published % N_KEPT] = 0;
}

static void random_operations_agree_with_the_model(void **state)
{
	static struct model_sub subs[N_SUBS];
	uint64_t rnd = hx_test_seed(), slow = 0;

	memset(subs, 0, sizeof(subs));
	n_published = 0;
	for (unsigned i = 0; i < N_SUBS; i++)
		model_subscribe(&subs[i], &rnd);
	for (unsigned n = 0; n < N_OPS; n++) {
		uint64_t op = hx_test_random_below(&rnd, 10000);

		if (op == 0)
			model_subscribe(&subs[hx_test_random_below(&rnd, N_SUBS)], &rnd);
		else if (op < 50)
			slow = hx_test_random_below(&rnd, 120);
		if (slow > 0 || op < 3000) {
			model_forget(subs);
			model_publish(&rnd);
			slow -= slow > 0;
		} else {
			model_next(&subs[hx_test_random_below(&rnd, N_SUBS)]);
		}
	}
	for (unsigned i = 0; i < N_SUBS; i++)
		hx_event_unsubscribe(subs[i].sub);
}

#define ETEST(f) { .name = #f, .test_func = (f), .setup_func = setup_topic, \
		   .teardown_func = teardown_topic }

int main(void)
{
	const struct CMUnitTest tests[] = {
		ETEST(names_lead_to_one_topic),
		ETEST(bad_events_and_filters_are_refused),
		ETEST(only_what_is_said_to_be_there_arrives),
		ETEST(urgent_first_then_oldest),
		ETEST(filters_leave_out_and_lose_nothing),
		ETEST(slow_one_loses_the_oldest_and_is_told),
		ETEST(who_waits_is_woken_by_what_passes),
		ETEST(handlers_are_called_without_a_lock),
		ETEST(who_goes_away_waits_for_its_handler),
		ETEST(interrupts_may_publish),
		ETEST(without_memory_nothing_is_left),
	};
	const struct CMUnitTest once[] = { ETEST(random_operations_agree_with_the_model) };
	int failed = RUN_UNDER_EACH_SCHEDULER(tests);

	scheduler = __start_hx_sched_classes[0];
	return failed + cmocka_run_group_tests_name("model", once, NULL, NULL);
}
