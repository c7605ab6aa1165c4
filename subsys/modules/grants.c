// SPDX-License-Identifier: MIT
/*
 * What a module may do beyond computing: each facility of the kernel that not everybody is to have
 * is an object, and a module that asks for it in its descriptor gets a capability of it, in a table
 * of its own, before its init runs. A guarded export is refused to a module that did not ask. With
 * borders each call is checked as well, so that what was revoked is gone; without, the check at
 * loading is the only one.
 */
#include <hx/core/export.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/init.h>
#include <hx/core/irq_router.h>
#include <hx/core/string.h>
#include <hx/hal/mmu.h>

#include "modules_priv.h"

/* Field keys: c constant after init. */
static struct facility {
	char name[12];				/* c the word in a descriptor */
	enum hx_cap_type type;			/* c */
	const void *exports[2];			/* c what CREATE of it allows to call */
	struct hx_cap_object object;
} facilities[] = {
	{ .name = "irq", .type = HX_CAP_INTERRUPT, .exports = {
		(const void *)hx_irq_attach,
		HX_ENABLED(IRQ_ROUTER) ? (const void *)hx_irq_request : NULL } },
	{ .name = "frames", .type = HX_CAP_MEMORY, .exports = { (const void *)hx_frames_alloc } },
	{ .name = "threads", .type = HX_CAP_THREAD,
	  .exports = { (const void *)hx_thread_create, (const void *)hx_thread_init } },
	{ .name = "devices", .type = HX_CAP_DEVICE,
	  .exports = { (const void *)hx_mmu_map_device } },
	/* Where no broker keeps them, asking for ports is allowed and means nothing. */
	{ .name = "ports", .type = HX_CAP_DEVICE,
	  .exports = { HX_ENABLED(RESOURCES) ? (const void *)hx_res_ports_take : NULL } },
	{ .name = "names", .type = HX_CAP_NODE, .exports = { (const void *)hx_names_register } },
};

static struct facility *facility_by_name(const char *name)
{
	for (unsigned i = 0; i < HX_ARRAY_LEN(facilities); i++)
		if (hx_strcmp(facilities[i].name, name) == 0)
			return &facilities[i];
	return NULL;
}

static struct facility *facility_of(const void *export)
{
	for (unsigned i = 0; i < HX_ARRAY_LEN(facilities); i++)
		if (facilities[i].exports[0] == export || facilities[i].exports[1] == export)
			return &facilities[i];
	return NULL;
}

int module_grant(struct module *m, struct hko_why *why)
{
	const struct hko_cap *c = hko_caps(m->desc);
	uint32_t n = m->desc->n_caps;
	int err = 0;

	if (n == 0)
		return 0;
	m->grants = hx_calloc(n, sizeof(*m->grants));
	if (m->grants == NULL)
		return hko_refuse(why, -HX_ENOMEM, "detail=memory");
	hx_cap_table_init(&m->caps, m->name, n, 0);
	for (uint32_t i = 0; i < n; i++) {
		const char *name = hko_text(m->desc, c[i].name);
		struct facility *f = facility_by_name(name);

		if (f == NULL || (c[i].rights & ~HX_CAP_RIGHTS_ALL) != 0)
			return hko_refuse(why, -HX_ENOENT, "detail=capability name=%s rights=%#x",
					  name, c[i].rights);
		if (HX_ENABLED(MODULES_SIGNATURES) && !m->is_signed)
			return hko_refuse(why, -HX_EACCES, "detail=capability-unsigned name=%s",
					  name);
		err = hx_cap_create(&m->caps, &f->object, c[i].rights, HX_FOREVER, &m->grants[i]);
		if (err != 0)
			return hko_refuse(why, err, "detail=capability-refused name=%s error=%s",
					  name, hx_strerror(err));
	}
	return 0;
}

void module_ungrant(struct module *m)
{
	if (m->grants != NULL)
		hx_cap_table_fini(&m->caps);
	hx_free(m->grants);
}

/* The capability of a facility that m was granted; HX_CAP_NONE: none. */
static hx_cap_t grant_of(const struct module *m, const struct facility *f)
{
	const struct hko_cap *c = hko_caps(m->desc);

	for (uint32_t i = 0; m->grants != NULL && i < m->desc->n_caps; i++)
		if (hx_strcmp(hko_text(m->desc, c[i].name), f->name) == 0 &&
		    (c[i].rights & HX_CAP_CREATE) != 0)
			return m->grants[i];
	return HX_CAP_NONE;
}

const char *module_lacks(const struct module *m, const void *export)
{
	const struct facility *f = facility_of(export);

	return f == NULL || grant_of(m, f) != HX_CAP_NONE ? NULL : f->name;
}

int module_check_grant(struct module *m, const void *export)
{
	const struct facility *f = facility_of(export);
	struct hx_cap_object *o;
	int err;

	if (m == NULL || f == NULL)
		return 0;
	hx_read_begin();
	err = hx_cap_check(&m->caps, grant_of(m, f), f->type, HX_CAP_CREATE, &o);
	hx_read_end();
	return err == 0 ? 0 : -HX_EACCES;
}

static int grants_init(void)
{
	for (unsigned i = 0; i < HX_ARRAY_LEN(facilities); i++)
		hx_cap_object_init(&facilities[i].object, facilities[i].type, NULL);
	return 0;
}

struct hx_cap_object *module_facility(const char *name)
{
	struct facility *f = facility_by_name(name);

	return f != NULL ? &f->object : NULL;
}

HX_COMPONENT(module_grants) = {
	.name = "module_grants", .phase = HX_PHASE_LATE, .version = 1,
	.needs = "caps",
	.init = grants_init,
};
