/* SPDX-License-Identifier: MIT */
/*
 * The only ways into user memory: the space that is loaded on this CPU. A page that is not there is
 * asked for (the fault handler); what cannot be had is -HX_EFAULT, never an exception. Elsewhere
 * the kernel does not touch user memory: the CPU forbids it (SMAP) and the access is a panic.
 */
#ifndef HX_HAL_USER_H
#define HX_HAL_USER_H

#include <hx/base.h>

enum hx_fault_flags {
	HX_FAULT_WRITE = 1 << 0,	/* else a read, or with EXEC a fetch */
	HX_FAULT_EXEC = 1 << 1,
	HX_FAULT_PRESENT = 1 << 2,	/* a page is there, but its rights forbid it */
	HX_FAULT_USER = 1 << 3,		/* from user mode */
};

/* Resolve a fault at an address below hx_mmu_user_end(): 0, the access is tried again; or a
 * negative error. Runs on the faulting thread's stack, with its interrupt mask. */
typedef int (*hx_fault_handler_t)(uintptr_t va, unsigned flags);

/**
 * hx_trap_set_fault_handler() - who resolves faults in user memory.
 * @fn: called for faults of the functions below and of user mode; NULL: nobody
 *
 * Returns: nothing.
 * Context: boot.
 * Locks:   none.
 * Owner:   -
 * Cost:    a store.
 * Source:  -
 */
void hx_trap_set_fault_handler(hx_fault_handler_t fn);

/**
 * hx_copy_from_user() - copy from user memory into the kernel's.
 * hx_copy_to_user() - copy into user memory.
 * hx_clear_user() - fill user memory with zeroes.
 * @dst: where to
 * @src: where from
 * @n:   how many bytes
 *
 * Returns: 0; -HX_EFAULT not all of it is user memory that may be read, or written: the first part
 *          may have been copied.
 * Context: thread. Where it may not sleep, pages that are not there yet are -HX_EFAULT too.
 * Locks:   the fault handler's; none that it takes may be held.
 * Owner:   -
 * Cost:    about 20 instructions and n / 8; a fault per page that is not there.
 * Source:  Intel SDM vol. 3, 4.6.1 (SMAP, STAC); the table of places that may fault: Linux.
 */
HX_MUST_CHECK int hx_copy_from_user(void *dst, uintptr_t src, size_t n);
HX_MUST_CHECK int hx_copy_to_user(uintptr_t dst, const void *src, size_t n);
HX_MUST_CHECK int hx_clear_user(uintptr_t dst, size_t n);

/**
 * hx_strncpy_from_user() - copy a string, with its NUL.
 * @dst: receives at most @n bytes; not NUL-terminated on error
 * @src: where from
 * @n:   size of @dst, bytes
 *
 * Returns: its length without the NUL; -HX_ENAMETOOLONG no NUL in the first @n bytes; -HX_EFAULT.
 * Context: as above.
 * Locks:   as above.
 * Owner:   -
 * Cost:    about 20 instructions, and 7 for each byte.
 * Source:  -
 */
HX_MUST_CHECK hx_ssize_t hx_strncpy_from_user(char *dst, uintptr_t src, size_t n);

#endif
