// SPDX-License-Identifier: MIT
/*
 * ECDSA on P-256, the half that verifies. Key, digest and signature may all come from outside.
 */
#include <mbedtls/ecdsa.h>

#include "crypto_priv.h"

#define WORD	32u	/* bytes of a coordinate, of r and of s */

/* The library's numbers need memory; whatever else it says is said of the signature. */
static int verdict(int said)
{
	if (said == MBEDTLS_ERR_MPI_ALLOC_FAILED || said == MBEDTLS_ERR_ECP_ALLOC_FAILED)
		return -HX_ENOMEM;
	return said == 0 ? 0 : -HX_EBADMSG;
}

static int read_key(mbedtls_ecp_group *group, mbedtls_ecp_point *point,
		    const uint8_t key[HX_P256_KEY_BYTES])
{
	int said = mbedtls_ecp_group_load(group, MBEDTLS_ECP_DP_SECP256R1);

	if (said == 0)
		said = mbedtls_ecp_point_read_binary(group, point, key, HX_P256_KEY_BYTES);
	if (said == 0)
		said = mbedtls_ecp_check_pubkey(group, point);
	return verdict(said) == -HX_EBADMSG ? -HX_EINVAL : verdict(said);
}

int hx_ecdsa_p256_verify(const uint8_t key[HX_P256_KEY_BYTES],
			 const uint8_t digest[HX_SHA256_BYTES],
			 const uint8_t signature[HX_P256_SIGNATURE_BYTES])
{
	mbedtls_ecp_group group;
	mbedtls_ecp_point point;
	mbedtls_mpi r, s;
	int err;

	mbedtls_ecp_group_init(&group);
	mbedtls_ecp_point_init(&point);
	mbedtls_mpi_init(&r);
	mbedtls_mpi_init(&s);
	err = read_key(&group, &point, key);
	if (err == 0)
		err = verdict(mbedtls_mpi_read_binary(&r, signature, WORD));
	if (err == 0)
		err = verdict(mbedtls_mpi_read_binary(&s, signature + WORD, WORD));
	if (err == 0)
		err = verdict(mbedtls_ecdsa_verify(&group, digest, HX_SHA256_BYTES, &point, &r,
						   &s));
	mbedtls_mpi_free(&s);
	mbedtls_mpi_free(&r);
	mbedtls_ecp_point_free(&point);
	mbedtls_ecp_group_free(&group);
	return err;
}
