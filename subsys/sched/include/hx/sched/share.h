/* SPDX-License-Identifier: MIT */
/*
 * What several policies read out of a thread: its weight, and whether it may move to another CPU.
 *
 * Weight: how large its part of the CPU is, 1024 for an ordinary thread. A step of nice is a factor
 * of 1.25, so that of two threads one step apart one gets 5/9 and the other 4/9, wherever on the
 * scale they stand (as in Linux since 2.6.23). An intent with shares says the weight itself.
 *
 * Nice and level are two names of one scale, so they do not add up: level 120 is nice 0, 119 is -1
 * (hx_prio_from()). Who asks for a nice value has that one, who does not has that of its level. A
 * level above the ordinary one that is more urgent than the nice value counts in any case, whether
 * somebody set it or the thread inherited it from one that waits for its mutex; real time is as
 * much as there is.
 */
#ifndef HX_SCHED_SHARE_H
#define HX_SCHED_SHARE_H

#include <hx/core/sched_class.h>

#define HX_WEIGHT_NICE_0	1024u
#define HX_WEIGHT_MAX		88818u	/* of nice -20 */

/* 1.25 to the power of n, 0..31, from its powers of two. */
#define HX_WEIGHT_STEP(n) \
	(((n) & 1 ? 1.25 : 1.0) * ((n) & 2 ? 1.5625 : 1.0) * ((n) & 4 ? 2.44140625 : 1.0) * \
	 ((n) & 8 ? 5.9604644775390625 : 1.0) * ((n) & 16 ? 35.527136788005009 : 1.0))
#define HX_WEIGHT_UP(n)		((uint32_t)(1024.0 * HX_WEIGHT_STEP(n) + 0.5))
#define HX_WEIGHT_DOWN(n)	((uint32_t)(1024.0 / HX_WEIGHT_STEP(n) + 0.5))

/* The weight of a nice value; beyond -20..19 as at the end. Any context. */
static inline uint32_t hx_sched_weight_of_nice(int nice)
{
	static const uint32_t weights[HX_NICE_MAX - HX_NICE_MIN + 1] = {
		HX_WEIGHT_UP(20), HX_WEIGHT_UP(19), HX_WEIGHT_UP(18), HX_WEIGHT_UP(17),
		HX_WEIGHT_UP(16), HX_WEIGHT_UP(15), HX_WEIGHT_UP(14), HX_WEIGHT_UP(13),
		HX_WEIGHT_UP(12), HX_WEIGHT_UP(11), HX_WEIGHT_UP(10), HX_WEIGHT_UP(9),
		HX_WEIGHT_UP(8), HX_WEIGHT_UP(7), HX_WEIGHT_UP(6), HX_WEIGHT_UP(5),
		HX_WEIGHT_UP(4), HX_WEIGHT_UP(3), HX_WEIGHT_UP(2), HX_WEIGHT_UP(1),
		HX_WEIGHT_NICE_0, HX_WEIGHT_DOWN(1), HX_WEIGHT_DOWN(2), HX_WEIGHT_DOWN(3),
		HX_WEIGHT_DOWN(4), HX_WEIGHT_DOWN(5), HX_WEIGHT_DOWN(6), HX_WEIGHT_DOWN(7),
		HX_WEIGHT_DOWN(8), HX_WEIGHT_DOWN(9), HX_WEIGHT_DOWN(10), HX_WEIGHT_DOWN(11),
		HX_WEIGHT_DOWN(12), HX_WEIGHT_DOWN(13), HX_WEIGHT_DOWN(14), HX_WEIGHT_DOWN(15),
		HX_WEIGHT_DOWN(16), HX_WEIGHT_DOWN(17), HX_WEIGHT_DOWN(18), HX_WEIGHT_DOWN(19),
	};

	if (nice < HX_NICE_MIN)
		nice = HX_NICE_MIN;
	return weights[(nice > HX_NICE_MAX ? HX_NICE_MAX : nice) - HX_NICE_MIN];
}

/* What counts as t's nice value, see above: HX_NICE_MIN..HX_NICE_MAX. The run queue's lock held. */
static inline int hx_sched_nice(const struct hx_thread *t)
{
	int level = (int)t->prio - HX_PRIO_DEFAULT, nice = t->intent->nice;

	if (nice == 0 || (level < 0 && level < nice))
		nice = level;
	return nice < HX_NICE_MIN ? HX_NICE_MIN : nice;
}

/* 1..HX_WEIGHT_MAX. The run queue's lock held. */
static inline uint32_t hx_sched_weight(const struct hx_thread *t)
{
	if (t->intent->budget_kind == HX_BUDGET_SHARES)
		return (uint32_t)hx_min_u64(hx_max_u64(t->intent->budget, 1), HX_WEIGHT_MAX);
	return hx_sched_weight_of_nice(hx_sched_nice(t));
}

/* A steal from a tree looks at so many threads for the best, and then takes the first it may. */
#define HX_SCHED_STEAL_LOOKS	32u

#define HX_SCHED_STEAL_TRIES	64u	/* of a list full of threads that must stay */

/* The first on a list of run_links that CPU cpu may take, taken off; NULL: none soon enough. */
static inline struct hx_thread *hx_sched_steal_from(struct hx_list *list, unsigned cpu)
{
	struct hx_list *n;
	unsigned tries = 0;

	HX_LIST_FOREACH(n, list) {
		struct hx_thread *t = HX_LIST_ENTRY(n, struct hx_thread, run_link);

		if (tries++ == HX_SCHED_STEAL_TRIES)
			break;
		if (hx_sched_may_move(t, cpu)) {
			hx_list_unlink(n);
			return t;
		}
	}
	return NULL;
}

/* For the list of a swap: a list of run_links, in its order. How many. */
static inline size_t hx_sched_list_of(const struct hx_list *list, struct hx_thread **ready,
				      size_t room)
{
	const struct hx_list *n = list->next;
	size_t i;

	for (i = 0; i < room && n != list; i++, n = n->next)
		ready[i] = HX_LIST_ENTRY(n, struct hx_thread, run_link);
	return i;
}

#endif
