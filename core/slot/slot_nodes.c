// SPDX-License-Identifier: MIT
/*
 * Slots in the name space: /slots/<slot>/{provider,providers,state,abi,history}.
 */
#include <hx/base.h>
#include <hx/config/core_slot.h>
#include <hx/core/init.h>
#include <hx/core/names.h>
#include <hx/core/slot.h>
#include <hx/core/string.h>
#include <hx/core/text.h>
#include <hx/hal/boot_info.h>
#include <hx/hal/timer.h>

#include "slot_priv.h"

enum slot_view { VIEW_PROVIDER, VIEW_PROVIDERS, VIEW_STATE, VIEW_ABI, VIEW_HISTORY };

int slot_list(unsigned idx, char name[HX_NAME_MAX], const struct hx_node_args *args)
{
	const struct hx_kind *const *it = __start_hx_kinds + idx;

	if (it >= __stop_hx_kinds)
		return -HX_ENOENT;
	hx_strlcpy(name, (*it)->slot, HX_NAME_MAX);
	return 0;
}

static void show_providers(struct hx_text *out, const struct hx_kind *k)
{
	const void *const *it;
	struct slot_dynamic d;
	unsigned i;

	for (it = k->first; it < k->last; it++) {
		const struct hx_provider *p = *it;
		int err = slot_check(k, p);

		if (p->name == NULL)
			continue;	/* nobody could ever choose it */
		hx_text_printf(out, "name=%s abi=%u state=%s\n", p->name, p->abi,
			       err != 0 ? slot_reason(err) : p == *k->current ? "active"
			       : HX_ENABLED(SLOT_SWAP) && hx_swap_is_failed(k, p) ? "failed"
			       : "ready");
	}
	for (i = 0; HX_ENABLED(SLOT_DYNAMIC) && slot_dynamic_at(k, i, &d); i++)
		hx_text_printf(out, "name=%s abi=%u state=%s from=%s users=%u\n", d.name, d.abi,
			       d.state, d.owner, d.n_users);
}

static void show_history(struct hx_text *out, const struct hx_kind *k)
{
	const struct slot_record *r;
	unsigned i;

	for (i = 0; (r = slot_record_at(i)) != NULL; i++) {
		if (r->kind != k)
			continue;
		hx_text_printf(out, "t_ns=%llu event=boot by=%s provider=%s result=%s\n",
			       (unsigned long long)hx_cycles_to_ns(r->cycles -
								   hx_boot_info()->entry_cycles),
			       r->by_word ? "word" : "default", r->provider,
			       r->result == 0 ? "ok" : slot_reason(r->result));
	}
	if (HX_ENABLED(SLOT_SWAP))
		swap_show_history(out, k);
}

static int slot_show(struct hx_text *out, const struct hx_node_args *args)
{
	const struct hx_kind *k = slot_kind(args->var[0]);
	const struct hx_provider *p;

	if (k == NULL)
		return -HX_ENOENT;
	p = *k->current;
	switch ((enum slot_view)args->node->cookie) {
	case VIEW_PROVIDER:
		hx_text_printf(out, "provider=%s\n", p != NULL ? p->name : "-");
		break;
	case VIEW_PROVIDERS:
		show_providers(out, k);
		break;
	case VIEW_STATE:
		hx_text_printf(out, "state=%s\n", p == NULL ? "empty"
			       : HX_ENABLED(SLOT_SWAP) ? swap_state(k) : "active");
		break;
	case VIEW_ABI:
		hx_text_printf(out, "abi=%u\n", k->abi);
		break;
	case VIEW_HISTORY:
		show_history(out, k);
		break;
	}
	return 0;
}

#define SLOT_NODE(ident, view, max_bytes_, help_) \
	static const struct hx_node ident##_node = { \
		.path = "/slots/<slot>/" #ident, .help = (help_), .rights = HX_NODE_READ, \
		.max_bytes = (max_bytes_), .show = slot_show, .list = slot_list, .cookie = (view), \
	}; \
	HX_NODE(ident##_node)

SLOT_NODE(provider, VIEW_PROVIDER, 64, "the provider in use");
SLOT_NODE(providers, VIEW_PROVIDERS, 2048, "all providers there are, with the reason if unusable");
SLOT_NODE(state, VIEW_STATE, 32, "active, empty, probation, or the step of a swap that goes on");
SLOT_NODE(abi, VIEW_ABI, 32, "the ABI number this kernel asks of a provider");
SLOT_NODE(history, VIEW_HISTORY, 8192, "who was chosen, refused or swapped, and why");
