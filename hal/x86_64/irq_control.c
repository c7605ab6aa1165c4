/* SPDX-License-Identifier: MIT */
/*
 * Lines that change while the kernel runs: trigger, destination, and an interrupt sent once more.
 *
 * Nothing here touches an I/O APIC: irq.c writes what is noted here when the line is unmasked, so
 * that an entry never changes while it lets interrupts through.
 * Source: Intel 82093AA datasheet, 3.2.4; Intel SDM vol. 3, 11.6.1, 11.9.
 */
#include <hx/hal/irq.h>

#include "x86_priv.h"

#define LAPIC_ICR_LOW	0x300
#define ICR_SELF	(1u << 18 | 1u << 14)	/* shorthand "self", asserted */
#define ICR_FIXED	(1u << 14)

uint64_t hx_x86_n_spurious;
static uint8_t line_cpu[HX_IRQ_LINES];

static bool has_wire(uint32_t line)
{
	return HX_ENABLED(ACPI) && line < HX_IRQ_LINES && hx_x86_ioapic_of(line) >= 0;
}

int hx_irq_line_set_level(uint32_t line, bool level, bool *was)
{
	if (!has_wire(line))
		return -HX_ENODEV;
	if (was != NULL)
		*was = hx_irq_line_is_level(line);
	if (level)
		hx_x86_redirection[line] |= HX_REDIR_LEVEL;
	else
		hx_x86_redirection[line] &= (uint16_t)~HX_REDIR_LEVEL;
	return 0;
}

bool hx_irq_line_is_level(uint32_t line)
{
	return line < HX_IRQ_LINES && (hx_x86_redirection[line] & HX_REDIR_LEVEL) != 0;
}

int hx_irq_line_route(uint32_t line, unsigned cpu)
{
	if (!has_wire(line))
		return -HX_ENODEV;
	line_cpu[line] = (uint8_t)cpu;
	return 0;
}

uint32_t hx_x86_line_apic(uint32_t line)
{
	return HX_ENABLED(SMP) ? (uint32_t)hx_x86_apic_of(line_cpu[line]) << 24 : 0;
}

void hx_irq_line_resend(uint32_t line)
{
	if (HX_ENABLED(SMP))
		hx_x86_ipi(line_cpu[line], ICR_FIXED | (HX_VECTOR_BASE + line));
	else
		*hx_mmio(hx_x86_lapic, LAPIC_ICR_LOW) = ICR_SELF | (HX_VECTOR_BASE + line);
}

uint64_t hx_irq_n_spurious(void)
{
	return __atomic_load_n(&hx_x86_n_spurious, __ATOMIC_RELAXED);
}
