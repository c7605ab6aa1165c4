/* SPDX-License-Identifier: MIT */
/*
 * What only the host machine can do: be made and unmade, be given RAM of any shape, hold time
 * still, have fake devices plugged in, and have its end intercepted. For hal/host/main.c and for
 * tests; no floor above includes this.
 *
 * Order of calls: hx_host_start(), then whatever the kernel or the test does, then hx_host_stop().
 * Everything between works as on a machine that has just been switched on.
 */
#ifndef HX_HAL_HOST_H
#define HX_HAL_HOST_H

#include <hx/base.h>
#include <hx/hal/boot_info.h>
#include <hx/hal/cpu.h>
#include <hx/hal/percpu.h>
#include <hx/hal/power.h>
#include <hx/hal/reg.h>

#define HX_HOST_MEM_MIN		((uint64_t)1280 << 10)	/* 1 MiB as on a PC, and something above */
#define HX_HOST_MEM_MAX		((uint64_t)256 << 30)
#define HX_HOST_RELAX_NS	100u	/* one hx_cpu_relax() in virtual time */

struct hx_host_module {
	const char *name;
	const void *bytes;	/* copied into RAM */
	size_t size_bytes;
};

struct hx_host_params {
	uint64_t mem_bytes;	/* RAM; from 3 GiB on, the rest lies above 4 GiB, as on a PC */
	const struct hx_mem_range *holes;	/* carved out, with their own types; may overlap */
	unsigned n_holes;
	unsigned n_modules;
	const struct hx_host_module *modules;
	const char *cmdline;	/* NULL: empty */
	uint64_t seed;		/* 0: entropy from the system; else reproducible */
};

/**
 * hx_host_start() - switch the machine on.
 * @params: what it is made of; only read during the call
 * @info:   receives the boot information, valid until hx_host_stop(); untouched on error
 *
 * Returns: 0; -HX_EINVAL RAM below HX_HOST_MEM_MIN or above HX_HOST_MEM_MAX, or a bad hole;
 *          -HX_EBUSY it is on; -HX_E2BIG command line; -HX_ENFILE too many holes or modules;
 *          -HX_ENOMEM the modules do not fit, or the system gives no address space.
 * Context: outside the kernel: no flow but the caller's runs.
 * Locks:   none.
 * Owner:   the machine owns @info.
 * Cost:    a dozen system calls; RAM is taken from the system when it is first touched.
 * Source:  -
 */
HX_MUST_CHECK int hx_host_start(const struct hx_host_params *params,
				const struct hx_boot_info **info);

/**
 * hx_host_stop() - switch it off: RAM, mappings, timer, devices, hooks and pending interrupts go.
 *
 * Returns: nothing; on a machine that is off it does nothing.
 * Context: the flow that called hx_host_start(), on its own stack.
 * Locks:   none.
 * Owner:   pointers into the machine die.
 * Cost:    a dozen system calls.
 * Source:  -
 */
void hx_host_stop(void);

/* ---- time */

/**
 * hx_host_time_virtual() - make time stand still, at 0.
 *
 * From now on it moves only when the CPU idles (it jumps to the next event), spins in
 * hx_cpu_relax() (HX_HOST_RELAX_NS), or hx_host_advance_ns() is called: the same in every run.
 *
 * Returns: nothing.
 * Context: directly after hx_host_start(), before timers are set.
 * Locks:   none.
 * Owner:   -
 * Cost:    a store; hx_host_stop() makes time real again.
 * Source:  -
 */
void hx_host_time_virtual(void);

/**
 * hx_host_time_is_virtual() - which kind of time is it?
 *
 * Returns: true if hx_host_time_virtual() was called since the machine was switched on.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a load.
 * Source:  -
 */
bool hx_host_time_is_virtual(void);

/**
 * hx_host_advance_ns() - let virtual time pass.
 * @ns: how much
 *
 * Timer interrupts that fall due are delivered in order, each at its own time, before this returns;
 * they become pending while interrupts are masked. Other flows may run in between.
 *
 * Returns: nothing; in real time a violation.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    O(timer events on the way).
 * Source:  -
 */
void hx_host_advance_ns(hx_ns_t ns);

/**
 * hx_host_timer_due() - when the timer will interrupt next, in virtual time.
 *
 * Returns: that time in hx_now_ns(); HX_FOREVER if it is stopped.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a load.
 * Source:  -
 */
hx_ns_t hx_host_timer_due(void);

/* ---- memory */

/**
 * hx_host_set_paging() - what the CPU that user memory is reached through can do.
 * @levels: 4 or 5, of page tables
 * @tags:   whether it keeps translations of spaces that are not loaded (PCIDs)
 *
 * Returns: nothing; hx_host_start() makes it 4 without tags.
 * Context: before the first address space exists.
 * Locks:   none.
 * Owner:   -
 * Cost:    two stores.
 * Source:  -
 */
void hx_host_set_paging(unsigned levels, bool tags);

/* ---- the screen */

struct hx_screen;

/**
 * hx_host_set_screen() - plug a screen in: from now on hx_hal_screen() gives it.
 * @s: kept; NULL: unplug it
 *
 * Returns: nothing.
 * Context: any.
 * Locks:   none.
 * Owner:   @s and its bytes stay the caller's.
 * Cost:    a store.
 * Source:  -
 */
void hx_host_set_screen(const struct hx_screen *s);

/* ---- interrupts */

/**
 * hx_host_irq_raise() - what a device does: ask for an interrupt.
 * @line: below HX_IRQ_LINES, else a violation
 *
 * It is delivered at once if interrupts are on and the line is open, else it stays pending. Raising
 * a pending line again changes nothing.
 *
 * Returns: nothing.
 * Context: any, also inside a handler.
 * Locks:   none.
 * Owner:   -
 * Cost:    the handlers, if it is delivered.
 * Source:  -
 */
void hx_host_irq_raise(uint32_t line);

/**
 * hx_host_irq_is_masked() - hx_irq_line_mask() seen from the device.
 * hx_host_irq_is_pending() - was it raised and not served yet?
 * @line: any number; one that does not exist is masked and not pending
 *
 * Returns: the answer.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a few instructions.
 * Source:  -
 */
bool hx_host_irq_is_masked(uint32_t line);
bool hx_host_irq_is_pending(uint32_t line);

/**
 * hx_host_irq_cpu() - which CPU a line was routed to; this machine has only one that runs.
 * @line: any number
 *
 * Returns: what hx_irq_line_route() was told last; 0 for a line that does not exist.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a load.
 * Source:  -
 */
unsigned hx_host_irq_cpu(uint32_t line);

/* ---- devices behind registers */

/* Serves the accesses to [base, base + size). width: 8 or 32 bits. */
struct hx_host_device {
	uintptr_t base;
	size_t size;
	bool is_port;
	uint32_t (*read)(struct hx_host_device *d, unsigned offset, unsigned width);
	void (*write)(struct hx_host_device *d, unsigned offset, uint32_t value, unsigned width);
	struct hx_host_device *next;	/* kept by the machine */
};

/**
 * hx_host_plug() - put a device behind its registers.
 * @d: filled in but for next
 *
 * Returns: 0; -HX_EBUSY its registers overlap another device's.
 * Context: outside interrupts.
 * Locks:   none.
 * Owner:   the caller keeps @d until hx_host_unplug() or hx_host_stop().
 * Cost:    O(devices).
 * Source:  -
 */
HX_MUST_CHECK int hx_host_plug(struct hx_host_device *d);

/**
 * hx_host_unplug() - take it away; its ports then read as all ones.
 * @d: plugged in or not
 *
 * Returns: nothing.
 * Context: outside interrupts.
 * Locks:   none.
 * Owner:   @d is the caller's alone again.
 * Cost:    O(devices).
 * Source:  -
 */
void hx_host_unplug(struct hx_host_device *d);

#define HX_HOST_UARTS_MAX 4

/**
 * hx_host_add_uart() - let hx_platform_uart() report one more.
 * @w:    its registers; copied
 * @line: its interrupt line, or HX_IRQ_NONE
 *
 * Returns: 0; -HX_ENFILE there are HX_HOST_UARTS_MAX already.
 * Context: before the driver looks.
 * Locks:   none.
 * Owner:   -
 * Cost:    a few stores.
 * Source:  -
 */
HX_MUST_CHECK int hx_host_add_uart(const struct hx_reg_window *w, uint32_t line);

/* ---- console, end, misuse */

/* Gets what the early console writes (before '\n' becomes CR LF), gives a byte or -HX_EAGAIN. */
struct hx_host_console {
	void (*write)(const char *bytes, size_t n);
	int (*getc)(void);	/* NULL: there is never input */
};

/**
 * hx_host_set_console() - redirect the early console.
 * @c: where to; NULL: standard output and input, as after hx_host_start()
 *
 * Returns: nothing.
 * Context: any.
 * Locks:   none.
 * Owner:   the caller keeps @c while it is set.
 * Cost:    a store.
 * Source:  -
 */
void hx_host_set_console(const struct hx_host_console *c);

/**
 * hx_host_console_raw() - standard input as from a serial line, if it is a terminal.
 *
 * Bytes come as they are typed, without echo; Ctrl-A x leaves with HX_EXIT_OK, Ctrl-A Ctrl-A is one
 * Ctrl-A. The terminal is put back at exit and by the signals that end a process.
 *
 * Returns: nothing; without a terminal nothing happens.
 * Context: once, by main().
 * Locks:   none.
 * Owner:   the terminal is the machine's until the process ends.
 * Cost:    a few system calls.
 * Source:  POSIX termios; the escape is QEMU's.
 */
void hx_host_console_raw(void);

#define HX_HOST_REBOOT	((enum hx_exit_code)0xff)

/**
 * hx_host_set_exit_hook() - be called instead of ending the process.
 * @hook: receives the code of hx_hal_exit(), HX_HOST_REBOOT from hx_hal_reboot(); must not return.
 *        NULL: end the process, the code is its status
 *
 * Returns: nothing.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a store.
 * Source:  -
 */
void hx_host_set_exit_hook(void (*hook)(enum hx_exit_code code));

/**
 * hx_host_set_reboot_argv() - make hx_hal_reboot() run the program again.
 * @argv: its arguments; NULL: a reboot ends the process with HX_EXIT_OK, as QEMU does for tests
 *
 * Returns: nothing.
 * Context: once, by main().
 * Locks:   none.
 * Owner:   the caller keeps @argv.
 * Cost:    a store.
 * Source:  -
 */
void hx_host_set_reboot_argv(char **argv);

/**
 * hx_host_violation() - the kernel broke a rule of the machine.
 * @fmt: printf format of the C library, with what broke it
 *
 * Returns: never: the hook leaves, or the process aborts with the text on standard error.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    the process.
 * Source:  -
 */
HX_NORETURN HX_COLD void hx_host_violation(const char *fmt, ...) HX_PRINTF(1, 2);

/**
 * hx_host_set_violation_hook() - be told of a broken rule instead.
 * @hook: receives the text; must not return. NULL: abort
 *
 * Returns: nothing.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a store.
 * Source:  -
 */
void hx_host_set_violation_hook(void (*hook)(const char *what));

/**
 * hx_host_take_signals() - make the signals of exceptions ours again.
 *
 * A test framework takes them between a setup function and its test. hx_trap_set_upcall() does this
 * too.
 *
 * Returns: nothing.
 * Context: between hx_host_start() and hx_host_stop().
 * Locks:   none.
 * Owner:   hx_host_stop() gives them back to whoever had them.
 * Cost:    five system calls.
 * Source:  POSIX sigaction.
 */
void hx_host_take_signals(void);

/* Where the CPU stands. */
struct hx_host_snapshot {
	struct hx_host_cpu cpu;
	struct hx_percpu percpu;
};

/**
 * hx_host_snapshot() - note it, before a call that a test expects not to return.
 * @out: filled
 *
 * Returns: nothing.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a copy.
 * Source:  -
 */
void hx_host_snapshot(struct hx_host_snapshot *out);

/**
 * hx_host_recover() - put it back, after the longjmp() out of that call.
 * @s: from hx_host_snapshot()
 *
 * If the jump left another flow than the one that switched the machine on, threads cannot go on
 * afterwards; the machine can only be switched off.
 *
 * Returns: nothing.
 * Context: the flow that switched the machine on.
 * Locks:   none; those that the call held stay locked.
 * Owner:   -
 * Cost:    a copy.
 * Source:  -
 */
void hx_host_recover(const struct hx_host_snapshot *s);

#endif
