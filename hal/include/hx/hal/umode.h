/* SPDX-License-Identifier: MIT */
/*
 * User mode: how a thread leaves for it, and what comes back that nobody resolved. With
 * CONFIG_USER_MODE only (rooms select it).
 *
 * A thread in user mode has no flow in the kernel: each exception or interrupt begins anew at the
 * top of its kernel stack. Its registers are in the frame there, and nowhere else. The thread that
 * a CPU runs in user mode must have given that CPU its stack: at hx_user_enter(), and by
 * hx_user_set_stack() each time it gets a CPU again.
 *
 * Not kept for it: floating-point and vector registers (using them is an exception), FS and GS
 * base (both 0).
 */
#ifndef HX_HAL_UMODE_H
#define HX_HAL_UMODE_H

#include <hx/base.h>

struct hx_trap_frame;

struct hx_user_start {
	uintptr_t pc, sp;	/* below hx_mmu_user_end(); sp may be that end */
	uintptr_t arg[2];	/* as a function gets its first two arguments */
};

/**
 * hx_user_enter() - leave for user mode, in the space that is loaded.
 * @start:     where to; all other registers are 0
 * @stack_top: the kernel stack of this thread, aligned to 16: what is on it is lost
 *
 * Returns: -HX_EINVAL an address that is not the user's; else never.
 * Context: thread, interrupts on, preemption off or nothing held: the space stays loaded.
 * Locks:   none.
 * Owner:   @start is read before.
 * Cost:    about 40 instructions.
 * Source:  Intel SDM vol. 3, 5.8.6 and 6.12.1.
 */
HX_MUST_CHECK int hx_user_enter(const struct hx_user_start *start, uintptr_t stack_top);

/**
 * hx_user_set_stack() - where exceptions of user mode begin on this CPU.
 * @stack_top: of the thread that gets the CPU
 *
 * Returns: nothing.
 * Context: interrupts off.
 * Locks:   none.
 * Owner:   -
 * Cost:    a few instructions.
 * Source:  Intel SDM vol. 3, 7.7 (RSP0).
 */
void hx_user_set_stack(uintptr_t stack_top);

/**
 * hx_user_stop() - a thread does not go on in user mode: a page fault comes instead of its next
 *                  instruction there.
 * @stack_top: its kernel stack's; it has come from user mode, and is in the kernel now
 *
 * The fault's address is none that a space can map, so nobody resolves it. Where it was is lost.
 *
 * Returns: nothing.
 * Context: where that thread cannot run meanwhile: on its CPU with interrupts off, or with its run
 *          queue locked while it has no CPU.
 * Locks:   none.
 * Owner:   -
 * Cost:    a store.
 * Source:  -
 */
void hx_user_stop(uintptr_t stack_top);

/*
 * An exception of user mode that nobody resolved. err: what the fault handler said; of exceptions
 * that are no page faults -HX_ERANGE arithmetic, -HX_ENOSYS an instruction that there is not,
 * -HX_EPERM one that is not allowed, -HX_EFAULT others. Thread context, interrupts on, on the
 * thread's kernel stack; it ends the thread and does not return.
 */
typedef void (*hx_user_upcall_t)(struct hx_trap_frame *frame, int err);

/**
 * hx_trap_set_user_upcall() - who ends threads.
 * @upcall: see above; NULL, or one that returns: the exception is the kernel's, as all others
 *
 * Returns: nothing.
 * Context: boot.
 * Locks:   none.
 * Owner:   -
 * Cost:    a store.
 * Source:  -
 */
void hx_trap_set_user_upcall(hx_user_upcall_t upcall);

/**
 * hx_trap_is_user() - whether user mode was interrupted.
 * @f: the frame
 *
 * Returns: true if so.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a load.
 * Source:  -
 */
bool hx_trap_is_user(const struct hx_trap_frame *f);

#endif
