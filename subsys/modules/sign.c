// SPDX-License-Identifier: MIT
/*
 * The signature at the end of a file: found here, judged by verify.c.
 */
#include <hx/core/string.h>

#include "hko.h"

const struct hko_signature *hko_signature(const void *file, size_t file_bytes, size_t *signed_bytes)
{
	const struct hko_signature *s;

	*signed_bytes = file_bytes;
	if (file_bytes % 8 != 0 || file_bytes < sizeof(*s))
		return NULL;
	s = (const void *)((const uint8_t *)file + file_bytes - sizeof(*s));
	if (memcmp(s->magic, "HXSIGN1", sizeof(s->magic)) != 0)
		return NULL;
	*signed_bytes = file_bytes - sizeof(*s);
	return s;
}
