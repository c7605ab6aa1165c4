/* SPDX-License-Identifier: MIT */
/*
 * Hash table with chaining over nodes that the user embeds; the bucket array is the caller's, so
 * nothing here allocates. Keys are compared by the caller's function.
 */
#ifndef HX_CORE_HASH_H
#define HX_CORE_HASH_H

#include <hx/base.h>

struct hx_hash_node {
	struct hx_hash_node *next;
	uint64_t hash;
};

struct hx_hash {
	struct hx_hash_node **buckets;
	size_t n_buckets;	/* power of two */
	size_t n_nodes;
};

/**
 * hx_hash_init() - an empty table over an array of buckets
 * @h:         filled in
 * @buckets:   the array; its content is overwritten
 * @n_buckets: a power of two; best about the number of nodes
 *
 * Returns: 0; -HX_EINVAL no array, or a number that is no power of two.
 * Context: any.
 * Locks:   none.
 * Owner:   the caller keeps the array alive while the table is used.
 * Cost:    O(n_buckets).
 * Source:  -
 */
HX_MUST_CHECK int hx_hash_init(struct hx_hash *h, struct hx_hash_node **buckets, size_t n_buckets);

/**
 * hx_hash_insert() - put a node in
 * hx_hash_remove() - take a node out
 * @h:    the table
 * @n:    the node; insert: in no table; remove: inserted before, or at least with a hash
 * @hash: of its key, all 64 bits well mixed
 *
 * Returns: insert: nothing; equal keys may stand side by side, the latest is found first.
 *          remove: false if the node is not in the table.
 * Context: any.
 * Locks:   the caller's for the table.
 * Owner:   the caller keeps the node alive while it is in.
 * Cost:    O(1); remove O(nodes in the bucket).
 * Source:  Knuth, TAOCP vol. 3, 6.4 (chaining).
 */
void hx_hash_insert(struct hx_hash *h, struct hx_hash_node *n, uint64_t hash);
bool hx_hash_remove(struct hx_hash *h, struct hx_hash_node *n);

/**
 * hx_hash_find() - the node with a key
 * @h:     the table
 * @hash:  of the key
 * @match: whether a node, whose hash is equal, has the key
 * @key:   passed to match
 *
 * Returns: the node, or NULL.
 * Context: any.
 * Locks:   the caller's for the table.
 * Owner:   borrowed: valid while the caller keeps others from removing it.
 * Cost:    O(nodes in the bucket).
 * Source:  as above.
 */
struct hx_hash_node *hx_hash_find(const struct hx_hash *h, uint64_t hash,
				  bool (*match)(const struct hx_hash_node *n, const void *key),
				  const void *key);

/**
 * hx_hash_bytes() - hash of n bytes
 * hx_hash_u64() - hash of a number
 * @bytes: the bytes
 * @n:     how many
 * @seed:  another seed, another hash: for keys that come from outside
 * @x:     the number
 *
 * Returns: 64 well mixed bits. Not for secrets.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    4 instructions a byte, plus 10; 10 for a number.
 * Source:  FNV-1a (Fowler, Noll, Vo), then the finish of splitmix64 (Steele, Lea, Flood, OOPSLA
 *          2014).
 */
uint64_t hx_hash_bytes(const void *bytes, size_t n, uint64_t seed);
uint64_t hx_hash_u64(uint64_t x);

#endif
