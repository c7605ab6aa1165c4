/* SPDX-License-Identifier: MIT */
/*
 * Heap "pool": a fixed number of blocks of each of eight sizes, counted out at build time.
 *
 * 1 Concepts. Class k has blocks of 2 << k bytes, 32 (k = 4) to 4096 (k = 11). A request takes a
 *   block of the smallest class that holds it, or NULL if that class has none left: there is no
 *   search, no splitting, and no class lends to another. So the answer to "can this loop run out
 *   of memory?" is the count in the configuration. The memory is part of the image's .bss: a
 *   kernel that boots has it.
 * 2 A block is in one of three places.
 *	live	at its user; state[unit of its start] is k
 *	hot	in hot[k], at most one a class: the last one freed. Its state still says k
 *	listed	on list[k], linked through its first bytes; its state is FREED | k
 *   An alloc swaps hot[k] with NULL, a free puts its block there if the place is empty: one atomic
 *   instruction each and no lock. Else they go to the list, with the lock.
 * 3 Checks. state[] has a byte for each unit of 32 bytes of the arena, INSIDE where no block
 *   starts. A free looks it up before it touches anything; a block that is freed again finds
 *   itself on the list, or in hot[k], which is then not empty, and the slow way sees it.
 * 4 Locking. hot[] is atomic; list[], state[] and the counts change with the lock held and
 *   interrupts off. Two CPUs that free one block at the same moment, or a free that is interrupted
 *   by one of the same block, are caught too: the loser finds the winner's block in hot[k].
 * 5 Cost. The same few instructions for any number of blocks and any history.
 *
 * Source: Knuth, TAOCP vol. 1, 2.2.3 (the list of available space). Differs: the hot block.
 */
#include <hx/config/core_mem.h>
#include <hx/config/subsys_memory_heap_pool.h>
#include <hx/core/assert.h>
#include <hx/core/heap_class.h>
#include <hx/core/lock.h>
#include <hx/core/text.h>
#include <hx/hal/cpu.h>
#include <hx/hal/mem.h>

#define CLASS_MIN	4u		/* 32 bytes */
#define CLASS_MAX	11u		/* 4096 bytes */
#define UNIT_SHIFT	5u
#define CLASS_BYTES(k)	((size_t)2 << (k))
#define FREED		0x80u
#define INSIDE		0xffu

/* Largest first, so that each class begins at a multiple of its size. */
#define POOL_BYTES \
	(CONFIG_HEAP_POOL_N_4096 * (size_t)4096 + CONFIG_HEAP_POOL_N_2048 * (size_t)2048 + \
	 CONFIG_HEAP_POOL_N_1024 * (size_t)1024 + CONFIG_HEAP_POOL_N_512 * (size_t)512 + \
	 CONFIG_HEAP_POOL_N_256 * (size_t)256 + CONFIG_HEAP_POOL_N_128 * (size_t)128 + \
	 CONFIG_HEAP_POOL_N_64 * (size_t)64 + CONFIG_HEAP_POOL_N_32 * (size_t)32)
#define POOL_UNITS	(POOL_BYTES >> UNIT_SHIFT)

static const uint32_t pool_n_blocks[CLASS_MAX + 1] = {
	[4] = CONFIG_HEAP_POOL_N_32, [5] = CONFIG_HEAP_POOL_N_64, [6] = CONFIG_HEAP_POOL_N_128,
	[7] = CONFIG_HEAP_POOL_N_256, [8] = CONFIG_HEAP_POOL_N_512, [9] = CONFIG_HEAP_POOL_N_1024,
	[10] = CONFIG_HEAP_POOL_N_2048, [11] = CONFIG_HEAP_POOL_N_4096,
};

struct pool_link {
	struct pool_link *next;
};

/* Field keys: a atomic, l lock. One object, so that the fast paths need one base address, and
 * hot[] begins there. It has a place for each state: those of FREED and INSIDE are never empty. */
static struct pool {
	void *hot[INSIDE + 1];		/* a always NULL below FREED where there is no class */
	uint64_t n_frees;			/* a */
	struct hx_spinlock lock;
	struct pool_link *list[CLASS_MAX + 1];	/* l */
	uint32_t n_out[CLASS_MAX + 1];		/* l blocks not on the list: live or hot */
	uint32_t n_out_max[CLASS_MAX + 1];	/* l */
	uint64_t n_failed;			/* l */
	uint8_t state[POOL_UNITS + 1];		/* l for writing */
	uint8_t arena[POOL_BYTES + 1] HX_ALIGNED(4096);
} pool = { .lock = HX_SPINLOCK_INIT("pool", HX_RANK_HEAP) };

/* The one there is, by the address of its arena, which the compiler does not take apart into one
 * for each part. */
static HX_ALWAYS_INLINE struct pool *pool_here(void)
{
	uint8_t *arena = pool.arena;

	__asm__("" : "+r"(arena));
	return (struct pool *)(arena - offsetof(struct pool, arena));
}

/* Where in state[] an address belongs. Rotated, not shifted: a misaligned pointer becomes a unit
 * beyond the arena. */
static inline uintptr_t pool_unit(const struct pool *p, const void *ptr)
{
	uintptr_t off = (uintptr_t)ptr - (uintptr_t)p->arena;

	return off >> UNIT_SHIFT | off << (8 * sizeof(off) - UNIT_SHIFT);
}

/* The class for a size: log2 of size - 1, but at least the smallest. */
static inline size_t pool_class(size_t size_bytes)
{
	return hx_bit_highest((size_bytes - 1) | (1u << CLASS_MIN));
}

/* ---- the list ---- */

/* The list is empty; the lock is held, and is let go here. */
static HX_COLD void *pool_alloc_hot(size_t k, hx_irqflags_t irq)
{
	/* Somebody may have freed one since the look at hot. */
	void *b = __atomic_exchange_n(&pool.hot[k], NULL, __ATOMIC_ACQUIRE);

	pool.n_failed += b == NULL;
	hx_spin_unlock_irqrestore(&pool.lock, irq);
	return b;
}

static HX_COLD void *pool_alloc_too_long(void)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&pool.lock);

	pool.n_failed++;
	hx_spin_unlock_irqrestore(&pool.lock, irq);
	return NULL;
}

static HX_NOINLINE void *pool_alloc_listed(size_t k)
{
	struct pool_link *b;
	hx_irqflags_t irq;
	uintptr_t unit;

	if (HX_UNLIKELY(k > CLASS_MAX))
		return pool_alloc_too_long();
	irq = hx_spin_lock_irqsave(&pool.lock);
	b = pool.list[k];
	if (HX_UNLIKELY(b == NULL))
		return pool_alloc_hot(k, irq);
	unit = pool_unit(&pool, b);
	/* Links lie in the free blocks: a write after free must not become a block. */
	if (unit >= POOL_UNITS || pool.state[unit] != (FREED | k))
		hx_bug("heap pool: the list of %zu bytes leads to %p: a freed block was written to",
		       CLASS_BYTES(k), (void *)b);
	pool.list[k] = b->next;
	pool.state[unit] = (uint8_t)k;
	pool.n_out_max[k] = (uint32_t)hx_max_u64(pool.n_out_max[k], ++pool.n_out[k]);
	hx_spin_unlock_irqrestore(&pool.lock, irq);
	return b;
}

/* None of ours. */
static HX_COLD int pool_free_foreign(void *ptr)
{
	return ptr == NULL ? 0 : hx_heap_refuse(ptr, -HX_EINVAL);
}

/* No live block. The lock is held, and is let go here. */
static HX_COLD int pool_refuse(void *ptr, unsigned state, hx_irqflags_t irq)
{
	hx_spin_unlock_irqrestore(&pool.lock, irq);
	return hx_heap_refuse(ptr, state == INSIDE ? -HX_EINVAL : -HX_EEXIST);
}

/* hot is taken, or the pointer is none of ours. */
static HX_NOINLINE int pool_free_listed(void *ptr)
{
	uintptr_t unit = pool_unit(&pool, ptr);
	struct pool_link *b = ptr;
	hx_irqflags_t irq;
	unsigned k;

	if (HX_UNLIKELY(unit >= POOL_UNITS))
		return pool_free_foreign(ptr);
	irq = hx_spin_lock_irqsave(&pool.lock);
	k = pool.state[unit];
	if (HX_UNLIKELY((k & FREED) != 0) ||
	    HX_UNLIKELY(__atomic_load_n(&pool.hot[k], __ATOMIC_RELAXED) == ptr))
		return pool_refuse(ptr, k, irq);
	pool.state[unit] = (uint8_t)(FREED | k);
	b->next = pool.list[k];
	pool.list[k] = b;
	pool.n_out[k]--;
	__atomic_fetch_add(&pool.n_frees, 1, __ATOMIC_RELAXED);
	hx_spin_unlock_irqrestore(&pool.lock, irq);
	return 0;
}

/* ---- the way in and out ---- */

static void *pool_alloc(size_t size_bytes)
{
	size_t k = pool_class(size_bytes);
	void *b = __atomic_exchange_n(&pool.hot[k], NULL, __ATOMIC_ACQUIRE);

	return HX_LIKELY(b != NULL) ? b : pool_alloc_listed(k);
}

/* Blocks are aligned to their size. */
static void *pool_alloc_aligned(size_t size_bytes, size_t align)
{
	return pool_alloc(hx_max_u64(size_bytes, align));
}

static int pool_free(void *ptr)
{
	struct pool *p = pool_here();
	uintptr_t unit = pool_unit(p, ptr), was;

	/* What is no live block has a state whose place is never empty. */
	if (HX_UNLIKELY(unit >= POOL_UNITS) ||
	    HX_UNLIKELY(!hx_put_if_null(&p->hot[p->state[unit]], ptr, &was)))
		return pool_free_listed(ptr);
	__atomic_fetch_add(&pool.n_frees, 1, __ATOMIC_RELAXED);
	return (int)was;	/* 0: saves the instruction that would make one */
}

static size_t pool_size_of(const void *ptr)
{
	uintptr_t unit = pool_unit(&pool, ptr);
	unsigned k;

	if (unit >= POOL_UNITS)
		return 0;
	k = pool.state[unit];
	if ((k & FREED) != 0 || __atomic_load_n(&pool.hot[k], __ATOMIC_RELAXED) == ptr)
		return 0;
	return CLASS_BYTES(k);
}

/* ---- figures ---- */

static uint32_t pool_n_live(unsigned k)
{
	return pool.n_out[k] - (__atomic_load_n(&pool.hot[k], __ATOMIC_RELAXED) != NULL);
}

static HX_COLD void pool_stats(struct hx_heap_stats *out)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&pool.lock);
	uint64_t n_live = 0;

	memset(out, 0, sizeof(*out));
	for (unsigned k = CLASS_MIN; k <= CLASS_MAX; k++) {
		n_live += pool_n_live(k);
		out->used_bytes += pool_n_live(k) * CLASS_BYTES(k);
		out->used_max_bytes += pool.n_out_max[k] * CLASS_BYTES(k);
	}
	out->reserved_bytes = POOL_BYTES;
	out->n_frees = pool.n_frees;
	out->n_allocs = pool.n_frees + n_live;
	out->n_failed = pool.n_failed;
	hx_spin_unlock_irqrestore(&pool.lock, irq);
}

static HX_COLD void pool_show(struct hx_text *out)
{
	for (unsigned k = CLASS_MIN; k <= CLASS_MAX; k++)
		hx_text_printf(out, "class_bytes=%zu blocks=%u live=%u live_max=%u\n",
			       CLASS_BYTES(k), pool_n_blocks[k], pool_n_live(k), pool.n_out_max[k]);
}

static HX_COLD void pool_walk(void (*visit)(void *arg, void *ptr, size_t usable), void *arg)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&pool.lock);

	for (uintptr_t unit = 0; unit < POOL_UNITS; unit++) {
		void *ptr = pool.arena + (unit << UNIT_SHIFT);
		size_t usable = pool_size_of(ptr);

		if (usable != 0)
			visit(arg, ptr, usable);
	}
	hx_spin_unlock_irqrestore(&pool.lock, irq);
}

static HX_COLD int pool_check(void)
{
	hx_irqflags_t irq = hx_spin_lock_irqsave(&pool.lock);
	uint32_t n_starts[CLASS_MAX + 1] = { 0 };
	bool ok = true;

	for (uintptr_t unit = 0; unit < POOL_UNITS; unit++) {
		unsigned k = pool.state[unit];

		if (k != INSIDE)
			n_starts[k & ~FREED]++;
	}
	for (unsigned k = CLASS_MIN; k <= CLASS_MAX; k++) {
		uint32_t n = 0;

		for (const struct pool_link *b = pool.list[k]; b != NULL && ok; b = b->next) {
			uintptr_t unit = pool_unit(&pool, b);

			ok = unit < POOL_UNITS && pool.state[unit] == (FREED | k) &&
			     ++n <= pool_n_blocks[k];
		}
		ok = ok && n_starts[k] == pool_n_blocks[k] && n + pool.n_out[k] == pool_n_blocks[k];
	}
	hx_spin_unlock_irqrestore(&pool.lock, irq);
	return ok ? 0 : -HX_EBADMSG;
}

/* ---- coming up ---- */

static HX_COLD int pool_init(void)
{
	uint8_t *at = pool.arena;

	memset(pool.state, INSIDE, sizeof(pool.state));
	memset(pool.n_out, 0, sizeof(pool.n_out));
	memset(pool.n_out_max, 0, sizeof(pool.n_out_max));
	for (unsigned i = 0; i < HX_ARRAY_LEN(pool.hot); i++)
		pool.hot[i] = i < FREED ? NULL : &pool;
	pool.n_frees = pool.n_failed = 0;
	for (unsigned k = CLASS_MAX; k >= CLASS_MIN; k--) {
		pool.list[k] = NULL;
		at += pool_n_blocks[k] * CLASS_BYTES(k);
		/* From the end, so that the lowest address is handed out first. */
		for (uint32_t i = 1; i <= pool_n_blocks[k]; i++) {
			struct pool_link *b = (struct pool_link *)(at - i * CLASS_BYTES(k));

			pool.state[pool_unit(&pool, b)] = (uint8_t)(FREED | k);
			b->next = pool.list[k];
			pool.list[k] = b;
		}
	}
	return POOL_BYTES != 0 ? 0 : -HX_ENOMEM;
}

static HX_COLD void pool_fini(void)
{
	memset(pool.state, INSIDE, sizeof(pool.state));
	memset(pool.hot, 0, sizeof(pool.hot));
	memset(pool.list, 0, sizeof(pool.list));
}

const struct hx_heap_ops hx_heap_pool_ops = {
	.abi = HX_HEAP_ABI, .name = "pool", .init = pool_init, .alloc = pool_alloc,
	.alloc_aligned = pool_alloc_aligned, .free = pool_free, .size_of = pool_size_of,
	.stats = pool_stats, .show = pool_show,
	.check = HX_ENABLED(MEM_CHECK) ? pool_check : NULL,
	.walk = HX_ENABLED(MEM_WALK) ? pool_walk : NULL, .fini = pool_fini,
};
HX_HEAP_CLASS(hx_heap_pool_ops);
