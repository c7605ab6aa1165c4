// SPDX-License-Identifier: MIT
/*
 * Providers that come and go while the kernel runs. What is built in needs no lock and no count;
 * what came later stays as long as somebody took it or it sits in its slot.
 */
#include <hx/base.h>
#include <hx/core/assert.h>
#include <hx/core/list.h>
#include <hx/core/lock.h>
#include <hx/core/slot.h>
#include <hx/core/string.h>

#include "slot_priv.h"

static struct hx_spinlock lock = HX_SPINLOCK_INIT("slots", HX_RANK_SLOT);
static struct hx_list entries = HX_LIST_INIT(entries);	/* lock */

static const struct hx_kind *kind_of(const char *slot)
{
	const struct hx_kind *const *it;

	HX_SECTION_FOREACH(it, hx_kinds) {
		if (hx_strcmp((*it)->slot, slot) == 0)
			return *it;
	}
	return NULL;
}

static bool is_built_in(const struct hx_kind *kind, const char *name)
{
	const void *const *it;

	for (it = kind->first; it < kind->last; it++) {
		const struct hx_provider *p = *it;

		if (p->name != NULL && hx_strcmp(p->name, name) == 0)
			return true;
	}
	return false;
}

static struct hx_slot_entry *entry_of(const struct hx_kind *kind, const char *name)
{
	struct hx_list *n;

	HX_LIST_FOREACH(n, &entries) {
		struct hx_slot_entry *e = HX_LIST_ENTRY(n, struct hx_slot_entry, link);

		if (e->kind == kind && hx_strcmp(e->ops->name, name) == 0)
			return e;
	}
	return NULL;
}

int hx_slot_register(const char *slot, struct hx_slot_entry *e)
{
	const struct hx_kind *kind = kind_of(slot);
	int err;

	if (kind == NULL)
		return -HX_ENODEV;
	if (e->ops->abi != kind->abi)
		return -HX_EPROTO;
	if (e->ops->name == NULL || hx_strnlen(e->ops->name, HX_SLOT_NAME_MAX) == HX_SLOT_NAME_MAX)
		return -HX_EINVAL;
	err = slot_check(kind, e->ops);
	if (err != 0)
		return err;
	e->kind = kind;
	e->n_users = 0;
	hx_spin_lock(&lock);
	err = is_built_in(kind, e->ops->name) || entry_of(kind, e->ops->name) != NULL ?
	      -HX_EEXIST : 0;
	if (err == 0)
		hx_list_push_back(&entries, &e->link);
	hx_spin_unlock(&lock);
	return err;
}

static bool is_in_use(const struct hx_slot_entry *e)
{
	return e->n_users > 0 || *e->kind->current == e->ops;
}

int hx_slot_unregister(struct hx_slot_entry *e)
{
	int err;

	hx_spin_lock(&lock);
	err = is_in_use(e) ? -HX_EBUSY : 0;
	hx_spin_unlock(&lock);
	/* The slot's owner may take long, so somebody may take it meanwhile: it stays then. */
	if (err == 0 && HX_ENABLED(SLOT_SWAP) && !swap_lets_go(e->kind, e->ops))
		err = -HX_EBUSY;
	if (err != 0)
		return err;
	hx_spin_lock(&lock);
	err = is_in_use(e) ? -HX_EBUSY : 0;
	if (err == 0)
		hx_list_unlink(&e->link);
	hx_spin_unlock(&lock);
	return err;
}

void hx_slot_pause(struct hx_slot_entry *e, bool is_paused)
{
	hx_spin_lock(&lock);
	e->is_paused = is_paused;
	hx_spin_unlock(&lock);
}

int hx_slot_take(const struct hx_kind *kind, const char *name, const void **ops)
{
	struct hx_slot_entry *e;
	int err = hx_slot_find(kind, name, ops);

	if (err != -HX_ENOENT)
		return err;
	hx_spin_lock(&lock);
	e = entry_of(kind, name);
	err = e == NULL ? -HX_ENOENT : e->is_paused ? -HX_EAGAIN : 0;
	if (err == 0) {
		e->n_users++;
		*ops = e->ops;
	}
	hx_spin_unlock(&lock);
	return err;
}

const void *hx_slot_more(const void *ops)
{
	const void *more = NULL;
	struct hx_list *n;

	hx_spin_lock(&lock);
	HX_LIST_FOREACH(n, &entries) {
		const struct hx_slot_entry *e = HX_LIST_ENTRY(n, struct hx_slot_entry, link);

		if (e->ops == ops)
			more = e->more;
	}
	hx_spin_unlock(&lock);
	return more;
}

void hx_slot_put(const void *ops)
{
	struct hx_list *n;

	hx_spin_lock(&lock);
	HX_LIST_FOREACH(n, &entries) {
		struct hx_slot_entry *e = HX_LIST_ENTRY(n, struct hx_slot_entry, link);

		if (e->ops == ops) {
			hx_verify(e->n_users > 0);
			e->n_users--;
			break;
		}
	}
	hx_spin_unlock(&lock);
}

bool slot_dynamic_at(const struct hx_kind *kind, unsigned idx, struct slot_dynamic *out)
{
	struct hx_list *n;
	bool found = false;

	hx_spin_lock(&lock);
	HX_LIST_FOREACH(n, &entries) {
		struct hx_slot_entry *e = HX_LIST_ENTRY(n, struct hx_slot_entry, link);

		if (e->kind != kind || idx-- != 0)
			continue;
		hx_strlcpy(out->name, e->ops->name, sizeof(out->name));
		hx_strlcpy(out->owner, e->owner, sizeof(out->owner));
		out->abi = e->ops->abi;
		out->n_users = e->n_users;
		out->state = *kind->current == e->ops ? "active" :
			     HX_ENABLED(SLOT_SWAP) && hx_swap_is_failed(kind, e->ops) ? "failed" :
			     e->is_paused ? "paused" : "ready";
		found = true;
		break;
	}
	hx_spin_unlock(&lock);
	return found;
}
