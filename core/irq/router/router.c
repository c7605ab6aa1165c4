// SPDX-License-Identifier: MIT
/*
 * Who has which device line: the router stands in the dispatcher's table as the one action of each
 * line that was requested, and calls the users of the line in turn.
 *
 *	dispatcher -> irq_lines[line] -> router_handle(line) -> user -> user -> …
 *
 * 1 Concepts. The kernel's own lines (timer, other CPUs) are attached as before and do not pass
 *   here, so they pay only for the count by CPU. A line is FREE, open, or paused (storm.c). Each
 *   handler has claimed the interrupt unless it says that it did not (hx_irq_not_mine()).
 * 2 Locking. Everything changes under irq_lock, the dispatcher's. router_handle() reads the list
 *   of users with interrupts off and no lock; a user that was taken off is freed only after every
 *   other CPU was outside of interrupts. Nothing is allocated, freed or logged under the lock.
 * 3 Invariants. (a) router_lines[n] != NULL iff bit n of irq_routed is set iff irq_lines[n] is its
 *   action; (b) it has a user then; (c) if it has two, all of them share, and the trigger is the
 *   one that each of them wants or does not care about.
 * 4 Cost. About 20 instructions for an interrupt of a line with one user, beside the handler.
 */
#include <hx/core/assert.h>
#include <hx/core/heap.h>
#include <hx/core/log.h>
#include <hx/core/printf.h>
#include <hx/core/string.h>
#include <hx/hal/timer.h>

#include "irq_router_priv.h"

#define WORDS_MAX	128	/* bytes of a refusal */

struct irq_line *router_lines[HX_IRQ_LINES];
static uint32_t router_not_mine[HX_CPUS];	/* its CPU, interrupts off */

void hx_irq_not_mine(void)
{
	router_not_mine[HX_CPUS == 1 ? 0 : hx_percpu()->cpu]++;
}

/* An interrupt of a line comes to one CPU at a time, but for the moment in which it is moved. */
static void router_handle(void *arg)
{
	struct irq_line *l = arg;
	const uint32_t *not_mine = &router_not_mine[HX_CPUS == 1 ? 0 : hx_percpu()->cpu];
	uint32_t denied = *not_mine;
	struct irq_user *u = __atomic_load_n(&l->users, __ATOMIC_ACQUIRE);

	while (u != NULL) {
		struct hx_irq_action *a = u->action;

		u = __atomic_load_n(&u->next, __ATOMIC_ACQUIRE);
		__atomic_store_n(&a->count, a->count + 1, __ATOMIC_RELAXED);
		a->handler(a->arg);
		denied++;
	}
	if (HX_UNLIKELY(*not_mine == denied))
		storm_unclaimed(l);
	if (HX_UNLIKELY(--l->left <= 0))
		storm_rate(l);
}

static bool shares(uint32_t want)
{
	return (want & HX_IRQ_SHARED) != 0;
}

static bool has_user(const struct irq_line *l, const struct hx_irq_action *a)
{
	const struct irq_user *u = l != NULL ? l->users : NULL;

	while (u != NULL && u->action != a)
		u = u->next;
	return u != NULL;
}

/* Whether a line may have this user too; words: why not. irq_lock held. */
static int may_join(uint32_t line, const struct hx_irq_action *a, uint32_t want, char *words)
{
	const struct irq_line *l = router_lines[line];
	bool level = hx_irq_line_is_level(line);

	if (l == NULL && irq_lines[line] != NULL) {
		hx_snprintf(words, WORDS_MAX, "%s of the kernel has it", irq_lines[line]->name);
		return -HX_EBUSY;
	}
	if (has_user(l, a)) {
		hx_snprintf(words, WORDS_MAX, "it has the line already");
		return -HX_EEXIST;
	}
	for (const struct irq_user *u = l != NULL ? l->users : NULL; u != NULL; u = u->next) {
		if (!shares(want) || !shares(u->want)) {
			hx_snprintf(words, WORDS_MAX, "%s of %s has it%s", u->action->name,
				    u->owner, shares(u->want) ? "" : " alone");
			return -HX_EBUSY;
		}
		if ((want & (level ? HX_IRQ_EDGE : HX_IRQ_LEVEL)) != 0) {
			hx_snprintf(words, WORDS_MAX, "%s of %s has it with the trigger %s",
				    u->action->name, u->owner, level ? "level" : "edge");
			return -HX_EBUSY;
		}
	}
	return 0;
}

/* The first user makes the line. irq_lock held. */
static int make_line(struct irq_line *l, uint32_t line, uint32_t want, char *words)
{
	bool level = (want & HX_IRQ_LEVEL) != 0;

	*l = (struct irq_line){
		.action = { .handler = router_handle, .arg = l },
		.line = line, .affinity = { UINT64_MAX },
	};
	if ((want & (HX_IRQ_EDGE | HX_IRQ_LEVEL)) != 0) {
		if (hx_irq_line_set_level(line, level, &l->was_level) != 0) {
			hx_snprintf(words, WORDS_MAX, "its trigger cannot be set");
			return -HX_ENODEV;
		}
		l->was_set = true;
	}
	storm_init(l);
	return 0;
}

/* For /proc/interrupts, which knows one name a line. irq_lock held. */
static void name_line(struct irq_line *l)
{
	l->action.name = l->users->next == NULL ? l->users->action->name : "shared";
}

/* After all checks. irq_lock held. */
static void join(struct irq_line *l, struct irq_user *u)
{
	struct irq_user **link = &l->users;
	bool is_first = l->users == NULL;

	u->action->count = 0;
	while (*link != NULL)
		link = &(*link)->next;
	__atomic_store_n(link, u, __ATOMIC_RELEASE);
	name_line(l);
	if (!is_first)
		return;
	router_lines[l->line] = l;
	irq_routed |= 1ull << l->line;
	__atomic_store_n(&irq_lines[l->line], &l->action, __ATOMIC_RELEASE);
	hx_irq_line_unmask(l->line);
}

static int request_locked(struct irq_line **fresh, struct irq_user *u, uint32_t line, char *words)
{
	struct irq_line *l = router_lines[line];
	int err = may_join(line, u->action, u->want, words);

	if (err == 0 && l == NULL) {
		err = make_line(*fresh, line, u->want, words);
		l = *fresh;
	}
	if (err != 0)
		return err;
	if (l == *fresh)
		*fresh = NULL;	/* it is in use now */
	join(l, u);
	return 0;
}

int hx_irq_request(uint32_t line, struct hx_irq_action *a, const char *owner, uint32_t want)
{
	struct irq_user *u;
	struct irq_line *fresh;
	hx_irqflags_t flags;
	char words[WORDS_MAX] = "";
	int err;

	if (line >= HX_IRQ_LINES || a->handler == NULL ||
	    ((want & HX_IRQ_EDGE) != 0 && (want & HX_IRQ_LEVEL) != 0))
		return -HX_EINVAL;
	u = hx_zalloc(sizeof(*u));
	fresh = hx_zalloc(sizeof(*fresh));
	if (u == NULL || fresh == NULL) {
		hx_free(u);
		hx_free(fresh);
		return -HX_ENOMEM;
	}
	u->action = a;
	u->want = want;
	hx_strlcpy(u->owner, owner, sizeof(u->owner));
	flags = hx_spin_lock_irqsave(&irq_lock);
	err = request_locked(&fresh, u, line, words);
	hx_spin_unlock_irqrestore(&irq_lock, flags);
	hx_free(fresh);
	if (err != 0) {
		hx_warn("irq", "line %u refused to %s of %s: %s", line, a->name, u->owner, words);
		hx_free(u);
	}
	return err;
}

/* The last user is gone: the line is as firmware left it. irq_lock held. */
static void unmake_line(struct irq_line *l)
{
	bool was;

	hx_irq_line_mask(l->line);
	__atomic_store_n(&irq_lines[l->line], NULL, __ATOMIC_RELEASE);
	irq_routed &= ~(1ull << l->line);
	router_lines[l->line] = NULL;
	if (l->was_set)
		hx_verify(hx_irq_line_set_level(l->line, l->was_level, &was) == 0);
	if (l->cpu != 0)
		hx_verify(hx_irq_line_route(l->line, 0) == 0);
}

/* Take *link off l; *gone becomes l if that was the last user. irq_lock held. */
static struct irq_user *leave(struct irq_line *l, struct irq_user **link, struct irq_line **gone)
{
	struct irq_user *u = *link;

	__atomic_store_n(link, u->next, __ATOMIC_RELEASE);
	if (l->users != NULL) {
		name_line(l);
	} else {
		unmake_line(l);
		*gone = l;
	}
	return u;
}

/* Nobody finds them any more, but some CPU may be in a handler. */
static void dispose(struct irq_user *u, struct irq_line *gone)
{
	irq_wait_for_others();
	if (gone != NULL)
		hx_timer_cancel(&gone->timer);
	hx_free(gone);
	hx_free(u);
}

void hx_irq_release(uint32_t line, struct hx_irq_action *a)
{
	struct irq_user **link, *u = NULL;
	struct irq_line *l, *gone = NULL;
	hx_irqflags_t flags;

	if (line >= HX_IRQ_LINES)
		return;
	flags = hx_spin_lock_irqsave(&irq_lock);
	l = router_lines[line];
	if (l != NULL) {
		for (link = &l->users; *link != NULL && (*link)->action != a; link = &(*link)->next)
			;
		if (*link != NULL)
			u = leave(l, link, &gone);
	}
	hx_spin_unlock_irqrestore(&irq_lock, flags);
	if (u != NULL)
		dispose(u, gone);
}

static bool lies_in(const struct irq_user *u, uintptr_t start, size_t bytes)
{
	return (uintptr_t)u->action - start < bytes ||
	       (uintptr_t)u->action->handler - start < bytes;
}

/* The first one that lies there, taken off. */
static struct irq_user *take_one(uintptr_t start, size_t bytes, struct irq_line **gone,
				 uint32_t *line)
{
	struct irq_user *u = NULL;
	hx_irqflags_t flags = hx_spin_lock_irqsave(&irq_lock);

	for (*line = 0; u == NULL && *line < HX_IRQ_LINES; ++*line) {
		struct irq_line *l = router_lines[*line];
		struct irq_user **link = l != NULL ? &l->users : NULL;

		while (link != NULL && *link != NULL && !lies_in(*link, start, bytes))
			link = &(*link)->next;
		if (link != NULL && *link != NULL)
			u = leave(l, link, gone);
	}
	hx_spin_unlock_irqrestore(&irq_lock, flags);
	--*line;
	return u;
}

unsigned hx_irq_release_memory(uintptr_t start, size_t bytes)
{
	struct irq_line *gone = NULL;
	struct irq_user *u;
	unsigned n = 0;
	uint32_t line;

	while ((u = take_one(start, bytes, &gone, &line)) != NULL) {
		hx_warn("irq", "line %u: taken back from %s, which goes", line, u->owner);
		dispose(u, gone);
		gone = NULL;
		n++;
	}
	return n;
}

bool router_line(uint32_t line, struct irq_line *out)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&irq_lock);
	const struct irq_line *l = line < HX_IRQ_LINES ? router_lines[line] : NULL;

	if (l != NULL)
		*out = *l;
	hx_spin_unlock_irqrestore(&irq_lock, flags);
	return l != NULL;
}

bool router_user(uint32_t line, unsigned idx, struct irq_user_info *out)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&irq_lock);
	const struct irq_line *l = line < HX_IRQ_LINES ? router_lines[line] : NULL;
	const struct irq_user *u = l != NULL ? l->users : NULL;

	while (u != NULL && idx-- > 0)
		u = u->next;
	if (u != NULL) {
		*out = (struct irq_user_info){ .count = u->action->count, .want = u->want };
		hx_strlcpy(out->name, u->action->name, sizeof(out->name));
		hx_strlcpy(out->owner, u->owner, sizeof(out->owner));
	}
	hx_spin_unlock_irqrestore(&irq_lock, flags);
	return u != NULL;
}
