// SPDX-License-Identifier: MIT
/*
 * The border of a module: each pointer to its code that the kernel gets from its lists is replaced,
 * in the module's own tables and before they become read-only, by one to a gate. What the module
 * calls itself through the same tables goes through them, too, which does no harm.
 *
 * What is left of the gates' pages are gates for functions that the module gives away later: to a
 * timer, an interrupt line, a thread. Which function one calls is a word in the kernel's memory.
 */
#include <hx/core/assert.h>
#include <hx/core/heap.h>
#include <hx/core/heap_class.h>
#include <hx/core/sched_class.h>
#include <hx/core/sched_state.h>
#include <hx/core/serial_class.h>
#include <hx/fs/fs_class.h>
#include <hx/vm/kva.h>

#include "modules_priv.h"

/* ---- gates */

/* Members of a table that answer with an error: the others answer nothing, NULL or "no". */
#define WORD(type, member)	(1u << offsetof(struct type, member) / sizeof(void *))
_Static_assert(sizeof(struct hx_sched_ops) / sizeof(void *) <= 32, "WORD");

/* All but present(). */
#define SERIAL_ERRORS	(WORD(hx_serial_ops, load) | WORD(hx_serial_ops, save) | \
			 WORD(hx_serial_ops, look) | WORD(hx_serial_ops, get) | \
			 WORD(hx_serial_ops, put) | WORD(hx_serial_ops, want) | \
			 WORD(hx_serial_ops, pending) | WORD(hx_serial_ops, rearm))

static uint32_t error_words(const struct module *m, enum module_lists list)
{
	switch (list) {
	case LIST_COMPONENTS:
		return WORD(hx_component, init);
	case LIST_NODES:
		return WORD(hx_node, show) | WORD(hx_node, take) | WORD(hx_node, list);
	case LIST_PROVIDERS:
		return m->desc->kind == HKO_SCHEDULER ?
		       WORD(hx_sched_ops, init) | WORD(hx_sched_ops, admit) :
		       m->desc->kind == HKO_ALLOCATOR ?
		       WORD(hx_heap_ops, init) | WORD(hx_heap_ops, free) |
		       WORD(hx_heap_ops, check) :
		       m->desc->kind == HKO_DRIVER ? SERIAL_ERRORS :
		       m->desc->kind == HKO_FILESYSTEM ?
		       ~(WORD(hx_fs_ops, name) | WORD(hx_fs_ops, release)) : 0;
	default:
		return 0;
	}
}

static bool is_inside(const struct module *m, const uintptr_t *word)
{
	return (uintptr_t)word - m->base <= m->total_bytes - sizeof(*word);
}

static bool is_code(const struct module *m, uintptr_t at)
{
	return at - m->base < m->part_bytes[HKO_TEXT];
}

/* A failed module is a failed component, not a healthy one. */
static int32_t refusal(const struct module *m, enum module_lists list, uint32_t word)
{
	if (list == LIST_COMPONENTS &&
	    word == offsetof(struct hx_component, health) / sizeof(void *))
		return HX_FAILED;
	return (error_words(m, list) & 1u << word) != 0 ? -HX_EIO : 0;
}

/* Each pointer to code in the entries of a list; gates: where the next gate goes, NULL: count. */
static uint32_t walk_list(struct module *m, enum module_lists list, uint8_t *gates)
{
	uint32_t words = module_entry_bytes(m, list) / (uint32_t)sizeof(void *), n = 0;

	for (uint32_t i = 0; i < m->lists[list].n; i++) {
		uintptr_t *entry = (uintptr_t *)m->lists[list].first[i];

		for (uint32_t w = 0; w < words; w++) {
			if (!is_code(m, entry[w]))
				continue;
			if (gates != NULL) {
				uint8_t *at = gates + n * HX_BORDER_GATE_BYTES;

				hx_border_gate_write(at, &m->owner.gate, entry[w],
						     refusal(m, list, w));
				entry[w] = (uintptr_t)at;
			}
			n++;
		}
	}
	return n;
}

/* ---- for what it gives away later */

static int put_later_gates(struct module *m, uint32_t n_used)
{
	m->later_at = m->gates + n_used * HX_BORDER_GATE_BYTES;
	m->n_later = (uint32_t)(m->gates + m->gates_bytes - m->later_at) / HX_BORDER_GATE_BYTES;
	m->later = hx_calloc(m->n_later, sizeof(*m->later));
	if (m->later == NULL && m->n_later > 0)
		return -HX_ENOMEM;
	for (uint32_t i = 0; i < m->n_later; i++)
		hx_border_gate_write_to((uint8_t *)m->later_at + i * HX_BORDER_GATE_BYTES,
					&m->owner.gate, &m->later[i], -HX_EIO);
	return 0;
}

static uintptr_t later_gate(struct module *m, uintptr_t fn)
{
	uintptr_t none = 0;

	for (uint32_t i = 0; i < m->n_later; i++, none = 0) {
		/* Words are only ever filled, from the first one on. */
		if (__atomic_load_n(&m->later[i], __ATOMIC_ACQUIRE) == fn ||
		    __atomic_compare_exchange_n(&m->later[i], &none, fn, false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE) || none == fn)
			return m->later_at + i * HX_BORDER_GATE_BYTES;
	}
	return fn;
}

uintptr_t module_gate_for(uintptr_t fn)
{
	struct module *m = module_of_code(fn);

	return m != NULL ? later_gate(m, fn) : fn;
}

/* Core looks for a scheduler's timers by their functions: those that it will find in them. */
static void put_timer_gates(struct module *m)
{
	const struct module_list *l = &m->lists[LIST_STATES];

	for (uint32_t i = 0; i < l->n && m->desc->kind == HKO_SCHEDULER; i++) {
		const struct hx_sched_state_ops *s = l->first[i];

		for (uintptr_t *fn = (uintptr_t *)s->timers;
		     fn != NULL && is_inside(m, fn) && is_code(m, *fn); fn++)
			*fn = later_gate(m, *fn);
	}
}

/* ---- all of them */

int module_put_gates(struct module *m, struct hko_why *why)
{
	uint32_t n = 0, done = 0;
	int err;

	m->owner.name = m->name;
	m->owner.start = m->base;
	m->owner.end = m->base + m->total_bytes;
	m->owner.text_end = m->base + m->part_bytes[HKO_TEXT];
	hx_border_owner_init(&m->owner);
	for (unsigned l = 0; l < LISTS; l++)
		n += walk_list(m, l, NULL);
	if (n == 0)
		return 0;
	m->gates_bytes = (uint32_t)hx_align_up((n + 1) * HX_BORDER_GATE_BYTES, HX_PAGE_SIZE);
	err = HX_ENABLED(RESOURCES) ? module_charge(m, m->gates_bytes, why) : 0;
	if (err != 0)
		return err;
	err = hx_kva_alloc(HX_AREA_MODULES, m->gates_bytes, HX_MAP_WRITE, &m->gates);
	if (err != 0)
		return hko_refuse(why, -HX_ENOMEM, "detail=memory");
	for (unsigned l = 0; l < LISTS; l++)
		done += walk_list(m, l, (uint8_t *)m->gates + done * HX_BORDER_GATE_BYTES);
	hx_verify(done == n);
	if (put_later_gates(m, n) != 0)
		return hko_refuse(why, -HX_ENOMEM, "detail=memory");
	put_timer_gates(m);
	return hx_kva_protect(m->gates, m->gates_bytes, HX_MAP_EXEC) == 0 ? 0 :
	       hko_refuse(why, -HX_ENOMEM, "detail=memory");
}
