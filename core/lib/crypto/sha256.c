// SPDX-License-Identifier: MIT
/*
 * SHA-256. The library's functions return errors only where hardware may do the work; in software
 * there is nothing that could fail.
 */
#include <hx/core/assert.h>
#include <mbedtls/sha256.h>

#include "crypto_priv.h"

_Static_assert(sizeof(struct hx_sha256) >= sizeof(mbedtls_sha256_context), "large enough");
_Static_assert(_Alignof(struct hx_sha256) >= _Alignof(mbedtls_sha256_context), "aligned");

static mbedtls_sha256_context *context(struct hx_sha256 *s)
{
	return (mbedtls_sha256_context *)s->state_;
}

void hx_sha256_init(struct hx_sha256 *s)
{
	mbedtls_sha256_init(context(s));
	hx_verify(mbedtls_sha256_starts_ret(context(s), 0) == 0);
}

void hx_sha256_update(struct hx_sha256 *s, const void *bytes, size_t n)
{
	hx_verify(mbedtls_sha256_update_ret(context(s), bytes, n) == 0);
}

void hx_sha256_final(struct hx_sha256 *s, uint8_t hash[HX_SHA256_BYTES])
{
	hx_verify(mbedtls_sha256_finish_ret(context(s), hash) == 0);
	mbedtls_sha256_free(context(s));	/* forgets */
}

void hx_sha256(const void *bytes, size_t n, uint8_t hash[HX_SHA256_BYTES])
{
	struct hx_sha256 s;

	hx_sha256_init(&s);
	hx_sha256_update(&s, bytes, n);
	hx_sha256_final(&s, hash);
}
