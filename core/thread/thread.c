// SPDX-License-Identifier: MIT
/*
 * The table of threads, their end to the last byte freed, and the component that brings them up.
 * How they begin: create.c.
 *
 * Who frees what, and when: nobody can free the stack it runs on. A joinable thread is freed by its
 * joiner, a detached one is put on the list thread_dead, which idle threads and hx_thread_create()
 * empty, so no more memory waits there than died since the last creation. On one CPU either of them
 * runs only after the last switch away from the thread. With several, both wait for that: a thread
 * becomes DEAD under its run queue's lock, which is released after the switch, so whoever has seen
 * it DEAD and had that lock then knows that no CPU is on its stack (thread_await_off()).
 */
#include <hx/config/core_names.h>
#include <hx/core/heap.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/smp.h>
#include <hx/core/stack.h>

#include "thread_priv.h"

/* HX_RANK_THREADS; also guards all_link. */
struct hx_spinlock thread_lock = HX_SPINLOCK_INIT("threads", HX_RANK_THREADS);
struct hx_list thread_all = HX_LIST_INIT(thread_all);	/* thread_lock; ids ascend */
static struct hx_list thread_dead = HX_LIST_INIT(thread_dead);	/* thread_lock; nobody joins them */
struct hx_wait_queue thread_joins = HX_WAIT_QUEUE_INIT(thread_joins);
static struct hx_list thread_gone = HX_LIST_INIT(thread_gone);	/* thread_lock; joined, not freed */
uint32_t thread_last_id;		/* thread_lock */

static struct hx_thread thread_main, thread_idles[HX_CPUS];

/* The scheduler forgets t. Until then a swap must find it on a list, so both happen at once. */
static void thread_forget(struct hx_thread *t)
{
	hx_preempt_disable();
	sched_admit(t, NULL);
	quiet_lock(&thread_lock);
	hx_list_unlink(&t->all_link);
	quiet_unlock(&thread_lock);
	guard_forget(t);	/* who goes over the table may have added it until now */
	hx_preempt_enable();
}

/* t is on no list and on no CPU; with CONFIG_SLOT_SWAP: on thread_gone. */
static void thread_free(struct hx_thread *t)
{
	hx_context_fini(&t->ctx);
	if (HX_ENABLED(SLOT_SWAP))
		thread_forget(t);
	else
		sched_admit(t, NULL);
	if (t->flags & HX_THREAD_STATIC)
		return;
	if (!(t->flags & HX_THREAD_OWN_STACK))
		hx_stack_free(t->stack);
	hx_free(t);
}

static void thread_free_idle(void)
{
	hx_context_fini(&thread_idles[0].ctx);
	hx_stack_free(thread_idles[0].stack);
}

/* Until no CPU is on the stack of t, which ends or has ended. It has interrupts off by now. */
static inline void thread_await_off(struct hx_thread *t)
{
	struct hx_runq *rq;

	if (HX_CPUS == 1)
		return;
	while (__atomic_load_n(&t->state, __ATOMIC_ACQUIRE) != HX_THREAD_DEAD) {
		hx_cpu_relax();
		hx_spin_poll();
	}
	rq = t->rq;
	hx_runq_unlock(rq, hx_runq_lock(rq));
}

void thread_reap(void)
{
	struct hx_list *n;
	struct hx_thread *t;

	while (!hx_list_is_empty(&thread_dead)) {	/* just a hint; the pop has the lock */
		hx_spin_lock(&thread_lock);
		n = hx_list_pop_front(&thread_dead);
		t = n != NULL ? HX_LIST_ENTRY(n, struct hx_thread, all_link) : NULL;
		if (HX_ENABLED(THREAD_NODES) && t != NULL && t->n_holds != 0) {
			hx_list_push_front(&thread_dead, n);	/* the next time */
			t = NULL;
		}
		if (HX_ENABLED(SLOT_SWAP) && t != NULL)
			hx_list_push_back(&thread_gone, n);
		hx_spin_unlock(&thread_lock);
		if (t == NULL)
			break;
		thread_await_off(t);
		thread_free(t);
		hx_resched_point();
	}
}

struct hx_thread *thread_hold(uint32_t id)
{
	struct hx_thread *t = NULL;
	struct hx_list *n;

	hx_spin_lock(&thread_lock);
	HX_LIST_FOREACH(n, &thread_all) {
		t = HX_LIST_ENTRY(n, struct hx_thread, all_link);
		if (t->id >= id)
			break;
	}
	if (t != NULL && t->id == id)
		t->n_holds++;
	else
		t = NULL;
	hx_spin_unlock(&thread_lock);
	return t;
}

void thread_release(struct hx_thread *t)
{
	hx_spin_lock(&thread_lock);
	t->n_holds--;
	hx_spin_unlock(&thread_lock);
}

/* Nothing of self is looked at after this but by who has had rq's lock. The lock of joins is held,
 * and dropped. */
static HX_ALWAYS_INLINE void thread_leave(struct hx_runq *rq, struct hx_thread *self,
					  struct hx_thread *joiner)
{
	struct hx_thread *next;

	if (!HX_ENABLED(ONE_CPU) && joiner != NULL)
		runq_make_ready(joiner, HX_ENQUEUE_WAKE);
	quiet_lock(&rq->lock);
	self->state = HX_THREAD_DEAD;
	runq_leave(rq, self, HX_LEAVE_EXIT);
	next = HX_ENABLED(ONE_CPU) && joiner != NULL ? runq_replace(rq, joiner, HX_ENQUEUE_WAKE)
	       : runq_next(rq);
	quiet_unlock(&thread_joins.lock);
	runq_switch(rq, self, next);
}

void hx_thread_exit(int exit_value)
{
	struct hx_thread *self = hx_thread_self(), *joiner;

	hx_assert_can_sleep();
	if (HX_ENABLED(MMU_SPACES) && HX_UNLIKELY(self->space != NULL))
		thread_leave_space();
	if (HX_ENABLED(IPC_TURNS) && HX_UNLIKELY(self->owned != NULL))
		turn_abandon_all(self);
	/* From here to the last switch nobody else runs on this CPU. */
	hx_irq_disable();
	if (HX_UNLIKELY(self->flags & HX_THREAD_DETACHED)) {
		quiet_lock(&thread_lock);
		hx_list_unlink(&self->all_link);
		hx_list_push_back(&thread_dead, &self->all_link);
		quiet_unlock(&thread_lock);
	}
	quiet_lock(&thread_joins.lock);
	self->exit_value = exit_value;
	joiner = self->joiner;
	/* One that has timed out is not BLOCKED any more; it finds us DEAD when it runs. */
	if (joiner != NULL && joiner->state != HX_THREAD_BLOCKED)
		joiner = NULL;
	if (joiner != NULL && HX_UNLIKELY(joiner->has_timeout)) {
		hx_list_unlink(&joiner->wait_link);
		wait_end(joiner, 0);
	}
	thread_leave(sched_this_rq(), self, joiner);
	hx_bug("thread %u ran after its end", self->id);
}

/* Wait for t, which runs still; the lock of joins is held, and dropped. Without a timeout there is
 * nothing to look for in a queue: t knows its joiner. */
static int thread_wait_for(struct hx_thread *t, hx_ns_t timeout_ns)
{
	struct hx_thread *self = hx_thread_self();
	struct hx_runq *rq = sched_this_rq();
	int err;

	t->joiner = self;
	if (HX_ENABLED(DEADLOCKS)) {
		self->wait_data = t;
		self->is_joining = 1;
	}
	if (HX_LIKELY(timeout_ns == HX_FOREVER)) {
		quiet_lock(&rq->lock);
		runq_leave(rq, self, HX_LEAVE_BLOCK);
		self->state = HX_THREAD_BLOCKED;
		quiet_unlock(&thread_joins.lock);
		runq_switch(rq, self, runq_next(rq));
		quiet_unlock(&sched_this_rq()->lock);
		/* t is dead, and waits for nobody: the word may be looked at still. */
		if (HX_ENABLED(DEADLOCKS))
			self->is_joining = 0;
		return 0;
	}
	err = wait_and_drop(&thread_joins, timeout_ns);
	quiet_lock(&thread_joins.lock);
	t->joiner = NULL;
	if (HX_ENABLED(DEADLOCKS))
		self->is_joining = 0;
	if (t->state == HX_THREAD_DEAD)
		err = 0;	/* perhaps after the timeout, before we ran */
	quiet_unlock(&thread_joins.lock);
	return err;
}

/* 0: t is dead, and no list knows it any more. */
static int thread_wait_end(struct hx_thread *t, hx_ns_t timeout_ns)
{
	hx_irqflags_t flags = hx_irq_save();
	int err = 0;

	quiet_lock(&thread_joins.lock);
	if (t->joiner == NULL && t->state != HX_THREAD_DEAD && timeout_ns != 0) {
		err = thread_wait_for(t, timeout_ns);
	} else {
		if (t->joiner != NULL)
			err = -HX_EBUSY;
		else if (t->state != HX_THREAD_DEAD)
			err = -HX_ETIMEDOUT;
		quiet_unlock(&thread_joins.lock);
	}
	if (err == 0) {
		thread_await_off(t);
		quiet_lock(&thread_lock);
		hx_list_unlink(&t->all_link);
		if (HX_ENABLED(SLOT_SWAP))
			hx_list_push_back(&thread_gone, &t->all_link);
		quiet_unlock(&thread_lock);
	}
	hx_irq_restore(flags);
	/* Nobody finds it any more; who found it before looks at it only briefly. */
	while (HX_ENABLED(THREAD_NODES) && err == 0 && HX_UNLIKELY(
	       __atomic_load_n(&t->n_holds, __ATOMIC_ACQUIRE) != 0))
		hx_sleep_ns(1);
	return err;
}

int hx_thread_join(struct hx_thread *t, hx_ns_t timeout_ns, int *exit_value)
{
	int err;

	if (t == hx_thread_self())
		return -HX_EDEADLK;
	if (t->flags & HX_THREAD_DETACHED)
		return -HX_EINVAL;
	hx_assert_can_sleep();
	err = thread_wait_end(t, timeout_ns);
	if (err != 0)
		return err;
	if (exit_value != NULL)
		*exit_value = t->exit_value;
	thread_free(t);
	return 0;
}

void hx_thread_foreach(bool (*visit)(struct hx_thread *t, void *arg), void *arg)
{
	struct hx_list *n;

	hx_spin_lock(&thread_lock);
	HX_LIST_FOREACH(n, &thread_all) {
		if (!visit(HX_LIST_ENTRY(n, struct hx_thread, all_link), arg))
			break;
	}
	hx_spin_unlock(&thread_lock);
}

void thread_each_but(unsigned state, bool (*visit)(struct hx_thread *t, void *arg), void *arg)
{
	struct hx_list *lists[] = { &thread_all, &thread_dead, &thread_gone }, *n;
	unsigned i;

	for (i = 0; i < HX_ARRAY_LEN(lists); i++) {
		HX_LIST_FOREACH(n, lists[i]) {
			struct hx_thread *t = HX_LIST_ENTRY(n, struct hx_thread, all_link);

			if (t->state != state && !visit(t, arg))
				return;
		}
	}
}

unsigned hx_thread_count(void)
{
	const struct hx_list *n;
	unsigned count = 0;

	hx_spin_lock(&thread_lock);
	HX_LIST_FOREACH(n, &thread_all)
		count++;
	HX_LIST_FOREACH(n, &thread_dead)
		count++;
	HX_LIST_FOREACH(n, &thread_gone)
		count++;
	hx_spin_unlock(&thread_lock);
	return count;
}

static int thread_idle_fn(void *arg)
{
	sched_idle_loop();
}

static void thread_forget_all(void)
{
	hx_list_init(&thread_all);
	thread_last_id = 0;
}

/* Another CPU: what it runs on becomes its idle thread. Nobody else waits for it here, so one whose
 * scheduler does not start just halts. */
static HX_UNUSED void thread_cpu_main(unsigned cpu)
{
	struct hx_thread *idle = &thread_idles[cpu];
	char name[] = "idle/00";
	int err;

	name[5] = (char)('0' + cpu / 10);
	name[6] = (char)('0' + cpu % 10);
	thread_make_static(idle, name, HX_PRIO_LOWEST, HX_THREAD_IDLE | HX_THREAD_OWN_STACK);
	err = sched_start_cpu(idle, idle);
	if (err != 0) {
		hx_error("threads", "cpu %u: scheduler %s does not start (%s): left out", cpu,
			 sched_ops()->name, hx_strerror(err));
		hx_spin_lock(&thread_lock);
		hx_list_unlink(&idle->all_link);
		hx_spin_unlock(&thread_lock);
		hx_smp_stop_self();
	}
	time_tick_start();
	hx_irq_enable();
	sched_idle_loop();
}

/* The boot flow becomes thread 1 "main"; thread 2 is the boot CPU's idle thread. */
static int threads_init(void)
{
	size_t stack_bytes;
	struct hx_thread *idle = &thread_idles[0];
	void *stack;
	int err = hx_stack_alloc(&stack, &stack_bytes);

	if (err != 0)
		return err;
	thread_make_static(&thread_main, "main", HX_PRIO_DEFAULT, HX_THREAD_OWN_STACK);
	if (HX_ENABLED(SCHED_STATS))
		thread_main.stats = &stats_main;
	thread_make_static(idle, "idle", HX_PRIO_LOWEST, HX_THREAD_IDLE);
	idle->fn = thread_idle_fn;
	idle->stack = stack;
	idle->stack_bytes = stack_bytes;
	hx_context_init(&idle->ctx, stack, stack_bytes, thread_entry, idle);
	err = sched_start(&thread_main, idle);
	if (err != 0) {
		thread_forget_all();
		thread_free_idle();
		return err;
	}
	hx_smp_set_cpu_main(HX_CPUS > 1 ? thread_cpu_main : NULL);
	time_tick_start();
	hx_irq_enable();
	return 0;
}

/* The calling thread, whichever it is, goes on as the only flow, with interrupts off as at boot. */
static void threads_shutdown(void)
{
	const struct hx_thread *self = hx_thread_self();
	struct hx_list *n;

	time_tick_stop();
	hx_irq_disable();
	thread_reap();
	HX_LIST_FOREACH(n, &thread_all)
		sched_drop(HX_LIST_ENTRY(n, struct hx_thread, all_link));
	sched_stop();
	if (self != &thread_idles[0])
		thread_free_idle();
	thread_forget_all();
}

HX_COMPONENT(threads) = {
	.name = "threads", .phase = HX_PHASE_CORE, .version = 1,
	.needs = "irq time heap stacks cmdline", .gives = "scheduler",
	.init = threads_init, .shutdown = threads_shutdown,
};
