// SPDX-License-Identifier: MIT
/*
 * CPUs watch each other, and the healer. A timer on each counts up once a period, in the interrupt
 * of its tick; then it looks at the next CPU, and over those that hang at the ones behind them. A
 * CPU whose count stands still for CONFIG_HEAL_CPU_MS takes no ticks: interrupts are off there, or
 * it is gone. One CPU alone has nobody to notice: that is what a hardware watchdog is for. The same
 * timer counts how long the call into a module lasts that it finds itself in.
 *
 * Field keys: o written by the CPU itself, w by whoever watches it, a atomic.
 */
#include <hx/config/core_border.h>
#include <hx/core/border.h>
#include <hx/core/smp.h>
#include <hx/core/thread.h>
#include <hx/hal/timer.h>

#include "heal_priv.h"

#define PERIOD_NS	(CONFIG_HEAL_PERIOD_MS * HX_NS_PER_MS)
#define CPU_NS		(CONFIG_HEAL_CPU_MS * HX_NS_PER_MS)
#define MODULE_TICKS	(1u + CONFIG_HEAL_MODULE_MS / CONFIG_HEAL_PERIOD_MS)
_Static_assert(!HX_ENABLED(BORDERS) || MODULE_TICKS < 0xffff, "hx_border_tick() counts so far");

static struct cpu {
	struct hx_timer timer;
	struct hx_cpu_work work;	/* constant while it is on its way */
	uint32_t count;			/* a o */
	uint32_t seen;			/* a w the count when it was last looked at */
	hx_ns_t since_ns;		/* a w since when it is that */
	uint32_t hangs;			/* a w told, and not gone on since */
} cpus[HX_CPUS] HX_ALIGNED(64);

static bool stopping;			/* a */
static bool healer_told;		/* of the first CPU */

/* True: it stands still. Two may look at one, when those in between hang: both tell at worst. */
static bool look_at(unsigned cpu, hx_ns_t now)
{
	struct cpu *c = &cpus[cpu];
	uint32_t count = __atomic_load_n(&c->count, __ATOMIC_RELAXED);
	hx_ns_t since = __atomic_load_n(&c->since_ns, __ATOMIC_RELAXED);

	if (count != __atomic_load_n(&c->seen, __ATOMIC_RELAXED) || since == 0) {
		__atomic_store_n(&c->seen, count, __ATOMIC_RELAXED);
		__atomic_store_n(&c->since_ns, now, __ATOMIC_RELAXED);
		__atomic_store_n(&c->hangs, 0, __ATOMIC_RELAXED);
		return false;
	}
	if (now < since || now - since < CPU_NS)
		return false;
	if (__atomic_exchange_n(&c->hangs, 1, __ATOMIC_RELAXED) == 0)
		(void)hx_failure_tell(HX_FAILURE_WATCHDOG, "cpu",
				      "CPU %u took no tick for %llu ms, says CPU %u", cpu,
				      (unsigned long long)((now - since) / HX_NS_PER_MS),
				      hx_percpu()->cpu);
	return true;
}

static void look_around(unsigned me, hx_ns_t now)
{
	uint64_t online = hx_cpus_online().bits;

	for (unsigned i = 1; i < HX_CPUS; i++) {
		unsigned cpu = (me + i) % HX_CPUS;

		if ((online & (1ull << cpu)) != 0 && !look_at(cpu, now))
			return;
	}
}

static void cpu_beat(struct hx_timer *timer)
{
	struct cpu *c = HX_CONTAINER_OF(timer, struct cpu, timer);
	hx_ns_t now = hx_now_ns();

	__atomic_store_n(&c->count, c->count + 1, __ATOMIC_RELAXED);
	if (HX_CPUS > 1)
		look_around((unsigned)(c - cpus), now);
	if (HX_ENABLED(BORDERS))
		hx_border_tick(MODULE_TICKS);
	if (c == &cpus[0] && heal_is_late() != healer_told) {
		healer_told = !healer_told;
		if (healer_told)
			(void)hx_failure_tell(HX_FAILURE_WATCHDOG, "healer",
					      "it does not come round");
	}
	if (!__atomic_load_n(&stopping, __ATOMIC_RELAXED))
		hx_timer_start(timer, now + PERIOD_NS);
}

static void start_here(void *arg)
{
	struct cpu *c = arg;

	hx_timer_start(&c->timer, hx_now_ns() + PERIOD_NS);
}

static enum hx_health cpus_check(void *arg)
{
	for (unsigned cpu = 0; cpu < HX_CPUS; cpu++)
		if (__atomic_load_n(&cpus[cpu].hangs, __ATOMIC_RELAXED) != 0)
			return HX_FAILED;
	return HX_HEALTHY;
}

static const struct hx_healed_ops cpus_ops = { .check = cpus_check };
static struct hx_healed cpus_healed = {
	.name = "cpu", .ops = &cpus_ops, .policy = HX_HEAL_NOTE, .flags = HX_HEALED_VITAL,
	.fails_as = HX_FAILURE_WATCHDOG,
};

void heal_cpus_start(void)
{
	uint64_t online = hx_cpus_online().bits;

	stopping = healer_told = false;
	/* It cannot fail: the name is short, and nobody came before. */
	(void)!hx_heal_register(&cpus_healed);
	while (online != 0) {
		struct cpu *c = &cpus[hx_cpumask_take(&online)];

		c->timer.fn = cpu_beat;
		c->since_ns = 0;
		c->hangs = 0;
		c->work = (struct hx_cpu_work){ .fn = start_here, .arg = c };
		(void)!hx_cpu_post((unsigned)(c - cpus), &c->work);
	}
}

void heal_cpus_stop(void)
{
	__atomic_store_n(&stopping, true, __ATOMIC_RELAXED);
	for (unsigned cpu = 0; cpu < HX_CPUS; cpu++) {
		while (!hx_cpu_work_is_done(&cpus[cpu].work))
			hx_yield();
		/* One whose function is running just now may start it once more. */
		if (cpus[cpu].timer.fn != NULL)
			while (hx_timer_cancel(&cpus[cpu].timer))
				;
	}
	(void)hx_heal_unregister(&cpus_healed);
}
