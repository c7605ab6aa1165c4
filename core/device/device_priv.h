/* SPDX-License-Identifier: MIT */
/*
 * The console of last resort, as the registry knows it.
 */
#ifndef HX_CORE_DEVICE_PRIV_H
#define HX_CORE_DEVICE_PRIV_H

#include <hx/core/console_dev.h>

extern struct hx_console_dev device_early;	/* "early"; always at the end of the list */

#endif
