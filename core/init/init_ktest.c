// SPDX-License-Identifier: MIT
/* In the kernel: everything in the image came up, in the order that the nodes show. */
#include <hx/base.h>
#include <hx/config/core_names.h>
#include <hx/core/ktest.h>
#include <hx/core/names.h>
#include <hx/core/string.h>
#include <hx/core/text.h>
#include <hx/hal/boot_info.h>

#include "init_priv.h"

HX_KTEST(init_every_component_is_up)
{
	const struct init_graph *g = init_graph();
	struct init_fault fault;

	hx_expect(t, g->n_order > 0);
	hx_expect(t, init_n_up() == g->n_order);
	hx_expect(t, (size_t)(__stop_hx_components - __start_hx_components) == g->n_order);
	hx_expect(t, init_order_is_good(g, &fault));
}

/* Checks a text as it is written: line n must begin with the n-th name. */
struct line_check {
	struct hx_text text;
	const char *key;
	size_t used, n_found;
	char line[256];
};

static void check_put(struct hx_text *t, const char *bytes, size_t n)
{
	struct line_check *c = t->arg;
	const struct init_graph *g = init_graph();

	for (; n > 0; bytes++, n--) {
		size_t key = hx_strlen(c->key), name;

		if (*bytes != '\n') {
			if (c->used + 1 < sizeof(c->line))
				c->line[c->used++] = *bytes;
			continue;
		}
		c->line[c->used] = '\0';
		c->used = 0;
		if (c->n_found == g->n_order || hx_strncmp(c->line, c->key, key) != 0)
			continue;
		name = hx_strlen(g->order[c->n_found]->name);
		if (hx_strncmp(c->line + key, g->order[c->n_found]->name, name) == 0 &&
		    c->line[key + name] == ' ')
			c->n_found++;
	}
}

static size_t names_in_order(const char *path, const char *key)
{
	struct line_check c = { .text = { .put = check_put, .arg = &c }, .key = key };

	return hx_tree()->show(path, &c.text) == 0 ? c.n_found : 0;
}

HX_KTEST(init_nodes_show_the_order)
{
	if (!HX_ENABLED(STATE_NODES)) {
		hx_ktest_skip(t, "needs CONFIG_STATE_NODES");
		return;
	}
	hx_expect(t, names_in_order("/proc/init", "name=") == init_graph()->n_order);
	hx_expect(t, names_in_order("/proc/boot", "step=") == init_graph()->n_order);
}

HX_KTEST(init_boot_times_ascend)
{
	struct hx_boot_times times;

	hx_boot_times(&times);
	hx_expect(t, times.entry == hx_boot_info()->entry_cycles);
	hx_expect(t, times.entry < times.main);
	hx_expect(t, times.prompt == 0 || times.main + times.waited < times.prompt);
}

HX_KTEST(init_error_names)
{
	hx_expect(t, hx_strcmp(hx_strerror(-HX_ENOMEM), "ENOMEM") == 0);
	hx_expect(t, hx_strcmp(hx_strerror(0), "OK") == 0);
	hx_expect(t, hx_strcmp(hx_strerror(-9999), "E?") == 0);
}
