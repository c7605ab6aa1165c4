// SPDX-License-Identifier: MIT
/*
 * The mechanism of scheduling: what happens at a yield, a block, a tick and a preemption. Who comes
 * next is asked of the provider in the slot "scheduler"; the hot path is in thread_priv.h.
 *
 * A preemption is first noted (percpu->need_resched holds the reason, an enum hx_enqueue_why) and
 * done at the next point where switching is safe. With CONFIG_PREEMPT_FULL that is when an
 * interrupt returns to code that has preemption on, at hx_preempt_enable(), and after a wake-up in
 * thread context; with CONFIG_PREEMPT_VOLUNTARY at hx_resched_point(); with CONFIG_PREEMPT_NONE
 * only where the thread gives up the CPU anyway. The idle thread always gives way.
 *
 * A thread that may not run here any more (must_move) cannot be given to another CPU while this one
 * still uses its stack. So it is left in rq->leaving, MOVING, for the idle thread, which is
 * switched to next whatever else is ready, and sends it off from its own stack.
 */
#include <hx/config/subsys_sched.h>
#include <hx/core/irq.h>
#include <hx/core/slot.h>
#include <hx/core/smp.h>
#include <hx/hal/timer.h>

#include "thread_priv.h"

#define BALANCE_TICKS	(CONFIG_TICK_HZ < 20 ? 1u : CONFIG_TICK_HZ / 10u)	/* 100 ms */

const void *sched_slot;
struct hx_runq sched_rqs[HX_CPUS];

static int sched_check(const void *provider)
{
	const struct hx_sched_ops *ops = provider;

	if (ops->init == NULL || ops->enqueue == NULL || ops->dequeue == NULL || ops->pick == NULL)
		return -HX_EINVAL;
	/* What no provider announced is not looked at: such calls would be lost. */
	if ((ops->leave != NULL && !hx_sched_may_leave) ||
	    (ops->admit != NULL && !hx_sched_may_admit))
		return -HX_EINVAL;
	return 0;
}

const struct hx_kind sched_kind = {
	.slot = "scheduler", .abi = HX_SCHED_ABI, .default_name = CONFIG_SCHED_DEFAULT_NAME,
	.first = (const void *const *)__start_hx_sched_classes,
	.last = (const void *const *)__stop_hx_sched_classes,
	.check = sched_check, .current = &sched_slot,
	.swap = HX_ENABLED(SLOT_SWAP) ? &sched_swap : NULL,
};
HX_KIND(sched_kind);

struct hx_thread *sched_bad_pick(struct hx_runq *rq, const struct hx_thread *t)
{
	if (HX_ENABLED(SLOT_SWAP) && sched_bad_answer(rq, t)) {
		rq->n_ready++;	/* the one that was counted as picked */
		return rq->idle;
	}
	quiet_unlock(&rq->lock);
	if (t == NULL)
		hx_bug("scheduler %s lost %u ready threads", sched_ops()->name, rq->n_ready);
	if (t->rq != rq)
		hx_bug("scheduler %s picked thread %u of another run queue", sched_ops()->name,
		       t->id);
	hx_bug("scheduler %s picked thread %u, which is %s", sched_ops()->name, t->id,
	       t->state == HX_THREAD_RUNNING ? "running: picked twice" : "not ready");
}

/* Has self to go to another CPU? */
static HX_ALWAYS_INLINE bool runq_must_move(const struct hx_runq *rq, const struct hx_thread *self)
{
	return HX_CPUS > 1 && HX_UNLIKELY(rq->must_move == self) &&
	       (self->cpus & rq->bit) == 0;
}

static HX_NOINLINE void runq_move_away(struct hx_runq *rq, struct hx_thread *self)
{
	rq->must_move = NULL;
	runq_leave(rq, self, HX_ENQUEUE_MOVE);
	self->state = HX_THREAD_MOVING;
	rq->leaving = self;
	runq_switch(rq, self, rq->idle);
}

/* Has self to leave although nobody else can run? Its budget is used up, or it must move. */
static HX_ALWAYS_INLINE bool runq_must_go(const struct hx_runq *rq, const struct hx_thread *self)
{
	return (hx_sched_may_hold && rq->must_leave == self) ||
	       (HX_CPUS > 1 && rq->must_move == self);
}

void hx_yield(void)
{
	hx_irqflags_t flags;
	struct hx_runq *rq;

	hx_assert_can_sleep();
	flags = hx_irq_save();
	rq = sched_this_rq();
	if (runq_has_next(rq) || runq_must_go(rq, hx_thread_self())) {
		struct hx_thread *self = hx_thread_self();

		quiet_lock(&rq->lock);
		if (hx_sched_may_hold)
			rq->must_leave = NULL;
		if (runq_must_move(rq, self))
			runq_move_away(rq, self);
		else
			runq_rotate(rq, self, HX_ENQUEUE_YIELD);
		quiet_unlock(&sched_this_rq()->lock);
	}
	hx_irq_restore(flags);
}

/* Idle gives way, but first sends off who waits for that. */
static void sched_preempt_idle(struct hx_runq *rq, struct hx_thread *self)
{
	if (!runq_has_next(rq) || (HX_CPUS > 1 && rq->leaving != NULL))
		return;
	if (!HX_ENABLED(ONE_CPU))
		sched_idle_end(rq);
	runq_leave_idle(rq);
	self->state = HX_THREAD_BLOCKED;	/* never READY: no scheduler may give it */
	runq_switch(rq, self, runq_next(rq));
}

void sched_preempt(void)
{
	struct hx_runq *rq = sched_this_rq();
	struct hx_thread *self = hx_thread_self();
	enum hx_enqueue_why why;

	quiet_lock(&rq->lock);
	why = hx_percpu()->need_resched;
	hx_percpu()->need_resched = 0;
	if (self == rq->idle) {
		sched_preempt_idle(rq, self);
	} else if (runq_must_move(rq, self)) {
		runq_move_away(rq, self);
	} else if (why != 0 &&
		   (runq_has_next(rq) || (hx_sched_may_hold && rq->must_leave == self))) {
		/* 0: an interrupt did it between the caller's look at need_resched and here. */
		if (hx_sched_may_hold)
			rq->must_leave = NULL;
		rq->n_preempted++;
		runq_rotate(rq, self, why);
	}
	quiet_unlock(&sched_this_rq()->lock);
}

void hx_resched_now(void)
{
	if (hx_thread_self() == NULL || hx_percpu()->preempt_off != 0 ||
	    hx_percpu()->irq_depth != 0 || !hx_irq_are_enabled())
		return;		/* whoever ends that looks again, an interrupt at the latest */
	hx_irq_disable();
	if (hx_percpu()->need_resched != 0)
		sched_preempt();
	hx_irq_enable();
}

static void sched_no_preempt_point(void)
{
	/* Not this kind of preemption; or threads ended with the shutdown, and one flow is left. */
}

/* Now and then, or at each tick of an idle CPU: have others more to do than we? */
static void sched_balance(struct hx_runq *rq, const struct hx_thread *current)
{
	if (HX_CPUS > 1 && (--rq->balance_ticks == 0 || current == rq->idle)) {
		rq->balance_ticks = BALANCE_TICKS;
		sched_pull(rq);
	}
}

/* The provider looks at who runs. What it ran is taken under the lock: who enqueues here from
 * another CPU may do the same. */
static HX_ALWAYS_INLINE void sched_look(struct hx_runq *rq, struct hx_thread *t)
{
	enum hx_tick what = HX_TICK_GO_ON;

	quiet_lock(&rq->lock);
	if (t != rq->idle && sched_ops()->tick != NULL)
		what = sched_ops()->tick(rq, t, hx_runq_take_ran_ns(rq));
	if (hx_sched_may_hold)
		rq->must_leave = what == HX_TICK_OFF ? t : NULL;
	/* A preemption that is due already keeps its reason: the slice was not used up then. */
	if (what != HX_TICK_GO_ON && (runq_has_next(rq) || what == HX_TICK_OFF) &&
	    hx_percpu()->need_resched == 0)
		hx_percpu()->need_resched = HX_ENQUEUE_SLICE;
	quiet_unlock(&rq->lock);
}

/* In the timer interrupt. */
void sched_tick(void)
{
	struct hx_runq *rq = sched_this_rq();
	struct hx_thread *t = hx_thread_self();

	if (!HX_ENABLED(ONE_CPU))
		sched_balance(rq, t);
	sched_look(rq, t);
	if (HX_ENABLED(SLOT_SWAP))
		stall_tick(rq, t);
}

void sched_tick_between(void)
{
	sched_look(sched_this_rq(), hx_thread_self());
}

void sched_changed(struct hx_runq *rq, struct hx_thread *t, bool less_urgent)
{
	const struct hx_sched_ops *ops = sched_ops();
	const struct hx_thread *current = runq_current(rq);

	/* One that was held may run now, where nobody else wants to: that CPU does not look. */
	if (HX_CPUS > 1 && hx_sched_may_hold && current == rq->idle) {
		if (t->state == HX_THREAD_READY && runq_has_next(rq))
			runq_ask(rq, HX_ENQUEUE_PREEMPT);
		return;
	}
	if (ops->preempts == NULL)
		return;
	if (t == current) {
		/* Somebody else may be more urgent now: ask. */
		if (less_urgent && runq_has_next(rq))
			runq_ask(rq, HX_ENQUEUE_PREEMPT);
	} else if (t->state == HX_THREAD_READY && current != rq->idle &&
		   ops->preempts(rq, t, current)) {
		runq_ask(rq, HX_ENQUEUE_PREEMPT);
	}
}

hx_irqflags_t hx_runq_lock(struct hx_runq *rq)
{
	hx_irqflags_t flags = hx_irq_save();

	quiet_lock(&rq->lock);
	return flags;
}

void hx_runq_unlock(struct hx_runq *rq, hx_irqflags_t flags)
{
	quiet_unlock(&rq->lock);
	hx_irq_restore(flags);
}

void hx_runq_kick(struct hx_runq *rq)
{
	hx_assert_held(&rq->lock);
	if (hx_percpu_of(rq->cpu)->need_resched == 0)
		runq_ask(rq, HX_ENQUEUE_PREEMPT);
}

bool hx_can_sleep(void)
{
	return hx_thread_self() != NULL && hx_percpu()->preempt_off == 0 &&
	       hx_percpu()->irq_depth == 0 && hx_irq_are_enabled();
}

/* The CPU does not change under the idle thread. */
void sched_idle_loop(void)
{
	struct hx_runq *rq = sched_this_rq();

	for (;;) {
		thread_reap();
		if (HX_ENABLED(SLOT_SWAP) && HX_UNLIKELY(sched_is_bad))
			sched_rescue();
		hx_irq_disable();
		if (HX_CPUS > 1 && rq->leaving != NULL)
			sched_send_off(rq);
		if (runq_has_next(rq) || (HX_CPUS > 1 && sched_pull(rq))) {
			sched_preempt();
			hx_irq_enable();
		} else {
			if (!HX_ENABLED(ONE_CPU))
				sched_idle_begin(rq);
			hx_cpu_idle();
		}
	}
}

int sched_start_cpu(struct hx_thread *first, struct hx_thread *idle)
{
	unsigned cpu = hx_percpu()->cpu;
	struct hx_runq *rq = &sched_rqs[cpu];
	int err;

	hx_spin_init(&rq->lock, "runq", HX_RANK_RUNQ);
	hx_list_init(&rq->ready);
	rq->n_ready = rq->n_held = 0;
	rq->must_leave = rq->must_move = rq->leaving = NULL;
	rq->cpu = cpu;
	rq->bit = 1ull << cpu;
	rq->balance_ticks = BALANCE_TICKS + cpu;	/* not all at the same tick */
	rq->idle = idle;
	err = sched_ops()->init(rq);
	if (err != 0)
		return err;
	first->intent = NULL;
	err = first == idle ? 0 : sched_admit(first, &hx_intent_default);
	first->intent = &hx_intent_default;
	thread_set_cpus(first);
	if (err != 0) {
		if (sched_ops()->fini != NULL)
			sched_ops()->fini(rq);
		return err;
	}
	first->rq = idle->rq = rq;
	idle->state = HX_THREAD_BLOCKED;
	first->state = HX_THREAD_RUNNING;
	rq->started_cycles = hx_cycles();
	first->ran_cycles = -rq->started_cycles;
	hx_percpu()->runq = rq;
	hx_percpu()->current = first;
	if (!HX_ENABLED(ONE_CPU))
		__atomic_fetch_or(&cpus_running, 1ull << cpu, __ATOMIC_RELEASE);
	return 0;
}

int sched_start(struct hx_thread *first, struct hx_thread *idle)
{
	int err = hx_slot_select(&sched_kind);

	if (HX_ENABLED(SLOT_SWAP) && err == 0)
		guard_set(sched_slot);
	if (hx_sched_may_admit)
		promise_reset();
	if (err == 0)
		err = sched_start_cpu(first, idle);
	if (err == 0 && HX_ENABLED(PREEMPT_FULL)) {
		hx_preempt_point = hx_resched_now;
		hx_irq_set_exit(sched_preempt);
	} else {
		hx_preempt_point = sched_no_preempt_point;
	}
	return err;
}

/* Back to one flow, the calling one; nobody is enqueued any more and interrupts are off. A CPU that
 * could not be stopped keeps what it works with. */
void sched_stop(void)
{
	const uint64_t others = hx_cpus_online().bits & ~(1ull << hx_percpu()->cpu);
	unsigned cpu;

	hx_irq_set_exit(NULL);
	hx_preempt_point = sched_no_preempt_point;
	hx_percpu()->need_resched = 0;
	hx_percpu()->current = NULL;
	for (cpu = 0; cpu < HX_CPUS; cpu++) {
		struct hx_runq *rq = &sched_rqs[cpu];

		if (HX_CPUS > 1 && (others >> cpu & 1) != 0)
			continue;
		if (rq->idle != NULL && sched_ops()->fini != NULL)
			sched_ops()->fini(rq);
		rq->idle = NULL;
	}
	if (!HX_ENABLED(ONE_CPU))
		cpus_running = 0;
}

/* A ready thread, or one that is held, never runs again. */
void sched_drop(struct hx_thread *t)
{
	struct hx_runq *rq = runq_lock_of(t);

	if (t->state == HX_THREAD_READY) {
		sched_ops()->dequeue(rq, t);
		rq->n_ready--;
		t->state = HX_THREAD_DEAD;
	}
	quiet_unlock(&rq->lock);
}
