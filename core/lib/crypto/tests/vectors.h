/* SPDX-License-Identifier: MIT */
/*
 * The primitives against known answers; the same code on the host and in the kernel. Each function
 * returns how many are wrong.
 */
#ifndef HX_CORE_LIB_CRYPTO_TESTS_VECTORS_H
#define HX_CORE_LIB_CRYPTO_TESTS_VECTORS_H

#include <hx/core/crypto.h>
#include <hx/hal/mem.h>

struct crypto_hash_vector {
	const char *message;
	size_t n;
	const char *hash;
};

struct crypto_monte_vector {
	const char *hash;
};

struct crypto_mac_vector {
	const char *key;
	size_t key_bytes;
	const char *message;
	size_t n;
	const char *mac;
};

struct crypto_signature_vector {
	const char *message;
	size_t n;
	const char *key, *signature;
	bool good;
};

/* tests/vectors.py */
#include <core/lib/crypto/crypto_vectors.h>

/* Whole, and in two pieces cut anywhere. */
static unsigned wrong_hashes(void)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < HX_ARRAY_LEN(crypto_hash_vectors); i++) {
		const struct crypto_hash_vector *v = &crypto_hash_vectors[i];
		size_t cut = v->n == 0 ? 0 : i * 37u % v->n;
		uint8_t hash[HX_SHA256_BYTES];
		struct hx_sha256 s, copy;

		hx_sha256(v->message, v->n, hash);
		wrong += !hx_equal_ct(hash, v->hash, sizeof(hash));
		hx_sha256_init(&s);
		hx_sha256_update(&s, v->message, cut);
		copy = s;
		hx_sha256_final(&s, hash);
		hx_sha256_update(&copy, v->message + cut, v->n - cut);
		hx_sha256_final(&copy, hash);
		wrong += !hx_equal_ct(hash, v->hash, sizeof(hash));
	}
	return wrong;
}

/* SHAVS, 6.4: each of up to 100 rounds is 1,000 hashes of the three before. */
static unsigned wrong_monte(unsigned rounds)
{
	uint8_t last[3][HX_SHA256_BYTES], hash[HX_SHA256_BYTES];
	unsigned wrong = 0;

	memcpy(hash, crypto_monte_vectors[0].hash, sizeof(hash));
	for (unsigned round = 1; round <= rounds; round++) {
		for (unsigned i = 0; i < 3; i++)
			memcpy(last[i], hash, sizeof(hash));
		for (unsigned i = 0; i < 1000; i++) {
			hx_sha256(last, sizeof(last), hash);
			memmove(last[0], last[1], 2 * sizeof(hash));
			memcpy(last[2], hash, sizeof(hash));
		}
		wrong += !hx_equal_ct(hash, crypto_monte_vectors[round].hash, sizeof(hash));
	}
	return wrong;
}

static unsigned wrong_macs(void)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < HX_ARRAY_LEN(crypto_mac_vectors); i++) {
		const struct crypto_mac_vector *v = &crypto_mac_vectors[i];
		uint8_t mac[HX_SHA256_BYTES];

		hx_hmac_sha256(v->key, v->key_bytes, v->message, v->n, mac);
		wrong += !hx_equal_ct(mac, v->mac, sizeof(mac));
	}
	return wrong;
}

/* Good ones are good and bad ones bad; and no longer good when a bit of them changes. */
static unsigned wrong_signatures(unsigned n)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct crypto_signature_vector *v = &crypto_signature_vectors[i];
		uint8_t digest[HX_SHA256_BYTES], sig[HX_P256_SIGNATURE_BYTES];

		memcpy(sig, v->signature, sizeof(sig));
		hx_sha256(v->message, v->n, digest);
		wrong += hx_ecdsa_p256_verify((const uint8_t *)v->key, digest, sig) !=
			 (v->good ? 0 : -HX_EBADMSG);
		sig[i % sizeof(sig)] ^= (uint8_t)(1u << i % 8);
		wrong += hx_ecdsa_p256_verify((const uint8_t *)v->key, digest, sig) !=
			 -HX_EBADMSG;
	}
	return wrong;
}

#endif
