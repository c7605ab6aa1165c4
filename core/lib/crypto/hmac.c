// SPDX-License-Identifier: MIT
/*
 * HMAC-SHA256: H(key ^ opad, H(key ^ ipad, text)). Put together here and not taken from the
 * library, whose own allocates twice for each; so this one cannot fail.
 */
#include "crypto_priv.h"

#define IPAD	0x36u
#define OPAD	0x5cu

static void start(struct hx_sha256 *s, const uint8_t key[HX_SHA256_BLOCK_BYTES], uint8_t pad)
{
	uint8_t block[HX_SHA256_BLOCK_BYTES];

	for (unsigned i = 0; i < HX_SHA256_BLOCK_BYTES; i++)
		block[i] = key[i] ^ pad;
	hx_sha256_init(s);
	hx_sha256_update(s, block, sizeof(block));
	hx_forget(block, sizeof(block));
}

void hx_hmac_sha256_init(struct hx_hmac_sha256 *h, const void *key, size_t key_bytes)
{
	uint8_t block[HX_SHA256_BLOCK_BYTES] = { 0 };

	if (key_bytes > sizeof(block))
		hx_sha256(key, key_bytes, block);
	else if (key_bytes != 0)
		memcpy(block, key, key_bytes);
	start(&h->inner, block, IPAD);
	start(&h->outer, block, OPAD);
	hx_forget(block, sizeof(block));
}

void hx_hmac_sha256_update(struct hx_hmac_sha256 *h, const void *bytes, size_t n)
{
	hx_sha256_update(&h->inner, bytes, n);
}

void hx_hmac_sha256_final(struct hx_hmac_sha256 *h, uint8_t mac[HX_SHA256_BYTES])
{
	uint8_t inner[HX_SHA256_BYTES];

	hx_sha256_final(&h->inner, inner);
	hx_sha256_update(&h->outer, inner, sizeof(inner));
	hx_sha256_final(&h->outer, mac);
	hx_forget(inner, sizeof(inner));
}

void hx_hmac_sha256(const void *key, size_t key_bytes, const void *bytes, size_t n,
		    uint8_t mac[HX_SHA256_BYTES])
{
	struct hx_hmac_sha256 h;

	hx_hmac_sha256_init(&h, key, key_bytes);
	hx_hmac_sha256_update(&h, bytes, n);
	hx_hmac_sha256_final(&h, mac);
}
