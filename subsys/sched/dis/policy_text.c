// SPDX-License-Identifier: MIT
/*
 * Reading a rule: a recursive descent over one line's words (policy_words.c), into a rule of its
 * own that the caller gets only when the whole line was right. The first thing wrong is named with
 * its column.
 *
 *	rule NAME [prio N] [scope S] [cooldown D] when COND do ACT {, ACT}
 *
 * The grammar is in docs/spec/sched-policy.md. Depth is bounded by DIS_CONDS_MAX: each level takes
 * one of the rule's conditions.
 */
#include <hx/core/string.h>

#include "policy_read.h"

#define PRIO_MAX	1000u
#define PERCENT_MAX	100u

static int take_class(struct dis_reader *in, uint8_t *which)
{
	const char *names[HX_INTENT_CLASSES];

	for (unsigned i = 0; i < HX_INTENT_CLASSES; i++)
		names[i] = dis_class_name(i);
	return dis_take_of(in, names, HX_INTENT_CLASSES, which, "expected a class");
}

static int take_flag(struct dis_reader *in, uint8_t *which)
{
	const char *names[DIS_FLAGS];

	for (unsigned i = 0; i < DIS_FLAGS; i++)
		names[i] = dis_flag_name(i);
	return dis_take_of(in, names, DIS_FLAGS, which, "expected a flag of an intent");
}

static int take_hook(struct dis_reader *in, bool predicate, struct hx_dis_hook **hook)
{
	const char *begin;
	char name[HX_DIS_NAME_MAX];
	int err;

	dis_read_blanks(in);
	begin = in->at;
	err = dis_take_name(in, name, "expected a name");
	if (err != 0)
		return err;
	*hook = dis_hook_find(name, predicate);
	if (*hook != NULL)
		return 0;
	in->at = begin;
	return dis_read_wrong(in, predicate ? "no such predicate is registered"
			      : "no such action is registered");
}

/* ---- conditions */

static int take_clock(struct dis_reader *in, int64_t *seconds)
{
	static const char why[] = "expected a time of day, HH:MM";
	uint64_t h, m;
	int err = dis_take_number(in, 23, &h, why);

	if (err == 0)
		err = dis_take_expected(in, ':', why);
	if (err == 0)
		err = dis_take_number(in, 59, &m, why);
	if (err == 0)
		*seconds = (int64_t)(h * 3600 + m * 60);
	return err;
}

static int take_cmp(struct dis_reader *in, uint8_t *cmp)
{
	dis_read_blanks(in);
	/* The longer ones first: "<=" begins with "<". */
	for (unsigned len = 2; len > 0; len--) {
		for (unsigned i = 0; i < DIS_CMPS; i++) {
			if (hx_strlen(dis_cmp_words[i]) == len &&
			    hx_strncmp(in->at, dis_cmp_words[i], len) == 0) {
				in->at += len;
				*cmp = (uint8_t)i;
				return 0;
			}
		}
	}
	return dis_read_wrong(in, "expected a comparison: < <= > >= = !=");
}

static int take_metric(struct dis_reader *in, struct dis_cond *c)
{
	uint64_t n = 0;
	int err = take_cmp(in, &c->cmp);

	if (err != 0)
		return err;
	switch (c->op) {
	case DIS_C_URGENCY:
		return dis_take_urgency(in, -100, 127, &c->value);
	case DIS_C_RUNTIME:
	case DIS_C_WAIT:
	case DIS_C_AGE:
		err = dis_take_duration(in, &n);
		break;
	case DIS_C_RUNNABLE:
		err = dis_take_number(in, UINT32_MAX, &n, "expected a number of threads");
		break;
	default:
		err = dis_take_percent(in, PERCENT_MAX, &n, "expected a percentage, 0 to 100");
		break;
	}
	c->value = (int64_t)n;
	return err;
}

static int take_cond(struct dis_reader *in);

static int take_group(struct dis_reader *in, unsigned self)
{
	bool one = in->r.conds[self].op == DIS_C_NOT;
	int err = dis_take_expected(in, '(', "expected '('");

	while (err == 0) {
		err = take_cond(in);
		if (err != 0 || one || !dis_take_char(in, ','))
			break;
	}
	in->r.conds[self].n_below = (uint8_t)(in->r.n_conds - self - 1);
	if (err == 0)
		err = dis_take_expected(in, ')', one ? "expected ')'" : "expected ',' or ')'");
	return err;
}

static int take_time(struct dis_reader *in, struct dis_cond *c)
{
	int err = take_clock(in, &c->value);

	if (err == 0)
		err = dis_take_expected(in, '-', "expected '-' and when it ends");
	return err == 0 ? take_clock(in, &c->until) : err;
}

static int take_cond(struct dis_reader *in)
{
	struct dis_cond *c;
	unsigned self = in->r.n_conds;
	int err;

	dis_read_blanks(in);
	if (self == DIS_CONDS_MAX)
		return dis_read_wrong(in, "more than 8 conditions");
	c = &in->r.conds[self];
	err = dis_take_of(in, dis_cond_words, DIS_CONDS, &c->op, "expected a condition");
	if (err != 0)
		return err;
	in->r.n_conds++;
	switch (c->op) {
	case DIS_C_ALL:
	case DIS_C_ANY:
	case DIS_C_NOT:
		return take_group(in, self);
	case DIS_C_TIME:
		return take_time(in, c);
	case DIS_C_CLASS:
		return take_class(in, &c->which);
	case DIS_C_FLAG:
		return take_flag(in, &c->which);
	case DIS_C_CUSTOM:
		err = dis_take_expected(in, '(', "expected '('");
		if (err == 0)
			err = take_hook(in, true, &c->hook);
		return err == 0 ? dis_take_expected(in, ')', "expected ')'") : err;
	default:
		return take_metric(in, c);
	}
}

/* ---- actions */

static int take_for(struct dis_reader *in, uint64_t *ns)
{
	return dis_take_word(in, "for") ? dis_take_duration(in, ns)
	       : dis_read_wrong(in, "expected 'for'");
}

static int take_small(struct dis_reader *in, uint64_t low, uint64_t high, uint8_t *which,
		      const char *why)
{
	uint64_t n = 0;
	const char *begin;
	int err;

	dis_read_blanks(in);
	begin = in->at;
	err = dis_take_percent(in, high, &n, why);
	if (err == 0 && n < low) {
		in->at = begin;
		err = dis_read_wrong(in, why);
	}
	*which = (uint8_t)n;
	return err;
}

static int take_timed(struct dis_reader *in, struct dis_act *a)
{
	int64_t urgency = 0;
	int err;

	if (a->op == DIS_A_THROTTLE)
		err = take_small(in, 1, PERCENT_MAX, &a->which, "expected a percentage, 1 to 100");
	else
		err = dis_take_urgency(in, -227, 227, &urgency);
	a->urgency = (int16_t)urgency;
	return err == 0 ? take_for(in, &a->value) : err;
}

static int take_slice(struct dis_reader *in, struct dis_act *a)
{
	const char *begin;
	int err;

	dis_read_blanks(in);
	begin = in->at;
	err = dis_take_duration(in, &a->value);
	if (err != 0 || (a->value >= DIS_SLICE_MIN_NS && a->value <= DIS_SLICE_MAX_NS))
		return err;
	in->at = begin;
	return dis_read_wrong(in, "a slice is 100us to 2s");
}

static int take_mask(struct dis_reader *in, struct dis_act *a)
{
	const char *begin;
	int err;

	dis_read_blanks(in);
	begin = in->at;
	err = dis_take_number(in, UINT64_MAX, &a->value, "expected a mask of CPUs");
	if (err != 0 || a->value != 0)
		return err;
	in->at = begin;
	return dis_read_wrong(in, "the mask names no CPU");
}

static int take_act(struct dis_reader *in)
{
	struct dis_act *a;
	int64_t urgency = 0;
	int err;

	dis_read_blanks(in);
	if (in->r.n_acts == DIS_ACTS_MAX)
		return dis_read_wrong(in, "more than 4 actions");
	a = &in->r.acts[in->r.n_acts];
	err = dis_take_of(in, dis_act_words, DIS_ACTS, &a->op, "expected an action");
	if (err != 0)
		return err;
	in->r.n_acts++;
	switch (a->op) {
	case DIS_A_URGENCY:
	case DIS_A_ADJUST:
		err = dis_take_urgency(in, a->op == DIS_A_URGENCY ? -100 : -227,
				   a->op == DIS_A_URGENCY ? 127 : 227, &urgency);
		a->urgency = (int16_t)urgency;
		return err;
	case DIS_A_BOOST:
	case DIS_A_THROTTLE:
		return take_timed(in, a);
	case DIS_A_SLICE:
		return take_slice(in, a);
	case DIS_A_SCALE:
		return dis_take_percent(in, 1000, &a->value, "expected a percentage, 0 to 1000");
	case DIS_A_AFFINITY:
		return take_mask(in, a);
	case DIS_A_PIN:
		return take_small(in, 0, 63, &a->which, "expected a CPU, 0 to 63");
	case DIS_A_QUEUE:
		return dis_take_of(in, dis_band_words, DIS_BANDS, &a->which,
			       "expected a queue: realtime, fair or idle");
	case DIS_A_CLASS:
		return take_class(in, &a->which);
	case DIS_A_BUDGET:
		return take_small(in, 1, PERCENT_MAX, &a->which,
				  "expected a percentage, 1 to 100");
	case DIS_A_CUSTOM:
		return take_hook(in, false, &a->hook);
	default:
		return 0;
	}
}

/* ---- the whole line */

static int take_scope(struct dis_reader *in)
{
	uint64_t n = 0;
	uint8_t which = 0;
	int err = dis_take_of(in, dis_scope_words, DIS_SCOPES, &in->r.scope,
			  "expected a scope: global, class, group or task");

	if (err == 0 && in->r.scope == DIS_S_CLASS)
		err = take_class(in, &which);
	else if (err == 0 && in->r.scope != DIS_S_GLOBAL)
		err = dis_take_number(in, in->r.scope == DIS_S_GROUP ? UINT16_MAX : UINT32_MAX, &n,
				  "expected a number");
	in->r.who = in->r.scope == DIS_S_CLASS ? which : (uint32_t)n;
	return err;
}

static int take_head(struct dis_reader *in)
{
	uint64_t n = 0;
	int err = dis_take_word(in, "rule") ? 0 : dis_read_wrong(in, "expected 'rule'");

	if (err == 0)
		err = dis_take_name(in, in->r.name, "expected the rule's name");
	if (err == 0 && dis_take_word(in, "prio")) {
		err = dis_take_number(in, PRIO_MAX, &n, "expected a priority, 0 to 1000");
		in->r.prio = (uint16_t)n;
	}
	if (err == 0 && dis_take_word(in, "scope"))
		err = take_scope(in);
	if (err == 0 && dis_take_word(in, "cooldown")) {
		err = dis_take_duration(in, &n);
		in->r.cooldown_ms = (uint32_t)hx_min_u64(n / HX_NS_PER_MS, INT32_MAX);
	}
	return err;
}

int dis_rule_parse(const char *line, struct dis_rule *out, struct dis_syntax_error *error)
{
	struct dis_reader in = { .line = line, .at = line, .error = error };
	int err;

	if (error != NULL)
		error->why = NULL;
	err = take_head(&in);
	if (err == 0)
		err = dis_take_word(&in, "when") ? take_cond(&in)
		      : dis_read_wrong(&in, "expected 'when'");
	if (err == 0)
		err = dis_take_word(&in, "do") ? take_act(&in)
		      : dis_read_wrong(&in, "expected 'do'");
	while (err == 0 && dis_take_char(&in, ','))
		err = take_act(&in);
	dis_read_blanks(&in);
	if (err == 0 && *in.at != '\0')
		err = dis_read_wrong(&in, "expected ',' and an action, or the end");
	if (err == 0)
		*out = in.r;
	return err;
}
