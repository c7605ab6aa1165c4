/* SPDX-License-Identifier: MIT */
/*
 * Threads by their priority: a queue per level, and a bitmap of the levels in use.
 *
 *	map    140 bits, one per level: somebody is there        level[0]   -> a -> b
 *	level  a queue per level, 0 the most urgent               level[120] -> c
 *	few    the threads as they will run, while there are no more than two
 *
 * The first thread is the head of the first level whose bit is set: three words to look at,
 * whatever the number of threads. On most CPUs there are one or two: they come and go without a
 * level, and are put into their own when another one comes.
 *
 * Invariants: a bit of map is set <=> its level is not empty; few[0] is set => all levels are
 * empty; few[1] is set => few[0] is; n is the number of threads.
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
	struct hx_thread *few[2];
	uint64_t n;
	uint64_t map[HX_BITMAP_WORDS(HX_LEVELS)];
	struct hx_list level[HX_LEVELS];
};

_Static_assert(HX_BITMAP_WORDS(HX_LEVELS) == 3, "hx_levels_pop() looks at three words");

static inline void hx_levels_init(struct hx_levels *q)
{
	unsigned i;

	q->few[0] = q->few[1] = NULL;
	q->n = q->map[0] = q->map[1] = q->map[2] = 0;
	for (i = 0; i < HX_LEVELS; i++)
		hx_list_init(&q->level[i]);
}

/* Is somebody of that priority here? */
static inline bool hx_levels_has(const struct hx_levels *q, unsigned prio)
{
	return (q->few[0] != NULL && q->few[0]->prio == prio) ||
	       (q->few[1] != NULL && q->few[1]->prio == prio) || hx_bitmap_test(q->map, prio);
}

/* Its level, which is in use from now on. */
static inline struct hx_list *hx_levels_of(struct hx_levels *q, const struct hx_thread *t)
{
	const size_t prio = t->prio;	/* read once: the map is no part of t */

	hx_bitmap_set(q->map, (unsigned)prio);
	return &q->level[prio];
}

/* Others come, or are here. */
static inline void hx_levels_spread(struct hx_levels *q)
{
	unsigned i;

	for (i = 0; i < 2 && q->few[i] != NULL; i++) {
		hx_list_push_back(hx_levels_of(q, q->few[i]), &q->few[i]->run_link);
		q->few[i] = NULL;
	}
}

static HX_NOINLINE void hx_levels_join_front(struct hx_levels *q, struct hx_thread *t)
{
	hx_levels_spread(q);
	hx_list_push_front(hx_levels_of(q, t), &t->run_link);
}

static HX_NOINLINE void hx_levels_join_back(struct hx_levels *q, struct hx_thread *t)
{
	hx_levels_spread(q);
	hx_list_push_back(hx_levels_of(q, t), &t->run_link);
}

static inline void hx_levels_push_front(struct hx_levels *q, struct hx_thread *t)
{
	if (q->n++ == 0)
		q->few[0] = t;
	else
		hx_levels_join_front(q, t);
}

static inline void hx_levels_push_back(struct hx_levels *q, struct hx_thread *t)
{
	struct hx_thread *first = q->few[0];

	if (q->n++ == 0)
		q->few[0] = t;
	else if (q->n == 2 && first != NULL && t->prio >= first->prio)
		q->few[1] = t;
	else
		hx_levels_join_back(q, t);
}

static inline void hx_levels_remove(struct hx_levels *q, struct hx_thread *t)
{
	q->n--;
	if (q->few[0] != NULL) {
		if (q->few[0] == t)
			q->few[0] = q->few[1];
		q->few[1] = NULL;
		return;
	}
	hx_list_unlink(&t->run_link);
	if (hx_list_is_empty(&q->level[t->prio]))
		hx_bitmap_clear(q->map, t->prio);
}

/* The first of the levels, taken off, n as before; NULL: none. */
static inline struct hx_thread *hx_levels_take(struct hx_levels *q)
{
	const size_t word = q->map[0] != 0 ? 0 : q->map[1] != 0 ? 1 : 2;
	const uint64_t map = q->map[word];
	struct hx_list *level, *first;

	if (map == 0)
		return NULL;
	level = &q->level[word * 64 + (unsigned)__builtin_ctzll(map)];
	first = hx_list_unlink_first(level);
	if (hx_list_is_empty(level))
		q->map[word] = map & (map - 1);	/* its bit is the lowest one */
	return HX_LIST_ENTRY(first, struct hx_thread, run_link);
}

/* The same, and one that is left alone is one of few again. */
static HX_NOINLINE struct hx_thread *hx_levels_pop_first(struct hx_levels *q)
{
	struct hx_thread *first = hx_levels_take(q);

	if (first != NULL && --q->n == 1)
		q->few[0] = hx_levels_take(q);
	return first;
}

/* The first thread, taken off; NULL: none. */
static inline struct hx_thread *hx_levels_pop(struct hx_levels *q)
{
	struct hx_thread *first = q->few[0];

	if (first == NULL)
		return hx_levels_pop_first(q);
	q->few[0] = q->few[1];
	q->few[1] = NULL;
	q->n--;
	return first;
}

/* For the list of a swap: as they would run. How many. */
static inline size_t hx_levels_list(const struct hx_levels *q, struct hx_thread **ready,
				    size_t room)
{
	size_t n = 0;
	unsigned i;

	for (i = 0; i < 2 && q->few[i] != NULL && n < room; i++)
		ready[n++] = q->few[i];
	for (i = 0; i < HX_LEVELS; i++) {
		if (hx_bitmap_test(q->map, i))
			n += hx_sched_list_of(&q->level[i], ready + n, room - n);
	}
	return n;
}

/* The most urgent one that CPU cpu may take, taken off; NULL: none. */
static inline struct hx_thread *hx_levels_steal(struct hx_levels *q, unsigned cpu)
{
	struct hx_thread *t;
	unsigned i;

	for (i = 0; i < 2 && q->few[i] != NULL; i++) {
		t = q->few[i];
		if (hx_sched_may_move(t, cpu)) {
			hx_levels_remove(q, t);
			return t;
		}
	}
	for (i = 0; i < HX_LEVELS; i++) {
		t = hx_bitmap_test(q->map, i) ? hx_sched_steal_from(&q->level[i], cpu) : NULL;
		if (t != NULL) {
			if (hx_list_is_empty(&q->level[i]))
				hx_bitmap_clear(q->map, i);
			q->n--;
			return t;
		}
	}
	return NULL;
}

#endif
