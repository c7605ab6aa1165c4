/* SPDX-License-Identifier: MIT */
/*
 * Kernel stacks: equal slots of the stack area, the first page of each never mapped.
 *
 *	area.start	|guard|   stack 0   |guard|   stack 1   |guard| …
 *
 * A slot is free, in use, or cached: freed, but still mapped and next to be given out, last in
 * first out. A stack that
 * overflows hits its own guard page and never another stack. Pages are single frames, so memory may
 * be as fragmented as it likes. Mapping happens outside our lock: the slot is reserved first.
 */
#include <hx/config/core_mem.h>
#include <hx/core/assert.h>
#include <hx/core/frames.h>
#include <hx/core/init.h>
#include <hx/core/lock.h>
#include <hx/core/stack.h>
#include <hx/core/string.h>
#include <hx/hal/mmu.h>

#define STACK_PAGES	(CONFIG_STACK_SIZE_KIB * HX_KIB / HX_PAGE_SIZE)
#define STACK_BYTES	(STACK_PAGES * HX_PAGE_SIZE)
#define STACK_SLOT	(STACK_BYTES + HX_PAGE_SIZE)
/* Pages unmapped at a time: with several CPUs each time costs an interrupt to all of them. */
#define STACK_RUN	(HX_ENABLED(ONE_CPU) ? 1 : STACK_PAGES)

/* Field keys: c constant after init, l own lock. */
static struct {
	struct hx_spinlock lock;
	uint32_t n_cached;				/* l */
	uintptr_t base;					/* c */
	size_t n_slots;					/* c */
	void *cached[CONFIG_STACK_CACHE + 1];		/* l last in, first out */
} stacks = { .lock = HX_SPINLOCK_INIT("stacks", HX_RANK_STACKS) };
static bool stack_is_taken[CONFIG_STACK_SLOTS];		/* l in use or cached */

static inline size_t stack_slot(const void *stack)
{
	return ((uintptr_t)stack - stacks.base) / STACK_SLOT;
}

static inline uintptr_t stack_address(size_t slot)
{
	return stacks.base + slot * STACK_SLOT + HX_PAGE_SIZE;
}

static void stack_unmap(uintptr_t va, size_t n_pages)
{
	size_t n;

	for (; n_pages > 0; n_pages -= n, va += n * HX_PAGE_SIZE) {
		hx_paddr_t pa[STACK_RUN];
		unsigned flags;
		int err = 0;

		n = STACK_RUN == 1 ? 1 : hx_min_u64(n_pages, STACK_RUN);
		for (size_t i = 0; i < n; i++)
			err |= hx_mmu_query(va + i * HX_PAGE_SIZE, &pa[i], &flags);
		hx_verify(err == 0);
		hx_mmu_unmap(va, n);
		for (size_t i = 0; i < n; i++)
			hx_frames_free(pa[i], 0);
	}
}

static int stack_map(uintptr_t va)
{
	for (size_t i = 0; i < STACK_PAGES; i++) {
		hx_paddr_t pa;
		int err = hx_frames_alloc(0, HX_FRAMES_ANY, &pa);

		if (err == 0) {
			err = hx_mmu_map(va + i * HX_PAGE_SIZE, pa, 1, HX_MAP_WRITE);
			if (err != 0)
				hx_frames_free(pa, 0);
		}
		if (err != 0) {
			stack_unmap(va, i);
			return err;
		}
	}
	return 0;
}

static void stack_give_slot(size_t slot)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&stacks.lock);

	stack_is_taken[slot] = false;
	hx_spin_unlock_irqrestore(&stacks.lock, irq);
}

static HX_NOINLINE int stack_create(void **stack)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&stacks.lock);
	bool *taken = hx_memchr(stack_is_taken, false, stacks.n_slots);	/* the first that is not */
	uintptr_t va;
	int err;

	if (taken != NULL)
		*taken = true;
	hx_spin_unlock_irqrestore(&stacks.lock, irq);
	if (taken == NULL)
		return -HX_ENFILE;
	va = stack_address((size_t)(taken - stack_is_taken));
	err = stack_map(va);
	if (err != 0)
		stack_give_slot((size_t)(taken - stack_is_taken));
	else
		*stack = (void *)va;
	return err;
}

int hx_stack_alloc(void **stack, size_t *size_bytes)
{
	hx_irqflags_t irq;
	uint32_t n;

	*size_bytes = STACK_BYTES;
	if (!hx_spin_trylock_irqsave(&stacks.lock, &irq))
		return stack_create(stack);
	n = stacks.n_cached;
	if (HX_LIKELY(n > 0)) {
		*stack = stacks.cached[n - 1];
		stacks.n_cached = n - 1;
	}
	hx_spin_unlock_irqrestore(&stacks.lock, irq);
	return HX_LIKELY(n > 0) ? 0 : stack_create(stack);
}

/* The lock is held, and is let go here. */
static HX_NOINLINE void stack_destroy(void *stack, hx_irqflags_t irq)
{
	hx_spin_unlock_irqrestore(&stacks.lock, irq);
	stack_unmap((uintptr_t)stack, STACK_PAGES);
	stack_give_slot(stack_slot(stack));
}

/* The lock is held, and is let go here. */
static HX_ALWAYS_INLINE void stack_put(void *stack, hx_irqflags_t irq)
{
	size_t slot = stack_slot(stack);
	uint32_t n = stacks.n_cached;
	bool is_used = slot < stacks.n_slots && stack_is_taken[slot] &&
		       (uintptr_t)stack == stack_address(slot);

	for (uint32_t i = 0; i < n; i++)
		is_used &= stacks.cached[i] != stack;
	if (HX_UNLIKELY(!is_used)) {	/* two threads on one stack would be worse than a stop */
		hx_spin_unlock_irqrestore(&stacks.lock, irq);
		hx_bug("free of %p: no stack in use", stack);
	}
	if (HX_UNLIKELY(n == CONFIG_STACK_CACHE)) {
		stack_destroy(stack, irq);
		return;
	}
	stacks.cached[n] = stack;
	stacks.n_cached = n + 1;
	hx_spin_unlock_irqrestore(&stacks.lock, irq);
}

static HX_NOINLINE void stack_put_contended(void *stack)
{
	stack_put(stack, hx_spin_lock_irqsave(&stacks.lock));
}

void hx_stack_free(void *stack)
{
	hx_irqflags_t irq;

	if (HX_LIKELY(hx_spin_trylock_irqsave(&stacks.lock, &irq)))
		stack_put(stack, irq);
	else
		stack_put_contended(stack);
}

bool hx_stack_is_guard(uintptr_t address)
{
	uintptr_t off = address - stacks.base;

	return off < stacks.n_slots * STACK_SLOT && off % STACK_SLOT < HX_PAGE_SIZE;
}

static HX_COLD int stacks_init(void)
{
	struct hx_area_bounds area = hx_mmu_area(HX_AREA_STACKS);

	stacks.base = area.start;
	stacks.n_slots = hx_min_u64((area.end - area.start) / STACK_SLOT, CONFIG_STACK_SLOTS);
	return stacks.n_slots != 0 ? 0 : -HX_ENOMEM;
}

static HX_COLD void stacks_shutdown(void)
{
	while (stacks.n_cached > 0) {
		uintptr_t va = (uintptr_t)stacks.cached[--stacks.n_cached];

		stack_unmap(va, STACK_PAGES);
		stack_give_slot(stack_slot((void *)va));
	}
}

HX_COMPONENT(stacks) = {
	.name = "stacks", .phase = HX_PHASE_CORE, .version = 1, .needs = "frames",
	.init = stacks_init, .shutdown = stacks_shutdown,
};
