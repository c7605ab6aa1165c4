/* SPDX-License-Identifier: MIT */
/*
 * Bitmap, ring, list and hash table against plain models, 100,000 random operations each; CRC-32C
 * against the published values.
 */
#include <pthread.h>

#include <hx/core/bitmap.h>
#include <hx/core/crc32c.h>
#include <hx/core/hash.h>
#include <hx/core/list.h>
#include <hx/core/ring.h>

#include "test_priv.h"

#define N_OPS	100000

static uint64_t seed = 0x2545f4914f6cdd1d;

static size_t pick(size_t n)
{
	return test_random(&seed) % n;
}

#define N_BITS	331	/* no multiple of 64 */

/* The model: a byte per bit. */
static size_t model_find(const uint8_t *bits, size_t start, uint8_t value)
{
	while (start < N_BITS && bits[start] != value)
		start++;
	return start < N_BITS ? start : N_BITS;
}

static size_t model_find_run(const uint8_t *bits, size_t start, size_t run, size_t align)
{
	size_t i, at;

	for (at = start; at + run <= N_BITS; at++) {
		for (i = 0; i < run && !bits[at + i]; i++)
			continue;
		if (i == run && at % align == 0 && (run != 0 || !bits[at]))
			return at;
	}
	return N_BITS;
}

static void bitmap_equals_its_model(void **state)
{
	uint64_t map[HX_BITMAP_WORDS(N_BITS) + 1] = { 0 };	/* one word that stays untouched */
	uint8_t bits[N_BITS] = { 0 };
	size_t op, i, count;

	map[HX_BITMAP_WORDS(N_BITS)] = 0x1234567890abcdef;
	for (op = 0; op < N_OPS; op++) {
		size_t start = pick(N_BITS), n = pick(N_BITS - start + 1), run = 1 + pick(20);
		size_t align = (size_t)1 << pick(7), found;

		n >>= pick(9);
		if (pick(2)) {
			hx_bitmap_set_range(map, start, n);
			memset(bits + start, 1, n);
		} else {
			hx_bitmap_clear_range(map, start, n);
			memset(bits + start, 0, n);
		}
		start = pick(N_BITS + 2);
		found = hx_bitmap_find_set(map, N_BITS, start);
		assert_int_equal(found, model_find(bits, start, 1));
		found = hx_bitmap_find_clear(map, N_BITS, start);
		assert_int_equal(found, model_find(bits, start, 0));
		assert_int_equal(hx_bitmap_find_clear_run(map, N_BITS, start, run, align),
				 model_find_run(bits, start, run, align));
		for (i = count = 0; i < N_BITS; i++) {
			count += bits[i];
			if (hx_bitmap_test(map, i) != bits[i])
				fail_msg("bit %zu after operation %zu", i, op);
		}
		assert_int_equal(hx_bitmap_count(map, N_BITS), count);
	}
	assert_int_equal(map[HX_BITMAP_WORDS(N_BITS)], 0x1234567890abcdef);
}

static void bitmap_ignores_bits_past_the_end(void **state)
{
	uint64_t map[2] = { 0, ~0ull << 6 };

	assert_int_equal(hx_bitmap_find_set(map, 70, 0), 70);
	assert_int_equal(hx_bitmap_count(map, 70), 0);
	assert_int_equal(hx_bitmap_find_clear_run(map, 70, 0, 70, 1), 0);
	assert_int_equal(hx_bitmap_find_clear_run(map, 70, 0, 71, 1), 70);
	assert_int_equal(hx_bitmap_find_clear_run(map, 70, 0, SIZE_MAX, 1), 70);
	assert_int_equal(hx_bitmap_find_clear_run(map, 70, 1, 1, 128), 70);
	assert_int_equal(hx_bitmap_find_set(map, 0, 0), 0);
}

static void ring_refuses_bad_sizes(void **state)
{
	struct hx_ring r;
	uint8_t buf[8];

	assert_int_equal(hx_ring_init(&r, buf, 0), -HX_EINVAL);
	assert_int_equal(hx_ring_init(&r, buf, 6), -HX_EINVAL);
	assert_int_equal(hx_ring_init(&r, NULL, 8), -HX_EINVAL);
	assert_int_equal(hx_ring_init(&r, buf, (size_t)1 << 32), -HX_EINVAL);
	assert_int_equal(hx_ring_init(&r, buf, 8), 0);
}

/* The bytes that go in are a running count, so what comes out is known without a second buffer. */
static void ring_equals_its_model(void **state)
{
	uint8_t buf[64], bytes[100], in = 0, out = 0;
	size_t op, i, n, done, used = 0;
	struct hx_ring r;
	int c;

	assert_int_equal(hx_ring_init(&r, buf, sizeof(buf)), 0);
	r.head = r.tail = UINT32_MAX - 1000;	/* the counters wrap soon */
	for (op = 0; op < N_OPS; op++) {
		n = pick(sizeof(bytes)) >> pick(4);
		switch (pick(4)) {
		case 0:
			for (i = 0; i < n; i++)
				bytes[i] = in + i;
			done = hx_ring_put(&r, bytes, n);
			assert_int_equal(done, n < 64 - used ? n : 64 - used);
			in += done;
			used += done;
			break;
		case 1:
			done = hx_ring_get(&r, bytes, n);
			assert_int_equal(done, n < used ? n : used);
			for (i = 0; i < done; i++, out++)
				assert_int_equal(bytes[i], out);
			used -= done;
			break;
		case 2:
			assert_int_equal(hx_ring_put_byte(&r, in), used < 64);
			in += used < 64;
			used += used < 64;
			break;
		default:
			c = hx_ring_get_byte(&r);
			assert_int_equal(c, used != 0 ? out : -HX_EAGAIN);
			out += used != 0;
			used -= used != 0;
		}
		assert_int_equal(hx_ring_used(&r), used);
		assert_int_equal(hx_ring_free(&r), 64 - used);
	}
}

#define N_SENT	1000000u

/* The producer of the next test: the bytes are the low ones of a running count. */
static void *ring_send(void *arg)
{
	struct hx_ring *r = arg;
	uint8_t bytes[37];
	uint32_t sent = 0;
	unsigned i, n;

	while (sent < N_SENT) {
		n = 1 + sent % sizeof(bytes);
		n = n < N_SENT - sent ? n : N_SENT - sent;
		for (i = 0; i < n; i++)
			bytes[i] = (uint8_t)(sent + i);
		sent += hx_ring_put(r, bytes, n);
	}
	return NULL;
}

static void ring_needs_no_lock_between_two_threads(void **state)
{
	uint8_t buf[64], bytes[64];
	uint32_t got = 0;
	struct hx_ring r;
	pthread_t thread;
	size_t i, n;

	assert_int_equal(hx_ring_init(&r, buf, sizeof(buf)), 0);
	assert_int_equal(pthread_create(&thread, NULL, ring_send, &r), 0);
	while (got < N_SENT) {
		n = hx_ring_get(&r, bytes, 1 + got % sizeof(bytes));
		for (i = 0; i < n; i++, got++)
			if (bytes[i] != (uint8_t)got)
				fail_msg("byte %u is %u", got, bytes[i]);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(hx_ring_used(&r), 0);
}

#define N_LINKS	10

static void check_list(struct hx_list *head, struct hx_list *const *model, unsigned n)
{
	struct hx_list *it, *last = head;
	unsigned i = 0;

	HX_LIST_FOREACH(it, head) {
		assert_true(i < n);
		assert_ptr_equal(it, model[i++]);
		assert_ptr_equal(it->prev, last);
		last = it;
	}
	assert_int_equal(i, n);
	assert_ptr_equal(head->prev, last);
	assert_int_equal(hx_list_is_empty(head), n == 0);
	assert_ptr_equal(hx_list_first(head), n != 0 ? model[0] : NULL);
}

/* Put `n` in the model at position at, or take out what is there. */
static void model_shift(struct hx_list **model, unsigned *n, unsigned at, struct hx_list *in)
{
	if (in != NULL) {
		memmove(model + at + 1, model + at, (*n - at) * sizeof(*model));
		model[at] = in;
		++*n;
	} else {
		--*n;
		memmove(model + at, model + at + 1, (*n - at) * sizeof(*model));
	}
}

static void list_equals_its_model(void **state)
{
	struct hx_list head = HX_LIST_INIT(head), nodes[N_LINKS], *model[N_LINKS], *n;
	unsigned op, n_in = 0, at;

	for (op = 0; op < N_LINKS; op++)
		hx_list_init(&nodes[op]);
	for (op = 0; op < N_OPS; op++) {
		n = &nodes[pick(N_LINKS)];
		for (at = 0; at < n_in && model[at] != n; at++)
			continue;
		assert_int_equal(hx_list_is_linked(n), at < n_in);
		if (at == n_in && pick(2)) {
			hx_list_push_front(&head, n);
			model_shift(model, &n_in, 0, n);
		} else if (at == n_in) {
			hx_list_push_back(&head, n);
			model_shift(model, &n_in, n_in, n);
		} else if (pick(2)) {
			assert_ptr_equal(hx_list_pop_front(&head), model[0]);
			model_shift(model, &n_in, 0, NULL);
		} else if (pick(2)) {
			assert_ptr_equal(hx_list_unlink_first(&head), model[0]);
			hx_list_init(model[0]);
			model_shift(model, &n_in, 0, NULL);
		} else {
			if (pick(2)) {
				hx_list_unlink(n);
				hx_list_init(n);
			} else {
				hx_list_remove(n);
			}
			model_shift(model, &n_in, at, NULL);
		}
		check_list(&head, model, n_in);
	}
}

static void list_safe_walk_allows_removal(void **state)
{
	struct hx_list head = HX_LIST_INIT(head), nodes[6], *n, *next;
	unsigned i;

	for (i = 0; i < 6; i++)
		hx_list_push_back(&head, &nodes[i]);
	HX_LIST_FOREACH_SAFE(n, next, &head)
		if ((n - nodes) % 2 == 0)
			hx_list_remove(n);
	check_list(&head, (struct hx_list *const[]){ &nodes[1], &nodes[3], &nodes[5] }, 3);
	hx_list_init(&head);
	assert_null(hx_list_pop_front(&head));
}

#define N_KEYS	200

struct item {
	struct hx_hash_node node;
	uint64_t key;
	bool in;
};

static unsigned n_wrong_hash;

static bool item_match(const struct hx_hash_node *n, const void *key)
{
	const struct item *item = HX_CONTAINER_OF(n, struct item, node);

	n_wrong_hash += n->hash != *(const uint64_t *)key % 7;
	return item->key == *(const uint64_t *)key;
}

/* Only 7 different hashes for 200 keys: chains are long and match() has to decide. */
static void hash_equals_its_model(void **state)
{
	static struct item items[N_KEYS];
	struct hx_hash_node *buckets[4];
	struct hx_hash h;
	size_t op, n_in = 0;

	assert_int_equal(hx_hash_init(&h, buckets, 3), -HX_EINVAL);
	assert_int_equal(hx_hash_init(&h, NULL, 4), -HX_EINVAL);
	assert_int_equal(hx_hash_init(&h, buckets, 4), 0);
	for (op = 0; op < N_OPS; op++) {
		struct item *item = &items[pick(N_KEYS)];
		struct hx_hash_node *found;

		item->key = (uint64_t)(item - items);
		found = hx_hash_find(&h, item->key % 7, item_match, &item->key);
		assert_ptr_equal(found, item->in ? &item->node : NULL);
		if (item->in) {
			assert_true(hx_hash_remove(&h, &item->node));
			assert_false(hx_hash_remove(&h, &item->node));
			n_in--;
		} else {
			hx_hash_insert(&h, &item->node, item->key % 7);
			n_in++;
		}
		item->in = !item->in;
		assert_int_equal(h.n_nodes, n_in);
	}
	assert_int_equal(n_wrong_hash, 0);
}

/* 4,096 consecutive keys over 64 buckets: the fullest may hold twice its share of 64, not more. */
static void hash_functions_spread(void **state)
{
	unsigned by_number[64] = { 0 }, by_text[64] = { 0 }, i, n;
	char text[16];

	for (i = 0; i < 4096; i++) {
		n = (unsigned)snprintf(text, sizeof(text), "node%u", i);
		by_number[hx_hash_u64(i) & 63]++;
		by_text[hx_hash_bytes(text, n, 0) & 63]++;
	}
	for (i = 0; i < 64; i++) {
		assert_in_range(by_number[i], 24, 128);
		assert_in_range(by_text[i], 24, 128);
	}
	assert_true(hx_hash_bytes("a", 1, 0) != hx_hash_bytes("a", 1, 1));
	assert_true(hx_hash_bytes("a", 1, 0) != hx_hash_bytes("a", 2, 0));
}

static void crc32c_gives_the_published_values(void **state)
{
	/* RFC 3720, B.4: an iSCSI SCSI Read (10) command PDU. */
	static const uint8_t pdu[48] = {
		0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0,
		0, 0, 0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0,
	};
	uint8_t bytes[32];
	unsigned i;

	assert_int_equal(hx_crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(hx_crc32c(0, "", 0), 0);
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(hx_crc32c(0, bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(hx_crc32c(0, bytes, 32), 0x62a8ab43);
	for (i = 0; i < 32; i++)
		bytes[i] = (uint8_t)i;
	assert_int_equal(hx_crc32c(0, bytes, 32), 0x46dd794e);
	for (i = 0; i < 32; i++)
		bytes[i] = (uint8_t)(31 - i);
	assert_int_equal(hx_crc32c(0, bytes, 32), 0x113fdb5c);
	assert_int_equal(hx_crc32c(0, pdu, sizeof(pdu)), 0xd9963a56);
}

/* The definition, a bit at a time. */
static uint32_t crc_by_bits(uint32_t crc, const uint8_t *p, size_t n)
{
	unsigned bit;

	for (crc = ~crc; n != 0; n--)
		for (crc ^= *p++, bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
	return ~crc;
}

static void crc32c_equals_its_definition_and_continues(void **state)
{
	uint8_t bytes[300];
	size_t i, n, cut;

	for (i = 0; i < 256; i++) {
		bytes[0] = (uint8_t)i;		/* with crc = ~0 inside, table entry 255 - i */
		assert_int_equal(hx_crc32c(0, bytes, 1), crc_by_bits(0, bytes, 1));
	}
	for (i = 0; i < 2000; i++) {
		for (n = 0; n < sizeof(bytes); n++)
			bytes[n] = (uint8_t)test_random(&seed);
		n = pick(sizeof(bytes) + 1);
		cut = pick(n + 1);
		assert_int_equal(hx_crc32c(0, bytes, n), crc_by_bits(0, bytes, n));
		assert_int_equal(hx_crc32c(hx_crc32c(0, bytes, cut), bytes + cut, n - cut),
				 crc_by_bits(0, bytes, n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bitmap_equals_its_model),
		cmocka_unit_test(bitmap_ignores_bits_past_the_end),
		cmocka_unit_test(ring_refuses_bad_sizes),
		cmocka_unit_test(ring_equals_its_model),
		cmocka_unit_test(ring_needs_no_lock_between_two_threads),
		cmocka_unit_test(list_equals_its_model),
		cmocka_unit_test(list_safe_walk_allows_removal),
		cmocka_unit_test(hash_equals_its_model),
		cmocka_unit_test(hash_functions_spread),
		cmocka_unit_test(crc32c_gives_the_published_values),
		cmocka_unit_test(crc32c_equals_its_definition_and_continues),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
