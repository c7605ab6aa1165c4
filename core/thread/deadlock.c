// SPDX-License-Identifier: MIT
/*
 * The wait-for graph, and circles in it.
 *
 * 1 The graph is not built: it is there. A thread waits for at most one other: for the owner of the
 *   mutex or turn in blocked_on (inherit.c, turn.c), or for the end of the one that it joins. So
 *   each thread is followed by at most one, and a walk that comes back to where it began has found
 *   a circle. Waiting for what nobody owns, as a semaphore or a free place, is not seen.
 * 2 Two ways to find one. A wait that would close a circle of mutexes and turns is refused by
 *   inherit.c, which tells of it here. Longer chains than it follows, and joins, are found by who
 *   comes round (core/heal). Nothing is done where nobody waits.
 * 3 Locking. thread_lock keeps all threads where they are, and so what they own; the lock of joins
 *   and inherit_lock keep the arrows where they are, for one walk.
 */
#include <hx/config/core_border.h>
#include <hx/core/border.h>
#include <hx/core/deadlock.h>
#include <hx/core/string.h>
#include <hx/core/text.h>

#include "inherit_priv.h"

#define STEPS_MAX	1024u

/* Whom t waits for; NULL: nobody that is known. */
static const struct hx_thread *next_of(const struct hx_thread *t)
{
	if (t->blocked_on != NULL)
		return owner_of(t->blocked_on);
	return t->is_joining ? t->wait_data : NULL;
}

uint32_t deadlock_length(const struct hx_thread *t)
{
	const struct hx_thread *at = t, *mark = t;
	uint32_t n, lap = 1;

	for (n = 1; n <= STEPS_MAX; n++) {
		at = next_of(at);
		if (at == NULL)
			return 0;
		if (at == t)
			return n;
		if (at == mark)
			return 0;	/* a circle that t is not in */
		if (n == lap) {
			mark = at;
			lap *= 2;
		}
	}
	return 0;
}

static void add_to(struct hx_circle *c, const struct hx_thread *t)
{
	if (c->n < HX_CIRCLE_NAMED) {
		c->named[c->n].id = t->id;
		memcpy(c->named[c->n].name, t->name, sizeof(t->name));
	}
	c->sum = (c->sum ^ t->id) * 16777619u;
	c->n++;
	if (HX_ENABLED(BORDERS) && c->owner == NULL && t->border != NULL)
		c->owner = ((const struct hx_border_owner *)t->border->gate)->name;
}

/* t and those behind it, up to the last before `end`. */
static void copy_chain(const struct hx_thread *t, const struct hx_thread *end, struct hx_circle *c)
{
	do {
		add_to(c, t);
		t = next_of(t);
	} while (t != NULL && t != end && c->n < STEPS_MAX);
}

struct search {
	uint32_t after, found;
	struct hx_circle *out;
};

static bool is_lowest(const struct hx_thread *t)
{
	const struct hx_thread *at;

	for (at = next_of(t); at != t; at = next_of(at))
		if (at->id < t->id)
			return false;
	return true;
}

static bool look_at_thread(struct hx_thread *t, void *arg)
{
	struct search *s = arg;
	hx_irqflags_t flags;

	/* A thread that begins to wait now is seen the next time. */
	if (t->id <= s->after || (t->blocked_on == NULL && !t->is_joining))
		return true;
	flags = hx_spin_lock_irqsave(&thread_joins.lock);
	quiet_lock(&inherit_lock);
	if (deadlock_length(t) != 0 && is_lowest(t)) {
		*s->out = (struct hx_circle){ .n = 0 };
		copy_chain(t, t, s->out);
		s->found = t->id;
	}
	quiet_unlock(&inherit_lock);
	hx_spin_unlock_irqrestore(&thread_joins.lock, flags);
	return s->found == 0;
}

uint32_t hx_deadlock_next(uint32_t after, struct hx_circle *out)
{
	struct search s = { .after = after, .out = out };

	hx_thread_foreach(look_at_thread, &s);
	return s.found;
}

void hx_deadlock_tell(const struct hx_circle *c)
{
	char text[HX_FAILURE_WHAT_MAX];
	struct hx_text_buf b;
	uint32_t i;

	hx_text_buf_init(&b, text, sizeof(text));
	for (i = 0; i < c->n && i < HX_CIRCLE_NAMED; i++)
		hx_text_printf(&b.text, "%u %s > ", c->named[i].id, c->named[i].name);
	if (c->n > HX_CIRCLE_NAMED)
		hx_text_printf(&b.text, "%u more > ", c->n - HX_CIRCLE_NAMED);
	hx_text_printf(&b.text, "%u", c->named[0].id);
	(void)hx_failure_tell(HX_FAILURE_DEADLOCK, c->owner != NULL ? c->owner : "threads", "%s",
			      text);
}

void deadlock_refused(const struct hx_mutex *m, const struct hx_thread *self)
{
	struct hx_circle c = { .n = 0 };

	hx_assert_held(&inherit_lock);
	add_to(&c, self);
	if (owner_of(m) != self)
		copy_chain(owner_of(m), self, &c);
	hx_deadlock_tell(&c);
}
