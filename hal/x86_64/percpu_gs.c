/* SPDX-License-Identifier: MIT */
/* The areas that GS points at, one for each CPU (CONFIG_SMP). */
#include <hx/hal/percpu.h>

struct hx_percpu_slot hx_percpu_slots[HX_CPUS];
