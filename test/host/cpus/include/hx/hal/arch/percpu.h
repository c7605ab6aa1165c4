/* SPDX-License-Identifier: MIT */
/* The areas of several CPUs, each of which a POSIX thread plays. Included by <hx/hal/percpu.h>. */
#ifndef HX_HAL_ARCH_PERCPU_H
#define HX_HAL_ARCH_PERCPU_H

#define HX_CPUS	((unsigned)CONFIG_CPUS_MAX)

struct hx_percpu_slot {
	struct hx_percpu area;
} HX_ALIGNED(64);

extern struct hx_percpu_slot hx_percpu_slots[HX_CPUS];
extern __thread struct hx_percpu *cpus_self;

static inline struct hx_percpu *hx_percpu(void)
{
	return cpus_self;
}

static inline struct hx_percpu *hx_percpu_self(void)
{
	return cpus_self;
}

static inline struct hx_percpu *hx_percpu_of(unsigned cpu)
{
	return &hx_percpu_slots[cpu].area;
}

/* An interrupt may come between load and store; it leaves the number as it found it. */
static inline void hx_percpu_preempt_off_(void)
{
	cpus_self->preempt_off++;
	__asm__ volatile("" ::: "memory");
}

static inline bool hx_percpu_preempt_on_(void)
{
	__asm__ volatile("" ::: "memory");
	return --cpus_self->preempt_off == 0;
}

#endif
