/* SPDX-License-Identifier: MIT */
/*
 * The cheap processor operations of x86_64, inline; names and meaning in <hx/hal/cpu.h>.
 * Source: Intel SDM vol. 2 (PUSHF, CLI, STI, HLT, PAUSE, RDTSC, BSR, BTS, BTR, CMPXCHG).
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
	if (HX_LIKELY((flags & HX_X86_RFLAGS_IF) != 0))
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

/* The compilers' own gives an int, which then is extended again. */
static HX_ALWAYS_INLINE size_t hx_bit_highest(size_t x)
{
	size_t bit;

	__asm__("bsrq %1, %0" : "=r"(bit) : "r"(x) : "cc");
	return bit;
}

/* A bit string in memory: the instruction finds the word by itself, which no C expression is
 * compiled to. */
static HX_ALWAYS_INLINE void hx_bit_set_atomic(uint64_t *map, size_t bit)
{
	__asm__ volatile("lock btsq %1, %0" : "+m"(*map) : "r"(bit) : "memory", "cc");
}

static HX_ALWAYS_INLINE bool hx_bit_clear_atomic(uint64_t *map, size_t bit)
{
	bool was;

	__asm__ volatile("lock btrq %2, %0" : "+m"(*map), "=@ccc"(was) : "r"(bit) : "memory");
	return was;
}

static HX_ALWAYS_INLINE void hx_bit_set32(uint32_t *map, uint32_t bit)
{
	__asm__("btsl %1, %0" : "+m"(*map) : "Ir"(bit) : "memory", "cc");
}

static HX_ALWAYS_INLINE void hx_bit_clear32(uint32_t *map, uint32_t bit)
{
	__asm__("btrl %1, %0" : "+m"(*map) : "Ir"(bit) : "memory", "cc");
}

static HX_ALWAYS_INLINE bool hx_put_if_null(void **slot, void *p, uintptr_t *was)
{
	bool done;

	*was = 0;
	__asm__ volatile("lock cmpxchgq %3, %0"
			 : "+m"(*slot), "+a"(*was), "=@ccz"(done) : "r"(p) : "memory");
	return done;
}

#endif
