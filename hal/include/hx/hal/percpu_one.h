/* SPDX-License-Identifier: MIT */
/* The area of the one CPU that runs, wherever a kernel is for one. Included by the machine's part
 * of <hx/hal/percpu.h>. */
#ifndef HX_HAL_PERCPU_ONE_H
#define HX_HAL_PERCPU_ONE_H

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
