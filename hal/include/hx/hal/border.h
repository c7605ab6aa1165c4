/* SPDX-License-Identifier: MIT */
/*
 * Calls that can be given up: the machine's half. A gate is a piece of code that is called in place
 * of a function. It puts a record of the caller's registers on the stack, links it to the running
 * thread, and calls the function; whoever finds the record can go on as if the function had
 * returned, however deep in it the CPU is. core/border decides when (CONFIG_BORDERS).
 */
#ifndef HX_HAL_BORDER_H
#define HX_HAL_BORDER_H

#include <hx/base.h>

struct hx_border;
struct hx_trap_frame;

/* What the gates of one owner share. Field keys: c constant, a atomic. */
struct hx_border_gate {
	volatile uint32_t is_closed;	/* a not 0: calls come back at once, refused */
	uint32_t link_at;		/* c bytes from a thread to its struct hx_border * */
	/* c on the caller's stack, as the function that was given up would have returned: what the
	 * call gives its caller. */
	long (*landed)(struct hx_border *b);
};

#define HX_BORDER_HELD		6u	/* locks that a record has room for */

/* On the stack of who called. Field keys: c constant, o the thread that is in the call. */
struct hx_border {
	struct hx_border *prev;		/* c an outer call's; NULL: none */
	uint64_t n_held;		/* o locks taken in the call */
	uintptr_t held[HX_BORDER_HELD];	/* o address | kind */
	struct hx_border_gate *gate;	/* c */
	uintptr_t target;		/* c the function */
	long refused;			/* c what a closed gate answers */
	uint32_t preempt_off, irq_depth;	/* c of struct hx_percpu, at the call */
	uint64_t machine[8];		/* c flags and registers; the caller's address lies above */
};

#define HX_BORDER_GATE_BYTES	48u

/**
 * hx_border_gate_write() - make a gate.
 * hx_border_gate_write_to() - make one whose function is said later.
 * @at:      HX_BORDER_GATE_BYTES of memory that will be executable at this address
 * @gate:    whose
 * @target:  the function, or where its address will be before the gate is called; it has at most
 *           six arguments, none on the stack, and one result
 * @refused: what the gate answers when it is closed; 32 bits with a sign
 *
 * Returns: nothing.
 * Context: any.
 * Locks:   none.
 * Owner:   the caller keeps @gate as long as the code may be called.
 * Cost:    six stores; a call through the gate about 30 instructions more than one of @target.
 * Source:  System V ABI AMD64, 3.2.3 (r10 and r11 are free at a call).
 */
void hx_border_gate_write(void *at, struct hx_border_gate *gate, uintptr_t target, int32_t refused);
void hx_border_gate_write_to(void *at, struct hx_border_gate *gate, const uintptr_t *target,
			     int32_t refused);

/**
 * hx_border_call() - call a function as if through a gate that was written for it.
 * @gate:    whose
 * @refused: what is returned if @gate is closed
 * @target:  the function
 * @arg:     its argument
 *
 * Returns: what @target or the gate's landed() returns, or @refused.
 * Context: as @target.
 * Locks:   none.
 * Owner:   -
 * Cost:    about 30 instructions more than a call of @target.
 * Source:  -
 */
long hx_border_call(struct hx_border_gate *gate, long refused, uintptr_t target, void *arg);

/**
 * hx_border_unwind() - let the interrupted code go on behind a call.
 * hx_border_leave() - go on there at once.
 * @f: of an exception, on any stack
 * @b: the record of a call that the interrupted code, or the caller, is in
 *
 * Flags and registers are the caller's again; the gate's landed() says what the call returned.
 *
 * Returns: nothing; leave: not here.
 * Context: exception; leave: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a few stores.
 * Source:  -
 */
void hx_border_unwind(struct hx_trap_frame *f, struct hx_border *b);
HX_NORETURN void hx_border_leave(struct hx_border *b);

/* Where the function called by a gate returns to. */
extern const char hx_border_return[];

#endif
