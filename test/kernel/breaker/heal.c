// SPDX-License-Identifier: MIT
/* Ways that are about the healer (CONFIG_HEAL): a component that nobody takes out again. */
#include <hx/core/heal.h>

#include "breaker_priv.h"

static volatile bool breaks;

static enum hx_health check(void *arg)
{
	return breaks ? *(volatile enum hx_health *)0x00007fff12345678 : HX_HEALTHY;
}

static int save(void *arg, void *buf, size_t size)
{
	return 0;
}

static const struct hx_healed_ops ops = { .check = check, .save = save };

static struct hx_healed healed = {
	.name = "breaker-part", .ops = &ops, .policy = HX_HEAL_NOTE,
	.fails_as = HX_FAILURE_CRASH, .state_bytes = 64,
};

int no_break_watched(void)
{
	return hx_heal_register(&healed);
}

int break_watched(void)
{
	int err = hx_heal_register(&healed);

	breaks = true;
	return err;
}
