// SPDX-License-Identifier: MIT
/* Threads of who goes: CONFIG_MODULES. */
#include "thread_priv.h"

struct search {
	uintptr_t start;
	size_t bytes;
	struct hx_thread *t;	/* the first; NULL: none */
	uint32_t id;
	bool has_ended;		/* and waits to be joined */
};

static bool look(struct hx_thread *t, void *arg)
{
	struct search *s = arg;

	if ((uintptr_t)t->fn - s->start >= s->bytes && (uintptr_t)t - s->start >= s->bytes &&
	    (uintptr_t)t->stack - s->start >= s->bytes)
		return true;
	s->t = t;
	s->id = t->id;
	s->has_ended = t->state == HX_THREAD_DEAD && (t->flags & HX_THREAD_DETACHED) == 0;
	return false;
}

int hx_threads_release_memory(uintptr_t start, size_t bytes, uint32_t *id)
{
	struct search s = { .start = start, .bytes = bytes };

	thread_reap();	/* one that is detached may be on its own stack still */
	do {
		s.t = NULL;
		hx_thread_foreach(look, &s);
		if (s.t == NULL)
			return 0;
	} while (s.has_ended && hx_thread_join(s.t, 0, NULL) == 0);
	*id = s.id;
	return -HX_EBUSY;
}
