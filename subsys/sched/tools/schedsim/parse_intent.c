// SPDX-License-Identifier: MIT
/*
 * An intent as words: every field of struct hx_intent has its key. The kernel's own check decides
 * whether it makes sense as a whole; its words become the message.
 */
#include "parse.h"
#include <string.h>

#define TIME_MAX	(1000 * HX_NS_PER_S)

static const char *const class_names[HX_INTENT_CLASSES] = {
	"realtime", "soft_realtime", "interactive", "server", "batch", "background", "idle",
	"critical",
};
static const char *const latency_names[] = { "none", "target", "maximum", "bounded" };
static const char *const budget_names[] = { "unlimited", "percent", "quota", "shares" };
static const char *const energy_names[HX_ENERGY_LEVELS] = {
	"max_performance", "performance", "balanced", "saving", "max_saving",
};
/* In the order of the bits. */
static const char *const flag_names[] = {
	"low_latency", "high_throughput", "io_bound", "cpu_bound", "pinned", "migratable",
	"no_preempt", "cooperative", "perf_prefer", "power_prefer", "hard_deadline",
	"soft_deadline", "extensible_deadline", "borrow",
};
_Static_assert(HX_INTENT_FLAGS_ALL == (1 << HX_ARRAY_LEN(flag_names)) - 1, "a flag has no name");

static void read_latency(struct lexer *l, struct hx_intent *i)
{
	i->latency = (uint8_t)lex_one_of(l, latency_names, HX_ARRAY_LEN(latency_names),
					 "the latency");
	if (i->latency == HX_LATENCY_NONE)
		return;
	lex_expect(l, ":");
	i->latency_ns = lex_time(l, 0, TIME_MAX);
	if (i->latency == HX_LATENCY_BOUNDED) {
		lex_expect(l, ":");
		i->latency_max_ns = lex_time(l, 0, TIME_MAX);
	}
}

static void read_budget(struct lexer *l, struct hx_intent *i)
{
	i->budget_kind = (uint8_t)lex_one_of(l, budget_names, HX_ARRAY_LEN(budget_names),
					     "the budget");
	if (i->budget_kind == HX_BUDGET_UNLIMITED)
		return;
	lex_expect(l, ":");
	if (i->budget_kind == HX_BUDGET_QUOTA) {
		i->quota_ns = lex_time(l, 0, TIME_MAX);
		lex_expect(l, "/");
		i->budget_period_ns = lex_time(l, 0, TIME_MAX);
	} else {
		i->budget = (uint32_t)lex_number(l, 0, UINT32_MAX, "a budget");
	}
}

static void read_flags(struct lexer *l, struct hx_intent *i)
{
	do {
		i->flags |= 1u << lex_one_of(l, flag_names, HX_ARRAY_LEN(flag_names), "the flag");
	} while (lex_take(l, "|"));
}

static void read_affinity(struct lexer *l, struct hx_intent *i)
{
	if (lex_take(l, "any")) {
		i->affinity = HX_AFFINITY_ANY;
		return;
	}
	i->affinity = 0;
	do {
		i->affinity |= (uint64_t)1 << lex_number(l, 0, WL_CPUS_MAX - 1, "a CPU's number");
	} while (lex_take(l, ","));
}

static void read_numbers(struct lexer *l, struct hx_intent *i, const char *key)
{
	if (strcmp(key, "nice") == 0)
		i->nice = (int8_t)lex_signed(l, INT8_MIN, INT8_MAX, "nice");
	else if (strcmp(key, "latency_nice") == 0)
		i->latency_nice = (int8_t)lex_signed(l, INT8_MIN, INT8_MAX, "latency_nice");
	else if (strcmp(key, "group") == 0)
		i->group = (uint16_t)lex_number(l, 0, UINT16_MAX, "a group");
	else if (strcmp(key, "runtime") == 0)
		i->runtime_ns = lex_time(l, 0, TIME_MAX);
	else if (strcmp(key, "deadline") == 0)
		i->deadline_ns = lex_time(l, 0, TIME_MAX);
	else
		i->period_ns = lex_time(l, 0, TIME_MAX);
}

void parse_intent(struct parser *p, struct hx_intent *out)
{
	static const char *const keys[] = {
		"class", "latency", "budget", "energy", "flags", "affinity", "nice",
		"latency_nice", "group", "runtime", "deadline", "period",
	};
	struct lexer *l = &p->l;
	struct token first = l->now;
	const char *why = "";
	unsigned key;

	hx_intent_init(out);
	do {
		key = lex_one_of(l, keys, HX_ARRAY_LEN(keys), "the key");
		lex_expect(l, "=");
		switch (key) {
		case 0:
			out->class = (uint8_t)lex_one_of(l, class_names, HX_INTENT_CLASSES,
							 "the class");
			break;
		case 1:
			read_latency(l, out);
			break;
		case 2:
			read_budget(l, out);
			break;
		case 3:
			out->energy = (uint8_t)lex_one_of(l, energy_names, HX_ENERGY_LEVELS,
							  "the energy");
			break;
		case 4:
			read_flags(l, out);
			break;
		case 5:
			read_affinity(l, out);
			break;
		default:
			read_numbers(l, out, keys[key]);
		}
	} while (strcmp(l->next.text, "=") == 0);
	if (hx_intent_check(out, &why) != 0)
		lex_fail(l, &first, "this intent: %s", why);
}
