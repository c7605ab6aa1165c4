/* SPDX-License-Identifier: MIT */
/*
 * Healing: components that are watched, and what is done when one fails. A component tells how it
 * is checked, how it is brought back and what may be saved of it; core/heal's thread does the rest
 * (docs/design/healing.md). Only with CONFIG_HEAL.
 */
#ifndef HX_CORE_HEAL_H
#define HX_CORE_HEAL_H

#include <hx/base.h>
#include <hx/config/core_heal.h>
#include <hx/core/failure.h>
#include <hx/core/init.h>
#include <hx/core/list.h>

#define HX_HEAL_STATE_MAX	65536u	/* bytes that a component may have saved */

/* What is done about a failure; each is stronger than the one before. */
enum hx_heal_action {
	HX_HEAL_NOTE,		/* a record, nothing else */
	HX_HEAL_RESTART,	/* again from what was saved last, while it was healthy */
	HX_HEAL_FALL_BACK,	/* somebody else does its work */
	HX_HEAL_ISOLATE,	/* it does nothing any more, and is asked nothing */
	HX_HEAL_PANIC,		/* the kernel cannot be without it */
	HX_HEAL_ACTIONS,
};

enum hx_heal_state {
	HX_HEAL_HEALTHY,
	HX_HEAL_DEGRADED,	/* it says so itself; nothing is done */
	HX_HEAL_UNRESPONSIVE,	/* no beat, or a function of its did not come back */
	HX_HEAL_FAILED,
	HX_HEAL_RECOVERING,	/* acted upon; not checked yet */
	HX_HEAL_ISOLATED,
	HX_HEAL_STATES,
};

/*
 * What a component can do; any may be NULL. All run in a thread of core/heal's, one at a time, may
 * sleep, and have CONFIG_HEAL_CALL_MS to come back; none may register or unregister the component.
 */
struct hx_healed_ops {
	enum hx_health (*check)(void *arg);
	/* Write the state into buf: bytes written, at most size; or a negative error. Only called
	 * right after a check that found it healthy. */
	int (*save)(void *arg, void *buf, size_t size);
	/* From anew, with what was saved last; n_bytes 0: nothing was. 0 or a negative error. */
	int (*restart)(void *arg, const void *state, size_t n_bytes);
	int (*fall_back)(void *arg);	/* 0 or a negative error */
	int (*isolate)(void *arg);	/* stop it; 0 or a negative error */
};

enum hx_healed_flags {
	HX_HEALED_VITAL = 1,	/* isolating it would be worse than the end */
};

/* What is known about tries to heal one component; core/heal's. */
struct hx_heal_case {
	hx_ns_t last_ns;	/* the last failure */
	hx_ns_t due_ns;		/* when the next try may be made */
	hx_ns_t first_ns;	/* the first try of this level */
	uint8_t level;		/* enum hx_heal_action tried now */
	uint8_t n_tries;	/* of this level, since first_ns */
	bool open;		/* something is still to be done */
};

/* Field keys: c constant while registered, a atomic, d by whoever holds core/heal's lock of doing,
 * q lock of the list. */
struct hx_healed {
	const char *name;			/* c at most HX_FAILURE_WHO_MAX - 1 bytes */
	const struct hx_healed_ops *ops;	/* c */
	void *arg;				/* c */
	uint32_t beat_ms;			/* c longest time between two beats; 0: none */
	uint32_t state_bytes;			/* c room for save(); 0: nothing is saved */
	uint8_t policy;				/* d enum hx_heal_action that comes first */
	uint8_t fails_as;			/* c enum hx_failure_kind of a bad check */
	uint8_t flags;				/* c enum hx_healed_flags */
	uint8_t state;				/* d enum hx_heal_state */
	uint32_t n_pins;			/* q */
	uint32_t stuck;				/* a functions of its that never came back: all of
						 * them, and in the upper half those that act */
	struct hx_list link;			/* q */
	hx_ns_t beat_ns;			/* a the last beat */
	struct hx_heal_case c;			/* d */
	struct hx_failure why;			/* d what c is about */
	uint32_t n_failures, n_healed;		/* d */
	uint32_t n_merged;			/* d failures told while one was open */
	uint32_t saved_bytes;			/* d */
	uint32_t saved_crc;			/* d of saved */
	hx_ns_t saved_ns;			/* d */
	hx_ns_t acted_ns;			/* d when the last action that worked began */
	void *saved, *spare;			/* d two buffers: the good state, and the next */
	struct hx_healed_ops gates;		/* c a module's functions, behind its border */
};

/**
 * hx_heal_register() - have a component watched.
 * hx_heal_unregister() - no more; when this returns 0 nobody is inside its functions.
 * @h: name, ops, arg, beat_ms, state_bytes, policy, fails_as, flags set, all else zero
 *
 * Returns: register: 0; -HX_EINVAL name, policy, kind or size out of range, or no ops; -HX_EEXIST
 *          the name is registered; -HX_ENOMEM. unregister: 0, also if it was not; -HX_EBUSY a
 *          function of its never came back; -HX_EDEADLK called from one.
 * Context: thread, may sleep.
 * Locks:   the list's (HX_RANK_WAIT).
 * Owner:   @h stays the caller's, and stays until unregister said 0.
 * Cost:    O(components); twice state_bytes of the heap.
 * Source:  -
 */
HX_MUST_CHECK int hx_heal_register(struct hx_healed *h);
int hx_heal_unregister(struct hx_healed *h);

/**
 * hx_heal_beat() - the component is alive; to be said at least every beat_ms.
 * @h: registered
 *
 * Returns: nothing.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    reading the time and a store.
 * Source:  -
 */
void hx_heal_beat(struct hx_healed *h);

/**
 * hx_heal_do() - act on a component now, whatever its state: check, restart or isolate it.
 * @name:   of the component
 * @action: HX_HEAL_NOTE: check it; HX_HEAL_RESTART, HX_HEAL_FALL_BACK or HX_HEAL_ISOLATE
 *
 * Returns: 0; -HX_ENOENT no such; -HX_ENOTSUP it has no such function; -HX_EINVAL another action;
 *          -HX_EBUSY a function of its is still running; -HX_ETIMEDOUT it did not come back;
 *          -HX_EIO the check found it failed; -HX_ENOMEM; or what the function returned.
 * Context: thread, may sleep.
 * Locks:   core/heal's mutex of doing.
 * Owner:   -
 * Cost:    the function, at most CONFIG_HEAL_CALL_MS. Leaves a record.
 * Source:  -
 */
HX_MUST_CHECK int hx_heal_do(const char *name, enum hx_heal_action action);

/**
 * hx_heal_set_policy() - what is done first when a component fails.
 * @name:   of the component
 * @policy: enum hx_heal_action
 *
 * Returns: 0; -HX_ENOENT no such; -HX_EINVAL no such action.
 * Context: thread, may sleep.
 * Locks:   core/heal's mutex of doing.
 * Owner:   -
 * Cost:    O(components).
 * Source:  -
 */
HX_MUST_CHECK int hx_heal_set_policy(const char *name, unsigned policy);

/* One failure and what was done about it. */
struct hx_heal_record {
	uint64_t seq;			/* from 1, without gaps */
	struct hx_failure why;
	hx_ns_t done_ns;		/* when the action ended */
	hx_ns_t took_ns;		/* how long it took */
	uint32_t n_bytes;		/* of saved state that it was restarted with */
	int16_t result;			/* 0 or a negative error */
	uint8_t action;			/* enum hx_heal_action */
	uint8_t asked;			/* by a person, through /heal/ctl */
};

/**
 * hx_heal_next() - the first record after a number.
 * @seq: a number; 0: the oldest that is kept
 * @out: receives it; untouched if there is none
 *
 * Returns: false: none with a higher number.
 * Context: thread.
 * Locks:   that of the records (HX_RANK_LEAF).
 * Owner:   the caller's copy.
 * Cost:    one copy.
 * Source:  -
 */
bool hx_heal_next(uint64_t seq, struct hx_heal_record *out);

/**
 * hx_heal_is_well() - whether all vital components are well, and the healer comes round.
 *
 * Returns: false: one is not healthy, degraded or recovering, or nothing was looked at for ten
 *          periods. Who feeds a hardware watchdog asks this.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    some loads.
 * Source:  -
 */
bool hx_heal_is_well(void);

/**
 * hx_heal_on_round() - who is called after each round of the healer: a hardware watchdog.
 * @fn: told whether all is well, in the healer's thread; NULL: nobody any more
 *
 * Returns: nothing. After NULL was set nobody is inside the old one.
 * Context: boot or thread, may sleep.
 * Locks:   a mutex, under which @fn is called.
 * Owner:   -
 * Cost:    a store; a call a round.
 * Source:  -
 */
void hx_heal_on_round(void (*fn)(bool is_well));

/**
 * hx_heal_release_memory() - the healer knows nothing in some memory any more.
 * @start: its first byte
 * @bytes: its size
 *
 * For whoever takes code away: a module that failed unregisters none of its components, and does
 * not call hx_heal_on_round(NULL). Whatever of a component lies in there counts: itself, its name,
 * its argument, a function.
 *
 * Returns: 0; -HX_EBUSY a function of such a component is still running: it stays.
 * Context: thread, may sleep.
 * Locks:   as hx_heal_on_round() and hx_heal_unregister().
 * Owner:   the memory is the caller's alone after 0, as far as the healer is concerned. Nobody
 *          registers or unregisters anything in it meanwhile.
 * Cost:    O(components) for each that is found, and the end of a function that runs.
 * Source:  -
 */
HX_MUST_CHECK int hx_heal_release_memory(uintptr_t start, size_t bytes);

#endif
