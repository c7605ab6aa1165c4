/* SPDX-License-Identifier: MIT */
/* What the name space shows of address spaces: /mem/spaces. */
#include <hx/core/names.h>

#include "vm_priv.h"

static HX_COLD int spaces_show(struct hx_text *out, const struct hx_node_args *args)
{
	hx_text_printf(out, "spaces=%u levels=%u tags=%u user_end=0x%jx huge=%u\n",
		       __atomic_load_n(&vm_n_spaces, __ATOMIC_RELAXED), hx_mmu_levels(),
		       hx_mmu_tags(), (uintmax_t)hx_mmu_user_end(), HX_ENABLED(VM_HUGE));
	return 0;
}

static const struct hx_node spaces_node = {
	.path = "/mem/spaces", .help = "address spaces: how many, paging levels, TLB tags",
	.rights = HX_NODE_READ, .max_bytes = 256, .show = spaces_show,
};
HX_NODE(spaces_node);
