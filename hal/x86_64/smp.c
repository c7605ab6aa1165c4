/* SPDX-License-Identifier: MIT */
/*
 * Other CPUs: INIT and start-up interrupts, and interrupts between CPUs.
 *
 * 1 Concepts. A CPU that is started begins in real mode below 1 MiB. Five pages there, taken from
 *   the memory map at boot, hold the code (ap.S) and tables that show the first 2 MiB at 0 beside
 *   the kernel's half. The new CPU leaves them for the kernel's own tables with its first
 *   instructions in C and then sets up what the boot CPU has: GDT, TSS, GS, CR4, local APIC.
 *	page 0 code and arguments | 1 top table | 2 PML4 with 5 levels | 3 PDPT | 4 page directory
 * 2 Numbers. CPU 0 booted; 1, 2, … are the others in the order of the MADT.
 * 3 Locking. One flow starts CPUs, one at a time. Sending needs no lock: the command register is
 *   each CPU's own, and is written with interrupts off.
 * Source: Intel SDM vol. 3, 9.4 (MP initialization), 11.6 (issuing interrupts).
 */
#include <hx/hal/mem.h>
#include <hx/hal/mmu.h>
#include <hx/hal/smp.h>

#include "pt_priv.h"

#define AP_PAGES	5u
#define AP_LIMIT	0x100000u	/* a start-up vector is a page number of eight bits */
#define AP_ARGS		0x100u		/* ap.S */
#define AP_CODE32	0x40u
#define AP_CODE64	0xa0u
#define LAPIC_ICR_LOW	0x300
#define LAPIC_ICR_HIGH	0x310
#define ICR_INIT	(5u << 8 | 1u << 14)
#define ICR_STARTUP	(6u << 8 | 1u << 14)
#define ICR_FIXED	(1u << 14)
#define ICR_BUSY	(1u << 12)
#define ICR_TRIES	100000u		/* of a controller that never gets idle: then go on */
#define TABLE_LINK	3u		/* present, writable */
#define IDENTITY	0xe1u		/* present, accessed, dirty, 2 MiB: r-x */
#define EFER_LMA	(1u << 10)

_Static_assert(HX_IST_COUNT - 1 == HX_CPU_TRAP_STACKS, "a stack for each IST entry");

/* ap.S reads it: offsets 0, 4, 8, 12, 16, 24, 32, 38, 44. */
struct HX_PACKED ap_args {
	uint32_t cpu, cr3, cr4, efer;
	uint64_t stack, entry;
	uint16_t gdt_limit;
	uint32_t gdt_base, far32;
	uint16_t sel32;
	uint32_t far64;
	uint16_t sel64, padding[3];
	uint64_t gdt[4];
};
_Static_assert(offsetof(struct ap_args, far64) == 44, "ap.S: ARG_FAR64");
_Static_assert(offsetof(struct ap_args, gdt) == 56, "aligned for the CPU");

static hx_paddr_t ap_pages;		/* c five pages below 1 MiB; 0: there are none */
static struct hx_cpu_start ap_how;	/* of the CPU that is starting */

/* Five pages of free RAM below 1 MiB, the highest there are; page 0 is nobody's. */
void hx_x86_ap_reserve(void)
{
	struct hx_boot_info *info = &hx_x86_boot;
	hx_paddr_t bytes = AP_PAGES * HX_PAGE_SIZE, found = 0;

	for (uint32_t i = 0; i < info->n_mem; i++) {
		const struct hx_mem_range *r = &info->mem[i];
		hx_paddr_t end = hx_min_u64(r->end, AP_LIMIT);

		if (r->type == HX_MEM_USABLE && end >= r->start + bytes && end - bytes > 0)
			found = end - bytes;
	}
	if (found != 0 && hx_memmap_claim(info, found, found + bytes, HX_MEM_BOOT) == 0)
		ap_pages = found;
}

/* The APIC's number of a CPU, or -1. */
static int apic_id(unsigned cpu)
{
	const struct hx_acpi *a;
	uint32_t boot = hx_x86_apic_id();

	if (hx_x86_acpi(&a) != 0)
		return -1;
	for (uint32_t i = 0; i < a->n_apic_ids; i++)
		if (a->apic_id[i] != boot && --cpu == 0)
			return a->apic_id[i];
	return -1;
}

static void send(uint8_t to, uint32_t command)
{
	hx_irqflags_t irq = hx_irq_save();

	for (unsigned i = 0; i < ICR_TRIES; i++) {
		if ((*hx_mmio(hx_x86_lapic, LAPIC_ICR_LOW) & ICR_BUSY) == 0)
			break;
		hx_cpu_relax();
	}
	*hx_mmio(hx_x86_lapic, LAPIC_ICR_HIGH) = (uint32_t)to << 24;
	*hx_mmio(hx_x86_lapic, LAPIC_ICR_LOW) = command;
	hx_irq_restore(irq);
}

/* Found once: apic_id() walks a table. */
static uint8_t ids[HX_CPUS];

static int find_cpu(unsigned cpu)
{
	int id = cpu == 0 || cpu >= HX_CPUS || ap_pages == 0 ? -1 : apic_id(cpu);

	if (id < 0)
		return -HX_ENODEV;
	ids[cpu] = (uint8_t)id;
	hx_percpu_slots[cpu].area.cpu = cpu;
	return 0;
}

int hx_cpu_reset(unsigned cpu)
{
	int err = find_cpu(cpu);

	if (err == 0)
		send(ids[cpu], ICR_INIT);
	return err;
}

/* The kernel's half as this CPU sees it now, and the first 2 MiB at 0. */
static void make_tables(void)
{
	uint64_t *page = hx_phys_to_virt(ap_pages), *top = page + 512;
	const uint64_t *kernel = hx_phys_to_virt(pt.root);
	unsigned next = hx_cr4() & HX_CR4_LA57 ? 2 : 3;

	memset(top, 0, 4 * HX_PAGE_SIZE);
	memcpy(top + 256, kernel + 256, HX_PAGE_SIZE / 2);
	for (uint64_t *table = top; next < AP_PAGES; table = page + 512 * next++)
		table[0] = (ap_pages + next * HX_PAGE_SIZE) | TABLE_LINK;
	page[512 * (AP_PAGES - 1)] = IDENTITY;
}

/* Fill the page; the CPU that starts may be running on it from the first interrupt on. */
static void make_page(unsigned cpu, const struct hx_cpu_start *how)
{
	uint8_t *page = hx_phys_to_virt(ap_pages);
	struct ap_args args = {
		.cpu = cpu, .cr3 = (uint32_t)(ap_pages + HX_PAGE_SIZE),
		.cr4 = (uint32_t)(hx_cr4() & ~HX_X86_CR4_PCIDE),	/* long mode only */
		.efer = (uint32_t)hx_rdmsr(HX_MSR_EFER) & ~EFER_LMA,
		.stack = how->stack_top, .entry = (uintptr_t)hx_x86_ap_main,
		.gdt_limit = sizeof(args.gdt) - 1,
		.gdt_base = (uint32_t)ap_pages + AP_ARGS + offsetof(struct ap_args, gdt),
		.far32 = (uint32_t)ap_pages + AP_CODE32, .sel32 = 0x18,
		.far64 = (uint32_t)ap_pages + AP_CODE64, .sel64 = HX_SEL_CODE,
		.gdt = { 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff },
	};

	ap_how = *how;
	make_tables();
	memcpy(page, hx_x86_ap_page, (size_t)(hx_x86_ap_page_end - hx_x86_ap_page));
	memcpy(page + AP_ARGS, &args, sizeof(args));
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

int hx_cpu_start(unsigned cpu, const struct hx_cpu_start *how)
{
	int err = find_cpu(cpu);

	if (err != 0)
		return err;
	if (how != NULL)
		make_page(cpu, how);
	send(ids[cpu], ICR_STARTUP | (uint32_t)(ap_pages >> HX_PAGE_SHIFT));
	return 0;
}

HX_NORETURN void hx_x86_ap_main(unsigned cpu)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"(pt.root) : "memory");
	hx_x86_trap_init_cpu(cpu, ap_how.trap_stack_top);
	hx_x86_cpu_enable();
	hx_x86_lapic_enable();
	hx_x86_timer_start_cpu();
	ap_how.entry(cpu);
	hx_cpu_halt();
}

HX_NORETURN void hx_cpu_halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt" : : : "memory");
}

uint32_t hx_ipi_line(void)
{
	return HX_LINE_IPI;
}

void hx_ipi_send(unsigned cpu, uint32_t reasons)
{
	if (__atomic_fetch_or(&hx_percpu_of(cpu)->ipi_reasons, reasons, __ATOMIC_ACQ_REL) == 0)
		send(cpu == 0 ? hx_x86_apic_id() : ids[cpu],
		     ICR_FIXED | (HX_VECTOR_BASE + HX_LINE_IPI));
}
