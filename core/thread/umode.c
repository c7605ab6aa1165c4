/* SPDX-License-Identifier: MIT */
/*
 * A thread leaves for user mode: its kernel stack is empty from then on. And another one ends it
 * there.
 *
 * 1 In user mode a thread holds nothing of the kernel's, so there it can be ended. Whatever it does
 *   in the kernel it does to the end first.
 * 2 Whenever the kernel runs on the stack of a thread that has been in user mode, the frame it will
 *   go back through is at the top. There it is told to go nowhere, while it cannot run: on its own
 *   CPU in an interrupt, or with its run queue locked while it has no CPU. The fault that follows
 *   ends it as any other does. So nothing is looked at on the way to user mode.
 * 3 It may be on its way there for the first time: the mark is set before anybody looks for the
 *   frame, and it looks for the mark with interrupts off, after it has said that there will be one.
 *   An interrupt that finds no frame is before that.
 */
#include <hx/core/smp.h>

#include "thread_priv.h"

int hx_thread_enter_user(const struct hx_user_start *start)
{
	struct hx_thread *self = hx_thread_self();
	hx_irqflags_t flags;
	int err = -HX_ECANCELED;

	hx_assert_can_sleep();
	if (self->space == NULL || self->stack == NULL)
		return -HX_EINVAL;
	flags = hx_irq_save();
	if ((__atomic_fetch_or(&self->user, HX_THREAD_IN_USER, __ATOMIC_SEQ_CST) &
	     HX_THREAD_USER_ENDS) == 0)
		err = hx_user_enter(start, thread_stack_top(self));
	__atomic_fetch_and(&self->user, (uint8_t)~HX_THREAD_IN_USER, __ATOMIC_RELAXED);
	hx_irq_restore(flags);
	return err;
}

/* t cannot run now. */
static void stop(struct hx_thread *t)
{
	if ((__atomic_load_n(&t->user, __ATOMIC_RELAXED) & HX_THREAD_IN_USER) != 0)
		hx_user_stop(thread_stack_top(t));
}

struct search {
	struct hx_thread *t;
	bool found;
};

static void stop_here(void *arg)
{
	struct search *s = arg;

	s->found = hx_thread_self() == s->t;
	if (s->found)
		stop(s->t);
}

void hx_thread_end_user(struct hx_thread *t)
{
	struct search s = { .t = t, .found = false };

	__atomic_fetch_or(&t->user, HX_THREAD_USER_ENDS, __ATOMIC_SEQ_CST);
	while (!s.found) {
		hx_irqflags_t flags = hx_irq_save();
		struct hx_runq *rq = runq_lock_of(t);
		unsigned cpu = rq->cpu;

		s.found = t->state != HX_THREAD_RUNNING;
		if (s.found && t->state != HX_THREAD_DEAD)
			stop(t);
		quiet_unlock(&rq->lock);
		hx_irq_restore(flags);
		/* It may go elsewhere before that one looks: once more, then. */
		if (!s.found)
			(void)!hx_cpu_call(cpu, stop_here, &s);
	}
}
