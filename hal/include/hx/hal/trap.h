/* SPDX-License-Identifier: MIT */
/*
 * Exceptions: the hal catches them, names them and decodes them; what to do is for core/panic.
 */
#ifndef HX_HAL_TRAP_H
#define HX_HAL_TRAP_H

#include <hx/base.h>

struct hx_trap_frame;		/* the machine's; read through the functions below */

/* One exception. Returns true if it was dealt with and the interrupted code may go on. */
typedef bool (*hx_trap_upcall_t)(struct hx_trap_frame *frame);
/**
 * hx_trap_set_upcall() - who takes exceptions from now on.
 * @upcall: called on the stack of the exception, interrupts off
 *
 * Without one, or when it returns false, the hal says what happened on the early console and leaves
 * with HX_EXIT_PANIC.
 *
 * Returns: who did before; NULL: nobody.
 * Context: boot; a test, which gives what is not its own to the one before: other CPUs go on.
 * Locks:   none.
 * Owner:   -
 * Cost:    one store.
 * Source:  -
 */
hx_trap_upcall_t hx_trap_set_upcall(hx_trap_upcall_t upcall);

/**
 * hx_trap_vector() - the machine's number of the exception or interrupt.
 * hx_trap_name() - its name, e.g. "page fault (#PF)"; constant text.
 * hx_trap_pc() - where the interrupted code goes on.
 * hx_trap_sp() - its stack pointer.
 * hx_trap_fault_address() - what it could not reach: of a page fault, or of a stack overflow that
 *                           came as a double fault; else 0.
 * @f: the frame
 *
 * Returns: the value.
 * Context: any.
 * Locks:   none.
 * Owner:   the frame lives until the up-call returns.
 * Cost:    a load.
 * Source:  Intel SDM vol. 3, 6.15.
 */
unsigned hx_trap_vector(const struct hx_trap_frame *f);
const char *hx_trap_name(const struct hx_trap_frame *f);
uintptr_t hx_trap_pc(const struct hx_trap_frame *f);
uintptr_t hx_trap_sp(const struct hx_trap_frame *f);
uintptr_t hx_trap_fault_address(const struct hx_trap_frame *f);

/**
 * hx_trap_describe() - the decoded error code and fault address as a phrase.
 * @f:    the frame
 * @buf:  filled, NUL-terminated, cut to fit
 * @size: its size, bytes, at least 1
 *
 * Returns: nothing.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    some hundred instructions.
 * Source:  Intel SDM vol. 3, 4.7 (page faults), 6.13 (selectors).
 */
void hx_trap_describe(const struct hx_trap_frame *f, char *buf, size_t size);

/**
 * hx_trap_register() - one register of the interrupted code.
 * @f:     the frame
 * @idx:   0, 1, … until it returns false
 * @name:  receives its name; constant text
 * @value: receives its value
 *
 * Returns: true; false past the last register that the frame holds.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a table look-up.
 * Source:  -
 */
bool hx_trap_register(const struct hx_trap_frame *f, unsigned idx, const char **name,
		      uint64_t *value);

/**
 * hx_trap_set_pc() - let the interrupted code go on elsewhere, for tests.
 * hx_trap_resume_pc() - where hx_trap_provoke() goes on behind the instruction that faulted.
 * @f:  the frame
 * @pc: an address in text
 *
 * Returns: the address, or nothing.
 * Context: the exception's up-call, which then returns true.
 * Locks:   none.
 * Owner:   -
 * Cost:    a store.
 * Source:  -
 */
void hx_trap_set_pc(struct hx_trap_frame *f, uintptr_t pc);
uintptr_t hx_trap_resume_pc(const struct hx_trap_frame *f);

/**
 * hx_backtrace() - walk the callers.
 * @f:     where to start: the interrupted code, whose pc comes first; NULL: here, and the first is
 *         where the caller goes on
 * @pcs:   receives code addresses, innermost first; return addresses but for the pc of @f
 * @max:   at most so many
 * @exact: receives false if the stack was scanned for addresses in the kernel's text (frame
 *         pointers are configured out), so that old calls show up too
 *
 * Returns: how many.
 * Context: any, even NMI. Never faults: only mapped kernel memory is read.
 * Locks:   none.
 * Owner:   -
 * Cost:    about 100 instructions a frame.
 * Source:  System V ABI AMD64, 3.2.2 (the frame).
 */
size_t hx_backtrace(const struct hx_trap_frame *f, uintptr_t *pcs, size_t max, bool *exact);

/**
 * hx_trap_provoke() - cause one exception on purpose, for tests.
 * @vector: 0 divide, 3 breakpoint, 6 invalid opcode, 13 general protection, 14 page fault (write to
 *          an unmapped address), 8 double fault (stack overflow: there is no way back)
 *
 * Returns: nothing, if the up-call lets it go on at hx_trap_resume_pc().
 * Context: thread or boot.
 * Locks:   none.
 * Owner:   -
 * Cost:    the exception.
 * Source:  -
 */
void hx_trap_provoke(unsigned vector);

/**
 * hx_trap_touch() - one access, for tests.
 * @va:  where; of HX_TRAP_SPIN... how often
 * @how: HX_TRAP_READ, HX_TRAP_WRITE a byte; HX_TRAP_GO: jump there, what is there returns;
 *       HX_TRAP_SPIN: touch nothing, but be busy; HX_TRAP_SPIN_USER: the same with flags and
 *       segments as only user mode may set them
 *
 * Returns: nothing. To go on behind a fault, the up-call gives hx_trap_set_pc() the address
 *          of hx_trap_touched.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    the exception, if there is one.
 * Source:  -
 */
enum hx_trap_how {
	HX_TRAP_READ, HX_TRAP_WRITE, HX_TRAP_GO, HX_TRAP_SPIN, HX_TRAP_SPIN_USER,
};
void hx_trap_touch(uintptr_t va, unsigned how);
extern const char hx_trap_touched[];

/* From hx_trap_provoke() to here lies code that runs at any address, hx_trap_touch() too: tests
 * copy it. */
extern const char hx_trap_provoke_end[];

#endif
