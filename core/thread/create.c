// SPDX-License-Identifier: MIT
/* How a thread begins: checked, admitted by the scheduler, in the table, ready. */
#include <hx/config/core_border.h>
#include <hx/config/core_resources.h>
#include <hx/core/fault.h>
#include <hx/core/heap.h>
#include <hx/core/stack.h>
#include <hx/core/string.h>

#include "thread_priv.h"

void thread_entry(void *arg)
{
	struct hx_thread *self = arg;

	quiet_unlock(&sched_this_rq()->lock);
	hx_irq_enable();
	hx_thread_exit(self->fn(self->arg));
}

HX_FAULT_POINT(thread_create, "thread.create", "there is no memory for a thread");
HX_FAULT_POINT_OF(thread_canary, "thread.canary", HX_FAULT_FLIP,
		  "a bit at the end of a new thread's stack (STACK_CANARIES)");

/* The table knows t, and t its number. */
static HX_ALWAYS_INLINE void thread_add(struct hx_thread *t)
{
	if (HX_ENABLED(STACK_CANARIES) && t->stack != NULL)
		hx_thread_canary_set(t);
	if (HX_ENABLED(STACK_CANARIES) && t->stack != NULL && hx_fault_hits("thread.canary"))
		hx_fault_flip(t->stack, sizeof(uint64_t));
	if (HX_ENABLED(DEADLOCKS))
		t->is_joining = 0;
	if (HX_ENABLED(USER_MODE))
		t->user = 0;
	if (HX_ENABLED(RESOURCES))
		t->io = NULL;
	quiet_lock(&thread_lock);
	t->id = ++thread_last_id;
	hx_list_push_back(&thread_all, &t->all_link);
	quiet_unlock(&thread_lock);
}

/* Its first intent: want, or the default. */
static HX_ALWAYS_INLINE int thread_ask(struct hx_thread *t, const struct hx_intent *want)
{
	int err = HX_LIKELY(want == NULL) ? 0 : sched_check_intent(want);

	t->intent = NULL;
	if (hx_sched_may_admit)
		t->promised_ppm = 0;
	if (err == 0)
		err = sched_admit(t, want != NULL ? want : &hx_intent_default);
	if (err != 0)
		return err;
	t->intent = &hx_intent_default;
	if (HX_UNLIKELY(want != NULL)) {
		t->own_intent = *want;
		t->intent = &t->own_intent;
		if (!hx_sched_may_admit)
			t->promised_ppm = 0;
	}
	thread_set_cpus(t);
	return 0;
}

/*
 * Check what was asked for, fill t, make it ready. Field by field and not memset(): what the first
 * switch or wait sets anyway is left alone.
 */
static HX_NOINLINE int thread_make(struct hx_thread *t, const struct hx_thread_params *p,
				   void *stack, size_t stack_bytes, unsigned flags)
{
	const char *name = p->name;
	hx_irqflags_t irq;
	size_t i;
	bool now;
	int err;

	if (p->fn == NULL || p->prio > HX_PRIO_LOWEST || stack == NULL ||
	    stack_bytes < HX_CONTEXT_STACK_MIN || (((uintptr_t)stack | stack_bytes) & 15) != 0)
		return -HX_EINVAL;
	t->prio = p->prio;
	t->flags = (uint8_t)flags;
	t->has_timeout = 0;
	t->ran_cycles = 0;
	t->n_switches = 0;
	t->slice_ns = 0;
	t->n_holds = 0;
	if (HX_ENABLED(MUTEX_INHERIT)) {
		t->base_prio = p->prio;
		t->blocked_on = NULL;
		t->owned = NULL;
	}
	t->joiner = NULL;
	if (HX_ENABLED(MMU_SPACES))
		t->space = NULL;
	if (HX_ENABLED(BORDERS))
		t->border = NULL;
	t->fn = p->fn;
	t->arg = p->arg;
	t->stack = stack;
	t->stack_bytes = stack_bytes;
	for (i = 0; name != NULL && name[i] != '\0' && i < HX_THREAD_NAME_MAX - 1; i++)
		t->name[i] = name[i];
	t->name[i] = '\0';
	/* From its admission until it is in the table its scheduler stays the same. */
	if (HX_ENABLED(SLOT_SWAP))
		hx_preempt_disable();
	if (hx_sched_may_admit)
		t->rq = sched_this_rq();	/* whose CPU promises what is asked for */
	err = thread_ask(t, p->intent);
	if (err != 0) {
		if (HX_ENABLED(SLOT_SWAP))
			hx_preempt_enable();
		return err;
	}
	if (HX_CPUS > 1 && hx_sched_may_admit && t->promised_ppm != 0)
		t->rq = &sched_rqs[t->home];
	hx_context_init(&t->ctx, stack, stack_bytes, thread_entry, t);
	irq = hx_irq_save();
	if (HX_ENABLED(SLOT_SWAP))
		(void)hx_percpu_preempt_on_();	/* interrupts are off now */
	if (!hx_sched_may_admit)
		t->rq = sched_this_rq();
	if (!HX_ENABLED(ONE_CPU) || HX_ENABLED(DEBUG_ASSERT))
		t->state = HX_THREAD_NEW;
	thread_add(t);
	now = runq_make_ready(t, HX_ENQUEUE_NEW);
	hx_irq_restore(irq);
	if (now)
		hx_preempt_point();
	return 0;
}

int hx_thread_init(struct hx_thread *t, const struct hx_thread_params *p)
{
	size_t stack_bytes = p->stack_bytes;

	if (p->flags != 0)
		return -HX_EINVAL;
	t->stats = NULL;
	if (HX_ENABLED(SCHED_STATS))
		stack_bytes = stats_in_stack(t, p);
	return thread_make(t, p, p->stack, stack_bytes, HX_THREAD_STATIC | HX_THREAD_OWN_STACK);
}

/* With what is counted about it behind it, if anything is. */
static HX_ALWAYS_INLINE struct hx_thread *thread_alloc(void)
{
	const size_t counts = HX_ENABLED(SCHED_STATS) ? sizeof(struct hx_thread_stats) : 0;
	struct hx_thread *t = hx_alloc(sizeof(*t) + counts);

	if (HX_ENABLED(SCHED_STATS) && t != NULL) {
		t->stats = (struct hx_thread_stats *)(t + 1);
		memset(t->stats, 0, sizeof(*t->stats));
	}
	return t;
}

int hx_thread_create(const struct hx_thread_params *p, struct hx_thread **out)
{
	unsigned flags = p->flags;
	size_t stack_bytes = p->stack_bytes;
	void *stack = p->stack;
	struct hx_thread *t;
	int err;

	if ((flags & ~HX_THREAD_DETACHED) != 0 || (flags == 0 && out == NULL))
		return -HX_EINVAL;
	thread_reap();
	t = hx_fault_hits("thread.create") ? NULL : thread_alloc();
	if (t == NULL)
		return -HX_ENOMEM;
	if (stack != NULL) {
		flags |= HX_THREAD_OWN_STACK;
	} else {
		err = hx_stack_alloc(&stack, &stack_bytes);
		if (err != 0)
			goto free_thread;
	}
	/* The caller must know t before it can run, and end. */
	if (out != NULL)
		*out = t;
	err = thread_make(t, p, stack, stack_bytes, flags);
	if (err == 0)
		return 0;
	if (p->stack == NULL)
		hx_stack_free(stack);
free_thread:
	hx_free(t);
	return err;
}

void thread_make_static(struct hx_thread *t, const char *name, uint8_t prio, uint8_t flags)
{
	memset(t, 0, sizeof(*t));
	t->prio = t->base_prio = prio;
	t->flags = flags | HX_THREAD_STATIC;
	t->rq = &sched_rqs[hx_percpu()->cpu];
	t->intent = &hx_intent_default;
	thread_set_cpus(t);
	hx_strlcpy(t->name, name, sizeof(t->name));
	thread_add(t);
}
