/* SPDX-License-Identifier: MIT */
/*
 * The name space: everything that can be seen or done in a running kernel is a node in one tree.
 * A room registers nodes; it never writes a command parser or a printer of its own. The same nodes
 * are served to the console, to the VFS and later over 9P.
 *
 * A path may have components in angle brackets, "/sched/threads/<id>/stats": one node then stands
 * for many; list() enumerates the values and the functions get them in args.
 */
#ifndef HX_CORE_NAMES_H
#define HX_CORE_NAMES_H

#include <hx/base.h>
#include <hx/core/text.h>

#define HX_NAME_MAX		64	/* bytes of one component with the NUL */
#define HX_NAME_PATH_MAX	256	/* bytes of a path with the NUL */
#define HX_NAME_VARS_MAX	2	/* <…> components in one path */
#define HX_LINE_MAX		256	/* bytes of one line taken by a ctl node, without NUL */

enum hx_node_rights {
	HX_NODE_READ = 1,
	HX_NODE_WRITE = 2,	/* replaces the content */
	HX_NODE_APPEND = 4,	/* takes lines; nothing can be taken back */
};

struct hx_node_args {
	const struct hx_node *node;	/* as registered; a module's, that has borders: a copy */
	char var[HX_NAME_VARS_MAX][HX_NAME_MAX];	/* values of the <…> components, in order */
	unsigned n_vars;
};

struct hx_node {
	const char *path;	/* "/proc/version"; absolute, lower case */
	const char *help;	/* one line: what it shows or takes */
	uint32_t rights;	/* enum hx_node_rights bits */
	uint32_t max_bytes;	/* bound of what show() writes */
	/* Thread context, no lock held, may sleep, for all three.
	 * READ: write the whole text into out. 0 or negative; -HX_ENOENT if vars name nothing. */
	int (*show)(struct hx_text *out, const struct hx_node_args *args);
	/* APPEND/WRITE: one line, NUL-terminated, checked whole before any effect. ack receives
	 * "key=value …" for the OK answer, or "detail=<tag> …" for the error. 0 or negative. */
	int (*take)(const char *line, struct hx_text *ack, const struct hx_node_args *args);
	/* If the path has a <…>: value idx of the LAST one, the ones before it are in args->var.
	 * 0, or -HX_ENOENT past the end, and at once if the ones before it name nothing. Nodes that
	 * share the variable share the function; of the nodes below a variable at least one must
	 * have it as its last, or nobody can list it. Any order of values; core sorts. */
	int (*list)(unsigned idx, char name[HX_NAME_MAX], const struct hx_node_args *args);
	uint64_t cookie;	/* the registrar's own */
};

/* Static registration, in the room's .c file: HX_NODE(version_node) after the const struct. */
HX_SECTION_BOUNDS(hx_nodes, struct hx_node);
#define HX_NODE(node)	HX_REGISTER(hx_nodes, node, struct hx_node, &(node))

struct hx_name_stat {
	bool is_dir;
	uint32_t rights;
	uint64_t size_bytes;	/* of a file in a filesystem; max_bytes of a node */
};

/**
 * hx_names_register() - add a node while the kernel runs.
 * @node: constant until it is unregistered
 *
 * Returns: 0; -HX_EEXIST the path is there, or is a directory, or has a node above it; -HX_EINVAL
 *          malformed path or a function missing; -HX_ENFILE CONFIG_NAMES_MAX nodes are there.
 * Context: thread.
 * Locks:   the index (rank HX_RANK_NAMES).
 * Owner:   @node stays the caller's.
 * Cost:    O(nodes), a move of pointers.
 * Source:  -
 */
HX_MUST_CHECK int hx_names_register(const struct hx_node *node);

/**
 * hx_names_unregister() - take a node away; when this returns nobody is inside its functions.
 * @node: registered; else nothing happens
 *
 * Returns: nothing.
 * Context: thread, may sleep; not from a function of the same node.
 * Locks:   the index; none while it waits.
 * Owner:   @node is the caller's to free.
 * Cost:    O(nodes), and waiting for calls in progress.
 * Source:  -
 */
void hx_names_unregister(const struct hx_node *node);

/**
 * hx_names_try_unregister() - the same without waiting.
 * @node: registered; else nothing happens
 *
 * Returns: 0: nobody is inside its functions, nor will be; -HX_EBUSY somebody is, and it stays.
 * Context: thread.
 * Locks:   the index.
 * Owner:   after 0, @node is the caller's to free.
 * Cost:    O(nodes).
 * Source:  -
 */
HX_MUST_CHECK int hx_names_try_unregister(const struct hx_node *node);

/**
 * hx_names_release_memory() - take away every node that has something in some memory.
 * @start: its first byte
 * @bytes: its size
 *
 * For whoever takes code away (CONFIG_MODULES): a module that failed unregisters nothing. Counted
 * are the node itself, its path, its help and its functions; nodes of the image stay.
 *
 * Returns: how many there were; each is told in the log. Nobody is inside their functions.
 * Context: as hx_names_unregister(), and not from a function of such a node.
 * Locks:   as hx_names_unregister().
 * Owner:   the memory is the caller's alone, as far as nodes are concerned.
 * Cost:    O(nodes) for each, and waiting for calls in progress.
 * Source:  -
 */
unsigned hx_names_release_memory(uintptr_t start, size_t bytes);

/*
 * All functions below take a path: absolute, components separated by single slashes, none empty,
 * "." or "..", well-formed UTF-8 without control characters, '<' or '>'. Anything else is
 * -HX_EINVAL; a component of HX_NAME_MAX or a path of HX_NAME_PATH_MAX bytes is -HX_ENAMETOOLONG.
 */

/**
 * hx_names_stat() - what a path is.
 * @path: node or directory
 * @st:   filled; untouched on error
 *
 * Returns: 0; -HX_ENOENT; -HX_EINVAL, -HX_ENAMETOOLONG the path.
 * Context: thread, may sleep if a pattern's list() does.
 * Locks:   the index; none while a node's list() runs.
 * Owner:   -
 * Cost:    O(log nodes) for a plain node; else one walk over the nodes.
 * Source:  -
 */
HX_MUST_CHECK int hx_names_stat(const char *path, struct hx_name_stat *st);

/**
 * hx_names_list() - an entry of a directory, in byte order, without duplicates.
 * @path: the directory
 * @idx:  which entry, from 0
 * @name: receives its name; untouched on error
 * @st:   receives what it is; untouched on error
 *
 * Returns: 0; -HX_ENOENT past the end or no such directory; -HX_ENOTDIR a node; -HX_EINVAL,
 *          -HX_ENAMETOOLONG the path.
 * Context: thread, may sleep if a pattern's list() does.
 * Locks:   the index; none while a node's list() runs.
 * Owner:   -
 * Cost:    one walk over the nodes and all values of a pattern; asked in order 0, 1, 2…; else idx
 *          times that.
 * Source:  -
 */
HX_MUST_CHECK int hx_names_list(const char *path, unsigned idx, char name[HX_NAME_MAX],
				struct hx_name_stat *st);

/**
 * hx_names_show() - the text of a node.
 * @path: node
 * @out:  receives it
 *
 * Returns: 0; -HX_EACCES not readable; -HX_EISDIR; -HX_ENOENT; -HX_EINVAL, -HX_ENAMETOOLONG the
 *          path; or what the node's show() returns.
 * Context: thread, may sleep.
 * Locks:   none while the node works.
 * Owner:   -
 * Cost:    look-up as for hx_names_stat(), and the node's.
 * Source:  Pike et al., "Plan 9 from Bell Labs" (everything is a file), and 4.4BSD kernfs.
 */
HX_MUST_CHECK int hx_names_show(const char *path, struct hx_text *out);

/**
 * hx_names_take() - give one line to a node.
 * @path: node
 * @line: NUL-terminated text of at most HX_LINE_MAX bytes, without an end of line
 * @ack:  receives "key=value …", or on error "detail=<tag> …" if the node says more
 *
 * Returns: 0; -HX_EACCES takes nothing; -HX_EISDIR; -HX_ENOENT; -HX_E2BIG too long; -HX_EINVAL the
 *          path, or not text; -HX_ENAMETOOLONG the path; or what the node's take() returns.
 * Context: thread, may sleep.
 * Locks:   none while the node works.
 * Owner:   -
 * Cost:    look-up as for hx_names_stat(), and the node's.
 * Source:  as hx_names_show().
 */
HX_MUST_CHECK int hx_names_take(const char *path, const char *line, struct hx_text *ack);

/**
 * hx_names_help() - the help line of a node.
 * @path: node
 * @help: receives it; untouched on error
 *
 * Returns: 0; -HX_EISDIR; -HX_ENOENT; -HX_EINVAL, -HX_ENAMETOOLONG the path.
 * Context: thread.
 * Locks:   the index.
 * Owner:   the node's registrar: valid as long as the node.
 * Cost:    look-up as for hx_names_stat().
 * Source:  -
 */
HX_MUST_CHECK int hx_names_help(const char *path, const char **help);

/*
 * The tree that the console shows. Core's own is the name space; a VFS replaces it by one in which
 * files and nodes stand side by side. Same meanings as the functions above.
 */
struct hx_tree_ops {
	int (*stat)(const char *path, struct hx_name_stat *st);
	int (*list)(const char *path, unsigned idx, char name[HX_NAME_MAX],
		    struct hx_name_stat *st);
	int (*show)(const char *path, struct hx_text *out);
	int (*take)(const char *path, const char *line, struct hx_text *ack);
};
/**
 * hx_tree() - the tree in use.
 * hx_tree_set() - put another in its place.
 * @ops: all four functions; NULL: the name space alone
 *
 * Returns: hx_tree(): never NULL.
 * Context: hx_tree(): any. hx_tree_set(): boot or thread, before others look.
 * Locks:   none: one pointer, replaced whole.
 * Owner:   @ops stays the caller's and stays valid.
 * Cost:    a load or a store.
 * Source:  -
 */
void hx_tree_set(const struct hx_tree_ops *ops);
const struct hx_tree_ops *hx_tree(void);

#endif
