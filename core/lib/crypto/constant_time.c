// SPDX-License-Identifier: MIT
/*
 * Comparison that takes as long for bytes that differ as for bytes that do not.
 */
#include <mbedtls/constant_time.h>

#include "crypto_priv.h"

bool hx_equal_ct(const void *a, const void *b, size_t n)
{
	return mbedtls_ct_memcmp(a, b, n) == 0;
}
