/* SPDX-License-Identifier: MIT */
/*
 * What the files of this room share. Order of locks: heal_doing (a mutex, held while components'
 * functions run) before the list's lock and that of the records, which hold nothing inside.
 */
#ifndef HX_HEAL_PRIV_H
#define HX_HEAL_PRIV_H

#include <hx/core/assert.h>
#include <hx/core/heal.h>
#include <hx/core/mutex.h>

/* ---- decide.c: pure */
struct heal_rules {
	hx_ns_t backoff_ns, window_ns;
	uint8_t n_tries;
};

extern const struct heal_rules heal_rules;	/* as configured */

/* The component failed now. can: a bit per action that is possible. */
void heal_case_fail(struct hx_heal_case *c, const struct heal_rules *r, uint8_t policy,
		    hx_ns_t now);
/* What to do now, counted as a try; HX_HEAL_ACTIONS: nothing yet, or nothing at all. */
enum hx_heal_action heal_case_next(struct hx_heal_case *c, const struct heal_rules *r, uint8_t can,
				   hx_ns_t now);
/* That was done. */
void heal_case_done(struct hx_heal_case *c, enum hx_heal_action action, int result);

/* ---- registry.c */
/* The component after h, pinned; h is unpinned. NULL: the first; the end. */
struct hx_healed *heal_pin_next(struct hx_healed *h);
struct hx_healed *heal_pin_named(const char *name);
void heal_unpin(struct hx_healed *h);
uint8_t heal_can(const struct hx_healed *h);
/* Those that have something in that memory go. 0; -HX_EBUSY a function of one is still running. */
HX_MUST_CHECK int heal_release_components(uintptr_t start, size_t bytes);

/* ---- worker.c. heal_doing is held. */
enum heal_call { HEAL_CHECK, HEAL_SAVE, HEAL_RESTART, HEAL_FALL_BACK, HEAL_ISOLATE };
/* What the function returned; -HX_ETIMEDOUT, -HX_EBUSY, -HX_ENOMEM. A check: enum hx_health. */
HX_MUST_CHECK int heal_call(struct hx_healed *h, enum heal_call what);
bool heal_worker_runs(const struct hx_healed *h);	/* the caller is a function of h's */
unsigned heal_workers_lost(void);
/* From the start, and after one was lost: where something failed, memory may be short. */
HX_MUST_CHECK int heal_worker_start(void);
void heal_worker_stop(void);

/* ---- records.c */
void heal_record(const struct hx_heal_record *r);
uint64_t heal_n_records(void);
const char *heal_action_name(unsigned action);
const char *heal_state_name(unsigned state);

/* ---- healer.c */
extern struct hx_mutex heal_doing;
void heal_wake(void);

/* No round for ten periods. Any context. */
bool heal_is_late(void);

/* ---- cpus.c, memory.c, deadlocks.c (CONFIG_DEADLOCKS) */
void heal_deadlocks_start(void);
void heal_deadlocks_stop(void);
void heal_cpus_start(void);
void heal_cpus_stop(void);
void heal_memory_start(void);
void heal_memory_stop(void);

/* ---- slots.c (CONFIG_SLOT_SWAP) */
void heal_slots_start(void);
void heal_slots_stop(void);

/* ---- components.c */
HX_MUST_CHECK int heal_components_start(void);
void heal_components_stop(void);

#endif
