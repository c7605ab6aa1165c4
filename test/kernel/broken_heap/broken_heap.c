// SPDX-License-Identifier: MIT
/*
 * A heap whose blocks are whole pages, and which follows a pointer that was never one: in the
 * operation and after the number of calls that the node /test/broken_heap was told ("alloc 20"; at
 * first: none).
 */
#include <hx/core/frames.h>
#include <hx/core/heap_class.h>
#include <hx/core/lock.h>
#include <hx/core/names.h>
#include <hx/core/string.h>
#include <hx/hal/mmu.h>

#define BLOCKS	64u

enum op { OP_INIT, OP_ALLOC, OP_FREE, OPS };

static const char op_names[OPS][8] = { "init", "alloc", "free" };
static volatile uint32_t broken_op = OPS, n_left;

static struct hx_spinlock broken_lock = HX_SPINLOCK_INIT("broken_heap", HX_RANK_HEAP);
static struct { uint8_t *at; unsigned order; } blocks[BLOCKS];	/* broken_lock; NULL: free */
static uint64_t n_allocs, n_frees;				/* broken_lock */

static void may_break(enum op op)
{
	if (broken_op == op && (n_left == 0 || --n_left == 0))
		*(volatile uint64_t *)0x5a5a5a5a5a5a0000 = op;
}

static int broken_init(void)
{
	may_break(OP_INIT);
	return 0;
}

/* The entry of a block; BLOCKS: it is none. */
static unsigned find(const void *ptr)
{
	unsigned i = 0;

	while (i < BLOCKS && blocks[i].at != ptr)
		i++;
	return i;
}

static void *broken_alloc(size_t size_bytes)
{
	unsigned order = hx_log2_ceil((size_bytes + HX_PAGE_SIZE - 1) / HX_PAGE_SIZE);
	hx_irqflags_t irq = hx_spin_lock_irqsave(&broken_lock);
	unsigned i = find(NULL);
	void *p = NULL;
	hx_paddr_t pa;

	may_break(OP_ALLOC);
	if (i < BLOCKS && order <= HX_FRAMES_MAX_ORDER &&
	    hx_frames_alloc(order, HX_FRAMES_ANY, &pa) == 0) {
		p = blocks[i].at = hx_phys_to_virt(pa);
		blocks[i].order = order;
		n_allocs++;
	}
	hx_spin_unlock_irqrestore(&broken_lock, irq);
	return p;
}

/* A page is aligned to whatever core lets pass. */
static void *broken_alloc_aligned(size_t size_bytes, size_t align)
{
	return broken_alloc(size_bytes);
}

static int broken_free(void *ptr)
{
	hx_irqflags_t irq;
	unsigned i;

	if (ptr == NULL)
		return 0;
	irq = hx_spin_lock_irqsave(&broken_lock);
	may_break(OP_FREE);
	i = find(ptr);
	if (i < BLOCKS) {
		blocks[i].at = NULL;
		n_frees++;
		hx_frames_free(hx_virt_to_phys(ptr), blocks[i].order);
	}
	hx_spin_unlock_irqrestore(&broken_lock, irq);
	return i < BLOCKS ? 0 : hx_heap_refuse(ptr, -HX_EINVAL);
}

static size_t broken_size_of(const void *ptr)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&broken_lock);
	unsigned i = ptr != NULL ? find(ptr) : BLOCKS;
	size_t n = i < BLOCKS ? HX_PAGE_SIZE << blocks[i].order : 0;

	hx_spin_unlock_irqrestore(&broken_lock, irq);
	return n;
}

static void broken_stats(struct hx_heap_stats *out)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&broken_lock);

	out->n_allocs = n_allocs;
	out->n_frees = n_frees;
	for (unsigned i = 0; i < BLOCKS; i++)
		if (blocks[i].at != NULL)
			out->used_bytes += HX_PAGE_SIZE << blocks[i].order;
	out->reserved_bytes = out->used_bytes;
	hx_spin_unlock_irqrestore(&broken_lock, irq);
}

/* All that it took went back with the blocks. */
static void broken_fini(void)
{
}

static const struct hx_heap_ops broken_heap_ops = {
	.abi = HX_HEAP_ABI, .name = "broken", .init = broken_init, .alloc = broken_alloc,
	.alloc_aligned = broken_alloc_aligned, .free = broken_free, .size_of = broken_size_of,
	.stats = broken_stats, .fini = broken_fini,
};
HX_HEAP_CLASS(broken_heap_ops);

/* "alloc 20" */
static int broken_take(const char *line, struct hx_text *ack, const struct hx_node_args *args)
{
	for (uint32_t op = 0; op < OPS; op++) {
		size_t n = hx_strlen(op_names[op]);
		uint64_t calls;

		if (hx_strncmp(line, op_names[op], n) != 0 || line[n] != ' ' ||
		    hx_parse_u64(line + n + 1, UINT32_MAX, &calls) != 0)
			continue;
		n_left = (uint32_t)calls;
		broken_op = op;
		return 0;
	}
	return -HX_EINVAL;
}

static const struct hx_node broken_node = {
	.path = "/test/broken_heap", .help = "takes init, alloc or free, and after how many calls",
	.rights = HX_NODE_APPEND, .take = broken_take,
};
HX_NODE(broken_node);
