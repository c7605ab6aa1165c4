/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a spinlock; not in kernels for one CPU, where nobody can hold what another wants.
 *
 * 1 Concepts. Who finds the lock taken joins a queue of nodes; the lock's tail names the last one.
 *   Only the first in the queue looks at the lock itself, all others at their own node, so that a
 *   release moves one cache line and not one per CPU, and they are served in the order of coming.
 *   Who comes while the lock is free, though others wait, takes it: on a virtual machine the first
 *   in the queue may not be running for milliseconds, and strict order would stop everybody. Once
 *   the first one has looked PATIENCE times in vain it closes the lock to those on the way in, so
 *   it waits for one holder more at most.
 * 2 Nodes. A CPU can wait for one lock in each context at a time: a thread, an interrupt on top of
 *   it, an NMI or a fault on top of that. So four nodes per CPU are enough, without allocating.
 *	tail: 0 nobody waits, else cpu * NODES + depth + 1
 * 3 Invariants. (1) held becomes 1 only by compare-and-swap of a word in which it is 0. (2) It is
 *   cleared by the holder alone. (3) closed is set by the first in the queue and cleared as it
 *   takes the lock. (4) A node is in one queue at a time, from the exchange of tail to the moment
 *   its CPU has the lock. What follows are the properties "alone", "live" and "first" of the model
 *   test/models/spinlock.pml.
 */
#include <hx/core/assert.h>
#include <hx/core/lock.h>

#define NODES		4u
#define PATIENCE	100u
#define LONG_LOOKS	4096u		/* far below a tick, far above any good holding */

/* Field keys: a atomic, o owner CPU. */
struct lock_node {
	struct lock_node *next;		/* a who waits behind us; NULL: nobody we know of */
	uint32_t go;			/* a we are the first in the queue */
};

/* A line for each CPU. */
static struct HX_ALIGNED(64) lock_waits {
	struct lock_node nodes[NODES];
	uint32_t depth;			/* o nodes in use */
} lock_waits[HX_CPUS];

static void poll_nothing(void)
{
	/* Before other CPUs run there is nothing to answer. */
}

void (*hx_spin_poll)(void) = poll_nothing;
void (*hx_spin_long)(void) = poll_nothing;

static void lock_relax(uint32_t *looks)
{
	hx_cpu_relax();
	hx_spin_poll();
	if (++*looks % LONG_LOOKS == 0)
		hx_spin_long();
}

static struct lock_node *lock_node_of(uint16_t tail)
{
	return &lock_waits[(tail - 1) / NODES].nodes[(tail - 1) % NODES];
}

/* Join the queue; returns when we are the first in it. */
static void lock_queue(struct hx_spinlock *l, struct lock_node *node, uint16_t me)
{
	uint32_t looks = 0;
	uint16_t before;

	node->next = NULL;
	node->go = 0;
	before = __atomic_exchange_n(&l->tail, me, __ATOMIC_ACQ_REL);
	if (before == 0)
		return;
	__atomic_store_n(&lock_node_of(before)->next, node, __ATOMIC_RELEASE);
	while (__atomic_load_n(&node->go, __ATOMIC_ACQUIRE) == 0)
		lock_relax(&looks);
}

static bool lock_take_if(struct hx_spinlock *l, uint16_t state)
{
	return __atomic_compare_exchange_n(&l->state, &state, 1, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/* The first in the queue. */
static void lock_take(struct hx_spinlock *l)
{
	uint32_t looks = 0;
	uint16_t state;

	for (;;) {
		state = l->state;
		if ((state & 0xff) == 0 && lock_take_if(l, state))
			return;
		if (looks == PATIENCE)
			l->closed = 1;
		lock_relax(&looks);
	}
}

void hx_spin_wait(struct hx_spinlock *l)
{
	struct lock_waits *mine = &lock_waits[hx_percpu()->cpu];
	struct lock_node *node, *next;
	uint32_t alone;
	uint16_t me;

	if (HX_ENABLED(DEBUG_LOCKS))
		hx_lock_debug_contended(l);
	if (l->state == 0 && lock_take_if(l, 0))
		return;
	hx_verify(mine->depth < NODES);
	node = &mine->nodes[mine->depth];
	me = (uint16_t)(hx_percpu()->cpu * NODES + mine->depth++ + 1);
	lock_queue(l, node, me);
	lock_take(l);
	/* Leave the queue: empty, or to the next one. */
	alone = (uint32_t)me << 16 | 1;
	if (!__atomic_compare_exchange_n(&l->locked, &alone, 1, false, __ATOMIC_RELAXED,
					 __ATOMIC_RELAXED)) {
		while ((next = __atomic_load_n(&node->next, __ATOMIC_ACQUIRE)) == NULL)
			hx_cpu_relax();
		__atomic_store_n(&next->go, 1, __ATOMIC_RELEASE);
	}
	mine->depth--;
}
