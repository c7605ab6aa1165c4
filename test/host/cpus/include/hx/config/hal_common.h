/* SPDX-License-Identifier: MIT */
/* The configuration of the other host tests, but for several CPUs. */
#include_next <hx/config/hal_common.h>
#undef CONFIG_SMP
#undef CONFIG_CPUS_MAX
#define CONFIG_SMP	1
#define CONFIG_CPUS_MAX	8
