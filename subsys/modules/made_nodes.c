// SPDX-License-Identifier: MIT
/*
 * Nodes that a module registers while it runs. The name space gets a copy with gates in place of
 * the functions, as the module's own may be constant: so a fault in one ends at the border, and who
 * loops in one is in a call that can be ended. The copy goes with the node.
 */
#include <hx/core/heap.h>
#include <hx/core/log.h>

#include "modules_priv.h"

/* Field keys: c constant, l made_lock. */
struct made_node {
	struct hx_list link;		/* l */
	const struct hx_node *own;	/* c the module's */
	struct module *m;		/* c */
	struct hx_node gated;		/* c */
};

static struct hx_mutex made_lock = HX_MUTEX_INIT(made_lock);
static struct hx_list made = HX_LIST_INIT(made);	/* made_lock */

/* A gate for a function of the module. False: there is none left. */
static bool gate(uintptr_t fn, uintptr_t *out)
{
	*out = fn != 0 ? module_gate_for(fn) : 0;
	return *out != fn || module_of_code(fn) == NULL;
}

static bool put_gates(struct hx_node *n)
{
	uintptr_t show, take, list;

	if (!gate((uintptr_t)n->show, &show) || !gate((uintptr_t)n->take, &take) ||
	    !gate((uintptr_t)n->list, &list))
		return false;
	n->show = (__typeof__(n->show))show;
	n->take = (__typeof__(n->take))take;
	n->list = (__typeof__(n->list))list;
	return true;
}

int module_make_node(struct module *m, const struct hx_node *node)
{
	struct made_node *n = hx_zalloc(sizeof(*n));
	int err = -HX_ENOMEM;

	if (n == NULL)
		return err;
	n->own = node;
	n->m = m;
	n->gated = *node;
	hx_mutex_lock(&made_lock);
	if (put_gates(&n->gated))
		err = hx_names_register(&n->gated);
	if (err == 0)
		hx_list_push_back(&made, &n->link);
	hx_mutex_unlock(&made_lock);
	if (err != 0)
		hx_free(n);
	return err;
}

/* The first of that node, or of that module, off the list; NULL: there is none. */
static struct made_node *take_made(const struct hx_node *own, const struct module *m)
{
	struct made_node *found = NULL;
	struct hx_list *it;

	hx_mutex_lock(&made_lock);
	HX_LIST_FOREACH(it, &made) {
		struct made_node *n = HX_LIST_ENTRY(it, struct made_node, link);

		if (n->own == own || n->m == m) {
			found = n;
			hx_list_unlink(it);
			break;
		}
	}
	hx_mutex_unlock(&made_lock);
	return found;
}

void module_unmake_node(const struct hx_node *node)
{
	struct made_node *n = take_made(node, NULL);

	hx_names_unregister(n != NULL ? &n->gated : node);
	hx_free(n);
}

unsigned module_release_nodes(struct module *m)
{
	struct made_node *n;
	unsigned count = 0;

	for (; (n = take_made(NULL, m)) != NULL; count++) {
		hx_warn("modules", "%s: taken back from %s, which goes", n->gated.path, m->name);
		module_take_node_out(m, &n->gated);
		hx_free(n);
	}
	return count;
}
