/* SPDX-License-Identifier: MIT */
/* The area of the only CPU. */
#include <hx/hal/percpu.h>

struct hx_percpu hx_percpu_boot;
