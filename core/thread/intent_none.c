// SPDX-License-Identifier: MIT
/*
 * Without CONFIG_INTENTS: every thread has the default intent, and asking for another is refused.
 */
#include <hx/core/intent.h>

const struct hx_intent hx_intent_default = {
	.class = HX_INTENT_SERVER, .energy = HX_ENERGY_BALANCED, .affinity = HX_AFFINITY_ANY,
};

int hx_intent_check(const struct hx_intent *i, const char **why)
{
	if (why != NULL)
		*why = "this kernel has no intents";
	return -HX_ENOTSUP;
}
