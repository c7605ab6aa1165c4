// SPDX-License-Identifier: MIT
/*
 * Charging: up the tree, one compare-and-swap for each holder, rolled back where a hard limit is in
 * the way. So no limit is ever passed, not even for a moment, and nobody waits for anybody. What is
 * charged here is then split in what is reserved and what is in use, the holder's own.
 */
#include <hx/core/log.h>

#include "resources_priv.h"

static const char *const kind_names[HX_RES_KINDS] = { "memory", "handles", "interrupts", "cpu",
						     "ports", "io" };

const char *res_kind_name(unsigned kind)
{
	return kind_names[kind];
}

static void count_up(uint64_t *p)
{
	__atomic_fetch_add(p, 1, __ATOMIC_RELAXED);
}

/* 0, and what was charged before; -HX_ENOSPC. */
static int charge_one(struct hx_res_account *a, uint64_t n, uint64_t *was)
{
	uint64_t hard = res_load(&a->hard), old = res_load(&a->charged);

	do {
		if (n > hard || old > hard - n) {	/* invariant 2 */
			count_up(&a->n_refused);
			return -HX_ENOSPC;
		}
	} while (!__atomic_compare_exchange_n(&a->charged, &old, old + n, true, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	*was = old;
	return 0;
}

HX_COLD void res_tell(struct hx_res_holder *h, enum hx_res_kind kind, uint64_t charged)
{
	count_up(&h->accounts[kind].n_over);
	hx_warn("resources", "%s is over its soft limit of %s: %llu of %llu", h->name,
		kind_names[kind], (unsigned long long)charged,
		(unsigned long long)res_load(&h->accounts[kind].soft));
	if (h->over != NULL)
		h->over(h, kind, charged);
	if (HX_ENABLED(IPC_EVENTS))
		res_event_add(h, kind, charged);
}

/* A charge that stays: the highest one so far, and whether it passed the soft limit. */
static void note(struct hx_res_holder *h, enum hx_res_kind kind, uint64_t was, uint64_t n)
{
	struct hx_res_account *a = &h->accounts[kind];
	uint64_t now = was + n, peak = res_load(&a->peak), soft = res_load(&a->soft);

	while (now > peak && !__atomic_compare_exchange_n(&a->peak, &peak, now, true,
							  __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	if (HX_UNLIKELY(was <= soft && now > soft))
		res_tell(h, kind, now);
}

static int charge(struct hx_res_holder *h, enum hx_res_kind kind, uint64_t n)
{
	uint64_t was[HX_RES_DEPTH_MAX];
	struct hx_res_holder *at, *top;
	unsigned i = 0;
	int err = 0;

	for (at = h; at != NULL && err == 0; at = at->parent)
		err = charge_one(&at->accounts[kind], n, &was[i++]);
	if (err == 0) {
		for (at = h, i = 0; at != NULL; at = at->parent)
			note(at, kind, was[i++], n);
		return 0;
	}
	for (top = h; --i != 0; top = top->parent)
		__atomic_fetch_sub(&top->accounts[kind].charged, n, __ATOMIC_RELAXED);
	return err;
}

void res_uncharge(struct hx_res_holder *h, enum hx_res_kind kind, uint64_t n)
{
	for (; h != NULL; h = h->parent) {
		uint64_t was = __atomic_fetch_sub(&h->accounts[kind].charged, n, __ATOMIC_RELAXED);

		hx_assert(was >= n);
	}
}

/* Less of what is the holder's own; false: there is not so much. */
static bool take_off(uint64_t *p, uint64_t n)
{
	uint64_t old = res_load(p);

	do {
		if (old < n)
			return false;
	} while (!__atomic_compare_exchange_n(p, &old, old - n, true, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return true;
}

int hx_res_limit(struct hx_res_holder *h, enum hx_res_kind kind, uint64_t soft, uint64_t hard)
{
	struct hx_res_account *a = &h->accounts[kind];

	if (soft > hard && soft != HX_RES_NONE)
		return -HX_EINVAL;
	__atomic_store_n(&a->soft, soft, __ATOMIC_RELAXED);
	__atomic_store_n(&a->hard, hard, __ATOMIC_RELAXED);
	return 0;
}

int hx_res_reserve(struct hx_res_holder *h, const struct hx_res_want *wants, unsigned n_wants)
{
	unsigned i;
	int err = 0;

	if (h == NULL)
		return 0;
	for (i = 0; i < n_wants && err == 0; i++)
		err = charge(h, wants[i].kind, wants[i].n);
	if (err != 0) {
		for (i--; i-- != 0;)
			res_uncharge(h, wants[i].kind, wants[i].n);
		return err;
	}
	for (i = 0; i < n_wants; i++)
		__atomic_fetch_add(&h->accounts[wants[i].kind].reserved, wants[i].n,
				   __ATOMIC_RELAXED);
	return 0;
}

void hx_res_unreserve(struct hx_res_holder *h, enum hx_res_kind kind, uint64_t n)
{
	if (h == NULL)
		return;
	hx_verify(take_off(&h->accounts[kind].reserved, n));
	res_uncharge(h, kind, n);
}

int hx_res_use(struct hx_res_holder *h, enum hx_res_kind kind, uint64_t n)
{
	if (h == NULL)
		return 0;
	if (!take_off(&h->accounts[kind].reserved, n))
		return -HX_EINVAL;
	__atomic_fetch_add(&h->accounts[kind].used, n, __ATOMIC_RELAXED);
	return 0;
}

int hx_res_take(struct hx_res_holder *h, enum hx_res_kind kind, uint64_t n)
{
	int err;

	if (h == NULL)
		return 0;
	err = charge(h, kind, n);
	if (err == 0)
		__atomic_fetch_add(&h->accounts[kind].used, n, __ATOMIC_RELAXED);
	return err;
}

void hx_res_release(struct hx_res_holder *h, enum hx_res_kind kind, uint64_t n)
{
	if (h == NULL)
		return;
	hx_verify(take_off(&h->accounts[kind].used, n));
	res_uncharge(h, kind, n);
}
