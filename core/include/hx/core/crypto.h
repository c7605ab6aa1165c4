/* SPDX-License-Identifier: MIT */
/*
 * Cryptographic primitives: SHA-256, HMAC-SHA256, ECDSA on P-256, comparison in constant time.
 * What they are made of (Mbed TLS) is the business of core/lib/crypto; nobody else includes its
 * headers. Chosen with CONFIG_CRYPTO, the signature with CONFIG_CRYPTO_ECDSA
 * (<hx/config/core_lib_crypto.h>).
 */
#ifndef HX_CORE_CRYPTO_H
#define HX_CORE_CRYPTO_H

#include <hx/base.h>

#define HX_SHA256_BYTES		32u
#define HX_SHA256_BLOCK_BYTES	64u
#define HX_P256_KEY_BYTES	65u	/* 4, x, y; 32 bytes each, big endian (SEC 1, 2.3.3) */
#define HX_P256_SIGNATURE_BYTES	64u	/* r, s; 32 bytes each, big endian; not DER */

/* A hash in the making; the content is the room's own. */
struct hx_sha256 {
	uint64_t state_[15];
};

/* A MAC in the making: the hash of the inner part, and the outer one with the key in it. */
struct hx_hmac_sha256 {
	struct hx_sha256 inner, outer;
};

/**
 * hx_sha256_init() - begin a hash.
 * hx_sha256_update() - some more bytes.
 * hx_sha256_final() - the hash of all bytes so far; @s is worth nothing and holds nothing after it.
 * hx_sha256() - all three for bytes that are all there.
 * @s:     the caller's memory
 * @bytes: n of them
 * @n:     how many; 0 is allowed
 * @hash:  receives it
 *
 * Returns: nothing; it cannot fail.
 * Context: any.
 * Locks:   none.
 * Owner:   @s is the caller's; a copy of it goes on by itself.
 * Cost:    about 4,300 instructions for each 64 bytes.
 * Source:  FIPS 180-4; Mbed TLS.
 */
void hx_sha256_init(struct hx_sha256 *s);
void hx_sha256_update(struct hx_sha256 *s, const void *bytes, size_t n);
void hx_sha256_final(struct hx_sha256 *s, uint8_t hash[HX_SHA256_BYTES]);
void hx_sha256(const void *bytes, size_t n, uint8_t hash[HX_SHA256_BYTES]);

/**
 * hx_hmac_sha256_init() - begin a MAC.
 * hx_hmac_sha256_update() - some more bytes.
 * hx_hmac_sha256_final() - the MAC of all bytes so far; @h holds nothing of the key after it.
 * hx_hmac_sha256() - all three for bytes that are all there.
 * @h:         the caller's memory
 * @key:       key_bytes of them, any number
 * @key_bytes: how many
 * @bytes:     n of them
 * @n:         how many; 0 is allowed
 * @mac:       receives it
 *
 * Returns: nothing; it cannot fail.
 * Context: any.
 * Locks:   none.
 * Owner:   @h is the caller's.
 * Cost:    four hashes of 64 bytes for up to 55 bytes, and one for each further 64.
 * Source:  RFC 2104, FIPS 198-1; the hash is Mbed TLS's.
 */
void hx_hmac_sha256_init(struct hx_hmac_sha256 *h, const void *key, size_t key_bytes);
void hx_hmac_sha256_update(struct hx_hmac_sha256 *h, const void *bytes, size_t n);
void hx_hmac_sha256_final(struct hx_hmac_sha256 *h, uint8_t mac[HX_SHA256_BYTES]);
void hx_hmac_sha256(const void *key, size_t key_bytes, const void *bytes, size_t n,
		    uint8_t mac[HX_SHA256_BYTES]);

/**
 * hx_equal_ct() - compare in a time that tells nothing of where, or whether, they differ.
 * hx_forget() - overwrite what is secret, even if the compiler sees no reason to.
 * @a, @b:  n bytes each
 * @secret: n bytes
 * @n:      how many; that is not kept secret
 *
 * Returns: equal_ct: true if all are equal.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    O(n).
 * Source:  -
 */
HX_MUST_CHECK bool hx_equal_ct(const void *a, const void *b, size_t n);
void hx_forget(void *secret, size_t n);

/**
 * hx_ecdsa_p256_verify() - whether a signature over a digest was made with the key's private half.
 * @key:       the public key, a point in uncompressed form; checked to be on the curve
 * @digest:    SHA-256 of what was signed
 * @signature: r and s
 *
 * All three may come from outside.
 *
 * Returns: 0 it was; -HX_EBADMSG it was not, or the signature is malformed; -HX_EINVAL the key is
 *          no point of the curve; -HX_ENOMEM.
 * Context: thread.
 * Locks:   the heap's.
 * Owner:   -
 * Cost:    about 12 million instructions, some KiB of heap and of stack.
 * Source:  FIPS 186-4, 6.4; SEC 1, 4.1.4; Mbed TLS.
 */
HX_MUST_CHECK int hx_ecdsa_p256_verify(const uint8_t key[HX_P256_KEY_BYTES],
				       const uint8_t digest[HX_SHA256_BYTES],
				       const uint8_t signature[HX_P256_SIGNATURE_BYTES]);

#endif
