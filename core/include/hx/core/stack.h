/* SPDX-License-Identifier: MIT */
/*
 * Kernel stacks with a guard page below each: slots of the stack area, mapped when first used; a
 * few freed ones stay mapped for the next thread.
 */
#ifndef HX_CORE_STACK_H
#define HX_CORE_STACK_H

#include <hx/base.h>

/**
 * hx_stack_alloc() - take a kernel stack.
 * @stack:      receives its lowest byte; below it lies a page that is never mapped
 * @size_bytes: receives its size, CONFIG_STACK_SIZE_KIB in bytes
 *
 * Returns: 0; -HX_ENOMEM no pages; -HX_ENFILE all CONFIG_STACK_SLOTS are in use.
 * Context: thread or boot; never sleeps.
 * Locks:   HX_RANK_STACKS; for a new one also the kernel map's and a zone's, one after the other.
 * Owner:   the caller, until hx_stack_free(). The content is garbage.
 * Cost:    about 25 instructions if a freed one is kept; else mapping its pages.
 * Source:  -
 */
HX_MUST_CHECK int hx_stack_alloc(void **stack, size_t *size_bytes);

/**
 * hx_stack_free() - give a stack back; nobody may run on it any more.
 * @stack: as hx_stack_alloc() gave it
 *
 * Returns: nothing; an address that is no stack in use stops the kernel (hx_bug).
 * Context: thread or boot; never sleeps.
 * Locks:   as hx_stack_alloc().
 * Owner:   this room again.
 * Cost:    about 25 instructions if it is kept; else unmapping its pages.
 * Source:  -
 */
void hx_stack_free(void *stack);

/**
 * hx_stack_is_guard() - whether an address lies in the guard page of a stack.
 * @address: anything; the page fault report then says "stack overflow"
 *
 * Returns: true if it does.
 * Context: any, even NMI.
 * Locks:   none.
 * Owner:   -
 * Cost:    a division.
 * Source:  -
 */
bool hx_stack_is_guard(uintptr_t address);

#endif
