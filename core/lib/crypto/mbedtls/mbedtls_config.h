/* SPDX-License-Identifier: MIT */
/*
 * What of Mbed TLS is compiled, and what it gets from us. Read by the library's own sources in
 * place of their config.h.
 */
#ifndef HX_CORE_LIB_CRYPTO_MBEDTLS_CONFIG_H
#define HX_CORE_LIB_CRYPTO_MBEDTLS_CONFIG_H

#include <stddef.h>

/* memory.c */
void *crypto_calloc(size_t n, size_t size_bytes);
void crypto_free(void *block);

#define MBEDTLS_PLATFORM_C
#define MBEDTLS_PLATFORM_MEMORY
#define MBEDTLS_PLATFORM_CALLOC_MACRO	crypto_calloc
#define MBEDTLS_PLATFORM_FREE_MACRO	crypto_free
#define MBEDTLS_PLATFORM_NO_STD_FUNCTIONS
#define MBEDTLS_PLATFORM_ZEROIZE_ALT
#define MBEDTLS_HAVE_ASM

#define MBEDTLS_SHA256_C
#define MBEDTLS_MD_C

#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C
#define MBEDTLS_BIGNUM_C
#define MBEDTLS_ECDSA_C
#define MBEDTLS_ECP_C
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_NIST_OPTIM
/* Only signatures are verified here: nothing of it is secret, so nothing needs to be blinded. */
#define MBEDTLS_ECP_NO_INTERNAL_RNG
/* No division of 128 bits: that would be a function of the compiler's own library. */
#define MBEDTLS_NO_UDBL_DIVISION

#endif
