/* SPDX-License-Identifier: MIT */
/* What the room keeps for its node, and limits that its tests know. */
#ifndef BOOT_PRIV_H
#define BOOT_PRIV_H

#include <hx/base.h>

#define BOOT_MARKS_MAX	48	/* 20 components of today, and as many finer steps */

/* The end of a step. */
struct boot_mark {
	const char *what;
	uint64_t cycles;
};

/* The marks; returns how many were set, also those past BOOT_MARKS_MAX, which are not kept. */
uint32_t boot_marks(const struct boot_mark **first);

#endif
