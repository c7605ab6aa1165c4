/* SPDX-License-Identifier: MIT */
/*
 * Interrupt delivery: local APIC (this CPU's inbox), I/O APICs (the wires), the PIC put to rest.
 *
 *	device -> I/O APIC pin = GSI = line -> vector 32 + line -> local APIC -> trap.S -> up-call
 *
 * A line is a GSI; the last ones are the hal's own (other CPUs, soft, timer, spurious). ISA
 * interrupts become GSIs through the overrides of the MADT. Devices interrupt the boot CPU. End of
 * interrupt is told after the up-call and before a thread switch, so that a level-triggered line is
 * quiet again by then.
 * Locks: redirection entries are written with interrupts off, by one CPU at a time (core/irq's
 * lock sees to that).
 * Source: Intel SDM vol. 3, 11 (local APIC); 82093AA datasheet (I/O APIC); ACPI 6.4, 5.2.12; 8259A.
 */
#include <hx/config/hal_x86_64.h>
#include <hx/hal/earlycon.h>
#include <hx/hal/irq.h>
#include <hx/hal/mem.h>
#include <hx/hal/mmu.h>

#include "x86_priv.h"

#define APIC_BASE_ENABLE	(1u << 11)
#define APIC_BASE_X2APIC	(1u << 10)
#define LAPIC_ID		0x20
#define LAPIC_TPR		0x80
#define LAPIC_SPURIOUS		0xf0
#define LAPIC_ICR_LOW		0x300
#define LAPIC_LVT_LINT0		0x350
#define LAPIC_LVT_LINT1		0x360
#define LAPIC_LVT_ERROR		0x370
#define LVT_MASKED		(1u << 16)
#define LVT_NMI			(4u << 8)
#define ICR_SELF		(1u << 18 | 1u << 14)	/* shorthand "self", asserted */

#define IOAPIC_VERSION		1
#define IOAPIC_REDIRECTION	0x10
#define REDIR_LOW_ACTIVE	(1u << 13)
#define REDIR_MASKED		(1u << 16)

#define PIC_VECTOR		(HX_VECTOR_BASE + 40)	/* spurious ones look like no device */

uintptr_t hx_x86_lapic;
hx_irq_upcall_t hx_x86_irq_upcall;
hx_irq_exit_upcall_t hx_x86_irq_exit_upcall;

static struct hx_acpi acpi;
static int acpi_state = 1;		/* 1: not read yet; 0, or the error */
struct hx_x86_ioapic hx_x86_ioapics[HX_ACPI_IOAPICS_MAX];
static uint32_t boot_apic;		/* LAPIC_ID of the boot CPU (SMP) */
uint16_t hx_x86_redirection[HX_IRQ_LINES];	/* polarity and trigger bits of each line */

/* On a BIOS machine whose loader gave no RSDP: the EBDA's first KiB, then the ROM area. */
static hx_paddr_t scan_for_rsdp(void)
{
	const uint8_t *p = hx_x86_window(0x40e, 2);
	hx_paddr_t areas[3] = { p != NULL ? (hx_paddr_t)hx_le16(p) << 4 : 0, 0xe0000, 0xf0000 };

	for (unsigned a = 0; a < 3; a++) {
		size_t size = a == 0 ? 1024 : 65536;

		p = areas[a] == 0 ? NULL : hx_x86_window(areas[a], size);
		for (size_t at = 0; p != NULL && at + 36 <= size; at += 16)
			if (hx_acpi_rsdp_ok(p + at))
				return areas[a] + at;
	}
	return 0;
}

static int read_acpi(void)
{
	hx_paddr_t rsdp = hx_x86_boot.rsdp;
	char why[80] = "helix: ACPI: ";
	size_t used = hx_x86_strlen(why);
	int err;

	if (rsdp == 0 && hx_x86_boot.efi_system_table == 0)
		rsdp = scan_for_rsdp();
	if (rsdp == 0)
		return -HX_ENODEV;
	err = hx_acpi_parse(rsdp, hx_x86_window, &acpi, why + used, sizeof(why) - used - 1);
	if (err != 0) {
		used = hx_x86_strlen(why);
		hx_text_put(why, sizeof(why), &used, "\n");
		hx_earlycon_write(why, used);
	}
	return err;
}

int hx_x86_acpi(const struct hx_acpi **out)
{
	if (!HX_ENABLED(ACPI))
		return -HX_ENODEV;
	if (acpi_state == 1)
		acpi_state = read_acpi();
	*out = &acpi;
	return acpi_state;
}

unsigned hx_cpus_present(void)
{
	const struct hx_acpi *a;

	if (!HX_ENABLED(ACPI) || hx_x86_acpi(&a) != 0 || a->n_cpus == 0)
		return 1;
	return a->n_cpus < HX_CPUS_MAX ? a->n_cpus : HX_CPUS_MAX;
}

/* Returns where its registers are. */
static hx_paddr_t switch_on_lapic(void)
{
	uint64_t base = hx_rdmsr(HX_MSR_APIC_BASE);

	if (base & APIC_BASE_X2APIC) {	/* firmware's choice; the way back is through "off" */
		base &= ~(uint64_t)(APIC_BASE_X2APIC | APIC_BASE_ENABLE);
		hx_wrmsr(HX_MSR_APIC_BASE, base);
	}
	hx_wrmsr(HX_MSR_APIC_BASE, base | APIC_BASE_ENABLE);
	return base & 0xffffffffff000;
}

static void set_up_lapic(void)
{
	*hx_mmio(hx_x86_lapic, LAPIC_TPR) = 0;
	*hx_mmio(hx_x86_lapic, LAPIC_LVT_LINT0) = LVT_MASKED;
	*hx_mmio(hx_x86_lapic, LAPIC_LVT_LINT1) = LVT_NMI;
	*hx_mmio(hx_x86_lapic, LAPIC_LVT_ERROR) = LVT_MASKED;
	*hx_mmio(hx_x86_lapic, LAPIC_SPURIOUS) = 1u << 8 | (HX_VECTOR_BASE + HX_LINE_SPURIOUS);
}

int hx_x86_lapic_start(void)
{
	void *regs;

	if (hx_x86_lapic != 0)
		return 0;
	if (!hx_x86_has(W_1D, 9))
		return -HX_ENODEV;
	regs = hx_mmu_map_device(switch_on_lapic(), HX_PAGE_SIZE);
	if (regs == NULL)
		return -HX_ENODEV;
	hx_x86_lapic = (uintptr_t)regs;
	if (HX_ENABLED(SMP))
		boot_apic = *hx_mmio(hx_x86_lapic, LAPIC_ID);
	set_up_lapic();
	return 0;
}

uint8_t hx_x86_apic_id(void)
{
	return boot_apic >> 24;
}

void hx_x86_lapic_enable(void)
{
	if (!HX_ENABLED(SMP))
		return;
	switch_on_lapic();
	set_up_lapic();
}

/* Move the old controllers away from the exceptions' vectors, then mask all of their inputs. */
static void silence_pic(void)
{
	static const uint8_t steps[][2] = {
		{ 0x20, 0x11 }, { 0xa0, 0x11 }, { 0x21, PIC_VECTOR }, { 0xa1, PIC_VECTOR + 8 },
		{ 0x21, 4 }, { 0xa1, 2 }, { 0x21, 1 }, { 0xa1, 1 }, { 0x21, 0xff }, { 0xa1, 0xff },
	};

	for (unsigned i = 0; i < HX_ARRAY_LEN(steps); i++)
		hx_outb(steps[i][0], steps[i][1]);
}

static uint32_t ioapic_read(uintptr_t base, uint32_t reg)
{
	*hx_mmio(base, 0) = reg;
	return *hx_mmio(base, 0x10);
}

static void ioapic_write(uintptr_t base, uint32_t reg, uint32_t value)
{
	*hx_mmio(base, 0) = reg;
	*hx_mmio(base, 0x10) = value;
}

static int start_ioapic(unsigned i)
{
	void *regs = hx_mmu_map_device(acpi.ioapic[i].address, 0x20);
	uint32_t first = acpi.ioapic[i].gsi_base, n;

	if (regs == NULL)
		return -HX_ENODEV;
	n = (ioapic_read((uintptr_t)regs, IOAPIC_VERSION) >> 16 & 0xff) + 1;
	for (uint32_t pin = 0; pin < n; pin++)
		ioapic_write((uintptr_t)regs, IOAPIC_REDIRECTION + 2 * pin, REDIR_MASKED);
	if (first < HX_LINES_DEVICE) {	/* pins past the last line stay masked for ever */
		hx_x86_ioapics[i].base = (uintptr_t)regs;
		hx_x86_ioapics[i].first = first;
		hx_x86_ioapics[i].end = (uint32_t)hx_min_u64(first + n, HX_LINES_DEVICE);
	}
	return 0;
}

static void set_wiring(void)
{
	for (unsigned line = HX_ACPI_ISA_IRQS; line < HX_IRQ_LINES; line++)
		hx_x86_redirection[line] = REDIR_LOW_ACTIVE | HX_REDIR_LEVEL;	/* PCI */
	for (unsigned irq = 0; irq < HX_ACPI_ISA_IRQS; irq++) {
		uint16_t flags = acpi.isa[irq].flags;

		if (acpi.isa[irq].gsi < HX_IRQ_LINES)
			hx_x86_redirection[acpi.isa[irq].gsi] =
				((flags & 3) == 3 ? REDIR_LOW_ACTIVE : 0) |
				((flags >> 2 & 3) == 3 ? HX_REDIR_LEVEL : 0);
	}
}

static int start_wires(void)
{
	const struct hx_acpi *a;
	int err = hx_x86_acpi(&a);

	if (err == 0 && a->n_ioapics == 0)
		err = -HX_ENODEV;
	for (unsigned i = 0; err == 0 && i < a->n_ioapics; i++)
		err = start_ioapic(i);
	if (err == 0)
		set_wiring();
	return err;
}

int hx_hal_irq_init(hx_irq_upcall_t upcall, hx_irq_exit_upcall_t exit_upcall)
{
	int err = hx_x86_lapic_start();

	if (err == 0 && HX_ENABLED(ACPI))
		err = start_wires();
	if (err != 0)
		return err;
	silence_pic();
	hx_x86_irq_upcall = upcall;
	hx_x86_irq_exit_upcall = exit_upcall;
	return 0;
}

int hx_irq_line_for_isa(unsigned isa_irq, uint32_t *line)
{
	if (!HX_ENABLED(ACPI) || isa_irq >= HX_ACPI_ISA_IRQS ||
	    hx_x86_ioapic_of(acpi.isa[isa_irq].gsi) < 0)
		return -HX_ENODEV;
	*line = acpi.isa[isa_irq].gsi;
	return 0;
}

/* The APIC that takes a line, in the upper byte as registers have it. */
static uint32_t destination(uint32_t line)
{
	if (HX_ENABLED(LINE_CONTROL) && HX_ENABLED(SMP))
		return hx_x86_line_apic(line);
	return HX_ENABLED(SMP) ? boot_apic : *hx_mmio(hx_x86_lapic, LAPIC_ID);
}

static void redirect(uint32_t line, uint32_t mask)
{
	int i = HX_ENABLED(ACPI) ? hx_x86_ioapic_of(line) : -1;
	uint32_t reg;
	hx_irqflags_t irq;

	if (i < 0)
		return;
	reg = IOAPIC_REDIRECTION + 2 * (line - hx_x86_ioapics[i].first);
	irq = hx_irq_save();
	ioapic_write(hx_x86_ioapics[i].base, reg + 1, destination(line));
	ioapic_write(hx_x86_ioapics[i].base, reg,
		     (HX_VECTOR_BASE + line) | hx_x86_redirection[line] | mask);
	hx_irq_restore(irq);
}

void hx_irq_line_unmask(uint32_t line)
{
	redirect(line, 0);
}

void hx_irq_line_mask(uint32_t line)
{
	redirect(line, REDIR_MASKED);
}

uint32_t hx_irq_line_soft(void)
{
	return HX_LINE_SOFT;
}

void hx_irq_raise_soft(void)
{
	*hx_mmio(hx_x86_lapic, LAPIC_ICR_LOW) = ICR_SELF | (HX_VECTOR_BASE + HX_LINE_SOFT);
}
