// SPDX-License-Identifier: MIT
/* What a token costs; crypto.hmac.library is what one MAC of it costs with the library alone. */
#include <hx/core/bench.h>
#include <hx/core/token.h>

#include "caps_priv.h"

static struct hx_cap_object object;
static struct hx_cap_table table;
static struct hx_token_issuer issuer = { .table = &table, .id = 1, .key = { 1 } };

static int enter(struct hx_token *token)
{
	hx_cap_t cap;
	int err;

	hx_cap_object_init(&object, HX_CAP_CUSTOM, NULL);
	hx_cap_table_init(&table, NULL, 100, 0);
	err = hx_cap_create(&table, &object, HX_CAP_READ | HX_CAP_DELEGATE, HX_FOREVER, &cap);
	if (err == 0)
		err = hx_token_mint(&issuer, cap, HX_CAP_READ, HX_FOREVER, token);
	for (unsigned i = 0; err == 0 && i < 2; i++)
		err = hx_token_narrow(token, HX_CAP_READ, HX_FOREVER);
	return err;
}

static void leave(void)
{
	hx_cap_table_fini(&table);
	hx_cap_object_end(&object);
}

HX_BENCH(token_verify, "token.verify", "hx_token_verify() of a token with two links: three MACs")
{
	struct hx_token_claims claims;
	struct hx_token token;
	int err = enter(&token);

	while (err == 0 && hx_bench_more(b)) {
		hx_bench_begin(b);
		err = hx_token_verify(&issuer, &token, &claims);
		hx_bench_end(b);
	}
	leave();
	return err;
}

HX_BENCH(token_hmac, "token.hmac", "the three MACs of the same lengths alone, hx_hmac_sha256()")
{
	uint8_t mac[HX_SHA256_BYTES] = { 1 };
	struct hx_token token;
	int err = enter(&token);

	while (err == 0 && hx_bench_more(b)) {
		hx_bench_begin(b);
		hx_hmac_sha256(issuer.key, sizeof(issuer.key), token.bytes, HX_TOKEN_HEAD_BYTES,
			       mac);
		hx_hmac_sha256(mac, sizeof(mac), token.bytes + 40, HX_TOKEN_LINK_BYTES, mac);
		hx_hmac_sha256(mac, sizeof(mac), token.bytes + 56, HX_TOKEN_LINK_BYTES, mac);
		hx_bench_end(b);
	}
	leave();
	return err;
}
