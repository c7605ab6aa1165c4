// SPDX-License-Identifier: MIT
/* Topics and subscriptions from creation to the end, and the table that /ipc/topics shows. */
#include <hx/core/assert.h>
#include <hx/core/grace.h>
#include <hx/core/heap.h>
#include <hx/core/mutex.h>
#include <hx/core/string.h>

#include "event_priv.h"

static struct hx_mutex topic_table = HX_MUTEX_INIT(topic_table);
static struct hx_list topic_all = HX_LIST_INIT(topic_all);	/* topic_table; ids ascend */
static uint32_t topic_last_id;					/* topic_table */

static bool is_name(const char *name)
{
	size_t n;

	for (n = 0; name[n] != '\0'; n++) {
		char c = name[n];

		if (n == HX_TOPIC_NAME_MAX - 1 ||
		    !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
		      c == '_'))
			return false;
	}
	return n != 0;
}

static struct hx_topic *topic_find(const char *name)
{
	struct hx_list *n;

	HX_LIST_FOREACH(n, &topic_all) {
		struct hx_topic *topic = HX_LIST_ENTRY(n, struct hx_topic, all_link);

		if (hx_strcmp(topic->name, name) == 0)
			return topic;
	}
	return NULL;
}

static struct hx_topic *topic_make(const char *name)
{
	struct hx_topic *topic = hx_alloc_aligned(sizeof(*topic), 64);

	if (topic == NULL)
		return NULL;
	memset(topic, 0, sizeof(*topic));
	hx_spin_init(&topic->lock, "topic", HX_RANK_WAIT);
	topic->id = ++topic_last_id;
	hx_strlcpy(topic->name, name, sizeof(topic->name));
	hx_list_push_back(&topic_all, &topic->all_link);
	return topic;
}

int hx_topic_open(const char *name, struct hx_topic **out)
{
	struct hx_topic *topic;

	if (!is_name(name))
		return -HX_EINVAL;
	hx_mutex_lock(&topic_table);
	topic = topic_find(name);
	if (topic == NULL)
		topic = topic_make(name);
	if (topic != NULL)
		topic->n_users++;
	hx_mutex_unlock(&topic_table);
	if (topic == NULL)
		return -HX_ENOMEM;
	*out = topic;
	return 0;
}

void hx_topic_close(struct hx_topic *topic)
{
	bool last;

	hx_mutex_lock(&topic_table);
	last = --topic->n_users == 0;
	if (last)
		hx_list_unlink(&topic->all_link);
	hx_mutex_unlock(&topic_table);
	if (!last)
		return;
	hx_assert(topic->subs == NULL);
	hx_free(topic);
}

int hx_event_subscribe(struct hx_topic *topic, const struct hx_event_filter *filter,
		       struct hx_event_sub **out)
{
	static const struct hx_event_filter all = { .tag_mask = 0 };
	const struct hx_event_filter *f = filter != NULL ? filter : &all;
	struct hx_event_sub *sub;
	hx_irqflags_t flags;

	if ((f->tag & ~f->tag_mask) != 0 || f->less_urgent_than > HX_EVENT_PRIOS)
		return -HX_EINVAL;
	sub = hx_zalloc(sizeof(*sub));
	if (sub == NULL)
		return -HX_ENOMEM;
	hx_wait_init(&sub->own);
	sub->wait = &sub->own;
	sub->topic = topic;
	sub->tag_mask = f->tag_mask;
	sub->tag = f->tag;
	sub->n_prios = f->less_urgent_than != 0 ? f->less_urgent_than : HX_EVENT_PRIOS;
	flags = hx_spin_lock_irqsave(&topic->lock);
	sub->cursor = __atomic_load_n(&topic->next, __ATOMIC_ACQUIRE);
	if (f->with_history)
		sub->cursor -= hx_min_u64(sub->cursor, HX_EVENT_HISTORY);
	sub->next = topic->subs;
	hx_publish_pointer(&topic->subs, sub);
	hx_spin_unlock_irqrestore(&topic->lock, flags);
	*out = sub;
	return 0;
}

void hx_event_unsubscribe(struct hx_event_sub *sub)
{
	struct hx_topic *topic = sub->topic;
	struct hx_event_sub **link;
	hx_irqflags_t flags;

	if (sub->fn != NULL)
		event_unhandle(sub);
	flags = hx_spin_lock_irqsave(&topic->lock);
	for (link = &topic->subs; *link != sub; link = &(*link)->next)
		;
	hx_publish_pointer(link, sub->next);
	hx_spin_unlock_irqrestore(&topic->lock, flags);
	hx_grace_wait();	/* a publisher may be looking at it */
	hx_free(sub);
}

static void topic_info(struct hx_topic *topic, struct hx_topic_info *out)
{
	const struct hx_event_sub *sub;
	hx_irqflags_t flags;

	*out = (struct hx_topic_info){ .id = topic->id, .n_users = topic->n_users };
	memcpy(out->name, topic->name, sizeof(out->name));
	flags = hx_spin_lock_irqsave(&topic->lock);
	out->n_published = __atomic_load_n(&topic->next, __ATOMIC_RELAXED);
	for (sub = topic->subs; sub != NULL; sub = sub->next) {
		out->n_subs++;
		out->n_waiting += __atomic_load_n(&sub->waiting, __ATOMIC_RELAXED);
		out->n_lost += __atomic_load_n(&sub->n_lost, __ATOMIC_RELAXED);
	}
	hx_spin_unlock_irqrestore(&topic->lock, flags);
}

bool hx_topic_next(uint32_t after, struct hx_topic_info *out)
{
	bool found = false;
	struct hx_list *n;

	hx_mutex_lock(&topic_table);
	HX_LIST_FOREACH(n, &topic_all) {
		struct hx_topic *topic = HX_LIST_ENTRY(n, struct hx_topic, all_link);

		found = topic->id > after;
		if (found) {
			topic_info(topic, out);
			break;
		}
	}
	hx_mutex_unlock(&topic_table);
	return found;
}
