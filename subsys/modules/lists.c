// SPDX-License-Identifier: MIT
/*
 * What a module registers, by the same sections as a room of the image: components, nodes,
 * providers and what hands over their state. Each entry is looked at before it is believed: what it
 * points at lies in the module.
 *
 * The order in which a module comes up: its components, then its nodes, then its providers, so that
 * nobody gets in before it is ready; and it goes the other way.
 */
#include <hx/core/assert.h>
#include <hx/core/console.h>
#include <hx/core/sched_class.h>
#include <hx/core/sched_state.h>
#include <hx/core/heap.h>
#include <hx/core/heap_class.h>
#include <hx/core/serial_class.h>
#include <hx/core/string.h>
#include <hx/fs/fs_class.h>

#include "modules_priv.h"

#define TEXT_MAX	96u	/* of a verb's usage and help with the NUL */

/* The sections that a running kernel takes, and the slot of those that hold providers. */
static const struct {
	const char *section, *slot;
	uint8_t list;			/* enum module_lists */
	uint8_t entry_bytes;		/* of what an entry points at, at least */
} rows[] = {
	/* One component at most: there is no order among several, as a module has no init graph. */
	{ "hx_components", NULL, LIST_COMPONENTS, sizeof(struct hx_component) },
	{ "hx_nodes", NULL, LIST_NODES, sizeof(struct hx_node) },
	{ "hx_verbs", NULL, LIST_VERBS, sizeof(struct hx_verb) },
	{ "hx_sched_classes", "scheduler", LIST_PROVIDERS, sizeof(struct hx_sched_ops) },
	{ "hx_sched_states", "scheduler", LIST_STATES, sizeof(struct hx_sched_state_ops) },
	{ "hx_heap_classes", "heap", LIST_PROVIDERS, sizeof(struct hx_heap_ops) },
	{ "hx_heap_swaps", "heap", LIST_STATES, sizeof(struct hx_heap_swap_ops) },
	{ "hx_serial_classes", "serial", LIST_PROVIDERS, sizeof(struct hx_serial_ops) },
	{ "hx_fs_types", "rootfs", LIST_PROVIDERS, sizeof(struct hx_fs_ops) },
	{ "hx_fs_swaps", "rootfs", LIST_STATES, sizeof(struct hx_fs_swap_ops) },
};

/* The slot of a module's providers: it has those of one kind at most. */
static const char *slot_of(const struct module *m)
{
	return m->desc->kind == HKO_SCHEDULER ? "scheduler" :
	       m->desc->kind == HKO_ALLOCATOR ? "heap" :
	       m->desc->kind == HKO_DRIVER ? "serial" :
	       m->desc->kind == HKO_FILESYSTEM ? "rootfs" : NULL;
}

static bool is_inside(const struct module *m, const void *p, size_t bytes)
{
	uintptr_t at = (uintptr_t)p - m->base;

	return at < m->total_bytes && bytes <= m->total_bytes - at;
}

uint32_t module_entry_bytes(const struct module *m, enum module_lists list)
{
	for (unsigned r = 0; r < HX_ARRAY_LEN(rows); r++)
		if (rows[r].list == list && (rows[r].slot == NULL || (slot_of(m) != NULL &&
		    hx_strcmp(slot_of(m), rows[r].slot) == 0)))
			return rows[r].entry_bytes;
	return 0;
}

static bool is_name(const struct module *m, const char *s, size_t max)
{
	size_t room;

	if (!is_inside(m, s, 1))
		return false;
	room = m->base + m->total_bytes - (uintptr_t)s;
	return hx_strnlen(s, hx_min_u64(room, max)) < hx_min_u64(room, max) && *s != '\0';
}

static bool is_entry(const struct module *m, unsigned list, const void *entry)
{
	const struct hx_component *c = entry;
	const struct hx_node *n = entry;
	const struct hx_verb *v = entry;
	const struct hx_provider *p = entry;
	const struct hx_sched_state_ops *s = entry;

	if (list == LIST_STATES)
		return is_name(m, s->name, HX_SLOT_NAME_MAX) &&
		       (m->desc->kind != HKO_SCHEDULER || s->timers == NULL ||
			is_inside(m, s->timers, sizeof(s->timers[0])));
	if (list == LIST_VERBS)
		return is_name(m, v->name, HX_NAME_MAX) && is_name(m, v->usage, TEXT_MAX) &&
		       (v->help == NULL || is_name(m, v->help, TEXT_MAX)) &&
		       (v->node == NULL || is_name(m, v->node, HX_NAME_PATH_MAX));
	return list == LIST_COMPONENTS ? is_name(m, c->name, HX_NAME_MAX) :
	       list == LIST_NODES ? is_name(m, n->path, HX_NAME_PATH_MAX) :
				    is_name(m, p->name, HX_SLOT_NAME_MAX);
}

static int take_list(struct module *m, const struct hko_section *s, struct hko_why *why)
{
	for (unsigned r = 0; r < HX_ARRAY_LEN(rows); r++) {
		const void *const *first = (const void *const *)(m->base + s->at);
		uint32_t n = s->size / (uint32_t)sizeof(void *);

		if (hx_strcmp(s->name, rows[r].section) != 0)
			continue;
		if (m->lists[rows[r].list].n != 0 || s->at % sizeof(void *) != 0 ||
		    (rows[r].list == LIST_COMPONENTS && n > 1) ||
		    (rows[r].slot != NULL && (slot_of(m) == NULL ||
					      hx_strcmp(slot_of(m), rows[r].slot) != 0)))
			return hko_refuse(why, -HX_EBADMSG, "detail=list section=%.32s", s->name);
		for (uint32_t i = 0; i < n; i++)
			if (!is_inside(m, first[i], rows[r].entry_bytes) ||
			    (uintptr_t)first[i] % sizeof(void *) != 0 ||
			    !is_entry(m, rows[r].list, first[i]))
				return hko_refuse(why, -HX_EBADMSG, "detail=list-entry "
						  "section=%.32s index=%u", s->name, i);
		m->lists[rows[r].list] = (struct module_list){ .first = first, .n = n };
		return 0;
	}
	return hko_refuse(why, -HX_ENOTSUP, "detail=list-unknown section=%.32s", s->name);
}

int module_take_lists(struct module *m, const struct hko *h, struct hko_why *why)
{
	int err = 0;

	for (uint32_t i = 0; err == 0 && i < h->n_sections; i++)
		if (h->sections[i].is_list && h->sections[i].size != 0)
			err = take_list(m, &h->sections[i], why);
	if (err != 0 || m->lists[LIST_PROVIDERS].n == 0)
		return err;
	m->entries = hx_calloc(m->lists[LIST_PROVIDERS].n, sizeof(*m->entries));
	return m->entries != NULL ? 0 : hko_refuse(why, -HX_ENOMEM, "detail=memory");
}

/* Verbs and nodes. */
static void remove_names(struct module *m)
{
	struct module_list *l = &m->lists[LIST_VERBS];

	while (l->n_done > 0)
		hx_verb_unregister(l->first[--l->n_done]);
	l = &m->lists[LIST_NODES];
	while (l->n_done > 0)
		module_take_node_out(m, l->first[--l->n_done]);
}

_Static_assert(offsetof(struct hx_sched_state_ops, name) == offsetof(struct hx_provider, name) &&
	       offsetof(struct hx_heap_swap_ops, name) == offsetof(struct hx_provider, name) &&
	       offsetof(struct hx_fs_swap_ops, name) == offsetof(struct hx_provider, name),
	       "state_of() looks at the name only");

/* What hands over the state of a provider of m; NULL: nothing does. */
static const void *state_of(const struct module *m, const struct hx_provider *p)
{
	const struct module_list *l = &m->lists[LIST_STATES];

	for (uint32_t i = 0; i < l->n; i++) {
		const struct hx_provider *s = l->first[i];	/* its name is where theirs are */

		if (hx_strcmp(s->name, p->name) == 0)
			return s;
	}
	return NULL;
}

/* All or none. */
static int remove_providers(struct module *m, struct hko_why *why)
{
	struct module_list *l = &m->lists[LIST_PROVIDERS];
	uint32_t n = l->n_done;

	module_pause_providers(m, true);
	while (l->n_done > 0) {
		struct hx_slot_entry *e = &m->entries[l->n_done - 1];

		if (hx_slot_unregister(e) != 0)
			break;
		l->n_done--;
	}
	if (l->n_done == 0)
		return 0;
	hko_refuse(why, -HX_EBUSY, "detail=provider-in-use slot=%s provider=%s",
		   m->entries[l->n_done - 1].kind->slot, m->entries[l->n_done - 1].ops->name);
	/* Those that went come back: their names are still free, as modules_lock is held. */
	for (; l->n_done < n; l->n_done++)
		hx_verify(hx_slot_register(slot_of(m), &m->entries[l->n_done]) == 0);
	module_pause_providers(m, m->state == MODULE_PAUSED);
	return -HX_EBUSY;
}

int module_take_out(struct module *m, struct hko_why *why)
{
	int err = remove_providers(m, why);

	if (err == 0)
		remove_names(m);
	return err;
}

static bool put_names_in(struct module *m, struct hko_why *why)
{
	struct module_list *nodes = &m->lists[LIST_NODES], *verbs = &m->lists[LIST_VERBS];
	int err;

	for (; nodes->n_done < nodes->n; nodes->n_done++) {
		const struct hx_node *n = nodes->first[nodes->n_done];

		err = hx_names_register(n);
		if (err != 0) {
			hko_refuse(why, err, "detail=node path=%.64s", n->path);
			return false;
		}
	}
	for (; verbs->n_done < verbs->n; verbs->n_done++) {
		const struct hx_verb *v = verbs->first[verbs->n_done];

		err = hx_verb_register(v);
		if (err != 0) {
			hko_refuse(why, err, "detail=verb name=%.32s", v->name);
			return false;
		}
	}
	return true;
}

int module_put_in(struct module *m, struct hko_why *why)
{
	struct module_list *list = &m->lists[LIST_PROVIDERS];
	struct hko_why ignored;

	if (!put_names_in(m, why))
		goto undo;
	/* Paused, so that nobody takes one before all are in. */
	for (; list->n_done < list->n; list->n_done++) {
		struct hx_slot_entry *e = &m->entries[list->n_done];
		int err;

		*e = (struct hx_slot_entry){ .ops = list->first[list->n_done], .owner = m->name,
					     .more = state_of(m, list->first[list->n_done]),
					     .is_paused = true };
		err = hx_slot_register(slot_of(m), e);
		if (err != 0) {
			hko_refuse(why, err, "detail=provider slot=%s provider=%s", slot_of(m),
				   e->ops->name);
			break;
		}
	}
	if (list->n_done == list->n) {
		module_pause_providers(m, false);
		return 0;
	}
undo:
	hx_verify(module_take_out(m, &ignored) == 0);
	return why->err;
}

void module_pause_providers(struct module *m, bool is_paused)
{
	for (uint32_t i = 0; i < m->lists[LIST_PROVIDERS].n_done; i++)
		hx_slot_pause(&m->entries[i], is_paused);
}

int module_bring_up(struct module *m)
{
	struct module_list *l = &m->lists[LIST_COMPONENTS];

	for (; l->n_done < l->n; l->n_done++) {
		const struct hx_component *c = l->first[l->n_done];
		int err = c->init != NULL ? c->init() : 0;

		if (err != 0) {
			module_bring_down(m);
			return err;
		}
	}
	return 0;
}

void module_bring_down(struct module *m)
{
	struct module_list *l = &m->lists[LIST_COMPONENTS];

	while (l->n_done > 0) {
		const struct hx_component *c = l->first[--l->n_done];

		if (c->shutdown != NULL)
			c->shutdown();
	}
}
