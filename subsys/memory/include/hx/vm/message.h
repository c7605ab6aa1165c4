/* SPDX-License-Identifier: MIT */
/*
 * Shared memory that goes with a message (CONFIG_IPC_CHANNELS): what is too large to be copied is
 * written into an object, and the message carries a reference to it. The receiver maps the object
 * and gives the reference back when it is done. Sender and receiver see the same pages, unless the
 * sender unmaps them and keeps no reference: then the memory has moved.
 *
 *	m.parts[m.n_parts++] = hx_part_of_object(o);	o = hx_object_of_part(&m.parts[0]);
 *	err = hx_chan_send(ch, &m, HX_FOREVER);		... hx_vm_map(), hx_vm_object_put(o) ...
 */
#ifndef HX_VM_MESSAGE_H
#define HX_VM_MESSAGE_H

#include <hx/core/chan.h>
#include <hx/vm/vm.h>

extern const struct hx_part_kind hx_part_object;

/* The reference is the part's from now on: the sender's again if the message is not delivered. */
static inline struct hx_part hx_part_of_object(struct hx_vm_object *o)
{
	return (struct hx_part){ .kind = &hx_part_object, .a = (uintptr_t)o };
}

/* NULL: the part is something else. The reference is the caller's. */
static inline struct hx_vm_object *hx_object_of_part(const struct hx_part *p)
{
	return p->kind == &hx_part_object ? (struct hx_vm_object *)(uintptr_t)p->a : NULL;
}

#endif
