/* SPDX-License-Identifier: MIT */
/*
 * Rules as data. A rule is a line of text (docs/spec/sched-policy.md); read, it is a prefix tree of
 * conditions in an array, a few actions, and to whom it applies.
 *
 * Field keys: d dis_lock.
 */
#ifndef HX_DIS_POLICY_PRIV_H
#define HX_DIS_POLICY_PRIV_H

#include "dis_priv.h"

enum dis_cond_op {
	DIS_C_LOAD, DIS_C_MEMORY, DIS_C_IOWAIT, DIS_C_RUNNABLE, DIS_C_TIME, DIS_C_CLASS,
	DIS_C_URGENCY, DIS_C_RUNTIME, DIS_C_WAIT, DIS_C_USAGE, DIS_C_FLAG, DIS_C_AGE,
	DIS_C_ALL, DIS_C_ANY, DIS_C_NOT, DIS_C_CUSTOM,
	DIS_CONDS,
};

enum dis_cmp { DIS_LT, DIS_LE, DIS_GT, DIS_GE, DIS_EQ, DIS_NE, DIS_CMPS };

struct dis_cond {
	uint8_t op;		/* enum dis_cond_op */
	uint8_t cmp;		/* enum dis_cmp, where two values are compared */
	uint8_t n_below;	/* all, any, not: conditions of the tree below it */
	uint8_t which;		/* class or number of the flag */
	int64_t value;		/* percent, count, urgency, ns, or seconds of the day */
	int64_t until;		/* time: end, seconds of the day */
	struct hx_dis_hook *hook;	/* custom */
};

enum dis_act_op {
	DIS_A_URGENCY, DIS_A_ADJUST, DIS_A_BOOST, DIS_A_SLICE, DIS_A_SCALE, DIS_A_AFFINITY,
	DIS_A_PIN, DIS_A_MIGRATE, DIS_A_QUEUE, DIS_A_CLASS, DIS_A_BUDGET, DIS_A_THROTTLE,
	DIS_A_PREEMPT, DIS_A_NOPREEMPT, DIS_A_CUSTOM,
	DIS_ACTS,
};

struct dis_act {
	uint8_t op;		/* enum dis_act_op */
	uint8_t which;		/* class, band, CPU or percent */
	int16_t urgency;
	uint64_t value;		/* ns, percent or mask */
	struct hx_dis_hook *hook;
};

enum dis_scope { DIS_S_GLOBAL, DIS_S_CLASS, DIS_S_GROUP, DIS_S_TASK, DIS_SCOPES };

struct dis_rule {
	char name[HX_DIS_NAME_MAX];
	uint8_t scope;		/* enum dis_scope */
	uint8_t n_conds, n_acts;
	uint16_t prio;		/* 0..1000, the highest first */
	uint32_t who;		/* class, group or thread */
	uint32_t cooldown_ms;
	struct dis_cond conds[DIS_CONDS_MAX];
	struct dis_act acts[DIS_ACTS_MAX];
	uint64_t n_fired;	/* d */
};

/* Sorted by prio, highest first; equals in the order they came. */
struct dis_rules {
	unsigned n;
	struct dis_rule rule[DIS_RULES_MAX];
};

struct dis_event {
	hx_ns_t at_ns;
	uint32_t thread_id;
	bool fired;		/* or let go */
	char rule[HX_DIS_NAME_MAX];
};

struct dis_syntax_error {
	unsigned column;	/* from 1 */
	const char *why;	/* constant */
};

/* ---- policy_text.c: 0, -HX_EINVAL, -HX_E2BIG; *out is touched on success only. No lock. */
HX_MUST_CHECK int dis_rule_parse(const char *line, struct dis_rule *out,
				 struct dis_syntax_error *error);
/* ---- policy_print.c: the line that gives the same rule again. */
void dis_rule_print(struct hx_text *out, const struct dis_rule *r);

/* Words, in the order of the enums. */
extern const char *const dis_cond_words[DIS_CONDS];
extern const char *const dis_cmp_words[DIS_CMPS];
extern const char *const dis_act_words[DIS_ACTS];
extern const char *const dis_band_words[DIS_BANDS];
extern const char *const dis_scope_words[DIS_SCOPES];

/* ---- policy_set.c: sets of rules, and the line commands of /sched/policy. Thread context. */
HX_MUST_CHECK int dis_rules_put(struct dis_rules *set, const struct dis_rule *r);
HX_MUST_CHECK int dis_rules_drop(struct dis_rules *set, const char *name);
HX_MUST_CHECK int dis_rules_add_lines(struct dis_rules *set, const char *const *lines, unsigned n);
int dis_policy_take(const char *line, struct hx_text *ack);
void dis_policy_show(struct hx_text *out);
const char *const *dis_policy_lines(const char *name, unsigned *n);
extern const char *const dis_policy_templates[];
extern const unsigned dis_n_policy_templates;

/* ---- policy.c */
bool dis_rule_holds(const struct dis_rule *r, const struct hx_dis_view *view);
void dis_view_make(const struct dis_thread *d, hx_ns_t now, struct hx_dis_view *view);
/* Replaces the rules in force; copies. */
void dis_policy_set(const struct dis_rules *set);
void dis_policy_get(struct dis_rules *set);
void dis_policy_count(uint64_t *fired, uint64_t *events);
unsigned dis_policy_events(struct dis_event *out, unsigned max);
/* The hook of a rule's "custom", by name: a predicate or an action; NULL. */
struct hx_dis_hook *dis_hook_find(const char *name, bool predicate);

#endif
