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
 * 3 Tickets. All may be on their way at once. Page 0 has a byte for each APIC id with the number of
 *   the CPU that is awaited, else 0. The CPU takes it with an exchange before it does anything;
 *   who gives up on a CPU takes it in the same way. Whoever gets it has it: either the CPU runs
 *   on its stacks, or it never will and they are free. The page stays as long as the kernel runs.
 * 4 Locking. One flow starts CPUs. Sending needs no lock: the command register is each CPU's own,
 *   and is written with interrupts off.
 * Source: Intel SDM vol. 3, 9.4 (MP initialization), 11.6 (issuing interrupts).
 */
#include <hx/hal/mem.h>
#include <hx/hal/mmu.h>
#include <hx/hal/smp.h>

#include "pt_priv.h"

#define AP_PAGES	5u
#define AP_LIMIT	0x100000u	/* a start-up vector is a page number of eight bits */
#define AP_ARGS		0x100u		/* ap.S */
#define AP_CODE32	0x60u
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

/* Page 0. ap.S reads args at offsets 0, 4, 8, 16, 24, 30, 36. */
struct HX_PACKED ap_page {
	uint8_t code[AP_ARGS];
	struct HX_PACKED {
		uint32_t cr3, cr4, efer, padding;
		uint64_t entry;
		uint16_t gdt_limit;
		uint32_t gdt_base, far32;
		uint16_t sel32;
		uint32_t far64;
		uint16_t sel64, more_padding[3];
		uint64_t gdt[4];
	} args;
	uint8_t free[AP_ARGS - 80];
	uint8_t cpu_of[256];		/* a APIC id -> CPU that is awaited, 0: none */
	uint64_t stack[HX_CPUS_MAX];
};
_Static_assert(offsetof(struct ap_page, args.far64) == AP_ARGS + 36, "ap.S: ARG_FAR64");
_Static_assert(offsetof(struct ap_page, args.gdt) % 8 == 0, "aligned for the CPU");
_Static_assert(offsetof(struct ap_page, cpu_of) == 0x200, "ap.S: CPU_OF");
_Static_assert(offsetof(struct ap_page, stack) == 0x300, "ap.S: STACKS");
_Static_assert(sizeof(struct ap_page) <= HX_PAGE_SIZE, "one page");

static hx_paddr_t ap_pages;		/* c five pages below 1 MiB; 0: there are none */
static struct hx_cpu_start ap_how[HX_CPUS];	/* c from the start of that CPU on */

static struct ap_page *ap_page(void)
{
	return hx_phys_to_virt(ap_pages);
}

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

uint8_t hx_x86_apic_of(unsigned cpu)
{
	return cpu == 0 ? hx_x86_apic_id() : ids[cpu];
}

void hx_x86_ipi(unsigned cpu, uint32_t command)
{
	send(hx_x86_apic_of(cpu), command);
}

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

/* The first 2 MiB at 0; the kernel's half comes with each CPU. */
static void make_tables(void)
{
	uint64_t *page = hx_phys_to_virt(ap_pages), *top = page + 512;
	unsigned next = hx_cr4() & HX_CR4_LA57 ? 2 : 3;

	memset(top, 0, 4 * HX_PAGE_SIZE);
	for (uint64_t *table = top; next < AP_PAGES; table = page + 512 * next++)
		table[0] = (ap_pages + next * HX_PAGE_SIZE) | TABLE_LINK;
	page[512 * (AP_PAGES - 1)] = IDENTITY;
}

static void make_page(void)
{
	struct ap_page *page = ap_page();

	memset(page, 0, sizeof(*page));
	memcpy(page, hx_x86_ap_page, (size_t)(hx_x86_ap_page_end - hx_x86_ap_page));
	page->args = (__typeof__(page->args)){
		.cr3 = (uint32_t)(ap_pages + HX_PAGE_SIZE),
		.cr4 = (uint32_t)(hx_cr4() & ~HX_X86_CR4_PCIDE),	/* long mode only */
		.efer = (uint32_t)hx_rdmsr(HX_MSR_EFER) & ~EFER_LMA,
		.entry = (uintptr_t)hx_x86_ap_main,
		.gdt_limit = sizeof(page->args.gdt) - 1,
		.gdt_base = (uint32_t)(ap_pages + offsetof(struct ap_page, args.gdt)),
		.far32 = (uint32_t)ap_pages + AP_CODE32, .sel32 = 0x18,
		.far64 = (uint32_t)ap_pages + AP_CODE64, .sel64 = HX_SEL_CODE,
		.gdt = { 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff },
	};
	make_tables();
}

/* The kernel's half as this CPU sees it now: others may be walking these tables. */
static void show_kernel(void)
{
	uint64_t *top = (uint64_t *)hx_phys_to_virt(ap_pages) + 512;
	const uint64_t *kernel = hx_phys_to_virt(pt.root);

	for (unsigned i = 256; i < 512; i++)
		__atomic_store_n(&top[i], kernel[i], __ATOMIC_RELAXED);
}

int hx_cpu_prepare(unsigned cpu, const struct hx_cpu_start *how)
{
	static bool is_made;
	int err = find_cpu(cpu);

	if (err != 0)
		return err;
	if (!is_made)
		make_page();
	is_made = true;
	show_kernel();
	ap_how[cpu] = *how;
	ap_page()->stack[cpu] = how->stack_top;
	__atomic_store_n(&ap_page()->cpu_of[ids[cpu]], (uint8_t)cpu, __ATOMIC_SEQ_CST);
	return 0;
}

void hx_cpu_start(unsigned cpu)
{
	send(ids[cpu], ICR_STARTUP | (uint32_t)(ap_pages >> HX_PAGE_SHIFT));
}

bool hx_cpu_withdraw(unsigned cpu)
{
	uint8_t ticket = (uint8_t)cpu;

	if (!__atomic_compare_exchange_n(&ap_page()->cpu_of[ids[cpu]], &ticket, 0, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return false;
	send(ids[cpu], ICR_INIT);	/* it sleeps deeper there than in the page's loop */
	return true;
}

HX_NORETURN void hx_x86_ap_main(unsigned cpu)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"(pt.root) : "memory");
	hx_x86_trap_init_cpu(cpu, ap_how[cpu].trap_stack_top);
	hx_x86_cpu_enable();
	hx_x86_lapic_enable();
	hx_x86_timer_start_cpu();
	ap_how[cpu].entry(cpu);
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
		hx_x86_ipi(cpu, ICR_FIXED | (HX_VECTOR_BASE + HX_LINE_IPI));
}
