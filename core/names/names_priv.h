/* SPDX-License-Identifier: MIT */
/*
 * The name space inside: a sorted index of nodes, and how a path meets a pattern.
 *
 * 1 Concepts. A node's path may hold patterns ("/slots/<slot>/state"). Directories are not stored:
 *   a path is a directory if some node lies below it. '/' sorts before every other byte, so the
 *   nodes below a directory are neighbours and a node right above another shows as its neighbour.
 * 2 Locking. names_lock (rank HX_RANK_NAMES) guards the index. A node's functions are called
 *   without it: the node is pinned meanwhile, and unregistering waits for the last pin.
 * 3 Invariants. (a) sorted by path_compare(), no two equal; (b) no node's path is a directory above
 *   another's; (c) every node in the index passed names_insert()'s checks.
 * 4 Cost. A literal path: O(log nodes). Patterns and directories: one walk over the index.
 */
#ifndef HX_CORE_NAMES_PRIV_H
#define HX_CORE_NAMES_PRIV_H

#include <hx/base.h>
#include <hx/core/lock.h>
#include <hx/core/names.h>

/* Field keys: n names_lock. */
struct names_entry {
	const struct hx_node *node;	/* n */
	uint32_t users;			/* n calls inside the node's functions; only if it may go */
	bool may_go;			/* n registered at run time */
	bool is_pattern;		/* n has a variable */
};

enum path_match {
	MATCH_NONE,
	MATCH_EXACT,		/* the path is the node's */
	MATCH_BELOW,		/* the path is a directory and the node lies below it */
};

/* A node whose functions are being called: it cannot go. */
struct names_pin {
	const struct hx_node *node;	/* NULL: none */
	bool may_go;
};

/* path.c */
int path_check(const char *path, bool is_pattern);	/* 0; -HX_EINVAL; -HX_ENAMETOOLONG */
int path_compare(const char *a, const char *b);		/* strcmp() with '/' as lowest byte */
unsigned path_vars(const char *pattern);		/* how many <…> */
/* args receives the variables of the components walked; rest, for MATCH_BELOW, what of the pattern
 * is left, behind its '/'. */
enum path_match path_match(const char *pattern, const char *path, struct hx_node_args *args,
			   const char **rest);

/* index.c: all take and drop the lock. */
size_t names_n_static(void);
void names_lock(void);
void names_unlock(void);
uint32_t names_generation(void);			/* with the lock: changes with the index */
struct names_entry *names_entry_at(unsigned idx);	/* with the lock; NULL past the end */
void names_unpin(struct names_pin *pin);
/*
 * The next node behind pin->node (NULL: the first) that meets the path in this way, pinned; the one
 * before is unpinned. False: none, and nothing is pinned any more.
 */
bool names_next(const char *path, enum path_match how, struct names_pin *pin,
		struct hx_node_args *args, const char **rest);
/*
 * The node of a path, pinned, with its variables; a literal path wins over a pattern. The path is
 * from outside: it is checked here. 0; -HX_ENOENT no node; -HX_EINVAL, -HX_ENAMETOOLONG malformed.
 */
int names_find(const char *path, struct names_pin *pin, struct hx_node_args *args);

/* dir.c: whether path is a directory, its variables checked. */
bool names_is_dir(const char *path);
/* Whether the last variable in args is among those that the node lists. */
bool names_var_exists(const struct hx_node *node, const struct hx_node_args *args);

#endif
