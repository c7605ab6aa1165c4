// SPDX-License-Identifier: MIT
/*
 * Intents: the default, what makes one valid, and the one place where scales of urgency meet.
 */
#include <hx/core/intent.h>
#include <hx/core/string.h>

#include "thread_priv.h"

#define BUDGET_PERIOD_MAX_NS	(10 * HX_NS_PER_S)
#define RUNTIME_MIN_NS		10000u	/* shorter is lost in the switch and the tick */
#define SHARES_MAX		10000u

const struct hx_intent hx_intent_default = {
	.class = HX_INTENT_SERVER, .energy = HX_ENERGY_BALANCED, .affinity = HX_AFFINITY_ANY,
};

static bool both(const struct hx_intent *i, uint32_t a, uint32_t b)
{
	return (i->flags & a) != 0 && (i->flags & b) != 0;
}

static const char *wrong_range(const struct hx_intent *i)
{
	if (i->class >= HX_INTENT_CLASSES)
		return "no such class";
	if (i->latency > HX_LATENCY_BOUNDED)
		return "no such kind of latency";
	if (i->budget_kind > HX_BUDGET_SHARES)
		return "no such kind of budget";
	if (i->energy >= HX_ENERGY_LEVELS)
		return "no such energy preference";
	if ((i->flags & ~(uint32_t)HX_INTENT_FLAGS_ALL) != 0)
		return "unknown flag";
	if (i->nice < HX_NICE_MIN || i->nice > HX_NICE_MAX)
		return "nice is -20..19";
	if (i->latency_nice < HX_NICE_MIN || i->latency_nice > HX_NICE_MAX)
		return "latency_nice is -20..19";
	if (i->budget_kind == HX_BUDGET_PERCENT && (i->budget == 0 || i->budget > 100))
		return "a budget in percent is 1..100";
	if (i->budget_kind == HX_BUDGET_SHARES && (i->budget == 0 || i->budget > SHARES_MAX))
		return "a budget in shares is 1..10000";
	if (i->budget_kind == HX_BUDGET_QUOTA && (i->quota_ns < RUNTIME_MIN_NS ||
	    i->quota_ns > i->budget_period_ns || i->budget_period_ns > BUDGET_PERIOD_MAX_NS))
		return "a quota is 10 us..its period, and the period at most 10 s";
	if (i->affinity == 0)
		return "affinity names no CPU";
	if (i->latency != HX_LATENCY_NONE && i->latency_ns == 0)
		return "a latency of 0 cannot be had";
	if (i->latency == HX_LATENCY_BOUNDED && i->latency_max_ns < i->latency_ns)
		return "the greatest latency is below the target";
	if (i->deadline_ns != 0 && (i->runtime_ns < RUNTIME_MIN_NS ||
	    i->runtime_ns > i->deadline_ns || i->deadline_ns > i->period_ns))
		return "10 us <= runtime <= deadline <= period must hold";
	return NULL;
}

static const char *contradiction(const struct hx_intent *i)
{
	uint32_t deadlines = i->flags & (HX_INTENT_HARD_DEADLINE | HX_INTENT_SOFT_DEADLINE |
					 HX_INTENT_EXTENSIBLE_DEADLINE);

	if (both(i, HX_INTENT_LOW_LATENCY, HX_INTENT_HIGH_THROUGHPUT))
		return "low latency and high throughput exclude each other";
	if (both(i, HX_INTENT_PERF_PREFER, HX_INTENT_POWER_PREFER))
		return "preferring performance and preferring power exclude each other";
	if (both(i, HX_INTENT_PINNED, HX_INTENT_MIGRATABLE))
		return "pinned and migratable exclude each other";
	if ((deadlines & (deadlines - 1)) != 0)
		return "a deadline is hard, soft or extensible, not several of them";
	if (deadlines != 0 && i->deadline_ns == 0)
		return "the kind of a deadline is given, but no deadline";
	if ((i->flags & HX_INTENT_NO_PREEMPT) && i->class > HX_INTENT_SOFT_REALTIME &&
	    i->class != HX_INTENT_CRITICAL)
		return "only real-time and critical threads may refuse preemption";
	if (i->class == HX_INTENT_REALTIME && i->deadline_ns == 0 &&
	    i->latency != HX_LATENCY_MAXIMUM && i->latency != HX_LATENCY_BOUNDED)
		return "real time needs a deadline or a greatest latency";
	return NULL;
}

int hx_intent_check(const struct hx_intent *i, const char **why)
{
	const char *range = wrong_range(i), *wrong = range != NULL ? range : contradiction(i);

	if (wrong == NULL)
		return 0;
	if (why != NULL)
		*why = wrong;
	return range != NULL ? -HX_ERANGE : -HX_EINVAL;
}

static int clamp(int value, int low, int high)
{
	return value < low ? low : value > high ? high : value;
}

uint8_t hx_prio_from(enum hx_prio_scale scale, int value)
{
	switch (scale) {
	case HX_PRIO_LEVEL:
		return (uint8_t)clamp(value, 0, HX_PRIO_LOWEST);
	case HX_PRIO_URGENCY:	/* -100..-1 -> 0..99, 0..127 -> 100..139 */
		value = clamp(value, -100, 127);
		return (uint8_t)(value < 0 ? value + 100 : 100 + value * 39 / 127);
	case HX_PRIO_NICE:	/* -20..19 -> 100..139; 0 -> HX_PRIO_DEFAULT */
		return (uint8_t)(HX_PRIO_DEFAULT + clamp(value, HX_NICE_MIN, HX_NICE_MAX));
	case HX_PRIO_RANK:	/* 100..80 -> 0..99, 79..0 -> 100..139 */
		value = clamp(value, 0, 100);
		return (uint8_t)(value >= 80 ? (100 - value) * 99 / 20
				 : 100 + (79 - value) * 39 / 79);
	}
	return HX_PRIO_DEFAULT;
}
