/* SPDX-License-Identifier: MIT */
/*
 * Circles in the wait-for graph: threads of which each waits for the next one's mutex, answer or
 * end. None of them ever goes on. Only with CONFIG_DEADLOCKS.
 */
#ifndef HX_CORE_DEADLOCK_H
#define HX_CORE_DEADLOCK_H

#include <hx/base.h>
#include <hx/core/failure.h>
#include <hx/core/thread.h>

#define HX_CIRCLE_NAMED	8u	/* threads of a circle that are named */

/* A circle, as a copy. */
struct hx_circle {
	uint32_t n;			/* threads; 0: no circle */
	uint32_t sum;			/* of all of them, to tell it from others */
	const char *owner;		/* the module that one of them is in; NULL: none */
	struct {
		uint32_t id;
		char name[HX_THREAD_NAME_MAX];
	} named[HX_CIRCLE_NAMED];	/* the first of them, each waiting for the next */
};

/**
 * hx_deadlock_next() - the next circle of waiting threads.
 * @after: of circles whose thread with the lowest number has a higher one than this
 * @out:   receives the circle, that thread first
 *
 * Returns: that number; 0: there is none, @out is garbage.
 * Context: thread.
 * Locks:   takes HX_RANK_THREADS, HX_RANK_WAIT and HX_RANK_INHERIT, the last two with interrupts
 *          off and for one chain of waiting threads at a time.
 * Owner:   the caller's copy; the name of a module only until it goes.
 * Cost:    O(threads); for those that wait for a mutex, an answer or an end O(their chain), at most
 *          1,024 threads.
 * Source:  Holt, "Some Deadlock Properties of Computer Systems" (1972): with one thing that each
 *          waits for, a circle is a deadlock; Brent (1980) for a circle that a chain runs into.
 */
uint32_t hx_deadlock_next(uint32_t after, struct hx_circle *out);

/**
 * hx_deadlock_tell() - put a circle into the queue of failures.
 * @c: of hx_deadlock_next()
 *
 * Returns: nothing.
 * Context: any.
 * Locks:   none.
 * Owner:   all is copied.
 * Cost:    two formatted lines.
 * Source:  -
 */
void hx_deadlock_tell(const struct hx_circle *c);

#endif
