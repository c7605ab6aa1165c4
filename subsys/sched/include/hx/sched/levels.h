/* SPDX-License-Identifier: MIT */
/*
 * Threads by their priority: a queue per level, and a bitmap of the levels in use.
 *
 *	map    140 bits, one per level: somebody is there        level[0]   -> a -> b
 *	level  a queue per level, 0 the most urgent               level[120] -> c
 *
 * The first thread is the head of the first level whose bit is set: three words to look at,
 * whatever the number of threads. Invariant: a bit of map is set <=> its level is not empty.
 *
 * All of it under the run queue's lock. Threads hang by run_link and stand in level t->prio, which
 * may not change meanwhile.
 */
#ifndef HX_SCHED_LEVELS_H
#define HX_SCHED_LEVELS_H

#include <hx/core/bitmap.h>
#include <hx/core/thread.h>
#include <hx/sched/share.h>

#define HX_LEVELS	(HX_PRIO_LOWEST + 1u)

struct hx_levels {
	uint64_t map[HX_BITMAP_WORDS(HX_LEVELS)];
	struct hx_list level[HX_LEVELS];
};

_Static_assert(HX_BITMAP_WORDS(HX_LEVELS) == 3, "hx_levels_pop() looks at three words");

static inline void hx_levels_init(struct hx_levels *q)
{
	unsigned i;

	q->map[0] = q->map[1] = q->map[2] = 0;
	for (i = 0; i < HX_LEVELS; i++)
		hx_list_init(&q->level[i]);
}

static inline bool hx_levels_is_empty(const struct hx_levels *q)
{
	return (q->map[0] | q->map[1] | q->map[2]) == 0;
}

static inline void hx_levels_push_front(struct hx_levels *q, struct hx_thread *t)
{
	hx_bitmap_set(q->map, t->prio);
	hx_list_push_front(&q->level[t->prio], &t->run_link);
}

static inline void hx_levels_push_back(struct hx_levels *q, struct hx_thread *t)
{
	hx_bitmap_set(q->map, t->prio);
	hx_list_push_back(&q->level[t->prio], &t->run_link);
}

static inline void hx_levels_remove(struct hx_levels *q, struct hx_thread *t)
{
	hx_list_unlink(&t->run_link);
	if (hx_list_is_empty(&q->level[t->prio]))
		hx_bitmap_clear(q->map, t->prio);
}

/* The first thread, taken off; NULL: none. */
static inline struct hx_thread *hx_levels_pop(struct hx_levels *q)
{
	unsigned word = q->map[0] != 0 ? 0 : q->map[1] != 0 ? 1 : 2;
	struct hx_list *level, *first;

	if (q->map[word] == 0)
		return NULL;
	level = &q->level[word * 64 + (unsigned)__builtin_ctzll(q->map[word])];
	first = hx_list_unlink_first(level);
	if (hx_list_is_empty(level))
		q->map[word] &= q->map[word] - 1;	/* its bit is the lowest one */
	return HX_LIST_ENTRY(first, struct hx_thread, run_link);
}

/* The most urgent one that CPU cpu may take, taken off; NULL: none. */
static inline struct hx_thread *hx_levels_steal(struct hx_levels *q, unsigned cpu)
{
	struct hx_thread *t;
	unsigned i;

	for (i = 0; i < HX_LEVELS; i++) {
		t = hx_bitmap_test(q->map, i) ? hx_sched_steal_from(&q->level[i], cpu) : NULL;
		if (t != NULL) {
			if (hx_list_is_empty(&q->level[i]))
				hx_bitmap_clear(q->map, i);
			return t;
		}
	}
	return NULL;
}

#endif
