/* SPDX-License-Identifier: MIT */
/*
 * The failure queue: whoever sees that something is broken says so here and goes on as well as it
 * can; core/heal takes what was said, one at a time, and acts. Without CONFIG_FAILURES telling is
 * nothing, so that anybody may tell without asking whether somebody listens.
 */
#ifndef HX_CORE_FAILURE_H
#define HX_CORE_FAILURE_H

#include <hx/base.h>
#include <hx/config/core_failure.h>

#define HX_FAILURE_WHO_MAX	24	/* bytes of a component's name with the NUL */
#define HX_FAILURE_WHAT_MAX	88	/* bytes of the evidence with the NUL */
#define HX_FAILURES_MAX		64	/* that wait to be taken; power of two */

enum hx_failure_kind {
	HX_FAILURE_CRASH,	/* an exception, or an end that was not meant */
	HX_FAILURE_CORRUPTION,	/* data is not what it must be */
	HX_FAILURE_DEADLOCK,	/* threads that wait for each other */
	HX_FAILURE_EXHAUSTION,	/* memory, slots or a quota ran out */
	HX_FAILURE_HARDWARE,	/* a device or a CPU says or does what it must not */
	HX_FAILURE_WATCHDOG,	/* somebody did not come by its deadline */
	HX_FAILURE_KINDS,
};

struct hx_failure {
	hx_ns_t at_ns;			/* when it was told */
	uint32_t thread;		/* who told: its id; 0: before threads */
	uint16_t cpu;			/* and where */
	uint16_t kind;			/* enum hx_failure_kind */
	char who[HX_FAILURE_WHO_MAX];	/* the component that failed */
	char what[HX_FAILURE_WHAT_MAX];	/* the evidence, as text */
};

/* Field key: a atomic. */
struct hx_failure_counts {
	uint64_t n_told, n_taken;	/* a */
	uint64_t n_lost;		/* a told while the queue was full */
	uint64_t n_kind[HX_FAILURE_KINDS]; /* a told, the lost ones too */
};

#if CONFIG_FAILURES

/**
 * hx_failure_tell() - put a failure into the queue.
 * @kind: enum hx_failure_kind
 * @who:  name of the component; cut to HX_FAILURE_WHO_MAX - 1 bytes
 * @fmt:  printf format of hx/core/printf.h: the evidence; cut to HX_FAILURE_WHAT_MAX - 1 bytes
 *
 * Returns: true; false: the queue was full, and it is counted as lost.
 * Context: any, even NMI, with any lock held.
 * Locks:   none.
 * Owner:   everything is copied.
 * Cost:    one formatted line; allocates nothing.
 * Source:  Vyukov, "Bounded MPMC queue" (2010). Differs: one taker, and slots count from 0.
 */
bool hx_failure_tell(enum hx_failure_kind kind, const char *who, const char *fmt, ...)
	HX_PRINTF(3, 4);

/**
 * hx_failure_take() - the oldest failure, out of the queue.
 * @out: receives it; untouched if there is none
 *
 * Returns: false: none waits, or the oldest is still being written.
 * Context: any; one flow at a time.
 * Locks:   none.
 * Owner:   the caller's copy.
 * Cost:    one copy.
 * Source:  as hx_failure_tell().
 */
bool hx_failure_take(struct hx_failure *out);

/**
 * hx_failure_on_tell() - who wants to know at once that something was told.
 * @fn: called in the context of whoever told, whatever that is; NULL: nobody
 *
 * Returns: nothing.
 * Context: boot or thread.
 * Locks:   none.
 * Owner:   -
 * Cost:    a store.
 * Source:  -
 */
void hx_failure_on_tell(void (*fn)(void));

/**
 * hx_failure_counts() - what went through the queue.
 * hx_failure_name() - a kind as a word: "crash"; "?" for no kind.
 * @out:  filled
 * @kind: any number
 *
 * Returns: the name is constant.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    some loads.
 * Source:  -
 */
void hx_failure_counts(struct hx_failure_counts *out);
const char *hx_failure_name(unsigned kind);

#else

HX_PRINTF(3, 4) static inline bool hx_failure_tell(enum hx_failure_kind kind, const char *who,
						   const char *fmt, ...)
{
	(void)kind;
	(void)who;
	(void)fmt;
	return false;
}

#endif

#endif
