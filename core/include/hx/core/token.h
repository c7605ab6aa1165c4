/* SPDX-License-Identifier: MIT */
/*
 * Tokens: a capability that leaves the kernel, as bytes or as text, and comes back as a handle.
 * docs/spec/token.md has every bit. Who holds one may narrow it without any key; nobody can widen
 * it. Chosen with CONFIG_CAPS_TOKENS.
 *
 *	hx_token_mint(&issuer, cap, HX_CAP_READ, HX_FOREVER, &token);	in the kernel
 *	hx_token_narrow(&token, HX_CAP_READ, in_an_hour);		anywhere
 *	hx_token_accept(&issuer, &token, table, &handle);		in the kernel again, once
 *
 * What comes back is derived from the capability that it was minted of, so it goes with it.
 */
#ifndef HX_CORE_TOKEN_H
#define HX_CORE_TOKEN_H

#include <hx/base.h>
#include <hx/core/caps.h>
#include <hx/core/crypto.h>

#define HX_TOKEN_HEAD_BYTES	40u
#define HX_TOKEN_LINK_BYTES	16u
#define HX_TOKEN_LINKS_MAX	6u
#define HX_TOKEN_MIN_BYTES	(HX_TOKEN_HEAD_BYTES + HX_SHA256_BYTES)
#define HX_TOKEN_MAX_BYTES	(HX_TOKEN_MIN_BYTES + HX_TOKEN_LINKS_MAX * HX_TOKEN_LINK_BYTES)
#define HX_TOKEN_TEXT_MAX	225u	/* of text with the NUL */

struct hx_token {
	uint32_t len;				/* bytes in use */
	uint8_t bytes[HX_TOKEN_MAX_BYTES];
};

/* Who mints and accepts: a table, and a key that nobody else has. */
struct hx_token_issuer {
	struct hx_cap_table *table;	/* what tokens are minted of is in here */
	uint64_t id;			/* of the key; in each token */
	uint8_t key[HX_SHA256_BYTES];
};

/* What a token says, when it is true. */
struct hx_token_claims {
	hx_cap_t cap;			/* in the issuer's table */
	enum hx_cap_type type;
	uint32_t rights;		/* what all links leave of them */
	hx_ns_t expires_ns;		/* the earliest; HX_FOREVER: never */
	uint32_t n_links;
};

/**
 * hx_token_mint() - a token of a capability.
 * @issuer:     whose table it is in
 * @cap:        the capability, with HX_CAP_DELEGATE
 * @rights:     not 0; a part of its rights
 * @expires_ns: point in time (hx_now_ns()); later than the capability's means as the capability's
 * @out:        receives the token; untouched on error
 *
 * Returns: 0; -HX_EINVAL rights; -HX_EBADF no such capability; -HX_EACCES @rights has more than it,
 *          or DELEGATE is missing.
 * Context: any but NMI.
 * Locks:   the object's.
 * Owner:   @out is the caller's.
 * Cost:    a MAC.
 * Source:  Birgisson et al., Macaroons (NDSS 2014); docs/spec/token.md.
 */
HX_MUST_CHECK int hx_token_mint(const struct hx_token_issuer *issuer, hx_cap_t cap, uint32_t rights,
				hx_ns_t expires_ns, struct hx_token *out);

/**
 * hx_token_narrow() - take something away, without a key; nobody can give it back.
 * @token:      a token, which need not be true
 * @rights:     what is left at most
 * @expires_ns: when it ends at the latest
 *
 * Returns: 0; -HX_EPROTO it is no token; -HX_ENOSPC it has HX_TOKEN_LINKS_MAX links.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a MAC.
 * Source:  as hx_token_mint().
 */
HX_MUST_CHECK int hx_token_narrow(struct hx_token *token, uint32_t rights, hx_ns_t expires_ns);

/**
 * hx_token_verify() - whether a token is true, and what it says.
 * @issuer: who minted it
 * @token:  anything; from outside
 * @claims: filled; untouched on error
 *
 * Returns: 0; -HX_EPROTO it is no token; -HX_ENOENT another key's; -HX_EBADMSG not minted with the
 *          key, or changed; -HX_ETIMEDOUT expired; -HX_EACCES no right is left.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    a MAC for the head and for each link; the comparison takes the same time wherever they
 *          differ.
 * Source:  as hx_token_mint().
 */
HX_MUST_CHECK int hx_token_verify(const struct hx_token_issuer *issuer,
				  const struct hx_token *token, struct hx_token_claims *claims);

/**
 * hx_token_accept() - a token becomes a handle: verified here, and not again with each use.
 * @issuer: who minted it
 * @token:  anything; from outside
 * @to:     the table that gets the capability
 * @out:    receives its handle; untouched on error
 *
 * Returns: 0; as hx_token_verify(), or as hx_cap_derive() from the capability it was minted of:
 *          -HX_EBADF means that this was dropped or revoked.
 * Context: thread, may sleep; not in a reader's section.
 * Locks:   as hx_cap_derive().
 * Owner:   @to holds it; it goes when the issuer recalls what was derived.
 * Cost:    verify and derive.
 * Source:  -
 */
HX_MUST_CHECK int hx_token_accept(const struct hx_token_issuer *issuer,
				  const struct hx_token *token, struct hx_cap_table *to,
				  hx_cap_t *out);

/**
 * hx_token_to_text() - a token as text: base64url without padding.
 * hx_token_from_text() - text as a token; whether it is one is for the others to say.
 * @token: the token; from_text: filled, untouched on error
 * @text:  to_text: receives at most HX_TOKEN_TEXT_MAX bytes with the NUL; from_text: from outside
 *
 * Returns: from_text: 0; -HX_EPROTO a character, a length or bits behind the end that no token has.
 * Context: any.
 * Locks:   none.
 * Owner:   -
 * Cost:    O(length).
 * Source:  RFC 4648, 5.
 */
void hx_token_to_text(const struct hx_token *token, char text[HX_TOKEN_TEXT_MAX]);
HX_MUST_CHECK int hx_token_from_text(const char *text, struct hx_token *token);

#endif
