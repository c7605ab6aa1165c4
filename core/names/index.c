// SPDX-License-Identifier: MIT
/*
 * The sorted index: nodes built in (gathered at the first use, so a boot that asks nothing pays
 * nothing) and nodes that come and go.
 */
#include <hx/base.h>
#include <hx/config/core_names.h>
#include <hx/core/assert.h>
#include <hx/core/log.h>
#include <hx/core/string.h>
#include <hx/core/thread.h>

#include "names_priv.h"

static struct hx_spinlock lock = HX_SPINLOCK_INIT("names", HX_RANK_NAMES);
static struct names_entry entries[CONFIG_NAMES_MAX];	/* lock */
static unsigned n_entries;				/* lock */
static uint32_t generation;				/* lock */
static bool is_built;					/* lock */

size_t names_n_static(void)
{
	return __stop_hx_nodes - __start_hx_nodes;
}

/* The first entry whose path is not below `path` in order. */
static unsigned lower_bound(const char *path)
{
	unsigned lo = 0, hi = n_entries;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (path_compare(entries[mid].node->path, path) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool is_above(const char *dir, const char *path)
{
	size_t n = hx_strlen(dir);

	return hx_strncmp(dir, path, n) == 0 && path[n] == '/';
}

static int node_check(const struct hx_node *node)
{
	int err = path_check(node->path, true);

	if (err != 0)
		return -HX_EINVAL;
	if (((node->rights & HX_NODE_READ) && node->show == NULL) ||
	    ((node->rights & (HX_NODE_WRITE | HX_NODE_APPEND)) && node->take == NULL) ||
	    (path_vars(node->path) > 0 && node->list == NULL))
		return -HX_EINVAL;
	return 0;
}

static int insert(const struct hx_node *node, bool may_go)
{
	unsigned at;

	if (node_check(node) != 0)
		return -HX_EINVAL;
	at = lower_bound(node->path);
	/* Invariants (a) and (b): by the order, only a neighbour can be equal, above or below. */
	if ((at < n_entries && (path_compare(entries[at].node->path, node->path) == 0 ||
				is_above(node->path, entries[at].node->path))) ||
	    (at > 0 && is_above(entries[at - 1].node->path, node->path)))
		return -HX_EEXIST;
	if (n_entries == CONFIG_NAMES_MAX)
		return -HX_ENFILE;
	memmove(&entries[at + 1], &entries[at], (n_entries - at) * sizeof(entries[0]));
	entries[at] = (struct names_entry){ .node = node, .may_go = may_go,
					    .is_pattern = path_vars(node->path) > 0 };
	n_entries++;
	generation++;
	return 0;
}

static HX_COLD void build(void)
{
	const struct hx_node *const *it;

	is_built = true;
	HX_SECTION_FOREACH(it, hx_nodes) {
		int err = insert(*it, false);

		if (err != 0)
			hx_error("names", "node %s refused: %d", (*it)->path, err);
	}
}

void names_lock(void)
{
	hx_spin_lock(&lock);
	if (HX_UNLIKELY(!is_built))
		build();
}

void names_unlock(void)
{
	hx_spin_unlock(&lock);
}

uint32_t names_generation(void)
{
	return generation;
}

struct names_entry *names_entry_at(unsigned idx)
{
	return idx < n_entries ? &entries[idx] : NULL;
}

static struct names_entry *entry_of(const struct hx_node *node)
{
	unsigned at = lower_bound(node->path);

	return at < n_entries && entries[at].node == node ? &entries[at] : NULL;
}

static void pin_entry(struct names_entry *e, struct names_pin *pin)
{
	pin->node = e->node;
	pin->may_go = e->may_go;
	e->users += e->may_go;
}

/* A node that may go is still in the index: unregistering waits for us. Lock held. */
static void unpin_locked(const struct names_pin *pin)
{
	if (pin->node != NULL && pin->may_go)
		entry_of(pin->node)->users--;
}

void names_unpin(struct names_pin *pin)
{
	if (pin->may_go) {
		names_lock();
		unpin_locked(pin);
		names_unlock();
	}
	pin->node = NULL;
}

bool names_next(const char *path, enum path_match how, struct names_pin *pin,
		struct hx_node_args *args, const char **rest)
{
	const struct hx_node *found = NULL;
	unsigned i;

	names_lock();
	i = pin->node != NULL ? lower_bound(pin->node->path) + 1 : 0;
	unpin_locked(pin);
	for (; i < n_entries && found == NULL; i++) {
		if (path_match(entries[i].node->path, path, args, rest) != how)
			continue;
		pin_entry(&entries[i], pin);
		found = entries[i].node;
	}
	names_unlock();
	pin->node = args->node = found;
	return found != NULL;
}

int names_find(const char *path, struct names_pin *pin, struct hx_node_args *args)
{
	const char *rest;
	unsigned at;
	int err;

	names_lock();
	at = lower_bound(path);
	pin->node = NULL;
	/* What equals a registered path without variables is well-formed: that was checked then. */
	if (at < n_entries && !entries[at].is_pattern &&
	    path_compare(entries[at].node->path, path) == 0)
		pin_entry(&entries[at], pin);
	names_unlock();
	args->node = pin->node;
	args->n_vars = 0;
	if (pin->node != NULL)
		return 0;
	err = path_check(path, false);
	if (err != 0)
		return err;
	return names_next(path, MATCH_EXACT, pin, args, &rest) ? 0 : -HX_ENOENT;
}

int hx_names_register(const struct hx_node *node)
{
	int err;

	names_lock();
	err = insert(node, true);
	names_unlock();
	return err;
}

int hx_names_try_unregister(const struct hx_node *node)
{
	struct names_entry *e;

	names_lock();
	e = entry_of(node);
	if (e != NULL && e->users == 0) {
		n_entries--;
		memmove(e, e + 1, (size_t)(entries + n_entries - e) * sizeof(*e));
		generation++;
		e = NULL;
	}
	names_unlock();
	return e == NULL ? 0 : -HX_EBUSY;
}

void hx_names_unregister(const struct hx_node *node)
{
	while (hx_names_try_unregister(node) != 0)
		hx_yield();
}
