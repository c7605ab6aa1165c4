// SPDX-License-Identifier: MIT
/*
 * Boxes: channels with a number and perhaps a name.
 *
 * A number is an index into the table and how often that place was used before, so a look-up is one
 * load and a comparison. It takes an end of the channel while the table is locked and uses it
 * without the lock: a box may go away meanwhile, and who waits there is told.
 */
#include <hx/core/heap.h>
#include <hx/core/router.h>
#include <hx/core/string.h>
#include <hx/hal/timer.h>

#include "chan_priv.h"

#define BOXES		((uint32_t)CONFIG_IPC_BOXES_MAX)
#define USES_MAX	(UINT32_MAX / BOXES - 1)

/* Field keys: c constant. */
struct hx_box {
	struct hx_chan *chan;		/* c */
	uint32_t id;			/* c */
	char name[HX_CHAN_NAME_MAX];	/* c "": none */
};

/* A place whose numbers are used up is left out. */
static struct hx_mutex box_table = HX_MUTEX_INIT(box_table);
static struct hx_box *boxes[BOXES];		/* box_table */
static uint32_t box_uses[BOXES];		/* box_table: from 1 */

static bool is_name(const char *name)
{
	size_t n;

	for (n = 0; name[n] != '\0'; n++) {
		char c = name[n];

		if (n == HX_CHAN_NAME_MAX - 1 ||
		    !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
		      c == '_'))
			return false;
	}
	return n != 0;
}

/* The table is locked, here and below. */
static struct hx_box *find_name(const char *name)
{
	for (uint32_t i = 0; i < BOXES; i++)
		if (boxes[i] != NULL && hx_strcmp(boxes[i]->name, name) == 0)
			return boxes[i];
	return NULL;
}

static int add_box(struct hx_box *box)
{
	uint32_t i;

	if (box->name[0] != '\0' && find_name(box->name) != NULL)
		return -HX_EEXIST;
	for (i = 0; i < BOXES && (boxes[i] != NULL || box_uses[i] == USES_MAX); i++)
		;
	if (i == BOXES)
		return -HX_ENFILE;
	box->id = ++box_uses[i] * BOXES + i;
	boxes[i] = box;
	return 0;
}

int hx_box_open(const char *name, uint32_t capacity, uint32_t flags, struct hx_box **out)
{
	const struct hx_chan_params p = { .name = name, .capacity = capacity, .flags = flags };
	struct hx_box *box;
	int err;

	if (name != NULL && !is_name(name))
		return -HX_EINVAL;
	box = hx_zalloc(sizeof(*box));
	if (box == NULL)
		return -HX_ENOMEM;
	err = hx_chan_create(&p, &box->chan);
	if (err != 0)
		goto free_box;
	if (name != NULL)
		hx_strlcpy(box->name, name, sizeof(box->name));
	hx_mutex_lock(&box_table);
	err = add_box(box);
	hx_mutex_unlock(&box_table);
	if (err != 0)
		goto close_chan;
	*out = box;
	return 0;

close_chan:
	hx_chan_close(box->chan, HX_CHAN_SEND | HX_CHAN_RECV);
free_box:
	hx_free(box);
	return err;
}

void hx_box_close(struct hx_box *box)
{
	hx_mutex_lock(&box_table);
	boxes[box->id % BOXES] = NULL;
	hx_mutex_unlock(&box_table);
	hx_chan_close(box->chan, HX_CHAN_SEND | HX_CHAN_RECV);
	hx_free(box);
}

uint32_t hx_box_id(const struct hx_box *box)
{
	return box->id;
}

struct hx_chan *hx_box_chan(const struct hx_box *box)
{
	return box->chan;
}

int hx_route_find(const char *name, uint32_t *id)
{
	struct hx_box *box;

	if (!is_name(name))
		return -HX_ENOENT;
	hx_mutex_lock(&box_table);
	box = find_name(name);
	if (box != NULL)
		*id = box->id;
	hx_mutex_unlock(&box_table);
	return box != NULL ? 0 : -HX_ENOENT;
}

/* Its channel, of which the caller has an end now; NULL: there is no such box. */
static struct hx_chan *chan_of(uint32_t id)
{
	struct hx_chan *ch = NULL;
	struct hx_box *box;

	hx_mutex_lock(&box_table);
	box = boxes[id % BOXES];
	/* The box has a sender's end itself, so that one more can be had. */
	if (box != NULL && box->id == id && hx_chan_open(box->chan, HX_CHAN_SEND) == 0)
		ch = box->chan;
	hx_mutex_unlock(&box_table);
	return ch;
}

int hx_route_send(uint32_t id, const struct hx_msg *m, hx_ns_t timeout_ns)
{
	struct hx_chan *ch = chan_of(id);
	int err;

	if (ch == NULL)
		return -HX_ENOENT;
	err = hx_chan_send(ch, m, timeout_ns);
	hx_chan_close(ch, HX_CHAN_SEND);
	return err;
}

int hx_route_call(uint32_t id, struct hx_msg *ask, struct hx_msg *answer, hx_ns_t deadline_ns)
{
	hx_ns_t now = hx_now_ns();
	struct hx_chan *ch;
	int err;

	if (!HX_ENABLED(IPC_CALLS))
		return -HX_ENOTSUP;
	if (deadline_ns <= now)
		return -HX_ETIMEDOUT;
	ch = chan_of(id);
	if (ch == NULL)
		return -HX_ENOENT;
	err = hx_chan_call(ch, ask, answer,
			   deadline_ns == HX_FOREVER ? HX_FOREVER : deadline_ns - now);
	hx_chan_close(ch, HX_CHAN_SEND);
	return err;
}

int hx_route_broadcast(const struct hx_msg *m, uint32_t except, struct hx_route_result *r)
{
	int err = -HX_ENOENT;

	*r = (struct hx_route_result){ .n_delivered = 0 };
	if (!msg_is_valid(m) || m->n_parts != 0)
		return -HX_EINVAL;
	/* The table stays locked: everybody who is there now gets it, once. No send waits. */
	hx_mutex_lock(&box_table);
	for (uint32_t i = 0; i < BOXES; i++) {
		if (boxes[i] == NULL || boxes[i]->id == except)
			continue;
		if (hx_chan_send(boxes[i]->chan, m, 0) == 0)
			r->n_delivered++;
		else
			r->n_full++;
	}
	hx_mutex_unlock(&box_table);
	if (r->n_full != 0)
		err = -HX_EAGAIN;
	else if (r->n_delivered != 0)
		err = 0;
	return err;
}
