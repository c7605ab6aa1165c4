// SPDX-License-Identifier: MIT
/*
 * What failed and what was done about it: the last CONFIG_HEAL_RECORDS, numbered without gaps.
 */
#include <hx/core/lock.h>

#include "heal_priv.h"

static struct hx_spinlock records_lock = HX_SPINLOCK_INIT("heal records", HX_RANK_LEAF);
static struct hx_heal_record records[CONFIG_HEAL_RECORDS];	/* records_lock */
static uint64_t n_records;					/* records_lock */

void heal_record(const struct hx_heal_record *r)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&records_lock);
	struct hx_heal_record *to = &records[n_records % CONFIG_HEAL_RECORDS];

	*to = *r;
	to->seq = ++n_records;
	hx_spin_unlock_irqrestore(&records_lock, flags);
}

bool hx_heal_next(uint64_t seq, struct hx_heal_record *out)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&records_lock);
	uint64_t first = n_records > CONFIG_HEAL_RECORDS ? n_records - CONFIG_HEAL_RECORDS : 0;
	bool found;

	if (seq < first)
		seq = first;
	found = seq < n_records;
	if (found)
		*out = records[seq % CONFIG_HEAL_RECORDS];
	hx_spin_unlock_irqrestore(&records_lock, flags);
	return found;
}

uint64_t heal_n_records(void)
{
	return __atomic_load_n(&n_records, __ATOMIC_RELAXED);
}

const char *heal_action_name(unsigned action)
{
	static const char names[HX_HEAL_ACTIONS][10] = {
		"note", "restart", "fallback", "isolate", "panic",
	};

	return action < HX_HEAL_ACTIONS ? names[action] : "?";
}

const char *heal_state_name(unsigned state)
{
	static const char names[HX_HEAL_STATES][13] = {
		"healthy", "degraded", "unresponsive", "failed", "recovering", "isolated",
	};

	return state < HX_HEAL_STATES ? names[state] : "?";
}
