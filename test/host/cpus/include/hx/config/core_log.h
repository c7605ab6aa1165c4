/* SPDX-License-Identifier: MIT */
/* The tests read what is logged, whatever the profile keeps. */
#include_next <hx/config/core_log.h>
#undef CONFIG_LOG_MAX_LEVEL
#define CONFIG_LOG_MAX_LEVEL	3
