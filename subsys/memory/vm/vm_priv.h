/* SPDX-License-Identifier: MIT */
/*
 * What the files of this room share.
 *
 * Invariants; the code cites them by number:
 *	1 Regions do not overlap; s->mapped_bytes is the sum of all but the guards.
 *	2 Every mapped page lies in one region that is no guard; a page of 2 MiB lies in it whole.
 *	3 A page has no right that its region has not. It may lack WRITE: the fault gives it.
 *	4 A private page without tags has one owner: this entry. With VM_COW or VM_PART its frame,
 *	  or the head of its block, has a count in refs.c of the entries beyond one.
 *	5 A page with VM_COW is never writable.
 */
#ifndef HX_VM_PRIV_H
#define HX_VM_PRIV_H

#include <hx/config/subsys_memory_vm.h>
#include <hx/core/assert.h>
#include <hx/core/mutex.h>
#include <hx/core/rbtree.h>
#include <hx/core/thread.h>
#include <hx/hal/space.h>
#include <hx/hal/umode.h>
#include <hx/vm/vm.h>

#define VM_LOWEST	((uintptr_t)64 << 10)	/* null pointers with offsets fault */
#define VM_HUGE_ORDER	9u
#define VM_HUGE_BYTES	(HX_PAGE_SIZE << VM_HUGE_ORDER)

#define VM_COW		HX_MAP_TAG0	/* perhaps shared: ask refs.c before a write */
#define VM_PART		HX_MAP_TAG1	/* of a 2 MiB block that was cut; it goes whole */

/* Region flags beside HX_VM_HUGE, GUARD, STACK: a guard that the stack above may take. */
#define VM_RESERVE	(1u << 16)

/* Field keys: l the space's mutex. */
struct vm_region {
	struct hx_rb_node node;			/* l */
	uintptr_t start, end;			/* l half open, whole pages */
	uint32_t prot, flags;			/* l */
	struct hx_vm_object *object;		/* l a reference; NULL: private */
	uint64_t offset_bytes;			/* l of start into the object */
};

/* Field keys: c constant, a atomic, l lock. */
struct hx_vm_space {
	struct hx_mmu_space mmu;		/* l */
	struct hx_mutex lock;
	struct hx_rb_tree regions;		/* l by start */
	struct vm_region *last;			/* l of the last fault; NULL: none */
	uintptr_t next_free;			/* l where the next search begins */
	uint64_t limit_bytes;			/* c */
	uint64_t mapped_bytes;			/* l */
	uint64_t resident_pages;		/* l private ones, of 4 KiB */
	uint64_t n_zero, n_copied, n_object, n_grown, n_refused;	/* l */
	uint32_t n_refs;			/* a */
	uint32_t n_threads;			/* a */
};

struct hx_vm_object {
	uint32_t n_refs;			/* a */
	uint32_t reserved;
	uint64_t n_pages;			/* c */
	hx_paddr_t pages[];			/* a 0: not touched yet */
};

static inline struct vm_region *vm_region_of(struct hx_rb_node *n)
{
	return n != NULL ? HX_CONTAINER_OF(n, struct vm_region, node) : NULL;
}

static inline size_t vm_pages(uintptr_t start, uintptr_t end)
{
	return (end - start) >> HX_PAGE_SHIFT;
}

/* What a page of a region may be mapped with at most. */
static inline unsigned vm_map_flags(unsigned prot)
{
	return (prot & HX_VM_WRITE ? HX_MAP_WRITE : 0) | (prot & HX_VM_EXEC ? HX_MAP_EXEC : 0) |
	       (prot == HX_VM_NONE ? HX_MAP_NOACCESS : 0);
}

/* region.c; all with the space's mutex held */
void vm_regions_init(struct hx_vm_space *s);
/* The first region that ends above va; NULL: none. */
struct vm_region *vm_region_at(const struct hx_vm_space *s, uintptr_t va);
struct vm_region *vm_region_next(const struct vm_region *r);
/* The last region that begins below va; NULL: none. */
struct vm_region *vm_region_below(const struct hx_vm_space *s, uintptr_t va);
/* The same, going by what the last fault found. NULL: va is in none. */
struct vm_region *vm_region_find(struct hx_vm_space *s, uintptr_t va);
void vm_region_add(struct hx_vm_space *s, struct vm_region *r);
void vm_region_remove(struct hx_vm_space *s, struct vm_region *r);
/* The same, then drop its object and free it. */
void vm_region_drop(struct hx_vm_space *s, struct vm_region *r);
/* Cut r at va, which lies inside; spare becomes the upper part. */
void vm_region_cut(struct hx_vm_space *s, struct vm_region *r, uintptr_t va,
		   struct vm_region *spare);
/* Join neighbours that are alike, in [start, end) and at its ends. */
void vm_merge_range(struct hx_vm_space *s, uintptr_t start, uintptr_t end);
bool vm_find_free(struct hx_vm_space *s, uintptr_t wish, size_t size_bytes, size_t align,
		  uintptr_t *va);
bool vm_is_range(uintptr_t va, size_t size_bytes);

/* refs.c */
HX_MUST_CHECK int vm_refs_init(void);
void vm_refs_fini(void);
HX_MUST_CHECK int vm_refs_add(hx_paddr_t pa, uint32_t n);	/* -HX_ENOMEM */
void vm_refs_sub(hx_paddr_t pa, uint32_t n);			/* undo vm_refs_add() */
bool vm_refs_is_shared(hx_paddr_t pa);
/* A private page of a space is not used by this entry any more. */
void vm_page_release(const struct hx_mmu_page *page);

/* fault.c; with the mutex held */
HX_MUST_CHECK int vm_fault_locked(struct hx_vm_space *s, uintptr_t va, unsigned flags);
/* See that no page of 2 MiB reaches over va. */
HX_MUST_CHECK int vm_cut_page(struct hx_vm_space *s, uintptr_t va);
int vm_handle_fault(uintptr_t va, unsigned flags);

/* space.c: all spaces, for /mem/spaces */
extern uint32_t vm_n_spaces;	/* a */

/* map.c; with the mutex held */
/* Unmap the pages of [start, end), which lies in r. */
void vm_unmap_pages(struct hx_vm_space *s, const struct vm_region *r, uintptr_t start,
		    uintptr_t end);

/* object.c: the page at an offset, made if need be; 0: there is none. */
hx_paddr_t vm_object_page(struct hx_vm_object *o, uint64_t offset_bytes);

/* ended.c, with CONFIG_VM_USER: the up-call of user mode's exceptions. */
void vm_end_thread(struct hx_trap_frame *f, int err);

#endif
