// SPDX-License-Identifier: MIT
/*
 * In the kernel: a real device that keeps its line asserted is paused and comes back, the machine
 * runs on meanwhile, and lines go to the CPU they are sent to.
 *
 * The device is the clock chip of the PC: with its periodic interrupt on, it holds its line until
 * register C is read. Level-triggered, and with a handler that does not read it, that is a storm as
 * a broken device makes it.
 */
#include <hx/config/top.h>
#include <hx/core/ktest.h>
#include <hx/core/thread.h>
#include <hx/hal/reg.h>
#include <hx/hal/timer.h>

#include "irq_router_priv.h"

#define RTC_ISA_IRQ	8u
#define RTC_RATE	0x26u		/* register A: 32,768 Hz base, 1,024 interrupts a second */
#define RTC_PERIODIC	0x40u		/* register B */

static const struct hx_reg_window rtc = { .base = 0x70, .is_port = true };

static struct probe {
	struct hx_irq_action action;
	bool reads;			/* serves the device, and claims */
	uint64_t n, cpus;
} probe;

static uint8_t rtc_read(uint8_t reg)
{
	hx_reg_write8(&rtc, 0, reg);
	return hx_reg_read8(&rtc, 1);
}

static void rtc_write(uint8_t reg, uint8_t value)
{
	hx_reg_write8(&rtc, 0, reg);
	hx_reg_write8(&rtc, 1, value);
}

static void on_interrupt(void *arg)
{
	struct probe *p = arg;

	p->n++;
	p->cpus |= 1ull << hx_percpu()->cpu;
	if (!p->reads)
		hx_irq_not_mine();
	else
		rtc_read(0x0c);
}

static bool start(struct hx_ktest_run *t, uint32_t *line, uint32_t want, bool reads)
{
	probe = (struct probe){ .action = { .name = "rtc", .handler = on_interrupt,
					    .arg = &probe }, .reads = reads };
	if (!HX_ENABLED(ARCH_X86_64) || hx_irq_line_for_isa(RTC_ISA_IRQ, line) != 0) {
		hx_ktest_skip(t, "no clock chip with an interrupt");
		return false;
	}
	hx_expect(t, hx_irq_request(*line, &probe.action, "ktest", want) == 0);
	rtc_read(0x0c);
	rtc_write(0x0a, RTC_RATE);
	rtc_write(0x0b, rtc_read(0x0b) | RTC_PERIODIC);
	return true;
}

static void stop(uint32_t line)
{
	rtc_write(0x0b, rtc_read(0x0b) & (uint8_t)~RTC_PERIODIC);
	hx_irq_release(line, &probe.action);
	rtc_read(0x0c);
}

/* Until the line has had so many storms; false: it took longer than ten seconds. */
static bool wait_for_storms(uint32_t line, uint64_t n, struct irq_line *l)
{
	hx_ns_t until = hx_now_ns() + 10 * HX_NS_PER_S;

	do {
		hx_sleep_ns(HX_NS_PER_MS);
		if (!router_line(line, l))
			return false;
	} while (l->n_storms < n && hx_now_ns() < until);
	return l->n_storms >= n;
}

HX_KTEST(irq_storm_of_a_real_device_is_paused_and_ends)
{
	struct irq_line l;
	uint32_t line;
	uint64_t before;

	if (!start(t, &line, HX_IRQ_LEVEL, false))
		return;
	hx_expect(t, wait_for_storms(line, 3, &l));
	/* Each storm costs what the limit says, not what the device would like. It goes on. */
	before = probe.n;
	hx_expect(t, router_line(line, &l));
	hx_expect(t, before >= 3 * CONFIG_IRQ_STORM_UNCLAIMED);
	hx_expect(t, before <= (l.n_storms + 1) * CONFIG_IRQ_STORM_UNCLAIMED);
	hx_expect(t, l.pause_ns >= 2 * IRQ_PAUSE_FIRST_NS);
	probe.reads = true;		/* the device is well again */
	hx_expect(t, hx_irq_resume(line) == 0);
	before = probe.n;
	for (unsigned i = 0; i < 100 && probe.n == before; i++)
		hx_sleep_ns(60 * HX_NS_PER_MS);
	hx_expect(t, router_line(line, &l) && !l.is_paused);
	hx_expect(t, probe.n > before);
	stop(line);
	hx_expect(t, !router_line(line, &l));
}

HX_KTEST(irq_line_goes_to_each_cpu_in_turn)
{
	uint64_t online = hx_cpus_online().bits;
	uint32_t line;

	if (!start(t, &line, HX_IRQ_EDGE, true))
		return;
	while (online != 0) {
		unsigned cpu = hx_cpumask_take(&online);
		uint64_t counted = irq_counts[cpu][line];

		hx_expect(t, hx_irq_set_affinity(line, (struct hx_cpumask){ 1ull << cpu }) == 0);
		/* What was under way arrives as soon as the host lets that CPU run. */
		for (unsigned i = 0; i < 50 && (i == 0 || probe.cpus != 1ull << cpu); i++) {
			hx_sleep_ns(5 * HX_NS_PER_MS);
			probe.cpus = 0;
			hx_sleep_ns(50 * HX_NS_PER_MS);
		}
		hx_expect(t, probe.cpus == 1ull << cpu);
		hx_expect(t, irq_counts[cpu][line] > counted);
	}
	stop(line);
}

/* Requests and releases while interrupts of the line arrive. */
HX_KTEST(irq_users_come_and_go_under_interrupts)
{
	static struct probe other;
	uint32_t line;
	uint64_t n;

	if (!start(t, &line, HX_IRQ_EDGE | HX_IRQ_SHARED, true))
		return;
	for (unsigned i = 0; i < 2000; i++) {
		other = (struct probe){ .action = { .name = "other", .handler = on_interrupt,
						    .arg = &other } };
		if (hx_irq_request(line, &other.action, "ktest", HX_IRQ_SHARED) != 0) {
			hx_expect(t, false);
			break;
		}
		if (i % 64 == 0)
			hx_sleep_ns(2 * HX_NS_PER_MS);
		hx_irq_release(line, &other.action);
		other.action = (struct hx_irq_action){ .handler = NULL };	/* would fault */
	}
	other.action.handler = on_interrupt;
	hx_expect(t, hx_irq_request(line, &other.action, "ktest", 0) == -HX_EBUSY);
	n = probe.n;
	hx_sleep_ns(50 * HX_NS_PER_MS);
	hx_expect(t, probe.n > n);
	stop(line);
}

/* More than its limit, all claimed: sent by this CPU to itself. */
HX_KTEST(irq_flood_is_a_storm_too)
{
	const struct hx_cpumask here = { 1ull << hx_percpu()->cpu };
	struct irq_line l;
	uint32_t line;
	unsigned n = 0;

	if (!start(t, &line, HX_IRQ_EDGE, true))
		return;
	hx_expect(t, hx_irq_set_limit(line, 20000) == 0);
	hx_expect(t, hx_irq_set_affinity(line, here) == 0);
	do {
		hx_irq_line_resend(line);
		hx_cpu_relax();
		hx_expect(t, router_line(line, &l));
	} while (l.n_storms == 0 && ++n < 1000000);
	hx_expect(t, l.n_storms == 1);
	stop(line);
}
