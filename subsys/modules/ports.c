// SPDX-License-Identifier: MIT
/*
 * I/O ports of modules (CONFIG_RESOURCES). A module takes ranges for its own holder, with a record
 * of ours in place of the one that it passes: its memory may go before the holder ends, and may
 * hold anything when the module has failed. And it reaches registers through functions that look
 * whose code calls: ports that its holder does not have answer as those of an empty bus.
 */
#include <hx/core/heap.h>
#include <hx/core/log.h>
#include <hx/hal/reg.h>

#include "modules_priv.h"

struct module_ports {
	struct module_ports *next;	/* ports_lock */
	const void *key;		/* c what the module passed */
	struct hx_res_ports ports;
};

static struct hx_spinlock ports_lock = HX_SPINLOCK_INIT("module-ports", HX_RANK_LEAF);

static void keep(struct module *m, struct module_ports *o)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&ports_lock);

	o->next = m->ports;
	m->ports = o;
	hx_spin_unlock_irqrestore(&ports_lock, flags);
}

/* Off the module's list, for the caller alone; NULL: there is none. */
static struct module_ports *fetch(struct module *m, const void *key)
{
	hx_irqflags_t flags = hx_spin_lock_irqsave(&ports_lock);
	struct module_ports **at = &m->ports, *o;

	while (*at != NULL && (*at)->key != key)
		at = &(*at)->next;
	o = *at;
	if (o != NULL)
		*at = o->next;
	hx_spin_unlock_irqrestore(&ports_lock, flags);
	return o;
}

static int ports_take(struct hx_res_holder *h, struct hx_res_ports *p, const char *name,
		      uint32_t first, uint32_t n)
{
	struct module *m = module_of_code((uintptr_t)__builtin_return_address(0));
	struct module_ports *o;
	int err;

	if (m == NULL)
		return hx_res_ports_take(h, p, name, first, n);
	err = HX_ENABLED(CAPS) ? module_check_grant(m, (const void *)hx_res_ports_take) : 0;
	if (err != 0)
		return err;
	o = hx_zalloc(sizeof(*o));
	if (o == NULL)
		return -HX_ENOMEM;
	err = hx_res_ports_take(m->holder, &o->ports, m->name, first, n);
	if (err != 0) {
		hx_free(o);
		return err;
	}
	o->key = p;
	keep(m, o);
	return 0;
}

static void ports_give(struct hx_res_ports *p)
{
	struct module *m = module_of_code((uintptr_t)__builtin_return_address(0));
	struct module_ports *o;

	if (m == NULL) {
		hx_res_ports_give(p);
		return;
	}
	o = fetch(m, p);
	if (o != NULL) {
		hx_res_ports_give(&o->ports);
		hx_free(o);
	}
}

void module_ports_end(struct module *m)
{
	struct module_ports *o;

	while ((o = m->ports) != NULL) {
		m->ports = o->next;
		hx_free(o);
	}
}

/* ---- access */

/* One line in the log for each module: it may try again and again. */
static HX_COLD void tell(struct module *m, uint32_t port)
{
	if (!__atomic_exchange_n(&m->has_tried_ports, true, __ATOMIC_RELAXED))
		hx_warn("modules", "%s has not taken port %#x: it reaches nothing there", m->name,
			port);
}

/* May that code reach these bytes? The window is the caller's own copy. */
static bool may_reach(const void *back, const struct hx_reg_window *w, unsigned offset,
		      unsigned n_bytes)
{
	uint32_t port = (uint16_t)(w->base + offset);
	struct module *m;

	if (!w->is_port)
		return true;
	m = module_of_code((uintptr_t)back);
	if (m == NULL || hx_res_ports_has(m->holder, port, n_bytes))
		return true;
	tell(m, port);
	return false;
}

static uint8_t ports_read8(const struct hx_reg_window *from, unsigned offset)
{
	const struct hx_reg_window w = *from;

	return may_reach(__builtin_return_address(0), &w, offset, 1) ? hx_reg_read8(&w, offset) :
								       UINT8_MAX;
}

static void ports_write8(const struct hx_reg_window *from, unsigned offset, uint8_t value)
{
	const struct hx_reg_window w = *from;

	if (may_reach(__builtin_return_address(0), &w, offset, 1))
		hx_reg_write8(&w, offset, value);
}

static uint32_t ports_read32(const struct hx_reg_window *from, unsigned offset)
{
	const struct hx_reg_window w = *from;

	return may_reach(__builtin_return_address(0), &w, offset, 4) ? hx_reg_read32(&w, offset) :
								       UINT32_MAX;
}

static void ports_write32(const struct hx_reg_window *from, unsigned offset, uint32_t value)
{
	const struct hx_reg_window w = *from;

	if (may_reach(__builtin_return_address(0), &w, offset, 4))
		hx_reg_write32(&w, offset, value);
}

const void *module_export_of_ports(const void *address)
{
	static const struct module_instead pairs[] = {
		{ (const void *)hx_res_ports_take, (const void *)ports_take },
		{ (const void *)hx_res_ports_give, (const void *)ports_give },
		{ (const void *)hx_reg_read8, (const void *)ports_read8 },
		{ (const void *)hx_reg_write8, (const void *)ports_write8 },
		{ (const void *)hx_reg_read32, (const void *)ports_read32 },
		{ (const void *)hx_reg_write32, (const void *)ports_write32 },
	};
	const void *instead = module_instead(pairs, HX_ARRAY_LEN(pairs), address);

	return instead != NULL ? instead : address;
}
