// SPDX-License-Identifier: MIT
/*
 * Memory of a holder: a block of the heap with its lease in front.
 */
#include <hx/core/heap.h>

#include "resources_priv.h"

struct res_block {
	struct hx_res_lease lease;
	uint8_t bytes[] HX_ALIGNED(16);
};

_Static_assert(sizeof(struct res_block) == 48, "hx_res_alloc() says what it charges");

static void free_block(struct hx_res_lease *l)
{
	hx_free(HX_CONTAINER_OF(l, struct res_block, lease));
}

void *hx_res_alloc(struct hx_res_holder *h, size_t size_bytes)
{
	struct res_block *b;
	size_t total;

	if (size_bytes == 0 || __builtin_add_overflow(size_bytes, sizeof(*b), &total))
		return NULL;
	b = hx_alloc(total);
	if (b == NULL)
		return NULL;
	if (hx_res_lease_begin(h, &b->lease, HX_RES_MEMORY, total, free_block) != 0) {
		hx_free(b);
		return NULL;
	}
	return b->bytes;
}

void hx_res_free(void *ptr)
{
	struct res_block *b;

	if (ptr == NULL)
		return;
	b = HX_CONTAINER_OF(ptr, struct res_block, bytes);
	hx_verify(b->lease.end == free_block);
	hx_res_lease_end(&b->lease);
	b->lease.end = NULL;	/* a second time is noticed, until somebody else has it */
	hx_free(b);
}
