// SPDX-License-Identifier: MIT
/*
 * What the library asks of its platform: memory, and forgetting.
 */
#include <hx/core/heap.h>
#include <mbedtls/platform_util.h>

#include "crypto_priv.h"

void *crypto_calloc(size_t n, size_t size_bytes)
{
	return hx_calloc(n, size_bytes);
}

void crypto_free(void *block)
{
	hx_free(block);
}

void hx_forget(void *secret, size_t n)
{
	memset(secret, 0, n);
	/* Whoever reads assembly could look at it now, so it must be there. */
	__asm__ volatile("" : : "r"(secret) : "memory");
}

void mbedtls_platform_zeroize(void *buf, size_t len)
{
	hx_forget(buf, len);
}
