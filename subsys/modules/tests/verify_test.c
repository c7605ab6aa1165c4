// SPDX-License-Identifier: MIT
/*
 * Signatures: one that scripts/hxsign made, with a key made for this test alone, and every way to
 * spoil it.
 */
#include "hx_test.h"
#include <hx/config/subsys_modules.h>
#include <hx/core/crypto.h>

#include "modules_priv.h"

static const uint8_t key[65] = {
	0x04, 0xf0, 0x4b, 0x2a, 0x6b, 0xa4, 0xdf, 0xff, 0x97, 0x87, 0xc2, 0xbd,
	0xca, 0x72, 0x43, 0xf7, 0x53, 0x88, 0xdc, 0xa3, 0x4f, 0x00, 0x86, 0xf7,
	0x50, 0x2e, 0x77, 0xf9, 0x26, 0xce, 0x4d, 0x53, 0xb8, 0xb4, 0x26, 0xe1,
	0xb2, 0xb8, 0x41, 0x3d, 0xce, 0x97, 0xcc, 0x3e, 0x99, 0x27, 0xe3, 0x15,
	0xd2, 0x63, 0x7f, 0x50, 0xb9, 0x1f, 0x0f, 0x18, 0x28, 0x6e, 0xf5, 0x6c,
	0x2e, 0x9f, 0x9a, 0xca, 0xf6,
};

/* The bytes 0 to 63, and the 96 that hxsign put behind them. */
static const uint8_t signature[HKO_SIGNATURE_BYTES] = {
	0x48, 0x58, 0x53, 0x49, 0x47, 0x4e, 0x31, 0x00, 0x01, 0x00, 0x00, 0x00,
	0x60, 0x00, 0x00, 0x00, 0x29, 0xf0, 0x3e, 0xdc, 0x57, 0x29, 0x31, 0x36,
	0xbb, 0x2d, 0xb6, 0x2a, 0xb7, 0x72, 0xb7, 0x1a, 0x3e, 0xb6, 0x6f, 0x04,
	0x8e, 0xd4, 0x04, 0x1e, 0x86, 0x48, 0x86, 0xa0, 0x75, 0x96, 0xa3, 0x04,
	0xad, 0x28, 0x73, 0xfd, 0xd1, 0x19, 0xc8, 0xc1, 0xdb, 0xd8, 0x61, 0x9d,
	0x67, 0x04, 0x0f, 0xa2, 0xbc, 0xe5, 0x96, 0x26, 0x88, 0xe5, 0x94, 0xed,
	0x57, 0xc3, 0x67, 0x72, 0x5c, 0x75, 0xa1, 0xc4, 0x06, 0x65, 0x34, 0xdd,
	0x02, 0xa7, 0xb6, 0x01, 0xee, 0x42, 0x65, 0x53, 0x29, 0xbe, 0xae, 0x78,
};

static uint8_t file[64 + HKO_SIGNATURE_BYTES] HX_ALIGNED(8);
static uint8_t key_id[HX_SHA256_BYTES];
static struct hko_why why;
static bool is_signed;

static int set_up(void **state)
{
	const struct hx_test_machine m = { .mem_bytes = 64 << 20, .components = "heap threads",
					   .cmdline = "helix.slot.heap=slab" };

	for (unsigned i = 0; i < 64; i++)
		file[i] = (uint8_t)i;
	memcpy(file + 64, signature, sizeof(signature));
	hx_sha256(key, sizeof(key), key_id);
	return hx_test_machine_start(&m);
}

static int tear_down(void **state)
{
	return hx_test_machine_stop();
}

static int verify(size_t bytes, size_t *left)
{
	memset(&why, 0, sizeof(why));
	*left = bytes;
	return module_verify_by(key, key_id, file, left, &is_signed, &why);
}

static void a_good_one_is_taken(void **state)
{
	size_t left;

	assert_int_equal(verify(sizeof(file), &left), 0);
	assert_true(is_signed);
	assert_int_equal(left, 64);
}

static void what_is_not_signed_is_told(void **state)
{
	size_t left;
	int err = verify(64, &left);

	assert_int_equal(err, HX_ENABLED(MODULES_SIGNED_ONLY) ? -HX_EACCES : 0);
	assert_false(is_signed);
	assert_int_equal(left, 64);
}

/* Each byte that is covered, and each of the signature itself; a broken magic is no signature. */
static void one_changed_byte_spoils_it(void **state)
{
	size_t left;

	for (unsigned i = 0; i < sizeof(file); i += i >= 64 && i < 96 ? 1 : 13) {
		int err;

		file[i] ^= 0x10;
		err = verify(sizeof(file), &left);
		if (i >= 64 && i < 72)
			assert_false(is_signed);
		else if (err != -HX_EACCES || strstr(why.text, "detail=signature") == NULL)
			fail_msg("byte %u: %d %s", i, err, why.text);
		file[i] ^= 0x10;
	}
	assert_int_equal(verify(sizeof(file), &left), 0);
}

static void another_key_is_named(void **state)
{
	size_t left;

	key_id[0] ^= 1;
	assert_int_equal(verify(sizeof(file), &left), -HX_EACCES);
	assert_non_null(strstr(why.text, "detail=signature-key key="));
	assert_false(is_signed);
}

static void it_may_be_made_longer_by_nobody(void **state)
{
	uint8_t longer[sizeof(file) + 8] HX_ALIGNED(8);
	size_t left = sizeof(longer);

	memset(longer, 0, 8);
	memcpy(longer + 8, file, sizeof(file));
	assert_int_equal(module_verify_by(key, key_id, longer, &left, &is_signed, &why),
			 -HX_EACCES);
	assert_string_equal(why.text, "detail=signature");
}

#define CASE(fn)	cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_good_one_is_taken), CASE(what_is_not_signed_is_told),
		CASE(one_changed_byte_spoils_it), CASE(another_key_is_named),
		CASE(it_may_be_made_longer_by_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
