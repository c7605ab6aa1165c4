// SPDX-License-Identifier: MIT
/*
 * The components of the init order that can say how they are: each is watched under its own name.
 * No one of them can be restarted (others stand on it), so their failures are noted unless
 * /heal/policy says otherwise.
 */
#include <hx/core/heap.h>

#include "heal_priv.h"

static struct hx_healed *watched;	/* one for each that has a health function */
static unsigned n_watched;

static enum hx_health component_check(void *arg)
{
	const struct hx_component *c = arg;

	return c->health();
}

static const struct hx_healed_ops component_ops = { .check = component_check };

/* Those of later phases may not be up when they are first asked. */
static bool can_say(const struct hx_component *c)
{
	return c->health != NULL && c->phase <= HX_PHASE_CORE;
}

int heal_components_start(void)
{
	const struct hx_component *const *it;
	unsigned n = 0;

	HX_SECTION_FOREACH(it, hx_components)
		n += can_say(*it);
	if (n == 0)
		return 0;
	watched = hx_zalloc(n * sizeof(*watched));
	if (watched == NULL)
		return -HX_ENOMEM;
	HX_SECTION_FOREACH(it, hx_components) {
		struct hx_healed *h = &watched[n_watched];

		if (!can_say(*it))
			continue;
		*h = (struct hx_healed){
			.name = (*it)->name, .ops = &component_ops,
			.arg = (void *)(uintptr_t)*it, .policy = HX_HEAL_NOTE,
			.fails_as = HX_FAILURE_CORRUPTION,
		};
		/* A name that does not fit, or is somebody's already, is not watched. */
		n_watched += hx_heal_register(h) == 0;
	}
	return 0;
}

void heal_components_stop(void)
{
	bool any_left = false;

	while (n_watched != 0)
		any_left |= hx_heal_unregister(&watched[--n_watched]) != 0;
	if (!any_left)
		hx_free(watched);
	watched = NULL;
}
