// SPDX-License-Identifier: MIT
/* Semaphores, mutexes with what they lend, and wait queues. */
#include "under_each.h"
#include <hx/core/mutex.h>
#include <hx/core/time.h>
#include <hx/hal/timer.h>

#include "thread_priv.h"

/* Time stands still meanwhile, and only who is more urgent or waits his turn has one. */
static void yield_until_blocked(struct hx_thread *t)
{
	while (t->state != HX_THREAD_BLOCKED)
		hx_yield();
}

static void it_is_the_scheduler_that_was_asked_for(void **state)
{
	assert_ptr_equal(sched_ops(), scheduler);
}

/* ---- semaphore */

struct take {
	struct hx_sem *sem;
	hx_ns_t timeout_ns;
};

static int take(void *arg)
{
	struct take *a = arg;

	return hx_sem_take(a->sem, a->timeout_ns);
}

static void sem_counts_permits(void **state)
{
	struct hx_sem s = HX_SEM_INIT(s, 2);

	assert_int_equal(hx_sem_take(&s, 0), 0);
	assert_int_equal(hx_sem_take(&s, HX_FOREVER), 0);
	assert_int_equal(hx_sem_take(&s, 0), -HX_EAGAIN);
	hx_sem_give(&s);
	assert_int_equal(hx_sem_take(&s, HX_FOREVER), 0);
}

static void sem_with_all_permits_takes_no_more(void **state)
{
	struct hx_sem s;

	hx_sem_init(&s, HX_SEM_MAX - 1);
	hx_sem_give(&s);
	assert_true(HX_TEST_ENDS(HX_TEST_BUG, "2147483647 permits", hx_sem_give(&s)));
}

static void sem_permit_goes_to_the_longest_waiter(void **state)
{
	struct hx_sem s = HX_SEM_INIT(s, 0);
	struct take a = { &s, HX_FOREVER };
	struct hx_thread *first = start(take, &a), *second;

	yield_until_blocked(first);
	second = start(take, &a);
	yield_until_blocked(second);
	hx_sem_give(&s);
	/* Handed over: who runs cannot snatch it. */
	assert_int_equal(hx_sem_take(&s, 0), -HX_EAGAIN);
	assert_int_not_equal(first->state, HX_THREAD_BLOCKED);
	assert_int_equal(second->state, HX_THREAD_BLOCKED);
	assert_int_equal(end_of(first), 0);
	hx_sem_give(&s);
	assert_int_equal(end_of(second), 0);
	hx_sem_give(&s);
	assert_int_equal(s.count, 1);
}

/* One waiter gives up, one stays: the mark "somebody waits" neither loses nor invents a permit. */
static void sem_timeout_among_waiters_keeps_the_count(void **state)
{
	struct hx_sem s = HX_SEM_INIT(s, 0);
	struct take brief = { &s, 2 * TICK_NS }, patient = { &s, HX_FOREVER };
	struct hx_thread *a = start(take, &brief), *b;

	yield_until_blocked(a);
	b = start(take, &patient);
	yield_until_blocked(b);
	assert_int_equal(end_of(a), -HX_ETIMEDOUT);
	hx_sem_give(&s);
	assert_int_equal(end_of(b), 0);
	a = start(take, &brief);
	assert_int_equal(end_of(a), -HX_ETIMEDOUT);
	assert_int_equal(hx_sem_take(&s, 0), -HX_EAGAIN);
	hx_sem_give(&s);
	hx_sem_give(&s);
	assert_int_equal(s.count, 2);
}

/* The timeout has taken the waiter off the queue, but the waiter has not run yet. */
static void sem_given_between_timeout_and_its_notice_is_kept(void **state)
{
	struct hx_sem s = HX_SEM_INIT(s, 0);
	struct take brief = { &s, TICK_NS };
	struct hx_thread *a = start(take, &brief);

	yield_until_blocked(a);
	hx_preempt_disable();
	while (a->state == HX_THREAD_BLOCKED)
		hx_cpu_relax();
	hx_sem_give(&s);
	hx_preempt_enable();
	assert_int_equal(end_of(a), -HX_ETIMEDOUT);
	assert_int_equal(hx_sem_take(&s, 0), 0);
}

/* ---- mutex */

static struct hx_mutex mutex;

static int lock_for_a_while(void *arg)
{
	int err = hx_mutex_lock_timeout(&mutex, (hx_ns_t)(uintptr_t)arg);

	if (err == 0) {
		hx_sleep_ns(TICK_NS);
		hx_mutex_unlock(&mutex);
	}
	return err;
}

static void mutex_misuse_is_caught(void **state)
{
	hx_mutex_init(&mutex);
	assert_true(HX_TEST_ENDS(HX_TEST_BUG, "does not own", hx_mutex_unlock(&mutex)));
	hx_mutex_init(&mutex);
	hx_mutex_lock(&mutex);
	assert_true(HX_TEST_ENDS(HX_TEST_BUG, "locked twice", hx_mutex_lock(&mutex)));
	hx_mutex_init(&mutex);
}

static void mutex_passes_from_waiter_to_waiter(void **state)
{
	struct hx_thread *t[4];

	hx_mutex_init(&mutex);
	hx_mutex_lock(&mutex);
	for (unsigned i = 0; i < 4; i++) {
		t[i] = start(lock_for_a_while, (void *)(uintptr_t)HX_FOREVER);
		yield_until_blocked(t[i]);
	}
	hx_mutex_unlock(&mutex);
	assert_int_equal(mutex.owner, (uintptr_t)t[0] | 1);
	assert_false(hx_mutex_trylock(&mutex));
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(end_of(t[i]), 0);
	assert_int_equal(mutex.owner, 0);
}

static void mutex_timeout_leaves_it_usable(void **state)
{
	struct hx_thread *t;

	hx_mutex_init(&mutex);
	hx_mutex_lock(&mutex);
	t = start(lock_for_a_while, (void *)(uintptr_t)(2 * TICK_NS));
	assert_int_equal(end_of(t), -HX_ETIMEDOUT);
	t = start(lock_for_a_while, (void *)(uintptr_t)0);
	assert_int_equal(end_of(t), -HX_ETIMEDOUT);
	hx_mutex_unlock(&mutex);
	assert_int_equal(mutex.owner, 0);
	assert_true(hx_mutex_trylock(&mutex));
	hx_mutex_unlock(&mutex);
}

/* ---- priority inheritance */

static struct hx_mutex low_m, high_m;

/* Owns high_m while it waits for low_m. */
static int lock_high_then_low(void *arg)
{
	hx_mutex_lock(&high_m);
	hx_mutex_lock(&low_m);
	hx_mutex_unlock(&low_m);
	hx_mutex_unlock(&high_m);
	return hx_thread_self()->prio;
}

static int lock_high(void *arg)
{
	int err = hx_mutex_lock_timeout(&high_m, (hx_ns_t)(uintptr_t)arg);

	if (err == 0)
		hx_mutex_unlock(&high_m);
	return err;
}

static struct hx_thread *start_chain(void)
{
	struct hx_thread *t;

	hx_mutex_init(&low_m);
	hx_mutex_init(&high_m);
	hx_mutex_lock(&low_m);
	t = start_with(110, lock_high_then_low, NULL);
	yield_until_blocked(t);
	return t;
}

static void owner_inherits_through_a_chain_and_gives_back(void **state)
{
	struct hx_thread *middle, *high, *self = hx_thread_self();

	if (!HX_ENABLED(MUTEX_INHERIT))
		skip();
	middle = start_chain();
	assert_int_equal(self->prio, 110);
	high = start_with(100, lock_high, (void *)(uintptr_t)HX_FOREVER);
	yield_until_blocked(high);
	assert_int_equal(middle->prio, 100);
	assert_int_equal(self->prio, 100);
	assert_int_equal(self->base_prio, HX_PRIO_DEFAULT);
	/* Its own priority may change below what it inherits, and above. */
	assert_int_equal(hx_thread_set_prio(self, 130), 0);
	assert_int_equal(self->prio, 100);
	assert_int_equal(hx_thread_set_prio(self, 90), 0);
	assert_int_equal(self->prio, 90);
	assert_int_equal(hx_thread_set_prio(self, HX_PRIO_DEFAULT), 0);
	/* One that waits becomes more urgent, and less. */
	assert_int_equal(hx_thread_set_prio(high, 95), 0);
	assert_int_equal(self->prio, 95);
	assert_int_equal(hx_thread_set_prio(high, 115), 0);
	assert_int_equal(self->prio, 110);
	hx_mutex_unlock(&low_m);
	assert_int_equal(self->prio, HX_PRIO_DEFAULT);
	assert_int_equal(end_of(middle), 110);
	assert_int_equal(end_of(high), 0);
	assert_int_equal(low_m.owner | high_m.owner, 0);
}

static void what_a_waiter_lent_goes_when_it_gives_up(void **state)
{
	struct hx_thread *middle, *high, *self = hx_thread_self();

	if (!HX_ENABLED(MUTEX_INHERIT))
		skip();
	middle = start_chain();
	high = start_with(100, lock_high, (void *)(uintptr_t)(2 * TICK_NS));
	yield_until_blocked(high);
	assert_int_equal(self->prio, 100);
	assert_int_equal(end_of(high), -HX_ETIMEDOUT);
	assert_int_equal(middle->prio, 110);
	assert_int_equal(self->prio, 110);
	hx_mutex_unlock(&low_m);
	assert_int_equal(end_of(middle), 110);
	assert_int_equal(self->prio, HX_PRIO_DEFAULT);
	assert_int_equal(low_m.owner | high_m.owner, 0);
}

static void urgent_waiter_gets_the_mutex_first(void **state)
{
	static const uint8_t prios[] = { 120, 110, 130, 110, 105 };
	static const unsigned order[] = { 4, 1, 3, 0, 2 };
	struct hx_thread *t[HX_ARRAY_LEN(prios)];

	if (!HX_ENABLED(MUTEX_INHERIT))
		skip();
	hx_mutex_init(&high_m);
	hx_mutex_lock(&high_m);
	for (size_t i = 0; i < HX_ARRAY_LEN(prios); i++) {
		t[i] = start_with(prios[i], lock_high, (void *)(uintptr_t)HX_FOREVER);
		while (t[i]->state != HX_THREAD_BLOCKED)
			hx_sleep_ns(1);		/* also for one that is less urgent */
	}
	hx_preempt_disable();
	for (size_t i = 0; i < HX_ARRAY_LEN(prios); i++) {
		struct hx_list *n = high_m.queue.waiters.next;

		for (size_t k = 0; k < i; k++)
			n = n->next;
		assert_ptr_equal(HX_LIST_ENTRY(n, struct hx_thread, wait_link), t[order[i]]);
	}
	hx_preempt_enable();
	hx_mutex_unlock(&high_m);
	for (size_t i = 0; i < HX_ARRAY_LEN(prios); i++)
		assert_int_equal(end_of(t[i]), 0);
}

static void circle_is_refused_or_reported_by_name(void **state)
{
	struct hx_thread *middle;

	if (!HX_ENABLED(MUTEX_INHERIT))
		skip();
	middle = start_chain();
	assert_int_equal(hx_mutex_lock_timeout(&high_m, TICK_NS), -HX_EDEADLK);
	assert_int_equal(hx_mutex_lock_timeout(&low_m, TICK_NS), -HX_EDEADLK);
	assert_true(HX_TEST_ENDS(HX_TEST_BUG, "deadlock: thread 1 main waits for 3 t waits for 1 ",
				 hx_mutex_lock(&high_m)));
	(void)middle;
}

/* Before threads exist there is one flow; what it locks must not stop it. */
static void mutex_before_threads_is_free(void **state)
{
	hx_test_machine(32 * HX_MIB);
	hx_mutex_init(&mutex);
	hx_mutex_lock(&mutex);
	hx_mutex_unlock(&mutex);
	assert_true(hx_mutex_trylock(&mutex));
	hx_mutex_unlock(&mutex);
	assert_int_equal(mutex.owner, 0);
	hx_host_stop();
}

/* ---- wait queues */

static struct hx_wait_queue queue = HX_WAIT_QUEUE_INIT(queue);

static int wait_once(void *arg)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&queue.lock);
	int err = hx_wait_locked(&queue, (hx_ns_t)(uintptr_t)arg);

	hx_spin_unlock_irqrestore(&queue.lock, flags);
	return err;
}

static unsigned wake(bool all)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&queue.lock);
	unsigned n = all ? hx_wake_all_locked(&queue) : hx_wake_one_locked(&queue);

	hx_wake_end(&queue, flags);
	return n;
}

static void waking_an_empty_queue_wakes_nobody(void **state)
{
	assert_int_equal(wake(false), 0);
	assert_int_equal(wake(true), 0);
}

static void wake_one_takes_the_first_and_wake_all_the_rest(void **state)
{
	struct hx_thread *t[3];

	for (unsigned i = 0; i < 3; i++) {
		t[i] = start(wait_once, (void *)(uintptr_t)HX_FOREVER);
		yield_until_blocked(t[i]);
	}
	assert_int_equal(wake(false), 1);
	assert_int_not_equal(t[0]->state, HX_THREAD_BLOCKED);
	assert_int_equal(t[1]->state, HX_THREAD_BLOCKED);
	assert_int_equal(wake(true), 2);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(end_of(t[i]), 0);
}

static void wake_stops_the_timeout(void **state)
{
	struct hx_thread *t = start(wait_once, (void *)(uintptr_t)(5 * TICK_NS));

	yield_until_blocked(t);
	assert_true(t->timeout.node.linked);
	assert_int_equal(wake(false), 1);
	assert_int_equal(end_of(t), 0);		/* it has stopped it before it went on */
	hx_sleep_ns(10 * TICK_NS);	/* nothing fires into the freed thread (ASan would see) */
}

static void timeout_with_no_end_never_comes(void **state)
{
	struct hx_thread *t;

	hx_sleep_ns(TICK_NS);
	t = start(wait_once, (void *)(uintptr_t)(HX_FOREVER - 1));
	yield_until_blocked(t);
	assert_true(t->timeout.deadline_ns >= HX_FOREVER - 1);	/* and has not wrapped */
	hx_sleep_ns(3600 * HX_NS_PER_S);
	assert_int_equal(t->state, HX_THREAD_BLOCKED);
	assert_int_equal(wake(false), 1);
	assert_int_equal(end_of(t), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_the_scheduler_that_was_asked_for),
		TEST(sem_counts_permits),
		TEST(sem_with_all_permits_takes_no_more),
		TEST(sem_permit_goes_to_the_longest_waiter),
		TEST(sem_timeout_among_waiters_keeps_the_count),
		TEST(sem_given_between_timeout_and_its_notice_is_kept),
		TEST(mutex_misuse_is_caught),
		TEST(mutex_passes_from_waiter_to_waiter),
		TEST(mutex_timeout_leaves_it_usable),
		TEST(owner_inherits_through_a_chain_and_gives_back),
		TEST(what_a_waiter_lent_goes_when_it_gives_up),
		TEST(urgent_waiter_gets_the_mutex_first),
		TEST(waking_an_empty_queue_wakes_nobody),
		TEST(wake_one_takes_the_first_and_wake_all_the_rest),
		TEST(wake_stops_the_timeout),
		TEST(timeout_with_no_end_never_comes),
		TEST(circle_is_refused_or_reported_by_name),
		cmocka_unit_test(mutex_before_threads_is_free),
	};

	return RUN_UNDER_EACH_SCHEDULER(tests);
}
