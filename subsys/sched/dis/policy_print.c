// SPDX-License-Identifier: MIT
/*
 * Writing a rule as the line that gives the same rule again: parse(print(r)) == r for every rule
 * that the parser made.
 */
#include "policy_priv.h"

typedef unsigned long long ull;

/* In the largest unit that divides it. */
static void put_duration(struct hx_text *out, uint64_t ns)
{
	if (ns % HX_NS_PER_S == 0)
		hx_text_printf(out, "%llus", (ull)(ns / HX_NS_PER_S));
	else if (ns % HX_NS_PER_MS == 0)
		hx_text_printf(out, "%llums", (ull)(ns / HX_NS_PER_MS));
	else if (ns % HX_NS_PER_US == 0)
		hx_text_printf(out, "%lluus", (ull)(ns / HX_NS_PER_US));
	else
		hx_text_printf(out, "%lluns", (ull)ns);
}

static void put_metric(struct hx_text *out, const struct dis_cond *c)
{
	hx_text_printf(out, "%s %s ", dis_cond_words[c->op], dis_cmp_words[c->cmp]);
	switch (c->op) {
	case DIS_C_URGENCY:
	case DIS_C_RUNNABLE:
		hx_text_printf(out, "%lld", (long long)c->value);
		break;
	case DIS_C_RUNTIME:
	case DIS_C_WAIT:
	case DIS_C_AGE:
		put_duration(out, (uint64_t)c->value);
		break;
	default:
		hx_text_printf(out, "%lld%%", (long long)c->value);
		break;
	}
}

static void put_cond(struct hx_text *out, const struct dis_cond *c)
{
	const struct dis_cond *below = c + 1, *end = below + c->n_below;

	switch (c->op) {
	case DIS_C_ALL:
	case DIS_C_ANY:
	case DIS_C_NOT:
		hx_text_printf(out, "%s(", dis_cond_words[c->op]);
		for (; below < end; below += 1 + below->n_below) {
			if (below != c + 1)
				hx_text_puts(out, ", ");
			put_cond(out, below);
		}
		hx_text_puts(out, ")");
		break;
	case DIS_C_TIME:
		hx_text_printf(out, "time %02u:%02u-%02u:%02u", (unsigned)(c->value / 3600),
			       (unsigned)(c->value / 60 % 60), (unsigned)(c->until / 3600),
			       (unsigned)(c->until / 60 % 60));
		break;
	case DIS_C_CLASS:
		hx_text_printf(out, "class %s", dis_class_name(c->which));
		break;
	case DIS_C_FLAG:
		hx_text_printf(out, "flag %s", dis_flag_name(c->which));
		break;
	case DIS_C_CUSTOM:
		hx_text_printf(out, "custom(%s)", c->hook->name);
		break;
	default:
		put_metric(out, c);
		break;
	}
}

static void put_act(struct hx_text *out, const struct dis_act *a)
{
	hx_text_puts(out, dis_act_words[a->op]);
	switch (a->op) {
	case DIS_A_URGENCY:
		hx_text_printf(out, " %d", a->urgency);
		break;
	case DIS_A_ADJUST:
		hx_text_printf(out, " %+d", a->urgency);
		break;
	case DIS_A_BOOST:
		hx_text_printf(out, " %+d for ", a->urgency);
		put_duration(out, a->value);
		break;
	case DIS_A_THROTTLE:
		hx_text_printf(out, " %u%% for ", a->which);
		put_duration(out, a->value);
		break;
	case DIS_A_SLICE:
		hx_text_puts(out, " ");
		put_duration(out, a->value);
		break;
	case DIS_A_SCALE:
		hx_text_printf(out, " %llu%%", (ull)a->value);
		break;
	case DIS_A_AFFINITY:
		hx_text_printf(out, " 0x%llx", (ull)a->value);
		break;
	case DIS_A_PIN:
		hx_text_printf(out, " %u", a->which);
		break;
	case DIS_A_QUEUE:
		hx_text_printf(out, " %s", dis_band_words[a->which]);
		break;
	case DIS_A_CLASS:
		hx_text_printf(out, " %s", dis_class_name(a->which));
		break;
	case DIS_A_BUDGET:
		hx_text_printf(out, " %u%%", a->which);
		break;
	case DIS_A_CUSTOM:
		hx_text_printf(out, " %s", a->hook->name);
		break;
	default:
		break;
	}
}

void dis_rule_print(struct hx_text *out, const struct dis_rule *r)
{
	unsigned i;

	hx_text_printf(out, "rule %s prio %u scope %s", r->name, r->prio,
		       dis_scope_words[r->scope]);
	if (r->scope == DIS_S_CLASS)
		hx_text_printf(out, " %s", dis_class_name(r->who));
	else if (r->scope != DIS_S_GLOBAL)
		hx_text_printf(out, " %u", r->who);
	if (r->cooldown_ms != 0) {
		hx_text_puts(out, " cooldown ");
		put_duration(out, r->cooldown_ms * HX_NS_PER_MS);
	}
	hx_text_puts(out, " when ");
	put_cond(out, &r->conds[0]);
	hx_text_puts(out, " do ");
	for (i = 0; i < r->n_acts; i++) {
		if (i != 0)
			hx_text_puts(out, ", ");
		put_act(out, &r->acts[i]);
	}
}
