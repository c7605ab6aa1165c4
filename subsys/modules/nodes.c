// SPDX-License-Identifier: MIT
/*
 * Modules in the name space: /modules/<name>/{state,info,deps}, /modules/{status,graph,ctl}, and
 * the verb mods.
 */
#include <hx/config/core_panic.h>
#include <hx/core/console.h>
#include <hx/core/panic.h>
#include <hx/core/string.h>
#include <hx/core/text.h>
#include <hx/vm/kva.h>

#include "modules_priv.h"

static const char kinds[][12] = { "scheduler", "allocator", "filesystem", "driver", "network",
				  "security", "ipc" };

static const char *kind_name(uint32_t kind)
{
	return kind < HX_ARRAY_LEN(kinds) ? kinds[kind] : "custom";
}

static void put_version(struct hx_text *out, uint64_t v)
{
	hx_text_printf(out, "%u.%u.%u", (unsigned)(v >> 32) & 0xffff, (unsigned)(v >> 16) & 0xffff,
		       (unsigned)v & 0xffff);
}

static int module_list_names(unsigned idx, char name[HX_NAME_MAX], const struct hx_node_args *args)
{
	int err = -HX_ENOENT;

	modules_look();
	for (unsigned i = 0; i < CONFIG_MODULES_MAX && err != 0; i++) {
		if (module_at(i) != NULL && idx-- == 0) {
			hx_strlcpy(name, module_at(i)->name, HX_NAME_MAX);
			err = 0;
		}
	}
	modules_looked();
	return err;
}

static void show_state(struct hx_text *out, const struct module *m)
{
	enum module_state now = module_state_now(m);
	struct hko_why why = m->why;

	if (now != m->state)
		module_refuse_fault(m, &why);
	hx_text_printf(out, "state=%s users=%u", module_state_name(now), m->n_users);
	if (now == MODULE_ERROR)
		hx_text_printf(out, " %s", why.text);
	hx_text_puts(out, "\n");
}

static void show_flags(struct hx_text *out, uint32_t flags)
{
	static const char names[][16] = { "essential", "swappable", "experimental", "deprecated" };
	const char *gap = "";

	hx_text_puts(out, "flags=");
	for (unsigned i = 0; i < HX_ARRAY_LEN(names); i++) {
		if ((flags & 1u << i) != 0) {
			hx_text_printf(out, "%s%s", gap, names[i]);
			gap = ",";
		}
	}
	hx_text_puts(out, flags == 0 ? "-\n" : "\n");
}

static void show_info(struct hx_text *out, const struct module *m)
{
	const struct hko_desc *d = m->desc;

	hx_text_printf(out, "name=%s\nversion=", m->name);
	put_version(out, d->version);
	hx_text_printf(out, "\nkind=%s\nabi=%u.%u\nbuild=%s\nsummary=%s\npath=%s\n",
		       kind_name(d->kind), d->abi_major, d->abi_minor, hko_text(d, d->build),
		       hko_text(d, d->summary), m->path);
	show_flags(out, d->flags);
	hx_text_printf(out, "signed=%s\nat=%#zx\ntext_bytes=%u\nrodata_bytes=%u\ndata_bytes=%u\n"
		       "functions=%u\nimports=%u\nnodes=%u\nverbs=%u\nproviders=%u\n"
		       "init_ns=%llu\n",
		       m->is_signed ? "yes" : "no", (size_t)m->base, m->part_bytes[HKO_TEXT],
		       m->part_bytes[HKO_RODATA], m->part_bytes[HKO_DATA], m->n_functions,
		       d->n_imports, m->lists[LIST_NODES].n_done, m->lists[LIST_VERBS].n_done,
		       m->lists[LIST_PROVIDERS].n_done,
		       (unsigned long long)m->init_ns);
	hx_text_puts(out, "states=");
	for (uint32_t i = 0; i < d->n_states; i++)
		hx_text_printf(out, "%s%u", i > 0 ? "," : "", hko_states(d)[i]);
	hx_text_puts(out, d->n_states == 0 ? "-\n" : "\n");
}

static void show_deps(struct hx_text *out, const struct module *m)
{
	const struct hko_need *n = hko_needs(m->desc);
	const struct hko_give *g = hko_gives(m->desc);

	for (uint32_t i = 0; i < m->desc->n_needs; i++, n++) {
		hx_text_printf(out, "need=%s kind=%s min=", hko_text(m->desc, n->name),
			       module_need_kind(n->kind));
		put_version(out, n->min);
		hx_text_puts(out, " max=");
		put_version(out, n->max);
		hx_text_printf(out, " by=%s\n", m->held != NULL && m->held[i] != NULL ?
			       m->held[i]->name : n->kind == HKO_REQUIRED ? "kernel" : "-");
	}
	for (uint32_t i = 0; i < m->desc->n_gives; i++, g++) {
		hx_text_printf(out, "gives=%s version=", hko_text(m->desc, g->name));
		put_version(out, g->version);
		hx_text_puts(out, "\n");
	}
}

enum module_view { VIEW_STATE, VIEW_INFO, VIEW_DEPS };

static int module_show(struct hx_text *out, const struct hx_node_args *args)
{
	const struct module *m;

	modules_look();
	m = module_find(args->var[0]);
	if (m != NULL && args->node->cookie == VIEW_STATE)
		show_state(out, m);
	else if (m != NULL && args->node->cookie == VIEW_INFO)
		show_info(out, m);
	else if (m != NULL)
		show_deps(out, m);
	modules_looked();
	return m != NULL ? 0 : -HX_ENOENT;
}

#define MODULE_NODE(ident, view, max_bytes_, help_) \
	static const struct hx_node ident##_node = { \
		.path = "/modules/<name>/" #ident, .help = (help_), .rights = HX_NODE_READ, \
		.max_bytes = (max_bytes_), .show = module_show, .list = module_list_names, \
		.cookie = (view), \
	}; \
	HX_NODE(ident##_node)

MODULE_NODE(state, VIEW_STATE, 256, "its state, how many modules hold it, why if error");
MODULE_NODE(info, VIEW_INFO, 1024, "what it says of itself, where it lies, what it registered");
MODULE_NODE(deps, VIEW_DEPS, 8192, "what it needs, in which versions, from whom; what it gives");

static int status_show(struct hx_text *out, const struct hx_node_args *args)
{
	modules_look();
	hx_text_printf(out, "modules=%u max=%u bytes=%llu max_bytes=%llu area_bytes=%llu\n",
		       modules_count(), CONFIG_MODULES_MAX, (unsigned long long)modules_bytes(),
		       (unsigned long long)CONFIG_MODULES_KIB * HX_KIB,
		       (unsigned long long)hx_kva_bytes(HX_AREA_MODULES));
	for (unsigned i = 0; i < CONFIG_MODULES_MAX; i++) {
		const struct module *m = module_at(i);

		if (m == NULL)
			continue;
		hx_text_printf(out, "name=%s version=", m->name);
		put_version(out, m->desc->version);
		hx_text_printf(out, " kind=%s state=%s users=%u bytes=%u at=%#zx signed=%s\n",
			       kind_name(m->desc->kind), module_state_name(module_state_now(m)),
			       m->n_users, m->total_bytes + m->gates_bytes, (size_t)m->base,
			       m->is_signed ? "yes" : "no");
	}
	modules_looked();
	return 0;
}

static const struct hx_node status_node = {
	.path = "/modules/status", .help = "a line for each module, after one with the quotas",
	.rights = HX_NODE_READ, .max_bytes = 192 * (CONFIG_MODULES_MAX + 1), .show = status_show,
};
HX_NODE(status_node);

static void graph_edges(struct hx_text *out, const struct module *m)
{
	static const char *const style[HKO_NEED_KINDS] = { "solid", "dashed", "dotted", "bold" };
	const struct hko_need *n = hko_needs(m->desc);

	for (uint32_t i = 0; i < m->desc->n_needs; i++, n++)
		hx_text_printf(out, "\t\"%s\" -> \"%s\" [label=\"%s\", style=%s%s];\n", m->name,
			       m->held != NULL && m->held[i] != NULL ? m->held[i]->name :
			       hko_text(m->desc, n->name), module_need_kind(n->kind),
			       style[n->kind], n->kind == HKO_CONFLICT ? ", color=red" : "");
}

static int graph_show(struct hx_text *out, const struct hx_node_args *args)
{
	hx_text_puts(out, "digraph modules {\n\trankdir=LR;\n");
	modules_look();
	for (unsigned i = 0; i < CONFIG_MODULES_MAX; i++) {
		const struct module *m = module_at(i);

		if (m == NULL)
			continue;
		hx_text_printf(out, "\t\"%s\" [shape=box, label=\"%s\\n%s\"];\n", m->name, m->name,
			       module_state_name(module_state_now(m)));
		graph_edges(out, m);
	}
	modules_looked();
	hx_text_puts(out, "}\n");
	return 0;
}

static const struct hx_node graph_node = {
	.path = "/modules/graph", .help = "who needs whom, for dot(1)", .rights = HX_NODE_READ,
	.max_bytes = 8192 * CONFIG_MODULES_MAX, .show = graph_show,
};
HX_NODE(graph_node);

#define CTL_USAGE \
	"load <path> | unload <name> | reload <name> <path> | pause <name> | resume <name>"

static int ctl_do(char *words[], unsigned n, struct hko_why *why, const char **name)
{
	struct module *m = NULL;
	int err;

	*name = n > 1 ? words[1] : "";
	if (n == 2 && hx_strcmp(words[0], "load") == 0) {
		err = module_load(words[1], why, &m);
		*name = NULL;
		return err;
	}
	if (n == 2 && hx_strcmp(words[0], "unload") == 0)
		return module_unload(words[1], why);
	if (n == 3 && hx_strcmp(words[0], "reload") == 0)
		return module_reload(words[1], words[2], why);
	if (n == 2 && hx_strcmp(words[0], "pause") == 0)
		return module_pause(words[1], true, why);
	if (n == 2 && hx_strcmp(words[0], "resume") == 0)
		return module_pause(words[1], false, why);
	return hko_refuse(why, -HX_EINVAL, "detail=usage usage=\"%s\"", CTL_USAGE);
}

static int ctl_take(const char *line, struct hx_text *ack, const struct hx_node_args *args)
{
	char copy[HX_LINE_MAX + 1], *words[3];
	struct hko_why why = { .err = 0 };
	const char *name;
	int err;

	hx_strlcpy(copy, line, sizeof(copy));
	err = ctl_do(words, hx_cut_words(copy, words, HX_ARRAY_LEN(words)), &why, &name);
	if (err != 0)
		hx_text_puts(ack, why.text);
	else if (name != NULL)
		hx_text_printf(ack, "name=%s", name);
	else
		hx_text_printf(ack, "from=%s", words[1]);
	return err;
}

static const struct hx_node ctl_node = {
	.path = "/modules/ctl", .help = CTL_USAGE, .rights = HX_NODE_APPEND, .take = ctl_take,
};
HX_NODE(ctl_node);

static const struct hx_verb mods_verb = {
	.name = "mods", .usage = "mods", .node = "/modules/status",
};
HX_VERB(mods_verb);

/* In a panic: without a lock, so what is changing just now may be told half. */
static void put_modules(struct hx_text *out)
{
	for (unsigned i = 0; i < CONFIG_MODULES_MAX; i++) {
		const struct module *m = module_at(i);

		if (m != NULL)
			hx_text_printf(out, "module %.31s: %#zx, %u bytes, %s\n", m->name,
				       (size_t)m->base, m->total_bytes,
				       module_state_name(m->state));
	}
}

static int modules_init(void)
{
	hx_symbols_set_other(module_symbol);
	if (HX_ENABLED(PANIC_STATE))
		hx_panic_set_modules(put_modules);
	return 0;
}

static void modules_shutdown(void)
{
	hx_symbols_set_other(NULL);
	if (HX_ENABLED(PANIC_STATE))
		hx_panic_set_modules(NULL);
}

HX_COMPONENT(modules) = {
	.name = "modules", .phase = HX_PHASE_LATE, .version = 1,
	.needs = "slots names vfs threads module_quota?", .gives = "modules",
	.init = modules_init, .shutdown = modules_shutdown,
};
