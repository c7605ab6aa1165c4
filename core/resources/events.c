// SPDX-License-Identifier: MIT
/*
 * A soft limit that is passed, as an event of the topic "resources" (CONFIG_IPC_EVENTS). A charge
 * is made in any context and with any lock held, and waking who listens takes locks: where that may
 * not be, the event waits in a place of a small table for the next lease that begins where it may.
 */
#include <hx/core/event.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/string.h>
#include <hx/core/thread.h>

#include "resources_priv.h"

#define PLACES	8u

_Static_assert(sizeof(struct hx_res_event) <= HX_EVENT_BYTES, "it is carried in an event");

/* Field keys: a atomic; w who made state WRITING, or TELLING. */
static struct place {
	uint32_t state;			/* a */
	uint32_t kind;			/* w */
	struct hx_res_event said;	/* w */
} places[PLACES];

enum { FREE, WRITING, READY, TELLING };

static struct hx_topic *topic;		/* constant while the component is up */
uint32_t res_n_untold;			/* a places that are READY, about */

static bool claim(struct place *p, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&p->state, &from, to, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

static void tell_one(struct place *p)
{
	struct hx_event e = { .tag = p->kind, .prio = HX_EVENT_HIGH, .n_bytes = sizeof(p->said) };

	memcpy(e.bytes, &p->said, sizeof(p->said));
	__atomic_store_n(&p->state, FREE, __ATOMIC_RELEASE);
	__atomic_fetch_sub(&res_n_untold, 1, __ATOMIC_RELAXED);
	(void)!hx_event_publish(topic, &e);
}

void res_events_tell(void)
{
	if (!hx_can_sleep())
		return;
	for (unsigned i = 0; i < PLACES; i++)
		if (claim(&places[i], READY, TELLING))
			tell_one(&places[i]);
}

/* With the table full it is not told; the account has counted it. */
void res_event_add(const struct hx_res_holder *h, enum hx_res_kind kind, uint64_t charged)
{
	unsigned i = 0;

	if (topic == NULL)
		return;
	while (i < PLACES && !claim(&places[i], FREE, WRITING))
		i++;
	if (i == PLACES)
		return;
	places[i].kind = kind;
	places[i].said = (struct hx_res_event){ .charged = charged,
						.soft = res_load(&h->accounts[kind].soft) };
	hx_strlcpy(places[i].said.holder, h->name, sizeof(places[i].said.holder));
	__atomic_fetch_add(&res_n_untold, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&places[i].state, READY, __ATOMIC_RELEASE);
	res_events_tell();
}

static int resource_events_init(void)
{
	int err;

	memset(places, 0, sizeof(places));
	res_n_untold = 0;
	err = hx_topic_open(HX_RES_TOPIC, &topic);
	if (err == -HX_ENOMEM) {
		/* A heap of small blocks has none for a topic. */
		hx_warn("resources", "no topic: soft limits are told in the log alone");
		topic = NULL;
		err = 0;
	}
	return err;
}

static void resource_events_shutdown(void)
{
	struct hx_topic *was = topic;

	topic = NULL;
	if (was != NULL)
		hx_topic_close(was);
}

HX_COMPONENT(resource_events) = {
	.name = "resource_events", .phase = HX_PHASE_CORE, .version = 1,
	.needs = "resources events",
	.init = resource_events_init, .shutdown = resource_events_shutdown,
};
