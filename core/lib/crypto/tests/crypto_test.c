/* SPDX-License-Identifier: MIT */
/* The primitives against NIST's answers, and with what comes from outside. */
#include "hx_test.h"
#include <hx/config/core_lib.h>
#include <hx/core/heap.h>

#include "tests/vectors.h"

#define ROUNDS	80u

static int setup(void **state)
{
	hx_test_machine_usual(16 * HX_MIB);
	hx_test_start("heap");
	return 0;
}

static int teardown(void **state)
{
	hx_test_machine_end();
	return 0;
}

static void hashes_are_right(void **state)
{
	assert_int_equal(wrong_hashes(), 0);
	assert_int_equal(wrong_monte(100), 0);
}

static void macs_are_right(void **state)
{
	assert_int_equal(wrong_macs(), 0);
}

static void signatures_are_judged_right(void **state)
{
	assert_int_equal(wrong_signatures(HX_ARRAY_LEN(crypto_signature_vectors)), 0);
}

static const struct crypto_signature_vector *good_one(void)
{
	const struct crypto_signature_vector *v = crypto_signature_vectors;

	while (!v->good)
		v++;
	return v;
}

static void edges_of_a_signature_are_refused(void **state)
{
	static const uint8_t order[] = {	/* of the group: r and s are below it */
		0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63,
		0x25, 0x51,
	};
	const struct crypto_signature_vector *v = good_one();
	const uint8_t *key = (const uint8_t *)v->key;
	uint8_t digest[HX_SHA256_BYTES], sig[HX_P256_SIGNATURE_BYTES];

	hx_sha256(v->message, v->n, digest);
	for (unsigned half = 0; half < 2; half++) {
		memcpy(sig, v->signature, sizeof(sig));
		memset(sig + 32 * half, 0, 32);
		assert_int_equal(hx_ecdsa_p256_verify(key, digest, sig), -HX_EBADMSG);
		memcpy(sig + 32 * half, order, 32);
		assert_int_equal(hx_ecdsa_p256_verify(key, digest, sig), -HX_EBADMSG);
		memset(sig + 32 * half, 0xff, 32);
		assert_int_equal(hx_ecdsa_p256_verify(key, digest, sig), -HX_EBADMSG);
	}
}

static void a_key_must_be_on_the_curve(void **state)
{
	const struct crypto_signature_vector *v = good_one();
	uint8_t digest[HX_SHA256_BYTES], key[HX_P256_KEY_BYTES];
	const uint8_t *sig = (const uint8_t *)v->signature;

	hx_sha256(v->message, v->n, digest);
	memcpy(key, v->key, sizeof(key));
	key[40] ^= 1;
	assert_int_equal(hx_ecdsa_p256_verify(key, digest, sig), -HX_EINVAL);
	memcpy(key, v->key, sizeof(key));
	key[0] = 2;		/* compressed */
	assert_int_equal(hx_ecdsa_p256_verify(key, digest, sig), -HX_EINVAL);
	memset(key, 0, sizeof(key));
	assert_int_equal(hx_ecdsa_p256_verify(key, digest, sig), -HX_EINVAL);
	key[0] = 4;		/* 0, 0 */
	assert_int_equal(hx_ecdsa_p256_verify(key, digest, sig), -HX_EINVAL);
	memset(key + 1, 0xff, sizeof(key) - 1);
	assert_int_equal(hx_ecdsa_p256_verify(key, digest, sig), -HX_EINVAL);
}

static void garbage_is_refused(void **state)
{
	uint8_t in[HX_P256_KEY_BYTES + HX_SHA256_BYTES + HX_P256_SIGNATURE_BYTES];
	const struct crypto_signature_vector *v = good_one();
	uint64_t seed = hx_test_seed();
	int err;

	for (unsigned i = 0; i < ROUNDS; i++) {
		for (unsigned k = 0; k < sizeof(in); k++)
			in[k] = (uint8_t)hx_test_random(&seed);
		if (i % 2)	/* a good key, so that it comes further */
			memcpy(in, v->key, HX_P256_KEY_BYTES);
		err = hx_ecdsa_p256_verify(in, in + HX_P256_KEY_BYTES,
					   in + HX_P256_KEY_BYTES + HX_SHA256_BYTES);
		assert_int_equal(err, i % 2 ? -HX_EBADMSG : -HX_EINVAL);
	}
}

/* Never good without having been looked at, never bad for lack of memory, and nothing leaks. Of the
 * some thousand allocations the first forty fail, and then one in so many. */
static void without_memory_it_says_so(void **state)
{
	const struct crypto_signature_vector *v = good_one();
	struct hx_heap_stats before, after;
	uint8_t digest[HX_SHA256_BYTES];
	unsigned n = 0;
	uint64_t left = 0;

	if (!HX_ENABLED(FAULT_INJECTION))
		skip();
	hx_sha256(v->message, v->n, digest);
	hx_heap_stats(&before);
	for (uint64_t k = 1; left == 0; k += 1 + k / 40 * 25) {
		int err;

		hx_heap_fail_at(k);
		err = hx_ecdsa_p256_verify((const uint8_t *)v->key, digest,
					   (const uint8_t *)v->signature);
		left = hx_heap_fail_at(0);
		assert_int_equal(err, left == 0 ? -HX_ENOMEM : 0);
		hx_heap_stats(&after);
		assert_int_equal(after.used_bytes, before.used_bytes);
		n++;
	}
	assert_true(n > 40);
}

static void comparing_sees_every_bit(void **state)
{
	uint8_t a[33] = { 0 }, b[33] = { 0 };

	assert_true(hx_equal_ct(a, b, sizeof(a)));
	assert_true(hx_equal_ct(a, b, 0));
	for (unsigned i = 0; i < 8 * sizeof(a); i++) {
		b[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_false(hx_equal_ct(a, b, sizeof(a)));
		assert_int_equal(hx_equal_ct(a, b, i / 8), true);
		b[i / 8] = 0;
	}
}

static void what_is_finished_holds_no_secret(void **state)
{
	static const uint8_t key[32] = "a key that nobody shall see here";
	struct hx_hmac_sha256 h;
	uint8_t mac[HX_SHA256_BYTES], zero[sizeof(h)] = { 0 };

	hx_hmac_sha256_init(&h, key, sizeof(key));
	hx_hmac_sha256_update(&h, "x", 1);
	hx_hmac_sha256_final(&h, mac);
	assert_memory_equal(h.inner.state_, zero, 108);
	assert_memory_equal(h.outer.state_, zero, 108);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		CASE(hashes_are_right),
		CASE(macs_are_right),
		CASE(signatures_are_judged_right),
		CASE(edges_of_a_signature_are_refused),
		CASE(a_key_must_be_on_the_curve),
		CASE(garbage_is_refused),
		CASE(without_memory_it_says_so),
		CASE(comparing_sees_every_bit),
		CASE(what_is_finished_holds_no_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
