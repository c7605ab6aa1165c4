/* SPDX-License-Identifier: MIT */
/*
 * What the tests of threads in the booted kernel share. Helpers have the priority of the thread
 * that tests, so that they take turns under every scheduler.
 */
#ifndef HX_THREAD_KTEST_H
#define HX_THREAD_KTEST_H

#include <hx/core/ktest.h>

#include "thread_priv.h"

#define TICK_NS		(HX_NS_PER_S / CONFIG_TICK_HZ)

static inline struct hx_thread_params params(int (*fn)(void *arg), void *arg)
{
	return (struct hx_thread_params){
		.name = "ktest", .fn = fn, .arg = arg, .prio = hx_thread_self()->prio,
	};
}

#endif
