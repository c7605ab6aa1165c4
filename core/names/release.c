// SPDX-License-Identifier: MIT
/* Nodes of who goes and did not unregister them: CONFIG_MODULES. */
#include <hx/core/log.h>

#include "names_priv.h"

static bool is_in(uintptr_t at, uintptr_t start, size_t bytes)
{
	return at - start < bytes;
}

/* The node itself, or something that it points at. */
static bool lies_in(const struct hx_node *n, uintptr_t start, size_t bytes)
{
	return is_in((uintptr_t)n, start, bytes) || is_in((uintptr_t)n->path, start, bytes) ||
	       is_in((uintptr_t)n->help, start, bytes) || is_in((uintptr_t)n->show, start, bytes) ||
	       is_in((uintptr_t)n->take, start, bytes) || is_in((uintptr_t)n->list, start, bytes);
}

static const struct hx_node *find_in(uintptr_t start, size_t bytes)
{
	const struct names_entry *e;
	const struct hx_node *found = NULL;

	names_lock();
	for (unsigned i = 0; found == NULL && (e = names_entry_at(i)) != NULL; i++)
		if (e->may_go && lies_in(e->node, start, bytes))
			found = e->node;
	names_unlock();
	return found;
}

unsigned hx_names_release_memory(uintptr_t start, size_t bytes)
{
	const struct hx_node *n;
	unsigned count = 0;

	for (; (n = find_in(start, bytes)) != NULL; count++) {
		hx_warn("names", "%s: taken back from who registered it, and goes", n->path);
		hx_names_unregister(n);
	}
	return count;
}
