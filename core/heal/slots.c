// SPDX-License-Identifier: MIT
/*
 * Slots whose provider can be replaced, as components (CONFIG_SLOT_SWAP): slot.scheduler,
 * slot.heap, slot.frames, slot.serial. Whoever throws a provider out tells so and puts another one
 * in its place at once; falling back is what comes then, if the policy says so: the provider
 * before, or else the one that boots.
 */
#include <hx/core/printf.h>
#include <hx/core/slot.h>
#include <hx/core/swap.h>

#include "heal_priv.h"

#define SLOTS_MAX	4u

static struct slot_healed {
	struct hx_healed h;
	char name[HX_FAILURE_WHO_MAX];
} slots[SLOTS_MAX];

static unsigned n_slots;

static int slot_fall_back(void *arg)
{
	const struct hx_kind *kind = arg;
	int err = hx_swap_back(kind->slot, NULL);

	if (err != 0 && err != -HX_EBUSY)
		err = hx_swap(kind->slot, kind->default_name, NULL);
	return err == -HX_EEXIST ? 0 : err;
}

static const struct hx_healed_ops slot_ops = { .fall_back = slot_fall_back };

void heal_slots_start(void)
{
	const struct hx_kind *const *it;

	HX_SECTION_FOREACH(it, hx_kinds) {
		struct slot_healed *s = &slots[n_slots];

		if ((*it)->swap == NULL || n_slots == SLOTS_MAX)
			continue;
		hx_snprintf(s->name, sizeof(s->name), "slot.%s", (*it)->slot);
		s->h = (struct hx_healed){
			.name = s->name, .ops = &slot_ops, .arg = (void *)(uintptr_t)*it,
			.policy = HX_HEAL_NOTE, .fails_as = HX_FAILURE_CRASH,
		};
		n_slots += hx_heal_register(&s->h) == 0;
	}
}

void heal_slots_stop(void)
{
	while (n_slots != 0)
		(void)hx_heal_unregister(&slots[--n_slots].h);
}
