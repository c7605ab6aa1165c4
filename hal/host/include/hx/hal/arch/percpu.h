/* SPDX-License-Identifier: MIT */
/* The area of the one CPU that a process plays. Included by <hx/hal/percpu.h> only. */
#ifndef HX_HAL_ARCH_PERCPU_H
#define HX_HAL_ARCH_PERCPU_H

#define HX_CPUS	1u

extern struct hx_percpu hx_percpu_boot;

static inline struct hx_percpu *hx_percpu(void)
{
	return &hx_percpu_boot;
}

static inline struct hx_percpu *hx_percpu_self(void)
{
	return &hx_percpu_boot;
}

static inline struct hx_percpu *hx_percpu_of(unsigned cpu)
{
	return &hx_percpu_boot;
}

static inline void hx_percpu_preempt_off_(void)
{
	hx_percpu_boot.preempt_off++;
}

static inline bool hx_percpu_preempt_on_(void)
{
	return --hx_percpu_boot.preempt_off == 0;
}

#endif
