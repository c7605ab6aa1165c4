/* SPDX-License-Identifier: MIT */
/*
 * Components: what comes up at boot, in an order that the build computes from what each one needs
 * and gives (Kahn's algorithm inside a phase, ties by name) and that the kernel checks again.
 *
 * Write it exactly like this; scripts/initgraph.py reads it from the source:
 *
 *	HX_COMPONENT(log) = {
 *		.name = "log", .phase = HX_PHASE_EARLY, .version = 1,
 *		.needs = "console-early", .gives = "log",
 *		.init = log_init, .shutdown = log_shutdown,
 *	};
 *
 * needs and gives are words separated by blanks; a component always gives its own name. A word in
 * needs that ends in '?' is optional: it orders if somebody chosen gives it.
 *
 * Two rooms stand behind this header. core/boot (what everybody may use): hx_boot_*, hx_strerror().
 * core/init (the conductor): hx_main(), hx_shutdown(), hx_restart(), hx_init_*.
 */
#ifndef HX_CORE_INIT_H
#define HX_CORE_INIT_H

#include <hx/base.h>

enum hx_phase {
	HX_PHASE_BOOT,		/* before memory: command line, early console */
	HX_PHASE_EARLY,		/* log, frames, heap */
	HX_PHASE_CORE,		/* interrupts, time, threads, names, slots */
	HX_PHASE_LATE,		/* drivers, filesystems */
	HX_PHASE_RUNTIME,	/* console prompt, services */
	HX_PHASE_COUNT,
};

enum hx_health {
	HX_HEALTHY,
	HX_DEGRADED,
	HX_FAILED,
};

struct hx_component {
	const char *name;
	uint32_t phase;			/* enum hx_phase */
	uint32_t version;
	const char *needs, *gives;	/* NULL: none */
	int (*init)(void);		/* 0 or a negative error; on error it has undone its own */
	void (*shutdown)(void);		/* undo init; may be NULL if init only filled tables */
	enum hx_health (*health)(void);	/* may be NULL: always healthy */
};

#define HX_COMPONENT(ident) \
	extern const struct hx_component hx_component_##ident; \
	HX_REGISTER(hx_components, component_##ident, struct hx_component, \
		    &hx_component_##ident); \
	const struct hx_component hx_component_##ident

/*
 * What the boot thread does after every component is up, in ascending order of `order`: 10 kernel
 * tests, 20 benchmarks, 30 helix.exec lines, 90 the console (never returns). Thread context.
 */
struct hx_job {
	const char *name;
	uint32_t order;
	void (*run)(void);
};

#define HX_JOB(job)	HX_REGISTER(hx_jobs, job, struct hx_job, &(job))

/* All registered components and jobs, in no order; core/init walks them. */
HX_SECTION_BOUNDS(hx_components, struct hx_component);
HX_SECTION_BOUNDS(hx_jobs, struct hx_job);

/* The order that scripts/initgraph.py computed; generated with the image. */
extern const struct hx_component *const hx_init_order[];
extern const size_t hx_init_order_len;

/* Points in time of this boot, in hx_cycles(); 0: not reached. */
struct hx_boot_times {
	uint64_t entry;		/* first instruction of the kernel */
	uint64_t main;		/* entry into hx_main() */
	uint64_t prompt;	/* the first prompt was handed to its device */
	uint64_t waited;	/* of all that, cycles spent waiting for a reference clock */
};

/**
 * hx_boot_info() - the boot information, for whoever needs a part of it.
 *
 * Returns: what the loader gave; NULL only before hx_main().
 * Context: any.
 * Locks:   none; constant after entry.
 * Owner:   the hal; everybody may read it for ever.
 * Cost:    one load.
 * Source:  -
 */
const struct hx_boot_info *hx_boot_info(void);

/**
 * hx_boot_start() - remember the boot information and take the marks "entry" and "main".
 * @info: as given to hx_main()
 *
 * Returns: nothing.
 * Context: boot, once, first of all; called by hx_main().
 * Locks:   none.
 * Owner:   @info stays the hal's.
 * Cost:    a few stores.
 * Source:  -
 */
void hx_boot_start(const struct hx_boot_info *info);

/**
 * hx_boot_mark() - end of one step of the boot, for /proc/boot.
 * @what: its name; kept, not copied
 *
 * Returns: nothing; marks past the size of the table are dropped and counted there.
 * Context: boot flow only (core/init marks each component); anybody may add finer steps.
 * Locks:   none: one flow writes, and readers come after it.
 * Owner:   @what lives for ever.
 * Cost:    reading the counter and two stores.
 * Source:  -
 */
void hx_boot_mark(const char *what);

/**
 * hx_boot_waited() - tell how long a step waited for an outside clock.
 * @cycles: cycles of hx_cycles() spent waiting; added up
 *
 * Returns: nothing. Shown apart, and not counted into boot.to_prompt.
 * Context: boot flow; called by the component that calibrates time.
 * Locks:   none.
 * Owner:   -
 * Cost:    one addition.
 * Source:  -
 */
void hx_boot_waited(uint64_t cycles);

/**
 * hx_boot_prompt_reached() - the console calls this right after its first prompt was written.
 *
 * Returns: after the function given to hx_boot_on_prompt(), if any. Later calls do nothing.
 * Context: thread (the console job).
 * Locks:   none held by the caller.
 * Owner:   -
 * Cost:    one mark.
 * Source:  -
 */
void hx_boot_prompt_reached(void);

/**
 * hx_boot_on_prompt() - have something done as soon as the first prompt stands.
 * @fn: called once in the console's thread, after the time was taken; may leave the kernel.
 *      One only: a second call replaces it. NULL takes it back.
 *
 * Returns: nothing.
 * Context: boot flow or thread.
 * Locks:   none.
 * Owner:   -
 * Cost:    one store.
 * Source:  -
 */
void hx_boot_on_prompt(void (*fn)(void));

/**
 * hx_boot_times() - the points in time of this boot.
 * @out: filled
 *
 * Returns: nothing.
 * Context: any.
 * Locks:   none.
 * Owner:   the caller owns @out.
 * Cost:    one copy.
 * Source:  -
 */
void hx_boot_times(struct hx_boot_times *out);

/**
 * hx_strerror() - name of an error.
 * @err: an error number of either sign
 *
 * Returns: "ENOMEM"; "OK" for 0; "E?" for a number that is none of enum hx_errno. Never NULL.
 * Context: any.
 * Locks:   none.
 * Owner:   constant text.
 * Cost:    one walk over a table of about 300 bytes.
 * Source:  POSIX <errno.h> (names).
 */
const char *hx_strerror(int err);

/**
 * hx_shutdown(), hx_restart() - shut every started component down in reverse order, then leave.
 * @exit_code: enum hx_exit_code
 *
 * hx_shutdown() - end with that code: debug-exit device, or power off, or halt.
 * hx_restart() - start the machine again.
 *
 * Each component is shut down exactly once, also if one of them calls this again or two threads do:
 * a call takes up where the other stands. The console and its device are among the components, so
 * what they have queued is sent before the end.
 *
 * Returns: never.
 * Context: thread, or the boot flow; not an interrupt (a panic leaves without it).
 * Locks:   none held by the caller.
 * Owner:   -
 * Cost:    the shutdown functions.
 * Source:  -
 */
HX_NORETURN void hx_shutdown(int exit_code);

HX_NORETURN void hx_restart(void);

#endif
