/* SPDX-License-Identifier: MIT */
/*
 * The console of last resort, as the registry knows it.
 */
#ifndef HX_CORE_DEVICE_PRIV_H
#define HX_CORE_DEVICE_PRIV_H

#include <hx/core/console_dev.h>

#define PIECE_BYTES	240u	/* a line of the log; on the stack of whoever writes */

extern struct hx_console_dev device_early;	/* "early"; always at the end of the list */

#endif
