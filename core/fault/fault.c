// SPDX-License-Identifier: MIT
/*
 * The table of armed fault points. It is small and bounded: a test arms one point or a few.
 */
#include <hx/base.h>
#include <hx/core/fault.h>
#include <hx/core/lock.h>
#include <hx/core/string.h>

#include "fault_priv.h"

#define FAULT_ARMED_MAX		8
#define FAULT_COUNT_MAX		UINT32_MAX

static struct hx_spinlock fault_lock = HX_SPINLOCK_INIT("fault", HX_RANK_LEAF);
static struct fault_armed armed[FAULT_ARMED_MAX];	/* fault_lock */
volatile uint32_t hx_fault_n_armed;			/* written under fault_lock, read freely */

/* The entry of that name; "" finds a free one. */
static struct fault_armed *find(const char *name)
{
	unsigned i;

	for (i = 0; i < FAULT_ARMED_MAX; i++) {
		if (hx_strcmp(armed[i].name, name) == 0)
			return &armed[i];
	}
	return NULL;
}

static void forget(struct fault_armed *a)
{
	a->name[0] = '\0';
	hx_fault_n_armed--;
}

bool hx_fault_hits_slow(const char *point)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&fault_lock);
	struct fault_armed *a = find(point);
	bool hit = a != NULL && --a->left == 0;

	if (hit)
		forget(a);
	hx_spin_unlock_irqrestore(&fault_lock, flags);
	return hit;
}

int hx_fault_arm(const char *spec)
{
	const char *colon = hx_strchr(spec, ':');
	size_t len = colon != NULL ? (size_t)(colon - spec) : hx_strlen(spec);
	struct fault_armed *a;
	hx_irqflags_t flags;
	char name[HX_FAULT_NAME_MAX];
	uint64_t n = 1;

	if (len == 0 || len >= sizeof(name) || !hx_utf8_is_text(spec, len) ||
	    hx_memchr(spec, ' ', len) != NULL)
		return -HX_EINVAL;
	if (colon != NULL && (hx_parse_u64(colon + 1, FAULT_COUNT_MAX, &n) != 0 || n == 0))
		return -HX_EINVAL;
	memcpy(name, spec, len);
	name[len] = '\0';

	flags = hx_spin_lock_irqsave(&fault_lock);
	a = find(name);
	if (a == NULL) {
		a = find("");
		if (a != NULL) {
			memcpy(a->name, name, len + 1);
			hx_fault_n_armed++;
		}
	}
	if (a != NULL)
		a->left = n;
	hx_spin_unlock_irqrestore(&fault_lock, flags);
	return a != NULL ? 0 : -HX_ENFILE;
}

int hx_fault_disarm(const char *point)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&fault_lock);
	struct fault_armed *a = *point != '\0' ? find(point) : NULL;

	if (a != NULL)
		forget(a);
	hx_spin_unlock_irqrestore(&fault_lock, flags);
	return a != NULL ? 0 : -HX_ENOENT;
}

bool fault_armed_at(unsigned idx, struct fault_armed *out)
{
	hx_irqflags_t flags;

	if (idx >= FAULT_ARMED_MAX)
		return false;
	flags = hx_spin_lock_irqsave(&fault_lock);
	*out = armed[idx];
	hx_spin_unlock_irqrestore(&fault_lock, flags);
	return true;
}
