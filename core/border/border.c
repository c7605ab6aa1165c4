// SPDX-License-Identifier: MIT
/*
 * Calls into code that may fail: what each of them holds, and how one is given up.
 *
 * 1 The record. A gate links one to the running thread and takes it off again. Interrupts nest in
 *   threads and records in both, so the thread's list is a stack, and the top of it is the call
 *   that the CPU is in.
 * 2 Giving up, in two halves. In the exception, with interrupts off: note why, free the spinlocks,
 *   last taken first, set the count of preemption back, take the record off. Then, as the caller
 *   with its own interrupts: free the mutexes, whose next owners may run at once, and tell.
 * 3 What is not undone. Memory that the code took, and what it changed. Its locks are free but what
 *   they guard may be half changed: so its gates are closed. Who waited for such a lock in the same
 *   code gets it, and is given up itself if it trips over what it finds.
 */
#include <hx/base.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/panic.h>
#include <hx/core/rwlock.h>
#include <hx/core/sched_class.h>
#include <hx/core/thread.h>
#include <hx/hal/cpu.h>

#include "border_priv.h"

#define KINDS	3u

/*
 * The ticks of a call are counted in the upper 16 bits of its record's target, which are all ones
 * in an address of the kernel and are written anew by each call.
 */
#define TICK		(1ull << 48)
#define TICKS_MAX	0xffffu

static void (*border_failed)(const struct hx_border_owner *o);

void hx_border_set_failed(void (*fn)(const struct hx_border_owner *o))
{
	border_failed = fn;
}

/* ---- what a call holds */

static struct hx_border *border_top(void)
{
	struct hx_thread *self = hx_thread_self();

	return self != NULL ? self->border : NULL;
}

void hx_border_took(const void *lock, enum hx_border_lock kind)
{
	struct hx_border *b = border_top();

	if (b == NULL)
		return;
	if (b->n_held < HX_BORDER_HELD)
		b->held[b->n_held] = (uintptr_t)lock | kind;
	b->n_held++;
}

void hx_border_gave(const void *lock)
{
	struct hx_border *b = border_top();
	uint64_t n, i;

	if (b == NULL || b->n_held == 0)
		return;
	n = hx_min_u64(b->n_held, HX_BORDER_HELD);
	for (i = n; i > 0 && (b->held[i - 1] & ~(uintptr_t)KINDS) != (uintptr_t)lock; i--)
		;
	if (i == 0 && b->n_held == n)
		return;		/* taken in an outer call */
	for (; i > 0 && i < n; i++)
		b->held[i - 1] = b->held[i];
	b->n_held--;
}

static void free_lock(uintptr_t held)
{
	void *lock = (void *)(held & ~(uintptr_t)KINDS);

	switch (held & KINDS) {
	case HX_BORDER_SPIN:
		hx_spin_release_(lock);
		break;
	case HX_BORDER_READ:
		hx_rw_read_release_(lock);
		break;
	case HX_BORDER_WRITE:
		hx_rw_write_release_(lock);
		break;
	default:
		hx_mutex_unlock(lock);
	}
}

enum which { MUTEXES, OTHERS };

/* The last taken first. */
static void free_held(struct hx_border *b, enum which which)
{
	for (uint64_t i = b->n_held; i-- > 0;)
		if (((b->held[i] & KINDS) == HX_BORDER_MUTEX) == (which == MUTEXES))
			free_lock(b->held[i]);
}

/* ---- owners */

static void show_place(const char *what, uintptr_t at)
{
	char text[96];
	struct hx_text_buf out;

	hx_text_buf_init(&out, text, sizeof(text));
	hx_symbolize(&out.text, at);
	hx_error("border", "%s %s", what, text);
}

void hx_border_report(struct hx_border_owner *o)
{
	if (__atomic_load_n(&o->is_known, __ATOMIC_ACQUIRE) == 0 ||
	    __atomic_exchange_n(&o->is_reported, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	hx_error("border", "module %s failed: %s, address %#lx, thread %u, cpu %u", o->name,
		 o->what, (unsigned long)o->address, o->thread, o->cpu);
	if (o->target == 0)
		return;
	show_place("at", o->pc);
	show_place("called", o->target);
}

/* As the caller of the call that was given up. */
static long border_landed(struct hx_border *b)
{
	struct hx_border_owner *o = border_owner(b);

	free_held(b, MUTEXES);
	/* Who noted why is the one that tells. */
	if (o->thread == hx_thread_self()->id &&
	    __atomic_exchange_n(&o->is_known, 1, __ATOMIC_ACQ_REL) == 0 && border_failed != NULL)
		border_failed(o);
	/* A console cannot be written to with a run queue's lock. */
	if (hx_can_sleep())
		hx_border_report(o);
	return b->refused < 0 ? -HX_EFAULT : b->refused;
}

void hx_border_owner_init(struct hx_border_owner *o)
{
	o->gate = (struct hx_border_gate){ .link_at = offsetof(struct hx_thread, border),
					   .landed = border_landed };
	o->n_caught = 0;
	o->is_known = o->is_reported = 0;
	o->what = "";
	o->pc = o->address = o->target = 0;
	o->thread = o->cpu = 0;
}

void hx_border_fail(struct hx_border_owner *o, const char *what)
{
	if (__atomic_exchange_n(&o->gate.is_closed, 1, __ATOMIC_ACQ_REL) == 0) {
		o->what = what;
		__atomic_store_n(&o->is_known, 1, __ATOMIC_RELEASE);
		if (border_failed != NULL)
			border_failed(o);
	}
}

/* ---- giving up */

void border_note(struct hx_border *b, const char *what, uintptr_t pc, uintptr_t address)
{
	struct hx_border_owner *o = border_owner(b);

	if (__atomic_exchange_n(&o->gate.is_closed, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	o->what = what;
	o->pc = pc;
	o->address = address;
	o->target = b->target | TICKS_MAX * TICK;
	o->cpu = hx_percpu()->cpu;
	o->thread = hx_thread_self()->id;
}

void border_give_up(struct hx_border *b)
{
	struct hx_percpu *cpu = hx_percpu_self();

	__atomic_fetch_add(&border_owner(b)->n_caught, 1, __ATOMIC_RELAXED);
	free_held(b, OTHERS);
	cpu->preempt_off = b->preempt_off;
	cpu->current->border = b->prev;
}

void hx_border_bug(const char *what, uintptr_t pc)
{
	struct hx_border *b = border_top();

	if (b == NULL || b->irq_depth != hx_percpu()->irq_depth || b->n_held > HX_BORDER_HELD)
		return;
	hx_irq_disable();
	border_note(b, what, pc, 0);
	border_give_up(b);
	hx_border_leave(b);
}

/* Every so often, in an interrupt: a call that is there too often does not end. */
void hx_border_tick(uint32_t n_ticks)
{
	struct hx_border *b = border_top();
	uint64_t n;

	if (b == NULL || b->irq_depth + 1 != hx_percpu()->irq_depth)
		return;
	n = TICKS_MAX - b->target / TICK + 1;
	if (n > TICKS_MAX)
		return;
	b->target -= TICK;
	if (n == n_ticks)
		hx_border_fail(border_owner(b), "a call does not come back");
}

static int border_init(void)
{
	hx_panic_set_catcher(border_catch);
	if (BORDER_BREAKS)
		hx_sched_set_breaker(border_ask);
	return 0;
}

static void border_shutdown(void)
{
	if (BORDER_BREAKS)
		hx_sched_set_breaker(NULL);
	hx_panic_set_catcher(NULL);
}

HX_COMPONENT(border) = {
	.name = "border", .phase = HX_PHASE_CORE, .version = 1,
	.needs = "threads log",
	.init = border_init, .shutdown = border_shutdown,
};
