// SPDX-License-Identifier: MIT
/*
 * Whether a file was signed by who may sign for this kernel. Before this has said yes nothing of
 * the file is believed, where only signed modules are taken.
 */
#include <hx/core/crypto.h>
#include <hx/core/string.h>

#include "modules_priv.h"
#include "subsys/modules/module_key.h"

_Static_assert(HX_P256_KEY_BYTES == sizeof(module_key), "scripts/hxsign");

int module_verify(const void *file, size_t *file_bytes, bool *is_signed, struct hko_why *why)
{
	return module_verify_by(module_key, module_key_id, file, file_bytes, is_signed, why);
}

int module_verify_by(const uint8_t key[HX_P256_KEY_BYTES], const uint8_t key_id[16],
		     const void *file, size_t *file_bytes, bool *is_signed, struct hko_why *why)
{
	size_t signed_bytes, all = *file_bytes;
	const struct hko_signature *s = hko_signature(file, all, &signed_bytes);
	uint8_t digest[HX_SHA256_BYTES];
	int err;

	*is_signed = false;
	*file_bytes = signed_bytes;
	if (s == NULL)
		return HX_ENABLED(MODULES_SIGNED_ONLY) ?
		       hko_refuse(why, -HX_EACCES, "detail=unsigned") : 0;
	if (s->algorithm != 1 || s->size != sizeof(*s))
		return hko_refuse(why, -HX_EACCES, "detail=signature-algorithm algorithm=%u",
				  s->algorithm);
	if (memcmp(s->key_id, key_id, sizeof(s->key_id)) != 0)
		return hko_refuse(why, -HX_EACCES, "detail=signature-key key=%02x%02x%02x%02x",
				  s->key_id[0], s->key_id[1], s->key_id[2], s->key_id[3]);
	/* All but r and s: the other words of the signature are signed as well. */
	hx_sha256(file, all - sizeof(s->r_s), digest);
	err = hx_ecdsa_p256_verify(key, digest, s->r_s);
	if (err == -HX_ENOMEM)
		return hko_refuse(why, err, "detail=memory");
	if (err != 0)
		return hko_refuse(why, -HX_EACCES, "detail=signature");
	*is_signed = true;
	return 0;
}
