// SPDX-License-Identifier: MIT
/* Objects as parts of messages: hx/vm/message.h. One never received gives its reference back. */
#include <hx/vm/message.h>

static void object_drop(uint64_t a, uint64_t b)
{
	hx_vm_object_put((struct hx_vm_object *)(uintptr_t)a);
}

const struct hx_part_kind hx_part_object = { .name = "object", .drop = object_drop };
