/* SPDX-License-Identifier: MIT */
/* What the name space shows of threads that user mode ended: /mem/faults. */
#include <hx/core/init.h>
#include <hx/core/names.h>

#include "vm_priv.h"

static HX_COLD int faults_show(struct hx_text *out, const struct hx_node_args *args)
{
	struct hx_vm_end e;

	for (unsigned nth = 0; hx_vm_last_end(0, nth, &e); nth++) {
		hx_text_printf(out, "number=%ju at_ns=%ju thread=%u name=%s err=%s vector=%u "
			       "pc=0x%jx sp=0x%jx va=0x%jx", (uintmax_t)e.number,
			       (uintmax_t)e.at_ns, e.thread, e.name, hx_strerror(e.err), e.vector,
			       (uintmax_t)e.pc, (uintmax_t)e.sp, (uintmax_t)e.va);
		if (e.region.start != e.region.end)
			hx_text_printf(out, " region=0x%jx-0x%jx prot=%u",
				       (uintmax_t)e.region.start, (uintmax_t)e.region.end,
				       e.region.prot);
		hx_text_printf(out, " overflow=%d cause=\"%s\"\n", e.is_overflow, e.cause);
	}
	return 0;
}

static const struct hx_node faults_node = {
	.path = "/mem/faults", .help = "threads that user mode ended, the last one first",
	.rights = HX_NODE_READ, .max_bytes = 4096, .show = faults_show,
};
HX_NODE(faults_node);
