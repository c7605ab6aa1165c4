// SPDX-License-Identifier: MIT
/*
 * The table of armed fault points. It is small and bounded: a test arms one point or a few. An
 * entry whose point is disarmed keeps its counts until its place is wanted.
 */
#include <hx/base.h>
#include <hx/core/fault.h>
#include <hx/core/lock.h>
#include <hx/core/string.h>

#include "fault_priv.h"

#define FAULT_ENTRIES		32

static struct hx_spinlock fault_lock = HX_SPINLOCK_INIT("fault", HX_RANK_LEAF);
static struct fault_armed entries[FAULT_ENTRIES];	/* fault_lock */
static uint64_t generator = 1;				/* fault_lock; never 0 */
volatile uint32_t hx_fault_n_armed;			/* written under fault_lock, read freely */

static const char kind_names[HX_FAULT_KINDS][12] = {
	[HX_FAULT_NONE] = "none", [HX_FAULT_WILD] = "wild", [HX_FAULT_NULL] = "null",
	[HX_FAULT_LOOP] = "loop", [HX_FAULT_FAIL] = "fail", [HX_FAULT_LEAK] = "leak",
	[HX_FAULT_DEADLOCK] = "deadlock", [HX_FAULT_FLIP] = "flip", [HX_FAULT_LOST] = "lost",
};

const char *hx_fault_kind_name(unsigned kind)
{
	return kind < HX_FAULT_KINDS ? kind_names[kind] : "?";
}

enum hx_fault_kind hx_fault_kind_named(const char *name)
{
	unsigned kind;

	for (kind = HX_FAULT_KINDS - 1; kind > HX_FAULT_NONE; kind--)
		if (hx_strcmp(kind_names[kind], name) == 0)
			break;
	return kind;
}

/* The entry of that name. */
static struct fault_armed *find(const char *name)
{
	unsigned i;

	for (i = 0; i < FAULT_ENTRIES; i++) {
		if (hx_strcmp(entries[i].name, name) == 0)
			return &entries[i];
	}
	return NULL;
}

/* A place for another point, its counts 0: a free one, or that of a disarmed one. */
static struct fault_armed *find_place(void)
{
	struct fault_armed *a = find("");
	unsigned i;

	for (i = 0; a == NULL && i < FAULT_ENTRIES; i++) {
		if (!entries[i].is_armed)
			a = &entries[i];
	}
	if (a != NULL)
		memset(a, 0, sizeof(*a));
	return a;
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators" (2016). */
static uint64_t next_random(void)
{
	generator ^= generator >> 12;
	generator ^= generator << 25;
	generator ^= generator >> 27;
	return generator * 0x2545f4914f6cdd1dull;
}

void hx_fault_seed(uint64_t seed)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&fault_lock);

	/* Seeds that follow each other begin far apart; 0 would stay 0. */
	generator = (seed + 1) * 0x9e3779b97f4a7c15ull | 1;
	hx_spin_unlock_irqrestore(&fault_lock, flags);
}

static void disarm(struct fault_armed *a)
{
	a->is_armed = false;
	hx_fault_n_armed--;
}

static bool fires(struct fault_armed *a)
{
	a->n_hits++;
	if (--a->left != 0)
		return false;
	a->left = a->every;
	if (a->odds > 1 && (next_random() >> 32) % a->odds != 0)
		return false;
	a->n_fired++;
	if (a->times != HX_FAULT_ALWAYS && --a->times == 0)
		disarm(a);
	return true;
}

unsigned hx_fault_kind_slow(const char *point)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&fault_lock);
	struct fault_armed *a = *point != '\0' ? find(point) : NULL;
	unsigned kind = a != NULL && a->is_armed && fires(a) ? a->kind : HX_FAULT_NONE;

	hx_spin_unlock_irqrestore(&fault_lock, flags);
	return kind;
}

bool hx_fault_hits_slow(const char *point)
{
	unsigned kind = hx_fault_kind_slow(point);

	hx_fault_do(kind);
	return kind >= HX_FAULT_FAIL;
}

void hx_fault_flip(void *bytes, size_t n)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&fault_lock);
	uint64_t bit = (next_random() >> 8) % (n * 8);

	hx_spin_unlock_irqrestore(&fault_lock, flags);
	((uint8_t *)bytes)[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

static bool is_name(const char *name, size_t len)
{
	return len != 0 && len < HX_FAULT_NAME_MAX && hx_utf8_is_text(name, len) &&
	       hx_memchr(name, ' ', len) == NULL;
}

int hx_fault_plan_arm(const struct hx_fault_plan *plan)
{
	size_t len = hx_strlen(plan->point);
	struct fault_armed *a;
	hx_irqflags_t flags;

	if (!is_name(plan->point, len) || plan->kind >= HX_FAULT_KINDS)
		return -HX_EINVAL;
	flags = hx_spin_lock_irqsave(&fault_lock);
	a = find(plan->point);
	if (a == NULL)
		a = find_place();
	if (a != NULL) {
		memcpy(a->name, plan->point, len + 1);
		hx_fault_n_armed += !a->is_armed;
		a->is_armed = true;
		a->kind = (uint8_t)(plan->kind != HX_FAULT_NONE ? plan->kind : HX_FAULT_FAIL);
		a->odds = plan->odds != 0 ? plan->odds : 1;
		a->left = plan->after != 0 ? plan->after : 1;
		a->every = plan->every != 0 ? plan->every : 1;
		a->times = plan->times != 0 ? plan->times : 1;
	}
	hx_spin_unlock_irqrestore(&fault_lock, flags);
	return a != NULL ? 0 : -HX_ENFILE;
}

int hx_fault_arm(const char *spec)
{
	char text[HX_FAULT_NAME_MAX + 24], *count, *kind = NULL;
	struct hx_fault_plan plan = { .point = text, .after = 1 };

	if (hx_strlcpy(text, spec, sizeof(text)) >= sizeof(text))
		return -HX_EINVAL;
	count = hx_strchr(text, ':');
	if (count != NULL) {
		*count++ = '\0';
		kind = hx_strchr(count, ':');
	}
	if (kind != NULL) {
		*kind++ = '\0';
		plan.kind = hx_fault_kind_named(kind);
		if (plan.kind == HX_FAULT_NONE)
			return -HX_EINVAL;
	}
	if (count != NULL && (hx_parse_u64(count, FAULT_COUNT_MAX, &plan.after) != 0 ||
			      plan.after == 0))
		return -HX_EINVAL;
	return hx_fault_plan_arm(&plan);
}

int hx_fault_disarm(const char *point)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&fault_lock);
	struct fault_armed *a = *point != '\0' ? find(point) : NULL;
	bool was = a != NULL && a->is_armed;

	if (was)
		disarm(a);
	hx_spin_unlock_irqrestore(&fault_lock, flags);
	return was ? 0 : -HX_ENOENT;
}

bool fault_armed_at(unsigned idx, struct fault_armed *out)
{
	hx_irqflags_t flags;

	if (idx >= FAULT_ENTRIES)
		return false;
	flags = hx_spin_lock_irqsave(&fault_lock);
	*out = entries[idx];
	hx_spin_unlock_irqrestore(&fault_lock, flags);
	return true;
}

bool hx_fault_counts(const char *point, uint64_t *n_hits, uint64_t *n_fired)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&fault_lock);
	const struct fault_armed *a = *point != '\0' ? find(point) : NULL;

	if (a != NULL) {
		*n_hits = a->n_hits;
		*n_fired = a->n_fired;
	}
	hx_spin_unlock_irqrestore(&fault_lock, flags);
	return a != NULL;
}
