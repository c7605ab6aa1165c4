// SPDX-License-Identifier: MIT
/*
 * Sets of rules: the default one, the templates, and the lines that the node /sched/policy takes.
 *
 *	rule ...              puts a rule in, in the place of one of the same name
 *	drop NAME             takes one out
 *	clear                 takes all out
 *	template NAME         adds a template's rules; "default" is one of them
 *	begin ... commit      the same lines in between change a copy; commit puts it in force as a
 *	begin ... abort       whole, abort forgets it
 *	clock HH:MM           what time of day it is
 *
 * Each line is checked whole, then takes effect whole. One mutex puts the writers in a row.
 */
#include <hx/core/heap.h>
#include <hx/core/mutex.h>
#include <hx/core/names.h>
#include <hx/core/string.h>

#include "policy_priv.h"

static struct hx_mutex policy_mutex = HX_MUTEX_INIT(policy_mutex);
static struct dis_rules *staged;	/* policy_mutex; NULL: no begin */

/* The four default rules; the numbers are those of the reference. */
static const char *const default_lines[] = {
	"rule starvation_prevention prio 100 cooldown 500ms when wait > 1000ms do adjust -20",
	"rule cpu_hog_penalty prio 90 cooldown 1s"
	" when all(usage > 90%, not(flag high_throughput)) do adjust +10",
	"rule interactive_boost prio 80 scope class interactive cooldown 100ms"
	" when load < 30% do scale 200%",
	"rule background_throttle prio 70 scope class background cooldown 100ms"
	" when load > 80% do adjust +20, scale 25%",
};
static const char *const realtime_lines[] = {
	"rule realtime prio 200 scope class realtime when load >= 0% do nopreempt, slice 10ms",
};
static const char *const interactive_lines[] = {
	"rule interactive prio 200 scope class interactive when load >= 0% do adjust -5",
};
static const char *const server_lines[] = {
	"rule server prio 200 scope class server cooldown 100ms when load > 70% do scale 75%",
};
static const char *const batch_lines[] = {
	"rule batch prio 200 scope class batch cooldown 100ms when load < 50% do scale 400%",
};
static const char *const power_save_lines[] = {
	"rule power_save prio 200 cooldown 1s when flag power_prefer do throttle 50% for 1s",
};

static const struct {
	const char *const *lines;
	unsigned n;
} sets[] = {
	{ default_lines, HX_ARRAY_LEN(default_lines) },
	{ realtime_lines, HX_ARRAY_LEN(realtime_lines) },
	{ interactive_lines, HX_ARRAY_LEN(interactive_lines) },
	{ server_lines, HX_ARRAY_LEN(server_lines) },
	{ batch_lines, HX_ARRAY_LEN(batch_lines) },
	{ power_save_lines, HX_ARRAY_LEN(power_save_lines) },
};
const char *const dis_policy_templates[] = {
	"default", "realtime", "interactive", "server", "batch", "power_save",
};
const unsigned dis_n_policy_templates = HX_ARRAY_LEN(dis_policy_templates);

_Static_assert(HX_ARRAY_LEN(sets) == HX_ARRAY_LEN(dis_policy_templates), "a name for each");

const char *const *dis_policy_lines(const char *name, unsigned *n)
{
	for (unsigned i = 0; i < dis_n_policy_templates; i++) {
		if (hx_strcmp(name, dis_policy_templates[i]) == 0) {
			*n = sets[i].n;
			return sets[i].lines;
		}
	}
	return NULL;
}

int dis_rules_drop(struct dis_rules *set, const char *name)
{
	unsigned i;

	for (i = 0; i < set->n && hx_strcmp(set->rule[i].name, name) != 0; i++)
		;
	if (i == set->n)
		return -HX_ENOENT;
	set->n--;
	memmove(&set->rule[i], &set->rule[i + 1], (set->n - i) * sizeof(set->rule[0]));
	return 0;
}

int dis_rules_put(struct dis_rules *set, const struct dis_rule *r)
{
	unsigned i;
	int err = dis_rules_drop(set, r->name);

	if (err != 0 && set->n == DIS_RULES_MAX)
		return -HX_ENOSPC;
	for (i = set->n; i > 0 && set->rule[i - 1].prio < r->prio; i--)
		set->rule[i] = set->rule[i - 1];
	set->rule[i] = *r;
	set->n++;
	return 0;
}

int dis_rules_add_lines(struct dis_rules *set, const char *const *lines, unsigned n)
{
	struct dis_rule r;
	int err = 0;

	for (unsigned i = 0; err == 0 && i < n; i++) {
		err = dis_rule_parse(lines[i], &r, NULL);
		if (err == 0)
			err = dis_rules_put(set, &r);
	}
	return err;
}

/* ---- one line; set is a copy, which counts if the line was right */

static int take_rule(struct dis_rules *set, const char *line, struct hx_text *ack)
{
	struct dis_syntax_error error;
	struct dis_rule r;
	int err = dis_rule_parse(line, &r, &error);

	if (err != 0) {
		hx_text_printf(ack, "detail=syntax column=%u reason=\"%s\"", error.column,
			       error.why);
		return err;
	}
	err = dis_rules_put(set, &r);
	if (err != 0)
		hx_text_printf(ack, "detail=full max=%u", DIS_RULES_MAX);
	return err;
}

static int take_template(struct dis_rules *set, const char *name, struct hx_text *ack)
{
	unsigned n;
	const char *const *lines = dis_policy_lines(name, &n);
	int err = lines != NULL ? dis_rules_add_lines(set, lines, n) : -HX_ENOENT;

	if (err == -HX_ENOENT)
		hx_text_puts(ack, "detail=no-such-template");
	else if (err != 0)
		hx_text_printf(ack, "detail=full max=%u", DIS_RULES_MAX);
	return err;
}

static int take_clock(const char *text, struct hx_text *ack)
{
	uint32_t digit[4];
	bool good = hx_strlen(text) == 5 && text[2] == ':';

	for (unsigned i = 0; good && i < 4; i++) {
		digit[i] = (uint32_t)(text[i + (i > 1)] - '0');
		good = digit[i] <= 9;
	}
	if (good && digit[0] * 10 + digit[1] < 24 && digit[2] < 6)
		return hx_dis_set_time_of_day((digit[0] * 10 + digit[1]) * 3600 +
					      (digit[2] * 10 + digit[3]) * 60);
	hx_text_puts(ack, "detail=syntax column=7 reason=\"expected HH:MM\"");
	return -HX_EINVAL;
}

/* Everything that changes a set. */
static int change(struct dis_rules *set, const char *line, struct hx_text *ack)
{
	int err;

	if (hx_strncmp(line, "template ", 9) == 0)
		return take_template(set, line + 9, ack);
	if (hx_strncmp(line, "drop ", 5) == 0) {
		err = dis_rules_drop(set, line + 5);
		if (err != 0)
			hx_text_puts(ack, "detail=no-such-rule");
		return err;
	}
	if (hx_strcmp(line, "clear") == 0) {
		set->n = 0;
		return 0;
	}
	return take_rule(set, line, ack);
}

static int begin(void)
{
	if (staged != NULL)
		return -HX_EBUSY;
	staged = hx_zalloc(sizeof(*staged));
	return staged != NULL ? 0 : -HX_ENOMEM;
}

static int finish(bool commit)
{
	if (staged == NULL)
		return -HX_EINVAL;
	if (commit)
		dis_policy_set(staged);
	hx_free(staged);
	staged = NULL;
	return 0;
}

/* A copy is changed; if that went well it is in force, or staged. */
static int apply(const char *line, struct hx_text *ack)
{
	struct dis_rules *copy = hx_alloc(sizeof(*copy));
	int err;

	if (copy == NULL)
		return -HX_ENOMEM;
	if (staged != NULL)
		*copy = *staged;
	else
		dis_policy_get(copy);
	err = change(copy, line, ack);
	if (err == 0 && staged != NULL)
		*staged = *copy;
	else if (err == 0)
		dis_policy_set(copy);
	if (err == 0)
		hx_text_printf(ack, "rules=%u staged=%d", copy->n, staged != NULL);
	hx_free(copy);
	return err;
}

int dis_policy_take(const char *line, struct hx_text *ack)
{
	int err;

	if (dis_queues() == NULL) {
		hx_text_puts(ack, "detail=another-scheduler-is-in-use");
		return -HX_ENODEV;
	}
	if (hx_strncmp(line, "clock ", 6) == 0)
		return take_clock(line + 6, ack);
	hx_mutex_lock(&policy_mutex);
	if (hx_strcmp(line, "begin") == 0)
		err = begin();
	else if (hx_strcmp(line, "commit") == 0 || hx_strcmp(line, "abort") == 0)
		err = finish(line[0] == 'c');
	else
		err = apply(line, ack);
	hx_mutex_unlock(&policy_mutex);
	return err;
}

void dis_policy_show(struct hx_text *out)
{
	struct dis_rules *set = hx_alloc(sizeof(*set));
	unsigned i;

	if (set == NULL)
		return;
	dis_policy_get(set);
	for (i = 0; i < set->n; i++) {
		dis_rule_print(out, &set->rule[i]);
		hx_text_puts(out, "\n");
	}
	hx_free(set);
}
