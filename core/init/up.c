// SPDX-License-Identifier: MIT
/*
 * Coming up and going down: one number says it all. The components [0, n_up) of the order are up;
 * coming up raises it after an init has succeeded, going down lowers it BEFORE a shutdown runs. So
 * each started component is shut down exactly once, whoever calls and however often, even when a
 * shutdown function itself ends in hx_shutdown().
 */
#include <hx/base.h>
#include <hx/core/fault.h>
#include <hx/core/log.h>
#include <hx/core/printf.h>
#include <hx/hal/cpu.h>

#include "init_priv.h"

#define POINT_MAX	64	/* bytes of "init.<name>" */

static const struct init_graph *graph;	/* set by the boot flow before anybody else runs */
static size_t n_up;			/* a raised by the boot flow, lowered by whoever ends it */

size_t init_n_up(void)
{
	return n_up;
}

HX_FAULT_POINT(init, "init.*", "a component does not come up");

static bool made_to_fail(const char *name)
{
	char point[POINT_MAX];

	if (!HX_ENABLED(FAULT_INJECTION) || hx_fault_n_armed == 0)
		return false;
	hx_snprintf(point, sizeof(point), "init.%s", name);
	return hx_fault_hits(point);
}

static int bring_up(const struct hx_component *c)
{
	/* The point stands before the call: a component that failed has undone its own. */
	int err = made_to_fail(c->name) ? -HX_EIO : c->init == NULL ? 0 : c->init();

	if (err != 0)
		hx_error("init", "component %s failed: %s (%d)", c->name, hx_strerror(err), err);
	hx_boot_mark(c->name);
	return err;
}

int init_up(const struct init_graph *g)
{
	graph = g;
	while (n_up < g->n_order) {
		int err = bring_up(g->order[n_up]);

		if (err != 0) {
			init_down(true);
			return err;
		}
		n_up++;
	}
	return 0;
}

/* The component to take down next, or NULL. */
static const struct hx_component *take_last(void)
{
	size_t n = n_up;

	do {
		if (n == 0)
			return NULL;
	} while (!__atomic_compare_exchange_n(&n_up, &n, n - 1, false, __ATOMIC_ACQ_REL,
					      __ATOMIC_RELAXED));
	return graph->order[n - 1];
}

void init_down(bool tell)
{
	const struct hx_component *c;

	while ((c = take_last()) != NULL) {
		if (tell)
			hx_error("init", "rollback %s", c->name);
		if (c->shutdown != NULL)
			c->shutdown();
	}
}
