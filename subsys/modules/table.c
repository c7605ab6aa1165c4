// SPDX-License-Identifier: MIT
/*
 * Which modules there are.
 */
#include <hx/core/assert.h>
#include <hx/core/grace.h>
#include <hx/core/log.h>
#include <hx/core/panic.h>
#include <hx/core/string.h>

#include "modules_priv.h"

struct hx_mutex modules_lock = HX_MUTEX_INIT(modules_lock);

static struct hx_mutex table_lock = HX_MUTEX_INIT(table_lock);
static struct module *table[CONFIG_MODULES_MAX];	/* written under both locks, published */

void modules_look(void)
{
	hx_mutex_lock(&table_lock);
}

void modules_looked(void)
{
	hx_mutex_unlock(&table_lock);
}

struct module *module_at(unsigned idx)
{
	return idx < CONFIG_MODULES_MAX ? hx_read_pointer(&table[idx]) : NULL;
}

struct module *module_find(const char *name)
{
	for (unsigned i = 0; i < CONFIG_MODULES_MAX; i++)
		if (table[i] != NULL && hx_strcmp(table[i]->name, name) == 0)
			return table[i];
	return NULL;
}

unsigned modules_count(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < CONFIG_MODULES_MAX; i++)
		n += table[i] != NULL;
	return n;
}

uint64_t modules_bytes(void)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < CONFIG_MODULES_MAX; i++)
		bytes += table[i] != NULL ? table[i]->total_bytes + table[i]->gates_bytes : 0;
	return bytes;
}

int module_publish(struct module *m)
{
	int err = -HX_ENFILE;

	modules_look();
	for (unsigned i = 0; err != 0 && i < CONFIG_MODULES_MAX; i++) {
		if (table[i] == NULL) {
			hx_publish_pointer(&table[i], m);
			err = 0;
		}
	}
	modules_looked();
	return err;
}

void module_withdraw(struct module *m)
{
	modules_look();
	for (unsigned i = 0; i < CONFIG_MODULES_MAX; i++)
		if (table[i] == m)
			hx_publish_pointer(&table[i], NULL);
	modules_looked();
	hx_grace_wait();
}

void module_step(struct module *m, enum module_event event)
{
	enum module_state next;

	if (!module_state_next(m->state, event, &next))
		hx_bug("module %s: %s while %s", m->name, module_event_name(event),
		       module_state_name(m->state));
	hx_debug("modules", "%s: %s, so %s", m->name, module_event_name(event),
		 module_state_name(next));
	modules_look();
	m->state = next;
	modules_looked();
}

enum module_state module_state_now(const struct module *m)
{
	enum module_state next;

	if (HX_ENABLED(BORDERS) && hx_border_has_failed(&m->owner) &&
	    module_state_next(m->state, MODULE_FAIL, &next))
		return next;
	return m->state;
}

int module_refuse_fault(const struct module *m, struct hko_why *why)
{
	return hko_refuse(why, -HX_EFAULT, "detail=fault name=%s what=\"%s\" at=%#zx address=%#zx",
			  m->name, m->owner.what, (size_t)m->owner.pc, (size_t)m->owner.address);
}

void module_settle(struct module *m)
{
	if (module_state_now(m) == m->state)
		return;
	hx_border_report(&m->owner);
	modules_look();
	module_refuse_fault(m, &m->why);
	modules_looked();
	module_step(m, MODULE_FAIL);
}

struct module *module_of_code(uintptr_t pc)
{
	for (unsigned i = 0; i < CONFIG_MODULES_MAX; i++) {
		struct module *m = module_at(i);

		if (m != NULL && pc - m->base < m->part_bytes[HKO_TEXT])
			return m;
	}
	return NULL;
}

bool module_symbol(uintptr_t pc, struct hx_symbol *out)
{
	const struct module *m = module_of_code(pc);
	const struct hko_function *f;

	if (m == NULL)
		return false;
	f = hko_function_at(m->functions, m->n_functions, (uint32_t)(pc - m->base));
	*out = (struct hx_symbol){ .owner = m->name };
	if (f != NULL) {
		out->name = m->names + f->name;
		out->offset = (uint32_t)(pc - m->base) - f->offset;
	}
	return true;
}
