/* SPDX-License-Identifier: MIT */
/*
 * What only the slab heap promises: slabs are reused, empty ones go back to frames, and do so at
 * once when pages run out, with the blocks of all magazines; no page that merely looks like a slab
 * is taken for one; blocks above 4 MiB, and blocks with guards.
 */
#include <hx/config/core_lib.h>
#include <hx/config/core_mem.h>
#include <hx/config/subsys_memory_heap_slab.h>
#include <hx/core/fault.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/string.h>
#include <hx/core/text.h>
#include <hx/hal/mmu.h>
#include <hx_test.h>

#include "../slab_priv.h"

#define PER_SLAB	62u	/* blocks of 64 bytes in 4 KiB less the header */
#define IN_MAGAZINE	(SLAB_MAG_BLOCKS + 1u)	/* … and the hot one */
#define CPUS		3u

static int heap_up(void **state)
{
	struct hx_host_params p = { .mem_bytes = 8 * HX_MIB, .seed = 1 };
	const struct hx_heap_ops *const *it, *slab = NULL;
	const struct hx_boot_info *info;

	HX_SECTION_FOREACH(it, hx_heap_classes) {
		if (hx_strcmp((*it)->name, "slab") == 0)
			slab = *it;
	}
	if (slab == NULL || hx_host_start(&p, &info) != 0 ||
	    hx_frames_start(__start_hx_frames_classes[0], info) != 0)
		return -1;
	if (HX_ENABLED(HEAP_WATCH))
		hx_heap_set_watch(0);		/* sizes are counted here */
	return hx_heap_start(slab);
}

static int heap_down(void **state)
{
	hx_heap_stop();
	hx_frames_stop();
	hx_host_stop();
	return 0;
}

static unsigned n_refused;

static void refused(const void *ptr, int why)
{
	n_refused++;
}

static uint64_t reserved(void)
{
	struct hx_heap_stats s;

	assert_int_equal(hx_heap_check(), 0);
	hx_heap_stats(&s);
	return s.reserved_bytes;
}

static void shrink(void)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&slab_lock);

	slab_shrink_locked();
	hx_spin_unlock_irqrestore(&slab_lock, irq);
}

static void take_all(void **p, unsigned n, size_t size)
{
	for (unsigned i = 0; i < n; i++)
		assert_non_null(p[i] = hx_alloc(size));
}

static void free_all(void **p, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		hx_free(p[i]);
}

/* It grows by slabs and shrinks by slabs: what stays is what the magazine holds, and one. */
static void empty_slabs_go_back_but_one(void **state)
{
	static void *p[10 * PER_SLAB];
	uint64_t n_free = hx_frames_n_free();

	take_all(p, HX_ARRAY_LEN(p), 64);
	assert_int_equal(reserved(), 10 * HX_PAGE_SIZE);
	assert_int_equal(hx_frames_n_free(), n_free - 10);
	free_all(p, HX_ARRAY_LEN(p));
	assert_in_range(slab_mags_n_blocks(), 1, IN_MAGAZINE);
	assert_in_range(reserved(), HX_PAGE_SIZE, 4 * HX_PAGE_SIZE);
	shrink();
	assert_int_equal(slab_mags_n_blocks(), 0);
	assert_int_equal(reserved(), 0);
	assert_int_equal(hx_frames_n_free(), n_free);
}

static void full_slab_with_room_again_is_used_before_a_new_one(void **state)
{
	static void *p[3 * PER_SLAB], *again[IN_MAGAZINE + 2];

	take_all(p, HX_ARRAY_LEN(p), 64);
	assert_int_equal(reserved(), 3 * HX_PAGE_SIZE);
	free_all(p, HX_ARRAY_LEN(again));	/* all in the first slab, which is full */
	take_all(again, HX_ARRAY_LEN(again), 64);
	for (unsigned i = 0; i < HX_ARRAY_LEN(again); i++)
		assert_int_equal(hx_align_down((uintptr_t)again[i], HX_PAGE_SIZE),
				 hx_align_down((uintptr_t)p[0], HX_PAGE_SIZE));
	assert_int_equal(reserved(), 3 * HX_PAGE_SIZE);
	free_all(again, HX_ARRAY_LEN(again));
	free_all(p + HX_ARRAY_LEN(again), HX_ARRAY_LEN(p) - HX_ARRAY_LEN(again));
	reserved();
}

/* A block freed last is handed out first, whatever else was freed before. */
static void hot_block_comes_back_first(void **state)
{
	void *p[3], *again;

	take_all(p, 3, 100);
	hx_free(p[1]);
	again = hx_alloc(100);
	assert_ptr_equal(again, p[1]);
	free_all(p, 3);
	reserved();
}

static void empty_slabs_are_reclaimed_when_pages_run_out(void **state)
{
	static hx_paddr_t hog[8 * 256];
	static void *p[2 * PER_SLAB];
	unsigned n = 0;
	void *other;

	take_all(p, HX_ARRAY_LEN(p), 64);
	free_all(p, HX_ARRAY_LEN(p));
	while (hx_frames_alloc(0, 0, &hog[n]) == 0)
		n++;
	/* Of another class: only pages that the magazine and an empty slab hold are left. */
	other = hx_alloc(512);
	assert_non_null(other);
	assert_int_equal(reserved(), HX_PAGE_SIZE);
	assert_int_equal(slab_mags_n_blocks(), 2);	/* half a magazine beside the block */
	assert_true(hx_alloc(128) != NULL && hx_frames_n_free() == 0);
	hx_free(other);
	while (n > 0)
		assert_int_equal(hx_frames_free(hog[--n], 0), 0);
}

/* A page that went back keeps no mark; one that points to itself is still no slab. */
static void looks_do_not_make_a_slab(void **state)
{
	hx_paddr_t pa;
	uintptr_t *page;

	assert_int_equal(hx_frames_alloc(0, HX_FRAMES_ZERO, &pa), 0);
	page = hx_phys_to_virt(pa);
	memset(page, 0xff, HX_PAGE_SIZE);
	page[0] = (uintptr_t)page;	/* as an empty list's head does */
	assert_int_equal(hx_alloc_size((char *)page + 64), 0);
	page[0] = (uintptr_t)page + SLAB_SELF + 64;
	assert_int_equal(hx_alloc_size((char *)page + 64), 0);
	assert_int_equal(hx_frames_free(pa, 0), 0);
}

/* Each CPU has its own; a free of a block that is in one is refused, on any CPU; and none is lost
 * when pages run out. */
static void magazines_of_all_cpus_keep_and_give_back(void **state)
{
	static void *p[CPUS * IN_MAGAZINE];
	void *again, *first = NULL;

	if (HX_ENABLED(ONE_CPU))
		skip();
	hx_heap_set_refusal(refused);
	n_refused = 0;
	for (uint32_t cpu = 0; cpu < CPUS; cpu++) {
		hx_percpu()->cpu = cpu;
		take_all(p + cpu * IN_MAGAZINE, IN_MAGAZINE, 64);
	}
	shrink();
	for (uint32_t cpu = 0; cpu < CPUS; cpu++) {
		hx_percpu()->cpu = cpu;
		free_all(p + cpu * IN_MAGAZINE, IN_MAGAZINE);
		assert_int_equal(slab_mags_n_blocks(), (cpu + 1) * IN_MAGAZINE);
	}
	assert_int_equal(hx_heap_check(), 0);
	for (unsigned i = 0; i < HX_ARRAY_LEN(p); i++) {
		hx_free(p[i]);
		assert_int_equal(n_refused, i + 1);
		assert_int_equal(hx_alloc_size(p[i]), 0);
	}
	hx_percpu()->cpu = 1;
	while ((again = hx_alloc(4096)) != NULL) {	/* until pages run out */
		*(void **)again = first;
		first = again;
	}
	while ((again = hx_alloc(64)) != NULL) {
		*(void **)again = first;
		first = again;
	}
	assert_int_equal(slab_mags_n_blocks(), 0);
	assert_int_equal(hx_heap_check(), 0);
	for (; first != NULL; first = again) {
		again = *(void **)first;
		hx_free(first);
	}
	hx_percpu()->cpu = 0;
	hx_heap_set_refusal(NULL);
	assert_int_equal(n_refused, HX_ARRAY_LEN(p));
	reserved();
}

/* Who finds a magazine taken, an interrupt in the middle of it, neither waits nor fails. */
static void busy_magazine_is_gone_around(void **state)
{
	struct slab_mag *m = &slab_cpu_boot.mag[3];	/* 64 bytes */
	void *p[3 * IN_MAGAZINE];

	for (unsigned turn = 0; turn < 2; turn++) {
		uint64_t n_plus_1 = turn == 0 ? 1 : 0;

		if (turn == 1) {
			n_plus_1 = m->n_plus_1;
			m->n_plus_1 = 0;
		}
		take_all(p, HX_ARRAY_LEN(p), 64);
		for (unsigned i = 0; i < HX_ARRAY_LEN(p); i++)
			assert_int_equal(hx_alloc_size(p[i]), 64);
		free_all(p, HX_ARRAY_LEN(p));
		if (turn == 1) {
			assert_int_equal(m->n_plus_1, 0);
			shrink();		/* leaves what is in it alone */
			m->n_plus_1 = n_plus_1;
		}
		assert_int_equal(hx_heap_check(), 0);
	}
	shrink();
	assert_int_equal(reserved(), 0);
}

static void sizes_are_rounded_up_by_a_quarter_at_most(void **state)
{
	for (size_t size = 1; size <= SLAB_LARGE_MAX; size++) {
		void *p = hx_alloc(size);
		size_t usable = hx_alloc_size(p);

		assert_true(usable >= size && (usable < size + 16 || usable * 4 <= size * 5));
		hx_free(p);
	}
	reserved();
}

/* In the kernel's heap area: page by page, so that no run of that length is needed. */
static void huge_blocks_are_mapped(void **state)
{
	const size_t sizes[] = { 4 * HX_MIB + 1, 5 * HX_MIB };
	uint64_t n_free = hx_frames_n_free();
	hx_irqflags_t irq;

	if (!HX_ENABLED(HEAP_SLAB_HUGE)) {
		assert_null(hx_alloc(4 * HX_MIB + 1));
		return;
	}
	hx_heap_set_refusal(refused);
	n_refused = 0;
	hx_irq_enable();
	for (unsigned i = 0; i < HX_ARRAY_LEN(sizes); i++) {
		uint8_t *p = hx_alloc(sizes[i]);

		assert_non_null(p);
		assert_int_equal(hx_alloc_size(p),
				 hx_align_up(sizes[i], HX_ENABLED(HEAP_GUARDS) ? HX_HEAP_ALIGN :
								     HX_PAGE_SIZE));
		memset(p, 0xa5, sizes[i]);
		assert_in_range(reserved(), sizes[i], sizes[i] + 4 * HX_PAGE_SIZE);
		hx_free(p + HX_PAGE_SIZE);
		assert_int_equal(n_refused, 2 * i + 1);
		irq = hx_irq_save();
		assert_null(hx_alloc(sizes[i]));	/* nobody may sleep here */
		if (i == 0)
			hx_irq_restore(irq);
		hx_free(p);			/* the second time it has to wait */
		hx_free(p);
		assert_int_equal(n_refused, 2 * i + 2);
		assert_int_equal(hx_alloc_size(p), 0);
		if (i == 1)
			hx_irq_restore(irq);
		assert_int_equal(hx_heap_check(), 0);
		assert_true((slab_heap.dead != NULL) == (i == 1));
	}
	assert_null(hx_alloc(7 * HX_MIB + HX_MIB / 2));		/* more than there is; it buries */
	assert_null(slab_heap.dead);
	hx_irq_disable();
	shrink();
	assert_int_equal(reserved(), 0);
	hx_heap_set_refusal(NULL);
	assert_in_range(hx_frames_n_free(), n_free - 16, n_free);	/* page tables */
}

static bool is_mapped(uintptr_t va)
{
	hx_paddr_t pa;
	unsigned flags;

	return hx_mmu_query(va, &pa, &flags) == 0;
}

static bool is_guarded(const void *p)
{
	struct hx_area_bounds area = hx_mmu_area(HX_AREA_HEAP);

	return (uintptr_t)p >= area.start && (uintptr_t)p < area.end;
}

/* What the report would say of an access. */
static const char *explained(uintptr_t address)
{
	static char said[160];
	struct hx_text_buf b;

	hx_text_buf_init(&b, said, sizeof(said));
	return hx_heap_explain(address, &b.text) ? said : "";
}

/* A block with guards ends where its pages end, and lies between pages that fault. */
static void large_blocks_have_guards(void **state)
{
	static const size_t sizes[] = { 4096, 4097, 5000, 8192 - 15, 100000 };
	char expected[160];

	if (!HX_ENABLED(HEAP_GUARDS))
		skip();
	hx_irq_enable();
	for (unsigned i = 0; i < HX_ARRAY_LEN(sizes); i++) {
		char *p = hx_alloc(sizes[i]), *q = hx_alloc_aligned(sizes[i], 512);
		uintptr_t end = (uintptr_t)p + hx_alloc_size(p);

		assert_true(is_guarded(p) && is_guarded(q));
		assert_int_equal(hx_alloc_size(p), hx_align_up(sizes[i], HX_HEAP_ALIGN));
		assert_in_range(hx_alloc_size(q), sizes[i], sizes[i] + 511);
		assert_int_equal((uintptr_t)p % HX_HEAP_ALIGN, 0);
		assert_int_equal((uintptr_t)q % 512, 0);
		memset(p, 1, hx_alloc_size(p));
		memset(q, 2, hx_alloc_size(q));
		assert_true(is_mapped(end - 1));
		assert_false(is_mapped(end));
		assert_false(is_mapped(hx_align_down((uintptr_t)p, HX_PAGE_SIZE) - 1));
		snprintf(expected, sizeof(expected), "heap: byte %zu of the block of %zu bytes "
			 "at %p\n", hx_alloc_size(p) + 7, hx_alloc_size(p), (void *)p);
		assert_string_equal(explained(end + 7), expected);
		snprintf(expected, sizeof(expected), "heap: 3 bytes before the block of %zu bytes "
			 "at %p\n", hx_alloc_size(q), (void *)q);
		assert_string_equal(explained((uintptr_t)q - 3), expected);
		hx_free(q);
		hx_free(p);
		assert_false(is_mapped((uintptr_t)p));
		assert_string_equal(explained((uintptr_t)p),
				    "heap: no block is there: it was freed, or never was one\n");
		assert_string_equal(explained((uintptr_t)&end), "");
	}
	hx_irq_disable();
	shrink();
	assert_int_equal(reserved(), 0);
}

/* Guards are left out, not the block, when a page for them cannot be had or nobody may sleep. */
static void blocks_go_without_guards_where_they_cannot_be_had(void **state)
{
	unsigned n_without = 0;

	if (!HX_ENABLED(HEAP_GUARDS) || !HX_ENABLED(FAULT_INJECTION))
		skip();
	for (unsigned k = 1; ; k++) {
		char spec[32], *p;
		bool was_hit;

		shrink();
		assert_int_equal(reserved(), 0);
		snprintf(spec, sizeof(spec), "frames.alloc:%u", k);
		hx_irq_enable();
		assert_int_equal(hx_fault_arm(spec), 0);
		p = hx_alloc(9 * HX_PAGE_SIZE);
		was_hit = hx_fault_disarm("frames.alloc") != 0;
		if (p != NULL)
			memset(p, 3, hx_alloc_size(p));
		n_without += p != NULL && !is_guarded(p);
		hx_free(p);
		hx_irq_disable();
		if (!was_hit)
			break;
	}
	assert_true(n_without >= 9);
	assert_false(is_guarded(hx_alloc(9 * HX_PAGE_SIZE)));	/* interrupts are off */
}

static void power_of_two_blocks_are_aligned_to_their_size(void **state)
{
	void *p[40];

	for (size_t size = 16; size <= 2048; size *= 2) {
		for (unsigned i = 0; i < HX_ARRAY_LEN(p); i++) {
			p[i] = hx_alloc(size);
			assert_int_equal((uintptr_t)p[i] % size, 0);
		}
		for (unsigned i = 0; i < HX_ARRAY_LEN(p); i++)
			hx_free(p[i]);
	}
	reserved();
}

#define CASE(fn_)	cmocka_unit_test_setup_teardown(fn_, heap_up, heap_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(empty_slabs_go_back_but_one),
		CASE(full_slab_with_room_again_is_used_before_a_new_one),
		CASE(empty_slabs_are_reclaimed_when_pages_run_out),
		CASE(looks_do_not_make_a_slab),
		CASE(hot_block_comes_back_first),
		CASE(magazines_of_all_cpus_keep_and_give_back),
		CASE(busy_magazine_is_gone_around),
		CASE(sizes_are_rounded_up_by_a_quarter_at_most),
		CASE(huge_blocks_are_mapped),
		CASE(large_blocks_have_guards),
		CASE(blocks_go_without_guards_where_they_cannot_be_had),
		CASE(power_of_two_blocks_are_aligned_to_their_size),
	};

	return cmocka_run_group_tests_name("slab", tests, NULL, NULL);
}
