/* SPDX-License-Identifier: MIT */
/*
 * The tick: one interrupt CONFIG_TICK_HZ times a second, on which timers fire and slices end.
 * Reading the time needs none of this: hx_now_ns() is in <hx/hal/timer.h>.
 */
#ifndef HX_CORE_TIME_H
#define HX_CORE_TIME_H

#include <hx/base.h>

/**
 * hx_time_ticks() - ticks since the tick was started.
 *
 * Returns: the count; 0 before the component `time` is up.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    one load.
 * Source:  -
 */
uint64_t hx_time_ticks(void);

#endif
