// SPDX-License-Identifier: MIT
/*
 * The healer: a thread that takes what was told of failures, looks at each component, and acts. It
 * comes round every CONFIG_HEAL_PERIOD_MS, and at once when something is told from a thread that
 * may sleep.
 *
 *	told ---> open case ---> due? ---> action in the worker ---> record ---> RECOVERING
 *	              ^                          | failed                          | good check
 *	    beat or check missed                 +---> again, later                v save
 *	                                                                        HEALTHY
 *
 * heal_doing is held for one round, or for what a person asked: so components' functions run one at
 * a time. Invariant: a component is FAILED or UNRESPONSIVE from its failure to the end of an action
 * that worked, and while it is, beats and checks open no second case.
 */
#include <hx/config/core_slot.h>
#include <hx/config/core_thread.h>
#include <hx/core/crc32c.h>
#include <hx/core/log.h>
#include <hx/core/panic.h>
#include <hx/core/printf.h>
#include <hx/core/string.h>
#include <hx/core/thread.h>
#include <hx/hal/timer.h>

#include "heal_priv.h"

#define PERIOD_NS	(CONFIG_HEAL_PERIOD_MS * HX_NS_PER_MS)
/* So long without a round, and the healer is not well; a call may take its time. */
#define LATE_NS		(10 * PERIOD_NS + CONFIG_HEAL_CALL_MS * HX_NS_PER_MS)
#define HEALER_PRIO	50

struct hx_mutex heal_doing = HX_MUTEX_INIT(heal_doing);
static struct hx_wait_queue heal_queue = HX_WAIT_QUEUE_INIT(heal_queue);
static bool heal_stop, heal_told;	/* heal_queue.lock */
static struct hx_thread *heal_thread;
static hx_ns_t round_ns;		/* a when the last round ended */
/* Inside heal_doing, and alone for who sets it: that may be a component being restarted. */
static struct hx_mutex round_lock = HX_MUTEX_INIT(round_lock);
static void (*on_round)(bool is_well);	/* round_lock */
static uint32_t n_vital_ill;		/* a found by the last round */

/* Only what may sleep holds no lock that waking takes; others are seen in the next round. */
void heal_wake(void)
{
	hx_irqflags_t flags;

	if (!hx_can_sleep())
		return;
	flags = hx_spin_lock_irqsave(&heal_queue.lock);
	heal_told = true;
	hx_wake_one_locked(&heal_queue);
	hx_wake_end(&heal_queue, flags);
}

static void record(const struct hx_healed *h, const struct hx_failure *f,
		   enum hx_heal_action action, int result, hx_ns_t began_ns, uint32_t n_bytes,
		   bool asked)
{
	struct hx_heal_record r = {
		.why = *f, .action = (uint8_t)action, .result = (int16_t)result,
		.done_ns = hx_now_ns(), .n_bytes = n_bytes, .asked = asked,
	};

	r.took_ns = r.done_ns - began_ns;
	heal_record(&r);
	hx_warn("heal", "%s: %s: %s; %s%s%s", f->who, hx_failure_name(f->kind), f->what,
		h == NULL ? "nobody knows it" : heal_action_name(action),
		result != 0 ? " failed: " : "", result != 0 ? hx_strerror(result) : "");
}

/* h failed. While it is being healed from another failure this one is only counted. */
static void component_failed(struct hx_healed *h, const struct hx_failure *f)
{
	h->n_failures++;
	if (h->state == HX_HEAL_ISOLATED) {
		record(h, f, HX_HEAL_NOTE, 0, hx_now_ns(), 0, false);
		return;
	}
	if (h->c.open)
		h->n_merged++;
	else
		h->why = *f;
	h->state = f->kind == HX_FAILURE_WATCHDOG ? HX_HEAL_UNRESPONSIVE : HX_HEAL_FAILED;
	heal_case_fail(&h->c, &heal_rules, h->policy, hx_now_ns());
}

HX_PRINTF(3, 4) static void found_failed(struct hx_healed *h, enum hx_failure_kind kind,
					 const char *fmt, ...)
{
	struct hx_failure f = {
		.at_ns = hx_now_ns(), .kind = (uint16_t)kind, .thread = hx_thread_self()->id,
		.cpu = (uint16_t)hx_percpu_self()->cpu,
	};
	va_list ap;

	hx_strlcpy(f.who, h->name, sizeof(f.who));
	va_start(ap, fmt);
	hx_vsnprintf(f.what, sizeof(f.what), fmt, ap);
	va_end(ap);
	component_failed(h, &f);
}

static void take_told(void)
{
	struct hx_failure f;

	while (hx_failure_take(&f)) {
		struct hx_healed *h = heal_pin_named(f.who);

		if (h == NULL) {
			record(NULL, &f, HX_HEAL_NOTE, 0, hx_now_ns(), 0, false);
			continue;
		}
		/* Told before it was healed, taken afterwards: the same failure once more. */
		if (f.at_ns < h->acted_ns)
			h->n_merged++;
		else
			component_failed(h, &f);
		heal_unpin(h);
	}
}

/* Keep what it is now, for the next restart. A save that fails leaves the one before. */
static void save(struct hx_healed *h)
{
	void *spare = h->spare;
	int n;

	if (h->ops->save == NULL || h->state_bytes == 0)
		return;
	n = heal_call(h, HEAL_SAVE);
	if (n == -HX_ETIMEDOUT) {
		found_failed(h, HX_FAILURE_WATCHDOG, "save did not return in %u ms",
			     CONFIG_HEAL_CALL_MS);
		return;
	}
	if (n < 0 || (uint32_t)n > h->state_bytes)
		return;
	h->spare = h->saved;
	h->saved = spare;
	h->saved_bytes = (uint32_t)n;
	h->saved_crc = hx_crc32c(0, spare, (size_t)n);
	h->saved_ns = hx_now_ns();
}

static bool beat_missed(const struct hx_healed *h, hx_ns_t now)
{
	hx_ns_t beat = __atomic_load_n(&h->beat_ns, __ATOMIC_RELAXED);

	return h->beat_ms != 0 && now > beat && now - beat > h->beat_ms * HX_NS_PER_MS;
}

/* Its own word. 0: it is as well as it says, and its state says so; else the case is open. */
static int check(struct hx_healed *h)
{
	int health = h->ops->check != NULL ? heal_call(h, HEAL_CHECK) : HX_HEALTHY;

	if (health == -HX_ETIMEDOUT) {
		found_failed(h, HX_FAILURE_WATCHDOG, "check did not return in %u ms",
			     CONFIG_HEAL_CALL_MS);
	} else if (health == HX_DEGRADED) {
		h->state = HX_HEAL_DEGRADED;
	} else if (health == HX_HEALTHY) {
		h->state = HX_HEAL_HEALTHY;
		save(h);
	} else if (health >= 0) {
		/* Who made it fail may have told why meanwhile. */
		take_told();
		found_failed(h, h->fails_as, "check says failed");
		return -HX_EIO;
	}
	return health < 0 ? health : 0;
}

static void look(struct hx_healed *h)
{
	bool is_ill = h->state == HX_HEAL_FAILED || h->state == HX_HEAL_UNRESPONSIVE;
	hx_ns_t now = hx_now_ns();

	if (h->state == HX_HEAL_ISOLATED || h->c.open)
		return;
	if (!beat_missed(h, now)) {
		/* One whose failure was only noted may be well again, or not. */
		if (!is_ill || h->ops->check == NULL || heal_call(h, HEAL_CHECK) == HX_HEALTHY)
			(void)!check(h);
	} else if (!is_ill) {
		found_failed(h, HX_FAILURE_WATCHDOG, "no beat for %llu ms, %u are allowed",
			     (unsigned long long)((now - h->beat_ns) / HX_NS_PER_MS), h->beat_ms);
	}
}

/* What was saved, if it is still what it was. */
static void judge_saved(struct hx_healed *h)
{
	if (h->saved_bytes == 0 || hx_crc32c(0, h->saved, h->saved_bytes) == h->saved_crc)
		return;
	h->saved_bytes = 0;
	hx_failure_tell(HX_FAILURE_CORRUPTION, "heal", "saved state of %s has another checksum",
			h->name);
}

static int act(struct hx_healed *h, enum hx_heal_action action)
{
	switch (action) {
	case HX_HEAL_RESTART:
		judge_saved(h);
		hx_heal_beat(h);
		return h->ops->restart == NULL ? -HX_ENOTSUP : heal_call(h, HEAL_RESTART);
	case HX_HEAL_FALL_BACK:
		hx_heal_beat(h);
		return h->ops->fall_back == NULL ? -HX_ENOTSUP : heal_call(h, HEAL_FALL_BACK);
	case HX_HEAL_ISOLATE:
		return h->ops->isolate == NULL ? 0 : heal_call(h, HEAL_ISOLATE);
	default:
		return 0;
	}
}

/* What became of it by that action. */
static void settle(struct hx_healed *h, enum hx_heal_action action, int result)
{
	if (action == HX_HEAL_ISOLATE) {
		h->state = HX_HEAL_ISOLATED;	/* also if it could not be stopped: left alone */
	} else if (action != HX_HEAL_NOTE && result == 0) {
		h->state = HX_HEAL_RECOVERING;
		h->n_healed++;
		hx_heal_beat(h);
	}
}

static void do_and_record(struct hx_healed *h, enum hx_heal_action action, bool asked)
{
	hx_ns_t began = hx_now_ns();
	uint32_t n_bytes;
	int result;

	if (action == HX_HEAL_PANIC)
		hx_panic("component %s failed (%s: %s), and the kernel cannot be without it",
			 h->name, hx_failure_name(h->why.kind), h->why.what);
	result = act(h, action);
	n_bytes = action == HX_HEAL_RESTART && result == 0 ? h->saved_bytes : 0;
	if (result == 0 && action != HX_HEAL_NOTE)
		h->acted_ns = began;
	settle(h, action, result);
	heal_case_done(&h->c, action, result);
	record(h, &h->why, action, result, began, n_bytes, asked);
}

static void heal_round(void)
{
	struct hx_healed *h = NULL;
	uint32_t n_ill = 0;

	hx_mutex_lock(&heal_doing);
	take_told();
	while ((h = heal_pin_next(h)) != NULL) {
		enum hx_heal_action action;

		look(h);
		action = heal_case_next(&h->c, &heal_rules, heal_can(h), hx_now_ns());
		if (action != HX_HEAL_ACTIONS)
			do_and_record(h, action, false);
		n_ill += (h->flags & HX_HEALED_VITAL) != 0 &&
			 (h->state == HX_HEAL_FAILED || h->state == HX_HEAL_UNRESPONSIVE);
	}
	__atomic_store_n(&n_vital_ill, n_ill, __ATOMIC_RELAXED);
	__atomic_store_n(&round_ns, hx_now_ns(), __ATOMIC_RELAXED);
	hx_mutex_lock(&round_lock);
	if (on_round != NULL)
		on_round(n_ill == 0);
	hx_mutex_unlock(&round_lock);
	hx_mutex_unlock(&heal_doing);
}

void hx_heal_on_round(void (*fn)(bool is_well))
{
	hx_mutex_lock(&round_lock);
	on_round = fn;
	hx_mutex_unlock(&round_lock);
}

int hx_heal_release_memory(uintptr_t start, size_t bytes)
{
	hx_mutex_lock(&round_lock);
	if ((uintptr_t)on_round - start < bytes)
		on_round = NULL;
	hx_mutex_unlock(&round_lock);
	return heal_release_components(start, bytes);
}

bool heal_is_late(void)
{
	hx_ns_t now = hx_now_ns(), last = __atomic_load_n(&round_ns, __ATOMIC_RELAXED);

	return now > last && now - last > LATE_NS;
}

bool hx_heal_is_well(void)
{
	return __atomic_load_n(&n_vital_ill, __ATOMIC_RELAXED) == 0 && !heal_is_late();
}

/* With heal_doing held and h pinned. */
static int do_asked(struct hx_healed *h, enum hx_heal_action action)
{
	int err = 0;

	if (action == HX_HEAL_NOTE)
		return check(h);
	if ((heal_can(h) & (1u << action)) == 0 && action != HX_HEAL_ISOLATE)
		return -HX_ENOTSUP;
	h->why = (struct hx_failure){ .at_ns = hx_now_ns(), .thread = hx_thread_self()->id,
				      .kind = h->fails_as };
	hx_strlcpy(h->why.who, h->name, sizeof(h->why.who));
	hx_strlcpy(h->why.what, "asked for", sizeof(h->why.what));
	err = act(h, action);
	settle(h, action, err);
	if (err == 0)
		h->c = (struct hx_heal_case){ .last_ns = 0 };
	record(h, &h->why, action, err, h->why.at_ns,
	       action == HX_HEAL_RESTART && err == 0 ? h->saved_bytes : 0, true);
	return err;
}

int hx_heal_do(const char *name, enum hx_heal_action action)
{
	struct hx_healed *h;
	int err;

	if ((unsigned)action >= HX_HEAL_PANIC)
		return -HX_EINVAL;
	hx_mutex_lock(&heal_doing);
	h = heal_pin_named(name);
	err = h != NULL ? do_asked(h, action) : -HX_ENOENT;
	if (h != NULL)
		heal_unpin(h);
	hx_mutex_unlock(&heal_doing);
	return err;
}

int hx_heal_set_policy(const char *name, unsigned policy)
{
	struct hx_healed *h;

	if (policy >= HX_HEAL_ACTIONS)
		return -HX_EINVAL;
	hx_mutex_lock(&heal_doing);
	h = heal_pin_named(name);
	if (h != NULL) {
		h->policy = (uint8_t)policy;
		if (!h->c.open)
			h->c = (struct hx_heal_case){ .last_ns = 0 };
		heal_unpin(h);
	}
	hx_mutex_unlock(&heal_doing);
	return h != NULL ? 0 : -HX_ENOENT;
}

/* False: it is time to end. */
static bool wait_for_round(void)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&heal_queue.lock);
	bool goes_on;

	if (!heal_told && !heal_stop)
		hx_wait_locked(&heal_queue, PERIOD_NS);
	heal_told = false;
	goes_on = !heal_stop;
	hx_spin_unlock_irqrestore(&heal_queue.lock, flags);
	return goes_on;
}

static int healer_main(void *arg)
{
	while (wait_for_round())
		heal_round();
	return 0;
}

static int heal_init(void)
{
	static const struct hx_thread_params p = {
		.name = "healer", .fn = healer_main, .prio = HEALER_PRIO,
	};
	int err = heal_components_start();

	if (err != 0)
		return err;
	heal_stop = heal_told = false;
	round_ns = hx_now_ns();
	err = heal_worker_start();
	if (err == 0)
		err = hx_thread_create(&p, &heal_thread);
	if (err != 0) {
		heal_worker_stop();
		heal_components_stop();
		return err;
	}
	hx_failure_on_tell(heal_wake);
	heal_memory_start();
	if (HX_ENABLED(DEADLOCKS))
		heal_deadlocks_start();
	if (HX_ENABLED(SLOT_SWAP))
		heal_slots_start();
	heal_cpus_start();
	return 0;
}

static void heal_shutdown(void)
{
	hx_irqflags_t flags;

	heal_cpus_stop();
	if (HX_ENABLED(SLOT_SWAP))
		heal_slots_stop();
	if (HX_ENABLED(DEADLOCKS))
		heal_deadlocks_stop();
	heal_memory_stop();
	hx_failure_on_tell(NULL);
	flags = hx_spin_lock_irqsave(&heal_queue.lock);
	heal_stop = true;
	hx_wake_all_locked(&heal_queue);
	hx_wake_end(&heal_queue, flags);
	(void)!hx_thread_join(heal_thread, HX_FOREVER, NULL);
	hx_mutex_lock(&heal_doing);
	heal_worker_stop();
	hx_mutex_unlock(&heal_doing);
	heal_components_stop();
}

HX_COMPONENT(heal) = {
	.name = "heal", .phase = HX_PHASE_CORE, .version = 1,
	.needs = "threads heap grace? events?",
	.init = heal_init, .shutdown = heal_shutdown,
};
