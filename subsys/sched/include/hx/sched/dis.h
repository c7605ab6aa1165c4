/* SPDX-License-Identifier: MIT */
/*
 * The intent scheduler from outside: ready-made intents, and hooks for its rules. What a thread
 * asks for is in hx/core/intent.h; the rule language is in docs/spec/sched-policy.md.
 */
#ifndef HX_SCHED_DIS_H
#define HX_SCHED_DIS_H

#include <hx/base.h>
#include <hx/core/intent.h>
#include <hx/core/list.h>

#define HX_DIS_NAME_MAX	24	/* bytes of a rule's or a hook's name with the NUL */

/**
 * hx_intent_template() - a ready-made intent by its name.
 * @name: audio, video_60fps, video_144fps, ui, webserver, database, compilation, backup, gc,
 *        monitoring, batch or background
 * @out:  receives it; untouched on error
 *
 * Returns: 0; -HX_ENOENT no such template. What it gives passes hx_intent_check().
 * Context: any.
 * Locks:   none.
 * Owner:   the caller owns @out.
 * Cost:    a walk over 12 names, a copy.
 * Source:  -
 */
HX_MUST_CHECK int hx_intent_template(const char *name, struct hx_intent *out);

/* What a hook may know about the thread that a rule looks at, and about the system. */
struct hx_dis_view {
	uint32_t thread_id;
	uint8_t class;			/* enum hx_intent_class, the effective one */
	uint8_t level;			/* 0..139, lower is more urgent */
	int16_t urgency;		/* -100..127, lower is more urgent */
	uint32_t flags;			/* HX_INTENT_* */
	uint32_t usage_permille;	/* of one CPU */
	hx_ns_t ran_ns, wait_ns, age_ns;
	uint32_t load_percent, memory_percent, iowait_percent;
	uint32_t n_runnable;		/* ready and running, all CPUs */
	uint32_t time_of_day_s;
};

/* A named predicate, or a named action, that rules call as "custom(name)" and "custom name". */
struct hx_dis_hook {
	struct hx_list link;			/* the scheduler's while registered */
	const char *name;			/* letters, digits, '_'; constant */
	/* Interrupts off, run queue and rules locked: short, takes no lock. */
	bool (*holds)(const struct hx_dis_view *view);	/* a predicate; else NULL */
	void (*act)(const struct hx_dis_view *view);	/* an action; else NULL */
};

/**
 * hx_dis_hook_register() - let rules name a predicate or an action.
 * @hook: exactly one of holds and act is set
 *
 * Returns: 0; -HX_EINVAL neither or both, or no valid name; -HX_EEXIST the name is taken.
 * Context: thread or boot.
 * Locks:   takes the rules' lock (HX_RANK_LEAF).
 * Owner:   the scheduler, for ever: rules may point to it.
 * Cost:    O(hooks).
 * Source:  -
 */
HX_MUST_CHECK int hx_dis_hook_register(struct hx_dis_hook *hook);

/**
 * hx_dis_set_time_of_day() - tell the rules what time of day it is now.
 * @seconds: since midnight, 0..86399
 *
 * Until then the day begins with the boot. The node /sched/policy takes the same as "clock HH:MM".
 *
 * Returns: 0; -HX_ERANGE.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    reading the clock.
 * Source:  -
 */
HX_MUST_CHECK int hx_dis_set_time_of_day(uint32_t seconds);

#endif
