/* SPDX-License-Identifier: MIT */
/*
 * Inside test/kernel/provoke: what can be provoked, in groups.
 */
#ifndef HX_TEST_PROVOKE_PRIV_H
#define HX_TEST_PROVOKE_PRIV_H

#include <hx/base.h>

struct provocation {
	const char *kind;
	void (*commit)(void);
};

/* Each ends with a NULL kind. */
extern const struct provocation provoke_memory[];
extern const struct provocation provoke_storm[];	/* without a router storm_none.c */
extern const struct provocation provoke_undefined[];
extern const struct provocation provoke_user[];	/* user.c, or without CONFIG_VM user_none.c */

#endif
