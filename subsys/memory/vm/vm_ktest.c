// SPDX-License-Identifier: MIT
/*
 * Address spaces in the booted kernel: real page tables, real faults, whatever the CPU has of PCID,
 * LA57, SMAP and large pages.
 */
#include <hx/core/frames.h>
#include <hx/core/init.h>
#include <hx/core/intent.h>
#include <hx/core/ktest.h>
#include <hx/core/smp.h>
#include <hx/core/string.h>
#include <hx/hal/boot_info.h>
#include <hx/hal/cpu.h>

#include "vm_priv.h"

#define AT	((uintptr_t)0x40000000)		/* aligned to 1 GiB */

static uint64_t free_before;

/* A space that the calling thread runs in, with a region of this size at AT. */
static struct hx_vm_space *enter(size_t size_bytes, unsigned prot, unsigned flags)
{
	const struct hx_vm_params p = { .va = AT, .size_bytes = size_bytes, .prot = prot,
					.flags = flags | HX_VM_FIXED };
	struct hx_vm_space *s;
	uintptr_t va;

	free_before = hx_frames_n_free();
	if (hx_vm_create(0, &s) != 0)
		return NULL;
	if (hx_vm_map(s, &p, &va) != 0 || va != AT) {
		hx_vm_put(s);
		return NULL;
	}
	hx_vm_attach(s);
	return s;
}

static void leave(struct hx_ktest_run *t, struct hx_vm_space *s)
{
	hx_expect(t, hx_vm_check(s) == 0);
	hx_vm_attach(NULL);
	hx_vm_put(s);
}

static int put_word(uintptr_t va, uint64_t word)
{
	return hx_copy_to_user(va, &word, sizeof(word));
}

static uint64_t get_word(uintptr_t va)
{
	uint64_t word;

	return hx_copy_from_user(&word, va, sizeof(word)) == 0 ? word : UINT64_MAX;
}

HX_KTEST(vm_pages_come_at_the_first_touch)
{
	struct hx_vm_space *s = enter(8 * HX_PAGE_SIZE, HX_VM_READ | HX_VM_WRITE, 0);
	struct hx_vm_info info;

	hx_require(t, s != NULL);
	hx_expect(t, get_word(AT) == 0);
	/* Across two pages. */
	hx_expect(t, put_word(AT + 5 * HX_PAGE_SIZE - 4, 0x1122334455667788) == 0);
	hx_expect(t, get_word(AT + 5 * HX_PAGE_SIZE - 4) == 0x1122334455667788);
	hx_vm_info(s, &info);
	hx_expect(t, info.n_zero == 3 && info.resident_bytes == 3 * HX_PAGE_SIZE);
	hx_expect(t, info.n_threads == 1 && info.mapped_bytes == 8 * HX_PAGE_SIZE);
	leave(t, s);
}

HX_KTEST(vm_ending_a_space_gives_all_pages_back)
{
	struct hx_vm_space *s = enter(64 * HX_PAGE_SIZE, HX_VM_READ | HX_VM_WRITE, HX_VM_POPULATE);
	uint64_t n_free = free_before;

	hx_require(t, s != NULL);
	hx_expect(t, hx_frames_n_free() + 64 <= n_free);
	leave(t, s);
	/* The heap may keep a slab that the space was in. */
	hx_expect(t, hx_frames_n_free() + 8 >= n_free);
}

static int attach_and_end(void *arg)
{
	struct hx_vm_space *s = arg;

	hx_vm_attach(s);
	hx_vm_put(s);		/* the thread's reference is the last one */
	return put_word(AT, 1);
}

HX_KTEST(vm_thread_that_ends_leaves_its_space)
{
	const struct hx_thread_params p = { .name = "ends", .fn = attach_and_end,
					    .prio = HX_PRIO_DEFAULT };
	uint64_t n_free = hx_frames_n_free();
	uint32_t n_spaces = __atomic_load_n(&vm_n_spaces, __ATOMIC_RELAXED);

	for (unsigned i = 0; i < 20; i++) {
		struct hx_thread_params with = p;
		struct hx_vm_space *s = enter(64 * HX_PAGE_SIZE, HX_VM_READ | HX_VM_WRITE,
					      HX_VM_POPULATE);
		struct hx_thread *thread;
		int value;

		hx_require(t, s != NULL);
		hx_vm_attach(NULL);
		with.arg = s;
		hx_require(t, hx_thread_create(&with, &thread) == 0);
		hx_expect(t, hx_thread_join(thread, HX_FOREVER, &value) == 0 && value == 0);
	}
	hx_expect(t, __atomic_load_n(&vm_n_spaces, __ATOMIC_RELAXED) == n_spaces);
	/* What the heap and the stacks may keep is less than one of the spaces. */
	hx_expect(t, hx_frames_n_free() + 64 >= n_free);
}

HX_KTEST(vm_clone_sees_what_was_and_not_what_comes)
{
	struct hx_vm_space *a = enter(2 * HX_PAGE_SIZE, HX_VM_READ | HX_VM_WRITE, 0), *b;
	struct hx_vm_info info;

	hx_require(t, a != NULL);
	hx_expect(t, put_word(AT, 1) == 0 && put_word(AT + HX_PAGE_SIZE, 2) == 0);
	hx_require(t, hx_vm_clone(a, &b) == 0);
	hx_expect(t, put_word(AT, 10) == 0);
	hx_vm_attach(b);
	hx_expect(t, get_word(AT) == 1 && get_word(AT + HX_PAGE_SIZE) == 2);
	hx_expect(t, put_word(AT + HX_PAGE_SIZE, 20) == 0);
	hx_expect(t, put_word(AT, 11) == 0);	/* the only owner by now: no copy */
	hx_vm_info(b, &info);
	hx_expect(t, info.n_copied == 1);
	hx_vm_attach(a);
	hx_expect(t, get_word(AT) == 10 && get_word(AT + HX_PAGE_SIZE) == 2);
	hx_vm_info(a, &info);
	hx_expect(t, info.n_copied == 1);
	hx_expect(t, hx_vm_check(b) == 0);
	hx_vm_put(b);
	leave(t, a);
}

HX_KTEST(vm_shared_object_is_seen_in_both_spaces)
{
	struct hx_vm_space *a = enter(HX_PAGE_SIZE, HX_VM_READ, 0), *b;
	struct hx_vm_params p = { .size_bytes = 2 * HX_PAGE_SIZE,
				  .prot = HX_VM_READ | HX_VM_WRITE };
	uintptr_t in_a, in_b;

	hx_require(t, a != NULL && hx_vm_create(0, &b) == 0);
	hx_require(t, hx_vm_object_create(p.size_bytes, &p.object) == 0);
	hx_require(t, hx_vm_map(a, &p, &in_a) == 0 && hx_vm_map(b, &p, &in_b) == 0);
	hx_vm_object_put(p.object);	/* the regions keep it */
	hx_expect(t, put_word(in_a + HX_PAGE_SIZE, 77) == 0);
	hx_vm_attach(b);
	hx_expect(t, get_word(in_b + HX_PAGE_SIZE) == 77 && put_word(in_b, 88) == 0);
	hx_vm_attach(a);
	hx_expect(t, get_word(in_a) == 88);
	hx_vm_put(b);
	hx_expect(t, get_word(in_a) == 88);
	leave(t, a);
}

HX_KTEST(vm_rights_are_enforced)
{
	struct hx_vm_space *s = enter(4 * HX_PAGE_SIZE, HX_VM_READ | HX_VM_WRITE, 0);
	uintptr_t second = AT + HX_PAGE_SIZE;

	hx_require(t, s != NULL);
	hx_expect(t, put_word(AT, 1) == 0 && put_word(second, 2) == 0);
	hx_expect(t, hx_vm_protect(s, second, HX_PAGE_SIZE, HX_VM_READ) == 0);
	hx_expect(t, put_word(second, 3) == -HX_EFAULT && get_word(second) == 2);
	hx_expect(t, put_word(AT, 3) == 0);
	hx_expect(t, hx_vm_protect(s, second, HX_PAGE_SIZE, HX_VM_NONE) == 0);
	hx_expect(t, get_word(second) == UINT64_MAX && put_word(second, 4) == -HX_EFAULT);
	hx_expect(t, hx_vm_protect(s, second, HX_PAGE_SIZE, HX_VM_READ | HX_VM_WRITE) == 0);
	hx_expect(t, get_word(second) == 2 && put_word(second, 5) == 0 && get_word(second) == 5);
	hx_expect(t, hx_vm_protect(s, AT, HX_PAGE_SIZE, HX_VM_WRITE | HX_VM_EXEC) == -HX_EINVAL);
	leave(t, s);
}

HX_KTEST(vm_nothing_is_reached_where_nothing_is)
{
	struct hx_vm_space *s = enter(HX_PAGE_SIZE, HX_VM_READ | HX_VM_WRITE, 0);
	static const char secret[] = "kernel";
	uint8_t byte;

	hx_require(t, s != NULL);
	hx_expect(t, put_word(AT + HX_PAGE_SIZE - 4, 1) == -HX_EFAULT);
	hx_expect(t, put_word(AT - 8, 1) == -HX_EFAULT);
	hx_expect(t, hx_clear_user(0, 1) == -HX_EFAULT);
	hx_expect(t, hx_copy_from_user(&byte, hx_mmu_user_end(), 1) == -HX_EFAULT);
	hx_expect(t, hx_copy_from_user(&byte, (uintptr_t)secret, 1) == -HX_EFAULT);
	hx_expect(t, hx_copy_from_user(&byte, (uintptr_t)1 << 63, 1) == -HX_EFAULT);
	hx_expect(t, hx_copy_from_user(&byte, AT, SIZE_MAX) == -HX_EFAULT);
	hx_expect(t, hx_copy_from_user(&byte, AT, 0) == 0);
	leave(t, s);
	hx_expect(t, hx_copy_from_user(&byte, AT, 1) == -HX_EFAULT);	/* in no space */
}

HX_KTEST(vm_strings_end_where_they_end)
{
	struct hx_vm_space *s = enter(HX_PAGE_SIZE, HX_VM_READ | HX_VM_WRITE, 0);
	uintptr_t last = AT + HX_PAGE_SIZE - 3;
	char buf[8];

	hx_require(t, s != NULL);
	hx_expect(t, hx_copy_to_user(AT, "four", 5) == 0 && hx_copy_to_user(last, "abc", 3) == 0);
	hx_expect(t, hx_strncpy_from_user(buf, AT, sizeof(buf)) == 4);
	hx_expect(t, hx_strcmp(buf, "four") == 0);
	hx_expect(t, hx_strncpy_from_user(buf, AT, 5) == 4);
	hx_expect(t, hx_strncpy_from_user(buf, AT, 4) == -HX_ENAMETOOLONG);
	hx_expect(t, hx_strncpy_from_user(buf, last, sizeof(buf)) == -HX_EFAULT);
	hx_expect(t, hx_strncpy_from_user(buf, last, 3) == -HX_ENAMETOOLONG);
	leave(t, s);
}

HX_KTEST(vm_no_fault_is_resolved_where_nobody_may_sleep)
{
	struct hx_vm_space *s = enter(2 * HX_PAGE_SIZE, HX_VM_READ | HX_VM_WRITE, 0);
	hx_irqflags_t irq;

	hx_require(t, s != NULL && put_word(AT, 9) == 0);
	hx_preempt_disable();
	hx_expect(t, get_word(AT) == 9);
	hx_expect(t, put_word(AT + HX_PAGE_SIZE, 1) == -HX_EFAULT);
	hx_preempt_enable();
	irq = hx_irq_save();
	hx_expect(t, put_word(AT + HX_PAGE_SIZE, 1) == -HX_EFAULT);
	hx_expect(t, !hx_irq_are_enabled());
	hx_irq_restore(irq);
	hx_expect(t, put_word(AT + HX_PAGE_SIZE, 1) == 0);
	leave(t, s);
}

HX_KTEST(vm_stack_grows_down_to_its_guard)
{
	struct hx_vm_params p = { .size_bytes = HX_PAGE_SIZE, .reserve_bytes = 4 * HX_PAGE_SIZE,
				  .prot = HX_VM_READ | HX_VM_WRITE, .flags = HX_VM_STACK };
	struct hx_vm_space *s = enter(HX_PAGE_SIZE, HX_VM_READ, 0);
	struct hx_vm_info info;
	uintptr_t va, lowest;

	hx_require(t, s != NULL && hx_vm_map(s, &p, &va) == 0);
	lowest = va - 3 * HX_PAGE_SIZE;
	hx_expect(t, put_word(va, 1) == 0);
	hx_expect(t, put_word(va - 2 * HX_PAGE_SIZE, 2) == 0);
	hx_expect(t, put_word(lowest, 3) == 0);
	hx_expect(t, put_word(lowest - 8, 4) == -HX_EFAULT);	/* the guard */
	hx_vm_info(s, &info);
	hx_expect(t, info.n_grown == 2 && info.mapped_bytes == 5 * HX_PAGE_SIZE);
	leave(t, s);
}

HX_KTEST(vm_huge_page_is_one_and_is_cut)
{
	struct hx_vm_space *s = enter(2 * VM_HUGE_BYTES, HX_VM_READ | HX_VM_WRITE, HX_VM_HUGE), *b;
	struct hx_mmu_page page;

	hx_require(t, s != NULL);
	hx_expect(t, put_word(AT + 5 * HX_PAGE_SIZE, 5) == 0);
	hx_require(t, hx_mmu_space_query(&s->mmu, AT + 5 * HX_PAGE_SIZE, &page) == 0);
	if (!HX_ENABLED(VM_HUGE) || page.bytes != VM_HUGE_BYTES) {
		hx_ktest_skip(t, "no 2 MiB of RAM in one piece, or none wanted");
		leave(t, s);
		return;
	}
	hx_expect(t, page.pa % VM_HUGE_BYTES == 0);
	hx_require(t, hx_vm_clone(s, &b) == 0);
	hx_expect(t, hx_vm_unmap(s, AT + HX_PAGE_SIZE, HX_PAGE_SIZE) == 0);
	hx_expect(t, hx_mmu_space_query(&s->mmu, AT, &page) == 0 && page.bytes == HX_PAGE_SIZE);
	hx_expect(t, get_word(AT + 5 * HX_PAGE_SIZE) == 5);
	hx_expect(t, get_word(AT + HX_PAGE_SIZE) == UINT64_MAX);
	hx_expect(t, put_word(AT + 5 * HX_PAGE_SIZE, 6) == 0);
	hx_vm_attach(b);
	hx_expect(t, get_word(AT + 5 * HX_PAGE_SIZE) == 5 && get_word(AT + HX_PAGE_SIZE) == 0);
	hx_vm_attach(s);
	hx_vm_put(b);
	hx_expect(t, get_word(AT + 5 * HX_PAGE_SIZE) == 6);
	leave(t, s);
}

HX_KTEST(vm_use_of_pages_is_seen_and_cleared)
{
	struct hx_vm_space *s = enter(HX_PAGE_SIZE, HX_VM_READ | HX_VM_WRITE, 0);
	const unsigned both = HX_MAP_ACCESSED | HX_MAP_DIRTY;
	struct hx_mmu_page page;

	hx_require(t, s != NULL && put_word(AT, 1) == 0);
	hx_expect(t, hx_mmu_space_query(&s->mmu, AT, &page) == 0 && (page.flags & both) == both);
	hx_expect(t, hx_mmu_space_protect(&s->mmu, AT, 1, both, 0) == 0);
	hx_expect(t, hx_mmu_space_query(&s->mmu, AT, &page) == 0 && (page.flags & both) == 0);
	hx_expect(t, get_word(AT) == 1);
	hx_expect(t, hx_mmu_space_query(&s->mmu, AT, &page) == 0);
	hx_expect(t, (page.flags & both) == HX_MAP_ACCESSED);
	hx_expect(t, put_word(AT, 2) == 0);
	hx_expect(t, hx_mmu_space_query(&s->mmu, AT, &page) == 0 && (page.flags & both) == both);
	leave(t, s);
}

HX_KTEST(vm_limit_is_kept)
{
	struct hx_vm_params p = { .size_bytes = 3 * HX_PAGE_SIZE, .prot = HX_VM_READ };
	struct hx_vm_space *s;
	uintptr_t a, b;

	hx_require(t, hx_vm_create(4 * HX_PAGE_SIZE, &s) == 0);
	hx_expect(t, hx_vm_map(s, &p, &a) == 0);
	hx_expect(t, hx_vm_map(s, &p, &b) == -HX_ENOSPC);
	hx_expect(t, hx_vm_unmap(s, a, HX_PAGE_SIZE) == 0 &&
		     hx_vm_unmap(s, a + HX_PAGE_SIZE, HX_PAGE_SIZE) == 0);
	hx_expect(t, hx_vm_map(s, &p, &b) == 0);
	hx_vm_put(s);
}

/* Threads that see different memory at one address, switching all the time. */
static struct hx_vm_space *of_runner[3];
static unsigned n_wrong;

static int runner(void *arg)
{
	uintptr_t me = (uintptr_t)arg;

	if (of_runner[me] != NULL)
		hx_vm_attach(of_runner[me]);
	for (unsigned i = 0; i < 200; i++) {
		/* The first one runs in none: it leaves loaded what is loaded. */
		n_wrong += me != 0 && put_word(AT + me * 8, me * 1000 + i) != 0;
		hx_yield();
		n_wrong += me != 0 && (get_word(AT + me * 8) != me * 1000 + i ||
				       get_word(AT + (3 - me) * 8) != 0);
	}
	hx_vm_attach(NULL);
	return 0;
}

/* On each CPU, interrupts off: the space's set says what is so. */
static void look_at_set(void *arg)
{
	const struct hx_mmu_space *s = arg;
	uint64_t cpus = __atomic_load_n(&s->cpus, __ATOMIC_SEQ_CST);

	if ((hx_mmu_loaded() == s) != (cpus >> hx_percpu()->cpu & 1))
		__atomic_fetch_add(&n_wrong, 1, __ATOMIC_RELAXED);
}

static void look_for_ended(void *arg)
{
	if ((uintptr_t)hx_mmu_loaded() == *(uintptr_t *)arg)
		__atomic_fetch_add(&n_wrong, 1, __ATOMIC_RELAXED);
}

/* Nobody runs in it any more; CPUs whose threads needed none since may have it loaded still. */
static void end_everywhere(struct hx_ktest_run *t, struct hx_vm_space *s)
{
	uintptr_t mmu = (uintptr_t)&s->mmu;

	n_wrong = 0;
	hx_cpu_call_all(look_at_set, &s->mmu);
	hx_expect(t, n_wrong == 0);
	hx_vm_put(s);
	hx_cpu_call_all(look_for_ended, &mmu);
	hx_expect(t, n_wrong == 0);
}

HX_KTEST(vm_each_thread_sees_its_own_space)
{
	struct hx_thread_params p = { .name = "vm", .fn = runner, .prio = HX_PRIO_DEFAULT };
	struct hx_vm_params map = { .va = AT, .size_bytes = HX_PAGE_SIZE, .flags = HX_VM_FIXED,
				    .prot = HX_VM_READ | HX_VM_WRITE };
	struct hx_thread *threads[3];
	uintptr_t va;

	n_wrong = 0;
	for (unsigned i = 1; i < 3; i++) {
		hx_require(t, hx_vm_create(0, &of_runner[i]) == 0);
		hx_require(t, hx_vm_map(of_runner[i], &map, &va) == 0);
	}
	for (uintptr_t i = 0; i < 3; i++) {
		p.arg = (void *)i;
		hx_require(t, hx_thread_create(&p, &threads[i]) == 0);
	}
	for (unsigned i = 0; i < 3; i++)
		hx_expect(t, hx_thread_join(threads[i], HX_FOREVER, NULL) == 0);
	hx_expect(t, n_wrong == 0);
	for (unsigned i = 1; i < 3; i++)
		end_everywhere(t, of_runner[i]);
}

/* A thread of a space leaves it loaded on each CPU that it leaves for another one. */
HX_KTEST(vm_space_that_ends_is_loaded_nowhere)
{
	struct hx_vm_space *s = enter(HX_PAGE_SIZE, HX_VM_READ | HX_VM_WRITE, 0);
	uint64_t cpus = hx_cpus_online().bits;
	struct hx_intent want;

	hx_require(t, s != NULL);
	hx_intent_init(&want);
	while (HX_ENABLED(INTENTS) && cpus != 0) {
		want.affinity = 1ull << hx_cpumask_take(&cpus);
		hx_expect(t, hx_thread_set_intent(hx_thread_self(), &want) == 0);
		hx_expect(t, put_word(AT, cpus) == 0);
	}
	hx_vm_attach(NULL);
	end_everywhere(t, s);
	hx_intent_init(&want);
	if (HX_ENABLED(INTENTS))
		hx_expect(t, hx_thread_set_intent(hx_thread_self(), &want) == 0);
}

/* More spaces than tags, changed while others are loaded: no old translation may be used. */
HX_KTEST(vm_old_translations_are_never_used)
{
	enum { N = 9 };
	struct hx_vm_params map = { .va = AT, .size_bytes = 2 * HX_PAGE_SIZE, .flags = HX_VM_FIXED,
				    .prot = HX_VM_READ | HX_VM_WRITE };
	struct hx_vm_space *s[N];
	uintptr_t va;

	for (unsigned i = 0; i < N; i++) {
		hx_require(t, hx_vm_create(0, &s[i]) == 0 && hx_vm_map(s[i], &map, &va) == 0);
		hx_vm_attach(s[i]);
		hx_expect(t, put_word(AT, i) == 0 && put_word(AT + HX_PAGE_SIZE, i) == 0);
	}
	for (unsigned round = 0; round < 4 * N; round++) {
		unsigned i = round * 5 % N, other = (round * 7 + 1) % N;

		hx_vm_attach(s[i]);
		hx_expect(t, get_word(AT) == i);
		if (other == i)
			continue;
		/* Behind the back of its translations. */
		hx_expect(t, hx_vm_unmap(s[other], AT + HX_PAGE_SIZE, HX_PAGE_SIZE) == 0);
		hx_vm_attach(s[other]);
		hx_expect(t, get_word(AT + HX_PAGE_SIZE) == UINT64_MAX && get_word(AT) == other);
	}
	hx_vm_attach(NULL);
	for (unsigned i = 0; i < N; i++)
		hx_vm_put(s[i]);
}

struct largest {
	size_t bytes;
};

static void look_at_map(void *arg, uintptr_t start, uintptr_t end, size_t page_bytes,
			unsigned flags)
{
	struct largest *l = arg;

	if (start >= hx_hhdm_base && start < hx_mmu_area(HX_AREA_HEAP).start)
		l->bytes = hx_max_u64(l->bytes, page_bytes);
}

static bool has_feature(const char *name)
{
	const struct hx_cpu_info *cpu = hx_cpu_info();

	for (uint32_t i = 0; i < cpu->n_features; i++)
		if (hx_strcmp(cpu->features[i].name, name) == 0)
			return cpu->features[i].enabled;
	return false;
}

/* Whether the boot map has an aligned piece of that size in one range of free RAM. */
static bool ram_has(uint64_t bytes)
{
	const struct hx_boot_info *info = hx_boot_info();

	for (uint32_t i = 0; i < info->n_mem; i++)
		if (info->mem[i].type == HX_MEM_USABLE &&
		    hx_align_up(info->mem[i].start, bytes) + bytes <= info->mem[i].end)
			return true;
	return false;
}

HX_KTEST(vm_direct_map_has_the_largest_pages)
{
	struct largest l = { 0 };

	hx_mmu_walk(look_at_map, &l);
	if (has_feature("wp"))
		hx_ktest_skip(t, "the host's RAM is a file");
	else if (has_feature("pdpe1gb") && ram_has(HX_GIB))
		hx_expect(t, l.bytes == HX_GIB);
	else if (ram_has(2 * HX_MIB))
		hx_expect(t, l.bytes >= 2 * HX_MIB);
	else
		hx_ktest_skip(t, "too little RAM");
}
