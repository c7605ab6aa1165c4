// SPDX-License-Identifier: MIT
/* What a signature costs. */
#include <hx/core/bench.h>

#include "crypto_priv.h"

/* SEC 2, 2.4.2: the base point is a key as good as any; the signature is well formed and wrong. */
static const uint8_t base_point[HX_P256_KEY_BYTES] = {
	4,
	0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63,
	0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1,
	0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f,
	0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57,
	0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
};

HX_BENCH(crypto_ecdsa_verify, "crypto.ecdsa.verify", "hx_ecdsa_p256_verify(), all of its steps")
{
	uint8_t digest[HX_SHA256_BYTES], sig[HX_P256_SIGNATURE_BYTES];
	int err = -HX_EBADMSG;

	hx_sha256("signed", 6, digest);
	/* Three numbers without relation: then both factors of the curve's points are long ones. */
	hx_sha256("r", 1, sig);
	hx_sha256("s", 1, sig + HX_SHA256_BYTES);
	b->n_max = (uint32_t)hx_min_u64(b->n_max, 5);
	while (err == -HX_EBADMSG && hx_bench_more(b)) {
		hx_bench_begin(b);
		err = hx_ecdsa_p256_verify(base_point, digest, sig);
		hx_bench_end(b);
	}
	return err == -HX_EBADMSG ? 0 : -HX_EINVAL;
}
