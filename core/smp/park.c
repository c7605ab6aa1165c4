// SPDX-License-Identifier: MIT
/*
 * Parking: every CPU but one spins in an interrupt until it is let go.
 *
 * 1 One try. The parker, with interrupts off, puts a call on each CPU's list. A CPU that takes it
 *   in an interrupt which found preemption on stands: it says so and spins. One that takes it
 *   anywhere else (it polls while it waits for something, or preemption is off) says "not now" and
 *   goes on. It is asked again while the others stand, for it would be luck to find all at a good
 *   point at one instant; but it may wait for one that stands, or for this one. So too many "not
 *   now", or its time, end the try: all go on, and the parker turns interrupts on, so that whoever
 *   waits for an answer of this CPU gets it. A machine whose CPUs are threads of a busy host may
 *   need longer than 1 ms for an interrupt, hence the longer tries later. One may need 100 ms: then
 *   the second try, which waits for the first one's answer, has 100 ms as well, and suffices.
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

#define TRY_NS		HX_NS_PER_MS	/* the first; each lasts as long as all before it took */
#define PAUSE_NS	(HX_NS_PER_MS / 4)	/* between tries: what was in the way can end */
#define AGAIN_NS	(20 * HX_NS_PER_US)	/* from "not now" to the next question */
#define AGAIN_MAX	50u		/* in a try: for 1 ms, as long as the first one */

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

/* Those of these CPUs that run, and were asked. */
static uint64_t park_ask(uint64_t cpus, uint64_t serial)
{
	uint64_t asked = 0;

	while (cpus != 0) {
		unsigned cpu = hx_cpumask_take(&cpus);
		struct park_slot *s = &park_slots[cpu];

		s->answer = HX_PARK_NO_ANSWER;
		s->serial = serial;
		s->work.fn = park_here;
		s->work.arg = s;
		if (hx_cpu_post(cpu, &s->work) == 0)
			asked |= 1ull << cpu;
	}
	return asked;
}

/* Those of these CPUs with that answer. */
static uint64_t park_said(uint64_t cpus, enum hx_park_state answer)
{
	uint64_t said = 0;

	while (cpus != 0) {
		unsigned cpu = hx_cpumask_take(&cpus);
		const struct park_slot *s = &park_slots[cpu];

		if (__atomic_load_n(&s->answer, __ATOMIC_ACQUIRE) == answer &&
		    (answer != HX_PARK_NOT_NOW || hx_cpu_work_is_done(&s->work)))
			said |= 1ull << cpu;
	}
	return said;
}

static void park_spin(hx_ns_t ns)
{
	hx_ns_t until = hx_now_ns() + ns;

	do {
		hx_cpu_relax();
		hx_spin_poll();
	} while (hx_now_ns() < until);
}

/* Interrupts off. */
static int park_try(uint64_t others, hx_ns_t until, struct hx_park_blocker *who)
{
	uint64_t serial = __atomic_add_fetch(&park_serial, 1, __ATOMIC_SEQ_CST);
	uint64_t left = park_ask(others, serial), again;
	unsigned n_again = 0;

	for (;;) {
		left &= ~park_said(left, HX_PARK_STANDS);
		if (left == 0)
			return 0;
		again = park_said(left, HX_PARK_NOT_NOW);
		if (hx_now_ns() >= until || (again != 0 && n_again++ == AGAIN_MAX))
			break;
		park_spin(again != 0 ? AGAIN_NS : 0);
		left = (left & ~again) | park_ask(again, serial);
	}
	park_blame(who, (unsigned)__builtin_ctzll(again != 0 ? again : left),
		   again != 0 ? HX_PARK_NOT_NOW : HX_PARK_NO_ANSWER);
	park_end_try();
	return -HX_ETIMEDOUT;
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
	const hx_ns_t began = hx_now_ns(), until = began + wait_ns;
	uint64_t others, try_ns;
	int err = -HX_EBUSY;	/* somebody else parks, and did so from the start */

	hx_assert_can_sleep();
	for (;;) {
		p->flags = hx_irq_save();
		if (__atomic_exchange_n(&park_taken, 1, __ATOMIC_ACQUIRE) == 0) {
			others = hx_cpus_online().bits & ~(1ull << hx_percpu()->cpu);
			err = -HX_ETIMEDOUT;
			if (park_is_clear(others, who)) {
				try_ns = hx_max_u64(hx_now_ns() - began, TRY_NS);
				err = park_try(others, hx_min_u64(hx_now_ns() + try_ns, until),
					       who);
			}
			if (err == 0)
				return 0;
			__atomic_store_n(&park_taken, 0, __ATOMIC_RELEASE);
		}
		hx_irq_restore(p->flags);
		if (err == -HX_EBUSY || hx_now_ns() >= until)
			return err;
		park_pause();
	}
}

void hx_cpus_unpark(struct hx_parking *p)
{
	park_end_try();
	__atomic_store_n(&park_taken, 0, __ATOMIC_RELEASE);
	hx_irq_restore(p->flags);
}
