/* SPDX-License-Identifier: MIT */
/*
 * How x86_64 finds a CPU's own area: GS base lies HX_PERCPU_GS bytes before it, so that a field is
 * %gs:(HX_PERCPU_GS + offset), whose encoding is as long as any. Not 0, because UBSan reports an
 * access through a null pointer, and clang 14 takes a pointer at %gs:0 for the address of the area.
 * With one CPU it is an object like any other. Included by <hx/hal/percpu.h> only.
 * Source: Intel SDM vol. 3, 3.4.4.1 (segments in 64-bit mode); GCC manual, 6.17.5 (__seg_gs).
 */
#ifndef HX_HAL_ARCH_PERCPU_H
#define HX_HAL_ARCH_PERCPU_H

#if CONFIG_SMP

#define HX_CPUS	((unsigned)CONFIG_CPUS_MAX)
#define HX_PERCPU_GS	4096	/* percpu_asm.h says the same */

/* A cache line each, so that CPUs do not take each other's away. */
struct hx_percpu_slot {
	struct hx_percpu area;
} HX_ALIGNED(64);

extern struct hx_percpu_slot hx_percpu_slots[HX_CPUS];

static HX_ALWAYS_INLINE struct hx_percpu __seg_gs *hx_percpu(void)
{
	return (struct hx_percpu __seg_gs *)HX_PERCPU_GS;
}

static HX_ALWAYS_INLINE struct hx_percpu *hx_percpu_of(unsigned cpu)
{
	return &hx_percpu_slots[cpu].area;
}

static HX_ALWAYS_INLINE struct hx_percpu *hx_percpu_self(void)
{
	return hx_percpu_of(hx_percpu()->cpu);
}

/* One instruction, not load, add and store: between them the thread might come to another CPU. */
static HX_ALWAYS_INLINE void hx_percpu_preempt_off_(void)
{
	__asm__ volatile("incl %%gs:%c0"
			 : : "i"(HX_PERCPU_GS + offsetof(struct hx_percpu, preempt_off))
			 : "memory", "cc");
}

static HX_ALWAYS_INLINE bool hx_percpu_preempt_on_(void)
{
	bool zero;

	__asm__ volatile("decl %%gs:%c1" : "=@ccz"(zero)
			 : "i"(HX_PERCPU_GS + offsetof(struct hx_percpu, preempt_off))
			 : "memory");
	return zero;
}

#else

#include <hx/hal/percpu_one.h>
#define HX_PERCPU_GS	0

#endif
#endif
