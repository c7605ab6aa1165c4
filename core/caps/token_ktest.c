// SPDX-License-Identifier: MIT
/* Tokens in the booted kernel: there and back, changed, too late, revoked. */
#include <hx/core/ktest.h>
#include <hx/core/token.h>
#include <hx/hal/timer.h>

#include "caps_priv.h"

#define RWG	(HX_CAP_READ | HX_CAP_WRITE | HX_CAP_DELEGATE)

static struct hx_cap_object object;
static struct hx_cap_table own, other;

static void there_and_back(struct hx_ktest_run *t, const struct hx_token_issuer *issuer,
			   hx_cap_t cap)
{
	struct hx_token token, back;
	struct hx_cap_info info;
	char text[HX_TOKEN_TEXT_MAX];
	hx_cap_t handle;

	hx_require(t, hx_token_mint(issuer, cap, RWG, HX_FOREVER, &token) == 0);
	hx_require(t, hx_token_narrow(&token, HX_CAP_READ, HX_FOREVER) == 0);
	hx_token_to_text(&token, text);
	hx_require(t, hx_token_from_text(text, &back) == 0);
	hx_require(t, hx_token_accept(issuer, &back, &other, &handle) == 0);
	hx_require(t, hx_cap_info(&other, handle, &info) == 0);
	hx_expect(t, info.rights == HX_CAP_READ && info.type == HX_CAP_CUSTOM);
	for (unsigned bit = 0; bit < 8 * back.len; bit += 7) {
		back = token;
		back.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		hx_expect(t, hx_token_accept(issuer, &back, &other, &handle) != 0);
	}
	hx_require(t, hx_token_mint(issuer, cap, RWG, hx_now_ns(), &back) == 0);
	hx_expect(t, hx_token_accept(issuer, &back, &other, &handle) == -HX_ETIMEDOUT);
	hx_expect(t, hx_cap_revoke(&own, cap) == 0);
	hx_expect(t, hx_token_accept(issuer, &token, &other, &handle) == -HX_EBADF);
	hx_expect(t, other.n_used == 0);
}

HX_KTEST(tokens_come_back_as_handles)
{
	static const struct hx_token_issuer issuer = { .table = &own, .id = 3, .key = { 1, 2, 3 } };
	hx_cap_t cap;

	hx_cap_object_init(&object, HX_CAP_CUSTOM, NULL);
	hx_cap_table_init(&own, NULL, 10, 0);
	hx_cap_table_init(&other, NULL, 10, 0);
	if (hx_cap_create(&own, &object, RWG, HX_FOREVER, &cap) == 0)
		there_and_back(t, &issuer, cap);
	else
		hx_ktest_fail(t, __FILE_NAME__, __LINE__, "a capability");
	hx_cap_table_fini(&own);
	hx_cap_table_fini(&other);
	hx_expect(t, object.n_refs == 1 && object.roots == NULL);
}
