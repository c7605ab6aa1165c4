/* SPDX-License-Identifier: MIT */
/* Without the checker of ranks, which brings the name space; the other host tests have it. */
#include_next <hx/config/core_lib.h>
#undef CONFIG_DEBUG_LOCKS
#define CONFIG_DEBUG_LOCKS	0
