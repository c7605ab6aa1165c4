/* SPDX-License-Identifier: MIT */
/*
 * Hash table by chaining, and the two hash functions that go with it.
 */
#include <hx/core/hash.h>

#define FNV_OFFSET	0xcbf29ce484222325ull	/* FNV-1a, 64 bits */
#define FNV_PRIME	0x00000100000001b3ull

int hx_hash_init(struct hx_hash *h, struct hx_hash_node **buckets, size_t n_buckets)
{
	size_t i;

	if (buckets == NULL || !hx_is_pow2(n_buckets))
		return -HX_EINVAL;
	*h = (struct hx_hash){ .buckets = buckets, .n_buckets = n_buckets };
	for (i = 0; i < n_buckets; i++)
		buckets[i] = NULL;
	return 0;
}

static struct hx_hash_node **hash_bucket(const struct hx_hash *h, uint64_t hash)
{
	return &h->buckets[hash & (h->n_buckets - 1)];
}

void hx_hash_insert(struct hx_hash *h, struct hx_hash_node *n, uint64_t hash)
{
	struct hx_hash_node **bucket = hash_bucket(h, hash);

	n->hash = hash;
	n->next = *bucket;
	*bucket = n;
	h->n_nodes++;
}

bool hx_hash_remove(struct hx_hash *h, struct hx_hash_node *n)
{
	struct hx_hash_node **link = hash_bucket(h, n->hash);

	for (; *link != NULL; link = &(*link)->next) {
		if (*link == n) {
			*link = n->next;
			h->n_nodes--;
			return true;
		}
	}
	return false;
}

struct hx_hash_node *hx_hash_find(const struct hx_hash *h, uint64_t hash,
				  bool (*match)(const struct hx_hash_node *n, const void *key),
				  const void *key)
{
	struct hx_hash_node *n = *hash_bucket(h, hash);

	while (n != NULL && (n->hash != hash || !match(n, key)))
		n = n->next;
	return n;
}

uint64_t hx_hash_u64(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ull;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

/* FNV-1a alone leaves the low bits, which choose the bucket, poorly mixed: hence the finish. */
uint64_t hx_hash_bytes(const void *bytes, size_t n, uint64_t seed)
{
	const uint8_t *p = bytes;
	uint64_t x = FNV_OFFSET ^ seed;

	for (; n != 0; n--)
		x = (x ^ *p++) * FNV_PRIME;
	return hx_hash_u64(x);
}
