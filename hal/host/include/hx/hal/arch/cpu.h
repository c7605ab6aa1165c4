/* SPDX-License-Identifier: MIT */
/*
 * The processor as a process plays it: an interrupt mask that signal handlers respect, and a cycle
 * counter that counts nanoseconds. Included by <hx/hal/cpu.h> only.
 *
 * The saved mask is a token that carries how deep the saves of this flow nest, so that a restore
 * out of order, a second restore or a made-up value is caught at once (hx_host_violation()).
 */
#ifndef HX_HAL_ARCH_CPU_H
#define HX_HAL_ARCH_CPU_H

#include <hx/base.h>

typedef uint32_t hx_irqflags_t;		/* bit 0: interrupts were on; above: token with the depth */

#define HX_HOST_IRQ_TOKEN	0x5a7e0000u
#define HX_HOST_IRQ_DEPTH_SHIFT	1
#define HX_HOST_IRQ_DEPTH_MAX	0x7fffu

/* Field keys: v written by signal handlers as well, f the running flow's, kept in its context. */
struct hx_host_cpu {
	volatile uint32_t irq_on;	/* v interrupts are enabled */
	volatile uint32_t attention;	/* v some line may be pending */
	uint32_t save_depth;		/* f hx_irq_save() without its hx_irq_restore() */
};

extern struct hx_host_cpu hx_host_cpu;

void hx_host_irq_attention(void);			/* serve what is pending; interrupts on */
void hx_host_irq_unbalanced(hx_irqflags_t flags);	/* a restore that matches no save */
uint64_t hx_host_cycles(void);
void hx_host_relax(void);
void hx_host_idle(void);

#define hx_host_barrier_()	__asm__ volatile("" ::: "memory")

static inline void hx_irq_enable(void)
{
	hx_host_barrier_();
	hx_host_cpu.irq_on = 1;
	hx_host_barrier_();
	if (HX_UNLIKELY(hx_host_cpu.attention))
		hx_host_irq_attention();
}

static inline void hx_irq_disable(void)
{
	hx_host_cpu.irq_on = 0;
	hx_host_barrier_();
}

static inline bool hx_irq_are_enabled(void)
{
	return hx_host_cpu.irq_on != 0;
}

static inline hx_irqflags_t hx_irq_save(void)
{
	hx_irqflags_t on = hx_host_cpu.irq_on;

	hx_irq_disable();
	return HX_HOST_IRQ_TOKEN | hx_host_cpu.save_depth++ << HX_HOST_IRQ_DEPTH_SHIFT | on;
}

static inline void hx_irq_restore(hx_irqflags_t flags)
{
	hx_irqflags_t want = HX_HOST_IRQ_TOKEN |
			     (hx_host_cpu.save_depth - 1) << HX_HOST_IRQ_DEPTH_SHIFT;

	if (HX_UNLIKELY(hx_host_cpu.save_depth == 0 || (flags & ~1u) != want))
		hx_host_irq_unbalanced(flags);
	hx_host_cpu.save_depth--;
	if (flags & 1)
		hx_irq_enable();
	else
		hx_irq_disable();
}

static inline uint64_t hx_cycles(void)
{
	return hx_host_cycles();
}

static inline void hx_cpu_relax(void)
{
	hx_host_relax();
}

static inline void hx_cpu_idle(void)
{
	hx_host_idle();
}

static inline size_t hx_bit_highest(size_t x)
{
	return 63u - (unsigned)__builtin_clzll(x);
}

static inline void hx_bit_set_atomic(uint64_t *map, size_t bit)
{
	__atomic_fetch_or(&map[bit / 64], 1ull << (bit % 64), __ATOMIC_ACQ_REL);
}

static inline bool hx_bit_clear_atomic(uint64_t *map, size_t bit)
{
	uint64_t mask = 1ull << (bit % 64);

	return (__atomic_fetch_and(&map[bit / 64], ~mask, __ATOMIC_ACQ_REL) & mask) != 0;
}

static inline void hx_bit_set32(uint32_t *map, uint32_t bit)
{
	map[bit / 32] |= 1u << (bit % 32);
}

static inline void hx_bit_clear32(uint32_t *map, uint32_t bit)
{
	map[bit / 32] &= ~(1u << (bit % 32));
}

static inline bool hx_put_if_null(void **slot, void *p, uintptr_t *was)
{
	void *none = NULL;
	bool done = __atomic_compare_exchange_n(slot, &none, p, false, __ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED);

	*was = (uintptr_t)none;
	return done;
}

#endif
