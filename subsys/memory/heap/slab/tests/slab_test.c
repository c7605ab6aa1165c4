/* SPDX-License-Identifier: MIT */
/*
 * What only the slab heap promises: slabs are reused, empty ones go back to frames, and do so at
 * once when pages run out; no page that merely looks like a slab is taken for one.
 */
#include <hx/config/core_lib.h>
#include <hx/config/core_mem.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/string.h>
#include <hx/hal/mmu.h>
#include <hx_test.h>

#include "../slab_priv.h"

#define PER_SLAB	63u	/* blocks of 64 bytes in 4 KiB less the header */

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

static void empty_slabs_go_back_but_one(void **state)
{
	static void *p[10 * PER_SLAB];
	uint64_t n_free = hx_frames_n_free();

	for (unsigned i = 0; i < HX_ARRAY_LEN(p); i++)
		p[i] = hx_alloc(64);
	assert_int_equal(reserved(), 10 * HX_PAGE_SIZE);
	assert_int_equal(hx_frames_n_free(), n_free - 10);
	for (unsigned i = 0; i < HX_ARRAY_LEN(p); i++)
		hx_free(p[i]);
	/* The current slab and one empty one stay. */
	assert_int_equal(reserved(), 2 * HX_PAGE_SIZE);
	assert_int_equal(hx_frames_n_free(), n_free - 2);
}

static void full_slab_with_room_again_is_used_before_a_new_one(void **state)
{
	static void *p[3 * PER_SLAB];
	void *again;

	for (unsigned i = 0; i < HX_ARRAY_LEN(p); i++)
		p[i] = hx_alloc(64);
	assert_int_equal(reserved(), 3 * HX_PAGE_SIZE);
	hx_free(p[7]);			/* in the first slab, full and put away */
	again = hx_alloc(64);		/* the current one is full as well */
	assert_ptr_equal(again, p[7]);
	assert_int_equal(reserved(), 3 * HX_PAGE_SIZE);
	for (unsigned i = 0; i < HX_ARRAY_LEN(p); i++)
		hx_free(p[i]);
	reserved();
}

static void empty_slabs_are_reclaimed_when_pages_run_out(void **state)
{
	static hx_paddr_t hog[8 * 256];
	static void *p[2 * PER_SLAB];
	unsigned n = 0;
	void *other;

	for (unsigned i = 0; i < HX_ARRAY_LEN(p); i++)
		p[i] = hx_alloc(64);
	for (unsigned i = 0; i < HX_ARRAY_LEN(p); i++)
		hx_free(p[i]);
	assert_int_equal(reserved(), 2 * HX_PAGE_SIZE);
	while (hx_frames_alloc(0, 0, &hog[n]) == 0)
		n++;
	other = hx_alloc(512);		/* of another class: only the empty slab's page is left */
	assert_non_null(other);
	assert_int_equal(reserved(), 2 * HX_PAGE_SIZE);
	assert_null(hx_alloc(128));
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

/* With more than one CPU: an alloc that finds the lock taken is served from its CPU's magazine; a
 * free of a block in there is refused, and none is lost when pages run out. */
static void magazines_serve_while_the_lock_is_taken(void **state)
{
	void *again, *first = NULL, *p = hx_alloc(64), *got[7];
	struct slab *s = (struct slab *)hx_align_down((uintptr_t)p, HX_PAGE_SIZE);
	hx_irqflags_t irq;
	uint64_t n = 0;

	if (HX_ENABLED(ONE_CPU)) {
		hx_free(p);
		skip();
	}
	hx_heap_set_refusal(refused);
	for (uint32_t cpu = 0; cpu < 2; cpu++) {	/* as after having waited */
		hx_percpu()->cpu = cpu;
		irq = hx_spin_lock_irqsave(&slab_lock);
		slab_mag_fill(s, SLAB_SMALL);
		hx_spin_unlock_irqrestore(&slab_lock, irq);
	}
	assert_int_equal(hx_heap_check(), 0);
	assert_int_equal(slab_mag_n_blocks(), 14);
	hx_free((char *)p + 64);			/* the next one: in a magazine */
	assert_int_equal(n_refused, 1);
	assert_int_equal(hx_alloc_size((char *)p + 64), 0);
	slab_lock.locked = 1;				/* another CPU has it */
	for (unsigned i = 0; i < 7; i++) {
		got[i] = hx_alloc(64);
		assert_non_null(got[i]);
		assert_int_equal(hx_alloc_size(got[i]), 64);
	}
	slab_lock.locked = 0;
	assert_int_equal(slab_mag_n_blocks(), 7);
	assert_int_equal(hx_heap_check(), 0);
	for (unsigned i = 0; i < 7; i++)
		hx_free(got[i]);
	while ((again = hx_alloc(4096)) != NULL) {	/* until pages run out */
		*(void **)again = first;
		first = again;
	}
	assert_int_equal(slab_mag_n_blocks(), 0);
	while ((again = hx_alloc(64)) != NULL) {
		*(void **)again = first;
		first = again;
		n++;
	}
	assert_true(n >= PER_SLAB - 1);
	for (; first != NULL; first = again) {
		again = *(void **)first;
		hx_free(first);
	}
	hx_free(p);
	hx_percpu()->cpu = 0;
	hx_heap_set_refusal(NULL);
	assert_int_equal(n_refused, 1);
	reserved();
}

static void power_of_two_blocks_are_aligned_to_their_size(void **state)
{
	void *p[40];

	for (size_t size = 64; size <= 4096; size *= 2) {
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
		CASE(magazines_serve_while_the_lock_is_taken),
		CASE(power_of_two_blocks_are_aligned_to_their_size),
	};

	return cmocka_run_group_tests_name("slab", tests, NULL, NULL);
}
