/* SPDX-License-Identifier: MIT */
/*
 * Address spaces from creation to the last reference, who runs in them, and the component.
 */
#include <hx/core/heap.h>
#include <hx/core/init.h>
#include <hx/core/log.h>

#include "vm_priv.h"

_Static_assert(offsetof(struct hx_vm_space, mmu) == 0, "a thread's space is the hal's");

uint32_t vm_n_spaces;

int hx_vm_create(uint64_t limit_bytes, struct hx_vm_space **out)
{
	struct hx_vm_space *s = hx_zalloc(sizeof(*s));
	int err;

	if (s == NULL)
		return -HX_ENOMEM;
	err = hx_mmu_space_init(&s->mmu);
	if (err != 0) {
		hx_free(s);
		return err;
	}
	hx_mutex_init(&s->lock);
	vm_regions_init(s);
	s->limit_bytes = limit_bytes != 0 ? limit_bytes : UINT64_MAX;
	s->n_refs = 1;
	__atomic_fetch_add(&vm_n_spaces, 1, __ATOMIC_RELAXED);
	*out = s;
	return 0;
}

struct hx_vm_space *hx_vm_get(struct hx_vm_space *s)
{
	__atomic_fetch_add(&s->n_refs, 1, __ATOMIC_RELAXED);
	return s;
}

void hx_vm_put(struct hx_vm_space *s)
{
	struct vm_region *r;

	if (s == NULL || __atomic_sub_fetch(&s->n_refs, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	while ((r = vm_region_at(s, 0)) != NULL) {
		vm_unmap_pages(s, r, r->start, r->end);
		vm_region_drop(s, r);
	}
	hx_assert(s->resident_pages == 0 && s->mapped_bytes == 0);
	hx_mmu_space_fini(&s->mmu);
	hx_free(s);
	__atomic_fetch_sub(&vm_n_spaces, 1, __ATOMIC_RELAXED);
}

struct hx_vm_space *hx_vm_self(void)
{
	const struct hx_thread *self = hx_thread_self();

	return self != NULL ? (struct hx_vm_space *)self->space : NULL;
}

void hx_vm_attach(struct hx_vm_space *s)
{
	struct hx_vm_space *old = hx_vm_self();
	hx_irqflags_t irq;

	if (s != NULL) {
		hx_vm_get(s);
		__atomic_fetch_add(&s->n_threads, 1, __ATOMIC_RELAXED);
	}
	irq = hx_irq_save();
	hx_thread_self()->space = s != NULL ? &s->mmu : NULL;
	hx_mmu_switch(s != NULL ? &s->mmu : NULL);
	hx_irq_restore(irq);
	if (old != NULL) {
		__atomic_fetch_sub(&old->n_threads, 1, __ATOMIC_RELAXED);
		hx_vm_put(old);
	}
}

void hx_vm_info(struct hx_vm_space *s, struct hx_vm_info *out)
{
	hx_mutex_lock(&s->lock);
	*out = (struct hx_vm_info){
		.limit_bytes = s->limit_bytes, .mapped_bytes = s->mapped_bytes,
		.resident_bytes = s->resident_pages << HX_PAGE_SHIFT,
		.table_bytes = (uint64_t)s->mmu.n_tables << HX_PAGE_SHIFT,
		.n_regions = (uint32_t)s->regions.n_nodes, .n_threads = s->n_threads,
		.n_zero = s->n_zero, .n_copied = s->n_copied, .n_object = s->n_object,
		.n_grown = s->n_grown, .n_refused = s->n_refused,
	};
	hx_mutex_unlock(&s->lock);
}

bool hx_vm_region(struct hx_vm_space *s, uintptr_t va, struct hx_vm_region_info *out)
{
	const struct vm_region *r;

	hx_mutex_lock(&s->lock);
	r = vm_region_at(s, va);
	if (r != NULL)
		*out = (struct hx_vm_region_info){
			.start = r->start, .end = r->end, .prot = r->prot,
			.flags = r->flags & ~VM_RESERVE, .object = r->object,
			.offset_bytes = r->offset_bytes,
		};
	hx_mutex_unlock(&s->lock);
	return r != NULL;
}

struct checking {
	struct hx_vm_space *s;
	uint64_t n_private;
	bool is_bad;
};

static void check_page(void *arg, const struct hx_mmu_page *page)
{
	struct checking *c = arg;
	const struct vm_region *r = vm_region_at(c->s, page->va);
	unsigned may;

	if (r == NULL || page->va < r->start || page->va + page->bytes > r->end ||
	    (r->flags & HX_VM_GUARD) != 0) {
		c->is_bad = true;			/* invariant 2 */
		return;
	}
	may = vm_map_flags(r->prot);
	c->is_bad |= (page->flags & ~may & (HX_MAP_WRITE | HX_MAP_EXEC)) != 0 ||
		     ((page->flags ^ may) & HX_MAP_NOACCESS) != 0 ||	/* invariant 3 */
		     ((page->flags & VM_COW) != 0 && (page->flags & HX_MAP_WRITE) != 0);
	c->n_private += r->object == NULL ? page->bytes >> HX_PAGE_SHIFT : 0;
}

int hx_vm_check(struct hx_vm_space *s)
{
	struct checking c = { .s = s };
	const struct vm_region *r;
	uint64_t n_bytes = 0;
	uintptr_t last = 0;

	hx_mutex_lock(&s->lock);
	for (r = vm_region_at(s, 0); r != NULL; r = vm_region_next(r)) {
		c.is_bad |= r->start < last || r->start >= r->end;	/* invariant 1 */
		last = r->end;
		n_bytes += r->flags & HX_VM_GUARD ? 0 : r->end - r->start;
	}
	hx_mmu_space_walk(&s->mmu, 0, hx_mmu_user_end(), check_page, &c);
	c.is_bad |= n_bytes != s->mapped_bytes || c.n_private != s->resident_pages ||
		    hx_rb_check(&s->regions) != 0;
	hx_mutex_unlock(&s->lock);
	return c.is_bad ? -HX_EBADMSG : 0;
}

static HX_COLD void thread_ends(void)
{
	hx_vm_attach(NULL);
}

static HX_COLD int vm_init(void)
{
	int err = vm_refs_init();

	if (err != 0)
		return err;
	hx_trap_set_fault_handler(vm_handle_fault);
	hx_thread_set_space_end(thread_ends);
	if (HX_ENABLED(VM_USER))
		hx_trap_set_user_upcall(vm_end_thread);
	hx_debug("vm", "page tables of %u levels, %u tags", hx_mmu_levels(), hx_mmu_tags());
	return 0;
}

static HX_COLD void vm_shutdown(void)
{
	if (HX_ENABLED(VM_USER))
		hx_trap_set_user_upcall(NULL);
	hx_thread_set_space_end(NULL);
	hx_trap_set_fault_handler(NULL);
	vm_refs_fini();
}

HX_COMPONENT(vm) = {
	.name = "vm", .phase = HX_PHASE_CORE, .version = 1, .needs = "heap frames scheduler log",
	.gives = "spaces", .init = vm_init, .shutdown = vm_shutdown,
};
