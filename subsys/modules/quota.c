// SPDX-License-Identifier: MIT
/*
 * Memory of modules (CONFIG_RESOURCES): each one is a holder of resources below "modules", charged
 * for its image, its gates and what it allocates, in its init and later, up to a limit. So modules
 * get the functions of the heap and of frames in a form that looks whose code calls. What is not
 * given back ends with the holder, when the module goes or is refused.
 *
 * Which blocks are a module's, a table knows: what it frees may also be a block that the kernel
 * gave it, and a block of a module is freed by modules only. A heap that is a module is charged for
 * its image: the memory that it takes is for others, and outlives it if it fails.
 */
#include <hx/core/assert.h>
#include <hx/core/failure.h>
#include <hx/core/frames.h>
#include <hx/core/hash.h>
#include <hx/core/heap.h>
#include <hx/core/init.h>
#include <hx/core/string.h>

#include "modules_priv.h"

#define BUCKETS	256u
#define LIMIT	((uint64_t)CONFIG_MODULES_QUOTA_KIB * HX_KIB)

/* Something that a module has: in front of a block, or beside pages. Keys: c constant. */
struct owned {
	struct hx_res_lease lease;
	struct hx_hash_node node;	/* owned_lock */
	uint64_t key;			/* c a block's address, or that of pages and 1 */
	void *base;			/* c of hx_alloc(): what to free */
	size_t bytes;			/* c of a block, as asked for */
	unsigned order;			/* c of pages */
};

static struct hx_hash_node *buckets[BUCKETS];
static struct hx_hash owned = { .buckets = buckets, .n_buckets = BUCKETS };	/* owned_lock */
static struct hx_spinlock owned_lock = HX_SPINLOCK_INIT("owned", HX_RANK_LEAF);
static struct hx_res_holder all_modules;

/* ---- what is owned */

static bool has_key(const struct hx_hash_node *n, const void *key)
{
	return HX_CONTAINER_OF(n, struct owned, node)->key == *(const uint64_t *)key;
}

static void insert(struct owned *o)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&owned_lock);

	hx_hash_insert(&owned, &o->node, hx_hash_u64(o->key));
	hx_spin_unlock_irqrestore(&owned_lock, flags);
}

static void forget(struct owned *o)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&owned_lock);

	hx_hash_remove(&owned, &o->node);
	hx_spin_unlock_irqrestore(&owned_lock, flags);
}

static struct owned *find(uint64_t key)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&owned_lock);
	struct hx_hash_node *n = hx_hash_find(&owned, hx_hash_u64(key), has_key, &key);

	hx_spin_unlock_irqrestore(&owned_lock, flags);
	return n != NULL ? HX_CONTAINER_OF(n, struct owned, node) : NULL;
}

/* The holder ends. */
static void end_owned(struct hx_res_lease *l)
{
	struct owned *o = HX_CONTAINER_OF(l, struct owned, lease);

	forget(o);
	if ((o->key & 1) != 0)
		hx_frames_free(o->key - 1, o->order);
	hx_free(o->base);
}

/* The module that calls and is charged; NULL: it is none, or a heap. */
static struct module *payer(const void *back)
{
	struct module *m = module_of_code((uintptr_t)back);

	return m != NULL && m->holder != NULL && m->desc->kind != HKO_ALLOCATOR ? m : NULL;
}

/* ---- blocks */

static void *take(struct module *m, size_t size_bytes, size_t align)
{
	size_t before, total;
	struct owned *o;
	uint8_t *base;

	if (!hx_is_pow2(align) || align > HX_PAGE_SIZE)
		return NULL;
	if (m == NULL)
		return hx_alloc_aligned(size_bytes, align);
	before = hx_align_up(sizeof(*o), hx_max_u64(align, HX_HEAP_ALIGN));
	if (size_bytes == 0 || __builtin_add_overflow(size_bytes, before, &total))
		return NULL;
	base = hx_alloc_aligned(total, hx_max_u64(align, HX_HEAP_ALIGN));
	if (base == NULL)
		return NULL;
	o = (struct owned *)(uintptr_t)(base + before) - 1;
	if (hx_res_lease_begin(m->holder, &o->lease, HX_RES_MEMORY, total, end_owned) != 0) {
		hx_free(base);
		return NULL;
	}
	o->key = (uintptr_t)(base + before);
	o->base = base;
	o->bytes = size_bytes;
	insert(o);
	return base + before;
}

static int give(void *ptr)
{
	struct owned *o = find((uintptr_t)ptr);

	if (o == NULL) {
		hx_free(ptr);
		return 0;
	}
	forget(o);
	hx_res_lease_end(&o->lease);
	hx_free(o->base);
	return 0;
}

static void *quota_take(size_t size_bytes)
{
	return take(payer(__builtin_return_address(0)), size_bytes, 1);
}

static void quota_free(void *ptr)
{
	(void)give(ptr);
}

static void *zeroed(void *p, size_t size_bytes)
{
	return p != NULL ? memset(p, 0, size_bytes) : NULL;
}

static void *quota_zalloc(size_t size_bytes)
{
	return zeroed(take(payer(__builtin_return_address(0)), size_bytes, 1), size_bytes);
}

static void *quota_calloc(size_t n, size_t size_bytes)
{
	size_t total;

	return __builtin_mul_overflow(n, size_bytes, &total) ? NULL :
	       zeroed(take(payer(__builtin_return_address(0)), total, 1), total);
}

static void *quota_alloc_aligned(size_t size_bytes, size_t align)
{
	return take(payer(__builtin_return_address(0)), size_bytes, align);
}

static size_t quota_alloc_size(const void *ptr)
{
	const struct owned *o = find((uintptr_t)ptr);

	return o != NULL ? o->bytes : hx_alloc_size(ptr);
}

static void *quota_realloc(void *ptr, size_t size_bytes)
{
	struct module *m = payer(__builtin_return_address(0));
	const struct owned *o = find((uintptr_t)ptr);
	void *p;

	if (o == NULL && ptr != NULL)
		return hx_realloc(ptr, size_bytes);
	p = take(m, size_bytes, 1);
	if (p != NULL && o != NULL) {
		memcpy(p, ptr, hx_min_u64(o->bytes, size_bytes));
		(void)give(ptr);
	}
	return p;
}

/* ---- pages */

int module_frames_alloc(const void *back, unsigned order, unsigned flags, hx_paddr_t *pa)
{
	struct module *m = payer(back);
	struct owned *o;
	int err;

	if (m == NULL || order > HX_FRAMES_MAX_ORDER)
		return hx_frames_alloc(order, flags, pa);
	o = hx_alloc(sizeof(*o));
	if (o == NULL)
		return -HX_ENOMEM;
	err = hx_res_lease_begin(m->holder, &o->lease, HX_RES_MEMORY,
				 (HX_PAGE_SIZE << order) + sizeof(*o), end_owned);
	if (err != 0) {
		hx_free(o);
		return -HX_ENOMEM;
	}
	err = hx_frames_alloc(order, flags, pa);
	if (err != 0) {
		hx_res_lease_end(&o->lease);
		hx_free(o);
		return err;
	}
	o->key = *pa + 1;
	o->base = o;
	o->bytes = 0;
	o->order = order;
	insert(o);
	return 0;
}

static int quota_frames_alloc(unsigned order, unsigned flags, hx_paddr_t *pa)
{
	return module_frames_alloc(__builtin_return_address(0), order, flags, pa);
}

static void quota_frames_free(hx_paddr_t pa, unsigned order)
{
	struct owned *o = find(pa + 1);

	if (o != NULL && o->order == order) {
		forget(o);
		hx_res_lease_end(&o->lease);
		hx_free(o);
	}
	hx_frames_free(pa, order);
}

/* ---- instead of the kernel's */

static void *(*take_pointer)(size_t size_bytes) = quota_take;
static int (*give_pointer)(void *ptr) = give;

const void *module_export_of_quota(const void *address)
{
	static const struct module_instead pairs[] = {
		{ (const void *)&hx_heap_take_, (const void *)&take_pointer },
		{ (const void *)hx_heap_take_checked_, (const void *)quota_take },
		{ (const void *)hx_zalloc, (const void *)quota_zalloc },
		{ (const void *)hx_calloc, (const void *)quota_calloc },
		{ (const void *)hx_alloc_aligned, (const void *)quota_alloc_aligned },
		{ (const void *)hx_realloc, (const void *)quota_realloc },
		{ (const void *)&hx_heap_give_, (const void *)&give_pointer },
		{ (const void *)hx_heap_free_, (const void *)quota_free },
		{ (const void *)hx_alloc_size, (const void *)quota_alloc_size },
		{ (const void *)hx_frames_alloc, (const void *)quota_frames_alloc },
		{ (const void *)hx_frames_free, (const void *)quota_frames_free },
	};
	const void *instead = module_instead(pairs, HX_ARRAY_LEN(pairs), address);

	return instead != NULL ? instead : module_export_of_ports(address);
}

/* ---- holders */

int module_refuse_quota(const struct module *m, uint64_t more, struct hko_why *why)
{
	const struct hx_res_account *a = &m->holder->accounts[HX_RES_MEMORY];

	return hko_refuse(why, -HX_ENOSPC, "detail=quota-memory name=%s charged=%llu more=%llu "
			  "max=%llu", m->name, (unsigned long long)a->charged,
			  (unsigned long long)more, (unsigned long long)a->hard);
}

int module_charge(struct module *m, uint32_t bytes, struct hko_why *why)
{
	if (hx_res_take(m->holder, HX_RES_MEMORY, bytes) != 0)
		return module_refuse_quota(m, bytes, why);
	m->image_bytes += bytes;
	return 0;
}

int module_quota_begin(struct module *m, struct hko_why *why)
{
	m->holder = hx_alloc(sizeof(*m->holder));
	if (m->holder == NULL)
		return hko_refuse(why, -HX_ENOMEM, "detail=memory");
	hx_verify(hx_res_holder_init(m->holder, m->name, &all_modules) == 0);
	hx_verify(hx_res_limit(m->holder, HX_RES_MEMORY, LIMIT - LIMIT / 4, LIMIT) == 0);
	return module_charge(m, m->total_bytes, why);
}

void module_quota_end(struct module *m)
{
	uint64_t left;

	if (m->holder == NULL)
		return;
	hx_res_release(m->holder, HX_RES_MEMORY, m->image_bytes);
	left = __atomic_load_n(&m->holder->accounts[HX_RES_MEMORY].charged, __ATOMIC_RELAXED);
	/* One that failed had no occasion to give anything back. */
	if (left != 0 && !(HX_ENABLED(BORDERS) && hx_border_has_failed(&m->owner)))
		(void)hx_failure_tell(HX_FAILURE_EXHAUSTION, "modules",
				      "%s left %llu bytes, taken back", m->name,
				      (unsigned long long)left);
	hx_verify(hx_res_holder_end(m->holder) == 0);
	module_ports_end(m);
	hx_free(m->holder);
}

bool module_is_over_quota(const struct module *m)
{
	const uint64_t *n = &m->holder->accounts[HX_RES_MEMORY].n_refused;

	return __atomic_load_n(n, __ATOMIC_RELAXED) != 0;
}

static int module_quota_init(void)
{
	return hx_res_holder_init(&all_modules, "modules", NULL);
}

static void module_quota_shutdown(void)
{
	(void)!hx_res_holder_end(&all_modules);
}

HX_COMPONENT(module_quota) = {
	.name = "module_quota", .phase = HX_PHASE_LATE, .version = 1,
	.needs = "resources", .init = module_quota_init, .shutdown = module_quota_shutdown,
};
