/* SPDX-License-Identifier: MIT */
/*
 * Tokens: the specified bits, every bit of them guarded, and nobody who has no key gets more out of
 * one than was put in.
 */
#include "hx_test.h"
#include <hx/core/token.h>

#include "caps_priv.h"

#define NOISE	1000000u
#define FORGED	100000u
#define RWG	(HX_CAP_READ | HX_CAP_WRITE | HX_CAP_DELEGATE)

static struct hx_cap_object object;
static struct hx_cap_table own, other;
static struct hx_token_issuer issuer = { .table = &own, .id = 7 };
static hx_cap_t cap;

static int setup(void **state)
{
	hx_test_machine_usual(16 * HX_MIB);
	hx_test_start("caps");
	for (unsigned i = 0; i < sizeof(issuer.key); i++)
		issuer.key[i] = (uint8_t)i;
	hx_cap_object_init(&object, HX_CAP_FILE, NULL);
	hx_cap_table_init(&own, "own", 100, 0);
	hx_cap_table_init(&other, "other", 100, 0);
	return hx_cap_create(&own, &object, RWG, HX_FOREVER, &cap);
}

static int teardown(void **state)
{
	hx_cap_table_fini(&own);
	hx_cap_table_fini(&other);
	hx_test_machine_end();
	return 0;
}

static struct hx_token minted(uint32_t rights)
{
	struct hx_token t;

	assert_int_equal(hx_token_mint(&issuer, cap, rights, HX_FOREVER, &t), 0);
	return t;
}

static int verdict(const struct hx_token *t)
{
	struct hx_token_claims claims;

	return hx_token_verify(&issuer, t, &claims);
}

/* What docs/spec/token.md shows; made by Python's hmac. */
static const char spec_text[] =
	"SHhUMQAGAAAHAAAAAAAAAAUAAAADAAAAQwAAAAAAAAAAypo7AAAAAM3G2rsNn9HuNihwUtY1"
	"8QdpII5kcHLp5IR0WmdnOInf";
static const char spec_narrowed_text[] =
	"SHhUMQIGAAAHAAAAAAAAAAUAAAADAAAAQwAAAAAAAAAAypo7AAAAAAEAAAADAAAA________"
	"__8BAAAAQQAAAABlzR0AAAAAOV-UolbGxmWq_TMNU1llV5X94TXF--KD-ki_bCBiu7A";

static void the_bits_are_as_specified(void **state)
{
	struct hx_token_claims claims;
	struct hx_token t;
	char text[HX_TOKEN_TEXT_MAX];

	assert_int_equal(hx_token_from_text(spec_text, &t), 0);
	assert_int_equal(hx_token_verify(&issuer, &t, &claims), 0);
	assert_int_equal(claims.cap, (hx_cap_t)3 << 32 | 5);
	assert_int_equal(claims.type, HX_CAP_FILE);
	assert_int_equal(claims.rights, RWG);
	assert_int_equal(claims.expires_ns, HX_NS_PER_S);
	assert_int_equal(hx_token_narrow(&t, HX_CAP_READ | HX_CAP_WRITE, HX_FOREVER), 0);
	assert_int_equal(hx_token_narrow(&t, HX_CAP_READ | HX_CAP_DELEGATE, HX_NS_PER_S / 2), 0);
	hx_token_to_text(&t, text);
	assert_string_equal(text, spec_narrowed_text);
	assert_int_equal(hx_token_verify(&issuer, &t, &claims), 0);
	assert_int_equal(claims.rights, HX_CAP_READ);
	assert_int_equal(claims.expires_ns, HX_NS_PER_S / 2);
	assert_int_equal(claims.n_links, 2);
}

static void minting_gives_what_the_capability_has(void **state)
{
	struct hx_token t;
	hx_cap_t plain;

	assert_int_equal(hx_token_mint(&issuer, cap, RWG | HX_CAP_ADMIN, HX_FOREVER, &t),
			 -HX_EACCES);
	assert_int_equal(hx_token_mint(&issuer, cap, 0, HX_FOREVER, &t), -HX_EINVAL);
	assert_int_equal(hx_token_mint(&issuer, cap, 0x100, HX_FOREVER, &t), -HX_EINVAL);
	assert_int_equal(hx_token_mint(&issuer, cap + 1, RWG, HX_FOREVER, &t), -HX_EBADF);
	assert_int_equal(hx_cap_derive(&own, cap, &own, HX_CAP_READ, HX_FOREVER, &plain), 0);
	assert_int_equal(hx_token_mint(&issuer, plain, HX_CAP_READ, HX_FOREVER, &t), -HX_EACCES);
}

static int check(hx_cap_t handle, uint32_t rights)
{
	struct hx_cap_object *o;
	int err;

	hx_read_begin();
	err = hx_cap_check(&other, handle, HX_CAP_FILE, rights, &o);
	hx_read_end();
	return err;
}

static void accepted_it_is_a_handle_that_can_be_recalled(void **state)
{
	struct hx_token t = minted(RWG);
	hx_cap_t handle, again;

	assert_int_equal(hx_token_narrow(&t, HX_CAP_READ, HX_FOREVER), 0);
	assert_int_equal(hx_token_accept(&issuer, &t, &other, &handle), 0);
	assert_int_equal(check(handle, HX_CAP_READ), 0);
	assert_int_equal(check(handle, HX_CAP_WRITE), -HX_EACCES);
	assert_int_equal(hx_cap_recall(&own, cap), 0);
	assert_int_equal(check(handle, HX_CAP_READ), -HX_EBADF);
	assert_int_equal(hx_token_accept(&issuer, &t, &other, &handle), 0);
	assert_int_equal(hx_cap_revoke(&own, cap), 0);
	assert_int_equal(hx_token_accept(&issuer, &t, &other, &again), -HX_EBADF);
	/* The slot is another capability's now; the token does not mean that one. */
	assert_int_equal(hx_cap_create(&own, &object, HX_CAP_RIGHTS_ALL & ~HX_CAP_EXCLUSIVE,
				       HX_FOREVER, &cap), 0);
	assert_int_equal(hx_token_accept(&issuer, &t, &other, &again), -HX_EBADF);
}

static void it_expires(void **state)
{
	struct hx_token t, narrowed;
	hx_cap_t handle;

	assert_int_equal(hx_token_mint(&issuer, cap, RWG, hx_now_ns() + 2000, &t), 0);
	narrowed = t;
	assert_int_equal(hx_token_narrow(&narrowed, RWG, hx_now_ns() + 1000), 0);
	assert_int_equal(hx_token_narrow(&narrowed, RWG, HX_FOREVER), 0);
	assert_int_equal(hx_token_accept(&issuer, &narrowed, &other, &handle), 0);
	hx_host_advance_ns(1000);
	assert_int_equal(verdict(&narrowed), -HX_ETIMEDOUT);
	assert_int_equal(check(handle, HX_CAP_READ), -HX_ETIMEDOUT);
	assert_int_equal(verdict(&t), 0);
	hx_host_advance_ns(1000);
	assert_int_equal(verdict(&t), -HX_ETIMEDOUT);
}

static void links_have_an_end(void **state)
{
	struct hx_token t = minted(RWG);
	char text[HX_TOKEN_TEXT_MAX];
	struct hx_token back;

	for (unsigned i = 0; i < HX_TOKEN_LINKS_MAX; i++)
		assert_int_equal(hx_token_narrow(&t, HX_CAP_READ, HX_FOREVER), 0);
	assert_int_equal(hx_token_narrow(&t, HX_CAP_READ, HX_FOREVER), -HX_ENOSPC);
	assert_int_equal(verdict(&t), 0);
	hx_token_to_text(&t, text);
	assert_int_equal(strlen(text), 224);
	assert_int_equal(hx_token_from_text(text, &back), 0);
	assert_memory_equal(&back, &t, sizeof(t));
	t = minted(RWG);
	assert_int_equal(hx_token_narrow(&t, HX_CAP_ADMIN, HX_FOREVER), 0);
	assert_int_equal(verdict(&t), -HX_EACCES);
}

static void every_bit_counts(void **state)
{
	struct hx_token good = minted(RWG), t;

	assert_int_equal(hx_token_narrow(&good, HX_CAP_READ, HX_FOREVER), 0);
	assert_int_equal(hx_token_narrow(&good, HX_CAP_READ, HX_FOREVER), 0);
	for (unsigned bit = 0; bit < 8 * good.len; bit++) {
		t = good;
		t.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_not_equal(verdict(&t), 0);
	}
	for (uint32_t len = 0; len < HX_TOKEN_MAX_BYTES + 20; len++) {
		t = good;
		t.len = len;
		assert_int_equal(verdict(&t), len == good.len ? 0 : -HX_EPROTO);
	}
	issuer.key[31] ^= 1;
	assert_int_equal(verdict(&good), -HX_EBADMSG);
	issuer.key[31] ^= 1;
	issuer.id++;
	assert_int_equal(verdict(&good), -HX_ENOENT);
	issuer.id--;
}

/* What somebody without the key can do to the tokens that came by: narrow, cut links out, swap,
 * exchange MACs, set numbers. */
static void forge(struct hx_token *t, const struct hx_token *seen, unsigned n_seen, uint64_t *seed)
{
	const struct hx_token *from = &seen[hx_test_random_below(seed, n_seen)];
	unsigned at = (unsigned)hx_test_random_below(seed, t->len);
	unsigned len = (unsigned)hx_test_random_below(seed, 40);

	switch (hx_test_random_below(seed, 6)) {
	case 0:
		(void)!hx_token_narrow(t, (uint32_t)hx_test_random(seed), HX_FOREVER);
		break;
	case 1:		/* bytes of another one */
		for (unsigned i = 0; i < len && at + i < t->len && at + i < from->len; i++)
			t->bytes[at + i] = from->bytes[at + i];
		break;
	case 2:		/* another one's MAC */
		memcpy(t->bytes + t->len - 32, from->bytes + from->len - 32, 32);
		break;
	case 3:		/* the last link away, the MAC kept */
		if (t->bytes[4] == 0)
			break;
		t->bytes[4]--;
		t->len -= HX_TOKEN_LINK_BYTES;
		memmove(t->bytes + t->len - 32, t->bytes + t->len - 16, 32);
		break;
	case 4:
		t->bytes[24] = (uint8_t)hx_test_random(seed);	/* rights */
		break;
	default:
		t->bytes[at] = (uint8_t)hx_test_random(seed);
	}
}

static void nobody_widens_one(void **state)
{
	uint64_t seed = hx_test_seed();
	struct hx_token seen[8], t;
	unsigned n_true = 0;

	/* All allow READ only; the whole that they were narrowed from nobody saw. */
	for (unsigned i = 0; i < HX_ARRAY_LEN(seen); i++) {
		seen[i] = minted(i % 2 ? HX_CAP_READ : RWG);
		assert_int_equal(hx_token_narrow(&seen[i], HX_CAP_READ, HX_FOREVER), 0);
		for (unsigned k = 0; k < i / 2; k++)
			assert_int_equal(hx_token_narrow(&seen[i], HX_CAP_READ | 1u << k,
							 HX_FOREVER), 0);
	}
	for (unsigned i = 0; i < FORGED; i++) {
		struct hx_token_claims claims;

		t = seen[hx_test_random_below(&seed, HX_ARRAY_LEN(seen))];
		for (uint64_t n = hx_test_random_below(&seed, 4) + 1; n > 0; n--)
			forge(&t, seen, HX_ARRAY_LEN(seen), &seed);
		if (hx_token_verify(&issuer, &t, &claims) != 0)
			continue;
		assert_int_equal(claims.rights, HX_CAP_READ);
		assert_int_equal(claims.cap, cap);
		n_true++;
	}
	assert_in_range(n_true, FORGED / 100, FORGED / 2);
}

static void noise_is_refused(void **state)
{
	uint64_t seed = hx_test_seed(), r;
	char text[HX_TOKEN_TEXT_MAX + 8];
	struct hx_token t, back;

	for (unsigned i = 0; i < NOISE; i++) {
		t.len = (uint32_t)hx_test_random_below(&seed, HX_TOKEN_MAX_BYTES + 8);
		for (unsigned k = 0; k < HX_TOKEN_MAX_BYTES; k += 8) {
			r = hx_test_random(&seed);
			memcpy(t.bytes + k, &r, 8);
		}
		if (i % 2) {	/* a head that comes further */
			memcpy(t.bytes, "HxT1\0\6\0\0\7\0\0\0\0\0\0", 16);
			memset(t.bytes + 28, 0, 4);
		}
		if (i % 64 == 1)
			t.len = HX_TOKEN_MIN_BYTES;
		assert_int_not_equal(verdict(&t), 0);
		memcpy(text, t.bytes, sizeof(t.bytes));
		text[t.len % sizeof(t.bytes)] = '\0';
		if (hx_token_from_text(text, &back) == 0)
			assert_true(back.len <= HX_TOKEN_MAX_BYTES);
	}
	/* One text for each token: bits behind the end, padding and other alphabets are refused. */
	assert_int_equal(hx_token_from_text("QQ", &back), 0);
	assert_int_equal(hx_token_from_text("QR", &back), -HX_EPROTO);
	assert_int_equal(hx_token_from_text("QQ==", &back), -HX_EPROTO);
	assert_int_equal(hx_token_from_text("Q", &back), -HX_EPROTO);
	assert_int_equal(hx_token_from_text("ab+/", &back), -HX_EPROTO);
	memset(text, 'A', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(hx_token_from_text(text, &back), -HX_EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		CASE(the_bits_are_as_specified),
		CASE(minting_gives_what_the_capability_has),
		CASE(accepted_it_is_a_handle_that_can_be_recalled),
		CASE(it_expires),
		CASE(links_have_an_end),
		CASE(every_bit_counts),
		CASE(nobody_widens_one),
		CASE(noise_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
