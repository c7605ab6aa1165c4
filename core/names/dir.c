// SPDX-License-Identifier: MIT
/*
 * Directories: nobody stores them. A listing is made by asking again and again for the smallest
 * name after the last one, over literal components and over what patterns enumerate; so it comes in
 * byte order and without duplicates whatever order nodes list their values in.
 *
 * Asking for entry idx walks idx + 1 steps, so the last answer is remembered: whoever lists a
 * directory from 0 up pays one step per entry.
 */
#include <hx/base.h>
#include <hx/core/string.h>

#include "names_priv.h"

#define VALUES_MAX	65536	/* values of one list: a list that never ends does not hang us */

/* Field key: n names_lock. Where the last listing stands. */
static struct {
	uint32_t generation;		/* n of the index */
	unsigned idx;			/* n of the name, + 1; 0: none */
	char path[HX_NAME_PATH_MAX];	/* n */
	char name[HX_NAME_MAX];		/* n */
} cursor;

/* The smallest name found so far that is greater than `after`. */
struct pick {
	const char *after;
	char *best;
	struct hx_name_stat st;
	bool any;
};

static void offer(struct pick *p, const char *name, size_t n, const struct hx_node *node,
		  bool is_node)
{
	char copy[HX_NAME_MAX];
	int order;

	if (n == 0 || n >= HX_NAME_MAX)
		return;
	memcpy(copy, name, n);
	copy[n] = '\0';
	order = p->any ? hx_strcmp(copy, p->best) : -1;
	if (hx_strcmp(copy, p->after) <= 0 || order > 0 || (order == 0 && is_node))
		return;
	memcpy(p->best, copy, n + 1);
	p->any = true;
	p->st = (struct hx_name_stat){ .is_dir = true };
	if (is_node)
		p->st = (struct hx_name_stat){ .rights = node->rights,
					       .size_bytes = node->max_bytes };
}

/* The smallest name in the directory greater than `after`. False: none. */
static bool next_name(const char *path, const char *after, char name[HX_NAME_MAX],
		      struct hx_name_stat *st)
{
	struct pick p = { .after = after, .best = name };
	struct names_pin pin = { .node = NULL };
	struct hx_node_args args;
	char value[HX_NAME_MAX];
	const char *rest;
	unsigned i;

	while (names_next(path, MATCH_BELOW, &pin, &args, &rest)) {
		size_t len = 0;

		while (rest[len] != '\0' && rest[len] != '/')
			len++;
		if (*rest != '<') {
			offer(&p, rest, len, pin.node, rest[len] == '\0');
			continue;
		}
		/* Only a node whose last variable this is can list it. */
		for (i = 0; path_vars(rest) == 1 && i < VALUES_MAX; i++) {
			if (pin.node->list(i, value, &args) != 0)
				break;
			offer(&p, value, hx_strnlen(value, HX_NAME_MAX), pin.node,
			      rest[len] == '\0');
		}
	}
	*st = p.st;
	return p.any;
}

bool names_var_exists(const struct hx_node *node, const struct hx_node_args *args)
{
	char name[HX_NAME_MAX];
	unsigned i;

	for (i = 0; i < VALUES_MAX && node->list(i, name, args) == 0; i++) {
		if (hx_strcmp(name, args->var[args->n_vars - 1]) == 0)
			return true;
	}
	return false;
}

/* Bytes of path up to the end of its last component that is a variable of the pattern. */
static size_t last_var_end(const char *pattern, const char *path)
{
	size_t at = 0, end = 0;

	while (path[at] == '/') {
		bool is_var = pattern[1] == '<';

		do {
			at++;
		} while (path[at] != '\0' && path[at] != '/');
		do {
			pattern++;
		} while (*pattern != '\0' && *pattern != '/');
		if (is_var)
			end = at;
	}
	return end;
}

/*
 * With literal components only, a directory is there if a node lies below it. Else a node whose
 * last variable is the path's is asked whether it lists the value. If there is none, the path is
 * judged by the part that ends with its last variable; if that cannot be asked, it is believed.
 */
bool names_is_dir(const char *path)
{
	char part[HX_NAME_PATH_MAX];
	struct names_pin pin = { .node = NULL };
	struct hx_node_args args;
	const char *rest;
	bool asked = false;
	size_t cut = 0;

	if (path[1] == '\0')
		return true;
	while (names_next(path, MATCH_BELOW, &pin, &args, &rest)) {
		bool can_ask = args.n_vars == path_vars(pin.node->path);

		if (args.n_vars == 0 || (can_ask && names_var_exists(pin.node, &args))) {
			names_unpin(&pin);
			return true;
		}
		asked |= can_ask;
		cut = last_var_end(pin.node->path, path);
	}
	if (asked || cut == 0 || path[cut] == '\0')
		return !asked && cut != 0;
	hx_strlcpy(part, path, cut + 1);
	return names_is_dir(part);	/* once: its last component is the variable */
}

int hx_names_list(const char *path, unsigned idx, char name[HX_NAME_MAX], struct hx_name_stat *st)
{
	char after[HX_NAME_MAX] = "", found[HX_NAME_MAX];
	struct hx_name_stat dir, found_st;
	unsigned at = 0;
	uint32_t gen;
	int err;

	err = hx_names_stat(path, &dir);
	if (err != 0)
		return err;
	if (!dir.is_dir)
		return -HX_ENOTDIR;
	names_lock();
	gen = names_generation();
	if (cursor.idx != 0 && cursor.idx <= idx && cursor.generation == gen &&
	    hx_strcmp(cursor.path, path) == 0) {
		at = cursor.idx;
		memcpy(after, cursor.name, sizeof(after));
	}
	names_unlock();
	for (; at <= idx; at++) {
		if (!next_name(path, after, found, &found_st))
			return -HX_ENOENT;
		memcpy(after, found, sizeof(after));
	}
	names_lock();
	cursor.generation = gen;
	cursor.idx = at;
	hx_strlcpy(cursor.path, path, sizeof(cursor.path));
	memcpy(cursor.name, found, sizeof(cursor.name));
	names_unlock();
	memcpy(name, found, HX_NAME_MAX);
	*st = found_st;
	return 0;
}
