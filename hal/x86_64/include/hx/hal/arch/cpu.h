/* SPDX-License-Identifier: MIT */
/*
 * The cheap processor operations of x86_64, inline; names and meaning in <hx/hal/cpu.h>.
 * Source: Intel SDM vol. 2 (PUSHF, CLI, STI, HLT, PAUSE, RDTSC).
 */
#ifndef HX_HAL_ARCH_CPU_H
#define HX_HAL_ARCH_CPU_H

#include <hx/base.h>

typedef uint64_t hx_irqflags_t;		/* RFLAGS */

#define HX_X86_RFLAGS_IF	(1ull << 9)

static HX_ALWAYS_INLINE hx_irqflags_t hx_irq_save(void)
{
	hx_irqflags_t flags;

	__asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
	return flags;
}

static HX_ALWAYS_INLINE void hx_irq_enable(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static HX_ALWAYS_INLINE void hx_irq_disable(void)
{
	__asm__ volatile("cli" : : : "memory");
}

/* A test and STI instead of POPF: POPF is serialising-slow, and only IF can differ. */
static HX_ALWAYS_INLINE void hx_irq_restore(hx_irqflags_t flags)
{
	if (flags & HX_X86_RFLAGS_IF)
		hx_irq_enable();
}

static HX_ALWAYS_INLINE bool hx_irq_are_enabled(void)
{
	hx_irqflags_t flags;

	__asm__ volatile("pushfq; popq %0" : "=r"(flags) : : "memory");
	return (flags & HX_X86_RFLAGS_IF) != 0;
}

static HX_ALWAYS_INLINE uint64_t hx_cycles(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

static HX_ALWAYS_INLINE void hx_cpu_relax(void)
{
	__asm__ volatile("pause" : : : "memory");
}

/* STI takes effect after the next instruction, so no interrupt can slip in before HLT. */
static HX_ALWAYS_INLINE void hx_cpu_idle(void)
{
	__asm__ volatile("sti; hlt" : : : "memory");
}

#endif
