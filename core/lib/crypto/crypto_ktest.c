// SPDX-License-Identifier: MIT
/*
 * The primitives in the booted kernel, against the same answers as on the host: other flags, other
 * memory functions, no SSE.
 */
#include <hx/core/ktest.h>

#include "tests/vectors.h"

#define MONTE_ROUNDS	5u
#define SIGNATURES	6u	/* some 100 ms each under emulation */

HX_KTEST(crypto_hashes_are_right)
{
	hx_expect(t, wrong_hashes() == 0);
	hx_expect(t, wrong_monte(MONTE_ROUNDS) == 0);
}

HX_KTEST(crypto_macs_are_right)
{
	hx_expect(t, wrong_macs() == 0);
}

HX_KTEST(crypto_signatures_are_judged_right)
{
	hx_expect(t, wrong_signatures(SIGNATURES) == 0);
}
