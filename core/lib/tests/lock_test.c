/* SPDX-License-Identifier: MIT */
/*
 * Lock checking: each kind of misuse ends in hx_bug() with the names of the locks; correct use does
 * not, and is counted.
 */
#include <hx/core/lock.h>
#include <hx/core/names.h>

#include "test_priv.h"

HX_SECTION_BOUNDS(hx_nodes, struct hx_node);

static struct hx_spinlock outer = HX_SPINLOCK_INIT("outer", HX_RANK_NAMES);
static struct hx_spinlock inner = HX_SPINLOCK_INIT("inner", HX_RANK_RUNQ);
static struct hx_spinlock twin = HX_SPINLOCK_INIT("twin", HX_RANK_RUNQ);
static struct hx_spinlock loose = HX_SPINLOCK_INIT("loose", HX_RANK_NONE);
static struct hx_spinlock broken = HX_SPINLOCK_INIT("broken", HX_RANK_COUNT);

static int nothing_is_held(void **state)
{
	return hx_percpu()->locks_held != 0 || hx_percpu()->preempt_off != 0;
}

/* hx_bug() left in the middle of hx_spin_lock(), with interrupts and preemption still off. */
static bool lock_is_bug(struct hx_spinlock *l, const char *words)
{
	bool is_bug = TEST_IS_BUG(hx_spin_lock(l), words);

	hx_percpu()->preempt_off--;
	hx_irq_enable();
	return is_bug;
}

static bool unlock_is_bug(struct hx_spinlock *l, const char *words)
{
	bool is_bug = TEST_IS_BUG(hx_spin_unlock(l), words);

	hx_irq_enable();
	return is_bug;
}

static void rising_ranks_are_fine_in_any_order_of_release(void **state)
{
	hx_irqflags_t flags;

	hx_spin_lock(&outer);
	flags = hx_spin_lock_irqsave(&inner);
	hx_spin_lock(&loose);
	assert_true(hx_spin_is_held(&outer));
	assert_true(hx_spin_is_held(&inner));
	assert_int_equal(hx_percpu()->locks_held,
			 1u << HX_RANK_NAMES | 1u << HX_RANK_RUNQ | 1u << HX_RANK_NONE);
	hx_spin_unlock(&outer);
	assert_false(hx_spin_is_held(&outer));
	assert_int_equal(hx_percpu()->locks_held, 1u << HX_RANK_RUNQ | 1u << HX_RANK_NONE);
	hx_spin_unlock(&loose);
	hx_spin_unlock_irqrestore(&inner, flags);
}

static void falling_rank_is_a_bug(void **state)
{
	hx_spin_lock(&inner);
	hx_spin_lock(&loose);
	assert_true(lock_is_bug(&outer, "outer (names, rank 3) is taken while holding inner"));
	hx_spin_unlock(&loose);
	hx_spin_unlock(&inner);
	hx_spin_lock(&outer);
	hx_spin_unlock(&outer);
}

static void equal_rank_is_a_bug(void **state)
{
	hx_spin_lock(&inner);
	assert_true(lock_is_bug(&twin, "twin (runq, rank 14) is taken while holding inner"));
	hx_spin_unlock(&inner);
}

static void taking_twice_is_a_bug(void **state)
{
	hx_spin_lock(&loose);
	assert_true(lock_is_bug(&loose, "loose (none) is taken twice"));
	hx_spin_unlock(&loose);
}

static void releasing_what_is_not_held_is_a_bug(void **state)
{
	hx_preempt_disable();
	assert_true(unlock_is_bug(&inner, "inner is released by cpu 0, which does not hold it"));
	outer.locked = 1;		/* as if another CPU had it */
	assert_false(hx_spin_is_held(&outer));
	assert_true(unlock_is_bug(&outer, "outer is released"));
	outer.locked = 0;
	hx_preempt_enable();
}

static void a_rank_that_does_not_exist_is_a_bug(void **state)
{
	assert_true(lock_is_bug(&broken, "broken has no valid rank"));
}

static void too_many_locks_are_a_bug(void **state)
{
	struct hx_spinlock many[17];
	unsigned i;

	for (i = 0; i < 17; i++)
		hx_spin_init(&many[i], "many", HX_RANK_NONE);
	for (i = 0; i < 16; i++)
		hx_spin_lock(&many[i]);
	assert_true(lock_is_bug(&many[16], "one too many: 16"));
	for (i = 0; i < 16; i++)
		hx_spin_unlock(&many[i]);
}

static const struct hx_node *find_node(const char *path)
{
	const struct hx_node *const *n;

	HX_SECTION_FOREACH(n, hx_nodes)
		if (strcmp((*n)->path, path) == 0)
			return *n;
	return NULL;
}

static unsigned long long counted(const char *rank, const char *what)
{
	char text[HX_RANK_COUNT * 96], *line, *number;
	struct hx_text_buf b;

	hx_text_buf_init(&b, text, sizeof(text));
	assert_int_equal(find_node("/proc/locks")->show(&b.text, NULL), 0);
	assert_int_equal(b.text.total, b.used);
	line = strstr(text, rank);
	assert_non_null(line);
	number = strstr(line, what);
	assert_non_null(number);
	return strtoull(number + strlen(what), NULL, 10);
}

static void the_node_counts_by_rank(void **state)
{
	unsigned long long before;
	unsigned i;

	assert_non_null(find_node("/proc/locks"));
	before = counted("name=names ", "acquired=");
	for (i = 0; i < 5; i++) {
		hx_spin_lock(&outer);
		hx_spin_unlock(&outer);
	}
	assert_int_equal(counted("name=names ", "acquired="), before + 5);
	before = counted("name=leaf ", "contended=");
	outer.rank = HX_RANK_LEAF;
	hx_spin_wait(&outer);		/* free by now, so it returns at once, but counts */
	assert_int_equal(outer.locked, 1);
	outer.locked = 0;
	outer.rank = HX_RANK_NAMES;
	assert_int_equal(counted("name=leaf ", "contended="), before + 1);
}

static unsigned n_preempted;

static void preempted(void)
{
	n_preempted++;
}

static void the_last_enable_takes_a_due_preemption(void **state)
{
	void (*saved)(void) = hx_preempt_point;

	hx_preempt_point = preempted;
	hx_preempt_disable();
	hx_spin_lock(&inner);
	hx_percpu()->need_resched = 1;
	hx_spin_unlock(&inner);
	assert_int_equal(n_preempted, 0);
	hx_preempt_enable();
	assert_int_equal(n_preempted, 1);
	hx_percpu()->need_resched = 0;
	hx_preempt_disable();
	hx_preempt_enable();
	assert_int_equal(n_preempted, 1);
	hx_preempt_point = saved;
	hx_preempt_point();		/* the default: nothing, but callable */
}

#define CHECKED(test)	cmocka_unit_test_teardown(test, nothing_is_held)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHECKED(rising_ranks_are_fine_in_any_order_of_release),
		CHECKED(falling_rank_is_a_bug),
		CHECKED(equal_rank_is_a_bug),
		CHECKED(taking_twice_is_a_bug),
		CHECKED(releasing_what_is_not_held_is_a_bug),
		CHECKED(a_rank_that_does_not_exist_is_a_bug),
		CHECKED(too_many_locks_are_a_bug),
		CHECKED(the_node_counts_by_rank),
		CHECKED(the_last_enable_takes_a_due_preemption),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
