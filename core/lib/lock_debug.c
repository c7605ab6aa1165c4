/* SPDX-License-Identifier: MIT */
/*
 * Lock checking (CONFIG_DEBUG_LOCKS): what each CPU holds, in the order taken, and the node
 * /proc/locks with a line per rank.
 *
 * 1 Concepts. A CPU, not a thread, holds a spinlock: preemption is off meanwhile, and the scheduler
 *   hands its queue lock from the old thread to the new one on the same CPU. An interrupt's locks
 *   count on top of those of the code it interrupted, since both are held at once.
 * 2 Locking. Each CPU writes only its own list, with interrupts off. The counters of a rank are
 *   added to by all CPUs, atomically.
 * 3 Invariants. (a) ranks in a list only rise, HX_RANK_NONE left out; (b) percpu->locks_held has
 *   the bit of each rank in the list; so a new lock is in order iff no bit at or above its own is
 *   set.
 * 4 Sources. SerenityOS LockRank (ranks), FreeBSD witness(4) (a report with both names).
 */
#include <hx/core/assert.h>
#include <hx/core/lock.h>
#include <hx/core/names.h>

#define LOCKS_HELD_MAX	16	/* ranks rise, so at most one per rank but for HX_RANK_NONE */

_Static_assert(HX_RANK_COUNT <= 32, "locks_held has a bit per rank");

/* Field key: o owner CPU with interrupts off. */
struct lock_list {
	const struct hx_spinlock *held[LOCKS_HELD_MAX];	/* o */
	uint32_t n;					/* o */
	uint32_t taken;					/* o ranks, since somebody asked */
};

/* Field key: a atomic. */
struct lock_counts {
	uint64_t n_acquired;	/* a */
	uint64_t n_contended;	/* a */
};

static bool locks_unchecked;		/* set once, by the last report of the kernel */
static struct lock_list lock_lists[HX_CPUS_MAX];	/* host tests play CPUs beyond HX_CPUS */
static struct lock_counts lock_counts[HX_RANK_COUNT];

static const char *const lock_rank_names[HX_RANK_COUNT] = {
	[HX_RANK_NONE] = "none",
	[HX_RANK_VFS_MOUNTS] = "vfs_mounts",
	[HX_RANK_VFS_NODE] = "vfs_node",
	[HX_RANK_NAMES] = "names",
	[HX_RANK_SLOT] = "slot",
	[HX_RANK_DEVICE] = "device",
	[HX_RANK_CONSOLE] = "console",
	[HX_RANK_STACKS] = "stacks",
	[HX_RANK_THREADS] = "threads",
	[HX_RANK_HEAP] = "heap",
	[HX_RANK_KMAP] = "kmap",
	[HX_RANK_ZONE] = "zone",
	[HX_RANK_WAIT] = "wait",
	[HX_RANK_TIMERS] = "timers",
	[HX_RANK_INHERIT] = "inherit",
	[HX_RANK_RUNQ] = "runq",
	[HX_RANK_DRIVER] = "driver",
	[HX_RANK_CAP_OBJECT] = "cap_object",
	[HX_RANK_CAP_TABLE] = "cap_table",
	[HX_RANK_LOG] = "log",
	[HX_RANK_LEAF] = "leaf",
};

static uint32_t lock_find(const struct lock_list *list, const struct hx_spinlock *l)
{
	uint32_t i = list->n;

	while (i > 0 && list->held[i - 1] != l)
		i--;
	return i;	/* position + 1; 0: not there */
}

/* The checked lock of the highest rank held: the last one, by invariant (a). */
static const struct hx_spinlock *lock_top(const struct lock_list *list)
{
	uint32_t i = list->n - 1;

	while (i > 0 && list->held[i]->rank == HX_RANK_NONE)
		i--;
	return list->held[i];
}

/* The bits of l's rank and of all higher ones; none for an unchecked lock. */
static uint32_t lock_conflicts(const struct hx_spinlock *l)
{
	return l->rank == HX_RANK_NONE ? 0 : ~0u << l->rank;
}

void hx_lock_debug_acquire(struct hx_spinlock *l)
{
	struct hx_percpu *cpu = hx_percpu_self();
	struct lock_list *list = &lock_lists[cpu->cpu];
	const struct hx_spinlock *top;
	hx_irqflags_t flags;

	if (locks_unchecked)
		return;
	flags = hx_irq_save();
	if (l->rank >= HX_RANK_COUNT)
		hx_bug("lock %s has no valid rank: %u", l->name, l->rank);
	if (lock_find(list, l) != 0)
		hx_bug("lock %s (%s) is taken twice", l->name, lock_rank_names[l->rank]);
	if (cpu->locks_held & lock_conflicts(l)) {
		top = lock_top(list);
		hx_bug("lock %s (%s, rank %u) is taken while holding %s (%s, rank %u)", l->name,
		       lock_rank_names[l->rank], l->rank, top->name, lock_rank_names[top->rank],
		       top->rank);
	}
	if (list->n == LOCKS_HELD_MAX)
		hx_bug("lock %s is one too many: %u are held", l->name, list->n);
	list->held[list->n++] = l;
	cpu->locks_held |= 1u << l->rank;
	list->taken |= 1u << l->rank;
	__atomic_fetch_add(&lock_counts[l->rank].n_acquired, 1, __ATOMIC_RELAXED);
	hx_irq_restore(flags);
}

void hx_lock_debug_release(struct hx_spinlock *l)
{
	struct hx_percpu *cpu = hx_percpu_self();
	struct lock_list *list = &lock_lists[cpu->cpu];
	hx_irqflags_t flags;
	uint32_t i;

	if (locks_unchecked)
		return;
	flags = hx_irq_save();
	i = lock_find(list, l);
	if (i == 0)
		hx_bug("lock %s is released by cpu %u, which does not hold it", l->name, cpu->cpu);
	for (list->n--; i <= list->n; i++)	/* locks may be released in any order */
		list->held[i - 1] = list->held[i];
	cpu->locks_held = 0;
	for (i = 0; i < list->n; i++)
		cpu->locks_held |= 1u << list->held[i]->rank;
	hx_irq_restore(flags);
}

/* Interrupts off, or an interrupt's count as well. */
uint32_t hx_lock_debug_taken(void)
{
	struct lock_list *list = &lock_lists[hx_percpu()->cpu];
	uint32_t taken = list->taken & ~(1u << HX_RANK_NONE);

	list->taken = 0;
	return taken;
}

void hx_lock_debug_contended(struct hx_spinlock *l)
{
	__atomic_fetch_add(&lock_counts[l->rank].n_contended, 1, __ATOMIC_RELAXED);
}

bool hx_lock_debug_is_held(const struct hx_spinlock *l)
{
	hx_irqflags_t flags = hx_irq_save();
	bool held = lock_find(&lock_lists[hx_percpu()->cpu], l) != 0;

	hx_irq_restore(flags);
	return held;
}

void hx_lock_debug_stop(void)
{
	locks_unchecked = true;
}

void hx_lock_debug_show(struct hx_text *out, unsigned cpu)
{
	const struct lock_list *list = &lock_lists[cpu];

	for (uint32_t i = 0; i < list->n && i < LOCKS_HELD_MAX; i++)
		hx_text_printf(out, "cpu %u holds: %s\n", cpu, list->held[i]->name);
}

static int locks_show(struct hx_text *out, const struct hx_node_args *args)
{
	unsigned rank;

	for (rank = 0; rank < HX_RANK_COUNT; rank++) {
		const struct lock_counts *c = &lock_counts[rank];

		hx_text_printf(out, "rank=%u name=%s acquired=%ju contended=%ju\n", rank,
			       lock_rank_names[rank],
			       __atomic_load_n(&c->n_acquired, __ATOMIC_RELAXED),
			       __atomic_load_n(&c->n_contended, __ATOMIC_RELAXED));
	}
	return 0;
}

static const struct hx_node locks_node = {
	.path = "/proc/locks",
	.help = "spinlocks by rank: how often taken, how often waited for",
	.rights = HX_NODE_READ,
	.max_bytes = HX_RANK_COUNT * 96,
	.show = locks_show,
};
HX_NODE(locks_node);
