// SPDX-License-Identifier: MIT
/*
 * Tokens as text: base64url without padding, strictly: one text for each token.
 */
#include <hx/core/string.h>
#include <hx/core/token.h>

#include "caps_priv.h"

#define TEXT_OF(bytes)	(((bytes) * 4 + 2) / 3)

_Static_assert(TEXT_OF(HX_TOKEN_MAX_BYTES) < HX_TOKEN_TEXT_MAX, "the longest one fits");

static char digit_of(unsigned v)
{
	return (char)(v < 26 ? 'A' + v : v < 52 ? 'a' + v - 26 : v < 62 ? '0' + v - 52
		      : v == 62 ? '-' : '_');
}

/* -1: no digit. */
static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

void hx_token_to_text(const struct hx_token *token, char text[HX_TOKEN_TEXT_MAX])
{
	uint32_t bits = 0, n_bits = 0;
	char *to = text;

	for (unsigned i = 0; i < token->len && i < HX_TOKEN_MAX_BYTES; i++) {
		bits = bits << 8 | token->bytes[i];
		for (n_bits += 8; n_bits >= 6; n_bits -= 6)
			*to++ = digit_of(bits >> (n_bits - 6) & 63);
	}
	if (n_bits != 0)
		*to++ = digit_of(bits << (6 - n_bits) & 63);
	*to = '\0';
}

int hx_token_from_text(const char *text, struct hx_token *token)
{
	size_t len = hx_strnlen(text, HX_TOKEN_TEXT_MAX);
	uint32_t bits = 0, n_bits = 0;
	struct hx_token t = { .len = 0 };

	if (len > TEXT_OF(HX_TOKEN_MAX_BYTES) || len % 4 == 1)
		return -HX_EPROTO;
	for (size_t i = 0; i < len; i++) {
		int v = value_of(text[i]);

		if (v < 0)
			return -HX_EPROTO;
		bits = bits << 6 | (uint32_t)v;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			t.bytes[t.len++] = (uint8_t)(bits >> n_bits);
		}
	}
	if ((bits & ((1u << n_bits) - 1)) != 0)
		return -HX_EPROTO;
	*token = t;
	return 0;
}
