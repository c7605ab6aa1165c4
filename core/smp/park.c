// SPDX-License-Identifier: MIT
/*
 * Parking: every CPU but one spins in an interrupt until it is let go.
 *
 * 1 One try. The parker, with interrupts off, puts a call on each CPU's list. A CPU that takes it
 *   in an interrupt which found preemption on stands: it says so and spins. One that takes it
 *   anywhere else (it polls while it waits for something, or preemption is off) says "not now" and
 *   goes on.
 *   The first "not now", or its time, ends the try: all go on, and the parker turns interrupts on,
 *   so that whoever waits for an answer of this CPU gets it. A machine whose CPUs are threads of a
 *   busy host may need longer than 1 ms for an interrupt, hence the longer tries later.
 * 2 Late answers. A try has a number. A CPU that takes the call when the number is another has
 *   nothing to do. Its call stays on its list until then, so the next try must wait for that, too.
 * 3 One at a time, for a try: interrupts are off then. Between two tries it may be preempted, and
 *   the scheduler that does not give it the CPU again may be just the one that is to be thrown
 *   out; so others can park then.
 * 4 Properties, of the model test/models/swap.pml: (alone) when the parker goes on, every other CPU
 *   stands, and none leaves before it is let go; (live) every try ends, and all go on.
 */
#include <hx/core/assert.h>
#include <hx/core/park.h>
#include <hx/core/string.h>
#include <hx/hal/timer.h>

#include "smp_priv.h"

#define TRY_NS		HX_NS_PER_MS	/* the first; each is twice as long as the one before */
#define PAUSE_NS	(HX_NS_PER_MS / 4)	/* between tries: what was in the way can end */

/* Field keys: a atomic. */
static uint64_t park_serial;		/* a odd: a try goes on */
static uint32_t park_taken;		/* a somebody parks */
static struct HX_ALIGNED(64) park_slot {
	struct hx_cpu_work work;
	uint64_t serial;		/* the try that it was sent for; the parker's */
	uint32_t answer;		/* a enum hx_park_state */
} park_slots[HX_CPUS];

/* On each other CPU, interrupts off. */
static void park_here(void *arg)
{
	struct park_slot *s = arg;
	uint64_t serial = s->serial;

	if (__atomic_load_n(&park_serial, __ATOMIC_ACQUIRE) != serial)
		return;
	if (hx_percpu()->irq_depth != 1 || hx_percpu()->preempt_off != 0) {
		__atomic_store_n(&s->answer, HX_PARK_NOT_NOW, __ATOMIC_RELEASE);
		return;
	}
	__atomic_store_n(&s->answer, HX_PARK_STANDS, __ATOMIC_RELEASE);
	while (__atomic_load_n(&park_serial, __ATOMIC_ACQUIRE) == serial) {
		hx_cpu_relax();
		hx_spin_poll();
	}
}

static void park_blame(struct hx_park_blocker *who, unsigned cpu, enum hx_park_state state)
{
	const struct hx_thread *t = __atomic_load_n(&hx_percpu_of(cpu)->current, __ATOMIC_RELAXED);

	who->cpu = cpu;
	who->state = state;
	/* It may end meanwhile, but its memory is not given back while it runs with interrupts or
	 * preemption off; at worst the name is another's. */
	who->thread_id = t != NULL ? t->id : 0;
	hx_strlcpy(who->thread_name, t != NULL ? t->name : "", sizeof(who->thread_name));
}

static void park_end_try(void)
{
	__atomic_fetch_add(&park_serial, 1, __ATOMIC_RELEASE);
}

/* Interrupts off. */
static int park_try(uint64_t others, hx_ns_t until, struct hx_park_blocker *who)
{
	uint64_t serial = __atomic_add_fetch(&park_serial, 1, __ATOMIC_SEQ_CST);
	uint64_t left = others, bits;

	for (bits = others; bits != 0;) {
		unsigned cpu = hx_cpumask_take(&bits);
		struct park_slot *s = &park_slots[cpu];

		s->answer = HX_PARK_NO_ANSWER;
		s->serial = serial;
		s->work.fn = park_here;
		s->work.arg = s;
		if (hx_cpu_post(cpu, &s->work) != 0)
			left &= ~(1ull << cpu);
	}
	while (left != 0) {
		unsigned cpu = (unsigned)__builtin_ctzll(left);
		uint32_t answer = __atomic_load_n(&park_slots[cpu].answer, __ATOMIC_ACQUIRE);

		if (answer == HX_PARK_STANDS) {
			left &= left - 1;
			continue;
		}
		if (answer == HX_PARK_NOT_NOW || hx_now_ns() >= until) {
			park_blame(who, cpu, answer);
			park_end_try();
			return -HX_ETIMEDOUT;
		}
		hx_cpu_relax();
		hx_spin_poll();
	}
	return 0;
}

/* Has every CPU done with the last call? */
static bool park_is_clear(uint64_t others, struct hx_park_blocker *who)
{
	while (others != 0) {
		unsigned cpu = hx_cpumask_take(&others);

		if (!hx_cpu_work_is_done(&park_slots[cpu].work)) {
			park_blame(who, cpu, HX_PARK_NO_ANSWER);
			return false;
		}
	}
	return true;
}

/* Interrupts are on. Not a sleep: the scheduler may be what is to be replaced. */
static void park_pause(void)
{
	hx_ns_t until = hx_now_ns() + PAUSE_NS;

	while (hx_now_ns() < until)
		hx_cpu_relax();
}

int hx_cpus_park(struct hx_parking *p, uint64_t wait_ns, struct hx_park_blocker *who)
{
	hx_ns_t until = hx_now_ns() + wait_ns, try_ns = TRY_NS;
	uint64_t others;
	int err = -HX_EBUSY;	/* somebody else parks, and did so from the start */

	hx_assert_can_sleep();
	for (;;) {
		p->flags = hx_irq_save();
		if (__atomic_exchange_n(&park_taken, 1, __ATOMIC_ACQUIRE) == 0) {
			others = hx_cpus_online().bits & ~(1ull << hx_percpu()->cpu);
			err = park_is_clear(others, who)
			      ? park_try(others, hx_min_u64(hx_now_ns() + try_ns, until), who)
			      : -HX_ETIMEDOUT;
			if (err == 0)
				return 0;
			__atomic_store_n(&park_taken, 0, __ATOMIC_RELEASE);
		}
		hx_irq_restore(p->flags);
		if (err == -HX_EBUSY || hx_now_ns() >= until)
			return err;
		park_pause();
		try_ns *= 2;
	}
}

void hx_cpus_unpark(struct hx_parking *p)
{
	park_end_try();
	__atomic_store_n(&park_taken, 0, __ATOMIC_RELEASE);
	hx_irq_restore(p->flags);
}
