// SPDX-License-Identifier: MIT
/*
 * Kinds and slots: find providers by name, refuse what does not fit, choose who boots.
 *
 * Providers are not trusted to match: the ABI number comes first in every ops table, so it can be
 * compared before anything else of the table is believed, even its layout.
 */
#include <hx/base.h>
#include <hx/core/cmdline.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/printf.h>
#include <hx/core/slot.h>
#include <hx/core/string.h>
#include <hx/hal/cpu.h>

#include "slot_priv.h"

/* Written at boot by one CPU, read later: no lock. Overwrites the oldest. */
static struct slot_record records[SLOT_RECORDS];
static unsigned n_records;

HX_WORD(slot, "helix.slot.", "helix.slot.<slot>=<provider>: who sits in a slot at boot");

const struct slot_record *slot_record_at(unsigned idx)
{
	unsigned first = n_records > SLOT_RECORDS ? n_records - SLOT_RECORDS : 0;

	return first + idx < n_records ? &records[(first + idx) % SLOT_RECORDS] : NULL;
}

const char *slot_reason(int err)
{
	return err == -HX_ENOENT ? "unknown" : err == -HX_EPROTO ? "abi" : "incomplete";
}

int slot_check(const struct hx_kind *kind, const struct hx_provider *p)
{
	if (p->abi != kind->abi)
		return -HX_EPROTO;
	return kind->check != NULL ? kind->check(p) : 0;
}

int hx_slot_find(const struct hx_kind *kind, const char *name, const void **ops)
{
	const void *const *it;

	for (it = kind->first; it < kind->last; it++) {
		const struct hx_provider *p = *it;
		int err;

		if (p->name == NULL || hx_strcmp(p->name, name) != 0)
			continue;
		err = slot_check(kind, p);
		if (err == 0)
			*ops = p;
		return err;
	}
	return -HX_ENOENT;
}

const struct hx_kind *slot_kind(const char *slot)
{
	const struct hx_kind *const *it;

	HX_SECTION_FOREACH(it, hx_kinds) {
		if (hx_strcmp((*it)->slot, slot) == 0)
			return *it;
	}
	return NULL;
}

/* Try one provider, remember the decision, report a refusal. */
static int try_provider(const struct hx_kind *kind, const char *name, bool by_word)
{
	struct slot_record *r = &records[n_records++ % SLOT_RECORDS];
	int err = hx_slot_find(kind, name, kind->current);

	r->kind = kind;
	r->cycles = hx_cycles();
	r->result = err;
	r->by_word = by_word;
	hx_strlcpy(r->provider, name, sizeof(r->provider));
	if (err != 0)
		hx_error("slots", "%s: provider %s refused: %s", kind->slot, name,
			 slot_reason(err));
	return err;
}

int hx_slot_select(const struct hx_kind *kind)
{
	char word[sizeof("helix.slot.") + HX_SLOT_NAME_MAX], name[HX_SLOT_NAME_MAX];
	int n;

	hx_snprintf(word, sizeof(word), "helix.slot.%s", kind->slot);
	n = hx_cmdline_get(word, name, sizeof(name));
	if (n != -HX_ENOENT && try_provider(kind, name, true) == 0)
		return 0;
	return try_provider(kind, kind->default_name, false);
}

HX_COMPONENT(slots) = {
	.name = "slots", .phase = HX_PHASE_CORE, .version = 1,
	.needs = "log names",
};
