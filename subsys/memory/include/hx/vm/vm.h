/* SPDX-License-Identifier: MIT */
/*
 * Address spaces as programs see them: regions of memory that is not there yet, comes when it is
 * touched, is shared or copied when it is written.
 *
 *	hx_vm_create() -> hx_vm_map() ... -> hx_vm_attach(): the calling thread runs in it and
 *	reaches it with <hx/hal/user.h> -> hx_vm_attach(NULL) or the thread's end, hx_vm_put()
 *
 * A region is a range with one kind and one set of rights:
 *	anonymous	zeroes at the first touch; private; copied on write after a clone
 *	stack		anonymous, grows down into the range kept free below it, over a guard page
 *	shared		pages of an object; every space that maps it sees the same ones
 *	guard		nothing, for ever: an access is an error
 */
#ifndef HX_VM_VM_H
#define HX_VM_VM_H

#include <hx/base.h>
#include <hx/core/thread.h>
#include <hx/hal/user.h>

struct hx_vm_space;
struct hx_vm_object;

enum hx_vm_prot {
	HX_VM_NONE = 0,		/* no access; what is there is kept */
	HX_VM_READ = 1,
	HX_VM_WRITE = 2,	/* never together with EXEC; includes READ */
	HX_VM_EXEC = 4,		/* includes READ */
};

enum hx_vm_flags {
	HX_VM_FIXED = 1,	/* at va or not at all; the range must be free */
	HX_VM_POPULATE = 2,	/* pages at once instead of at the first touch */
	HX_VM_HUGE = 4,		/* pages of 2 MiB where a whole aligned one fits and RAM has it */
	HX_VM_GUARD = 8,	/* a guard region */
	HX_VM_STACK = 16,	/* a stack: va + size_bytes is its top; see reserve_bytes */
};

struct hx_vm_params {
	uintptr_t va;			/* page aligned; 0: anywhere. Without FIXED a wish */
	size_t size_bytes;		/* rounded up to whole pages; above 0 */
	size_t reserve_bytes;		/* STACK: how far it may grow in all; at least size_bytes */
	unsigned prot;			/* HX_VM_READ ... */
	unsigned flags;			/* HX_VM_FIXED ... */
	struct hx_vm_object *object;	/* NULL: anonymous */
	uint64_t offset_bytes;		/* into the object; page aligned */
};

/* One region, as it is shown. */
struct hx_vm_region_info {
	uintptr_t start, end;
	unsigned prot, flags;
	const struct hx_vm_object *object;
	uint64_t offset_bytes;
};

/* A space's figures: a snapshot. */
struct hx_vm_info {
	uint64_t limit_bytes;		/* of all regions but guards */
	uint64_t mapped_bytes;		/* now */
	uint64_t resident_bytes;	/* private pages that are there */
	uint64_t table_bytes;		/* page tables */
	uint32_t n_regions;
	uint32_t n_threads;		/* attached */
	uint64_t n_zero, n_copied, n_object, n_grown, n_refused;	/* faults by outcome */
};

/**
 * hx_vm_create() - an empty space.
 * @limit_bytes: most that its regions may take together; 0: no limit but the addresses
 * @out:         receives it; untouched on error
 *
 * Returns: 0; -HX_ENOMEM.
 * Context: thread.
 * Locks:   the kernel map's, the heap's.
 * Owner:   the caller has one reference, until hx_vm_put().
 * Cost:    an allocation, a page.
 * Source:  -
 */
HX_MUST_CHECK int hx_vm_create(uint64_t limit_bytes, struct hx_vm_space **out);

/**
 * hx_vm_get() - one more reference.
 * hx_vm_put() - give one back; the last one ends the space with all that is only its.
 * @s: a space; put: NULL does nothing
 *
 * Returns: get: @s.
 * Context: thread, may sleep. No thread that is attached may give up the last one.
 * Locks:   put: the space's mutex, what freeing takes.
 * Owner:   -
 * Cost:    an atomic operation; the last put O(pages).
 * Source:  -
 */
struct hx_vm_space *hx_vm_get(struct hx_vm_space *s);
void hx_vm_put(struct hx_vm_space *s);

/**
 * hx_vm_map() - make a region.
 * @s:  the space
 * @p:  what and where; read during the call only
 * @va: receives where it begins; untouched on error
 *
 * Returns: 0; -HX_EINVAL size, alignment, rights or flags that make no sense, a range outside user
 *          memory or past the object's end; -HX_EEXIST FIXED and something is there; -HX_ENOSPC no
 *          free range, or above the space's limit; -HX_ENOMEM. On error nothing has changed.
 * Context: thread, may sleep.
 * Locks:   the space's mutex; with an object, its.
 * Owner:   the space; it takes a reference to the object.
 * Cost:    O(log regions), with @va 0 O(regions) at worst; POPULATE O(pages).
 * Source:  POSIX mmap(). Differs: FIXED never replaces; sizes and rights are checked, not bent.
 */
HX_MUST_CHECK int hx_vm_map(struct hx_vm_space *s, const struct hx_vm_params *p, uintptr_t *va);

/**
 * hx_vm_unmap() - take a range out of whatever regions lie in it, in part or whole.
 * @s:          the space
 * @va:         page aligned
 * @size_bytes: rounded up to whole pages; holes are passed over
 *
 * Returns: 0; -HX_EINVAL not a range of user memory; -HX_ENOMEM a region had to be cut in two, or a
 *          page of 2 MiB: nothing has changed.
 * Context: thread, may sleep.
 * Locks:   the space's mutex; objects'.
 * Owner:   private pages are free again.
 * Cost:    O(pages of the range that are there).
 * Source:  POSIX munmap().
 */
HX_MUST_CHECK int hx_vm_unmap(struct hx_vm_space *s, uintptr_t va, size_t size_bytes);

/**
 * hx_vm_protect() - give a range other rights.
 * @s:          the space
 * @va:         page aligned
 * @size_bytes: rounded up to whole pages; all of it must be regions, no guards
 * @prot:       HX_VM_READ ...
 *
 * Returns: 0; -HX_EINVAL not a range, WRITE with EXEC, or a guard in it; -HX_ENOENT a hole in it;
 *          -HX_ENOMEM a region had to be cut. On error nothing has changed.
 * Context: thread, may sleep.
 * Locks:   the space's mutex.
 * Owner:   -
 * Cost:    O(pages of the range that are there), and a flush.
 * Source:  POSIX mprotect(). Differs: all or nothing.
 */
HX_MUST_CHECK int hx_vm_protect(struct hx_vm_space *s, uintptr_t va, size_t size_bytes,
				unsigned prot);

/**
 * hx_vm_clone() - a second space that looks like this one.
 * @s:   the space
 * @out: receives the copy; untouched on error
 *
 * Private pages are shared until one side writes. Objects are shared for good.
 *
 * Returns: 0; -HX_ENOMEM: @s is as before.
 * Context: thread, may sleep.
 * Locks:   the space's mutex.
 * Owner:   the caller has one reference to the copy.
 * Cost:    O(private pages): about 150 instructions each.
 * Source:  Bach, The Design of the UNIX Operating System, 7.1 (fork); copy on write as in Mach.
 */
HX_MUST_CHECK int hx_vm_clone(struct hx_vm_space *s, struct hx_vm_space **out);

/**
 * hx_vm_attach() - the calling thread runs in a space from now on.
 * @s: the space; NULL: in none
 *
 * Returns: nothing.
 * Context: thread, may sleep.
 * Locks:   none; those of hx_vm_put(), if the old space ends.
 * Owner:   the thread has a reference until it attaches elsewhere or ends.
 * Cost:    a switch of page tables.
 * Source:  -
 */
void hx_vm_attach(struct hx_vm_space *s);

/**
 * hx_vm_self() - the space of the calling thread.
 *
 * Returns: it; NULL: none.
 * Context: thread.
 * Locks:   none.
 * Owner:   borrowed.
 * Cost:    two loads.
 * Source:  -
 */
struct hx_vm_space *hx_vm_self(void);

/**
 * hx_vm_fault() - make one access possible, as the page fault does.
 * @s:     the space
 * @va:    any address
 * @flags: HX_FAULT_*
 *
 * Returns: 0 it can be tried again; -HX_EFAULT there is nothing, or the rights forbid it;
 *          -HX_ENOMEM no page; -HX_ENOSPC a stack may not grow above the space's limit.
 * Context: thread, may sleep.
 * Locks:   the space's mutex; the object's.
 * Owner:   -
 * Cost:    about 300 instructions, and clearing or copying a page.
 * Source:  -
 */
HX_MUST_CHECK int hx_vm_fault(struct hx_vm_space *s, uintptr_t va, unsigned flags);

/**
 * hx_vm_info() - the figures of a space.
 * hx_vm_region() - the first region that ends above an address.
 * @s:   the space
 * @va:  from here; the end of the last one gives the next
 * @out: filled; region: untouched if there is none
 *
 * Returns: region: true if there is one.
 * Context: thread, may sleep.
 * Locks:   the space's mutex.
 * Owner:   -
 * Cost:    O(log regions).
 * Source:  -
 */
void hx_vm_info(struct hx_vm_space *s, struct hx_vm_info *out);
bool hx_vm_region(struct hx_vm_space *s, uintptr_t va, struct hx_vm_region_info *out);

/* Why user mode of a thread was ended; the last HX_VM_ENDS are kept. */
#define HX_VM_ENDS	8u
struct hx_vm_end {
	uint64_t number;		/* from 1, since boot */
	hx_ns_t at_ns;
	uint32_t thread;		/* its number, and its name */
	char name[HX_THREAD_NAME_MAX];
	int32_t err;			/* its exit value: -HX_EFAULT, -HX_ENOMEM, ... */
	uint32_t vector;		/* the machine's number of the exception */
	bool is_overflow;		/* of a stack into its guard */
	uintptr_t pc, sp;
	uintptr_t va;			/* of a page fault; else 0 */
	struct hx_vm_region_info region;	/* around va; start == end: none */
	char cause[112];		/* in words */
};

/**
 * hx_vm_last_end() - the last record of a thread (CONFIG_VM_USER).
 * @thread: its number; 0: of any thread
 * @nth:    0 the last one, 1 the one before, ...
 * @out:    filled; untouched if there is none
 *
 * A thread in user mode whose exception nobody can resolve ends with an error: of a page fault
 * -HX_EFAULT nothing there or not allowed, -HX_ENOMEM no page, -HX_ENOSPC its stack may not grow;
 * of others -HX_ERANGE arithmetic, -HX_ENOSYS no such instruction, -HX_EPERM not allowed, else
 * -HX_EFAULT.
 *
 * Returns: true if there is one.
 * Context: any but NMI.
 * Locks:   a leaf.
 * Owner:   -
 * Cost:    O(HX_VM_ENDS).
 * Source:  -
 */
bool hx_vm_last_end(uint32_t thread, unsigned nth, struct hx_vm_end *out);

/**
 * hx_vm_check() - verify all invariants of a space, for tests.
 * @s: the space
 *
 * Returns: 0; -HX_EBADMSG something is broken.
 * Context: thread, may sleep.
 * Locks:   the space's mutex.
 * Owner:   -
 * Cost:    O(pages).
 * Source:  -
 */
HX_MUST_CHECK int hx_vm_check(struct hx_vm_space *s);

/**
 * hx_vm_object_create() - memory that several spaces can map: zeroes at the first touch.
 * @size_bytes: rounded up to whole pages; 1 byte to HX_VM_OBJECT_MAX
 * @out:        receives it; untouched on error
 *
 * Returns: 0; -HX_EINVAL size; -HX_ENOMEM.
 * Context: thread.
 * Locks:   the heap's.
 * Owner:   the caller has one reference, until hx_vm_object_put(); each region has one.
 * Cost:    an allocation of 8 bytes per page.
 * Source:  POSIX shm_open().
 */
#define HX_VM_OBJECT_MAX	(HX_GIB / 4)
HX_MUST_CHECK int hx_vm_object_create(size_t size_bytes, struct hx_vm_object **out);

/**
 * hx_vm_object_get() - one more reference.
 * hx_vm_object_put() - give one back; the last one frees its pages.
 * @o: an object; put: NULL does nothing
 *
 * Returns: get: @o.
 * Context: thread.
 * Locks:   put: what freeing takes.
 * Owner:   -
 * Cost:    an atomic operation; the last put O(pages).
 * Source:  -
 */
struct hx_vm_object *hx_vm_object_get(struct hx_vm_object *o);
void hx_vm_object_put(struct hx_vm_object *o);

#endif
