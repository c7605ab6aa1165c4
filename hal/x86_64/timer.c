/* SPDX-License-Identifier: MIT */
/*
 * Time: the TSC counts, the local APIC's timer interrupts.
 *
 * Their frequencies come from CPUID (15h and 16h, or a hypervisor's 40000010h) if it tells; else
 * both are measured in one window of a millisecond against the HPET, the PIT, or, for the APIC
 * alone, the TSC. A sample is the reading with the least time around it out of four, so that an
 * emulator's hiccup does not spoil it.
 *
 * Conversions are fixed-point multiplications: ns = cycles * (10^9 << 32) / hz >> 32, in 128 bits.
 * Source: Intel SDM vol. 3, 11.5.4 and 18.7.3; IA-PC HPET 1.0a, 2.3; Intel 8254.
 */
#include <hx/config/hal_x86_64.h>
#include <hx/hal/irq.h>
#include <hx/hal/mmu.h>
#include <hx/hal/timer.h>

#include "x86_priv.h"

#define LAPIC_LVT_TIMER		0x320
#define LAPIC_TIMER_INITIAL	0x380
#define LAPIC_TIMER_CURRENT	0x390
#define LAPIC_TIMER_DIVIDE	0x3e0
#define DIVIDE_BY_1		0xb
#define LVT_PERIODIC		(1u << 17)
#define LVT_MASKED		(1u << 16)
#define TIMER_VECTOR		(HX_VECTOR_BASE + HX_LINE_TIMER)

#define HPET_PERIOD		0x04		/* femtoseconds */
#define HPET_CONFIG		0x10
#define HPET_COUNTER		0xf0
#define FS_PER_S		1000000000000000ull
#define PIT_HZ			1193182u
#define WINDOWS_PER_S		1000u		/* a window is 1 ms */

#define TO_NS_SHIFT		32
#define TO_CYCLES_SHIFT		30		/* so that hz << 30 fits for 16 GHz */

struct reference {
	const char *name;
	uint64_t hz;
	uint32_t mask;				/* the counter's width */
	uint32_t (*read)(void);
};

struct sample {
	uint64_t tsc, width;
	uint32_t ref, apic;
};

static const char *reference_name = "none";
static uint64_t tsc_hz, apic_hz;
static uint64_t to_ns, to_cycles, to_apic;	/* multipliers; 0 before calibration */
static uintptr_t hpet;

static uint32_t hpet_read(void)
{
	return *hx_mmio(hpet, HPET_COUNTER);
}

static uint32_t pit_read(void)
{
	uint32_t count;

	hx_outb(0x43, 0x80);			/* latch channel 2 */
	count = hx_inb(0x42);
	count |= (uint32_t)hx_inb(0x42) << 8;
	return ~count & 0xffff;			/* it counts down */
}

static uint32_t tsc_read(void)
{
	return (uint32_t)hx_cycles();
}

static bool find_hpet(struct reference *r)
{
	const struct hx_acpi *acpi;
	uint32_t period;

	if (!HX_ENABLED(ACPI) || hx_x86_acpi(&acpi) != 0 || acpi->hpet == 0)
		return false;
	hpet = (uintptr_t)hx_mmu_map_device(acpi->hpet, 1024);
	if (hpet == 0)
		return false;
	period = *hx_mmio(hpet, HPET_PERIOD);
	if (period == 0 || period > 100000000)	/* the specification's limit, 100 ns */
		return false;
	*hx_mmio(hpet, HPET_CONFIG) |= 1;
	*r = (struct reference){ "hpet", FS_PER_S / period, UINT32_MAX, hpet_read };
	return true;
}

/* Channel 2 in mode 0, its gate on and the speaker off. False if it does not count. */
static bool find_pit(struct reference *r)
{
	uint32_t first;

	hx_outb(0x61, (hx_inb(0x61) & ~2u) | 1);
	hx_outb(0x43, 0xb0);
	hx_outb(0x42, 0xff);
	hx_outb(0x42, 0xff);
	first = pit_read();
	for (unsigned i = 0; i < 10000; i++) {
		if (pit_read() != first) {
			*r = (struct reference){ "pit", PIT_HZ, 0xffff, pit_read };
			return true;
		}
	}
	return false;
}

/* Frequencies that CPUID tells; what it does not tell stays 0. */
static void ask_cpuid(void)
{
	uint32_t max = hx_cpuid(0, 0).a, n;
	struct hx_cpuid r;

	if (max >= 0x15) {
		r = hx_cpuid(0x15, 0);		/* TSC = crystal * b / a */
		n = r.c;
		if (n == 0 && max >= 0x16 && r.b != 0)
			n = (uint32_t)(hx_cpuid(0x16, 0).a * 1000000ull * r.a / r.b);
		if (r.a != 0 && r.b != 0 && n != 0) {
			tsc_hz = (uint64_t)n * r.b / r.a;
			apic_hz = n;
		}
	}
	if (tsc_hz == 0 && hx_x86_has(W_1C, 31)) {
		max = hx_cpuid(0x40000000, 0).a;
		if (max >= 0x40000010 && max < 0x40010000) {
			r = hx_cpuid(0x40000010, 0);
			tsc_hz = r.a * 1000ull;
			apic_hz = r.b * 1000ull;
		}
	}
}

static struct sample take_sample(const struct reference *r)
{
	struct sample best = { .width = UINT64_MAX };

	for (unsigned i = 0; i < 4; i++) {
		struct sample s = { .tsc = hx_cycles() };

		s.ref = r->read();
		s.apic = *hx_mmio(hx_x86_lapic, LAPIC_TIMER_CURRENT);
		s.width = hx_cycles() - s.tsc;
		if (s.width < best.width)
			best = s;
	}
	return best;
}

static void measure(const struct reference *r)
{
	uint32_t window = (uint32_t)(r->hz / WINDOWS_PER_S), ticks;
	struct sample from, to;

	*hx_mmio(hx_x86_lapic, LAPIC_TIMER_INITIAL) = UINT32_MAX;
	from = take_sample(r);
	while (((r->read() - from.ref) & r->mask) < window)
		hx_cpu_relax();
	to = take_sample(r);
	ticks = (to.ref - from.ref) & r->mask;
	if (tsc_hz == 0)
		tsc_hz = (to.tsc - from.tsc) * r->hz / ticks;
	apic_hz = (uint64_t)(from.apic - to.apic) * r->hz / ticks;
	*hx_mmio(hx_x86_lapic, LAPIC_TIMER_INITIAL) = 0;
}

static void set_up_timer(void)
{
	*hx_mmio(hx_x86_lapic, LAPIC_TIMER_DIVIDE) = DIVIDE_BY_1;
	*hx_mmio(hx_x86_lapic, LAPIC_LVT_TIMER) = LVT_MASKED | TIMER_VECTOR;
}

void hx_x86_timer_start_cpu(void)
{
	if (HX_ENABLED(SMP))
		set_up_timer();
}

int hx_hal_timer_init(uint64_t *waited_cycles)
{
	struct reference r;
	uint64_t start;
	int err = hx_x86_lapic_start();

	if (err != 0)
		return err;
	set_up_timer();
	ask_cpuid();
	if (tsc_hz != 0)
		r = (struct reference){ "cpuid", tsc_hz, UINT32_MAX, tsc_read };
	else if (!find_hpet(&r) && !find_pit(&r))
		return -HX_ENODEV;
	reference_name = r.name;
	start = hx_cycles();
	if (apic_hz == 0)
		measure(&r);
	*waited_cycles = hx_cycles() - start;
	if (tsc_hz == 0 || apic_hz == 0)
		return -HX_ENODEV;
	to_ns = (HX_NS_PER_S << TO_NS_SHIFT) / tsc_hz;
	to_cycles = (tsc_hz << TO_CYCLES_SHIFT) / HX_NS_PER_S;
	to_apic = (apic_hz << TO_CYCLES_SHIFT) / HX_NS_PER_S;
	return 0;
}

const char *hx_hal_timer_reference(void)
{
	return reference_name;
}

uint64_t hx_cycles_hz(void)
{
	return tsc_hz;
}

static uint64_t scale(uint64_t value, uint64_t by, unsigned shift)
{
	return (uint64_t)((unsigned __int128)value * by >> shift);
}

hx_ns_t hx_cycles_to_ns(uint64_t cycles)
{
	return scale(cycles, to_ns, TO_NS_SHIFT);
}

uint64_t hx_ns_to_cycles(hx_ns_t ns)
{
	return scale(ns, to_cycles, TO_CYCLES_SHIFT);
}

hx_ns_t hx_now_ns(void)
{
	return hx_cycles_to_ns(hx_cycles() - hx_x86_boot.entry_cycles);
}

uint32_t hx_timer_line(void)
{
	return HX_LINE_TIMER;
}

static void start_timer(uint32_t mode, uint64_t counts)
{
	*hx_mmio(hx_x86_lapic, LAPIC_LVT_TIMER) = mode | TIMER_VECTOR;
	*hx_mmio(hx_x86_lapic, LAPIC_TIMER_INITIAL) =
		(uint32_t)hx_max_u64(hx_min_u64(counts, UINT32_MAX), 1);
}

void hx_timer_periodic(uint32_t hz)
{
	start_timer(LVT_PERIODIC, apic_hz / hz);
}

void hx_timer_oneshot(hx_ns_t delay_ns)
{
	start_timer(0, scale(hx_max_u64(delay_ns, HX_NS_PER_US), to_apic, TO_CYCLES_SHIFT));
}

void hx_timer_stop(void)
{
	*hx_mmio(hx_x86_lapic, LAPIC_TIMER_INITIAL) = 0;
	*hx_mmio(hx_x86_lapic, LAPIC_LVT_TIMER) = LVT_MASKED | TIMER_VECTOR;
}
