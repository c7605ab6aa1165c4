// SPDX-License-Identifier: MIT
/*
 * The name space for its callers: stat, show, take, help, and the tree that the console sees.
 */
#include <hx/base.h>
#include <hx/config/core_lib.h>
#include <hx/config/core_names.h>
#include <hx/core/fault.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/string.h>

#include "names_priv.h"

int hx_names_stat(const char *path, struct hx_name_stat *st)
{
	struct hx_node_args args;
	struct names_pin pin;
	int err = names_find(path, &pin, &args);
	bool exists;

	if (err == -HX_ENOENT && names_is_dir(path)) {
		*st = (struct hx_name_stat){ .is_dir = true };
		return 0;
	}
	if (err != 0)
		return err;
	exists = args.n_vars == 0 || names_var_exists(pin.node, &args);
	if (exists)
		*st = (struct hx_name_stat){ .rights = pin.node->rights,
					     .size_bytes = pin.node->max_bytes };
	names_unpin(&pin);
	return exists ? 0 : -HX_ENOENT;
}

/* The node of a path with one of these rights, pinned. */
static int node_get(const char *path, uint32_t rights, struct names_pin *pin,
		    struct hx_node_args *args)
{
	int err = names_find(path, pin, args);

	if (err == -HX_ENOENT && names_is_dir(path))
		return -HX_EISDIR;
	if (err != 0)
		return err;
	if ((pin->node->rights & rights) == 0) {
		names_unpin(pin);
		return -HX_EACCES;
	}
	return 0;
}

HX_FAULT_POINT(names_show, "names.show", "a node cannot be read");
HX_FAULT_POINT(names_take, "names.take", "a node takes nothing");

int hx_names_show(const char *path, struct hx_text *out)
{
	struct hx_node_args args;
	struct names_pin pin;
	uint64_t before = out->total;
	int err = node_get(path, HX_NODE_READ, &pin, &args);

	if (err != 0)
		return err;
	err = hx_fault_hits("names.show") ? -HX_EIO : pin.node->show(out, &args);
	if (HX_ENABLED(DEBUG_ASSERT) && out->total - before > pin.node->max_bytes)
		hx_warn("names", "%s shows %llu bytes, its bound is %u", path,
			(unsigned long long)(out->total - before), pin.node->max_bytes);
	names_unpin(&pin);
	return err;
}

int hx_names_take(const char *path, const char *line, struct hx_text *ack)
{
	size_t len = hx_strnlen(line, HX_LINE_MAX + 1);
	struct hx_node_args args;
	struct names_pin pin;
	int err = node_get(path, HX_NODE_WRITE | HX_NODE_APPEND, &pin, &args);

	if (err != 0)
		return err;
	if (len > HX_LINE_MAX)
		err = -HX_E2BIG;
	else if (!hx_utf8_is_text(line, len))
		err = -HX_EINVAL;
	else if (hx_fault_hits("names.take"))
		err = -HX_EIO;
	else
		err = pin.node->take(line, ack, &args);
	names_unpin(&pin);
	return err;
}

int hx_names_help(const char *path, const char **help)
{
	struct hx_node_args args;
	struct names_pin pin;
	int err = node_get(path, UINT32_MAX, &pin, &args);

	if (err != 0)
		return err;
	*help = pin.node->help;
	names_unpin(&pin);
	return 0;
}

static const struct hx_tree_ops names_tree = {
	.stat = hx_names_stat, .list = hx_names_list, .show = hx_names_show, .take = hx_names_take,
};
static const struct hx_tree_ops *tree = &names_tree;

void hx_tree_set(const struct hx_tree_ops *ops)
{
	tree = ops != NULL ? ops : &names_tree;
}

const struct hx_tree_ops *hx_tree(void)
{
	return tree;
}

static int names_init(void)
{
	if (names_n_static() <= CONFIG_NAMES_MAX)
		return 0;
	hx_error("names", "%zu nodes are built in, CONFIG_NAMES_MAX is %d", names_n_static(),
		 CONFIG_NAMES_MAX);
	return -HX_ENFILE;
}

HX_COMPONENT(names) = {
	.name = "names", .phase = HX_PHASE_CORE, .version = 1,
	.needs = "log",
	.init = names_init,
};
