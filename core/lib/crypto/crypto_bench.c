// SPDX-License-Identifier: MIT
/* What the primitives cost, and what the library's own HMAC does. */
#include <hx/core/bench.h>
#include <mbedtls/md.h>

#include "crypto_priv.h"

static const uint8_t key[HX_SHA256_BYTES] = { 1 };

static int hash(struct hx_bench_run *b, size_t n)
{
	static uint8_t bytes[4096];
	uint8_t out[HX_SHA256_BYTES];

	while (hx_bench_more(b)) {
		hx_bench_begin(b);
		hx_sha256(bytes, n, out);
		hx_bench_end(b);
	}
	return 0;
}

HX_BENCH(crypto_sha256_64, "crypto.sha256.32", "hx_sha256() of 32 bytes: one block")
{
	return hash(b, 32);
}

HX_BENCH(crypto_sha256_4k, "crypto.sha256.4k", "hx_sha256() of 4,096 bytes")
{
	b->n_max = (uint32_t)hx_min_u64(b->n_max, 200);
	return hash(b, 4096);
}

HX_BENCH(crypto_hmac, "crypto.hmac", "hx_hmac_sha256() of 32 bytes with a key of 32")
{
	uint8_t text[HX_SHA256_BYTES] = { 2 }, mac[HX_SHA256_BYTES];

	while (hx_bench_more(b)) {
		hx_bench_begin(b);
		hx_hmac_sha256(key, sizeof(key), text, sizeof(text), mac);
		hx_bench_end(b);
	}
	return 0;
}

HX_BENCH(crypto_hmac_library, "crypto.hmac.library",
	 "the same by mbedtls_md_hmac(), which takes and gives back memory")
{
	const mbedtls_md_info_t *info = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
	uint8_t text[HX_SHA256_BYTES] = { 2 }, mac[HX_SHA256_BYTES];
	int said = 0;

	while (said == 0 && hx_bench_more(b)) {
		hx_bench_begin(b);
		said = mbedtls_md_hmac(info, key, sizeof(key), text, sizeof(text), mac);
		hx_bench_end(b);
	}
	return said == 0 ? 0 : -HX_ENOMEM;
}
