// SPDX-License-Identifier: MIT
/*
 * Every node that this image holds, whoever registered it: it is found, it shows, and it keeps the
 * bound that it promised.
 */
#include <hx/config/core_names.h>
#include <hx/core/ktest.h>
#include <hx/core/string.h>

#include "names_priv.h"

static void count_only(struct hx_text *t, const char *bytes, size_t n)
{
	/* The sink's total says how much it was. */
}

/* The first entry of a directory that is a directory itself, or is none. False: there is none. */
static bool first_entry(const char *dir, bool is_dir, char name[HX_NAME_MAX])
{
	struct hx_name_stat st;

	for (unsigned i = 0; hx_names_list(dir, i, name, &st) == 0; i++)
		if (st.is_dir == is_dir)
			return true;
	return false;
}

/* A path of the node: for a pattern with the first values that it lists. False: it lists none.
 * Beside values there may be nodes that are none: /modules/ctl is none of /modules/<name>/state. */
static bool real_path(const struct hx_node *node, char path[HX_NAME_PATH_MAX])
{
	const char *p = node->path;
	size_t n = 0;

	while (*p != '\0') {
		char name[HX_NAME_MAX];

		path[n] = '\0';
		if (*p != '<') {
			path[n++] = *p++;
			continue;
		}
		path[n > 1 ? n - 1 : n] = '\0';		/* the directory, without its '/' */
		if (!first_entry(path, hx_strchr(p, '>')[1] == '/', name))
			return false;
		path[n - 1] = '/';
		n += hx_strlcpy(path + n, name, HX_NAME_PATH_MAX - n);
		p = hx_strchr(p, '>') + 1;
	}
	path[n] = '\0';
	return true;
}

HX_KTEST(names_every_node_shows_within_its_bound)
{
	const struct hx_node *const *it;
	unsigned n_shown = 0;

	HX_SECTION_FOREACH(it, hx_nodes) {
		struct hx_text sink = { .put = count_only };
		char path[HX_NAME_PATH_MAX];
		struct hx_name_stat st;
		int err;

		if (!real_path(*it, path))
			continue;
		hx_expect(t, hx_names_stat(path, &st) == 0 && !st.is_dir);
		if (!((*it)->rights & HX_NODE_READ))
			continue;
		err = hx_names_show(path, &sink);
		/* A value may go between listing and showing: a thread that ends. */
		hx_expect(t, err == 0 || (err == -HX_ENOENT && path_vars((*it)->path) > 0));
		hx_expect(t, sink.total <= (*it)->max_bytes);
		n_shown++;
	}
	hx_expect(t, n_shown > (HX_ENABLED(STATE_NODES) ? 15 : 3));
}

HX_KTEST(names_every_node_is_in_its_directory)
{
	const struct hx_node *const *it;

	HX_SECTION_FOREACH(it, hx_nodes) {
		char path[HX_NAME_PATH_MAX], name[HX_NAME_MAX], *slash;
		struct hx_name_stat st;
		bool found = false;
		unsigned i;

		if (!real_path(*it, path))
			continue;
		slash = hx_strrchr(path, '/');
		*slash = '\0';
		for (i = 0; hx_names_list(slash == path ? "/" : path, i, name, &st) == 0; i++)
			found |= hx_strcmp(name, slash + 1) == 0;
		hx_expect(t, found);
	}
}
