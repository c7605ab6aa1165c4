/* SPDX-License-Identifier: MIT */
/*
 * Spaces against a model: an array of pages per space. Random maps, unmaps, protections, clones,
 * reads and writes; after each the answer, and now and then all invariants, must agree. The host's
 * CPU keeps old translations, so forgotten flushes show as well.
 */
#include "hx_test.h"

#include <hx/config/core_mem.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/vm/vm.h>

#include "vm_priv.h"

#define BASE		((uintptr_t)1 << 32)
#define PAGES		2200u		/* four blocks of 2 MiB, and some */
#define SPACES		5u
#define OBJECTS		3u
#define OBJECT_PAGES	24u
#define STEPS		30000u

enum kind { NOTHING, GUARD, PRIVATE, SHARED };

struct page {
	uint8_t kind, prot, object, object_page;
	uint32_t value;		/* of a private page */
};

static struct {
	struct hx_vm_space *s;	/* NULL: none */
	struct page page[PAGES];
} model[SPACES];
static struct hx_vm_object *objects[OBJECTS];
static uint32_t object_value[OBJECTS][OBJECT_PAGES];
static uint64_t seed;
static unsigned now;		/* the space the thread is in */

static unsigned below(unsigned n)
{
	return (unsigned)hx_test_random_below(&seed, n);
}

static uintptr_t at(unsigned page)
{
	return BASE + (uintptr_t)page * HX_PAGE_SIZE;
}

static uint32_t *value_of(struct page *p)
{
	return p->kind == SHARED ? &object_value[p->object][p->object_page] : &p->value;
}

static unsigned some_prot(void)
{
	static const uint8_t prots[] = { HX_VM_NONE, HX_VM_READ, HX_VM_READ | HX_VM_EXEC,
					 HX_VM_READ | HX_VM_WRITE, HX_VM_READ | HX_VM_WRITE,
					 HX_VM_READ | HX_VM_WRITE };

	return prots[below(HX_ARRAY_LEN(prots))];
}

/* Mostly short, sometimes over blocks of 2 MiB, sometimes on their borders. */
static void some_range(unsigned *page, unsigned *n)
{
	*page = below(PAGES);
	*n = below(8) == 0 ? 1 + below(PAGES) : 1 + below(20);
	if (below(6) == 0)
		*page = *page / 512 * 512, *n = 512;
	*n = (unsigned)hx_min_u64(*n, PAGES - *page);
}

static void do_map(void)
{
	struct hx_vm_params p = { .flags = HX_VM_FIXED };
	unsigned page, n, what = below(6), object = below(OBJECTS), first = 0;
	bool is_free = true;
	uintptr_t va = 0;
	int err;

	some_range(&page, &n);
	if (what == 0) {
		p.flags |= HX_VM_GUARD;
	} else if (what == 1) {
		n = 1 + n % OBJECT_PAGES;
		n = (unsigned)hx_min_u64(n, PAGES - page);
		first = below(OBJECT_PAGES - n + 1);
		p.object = objects[object];
		p.offset_bytes = (uint64_t)first * HX_PAGE_SIZE;
	} else if (what == 2 && n < 100) {
		p.flags |= HX_VM_POPULATE;
	} else if (what >= 3) {
		p.flags |= HX_VM_HUGE;
	}
	p.va = at(page);
	p.size_bytes = (size_t)n * HX_PAGE_SIZE - below(HX_PAGE_SIZE);
	p.prot = some_prot();
	for (unsigned i = page; i < page + n; i++)
		is_free &= model[now].page[i].kind == NOTHING;
	err = hx_vm_map(model[now].s, &p, &va);
	assert_int_equal(err, is_free ? 0 : -HX_EEXIST);
	if (err != 0)
		return;
	assert_int_equal(va, p.va);
	for (unsigned i = 0; i < n; i++)
		model[now].page[page + i] = (struct page){
			.kind = what == 0 ? GUARD : what == 1 ? SHARED : PRIVATE,
			.prot = (uint8_t)p.prot, .object = (uint8_t)object,
			.object_page = (uint8_t)(first + i),
		};
}

static void do_unmap(void)
{
	unsigned page, n;

	some_range(&page, &n);
	assert_int_equal(hx_vm_unmap(model[now].s, at(page), (size_t)n * HX_PAGE_SIZE), 0);
	memset(&model[now].page[page], 0, n * sizeof(struct page));
}

static void do_protect(void)
{
	unsigned page, n, prot = some_prot();
	int want = 0;

	some_range(&page, &n);
	for (unsigned i = page; i < page + n && want == 0; i++)
		want = model[now].page[i].kind == NOTHING ? -HX_ENOENT :
		       model[now].page[i].kind == GUARD ? -HX_EINVAL : 0;
	assert_int_equal(hx_vm_protect(model[now].s, at(page), (size_t)n * HX_PAGE_SIZE, prot),
			 want);
	for (unsigned i = page; i < page + n && want == 0; i++)
		model[now].page[i].prot = (uint8_t)prot;
}

static void do_access(void)
{
	unsigned page = below(PAGES);
	struct page *p = &model[now].page[page];
	bool can_read = p->kind >= PRIVATE && p->prot != HX_VM_NONE;
	bool can_write = can_read && (p->prot & HX_VM_WRITE) != 0;
	uintptr_t va = at(page) + (p->kind == SHARED ? 4u * p->object_page : 4 * (page % 1000));
	uint32_t word = (uint32_t)hx_test_random(&seed);

	if (below(2) == 0) {
		assert_int_equal(hx_copy_to_user(va, &word, 4), can_write ? 0 : -HX_EFAULT);
		if (can_write)
			*value_of(p) = word;
		return;
	}
	assert_int_equal(hx_copy_from_user(&word, va, 4), can_read ? 0 : -HX_EFAULT);
	if (can_read)
		assert_int_equal(word, *value_of(p));
}

static void go_to(unsigned i)
{
	now = i;
	hx_vm_attach(model[i].s);
}

static void do_clone(void)
{
	unsigned i = below(SPACES);

	if (i == now)
		return;
	hx_vm_put(model[i].s);
	assert_int_equal(hx_vm_clone(model[now].s, &model[i].s), 0);
	memcpy(model[i].page, model[now].page, sizeof(model[i].page));
	if (below(2) == 0)
		go_to(i);
}

static void step(unsigned k)
{
	unsigned what = below(100);

	if (what < 10)
		do_map();
	else if (what < 16)
		do_unmap();
	else if (what < 24)
		do_protect();
	else if (what < 26)
		do_clone();
	else if (what < 30)
		go_to(below(SPACES));
	else
		do_access();
	for (unsigned i = 0; k % 500 == 499 && i < SPACES; i++)
		assert_int_equal(hx_vm_check(model[i].s), 0);
}

static uint64_t pages_and_heap(void)
{
	struct hx_heap_stats h;

	hx_heap_stats(&h);
	return hx_frames_n_free() + (h.reserved_bytes >> HX_PAGE_SHIFT);
}

static void play(unsigned levels, bool tags)
{
	const struct hx_test_machine m = { .mem_bytes = 512 << 20, .components = "vm",
					   .cmdline = "helix.slot.heap=slab "
						      "helix.slot.frames=buddy" };
	uint64_t before;

	assert_int_equal(hx_test_machine_start(&m), 0);
	hx_host_set_paging(levels, tags);
	seed = hx_test_seed() * 10 + levels * 2 + tags;
	before = pages_and_heap();
	memset(model, 0, sizeof(model));
	memset(object_value, 0, sizeof(object_value));
	for (unsigned i = 0; i < OBJECTS; i++)
		assert_int_equal(hx_vm_object_create(OBJECT_PAGES * HX_PAGE_SIZE, &objects[i]), 0);
	for (unsigned i = 0; i < SPACES; i++)
		assert_int_equal(hx_vm_create(0, &model[i].s), 0);
	go_to(0);
	for (unsigned k = 0; k < STEPS; k++)
		step(k);
	hx_vm_attach(NULL);
	for (unsigned i = 0; i < SPACES; i++)
		hx_vm_put(model[i].s);
	for (unsigned i = 0; i < OBJECTS; i++)
		hx_vm_object_put(objects[i]);
	/* A few blocks that stay may need tables in the heap's area, if they have guards. */
	assert_in_range(pages_and_heap(), before - (HX_ENABLED(HEAP_GUARDS) ? 4 : 0), before);
	assert_int_equal(hx_frames_check(), 0);
	assert_int_equal(hx_test_machine_stop(), 0);
}

static void random_operations_agree_with_the_model(void **state)
{
	play(4, false);
}

static void random_operations_agree_with_tags(void **state)
{
	play(4, true);
}

static void random_operations_agree_with_5_levels(void **state)
{
	play(5, false);
}

static void random_operations_agree_with_5_levels_and_tags(void **state)
{
	play(5, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations_agree_with_the_model),
		cmocka_unit_test(random_operations_agree_with_tags),
		cmocka_unit_test(random_operations_agree_with_5_levels),
		cmocka_unit_test(random_operations_agree_with_5_levels_and_tags),
	};

	return cmocka_run_group_tests_name("vm_random", tests, NULL, NULL);
}
