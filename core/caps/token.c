// SPDX-License-Identifier: MIT
/*
 * Tokens: a head, links that only take away, and a MAC at the end.
 *
 *	mac 0 = HMAC(key, head)		mac i = HMAC(mac i-1, link i)
 *
 * A token carries the last MAC only. It is the key for one link more, so whoever has the token can
 * add one; for any MAC before it one would have to invert HMAC.
 */
#include <hx/hal/mem.h>
#include <hx/hal/timer.h>

#include "caps_priv.h"
#include <hx/core/token.h>

static const uint8_t magic[4] = { 'H', 'x', 'T', '1' };

/* Offsets; docs/spec/token.md. */
enum {
	HEAD_LINKS = 4, HEAD_TYPE = 5, HEAD_ZERO = 6, HEAD_ISSUER = 8, HEAD_CAP = 16,
	HEAD_RIGHTS = 24, HEAD_ZERO2 = 28, HEAD_EXPIRES = 32,
	LINK_KIND = 0, LINK_RIGHTS = 4, LINK_EXPIRES = 8,
};

#define KIND_NARROW	1u

static void put32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static const uint8_t *link_at(const struct hx_token *t, unsigned i)
{
	return t->bytes + HX_TOKEN_HEAD_BYTES + i * HX_TOKEN_LINK_BYTES;
}

/* The number of links is not part of the first MAC: it was 0 then. */
static void mac_of_head(const struct hx_token_issuer *issuer, const uint8_t *bytes,
			uint8_t mac[HX_SHA256_BYTES])
{
	uint8_t head[HX_TOKEN_HEAD_BYTES];

	memcpy(head, bytes, sizeof(head));
	head[HEAD_LINKS] = 0;
	hx_hmac_sha256(issuer->key, sizeof(issuer->key), head, sizeof(head), mac);
}

/* Its form: lengths, kinds, and zero where nothing is. */
static bool is_well_formed(const struct hx_token *t)
{
	unsigned n;

	if (t->len < HX_TOKEN_MIN_BYTES || t->len > HX_TOKEN_MAX_BYTES ||
	    memcmp(t->bytes, magic, sizeof(magic)) != 0)
		return false;
	n = t->bytes[HEAD_LINKS];
	if (n > HX_TOKEN_LINKS_MAX || t->len != HX_TOKEN_MIN_BYTES + n * HX_TOKEN_LINK_BYTES ||
	    t->bytes[HEAD_TYPE] == 0 || t->bytes[HEAD_TYPE] >= HX_CAP_TYPES ||
	    t->bytes[HEAD_ZERO] != 0 || t->bytes[HEAD_ZERO + 1] != 0 ||
	    get32(t->bytes + HEAD_ZERO2) != 0)
		return false;
	for (unsigned i = 0; i < n; i++)
		if (get32(link_at(t, i) + LINK_KIND) != KIND_NARROW)
			return false;
	return true;
}

int hx_token_mint(const struct hx_token_issuer *issuer, hx_cap_t cap, uint32_t rights,
		  hx_ns_t expires_ns, struct hx_token *out)
{
	struct hx_cap_info info;
	int err;

	if (rights == 0 || (rights & ~HX_CAP_RIGHTS_ALL) != 0)
		return -HX_EINVAL;
	err = hx_cap_info(issuer->table, cap, &info);
	if (err != 0)
		return err;
	if ((rights & ~info.rights) != 0 || (info.rights & HX_CAP_DELEGATE) == 0)
		return -HX_EACCES;
	memset(out, 0, sizeof(*out));
	out->len = HX_TOKEN_MIN_BYTES;
	memcpy(out->bytes, magic, sizeof(magic));
	out->bytes[HEAD_TYPE] = (uint8_t)info.type;
	put64(out->bytes + HEAD_ISSUER, issuer->id);
	put64(out->bytes + HEAD_CAP, cap);
	put32(out->bytes + HEAD_RIGHTS, rights);
	put64(out->bytes + HEAD_EXPIRES, hx_min_u64(expires_ns, info.expires_ns));
	mac_of_head(issuer, out->bytes, out->bytes + HX_TOKEN_HEAD_BYTES);
	return 0;
}

int hx_token_narrow(struct hx_token *token, uint32_t rights, hx_ns_t expires_ns)
{
	uint8_t mac[HX_SHA256_BYTES];
	uint8_t *link;

	if (!is_well_formed(token))
		return -HX_EPROTO;
	if (token->bytes[HEAD_LINKS] == HX_TOKEN_LINKS_MAX)
		return -HX_ENOSPC;
	/* The new link goes where the MAC is, and the MAC behind it. */
	link = token->bytes + token->len - HX_SHA256_BYTES;
	memcpy(mac, link, sizeof(mac));
	put32(link + LINK_KIND, KIND_NARROW);
	put32(link + LINK_RIGHTS, rights);
	put64(link + LINK_EXPIRES, expires_ns);
	hx_hmac_sha256(mac, sizeof(mac), link, HX_TOKEN_LINK_BYTES, link + HX_TOKEN_LINK_BYTES);
	token->bytes[HEAD_LINKS]++;
	token->len += HX_TOKEN_LINK_BYTES;
	hx_forget(mac, sizeof(mac));
	return 0;
}

static bool is_true(const struct hx_token_issuer *issuer, const struct hx_token *t)
{
	uint8_t mac[HX_SHA256_BYTES];
	bool same;

	mac_of_head(issuer, t->bytes, mac);
	for (unsigned i = 0; i < t->bytes[HEAD_LINKS]; i++)
		hx_hmac_sha256(mac, sizeof(mac), link_at(t, i), HX_TOKEN_LINK_BYTES, mac);
	same = hx_equal_ct(mac, t->bytes + t->len - HX_SHA256_BYTES, sizeof(mac));
	hx_forget(mac, sizeof(mac));	/* of a forged token it is the secret */
	return same;
}

int hx_token_verify(const struct hx_token_issuer *issuer, const struct hx_token *token,
		    struct hx_token_claims *claims)
{
	const uint8_t *head = token->bytes;
	struct hx_token_claims c;

	if (!is_well_formed(token))
		return -HX_EPROTO;
	if (get64(head + HEAD_ISSUER) != issuer->id)
		return -HX_ENOENT;
	if (!is_true(issuer, token))
		return -HX_EBADMSG;
	c = (struct hx_token_claims){
		.cap = get64(head + HEAD_CAP), .type = (enum hx_cap_type)head[HEAD_TYPE],
		.rights = get32(head + HEAD_RIGHTS), .expires_ns = get64(head + HEAD_EXPIRES),
		.n_links = head[HEAD_LINKS],
	};
	for (unsigned i = 0; i < c.n_links; i++) {
		c.rights &= get32(link_at(token, i) + LINK_RIGHTS);
		c.expires_ns = hx_min_u64(c.expires_ns, get64(link_at(token, i) + LINK_EXPIRES));
	}
	if (c.expires_ns != HX_FOREVER && hx_now_ns() >= c.expires_ns)
		return -HX_ETIMEDOUT;
	if (c.rights == 0)
		return -HX_EACCES;
	*claims = c;
	return 0;
}

int hx_token_accept(const struct hx_token_issuer *issuer, const struct hx_token *token,
		    struct hx_cap_table *to, hx_cap_t *out)
{
	struct hx_token_claims c;
	int err = hx_token_verify(issuer, token, &c);

	if (err != 0) {
		cap_audit(CAP_DENY, to, HX_CAP_NONE, 0, 0, err);
		return err;
	}
	return hx_cap_derive(issuer->table, c.cap, to, c.rights, c.expires_ns, out);
}
