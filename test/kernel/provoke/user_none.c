/* SPDX-License-Identifier: MIT */
/* A kernel without address spaces has nothing of user.c. */
#include "provoke_priv.h"

const struct provocation provoke_user[] = {
	{ NULL, NULL },
};
