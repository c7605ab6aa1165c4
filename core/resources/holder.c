// SPDX-License-Identifier: MIT
/*
 * Holders from their beginning to their end, and the list of all, which is also what the books are
 * checked with.
 */
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/mutex.h>
#include <hx/core/string.h>
#include <hx/core/thread.h>

#include "resources_priv.h"

static struct hx_mutex holders_mutex = HX_MUTEX_INIT(holders_mutex);
static struct hx_list holders = HX_LIST_INIT(holders);	/* holders_mutex */
static unsigned n_holders;				/* holders_mutex */
static uint64_t n_leaked;				/* atomic */

static struct hx_res_holder *holder_of(const struct hx_list *n)
{
	return HX_LIST_ENTRY(n, struct hx_res_holder, link);
}

void res_holders_lock(void)
{
	hx_mutex_lock(&holders_mutex);
}

void res_holders_unlock(void)
{
	hx_mutex_unlock(&holders_mutex);
}

struct hx_res_holder *res_holder_at(unsigned idx)
{
	const struct hx_list *n;

	HX_LIST_FOREACH(n, &holders)
		if (idx-- == 0)
			return holder_of(n);
	return NULL;
}

struct hx_res_holder *res_holder_find(const char *name)
{
	const struct hx_list *n;

	HX_LIST_FOREACH(n, &holders)
		if (hx_strcmp(holder_of(n)->name, name) == 0)
			return holder_of(n);
	return NULL;
}

int hx_res_holder_init(struct hx_res_holder *h, const char *name, struct hx_res_holder *parent)
{
	if (parent != NULL && parent->depth >= HX_RES_DEPTH_MAX)
		return -HX_ELOOP;
	*h = (struct hx_res_holder){
		.parent = parent, .depth = parent != NULL ? parent->depth + 1 : 1,
	};
	for (unsigned k = 0; k < HX_RES_KINDS; k++)
		h->accounts[k].soft = h->accounts[k].hard = HX_RES_NONE;
	res_meter_init(&h->meter);
	hx_spin_init(&h->lock, "resources", HX_RANK_LEAF);
	hx_list_init(&h->leases);
	hx_strlcpy(h->name, name, sizeof(h->name));
	res_holders_lock();
	hx_list_push_back(&holders, &h->link);
	n_holders++;
	if (parent != NULL)
		parent->n_children++;
	res_holders_unlock();
	return 0;
}

/* What no lease gave back; nobody knows what it is, only that it is not charged any more. */
static void give_up(struct hx_res_holder *h, enum hx_res_kind kind)
{
	struct hx_res_account *a = &h->accounts[kind];

	if (a->reserved != 0)
		hx_res_unreserve(h, kind, a->reserved);
	if (a->used == 0)
		return;
	hx_error("resources", "%s ended with %llu of %s in use", h->name,
		 (unsigned long long)a->used, res_kind_name(kind));
	__atomic_fetch_add(&n_leaked, 1, __ATOMIC_RELAXED);
	hx_res_release(h, kind, a->used);
}

int hx_res_holder_end(struct hx_res_holder *h)
{
	hx_assert_can_sleep();
	res_holders_lock();
	if (h->n_children != 0) {
		res_holders_unlock();
		return -HX_EBUSY;
	}
	/* From here on nobody can put a holder below it: who has it is who called us. */
	res_holders_unlock();
	res_leases_end(h);
	for (unsigned k = 0; k < HX_RES_KINDS; k++)
		give_up(h, (enum hx_res_kind)k);
	res_holders_lock();
	hx_list_unlink(&h->link);
	n_holders--;
	if (h->parent != NULL)
		h->parent->n_children--;
	res_holders_unlock();
	return 0;
}

/* Invariant 1, and the number below. */
static unsigned check_one(const struct hx_res_holder *h)
{
	uint64_t sums[HX_RES_KINDS];
	unsigned n_wrong = 0, n_below = 0;
	const struct hx_list *n;

	for (unsigned k = 0; k < HX_RES_KINDS; k++)
		sums[k] = res_load(&h->accounts[k].reserved) + res_load(&h->accounts[k].used);
	HX_LIST_FOREACH(n, &holders) {
		if (holder_of(n)->parent != h)
			continue;
		n_below++;
		for (unsigned k = 0; k < HX_RES_KINDS; k++)
			sums[k] += res_load(&holder_of(n)->accounts[k].charged);
	}
	for (unsigned k = 0; k < HX_RES_KINDS; k++)
		n_wrong += sums[k] != res_load(&h->accounts[k].charged);
	return n_wrong + (n_below != h->n_children);
}

unsigned hx_res_check(void)
{
	unsigned n_wrong = 0;
	const struct hx_list *n;

	res_holders_lock();
	HX_LIST_FOREACH(n, &holders)
		n_wrong += check_one(holder_of(n));
	res_holders_unlock();
	return n_wrong;
}

void hx_res_totals(struct hx_res_totals *out)
{
	const struct hx_list *n;

	memset(out, 0, sizeof(*out));
	res_holders_lock();
	HX_LIST_FOREACH(n, &holders) {
		const struct hx_res_holder *h = holder_of(n);

		for (unsigned k = 0; h->parent == NULL && k < HX_RES_KINDS; k++)
			out->charged[k] += res_load(&h->accounts[k].charged);
		out->n_wrong += check_one(h);
		out->n_holders++;
	}
	out->n_leaked = res_load(&n_leaked);
	res_holders_unlock();
}

unsigned hx_res_n_holders(void)
{
	return __atomic_load_n(&n_holders, __ATOMIC_RELAXED);
}

uint64_t hx_res_n_leaked(void)
{
	return res_load(&n_leaked);
}

static int resources_init(void)
{
	n_leaked = 0;
	res_ports_init();
	return 0;
}

static void resources_shutdown(void)
{
	hx_assert(hx_res_check() == 0);
	hx_list_init(&holders);
	n_holders = 0;
	res_ports_fini();
}

static enum hx_health resources_health(void)
{
	return hx_res_n_leaked() == 0 ? HX_HEALTHY : HX_DEGRADED;
}

HX_COMPONENT(resources) = {
	.name = "resources", .phase = HX_PHASE_CORE, .version = 1, .needs = "threads heap",
	.init = resources_init, .shutdown = resources_shutdown, .health = resources_health,
};
