// SPDX-License-Identifier: MIT
/* As instead.c, for functions of core/heal: only where that is chosen. */
#include <hx/core/heal.h>

#include "modules_priv.h"

static void gated_heal_on_round(void (*fn)(bool is_well))
{
	hx_heal_on_round((void (*)(bool))module_gate_for((uintptr_t)fn));
}

/* Each function of the component breaks behind a gate: then it answers with an error. */
static int gated_heal_register(struct hx_healed *h)
{
	const struct hx_healed_ops *o = h->ops;

#define GATE(fn)	((__typeof__(fn))module_gate_for((uintptr_t)(fn)))
	if (o != NULL) {
		h->gates = (struct hx_healed_ops){
			.check = GATE(o->check), .save = GATE(o->save),
			.restart = GATE(o->restart), .fall_back = GATE(o->fall_back),
			.isolate = GATE(o->isolate),
		};
		h->ops = &h->gates;
	}
#undef GATE
	return hx_heal_register(h);
}

const void *module_export_of_heal(const void *address)
{
	static const struct module_instead pairs[] = {
		{ (const void *)hx_heal_on_round, (const void *)gated_heal_on_round },
		{ (const void *)hx_heal_register, (const void *)gated_heal_register },
	};
	const void *instead = module_instead(pairs, HX_ARRAY_LEN(pairs), address);

	return instead != NULL ? instead : address;
}
