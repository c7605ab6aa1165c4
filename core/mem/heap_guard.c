/* SPDX-License-Identifier: MIT */
/*
 * A fault in the kernel heap's area, in words (CONFIG_HEAP_GUARDS): which block was missed, and by
 * how much. Who gives blocks there tells where they are.
 */
#include <hx/core/heap.h>
#include <hx/core/heap_class.h>
#include <hx/core/text.h>
#include <hx/hal/mmu.h>

static const void *(*guard_near)(uintptr_t address, size_t *usable);	/* c after boot */

void hx_heap_set_guards(const void *(*near)(uintptr_t address, size_t *usable))
{
	guard_near = near;
}

bool hx_heap_explain(uintptr_t address, struct hx_text *out)
{
	struct hx_area_bounds area = hx_mmu_area(HX_AREA_HEAP);
	uintptr_t block;
	size_t usable;

	if (guard_near == NULL || address < area.start || address >= area.end)
		return false;
	block = (uintptr_t)guard_near(address, &usable);
	if (block == 0)
		hx_text_puts(out, "heap: no block is there: it was freed, or never was one\n");
	else if (address < block)
		hx_text_printf(out, "heap: %zu bytes before the block of %zu bytes at %p\n",
			       (size_t)(block - address), usable, (void *)block);
	else
		hx_text_printf(out, "heap: byte %zu of the block of %zu bytes at %p\n",
			       (size_t)(address - block), usable, (void *)block);
	return true;
}
