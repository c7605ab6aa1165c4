/* SPDX-License-Identifier: MIT */
/*
 * Exceptions: the descriptor tables that bring the CPU to trap.S.
 *
 * Double fault, NMI and machine check get stacks of their own (IST): the first because the current
 * stack may be the reason, the others because they come at any instruction.
 * Source: Intel SDM vol. 3, 6.13 (error codes), 6.14 (IDT and IST), 6.15 (exceptions), 4.7 (#PF).
 */
#include <hx/hal/earlycon.h>
#include <hx/hal/irq.h>
#include <hx/hal/mmu.h>
#include <hx/hal/percpu.h>
#include <hx/hal/power.h>
#include <hx/hal/trap.h>
#include <hx/hal/umode.h>

#include "x86_priv.h"

#define MSR_GS_BASE	0xc0000101u
#define N_VECTORS	(HX_VECTOR_BASE + HX_IRQ_LINES)
#define GATE_INTERRUPT	0x8e0000000000ull	/* present, ring 0, interrupts off */
#define GATE_IST_SHIFT	32
#define VECTOR_NMI	2u
#define VECTOR_BP	3u
#define VECTOR_MC	18u

_Static_assert(offsetof(struct hx_percpu, need_resched) == 16, "trap.S: NEED_RESCHED");
_Static_assert(sizeof(struct hx_trap_frame) == 22 * 8, "trap.S pushes 16 words");
_Static_assert(offsetof(struct hx_trap_frame, vector) == 132, "trap.S: FRAME_VECTOR");
_Static_assert(offsetof(struct hx_trap_frame, cs) == 144, "trap.S: FRAME_CS");
_Static_assert(HX_IRQ_LINES == 64, "trap.S has 64 interrupt stubs");

/* lo: offset 15..0, selector, IST, type, offset 31..16; hi: offset 63..32. */
struct gate {
	uint64_t lo, hi;
};

struct HX_PACKED tss {
	uint32_t reserved_0;
	uint64_t rsp[3], reserved_1, ist[7], reserved_2;
	uint16_t reserved_3, iomap_base;
};

/* LGDT and LIDT take the ten bytes from limit on; unpacked, so that base can be relocated. */
struct table_pointer {
	uint16_t padding[3], limit;
	uint64_t base;
};

static struct gate idt[N_VECTORS];	/* all CPUs' */
static struct tss tss[HX_CPUS];
#define GDT_ENTRIES	(HX_ENABLED(USER_MODE) ? 7 : 5)	/* TSS two; then user data and code */
static uint64_t gdt[HX_CPUS][GDT_ENTRIES] = { { 0, 0x00af9b000000ffff, 0x00cf93000000ffff } };
static hx_trap_upcall_t trap_upcall;

static void set_gates(unsigned vector, unsigned n, const void *entries, unsigned stride)
{
	uint64_t at = (uintptr_t)entries;

	for (struct gate *g = &idt[vector], *end = g + n; g != end; g++, at += stride) {
		g->lo = GATE_INTERRUPT | HX_SEL_CODE << 16 | (at & 0xffff) |
			(at & 0xffff0000) << 32;
		g->hi = at >> 32;
	}
}

/* The TSS of a CPU has its IST entries by now. */
static void load_gdt(unsigned cpu)
{
	struct table_pointer p = { .limit = sizeof(gdt[0]) - 1, .base = (uintptr_t)gdt[cpu] };
	uint64_t base = (uintptr_t)&tss[cpu];

	gdt[cpu][3] = (sizeof(tss[0]) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 |
		      (base >> 24 & 0xff) << 56;
	gdt[cpu][4] = base >> 32;
	tss[cpu].iomap_base = sizeof(tss[0]);
	if (HX_ENABLED(USER_MODE)) {
		gdt[cpu][HX_SEL_USER_DATA / 8] = 0x00cff3000000ffff;
		gdt[cpu][HX_SEL_USER_CODE / 8] = 0x00affb000000ffff;
		hx_x86_umode_init_cpu();
	}
	/* The selectors mean what they meant in boot.S's table: only ltr has to be done. */
	__asm__ volatile("lgdt %0; ltr %w1" : : "m"(p.limit), "r"(HX_SEL_TSS) : "memory");
	if (HX_ENABLED(SMP))
		hx_wrmsr(MSR_GS_BASE, (uintptr_t)hx_percpu_of(cpu) - HX_PERCPU_GS);
}

static void load_idt(void)
{
	struct table_pointer p = { .limit = sizeof(idt) - 1, .base = (uintptr_t)idt };

	__asm__ volatile("lidt %0" : : "m"(p.limit) : "memory");
}

void hx_x86_trap_init(void)
{
	tss[0].ist[HX_IST_DOUBLE_FAULT - 1] = hx_x86_ist_top(HX_IST_DOUBLE_FAULT);
	tss[0].ist[HX_IST_NMI - 1] = hx_x86_ist_top(HX_IST_NMI);
	tss[0].ist[HX_IST_MACHINE_CHECK - 1] = hx_x86_ist_top(HX_IST_MACHINE_CHECK);
	load_gdt(0);
	set_gates(0, HX_N_EXCEPTIONS, hx_x86_exception_stubs, sizeof(hx_x86_exception_stubs[0]));
	set_gates(HX_VECTOR_BASE, HX_IRQ_LINES / 2, hx_x86_irq_stubs_low,
		  sizeof(hx_x86_irq_stubs_low[0]));
	set_gates(HX_VECTOR_BASE + HX_IRQ_LINES / 2, HX_IRQ_LINES / 2, hx_x86_irq_stubs_high,
		  sizeof(hx_x86_irq_stubs_high[0]));
	set_gates(HX_VECTOR_BASE + HX_LINE_SPURIOUS, 1, hx_x86_spurious_stub, 0);
	idt[HX_VECTOR_DF].lo |= (uint64_t)HX_IST_DOUBLE_FAULT << GATE_IST_SHIFT;
	idt[VECTOR_NMI].lo |= (uint64_t)HX_IST_NMI << GATE_IST_SHIFT;
	idt[VECTOR_MC].lo |= (uint64_t)HX_IST_MACHINE_CHECK << GATE_IST_SHIFT;
	load_idt();
}

void hx_x86_trap_init_cpu(unsigned cpu, const uintptr_t ist_top[])
{
	if (!HX_ENABLED(SMP))
		return;
	gdt[cpu][1] = gdt[0][1];
	gdt[cpu][2] = gdt[0][2];
	for (unsigned i = 0; i < HX_IST_COUNT - 1; i++)
		tss[cpu].ist[i] = ist_top[i];
	load_gdt(cpu);
	load_idt();
}

void hx_user_set_stack(uintptr_t stack_top)
{
	tss[hx_percpu()->cpu].rsp[0] = stack_top;
}

hx_trap_upcall_t hx_trap_set_upcall(hx_trap_upcall_t upcall)
{
	hx_trap_upcall_t before = trap_upcall;

	trap_upcall = upcall;
	return before;
}

/* From trap.S, for every exception. Without an up-call, or without its help, this is the end. */
void hx_x86_trap_dispatch(struct hx_trap_frame *f)
{
	char text[160];
	size_t used = 0;

	if (hx_x86_is_resolved(f))
		return;
	if (HX_ENABLED(USER_MODE) && hx_trap_vector(f) != HX_VECTOR_PF)
		hx_x86_user_trap(f, 0);
	if (trap_upcall != NULL && trap_upcall(f))
		return;
	hx_text_put(text, sizeof(text), &used, "helix: unhandled ");
	hx_text_put(text, sizeof(text), &used, hx_trap_name(f));
	hx_text_put(text, sizeof(text), &used, " at ");
	hx_text_put_hex(text, sizeof(text), &used, f->rip);
	hx_text_put(text, sizeof(text), &used, ": ");
	hx_trap_describe(f, text + used, sizeof(text) - used);
	hx_earlycon_write(text, hx_x86_strlen(text));
	hx_earlycon_write("\n", 1);
	hx_hal_exit(HX_EXIT_PANIC);
}

unsigned hx_trap_vector(const struct hx_trap_frame *f)
{
	return hx_x86_is_exception(f) ? f->vector & 0xff : HX_VECTOR_BASE + f->error;
}

#define REG(name)	{ #name, offsetof(struct hx_trap_frame, name) / 8 }
#define INTERRUPT_REGS	15u

bool hx_trap_register(const struct hx_trap_frame *f, unsigned idx, const char **name,
		      uint64_t *value)
{
	/* An interrupt's frame has the first INTERRUPT_REGS of these only. */
	static const struct { char name[7]; uint8_t word; } regs[] = {
		REG(rip), REG(rsp), REG(rflags), REG(cs), REG(ss), REG(rbp), REG(rax), REG(rcx),
		REG(rdx), REG(rsi), REG(rdi), REG(r8), REG(r9), REG(r10), REG(r11), REG(rbx),
		REG(r12), REG(r13), REG(r14), REG(r15), REG(cr2),
	};

	if (idx >= (hx_x86_is_exception(f) ? HX_ARRAY_LEN(regs) : INTERRUPT_REGS))
		return false;
	*name = regs[idx].name;
	*value = ((const uint64_t *)f)[regs[idx].word];
	return true;
}

uintptr_t hx_trap_pc(const struct hx_trap_frame *f)
{
	return f->rip;
}

uintptr_t hx_trap_sp(const struct hx_trap_frame *f)
{
	return f->rsp;
}

/* A push into a guard page faults, and so does pushing that fault's frame: cr2 stays the guard. */
uintptr_t hx_trap_fault_address(const struct hx_trap_frame *f)
{
	unsigned v = hx_x86_is_exception(f) ? hx_trap_vector(f) : 0, flags;
	hx_paddr_t pa;

	if (v == HX_VECTOR_PF || (v == HX_VECTOR_DF && f->cr2 >= HX_STACKS_START &&
			       hx_mmu_query(f->cr2, &pa, &flags) == -HX_ENOENT))
		return f->cr2;
	return 0;
}

void hx_trap_set_pc(struct hx_trap_frame *f, uintptr_t pc)
{
	f->rip = pc;
}

uintptr_t hx_trap_resume_pc(const struct hx_trap_frame *f)
{
	return f->rip + (hx_trap_vector(f) == VECTOR_BP ? 0 : 2);
}
