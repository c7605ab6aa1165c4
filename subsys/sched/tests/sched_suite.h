/* SPDX-License-Identifier: MIT */
/*
 * What the tests of schedulers share: a machine in virtual time with one provider on it, threads
 * without stacks, and somebody who plays core: one CPU, a tick each millisecond, and the provider's
 * operations called exactly as core/thread calls them.
 *
 * Whoever plays checks each answer against what it knows: which threads are enqueued, and that pick
 * gives one exactly when some are not held.
 *
 * A contract program is built once for each provider's room, with all of them linked in; its own
 * name says which it is to try. HX_TEST_PROVIDER=<name> or =all says otherwise.
 */
#ifndef SCHED_SUITE_H
#define SCHED_SUITE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE	/* the program's own name */
#endif

#include "hx_test.h"
#include <hx/core/heap.h>
#include <hx/core/sched_class.h>
#include <hx/core/text.h>

#include <errno.h>

#define N_THREADS	64u
#define MS		HX_NS_PER_MS
#define US		HX_NS_PER_US
#define TICK_NS		MS
#define LONGEST_SLICE	(100 * MS)
#define NOBODY		N_THREADS

static const struct hx_sched_ops *ops;		/* the one on trial */
static struct hx_runq rq;
static struct hx_thread threads[N_THREADS];
static struct hx_thread *current;		/* NULL: the idle thread */
static struct hx_thread *must_leave;
static bool queued[N_THREADS];
static uint64_t got[N_THREADS];			/* ns on the CPU */
static hx_ns_t on_since;			/* current's time is in got up to here */
static hx_ns_t next_tick;
static unsigned n_switches;
static void (*each_step)(void);	/* after time passed, before the tick; may be NULL */

static inline unsigned index_of(const struct hx_thread *t)
{
	return t == NULL ? NOBODY : (unsigned)(t - threads);
}

/* got[i] as of now. */
static inline uint64_t got_now(unsigned i)
{
	return got[i] + (&threads[i] == current ? hx_now_ns() - on_since : 0);
}

/* Thread i as core makes it before it asks the provider. */
/* The provider's words are garbage at first. */
#define THREAD_GARBAGE	0xa5

static inline void thread_fresh(unsigned i)
{
	memset(&threads[i], 0, sizeof(threads[i]));
	memset(threads[i].sched_priv, THREAD_GARBAGE, sizeof(threads[i].sched_priv));
	threads[i].id = i + 1;
	threads[i].rq = &rq;
	threads[i].prio = HX_PRIO_DEFAULT;
	threads[i].state = HX_THREAD_NEW;
	queued[i] = false;
	got[i] = 0;
}

/* ... and the answer to its first intent; NULL: the default. */
HX_MUST_CHECK static inline int thread_ask(unsigned i, const struct hx_intent *want)
{
	const struct hx_intent *first = want != NULL ? want : &hx_intent_default;
	int err = hx_intent_check(first, NULL);

	threads[i].intent = NULL;
	if (err == 0 && ops->admit != NULL)
		err = ops->admit(&threads[i], first);
	if (err != 0)
		return err;
	threads[i].own_intent = *first;
	threads[i].intent = &threads[i].own_intent;
	return 0;
}

/* For core's own tick, which comes as well: nobody is on it. */
static struct hx_runq bystander;

static inline int suite_up(void **state)
{
	hx_test_machine(16 * HX_MIB);
	hx_test_start("heap time");
	memset(&rq, 0, sizeof(rq));
	hx_spin_init(&rq.lock, "runq", HX_RANK_RUNQ);
	hx_list_init(&rq.ready);
	assert_int_equal(ops->init(&rq), 0);
	for (unsigned i = 0; i < N_THREADS; i++) {
		thread_fresh(i);
		assert_int_equal(thread_ask(i, NULL), 0);
	}
	memset(&bystander, 0, sizeof(bystander));
	hx_spin_init(&bystander.lock, "bystander", HX_RANK_RUNQ);
	hx_percpu()->runq = &bystander;
	current = must_leave = NULL;
	n_switches = 0;
	each_step = NULL;
	hx_timer_periodic((uint32_t)(HX_NS_PER_S / TICK_NS));
	next_tick = hx_now_ns() + TICK_NS;
	rq.started_cycles = on_since = hx_now_ns();
	return 0;
}

static inline int suite_down(void **state)
{
	for (unsigned i = 0; i < N_THREADS && ops->admit != NULL; i++)
		ops->admit(&threads[i], NULL);
	if (ops->fini != NULL)
		ops->fini(&rq);
	hx_percpu()->need_resched = 0;
	hx_percpu()->runq = NULL;
	hx_test_machine_end();
	return 0;
}

/* ---- the provider's operations, with a look at each answer */

static inline bool has_next(void)
{
	assert_true(rq.n_held <= rq.n_ready);
	return rq.n_ready != rq.n_held;
}

static inline void give(unsigned i, enum hx_enqueue_why why)
{
	assert_false(queued[i]);
	threads[i].state = HX_THREAD_READY;
	queued[i] = true;
	rq.n_ready++;
	ops->enqueue(&rq, &threads[i], why);
}

static inline void gone(unsigned i, enum hx_thread_state state)
{
	assert_in_range(i, 0, N_THREADS - 1);
	assert_true(queued[i]);
	assert_int_equal(threads[i].state, HX_THREAD_READY);
	queued[i] = false;
	threads[i].state = (uint8_t)state;
	rq.n_ready--;
}

static inline void take(unsigned i)
{
	ops->dequeue(&rq, &threads[i]);
	gone(i, HX_THREAD_BLOCKED);
}

/* Who is next; NULL exactly if all that are ready are held. */
static inline struct hx_thread *pick(void)
{
	bool any = has_next();
	struct hx_thread *t = ops->pick(&rq);

	assert_int_equal(t != NULL, any);
	if (t != NULL)
		gone(index_of(t), HX_THREAD_RUNNING);
	return t;
}

/* ---- core */

static inline void count_time(void)
{
	if (current != NULL)
		got[index_of(current)] += hx_now_ns() - on_since;
	on_since = hx_now_ns();
}

static inline void leave(enum hx_enqueue_why why)
{
	count_time();
	if (ops->leave != NULL) {
		uint64_t ran = hx_cycles_to_ns(hx_cycles() - rq.started_cycles);

		rq.started_cycles = hx_cycles();
		ops->leave(&rq, current, ran, why);
	}
}

static inline void run_next(void)
{
	struct hx_thread *before = current;

	current = has_next() ? pick() : NULL;
	n_switches += current != before;
	rq.started_cycles = hx_cycles();
	on_since = hx_now_ns();
}

static inline void rotate(enum hx_enqueue_why why)
{
	unsigned self = index_of(current);

	leave(why);
	give(self, why);
	run_next();
}

/* Do a preemption that is due. */
static inline void play_preempt(void)
{
	enum hx_enqueue_why why = hx_percpu()->need_resched;
	hx_irqflags_t flags;

	if (why == 0)
		return;
	flags = hx_runq_lock(&rq);
	hx_percpu()->need_resched = 0;
	if (current == NULL) {
		if (has_next())
			run_next();
	} else if (has_next() || must_leave == current) {
		must_leave = NULL;
		rotate(why);
	}
	hx_runq_unlock(&rq, flags);
}

/* WAKE, NEW or MOVE. */
static inline void play_ready(unsigned i, enum hx_enqueue_why why)
{
	hx_irqflags_t flags = hx_runq_lock(&rq);

	give(i, why);
	if (current == NULL ||
	    (ops->preempts != NULL && ops->preempts(&rq, &threads[i], current)))
		hx_percpu()->need_resched = HX_ENQUEUE_PREEMPT;
	hx_runq_unlock(&rq, flags);
	play_preempt();
}

static inline void play_wake(unsigned i)
{
	play_ready(i, HX_ENQUEUE_WAKE);
}

static inline void play_leave(enum hx_enqueue_why why)
{
	hx_irqflags_t flags = hx_runq_lock(&rq);

	leave(why);
	current->state = why == HX_LEAVE_EXIT ? HX_THREAD_DEAD : HX_THREAD_BLOCKED;
	run_next();
	hx_percpu()->need_resched = 0;
	hx_runq_unlock(&rq, flags);
}

static inline void play_block(void)
{
	play_leave(HX_LEAVE_BLOCK);
}

static inline void play_yield(void)
{
	hx_irqflags_t flags = hx_runq_lock(&rq);

	if (has_next())
		rotate(HX_ENQUEUE_YIELD);
	hx_runq_unlock(&rq, flags);
}

static inline void play_tick(void)
{
	hx_irqflags_t flags = hx_runq_lock(&rq);
	uint64_t ran = hx_cycles_to_ns(hx_cycles() - rq.started_cycles);
	enum hx_tick what = HX_TICK_GO_ON;

	count_time();
	rq.started_cycles = hx_cycles();
	if (current != NULL && ops->tick != NULL)
		what = ops->tick(&rq, current, ran);
	must_leave = what == HX_TICK_OFF ? current : NULL;
	if (what != HX_TICK_GO_ON && (has_next() || what == HX_TICK_OFF) &&
	    hx_percpu()->need_resched == 0)
		hx_percpu()->need_resched = HX_ENQUEUE_SLICE;
	hx_runq_unlock(&rq, flags);
}

/* Up to the next interrupt of the timer, a tick or one that the provider asked for; at most to
 * `end`. */
static inline void play_step(hx_ns_t end)
{
	hx_ns_t due = hx_min_u64(hx_host_timer_due(), next_tick), to = hx_min_u64(end, due);

	hx_host_advance_ns(to - hx_now_ns());
	count_time();
	if (each_step != NULL)
		each_step();
	if (to == next_tick)
		next_tick += TICK_NS;
	if (to == due)
		play_tick();
	play_preempt();
}

/* Time passes; whoever is on the CPU runs, and is preempted as the provider says. */
static inline void play_run(hx_ns_t ns)
{
	hx_ns_t end = hx_now_ns() + ns;

	while (hx_now_ns() < end)
		play_step(end);
	count_time();
}

static inline bool change_begin(unsigned i)
{
	if (ops->changed == NULL || !queued[i])
		return false;
	take(i);
	return true;
}

static inline void change_end(unsigned i, bool was_ready, bool less_urgent)
{
	if (ops->changed != NULL)
		ops->changed(&rq, &threads[i]);
	if (was_ready)
		give(i, HX_ENQUEUE_CHANGE);
	if (ops->preempts == NULL)
		return;
	if (&threads[i] == current) {
		if (less_urgent && has_next())
			hx_percpu()->need_resched = HX_ENQUEUE_PREEMPT;
	} else if (was_ready && current != NULL && ops->preempts(&rq, &threads[i], current)) {
		hx_percpu()->need_resched = HX_ENQUEUE_PREEMPT;
	}
}

static inline void play_prio(unsigned i, uint8_t prio)
{
	hx_irqflags_t flags = hx_runq_lock(&rq);
	uint8_t old = threads[i].prio;
	bool was_ready = change_begin(i);

	threads[i].prio = prio;
	change_end(i, was_ready, prio > old);
	hx_runq_unlock(&rq, flags);
	play_preempt();
}

HX_MUST_CHECK static inline int play_intent(unsigned i, const struct hx_intent *want)
{
	hx_irqflags_t flags;
	bool was_ready;
	int err = hx_intent_check(want, NULL);

	if (err == 0 && ops->admit != NULL)
		err = ops->admit(&threads[i], want);
	if (err != 0)
		return err;
	flags = hx_runq_lock(&rq);
	was_ready = change_begin(i);
	threads[i].own_intent = *want;
	change_end(i, was_ready, true);
	hx_runq_unlock(&rq, flags);
	play_preempt();
	return 0;
}

/* The running thread ends and is joined; a new one stands in its place, not started yet. */
static inline void play_exit(void)
{
	unsigned i = index_of(current);

	play_leave(HX_LEAVE_EXIT);
	if (ops->admit != NULL)
		ops->admit(&threads[i], NULL);
	thread_fresh(i);
	assert_int_equal(thread_ask(i, NULL), 0);
}

/* Another CPU takes one; NOBODY: none may go. */
static inline unsigned play_steal(unsigned cpu)
{
	hx_irqflags_t flags = hx_runq_lock(&rq);
	struct hx_thread *t = ops->steal(&rq, cpu);

	if (t != NULL)
		gone(index_of(t), HX_THREAD_BLOCKED);
	hx_runq_unlock(&rq, flags);
	return index_of(t);
}

/* Nobody is ready any more and the CPU idles: all that came out, each once. */
static inline unsigned play_drain(void)
{
	unsigned n = 0, rounds = 0;

	while (current != NULL || rq.n_ready != 0) {
		if (current != NULL) {
			n++;
			play_block();
		} else {	/* all are held: their periods begin some time */
			assert_true(rounds++ < 100000);
			play_run(50 * US);	/* less than the shortest budget */
		}
	}
	assert_int_equal(rq.n_held, 0);
	for (unsigned i = 0; i < N_THREADS; i++)
		assert_false(queued[i]);
	return n;
}

/* ---- which provider */

/* "subsys_sched_rr.contract_test" tries rr. */
static inline bool suite_means(const char *provider)
{
	const char *wanted = getenv("HX_TEST_PROVIDER");
	const char *mark = strstr(program_invocation_short_name, "_sched_");
	size_t len = strlen(provider);

	if (wanted != NULL)
		return strcmp(wanted, "all") == 0 || strcmp(wanted, provider) == 0;
	return mark == NULL || (strncmp(mark + 7, provider, len) == 0 && mark[7 + len] == '.');
}

#define CASE(f)	{ .name = #f, .test_func = (f), .setup_func = suite_up, \
		  .teardown_func = suite_down }

static inline int suite_run(const struct CMUnitTest *cases, size_t n)
{
	const struct hx_sched_ops *const *it;
	unsigned n_providers = 0;
	int failed = 0;

	HX_SECTION_FOREACH(it, hx_sched_classes) {
		if (!suite_means((*it)->name))
			continue;
		ops = *it;
		n_providers++;
		failed += _cmocka_run_group_tests(ops->name, cases, n, NULL, NULL);
	}
	return failed + (n_providers == 0 && getenv("HX_TEST_PROVIDER") == NULL);
}

#endif
