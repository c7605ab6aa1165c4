// SPDX-License-Identifier: MIT
/*
 * What to do about a failure, and when: a pure function of the case and the time, so that the tests
 * can hold it against a model.
 *
 *	     policy                give up            give up               vital
 *	    --------> restart x3 --------> fall back x3 --------> isolate --------> panic
 *
 * 1 A try of restart or fall back is due at once the first time, then backoff, 2 backoff, 4 backoff
 *   … after the try before. Tries count from the first one of the level on; after n_tries within
 *   the window the level is given up for the next one that is possible.
 * 2 The policy says where to begin. Isolating and the end are done once, at once. Of a vital
 *   component isolating is not possible, the end always is.
 * 3 A case is forgotten when the component did not fail for a window: it begins at its policy
 *   again.
 */
#include "heal_priv.h"

#define BACKOFF_SHIFT_MAX	20u

const struct heal_rules heal_rules = {
	.backoff_ns = CONFIG_HEAL_BACKOFF_MS * HX_NS_PER_MS,
	.window_ns = CONFIG_HEAL_WINDOW_S * HX_NS_PER_S,
	.n_tries = CONFIG_HEAL_TRIES,
};

static bool is_tried(uint8_t level)
{
	return level == HX_HEAL_RESTART || level == HX_HEAL_FALL_BACK;
}

static void enter_level(struct hx_heal_case *c, uint8_t level, hx_ns_t now)
{
	c->level = level;
	c->n_tries = 0;
	c->due_ns = now;
}

void heal_case_fail(struct hx_heal_case *c, const struct heal_rules *r, uint8_t policy,
		    hx_ns_t now)
{
	bool fresh = c->last_ns == 0 || now - c->last_ns > r->window_ns;

	c->last_ns = now;
	if (c->open)
		return;
	c->open = true;
	/* Another policy holds at once, a weaker one too. */
	if (fresh || c->level < policy)
		enter_level(c, policy, now);
}

/* The next stronger thing that can be done. */
static void escalate(struct hx_heal_case *c, uint8_t can, hx_ns_t now)
{
	uint8_t level = c->level;

	do {
		level++;
	} while (level < HX_HEAL_PANIC && (can & (1u << level)) == 0);
	enter_level(c, level, now);
}

static hx_ns_t backoff(const struct heal_rules *r, uint8_t n_tries)
{
	return r->backoff_ns << hx_min_u64(n_tries - 1u, BACKOFF_SHIFT_MAX);
}

enum hx_heal_action heal_case_next(struct hx_heal_case *c, const struct heal_rules *r, uint8_t can,
				   hx_ns_t now)
{
	if (!c->open || now < c->due_ns)
		return HX_HEAL_ACTIONS;
	if (c->level != HX_HEAL_NOTE && c->level != HX_HEAL_PANIC &&
	    (can & (1u << c->level)) == 0)
		escalate(c, can, now);
	if (!is_tried(c->level))
		return c->level;
	if (c->n_tries != 0 && now - c->first_ns > r->window_ns)
		c->n_tries = 0;
	if (c->n_tries == r->n_tries) {
		escalate(c, can, now);
		if (!is_tried(c->level))
			return c->level;
	}
	if (c->n_tries++ == 0)
		c->first_ns = now;
	c->due_ns = now + backoff(r, c->n_tries);
	return c->level;
}

void heal_case_done(struct hx_heal_case *c, enum hx_heal_action action, int result)
{
	/* What failed is tried again when it is due; isolating is final even if it failed. */
	if (result == 0 || !is_tried(action))
		c->open = false;
}
