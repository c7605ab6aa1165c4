// SPDX-License-Identifier: MIT
/*
 * Threads that wait for each other, looked for once a round (CONFIG_DEADLOCKS). A circle is told
 * when it is first seen, and again only if it was gone meanwhile.
 */
#include <hx/config/core_thread.h>
#include <hx/core/deadlock.h>

#include "heal_priv.h"

#define KNOWN_MAX	16u

static uint32_t known[KNOWN_MAX];	/* heal_doing: sums of circles that were told */
static unsigned n_known;		/* heal_doing */

static bool is_known(uint32_t sum)
{
	for (unsigned i = 0; i < n_known; i++)
		if (known[i] == sum)
			return true;
	return false;
}

static enum hx_health threads_check(void *arg)
{
	uint32_t now[KNOWN_MAX], id = 0;
	struct hx_circle c;
	unsigned n = 0;

	while (n < KNOWN_MAX && (id = hx_deadlock_next(id, &c)) != 0) {
		if (!is_known(c.sum))
			hx_deadlock_tell(&c);
		now[n++] = c.sum;
	}
	for (n_known = 0; n_known < n; n_known++)
		known[n_known] = now[n_known];
	return n != 0 ? HX_DEGRADED : HX_HEALTHY;
}

static const struct hx_healed_ops threads_ops = { .check = threads_check };
static struct hx_healed threads_healed = {
	.name = "threads", .ops = &threads_ops, .policy = HX_HEAL_NOTE,
	.fails_as = HX_FAILURE_DEADLOCK,
};

void heal_deadlocks_start(void)
{
	n_known = 0;
	(void)!hx_heal_register(&threads_healed);
}

void heal_deadlocks_stop(void)
{
	(void)hx_heal_unregister(&threads_healed);
}
