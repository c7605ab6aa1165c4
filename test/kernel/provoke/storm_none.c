/* SPDX-License-Identifier: MIT */
/*
 * Without the interrupt router there is nobody who could survive a storm.
 */
#include "provoke_priv.h"

const struct provocation provoke_storm[] = {
	{ NULL, NULL },
};
