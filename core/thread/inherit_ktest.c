// SPDX-License-Identifier: MIT
/*
 * Priority inheritance in the booted kernel, on one CPU, where an inversion would last for ever: a
 * thread in between that never gives up keeps the owner of the mutex off the CPU.
 */
#include <hx/core/ktest.h>
#include <hx/core/mutex.h>
#include <hx/core/time.h>
#include <hx/hal/timer.h>

#include "thread_priv.h"

#define TICK_NS		(HX_NS_PER_S / CONFIG_TICK_HZ)
#define LOW		135u
#define MIDDLE		132u
#define HOG		125u
#define URGENT		110u

static struct hx_mutex outer, inner;
static volatile bool stop, low_has_it, urgent_has_it, spinning;
static struct hx_intent here;

static int low(void *arg)
{
	hx_mutex_lock(&inner);
	low_has_it = true;
	while (hx_thread_self()->prio != URGENT && !stop)
		hx_yield();
	for (unsigned n = 0; n < 1000; n++)
		hx_cpu_relax();
	hx_mutex_unlock(&inner);
	return hx_thread_self()->prio;
}

static int middle(void *arg)
{
	hx_mutex_lock(&outer);
	hx_mutex_lock(&inner);
	hx_mutex_unlock(&inner);
	hx_mutex_unlock(&outer);
	return hx_thread_self()->prio;
}

static int urgent(void *arg)
{
	hx_mutex_lock(&outer);
	urgent_has_it = true;
	hx_mutex_unlock(&outer);
	return hx_thread_self()->prio;
}

static int spin(void *arg)
{
	spinning = true;
	while (!stop)
		hx_cpu_relax();
	return 0;
}

static struct hx_thread *start(const char *name, int (*fn)(void *arg), unsigned prio)
{
	struct hx_thread_params p = {
		.name = name, .fn = fn, .prio = (uint8_t)prio, .intent = &here,
	};
	struct hx_thread *t = NULL;

	return hx_thread_create(&p, &t) == 0 ? t : NULL;
}

static bool wait_until(volatile bool *what)
{
	for (unsigned n = 0; n < 200 && !*what; n++)
		hx_sleep_ns(TICK_NS);
	return *what;
}

static bool becomes_blocked(const struct hx_thread *t)
{
	for (unsigned n = 0; n < 200; n++) {
		if (*(volatile const uint8_t *)&t->state == HX_THREAD_BLOCKED)
			return true;
		hx_sleep_ns(TICK_NS);
	}
	return false;
}

/* low owns inner, middle owns outer and waits for inner, urgent waits for outer, hog spins. */
HX_KTEST(inherit_chain_of_three_bounds_inversion)
{
	struct hx_thread *l, *m, *h, *u;
	int value = 0;

	if (!HX_ENABLED(MUTEX_INHERIT) || !HX_ENABLED(INTENTS) || !HX_ENABLED(PREEMPT_FULL) ||
	    sched_ops()->preempts == NULL || sched_ops()->changed == NULL) {
		hx_ktest_skip(t, "needs inheritance, and a scheduler that ranks");
		return;
	}
	hx_mutex_init(&outer);
	hx_mutex_init(&inner);
	stop = low_has_it = urgent_has_it = spinning = false;
	hx_intent_init(&here);
	here.affinity = 1;
	l = start("low", low, LOW);
	hx_require(t, l != NULL && wait_until(&low_has_it));
	m = start("middle", middle, MIDDLE);
	hx_require(t, m != NULL && becomes_blocked(m));
	hx_expect(t, l->prio == MIDDLE && l->base_prio == LOW);
	h = start("hog", spin, HOG);
	hx_require(t, h != NULL && wait_until(&spinning));
	u = start("urgent", urgent, URGENT);
	hx_require(t, u != NULL);
	hx_expect(t, wait_until(&urgent_has_it));	/* while the hog still spins */
	hx_expect(t, !stop);
	hx_expect(t, hx_thread_join(u, HX_FOREVER, &value) == 0 && value == URGENT);
	stop = true;
	hx_expect(t, hx_thread_join(h, HX_FOREVER, NULL) == 0);
	hx_expect(t, hx_thread_join(m, HX_FOREVER, &value) == 0 && value == MIDDLE);
	hx_expect(t, hx_thread_join(l, HX_FOREVER, &value) == 0 && value == LOW);
	hx_expect(t, outer.owner == 0 && inner.owner == 0);
}

static volatile uint32_t n_have_one;

/* Each has its first before it asks for the other's. */
static int lock_both(void *arg)
{
	struct hx_mutex *first = arg, *second = first == &outer ? &inner : &outer;
	int err;

	hx_mutex_lock(first);
	__atomic_fetch_add(&n_have_one, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&n_have_one, __ATOMIC_ACQUIRE) < 2)
		hx_sleep_ns(TICK_NS);
	err = hx_mutex_lock_timeout(second, 30 * HX_NS_PER_S);
	if (err == 0)
		hx_mutex_unlock(second);
	hx_mutex_unlock(first);
	return err == -HX_EDEADLK ? 1 : err == 0 ? 10 : 100;
}

HX_KTEST(inherit_circle_is_refused_to_one_of_two)
{
	struct hx_thread *a, *b;
	int first = 0, second = 0;

	if (!HX_ENABLED(MUTEX_INHERIT)) {
		hx_ktest_skip(t, "needs inheritance");
		return;
	}
	hx_mutex_init(&outer);
	hx_mutex_init(&inner);
	n_have_one = 0;
	for (unsigned n = 0; n < 2; n++) {
		struct hx_thread_params p = {
			.name = "circle", .fn = lock_both, .arg = n == 0 ? &outer : &inner,
			.prio = hx_thread_self()->prio,
		};

		hx_require(t, hx_thread_create(&p, n == 0 ? &a : &b) == 0);
	}
	hx_expect(t, hx_thread_join(a, HX_FOREVER, &first) == 0);
	hx_expect(t, hx_thread_join(b, HX_FOREVER, &second) == 0);
	hx_expect(t, first + second == 11);
	hx_expect(t, outer.owner == 0 && inner.owner == 0);
}
