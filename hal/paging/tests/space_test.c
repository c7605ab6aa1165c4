/* SPDX-License-Identifier: MIT */
/*
 * Spaces on the host's model of a CPU, which keeps every translation until it is told not to: pages
 * of all sizes, tables given back, and that no CPU ever uses an old translation.
 */
#include "hx_test.h"
#include <hx/hal/space.h>
#include <hx/hal/user.h>

#define AT	((uintptr_t)1 << 30)
#define MIB2	((size_t)2 << 20)
#define ALL	((size_t)1 << 18)	/* pages of 1 GiB */

static struct hx_mmu_space space;
static hx_paddr_t ram;		/* 2 MiB aligned, free */
static uint64_t n_flushes;

/* Pages for tables: counted, from the top of RAM. */
static hx_paddr_t next_table, free_table;
static unsigned n_out, most_out;

static hx_paddr_t take(void)
{
	hx_paddr_t pa = free_table;

	if (n_out == most_out)
		return 0;
	n_out++;
	if (pa != 0)
		free_table = *(hx_paddr_t *)hx_phys_to_virt(pa);
	else
		pa = next_table, next_table += HX_PAGE_SIZE;
	memset(hx_phys_to_virt(pa), 0, HX_PAGE_SIZE);
	return pa;
}

static void give(hx_paddr_t pa)
{
	/* Whoever still walks it would find this. */
	memset(hx_phys_to_virt(pa), 0xff, HX_PAGE_SIZE);
	*(hx_paddr_t *)hx_phys_to_virt(pa) = free_table;
	free_table = pa;
	n_out--;
}

static void start(unsigned levels, bool tags)
{
	static const struct hx_mmu_table_source source = { take, give };
	const struct hx_host_params params = { .mem_bytes = 64 << 20 };
	const struct hx_boot_info *info;

	assert_int_equal(hx_host_start(&params, &info), 0);
	hx_host_set_paging(levels, tags);
	ram = 4 << 20;
	next_table = 48 << 20;
	free_table = 0;
	n_out = 0;
	most_out = 1000;
	hx_mmu_set_table_source(&source);
	assert_int_equal(hx_mmu_space_init(&space), 0);
}

static int set_up(void **state)
{
	start(4, false);
	return 0;
}

static int set_up_5(void **state)
{
	start(5, true);
	return 0;
}

static int tear_down(void **state)
{
	hx_mmu_switch(NULL);
	hx_mmu_space_fini(&space);
	hx_host_stop();
	return n_out == 0 ? 0 : -1;
}

static void load(struct hx_mmu_space *s)
{
	hx_irqflags_t irq = hx_irq_save();

	hx_mmu_switch(s);
	hx_irq_restore(irq);
}

static void pages_of_every_size_are_chosen_by_alignment(void **state)
{
	struct hx_mmu_page page;

	/* 1 GiB, then 2 MiB, then two small ones; nobody looks whether RAM is there. */
	assert_int_equal(hx_mmu_space_map(&space, AT, HX_GIB, ALL + 512 + 2, HX_MAP_WRITE), 0);
	assert_int_equal(hx_mmu_space_query(&space, AT + 12345, &page), 0);
	assert_int_equal(page.bytes, HX_GIB);
	assert_int_equal(page.va, AT);
	assert_int_equal(hx_mmu_space_query(&space, AT + HX_GIB, &page), 0);
	assert_int_equal(page.bytes, MIB2);
	assert_int_equal(page.pa, 2 * HX_GIB);
	assert_int_equal(hx_mmu_space_query(&space, AT + HX_GIB + MIB2 + HX_PAGE_SIZE, &page), 0);
	assert_int_equal(page.bytes, HX_PAGE_SIZE);
	assert_int_equal(page.flags, HX_MAP_WRITE);
	assert_int_equal(hx_mmu_space_query(&space, AT + HX_GIB + MIB2 + 2 * HX_PAGE_SIZE,
					    &page), -HX_ENOENT);
	assert_int_equal(hx_mmu_space_unmap(&space, AT + HX_PAGE_SIZE, 1, NULL, NULL), -HX_EINVAL);
	assert_int_equal(hx_mmu_space_unmap(&space, AT, ALL + 512 + 2, NULL, NULL), 0);
	hx_mmu_space_trim(&space, AT, AT + 2 * HX_GIB, 0, hx_mmu_user_end());
	assert_int_equal(space.n_tables, 1);
	assert_int_equal(n_out, 1);
}

static void what_makes_no_sense_is_refused(void **state)
{
	struct hx_mmu_page page = { .va = AT, .pa = ram, .flags = HX_MAP_WRITE | HX_MAP_EXEC };
	unsigned both = HX_MAP_WRITE | HX_MAP_EXEC;

	assert_int_equal(hx_mmu_space_map(&space, AT + 1, ram, 1, 0), -HX_EINVAL);
	assert_int_equal(hx_mmu_space_map(&space, AT, ram + 1, 1, 0), -HX_EINVAL);
	assert_int_equal(hx_mmu_space_map(&space, 0, ram, 1, 0), -HX_EINVAL);
	assert_int_equal(hx_mmu_space_map(&space, AT, ram, 1, both), -HX_EINVAL);
	assert_int_equal(hx_mmu_space_map(&space, hx_mmu_user_end(), ram, 1, 0), -HX_EINVAL);
	assert_int_equal(hx_mmu_space_map(&space, AT, ram, SIZE_MAX, 0), -HX_EINVAL);
	assert_int_equal(hx_mmu_space_map(&space, hx_mmu_user_end() - HX_PAGE_SIZE, ram, 1, 0), 0);
	assert_int_equal(hx_mmu_space_map(&space, AT, ram, 4, HX_MAP_EXEC), 0);
	assert_int_equal(hx_mmu_space_map(&space, AT + 3 * HX_PAGE_SIZE, ram, 1, 0), -HX_EEXIST);
	assert_int_equal(hx_mmu_space_map(&space, AT - HX_PAGE_SIZE, ram, 2, 0), -HX_EEXIST);
	assert_int_equal(hx_mmu_space_protect(&space, AT, 4, 0, HX_MAP_WRITE), -HX_EINVAL);
	assert_int_equal(hx_mmu_space_protect(&space, AT, 4, 0, both), -HX_EINVAL);
	assert_int_equal(hx_mmu_space_replace(&space, &page), -HX_EINVAL);
	page.va = AT - HX_PAGE_SIZE;
	page.flags = 0;
	assert_int_equal(hx_mmu_space_replace(&space, &page), -HX_ENOENT);
}

static void mapping_without_table_pages_leaves_nothing(void **state)
{
	for (most_out = 1; ; most_out++) {
		struct hx_mmu_page page;
		int err = hx_mmu_space_map(&space, AT - HX_PAGE_SIZE, ram, 3, 0);

		if (err == 0)
			break;
		assert_int_equal(err, -HX_ENOMEM);
		assert_int_equal(hx_mmu_space_query(&space, AT - HX_PAGE_SIZE, &page), -HX_ENOENT);
		hx_mmu_space_trim(&space, AT - HX_PAGE_SIZE, AT + HX_PAGE_SIZE, 0,
				  hx_mmu_user_end());
		assert_int_equal(n_out, 1);
	}
	assert_true(most_out > 3);
}

static void tables_that_a_neighbour_needs_stay(void **state)
{
	assert_int_equal(hx_mmu_space_map(&space, AT, ram, 1, 0), 0);
	assert_int_equal(hx_mmu_space_map(&space, AT + 8 * HX_PAGE_SIZE, ram, 1, 0), 0);
	assert_int_equal(hx_mmu_space_unmap(&space, AT, 1, NULL, NULL), 0);
	hx_mmu_space_trim(&space, AT, AT + HX_PAGE_SIZE, 0, AT + 8 * HX_PAGE_SIZE);
	assert_int_equal(space.n_tables, hx_mmu_levels());
	assert_true(hx_mmu_space_has_table(&space, AT));
}

static void count_visit(void *arg, const struct hx_mmu_page *page)
{
	assert_int_equal(page->pa - ram, page->va - AT);
	++*(unsigned *)arg;
}

static void cut_page_keeps_what_it_showed(void **state)
{
	struct hx_mmu_page page;
	unsigned n = 0;
	uint32_t word = 7, got = 0;

	assert_int_equal(hx_mmu_space_map(&space, AT, ram, 512, HX_MAP_WRITE | HX_MAP_TAG0), 0);
	load(&space);
	assert_int_equal(hx_copy_to_user(AT + 300 * HX_PAGE_SIZE, &word, 4), 0);
	most_out = n_out;
	assert_int_equal(hx_mmu_space_split(&space, AT + 5, HX_MAP_TAG1), -HX_ENOMEM);
	most_out = 1000;
	assert_int_equal(hx_mmu_space_split(&space, AT + 5, HX_MAP_TAG1), 0);
	assert_int_equal(hx_mmu_space_split(&space, AT + 5, HX_MAP_TAG1), 0);
	assert_int_equal(hx_mmu_space_query(&space, AT + 300 * HX_PAGE_SIZE, &page), 0);
	assert_int_equal(page.bytes, HX_PAGE_SIZE);
	assert_int_equal(page.flags & ~(HX_MAP_ACCESSED | HX_MAP_DIRTY),
			 HX_MAP_WRITE | HX_MAP_TAG0 | HX_MAP_TAG1);
	assert_int_equal(hx_copy_from_user(&got, AT + 300 * HX_PAGE_SIZE, 4), 0);
	assert_int_equal(got, 7);
	assert_int_equal(hx_mmu_space_unmap(&space, AT, 300, count_visit, &n), 0);
	assert_int_equal(n, 300);
	assert_int_equal(hx_copy_from_user(&got, AT + 299 * HX_PAGE_SIZE, 4), -HX_EFAULT);
	assert_int_equal(hx_copy_from_user(&got, AT + 300 * HX_PAGE_SIZE, 4), 0);
}

static void count_flush(const struct hx_mmu_space *s, uintptr_t va, size_t n_pages)
{
	n_flushes++;
	hx_mmu_flush_local(s, va, n_pages);
}

static void only_what_is_lost_is_flushed(void **state)
{
	hx_mmu_set_shootdown(count_flush);
	assert_int_equal(hx_mmu_space_map(&space, AT, ram, 100, 0), 0);
	n_flushes = 0;
	assert_int_equal(hx_mmu_space_protect(&space, AT, 100, HX_MAP_EXEC, HX_MAP_WRITE), 0);
	assert_int_equal(hx_mmu_space_unmap(&space, AT, 1, NULL, NULL), 0);
	assert_int_equal(n_flushes, 0);		/* nobody has it loaded */
	load(&space);
	assert_int_equal(hx_mmu_space_protect(&space, AT, 100, HX_MAP_WRITE, 0), 0);
	assert_int_equal(n_flushes, 1);
	assert_int_equal(hx_mmu_space_protect(&space, AT, 100, HX_MAP_EXEC, HX_MAP_WRITE), 0);
	assert_int_equal(n_flushes, 1);
	assert_int_equal(hx_mmu_space_unmap(&space, AT, 100, NULL, NULL), 0);
	assert_int_equal(n_flushes, 1 + 4);	/* 99 pages, 32 at a time */
}

/* ---- several CPUs, played one after the other */

enum { CPUS = 3, SPACES = 9, PAGES = 40, STEPS = 60000 };

static struct hx_mmu_space many[SPACES];
static int shown[SPACES][PAGES];		/* frame + 1; 0: nothing */
static bool may_write[SPACES][PAGES];
static int loaded[CPUS];			/* space; -1: none */

/* What the interrupts between CPUs do: each that has it loaded flushes before this returns. */
static void flush_everywhere(const struct hx_mmu_space *s, uintptr_t va, size_t n_pages)
{
	uint32_t me = hx_percpu()->cpu;

	for (uint32_t cpu = 0; cpu < CPUS; cpu++) {
		if (s != NULL && (s->cpus >> cpu & 1) == 0)
			continue;
		hx_percpu()->cpu = cpu;
		hx_mmu_flush_local(s, va, n_pages);
	}
	hx_percpu()->cpu = me;
}

static hx_paddr_t frame(int i)
{
	return ram + (hx_paddr_t)i * HX_PAGE_SIZE;
}

/* Each frame holds its number: what is read tells which translation was used. */
static void access_one(unsigned i, unsigned page)
{
	int got = -1, err = hx_copy_from_user(&got, AT + page * HX_PAGE_SIZE, sizeof(got));

	if (shown[i][page] == 0) {
		assert_int_equal(err, -HX_EFAULT);
		return;
	}
	assert_int_equal(err, 0);
	assert_int_equal(got, shown[i][page] - 1);
	assert_int_equal(hx_copy_to_user(AT + page * HX_PAGE_SIZE, &got, sizeof(got)),
			 may_write[i][page] ? 0 : -HX_EFAULT);
}

static void change_one(uint64_t *seed, unsigned i, unsigned page)
{
	unsigned n = 1 + (unsigned)hx_test_random_below(seed, PAGES - page), p = page;
	int f = (int)hx_test_random_below(seed, 1000);
	struct hx_mmu_page new = { .va = AT + page * HX_PAGE_SIZE, .pa = frame(f) };

	switch (hx_test_random_below(seed, 5)) {
	case 4:
		/* All of it, with the tables. */
		page = p = 0;
		n = PAGES;
		/* fall through */
	case 0:
		assert_int_equal(hx_mmu_space_unmap(&many[i], AT + page * HX_PAGE_SIZE, n, NULL,
						    NULL), 0);
		for (; p < page + n; p++)
			shown[i][p] = 0;
		if (n == PAGES)
			hx_mmu_space_trim(&many[i], AT, AT + PAGES * HX_PAGE_SIZE, 0,
					  hx_mmu_user_end());
		break;
	case 1:
		assert_int_equal(hx_mmu_space_protect(&many[i], AT + page * HX_PAGE_SIZE, n,
						      HX_MAP_WRITE, 0), 0);
		for (; p < page + n; p++)
			may_write[i][p] = false;
		break;
	case 2:
		if (hx_mmu_space_replace(&many[i], &new) != 0)
			break;
		shown[i][page] = f + 1;
		may_write[i][page] = false;
		break;
	default:
		if (shown[i][page] != 0)
			break;
		assert_int_equal(hx_mmu_space_map(&many[i], AT + page * HX_PAGE_SIZE, frame(f), 1,
						  HX_MAP_WRITE), 0);
		shown[i][page] = f + 1;
		may_write[i][page] = true;
	}
}

static void renew(unsigned i)
{
	hx_mmu_space_fini(&many[i]);
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		loaded[cpu] = loaded[cpu] == (int)i ? -1 : loaded[cpu];
	assert_int_equal(many[i].cpus, 0);
	assert_int_equal(hx_mmu_space_init(&many[i]), 0);
	memset(shown[i], 0, sizeof(shown[i]));
}

static void play(unsigned levels, bool tags)
{
	uint64_t seed = hx_test_seed() + levels + tags;

	hx_host_set_paging(levels, tags);
	hx_mmu_set_shootdown(flush_everywhere);
	for (int f = 0; f < 1000; f++)
		*(int *)hx_phys_to_virt(frame(f)) = f;
	for (unsigned i = 0; i < SPACES; i++)
		assert_int_equal(hx_mmu_space_init(&many[i]), 0);
	memset(shown, 0, sizeof(shown));
	memset(loaded, 0xff, sizeof(loaded));
	for (unsigned step = 0; step < STEPS; step++) {
		uint32_t cpu = (uint32_t)hx_test_random_below(&seed, CPUS);
		unsigned i = (unsigned)hx_test_random_below(&seed, SPACES);
		unsigned page = (unsigned)hx_test_random_below(&seed, PAGES);

		hx_percpu()->cpu = cpu;
		if (step % 1000 == 999)
			renew(i);
		else if (step % 5 == 0)
			load(&many[i]), loaded[cpu] = (int)i;
		else if (step % 5 == 1)
			change_one(&seed, i, page);
		else if (loaded[cpu] >= 0)
			access_one((unsigned)loaded[cpu], page);
	}
	for (uint32_t cpu = CPUS; cpu-- > 0;) {
		hx_percpu()->cpu = cpu;
		load(NULL);
	}
	for (unsigned i = 0; i < SPACES; i++)
		hx_mmu_space_fini(&many[i]);
}

static void no_cpu_uses_an_old_translation(void **state)
{
	play(4, false);
}

static void no_cpu_uses_an_old_translation_with_tags(void **state)
{
	play(5, true);
}

/* With tags, coming back costs nothing that is still right: seen by the frame behind the table. */
static void translations_survive_a_switch_with_tags(void **state)
{
	struct hx_mmu_space other;
	int got;

	assert_int_equal(hx_mmu_space_init(&other), 0);
	assert_int_equal(hx_mmu_space_map(&space, AT, ram, 1, 0), 0);
	load(&space);
	assert_int_equal(hx_copy_from_user(&got, AT, sizeof(got)), 0);
	load(&other);
	/* Take the entry away without telling: a CPU that kept the translation does not notice. */
	assert_int_equal(hx_mmu_space_unmap(&space, AT, 1, NULL, NULL), 0);
	space.generation--;
	load(&space);
	assert_int_equal(hx_copy_from_user(&got, AT, sizeof(got)), 0);
	load(&other);
	space.generation++;
	load(&space);
	assert_int_equal(hx_copy_from_user(&got, AT, sizeof(got)), -HX_EFAULT);
	load(NULL);
	hx_mmu_space_fini(&other);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_5(name)	cmocka_unit_test_setup_teardown(name, set_up_5, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pages_of_every_size_are_chosen_by_alignment),
		TEST_5(pages_of_every_size_are_chosen_by_alignment),
		TEST(what_makes_no_sense_is_refused),
		TEST_5(what_makes_no_sense_is_refused),
		TEST(mapping_without_table_pages_leaves_nothing),
		TEST(tables_that_a_neighbour_needs_stay),
		TEST_5(tables_that_a_neighbour_needs_stay),
		TEST(cut_page_keeps_what_it_showed),
		TEST_5(cut_page_keeps_what_it_showed),
		TEST(only_what_is_lost_is_flushed),
		TEST(no_cpu_uses_an_old_translation),
		TEST_5(no_cpu_uses_an_old_translation_with_tags),
		TEST_5(translations_survive_a_switch_with_tags),
	};

	return cmocka_run_group_tests_name("space", tests, NULL, NULL);
}
