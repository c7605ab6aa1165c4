// SPDX-License-Identifier: MIT
/*
 * What every scheduler promises, checked for each one that is linked in, against a model that knows
 * only which threads are enqueued and in what order.
 */
#include "hx_test.h"
#include <hx/core/heap.h>
#include <hx/core/sched_class.h>
#include <hx/core/text.h>

#define N_THREADS	64u
#define N_EVENTS	100000u
#define MS		HX_NS_PER_MS
#define LONGEST_SLICE	(100 * MS)

static const struct hx_sched_ops *ops;		/* the one under test */
static struct hx_runq rq;
static struct hx_thread threads[N_THREADS];
static uint64_t arrived[N_THREADS];		/* when it came to its place; 0: not enqueued */
static uint64_t clock_now;
static unsigned n_enqueued;

static void make_threads(void)
{
	memset(threads, 0, sizeof(threads));
	memset(arrived, 0, sizeof(arrived));
	n_enqueued = 0;
	clock_now = 0;
	for (unsigned i = 0; i < N_THREADS; i++) {
		threads[i].id = i + 1;
		threads[i].rq = &rq;
		threads[i].prio = HX_PRIO_DEFAULT;
		threads[i].state = HX_THREAD_BLOCKED;
		threads[i].intent = &hx_intent_default;
	}
}

static int setup(void **state)
{
	hx_test_machine(16 * HX_MIB);
	hx_test_start("heap");
	memset(&rq, 0, sizeof(rq));
	hx_spin_init(&rq.lock, "runq", HX_RANK_RUNQ);
	hx_list_init(&rq.ready);
	make_threads();
	assert_int_equal(ops->init(&rq), 0);
	hx_irq_disable();
	hx_spin_acquire_(&rq.lock);
	return 0;
}

static int teardown(void **state)
{
	hx_spin_release_(&rq.lock);
	hx_irq_enable();
	if (ops->fini != NULL)
		ops->fini(&rq);
	hx_test_machine_end();
	return 0;
}

static void enqueue(unsigned i, enum hx_enqueue_why why)
{
	threads[i].state = HX_THREAD_READY;
	/* A preempted thread keeps its turn: it comes before all that wait. */
	clock_now++;
	arrived[i] = why == HX_ENQUEUE_PREEMPT ? 0x8000000000000000ull - clock_now
		     : 0x8000000000000000ull + clock_now;
	n_enqueued++;
	rq.n_ready++;
	ops->enqueue(&rq, &threads[i], why);
}

static void gone(unsigned i)
{
	assert_true(arrived[i] != 0);
	arrived[i] = 0;
	n_enqueued--;
	rq.n_ready--;
}

static void dequeue(unsigned i)
{
	ops->dequeue(&rq, &threads[i]);
	threads[i].state = HX_THREAD_BLOCKED;
	gone(i);
}

/* Picks one, which must be enqueued; N_THREADS: none. */
static unsigned pick(void)
{
	struct hx_thread *t = ops->pick(&rq);
	unsigned i;

	if (t == NULL) {
		assert_int_equal(n_enqueued, 0);
		return N_THREADS;
	}
	i = (unsigned)(t - threads);
	assert_in_range(i, 0, N_THREADS - 1);
	assert_int_equal(t->state, HX_THREAD_READY);
	t->state = HX_THREAD_RUNNING;
	gone(i);
	return i;
}

/* ---- the promises */

static void empty_pick_is_null(void **state)
{
	assert_null(ops->pick(&rq));
	enqueue(0, HX_ENQUEUE_WAKE);
	assert_int_equal(pick(), 0);
	assert_null(ops->pick(&rq));
}

static void equals_are_served_first_come_first_served(void **state)
{
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < N_THREADS; i++)
			enqueue(i, round == 0 ? HX_ENQUEUE_WAKE : round == 1 ? HX_ENQUEUE_YIELD
				: HX_ENQUEUE_SLICE);
		for (unsigned i = 0; i < N_THREADS; i++)
			assert_int_equal(pick(), i);
	}
}

static void yield_lets_all_equals_run_before(void **state)
{
	unsigned running;

	for (unsigned i = 0; i < 5; i++)
		enqueue(i, HX_ENQUEUE_WAKE);
	running = pick();
	for (unsigned n = 1; n <= 20; n++) {
		enqueue(running, HX_ENQUEUE_YIELD);
		running = pick();
		assert_int_equal(running, n % 5);
	}
}

static void dequeue_works_at_any_place(void **state)
{
	for (unsigned out = 0; out < 7; out++) {
		for (unsigned i = 0; i < 7; i++)
			enqueue(i, HX_ENQUEUE_WAKE);
		dequeue(out);
		for (unsigned i = 0; i < 7; i++) {
			if (i != out)
				assert_int_equal(pick(), i);
		}
		assert_int_equal(pick(), N_THREADS);
	}
}

/* Does a come before b? By urgency if the provider ranks, then by arrival. */
static bool comes_before(unsigned a, unsigned b)
{
	if (ops->changed != NULL && threads[a].prio != threads[b].prio)
		return threads[a].prio < threads[b].prio;
	return arrived[a] < arrived[b];
}

static unsigned model_first(void)
{
	unsigned best = N_THREADS;

	for (unsigned i = 0; i < N_THREADS; i++) {
		if (arrived[i] != 0 && (best == N_THREADS || comes_before(i, best)))
			best = i;
	}
	return best;
}

static void change_prio(unsigned i, uint8_t prio)
{
	bool was_ready = arrived[i] != 0;

	if (ops->changed == NULL) {
		threads[i].prio = prio;
		return;
	}
	if (was_ready)
		dequeue(i);
	threads[i].prio = prio;
	ops->changed(&rq, &threads[i]);
	if (was_ready)
		enqueue(i, HX_ENQUEUE_CHANGE);	/* last of its new equals */
}

/* One random event. Cooperative schedulers are never asked to take a preempted thread back. */
static void random_event(uint64_t *rnd)
{
	unsigned i = (unsigned)hx_test_random_below(rnd, N_THREADS), want;
	unsigned kind = (unsigned)hx_test_random_below(rnd, 8);

	if (kind < 4) {
		static const enum hx_enqueue_why whys[] = {
			HX_ENQUEUE_WAKE, HX_ENQUEUE_YIELD, HX_ENQUEUE_SLICE, HX_ENQUEUE_PREEMPT,
		};

		if (arrived[i] == 0)
			enqueue(i, ops->tick == NULL && kind == 3 ? HX_ENQUEUE_WAKE : whys[kind]);
	} else if (kind < 6) {
		want = model_first();
		assert_int_equal(pick(), want);
	} else if (kind == 6) {
		if (arrived[i] != 0)
			dequeue(i);
	} else {
		change_prio(i, (uint8_t)hx_test_random_below(rnd, HX_PRIO_LOWEST + 1));
	}
}

static void random_events_match_the_model(void **state)
{
	uint64_t rnd = hx_test_seed();
	unsigned n_left;

	for (unsigned n = 0; n < N_EVENTS; n++)
		random_event(&rnd);
	/* What is left comes out in order, each exactly once: pick() checks that. */
	for (n_left = n_enqueued; n_left > 0; n_left--) {
		unsigned want = model_first();

		assert_int_equal(pick(), want);
	}
	assert_int_equal(pick(), N_THREADS);
}

/* Thread 0 runs in such steps: at the one nearest to the end of its slice, the slice ends. */
static void expect_slice(uint64_t slice_ns, uint64_t step_ns)
{
	uint64_t ran = 0;

	do {
		ran += step_ns;
		assert_true(ran <= slice_ns + step_ns);
	} while (ops->tick(&rq, &threads[0], step_ns) == HX_TICK_GO_ON);
	assert_in_range(ran, slice_ns - (step_ns + 1) / 2, slice_ns + (step_ns + 1) / 2);
}

static void slice_ends_near_its_length(void **state)
{
	static const uint64_t steps[] = { MS / 2, MS, 3 * MS, 10 * MS };

	if (ops->tick == NULL)
		skip();
	enqueue(1, HX_ENQUEUE_WAKE);	/* an equal waits */
	for (size_t s = 0; s < HX_ARRAY_LEN(steps); s++) {
		for (uint32_t slice_ns = 10 * MS; slice_ns <= LONGEST_SLICE; slice_ns += 5 * MS) {
			threads[0].slice_ns = slice_ns;
			enqueue(0, HX_ENQUEUE_WAKE);
			dequeue(0);
			threads[0].state = HX_THREAD_RUNNING;
			/* Twice: one that goes on at the end of its slice starts another. */
			expect_slice(slice_ns, steps[s]);
			expect_slice(slice_ns, steps[s]);
		}
	}
}

static void default_slice_is_1_to_100_ms(void **state)
{
	uint64_t ran = 0;

	if (ops->tick == NULL)
		skip();
	enqueue(1, HX_ENQUEUE_WAKE);
	enqueue(0, HX_ENQUEUE_WAKE);
	dequeue(0);
	threads[0].state = HX_THREAD_RUNNING;
	do {
		ran += MS / 10;
		assert_true(ran <= LONGEST_SLICE + MS);
	} while (ops->tick(&rq, &threads[0], MS / 10) == HX_TICK_GO_ON);
	assert_in_range(ran, MS / 2, LONGEST_SLICE + MS / 10);
}

static void preempted_thread_keeps_the_rest_of_its_slice(void **state)
{
	uint64_t ran = 0;

	if (ops->tick == NULL)
		skip();
	threads[0].slice_ns = 50 * MS;
	enqueue(0, HX_ENQUEUE_WAKE);
	enqueue(1, HX_ENQUEUE_WAKE);
	assert_int_equal(pick(), 0);
	for (; ran < 20 * MS; ran += MS)
		assert_int_equal(ops->tick(&rq, &threads[0], MS), HX_TICK_GO_ON);
	enqueue(0, HX_ENQUEUE_PREEMPT);
	assert_int_equal(pick(), 0);	/* before its equals */
	while (ops->tick(&rq, &threads[0], MS) == HX_TICK_GO_ON)
		ran += MS;
	assert_in_range(ran + MS, 49 * MS, 51 * MS);
	enqueue(0, HX_ENQUEUE_YIELD);	/* a new slice from here on */
	assert_int_equal(pick(), 1);
	assert_int_equal(pick(), 0);
	for (ran = 0; ran < 45 * MS; ran += MS)
		assert_int_equal(ops->tick(&rq, &threads[0], MS), HX_TICK_GO_ON);
}

static void urgent_threads_come_first(void **state)
{
	if (ops->changed == NULL)
		skip();
	for (unsigned i = 0; i < N_THREADS; i++) {
		threads[i].prio = (uint8_t)((i * 37) % (HX_PRIO_LOWEST + 1));
		enqueue(i, HX_ENQUEUE_WAKE);
	}
	for (unsigned n = 0, last = 0; n < N_THREADS; n++) {
		unsigned i = pick();

		assert_true(threads[i].prio >= last);
		last = threads[i].prio;
	}
}

static void only_the_more_urgent_preempts(void **state)
{
	threads[0].prio = 100;
	if (ops->preempts == NULL)
		skip();
	threads[1].prio = 99;
	assert_true(ops->preempts(&rq, &threads[1], &threads[0]));
	threads[1].prio = 100;
	assert_false(ops->preempts(&rq, &threads[1], &threads[0]));
	threads[1].prio = 101;
	assert_false(ops->preempts(&rq, &threads[1], &threads[0]));
}

static void slice_end_without_an_equal_changes_nothing(void **state)
{
	if (ops->tick == NULL || ops->changed == NULL)
		skip();
	threads[1].prio = HX_PRIO_DEFAULT + 1;
	enqueue(1, HX_ENQUEUE_WAKE);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(ops->tick(&rq, &threads[0], MS), HX_TICK_GO_ON);
}

/* What steal gives is off the queue, ready, and may go there; what must stay is never given. */
static void steal_gives_each_that_may_move_once(void **state)
{
	static struct hx_intent pinned, elsewhere;
	unsigned n_stolen = 0, n_left = 0;
	struct hx_thread *t;

	if (ops->steal == NULL)
		skip();
	hx_intent_init(&pinned);
	pinned.flags = HX_INTENT_PINNED;
	hx_intent_init(&elsewhere);
	elsewhere.affinity = 1;
	assert_null(ops->steal(&rq, 1));
	for (unsigned i = 0; i < 24; i++) {
		threads[i].intent = i % 3 == 0 ? &pinned : i % 3 == 1 ? &elsewhere
				    : &hx_intent_default;
		enqueue(i, HX_ENQUEUE_WAKE);
	}
	while ((t = ops->steal(&rq, 1)) != NULL) {
		assert_ptr_equal(t->intent, &hx_intent_default);
		assert_int_equal(t->state, HX_THREAD_READY);
		t->state = HX_THREAD_MOVING;
		gone((unsigned)(t - threads));
		n_stolen++;
	}
	assert_int_equal(n_stolen, 8);
	while (pick() != N_THREADS)
		n_left++;
	assert_int_equal(n_left, 16);
}

static void show_writes_lines(void **state)
{
	char buf[1024];
	struct hx_text_buf b;

	if (ops->show == NULL)
		skip();
	for (unsigned i = 0; i < 10; i++)
		enqueue(i, HX_ENQUEUE_WAKE);
	hx_text_buf_init(&b, buf, sizeof(buf));
	ops->show(&rq, &b.text);
	assert_true(b.text.total > 0 && b.text.total < sizeof(buf));
	assert_int_equal(buf[b.text.total - 1], '\n');
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(pick(), i);
}

/* ---- without a run queue from setup() */

static int init_and_fini(void)
{
	struct hx_runq fresh = { .n_ready = 0 };
	int err;

	hx_list_init(&fresh.ready);
	err = ops->init(&fresh);
	if (err == 0 && ops->fini != NULL)
		ops->fini(&fresh);
	return err;
}

static void init_and_fini_balance_even_without_memory(void **state)
{
	struct hx_heap_stats before, after;

	hx_test_machine(16 * HX_MIB);
	hx_test_start("heap");
	hx_heap_stats(&before);
	assert_int_equal(init_and_fini(), 0);
	hx_heap_stats(&after);
	assert_int_equal(after.used_bytes, before.used_bytes);
	/* The helper wants at least one allocation; a provider may need none. */
	if (after.n_allocs != before.n_allocs)
		hx_test_each_alloc_fails(ops->name, init_and_fini);
	hx_test_machine_end();
}

#define TEST(f)	{ .name = #f, .test_func = (f), .setup_func = setup, .teardown_func = teardown }

static const struct CMUnitTest tests[] = {
	TEST(empty_pick_is_null),
	TEST(equals_are_served_first_come_first_served),
	TEST(yield_lets_all_equals_run_before),
	TEST(dequeue_works_at_any_place),
	TEST(random_events_match_the_model),
	TEST(slice_ends_near_its_length),
	TEST(default_slice_is_1_to_100_ms),
	TEST(preempted_thread_keeps_the_rest_of_its_slice),
	TEST(urgent_threads_come_first),
	TEST(only_the_more_urgent_preempts),
	TEST(slice_end_without_an_equal_changes_nothing),
	TEST(steal_gives_each_that_may_move_once),
	TEST(show_writes_lines),
	cmocka_unit_test(init_and_fini_balance_even_without_memory),
};

int main(void)
{
	const struct hx_sched_ops *const *it;
	unsigned n = 0;
	int failed = 0;

	HX_SECTION_FOREACH(it, hx_sched_classes) {
		ops = *it;
		n++;
		failed += cmocka_run_group_tests_name(ops->name, tests, NULL, NULL);
	}
	return failed + (n == 0);
}
