// SPDX-License-Identifier: MIT
/*
 * The components that are watched. Whoever works with one has it pinned: it stays in the list, so
 * that a walk can go on from it, and who wants it out waits. The lock is held for the list alone.
 */
#include <hx/core/heap.h>
#include <hx/core/string.h>
#include <hx/core/wait.h>
#include <hx/hal/timer.h>

#include "heal_priv.h"

static struct hx_wait_queue list_queue = HX_WAIT_QUEUE_INIT(list_queue);
static struct hx_list healed = HX_LIST_INIT(healed);	/* list_queue.lock */

static struct hx_healed *find_locked(const char *name)
{
	struct hx_list *n;

	hx_assert_held(&list_queue.lock);
	HX_LIST_FOREACH(n, &healed) {
		struct hx_healed *h = HX_LIST_ENTRY(n, struct hx_healed, link);

		if (hx_strcmp(h->name, name) == 0)
			return h;
	}
	return NULL;
}

static bool is_valid(const struct hx_healed *h)
{
	size_t len = h->name != NULL ? hx_strlen(h->name) : 0;

	return len != 0 && len < HX_FAILURE_WHO_MAX && hx_utf8_is_text(h->name, len) &&
	       hx_memchr(h->name, ' ', len) == NULL && h->ops != NULL &&
	       h->policy < HX_HEAL_ACTIONS && h->fails_as < HX_FAILURE_KINDS &&
	       h->state_bytes <= HX_HEAL_STATE_MAX;
}

int hx_heal_register(struct hx_healed *h)
{
	hx_irqflags_t flags;
	int err = 0;

	if (!is_valid(h))
		return -HX_EINVAL;
	if (h->state_bytes != 0) {
		h->saved = hx_alloc(h->state_bytes);
		h->spare = hx_alloc(h->state_bytes);
		if (h->saved == NULL || h->spare == NULL) {
			err = -HX_ENOMEM;
			goto free_state;
		}
	}
	h->beat_ns = hx_now_ns();
	flags = hx_spin_lock_irqsave(&list_queue.lock);
	if (find_locked(h->name) != NULL)
		err = -HX_EEXIST;
	else
		hx_list_push_back(&healed, &h->link);
	hx_spin_unlock_irqrestore(&list_queue.lock, flags);
	if (err == 0)
		return 0;
free_state:
	hx_free(h->saved);
	hx_free(h->spare);
	h->saved = h->spare = NULL;
	return err;
}

/* Out of the list, as soon as nobody has it pinned. */
static int take_out(struct hx_healed *h)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&list_queue.lock);
	int err = 0;

	while (h->n_pins != 0)
		hx_wait_locked(&list_queue, HX_FOREVER);
	if (__atomic_load_n(&h->stuck, __ATOMIC_ACQUIRE) != 0)
		err = -HX_EBUSY;
	else
		hx_list_remove(&h->link);
	hx_spin_unlock_irqrestore(&list_queue.lock, flags);
	return err;
}

int hx_heal_unregister(struct hx_healed *h)
{
	int err;

	if (h->link.next == NULL || !hx_list_is_linked(&h->link))
		return 0;
	if (heal_worker_runs(h))
		return -HX_EDEADLK;
	err = take_out(h);
	if (err != 0)
		return err;
	hx_free(h->saved);
	hx_free(h->spare);
	h->saved = h->spare = NULL;
	h->saved_bytes = 0;
	return 0;
}

static bool is_in(const void *at, uintptr_t start, size_t bytes)
{
	return (uintptr_t)at - start < bytes;
}

/* The component, or anything that is read or called for it. */
static bool has_part_in(const struct hx_healed *h, uintptr_t start, size_t bytes)
{
	const struct hx_healed_ops *o = h->ops;

	return is_in(h, start, bytes) || is_in(h->name, start, bytes) ||
	       is_in(h->arg, start, bytes) || is_in(o, start, bytes) ||
	       is_in((const void *)o->check, start, bytes) ||
	       is_in((const void *)o->save, start, bytes) ||
	       is_in((const void *)o->restart, start, bytes) ||
	       is_in((const void *)o->fall_back, start, bytes) ||
	       is_in((const void *)o->isolate, start, bytes);
}

static struct hx_healed *find_in(uintptr_t start, size_t bytes)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&list_queue.lock);
	struct hx_healed *found = NULL;
	struct hx_list *n;

	HX_LIST_FOREACH(n, &healed) {
		struct hx_healed *h = HX_LIST_ENTRY(n, struct hx_healed, link);

		if (has_part_in(h, start, bytes)) {
			found = h;
			break;
		}
	}
	hx_spin_unlock_irqrestore(&list_queue.lock, flags);
	return found;
}

/* Nothing in that memory runs by itself any more, so what is found stays until it is taken out. */
int heal_release_components(uintptr_t start, size_t bytes)
{
	struct hx_healed *h;
	int err = 0;

	while (err == 0 && (h = find_in(start, bytes)) != NULL)
		err = hx_heal_unregister(h) != 0 ? -HX_EBUSY : 0;
	return err;
}

static void unpin_locked(struct hx_healed *h)
{
	hx_assert(h->n_pins != 0);
	if (--h->n_pins == 0)
		hx_wake_all_locked(&list_queue);
}

struct hx_healed *heal_pin_next(struct hx_healed *h)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&list_queue.lock);
	struct hx_list *n = h != NULL ? h->link.next : healed.next;
	struct hx_healed *next = n != &healed ? HX_LIST_ENTRY(n, struct hx_healed, link) : NULL;

	if (next != NULL)
		next->n_pins++;
	if (h != NULL)
		unpin_locked(h);
	hx_wake_end(&list_queue, flags);
	return next;
}

struct hx_healed *heal_pin_named(const char *name)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&list_queue.lock);
	struct hx_healed *h = find_locked(name);

	if (h != NULL)
		h->n_pins++;
	hx_spin_unlock_irqrestore(&list_queue.lock, flags);
	return h;
}

void heal_unpin(struct hx_healed *h)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&list_queue.lock);

	unpin_locked(h);
	hx_wake_end(&list_queue, flags);
}

void hx_heal_beat(struct hx_healed *h)
{
	__atomic_store_n(&h->beat_ns, hx_now_ns(), __ATOMIC_RELAXED);
}

/* A bit per action that is possible for it. */
uint8_t heal_can(const struct hx_healed *h)
{
	return (uint8_t)(1u << HX_HEAL_NOTE | 1u << HX_HEAL_PANIC |
			 (h->ops->restart != NULL ? 1u << HX_HEAL_RESTART : 0) |
			 (h->ops->fall_back != NULL ? 1u << HX_HEAL_FALL_BACK : 0) |
			 (h->flags & HX_HEALED_VITAL ? 0 : 1u << HX_HEAL_ISOLATE));
}
